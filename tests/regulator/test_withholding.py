"""Withholding: who is needed and keeps back what would have paid is found; who sold all it could is not."""

import dataclasses
from functools import partial

import numpy as np
import pytest
from auction_records import EUR, K1, KWH, TOWN, end_of, handed, hour, hours_of, known_of, record_of, relabelled
from auction_records import reviews_of as moments
from hypothesis import given
from hypothesis import strategies as st

from wattbook.messages import BUY, SELL
from wattbook.oversight import Item
from wattbook.regulator.withholding import Withholding, WithholdingTerms

MONO = 2
KNOWN = known_of()
ONE = WithholdingTerms(periods=1)
PHYSICAL = partial(hour, a2=(100 * EUR, 45 * KWH))
ECONOMIC = partial(hour, a2=(300 * EUR, 80 * KWH))


def found_in(hours, terms=ONE, known=None):
    known = known or known_of(periods=len(hours))
    return handed(Withholding(known, terms), record_of(known, hours), [end_of(known)])[0]


def value_of(finding, item):
    return next(line.value for line in finding.evidence if line.item == item)


def test_energy_that_was_never_offered_is_found_with_what_it_brought():
    (finding,) = found_in([PHYSICAL(KNOWN)])
    (offence,) = finding.offences
    # Of 100 kWh 95 were on offer: scarcity, at the town's 4,000 EUR/MWh; with the other 35 the price is 110.
    assert (finding.agent, offence.key, offence.period) == (MONO, 0, 0)
    assert offence.gain == (4_000 - 100) * EUR * 45 * KWH - (110 - 100) * EUR * 80 * KWH
    assert offence.overcharge == 3_890 * EUR * 45 * KWH
    assert offence.harm == 3_890 * EUR * 95 * KWH
    assert finding.victims == ((TOWN, offence.harm),)
    assert value_of(finding, Item.WITHHELD_WH) == 35 * KWH
    assert value_of(finding, Item.OUTPUT_GAP_PPM) == 437_500
    assert value_of(finding, Item.RSI_PPM) == 500_000


def test_energy_asked_at_a_price_that_nobody_could_take_is_found_too():
    (finding,) = found_in([ECONOMIC(KNOWN)])
    (offence,) = finding.offences
    # The monopolist of the known answer: it sold 50 of 80 at 300, and gained 9.20 EUR of 19.00 EUR harm.
    assert (offence.gain, offence.overcharge, offence.harm) == (920_000_000, 950_000_000, 1_900_000_000)


@pytest.mark.parametrize(
    ("case", "hours"),
    [
        ("all at reference", [hour(KNOWN)] * 4),
        ("scarcity with everything sold", [hour(KNOWN, 140 * KWH)] * 4),
        ("dear, yet all sold", [hour(KNOWN, 130 * KWH, a2=(300 * EUR, 80 * KWH))] * 4),
        ("not needed", [hour(KNOWN, 45 * KWH, a2=(500 * EUR, 80 * KWH))] * 4),
        ("sold ahead", [hour(KNOWN, 30 * KWH, a2=(0, 0), contracted={MONO: -80 * KWH, TOWN: 70 * KWH})] * 4),
        ("out of order", [hour(KNOWN, 80 * KWH, a2=(0, 0), available={MONO: 0})] * 4),
        ("a gap at its threshold", [hour(KNOWN, 130 * KWH, a2=(100 * EUR, 72 * KWH))] * 4),
        ("a price within the margin", [hour(KNOWN, 80 * KWH, a2=(300 * EUR, 80 * KWH), a0=(110 * EUR, 80 * KWH))] * 4),
    ],
)
def test_honest_days_are_not_found(case, hours):
    assert found_in(hours) == [], case


def test_one_wh_beyond_the_threshold_is_found():
    hours = [hour(KNOWN, 130 * KWH, a2=(100 * EUR, 72 * KWH - 1))]
    assert [finding.agent for finding in found_in(hours)] == [MONO]


def test_what_a_plant_could_not_have_reached_by_its_ramp_is_not_kept_back():
    slow = {"ramp_w": np.array([10**9, 10**9, 20 * KWH]), "min_output_w": np.array([0, 0, 10 * KWH])}
    hours = [hour(KNOWN, 100 * KWH, a2=(100 * EUR, 20 * KWH * (1 + p))) for p in range(4)]
    assert found_in(hours, known=known_of(**slow)) == []
    assert [each.key for each in found_in(hours)[0].offences] == [0, 1, 2]
    idle = [hour(KNOWN, 60 * KWH, a2=(0, 0))] * 4
    (finding,) = found_in(idle, known=known_of(**slow))
    withheld = [line.value for line in finding.evidence if line.item == Item.WITHHELD_WH]
    assert withheld == [20 * KWH, 40 * KWH, 60 * KWH, 80 * KWH]


def test_a_plant_that_follows_the_weather_may_be_wrong_about_it():
    windy = known_of(plant_kinds=("gas", "gas", "wind"))
    hours = [hour(KNOWN, 130 * KWH, a2=(100 * EUR, 60 * KWH))] * 4
    assert found_in(hours, known=windy) == []
    assert [finding.agent for finding in found_in(hours)] == [MONO]


def test_an_order_that_was_refused_is_no_offer():
    refused = [(MONO, SELL, 100 * EUR, 35 * KWH)]
    assert len(found_in([PHYSICAL(KNOWN, refused=refused)])) == 1
    assert found_in([hour(KNOWN, refused=[(MONO, SELL, 900 * EUR, 80 * KWH)])]) == []


def test_mitigated_asks_count_as_the_market_took_them():
    known = known_of(periods=1)
    detector = Withholding(known, ONE)
    # What the journal tells is what was sent; the market took it at 100.
    sent, taken = record_of(known, [ECONOMIC(known)]), record_of(known, [hour(known)])
    detector.note_mitigation(MONO, 100 * EUR, 0, end_of(known))
    assert handed(detector, {**taken, "commands": sent["commands"]}, [end_of(known)]) == [[]]


def test_too_few_periods_are_not_found():
    hours = [PHYSICAL(KNOWN)] * 3 + [hour(KNOWN)]
    assert found_in(hours, WithholdingTerms()) == []
    assert len(found_in(hours[:3] * 2, WithholdingTerms())[0].offences) == 6


def test_without_an_auction_nothing_is_found():
    assert found_in([PHYSICAL(KNOWN)], known=known_of(periods=1, auction=False)) == []


def test_scarcity_at_a_cap_that_has_moved_is_cleared_with_it():
    known = known_of(periods=1)
    told = PHYSICAL(known)
    told["orders"][0] = (TOWN, BUY, 4_500 * EUR, 100 * KWH)
    detector = Withholding(known, ONE)
    detector.note_collar(4_500 * EUR, 0)
    record = record_of(known, [told], caps=[(0, 4_500 * EUR)])
    ((finding,),) = handed(detector, record, [end_of(known)])
    assert value_of(finding, Item.PRICE_TICK) == 4_500 * EUR
    assert value_of(finding, Item.COUNTERFACTUAL_TICK) == 110 * EUR


RAISED = {
    "gap_ppm": 200_000, "weather_ppm": 10**6, "margin_tick": 5_000, "impact_tick": 10_000, "periods": 2
}  # fmt: skip


def keys_of(findings):
    return {(each.agent, offence.key) for part in findings for each in part for offence in each.offences}


@given(hours_of(KNOWN), st.sampled_from([*RAISED.items(), ("rsi_ppm", 500_000)]))
def test_a_stricter_threshold_never_adds_a_finding(hours, change):
    record, reviews = record_of(KNOWN, hours), moments(KNOWN)
    low = dataclasses.replace(ONE, rsi_ppm=1_100_000)
    high = dataclasses.replace(low, **dict([change]))
    wide, narrow = (keys_of(handed(Withholding(KNOWN, terms), record, reviews)) for terms in (low, high))
    assert narrow <= wide


@given(hours_of(KNOWN))
def test_thresholds_that_nobody_reaches_are_reached_by_nobody(hours):
    assert not keys_of(handed(Withholding(KNOWN, WithholdingTerms.never()), record_of(KNOWN, hours), moments(KNOWN)))


TIMES = st.lists(st.integers(-24, 9).map(lambda hours: KNOWN.start_of(0) + hours * 1_800_000), max_size=5)


@given(hours_of(KNOWN), TIMES, TIMES)
def test_reading_in_pieces_and_being_saved_between_them_changes_nothing(hours, cuts, saved):
    make = partial(Withholding, KNOWN, ONE)
    record, reviews = record_of(KNOWN, hours), moments(KNOWN)
    assert handed(make(), record, reviews, cuts, saved, make) == handed(make(), record, reviews)


@given(hours_of(KNOWN), st.permutations(range(TOWN + 1)))
def test_other_numbers_for_agents_give_the_same_findings_by_those_numbers(hours, new):
    record = record_of(KNOWN, hours)
    place, other = relabelled(KNOWN, record, new)
    plain = handed(Withholding(KNOWN, ONE), record, moments(KNOWN))
    found = handed(Withholding(place, ONE), other, moments(KNOWN))
    for before, after in zip(plain, found, strict=True):
        told = {each.agent: (each.offences, each.evidence, each.victims) for each in after}
        assert told == {
            new[each.agent]: (
                each.offences, each.evidence, tuple(sorted((new[who], paid) for who, paid in each.victims))
            )
            for each in before
        }  # fmt: skip


def test_the_plants_of_the_known_answer_are_those_of_the_record():
    assert {agent: energy for agent, (energy, _) in K1.items()} == {2: 80_000, 0: 30_000, 1: 20_000}
