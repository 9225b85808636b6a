"""The compiled book's face: owns the memory, grows it, and hands commands to the kernel.

Owns the columns' lifetime. Knows no rule of matching: `kernel` does, and `reference` tells it.
"""

from __future__ import annotations

import ctypes
import functools
import operator
import sys
import threading
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from wattbook.book import kernel
from wattbook.book.doors import CODES, NO_FILLS, Doors, checked_commands, checked_side, is_int64, refused
from wattbook.book.inspecting import inspect
from wattbook.book.kernel import CODE_BITS, HAS_FILLS
from wattbook.book.kernel_columns import (
    BEST,
    CALLING,
    H_COUNT,
    H_EVENTS,
    H_EXTRAS_USED,
    H_FILLED,
    H_FILLS,
    H_FIRST_FILL,
    H_LAST_ORDER,
    H_LEVELS_USED,
    H_NEEDED,
    H_NODES_USED,
    H_ORDERS_USED,
    H_PLAIN,
    H_RESTING,
    H_SAFE,
    H_TABLE_SHIFT,
    H_TOP,
    HEADER_LENGTH,
    NEED_EVENTS,
    NEED_EXTRAS,
    NEED_LEVELS,
    NEED_NODES,
    NEED_ORDERS,
    NEED_RARE,
    ORDERS,
    WIDTHS,
    Columns,
)
from wattbook.book.kernel_machine import BUCKET_BITS
from wattbook.book.kernel_tree import DIGIT_BITS
from wattbook.book.words import (
    BUY,
    MAX_ORDERS,
    MAX_QUANTITY_WH,
    NOTIONAL_MAX,
    RESTING_COLUMNS,
    SELL,
    Batch,
    Code,
    Flag,
    Kind,
    Receipt,
)
from wattbook.compiled import entry
from wattbook.errors import ResourceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from wattbook.book.terms import State

_FIRST_ORDERS: Final = 64
_FIRST_EVENTS: Final = 64
_FILLS_KEPT: Final = 1_024
_EVENTS_PER_COMMAND: Final = 3
_MOST_FIRST_EVENTS: Final = 1 << 22
_MOST_BYTES_KEPT: Final = 1 << 26
_RECORDS_KEPT: Final = 2
"""The last batch is often still in its caller's hands while the next is carried out."""
_CODE: Final = HAS_FILLS - 1
_SUBMIT, _CANCEL, _REPLACE = (int(kind) for kind in (Kind.SUBMIT, Kind.CANCEL, Kind.REPLACE))
_CACHE_LINE: Final = 64
_HELD_ONCE: Final = 2
"""What sys.getrefcount says of an object that only one other holds: it counts its own argument."""
_STEP_ARGUMENTS: Final = 11
_RARE_ARGUMENTS: Final = 7
_HEADER, _FILLS, _EVENTS = (Columns._fields.index(name) for name in ("header", "fills", "events"))
_NO_ANSWERS: Final = np.empty((2, 0), dtype=np.int64)
_new_tuple = tuple.__new__


class Record(NamedTuple):
    """Columns for what a batch tells: fills (any, 6), events (any, 7), answers (2, any): codes and resting_wh.

    Where the first two lie is kept with them, as asking an array for its address takes longer than ten commands.
    """

    fills: NDArray[np.int64]
    events: NDArray[np.int64]
    answers: NDArray[np.int64]
    fills_at: int
    events_at: int

    @classmethod
    def of(cls, fills: NDArray[np.int64], events: NDArray[np.int64], answers: NDArray[np.int64]) -> Record:
        """Find out where the columns lie."""
        return cls(fills, events, answers, fills.ctypes.data, events.ctypes.data)


class Book(Doors):
    """The book, compiled: the same answers as `ReferenceBook`; see `Doors` for parameters.

    Threads may share one: each command and each batch is carried out before the next begins. Only the raw door `step`,
    and what tells of its last command, belong to one thread at a time.
    """

    _columns: Columns
    _addresses: NDArray[np.int64]
    _address: int
    _header: NDArray[np.int64]
    _scalars: memoryview[int]

    def __init__(
        self,
        products: int = 1,
        floor_tick: int = -50_000,
        cap_tick: int = 400_000,
        step_tick: int = 1,
        self_trade: str = "off",
        max_orders: int = MAX_ORDERS,
        lot_wh: int = 1,
    ) -> None:
        super().__init__(products, floor_tick, cap_tick, step_tick, self_trade, max_orders, lot_wh)
        columns = Columns(
            header=self._first_header(),
            sides=_rows("sides", 2 * self.terms.products),
            masks=_rows("masks", _FIRST_ORDERS),
            branches=_rows("branches", _FIRST_ORDERS),
            levels=_rows("levels", _FIRST_ORDERS),
            orders=_rows("orders", _FIRST_ORDERS),
            extras=_rows("extras", 1),
            table=_rows("table", _table_length(_FIRST_ORDERS)),
            fills=_rows("fills", _FIRST_EVENTS),
            events=_rows("events", _FIRST_EVENTS),
        )
        self._spare: list[Record] = []
        self._lock = threading.Lock()
        self._step_at = entry(kernel.step_at, _STEP_ARGUMENTS)
        self._install(columns)

    def _first_header(self) -> NDArray[np.int64]:
        header = np.zeros(HEADER_LENGTH, dtype=np.int64)
        terms = self.terms
        top = (terms.cap_tick - terms.floor_tick) // terms.step_tick
        header[: H_SAFE + 1] = (
            terms.products, terms.floor_tick, terms.cap_tick, terms.step_tick, terms.mode, terms.max_orders,
            terms.lot_wh, top, max(1, -(-top.bit_length() // DIGIT_BITS)),
            NOTIONAL_MAX // max(abs(terms.floor_tick), abs(terms.cap_tick), 1),
        )  # fmt: skip
        if terms.step_tick == 1 and terms.lot_wh == 1:
            header[H_PLAIN] = min(header[H_SAFE], MAX_QUANTITY_WH)
        header[[H_ORDERS_USED, H_LEVELS_USED, H_NODES_USED, H_EXTRAS_USED]] = 1
        header[H_TABLE_SHIFT] = _table_shift(_table_length(_FIRST_ORDERS))
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
        display_wh: int = 0,
        expire_ms: int = 0,
    ) -> int:
        """Carry out one command, see `Doors.step`."""
        answer = self._step_at(
            self._address, kind, product, order, owner, side, price_tick, quantity_wh, flags, display_wh, expire_ms
        )
        if answer < 0:
            answer = self._meet_need(
                answer, kind, product, order, owner, side, price_tick, quantity_wh, flags, display_wh, expire_ms
            )
        return answer & _CODE

    def _meet_need(self, answer: int, kind: int, *command: int) -> int:
        """Grow what a single command needs, or take it to the entry for rare kinds, until it is carried out."""
        if answer == NEED_RARE:
            product, _, owner, _, price_tick, _, flags, _, expire_ms = command
            call, command = _rare_entry(), (product, owner, price_tick, flags, expire_ms)
            answer = call(self._address, kind, *command)
        else:
            call = self._step_at
        while answer < 0:
            self._grow(answer)
            answer = call(self._address, kind, *command)
        return answer

    def submit(
        self,
        order: int,
        owner: int,
        side: int,
        price_tick: int,
        quantity_wh: int,
        product: int = 0,
        flags: int = 0,
        display_wh: int = 0,
        expire_ms: int = 0,
    ) -> Receipt:
        """Submit one order, see `Doors.submit`: the same, with a short way for plain ints."""
        if (
            type(order) is type(owner) is type(side) is type(price_tick) is type(quantity_wh) is int
            and type(product) is type(display_wh) is type(expire_ms) is int
            and (type(flags) is int or type(flags) is Flag)
        ):
            try:
                with self._lock:
                    answer = self._step_at(
                        self._address, _SUBMIT, product, order, owner, side, price_tick, quantity_wh, flags, display_wh,
                        expire_ms,
                    )  # fmt: skip
                    if answer & HAS_FILLS and answer >= 0:
                        return self._receipt_with_fills(answer)
            except OverflowError:
                return refused(Code.NOT_A_WHOLE_NUMBER)
            if answer >= 0:
                return _new_tuple(Receipt, (CODES[answer & _CODE], 0, answer >> CODE_BITS, NO_FILLS, 0, 0))
        return super().submit(order, owner, side, price_tick, quantity_wh, product, flags, display_wh, expire_ms)

    def cancel(self, order: int, owner: int) -> Receipt:
        """Cancel what rests of `owner`'s order."""
        if type(order) is type(owner) is int:
            try:
                with self._lock:
                    answer = self._step_at(self._address, _CANCEL, 0, order, owner, 0, 0, 0, 0, 0, 0)
            except OverflowError:
                return refused(Code.NOT_A_WHOLE_NUMBER)
            if answer >= 0:
                return _new_tuple(Receipt, (CODES[answer & _CODE], 0, 0, NO_FILLS, 0, 0))
        return super().cancel(order, owner)

    def replace(self, order: int, owner: int, price_tick: int, quantity_wh: int) -> Receipt:
        """Give `owner`'s resting order a new limit [ticks] and remaining quantity [Wh]."""
        if type(order) is type(owner) is type(price_tick) is type(quantity_wh) is int:
            try:
                with self._lock:
                    answer = self._step_at(
                        self._address, _REPLACE, 0, order, owner, 0, price_tick, quantity_wh, 0, 0, 0
                    )
                    if answer & HAS_FILLS and answer >= 0:
                        return self._receipt_with_fills(answer)
            except OverflowError:
                return refused(Code.NOT_A_WHOLE_NUMBER)
            if answer >= 0:
                return _new_tuple(Receipt, (CODES[answer & _CODE], 0, answer >> CODE_BITS, NO_FILLS, 0, 0))
        return super().replace(order, owner, price_tick, quantity_wh)

    def _receipt(self, *command: int) -> Receipt:
        if not all(map(is_int64, command)):
            return refused(Code.NOT_A_WHOLE_NUMBER)
        command = tuple(map(operator.index, command))
        with self._lock:
            answer = self._step_at(self._address, *command)
            return self._receipt_with_fills(answer if answer >= 0 else self._meet_need(answer, *command))

    def _receipt_with_fills(self, answer: int) -> Receipt:
        """Receipt whose fills are looked up when they are asked for: single commands never write over fills."""
        scalars = self._scalars
        first, past = scalars[H_FIRST_FILL], scalars[H_FILLS]
        filled_wh, fills = scalars[H_FILLED], self._columns.fills
        return _new_tuple(Receipt, (CODES[answer & _CODE], filled_wh, answer >> CODE_BITS, fills, first, past))

    def process(
        self,
        commands: NDArray[np.int64],
        display_wh: NDArray[np.int64] | None = None,
        expire_ms: NDArray[np.int64] | None = None,
    ) -> Batch:
        """Carry out a batch of commands in order, see `Doors.process`."""
        try:
            checked = checked_commands(commands, display_wh, expire_ms)
            with self._lock:
                return self._process(*checked)
        except MemoryError as error:
            raise ResourceError("no memory for what this batch tells: use smaller ones") from error

    def _process(
        self, rows: NDArray[np.int64], display_wh: NDArray[np.int64] | None, expire_ms: NDArray[np.int64] | None
    ) -> Batch:
        count = len(rows)
        is_wide = display_wh is not None or expire_ms is not None
        where = (rows.ctypes.data, 0, 0, False)
        if is_wide:
            slices = np.zeros(count, dtype=np.int64) if display_wh is None else display_wh
            until = np.zeros(count, dtype=np.int64) if expire_ms is None else expire_ms
            where = (rows.ctypes.data, slices.ctypes.data, until.ctypes.data, True)
        mine, fills_before = self._record(), self._scalars[H_FILLS]
        record = self._fresh_record(count)
        codes, resting_wh = record.answers[0, :count], record.answers[1, :count]
        row = 0
        try:
            self._record_into(record, 0)
            while (row := kernel.process_at(self._address, *where, row, count, codes, resting_wh)) < count:
                need = int(codes[row])
                if need == NEED_RARE:
                    codes[row] = self._rare(row, *rows[row].tolist(), int(until[row]) if is_wide else 0)
                    resting_wh[row] = 0
                    row += 1
                else:
                    self._grow(need)
            record = self._record(record.answers)
            fills, events = record.fills[: self._scalars[H_FILLS]], record.events[: self._scalars[H_EVENTS]]
        finally:
            self._record_into(mine, fills_before)
            self._scalars[H_RESTING] = 0
        self._keep(record)
        return Batch(fills, events, codes, resting_wh)

    def _rare(self, row: int, kind: int, *command: int) -> int:
        """Carry out a rare command of a batch and return its code."""
        product, _, owner, _, price_tick, _, flags, until_ms = command
        while True:
            code: int = kernel.rare_at(self._address, row, kind, product, owner, price_tick, flags, until_ms)
            if code >= 0:
                return code
            self._grow(code)

    # --- memory

    @property
    def address(self) -> int:
        """Where the kernel finds this book, for other kernels that call it; another after `make_room`."""
        return self._address

    def make_room(self, need: int) -> None:
        """Give a kernel that called this book's what it answered to need, one of ``NEED_...`` but for `NEED_RARE`."""
        if need != NEED_EVENTS or not self._begins_anew():
            self._grow(need)

    def _begins_anew(self) -> bool:
        """Let the record of fills begin anew in its own place, if nobody holds it; say whether that was enough.

        Nothing moves, so whoever has laid the book's address down need not do it again.
        """
        columns, needed = self._columns, self._scalars[H_NEEDED]
        if self._scalars[H_EVENTS] or len(columns.events) < needed or len(columns.fills) < max(needed, _FILLS_KEPT):
            return False
        if sys.getrefcount(columns.fills) != _HELD_ONCE:
            return False
        self._scalars[H_FIRST_FILL] = self._scalars[H_FILLS] = 0
        return True

    @property
    def nbytes(self) -> int:
        """Memory of the book without the record of what happened [bytes]."""
        return sum(column.nbytes for column in self._columns[:-2])

    def _fresh_record(self, count: int) -> Record:
        """Columns for what `count` commands tell: an earlier batch's, whose pages are warm, once nobody holds them."""
        for at, record in enumerate(self._spare):
            if len(record.answers[0]) >= count and all(sys.getrefcount(record[i]) == _HELD_ONCE for i in range(3)):
                return self._spare.pop(at)
        rows = min(_EVENTS_PER_COMMAND * count + _FIRST_EVENTS, _MOST_FIRST_EVENTS)
        return Record.of(
            _empty_rows("fills", rows // 2), _empty_rows("events", rows), np.empty((2, count), dtype=np.int64)
        )

    def _keep(self, record: Record) -> None:
        """Keep a batch's columns for later batches, but not for ever, and not if they are large."""
        if sum(column.nbytes for column in record[:3]) <= _MOST_BYTES_KEPT:
            self._spare = [record, *self._spare[: _RECORDS_KEPT - 1]]

    def _record(self, answers: NDArray[np.int64] = _NO_ANSWERS) -> Record:
        """Tell what the kernel records into."""
        columns, at = self._columns, self._addresses.data
        return Record(columns.fills, columns.events, answers, at[2 * _FILLS], at[2 * _EVENTS])

    def _record_into(self, record: Record, used: int) -> None:
        """Have the kernel record into other columns, of whose fills the first `used` stay."""
        header, addresses = self._header.copy(), self._addresses.copy()
        scalars, at = header.data, addresses.data
        scalars[H_FIRST_FILL] = scalars[H_FILLS] = used
        scalars[H_EVENTS] = 0
        at[2 * _HEADER] = _address_of(header)
        at[2 * _FILLS], at[2 * _FILLS + 1] = record.fills_at, len(record.fills)
        at[2 * _EVENTS], at[2 * _EVENTS + 1] = record.events_at, len(record.events)
        self._install(self._columns._replace(header=header, fills=record.fills, events=record.events), addresses)

    def _install(self, columns: Columns, addresses: NDArray[np.int64] | None = None) -> None:
        """Exchange the columns and their addresses at one stroke: an interrupt comes before or after it."""
        if addresses is None:
            addresses = _addresses_of(columns)
        self.__dict__.update(
            _columns=columns, _addresses=addresses, _address=_address_of(addresses),
            _header=columns.header, _scalars=columns.header.data,
        )  # fmt: skip

    def _grow(self, need: int) -> None:
        """Lengthen the columns that the kernel found too short, keeping their rows."""
        try:
            self._install(self._longer_columns(need))
        except MemoryError as error:
            raise ResourceError(f"no memory for a book of more than {len(self)} orders: use smaller batches") from error

    def _longer_columns(self, need: int) -> Columns:
        columns = self._columns
        if need == NEED_EVENTS:
            return self._longer_record()
        if need == NEED_LEVELS:
            return columns._replace(levels=_longer("levels", columns.levels))
        if need == NEED_NODES:
            return columns._replace(
                masks=_longer("masks", columns.masks), branches=_longer("branches", columns.branches)
            )
        if need == NEED_EXTRAS:
            return columns._replace(extras=_longer("extras", columns.extras))
        assert need == NEED_ORDERS
        longer = columns._replace(orders=_longer("orders", columns.orders))
        length = _table_length(len(longer.orders))
        if length == len(columns.table):
            return longer
        header = columns.header.copy()
        header[H_TABLE_SHIFT] = _table_shift(length)
        longer = longer._replace(header=header, table=_rows("table", length))
        addresses = _addresses_of(longer)
        kernel.fill_table_at(addresses.ctypes.data)
        return longer

    def _longer_record(self) -> Columns:
        """Columns with a record that takes what the next command needs.

        A single command finds no events to keep, and leaves earlier fills to the receipts that hold them.
        """
        columns, needed = self._columns, self._scalars[H_NEEDED]
        if self._scalars[H_EVENTS] == 0:
            events = columns.events if len(columns.events) >= needed else _empty_rows("events", 2 * needed)
            fills = _empty_rows("fills", max(needed, min(2 * len(columns.fills), _FILLS_KEPT)))
            header = columns.header.copy()
            header[[H_FIRST_FILL, H_FILLS]] = 0
            return columns._replace(header=header, fills=fills, events=events)
        count = len(columns.events) + max(len(columns.events), needed)
        longer = _empty_rows("fills", count // 2), _empty_rows("events", count)
        for old, new in zip((columns.fills, columns.events), longer, strict=True):
            new[: len(old)] = old
        return columns._replace(fills=longer[0], events=longer[1])

    # --- what Doors asks for

    def __len__(self) -> int:
        return self._scalars[H_COUNT]

    @property
    def last_order(self) -> int:
        """Highest order id accepted so far, 0 before the first."""
        return self._scalars[H_LAST_ORDER]

    @property
    def resting_wh(self) -> int:
        """What rests of the last command's order [Wh]."""
        return self._scalars[H_RESTING]

    @property
    def fill_count(self) -> int:
        """Number of fills of the last command."""
        return self._scalars[H_FILLS] - self._scalars[H_FIRST_FILL]

    @property
    def event_count(self) -> int:
        """Number of events of the last command."""
        return self._scalars[H_EVENTS]

    @property
    def fill_rows(self) -> NDArray[np.int64]:
        """Fills of the last command, int64 of shape (fill_count, 6)."""
        return self._columns.fills[self._scalars[H_FIRST_FILL] : self._scalars[H_FILLS]]

    @property
    def event_rows(self) -> NDArray[np.int64]:
        """Events of the last command, int64 of shape (event_count, 7); overwritten by the next."""
        return self._columns.events[: self._scalars[H_EVENTS]]

    def best_bid(self, product: int = 0) -> int | None:
        """Highest bid [ticks], None without bids."""
        best = self.best(product, BUY)
        return best and best[0]

    def best_ask(self, product: int = 0) -> int | None:
        """Lowest ask [ticks], None without asks."""
        best = self.best(product, SELL)
        return best and best[0]

    def best(self, product: int, side: int) -> tuple[int, int] | None:
        """Best price of a side [ticks] and what is shown there [Wh], None when the side is empty."""
        row = 2 * self._known(product) + (checked_side(side) == SELL)
        level = int(self._columns.sides[row, BEST])
        if not level:
            return None
        key, shown_wh, *_ = self._columns.levels[level].tolist()
        return self._price(row, key), shown_wh

    def _price(self, row: int, key: int) -> int:
        steps = key if row & 1 else self._scalars[H_TOP] - key
        return self.terms.floor_tick + self.terms.step_tick * steps

    def is_calling(self, product: int = 0) -> bool:
        """Say whether a product is in its call phase."""
        return bool(self._columns.sides[2 * self._known(product), CALLING])

    def _calling(self) -> list[int]:
        found: list[int] = np.flatnonzero(self._columns.sides[::2, CALLING]).tolist()
        return found

    def _resting(self, first: int, last: int) -> NDArray[np.int64]:
        with self._lock:
            count = int(self._columns.sides[2 * first : 2 * last, ORDERS].sum())
            out = np.empty((count, len(RESTING_COLUMNS)), dtype=np.int64)
            written = kernel.collect_at(self._address, first, last, out)
        assert written == count
        return out

    def _load(self, state: State) -> None:
        row = kernel.load_at(self._address, state.resting, 0)
        while row < len(state.resting):
            self._grow(self._scalars[H_NEEDED])
            row = kernel.load_at(self._address, state.resting, row)
        self._header[H_LAST_ORDER] = state.last_order
        for product in state.calling:
            self._columns.sides[2 * product : 2 * product + 2, CALLING] = 1

    # --- what must always hold

    def check(self) -> None:
        """Assert all that must always hold."""
        with self._lock:
            inspect(self._columns, self.terms)


@functools.cache
def _rare_entry() -> Callable[..., int]:
    return entry(kernel.rare_step_at, _RARE_ARGUMENTS)


def _address_of(numbers: NDArray[np.int64]) -> int:
    """Where an array lies that is not empty and can be written; the array itself would tell that three times slower."""
    return ctypes.addressof(ctypes.c_char.from_buffer(numbers))  # type: ignore[arg-type]  # arrays are buffers


def _addresses_of(columns: Columns) -> NDArray[np.int64]:
    """Where the columns lie and how long they are, as the kernel wants it."""
    return np.array([number for column in columns for number in (column.ctypes.data, len(column))], dtype=np.int64)


def _rows(name: str, count: int) -> NDArray[Any]:
    """Zeros that begin on a cache line, as rows of a part of one would otherwise lie across two."""
    width, dtype = WIDTHS[name], np.dtype(np.int32 if name == "branches" else np.int64)
    line = _CACHE_LINE // dtype.itemsize
    flat = np.zeros(count * width + line, dtype=dtype)
    first = -flat.ctypes.data % _CACHE_LINE // dtype.itemsize
    aligned = flat[first : first + count * width]
    return aligned if width == 1 else aligned.reshape(count, width)


def _empty_rows(name: str, count: int) -> NDArray[np.int64]:
    return np.empty((count, WIDTHS[name]), dtype=np.int64)


def _longer(name: str, column: NDArray[Any]) -> NDArray[Any]:
    """`column` with room for an eighth more: doubling would leave half of a large book empty."""
    longer = _rows(name, len(column) + max(len(column) // 8, _FIRST_ORDERS))
    longer[: len(column)] = column
    return longer


def _table_length(orders: int) -> int:
    """Length of the table beside `orders` rows: a power of two of which at most four fifths are used."""
    return 1 << (orders * 5 // 4).bit_length()


def _table_shift(length: int) -> int:
    """How far 32 hashed bits are shifted to number the buckets of a table of `length` places."""
    return 33 + BUCKET_BITS - length.bit_length()
