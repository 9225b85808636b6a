"""What drives a desk is checked before anything is changed: times, periods, marks, meters, amounts."""

import math

import numpy as np
import pytest
from bank import BUY, QUARTER_MS, SELL, Bank, spec

from wattbook.contracts import Code, Desk, DeskError, Kind, LegCause, Verb
from wattbook.messages import Command

A, B, C, D = range(4)
MWH = 1_000_000
LATEST = 1 << 53


@pytest.fixture
def bank():
    bank = Bank(spec(first=1), spec("ppa", Kind.PPA, first=1, profile=(0,) * 4, bundled=True), renewable=(B,))
    bank.trade(A, B, 9_000)
    bank.trade(A, B, 9_000, 500_000, spec=1)
    return bank


def refused(bank, said, call):
    before = bank.desk.export()
    with pytest.raises(DeskError, match=said):
        call()
    assert bank.desk.export() == before


@pytest.mark.parametrize("period", [0.0, False, "0", None, np.float64(0), np.bool_(False)])
def test_a_period_that_is_no_whole_number_leaves_the_desk_alone(bank, period):
    refused(bank, "whole number of periods",
            lambda: bank.desk.deliver(900_000, period, 9_000, lambda _: 0, bank.available))  # fmt: skip


def test_nothing_is_delivered_before_it_begins_so_nothing_delivered_is_signed(bank):
    bank.desk.deliver(0, 0, 9_000, lambda _: 0, bank.available)
    refused(bank, "it begins at 900000", lambda: bank.desk.deliver(899_999, 1, 0, lambda _: 0, bank.available))
    bank.desk.deliver(QUARTER_MS, 1, 9_000, lambda _: 0, bank.available)
    late = bank.do(A, Verb.POST, spec=0, side=BUY, price=9_000, lots=1, at=QUARTER_MS)
    assert late.code == Code.PAST_DELIVERY
    shifted = Bank(spec(first=1), start_ms=500)
    refused(shifted, "it begins at 500", lambda: shifted.desk.deliver(499, 0, 0, lambda _: 0, shifted.available))


@pytest.mark.parametrize("wh", [1.9, True, "5", math.nan, None, np.float64(2)])
def test_a_meter_gives_whole_numbers(bank, wh):
    bank.deliver(0)
    at = 2 * QUARTER_MS
    refused(bank, r"metered_wh\(0\) gave", lambda: bank.desk.deliver(at, 1, 0, lambda _: wh, bank.available))
    refused(bank, r"premium_wh\(1\) gave",
            lambda: bank.desk.deliver(at, 1, 0, lambda _: 0, bank.available, lambda _: wh))  # fmt: skip


@pytest.mark.parametrize("spec", [99, -1, 1, "0", 0.0, True, None])
def test_only_futures_of_the_catalogue_are_marked(bank, spec):
    refused(bank, "a given mark's contract|only futures are marked",
            lambda: bank.desk.mark(5, bank.available, {spec: 9_000}))  # fmt: skip


def test_numbers_of_numpy_are_taken_as_what_they_are():
    desks = []
    for whole in (int, np.int64):
        bank = Bank(spec(first=1), renewable=(B,))
        bank.trade(A, B, 9_000)
        desk, free = bank.desk, lambda _: 10**12
        desk.expire(whole(5), free)
        desk.mark(whole(6), free, {whole(0): whole(9_100)})
        desk.deliver(whole(900_000), whole(0), whole(9_000), lambda _, whole=whole: whole(2 * MWH), free)
        desk.comply(whole(900_001), whole(B), whole(3), whole(MWH), whole(500_000), whole(7))
        assert Desk.restore(desk.export()).fingerprint() == desk.fingerprint()
        desks.append(desk.export())
    assert desks[0] == desks[1]


def test_time_ends_before_it_leaves_the_journal(bank):
    row = Command(LATEST + 1, A, Verb.CONTRIBUTE, quantity_wh=1)
    before = bank.desk.export()
    for time_ms in (LATEST + 1, (1 << 63) - 1):
        assert bank.desk.apply(row._replace(time_ms=time_ms), bank.available).code == Code.TIME_TOO_FAR
    assert bank.desk.export() == before
    for time_ms in (LATEST + 1, 10**40):
        refused(bank, "lies after", lambda time_ms=time_ms: bank.desk.expire(time_ms, bank.available))
    assert bank.desk.apply(row._replace(time_ms=LATEST), bank.available).code == Code.OK


MOST = (1 << 62) - 1


@pytest.mark.parametrize(
    ("sales", "tick", "fits"),
    [(MOST, 1, True), (MOST + 1, 0, False), (MOST // 7, 7, True), (MOST // 7 + 1, 7, False), (0, MOST + 1, False)],
)
def test_what_a_quota_may_cost_stays_in_the_ledger(bank, sales, tick, fits):
    comply = lambda: bank.desk.comply(0, A, 0, sales, MWH, tick)  # noqa: E731
    if not fits:
        refused(bank, "sales x price of at most", comply)
        return
    assert sum(row.amount for row in bank.post(comply()).rows) == sales * tick <= MOST


# --- no row and no leg leaves int64: `Bank.post` looks at each of them

EDGE = 400_000


def lots_at_edge(lot_wh, share=1):
    """Lots that, at the edge of the band, are worth a share of the most that an agent may have open."""
    return MOST // (lot_wh * EDGE * share)


@pytest.mark.parametrize("kind", [Kind.CFD, Kind.FORWARD, Kind.FUTURE_CASH, Kind.FUTURE_PHYSICAL])
def test_what_an_agent_has_open_is_bounded_over_all_its_contracts(kind):
    products = [spec(f"s{place}", kind, first=1, profile=(40_000,)) for place in range(3)]
    bank = Bank(*products, spec("ppa", Kind.PPA, first=1, profile=(0,)), credit_limit=0, money=1 << 62)
    third = lots_at_edge(40_000, 3)
    for place in range(3):
        bank.trade(A, B, 0, third, spec=place)
    bank.trade(A, B, 0, 1_000_000, spec=3)
    for buyer, seller in ((A, C), (C, A), (C, B)):
        post = bank.do(seller, Verb.POST, spec=2, side=SELL, price=0, lots=third).reference
        # C has nothing yet, so it is the other one that is full.
        code = bank.do(buyer, Verb.TAKE, post, price=0, lots=third).code
        shrinks = kind in (Kind.FUTURE_CASH, Kind.FUTURE_PHYSICAL) and (buyer, seller) == (C, A)
        assert code == (Code.OK if shrinks else Code.NOTIONAL_TOO_LARGE)
    for price in (EDGE, -EDGE, EDGE):
        given = {place: price for place, each in enumerate(products) if each.is_future}
        bank.post(bank.desk.mark(bank.now_ms, bank.available, given))
    bank.deliver(0)
    bank.deliver(1, EDGE, {B: MOST // EDGE})


def test_a_penalty_above_the_band_counts_as_the_worst_price():
    dear = spec("dear", Kind.FORWARD, first=1, profile=(40_000,), penalty_tick=2 * EDGE)
    bank = Bank(dear, money=1 << 62)
    most = lots_at_edge(40_000, 2)
    assert bank.trade(A, B, 0, most)
    post = bank.do(B, Verb.POST, spec=0, side=SELL, price=0, lots=2).reference
    assert bank.do(A, Verb.TAKE, post, price=0, lots=2).code == Code.NOTIONAL_TOO_LARGE
    bank.deliver(0)
    bank.deliver(1)
    assert bank.got(A, LegCause.PENALTY) == most * 40_000 * 2 * EDGE


def test_gains_of_positions_that_were_closed_are_bounded_until_the_next_mark():
    bank = Bank(spec(first=1, profile=(40_000,)), margin_ppm=0)
    most = lots_at_edge(40_000)
    bank.trade(A, B, 0, most)
    bank.trade(B, A, EDGE, most)
    bank.trade(A, B, 0, most)
    post = bank.do(A, Verb.POST, spec=0, side=SELL, price=EDGE, lots=most).reference
    assert bank.do(B, Verb.TAKE, post, price=EDGE, lots=most).code == Code.NOTIONAL_TOO_LARGE
    bank.mark(EDGE)
    assert bank.got(A, LegCause.VARIATION) == 2 * most * 40_000 * EDGE


def test_meters_together_stay_within_what_a_leg_can_hold(bank):
    most = MOST // EDGE
    bank.deliver(0)
    at = 2 * QUARTER_MS
    refused(bank, "is the most in a period",
            lambda: bank.desk.deliver(at, 1, 0, {A: 1, B: most}.get, bank.available))  # fmt: skip
    refused(bank, "is the most in a period",
            lambda: bank.desk.deliver(at, 1, 0, lambda _: 10**30, bank.available))  # fmt: skip
    assert bank.deliver(1, EDGE, {A: -(10**30), B: most}).energy == ((A, most // 2), (B, -(most // 2)))


# --- D10: what was sold on


def test_a_purchase_that_was_sold_on_cannot_be_cancelled():
    forward = spec("f", Kind.FORWARD, first=1, profile=(10_000,) * 3)
    bank = Bank(forward, sell_limit_wh=(-1, 0, -1, -1))
    bought = bank.trade(B, C, 9_000, 2)
    sold = bank.trade(A, B, 9_500, 1)
    spare = bank.trade(B, C, 9_000, 1)

    def cancel(number, first, second):
        assert bank.do(first, Verb.CANCEL_CONTRACT, number).code == Code.OK
        return bank.do(second, Verb.CANCEL_CONTRACT, number).code

    assert cancel(spare, B, C) == Code.OK
    assert cancel(bought, C, B) == Code.NAKED_SHORT
    bank.deliver(0)
    bank.deliver(1, 0, {C: 20_000})
    assert bank.do(B, Verb.CANCEL_CONTRACT, bought).code == Code.NAKED_SHORT
    assert cancel(sold, B, A) == Code.OK
    assert bank.do(B, Verb.CANCEL_CONTRACT, bought).code == Code.OK


def test_a_purchase_can_be_cancelled_where_what_was_sold_on_is_delivered():
    bank = Bank(
        spec("long", Kind.FORWARD, first=1, profile=(10_000, 10_000)),
        spec("short", Kind.FORWARD, first=1, profile=(10_000,)),
        sell_limit_wh=(-1, 0, -1, -1),
    )
    bought = bank.trade(B, C, 9_000, spec=0)
    bank.trade(A, B, 9_500, spec=1)
    bank.do(C, Verb.CANCEL_CONTRACT, bought)
    assert bank.do(B, Verb.CANCEL_CONTRACT, bought).code == Code.NAKED_SHORT
    bank.deliver(0)
    bank.deliver(1, 0, {C: 10_000})
    assert bank.do(B, Verb.CANCEL_CONTRACT, bought).code == Code.OK
