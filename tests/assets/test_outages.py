"""Outages: exponential times from whole numbers, streams of the plants' own, and shares of periods."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattbook.assets import available_ppm, forced_outages, planned_outage
from wattbook.assets.outages import exponential_ms, out_ms
from wattbook.chance import draw, key_of
from wattbook.errors import ConfigError
from wattbook.units import MS_PER_DAY, MS_PER_HOUR, PPM

QUARTER = 900_000
YEAR = 366 * MS_PER_DAY
START = 1_451_602_800_000


@given(st.integers(0, 2**62), st.integers(0, 10**6), st.integers(10**6, 10**12))
def test_an_exponential_time_is_minus_the_logarithm_of_a_uniform_number(key, counter, mean_ms):
    uniform = (draw(key, counter) + 1) / 2**63
    # The float is exact to 16 digits only, which matters where its logarithm is small.
    slack = mean_ms * 2**-30 + 1
    assert abs(exponential_ms(key, counter, mean_ms) - max(1, -math.log(uniform) * mean_ms)) <= slack


def test_exponential_times_have_their_mean_and_their_median():
    times = np.array([exponential_ms(11, k, MS_PER_HOUR) for k in range(20_000)])
    assert abs(times.mean() / MS_PER_HOUR - 1) < 0.02
    assert abs((times < MS_PER_HOUR * math.log(2)).mean() - 0.5) < 0.01
    assert abs((times > 3 * MS_PER_HOUR).mean() - math.exp(-3)) < 0.005


def test_a_known_time_does_not_change():
    assert [exponential_ms(key_of(7, "coal-1", "outage"), k, MS_PER_HOUR) for k in range(3)] == [
        4412111,
        1387490,
        497412,
    ]


def test_in_the_long_run_a_plant_is_out_as_often_as_its_two_times_say():
    shares = []
    for plant in range(40):
        spans = forced_outages(3, f"plant-{plant}", 1_150 * MS_PER_HOUR, 100 * MS_PER_HOUR, START, START + 20 * YEAR)
        shares.append((spans[:, 1] - spans[:, 0]).sum() / (20 * YEAR))
    assert abs(np.mean(shares) - 100 / 1_250) < 0.005


def test_at_the_start_as_many_are_out_as_at_any_time():
    out = [
        len(spans := forced_outages(9, f"p{n}", 900, 100, 0, 50)) > 0 and spans[0, 0] == 0 for n in range(5_000)
    ]  # fmt: skip
    assert abs(np.mean(out) - 0.1) < 0.013


@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 40), st.integers(1, 3_000), st.integers(0, 3_000))
def test_outages_are_spans_in_order_and_a_longer_horizon_changes_none(seed, up, down, end, more):
    short = forced_outages(seed, "a", up, down, 0, end)
    edges = short.ravel()
    assert (edges[1:] > edges[:-1]).all()
    assert ((edges >= 0) & (edges <= end)).all()
    long = forced_outages(seed, "a", up, down, 0, end + more)
    begun = long[long[:, 0] < end]
    assert np.minimum(begun, end).tolist() == short.tolist()


def test_a_plants_outages_are_its_own_and_the_seeds():
    spans = {
        (seed, name): forced_outages(seed, name, 10**6, 10**5, 0, 10**8).tolist()
        for seed in (1, 2)
        for name in ("a", "b")
    }
    assert len({str(each) for each in spans.values()}) == 4
    assert forced_outages(1, "a", 0, 0, 0, 10**9).shape == (0, 2)
    with pytest.raises(ConfigError, match="give two positive times, or 0 for both"):
        forced_outages(1, "a", 5, 0, 0, 10)


def test_planned_outages_lie_in_the_season_and_last_their_weeks():
    begun = set()
    for plant in range(300):
        ((begin, end),) = planned_outage(1, f"plant-{plant}", 5, 2016).tolist()
        assert end - begin == 35 * MS_PER_DAY
        assert np.datetime64("2016-04-01") <= np.datetime64(begin, "ms")
        assert np.datetime64(end, "ms") <= np.datetime64("2016-10-01")
        begun.add(begin)
    assert len(begun) > 100
    assert planned_outage(1, "a", 0, 2016).shape == (0, 2)
    with pytest.raises(ConfigError, match="give 0 to 26"):
        planned_outage(1, "a", 27, 2016)
    for year in (2015, 2016):
        ((begin, end),) = planned_outage(1, "a", 26, year).tolist()
        assert end - begin == 182 * MS_PER_DAY


@pytest.mark.parametrize(
    ("weeks", "year", "said"),
    [
        (5, 0, "year=0 must lie between 1 and 9999: give 2016"),
        (5, 10_000, "year=10000"),
        (5, 2016.0, "year=2016.0 is not a whole number"),
        (2.5, 2016, "weeks=2.5 is not a whole number: give 0 to 26"),
        (-1, 2016, "weeks=-1"),
    ],
)
def test_a_maintenance_that_cannot_be_is_refused(weeks, year, said):
    with pytest.raises(ConfigError, match=said):
        planned_outage(1, "a", weeks, year)
    assert planned_outage(1, "a", np.int64(5), np.int64(2016)).tolist() == planned_outage(1, "a", 5, 2016).tolist()


def test_all_that_is_wrong_with_times_of_outages_is_told_at_once():
    with pytest.raises(ConfigError) as caught:
        forced_outages(1, "a", 0.5, -1, None, 2**80)
    assert len(caught.value.problems) == 4


def test_outages_and_weather_multiply_by_hand():
    spans = np.array([[100, 150], [140, 160], [310, 900], [50, 50]])
    assert out_ms(spans, 0, 100, 5).tolist() == [0, 60, 0, 90, 100]
    assert available_ppm(None, spans, 0, 100, 5).tolist() == [PPM, 400_000, PPM, 100_000, 0]
    weather = np.array([500_000, 3, 7, 5, PPM])
    assert available_ppm(weather, spans, 0, 100, 5).tolist() == [500_000, 1, 7, 0, 0]  # 1.2, and 0.5 to even


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"weather_ppm": [2 * PPM]}, r"weather_ppm\[0\]=2000000 must lie between 0 and 1000000"),
        ({"weather_ppm": [0.5]}, "weather_ppm is of type float64"),
        ({"weather_ppm": [1, 2]}, r"weather_ppm has shape \(2,\), not \(1,\)"),
        ({"spans": [1, 2]}, r"spans have shape \(2,\), not \(k, 2\)"),
        ({"spans": [[0.0, 1.0]]}, "spans is of type float64"),
        ({"spans": [[-(2**63), 2**63 - 1]]}, "spans must lie between"),
        ({"period_ms": 0}, "period_ms=0 must lie between"),
        ({"periods": 2.5}, r"periods=2\.5 is not a whole number"),
        ({"start_ms": None}, "start_ms=None"),
    ],
)
def test_an_availability_that_cannot_be_is_refused(changes, said):
    terms = {"weather_ppm": [7], "spans": [], "start_ms": 0, "period_ms": 100, "periods": 1}
    assert available_ppm(**terms).tolist() == [7]
    with pytest.raises(ConfigError, match=said):
        available_ppm(**{**terms, **changes})


@given(
    st.lists(st.tuples(st.integers(-50, 250), st.integers(0, 90)), max_size=6),
    st.integers(-30, 30),
    st.integers(1, 40),
    st.integers(1, 8),
)
def test_time_out_is_counted_once_however_outages_overlap(spans, start, period, periods):
    rows = np.array([(begin, begin + length) for begin, length in spans], np.int64).reshape(-1, 2)
    counted = [
        sum(any(begin <= at < end for begin, end in rows.tolist()) for at in range(edge, edge + period))
        for edge in range(start, start + period * periods, period)
    ]
    assert out_ms(rows, start, period, periods).tolist() == counted
