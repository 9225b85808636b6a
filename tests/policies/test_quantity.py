"""Sellers of quantities: nobody could do better at spot, nor forward; nothing hangs on the order of questions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattbook.errors import ConfigError
from wattbook.policies.kernel_quantity import best_quantity, settle_each
from wattbook.policies.quantity import Arbitrageur, QuantitySearch, QuantitySeller

STEP_WH = 10_000
CHOKE = 1_000


def straight(total_wh):
    """A market whose price falls by a tick with every step."""
    return np.maximum(CHOKE - total_wh // STEP_WH, 0)


def search(*cost_tick, price_of=straight):
    return QuantitySearch(price_of, cost_tick, STEP_WH, CHOKE * STEP_WH)


def profits(prices, quantities, rivals, held, cost):
    return prices[rivals + quantities] * (quantities - held) - cost * quantities


@given(st.integers(0, CHOKE), st.integers(-CHOKE, CHOKE), st.integers(0, CHOKE), st.integers(1, 3))
def test_no_other_quantity_earns_more(rivals, held, cost, slope):
    prices = np.maximum(CHOKE - slope * np.arange(CHOKE + 1), 0)
    least = 0 if rivals else 1
    every = np.arange(least, max(least, CHOKE - rivals) + 1)
    every = every[rivals + every <= CHOKE] if rivals < CHOKE else np.array([0])
    found = best_quantity(prices, rivals, held, cost)
    earned = profits(prices, every, rivals, held, cost)
    assert found == every[earned.argmax()], "or a smaller one that earns as much"


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 600), st.integers(-100, 300)), min_size=1, max_size=5))
def test_at_spot_nobody_would_change_its_quantity_alone(sellers):
    prices = np.maximum(CHOKE - np.arange(CHOKE + 1), 0)
    cost, held = (np.array(column, np.int64) for column in zip(*sellers, strict=True))
    offered = np.zeros((1, len(cost)), np.int64)
    settle_each(prices, held[None], cost, offered)
    for seller in range(len(cost)):
        rivals = int(offered.sum() - offered[0, seller])
        every = np.arange(0 if rivals else 1, CHOKE - rivals + 1)
        earned = profits(prices, every, rivals, held[seller], cost[seller])
        own = profits(prices, offered[0, seller], rivals, held[seller], cost[seller])
        assert own == earned.max()


@pytest.mark.parametrize("rounds", [1, 2])
def test_no_forward_sale_alone_earns_noticeably_more(rounds):
    """Many sales, each followed to its end: prices are whole ticks, so a tick on what is sold may be missed."""
    knows = search(100, 100)
    sales = knows.sales([0, 0], rounds)
    step = 1 if rounds == 1 else 20

    def profit(sale):
        sold = [sale * STEP_WH, sales[1]]
        for left in range(rounds - 1, 0, -1):
            sold = [each + more for each, more in zip(sold, knows.sales(sold, left), strict=True)]
        offered = knows.offers(sold)
        return (knows.price_tick(sold, 0) - 100) * offered[0] // STEP_WH

    best = max(profit(sale) for sale in range(-200, 600, step))
    own = profit(sales[0] // STEP_WH)
    assert own >= best - knows.offers(sales)[0] // STEP_WH
    assert profit(0) < own, "who does not sell forward alone loses by it"


def test_what_a_search_says_does_not_depend_on_what_it_was_asked_before():
    asked = search(100, 150)
    for sold in ([0, 0], [1_000_000, 0], [500_000, 700_000]):
        asked.sales(sold, 1)
        asked.price_tick(sold, 1)
    fresh = search(100, 150)
    for sold in ([700_000, 500_000], [1_000_000, 0], [0, 0]):
        assert fresh.sales(sold, 1) == asked.sales(sold, 1)
        assert fresh.offers(sold) == asked.offers(sold)
    assert fresh.sales([0, 0], 2) == asked.sales([0, 0], 2)


def test_the_market_is_asked_once_for_each_total_and_for_nothing_else():
    asked = []

    def price_of(total_wh):
        asked.append(total_wh.tolist())
        return straight(total_wh)

    knows = search(100, 100, price_of=price_of)
    knows.sales([0, 0], 1)
    assert asked == [[total * STEP_WH for total in range(1, CHOKE + 1)]]


def test_any_demand_will_do_not_only_a_straight_one():
    """Constant elasticity 1 beside a shift: found by trying every quantity, here in floats of another program."""

    def bent(total_wh):
        return 600_000 // (total_wh // STEP_WH + 200)

    found = search(200, 200, price_of=bent).offers([0, 0])
    prices = np.array([bent(total * STEP_WH) for total in range(CHOKE + 1)])
    one, other = (wh // STEP_WH for wh in found)
    for own, rival in ((one, other), (other, one)):
        every = np.arange(1, CHOKE - rival)
        earned = profits(prices, every, rival, 0, 200)
        assert profits(prices, own, rival, 0, 200) >= earned.max() * 0.999


def test_who_cannot_see_a_rival_sells_nothing_forward_and_answers_by_itself():
    knows = search(100, 100)
    seller = QuantitySeller(knows, 0)
    cournot = knows.offers([0, 0])[0]
    assert seller.sell_forward([0, None], 1) == 0
    assert seller.offer([0, None]) == pytest.approx(cournot, abs=STEP_WH)
    assert seller.sell_forward([0, 0], 1) > 0
    # A sale made all the same moves its own offer by half of it, and nobody else's.
    assert seller.offer([2_000_000, None]) - seller.offer([0, None]) == pytest.approx(1_000_000, abs=STEP_WH)
    assert QuantitySeller(knows, 1).offer([None, 0]) == pytest.approx(cournot, abs=STEP_WH)


def test_an_arbitrageur_expects_what_comes():
    knows = search(100, 100)
    sold = [1_500_000, 2_000_000]
    assert Arbitrageur(knows).expect(sold, 0) == straight(np.array([sum(knows.offers(sold))]))[0]
    blind = [QuantitySeller(knows, 0).offer([sold[0], None]), QuantitySeller(knows, 1).offer([None, sold[1]])]
    expected = Arbitrageur(knows, observable=False).expect(sold, 1)
    assert expected == pytest.approx(straight(np.array([sum(blind)]))[0], abs=2)


def test_a_search_without_sellers_or_steps_is_refused():
    with pytest.raises(ConfigError) as refused:
        QuantitySearch(straight, (), 10, 5)
    assert len(refused.value.problems) == 2
