"""The desk's golden case: 40 kWh at 90.00 EUR/MWh, every number exact."""

import pytest
from bank import DAY_MS, Bank, spec

from wattbook.contracts import Event, Kind, LegCause, Verb
from wattbook.contracts.words import NOBODY
from wattbook.messages import BUY, House
from wattbook.units import eur

BUYER, SELLER, OTHER, CLEARING = 0, 1, 2, 4 + House.CLEARING
SPOTS = (9_400, 9_700, 9_300, 9_800)
KWH_40 = 40_000


def variation(answer, agent):
    return sum(leg.amount for leg in answer.legs if leg.account == agent and leg.cause == LegCause.VARIATION)


@pytest.fixture(params=[Kind.FUTURE_CASH, Kind.FUTURE_PHYSICAL], ids=lambda kind: kind.name.lower())
def signed(request):
    bank = Bank(spec(kind=request.param))
    bank.trade(BUYER, SELLER, 9_000)
    return bank


def test_the_initial_margin_is_a_tenth_of_the_notional(signed):
    assert signed.desk.margin(BUYER) == signed.desk.margin(SELLER) == eur(0.36)
    assert signed.got(CLEARING, LegCause.MARGIN) == eur(0.72)


def test_marks_move_the_variation_margin(signed):
    moved = [signed.mark(price) for price in (9_200, 8_700, 9_500)]
    assert [variation(answer, BUYER) for answer in moved] == [eur(0.08), -eur(0.20), eur(0.32)]
    assert [variation(answer, SELLER) for answer in moved] == [-eur(0.08), eur(0.20), -eur(0.32)]
    assert signed.got(CLEARING, LegCause.VARIATION) == 0


def test_spot_cost_less_futures_gain_is_price_times_quantity(signed):
    for price in (9_200, 8_700, 9_500):
        signed.mark(price)
    signed.deliver_until(96)
    before = signed.got(BUYER, LegCause.VARIATION)
    delivered = [signed.deliver(96 + place, price, {SELLER: 10_000}) for place, price in enumerate(SPOTS)]
    gain = signed.got(BUYER, LegCause.VARIATION)
    assert gain - before == eur(0.02)
    physical = signed.desk.terms.specs[0].kind == Kind.FUTURE_PHYSICAL
    bought_wh = sum(wh for period in delivered for agent, wh in period.energy if agent == BUYER)
    assert bought_wh == (KWH_40 if physical else 0)
    # A physical future delivers the energy at the index; who holds a cash future buys it there by itself.
    at_spot = -signed.got(BUYER, LegCause.DELIVERY) if physical else sum(price * 10_000 for price in SPOTS)
    assert at_spot == eur(3.82)
    assert at_spot - gain == eur(3.60) == 9_000 * KWH_40
    assert signed.got(BUYER, LegCause.MARGIN) == 0
    assert signed.balance[CLEARING] == 0


def test_delivery_without_a_mark_settles_against_the_price_of_the_trade(signed):
    signed.deliver_until(96)
    for place, price in enumerate(SPOTS):
        signed.deliver(96 + place, price, {SELLER: 10_000})
    assert eur(3.82) - signed.got(BUYER, LegCause.VARIATION) == eur(3.60)


@pytest.mark.parametrize(("last", "from_fund"), [(9_600, 0), (9_700, eur(0.04))])
def test_a_seller_that_does_not_pay_loses_its_margin_and_then_its_fund(last, from_fund):
    bank = Bank(spec(kind=Kind.FUTURE_CASH), call_ms=1_000)
    bank.do(SELLER, Verb.CONTRIBUTE, lots=eur(0.10))
    bank.trade(BUYER, SELLER, 9_000)
    bank.mark(9_200)
    bank.mark(8_700)
    bank.balance[SELLER] = eur(0.31)
    called = bank.mark(9_500)
    assert variation(called, BUYER) == eur(0.32)
    assert bank.desk.owed(SELLER) == eur(0.32)
    bank.expire(999)
    assert not bank.of(Event.DEFAULTED)
    bank.expire(1_000)
    assert [row.amount for row in bank.of(Event.DEFAULTED)] == [eur(0.32)]
    before = bank.balance[SELLER]
    closed = bank.mark(last, at=1_001)
    assert variation(closed, BUYER) == (last - 9_500) * KWH_40
    assert [row.amount for row in bank.of(Event.LOSS_TO_MARGIN)] == [eur(0.36)]
    assert [row.amount for row in bank.of(Event.LOSS_TO_OWN_FUND)] == ([from_fund] if from_fund else [])
    assert bank.balance[SELLER] - before == eur(0.10) - from_fund
    assert bank.desk.positions(BUYER) == {}
    # The buyer has what the future was worth, and its margin back: it can buy again at the mark.
    assert bank.got(BUYER, LegCause.VARIATION) == (last - 9_000) * KWH_40
    assert bank.got(BUYER, LegCause.MARGIN) == 0
    assert bank.balance[CLEARING] == 0
    assert not {Event.LOSS_TO_CAPITAL, Event.LOSS_TO_MUTUAL_FUND} & {row.event for row in bank.rows}


def test_a_loss_beyond_its_own_money_goes_down_the_layers_in_their_order():
    bank = Bank(spec(), agents=5, call_ms=1_000, house_capital=eur(0.05))
    bank.balance[5 + House.CLEARING] = eur(0.05)
    third = 3
    bank.do(SELLER, Verb.CONTRIBUTE, lots=eur(0.10))
    bank.do(OTHER, Verb.CONTRIBUTE, lots=eur(0.02))
    bank.do(third, Verb.CONTRIBUTE, lots=eur(0.01))
    bank.trade(BUYER, SELLER, 9_000)
    bank.balance[SELLER] = 0
    bank.mark(9_000 + 1_000)
    bank.expire(1_000)
    bank.mark(9_000 + 1_500, at=1_001)
    layers = [(row.event, row.buyer, row.amount) for row in bank.rows if 26 <= row.event <= 30]
    assert layers == [
        (Event.LOSS_TO_MARGIN, SELLER, eur(0.36)),
        (Event.LOSS_TO_OWN_FUND, SELLER, eur(0.10)),
        (Event.LOSS_TO_CAPITAL, SELLER, eur(0.05)),
        (Event.LOSS_TO_MUTUAL_FUND, OTHER, eur(0.02)),
        (Event.LOSS_TO_MUTUAL_FUND, third, eur(0.01)),
        (Event.LOSS_TO_GAINS, BUYER, eur(0.06)),
    ]
    assert bank.got(BUYER, LegCause.VARIATION) == eur(0.60 - 0.06)
    assert bank.balance[5 + House.CLEARING] == 0


def test_marks_come_from_trades_then_quotes_then_the_mark_before():
    bank = Bank(spec(), agents=4)
    bank.trade(BUYER, SELLER, 9_000, lots=1)
    bank.trade(OTHER, SELLER, 9_003, lots=2)
    bank.mark()
    bank.do(BUYER, Verb.POST, spec=0, side=BUY, price=9_010, lots=1, good=DAY_MS // 2)
    bank.do(SELLER, Verb.POST, spec=0, side=-BUY, price=9_021, lots=1, good=DAY_MS // 2)
    bank.mark()
    bank.now_ms = DAY_MS // 2
    bank.mark()
    kinds = (Event.MARKED_BY_TRADES, Event.MARKED_BY_QUOTES, Event.MARKED_STALE)
    assert [(row.event, row.price_tick) for row in bank.rows if row.event in kinds] == list(
        zip(kinds, (9_002, 9_016, 9_016), strict=True)
    )
    assert all(row.buyer == row.seller == NOBODY for row in bank.rows if row.event in kinds)
