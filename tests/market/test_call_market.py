"""Call markets: orders gather, sealed, until an auction clears them."""

import dataclasses

import numpy as np
import pytest

from wattbook.book import BUY, SELL, Book, Code, Event, Flag, ReferenceBook, call_auction
from wattbook.market import AuctionRules, replay
from wattbook.messages import NO_PRICE, Action, Command

START_MS = 1_465_164_000_000
GATE_MS = START_MS - 300_000
BEFORE_MS = START_MS - 3_600_000
NAMES = ("A", "B", "C", "D", "U")
A, B, C, D, U = range(5)
FEEDER, DISTRICT = 0, 1
MID_TICK = 11_500


@pytest.fixture
def call_street(make_street):
    def make(**rules):
        street = make_street(
            NAMES,
            feeder=[0, 0, 0, 0, -1],
            utility=[U, U, U, U, -1],
            load=[2000, 1000, 0, 0, 0],
            generation=[0, 0, 1500, 1500, 0],
            retail={U: 15_000},
            feed_in={U: 8_000},
        )
        return dataclasses.replace(
            street, market=dataclasses.replace(street.market, auction=AuctionRules((MID_TICK,), **rules))
        )

    return make


def opened(market):
    market.apply(Command(START_MS - 32_400_000, -1, Action.OPEN, period=0, quantity_wh=1))
    return market


def order(market, agent, side, price_tick, quantity_wh, book=FEEDER, flags=0, at_ms=BEFORE_MS):
    code = market.apply(Command(at_ms, agent, Action.SUBMIT, book, 0, 0, side, price_tick, quantity_wh, flags))
    market.check()
    return code


def closed(market):
    market.apply(Command(GATE_MS, -1, Action.CLOSE, period=0))
    market.check()
    return market


def settled(market):
    for action in (Action.DELIVER, Action.SETTLE):
        market.apply(Command(START_MS + 900_000, -1, action, period=0))
        market.check()
    return market


def trades(market):
    rows = market.journal.read("trades")
    return list(zip(*(rows[n].tolist() for n in ("buyer", "seller", "price_tick", "quantity_wh")), strict=True))


def interest(market):
    """Demand 2000 at 140 and 1000 at 110, supply 1500 at 90 and 1500 at 120."""
    assert [
        order(market, A, BUY, 14_000, 2000), order(market, B, BUY, 11_000, 1000), order(market, C, SELL, 9_000, 1500),
        order(market, D, SELL, 12_000, 1500),
    ] == [0] * 4  # fmt: skip
    return market


def test_orders_wait_sealed_and_all_trade_at_one_price_when_the_gate_closes(call_street, open_market):
    """From 120 to 140 all of A's 2000 Wh trade and 1000 are left on offer, so the price is the lowest of these."""
    market = interest(opened(open_market(call_street())))
    assert trades(market) == []
    assert market.town.top[FEEDER, 0].tolist() == [NO_PRICE, 0, NO_PRICE, 0]
    closed(market)
    assert trades(market) == [(A, C, 12_000, 1500), (A, D, 12_000, 500)]
    rows = market.journal.read("trades")
    assert rows["time_ms"].tolist() == [GATE_MS, GATE_MS]
    assert rows["aggressor"].tolist() == [0, 0]
    left = market.journal.read("orders")
    expired = left["event"] == Event.EXPIRED
    assert list(zip(left["agent"][expired].tolist(), left["quantity_wh"][expired].tolist(), strict=True)) == [
        (B, 1000), (D, 1000),
    ]  # fmt: skip


def test_what_was_bought_in_an_auction_is_settled_like_any_trade(call_street, open_market):
    market = settled(closed(interest(opened(open_market(call_street())))))
    vat = lambda amount: amount * 19 // 100  # noqa: E731
    assert market.ledger.balance[:U].tolist() == [
        -2000 * 12_000 - (6_000_000 + 4_100_000) - vat(10_100_000),
        -1000 * (15_000 + 7_000 + 2_050) - vat(24_050_000),
        1500 * 12_000,
        500 * 12_000 + 1000 * 8_000,
    ]
    assert not market.ledger.reserved.any()


def test_pay_as_bid_lets_the_buyer_pay_its_own_limit(call_street, open_market):
    market = closed(interest(opened(open_market(call_street(pay_as_bid=True)))))
    assert trades(market) == [(A, C, 14_000, 1500), (A, D, 14_000, 500)]


@pytest.mark.parametrize(("pro_rata", "got"), [(False, [(A, 600), (B, 200)]), (True, [(A, 480), (B, 320)])])
def test_the_margin_is_served_by_time_or_by_quantity(call_street, open_market, pro_rata, got):
    market = opened(open_market(call_street(pro_rata=pro_rata)))
    order(market, A, BUY, 12_000, 600)
    order(market, B, BUY, 12_000, 400)
    order(market, C, SELL, 9_000, 800)
    assert [(buyer, wh) for buyer, _, _, wh in trades(closed(market))] == got


@pytest.mark.parametrize(
    ("bid", "ask", "price"), [(14_000, 9_000, 11_500), (11_000, 9_000, 11_000), (14_000, 12_500, 12_500)]
)
def test_of_tied_prices_the_one_nearest_to_mid_market_is_taken(call_street, open_market, bid, ask, price):
    market = opened(open_market(call_street()))
    order(market, A, BUY, bid, 100)
    order(market, C, SELL, ask, 100)
    assert trades(closed(market)) == [(A, C, price, 100)]


def test_auctions_before_the_last_clear_and_go_on_calling_and_their_price_is_the_next_reference(
    call_street, open_market
):
    market = opened(open_market(call_street(every_ms=600_000)))
    order(market, A, BUY, 9_500, 100)
    order(market, C, SELL, 9_000, 100)
    order(market, B, BUY, 13_000, 50, book=DISTRICT)
    market.apply(Command(BEFORE_MS, -1, Action.AUCTION, period=0, quantity_wh=1))
    market.check()
    assert trades(market) == [(A, C, 9_500, 100)]
    assert market.town.top[FEEDER, 0].tolist() == [NO_PRICE, 0, NO_PRICE, 0]
    order(market, A, BUY, 14_000, 100, at_ms=BEFORE_MS + 1)
    order(market, C, SELL, 9_000, 100, at_ms=BEFORE_MS + 1)
    order(market, D, SELL, 9_000, 50, book=DISTRICT, at_ms=BEFORE_MS + 1)
    assert len(trades(market)) == 1
    closed(market)
    assert trades(market)[1:] == [(A, C, 9_500, 100), (B, D, 11_500, 50)]


def test_orders_that_never_rest_are_refused_in_the_call_phase(call_street, open_market):
    market = opened(open_market(call_street()))
    order(market, C, SELL, 9_000, 100)
    for flags in (Flag.IOC, Flag.FOK, Flag.MARKET):
        assert order(market, A, BUY, 12_000, 100, flags=flags) == Code.WRONG_PHASE


def test_a_replaced_order_goes_last_and_a_cancelled_one_is_not_auctioned(call_street, open_market):
    market = opened(open_market(call_street()))
    for agent in (A, B, D):
        order(market, agent, BUY, 12_000, 100)
    order(market, C, SELL, 9_000, 150)
    assert market.apply(Command(BEFORE_MS, A, Action.REPLACE, order=1, price_tick=12_000, quantity_wh=101)) == 0
    assert market.apply(Command(BEFORE_MS, D, Action.CANCEL, order=3)) == 0
    assert [(buyer, wh) for buyer, _, _, wh in trades(closed(market))] == [(B, 100), (A, 50)]


def drawn_orders(seed):
    rng = np.random.default_rng(seed)
    count = int(rng.integers(2, 25))
    return np.column_stack(
        [
            np.arange(1, count + 1), rng.integers(0, 4, count), rng.choice([BUY, SELL], count),
            rng.integers(100, 130, count) * 100, rng.integers(1, 400, count),
        ]
    ).astype(np.int64)  # fmt: skip


@pytest.mark.parametrize("seed", range(40))
def test_a_call_market_is_the_call_auction_of_its_orders(call_street, open_market, seed):
    rows, pay_as_bid, pro_rata = drawn_orders(seed), bool(seed % 2), bool(seed // 2 % 2)
    street = call_street(pay_as_bid=pay_as_bid, pro_rata=pro_rata)
    market = opened(open_market(street, ReferenceBook if seed % 5 == 0 else Book))
    for _, agent, side, tick, wh in rows.tolist():
        assert order(market, agent, side, tick, wh) == 0
    closed(market)
    clearing = call_auction(
        rows, MID_TICK, "pay-as-bid" if pay_as_bid else "uniform", rationing="pro-rata" if pro_rata else "time"
    )
    journal = market.journal.read("trades")
    names = ("maker_order", "taker_order", "price_tick", "quantity_wh")
    assert np.column_stack([journal[name] for name in names]).tolist() == clearing.fills[:, 2:].tolist()
    assert market.trades == len(clearing.fills)
    again = replay(street, market.journal.header, market.journal.read("commands"))
    assert again.fingerprint() == market.journal.fingerprint()
