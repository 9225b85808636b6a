"""The book: resting orders, priority, fills.

Two implementations of one law: `ReferenceBook` tells the rules in plain Python, `Book` carries them out compiled.
They agree in every event, every code and every byte of their state. The room knows no names, no balances, no clock.

`Book` is loaded when it is first asked for: whoever only names codes does not wait for the compiler.
"""

from typing import TYPE_CHECKING

from wattbook.book.reference import ReferenceBook
from wattbook.book.words import (
    BUY,
    COMMAND_COLUMNS,
    EVENT_COLUMNS,
    FILL_COLUMNS,
    MAX_ORDERS,
    MAX_QUANTITY_WH,
    SELF_TRADE_MODES,
    SELL,
    Batch,
    BookError,
    Code,
    CommandArrayError,
    Event,
    Flag,
    Kind,
    Receipt,
)

if TYPE_CHECKING:
    from wattbook.book.face import Book

__all__ = [
    "BUY",
    "COMMAND_COLUMNS",
    "EVENT_COLUMNS",
    "FILL_COLUMNS",
    "MAX_ORDERS",
    "MAX_QUANTITY_WH",
    "SELF_TRADE_MODES",
    "SELL",
    "Batch",
    "Book",
    "BookError",
    "Code",
    "CommandArrayError",
    "Event",
    "Flag",
    "Kind",
    "Receipt",
    "ReferenceBook",
]


def __getattr__(name: str) -> object:
    """Load the compiled book (PEP 562)."""
    if name != "Book":
        raise AttributeError(f"module 'wattbook.book' has no attribute {name!r}")
    from wattbook.book.face import Book

    globals()["Book"] = Book
    return Book
