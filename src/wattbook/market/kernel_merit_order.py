"""The uniform-price call auction of many periods in one call, over arrays.

Owns the laying out of offers and bids as queues. Volume, margins and price are the book's own functions, so that a year
of spot prices and a single call auction cannot differ in a rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from wattbook.book.kernel_auction import QUANTITY, SIDE, TICK, allot, clearing_tick, crossing_wh

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Rows = NDArray[np.int64]


@njit(cache=True, nogil=True)
def sort_rows(rows: Rows, tick: Rows, sign: int) -> None:
    """Put `rows` (n,) into the order of rising sign x price, earlier rows first.

    By insertion: from one period to the next few offers change places, so this takes little more than one look at each.
    """
    for at in range(1, len(rows)):
        row = rows[at]
        key = sign * tick[row]
        to = at
        while to > 0:
            other = sign * tick[rows[to - 1]]
            if other < key or (other == key and rows[to - 1] < row):
                break
            rows[to] = rows[to - 1]
            to -= 1
        rows[to] = row


@njit(cache=True, nogil=True)
def clear_each(
    plant: Rows, offer_tick: Rows, offer_wh: Rows, demand_wh: Rows, bid_tick: Rows, bid_wh: Rows,
    floor_tick: int, cap_tick: int, reference_tick: int,
    price_tick: Rows, dispatch_wh: Rows, unserved_wh: Rows, bought_wh: Rows,
) -> None:  # fmt: skip
    """Clear each period on its own.

    Parameters
    ----------
    plant : (n,)
        Column of `dispatch_wh` that each offer belongs to.
    offer_tick, bid_tick : (1 or t, n), (1 or t, b)
        Limits [ticks]; one row where they hold in all periods.
    offer_wh, bid_wh : (t, n), (t, b)
        Quantities [Wh]; 0 is no order.
    demand_wh : (t,)
        What is bought at any price: a bid at the cap, before all others.
    floor_tick, cap_tick, reference_tick : int
        Band and reference price [ticks].
    price_tick, dispatch_wh, unserved_wh, bought_wh : (t,), (t, p), (t,), (t, b)
        Written; `dispatch_wh` and `bought_wh` come as zeros.
    """
    offers, bids = offer_wh.shape[1], bid_wh.shape[1]
    asks, wants = np.empty((offers, 5), np.int64), np.empty((bids + 1, 5), np.int64)
    asks[:, SIDE], wants[:, SIDE] = -1, 1
    ask_row, want_row = np.empty(offers, np.int64), np.empty(bids + 1, np.int64)
    sold, got = np.empty(offers, np.int64), np.empty(bids + 1, np.int64)
    ask_order, bid_order = np.arange(offers), np.arange(bids)
    for period in range(len(demand_wh)):
        ticks = offer_tick[period if len(offer_tick) > 1 else 0]
        limits = bid_tick[period if len(bid_tick) > 1 else 0]
        if period == 0 or len(offer_tick) > 1:
            sort_rows(ask_order, ticks, 1)
        if period == 0 or len(bid_tick) > 1:
            sort_rows(bid_order, limits, -1)
        count_asks = count_wants = 0
        for row in ask_order:
            if offer_wh[period, row] > 0:
                asks[count_asks, TICK], asks[count_asks, QUANTITY] = ticks[row], offer_wh[period, row]
                ask_row[count_asks] = row
                count_asks += 1
        if demand_wh[period] > 0:
            wants[0, TICK], wants[0, QUANTITY], want_row[0] = cap_tick, demand_wh[period], bids
            count_wants = 1
        for row in bid_order:
            if bid_wh[period, row] > 0:
                wants[count_wants, TICK], wants[count_wants, QUANTITY] = limits[row], bid_wh[period, row]
                want_row[count_wants] = row
                count_wants += 1
        unserved_wh[period] = demand_wh[period]
        if count_asks == 0:
            price_tick[period] = cap_tick if demand_wh[period] > 0 else floor_tick
            continue
        if count_wants == 0 or wants[0, TICK] < asks[0, TICK]:
            price_tick[period] = asks[0, TICK]
            continue
        # What does not reach the best price of the other side needs not be left out: as a rest it moves no price.
        volume_wh = crossing_wh(wants[:count_wants], asks[:count_asks])
        bid_margin = allot(wants[:count_wants], volume_wh, got[:count_wants])
        ask_margin = allot(asks[:count_asks], volume_wh, sold[:count_asks])
        price_tick[period] = clearing_tick(bid_margin, ask_margin, reference_tick, 1)
        for at in range(count_asks):
            dispatch_wh[period, plant[ask_row[at]]] += sold[at]
        for at in range(count_wants):
            if want_row[at] == bids:
                unserved_wh[period] -= got[at]
            else:
                bought_wh[period, want_row[at]] = got[at]
