"""The board: where all columns lie that a wake needs, as one array of addresses and numbers.

A kernel takes the board's address alone: calling it with a hundred arrays would cost more than most wakes, and arrays
made of addresses carry no count of references. Owns the order of what is on it and nothing else. Columns that share a
record (`wattbook.records`) are found from the first of them.
"""

# mypy: disable-error-code="no-any-return"
# An element of an array is Any to mypy, and functions here return one.

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from wattbook.assets import Batteries
from wattbook.book.kernel_machine import (
    columns_at,
    cube,
    inlined,
    line,
    line_8,
    line_16,
    line_32,
    shelf_at,
    shelves_at,
    view,
)
from wattbook.ledger import WIDTH as ACCOUNT_WIDTH
from wattbook.market.columns import MEMBER_WIDTH, RING_WIDTH, STORAGE_WIDTH, TOWN_SHELF, Notices, Ring, Rules, Town
from wattbook.messages import MEMORY_SIZE, OUT_COLUMNS, OUT_ROWS, See
from wattbook.world.kernel import Sights
from wattbook.world.kernel_wheel import BUCKETS, Wheel
from wattbook.world.kernel_wheel import WIDTH as WHEEL_WIDTH
from wattbook.world.outlook import SHELF as OUTLOOK_SHELF
from wattbook.world.outlook import WIDTH as OUTLOOK_WIDTH

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

SEE_FIELDS: Final = len(See._fields)
SCRATCH_ROWS: Final = 10
MIND_WIDTH: Final = 8
"""Of an agent's record: the first fields of `Minds`."""


class Minds(NamedTuple):
    """Columns of the agents' clocks and of how they decide, int64; the first eight in one record."""

    next_ms: Ints
    """(a,)"""
    seen: Ints
    """(a,)"""
    woke_ms: Ints
    """(a,)"""
    woke_often: Ints
    """(a,)"""
    look_ahead_ms: Ints
    """(a,)"""
    draw_key: Ints
    """(a,)"""
    place: Ints
    """(a,) place in the order of ranks"""
    look: Ints
    """(a,) address of the compiled policy, 0 for those that Python wakes"""
    memory: Ints
    """(a, MEMORY_SIZE)"""
    look_ms: Ints
    """(a, p)"""
    agent_at: Ints
    """(a,) who has a place"""


class Outlooks(NamedTuple):
    """Columns that expectations come from, int64; the first five in one record with two of `Sights` and `foreseen`."""

    phase_ms: Ints
    """(a,)"""
    updated_ms: Ints
    """(a,)"""
    scale_wh: Ints
    """(a,)"""
    load_key: Ints
    """(a,)"""
    own_key: Ints
    """(a,)"""
    utility: Ints
    """(a,)"""
    vat_ppm: Ints
    """(a,)"""
    foreseen: Ints
    """(a,) how many periods are foreseen as of the latest update"""
    load_base: Ints
    """(a, p)"""
    generation_base: Ints
    """(a, p)"""
    table: Ints
    """(5, stages)"""
    cloud_ppm: Ints
    """(p, stages + 1) the cloud's error by open stages"""
    load_raw: Ints
    """(a, p) sums of open errors, see `wattbook.assets.kernel.forecast_on`"""
    own_raw: Ints
    """(a, p)"""


class Money(NamedTuple):
    """The ledger's columns that admission reads, (accounts,) int64."""

    balance: Ints
    reserved: Ints
    credit_limit: Ints


class Sizes(NamedTuple):
    """Numbers on the board."""

    agents: int
    periods: int
    accounts: int
    ring: int
    book: int
    """Address of the order book's board."""
    step: int
    """Address of the book's compiled step."""
    every_ms: int
    stages: int
    levy_tick: int
    step_tick: int
    end_ms: int
    origin_ms: int
    opened: int
    """Periods whose gate has opened."""
    books: int
    """Rows of books, at least one."""
    stall: int
    """Index of the stall whose order book this is."""
    first_book: int
    """First of the street's books that lie there."""


class Chunk(NamedTuple):
    """A journal's chunk."""

    columns: Any
    fill: Ints
    """(2,) rows used, next seq"""
    capacity: int


class Pen(NamedTuple):
    """Where a wake stands; it outlives a return to Python for more room."""

    state: Ints
    """(32,), see ``AT_`` in `kernel_pen`"""
    due: Ints
    """(p,) the products to look at"""
    row: Ints
    """(fields of See,)"""
    out: Ints
    """(OUT_ROWS, OUT_COLUMNS), and behind it what else a look writes: OUT_ROOM numbers together"""
    scratch: Ints
    """(SCRATCH_ROWS, p) for the projection of a battery"""
    wakes: Ints
    """(1,) times that an agent woke"""
    counts: Ints
    """(2,) orders and trades of the stall"""


_RULES: Final = 12
"""Numbers of `Rules` in front of its arrays."""
N_SIZES: Final = len(Sizes._fields)


class Writing:
    """The board as Python lays it out.

    Parameters
    ----------
    parts : NamedTuples in the order of the ``AT_`` below, with a `Chunk` each for the three streams
    """

    def __init__(self, sizes: Sizes, parts: tuple[Any, ...]) -> None:
        self.kept: list[Any] = []
        numbers: list[int] = [int(number) for number in sizes]
        for part in parts:
            _check_record(part)
            for field in part:
                if isinstance(field, tuple):
                    numbers += [self._address(column) for column in field]
                elif isinstance(field, np.ndarray):
                    numbers.append(self._address(field))
                else:
                    numbers.append(int(field))
        self.numbers = np.array(numbers, np.int64)
        self.address = int(self.numbers.ctypes.data)

    def _address(self, column: NDArray[Any]) -> int:
        self.kept.append(column)
        return int(column.ctypes.data)


def _check_record(part: Any) -> None:
    """Assert that those columns of a part which lie in records follow each other there: only the first is looked up."""
    fields = [field for field in part if isinstance(field, np.ndarray) and not field.flags.c_contiguous]
    columns = [field for field in fields if field.strides[-1] != field.itemsize]
    place = columns[0].ctypes.data if columns else 0
    for column in columns:
        assert column.ctypes.data == place, "the columns of a record are in another order"
        place += column.itemsize * (len(column) if column.ndim > 1 else 1)


# How many places of the board each part takes; `board_at` reads them in the same order.
AT_RULES: Final = N_SIZES
AT_TOWN: Final = AT_RULES + len(Rules._fields)
AT_RING: Final = AT_TOWN + len(Town._fields)
AT_MONEY: Final = AT_RING + len(Ring._fields)
AT_SIGHTS: Final = AT_MONEY + len(Money._fields)
AT_STORAGE: Final = AT_SIGHTS + len(Sights._fields)
AT_MINDS: Final = AT_STORAGE + len(Batteries._fields)
AT_OUTLOOKS: Final = AT_MINDS + len(Minds._fields)
AT_WHEEL: Final = AT_OUTLOOKS + len(Outlooks._fields)
AT_PEN: Final = AT_WHEEL + len(Wheel._fields)
AT_NOTICES: Final = AT_PEN + len(Pen._fields)
AT_COMMANDS: Final = AT_NOTICES + len(Notices._fields)
AT_ORDERS: Final = AT_COMMANDS + 11 + 2
AT_TRADES: Final = AT_ORDERS + 13 + 2
LENGTH: Final = AT_TRADES + 12 + 2


@inlined
def sizes_at(address: int) -> Sizes:
    """Numbers of the board at an address."""
    b = line(address, LENGTH)
    return Sizes(
        b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
        b[14], b[15],
    )  # fmt: skip


@inlined
def rules_at(address: int, n: Sizes) -> Rules:
    """Rules of the board at an address."""
    b = line(address, LENGTH)
    i = AT_RULES
    j = i + _RULES
    c = columns_at(b[j + 1], 8, n.agents, MEMBER_WIDTH)
    return Rules(
        b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6], b[i + 7], b[i + 8], b[i + 9], b[i + 10],
        b[i + 11], line(b[j], n.periods), c[:2], c[2], c[3], c[4], c[5], c[6], c[7],
    )  # fmt: skip


@inlined
def town_at(address: int, n: Sizes) -> Town:
    """Town of the board at an address."""
    b = line(address, LENGTH)
    i, a, p = AT_TOWN, n.agents, n.periods
    c = columns_at(b[i], 6, a, MEMBER_WIDTH)
    pitch = TOWN_SHELF * p
    return Town(
        c[0], c[1], c[2], c[3], shelves_at(b[i + 4], 2, a, p, pitch), shelves_at(b[i + 5], 2, a, p, pitch),
        shelf_at(b[i + 6], a, p, pitch), shelf_at(b[i + 7], a, p, pitch), shelf_at(b[i + 8], a, p, pitch),
        shelf_at(b[i + 9], a, p, pitch), shelf_at(b[i + 10], a, p, pitch), shelf_at(b[i + 11], a, p, pitch),
        view(b[i + 12], a, p), view(b[i + 13], n.books, p),
        cube(b[i + 14], n.books, p, 4), line(b[i + 15], 3), line(b[i + 16], p), c[4], c[5], line(b[i + 19], a),
        view(b[i + 20], n.books, p), line(b[i + 21], 1),
    )  # fmt: skip


@inlined
def ring_at(address: int, n: Sizes) -> Ring:
    """Ring of the board at an address."""
    c = columns_at(line(address, LENGTH)[AT_RING], 7, n.ring, RING_WIDTH)
    return Ring(c[0], c[1], c[2], c[3], c[4], c[5], c[6])


@inlined
def sights_at(address: int, n: Sizes) -> Sights:
    """Sights of the board at an address."""
    b = line(address, LENGTH)
    i, a, p = AT_SIGHTS, n.agents, n.periods
    c, pitch = columns_at(b[i], 2, a, OUTLOOK_WIDTH), OUTLOOK_SHELF * p
    return Sights(
        c[0], c[1], view(b[i + 2], a, p), view(b[i + 3], a, p), line(b[i + 4], 3),
        shelf_at(b[i + 5], a, p, pitch), shelf_at(b[i + 6], a, p, pitch), shelf_at(b[i + 7], a, p, pitch),
        shelf_at(b[i + 8], a, p, pitch), shelf_at(b[i + 9], a, p, pitch), shelf_at(b[i + 10], a, p, pitch),
        shelf_at(b[i + 11], a, p, pitch), line(b[i + 12], a), line(b[i + 13], 1),
    )  # fmt: skip


@inlined
def storage_at(address: int, n: Sizes) -> Batteries:
    """Batteries of the board at an address."""
    c = columns_at(line(address, LENGTH)[AT_STORAGE], 6, n.agents, STORAGE_WIDTH)
    return Batteries(c[0], c[1], c[2], c[3], c[4], c[5])


@inlined
def minds_at(address: int, n: Sizes) -> Minds:
    """Clocks of the board at an address."""
    b = line(address, LENGTH)
    i, a = AT_MINDS, n.agents
    c = columns_at(b[i], 8, a, MIND_WIDTH)
    return Minds(
        c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7], view(b[i + 8], a, MEMORY_SIZE), view(b[i + 9], a, n.periods),
        line(b[i + 10], a),
    )  # fmt: skip


@inlined
def outlooks_at(address: int, n: Sizes) -> Outlooks:
    """Outlooks of the board at an address."""
    b = line(address, LENGTH)
    i, a, p = AT_OUTLOOKS, n.agents, n.periods
    c, pitch = columns_at(b[i], 8, a, OUTLOOK_WIDTH), OUTLOOK_SHELF * p
    return Outlooks(
        c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7], shelf_at(b[i + 8], a, p, pitch),
        shelf_at(b[i + 9], a, p, pitch), view(b[i + 10], 5, n.stages), view(b[i + 11], p, n.stages + 1),
        shelf_at(b[i + 12], a, p, pitch), shelf_at(b[i + 13], a, p, pitch),
    )  # fmt: skip


@inlined
def wheel_at(address: int, n: Sizes) -> Wheel:
    """Wheel of the board at an address."""
    b = line(address, LENGTH)
    i, a = AT_WHEEL, n.agents
    c = columns_at(b[i + 5], 4, a, WHEEL_WIDTH)
    return Wheel(
        line(b[i], 8), line(b[i + 1], BUCKETS), line(b[i + 2], BUCKETS // 64), line(b[i + 3], a), line(b[i + 4], a),
        c[0], c[1], c[2], c[3],
    )  # fmt: skip


@inlined
def pen_at(address: int, n: Sizes) -> Pen:
    """Pen of the board at an address."""
    b = line(address, LENGTH)
    i = AT_PEN
    return Pen(
        line(b[i], 32), line(b[i + 1], n.periods), line(b[i + 2], SEE_FIELDS), view(b[i + 3], OUT_ROWS, OUT_COLUMNS),
        view(b[i + 4], SCRATCH_ROWS, n.periods), line(b[i + 5], 1), line(b[i + 6], 2),
    )  # fmt: skip


@inlined
def notices_at(address: int, n: Sizes) -> Notices:
    """Notices of the board at an address."""
    b = line(address, LENGTH)
    i, a = AT_NOTICES, n.agents
    c = columns_at(b[i], 2, a, MEMBER_WIDTH)
    looks = view(b[i + 4], n.agents, n.periods)
    return Notices(c[0], c[1], line(b[i + 2], a), line(b[i + 3], 1), looks)


@inlined
def commands_at(address: int) -> Chunk:
    """Chunk of commands of the board at an address."""
    b = line(address, LENGTH)
    i = AT_COMMANDS
    c = b[i + 12]
    columns = (
        line(b[i], c), line(b[i + 1], c), line_32(b[i + 2], c), line_16(b[i + 3], c), line_32(b[i + 4], c),
        line_32(b[i + 5], c), line(b[i + 6], c), line(b[i + 7], c), line(b[i + 8], c), line(b[i + 9], c),
        line(b[i + 10], c),
    )  # fmt: skip
    return Chunk(columns, line(b[i + 11], 2), c)


@inlined
def orders_at(address: int) -> Chunk:
    """Chunk of orders of the board at an address."""
    b = line(address, LENGTH)
    i = AT_ORDERS
    c = b[i + 14]
    columns = (
        line(b[i], c), line(b[i + 1], c), line(b[i + 2], c), line_32(b[i + 3], c), line_32(b[i + 4], c),
        line(b[i + 5], c), line_32(b[i + 6], c), line_16(b[i + 7], c), line(b[i + 8], c), line(b[i + 9], c),
        line(b[i + 10], c), line(b[i + 11], c), line_16(b[i + 12], c),
    )  # fmt: skip
    return Chunk(columns, line(b[i + 13], 2), c)


@inlined
def trades_at(address: int) -> Chunk:
    """Chunk of trades of the board at an address."""
    b = line(address, LENGTH)
    i = AT_TRADES
    c = b[i + 13]
    columns = (
        line(b[i], c), line(b[i + 1], c), line(b[i + 2], c), line_32(b[i + 3], c), line_32(b[i + 4], c),
        line_32(b[i + 5], c), line_32(b[i + 6], c), line(b[i + 7], c), line(b[i + 8], c), line_8(b[i + 9], c),
        line(b[i + 10], c), line(b[i + 11], c),
    )  # fmt: skip
    return Chunk(columns, line(b[i + 12], 2), c)


@inlined
def money_at(address: int, n: Sizes) -> Money:
    """Ledger of the board at an address."""
    c = columns_at(line(address, LENGTH)[AT_MONEY], 3, n.accounts, ACCOUNT_WIDTH)
    return Money(c[0], c[1], c[2])
