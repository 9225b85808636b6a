"""One delivered period: the automatic controller, and the identities that catch every wrong reading."""

import numpy as np
import pytest

from wattbook.assets import Batteries, Battery, check, deliver_period, energy_errors
from wattbook.assets.kernel import energy_error_wh
from wattbook.units import MS_PER_HOUR, PPM, kw, kwh, percent

QUARTER_MS = MS_PER_HOUR // 4


def _column(*values):
    return np.array(values, dtype=np.int64)


def _half_full():
    return Battery(kwh(4), kw(2), efficiency_ppm=PPM, soc_start_ppm=percent(50))


def test_a_home_without_a_battery_takes_its_residual_from_its_supplier():
    readings = deliver_period(Batteries.of([None]), _column(700), _column(200), _column(100), 0, QUARTER_MS)
    assert (readings.residual_wh[0], readings.charge_wh[0], readings.soc_wh[0]) == (400, 0, 0)
    assert readings.curtailed_wh[0] == 0


def test_the_battery_covers_a_deficit_up_to_its_power():
    readings = deliver_period(Batteries.of([_half_full()]), _column(800), _column(0), _column(0), 0, QUARTER_MS)
    assert (readings.discharge_wh[0], readings.residual_wh[0], readings.soc_wh[0]) == (500, 300, 1_500)


def test_a_sale_comes_out_of_the_battery_and_what_it_cannot_cover_is_residual():
    readings = deliver_period(Batteries.of([_half_full()]), _column(0), _column(100), _column(-700), 0, QUARTER_MS)
    assert (readings.discharge_wh[0], readings.residual_wh[0]) == (500, 100)


def test_bought_energy_that_is_not_used_goes_into_the_battery():
    readings = deliver_period(Batteries.of([_half_full()]), _column(100), _column(0), _column(350), 0, QUARTER_MS)
    assert (readings.charge_wh[0], readings.residual_wh[0], readings.soc_wh[0]) == (250, 0, 2_250)


def test_a_limit_of_zero_puts_the_battery_to_rest():
    homes = Batteries.of([_half_full(), _half_full()])
    none = _column(0, 0)
    readings = deliver_period(homes, _column(300, 0), _column(0, 300), none, 0, QUARTER_MS, none, none)
    assert readings.residual_wh.tolist() == [300, -300]
    assert homes.soc_uwh.tolist() == [2_000_000_000] * 2


def _readings():
    homes = Batteries.of([_half_full(), _half_full(), None])
    before = homes.soc_uwh.copy()
    readings = deliver_period(homes, _column(900, 0, 50), _column(0, 900, 20), _column(0, 0, 5), 0, QUARTER_MS)
    return readings, homes, before


@pytest.mark.parametrize(
    ("identity", "column", "by"),
    [
        ("e1", "residual_wh", 1),
        ("e1", "load_wh", -1),
        ("s2", "charge_wh", 1),
        ("s1", "soc_wh", 1),
        ("s3", "discharge_wh", 1),
    ],
)
def test_a_reading_that_is_off_by_one_wh_is_found_by_its_identity(identity, column, by):
    readings, homes, before = _readings()
    check(readings, homes, before, 0, QUARTER_MS)
    getattr(readings, column)[0] += by
    assert getattr(energy_errors(readings, homes, before, 0, QUARTER_MS), identity) == 1
    with pytest.raises(AssertionError):
        check(readings, homes, before, 0, QUARTER_MS)


def test_a_single_micro_wh_from_nowhere_is_found():
    readings, homes, before = _readings()
    before[0] -= 1
    assert energy_errors(readings, homes, before, 0, QUARTER_MS) == (0, 0, 1, 0)


def test_a_battery_that_gains_is_found_even_where_its_books_agree():
    homes = Batteries.of([_half_full()])
    homes.charge_ppm[0] = PPM + 1
    before = homes.soc_uwh.copy()
    readings = deliver_period(homes, _column(0), _column(400), _column(0), 0, QUARTER_MS)
    assert energy_errors(readings, homes, before, 0, QUARTER_MS).s2 == 1


def test_flows_both_ways_are_found():
    readings, homes, before = _readings()
    readings.charge_wh[0] += 7
    readings.residual_wh[0] += 7
    homes.soc_uwh[0] += 7_000_000
    readings.soc_wh[0] += 7
    assert energy_errors(readings, homes, before, 0, QUARTER_MS) == (0, 0, 0, 7)


def test_the_error_of_a_period_is_the_sum_over_its_identities():
    readings, homes, before = _readings()
    readings.residual_wh[2] += 3
    readings.soc_wh[1] -= 2
    total = energy_error_wh(
        readings.load_wh, readings.generation_wh, readings.traded_wh, *homes, 0, QUARTER_MS,
        readings.charge_wh, readings.discharge_wh, readings.residual_wh, readings.soc_wh, before,
    )  # fmt: skip
    assert total == 5
