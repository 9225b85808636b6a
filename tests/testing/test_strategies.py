"""Strategies draw what they say, and a state machine finds what is wrong with a book."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test

from wattbook.book import Kind, ReferenceBook
from wattbook.book.auction import call_auction
from wattbook.market import Market
from wattbook.testing import BookMachine, Falsified, Features, strategies
from wattbook.testing.driving import Driver
from wattbook.testing.features import ORDER_TYPES

FULL = Features.full(hostile=False, products=2, lot_wh=3, step_tick=2, self_trade="decrement")
FEW = settings(max_examples=30, deadline=None)


@FEW
@given(strategies.orders(FULL))
def test_an_order_alone_is_taken_unless_it_must_fill_at_once(order):
    code = Driver(ReferenceBook(**FULL.terms), FULL).carry_out(order).code
    assert code == 0 or order.flags in {int(ORDER_TYPES["FOK"]), int(ORDER_TYPES["MARKET+FOK"])}


@FEW
@given(strategies.streams(FULL), strategies.streams())
def test_streams_hold_what_the_features_allow(full, plain):
    assert {command.kind for command in plain} <= {Kind.SUBMIT, Kind.CANCEL}
    for stream in (full, plain):
        ids = [command.order for command in stream if command.kind == Kind.SUBMIT]
        assert ids == sorted(set(ids))
        for number, command in enumerate(stream):
            if command.kind in {Kind.CANCEL, Kind.REPLACE}:
                assert command.order in {each.order for each in stream[:number]}


@FEW
@given(strategies.books(lambda: ReferenceBook(**FULL.terms), FULL))
def test_books_are_sound_and_hold_orders(book):
    book.check()


def test_some_books_hold_orders():
    from hypothesis import find

    few = strategies.books(ReferenceBook, max_size=6)  # the fewer commands, the sooner the smallest book is found
    book = find(few, lambda book: len(book) >= 2, settings=settings(deadline=None))
    assert len(book) == 2


@FEW
@given(strategies.auctions())
def test_auctions_are_what_a_call_auction_takes(given):
    orders, reference = given
    assert orders.dtype == np.int64
    assert orders.shape == (len(orders), 5)
    assert call_auction(orders, reference).quantity_wh >= 0


@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@given(strategies.scenarios(homes=2))
def test_scenarios_run(scenario):
    run = scenario.run(seed=1)
    assert run.metrics["money_sum"] == 0


@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@given(strategies.markets(make_book=ReferenceBook))
def test_markets_are_open_for_commands(market):
    assert isinstance(market, Market)
    assert all(isinstance(stall.book, ReferenceBook) for stall in market.stalls)
    assert market.resting == 0


class FullMachine(BookMachine):
    features = FULL


def test_a_machine_plays_with_the_projects_book():
    run_state_machine_as_test(FullMachine, settings=settings(max_examples=15, stateful_step_count=25, deadline=None))


@pytest.mark.parametrize("law", ["B6", "B11"])
def test_a_machine_finds_the_fault_of_a_broken_book(broken, law):
    class Machine(BookMachine):
        features = Features(types=("GTC", "FOK"))

        def make_book(self):
            return broken.books[law]()

    quiet = settings(max_examples=300, stateful_step_count=12, deadline=None, database=None, derandomize=True)
    with pytest.raises(Falsified) as caught:
        run_state_machine_as_test(Machine, settings=quiet)
    assert caught.value.name == law
    assert len(caught.value.commands) <= 5


@pytest.mark.parametrize("part", ["strategies", "machine"])
def test_without_hypothesis_the_error_names_the_extra_and_the_rest_works(part):
    script = (
        "import sys\n"
        "sys.modules['hypothesis'] = None\n"
        "import wattbook\n"
        "assert 'wattbook.testing' not in sys.modules\n"
        "from wattbook.testing import check_book, Features\n"
        "from wattbook.book import ReferenceBook\n"
        "check_book(ReferenceBook, seeds=range(2), commands=30)\n"
        "heavy = {'hypothesis', 'polars', 'numba', 'simpy', 'pydantic'} & {m for m in sys.modules if sys.modules[m]}\n"
        "assert not heavy, heavy\n"
        f"import wattbook.testing.{part}\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"ImportError: wattbook.testing.{part} needs Hypothesis" in done.stderr
    assert "pip install 'wattbook[testing]'" in done.stderr


@given(st.data())
@settings(max_examples=1)
def test_what_the_kit_offers_can_be_listed(data):
    from wattbook import testing

    names = set(testing.__all__)
    assert names <= set(dir(testing))
    for name in sorted(names):
        assert getattr(testing, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'B99'"):
        _ = testing.B99
