"""Default-tariff cap: what any utility may ask, by a benchmark of procurement and allowances, as for a country.

References
----------
Energy supply default tariff caps are built so: Great Britain's sums up a wholesale cost index that is weighted by
demand, allowances of operation and a margin (Ofgem, *Default tariff cap: decision*, 2018, chapter 3). Ours has a
trailing spot price in the place of forward prices, and one allowance in the place of several.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from wattbook.oversight import Rule
from wattbook.regulator.retail_books import RetailBooks, SharedBooks
from wattbook.regulator.tariff_limits import Limit, TariffLimits, finding_of
from wattbook.regulator.thresholds import ENDLESS
from wattbook.regulator.trailing import Trail, mean_up
from wattbook.units import MS_PER_DAY, PPM

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from wattbook.regulator.findings import Finding
    from wattbook.regulator.known import Known
    from wattbook.regulator.retail_books import Sold


@dataclass(frozen=True)
class DefaultTariffTerms:
    """What a cap is made of. All defaults are assumptions of calibration.

    Attributes
    ----------
    window_ms : int
        What the mean spot price is taken over, weighted by what all utilities sold.
    data_ms : int
        Without so much of it there is no cap.
    margin_ppm : int
        Allowed beyond the benchmark, as a share of it: risk and profit.
    allowance_tick : int
        Allowed besides: operation, metering, renewables.
    """

    window_ms: int = 28 * MS_PER_DAY
    data_ms: int = MS_PER_DAY
    margin_ppm: int = 100_000
    allowance_tick: int = 15_000

    @classmethod
    def never(cls) -> Self:
        """Give thresholds that nobody reaches."""
        return cls(allowance_tick=ENDLESS)


class _Benchmark:
    """One limit for everybody."""

    def __init__(self, known: Known, terms: DefaultTariffTerms) -> None:
        self.known, self.terms = known, terms
        self.spot = Trail(max(1, terms.window_ms // known.period_ms))
        """What all utilities sold [Wh], and what that would have cost at spot."""

    def take_in(self, sold: list[Sold]) -> None:
        """Take in what all utilities sold in one period."""
        energy_wh = sum(each.energy_wh for each in sold)
        self.spot.push(sold[0].period, energy_wh, sum(each.energy_wh * each.spot_tick for each in sold))

    def limit(self, agent: int) -> Limit | None:  # noqa: ARG002 - limits have one form
        """Give everybody's limit; None where too little is known."""
        terms, spot = self.terms, self.spot
        if spot.reach * self.known.period_ms < terms.data_ms or not spot.weight:
            return None
        benchmark_tick = mean_up(spot.amount, spot.weight)
        margin_tick = abs(benchmark_tick) * terms.margin_ppm // PPM
        return Limit(benchmark_tick + margin_tick + terms.allowance_tick, benchmark_tick)

    def export(self) -> dict[str, Any]:
        """Give the whole state, as JSON can hold it."""
        return {"spot": self.spot.export()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `export` gave."""
        self.spot.restore(state["spot"])


class DefaultTariff:
    """Finds utilities whose tariffs lie above the cap; a finding names it.

    Parameters
    ----------
    known : Known
    terms : DefaultTariffTerms
    books : SharedBooks, optional
        Those of the place, where other rules read them too.
    """

    streams: tuple[str, ...] = RetailBooks.streams
    watches: Final = False

    def __init__(self, known: Known, terms: DefaultTariffTerms, books: SharedBooks | None = None) -> None:
        self.limits = TariffLimits(known, _Benchmark(known, terms), books or SharedBooks(known))

    def read(self, stream: str, rows: Mapping[str, NDArray[Any]]) -> None:
        """Take in rows (n,) of a stream."""
        self.limits.books.read(stream, rows)

    def review(self, now_ms: int) -> list[Finding]:
        """Say whose tariffs lay above the cap in the periods that were settled since the last review."""
        judged = self.limits.judged()
        return [finding_of(Rule.DEFAULT_TARIFF_CAP, agent, found, now_ms) for agent, found in judged.items()]

    def export(self) -> dict[str, Any]:
        """Give the whole state, as JSON can hold it."""
        return self.limits.export()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `export` gave."""
        self.limits.restore(state)
