"""What the shipped scenarios of the wholesale market are there to show."""

from math import sqrt
from statistics import mean, stdev

import numpy as np
import pytest

from wattbook import load_scenario
from wattbook.contracts import Event
from wattbook.messages import Cause, House
from wattbook.scenario.wholesale import Auction, ContractDesk

ENERGY = (Cause.SPOT, Cause.IMBALANCE, Cause.DELIVERY, Cause.VARIATION)
T_95 = {5: 2.776, 20: 2.093}
"""Student's t of a two-sided interval of 95 % for so many pairs."""


def paid(run, name, causes):
    """What an agent has paid for `causes`, less what it got [1e-8 EUR]."""
    rows, place = run.record.streams["postings"], run.record.place
    mine = (rows["account"] == place.accounts.index(name)) & np.isin(rows["cause"], [int(cause) for cause in causes])
    return -int(rows["amount"][mine].sum())


def drawn_wh(run, name, column="metered_wh"):
    rows, place = run.record.streams["positions"], run.record.place
    return int(rows[column][rows["agent"] == place.names.index(name)].sum())


def cost_eur_per_mwh(scenario, seed, name):
    """What energy has cost a utility, contracts and imbalance included."""
    run = scenario.run(seed)
    return paid(run, name, ENERGY) / 100 / drawn_wh(run, name)


def events(run, event):
    rows, names = run.record.streams["contracts"], run.record.place.names
    mine = rows["event"] == event
    return [
        (names[buyer], quantity, amount)
        for buyer, quantity, amount in zip(
            rows["buyer"][mine].tolist(), rows["quantity_wh"][mine].tolist(), rows["amount"][mine].tolist(), strict=True
        )
    ]


# --- both seed scenarios


def test_both_seed_scenarios_are_as_large_as_they_say_and_differ_by_one_value():
    one, two = load_scenario("seed-1"), load_scenario("seed-2")
    assert isinstance(one.wholesale, ContractDesk)
    assert isinstance(two.wholesale, Auction)
    assert one.with_values({"wholesale": two.wholesale}).digest() == two.digest()
    assert (one.homes, one.days) == (103, 7)
    assert [utility.represents for utility in one.utilities] == [20_000] * 3
    assert len(one.producers) >= 6


@pytest.mark.parametrize("name", ["seed-1", "seed-2"])
def test_a_seed_scenario_balances(name):
    run = load_scenario(name).with_values({"days": "3"}).run(7)
    assert run.metrics["money_sum"] == 0
    assert run.metrics["energy_residual_wh"] == 0
    assert not run.info["incidents"]
    served = run.record.streams["served"]
    assert served["customers"].tolist() == [20_000] * len(served["seq"])
    # Producers are large enough for all of them, without the outside.
    supply, drawn = run.record.streams["supply"], sum(drawn_wh(run, each) for each in ("blue", "green", "red"))
    assert int(supply["available_wh"].sum()) > drawn


def test_contracts_take_a_part_of_what_is_bought_day_ahead():
    run = load_scenario("seed-1").with_values({"days": "3"}).run(7, baseline=False)
    shares = {name: drawn_wh(run, name, "contracted_wh") / drawn_wh(run, name) for name in ("blue", "green", "red")}
    assert shares["blue"] == 0
    assert shares["green"] > shares["red"] > 0.1


# --- who hedges

CALM = {"spot.first_day": "2022-12-02", "wholesale.expected": "42"}


def gains(changes, seeds):
    """What blue pays less for a MWh as a greedy utility than as a balanced one, in pairs of one seed [EUR/MWh]."""
    scenario = load_scenario("hedging").with_values(changes) if changes else load_scenario("hedging")
    by_persona = [scenario.with_values({"blue.persona": persona}) for persona in ("balanced", "greedy")]
    pairs = [[cost_eur_per_mwh(each, seed, "blue") for each in by_persona] for seed in range(seeds)]
    return [balanced - greedy for balanced, greedy in pairs]


def interval(values):
    half = T_95[len(values)] * stdev(values) / sqrt(len(values))
    return mean(values) - half, mean(values) + half


@pytest.mark.parametrize("seeds", [5, pytest.param(20, marks=[pytest.mark.slow, pytest.mark.long])])
def test_a_greedy_utility_earns_more_in_calm_prices_and_loses_more_in_a_spike(seeds):
    low, high = interval(gains(CALM, seeds))
    assert 0.2 < low <= high < 2
    low, high = interval(gains({}, seeds))
    assert -80 < low <= high < -20


# --- who owes renewables


@pytest.fixture(scope="module")
def week():
    return load_scenario("green-quota").run(7)


def test_who_fails_its_quota_pays_the_buy_out_once(week):
    (who, short_wh, amount), *more = events(week, Event.BOUGHT_OUT)
    assert (who, more) == ("blue", [])
    # 30 % of its sales, which are its customers', at 60.00 EUR/MWh.
    assert short_wh == -(-drawn_wh(week, "blue") * 3 // 10)
    assert amount == short_wh * 6_000 == paid(week, "blue", [Cause.BUY_OUT])
    assert paid(week, House.TREASURY.name, [Cause.BUY_OUT]) == -amount


def test_an_eco_friendly_utility_meets_its_quota(week):
    covered = {who: quantity for who, quantity, _ in events(week, Event.COMPLIED)}
    assert covered == {"blue": 0, "green": -(-drawn_wh(week, "green") * 3 // 10)}
    assert paid(week, "green", [Cause.BUY_OUT]) == 0
