"""The measures of market power on the record: per period and producer, and of each review together.

Owns what is measured and when; the formulas are `wattbook.regulator.metrics`'. Every row of the record is looked at
once, and a review costs what its own periods cost: nothing is computed again from the start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from wattbook.regulator.ahead import AheadReader
from wattbook.regulator.metrics import (
    concentration,
    is_pivotal,
    is_scarce_without,
    lerner_ppm,
    mark_up_ppm,
    output_gap_ppm,
    residual_supply_ppm,
    three_pivotal_ppm,
)
from wattbook.regulator.references import LEAST_PERIODS, WINDOW_MS, Method, References
from wattbook.units import PPM, half_even

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wattbook.regulator.ahead import Day, Power
    from wattbook.regulator.known import Known

COMPETITIVE_PPM: Final = 1_100_000
"""Residual supply from which on a producer's asks count as competitive: the threshold that Sheffrin (2002) names."""


class Measured(NamedTuple):
    """One producer in one period.

    Attributes
    ----------
    agent : int
    rsi_ppm, three_pivotal_ppm : int
    pivotal, jointly_pivotal : bool
        Whether demand could not be met without it, or without it and the two largest of the others.
    lerner_ppm, mark_up_ppm : int
        Of the spot price, over its cost by public indices; both 0 for a producer that sold nothing.
    economic_wh, sold_wh, output_gap_ppm : int
        What would have paid, what it sold, and how much of the former that is short.
    reference_tick : tuple of int
        By `Method`, as they were before the period's review.
    """

    agent: int
    rsi_ppm: int
    pivotal: bool
    three_pivotal_ppm: int
    jointly_pivotal: bool
    lerner_ppm: int
    mark_up_ppm: int
    economic_wh: int
    sold_wh: int
    output_gap_ppm: int
    reference_tick: tuple[int, ...]


class PeriodMeasured(NamedTuple):
    """One period of the auction.

    Attributes
    ----------
    hhi_sales, hhi_capacity : int
        Of what producers sold at spot, and of what they could give; the outside is none of them.
    """

    period: int
    price_tick: int
    supply_wh: int
    demand_wh: int
    hhi_sales: int
    hhi_capacity: int
    producers: tuple[Measured, ...]


class Report(NamedTuple):
    """What one review measured.

    Attributes
    ----------
    periods : tuple of PeriodMeasured
    sold_wh, able_wh : dict of int to int
        By producer, over all periods.
    """

    periods: tuple[PeriodMeasured, ...]
    sold_wh: dict[int, int]
    able_wh: dict[int, int]

    @property
    def hhi_sales(self) -> int:
        """Concentration of all sales of the review."""
        return concentration(self.sold_wh.values())

    @property
    def hhi_capacity(self) -> int:
        """Concentration of all that could have been given."""
        return concentration(self.able_wh.values())

    @property
    def jointly_pivotal_ppm(self) -> int:
        """Share of the periods in which three producers together could not be done without [ppm]."""
        failed = sum(any(each.jointly_pivotal for each in period.producers) for period in self.periods)
        return half_even(failed * PPM, len(self.periods)) if self.periods else 0


class Monitor(AheadReader):
    """Measures of one street's auction.

    Parameters
    ----------
    known : Known
    window_ms, least_periods : int
        Of the reference levels.
    """

    def __init__(self, known: Known, window_ms: int = WINDOW_MS, least_periods: int = LEAST_PERIODS) -> None:
        super().__init__(known)
        self.references = References(known, window_ms, least_periods)

    def review(self, now_ms: int) -> Report:
        """Measure all periods that have been settled since the last review."""
        day = self.ahead.take()
        self.references.forget(now_ms)
        if not self.known.auction:
            return Report((), {}, {})
        powers = {period: self.ahead.power(day, period) for period in day.periods.tolist() if period in day.spot}
        measured = tuple(self._period(day, period, power) for period, power in powers.items())
        self.references.add(day, competitive(powers))
        producers = self.known.producers.tolist()
        return Report(
            measured,
            {agent: sum(day.sold_wh(period, agent) for period in powers) for agent in producers},
            {agent: sum(day.available_wh.get((period, agent), 0) for period in powers) for agent in producers},
        )

    def _period(self, day: Day, period: int, power: Power) -> PeriodMeasured:
        producers = self.known.producers.tolist()
        return PeriodMeasured(
            period,
            day.spot[period][1],
            power.supply_wh,
            power.demand_wh,
            concentration(day.sold_wh(period, agent) for agent in producers),
            concentration(day.available_wh.get((period, agent), 0) for agent in producers),
            tuple(self._producer(day, period, power, agent) for agent in producers),
        )

    def _producer(self, day: Day, period: int, power: Power, agent: int) -> Measured:
        references = tuple(self.references.tick(method, agent, period) for method in Method)
        price_tick, cost_tick = day.spot[period][1], references[Method.COST]
        own_wh, others_wh = power.uncommitted_wh[agent], _others(power, agent)
        sold_wh = day.sold_wh(period, agent)
        economic_wh = own_wh if price_tick > cost_tick else 0
        three_wh = own_wh + sum(sorted(others_wh)[-2:])
        return Measured(
            agent,
            residual_supply_ppm(power.supply_wh, own_wh, power.demand_wh),
            is_pivotal(power.supply_wh, own_wh, power.demand_wh),
            three_pivotal_ppm(power.supply_wh, own_wh, others_wh, power.demand_wh),
            is_pivotal(power.supply_wh, three_wh, power.demand_wh),
            lerner_ppm(price_tick, cost_tick) if sold_wh else 0,
            mark_up_ppm(price_tick, cost_tick) if sold_wh else 0,
            economic_wh,
            sold_wh,
            output_gap_ppm(economic_wh, sold_wh),
            references,
        )

    # --- saving

    def export(self) -> dict[str, Any]:
        """Give the whole state, as JSON can hold it."""
        return {"ahead": self.ahead.export(), "references": self.references.export()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `export` gave."""
        self.ahead.restore(state["ahead"])
        self.references.restore(state["references"])


def competitive(powers: Mapping[int, Power]) -> list[tuple[int, int]]:
    """Give periods and producers without which demand could have been met with ease."""
    return [
        (period, agent)
        for period, power in powers.items()
        for agent, own_wh in power.uncommitted_wh.items()
        if not is_scarce_without(power.supply_wh, own_wh, power.demand_wh, COMPETITIVE_PPM)
    ]


def _others(power: Power, agent: int) -> list[int]:
    return [energy_wh for other, energy_wh in power.uncommitted_wh.items() if other != agent]
