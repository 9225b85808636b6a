"""Retail mark-ups: what energy costs a utility, worked out by hand, and who asks too much for it."""

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

from wattbook.contracts.words import Event
from wattbook.oversight import Item, Rule
from wattbook.regulator.retail_books import RetailBooks
from wattbook.regulator.retail_mark_up import RetailMarkUp, RetailMarkUpTerms

RULE = int(Rule.RETAIL_MARK_UP)
TERMS = RetailMarkUpTerms(share_ppm=500_000, least_tick=2_000, most_tick=6_000)


def found_in(rows, terms=TERMS, reviews_ms=None):
    known = rows.known
    return watch(RetailMarkUp(known, terms), rows.record(), reviews_ms or [end_ms(known)])


def sold_in(rows):
    books = RetailBooks(rows.known)
    record = rows.record()
    for stream in books.streams:
        books.read(stream, record[stream])
    return books.settled()


# --- what energy costs


def test_energy_costs_spot_and_imbalance():
    rows = Rows(place(days=1))
    # Of 1,000 Wh 900 were bought at 50 EUR/MWh, 100 are missing, at 60.
    rows.sells(0, BLUE, 1_000, deviation_wh=100, spot_tick=5_000, imbalance_tick=6_000)
    (sold,) = sold_in(rows)
    assert (sold.energy_wh, sold.tick, sold.cost) == (1_000, 16_000, 900 * 5_000 + 100 * 6_000)


def test_what_is_left_over_brings_the_imbalance_price():
    rows = Rows(place(days=1))
    rows.sells(0, BLUE, 1_000, deviation_wh=-100, spot_tick=5_000, imbalance_tick=4_000)
    assert sold_in(rows)[0].cost == 1_100 * 5_000 - 100 * 4_000


def test_a_forward_costs_its_price_and_a_difference_and_a_penalty_come_off():
    rows = Rows(place(days=1))
    rows.sells(0, BLUE, 1_000, spot_tick=5_000)
    at_ms = rows.ends_ms(0)
    # 300 Wh delivered and 100 Wh replaced at 70 EUR/MWh, with a penalty; a CfD pays 2,000 on top.
    rows.signed(at_ms, Event.DELIVERED, buyer=BLUE, seller=COAL, contract=1, price_tick=7_000, quantity_wh=300)
    rows.signed(at_ms, Event.REPLACED, buyer=BLUE, seller=COAL, contract=1, price_tick=7_000, quantity_wh=100)
    rows.signed(at_ms, Event.PENALTY, buyer=BLUE, seller=COAL, contract=1, quantity_wh=100, amount=900)
    rows.signed(at_ms, Event.DIFFERENCE, buyer=BLUE, seller=COAL, contract=2, quantity_wh=500, amount=2_000)
    assert sold_in(rows)[0].cost == 600 * 5_000 + 400 * 7_000 - 900 - 2_000


def test_a_future_costs_what_it_was_signed_at_and_not_its_mark():
    rows = Rows(place(days=1))
    for period in (0, 1):
        rows.sells(period, BLUE, 1_000, spot_tick=5_000)
        rows.signed(
            rows.ends_ms(period), Event.SETTLED, buyer=BLUE, spec=3, price_tick=5_000, quantity_wh=400, amount=77
        )  # fmt: skip
    # 400 Wh at 60 and 400 at 80, in two periods of 400: 70 EUR/MWh each.
    for tick in (6_000, 8_000):
        rows.signed(START_MS - HOUR_MS, Event.NOVATED, buyer=BLUE, spec=3, price_tick=tick, quantity_wh=400)
    rows.signed(START_MS - 1, Event.VARIATION, buyer=BLUE, spec=3, price_tick=9_999, quantity_wh=800, amount=5)
    assert [sold.cost for sold in sold_in(rows)] == [600 * 5_000 + 400 * 7_000] * 2


def test_a_long_future_becomes_its_parts_at_what_it_was_signed_at():
    rows = Rows(place(days=1))
    rows.sells(0, BLUE, 1_000, spot_tick=5_000)
    rows.signed(START_MS - 3, Event.NOVATED, buyer=BLUE, spec=9, price_tick=7_000, quantity_wh=1_000)
    rows.signed(START_MS - 2, Event.CASCADED, buyer=BLUE, spec=9, price_tick=5_500, quantity_wh=1_000)
    for spec, wh in ((1, 400), (2, 600)):
        rows.signed(START_MS - 2, Event.CASCADED_INTO, buyer=BLUE, spec=spec, price_tick=5_500, quantity_wh=wh)
    rows.signed(rows.ends_ms(0), Event.SETTLED, buyer=BLUE, spec=1, price_tick=5_000, quantity_wh=400)
    assert sold_in(rows)[0].cost == 600 * 5_000 + 400 * 7_000


def test_what_is_sold_again_leaves_the_rest_at_its_mean_price():
    rows = Rows(place(days=1))
    rows.sells(0, BLUE, 1_000, spot_tick=5_000)
    rows.signed(START_MS - 3, Event.NOVATED, buyer=BLUE, spec=1, price_tick=7_000, quantity_wh=1_000)
    rows.signed(START_MS - 2, Event.NOVATED, seller=BLUE, spec=1, price_tick=9_000, quantity_wh=600)
    rows.signed(rows.ends_ms(0), Event.SETTLED, buyer=BLUE, spec=1, price_tick=5_000, quantity_wh=400)
    assert sold_in(rows)[0].cost == 600 * 5_000 + 400 * 7_000


def test_what_was_bought_in_a_gateways_book_costs_its_price():
    rows = Rows(place(days=1))
    rows.sells(0, BLUE, 1_000, spot_tick=5_000)
    rows.add("trades", START_MS - 1, period=0, buyer=BLUE, seller=COAL, price_tick=9_000, quantity_wh=100)
    rows.add("trades", START_MS - 1, period=0, buyer=HOME, seller=BLUE, price_tick=12_000, quantity_wh=40)
    rows.add("trades", START_MS - 1, period=0, buyer=HOME, seller=HOME, price_tick=12_000, quantity_wh=40)
    assert sold_in(rows)[0].cost == 1_000 * 5_000 + 100 * (9_000 - 5_000) - 40 * (12_000 - 5_000)


def test_members_who_feed_in_are_paid_for_it():
    rows = Rows(place(days=1))
    # Customers draw 1,000 Wh, members feed in 200: 800 are metered.
    rows.add("served", rows.ends_ms(0), 0, period=0, agent=BLUE, energy_wh=1_000)
    rows.group(0, BLUE, 800, spot_tick=5_000)
    (sold,) = sold_in(rows)
    assert (sold.energy_wh, sold.cost) == (1_000, 800 * 5_000 + 200 * 8_000)


def test_the_tariff_that_was_set_last_holds():
    rows = Rows(place(days=1))
    for period in (0, 1):
        rows.sells(period, BLUE, 1_000)
    rows.tariff(START_MS - 3, BLUE, [0], 17_000)
    rows.tariff(START_MS - 2, BLUE, [0], 18_000)
    assert [sold.tick for sold in sold_in(rows)] == [18_000, 16_000]


# --- who asks too much


def test_a_mark_up_by_hand():
    """A MWh costs 50, half of it more may be asked, 75; blue asks 80, green 75."""
    rows = steady(place(days=2), 2, retail={BLUE: 8_000, GREEN: 7_500})
    (finding,) = found_in(rows)
    assert (finding.rule, finding.agent, finding.price_tick) == (Rule.RETAIL_MARK_UP, BLUE, 7_500)
    # Nobody is judged before there is a day of data: hour 23 ends it.
    assert [offence.key for offence in finding.offences] == list(range(23, 48))
    for offence in finding.offences:
        assert offence[1:] == (offence.key, 500 * 1_000, 500 * 1_000, 500 * 1_000, 0)
    lines = {line.item: line for line in finding.evidence}
    assert lines[Item.RETAIL_TICK][1:] == (8_000, 23)
    assert lines[Item.COST_TICK][1:] == (5_000, 23)
    assert lines[Item.ALLOWED_TICK][1:] == (7_500, 23)
    assert lines[Item.COUNT].value == 25
    assert lines[Item.MONEY].value == 25 * 500 * 1_000
    assert lines[Item.EVENT].value == 2 * 23


@pytest.mark.parametrize(
    ("spot_tick", "tick", "offends"),
    [
        # Half of 20 is less than the least 20: 40; half of 200 more than the most 60: 260; below zero, by its size.
        (2_000, 4_000, False), (2_000, 4_001, True), (20_000, 26_000, False), (20_000, 26_001, True),
        (-8_000, -4_000, False), (-8_000, -3_999, True),
    ],
)  # fmt: skip
def test_a_mark_up_is_a_share_but_no_less_and_no_more_than_two_sums(spot_tick, tick, offends):
    rows = steady(place(days=1), 1, retail={BLUE: tick}, spot_tick=spot_tick, agents=(BLUE,))
    assert bool(found_in(rows)) == offends


def test_a_quota_may_be_passed_on():
    rows = steady(place(days=1, quota_ppm={GREEN: 300_000}), 1, retail={BLUE: 9_300, GREEN: 9_300})
    # 75 EUR/MWh and, for green, 30 % of 60.
    assert {finding.agent for finding in found_in(rows)} == {BLUE}


def test_a_dear_day_and_a_cheap_night_are_set_off_against_each_other():
    known = place(days=3)
    rows = steady(known, 3)
    for day in range(3):
        for agent, dear in ((BLUE, 8_500), (GREEN, 9_000)):
            rows.tariff(START_MS - 1, agent, range(24 * day, 24 * day + 12), 6_500)
            rows.tariff(START_MS - 1, agent, range(24 * day + 12, 24 * day + 24), dear)
    # Blue asks 75 on average, green 77.50: what it asks above 75 counts, of its mean.
    (finding,) = found_in(rows)
    assert finding.agent == GREEN
    assert {offence.gain for offence in finding.offences} == {250 * 1_000}
    assert {offence.key % 24 // 12 for offence in finding.offences} == {1}


def test_who_lowers_its_price_is_let_alone():
    known = place(days=4)
    rows = steady(known, 4, retail={BLUE: 8_000}, agents=(BLUE,))
    rows.tariff(START_MS, BLUE, range(48, 96), 7_500)
    keys = {key for _, _, key in told(found_in(rows))}
    assert keys == set(range(23, 48))


def test_costs_that_rise_make_room():
    known = place(days=4)
    rows = Rows(known)
    for period in range(96):
        rows.sells(period, BLUE, 1_000, spot_tick=5_000 if period < 48 else 7_000)
    rows.tariff(START_MS - 1, BLUE, range(48), 7_500)
    rows.tariff(START_MS - 1, BLUE, range(48, 96), 9_000)
    # By hour 71 the day's mean price is 90, the mean cost (48 x 50 + 24 x 70) / 72 = 56.67, so that 85 may be asked; by
    # hour 95 it is 60, so that 90 may be.
    keys = {key for _, _, key in told(found_in(rows))}
    assert 71 in keys
    assert min(keys) >= 48
    assert 95 not in keys
    assert told(found_in(rows, dataclasses.replace(TERMS, window_ms=DAY_MS))) == {}


def test_hours_in_which_nothing_is_sold_are_no_offence():
    rows = steady(place(days=2), 2, retail={BLUE: 9_000}, energy_wh=0, agents=(BLUE,))
    assert found_in(rows) == []


# --- laws

DRAWS = st.lists(
    st.tuples(st.integers(0, 2_000), st.integers(-300, 300), st.integers(1_000, 12_000), st.integers(0, 30_000)),
    min_size=30, max_size=60,
)  # fmt: skip


def drawn(draws, known=None):
    known = known or place(days=3)
    rows = Rows(known)
    for period, (energy_wh, deviation_wh, spot_tick, tick) in enumerate(draws):
        for agent in (BLUE, GREEN):
            rows.sells(
                period, agent, energy_wh + 7 * agent, deviation_wh=deviation_wh, spot_tick=spot_tick,
                imbalance_tick=spot_tick + 100,
            )  # fmt: skip
            rows.tariff(known.start_of(period) - DAY_MS, agent, [period], tick + 50 * agent)
            rows.signed(
                rows.ends_ms(period), Event.DELIVERED, buyer=agent, seller=COAL, contract=1, price_tick=tick // 2,
                quantity_wh=energy_wh // 3,
            )  # fmt: skip
    return rows


@given(DRAWS, st.lists(st.integers(0, 72), max_size=6), st.booleans())
def test_reviewing_in_pieces_and_from_saved_states_is_reviewing_at_once(draws, hours, resaved):
    rows = drawn(draws)
    known, record = rows.known, rows.record()
    at_once = told(watch(RetailMarkUp(known, TERMS), record, [end_ms(known)]))
    moments = [*(START_MS + hour * HOUR_MS for hour in sorted(hours)), end_ms(known)]
    again = (lambda: RetailMarkUp(known, TERMS)) if resaved else None
    assert told(watch(RetailMarkUp(known, TERMS), record, moments, resaved=again)) == at_once


@given(DRAWS, st.sampled_from(["share_ppm", "least_tick", "most_tick", "guarantee_tick"]), st.integers(1, 10**6))
def test_a_higher_threshold_finds_no_more(draws, name, more):
    rows = drawn(draws, place(days=3, quota_ppm={GREEN: 100_000}))
    low = told(found_in(rows))
    high = told(found_in(rows, dataclasses.replace(TERMS, **{name: getattr(TERMS, name) + more})))
    assert high.keys() <= low.keys()
    assert all(high[key] <= low[key] for key in high)


@given(DRAWS)
def test_names_decide_nothing(draws):
    rows = drawn(draws)
    known, record = rows.known, rows.record()
    swapped = [HOME, GREEN, BLUE, WIND, COAL]
    there = watch(RetailMarkUp(known, TERMS), renamed(record, swapped), [end_ms(known)])
    here = told(found_in(rows))
    assert {(rule, swapped[agent], key): gain for (rule, agent, key), gain in here.items()} == told(there)


def test_the_state_is_bounded_by_the_window():
    known = place(days=40)
    sizes = []
    record = steady(known, 40).record()
    for day in (10, 20, 40):
        one = RetailMarkUp(known, TERMS)
        watch(one, record, [START_MS + each * DAY_MS for each in range(1, day + 1)])
        sizes.append(len(str(one.export())))
    assert max(sizes) <= 1.1 * min(sizes)


# --- power, and honest utilities


def test_a_mark_up_of_a_tenth_more_than_is_allowed_is_found_and_one_of_a_tenth_less_is_not():
    """100 draws each of hourly loads, prices and errors; costs are random, the tariff is a share of their mean."""
    found = {90: 0, 110: 0}
    for seed in range(100):
        draw = np.random.default_rng(seed)
        spot = draw.normal(6_000, 1_500, 96).round().astype(int).tolist()
        load = draw.integers(500, 1_500, 96).tolist()
        error = draw.normal(0, 30, 96).round().astype(int).tolist()
        cost = sum(s * w for s, w in zip(spot, load, strict=True)) // sum(load)
        for percent, counts in found.items():
            known = place(days=4)
            rows = Rows(known)
            # Allowed: half of the cost more.
            rows.tariff(START_MS - 1, BLUE, range(96), cost + cost * percent // 200)
            for period in range(96):
                rows.sells(
                    period, BLUE, load[period], deviation_wh=error[period], spot_tick=spot[period],
                    imbalance_tick=spot[period],
                )  # fmt: skip
            found[percent] = counts + bool(told(found_in(rows, dataclasses.replace(TERMS, data_ms=3 * DAY_MS))))
    assert found[110] >= 95
    assert found[90] <= 5
