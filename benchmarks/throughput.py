"""Throughput of several books on one stream, slice by slice in turn, so that the machine's moods meet all of them."""

from __future__ import annotations

import gc
import statistics
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from .contenders import Audited, Contender, Told
    from .streams import Stream


class Slicing(NamedTuple):
    """How a stream is cut.

    Attributes
    ----------
    slices : int
        Slices of a pass; each is fresh, so nobody has learnt its branches.
    lead_in : float
        Share of a slice that is carried out before the clock starts, so that each book finds its own memory in the
        cache again after the others had their turn.
    passes : int
        How often the whole stream is gone through, each time with fresh books.
    """

    slices: int = 40
    lead_in: float = 0.1
    passes: int = 1


@dataclass(slots=True)
class Figures:
    """What was measured of one book on one stream.

    Attributes
    ----------
    messages : int
        Messages of a pass, timed or not.
    rates : list of float
        Messages per CPU second of each slice.
    fills, traded_wh : int or None
        What the book told of one pass; None where it does not tell.
    refused : str
        Why the figures do not count; empty when they do.
    """

    messages: int = 0
    rates: list[float] = field(default_factory=list)
    fills: int | None = 0
    traded_wh: int | None = 0
    refused: str = ""

    @property
    def median(self) -> float:
        """Messages per CPU second, median of the slices; 0 when they do not count."""
        return 0.0 if self.refused or not self.rates else statistics.median(self.rates)

    @property
    def best(self) -> float:
        """Messages per CPU second, best slice; 0 when they do not count."""
        return 0.0 if self.refused or not self.rates else max(self.rates)

    def tell(self, told: Iterable[Told]) -> None:
        """Sum what a book told of the slices of a pass."""
        fills, traded = zip(*((each.fills, each.traded_wh) for each in told), strict=True)
        self.fills = None if None in fills else sum(fills)
        self.traded_wh = None if None in traded else sum(traded)

    def as_json(self) -> dict[str, Any]:
        """Give the figures plainly."""
        return {
            "messages": self.messages,
            "median_per_s": round(self.median),
            "best_per_s": round(self.best),
            "slices_per_s": [round(rate) for rate in self.rates],
            "fills": self.fills,
            "traded_wh": self.traded_wh,
            "refused": self.refused,
        }


class Entrant(NamedTuple):
    """A book that takes part.

    Attributes
    ----------
    maker : callable
        Makes the contender from the number of products.
    most : int
        Most messages it is given: a slow one gets a shorter run of the same stream, cut into as many slices.
    """

    maker: Callable[[int], Contender]
    most: int


def measure(
    stream: Stream, lanes: Mapping[str, Lane], slicing: Slicing, say: Callable[[str], None]
) -> dict[str, Figures]:
    """Measure all books on `stream`; figures of one that trades otherwise than the minimal book do not count."""
    for number in range(slicing.passes):
        for name, lane in lanes.items():
            say(f"{stream.name}: opening of {name}")
            lane.open()
        for turn in range(slicing.slices):
            say(f"{stream.name}: pass {number + 1} of {slicing.passes}, slice {turn + 1} of {slicing.slices}")
            for name in _rotated(list(lanes), turn):
                lanes[name].take(turn)
    found = {}
    for name, lane in lanes.items():
        say(f"{stream.name}: checking what {name} traded")
        found[name] = lane.close()
    return found


class Lane:
    """One book's way through a stream, in this process."""

    def __init__(self, entrant: Entrant, stream: Stream, slicing: Slicing) -> None:
        self.entrant, self.stream = entrant, stream
        self.size = min(len(stream.messages), entrant.most) // slicing.slices
        self.lead_in = int(slicing.lead_in * self.size)
        self.figures = Figures(messages=self.size * slicing.slices)
        self.book: Contender | None = None
        self.told: list[Told] = []
        if not self.size:
            self.figures.refused = "not run: its opening alone would take too long"

    def open(self) -> None:
        """Make a fresh book and fill it."""
        self.told = []
        self.book = None
        if not self.figures.refused:
            self._try(self._open)

    def take(self, turn: int) -> None:
        """Carry out a slice, its beginning untimed."""
        if not self.figures.refused:
            self._try(lambda: self._take(turn))

    def close(self) -> Figures:
        """Compare with what should have been traded; a book that tells none of it is audited."""
        if not self.figures.refused:
            self._try(self._close)
        self.book = None
        return self.figures

    def _open(self) -> None:
        self.book = self.entrant.maker(self.stream.products)
        self.book.carry_out(self.book.prepare(self.stream.opening))

    def _take(self, turn: int) -> None:
        assert self.book is not None
        part = self.stream.messages[turn * self.size : (turn + 1) * self.size]
        first, rest = self.book.prepare(part[: self.lead_in]), self.book.prepare(part[self.lead_in :])
        gc.collect()
        gc.disable()
        try:
            before = self.book.carry_out(first)
            start = time.process_time()
            told = self.book.carry_out(rest)
            seconds = time.process_time() - start
        finally:
            gc.enable()
        self.told += [before, told]
        self.figures.rates.append((self.size - self.lead_in) / seconds)

    def _close(self) -> None:
        figures = self.figures
        figures.tell(self.told)
        if figures.traded_wh is None:
            self._open()
            book = cast("Audited", self.book)
            figures.traded_wh = book.audit(book.prepare(self.stream.messages[: figures.messages])).traded_wh
        wanted = {"fills": self.stream.fills, "traded_wh": self.stream.traded_wh}
        for what, sums in wanted.items():
            given = getattr(figures, what)
            if given is not None and given != sums[figures.messages]:
                figures.refused = f"{what} {given:,} instead of {sums[figures.messages]:,}"

    def _try(self, work: Callable[[], None]) -> None:
        """Do `work`; a stranger's book that fails is out, and says why."""
        try:
            work()
        except ImportError as fault:
            self.figures.refused = f"not installed: {fault}"
        except Exception as fault:  # noqa: BLE001  # whatever a stranger's book raises
            self.figures.refused = f"failed: {type(fault).__name__}: {fault}"[:200]


def _rotated(names: list[str], turn: int) -> list[str]:
    """`names`, beginning with another one each turn."""
    start = turn % len(names)
    return names[start:] + names[:start]
