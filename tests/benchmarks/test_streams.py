"""The streams are what the benchmarks say of them: seeded, neutral, and of a steady size."""

import hashlib

import numpy as np
import pytest
from benchmarks.minimal import ACCEPTED, CANCELLED, FILLED, REPLACED, MinimalBook
from benchmarks.options import STREAMS

from benchmarks import streams
from wattbook.book import BUY, SELL, Book, Code, Flag, Kind, ReferenceBook

MESSAGES = 5_000
FULL = 1_000_000
DIGESTS = {
    "local": "667aa199d4991e2d",
    "deep": "9f66c72006fb1e3f",
    "match-heavy": "544546d746e87c8c",
    "96 products": "e82cc567020b9e6d",
}


def digest(stream):
    """Tell a stream apart from any other."""
    return hashlib.sha256(np.concatenate([stream.opening, stream.messages]).astype("<i8").tobytes()).hexdigest()[:16]


def levels(book, products):
    """Count the prices at which orders rest, over products and sides."""
    return sum(len({(order[2], order[3]) for order in book.orders(product)}) for product in range(products))


def test_options_name_the_streams_that_there_are():
    assert tuple(streams.PLANS) == STREAMS


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_is_the_same_every_time_and_another_for_another_seed(name):
    first, again, other = (streams.draw(name, 300, seed) for seed in (1, 1, 2))
    assert digest(first) == digest(again) != digest(other)


@pytest.mark.parametrize("name", ["local", "match-heavy", "96 products"])
def test_both_books_and_the_minimal_one_trade_the_same_and_refuse_nothing(name, drawn):
    stream = drawn(name, MESSAGES)
    for book in (Book(stream.products), ReferenceBook(stream.products)):
        opened, batch = book.process(stream.opening), book.process(stream.messages)
        assert len(opened.fills) == 0
        assert set(opened.codes.tolist()) | set(batch.codes.tolist()) == {Code.OK}
        assert len(batch.fills) == stream.fills[-1] > 0
        assert batch.fills[:, 5].sum() == stream.traded_wh[-1] > 0
        assert (np.bincount(batch.fills[:, 0], minlength=MESSAGES).cumsum() == stream.fills[1:]).all()


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_has_only_commands_that_any_book_can_carry_out(name, drawn):
    stream = drawn(name, MESSAGES)
    kind, flags = stream.messages[:, streams.KIND], stream.messages[:, streams.FLAGS]
    assert set(kind.tolist()) == {Kind.SUBMIT, Kind.CANCEL, Kind.REPLACE}
    assert set(flags[kind == Kind.SUBMIT].tolist()) == {Flag.GTC, Flag.IOC}
    assert (stream.opening[:, streams.KIND] == Kind.SUBMIT).all()
    assert set(stream.messages[:, streams.SIDE].tolist()) == {BUY, SELL}
    assert stream.messages[:, streams.PRICE].min() > 0
    assert stream.messages[:, streams.QUANTITY].min() >= streams.LOT_WH
    submitted = np.concatenate([stream.opening, stream.messages[kind == Kind.SUBMIT]])[:, streams.ORDER]
    assert (np.diff(submitted) > 0).all()


@pytest.mark.parametrize("name", STREAMS)
def test_a_replace_always_moves_the_price_and_names_side_product_and_owner(name, drawn):
    stream = drawn(name, MESSAGES)
    rows = np.concatenate([stream.opening, stream.messages]).tolist()
    terms = {row[streams.ORDER]: row for row in rows if row[streams.KIND] == Kind.SUBMIT}
    fixed = (streams.PRODUCT, streams.OWNER, streams.SIDE)
    seen = 0
    for row in rows:
        known = terms[row[streams.ORDER]]
        assert [row[column] for column in fixed] == [known[column] for column in fixed]
        if row[streams.KIND] == Kind.REPLACE:
            assert row[streams.PRICE] != known[streams.PRICE]
            seen += 1
    assert seen


def test_the_products_are_traded_unevenly_and_none_is_forgotten(drawn):
    stream = drawn("96 products", 20_000)
    commands = np.bincount(stream.messages[:, streams.PRODUCT], minlength=96)
    assert commands.min() > 0
    assert commands[:8].sum() > 5 * commands[-8:].sum()


def test_the_book_keeps_the_size_of_the_opening(drawn):
    stream = drawn("local", 20_000)
    book = Book()
    book.process(stream.opening)
    assert len(book) == 2_000
    book.process(stream.messages)
    assert 1_400 <= len(book) <= 2_600


def test_the_minimal_book_answers_as_said():
    book = MinimalBook(2)
    assert book.submit(1, 0, 7, SELL, 100, 5) == []
    assert book.submit(2, 0, 7, SELL, 100, 5) == []
    assert book.submit(3, 1, 8, BUY, 100, 5) == []
    assert book.submit(4, 0, 8, BUY, 101, 7) == [(1, 4, 100, 5), (2, 4, 100, 2)]
    assert book.submit(5, 0, 8, BUY, 100, 9, immediate=True) == [(2, 5, 100, 3)]
    assert not book.cancel(3, 7)
    assert book.replace(3, 8, 90, 4) == []
    assert book.replace(2, 7, 90, 4) is None
    assert book.submit(6, 1, 9, SELL, 90, 1) == [(3, 6, 90, 1)]
    assert book.cancel(3, 8)
    assert len(book) == 0
    assert book.events == [
        (1, ACCEPTED, 100, 5, 5), (2, ACCEPTED, 100, 5, 5), (3, ACCEPTED, 100, 5, 5),
        (4, ACCEPTED, 101, 7, 7), (1, FILLED, 100, 5, 0), (4, FILLED, 100, 5, 2),
        (2, FILLED, 100, 2, 3), (4, FILLED, 100, 2, 0),
        (5, ACCEPTED, 100, 9, 9), (2, FILLED, 100, 3, 0), (5, FILLED, 100, 3, 6), (5, CANCELLED, 100, 6, 0),
        (3, REPLACED, 90, -1, 4), (6, ACCEPTED, 90, 1, 1), (3, FILLED, 90, 1, 3), (6, FILLED, 90, 1, 0),
        (3, CANCELLED, 90, 3, 0),
    ]  # fmt: skip


@pytest.mark.parametrize("name", STREAMS)
def test_the_minimal_book_reports_what_the_batch_reports(name, drawn):
    stream = drawn(name, MESSAGES)
    minimal, book = MinimalBook(stream.products), Book(stream.products)
    rows = np.concatenate([stream.opening, stream.messages])
    for kind, product, order, owner, side, price, quantity, flags in rows.tolist():
        if kind == Kind.SUBMIT:
            minimal.submit(order, product, owner, side, price, quantity, flags == streams.IOC)
        elif kind == Kind.CANCEL:
            minimal.cancel(order, owner)
        else:
            minimal.replace(order, owner, price, quantity)
    assert minimal.events == list(map(tuple, book.process(rows).events[:, 2:].tolist()))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "resting", "rows", "per_product", "fills", "trading"),
    [
        ("local", (1_400, 2_600), (400, 700), None, (0.18, 0.27), (0.15, 0.25)),
        pytest.param(
            "deep", (90_000, 110_000), (4_500, 5_500), None, (0.06, 0.10), (0.06, 0.12), marks=pytest.mark.long
        ),
        ("match-heavy", (1_000, 2_200), (180, 420), None, (0.7, 0.9), (0.55, 0.7)),
        pytest.param(
            "96 products", (3_000, 4_000), (2_800, 3_500), (8, 80), (0.15, 0.22), (0.15, 0.25), marks=pytest.mark.long
        ),
    ],
)
def test_a_full_stream_has_the_facts_that_the_page_tells(name, resting, rows, per_product, fills, trading, drawn):
    stream = drawn(name, FULL)
    assert digest(stream) == DIGESTS[name], "the streams are frozen: results kept elsewhere name them"
    book = Book(stream.products)
    book.process(stream.opening)
    for part in np.split(stream.messages, 10):
        batch = book.process(part)
        assert resting[0] <= len(book) <= resting[1]
        assert rows[0] <= levels(book, stream.products) <= rows[1]
        assert fills[0] <= len(batch.fills) / len(part) <= fills[1]
        submits = np.count_nonzero(part[:, streams.KIND] == Kind.SUBMIT)
        assert trading[0] <= len(np.unique(batch.fills[:, 0])) / submits <= trading[1]
    if per_product:
        counts = [len(book.orders(product)) for product in range(stream.products)]
        assert per_product[0] <= min(counts) <= max(counts) <= per_product[1]
        assert np.percentile(counts, 10) >= 20
        assert np.percentile(counts, 90) <= 55
