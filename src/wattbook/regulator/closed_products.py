"""What rules of the local market have in common: a product is judged once, after its gate has closed.

What agents did in it are deeds, and those who did it often enough are told. Owns the reading, the waiting and the
counting; knows nothing of what a deed is, nor of how many are enough.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from wattbook.regulator.gates import Gates
from wattbook.regulator.repeats import Repeats, window_periods

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from wattbook.regulator.findings import Finding
    from wattbook.regulator.gates import Rows
    from wattbook.regulator.known import Known
    from wattbook.regulator.repeats import Deed


class ClosedProducts(ABC):
    """A detector by what was done again and again in products; a rule adds its deeds, its count and its finding.

    Parameters
    ----------
    known : Known
    window_ms : int
        How far back repetitions count.
    **kept : tuple of str
        By stream, the columns that the rule needs; the first stream's rows date what is forgotten. Streams without any
        only tell how far the record has come.
    """

    streams = ("orders", "trades")
    watches = False

    def __init__(self, known: Known, window_ms: int, **kept: tuple[str, ...]) -> None:
        self.gates = {stream: Gates(known, columns) for stream, columns in kept.items()}
        self.repeats = Repeats(window_periods(window_ms, known.period_ms), self._pick)

    def read(self, stream: str, rows: Mapping[str, NDArray[Any]]) -> None:
        """Take in rows of one of `streams`."""
        for name, gates in self.gates.items():
            if name == stream:
                gates.take(rows)
            else:
                gates.see(rows)

    def review(self, now_ms: int) -> list[Finding]:  # noqa: ARG002 - what was seen decides, not when it is reviewed
        """Judge the products that have closed since, and tell of those who did it often enough."""
        closed = {stream: gates.closed() for stream, gates in self.gates.items()}
        for agent, deed in self._deeds(closed):
            self.repeats.add(agent, deed)
        found = [self._finding(agent, deeds) for agent, deeds in self.repeats.take()]
        periods = next(iter(closed.values()))["period"]
        if len(periods):
            self.repeats.forget(int(periods.max()))
        return found

    @abstractmethod
    def _deeds(self, closed: Mapping[str, Rows]) -> Iterator[tuple[int, Deed]]:
        """Give who did what in the products that have closed, given their rows by stream; in the order of periods."""

    @abstractmethod
    def _pick(self, deeds: list[Deed]) -> list[int]:
        """Give the places of those of an agent's deeds in one window that are to be told, none while too few are."""

    @staticmethod
    @abstractmethod
    def _finding(agent: int, deeds: list[Deed]) -> Finding:
        """Tell what an agent did."""

    def export(self) -> dict[str, Any]:
        """Give the whole state, as JSON can hold it."""
        gates = {stream: gates.export() for stream, gates in self.gates.items()}
        return {**gates, "repeats": self.repeats.export()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `export` gave."""
        for stream, gates in self.gates.items():
            gates.restore(state[stream])
        self.repeats.restore(state["repeats"])
