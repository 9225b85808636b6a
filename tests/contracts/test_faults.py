"""Every bad input of the desk: its code, and a state in which nothing has changed (`Bank.do` compares every byte)."""

import math

import numpy as np
import pytest
from bank import BUY, DAY_MS, QUARTER_MS, SELL, Bank, spec

from wattbook.contracts import NOBODY, Code, ContractSpec, Desk, DeskError, DeskTerms, Event, Kind, LegCause, Verb
from wattbook.contracts.sealing import opened, sealed
from wattbook.errors import ConfigError, CorruptError
from wattbook.messages import Action, Command

A, B, C, D = range(4)


@pytest.fixture
def bank():
    return Bank(
        spec("future"),
        spec("forward", Kind.FORWARD, step_tick=5),
        spec("ppa", Kind.PPA, profile=(0,) * 4),
        sell_limit_wh=(-1, 20_000, -1, -1),
        max_rounds=3,
        max_valid_ms=DAY_MS,
    )


def quoted(bank, price=9_000, lots=2, good=1_000):
    """A asks, B quotes; numbers of both."""
    request = bank.do(A, Verb.REQUEST, spec=0, side=BUY, lots=3, good=5_000).reference
    return request, bank.do(B, Verb.QUOTE, request, price=price, lots=lots, good=good).reference


def posted(bank, price=9_000, lots=2, spec=0, agent=B, side=SELL, good=1_000):
    return bank.do(agent, Verb.POST, spec=spec, side=side, price=price, lots=lots, good=good).reference


@pytest.mark.parametrize("bad", [1.0, math.nan, math.inf, True, "1", None, np.float64(2), np.bool_(True), 1 << 63])
@pytest.mark.parametrize("column", Command._fields)
def test_what_is_no_whole_number_is_refused(bank, column, bad):
    good = Command(0, A, Verb.POST, 0, -1, 0, BUY, 9_000, 1, 1_000)
    before = bank.desk.export()
    assert bank.desk.apply(good._replace(**{column: bad}), bank.available).code == Code.NOT_A_WHOLE_NUMBER
    assert bank.desk.export() == before
    assert bank.desk.apply(Command(*map(np.int64, good)), bank.available).code == Code.OK


def test_every_verb_is_an_action_of_its_own_number():
    assert {verb.name: int(verb) for verb in Verb} == {
        action.name: int(action) for action in Action if Action.REQUEST <= action < Action.FIND
    }


def test_strangers_unknown_verbs_and_times_past_are_refused(bank):
    assert bank.do(4, Verb.PAY).code == Code.UNKNOWN_AGENT
    assert bank.do(-1, Verb.PAY).code == Code.UNKNOWN_AGENT
    assert bank.do(A, 1).code == Code.UNKNOWN_VERB
    posted(bank)
    bank.desk.expire(10, bank.available)
    assert bank.do(A, Verb.POST, spec=0, side=BUY, price=1, lots=1, at=9).code == Code.TIME_BACK


POST = {"spec": 1, "side": BUY, "price": 9_000, "lots": 1, "good": 1_000}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"spec": 3}, Code.UNKNOWN_SPEC),
        ({"spec": -1}, Code.UNKNOWN_SPEC),
        ({"period": 95}, Code.WRONG_PERIOD),
        ({"period": 97}, Code.WRONG_PERIOD),
        ({"at": 96 * QUARTER_MS}, Code.PAST_DELIVERY),
        ({"at": 96 * QUARTER_MS - 1, "period": 96}, Code.OK),
        ({"side": 0}, Code.BAD_SIDE),
        ({"side": 2}, Code.BAD_SIDE),
        ({"lots": 0}, Code.QUANTITY_NOT_POSITIVE),
        ({"lots": -1}, Code.QUANTITY_NOT_POSITIVE),
        ({"lots": (1 << 36) + 1}, Code.QUANTITY_TOO_LARGE),
        ({"spec": 2, "lots": 1_000_001}, Code.QUANTITY_TOO_LARGE),
        ({"spec": 2, "lots": 1_000_000}, Code.OK),
        ({"price": 400_005}, Code.PRICE_OUTSIDE_BAND),
        ({"price": -50_005}, Code.PRICE_OUTSIDE_BAND),
        ({"price": -50_000}, Code.OK),
        ({"price": 9_001}, Code.PRICE_OFF_STEP),
        ({"lots": 1 << 36, "price": 0}, Code.QUANTITY_TOO_LARGE),
        ({"lots": 1 << 34}, Code.NOTIONAL_TOO_LARGE),
        ({"lots": 1 << 34, "price": 0}, Code.OK),
        ({"good": 0}, Code.BAD_VALIDITY),
        ({"good": -1}, Code.BAD_VALIDITY),
        ({"good": DAY_MS + 1}, Code.BAD_VALIDITY),
    ],
)
def test_a_post_is_refused_for_one_reason(bank, change, code):
    assert bank.do(A, Verb.POST, **{**POST, **change}).code == code


def test_a_position_stays_within_the_bounds_at_the_edge_of_the_band(bank):
    most = ((1 << 62) - 1) // (400_000 * 40_000)
    over = posted(bank, price=0, lots=most + 1)
    assert bank.do(A, Verb.TAKE, over, price=0, lots=most + 1).code == Code.NOTIONAL_TOO_LARGE
    assert bank.do(A, Verb.TAKE, over, price=0, lots=most).code == Code.OK
    assert bank.do(A, Verb.TAKE, over, price=0, lots=1).code == Code.NOTIONAL_TOO_LARGE


def test_a_request_names_everybody_or_another_one(bank):
    ask = {"spec": 0, "side": BUY, "lots": 1}
    assert bank.do(A, Verb.REQUEST, 1 + A, **ask).code == Code.SELF_DEALING
    assert bank.do(A, Verb.REQUEST, 5, **ask).code == Code.UNKNOWN_COUNTERPARTY
    assert bank.do(A, Verb.REQUEST, -1, **ask).code == Code.UNKNOWN_COUNTERPARTY
    only_b = bank.do(A, Verb.REQUEST, 1 + B, **ask).reference
    assert bank.do(C, Verb.QUOTE, only_b, price=1, lots=1).code == Code.NOT_YOURS
    assert bank.do(B, Verb.QUOTE, only_b, price=1, lots=1).code == Code.OK


def test_nobody_deals_with_itself(bank):
    request, quote = quoted(bank)
    assert bank.do(A, Verb.QUOTE, request, price=9_000, lots=1).code == Code.SELF_DEALING
    assert bank.do(B, Verb.ACCEPT, quote, price=9_000, lots=2).code == Code.NOT_YOUR_TURN
    assert bank.do(B, Verb.TAKE, posted(bank), price=9_000, lots=1).code == Code.SELF_DEALING


def test_a_quote_answers_its_request(bank):
    request, _ = quoted(bank)
    terms = {"price": 9_000, "lots": 1}
    assert bank.do(C, Verb.QUOTE, request, spec=1, **terms).code == Code.CHANGED_TERMS
    assert bank.do(C, Verb.QUOTE, request, side=BUY, **terms).code == Code.BAD_SIDE
    assert bank.do(C, Verb.QUOTE, request, price=9_000, lots=4).code == Code.QUANTITY_TOO_LARGE
    assert bank.do(C, Verb.QUOTE, 99, **terms).code == Code.UNKNOWN_REFERENCE
    assert bank.do(C, Verb.QUOTE, 0, **terms).code == Code.UNKNOWN_REFERENCE
    assert bank.do(C, Verb.QUOTE, request, spec=0, side=SELL, **terms).code == Code.OK


def test_an_accept_repeats_the_terms_and_comes_from_the_one_asked(bank):
    request, quote = quoted(bank)
    assert bank.do(A, Verb.ACCEPT, quote, price=9_001, lots=2).code == Code.CHANGED_TERMS
    assert bank.do(A, Verb.ACCEPT, quote, price=9_000, lots=1).code == Code.CHANGED_TERMS
    assert bank.do(A, Verb.ACCEPT, quote, spec=1, price=9_000, lots=2).code == Code.CHANGED_TERMS
    assert bank.do(C, Verb.ACCEPT, quote, price=9_000, lots=2).code == Code.NOT_YOURS
    assert bank.do(A, Verb.ACCEPT, request, price=9_000, lots=2).code == Code.WRONG_REFERENCE
    assert bank.do(A, Verb.TAKE, quote, price=9_000, lots=2).code == Code.WRONG_REFERENCE
    assert bank.do(A, Verb.ACCEPT, quote, price=9_000, lots=2).code == Code.OK


def test_an_accepted_quote_cannot_be_accepted_twice_and_ends_its_rivals(bank):
    request, quote = quoted(bank)
    rival = bank.do(C, Verb.QUOTE, request, price=8_000, lots=2).reference
    assert bank.do(A, Verb.ACCEPT, quote, price=9_000, lots=2).code == Code.OK
    for number, price in ((quote, 9_000), (rival, 8_000)):
        assert bank.do(A, Verb.ACCEPT, number, price=price, lots=2).code == Code.REFERENCE_ENDED
    assert bank.do(C, Verb.QUOTE, request, price=8_000, lots=1).code == Code.REFERENCE_ENDED
    assert bank.desk.positions(A) == {A: {0: 2}}


def test_a_quote_is_good_until_its_last_millisecond_and_no_longer(bank):
    _, quote = quoted(bank, good=1_000)
    late = {"price": 9_000, "lots": 2}
    assert bank.do(A, Verb.ACCEPT, quote, at=1_000, **late).code == Code.REFERENCE_EXPIRED
    assert bank.do(A, Verb.ACCEPT, quote, at=999, **late).code == Code.OK
    _, swept = quoted(bank, good=1_000)
    bank.expire(bank.now_ms + 1_000)
    assert bank.do(A, Verb.ACCEPT, swept, **late).code == Code.REFERENCE_ENDED
    assert [row.contract for row in bank.of(Event.EXPIRED)] == [swept]


def test_no_offer_outlives_the_trading_of_its_product(bank):
    bank.now_ms = DAY_MS - 10
    _, quote = quoted(bank, good=DAY_MS)
    assert bank.do(A, Verb.ACCEPT, quote, price=9_000, lots=2, at=DAY_MS).code == Code.REFERENCE_EXPIRED


def test_a_withdrawn_quote_and_what_answers_a_withdrawn_request_are_over(bank):
    request, quote = quoted(bank)
    assert bank.do(A, Verb.WITHDRAW, quote).code == Code.NOT_YOURS
    assert bank.do(B, Verb.WITHDRAW, request).code == Code.NOT_YOURS
    assert bank.do(B, Verb.WITHDRAW, quote).code == Code.OK
    assert bank.do(B, Verb.WITHDRAW, quote).code == Code.REFERENCE_ENDED
    assert bank.do(A, Verb.ACCEPT, quote, price=9_000, lots=2).code == Code.REFERENCE_ENDED
    second = bank.do(C, Verb.QUOTE, request, price=9_000, lots=1).reference
    assert bank.do(A, Verb.WITHDRAW, request).code == Code.OK
    assert bank.do(A, Verb.ACCEPT, second, price=9_000, lots=1).code == Code.REFERENCE_ENDED
    assert bank.do(A, Verb.WITHDRAW, request, at=5_000).code == Code.REFERENCE_ENDED


def test_counter_offers_alternate_and_end_after_so_many_rounds(bank):
    _, first = quoted(bank)
    assert bank.do(B, Verb.COUNTER, first, price=8_900, lots=2).code == Code.NOT_YOUR_TURN
    assert bank.do(C, Verb.COUNTER, first, price=8_900, lots=2).code == Code.NOT_YOURS
    assert bank.do(A, Verb.COUNTER, first, price=8_900, lots=4).code == Code.QUANTITY_TOO_LARGE
    second = bank.do(A, Verb.COUNTER, first, price=8_900, lots=3).reference
    assert bank.do(A, Verb.ACCEPT, first, price=9_000, lots=2).code == Code.REFERENCE_ENDED
    third = bank.do(B, Verb.COUNTER, second, price=8_950, lots=2).reference
    assert bank.do(A, Verb.COUNTER, third, price=8_910, lots=2).code == Code.TOO_MANY_ROUNDS
    assert bank.do(A, Verb.ACCEPT, third, price=8_950, lots=2).code == Code.OK
    assert bank.do(A, Verb.COUNTER, third, price=8_910, lots=2).code == Code.REFERENCE_ENDED
    assert bank.of(Event.SIGNED)[-1][3:8] == (A, B, 0, 8_950, 80_000)


@pytest.mark.parametrize("walker", [A, B])
def test_either_side_may_walk_away_and_nobody_else(bank, walker):
    request, quote = quoted(bank)
    assert bank.do(C, Verb.WALK, quote).code == Code.NOT_YOURS
    assert bank.do(A, Verb.WALK, request).code == Code.WRONG_REFERENCE
    assert bank.do(B, Verb.WALK, posted(bank)).code == Code.WRONG_REFERENCE
    assert bank.do(walker, Verb.WALK, quote).code == Code.OK
    for verb in (Verb.COUNTER, Verb.ACCEPT, Verb.WALK):
        assert bank.do(A, verb, quote, price=9_000, lots=2).code == Code.REFERENCE_ENDED


def test_a_posted_price_goes_to_who_comes_first(bank):
    post = posted(bank, lots=3)
    assert bank.do(A, Verb.ACCEPT, post, price=9_000, lots=1).code == Code.WRONG_REFERENCE
    assert bank.do(A, Verb.COUNTER, post, price=9_000, lots=1).code == Code.WRONG_REFERENCE
    assert bank.do(A, Verb.TAKE, post, price=8_999, lots=1).code == Code.CHANGED_TERMS
    assert bank.do(A, Verb.TAKE, post, spec=1, price=9_000, lots=1).code == Code.CHANGED_TERMS
    assert bank.do(A, Verb.TAKE, post, price=9_000, lots=0).code == Code.QUANTITY_NOT_POSITIVE
    assert bank.do(A, Verb.TAKE, post, price=9_000, lots=4).code == Code.QUANTITY_TOO_LARGE
    assert bank.do(A, Verb.TAKE, post, price=9_000, lots=2).code == Code.OK
    assert bank.do(C, Verb.TAKE, post, price=9_000, lots=2).code == Code.QUANTITY_TOO_LARGE
    assert bank.do(C, Verb.TAKE, post, price=9_000, lots=1).code == Code.OK
    assert bank.do(C, Verb.TAKE, post, price=9_000, lots=1).code == Code.REFERENCE_ENDED


def test_an_accept_without_margin_on_either_side_is_refused_whole(bank):
    post = posted(bank)
    margin = 2 * 36_000_000
    bank.balance[A] = margin - 1
    assert bank.do(A, Verb.TAKE, post, price=9_000, lots=2).code == Code.MARGIN_MISSING
    bank.balance[A], bank.balance[B] = margin, margin - 1
    assert bank.do(A, Verb.TAKE, post, price=9_000, lots=2).code == Code.COUNTERPARTY_MARGIN_MISSING
    bank.balance[B] = margin
    assert bank.do(A, Verb.TAKE, post, price=9_000, lots=2).code == Code.OK
    assert bank.balance[A] == bank.balance[B] == 0
    # Closing a position releases margin, which needs no money.
    back = posted(bank, agent=A, side=SELL)
    assert bank.do(B, Verb.TAKE, back, price=9_000, lots=2).code == Code.OK
    assert bank.balance[A] == bank.balance[B] == margin


def test_a_short_that_no_plant_covers_is_refused(bank):
    bank.trade(B, C, 9_000, lots=1, spec=1)
    bank.trade(A, B, 9_000, lots=3, spec=1)  # 10 kWh bought, 30 kWh sold: 20 kWh net
    assert bank.do(A, Verb.TAKE, posted(bank, lots=1, spec=1), price=9_000, lots=1).code == Code.NAKED_SHORT
    bank.trade(A, B, 9_000, lots=9, spec=0)  # no energy is owed under a cash future
    bank.trade(A, B, 9_000, lots=600_000, spec=2)
    over = posted(bank, lots=400_001, spec=2)
    assert bank.do(C, Verb.TAKE, over, price=9_000, lots=400_001).code == Code.NAKED_SHORT
    assert bank.do(C, Verb.TAKE, over, price=9_000, lots=400_000).code == Code.OK


def test_contracts_between_two_end_by_both_and_by_nobody_else(bank):
    contract = bank.trade(A, B, 9_000, spec=1)
    assert bank.do(C, Verb.CANCEL_CONTRACT, contract).code == Code.NOT_YOURS
    assert bank.do(A, Verb.CANCEL_CONTRACT, contract).code == Code.OK
    assert bank.do(A, Verb.CANCEL_CONTRACT, contract).code == Code.ALREADY_ASKED
    assert bank.do(B, Verb.CANCEL_CONTRACT, contract).code == Code.OK
    assert bank.do(B, Verb.CANCEL_CONTRACT, contract).code == Code.REFERENCE_ENDED
    future = bank.trade(A, B, 9_000, spec=0)
    assert bank.do(A, Verb.CANCEL_CONTRACT, future).code == Code.REFERENCE_ENDED
    assert bank.do(A, Verb.CANCEL_CONTRACT, posted(bank)).code == Code.WRONG_REFERENCE
    assert bank.do(A, Verb.CANCEL_CONTRACT, 0).code == Code.UNKNOWN_REFERENCE
    live = bank.trade(A, B, 9_000, spec=1)
    assert bank.do(A, Verb.ACCEPT, live, price=9_000, lots=1).code == Code.WRONG_REFERENCE
    assert bank.do(A, Verb.WITHDRAW, live).code == Code.WRONG_REFERENCE


def test_credit_is_bounded_per_counterparty_and_collateral_begins_at_its_threshold():
    forward = spec("forward", Kind.FORWARD)
    notional = 9_000 * 40_000
    bank = Bank(forward, credit_limit=3 * notional, credit_limits=((C, B, notional),), collateral_threshold=notional)
    bank.trade(A, B, 9_000, lots=1)
    assert bank.legs == []
    second = bank.trade(A, B, 9_000, lots=1)
    assert bank.got(A, LegCause.COLLATERAL) == bank.got(B, LegCause.COLLATERAL) == -notional
    bank.balance[A] = notional - 1
    third = posted(bank, lots=1)
    assert bank.do(A, Verb.TAKE, third, price=9_000, lots=1).code == Code.MARGIN_MISSING
    bank.balance[A], bank.balance[B] = notional, notional - 1
    assert bank.do(A, Verb.TAKE, third, price=9_000, lots=1).code == Code.COUNTERPARTY_MARGIN_MISSING
    bank.balance[B] = notional
    assert bank.do(A, Verb.TAKE, third, price=9_000, lots=1).code == Code.OK
    assert bank.do(A, Verb.TAKE, posted(bank), price=9_000, lots=1).code == Code.CREDIT_LIMIT
    bank.trade(D, B, 9_000, lots=1)
    bank.trade(C, B, 9_000, lots=1)
    assert bank.do(B, Verb.TAKE, posted(bank, agent=C), price=9_000, lots=1).code == Code.CREDIT_LIMIT
    for agent in (A, B):
        bank.do(agent, Verb.CANCEL_CONTRACT, second)
    assert bank.got(A, LegCause.COLLATERAL) == -notional
    for period in range(100):
        bank.deliver(period, meters={B: 10**6})
    assert bank.got(A, LegCause.COLLATERAL) == bank.got(B, LegCause.COLLATERAL) == 0


def test_who_is_called_may_only_make_its_position_smaller(bank):
    bank.trade(A, B, 9_000, lots=2)
    bank.balance[A] = 0
    bank.mark(8_000)
    assert bank.desk.owed(A) == 80_000_000
    assert bank.do(A, Verb.PAY).code == Code.NO_FUNDS
    assert bank.do(B, Verb.PAY).code == Code.NO_CALL
    assert bank.do(A, Verb.TAKE, posted(bank), price=9_000, lots=1).code == Code.MARGIN_CALLED
    assert bank.do(B, Verb.TAKE, posted(bank, agent=A, side=BUY), price=9_000, lots=1).code == Code.MARGIN_CALLED
    assert bank.do(A, Verb.TAKE, posted(bank, spec=1), price=9_000, lots=1).code == Code.MARGIN_CALLED
    flip = posted(bank, side=BUY, lots=3)
    assert bank.do(A, Verb.TAKE, flip, price=9_000, lots=3).code == Code.MARGIN_CALLED
    assert bank.do(A, Verb.REDEEM).code == Code.NO_FUNDS
    assert bank.do(A, Verb.TAKE, flip, price=9_000, lots=1).code == Code.OK
    # What the house released went against what was owed.
    assert bank.desk.owed(A) == 80_000_000 - 36_000_000
    bank.balance[A] = 44_000_000
    assert bank.do(A, Verb.PAY).code == Code.OK
    assert bank.balance[A] == bank.desk.owed(A) == 0


def test_a_defaulted_party_is_out_for_good_with_its_offers(bank):
    quoted(bank)
    bank.trade(A, B, 9_000)
    bank.trade(A, B, 9_000, spec=1)
    bank.balance[A] = 0
    bank.mark(8_000)
    assert bank.desk.next_due_ms() == 1_000
    bank.expire(1_000)
    assert bank.desk.next_due_ms() == 5_000
    _, quote = quoted(bank, good=DAY_MS)
    own = posted(bank, agent=A, side=BUY, good=DAY_MS)
    bank.expire(7_000)
    assert bank.desk.next_due_ms() == 3_600_000
    bank.expire(3_600_000)
    assert bank.desk.next_due_ms() is None
    for verb in Verb:
        assert bank.do(A, verb, quote, spec=0, side=BUY, price=9_000, lots=2).code == Code.DEFAULTED
    assert bank.do(B, Verb.REQUEST, 1 + A, spec=0, side=BUY, lots=1).code == Code.COUNTERPARTY_DEFAULTED
    assert bank.do(C, Verb.TAKE, own, price=9_000, lots=1).code == Code.REFERENCE_ENDED
    bank.mark()
    assert bank.desk.positions(B) == {B: {1: -1}}
    bank.deliver_until(97)
    # What it signed bilaterally goes on, and is posted as an obligation.
    assert bank.got(A, LegCause.DELIVERY) == -9_000 * 10_000
    assert bank.do(A, Verb.PAY).code == Code.DEFAULTED


def test_the_fund_takes_what_is_there_and_gives_it_back_to_who_is_free(bank):
    assert bank.do(A, Verb.CONTRIBUTE, lots=0).code == Code.QUANTITY_NOT_POSITIVE
    assert bank.do(A, Verb.CONTRIBUTE, lots=10**12 + 1).code == Code.NO_FUNDS
    assert bank.do(A, Verb.CONTRIBUTE, lots=1 << 62).code == Code.QUANTITY_TOO_LARGE
    assert bank.do(A, Verb.CONTRIBUTE, lots=500).code == Code.OK
    bank.trade(A, B, 9_000)
    assert bank.do(A, Verb.REDEEM).code == Code.POSITION_OPEN
    bank.trade(B, A, 9_000)
    assert bank.do(A, Verb.REDEEM).code == Code.OK
    assert bank.do(A, Verb.REDEEM).code == Code.NO_FUNDS
    assert bank.balance[A] == 10**12


def test_certificates_that_nobody_holds_cannot_be_used(bank):
    assert bank.do(A, Verb.RETIRE, lots=0).code == Code.QUANTITY_NOT_POSITIVE
    assert bank.do(A, Verb.RETIRE, lots=1).code == Code.NO_CERTIFICATES


def test_the_clock_and_deliveries_are_driven_in_order(bank):
    bank.deliver(0)
    before = bank.desk.export()
    for wrong in (0, 2, -1):
        with pytest.raises(DeskError, match="each once and in order"):
            bank.desk.deliver(10**9, wrong, 0, lambda _: 0, bank.available)
    with pytest.raises(DeskError, match="never goes back"):
        bank.desk.mark(0, bank.available)
    with pytest.raises(DeskError, match="never goes back"):
        bank.desk.deliver(0, 1, 0, lambda _: 0, bank.available)
    for agent, sales, quota, price in (
        (A, -1, 0, 0),
        (4, 0, 0, 0),
        (A, 0, 1_000_001, 0),
        (A, 0, 0, -1),
        (A, 0.5, 0, 0),
    ):
        with pytest.raises(DeskError, match="nothing below zero"):
            bank.desk.comply(10**9, agent, 1, sales, quota, price)
    with pytest.raises(DeskError, match="whole number of ms"):
        bank.desk.expire(1e9, bank.available)
    bank.trade(A, B, 9_000)
    bank.deliver_until(96)
    before = bank.desk.export()
    with pytest.raises(DeskError, match="needs the index 'spot:zone'"):
        bank.desk.deliver(10**9, 96, {"spot:elsewhere": 1}, lambda _: 0, bank.available)
    for price in (1.5, True, "90", 400_001, -400_001):
        with pytest.raises(DeskError, match="the index of contract 'future'"):
            bank.desk.deliver(10**9, 96, price, lambda _: 0, bank.available)
        with pytest.raises(DeskError, match="the given mark of contract 0"):
            bank.desk.mark(10**9, bank.available, {0: price})
    with pytest.raises(ZeroDivisionError):
        bank.desk.deliver(10**9, 96, 0, lambda _: 1 // 0, bank.available)
    assert bank.desk.export() == before


def test_an_export_that_was_touched_is_refused(bank):
    quoted(bank)
    bank.trade(A, B, 9_000)
    data = bank.desk.export()
    for place in range(0, len(data), 7):
        broken = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        with pytest.raises(CorruptError):
            Desk.restore(broken)
    for wrong in (b"", data[:-1], "text"):
        with pytest.raises(CorruptError):
            Desk.restore(wrong)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"first_period": -1}, "begin at 0 or later"),
        ({"first_period": 1.5}, "first_period=1.5 is not a whole number"),
        ({"profile_wh": ()}, "end before it begins"),
        ({"profile_wh": (5, -5)}, "below 0"),
        ({"profile_wh": (0, 0)}, "outside 1"),
        ({"profile_wh": (1.5,)}, "whole numbers"),
        ({"kind": Kind.PPA}, "takes what is produced"),
        ({"kind": 9}, "Kind.FORWARD"),
        ({"step_tick": 0}, "below 1"),
        ({"bundled": True}, "named seller"),
        ({"penalty_tick": 5}, "belongs to forwards"),
        ({"name": ""}, "begin with a letter"),
        ({"name": "../x"}, "name='../x': use 1 to 64 letters"),
        ({"name": "x" * 65}, "use 1 to 64 letters"),
        ({"name": "x\n"}, "use 1 to 64 letters"),
        ({"name": 5}, "use 1 to 64 letters"),
        ({"zone": "a/b"}, "zone='a/b': use 1 to 64 letters"),
        ({"index": 5}, "index=5 is no text"),
        ({"bundled": "no"}, "neither True nor False"),
        ({"first_period": 10**30}, "ends by period 2147483648"),
        ({"step_tick": 10**30}, "step_tick=1000000000000000000000000000000 is above"),
    ],
)
def test_a_spec_that_cannot_be_says_why(given, said):
    good = {"name": "x", "zone": "z", "kind": Kind.FUTURE_CASH, "first_period": 0, "profile_wh": (5,)}
    with pytest.raises(ConfigError, match=said):
        ContractSpec(**{**good, **given})


@pytest.mark.parametrize("rows", [(1, 2), ("ab",), ((1, 2),), ((1, 2, 0.5),), [(0, 1, 5)], 7, ((0, True, 5),)])
def test_credit_limits_that_are_no_rows_say_so(rows):
    with pytest.raises(ConfigError, match="credit_limits is a tuple of"):
        DeskTerms(2, (spec(),), credit_limits=rows)


def changed(data, change):
    """An export with another state, sealed anew."""
    terms, state = opened(data)
    change(state)
    return sealed(terms, state)


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state["house"]["positions"][0].__setitem__(0, 99),
        lambda state: state["house"]["positions"].append([]),
        lambda state: state["bilateral"]["contracts"][0].__setitem__(1, 99),
        lambda state: state["board"]["offers"].append([7, 99, 0, 1, 1, 9_000, 1, 5, 0, 1, 1]),
        lambda state: state["board"].__setitem__("offers", 5),
        lambda state: state.__setitem__("left_wh", []),
        lambda state: state.__setitem__("house", None),
        lambda state: state["certificates"].__setitem__("holdings", [[0, [1]]]),
        lambda state: state.pop("tape"),
        lambda state: state["tape"].append([1]),
    ],
)
def test_a_sealed_state_that_does_not_hold_together_is_corrupt(bank, change):
    bank.trade(A, B, 9_000)
    bank.trade(A, B, 9_000, spec=1, lots=1)
    data = bank.desk.export()
    assert Desk.restore(changed(data, lambda _: None)).export() == data
    with pytest.raises(CorruptError):
        Desk.restore(changed(data, change))


def test_terms_tell_all_their_mistakes_at_once():
    with pytest.raises(ConfigError) as caught:
        DeskTerms(agents=0, specs=(), margin_ppm=-1, observable="everyone", call_ms=True)
    text = str(caught.value)
    for part in ("agents=0", "specs is empty", "margin_ppm=-1", "did you mean 'everybody'", "call_ms=True"):
        assert part in text
    with pytest.raises(ConfigError) as caught:
        DeskTerms(
            2,
            (spec(), spec()),
            floor_tick=9,
            cap_tick=8,
            sell_limit_wh=(1,),
            renewable=(2, 2),
            credit_limits=((0, 0, -1),),
        )
    parts = (
        "swap them",
        "one name",
        "1 entries for 2 agents",
        "names agents",
        "twice",
        "not two of the 2",
        "outside 0",
    )
    for part in parts:
        assert part in str(caught.value)
    assert NOBODY == -1
