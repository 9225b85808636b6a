"""Energy that goes round is found; energy that is needed is not."""

import numpy as np
import pytest
from benchmarks.detection_books import ring
from benchmarks.tape import Tape, place
from hypothesis import given, settings
from hypothesis import strategies as st
from manipulation import keeps_its_laws, look, offences, tightened

from wattbook.oversight import Item, Rule
from wattbook.regulator.wash import Wash, WashTerms

KNOWN = place()
SEEDS = st.integers(0, 2**32 - 1)


def wash(**given_):
    return Wash(KNOWN, WashTerms(**given_))


def town(rng, rings=True):
    """Two rings, if any, among traders that buy or sell."""
    tape = Tape()
    for period in range(10, 30):
        for _ in range(8):
            seller, buyer = int(rng.integers(8, 16)), int(rng.integers(16, 24))
            tape.trade(seller, buyer, int(rng.integers(1, 900)), period, float(rng.uniform(1, 60)))
        if rings and rng.random() < 0.6:
            ring(tape, [0, 1, 2], int(rng.integers(150, 400)), period, float(rng.uniform(10, 60)))
        if rings and rng.random() < 0.4:
            ring(tape, [3, 4, 5, 6], 200, period, float(rng.uniform(10, 60)), slip=int(rng.integers(0, 30)))
    return tape.end().record()


def test_a_ring_of_three_is_found():
    """Known answer K7."""
    tape = Tape()
    for period in (10, 11, 12):
        ring(tape, [4, 7, 5], period=period)
        tape.trade(7, 9, 120, period)
    found = look(wash(), tape.end().record())
    assert [(each.rule, each.agent) for each in found] == [(Rule.WASH_TRADES, agent) for agent in (4, 5, 7)]
    assert all(len(each.offences) == 6 for each in found)
    assert [line.value for line in found[0].evidence if line.item == Item.PARTNER] == [5, 7]
    assert {each.base for each in found[0].offences} == {300 * 10_000}
    assert all((each.gain, each.overcharge, each.harm) == (0, 0, 0) for each in found[0].offences)


def test_one_owner_on_both_sides_is_a_ring_of_one():
    tape = Tape()
    for period in (10, 11, 12):
        tape.trade(3, 3, 200, period)
    assert [each.agent for each in look(wash(), tape.end().record())] == [3]


@pytest.mark.parametrize(("step", "slip", "found"), [(5.0, 0, 3), (5.1, 0, 0), (2.0, 28, 3), (2.0, 60, 0)])
def test_energy_comes_back_within_ten_minutes_and_to_a_twentieth(step, slip, found):
    tape = Tape()
    for period in range(10, 16):
        ring(tape, [0, 1, 2], period=period, before=30.0, step=step, slip=slip)
    assert len(look(wash(), tape.end().record())) == found


def test_a_chain_is_no_ring_and_two_products_make_none():
    tape = Tape()
    for period in range(10, 20):
        tape.trade(0, 1, 500, period)
        tape.trade(1, 2, 500, period)
        tape.trade(2, 0, 500, period + 20)
    assert look(wash(least_trades=1, least_gross_wh=1), tape.end().record()) == []


def test_a_third_party_that_trades_both_ways_does_not_hide_a_ring():
    tape = Tape()
    for period in (10, 11, 12):
        ring(tape, [0, 1, 2], period=period)
        tape.trade(0, 9, 100, period)
        tape.trade(9, 0, 20, period)
    assert [each.agent for each in look(wash(), tape.end().record())] == [0, 1, 2]


def test_an_exchange_now_and_then_is_no_ring():
    tape = Tape()
    for period in (10, 20):
        ring(tape, [0, 1], period=period)
    assert look(wash(), tape.end().record()) == []


@settings(max_examples=15)
@given(SEEDS)
def test_it_keeps_the_laws_of_detectors(seed):
    rng = np.random.default_rng(seed)
    keeps_its_laws(wash, town(rng), rng)


@settings(max_examples=15)
@given(SEEDS)
def test_a_stricter_threshold_finds_part_of_what_a_looser_one_finds(seed):
    record = town(np.random.default_rng(seed))
    for name, value in (("net_ppm", 10_000), ("least_trades", 20), ("least_gross_wh", 4_000)):
        tight, loose = tightened(Wash, WashTerms(), KNOWN, record, name, value)
        assert tight <= loose
    assert offences(look(Wash(KNOWN, WashTerms.never()), record)) == []


def test_rings_are_found_in_nearly_all_towns_and_nobody_else_is():
    found = [{each.agent for each in look(wash(), town(np.random.default_rng(seed)))} for seed in range(100)]
    assert sum({0, 1, 2} <= agents for agents in found) >= 97
    assert all(agents <= set(range(7)) for agents in found)
    assert not any(look(wash(), town(np.random.default_rng(seed), rings=False)) for seed in range(100))
