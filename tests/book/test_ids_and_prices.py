"""Thousands of resting orders: ids that crowd the table, and ladders of any depth, width and step."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from wattbook.book import BUY, SELF_TRADE_MODES, SELL, Batch, Book, Code, Kind, ReferenceBook
from wattbook.book.kernel_ahead import LARGE
from wattbook.book.kernel_columns import H_DEPTH, H_LEVELS, H_TABLE_SHIFT, ORDER
from wattbook.book.kernel_machine import BUCKET, BUCKET_BITS
from wattbook.book.kernel_table import SPREAD, TAG

COUNT = 1_500 if numba.config.DISABLE_JIT else 9_000
PARTS = 6
OWNERS = 7
BAND = {"floor_tick": -50_000, "cap_tick": 400_000}
MOST = (1 << 63) - 1


# --- ids


def tags(orders):
    return (orders ^ orders >> 31) & TAG


def homes(orders, shift):
    """Bucket of the table where each id belongs."""
    return (tags(orders) * SPREAD & 0xFFFFFFFF) >> shift


def same_tag(count):
    """Ids that differ in their upper bits only, as far as the table can tell."""
    high = np.arange(1, count + 1)
    return high << 31 | (high ^ 0x2AAAAAAA) & TAG


def last_bucket(count):
    """Rising ids of which every other belongs to the last buckets of any table, so that the search begins anew at 0."""
    candidates = np.arange(1, 600 * count)
    late = candidates[homes(candidates, 0) >> 22 == (1 << 10) - 1]
    return np.sort(np.concatenate([late[: count // 2], candidates[-1] + np.arange(1, count - count // 2 + 1)]))


def random_62_bits(count):
    return np.unique(np.random.default_rng(62).integers(1, 1 << 62, 2 * count))[::2][:count]


IDS = {
    "in sequence": lambda count: np.arange(1, count + 1),
    "by 8": lambda count: 8 * np.arange(1, count + 1),
    "by 1024": lambda count: 1_024 * np.arange(1, count + 1),
    "by 2**20": lambda count: (1 << 20) * np.arange(1, count + 1),
    "by 2**31": lambda count: (1 << 31) * np.arange(1, count + 1),
    "by 2**31 + 1": lambda count: ((1 << 31) + 1) * np.arange(1, count + 1),
    "62 random bits": random_62_bits,
    "the last there are": lambda count: MOST - count + np.arange(1, count + 1),
    "of the last bucket": last_bucket,
    "of one tag": lambda count: same_tag(min(count, 4_000)),
}


# --- streams


def stream(seed, ids, ladder):
    """Commands (n, 8), display_wh (n,), expire_ms (n,): half of them submit `ids`, and most orders stay.

    Bids stand mostly in the lower half of the ladder's band, asks in the upper one, a fifth of them at its ends.
    """
    rng = np.random.default_rng(seed)
    count = 2 * len(ids)
    kind = np.repeat([Kind.SUBMIT, Kind.CANCEL, Kind.REPLACE], [len(ids) - 1, count // 5, count // 2 - count // 5])
    kind = np.concatenate([[Kind.SUBMIT], rng.permutation(kind)])
    count, submitted = len(kind), np.cumsum(kind == Kind.SUBMIT)
    index = np.where(kind == Kind.SUBMIT, submitted - 1, (rng.random(count) * submitted).astype(np.int64))
    side = np.where(rng.random(len(ids)) < 0.5, BUY, SELL)[index]
    price = prices(rng, np.where(rng.random(count) < 0.97, side, -side), ladder)
    owner = np.where(rng.random(count) < 0.02, OWNERS, index % OWNERS)
    flags = np.where(rng.random(count) < 0.03, rng.choice([1, 2, 4, 8], count), 0)
    may_rest, zero = flags == 0, np.zeros(count, dtype=np.int64)
    display = np.where((rng.random(count) < 0.2) & may_rest, 1, 0)
    expire = np.where((rng.random(count) < 0.2) & may_rest, rng.integers(1, 99, count), 0)
    rows = np.column_stack([kind, zero, ids[index], owner, side, price, rng.integers(1, 9, count), flags])
    return rows, display, expire


def prices(rng, side, ladder):
    """Price for each side, (n,)."""
    floor, step = ladder["floor_tick"], ladder.get("step_tick", 1)
    top, count = (ladder["cap_tick"] - floor) // step, len(side)
    middle = (top + 1) // 2
    steps = np.where(
        side == BUY, rng.integers(0, max(1, middle), count), rng.integers(middle, top, count, endpoint=True)
    )
    at_an_end = rng.random(count) < 0.2
    steps[at_an_end] = np.where(side == BUY, steps % 3, top - steps % 3)[at_an_end]
    return floor + step * np.clip(steps, 0, top)


def assert_same(one: Batch, other: Batch) -> None:
    for name in Batch._fields:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def agree(columns, terms, parts=PARTS):
    """Both books after the same stream in a few batches; at every stop all is compared and checked."""
    kernel, reference = Book(**terms), ReferenceBook(**terms)
    most = 0
    for part in np.array_split(np.arange(len(columns[0])), parts):
        batches = [book.process(*(column[part] for column in columns)) for book in (kernel, reference)]
        assert_same(*batches)
        assert kernel.export() == reference.export()
        kernel.check()
        most = max(most, len(kernel))
    assert most > len(columns[0]) // 8, "most orders rest"
    return kernel, reference


def drained(kernel, reference, seed):
    """Cancel all that rests, in any order: the table must find every one of them, and then be empty."""
    resting = kernel._resting(0, kernel.terms.products)[:, [2, 3]]
    np.random.default_rng(seed).shuffle(resting)
    zero = np.zeros(len(resting), dtype=np.int64)
    cancels = np.column_stack([zero + Kind.CANCEL, zero, *resting.T, zero, zero, zero, zero])
    half = len(cancels) // 2
    for part in (cancels[:half], cancels[half:]):
        batches = [book.process(part) for book in (kernel, reference)]
        assert (batches[0].codes == Code.OK).all()
        assert_same(*batches)
        assert kernel.export() == reference.export()
        kernel.check()
    assert len(kernel) == 0
    assert not kernel._columns.table.any()
    assert (kernel.process(cancels).codes == Code.UNKNOWN_ORDER).all()


def crowding(book):
    """How many buckets are full, and how many orders had to go on to another one."""
    columns = book._columns
    table = columns.table.reshape(-1, BUCKET)
    at = np.repeat(np.arange(len(table)), BUCKET).reshape(table.shape)[table != 0]
    orders = columns.orders[table[table != 0] & 0xFFFFFFFF, ORDER]
    shift = int(columns.header[H_TABLE_SHIFT])
    assert len(table) == 1 << (32 - shift)
    assert len(columns.table) == len(table) << BUCKET_BITS
    return np.count_nonzero((table != 0).all(axis=1)), np.count_nonzero(homes(orders, shift) != at)


@pytest.mark.parametrize("name", IDS)
def test_ids_of_any_pattern_are_found_again(name):
    number = list(IDS).index(name)
    ids = IDS[name](COUNT // 2)
    assert (np.diff(ids) > 0).all()
    assert ids[0] > 0
    terms = {**BAND, "self_trade": SELF_TRADE_MODES[number % len(SELF_TRADE_MODES)]}
    kernel, reference = agree(stream(number, ids, BAND), terms)
    if name in {"62 random bits", "of the last bucket", "of one tag"}:
        full, displaced = crowding(kernel)
        assert full > 0
        assert displaced > 0
    drained(kernel, reference, number)


def test_an_order_comes_back_to_its_bucket_when_another_leaves():
    """Nine ids of one bucket: whichever leaves, the other eight are found, and so is the next one."""
    book = Book()
    shift = int(book._columns.header[H_TABLE_SHIFT])
    candidates = np.arange(1, 10_000)
    for bucket in range(1 << (32 - shift)):
        ids = candidates[homes(candidates, shift) == bucket]
        for leaves in range(9):
            book = Book()
            for order in ids[:9].tolist():
                book.submit(order, 1, BUY, order % 5, 1)
            full, displaced = crowding(book)
            assert (full, displaced) == (1, 1)
            assert book.cancel(int(ids[leaves]), 1).code is Code.OK
            book.check()
            assert crowding(book) == (1, 0)
            book.submit(int(ids[9]), 1, BUY, 1, 1)
            book.check()
            found = {order for order, *_ in book.orders()}
            assert found == set(ids[:10].tolist()) - {ids[leaves]}
            assert all(book.cancel(order, 1).code is Code.OK for order in found)


# --- prices

LADDERS = {
    "one price": {"floor_tick": 0, "cap_tick": 0},
    "2 steps": {"floor_tick": 0, "cap_tick": 1},
    "3 steps": {"floor_tick": -1, "cap_tick": 2},
    "31 steps": {"floor_tick": 0, "cap_tick": 31},
    "32 steps": {"floor_tick": 0, "cap_tick": 32},
    "1023 steps": {"floor_tick": -500, "cap_tick": 523},
    "1024 steps": {"floor_tick": -500, "cap_tick": 524},
    "of 7": {"floor_tick": -70_000, "cap_tick": 700_000, "step_tick": 7},
    "of 1000": {"floor_tick": -1_000_000, "cap_tick": 3_000_000, "step_tick": 1_000},
    "10**9 steps": {"floor_tick": -(10**8), "cap_tick": 9 * 10**8},
    "10**9 steps of 7": {"floor_tick": -7 * 10**8, "cap_tick": 63 * 10**8, "step_tick": 7},
    "2**40 steps": {"floor_tick": -(1 << 39), "cap_tick": 1 << 39},
    "all there are": {"floor_tick": -(1 << 62) + 1, "cap_tick": (1 << 62) - 1},
    "all there are, of 2**61": {"floor_tick": -(1 << 61), "cap_tick": 1 << 61, "step_tick": 1 << 61},
}
SWEEP_WH = 1 << 20
DEPTHS = {0: 1, 1: 1, 31: 1, 32: 2, 1_023: 2, 1_024: 3, 450_000: 4, 10**9: 6, (1 << 63) - 2: 13}
"""Steps of the band, and how many of the tree's take it from a price to its level."""


NARROW = {"one price", "2 steps", "3 steps", "all there are, of 2**61"}


@pytest.mark.parametrize("name", LADDERS)
def test_prices_on_any_ladder_keep_their_order(name):
    ladder, number = LADDERS[name], 40 + list(LADDERS).index(name)
    terms = {**ladder, "self_trade": SELF_TRADE_MODES[number % len(SELF_TRADE_MODES)], "products": 2}
    columns = stream(number, np.arange(1, COUNT // 4), ladder)
    if name in NARROW:  # here almost everything would cross: most asks stand in another product
        columns[0][:, 1] = (columns[0][:, 4] == SELL) & (columns[0][:, 2] % 10 > 0)
    if name.startswith("all"):  # the largest prices bear the smallest quantities
        columns[0][:, 6] = 1
    kernel, reference = agree(columns, terms, parts=4)
    drained(kernel, reference, number)


@pytest.mark.parametrize(("top", "depth"), DEPTHS.items())
def test_the_tree_is_as_deep_as_the_band_is_wide(top, depth):
    floor = -(top // 2)
    book = Book(floor_tick=floor, cap_tick=floor + top)
    wanted = [floor + top, floor + top, floor + top // 2, floor]
    for order, price in enumerate(reversed(wanted), 1):
        assert book.submit(order, 1, BUY, price, 1).code is Code.OK
        book.check()
    assert [price for _, _, _, price, _ in book.orders()] == wanted
    assert book._columns.header[H_DEPTH] == depth


def test_thousands_of_levels_on_both_sides_are_walked_in_order():
    count = COUNT // 4
    rng = np.random.default_rng(8)
    orders = np.arange(1, 2 * count + 1)
    side = np.repeat([BUY, SELL], count)
    price = np.concatenate([rng.permutation(np.arange(-count, 0)), rng.permutation(np.arange(1, count + 1))]) * 13
    zero = 0 * orders
    rows = np.column_stack([zero, zero, orders, orders % OWNERS, side, price, 1 + orders % 5, zero])
    kernel, reference = Book(), ReferenceBook()
    assert_same(kernel.process(rows), reference.process(rows))
    assert kernel._columns.header[H_LEVELS] == 2 * count
    kernel.check()
    assert kernel.depth(0, BUY, 2 * count) == reference.depth(0, BUY, 2 * count)
    assert [tick for tick, _, _ in kernel.depth(0, SELL, 2 * count)] == list(range(13, 13 * count + 1, 13))
    sweep = np.array([
        [Kind.SUBMIT, 0, 2 * count + 1, 9, BUY, 13 * count // 2, SWEEP_WH, 1],
        [Kind.SUBMIT, 0, 2 * count + 2, 9, SELL, -13 * count // 2, SWEEP_WH, 8],
        [Kind.CANCEL_OWNER, 0, 0, 3, 0, 0, 0, 0],
        [Kind.EXPIRE, 0, 0, 0, 0, 0, 0, 0],
    ])  # fmt: skip
    batches = [book.process(sweep) for book in (kernel, reference)]
    assert_same(*batches)
    assert len(batches[0].fills) > count
    assert len(kernel) == kernel._columns.header[H_LEVELS] == 0
    kernel.check()


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("name", ["by 2**20", "62 random bits", "of the last bucket"])
def test_a_large_book_finds_its_ids_and_prices(name):
    """So large that it looks ahead for the lines it will need."""
    number = list(IDS).index(name)
    ids = IDS[name](4 * COUNT)
    kernel, reference = agree(stream(number, ids, LADDERS["10**9 steps"]), LADDERS["10**9 steps"], parts=3)
    assert len(kernel._columns.orders) > LARGE or numba.config.DISABLE_JIT
    drained(kernel, reference, number)
