"""What a book showed at some moment, from the record of its orders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from wattbook.messages import BUY, NO_PRICE, SELL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

TERMS: Final = (0, 3)
"""Events that say an order's limit: accepted, replaced (`wattbook.book.Event`)."""


def middle_before(rows: Mapping[str, Ints], book: int, period: int, agent: int, seq: int) -> int:
    """Give the middle between the best bid and ask of the others before the row `seq` [ticks], rounded down.

    Returns `NO_PRICE` where one of the two was missing.

    Parameters
    ----------
    rows : mapping of str to (n,) int64
        Of the orders of products from their gate's opening on, in each product by seq.
    """
    of = (rows["book"] == book) & (rows["period"] == period) & (rows["seq"] < seq) & (rows["event"] >= 0)
    at = np.flatnonzero(of & (rows["agent"] != agent))
    last = at[_lasts(rows["order"][at])]
    limits = at[np.isin(rows["event"][at], TERMS)]
    limits = limits[_lasts(rows["order"][limits])]
    price_tick, side, rest = rows["price_tick"][limits], rows["side"][limits], rows["remaining_wh"][last] > 0
    bids, asks = price_tick[rest & (side == BUY)], price_tick[rest & (side == SELL)]
    return int((bids.max() + asks.min()) // 2) if len(bids) and len(asks) else NO_PRICE


def _lasts(orders: Ints) -> Ints:
    """Places of each order's last row, by order."""
    _, places = np.unique(orders[::-1], return_index=True)
    return len(orders) - 1 - places
