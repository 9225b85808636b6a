"""How fast are whole runs, what does an agent take up, and where does the time go? CPU time throughout.

python -m benchmarks.run             all of it, some ten minutes
python -m benchmarks.run --quick     small sizes: does it work?
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from wattbook.errors import ConfigError
from wattbook.scenario import load_scenario

from . import agent_memory, interleaving, runners, split
from .machine import all_versions, machine
from .market import SEED, TRADERS_PER_FEEDER, WAKE_EVERY_MS
from .options import run_options
from .progress import Line
from .run_verdicts import bounds, changes, faults, unbound

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from pathlib import Path

    from wattbook.scenario import Scenario
    from wattbook.world import Progress

MANY: Final = 1_000_000
SLICES_OF_MANY: Final = 5
"""Slices of so many agents last long enough."""
SPLIT_SIZES: Final = (1_000, 100_000)
QUICK_WAKES: Final = 2_000
QUICK_AGENTS: Final = (50, 400)


class _Last:
    """Keeps the last progress of a run."""

    progress: Progress

    def __call__(self, _: str, progress: Progress) -> None:
        self.progress = progress


def main(wanted: argparse.Namespace) -> int:
    """Measure and show; returns the exit code: 1 under --check where a bound is missed or two engines differ."""
    then = _read(wanted.baseline) if wanted.baseline else None
    with Line() as say:
        report = measure(wanted, say)
    text = json.dumps(report, indent=1) + "\n"
    if wanted.save:
        wanted.save.write_text(text, encoding="utf-8")
    compared = changes(report, then) if then is not None else None
    if compared is not None:
        report["changes"] = [each._asdict() for each in compared]
    if wanted.json is True:
        print(json.dumps(report, indent=1))
    else:
        if wanted.json:
            wanted.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        from .run_tables import show

        show(report, compared)
    if then is not None and not compared:
        print("the baseline measured nothing of this: there is nothing to compare", file=sys.stderr)
    broken = faults(report)
    for fault in broken:
        print(f"not equal: {fault}", file=sys.stderr)
    for what in unbound(report, wanted.engines, quick=wanted.quick) if wanted.check else []:
        print(f"no bound applies to {what}", file=sys.stderr)
    kept = all(bound.holds_within(wanted.slack) for bound in ([] if wanted.quick else bounds(report)))
    return int(wanted.check and (bool(broken) or not kept))


def measure(wanted: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure what is wanted."""
    sizes = wanted.agents or (QUICK_AGENTS if wanted.quick else wanted.default_agents)
    wakes = QUICK_WAKES if wanted.quick else interleaving.WAKES
    report: dict[str, Any] = {
        "machine": machine(),
        "versions": all_versions() | runners.versions(),
        "settings": {"seed": SEED, "wakes": wakes, "agents_per_feeder": TRADERS_PER_FEEDER,
                     "wake_every_ms": WAKE_EVERY_MS},
    }  # fmt: skip
    if "market" in wanted.only:
        report["market"] = {}
        for traders in sizes:
            report["market"][str(traders)] = _market(traders, wakes, wanted, say)
    if "split" in wanted.only:
        report["split"] = {}
        for traders in [each for each in SPLIT_SIZES if each in sizes] or [max(sizes)]:
            report["split"][str(traders)] = split.split(traders, wanted.slices, wakes, wanted.engines, say)
    if "memory" in wanted.only:
        report["memory"] = agent_memory.measure(sizes, wanted.engines, say)
    if "scenario" in wanted.only:
        report["scenario"] = _scenario(wanted.scenario, wanted.days, 1 if wanted.quick else wanted.runs, wanted, say)
    # Small sizes tell whether it works, not how fast.
    report["bounds"] = [] if wanted.quick else [bound.as_json() for bound in bounds(report)]
    return report


def _market(traders: int, wakes: int, wanted: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure everybody who takes part at one size."""
    names = [name for name in runners.KINDS if name in wanted.engines or not wanted.no_peers]
    names = [name for name in names if name in wanted.engines or name not in runners.ENGINES]
    if runners.SIMPY_ALONE not in names:
        names.append(runners.SIMPY_ALONE)
    slices = min(wanted.slices, SLICES_OF_MANY) if traders >= MANY else wanted.slices
    plan = interleaving.Plan.of(traders, slices, wakes)
    taking_part = [name for name in names if traders <= runners.KINDS[name].most]
    return {name: track.as_json() for name, track in interleaving.measure(plan, taking_part, say).items()}


def _read(file: Path) -> dict[str, Any]:
    """Read a kept report."""
    try:
        report: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        changes(report, report)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ConfigError(f"{file} is no report of this benchmark: make one with --save") from None
    return report


# --- a shipped scenario


def _scenario(
    name: str, days: int, runs: int, wanted: argparse.Namespace, say: Callable[[str], None]
) -> dict[str, Any]:
    """Run a scenario with its market several times by each engine in turn, after a short run that loads all kernels."""
    scenario = load_scenario(name).with_values({"days": days})
    taken: dict[str, list[dict[str, Any]]] = {engine: [] for engine in wanted.engines}
    for engine in wanted.engines:
        say(f"{name}: loading kernels of {engine}")
        _once(scenario.with_values({"days": 1}), engine)
    for turn in range(runs):
        for engine, mine in taken.items():
            say(f"{name}: run {turn + 1} of {runs}, {engine}")
            mine.append(_once(scenario, engine))
    return {"name": name, "seed": SEED, "engines": {engine: _summed(mine) for engine, mine in taken.items()}}


def _summed(taken: list[dict[str, Any]]) -> dict[str, Any]:
    cpu = statistics.median(each["cpu_s"] for each in taken)
    counts = {key: taken[0][key] for key in ("members", "days", "wakes", "commands", "trades", "fingerprint")}
    assert all(each[key] == value for each in taken for key, value in counts.items())
    return {
        **counts,
        "cpu_s": round(cpu, 3),
        "cpu_s_of_each": [round(each["cpu_s"], 3) for each in taken],
        "events_per_s": round((counts["wakes"] + counts["commands"]) / cpu),
        "wakes_per_s": round(counts["wakes"] / cpu),
        "commands_per_s": round(counts["commands"] / cpu),
        "days_per_s": round(counts["days"] / cpu, 4),
    }


def _once(scenario: Scenario, engine: str) -> dict[str, Any]:
    """Run the market once, without the comparison, and count."""
    last = _Last()
    start = time.process_time()
    run = scenario.run(SEED, progress=last, baseline=False, engine=engine)
    return {
        "cpu_s": time.process_time() - start,
        "members": len(scenario.members),
        "days": scenario.days,
        "wakes": last.progress.wakes,
        "commands": last.progress.commands,
        "trades": last.progress.trades,
        "fingerprint": run.fingerprint,
    }


if __name__ == "__main__":
    sys.exit(main(run_options(None)))
