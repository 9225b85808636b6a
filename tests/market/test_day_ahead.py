"""One session of the day-ahead market: worked cases, and the book's call auction as an oracle."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattbook.book import call_auction
from wattbook.market.day_ahead import Session, clear
from wattbook.messages import BUY, SELL, Action, Command

WIND, OIL, BLUE, GREEN = 3, 5, 7, 9
BAND = (-50_000, 400_000)
ISLAND = (0, 0)
FREE = (1 << 40, 0)


def session(*orders, periods=1, first=0):
    """Orders (agent, side, price, quantity), of period `first`, or (..., period) as they came."""
    rows = [(*each, first)[:5] for each in orders]
    commands = [
        Command(0, agent, Action.OFFER, period=period, side=side, price_tick=price, quantity_wh=quantity)
        for agent, side, price, quantity, period in rows
    ]
    return Session.of(commands, first, periods)


def cleared(given, outside=5_000, *, auction=True, band=BAND, link=ISLAND):
    return clear(given, np.full(given.periods, outside, np.int64), auction=auction, band=band, link=link)


def amounts(outcome, period=0):
    return {agent: int(bought[period]) for agent, bought in outcome.bought_wh.items()}


def test_on_an_island_the_cheapest_plants_serve_and_the_last_one_sets_the_price():
    outcome = cleared(
        session((WIND, SELL, 0, 400), (OIL, SELL, 9_000, 1_000), (BLUE, BUY, 400_000, 600), (GREEN, BUY, 8_000, 100))
    )
    # 600 Wh at any price: 400 of wind, 200 of oil. Oil asks more than green pays.
    assert outcome.price_tick.tolist() == [9_000]
    assert amounts(outcome) == {WIND: -400, OIL: -200, BLUE: 600, GREEN: 0}
    assert outcome.sold_wh.tolist() == outcome.total_bought_wh.tolist() == [600]


def test_what_is_short_goes_to_the_highest_bids_and_their_price_is_paid():
    outcome = cleared(
        session((WIND, SELL, 0, 500), (GREEN, BUY, 8_000, 300), (BLUE, BUY, 400_000, 400), (BLUE, BUY, 7_000, 50))
    )
    # 400 + 100 of green: the margin lies within green's bid, and what is short costs what green would pay.
    assert amounts(outcome) == {WIND: -500, BLUE: 400, GREEN: 100}
    assert outcome.price_tick.tolist() == [8_000]


def test_orders_of_one_price_are_served_in_the_order_in_which_they_came():
    early, late = (OIL, SELL, 6_000, 300), (WIND, SELL, 6_000, 300)
    need = (BLUE, BUY, 400_000, 400)
    assert amounts(cleared(session(early, late, need))) == {OIL: -300, WIND: -100, BLUE: 400}
    assert amounts(cleared(session(late, early, need))) == {OIL: -100, WIND: -300, BLUE: 400}
    few = (OIL, SELL, 0, 150)
    bids = ((BLUE, BUY, 400_000, 100), (GREEN, BUY, 400_000, 100))
    assert amounts(cleared(session(few, *bids))) == {OIL: -150, BLUE: 100, GREEN: 50}
    assert amounts(cleared(session(few, *bids[::-1]))) == {OIL: -150, BLUE: 50, GREEN: 100}


def test_those_inside_come_before_the_outside_at_its_price():
    outcome = cleared(session((OIL, SELL, 5_000, 300), (BLUE, BUY, 5_000, 400)), outside=5_000, link=FREE)
    assert amounts(outcome) == {OIL: -300, BLUE: 400}
    assert outcome.price_tick.tolist() == [5_000]
    assert (outcome.total_bought_wh - outcome.sold_wh).tolist() == [100]


@pytest.mark.parametrize(
    ("orders", "price", "taken"),
    [
        # The outside asks 50 + 20 and bids 50 - 20 EUR/MWh for at most 1,000 Wh.
        (((BLUE, BUY, 400_000, 600),), 7_000, {BLUE: 600}),
        (((BLUE, BUY, 400_000, 1_600), (OIL, SELL, 9_000, 1_000)), 9_000, {BLUE: 1_600, OIL: -600}),
        (((WIND, SELL, 0, 600),), 3_000, {WIND: -600}),
        (((WIND, SELL, 0, 1_600),), 0, {WIND: -1_000}),
        # From one tick above the outside's bid on, all is sold and nobody is left waiting.
        (((WIND, SELL, 0, 300), (BLUE, BUY, 400_000, 300)), 3_001, {WIND: -300, BLUE: 300}),
        (((WIND, SELL, 0, 300), (BLUE, BUY, 6_999, 400)), 6_999, {WIND: -300, BLUE: 300}),
        (((OIL, SELL, 7_001, 300), (BLUE, BUY, 8_000, 300)), 7_000, {OIL: 0, BLUE: 300}),
    ],
)
def test_the_outside_sells_above_and_buys_below_its_price_as_much_as_the_link_carries(orders, price, taken):
    outcome = cleared(session(*orders), outside=5_000, link=(1_000, 2_000))
    assert amounts(outcome) == taken
    assert outcome.price_tick.tolist() == [price]
    assert abs(int((outcome.total_bought_wh - outcome.sold_wh)[0])) <= 1_000


def test_a_period_without_orders_has_the_outsides_price_within_the_band():
    nothing = session(periods=3)
    for link in (ISLAND, FREE, (1_000, 2_000)):
        assert cleared(nothing, 5_000, link=link).price_tick.tolist() == [5_000] * 3
        assert cleared(nothing, 900_000, link=link).price_tick.tolist() == [400_000] * 3
        assert cleared(nothing, -900_000, link=link).price_tick.tolist() == [-50_000] * 3
    assert cleared(nothing).bought_wh == {}


def test_on_an_island_without_sellers_energy_costs_what_the_highest_bid_offers():
    outcome = cleared(session((BLUE, BUY, 30_000, 100), (GREEN, BUY, 40_000, 100)))
    assert outcome.price_tick.tolist() == [40_000]
    assert amounts(outcome) == {BLUE: 0, GREEN: 0}


def test_on_an_island_without_buyers_energy_costs_what_the_cheapest_seller_asks():
    outcome = cleared(session((OIL, SELL, 9_000, 100), (WIND, SELL, 10, 100)))
    assert outcome.price_tick.tolist() == [10]
    assert amounts(outcome) == {OIL: 0, WIND: 0}


def test_an_order_at_the_bands_edge_meets_an_outside_beyond_it():
    dear = cleared(session((BLUE, BUY, 400_000, 100)), outside=900_000, link=FREE)
    assert (dear.price_tick.tolist(), amounts(dear)) == ([400_000], {BLUE: 100})
    cheap = cleared(session((WIND, SELL, -50_000, 100)), outside=-900_000, link=FREE)
    assert (cheap.price_tick.tolist(), amounts(cheap)) == ([-50_000], {WIND: -100})


def test_without_an_auction_everybody_deals_with_the_outside_alone():
    orders = session(
        (WIND, SELL, 5_000, 1), (OIL, SELL, 5_001, 2), (BLUE, BUY, 5_000, 4), (GREEN, BUY, 4_999, 8),
        (BLUE, SELL, -50_000, 16),
    )  # fmt: skip
    outcome = cleared(orders, 5_000, auction=False)
    assert amounts(outcome) == {WIND: -1, OIL: 0, BLUE: 4 - 16, GREEN: 0}
    assert outcome.price_tick.tolist() == [5_000]
    assert (outcome.sold_wh.tolist(), outcome.total_bought_wh.tolist()) == ([17], [4])
    beyond = cleared(session((BLUE, BUY, 400_000, 4)), 400_001, auction=False)
    assert amounts(beyond) == {BLUE: 0}, "no order is filled above its limit"


def test_a_session_takes_the_orders_for_its_periods_and_clears_each_on_its_own():
    orders = session(
        (WIND, SELL, 0, 10, 3), (WIND, SELL, 0, 10, 4), (WIND, SELL, 0, 10, 5), (WIND, SELL, 0, 10, 6),
        (BLUE, BUY, 400_000, 4, 4), (BLUE, BUY, 400_000, 12, 5), first=4, periods=2,
    )  # fmt: skip
    outcome = cleared(orders)
    assert outcome.bought_wh[WIND].tolist() == [-4, -10]
    assert outcome.bought_wh[BLUE].tolist() == [4, 10]
    assert outcome.price_tick.tolist() == [0, 400_000]
    assert orders.total_wh(SELL).tolist() == [10, 10]


ORDER = st.tuples(
    st.sampled_from([WIND, OIL, BLUE, GREEN]),
    st.sampled_from([BUY, SELL]),
    st.integers(-30, 30),
    st.integers(1, 40),
    st.integers(0, 2),
)
LINK = st.tuples(st.sampled_from([0, 5, 60, 1_000]), st.integers(0, 10))


def by_call_auction(orders, outside, band, link):
    """Clear one period with the book's own auction; the outside comes last on either side."""
    most, extra = link
    low, high = (min(max(outside + sign * extra, band[0]), band[1]) for sign in (-1, 1))
    rows = [(side, price, quantity) for _, side, price, quantity, _ in orders]
    rows += [(BUY, low, most), (SELL, high, most)] if most else []
    table = [(number, number, side, price, quantity) for number, (side, price, quantity) in enumerate(rows)]
    clearing = call_auction(np.array(table, np.int64).reshape(-1, 5), None)
    taken = [0] * len(rows)
    for _, _, buyer, seller, _, quantity in clearing.fills.tolist():
        taken[buyer] += quantity
        taken[seller] += quantity
    return clearing.price_tick, taken[: len(orders)]


@given(orders=st.lists(ORDER, max_size=14), outside=st.integers(-40, 40), link=LINK)
def test_an_auction_is_the_books_call_auction_of_the_same_orders(orders, outside, link):
    band = (-30, 30)
    outcome = clear(
        session(*orders, periods=3), np.full(3, outside, np.int64), auction=True, band=band, link=link
    )  # fmt: skip
    for period in range(3):
        mine = [each for each in orders if each[4] == period]
        price, taken = by_call_auction(mine, outside, band, link)
        bought = dict.fromkeys((WIND, OIL, BLUE, GREEN), 0)
        for (agent, side, *_), quantity in zip(mine, taken, strict=True):
            bought[agent] += side * quantity
        for agent, quantity in bought.items():
            assert int(outcome.bought_wh.get(agent, np.zeros(3))[period]) == quantity
        if price is not None and mine:
            assert int(outcome.price_tick[period]) == price


@given(orders=st.lists(ORDER, max_size=14), outside=st.integers(-40, 40), link=LINK, auction=st.booleans())
def test_sums_agree_limits_hold_and_nobody_gets_more_than_it_asked_for(orders, outside, link, auction):
    outcome = clear(
        session(*orders, periods=3), np.full(3, outside, np.int64), auction=auction, band=(-30, 30), link=link
    )
    together = sum((bought for bought in outcome.bought_wh.values()), np.zeros(3, np.int64))
    np.testing.assert_array_equal(together, outcome.total_bought_wh - outcome.sold_wh)
    if auction:
        assert (abs(together) <= link[0]).all()
        assert ((outcome.price_tick >= -30) & (outcome.price_tick <= 30)).all()
    else:
        assert outcome.price_tick.tolist() == [outside] * 3
    for agent, bought in outcome.bought_wh.items():
        for period, price in enumerate(outcome.price_tick.tolist()):
            mine = [(side, tick, wh) for who, side, tick, wh, at in orders if (who, at) == (agent, period)]
            most = sum(wh for side, tick, wh in mine if side == BUY and tick >= price)
            least = -sum(wh for side, tick, wh in mine if side == SELL and tick <= price)
            assert least <= bought[period] <= most
