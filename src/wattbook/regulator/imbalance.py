"""Systematic imbalance: a balance group that leans to one side day after day, and gains by it.

Owns the test. Errors of forecasts lean to either side, though one day's may all lean alike; so days are what is
counted, and their mean must lie so far from zero as chance hardly puts it. That a group gains by its deviation, against
buying or selling the same at spot, is a part of the offence by default.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from wattbook.oversight import SEEN_STREAMS, Item, Rule
from wattbook.regulator.findings import Finding, Line, Offence
from wattbook.regulator.thresholds import ENDLESS
from wattbook.units import MS_PER_DAY, PPM

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from wattbook.regulator.known import Known

_SCORE_MOST: Final = 1 << 50
"""Stands for a score without bound."""
_GROUPS: Final = SEEN_STREAMS.index("groups")


@dataclass(frozen=True)
class ImbalanceTerms:
    """When a deviation is systematic. All defaults are assumptions of calibration.

    Attributes
    ----------
    window_ms : int
        Days that are looked at together.
    data_ms : int
        Without so many of them nobody is judged.
    bias_ppm : int
        Least sum of deviations, as a share of all that was metered.
    same_side_ppm : int
        Least share of periods in which the group deviates to the side of the sum.
    score_ppm : int
        Least size of the mean day over its standard error (Student's t).
    gain_tick : int
        Least that a deviating Wh brought on average against spot;
    needs_gain : int
        1 where that is a part of the offence, 0 where leaning is one whatever it brings.
    """

    window_ms: int = 14 * MS_PER_DAY
    data_ms: int = 10 * MS_PER_DAY
    bias_ppm: int = 30_000
    same_side_ppm: int = 700_000
    score_ppm: int = 10 * PPM
    gain_tick: int = 1
    needs_gain: int = 1

    @classmethod
    def never(cls) -> Self:
        """Give thresholds that nobody reaches."""
        return cls(gain_tick=ENDLESS, needs_gain=1)


class Day(NamedTuple):
    """One group's day.

    Attributes
    ----------
    day, first_seq : int
        Days of 24 hours from the run's start; its first row of ``groups``.
    periods : int
        That were settled.
    short, long : int
        Those in which it drew more than it had nominated, and less.
    deviation_wh, gross_wh, metered_wh : int
        Sums of deviations, of their sizes, and of the sizes of what was metered.
    gain : int
        What deviating brought against spot [1e-8 EUR].
    told : int
        1 once it was an offence.
    """

    day: int
    first_seq: int
    periods: int = 0
    short: int = 0
    long: int = 0
    deviation_wh: int = 0
    gross_wh: int = 0
    metered_wh: int = 0
    gain: int = 0
    told: int = 0


class SystematicImbalance:
    """Finds balance groups that lean to one side.

    Parameters
    ----------
    known : Known
    terms : ImbalanceTerms
    """

    streams: tuple[str, ...] = ("groups",)
    watches: Final = False

    def __init__(self, known: Known, terms: ImbalanceTerms) -> None:
        self.known, self.terms = known, terms
        self.per_day = max(1, MS_PER_DAY // known.period_ms)
        self.most, self.least = max(1, terms.window_ms // MS_PER_DAY), -(-terms.data_ms // MS_PER_DAY)
        self.days: dict[int, list[Day]] = {}
        """By agent, those of the window and those that were not judged yet; the last may be still to end."""
        self.judged: dict[int, int] = {}
        """By agent, how many days were judged."""

    def read(self, stream: str, rows: Mapping[str, NDArray[Any]]) -> None:  # noqa: ARG002 - detectors have one form
        """Take in rows (n,) of ``groups``."""
        names = ("utility", "seq", "period", "metered_wh", "deviation_wh", "spot_tick", "imbalance_tick")
        for agent, seq, period, metered_wh, deviation_wh, spot_tick, imbalance_tick in zip(
            *(rows[name].tolist() for name in names), strict=True
        ):
            days = self.days.setdefault(agent, [])
            if not days or days[-1].day != period // self.per_day:
                days.append(Day(period // self.per_day, seq))
            days[-1] = _longer(days[-1], metered_wh, deviation_wh, deviation_wh * (spot_tick - imbalance_tick))

    def review(self, now_ms: int) -> list[Finding]:
        """Say who leaned to one side in the days that ended since the last review."""
        findings = []
        for agent in sorted(self.days):
            found: list[Day] = []
            leaning: list[Day] = []
            while (place := self._next(agent)) is not None:
                days = self.days[agent]
                window = [day for day in days[: place + 1] if day.day > days[place].day - self.most]
                if self._leans(window):
                    found += self._tell(agent, window)
                    leaning = window
                self.judged[agent] = days[place].day + 1
            if found:
                findings.append(self._finding(agent, found, leaning, now_ms))
            self._forget(agent)
        return findings

    def _next(self, agent: int) -> int | None:
        """Give the place of the first day that is over and was not judged."""
        judged = self.judged.get(agent, 0)
        for place, day in enumerate(self.days[agent]):
            if day.day >= judged and day.periods == self.per_day:
                return place
        return None

    def _leans(self, window: list[Day]) -> bool:
        """Whether the deviations of some days are systematic."""
        terms, n = self.terms, len(window)
        sums = [day.deviation_wh for day in window]
        total = sum(sums)
        if n < max(2, self.least) or not total:
            return False
        alike = sum(day.short if total > 0 else day.long for day in window)
        return (
            abs(total) * PPM >= terms.bias_ppm * sum(day.metered_wh for day in window)
            and alike * PPM >= terms.same_side_ppm * sum(day.periods for day in window)
            and _score_ppm(sums) >= terms.score_ppm
            and (not terms.needs_gain or _gain_tick(window) >= terms.gain_tick)
        )

    def _tell(self, agent: int, window: list[Day]) -> list[Day]:
        """Give the days of the window that lean as it does and were not told before, and note that they are."""
        total = sum(day.deviation_wh for day in window)
        told = [day for day in window if day.deviation_wh * total > 0 and not day.told]
        marked = {day.day for day in told}
        self.days[agent] = [day._replace(told=1) if day.day in marked else day for day in self.days[agent]]
        return told

    def _finding(self, agent: int, found: list[Day], window: list[Day], now_ms: int) -> Finding:
        metered_wh, net_wh = (sum(day[place] for day in window) for place in (_METERED, _NET))
        alike = sum(day.short if net_wh > 0 else day.long for day in window)
        lines = (
            Line(Item.EVENT, window[0].first_seq, _GROUPS),
            Line(Item.NET_WH, net_wh, window[0].day * self.per_day),
            Line(Item.GROSS_WH, sum(day.gross_wh for day in window), window[0].day * self.per_day),
            Line(Item.ENERGY_WH, metered_wh, window[0].day * self.per_day),
            Line(Item.SHARE_PPM, alike * PPM // sum(day.periods for day in window)),
            Line(Item.SCORE, _score_ppm([day.deviation_wh for day in window])),
            Line(Item.MONEY, sum(day.gain for day in window)),
            Line(Item.COUNT, len(window)),
            Line(Item.SINCE_MS, self.known.start_of(window[0].day * self.per_day)),
            Line(Item.UNTIL_MS, now_ms),
        )
        offences = tuple(
            Offence(day.day * self.per_day, day.day * self.per_day, max(0, day.gain)) for day in found
        )  # fmt: skip
        return Finding(Rule.SYSTEMATIC_IMBALANCE, agent, offences, lines)

    def _forget(self, agent: int) -> None:
        """Forget the days that no window will reach back to."""
        first = self.judged.get(agent, 0) - self.most
        self.days[agent] = [day for day in self.days[agent] if day.day >= first]

    def export(self) -> dict[str, Any]:
        """Give the whole state, as JSON can hold it."""
        return {
            "days": [[agent, list(map(list, days))] for agent, days in self.days.items()],
            "judged": [[agent, past] for agent, past in self.judged.items()],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `export` gave."""
        self.days = {agent: [Day(*day) for day in days] for agent, days in state["days"]}
        self.judged = dict(state["judged"])


_NET: Final = Day._fields.index("deviation_wh")
_METERED: Final = Day._fields.index("metered_wh")


def _longer(day: Day, metered_wh: int, deviation_wh: int, gain: int) -> Day:
    """Give a day with one more period."""
    return day._replace(
        periods=day.periods + 1,
        short=day.short + (deviation_wh > 0),
        long=day.long + (deviation_wh < 0),
        deviation_wh=day.deviation_wh + deviation_wh,
        gross_wh=day.gross_wh + abs(deviation_wh),
        metered_wh=day.metered_wh + abs(metered_wh),
        gain=day.gain + gain,
    )


def _gain_tick(window: list[Day]) -> int:
    """Give what a deviating Wh brought on average, rounded down."""
    return sum(day.gain for day in window) // sum(day.gross_wh for day in window)


def _score_ppm(sums: list[int]) -> int:
    """Give Student's t of the mean of two or more days, rounded down; where all are alike, the largest that is told."""
    n, total = len(sums), sum(sums)
    # t^2 = (n - 1) S^2 / (n Q - S^2), with S and Q the sums of the days and of their squares.
    scatter = n * sum(each * each for each in sums) - total * total
    return min(_SCORE_MOST, isqrt((n - 1) * total * total * PPM * PPM // scatter)) if scatter else _SCORE_MOST
