"""The book as functions over int64 columns: the rules of `reference`, compiled.

Owns matching and the commands. Knows no objects and no clock, and allocates nothing in continuous trading: where room
runs short `step` says so before the command has had any effect, and the face grows the columns and calls again. What an
order must be whatever rests is told in `kernel_admission`, how the columns lie and change in `kernel_columns`, the call
auction in `kernel_uncross`.

What is rare is kept out of the loop that is hot: those functions have ``_at`` in their names, begin with an address
and are not inlined. The rarest kinds of commands are left to an entry of their own, which is compiled apart.
"""

# mypy: disable-error-code="no-any-return"
# An element of an array is Any to mypy, and every function here returns one.

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from numba import njit

from wattbook.book import words
from wattbook.book.kernel_admission import (
    BAD_EXPIRY,
    FOK,
    MARKET,
    NEVER_RESTS,
    OK,
    POST_ONLY,
    REPRICE,
    UNKNOWN_PRODUCT,
    admit_at,
    amend_at,
    is_odd,
    is_plain,
    notional_code,
)
from wattbook.book.kernel_ahead import FARTHEST, LARGE, bases_at, look_ahead, read_ahead
from wattbook.book.kernel_columns import (
    BEST,
    CALLING,
    DISPLAY,
    EARLIEST,
    EXPIRE_MS,
    EXTRA,
    H_COUNT,
    H_EVENTS,
    H_EXTRAS,
    H_FILLED,
    H_FILLS,
    H_FIRST_FILL,
    H_LAST_ORDER,
    H_LEVELS,
    H_NEEDED,
    H_NODES,
    H_RESTING,
    KEY,
    NEED_EVENTS,
    NEED_EXTRAS,
    NEED_LEVELS,
    NEED_NODES,
    NEED_ORDERS,
    NEED_RARE,
    ORDER,
    ORDERS,
    OWNER,
    RESTING_FLAGS,
    SLICES,
    TOTAL,
    Columns,
    Rules,
    bits_of,
    columns_at,
    count_of,
    crosses,
    head_of,
    hidden_of,
    key_of,
    lacks_record,
    level_of,
    next_of,
    note,
    note_fill,
    owner_of,
    price_of,
    remaining_of,
    row_of,
    rules_of,
    shown_of,
    side_row,
    sign_of,
)
from wattbook.book.kernel_expiry import expire_all_at
from wattbook.book.kernel_machine import inlined, line, merged, u, view
from wattbook.book.kernel_queues import append, lessen, remove_at, set_remaining, slices_of
from wattbook.book.kernel_table import (
    place_of,
    place_of_slot,
    remember,
    slot_in,
)
from wattbook.book.kernel_tree import level_after
from wattbook.book.kernel_uncross import uncross_at

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SUBMIT, CANCEL, REPLACE, EXPIRE, CANCEL_OWNER, CALL, UNCROSS = (int(kind) for kind in words.Kind)
ACCEPTED, FILLED, CANCELLED, REPLACED, EXPIRED, PREVENTED = (int(event) for event in words.Event)
MODE_OFF, CANCEL_NEWEST, CANCEL_OLDEST, CANCEL_BOTH, DECREMENT = range(len(words.SELF_TRADE_MODES))
UNKNOWN_KIND: Final = int(words.Code.UNKNOWN_KIND)
ORDER_NOT_RISING: Final = int(words.Code.ORDER_NOT_RISING)
WRONG_PHASE: Final = int(words.Code.WRONG_PHASE)
BOOK_FULL: Final = int(words.Code.BOOK_FULL)
POST_ONLY_WOULD_CROSS: Final = int(words.Code.POST_ONLY_WOULD_CROSS)
FOK_UNFILLABLE: Final = int(words.Code.FOK_UNFILLABLE)
UNKNOWN_ORDER: Final = int(words.Code.UNKNOWN_ORDER)
NOT_OWNER: Final = int(words.Code.NOT_OWNER)

CODE_BITS: Final = 6
HAS_FILLS: Final = 1 << (CODE_BITS - 1)
"""An answer of a single command holds what rests of the order, this bit and the code."""


class Command(NamedTuple):
    """One command, or the order it is about; `row` is its number in the record."""

    row: int
    product: int
    order: int
    owner: int
    side: int
    price: int
    quantity: int
    flags: int
    display: int
    expire_ms: int


# --- admission that depends on what rests


@inlined
def _post_only(b: Columns, r: Rules, at: int, key: int, quantity: int, flags: int) -> tuple[int, int]:
    """Code, and the key at which a post-only order may rest in side `at`."""
    if not crosses(b, r, at, key):
        return OK, key
    if not flags & REPRICE:
        return POST_ONLY_WOULD_CROSS, key
    away = r.top - b.levels[u(b.sides[u(at ^ 1), BEST]), KEY] + 1
    if away > r.top:
        return POST_ONLY_WOULD_CROSS, key
    return notional_code(r, price_of(r, at, away), quantity), away


@inlined
def _fillable_in_level(b: Columns, r: Rules, level: int, owner: int) -> tuple[int, bool]:
    """Quantity that an order of `owner` can count on in one level, and whether it may look behind it."""
    if r.mode == MODE_OFF and b.sides[row_of(b, level), SLICES] == 0:
        return b.levels[level, TOTAL], True
    shown = every = 0
    slot = head_of(b, level)
    while slot != 0:
        if r.mode == MODE_OFF or owner_of(b, slot) != owner:
            shown += shown_of(b, slot)
            every += remaining_of(b, slot)
        elif r.mode != CANCEL_OLDEST:
            return shown, False
        slot = next_of(b, slot)
    return every, True


@njit(cache=True, nogil=True)
def can_fill_at(address: int, other: int, limit: int, owner: int, quantity: int) -> bool:
    """Say whether a fill-or-kill order of `quantity` finds as much in side `other`, in keys up to `limit`."""
    b = columns_at(address)
    r = rules_of(b)
    found, level = 0, b.sides[other, BEST]
    while level != 0 and b.levels[level, KEY] <= limit:
        more, go_on = _fillable_in_level(b, r, level, owner)
        found += more
        if found >= quantity or not go_on:
            break
        level = level_after(b, r, other, b.levels[level, KEY])
    return found >= quantity


# --- room


@njit(cache=True, nogil=True)
def most_meetings_at(address: int, other: int, limit: int, quantity: int) -> int:
    """Most matches and preventions that an order of `quantity` can have in side `other`, in keys up to `limit`."""
    b = columns_at(address)
    r = rules_of(b)
    count, level = 0, b.sides[other, BEST]
    while level != 0 and b.levels[level, KEY] <= limit and quantity > 0:
        count += count_of(b, level)
        slot = head_of(b, level) if b.sides[other, SLICES] != 0 else 0
        while slot != 0:
            if bits_of(b, slot) & EXTRA:
                count += slices_of(hidden_of(b, slot), b.extras[b.orders[slot, OWNER], DISPLAY])
            slot = next_of(b, slot)
        if r.mode == MODE_OFF:
            quantity -= b.levels[level, TOTAL]
        level = level_after(b, r, other, b.levels[level, KEY])
    return count


@inlined
def _needs_record(b: Columns, address: int, at: int, limit: int, quantity: int, crossing: bool) -> bool:
    """Say whether the record might not hold what an order for side `at` does: by a bound first, then counting."""
    if not crossing:
        return lacks_record(b, 3, 0)
    most = b.sides[u(at ^ 1), ORDERS] + b.sides[u(at ^ 1), SLICES]
    if not lacks_record(b, 3 + 2 * most, most):
        return False
    most = most_meetings_at(address, at ^ 1, limit, quantity)
    return lacks_record(b, 3 + 2 * most, most)


@inlined
def _needs_rows(b: Columns, r: Rules, slots: int, extras: int) -> int:
    """Name the column that cannot take one more order, 0 if none."""
    if b.header[H_COUNT] + 1 + slots > b.orders.shape[0]:
        return NEED_ORDERS
    if b.header[H_LEVELS] + 2 > b.levels.shape[0]:
        return NEED_LEVELS
    if b.header[H_NODES] + r.depth + 1 > b.masks.shape[0]:
        return NEED_NODES
    return NEED_EXTRAS if extras != 0 and b.header[H_EXTRAS] + 2 > b.extras.shape[0] else 0


# --- matching


@inlined
def _withdraw(b: Columns, r: Rules, address: int, row: int, place: int, slot: int, event: int) -> None:
    """Take out all that rests of an order, at a place of the table."""
    level, order, remaining = level_of(b, slot), b.orders[u(slot), ORDER], remaining_of(b, slot)
    at = row_of(b, level)
    price = price_of(r, at, b.levels[u(level), KEY])
    remove_at(b, r, address, place, slot)
    note(b, row, at >> 1, order, event, price, remaining, 0)


@njit(cache=True, nogil=True)
def prevent_at(address: int, row: int, product: int, slot: int, order: int, quantity: int) -> int:
    """Keep an owner from trading with itself; return what remains of the taker."""
    b = columns_at(address)
    r = rules_of(b)
    level = level_of(b, slot)
    price = price_of(r, row_of(b, level), b.levels[level, KEY])
    if r.mode == DECREMENT:
        maker, smaller = b.orders[slot, ORDER], min(remaining_of(b, slot), quantity)
        note(b, row, product, maker, PREVENTED, price, smaller, remaining_of(b, slot) - smaller)
        lessen(b, r, address, slot, smaller)
        note(b, row, product, order, PREVENTED, price, smaller, quantity - smaller)
        return quantity - smaller
    if r.mode != CANCEL_NEWEST:
        _withdraw(b, r, address, row, place_of_slot(b, slot), slot, PREVENTED)
    if r.mode == CANCEL_OLDEST:
        return quantity
    note(b, row, product, order, PREVENTED, price, quantity, 0)
    return 0


@njit(cache=True, nogil=True)
def meet_itself_at(address: int, row: int, other: int, limit: int, order: int, owner: int, quantity: int) -> int:
    """In the call phase an order takes nothing, but meets its owner's own orders; return what remains of it."""
    b = columns_at(address)
    r = rules_of(b)
    level = b.sides[other, BEST] if r.mode != MODE_OFF else 0
    while level != 0 and b.levels[level, KEY] <= limit and quantity > 0:
        key, slot = b.levels[level, KEY], head_of(b, level)
        while slot != 0 and quantity > 0:
            after = next_of(b, slot)
            if owner_of(b, slot) == owner:
                quantity = prevent_at(address, row, other >> 1, slot, order, quantity)
            slot = after
        level = level_after(b, r, other, key)
    return quantity


@merged
def _fill(b: Columns, r: Rules, address: int, c: Command, slot: int, price: int, quantity: int) -> int:
    """Trade at the maker's price what both have; return what remains of the taker."""
    maker = b.orders[u(slot), ORDER]
    traded = min(shown_of(b, slot), quantity)
    remaining = lessen(b, r, address, slot, traded)
    note_fill(b, c.row, c.product, maker, c.order, price, traded)
    note(b, c.row, c.product, maker, FILLED, price, traded, remaining)
    note(b, c.row, c.product, c.order, FILLED, price, traded, quantity - traded)
    return quantity - traded


@merged
def _take(b: Columns, r: Rules, address: int, c: Command, at: int, key: int) -> int:
    """Match with the best opposite order while the limits cross; return what remains."""
    other, limit, quantity = at ^ 1, r.top - key, c.quantity
    while quantity > 0:
        level = b.sides[u(other), BEST]
        if level == 0 or b.levels[u(level), KEY] > limit:
            break
        slot = head_of(b, level)
        if r.mode != MODE_OFF and owner_of(b, slot) == c.owner:
            quantity = prevent_at(address, c.row, c.product, slot, c.order, quantity)
        else:
            quantity = _fill(b, r, address, c, slot, price_of(r, other, b.levels[u(level), KEY]), quantity)
    return quantity


@merged
def _enter(b: Columns, r: Rules, address: int, c: Command, at: int, key: int, crossing: bool) -> None:
    """Let an admitted order take what it may; rest or cancel what remains."""
    remaining = c.quantity
    if crossing:
        if b.sides[u(at), CALLING] == 0:
            remaining = _take(b, r, address, c, at, key)
        else:
            remaining = meet_itself_at(address, c.row, at ^ 1, r.top - key, c.order, c.owner, remaining)
        if remaining == 0:
            return
    if c.flags & NEVER_RESTS:
        note(b, c.row, c.product, c.order, CANCELLED, price_of(r, at, key), remaining, 0)
        return
    shown = min(c.display, remaining) if c.display != 0 else remaining
    append(b, r, address, at, key, c.order, c.owner, remaining, shown, c.flags & RESTING_FLAGS, c.display, c.expire_ms)
    b.header[H_RESTING] = remaining


# --- commands


@merged
def _submit(b: Columns, r: Rules, address: int, c: Command) -> int:
    if not is_plain(r, c.product, c.side, c.price, c.quantity, c.flags, c.display | c.expire_ms):
        code = admit_at(address, c.product, c.side, c.price, c.quantity, c.flags, c.display, c.expire_ms)
        if code != OK:
            return code
    at = side_row(c.product, c.side)
    key = 0 if c.flags & MARKET else key_of(r, at, c.price)
    if c.order <= b.header[H_LAST_ORDER]:
        return ORDER_NOT_RISING
    if b.sides[u(at), CALLING] != 0 and c.flags & NEVER_RESTS:
        return WRONG_PHASE
    if b.header[H_COUNT] >= r.max_orders and not c.flags & NEVER_RESTS:
        return BOOK_FULL
    if c.flags & POST_ONLY:
        code, key = _post_only(b, r, at, key, c.quantity, c.flags)
        if code != OK:
            return code
    if c.flags & FOK and not can_fill_at(address, at ^ 1, r.top - key, c.owner, c.quantity):
        return FOK_UNFILLABLE
    crossing = crosses(b, r, at, key)
    if _needs_record(b, address, at, r.top - key, c.quantity, crossing):
        return NEED_EVENTS
    need = _needs_rows(b, r, 1, c.display | c.expire_ms)
    if need != 0:
        return need
    b.header[H_LAST_ORDER] = c.order
    note(b, c.row, c.product, c.order, ACCEPTED, price_of(r, at, key), c.quantity, c.quantity)
    _enter(b, r, address, c, at, key, crossing)
    return OK


@inlined
def _cancel(b: Columns, r: Rules, address: int, row: int, order: int, owner: int) -> int:
    place = place_of(b, order)
    if place < 0:
        return UNKNOWN_ORDER
    slot = slot_in(b, place)
    if owner_of(b, slot) != owner:
        return NOT_OWNER
    if lacks_record(b, 1, 0):
        return NEED_EVENTS
    _withdraw(b, r, address, row, place, slot, CANCELLED)
    return OK


@inlined
def _replace(b: Columns, r: Rules, address: int, row: int, order: int, owner: int, price: int, quantity: int) -> int:
    place = place_of(b, order)
    if place < 0:
        return UNKNOWN_ORDER
    slot = slot_in(b, place)
    if owner_of(b, slot) != owner:
        return NOT_OWNER
    display = expire_ms = 0
    if bits_of(b, slot) & EXTRA:
        extra = b.orders[u(slot), OWNER]
        display, expire_ms = b.extras[u(extra), DISPLAY], b.extras[u(extra), EXPIRE_MS]
    if display != 0 or is_odd(r, price, quantity):
        code = amend_at(address, price, quantity, display)
        if code != OK:
            return code
    level, flags = level_of(b, slot), bits_of(b, slot) & RESTING_FLAGS
    at = row_of(b, level)
    key = key_of(r, at, price)
    if flags & POST_ONLY:
        code, key = _post_only(b, r, at, key, quantity, flags)
        if code != OK:
            return code
    crossing = crosses(b, r, at, key)
    if _needs_record(b, address, at, r.top - key, quantity, crossing):
        return NEED_EVENTS
    change = quantity - remaining_of(b, slot)
    c = Command(row, at >> 1, order, owner, sign_of(at), price, quantity, flags, display, expire_ms)
    if key == b.levels[u(level), KEY] and change <= 0:
        note(b, row, c.product, order, REPLACED, price_of(r, at, key), change, quantity)
        shown = min(shown_of(b, slot), quantity)
        set_remaining(b, slot, shown, quantity - shown)
        b.header[H_RESTING] = quantity
        return OK
    need = _needs_rows(b, r, 0, 0)
    if need != 0:
        return need
    note(b, row, c.product, order, REPLACED, price_of(r, at, key), change, quantity)
    remove_at(b, r, address, place, slot)
    _enter(b, r, address, c, at, key, crossing)
    return OK


@njit(cache=True, nogil=True)
def expire_side_at(address: int, row: int, at: int, until: int) -> None:
    """Take out of side `at` what is good until `until` or earlier."""
    b = columns_at(address)
    r = rules_of(b)
    level = b.sides[at, BEST]
    if b.sides[at, EARLIEST] == 0 or b.sides[at, EARLIEST] > until:
        return
    earliest = 0
    while level != 0:
        key, slot = b.levels[level, KEY], head_of(b, level)
        while slot != 0:
            after = next_of(b, slot)
            due = b.extras[b.orders[slot, OWNER], EXPIRE_MS] if bits_of(b, slot) & EXTRA else 0
            if 0 < due <= until:
                _withdraw(b, r, address, row, place_of_slot(b, slot), slot, EXPIRED)
            elif due != 0:
                earliest = due if earliest == 0 else min(earliest, due)
            slot = after
        level = level_after(b, r, at, key)
    b.sides[at, EARLIEST] = earliest


@inlined
def _expire(b: Columns, address: int, row: int, product: int, until: int) -> int:
    if until < 0:
        return BAD_EXPIRY
    if lacks_record(b, b.sides[2 * product, ORDERS] + b.sides[2 * product + 1, ORDERS], 0):
        return NEED_EVENTS
    for at in range(2 * product, 2 * product + 2):
        if until == 0:
            expire_all_at(address, row, at)
        else:
            expire_side_at(address, row, at, until)
    return OK


@inlined
def _cancel_owner(b: Columns, r: Rules, address: int, row: int, owner: int) -> int:
    """Walk all resting orders: rare, so no index of owners is kept for it."""
    if lacks_record(b, b.header[H_COUNT], 0):
        return NEED_EVENTS
    for at in range(2 * r.products):
        level = b.sides[at, BEST]
        while level != 0:
            key, slot = b.levels[level, KEY], head_of(b, level)
            while slot != 0:
                after = next_of(b, slot)
                if owner_of(b, slot) == owner:
                    _withdraw(b, r, address, row, place_of_slot(b, slot), slot, CANCELLED)
                slot = after
            level = level_after(b, r, at, key)
    return OK


@inlined
def _call(b: Columns, product: int) -> int:
    if b.sides[2 * product, CALLING] != 0:
        return WRONG_PHASE
    b.sides[2 * product, CALLING] = 1
    b.sides[2 * product + 1, CALLING] = 1
    return OK


@merged
def step(b: Columns, r: Rules, address: int, kind: int, c: Command) -> int:
    """Carry out one command, appending to fills and events under the number `c.row`.

    Returns
    -------
    int
        A `Code`, or below zero one of ``NEED_...``: nothing has happened, grow the column and call again, or for
        `NEED_RARE` call `rare_at`. ``header[H_RESTING]`` holds what rests of the order [Wh].
    """
    b.header[H_RESTING] = 0
    if kind == SUBMIT:
        return _submit(b, r, address, c)
    if kind == CANCEL:
        return _cancel(b, r, address, c.row, c.order, c.owner)
    if kind == REPLACE:
        return _replace(b, r, address, c.row, c.order, c.owner, c.price, c.quantity)
    return NEED_RARE


# --- entries for the face


@inlined
def _answer(b: Columns, code: int) -> int:
    """Pack the answer to a single command."""
    if code < 0:
        return code
    fills = HAS_FILLS if b.header[H_FILLS] != b.header[H_FIRST_FILL] else 0
    return b.header[H_RESTING] << CODE_BITS | fills | code


@inlined
def _begin(b: Columns) -> None:
    """Begin the record of a single command: its events from the top, its fills behind those before."""
    b.header[H_EVENTS] = 0
    b.header[H_FILLED] = 0
    b.header[H_FIRST_FILL] = b.header[H_FILLS]


@njit(cache=True)
def step_at(
    address: int,
    kind: int,
    product: int,
    order: int,
    owner: int,
    side: int,
    price: int,
    quantity: int,
    flags: int,
    display: int,
    expire_ms: int,
) -> int:
    """Carry out a single command; see `step` and `_answer`."""
    b = columns_at(address)
    _begin(b)
    c = Command(0, product, order, owner, side, price, quantity, flags, display, expire_ms)
    return _answer(b, step(b, rules_of(b), address, kind, c))


@njit(cache=True, nogil=True)
def rare_at(address: int, row: int, kind: int, product: int, owner: int, price: int, flags: int, until: int) -> int:
    """Carry out a command that is neither SUBMIT nor CANCEL nor REPLACE, appending to the record; see `step`."""
    b = columns_at(address)
    r = rules_of(b)
    b.header[H_RESTING] = 0
    if kind == CANCEL_OWNER:
        return _cancel_owner(b, r, address, row, owner)
    if kind != EXPIRE and kind != CALL and kind != UNCROSS:
        return UNKNOWN_KIND
    if product < 0 or product >= r.products:
        return UNKNOWN_PRODUCT
    if kind == EXPIRE:
        return _expire(b, address, row, product, until)
    return _call(b, product) if kind == CALL else uncross_at(address, row, product, price, flags)


@njit(cache=True)
def rare_step_at(address: int, kind: int, product: int, owner: int, price: int, flags: int, until: int) -> int:
    """Carry out a single command that is neither SUBMIT nor CANCEL nor REPLACE; see `step` and `_answer`."""
    b = columns_at(address)
    _begin(b)
    return _answer(b, rare_at(address, 0, kind, product, owner, price, flags, until))


@njit(cache=True, nogil=True)
def process_at(
    address: int,
    commands: int,
    display_wh: int,
    expire_ms: int,
    is_wide: bool,
    first: int,
    count: int,
    codes: NDArray[np.int64],
    resting: NDArray[np.int64],
) -> int:
    """Carry out commands first .. count - 1 of the (count, 8) int64 array at address `commands`.

    A wide batch has int64 arrays of length `count` at the two addresses after it; otherwise these lead anywhere.

    Returns
    -------
    int
        `count`, or the row of the first command that could not be carried out: ``codes`` holds what it needs.
    """
    b = columns_at(address)
    r = rules_of(b)
    rows = view(commands, count, 8)
    slices, until = line(display_wh, count), line(expire_ms, count)
    bases, is_large = bases_at(address), b.orders.shape[0] > LARGE
    for row in range(first, count):
        at = u(row)
        if is_large and row + FARTHEST < count:
            look_ahead(b, r, bases, rows, row)
        read_ahead(b, bases, commands, row)
        display, expires = 0, 0
        if is_wide:
            display, expires = slices[at], until[at]
        c = Command(
            row, rows[at, 1], rows[at, 2], rows[at, 3], rows[at, 4], rows[at, 5], rows[at, 6], rows[at, 7],
            display, expires,
        )  # fmt: skip
        code = step(b, r, address, rows[at, 0], c)
        codes[at] = code
        if code < 0:
            return row
        resting[at] = b.header[H_RESTING]
    return count


@njit(cache=True, nogil=True)
def collect_at(address: int, first: int, last: int, out: NDArray[np.int64]) -> int:
    """Write the resting orders of products first .. last - 1 into `out` (k, 10) in canonical order; return k."""
    b = columns_at(address)
    r = rules_of(b)
    count = 0
    for at in range(2 * first, 2 * last):
        level = b.sides[at, BEST]
        while level != 0:
            key, slot = b.levels[level, KEY], head_of(b, level)
            while slot != 0:
                out[count, 0] = at >> 1
                out[count, 1] = sign_of(at)
                out[count, 2] = b.orders[slot, ORDER]
                out[count, 3] = owner_of(b, slot)
                out[count, 4] = price_of(r, at, key)
                out[count, 5] = remaining_of(b, slot)
                out[count, 6] = bits_of(b, slot) & RESTING_FLAGS
                out[count, 7] = 0
                out[count, 8] = shown_of(b, slot)
                out[count, 9] = 0
                if bits_of(b, slot) & EXTRA:
                    out[count, 7] = b.extras[b.orders[slot, OWNER], DISPLAY]
                    out[count, 9] = b.extras[b.orders[slot, OWNER], EXPIRE_MS]
                slot = next_of(b, slot)
                count += 1
            level = level_after(b, r, at, key)
    return count


@njit(cache=True, nogil=True)
def load_at(address: int, resting: NDArray[np.int64], first: int) -> int:
    """Rest the rows `first` .. of (k, 10) canonical orders; return the first that lacks room, or k."""
    b = columns_at(address)
    r = rules_of(b)
    for i in range(first, resting.shape[0]):
        need = _needs_rows(b, r, 1, 1)
        if need != 0:
            b.header[H_NEEDED] = need
            return i
        at = side_row(resting[i, 0], resting[i, 1])
        append(
            b, r, address, at, key_of(r, at, resting[i, 4]), resting[i, 2], resting[i, 3], resting[i, 5], resting[i, 8],
            resting[i, 6], resting[i, 7], resting[i, 9],
        )  # fmt: skip
    return resting.shape[0]


@njit(cache=True, nogil=True)
def fill_table_at(address: int) -> None:
    """Fill an empty table from the resting orders."""
    b = columns_at(address)
    r = rules_of(b)
    for at in range(2 * r.products):
        level = b.sides[at, BEST]
        while level != 0:
            slot = head_of(b, level)
            while slot != 0:
                remember(b, b.orders[slot, ORDER], slot)
                slot = next_of(b, slot)
            level = level_after(b, r, at, b.levels[level, KEY])
