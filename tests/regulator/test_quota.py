"""Quotas by hand: who covered too little of what it owes, and bought itself out."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retail_records import BLUE, COAL, DAY_MS, GREEN, HOME, START_MS, WIND, Rows, end_ms, place, renamed, told, watch

from wattbook.contracts.words import Event
from wattbook.oversight import Item, Rule
from wattbook.regulator.quota import Quota, QuotaTerms

MWH = 1_000_000
QUOTAS = {BLUE: 50_000, GREEN: 300_000}


def complied(rows, at_ms, covered, bought_out, command=7):
    """Let utilities comply: by agent energy covered and bought out at 60 EUR/MWh [Wh]."""
    for agent in covered:
        rows.signed(at_ms, Event.COMPLIED, command=command, buyer=agent, quantity_wh=covered[agent])
        if bought_out[agent]:
            rows.signed(
                at_ms, Event.BOUGHT_OUT, command=command, buyer=agent, price_tick=6_000,
                quantity_wh=bought_out[agent], amount=6_000 * bought_out[agent],
            )  # fmt: skip
    return rows


def found_in(rows, terms=QuotaTerms(), reviews_ms=None):  # noqa: B008 - it is frozen
    return watch(Quota(rows.known, terms), rows.record(), reviews_ms or [end_ms(rows.known)])


def test_a_breach_by_hand():
    """Blue owes 10 MWh and covers 4, green owes 20 and covers 10: half of it must be."""
    known = place(days=2, quota_ppm=QUOTAS)
    rows = complied(Rows(known), end_ms(known), {BLUE: 4 * MWH, GREEN: 10 * MWH}, {BLUE: 6 * MWH, GREEN: 10 * MWH})
    (finding,) = found_in(rows)
    assert (finding.rule, finding.agent) == (Rule.QUOTA_BREACH, BLUE)
    assert [offence[:5] for offence in finding.offences] == [(47, 47, 0, 0, 0)]
    lines = {line.item: line.value for line in finding.evidence}
    assert (lines[Item.DEMAND_WH], lines[Item.SUPPLY_WH], lines[Item.SHARE_PPM]) == (10 * MWH, 4 * MWH, 400_000)
    assert (lines[Item.BOUGHT_WH], lines[Item.MONEY], lines[Item.EVENT]) == (6 * MWH, 6 * MWH * 6_000, 1)


@pytest.mark.parametrize(("covered_ppm", "offends"), [(400_000, False), (400_001, True), (0, False), (10**6, True)])
def test_the_share_itself_is_enough(covered_ppm, offends):
    known = place(days=1, quota_ppm=QUOTAS)
    rows = complied(Rows(known), end_ms(known), {BLUE: 4 * MWH}, {BLUE: 6 * MWH})
    assert bool(found_in(rows, QuotaTerms(covered_ppm))) == offends


def test_who_owes_nothing_or_sold_nothing_breaks_nothing():
    known = place(days=1, quota_ppm={GREEN: 300_000})
    rows = complied(Rows(known), end_ms(known), {BLUE: 0, GREEN: 0}, {BLUE: MWH, GREEN: 0})
    assert found_in(rows) == []


def test_a_quota_that_guarantees_cover_by_less_than_a_whole_one_is_kept():
    known = place(days=1, quota_ppm=QUOTAS)
    rows = complied(Rows(known), end_ms(known), {BLUE: 4 * MWH}, {BLUE: 300_000})
    assert found_in(rows) == []


def test_each_date_is_judged_once_and_by_itself():
    known = place(days=3, quota_ppm=QUOTAS)
    rows = complied(Rows(known), START_MS + DAY_MS, {BLUE: 0}, {BLUE: MWH}, command=3)
    complied(rows, START_MS + 2 * DAY_MS, {BLUE: MWH}, {BLUE: 0}, command=4)
    complied(rows, START_MS + 3 * DAY_MS, {BLUE: 0}, {BLUE: MWH}, command=5)
    moments = [START_MS + day * DAY_MS for day in range(4)]
    keys = [[key for _, _, key in told([finding])] for finding in found_in(rows, reviews_ms=moments)]
    assert keys == [[23], [71]]


AMOUNTS = st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))


@given(st.lists(AMOUNTS, min_size=1, max_size=4), st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_lower_share_finds_no_more_and_names_and_pieces_decide_nothing(dates, one_ppm, other_ppm):
    known = place(days=4, quota_ppm=QUOTAS)
    rows = Rows(known)
    for number, (blue, bought, green, missing) in enumerate(dates):
        complied(
            rows, START_MS + (number + 1) * DAY_MS, {BLUE: blue, GREEN: green}, {BLUE: bought, GREEN: missing},
            command=number,
        )  # fmt: skip
    low, high = (told(found_in(rows, QuotaTerms(ppm))) for ppm in sorted((one_ppm, other_ppm)))
    assert low.keys() <= high.keys()
    terms, record = QuotaTerms(one_ppm), rows.record()
    moments = [START_MS + day * DAY_MS for day in range(5)]
    pieces = watch(Quota(known, terms), record, moments, resaved=lambda: Quota(known, terms))
    assert told(pieces) == told(found_in(rows, terms))
    swapped = [HOME, GREEN, BLUE, WIND, COAL]
    other = place(days=4, quota_ppm={swapped[agent]: quota for agent, quota in QUOTAS.items()})
    there = told(watch(Quota(other, terms), renamed(record, swapped), [end_ms(known)]))
    assert {(rule, swapped[agent], key) for rule, agent, key in there} == told(pieces).keys()


def test_rows_that_were_read_survive_being_saved():
    known = place(days=1, quota_ppm=QUOTAS)
    record = complied(Rows(known), end_ms(known), {BLUE: 0}, {BLUE: MWH}).record()
    one, other = Quota(known, QuotaTerms()), Quota(known, QuotaTerms())
    one.read("contracts", record["contracts"])
    other.restore(json.loads(json.dumps(one.export())))
    assert told(other.review(end_ms(known))) == told(one.review(end_ms(known))) != {}
