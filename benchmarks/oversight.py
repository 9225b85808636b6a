"""What a regulator does to a market, and what it costs to have one.

    python -m benchmarks.oversight --only effect     # prices and money with a regulator and without, in pairs of seeds
    python -m benchmarks.oversight --only cost       # processor time of a week of 100 homes, in pairs of runs
    python -m benchmarks.oversight --check --json    # both, and fail if a bound does not hold

Effect: the scenario `monopoly`, its costs, demand and what M asks drawn from each seed, with its regulator and with
nobody. Cost: the scenario `neighbourhood` over seven days, all rules watched, and with nobody, in turns on a core; the
median over the pairs of the ratio of their processor times, rows examined beside it.
"""

from __future__ import annotations

import argparse
import json
import sys
from math import sqrt
from statistics import mean, median, stdev
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wattbook import Regulator, Scenario, load_scenario
from wattbook.compiled import source_digest
from wattbook.messages import Cause
from wattbook.scenario.running import versions
from wattbook.units import QUANTA_PER_EUR, TICKS_PER_EUR_PER_MWH, eur_per_mwh, kw

from .machine import machine

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wattbook import Run

T_95: Final = {2: 12.706, 5: 2.776, 10: 2.262, 20: 2.093, 30: 2.045, 50: 2.010}
"""Student's t by the number of pairs."""
MOST_RATIO: Final = 1.10
WEEK: Final = {"days": "7", "baseline": "no"}
ACCOUNTS: Final = ("M", "F1", "F2", "town", "TREASURY")
FINES: Final = (Cause.FINE, Cause.REFUND)


# --- effect


def drawn(seed: int) -> Scenario:
    """Draw the costs of a monopoly, what it asks, and the town's demand: its fringe alone can never meet that."""
    rng = np.random.default_rng((seed, 8))
    scenario = load_scenario("monopoly")
    values: dict[str, object] = {"town.rated": kw(int(rng.integers(60, 125)))}
    for name in ("M", "F1", "F2"):
        cost = int(rng.integers(80, 121))
        values |= {f"{name}.cost": eur_per_mwh(cost), f"{name}.reference": eur_per_mwh(cost)}
    return scenario.with_values(values | {"M.offer": eur_per_mwh(int(rng.integers(300, 501)))})


def price_eur(run: Run) -> float:
    """Mean spot price of a run [EUR/MWh]."""
    return float(run.record.streams["spot"]["price_tick"].mean()) / TICKS_PER_EUR_PER_MWH


def moved(run: Run, name: str, causes: tuple[Cause, ...] | None = None) -> int:
    """Sum up what an account got, less what it paid, for all causes or some [1e-8 EUR]."""
    rows, accounts = run.record.streams["postings"], run.record.place.accounts
    if name not in accounts:
        return 0
    mine = rows["account"] == accounts.index(name)
    if causes is not None:
        mine &= np.isin(rows["cause"], [int(cause) for cause in causes])
    return int(rows["amount"][mine].sum())


def effect(seeds: int) -> dict[str, Any]:
    """Compare runs with their twins that nobody watches."""
    prices, money = [], []
    for seed in range(seeds):
        _told(f"effect, seed {seed}")
        scenario = drawn(seed)
        with_it, without = scenario.run(seed), scenario.with_values({"regulator": None}).run(seed)
        prices.append((price_eur(with_it), price_eur(without)))
        money.append({
            name: (moved(with_it, name), moved(without, name), moved(with_it, name, FINES)) for name in ACCOUNTS
        })  # fmt: skip
    lower = [without - with_it for with_it, without in prices]
    return {
        "seeds": seeds,
        "watched_eur_per_mwh": mean(each for each, _ in prices),
        "unwatched_eur_per_mwh": mean(each for _, each in prices),
        "lower_by": mean(lower),
        "half_width": T_95[seeds] * stdev(lower) / sqrt(seeds),
        "pairs_with_a_lower_price": sum(each > 0 for each in lower),
        "accounts": {
            name: [mean(each[name][place] for each in money) / QUANTA_PER_EUR for place in range(3)]
            for name in ACCOUNTS
        },
        "fines_add_up": all(sum(each[name][2] for name in ACCOUNTS) == 0 for each in money),
    }


def effect_table(found: Mapping[str, Any]) -> Iterator[str]:
    """Lay out the effect."""
    yield (
        f"{found['seeds']} pairs of four days, mean price {found['unwatched_eur_per_mwh']:.2f} EUR/MWh unwatched, "
        f"{found['watched_eur_per_mwh']:.2f} watched"
    )
    yield (
        f"lower by {found['lower_by']:.2f} +- {found['half_width']:.2f} EUR/MWh (95 %), "
        f"in {found['pairs_with_a_lower_price']} of {found['seeds']} pairs"
    )
    yield f"{'EUR, mean of a pair':20}{'unwatched':>12}{'watched':>12}{'of that fines':>16}"
    for name, (watched, unwatched, fined) in found["accounts"].items():
        yield f"{name:20}{unwatched:12,.2f}{watched:12,.2f}{fined:16,.2f}"
    yield f"fines, refunds and what the treasury keeps add up to {'0' if found['fines_add_up'] else 'something else'}"


# --- cost


def cost(pairs: int) -> dict[str, Any]:
    """Time a week of a street with a regulator and without, in turns."""
    plain = load_scenario("neighbourhood").with_values(WEEK)
    both = {"unwatched": plain, "watched": plain.with_values({"regulator": Regulator()})}
    for scenario in both.values():
        scenario.run(0)
    seconds: dict[str, list[float]] = {name: [] for name in both}
    examined = 0
    for pair in range(pairs):
        _told(f"cost, pair {pair}")
        # Who goes first changes: what warms up or slows down over time meets both.
        for name in sorted(both, reverse=bool(pair % 2)):
            run = both[name].run(pair)
            seconds[name].append(float(run.info["cpu_s"]))
            examined = max(examined, int(run.info.get("examined", 0)))
    ratios = [w / u for w, u in zip(seconds["watched"], seconds["unwatched"], strict=True)]
    return {
        "pairs": pairs, "homes": plain.homes, "days": plain.days, "cpu_s": {n: median(s) for n, s in seconds.items()},
        "ratio": median(ratios), "least": min(ratios), "most": max(ratios), "examined": examined,
    }  # fmt: skip


def cost_table(found: Mapping[str, Any]) -> Iterator[str]:
    """Lay out the cost."""
    yield (
        f"{found['homes']} homes, {found['days']} days, {found['pairs']} pairs: "
        f"{found['cpu_s']['unwatched']:.2f} s of CPU unwatched, {found['cpu_s']['watched']:.2f} s watched (medians)"
    )
    yield f"ratio {found['ratio']:.3f}, median of the pairs; {found['least']:.3f} to {found['most']:.3f}"
    yield f"{found['examined']:,} rows examined"


# --- both


def faults_of(report: Mapping[str, Any]) -> list[str]:
    """Say which bounds do not hold."""
    faults = []
    told, timed = report.get("effect"), report.get("cost")
    if told is not None and told["lower_by"] <= told["half_width"]:
        faults.append("prices are not lower with a regulator: the interval holds zero")
    if told is not None and not told["fines_add_up"]:
        faults.append("fines and refunds do not add up")
    if timed is not None and timed["ratio"] > MOST_RATIO:
        faults.append(
            f"a regulator takes {timed['ratio'] - 1:.1%} more processor time, {MOST_RATIO - 1:.0%} are allowed"
        )
    return faults


def _told(text: str) -> None:
    print(f"{text:<40}", end="\r", file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Measure and show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("effect", "cost"), action="append")
    parser.add_argument("--seeds", type=int, default=30, choices=sorted(T_95), help="pairs of runs for the effect")
    parser.add_argument("--pairs", type=int, default=9, help="pairs of runs for the cost")
    parser.add_argument("--json", action="store_true", help="print JSON in the place of the tables")
    parser.add_argument("--check", action="store_true", help="fail if a bound does not hold")
    asked = parser.parse_args(arguments)
    parts = asked.only or ("effect", "cost")
    report: dict[str, Any] = {"machine": machine(), "versions": versions() | {"sources": source_digest()}}
    if "effect" in parts:
        report["effect"] = effect(asked.seeds)
    if "cost" in parts:
        report["cost"] = cost(asked.pairs)
    if asked.json:
        print(json.dumps(report, indent=1))
    else:
        for name, lay_out in (("effect", effect_table), ("cost", cost_table)):
            if name in report:
                print("\n".join(lay_out(report[name])), end="\n\n")
        print(json.dumps(report["machine"] | report["versions"]))
    faults = faults_of(report)
    for fault in faults if asked.check else ():
        print(fault, file=sys.stderr)
    return int(asked.check and bool(faults))


if __name__ == "__main__":
    sys.exit(main())
