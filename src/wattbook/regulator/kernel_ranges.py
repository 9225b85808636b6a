"""Prices of trades held against medians of earlier ones, compiled: a circuit breaker's arithmetic, with no allocation.

Owns rings of the latest trades by product and by book. A product lies at its period's place in a ring of periods, so
that what has closed makes room. What a share of a price is, and what follows, is decided by whoever calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

TIME_MS, PRICE_TICK, SEQ = range(3)
"""Places of a trade's numbers in a ring."""
BOOK, PERIOD, OWN_TICK, BOOK_TICK = range(4)
"""Places of a candidate's numbers."""
NONE = -(1 << 62)
"""Stands for a reference that too few trades make."""


class Rings(NamedTuple):
    """The latest trades.

    Attributes
    ----------
    trade : (periods, books, length, 3) int64
        Of each product, `TIME_MS`, `PRICE_TICK` and `SEQ` of its latest trades.
    number : (periods, books) int64
        Trades of each product since it opened or was halted.
    halted_ms : (periods, books) int64
        When its last halt ends.
    fresh : (periods, books) int64
        1 where it traded since the last watch.
    book_tick : (books, book_trades) int64
        Prices of the latest trades of each book.
    book_number : (books,) int64
    """

    trade: Ints
    number: Ints
    halted_ms: Ints
    fresh: Ints
    book_tick: Ints
    book_number: Ints

    @classmethod
    def empty(cls, periods: int, books: int, length: int, book_trades: int) -> Rings:
        """Make room for so many."""
        number, halted_ms, fresh = np.zeros((3, periods, books), np.int64)
        return cls(
            np.zeros((periods, books, length, 3), np.int64), number, halted_ms, fresh,
            np.zeros((books, book_trades), np.int64), np.zeros(books, np.int64),
        )  # fmt: skip


class New(NamedTuple):
    """Trades since the last watch, (n,) each."""

    book: Ints
    period: Ints
    time_ms: Ints
    price_tick: Ints
    seq: Ints


@njit(cache=True)
def watch(rings: Rings, new: New, first_open: int, within_ms: int, least: int, moves: Ints, out: Ints) -> int:
    """Take in trades, and find the open products whose last one lies far from a reference.

    Parameters
    ----------
    first_open : int
        First period whose gate is open.
    within_ms : int
        How much older than the last trade another one of its product may be to count.
    least : int
        Trades that make a reference.
    moves : (2,) int64
        How far from the product's and from the book's reference is far [ticks].
    out : (products, 4) int64
        Gets the candidates: `BOOK`, `PERIOD`, and the references, `NONE` for one that is missing or not far.

    Returns
    -------
    Number of candidates.
    """
    scratch = np.empty(max(rings.trade.shape[2], rings.book_tick.shape[1]), np.int64)
    wides = np.empty(len(rings.book_tick), np.int64)
    for each in range(len(wides)):
        wides[each] = _wide(rings, each, least, scratch)
    _take(rings, new, first_open)
    found = 0
    for row in range(len(new.book)):
        book, period = new.book[row], new.period[row]
        place = period % len(rings.number)
        if period < first_open or not rings.fresh[place, book]:
            continue
        rings.fresh[place, book] = 0
        last = rings.trade[place, book, (rings.number[place, book] - 1) % rings.trade.shape[2]]
        if last[TIME_MS] < rings.halted_ms[place, book]:
            continue
        own, wide = _own(rings, place, book, last[TIME_MS] - within_ms, least, scratch), wides[book]
        out[found, BOOK], out[found, PERIOD] = book, period
        out[found, OWN_TICK] = own if own != NONE and abs(last[PRICE_TICK] - own) > moves[0] else NONE
        out[found, BOOK_TICK] = wide if wide != NONE and abs(last[PRICE_TICK] - wide) > moves[1] else NONE
        found += out[found, OWN_TICK] != NONE or out[found, BOOK_TICK] != NONE
    for row in range(len(new.book)):
        book = new.book[row]
        rings.book_tick[book, rings.book_number[book] % rings.book_tick.shape[1]] = new.price_tick[row]
        rings.book_number[book] += 1
    return found


@njit(cache=True)
def _take(rings: Rings, new: New, first_open: int) -> None:
    """Lay the trades of open products into their rings."""
    for row in range(len(new.book)):
        if new.period[row] < first_open:
            continue
        place, book = new.period[row] % len(rings.number), new.book[row]
        trade = rings.trade[place, book, rings.number[place, book] % rings.trade.shape[2]]
        trade[TIME_MS], trade[PRICE_TICK], trade[SEQ] = new.time_ms[row], new.price_tick[row], new.seq[row]
        rings.number[place, book] += 1
        rings.fresh[place, book] = 1


@njit(cache=True)
def _own(rings: Rings, place: int, book: int, since_ms: int, least: int, scratch: Ints) -> int:
    """Give the median of a product's trades before its last one."""
    length, number = rings.trade.shape[2], rings.number[place, book]
    used = 0
    for each in range(max(0, number - length), number - 1):
        trade = rings.trade[place, book, each % length]
        if trade[TIME_MS] >= since_ms:
            scratch[used] = trade[PRICE_TICK]
            used += 1
    return _median(scratch[:used]) if used >= least else NONE


@njit(cache=True)
def _wide(rings: Rings, book: int, least: int, scratch: Ints) -> int:
    """Give the median of a book's trades that an earlier watch has looked at."""
    used = min(rings.book_number[book], rings.book_tick.shape[1])
    scratch[:used] = rings.book_tick[book, :used]
    return _median(scratch[:used]) if used >= least else NONE


@njit(cache=True)
def _median(numbers: Ints) -> int:
    """Give the middle one, the lower of the two middle ones of an even number; sorts them in place."""
    for place in range(1, len(numbers)):
        number, at = numbers[place], place
        while at and numbers[at - 1] > number:
            numbers[at] = numbers[at - 1]
            at -= 1
        numbers[at] = number
    middle: int = numbers[(len(numbers) - 1) // 2]
    return middle


@njit(cache=True)
def close(rings: Rings, first: int, past: int) -> None:
    """Empty the places of the periods from `first` to before `past`."""
    for period in range(max(first, past - len(rings.number)), past):
        place = period % len(rings.number)
        rings.number[place] = 0
        rings.halted_ms[place] = 0
        rings.fresh[place] = 0
