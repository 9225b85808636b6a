"""Utilities and producers that ask a language model once a day, and act on its plan until the next one.

A day is the periods of the next day-ahead session. What is seen of it is laid out by whoever runs the market.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from wattbook.policies.hedging import need_quantile_wh
from wattbook.policies.language.planned import planned_producer, planned_utility
from wattbook.policies.language.producer import ProducerView
from wattbook.policies.language.utility import Quote, UtilityView
from wattbook.policies.producers import yearly_earnings
from wattbook.units import MS_PER_DAY, PPM, half_even

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wattbook.assets.plants import PlantKind
    from wattbook.policies.language.asking import Asker, Pending
    from wattbook.policies.wholesale import Building, Own, Public, Shop, WholesaleMind

    Ints = NDArray[np.int64]


class Day(NamedTuple):
    """What an agent knows of the day to come and of the six after it.

    Attributes
    ----------
    own : Own
    public : Public
    periods : int
        Of the day itself, the first ones of `own`.
    past_tick : (m,)
        Spot prices of the last days.
    shop : Shop or None
        Of a utility whose customers can leave.
    retail_tick : int
        A utility's mean retail price of the day; 0 for a producer.
    building : Building or None
        Of a producer that may grow.
    capacity_w : int
        Of a producer's plants.
    quotes : tuple of Quote
        Offers that a utility could sign now.
    quota_ppm, quota_met_ppm : int
    fines : int
        So far [1e-8 EUR].
    """

    own: Own
    public: Public
    periods: int
    past_tick: Ints
    shop: Shop | None = None
    retail_tick: int = 0
    building: Building | None = None
    capacity_w: int = 0
    quotes: tuple[Quote, ...] = ()
    quota_ppm: int = 0
    quota_met_ppm: int = 0
    fines: int = 0

    @property
    def ends_ms(self) -> int:
        """End of the day itself [ms UTC]."""
        return self.own.start_ms + self.periods * self.own.period_ms


class UtilityVoice:
    """Asks for a utility.

    Parameters
    ----------
    asker : Asker
    twin : WholesaleMind
        Its rules.
    """

    def __init__(self, asker: Asker, twin: WholesaleMind) -> None:
        self.asker, self.twin = asker, twin
        self._thoughts: list[tuple[Pending, UtilityView]] = []

    def ask(self, day: Day) -> None:
        """Begin to think about a day."""
        view = utility_view(day)
        self._thoughts.append((self.asker.ask(view, day.own.now_ms), view))

    def take(self, day: Day) -> WholesaleMind:
        """Give the mind to act with, now that the thinking time is over."""
        pending, asked = self._thoughts.pop(0)
        # Whom the handles stand for was settled when it was asked.
        plan = self.asker.take(pending, utility_view(day)._replace(quotes=asked.quotes))
        return self.twin if plan is None else planned_utility(self.twin, plan, day.ends_ms)


class ProducerVoice:
    """Asks for a producer.

    Parameters
    ----------
    asker : Asker
    twin : WholesaleMind
        Its rules.
    kind : PlantKind
    fuel_tick, carbon_cent_per_t : int
        What it pays for fuel [per thermal MWh] and for a tonne of CO2 [0.01 EUR].
    """

    def __init__(
        self, asker: Asker, twin: WholesaleMind, kind: PlantKind, fuel_tick: int, carbon_cent_per_t: int
    ) -> None:
        self.asker, self.twin = asker, twin
        self.kind, self.fuel_tick, self.carbon_cent_per_t = kind, fuel_tick, carbon_cent_per_t
        self._thoughts: list[Pending] = []

    def ask(self, day: Day) -> None:
        """Begin to think about a day."""
        self._thoughts.append(self.asker.ask(self._view(day), day.own.now_ms))

    def take(self, day: Day) -> WholesaleMind:
        """Give the mind to act with, now that the thinking time is over."""
        plan = self.asker.take(self._thoughts.pop(0), self._view(day))
        return self.twin if plan is None else planned_producer(self.twin, plan)

    def _view(self, day: Day) -> ProducerView:
        own, building, today = day.own, day.building, slice(0, day.periods)
        expected = day.public.expected_tick[today]
        yearly = 0
        if building is not None and len(building.earned_tick):
            yearly = yearly_earnings(own.marginal_tick, building.earned_tick, building.available_ppm)
        return ProducerView(
            kind=self.kind,
            capacity_w=day.capacity_w,
            marginal_tick=own.marginal_tick,
            fuel_tick=self.fuel_tick,
            carbon_cent_per_t=self.carbon_cent_per_t,
            owed_wh=int(np.maximum(-own.contracted_wh[today], 0).sum()),
            available_wh=int(own.available_wh[today].sum()),
            expected_tick=_mean(expected),
            expected_low_tick=int(expected.min()) if len(expected) else 0,
            expected_high_tick=int(expected.max()) if len(expected) else 0,
            past_tick=_mean(day.past_tick),
            building=building is not None and building.building,
            most_w=0 if building is None else building.most_w,
            cost_per_kw=0 if building is None else building.cost_per_kw,
            yearly_per_kw=yearly,
        )


def utility_view(day: Day) -> UtilityView:
    """Lay out what a utility sees."""
    own, shop, today = day.own, day.shop, slice(0, day.periods)
    low, middle, high = (
        int(need_quantile_wh(own.need_wh[today], own.sd_wh[today], share).sum())
        for share in (PPM // 10, PPM // 2, 9 * PPM // 10)
    )
    expected = _mean(day.public.expected_tick[today])
    return UtilityView(
        quota_ppm=day.quota_ppm,
        quota_met_ppm=day.quota_met_ppm,
        demand_p10_wh=low,
        demand_p50_wh=middle,
        demand_p90_wh=high,
        quotes=day.quotes,
        covered_day_ppm=_covered_ppm(own.contracted_wh[today], own.need_wh[today]),
        covered_week_ppm=_covered_ppm(own.contracted_wh, own.need_wh),
        rivals_tick=() if shop is None else shop.rivals_tick,
        retail_tick=day.retail_tick if shop is None else shop.base_tick + shop.shift_tick,
        cost_tick=expected if shop is None else shop.cost_tick,
        expected_tick=expected,
        shift_tick=0 if shop is None else shop.shift_tick,
        low_tick=0 if shop is None else shop.low_tick,
        high_tick=0 if shop is None else shop.high_tick,
        customers=0 if shop is None else shop.customers,
        customers_before=0 if shop is None else shop.customers_before,
        fines=day.fines,
    )


def week_end(first: int, periods: int, period_ms: int, most: int) -> int:
    """Give the period before which a day and the six after it end, at most `most`."""
    return min(first + periods + 6 * MS_PER_DAY // period_ms, most)


def _mean(ticks: Ints) -> int:
    return half_even(int(ticks.sum()), len(ticks)) if len(ticks) else 0


def _covered_ppm(contracted_wh: Ints, need_wh: Ints) -> int:
    need = int(need_wh.sum())
    return half_even(max(0, int(contracted_wh.sum())) * PPM, need) if need > 0 else 0


Voice = UtilityVoice | ProducerVoice
