"""Resting orders: in their queue, with what an iceberg hides, and out again.

Owns the columns `orders` and `extras`, and keeps totals, counts, tree and table with them. Knows no rule of matching.
"""

# mypy: disable-error-code="no-any-return"
# An element of an array is Any to mypy, and every function here returns one.

from __future__ import annotations

from numba import njit

from wattbook.book.kernel_columns import (
    DISPLAY,
    EARLIEST,
    ENDS,
    EXPIRE_MS,
    EXTRA,
    H_COUNT,
    H_EXTRAS,
    H_EXTRAS_USED,
    H_FREE_EXTRA,
    H_FREE_ORDER,
    H_ORDERS_USED,
    HIDDEN,
    LINKS,
    LOW_32,
    ORDER,
    ORDERS,
    OWNER,
    OWNER_TOO,
    PLACE,
    ROW,
    ROW_BITS,
    SIZE,
    SLICES,
    TOTAL,
    Columns,
    Rules,
    bits_of,
    columns_at,
    count_of,
    hidden_of,
    level_of,
    row_of,
    shown_of,
)
from wattbook.book.kernel_machine import inlined, u
from wattbook.book.kernel_table import _forget, place_of_slot, remember
from wattbook.book.kernel_tree import _close_level, _open_level, level_at

# --- queues


@inlined
def _link(b: Columns, level: int, slot: int, bits: int) -> None:
    """Put an order at the end of a queue. What would need a branch for an empty queue writes to row 0 instead."""
    ends = b.levels[u(level), ENDS]
    tail = ends & LOW_32
    b.orders[u(tail), LINKS] |= slot << 32
    b.orders[0, LINKS] = 0
    head = ends >> 32 if tail != 0 else slot
    b.levels[u(level), ENDS] = head << 32 | slot
    b.orders[u(slot), LINKS] = tail << 6 | bits


@inlined
def _unlink(b: Columns, level: int, slot: int, links: int) -> None:
    """Take an order out of its queue. Neighbours that are not there are row 0, which is put right again."""
    ends = b.levels[u(level), ENDS]
    after, before = links >> 32, (links >> 6) & ROW
    b.orders[u(before), LINKS] += (after - slot) << 32
    b.orders[u(after), LINKS] += (before - slot) << 6
    b.orders[0, LINKS] = 0
    head = after if before == 0 else ends >> 32
    tail = before if after == 0 else ends & LOW_32
    b.levels[u(level), ENDS] = head << 32 | tail


# --- icebergs and timed orders


@inlined
def slices_of(hidden: int, display: int) -> int:
    """How often an iceberg will yet show a new slice."""
    return (hidden + display - 1) // display if hidden != 0 else 0


@njit(cache=True, nogil=True)
def _new_extra_at(address: int, row: int, owner: int, display: int, hidden: int, expire_ms: int) -> int:
    b = columns_at(address)
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


@njit(cache=True, nogil=True)
def free_extra_at(address: int, row: int, extra: int) -> None:
    """Free what an iceberg or a timed order of a side had beside its row."""
    b = columns_at(address)
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


@njit(cache=True, nogil=True)
def show_next_at(address: int, slot: int, remaining: int) -> None:
    """Let an iceberg of which `remaining` rests show its next slice, behind all others at its price."""
    b = columns_at(address)
    level, bits = level_of(b, slot), bits_of(b, slot)
    fresh = min(b.extras[u(b.orders[u(slot), OWNER]), DISPLAY], remaining)
    set_remaining(b, slot, fresh, remaining - fresh)
    if count_of(b, level) > 1:
        _unlink(b, level, slot, b.orders[u(slot), LINKS])
        _link(b, level, slot, bits)


# --- resting orders


@inlined
def append(
    b: Columns,
    r: Rules,
    address: int,
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
        b.orders[u(slot), OWNER] = _new_extra_at(address, row, owner, display, remaining - shown, expire_ms)
        _link(b, level, slot, flags | EXTRA)
    else:
        b.orders[u(slot), OWNER] = owner
        _link(b, level, slot, flags)
    b.levels[u(level), TOTAL] += shown
    b.levels[u(level), PLACE] += 1
    b.sides[u(row), ORDERS] += 1
    b.header[H_COUNT] += 1
    remember(b, order, slot)


@inlined
def remove_at(b: Columns, r: Rules, address: int, place: int, slot: int) -> None:
    """Take an order, at a place of the table, out; a level that it leaves empty goes with it.

    All of it is read before anything is written, as a compiler that cannot tell columns apart reads it again after.
    """
    size, links, owner = b.orders[u(slot), SIZE], b.orders[u(slot), LINKS], b.orders[u(slot), OWNER]
    level = size & ROW
    standing = b.levels[u(level), PLACE]
    row = standing >> 32
    _forget(b, place)
    if links & EXTRA:
        free_extra_at(address, row, owner)
    b.sides[u(row), ORDERS] -= 1
    b.header[H_COUNT] -= 1
    if standing & LOW_32 == 1:
        _close_level(b, r, level)
    else:
        b.levels[u(level), TOTAL] -= size >> ROW_BITS
        b.levels[u(level), PLACE] = standing - 1
        _unlink(b, level, slot, links)
    b.orders[u(slot), LINKS] = b.header[H_FREE_ORDER]
    b.header[H_FREE_ORDER] = slot


@inlined
def lessen(b: Columns, r: Rules, address: int, slot: int, quantity: int) -> int:
    """Take `quantity` off a resting order; return what remains.

    An iceberg whose slice is used up shows the next one, behind all others at its price.
    """
    size, hidden = b.orders[u(slot), SIZE], hidden_of(b, slot)
    shown, level = size >> ROW_BITS, size & ROW
    remaining = shown + hidden - quantity
    if remaining == 0:
        remove_at(b, r, address, place_of_slot(b, slot), slot)
    elif quantity < shown:
        b.orders[u(slot), SIZE] = size - (quantity << ROW_BITS)
        b.levels[u(level), TOTAL] -= quantity
    else:
        show_next_at(address, slot, remaining)
    return remaining
