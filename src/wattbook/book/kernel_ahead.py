"""Looking ahead: what a book asks its memory for, some commands before it is needed.

Owns nothing. What it looks at may have changed when its command comes: it only asks, and no answer depends on it.
"""

# mypy: disable-error-code="no-any-return"
# An element of an array is Any to mypy, and every function here returns one.

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from wattbook.book import words
from wattbook.book.kernel_columns import (
    ENDS,
    H_EVENTS,
    LOW_32,
    WIDTHS,
    Columns,
    Rules,
    key_of,
    level_of,
    next_of,
    previous_of,
)
from wattbook.book.kernel_machine import inlined, line, prefetch, prefetch_to_write, u
from wattbook.book.kernel_table import bucket_of, guess
from wattbook.book.kernel_tree import level_at

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CANCEL: Final = int(words.Kind.CANCEL)
SELL: Final = words.SELL
LARGE: Final = 1 << 13
"""A book of more rows of orders does not fit into the nearer caches: there it pays to ask for lines ahead of time."""
FAR, FARTHER, FARTHEST = 6, 12, 18
"""How many commands ahead."""
READ_AHEAD: Final = 1_024
"""How far ahead a batch is read, and its record made ready to be written [bytes]: a dozen commands or more."""
COMMAND_BYTES: Final = 8 * len(words.COMMAND_COLUMNS)
EVENT_BYTES: Final = 8 * WIDTHS["events"]


class Bases(NamedTuple):
    """Addresses of the columns whose lines a book has to wait for."""

    levels: int
    orders: int
    table: int
    events: int


@inlined
def bases_at(address: int) -> Bases:
    """See `columns_at`."""
    a = line(address, 20)
    return Bases(a[8], a[10], a[14], a[18])


@inlined
def read_ahead(b: Columns, at: Bases, commands: int, row: int) -> None:
    """Ask for commands to come and for the record's next lines: other programs may have had the cache meanwhile."""
    prefetch(commands + COMMAND_BYTES * row + READ_AHEAD)
    prefetch_to_write(at.events + EVENT_BYTES * b.header[H_EVENTS] + READ_AHEAD)


@inlined
def _ask_for_neighbours(b: Columns, at: Bases, slot: int) -> None:
    """Ask for an order's level and for those beside it in the queue."""
    prefetch(at.levels + (level_of(b, slot) << 5))
    prefetch(at.orders + (next_of(b, slot) << 5))
    prefetch(at.orders + (previous_of(b, slot) << 5))


@inlined
def _ask_for_queue(b: Columns, r: Rules, at: Bases, product: int, side: int, price: int) -> None:
    """Ask for a level and for the last order of its queue, which the next one is linked to."""
    if 0 <= product < r.products and r.floor <= price <= r.cap:
        row = 2 * product + (side == SELL)
        level = level_at(b, r, row, key_of(r, row, price))
        prefetch(at.levels + (level << 5))
        prefetch(at.orders + ((b.levels[u(level), ENDS] & LOW_32) << 5))


@inlined
def look_ahead(b: Columns, r: Rules, at: Bases, rows: NDArray[np.int64], row: int) -> None:
    """Ask for what the commands after `row` touch, in steps: each finds in the cache what the one before asked for.

    Whether a command is about an order that rests is not asked, as nobody can foresee it: a new id leads to row 0.
    """
    prefetch(at.table + (bucket_of(b, rows[u(row + FARTHEST), 2]) << 3))
    prefetch(at.orders + (guess(b, rows[u(row + FARTHER), 2]) << 5))
    near = u(row + FAR)
    _ask_for_neighbours(b, at, guess(b, rows[near, 2]))
    if rows[near, 0] != CANCEL:
        _ask_for_queue(b, r, at, rows[near, 1], rows[near, 4], rows[near, 5])
