"""The same bytes on every platform, compiled or interpreted (run this suite with NUMBA_DISABLE_JIT=1 as well)."""

import hashlib

import numpy as np

from wattbook.assets import Batteries, Battery, Forecast, ForecastKeys, deliver_period, update_phases_ms
from wattbook.assets.kernel import divide_even, forecast, last_update_ms, project, scale_carried
from wattbook.chance import draw
from wattbook.units import PPM, half_even, minutes

PERIOD_MS = int(minutes(15))
START_MS = 1_465_164_000_000
AGENTS = 6
PERIODS = 150


def _digest(*arrays):
    digest = hashlib.blake2b(digest_size=8)
    for array in arrays:
        assert array.dtype == np.int64
        digest.update(array.astype("<i8").tobytes())
    return digest.hexdigest()


def _whole(key, low, high, *shape):
    """Whole numbers that do not depend on any library's generator."""
    numbers = [low + draw(key, i) % (high - low) for i in range(int(np.prod(shape)))]
    return np.array(numbers, dtype=np.int64).reshape(shape)


def _street():
    return Batteries.of(
        [
            None
            if a == 0
            else Battery(5_000 + 811 * a, 1_500 + 377 * a, efficiency_ppm=PPM - 31_337 * a, soc_start_ppm=99_991 * a)
            for a in range(AGENTS)
        ]
    )


def test_a_delivered_day_has_these_bytes():
    street = _street()
    load, generation = _whole(1, 0, 900, PERIODS, AGENTS), _whole(2, 0, 900, PERIODS, AGENTS)
    traded, limit = _whole(3, -300, 300, PERIODS, AGENTS), _whole(4, -1, 900, PERIODS, AGENTS)
    rows = []
    for t in range(PERIODS):
        at_ms = START_MS + t * PERIOD_MS
        rows.extend(deliver_period(street, load[t], generation[t], traded[t], at_ms, PERIOD_MS, limit[t], limit[t]))
    assert _digest(*rows, street.soc_uwh) == "92d57e7d5b85c812"


def test_the_forecasts_of_a_street_have_these_bytes():
    names = [f"home-{a}" for a in range(AGENTS)]
    keys, phases = ForecastKeys.of(11, names), update_phases_ms(11, names, PERIOD_MS)
    load, generation = _whole(5, 0, 900, AGENTS, PERIODS), _whole(6, 0, 900, AGENTS, PERIODS)
    table = Forecast().table()
    out = np.zeros((AGENTS, 3, PERIODS), dtype=np.int64)
    for a in range(AGENTS):
        updated_ms = last_update_ms(START_MS, int(phases[a]), PERIOD_MS)
        forecast(
            load[a], generation[a], 400 + a, int(keys.load[a]), keys.cloud, int(keys.own[a]), 0, START_MS, PERIOD_MS,
            updated_ms, table, *out[a],
        )  # fmt: skip
    assert _digest(phases, table) == "abff16f944acf24f"
    assert _digest(out) == "49ad6bb5b1ba1517"


def test_the_projections_of_a_street_have_these_bytes():
    street = _street()
    net, limit = _whole(7, -900, 700, AGENTS, PERIODS), _whole(8, -1, 900, AGENTS, PERIODS)
    out = np.zeros((AGENTS, 3, PERIODS), dtype=np.int64)
    for a in range(AGENTS):
        battery = [int(column[a]) for column in street]
        refused = np.zeros(PERIODS, dtype=np.int64)
        battery_wh, soc_start_uwh, spill_wh = out[a]
        bounds = (net[a], limit[a], limit[-1 - a], *battery, START_MS, PERIOD_MS)
        project(*bounds, battery_wh, refused, soc_start_uwh, spill_wh)
    assert (out[:, 2] > 0).sum() > 20
    assert _digest(out) == "45b91120fb9ca66d"


def test_a_series_is_scaled_to_these_bytes():
    out = np.zeros(PERIODS, dtype=np.int64)
    scale_carried(_whole(9, 0, 10**9, PERIODS), _whole(10, 0, PPM, PERIODS), out)
    assert _digest(out) == "038090c3b4d991b9"


def test_the_kernel_s_rounding_is_that_of_the_units():
    for numerator in range(-25, 26):
        for denominator in (1, 2, 3, 4, 5, 8):
            assert divide_even(numerator, denominator) == half_even(numerator, denominator)
