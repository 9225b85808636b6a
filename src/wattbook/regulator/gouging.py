"""Abusive mark-up ('price gouging') in the day-ahead market: structure, conduct and impact together.

A producer is found where in one period (structure) what the others could give is below `rsi_ppm` of what is in demand,
(conduct) it asked far more than its reference, and (impact) the price was far above what it would have been with the
producer's asks at reference, all other orders as they were. Any two of the three are no offence.

Owns the three tests; its figures are those of `wattbook.regulator.ahead_offences`.

References
----------
Conduct and impact thresholds follow the automated mitigation of New York's and New England's system operators, scaled
to European prices; the numbers are assumptions of calibration (docs/regulator.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from wattbook.errors import ConfigError
from wattbook.messages import SELL
from wattbook.oversight import Item, Rule
from wattbook.regulator.ahead import AheadReader
from wattbook.regulator.ahead_offences import Case, Found, Impact, finding_of
from wattbook.regulator.metrics import is_scarce_without
from wattbook.regulator.monitor import competitive
from wattbook.regulator.reclearing import clear_again
from wattbook.regulator.references import Method, References
from wattbook.regulator.thresholds import ENDLESS, allowance_tick

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from wattbook.regulator.ahead import Day
    from wattbook.regulator.findings import Finding, Line
    from wattbook.regulator.known import Known

    Ints = NDArray[np.int64]


@dataclass(frozen=True)
class GougingTerms:
    """Thresholds of structure, conduct and impact; all three are needed.

    Attributes
    ----------
    rsi_ppm : int
        A producer is looked at whose residual supply index lies below this; exactly at it, it is not.
    conduct_tick, conduct_share_ppm, conduct_most_tick : int
        An ask is too high above the reference and the larger of `conduct_tick` and, at most `conduct_most_tick`, so
        much of the reference.
    impact_tick, impact_share_ppm, impact_most_tick : int
        The same of the price, above the counterfactual one.
    reference : int
        What an ask is held against: 0 cost by public indices, 1 the median of accepted offers, 2 the lowest quarter of
        prices; the last two fall back to cost where too little is known (`wattbook.regulator.references`).
    """

    rsi_ppm: int = 1_100_000
    conduct_tick: int = 2_500
    conduct_share_ppm: int = 3_000_000
    conduct_most_tick: int = 10_000
    impact_tick: int = 2_500
    impact_share_ppm: int = 2_000_000
    impact_most_tick: int = 10_000
    reference: int = 0

    def __post_init__(self) -> None:
        if self.reference not in list(Method):
            raise ConfigError(
                f"gouging: reference={self.reference} is no method: write 0 (cost), 1 (accepted offers) or 2 (prices)"
            )

    @classmethod
    def never(cls) -> Self:
        """Give thresholds that nobody reaches."""
        return cls(rsi_ppm=0, conduct_tick=ENDLESS, impact_tick=ENDLESS)

    def conduct_limit_tick(self, reference_tick: Ints) -> Ints:
        """Highest ask beside a reference that is no conduct, element by element."""
        least, share, most = self.conduct_tick, self.conduct_share_ppm, self.conduct_most_tick
        # Thresholds may be endless, so Python's whole numbers count, not the machine's.
        allowed = [allowance_tick(each, least, share, most) for each in reference_tick.ravel().tolist()]
        return reference_tick + np.array(allowed, np.int64).reshape(reference_tick.shape)

    def impact_limit_tick(self, counterfactual_tick: int) -> int:
        """Highest rise of a price that is no impact."""
        return allowance_tick(counterfactual_tick, self.impact_tick, self.impact_share_ppm, self.impact_most_tick)


class Gouging(AheadReader):
    """The detector.

    Parameters
    ----------
    known : Known
    terms : GougingTerms
    """

    watches = False

    def __init__(self, known: Known, terms: GougingTerms) -> None:
        super().__init__(known)
        self.terms = terms
        self.references = References(known)
        self.method = Method(terms.reference)
        self.place = {agent: row for row, agent in enumerate(known.producers.tolist())}
        self.reference_tick = known.reference_tick.copy()
        """Of the periods that are being reviewed; of others it is what they cost."""
        self.limit_tick = terms.conduct_limit_tick(known.reference_tick)

    def review(self, now_ms: int) -> list[Finding]:
        """Look at all periods that have been settled since the last review."""
        day = self.ahead.take()
        self._refer(day, now_ms)
        found: dict[int, list[Found]] = {}
        for period, agent in self._suspects(day):
            power = self.ahead.power(day, period)
            own_wh = power.uncommitted_wh[agent]
            if not is_scarce_without(power.supply_wh, own_wh, power.demand_wh, self.terms.rsi_ppm):
                continue
            each = self._weigh(Case.of(day, power, period, agent, self._reference(agent, period)))
            if each is not None:
                found.setdefault(agent, []).append(each)
        return [self._finding(agent, found[agent]) for agent in sorted(found)]

    def _refer(self, day: Day, now_ms: int) -> None:
        """Set the references of a day by what came before it, then learn from it."""
        if self.method == Method.COST:
            return
        periods = [period for period in day.periods.tolist() if period in day.spot]
        self.references.forget(now_ms)
        for agent, row in self.place.items():
            for period in periods:
                self.reference_tick[row, period] = self.references.tick(self.method, agent, period)
        self.limit_tick[:, periods] = self.terms.conduct_limit_tick(self.reference_tick[:, periods])
        self.references.add(day, competitive({period: self.ahead.power(day, period) for period in periods}))

    def _reference(self, agent: int, period: int) -> int:
        return int(self.reference_tick[self.place[agent], period])

    def _suspects(self, day: Day) -> list[tuple[int, int]]:
        """Periods and producers with an ask beyond the conduct limit."""
        if not self.known.auction or not len(self.known.producers):
            return []
        orders = day.orders
        asks = np.flatnonzero((orders["side"] == SELL) & np.isin(orders["agent"], self.known.producers))
        agent, period = orders["agent"][asks], orders["period"][asks]
        row = np.searchsorted(self.known.producers, agent)
        high = orders["price_tick"][asks] > self.limit_tick[row, period]
        return sorted(set(zip(period[high].tolist(), agent[high].tolist(), strict=True)))

    def _weigh(self, case: Case) -> Found | None:
        """Clear again with the agent's asks at reference; None where the price hardly moved."""
        reference = case.reference_tick
        honest = [
            order._replace(price_tick=min(max(reference, self.known.floor_tick), case.cap_tick))
            if order.agent == case.agent and order.side == SELL and order.price_tick > reference
            else order
            for order in case.orders
        ]
        before, after = (
            clear_again(self.known, case.period, orders, case.cap_tick) for orders in (case.orders, honest)
        )
        impact, limit_tick = Impact(case, before, after), self.terms.impact_limit_tick(after.price_tick)
        return impact.found(self._evidence(impact, limit_tick)) if impact.rise_tick > limit_tick else None

    def _evidence(self, impact: Impact, limit_tick: int) -> list[Line]:
        case = impact.case
        asks, conduct_tick = case.asks(), int(self.limit_tick[self.place[case.agent], case.period])
        measured = (
            *impact.structure(),
            (Item.OFFER_TICK, max(order.price_tick for order, _ in asks)),
            (Item.CONDUCT_LIMIT_TICK, conduct_tick),
            *impact.prices(),
            (Item.IMPACT_LIMIT_TICK, limit_tick),
            *impact.sales(),
            *impact.bought(),
        )
        return impact.lines(measured, (seq for order, seq in asks if order.price_tick > conduct_tick))

    def _finding(self, agent: int, found: list[Found]) -> Finding:
        if self.method == Method.COST:
            default_tick = int(self.known.reference_tick[self.place[agent]].max())
        else:
            default_tick = max(self._reference(agent, each.offence.period) for each in found)
        return finding_of(Rule.GOUGING, agent, found, default_tick)

    # --- saving

    def export(self) -> dict[str, Any]:
        """Give the whole state, as JSON can hold it."""
        return {"ahead": self.ahead.export(), "references": self.references.export()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `export` gave."""
        self.ahead.restore(state["ahead"])
        self.references.restore(state["references"])
