"""Stalls: which feeders' orders lie in one order book.

Owns how a street's local books are dealt out, and what belongs to one of the stalls: an order book, the ring of its
orders, their numbers. Neighbours trade on their own feeder; where there is no district's book no order of one stall
ever meets one of another, so what happens at one can be worked out without the others, and in any order.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wattbook.market.columns import doubled, empty_ring

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from wattbook.book import Book, ReferenceBook
    from wattbook.journal import Draft, Journal
    from wattbook.market.columns import Notices
    from wattbook.market.setup import Street

    Ints = NDArray[np.int64]

MOST_STALLS: Final = 16
"""More than any machine of today runs side by side to an advantage; part of the numbers that orders get."""


def count_stalls(street: Street) -> int:
    """Count the stalls of a street: a matter of its feeders alone, never of the machine or of who drives the clock.

    Where the district has a book, or traders take part in an experiment, there is one.
    """
    market = street.market
    if market is None or market.laboratory is not None or len(street.books) != len(street.feeders):
        return 1
    return min(MOST_STALLS, max(len(street.feeders), 1))


def bits_of(stalls: int) -> int:
    """Give the number of bits of an order's number that tell its stall."""
    return (stalls - 1).bit_length()


class Stall:
    """An order book of some feeders and what the market keeps of its orders.

    Parameters
    ----------
    index, stalls : int
        Which of how many.
    street : Street
    book : Book or ReferenceBook
        One product per (book, period) of the stall.
    journal : Journal
    notices : Notices
    counts : (2,) int64
        Orders and trades so far.

    Attributes
    ----------
    first_book, books : int
        The books of the street that lie here: `first_book` and those that follow.
    ring : Ring
    pages : Journal or Draft
        Where commands and facts are written.
    notices : Notices
        Where fills are told.
    """

    def __init__(
        self, index: int, stalls: int, street: Street, book: Book | ReferenceBook, journal: Journal, notices: Notices,
        counts: Ints,
    ) -> None:  # fmt: skip
        self.index = index
        self.bits = bits_of(stalls)
        self.first_book, self.books = span(index, stalls, len(street.books))
        self.periods = street.periods
        self.book = book
        self.ring = empty_ring()
        self.counts = counts
        self.pages: Journal | Draft = journal
        self.notices = notices

    def product(self, book: int, period: int) -> int:
        """Product of the order book that stands for `period` in the street's `book`."""
        return (book - self.first_book) * self.periods + period

    def row(self, order: int) -> int:
        """Row of the ring that an order has, if it lives."""
        return (order >> self.bits) & (len(self.ring.order) - 1)

    def next_order(self) -> int:
        """Give a new order its number, and make room for it in the ring."""
        self.counts[0] += 1
        order = int(self.counts[0]) << self.bits | self.index
        while self.ring.order[self.row(order)]:
            self.lengthen()
        return order

    def lengthen(self) -> None:
        """Double the ring."""
        self.ring = doubled(self.ring, self.bits)

    @contextmanager
    def aside(self, pages: Journal | Draft, notices: Notices) -> Iterator[None]:
        """Write to other pages, and tell of fills elsewhere, for a while."""
        before = self.pages, self.notices
        self.pages, self.notices = pages, notices
        try:
            yield
        finally:
            self.pages, self.notices = before

    # --- saving

    def export(self) -> dict[str, NDArray[Any]]:
        """Give the whole state as named arrays."""
        arrays: dict[str, NDArray[Any]] = {
            f"stall-{self.index}.ring.{name}": column for name, column in self.ring._asdict().items()
        }
        return arrays | {f"stall-{self.index}.book": np.frombuffer(self.book.export(), np.uint8)}

    def restore(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Take on a state that `export` gave."""
        self.ring = empty_ring(len(arrays[f"stall-{self.index}.ring.order"]))
        for name, column in self.ring._asdict().items():
            column[...] = arrays[f"stall-{self.index}.ring.{name}"]
        self.book = type(self.book).restore(arrays[f"stall-{self.index}.book"].tobytes())

    def check(self) -> None:
        """Assert that the ring and the order book tell of the same orders."""
        self.book.check()
        alive = np.flatnonzero(self.ring.order)
        assert len(alive) == len(self.book)
        assert (self.ring.remaining_wh[alive] > 0).all()
        assert ((self.ring.order[alive] & ((1 << self.bits) - 1)) == self.index).all(), "an order of another stall"


def span(index: int, stalls: int, books: int) -> tuple[int, int]:
    """First of the books that lie at a stall, and their number: neighbouring feeders share one."""
    first = -(-index * books // stalls)
    return first, -(-(index + 1) * books // stalls) - first


def stall_of(feeder: Any, stalls: int, books: int) -> Any:
    """Tell the stall of a feeder, or of each of many; who has none is counted to the first."""
    return np.maximum(feeder, 0) * stalls // max(books, 1)
