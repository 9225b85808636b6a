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

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from wattbook.oversight import SEEN_STREAMS, Item, Rule
from wattbook.regulator.findings import MARKET, Finding, Line, Offence
from wattbook.regulator.gouging import ENDLESS
from wattbook.units import MS_PER_HOUR, PPM

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
    trades: int = 10
    within_ms: int = 2 * MS_PER_HOUR
    book_trades: int = 50
    least: int = 3
    halt_ms: int = MS_PER_HOUR // 2

    @classmethod
    def never(cls) -> Self:
        """Give thresholds that nobody reaches."""
        return cls(move_tick=ENDLESS, static_tick=ENDLESS)


class Trade(NamedTuple):
    """A trade as it counts here."""

    time_ms: int
    price_tick: int
    seq: int


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

    streams = ("trades",)
    watches = True

    def __init__(self, known: Known, terms: CircuitBreakerTerms) -> None:
        self.known, self.terms = known, terms
        self.products: dict[tuple[int, int], list[Trade]] = {}
        """By book and period, the latest trades of products whose gate is open."""
        self.books: dict[int, list[int]] = {}
        """By book, prices of the latest trades that an earlier watch has looked at."""
        self.fresh: list[tuple[int, int, int]] = []
        """Book, period and price of each trade since the last watch."""
        self.halted_ms: dict[tuple[int, int], int] = {}
        """By book and period, when the last halt ends."""

    def read(self, stream: str, rows: Mapping[str, NDArray[Any]]) -> None:  # noqa: ARG002 - the one form
        """Take in local trades."""
        names = ("book", "period", "time_ms", "price_tick", "seq")
        for book, period, time_ms, price_tick, seq in zip(*(rows[name].tolist() for name in names), strict=True):
            product = book, period
            kept = self.products.setdefault(product, [])
            kept.append(Trade(time_ms, price_tick, seq))
            del kept[: -self.terms.trades - 1]
            self.fresh.append((book, period, price_tick))

    def review(self, now_ms: int) -> list[Finding]:
        """Look at the last trade of each product that traded since the last watch."""
        found = []
        for product in sorted({(book, period) for book, period, _ in self.fresh}):
            move = self._move(product) if self._may_halt(product, now_ms) else None
            if move is not None:
                found.append(self._finding(product, move, now_ms))
                self.halted_ms[product] = now_ms + self.terms.halt_ms
                # What was before a halt is no measure of what comes after it.
                self.products[product] = []
        self._tidy(now_ms)
        return found

    def _may_halt(self, product: tuple[int, int], now_ms: int) -> bool:
        """Tell whether a product's gate is open and its last trade was not made before the end of a halt."""
        is_open = self._gate_ms(product) > now_ms
        return is_open and self.products[product][-1].time_ms >= self.halted_ms.get(product, 0)

    def _gate_ms(self, product: tuple[int, int]) -> int:
        return self.known.start_of(product[1]) - self.known.closes_before_ms

    def _move(self, product: tuple[int, int]) -> Move | None:
        """Measure the last trade of a product against both references; None within their ranges."""
        terms, (*before, last) = self.terms, self.products[product]
        recent = [each.price_tick for each in before if each.time_ms >= last.time_ms - terms.within_ms]
        ranges = (
            (recent, terms.move_share_ppm, terms.move_tick, False),
            (self.books.get(product[0], []), terms.static_share_ppm, terms.static_tick, True),
        )
        for prices, share_ppm, least_tick, static in ranges:
            if len(prices) < terms.least:
                continue
            reference = median_tick(prices)
            limit_tick = max(abs(reference) * share_ppm // PPM, least_tick)
            move_tick = abs(last.price_tick - reference)
            if move_tick > limit_tick:
                return Move(reference, move_tick, limit_tick, static)
        return None

    def _tidy(self, now_ms: int) -> None:
        """Let fresh trades be a part of their books' references, and forget products whose gate has closed."""
        for book, _, price_tick in self.fresh:
            kept = self.books.setdefault(book, [])
            kept.append(price_tick)
            del kept[: -self.terms.book_trades]
        self.fresh = []
        self.products = {key: trades for key, trades in self.products.items() if self._gate_ms(key) > now_ms}
        self.halted_ms = {key: until_ms for key, until_ms in self.halted_ms.items() if key in self.products}

    def _finding(self, product: tuple[int, int], move: Move, now_ms: int) -> Finding:
        book, period = product
        last = self.products[product][-1]
        values = (
            (Item.PRICE_TICK, last.price_tick),
            (Item.REFERENCE_TICK, move.reference_tick),
            (Item.MOVE_TICK, move.move_tick),
            (Item.MOVE_LIMIT_TICK, move.limit_tick),
            (Item.STATIC, int(move.static)),
        )
        return Finding(
            Rule.CIRCUIT_BREAKER,
            MARKET,
            (Offence(last.seq, period),),
            (*(Line(item, value, period) for item, value in values), Line(Item.EVENT, last.seq, _TRADES)),
            book=book,
            period=period,
            until_ms=now_ms + self.terms.halt_ms,
        )

    # --- saving

    def export(self) -> dict[str, Any]:
        """Give the whole state, as JSON can hold it."""
        return {
            "products": [[*key, [list(each) for each in trades]] for key, trades in self.products.items()],
            "books": list(self.books.items()),
            "fresh": self.fresh,
            "halted_ms": [[*key, until_ms] for key, until_ms in self.halted_ms.items()],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `export` gave."""
        self.products = {(book, period): [Trade(*each) for each in rows] for book, period, rows in state["products"]}
        self.books = {book: list(prices) for book, prices in state["books"]}
        self.fresh = [(book, period, price_tick) for book, period, price_tick in state["fresh"]]
        self.halted_ms = {(book, period): until_ms for book, period, until_ms in state["halted_ms"]}


def median_tick(prices: Sequence[int]) -> int:
    """Give the middle price, the lower of the two middle ones of an even number.

    >>> median_tick([9_000, 20_000, 10_000, 11_000])
    10000
    """
    return sorted(prices)[(len(prices) - 1) // 2]
