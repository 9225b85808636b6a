"""What every mutant of the kernel is asked, and what is right.

Owns the stages: streams whose answers the reference has given beforehand, the conformance cases, laws of memory. A book
that answers otherwise raises `Different`. Knows nothing of mutants.
"""

from __future__ import annotations

from importlib import import_module
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import killing_streams as streams
import numba
import numpy as np

from wattbook.book import BUY, SELL, Kind, ReferenceBook
from wattbook.testing.conformance import CASES, run_case
from wattbook.testing.generator import Commands

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SIDES: Final = (BUY, SELL)
_LARGE: Final = 8_300
_PRODUCTS: Final = 3


class Different(AssertionError):  # noqa: N818 - a finding
    """The mutant answers otherwise."""


class Expected(NamedTuple):
    """A stream and what is right after each of its batches: the answers, the fingerprint, the best prices."""

    stream: streams.Stream
    batches: list[tuple[Commands, Any, str, list[Any]]]


# --- what is right


def bests(book: Any, products: int) -> list[Any]:
    """Best price and what is shown there, of all sides."""
    return [book.best(product, side) for product in range(products) for side in SIDES]


def expected(stream: streams.Stream) -> Expected:
    """Ask the reference."""
    book = ReferenceBook(**stream.terms)
    batches = []
    for number, part in enumerate(stream.parts()):
        answer = book.process(*part)
        batches.append((part, answer, book.fingerprint(), bests(book, book.terms.products)))
        if number in stream.restores:
            book = ReferenceBook.restore(book.export())
    return Expected(stream, batches)


# --- what is asked of a mutant


def same(one: Any, other: Any) -> None:
    """Compare two batches, or anything else."""
    if not (np.array_equal(one, other) if isinstance(one, np.ndarray) else one == other):
        raise Different


def follow(book_class: Any, right: Expected, *, check: bool = False) -> None:
    """Send a stream through a book, batch by batch."""
    stream = right.stream
    book = book_class(**stream.terms)
    for number, (part, answer, fingerprint, best) in enumerate(right.batches):
        for ours, theirs in zip(book.process(*narrow(part)), answer, strict=True):
            same(ours, theirs)
        same(book.fingerprint(), fingerprint)
        same(bests(book, book.terms.products), best)
        if check:
            book.check()
        if number in stream.restores:
            book = book_class.restore(book.export())
            same(book.fingerprint(), fingerprint)


def narrow(part: Commands) -> tuple[Any, Any, Any]:
    """Leave out the columns of a batch that hold nothing."""
    return part.rows, *(column if column.any() else None for column in part[1:])


def follow_by_calls(book_class: Any, right: Expected) -> None:
    """Send a stream through a book, call by call."""
    book = book_class(**right.stream.terms)
    for part, answer, fingerprint, _ in right.batches:
        for row, command in enumerate(part.table().tolist()):
            same(book.step(*command), int(answer.codes[row]))
            same(book.resting_wh, int(answer.resting_wh[row]))
            same(book.fill_rows[:, 1:], answer.fills[answer.fills[:, 0] == row, 1:])
            same(book.event_rows[:, 1:], answer.events[answer.events[:, 0] == row, 1:])
        same(book.fingerprint(), fingerprint)


def grow_in_the_middle(book_class: Any, rights: Iterable[Expected]) -> None:
    """Send streams through a book whose record begins with next to nothing."""
    face = import_module("wattbook.book.face")
    before = face._MOST_FIRST_EVENTS, face._FIRST_EVENTS
    try:
        for at, right in enumerate(rights):
            face._MOST_FIRST_EVENTS, face._FIRST_EVENTS = 1 + at % 9, 2 + at % 7
            follow(book_class, right)
    finally:
        face._MOST_FIRST_EVENTS, face._FIRST_EVENTS = before


def follow_with_too_little(book_class: Any, right: Expected) -> None:
    """Give every batch a record that is one row too short, of events or of fills: it must be made longer in time."""
    record_class = import_module("wattbook.book.face").Record
    book = book_class(**right.stream.terms)
    for number, (part, answer, fingerprint, _) in enumerate(right.batches):
        fills, events = len(answer.fills), len(answer.events)
        rows = (fills, max(events - 1, 0)) if number % 2 else (max(fills - 1, 0), 3 * events + 500)
        answers = np.empty((2, len(part.rows)), dtype=np.int64)
        record = record_class.of(_guarded(rows[0], 6), _guarded(rows[1], 7), answers)
        book._fresh_record = lambda count, record=record: record
        for ours, theirs in zip(book.process(*part), answer, strict=True):
            same(ours, theirs)
        same(book.fingerprint(), fingerprint)


def _guarded(rows: int, width: int) -> Any:
    """Rows of a record inside a larger array: the address of no row at all is a good one, too."""
    return np.empty((rows + 1, width), dtype=np.int64)[:rows]


def stay_small(book_class: Any) -> None:
    """Whatever leaves gives its room to what comes: a book filled again and again stays as large; then it grows."""
    count, sizes = 150, []
    order = np.arange(1, count + 1)
    side = np.where(order % 2, BUY, SELL)
    columns = [0 * order, order // 2800, order, order % 3, side, side * -(40 * order), 4 + 0 * order, 0 * order]
    rows = np.column_stack(columns)
    cancels = np.column_stack([0 * order + Kind.CANCEL, 0 * order, order, order % 3, *[0 * order] * 4])
    display, expire_ms = np.where(order % 4, 0, 2), np.where(order % 5, 0, 9)
    book = book_class()
    for turn in range(4):
        book.process(rows, display, expire_ms)
        if turn % 2:
            book.process(cancels)
        else:
            book.expire(0)
        same(len(book), 0)
        sizes.append(book.nbytes)
        rows[:, 2] += count
        cancels[:, 2] += count
    same(sizes[1:], sizes[:1] * 3)
    more = np.concatenate([rows, np.add(rows, [0, 0, count, 0, 0, 7, 0, 0])])
    same(book.process(more, 0 * more[:, 0] + 2).codes.any(), False)
    same(len(book), 2 * count)
    come_and_go(book_class)
    grow_when_full(book_class)


def come_and_go(book_class: Any) -> None:
    """A hundred short lives leave a book as large as the first did."""
    book, sizes = book_class(), []
    for order in range(1, 131):
        book.submit(order, 1, BUY, order, 6, display_wh=2, expire_ms=7)
        book.cancel(order, 1)
        sizes.append(book.nbytes)
    same(sizes[-1], sizes[0])


def grow_when_full(book_class: Any) -> None:
    """Every row but row 0 is used before a column grows: 64 rows of a new book hold 63 orders, levels and nodes."""
    side = [(BUY, SELL)[number % 2] for number in range(80)]
    plain = [(number + 1, 1, side[number], -10 * number * side[number], 5) for number in range(66)]
    same(_growths(book_class(), [{"product": 0}] * 66, plain), [64])
    sides = [(number + 1, 1, side[number], 8 - side[number], 5) for number in range(66)]
    shallow = book_class(floor_tick=0, cap_tick=31, products=40)
    same(_growths(shallow, [{"product": number // 2} for number in range(66)], sides), [64])
    same(_growths(book_class(), [{"display_wh": 2}] * 66, plain), [1, 64, 65])
    book = book_class()
    same(_growths(book, [{"product": 0}] * 63, [(number + 1, 1, BUY, -9, 5) for number in range(63)]), [])
    before = book.nbytes
    book.replace(1, 1, -7, 5)
    same(book.nbytes, before)


def _growths(book: Any, keywords: list[dict[str, int]], orders: list[tuple[int, ...]]) -> list[int]:
    """Submit orders; tell at which of them, from 1, the book became larger."""
    found, before = [], book.nbytes
    for number, (order, more) in enumerate(zip(orders, keywords, strict=True), start=1):
        book.submit(*order, **more)
        if book.nbytes != before:
            found.append(number)
        before = book.nbytes
    return found


def conform(book_class: Any, cases: Iterable[Any], *, batch: bool) -> None:
    """Run conformance cases."""

    class Unchecked(book_class):  # type: ignore[misc]  # the book's own assertions are told apart
        def check(self) -> None:
            pass

    for case in cases:
        run_case(case, Unchecked, batch=batch)


def large() -> tuple[bytes, Expected]:
    """Make a book of so many orders that it asks for lines ahead of time, and what it is asked."""
    order = np.arange(1, _LARGE + 1)
    side = np.where(order % 2, BUY, SELL)
    columns = [0 * order, order // 2800, order, order % 5, side, side * -(1 + order % 307), 1 + order % 9, 0 * order]
    book = ReferenceBook(products=_PRODUCTS)
    book.process(np.column_stack(columns))
    state = book.export()
    rng = np.random.default_rng(3)
    table = np.zeros((90, 10), dtype=np.int64)
    table[:, 0] = rng.choice([0, 1, 2], len(table))
    table[:, 2] = np.where(table[:, 0] == 0, _LARGE + 1 + np.arange(len(table)), rng.integers(1, _LARGE, len(table)))
    table[:, 1] = rng.integers(-1, _PRODUCTS + 1, len(table))
    table[:, 3], table[:, 4] = table[:, 2] % 5, rng.choice([BUY, SELL], len(table))
    table[:, 5], table[:, 6] = rng.integers(-320, 320, len(table)), rng.integers(1, 9, len(table))
    table[::9, 5] = rng.choice([-50_001, 400_001, -(1 << 63), (1 << 63) - 1], len(table[::9]))
    commands = Commands.of(table)
    answer = book.process(*commands)
    whole = streams.Stream({}, commands, [len(table)], frozenset())
    return state, Expected(whole, [(commands, answer, book.fingerprint(), bests(book, _PRODUCTS))])


def follow_large(book_class: Any, state: bytes, right: Expected) -> None:
    """Go on with a large book."""
    book = book_class.restore(state)
    same(book.export() == state, True)
    part, answer, fingerprint, best = right.batches[0]
    for ours, theirs in zip(book.process(*part), answer, strict=True):
        same(ours, theirs)
    same(book.fingerprint(), fingerprint)
    same(bests(book, _PRODUCTS), best)


def ask_ahead(book_class: Any, state: bytes) -> None:
    """A large book asks for lines before they are needed.

    Of an order that leaves: itself, its level, its neighbours; of one that comes: the level and the last of its queue;
    of both their place in the table. Only without the compiler can one listen to that.
    """
    if not numba.config.DISABLE_JIT:
        return
    table, columns = (import_module(f"wattbook.book.kernel_{name}") for name in ("table", "columns"))
    book = book_class.restore(state)
    queue, b = book.orders(), book._columns
    rows = {int(order): row for row, order in enumerate(b.orders[:, columns.ORDER]) if order}
    inner = range(5, len(queue) - 5)
    chosen = [at for at in inner if queue[at - 1][3] == queue[at][3] == queue[at + 1][3]][::11]
    leaving, places, zeros = [], [], [0] * 4
    for at in chosen:
        row = rows[queue[at][0]]
        leaving.append({b.orders[rows[queue[place][0]]].ctypes.data for place in (at - 1, at, at + 1)})
        leaving[-1].add(b.levels[columns.level_of(b, row)].ctypes.data)
        places.append({b.table[table.place_of(b, queue[at][0]) & ~7 :].ctypes.data})
    cancels = np.array([[Kind.CANCEL, 0, *queue[at][:2], *zeros] for at in chosen])
    _listen(book, cancels, leaving, places)

    book = book_class.restore(state)
    b = book._columns
    last = {(product, *order[2:4]): rows[order[0]] for product in range(_PRODUCTS) for order in book.orders(product)}
    coming, places, new = [], [], []
    for step, (key, row) in enumerate(sorted(last.items())[:: max(1, len(last) // 80)]):
        order, (product, side, price) = _LARGE + 1 + step, key
        coming.append({b.orders[row].ctypes.data, b.levels[columns.level_of(b, row)].ctypes.data})
        places.append({b.table[table.bucket_of(b, order) :].ctypes.data})
        new.append([Kind.SUBMIT, product, order, 9, side, price, 1, 0])
    _listen(book, np.array(new), coming, places)


def _listen(book: Any, commands: Any, wanted: list[set[int]], places: list[set[int]]) -> None:
    """Carry commands out and hear what lines they ask for: most of those wanted, none outside columns and batch."""
    ahead, b, asked = import_module("wattbook.book.kernel_ahead"), book._columns, []
    ahead.prefetch = asked.append
    book.process(commands)
    ahead.prefetch = _nothing
    heard = set(asked)
    for lines in (wanted[20:-20], places[20:-20]):
        same(len(lines) > 20, True)
        same(sum(each <= heard for each in lines) > 0.9 * len(lines), True)
    batch = range(commands.ctypes.data, commands.ctypes.data + commands.nbytes + ahead.READ_AHEAD)
    same(all(address in batch or _is_inside(b, address) for address in heard), True)
    same(sum(address in batch for address in heard), len(commands))


def _nothing(_: int) -> None:
    """Ask for no line, as the twin of `prefetch` does."""


def _is_inside(b: Any, address: int) -> bool:
    columns = (b.levels, b.orders, b.table)
    return any(column.ctypes.data <= address < column.ctypes.data + column.nbytes for column in columns)


def stages() -> dict[str, Callable[[Any], None]]:
    """Everything a mutant is asked, the deadliest first; the last stage is the book's own assertions."""
    short = [expected(stream) for stream in streams.of_setups(40, 7)]
    named = {
        "setups": [expected(stream) for stream in streams.of_setups(330, 11)],
        "ones": [expected(stream) for stream in streams.streams_of_one()],
        "takers": [expected(stream) for stream in streams.deep_takers()],
        "rules": [expected(stream) for stream in chain(streams.odd_terms(), streams.deadlines(), streams.slices())],
        "auctions": [expected(stream) for stream in streams.auctions()],
        "tables": [expected(stream) for stream in streams.crowded_tables()],
        "ladders": [expected(stream) for stream in streams.ladders()],
        "crowds": [expected(stream) for stream in chain(streams.crowds(), streams.openings())],
    }
    state, right = large()

    def all_of(rights: list[Expected]) -> Callable[[Any], None]:
        return lambda book_class: [follow(book_class, right) for right in rights] and None

    found: dict[str, Callable[[Any], None]] = {"short": all_of(short)}
    found["cases"] = lambda book_class: conform(book_class, CASES, batch=False)
    found |= {name: all_of(rights) for name, rights in named.items()}
    found["cases in batches"] = lambda book_class: conform(book_class, CASES, batch=True)
    found["calls"] = lambda book_class: (
        [follow_by_calls(book_class, right) for right in chain(named["takers"][:5], islice(named["setups"], 0, 35, 3))]
        and None
    )
    found["small records"] = lambda book_class: grow_in_the_middle(book_class, short + named["takers"])
    tight = [expected(stream) for stream in streams.few_at_a_time()]
    found["too little"] = lambda book_class: [follow_with_too_little(book_class, right) for right in tight] and None
    found["memory"] = stay_small
    found["large"] = lambda book_class: follow_large(book_class, state, right)
    found["ahead"] = lambda book_class: ask_ahead(book_class, state)
    checked = [short[at] for at in range(0, 35, 4)] + named["tables"][3:5] + named["ladders"][::4]
    found["check"] = lambda book_class: [follow(book_class, right, check=True) for right in checked] and None
    return found
