"""The projection: what the battery will do, and what of it could be forgone without being missed."""

import numba
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from wattbook.assets import Batteries, Battery, deliver_period
from wattbook.assets.kernel import project
from wattbook.units import MS_PER_HOUR, PPM, kw, kwh, percent

DAYS = 100 if numba.config.DISABLE_JIT else 1_000
START_MS = 1_465_164_000_000


def _project(battery, net_wh, period_ms=MS_PER_HOUR, take_limit_wh=None, give_limit_wh=None):
    n = len(net_wh)
    free = np.full(n, -1)
    battery_wh, refused_wh, soc_start_uwh, spill_wh = np.zeros((4, n), dtype=np.int64)
    columns = Batteries.of([battery])
    project(
        np.array(net_wh, dtype=np.int64), free if take_limit_wh is None else take_limit_wh,
        free if give_limit_wh is None else give_limit_wh, *(int(column[0]) for column in columns),
        START_MS, period_ms, battery_wh, refused_wh, soc_start_uwh, spill_wh,
    )  # fmt: skip
    assert (refused_wh >= 0).all()
    assert not refused_wh[np.array(net_wh) >= 0].any()
    return np.array([battery_wh, soc_start_uwh, spill_wh])


def test_a_sunny_day_fills_the_battery_twice_over_and_the_first_half_could_be_sold():
    battery = Battery(kwh(2), kw(1), efficiency_ppm=PPM)
    battery_wh, soc_start_uwh, spill_wh = _project(battery, [-1_000, -1_000, -700, -400, 900])
    assert battery_wh.tolist() == [-1_000, -1_000, 0, 0, 900]
    assert (soc_start_uwh // 1_000_000).tolist() == [0, 1_000, 2_000, 2_000, 2_000]
    assert spill_wh.tolist() == [1_000, 1_000, 0, 0, 0]


def test_what_is_needed_before_the_battery_is_full_again_is_not_spill():
    battery = Battery(kwh(2), kw(2), efficiency_ppm=PPM)
    _, _, spill_wh = _project(battery, [-900, 700, -2_000, -500, 100])
    assert spill_wh.tolist() == [200, 0, 500, 0, 0]


def test_a_battery_that_never_fills_spills_nothing():
    _, _, spill_wh = _project(Battery(kwh(9), kw(5)), [-1_000, 500, -1_000, 200])
    assert spill_wh.tolist() == [0, 0, 0, 0]


def test_energy_that_is_left_at_the_horizon_still_counts_as_wanted():
    _, _, spill_wh = _project(Battery(kwh(2), kw(5)), [-1_000, 0, 0])
    assert spill_wh.tolist() == [0, 0, 0]


def test_without_a_battery_nothing_moves():
    out = _project(None, [-1_000, 500])
    assert not out.any()


batteries = st.builds(
    Battery,
    capacity_wh=st.integers(1, 4_000),
    charge_w=st.integers(1, 4_000),
    discharge_w=st.integers(1, 4_000),
    efficiency_ppm=st.sampled_from([PPM, 900_000, 810_000, 777_777, 10_000]) | st.integers(10_000, PPM),
    soc_start_ppm=st.integers(0, PPM) | st.just(0),
)
days = st.lists(st.integers(-2_000, 2_000), min_size=1, max_size=16)
steps = st.sampled_from([900_000, 1_800_000, 3_600_000])


@settings(deadline=None, max_examples=200)
@given(batteries, days, steps, st.integers(-1, 600))
def test_the_projection_is_what_delivery_does_when_all_comes_as_expected(battery, net_wh, period_ms, limit_wh):
    limits = np.full(len(net_wh), limit_wh)
    battery_wh, soc_start_uwh, _ = _project(battery, net_wh, period_ms, limits, limits)
    home = Batteries.of([battery])
    zero = np.array([0])
    for t, net in enumerate(net_wh):
        assert home.soc_uwh[0] == soc_start_uwh[t]
        readings = deliver_period(
            home, np.array([net]), zero, zero, START_MS + t * period_ms, period_ms, limits[:1], limits[:1]
        )
        assert readings.discharge_wh[0] - readings.charge_wh[0] == battery_wh[t]


def _end_and_gifts(battery, net_wh, period_ms, take_limit_wh=None):
    """Charge after the last period and what is given in each."""
    out = _project(battery, [*net_wh, 0], period_ms, take_limit_wh)
    return out[1, -1], np.maximum(out[0], 0)


def _assert_spill_is_exact(battery, net_wh, period_ms, share):
    """Forgo `share` of each period's spill: nothing is missed. Forgo 1 Wh more than all of it: something is.

    Returns how often each of the two was tried.
    """
    battery_wh, _, spill_wh = _project(battery, net_wh, period_ms)
    end_uwh, gifts_wh = _end_and_gifts(battery, net_wh, period_ms)
    assert ((spill_wh >= 0) & (spill_wh <= np.maximum(0, -battery_wh))).all()
    idle, missed = np.flatnonzero(spill_wh), np.flatnonzero(-battery_wh > spill_wh)
    for t in idle:
        sold = list(net_wh)
        sold[t] += 1 + share * (int(spill_wh[t]) - 1) // 100
        end_after_uwh, gifts_after_wh = _end_and_gifts(battery, sold, period_ms)
        assert (gifts_after_wh == gifts_wh).all()
        assert end_after_uwh == end_uwh
    for t in missed:
        limits = np.full(len(net_wh) + 1, -1)
        limits[t] = -battery_wh[t] - spill_wh[t] - 1
        end_after_uwh, gifts_after_wh = _end_and_gifts(battery, net_wh, period_ms, limits)
        assert end_after_uwh < end_uwh or (gifts_after_wh < gifts_wh).any()
    return len(idle), len(missed)


@settings(deadline=None)
@given(batteries, days, steps, st.integers(0, 100))
def test_forgoing_up_to_the_spill_is_never_missed_and_more_always_is(battery, net_wh, period_ms, share):
    _assert_spill_is_exact(battery, net_wh, period_ms, share)


def test_the_spill_is_exact_on_many_days_with_sun_to_spare():
    rng = np.random.default_rng(3)
    tried = np.zeros(2, dtype=np.int64)
    for _ in range(DAYS):
        capacity_wh, charge_w, discharge_w = (int(most) for most in rng.integers(1, 3_000, 3))
        battery = Battery(
            capacity_wh,
            charge_w=charge_w,
            discharge_w=discharge_w,
            efficiency_ppm=int(rng.integers(10_000, PPM + 1)),
            soc_start_ppm=int(rng.integers(0, PPM + 1)),
        )
        net_wh = rng.integers(-900, 500, size=int(rng.integers(2, 20))).tolist()
        period_ms = int(rng.choice([450_000, 900_000, MS_PER_HOUR]))
        tried += _assert_spill_is_exact(battery, net_wh, period_ms, int(rng.integers(0, 101)))
    assert (tried > DAYS // 2).all()


def test_a_bought_hour_that_is_stored_counts_like_sunshine():
    battery = Battery(kwh(1), kw(1), efficiency_ppm=percent(81))
    assert _project(battery, [-2_000])[0].tolist() == [-1_000]
