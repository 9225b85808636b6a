"""How much faster 200 homes decide by a language model together than one after another, and how fast a run replays.

A stub in a process of its own answers each of 4,800 requests after 300 ms. Wall time of the recorded run against the
latency of all requests in a row, CPU time of the replay, and whether both are the same run.

    python -m benchmarks.language_models [--homes 200] [--periods 24] [--latency-ms 300] [--check] [--json]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from wattbook import LanguageModel, LocalMarket, Pv, Scenario, consumer, prosumer, utility
from wattbook.broker.caller import LiveCaller
from wattbook.testing import stub_process
from wattbook.units import eur_per_mwh, hours, kw, minutes

LEAST_TIMES = 50
"""At least so many times faster than one after another."""
LEAST_PER_S = 2_000
"""Replayed decisions a second of CPU time."""
REPLAYS = 3


def street(homes: int, periods: int) -> Scenario:
    """Lay out homes that are asked once for each of `periods` products of an hour."""
    members = [
        consumer(f"c{i:04d}", profile="H0-A", rated=kw(3 + i / 1_000)) if i % 2
        else prosumer(f"p{i:04d}", profile="H0-A", rated=kw(3 + i / 1_000), pv=Pv(kw(5 + i / 100)))
        for i in range(homes)
    ]  # fmt: skip
    return Scenario(
        start="2016-06-06", days=-(-(periods + 1) // 24) + 1, hours=periods + 1, baseline=False,
        agents=[*members, utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(80))],
        local=LocalMarket(period=hours(1)),
        language_model=LanguageModel(decides=["consumer", "prosumer"], thinking=minutes(50)),
    )  # fmt: skip


def measured(homes: int, periods: int, latency_ms: int) -> dict[str, float]:
    """Record once, replay some times; give the figures."""
    scenario = street(homes, periods)
    scenario.run(seed=1)  # compiles, and reads the data
    with tempfile.TemporaryDirectory() as folder, stub_process(latency_ms=latency_ms) as stub:
        place = Path(folder) / "answers.sqlite"
        caller = LiveCaller(model=scenario.language_model.model, base_url=stub.url, api_key="none is needed")
        wall, cpu = time.perf_counter(), time.process_time()
        recorded = scenario.run(seed=1, llm="record", recording=place, caller=caller)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        posts, replays = stub.counts.posts, []
        for _ in range(REPLAYS):
            began = time.process_time()
            assert scenario.run(seed=1, llm="replay", recording=place).fingerprint == recorded.fingerprint
            replays.append(time.process_time() - began)
    decisions = recorded.decisions.height
    assert posts == decisions, f"{posts} requests for {decisions} decisions"
    return {
        "decisions": decisions,
        "wall_s": round(wall, 2),
        "cpu_s": round(cpu, 2),
        "times_serial": round(decisions * latency_ms / 1_000 / wall, 1),
        "replayed_per_cpu_s": round(decisions / sorted(replays)[REPLAYS // 2]),
    }


def main() -> int:
    """Measure, print, and with ``--check`` hold against the bounds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--homes", type=int, default=200)
    parser.add_argument("--periods", type=int, default=24)
    parser.add_argument("--latency-ms", type=int, default=300)
    parser.add_argument("--check", action="store_true", help="end with 1 where a bound is missed")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = measured(given.homes, given.periods, given.latency_ms)
    print(json.dumps(found) if given.json else "\n".join(f"{name:<20}{value:>12,}" for name, value in found.items()))
    missed = [
        f"{name} = {found[name]} is below {least}"
        for name, least in (("times_serial", LEAST_TIMES), ("replayed_per_cpu_s", LEAST_PER_S))
        if found[name] < least
    ]
    if given.check and missed:
        print("\n".join(missed), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
