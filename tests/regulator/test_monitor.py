"""Measures on the record: known answers, references that look back a while, and nothing computed from the start."""

from collections import Counter
from functools import partial

import pytest
from auction_records import EUR, HOUR_MS, KWH, TOWN, end_of, handed, hour, hours_of, known_of, record_of
from auction_records import reviews_of as moments
from hypothesis import given
from hypothesis import strategies as st

from wattbook.errors import ConfigError
from wattbook.messages import SELL
from wattbook.regulator.gouging import Gouging, GougingTerms
from wattbook.regulator.metrics import concentration
from wattbook.regulator.monitor import Monitor
from wattbook.regulator.references import Levels, Method, References, Seen, accepted
from wattbook.units import half_even

KNOWN = known_of(periods=6)
MONO = 2


def report_of(hours, **given):
    known = known_of(periods=len(hours), **given)
    return handed(Monitor(known), record_of(known, hours), [end_of(known)])[0]


def test_the_known_answer_is_measured():
    (period,) = report_of([hour(KNOWN, a2=(300 * EUR, 80 * KWH))]).periods
    assert (period.price_tick, period.supply_wh, period.demand_wh) == (300 * EUR, 130 * KWH, 100 * KWH)
    assert (period.hhi_capacity, period.hhi_sales) == (4_556, concentration([50, 30, 20]))
    by_agent = {each.agent: each for each in period.producers}
    assert [by_agent[agent].rsi_ppm for agent in (2, 0, 1)] == [500_000, 1_000_000, 1_100_000]
    assert [by_agent[agent].pivotal for agent in (2, 0, 1)] == [True, False, False]
    assert all(each.jointly_pivotal and each.three_pivotal_ppm == 0 for each in period.producers)
    mono = by_agent[MONO]
    assert (mono.lerner_ppm, mono.mark_up_ppm) == (666_667, 2_000_000)
    assert (mono.economic_wh, mono.sold_wh, mono.output_gap_ppm) == (80 * KWH, 50 * KWH, 375_000)
    assert mono.reference_tick == (100 * EUR,) * 3


def test_what_was_sold_ahead_makes_nobody_pivotal():
    told = hour(KNOWN, 30 * KWH, a2=(100 * EUR, 10 * KWH), contracted={MONO: -70 * KWH, TOWN: 70 * KWH})
    (period,) = report_of([told]).periods
    mono = {each.agent: each for each in period.producers}[MONO]
    assert (mono.rsi_ppm, mono.pivotal, mono.economic_wh) == (1_200_000, False, 10 * KWH)


def test_a_review_sums_its_periods_and_no_others():
    known = known_of(periods=2)
    record = record_of(known, [hour(known), hour(known, 50 * KWH)])
    one, other = handed(Monitor(known), record, [known.start_of(1), end_of(known)])
    assert (one.sold_wh[MONO], other.sold_wh[MONO]) == (80 * KWH, 50 * KWH)
    assert (one.hhi_sales, other.hhi_sales, one.hhi_capacity) == (6_800, 10_000, 4_556)
    assert one.jointly_pivotal_ppm == 1_000_000


def test_without_an_auction_there_is_nothing_to_measure():
    assert report_of([hour(KNOWN)], auction=False).periods == ()


TIMES = st.lists(st.integers(-24, 13).map(lambda half: KNOWN.start_of(0) + half * HOUR_MS // 2), max_size=5)


@given(hours_of(KNOWN), TIMES, TIMES)
def test_reading_in_pieces_and_being_saved_between_them_changes_nothing(hours, cuts, saved):
    make = partial(Monitor, KNOWN, 3 * HOUR_MS, 2)
    record, reviews = record_of(KNOWN, hours), moments(KNOWN)
    assert handed(make(), record, reviews, cuts, saved, make) == handed(make(), record, reviews)


@given(hours_of(KNOWN))
def test_what_is_kept_up_is_what_a_fresh_look_at_all_of_it_gives(hours):
    """The measures of each review, and the levels at its end, by plain sums over the whole record."""
    monitor, record = Monitor(KNOWN, 3 * HOUR_MS, 2), record_of(KNOWN, hours)
    reviews = moments(KNOWN, 1)
    reports = handed(monitor, record, reviews)
    (fresh,) = handed(Monitor(KNOWN), record, [end_of(KNOWN)])
    kept = [period for report in reports for period in report.periods]
    assert [without_references(each) for each in kept] == [without_references(each) for each in fresh.periods]
    for report, at_ms in zip(reports, reviews, strict=True):
        for period in report.periods:
            for each in period.producers:
                assert each.reference_tick == plain_levels(hours, fresh, each.agent, period.period, at_ms)


def without_references(period):
    return period._replace(producers=tuple(each._replace(reference_tick=()) for each in period.producers))


def plain_levels(hours, fresh, agent, period, now_ms):
    """Give a producer's references by all periods that were settled before, within three hours."""
    cost = int(KNOWN.reference_tick[KNOWN.producers.tolist().index(agent), period])
    offers, prices = [], []
    for before in fresh.periods[:period]:
        own = next(each for each in before.producers if each.agent == agent)
        if KNOWN.start_of(before.period) <= now_ms - 3 * HOUR_MS or not own.sold_wh:
            continue
        prices.append((before.period, before.price_tick))
        if own.rsi_ppm >= 1_100_000:
            asks = sorted(row[2:] for row in hours[before.period]["orders"] if row[:2] == (agent, SELL))
            left = own.sold_wh
            for price, energy in asks:
                offers += [(before.period, price)] * (min(left, energy) // KWH)
                left -= min(left, energy)
    return cost, median(offers, cost), low_mean(prices, cost)


def median(seen, cost):
    if len({period for period, _ in seen}) < 2:
        return cost
    ticks = sorted(tick for _, tick in seen)
    return ticks[(len(ticks) - 1) // 2]


def low_mean(seen, cost):
    if len(seen) < 2:
        return cost
    lowest = sorted(tick for _, tick in seen)[: max(1, len(seen) // 4)]
    return half_even(sum(lowest), len(lowest))


# --- levels

SEEN = st.lists(st.tuples(st.integers(0, 3), st.integers(-9, 9), st.integers(1, 5)), max_size=30)


@given(SEEN, st.integers(0, 40))
def test_levels_that_forget_are_those_of_what_is_left(rows, until):
    levels, kept, at = Levels(), [], 0
    for step, price, weight in rows:
        at += step
        levels.add(Seen(at, price, weight))
        kept.append(Seen(at, price, weight))
    levels.forget(until)
    kept = [each for each in kept if each.start_ms > until]
    each_price = sorted(each.price_tick for each in kept for _ in range(each.weight))
    assert levels.total == len(each_price)
    assert levels.periods == len({each.start_ms for each in kept})
    assert levels.prices == sorted(Counter(each_price))
    if each_price:
        assert levels.median_tick() == each_price[(len(each_price) - 1) // 2]
        lowest = each_price[: max(1, len(each_price) // 4)]
        assert levels.low_mean_tick() == half_even(sum(lowest), len(lowest))


def test_offers_are_taken_from_the_cheapest_and_the_oldest_on():
    from wattbook.regulator.reclearing import Order

    orders = [Order(2, SELL, 5, 10), Order(1, SELL, 1, 99), Order(2, SELL, 3, 10), Order(2, SELL, 5, 10)]
    assert accepted(orders, 2, 15) == [(3, 10), (5, 5)]
    assert accepted(orders, 2, 0) == []


# --- references that gouging chooses

ISLAND = known_of({2: (80 * KWH, 100 * EUR), 0: (130 * KWH, 150 * EUR), 1: (20 * KWH, 160 * EUR)}, periods=40)
DEAR = {"a2": (140 * EUR, 80 * KWH)}


def gouged(reference, hours):
    known = ISLAND
    hours = [*hours, *[hour(known, 0 * KWH + 1, **DEAR)] * (known.periods - len(hours))]
    reviews = [known.start_of(30), known.start_of(31)]
    found = handed(Gouging(known, GougingTerms(reference=reference)), record_of(known, hours), reviews)
    return [each.evidence for each in found[1]]


def test_a_level_by_accepted_offers_takes_the_place_of_cost_once_enough_is_known():
    """A rival's breakdown makes M pivotal: 300 is far above what M costs, and above what it used to ask."""
    from wattbook.oversight import Item

    calm = [hour(ISLAND, 60 * KWH, **DEAR)] * 30
    broken = hour(ISLAND, 90 * KWH, a0=(0, 0), a2=(300 * EUR, 80 * KWH), available={0: 0})
    references = {}
    for method in Method:
        (lines,) = gouged(int(method), [*calm, broken])
        references[method] = next(line.value for line in lines if line.item == Item.REFERENCE_TICK)
    assert references == {Method.COST: 100 * EUR, Method.ACCEPTED_OFFERS: 140 * EUR, Method.PRICES: 140 * EUR}


def test_with_too_little_known_a_level_falls_back_to_cost():
    references = References(ISLAND, least_periods=3)
    for period in range(3):
        assert references.tick(Method.PRICES, MONO, 5) == 100 * EUR
        references.levels[Method.PRICES][2].add(Seen(ISLAND.start_of(period), 70 * EUR, 1))
        references.forget(0)
    assert references.tick(Method.PRICES, MONO, 5) == 70 * EUR
    references.forget(end_of(ISLAND) + references.window_ms)
    assert references.tick(Method.PRICES, MONO, 5) == 100 * EUR


@given(hours_of(KNOWN), TIMES, TIMES, st.sampled_from([*Method]))
def test_gouging_by_any_reference_can_be_saved_anywhere(hours, cuts, saved, method):
    make = partial(Gouging, KNOWN, GougingTerms(reference=int(method)))
    record, reviews = record_of(KNOWN, hours), moments(KNOWN)
    assert handed(make(), record, reviews, cuts, saved, make) == handed(make(), record, reviews)


def test_a_method_that_is_none_is_refused():
    with pytest.raises(ConfigError, match="reference=3 is no method"):
        GougingTerms(reference=3)


def test_what_is_kept_of_the_past_does_not_grow_beyond_its_window():
    known = known_of(periods=40)
    monitor = Monitor(known, 5 * HOUR_MS)
    handed(monitor, record_of(known, [hour(known)] * 40), moments(known, 1))
    assert all(len(levels.seen) <= 6 for rows in monitor.references.levels.values() for levels in rows)
    assert not monitor.ahead.spot
    assert not monitor.ahead.available_wh
    assert not len(monitor.ahead.orders["seq"])
