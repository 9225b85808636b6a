"""What the day-ahead market would have come to: recorded orders of one period, cleared again with other prices.

The law is that of the market (docs/wholesale.md): one call auction of all orders, with the outside as one more buyer
and seller behind its link. It is cleared by `wattbook.book.call_auction`, a pure function; no live book is touched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from wattbook.book import BUY, MAX_QUANTITY_WH, SELL, call_auction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wattbook.regulator.known import Known

OUTSIDE = -1
"""The agent behind the link."""


class Order(NamedTuple):
    """A day-ahead order for one period."""

    agent: int
    side: int
    price_tick: int
    quantity_wh: int


class Cleared(NamedTuple):
    """What one period came to.

    Attributes
    ----------
    price_tick : int
    sold_wh, bought_wh : dict of int to int
        By agent, the outside among them.
    """

    price_tick: int
    sold_wh: dict[int, int]
    bought_wh: dict[int, int]


def clear_again(known: Known, period: int, orders: Sequence[Order], cap_tick: int | None = None) -> Cleared:
    """Clear orders (in the order in which they came) of one period.

    Parameters
    ----------
    known : Known
        Whose link, band and outside prices hold.
    cap_tick : int, optional
        Highest price when it was cleared; None for the one at the start.
    """
    band = known.floor_tick, known.cap_tick if cap_tick is None else cap_tick
    # As the market does: the outside comes last on both sides, at its price or the band's edge.
    outside = int(known.outside_tick[period])
    each = [(order, order.price_tick) for order in orders]
    for side in (BUY, SELL):
        price = _within(outside - side * known.link_tick, band)
        each.append((Order(OUTSIDE, side, price, known.link_wh), price))
    rows: list[tuple[int, int, int, int, int]] = []
    owner: list[int] = []
    for order, price in sorted(each, key=lambda one: -one[0].side):
        # An order larger than one may be is several, one behind the other.
        for left in range(order.quantity_wh, 0, -MAX_QUANTITY_WH):
            rows.append((len(rows), 0, order.side, price, min(left, MAX_QUANTITY_WH)))
            owner.append(order.agent)
    clearing = call_auction(np.array(rows, np.int64).reshape(-1, 5))
    sold: dict[int, int] = {}
    bought: dict[int, int] = {}
    for _, _, buyer, seller, _, quantity in clearing.fills.tolist():
        for whose, row in ((bought, buyer), (sold, seller)):
            whose[owner[row]] = whose.get(owner[row], 0) + quantity
    price_tick = clearing.price_tick
    return Cleared(_unmatched(known, orders, outside, band) if price_tick is None else price_tick, sold, bought)


def _unmatched(known: Known, orders: Sequence[Order], outside_tick: int, band: tuple[int, int]) -> int:
    """Give the price of a period in which nobody trades: as the market does."""
    if not orders:
        return _within(outside_tick, band)
    asks = [order.price_tick for order in orders if order.side == SELL]
    if known.link_wh:
        asks.append(_within(outside_tick + known.link_tick, band))
    # On an island without sellers energy is scarce: worth what the last one would have paid.
    return min(asks) if asks else max(order.price_tick for order in orders)


def _within(price_tick: int, band: tuple[int, int]) -> int:
    floor_tick, cap_tick = band
    return min(max(price_tick, floor_tick), cap_tick)
