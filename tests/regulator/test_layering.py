"""Who shows what it does not mean is found; who only cancels a lot is not."""

import numpy as np
import pytest
from benchmarks.detection_books import make_market, quotes, spoof
from benchmarks.tape import Tape, place
from hypothesis import given, settings
from hypothesis import strategies as st
from manipulation import keeps_its_laws, look, offences, tightened

from wattbook import load_scenario
from wattbook.messages import BUY, SELL
from wattbook.oversight import Item
from wattbook.regulator import RECORD, whole
from wattbook.regulator.layering import Layering, LayeringTerms
from wattbook.regulator.marking import Marking, MarkingTerms
from wattbook.regulator.wash import Wash, WashTerms

KNOWN = place()
SEEDS = st.integers(0, 2**32 - 1)


def layering(**given_):
    return Layering(KNOWN, LayeringTerms(**given_))


def town(rng, spoofers=True):
    tape = Tape()
    for period in range(10, 24):
        quotes(tape, period)
        make_market(tape, 5, period, rng)
        if spoofers and rng.random() < 0.7:
            side = SELL if rng.random() < 0.5 else BUY
            spoof(tape, 1, period, int(rng.integers(900, 4_000)), int(rng.integers(50, 300)), side,
                  10_200 if side == SELL else 9_800, after=float(rng.uniform(0, 4)))  # fmt: skip
    return tape.end().record()


def test_who_sells_behind_bids_it_takes_away_is_found_with_its_gain():
    tape = Tape()
    for period in range(10, 15):
        quotes(tape, period)
        spoof(tape, 1, period)
    (found,) = look(layering(), tape.end().record())
    assert (found.agent, len(found.offences)) == (1, 5)
    gain = 200 * (10_200 - 10_000)
    assert {(each.gain, each.overcharge, each.harm) for each in found.offences} == {(gain, gain, gain)}
    assert found.victims == ((29, 5 * gain),)
    assert [line.value for line in found.evidence if line.item == Item.SCORE] == [10_000_000]


def test_who_buys_below_asks_it_takes_away_gains_and_overcharges_nobody():
    tape = Tape()
    for period in range(10, 15):
        quotes(tape, period)
        spoof(tape, 1, period, side=BUY, price=9_900)
    (found,) = look(layering(), tape.end().record())
    assert {(each.gain, each.overcharge) for each in found.offences} == {(200 * 100, 0)}


def test_an_honest_market_maker_with_many_cancels_is_not_found():
    """Known answer K8."""
    tape, rng = Tape(), np.random.default_rng(1)
    for period in range(10, 60):
        make_market(tape, 5, period, rng)
    record = tape.end().record()
    assert (record["orders"]["event"] == 2).sum() > 1_000
    assert look(layering(), record) == []


@pytest.mark.parametrize(
    ("changed", "found"),
    [({}, 1), ({"after": 5.0}, 1), ({"after": 5.1}, 0), ({"shown": 600}, 1), ({"shown": 599}, 0), ({"sold": 700}, 0)],
)
def test_the_order_is_large_and_goes_soon(changed, found):
    tape = Tape()
    for period in range(10, 15):
        spoof(tape, 1, period, **changed)
    assert len(look(layering(), tape.end().record())) == found


def test_four_times_is_not_often():
    tape = Tape()
    for period in range(10, 14):
        spoof(tape, 1, period)
    assert look(layering(), tape.end().record()) == []


def test_an_order_that_is_put_up_again_was_moved():
    tape = Tape()
    for period in range(10, 15):
        spoof(tape, 1, period)
        tape.submit(1, BUY, 9_500, 2_000, period, 16.95)
    assert look(layering(), tape.end().record()) == []


@settings(max_examples=10)
@given(SEEDS)
def test_it_keeps_the_laws_of_detectors(seed):
    rng = np.random.default_rng(seed)
    keeps_its_laws(layering, town(rng), rng)


@settings(max_examples=10)
@given(SEEDS)
def test_a_higher_threshold_finds_part_of_what_a_lower_one_finds(seed):
    record = town(np.random.default_rng(seed))
    for name, value in (("ratio_ppm", 9_000_000), ("least_wh", 1_500), ("least_episodes", 8), ("often_ppm", 800_000)):
        tight, loose = tightened(Layering, LayeringTerms(), KNOWN, record, name, value)
        assert tight <= loose
    assert offences(look(Layering(KNOWN, LayeringTerms.never()), record)) == []


def test_spoofers_are_found_in_nearly_all_towns_and_nobody_else_is():
    found = [{each.agent for each in look(layering(), town(np.random.default_rng(seed)))} for seed in range(100)]
    assert sum(agents == {1} for agents in found) >= 95
    assert all(agents <= {1} for agents in found)


# --- streets


class Rows:
    """A finished run as a source of rows."""

    def __init__(self, run):
        self.streams = run.record.streams

    def count(self, stream):
        return len(self.streams[stream]["seq"])

    def since(self, stream, seq, only):
        return {name: self.streams[stream][name][seq:] for name in only}


def found_in(name, seed, **changed):
    from wattbook.regulator import Known

    run = load_scenario(name).with_values(changed).run(seed=seed, baseline=False)
    header = {**run.record.header, "regulator": {"reference_tick": {}, "turnover": {}}}
    known, record = Known.of(header), whole(RECORD, Rows(run), ["orders", "trades"])
    detectors = {"wash": Wash(known, WashTerms()), "layering": Layering(known, LayeringTerms()),
                 "marking": Marking(known, MarkingTerms())}  # fmt: skip
    return {rule: {known.names[each.agent] for each in look(it, record)} for rule, it in detectors.items()}


def test_in_the_shipped_street_the_villains_are_found_and_nobody_else_is():
    assert found_in("spoofing", 7, days=1) == {
        "wash": {"ring-1", "ring-2", "ring-3"}, "layering": {"spoofer"}, "marking": set(),
    }  # fmt: skip


@pytest.mark.parametrize(("seed", "start"), [(1, "2016-06-06"), (2, "2016-03-14"), (3, "2016-12-05")])
def test_in_an_honest_street_nobody_is_found(seed, start):
    assert found_in("neighbourhood", seed, start=start) == {"wash": set(), "layering": set(), "marking": set()}


def test_who_makes_the_last_price_is_found_in_a_street():
    changed = {"maker.policy": "closer", "spoofer.policy": "balanced", "ring-1.policy": "idle"}
    assert found_in("spoofing", 3, days=1, **changed)["marking"] == {"maker"}


@given(st.lists(st.integers(-(1 << 40), 1 << 40) | st.integers(0, 20), max_size=30))
def test_small_numbers_keep_the_order_and_are_places_of_an_array(numbers):
    from wattbook.regulator.gates import small

    given = np.array(numbers, np.int64)
    places = small(given)
    assert all(0 <= place < 9 * len(numbers) for place in places.tolist())
    assert [a < b for a in given for b in given] == [a < b for a in places for b in places]
