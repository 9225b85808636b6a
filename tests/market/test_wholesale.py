"""Utilities and producers in settlement: hand-computed periods, refusals, capacity that is built, saving and replay."""

import dataclasses

import numpy as np
import pytest

from wattbook.assets.plants import PlantKind, Plants, PowerPlant
from wattbook.assets.upgrades import MS_PER_YEAR, UpgradeTerms, annuity
from wattbook.contracts import Code, ContractSpec, DeskTerms, Event, Kind, Verb
from wattbook.journal import Journal
from wattbook.ledger import LedgerError
from wattbook.market import Market
from wattbook.market.replaying import replay
from wattbook.market.setup import WholesaleRules
from wattbook.messages import BUY, SELL, Action, Cause, Command, House, Refusal, streams_of
from wattbook.units import PPM, eur, half_even

START_MS = 1_465_164_000_000
QUARTER_MS = 900_000
NAMES = ("A", "B", "P", "U", "V", "W")
A, B, P, U, V, W = range(6)
"""Two homes of U; P burns gas, V is a utility of nobody, W has wind and deals with V alone."""
PERIODS = 8
FORWARD, FUTURE, SHARE = range(3)
CUSTOMERS_WH = 100_000
EUR = 100_000_000


def desk_terms(agents=6, **given):
    specs = (
        ContractSpec("forward", "local", Kind.FORWARD, 1, (1_000,) * 3),
        ContractSpec("future", "local", Kind.FUTURE_PHYSICAL, 2, (1_000,) * 2),
        ContractSpec("share", "local", Kind.PPA, 1, (0,) * 7, bundled=True),
    )
    return DeskTerms(
        agents=agents,
        specs=specs,
        start_ms=START_MS,
        period_ms=QUARTER_MS,
        renewable=(W,),
        house_capital=eur(50),
        **given,
    )


def wholesale_rules(**given):
    plants = Plants.of(
        [
            PowerPlant(PlantKind.GAS, 1_000_000, 0, None, 4_000, owner=P),
            PowerPlant(PlantKind.WIND, 400_000, 0, None, 0, owner=W),
        ]
    )
    full = np.full((2, PERIODS), PPM, np.int64)
    defaults = {
        "producers": np.array([P, W]),
        "plants": plants,
        "upgrades": (None, None),
        "available_ppm": full,
        "expected_ppm": full,
        "reaches": ((P, U), (P, V), (W, V)),
        "standing": np.array([U]),
        "customers": np.array([1_000]),
        "million_wh": np.full((1, PERIODS), CUSTOMERS_WH * 1_000, np.int64),
        "sessions": ((START_MS, 0, PERIODS),),
        "auction": False,
        "floor_tick": -50_000,
        "cap_tick": 400_000,
        "link_wh": 1 << 40,
        "link_tick": 0,
        "imbalance_ppm": 100_000,
        "expected_tick": np.full(PERIODS, 9_000, np.int64),
        "desk": desk_terms(),
    }
    return WholesaleRules(**(defaults | given))


@pytest.fixture
def make_market(make_street, open_market):
    def make(*, credit=10**13, street=None, **given):
        laid = make_street(
            NAMES,
            feeder=[0, 0, -1, -1, -1, -1],
            utility=[U, U, -1, -1, -1, -1],
            kinds=("consumer", "consumer", "producer", "utility", "utility", "producer"),
            periods=PERIODS,
            load=[2_000, 0, 0, 0, 0, 0],
            generation=[0, 500, 0, 0, 0, 0],
            retail={U: 15_000, V: 15_000},
            feed_in={U: 8_000, V: 8_000},
            credit_limit=np.full(6, credit, np.int64),
            short=12_000,
            long=12_000,
            wholesale=wholesale_rules(**given),
            **(street or {}),
        )
        return open_market(laid)

    return make


def say(agent, verb, now_ms=START_MS, **values):
    return Command(now_ms, agent, int(verb), **values)


def offer(agent, period, side, price_tick, quantity_wh, now_ms=START_MS):
    return Command(
        now_ms, agent, Action.OFFER, period=period, side=side, price_tick=price_tick, quantity_wh=quantity_wh
    )  # fmt: skip


def clear_day(market, first=0, count=PERIODS, now_ms=START_MS):
    assert market.apply(Command(now_ms, -1, Action.CLEAR_DAY, period=first, quantity_wh=count)) == 0


def end_of(period):
    return START_MS + (period + 1) * QUARTER_MS


def run_period(market, period):
    for action in (Action.CLOSE, Action.DELIVER, Action.SETTLE):
        assert market.apply(Command(end_of(period), -1, action, period=period)) == 0
        market.check()


def sign_forward(market, seller, buyer, lots, price_tick, spec=FORWARD, now_ms=START_MS):
    posted = {"book": spec, "side": SELL, "price_tick": price_tick, "quantity_wh": lots, "flags": 1_000}
    assert market.apply(say(seller, Verb.POST, now_ms, **posted)) == 0
    number = max(market.wholesale.desk.board.offers)
    taken = say(buyer, Verb.TAKE, now_ms, order=number, price_tick=price_tick, quantity_wh=lots)
    return market.apply(taken)


def paid(market, agent, period=None):
    """By cause, what an account got in a period."""
    rows = market.journal.read("postings")
    mine = rows["account"] == agent
    if period is not None:
        mine &= rows["period"] == period
    mine &= rows["cause"] != Cause.ENDOWMENT
    totals = {}
    for cause, amount in zip(rows["cause"][mine].tolist(), rows["amount"][mine].tolist(), strict=True):
        totals[Cause(cause).name] = totals.get(Cause(cause).name, 0) + amount
    return totals


def a_contracted_period(market):
    """U buys 50 kWh ahead and 60 kWh at spot; P sells that ahead and 150 kWh at spot."""
    assert sign_forward(market, P, U, 50, 9_500) == 0
    assert market.apply(offer(U, 1, BUY, 400_000, 60_000)) == 0
    assert market.apply(offer(P, 1, SELL, 4_000, 150_000)) == 0
    clear_day(market)
    for period in (0, 1):
        run_period(market, period)


# --- one period by hand


def test_a_utilitys_and_a_producers_period_to_the_last_quantum(make_market):
    market = make_market()
    a_contracted_period(market)
    # U: home A 2,000 Wh, home B -500 Wh, customers 100,000 Wh; nominated 50,000 + 60,000; 8,500 Wh too many at 81.
    assert paid(market, U, 1) == {
        "RETAIL": 2_000 * 15_000 + 100_000 * 15_000,
        "FEED_IN": -500 * 8_000,
        "DELIVERY": -50_000 * 9_500,
        "SPOT": -60_000 * 9_000,
        "IMBALANCE": 8_500 * 8_100,
    }
    assert half_even(sum(paid(market, U, 1).values()), 1_000_000) == 580  # cents
    # P: 50,000 + 150,000 Wh at a fuel cost of 40 EUR/MWh.
    assert paid(market, P, 1) == {"DELIVERY": 475_000_000, "SPOT": 1_350_000_000, "FUEL": -800_000_000}
    assert half_even(sum(paid(market, P, 1).values()), 1_000_000) == 1_025
    assert market.wholesale.group(U, 1) == (50_000, 60_000, 100_000, 0)
    assert market.wholesale.group(P, 1) == (-50_000, -150_000, 0, 200_000)
    assert int(market.ledger.balance.sum()) == 0
    rows = market.journal.read("positions")
    now = rows["period"] == 1
    columns = ("agent", "contracted_wh", "spot_wh", "metered_wh")
    # W has sold nothing, and gives what the wind lets it.
    assert list(zip(*(rows[name][now].tolist() for name in columns), strict=True)) == [
        (P, -50_000, -150_000, -200_000), (U, 50_000, 60_000, 101_500), (V, 0, 0, 0), (W, 0, 0, -100_000),
    ]  # fmt: skip


def test_a_plant_gives_what_is_due_in_the_very_period(make_market):
    market = make_market()
    assert sign_forward(market, P, U, 50, 9_500) == 0
    clear_day(market)
    for period in range(PERIODS):
        run_period(market, period)
    supply = market.journal.read("supply")
    assert supply["output_wh"][supply["agent"] == P].tolist() == [0, 50_000, 50_000, 50_000, 0, 0, 0, 0]


def test_with_single_prices_the_short_and_the_long_have_the_same(make_market):
    market = make_market(imbalance_ppm=-1)
    a_contracted_period(market)
    assert paid(market, U, 1)["IMBALANCE"] == 8_500 * 12_000
    # In the period before, nothing was bought: 101,500 Wh are missing.
    assert paid(market, U, 0) == {"RETAIL": 1_530_000_000, "FEED_IN": -4_000_000, "IMBALANCE": -101_500 * 12_000}


def test_the_short_pay_more_and_the_long_get_less_also_at_negative_prices(make_market):
    market = make_market(street={"spot": -1_000})
    a_contracted_period(market)
    assert market.wholesale.short_tick[1] == -900
    assert market.wholesale.long_tick[1] == -1_100
    # P asks more than the outside pays: it sells nothing at spot and gives what it owes ahead.
    assert paid(market, P, 1) == {"DELIVERY": 475_000_000, "FUEL": -200_000_000}
    assert paid(market, U, 1)["IMBALANCE"] == -8_500 * 1_100


def test_a_plant_that_is_out_pays_for_what_it_sold(make_market):
    available = np.full((2, PERIODS), PPM, np.int64)
    available[0, 1] = 0
    market = make_market(available_ppm=available)
    a_contracted_period(market)
    assert paid(market, P, 1) == {"DELIVERY": 475_000_000, "SPOT": 1_350_000_000, "IMBALANCE": -200_000 * 9_900}
    rows = market.journal.read("contracts")
    replaced = rows["event"] == Event.REPLACED
    assert rows["quantity_wh"][replaced].tolist() == [50_000]
    # U has what it signed all the same (C6).
    assert paid(market, U, 1)["DELIVERY"] == -475_000_000


def test_what_customers_draw_is_carried_on_below_a_watt_hour(make_market):
    market = make_market(million_wh=np.full((1, PERIODS), 1_500_400, np.int64), customers=np.array([3]))
    clear_day(market)
    for period in range(PERIODS):
        run_period(market, period)
    energy = market.journal.read("served")["energy_wh"]
    assert energy.tolist() == [4, 5, 4, 5, 4, 5, 4, 5]
    assert int(energy.sum()) == 3 * PERIODS * 1_500_400 // 1_000_000
    assert sum(paid(market, U, p)["RETAIL"] for p in range(PERIODS)) == 15_000 * (2_000 * PERIODS + 36)


def test_a_share_of_output_is_produced_beside_what_is_sold_at_spot(make_market):
    market = make_market()
    assert sign_forward(market, W, V, 250_000, 6_000, SHARE) == 0
    assert market.apply(offer(W, 1, SELL, 0, 75_000)) == 0
    clear_day(market)
    for period in (0, 1):
        run_period(market, period)
    # 75,000 Wh are three quarters of 100,000 Wh; one quarter goes to V, with which it covers nobody.
    assert market.wholesale.group(W, 1) == (-25_000, -75_000, 0, 100_000)
    assert paid(market, W, 1) == {"DELIVERY": 25_000 * 6_000, "SPOT": 75_000 * 9_000}
    assert paid(market, V, 1) == {"DELIVERY": -25_000 * 6_000, "IMBALANCE": 25_000 * 8_100}
    market = make_market()
    assert sign_forward(market, W, V, PPM, 6_000, SHARE) == 0
    clear_day(market)
    for period in (0, 1):
        run_period(market, period)
    assert market.wholesale.group(W, 1) == (-100_000, 0, 0, 100_000), "who has sold all gives what it can"


def test_the_houses_capital_lies_in_the_clearing_account_from_the_start(make_market):
    market = make_market()
    clearing = market.account(House.CLEARING)
    assert int(market.ledger.balance[clearing]) == 50 * EUR
    assert int(market.ledger.balance.sum()) == 0
    assert sign_forward(market, P, U, 10, 9_000, FUTURE) == 0
    # Both lock 10 % of 20 kWh at 90 EUR/MWh.
    assert int(market.ledger.balance[clearing]) == 50 * EUR + 2 * 18_000_000
    clear_day(market)
    for period in range(PERIODS):
        assert market.apply(Command(end_of(period), -1, Action.MARK)) == 0
        run_period(market, period)
        assert int(market.ledger.balance.sum()) == 0
    assert int(market.ledger.balance[clearing]) == 50 * EUR, "all margins are back"


def test_who_cannot_pay_a_margin_call_is_out_and_the_houses_account_is_what_it_keeps(make_market):
    market = make_market(credit=10 * EUR, desk=dataclasses.replace(desk_terms(), call_ms=QUARTER_MS))
    desk, clearing = market.wholesale.desk, market.account(House.CLEARING)

    def kept():
        assert int(market.ledger.balance[clearing]) == 50 * EUR + desk.house.cash
        return desk.owed(U)

    assert sign_forward(market, P, U, 100, 9_000, FUTURE) == 0
    assert market.apply(Command(START_MS, -1, Action.MARK)) == 0
    assert kept() == 0
    # 200 kWh lose 80 EUR/MWh: 16 EUR. U had 10 EUR, of which 1.80 EUR are its margin.
    assert sign_forward(market, P, V, 1, 1_000, FUTURE) == 0
    assert market.apply(Command(START_MS, -1, Action.MARK)) == 0
    assert kept() > 7 * EUR
    clear_day(market)
    run_period(market, 0)
    run_period(market, 1)
    events = market.journal.read("contracts")
    assert {Event.CALLED, Event.DEFAULTED, Event.LOSS_TO_MARGIN, Event.LOSS_TO_CAPITAL} <= set(events["event"].tolist())
    assert kept() == 0
    assert U in desk.house.defaulted
    # It deals no more at the desk, and goes on buying day ahead.
    assert market.apply(say(U, Verb.PAY, end_of(1))) == 200 + Code.DEFAULTED
    for period in range(2, PERIODS):
        run_period(market, period)
    assert market.wholesale.group(U, 2).contracted_wh == 0


def test_quotas_are_settled_on_own_sales_once(make_market):
    quotas = tuple(500_000 if agent == U else 0 for agent in range(6))
    market = make_market(quota_ppm=quotas, buy_out_tick=6_000, million_wh=np.full((1, PERIODS), 10**9, np.int64))
    clear_day(market)
    for period in range(PERIODS):
        run_period(market, period)
    sold_wh = PERIODS * (1_000_000 + 1_500)
    assert int(market.wholesale.sold_wh[market.wholesale.place[U]]) == sold_wh
    before = int(market.ledger.balance[U])
    assert market.apply(Command(end_of(PERIODS - 1), -1, Action.COMPLY, order=0)) == 0
    rows = market.journal.read("contracts")
    bought_out = rows["event"] == Event.BOUGHT_OUT
    # Half of 8.012 MWh, in whole certificates of 1 MWh.
    missing_wh = int(rows["quantity_wh"][bought_out].sum())
    assert missing_wh == paid(market, U)["BUY_OUT"] // -6_000
    assert abs(missing_wh - sold_wh // 2) < 1_000_000
    assert int(market.ledger.balance[U]) == before - missing_wh * 6_000
    assert market.apply(Command(end_of(PERIODS - 1), -1, Action.COMPLY, order=0)) == 0
    assert int(market.ledger.balance[U]) == before - missing_wh * 6_000, "C12: a date is settled once"


# --- capacity that is built


LEAD_MS = 2 * QUARTER_MS


def sell_all_day(market, quantity_wh=500_000):
    for period in range(PERIODS):
        assert market.apply(offer(P, period, SELL, 0, quantity_wh)) == 0
    clear_day(market)


@pytest.mark.parametrize("payment", ["lump-sum", "annuity"])
def test_output_grows_with_commissioning_never_before_and_capital_is_paid_once(make_market, payment):
    terms = UpgradeTerms(eur(1_000), lead_ms=LEAD_MS, payment=payment, interest_ppm=70_000, years=20, most_w=1_000_000)
    market = make_market(upgrades=(terms, None), credit=10**15)
    sell_all_day(market)
    ordered_ms = START_MS + 1
    order = Command(ordered_ms, P, Action.INVEST, quantity_wh=1_000_000)
    assert market.apply(order) == 0
    assert market.apply(order) == Refusal.NO_UPGRADE, "one at a time"
    for period in range(PERIODS):
        run_period(market, period)
    supply = market.journal.read("supply")
    mine = supply["agent"] == P
    # Commissioned 1 ms after the third period has begun: it counts from the fourth.
    assert supply["output_wh"][mine].tolist() == [250_000] * 3 + [500_000] * 5
    assert supply["capacity_w"][mine].tolist() == [1_000_000] * 3 + [2_000_000] * 5
    assert (supply["output_wh"] <= supply["available_wh"]).all()
    cost = -paid(market, P)["INVESTMENT"]
    if payment == "lump-sum":
        assert cost == eur(1_000_000)
        rows = market.journal.read("postings")
        assert int(((rows["cause"] == Cause.INVESTMENT) & (rows["account"] == P)).sum()) == 1
    else:
        used_ms = end_of(PERIODS - 1) - ordered_ms - LEAD_MS
        assert cost == half_even(annuity(eur(1_000_000), 70_000, 20) * used_ms, MS_PER_YEAR)
    market.wholesale._pay_for_upgrades(0, end_of(PERIODS - 1))
    assert -paid(market, P)["INVESTMENT"] == cost, "nothing is due twice"


def test_capacity_for_which_the_money_is_missing_is_refused(make_market):
    terms = UpgradeTerms(eur(1_000), lead_ms=LEAD_MS, payment="lump-sum", most_w=1_000_000)
    market = make_market(upgrades=(terms, None), credit=eur(999_999))
    assert market.apply(Command(START_MS, P, Action.INVEST, quantity_wh=1_000_000)) == Refusal.NO_FUNDS
    assert market.apply(Command(START_MS, P, Action.INVEST, quantity_wh=999_999)) == 0
    assert paid(market, P) == {"INVESTMENT": -eur(999_999)}


# --- refusals


TERMS = UpgradeTerms(eur(1), lead_ms=LEAD_MS, payment="lump-sum", most_w=1_000)
REFUSED = {
    "an order for no period": (offer(U, PERIODS, BUY, 0, 1), Refusal.UNKNOWN_PRODUCT),
    "an order for a period before the run": (offer(U, -1, BUY, 0, 1), Refusal.UNKNOWN_PRODUCT),
    "an order for a cleared period": (offer(U, 0, BUY, 0, 1), Refusal.GATE_CLOSED),
    "an order of no side": (offer(U, 2, 0, 0, 1), Refusal.OUT_OF_RANGE),
    "an order below the floor": (offer(U, 2, BUY, -50_001, 1), Refusal.OUT_OF_RANGE),
    "an order above the cap": (offer(U, 2, BUY, 400_001, 1), Refusal.OUT_OF_RANGE),
    "an order of nothing": (offer(U, 2, BUY, 0, 0), Refusal.OUT_OF_RANGE),
    "an order of less than nothing": (offer(U, 2, SELL, 0, -5), Refusal.OUT_OF_RANGE),
    "an order beyond what the place could carry": (offer(U, 2, BUY, 0, 1 << 40), Refusal.OUT_OF_RANGE),
    "an investment without a plant": (Command(START_MS, U, Action.INVEST, quantity_wh=1), Refusal.NO_PLANT),
    "an upgrade that is not for sale": (Command(START_MS, W, Action.INVEST, quantity_wh=1), Refusal.NO_UPGRADE),
    "too large an upgrade": (Command(START_MS, P, Action.INVEST, quantity_wh=1_001), Refusal.NO_UPGRADE),
    "an endless upgrade": (Command(START_MS, P, Action.INVEST, quantity_wh=(1 << 62) - 1), Refusal.NO_UPGRADE),
    "an upgrade of nothing": (Command(START_MS, P, Action.INVEST, quantity_wh=0), Refusal.NO_UPGRADE),
    "a smaller plant": (Command(START_MS, P, Action.INVEST, quantity_wh=-5), Refusal.NO_UPGRADE),
    "a home's order": (offer(A, 2, BUY, 0, 1), Refusal.UNKNOWN_ACTION),
    "a home at the desk": (say(A, Verb.PAY), Refusal.UNKNOWN_ACTION),
    "nobody's order": (offer(77, 2, BUY, 0, 1), Refusal.UNKNOWN_AGENT),
    "a word that the desk does not know": (say(U, max(Verb) + 1), 200 + Code.UNKNOWN_VERB),
    "an answer to nothing": (say(U, Verb.ACCEPT, order=5), 200 + Code.UNKNOWN_REFERENCE),
    "a contract that does not exist": (say(U, Verb.REQUEST, book=9, side=BUY, quantity_wh=1), 200 + Code.UNKNOWN_SPEC),
    "a call that was not made": (say(U, Verb.PAY), 200 + Code.NO_CALL),
    "a request to who is not connected": (
        say(U, Verb.REQUEST, order=1 + W, book=FORWARD, side=BUY, quantity_wh=1, flags=9), Refusal.NOT_CONNECTED,
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_a_refusal_is_a_fact_with_a_code_and_changes_nothing_else(make_market, what):
    command, code = REFUSED[what]
    market = make_market(upgrades=(TERMS, None))
    clear_day(market, 0, 2)
    before, rows = market.export(), market.journal.rows
    assert market.apply(command) == code
    after = market.export()
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    # A word of a home counts for its rate limit.
    assert changed <= {"town.wake_ms", "town.wake_count", "town.sent"}, changed
    facts = market.journal.read("orders")
    assert (facts["code"][-1], facts["event"][-1]) == (code, -1)
    assert market.journal.rows == {**rows, "commands": rows["commands"] + 1, "orders": rows["orders"] + 1}


def test_an_agents_orders_of_one_side_and_period_are_bounded_together(make_market):
    market = make_market()
    most = market.wholesale.orders.largest_wh
    # Connections 4 x 100 kWh, plants 350 kWh, customers 10 x 100 kWh.
    assert most == 400_000 + 350_000 + 1_000_000
    assert market.apply(offer(U, 2, BUY, 0, most - 1)) == 0
    assert market.apply(offer(U, 2, BUY, 0, 2)) == Refusal.OUT_OF_RANGE
    assert market.apply(offer(U, 2, BUY, 0, 1)) == 0
    assert market.apply(offer(U, 2, SELL, 0, most)) == 0
    assert market.apply(offer(U, 3, BUY, 0, most)) == 0
    assert market.apply(offer(V, 2, BUY, 0, most)) == 0
    fresh = make_market()
    fresh.restore(market.export())
    assert fresh.apply(offer(U, 2, BUY, 0, 1)) == Refusal.OUT_OF_RANGE


def test_who_is_not_connected_does_not_deal(make_market):
    market = make_market()
    assert sign_forward(market, W, U, 1, 9_000) == Refusal.NOT_CONNECTED
    assert sign_forward(market, W, V, 1, 9_000) == 0
    asked = say(U, Verb.REQUEST, book=FORWARD, side=BUY, quantity_wh=1, flags=1_000)
    assert market.apply(asked) == 0
    number = max(market.wholesale.desk.board.requests)
    quote = {"order": number, "price_tick": 9_000, "quantity_wh": 1, "flags": 900}
    assert market.apply(say(W, Verb.QUOTE, **quote)) == Refusal.NOT_CONNECTED
    assert market.apply(say(P, Verb.QUOTE, **quote)) == 0


def test_without_a_desk_nothing_is_said_there(make_market):
    market = make_market(desk=None)
    assert market.apply(say(U, Verb.PAY)) == Refusal.NOT_IN_WHOLESALE
    assert "contracts" not in market.journal.rows


def test_who_is_taken_out_leaves_no_offers_behind_and_keeps_what_it_signed(make_market):
    market = make_market()
    assert sign_forward(market, P, U, 50, 9_500) == 0
    post = say(P, Verb.POST, book=FORWARD, side=SELL, price_tick=9_000, quantity_wh=5, flags=10**6)
    assert market.apply(post) == 0
    assert market.apply(offer(P, 1, SELL, 0, 1_000)) == 0
    number = max(market.wholesale.desk.board.offers)
    assert market.apply(Command(START_MS, -1, Action.QUARANTINE, order=P)) == 0
    taken = say(U, Verb.TAKE, order=number, price_tick=9_000, quantity_wh=5)
    assert market.apply(taken) == 200 + Code.REFERENCE_ENDED
    assert market.apply(offer(P, 1, SELL, 0, 1_000)) == Refusal.QUARANTINED
    clear_day(market)
    for period in (0, 1):
        run_period(market, period)
    assert market.wholesale.group(P, 1) == (-50_000, 0, 0, 50_000)


# --- saving and replay


def busy_day():
    """Commands of a whole run with everything in it; and the moments between them."""
    post = {"book": FUTURE, "side": SELL, "price_tick": 9_000, "quantity_wh": 20, "flags": 10**7}
    ask = {"book": FORWARD, "side": BUY, "quantity_wh": 7, "flags": 10**6}
    rows = [
        say(P, Verb.POST, **post),
        say(U, Verb.REQUEST, **ask),
        say(P, Verb.QUOTE, order=2, price_tick=9_700, quantity_wh=7, flags=10**6),
        say(U, Verb.COUNTER, order=3, price_tick=9_300, quantity_wh=7, flags=10**6),
        say(U, Verb.TAKE, order=1, price_tick=9_000, quantity_wh=12),
        say(P, Verb.ACCEPT, order=4, price_tick=9_300, quantity_wh=7),
        say(W, Verb.POST, **(post | {"book": SHARE, "quantity_wh": 300_000, "price_tick": 5_000})),
        say(V, Verb.TAKE, order=7, price_tick=5_000, quantity_wh=100_000),
        say(U, Verb.CONTRIBUTE, quantity_wh=eur(3)),
        Command(START_MS, -1, Action.MARK),
        *(offer(U, period, BUY, 400_000, 90_000) for period in range(PERIODS)),
        *(offer(P, period, SELL, 4_000, 200_000) for period in range(PERIODS)),
        *(offer(W, period, SELL, 0, 60_000) for period in range(PERIODS)),
        Command(START_MS, -1, Action.CLEAR_DAY, period=0, quantity_wh=4),
        Command(START_MS, P, Action.INVEST, quantity_wh=1_000),
        offer(V, 5, BUY, -60_000, 5),
    ]
    for period in range(PERIODS):
        if period == 2:
            rows.append(Command(end_of(1), -1, Action.CLEAR_DAY, period=4, quantity_wh=4))
        rows += [Command(end_of(period), -1, action, period=period) for action in (18, 19)]
        if period == 0:
            rows += [say(P, Verb.POST, end_of(0), **post), Command(end_of(0), -1, Action.MARK)]
    rows.append(Command(end_of(PERIODS - 1), -1, Action.COMPLY, order=0))
    rows.append(Command(end_of(PERIODS - 1), -1, Action.BILL, period=PERIODS - 1))
    return rows


@pytest.mark.parametrize("auction", [False, True])
def test_money_sums_to_zero_at_every_step_and_the_journal_replays(make_market, auction):
    quotas = tuple(500_000 if agent == U else 0 for agent in range(6))
    market = make_market(auction=auction, upgrades=(TERMS, None), quota_ppm=quotas, buy_out_tick=6_000)
    codes = []
    for command in busy_day():
        codes.append(market.apply(command))
        assert int(market.ledger.balance.sum()) == 0
        market.check()
    # Its order is out of the band, all else is carried out.
    assert [code for code in codes if code] == [Refusal.OUT_OF_RANGE]
    assert set(paid(market, U)) >= {"SPOT", "IMBALANCE", "RETAIL", "DELIVERY", "MARGIN", "FUND", "BUY_OUT"}
    assert set(paid(market, P)) >= {"SPOT", "FUEL", "INVESTMENT", "DELIVERY", "MARGIN"}
    again = replay(market.street, market.journal.header, market.journal.read("commands"))
    assert again.fingerprint() == market.journal.fingerprint()


@pytest.mark.parametrize("auction", [False, True])
def test_a_market_saved_between_any_two_commands_goes_on_the_same(make_market, auction):
    given = {
        "auction": auction, "upgrades": (TERMS, None), "buy_out_tick": 6_000, "link_tick": 100,
        "million_wh": np.full((1, PERIODS), 90_000_777, np.int64),
        "quota_ppm": tuple(500_000 if agent == U else 0 for agent in range(6)),
    }  # fmt: skip
    rows, whole = busy_day(), make_market(**given)
    states = []
    for command in rows:
        states.append(whole.export())
        whole.apply(command)
    end = whole.export()
    for stop in range(0, len(rows), 3):
        header = whole.journal.header
        market = Market(whole.street, Journal(streams_of(header), header))
        market.restore(states[stop])
        for command in rows[stop:]:
            market.apply(command)
        for name, column in market.export().items():
            np.testing.assert_array_equal(column, end[name], f"{name} after a stop before {rows[stop]}")
    assert not whole.wholesale.orders.waiting


def test_a_fault_in_the_ledger_would_show(make_market):
    market = make_market()
    with pytest.raises(LedgerError):
        market.wholesale.post(0, START_MS, Cause.FUEL, np.array([P, U]), np.array([5, -4]))


def test_rules_without_plants_or_customers_settle(make_market):
    bare = {
        "producers": np.zeros(0, np.int64), "plants": Plants.of([]), "upgrades": (), "reaches": (),
        "available_ppm": np.zeros((0, PERIODS), np.int64), "expected_ppm": np.zeros((0, PERIODS), np.int64),
        "standing": np.zeros(0, np.int64), "customers": np.zeros(0, np.int64),
        "million_wh": np.zeros((0, PERIODS), np.int64), "desk": None,
    }  # fmt: skip
    market = make_market(**bare)
    street = dataclasses.replace(
        market.street, kinds=("consumer", "consumer", "trader", "utility", "utility", "trader")
    )
    market = Market(street, Journal(streams_of(street.header()), street.header()))
    clear_day(market)
    for period in range(PERIODS):
        run_period(market, period)
    assert paid(market, U, 0)["IMBALANCE"] == -1_500 * 9_900
