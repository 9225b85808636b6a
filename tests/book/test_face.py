"""A book's state as bytes: into either book, and never from bytes that are not right."""

from __future__ import annotations

import copy
import hashlib

import pytest

from wattbook.book import BUY, SELL, Book, BookError, Code, Flag, ReferenceBook
from wattbook.errors import CorruptError


@pytest.fixture
def book(book_class):
    book = book_class(products=2)
    book.submit(1, 1, BUY, 100, 5)
    book.submit(2, 2, SELL, 110, 5, product=1, flags=Flag.POST_ONLY)
    return book


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
        (b"{", b"[" * 200_000, "cannot be read"),
        (b'"calling": []', b'"calling": null', "cannot be read"),
        (b'"calling": []', b'"calling": [2]', "call phase"),
        (b'"calling": []', b'"calling": [-1]', "call phase"),
        (b'"calling": []', b'"calling": [true]', "call phase"),
        (b'"calling": []', b'"calling": [1, 1]', "call phase"),
        (b'"calling": []', b'"calling": [1, 0]', "call phase"),
        (b'"calling": []', b'"calling": "0"', "call phase"),
        (b'"lot_wh": 1', b'"lot_wh": 2', "off the lot"),
        (b'"lot_wh": 1', b'"lot_wh": 1.0', "not a whole number"),
        (b'"self_trade": "off"', b'"self_trade": ["off"]', "self_trade"),
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


@pytest.mark.parametrize(
    ("place", "number", "says"),
    [
        (5, 4_001, "slice out of range"),
        (5, 2, "slice out of range"),
        (5, 1 << 37, "quantity out of range"),
        (7, -4, "slice out of range"),
        (7, 1 << 37, "slice out of range"),
        (7, 0, "hides a part"),
        (7, 2, "slice out of range"),
        (8, 0, "slice out of range"),
        (8, -1, "slice out of range"),
        (8, 5, "slice out of range"),
        (9, -1, "expiry below zero"),
        (9, -(1 << 63), "expiry below zero"),
        (4, -(1 << 63), "outside the band"),
        (5, -(1 << 63), "quantity out of range"),
    ],
)
def test_a_forged_iceberg_is_refused_even_with_a_right_checksum(book_class, place, number, says):
    book = book_class()
    book.submit(1, 1, BUY, 100, 20, display_wh=4, expire_ms=7)
    book.submit(2, 2, SELL, 100, 1)
    row = [0, BUY, 1, 1, 100, 19, 0, 4, 3, 7]
    state = book.export()
    whole = b"".join(map(word, row))
    assert whole in state
    row[place] = number
    with pytest.raises(CorruptError, match=says):
        book_class.restore(forged(state, whole, b"".join(map(word, row))))


def test_a_copy_is_a_book_of_its_own(book):
    for copied in (copy.copy(book), copy.deepcopy(book)):
        assert type(copied) is type(book)
        assert copied.export() == book.export()
        for order in range(10, 2_000):
            copied.submit(order, 1, BUY, order % 90, 1)
        copied.check()
        assert len(book) == 2
    before = copied.export()
    book.expire(0)
    del book
    assert copied.cancel(10, 1).code is Code.OK
    assert copied.submit(2_000, 1, BUY, 1, 1).code is Code.OK
    assert copied.export() != before
    copied.check()


def test_a_book_is_not_pickled(book):
    with pytest.raises(BookError, match="export"):
        book.__reduce_ex__(4)


def test_a_book_describes_itself(book):
    assert "2 orders in 2 products" in repr(book)
