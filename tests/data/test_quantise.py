"""The one rounding of series: exact, carried, and the same for a part as for the whole."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattbook.data import quantise
from wattbook.data.quantise import at_edges, cumulate, ratio_half_even
from wattbook.errors import ConfigError, DataError
from wattbook.units import MS_PER_HOUR

MINUTE = 60_000
watts = st.lists(st.integers(-(10**9), 10**9), min_size=12, max_size=48).map(lambda p: p[: len(p) // 12 * 12])
lengths = st.sampled_from([1, 5, 10, 15, 30, 60])


def test_a_third_of_a_watt_hour_is_carried_until_it_makes_a_whole_one():
    assert quantise([4] * 6, 5 * MINUTE, 5 * MINUTE).tolist() == [0, 1, 0, 0, 1, 0]


def test_halves_go_to_the_even_neighbour():
    assert quantise([2] * 6, 15 * MINUTE, 15 * MINUTE).tolist() == [0, 1, 1, 0, 0, 1]


def test_power_is_constant_within_a_step():
    assert quantise([1200, 2400], 15 * MINUTE, 5 * MINUTE).tolist() == [100, 100, 100, 200, 200, 200]


@given(watts, lengths, lengths)
def test_the_energy_since_the_start_is_the_exact_one_rounded_half_even(power, step, period):
    total = len(power) * step
    if total % period:
        with pytest.raises(ConfigError, match="whole number of periods"):
            quantise(power, step * MINUTE, period * MINUTE)
        return
    energy = quantise(power, step * MINUTE, period * MINUTE)
    by_minute = [Fraction(watt, 60) for watt in power for _ in range(step)]
    exact = [sum(by_minute[: (n + 1) * period], Fraction(0)) for n in range(total // period)]
    assert np.cumsum(energy).tolist() == [round(edge) for edge in exact]


@given(st.lists(st.floats(0, 1e8), min_size=1, max_size=60), st.integers(0, 59), st.integers(1, 60))
def test_any_sum_over_the_series_is_within_one_watt_hour(power, first, count):
    energy = quantise(power, 15 * MINUTE, 15 * MINUTE)[first : first + count]
    exact = sum((Fraction(watt) / 4 for watt in power[first : first + count]), Fraction(0))
    assert abs(int(energy.sum()) - exact) <= 1 + Fraction(len(power), 10**6)


@given(
    st.lists(st.integers(-(1 << 60), 1 << 60), min_size=1, max_size=20),
    st.integers(1, 10**6),
    st.integers(10**6, 10**12),
)
def test_ratios_are_exact_where_products_would_not_fit(values, numerator, denominator):
    got = ratio_half_even(np.array(values), numerator, denominator)
    assert got.tolist() == [round(Fraction(value * numerator, denominator)) for value in values]


def test_a_ratio_that_leaves_62_bits_is_refused():
    with pytest.raises(DataError, match="too large for exact arithmetic"):
        ratio_half_even(np.array([1 << 61]), 1 << 20, 3)
    with pytest.raises(DataError, match="too large for exact arithmetic"):
        ratio_half_even(np.array([1]), 1 << 40, (1 << 40) - 1)


def test_a_total_that_leaves_62_bits_is_refused():
    with pytest.raises(DataError, match="too large to add up"):
        cumulate(np.full(1000, 1 << 55))
    with pytest.raises(DataError, match="too large to be split"):
        at_edges(np.array([0, 1 << 61]), 60 * MINUTE, 0, 60 * MINUTE, 15 * MINUTE)


@pytest.mark.parametrize("power", [[float("nan")], [float("inf")], [1e300], ["x"], [True], [[1.0]], []])
def test_what_is_no_series_of_power_is_refused(power):
    with pytest.raises(DataError, match="power_w"):
        quantise(power, 15 * MINUTE, 15 * MINUTE)


@pytest.mark.parametrize("period", [0, -15 * MINUTE, 1, 90_000])
def test_periods_of_no_whole_minutes_are_refused(period):
    with pytest.raises(ConfigError, match="whole"):
        quantise([4] * 4, 15 * MINUTE, period)


def test_a_year_of_the_largest_grid_fits():
    energy = quantise(np.full(35136, 250_000_000), 15 * MINUTE, 60 * MINUTE)
    assert int(energy.sum()) == 35136 * 250_000_000 * 15 * MINUTE // MS_PER_HOUR
