"""Efficiency over the horizon: the linear program against closed forms, a search by hand, and every run."""

from __future__ import annotations

import itertools
import sys

import numpy as np
import polars as pl
import pytest

from wattbook import (
    Battery,
    Forecast,
    LocalMarket,
    Network,
    Pv,
    RetailMarket,
    Scenario,
    city,
    consumer,
    horizon_efficiency,
    load_scenario,
    neighbourhood,
    prosumer,
    trader,
    utility,
)
from wattbook.errors import ConfigError
from wattbook.messages import Cause
from wattbook.results.money import money_of
from wattbook.scenario.horizon_program import Place, Prices, Stores, solve
from wattbook.units import eur_per_mwh, kw, kwh, minutes, percent


def town(batteries, hours=12, kind="martingale", homes=8, district=True, seed=0, other=165, **more):
    return Scenario(
        start="2016-06-06T06:00:00+02:00", days=2, hours=hours,
        agents=[
            city(
                "town", homes=homes, homes_per_feeder=max(1, homes // 2), pv_share=0.5, battery_share=batteries,
                seed=seed,
            ),
            utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(80)),
            utility("green", retail={"day": eur_per_mwh(other), "night": eur_per_mwh(140)}, feed_in=eur_per_mwh(75)),
        ],
        local=LocalMarket(district=district), forecast=Forecast(kind=kind), **more,
    )  # fmt: skip


# --- one program, against what is known


@pytest.mark.parametrize("district", [False, True])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_without_batteries_the_program_finds_the_gains_of_the_merit_orders(district, seed):
    scenario = town(0.0, district=district, seed=seed)
    run = scenario.run(seed=seed)
    told = horizon_efficiency(scenario, run, forecasts=False)
    figures = run.metrics
    assert figures["gains_possible"] > 1_000_000
    assert told.without_market.cost - told.perfect.cost == pytest.approx(figures["gains_possible"], abs=2)
    assert told.without_market.cost - told.actual.cost == pytest.approx(figures["gains_realised"], abs=2)
    assert told.of_perfect == pytest.approx(figures["allocative_efficiency"], abs=1e-6)


def test_the_cost_without_a_market_is_what_the_baseline_was_billed():
    scenario = town(0.0)
    run = scenario.run(seed=1)
    place = run.baseline.place
    paid = [Cause.RETAIL, Cause.FEED_IN, Cause.NETWORK, Cause.LEVY, Cause.VAT]
    bills = -money_of(run.baseline)[: place.agents][place.members][:, paid].sum()
    # VAT is rounded once a member and period.
    assert abs(horizon_efficiency(scenario, run, forecasts=False).without_market.cost - bills) < 8 * 48


def by_hand(nets, moves, prices):
    """Cost of a period: the dearest need meets the cheapest offer, as long as both gain; one feeder, whole units."""
    needs, offers = [], []
    cost = 0.0
    for member, (net, move) in enumerate(zip(nets, moves, strict=True)):
        units = net + move
        dear, near, cheap = (price[member] for price in prices)
        cost += max(units, 0) * dear - max(-units, 0) * cheap
        needs += [dear - near] * max(units, 0)
        offers += [cheap] * max(-units, 0)
    pairs = zip(sorted(needs, reverse=True), sorted(offers), strict=False)
    return cost - sum(max(value - least, 0) for value, least in pairs)


@pytest.mark.parametrize("seed", range(25))
def test_the_program_agrees_with_a_search_through_all_charges_of_a_lossless_battery(seed):
    dice = np.random.default_rng(seed)
    members, periods, capacity, power = 3, 5, 3, 2
    nets = dice.integers(-4, 5, (members, periods))
    retail = 200 + dice.integers(0, 10, (1, periods)) * 10 + dice.integers(0, 3, (members, 1))
    near, sell = np.full((members, periods), 30), 60 + dice.integers(0, 3, (members, 1)) + np.zeros((1, periods), int)
    first, worth = int(dice.integers(0, capacity + 1)), int(dice.integers(0, 300))
    best = {first: 0.0}
    for t in range(periods):
        prices = [price[:, t] for price in (retail, near, sell)]
        after = {}
        for soc, move in itertools.product(best, range(-power, power + 1)):
            if 0 <= soc + move <= capacity:
                cost = best[soc] + by_hand(nets[:, t], (move, 0, 0), prices)
                after[soc + move] = min(after.get(soc + move, np.inf), cost)
        best = after
    expected = min(cost - soc * worth for soc, cost in best.items())
    limit = np.full((1, periods), float(power))
    one = np.ones(1)
    place = Place(
        np.zeros(members, np.int64), np.arange(members),
        Prices(*(np.asarray(price, np.float64) for price in (retail, near, near + 1_000, sell))),
        Stores(np.zeros(1, np.int64), one * capacity, one, one, limit, limit, one * worth), False, 0.0,
    )  # fmt: skip
    plan = solve(place, nets.astype(np.float64), one * first, slice(0, periods))
    assert plan.both_ways_wh < 1e-6
    assert plan.cost == pytest.approx(expected, abs=1e-6)
    assert plan.bound == pytest.approx(plan.cost, abs=1e-6)


@pytest.mark.parametrize("loss", [1.0, 1.25])
def test_what_is_left_in_a_battery_is_worth_what_it_can_still_give(loss):
    one, none = np.ones((1, 1)), np.zeros((1, 1))
    store = Stores(np.zeros(1, np.int64), np.full(1, 10.0), np.ones(1), np.full(1, loss), none, none, np.full(1, 80.0))
    place = Place(np.zeros(1, np.int64), np.zeros(1, np.int64), Prices(*[200 * one] * 3, 50 * one), store, False, 0.0)
    assert solve(place, none, np.full(1, 5.0), slice(0, 1)).cost == pytest.approx(-5 / loss * 80)


def test_a_battery_takes_up_what_its_owner_did_not_foresee():
    """A home without neighbours: its errors are large, and yet the planner does better than the automatic battery."""
    scenario = Scenario(
        start="2016-06-06", days=2,
        agents=[
            prosumer("ada", rated=kw(4), pv=Pv(kw(8)), battery=Battery(kwh(10), kw(5)), policy="idle"),
            utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(80)),
        ],
        forecast=Forecast(load_error=percent(80), pv_error=percent(60)),
    )  # fmt: skip
    told = horizon_efficiency(scenario, scenario.run(seed=1))
    assert told.perfect.cost < told.forecasts.cost < told.without_market.cost == told.actual.cost


def test_a_battery_sells_to_the_neighbour_when_that_saves_more_than_its_own_use_later():
    """Worked by hand.

    Ada has 1 kWh to spare at noon and needs 1 kWh at two; bo needs 1 kWh at one, when the utility takes 200 instead of
    100 EUR/MWh. Alone, ada's battery keeps her kWh for herself, and bo pays 0.20 EUR. Best is that bo gets it, for then
    the utility delivers at two, for 0.10 EUR.
    """
    start = pl.datetime_range(
        pl.datetime(2016, 6, 6, time_zone="UTC"), pl.datetime(2016, 6, 6, 23, time_zone="UTC"), "1h", eager=True
    )

    def hourly(**kwh_at):
        return pl.DataFrame({"time": start, "kwh": [float(kwh_at.get(f"h{hour}", 0)) for hour in range(24)]})

    scenario = Scenario(
        start="2016-06-06", days=1, timezone="UTC",
        agents=[
            prosumer(
                "ada", profile=hourly(h14=1), rated=None, pv=Pv(kw(2), maintenance_per_kw_year=0), policy="idle",
                pv_profile=hourly(h12=1), battery=Battery(kwh(1), kw(1), efficiency_ppm=percent(100)),
            ),
            consumer("bo", profile=hourly(h13=1), rated=None, policy="idle"),
            utility(
                "blue", retail=[eur_per_mwh(200 if hour == 13 else 100) for hour in range(24)],
                feed_in=eur_per_mwh(50),
            ),
        ],
        local=LocalMarket(period=minutes(60)), forecast=Forecast(kind="oracle"), spot=eur_per_mwh(90),
        network=Network(
            feeder_fee=eur_per_mwh(0), district_fee=eur_per_mwh(0), standard_fee=eur_per_mwh(0),
            feeder_loss=percent(0), district_loss=percent(0), standard_loss=percent(10), levy=eur_per_mwh(0),
            vat=percent(0),
        ),
    )  # fmt: skip
    told = horizon_efficiency(scenario, scenario.run(seed=1))
    assert told.without_market == told.actual == (20_000_000, 9_900_000)
    assert told.perfect == told.forecasts == (10_000_000, 9_900_000)
    assert (told.of_perfect, told.of_forecasts) == (0.0, 0.0)


# --- every run


def check_order(told):
    assert told.bound <= told.perfect.cost + 1
    assert told.perfect.cost <= told.actual.cost + 1
    assert told.perfect.cost <= told.without_market.cost + 1
    if told.forecasts is not None:
        assert told.perfect.cost <= told.forecasts.cost + 1


@pytest.mark.parametrize("seed", range(12))
def test_no_run_is_better_than_the_optimum(seed):
    dice = np.random.default_rng(seed)
    scenario = town(
        float(dice.uniform(0.3, 1)), hours=int(dice.integers(3, 30)), homes=int(dice.integers(2, 12)),
        kind=str(dice.choice(["martingale", "oracle", "persistence"])), district=bool(dice.integers(2)),
        seed=seed, other=int(dice.integers(85, 400)),
    )  # fmt: skip
    check_order(horizon_efficiency(scenario, scenario.run(seed=seed), forecasts=seed < 4, wear_tick=seed * 500))


@pytest.mark.parametrize("seed", [1, 2])
def test_plans_on_forecasts_that_come_true_reach_the_optimum(seed):
    scenario = town(0.6, kind="oracle", seed=seed)
    told = horizon_efficiency(scenario, scenario.run(seed=seed))
    possible = told.without_market.cost - told.perfect.cost
    assert told.forecasts.cost - told.perfect.cost < possible / 200, "whole Wh cost a little"


def test_wear_costs_every_way_alike_what_its_batteries_gave():
    scenario = town(0.6)
    run = scenario.run(seed=1)
    free, worn = (horizon_efficiency(scenario, run, forecasts=False, wear_tick=wear) for wear in (0, 1_000))
    for way, record in (("actual", run.record), ("without_market", run.baseline)):
        given = int(record.streams["meters"]["discharge_wh"].sum())
        assert getattr(worn, way).cost - getattr(free, way).cost == pytest.approx(1_000 * given, abs=1)
    assert worn.perfect.cost >= free.perfect.cost


@pytest.mark.slow
@pytest.mark.long
def test_the_shipped_neighbourhood_reaches_six_tenths_of_what_was_possible():
    scenario = load_scenario("neighbourhood")
    told = horizon_efficiency(scenario, scenario.run(seed=7))
    check_order(told)
    assert told.both_ways_wh == 0
    assert told.of_perfect == pytest.approx(0.607, abs=5e-4)
    assert told.of_forecasts == pytest.approx(0.653, abs=5e-4)
    assert told.perfect.cost < told.forecasts.cost < told.actual.cost


# --- what cannot be compared


def test_a_run_of_another_kind_is_refused_with_all_reasons():
    scenario = town(0.0, meter_failures=percent(1))
    run = town(0.0, baseline=False).run(seed=1)
    with pytest.raises(ConfigError) as caught:
        horizon_efficiency(scenario, run)
    assert len(caught.value.problems) == 3
    for told in ("scenario is not the run's", "run has no baseline", "meters failed"):
        assert any(told in problem for problem in caught.value.problems)


def test_a_run_whose_members_chose_is_refused():
    other = utility("green", retail=eur_per_mwh(160), feed_in=eur_per_mwh(80))
    plain = town(0.0)
    scenario = plain.model_copy(update={"agents": (*plain.agents, other), "retail": RetailMarket(members=True)})
    with pytest.raises(ConfigError, match="members chose their utility"):
        horizon_efficiency(scenario, scenario.run(seed=1))


def test_a_run_without_market_or_members_is_refused():
    supplier = utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(80))
    alone = Scenario(
        start="2016-06-06", days=1, hours=1, local=None,
        agents=[*neighbourhood("simbench/LV2.101"), supplier],
    )  # fmt: skip
    with pytest.raises(ConfigError, match="no local market"):
        horizon_efficiency(alone, alone.run(seed=1))
    room = Scenario(
        start="2016-06-06", days=1, hours=2,
        agents=[
            trader("a", side="buy", value=eur_per_mwh(100)), trader("b", side="sell", value=eur_per_mwh(50)), supplier,
        ],
    )  # fmt: skip
    with pytest.raises(ConfigError, match="no members"):
        horizon_efficiency(room, room.run(seed=1))


def test_without_scipy_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    scenario = town(0.0, hours=1)
    with pytest.raises(ConfigError, match=r"pip install 'wattbook\[optimum\]'"):
        horizon_efficiency(scenario, scenario.run(seed=1))
