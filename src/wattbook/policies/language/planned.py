"""Utilities and producers that act on a plan: the rules' mechanics with a language model's numbers.

What is signed, offered and bought still goes the way of the rule-based minds, and through the same admission.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wattbook.policies.producers import ProducerMind
from wattbook.policies.utilities import UtilityMind
from wattbook.units import MS_PER_DAY, PPM

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from wattbook.policies.language.producer import ProducerPlan
    from wattbook.policies.language.utility import UtilityPlan
    from wattbook.policies.wholesale import AtDesk, Building, Orders, Own, Public, Say, Shop

    Ints = NDArray[np.int64]

WEEK_AFTER: Final = 6
"""Days that the share of the week is about, after the day that is planned for."""


@dataclass(frozen=True, slots=True)
class PlannedUtility(UtilityMind):
    """A utility that acts on a plan.

    Parameters
    ----------
    supplier : int
        Row of the producer that it buys from first; -1 for whoever is cheapest.
    hedge_day_ppm, hedge_week_ppm : int
        Shares of the need until `day_ends_ms`, and of the six days after it, that contracts should cover.
    day_ends_ms : int
        [ms UTC]
    shift_tick : int
        By how much its retail prices differ from the scenario's.
    **values
        All that `wattbook.policies.utilities.UtilityMind` takes.
    """

    supplier: int = -1
    hedge_day_ppm: int = 0
    hedge_week_ppm: int = 0
    day_ends_ms: int = 0
    shift_tick: int = 0

    def at_desk(self, own: Own, public: Public, desk: AtDesk, draw: Callable[[int], int], /) -> Sequence[Say]:
        """Deal with its supplier alone, but for the last round."""
        if self.supplier >= 0 and desk.round + 1 < desk.rounds:
            partners = (own.agent, self.supplier)
            desk = desk._replace(offered=tuple(offer for offer in desk.offered if offer.maker in partners))
        return UtilityMind.at_desk(self, own, public, desk, draw)

    def price(self, own: Own, public: Public, shop: Shop, draw: Callable[[int], int], /) -> int:  # noqa: ARG002 - the one form
        """Shift the next day's retail prices as planned, within today's bounds."""
        return min(max(self.shift_tick, shop.low_tick), shop.high_tick)

    def target_wh(self, own: Own, desk: AtDesk) -> Ints:  # noqa: ARG002 - the one form
        """Give the energy that contracts should fix by now, per period, rounded down (n,)."""
        starts_ms = own.start_ms + np.arange(len(own.need_wh), dtype=np.int64) * own.period_ms
        in_week = starts_ms < self.day_ends_ms + WEEK_AFTER * MS_PER_DAY
        later = np.where(in_week, self.hedge_week_ppm, 0)
        target: Ints = own.need_wh * np.where(starts_ms < self.day_ends_ms, self.hedge_day_ppm, later) // PPM
        return target


@dataclass(frozen=True, slots=True)
class PlannedProducer(ProducerMind):
    """A producer that acts on a plan.

    Parameters
    ----------
    output_ppm : int
        Share of its available output that it offers; never less than it owes.
    build_w : int
        Capacity that it has built at the next occasion.
    **values
        All that `wattbook.policies.producers.ProducerMind` takes.
    """

    output_ppm: int = PPM
    build_w: int = 0

    def at_desk(self, own: Own, public: Public, desk: AtDesk, draw: Callable[[int], int], /) -> Sequence[Say]:
        """Sell ahead of what it means to offer."""
        return ProducerMind.at_desk(self, self._offering(own), public, desk, draw)

    def day_ahead(self, own: Own, public: Public, draw: Callable[[int], int], /) -> Orders:
        """Offer as much as it means to."""
        return ProducerMind.day_ahead(self, self._offering(own), public, draw)

    def invest(self, own: Own, building: Building, draw: Callable[[int], int], /) -> int:  # noqa: ARG002 - the one form
        """Have built what was planned, as far as that may be."""
        return 0 if building.building else min(self.build_w, max(building.most_w, 0))

    def _offering(self, own: Own) -> Own:
        owed_wh = np.maximum(-own.contracted_wh, 0)
        offered_wh = np.maximum(own.available_wh * self.output_ppm // PPM, np.minimum(own.available_wh, owed_wh))
        return own._replace(available_wh=offered_wh)


def planned_utility(twin: Any, plan: UtilityPlan, day_ends_ms: int) -> PlannedUtility:
    """Make a utility that acts on `plan`; what the plan leaves open is as its rules have it."""
    base = twin if isinstance(twin, UtilityMind) else UtilityMind()
    own = {field.name: getattr(base, field.name) for field in fields(UtilityMind)}
    return replace(
        PlannedUtility(**own), name="language-model", mark_up_ppm=plan.mark_up_ppm, green_tick=plan.green_tick,
        any_price=False, supplier=plan.supplier, hedge_day_ppm=plan.hedge_day_ppm, hedge_week_ppm=plan.hedge_week_ppm,
        day_ends_ms=day_ends_ms, shift_tick=plan.shift_tick,
    )  # fmt: skip


def planned_producer(twin: Any, plan: ProducerPlan) -> PlannedProducer:
    """Make a producer that acts on `plan`; what the plan leaves open is as its rules have it."""
    base = twin if isinstance(twin, ProducerMind) else ProducerMind()
    own = {field.name: getattr(base, field.name) for field in fields(ProducerMind)}
    return replace(
        PlannedProducer(**own), name="language-model", mark_up_ppm=plan.mark_up_ppm, premium_tick=0,
        forward_ppm=plan.forward_ppm, firm_ppm=plan.forward_ppm, output_ppm=plan.output_ppm, build_w=plan.build_w,
    )  # fmt: skip
