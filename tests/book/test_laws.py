"""The laws of the book (docs: B1-B23, A1-A8) and its relations to itself, judged by the kit from outside."""

from __future__ import annotations

from functools import partial

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattbook.book import BUY, SELF_TRADE_MODES, SELL, Book, Kind, ReferenceBook
from wattbook.testing import OF_A_BOOK, RELATIONS, SETUPS, Features, check_book, check_relation

EXAMPLES = 3 if numba.config.DISABLE_JIT else 7
LENGTH = 120
SEEDS = range(2) if numba.config.DISABLE_JIT else range(7)


@settings(max_examples=EXAMPLES, deadline=None)
@given(seed=st.integers(0, 10**9), mode=st.sampled_from(SELF_TRADE_MODES), name=st.sampled_from(sorted(SETUPS)))
def test_every_answer_satisfies_every_law(seed, mode, name):
    setup = SETUPS[name]
    features = setup.features(mode)
    for book_class in (Book, ReferenceBook):
        make = partial(book_class, **features.terms)
        report = check_book(make, features=features, seeds=[seed], commands=LENGTH, weathers=[setup.weather])
        assert set(report.held) | set(report.skipped) == set(OF_A_BOOK)
        assert set(report.skipped) == ({"B14"} if mode == "off" else set())


@pytest.mark.parametrize("name", SETUPS)
def test_the_laws_hold_under_every_weather(name, book_class, mode):
    setup = SETUPS[name]
    features = setup.features(mode)
    length = 30 if numba.config.DISABLE_JIT else 60
    check_book(
        partial(book_class, **features.terms), features=features, seeds=[3], commands=length, weathers=[setup.weather]
    )


@pytest.mark.parametrize("name", RELATIONS)
def test_a_changed_stream_changes_the_answers_as_it_must(name, book_class, mode):
    if name == "twins" and mode != "off":
        return
    features = Features.full(self_trade=mode, lot_wh=3, step_tick=2)
    compared = check_relation(partial(book_class, **features.terms), name, features=features, seeds=SEEDS)
    assert compared > 20 * len(SEEDS)


@pytest.mark.parametrize("products", [1, 960, 20_000])
def test_an_empty_product_costs_next_to_nothing(products):
    book = Book(products=products)
    assert sum(column.nbytes for column in book._columns) < 22_000 + 128 * products


def test_b23_a_book_grows_past_every_first_size_and_shrinks_to_nothing_again(size):
    count = size(20_000)
    orders = np.arange(1, count + 1)
    side = np.where(orders % 2, BUY, SELL)
    price = side * -(1 + orders // 4)
    columns = [0 * orders, orders % 3, orders, orders % 7, side, price, 1 + orders % 9, 0 * orders]
    commands = np.column_stack(columns)
    book = Book(products=3)
    assert (book.process(commands).codes == 0).all()
    assert len(book) == count
    book.check()
    sizes = [len(column) for column in book._columns]
    for _ in range(3):
        for product in range(3):
            book.expire(product)
        book.check()
        assert len(book) == 0
        commands[:, 2] += count
        book.process(commands)
    assert [len(column) for column in book._columns][:6] == sizes[:6], "slots are used again"


def test_products_that_come_and_go_leave_no_memory_behind():
    levels, products = 40, 200
    book = Book(products=products)
    orders = np.arange(1, levels + 1)
    one, sizes = np.ones_like(orders), []
    for product in range(products):
        book.process(np.column_stack([0 * one, product * one, orders, one, BUY * one, orders, one, 0 * one]))
        book.expire(product)
        orders += levels
        sizes.append([len(column) for column in book._columns])
    assert sizes[-1] == sizes[1]
    book.check()


def test_the_map_of_ids_does_not_grow_with_every_id_ever_issued():
    book = Book()
    rounds = 200 if numba.config.DISABLE_JIT else 20_000
    orders = np.arange(1, rounds + 1)
    zero = 0 * orders
    submits = np.column_stack([zero, zero, orders, zero, zero + BUY, zero + 5, zero + 1, zero])
    cancels = np.column_stack([zero + Kind.CANCEL, zero, orders, zero, zero, zero, zero, zero])
    before = [len(column) for column in book._columns]
    batch = book.process(np.stack([submits, cancels], axis=1).reshape(-1, 8))
    assert (batch.codes == 0).all()
    assert [len(column) for column in book._columns] == before
    book.check()
