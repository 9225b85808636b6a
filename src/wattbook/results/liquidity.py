"""Liquidity of the local books: how often both sides quote, how far apart, how much, and how late one trades.

The books are not replayed. They are looked at every five minutes of the last two hours before each product's gate
closes (the closing instant itself excluded), which is when forecasts settle: what rests then is told by the orders'
own events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from wattbook.book.words import Event
from wattbook.messages import BUY, SELL, Venue
from wattbook.results.energy import share, sum_by
from wattbook.units import MS_PER_MINUTE, TICKS_PER_EUR_PER_MWH

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wattbook.results.record import Ints, Record

LOOK_EVERY_MS: Final = 5 * MS_PER_MINUTE
LOOKS: Final = 24
"""Looks at each product of each book."""
_WORST: Final = 1 << 62


class Resting(NamedTuple):
    """Spans in which an order rested unchanged, one row (n,) each, cut to a product's looks.

    Attributes
    ----------
    product : (n,) int64
        Book x periods + period.
    first, end : (n,) int64
        Looks from `first` to before `end` see it.
    """

    product: Ints
    side: Ints
    price_tick: Ints
    quantity_wh: Ints
    first: Ints
    end: Ints


def liquidity(record: Record) -> dict[str, Any]:
    """Measure the local books.

    ``two_sided_share``
        Part of all looks that found a bid and an ask.
    ``mean_spread_eur_per_mwh``
        Best ask less best bid, mean over those looks.
    ``mean_depth_wh``
        Energy on offer on both sides, mean over all looks.
    ``trade_to_gate_min``
        Minutes from a trade to its product's gate closure, mean weighted by volume.
    """
    best_bid, best_ask, depth = look(record)
    both = (best_bid > -_WORST) & (best_ask < _WORST)
    spread = (best_ask[both] - best_bid[both]).sum()
    return {
        "two_sided_share": share(both.sum(), both.size),
        "mean_spread_eur_per_mwh": share(spread, both.sum() * TICKS_PER_EUR_PER_MWH),
        "mean_depth_wh": share(depth.sum(), depth.size),
        "trade_to_gate_min": _trade_to_gate(record),
    }


def look(record: Record) -> tuple[Ints, Ints, Ints]:
    """Best bid, best ask [ticks] and total energy [Wh] at each look, each (books x periods, looks)."""
    shape = len(record.place.books) * record.place.periods, LOOKS
    best_bid, best_ask = np.full(shape, -_WORST), np.full(shape, _WORST)
    depth = np.zeros(shape, np.int64)
    spans = resting(record)
    seen = spans.end - spans.first
    row = np.repeat(np.arange(len(seen)), seen)
    place = spans.product[row], np.arange(len(row)) - np.repeat(np.cumsum(seen) - seen, seen) + spans.first[row]
    np.add.at(depth, place, spans.quantity_wh[row])
    for side, best, better in ((BUY, best_bid, np.maximum), (SELL, best_ask, np.minimum)):
        mine = spans.side[row] == side
        better.at(best, (place[0][mine], place[1][mine]), spans.price_tick[row[mine]])
    return best_bid, best_ask, depth


def resting(record: Record) -> Resting:
    """Read off the orders' events when each order rested, at which price and size.

    After each event of an order its `remaining_wh` rests until the order's next event, at the limit that its
    acceptance or last replacement gave.
    """
    place, rows = record.place, record.streams["orders"]
    sound = (rows["code"] == 0) & (rows["book"] >= 0) & (rows["book"] < len(place.books))
    kept = np.flatnonzero(sound & (rows["period"] >= 0) & (rows["period"] < place.periods))
    rows = {name: column[kept] for name, column in rows.items()}
    order = np.lexsort((rows["seq"], rows["order"], rows["book"]))
    rows = {name: column[order].astype(np.int64) for name, column in rows.items()}
    last = _last_of_its_order(rows)
    gate = place.gate_ms(rows["period"])
    until = np.where(last, gate, np.append(rows["time_ms"][1:], 0))
    limits = np.isin(rows["event"], (Event.ACCEPTED, Event.REPLACED))
    limit = rows["price_tick"][np.maximum.accumulate(np.where(limits, np.arange(len(limits)), 0))]
    origin = gate - LOOKS * LOOK_EVERY_MS
    first, end = (np.clip(-((origin - moment) // LOOK_EVERY_MS), 0, LOOKS) for moment in (rows["time_ms"], until))
    shown = (rows["remaining_wh"] > 0) & (end > first)
    product = rows["book"] * place.periods + rows["period"]
    columns = (product, rows["side"], limit, rows["remaining_wh"], first, end)
    return Resting(*(column[shown] for column in columns))


def _last_of_its_order(rows: dict[str, NDArray[Any]]) -> NDArray[np.bool_]:
    if not len(rows["order"]):
        return np.zeros(0, np.bool_)
    changes = (np.diff(rows["order"]) != 0) | (np.diff(rows["book"]) != 0)
    return np.append(changes, True)


def _trade_to_gate(record: Record) -> float | None:
    rows = record.streams["trades"]
    lead = record.place.gate_ms(rows["period"].astype(np.int64)) - rows["time_ms"]
    # In floats: milliseconds x Wh of a city's year would not fit into 64 bits.
    return share(
        float((lead * rows["quantity_wh"].astype(np.float64)).sum()), MS_PER_MINUTE * rows["quantity_wh"].sum()
    )


def concentration(record: Record) -> int | None:
    """HHI (0-10,000) of the local sellers' volumes; None without trades."""
    rows = record.streams["trades"]
    local = record.place.venues[rows["book"]] != Venue.WHOLESALE
    sold = sum_by(rows["seller"][local], rows["quantity_wh"][local], record.place.agents).astype(np.float64)
    index = share((sold**2).sum(), sold.sum() ** 2)
    return None if index is None else round(10_000 * index)
