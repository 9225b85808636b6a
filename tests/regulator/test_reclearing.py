"""Clearing recorded orders again gives what the market's own session gave."""

import numpy as np
from auction_records import EUR, known_of
from hypothesis import example, given
from hypothesis import strategies as st

from wattbook.market.day_ahead import Session, clear
from wattbook.messages import BUY, SELL
from wattbook.regulator.reclearing import OUTSIDE, Order, clear_again

ORDERS = st.lists(
    st.builds(
        Order, st.integers(0, 5), st.sampled_from([BUY, SELL]), st.sampled_from([-500, -20, 0, 90, 110, 4_000, 4_500]),
        st.one_of(st.integers(1, 9), st.integers(1, 1 << 40)),
    ).map(lambda order: order._replace(price_tick=order.price_tick * EUR)),
    max_size=12,
)  # fmt: skip
LINKS = st.tuples(st.sampled_from([0, 1, 5, 1 << 40]), st.sampled_from([0, 20 * EUR]))
OUTSIDES = st.sampled_from([-900, -500, -20, 0, 90, 4_000, 4_700]).map(lambda price: price * EUR)
CAPS = st.sampled_from([4_000 * EUR, 4_500 * EUR])


@given(ORDERS, LINKS, OUTSIDES, CAPS)
@example([Order(0, BUY, 4_000 * EUR, 5), Order(1, SELL, 90 * EUR, 3)], (0, 0), 90 * EUR, 4_000 * EUR)
@example([Order(0, BUY, 4_000 * EUR, 5)], (0, 0), 90 * EUR, 4_000 * EUR)
@example([Order(0, BUY, 0, 5), Order(1, SELL, -500 * EUR, 9)], (1, 0), -900 * EUR, 4_000 * EUR)
def test_a_period_cleared_again_is_the_markets_own(orders, link, outside, cap):
    orders = [order for order in orders if order.price_tick <= cap]
    known = known_of(periods=1, link_wh=link[0], link_tick=link[1], outside_tick=np.array([outside]))
    again = clear_again(known, 0, orders, cap)
    rows = np.array([(0, *order) for order in orders], np.int64).reshape(-1, 5)
    own = clear(Session(0, 1, rows), np.array([outside]), auction=True, band=(known.floor_tick, cap), link=link)
    assert again.price_tick == own.price_tick[0]
    bought = {agent: int(wh[0]) for agent, wh in own.bought_wh.items()}
    agents = {*bought, *again.sold_wh, *again.bought_wh} - {OUTSIDE}
    assert {a: again.bought_wh.get(a, 0) - again.sold_wh.get(a, 0) for a in agents} == {a: bought[a] for a in agents}
    assert sum(wh for agent, wh in again.sold_wh.items() if agent != OUTSIDE) == own.sold_wh[0]
    assert sum(again.sold_wh.values()) == sum(again.bought_wh.values())


def test_scarcity_is_priced_at_the_cap_of_its_day():
    known = known_of(periods=1)
    orders = [Order(3, BUY, 4_500 * EUR, 150), Order(2, SELL, 100 * EUR, 80)]
    assert clear_again(known, 0, orders, 4_500 * EUR).price_tick > clear_again(known, 0, [
        orders[0]._replace(price_tick=4_000 * EUR), orders[1]]).price_tick  # fmt: skip
