"""One session of the day-ahead market: orders for many periods, each cleared on its own.

Owns the rules of who gets what. With an auction the price of a period comes of the orders alone, with the outside as
one more seller and buyer behind a link of limited size (`wattbook.market.merit_order`). Without one everybody deals
with the outside at its price: whoever asks no more than it sells, whoever bids no less buys.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from wattbook.market.merit_order import Bids, Offers, clear_spot
from wattbook.messages import BUY, SELL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from wattbook.messages import Command

    Ints = NDArray[np.int64]

_PERIOD, _AGENT, _SIDE, _PRICE, _QUANTITY = range(5)


@dataclass(frozen=True)
class Session:
    """Orders for `periods` periods from `first` on, as they came.

    Attributes
    ----------
    rows : (m, 5) int64
        Period from `first`, agent, side, limit [ticks], quantity [Wh].
    """

    first: int
    periods: int
    rows: Ints

    @classmethod
    def of(cls, orders: Sequence[Command], first: int, count: int) -> Self:
        """Take the orders for these periods."""
        rows = [
            (order.period - first, order.agent, order.side, order.price_tick, order.quantity_wh)
            for order in orders
            if first <= order.period < first + count
        ]
        return cls(first, count, np.array(rows, np.int64).reshape(-1, 5))

    def total_wh(self, side: int) -> Ints:
        """Quantity on one side in each period (n,) [Wh]."""
        mine = self.rows[self.rows[:, _SIDE] == side]
        total = np.zeros(self.periods, np.int64)
        np.add.at(total, mine[:, _PERIOD], mine[:, _QUANTITY])
        return total


class Outcome(NamedTuple):
    """What a session came to.

    Attributes
    ----------
    price_tick : (n,) int64
    bought_wh : dict of int to (n,) int64
        By agent, bought - sold [Wh].
    sold_wh, total_bought_wh : (n,) int64
        By those inside together [Wh].
    """

    price_tick: Ints
    bought_wh: dict[int, Ints]
    sold_wh: Ints
    total_bought_wh: Ints


def clear(
    session: Session, outside_tick: Ints, *, auction: bool, band: tuple[int, int], link: tuple[int, int]
) -> Outcome:
    """Clear a session.

    Parameters
    ----------
    outside_tick : (n,)
        The outside's price of each period.
    auction : bool
        Whether prices come of the orders.
    band : (floor, cap)
        Of the auction's prices [ticks].
    link : (most, extra)
        Most energy that passes between an auction and the outside in a period [Wh], and what the outside asks above
        its price and bids below it [ticks].
    """
    if not auction:
        rows = session.rows
        at = outside_tick[rows[:, _PERIOD]]
        takes = np.where(rows[:, _SIDE] == BUY, rows[:, _PRICE] >= at, rows[:, _PRICE] <= at)
        return _outcome(session, outside_tick.copy(), np.where(takes, rows[:, _QUANTITY], 0))
    # Every price of an order is in the band; the outside's is taken at its edge where it lies beyond.
    floor, cap = band
    asks, asked_wh = _table(session, SELL, floor)
    bids, bid_wh = _table(session, BUY, floor)
    most, extra = link
    reach = np.full(session.periods, most, np.int64)
    spot = clear_spot(
        Offers(
            np.arange(asks.shape[1] + 1),
            np.column_stack([asks, np.clip(outside_tick + extra, floor, cap)]),
            np.column_stack([asked_wh, reach]),
        ),
        np.zeros(session.periods, np.int64),
        bids=Bids(np.column_stack([bids, np.clip(outside_tick - extra, floor, cap)]), np.column_stack([bid_wh, reach])),
        floor_tick=floor,
        cap_tick=cap,
    )
    price_tick = _unmatched(session, spot.price_tick, np.clip(outside_tick, floor, cap), most)
    taken = np.zeros(len(session.rows), np.int64)
    for side, parts in ((SELL, spot.dispatch_wh), (BUY, spot.bought_wh)):
        rows, places = _places(session, side)
        taken[rows] = parts[session.rows[rows, _PERIOD], places]
    return _outcome(session, price_tick, taken)


def _unmatched(session: Session, price_tick: Ints, outside_tick: Ints, most: int) -> Ints:
    """Give the price of each period, also where nobody inside asked for one, or only buyers did."""
    rows = session.rows
    asked, wanted = session.total_wh(SELL) > 0, session.total_wh(BUY) > 0
    highest = np.full(session.periods, np.iinfo(np.int64).min)
    bids = rows[rows[:, _SIDE] == BUY]
    np.maximum.at(highest, bids[:, _PERIOD], bids[:, _PRICE])
    # On an island without sellers energy is scarce, not cheap: worth what the last one would have paid.
    scarce = wanted & ~asked & (most == 0)
    prices: Ints = np.where(scarce, highest, np.where(asked | wanted, price_tick, outside_tick))
    return prices


def _places(session: Session, side: int) -> tuple[Ints, Ints]:
    """Rows of one side, and each one's place among those of its period, in the order in which they came."""
    rows = np.flatnonzero(session.rows[:, _SIDE] == side)
    period = session.rows[rows, _PERIOD]
    order = np.argsort(period, kind="stable")
    places = np.empty(len(rows), np.int64)
    edges = np.searchsorted(period[order], np.arange(session.periods))
    places[order] = np.arange(len(rows)) - edges[period[order]]
    return rows, places


def _table(session: Session, side: int, no_price: int) -> tuple[Ints, Ints]:
    """Lay out limits and quantities of one side (n, most orders of a period); a quantity of 0 is no order."""
    rows, places = _places(session, side)
    width = int(places.max(initial=-1)) + 1
    limits, quantities = np.full((session.periods, width), no_price), np.zeros((session.periods, width), np.int64)
    at = session.rows[rows, _PERIOD], places
    limits[at], quantities[at] = session.rows[rows, _PRICE], session.rows[rows, _QUANTITY]
    return limits, quantities


def _outcome(session: Session, price_tick: Ints, taken_wh: Ints) -> Outcome:
    """Sum up what each row took."""
    rows = session.rows
    bought: dict[int, Ints] = {}
    for agent in np.unique(rows[:, _AGENT]).tolist():
        mine = rows[:, _AGENT] == agent
        bought[agent] = np.zeros(session.periods, np.int64)
        np.add.at(bought[agent], rows[mine, _PERIOD], rows[mine, _SIDE] * taken_wh[mine])
    totals = []
    for side in (SELL, BUY):
        mine = rows[:, _SIDE] == side
        total = np.zeros(session.periods, np.int64)
        np.add.at(total, rows[mine, _PERIOD], taken_wh[mine])
        totals.append(total)
    return Outcome(price_tick, bought, *totals)
