"""Members who take another utility, by hand: who may, from when on, what it costs, and who is billed by whom."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattbook.assets.plants import Plants
from wattbook.market.replaying import replay
from wattbook.market.setup import RetailRules, WholesaleRules
from wattbook.messages import FOREVER, Action, Cause, Command, Refusal

START_MS = 1_465_164_000_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
NAMES = ("A", "B", "U", "V", "W")
A, B, U, V, W = range(5)
"""A and B are homes of U; A draws 2,000 Wh an hour, B feeds in 500 Wh."""
PERIODS = 96
RETAIL = {U: 16_000, V: 15_000, W: 17_000}
FEED_IN = {U: 8_000, V: 9_000, W: 7_000}
EXIT_FEE = (300_000_000, 0, 70)
AT_MS = START_MS + 14 * HOUR_MS
OPENS = np.repeat(START_MS + np.array([0, 15, 39, 63]) * HOUR_MS, 24)


def street_of(make_street, *, members=True, local=True, exit_fee=EXIT_FEE, term_ms=(0, 0, 0), **given):
    nobody = np.zeros((0, PERIODS), np.int64)
    loyalty = np.zeros(len(NAMES), np.int64) if members else None
    wholesale = WholesaleRules(
        producers=np.zeros(0, np.int64),
        plants=Plants.of([]),
        upgrades=(),
        available_ppm=nobody,
        expected_ppm=nobody,
        reaches=(),
        standing=np.array([U, V, W]),
        customers=np.zeros(3, np.int64),
        million_wh=np.full((3, PERIODS), 500_000_000, np.int64),
        sessions=((START_MS, 0, PERIODS),),
        auction=False,
        floor_tick=-50_000,
        cap_tick=400_000,
        link_wh=1 << 40,
        link_tick=0,
        imbalance_ppm=-1,
        expected_tick=np.full(PERIODS, 9_000, np.int64),
        retail=RetailRules(
            times=tuple((AT_MS + day * DAY_MS, 24 * (day + 1), 24) for day in range(3)), reprices=True,
            considering_ppm=0, loyalty_tick=4_000, green_tick=0, green_ppm=(0, 0, 0), exit_fee=exit_fee,
            term_ms=term_ms, member_loyalty_tick=loyalty,
        ),
    )  # fmt: skip
    laid = make_street(
        NAMES,
        feeder=[0, 0, -1, -1, -1],
        utility=[U, U, -1, -1, -1],
        periods=PERIODS,
        period_ms=HOUR_MS,
        load=[2_000, 0, 0, 0, 0],
        generation=[0, 500, 0, 0, 0],
        retail=RETAIL,
        feed_in=FEED_IN,
        opens_ms=OPENS,
        wholesale=wholesale,
        **given,
    )
    return laid if local else dataclasses.replace(laid, market=None)


@pytest.fixture
def make_market(make_street, open_market):
    return lambda **given: open_market(street_of(make_street, **given))


def switch(agent, utility, first=24, now_ms=AT_MS):
    return Command(now_ms, agent, Action.SWITCH, period=first, order=utility)


def settle(market, first, end):
    for period in range(first, end):
        for action in (Action.CLOSE, Action.DELIVER, Action.SETTLE):
            assert market.apply(Command(START_MS + (period + 1) * HOUR_MS, -1, action, period=period)) == 0
        market.check()


def posted(market, cause, account):
    rows = market.journal.read("postings")
    mine = (rows["cause"] == cause) & (rows["account"] == account)
    return dict(zip(rows["period"][mine].tolist(), rows["amount"][mine].tolist(), strict=True))


def refused(market, command):
    """Apply a command that must be refused, and look whether anything has changed."""
    before = {name: column.copy() for name, column in market.wholesale.retail.export().items()}
    balance, moves = market.ledger.balance.copy(), market.journal.rows["moves"]
    assert market.apply(command) == Refusal.NO_SWITCH
    for name, column in market.wholesale.retail.export().items():
        np.testing.assert_array_equal(column, before[name], name)
    np.testing.assert_array_equal(market.ledger.balance, balance)
    assert market.journal.rows["moves"] == moves


def test_one_move_to_the_last_quantum(make_market):
    market = make_market()
    settle(market, 0, 14)
    assert market.apply(switch(A, V)) == 0
    settle(market, 14, 26)
    rows = market.journal.read("moves")
    names = ("time_ms", "agent", "old", "new", "period", "fee")
    assert [rows[name].tolist() for name in names] == [[AT_MS], [A], [U], [V], [24], [300_000_000]]
    # 2,000 Wh at 160 EUR/MWh until the day is over, at 150 from its end on.
    old, new = 32_000_000, 30_000_000
    assert posted(market, Cause.RETAIL, A) == {p: -(old if p < 24 else new) for p in range(26)}
    assert posted(market, Cause.RETAIL, U) == dict.fromkeys(range(24), old)
    assert posted(market, Cause.RETAIL, V) == {24: new, 25: new}
    # Network 14,000,000, levy 4,100,000 and 19 % VAT on all of it; the exit fee bears none.
    assert posted(market, Cause.VAT, A) == {p: -(9_519_000 if p < 24 else 9_139_000) for p in range(26)}
    assert posted(market, Cause.EXIT_FEE, A) == {13: -300_000_000}
    assert posted(market, Cause.EXIT_FEE, U) == {13: 300_000_000}
    assert int(market.ledger.balance[A]) == -(24 * 59_619_000 + 2 * 57_239_000 + 300_000_000)
    assert int(market.ledger.balance.sum()) == 0
    groups = market.journal.read("groups")
    metered = dict(zip(zip(groups["utility"].tolist(), groups["period"].tolist(), strict=True),
                       groups["metered_wh"].tolist(), strict=True))  # fmt: skip
    assert {metered[U, p] for p in range(24)} == {1_500}
    assert [metered[U, 24], metered[V, 23], metered[V, 24], metered[W, 24]] == [-500, 0, 2_000, 0]


def test_who_feeds_in_is_paid_by_the_utility_that_it_has_in_the_period(make_market):
    market = make_market()
    assert market.apply(switch(B, W, 48, AT_MS + DAY_MS)) == 0
    settle(market, 0, 49)
    assert posted(market, Cause.FEED_IN, B) == {p: 500 * (8_000 if p < 48 else 7_000) for p in range(49)}
    assert posted(market, Cause.FEED_IN, W) == {48: -3_500_000}


def test_a_quota_is_owed_by_who_sells_in_the_period(make_market):
    market = make_market()
    assert market.apply(switch(A, V)) == 0
    settle(market, 0, 30)
    sold = market.wholesale.sold_wh
    # Of U's members one draws 2,000 Wh and one feeds in 500 Wh; what is fed in beyond is no sale.
    assert [int(sold[market.wholesale.place[each]]) for each in (U, V, W)] == [24 * 1_500, 6 * 2_000, 0]


@pytest.mark.parametrize(
    "command",
    [
        switch(A, U), switch(A, A), switch(A, 77), switch(A, -1), switch(U, V), switch(A, V, first=-1),
        switch(A, V, first=PERIODS), switch(A, V, first=0), switch(A, V, now_ms=AT_MS + HOUR_MS),
        switch(A, 1 << 60),
    ],
)  # fmt: skip
def test_what_is_no_move_is_refused_and_changes_nothing(make_market, command):
    refused(make_market(), command)


def test_the_last_moment_is_before_the_day_can_be_traded(make_market):
    assert make_market().apply(switch(A, V, now_ms=AT_MS + HOUR_MS - 1)) == 0
    # Without a local market it is before the day begins.
    assert make_market(local=False).apply(switch(A, V, now_ms=START_MS + DAY_MS - 1)) == 0
    refused(make_market(local=False), switch(A, V, now_ms=START_MS + DAY_MS))


def test_nobody_moves_twice_for_one_day(make_market):
    market = make_market()
    assert market.apply(switch(A, V)) == 0
    refused(market, switch(A, W))
    refused(market, switch(A, U))
    assert market.apply(switch(B, W)) == 0
    assert market.apply(switch(A, W, 48, AT_MS + DAY_MS)) == 0


def test_a_later_day_is_not_decided_before_an_earlier_one_has_begun(make_market):
    market = make_market(local=False)
    assert market.apply(switch(A, V)) == 0
    refused(market, switch(B, V, first=48))
    refused(market, switch(B, V, first=48, now_ms=START_MS + DAY_MS - 1))
    assert market.apply(switch(B, V, first=48, now_ms=START_MS + DAY_MS)) == 0
    refused(market, switch(A, W, first=30, now_ms=START_MS + DAY_MS))


@pytest.mark.parametrize(("term_ms", "may"), [(DAY_MS, True), (DAY_MS + 1, False), (2 * DAY_MS, False)])
def test_a_term_runs_from_the_first_period_and_ends_as_the_next_contract_begins(make_market, term_ms, may):
    market = make_market(term_ms=(0, term_ms, 0))
    assert market.wholesale.retail.moves.may_leave(24)[[A, B, U]].tolist() == [True, True, False]
    assert market.apply(switch(A, V)) == 0
    command = switch(A, W, 48, AT_MS + DAY_MS)
    assert market.wholesale.retail.moves.may_leave(48)[A] == may
    if may:
        assert market.apply(command) == 0
    else:
        refused(market, command)
        assert market.apply(switch(A, W, 72, AT_MS + 2 * DAY_MS)) == 0


def test_who_is_out_stays_where_it_is(make_market):
    market = make_market()
    assert market.apply(Command(AT_MS, -1, Action.QUARANTINE, order=A)) == 0
    assert market.apply(switch(A, V)) == Refusal.QUARANTINED
    assert market.journal.rows["moves"] == 0


def test_where_members_do_not_choose_nobody_moves_and_there_is_no_stream_of_moves(make_market):
    market = make_market(members=False)
    assert market.apply(switch(A, V)) == Refusal.NO_SWITCH
    assert "moves" not in market.journal.rows
    assert "members" not in market.journal.header["wholesale"]["retail"]
    assert not [name for name in market.export() if "moves" in name]


def test_without_a_wholesale_market_the_word_is_unknown(make_street, open_market):
    market = open_market(dataclasses.replace(street_of(make_street), wholesale=None))
    assert market.apply(switch(A, V)) == Refusal.UNKNOWN_ACTION


def test_nobody_moves_whom_nobody_knows(make_market):
    assert make_market().apply(switch(99, V)) == Refusal.UNKNOWN_AGENT


def test_a_utility_knows_its_members_of_today_and_of_the_day_before(make_market):
    market = make_market()
    retail = market.wholesale.retail

    def shop(agent):
        told = retail.shop(agent, 24, 24, np.full(24, 9_000))
        return told["customers"], told["customers_before"]

    def choose(day):
        at_ms = AT_MS + day * DAY_MS
        assert market.apply(Command(at_ms, -1, Action.CHOOSE, period=24 * (day + 1), quantity_wh=24)) == 0

    assert [shop(each) for each in (U, V, W)] == [(2, 2), (0, 0), (0, 0)]
    choose(0)
    assert market.apply(switch(A, V)) == 0
    assert [shop(each) for each in (U, V, W)] == [(1, 2), (1, 0), (0, 0)]
    choose(1)
    assert market.apply(switch(B, V, 48, AT_MS + DAY_MS)) == 0
    assert [shop(each) for each in (U, V, W)] == [(0, 1), (2, 1), (0, 0)]


moves = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 5), st.integers(-1, 6), st.sampled_from([0, 24, 30, 48, 72, 96])),
    max_size=14,
)


some_moves = given(
    moves,
    st.tuples(*[st.sampled_from([0, 1, 300_000_000])] * 3),
    st.tuples(*[st.sampled_from([0, 1, DAY_MS, DAY_MS + 1, 3 * DAY_MS])] * 3),
)


@some_moves
@settings(max_examples=30)
def test_in_every_period_each_member_has_one_utility_and_its_group_meters_it(make_street, open_market, said, fee, term):
    check_moves(make_street, open_market, said, fee, term)


@pytest.mark.slow
@pytest.mark.long
@some_moves
@settings(max_examples=300)
def test_in_many_draws_each_member_has_one_utility(make_street, open_market, said, fee, term):
    check_moves(make_street, open_market, said, fee, term)


def check_moves(make_street, open_market, said, fee, term):
    """A record of who has whom is kept here, by what was admitted; journals, groups and bills must say the same."""
    laid = street_of(make_street, exit_fee=fee, term_ms=term)
    market = open_market(laid)
    has = np.full((2, PERIODS), U)
    paid = np.zeros(len(NAMES), np.int64)
    done = 0
    for day, agent, utility, first in sorted(said, key=lambda each: each[0]):
        now_ms = AT_MS + day * DAY_MS
        settle(market, done, 24 * day + 14)
        done = 24 * day + 14
        if market.apply(switch(agent, utility, first, now_ms)) == 0:
            old = int(has[agent, first])
            has[agent, first:] = utility
            paid[agent] -= fee[old - U]
            paid[old] += fee[old - U]
    settle(market, done, PERIODS)
    groups, rows = market.journal.read("groups"), market.journal.read("postings")
    metered = np.zeros((len(NAMES), PERIODS), np.int64)
    metered[groups["utility"], groups["period"]] = groups["metered_wh"]
    for utility in (U, V, W):
        np.testing.assert_array_equal(metered[utility], 2_000 * (has[A] == utility) - 500 * (has[B] == utility))
        got = posted(market, Cause.RETAIL, utility)
        assert got == {p: 2_000 * RETAIL[utility] for p in range(PERIODS) if has[A, p] == utility}
        got = posted(market, Cause.FEED_IN, utility)
        assert got == {p: -500 * FEED_IN[utility] for p in range(PERIODS) if has[B, p] == utility}
    fees = np.zeros(len(NAMES), np.int64)
    mine = rows["cause"] == Cause.EXIT_FEE
    np.add.at(fees, rows["account"][mine], rows["amount"][mine])
    np.testing.assert_array_equal(fees, paid)
    assert int(market.ledger.balance.sum()) == 0
    again = replay(laid, market.journal.header, market.journal.read("commands"))
    assert again.fingerprint() == market.journal.fingerprint()


def test_a_saved_state_goes_on_alike(make_market):
    one, other = make_market(term_ms=(0, DAY_MS, 0)), make_market(term_ms=(0, DAY_MS, 0))
    settle(one, 0, 14)
    assert one.apply(switch(A, V)) == 0
    other.restore(one.export())
    for market in (one, other):
        settle(market, 14, 38)
        refused(market, switch(A, W, 47, AT_MS + DAY_MS - 1))
        assert market.apply(switch(A, W, 48, AT_MS + DAY_MS)) == 0
        settle(market, 38, 60)
    assert one.suppliers.since[0] == other.suppliers.since[0] == 48
    for name, column in one.export().items():
        np.testing.assert_array_equal(column, other.export()[name], name)


def test_until_somebody_moves_one_column_holds_for_all_periods(make_market):
    market = make_market()
    assert market.suppliers.since[0] == FOREVER
    assert market.suppliers.of(0) is market.suppliers.of(PERIODS - 1) is market.suppliers.now
    assert market.apply(switch(A, V)) == 0
    assert market.suppliers.of(23)[A] == U
    assert market.suppliers.of(24)[A] == V
