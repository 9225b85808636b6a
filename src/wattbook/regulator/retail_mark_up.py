"""Retail mark-up: what a utility asks of its customers, held against what its energy costs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from wattbook.oversight import Rule
from wattbook.regulator.retail_books import RetailBooks, SharedBooks
from wattbook.regulator.tariff_limits import Limit, TariffLimits, finding_of
from wattbook.regulator.thresholds import ENDLESS, allowance_tick
from wattbook.regulator.trailing import Trails, mean_up
from wattbook.units import MS_PER_DAY, PPM

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from wattbook.regulator.findings import Finding
    from wattbook.regulator.known import Known
    from wattbook.regulator.retail_books import Sold


@dataclass(frozen=True)
class RetailMarkUpTerms:
    """What a utility may ask beyond what its energy costs it. All defaults are assumptions of calibration.

    Attributes
    ----------
    window_ms : int
        What the mean cost is taken over.
    data_ms : int
        Without so much of it nobody is judged.
    share_ppm : int
        Mark-up that is allowed, as a share of the cost;
    least_tick, most_tick : int
        but no less, and no more than this: service, metering and risk do not go with the price of energy.
    guarantee_tick : int
        What a MWh of the renewable quota is taken to cost besides.
    """

    window_ms: int = 7 * MS_PER_DAY
    data_ms: int = MS_PER_DAY
    share_ppm: int = PPM
    least_tick: int = 15_000
    most_tick: int = 30_000
    guarantee_tick: int = 6_000

    @classmethod
    def never(cls) -> Self:
        """Give thresholds that nobody reaches."""
        return cls(least_tick=ENDLESS)


class _Costs:
    """Limits of each utility by its own cost of the trailing window."""

    def __init__(self, known: Known, terms: RetailMarkUpTerms) -> None:
        self.known, self.terms = known, terms
        self.costs = Trails(max(1, terms.window_ms // known.period_ms))
        """What each supplied [Wh], and what that had cost."""

    def take_in(self, sold: list[Sold]) -> None:
        """Take in what all utilities sold in one period."""
        for each in sold:
            self.costs[each.agent].push(each.period, each.energy_wh, each.cost)

    def limit(self, agent: int) -> Limit | None:
        """Give an agent's limit; None where too little is known."""
        terms, costs = self.terms, self.costs[agent]
        if costs.reach * self.known.period_ms < terms.data_ms or not costs.weight:
            return None
        cost_tick = mean_up(costs.amount, costs.weight)
        mark_up_tick = allowance_tick(cost_tick, terms.least_tick, terms.share_ppm, terms.most_tick)
        quota_tick = self.known.quota_ppm.get(agent, 0) * terms.guarantee_tick // PPM
        return Limit(cost_tick + mark_up_tick + quota_tick, cost_tick)

    def export(self) -> dict[str, Any]:
        """Give the whole state, as JSON can hold it."""
        return self.costs.export()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `export` gave."""
        self.costs.restore(state)


class RetailMarkUp:
    """Finds utilities that ask more than their cost and the mark-up that is allowed.

    Parameters
    ----------
    known : Known
    terms : RetailMarkUpTerms
    books : SharedBooks, optional
        Those of the place, where other rules read them too.
    """

    streams: tuple[str, ...] = RetailBooks.streams
    watches: Final = False

    def __init__(self, known: Known, terms: RetailMarkUpTerms, books: SharedBooks | None = None) -> None:
        self.limits = TariffLimits(known, _Costs(known, terms), books or SharedBooks(known))

    def read(self, stream: str, rows: Mapping[str, NDArray[Any]]) -> None:
        """Take in rows (n,) of a stream."""
        self.limits.books.read(stream, rows)

    def review(self, now_ms: int) -> list[Finding]:
        """Say who asked too much in the periods that were settled since the last review."""
        judged = self.limits.judged()
        return [finding_of(Rule.RETAIL_MARK_UP, agent, found, now_ms) for agent, found in judged.items()]

    def export(self) -> dict[str, Any]:
        """Give the whole state, as JSON can hold it."""
        return self.limits.export()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `export` gave."""
        self.limits.restore(state)
