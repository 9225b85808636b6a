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
from wattbook.results.record import BLOCK_ROWS
from wattbook.units import MS_PER_MINUTE, TICKS_PER_EUR_PER_MWH

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from wattbook.results.record import Ints, Record

LOOK_EVERY_MS: Final = 5 * MS_PER_MINUTE
_EVENTS_ROWS: Final = 1 << 21
"""Events that are sorted together."""
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
        Best ask less best bid, mean over those looks; None in a call market, whose quotes are sealed and may cross.
    ``mean_depth_wh``
        Energy on offer on both sides, mean over all looks.
    ``trade_to_gate_min``
        Minutes from a trade to its product's gate closure, mean weighted by volume.

    All None where there is no order book.
    """
    if record.place.mechanism not in {"continuous", "call", "none"}:
        return dict.fromkeys(("two_sided_share", "mean_spread_eur_per_mwh", "mean_depth_wh", "trade_to_gate_min"))
    best_bid, best_ask, depth = look(record)
    both = (best_bid > -_WORST) & (best_ask < _WORST)
    spread = (best_ask[both] - best_bid[both]).sum()
    return {
        "two_sided_share": share(both.sum(), both.size),
        "mean_spread_eur_per_mwh": (
            None if record.place.mechanism == "call" else share(spread, both.sum() * TICKS_PER_EUR_PER_MWH)
        ),
        "mean_depth_wh": share(depth.sum(), depth.size),
        "trade_to_gate_min": _trade_to_gate(record),
    }


def look(record: Record) -> tuple[Ints, Ints, Ints]:
    """Best bid, best ask [ticks] and total energy [Wh] at each look, each (books x periods, looks)."""
    shape = len(record.place.books) * record.place.periods, LOOKS
    best_bid, best_ask = np.full(shape, -_WORST), np.full(shape, _WORST)
    depth = np.zeros(shape, np.int64)
    for spans in resting(record):
        for begin in range(0, len(spans.first), BLOCK_ROWS):
            _add_looks(Resting(*(column[begin : begin + BLOCK_ROWS] for column in spans)), best_bid, best_ask, depth)
    return best_bid, best_ask, depth


def _add_looks(spans: Resting, best_bid: Ints, best_ask: Ints, depth: Ints) -> None:
    """Let every look see the orders of `spans`."""
    seen = spans.end - spans.first
    row = np.repeat(np.arange(len(seen)), seen)
    look = np.arange(len(row)) - np.repeat(np.cumsum(seen) - seen, seen) + spans.first[row]
    place = spans.product[row] * LOOKS + look
    np.add.at(depth.reshape(-1), place, spans.quantity_wh[row])
    for side, best, better in ((BUY, best_bid, np.maximum), (SELL, best_ask, np.minimum)):
        mine = spans.side[row] == side
        better.at(best.reshape(-1), place[mine], spans.price_tick[row[mine]])


def resting(record: Record) -> Iterator[Resting]:
    """Read off the orders' events when each order rested, at which price and size, some events at a time.

    After each event of an order its `remaining_wh` rests until the order's next event, at the limit that its
    acceptance or last replacement gave. The latest event of an order that still rests waits for the next block.
    """
    waiting = _Events(*(np.zeros(0, np.int64) for _ in _Events._fields))
    for rows in record.blocks("orders", _EVENTS_ROWS):
        waiting, spans = _rested(record, _with_limits(waiting, _sound_events(record, rows)))
        yield spans
    yield _shown(record, waiting, record.place.gate_ms(waiting.period))


class _Events(NamedTuple):
    """Events of orders, one row (n,) each; `limit` is the order's price after it."""

    book: Ints
    period: Ints
    order: Ints
    side: Ints
    remaining_wh: Ints
    time_ms: Ints
    limit: Ints
    sets_limit: Ints


def _sound_events(record: Record, rows: Mapping[str, NDArray[Any]]) -> _Events:
    """Events of orders in real books and periods, as they came."""
    place = record.place
    sound = (rows["code"] == 0) & (rows["book"] >= 0) & (rows["book"] < len(place.books))
    kept = np.flatnonzero(sound & (rows["period"] >= 0) & (rows["period"] < place.periods))
    names = ("book", "period", "order", "side", "remaining_wh", "time_ms", "price_tick", "event")
    columns = [rows[name][kept].astype(np.int64) for name in names]
    columns[-1] = np.isin(columns[-1], (Event.ACCEPTED, Event.REPLACED)).astype(np.int64)
    return _Events(*columns)


def _with_limits(waiting: _Events, fresh: _Events) -> _Events:
    """Sort events by book and order, those that waited first, and give each event the limit that holds after it."""
    both = [np.concatenate(pair) for pair in zip(waiting, fresh, strict=True)]
    joined = _Events(*both)
    # The sort is stable, so events of one order stay in their order.
    order = np.lexsort((joined.order, joined.book))
    rows = _Events(*(column[order] for column in joined))
    given = np.maximum.accumulate(np.where(rows.sets_limit, np.arange(len(order)), 0))
    return rows._replace(limit=rows.limit[given])


def _rested(record: Record, rows: _Events) -> tuple[_Events, Resting]:
    """Part sorted events into those that wait for the next block, and the spans that the others began."""
    last = _last_of_its_order(rows)
    alive = _Events(*(column[last & (rows.remaining_wh > 0)] for column in rows))
    until = np.append(rows.time_ms[1:], 0)
    done = _Events(*(column[~last] for column in rows))
    return alive._replace(sets_limit=np.ones_like(alive.order)), _shown(record, done, until[~last])


def _shown(record: Record, rows: _Events, until_ms: Ints) -> Resting:
    """Cut what rested from each event until `until_ms` (n,) to its product's looks."""
    place = record.place
    origin = place.gate_ms(rows.period) - LOOKS * LOOK_EVERY_MS
    first, end = (np.clip(-((origin - moment) // LOOK_EVERY_MS), 0, LOOKS) for moment in (rows.time_ms, until_ms))
    shown = (rows.remaining_wh > 0) & (end > first)
    product = rows.book * place.periods + rows.period
    columns = (product, rows.side, rows.limit, rows.remaining_wh, first, end)
    return Resting(*(column[shown] for column in columns))


def _last_of_its_order(rows: _Events) -> NDArray[np.bool_]:
    if not len(rows.order):
        return np.zeros(0, np.bool_)
    changes = (np.diff(rows.order) != 0) | (np.diff(rows.book) != 0)
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
