"""Every law of the book catches a book that breaks it, by name; tests/book asks the project's books."""

from __future__ import annotations

from functools import partial

import pytest

from wattbook import testing
from wattbook.book import BUY, SELL, Flag, Kind, ReferenceBook
from wattbook.errors import ConfigError
from wattbook.testing import INVARIANTS, OF_A_BOOK, Falsified, Features, check_book

MODES = {"B14": "cancel-newest"}
FEW = {"B23": {"max_orders": 4}}
LAWS = [name for name in OF_A_BOOK if name.startswith("B")]


def checked(make, features, **given):
    return check_book(partial(make, **features.terms), features=features, **given)


@pytest.mark.parametrize("name", LAWS)
def test_each_law_catches_the_book_that_breaks_it(broken, name):
    features = Features.full(
        products=2, step_tick=5, lot_wh=2, self_trade=MODES.get(name, "off"), **FEW.get(name, {})
    )  # fmt: skip
    with pytest.raises(Falsified) as caught:
        checked(broken.books[name], features, seeds=range(40), invariants=[name])
    assert caught.value.name == name
    assert INVARIANTS[name].meaning in str(caught.value)
    assert caught.value.reproducer in str(caught.value)
    assert len(caught.value.commands) <= 5


def test_a_book_that_loses_orders_when_it_is_crowded_is_caught(broken):
    with pytest.raises(Falsified, match="vanished"):
        checked(broken.overwriting, Features.full(products=2), seeds=[0], commands=1, invariants=["B23"], shrink_s=0.2)


def test_a_book_that_raises_does_not_answer(broken):
    with pytest.raises(Falsified, match="Every command is answered") as caught:
        checked(broken.raising, Features(), seeds=range(3))
    assert "KeyError" in str(caught.value)
    assert len(caught.value.commands) == 1


def test_a_law_is_an_object_that_judges_one_given_stream(broken):
    features = Features(types=("GTC", "FOK"), floor_tick=0)
    stream = [
        (Kind.SUBMIT, 0, 1, 1, SELL, 5, 2, 0, 0, 0),
        (Kind.SUBMIT, 0, 2, 2, BUY, 5, 3, Flag.FOK, 0, 0),
    ]
    testing.B11.check(ReferenceBook, stream, features)
    with pytest.raises(Falsified, match="fill-or-kill for 3 Wh and got 2"):
        testing.B11.check(broken.books["B11"], stream, features)
    testing.B3.check(broken.books["B11"], stream, features)


def test_what_cannot_be_judged_is_skipped_with_a_reason_or_refused_when_asked_for_alone():
    class Bare:
        """Takes orders and never matches."""

        def submit(self, order, owner, side, price_tick, quantity_wh):
            return []

        def cancel(self, order, owner):
            return True

    report = check_book(Bare, invariants=["B5", "B19", "B21", "B9"], seeds=range(2), commands=20)
    assert report.held == ("B9",)
    assert report.skipped == {
        "B5": "the book has no orders",
        "B19": "the book has no process",
        "B21": "the book has no export, restore",
    }
    assert "B9 held for 40 commands, seeds 0 .. 1" in str(report)
    with pytest.raises(ConfigError, match=r"^B5 cannot be judged: the book has no orders"):
        testing.B5.check(Bare, [], Features())
    with pytest.raises(Falsified, match=r"^B1: "):
        check_book(Bare, invariants=["B1"])
    with pytest.raises(ConfigError, match=r"'B99' is unknown"):
        check_book(Bare, invariants=["B99"])
    with pytest.raises(ConfigError, match="judged by events only"):
        check_book(Bare, features=Features(self_trade="decrement"))


def test_a_book_without_events_is_judged_by_its_fills():
    class OneByOne:
        """The reference behind its single-order doors."""

        def __init__(self):
            book = ReferenceBook(products=2, floor_tick=-50, cap_tick=50, step_tick=5, max_orders=30, lot_wh=2)
            doors = [
                "submit",
                "cancel",
                "replace",
                "expire",
                "cancel_owner",
                "call",
                "uncross",
                "orders",
                "depth",
                "best_bid",
                "best_ask",
                "check",
            ]
            for name in doors:
                setattr(self, name, getattr(book, name))

    features = Features.full(
        products=2, floor_tick=-50, cap_tick=50, step_tick=5, max_orders=30, lot_wh=2,
        types=tuple(name for name in Features.full().types if name != "REPRICE"),
    )  # fmt: skip
    report = check_book(OneByOne, features=features, seeds=range(14), commands=150)
    assert set(report.skipped) == {"B14", "B19", "B21"}


def test_features_tell_all_mistakes_at_once():
    with pytest.raises(ConfigError) as caught:
        Features(types=("IOK",), kinds=(Kind.CALL,), self_trade="on", floor_tick=3, step_tick=2)
    text = str(caught.value)
    for part in ("did you mean 'IOC'", "SUBMIT among them", "a call phase must end", "self_trade='on'", "is no band"):
        assert part in text
