"""The doors against what they should not be given: arrays, numbers and terms that are not right."""

from __future__ import annotations

import math
from enum import IntEnum
from fractions import Fraction
from functools import partial

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattbook.book import (
    BUY,
    COMMAND_COLUMNS,
    EVENT_COLUMNS,
    FILL_COLUMNS,
    SELL,
    Book,
    BookError,
    Code,
    CommandArrayError,
    Flag,
    Kind,
    ReferenceBook,
)
from wattbook.errors import ConfigError, ResourceError, WattbookError

LEAST, MOST = -(1 << 63), (1 << 63) - 1
EXTREMES = [LEAST, LEAST + 1, -1, 0, 1, 2, 5, 1 << 31, 1 << 32, 1 << 36, (1 << 36) + 1, 1 << 62, MOST - 1, MOST]
WIDEST = {"floor_tick": -(1 << 62) + 1, "cap_tick": (1 << 62) - 1}
EXAMPLES = 20 if numba.config.DISABLE_JIT else 60

GOOD = np.array([[0, 0, 9, 3, SELL, 100, 2, 0], [1, 0, 1, 1, 0, 0, 0, 0], [0, 1, 10, 3, BUY, 90, 4, 0]])
DISPLAY = np.array([1, 0, 2])
EXPIRE = np.array([7, 0, 9])


@pytest.fixture
def book(book_class):
    book = book_class(products=2)
    book.submit(1, 1, BUY, 100, 5)
    book.submit(2, 2, SELL, 110, 5, product=1, flags=Flag.POST_ONLY)
    book.submit(3, 2, BUY, 90, 50, product=1, display_wh=5, expire_ms=1_000)
    return book


def as_lists(batch):
    return [part.tolist() for part in batch]


# --- arrays


class Short(np.ndarray):
    """Says that it is longer than it is."""

    shape = property(lambda self: (3,))


class Tall(np.ndarray):
    """Says that it has more rows than it has."""

    shape = property(lambda self: (3, 8))


class Whole(np.ndarray):
    """Says that its floats are whole numbers."""

    dtype = property(lambda self: np.dtype(np.int64))


class Plain(np.ndarray):
    """Is no other than an array."""


OF_OTHER_TYPES = [
    np.float64, np.float32, np.int32, np.int16, np.uint64, ">i8", bool, object, str, bytes, complex, "M8[s]", "m8[s]",
]  # fmt: skip
COMMANDS = [
    *[GOOD.astype(dtype) for dtype in OF_OTHER_TYPES],
    np.full((1, 8), np.nan),
    np.full((1, 8), np.inf),
    GOOD[0],
    GOOD[:, :7],
    GOOD[None],
    GOOD.T.copy(),
    np.zeros((1, 9), dtype=np.int64),
    np.zeros((0, 7), dtype=np.int64),
    np.zeros(0, dtype=np.int64),
    np.zeros((), dtype=np.int64),
    np.zeros((1, 8, 0), dtype=np.int64),
    np.zeros(3, dtype=[(name, np.int64) for name in COMMAND_COLUMNS]),
    np.ma.masked_array(GOOD, mask=GOOD == 100),
    GOOD.astype(np.float64).view(Whole),
    np.int64(7),
    GOOD.tolist(),
    memoryview(GOOD),
    GOOD.tobytes(),
    None,
    "commands",
]
COLUMNS = [
    *[DISPLAY.astype(dtype) for dtype in OF_OTHER_TYPES],
    np.full(3, np.nan),
    DISPLAY[:2],
    np.zeros(4, dtype=np.int64),
    np.zeros(0, dtype=np.int64),
    np.zeros((), dtype=np.int64),
    DISPLAY[:, None],
    DISPLAY[None],
    np.ma.masked_array(DISPLAY, mask=[True, False, False]),
    DISPLAY[:1].view(Short),
    DISPLAY.astype(np.float64).view(Whole),
    DISPLAY.tolist(),
    memoryview(DISPLAY),
    5,
    0,
    "display",
]


def named(array):
    base = np.asarray(array) if isinstance(array, np.ndarray) else array
    return f"{type(array).__name__}-{getattr(base, 'dtype', '')}-{getattr(base, 'shape', '')}"


def refuses(book, *arrays, **named_arrays):
    before = book.fingerprint()
    with pytest.raises(CommandArrayError, match="int64 array of shape") as caught:
        book.process(*arrays, **named_arrays)
    assert isinstance(caught.value, WattbookError)
    assert isinstance(caught.value, TypeError)
    assert isinstance(caught.value, ValueError)
    assert caught.value.code == "book-commands"
    assert book.fingerprint() == before
    book.check()
    return str(caught.value)


@pytest.mark.parametrize("commands", COMMANDS, ids=named)
def test_commands_of_another_kind_are_refused_and_change_nothing(book, commands):
    assert refuses(book, commands).startswith("commands must be")


@pytest.mark.parametrize("name", ["display_wh", "expire_ms"])
@pytest.mark.parametrize("column", COLUMNS, ids=named)
def test_columns_of_another_kind_are_refused_and_change_nothing(book, name, column):
    assert refuses(book, GOOD, **{name: column}).startswith(f"{name} must be")


def frozen(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def unaligned(array):
    """Give the same numbers at an odd address."""
    held = bytearray(array.nbytes + 1)
    copy = np.frombuffer(held, dtype=np.int64, offset=1).reshape(array.shape)
    copy[:] = array
    assert not copy.flags.aligned
    return copy


def strided(array):
    for axis in range(array.ndim):
        array = np.repeat(array, 3, axis=axis)
    return array[tuple([slice(1, None, 3)] * array.ndim)]


def backwards(array):
    return array[tuple([slice(None, None, -1)] * array.ndim)].copy()[tuple([slice(None, None, -1)] * array.ndim)]


LAYOUTS = {
    "read-only": frozen,
    "strided": strided,
    "backwards": backwards,
    "Fortran": np.asfortranarray,
    "unaligned": unaligned,
    "subclass": lambda array: array.copy().view(Plain),
    "longlong": lambda array: array.astype(np.longlong),
    "read-only and backwards": lambda array: frozen(backwards(array)[::-1])[::-1],
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_any_layout_of_memory_is_read_alike(book_class, layout):
    plain = book_class(products=2).process(GOOD, DISPLAY, EXPIRE)
    assert (plain.codes == [Code.OK, Code.UNKNOWN_ORDER, Code.OK]).all()
    assert as_lists(book_class(products=2).process(layout(GOOD), layout(DISPLAY), layout(EXPIRE))) == as_lists(plain)
    bare = book_class(products=2).process(GOOD)
    assert as_lists(book_class(products=2).process(layout(GOOD))) == as_lists(bare)


def test_an_array_that_says_it_is_larger_is_taken_for_what_it_is(book_class):
    tall = GOOD[:1].copy().view(Tall)
    assert tall.shape == (3, 8)
    assert as_lists(book_class(products=2).process(tall)) == as_lists(book_class(products=2).process(GOOD[:1]))
    with pytest.raises(CommandArrayError, match="display_wh"):
        book_class(products=2).process(tall, DISPLAY)


def test_a_file_mapped_into_memory_is_an_array(book_class, tmp_path):
    path = tmp_path / "commands"
    mapped = np.memmap(path, dtype=np.int64, mode="w+", shape=GOOD.shape)
    mapped[:] = GOOD
    mapped.flush()
    again = np.memmap(path, dtype=np.int64, mode="r", shape=GOOD.shape)
    expected = as_lists(book_class(products=2).process(GOOD))
    assert as_lists(book_class(products=2).process(mapped)) == as_lists(book_class(products=2).process(again))
    assert as_lists(book_class(products=2).process(again)) == expected


def test_one_row_repeated_without_memory_of_its_own_is_an_array(book_class):
    row = np.array([Kind.SUBMIT, 0, 1, 1, BUY, 100, 5, 0])
    book = book_class()
    batch = book.process(
        np.broadcast_to(row, (1_000, 8)), np.broadcast_to(np.int64(5), 1_000), np.broadcast_to(np.int64(9), 1_000)
    )
    assert batch.codes.tolist() == [Code.OK] + [Code.ORDER_NOT_RISING] * 999
    assert len(book) == 1


def test_more_rows_than_fit_into_memory_are_refused_with_a_code(book):
    before = book.fingerprint()
    with pytest.raises(ResourceError):
        book.process(np.broadcast_to(GOOD[0], (1 << 42, 8)))
    assert book.fingerprint() == before
    assert book.process(GOOD).codes.tolist() == [Code.OK, Code.OK, Code.OK]


@pytest.mark.parametrize("wide", [{}, {"display_wh": DISPLAY[:0], "expire_ms": EXPIRE[:0]}, {"expire_ms": EXPIRE[:0]}])
def test_an_empty_batch_is_a_batch(book, wide):
    before = book.fingerprint()
    batch = book.process(np.empty((0, len(COMMAND_COLUMNS)), dtype=np.int64), **wide)
    assert batch.fills.shape == (0, len(FILL_COLUMNS))
    assert batch.events.shape == (0, len(EVENT_COLUMNS))
    assert batch.codes.shape == batch.resting_wh.shape == (0,)
    assert book.fingerprint() == before


def test_the_callers_arrays_are_only_read(book):
    given = [GOOD.copy(), DISPLAY.copy(), EXPIRE.copy()]
    book.process(*given)
    for array, same in zip(given, (GOOD, DISPLAY, EXPIRE), strict=True):
        np.testing.assert_array_equal(array, same)


def test_a_batchs_own_answer_may_be_given_as_the_next_columns(book_class):
    """The answer's memory is not written over while it is read."""
    rows = np.array([[Kind.SUBMIT, 0, order, order % 3, BUY, order, 5, 0] for order in range(1, 9)])
    books = [book_class(), ReferenceBook()]
    columns = [(np.full(8, 2), np.full(8, 3))] * 2
    for _ in range(5):
        batches = [book.process(rows, *given) for book, given in zip(books, columns, strict=True)]
        assert as_lists(batches[0]) == as_lists(batches[1])
        assert books[0].export() == books[1].export()
        columns = [(batch.codes, batch.resting_wh) for batch in batches]
        del batches
        rows[:, 2] += 8


# --- extremes of int64 in arrays

SANE = {
    Kind.SUBMIT: (Kind.SUBMIT, 1, 20, 4, SELL, 95, 10, 0, 5, 0),
    Kind.CANCEL: (Kind.CANCEL, 0, 1, 1, 0, 0, 0, 0, 0, 0),
    Kind.REPLACE: (Kind.REPLACE, 0, 3, 2, 0, 80, 40, 0, 0, 0),
    Kind.EXPIRE: (Kind.EXPIRE, 1, 0, 0, 0, 0, 0, 0, 0, 1_000),
    Kind.CANCEL_OWNER: (Kind.CANCEL_OWNER, 0, 0, 2, 0, 0, 0, 0, 0, 0),
    Kind.CALL: (Kind.CALL, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    Kind.UNCROSS: (Kind.UNCROSS, 2, 0, 0, 0, 90, 0, 0, 0, 0),
}
"""A command of each kind that the book of `peopled` takes."""


def peopled(book_class):
    """Book with a bid, an ask, an iceberg and a crossed product in its call phase, in the widest band there is."""
    book = book_class(products=3, **WIDEST, self_trade="decrement")
    book.submit(1, 1, BUY, 100, 5)
    book.submit(2, 2, SELL, 110, 5, product=1, flags=Flag.POST_ONLY | Flag.REPRICE)
    book.submit(3, 2, BUY, 90, 50, product=1, display_wh=5, expire_ms=1_000)
    book.call(2)
    book.submit(4, 3, BUY, 100, 7, product=2)
    book.submit(5, 4, SELL, 80, 9, product=2)
    return book


def test_the_sane_commands_are_taken(book_class):
    for command in SANE.values():
        assert peopled(book_class).step(*command) == Code.OK


@pytest.mark.parametrize("column", range(10), ids=[*COMMAND_COLUMNS, "display_wh", "expire_ms"])
@pytest.mark.parametrize("kind", Kind)
def test_an_extreme_in_any_column_is_answered_alike_and_a_refusal_changes_nothing(kind, column):
    state = peopled(ReferenceBook).export()
    unchanged = peopled(ReferenceBook).fingerprint()
    for extreme in EXTREMES:
        command = list(SANE[kind])
        command[column] = extreme
        books = [Book.restore(state), ReferenceBook.restore(state)]
        one, other = (
            book.process(np.array([command[:8]]), np.array([command[8]]), np.array([command[9]])) for book in books
        )
        assert as_lists(one) == as_lists(other), command
        assert books[0].export() == books[1].export(), command
        single = Book.restore(state)
        assert single.step(*command) == one.codes[0]
        assert single.fingerprint() == books[0].fingerprint()
        if one.codes[0] != Code.OK:
            assert books[0].fingerprint() == unchanged, command
            assert len(one.events) == len(one.fills) == one.resting_wh[0] == 0
        books[0].check()


KINDS = st.sampled_from([*map(int, Kind), 7, -1, LEAST, MOST])


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    rows=st.lists(st.tuples(KINDS, *[st.sampled_from(EXTREMES)] * 9), max_size=30),
    mode=st.sampled_from(["off", "decrement"]),
)
def test_extremes_of_int64_in_all_columns_at_once_are_answered_alike(rows, mode):
    table = np.array(rows, dtype=np.int64).reshape(-1, 10)
    books = [book_class(products=3, **WIDEST, self_trade=mode) for book_class in (Book, ReferenceBook)]
    first, second = (book.process(table[:, :8], table[:, 8], table[:, 9]) for book in books)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)
    assert books[0].export() == books[1].export()
    for book in books:
        book.check()


# --- single commands


class Number(IntEnum):
    """A named number is a number."""

    ONE = 1
    FIVE = 5


class Index:
    """Says 5 where a whole number is asked for, and something else where any number is."""

    def __index__(self):
        return 5

    def __int__(self):
        return 1 << 70


class Refusing:
    """Has the method of a whole number, but is none."""

    def __index__(self):
        raise TypeError


NO_WHOLE_NUMBERS = [
    True, False, np.True_, 1.0, np.float64(1), np.float32(1), math.nan, math.inf, -math.inf, np.nan, Fraction(1), 1j,
    "1", b"1", "", None, [], [1], (1,), {}, {1}, object(), object, np.array([1]), np.array([1, 2]), np.array(1.0),
    np.datetime64(1, "s"), np.timedelta64(1, "s"), np.ma.masked, 1 << 63, -(1 << 63) - 1, 1 << 64, 10**400,
    np.uint64(1 << 63), Refusing(), memoryview(b"1"), slice(1), Ellipsis, NotImplemented, lambda: 1,
]  # fmt: skip
INTS = [
    np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64, np.intc, np.longlong, np.array,
]  # fmt: skip

DOORS = {
    "submit": {
        "order": 20, "owner": 4, "side": SELL, "price_tick": 95, "quantity_wh": 10, "product": 1, "flags": 0,
        "display_wh": 5, "expire_ms": 9,
    },
    "cancel": {"order": 1, "owner": 1},
    "replace": {"order": 3, "owner": 2, "price_tick": 80, "quantity_wh": 40},
    "expire": {"product": 1, "until_ms": 1_000},
    "cancel_owner": {"owner": 2},
    "call": {"product": 0},
    "uncross": {"product": 2, "reference_tick": 90, "flags": 32},
}  # fmt: skip
PARAMETERS = [(door, name) for door, words in DOORS.items() for name in words]


@pytest.mark.parametrize(("door", "name"), PARAMETERS)
def test_a_parameter_that_is_no_whole_number_is_refused_with_its_code_and_changes_nothing(book_class, door, name):
    book = peopled(book_class)
    before = book.fingerprint()
    for value in NO_WHOLE_NUMBERS:
        if name == "reference_tick" and value is None:
            continue
        receipt = getattr(book, door)(**{**DOORS[door], name: value})
        assert receipt.code is Code.NOT_A_WHOLE_NUMBER, value
        assert (receipt.filled_wh, receipt.resting_wh, receipt.fills.shape) == (0, 0, (0, 6))
        assert book.fingerprint() == before, value
    assert getattr(book, door)(**DOORS[door]).code is Code.OK


@pytest.mark.parametrize(("door", "name"), PARAMETERS)
def test_a_parameter_at_the_ends_of_int64_is_answered_alike(door, name):
    for value in EXTREMES:
        words = {**DOORS[door], name: value}
        books = [peopled(Book), peopled(ReferenceBook)]
        one, other = (getattr(book, door)(**words) for book in books)
        assert one[:3] == other[:3], words
        assert one.fills.tolist() == other.fills.tolist()
        assert books[0].export() == books[1].export(), words
        if one.code is not Code.OK:
            assert books[0].fingerprint() == peopled(Book).fingerprint(), words


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("whole", INTS)
def test_whole_numbers_of_any_make_are_whole_numbers(book_class, door, whole):
    plain, made = peopled(book_class), peopled(book_class)
    expected = getattr(plain, door)(**DOORS[door])
    limits = np.iinfo(whole) if whole is not np.array else np.iinfo(np.int64)
    words = {name: whole(v) if limits.min <= v <= limits.max else v for name, v in DOORS[door].items()}
    receipt = getattr(made, door)(**words)
    assert receipt[:3] == expected[:3]
    assert receipt.code is Code.OK
    assert receipt.fills.tolist() == expected.fills.tolist()
    assert made.export() == plain.export()


def test_named_numbers_are_numbers(book_class):
    book = book_class(products=2)
    assert (
        book.submit(Number.ONE, Number.FIVE, Number.ONE, Number.FIVE, Number.FIVE, Number.ONE, Flag.POST_ONLY).code
        is Code.OK
    )
    assert book.orders(Number.ONE) == [(1, 5, BUY, 5, 5)]
    assert (book.best_bid(Number.ONE), book.best(Number.ONE, Number.ONE)) == (5, (5, 5))
    assert book.depth(Number.ONE, Number.ONE, Number.FIVE) == [(5, 5, 1)]
    assert book.replace(Number.ONE, Number.FIVE, Number.FIVE, Number.ONE).code is Code.OK
    assert book.cancel(Number.ONE, Number.FIVE).code is Code.OK


@pytest.mark.parametrize(("door", "name"), PARAMETERS)
def test_a_whole_number_is_what_its_index_says(book_class, door, name):
    """`__int__` may round, or lie; `__index__` is the promise to be a whole number."""
    books = [peopled(book_class), peopled(book_class)]
    receipts = [
        getattr(book, door)(**{**DOORS[door], name: five}) for book, five in zip(books, (5, Index()), strict=True)
    ]
    assert receipts[0][:3] == receipts[1][:3]
    assert books[0].export() == books[1].export()


# --- looking

LOOKS = {
    "best_bid": lambda book, product: book.best_bid(product),
    "best_ask": lambda book, product: book.best_ask(product),
    "best": lambda book, product: book.best(product, BUY),
    "orders": lambda book, product: book.orders(product),
    "depth": lambda book, product: book.depth(product, BUY, 2),
    "is_calling": lambda book, product: book.is_calling(product),
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_looking_at_a_product_that_does_not_exist_is_an_error(book, look):
    for product in [2, -1, LEAST, MOST, *NO_WHOLE_NUMBERS]:
        with pytest.raises(BookError, match=r"is not one of 0 \.\. 1"):
            look(book, product)


@pytest.mark.parametrize("look", [Book.depth, Book.best], ids=["depth", "best"])
def test_looking_at_a_side_that_does_not_exist_is_an_error(book, look):
    more = [1] if look is Book.depth else []
    for side in [0, 2, -2, LEAST, MOST, *NO_WHOLE_NUMBERS]:
        with pytest.raises(BookError, match="neither BUY"):
            getattr(book, look.__name__)(0, side, *more)


def test_looking_at_a_number_of_levels_that_is_none_is_an_error(book):
    for levels in [-1, LEAST, *(value for value in NO_WHOLE_NUMBERS if type(value) is not int)]:
        with pytest.raises(BookError, match="levels="):
            book.depth(0, BUY, levels)
    assert book.depth(0, BUY, 0) == []
    assert book.depth(0, BUY, MOST) == [(100, 5, 1)]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("whole", INTS)
@pytest.mark.parametrize("product", [0, 1, 100, 127])
def test_a_products_number_may_be_of_any_make(book_class, whole, product):
    book = book_class(products=128)
    book.submit(1, 1, BUY, 100, 5, product=product)
    book.submit(2, 1, SELL, 110, 5, product=product)
    book.call(product)
    number = whole(product)
    assert (book.best_bid(number), book.best_ask(number), book.best(number, SELL)) == (100, 110, (110, 5))
    assert book.orders(number) == [(1, 1, BUY, 100, 5), (2, 1, SELL, 110, 5)]
    assert book.depth(number, BUY, 1) == [(100, 5, 1)]
    assert book.is_calling(number)


# --- terms

WHOLE_TERMS = ("products", "floor_tick", "cap_tick", "step_tick", "max_orders", "lot_wh")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"products": 0}, "products=0 is outside"),
        ({"products": (1 << 24) + 1}, "products=16777217 is outside"),
        ({"floor_tick": 10, "cap_tick": -10}, "swap them"),
        ({"step_tick": 0}, "step_tick=0 is outside"),
        ({"step_tick": -1}, "step_tick=-1 is outside"),
        ({"step_tick": 7}, "not a multiple of step_tick=7"),
        ({"cap_tick": 1 << 62}, "outside"),
        ({"floor_tick": -(1 << 62)}, "outside"),
        ({"self_trade": "decremant"}, "did you mean 'decrement'"),
        ({"max_orders": 0}, "max_orders=0 is outside"),
        ({"max_orders": 1 << 26}, "max_orders=67108864 is outside"),
        ({"lot_wh": 0}, "lot_wh=0 is outside"),
        ({"lot_wh": (1 << 36) + 1}, "is outside"),
        ({"step_tick": np.uint64(2), "floor_tick": np.int64((1 << 61) + 1), "cap_tick": (1 << 61) + 2}, "multiple"),
    ],
)
def test_terms_that_cannot_be_used_are_refused(book_class, wrong, says):
    with pytest.raises(ConfigError, match=says):
        book_class(**wrong)


@pytest.mark.parametrize("name", WHOLE_TERMS)
def test_terms_that_are_no_whole_numbers_are_refused(book_class, name):
    for value in [LEAST, *NO_WHOLE_NUMBERS]:
        with pytest.raises(ConfigError, match=name):
            book_class(**{name: value})


@pytest.mark.parametrize(
    "mode", [0, 4, None, b"off", ["off"], {"off"}, np.array(["off", "decrement"]), np.array("off"), math.nan, "OFF", ""]
)
def test_a_self_trade_mode_that_is_none_is_refused(book_class, mode):
    with pytest.raises(ConfigError, match="self_trade"):
        book_class(self_trade=mode)


def test_all_mistakes_of_the_terms_are_told_at_once(book_class):
    with pytest.raises(ConfigError) as caught:
        book_class(products=-1, step_tick=0, self_trade="never", lot_wh=None)
    assert len(caught.value.problems) == 4


@pytest.mark.parametrize("whole", [*INTS[:-1], Number])
def test_terms_may_be_whole_numbers_of_any_make(book_class, whole):
    terms = {"products": 5, "floor_tick": 5, "cap_tick": 1_000, "step_tick": 5, "max_orders": 5, "lot_wh": 5}
    plain = book_class(**terms)
    for name in terms:
        if name != "cap_tick":
            made = book_class(**{**terms, name: whole(5)})
            assert made.terms == plain.terms
            assert made.export() == plain.export()


def test_small_whole_numbers_meet_large_ones(book_class):
    assert book_class(floor_tick=np.uint8(0), step_tick=1_000).terms.floor_tick == 0
    with pytest.raises(ConfigError, match="not a multiple"):
        book_class(floor_tick=np.int8(100), cap_tick=1_000, step_tick=1_000)


# --- states


@pytest.mark.parametrize(
    "state", [*NO_WHOLE_NUMBERS, bytearray(b"wattbook-book 2\n"), "wattbook-book 2\n", b"wattbook"], ids=type
)
def test_what_is_no_state_is_refused(book_class, state):
    with pytest.raises(WattbookError):
        book_class.restore(state)
    copied = partial(book_class.restore, memoryview(book_class().export()))
    with pytest.raises(WattbookError, match="memoryview"):
        copied()
