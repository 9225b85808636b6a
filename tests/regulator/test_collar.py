"""The highest price moves by a step when enough days come near it, and only some time later."""

import dataclasses
from functools import partial

import numpy as np
from auction_records import EUR, HOUR_MS, end_of, handed, known_of
from hypothesis import given
from hypothesis import strategies as st

from wattbook.oversight import Item
from wattbook.regulator.collar import Collar, CollarTerms
from wattbook.regulator.findings import MARKET

DAY_MS = 24 * HOUR_MS
DAYS = 12
KNOWN = known_of(periods=DAYS)
SOON = CollarTerms(window_ms=5 * DAY_MS, delay_ms=2 * DAY_MS)


def place(periods=DAYS, **given):
    return known_of(periods=periods, period_ms=DAY_MS, **given)


def record_of(known, prices):
    """Write spot prices down, of one period after the other, each half a day before it."""
    periods = np.arange(len(prices))
    times = known.start_ms + periods * known.period_ms - 12 * HOUR_MS
    columns = {name: np.zeros(len(prices), np.int64) for name in ("command", "offered_wh", "wanted_wh", "sold_wh")}
    columns |= {"seq": periods, "period": periods, "price_tick": np.array(prices) * EUR, "time_ms": times}
    zeros = np.zeros(len(prices), np.int64)
    return {"spot": {**columns, "bought_wh": zeros, "imported_wh": zeros, "visible_ms": times}}


def steps(prices, terms=SOON, known=None, every=1):
    """Give when highest prices moved [days], and to what [EUR/MWh]."""
    known = known or place()
    reviews = [known.start_ms + day * DAY_MS for day in range(0, DAYS + 9, every)]
    found = handed(Collar(known, terms), record_of(known, prices), reviews)
    return [
        ((at - known.start_ms) // DAY_MS, each.price_tick // EUR)
        for at, part in zip(reviews, found, strict=True)
        for each in part
    ]


def test_two_days_above_the_share_raise_it_after_the_delay():
    # The second day's price came about half a day before it; two days later it is one day and a half into the run.
    assert steps([2_801, 2_801]) == [(3, 4_500)]


def test_exactly_at_the_share_is_not_above_it():
    assert steps([2_800, 2_801]) == []


def test_days_too_far_apart_do_not_count_together():
    assert steps([2_801, 0, 0, 0, 2_801]) == [(6, 4_500)]
    assert steps([2_801, 0, 0, 0, 0, 2_801]) == []


def test_the_next_count_starts_anew_and_against_the_new_price_at_once():
    assert steps([3_000] * 4) == [(3, 4_500)]
    assert steps([3_200] * 4) == [(3, 4_500), (5, 5_000)]


def test_several_periods_of_one_day_are_one_day():
    known = known_of(periods=48)
    hours = [3_000] * 24 + [0] * 24
    assert steps(hours, known=known) == []
    assert steps([*hours[:25], 3_000], known=known) == [(3, 4_500)]
    twice = dataclasses.replace(SOON, periods=2)
    assert steps([*hours[:25], 3_000], twice, known) == []
    assert steps([*hours[:25], 3_000, 3_000], twice, known) == [(3, 4_500)]


def test_it_never_rises_above_the_most():
    bound = dataclasses.replace(SOON, most_tick=4_200 * EUR)
    assert steps([4_000] * 8, bound) == [(3, 4_200)]


def test_a_finding_tells_since_when_and_by_which_prices():
    known = place()
    collar = Collar(known, SOON)
    ((finding,),) = handed(collar, record_of(known, [3_000, 0, 3_100]), [end_of(known)])
    told = [(line.item, line.value) for line in finding.evidence]
    assert (finding.agent, finding.price_tick, finding.offences[0].period) == (MARKET, 4_500 * EUR, 2)
    assert told == [
        (Item.CAP_TICK, 4_000 * EUR), (Item.SINCE_MS, known.start_ms + 2 * DAY_MS - 12 * HOUR_MS), (Item.COUNT, 2),
        (Item.PRICE_TICK, 3_100 * EUR), (Item.EVENT, 0), (Item.EVENT, 2),
    ]  # fmt: skip


def test_without_an_auction_no_price_counts():
    assert steps([4_000] * 4, known=place(auction=False)) == []


PRICES = st.lists(st.sampled_from([0, 2_000, 2_801, 3_000, 3_500, 4_000]), min_size=1, max_size=DAYS)
RAISED = {"share_ppm": 800_000, "periods": 2, "days": 3, "delay_ms": 4 * DAY_MS}


@given(PRICES, st.sampled_from([*RAISED.items()]))
def test_a_stricter_threshold_never_adds_a_step_nor_hastens_one(prices, change):
    low, high = (steps(prices, terms) for terms in (SOON, dataclasses.replace(SOON, **dict([change]))))
    assert len(high) <= len(low)
    assert all(late[0] >= soon[0] for late, soon in zip(high, low, strict=False))


@given(PRICES, st.integers(1, 4))
def test_how_often_it_looks_moves_no_price_but_later(prices, every):
    often, seldom = steps(prices), steps(prices, every=every)
    assert all(late[1] == soon[1] and 0 <= late[0] - soon[0] < every for late, soon in zip(seldom, often, strict=False))


@given(PRICES)
def test_thresholds_that_nobody_reaches_are_reached_by_nobody(prices):
    assert steps(prices, CollarTerms.never()) == []


TIMES = st.lists(st.integers(-1, 2 * DAYS).map(lambda half: KNOWN.start_ms + half * DAY_MS // 2), max_size=5)


@given(PRICES, TIMES, TIMES)
def test_reading_in_pieces_and_being_saved_between_them_changes_nothing(prices, cuts, saved):
    known = place()
    make = partial(Collar, known, SOON)
    reviews = [known.start_ms + 4 * DAY_MS, end_of(known)]
    record = record_of(known, prices)
    assert handed(make(), record, reviews, cuts, saved, make) == handed(make(), record, reviews)


def test_its_defaults_are_the_couplings():
    terms = CollarTerms()
    assert (terms.share_ppm, terms.days, terms.step_tick) == (700_000, 2, 500 * EUR)
    assert (terms.window_ms, terms.delay_ms) == (30 * DAY_MS, 28 * DAY_MS)
