"""What a called agent owes comes before all that the house would give it; deadlines hold without being swept."""

import pytest
from bank import BUY, SELL, Bank, spec

from wattbook.contracts import Code, Event, Kind, LegCause, Verb
from wattbook.messages import House

A, B, C, D = range(4)
NOTIONAL = 9_000 * 40_000
MARGIN = NOTIONAL // 10
OWED = (Event.CALLED, Event.CALL_PAID, Event.DEFAULTED)
LAYERS = range(Event.LOSS_TO_MARGIN, Event.LOSS_TO_GAINS + 1)


def told(bank, *events):
    return [(row.event, row.buyer, row.amount) for row in bank.rows if row.event in events]


# --- C9: margin that comes back in delivery


@pytest.mark.parametrize("kind", [Kind.FUTURE_CASH, Kind.FUTURE_PHYSICAL])
def test_c9_margin_that_the_last_period_releases_bears_the_loss_of_that_period_first(kind):
    bank = Bank(spec(kind=kind, first=1, profile=(40_000,)), agents=2, money=[MARGIN, 10**9], call_ms=10)
    bank.trade(A, B, 9_000)
    bank.deliver(0)
    bank.deliver(1, 8_000)
    loss = 1_000 * 40_000
    energy = 8_000 * 40_000 if kind == Kind.FUTURE_PHYSICAL else 0
    assert bank.balance[A] == -energy
    assert bank.desk.owed(A) == loss - MARGIN
    assert told(bank, *OWED) == [(Event.CALLED, A, loss), (Event.CALL_PAID, A, MARGIN)]
    bank.expire(bank.now_ms + 10)
    bank.mark()
    assert [row.amount for row in bank.rows if row.event in LAYERS] == [loss - MARGIN]
    assert bank.balance[A] == -energy
    assert bank.balance[B] == 10**9 + MARGIN + energy
    assert bank.balance[2 + House.CLEARING] == 0


def test_released_margin_and_cash_together_pay_a_loss_without_a_call():
    bank = Bank(spec(first=1, profile=(40_000,)), agents=2, money=[MARGIN + 4_000_000, 10**9])
    bank.trade(A, B, 9_000)
    bank.deliver(0)
    bank.deliver(1, 8_000)
    assert bank.balance[A] == 0
    assert told(bank, *OWED) == []


@pytest.mark.parametrize("places", [(0, 1), (1, 0)])
def test_futures_of_one_period_are_settled_together(places):
    """What one gains and releases pays for what the other loses, whichever stands first in the catalogue."""
    gaining, losing = places
    products = [spec(name, first=1, profile=(40_000,), index=name) for name in ("first", "second")]
    bank = Bank(*products, agents=2, money=[2 * MARGIN, 10**9], call_ms=10)
    for place in places:
        bank.trade(A, B, 9_000, spec=place)
    bank.deliver(0)
    bank.deliver(1, {products[gaining].name: 9_500, products[losing].name: 6_000})
    # 1.20 EUR lost, 0.20 EUR gained, 0.72 EUR of margin.
    loss = (3_000 - 500) * 40_000
    assert bank.balance[A] == 0
    assert bank.desk.owed(A) == loss - 2 * MARGIN
    assert told(bank, *OWED)[0] == (Event.CALLED, A, loss)


def test_released_margin_goes_against_a_call_from_before_and_the_new_loss():
    bank = Bank(spec(first=1, profile=(10_000,) * 4), agents=2, money=[MARGIN, 10**9])
    bank.trade(A, B, 9_000)
    bank.mark(8_900)
    bank.deliver(0)
    assert bank.desk.owed(A) == 100 * 40_000
    bank.deliver(1, 8_000)
    assert bank.desk.owed(A) == 100 * 40_000 + 900 * 10_000 - MARGIN // 4
    assert bank.desk.margin(A) == MARGIN - MARGIN // 4
    assert bank.balance[A] == 0


# --- D12: everything that the house would pay


def test_collateral_that_is_released_goes_against_a_call():
    bank = Bank(spec(), spec("forward", Kind.FORWARD, first=1, profile=(10_000,)), collateral_threshold=0)
    bank.trade(A, B, 9_000)
    bank.trade(A, C, 9_000, spec=1)
    bank.balance[A] = 0
    bank.mark(8_000)
    owed = 1_000 * 40_000
    assert bank.desk.owed(A) == owed
    bank.deliver(0)
    bank.deliver(1, 0, {C: 10_000})
    # The 0.90 EUR of collateral pay the call; the energy is an obligation between A and C.
    assert bank.desk.owed(A) == 0
    assert bank.got(A, LegCause.COLLATERAL) == -owed
    assert bank.got(C, LegCause.COLLATERAL) == 0
    assert told(bank, *OWED) == [(Event.CALLED, A, owed), (Event.CALL_PAID, A, owed)]
    assert bank.balance[A] == 9_000 * 10_000 - owed - 9_000 * 10_000


def test_collateral_that_is_released_to_a_defaulter_waits_for_its_close_out():
    bank = Bank(spec(), spec("forward", Kind.FORWARD), collateral_threshold=0, call_ms=10)
    bank.trade(A, B, 9_000)
    contract = bank.trade(A, C, 9_000, spec=1)
    bank.do(A, Verb.CANCEL_CONTRACT, contract)
    bank.balance[A] = 0
    bank.mark(7_000)
    bank.expire(10)
    bank.do(C, Verb.CANCEL_CONTRACT, contract)
    assert bank.balance[A] == 0
    bank.mark()
    # It owes 0.80 EUR, and gets 3.60 EUR of collateral and 0.36 EUR of margin less that.
    assert bank.balance[A] == NOTIONAL + MARGIN - 2_000 * 40_000
    assert not bank.of(Event.LOSS_TO_GAINS)
    assert bank.balance[4 + House.CLEARING] == 0


def test_energy_that_a_called_agent_sells_by_physical_futures_goes_against_its_call():
    bank = Bank(spec(), spec("p", Kind.FUTURE_PHYSICAL, first=1, profile=(10_000,)), margin_ppm=0)
    bank.trade(A, B, 9_000)
    bank.trade(C, A, 9_000, spec=1)
    bank.balance[A] = 0
    bank.mark(8_000)
    owed = 1_000 * 40_000
    bank.deliver(0)
    bank.deliver(1, 9_000, {A: 10_000})
    assert bank.desk.owed(A) == 0
    assert bank.balance[A] == 9_000 * 10_000 - owed
    assert bank.got(C, LegCause.DELIVERY) == -9_000 * 10_000
    assert bank.balance[4 + House.CLEARING] == 0


# --- D13: a deadline holds, whether or not it was swept


@pytest.fixture
def overdue():
    """A owes 0.40 EUR since time 0, and has them at 1,000, its deadline."""
    bank = Bank(spec(), spec("forward", Kind.FORWARD), call_ms=1_000)
    bank.trade(A, B, 9_000, 2)
    bank.balance[A] = 0
    bank.mark(8_500)
    assert bank.desk.owed(A) == 500 * 80_000
    bank.balance[A] = 10**9
    return bank


@pytest.mark.parametrize("verb", [*Verb])
def test_from_its_deadline_on_a_called_agent_does_nothing(overdue, verb):
    given = {"spec": 0, "side": SELL, "price": 8_500, "lots": 1}
    assert overdue.do(A, verb, 1, at=1_000, **given).code == Code.CALL_OVERDUE


def test_before_its_deadline_it_pays_and_after_it_expire_takes_what_is_there(overdue):
    overdue.expire(1_000)
    assert overdue.desk.owed(A) == 0
    assert not overdue.of(Event.DEFAULTED)
    assert overdue.do(A, Verb.POST, spec=0, side=BUY, price=1, lots=1).code == Code.OK


def test_a_call_is_paid_until_the_last_millisecond(overdue):
    assert overdue.do(A, Verb.PAY, at=999).code == Code.OK


def test_nobody_signs_with_an_agent_past_its_deadline(overdue):
    own = overdue.do(A, Verb.POST, spec=0, side=SELL, price=8_500, lots=1).reference
    request = overdue.do(B, Verb.REQUEST, spec=0, side=BUY, lots=1).reference
    quote = overdue.do(A, Verb.QUOTE, request, price=8_500, lots=1).reference
    terms = {"price": 8_500, "lots": 1}
    assert overdue.do(B, Verb.TAKE, own, at=1_000, **terms).code == Code.CALL_OVERDUE
    assert overdue.do(B, Verb.ACCEPT, quote, **terms).code == Code.CALL_OVERDUE
    assert overdue.do(B, Verb.ACCEPT, quote, at=999, **terms).code == Code.OK
