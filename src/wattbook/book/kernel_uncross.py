"""The compiled book's call auction: the rules of `reference_auction` over the columns.

Owns the way from a product's queues to the arithmetic of `kernel_auction` and back. It runs once a call phase, so it
gathers the product's orders into arrays of its own instead of being quick.
"""

# mypy: disable-error-code="no-any-return"
# An element of an array is Any to mypy.

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numba import njit

from wattbook.book import words
from wattbook.book.kernel_auction import NOWHERE, TICK, allot, clearing_tick, crossing_wh, floors, pair
from wattbook.book.kernel_columns import (
    BEST,
    CALLING,
    KEY,
    NEED_EVENTS,
    ORDER,
    ORDERS,
    Columns,
    Rules,
    bits_of,
    columns_at,
    head_of,
    lacks_record,
    next_of,
    note,
    note_fill,
    owner_of,
    price_of,
    remaining_of,
    rules_of,
    sign_of,
)
from wattbook.book.kernel_machine import inlined
from wattbook.book.kernel_queues import lessen
from wattbook.book.kernel_tree import level_after

if TYPE_CHECKING:
    from numpy.typing import NDArray


OK: Final = int(words.Code.OK)
UNKNOWN_FLAGS: Final = int(words.Code.UNKNOWN_FLAGS)
WRONG_PHASE: Final = int(words.Code.WRONG_PHASE)
PRO_RATA: Final = int(words.Flag.PRO_RATA)
PAY_AS_BID: Final = int(words.Flag.PAY_AS_BID)
POST_ONLY: Final = int(words.Flag.POST_ONLY)
FILLED: Final = int(words.Event.FILLED)
QUANTITY: Final = 4


@inlined
def gather(b: Columns, r: Rules, row: int, queue: NDArray[np.int64], slots: NDArray[np.int64]) -> None:
    """Write a side's orders in priority order: `queue` (k, 5) as `kernel_auction` wants it, and their rows (k,)."""
    at, level = 0, b.sides[row, BEST]
    while level != 0:
        key = b.levels[level, KEY]
        slot = head_of(b, level)
        while slot != 0:
            queue[at, 0] = b.orders[slot, ORDER]
            queue[at, 1] = owner_of(b, slot)
            queue[at, 2] = sign_of(row)
            queue[at, 3] = price_of(r, row, key)
            queue[at, 4] = remaining_of(b, slot)
            slots[at] = slot
            slot = next_of(b, slot)
            at += 1
        level = level_after(b, r, row, key)


@njit(cache=True, nogil=True)
def share_margin(queue: NDArray[np.int64], filled: NDArray[np.int64], lot: int) -> None:
    """Share by quantity, in whole lots, what the worst filled price of a queue got by time."""
    last = len(filled) - 1
    while filled[last] == 0:
        last -= 1
    first, past = last, last
    while first > 0 and queue[first - 1, TICK] == queue[last, TICK]:
        first -= 1
    while past < len(filled) and queue[past, TICK] == queue[last, TICK]:
        past += 1
    wants, shares = np.empty(past - first, np.int64), np.empty(past - first, np.int64)
    remainders = np.empty(past - first, np.int64)
    available = left = 0
    for i in range(past - first):
        wants[i] = queue[first + i, QUANTITY] // lot
        available += filled[first + i] // lot
        left += wants[i]
    if available == left:
        return
    missing = floors(wants, available, shares, remainders)
    last_served = _lowest_served(remainders, missing)
    for i in range(past - first):
        missing -= remainders[i] > last_served
    for i in range(past - first):
        if remainders[i] > last_served:
            shares[i] += 1
        elif remainders[i] == last_served and missing > 0:
            shares[i] += 1
            missing -= 1
        filled[first + i] = shares[i] * lot


@njit(cache=True, nogil=True)
def _lowest_served(remainders: NDArray[np.int64], missing: int) -> int:
    """Highest number that at least `missing` remainders reach, found by halving: a sort takes long to compile."""
    low, high = 0, NOWHERE
    while high - low > 1:
        middle = low + (high - low) // 2
        count = 0
        for i in range(len(remainders)):
            count += remainders[i] >= middle
        if count >= missing:
            low = middle
        else:
            high = middle
    return low


@inlined
def trade(
    b: Columns, r: Rules, address: int, row: int, product: int, bid: int, ask: int, price: int, quantity: int
) -> None:
    """Fill two resting orders with each other."""
    bid_first = b.orders[bid, ORDER] < b.orders[ask, ORDER]
    if bits_of(b, bid) & POST_ONLY:
        bid_first = True
    elif bits_of(b, ask) & POST_ONLY:
        bid_first = False
    maker_slot, taker_slot = (bid, ask) if bid_first else (ask, bid)
    maker, taker = b.orders[maker_slot, ORDER], b.orders[taker_slot, ORDER]
    note_fill(b, row, product, maker, taker, price, quantity)
    remaining = lessen(b, r, address, maker_slot, quantity)
    note(b, row, product, maker, FILLED, price, quantity, remaining)
    remaining = lessen(b, r, address, taker_slot, quantity)
    note(b, row, product, taker, FILLED, price, quantity, remaining)


@njit(cache=True, nogil=True)
def uncross_at(address: int, row: int, product: int, reference: int, flags: int) -> int:
    """Carry out UNCROSS for a known product; see `kernel.step` for what is returned."""
    b = columns_at(address)
    r = rules_of(b)
    if flags & ~(PRO_RATA | PAY_AS_BID):
        return UNKNOWN_FLAGS
    bids_at = 2 * product
    if b.sides[bids_at, CALLING] == 0:
        return WRONG_PHASE
    buyers, sellers = b.sides[bids_at, ORDERS], b.sides[bids_at + 1, ORDERS]
    if lacks_record(b, 2 * (buyers + sellers), buyers + sellers):
        return NEED_EVENTS
    bids, asks = np.empty((buyers, 5), np.int64), np.empty((sellers, 5), np.int64)
    bid_slots, ask_slots = np.empty(buyers, np.int64), np.empty(sellers, np.int64)
    bought, sold = np.empty(buyers, np.int64), np.empty(sellers, np.int64)
    pairs = np.empty((buyers + sellers, 3), np.int64)
    gather(b, r, bids_at, bids, bid_slots)
    gather(b, r, bids_at + 1, asks, ask_slots)
    b.sides[bids_at, CALLING] = 0
    b.sides[bids_at + 1, CALLING] = 0
    volume = crossing_wh(bids, asks)
    if volume == 0:
        return OK
    bid_margin, ask_margin = allot(bids, volume, bought), allot(asks, volume, sold)
    price = clearing_tick(bid_margin, ask_margin, min(max(reference, r.floor), r.cap), r.step)
    if flags & PRO_RATA:
        share_margin(bids, bought, r.lot)
        share_margin(asks, sold, r.lot)
    for i in range(pair(bids, bought, asks, sold, pairs)):
        bid, ask, quantity = pairs[i, 0], pairs[i, 1], pairs[i, 2]
        at = bids[bid, TICK] if flags & PAY_AS_BID else price
        trade(b, r, address, row, product, bid_slots[bid], ask_slots[ask], at, quantity)
    return OK
