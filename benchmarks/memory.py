"""What a book holds: bytes per resting order, empty books, and whether it grows while orders pass through.

Each figure comes from a process of its own, so that nobody else's memory is in it.
"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wattbook.book import Book, Kind

from . import streams
from .machine import own_process, resident_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

EMPTY_BOOKS: Final = 96
ORDERS_THROUGH: Final = 50_000_000
ROUND_MESSAGES: Final = 1_000_000
_CODE: Final = "import json, sys; from {module} import {name}; print(json.dumps({name}(*map(int, sys.argv[1:]))))"


def measure(orders_through: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Take all figures, each in its own process."""
    found = {}
    for what, name, given in (
        ("resting", "resting", ()),
        ("empty books", "empty_books", ()),
        ("orders through", "orders_through", (orders_through, ROUND_MESSAGES)),
    ):
        say(f"memory: {what}")
        found[what] = own_process(_CODE.format(module=__name__, name=name), *map(str, given))
    return found


def resting() -> dict[str, float]:
    """Bytes per resting order of a book with the deep stream's opening."""
    opening = streams.draw("deep", 1_000).opening
    Book().process(opening[:1_000])
    _settle()
    before = resident_bytes()
    book = Book()
    book.process(opening)
    _settle()
    grown = resident_bytes() - before
    found = {"orders": len(book), "resident_bytes_per_order": round(grown / len(book), 1)}
    if (own := own_bytes(book)) is not None:
        found["own_bytes_per_order"] = round(own / len(book), 1)
    return found


def empty_books() -> dict[str, float]:
    """Bytes of books without an order."""
    first = Book()
    first.submit(1, 1, 1, 100, 100)
    _settle()
    before = resident_bytes()
    books = [Book() for _ in range(EMPTY_BOOKS)]
    _settle()
    grown = resident_bytes() - before
    found: dict[str, float] = {"books": len(books), "resident_bytes": grown}
    if (own := own_bytes(books[0])) is not None:
        found["own_bytes"] = len(books) * own
    return found


def orders_through(orders: int, round_messages: int) -> dict[str, Any]:
    """Resident memory after each round of a stream that goes on and on through one book.

    A round is the local stream with fresh order ids; what rests at its end is cancelled before the next.
    """
    stream = streams.draw("local", round_messages)
    span = int(stream.messages[:, streams.ORDER].max())
    submits = len(stream.opening) + int(np.count_nonzero(stream.messages[:, streams.KIND] == Kind.SUBMIT))
    rounds = max(-(-orders // submits), 4)
    book = Book()
    held: list[int] = []
    own: list[int] = []
    left = np.empty((0, streams.FLAGS + 1), dtype=np.int64)
    for _ in range(rounds):
        book.process(np.concatenate([left, stream.opening]))
        book.process(stream.messages)
        left = _cancels(book)
        stream.opening[:, streams.ORDER] += span
        stream.messages[:, streams.ORDER] += span
        _settle()
        held.append(resident_bytes())
        own.append(own_bytes(book) or 0)
    book.check()
    return {
        "orders": rounds * submits,
        "resting": len(book),
        "rounds": rounds,
        "after_two_rounds_bytes": held[1],
        "at_the_end_bytes": held[-1],
        "grown_bytes": max(held[2:]) - held[1],
        "own_grown_bytes": own[-1] - own[1],
    }


def own_bytes(book: Book) -> int | None:
    """Bytes of the book's columns, None where it does not tell."""
    told = getattr(book, "nbytes", None)
    return None if told is None else int(told)


def _cancels(book: Book) -> NDArray[np.int64]:
    """Commands that cancel all resting orders."""
    rows = [(Kind.CANCEL, 0, order, owner, 0, 0, 0, 0) for order, owner, *_ in book.orders()]
    return np.array(rows, dtype=np.int64).reshape(-1, streams.FLAGS + 1)


def _settle() -> None:
    """Give back what nobody holds any more."""
    gc.collect()
