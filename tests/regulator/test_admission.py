"""What the market lets a regulator do: within the caps, once, and of what it found; everything else changes nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from places import world_of

from wattbook.messages import REFUSED, Action, Command, House, Refusal
from wattbook.oversight import Item, Rule

CAP = 1_000 * 10**8
"""The default cap per offence [1e-8 EUR]."""
F1, F2, M, TOWN = range(4)


def said(market, action, number=-1, *, agent=-1, book=-1, period=-1, tick=0, quantity=0, flags=0, at_ms=None):
    now_ms = market.street.start_ms if at_ms is None else at_ms
    return Command(now_ms, agent, action, book, period, number, 0, tick, quantity, flags)


def find(market, agent=M, rule=Rule.GOUGING):
    """Say that somebody was found; give the number."""
    number = len(market.enforcement.findings)
    assert market.apply(said(market, Action.FIND, agent, book=rule, tick=5, quantity=6, flags=7)) == 0
    return number


def prove(market, number, key=0):
    """Say which offence a finding is about."""
    return market.apply(said(market, Action.EVIDENCE, number, book=Item.OFFENCE, quantity=key, flags=key))


def fine(market, number, gain=100, punitive=50, **given):
    return market.apply(said(market, Action.FINE, number, tick=gain, quantity=punitive, **given))


@pytest.fixture
def market():
    """A market of the monopoly that has not begun."""
    return world_of("monopoly").market


@pytest.fixture
def guilty(market):
    """The same, M found for one offence."""
    assert prove(market, find(market)) == 0
    return market


def state_of(market):
    """Everything that a market holds but how many commands it has had."""
    return {name: column.tobytes() for name, column in market.export().items()}


def refused(market, command, code):
    """Carry out what is refused: the state stands, the journal has the refusal and no other fact."""
    before, rows = state_of(market), dict(market.journal.rows)
    assert market.apply(command) == code
    assert state_of(market) == before
    now = dict(market.journal.rows)
    assert {name for name in rows if now[name] != rows[name]} == {"commands", "orders"}
    last = {name: column[-1] for name, column in market.journal.read("orders").items()}
    assert (last["event"], last["code"]) == (REFUSED, code)
    market.check()


def test_a_fine_goes_to_the_treasury_and_a_refund_comes_from_it(guilty):
    assert fine(guilty, 0, 100, 50) == 0
    assert guilty.apply(said(guilty, Action.REFUND, 0, period=TOWN, quantity=100)) == 0
    balance = guilty.ledger.balance
    assert [int(balance[row]) for row in (M, TOWN, guilty.account(House.TREASURY))] == [-150, 100, 50]
    assert int(balance.sum()) == 0


@pytest.mark.parametrize("action", [Action.WARN, Action.MITIGATE, Action.FINE, Action.SUSPEND, Action.CAP])
def test_what_was_imposed_for_a_finding_is_not_imposed_again(guilty, action):
    command = said(guilty, action, 0, tick=10_000, quantity=5, flags=guilty.street.end_ms)
    assert guilty.apply(command) == 0
    refused(guilty, command, Refusal.SANCTIONED_BEFORE)


def test_an_offence_is_told_of_one_finding_only(guilty):
    number = find(guilty)
    refused(guilty, said(guilty, Action.EVIDENCE, number, book=Item.OFFENCE, quantity=0), Refusal.SANCTIONED_BEFORE)
    refused(guilty, said(guilty, Action.FINE, number, tick=1), Refusal.NO_FINDING)
    assert prove(guilty, number, key=1) == 0
    assert fine(guilty, number) == 0


@pytest.mark.parametrize("offences", [1, 2])
def test_a_fine_beyond_the_cap_of_its_offences_is_refused_and_at_the_cap_it_stands(market, offences):
    number = find(market)
    for key in range(offences):
        assert prove(market, number, key) == 0
    beyond = said(market, Action.FINE, number, tick=10**12, quantity=offences * CAP + 1)
    refused(market, beyond, Refusal.BEYOND_CAP)
    assert fine(market, number, 10**12, offences * CAP) == 0


@pytest.mark.parametrize(("gain", "punitive"), [(-1, 5), (5, -1), (0, 0), (1 << 61, 1), (1 << 62, 0)])
def test_a_fine_of_nothing_or_less_or_more_than_there_is_is_refused(guilty, gain, punitive):
    refused(guilty, said(guilty, Action.FINE, 0, tick=gain, quantity=punitive), Refusal.OUT_OF_RANGE)


@pytest.mark.parametrize("number", [-1, 1, 7, 1 << 40])
@pytest.mark.parametrize(
    "action", [Action.WARN, Action.MITIGATE, Action.FINE, Action.SUSPEND, Action.CAP, Action.HALT, Action.COLLAR]
)
def test_nobody_is_sanctioned_for_what_was_never_found(guilty, action, number):
    refused(guilty, said(guilty, action, number, tick=5, quantity=5, flags=9), Refusal.NO_FINDING)


def test_a_finding_without_an_offence_has_no_sanction(market):
    refused(market, said(market, Action.FINE, find(market), tick=5), Refusal.NO_FINDING)


def test_nobody_is_fined_for_a_finding_about_the_market(market):
    number = find(market, agent=-1, rule=Rule.CIRCUIT_BREAKER)
    assert prove(market, number) == 0
    refused(market, said(market, Action.FINE, number, tick=5), Refusal.NO_FINDING)


@pytest.mark.parametrize("quantity", [0, -1, 151, 1 << 60])
def test_no_more_is_refunded_than_was_fined(guilty, quantity):
    assert fine(guilty, 0, 100, 50) == 0
    refused(guilty, said(guilty, Action.REFUND, 0, period=TOWN, quantity=quantity), Refusal.NO_BUDGET)


def test_refunds_together_are_no_more_than_the_fine(guilty):
    assert fine(guilty, 0, 100, 50) == 0
    assert guilty.apply(said(guilty, Action.REFUND, 0, period=TOWN, quantity=100)) == 0
    refused(guilty, said(guilty, Action.REFUND, 0, period=F1, quantity=51), Refusal.NO_BUDGET)
    assert guilty.apply(said(guilty, Action.REFUND, 0, period=F1, quantity=50)) == 0
    refused(guilty, said(guilty, Action.REFUND, 0, period=F1, quantity=1), Refusal.NO_BUDGET)


@pytest.mark.parametrize("who", [-1, 4, 1 << 30])
def test_a_refund_to_nobody_is_refused(guilty, who):
    assert fine(guilty, 0) == 0
    refused(guilty, said(guilty, Action.REFUND, 0, period=who, quantity=1), Refusal.UNKNOWN_AGENT)


@pytest.mark.parametrize(("agent", "rule"), [(4, 1), (-2, 1), (M, 0), (M, 99)])
def test_findings_of_strangers_and_unknown_rules_are_refused(market, agent, rule):
    refused(market, said(market, Action.FIND, agent, book=rule), Refusal.NO_FINDING)


def test_default_bids_are_for_plants_and_within_the_band(market):
    town, plant = find(market, TOWN), find(market)
    refused(market, said(market, Action.EVIDENCE, town, book=Item.OFFENCE), Refusal.NO_FINDING)
    assert prove(market, plant) == 0
    refused(market, said(market, Action.MITIGATE, plant, tick=400_001, flags=9), Refusal.OUT_OF_RANGE)
    number = find(market, TOWN)
    assert prove(market, number) == 0
    refused(market, said(market, Action.MITIGATE, number, tick=5, flags=9), Refusal.NO_PLANT)


@pytest.mark.parametrize("agent", [F1, M, TOWN])
@pytest.mark.parametrize("action", [action for action in Action if Action.FIND <= action <= Action.COLLAR])
def test_what_the_regulator_says_nobody_else_can_say(guilty, action, agent):
    command = said(guilty, action, 0, agent=agent, book=1, period=0, tick=5, quantity=5, flags=guilty.street.end_ms)
    before = state_of(guilty)
    assert guilty.apply(command) != 0
    after = state_of(guilty)
    assert {name for name in before if after[name] != before[name]} <= {"town.acted_ms", "town.acts"}
    assert guilty.journal.rows["sanctions"] == 0


@settings(max_examples=60)
@given(st.data())
def test_whatever_is_said_caps_and_single_sanctions_hold(data):
    market = world_of("monopoly").market
    actions = st.sampled_from([action for action in Action if Action.FIND <= action <= Action.COLLAR])
    small = st.integers(-1, 4)
    amounts = st.sampled_from((-1, 0, 1, 50, CAP, CAP + 1, 3 * CAP, 1 << 61))
    for _ in range(data.draw(st.integers(1, 25))):
        book = data.draw(st.sampled_from((1, 12, 99)))
        market.apply(
            said(
                market, data.draw(actions), data.draw(small), book=book, period=data.draw(small),
                tick=data.draw(amounts), quantity=data.draw(amounts | small), flags=data.draw(small | amounts),
            )
        )  # fmt: skip
    market.check()
    rows = market.journal.read("sanctions")
    pairs = list(zip(rows["finding"].tolist(), rows["kind"].tolist(), strict=True))
    assert len(set(pairs)) == len(pairs)
    lines = market.journal.read("evidence")
    proven = np.bincount(lines["finding"][lines["item"] == Item.OFFENCE], minlength=30)
    assert (rows["amount"] - rows["disgorged"] <= CAP * proven[rows["finding"]]).all()
    assert int(market.ledger.balance.sum()) == 0
    assert int(market.ledger.balance[market.account(House.TREASURY)]) >= 0
