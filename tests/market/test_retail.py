"""The retail market by hand: who may set which tariff, who pays it, and how many customers leave for whom."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattbook.assets.plants import Plants
from wattbook.journal import Journal
from wattbook.market import Market
from wattbook.market.replaying import replay
from wattbook.market.setup import RetailRules, WholesaleRules
from wattbook.messages import Action, Cause, Command, House, Refusal, streams_of
from wattbook.units import PPM

START_MS = 1_465_164_000_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
NAMES = ("A", "U", "V", "W", "X")
A, U, V, W, X = range(5)
"""A is a home of U; U, V and W stand for customers, X for nobody."""
PERIODS = 72
RETAIL = {U: 16_000, V: 16_000, W: 20_000, X: 16_000}
AT_MS = START_MS + 14 * HOUR_MS
OPENS = np.repeat(START_MS + np.array([0, 15, 39]) * HOUR_MS, 24)
"""At 15:00 on the day before; the first day as the run begins."""
EUR = 10**8


def retail_rules(**given):
    defaults = {
        "times": ((AT_MS, 24, 24), (AT_MS + DAY_MS, 48, 24)),
        "reprices": True,
        "considering_ppm": 100_000,
        "loyalty_tick": 4_000,
        "green_tick": 1_000,
        "green_ppm": (0, 0, 0),
        "exit_fee": (0, 0, 0),
        "term_ms": (0, 0, 0),
    }
    return RetailRules(**(defaults | given))


def street_of(make_street, *, customers=(1_000, 1_000, 1_000), million_wh=500_000_000, local=True, **rules):
    nobody = np.zeros((0, PERIODS), np.int64)
    wholesale = WholesaleRules(
        producers=np.zeros(0, np.int64),
        plants=Plants.of([]),
        upgrades=(),
        available_ppm=nobody,
        expected_ppm=nobody,
        reaches=(),
        standing=np.array([U, V, W]),
        customers=np.array(customers),
        million_wh=np.full((3, PERIODS), million_wh, np.int64),
        sessions=((START_MS, 0, PERIODS),),
        auction=False,
        floor_tick=-50_000,
        cap_tick=400_000,
        link_wh=1 << 40,
        link_tick=0,
        imbalance_ppm=-1,
        expected_tick=np.full(PERIODS, 9_000, np.int64),
        retail=retail_rules(**rules),
    )
    laid = make_street(
        NAMES,
        feeder=[0, -1, -1, -1, -1],
        utility=[U, -1, -1, -1, -1],
        periods=PERIODS,
        period_ms=HOUR_MS,
        load=[2_000, 0, 0, 0, 0],
        retail=RETAIL,
        feed_in={U: 8_000, V: 9_000, W: 8_000, X: 8_000},
        opens_ms=OPENS,
        wholesale=wholesale,
    )
    return laid if local else dataclasses.replace(laid, market=None)


@pytest.fixture
def make_market(make_street, open_market):
    return lambda **given: open_market(street_of(make_street, **given))


def tariff(agent, shift_tick, first=24, count=24, now_ms=AT_MS):
    return Command(now_ms, agent, Action.TARIFF, period=first, price_tick=shift_tick, quantity_wh=count)


def choose(market, first=24, count=24, now_ms=AT_MS):
    assert market.apply(Command(now_ms, -1, Action.CHOOSE, period=first, quantity_wh=count)) == 0
    return market.wholesale.customers.tolist()


def refused(market, command):
    """What was changed by a command that must be refused: nothing."""
    before = market.street.retail_tick.copy()
    assert market.apply(command) == Refusal.NO_TARIFF
    np.testing.assert_array_equal(market.street.retail_tick, before)
    assert market.journal.rows["tariffs"] == 0


def settle(market, period):
    for action in (Action.CLOSE, Action.DELIVER, Action.SETTLE):
        now_ms = START_MS + (period + 1) * HOUR_MS
        assert market.apply(Command(now_ms, -1, action, period=period)) == 0
        market.check()


def postings(market, cause, account):
    rows = market.journal.read("postings")
    mine = (rows["cause"] == cause) & (rows["account"] == account)
    return dict(zip(rows["period"][mine].tolist(), rows["amount"][mine].tolist(), strict=True))


# --- tariffs


def test_a_tariff_moves_the_periods_that_it_names_and_is_written_down(make_market):
    market = make_market()
    assert market.apply(tariff(U, -500, first=30, count=3)) == 0
    expected = np.full(PERIODS, 16_000)
    expected[30:33] = 15_500
    np.testing.assert_array_equal(market.street.retail_tick[U], expected)
    rows = market.journal.read("tariffs")
    assert rows["period"].tolist() == [30, 31, 32]
    told = [set(rows[name].tolist()) for name in ("agent", "retail_tick", "feed_in_tick")]
    assert told == [{U}, {15_500}, {8_000}]


def test_a_shift_is_counted_from_what_the_scenario_says_and_not_from_the_last_one(make_market):
    market = make_market()
    for shift in (300, 300, -200):
        assert market.apply(tariff(U, shift)) == 0
    assert set(market.street.retail_tick[U, 24:48].tolist()) == {15_800}


@pytest.mark.parametrize(
    ("agent", "shift", "fits"),
    [
        (U, -8_000, True), (U, -8_001, False), (U, 16_000, True), (U, 16_001, False),
        # The feed-in price of V lies above half of its retail price.
        (V, -7_000, True), (V, -7_001, False),
    ],
)  # fmt: skip
def test_a_tariff_stays_between_half_and_twice_and_above_feed_in(make_market, agent, shift, fits):
    market = make_market()
    if fits:
        assert market.apply(tariff(agent, shift)) == 0
        assert market.street.retail_tick[agent, 24] == 16_000 + shift
    else:
        refused(market, tariff(agent, shift))


def test_one_period_out_of_bounds_refuses_all_of_them(make_street, open_market):
    laid = street_of(make_street)
    feed_in = laid.feed_in_tick.copy()
    feed_in[U, 40] = 15_000
    market = open_market(dataclasses.replace(laid, feed_in_tick=feed_in))
    refused(market, tariff(U, -2_000))
    assert market.apply(tariff(U, -2_000, first=24, count=16)) == 0


@pytest.mark.parametrize(
    "command",
    [
        tariff(X, 100), tariff(A, 100), tariff(U, 100, first=-1, count=2), tariff(U, 100, first=48, count=25),
        tariff(U, 100, count=0), tariff(U, 100, count=-1), tariff(U, 100, count=1 << 61), tariff(U, 1 << 61),
        tariff(U, -(1 << 61)),
    ],
)  # fmt: skip
def test_who_stands_for_nobody_and_what_is_no_span_is_refused(make_market, command):
    market = make_market()
    if command.agent == A:
        assert market.apply(command) != 0
        assert market.journal.rows["tariffs"] == 0
    else:
        refused(market, command)


def test_a_day_that_can_be_traded_keeps_its_tariff(make_market):
    market = make_market()
    assert market.apply(tariff(U, 100, now_ms=AT_MS + HOUR_MS - 1)) == 0
    market = make_market()
    refused(market, tariff(U, 100, now_ms=AT_MS + HOUR_MS))


def test_without_a_local_market_a_tariff_is_set_until_its_first_period_begins(make_market):
    market = make_market(local=False)
    assert market.apply(tariff(U, 100, now_ms=START_MS + DAY_MS - 1)) == 0
    market = make_market(local=False)
    refused(market, tariff(U, 100, now_ms=START_MS + DAY_MS))


def test_the_new_price_is_what_customers_and_homes_pay(make_market):
    market = make_market()
    assert market.apply(tariff(U, -1_000, first=1, count=1, now_ms=START_MS - 1)) == 0
    for period in (0, 1, 2):
        settle(market, period)
    # 1,000 customers draw 500 Wh each, home A 2,000 Wh, of which it pays 19 % VAT on top.
    home, customers = 2_000, 500_000
    prices = {0: 16_000, 1: 15_000, 2: 16_000}
    assert postings(market, Cause.RETAIL, A) == {period: -home * price for period, price in prices.items()}
    rows = market.journal.read("postings")
    mine = (rows["cause"] == Cause.RETAIL) & (rows["account"] == U)
    for period, price in prices.items():
        got = rows["amount"][mine & (rows["period"] == period)].tolist()
        assert sorted(got) == [home * price, customers * price]
    assert int(market.ledger.balance.sum()) == 0


def test_the_street_that_was_given_stays_as_it_was(make_street, open_market):
    laid = street_of(make_street)
    fingerprints = []
    for _ in range(2):
        market = open_market(laid)
        assert market.apply(tariff(U, -1_000)) == 0
        choose(market)
        fingerprints.append(market.journal.fingerprint())
        assert set(laid.retail_tick[U].tolist()) == {16_000}
        assert laid.wholesale.customers.tolist() == [1_000] * 3
    assert fingerprints[0] == fingerprints[1]


# --- who leaves


def test_of_those_who_think_so_many_leave_as_the_gain_is_worth_it(make_market):
    market = make_market()
    assert market.apply(tariff(V, -1_000)) == 0
    # U: 160 against 150, 100 think, a quarter of 40 EUR/MWh makes 25 leave. W: 200 against 150, all 100 leave.
    assert choose(market) == [975, 1_125, 900]
    rows = market.journal.read("switches")
    assert list(zip(*(rows[name].tolist() for name in ("time_ms", "old", "new", "customers", "fee")), strict=True)) == [
        (AT_MS, U, V, 25, 0), (AT_MS, W, V, 100, 0),
    ]  # fmt: skip
    assert market.wholesale.retail.before.tolist() == [1_000] * 3


def test_equal_prices_move_nobody_and_of_equal_gains_the_first_is_taken(make_market):
    # W alone is dearer: those who leave it go to U, the first of two that cost the same.
    assert choose(make_market()) == [1_100, 1_000, 900]


@pytest.mark.parametrize(("loyalty", "leaving"), [(4_000, 100), (8_000, 50), (40_000, 10), (400_001, 0)])
def test_loyalty_is_the_gain_at_which_all_leave(make_market, loyalty, leaving):
    assert choose(make_market(loyalty_tick=loyalty)) == [1_000 + leaving, 1_000, 1_000 - leaving]


def test_a_green_tariff_is_worth_more_by_its_share(make_market):
    # V is green to 80 %: worth 8 EUR/MWh. From U a fifth of those who think leave, from W all of them.
    assert choose(make_market(green_ppm=(0, 800_000, 0))) == [980, 1_120, 900]


def test_an_exit_fee_is_spread_over_a_years_energy_and_paid_to_who_is_left(make_market):
    # 500 Wh an hour are 4,380 kWh a year of 365 days: 87.60 EUR are 20 EUR/MWh of it. 40 - 20 makes half of them leave.
    market = make_market(exit_fee=(0, 0, 8_760_000_000))
    assert choose(market) == [1_050, 1_000, 950]
    assert market.journal.read("switches")["fee"].tolist() == [50 * 8_760_000_000]
    upstream = market.account(House.UPSTREAM)
    assert list(postings(market, Cause.EXIT_FEE, W).values()) == [50 * 8_760_000_000]
    assert list(postings(market, Cause.EXIT_FEE, upstream).values()) == [-50 * 8_760_000_000]
    assert int(market.ledger.balance.sum()) == 0


def test_a_fee_that_costs_more_than_the_gain_keeps_everybody(make_market):
    market = make_market(exit_fee=(0, 0, 2 * 8_760_000_000))
    assert choose(market) == [1_000] * 3
    assert market.journal.rows["switches"] == 0


def test_who_comes_is_bound_for_the_term_of_the_tariff_that_it_takes(make_market):
    market = make_market(considering_ppm=PPM, term_ms=(DAY_MS, 0, 0), customers=(0, 0, 1_000))
    assert choose(market) == [1_000, 0, 0]
    assert market.wholesale.retail.bound == [(AT_MS + DAY_MS, 0, 1_000)]
    assert market.apply(tariff(V, -4_000, first=48)) == 0
    assert choose(market, first=48, now_ms=AT_MS + DAY_MS - 1) == [1_000, 0, 0]
    assert choose(market, first=48, now_ms=AT_MS + DAY_MS) == [0, 1_000, 0]
    assert market.wholesale.retail.bound == []


def test_those_who_are_not_bound_may_leave_beside_those_who_are(make_market):
    market = make_market(considering_ppm=PPM, term_ms=(10 * DAY_MS, 0, 0), customers=(300, 0, 500))
    assert choose(market) == [800, 0, 0]
    assert market.apply(tariff(V, -4_000, first=48)) == 0
    assert choose(market, first=48, now_ms=AT_MS + DAY_MS) == [500, 300, 0]


def test_customers_compare_what_they_would_pay_by_when_they_draw(make_street, open_market):
    """V is cheaper by night only, when nobody draws; U by day."""
    laid = street_of(make_street)
    by_day = np.zeros((3, PERIODS), np.int64)
    by_day[:, 34:46] = 500_000_000
    wholesale = dataclasses.replace(laid.wholesale, million_wh=by_day)
    market = open_market(dataclasses.replace(laid, wholesale=wholesale))
    assert market.apply(tariff(V, -4_000, first=24, count=10)) == 0
    assert market.apply(tariff(U, -1_000, first=34, count=12)) == 0
    assert choose(market) == [1_125, 975, 900]


def test_a_customer_who_draws_nothing_stays(make_market):
    assert choose(make_market(million_wh=0)) == [1_000] * 3


def test_a_utility_without_customers_can_win_some_and_loses_none(make_market):
    market = make_market(customers=(0, 1_000, 0))
    assert market.apply(tariff(U, -4_000)) == 0
    assert choose(market) == [100, 900, 0]


steps = st.lists(
    st.tuples(
        st.sampled_from(["choose", "tariff"]), st.sampled_from([U, V, W]), st.integers(-8_000, 16_000),
        st.integers(0, 3 * DAY_MS),
    ),
    max_size=12,
)  # fmt: skip


@given(
    steps,
    st.tuples(*[st.integers(0, 10**6)] * 3),
    st.integers(0, PPM),
    st.integers(1, 10_000),
    st.tuples(*[st.integers(0, 100 * EUR)] * 3),
    st.tuples(*[st.integers(0, 3 * DAY_MS)] * 3),
)
def test_customers_are_conserved_bound_ones_stay_and_money_balances(
    make_street, open_market, said, customers, considering, loyalty, fees, terms
):
    market = open_market(
        street_of(
            make_street, customers=customers, considering_ppm=considering, loyalty_tick=loyalty, exit_fee=fees,
            term_ms=terms,
        )
    )  # fmt: skip
    now_ms = START_MS
    for word, agent, shift, later_ms in said:
        now_ms += later_ms if word == "choose" else 0
        before = market.wholesale.customers.copy()
        if word == "tariff":
            assert market.apply(tariff(agent, shift, first=48, now_ms=now_ms)) in (0, Refusal.NO_TARIFF)
            continue
        choose(market, first=48, now_ms=now_ms)
        after, retail = market.wholesale.customers, market.wholesale.retail
        assert after.sum() == before.sum() == sum(customers)
        assert (after >= 0).all()
        for place in range(3):
            held = sum(many for until_ms, at, many in retail.bound if at == place and until_ms > now_ms)
            assert held <= after[place]
        assert int(market.ledger.balance.sum()) == 0
    rows = market.journal.read("switches")
    by_old = {agent: fees[place] for place, agent in enumerate((U, V, W))}
    assert rows["fee"].tolist() == [
        many * by_old[old] for many, old in zip(rows["customers"].tolist(), rows["old"].tolist(), strict=True)
    ]


@given(st.integers(1, 10**6), st.integers(0, PPM), st.integers(0, 9_000), st.integers(1, 9_000))
def test_a_greater_gain_moves_no_fewer(make_street, open_market, customers, considering, gain, loyalty):
    moved = []
    for cheaper in (gain, gain + 500):
        market = open_market(
            street_of(
                make_street, customers=(customers, 0, 0), considering_ppm=considering, loyalty_tick=loyalty,
                green_tick=cheaper, green_ppm=(0, PPM, 0),
            )
        )  # fmt: skip
        moved.append(choose(market)[1])
        assert moved[-1] == customers * considering // PPM * min(cheaper, loyalty) // loyalty
    assert moved[0] <= moved[1]


# --- what a utility sees of it


def test_a_utility_sees_its_shop(make_market):
    market = make_market()
    for period in range(24):
        settle(market, period)
    assert market.apply(tariff(U, 700, first=24)) == 0
    choose(market, first=24, now_ms=AT_MS + 9 * HOUR_MS)
    shop = market.wholesale.retail.shop(U, 48, 24, np.full(24, 5_000))
    # 100 have come from W; nobody nominated anything, so every Wh was bought as imbalance at 120 EUR/MWh.
    assert shop == {
        "customers": 1_000 - 17, "customers_before": 1_000, "base_tick": 16_000, "shift_tick": 700,
        "low_tick": -8_000, "high_tick": 16_000, "cost_tick": 12_000, "planned_tick": 9_000,
        "rivals_tick": (16_000, 20_000),
    }  # fmt: skip
    assert market.wholesale.retail.shop(V, 48, 24, np.full(24, 5_000))["low_tick"] == -7_000


def test_customers_before_are_those_of_the_time_before(make_market):
    market = make_market()
    for number, before in enumerate(([1_000, 1_000, 1_000], [1_100, 1_000, 900], [1_190, 1_000, 810])):
        choose(market, first=48, now_ms=AT_MS + number * HOUR_MS)
        shops = [market.wholesale.retail.shop(agent, 48, 24, np.full(24, 5_000)) for agent in (U, V, W)]
        assert [shop["customers_before"] for shop in shops] == before
        assert [shop["customers"] for shop in shops] == market.wholesale.customers.tolist()


def test_before_anything_was_drawn_energy_costs_what_is_expected(make_market):
    market = make_market()
    assert market.wholesale.retail.shop(U, 24, 24, np.full(24, 5_000))["cost_tick"] == 5_000


# --- replay, saving


def a_busy_day(market, days=(0, 1)):
    for day in days:
        for period in range(24 * day, 24 * day + 14):
            settle(market, period)
        now_ms = AT_MS + day * DAY_MS
        for agent, shift in ((U, 400 - 900 * day), (V, -700), (W, -3_000 + 200 * day)):
            assert market.apply(tariff(agent, shift, first=24 * (day + 1), now_ms=now_ms)) == 0
        choose(market, first=24 * (day + 1), now_ms=now_ms)
        for period in range(24 * day + 14, 24 * day + 24):
            settle(market, period)
    return market


TERMS = {"exit_fee": (EUR, 0, 2 * EUR), "term_ms": (DAY_MS // 2, 2 * DAY_MS, 0)}


def test_a_replay_of_the_commands_gives_the_same_journal(make_street):
    laid = street_of(make_street, **TERMS)
    header = laid.header()

    def journal():
        return Journal(streams_of(header), header)

    market = a_busy_day(Market(laid, journal()))
    assert market.journal.rows["switches"] > 2
    again = replay(laid, header, market.journal.read("commands"))
    assert again.fingerprint() == market.journal.fingerprint()


def test_a_market_restored_between_two_days_goes_on_alike(make_street, open_market):
    laid = street_of(make_street, **TERMS)
    first, second = a_busy_day(open_market(laid), days=(0,)), open_market(laid)
    choose(first, first=48, now_ms=START_MS + DAY_MS + HOUR_MS)
    saved = first.wholesale.export()
    second.wholesale.restore(saved)
    for name, column in second.wholesale.export().items():
        np.testing.assert_array_equal(column, saved[name], name)
    np.testing.assert_array_equal(second.street.retail_tick, first.street.retail_tick)
    shops = [
        [market.wholesale.retail.shop(agent, 48, 24, np.full(24, 5_000)) for agent in (U, V, W)]
        for market in (first, second)
    ]
    assert shops[0] == shops[1]
    assert [shop["customers_before"] for shop in shops[1]] != [1_000] * 3
    assert shops[0][2]["customers"] < shops[0][2]["customers_before"]
    for market in (first, second):
        assert market.apply(tariff(V, -900, first=48, now_ms=AT_MS + DAY_MS)) == 0
        choose(market, first=48, now_ms=AT_MS + DAY_MS)
    assert first.wholesale.customers.tolist() == second.wholesale.customers.tolist()
    assert first.wholesale.retail.bound == second.wholesale.retail.bound
