"""Who makes the last price is found; who trades last is not."""

import numpy as np
import pytest
from benchmarks.detection_books import mark, trade_before
from benchmarks.tape import Tape, place
from hypothesis import given, settings
from hypothesis import strategies as st
from manipulation import keeps_its_laws, look, offences, tightened

from wattbook.messages import BUY, SELL
from wattbook.oversight import Item
from wattbook.regulator.marking import Marking, MarkingTerms

KNOWN = place()
SEEDS = st.integers(0, 2**32 - 1)


def marking(**given_):
    return Marking(KNOWN, MarkingTerms(**given_))


def town(rng, closers=True):
    tape = Tape()
    for period in range(10, 40):
        trade_before(tape, period, rng.integers(9_000, 11_000, 6).tolist())
        for _ in range(int(rng.integers(0, 3))):
            side = BUY if rng.random() < 0.5 else SELL
            late = int(rng.integers(3, 9))
            mark(tape, late, period, int(rng.integers(9_000, 11_000)), side, 60, float(rng.uniform(1.5, 5)))
        if closers and rng.random() < 0.5:
            mark(tape, 1, period, 12_000, quantity=int(rng.integers(100, 300)))
    return tape.end().record()


def test_who_lifts_the_last_price_of_four_products_is_found():
    tape = Tape()
    for period in range(10, 14):
        trade_before(tape, period)
        mark(tape, 1, period)
        tape.trade(1, 25, 10, period, 2.0, 10_900)
    (found,) = look(marking(), tape.end().record())
    assert (found.agent, len(found.offences)) == (1, 4)
    assert {line.value for line in found.evidence if line.item == Item.MOVE_TICK} == {800}
    assert {(each.gain, each.overcharge, each.harm) for each in found.offences} == {(0, 7_000, 7_000)}


def test_who_lowers_it_is_found_and_overcharges_nobody():
    tape = Tape()
    for period in range(10, 14):
        trade_before(tape, period)
        mark(tape, 1, period, 9_000, SELL)
    (found,) = look(marking(), tape.end().record())
    assert {(each.overcharge, each.harm, each.base) for each in found.offences} == {(0, 0, 50 * 9_000)}


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"price": 10_700}, 1), ({"price": 10_699}, 0), ({"before": 5.0}, 1), ({"before": 5.1}, 0),
        ({"side": SELL}, 0), ({"price": 10_200}, 0),
    ],
)  # fmt: skip
def test_it_moves_the_price_beyond_all_before_in_the_last_minutes(changed, found):
    tape = Tape()
    for period in range(10, 14):
        trade_before(tape, period)
        mark(tape, 1, period, **changed)
    assert len(look(marking(), tape.end().record())) == found


def test_a_small_part_of_the_last_minutes_makes_no_price():
    tape = Tape()
    for period in range(10, 14):
        trade_before(tape, period)
        tape.trade(11, 12, 60, period, 2.0, 11_000)
        mark(tape, 1, period, quantity=59)
    assert look(marking(), tape.end().record()) == []


def test_where_hardly_anybody_traded_there_is_no_price_to_move():
    tape = Tape()
    for period in range(10, 14):
        trade_before(tape, period, (9_800, 10_200))
        mark(tape, 1, period)
    assert look(marking(), tape.end().record()) == []


def test_who_often_trades_last_and_seldom_moves_the_price_is_not_found():
    tape = Tape()
    for period in range(10, 50):
        trade_before(tape, period)
        mark(tape, 1, period, 11_000 if period % 5 > 3 else 10_000)
    assert look(marking(), tape.end().record()) == []


@settings(max_examples=15)
@given(SEEDS)
def test_it_keeps_the_laws_of_detectors(seed):
    rng = np.random.default_rng(seed)
    keeps_its_laws(marking, town(rng), rng)


@settings(max_examples=15)
@given(SEEDS)
def test_a_higher_threshold_finds_part_of_what_a_lower_one_finds(seed):
    record = town(np.random.default_rng(seed))
    stricter = (("move_tick", 1_500), ("share_ppm", 900_000), ("least_products", 9), ("often_ppm", 900_000),
                ("least_before", 6))  # fmt: skip
    for name, value in stricter:
        tight, loose = tightened(Marking, MarkingTerms(), KNOWN, record, name, value)
        assert tight <= loose
    assert offences(look(Marking(KNOWN, MarkingTerms.never()), record)) == []


def test_closers_are_found_in_nearly_all_towns_and_nobody_else_is():
    found = [{each.agent for each in look(marking(), town(np.random.default_rng(seed)))} for seed in range(100)]
    assert sum(1 in agents for agents in found) >= 97
    assert all(agents <= {1} for agents in found)
