"""Concentration of the day-ahead market: a watch kept on its structure, with nobody at fault.

The Herfindahl-Hirschman index of what producers sold at spot, and of what they could have given, over the periods of a
review. Above its threshold it is found once, and not again before it has been below `release_hhi`. Sanctions nothing:
who is large has done nothing wrong.

References
----------
An index above 2,500 is what the American merger guidelines of 2010 call highly concentrated; the joint test of three
suppliers is PJM's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from wattbook.oversight import Item, Rule
from wattbook.regulator.ahead import STREAMS
from wattbook.regulator.findings import MARKET, Finding, Line, Offence
from wattbook.regulator.metrics import HHI_OF_ONE
from wattbook.regulator.monitor import Monitor
from wattbook.units import PPM, half_even

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from wattbook.regulator.known import Known
    from wattbook.regulator.monitor import Report

_MEASURES: Final = ("sales", "capacity")


@dataclass(frozen=True)
class ConcentrationTerms:
    """Thresholds of the indices.

    Attributes
    ----------
    sales_hhi, capacity_hhi : int
        An index above its threshold is found.
    release_hhi : int
        It is found again only after a review at which it was below this.
    """

    sales_hhi: int = 2_500
    capacity_hhi: int = 2_500
    release_hhi: int = 2_250

    @classmethod
    def never(cls) -> Self:
        """Give thresholds that nobody reaches."""
        return cls(sales_hhi=HHI_OF_ONE, capacity_hhi=HHI_OF_ONE)


class Concentration:
    """The detector.

    Parameters
    ----------
    known : Known
    terms : ConcentrationTerms
    """

    streams = STREAMS
    watches = False

    def __init__(self, known: Known, terms: ConcentrationTerms) -> None:
        self.known, self.terms = known, terms
        self.monitor = Monitor(known)
        self.high = dict.fromkeys(_MEASURES, False)
        """Whether each index has been above its threshold and not been released since."""

    def read(self, stream: str, rows: Mapping[str, NDArray[Any]]) -> None:
        """Take in rows of the day-ahead market."""
        self.monitor.read(stream, rows)

    def review(self, now_ms: int) -> list[Finding]:
        """Measure all periods that have been settled since the last review."""
        report = self.monitor.review(now_ms)
        if not report.periods:
            return []
        period = report.periods[-1].period
        indices = {"sales": report.hhi_sales, "capacity": report.hhi_capacity}
        limits = {"sales": self.terms.sales_hhi, "capacity": self.terms.capacity_hhi}
        offences = []
        for place, name in enumerate(_MEASURES):
            if indices[name] > limits[name] and not self.high[name]:
                self.high[name] = True
                offences.append(Offence(len(_MEASURES) * period + place, period))
            elif indices[name] < self.terms.release_hhi:
                self.high[name] = False
        if not offences:
            return []
        return [Finding(Rule.CONCENTRATION, MARKET, tuple(offences), tuple(self._evidence(report, period)))]

    def _evidence(self, report: Report, period: int) -> list[Line]:
        """Tell the indices, who is largest, and in how many periods three together could not be done without."""
        held = report.sold_wh if any(report.sold_wh.values()) else report.able_wh
        largest = max(held, key=lambda agent: (held[agent], -agent))
        values = (
            (Item.HHI, report.hhi_sales),
            (Item.HHI_LIMIT, self.terms.sales_hhi),
            (Item.HHI_CAPACITY, report.hhi_capacity),
            (Item.HHI_CAPACITY_LIMIT, self.terms.capacity_hhi),
            (Item.PARTNER, largest),
            (Item.SHARE_PPM, half_even(held[largest] * PPM, max(1, sum(held.values())))),
            (Item.JOINTLY_PIVOTAL_PPM, report.jointly_pivotal_ppm),
            (Item.COUNT, len(report.periods)),
        )
        return [Line(item, value, period) for item, value in values]

    def note_mitigation(self, agent: int, price_tick: int, from_ms: int, until_ms: int) -> None:
        """Hear that the market takes an agent's asks at no more than a price for a while."""
        self.monitor.note_mitigation(agent, price_tick, from_ms, until_ms)

    def note_collar(self, price_tick: int, from_ms: int) -> None:
        """Hear that the auction's highest price is another one from now on."""
        self.monitor.note_collar(price_tick, from_ms)

    # --- saving

    def export(self) -> dict[str, Any]:
        """Give the whole state, as JSON can hold it."""
        return {"monitor": self.monitor.export(), "high": self.high}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `export` gave."""
        self.monitor.restore(state["monitor"])
        self.high = dict(state["high"])
