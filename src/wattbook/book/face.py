"""The compiled book's face: owns the memory, grows it, and hands commands to the kernel.

Owns the columns' lifetime. Knows no rule of matching: `kernel` does, and `reference` tells it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from wattbook.book import kernel
from wattbook.book.doors import Doors, checked_commands
from wattbook.book.kernel import (
    FLAGS,
    H_COUNT,
    H_EVENTS,
    H_FILLS,
    H_FREE_LEVEL,
    H_FREE_ORDER,
    H_FREE_SEGMENT,
    H_LADDER_USED,
    H_LAST_ORDER,
    H_LEVELS_USED,
    H_NEEDED,
    H_ORDERS_USED,
    H_RESTING,
    HEAD,
    KEY,
    LEVEL,
    LEVELS,
    NEXT,
    ORDER,
    ORDERS,
    PREVIOUS,
    QUANTITY,
    SIZE,
    SMALLEST_SEGMENT,
    TOTAL,
    Columns,
)
from wattbook.book.words import BUY, MAX_ORDERS, MAX_QUANTITY_WH, RESTING_COLUMNS, SELL, Batch
from wattbook.errors import ResourceError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FIRST_ORDERS: Final = 64
_FIRST_EVENTS: Final = 64
_EVENTS_PER_COMMAND: Final = 3
_MOST_FIRST_EVENTS: Final = 1 << 22


class Book(Doors):
    """The book, compiled: the same answers as `ReferenceBook`; see `Doors` for parameters."""

    def __init__(
        self,
        products: int = 1,
        floor_tick: int = -50_000,
        cap_tick: int = 400_000,
        step_tick: int = 1,
        self_trade: str = "off",
        max_orders: int = MAX_ORDERS,
    ) -> None:
        super().__init__(products, floor_tick, cap_tick, step_tick, self_trade, max_orders)
        self._columns = Columns(
            header=self._first_header(),
            sides=_empty_sides(self.terms.products),
            ladder=_rows("ladder", _FIRST_ORDERS),
            levels=_rows("levels", _FIRST_ORDERS),
            orders=_rows("orders", _FIRST_ORDERS),
            table=np.full(2 * _FIRST_ORDERS, -1, dtype=np.int32),
            fills=_rows("fills", _FIRST_EVENTS // 2),
            events=_rows("events", _FIRST_EVENTS),
        )
        self._settle()

    def _first_header(self) -> NDArray[np.int64]:
        header = np.zeros(kernel.HEADER_LENGTH, dtype=np.int64)
        terms = self.terms
        header[: kernel.H_MAX_ORDERS + 1] = (
            terms.products,
            terms.floor_tick,
            terms.cap_tick,
            terms.step_tick,
            terms.mode,
            terms.max_orders,
        )
        header[[H_FREE_ORDER, H_FREE_LEVEL]] = -1
        header[H_FREE_SEGMENT:] = -1
        header[kernel.H_HASH_SHIFT] = _hash_shift(2 * _FIRST_ORDERS)
        return header

    # --- commands

    def step(
        self,
        kind: int,
        product: int,
        order: int,
        owner: int,
        side: int,
        price_tick: int,
        quantity_wh: int,
        flags: int,
    ) -> int:
        """Carry out one command, see `Doors.step`."""
        # Enum members would have a specialisation compiled of their own.
        kind, flags = int(kind), int(flags)
        while True:
            code: int = kernel.step_at(
                self._addresses, kind, product, order, owner, side, price_tick, quantity_wh, flags
            )
            if code >= 0:
                return code
            self._grow(code)

    def process(self, commands: NDArray[np.int64]) -> Batch:
        """Carry out a batch of commands in order, see `Doors.process`."""
        commands = checked_commands(commands)
        count = len(commands)
        codes = np.empty(count, dtype=np.int64)
        resting_wh = np.empty(count, dtype=np.int64)
        mine = self._columns
        self._record_into(min(_EVENTS_PER_COMMAND * count + _FIRST_EVENTS, _MOST_FIRST_EVENTS))
        row = 0
        while True:
            row = kernel.process_at(self._addresses, commands.ctypes.data, row, count, codes, resting_wh)
            if row == count:
                break
            self._grow(int(codes[row]))
        fills = self._columns.fills[: self.fill_count]
        events = self._columns.events[: self.event_count]
        self._columns = self._columns._replace(fills=mine.fills, events=mine.events)
        self._columns.header[[H_FILLS, H_EVENTS, H_RESTING]] = 0
        self._settle()
        return Batch(fills, events, codes, resting_wh)

    def _record_into(self, events: int) -> None:
        """Give the kernel fresh record columns, which the batch will keep."""
        self._columns.header[[H_FILLS, H_EVENTS]] = 0
        self._columns = self._columns._replace(fills=_rows("fills", events // 2), events=_rows("events", events))
        self._settle()

    # --- memory

    def _settle(self) -> None:
        """Tell the kernel where the columns lie."""
        self._header = self._columns.header
        pairs = [(column.ctypes.data, len(column)) for column in self._columns]
        self._addresses = np.array(pairs, dtype=np.int64).ravel()

    def _grow(self, need: int) -> None:
        """Double the column that the kernel found too short, keeping its rows."""
        columns = self._columns
        try:
            if need == kernel.NEED_EVENTS:
                events = len(columns.events) + max(len(columns.events), int(self._header[H_NEEDED]))
                columns = columns._replace(
                    fills=_longer(columns.fills, events // 2), events=_longer(columns.events, events)
                )
            elif need == kernel.NEED_LEVELS:
                columns = columns._replace(levels=_longer(columns.levels, 2 * len(columns.levels)))
            elif need == kernel.NEED_LADDER:
                columns = columns._replace(ladder=_longer(columns.ladder, 2 * len(columns.ladder)))
            else:
                assert need == kernel.NEED_ORDERS
                orders = _longer(columns.orders, 2 * len(columns.orders))
                table = np.full(2 * len(orders), -1, dtype=np.int32)
                columns = columns._replace(orders=orders, table=table)
        except MemoryError as error:
            raise ResourceError(f"no memory for a book of more than {len(self)} orders: use smaller batches") from error
        rebuilds = columns.table is not self._columns.table
        self._columns = columns
        self._settle()
        if rebuilds:
            self._header[kernel.H_HASH_SHIFT] = _hash_shift(len(columns.table))
            kernel.rebuild_table_at(self._addresses)

    # --- what Doors asks for

    def __len__(self) -> int:
        return int(self._header[H_COUNT])

    @property
    def last_order(self) -> int:
        """Highest order id accepted so far, 0 before the first."""
        return int(self._header[H_LAST_ORDER])

    @property
    def resting_wh(self) -> int:
        """What rests of the last command's order [Wh]."""
        return int(self._header[H_RESTING])

    @property
    def fill_count(self) -> int:
        """Number of fills of the last command."""
        return int(self._header[H_FILLS])

    @property
    def event_count(self) -> int:
        """Number of events of the last command."""
        return int(self._header[H_EVENTS])

    @property
    def fill_rows(self) -> NDArray[np.int64]:
        """Buffer of fills, int64 of shape (at least fill_count, 6); ask again after each command."""
        return self._columns.fills

    @property
    def event_rows(self) -> NDArray[np.int64]:
        """Buffer of events, int64 of shape (at least event_count, 7); ask again after each command."""
        return self._columns.events

    def best_bid(self, product: int = 0) -> int | None:
        """Highest bid [ticks], None without bids."""
        self._known(product)
        return self._best(2 * product, BUY)

    def best_ask(self, product: int = 0) -> int | None:
        """Lowest ask [ticks], None without asks."""
        self._known(product)
        return self._best(2 * product + 1, SELL)

    def best(self, product: int, side: int) -> tuple[int, int] | None:
        """Best price of a side [ticks] and what rests there [Wh], None when the side is empty."""
        self._known(product)
        segment, _, levels, *_ = self._columns.sides[2 * product + (side == SELL)].tolist()
        if not levels:
            return None
        key, level = self._columns.ladder[segment + levels - 1].tolist()
        return side * key, int(self._columns.levels[level, TOTAL])

    def _best(self, row: int, side: int) -> int | None:
        segment, _, levels, _ = self._columns.sides[row].tolist()
        return side * int(self._columns.ladder[segment + levels - 1, KEY]) if levels else None

    def _resting(self, first: int, last: int) -> NDArray[np.int64]:
        count = int(self._columns.sides[2 * first : 2 * last, ORDERS].sum())
        out = np.empty((count, len(RESTING_COLUMNS)), dtype=np.int64)
        written = kernel.collect_at(self._addresses, first, last, out)
        assert written == count
        return out

    def _load(self, last_order: int, resting: NDArray[np.int64]) -> None:
        row = kernel.load_at(self._addresses, resting, 0)
        while row < len(resting):
            self._grow(int(self._header[H_NEEDED]))
            row = kernel.load_at(self._addresses, resting, row)
        self._header[H_LAST_ORDER] = last_order

    # --- what must always hold

    def check(self) -> None:
        """Assert all that must always hold."""
        header, sides, _, levels, orders, table, _, _ = self._columns
        assert len(self) <= self.terms.max_orders
        assert sides[:, ORDERS].sum() == len(self)
        assert (table >= 0).sum() == len(self)
        assert _chain(int(header[H_FREE_ORDER]), orders[:, NEXT]) == header[H_ORDERS_USED] - len(self)
        assert _chain(int(header[H_FREE_LEVEL]), levels[:, HEAD]) == header[H_LEVELS_USED] - sides[:, LEVELS].sum()
        assert self._segments_length() == header[H_LADDER_USED]
        for row in np.flatnonzero(sides[:, LEVELS]).tolist():
            self._check_side(row)
        for product in np.flatnonzero(sides[::2, LEVELS] * sides[1::2, LEVELS]).tolist():
            bid, ask = self.best_bid(product), self.best_ask(product)
            assert bid is not None
            assert ask is not None
            assert bid < ask

    def _segments_length(self) -> int:
        """Length of all ladder segments, owned and free."""
        owned = sum(SMALLEST_SEGMENT << size for size in self._columns.sides[:, SIZE].tolist() if size >= 0)
        heads = enumerate(self._header[H_FREE_SEGMENT:].tolist())
        free = sum((SMALLEST_SEGMENT << size) * _chain(at, self._columns.ladder[:, KEY]) for size, at in heads)
        return int(owned + free)

    def _check_side(self, row: int) -> None:
        segment, size, count, orders = self._columns.sides[row].tolist()
        ladder = self._columns.ladder[segment : segment + count]
        assert 0 < count <= SMALLEST_SEGMENT << size
        assert (np.diff(ladder[:, KEY]) > 0).all()
        assert orders == sum(self._check_level(row, key, level) for key, level in ladder.tolist())

    def _check_level(self, row: int, key: int, level: int) -> int:
        its_key, its_row, total, count, slot, tail = self._columns.levels[level].tolist()
        price, before, quantities = (1 - 2 * (row & 1)) * key, -1, []
        assert (its_key, its_row) == (key, row)
        assert self.terms.floor_tick <= price <= self.terms.cap_tick
        assert price % self.terms.step_tick == 0
        while slot >= 0:
            order = self._columns.orders[slot].tolist()
            assert order[PREVIOUS] == before
            assert order[LEVEL] == level
            assert 0 < order[QUANTITY] <= MAX_QUANTITY_WH
            assert 0 < order[ORDER] <= self.last_order
            assert order[FLAGS] & kernel.NEVER_RESTS == 0
            assert kernel.find(self._columns, order[ORDER]) == slot
            quantities.append(order[QUANTITY])
            before, slot = slot, order[NEXT]
        assert before == tail
        assert count == len(quantities) > 0
        assert total == sum(quantities)
        return len(quantities)


def _rows(name: str, count: int) -> NDArray[np.int64]:
    return np.empty((count, kernel.WIDTHS[name]), dtype=np.int64)


def _longer(column: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    longer = np.empty((count, column.shape[1]), dtype=np.int64)
    longer[: len(column)] = column
    return longer


def _empty_sides(products: int) -> NDArray[np.int64]:
    sides = np.zeros((2 * products, kernel.WIDTHS["sides"]), dtype=np.int64)
    sides[:, SIZE] = -1
    return sides


def _hash_shift(table_length: int) -> int:
    """How far 32 hashed bits are shifted to address a table of `table_length`, a power of two."""
    return 33 - table_length.bit_length()


def _chain(at: int, following: NDArray[np.int64]) -> int:
    """Length of a free list."""
    count = 0
    while at >= 0:
        at, count = int(following[at]), count + 1
    return count
