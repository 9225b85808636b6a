"""Batteries: their description, their columns, and what an hour of them is whatever the step."""

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattbook.assets import Batteries, Battery, check, deliver_period
from wattbook.assets.kernel import battery_give, battery_take, deliver, power_limit_wh
from wattbook.errors import ConfigError
from wattbook.units import MS_PER_HOUR, PPM, eur, kw, kwh, minutes, percent

HOURS = 200 if numba.config.DISABLE_JIT else 8_760
MIDNIGHT_MS = 1_465_164_000_000

batteries = st.builds(
    Battery,
    capacity_wh=st.integers(1, 20_000),
    charge_w=st.integers(1, 9_000),
    discharge_w=st.integers(1, 9_000),
    efficiency_ppm=st.integers(10_000, PPM),
    soc_start_ppm=st.integers(0, PPM),
)


def test_a_round_trip_loses_what_the_efficiency_says():
    battery = Battery(kwh(10), kw(5), efficiency_ppm=percent(81))
    assert (battery.charge_ppm, battery.discharge_ppm, battery.removal) == (900_000, 900_000, 1_111_111)
    home = Batteries.of([battery])
    surplus, deficit = np.array([-1_000]), np.array([5_000])
    zero = np.array([0])
    first = deliver_period(home, surplus, zero, zero, 0, MS_PER_HOUR)
    assert home.soc_uwh[0] == 900 * 1_000_000
    second = deliver_period(home, deficit, zero, zero, MS_PER_HOUR, MS_PER_HOUR)
    assert (first.charge_wh[0], second.discharge_wh[0], second.residual_wh[0]) == (1_000, 810, 4_190)


def test_a_lossless_battery_gives_back_every_wh():
    battery = Battery(kwh(10), kw(5), efficiency_ppm=PPM)
    assert (battery.charge_ppm, battery.removal) == (PPM, 1_000_000)


@given(st.integers(10_000, PPM))
def test_the_two_ways_together_have_the_round_trip_s_efficiency_and_neither_gains(efficiency_ppm):
    battery = Battery(kwh(1), kw(1), efficiency_ppm=efficiency_ppm)
    assert battery.charge_ppm <= PPM
    assert battery.removal >= 1_000_000
    assert abs(battery.charge_ppm * PPM // battery.removal - efficiency_ppm) <= 2


def test_a_battery_tells_all_its_mistakes_at_once():
    with pytest.raises(ConfigError) as caught:
        Battery(eur(3), power_w=5, charge_w=4, efficiency_ppm=2_000_000, soc_start_ppm=0.5)
    assert len(caught.value.problems) == 4
    assert (
        caught.value.problems[0] == "battery: capacity_wh=300000000 is measured as money, not as energy: give kwh(10)"
    )
    assert "exclude each other" in caught.value.problems[1]


@pytest.mark.parametrize(
    "power",
    [{}, {"charge_w": 3}, {"discharge_w": 3}, {"power_w": 0}, {"power_w": True}, {"charge_w": 1, "discharge_w": -1}],
)
def test_a_battery_needs_a_power_each_way(power):
    with pytest.raises(ConfigError):
        Battery(kwh(10), **power)


def test_the_columns_hold_one_row_per_agent_and_none_stands_for_no_battery():
    columns = Batteries.of([None, Battery(kwh(2), charge_w=3_000, discharge_w=4_000, soc_start_ppm=percent(25))])
    columns.check()
    assert columns.capacity_uwh.tolist() == [0, 2_000_000_000]
    assert columns.soc_uwh.tolist() == [0, 500_000_000]
    assert (columns.charge_w.tolist(), columns.discharge_w.tolist()) == ([0, 3_000], [0, 4_000])
    assert Batteries.of([]).soc_uwh.shape == (0,)


def test_check_finds_a_charge_beyond_full():
    columns = Batteries.of([Battery(kwh(2), kw(1))])
    columns.soc_uwh[0] = columns.capacity_uwh[0] + 1
    with pytest.raises(AssertionError, match="S1"):
        columns.check()


@settings(deadline=None)
@given(st.integers(0, 10**9), st.integers(0, 10**6), st.sampled_from([1, 450_000, 900_000, 1_800_000]))
def test_the_power_of_an_hour_s_parts_adds_up_to_the_hour(power_w, hour, period_ms):
    start_ms = hour * MS_PER_HOUR
    if period_ms == 1:
        parts = power_limit_wh(power_w, start_ms, 1) + power_limit_wh(power_w, start_ms + 1, MS_PER_HOUR - 1)
    else:
        parts = sum(power_limit_wh(power_w, at, period_ms) for at in range(start_ms, start_ms + MS_PER_HOUR, period_ms))
    assert parts == power_w


@settings(deadline=None)
@given(batteries, st.integers(0, 30_000), st.integers(-1, 20_000))
def test_a_battery_takes_all_it_can_and_no_more(battery, surplus_wh, limit_wh):
    power_wh = power_limit_wh(battery.take_w, MIDNIGHT_MS, int(minutes(15)))
    take_wh = battery_take(
        surplus_wh, power_wh, limit_wh, battery.capacity_uwh, battery.soc_start_uwh, battery.charge_ppm
    )
    bound_wh = min(surplus_wh, power_wh, limit_wh if limit_wh >= 0 else surplus_wh)
    assert 0 <= take_wh <= bound_wh
    assert battery.soc_start_uwh + take_wh * battery.charge_ppm <= battery.capacity_uwh
    if take_wh < bound_wh:
        assert battery.soc_start_uwh + (take_wh + 1) * battery.charge_ppm > battery.capacity_uwh


@settings(deadline=None)
@given(batteries, st.integers(0, 30_000), st.integers(-1, 20_000))
def test_a_battery_gives_all_it_can_and_no_more(battery, deficit_wh, limit_wh):
    power_wh = power_limit_wh(battery.give_w, MIDNIGHT_MS, int(minutes(15)))
    give_wh = battery_give(deficit_wh, power_wh, limit_wh, battery.soc_start_uwh, battery.removal)
    bound_wh = min(deficit_wh, power_wh, limit_wh if limit_wh >= 0 else deficit_wh)
    assert 0 <= give_wh <= bound_wh
    assert give_wh * battery.removal <= battery.soc_start_uwh
    if give_wh < bound_wh:
        assert (give_wh + 1) * battery.removal > battery.soc_start_uwh


STREET = (
    Battery(kwh(10), kw(5)),
    Battery(7_777, charge_w=3_333, discharge_w=4_601, efficiency_ppm=877_777, soc_start_ppm=percent(33)),
    Battery(13_500, kw(0.7), efficiency_ppm=percent(70)),
)


def _year(net_wh, period_ms):
    """Charge, discharge and residual [Wh] of the street, and its charge at every hour's end [uWh]."""
    street = Batteries.of(STREET)
    n = len(STREET)
    zero, free = np.zeros(n, dtype=np.int64), np.full(n, -1)
    charge, discharge, curtailed, residual, soc = np.zeros((5, n), dtype=np.int64)
    totals = np.zeros((3, n), dtype=np.int64)
    hourly = []
    for step in range(len(net_wh)):
        at_ms = MIDNIGHT_MS + step * period_ms
        deliver(
            net_wh[step], zero, zero, free, free, *street, at_ms, period_ms, charge, discharge, curtailed, residual, soc
        )
        totals += charge, discharge, residual
        if (at_ms + period_ms) % MS_PER_HOUR == 0:
            hourly.append(street.soc_uwh.copy())
    return totals, np.array(hourly)


def test_a_year_of_hourly_load_is_the_same_in_steps_of_seven_and_a_half_to_sixty_minutes():
    eighth_wh = np.random.default_rng(1).integers(-900, 900, size=(HOURS, len(STREET)))
    totals, hourly = _year(eighth_wh * 8, MS_PER_HOUR)
    assert (totals[:2] > 0).all()
    for parts in (2, 4, 8):
        finer, states = _year(np.repeat(eighth_wh * (8 // parts), parts, axis=0), MS_PER_HOUR // parts)
        assert (finer == totals).all()
        assert (states == hourly).all()


def test_halving_the_step_of_a_quantised_series_changes_the_annual_losses_by_less_than_a_permille():
    rng = np.random.default_rng(2)
    quarters_wh = rng.integers(-800, 800, size=(HOURS * 4 // 2, len(STREET)))
    halves_wh = np.stack((quarters_wh // 2, quarters_wh - quarters_wh // 2), axis=1).reshape(-1, len(STREET))
    (charge, discharge, _), _ = _year(quarters_wh, int(minutes(15)))
    (finer_charge, finer_discharge, _), _ = _year(halves_wh, int(minutes(7.5)))
    losses, finer = charge - discharge, finer_charge - finer_discharge
    assert (abs(finer - losses) * 1_000 < losses).all()


@settings(deadline=None, max_examples=60)
@given(
    st.lists(batteries | st.none(), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0, 3_000), st.integers(0, 3_000), st.integers(-2_000, 2_000)), max_size=12),
    st.integers(-1, 300),
    st.sampled_from([450_000, 900_000, 1_800_000, 3_600_000]),
)
def test_the_energy_identities_hold_in_every_period(street, periods, limit_wh, period_ms):
    homes = Batteries.of(street)
    limits = np.full(len(street), limit_wh)
    for index, (load, generation, traded) in enumerate(periods):
        before = homes.soc_uwh.copy()
        start_ms = MIDNIGHT_MS + index * period_ms
        columns = [np.full(len(street), wh) + np.arange(len(street)) for wh in (load, generation, traded)]
        readings = deliver_period(homes, *columns, start_ms, period_ms, limits, limits[::-1].copy())
        check(readings, homes, before, start_ms, period_ms)
        homes.check()
        if limit_wh >= 0:
            assert max(readings.charge_wh.max(), readings.discharge_wh.max()) <= limit_wh
