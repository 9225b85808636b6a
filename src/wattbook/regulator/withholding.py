"""Withholding in the day-ahead market: a producer that is needed keeps back what would have paid.

What would have paid of a plant in one period is what it could give, what it sold ahead taken off, where the price lay
above its reference by a margin. Its output gap is the part of that which it did not sell: not asked for at all
(physical), or asked at a price at which nobody could take it (economic). A period counts where the gap is too large,
demand could not be met without the producer, and the price would have been lower with the energy at reference.

Owns the test; its figures are those of `wattbook.regulator.ahead_offences`. What a plant could not have reached by
its ramp is not kept back; a plant that follows the weather sold what was foreseen, and has a wider tolerance.

References
----------
Physical and economic withholding as capacity that is kept from the market: ACER's guidance on REMIT; the output gap as
its measure: Joskow & Kahn (2002), The Energy Journal 23(4):1-35, and the reports of market monitors since. Thresholds
are assumptions of calibration (docs/regulator-structure.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from wattbook.messages import SELL
from wattbook.oversight import Item, Rule
from wattbook.regulator.ahead import AheadReader
from wattbook.regulator.ahead_offences import Case, Found, Impact, finding_of
from wattbook.regulator.metrics import is_scarce_without, output_gap_ppm
from wattbook.regulator.reclearing import Order, clear_again
from wattbook.regulator.references import taken_wh
from wattbook.regulator.thresholds import ENDLESS, allowance_tick
from wattbook.units import MS_PER_HOUR, PPM

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wattbook.regulator.ahead import Day
    from wattbook.regulator.findings import Finding, Line
    from wattbook.regulator.known import Known

BY_WEATHER: Final = ("hydro", "wind", "solar")
"""Kinds of plants that sell what is foreseen of wind, sun and river."""


@dataclass(frozen=True)
class WithholdingTerms:
    """Thresholds of gap, structure and impact; all are needed.

    Attributes
    ----------
    gap_ppm : int
        A gap is too large above this share of what would have paid.
    weather_ppm : int
        The same for plants that follow the weather.
    rsi_ppm : int
        A producer is looked at whose residual supply index lies below this: at 1 those that are pivotal.
    margin_tick : int
        By how much a price lies above a reference before selling would have paid.
    ask_tick, ask_share_ppm, ask_most_tick : int
        What is asked no further above the reference than the larger of `ask_tick` and, at most `ask_most_tick`, so much
        of it, is not kept back, whether it was sold or not: a reference is an estimate.
    impact_tick : int
        The price would have been lower by more than this.
    periods : int
        Fewer such periods in one review are not found.
    """

    gap_ppm: int = PPM // 10
    weather_ppm: int = 300_000
    rsi_ppm: int = PPM
    margin_tick: int = 1_000
    ask_tick: int = 2_500
    ask_share_ppm: int = 3_000_000
    ask_most_tick: int = 10_000
    impact_tick: int = 0
    periods: int = 4

    @classmethod
    def never(cls) -> Self:
        """Give thresholds that nobody reaches."""
        return cls(gap_ppm=PPM, weather_ppm=PPM, rsi_ppm=0, impact_tick=ENDLESS)


class _Gap(NamedTuple):
    """What would have paid of a producer's plant in one period, and what of it was asked at a fair price."""

    case: Case
    economic_wh: int
    fair_wh: int


class Withholding(AheadReader):
    """The detector.

    Parameters
    ----------
    known : Known
    terms : WithholdingTerms
    """

    watches = False

    def __init__(self, known: Known, terms: WithholdingTerms) -> None:
        super().__init__(known)
        self.terms = terms
        self.place = {agent: row for row, agent in enumerate(known.producers.tolist())}
        self.reached_wh: dict[int, int] = dict.fromkeys(self.place, 0)
        """What each plant gave in the last period, or could have worked itself up to by then."""

    def review(self, now_ms: int) -> list[Finding]:  # noqa: ARG002 - the one form
        """Look at all periods that have been settled since the last review."""
        day = self.ahead.take()
        found: dict[int, list[Found]] = {}
        for gap in self._gaps(day):
            each = self._weigh(gap)
            if each is not None:
                found.setdefault(gap.case.agent, []).append(each)
        return [
            finding_of(Rule.WITHHOLDING, agent, found[agent])
            for agent in sorted(found)
            if len(found[agent]) >= self.terms.periods
        ]

    # --- structure and gap

    def _gaps(self, day: Day) -> Iterator[_Gap]:
        """Give producers and periods with a gap that is too large, by what was settled, and nobody to fill it."""
        for period in day.periods.tolist():
            if not self.known.auction or period not in day.spot:
                continue
            economic_wh = {agent: self._economic_wh(day, period, agent) for agent in self.place}
            short = [agent for agent, most_wh in economic_wh.items() if self._gapes(day, period, agent, most_wh)]
            power = self.ahead.power(day, period) if short else None
            for agent in short:
                assert power is not None
                own_wh, fair_wh = power.uncommitted_wh[agent], self._fair_wh(day, period, agent)
                needed = is_scarce_without(power.supply_wh, own_wh, power.demand_wh, self.terms.rsi_ppm)
                if needed and self._is_large(agent, economic_wh[agent], fair_wh):
                    case = Case.of(day, power, period, agent, self._reference(agent, period))
                    yield _Gap(case, economic_wh[agent], fair_wh)

    def _economic_wh(self, day: Day, period: int, agent: int) -> int:
        """Give what a plant could have given, and sold at a profit, beyond what it sold ahead."""
        able_wh = day.available_wh.get((period, agent), 0)
        reach_wh = min(able_wh, self._reach_wh(agent))
        pays = day.spot[period][1] > self._reference(agent, period) + self.terms.margin_tick
        self.reached_wh[agent] = reach_wh if pays else day.output_wh.get((period, agent), 0)
        ahead_wh = max(0, -day.contracted_wh.get((period, agent), 0))
        return max(0, reach_wh - ahead_wh) if pays else 0

    def _reach_wh(self, agent: int) -> int:
        """Give the most that a plant can get to from the period before."""
        if not len(self.known.ramp_w):
            return ENDLESS
        row = self.place[agent]
        least_wh, ramp_wh = (
            int(column[row]) * self.known.period_ms // MS_PER_HOUR
            for column in (self.known.min_output_w, self.known.ramp_w)
        )
        return max(self.reached_wh[agent] + ramp_wh, least_wh)

    def _fair_wh(self, day: Day, period: int, agent: int) -> int:
        """Give what was asked no further above the reference than an estimate may be off."""
        terms, reference = self.terms, self._reference(agent, period)
        most_tick = reference + allowance_tick(reference, terms.ask_tick, terms.ask_share_ppm, terms.ask_most_tick)
        orders, _ = day.orders_of(period)
        return sum(
            order.quantity_wh
            for order in orders
            if order.agent == agent and order.side == SELL and order.price_tick <= most_tick
        )

    def _reference(self, agent: int, period: int) -> int:
        return int(self.known.reference_tick[self.place[agent], period])

    def _gapes(self, day: Day, period: int, agent: int, economic_wh: int) -> bool:
        return self._is_large(agent, economic_wh, day.sold_wh(period, agent))

    def _is_large(self, agent: int, economic_wh: int, sold_wh: int) -> bool:
        follows = self.known.plant_kinds[self.place[agent]] in BY_WEATHER
        limit_ppm = max(self.terms.gap_ppm, self.terms.weather_ppm) if follows else self.terms.gap_ppm
        return (economic_wh - sold_wh) * PPM > limit_ppm * economic_wh

    # --- impact

    def _weigh(self, gap: _Gap) -> Found | None:
        """Clear again with what was kept back at reference; None where the price hardly moved."""
        case = gap.case
        before = clear_again(self.known, case.period, case.orders, case.cap_tick)
        sold_wh = before.sold_wh.get(case.agent, 0)
        if not self._is_large(case.agent, gap.economic_wh, max(sold_wh, gap.fair_wh)):
            return None
        after = clear_again(self.known, case.period, self._honest(gap, sold_wh), case.cap_tick)
        impact = Impact(case, before, after)
        return impact.found(_evidence(gap, impact)) if impact.rise_tick > self.terms.impact_tick else None

    def _honest(self, gap: _Gap, sold_wh: int) -> list[Order]:
        """Give the orders with all that was kept back at reference: asks not wholly taken, and what was not asked."""
        case = gap.case
        taken = taken_wh(case.orders, case.agent, sold_wh)
        price_tick = min(max(case.reference_tick, self.known.floor_tick), case.cap_tick)
        orders, offered_wh = list(case.orders), 0
        for i, order in enumerate(case.orders):
            if order.agent == case.agent and order.side == SELL:
                offered_wh += order.quantity_wh
                if taken.get(i, 0) < order.quantity_wh:
                    orders[i] = order._replace(price_tick=min(order.price_tick, price_tick))
        if offered_wh < gap.economic_wh:
            orders.append(Order(case.agent, SELL, price_tick, gap.economic_wh - offered_wh))
        return orders

    # --- saving

    def export(self) -> dict[str, Any]:
        """Give the whole state, as JSON can hold it."""
        return {"ahead": self.ahead.export(), "reached_wh": list(self.reached_wh.items())}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `export` gave."""
        self.ahead.restore(state["ahead"])
        self.reached_wh = dict(state["reached_wh"])


def _evidence(gap: _Gap, impact: Impact) -> list[Line]:
    asks, met_wh = gap.case.asks(), max(impact.sold_wh, gap.fair_wh)
    measured = (
        *impact.structure(),
        *impact.prices(),
        (Item.ECONOMIC_WH, gap.economic_wh),
        (Item.OFFERED_WH, sum(order.quantity_wh for order, _ in asks)),
        *impact.sales(),
        (Item.WITHHELD_WH, gap.economic_wh - met_wh),
        (Item.OUTPUT_GAP_PPM, output_gap_ppm(gap.economic_wh, met_wh)),
        *impact.bought(),
    )
    return impact.lines(measured, (seq for _, seq in asks))
