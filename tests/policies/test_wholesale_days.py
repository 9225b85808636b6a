"""Utilities and producers at a real desk, day after day: contracts come about, and nobody signs what it should not."""

from dataclasses import replace

import numpy as np
import pytest
from desk_days import AHEAD_HOURS, BUY, HOUR_MS, SELL, Days
from hypothesis import given, settings
from hypothesis import strategies as st

from wattbook.contracts import Event, Verb
from wattbook.policies import PRODUCER_PERSONAS, UTILITY_PERSONAS

DAYS = 4
HOURS = 24 * DAYS + AHEAD_HOURS
HOUR = np.arange(HOURS) % 24
# An evening peak, and a noon in which customers' roofs leave little to buy.
NEED = 40_000 + 30_000 * ((HOUR >= 17) & (HOUR < 22)) - 25_000 * ((HOUR >= 11) & (HOUR < 15))
SUN = np.where((HOUR > 5) & (HOUR < 19), 60_000, 0)
WIND = 20_000 + 1_000 * HOUR
SIGNED_BY_UTILITY = ("eco-friendly", "balanced")


def days_of(utilities, producers=("balanced", "greedy", "at-cost"), kind=Days, **given):
    minds = [UTILITY_PERSONAS[name] for name in utilities] + [PRODUCER_PERSONAS[name] for name in producers]
    needs = [(NEED + 1_000 * place, NEED // 10) for place in range(len(utilities))]
    plants = [
        {"available": WIND, "weather": True},
        {"available": np.full(HOURS, 90_000), "marginal": 4_200},
        {"available": SUN, "weather": True},
    ]
    return kind(minds, needs=needs, plants=plants, days=DAYS, **given)


ORDERS = [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 0, 4, 1, 3]]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("rounds", [3, 6])
def test_contracts_come_about_and_positions_net_to_zero(order, rounds):
    days = days_of(SIGNED_BY_UTILITY, order=order, rounds=rounds)
    for _ in range(DAYS):
        days.day()
        assert not sum(days.fixed_wh(agent, physical_only=False) for agent in range(days.agents)).any(), "C1"
    signed = days.signed(Event.SIGNED)
    assert {row.buyer for row in signed} == {0, 1}
    assert {row.seller for row in signed} == {2, 3, 4}
    assert all(row.quantity_wh > 0 for row in signed)
    assert (days.energy_wh[0, 24 : 24 * DAYS] > 0).any()
    assert sum(days.money.values()) == 5 * 10**14, "legs do not sum to zero"


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("rounds", [1, 2])
def test_sessions_without_time_for_an_answer_are_short_but_legal(order, rounds):
    days = days_of(SIGNED_BY_UTILITY, order=order, rounds=rounds).run()
    verbs = {say.verb for _, _, _, say in days.says}
    assert Verb.COUNTER not in verbs
    assert (Verb.REQUEST in verbs) == (rounds > 1)


@pytest.mark.parametrize("order", ORDERS)
def test_whoever_is_asked_first_a_day_ahead_half_of_the_target_is_covered(order):
    days = days_of(SIGNED_BY_UTILITY, order=order)
    days.deliver_until(12)
    targets = [m.target_wh(days.own(a), days.at_desk(a, 0))[11:35] for a, m in enumerate(days.minds[:2])]
    days.session()
    for agent, target in enumerate(targets):
        assert 2 * days.fixed_wh(agent, physical_only=False)[24:48].sum() > target.sum() > 0


def test_the_same_days_give_the_same_rows():
    assert days_of(SIGNED_BY_UTILITY).run().rows == days_of(SIGNED_BY_UTILITY).run().rows


class Watched(Days):
    """Looks after every turn whether anybody has promised what it should not."""

    def speak(self, agent, round_):
        own = self.own(agent)
        before = self.fixed_wh(agent, physical_only=False)
        super().speak(agent, round_)
        if agent < self.utilities:
            self.watch_utility(agent, own, before)
        else:
            self.watch_producer(agent, own)

    def offers_of(self, agent, side):
        return [o for o in self.desk.board.offers.values() if o.maker == agent and o.side == side]

    def watch_utility(self, agent, own, before):
        target = self.minds[agent].target_wh(own, self.at_desk(agent, 1))
        promised = self.fixed_wh(agent, physical_only=False)
        for offer in self.offers_of(agent, BUY):
            spec = self.desk.terms.specs[offer.spec]
            promised[spec.first_period : spec.past_period] += offer.quantity * np.array(spec.profile_wh)
        for spec in self.desk.terms.specs:
            places = np.flatnonzero(np.array(spec.profile_wh)) + spec.first_period
            if places[0] >= own.first and places[-1] < own.first + len(target):
                room = int(target[places - own.first].sum())
                assert int(promised[places].sum()) <= max(room, int(before[places].sum())), spec.name
        live = [a.spec for a in self.desk.board.requests.values() if a.agent == agent]
        assert len(live) == len(set(live)), "two live requests for one spec"

    def watch_producer(self, agent, own):
        promised = -self.fixed_wh(agent, physical_only=False)
        for offer in self.offers_of(agent, SELL):
            spec = self.desk.terms.specs[offer.spec]
            promised[spec.first_period : spec.past_period] += offer.quantity * np.array(spec.profile_wh)
        # Its lots that are being delivered it has sold when it expected the same.
        assert (promised[own.first : own.first + AHEAD_HOURS] <= self.minds[agent].firm_wh(own)).all()


@pytest.mark.parametrize("utilities", [("eco-friendly", "balanced"), ("depressed", "prudent"), ("balanced", "greedy")])
def test_nobody_promises_more_than_it_means_to(utilities):
    assert days_of(utilities, kind=Watched).run().signed(Event.SIGNED)


def test_the_greedy_live_on_the_spot_market_and_so_do_merchants():
    days = days_of(("greedy", "balanced"), ("merchant", "balanced", "merchant")).run()
    assert {(row.buyer, row.seller) for row in days.signed(Event.SIGNED)} == {(1, 3)}


def cost_per_mwh(days, agent):
    """What the needs of the days after the first have cost, uncovered energy bought at spot [ticks]."""
    hours = slice(24, 24 * DAYS)
    need_wh = days.needs[agent][0][hours]
    spot_money = int(((need_wh - days.energy_wh[agent, hours]) * days.spot[hours]).sum())
    return (10**14 - days.money[agent] + spot_money) / int(need_wh.sum())


def test_who_covers_nothing_pays_less_in_calm_and_more_in_a_spike():
    spike = np.full(HOURS, 5_000)
    spike[24 * 2 + 17 : 24 * 2 + 22] = 60_000
    costs = {}
    for name, spot in (("calm", np.full(HOURS, 5_000)), ("spike", spike)):
        days = days_of(("greedy", "depressed"), spot=spot).run()
        assert not days.fixed_wh(1, physical_only=False).any()
        costs[name] = [cost_per_mwh(days, agent) for agent in (0, 1)]
    assert costs["calm"][0] < costs["calm"][1] < costs["spike"][1] < costs["spike"][0]
    assert costs["calm"][0] == 5_000


@pytest.mark.parametrize("green_seat", [0, 1])
def test_who_pays_for_guarantees_gets_more_from_renewable_sellers(green_seat):
    green = UTILITY_PERSONAS["eco-friendly"]
    minds = [green, replace(green, green_tick=0)]
    days = days_of(("eco-friendly", "eco-friendly"), ("balanced", "balanced", "balanced"))
    days.minds[:2] = minds if green_seat == 0 else minds[::-1]
    signed = days.run().signed(Event.SIGNED)
    bought = [sum(row.quantity_wh for row in signed if row.buyer == a and row.seller in (2, 4)) for a in (0, 1)]
    assert bought[green_seat] > bought[1 - green_seat]


def test_a_poor_utility_asks_for_what_it_can_put_margin_down_for():
    poor = days_of(("depressed", "greedy"), money=10**9).run()
    rich = days_of(("depressed", "greedy")).run()
    volume = [sum(row.quantity_wh for row in days.signed(Event.SIGNED)) for days in (poor, rich)]
    assert 0 < volume[0] < volume[1]


def test_negotiations_happen():
    days = days_of(SIGNED_BY_UTILITY).run()
    verbs = {Verb(say.verb).name for _, _, _, say in days.says}
    assert verbs >= {"REQUEST", "QUOTE", "COUNTER", "ACCEPT", "WALK", "POST", "TAKE"}


def test_a_quiet_session_leaves_no_request_behind():
    days = days_of(SIGNED_BY_UTILITY)
    days.day()
    assert not days.desk.board.requests
    assert not [offer for offer in days.desk.board.offers.values() if offer.maker in (0, 1)]


@settings(max_examples=60)
@given(
    utilities=st.lists(st.sampled_from(sorted(UTILITY_PERSONAS)), min_size=2, max_size=2),
    producers=st.lists(st.sampled_from(sorted(PRODUCER_PERSONAS)), min_size=3, max_size=3),
    order=st.permutations(range(5)),
    rounds=st.integers(1, 7),
    max_rounds=st.integers(1, 5),
    money=st.sampled_from([0, 10**8, 10**9, 10**14]),
)
def test_whoever_meets_all_that_is_said_is_admitted_and_no_promise_is_too_large(
    utilities, producers, order, rounds, max_rounds, money
):
    days = days_of(
        utilities, producers, kind=Watched, order=order, rounds=rounds, max_rounds=max_rounds, money=money
    )  # fmt: skip
    days.deliver_until(12)
    days.session()
    days.now_ms += HOUR_MS // 2
    days.session()
    assert not sum(days.fixed_wh(agent, physical_only=False) for agent in range(5)).any(), "C1"
    assert sum(days.money.values()) == 5 * money
