"""Golden case G1: one delivery period, every number exact, and its variants."""

import dataclasses

import numpy as np
import pytest

from wattbook.book import ReferenceBook
from wattbook.messages import BUY, SELL, Action, Cause, Command, House

START_MS = 1_465_164_000_000
QUARTER_MS = 900_000
NAMES = ("A", "B", "C", "D", "U", "V")
A, B, C, D, U, V = range(6)
FEEDER, DISTRICT = 0, 1
BEFORE_GATE = START_MS - 3_600_000

ORDERS = (
    (C, FEEDER, SELL, 12_500, 2000),
    (A, FEEDER, BUY, 16_000, 2000),
    (B, DISTRICT, SELL, 14_000, 3000),
    (A, DISTRICT, BUY, 15_000, 500),
    (D, DISTRICT, BUY, 13_000, 1500),
    ("cancel", B, 3),
    (B, DISTRICT, SELL, 13_000, 1200),
)
SINGLE = {
    "A": -53_937_650,
    "B": 19_030_000,
    "C": 27_250_000,
    "D": -31_629_300,
    "U": 2_250_000,
    "V": 2_150_000,
    "GRID": 16_481_000,
    "UPSTREAM": 3_369_000,
    "STATE": 15_036_950,
}
DUAL = {**SINGLE, "V": 1_550_000, "UPSTREAM": 3_969_000}
SINGLE_CENTS = {"A": -54, "B": 19, "C": 27, "D": -32, "U": 2, "V": 2, "GRID": 16, "UPSTREAM": 3, "STATE": 15}


@pytest.fixture
def golden_street(make_street):
    def make(**given):
        settings = {
            "feeder": [0, 0, 0, 0, -1, -1],
            "utility": [U, U, V, V, -1, -1],
            "load": [2700, 0, 0, 1400, 0, 0],
            "generation": [0, 1500, 2300, 0, 0, 0],
            "retail": {U: 15_000, V: 16_000},
            "feed_in": {U: 8_000, V: 7_500},
            **given,
        }
        return make_street(NAMES, **settings)

    return make


def play(market, orders=ORDERS, nominated=350):
    """Send the orders, close the gate, deliver and settle."""
    for row in orders:
        if row[0] == "cancel":
            command = Command(BEFORE_GATE, row[1], Action.CANCEL, order=row[2])
        else:
            agent, book, side, price, quantity = row
            command = Command(BEFORE_GATE, agent, Action.SUBMIT, book, 0, 0, side, price, quantity)
        assert market.apply(command) == 0
        market.check()
    if nominated:
        assert market.apply(Command(BEFORE_GATE, U, Action.NOMINATE, period=0, quantity_wh=nominated)) == 0
    market.apply(Command(START_MS - 300_000, -1, Action.CLOSE, period=0))
    market.check()
    for action in (Action.DELIVER, Action.SETTLE):
        market.apply(Command(START_MS + QUARTER_MS, -1, action, period=0))
        market.check()
    return market


def balances(market):
    return dict(zip(market.street.account_names(), market.ledger.balance.tolist(), strict=True))


def nonzero(market):
    return {name: money for name, money in balances(market).items() if money}


def flows(market):
    rows = market.journal.read("flows")
    return rows["flow_wh"].tolist(), rows["losses_wh"].tolist()


def bill(market):
    before = balances(market)
    market.apply(Command(START_MS + QUARTER_MS, -1, Action.BILL, period=0))
    market.check()
    return before, balances(market)


@pytest.mark.parametrize(("long_tick", "expected"), [(12_000, SINGLE), (6_000, DUAL)], ids=["single", "dual"])
def test_the_golden_case_settles_to_the_last_quantum(golden_street, open_market, long_tick, expected):
    market = play(open_market(golden_street(long=long_tick)))
    assert nonzero(market) == expected


def test_the_golden_case_is_the_same_on_the_reference_book(golden_street, open_market):
    assert nonzero(play(open_market(golden_street(), ReferenceBook))) == SINGLE


def test_the_golden_case_makes_three_trades_at_the_makers_prices(golden_street, open_market):
    trades = play(open_market(golden_street())).journal.read("trades")
    rows = zip(*(trades[c].tolist() for c in ("buyer", "seller", "price_tick", "quantity_wh")), strict=True)
    assert list(rows) == [(A, C, 12_500, 2000), (A, B, 14_000, 500), (D, B, 13_000, 1200)]


def test_the_golden_case_has_its_residuals_flows_losses_and_groups(golden_street, open_market):
    market = play(open_market(golden_street()))
    meters, groups = market.journal.read("meters"), market.journal.read("groups")
    assert meters["residual_wh"].tolist() == [200, 200, -300, 200]
    assert flows(market) == ([2000, 1700, 400], [20, 51, 20])
    assert groups["metered_wh"].tolist() == [400, -100]
    assert groups["deviation_wh"].tolist() == [50, -100]
    imported = int(groups["metered_wh"].sum()) + 91
    assert imported == 391


@pytest.mark.parametrize(("long_tick", "rounding"), [(12_000, 2), (6_000, 1)], ids=["single", "dual"])
def test_the_golden_invoices_are_whole_cents_and_rounding_takes_the_rest(
    golden_street, open_market, long_tick, rounding
):
    market = play(open_market(golden_street(long=long_tick)))
    _, billed = bill(market)
    cents = {name: money // 1_000_000 for name, money in billed.items() if money}
    dual = {**SINGLE_CENTS, "UPSTREAM": 4}
    assert cents == {**(SINGLE_CENTS if long_tick == 12_000 else dual), "ROUNDING": rounding}
    assert all(money % 1_000_000 == 0 for money in billed.values())


def test_without_trades_every_home_deals_with_its_utility_alone(golden_street, open_market):
    """A: 2700 x (150 + 70 + 20.50) x 1.19; D: 1400 x (160 + 70 + 20.50) x 1.19; B and C are paid feed-in."""
    market = play(open_market(golden_street()), orders=(), nominated=0)
    assert nonzero(market) == {
        "A": -(40_500_000 + 18_900_000 + 5_535_000) * 119 // 100,
        "B": 12_000_000,
        "C": 17_250_000,
        "D": -(22_400_000 + 9_800_000 + 2_870_000) * 119 // 100,
        # U: retail 2700 x 15000, feed-in 1500 x 8000, deviation 1200 at 12000
        "U": 40_500_000 - 12_000_000 - 14_400_000,
        # V: retail 1400 x 16000, feed-in 2300 x 7500, 900 long at 12000
        "V": 22_400_000 - 17_250_000 + 10_800_000,
        "GRID": 18_900_000 + 9_800_000 - 205 * 9_000,
        "UPSTREAM": 14_400_000 - 10_800_000 + 205 * 9_000,
        "STATE": 5_535_000 + 2_870_000 + 12_337_650 + 6_663_300,
    }
    assert flows(market) == ([0, 0, 4100], [0, 0, 205])


def test_a_long_place_exports_and_pays_no_network_use(golden_street, open_market):
    market = play(open_market(golden_street(load=0)), orders=(), nominated=0)
    assert nonzero(market) == {
        "B": 12_000_000,
        "C": 17_250_000,
        "U": -12_000_000 + 18_000_000,
        "V": -17_250_000 + 27_600_000,
        "UPSTREAM": -18_000_000 - 27_600_000,
    }
    assert flows(market) == ([0, 0, 0], [0, 0, 0])


def test_at_a_negative_price_the_seller_pays(golden_street, open_market):
    street = golden_street()
    street = dataclasses.replace(street, market=dataclasses.replace(street.market, floor_tick=-20_000))
    market = play(open_market(street), orders=((C, FEEDER, SELL, -1_000, 2000), (A, FEEDER, BUY, 100, 2000)))
    postings = market.journal.read("postings")
    trade = postings["cause"] == Cause.TRADE
    assert dict(zip(postings["account"][trade].tolist(), postings["amount"][trade].tolist(), strict=True)) == {
        A: 2_000_000,
        C: -2_000_000,
    }


def test_a_missing_meter_is_billed_by_its_substitute(golden_street, open_market):
    missing = np.zeros((6, 1), bool)
    missing[A] = True
    substitute = np.zeros((6, 1), np.int64)
    substitute[A] = 2600
    market = play(open_market(golden_street(missing=missing, substitute_wh=substitute)))
    meters = market.journal.read("meters")
    assert meters["substitute"].tolist() == [1, 0, 0, 0]
    assert meters["residual_wh"].tolist() == [100, 200, -300, 200]
    saved = 100 * (15_000 + 7_000 + 2_050) * 119 // 100
    assert balances(market)["A"] == SINGLE["A"] + saved
    assert sum(balances(market).values()) == 0


def test_a_prosumer_on_both_sides_of_a_period_settles_its_net(golden_street, open_market):
    """D buys 1200 in the district and sells 500 of it on in the feeder: its network use is that of 700."""
    orders = (*ORDERS, (D, FEEDER, SELL, 14_500, 500), (A, FEEDER, BUY, 14_500, 500))
    market = play(open_market(golden_street()), orders=orders)
    meters = market.journal.read("meters")
    assert meters["residual_wh"].tolist() == [-300, 200, -300, 700]
    # A: feeder 2500, district 200 of 500; D: district 700, standard 700
    assert flows(market) == ([2500, 900, 700], [25, 27, 35])
    assert sum(balances(market).values()) == 0


def test_resale_before_the_gate_moves_neither_network_use_nor_losses(golden_street, open_market):
    plain = play(open_market(golden_street()))
    resale = (*ORDERS, (A, FEEDER, SELL, 15_500, 700), (D, FEEDER, BUY, 15_500, 700), (D, FEEDER, SELL, 15_000, 700),
              (A, FEEDER, BUY, 15_000, 700))  # fmt: skip
    resold = play(open_market(golden_street()), orders=resale)
    assert flows(resold) == flows(plain)
    change = {name: money - balances(plain)[name] for name, money in balances(resold).items()}
    assert {name: money for name, money in change.items() if money} == {"A": 350_000, "D": -350_000}


def test_orders_split_into_twins_change_nothing_but_the_number_of_trades(golden_street, open_market):
    twins = []
    for row in ORDERS:
        if row[0] == "cancel":
            # B's twins are orders 5 and 6; the first was filled by 500 of its 1500.
            twins += [("cancel", B, 5), ("cancel", B, 6)]
        else:
            twins += [(*row[:4], row[4] // 2)] * 2
    market = play(open_market(golden_street()), orders=twins)
    assert nonzero(market) == SINGLE
    assert flows(market) == ([2000, 1700, 400], [20, 51, 20])
    assert market.trades > 3


def test_the_gate_expires_what_is_left_and_refuses_what_comes_at_its_very_moment(golden_street, open_market):
    market = play(open_market(golden_street()))
    orders = market.journal.read("orders")
    expired = orders["event"] == 4
    assert orders["quantity_wh"][expired].tolist() == [300]
    assert orders["agent"][expired].tolist() == [D]


def test_posting_a_settled_transfer_again_has_no_effect(golden_street, open_market):
    market = play(open_market(golden_street()))
    before = balances(market)
    market.settlement.post(0, 0, 0, Cause.TRADE, 0, np.array([A, C]), np.array([-25_000_000, 25_000_000]))
    assert balances(market) == before


def test_house_accounts_follow_the_agents(golden_street, open_market):
    market = open_market(golden_street())
    assert market.street.account_names()[market.account(House.ROUNDING)] == "ROUNDING"
