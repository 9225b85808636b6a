"""Withholding in the day-ahead market: a producer that is needed keeps back what would have paid.

What would have paid of a plant in one period is what it could give, what it sold ahead taken off, where the price lay
above its reference by a margin. Its output gap is the part of that which it did not sell: not asked for at all
(physical), or asked at a price at which nobody could take it (economic). A period counts where the gap is too large,
demand could not be met without the producer, and the price would have been lower with the energy at reference.

Owns the test and its figures, which are those of `wattbook.regulator.gouging`. What a plant could not have reached by
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

import numpy as np

from wattbook.messages import SELL
from wattbook.oversight import SEEN_STREAMS, Item, Rule
from wattbook.regulator.ahead import STREAMS, Ahead
from wattbook.regulator.findings import Finding, Line, Offence
from wattbook.regulator.gouging import ENDLESS, allowance_tick
from wattbook.regulator.metrics import is_scarce_without, output_gap_ppm, residual_supply_ppm
from wattbook.regulator.reclearing import OUTSIDE, Cleared, Order, clear_again
from wattbook.regulator.references import taken_wh
from wattbook.units import MS_PER_HOUR, PPM

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from wattbook.regulator.ahead import Day, Power
    from wattbook.regulator.known import Known

BY_WEATHER: Final = ("hydro", "wind", "solar")
"""Kinds of plants that sell what is foreseen of wind, sun and river."""
_COMMANDS: Final = SEEN_STREAMS.index("commands")
_SPOT: Final = SEEN_STREAMS.index("spot")


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


class _Case(NamedTuple):
    """One producer in one period, looked at closely."""

    agent: int
    period: int
    orders: list[Order]
    seqs: list[int]
    power: Power
    price_tick: int
    spot_seq: int
    cap_tick: int
    economic_wh: int
    fair_wh: int
    reference_tick: int


class _Found(NamedTuple):
    offence: Offence
    lines: list[Line]
    paid: dict[int, int]


class Withholding:
    """The detector.

    Parameters
    ----------
    known : Known
    terms : WithholdingTerms
    """

    streams = STREAMS
    watches = False

    def __init__(self, known: Known, terms: WithholdingTerms) -> None:
        self.known, self.terms = known, terms
        self.ahead = Ahead(known)
        self.place = {agent: row for row, agent in enumerate(known.producers.tolist())}
        self.reached_wh: dict[int, int] = dict.fromkeys(self.place, 0)
        """What each plant gave in the last period, or could have worked itself up to by then."""

    def read(self, stream: str, rows: Mapping[str, NDArray[Any]]) -> None:
        """Take in rows of the day-ahead market."""
        self.ahead.read(stream, rows)

    def review(self, now_ms: int) -> list[Finding]:  # noqa: ARG002 - the one form
        """Look at all periods that have been settled since the last review."""
        day = self.ahead.take()
        found: dict[int, list[_Found]] = {}
        for case in self._cases(day):
            each = self._weigh(case)
            if each is not None:
                found.setdefault(case.agent, []).append(each)
        return [
            self._finding(agent, found[agent]) for agent in sorted(found) if len(found[agent]) >= self.terms.periods
        ]

    # --- structure and gap

    def _cases(self, day: Day) -> Iterator[_Case]:
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
                    seq, price_tick = day.spot[period]
                    yield _Case(
                        agent, period, *day.orders_of(period), power, price_tick, seq, day.cap_tick[period],
                        economic_wh[agent], fair_wh, self._reference(agent, period),
                    )  # fmt: skip

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
        most_tick = reference + int(
            allowance_tick(np.array([reference]), terms.ask_tick, terms.ask_share_ppm, terms.ask_most_tick)[0]
        )
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

    def _weigh(self, case: _Case) -> _Found | None:
        """Clear again with what was kept back at reference; None where the price hardly moved."""
        agent, reference = case.agent, case.reference_tick
        before = clear_again(self.known, case.period, case.orders, case.cap_tick)
        sold = before.sold_wh.get(agent, 0)
        if not self._is_large(agent, case.economic_wh, max(sold, case.fair_wh)):
            return None
        after = clear_again(self.known, case.period, self._honest(case, sold), case.cap_tick)
        rise_tick, would = case.price_tick - after.price_tick, after.sold_wh.get(agent, 0)
        if rise_tick <= self.terms.impact_tick:
            return None
        gain = (case.price_tick - reference) * sold - (after.price_tick - reference) * would
        paid = {who: rise_tick * energy for who, energy in before.bought_wh.items() if who != OUTSIDE}
        offence = Offence(case.period, case.period, gain, rise_tick * sold, sum(paid.values()))
        return _Found(offence, self._evidence(case, before, after), paid)

    def _honest(self, case: _Case, sold_wh: int) -> list[Order]:
        """Give the orders with all that was kept back at reference: asks not wholly taken, and what was not asked."""
        taken = taken_wh(case.orders, case.agent, sold_wh)
        price_tick = min(max(case.reference_tick, self.known.floor_tick), case.cap_tick)
        orders, offered_wh = list(case.orders), 0
        for i, order in enumerate(case.orders):
            if order.agent == case.agent and order.side == SELL:
                offered_wh += order.quantity_wh
                if taken.get(i, 0) < order.quantity_wh:
                    orders[i] = order._replace(price_tick=min(order.price_tick, price_tick))
        if offered_wh < case.economic_wh:
            orders.append(Order(case.agent, SELL, price_tick, case.economic_wh - offered_wh))
        return orders

    # --- what is said

    def _evidence(self, case: _Case, before: Cleared, after: Cleared) -> list[Line]:
        power, agent, p = case.power, case.agent, case.period
        own_wh, sold_wh = power.uncommitted_wh[agent], before.sold_wh.get(agent, 0)
        asks = [(order.quantity_wh, seq) for order, seq in zip(case.orders, case.seqs, strict=True)
                if order.agent == agent and order.side == SELL]  # fmt: skip
        values = (
            (Item.RSI_PPM, residual_supply_ppm(power.supply_wh, own_wh, power.demand_wh)),
            (Item.SUPPLY_WH, power.supply_wh),
            (Item.UNCOMMITTED_WH, own_wh),
            (Item.DEMAND_WH, power.demand_wh),
            (Item.REFERENCE_TICK, case.reference_tick),
            (Item.PRICE_TICK, case.price_tick),
            (Item.COUNTERFACTUAL_TICK, after.price_tick),
            (Item.ECONOMIC_WH, case.economic_wh),
            (Item.OFFERED_WH, sum(energy for energy, _ in asks)),
            (Item.SOLD_WH, sold_wh),
            (Item.COUNTERFACTUAL_SOLD_WH, after.sold_wh.get(agent, 0)),
            (Item.WITHHELD_WH, case.economic_wh - max(sold_wh, case.fair_wh)),
            (Item.OUTPUT_GAP_PPM, output_gap_ppm(case.economic_wh, max(sold_wh, case.fair_wh))),
            (Item.BOUGHT_WH, sum(energy for who, energy in before.bought_wh.items() if who != OUTSIDE)),
        )
        lines = [Line(item, value, p) for item, value in values]
        lines.append(Line(Item.EVENT, case.spot_seq, _SPOT))
        return lines + [Line(Item.EVENT, seq, _COMMANDS) for _, seq in asks]

    def _finding(self, agent: int, cases: list[_Found]) -> Finding:
        victims: dict[int, int] = {}
        for case in cases:
            for who, amount in case.paid.items():
                victims[who] = victims.get(who, 0) + amount
        return Finding(
            Rule.WITHHOLDING,
            agent,
            tuple(case.offence for case in cases),
            tuple(line for case in cases for line in case.lines),
            victims=tuple(sorted(victims.items())),
        )

    def note_mitigation(self, agent: int, price_tick: int, from_ms: int, until_ms: int) -> None:
        """Hear that the market takes an agent's asks at no more than a price for a while."""
        self.ahead.note_mitigation(agent, price_tick, from_ms, until_ms)

    def note_collar(self, price_tick: int, from_ms: int) -> None:
        """Hear that the auction's highest price is another one from now on."""
        self.ahead.note_collar(price_tick, from_ms)

    # --- saving

    def export(self) -> dict[str, Any]:
        """Give the whole state, as JSON can hold it."""
        return {"ahead": self.ahead.export(), "reached_wh": list(self.reached_wh.items())}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `export` gave."""
        self.ahead.restore(state["ahead"])
        self.reached_wh = dict(state["reached_wh"])
