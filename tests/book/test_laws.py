"""The laws of the book (docs: B1-B23), held against random streams by an auditor that sees only what is public."""

from __future__ import annotations

from collections import defaultdict

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattbook.book import BUY, SELF_TRADE_MODES, SELL, Book, Code, Event, Flag, Kind, ReferenceBook

EXAMPLES = 5 if numba.config.DISABLE_JIT else 25
LENGTH = 120
MOVES = {Event.FILLED, Event.CANCELLED, Event.EXPIRED, Event.PREVENTED}
WEATHERS = ("calm", "edges", "crowded", "crossing", "flawed")
some_streams = given(
    seed=st.integers(0, 10**9), mode=st.sampled_from(SELF_TRADE_MODES), weather_name=st.sampled_from(WEATHERS)
)
laws = settings(max_examples=EXAMPLES, deadline=None)


class Auditor:
    """Feeds a book one command at a time and checks each answer against what stood there before."""

    def __init__(self, book) -> None:
        self.book = book
        self.remaining: dict[int, int] = {}
        self.owner: dict[int, int] = {}
        self.flags: dict[int, int] = {}
        self.accepted: set[int] = set()
        self.sums = defaultdict(int)

    def feed(self, command) -> None:
        kind, _, order, owner, _, _, _, flags = command
        before, print_before = self.book.orders, self.book.fingerprint()
        products = range(self.book.terms.products)
        queues = {product: before(product) for product in products}
        code = self.book.step(*command)
        self.fills = self.book.fill_rows[: self.book.fill_count].tolist()
        self.events = self.book.event_rows[: self.book.event_count].tolist()
        if code != Code.OK:
            self.refused(print_before)
            return
        if kind == Kind.SUBMIT:
            assert order not in self.accepted, "B9"
            self.accepted.add(order)
            self.owner[order], self.flags[order] = owner, flags
        self.matching(queues)
        self.quantities()
        self.resting(queues)

    def refused(self, print_before) -> None:
        assert (self.fills, self.events) == ([], [])
        assert self.book.fingerprint() == print_before, "B17"
        assert self.book.resting_wh == 0

    def matching(self, queues) -> None:
        taker = self.events[0][2] if self.events else None
        if not self.fills and not any(event[3] == Event.PREVENTED for event in self.events):
            return
        product, limit = self.events[0][1], self.events[0][4]
        assert not self.flags[taker] & Flag.POST_ONLY, "B12"
        met = [event[2] for event in self.events if event[3] in {Event.FILLED, Event.PREVENTED} and event[2] != taker]
        side = next((its_side for order, _, its_side, *_ in queues[product] if order in met), None)
        opposite = [row for row in queues[product] if row[2] == side]
        assert met == [row[0] for row in opposite][: len(met)], "B2 and B3: a prefix of the queue, in its order"
        stood = {row[0]: row for row in opposite}
        for _, its_product, maker, its_taker, price, quantity in self.fills:
            assert (its_product, its_taker) == (product, taker)
            assert price == stood[maker][3], "B4"
            assert side * price >= side * limit, "B4"
            assert 0 < quantity <= stood[maker][4]
            assert self.book.terms.floor_tick <= price <= self.book.terms.cap_tick, "B16"
            if self.book.terms.self_trade != "off":
                assert self.owner[maker] != self.owner[taker], "B14"

    def quantities(self) -> None:
        filled = defaultdict(int)
        for _, _, order, event, _, quantity, remaining in self.events:
            if event == Event.ACCEPTED:
                self.remaining[order] = quantity
                self.sums[order] = quantity
            elif event == Event.REPLACED:
                self.remaining[order] += quantity
                self.sums[order] += quantity
            else:
                assert event in MOVES
                assert quantity > 0
                self.remaining[order] -= quantity
                filled[order] += quantity if event == Event.FILLED else 0
            assert self.remaining[order] == remaining >= 0, "B6"
        for _, _, maker, taker, _, quantity in self.fills:
            filled[maker] -= quantity
            filled[taker] -= quantity
        assert not any(filled.values()), "B7"
        taker = self.events[0][2] if self.events else None
        if taker in self.flags and self.flags[taker] & Flag.FOK:
            assert self.remaining[taker] == 0, "B11"
            assert sum(fill[5] for fill in self.fills) == self.sums[taker], "B11"

    def resting(self, queues) -> None:
        total = {}
        for product in queues:
            rows = self.book.orders(product)
            bids = [row[3] for row in rows if row[2] == BUY]
            asks = [row[3] for row in rows if row[2] == SELL]
            assert bids == sorted(bids, reverse=True), "B2"
            assert asks == sorted(asks), "B2"
            assert self.book.best_bid(product) == (bids[0] if bids else None)
            assert self.book.best_ask(product) == (asks[0] if asks else None)
            assert not bids or not asks or bids[0] < asks[0], "B1"
            total |= {row[0]: row[4] for row in rows}
        assert total == {order: wh for order, wh in self.remaining.items() if wh}, "B6"
        assert len(self.book) == len(total)
        for order in total:
            assert not self.flags[order] & (Flag.IOC | Flag.FOK | Flag.MARKET), "B10, B11 and B13"
        self.book.check()  # B5


@laws
@some_streams
def test_every_answer_satisfies_the_auditor(streams, seed, mode, weather_name):
    weather = getattr(streams, weather_name)
    stream = streams.draw(seed, LENGTH, weather).tolist()
    for book_class in (Book, ReferenceBook):
        auditor = Auditor(weather.make(book_class, mode))
        for command in stream:
            auditor.feed(command)


def accepted_only(streams, seed, mode):
    """A stream without its refused commands, and what it does in an unlimited book."""
    commands = streams.draw(seed, 3 * LENGTH, streams.calm)
    commands = commands[(commands[:, 0] > Kind.REPLACE) | (commands[:, 6] < 1_000_000)]
    codes = streams.deep.make(Book, mode).process(commands).codes
    commands = commands[codes == 0]
    return commands, streams.deep.make(Book, mode).process(commands)


@laws
@given(seed=st.integers(0, 10**9), mode=st.sampled_from(SELF_TRADE_MODES))
def test_b22_a_product_trades_as_if_the_others_did_not_exist(streams, seed, mode):
    commands, batch = accepted_only(streams, seed, mode)
    for product in range(streams.products):
        kind, its_product = commands[:, 0], commands[:, 1]
        elsewhere = np.isin(kind, [Kind.SUBMIT, Kind.EXPIRE]) & (its_product != product)
        alone = streams.deep.make(Book, mode).process(commands[~elsewhere])
        mine = batch.events[batch.events[:, 1] == product]
        np.testing.assert_array_equal(mine[:, 1:], alone.events[:, 1:])


@laws
@given(seed=st.integers(0, 10**9), mode=st.sampled_from(SELF_TRADE_MODES))
def test_mirrored_sides_and_prices_give_mirrored_fills(streams, seed, mode):
    commands, batch = accepted_only(streams, seed, mode)
    mirrored = commands.copy()
    priced = np.isin(commands[:, 0], [Kind.SUBMIT, Kind.REPLACE])
    mirrored[priced, 5] *= -1
    mirrored[commands[:, 0] == Kind.SUBMIT, 4] *= -1
    twin = streams.deep.make(Book, mode).process(mirrored)
    np.testing.assert_array_equal(twin.codes, batch.codes)
    np.testing.assert_array_equal(twin.resting_wh, batch.resting_wh)
    np.testing.assert_array_equal(twin.fills * [1, 1, 1, 1, -1, 1], batch.fills)


@laws
@given(seed=st.integers(0, 10**9), mode=st.sampled_from(SELF_TRADE_MODES), times=st.integers(2, 1_000))
def test_scaled_quantities_give_scaled_fills(streams, seed, mode, times):
    commands, batch = accepted_only(streams, seed, mode)
    scaled = commands.copy()
    scaled[np.isin(commands[:, 0], [Kind.SUBMIT, Kind.REPLACE]), 6] *= times
    twin = streams.deep.make(Book, mode).process(scaled)
    np.testing.assert_array_equal(twin.fills, batch.fills * [1, 1, 1, 1, 1, times])
    np.testing.assert_array_equal(twin.events, batch.events * [1, 1, 1, 1, 1, times, times])


@laws
@given(seed=st.integers(0, 10**9), mode=st.sampled_from(SELF_TRADE_MODES))
def test_a_passive_order_that_comes_and_goes_changes_nothing_else(streams, seed, mode):
    commands, batch = accepted_only(streams, seed, mode)
    at = len(commands) // 2
    visitor = 1 + int(commands[:at][commands[:at, 0] == Kind.SUBMIT, 2].max(initial=0))
    far, stranger = streams.calm.band["floor_tick"], 999
    coming = np.array([Kind.SUBMIT, 0, visitor, stranger, BUY, far, 1, Flag.GTC])
    going = np.array([Kind.CANCEL, 0, visitor, stranger, 0, 0, 0, 0])
    twin = streams.deep.make(Book, mode).process(np.insert(commands, at, [coming, going], axis=0))
    others = twin.events[twin.events[:, 2] != visitor]
    np.testing.assert_array_equal(others[:, 1:], batch.events[:, 1:])


@pytest.mark.parametrize("products", [1, 960, 20_000])
def test_an_empty_product_costs_next_to_nothing(products):
    book = Book(products=products)
    assert sum(column.nbytes for column in book._columns) < 20_000 + 64 * products


def test_b23_a_book_grows_past_every_first_size_and_shrinks_to_nothing_again(streams):
    count = streams.size(20_000)
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
