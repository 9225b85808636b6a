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
reference count. That only shows once the small functions are inlined, by force. Indices are turned into unsigned
numbers (`u`), which spares each access the question whether it counts from the end.
"""

# mypy: disable-error-code="no-any-return"
# An element of an array is Any to mypy, and every function here returns one.

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numba
import numpy as np
from numba import carray, njit, types  # type: ignore[attr-defined]  # carray is public, but not in __all__
from numba.core import cgutils
from numba.extending import intrinsic

from wattbook.book import words

if TYPE_CHECKING:
    from numpy.typing import NDArray

H_PRODUCTS, H_FLOOR, H_CAP, H_STEP, H_MODE, H_MAX_ORDERS, H_LOT, H_TOP, H_DEPTH, H_SAFE = range(10)
H_LAST_ORDER, H_COUNT, H_RESTING, H_FILLED, H_FIRST_FILL, H_FILLS, H_EVENTS, H_NEEDED = range(10, 18)
H_FREE_ORDER, H_ORDERS_USED, H_FREE_LEVEL, H_LEVELS_USED, H_LEVELS = range(18, 23)
H_FREE_NODE, H_NODES_USED, H_NODES, H_FREE_EXTRA, H_EXTRAS_USED, H_EXTRAS, H_TABLE_SHIFT = range(23, 30)
HEADER_LENGTH: Final = 30

ROOT, BEST, ORDERS, SLICES, EARLIEST, CALLING = range(6)
KEY, TOTAL, ENDS, PLACE = range(4)
ORDER, OWNER, SIZE, LINKS = range(4)
DISPLAY, HIDDEN, EXPIRE_MS, OWNER_TOO = range(4)
WIDTHS: Final = {
    "header": 1, "sides": 8, "masks": 1, "branches": 32, "levels": 4, "orders": 4, "extras": 4, "table": 1,
    "fills": 6, "events": 7,
}  # fmt: skip

NEED_EVENTS, NEED_ORDERS, NEED_LEVELS, NEED_NODES, NEED_EXTRAS = range(-1, -6, -1)

DIGIT_BITS: Final = 5
DIGIT: Final = 31
LOW_32: Final = 0xFFFFFFFF
ROW_BITS: Final = 26
ROW: Final = (1 << ROW_BITS) - 1
"""Mask of a row of orders or levels: `MAX_ORDERS` of them, and row 0."""
BITS: Final = 63
EXTRA: Final = 32
"""Bit beside an order's flags: it has a row in `extras`."""
RESTING_FLAGS: Final = int(words.Flag.POST_ONLY | words.Flag.REPRICE)
TAG: Final = 0x7FFFFFFF
SPREAD: Final = 0x9E3779B1
"""2**32 / golden ratio, odd (Fibonacci hashing); times 31 bits it stays inside int64."""
BUCKET_BITS: Final = 3
BUCKET: Final = 1 << BUCKET_BITS
BUCKET_MASK: Final = BUCKET - 1


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
    """The book's terms as the kernel needs them; `top` counts the steps of the band, `safe` is a quantity [Wh] up to
    which no price of the band breaks the bound of a notional.
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


# --- from addresses to arrays

inlined = njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
"""Division by zero cannot occur: nobody needs to look for it."""

if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]  # numba sets its settings at import

    def view(address: int, rows: int, columns: int) -> NDArray[np.int64]:
        return line(address, int(rows) * columns).reshape(-1, columns)

    def line(address: int, length: int) -> NDArray[np.int64]:
        return np.ctypeslib.as_array((ctypes.c_int64 * int(length)).from_address(int(address)))

    def short_view(address: int, rows: int, columns: int) -> NDArray[np.int32]:
        flat = (ctypes.c_int32 * (int(rows) * columns)).from_address(int(address))
        return np.ctypeslib.as_array(flat).reshape(-1, columns)

    def u(index: int) -> int:
        return int(index)

    def lowest_bit(mask: int) -> int:
        mask = int(mask)
        return (mask & -mask).bit_length() - 1

else:

    def _to_pointer(typing_context: Any, address: Any) -> Any:  # noqa: ARG001  # numba calls it with both
        """Turn a whole number into a pointer."""

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001  # as above
            return builder.inttoptr(arguments[0], cgutils.voidptr_t)

        return types.voidptr(types.int64), generate

    def _count_zeros(typing_context: Any, mask: Any) -> Any:  # noqa: ARG001  # as above
        """Place of the lowest bit that is set."""

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001  # as above
            return builder.cttz(arguments[0], cgutils.true_bit)

        return types.int64(types.int64), generate

    _pointer: Any = intrinsic(_to_pointer)
    lowest_bit: Any = intrinsic(_count_zeros)

    @inlined
    def view(address: int, rows: int, columns: int) -> NDArray[np.int64]:
        return carray(_pointer(address), (rows, columns), np.int64)

    @inlined
    def line(address: int, length: int) -> NDArray[np.int64]:
        return carray(_pointer(address), (length,), np.int64)

    @inlined
    def short_view(address: int, rows: int, columns: int) -> NDArray[np.int32]:
        return carray(_pointer(address), (rows, columns), np.int32)

    @inlined
    def u(index: int) -> int:
        return np.uint64(index)


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
        h[H_SAFE],
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
    """What others see of an order [Wh]."""
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
    """Flags of an order, and `EXTRA`."""
    return b.orders[u(slot), LINKS] & BITS


@inlined
def _set_links(b: Columns, slot: int, after: int, before: int, bits: int) -> None:
    b.orders[u(slot), LINKS] = after << 32 | before << 6 | bits


@inlined
def owner_of(b: Columns, slot: int) -> int:
    """Owner of an order."""
    word = b.orders[u(slot), OWNER]
    return b.extras[u(word), OWNER_TOO] if bits_of(b, slot) & EXTRA else word


@inlined
def hidden_of(b: Columns, slot: int) -> int:
    """What rests of an iceberg behind what it shows [Wh]."""
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
def tail_of(b: Columns, level: int) -> int:
    """Last order of a queue."""
    return b.levels[u(level), ENDS] & LOW_32


@inlined
def row_of(b: Columns, level: int) -> int:
    """Side of a level, as a row of `sides`."""
    return b.levels[u(level), PLACE] >> 32


@inlined
def count_of(b: Columns, level: int) -> int:
    """Number of orders in a level."""
    return b.levels[u(level), PLACE] & LOW_32


# --- the map from order id to row


@inlined
def _tag(order: int) -> int:
    return (order ^ (order >> 31)) & TAG


@inlined
def _bucket(b: Columns, tag: int) -> int:
    """First place of the bucket where the search for an id begins; ids in sequence are spread evenly."""
    return (tag * SPREAD & LOW_32) >> b.header[H_TABLE_SHIFT] << BUCKET_BITS


@inlined
def _next_bucket(b: Columns, bucket: int) -> int:
    return (bucket + BUCKET) & (b.table.shape[0] - 1)


@inlined
def find(b: Columns, order: int) -> int:
    """Row of a resting order, 0 if there is none of this id."""
    tag = _tag(order)
    bucket = _bucket(b, tag)
    while True:
        used = 0
        for i in range(BUCKET):
            entry = b.table[u(bucket | (tag + i) & BUCKET_MASK)]
            if entry >> 32 == tag and b.orders[u(entry & LOW_32), ORDER] == order:
                return entry & LOW_32
            used += entry != 0
        if used < BUCKET:
            return 0
        bucket = _next_bucket(b, bucket)


@inlined
def _hole(b: Columns, bucket: int, tag: int) -> int:
    """Place in a bucket that is free, -1 if it is full."""
    for i in range(BUCKET):
        place = bucket | (tag + i) & BUCKET_MASK
        if b.table[u(place)] == 0:
            return place
    return -1


@inlined
def remember(b: Columns, slot: int) -> None:
    """Enter a resting order in its bucket, or in the next one that has a place."""
    tag = _tag(b.orders[u(slot), ORDER])
    bucket = _bucket(b, tag)
    place = _hole(b, bucket, tag)
    while place < 0:
        bucket = _next_bucket(b, bucket)
        place = _hole(b, bucket, tag)
    b.table[u(place)] = tag << 32 | slot


@inlined
def _is_full(b: Columns, bucket: int) -> bool:
    used = 0
    for i in range(BUCKET):
        used += b.table[u(bucket | i)] != 0
    return used == BUCKET


@inlined
def _forget(b: Columns, slot: int) -> None:
    """Take an order out; a full bucket so left gets back one of those that had to go on to the next ones."""
    tag = _tag(b.orders[u(slot), ORDER])
    bucket, i = _bucket(b, tag), 0
    while b.table[u(bucket | (tag + i) & BUCKET_MASK)] & LOW_32 != slot:
        i += 1
        if i == BUCKET:
            bucket, i = _next_bucket(b, bucket), 0
    hole = bucket | (tag + i) & BUCKET_MASK
    while _is_full(b, bucket):
        bucket, filled = _next_bucket(b, bucket), hole
        for i in range(BUCKET):
            entry = b.table[u(bucket | i)]
            if filled == hole and entry != 0 and _bucket(b, entry >> 32) != bucket:
                b.table[u(hole)] = entry
                filled = bucket | i
        if filled == hole:
            break
        hole = filled
    b.table[u(hole)] = 0


# --- the tree: which prices are there


@inlined
def level_at(b: Columns, r: Rules, row: int, key: int) -> int:
    """Level of a key, 0 if there is none."""
    node = b.sides[u(row), ROOT]
    for step in range(r.depth - 1, -1, -1):
        node = b.branches[u(node), u(key >> (DIGIT_BITS * step) & DIGIT)]
    return node


@inlined
def _descend(b: Columns, node: int, steps: int) -> int:
    """Level of the lowest key below `node`, which stands `steps` above the levels."""
    for _ in range(steps):
        node = b.branches[u(node), u(lowest_bit(b.masks[u(node)]))]
    return node


@inlined
def level_after(b: Columns, r: Rules, row: int, key: int) -> int:
    """Level of the lowest key above `key`, 0 if there is none: the next worse price."""
    node = b.sides[u(row), ROOT]
    fork = fork_steps = fork_rest = 0
    for step in range(r.depth - 1, -1, -1):
        digit = key >> (DIGIT_BITS * step) & DIGIT
        rest = b.masks[u(node)] >> (digit + 1) << (digit + 1)
        if rest != 0:
            fork, fork_steps, fork_rest = node, step, rest
        node = b.branches[u(node), u(digit)]
    if fork_rest == 0:
        return 0
    return _descend(b, b.branches[u(fork), u(lowest_bit(fork_rest))], fork_steps)


@inlined
def _new_node(b: Columns) -> int:
    node = b.header[H_FREE_NODE]
    if node != 0:
        b.header[H_FREE_NODE] = b.masks[u(node)]
        b.masks[u(node)] = 0
    else:
        node = b.header[H_NODES_USED]
        b.header[H_NODES_USED] = node + 1
    b.header[H_NODES] += 1
    return node


@inlined
def _enter_key(b: Columns, r: Rules, row: int, key: int, level: int) -> None:
    node = b.sides[u(row), ROOT]
    if node == 0:
        node = _new_node(b)
        b.sides[u(row), ROOT] = node
    for step in range(r.depth - 1, -1, -1):
        digit = key >> (DIGIT_BITS * step) & DIGIT
        b.masks[u(node)] |= 1 << digit
        if step == 0:
            b.branches[u(node), u(digit)] = level
        else:
            below = b.branches[u(node), u(digit)]
            if below == 0:
                below = _new_node(b)
                b.branches[u(node), u(digit)] = below
            node = below


@inlined
def _leave_key(b: Columns, r: Rules, row: int, key: int) -> None:
    """Cut the branch of a key where it leaves the branches of others, and free what hangs on it."""
    root = b.sides[u(row), ROOT]
    node, cut, cut_step = root, 0, r.depth
    for step in range(r.depth - 1, -1, -1):
        digit = key >> (DIGIT_BITS * step) & DIGIT
        if b.masks[u(node)] != 1 << digit:
            cut, cut_step = node, step
        node = b.branches[u(node), u(digit)]
    if cut == 0:
        node = root
        b.sides[u(row), ROOT] = 0
    else:
        digit = key >> (DIGIT_BITS * cut_step) & DIGIT
        node = b.branches[u(cut), u(digit)]
        b.masks[u(cut)] ^= 1 << digit
        b.branches[u(cut), u(digit)] = 0
    for step in range(cut_step - 1, -1, -1):
        digit = key >> (DIGIT_BITS * step) & DIGIT
        below = b.branches[u(node), u(digit)]
        b.branches[u(node), u(digit)] = 0
        b.masks[u(node)] = b.header[H_FREE_NODE]
        b.header[H_FREE_NODE] = node
        b.header[H_NODES] -= 1
        node = below


@inlined
def _open_level(b: Columns, r: Rules, row: int, key: int) -> int:
    level = b.header[H_FREE_LEVEL]
    if level != 0:
        b.header[H_FREE_LEVEL] = b.levels[u(level), KEY]
    else:
        level = b.header[H_LEVELS_USED]
        b.header[H_LEVELS_USED] = level + 1
    b.header[H_LEVELS] += 1
    b.levels[u(level), KEY] = key
    b.levels[u(level), TOTAL] = 0
    b.levels[u(level), ENDS] = 0
    b.levels[u(level), PLACE] = row << 32
    _enter_key(b, r, row, key, level)
    best = b.sides[u(row), BEST]
    if best == 0 or key < b.levels[u(best), KEY]:
        b.sides[u(row), BEST] = level
    return level


@inlined
def _close_level(b: Columns, r: Rules, level: int) -> None:
    row = row_of(b, level)
    _leave_key(b, r, row, b.levels[u(level), KEY])
    if b.sides[u(row), BEST] == level:
        root = b.sides[u(row), ROOT]
        b.sides[u(row), BEST] = _descend(b, root, r.depth) if root != 0 else 0
    b.levels[u(level), KEY] = b.header[H_FREE_LEVEL]
    b.header[H_FREE_LEVEL] = level
    b.header[H_LEVELS] -= 1


# --- queues


@inlined
def _link(b: Columns, level: int, slot: int, bits: int) -> None:
    """Put an order at the end of a queue."""
    tail = tail_of(b, level)
    _set_links(b, slot, 0, tail, bits)
    if tail != 0:
        b.orders[u(tail), LINKS] |= slot << 32
        b.levels[u(level), ENDS] += slot - tail
    else:
        b.levels[u(level), ENDS] = slot << 32 | slot


@inlined
def _unlink(b: Columns, level: int, slot: int) -> None:
    """Take an order out of its queue."""
    links = b.orders[u(slot), LINKS]
    after, before = links >> 32, (links >> 6) & ROW
    if before != 0:
        b.orders[u(before), LINKS] += (after - slot) << 32
    else:
        b.levels[u(level), ENDS] += (after - slot) << 32
    if after != 0:
        b.orders[u(after), LINKS] += (before - slot) << 6
    else:
        b.levels[u(level), ENDS] += before - slot


# --- icebergs and timed orders


@inlined
def slices_of(hidden: int, display: int) -> int:
    """How often an iceberg will yet show a new slice."""
    return (hidden + display - 1) // display if hidden != 0 else 0


@inlined
def _new_extra(b: Columns, row: int, owner: int, display: int, hidden: int, expire_ms: int) -> int:
    extra = b.header[H_FREE_EXTRA]
    if extra != 0:
        b.header[H_FREE_EXTRA] = b.extras[u(extra), OWNER_TOO]
    else:
        extra = b.header[H_EXTRAS_USED]
        b.header[H_EXTRAS_USED] = extra + 1
    b.header[H_EXTRAS] += 1
    b.extras[u(extra), DISPLAY] = display
    b.extras[u(extra), HIDDEN] = hidden
    b.extras[u(extra), EXPIRE_MS] = expire_ms
    b.extras[u(extra), OWNER_TOO] = owner
    b.sides[u(row), SLICES] += slices_of(hidden, display)
    earliest = b.sides[u(row), EARLIEST]
    if expire_ms != 0 and (earliest == 0 or expire_ms < earliest):
        b.sides[u(row), EARLIEST] = expire_ms
    return extra


@inlined
def _free_extra(b: Columns, row: int, extra: int) -> None:
    b.sides[u(row), SLICES] -= slices_of(b.extras[u(extra), HIDDEN], b.extras[u(extra), DISPLAY])
    b.extras[u(extra), OWNER_TOO] = b.header[H_FREE_EXTRA]
    b.header[H_FREE_EXTRA] = extra
    b.header[H_EXTRAS] -= 1


@inlined
def set_remaining(b: Columns, slot: int, shown: int, hidden: int) -> None:
    """Set what an order shows and hides [Wh]; it keeps its place."""
    level = level_of(b, slot)
    b.levels[u(level), TOTAL] += shown - shown_of(b, slot)
    b.orders[u(slot), SIZE] = shown << ROW_BITS | level
    if bits_of(b, slot) & EXTRA:
        extra = b.orders[u(slot), OWNER]
        display, before = b.extras[u(extra), DISPLAY], b.extras[u(extra), HIDDEN]
        if hidden != before:
            b.sides[u(row_of(b, level)), SLICES] += slices_of(hidden, display) - slices_of(before, display)
            b.extras[u(extra), HIDDEN] = hidden


# --- resting orders


@inlined
def append(
    b: Columns,
    r: Rules,
    row: int,
    key: int,
    order: int,
    owner: int,
    remaining: int,
    shown: int,
    flags: int,
    display: int,
    expire_ms: int,
) -> None:
    """Rest an order behind all others at its price."""
    level = level_at(b, r, row, key)
    if level == 0:
        level = _open_level(b, r, row, key)
    slot = b.header[H_FREE_ORDER]
    if slot != 0:
        b.header[H_FREE_ORDER] = b.orders[u(slot), LINKS]
    else:
        slot = b.header[H_ORDERS_USED]
        b.header[H_ORDERS_USED] = slot + 1
    b.orders[u(slot), ORDER] = order
    b.orders[u(slot), SIZE] = shown << ROW_BITS | level
    if display | expire_ms != 0:
        b.orders[u(slot), OWNER] = _new_extra(b, row, owner, display, remaining - shown, expire_ms)
        _link(b, level, slot, flags | EXTRA)
    else:
        b.orders[u(slot), OWNER] = owner
        _link(b, level, slot, flags)
    b.levels[u(level), TOTAL] += shown
    b.levels[u(level), PLACE] += 1
    b.sides[u(row), ORDERS] += 1
    b.header[H_COUNT] += 1
    remember(b, slot)


@inlined
def remove(b: Columns, r: Rules, slot: int) -> None:
    """Take an order out; a level that it leaves empty goes with it."""
    _forget(b, slot)
    level = level_of(b, slot)
    row = row_of(b, level)
    if bits_of(b, slot) & EXTRA:
        _free_extra(b, row, b.orders[u(slot), OWNER])
    b.sides[u(row), ORDERS] -= 1
    b.header[H_COUNT] -= 1
    if count_of(b, level) == 1:
        _close_level(b, r, level)
    else:
        _unlink(b, level, slot)
        b.levels[u(level), TOTAL] -= shown_of(b, slot)
        b.levels[u(level), PLACE] -= 1
    b.orders[u(slot), LINKS] = b.header[H_FREE_ORDER]
    b.header[H_FREE_ORDER] = slot


@inlined
def lessen(b: Columns, r: Rules, slot: int, quantity: int) -> int:
    """Take `quantity` off a resting order; return what remains.

    An iceberg whose slice is used up shows the next one, behind all others at its price.
    """
    shown, hidden = shown_of(b, slot), hidden_of(b, slot)
    remaining = shown + hidden - quantity
    if remaining == 0:
        remove(b, r, slot)
    elif quantity < shown:
        b.orders[u(slot), SIZE] -= quantity << ROW_BITS
        b.levels[u(level_of(b, slot)), TOTAL] -= quantity
    else:
        level, bits = level_of(b, slot), bits_of(b, slot)
        fresh = min(b.extras[u(b.orders[u(slot), OWNER]), DISPLAY], remaining)
        set_remaining(b, slot, fresh, remaining - fresh)
        if count_of(b, level) > 1:
            _unlink(b, level, slot)
            _link(b, level, slot, bits)
    return remaining


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
