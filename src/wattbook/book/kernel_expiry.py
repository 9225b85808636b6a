"""The expiry of all that rests in one side of a product: its orders are told in their order, then freed as a whole.

A gate closes over orders that have slept for hours, in memory that nobody has touched since. Taken out one after the
other, each would wait for its level, its row and its place in the table in turn, and its level would leave the tree by
itself. Here the tree is freed node by node, and what comes next is asked for before any of it is used: a day's gates of
20,000 homes close in 0.04 s instead of 0.42. Owns nothing; knows no rule of matching.
"""

# mypy: disable-error-code="no-any-return"
# An element of an array is Any to mypy, and every function here returns one.

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numba import njit

from wattbook.book import words
from wattbook.book.kernel_ahead import bases_at
from wattbook.book.kernel_columns import (
    BEST,
    EARLIEST,
    EXTRA,
    H_COUNT,
    H_FREE_LEVEL,
    H_FREE_NODE,
    H_FREE_ORDER,
    H_LEVELS,
    H_NODES,
    KEY,
    LINKS,
    ORDER,
    ORDERS,
    OWNER,
    ROOT,
    Columns,
    Rules,
    bits_of,
    columns_at,
    head_of,
    next_of,
    note,
    price_of,
    remaining_of,
    rules_of,
)
from wattbook.book.kernel_machine import inlined, lowest_bit, prefetch, u
from wattbook.book.kernel_queues import free_extra_at
from wattbook.book.kernel_table import _forget, bucket_of, place_of_slot

if TYPE_CHECKING:
    from numpy.typing import NDArray

EXPIRED: Final = int(words.Event.EXPIRED)


@inlined
def _free_tree(b: Columns, r: Rules, row: int, now: NDArray[np.int64], then: NDArray[np.int64]) -> int:
    """Free the tree of side `row`; the levels that hung on it stand in `now` afterwards, best first: return how many.

    `now` and `then` have room for as many numbers as there are levels.
    """
    now[0] = b.sides[u(row), ROOT]
    count = 1
    for _ in range(r.depth):
        found = 0
        for i in range(count):
            node = now[i]
            rest = b.masks[u(node)]
            while rest != 0:
                digit = lowest_bit(rest)
                rest &= rest - 1
                below = int(b.branches[u(node), u(digit)])
                b.branches[u(node), u(digit)] = 0
                then[found] = below
                found += 1
            b.masks[u(node)] = b.header[H_FREE_NODE]
            b.header[H_FREE_NODE] = node
            b.header[H_NODES] -= 1
        for i in range(found):
            now[i] = then[i]
        count = found
    return count


@njit(cache=True, nogil=True)
def expire_all_at(address: int, row: int, at: int) -> None:
    """Take everything out of side `at`."""
    b = columns_at(address)
    r = rules_of(b)
    bases = bases_at(address)
    orders = b.sides[at, ORDERS]
    if orders == 0:
        return
    levels, slots = np.empty(orders, np.int64), np.empty(orders, np.int64)
    count = _free_tree(b, r, at, levels, slots)
    for i in range(count):
        prefetch(bases.levels + (levels[i] << 5))
    for i in range(count):
        prefetch(bases.orders + (head_of(b, levels[i]) << 5))
    found = 0
    for i in range(count):
        level = levels[i]
        price = price_of(r, at, b.levels[level, KEY])
        slot = head_of(b, level)
        while slot != 0:
            order = b.orders[u(slot), ORDER]
            prefetch(bases.table + (bucket_of(b, order) << 3))
            note(b, row, at >> 1, order, EXPIRED, price, remaining_of(b, slot), 0)
            slots[found] = slot
            found += 1
            slot = next_of(b, slot)
        b.levels[level, KEY] = b.header[H_FREE_LEVEL]
        b.header[H_FREE_LEVEL] = level
    for i in range(found):
        slot = slots[i]
        _forget(b, place_of_slot(b, slot))
        if bits_of(b, slot) & EXTRA:
            free_extra_at(address, at, b.orders[u(slot), OWNER])
        b.orders[u(slot), LINKS] = b.header[H_FREE_ORDER]
        b.header[H_FREE_ORDER] = slot
    b.header[H_LEVELS] -= count
    b.header[H_COUNT] -= found
    b.sides[at, ROOT] = 0
    b.sides[at, BEST] = 0
    b.sides[at, ORDERS] = 0
    b.sides[at, EARLIEST] = 0
