"""The books that are measured, behind one door: prepare commands outside the clock, carry them out inside it.

A contender's `carry_out` ends when everything it tells has been read, so nobody is quick by putting work off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from wattbook.book import EVENT_COLUMNS, FILL_COLUMNS, Flag, Kind

from .minimal import MinimalBook

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from wattbook.book import Book
    from wattbook.book.doors import Doors


SUBMIT: Final = int(Kind.SUBMIT)
CANCEL: Final = int(Kind.CANCEL)
IOC: Final = int(Flag.IOC)
QUANTITY_OF_FILL: Final = FILL_COLUMNS.index("quantity_wh")
QUANTITY_OF_EVENT: Final = EVENT_COLUMNS.index("quantity_wh")


class Told(NamedTuple):
    """What a book told of a slice of commands; None where it does not tell.

    Attributes
    ----------
    fills : int or None
        Number of fills.
    traded_wh : int or None
        Sum of their quantities [Wh].
    """

    fills: int | None
    traded_wh: int | None


class Contender(Protocol):
    """One book with its way in; made anew for each pass."""

    def prepare(self, commands: NDArray[np.int64]) -> Sequence[Sequence[int]] | NDArray[np.int64]:
        """Bring commands, int64 of shape (n, 8), into the form the book takes them in; not timed."""

    def carry_out(self, prepared: Any) -> Told:
        """Carry the commands out and read everything the book tells of them; timed."""


class Audited(Contender, Protocol):
    """A book that does not tell what it traded."""

    def audit(self, prepared: Any) -> Told:
        """Carry the commands out and find out what was traded, however long it takes; not timed."""


class Batches:
    """`process` of either book, a whole slice in one call: fills, events and codes are all read."""

    def __init__(self, book: Doors) -> None:
        self.book = book

    def prepare(self, commands: NDArray[np.int64]) -> NDArray[np.int64]:
        """Copy the slice, so that it lies in memory of its own."""
        return commands.copy()

    def carry_out(self, prepared: NDArray[np.int64]) -> Told:
        """Process the slice, and sum the quantities of fills and events and the codes."""
        fills, events, codes, *_ = self.book.process(prepared)
        traded_wh = int(fills[:, QUANTITY_OF_FILL].sum())
        assert int(events[:, QUANTITY_OF_EVENT].sum()) >= 2 * traded_wh
        assert int(codes.sum()) >= 0
        return Told(len(fills), traded_wh)


class RowTaker:
    """Whoever takes rows of plain ints."""

    def prepare(self, commands: NDArray[np.int64]) -> list[list[int]]:
        """Make rows of plain ints."""
        rows: list[list[int]] = commands.tolist()
        return rows


class RawCalls(RowTaker):
    """`Book.step`, one call a command, its code read; it tells no fills, so they are audited."""

    def __init__(self, products: int) -> None:
        self.book = compiled_book(products)

    def carry_out(self, prepared: list[list[int]]) -> Told:
        """Step through the slice and sum the codes."""
        step, codes = raw_door(self.book), 0
        for kind, product, order, owner, side, price, quantity, flags in prepared:
            codes += step(kind, product, order, owner, side, price, quantity, flags)
        assert codes >= 0
        return Told(None, None)

    def audit(self, prepared: list[list[int]]) -> Told:
        """Step through the slice and sum the rows of its fills."""
        step, traded_wh = raw_door(self.book), 0
        for row in prepared:
            step(*row)
            if count := self.book.fill_count:
                traded_wh += int(self.book.fill_rows[:count, QUANTITY_OF_FILL].sum())
        return Told(None, traded_wh)


class PublicCalls(RowTaker):
    """`Book.submit`, `cancel`, `replace`: one public call a command, code and filled energy read."""

    def __init__(self, products: int) -> None:
        self.book = compiled_book(products)

    def carry_out(self, prepared: list[list[int]]) -> Told:
        """Call for each command of the slice."""
        submit, cancel, replace, traded_wh = self.book.submit, self.book.cancel, self.book.replace, 0
        for kind, product, order, owner, side, price, quantity, flags in prepared:
            if kind == SUBMIT:
                traded_wh += submit(order, owner, side, price, quantity, product, flags).filled_wh
            elif kind == CANCEL:
                cancel(order, owner)
            else:
                traded_wh += replace(order, owner, price, quantity).filled_wh
        return Told(None, traded_wh)


class Minimal(RowTaker):
    """The frozen `MinimalBook`, one call a command; fills and events are read."""

    def __init__(self, products: int) -> None:
        self.book = MinimalBook(products)

    def carry_out(self, prepared: list[list[int]]) -> Told:
        """Call for each command of the slice, keep its fills, and sum quantities of fills and events."""
        submit, cancel, replace = self.book.submit, self.book.cancel, self.book.replace
        told: list[tuple[int, int, int, int]] = []
        for kind, product, order, owner, side, price, quantity, flags in prepared:
            if kind == SUBMIT:
                told += submit(order, product, owner, side, price, quantity, flags == IOC)
            elif kind == CANCEL:
                cancel(order, owner)
            else:
                told += replace(order, owner, price, quantity) or ()
        traded_wh = sum(fill[3] for fill in told)
        remaining_wh = sum(event[4] for event in self.book.events)
        assert remaining_wh >= 0
        self.book.events.clear()
        return Told(len(told), traded_wh)


def compiled_book(products: int) -> Book:
    """Make our book; nobody else's process loads the compiler."""
    from wattbook.book import Book

    return Book(products)


def reference_book(products: int) -> Doors:
    """Make the reference."""
    from wattbook.book import ReferenceBook

    return ReferenceBook(products)


def raw_door(book: Book) -> Callable[..., int]:
    """Give the book's unchecked door for one command of eight ints; the one place that names it."""
    return book.step


BATCH: Final = "wattbook batch"
RAW: Final = "wattbook raw calls"
PUBLIC: Final = "wattbook public calls"
REFERENCE: Final = "reference batch"
MINIMAL: Final = "minimal book"
OURS: Final[dict[str, Callable[[int], Contender]]] = {
    BATCH: lambda products: Batches(compiled_book(products)),
    RAW: RawCalls,
    PUBLIC: PublicCalls,
    REFERENCE: lambda products: Batches(reference_book(products)),
    MINIMAL: Minimal,
}
