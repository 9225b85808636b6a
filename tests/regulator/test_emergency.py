"""Emergencies by hand: when there is one, what was asked before it, what costs explain, and who asks more."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from retail_records import (
    BLUE,
    COAL,
    DAY_MS,
    GREEN,
    HOME,
    HOUR_MS,
    START_MS,
    WIND,
    Rows,
    end_ms,
    place,
    renamed,
    steady,
    told,
    watch,
)

from wattbook.oversight import Item, Rule
from wattbook.regulator.emergency import Emergency, EmergencyTerms

RULE = int(Rule.EMERGENCY)
DECLARED = EmergencyTerms(begins_ms=2 * DAY_MS, ends_ms=4 * DAY_MS, trigger_periods=0, least_tick=0)
"""Days 2 and 3 of a run."""
RAISED_MS = START_MS + 2 * DAY_MS + HOUR_MS


def found_in(rows, terms=DECLARED, reviews_ms=None):
    return watch(Emergency(rows.known, terms), rows.record(), reviews_ms or [end_ms(rows.known)])


def keys(findings):
    return {key for _, _, key in told(findings)}


# --- tariffs


def test_a_raised_tariff_by_hand():
    """Both asked 160; from the third day's noon on blue asks 180, green 176, which is a tenth more."""
    rows = steady(place(days=5), 5)
    rows.tariff(RAISED_MS, BLUE, range(60, 120), 18_000)
    rows.tariff(RAISED_MS, GREEN, range(60, 120), 17_600)
    (finding,) = found_in(rows)
    assert (finding.rule, finding.agent, finding.price_tick) == (Rule.EMERGENCY, BLUE, 17_600)
    # The emergency is over with the fourth day.
    assert [offence.key for offence in finding.offences] == list(range(60, 96))
    assert {offence[2:5] for offence in finding.offences} == {(400 * 1_000, 400 * 1_000, 400 * 1_000)}
    lines = {line.item: line for line in finding.evidence}
    assert [lines[item].value for item in (Item.RETAIL_TICK, Item.REFERENCE_TICK, Item.MOVE_TICK)] == [
        18_000,
        16_000,
        0,
    ]
    assert (lines[Item.ALLOWED_TICK].value, lines[Item.COUNT].value) == (17_600, 36)
    assert lines[Item.SINCE_MS].value == START_MS + 2 * DAY_MS


def test_a_tariff_that_was_set_before_the_emergency_is_no_offence():
    rows = steady(place(days=5), 5)
    rows.tariff(START_MS + 2 * DAY_MS, BLUE, range(60, 120), 18_000)
    assert found_in(rows) == []


def test_what_is_raised_after_the_emergency_is_no_offence():
    rows = steady(place(days=5), 5)
    rows.tariff(START_MS + 4 * DAY_MS, BLUE, range(100, 120), 18_000)
    rows.tariff(RAISED_MS, GREEN, range(96, 120), 18_000)
    assert found_in(rows) == []


@pytest.mark.parametrize(("spot_tick", "offends"), [(5_400, False), (5_399, True), (5_000, True), (9_000, False)])
def test_costs_that_rose_are_a_defence(spot_tick, offends):
    """The tariff goes from 160 to 180: by 20, of which a tenth of 160 is allowed and 4 must be costs."""
    known = place(days=5)
    rows = Rows(known)
    for period in range(120):
        rows.sells(period, BLUE, 1_000, spot_tick=5_000 if period < 48 else spot_tick)
    rows.tariff(RAISED_MS, BLUE, range(72, 96), 18_000)
    assert bool(found_in(rows, dataclasses.replace(DECLARED, cost_ms=DAY_MS))) == offends


def test_a_tariff_by_the_clock_is_held_against_the_same_hour():
    """Days cost 200, nights 100; in the emergency the nights cost 150, which no day of before explains."""
    known = place(days=5)
    rows = steady(known, 5, agents=(BLUE,))
    for day in range(5):
        rows.tariff(START_MS - 1, BLUE, range(24 * day, 24 * day + 12), 10_000)
        rows.tariff(START_MS - 1, BLUE, range(24 * day + 12, 24 * day + 24), 20_000)
    rows.tariff(RAISED_MS, BLUE, range(72, 84), 15_000)
    rows.tariff(RAISED_MS, BLUE, range(84, 96), 20_000)
    assert keys(found_in(rows)) == set(range(72, 84))


def test_the_same_hour_is_the_local_clocks_where_summer_ends():
    """30 October 2016 in Berlin has 25 hours: by UTC all would be an hour off."""
    start_ms = 1_477_605_600_000  # 2016-10-27T22:00Z
    known = place(days=5, start_ms=start_ms)
    rows = Rows(known)
    for period in range(120):
        hour = (period + 24 - (period >= 51)) % 24
        rows.sells(period, BLUE, 1_000)
        rows.tariff(start_ms + (60 * HOUR_MS if period > 72 else -1), BLUE, [period], 20_000 if hour >= 12 else 10_000)
    terms = dataclasses.replace(DECLARED, begins_ms=58 * HOUR_MS, ends_ms=5 * DAY_MS)
    assert found_in(rows, terms) == []
    shifted = place(days=5, start_ms=start_ms, timezone="UTC")
    rows.known = shifted
    assert found_in(rows, terms) != []


def test_without_a_price_before_nobody_is_judged():
    rows = steady(place(days=5), 5)
    rows.tariff(START_MS + HOUR_MS, BLUE, range(24, 48), 18_000)
    assert found_in(rows, dataclasses.replace(DECLARED, begins_ms=0)) == []


# --- asks


def asked(known, dear=None, wh=1_000, tick=4_000, spot_tick=6_000, at_hour=12):
    """Coal asks alike for every hour of every day, the day before; `dear` prices of days; it sells all, at spot."""
    rows = Rows(known)
    for day in range(known.periods // 24):
        at_ms = START_MS + (day * 24 - 24 + at_hour) * HOUR_MS
        for hour in range(24 * day, 24 * day + 24):
            rows.ask(at_ms, COAL, hour, (dear or {}).get(day, tick), wh)
            rows.group(hour, COAL, -wh, spot_tick=spot_tick)
        rows.clear(at_ms, dict.fromkeys(range(24 * day, 24 * day + 24), spot_tick))
    return rows


def test_raised_asks_by_hand():
    """Coal asked 40; for the fourth day, sold in the third, it asks 50: 44 would have been a tenth more."""
    (finding,) = found_in(asked(place(days=5), {3: 5_000}))
    assert (finding.agent, finding.price_tick) == (COAL, 4_400)
    assert [offence.key for offence in finding.offences] == list(range(72, 96))
    # The price was 60, of which it asked 50 itself.
    assert {offence.gain for offence in finding.offences} == {600 * 1_000}
    lines = {line.item: line.value for line in finding.evidence}
    assert (lines[Item.OFFER_TICK], lines[Item.REFERENCE_TICK], lines[Item.ALLOWED_TICK]) == (5_000, 4_000, 4_400)


def test_an_ask_that_nobody_took_is_an_offence_without_gain():
    rows = asked(place(days=5), {3: 9_000})
    for row in rows.rows["positions"]:
        row["spot_wh"] = 0
    assert set(told(found_in(rows)).values()) == {0}


def test_a_price_below_what_was_asked_bounds_the_gain():
    assert set(told(found_in(asked(place(days=5), {3: 9_000}, spot_tick=4_500))).values()) == {100 * 1_000}


def test_asks_of_before_and_for_after_are_no_offence():
    # What was asked in the second day, for the third, was asked before.
    assert found_in(asked(place(days=6), {2: 9_000, 4: 9_000})) == []


@pytest.mark.parametrize(("rise_tick", "offends"), [(600, False), (599, True)])
def test_a_reference_that_rose_is_a_defence(rise_tick, offends):
    reference = np.repeat(np.array([[4_000], [0]]), 120, axis=1)
    reference[0, 72:] += rise_tick
    assert bool(found_in(asked(place(days=5, reference_tick=reference), {3: 5_000}))) == offends


def test_refused_asks_count_nowhere():
    rows = asked(place(days=5))
    for hour in range(72, 96):
        rows.ask(START_MS + 60 * HOUR_MS, COAL, hour, 300_000, 10_000, refused=True)
    for hour in range(24):
        rows.ask(START_MS - 12 * HOUR_MS, COAL, hour, 300_000, 10_000, refused=True)
    assert found_in(rows) == []
    rows = asked(place(days=5), {3: 5_000})
    for hour in range(24):
        rows.ask(START_MS - 12 * HOUR_MS, COAL, hour, 300_000, 10_000, refused=True)
    assert len(told(found_in(rows))) == 24


def test_several_asks_count_by_their_mean():
    """900 Wh at 40 and 100 at 70 are 43 on average; 100 at 90 would be 45."""
    for tick, offends in ((7_000, False), (9_000, True)):
        rows = asked(place(days=5), wh=900)
        for hour in range(72, 96):
            rows.ask(START_MS + 60 * HOUR_MS, COAL, hour, tick, 100)
        assert bool(found_in(rows)) == offends


def test_a_little_may_be_asked_in_any_case():
    rows = asked(place(days=5), {3: 500}, tick=0)
    assert len(told(found_in(rows))) == 24
    assert found_in(rows, dataclasses.replace(DECLARED, least_tick=500)) == []


def test_without_an_auction_asks_move_no_price():
    assert found_in(asked(place(days=5, auction=False), {3: 9_000})) == []


# --- when there is one


def spiked(hours, known=None):
    """Prices above 500 EUR/MWh in some hours; coal asks 90 from the fourth day on, in the place of 40."""
    rows = asked(known or place(days=6), dict.fromkeys(range(3, 6), 9_000))
    for row in rows.rows["spot"]:
        row["price_tick"] = 60_000 if row["period"] in hours else 6_000
    return rows


def test_prices_above_the_trigger_begin_an_emergency():
    terms = dataclasses.replace(DECLARED, begins_ms=0, ends_ms=0, trigger_periods=3, trigger_tick=50_000)
    # The third day's prices come out on the second; what is asked after that counts.
    assert keys(found_in(spiked({50, 51, 52}), terms)) == set(range(72, 144))
    assert found_in(spiked({50, 51}), terms) == []
    # Three in 24 hours, and three in 25.
    assert found_in(spiked({40, 50, 63}), terms) != []
    assert found_in(spiked({40, 50, 64}), terms) == []
    assert found_in(spiked({50, 51, 52}), dataclasses.replace(terms, trigger_tick=60_000)) == []


def test_an_emergency_that_began_by_itself_ends():
    terms = dataclasses.replace(
        DECLARED, begins_ms=0, ends_ms=0, trigger_periods=3, trigger_tick=50_000, lasts_ms=60 * HOUR_MS
    )  # fmt: skip
    # It began on the second day's noon, and is over at the end of the fourth.
    assert keys(found_in(spiked({50, 51, 52}), terms)) == set(range(72, 96))
    # Another such day makes it last longer.
    assert keys(found_in(spiked({50, 51, 52, 74, 75, 76}), terms)) == set(range(72, 120))


def test_an_observer_finds_nothing():
    rows = asked(place(days=5), {3: 9_000})
    assert found_in(rows, EmergencyTerms.never()) == []
    never = dataclasses.replace(EmergencyTerms.never(), begins_ms=2 * DAY_MS, ends_ms=4 * DAY_MS)
    assert found_in(rows, never) == []


# --- laws

PRICES = st.lists(
    st.tuples(st.integers(0, 3), st.integers(2_000, 9_000), st.integers(3_000, 70_000), st.integers(14_000, 20_000)),
    min_size=4, max_size=6,
)  # fmt: skip


def drawn(days):
    """Days of a share of high prices, an ask, a spot price and a tariff."""
    known = place(days=6)
    rows = Rows(known)
    for day, (high, ask_tick, spot_tick, retail_tick) in enumerate(days):
        at_ms = START_MS + (24 * day - 12) * HOUR_MS
        hours = range(24 * day, 24 * day + 24)
        for hour in hours:
            rows.ask(at_ms, COAL, hour, ask_tick, 1_000)
            rows.ask(at_ms, WIND, hour, ask_tick // 3, 500, refused=hour % 3 == 0)
            rows.sells(hour, BLUE, 900, spot_tick=spot_tick)
            rows.sells(hour, GREEN, 700, deviation_wh=100, spot_tick=spot_tick, imbalance_tick=spot_tick + 500)
            for agent in (COAL, WIND):
                rows.group(hour, agent, -500, spot_tick=spot_tick)
        rows.clear(at_ms, {hour: spot_tick + 60_000 * (hour % 8 < high) for hour in hours})
        rows.tariff(at_ms + HOUR_MS, BLUE, hours, retail_tick)
        rows.tariff(at_ms + HOUR_MS, GREEN, hours, 34_000 - retail_tick)
    return rows


TERMS = EmergencyTerms(trigger_tick=60_000, trigger_periods=4, lasts_ms=2 * DAY_MS, before_ms=2 * DAY_MS)


@given(PRICES, st.lists(st.integers(-20, 144), max_size=6), st.booleans())
def test_pieces_saved_states_and_other_names_change_nothing(days, hours, declared):
    terms = dataclasses.replace(TERMS, begins_ms=2 * DAY_MS, ends_ms=3 * DAY_MS) if declared else TERMS
    rows = drawn(days)
    known, record = rows.known, rows.record()
    at_once = told(found_in(rows, terms))
    moments = [*(START_MS + hour * HOUR_MS for hour in sorted(hours)), end_ms(known)]
    pieces = watch(Emergency(known, terms), record, moments, resaved=lambda: Emergency(known, terms))
    assert told(pieces) == at_once
    swapped = [HOME, GREEN, BLUE, WIND, COAL]
    other = place(days=6, reference_tick=known.reference_tick[::-1])
    there = told(watch(Emergency(other, terms), renamed(record, swapped), [end_ms(known)]))
    assert there == {(rule, swapped[agent], key): gain for (rule, agent, key), gain in at_once.items()}


@given(PRICES, st.sampled_from(["extra_ppm", "least_tick"]), st.integers(1, 10**5))
def test_a_higher_threshold_finds_no_more(days, name, more):
    terms = dataclasses.replace(TERMS, begins_ms=2 * DAY_MS, ends_ms=5 * DAY_MS)
    rows = drawn(days)
    low = told(found_in(rows, terms))
    high = told(found_in(rows, dataclasses.replace(terms, **{name: getattr(terms, name) + more})))
    assert high.keys() <= low.keys()
    assert all(high[key] <= low[key] for key in high)
