"""Physics is exact whatever the wakes: how often agents think moves no Wh of PV and hardly any of battery losses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wattbook import Battery, Forecast, LocalMarket, Pv, Scenario, consumer, prosumer, utility
from wattbook.policies.home import LOOK_MS, home
from wattbook.units import eur_per_mwh, kw, kwh, minutes

ENERGY = ("charge_wh", "discharge_wh", "generation_wh", "curtailed_wh", "load_wh", "soc_end_wh")


def mind(persona, part):
    """Make a home that looks at an open product `part` times as often."""
    whole = home(persona)
    memory = list(whole.memory)
    memory[LOOK_MS] //= part
    return replace(whole, memory=tuple(memory))


def street(days, part, kind, local):
    """Four homes, three with PV, two with batteries, whose forecasts and looks come `part` times as often."""
    homes = [
        prosumer("a", rated=kw(3), pv=Pv(kw(6)), battery=Battery(kwh(8), kw(4)), policy=mind("balanced", part)),
        prosumer(
            "b", profile="H0-B", rated=kw(4), pv=Pv(kw(8)), pv_profile="PV3", battery=Battery(kwh(10), kw(5)),
            policy=mind("eager", part),
        ),
        prosumer("c", profile="H0-C", rated=kw(3), pv=Pv(kw(4)), policy=mind("green", part)),
        consumer("d", profile="H0-B", rated=kw(5), policy=mind("patient", part)),
    ]  # fmt: skip
    supplier = utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(80))
    forecast = Forecast(kind=kind, update_every=minutes(30 // part))
    return Scenario(
        start="2016-01-01" if days > 31 else "2016-06-01", days=days, agents=[*homes, supplier],
        local=local, forecast=forecast, baseline=False,
    )  # fmt: skip


def told(run):
    """Energy of the street over the run: its battery losses, its generation, and how often it was awake."""
    sums = run.agents.select("charge_wh", "discharge_wh", "soc_start_wh", "soc_end_wh", "generation_wh").sum()
    charge, discharge, first, last, generation = sums.row(0)
    return charge - discharge - (last - first), generation, run.info["wakes"]


@pytest.mark.parametrize(("kind", "local"), [("martingale", None), ("oracle", LocalMarket())])
@pytest.mark.parametrize("part", [2, 5])
def test_energy_is_the_same_to_the_wh_where_no_forecast_errs(kind, local, part):
    seldom, often = (street(4, each, kind, local).run(seed=7) for each in (1, part))
    assert often.info["wakes"] > 1.5 * seldom.info["wakes"]
    assert seldom.meters["discharge_wh"].sum() > 1_000
    for name in ENERGY:
        assert (seldom.agents[name] == often.agents[name]).all(), name


def test_generation_is_the_same_to_the_wh_whatever_is_traded():
    runs = [street(4, part, "martingale", LocalMarket()).run(seed=7) for part in (1, 3)]
    seldom, often = (run.meters.select("period", "agent", "load_wh", "generation_wh") for run in runs)
    assert seldom.equals(often)
    assert not runs[0].trades.equals(runs[1].trades), "waking more often should at least trade otherwise"


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("seed", [7, 8])
def test_a_year_of_battery_losses_moves_by_less_than_a_tenth_of_a_percent(seed):
    seldom, often = (told(street(366, part, "martingale", LocalMarket()).run(seed=seed)) for part in (1, 2))
    assert often[2] > 1.8 * seldom[2]
    assert often[1] == seldom[1] > 10_000_000
    assert seldom[0] > 100_000
    assert abs(often[0] - seldom[0]) < seldom[0] / 1_000
