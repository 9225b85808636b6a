"""A report compared with an earlier one: as ratios, and freed of the machine where that can be done.

Every rate is divided by that of the minimal book on the same stream in the same run, which has not changed since;
what is left of the change is the book's.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from .contenders import MINIMAL

NOISE: Final = 0.1
"""Ratios that differ by less say nothing."""


class Change(NamedTuple):
    """One figure now and then.

    Attributes
    ----------
    what : str
    ratio : float
        Now over then, by the clock.
    freed : float or None
        The same in units of the minimal book; None where it does not apply.
    verdict : str
        "better", "worse" or "same".
    """

    what: str
    ratio: float
    freed: float | None
    verdict: str


def compare(now: dict[str, Any], then: dict[str, Any]) -> list[Change]:
    """Compare all figures both reports have; an empty list when they carried out other streams."""
    if now["settings"]["streams"] != then["settings"]["streams"]:
        return []
    found = []
    for name, stream in now.get("streams", {}).items():
        if name in then.get("streams", {}):
            found += _rates(name, stream["books"], then["streams"][name]["books"])
    for what, path in _LOWER_IS_BETTER.items():
        new, old = _at(now, path), _at(then, path)
        if new and old:
            ratio = round(new / old, 3)
            found.append(Change(what, ratio, None, verdict(1 / ratio)))
    return found


_LOWER_IS_BETTER: Final = {
    "raw submit, median": ("latency", "raw submit", "p50_ns"),
    "public submit, median": ("latency", "public submit", "p50_ns"),
    "public submit, p99": ("latency", "public submit", "p99_ns"),
    "bytes per resting order": ("memory", "resting", "resident_bytes_per_order"),
    "warm start": ("start-up", "warm", "cpu_s"),
    "cold start": ("start-up", "cold", "cpu_s"),
}


def _rates(name: str, now: dict[str, Any], then: dict[str, Any]) -> list[Change]:
    found = []
    for book in now:
        new, old = (books.get(book, {}).get("median_per_s", 0) for books in (now, then))
        if not new or not old:
            continue
        ratio = new / old
        freed = None
        if book != MINIMAL and (drift := _drift(now, then)):
            freed = round(ratio / drift, 3)
        found.append(Change(f"{name}: {book}", round(ratio, 3), freed, verdict(freed or ratio)))
    return found


def _drift(now: dict[str, Any], then: dict[str, Any]) -> float:
    """How much quicker the minimal book ran than before; 0 where it did not take part."""
    new, old = (books.get(MINIMAL, {}).get("median_per_s", 0) for books in (now, then))
    return new / old if old else 0.0


def verdict(ratio: float) -> str:
    """Say what a ratio means, above 1 being better."""
    if abs(ratio - 1) < NOISE:
        return "same"
    return "better" if ratio > 1 else "worse"


def _at(report: dict[str, Any], path: tuple[str, ...]) -> float:
    """Value at `path`, 0 where there is none."""
    value: Any = report
    for key in path:
        value = value.get(key, {})
    return value or 0.0
