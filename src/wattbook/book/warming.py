"""Every kernel of the book, asked for once, so that it lies compiled in the cache.

Owns nothing; `wattbook warm-up` calls it.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from wattbook.book.auction import call_auction
from wattbook.book.face import Book
from wattbook.book.words import BUY, COMMAND_COLUMNS, SELL, Kind

_MANY: Final = 3_000


def warm() -> None:
    """Walk through every entry of the compiled book and of the call auction."""
    book = Book()
    book.call()
    book.submit(1, 1, BUY, 2, 2)
    book.submit(2, 2, SELL, 1, 1)
    book.uncross()
    commands = np.zeros((2, len(COMMAND_COLUMNS)), dtype=np.int64)
    commands[:, 0] = Kind.CANCEL, Kind.EXPIRE
    book.process(commands)
    orders = np.array([[1, 1, BUY, 2, 2], [2, 2, BUY, 2, 2], [3, 3, SELL, 1, 3]], dtype=np.int64)
    call_auction(orders, rationing="pro-rata")
    book.submit(3, 1, BUY, 2, 2)
    Book.restore(book.export())
    _outgrow(Book())


def _outgrow(book: Book) -> None:
    """Let more orders rest than the table of ids has room for at first."""
    commands = np.zeros((_MANY, len(COMMAND_COLUMNS)), dtype=np.int64)
    commands[:, 0] = Kind.SUBMIT
    commands[:, 2] = np.arange(1, _MANY + 1)
    commands[:, 4] = BUY
    commands[:, 5:7] = 1
    book.process(commands)
