"""The laws of the call auction catch auctions that break them, as functions and inside a book."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from wattbook import testing
from wattbook.book import BUY, SELL, Kind, ReferenceBook
from wattbook.book.auction import call_auction
from wattbook.testing import INVARIANTS, SETUPS, Falsified, Features, check_auction, check_book
from wattbook.testing.checks_auction import Bid, Clearing, best_price

LAWS = [name for name in INVARIANTS if name.startswith("A")]


def test_the_projects_auction_passes():
    report = check_auction(call_auction, seeds=range(300), orders=12)
    assert report.held == tuple(LAWS)
    assert report.commands == 600


@pytest.mark.parametrize("name", LAWS)
def test_each_law_catches_the_auction_that_breaks_it(broken, name):
    with pytest.raises(Falsified) as caught:
        check_auction(broken.auction(call_auction, name), invariants=[name])
    assert caught.value.name == name
    assert INVARIANTS[name].meaning in str(caught.value)
    assert len(caught.value.commands) <= 3
    space = {"auction": call_auction}
    exec(caught.value.reproducer, space)
    assert len(space["orders"]) == len(caught.value.commands)


@pytest.mark.parametrize("name", LAWS[:7])
def test_each_law_catches_the_book_whose_uncross_breaks_it(broken, name):
    faulty = type("Faulty", (broken.auctions,), {"spoil": name})
    features = Features(kinds=(*map(Kind, (0, 1, 5, 6)),), step_tick=5, lot_wh=2)
    with pytest.raises(Falsified) as caught:
        check_book(
            partial(faulty, **features.terms), features=features, invariants=[name],
            weathers=[SETUPS["calling"].weather], seeds=range(40),
        )  # fmt: skip
    assert caught.value.name == name
    assert len(caught.value.commands) <= 8


def test_one_law_judges_one_auction():
    orders = np.array([(1, 1, BUY, 10, 5), (2, 2, SELL, 4, 5)], dtype=np.int64)
    for name in LAWS:
        INVARIANTS[name].check(call_auction, orders, 7)
    with pytest.raises(Falsified, match=r"A2: .*\n.* clears at 8, the tie chain says 7"):
        testing.A2.check(lambda *given: call_auction(*given)._replace(price_tick=8), orders, 7)


@pytest.mark.parametrize(
    ("rows", "reference", "price"),
    [
        ([(BUY, 10, 5), (SELL, 4, 5)], None, 4),  # all tied: the lower tick
        ([(BUY, 10, 5), (SELL, 4, 5)], 7, 7),  # the nearest to the reference
        ([(BUY, 10, 5), (SELL, 4, 5)], 99, 10),
        ([(BUY, 10, 6), (SELL, 4, 5)], 5, 10),  # demand is left over: the highest
        ([(BUY, 10, 5), (SELL, 4, 6)], 9, 4),  # supply is left over: the lowest
        ([(BUY, 10, 5), (BUY, 8, 5), (SELL, 4, 5)], 0, 9),  # least surplus first: above 8 only five are wanted
        ([(BUY, 3, 5), (SELL, 4, 5)], 3, None),
        ([], 3, None),
    ],
)
def test_the_tie_chain_by_hand(rows, reference, price):
    orders = tuple(Bid(i, i, *row) for i, row in enumerate(rows, 1))
    assert best_price(Clearing(orders, None, 0, [], reference)) == price


def test_limits_far_apart_are_searched_where_something_can_change():
    far = 10**12
    orders = (Bid(1, 1, BUY, far, 5), Bid(2, 2, SELL, -far, 5))
    assert best_price(Clearing(orders, None, 0, [], 123_456)) == 123_456
    assert best_price(Clearing(orders, None, 0, [], None)) == -far


def test_pro_rata_rationing_is_judged_to_the_lot():
    features = Features.full(products=1, lot_wh=3, hostile=False)
    report = check_book(
        partial(ReferenceBook, **features.terms), features=features, invariants=LAWS, seeds=range(6),
        weathers=[SETUPS["calling"].weather], commands=400,
    )  # fmt: skip
    assert report.held == tuple(LAWS)
