"""Caps on tariffs by hand: what falls, what is refused, until when; with a retail market and without."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattbook.assets.plants import Plants
from wattbook.journal import Journal
from wattbook.market import Market
from wattbook.market.setup import OversightRules, RetailRules, WholesaleRules
from wattbook.messages import TARIFFS, Action, Cause, Command, Refusal, streams_of

START_MS = 1_465_164_000_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
A, U, V = range(3)
"""A is a home of U; both utilities stand for customers."""
PERIODS = 96
NOON_MS = START_MS + 12 * HOUR_MS
OPENS = np.repeat(START_MS + np.array([0, 15, 39, 63]) * HOUR_MS, 24)
"""At 15:00 on the day before; the first day as the run begins."""
FOREVER_MS = START_MS + 1_000 * DAY_MS


def rules_of(retail):
    nobody = np.zeros((0, PERIODS), np.int64)
    return WholesaleRules(
        producers=np.zeros(0, np.int64), plants=Plants.of([]), upgrades=(), available_ppm=nobody,
        expected_ppm=nobody, reaches=(), standing=np.array([U, V]), customers=np.array([100, 100]),
        million_wh=np.full((2, PERIODS), 10**9), sessions=((START_MS, 0, PERIODS),), auction=False,
        floor_tick=-50_000, cap_tick=400_000, link_wh=1 << 40, link_tick=0, imbalance_ppm=-1,
        expected_tick=np.full(PERIODS, 9_000), retail=retail,
    )  # fmt: skip


CHOICE = RetailRules(
    times=((NOON_MS, 24, 24),), reprices=True, considering_ppm=0, loyalty_tick=4_000, green_tick=0, green_ppm=(0, 0),
    exit_fee=(0, 0), term_ms=(0, 0),
)  # fmt: skip


@pytest.fixture
def make_market(make_street):
    """Give a function that opens a watched market: with a retail market, a wholesale market alone, or neither."""

    def make(kind="retail", local=True):
        laid = make_street(
            ("A", "U", "V"), feeder=[0, -1, -1], utility=[U, -1, -1], periods=PERIODS, period_ms=HOUR_MS,
            load=[2_000, 0, 0], retail={U: 16_000, V: 20_000}, feed_in={U: 8_000, V: 9_000}, opens_ms=OPENS,
            oversight=OversightRules(10**11),
            wholesale=None if kind == "none" else rules_of(CHOICE if kind == "retail" else None),
        )  # fmt: skip
        laid = laid if local else dataclasses.replace(laid, market=None)
        header = laid.header()
        streams = tuple(dict.fromkeys((*streams_of(header), TARIFFS)))
        return laid, Market(laid, Journal(streams, header))

    return make


def tariff(agent, shift_tick, first=24, count=24, now_ms=NOON_MS):
    return Command(now_ms, agent, Action.TARIFF, period=first, price_tick=shift_tick, quantity_wh=count)


def written(market):
    rows = market.journal.read("tariffs")
    return list(zip(*(rows[name].tolist() for name in ("command", "agent", "period", "retail_tick")), strict=True))


@pytest.mark.parametrize("kind", ["retail", "wholesale", "none"])
def test_a_cap_lowers_what_cannot_be_traded_yet_until_its_end(make_market, kind):
    laid, market = make_market(kind)
    # At noon of the first day the second day is not open yet; the cap ends at 06:00 of the third.
    assert market.tariff_caps.cap(7, U, 15_000, START_MS + 54 * HOUR_MS, NOON_MS) == 30
    expected = np.full(PERIODS, 16_000)
    expected[24:54] = 15_000
    np.testing.assert_array_equal(market.street.retail_tick[U], expected)
    assert set(market.street.retail_tick[V].tolist()) == {20_000}
    assert written(market) == [(7, U, period, 15_000) for period in range(24, 54)]
    assert set(market.journal.read("tariffs")["feed_in_tick"].tolist()) == {8_000}
    assert set(laid.retail_tick[U].tolist()) == {16_000}, "the street that was given stays as it was"
    market.check()


def test_without_a_local_market_a_tariff_stands_when_its_period_begins(make_market):
    _, market = make_market("none", local=False)
    assert market.tariff_caps.cap(0, U, 15_000, FOREVER_MS, NOON_MS) == PERIODS - 13
    assert market.street.retail_tick[U, 11:14].tolist() == [16_000, 16_000, 15_000]


def test_an_open_day_keeps_its_tariff(make_market):
    _, market = make_market()
    assert market.tariff_caps.cap(0, U, 15_000, FOREVER_MS, START_MS + 15 * HOUR_MS - 1) == 72
    _, market = make_market()
    assert market.tariff_caps.cap(0, U, 15_000, FOREVER_MS, START_MS + 15 * HOUR_MS) == 48


def test_a_cap_above_the_tariff_or_below_feed_in(make_market):
    _, market = make_market()
    assert market.tariff_caps.cap(0, U, 16_000, FOREVER_MS, NOON_MS) == 0
    assert written(market) == []
    market.tariff_caps.cap(0, V, 100, FOREVER_MS, NOON_MS)
    assert set(market.street.retail_tick[V, 24:].tolist()) == {9_000}
    market.check()


@pytest.mark.parametrize(
    ("shift", "first", "code"),
    [
        (-1_000, 24, 0), (-999, 24, Refusal.PRICE_CAPPED), (0, 24, Refusal.PRICE_CAPPED),
        (-8_001, 24, Refusal.NO_TARIFF),
        # From the third day on there is no cap; one period in it is enough to be refused.
        (4_000, 48, 0), (4_000, 47, Refusal.PRICE_CAPPED),
    ],
)  # fmt: skip
def test_a_tariff_above_the_cap_is_refused_whole(make_market, shift, first, code):
    _, market = make_market()
    market.tariff_caps.cap(0, U, 15_000, START_MS + 2 * DAY_MS, NOON_MS)
    before, rows = market.street.retail_tick.copy(), len(written(market))
    assert market.apply(tariff(U, shift, first=first)) == code
    if code:
        np.testing.assert_array_equal(market.street.retail_tick, before)
        assert len(written(market)) == rows
    else:
        assert set(market.street.retail_tick[U, first : first + 24].tolist()) == {16_000 + shift}
    market.check()


def test_other_utilities_are_not_capped(make_market):
    _, market = make_market()
    market.tariff_caps.cap(0, U, 15_000, FOREVER_MS, NOON_MS)
    assert market.apply(tariff(V, 500)) == 0


def test_of_two_caps_the_lower_counts_while_both_hold(make_market):
    _, market = make_market()
    market.tariff_caps.cap(0, U, 14_000, START_MS + 2 * DAY_MS, NOON_MS)
    market.tariff_caps.cap(1, U, 15_000, START_MS + 3 * DAY_MS, NOON_MS)
    assert market.street.retail_tick[U, 23:73:24].tolist() == [16_000, 14_000, 15_000]
    assert market.street.retail_tick[U, 72] == 16_000
    assert market.apply(tariff(U, -1_500)) == Refusal.PRICE_CAPPED
    assert market.apply(tariff(U, -1_500, first=48)) == 0
    market.check()


def test_a_cap_that_is_over_is_forgotten(make_market):
    _, market = make_market()
    market.tariff_caps.cap(0, U, 14_000, START_MS + 2 * DAY_MS, NOON_MS)
    market.tariff_caps.cap(0, V, 14_000, FOREVER_MS, START_MS + 2 * DAY_MS)
    assert [cap.agent for cap in market.tariff_caps.caps] == [V]


def test_a_utility_may_ask_the_cap_where_that_is_below_half_its_price(make_market):
    _, market = make_market()
    market.tariff_caps.cap(0, V, 9_500, FOREVER_MS, NOON_MS)
    assert market.apply(tariff(V, -10_500)) == 0
    assert set(market.street.retail_tick[V, 24:48].tolist()) == {9_500}


def test_a_utility_sees_the_cap_among_its_bounds(make_market):
    _, market = make_market()
    shop = market.wholesale.retail.shop(U, 24, 24, np.full(24, 5_000))
    assert (shop["low_tick"], shop["high_tick"]) == (-8_000, 16_000)
    market.tariff_caps.cap(0, U, 15_000, FOREVER_MS, NOON_MS)
    shop = market.wholesale.retail.shop(U, 24, 24, np.full(24, 5_000))
    assert (shop["low_tick"], shop["high_tick"]) == (-8_000, -1_000)
    assert market.apply(tariff(U, shop["high_tick"])) == 0


def test_the_capped_price_is_what_is_paid(make_market):
    _, market = make_market("none")
    market.tariff_caps.cap(0, U, 15_000, FOREVER_MS, NOON_MS - DAY_MS)
    for action in (Action.CLOSE, Action.DELIVER, Action.SETTLE):
        assert market.apply(Command(START_MS + 25 * HOUR_MS, -1, action, period=24)) == 0
    rows = market.journal.read("postings")
    paid = rows["amount"][(rows["cause"] == Cause.RETAIL) & (rows["account"] == A)]
    assert paid.tolist() == [-2_000 * 15_000]
    market.check()


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["cap", "tariff"]), st.sampled_from([U, V]), st.integers(7_000, 22_000), st.integers(0, 90),
        st.integers(0, 20 * HOUR_MS), st.integers(1, 5 * DAY_MS),
    ),
    max_size=10,
)  # fmt: skip


@given(STEPS)
def test_no_tariff_is_above_a_cap_that_it_could_follow_and_saved_states_go_on_alike(make_street, steps):
    laid = make_street(
        ("A", "U", "V"), feeder=[0, -1, -1], utility=[U, -1, -1], periods=PERIODS, period_ms=HOUR_MS,
        retail={U: 16_000, V: 20_000}, feed_in={U: 8_000, V: 9_000}, opens_ms=OPENS, wholesale=rules_of(CHOICE),
        oversight=OversightRules(10**11),
    )  # fmt: skip
    header = laid.header()
    streams = tuple(dict.fromkeys((*streams_of(header), TARIFFS)))
    market, now_ms = Market(laid, Journal(streams, header)), START_MS
    for word, agent, price_tick, first, later_ms, lasts_ms in steps:
        now_ms += later_ms
        if word == "cap":
            market.tariff_caps.cap(0, agent, price_tick, now_ms + lasts_ms, now_ms)
        else:
            market.apply(tariff(agent, price_tick - 16_000, first=first, count=6, now_ms=now_ms))
        market.check()
        other = Market(laid, Journal(streams, header))
        other.restore(market.export())
        np.testing.assert_array_equal(other.street.retail_tick, market.street.retail_tick)
        assert other.tariff_caps.caps == market.tariff_caps.caps
        market = other
