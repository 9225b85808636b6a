"""The day-ahead auction's highest price and its automatic step.

A highest price that is often nearly reached hides what energy is worth. A day on which the price passed a share of it
in enough periods counts; enough of such days within a window raise it by a step, from some time later on. The next
count starts anew, against the new highest price, at once.

References
----------
The form is that of the harmonised maximum price of the European single day-ahead coupling (ACER decision 01/2023):
70 %, two days within 30, 500 EUR/MWh, 28 days later. Days are counted from the run's start, 24 h each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from wattbook.oversight import SEEN_STREAMS, Item, Rule
from wattbook.regulator.findings import MARKET, Finding, Line, Offence
from wattbook.regulator.thresholds import ENDLESS
from wattbook.units import MS_PER_DAY, PPM

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from wattbook.regulator.known import Known

_SPOT: Final = SEEN_STREAMS.index("spot")


@dataclass(frozen=True)
class CollarTerms:
    """When the highest price moves, and how far.

    Attributes
    ----------
    share_ppm : int
        A price counts above this share of the highest price.
    periods : int
        A day counts with at least so many such periods.
    days : int
        Days that raise the highest price.
    window_ms : int
        Within which they lie.
    step_tick : int
        By how much it rises.
    delay_ms : int
        How long after the last of these days' prices came about.
    most_tick : int
        It never rises above this.
    """

    share_ppm: int = 700_000
    periods: int = 1
    days: int = 2
    window_ms: int = 30 * MS_PER_DAY
    step_tick: int = 50_000
    delay_ms: int = 28 * MS_PER_DAY
    most_tick: int = 1_500_000

    @classmethod
    def never(cls) -> Self:
        """Give thresholds that nobody reaches."""
        return cls(share_ppm=PPM, days=ENDLESS)


class Spike(NamedTuple):
    """A period whose price counts."""

    seq: int
    period: int
    price_tick: int


class Step(NamedTuple):
    """A step that is due: from when, from which highest price to which, since and for what."""

    due_ms: int
    cap_tick: int
    next_tick: int
    since_ms: int
    spikes: tuple[Spike, ...]


class Collar:
    """The detector.

    Parameters
    ----------
    known : Known
    terms : CollarTerms
    """

    streams = ("spot",)
    watches = False

    def __init__(self, known: Known, terms: CollarTerms) -> None:
        self.known, self.terms = known, terms
        self.cap_tick = known.cap_tick
        """The highest price, steps that are due included."""
        self.spikes: list[Spike] = []
        self.steps: list[Step] = []

    def read(self, stream: str, rows: Mapping[str, NDArray[Any]]) -> None:  # noqa: ARG002 - the one form
        """Take in prices."""
        if not self.known.auction:
            return
        names = ("seq", "period", "price_tick", "time_ms")
        for seq, period, price_tick, at_ms in zip(*(rows[name].tolist() for name in names), strict=True):
            if price_tick * PPM > self.terms.share_ppm * self.cap_tick:
                self._count(Spike(seq, period, price_tick), at_ms)

    def _count(self, spike: Spike, at_ms: int) -> None:
        """Count a price; announce a step where it was the last that this takes."""
        window = self.terms.window_ms // self.known.period_ms
        self.spikes = [*(each for each in self.spikes if each.period > spike.period - window), spike]
        counts: dict[int, int] = {}
        for each in self.spikes:
            day = self._day(each.period)
            counts[day] = counts.get(day, 0) + 1
        enough = sum(count >= self.terms.periods for count in counts.values()) >= self.terms.days
        next_tick = min(self.cap_tick + self.terms.step_tick, self.terms.most_tick)
        if enough and next_tick > self.cap_tick:
            self.steps.append(Step(at_ms + self.terms.delay_ms, self.cap_tick, next_tick, at_ms, tuple(self.spikes)))
            self.cap_tick, self.spikes = next_tick, []

    def _day(self, period: int) -> int:
        return period * self.known.period_ms // MS_PER_DAY

    def review(self, now_ms: int) -> list[Finding]:
        """Let the steps be taken that are due."""
        due = [step for step in self.steps if step.due_ms <= now_ms]
        self.steps = [step for step in self.steps if step.due_ms > now_ms]
        return [self._finding(step) for step in due]

    def _finding(self, step: Step) -> Finding:
        last = step.spikes[-1]
        lines = [
            Line(Item.CAP_TICK, step.cap_tick),
            Line(Item.SINCE_MS, step.since_ms),
            Line(Item.COUNT, len(step.spikes)),
            Line(Item.PRICE_TICK, last.price_tick, last.period),
            *(Line(Item.EVENT, spike.seq, _SPOT) for spike in step.spikes),
        ]
        offence = Offence(last.seq, last.period)
        return Finding(Rule.COLLAR, MARKET, (offence,), tuple(lines), price_tick=step.next_tick)

    # --- saving

    def export(self) -> dict[str, Any]:
        """Give the whole state, as JSON can hold it."""
        return {
            "cap_tick": self.cap_tick,
            "spikes": [list(spike) for spike in self.spikes],
            "steps": [[*step[:-1], [list(spike) for spike in step.spikes]] for step in self.steps],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `export` gave."""
        self.cap_tick = state["cap_tick"]
        self.spikes = [Spike(*each) for each in state["spikes"]]
        self.steps = [
            Step(due_ms, cap_tick, next_tick, since_ms, tuple(Spike(*each) for each in spikes))
            for due_ms, cap_tick, next_tick, since_ms, spikes in state["steps"]
        ]
