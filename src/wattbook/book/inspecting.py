"""What must always hold of a compiled book's columns, looked at from outside.

Owns the assertions behind `Book.check`; changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from wattbook.book.kernel_columns import (
    BEST,
    BITS,
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
    H_TABLE_SHIFT,
    H_TOP,
    KEY,
    LINKS,
    LOW_32,
    ORDERS,
    OWNER_TOO,
    ROOT,
    ROW,
    ROW_BITS,
    SLICES,
    Columns,
)
from wattbook.book.kernel_machine import BUCKET, BUCKET_BITS
from wattbook.book.kernel_table import SPREAD, TAG
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


class Resting(NamedTuple):
    """One order, its words taken apart."""

    order: int
    shown: int
    hidden: int
    level: int
    after: int
    before: int
    display: int
    expire_ms: int
    has_extra: bool


def _resting(b: Columns, slot: int) -> Resting:
    order, owner, size, links = b.orders[slot].tolist()
    has_extra = bool(links & EXTRA)
    display, hidden, expire_ms, _ = b.extras[owner].tolist() if has_extra else (0, 0, 0, 0)
    before = links >> BITS.bit_length() & ROW
    return Resting(order, size >> ROW_BITS, hidden, size & ROW, links >> 32, before, display, expire_ms, has_extra)


def _check_side(b: Columns, terms: Terms, row: int, found: list[tuple[int, int]]) -> int:
    """Return how many of a side's orders have extras."""
    assert b.sides[row, BEST] == found[0][1]
    queue = [each for key, level in found for each in _check_level(b, terms, row, key, level)]
    extras = [each for each in queue if each.has_extra]
    for each in extras:
        assert each.display or each.expire_ms
        assert 0 < each.shown <= (each.display or MAX_QUANTITY_WH)
        assert not each.display or each.shown + each.hidden <= MAX_SLICES * each.display
    slices = sum(-(-each.hidden // each.display) for each in extras if each.hidden)
    assert (len(queue), slices) == (b.sides[row, ORDERS], b.sides[row, SLICES])
    due = [each.expire_ms for each in extras if each.expire_ms]
    assert not due or 0 < b.sides[row, EARLIEST] <= min(due)
    return len(extras)


def _check_level(b: Columns, terms: Terms, row: int, key: int, level: int) -> list[Resting]:
    """Orders of a level in priority order."""
    its_key, total, ends, place = b.levels[level].tolist()
    assert (its_key, place >> 32) == (key, row)
    assert 0 <= key <= int(b.header[H_TOP])
    queue, before, slot = [], 0, ends >> 32
    while slot:
        each = _resting(b, slot)
        assert (each.before, each.level) == (before, level)
        assert 0 < each.shown + each.hidden <= MAX_QUANTITY_WH
        assert each.hidden % terms.lot_wh == each.shown % terms.lot_wh == 0
        assert 0 < each.order <= b.header[H_LAST_ORDER]
        assert _is_found(b, each.order, slot)
        queue.append(each)
        before, slot = slot, each.after
    assert before == ends & LOW_32
    assert place & LOW_32 == len(queue) > 0
    assert total == sum(each.shown for each in queue)
    return queue


def _is_found(b: Columns, order: int, slot: int) -> bool:
    """Say whether a search for an order in the table ends at its row."""
    tag = (order ^ order >> 31) & TAG
    bucket = (tag * SPREAD & LOW_32) >> int(b.header[H_TABLE_SHIFT]) << BUCKET_BITS
    while True:
        entries = b.table[bucket : bucket + BUCKET].tolist()
        if tag << 32 | slot in entries:
            return True
        if 0 in entries:
            return False
        bucket = (bucket + BUCKET) % len(b.table)


def _chain(at: int, following: np.ndarray) -> int:
    """Length of a free list."""
    count = 0
    while at:
        at, count = int(following[at]), count + 1
    return count
