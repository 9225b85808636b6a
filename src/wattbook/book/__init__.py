"""The book: resting orders, priority, fills.

Two implementations of one law: `ReferenceBook` tells the rules in plain Python, `Book` carries them out compiled.
They agree in every event, every code and every byte of their state. `call_auction` clears any orders at once, without a
book. The room knows no names, no balances, no clock.

`Book` and `call_auction` are loaded when they are first asked for: whoever only names codes does not wait for the
compiler.
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
    MAX_SLICES,
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
    from wattbook.book.auction import AuctionError, Clearing, call_auction
    from wattbook.book.face import Book

__all__ = [
    "BUY",
    "COMMAND_COLUMNS",
    "EVENT_COLUMNS",
    "FILL_COLUMNS",
    "MAX_ORDERS",
    "MAX_QUANTITY_WH",
    "MAX_SLICES",
    "SELF_TRADE_MODES",
    "SELL",
    "AuctionError",
    "Batch",
    "Book",
    "BookError",
    "Clearing",
    "Code",
    "CommandArrayError",
    "Event",
    "Flag",
    "Kind",
    "Receipt",
    "ReferenceBook",
    "call_auction",
]


_COMPILED = {"Book": "face", "AuctionError": "auction", "Clearing": "auction", "call_auction": "auction"}


def __getattr__(name: str) -> object:
    """Load what is compiled (PEP 562)."""
    if name not in _COMPILED:
        raise AttributeError(f"module 'wattbook.book' has no attribute {name!r}")
    from importlib import import_module

    found: object = getattr(import_module(f"wattbook.book.{_COMPILED[name]}"), name)
    globals()[name] = found
    return found
