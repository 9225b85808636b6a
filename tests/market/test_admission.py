"""Admission: every refusal is a journalled fact with a code, and changes nothing else."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattbook.book import Code, Flag
from wattbook.messages import BUY, REFUSED, SELL, Action, Command, Refusal

START_MS = 1_465_164_000_000
QUARTER_MS = 900_000
OPEN_MS = START_MS - 3_600_000
HOME, OTHER, POOR, FAR, UTILITY = range(5)
NAMES = ("home", "other", "poor", "stranded", "utility")
GTC, IOC, FOK, POST_ONLY, MARKET = Flag.GTC, Flag.IOC, Flag.FOK, Flag.POST_ONLY, Flag.MARKET


@pytest.fixture
def market(make_street, open_market):
    credit = np.array([10**10, 10**10, 50_000, 10**10, 10**12], np.int64)
    street = make_street(
        NAMES,
        feeder=[0, 1, 0, -1, -1],
        utility=[UTILITY, UTILITY, UTILITY, UTILITY, -1],
        periods=4,
        load=100,
        retail={UTILITY: 16_000},
        feed_in={UTILITY: 8_000},
        credit_limit=credit,
        buy_limit_wh=np.full(5, 7_500),
        sell_limit_wh=np.array([2_000, 2_000, 2_000, 0, 0]),
        opens_ms=np.array([OPEN_MS] * 3 + [OPEN_MS + 1_000]),
    )
    rules = dataclasses.replace(street.market, orders_per_wake=5, max_quantity_wh=100_000, step_tick=10)
    return open_market(dataclasses.replace(street, market=rules))


def bid(agent=HOME, book=0, period=1, side=BUY, price=10_000, quantity=100, flags=GTC, at=OPEN_MS):
    return Command(at, agent, Action.SUBMIT, book, period, 0, side, price, quantity, int(flags))


def state(market):
    """Everything that a refusal must leave alone."""
    town = [column.copy() for name, column in zip(market.town._fields, market.town, strict=True) if "wake" not in name]
    stall = market.stalls[0]
    alive = [np.where(stall.ring.order, column, 0) for column in stall.ring]
    return stall.book.fingerprint(), market.ledger.export(), [column.tobytes() for column in (*town, *alive)]


REFUSALS = {
    "an agent that nobody knows": (bid(agent=99), Refusal.UNKNOWN_AGENT),
    "an agent below zero": (bid(agent=-3), Refusal.UNKNOWN_AGENT),
    "an action that does not exist": (Command(OPEN_MS, HOME, 99), Refusal.UNKNOWN_ACTION),
    "an action of the fixed processes": (Command(OPEN_MS, HOME, Action.SETTLE), Refusal.UNKNOWN_ACTION),
    "no action": (Command(OPEN_MS, HOME, Action.NOTHING), Refusal.UNKNOWN_ACTION),
    "a period after the last": (bid(period=4), Refusal.UNKNOWN_PRODUCT),
    "a period before the first": (bid(period=-1), Refusal.UNKNOWN_PRODUCT),
    "another feeder's book": (bid(book=1), Refusal.UNKNOWN_BOOK),
    "a book that does not exist": (bid(book=7), Refusal.UNKNOWN_BOOK),
    "no book": (bid(book=-1), Refusal.UNKNOWN_BOOK),
    "an agent off the local grid": (bid(agent=FAR), Refusal.UNKNOWN_BOOK),
    "a moment before the gate opens": (bid(period=3, at=OPEN_MS + 999), Refusal.GATE_NOT_OPEN),
    "the very moment of gate closure": (bid(at=START_MS + QUARTER_MS - 300_000), Refusal.GATE_CLOSED),
    "a moment after gate closure": (bid(at=START_MS + QUARTER_MS), Refusal.GATE_CLOSED),
    "more than the connection can take": (bid(quantity=7_501, price=10), Refusal.NO_CAPABILITY),
    "more than the plants can give": (bid(side=SELL, quantity=2_001), Refusal.NO_CAPABILITY),
    "more than the largest order": (bid(quantity=100_001), Refusal.OUT_OF_RANGE),
    "no cash": (bid(agent=POOR), Refusal.NO_FUNDS),
    "a nomination by a home": (Command(OPEN_MS, HOME, Action.NOMINATE, period=1), Refusal.NOT_A_UTILITY),
    "a nomination after delivery began": (
        Command(START_MS + QUARTER_MS + 1, UTILITY, Action.NOMINATE, period=1), Refusal.GATE_CLOSED,
    ),
    "a nomination for no period": (Command(OPEN_MS, UTILITY, Action.NOMINATE, period=9), Refusal.UNKNOWN_PRODUCT),
    "a boundless nomination": (
        Command(OPEN_MS, UTILITY, Action.NOMINATE, period=1, quantity_wh=1 << 41), Refusal.OUT_OF_RANGE,
    ),
    "battery limits without a battery": (Command(OPEN_MS, HOME, Action.BATTERY, period=1), Refusal.NO_BATTERY),
    "quantity zero": (bid(quantity=0), Code.QUANTITY_NOT_POSITIVE),
    "quantity below zero": (bid(quantity=-5), Code.QUANTITY_NOT_POSITIVE),
    "the least int64 as quantity": (bid(quantity=-(1 << 63)), Code.QUANTITY_NOT_POSITIVE),
    "the greatest int64 as quantity": (bid(quantity=(1 << 63) - 1), Refusal.OUT_OF_RANGE),
    "a price off the step": (bid(price=10_005), Code.PRICE_OFF_STEP),
    "a price above the band": (bid(price=50_010), Code.PRICE_OUTSIDE_BAND),
    "a negative price where the band begins at zero": (bid(price=-10), Code.PRICE_OUTSIDE_BAND),
    "the greatest int64 as price": (bid(price=(1 << 63) - 1), Code.PRICE_OUTSIDE_BAND),
    "the least int64 as price": (bid(price=-(1 << 63)), Code.PRICE_OUTSIDE_BAND),
    "no side": (bid(side=0), Code.BAD_SIDE),
    "a side of two": (bid(side=2), Code.BAD_SIDE),
    "flags that conflict": (bid(flags=FOK | IOC), Code.CONFLICTING_FLAGS),
    "post-only that takes": (bid(flags=POST_ONLY | MARKET), Code.CONFLICTING_FLAGS),
    "flags that do not exist": (bid(flags=64), Code.UNKNOWN_FLAGS),
    "a fill-or-kill without a counterpart": (bid(flags=FOK), Code.FOK_UNFILLABLE),
    "cancelling what was never ordered": (Command(OPEN_MS, HOME, Action.CANCEL, order=77), Code.UNKNOWN_ORDER),
    "cancelling another's order": (Command(OPEN_MS, OTHER, Action.CANCEL, order=1), Code.NOT_OWNER),
    "replacing what was never ordered": (
        Command(OPEN_MS, HOME, Action.REPLACE, order=-7, price_tick=100, quantity_wh=1), Code.UNKNOWN_ORDER,
    ),
    "replacing another's order": (
        Command(OPEN_MS, OTHER, Action.REPLACE, order=1, price_tick=100, quantity_wh=1), Code.NOT_OWNER,
    ),
    "replacing by more than the connection can take": (
        Command(OPEN_MS, HOME, Action.REPLACE, order=1, price_tick=100, quantity_wh=7_501), Refusal.NO_CAPABILITY,
    ),
    "replacing after the gate": (
        Command(START_MS + QUARTER_MS, HOME, Action.REPLACE, order=1, price_tick=100, quantity_wh=1),
        Refusal.GATE_CLOSED,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("command", "code"), REFUSALS.values(), ids=list(REFUSALS))
def test_a_bad_command_is_refused_with_its_code_and_changes_nothing_else(market, command, code):
    assert market.apply(bid(price=9_000)) == 0
    before = state(market)
    assert market.apply(command) == code
    assert state(market) == before
    market.check()
    facts = market.journal.read("orders")
    assert facts["event"][-1] == REFUSED
    assert facts["code"][-1] == code
    assert facts["command"][-1] == market.journal.rows["commands"] - 1


def test_too_many_commands_in_one_wake_are_refused_until_time_passes(market):
    assert [market.apply(bid()) for _ in range(6)] == [0] * 5 + [Refusal.RATE_LIMIT]
    assert market.apply(bid(at=OPEN_MS + 1)) == 0


def test_a_second_cancel_is_refused_and_so_is_one_after_the_fill(market):
    market.apply(bid())
    cancel = Command(OPEN_MS, HOME, Action.CANCEL, order=1)
    assert [market.apply(cancel), market.apply(cancel)] == [0, Code.UNKNOWN_ORDER]
    market.apply(bid(agent=HOME, side=SELL, book=2))
    market.apply(bid(agent=OTHER, book=2))
    assert market.apply(Command(OPEN_MS + 1, HOME, Action.CANCEL, order=2)) == Code.UNKNOWN_ORDER


def test_a_home_that_left_is_refused_until_it_rejoins(market):
    market.apply(bid())
    assert market.apply(Command(OPEN_MS, HOME, Action.LEAVE)) == 0
    assert market.resting == 0
    assert market.apply(bid()) == Refusal.DISCONNECTED
    market.apply(Command(OPEN_MS, HOME, Action.REJOIN))
    assert market.apply(bid()) == 0


def test_a_quarantined_agent_can_do_nothing_more(market):
    market.apply(bid())
    market.apply(Command(OPEN_MS, -1, Action.QUARANTINE, order=HOME))
    assert market.resting == 0
    assert market.apply(bid()) == Refusal.QUARANTINED


def test_without_a_local_market_every_order_is_refused(make_street, open_market):
    street = make_street(NAMES, feeder=[0, 1, 0, -1, -1], utility=[4, 4, 4, 4, -1], periods=4, market=None)
    assert open_market(street).apply(bid()) == Refusal.NO_MARKET


def test_money_is_set_aside_at_the_bid_and_free_again_after_cancelling(market):
    """100 Wh at 100.00 + (feeder fee 30.00 + levy 20.50) x 1.19, rounded up per Wh."""
    before = market.ledger.available(HOME)
    market.apply(bid())
    assert before - market.ledger.available(HOME) == 100 * (10_000 + 6_010)
    market.apply(Command(OPEN_MS, HOME, Action.CANCEL, order=1))
    assert market.ledger.available(HOME) == before


def test_nobody_sells_the_same_energy_twice_over_two_books(market):
    assert market.apply(bid(side=SELL, quantity=1_500)) == 0
    assert market.apply(bid(side=SELL, quantity=600, book=2)) == Refusal.NO_CAPABILITY
    assert market.apply(bid(side=SELL, quantity=500, book=2)) == 0


def test_market_orders_are_admitted_at_the_edge_of_the_band(market):
    market.apply(bid(agent=OTHER, book=2, side=SELL, price=9_990))
    assert market.apply(bid(book=2, price=0, flags=MARKET)) == 0
    assert market.trades == 1
    assert market.apply(bid(agent=POOR, book=2, price=0, quantity=2, flags=MARKET)) == Refusal.NO_FUNDS


COMMANDS = st.builds(
    Command,
    time_ms=st.just(OPEN_MS + 5_000),
    agent=st.integers(-2, 5),
    action=st.integers(0, 9),
    book=st.integers(-1, 3),
    period=st.integers(-1, 4),
    order=st.integers(-1, 25),
    side=st.sampled_from([BUY, SELL, BUY, SELL, 0]),
    price_tick=st.sampled_from([8_000, 9_000, 10_000, 11_000, 12_000, 12_005, -10, 60_000]),
    quantity_wh=st.integers(-1, 900),
    flags=st.sampled_from([0, 0, 0, 1, 2, 4, 8, 20, 3, 99]),
)


@settings(max_examples=60)
@given(commands=st.lists(COMMANDS, max_size=40))
def test_whatever_is_sent_the_market_stays_sound(make_street, open_market, commands):
    """B7, A5, M4, E4: what the market keeps about orders, money and energy always agrees."""
    street = make_street(
        NAMES, feeder=[0, 1, 0, -1, -1], utility=[4, 4, 4, 4, -1], periods=4, load=100, generation=50,
        credit_limit=np.array([10**7, 10**9, 10**8, 10**9, 10**9]), retail={4: 16_000}, feed_in={4: 8_000},
    )  # fmt: skip
    market = open_market(street)
    for time, command in enumerate(commands):
        before = state(market)
        if market.apply(command._replace(time_ms=OPEN_MS + time)):
            assert state(market) == before
        market.check()
        for agent in range(street.agents):
            assert market.ledger.available(agent) >= 0, "M4"
    for period in range(4):
        end_ms = START_MS + (period + 1) * QUARTER_MS
        market.apply(Command(end_ms - QUARTER_MS - 300_000, -1, Action.CLOSE, period=period))
        for action in (Action.DELIVER, Action.SETTLE, Action.BILL):
            market.apply(Command(end_ms, -1, action, period=period))
            market.check()
    assert not market.ledger.reserved.any()
