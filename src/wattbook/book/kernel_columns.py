"""The columns of a compiled book: how orders, queues and prices lie in memory, and every small change to them.

Owns the layout. Knows no rule of matching: `kernel` has the commands, `kernel_uncross` the call auction.

Layout
------
Row 0 of `orders`, `extras`, `levels` and of the tree stands for none, so that a fresh column of zeros is empty.

header
    Scalars, see the ``H_`` numbers.
sides : (2 x products, 8)
    Bids of product p in row 2p, asks in row 2p + 1: one cache line. An empty side costs nothing else.
masks : (nodes,), branches : (nodes, 32) of int32
    A tree per side from price to level, five bits of the key a step, nodes only where prices are. The key of an ask
    counts steps up from the floor, the key of a bid steps down from the cap: the lowest key is the best price. A mask
    tells which branches are taken; the others are 0, and all branches of node 0 are, so a search needs no test on its
    way. At the lowest step the branches are rows of `levels`.
levels : (capacity, 4)
    A price with its shown total and the ends of its queue; free rows are chained.
orders : (capacity, 4)
    Resting orders, doubly linked in the queue of their level, 32 bytes each: two to a cache line. Several numbers
    share a word, see the accessors; a quantity is what is shown. Free rows are chained.
extras : (capacity, 4)
    What only icebergs and timed orders have; their order's word for the owner then holds the row here.
table : (a power of two,)
    A map from order id to row of `orders` in buckets of 8, a cache line each; an entry holds 31 bits of the id beside
    the row, so that a search looks at an order only where it is the right one. An order that finds its bucket full
    goes on to the next, and comes back when there is room: so the table holds resting orders only, and a search ends
    at the first bucket with a free place.
fills, events : (any, 6), (any, 7)
    Where a command writes what happened.

The columns enter compiled code as raw addresses that are turned into arrays once, at the top: arrays made so carry no
reference count. That only shows once the small functions are inlined, by force.
"""

# mypy: disable-error-code="no-any-return"
# An element of an array is Any to mypy, and every function here returns one.

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from wattbook.book import words
from wattbook.book.kernel_machine import inlined, line, short_view, u, view

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


H_PRODUCTS, H_FLOOR, H_CAP, H_STEP, H_MODE, H_MAX_ORDERS, H_LOT, H_TOP, H_DEPTH, H_SAFE = range(10)
H_LAST_ORDER, H_COUNT, H_RESTING, H_FILLED, H_FIRST_FILL, H_FILLS, H_EVENTS, H_NEEDED = range(10, 18)
H_FREE_ORDER, H_ORDERS_USED, H_FREE_LEVEL, H_LEVELS_USED, H_LEVELS = range(18, 23)
H_FREE_NODE, H_NODES_USED, H_NODES, H_FREE_EXTRA, H_EXTRAS_USED, H_EXTRAS, H_TABLE_SHIFT = range(23, 30)
H_PLAIN: Final = 30
HEADER_LENGTH: Final = 31

ROOT, BEST, ORDERS, SLICES, EARLIEST, CALLING = range(6)
KEY, TOTAL, ENDS, PLACE = range(4)
ORDER, OWNER, SIZE, LINKS = range(4)
DISPLAY, HIDDEN, EXPIRE_MS, OWNER_TOO = range(4)
WIDTHS: Final = {
    "header": 1, "sides": 8, "masks": 1, "branches": 32, "levels": 4, "orders": 4, "extras": 4, "table": 1,
    "fills": 6, "events": 7,
}  # fmt: skip

NEED_EVENTS, NEED_ORDERS, NEED_LEVELS, NEED_NODES, NEED_EXTRAS, NEED_RARE = range(-1, -7, -1)

LOW_32: Final = 0xFFFFFFFF
ROW_BITS: Final = 26
ROW: Final = (1 << ROW_BITS) - 1
"""Mask of a row of orders or levels: `MAX_ORDERS` of them, and row 0."""
BITS: Final = 63
EXTRA: Final = 32
"""Bit beside an order's flags: it has a row in `extras`."""
RESTING_FLAGS: Final = int(words.Flag.POST_ONLY | words.Flag.REPRICE)


class Columns(NamedTuple):
    """The columns of one book; shapes in the module's docstring."""

    header: NDArray[np.int64]
    sides: NDArray[np.int64]
    masks: NDArray[np.int64]
    branches: NDArray[np.int32]
    levels: NDArray[np.int64]
    orders: NDArray[np.int64]
    extras: NDArray[np.int64]
    table: NDArray[np.int64]
    fills: NDArray[np.int64]
    events: NDArray[np.int64]


class Rules(NamedTuple):
    """The book's terms as the kernel needs them.

    `top` counts the steps of the band; up to `safe` [Wh] no price of the band breaks the bound of a notional; up to
    `plain` [Wh] a quantity is good with every price of the band, 0 where prices come in steps or quantities in lots.
    """

    products: int
    floor: int
    cap: int
    step: int
    mode: int
    max_orders: int
    lot: int
    top: int
    depth: int
    safe: int
    plain: int


@inlined
def columns_at(address: int) -> Columns:
    """Columns from the int64 array at `address`: address and length of each, in the order of `Columns`."""
    a = line(address, 20)
    return Columns(
        line(a[0], a[1]),
        view(a[2], a[3], 8),
        line(a[4], a[5]),
        short_view(a[6], a[7], 32),
        view(a[8], a[9], 4),
        view(a[10], a[11], 4),
        view(a[12], a[13], 4),
        line(a[14], a[15]),
        view(a[16], a[17], 6),
        view(a[18], a[19], 7),
    )


@inlined
def rules_of(b: Columns) -> Rules:
    """Read the terms once, so that the compiler may keep them at hand."""
    h = b.header
    return Rules(
        h[H_PRODUCTS], h[H_FLOOR], h[H_CAP], h[H_STEP], h[H_MODE], h[H_MAX_ORDERS], h[H_LOT], h[H_TOP], h[H_DEPTH],
        h[H_SAFE], h[H_PLAIN],
    )  # fmt: skip


# --- sides, prices and keys


@inlined
def side_row(product: int, side: int) -> int:
    """Row of a product's side in `sides`."""
    return 2 * product + ((1 - side) >> 1)


@inlined
def sign_of(row: int) -> int:
    """BUY or SELL, from a row of `sides`."""
    return 1 - 2 * (row & 1)


@inlined
def steps_of(r: Rules, price: int) -> int:
    """How many steps `price` lies above the floor."""
    return price - r.floor if r.step == 1 else (price - r.floor) // r.step


@inlined
def key_of(r: Rules, row: int, price: int) -> int:
    """Key of a price on a side: from the best price possible, 0, upwards."""
    steps = steps_of(r, price)
    return steps if row & 1 else r.top - steps


@inlined
def price_of(r: Rules, row: int, key: int) -> int:
    """Price of a key on a side."""
    return r.floor + r.step * (key if row & 1 else r.top - key)


@inlined
def crosses(b: Columns, r: Rules, row: int, key: int) -> bool:
    """Say whether the best level opposite to side `row` is at the price of `key`, a key of side `row`, or better."""
    best = b.sides[u(row ^ 1), BEST]
    return best != 0 and b.levels[u(best), KEY] <= r.top - key


# --- the words that several numbers share


@inlined
def shown_of(b: Columns, slot: int) -> int:
    """Return the quantity that others see of an order [Wh]."""
    return b.orders[u(slot), SIZE] >> ROW_BITS


@inlined
def level_of(b: Columns, slot: int) -> int:
    """Level in whose queue an order stands."""
    return b.orders[u(slot), SIZE] & ROW


@inlined
def next_of(b: Columns, slot: int) -> int:
    """Next order in the queue."""
    return b.orders[u(slot), LINKS] >> 32


@inlined
def previous_of(b: Columns, slot: int) -> int:
    """Order before this one in the queue."""
    return (b.orders[u(slot), LINKS] >> 6) & ROW


@inlined
def bits_of(b: Columns, slot: int) -> int:
    """Read the flags of an order, and `EXTRA`."""
    return b.orders[u(slot), LINKS] & BITS


@inlined
def owner_of(b: Columns, slot: int) -> int:
    """Owner of an order."""
    word = b.orders[u(slot), OWNER]
    return b.extras[u(word), OWNER_TOO] if bits_of(b, slot) & EXTRA else word


@inlined
def hidden_of(b: Columns, slot: int) -> int:
    """Return the quantity that rests of an iceberg behind what it shows [Wh]."""
    return b.extras[u(b.orders[u(slot), OWNER]), HIDDEN] if bits_of(b, slot) & EXTRA else 0


@inlined
def remaining_of(b: Columns, slot: int) -> int:
    """All that rests of an order [Wh]."""
    return shown_of(b, slot) + hidden_of(b, slot)


@inlined
def head_of(b: Columns, level: int) -> int:
    """First order of a queue."""
    return b.levels[u(level), ENDS] >> 32


@inlined
def row_of(b: Columns, level: int) -> int:
    """Side of a level, as a row of `sides`."""
    return b.levels[u(level), PLACE] >> 32


@inlined
def count_of(b: Columns, level: int) -> int:
    """Count the orders of a level."""
    return b.levels[u(level), PLACE] & LOW_32


# --- the record


@inlined
def note(b: Columns, row: int, product: int, order: int, event: int, price: int, quantity: int, remaining: int) -> None:
    """Record an event."""
    at = b.header[H_EVENTS]
    b.events[u(at), 0] = row
    b.events[u(at), 1] = product
    b.events[u(at), 2] = order
    b.events[u(at), 3] = event
    b.events[u(at), 4] = price
    b.events[u(at), 5] = quantity
    b.events[u(at), 6] = remaining
    b.header[H_EVENTS] = at + 1


@inlined
def note_fill(b: Columns, row: int, product: int, maker: int, taker: int, price: int, quantity: int) -> None:
    """Record a fill."""
    at = b.header[H_FILLS]
    b.fills[u(at), 0] = row
    b.fills[u(at), 1] = product
    b.fills[u(at), 2] = maker
    b.fills[u(at), 3] = taker
    b.fills[u(at), 4] = price
    b.fills[u(at), 5] = quantity
    b.header[H_FILLS] = at + 1
    b.header[H_FILLED] += quantity


@inlined
def lacks_record(b: Columns, events: int, fills: int) -> bool:
    """Say whether the record has no room for so many more rows; if so, note how many events that takes."""
    if b.header[H_EVENTS] + events <= b.events.shape[0] and b.header[H_FILLS] + fills <= b.fills.shape[0]:
        return False
    b.header[H_NEEDED] = max(events, 2 * fills)
    return True
