"""What the scenarios of the wholesale market come to: the tables of docs/seed-scenarios.md.

    python benchmarks/wholesale.py [--seeds 20]

Hedging is told in pairs: the same utility in the same run, once with each persona, over many seeds, with a two-sided
interval of 95 % by Student's t. All else is one run of seed 7.
"""

from __future__ import annotations

import argparse
import sys
import time
from math import sqrt
from statistics import mean, stdev
from typing import TYPE_CHECKING, Final

import numpy as np

from wattbook import load_scenario
from wattbook.contracts import Event
from wattbook.messages import Cause

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wattbook import Run, Scenario

ENERGY: Final = (Cause.SPOT, Cause.IMBALANCE, Cause.DELIVERY, Cause.VARIATION, Cause.PREMIUM, Cause.PENALTY)
QUANTA_PER_EUR: Final = 100_000_000
WH_PER_MWH: Final = 1_000_000
PERSONAS: Final = ("greedy", "prudent", "eco-friendly", "balanced", "depressed")
CALM: Final = {"spot.first_day": "2022-12-02", "wholesale.expected": "42"}
T_95: Final = {2: 12.706, 3: 4.303, 5: 2.776, 10: 2.262, 20: 2.093, 50: 2.010}
"""Student's t by the number of pairs."""
GAMES: Final = (
    ("no desk", {"game.rounds": "0"}),
    ("one round, seen", {"game.rounds": "1"}),
    ("two rounds, seen", {"game.rounds": "2"}),
    ("one round, not seen", {"game.rounds": "1", "game.observable": "no"}),
    ("three sellers, one round", {"game.sellers": "3"}),
    ("a = 80, c = 20, one round", {"game.choke": "80", "game.cost": "20"}),
)


def got(run: Run, name: str, causes: tuple[Cause, ...]) -> float:
    """Sum up what an account got for `causes`, less what it paid [EUR]."""
    rows, accounts = run.record.streams["postings"], run.record.place.accounts
    mine = (rows["account"] == accounts.index(name)) & np.isin(rows["cause"], [int(cause) for cause in causes])
    return int(rows["amount"][mine].sum()) / QUANTA_PER_EUR


def mwh(run: Run, name: str, column: str) -> float:
    """Sum of a column of an agent's positions [MWh]."""
    rows, names = run.record.streams["positions"], run.record.place.names
    return int(rows[column][rows["agent"] == names.index(name)].sum()) / WH_PER_MWH


def per_mwh(run: Run, name: str) -> float:
    """Tell what a MWh has cost a utility, contracts and imbalance included [EUR]."""
    return -got(run, name, ENERGY) / mwh(run, name, "metered_wh")


def people(run: Run, kind: str) -> list[str]:
    """Names of all agents of a kind."""
    place = run.record.place
    return [name for name, each in zip(place.names, place.kinds, strict=True) if each == kind]


def told(text: str) -> None:
    """Show on standard error that work goes on."""
    print(text, end="\r", file=sys.stderr, flush=True)


def seed_scenarios() -> Iterator[str]:
    """Both seed scenarios side by side."""
    runs = {}
    for name in ("seed-1", "seed-2"):
        told(name)
        began = time.process_time()
        runs[name] = load_scenario(name).run(7)
        runs[name].metrics  # noqa: B018 - figures are a part of what a run costs
        yield f"{name}: {time.process_time() - began:.1f} s of CPU with its baseline and its figures"
    yield f"{'':34}{'seed-1':>10}{'seed-2':>10}"
    yield f"{'spot price, mean, EUR/MWh':34}" + "".join(
        f"{run.record.streams['spot']['price_tick'].mean() / 100:10.2f}" for run in runs.values()
    )
    for name in people(runs["seed-1"], "utility"):
        yield f"{name + ' pays for a MWh, EUR':34}" + "".join(f"{per_mwh(run, name):10.2f}" for run in runs.values())
        shares = [mwh(run, name, "contracted_wh") / mwh(run, name, "metered_wh") for run in runs.values()]
        yield f"{'  of which by contract, %':34}" + "".join(f"{100 * share:10.1f}" for share in shares)
        bought_out = [got(run, name, (Cause.BUY_OUT, Cause.GUARANTEE)) for run in runs.values()]
        yield f"{'  quota, EUR':34}" + "".join(f"{money:10,.0f}" for money in bought_out)
    for name in people(runs["seed-1"], "producer"):
        yield f"{name + ' gives, MWh':34}" + "".join(
            f"{abs(mwh(run, name, 'metered_wh')):10.1f}" for run in runs.values()
        )
        profit = [got(run, name, (*ENERGY, Cause.FUEL, Cause.GUARANTEE)) for run in runs.values()]
        yield f"{'  earns above fuel, EUR':34}" + "".join(f"{money:10,.0f}" for money in profit)


def hedging(seeds: int) -> Iterator[str]:
    """Tell what a persona costs a utility, calm and in a spike, in pairs with the greedy one."""
    yield f"{'persona':14}{'covers %':>10}{'calm':>9}{'less than greedy':>24}{'spike':>9}{'less than greedy':>24}"
    columns = {}
    for what, changes in (("calm", CALM), ("spike", {})):
        base = load_scenario("hedging")
        scenario = base.with_values(changes) if changes else base
        columns[what] = _costs(scenario, seeds, what)
    for persona in PERSONAS:
        line = f"{persona:14}{100 * columns['spike'][persona][1]:10.0f}"
        for what in ("calm", "spike"):
            costs, _ = columns[what][persona]
            saved = [greedy - own for greedy, own in zip(columns[what]["greedy"][0], costs, strict=True)]
            half = T_95[seeds] * stdev(saved) / sqrt(seeds)
            difference = "" if persona == "greedy" else f"{mean(saved):.2f} +- {half:.2f}"
            line += f"{mean(costs):9.2f}{difference:>24}"
        yield line


def _costs(scenario: Scenario, seeds: int, what: str) -> dict[str, tuple[list[float], float]]:
    """By persona, the cost of a MWh of each seed [EUR], and the mean share that contracts cover."""
    found = {}
    for persona in PERSONAS:
        costs, shares = [], []
        changed = scenario.with_values({"blue.persona": persona})
        for seed in range(seeds):
            told(f"{what}, {persona}, seed {seed}     ")
            run = changed.run(seed)
            costs.append(per_mwh(run, "blue"))
            shares.append(mwh(run, "blue", "contracted_wh") / mwh(run, "blue", "metered_wh"))
        found[persona] = costs, mean(shares)
    return found


def green_quota() -> Iterator[str]:
    """Who meets a quota and who buys itself out."""
    told("green-quota")
    run = load_scenario("green-quota").run(7)
    rows, names = run.record.streams["contracts"], run.record.place.names
    yield f"{'':8}{'sold, MWh':>12}{'covered, MWh':>14}{'bought out, EUR':>17}{'a MWh costs, EUR':>18}"
    for name in people(run, "utility"):
        mine = (rows["event"] == Event.COMPLIED) & (rows["buyer"] == names.index(name))
        covered = int(rows["quantity_wh"][mine].sum()) / WH_PER_MWH
        sold, bought_out = mwh(run, name, "metered_wh"), abs(got(run, name, (Cause.BUY_OUT,)))
        yield f"{name:8}{sold:12.1f}{covered:14.1f}{bought_out:17,.2f}{per_mwh(run, name):18.2f}"


def forward_games() -> Iterator[str]:
    """Prices of the forward game."""
    for what, changes in GAMES:
        told(f"forward game, {what}      ")
        run = load_scenario("allaz-vila").with_values(changes).run(7)
        yield f"{what:28}{run.record.streams['spot']['price_tick'][-1] / 100:8.2f}"


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20, choices=sorted(T_95), help="pairs of runs for hedging")
    seeds = parser.parse_args().seeds
    for table in (seed_scenarios(), hedging(seeds), green_quota(), forward_games()):
        for line in table:
            print(line)
        print(flush=True)


if __name__ == "__main__":
    main()
