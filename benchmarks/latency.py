"""How long a single submit takes: percentiles in CPU time, garbage collector off.

Each submit of the local stream is timed alone, between two readings of the thread's CPU clock; cancels and replaces
happen between them, untimed. What two readings with nothing between them tell is subtracted: the clock's own cost.
"""

from __future__ import annotations

import gc
import statistics
import time
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wattbook.book import Book

from .contenders import CANCEL, SUBMIT, raw_door

if TYPE_CHECKING:
    from collections.abc import Callable

    from .streams import Stream

MESSAGES: Final = 200_000
ROUNDS: Final = 5
PERCENTILES: Final = {"p50_ns": 50, "p99_ns": 99, "p99.9_ns": 99.9}


def measure(stream: Stream, say: Callable[[str], None]) -> dict[str, dict[str, float]]:
    """Percentiles [ns] of raw and public submits over `stream`, medians of several fresh books in turn."""
    rows = stream.messages[:MESSAGES].tolist()
    opening = stream.opening.tolist()
    taken: dict[str, list[dict[str, float]]] = {"raw submit": [], "public submit": []}
    for turn in range(ROUNDS):
        say(f"latency: round {turn + 1} of {ROUNDS}")
        cost = clock_cost()
        for name, timed in (("raw submit", _raw), ("public submit", _public)):
            gc.collect()
            gc.disable()
            try:
                spent = np.array(timed(opening, rows), dtype=np.float64) - cost
            finally:
                gc.enable()
            taken[name].append(
                {key: float(np.percentile(spent, percent)) for key, percent in PERCENTILES.items()}
                | {"mean_ns": float(spent.mean()), "clock_ns": cost}
            )
    return {
        name: {key: round(statistics.median(each[key] for each in rounds), 1) for key in rounds[0]}
        for name, rounds in taken.items()
    }


def clock_cost(readings: int = 20_000) -> float:
    """Median difference of two successive readings of the thread's CPU clock [ns]."""
    now = time.thread_time_ns
    spent = []
    for _ in range(readings):
        start = now()
        spent.append(now() - start)
    return statistics.median(spent)


def _raw(opening: list[list[int]], rows: list[list[int]]) -> list[int]:
    """CPU time of each raw submit [ns]."""
    book, now = Book(), time.thread_time_ns
    step: Callable[..., Any] = raw_door(book)
    for row in opening:
        step(*row)
    spent = []
    for kind, product, order, owner, side, price, quantity, flags in rows:
        if kind == SUBMIT:
            start = now()
            step(SUBMIT, product, order, owner, side, price, quantity, flags)
            spent.append(now() - start)
        else:
            step(kind, product, order, owner, side, price, quantity, flags)
    return spent


def _public(opening: list[list[int]], rows: list[list[int]]) -> list[int]:
    """CPU time of each public submit [ns]."""
    book, now = Book(), time.thread_time_ns
    submit, cancel, replace = book.submit, book.cancel, book.replace
    for _, product, order, owner, side, price, quantity, flags in opening:
        submit(order, owner, side, price, quantity, product, flags)
    spent = []
    for kind, product, order, owner, side, price, quantity, flags in rows:
        if kind == SUBMIT:
            start = now()
            submit(order, owner, side, price, quantity, product, flags)
            spent.append(now() - start)
        elif kind == CANCEL:
            cancel(order, owner)
        else:
            replace(order, owner, price, quantity)
    return spent
