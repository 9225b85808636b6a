"""Several runners through the same market, each in a process of its own, slice by slice in turn.

So the machine's moods meet all of them, none is slowed by another's objects, and only one works at a time.
"""

from __future__ import annotations

import multiprocessing
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from .machine import resident_bytes
from .market import DAY_MS, WAKE_EVERY_MS, Size
from .options import LEAST_SLICES
from .runners import BOOK_ALONE, ENGINES, KINDS, POPULATION, Counts, runner_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.connection import Connection

WAKES: Final = 100_000
"""Wakes of a slice, for a share of 1 ..."""
SHARE_OF_ALL: Final = 4
"""... or every so manieth agent, if those are more."""
WARM_UP: Final = 1.5
"""Each agent wakes so often before the first slice: by then books are full, and herds are scattered."""
LEAD_IN: Final = 0.1
"""Share of a slice before its clock starts, so that everybody finds its memory in the cache again."""
DEVIATION: Final = 0.05
"""Trades a wake may differ by this share between those who draw their luck otherwise."""
LEAST_TRADES: Final = 5_000
"""Fewer trades than that say nothing about their rate."""


class Slice(NamedTuple):
    """What one slice took.

    Attributes
    ----------
    cpu_s : float
    done : Counts
        Of this slice alone.
    """

    cpu_s: float
    done: Counts


@dataclass(slots=True)
class Track:
    """What was measured of one runner.

    Attributes
    ----------
    slices : list of Slice
    simulated_ms : int
        Simulated time of all slices together, less their lead-ins.
    built_s : float
        CPU time until it could start.
    resident_bytes : int
        Memory of its process at the end.
    fingerprint : str
        Of the record up to the moment that all engines reach; empty without one.
    refused : str
        Why the figures do not count; empty when they do.
    """

    slices: list[Slice] = field(default_factory=list)
    simulated_ms: int = 0
    built_s: float = 0.0
    resident_bytes: int = 0
    fingerprint: str = ""
    refused: str = ""

    @property
    def rates(self) -> list[float]:
        """Wakes per CPU second of each slice."""
        return [each.done.wakes / each.cpu_s for each in self.slices]

    @property
    def median(self) -> float:
        """Wakes per CPU second, median of the slices; 0 where they do not count."""
        return 0.0 if self.refused or not self.slices else statistics.median(self.rates)

    @property
    def wakes(self) -> int:
        """Wakes that were timed."""
        return sum(each.done.wakes for each in self.slices)

    @property
    def trades(self) -> int:
        """Trades of the timed slices."""
        return sum(each.done.trades for each in self.slices)

    def as_json(self) -> dict[str, Any]:
        """Give the figures plainly."""
        cpu_s = sum(each.cpu_s for each in self.slices)
        counts = bool(self.slices) and not self.refused
        quartiles = statistics.quantiles(self.rates, n=4) if len(self.slices) > 1 else [self.median] * 3
        return {
            "wakes_per_s": round(self.median),
            "quartiles_per_s": [round(quartiles[0]), round(quartiles[2])] if counts else [],
            "slices_per_s": [round(rate) for rate in self.rates],
            "days_per_s": self.simulated_ms / DAY_MS / cpu_s if counts else 0.0,
            "wakes": self.wakes,
            "trades_per_wake": round(self.trades / self.wakes, 4) if counts else 0.0,
            "built_s": round(self.built_s, 3),
            "resident_bytes": self.resident_bytes,
            "fingerprint": self.fingerprint,
            "refused": self.refused,
        }


class Plan(NamedTuple):
    """How a market is cut.

    Attributes
    ----------
    traders : int
    slices : int
    wakes : int
        Of a slice, about, for a share of 1.
    """

    traders: int
    slices: int
    wakes: int

    @classmethod
    def of(cls, traders: int, slices: int, wakes: int = WAKES) -> Plan:
        """Cut it so that a slice is worth its time."""
        assert slices >= LEAST_SLICES, "engines with slices of unequal length would not meet"
        return cls(traders, slices, max(wakes, traders // SHARE_OF_ALL))

    def stops_ms(self, share: float) -> list[int]:
        """When to stop [ms from the start]: the warm-up's end, then the lead-in's and the slice's end of each."""
        slice_ms = round(share * round(self.wakes * WAKE_EVERY_MS / self.traders))
        warm_ms = round(WARM_UP * WAKE_EVERY_MS)
        stops = [warm_ms]
        for turn in range(self.slices):
            first_ms = warm_ms + turn * slice_ms
            stops += [first_ms + round(LEAD_IN * slice_ms), first_ms + slice_ms]
        return stops

    def size(self, shares: Sequence[float]) -> Size:
        """Of the market that all of them find room in."""
        return Size(self.traders, max(self.stops_ms(share)[-1] for share in shares) // DAY_MS + 1)


def share_of(name: str) -> float:
    """Share of a runner; the variants of our engines have their engine's, and the book has the population's."""
    return KINDS[POPULATION if name == BOOK_ALONE else name.partition("/")[0]].share


def measure(plan: Plan, names: Sequence[str], say: Callable[[str], None]) -> dict[str, Track]:
    """Send all runners through the market; one that trades otherwise than the first of them is refused."""
    size = plan.size([share_of(name) for name in names])
    # The longest first slice ends where a later one of those with shorter slices does.
    common_ms = max((plan.stops_ms(share_of(name))[2] for name in names if _is_ours(name)), default=0)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        lanes = {name: _Lane(name, plan, size, common_ms, folder) for name in names}
        for name, lane in lanes.items():
            say(f"{plan.traders:,} agents: warm-up of {name}")
            lane.begin()
        for turn in range(plan.slices):
            for name in _rotated(names, turn):
                say(f"{plan.traders:,} agents: slice {turn + 1} of {plan.slices}, {name}")
                lanes[name].take()
        for lane in lanes.values():
            lane.close()
    tracks = {name: lane.track for name, lane in lanes.items()}
    _compare(tracks)
    return tracks


def _is_ours(name: str) -> bool:
    return name.partition("/")[0] in ENGINES


def _rotated(names: Sequence[str], turn: int) -> list[str]:
    """`names`, beginning with another one each turn."""
    start = turn % len(names)
    return [*names[start:], *names[:start]]


def _compare(tracks: dict[str, Track]) -> None:
    """Refuse the figures of whoever did other work."""
    kept = {name: track for name, track in tracks.items() if not track.refused}
    records = {name: track.fingerprint for name, track in kept.items() if name in KINDS and _is_ours(name)}
    if len(set(records.values())) > 1:
        for name in records:
            kept[name].refused = "engines differ: " + ", ".join(f"{key} {text[:8]}" for key, text in records.items())
    trading = {name: track for name, track in kept.items() if name in KINDS and KINDS[name].trades}
    first = next(iter(trading.values()), None)
    if first is None or first.trades < LEAST_TRADES:
        return
    wanted = first.trades / first.wakes
    for track in trading.values():
        found = track.trades / track.wakes
        if track.trades >= LEAST_TRADES and abs(found / wanted - 1) > DEVIATION:
            track.refused = f"{found:.4f} trades a wake instead of {wanted:.4f}"


class _Lane:
    """One runner in a process of its own."""

    def __init__(self, name: str, plan: Plan, size: Size, common_ms: int, folder: str) -> None:
        self.track = Track()
        self.name = name
        stops = plan.stops_ms(share_of(name))
        # The lead-ins' ends are odd.
        self.track.simulated_ms = sum(stops[i + 1] - stops[i] for i in range(1, len(stops) - 1, 2))
        self.given = (name, size, stops, common_ms, folder)

    def begin(self) -> None:
        """Have it made and warmed up."""
        fresh = multiprocessing.get_context("spawn")
        self.here, there = fresh.Pipe()
        self.process = fresh.Process(target=_serve, args=(there, *self.given), daemon=True)
        self.process.start()
        there.close()
        told = self._hear()
        if told is not None:
            self.track.built_s = told

    def take(self) -> None:
        """Have a slice carried out."""
        if not self.track.refused:
            self.here.send("take")
            told = self._hear()
            if told is not None:
                self.track.slices.append(told)

    def close(self) -> None:
        """Fetch what is left to say, and let the process end."""
        if not self.track.refused:
            self.here.send("close")
            told = self._hear()
            if told is not None:
                self.track.fingerprint, self.track.resident_bytes = told
        self.process.join()

    def _hear(self) -> Any:
        """Wait for an answer; None, and a refusal noted, where there is none to count."""
        try:
            told = self.here.recv()
        except (EOFError, ConnectionError):
            self.process.join()
            told = f"failed: its process ended with {self.process.exitcode}"
        if isinstance(told, str):
            self.track.refused = told
            return None
        return told


class _Watch:
    """Called at each stop within a run: waits for turns, and tells what a slice took."""

    def __init__(self, there: Connection, stops_ms: Sequence[int], common_ms: int, built_s: float) -> None:
        self.there, self.stops_ms, self.common_ms, self.built_s = there, stops_ms, common_ms, built_s
        self.at = 0
        self.started = 0.0
        self.before = Counts(0, 0)
        self.fingerprint = ""

    def __call__(self, counts: Counts, fingerprint: Callable[[], str]) -> None:
        """Note the counts of a stop."""
        if self.at % 2 == 1:
            self.before = counts
            self.started = time.process_time()
        else:
            cpu_s = time.process_time() - self.started
            if self.at == 0:
                self.there.send(self.built_s)
            else:
                done = Counts(*(now - then for now, then in zip(counts, self.before, strict=True)))
                self.there.send(Slice(cpu_s, done))
            if self.stops_ms[self.at] == self.common_ms:
                self.fingerprint = fingerprint()
            self.there.recv()
        self.at += 1


def _serve(there: Connection, name: str, size: Size, stops: list[int], common_ms: int, folder: str) -> None:
    """Carry one runner through, told slice by slice when its turn is."""
    start = time.process_time()
    try:
        runner = runner_of(name, size, Path(folder))
    except ImportError as fault:
        there.send(f"not installed: {fault}")
        return
    watch = _Watch(there, stops, common_ms, time.process_time() - start)
    runner.go(stops, lambda counts: watch(counts, runner.fingerprint))
    there.send((watch.fingerprint, resident_bytes()))
