"""How fast is a whole run? The shipped neighbourhood: market, settlement, batteries, journal; CPU time.

python -m benchmarks.run
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from wattbook.scenario import load_scenario

from .machine import all_versions, machine
from .options import run_options
from .progress import Line

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from wattbook.scenario import Scenario
    from wattbook.world import Progress

SEED: Final = 7


class _Last:
    """Keeps the last progress of a run."""

    progress: Progress

    def __call__(self, _: str, progress: Progress) -> None:
        self.progress = progress


def main(wanted: argparse.Namespace) -> int:
    """Measure and show; returns the exit code."""
    with Line() as say:
        report = measure(wanted.scenario, wanted.days, wanted.runs, say)
    if wanted.json:
        print(json.dumps(report, indent=1))
    else:
        from .tables import show_run

        show_run(report)
    return 0


def measure(name: str, days: int, runs: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Run a scenario with its market several times, after a short run that loads all kernels."""
    scenario = load_scenario(name).with_values({"days": days})
    say(f"{name}: loading kernels")
    _once(scenario.with_values({"days": 1}))
    taken = []
    for turn in range(runs):
        say(f"{name}: run {turn + 1} of {runs}")
        taken.append(_once(scenario))
    cpu = statistics.median(each["cpu_s"] for each in taken)
    counts = {key: taken[0][key] for key in ("members", "days", "wakes", "commands", "trades")}
    assert all(each[key] == value for each in taken for key, value in counts.items())
    events = counts["wakes"] + counts["commands"]
    return {
        "machine": machine(),
        "versions": all_versions(),
        "run": {
            "scenario": name,
            "seed": SEED,
            **counts,
            "cpu_s": round(cpu, 3),
            "cpu_s_of_each": [round(each["cpu_s"], 3) for each in taken],
            "events_per_s": round(events / cpu),
            "wakes_per_s": round(counts["wakes"] / cpu),
            "commands_per_s": round(counts["commands"] / cpu),
        },
    }


def _once(scenario: Scenario) -> dict[str, Any]:
    """Run the market once, without the comparison, and count."""
    last = _Last()
    start = time.process_time()
    scenario.run(SEED, progress=last, baseline=False)
    return {
        "cpu_s": time.process_time() - start,
        "members": len(scenario.members),
        "days": scenario.days,
        "wakes": last.progress.wakes,
        "commands": last.progress.commands,
        "trades": last.progress.trades,
    }


if __name__ == "__main__":
    sys.exit(main(run_options(None)))
