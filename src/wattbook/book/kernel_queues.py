"""Resting orders: in their queue, with what an iceberg hides, and out again.

Owns the columns `orders` and `extras`, and keeps totals, counts, tree and table with them. Knows no rule of matching.
"""

# mypy: disable-error-code="no-any-return"
# An element of an array is Any to mypy, and every function here returns one.

from __future__ import annotations

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
    count_of,
    hidden_of,
    level_of,
    row_of,
    shown_of,
)
from wattbook.book.kernel_machine import inlined, u
from wattbook.book.kernel_table import _forget, place_of_slot, remember, slot_in
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
def _unlink(b: Columns, level: int, slot: int) -> None:
    """Take an order out of its queue. Neighbours that are not there are row 0, which is put right again."""
    links, ends = b.orders[u(slot), LINKS], b.levels[u(level), ENDS]
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
def remove_at(b: Columns, r: Rules, place: int) -> None:
    """Take the order at a place of the table out; a level that it leaves empty goes with it."""
    slot = slot_in(b, place)
    _forget(b, place)
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
def remove(b: Columns, r: Rules, slot: int) -> None:
    """Take an order out."""
    remove_at(b, r, place_of_slot(b, slot))


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
