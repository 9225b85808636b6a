"""Putting together what was written side by side: rows of several drafts into the journal, in the order of one clock.

Owns that order. Each board's agents act in the order of (time, place) but for those who are woken by a fill at the same
moment: they follow at once. Taking again and again the command whose agent comes first gives what all agents on one
wheel would have written.
"""

# mypy: disable-error-code="no-any-return, call-arg"
# An element of an array is Any to mypy, and functions here return one; numba gives an intrinsic one argument more.

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from numba import njit

from wattbook.book.kernel_machine import inlined, u, view
from wattbook.messages import Action
from wattbook.world.kernel_board import Chunk, commands_at, minds_at, orders_at, pen_at, sizes_at, trades_at
from wattbook.world.kernel_pen import AT_NEED, DONE, ROOM_COMMANDS, ROOM_ORDERS, ROOM_TRADES
from wattbook.world.kernel_wheel import PLACE_BITS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

BOARD, COMMAND, ORDER, TRADE, NEXT_KEY = range(5)
"""Columns of the table of drafts: a board's address, the next row of each stream, the key of its next command."""
TABLE_WIDTH: Final = 5
_NOBODY: Final = (1 << 63) - 1
_QUARANTINE: Final = int(Action.QUARANTINE)


@inlined
def _key(commands: Any, row: int, place: Ints, origin_ms: int) -> int:
    """Key of the wake that wrote a command; a quarantine is written in the wake of whom it takes out."""
    if row == commands.fill[0]:
        return _NOBODY
    agent = commands.columns[2][row]
    if commands.columns[3][row] == _QUARANTINE:
        agent = commands.columns[6][row]
    return (commands.columns[1][row] - origin_ms) << PLACE_BITS | place[u(agent)]


@inlined
def _first(table: Ints) -> int:
    """Draft whose next command comes first."""
    best = 0
    for i in range(1, len(table)):
        if table[i, NEXT_KEY] < table[best, NEXT_KEY]:
            best = i
    return best


@inlined
def _copy_command(source: Chunk, row: int, into: Chunk) -> int:
    """Copy a command; give its seq, which the source then tells too."""
    i, seq = into.fill[0], into.fill[1]
    s, t = source.columns, into.columns
    t[1][i] = s[1][row]
    t[2][i] = s[2][row]
    t[3][i] = s[3][row]
    t[4][i] = s[4][row]
    t[5][i] = s[5][row]
    t[6][i] = s[6][row]
    t[7][i] = s[7][row]
    t[8][i] = s[8][row]
    t[9][i] = s[9][row]
    t[10][i] = s[10][row]
    into.fill[0] += 1
    into.fill[1] += 1
    s[0][row] = seq
    return seq


@inlined
def _copy_order(source: Chunk, row: int, into: Chunk, command: int) -> None:
    i = into.fill[0]
    s, t = source.columns, into.columns
    t[1][i] = command
    t[2][i] = s[2][row]
    t[3][i] = s[3][row]
    t[4][i] = s[4][row]
    t[5][i] = s[5][row]
    t[6][i] = s[6][row]
    t[7][i] = s[7][row]
    t[8][i] = s[8][row]
    t[9][i] = s[9][row]
    t[10][i] = s[10][row]
    t[11][i] = s[11][row]
    t[12][i] = s[12][row]
    into.fill[0] += 1
    into.fill[1] += 1


@inlined
def _copy_trade(source: Chunk, row: int, into: Chunk, command: int) -> None:
    i = into.fill[0]
    s, t = source.columns, into.columns
    t[1][i] = command
    t[2][i] = s[2][row]
    t[3][i] = s[3][row]
    t[4][i] = s[4][row]
    t[5][i] = s[5][row]
    t[6][i] = s[6][row]
    t[7][i] = s[7][row]
    t[8][i] = s[8][row]
    t[9][i] = s[9][row]
    t[10][i] = s[10][row]
    t[11][i] = s[11][row]
    into.fill[0] += 1
    into.fill[1] += 1


@inlined
def _end_of(facts: Chunk, first: int, command: int) -> int:
    """Row behind the facts of a command."""
    row = first
    while row < facts.fill[0] and facts.columns[1][row] == command:
        row += 1
    return row


@njit(cache=True, nogil=True)
def begin_at(hall: int, table_at: int, count: int) -> int:
    """Stand at the first row of each of `count` drafts; say how many have any."""
    table, n, written = view(table_at, count, TABLE_WIDTH), sizes_at(hall), 0
    for i in range(count):
        table[i, COMMAND] = table[i, ORDER] = table[i, TRADE] = 0
        table[i, NEXT_KEY] = _key(commands_at(table[i, BOARD]), 0, minds_at(hall, n).place, n.origin_ms)
        written += table[i, NEXT_KEY] != _NOBODY
    return written


@njit(cache=True, nogil=True)
def merge_at(hall: int, table_at: int, count: int) -> int:
    """Copy what is left of the drafts into the chunks of the board `hall`, in the order of one clock.

    Parameters
    ----------
    table_at : int
        Address of the table of drafts, (count, TABLE_WIDTH) int64.

    Returns
    -------
    int
        0 when all is copied, else which chunk is full; it goes on from there when it is called again.
    """
    table, n = view(table_at, count, TABLE_WIDTH), sizes_at(hall)
    state, place = pen_at(hall, n).state, minds_at(hall, n).place
    commands, orders, trades = commands_at(hall), orders_at(hall), trades_at(hall)
    while True:
        i = _first(table)
        if table[i, NEXT_KEY] == _NOBODY:
            return DONE
        row = table[i, COMMAND]
        more_orders, more_trades = orders_at(table[i, BOARD]), trades_at(table[i, BOARD])
        last_order = _end_of(more_orders, table[i, ORDER], row)
        last_trade = _end_of(more_trades, table[i, TRADE], row)
        if commands.fill[0] >= commands.capacity:
            return ROOM_COMMANDS
        if orders.fill[0] + last_order - table[i, ORDER] > orders.capacity:
            state[AT_NEED] = last_order - table[i, ORDER]
            return ROOM_ORDERS
        if trades.fill[0] + last_trade - table[i, TRADE] > trades.capacity:
            state[AT_NEED] = last_trade - table[i, TRADE]
            return ROOM_TRADES
        more_commands = commands_at(table[i, BOARD])
        seq = _copy_command(more_commands, row, commands)
        for order in range(table[i, ORDER], last_order):
            _copy_order(more_orders, order, orders, seq)
        for trade in range(table[i, TRADE], last_trade):
            _copy_trade(more_trades, trade, trades, seq)
        table[i, COMMAND], table[i, ORDER], table[i, TRADE] = row + 1, last_order, last_trade
        table[i, NEXT_KEY] = _key(more_commands, row + 1, place, n.origin_ms)
