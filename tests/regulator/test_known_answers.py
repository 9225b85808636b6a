"""The known answers of market power (docs/regulator.md), by the record and through whole runs."""

from dataclasses import replace

import numpy as np
import pytest
from benchmarks.islands import START_MS, as_scenario, island, known_of, record_of

from wattbook import Regulator, load_scenario
from wattbook.messages import SELL, Action
from wattbook.oversight import Item, Rule, Sanction
from wattbook.policies.producers import ProducerMind
from wattbook.policies.wholesale import Orders
from wattbook.regulator import Office, Rules, inspect
from wattbook.regulator.detectors import TERMS
from wattbook.regulator.metrics import concentration, residual_supply_ppm
from wattbook.units import hours, percent

HOUR_MS = 3_600_000
CENT = 10**6
MONOPOLY = {"capacity_kw": [80, 30, 20], "reference_tick": [10_000, 11_000, 12_000], "demand_kw": 100}


def monopoly(**given):
    """M, F1 and F2 and a town of 100 kW; M asks 300 EUR/MWh."""
    return island(**({**MONOPOLY, "offer_tick": {0: 30_000}, "turnover_eur": 45} | given))


def gouging(**terms):
    return {Rule.GOUGING: TERMS[Rule.GOUGING](**terms)}


def said_of(place, *, review_ms=None, terms=None, **rules):
    """Let a regulator go through the record of an island, by this rule alone; all that it said."""
    moments = (place.end_ms,) if review_ms is None else review_ms
    rules = Rules(review_ms=moments, terms=gouging() if terms is None else terms, **rules)
    return inspect(known_of(place), rules, record_of(place))


def found(said):
    """Time, agent, gain, overcharge and harm [cents] of each finding."""
    return [
        (c.time_ms, c.order, c.price_tick / CENT, c.quantity_wh / CENT, c.flags / CENT)
        for c in said
        if c.action == Action.FIND
    ]


def fines(said):
    """Gain and punitive part of each fine [1e-8 EUR]."""
    return [(c.price_tick, c.quantity_wh) for c in said if c.action == Action.FINE]


def evidence(said, item):
    return [c.quantity_wh for c in said if c.action == Action.EVIDENCE and c.book == item]


def sanctions_of(run):
    """Agent, kind, amount [1e-8 EUR] of each sanction of a run."""
    rows, names = run.record.streams["sanctions"], run.record.place.names
    columns = (rows[name].tolist() for name in ("agent", "kind", "amount"))
    return [(names[agent], Sanction(kind).name, amount) for agent, kind, amount in zip(*columns, strict=True)]


# --- K1: a monopolist


@pytest.mark.parametrize(("before_eur", "punitive"), [(45, 4_75), (5, 3_00)])
def test_k1_a_monopolist_pays_its_gain_and_half_the_overcharge_up_to_15_percent_of_its_turnover(before_eur, punitive):
    said = said_of(monopoly(turnover_eur=before_eur))
    assert found(said) == [(START_MS + HOUR_MS, 0, 9_20, 9_50, 19_00)]
    assert fines(said) == [(9_20 * CENT, punitive * CENT)]
    assert evidence(said, Item.RSI_PPM) == [500_000]
    assert evidence(said, Item.COUNTERFACTUAL_TICK) == [11_000]
    assert evidence(said, Item.PRICE_TICK) == [30_000]
    assert evidence(said, Item.SOLD_WH) == [50_000]
    assert evidence(said, Item.TURNOVER) == [(before_eur + 15) * 100 * CENT]
    back = [(c.period, c.quantity_wh) for c in said if c.action == Action.REFUND]
    assert back == [(3, 9_20 * CENT)], "the town, which paid too much, gets the gain"
    assert [c.price_tick for c in said if c.action == Action.MITIGATE] == [10_000]


def test_k1_structure_of_the_three_plants_is_as_the_design_says():
    wh = [80_000, 30_000, 20_000]
    assert [residual_supply_ppm(130_000, own, 100_000) for own in wh] == [500_000, 1_000_000, 1_100_000]
    assert concentration(wh) == 4556


@pytest.mark.parametrize(("turnover", "total"), [("45", 13_95), ("5", 12_20)])
def test_k1_the_shipped_scenario_comes_to_the_same_in_one_hour(turnover, total):
    run = load_scenario("monopoly").with_values({"hours": "1", "M.turnover": turnover}).run(7)
    assert sanctions_of(run) == [("M", "FINE", total * CENT), ("M", "MITIGATION", 0)]
    rows = run.record.streams["findings"]
    assert [int(rows[name][0]) for name in ("gain", "overcharge", "harm")] == [9_20 * CENT, 9_50 * CENT, 19_00 * CENT]
    assert run.record.streams["spot"]["price_tick"].tolist() == [30_000]
    assert run.metrics["money_sum"] == 0


def test_k1_over_days_the_price_comes_down_when_the_next_session_takes_default_bids():
    run = load_scenario("monopoly").run(7)
    assert run.record.streams["spot"]["price_tick"].reshape(4, 24).tolist() == [
        [30_000] * 24, [30_000] * 24, [11_000] * 24, [11_000] * 24,
    ]  # fmt: skip
    assert {who for who, _, _ in sanctions_of(run)} == {"M"}


# --- K2 to K4: competition, scarcity, fuel


@pytest.mark.parametrize("ask", [10_000, 30_000, 400_000])
def test_k2_of_twelve_equal_sellers_none_is_found_whatever_one_asks(ask):
    place = island([15] * 12, [10_000] * 12, 100, offer_tick={0: ask})
    assert said_of(place) == []
    assert residual_supply_ppm(180_000, 15_000, 100_000) == 1_650_000
    assert concentration([15_000] * 12) == 833


def test_k2_the_shipped_scenario_finds_nobody():
    run = load_scenario("competition").run(7)
    assert sanctions_of(run) == []
    assert run.record.streams["spot"]["price_tick"].max() == 10_700


def test_k3_scarcity_at_cost_offers_is_nobodys_offence_though_the_price_is_the_cap():
    place = island(**{**MONOPOLY, "demand_kw": 140})
    assert record_of(place)["spot"]["price_tick"].tolist() == [400_000]
    assert said_of(place) == []
    run = as_scenario(place).run(7)
    assert run.record.streams["spot"]["price_tick"].tolist() == [400_000]
    assert sanctions_of(run) == []


@pytest.mark.parametrize("seed", [7, 8])
def test_k3_a_winter_storm_of_real_prices_finds_nobody(seed):
    run = load_scenario("scarcity").run(seed)
    assert run.record.streams["spot"]["price_tick"].max() > 250_000
    assert sanctions_of(run) == []


def test_k3_the_same_storm_finds_who_asks_for_more_than_it():
    run = load_scenario("scarcity").with_values({"gas.offer": "3000"}).run(7)
    assert {who for who, _, _ in sanctions_of(run)} == {"gas"}


class FuelJumps(ProducerMind):
    """Asks 100 EUR/MWh until noon and 300 from noon on."""

    def day_ahead(self, own, public, draw, /):
        n = len(own.need_wh)
        ask = np.where((own.first + np.arange(n)) % 24 < 12, 10_000, 30_000)
        return Orders(own.first + np.arange(n), np.full(n, SELL), ask, own.available_wh)


JUMP = [10_000] * 12 + [30_000] * 12


@pytest.mark.parametrize(("reference", "hours_found"), [(JUMP, []), ([10_000] * 24, list(range(12, 24)))])
def test_k4_asks_that_jump_with_the_cost_of_fuel_are_no_offence_and_without_it_they_are(reference, hours_found):
    given = {**MONOPOLY, "reference_tick": [reference, [11_000] * 24, [12_000] * 24]}
    place = island(**given, offer_tick={0: JUMP}, periods=24)
    said = said_of(place)
    assert evidence(said, Item.OFFENCE) == hours_found
    mine = as_scenario(replace(place, offer_tick=place.offer_tick[:, :1].repeat(24, axis=1)))
    plants = [
        each.model_copy(update={"persona": FuelJumps(), "offer": None}) if each.name == "plant-00" else each
        for each in mine.agents
    ]
    run = mine.model_copy(update={"agents": tuple(plants)}).run(7)
    rows = run.record.streams["evidence"]
    assert rows["value"][rows["item"] == Item.OFFENCE].tolist() == hours_found


# --- K5 and K6: once, and at its time


def test_k5_an_offence_in_two_overlapping_windows_is_sanctioned_once():
    place = monopoly(periods=3)
    office = Office(known_of(place), Rules(review_ms=(place.end_ms,), terms=gouging()))

    def reviewed(periods, at_ms):
        for stream, rows in record_of(place).items():
            mine = np.isin(rows["period"], periods)
            office.read(stream, {name: column[mine] for name, column in rows.items()}, watches=False)
        return office.review(at_ms, watches=False)

    first, second = reviewed([0, 1], START_MS + 2 * HOUR_MS), reviewed([1, 2], place.end_ms)
    assert evidence(first, Item.OFFENCE) == [0, 1]
    assert evidence(second, Item.OFFENCE) == [2], "the one between lies in both windows"
    assert [gain for gain, _ in (*fines(first), *fines(second))] == [2 * 9_20 * CENT, 9_20 * CENT]
    assert reviewed([0, 1, 2], place.end_ms + 1) == []


@pytest.mark.parametrize(("latency_ms", "seen"), [(0, [[0], [1]]), (1, [[], [0]])])
def test_k6_an_offence_just_after_the_cut_off_is_found_at_the_next_review(latency_ms, seen):
    place = monopoly(periods=2)
    moments = (START_MS + HOUR_MS, START_MS + 2 * HOUR_MS)
    said = said_of(place, review_ms=moments, latency_ms=latency_ms)
    told = {c.quantity_wh: c.time_ms for c in said if c.action == Action.EVIDENCE and c.book == Item.OFFENCE}
    assert [[key for key, at_ms in told.items() if at_ms == moment] for moment in moments] == seen


@pytest.mark.parametrize(("latency", "times"), [(0, [1, 2]), (1, [2])])
def test_k6_in_a_run_what_is_settled_after_the_cut_off_waits(latency, times):
    watched = Regulator(review=hours(1), latency=hours(latency), rules=["gouging"])
    run = as_scenario(monopoly(periods=2), regulator=watched).run(7)
    rows = run.record.streams["findings"]
    assert ((rows["time_ms"] - START_MS) // HOUR_MS).tolist() == times


# --- K9 to K11: who has sold ahead, who is exactly at the threshold, who has no fuel


def test_k9_a_monopolist_that_has_sold_70_of_80_ahead_is_not_pivotal():
    place = monopoly(sold_ahead_kw={0: 70})
    assert residual_supply_ppm(130_000, 10_000, 100_000) == 1_200_000
    assert said_of(place) == []
    assert fines(said_of(monopoly(sold_ahead_kw={0: 10}))), "with 10 kWh sold it still is"


AT_THRESHOLD = {"capacity_kw": [80, 30, 20], "reference_tick": [10_000, 40_000, 10_000], "offer_tick": {2: 30_000}}


@pytest.mark.parametrize(("rsi_ppm", "is_found"), [(1_100_000, False), (1_100_001, True)])
def test_k10_a_residual_supply_of_exactly_the_threshold_is_not_flagged(rsi_ppm, is_found):
    place = island(**AT_THRESHOLD, demand_kw=100, turnover_eur=100)
    assert bool(fines(said_of(place, terms=gouging(rsi_ppm=rsi_ppm)))) == is_found


@pytest.mark.parametrize(("rsi", "is_found"), [(110, False), (111, True)])
def test_k10_holds_in_a_run(rsi, is_found):
    watched = Regulator(latency=hours(0), rules=["gouging"], gouging={"rsi": percent(rsi)})
    run = as_scenario(island(**AT_THRESHOLD, demand_kw=100), regulator=watched).run(7)
    assert run.record.streams["spot"]["price_tick"].tolist() == [30_000]
    assert bool(sanctions_of(run)) == is_found


@pytest.mark.parametrize(("ask", "is_found"), [(2_000, False), (2_500, False), (2_501, True)])
def test_k11_a_plant_without_fuel_may_ask_up_to_the_least_allowance(ask, is_found):
    place = island([80, 30, 30], [0, 0, 0], 100, offer_tick={0: ask}, turnover_eur=100)
    assert bool(found(said_of(place))) == is_found
    assert bool(sanctions_of(as_scenario(place).run(7))) == is_found
