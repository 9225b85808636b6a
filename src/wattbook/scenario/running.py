"""One scenario, one seed: the run with its local market and the same days without it.

Owns the order of things and what is measured from outside: time, versions, inputs.
"""

from __future__ import annotations

import gc
import json
import platform
import time
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final

from wattbook.compiled import put_off_scipy
from wattbook.errors import ConfigError, nearest
from wattbook.results import Record, Run, provenance
from wattbook.scenario.checks import engine_problems
from wattbook.scenario.compiling import compile_street
from wattbook.scenario.faults import shown
from wattbook.scenario.model import ENGINES
from wattbook.scenario.street import LARGEST_SEED
from wattbook.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wattbook.decisions import Adviser
    from wattbook.journal import Journal
    from wattbook.scenario.compiling import Compiled
    from wattbook.scenario.model import Scenario
    from wattbook.world import Progress

MOST_THREADS: Final = 1_024
LIBRARIES: Final = ("numpy", "numba", "simpy", "polars", "pydantic")


def run(
    scenario: Scenario,
    seed: int,
    *,
    progress: Callable[[str, Progress], None] | None,
    baseline: bool | None,
    engine: str | None,
    threads: int | None,
    adviser: Adviser | None = None,
) -> Run:
    """Run `scenario` under `seed`; see `Scenario.run`.

    Parameters
    ----------
    adviser : Adviser, optional
        Whom those ask that decide by a language model; without one they go by their rules, as everybody does in the
        days without the local market.
    """
    check_seed(seed)
    chosen = check_engine(scenario.engine if engine is None else engine)
    if problems := engine_problems(scenario, chosen):
        raise ConfigError(problems)
    check_threads(threads)
    wall, cpu = time.perf_counter(), time.process_time()
    put_off_scipy()
    compiled = compile_street(scenario, seed) if adviser is None else _asking(scenario, seed, adviser)
    described = json.loads(scenario.to_json())
    origin = provenance(int(seed), described, compiled.inputs)
    bare = None
    with _set_aside():
        journal, told = _outcome(scenario, compiled, origin, progress, "market", chosen, threads)
        if scenario.baseline if baseline is None else baseline:
            if adviser is not None:
                compiled = compile_street(scenario, seed)
            compiled = compiled._replace(street=replace(compiled.street, market=None))
            bare = Record.over(_outcome(scenario, compiled, origin, progress, "baseline", chosen, threads)[0])
    inputs = compiled.inputs
    del compiled
    info: dict[str, Any] = {
        "scenario": described,
        "seed": int(seed),
        "versions": versions(),
        "inputs": inputs,
        "wakes": told["wakes"],
        "wall_s": round(time.perf_counter() - wall, 3),
        "cpu_s": round(time.process_time() - cpu, 3),
        "incidents": told["incidents"],
        "complete": True,
    } | ({} if scenario.regulator is None else {"examined": told["examined"]})
    return Run(Record.over(journal), bare, info)


def _asking(scenario: Scenario, seed: int, adviser: Adviser) -> Compiled:
    """Put a street together in which those ask `adviser` that are to."""
    from wattbook.scenario.advising import advised, cast_of, with_judge  # most runs are without

    cast = cast_of(scenario, seed, adviser)
    return advised(scenario, compile_street(with_judge(scenario, cast), seed), cast)


def check_seed(seed: object) -> None:
    """Refuse what cannot key a random stream.

    Raises
    ------
    ConfigError
        If `seed` is not a whole number from 0 to 2**63 - 1.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= LARGEST_SEED:
        raise ConfigError(f"seed={shown(seed)} is not a whole number from 0 to {LARGEST_SEED}")


def check_engine(engine: object) -> str:
    """Refuse what is no engine.

    Raises
    ------
    ConfigError
        If `engine` is not one of those there are.
    """
    if not isinstance(engine, str) or engine not in ENGINES:
        hint = nearest(engine, ENGINES) if isinstance(engine, str) else ""
        raise ConfigError(f"engine={shown(engine)} is not one of {', '.join(ENGINES)}{hint}")
    return engine


def check_threads(threads: object) -> None:
    """Refuse what is no number of threads.

    Raises
    ------
    ConfigError
        If `threads` is neither None nor a whole number from 1 to 1,024.
    """
    if threads is None:
        return
    if isinstance(threads, bool) or not isinstance(threads, int) or not 1 <= threads <= MOST_THREADS:
        raise ConfigError(f"threads={shown(threads)} is not a whole number from 1 to {MOST_THREADS}")


def versions() -> dict[str, str]:
    """Versions of everything that could change a result."""
    from wattbook import __version__

    found = {"python": platform.python_version(), "wattbook": __version__}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return found


def _outcome(
    scenario: Scenario,
    compiled: Compiled,
    origin: dict[str, Any],
    progress: Callable[[str, Progress], None] | None,
    phase: str,
    engine: str,
    threads: int | None,
) -> tuple[Journal, dict[str, Any]]:
    """Run one world to its end, and leave nothing of it in memory but what it wrote down, and what it counted."""
    chosen: dict[str, Any] = {} if engine == "auto" else {"engine": engine}
    world = World(
        compiled.street, compiled.minds, compiled.outlook, origin["seed"],
        on_policy_error=scenario.on_policy_error, provenance=origin, threads=threads,
        wholesale_minds=compiled.wholesale_minds, judge=compiled.judge, voices=compiled.voices,
        thinking_ms=compiled.thinking_ms, **chosen,
    )  # fmt: skip
    world.run(None if progress is None else partial(progress, phase))
    examined = 0 if world.oversight is None else world.oversight.office.examined
    outcome = world.journal, {"wakes": world.wakes, "incidents": world.incidents, "examined": examined}
    # A world's parts know each other, so that only the collector finds them: a city's would lie about for good.
    del world
    gc.collect()
    return outcome


@contextmanager
def _set_aside() -> Iterator[None]:
    """Let the collector pass over what was there before a run, among it all of the compiler: 0.3 s each time."""
    if gc.get_freeze_count():  # somebody else's, who would not have it back otherwise
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
