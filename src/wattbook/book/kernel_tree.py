"""Which prices there are: a tree from price to level for each side.

Owns the columns `masks`, `branches` and the opening and closing of `levels`. Knows no orders.
"""

# mypy: disable-error-code="no-any-return"
# An element of an array is Any to mypy, and every function here returns one.

from __future__ import annotations

from typing import Final

from wattbook.book.kernel_columns import (
    BEST,
    ENDS,
    H_FREE_LEVEL,
    H_FREE_NODE,
    H_LEVELS,
    H_LEVELS_USED,
    H_NODES,
    H_NODES_USED,
    KEY,
    PLACE,
    ROOT,
    TOTAL,
    Columns,
    Rules,
    row_of,
)
from wattbook.book.kernel_machine import inlined, lowest_bit, u

DIGIT_BITS: Final = 5
DIGIT: Final = 31
USUAL_DEPTH: Final = 4
"""Of bands of 2**15 to 2**20 steps: the default one has 450,001."""


@inlined
def _below(b: Columns, node: int, key: int, step: int) -> int:
    """Go down the branch that a key takes at a node `step` above the levels."""
    return int(b.branches[u(node), u(key >> (DIGIT_BITS * step) & DIGIT)])


@inlined
def level_at(b: Columns, r: Rules, row: int, key: int) -> int:
    """Level of a key, 0 if there is none."""
    node = b.sides[u(row), ROOT]
    if r.depth == USUAL_DEPTH:  # without a loop
        return _below(b, _below(b, _below(b, _below(b, node, key, 3), key, 2), key, 1), key, 0)
    for step in range(r.depth - 1, -1, -1):
        node = _below(b, node, key, step)
    return node


@inlined
def _descend(b: Columns, node: int, steps: int) -> int:
    """Level of the lowest key below `node`, which stands `steps` above the levels."""
    for _ in range(steps):
        node = int(b.branches[u(node), u(lowest_bit(b.masks[u(node)]))])
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
        node = int(b.branches[u(node), u(digit)])
    if fork_rest == 0:
        return 0
    return _descend(b, int(b.branches[u(fork), u(lowest_bit(fork_rest))]), fork_steps)


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
            below = int(b.branches[u(node), u(digit)])
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
        node = int(b.branches[u(node), u(digit)])
    if cut == 0:
        node = root
        b.sides[u(row), ROOT] = 0
    else:
        digit = key >> (DIGIT_BITS * cut_step) & DIGIT
        node = int(b.branches[u(cut), u(digit)])
        b.masks[u(cut)] ^= 1 << digit
        b.branches[u(cut), u(digit)] = 0
    for step in range(cut_step - 1, -1, -1):
        digit = key >> (DIGIT_BITS * step) & DIGIT
        below = int(b.branches[u(node), u(digit)])
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
