"""Looking ahead: what the next agents' wakes ask the memory for, some wakes before they are needed.

Owns nothing. Who is looked at may wake later than it seems: it only asks, and no answer depends on it.
"""

# mypy: disable-error-code="no-any-return"
# An element of an array is Any to mypy, and functions here return one.

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wattbook.book.kernel_ahead import bases_at
from wattbook.book.kernel_columns import columns_at
from wattbook.book.kernel_machine import inlined, line, prefetch, u
from wattbook.book.kernel_table import bucket_of, guess
from wattbook.ledger import WIDTH as ACCOUNT_WIDTH
from wattbook.market.columns import MEMBER_WIDTH, RING_WIDTH, STORAGE_WIDTH, TOWN_SHELF, Rules, Town
from wattbook.messages import MEMORY_SIZE
from wattbook.world import kernel_board as board
from wattbook.world.kernel import Sights
from wattbook.world.kernel_board import Minds, Outlooks, sizes_at
from wattbook.world.kernel_wheel import AT_LENGTH, AT_NEXT, PLACE, Wheel
from wattbook.world.kernel_wheel import WIDTH as WHEEL_WIDTH
from wattbook.world.outlook import SHELF as OUTLOOK_SHELF
from wattbook.world.outlook import WIDTH as OUTLOOK_WIDTH

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wattbook.book.kernel_columns import Columns
    from wattbook.world.kernel_board import Sizes

    Ints = NDArray[np.int64]

COUNT, LATEST, FIRST_BOARD = range(3)
"""Of a round, see `wattbook.world.kernel_wakes.run_at`."""
MANY: Final = 500
"""Fewer agents fit into the nearer caches with all that is theirs."""
NEAR, FAR, FARTHER, FARTHEST = 1, 2, 4, 6
"""How many wakes ahead."""
_WINDOW: Final = 3
"""Products whose gates are near."""
_BYTES: Final = 8
_LINE: Final = 64
_STALL_BITS: Final = board.AT_RULES + Rules._fields.index("stall_bits")
_LATEST: Final = board.AT_TOWN + Town._fields.index("latest")
_LOOK_MS: Final = board.AT_MINDS + Minds._fields.index("look_ms")
_MEMORY: Final = board.AT_MINDS + Minds._fields.index("memory")
_AGENT_AT: Final = board.AT_MINDS + Minds._fields.index("agent_at")
_WHEEL: Final = board.AT_WHEEL + Wheel._fields.index("after")
_NET: Final = board.AT_TOWN + Town._fields.index("net_wh")
_OPEN: Final = board.AT_TOWN + Town._fields.index("open_buy_wh")
_SIGHT: Final = board.AT_SIGHTS + Sights._fields.index("load_wh")
_SIGHTS: Final = 3
"""What everybody expects: load, generation and how sure that is."""
_BASE: Final = board.AT_OUTLOOKS + Outlooks._fields.index("load_base")
_RAW: Final = board.AT_OUTLOOKS + Outlooks._fields.index("load_raw")


@inlined
def _ask_for_agent(address: int, n: Sizes, agent: int, period: int) -> None:
    """Ask for an agent's records, and for its rows from `period` on."""
    b = line(address, board.LENGTH)
    prefetch(b[board.AT_MINDS] + agent * (board.MIND_WIDTH * _BYTES))
    prefetch(b[board.AT_OUTLOOKS] + agent * (OUTLOOK_WIDTH * _BYTES))
    prefetch(b[board.AT_TOWN] + agent * (MEMBER_WIDTH * _BYTES))
    prefetch((b[board.AT_TOWN] + agent * (MEMBER_WIDTH * _BYTES)) ^ _LINE)
    prefetch(b[board.AT_MONEY] + agent * (ACCOUNT_WIDTH * _BYTES))
    prefetch(b[board.AT_STORAGE] + agent * (STORAGE_WIDTH * _BYTES))
    prefetch(b[_WHEEL] + agent * (WHEEL_WIDTH * _BYTES))
    memory = b[_MEMORY] + agent * (MEMORY_SIZE * _BYTES)
    prefetch(memory)
    prefetch(memory + _LINE)
    prefetch(b[_LOOK_MS] + (agent * n.periods + period) * _BYTES)
    row = (agent * (TOWN_SHELF * n.periods) + period) * _BYTES
    prefetch(b[_NET] + row)
    prefetch(b[_NET] + row + n.periods * _BYTES)
    prefetch(b[_OPEN] + row)
    prefetch(b[_OPEN + 1] + row)
    prefetch(b[_LATEST] + row)
    row = (agent * (OUTLOOK_SHELF * n.periods) + period) * _BYTES
    prefetch(b[_BASE] + row)
    prefetch(b[_BASE + 1] + row)
    prefetch(b[_RAW] + row)
    prefetch(b[_RAW + 1] + row)
    for column in range(_SIGHTS):
        prefetch(b[_SIGHT + column] + row)


@inlined
def _latest(address: int, n: Sizes, agent: int, period: int) -> NDArray[np.int64]:
    """Ids of the agent's orders in the products from `period` on whose gates are near, 0 for none."""
    c = line(address, board.LENGTH)
    return line(c[_LATEST] + (agent * (TOWN_SHELF * n.periods) + period) * _BYTES, min(_WINDOW, n.periods - period))


@inlined
def _ask_for_records(address: int, n: Sizes, b: Columns, agent: int, period: int) -> None:
    """Ask for the ring's records of the agent's orders, and for the places where the book looks them up."""
    c, bases = line(address, board.LENGTH), bases_at(n.book)
    for order in _latest(address, n, agent, period):
        if order != 0:
            row = (order >> c[_STALL_BITS]) & (n.ring - 1)
            prefetch(c[board.AT_RING] + row * (RING_WIDTH * _BYTES))
            prefetch(bases.table + (bucket_of(b, order) << 3))


@inlined
def _ask_for_orders(address: int, n: Sizes, b: Columns, agent: int, period: int) -> None:
    """Ask for the book's own rows of the agent's orders."""
    bases = bases_at(n.book)
    for order in _latest(address, n, agent, period):
        if order != 0:
            prefetch(bases.orders + (guess(b, order) << 5))


@inlined
def board_of(count: int, rules: Rules, agent: int) -> int:
    """Which of a round's boards an agent wakes from: its stall's, see `wattbook.market.stalls.stall_of`."""
    if count == 1 or rules.feeder[agent] < 0:
        return 0
    return rules.feeder[agent] * count // rules.books


@inlined
def look_ahead(boards: Ints, n: Sizes, rules: Rules, wheel: Wheel, minds: Minds, period: int) -> None:
    """Ask for what the next wakes of the bucket touch, in steps: each finds in the cache what the one before asked for.

    Parameters
    ----------
    boards : (count,) int64
        Addresses.
    period : int
        The first that is not yet delivered.
    """
    first, last, count = wheel.state[AT_NEXT], wheel.state[AT_LENGTH], len(boards)
    if first + FARTHEST < last:
        prefetch(line(boards[0], board.LENGTH)[_AGENT_AT] + (wheel.batch[u(first + FARTHEST)] & PLACE) * _BYTES)
    if period >= n.periods:
        return
    if first + FARTHER < last:
        _ask_for_agent(boards[0], n, minds.agent_at[wheel.batch[u(first + FARTHER)] & PLACE], period)
    if first + FAR < last:
        agent = minds.agent_at[wheel.batch[u(first + FAR)] & PLACE]
        address = boards[board_of(count, rules, agent)]
        m = sizes_at(address)
        _ask_for_records(address, m, columns_at(m.book), agent, period)
    if first + NEAR < last:
        agent = minds.agent_at[wheel.batch[u(first + NEAR)] & PLACE]
        address = boards[board_of(count, rules, agent)]
        m = sizes_at(address)
        _ask_for_orders(address, m, columns_at(m.book), agent, period)
