"""Capacity grows, or the command is refused; whatever happens, nothing that was there is lost."""

from __future__ import annotations

import itertools
from collections import Counter

import numba
import numpy as np
import pytest

from wattbook.book import BUY, SELL, Batch, Book, Code, Kind, ReferenceBook, face
from wattbook.book.kernel_columns import H_EVENTS, NEED_EVENTS, NEED_EXTRAS, NEED_LEVELS, NEED_NODES, NEED_ORDERS
from wattbook.errors import ResourceError

COUNT = 400 if numba.config.DISABLE_JIT else 1_500
SMALL = 150
NEEDS = {NEED_EVENTS, NEED_ORDERS, NEED_LEVELS, NEED_NODES, NEED_EXTRAS}
TERMS = {"products": 3, "floor_tick": -(10**9), "cap_tick": 10**9}


def stream(seed, count):
    """Table (n, 10): a book that fills up, is swept, called, uncrossed and partly emptied now and then."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(Kind, count, p=[0.8, 0.05, 0.12, 0.005, 0.005, 0.01, 0.01])
    order = np.where(kind == Kind.SUBMIT, np.cumsum(kind == Kind.SUBMIT), 1 + rng.integers(0, count, count))
    side = rng.choice([BUY, SELL], count)
    price = -side * 10 ** rng.integers(0, 9, count) + rng.integers(-60, 60, count)
    sweeps = rng.random(count) < 0.02
    price[sweeps] = (side * 10**9)[sweeps]
    quantity = np.where(sweeps, 400, rng.integers(1, 30, count))
    flags = np.where(kind == Kind.UNCROSS, rng.choice([0, 32, 64, 96], count), 0)
    display = np.where((rng.random(count) < 0.3) & (quantity > 3), 3, 0)
    expire = np.where(rng.random(count) < 0.3, rng.integers(1, 99, count), 0)
    return np.column_stack(
        [kind, rng.integers(0, 3, count), order, order % 5, side, price, quantity, flags, display, expire]
    )


def process(book, table):
    return book.process(table[:, :8], table[:, 8].copy(), table[:, 9].copy())


def knock(book, command):
    """Give one command at the door of its kind."""
    kind, product, order, owner, side, price, quantity, flags, display, expire = command
    doors = {
        Kind.SUBMIT: lambda: book.submit(order, owner, side, price, quantity, product, flags, display, expire),
        Kind.CANCEL: lambda: book.cancel(order, owner),
        Kind.REPLACE: lambda: book.replace(order, owner, price, quantity),
        Kind.EXPIRE: lambda: book.expire(product, expire),
        Kind.CANCEL_OWNER: lambda: book.cancel_owner(owner),
        Kind.CALL: lambda: book.call(product),
        Kind.UNCROSS: lambda: book.uncross(product, price, flags),
    }
    return doors[Kind(kind)]()


def assert_same(one: Batch, other: Batch) -> None:
    for name in Batch._fields:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


@pytest.fixture
def needs(monkeypatch):
    """Count what the book grows for."""
    counted = Counter()
    grow = Book._grow

    def counting(book, need):
        counted[need] += 1
        grow(book, need)

    monkeypatch.setattr(Book, "_grow", counting)
    return counted


# --- growth


@pytest.mark.parametrize("seed", range(3))
def test_every_column_grows_in_the_middle_of_a_batch_and_nothing_is_lost(needs, monkeypatch, seed):
    table = stream(seed, COUNT)
    expected = process(ReferenceBook(**TERMS), table)
    assert_same(process(Book(**TERMS), table), expected)
    monkeypatch.setattr(face, "_MOST_FIRST_EVENTS", 1)
    book, reference = Book(**TERMS), ReferenceBook(**TERMS)
    assert_same(process(book, table), process(reference, table))
    assert set(needs) >= NEEDS
    assert book.export() == reference.export()
    book.check()


@pytest.mark.parametrize("seed", range(3))
def test_every_column_grows_in_single_commands_and_nothing_is_lost(needs, seed):
    book, reference = Book(**TERMS), ReferenceBook(**TERMS)
    for row, command in enumerate(stream(seed, COUNT).tolist()):
        one, other = knock(book, command), knock(reference, command)
        assert one[:3] == other[:3]
        assert one.fills.tolist() == other.fills.tolist()
        assert book.event_rows.tolist() == reference.event_rows.tolist()
        if row % 100 == 0:
            assert book.export() == reference.export()
            book.check()
    assert set(needs) >= NEEDS
    assert book.export() == reference.export()


ORDERS = {
    "plain": lambda i: (i, i % 3, (BUY, SELL)[i % 2], -(10**6) * i if i % 2 == 0 else 10**6 * i, 5, i % 3, 0, 0, 0),
    "at one price": lambda i: (i, 1, BUY, 7, 5, 0, 0, 0, 0),
    "icebergs": lambda i: (i, 1, SELL, 7 * i, 50, 0, 0, 5, 0),
    "timed": lambda i: (i, 1, BUY, 7 - i, 50, 1, 4, 0, i),
}


@pytest.mark.parametrize("make", ORDERS.values(), ids=ORDERS)
def test_a_book_restored_at_any_size_goes_on(needs, make):
    """Also at exactly what its columns hold, whatever that is."""
    filling = ReferenceBook(**TERMS)
    for count in range(1, 200):
        filling.submit(*make(count))
        if 5 < count % 64 < 58:  # columns begin with 64 rows and grow by as many
            continue
        state = filling.export()
        book, reference = Book.restore(state), ReferenceBook.restore(state)
        book.check()
        assert book.export() == state
        following = [
            lambda one, i=count: one.submit(*make(i + 1)),
            lambda one: one.submit(1_000, 9, BUY, 9, 4, 0, 0, 2, 3),
            lambda one: one.submit(1_001, 9, SELL, 10**9, 30, 2),
            lambda one: one.replace(1, make(1)[1], make(1)[3], 60),
            lambda one: one.submit(1_002, 9, SELL, -(10**9), 300, 0, 1),
            lambda one: one.cancel_owner(9),
        ]
        for command in following:
            one, other = command(book), command(reference)
            assert one[:3] == other[:3]
            assert one.fills.tolist() == other.fills.tolist()
        assert book.export() == reference.export()
        book.check()
    assert needs[NEED_ORDERS] > 30


def test_a_full_book_refuses_and_keeps_every_order(book_class):
    for most in (1, 63, 64, 65, 80, 81):
        book = book_class(max_orders=most)
        for order in range(1, most + 1):
            assert book.submit(order, 1, BUY, order, 5, display_wh=1, expire_ms=4).code is Code.OK
        before = book.export()
        assert book.submit(most + 1, 2, BUY, 1, 5).code is Code.BOOK_FULL
        assert book.submit(most + 1, 2, SELL, 1, 5).code is Code.BOOK_FULL
        assert book.export() == before
        assert book.replace(1, 1, 5, 8).code is Code.OK
        assert len(book) == most
        assert book.submit(most + 1, 2, SELL, -50, 3, flags=1).filled_wh == 3
        book.check()


# --- no memory


class Scarce:
    """Lets `left` allocations of the face pass, and no more."""

    def __init__(self, monkeypatch):
        self.left = 1 << 30
        for name in ("_rows", "_empty_rows"):
            monkeypatch.setattr(face, name, self.rationed(getattr(face, name)))

    def rationed(self, allocate):
        def allocation(*arguments):
            if self.left == 0:
                raise MemoryError
            self.left -= 1
            return allocate(*arguments)

        return allocation


@pytest.fixture
def memory(monkeypatch):
    """Say after how many allocations there is no more memory."""
    return Scarce(monkeypatch)


@pytest.mark.parametrize("seed", range(2))
def test_a_single_command_without_memory_changes_nothing_and_may_be_given_again(memory, seed):
    book, reference = Book(**TERMS), ReferenceBook(**TERMS)
    failures, held = 0, []
    for command in stream(seed, COUNT).tolist():
        before = book.fingerprint()
        for left in itertools.count():
            memory.left = left
            try:
                receipt = knock(book, command)
            except ResourceError:
                failures += 1
                assert book.fingerprint() == before
                assert book.event_count == book.fill_count == book.resting_wh == 0
                book.check()
            else:
                break
        memory.left = 1 << 30
        other = knock(reference, command)
        assert receipt[:3] == other[:3]
        assert book.event_rows.tolist() == reference.event_rows.tolist()
        held.append((receipt, other))
    assert failures > 10
    assert book.export() == reference.export()
    for receipt, other in held:
        assert receipt.fills.tolist() == other.fills.tolist(), "nobody wrote over it"


def test_a_receipt_outlives_a_record_that_could_not_grow(memory):
    book = Book()
    for order in range(1, 11):
        book.submit(order, 1, SELL, 10, 1)
    receipt = book.submit(11, 2, BUY, 10, 3)
    fills = receipt.fills.tolist()
    for order in range(100, 400):
        book.submit(order, 1, SELL, 10, 1)
    memory.left = 0
    with pytest.raises(ResourceError):
        book.submit(1_000, 2, BUY, 10, 300)
    memory.left = 1 << 30
    book.submit(1_001, 1, SELL, 9, 1)
    assert book.submit(1_002, 3, BUY, 9, 1).filled_wh == 1
    assert receipt.fills.tolist() == fills


def prefixes(table):
    """Fingerprint of the reference after so many commands of a table, and the number of commands."""
    book = ReferenceBook(**TERMS)
    found = {book.fingerprint(): 0}
    for row, command in enumerate(table.tolist(), 1):
        book.step(*command)
        found.setdefault(book.fingerprint(), row)
    return found


@pytest.mark.parametrize("first_events", [1, 1 << 22], ids=["growing record", "ample record"])
def test_a_batch_without_memory_stands_up_to_a_command_and_may_go_on(memory, monkeypatch, first_events):
    table = stream(7, SMALL)
    states, reached = prefixes(table), set()
    expected = ReferenceBook(**TERMS)
    process(expected, table)
    monkeypatch.setattr(face, "_MOST_FIRST_EVENTS", first_events)
    for left in itertools.count():
        book = Book(**TERMS)
        receipts = [book.submit(0, 0, 0, 0, 0), book.cancel(1, 1)]
        memory.left = left
        try:
            process(book, table)
        except ResourceError:
            pass
        else:
            break
        finally:
            memory.left = 1 << 30
        book.check()
        done = states[book.fingerprint()]
        reached.add(done)
        assert book.event_count == book.fill_count == book.resting_wh == 0
        process(book, table[done:])
        book.check()
        assert book.export() == expected.export()
        assert [receipt.filled_wh for receipt in receipts] == [0, 0]
    assert 0 in reached
    assert len(reached) > 3, "in several places"


def test_what_a_receipt_holds_outlives_a_batch_without_memory(memory):
    book = Book(**TERMS)
    book.submit(1, 1, SELL, 10, 5)
    receipt = book.submit(2, 2, BUY, 10, 3)
    table = stream(7, SMALL)
    table[:, 0], table[:, 2] = Kind.SUBMIT, 10 + np.arange(SMALL)
    memory.left = 4
    with pytest.raises(ResourceError):
        process(book, table)
    memory.left = 1 << 30
    takers = [book.submit(order, 1, (SELL, BUY)[order % 2], 0, 1) for order in range(1_000, 1_600)]
    assert sum(taker.filled_wh for taker in takers) > 250
    assert receipt.fills.tolist() == [[0, 0, 1, 2, 10, 3]]


def test_a_batch_whose_answer_finds_no_memory_changes_nothing(memory):
    book = Book(**TERMS)
    before = book.fingerprint()
    memory.left = 0
    with pytest.raises(ResourceError, match="no memory"):
        process(book, stream(7, SMALL))
    assert book.fingerprint() == before


def test_for_another_kernel_a_record_that_nobody_holds_begins_anew_where_it_is():
    book = Book()
    for pair in range(1_500):
        book.submit(2 * pair + 1, 1, SELL, 10, 3)
        book.submit(2 * pair + 2, 2, BUY, 10, 3)
    before = book.address
    book._scalars[H_EVENTS] = 0  # as a command that found no room leaves it
    book.make_room(NEED_EVENTS)
    assert book.address == before
    assert book.fill_count == 0
    book.submit(4_000, 1, SELL, 10, 3)
    receipt = book.submit(4_001, 2, BUY, 10, 3)
    assert receipt.fills.tolist() == [[0, 0, 4_000, 4_001, 10, 3]]
    book._scalars[H_EVENTS] = 0
    book.make_room(NEED_EVENTS)
    assert book.address != before, "a receipt holds the old one"
    book.submit(4_002, 1, SELL, 11, 3)
    book.submit(4_003, 2, BUY, 11, 3)
    assert receipt.fills.tolist() == [[0, 0, 4_000, 4_001, 10, 3]]
    book.check()
