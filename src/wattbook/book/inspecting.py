"""What must always hold of a compiled book's columns, looked at from outside.

Owns the assertions behind `Book.check`; changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from wattbook.book.kernel_columns import (
    BEST,
    CALLING,
    EARLIEST,
    EXTRA,
    H_COUNT,
    H_DEPTH,
    H_EXTRAS,
    H_EXTRAS_USED,
    H_FREE_EXTRA,
    H_FREE_LEVEL,
    H_FREE_NODE,
    H_FREE_ORDER,
    H_LAST_ORDER,
    H_LEVELS,
    H_LEVELS_USED,
    H_NODES,
    H_NODES_USED,
    H_ORDERS_USED,
    H_TOP,
    KEY,
    LINKS,
    LOW_32,
    ORDER,
    ORDERS,
    OWNER,
    OWNER_TOO,
    ROOT,
    SLICES,
    Columns,
    bits_of,
    level_of,
    next_of,
    previous_of,
    remaining_of,
    shown_of,
)
from wattbook.book.kernel_table import place_of, slot_in
from wattbook.book.kernel_tree import DIGIT_BITS
from wattbook.book.words import MAX_QUANTITY_WH, MAX_SLICES

if TYPE_CHECKING:
    from wattbook.book.terms import Terms


def inspect(b: Columns, terms: Terms) -> None:
    """Assert that all columns agree with each other and with the terms."""
    header, count = b.header, int(b.header[H_COUNT])
    assert count <= terms.max_orders
    assert b.sides[:, ORDERS].sum() == np.count_nonzero(b.table) == count
    assert not b.orders[0].any()
    assert not b.levels[0].any()
    assert not b.branches[0].any()
    free_orders = _chain(int(header[H_FREE_ORDER]), b.orders[:, LINKS])
    free_levels = _chain(int(header[H_FREE_LEVEL]), b.levels[:, KEY])
    free_nodes = _chain(int(header[H_FREE_NODE]), b.masks)
    free_extras = _chain(int(header[H_FREE_EXTRA]), b.extras[:, OWNER_TOO])
    assert header[H_ORDERS_USED] == 1 + free_orders + count
    assert header[H_LEVELS_USED] == 1 + free_levels + header[H_LEVELS]
    assert header[H_NODES_USED] == 1 + free_nodes + header[H_NODES]
    assert header[H_EXTRAS_USED] == 1 + free_extras + header[H_EXTRAS]
    nodes = levels = extras = 0
    for row in np.flatnonzero(b.sides[:, ROOT]).tolist():
        found, its_nodes = _tree(b, int(b.sides[row, ROOT]), int(header[H_DEPTH]) - 1, 0)
        nodes, levels = nodes + its_nodes, levels + len(found)
        extras += _check_side(b, terms, row, found)
    assert (nodes, levels, extras) == (header[H_NODES], header[H_LEVELS], header[H_EXTRAS])
    _check_phases(b, int(header[H_TOP]))


def _check_phases(b: Columns, top: int) -> None:
    bids, asks = b.sides[::2], b.sides[1::2]
    assert (bids[:, CALLING] == asks[:, CALLING]).all()
    both = np.flatnonzero((bids[:, BEST] > 0) & (asks[:, BEST] > 0) & (bids[:, CALLING] == 0))
    bid_steps = top - b.levels[bids[both, BEST], KEY]
    assert (bid_steps < b.levels[asks[both, BEST], KEY]).all()


def _tree(b: Columns, node: int, step: int, prefix: int) -> tuple[list[tuple[int, int]], int]:
    """(key, level) of all below a node, ascending, and the number of nodes."""
    digits = [digit for digit in range(32) if int(b.masks[node]) >> digit & 1]
    assert digits
    assert np.flatnonzero(b.branches[node]).tolist() == digits
    found, nodes = [], 1
    for digit in digits:
        key, below = prefix << DIGIT_BITS | digit, int(b.branches[node, digit])
        if step == 0:
            found.append((key, below))
        else:
            more, its_nodes = _tree(b, below, step - 1, key)
            found, nodes = found + more, nodes + its_nodes
    return found, nodes


def _check_side(b: Columns, terms: Terms, row: int, found: list[tuple[int, int]]) -> int:
    """Return how many of a side's orders have extras."""
    assert b.sides[row, BEST] == found[0][1]
    orders = slices = extras = 0
    due = []
    for key, level in found:
        queue = _check_level(b, terms, row, key, level)
        orders += len(queue)
        for slot in queue:
            if bits_of(b, slot) & EXTRA:
                display, hidden, expire_ms, _ = b.extras[b.orders[slot, OWNER]].tolist()
                extras += 1
                slices += -(-hidden // display) if hidden else 0
                due += [expire_ms] if expire_ms else []
                assert display or expire_ms
                assert 0 < shown_of(b, slot) <= (display or MAX_QUANTITY_WH)
                assert not display or remaining_of(b, slot) <= MAX_SLICES * display
    assert (orders, slices) == (b.sides[row, ORDERS], b.sides[row, SLICES])
    assert not due or 0 < b.sides[row, EARLIEST] <= min(due)
    return extras


def _check_level(b: Columns, terms: Terms, row: int, key: int, level: int) -> list[int]:
    """Orders of a level in priority order."""
    its_key, total, ends, place = b.levels[level].tolist()
    steps = key if row & 1 else int(b.header[H_TOP]) - key
    assert (its_key, place >> 32) == (key, row)
    assert 0 <= steps <= int(b.header[H_TOP])
    queue, before, slot = [], 0, ends >> 32
    while slot:
        assert previous_of(b, slot) == before
        assert level_of(b, slot) == level
        assert 0 < remaining_of(b, slot) <= MAX_QUANTITY_WH
        assert remaining_of(b, slot) % terms.lot_wh == shown_of(b, slot) % terms.lot_wh == 0
        assert 0 < b.orders[slot, ORDER] <= b.header[H_LAST_ORDER]
        assert slot_in(b, place_of(b, b.orders[slot, ORDER])) == slot
        queue.append(slot)
        before, slot = slot, int(next_of(b, slot))
    assert before == ends & LOW_32
    assert place & LOW_32 == len(queue) > 0
    assert total == sum(shown_of(b, slot) for slot in queue)
    return queue


def _chain(at: int, following: np.ndarray) -> int:
    """Length of a free list."""
    count = 0
    while at:
        at, count = int(following[at]), count + 1
    return count
