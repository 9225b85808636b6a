"""The book as functions over int64 columns: the rules of `reference`, compiled.

Owns the layout of the columns and every change to them. Knows no objects and no clock, and allocates nothing:
where room runs short `step` says so before the command has had any effect, and the face grows the columns and
resumes.

Layout
------
header
    Scalars, see the ``H_`` numbers.
sides : (2 x products, 4)
    Bids of product p in row 2p, asks in row 2p + 1. An empty side costs these 32 bytes.
ladder : (pool, 2)
    Pairs (key, row of `levels`). A side owns one segment, sorted by rising key = side x price: the best level
    stands last, so that prices come and go near it without moving much. Segments hold 8, 16, 32 ... levels; one
    that was outgrown is handed on through a free list per size.
levels : (capacity, 6)
    A price with its total and its queue; free rows are chained through `HEAD`.
orders : (capacity, 7)
    Resting orders, doubly linked in the queue of their level; free rows are chained through `NEXT`.
table : (at least 2 x capacity of orders,) of int32
    Open addressing from order id to row of `orders`. Deletions close the gap, so it holds resting orders only.
fills, events : (any, 6), (any, 7)
    Where `step` writes what happened.

The columns enter compiled code as raw addresses that are turned into arrays once, at the top: arrays made so carry
no reference count. That only shows once the small functions are inlined, by force: without it a command of
benchmarks/book_batch.py took 230 ns instead of 52.
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
from wattbook.book.words import BUY, MAX_QUANTITY_WH, NOTIONAL_MAX, SELL

if TYPE_CHECKING:
    from numpy.typing import NDArray

H_PRODUCTS, H_FLOOR, H_CAP, H_STEP, H_MODE, H_MAX_ORDERS = range(6)
H_LAST_ORDER, H_COUNT, H_RESTING, H_FILLS, H_EVENTS, H_NEEDED = range(6, 12)
H_FREE_ORDER, H_ORDERS_USED, H_FREE_LEVEL, H_LEVELS_USED, H_LADDER_USED, H_HASH_SHIFT = range(12, 18)
H_FREE_SEGMENT: Final = 18
SEGMENT_SIZES: Final = 32
HEADER_LENGTH: Final = H_FREE_SEGMENT + SEGMENT_SIZES
SMALLEST_SEGMENT: Final = 8

SEGMENT, SIZE, LEVELS, ORDERS = range(4)
KEY, AT = range(2)
LEVEL_KEY, LEVEL_SIDE, TOTAL, COUNT, HEAD, TAIL = range(6)
ORDER, OWNER, QUANTITY, NEXT, PREVIOUS, LEVEL, FLAGS = range(7)
WIDTHS: Final = {"header": 1, "sides": 4, "ladder": 2, "levels": 6, "orders": 7, "table": 1, "fills": 6, "events": 7}

NEED_EVENTS: Final = -1
NEED_ORDERS: Final = -2
NEED_LEVELS: Final = -3
NEED_LADDER: Final = -4

SUBMIT, CANCEL, REPLACE, EXPIRE, CANCEL_OWNER = (int(kind) for kind in words.Kind)
ACCEPTED, FILLED, CANCELLED, REPLACED, EXPIRED, PREVENTED = (int(event) for event in words.Event)
MODE_OFF, CANCEL_NEWEST, CANCEL_OLDEST, CANCEL_BOTH, DECREMENT = range(len(words.SELF_TRADE_MODES))
IOC: Final = int(words.Flag.IOC)
FOK: Final = int(words.Flag.FOK)
POST_ONLY: Final = int(words.Flag.POST_ONLY)
MARKET: Final = int(words.Flag.MARKET)
REPRICE: Final = int(words.Flag.REPRICE)
NEVER_RESTS: Final = IOC | FOK | MARKET
UNKNOWN: Final = ~(NEVER_RESTS | POST_ONLY | REPRICE)
OK: Final = int(words.Code.OK)
UNKNOWN_KIND: Final = int(words.Code.UNKNOWN_KIND)
UNKNOWN_PRODUCT: Final = int(words.Code.UNKNOWN_PRODUCT)
BAD_SIDE: Final = int(words.Code.BAD_SIDE)
QUANTITY_NOT_POSITIVE: Final = int(words.Code.QUANTITY_NOT_POSITIVE)
QUANTITY_TOO_LARGE: Final = int(words.Code.QUANTITY_TOO_LARGE)
UNKNOWN_FLAGS: Final = int(words.Code.UNKNOWN_FLAGS)
CONFLICTING_FLAGS: Final = int(words.Code.CONFLICTING_FLAGS)
PRICE_OUTSIDE_BAND: Final = int(words.Code.PRICE_OUTSIDE_BAND)
PRICE_OFF_STEP: Final = int(words.Code.PRICE_OFF_STEP)
NOTIONAL_TOO_LARGE: Final = int(words.Code.NOTIONAL_TOO_LARGE)
ORDER_NOT_RISING: Final = int(words.Code.ORDER_NOT_RISING)
BOOK_FULL: Final = int(words.Code.BOOK_FULL)
POST_ONLY_WOULD_CROSS: Final = int(words.Code.POST_ONLY_WOULD_CROSS)
FOK_UNFILLABLE: Final = int(words.Code.FOK_UNFILLABLE)
UNKNOWN_ORDER: Final = int(words.Code.UNKNOWN_ORDER)
NOT_OWNER: Final = int(words.Code.NOT_OWNER)

GOLDEN: Final = 0x9E3779B1
"""2**32 / golden ratio, odd (Fibonacci hashing); times 31 bits it stays inside int64."""


class Columns(NamedTuple):
    """The columns of one book; shapes in the module's docstring."""

    header: NDArray[np.int64]
    sides: NDArray[np.int64]
    ladder: NDArray[np.int64]
    levels: NDArray[np.int64]
    orders: NDArray[np.int64]
    table: NDArray[np.int32]
    fills: NDArray[np.int64]
    events: NDArray[np.int64]


# --- from addresses to arrays

inlined = njit(cache=True, nogil=True, forceinline=True)

if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]  # numba sets its settings at import

    def _view(address: int, rows: int, columns: int) -> NDArray[np.int64]:
        return _line(address, int(rows) * columns).reshape(-1, columns)

    def _line(address: int, length: int) -> NDArray[np.int64]:
        return np.ctypeslib.as_array((ctypes.c_int64 * int(length)).from_address(int(address)))

    def _short_line(address: int, length: int) -> NDArray[np.int32]:
        return np.ctypeslib.as_array((ctypes.c_int32 * int(length)).from_address(int(address)))

else:

    def _to_pointer(typing_context: Any, address: Any) -> Any:  # noqa: ARG001  # numba calls it with both
        """Turn a whole number into a pointer."""

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001  # as above
            return builder.inttoptr(arguments[0], cgutils.voidptr_t)

        return types.voidptr(types.int64), generate

    _pointer: Any = intrinsic(_to_pointer)

    @inlined
    def _view(address: int, rows: int, columns: int) -> NDArray[np.int64]:
        return carray(_pointer(address), (rows, columns), np.int64)

    @inlined
    def _line(address: int, length: int) -> NDArray[np.int64]:
        return carray(_pointer(address), (length,), np.int64)

    @inlined
    def _short_line(address: int, length: int) -> NDArray[np.int32]:
        return carray(_pointer(address), (length,), np.int32)


@inlined
def columns_at(addresses: NDArray[np.int64]) -> Columns:
    """Columns from `addresses` of shape (16,): address and length of each, in the order of `Columns`."""
    a = addresses
    return Columns(
        _line(a[0], a[1]),
        _view(a[2], a[3], 4),
        _view(a[4], a[5], 2),
        _view(a[6], a[7], 6),
        _view(a[8], a[9], 7),
        _short_line(a[10], a[11]),
        _view(a[12], a[13], 6),
        _view(a[14], a[15], 7),
    )


# --- words about sides and prices


@inlined
def side_row(product: int, side: int) -> int:
    """Row of a product's side in `sides`."""
    return 2 * product + (0 if side == BUY else 1)


@inlined
def sign_of(row: int) -> int:
    """BUY or SELL, from a row of `sides`."""
    return 1 - 2 * (row & 1)


@inlined
def best_level(b: Columns, row: int) -> int:
    """Best level of a side that has one."""
    return b.ladder[b.sides[row, SEGMENT] + b.sides[row, LEVELS] - 1, AT]


@inlined
def crosses(b: Columns, product: int, side: int, price: int) -> bool:
    """Say whether the best opposite level is at `price` or better."""
    opposite = side_row(product, -side)
    if b.sides[opposite, LEVELS] == 0:
        return False
    return b.levels[best_level(b, opposite), LEVEL_KEY] >= -side * price


# --- the map from order id to row


@inlined
def _home(b: Columns, order: int) -> int:
    folded = (order ^ (order >> 31)) & 0x7FFFFFFF
    return ((folded * GOLDEN) & 0xFFFFFFFF) >> b.header[H_HASH_SHIFT]


@inlined
def find(b: Columns, order: int) -> int:
    """Row of a resting order, -1 if there is none of this id."""
    mask = b.table.shape[0] - 1
    place = _home(b, order)
    while b.table[place] >= 0:
        if b.orders[b.table[place], ORDER] == order:
            return int(b.table[place])
        place = (place + 1) & mask
    return -1


@inlined
def _remember(b: Columns, slot: int) -> None:
    mask = b.table.shape[0] - 1
    place = _home(b, b.orders[slot, ORDER])
    while b.table[place] >= 0:
        place = (place + 1) & mask
    b.table[place] = slot


@inlined
def _forget(b: Columns, slot: int) -> None:
    mask = b.table.shape[0] - 1
    hole = _home(b, b.orders[slot, ORDER])
    while b.table[hole] != slot:
        hole = (hole + 1) & mask
    place = (hole + 1) & mask
    while b.table[place] >= 0:
        home = _home(b, b.orders[b.table[place], ORDER])
        if ((place - home) & mask) >= ((place - hole) & mask):
            b.table[hole] = b.table[place]
            hole = place
        place = (place + 1) & mask
    b.table[hole] = -1


# --- the ladder: which prices are there


@inlined
def _segment_length(size: int) -> int:
    return SMALLEST_SEGMENT << size if size >= 0 else 0


@inlined
def _place_of(b: Columns, row: int, key: int) -> int:
    """Place in the segment of the first key not below `key`."""
    start = b.sides[row, SEGMENT]
    low, high = 0, b.sides[row, LEVELS]
    while low < high:
        middle = (low + high) >> 1
        if b.ladder[start + middle, KEY] < key:
            low = middle + 1
        else:
            high = middle
    return low


@inlined
def _give_back_segment(b: Columns, row: int) -> None:
    size = b.sides[row, SIZE]
    if size >= 0:
        b.ladder[b.sides[row, SEGMENT], KEY] = b.header[H_FREE_SEGMENT + size]
        b.header[H_FREE_SEGMENT + size] = b.sides[row, SEGMENT]
        b.sides[row, SIZE] = -1


@inlined
def _widen(b: Columns, row: int) -> None:
    """Move a side into a segment of the next size."""
    size = b.sides[row, SIZE] + 1
    start = b.header[H_FREE_SEGMENT + size]
    if start >= 0:
        b.header[H_FREE_SEGMENT + size] = b.ladder[start, KEY]
    else:
        start = b.header[H_LADDER_USED]
        b.header[H_LADDER_USED] = start + _segment_length(size)
    old = b.sides[row, SEGMENT]
    for i in range(b.sides[row, LEVELS]):
        b.ladder[start + i, KEY] = b.ladder[old + i, KEY]
        b.ladder[start + i, AT] = b.ladder[old + i, AT]
    _give_back_segment(b, row)
    b.sides[row, SEGMENT] = start
    b.sides[row, SIZE] = size


@inlined
def _open_level(b: Columns, row: int, place: int, key: int) -> int:
    count = b.sides[row, LEVELS]
    if count == _segment_length(b.sides[row, SIZE]):
        _widen(b, row)
    level = b.header[H_FREE_LEVEL]
    if level >= 0:
        b.header[H_FREE_LEVEL] = b.levels[level, HEAD]
    else:
        level = b.header[H_LEVELS_USED]
        b.header[H_LEVELS_USED] = level + 1
    start = b.sides[row, SEGMENT]
    for i in range(start + count, start + place, -1):
        b.ladder[i, KEY] = b.ladder[i - 1, KEY]
        b.ladder[i, AT] = b.ladder[i - 1, AT]
    b.ladder[start + place, KEY] = key
    b.ladder[start + place, AT] = level
    b.sides[row, LEVELS] = count + 1
    b.levels[level, LEVEL_KEY] = key
    b.levels[level, LEVEL_SIDE] = row
    b.levels[level, TOTAL] = 0
    b.levels[level, COUNT] = 0
    b.levels[level, HEAD] = -1
    b.levels[level, TAIL] = -1
    return level


@inlined
def _close_level(b: Columns, level: int) -> None:
    row = b.levels[level, LEVEL_SIDE]
    place = _place_of(b, row, b.levels[level, LEVEL_KEY])
    start, count = b.sides[row, SEGMENT], b.sides[row, LEVELS] - 1
    for i in range(start + place, start + count):
        b.ladder[i, KEY] = b.ladder[i + 1, KEY]
        b.ladder[i, AT] = b.ladder[i + 1, AT]
    b.sides[row, LEVELS] = count
    b.levels[level, HEAD] = b.header[H_FREE_LEVEL]
    b.header[H_FREE_LEVEL] = level


# --- resting orders


@inlined
def _append(b: Columns, row: int, price: int, order: int, owner: int, quantity: int, flags: int) -> None:
    """Rest an order behind all others at its price."""
    key = sign_of(row) * price
    place = _place_of(b, row, key)
    if place < b.sides[row, LEVELS] and b.ladder[b.sides[row, SEGMENT] + place, KEY] == key:
        level = b.ladder[b.sides[row, SEGMENT] + place, AT]
    else:
        level = _open_level(b, row, place, key)
    slot = b.header[H_FREE_ORDER]
    if slot >= 0:
        b.header[H_FREE_ORDER] = b.orders[slot, NEXT]
    else:
        slot = b.header[H_ORDERS_USED]
        b.header[H_ORDERS_USED] = slot + 1
    tail = b.levels[level, TAIL]
    b.orders[slot, ORDER] = order
    b.orders[slot, OWNER] = owner
    b.orders[slot, QUANTITY] = quantity
    b.orders[slot, NEXT] = -1
    b.orders[slot, PREVIOUS] = tail
    b.orders[slot, LEVEL] = level
    b.orders[slot, FLAGS] = flags
    if tail >= 0:
        b.orders[tail, NEXT] = slot
    else:
        b.levels[level, HEAD] = slot
    b.levels[level, TAIL] = slot
    b.levels[level, TOTAL] += quantity
    b.levels[level, COUNT] += 1
    b.sides[row, ORDERS] += 1
    b.header[H_COUNT] += 1
    _remember(b, slot)


@inlined
def _remove(b: Columns, slot: int) -> None:
    """Take an order out; a level that it leaves empty goes with it."""
    _forget(b, slot)
    level = b.orders[slot, LEVEL]
    before, after = b.orders[slot, PREVIOUS], b.orders[slot, NEXT]
    if before >= 0:
        b.orders[before, NEXT] = after
    else:
        b.levels[level, HEAD] = after
    if after >= 0:
        b.orders[after, PREVIOUS] = before
    else:
        b.levels[level, TAIL] = before
    b.levels[level, TOTAL] -= b.orders[slot, QUANTITY]
    b.levels[level, COUNT] -= 1
    b.sides[b.levels[level, LEVEL_SIDE], ORDERS] -= 1
    b.header[H_COUNT] -= 1
    b.orders[slot, NEXT] = b.header[H_FREE_ORDER]
    b.header[H_FREE_ORDER] = slot
    if b.levels[level, COUNT] == 0:
        _close_level(b, level)


@inlined
def _lessen(b: Columns, slot: int, quantity: int) -> int:
    """Take `quantity` off a resting order; return what remains."""
    remaining = b.orders[slot, QUANTITY] - quantity
    if remaining == 0:
        _remove(b, slot)
    else:
        b.orders[slot, QUANTITY] = remaining
        b.levels[b.orders[slot, LEVEL], TOTAL] -= quantity
    return remaining


# --- the record


@inlined
def _note(
    b: Columns, row: int, product: int, order: int, event: int, price: int, quantity: int, remaining: int
) -> None:
    at = b.header[H_EVENTS]
    b.events[at, 0] = row
    b.events[at, 1] = product
    b.events[at, 2] = order
    b.events[at, 3] = event
    b.events[at, 4] = price
    b.events[at, 5] = quantity
    b.events[at, 6] = remaining
    b.header[H_EVENTS] = at + 1


@inlined
def _note_fill(b: Columns, row: int, product: int, maker: int, taker: int, price: int, quantity: int) -> None:
    at = b.header[H_FILLS]
    b.fills[at, 0] = row
    b.fills[at, 1] = product
    b.fills[at, 2] = maker
    b.fills[at, 3] = taker
    b.fills[at, 4] = price
    b.fills[at, 5] = quantity
    b.header[H_FILLS] = at + 1


@inlined
def _withdraw(b: Columns, row: int, slot: int, event: int) -> None:
    """Take out all that remains of a resting order, and say why."""
    side = b.levels[b.orders[slot, LEVEL], LEVEL_SIDE]
    price = sign_of(side) * b.levels[b.orders[slot, LEVEL], LEVEL_KEY]
    _note(b, row, side >> 1, b.orders[slot, ORDER], event, price, b.orders[slot, QUANTITY], 0)
    _remove(b, slot)


# --- room: asked for before a command has any effect


@inlined
def _needs_events(b: Columns, count: int) -> bool:
    """Say whether `count` more events do not fit; a fill always brings two events, so fills follow."""
    b.header[H_NEEDED] = count
    used = b.header[H_EVENTS]
    return used + count > b.events.shape[0] or b.header[H_FILLS] + (count >> 1) > b.fills.shape[0]


@inlined
def _needs_room(b: Columns, row: int, crossing: bool, slots: int) -> int:
    """Name what an order that may sweep the other side and then rest in side `row` lacks, 0 if nothing."""
    most = 3 + (2 * b.sides[row ^ 1, ORDERS] if crossing else 0)
    if _needs_events(b, most):
        return NEED_EVENTS
    if b.header[H_FREE_ORDER] < 0 and b.header[H_ORDERS_USED] + slots > b.orders.shape[0]:
        return NEED_ORDERS
    if b.header[H_FREE_LEVEL] < 0 and b.header[H_LEVELS_USED] >= b.levels.shape[0]:
        return NEED_LEVELS
    size = b.sides[row, SIZE]
    if b.sides[row, LEVELS] < _segment_length(size) or b.header[H_FREE_SEGMENT + size + 1] >= 0:
        return 0
    return NEED_LADDER if b.header[H_LADDER_USED] + _segment_length(size + 1) > b.ladder.shape[0] else 0


# --- admission


@inlined
def _quantity_code(quantity: int) -> int:
    if quantity <= 0:
        return QUANTITY_NOT_POSITIVE
    return OK if quantity <= MAX_QUANTITY_WH else QUANTITY_TOO_LARGE


@inlined
def _flags_code(flags: int) -> int:
    if flags & UNKNOWN:
        return UNKNOWN_FLAGS
    if flags & FOK and flags & IOC:
        return CONFLICTING_FLAGS
    if flags & POST_ONLY and flags & NEVER_RESTS:
        return CONFLICTING_FLAGS
    return CONFLICTING_FLAGS if flags & REPRICE and not flags & POST_ONLY else OK


@inlined
def _notional_code(price: int, quantity: int) -> int:
    """Divide rather than multiply: the product is what might not fit."""
    return OK if abs(price) <= NOTIONAL_MAX // quantity else NOTIONAL_TOO_LARGE


@inlined
def _price_code(b: Columns, price: int, quantity: int) -> int:
    if price < b.header[H_FLOOR] or price > b.header[H_CAP]:
        return PRICE_OUTSIDE_BAND
    if price % b.header[H_STEP] != 0:
        return PRICE_OFF_STEP
    return _notional_code(price, quantity)


@inlined
def _post_only(b: Columns, product: int, side: int, price: int, quantity: int, flags: int) -> tuple[int, int]:
    """Code, and the price at which the order may rest."""
    if not flags & POST_ONLY or not crosses(b, product, side, price):
        return OK, price
    if not flags & REPRICE:
        return POST_ONLY_WOULD_CROSS, price
    opposite = -side * b.levels[best_level(b, side_row(product, -side)), LEVEL_KEY]
    away = opposite - side * b.header[H_STEP]
    if away < b.header[H_FLOOR] or away > b.header[H_CAP]:
        return POST_ONLY_WOULD_CROSS, price
    return _notional_code(away, quantity), away


@inlined
def _fillable_in_level(b: Columns, level: int, owner: int, wanted: int) -> tuple[int, bool]:
    """Quantity that an order of `owner` can count on in one level, and whether it may look behind it."""
    if b.header[H_MODE] == MODE_OFF:
        return b.levels[level, TOTAL], True
    found = 0
    slot = b.levels[level, HEAD]
    while slot >= 0 and found < wanted:
        if b.orders[slot, OWNER] != owner:
            found += b.orders[slot, QUANTITY]
        elif b.header[H_MODE] != CANCEL_OLDEST:
            return found, False
        slot = b.orders[slot, NEXT]
    return found, True


@inlined
def _can_fill(b: Columns, product: int, owner: int, side: int, price: int, quantity: int) -> bool:
    """Say whether a fill-or-kill order would be filled in full under the self-trade mode."""
    opposite = side_row(product, -side)
    start = b.sides[opposite, SEGMENT]
    found = 0
    for place in range(b.sides[opposite, LEVELS] - 1, -1, -1):
        if b.ladder[start + place, KEY] < -side * price:
            break
        more, go_on = _fillable_in_level(b, b.ladder[start + place, AT], owner, quantity - found)
        found += more
        if found >= quantity or not go_on:
            break
    return found >= quantity


# --- matching


@inlined
def _prevent(b: Columns, row: int, product: int, slot: int, order: int, price: int, quantity: int) -> int:
    """Keep an owner from trading with itself; return what remains of the taker."""
    mode, maker, resting = b.header[H_MODE], b.orders[slot, ORDER], b.orders[slot, QUANTITY]
    if mode == DECREMENT:
        smaller = min(resting, quantity)
        remaining = _lessen(b, slot, smaller)
        _note(b, row, product, maker, PREVENTED, price, smaller, remaining)
        _note(b, row, product, order, PREVENTED, price, smaller, quantity - smaller)
        return quantity - smaller
    if mode != CANCEL_NEWEST:
        _withdraw(b, row, slot, PREVENTED)
    if mode == CANCEL_OLDEST:
        return quantity
    _note(b, row, product, order, PREVENTED, price, quantity, 0)
    return 0


@inlined
def _fill(b: Columns, row: int, product: int, slot: int, order: int, price: int, quantity: int) -> int:
    """Trade at the maker's price; return what remains of the taker."""
    maker = b.orders[slot, ORDER]
    traded = min(b.orders[slot, QUANTITY], quantity)
    _note_fill(b, row, product, maker, order, price, traded)
    remaining = _lessen(b, slot, traded)
    _note(b, row, product, maker, FILLED, price, traded, remaining)
    _note(b, row, product, order, FILLED, price, traded, quantity - traded)
    return quantity - traded


@inlined
def _take(b: Columns, row: int, product: int, order: int, owner: int, side: int, limit: int, quantity: int) -> int:
    """Match with the best opposite order while the limits cross; return what remains."""
    opposite = side_row(product, -side)
    while quantity > 0 and b.sides[opposite, LEVELS] > 0:
        level = best_level(b, opposite)
        price = -side * b.levels[level, LEVEL_KEY]
        if side * price > side * limit:
            break
        slot = b.levels[level, HEAD]
        if b.header[H_MODE] != MODE_OFF and b.orders[slot, OWNER] == owner:
            quantity = _prevent(b, row, product, slot, order, price, quantity)
        else:
            quantity = _fill(b, row, product, slot, order, price, quantity)
    return quantity


@inlined
def _enter(
    b: Columns, row: int, product: int, order: int, owner: int, side: int, price: int, quantity: int, flags: int
) -> None:
    """Let an admitted order take what it may; rest or cancel what remains."""
    remaining = _take(b, row, product, order, owner, side, price, quantity)
    if remaining == 0:
        return
    if flags & NEVER_RESTS:
        _note(b, row, product, order, CANCELLED, price, remaining, 0)
    else:
        _append(b, side_row(product, side), price, order, owner, remaining, flags)
        b.header[H_RESTING] = remaining


# --- commands


@inlined
def _submit(
    b: Columns, row: int, product: int, order: int, owner: int, side: int, price: int, quantity: int, flags: int
) -> int:
    if product < 0 or product >= b.header[H_PRODUCTS]:
        return UNKNOWN_PRODUCT
    if side != BUY and side != SELL:
        return BAD_SIDE
    code = _quantity_code(quantity)
    if code == OK:
        code = _flags_code(flags)
    if code != OK:
        return code
    if flags & MARKET:
        price = b.header[H_CAP] if side == BUY else b.header[H_FLOOR]
    else:
        code = _price_code(b, price, quantity)
        if code != OK:
            return code
    if order <= b.header[H_LAST_ORDER]:
        return ORDER_NOT_RISING
    if b.header[H_COUNT] >= b.header[H_MAX_ORDERS] and not flags & NEVER_RESTS:
        return BOOK_FULL
    code, price = _post_only(b, product, side, price, quantity, flags)
    if code != OK:
        return code
    if flags & FOK and not _can_fill(b, product, owner, side, price, quantity):
        return FOK_UNFILLABLE
    need = _needs_room(b, side_row(product, side), crosses(b, product, side, price), 1)
    if need != 0:
        return need
    b.header[H_LAST_ORDER] = order
    _note(b, row, product, order, ACCEPTED, price, quantity, quantity)
    _enter(b, row, product, order, owner, side, price, quantity, flags)
    return OK


@inlined
def _cancel(b: Columns, row: int, order: int, owner: int) -> int:
    slot = find(b, order)
    if slot < 0:
        return UNKNOWN_ORDER
    if b.orders[slot, OWNER] != owner:
        return NOT_OWNER
    if _needs_events(b, 1):
        return NEED_EVENTS
    _withdraw(b, row, slot, CANCELLED)
    return OK


@inlined
def _replace(b: Columns, row: int, order: int, owner: int, price: int, quantity: int) -> int:
    slot = find(b, order)
    if slot < 0:
        return UNKNOWN_ORDER
    if b.orders[slot, OWNER] != owner:
        return NOT_OWNER
    code = _quantity_code(quantity)
    if code == OK:
        code = _price_code(b, price, quantity)
    if code != OK:
        return code
    level, flags = b.orders[slot, LEVEL], b.orders[slot, FLAGS]
    side_at = b.levels[level, LEVEL_SIDE]
    product, side = side_at >> 1, sign_of(side_at)
    code, price = _post_only(b, product, side, price, quantity, flags)
    if code != OK:
        return code
    need = _needs_room(b, side_at, crosses(b, product, side, price), 0)
    if need != 0:
        return need
    change = quantity - b.orders[slot, QUANTITY]
    _note(b, row, product, order, REPLACED, price, change, quantity)
    if side * price == b.levels[level, LEVEL_KEY] and change <= 0:
        b.orders[slot, QUANTITY] = quantity
        b.levels[level, TOTAL] += change
        b.header[H_RESTING] = quantity
    else:
        _remove(b, slot)
        _enter(b, row, product, order, owner, side, price, quantity, flags)
    return OK


@inlined
def _expire(b: Columns, row: int, product: int) -> int:
    if product < 0 or product >= b.header[H_PRODUCTS]:
        return UNKNOWN_PRODUCT
    if _needs_events(b, b.sides[2 * product, ORDERS] + b.sides[2 * product + 1, ORDERS]):
        return NEED_EVENTS
    for side_at in range(2 * product, 2 * product + 2):
        while b.sides[side_at, LEVELS] > 0:
            _withdraw(b, row, b.levels[best_level(b, side_at), HEAD], EXPIRED)
        _give_back_segment(b, side_at)
    return OK


@inlined
def _cancel_owner(b: Columns, row: int, owner: int) -> int:
    """Walk all resting orders: rare, so no index of owners is kept for it."""
    if _needs_events(b, b.header[H_COUNT]):
        return NEED_EVENTS
    for side_at in range(2 * b.header[H_PRODUCTS]):
        # From the best level down: closing one moves only levels that were visited before.
        for place in range(b.sides[side_at, LEVELS] - 1, -1, -1):
            slot = b.levels[b.ladder[b.sides[side_at, SEGMENT] + place, AT], HEAD]
            while slot >= 0:
                after = b.orders[slot, NEXT]
                if b.orders[slot, OWNER] == owner:
                    _withdraw(b, row, slot, CANCELLED)
                slot = after
    return OK


@inlined
def step(
    b: Columns,
    row: int,
    kind: int,
    product: int,
    order: int,
    owner: int,
    side: int,
    price: int,
    quantity: int,
    flags: int,
) -> int:
    """Carry out one command, appending to fills and events under the number `row`.

    Returns
    -------
    int
        A `Code`, or below zero one of ``NEED_...``: nothing has happened, grow the column and call again.
        ``header[H_RESTING]`` holds what rests of the order [Wh].
    """
    b.header[H_RESTING] = 0
    if kind == SUBMIT:
        return _submit(b, row, product, order, owner, side, price, quantity, flags)
    if kind == CANCEL:
        return _cancel(b, row, order, owner)
    if kind == REPLACE:
        return _replace(b, row, order, owner, price, quantity)
    if kind == EXPIRE:
        return _expire(b, row, product)
    if kind == CANCEL_OWNER:
        return _cancel_owner(b, row, owner)
    return UNKNOWN_KIND


# --- entries for the face


@njit(cache=True, nogil=True)
def step_at(
    addresses: NDArray[np.int64],
    kind: int,
    product: int,
    order: int,
    owner: int,
    side: int,
    price: int,
    quantity: int,
    flags: int,
) -> int:
    """Carry out one command with the record emptied first; see `step`."""
    b = columns_at(addresses)
    b.header[H_FILLS] = 0
    b.header[H_EVENTS] = 0
    return step(b, 0, kind, product, order, owner, side, price, quantity, flags)


@njit(cache=True, nogil=True)
def process_at(
    addresses: NDArray[np.int64],
    commands: int,
    first: int,
    count: int,
    codes: NDArray[np.int64],
    resting: NDArray[np.int64],
) -> int:
    """Carry out commands first .. count - 1 of the (count, 8) int64 array at address `commands`.

    Returns
    -------
    int
        `count`, or the row of the first command that lacks room: ``codes`` holds what at that row.
    """
    b = columns_at(addresses)
    c = _view(commands, count, 8)
    for row in range(first, count):
        code = step(b, row, c[row, 0], c[row, 1], c[row, 2], c[row, 3], c[row, 4], c[row, 5], c[row, 6], c[row, 7])
        codes[row] = code
        if code < 0:
            return row
        resting[row] = b.header[H_RESTING]
    return count


@njit(cache=True, nogil=True)
def collect_at(addresses: NDArray[np.int64], first: int, last: int, out: NDArray[np.int64]) -> int:
    """Write the resting orders of products first .. last - 1 into `out` (k, 7) in canonical order; return k."""
    b = columns_at(addresses)
    count = 0
    for side_at in range(2 * first, 2 * last):
        for place in range(b.sides[side_at, LEVELS] - 1, -1, -1):
            level = b.ladder[b.sides[side_at, SEGMENT] + place, AT]
            slot = b.levels[level, HEAD]
            while slot >= 0:
                out[count, 0] = side_at >> 1
                out[count, 1] = sign_of(side_at)
                out[count, 2] = b.orders[slot, ORDER]
                out[count, 3] = b.orders[slot, OWNER]
                out[count, 4] = sign_of(side_at) * b.levels[level, LEVEL_KEY]
                out[count, 5] = b.orders[slot, QUANTITY]
                out[count, 6] = b.orders[slot, FLAGS]
                slot = b.orders[slot, NEXT]
                count += 1
    return count


@njit(cache=True, nogil=True)
def load_at(addresses: NDArray[np.int64], resting: NDArray[np.int64], first: int) -> int:
    """Rest the rows `first` .. of (k, 7) canonical orders; return the first that lacks room, or k."""
    b = columns_at(addresses)
    for i in range(first, resting.shape[0]):
        side_at = side_row(resting[i, 0], resting[i, 1])
        need = _needs_room(b, side_at, False, 1)
        if need != 0:
            b.header[H_NEEDED] = need
            return i
        _append(b, side_at, resting[i, 4], resting[i, 2], resting[i, 3], resting[i, 5], resting[i, 6])
    return resting.shape[0]


@njit(cache=True, nogil=True)
def rebuild_table_at(addresses: NDArray[np.int64]) -> None:
    """Fill an empty table from the resting orders."""
    b = columns_at(addresses)
    for level in range(2 * b.header[H_PRODUCTS]):
        for place in range(b.sides[level, LEVELS]):
            slot = b.levels[b.ladder[b.sides[level, SEGMENT] + place, AT], HEAD]
            while slot >= 0:
                _remember(b, slot)
                slot = b.orders[slot, NEXT]
