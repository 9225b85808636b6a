"""A circuit breaker for the local books: a product whose price jumps rests for a while.

At every watch the last trade of each product is held against two references. The dynamic one is the median of the
product's own trades shortly before it; the static one, with a wider range, the median of the latest trades of the whole
book. Outside either range the product is halted; nobody is at fault. A product whose gate has closed is left alone.

References
----------
Dynamic and static ranges around a reference price are how exchanges interrupt continuous trading (Deutsche Boerse,
Xetra market model, volatility interruptions; static and dynamic collars of the power exchanges). We look every watch
and after the fact, take medians for references, and hold no auction to reopen. Numbers are assumptions of calibration,
by honest streets (docs/regulator-structure.md).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

import numpy as np

from wattbook.oversight import SEEN_STREAMS, Item, Rule
from wattbook.regulator.findings import MARKET, Finding, Line, Offence
from wattbook.regulator.kernel_ranges import NONE, PRICE_TICK, New, Rings, close, watch
from wattbook.regulator.thresholds import ENDLESS
from wattbook.units import MS_PER_HOUR, PPM

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from wattbook.regulator.known import Known

_TRADES: Final = SEEN_STREAMS.index("trades")


@dataclass(frozen=True)
class CircuitBreakerTerms:
    """Ranges, references and how long a halt lasts.

    Attributes
    ----------
    move_share_ppm, move_tick : int
        A price is outside the dynamic range if it differs from its reference by more than both: so much of that, and
        so much.
    static_share_ppm, static_tick : int
        The same of the static range.
    trades : int
        Trades of the product before that make the dynamic reference, at most.
    within_ms : int
        They are no older than this.
    book_trades : int
        Trades of the book that make the static reference, at most.
    least : int
        Fewer trades make no reference.
    halt_ms : int
        How long a product is halted.
    """

    move_share_ppm: int = 500_000
    move_tick: int = 5_000
    static_share_ppm: int = 1_000_000
    static_tick: int = 10_000
    trades: int = field(default=10, metadata={"bounds": (1, 100)})
    within_ms: int = 2 * MS_PER_HOUR
    book_trades: int = field(default=50, metadata={"bounds": (1, 1_000)})
    least: int = field(default=3, metadata={"bounds": (1, 1_000)})
    halt_ms: int = MS_PER_HOUR // 2

    @classmethod
    def never(cls) -> Self:
        """Give thresholds that nobody reaches."""
        return cls(move_tick=ENDLESS, static_tick=ENDLESS)


class Move(NamedTuple):
    """How far a price moved from a reference, and how far it might have."""

    reference_tick: int
    move_tick: int
    limit_tick: int
    static: bool


class CircuitBreaker:
    """The detector.

    Parameters
    ----------
    known : Known
    terms : CircuitBreakerTerms
    """

    streams: Final = {"trades": ("seq", "book", "period", "price_tick")}
    watches = True

    def __init__(self, known: Known, terms: CircuitBreakerTerms) -> None:
        self.known, self.terms = known, terms
        self.rings = self._room(1)
        self.first_open = 0
        """Periods before this one had closed at the last watch."""
        self.new: list[New] = []

    def _room(self, periods: int) -> Rings:
        books = max(1, len(self.known.books))
        return Rings.empty(periods, books, self.terms.trades + 1, self.terms.book_trades)

    def read(self, stream: str, rows: Mapping[str, NDArray[Any]]) -> None:  # noqa: ARG002 - the one form
        """Take in local trades."""
        self.new.append(New(*(rows[name].astype(np.int64, copy=False) for name in New._fields)))

    def review(self, now_ms: int) -> list[Finding]:
        """Look at the last trade of each product that traded since the last watch."""
        first_open = self._first_open(now_ms)
        if first_open > self.first_open:
            close(self.rings, self.first_open, first_open)
            self.first_open = first_open
        if not self.new:
            return []
        new = self.new.pop() if len(self.new) == 1 else New(*map(np.concatenate, zip(*self.new, strict=True)))
        self.new = []
        self._make_room(int(new.period.max()))
        terms, out = self.terms, np.empty((len(new.book) + 1, 4), np.int64)
        moves = np.array([terms.move_tick, terms.static_tick], np.int64)
        found = watch(self.rings, new, first_open, terms.within_ms, terms.least, moves, out)
        return [
            self._halt(book, period, move, now_ms)
            for book, period, own_tick, book_tick in sorted(out[:found].tolist())
            if (move := self._move(self._last(book, period)[PRICE_TICK], own_tick, book_tick)) is not None
        ]

    def _first_open(self, now_ms: int) -> int:
        """Give the first period whose gate is open; one that closes at this moment is not."""
        known = self.known
        return max(0, (now_ms + known.closes_before_ms - known.start_ms) // known.period_ms + 1)

    def _make_room(self, period: int) -> None:
        """Let the open periods up to `period` have places of their own."""
        old, needed = self.rings, period - self.first_open + 1
        if needed <= len(old.number):
            return
        self.rings = self._room(1 << needed.bit_length())
        held = np.arange(self.first_open, self.first_open + len(old.number))
        for mine, theirs in zip(self.rings[:4], old[:4], strict=True):
            mine[held % len(mine)] = theirs[held % len(theirs)]
        for mine, theirs in zip(self.rings[4:], old[4:], strict=True):
            mine[:] = theirs

    def _last(self, book: int, period: int) -> list[int]:
        """Give a product's last trade."""
        place = period % len(self.rings.number)
        trades = self.rings.trade[place, book]
        last: list[int] = trades[(self.rings.number[place, book] - 1) % len(trades)].tolist()
        return last

    def _move(self, last_tick: int, own_tick: int, book_tick: int) -> Move | None:
        """Hold a price against the references from which it is far; None within their ranges."""
        terms = self.terms
        for reference, share_ppm, least_tick, static in (
            (own_tick, terms.move_share_ppm, terms.move_tick, False),
            (book_tick, terms.static_share_ppm, terms.static_tick, True),
        ):
            limit_tick = max(abs(reference) * share_ppm // PPM, least_tick)
            move_tick = abs(last_tick - reference)
            if reference != NONE and move_tick > limit_tick:
                return Move(reference, move_tick, limit_tick, static)
        return None

    def _halt(self, book: int, period: int, move: Move, now_ms: int) -> Finding:
        """Tell of a move; what was before a halt is no measure of what comes after it."""
        _, last_tick, seq = self._last(book, period)
        until_ms, place = now_ms + self.terms.halt_ms, period % len(self.rings.number)
        self.rings.number[place, book], self.rings.halted_ms[place, book] = 0, until_ms
        values = (
            (Item.PRICE_TICK, last_tick),
            (Item.REFERENCE_TICK, move.reference_tick),
            (Item.MOVE_TICK, move.move_tick),
            (Item.MOVE_LIMIT_TICK, move.limit_tick),
            (Item.STATIC, int(move.static)),
        )
        return Finding(
            Rule.CIRCUIT_BREAKER,
            MARKET,
            (Offence(seq, period),),
            (*(Line(item, value, period) for item, value in values), Line(Item.EVENT, seq, _TRADES)),
            book=book,
            period=period,
            until_ms=until_ms,
        )

    # --- saving

    def export(self) -> dict[str, Any]:
        """Give the whole state, as JSON can hold it."""
        rings = self.rings
        held = np.argwhere((rings.number > 0) | (rings.halted_ms > 0))
        return {
            "first_open": self.first_open,
            "room": len(rings.number),
            "products": [
                [*at, int(rings.number[at]), int(rings.halted_ms[at]), rings.trade[at].tolist()]
                for at in map(tuple, held.tolist())
            ],
            "books": [rings.book_number.tolist(), rings.book_tick.tolist()],
            "new": [[column.tolist() for column in each] for each in self.new],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `export` gave."""
        self.first_open = state["first_open"]
        self.rings = rings = self._room(state["room"])
        for place, book, count, halted_ms, trades in state["products"]:
            rings.number[place, book], rings.halted_ms[place, book] = count, halted_ms
            rings.trade[place, book] = trades
        rings.book_number[:], rings.book_tick[:] = state["books"]
        self.new = [New(*(np.array(column, np.int64) for column in each)) for each in state["new"]]
