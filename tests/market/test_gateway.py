"""The gateway: a hand-computed period between homes, a producer and a utility, what is refused, saving and replay."""

import dataclasses

import numpy as np
import pytest

from wattbook.assets.plants import PlantKind, Plants, PowerPlant
from wattbook.book import Code, ReferenceBook
from wattbook.contracts import ContractSpec, DeskTerms, Kind, Verb
from wattbook.market import Market, MarketRules
from wattbook.market.gateway import GatewayRules
from wattbook.market.replaying import replay
from wattbook.market.setup import WholesaleRules
from wattbook.messages import BUY, SELL, Action, Cause, Command, Path, Refusal, Venue
from wattbook.units import PPM, eur

START_MS = 1_465_164_000_000
QUARTER_MS = 900_000
BEFORE_GATE = START_MS - 3_600_000
NAMES = ("A", "B", "P", "U")
A, B, P, U = range(4)
"""Two homes of the utility U, and a producer who burns gas at 40 EUR/MWh."""
FEEDER, GATEWAY = 0, 1
PERIODS = 2
ABLE_WH = 250_000
SINGLE = {
    "A": -59_567_650,
    "B": 14_100_000,
    "P": 37_000_000,
    "U": 4_300_000,
    "GRID": 15_865_000,
    "STATE": 14_167_650,
    "UPSTREAM": -25_865_000,
}
DUAL = {**SINGLE, "U": -1_100_000, "UPSTREAM": -20_465_000}


def wholesale_rules(**given):
    plants = Plants.of([PowerPlant(PlantKind.GAS, 1_000_000, 0, None, 4_000, owner=P)])
    defaults = {
        "producers": np.array([P]),
        "plants": plants,
        "upgrades": (None,),
        "available_ppm": np.full((1, PERIODS), PPM, np.int64),
        "expected_ppm": np.full((1, PERIODS), PPM, np.int64),
        "reaches": ((P, U),),
        "standing": np.array([], np.int64),
        "customers": np.array([], np.int64),
        "million_wh": np.zeros((0, PERIODS), np.int64),
        "sessions": ((START_MS, 0, PERIODS),),
        "auction": False,
        "floor_tick": -50_000,
        "cap_tick": 400_000,
        "link_wh": 1 << 40,
        "link_tick": 0,
        "imbalance_ppm": -1,
        "expected_tick": np.full(PERIODS, 9_000, np.int64),
    }
    return WholesaleRules(**(defaults | given))


@pytest.fixture
def make_market(make_street, open_market):
    def make(path=Path.STANDARD, make_book=None, floor_tick=0, wholesale=None, **street):
        rules = MarketRules(300_000, floor_tick, 50_000, 1, "off", 1_000, 10**6)
        settings = {
            "kinds": ("consumer", "prosumer", "producer", "utility"),
            "feeder": [0, 0, -1, -1],
            "utility": [U, U, -1, -1],
            "load": [2_700, 0, 0, 0],
            "generation": [0, 1_500, 0, 0],
            "retail": {U: 15_000},
            "feed_in": {U: 8_000},
            "periods": PERIODS,
            "has_district": False,
            "market": dataclasses.replace(rules, gateway=GatewayRules(int(path), (START_MS,))),
            "wholesale": wholesale_rules(**(wholesale or {})),
        }
        laid = make_street(NAMES, **(settings | street))
        return open_market(laid) if make_book is None else open_market(laid, make_book)

    return make


def offer(agent, side, price_tick, quantity_wh, period=0):
    return Command(
        BEFORE_GATE, agent, Action.OFFER, period=period, side=side, price_tick=price_tick, quantity_wh=quantity_wh
    )  # fmt: skip


def order(agent, side, price_tick, quantity_wh, book=GATEWAY, period=0, now_ms=BEFORE_GATE, flags=0):
    return Command(now_ms, agent, Action.SUBMIT, book, period, 0, side, price_tick, quantity_wh, flags)


def clear(market, count=PERIODS):
    assert market.apply(Command(BEFORE_GATE, -1, Action.CLEAR_DAY, period=0, quantity_wh=count)) == 0


def end(market, period=0):
    market.apply(Command(START_MS + period * QUARTER_MS - 300_000, -1, Action.CLOSE, period=period))
    for action in (Action.DELIVER, Action.SETTLE):
        assert market.apply(Command(START_MS + (period + 1) * QUARTER_MS, -1, action, period=period)) == 0
        market.check()


def play(market):
    """U buys 100 Wh day ahead and P sells 5,000; then homes, P and U trade, and the period ends."""
    assert market.apply(offer(U, BUY, 400_000, 100)) == 0
    assert market.apply(offer(P, SELL, 4_000, 5_000)) == 0
    clear(market)
    for command in (
        order(P, SELL, 10_000, 3_000),
        order(A, BUY, 12_000, 2_000),
        order(B, SELL, 9_500, 1_000),
        order(U, BUY, 9_600, 400),
        order(B, SELL, 11_000, 500, FEEDER),
        order(A, BUY, 13_000, 500, FEEDER),
    ):
        assert market.apply(command) == 0
        market.check()
    end(market)
    return market


def balances(market):
    money = dict(zip(market.street.account_names(), market.ledger.balance.tolist(), strict=True))
    return {name: amount for name, amount in money.items() if amount}


def paid(market, agent, cause):
    rows = market.journal.read("postings")
    return int(rows["amount"][(rows["account"] == agent) & (rows["cause"] == cause)].sum())


# --- a period by hand


@pytest.mark.parametrize(("long_tick", "expected"), [(12_000, SINGLE), (6_000, DUAL)], ids=["single", "dual"])
@pytest.mark.parametrize("make_book", [None, ReferenceBook])
def test_the_gateways_golden_case_settles_to_the_last_quantum(make_market, long_tick, expected, make_book):
    market = play(make_market(long=long_tick, make_book=make_book))
    assert balances(market) == expected
    assert sum(expected.values()) == 0


def test_the_golden_case_line_by_line(make_market):
    market = play(make_market())
    trades = market.journal.read("trades")
    columns = ("book", "buyer", "seller", "price_tick", "quantity_wh")
    assert list(zip(*(trades[name].tolist() for name in columns), strict=True)) == [
        (GATEWAY, A, P, 10_000, 2_000), (GATEWAY, U, B, 9_500, 400), (FEEDER, A, B, 11_000, 500),
    ]  # fmt: skip
    assert market.street.books == (("feeder-1", Venue.LOCAL), ("gateway", Venue.WHOLESALE))
    meters = market.journal.read("meters")
    assert meters["traded_wh"].tolist() == [2_500, -900]
    assert meters["residual_wh"].tolist() == [200, -600]
    flows = market.journal.read("flows")
    assert flows["flow_wh"].tolist() == [500, 0, 2_200]
    assert flows["losses_wh"].tolist() == [5, 0, 110]
    # A: retail, network and levy, and 2,000 Wh at 100 EUR/MWh bear VAT; what B sold it in the feeder's book does not.
    taxed = 200 * 15_000 + (500 * 3_000 + 2_200 * 7_000) + 2_700 * 2_050 + 2_000 * 10_000
    assert paid(market, A, Cause.VAT) == -taxed * 19 // 100 == -8_632_650
    assert paid(market, B, Cause.VAT) == 0, "what a home sells bears none"
    groups = market.journal.read("groups")
    columns = ("utility", "nominated_wh", "metered_wh", "deviation_wh")
    assert list(zip(*(groups[name].tolist() for name in columns), strict=True)) == [
        (P, -7_000, -7_000, 0), (U, 500, -400, -900),
    ]  # fmt: skip
    supply = market.journal.read("supply")
    assert supply["output_wh"].tolist() == [7_000], "what homes have bought is produced"


def test_a_path_of_the_district_costs_its_fee_and_loses_its_share(make_market):
    market = play(make_market(path=Path.DISTRICT))
    flows = market.journal.read("flows")
    assert flows["flow_wh"].tolist() == [500, 2_000, 200]
    assert flows["losses_wh"].tolist() == [5, 60, 10]
    assert paid(market, A, Cause.NETWORK) == -(500 * 3_000 + 2_000 * 5_000 + 200 * 7_000)


def test_a_home_that_deducts_vat_pays_none_here_either(make_market):
    market = play(make_market(vat_ppm=np.zeros(4, np.int64)))
    assert paid(market, A, Cause.VAT) == 0
    assert balances(market)["A"] == SINGLE["A"] + 8_632_650


def test_resale_through_the_gateway_is_taxed_on_what_was_paid_in_the_end(make_market):
    """A buys 2,000 Wh at 100 and sells 1,500 of them to B at 120: 20 ct less 18 ct are left to tax."""
    market = make_market(load=[500, 1_500, 0, 0], generation=0)
    clear(market)
    for command in (
        order(P, SELL, 10_000, 2_000),
        order(A, BUY, 10_000, 2_000),
        order(A, SELL, 12_000, 1_500),
        order(B, BUY, 12_000, 1_500),
    ):
        assert market.apply(command) == 0
    end(market)
    beside = {agent: sum(paid(market, agent, c) for c in (Cause.RETAIL, Cause.NETWORK, Cause.LEVY)) for agent in (A, B)}
    assert beside == {A: -500 * 9_050, B: -1_500 * 9_050}, "network and levy do not ask how often it was resold"
    assert paid(market, A, Cause.VAT) == (beside[A] - 2_000_000) * 19 // 100
    assert paid(market, B, Cause.VAT) == (beside[B] - 18_000_000) * 19 // 100


def test_who_gains_by_resale_owes_no_vat_on_it(make_market):
    market = make_market(load=[0, 2_000, 0, 0], generation=0)
    clear(market)
    for command in (
        order(P, SELL, 10_000, 2_000),
        order(A, BUY, 10_000, 2_000),
        order(A, SELL, 12_000, 2_000),
        order(B, BUY, 12_000, 2_000),
    ):
        assert market.apply(command) == 0
    end(market)
    assert balances(market)["A"] == 2_000 * 2_000


def test_energy_that_is_paid_for_with_money_bears_no_vat(make_market):
    market = make_market(floor_tick=-10_000, load=[2_000, 0, 0, 0], generation=0)
    clear(market)
    assert market.apply(order(P, SELL, -5_000, 2_000)) == 0
    assert market.apply(order(A, BUY, -5_000, 2_000)) == 0
    end(market)
    assert paid(market, A, Cause.TRADE) == 10_000_000
    assert paid(market, A, Cause.VAT) == -2_000 * 9_050 * 19 // 100


def test_a_producer_whose_plant_is_out_pays_imbalance_for_what_homes_bought(make_market):
    out = {"available_ppm": np.zeros((1, PERIODS), np.int64)}
    market = make_market(wholesale=out)
    clear(market)
    assert market.apply(order(P, SELL, 10_000, 2_000)) == 0
    assert market.apply(order(A, BUY, 10_000, 2_000)) == 0
    end(market)
    assert paid(market, P, Cause.TRADE) == 20_000_000
    assert paid(market, P, Cause.IMBALANCE) == -2_000 * 12_000
    assert paid(market, P, Cause.FUEL) == 0


def test_what_a_utility_sells_is_missing_in_its_group(make_market):
    market = make_market()
    assert market.apply(offer(U, BUY, 400_000, 3_000)) == 0
    clear(market)
    assert market.apply(order(U, SELL, 10_000, 2_000)) == 0
    assert market.apply(order(A, BUY, 10_000, 2_000)) == 0
    end(market)
    groups = market.journal.read("groups")
    mine = groups["utility"] == U
    # A's residual is 700, B's -1,500; 3,000 were bought and 2,000 sold on.
    assert groups["metered_wh"][mine].tolist() == [-800]
    assert groups["nominated_wh"][mine].tolist() == [1_000]
    assert market.wholesale.paid[market.wholesale.place[U]] == 3_000 * 9_000 - 2_000 * 10_000 - 1_800 * 12_000


# --- money that is set aside


def test_a_homes_bid_sets_vat_on_its_price_aside(make_market):
    market = make_market()
    clear(market)
    assert market.apply(order(A, BUY, 12_000, 2_000)) == 0
    fee = -(-(7_000 + 2_050) * 1_190_000 // PPM)
    assert market.ledger.reserved[A] == 2_000 * (12_000 + 2_280 + fee)
    assert market.apply(order(P, SELL, 11_999, 500)) == 0
    # Matched at the bid's own price: nothing is released.
    assert market.ledger.reserved[A] == 2_000 * (12_000 + 2_280 + fee)
    assert market.ledger.reserved[P] == 0
    market.check()


def test_a_home_without_the_money_for_vat_is_refused(make_market):
    fee = -(-(7_000 + 2_050) * 1_190_000 // PPM)
    need = 1_000 * (10_000 + 1_900 + fee)
    market = make_market(credit_limit=np.array([need - 1, 0, 0, 0]))
    clear(market)
    assert market.apply(order(A, BUY, 10_000, 1_000)) == Refusal.NO_FUNDS
    assert market.apply(order(A, BUY, 9_999, 1_000)) == 0
    assert market.apply(order(A, BUY, 0, 1)) == Refusal.NO_FUNDS


def test_utilities_and_producers_set_aside_the_price_alone(make_market):
    market = make_market(credit_limit=np.array([0, 0, 0, 10_000_000]))
    clear(market)
    assert market.apply(order(U, BUY, 10_000, 1_001)) == Refusal.NO_FUNDS
    assert market.apply(order(U, BUY, 10_000, 1_000)) == 0
    assert market.ledger.reserved[U] == 10_000_000
    assert market.apply(order(P, SELL, 0, ABLE_WH)) == 0, "who sells at a price above zero needs no money"


# --- the same energy is sold once


def test_a_plant_is_sold_once_in_all_markets(make_market):
    market = make_market()
    assert market.apply(offer(P, SELL, 4_000, 100_000)) == 0
    clear(market)
    assert market.apply(order(P, SELL, 10_000, ABLE_WH - 100_000 + 1)) == Refusal.NO_CAPABILITY
    assert market.apply(order(P, SELL, 10_000, 100_000)) == 0
    assert market.apply(order(P, SELL, 10_000, 50_001)) == Refusal.NO_CAPABILITY
    assert market.apply(order(P, SELL, 10_000, 50_000)) == 0
    assert market.apply(order(P, SELL, 10_000, 1, period=1)) == 0, "another period"
    # What it buys back it may sell again, what it has sold it has not.
    assert market.apply(order(A, BUY, 10_000, 2_000)) == 0
    assert market.apply(order(P, SELL, 10_000, 1)) == Refusal.NO_CAPABILITY
    assert market.apply(order(B, SELL, 9_000, 800)) == 0
    assert market.apply(order(P, BUY, 9_000, 800)) == 0
    assert market.apply(order(P, SELL, 10_000, 801)) == Refusal.NO_CAPABILITY
    assert market.apply(order(P, SELL, 10_000, 800)) == 0
    market.check()


def test_an_offer_that_nobody_took_day_ahead_is_free_again(make_market):
    market = make_market()
    assert market.apply(offer(P, SELL, 9_001, ABLE_WH)) == 0
    clear(market)
    assert market.apply(order(P, SELL, 10_000, ABLE_WH)) == 0


def test_a_utility_sells_what_it_has_bought_and_no_more(make_market):
    market = make_market()
    assert market.apply(offer(U, BUY, 400_000, 300)) == 0
    clear(market)
    assert market.apply(order(U, SELL, 10_000, 301)) == Refusal.NO_CAPABILITY
    assert market.apply(order(U, SELL, 10_000, 300)) == 0
    assert market.apply(order(B, SELL, 9_000, 50)) == 0
    assert market.apply(order(U, BUY, 9_000, 50)) == 0
    assert market.apply(order(U, SELL, 10_000, 51)) == Refusal.NO_CAPABILITY
    assert market.apply(order(U, SELL, 10_000, 50)) == 0
    assert market.apply(order(U, SELL, 10_000, 1, period=1)) == Refusal.NO_CAPABILITY


def test_contracts_count_on_both_sides(make_market):
    spec = ContractSpec("forward", "local", Kind.FORWARD, 1, (1_000,))
    terms = DeskTerms(
        agents=4, specs=(spec,), start_ms=START_MS, period_ms=QUARTER_MS, renewable=(), house_capital=eur(50)
    )
    market = make_market(wholesale={"desk": terms})
    posted = {"book": 0, "side": SELL, "price_tick": 9_500, "quantity_wh": 50, "flags": 1_000}
    assert market.apply(Command(BEFORE_GATE, P, int(Verb.POST), **posted)) == 0
    taken = {"order": max(market.wholesale.desk.board.offers), "price_tick": 9_500, "quantity_wh": 50}
    assert market.apply(Command(BEFORE_GATE, U, int(Verb.TAKE), **taken)) == 0
    clear(market)
    assert market.apply(order(P, SELL, 10_000, ABLE_WH - 50_000 + 1, period=1)) == Refusal.NO_CAPABILITY
    assert market.apply(order(P, SELL, 10_000, ABLE_WH - 50_000, period=1)) == 0
    assert market.apply(order(U, SELL, 11_000, 50_001, period=1)) == Refusal.NO_CAPABILITY
    assert market.apply(order(U, SELL, 11_000, 50_000, period=1)) == 0


def test_a_replaced_order_counts_once(make_market):
    market = make_market()
    clear(market)
    assert market.apply(order(P, SELL, 10_000, ABLE_WH)) == 0
    again = Command(BEFORE_GATE, P, Action.REPLACE, order=1, price_tick=9_000, quantity_wh=ABLE_WH)
    assert market.apply(again) == 0
    assert market.apply(again._replace(quantity_wh=ABLE_WH + 1)) == Refusal.NO_CAPABILITY
    assert market.apply(again._replace(quantity_wh=10, time_ms=START_MS - 300_000)) == Refusal.GATE_CLOSED
    assert market.apply(again._replace(agent=U, quantity_wh=10)) == Code.NOT_OWNER
    assert market.apply(again._replace(order=77)) == Code.UNKNOWN_ORDER
    assert market.apply(Command(BEFORE_GATE, P, Action.CANCEL, order=1)) == 0
    assert market.apply(order(P, SELL, 10_000, ABLE_WH)) == 0
    assert market.apply(Command(BEFORE_GATE, P, Action.CANCEL_ALL)) == 0
    assert market.resting == 0
    market.check()


# --- who is refused


def test_refusals_say_why(make_market):
    market = make_market()
    gate_ms = START_MS - 300_000
    assert market.apply(order(P, SELL, 10_000, 10)) == Refusal.GATE_NOT_OPEN, "not cleared day ahead"
    clear(market, count=1)
    cases = {
        Refusal.UNKNOWN_BOOK: order(P, SELL, 10_000, 10, book=FEEDER),
        Refusal.UNKNOWN_PRODUCT: order(P, SELL, 10_000, 10, period=PERIODS),
        Refusal.GATE_CLOSED: order(P, SELL, 10_000, 10, now_ms=gate_ms),
        Refusal.GATE_NOT_OPEN: order(P, SELL, 10_000, 10, period=1),
        Refusal.OUT_OF_RANGE: order(P, SELL, 10_000, 10**6 + 1),
        Code.BAD_SIDE: order(P, 0, 10_000, 10),
        Code.QUANTITY_NOT_POSITIVE: order(P, SELL, 10_000, 0),
        Code.PRICE_OUTSIDE_BAND: order(P, SELL, 50_001, 10),
    }
    for code, command in cases.items():
        assert market.apply(command) == code
    assert market.apply(order(P, SELL, 10_000, 10, book=7)) == Refusal.UNKNOWN_BOOK
    assert market.apply(order(P, SELL, 10_000, 10, now_ms=START_MS - 50_000_000)) == Refusal.GATE_NOT_OPEN
    assert market.apply(order(P, SELL, 10_000, 10, now_ms=gate_ms - 1)) == 0
    rows = market.journal.read("orders")
    refused = rows["event"] == -1
    assert set(rows["code"][refused].tolist()) == {int(code) for code in cases}


def test_more_than_the_place_could_carry_is_not_bought(make_market):
    market = make_market(credit_limit=np.full(4, 10**15, np.int64))
    clear(market)
    most = market.wholesale.orders.largest_wh
    assert most == 4 * 100_000 + ABLE_WH
    assert market.apply(order(U, BUY, 1, most)) == 0
    assert market.apply(order(U, BUY, 1, 1)) == Refusal.OUT_OF_RANGE


def test_a_home_that_has_left_reaches_nobody(make_market):
    market = make_market()
    clear(market)
    assert market.apply(Command(BEFORE_GATE, A, Action.LEAVE)) == 0
    assert market.apply(order(A, BUY, 12_000, 100)) == Refusal.DISCONNECTED


def test_who_is_in_quarantine_is_out_of_the_gateway_too(make_market):
    market = make_market()
    clear(market)
    assert market.apply(order(P, SELL, 10_000, 10)) == 0
    assert market.apply(Command(BEFORE_GATE, -1, Action.QUARANTINE, order=P)) == 0
    assert market.resting == 0
    for action in (Action.SUBMIT, Action.CANCEL, Action.REPLACE, Action.CANCEL_ALL):
        assert market.apply(order(P, SELL, 10_000, 10)._replace(action=action, order=1)) == Refusal.QUARANTINED


def test_without_a_gateway_nobody_else_gets_into_a_book(make_market):
    market = make_market(has_district=True, market=MarketRules(300_000, 0, 50_000, 1, "off", 1_000, 10**6))
    clear(market)
    assert market.apply(order(P, SELL, 10_000, 10)) == Refusal.UNKNOWN_BOOK
    assert market.wholesale.gateway is None
    assert market.street.books[-1] == ("district", Venue.DISTRICT)


# --- saving and replay


def test_a_restored_gateway_goes_on_the_same(make_market):
    market = make_market()
    assert market.apply(offer(P, SELL, 4_000, 5_000)) == 0
    clear(market)
    assert market.apply(order(P, SELL, 10_000, 3_000)) == 0
    second = Market(market.street, make_market().journal)
    second.restore(market.export())
    for each in (market, second):
        assert each.apply(order(A, BUY, 12_000, 2_000)) == 0
        assert each.apply(order(P, SELL, 10_000, ABLE_WH)) == Refusal.NO_CAPABILITY
        end(each)
    np.testing.assert_array_equal(market.ledger.balance, second.ledger.balance)
    assert all((column == second.export()[name]).all() for name, column in market.export().items())


def test_a_run_is_replayed_from_its_commands(make_market):
    market = play(make_market())
    again = replay(market.street, market.journal.header, market.journal.read("commands"))
    assert again.fingerprint() == market.journal.fingerprint()
