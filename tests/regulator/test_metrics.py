"""Measures of market power: known answers, bounds, and whole numbers where a share lies exactly at its threshold."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattbook.regulator.metrics import (
    concentration,
    is_pivotal,
    is_scarce_without,
    lerner_ppm,
    mark_up_ppm,
    output_gap_ppm,
    residual_supply_ppm,
    three_pivotal_ppm,
)

SHARES = st.lists(st.integers(0, 10**12), max_size=9)
ENERGY = st.integers(1, 10**12)


@pytest.mark.parametrize(("own", "index"), [(80, 500_000), (30, 1_000_000), (20, 1_100_000)])
def test_the_residual_supply_of_a_monopolist_and_its_fringe(own, index):
    assert residual_supply_ppm(130, own, 100) == index


def test_an_index_exactly_at_its_threshold_is_not_scarce():
    assert not is_scarce_without(130, 20, 100, 1_100_000)
    assert is_scarce_without(130, 21, 100, 1_100_000)
    assert not is_pivotal(130, 30, 100)
    assert is_pivotal(130, 31, 100)


def test_twelve_equal_sellers_are_no_concentration_and_nobody_is_needed():
    assert concentration([15] * 12) == 833
    assert residual_supply_ppm(180, 15, 100) == 1_650_000


def test_a_monopoly_a_duopoly_and_nobody():
    assert concentration([7]) == 10_000
    assert concentration([7, 7]) == 5_000
    assert concentration([80, 30, 20]) == 4_556
    assert concentration([]) == concentration([0, 0]) == 0


def test_three_sellers_together_are_needed_where_none_is_alone():
    assert residual_supply_ppm(200, 50, 100) == 1_500_000
    assert three_pivotal_ppm(200, 50, [60, 40, 50], 100) == 400_000


def test_nothing_in_demand_makes_nobody_pivotal():
    assert not is_pivotal(10, 10, 0)
    assert residual_supply_ppm(10, 10, 0) > 10**9


def test_prices_at_or_below_zero_have_no_lerner_index_and_such_references_no_mark_up():
    assert lerner_ppm(0, 100) == lerner_ppm(-50, 100) == mark_up_ppm(20, 0) == mark_up_ppm(20, -5) == 0
    assert lerner_ppm(20_000, 15_000) == 250_000
    assert mark_up_ppm(30_000, 20_000) == 500_000


@given(SHARES)
def test_concentration_is_the_sum_of_squared_shares(shares):
    total = sum(shares)
    exact = sum(Fraction(share, total) ** 2 for share in shares) * 10_000 if total else 0
    assert abs(concentration(shares) - exact) <= Fraction(1, 2)
    assert concentration(shares) == concentration(sorted(shares))


@given(SHARES, ENERGY, ENERGY)
def test_two_that_merge_never_make_a_market_less_concentrated(shares, one, other):
    assert concentration([*shares, one + other]) >= concentration([*shares, one, other])


@given(ENERGY, ENERGY, ENERGY, st.integers(1, 3 * 10**6))
def test_being_scarce_is_monotone_in_demand_and_threshold(supply, own, demand, threshold):
    scarce = is_scarce_without(supply, own, demand, threshold)
    assert not scarce or is_scarce_without(supply, own, demand + 1, threshold)
    assert not scarce or is_scarce_without(supply, own, demand, threshold + 1)
    assert scarce == (Fraction(supply - own, demand) < Fraction(threshold, 10**6))


@given(ENERGY, st.integers(0, 10**12))
def test_an_output_gap_lies_between_nothing_and_all(economic, sold):
    gap = output_gap_ppm(economic, sold)
    assert 0 <= gap <= 10**6
    assert (gap == 0) == (2 * max(0, economic - sold) * 10**6 <= economic)
    assert output_gap_ppm(0, sold) == 0
