"""What an agent takes up: how much more memory a process holds with many agents than with few."""

from __future__ import annotations

import gc
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .interleaving import Plan
from .machine import own_process, resident_bytes
from .runners import runner_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FEW: Final = 100
LEAST: Final = 10_000
"""Fewer agents take up less than what a process grows by on its own."""
_CODE: Final = "import json, sys; from {module} import grown; print(json.dumps(grown(sys.argv[1], int(sys.argv[2]))))"


def measure(sizes: Sequence[int], engines: Sequence[str], say: Callable[[str], None]) -> dict[str, dict[str, Any]]:
    """Bytes an agent, by size and engine, each in a process of its own."""
    found: dict[str, dict[str, Any]] = {}
    for traders in sizes:
        if traders >= LEAST:
            for engine in engines:
                say(f"memory: {traders:,} agents, {engine}")
                told = own_process(_CODE.format(module=__name__), engine, str(traders))
                found.setdefault(str(traders), {})[engine] = told
    return found


def grown(engine: str, traders: int) -> dict[str, Any]:
    """Memory of a market with `traders`, every one of which has woken and left an order, and of an agent."""
    kept, steps = [], []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        # The first loads what is loaded once, the second tells what any market holds.
        for number, each in enumerate((FEW, FEW, traders)):
            place = Path(folder) / str(number)
            place.mkdir()
            plan = Plan.of(each, 5, 5)
            before, after = _settled(), []
            runner = runner_of(engine, plan.size([1.0]), place)
            runner.go(plan.stops_ms(1.0)[:1], lambda _, after=after: after.append(_settled()))
            steps.append(after[0] - before)
            kept.append(runner)
    return {
        "resident_bytes": steps[2],
        "bytes_per_agent": round((steps[2] - steps[1]) / (traders - FEW)),
    }


def _settled() -> int:
    gc.collect()
    return resident_bytes()
