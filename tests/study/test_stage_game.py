from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattbook.errors import ConfigError
from wattbook.study import StageGame

LADDER = np.array([0, 0.1, 0.25, 0.5, 1.0])


def game(demand, available, cost, outside, mark_ups=LADDER):
    return StageGame(*(np.array(each, np.float64) for each in (demand, available, cost, outside)), mark_ups)


def one_period(demand, sellers, outside):
    """Clear one period by hand: `sellers` are (price, available)."""
    left, sold = demand, [0.0] * len(sellers)
    for price in sorted({price for price, _ in sellers if price <= outside}):
        tied = [n for n, (asked, _) in enumerate(sellers) if asked == price]
        there = sum(sellers[n][1] for n in tied)
        taken = min(left, there)
        for n in tied:
            sold[n] = taken * sellers[n][1] / there
        left -= taken
    needed = [sellers[n][0] for n in range(len(sellers)) if sold[n] > 0]
    return sold, outside if left > 1e-9 * demand or not needed else max(needed)


numbers = st.integers(1, 20)
games = st.integers(1, 3).flatmap(
    lambda n: st.tuples(
        st.lists(numbers, min_size=2, max_size=2),
        st.lists(st.lists(numbers, min_size=2, max_size=2), min_size=n, max_size=n),
        st.lists(st.lists(numbers, min_size=2, max_size=2), min_size=n, max_size=n),
        st.lists(st.integers(10, 40), min_size=2, max_size=2),
        st.lists(st.integers(0, 4), min_size=n, max_size=n),
    )
)


@given(games)
def test_profits_are_those_of_each_period_cleared_by_hand(drawn):
    demand, available, cost, outside, levels = drawn
    by_hand = [0.0] * len(levels)
    for t in range(2):
        asked = [cost[n][t] * (1 + LADDER[level]) for n, level in enumerate(levels)]
        sold, price = one_period(demand[t], [(asked[n], available[n][t]) for n in range(len(levels))], outside[t])
        for n in range(len(levels)):
            by_hand[n] += sold[n] * (price - cost[n][t])
    assert game(demand, available, cost, outside).profits(levels) == pytest.approx(by_hand)


@given(games)
def test_in_the_equilibrium_nobody_gains_alone_and_monopoly_is_the_most(drawn):
    demand, available, cost, outside, levels = drawn
    played = game(demand, available, cost, outside)
    stakes = played.stakes()
    assert stakes.monopoly >= played.profits(levels).sum() - 1e-9
    assert stakes.monopoly == pytest.approx(played.profits(stakes.monopoly_levels).sum())
    if stakes.nash is not None:
        here = played.profits(stakes.nash_levels)
        assert stakes.nash == pytest.approx(here.sum())
        for seller, other in product(range(len(levels)), range(len(LADDER))):
            changed = [*stakes.nash_levels]
            changed[seller] = other
            assert played.profits(changed)[seller] <= here[seller] + 1e-6


def test_more_sellers_come_closer_to_cost():
    def equal(n):
        ones = np.ones((n, 1))
        return StageGame(ones[0], ones, 40 * ones, 130 * ones[0], np.array([0, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2]))

    found = [equal(n).stakes().nash for n in (2, 3, 5)]
    assert found[0] > found[1] >= found[2] > 0
    assert equal(1).stakes().nash == equal(1).stakes().monopoly


def test_without_an_equilibrium_of_pure_choices_there_is_none():
    # Two that cannot serve all alone: each would undercut, and at low prices rather sell the rest dearly.
    short = game([10], [[7], [7]], [[10], [10]], [20.5], np.array([0, 0.2, 0.4, 0.6, 0.8, 1.0]))
    stakes = short.stakes()
    stable = [levels for levels in product(range(6), repeat=2) if short._is_stable(levels)]
    assert stakes.equilibria == len(stable)
    assert (stakes.nash is None) == (not stable)


def test_shapes_and_costs_are_checked():
    with pytest.raises(ConfigError, match="give demand"):
        game([1, 2], [[1]], [[1]], [1])
    with pytest.raises(ConfigError, match="above 0"):
        game([1], [[1]], [[0]], [1])
