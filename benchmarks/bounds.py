"""What the book promises, and whether a measurement keeps it."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from .contenders import BATCH, MINIMAL, RAW
from .peers import MAKERS

BATCH_PER_S: Final = {"local": 30e6, "deep": 12e6, "match-heavy": 18e6, "96 products": 12e6}
BATCH_TIMES_MINIMAL: Final = {"local": 40.0, "deep": 30.0, "match-heavy": 30.0, "96 products": 25.0}
MINIMAL_PER_S: Final = 400_000.0
TIMES_FASTEST_PEER: Final = 2.0
RAW_SUBMIT_NS: Final = 350.0
PUBLIC_SUBMIT_NS: Final = 1_200.0
PUBLIC_SUBMIT_P99_NS: Final = 2_500.0
BYTES_PER_ORDER: Final = 64.0
EMPTY_BOOKS_BYTES: Final = 100e6
GROWN_BYTES: Final = 1e6
"""Resident memory moves by some pages on its own; fifty million orders that left a byte each would be far above."""
WARM_START_S: Final = 0.5


class Bound(NamedTuple):
    """One promise and what was found.

    Attributes
    ----------
    what : str
    wanted : float
    found : float
    at_least : bool
        Whether `found` must not be below `wanted`, or else not above.
    is_timed : bool
        Whether it moves with whatever else the machine does.
    is_ratio : bool
        Whether it sets two figures of one run side by side, so that a slower machine slows both.
    """

    what: str
    wanted: float
    found: float
    at_least: bool
    is_timed: bool = True
    is_ratio: bool = False

    @property
    def holds(self) -> bool:
        """Whether the promise is kept."""
        return self.holds_within(0.0)

    def holds_within(self, slack: float) -> bool:
        """Whether the promise is kept, or missed by less than a share `slack` where it is timed."""
        slack *= self.is_timed
        if self.at_least:
            return self.found >= self.wanted * (1 - slack)
        return self.found <= self.wanted * (1 + slack)

    def as_json(self) -> dict[str, Any]:
        """Give it plainly."""
        return {**self._asdict(), "holds": self.holds}


def bounds(report: dict[str, Any]) -> list[Bound]:
    """All promises that `report` has the figures for."""
    found = []
    for name, stream in report.get("streams", {}).items():
        found += _of_stream(name, {key: each["median_per_s"] for key, each in stream["books"].items()})
    found += _of_latency(report.get("latency", {}))
    found += _of_memory(report.get("memory", {}))
    if startup := report.get("start-up"):
        found.append(Bound("warm start to first order [CPU s]", WARM_START_S, startup["warm"]["cpu_s"], False))
    return found


def _of_stream(name: str, rates: dict[str, float]) -> list[Bound]:
    batch, minimal = rates.get(BATCH, 0), rates.get(MINIMAL, 0)
    found = [Bound(f"{name}: batch [messages/s]", BATCH_PER_S[name], batch, True)]
    if minimal:
        ratio = round(batch / minimal, 2)
        found.append(
            Bound(f"{name}: batch, times the minimal book", BATCH_TIMES_MINIMAL[name], ratio, True, is_ratio=True)
        )
    if minimal and name == "local":
        found.append(Bound("local: minimal book [messages/s]", MINIMAL_PER_S, minimal, True))
    fastest = max((rates.get(peer, 0) for peer in MAKERS), default=0)
    if fastest and RAW in rates:
        ratio = round(rates[RAW] / fastest, 2)
        what = f"{name}: raw calls, times the fastest verified peer"
        found.append(Bound(what, TIMES_FASTEST_PEER, ratio, True, is_ratio=True))
    return found


def _of_latency(latency: dict[str, Any]) -> list[Bound]:
    if not latency:
        return []
    raw, public = latency["raw submit"], latency["public submit"]
    return [
        Bound("raw submit, median [CPU ns]", RAW_SUBMIT_NS, raw["p50_ns"], False),
        Bound("public submit, median [CPU ns]", PUBLIC_SUBMIT_NS, public["p50_ns"], False),
        Bound("public submit, p99 [CPU ns]", PUBLIC_SUBMIT_P99_NS, public["p99_ns"], False),
    ]


def _of_memory(memory: dict[str, Any]) -> list[Bound]:
    if not memory:
        return []
    resting, empty, through = memory["resting"], memory["empty books"], memory["orders through"]
    per_order = resting.get("own_bytes_per_order", resting["resident_bytes_per_order"])
    return [
        Bound("bytes per resting order", BYTES_PER_ORDER, per_order, False, False),
        Bound(f"{empty['books']} empty books [bytes]", EMPTY_BOOKS_BYTES, empty["resident_bytes"], False, False),
        Bound(f"grown by {through['orders']:,} orders [bytes]", GROWN_BYTES, through["grown_bytes"], False, False),
    ]
