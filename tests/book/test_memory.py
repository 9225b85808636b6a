"""What a book costs, and that what it has told stays told while it reuses its memory."""

from __future__ import annotations

import gc
import tracemalloc
from pathlib import Path

import numba
import numpy as np
import pytest

from wattbook.book import BUY, SELL, Batch, Book, Kind, face

MOST_PER_ORDER = 64
"""Bytes."""
EMPTY_BOOKS, MOST_EMPTY = 96, 100_000_000
RESTING, LEVELS = 100_000, 5_000
FAR = 2_000
"""Orders that rest while others trade."""
SCALE = 50 if numba.config.DISABLE_JIT else 1


def submits(orders, side, price, quantity=1):
    zero = np.zeros(len(orders), dtype=np.int64)
    return np.column_stack([zero, zero, orders, orders % 7, zero + side, zero + price, zero + quantity, zero])


# --- what a book costs


@pytest.mark.parametrize("way", ["price by price", "in any order", "one by one", "after coming and going"])
def test_a_deep_book_takes_at_most_64_bytes_per_order(way):
    count, levels = RESTING // SCALE, LEVELS // SCALE
    orders = np.arange(1, count + 1)
    place = orders - 1 if way == "price by price" else np.random.default_rng(1).permutation(count)
    side = np.where(place % 2, BUY, SELL)
    price = -side * (1 + place * levels // 2 // count)
    rows, book = submits(orders, side, price, 5), Book()
    if way == "one by one":
        for order, owner, its_side, its_price in rows[:, 2:6].tolist():
            book.submit(order, owner, its_side, its_price, 5)
    else:
        book.process(rows)
    if way == "after coming and going":
        gone = submits(orders[::2], 0, 0)
        gone[:, 0] = Kind.CANCEL
        book.process(gone)
        assert len(book) == count // 2
        rows[::2, 2] += count
        book.process(rows[::2])
    assert len(book) == count
    assert len(book.depth(0, BUY, count)) + len(book.depth(0, SELL, count)) == levels
    assert book.nbytes <= MOST_PER_ORDER * count + (64_000 if SCALE > 1 else 0)
    restored = Book.restore(book.export())
    assert restored.nbytes <= MOST_PER_ORDER * count + (64_000 if SCALE > 1 else 0)


def test_nbytes_is_what_is_allocated():
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        book = Book()
        count = 20_000 // SCALE
        book.process(submits(np.arange(1, count + 1), BUY, np.arange(count) % 900))
        book._spare.clear()
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert book.nbytes <= taken <= book.nbytes + 100_000


@pytest.mark.parametrize("products", [1, 96])
def test_96_empty_books_fit_into_100_megabytes(products):
    Book(products)  # what is loaded once
    tracemalloc.start()
    try:
        books = [Book(products) for _ in range(EMPTY_BOOKS)]
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert len(books) * books[0].nbytes < taken < MOST_EMPTY


# --- what was told stays told


def pairs(first, count, price=10):
    """An ask and a bid that takes it, `count` times: 2 x count commands, count fills."""
    orders = np.arange(first, first + 2 * count)
    return submits(orders, np.where((orders - first) % 2, BUY, SELL), price)


def test_receipts_outlive_whatever_follows(book_class):
    book = book_class()
    held, order = [], 1
    rng = np.random.default_rng(3)
    for turn in range(400):
        count = int(rng.integers(0, 9))
        for _ in range(count):
            book.submit(order, 1, SELL, 10, 1)
            order += 1
        receipt = book.submit(order, 2, BUY, 10, 8, flags=1)
        order += 1
        held.append((receipt, receipt.fills, receipt.fills.tolist()))
        assert receipt.filled_wh == len(receipt.fills) == count
        if turn % 10 == 0:
            book.process(pairs(order, int(rng.integers(1, 60))))
            order += 200
        if turn % 90 == 0:
            book = book_class.restore(book.export())
    for receipt, view, fills in held:
        assert receipt.fills.tolist() == view.tolist() == fills


def test_a_receipt_keeps_no_more_than_a_part_of_the_record():
    """Many receipts that are held for ever share a few columns; a single fill does not hold a large one."""
    book, held = Book(), []
    for order in range(1, 8_001, 2):
        book.submit(order, 1, SELL, 10, 1)
        held.append(book.submit(order + 1, 2, BUY, 10, 1))
    columns = {id(receipt.record): receipt.record.nbytes for receipt in held}
    assert len(columns) < 30
    assert sum(columns.values()) < 3 * len(held) * 6 * 8


HOLDS = {
    "batch": lambda batch: batch,
    "part": lambda batch: batch.fills,
    "row": lambda batch: batch.fills[3],
    "view of a view of a view": lambda batch: batch.events[2:][::-3][:, 1:][:4].T,
    "codes": lambda batch: batch.codes,
    "resting": lambda batch: batch.resting_wh[5:][:2],
    "memoryview": lambda batch: memoryview(batch.fills)[2:],
    "memoryview of a memoryview": lambda batch: memoryview(memoryview(batch.codes))[1:],
    "array around a memoryview": lambda batch: np.asarray(memoryview(batch.events)),
    "array from a buffer": lambda batch: np.frombuffer(batch.resting_wh, dtype=np.int64),
    "other dtype": lambda batch: batch.events.view(np.uint64),
    "subclass": lambda batch: batch.fills.view(np.recarray),
    "strides": lambda batch: np.lib.stride_tricks.as_strided(batch.fills, (4,), (96,)),
    "windows": lambda batch: np.lib.stride_tricks.sliding_window_view(batch.codes, 3),
    "broadcast": lambda batch: np.broadcast_to(batch.codes, (3, len(batch.codes))),
    "iterator": lambda batch: batch.fills.flat,
    "base": lambda batch: batch.fills.base,
    "attribute": lambda batch: type("Holder", (), {"held": batch.events})(),
}


def content(held):
    """Numbers of whatever holds on to a batch."""
    held = getattr(held, "held", held)
    parts = held if isinstance(held, Batch) else [held]
    return [np.array(part).tolist() for part in parts]


@pytest.mark.parametrize("hold", HOLDS.values(), ids=HOLDS)
def test_what_the_caller_holds_of_a_batch_is_never_written_over(hold):
    book = Book()
    book.process(pairs(1, 30))
    held = hold(book.process(pairs(1_000, 30)))
    before = content(held)
    for first in range(2_000, 12_000, 1_000):
        others = pairs(first, 30, price=first)
        others[::2, 6] = first  # what is left of an ask is not 1
        others[first // 1_000 % 4 :: 4, 0] = 9  # nothing that is known
        assert len(np.unique(book.process(others).codes)) == 2
        book.submit(first + 900, 3, SELL, 9, 2)
        book.submit(first + 901, 3, BUY, 9, 2)
    assert content(held) == before


def test_every_batch_of_many_is_its_own(book_class):
    book, held = book_class(), []
    for turn in range(60):
        batch = book.process(pairs(1 + 100 * turn, 1 + turn % 7, price=turn))
        held.append((batch, content(batch)))
        if turn % 3 == 0:
            held.pop(0)
    assert len(held) == 40
    for batch, before in held:
        assert content(batch) == before


def addresses(batch):
    return {part.base.ctypes.data for part in batch}


def test_memory_that_nobody_holds_is_used_again():
    book = Book()
    seen = addresses(book.process(pairs(1, 300)))
    for first in range(1_001, 60_001, 1_000):
        assert addresses(book.process(pairs(first, 300))) == seen
    held = book.process(pairs(70_001, 300))
    assert addresses(held) == seen
    second = addresses(book.process(pairs(71_001, 300)))
    assert not second & seen
    for first in range(80_001, 90_001, 1_000):
        assert addresses(book.process(pairs(first, 300))) == second
    del held
    assert addresses(book.process(pairs(91_001, 300))) in (seen, second)


def test_a_longer_batch_gets_longer_memory():
    book = Book()
    for count, first in ((5, 1), (50, 1_001), (500, 2_001), (3, 4_001), (400, 5_001)):
        batch = book.process(pairs(first, count))
        assert len(batch.codes) == 2 * count
        assert len(batch.fills) == count
        assert (batch.fills[:, 3] == first + 1 + 2 * np.arange(count)).all()


def test_large_answers_are_not_kept(monkeypatch):
    monkeypatch.setattr(face, "_MOST_BYTES_KEPT", 20_000)
    book = Book()
    book.process(pairs(1, 10))
    assert len(book._spare) == 1
    book.process(pairs(1_001, 300))
    assert sum(column.nbytes for record in book._spare for column in record[:3]) <= 20_000
    assert len(book._spare) == 1


def test_a_book_that_is_gone_leaves_its_answers_and_no_memory():
    tracemalloc.start()
    try:
        for turn in range(6):
            book = Book(products=50)
            batch = book.process(pairs(1, 2_000 // SCALE))
            receipts = [book.submit(10_000 + order, 1, (SELL, BUY)[order % 2], 5, 1) for order in range(10)]
            copies = [part.copy() for part in batch]
            del book
            gc.collect()
            assert all(map(np.array_equal, batch, copies))
            assert [receipt.fills[:, 2].tolist() for receipt in receipts[1::2]] == [
                [10_000 + i] for i in range(0, 10, 2)
            ]
            del batch, receipts, copies
            if turn == 1:
                usual = tracemalloc.get_traced_memory()[0]
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < usual + 100_000
    finally:
        tracemalloc.stop()


# --- a long day

STATM = Path("/proc/self/statm")
PAGE = 4_096
MANY, AT_ONCE = 50_000_000, 100_000 // SCALE
MOST_GROWTH = 2_000_000


def resident_bytes():
    return int(STATM.read_text().split()[1]) * PAGE


@pytest.mark.slow
@pytest.mark.skipif(not STATM.exists(), reason="tells the resident memory of a process on Linux only")
def test_memory_does_not_grow_with_fifty_million_orders():
    """Trades, cancels and ids that never end go through a book in which 2,000 orders rest."""
    book = Book()
    side = np.where(np.arange(FAR) % 2, BUY, SELL)
    book.process(submits(np.arange(1, FAR + 1), side, -side * (1_000 + np.arange(FAR) // 4)))
    orders = np.arange(AT_ONCE)
    rows = submits(orders + 10_000, np.where(orders % 2, BUY, SELL), orders // 2 % 400 - 200, 1 + orders // 2 % 5)
    cancels = orders % 10 == 9
    rows[cancels, 0], rows[cancels, 2:4] = Kind.CANCEL, rows[np.roll(cancels, -1), 2:4]
    sizes, nbytes = [], []
    at_once = np.count_nonzero(~cancels)
    for _ in range(20 if SCALE > 1 else MANY // at_once + 1):
        batch = book.process(rows)
        assert not batch.codes.any()
        rows[:, 2] += AT_ONCE
        assert len(book) == FAR
        sizes.append(resident_bytes())
        nbytes.append(book.nbytes)
    early = len(sizes) // 10
    assert max(sizes[early:]) - sizes[early] < MOST_GROWTH
    assert nbytes[early] == nbytes[-1]
    book.check()


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.skipif(not STATM.exists(), reason="tells the resident memory of a process on Linux only")
def test_memory_does_not_grow_with_single_commands():
    book, sizes = Book(), []
    for order in range(1, FAR + 1):
        book.submit(order, 1, BUY, -order, 1)
    length = 200_000 // SCALE
    for turn in range(20):
        first = FAR + 1 + turn * 2 * length
        for order in range(first, first + 2 * length, 2):
            book.submit(order, 1, SELL, 10, 2)
            book.submit(order + 1, 2, BUY, 10, 1)
            book.cancel(order, 1)
        assert len(book) == FAR
        if turn >= 2:
            sizes.append(resident_bytes())
    assert max(sizes) - sizes[0] < MOST_GROWTH
