"""Options of laboratory markets: improvement, clearing after a trade, and what traders see."""

import numpy as np
import pytest

from wattbook.journal import Journal
from wattbook.market import Market
from wattbook.market.setup import LaboratoryRules, MarketRules
from wattbook.messages import BUY, NO_PRICE, SELL, STREAMS, Action, Command, Refusal, See

TRADERS = {"ann": (BUY, (300, 200)), "bob": (BUY, (250,)), "sue": (SELL, (100, 150))}


@pytest.fixture
def make_market(make_street):
    def make(**rules):
        laboratory = LaboratoryRules(traders=TRADERS, **rules)
        street = make_street(
            sorted(TRADERS), feeder=[0, 0, 0], utility=[-1, -1, -1], kinds=("trader",) * 3, periods=2,
            has_district=False, market=MarketRules(300_000, 0, 50_000, 1, "off", 1_000, 10**9, laboratory),
        )  # fmt: skip
        return Market(street, Journal(STREAMS, street.header()))

    return make


def order(market, agent, side, price, action=Action.SUBMIT, number=0):
    now_ms = market.street.start_ms
    return market.apply(Command(now_ms, agent, action, 0, 1, number, side, price, 1))


def top(market):
    return market.town.top[0, 1].tolist()


def test_an_order_must_improve_its_side_or_cross_the_other(make_market):
    market = make_market(improve=True)
    assert order(market, 0, BUY, 120) == 0
    assert order(market, 1, BUY, 120) == Refusal.NO_IMPROVEMENT
    assert order(market, 1, BUY, 119) == Refusal.NO_IMPROVEMENT
    assert order(market, 1, BUY, 121) == 0
    assert order(market, 2, SELL, 200) == 0
    assert order(market, 2, SELL, 200) == Refusal.NO_IMPROVEMENT
    assert order(market, 2, SELL, 121) == 0
    assert market.trades == 1
    market.check()


def test_a_replaced_order_must_improve_too_and_else_stays_as_it_was(make_market):
    market = make_market(improve=True)
    order(market, 0, BUY, 120)
    assert order(market, 0, 0, 110, Action.REPLACE, 1) == Refusal.NO_IMPROVEMENT
    assert top(market)[:2] == [120, 1]
    assert order(market, 0, 0, 130, Action.REPLACE, 1) == 0
    assert top(market)[:2] == [130, 1]


def test_without_the_option_nothing_has_to_improve(make_market):
    market = make_market()
    assert [order(market, 0, BUY, 120), order(market, 1, BUY, 110), order(market, 1, BUY, 110)] == [0, 0, 0]


def test_a_trade_takes_out_all_that_rests_in_its_product(make_market):
    market = make_market(clear_after_trade=True)
    order(market, 0, BUY, 110)
    order(market, 1, BUY, 120)
    order(market, 2, SELL, 200)
    assert order(market, 2, SELL, 115) == 0
    assert market.trades == 1
    assert top(market) == [NO_PRICE, 0, NO_PRICE, 0]
    assert market.resting == 0
    assert market.town.open_buy_wh.sum() == market.town.open_sell_wh.sum() == 0
    market.check()


def test_a_trader_sees_the_limit_of_its_next_unit_and_the_last_shout(make_market):
    market = make_market()
    row = np.zeros((1, len(See._fields)), np.int64)
    row[0, See._fields.index("period")] = 1

    def seen(agent):
        row[0, See._fields.index("position_wh")] = market.town.net_wh[0, agent, 1]
        market.laboratory.see(agent, row)
        see = See._make(row[0].tolist())
        return see.limit_tick, see.side, see.units, see.turn, see.shout_side, see.shout_tick, see.shout_traded

    assert seen(0) == (300, BUY, 2, 1, 0, NO_PRICE, 0)
    order(market, 0, BUY, 120)
    assert seen(2) == (100, SELL, 2, 1, BUY, 120, 0)
    order(market, 2, SELL, 110)
    assert seen(0) == (200, BUY, 1, 1, SELL, 120, 1)
    order(market, 2, SELL, 110)
    order(market, 0, BUY, 111)
    assert seen(0) == (NO_PRICE, BUY, 0, 1, BUY, 110, 1)


def test_the_state_of_a_laboratory_survives_export(make_market):
    market, other = make_market(), make_market()
    order(market, 0, BUY, 120)
    other.restore(market.export())
    assert other.laboratory.shout.tolist() == market.laboratory.shout.tolist()
    assert top(other) == top(market)
