"""Concentration: found once when it comes, again only after it had gone, and nobody is sanctioned for it."""

import dataclasses
from functools import partial

from auction_records import EUR, KWH, TOWN, end_of, handed, hour, hours_of, known_of, record_of, relabelled
from auction_records import reviews_of as moments
from hypothesis import given
from hypothesis import strategies as st

from wattbook.oversight import Item, Rule
from wattbook.regulator import LADDER
from wattbook.regulator.concentration import Concentration, ConcentrationTerms
from wattbook.regulator.findings import MARKET

KNOWN = known_of()
EQUAL = dict.fromkeys((*range(3), *range(4, 13)), (15 * KWH, 100 * EUR))


def value_of(finding, item):
    return next(line.value for line in finding.evidence if line.item == item)


def count(findings):
    return sum(len(each.offences) for part in findings for each in part)


def test_a_monopolist_and_its_fringe_are_told_with_their_figures():
    known = known_of(periods=1)
    ((finding,),) = handed(Concentration(known, ConcentrationTerms()), record_of(known, [hour(known)]), [end_of(known)])
    assert (finding.rule, finding.agent, LADDER[finding.rule]) == (Rule.CONCENTRATION, MARKET, ((),))
    # Sold: 80 and 20 of 100 kWh; could be given: 80, 30 and 20 of 130.
    assert (value_of(finding, Item.HHI), value_of(finding, Item.HHI_CAPACITY)) == (6_800, 4_556)
    assert (value_of(finding, Item.PARTNER), value_of(finding, Item.SHARE_PPM)) == (2, 800_000)
    assert value_of(finding, Item.JOINTLY_PIVOTAL_PPM) == 1_000_000
    assert len(finding.offences) == 2


def test_twelve_equal_sellers_are_not_found():
    known = known_of(EQUAL)
    assert not count(handed(Concentration(known, ConcentrationTerms()), record_of(known, [hour(known)] * 4),
                            moments(known)))  # fmt: skip


def test_an_index_exactly_at_its_threshold_is_not_found():
    known = known_of(periods=1)
    record = record_of(known, [hour(known)])
    for limit, found in ((4_556, 0), (4_555, 1)):
        terms = ConcentrationTerms(sales_hhi=10_000, capacity_hhi=limit)
        assert count(handed(Concentration(known, terms), record, [end_of(known)])) == found


def test_it_is_found_once_while_it_stays_and_again_when_it_comes_back():
    known = known_of(periods=8)
    high, low = hour(known), hour(known, 60 * KWH, a2=(100 * EUR, 20 * KWH), a0=(110 * EUR, 20 * KWH))
    middle = hour(known, 60 * KWH, a2=(100 * EUR, 30 * KWH), a0=(110 * EUR, 20 * KWH))
    terms = ConcentrationTerms(sales_hhi=5_000, capacity_hhi=10_000, release_hhi=3_500)
    # Sold in turn: 6,800; 3,889, which does not release it; 3,333, which does.
    record = record_of(known, [high, high, middle, high, low, high, low, low])
    found = handed(Concentration(known, terms), record, [known.start_of(p) for p in range(1, 9)])
    assert [len(part) for part in found] == [1, 0, 0, 0, 0, 1, 0, 0]
    keys = [offence.key for part in found for each in part for offence in each.offences]
    assert len(set(keys)) == 2


def test_a_market_without_an_auction_or_without_periods_has_no_measure():
    known = known_of(auction=False)
    assert not count(handed(Concentration(known, ConcentrationTerms()), record_of(known, [hour(known)] * 4),
                            moments(known)))  # fmt: skip
    assert Concentration(KNOWN, ConcentrationTerms()).review(0) == []


@given(hours_of(KNOWN), st.integers(0, 10_000), st.integers(0, 10_000), st.sampled_from(["sales_hhi", "capacity_hhi"]))
def test_a_higher_threshold_never_adds_a_finding(hours, one, other, name):
    record, reviews = record_of(KNOWN, hours), moments(KNOWN, 1)
    low, high = (
        count(handed(Concentration(KNOWN, dataclasses.replace(ConcentrationTerms(), **{name: limit})), record, reviews))
        for limit in sorted((one, other))
    )
    assert high <= low


TIMES = st.lists(st.integers(-24, 9).map(lambda hours: KNOWN.start_of(0) + hours * 1_800_000), max_size=5)


@given(hours_of(KNOWN), TIMES, TIMES)
def test_reading_in_pieces_and_being_saved_between_them_changes_nothing(hours, cuts, saved):
    make = partial(Concentration, KNOWN, ConcentrationTerms())
    record, reviews = record_of(KNOWN, hours), moments(KNOWN)
    assert handed(make(), record, reviews, cuts, saved, make) == handed(make(), record, reviews)


@given(hours_of(KNOWN), st.permutations(range(TOWN + 1)))
def test_other_numbers_for_agents_change_no_index(hours, new):
    record = record_of(KNOWN, hours)
    place, other = relabelled(KNOWN, record, new)
    plain, found = (
        [
            (each.offences, [line for line in each.evidence if line.item != Item.PARTNER])
            for part in handed(Concentration(known, ConcentrationTerms()), rows, moments(KNOWN))
            for each in part
        ]
        for known, rows in ((KNOWN, record), (place, other))
    )
    assert found == plain


@given(hours_of(KNOWN))
def test_thresholds_that_nobody_reaches_are_reached_by_nobody(hours):
    assert not count(
        handed(Concentration(KNOWN, ConcentrationTerms.never()), record_of(KNOWN, hours), moments(KNOWN, 1))
    )
