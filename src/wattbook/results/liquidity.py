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
from wattbook.results.energy import share
from wattbook.results.record import BLOCK_ROWS
from wattbook.units import MS_PER_MINUTE, TICKS_PER_EUR_PER_MWH

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from wattbook.results.record import Ints, Record

LOOK_EVERY_MS: Final = 5 * MS_PER_MINUTE
_EVENTS_ROWS: Final = 1 << 17
"""Events that are sorted together: as many as a processor's cache holds, with what rests meanwhile."""
LOOKS: Final = 24
"""Looks at each product of each book."""
_WORST: Final = 1 << 62


class Resting(NamedTuple):
    """Spans in which an order rested unchanged, one row (n,) each, cut to a product's looks.

    Attributes
    ----------
    product : (n,) int64
        Book x periods + period.
    first, end : (n,) int8
        Looks from `first` to before `end` see it.
    """

    product: NDArray[Any]
    side: NDArray[Any]
    price_tick: NDArray[Any]
    quantity_wh: NDArray[Any]
    first: NDArray[Any]
    end: NDArray[Any]


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
    # A gateway's book is not a local one: the whole market stands in it.
    local = np.repeat(record.place.venues != Venue.WHOLESALE, record.place.periods)
    best_bid, best_ask, depth = (column[local] for column in look(record))
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
    seen = (spans.end - spans.first).astype(np.int64)
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
    acceptance or last replacement gave. The latest event of an order that a look may still see waits for the next
    block.
    """
    waiting = _Events(*(np.zeros(0, kind) for kind in _KINDS))
    for rows in record.blocks("orders", _EVENTS_ROWS, only=_COLUMNS):
        events = _Events(*map(np.concatenate, zip(waiting, _sound_events(record, rows), strict=True)))
        if len(events.order):
            spans, waiting = _spans(events)
            yield spans
    end = np.full(len(waiting.look), LOOKS, np.int8)
    yield Resting(waiting.product, waiting.side, waiting.limit, waiting.remaining_wh, waiting.look, end)


class _Events(NamedTuple):
    """Events of orders, one row (n,) each.

    Attributes
    ----------
    look : (n,) int8
        First look that sees what the event left.
    limit : (n,) int64
        The order's price after it, if `sets_limit`.
    """

    book: NDArray[Any]
    order: NDArray[Any]
    product: NDArray[Any]
    side: NDArray[Any]
    remaining_wh: NDArray[Any]
    look: NDArray[Any]
    limit: NDArray[Any]
    sets_limit: NDArray[Any]


_KINDS: Final = (np.int32, np.int64, np.int64, np.int8, np.int64, np.int8, np.int64, np.bool_)
_COLUMNS: Final = ("time_ms", "book", "period", "order", "event", "side", "price_tick", "remaining_wh", "code")


def _sound_events(record: Record, rows: Mapping[str, NDArray[Any]]) -> _Events:
    """Events of orders in real books and periods, as they came."""
    place = record.place
    book, period = rows["book"], rows["period"]
    sound = (rows["code"] == 0) & (book >= 0) & (book < len(place.books)) & (period >= 0) & (period < place.periods)
    if not sound.all():
        rows = {name: column[sound] for name, column in rows.items()}
        book, period = rows["book"], rows["period"]
    first_look_ms = (place.gate_ms(np.arange(place.periods)) - LOOKS * LOOK_EVERY_MS)[period]
    look = np.clip(-((first_look_ms - rows["time_ms"]) // LOOK_EVERY_MS), 0, LOOKS).astype(np.int8)
    sets_limit = (rows["event"] == Event.ACCEPTED) | (rows["event"] == Event.REPLACED)
    product = book * np.int64(place.periods) + period
    side = np.sign(rows["side"]).astype(np.int8)
    return _Events(book, rows["order"], product, side, rows["remaining_wh"], look, rows["price_tick"], sets_limit)


def _by_order(book: NDArray[Any], order: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    """Sort events by book and order; events of one order stay in their order.

    Returns
    -------
    rows : (n,) int64
        The events, sorted.
    last : (n,) bool
        Which of them, in this order, are the last of theirs.
    """
    n = len(order)
    least, books, bits = int(order.min()), int(book.max()) + 1, n.bit_length()
    last = np.ones(n, np.bool_)
    if (int(order.max()) - least + 1) * books << bits >= 1 << 62:
        rows = np.lexsort((order, book))
        last[:-1] = (order[rows[1:]] != order[rows[:-1]]) | (book[rows[1:]] != book[rows[:-1]])
        return rows, last
    # One number that holds order, book and row is sorted several times faster than rows by two keys.
    packed = ((order - least) * books + book << bits) | np.arange(n)
    packed.sort()
    rows = packed & ((1 << bits) - 1)
    packed >>= bits
    np.not_equal(packed[1:], packed[:-1], out=last[:-1])
    return rows, last


def _spans(events: _Events) -> tuple[Resting, _Events]:
    """Say what rested from each event to its order's next one.

    Returns
    -------
    spans : Resting
        Those that a look sees.
    waiting : _Events
        Of each order that rests, where a look may still see it, the last event, with its limit.
    """
    rows, last = _by_order(events.book, events.order)
    looks = events.look[rows]
    # Of each event, in this order, the one that set the limit which holds after it.
    set_at = np.maximum.accumulate(np.where(events.sets_limit[rows], np.arange(len(rows), dtype=np.int32), 0))
    seen = np.flatnonzero(~last[:-1] & (looks[1:] > looks[:-1]))
    seen = seen[events.remaining_wh[rows[seen]] > 0]
    at = rows[seen]
    spans = Resting(
        events.product[at], events.side[at], events.limit[rows[set_at[seen]]], events.remaining_wh[at],
        looks[seen], looks[seen + 1],
    )  # fmt: skip
    kept = np.flatnonzero(last & (looks < LOOKS))
    kept = kept[events.remaining_wh[rows[kept]] > 0]
    waiting = _Events(*(column[rows[kept]] for column in events))
    limit = events.limit[rows[set_at[kept]]]
    return spans, waiting._replace(limit=limit, sets_limit=np.ones(len(kept), np.bool_))


def _trade_to_gate(record: Record) -> float | None:
    weighted, volume = 0.0, 0
    for block in record.blocks("trades", only=("time_ms", "book", "period", "quantity_wh")):
        local = record.place.venues[block["book"]] != Venue.WHOLESALE
        rows = {name: column[local] for name, column in block.items()}
        lead_ms = record.place.gate_ms(rows["period"].astype(np.int64)) - rows["time_ms"]
        # In floats: milliseconds x Wh of a city's year would not fit into 64 bits.
        weighted += float((lead_ms * rows["quantity_wh"].astype(np.float64)).sum())
        volume += int(rows["quantity_wh"].sum())
    return share(weighted, MS_PER_MINUTE * volume)


def concentration(record: Record) -> int | None:
    """HHI (0-10,000) of the local sellers' volumes; None without trades."""
    volumes = np.zeros(record.place.agents, np.int64)
    for rows in record.pieces("trades", only=("book", "seller", "quantity_wh")):
        local = record.place.venues[rows["book"]] != Venue.WHOLESALE
        np.add.at(volumes, rows["seller"][local], rows["quantity_wh"][local])
    sold = volumes.astype(np.float64)
    index = share((sold**2).sum(), sold.sum() ** 2)
    return None if index is None else round(10_000 * index)
