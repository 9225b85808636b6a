"""The doors against what they should not be given: arrays, terms and states that are not right."""

from __future__ import annotations

import hashlib

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
    ReferenceBook,
)
from wattbook.errors import ConfigError, CorruptError, WattbookError

LEAST, MOST = -(1 << 63), (1 << 63) - 1
EXTREMES = [LEAST, LEAST + 1, -1, 0, 1, 2, 5, 1 << 31, 1 << 32, 1 << 36, (1 << 36) + 1, 1 << 62, MOST - 1, MOST]


@pytest.fixture
def book(book_class):
    book = book_class(products=2)
    book.submit(1, 1, BUY, 100, 5)
    book.submit(2, 2, SELL, 110, 5, product=1, flags=Flag.POST_ONLY)
    return book


GOOD = np.array([[0, 0, 9, 3, SELL, 100, 2, 0], [1, 0, 1, 1, 0, 0, 0, 0]])


@pytest.mark.parametrize(
    "commands",
    [
        GOOD.astype(np.float64),
        np.full((1, 8), np.nan),
        GOOD.astype(np.int32),
        GOOD.astype(np.uint64),
        GOOD.astype(">i8"),
        GOOD.astype(bool),
        GOOD.astype(object),
        GOOD.astype(str),
        GOOD.astype(complex),
        GOOD.astype("M8[s]"),
        GOOD[0],
        GOOD[:, :7],
        np.zeros((1, 9), dtype=np.int64),
        GOOD[None],
        np.int64(7),
        GOOD.tolist(),
        None,
        "commands",
    ],
    ids=lambda commands: f"{type(commands).__name__}-{getattr(commands, 'dtype', '')}-{getattr(commands, 'shape', '')}",
)
def test_an_array_of_another_kind_is_refused_and_changes_nothing(book, commands):
    before = book.fingerprint()
    with pytest.raises(CommandArrayError, match="int64 array of shape") as caught:
        book.process(commands)
    assert isinstance(caught.value, WattbookError)
    assert isinstance(caught.value, TypeError)
    assert isinstance(caught.value, ValueError)
    assert caught.value.code == "book-commands"
    assert book.fingerprint() == before


def test_read_only_strided_and_transposed_arrays_are_welcome(book_class):
    frozen = GOOD.copy()
    frozen.flags.writeable = False
    strided = np.repeat(np.repeat(GOOD, 2, axis=0), 2, axis=1)[::2, ::2]
    variants = [GOOD, frozen, strided, np.asfortranarray(GOOD), GOOD[::-1][::-1]]
    answers = [book_class().process(variant) for variant in variants]
    for answer in answers[1:]:
        assert [part.tolist() for part in answer] == [part.tolist() for part in answers[0]]


def test_an_empty_batch_is_a_batch(book):
    before = book.fingerprint()
    batch = book.process(np.empty((0, len(COMMAND_COLUMNS)), dtype=np.int64))
    assert batch.fills.shape == (0, len(FILL_COLUMNS))
    assert batch.events.shape == (0, len(EVENT_COLUMNS))
    assert batch.codes.shape == batch.resting_wh.shape == (0,)
    assert book.fingerprint() == before


def test_a_batch_is_the_callers_and_later_commands_leave_it_alone(book):
    batch = book.process(GOOD)
    copies = [part.copy() for part in batch]
    book.process(np.add(GOOD, [0, 0, 50, 0, 0, 0, 0, 0]))
    book.submit(900, 3, SELL, 100, 2)
    for part, copy in zip(batch, copies, strict=True):
        assert part.dtype == np.int64
        np.testing.assert_array_equal(part, copy)


def test_the_callers_array_is_only_read(book):
    commands = GOOD.copy()
    book.process(commands)
    np.testing.assert_array_equal(commands, GOOD)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.sampled_from([0, 1, 2, 3, 4, 5, LEAST, MOST]), *[st.sampled_from(EXTREMES)] * 7), max_size=30
    ),
    mode=st.sampled_from(["off", "decrement"]),
)
def test_extremes_of_int64_in_any_column_are_answered_alike(rows, mode):
    commands = np.array(rows, dtype=np.int64).reshape(-1, 8)
    band = {"floor_tick": -(1 << 62) + 1, "cap_tick": (1 << 62) - 1, "self_trade": mode}
    books = [book_class(products=3, **band) for book_class in (Book, ReferenceBook)]
    first, second = (book.process(commands) for book in books)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)
    assert books[0].export() == books[1].export()
    for book in books:
        book.check()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"products": 0}, "products=0 is outside"),
        ({"products": 1.5}, "not a whole number"),
        ({"products": True}, "not a whole number"),
        ({"floor_tick": 10, "cap_tick": -10}, "swap them"),
        ({"step_tick": 0}, "step_tick=0 is outside"),
        ({"step_tick": 7}, "not a multiple of step_tick=7"),
        ({"cap_tick": 1 << 62}, "outside"),
        ({"self_trade": "decremant"}, "did you mean 'decrement'"),
        ({"max_orders": 0}, "max_orders=0 is outside"),
    ],
)
def test_terms_that_cannot_be_used_are_refused(book_class, wrong, says):
    with pytest.raises(ConfigError, match=says):
        book_class(**wrong)


def test_all_mistakes_of_the_terms_are_told_at_once(book_class):
    with pytest.raises(ConfigError) as caught:
        book_class(products=-1, step_tick=0, self_trade="never")
    assert len(caught.value.problems) == 3


def test_looking_at_a_product_that_does_not_exist_is_an_error(book):
    for look in (book.best_bid, book.best_ask, book.orders):
        for product in (2, -1, 0.0, None):
            with pytest.raises(BookError, match=r"is not one of 0 \.\. 1"):
                look(product)
    with pytest.raises(BookError, match="neither BUY"):
        book.depth(0, 0, 1)


# --- state as bytes


def test_a_state_restores_into_either_book(book):
    for other in (Book, ReferenceBook):
        twin = other.restore(book.export())
        twin.check()
        assert twin.fingerprint() == book.fingerprint()
        assert twin.terms == book.terms
        assert twin.last_order == 2
        assert twin.replace(2, 2, 500, 5).code is Code.OK
        assert twin.submit(2, 1, BUY, 1, 1).code is Code.ORDER_NOT_RISING


def test_the_fingerprint_knows_terms_ids_and_flags(book_class):
    prints = set()
    for terms, flags, order in (
        ({}, Flag.GTC, 1),
        ({"cap_tick": 9_999}, Flag.GTC, 1),
        ({"self_trade": "decrement"}, Flag.GTC, 1),
        ({}, Flag.POST_ONLY, 1),
        ({}, Flag.POST_ONLY | Flag.REPRICE, 1),
        ({}, Flag.GTC, 2),
    ):
        book = book_class(**terms)
        book.submit(order, 1, BUY, 100, 5, flags=flags)
        prints.add(book.fingerprint())
    assert len(prints) == 6


def test_any_truncation_or_flipped_bit_is_noticed(book):
    state = book.export()
    damaged = [state[:length] for length in range(len(state))]
    for place in range(len(state)):
        flipped = bytearray(state)
        flipped[place] ^= 1 << (place % 8)
        damaged.append(bytes(flipped))
    for broken in [*damaged, state + b"\0", b"", None, "text"]:
        with pytest.raises(CorruptError):
            type(book).restore(broken)


def forged(state: bytes, old: bytes, new: bytes) -> bytes:
    """`state` with something exchanged and the checksum made right."""
    body = state[:-32]
    assert body.count(old) >= 1
    body = body.replace(old, new, 1)
    return body + hashlib.sha256(body).digest()


def word(number: int) -> bytes:
    return number.to_bytes(8, "little", signed=True)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (b'"orders": 2', b'"orders": 3', "names 3 orders"),
        (b'"last_order": 2', b'"last_order": 1', "above last_order"),
        (b'"last_order": 2', b'"last_order": -2', "no order id"),
        (b'"last_order": 2', b'"last_order": "2"', "whole numbers"),
        (b'"products": 2', b'"products": 1', "unknown product"),
        (b'"products": 2', b'"products": 0', "outside"),
        (b'"step_tick": 1', b'"step_tick": 50', "off the step"),
        (b'"floor_tick"', b'"flaw_tick"', "cannot be read"),
        (b'"owner"', b'"owned"', "other columns"),
        (b'"max_orders": 67108863', b'"max_orders": 1', "more orders"),
        (b"{", b"[", "cannot be read"),
        (word(100), word(1 << 40), "outside the band"),
        (word(5), word(0), "quantity out of range"),
        (word(2) + word(2), word(1) + word(2), "an id twice"),
        (word(110) + word(5) + word(4), word(110) + word(5) + word(2), "flags that do not rest"),
        (word(1) + word(SELL), word(0) + word(7), "bad side"),
        (
            word(0) + word(BUY) + word(1) + word(1) + word(100),
            word(1) + word(SELL) + word(1) + word(1) + word(120),
            "priority order",
        ),
        (
            word(1) + word(SELL) + word(2) + word(2) + word(110),
            word(0) + word(SELL) + word(2) + word(2) + word(90),
            "crossed",
        ),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_a_forged_state_is_refused_even_with_a_right_checksum(book, old, new, says):
    with pytest.raises(CorruptError, match=says):
        type(book).restore(forged(book.export(), old, new))


def test_a_book_describes_itself(book):
    assert "2 orders in 2 products" in repr(book)
