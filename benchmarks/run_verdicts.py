"""What whole runs promise, whether a report keeps it, and how it compares with an earlier one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .baseline import Change, verdict
from .bounds import Bound
from .runners import ENGINES, POPULATION, PROCESSES, SIMPY_ALONE

if TYPE_CHECKING:
    from collections.abc import Sequence

WAKES_PER_S: Final = {POPULATION: 2e6, PROCESSES: 60e3}
"""With orders and journal, at one of the sizes of `BOUND_AGENTS`; others are told, not promised."""
BOUND_AGENTS: Final = {POPULATION: range(100, 1_001), PROCESSES: range(1_000, 1_001)}
"""The population's promise names no size: it is kept where the quickest of these keeps it."""


def bounds(report: dict[str, Any]) -> list[Bound]:
    """All promises that `report` has the figures for."""
    found = []
    for engine, wanted in WAKES_PER_S.items():
        rates = {
            int(size): tracks[engine]["wakes_per_s"]
            for size, tracks in report.get("market", {}).items()
            if engine in tracks and int(size) in BOUND_AGENTS[engine]
        }
        if rates:
            best = max(rates, key=lambda size: rates[size])
            found.append(Bound(f"{engine}, {best:,} agents [wakes/s]", wanted, rates[best], True))
    return found


def unbound(report: dict[str, Any], engines: Sequence[str], *, quick: bool) -> list[str]:
    """Say to which of the engines measured no promise applies, and how one would."""
    if quick:
        return ["a quick look: leave --quick out"]
    held = [bound.what.partition(",")[0] for bound in bounds(report)]
    sizes = {engine: f"{each[0]:,} to {each[-1]:,}" for engine, each in BOUND_AGENTS.items()}
    sizes[PROCESSES] = f"{BOUND_AGENTS[PROCESSES][0]:,}"
    return [
        f"the {engine} engine here: it has one in the part market at {sizes[engine]} agents"
        for engine in engines
        if engine not in held
    ]


def faults(report: dict[str, Any]) -> list[str]:
    """Say where engines did not give the same run, or a run of ours failed."""
    found = [
        f"{int(size):,} agents, {name}: {track['refused']}"
        for size, tracks in report.get("market", {}).items()
        for name, track in tracks.items()
        if name in ENGINES and track["refused"]
    ]
    found += [
        f"split at {int(size):,} agents, {engine}: {parts['refused']}"
        for size, engines in report.get("split", {}).items()
        for engine, parts in engines.items()
        if parts["refused"]
    ]
    scenario = report.get("scenario")
    if scenario and len({each["fingerprint"] for each in scenario["engines"].values()}) > 1:
        found.append(f"{scenario['name']}: its engines gave different journals")
    return found


def changes(now: dict[str, Any], then: dict[str, Any]) -> list[Change]:
    """Compare all figures that both reports have, freed of the machine by SimPy's own pace beside them.

    An empty list when the market was another.
    """
    if now["settings"] != then["settings"]:
        return []
    found = []
    for size, tracks in now.get("market", {}).items():
        before = then.get("market", {}).get(size, {})
        drift = _ratio(tracks, before, SIMPY_ALONE)
        for name in tracks:
            ratio = _ratio(tracks, before, name)
            if ratio:
                freed = round(ratio / drift, 3) if drift and name != SIMPY_ALONE else None
                found.append(Change(f"{int(size):,} agents: {name}", round(ratio, 3), freed, verdict(freed or ratio)))
    for size, engines in now.get("memory", {}).items():
        for engine, each in engines.items():
            before = then.get("memory", {}).get(size, {}).get(engine)
            if before:
                ratio = round(each["bytes_per_agent"] / before["bytes_per_agent"], 3)
                found.append(Change(f"{int(size):,} agents: bytes an agent, {engine}", ratio, None, verdict(1 / ratio)))
    return found


def _ratio(now: dict[str, Any], then: dict[str, Any], name: str) -> float:
    """How much quicker a runner is than before; 0 where one of the two has no figure."""
    new, old = (tracks.get(name, {}).get("wakes_per_s", 0) for tracks in (now, then))
    return new / old if old else 0.0
