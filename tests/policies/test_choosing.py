"""Which utility a member takes, by rule: by hand, and against plain Python."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattbook.policies.choosing import YEAR_MS, chosen, costs, fee_of_a_span
from wattbook.units import MS_PER_DAY, PPM

DAY = np.array([[1_000, 3_000, 0]]), np.array([[0, 0, 500]])
"""Draws 4,000 Wh, 3,000 of them in the second period; feeds in 500 Wh in the third."""
OWN = [16_000, 16_000, 16_000], [8_000, 8_000, 8_000]
SHAPED = [20_000, 14_000, 20_000], [6_000, 6_000, 6_000]
NO_VAT, NOT_GREEN = np.array([0]), np.array([0, 0])


def choose(cost, *, own=0, fee=(0, 0, 0), energy_wh=1_000, loyalty_tick=0):
    fee = np.array(fee[: len(cost)])
    return int(chosen(np.array([cost]), np.array([own]), fee, np.array([energy_wh]), np.array([loyalty_tick]))[0])


def cost_of(day, tariffs, vat_ppm=NO_VAT, green_tick=NOT_GREEN):
    retail, feed_in = (np.array([tariff[which] for tariff in tariffs]) for which in (0, 1))
    return costs(*day, retail, feed_in, vat_ppm, green_tick).tolist()


def test_a_day_costs_what_is_drawn_and_fed_in_when_it_is():
    # 4,000 x 16,000 - 500 x 8,000; 1,000 x 20,000 + 3,000 x 14,000 - 500 x 6,000.
    assert cost_of(DAY, (OWN, SHAPED)) == [[60_000_000, 59_000_000]]


def test_vat_is_due_on_what_is_drawn_alone_and_green_counts_by_the_energy_drawn():
    assert cost_of(DAY, (OWN, SHAPED), np.array([190_000])) == [[72_160_000, 70_780_000]]
    assert cost_of(DAY, (OWN, SHAPED), green_tick=np.array([0, 500])) == [[60_000_000, 57_000_000]]


def test_the_greatest_gain_is_taken_of_equal_ones_the_first():
    assert choose([100, 90, 80]) == 2
    assert choose([100, 80, 80]) == 1
    assert choose([80, 80, 80]) == 0
    assert choose([80, 90, 70], own=1) == 2


def test_no_gain_moves_nobody_and_a_fee_is_taken_off():
    assert choose([100, 100]) == 0
    assert choose([100, 99], fee=(1, 0)) == 0
    assert choose([100, 98], fee=(1, 0)) == 1
    # What leaving the others would cost does not count.
    assert choose([100, 99], fee=(0, 50)) == 1


@pytest.mark.parametrize(("loyalty", "moves"), [(0, True), (10, True), (11, False)])
def test_loyalty_is_the_gain_of_each_wh_at_which_it_leaves(loyalty, moves):
    assert choose([50_000, 40_000], loyalty_tick=loyalty) == int(moves)


def test_who_neither_draws_nor_feeds_in_stays():
    assert choose([0, 0, 0], energy_wh=0) == 0


def test_an_exit_fee_is_spread_over_a_year():
    assert fee_of_a_span(365 * 700, MS_PER_DAY) == 700
    assert fee_of_a_span(364, MS_PER_DAY) == 0
    assert fee_of_a_span(10**15, YEAR_MS) == 10**15


def plainly(drawn, fed_in, retail, feed_in, vat, green, own, fee, loyalty):
    """Choose in Python's own numbers, utility by utility."""
    cost = []
    for u in range(len(retail)):
        paid = sum(wh * tick for wh, tick in zip(drawn, retail[u], strict=True))
        got = sum(wh * tick for wh, tick in zip(fed_in, feed_in[u], strict=True))
        cost.append(paid + paid * vat // PPM - got - sum(drawn) * green[u])
    taken, most = own, 0
    for u in range(len(retail)):
        gain = cost[own] - fee[own] - cost[u]
        if u != own and gain > most and gain >= loyalty * (sum(drawn) + sum(fed_in)):
            taken, most = u, gain
    return cost, taken


@given(st.data())
def test_the_rule_is_what_plain_arithmetic_says(data):
    m, u, n = (data.draw(st.integers(1, most)) for most in (4, 4, 5))
    seed = data.draw(st.integers(0, 2**32))
    rng = np.random.default_rng(seed)
    scale = data.draw(st.sampled_from([3, 10_000, 10**7]))
    drawn, fed_in = rng.integers(0, scale, (2, m, n))
    retail, feed_in = rng.integers(-3_000, 50_000, (2, u, n))
    vat, green = rng.integers(0, PPM, m), rng.integers(0, 1_000, u)
    own, fee, loyalty = rng.integers(0, u, m), rng.integers(0, 10**6, u), rng.integers(0, 4_000, m)
    cost = costs(drawn, fed_in, retail, feed_in, vat, green)
    taken = chosen(cost, own, fee, (drawn + fed_in).sum(axis=1), loyalty)
    for i in range(m):
        mine = (drawn[i].tolist(), fed_in[i].tolist(), retail.tolist(), feed_in.tolist(), int(vat[i]), green.tolist())
        assert (cost[i].tolist(), int(taken[i])) == plainly(*mine, int(own[i]), fee.tolist(), int(loyalty[i]))
