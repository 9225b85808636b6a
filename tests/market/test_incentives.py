"""The regulator's green tools: periods by hand, budgets to the last quantum, ends, grants that are taken back."""

import dataclasses
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattbook.assets.plants import PlantKind, Plants, PowerPlant
from wattbook.assets.upgrades import UpgradeTerms
from wattbook.contracts import ContractSpec, DeskTerms, Event, Kind
from wattbook.journal import Journal
from wattbook.market import Market
from wattbook.market.incentive_rules import DIFFERENCE, PREMIUM, SLIDING, Carbon, Grant, IncentiveRules, Support
from wattbook.market.incentives import within
from wattbook.market.replaying import replay
from wattbook.market.setup import OversightRules, WholesaleRules
from wattbook.messages import SELL, Action, Cause, Command, House, streams_of
from wattbook.oversight import Item, Rule
from wattbook.results import Record
from wattbook.results.incentives import figures, incentive_faults
from wattbook.results.money import money_errors, money_of
from wattbook.units import PPM, eur

START_MS = 1_465_164_000_000
QUARTER_MS = 900_000
PERIODS = 8
END_MS = START_MS + PERIODS * QUARTER_MS
NAMES = ("A", "B", "P", "U", "W")
A, B, P, U, W = range(5)
"""A home that draws, one with PV, a gas plant, their utility, and a wind park of 4 MW: 1 MWh a quarter of an hour."""
OUTPUT_WH, FED_IN_WH, GAS_WH = 1_000_000, 500, 200_000
SPOT = 9_000
TREASURY = len(NAMES) + House.TREASURY
LATER = END_MS + 1


def support(tool=PREMIUM, agents=(W,), price=2_000, budget=10**11, until_ms=LATER):
    return Support(tool, agents, int(price), int(budget), until_ms)


def grant(share_ppm=PPM // 4, keep=4, least_ppm=PPM // 2, budget=10**14, until_ms=LATER):
    return Grant((W,), (int(eur(1_000)),), share_ppm, keep, least_ppm, int(budget), until_ms)


def rules(*tools, budget=10**15):
    return IncentiveRules(tools, int(budget))


@pytest.fixture
def make_market(make_street, open_market):
    def make(incentives, *, spot=SPOT, upgrade=None, available=PPM):
        plants = Plants.of(
            [
                PowerPlant(PlantKind.GAS, 1_000_000, 0, None, 4_000, owner=P),
                PowerPlant(PlantKind.WIND, 4_000_000, 0, None, 0, owner=W),
            ]
        )
        able = np.full((2, PERIODS), PPM, np.int64)
        able[1] = available
        nothing = ContractSpec("output", "local", Kind.PPA, 0, (0,) * PERIODS)
        desk = DeskTerms(agents=5, specs=(nothing,), start_ms=START_MS, period_ms=QUARTER_MS, renewable=(W,))
        wholesale = WholesaleRules(
            producers=np.array([P, W]), plants=plants, upgrades=(None, upgrade), available_ppm=able, expected_ppm=able,
            reaches=(), standing=np.zeros(0, np.int64), customers=np.zeros(0, np.int64),
            million_wh=np.zeros((0, PERIODS), np.int64), sessions=((START_MS, 0, PERIODS),), auction=False,
            floor_tick=-50_000, cap_tick=400_000, link_wh=1 << 40, link_tick=0, imbalance_ppm=0,
            expected_tick=np.full(PERIODS, 9_000, np.int64), desk=desk,
        )  # fmt: skip
        street = make_street(
            NAMES, feeder=[0, 0, -1, -1, -1], utility=[U, U, -1, -1, -1],
            kinds=("consumer", "prosumer", "producer", "utility", "producer"), periods=PERIODS,
            load=[2_000, 0, 0, 0, 0], generation=[0, FED_IN_WH, 0, 0, 0], retail={U: 15_000}, feed_in={U: 8_000},
            credit_limit=np.full(5, 10**15, np.int64), wholesale=wholesale, incentives=incentives,
        )  # fmt: skip
        return open_market(dataclasses.replace(street, spot_tick=np.full(PERIODS, spot, np.int64)))

    return make


def commands(*, gas=False, invest_w=0, quarantine_before=None):
    """All of a run's commands."""
    rows = []
    if gas:
        rows += [Command(START_MS, P, Action.OFFER, period=p, side=SELL, price_tick=-50_000, quantity_wh=GAS_WH)
                 for p in range(PERIODS)]  # fmt: skip
    rows.append(Command(START_MS, -1, Action.CLEAR_DAY, period=0, quantity_wh=PERIODS))
    if invest_w:
        rows.append(Command(START_MS + 1, W, Action.INVEST, quantity_wh=invest_w))
    for period in range(PERIODS):
        if period == quarantine_before:
            rows.append(Command(START_MS + period * QUARTER_MS, -1, Action.QUARANTINE, order=W))
        end_ms = START_MS + (period + 1) * QUARTER_MS
        rows += [Command(end_ms, -1, action, period=period) for action in (Action.CLOSE, Action.DELIVER, Action.SETTLE)]
    return rows


def played(market, **given):
    for command in commands(**given):
        assert market.apply(command) == 0
        assert int(market.ledger.balance.sum()) == 0
        market.check()
    return market


def paid(market, agent, cause=Cause.INCENTIVE):
    """What an account got for a cause, period by period."""
    rows, got = market.journal.read("postings"), [0] * PERIODS
    mine = (rows["account"] == agent) & (rows["cause"] == cause)
    for period, amount in zip(rows["period"][mine].tolist(), rows["amount"][mine].tolist(), strict=True):
        got[period] += amount
    return got


# --- premiums and differences


def test_a_fixed_premium_pays_each_mwh_that_is_fed_in_by_plants_and_homes(make_market):
    market = played(make_market(rules(support(agents=(A, B, W)))))
    assert paid(market, W) == [int(eur(20))] * PERIODS
    assert paid(market, B) == [FED_IN_WH * 2_000] * PERIODS
    assert paid(market, A) == [0] * PERIODS, "who draws gets nothing"
    assert sum(paid(market, TREASURY)) == -PERIODS * (int(eur(20)) + FED_IN_WH * 2_000)


def test_what_a_home_sold_to_a_neighbour_is_fed_in_as_well(make_market):
    market = make_market(rules(support(agents=(B,))))
    at = {"book": 0, "period": 1, "price_tick": 10_000, "quantity_wh": 400}
    assert market.apply(Command(START_MS, B, Action.SUBMIT, side=SELL, **at)) == 0
    assert market.apply(Command(START_MS, A, Action.SUBMIT, side=-SELL, **at)) == 0
    assert market.trades == 1
    assert paid(played(market), B) == [FED_IN_WH * 2_000] * PERIODS


@pytest.mark.parametrize(
    ("tool", "spot", "each"),
    [
        (SLIDING, 9_000, 10), (SLIDING, 10_000, 0), (SLIDING, 12_000, 0), (SLIDING, 0, 100),
        (DIFFERENCE, 9_000, 10), (DIFFERENCE, 10_000, 0), (DIFFERENCE, 12_000, -20), (PREMIUM, 12_000, 100),
    ],
)  # fmt: skip
def test_a_sliding_premium_fills_up_to_the_strike_and_a_difference_is_paid_both_ways(make_market, tool, spot, each):
    market = played(make_market(rules(support(tool, price=10_000)), spot=spot))
    assert paid(market, W) == [each * int(eur(1))] * PERIODS
    assert paid(market, TREASURY) == [-each * int(eur(1))] * PERIODS


def test_at_a_negative_price_a_park_runs_on_for_its_premium_and_is_shut_without_one(make_market):
    shut = played(make_market(None, spot=-1_000))
    assert shut.journal.read("supply")["output_wh"].sum() == 0
    weak = played(make_market(rules(support(price=999)), spot=-1_000))
    assert paid(weak, W) == [0] * PERIODS
    strong = played(make_market(rules(support(price=1_000)), spot=-1_000))
    assert paid(strong, W) == [int(eur(10))] * PERIODS
    # What depends on the price that it gets for it does not: it would be paid for doing harm.
    sliding = played(make_market(rules(support(SLIDING, price=5_000)), spot=-1_000))
    assert paid(sliding, W) == [0] * PERIODS


def test_a_sold_output_has_its_difference_at_a_negative_price(make_market):
    market = make_market(rules(support(DIFFERENCE, agents=(P,), price=5_000)), spot=-1_000)
    assert paid(played(market, gas=True), P) == [6_000 * GAS_WH] * PERIODS


# --- budgets and ends


def test_the_last_payment_is_what_is_left_by_largest_remainder_and_then_the_tool_ends(make_market):
    whole = int(eur(20)) + FED_IN_WH * 2_000
    left = whole // 3 + 1
    market = played(make_market(rules(support(agents=(B, W), budget=2 * whole + left))))
    exact = {agent: Fraction(left * due, whole) for agent, due in ((B, FED_IN_WH * 2_000), (W, int(eur(20))))}
    last = {agent: int(share) for agent, share in exact.items()}
    last[max(exact, key=lambda agent: exact[agent] % 1)] += 1
    assert paid(market, B) == [FED_IN_WH * 2_000] * 2 + [last[B]] + [0] * 5
    assert paid(market, W) == [int(eur(20))] * 2 + [last[W]] + [0] * 5
    assert sum(paid(market, TREASURY)) == -(2 * whole + left)


def test_of_equal_remainders_the_earlier_gets_the_quantum_and_debts_are_not_cut():
    assert within(np.array([1, 1, 1]), 2).tolist() == [1, 1, 0]
    assert within(np.array([5, 5, 10]), 7).tolist() == [2, 2, 3]
    assert within(np.array([-4, 6]), 5).tolist() == [-4, 5]
    assert within(np.array([10**15, 10**15]), 10**15 + 1).tolist() == [5 * 10**14 + 1, 5 * 10**14]
    assert within(np.array([3, 4]), 0).tolist() == [0, 0]


def test_the_budget_of_all_tools_is_drawn_on_in_their_order(make_market):
    first, second = support(agents=(W,)), support(agents=(B,), price=4_000)
    budget = int(eur(50)) + 10
    market = played(make_market(rules(first, second, budget=budget)))
    each = FED_IN_WH * 4_000
    assert paid(market, W) == [int(eur(20))] * 2 + [budget - 2 * (int(eur(20)) + each)] + [0] * 5
    assert paid(market, B) == [each] * 2 + [0] * 6


def test_a_difference_whose_money_is_gone_takes_none_either(make_market):
    spent = support(budget=eur(20))
    market = make_market(rules(spent, support(DIFFERENCE, agents=(W,), price=5_000), budget=eur(20)))
    assert paid(played(market), W) == [int(eur(20)) - int(eur(40))] + [0] * 7


def test_what_comes_back_fills_no_budget(make_market):
    market = make_market(rules(support(DIFFERENCE, price=10_000, budget=eur(15))))
    market.settlement.spot_tick[:4] = 12_000, 9_000, 9_000, 9_000
    assert paid(played_at(market), W) == [-int(eur(20)), int(eur(10)), int(eur(5))] + [0] * 5


def played_at(market):
    """The day-ahead market takes the outside's prices of the street; here they were set by hand."""
    for command in commands():
        if command.action != Action.CLEAR_DAY:
            assert market.apply(command) == 0
    market.check()
    return market


def test_a_tool_covers_the_periods_that_begin_before_its_end(make_market):
    until_ms = START_MS + 3 * QUARTER_MS
    market = played(make_market(rules(support(until_ms=until_ms), Carbon((P,), (100,), until_ms))), gas=True)
    assert paid(market, W) == [int(eur(20))] * 3 + [0] * 5
    assert paid(market, P, Cause.CARBON) == [-GAS_WH * 100] * 3 + [0] * 5


# --- carbon


def test_carbon_is_paid_to_the_treasury_beside_the_fuel_and_seen_by_who_offers(make_market):
    market = played(make_market(rules(Carbon((P,), (1_234,), LATER))), gas=True)
    plain = played(make_market(None), gas=True)
    assert paid(market, P, Cause.CARBON) == [-GAS_WH * 1_234] * PERIODS
    assert paid(market, TREASURY, Cause.CARBON) == [GAS_WH * 1_234] * PERIODS
    assert paid(market, P, Cause.FUEL) == paid(plain, P, Cause.FUEL) == [-GAS_WH * 4_000] * PERIODS
    assert (market.journal.read("supply")["fuel"] == plain.journal.read("supply")["fuel"]).all()
    assert market.wholesale.marginal_tick(0, START_MS) == 5_234
    assert market.wholesale.marginal_tick(0, LATER) == 4_000
    assert market.wholesale.marginal_tick(1, START_MS) == 0


def test_those_who_decide_see_premiums_and_grants_while_there_is_money(make_market):
    market = make_market(rules(support(budget=eur(30)), support(SLIDING, price=10_000, until_ms=END_MS), grant()))
    incentives = market.incentives
    assert market.wholesale.marginal_tick(1, START_MS) == -2_000
    assert incentives.earned_tick(1, np.array([9_000, 11_000]), START_MS).tolist() == [10_000, 11_000]
    assert incentives.earned_tick(1, np.array([9_000]), END_MS).tolist() == [9_000]
    assert incentives.earned_tick(1, np.zeros(0, np.int64), START_MS).dtype == np.int64, "before the first price"
    assert incentives.own_cost_per_kw(1, 1_000, START_MS) == 750
    assert incentives.own_cost_per_kw(1, 1_000, LATER) == 1_000
    assert incentives.own_cost_per_kw(0, 1_000, START_MS) == 1_000
    played(market)
    assert market.wholesale.marginal_tick(1, START_MS) == 0, "the premium has ended"


# --- grants

TERMS = UpgradeTerms(eur(1_000), lead_ms=QUARTER_MS, most_w=2_000_000)
GRANTED = int(eur(500_000))
"""A quarter of 2 MW at 1,000 EUR a kW."""


def test_a_grant_is_paid_when_the_capacity_stands_and_kept_by_who_gives(make_market):
    market = played(make_market(rules(grant()), upgrade=TERMS), invest_w=2_000_000)
    # Ordered 1 ms after the first period has begun, it stands from the third on.
    assert market.journal.read("supply")["capacity_w"][1::2].tolist() == [4_000_000] * 2 + [6_000_000] * 6
    assert paid(market, W) == [0, 0, GRANTED, 0, 0, 0, 0, 0]
    assert paid(market, W, Cause.CLAWBACK) == [0] * PERIODS
    assert not market.incentives.watched


@pytest.mark.parametrize(
    ("least_ppm", "back"),
    [(PPM // 4, 0), (PPM // 4 + 1, 2), (PPM // 2, GRANTED // 2), (PPM, GRANTED * 3 // 4), (0, 0)],
)
def test_a_grant_is_taken_back_in_proportion_to_the_output_that_is_lacking(make_market, least_ppm, back):
    market = make_market(rules(grant(least_ppm=least_ppm)), spot=-1, upgrade=TERMS)
    # At a price below 0 the park gives only what it has sold: a quarter of 1.5 MWh.
    rows = commands(invest_w=2_000_000)
    sold = [Command(START_MS, W, Action.OFFER, period=p, side=SELL, price_tick=-50_000, quantity_wh=375_000)
            for p in range(PERIODS)]  # fmt: skip
    for command in (*sold, *rows):
        assert market.apply(command) == 0
    market.check()
    if back == 2:
        back = round(Fraction(GRANTED, 250_001))
    assert paid(market, W) == [0, 0, GRANTED, 0, 0, 0, 0, 0]
    assert paid(market, W, Cause.CLAWBACK) == [0] * 5 + [-back, 0, 0]
    assert paid(market, TREASURY, Cause.CLAWBACK) == [0] * 5 + [back, 0, 0]


def test_where_there_was_no_wind_nothing_is_lacking(make_market):
    market = played(make_market(rules(grant()), upgrade=TERMS, available=0), invest_w=2_000_000)
    assert paid(market, W, Cause.CLAWBACK) == [0] * PERIODS


@pytest.mark.parametrize(("before", "granted", "back"), [(4, GRANTED, GRANTED // 2), (2, 0, 0), (6, GRANTED, 0)])
def test_who_is_taken_out_gives_back_the_time_that_is_left(make_market, before, granted, back):
    market = played(make_market(rules(grant()), upgrade=TERMS), invest_w=2_000_000, quarantine_before=before)
    assert sum(paid(market, W)) == granted
    assert sum(paid(market, W, Cause.CLAWBACK)) == -back
    assert paid(market, W, Cause.CLAWBACK)[before] == -back


def test_who_is_suspended_when_a_period_is_settled_gives_back_the_time_that_is_left(make_market):
    base = make_market(rules(grant()), upgrade=TERMS).street
    street = dataclasses.replace(base, oversight=OversightRules(cap_per_offence=10**10))
    market = Market(street, Journal(streams_of(street.header()), street.header()))
    at_ms = START_MS + 4 * QUARTER_MS + 1
    said = [
        Command(at_ms, -1, Action.FIND, book=Rule.GOUGING, order=W),
        Command(at_ms, -1, Action.EVIDENCE, book=Item.OFFENCE, order=0, quantity_wh=1, flags=3),
        # Until just after the fifth period is settled.
        Command(at_ms, -1, Action.SUSPEND, order=0, flags=START_MS + 5 * QUARTER_MS + 1),
    ]
    for command in sorted([*commands(invest_w=2_000_000), *said], key=lambda each: each.time_ms):
        assert market.apply(command) == 0
        market.check()
    assert paid(market, W, Cause.CLAWBACK) == [0] * 4 + [-GRANTED // 2, 0, 0, 0]
    assert money_errors(Record.of(market.journal))["incentives"] == 0


def test_a_grant_ends_with_its_time_or_its_budget(make_market):
    late = played(make_market(rules(grant(until_ms=START_MS + 2 * QUARTER_MS)), upgrade=TERMS), invest_w=2_000_000)
    assert sum(paid(late, W)) == 0
    short = played(make_market(rules(grant(budget=eur(7))), upgrade=TERMS), invest_w=2_000_000)
    assert sum(paid(short, W)) == int(eur(7))


# --- guarantees of origin


@pytest.mark.parametrize(
    ("tools", "spot", "issued"),
    [
        ((), SPOT, 8),
        ((support(until_ms=START_MS + 3 * QUARTER_MS),), SPOT, 5),
        ((support(SLIDING, price=8_000),), SPOT, 8),
        ((support(DIFFERENCE, price=10_000),), SPOT, 0),
        ((support(DIFFERENCE, price=8_000),), SPOT, 8),
        ((support(budget=eur(30)),), SPOT, 6),
        ((support(agents=(B,)), grant(), Carbon((P,), (100,), LATER)), SPOT, 8),
    ],
)
def test_energy_that_was_paid_a_premium_gets_no_guarantee_of_origin(make_market, tools, spot, issued):
    market = played(make_market(rules(*tools), spot=spot))
    rows = market.journal.read("contracts")
    mine = rows["event"] == Event.CERTIFICATES_ISSUED
    assert int(rows["quantity_wh"][mine].sum()) == issued * OUTPUT_WH
    assert set(rows["buyer"][mine].tolist()) <= {W}


# --- saving, replay, headers


MIXED = (
    support(agents=(B, W), budget=eur(70)), support(DIFFERENCE, price=8_500, agents=(P, W)), grant(keep=5),
    Carbon((P,), (700,), LATER),
)  # fmt: skip


def test_a_market_saved_between_any_two_commands_goes_on_the_same_and_replays(make_market):
    rows, whole = commands(gas=True, invest_w=1_000_000, quarantine_before=6), make_market(rules(*MIXED), upgrade=TERMS)
    states = []
    for command in rows:
        states.append(whole.export())
        whole.apply(command)
    assert sum(paid(whole, W, Cause.CLAWBACK)) < 0
    header, end = whole.journal.header, whole.export()
    for stop, state in enumerate(states):
        market = Market(whole.street, Journal(streams_of(header), header))
        market.restore(state)
        for command in rows[stop:]:
            market.apply(command)
        for name, column in market.export().items():
            np.testing.assert_array_equal(column, end[name], f"{name} after a stop before {rows[stop]}")
    assert replay(whole.street, header, whole.journal.read("commands")).fingerprint() == whole.journal.fingerprint()


def test_a_header_tells_of_the_tools_and_is_what_it_was_without_any(make_market):
    assert "incentives" not in make_market(None).street.header()
    told = make_market(rules(*MIXED, budget=5)).street.header()["incentives"]
    assert told["budget"] == 5
    assert [each["tool"] for each in told["tools"]] == [PREMIUM, DIFFERENCE, "grant", "carbon"]
    assert told["tools"][3] == {"tool": "carbon", "agents": [P], "carbon_tick": [700], "until_ms": LATER}


def test_a_place_without_producers_pays_its_homes(make_street, open_market):
    street = make_street(
        ("A", "U"), feeder=[0, -1], utility=[1, -1], generation=[700, 0], retail={1: 15_000}, feed_in={1: 8_000},
        incentives=rules(support(agents=(0,))),
    )  # fmt: skip
    market = open_market(street)
    for action in (Action.CLOSE, Action.DELIVER, Action.SETTLE):
        assert market.apply(Command(START_MS + QUARTER_MS, -1, action, period=0)) == 0
        market.check()
    assert sum(market.journal.read("postings")["amount"][market.journal.read("postings")["account"] == 0]) == (
        700 * (8_000 + 2_000)
    )


# --- the second computation, from the record


@pytest.fixture
def mixed(make_market):
    market = make_market(rules(*MIXED, support(agents=(B, W), price=300, budget=eur(9))), upgrade=TERMS)
    return played(market, gas=True, invest_w=1_000_000, quarantine_before=6)


def test_what_the_tools_paid_is_found_again_in_the_record(mixed):
    record = Record.of(mixed.journal)
    assert money_errors(record)["incentives"] == 0
    told = figures(record, money_of(record))
    assert [each["spent"] for each in told["tools"]] == mixed.incentives.spent.tolist()
    assert told["tools"][0]["spent"] == told["tools"][0]["budget"] == int(eur(70))
    assert told["spent"] == int(mixed.incentives.spent.sum())
    assert told["carbon"] == -sum(paid(mixed, P, Cause.CARBON)) > 0
    assert told["clawed_back"] == -sum(paid(mixed, W, Cause.CLAWBACK)) > 0
    assert told["paid_back"] == 500 * int(mixed.journal.read("supply")["output_wh"].sum())


@pytest.mark.parametrize("cause", [Cause.INCENTIVE, Cause.CARBON, Cause.CLAWBACK])
@pytest.mark.parametrize("fault", ["amount", "period", "account", "cause"])
def test_a_bent_posting_is_found(mixed, cause, fault):
    record = Record.of(mixed.journal)
    rows = record.streams["postings"]
    at = np.flatnonzero(rows["cause"] == cause)[0]
    rows[fault][at] = {"amount": rows["amount"][at] + 1, "period": 7, "account": U, "cause": Cause.FINE}[fault]
    assert money_errors(record)["incentives"] > 0


@pytest.mark.parametrize(
    ("stream", "column"), [("meters", "residual_wh"), ("supply", "output_wh"), ("supply", "capacity_w"),
                           ("spot", "price_tick")],
)  # fmt: skip
def test_a_bent_fact_that_something_was_paid_for_is_found(mixed, stream, column):
    record = Record.of(mixed.journal)
    mine = record.streams[stream].get("agent", np.full(1, B))
    record.streams[stream][column][np.flatnonzero((mine == B) | (mine == W))[0]] -= 1
    assert money_errors(record)["incentives"] > 0


GOOD = {"budget": 1, "tools": [dict(rules(support()).header()["tools"][0])]}


@pytest.mark.parametrize(
    "told",
    [
        None, [], {"tools": []}, {"budget": 1}, {"budget": True, "tools": []}, {"budget": 1, "tools": [3]},
        *({**GOOD, "tools": [GOOD["tools"][0] | bent]} for bent in (
            {"tool": "gift"}, {"agents": [5]}, {"agents": [-1]}, {"agents": [4, 4]}, {"agents": 4}, {"budget": None},
            {"price_tick": 0.5}, {"tool": "grant"}, {"tool": "carbon"},
        )),
        {"budget": 1, "tools": [rules(grant(keep=0)).header()["tools"][0]]},
    ],
)  # fmt: skip
def test_a_header_that_tells_of_no_sound_tools_is_refused(told):
    assert incentive_faults(told, len(NAMES))
    assert not incentive_faults(GOOD, len(NAMES))
    assert not incentive_faults(rules(*MIXED).header(), len(NAMES))


def test_a_budget_that_was_overspent_would_show(make_market):
    market = played(make_market(rules(support())))
    market.incentives.spent[0] = int(eur(1_000)) + 1
    with pytest.raises(AssertionError, match="budget"):
        market.check()


# --- whatever the tools

MONEY = st.one_of(st.integers(0, 10**10), st.integers(0, 10**13))
MOMENTS = st.integers(0, PERIODS + 1).map(lambda p: START_MS + p * QUARTER_MS + p % 2)
SUPPORTS = st.builds(
    Support, st.sampled_from([PREMIUM, SLIDING, DIFFERENCE]),
    st.sets(st.sampled_from([A, B, P, W]), min_size=1).map(lambda rows: tuple(sorted(rows))),
    st.integers(0, 20_000), MONEY, MOMENTS,
)  # fmt: skip
GRANTS = st.builds(
    Grant, st.just((W,)), st.just((int(eur(1_000)),)), st.integers(0, PPM), st.integers(1, 9), st.integers(0, PPM),
    MONEY.map(lambda money: money * 1_000), MOMENTS,
)  # fmt: skip
CARBONS = st.builds(Carbon, st.just((P, W)), st.tuples(st.integers(0, 9_000), st.integers(0, 1)), MOMENTS)


@given(
    tools=st.lists(st.one_of(SUPPORTS, GRANTS, CARBONS), max_size=4), budget=MONEY,
    spot=st.integers(-3_000, 20_000), available=st.integers(0, PPM),
    out=st.none() | st.integers(0, PERIODS - 1),
)  # fmt: skip
@settings(max_examples=60)
def test_whatever_the_tools_no_budget_is_overspent_and_each_posting_is_what_was_due(
    make_street, open_market, tools, budget, spot, available, out
):
    make = make_market.__wrapped__(make_street, open_market)
    market = make(rules(*tools, budget=budget), spot=spot, upgrade=TERMS, available=available)
    played(market, gas=True, invest_w=1_500_000, quarantine_before=out)
    postings, supply = market.journal.read("postings"), market.journal.read("supply")
    amount, cause, agent = postings["amount"], postings["cause"], postings["account"] != TREASURY
    spent = int(amount[(cause == Cause.INCENTIVE) & (amount > 0) & agent].sum())
    assert spent <= budget
    assert int(market.incentives.spent.sum()) == spent
    assert money_errors(Record.of(market.journal))["incentives"] == 0
    output = {P: supply["output_wh"][0::2].tolist(), W: supply["output_wh"][1::2].tolist(), A: [0] * 8, B: [500] * 8}
    left, gone = budget, [0] * len(tools)
    for period in range(PERIODS):
        due = dict.fromkeys(output, 0)
        asked = 0
        for place, tool in enumerate(tools):
            starts_ms = START_MS + period * QUARTER_MS
            if isinstance(tool, Carbon) or starts_ms >= tool.until_ms or min(tool.budget - gone[place], left) <= 0:
                continue
            if isinstance(tool, Grant):
                stands = period == 2 and (out is None or out > 2)
                wanted = {W: round(Fraction(tool.share_ppm * int(eur(1_500_000)), PPM))} if stands else {W: 0}
            else:
                tick = {PREMIUM: tool.price_tick, SLIDING: max(0, tool.price_tick - spot)}
                price = tick.get(tool.tool, tool.price_tick - spot)
                wanted = {who: output[who][period] * price for who in tool.agents}
            most = min(tool.budget - gone[place], left - asked)
            total = sum(max(0, each) for each in wanted.values())
            for who, each in wanted.items():
                due[who] += each if total <= most else min(0, each)
            if total > most:
                shares = {who: Fraction(each * most, total) for who, each in wanted.items() if each > 0}
                first = sorted(shares, key=lambda who: (-(shares[who] % 1), who))
                for who, share in shares.items():
                    missing = most - sum(map(int, shares.values()))
                    due[who] += int(share) + (who in first[:missing])
            gone[place] += min(total, most)
            asked += min(total, most)
        left -= asked
        for who, each in due.items():
            assert paid(market, who)[period] == each, (period, who)
