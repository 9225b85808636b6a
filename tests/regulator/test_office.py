"""The office decides: which sanction, how much, when, and who gets the money."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattbook.messages import Action
from wattbook.oversight import Item, Rule, Sanction
from wattbook.regulator import LADDER, Finding, Offence, Rules
from wattbook.regulator.office import Office, moments_of
from wattbook.regulator.sanctioning import Fine, History, commands_of, fine_of, steps_of

EUR = 100_000_000
MONEY = st.integers(0, 10**14)
OFFENCES = st.lists(
    st.builds(
        Offence, st.integers(0, 99), st.integers(0, 9), st.integers(-(10**13), 10**13), MONEY, MONEY,
        st.sampled_from([0, 5 * EUR]),
    ),
    min_size=1, max_size=6,
)  # fmt: skip
RULES = st.builds(
    Rules, cap_per_offence=MONEY, turnover_ppm=st.integers(0, 10**6), punitive_ppm=st.integers(0, 2 * 10**6),
    repeat_ppm=st.integers(0, 10**6),
)  # fmt: skip
HISTORIES = st.builds(History, st.integers(0, 5), MONEY, MONEY)


class Told:
    """A detector that finds what it is told to."""

    streams, watches = (), False

    def __init__(self, findings):
        self.findings = findings

    def review(self, now_ms):
        return self.findings.get(now_ms, [])

    def export(self):
        return {}

    def restore(self, state):
        pass


def office_of(findings, known=None, **given):
    office = Office(known or SimpleKnown(), Rules(terms={}, **given))
    office.detectors = {Rule.GOUGING: Told(findings)}
    return office


class SimpleKnown:
    """As little of a place as turnover asks for."""

    def __init__(self):
        import numpy as np

        self.agents, self.suppliers = 4, np.zeros(0, np.int64)
        self.turnover, self.retail_tick = np.full(4, 60 * EUR), np.zeros((0, 1), np.int64)


def gouging(*keys, agent=1, victims=()):
    offences = tuple(Offence(key, key, 9 * EUR, 10 * EUR, 20 * EUR) for key in keys)
    return Finding(Rule.GOUGING, agent, offences, price_tick=7, victims=victims)


def said(office, now_ms):
    return [(Action(each.action), each) for each in office.review(now_ms, watches=False)]


@given(RULES, OFFENCES, HISTORIES)
def test_a_fine_takes_the_gain_and_keeps_to_every_cap(rules, offences, history):
    fine = fine_of(rules, offences, history)
    assert fine.disgorged == sum(max(0, each.gain) for each in offences)
    assert 0 <= fine.punitive <= rules.cap_per_offence * len(offences)
    assert fine.punitive <= max(0, history.turnover * rules.turnover_ppm // 1_000_000 - history.fined)


@given(RULES, OFFENCES, HISTORIES, MONEY)
def test_a_higher_cap_or_turnover_never_lowers_a_fine(rules, offences, history, more):
    import dataclasses

    wider = dataclasses.replace(rules, cap_per_offence=rules.cap_per_offence + more)
    richer = history._replace(turnover=history.turnover + more)
    assert fine_of(wider, offences, history) >= fine_of(rules, offences, history)
    assert fine_of(rules, offences, richer) >= fine_of(rules, offences, history)


@given(st.integers(1, 10**14), st.lists(st.integers(1, 10**12), min_size=1, max_size=9))
def test_what_goes_back_to_consumers_is_the_gain_to_the_last_quantum(disgorged, weights):
    finding = gouging(1, victims=tuple(enumerate(weights)))
    commands = commands_of(Rules(), finding, 3, [Sanction.FINE], Fine(disgorged, 5), 0)
    assert commands[0].action == Action.FINE
    refunds = [each.quantity_wh for each in commands[1:]]
    assert sum(refunds) == disgorged
    assert all(each.action == Action.REFUND and each.quantity_wh > 0 for each in commands[1:])
    total = sum(weights)
    for each in commands[1:]:
        assert abs(each.quantity_wh * total - disgorged * weights[each.period]) <= total


def test_money_that_stays_in_the_treasury_goes_back_to_nobody():
    finding = gouging(1, victims=((0, 5),))
    commands = commands_of(Rules(to_consumers=False), finding, 0, [Sanction.FINE], Fine(7, 5), 0)
    assert [each.action for each in commands] == [Action.FINE]


def test_an_offence_in_two_overlapping_windows_is_found_once():
    office = office_of({10: [gouging(1, 2)], 20: [gouging(2, 3)], 30: [gouging(2, 3)]})
    keys = [
        [
            each.quantity_wh
            for action, each in said(office, now)
            if action == Action.EVIDENCE and each.book == Item.OFFENCE
        ]
        for now in (10, 20, 30)
    ]
    assert keys == [[1, 2], [3], []]
    assert office.found == 2


def test_the_same_key_of_another_agent_is_another_offence():
    office = office_of({10: [gouging(1), gouging(1, agent=2)]})
    assert [action for action, _ in said(office, 10)].count(Action.FIND) == 2


def test_what_is_repeated_costs_more_until_the_window_is_over():
    office = office_of({10: [gouging(1)], 20: [gouging(2)], 200: [gouging(3)]}, window_ms=100)
    fines = [dict(said(office, now))[Action.FINE].quantity_wh for now in (10, 20, 200)]
    # Half of 10 EUR; three quarters, of which 15 % of 60 EUR leave 4; and half again.
    assert fines == [5 * EUR, 4 * EUR, 5 * EUR]


def test_a_hearing_puts_the_fine_off_but_not_what_protects_the_market():
    office = office_of({10: [gouging(1)]}, hearing_ms=50)
    actions = [action for action, _ in said(office, 10)]
    assert Action.MITIGATE in actions
    assert Action.FINE not in actions
    assert office.next_due_ms == 60
    assert office.due(59) == []
    assert [(each.action, each.time_ms) for each in office.due(60)] == [(Action.FINE, 60)]
    assert office.due(60) == []


def test_the_ladder_goes_up_and_stays_at_its_last_step():
    rules = Rules(ladder={**LADDER, Rule.GOUGING: ((Sanction.WARNING,), (Sanction.FINE,))})
    assert [steps_of(rules, gouging(1), earlier) for earlier in (0, 1, 5)] == [
        (Sanction.WARNING,), (Sanction.FINE,), (Sanction.FINE,),
    ]  # fmt: skip


def test_rules_come_back_from_the_header():
    rules = Rules(review_ms=(1, 2), hearing_ms=7, to_consumers=False)
    assert Rules.of(json.loads(json.dumps(rules.header()))) == rules


def test_watches_come_before_reviews_of_the_same_moment():
    rules = Rules(review_ms=(40, 100), watch_ms=20)
    moments = moments_of(rules, 0, 100)
    assert moments == [(20, True), (40, True), (40, False), (60, True), (80, True), (100, True), (100, False)]


@pytest.mark.parametrize("now_ms", [10, 20])
def test_an_office_that_was_saved_goes_on_as_it_would_have(now_ms):
    findings = {10: [gouging(1)], 20: [gouging(1, 2)], 30: [gouging(3)]}
    one, other = (office_of(findings, hearing_ms=15) for _ in range(2))
    for at in (10, 20):
        if at <= now_ms:
            one.review(at, watches=False)
    other.restore(json.loads(json.dumps(one.export())))
    for at in (20, 30):
        if at > now_ms:
            assert one.review(at, watches=False) == other.review(at, watches=False)
            assert one.due(at) == other.due(at)
    assert one.export() == other.export()
