"""The book: resting orders, priority, fills.

Two implementations of one law: `ReferenceBook` tells the rules in plain Python, `Book` carries them out compiled.
They agree in every event, every code and every byte of their state. The room knows no names, no balances, no clock.
"""

from wattbook.book.face import Book
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
