"""Delivery: what each kind of contract gives and costs, who covers it, guarantees of origin, quota, tape."""

import json

import pytest
from bank import BUY, QUARTER_MS, SELL, Bank, spec
from hypothesis import given
from hypothesis import strategies as st

from wattbook.contracts import Code, Desk, DeskTerms, Event, Kind, LegCause, Verb, cascade
from wattbook.messages import House

A, B, C, D = range(4)
MWH = 1_000_000
TREASURY = 4 + House.TREASURY


def kwh(*amounts):
    return tuple(1_000 * amount for amount in amounts)


# --- C5, C7: what a future costs in the end


@given(st.lists(st.integers(-50_000, 400_000), max_size=8), st.integers(-50_000, 400_000), st.integers(1, 9))
def test_c5_variation_margin_depends_on_the_last_mark_only(marks, price, lots):
    final = 12_345
    moved = []
    for path in ([*marks, final], [final]):
        bank = Bank(spec())
        bank.trade(A, B, price, lots)
        for mark in path:
            bank.mark(mark)
        moved.append((bank.got(A, LegCause.VARIATION), bank.got(B, LegCause.VARIATION)))
    gain = (final - price) * lots * 40_000
    assert moved == [(gain, -gain)] * 2


@given(st.lists(st.integers(1, 5), min_size=1, max_size=5), st.integers(-50_000, 400_000))
def test_c5_one_trade_or_many_at_its_price_come_to_the_same_variation(parts, price):
    gains = set()
    for lots in (parts, [sum(parts)]):
        bank = Bank(spec())
        for part in lots:
            bank.trade(A, B, price, part)
        bank.mark(9_999)
        gains.add(bank.got(A, LegCause.VARIATION))
    assert gains == {(9_999 - price) * sum(parts) * 40_000}


@given(
    st.sampled_from([Kind.FUTURE_CASH, Kind.FUTURE_PHYSICAL]),
    st.lists(st.integers(0, 50_000), min_size=1, max_size=5).filter(any),
    st.lists(st.integers(-50_000, 400_000), max_size=4),
    st.lists(st.integers(-400_000, 400_000), min_size=5, max_size=5),
    st.integers(-50_000, 400_000),
)
def test_c7_spot_cost_less_gain_is_price_times_quantity(kind, profile, marks, spots, price):
    bank = Bank(spec(kind=kind, first=2, profile=profile))
    bank.trade(A, B, price, 3)
    for mark in marks:
        bank.mark(mark)
    bank.deliver_until(2)
    at_spot = 0
    for place, wh in enumerate(profile):
        energy = dict(bank.deliver(2 + place, spots[place]).energy)
        assert energy == ({A: 3 * wh, B: -3 * wh} if wh and kind == Kind.FUTURE_PHYSICAL else {})
        at_spot += 3 * wh * spots[place]
    if kind == Kind.FUTURE_PHYSICAL:
        assert -bank.got(A, LegCause.DELIVERY) == bank.got(B, LegCause.DELIVERY) == at_spot
    assert at_spot - bank.got(A, LegCause.VARIATION) == 3 * sum(profile) * price
    assert at_spot + bank.got(B, LegCause.VARIATION) == 3 * sum(profile) * price
    assert bank.balance[4 + House.CLEARING] == 0


def test_a_year_in_parts_costs_what_the_year_costs():
    year = spec("year", Kind.FUTURE_CASH, 1, (5_000, 7_000, 11_000, 13_000))
    costs = []
    for specs in ((year,), cascade(year, 3)):
        bank = Bank(*specs)
        for place in range(len(specs)):
            bank.trade(A, B, 8_000, 2, spec=place)
        for period in range(5):
            bank.deliver(period, 7_000 + 900 * period)
        costs.append(bank.balance)
    assert costs[0] == costs[1]


def test_a_position_that_was_closed_before_the_mark_has_its_gain_at_the_mark():
    bank = Bank(spec())
    bank.trade(A, B, 9_000)
    bank.trade(C, A, 9_500)
    assert bank.desk.positions(A) == {}
    bank.mark(1)
    assert bank.got(A, LegCause.VARIATION) == 500 * 40_000
    assert bank.got(A, LegCause.MARGIN) == 0


# --- bilateral contracts


def test_a_forward_delivers_at_its_price_whatever_the_index():
    bank = Bank(spec("f", Kind.FORWARD, 1, kwh(10, 20)))
    bank.trade(A, B, 9_000, 2)
    assert bank.deliver(0, 5).energy == ()
    assert bank.deliver(1, 77, {B: 20_000}).energy == ((A, 20_000), (B, -20_000))
    assert bank.deliver(2, -5, {B: 99_999}).energy == ((A, 40_000), (B, -40_000))
    assert bank.got(A) == -bank.got(B) == -9_000 * 60_000
    assert [(row.event, row.quantity_wh, row.amount) for row in bank.rows[-2:]] == [
        (Event.DELIVERED, 40_000, -9_000 * 40_000), (Event.FULFILLED, 0, 0),
    ]  # fmt: skip
    assert not bank.desk.bilateral.contracts


def test_c6_delivered_and_replaced_are_what_was_contracted():
    plain, penal = spec("f", Kind.FORWARD, 0, kwh(10)), spec("g", Kind.FORWARD, 0, kwh(10), penalty_tick=2_000)
    future = spec("h", Kind.FUTURE_PHYSICAL, 0, kwh(10))
    # Trading ends where delivery begins, so period 0 begins after the signing.
    bank = Bank(plain, penal, future, start_ms=QUARTER_MS)
    for place in range(3):
        bank.trade(A, B, 9_000, 1, spec=place)
    bank.trade(B, C, 9_000, 1, spec=0)
    bank.now_ms = 2 * QUARTER_MS
    bank.deliver(0, 5_000, {B: 4_000, C: -3_000})
    # B has 4 kWh of its own and 10 kWh from C; its contracts come first, its futures last.
    shares = [(row.event, row.spec, row.seller, row.quantity_wh) for row in bank.rows if row.event in (34, 35)]
    assert shares == [
        (Event.DELIVERED, 0, B, 10_000), (Event.DELIVERED, 1, B, 4_000), (Event.REPLACED, 1, B, 6_000),
        (Event.REPLACED, 0, C, 10_000), (Event.REPLACED, 2, B, 10_000),
    ]  # fmt: skip
    assert bank.got(A, LegCause.PENALTY) == -bank.got(B, LegCause.PENALTY) == 2_000 * 6_000


def test_a_contract_for_difference_pays_both_ways_and_moves_no_energy():
    bank = Bank(spec("cfd", Kind.CFD, 0, kwh(10, 10)), start_ms=QUARTER_MS)
    bank.trade(A, B, 9_000)
    bank.now_ms = 2 * QUARTER_MS
    assert bank.deliver(0, 7_000).energy == ()
    assert bank.got(B, LegCause.PREMIUM) == 2_000 * 10_000
    bank.now_ms = 3 * QUARTER_MS
    bank.deliver(1, 9_500)
    assert bank.got(B, LegCause.PREMIUM) == (2_000 - 500) * 10_000
    assert bank.got(A) == -bank.got(B)


def test_a_share_of_output_follows_the_meter_and_never_exceeds_it():
    bank = Bank(spec("ppa", Kind.PPA, 1, (0, 0, 0)))
    bank.trade(A, B, 5_000, 333_333)
    bank.trade(C, B, 6_000, 666_667)
    bank.deliver(0, 0, {B: 500})
    assert bank.deliver(1, 0, {B: 1_000}).energy == ((A, 333), (B, -999), (C, 666))
    assert bank.deliver(2, 0, {B: -1_000}).energy == ()
    assert bank.deliver(3, 0, {B: 1}).energy == ()
    assert bank.got(A) == -5_000 * 333
    assert not bank.of(Event.REPLACED)


def test_c8_a_cancelled_contract_is_silent():
    bank = Bank(spec("f", Kind.FORWARD, 1, kwh(10, 10, 10), bundled=True), renewable=(B,), collateral_threshold=0)
    contract = bank.trade(A, B, 9_000, 200)
    bank.deliver(0)
    bank.deliver(1, 0, {B: 2 * MWH})
    for agent in (B, A):
        bank.do(agent, Verb.CANCEL_CONTRACT, contract)
    told, balance = len(bank.rows), bank.balance[:]
    for period in (2, 3):
        assert bank.deliver(period, 0, {B: 2 * MWH}).energy == ()
    assert not [row for row in bank.rows[told:] if row.contract == contract and row.event < Event.CERTIFICATES_ISSUED]
    assert bank.balance == balance
    assert bank.got(A, LegCause.COLLATERAL) == bank.got(B, LegCause.COLLATERAL) == 0


# --- guarantees of origin and quota


def test_a_guarantee_is_issued_per_whole_mwh_and_the_rest_is_carried():
    bank = Bank(renewable=(B,))
    for period, output in enumerate((600_000, 500_000, -300_000, 899_999, 1)):
        bank.deliver(period, meters={B: output, C: 5 * MWH})
    issued = [(row.contract, row.buyer, row.spec, row.quantity_wh) for row in bank.of(Event.CERTIFICATES_ISSUED)]
    assert issued == [(0, B, 1, MWH), (1, B, 4, MWH)]


def test_energy_that_was_paid_a_premium_earns_no_guarantee():
    bank = Bank(spec("cfd", Kind.CFD, 1, (MWH, MWH)), renewable=(B,))
    bank.trade(A, B, 9_000)
    bank.deliver(0, meters={B: 2 * MWH}, premium={B: MWH})
    assert bank.desk.certificates.held(B) == 1
    bank.deliver(1, 8_999, {B: 3 * MWH})  # the difference was paid to B for 1 MWh
    assert bank.desk.certificates.held(B) == 3
    bank.deliver(2, 9_001, {B: 3 * MWH})  # B paid: nobody supported it
    assert bank.desk.certificates.held(B) == 6
    bank.deliver(3, 0, {B: MWH}, premium={B: 3 * MWH})
    assert bank.desk.certificates.held(B) == 6


def test_bundled_guarantees_follow_the_energy_as_soon_as_there_are_any():
    bank = Bank(spec("ppa", Kind.PPA, 1, (0, 0, 0), bundled=True), renewable=(B,))
    bank.trade(A, B, 5_000, 500_000)
    bank.deliver(0)
    bank.deliver(1, 0, {B: 3 * MWH}, premium={B: 3 * MWH})
    assert (bank.desk.certificates.held(A), bank.desk.certificates.held(B)) == (0, 0)
    bank.deliver(2, 0, {B: 3 * MWH})  # 3 MWh delivered in all, so 3 are due
    assert (bank.desk.certificates.held(A), bank.desk.certificates.held(B)) == (3, 0)
    bank.deliver(3, 0, {B: 5 * MWH})
    assert (bank.desk.certificates.held(A), bank.desk.certificates.held(B)) == (5, 3)


def test_the_oldest_guarantees_go_first_and_none_outlives_its_time():
    bank = Bank(renewable=(B,), certificate_periods=2)
    bank.deliver(0, meters={B: 2 * MWH})
    bank.deliver(1, meters={B: MWH})
    bank.do(B, Verb.RETIRE, lots=1)
    assert [(row.contract, row.spec) for row in bank.of(Event.CERTIFICATES_RETIRED)] == [(0, 0)]
    bank.deliver(2)
    assert [(row.contract, row.quantity_wh) for row in bank.of(Event.CERTIFICATES_EXPIRED)] == [(1, MWH)]
    assert bank.do(B, Verb.RETIRE, lots=2).code == Code.NO_CERTIFICATES
    assert bank.do(B, Verb.RETIRE, lots=1).code == Code.OK


def test_c12_a_quota_is_covered_or_bought_out_once():
    bank = Bank(renewable=(A,))
    bank.deliver(0, meters={A: 2 * MWH})
    bank.do(A, Verb.RETIRE, lots=1)
    # 30 % of 10,000,001 Wh, rounded up, is 3,000,001 Wh: two guarantees cover 2 MWh of it.
    answer = bank.post(bank.desk.comply(bank.now_ms, A, 0, 10_000_001, 300_000, 50))
    assert [(row.event, row.quantity_wh, row.amount) for row in answer.rows] == [
        (Event.CERTIFICATES_RETIRED, MWH, 0), (Event.COMPLIED, 2 * MWH, 0), (Event.BOUGHT_OUT, 1_000_001, 50_000_050),
    ]  # fmt: skip
    assert bank.balance[TREASURY] == 50_000_050
    again = bank.desk.comply(bank.now_ms, A, 0, 10_000_001, 300_000, 50)
    assert again == (Code.ALREADY_COMPLIED, 0, (), ())
    assert bank.desk.comply(bank.now_ms, A, 1, 0, 300_000, 50).code == Code.OK
    # What was used for one date does not count for the next.
    short = bank.desk.comply(bank.now_ms, A, 2, 10 * MWH, 300_000, 50)
    assert short.rows[-1].quantity_wh == 3 * MWH


def test_no_more_guarantees_are_used_than_the_quota_takes():
    bank = Bank(renewable=(A,))
    bank.deliver(0, meters={A: 9 * MWH})
    bank.post(bank.desk.comply(bank.now_ms, A, 0, 10 * MWH, 250_000, 50))
    assert bank.desk.certificates.held(A) == 6
    assert not bank.of(Event.BOUGHT_OUT)


# --- who sees what


def test_the_tape_is_late_and_names_nobody():
    bank = Bank(spec(), tape_delay_ms=1_000)
    bank.trade(A, B, 9_000)
    bank.now_ms = 500
    bank.trade(C, A, 9_100, 2)
    assert bank.desk.tape(999) == []
    assert bank.desk.tape(1_000) == [(0, 0, 9_000, 40_000)]
    assert bank.desk.tape(5_000, since=1) == [(500, 0, 9_100, 80_000)]


@pytest.mark.parametrize("observable", ["own", "everybody"])
def test_positions_are_seen_as_the_switch_says(observable):
    bank = Bank(spec(), spec("f", Kind.FORWARD), observable=observable)
    bank.trade(A, B, 9_000, 2)
    bank.trade(A, C, 9_000, 1, spec=1)
    every = {A: {0: 2, 1: 1}, B: {0: -2}, C: {1: -1}}
    for viewer in range(4):
        own = {viewer: every[viewer]} if viewer in every else {}
        assert bank.desk.positions(viewer) == (every if observable == "everybody" else own)


def test_a_desk_of_several_zones_settles_each_against_its_own_index():
    north = spec("n", Kind.FUTURE_CASH, 1, kwh(10))
    south = spec("s", Kind.FUTURE_CASH, 1, kwh(10), index="south")
    bank = Bank(north, south)
    for place in range(2):
        bank.trade(A, B, 9_000, spec=place)
    bank.deliver(0)
    bank.deliver(1, {"spot:zone": 9_100, "south": 8_950})
    assert bank.got(A, LegCause.VARIATION) == (100 - 50) * 10_000


def test_two_that_fail_in_the_same_hour_close_out_against_each_other_first():
    bank = Bank(spec(), agents=4, call_ms=10, house_capital=10**10)
    bank.balance[4 + House.CLEARING] = 10**10
    bank.trade(A, B, 9_000, 2)
    bank.trade(C, D, 9_000, 2)
    bank.balance[A] = bank.balance[B] = 0
    bank.mark(8_000)  # A owes
    bank.balance[B] = 0
    bank.mark(8_500)  # now B owes, and A what its gain does not cover
    assert bank.desk.owed(A) == bank.desk.owed(B) == 2 * 500 * 40_000
    bank.expire(10)
    bank.mark(8_500)
    assert [(row.event, row.buyer, row.seller) for row in bank.rows if row.event in (24, 25)] == [
        (Event.CLOSED_OUT, A, -1), (Event.TORN_UP, -1, B),
    ]  # fmt: skip
    assert bank.desk.positions(C) == {C: {0: 2}}


def test_a_restored_desk_is_the_same_desk():
    bank = Bank(spec(), spec("f", Kind.FORWARD), renewable=(B,))
    bank.trade(A, B, 9_000)
    bank.do(A, Verb.POST, spec=1, side=BUY, price=1, lots=1)
    bank.do(A, Verb.REQUEST, spec=0, side=SELL, lots=1)
    bank.deliver(0, meters={B: 3 * MWH})
    again = Desk.restore(bank.desk.export())
    again.check()
    assert again.terms == bank.desk.terms == DeskTerms.of_header(json.loads(json.dumps(bank.desk.terms.header())))
    assert (again.export(), again.fingerprint()) == (bank.desk.export(), bank.desk.fingerprint())
