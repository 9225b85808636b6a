"""How a utility prices what it sells to those whom it stands for: by what energy has cost it, or by what they bear.

Owns the rule and the sizes of its personas (assumptions of calibration). A shift is what the tariff differs by from the
one that the scenario says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wattbook.units import PPM

if TYPE_CHECKING:
    from wattbook.policies.wholesale import Shop


@dataclass(frozen=True)
class Pricing:
    """A rule of retail prices.

    Attributes
    ----------
    follows_ppm : int
        Share of the difference between what energy has cost and what was planned that the tariff moves by.
    step_tick : int
        Most that it moves in a day.
    feels_ppm : int
        A utility that tries what customers bear raises its prices by a step each day on which it has not lost more than
        this share of them, and else lowers them by two; 0 for one that does not.
    """

    follows_ppm: int = 0
    step_tick: int = 200
    feels_ppm: int = 0

    def shift_tick(self, shop: Shop) -> int:
        """By how much the next day's retail prices differ from the scenario's [ticks]."""
        if self.feels_ppm:
            lost = (shop.customers_before - shop.customers) * PPM > self.feels_ppm * shop.customers_before
            wanted = shop.shift_tick + (-2 * self.step_tick if lost else self.step_tick)
        else:
            target = (shop.cost_tick - shop.planned_tick) * self.follows_ppm // PPM
            wanted = shop.shift_tick + min(max(target - shop.shift_tick, -self.step_tick), self.step_tick)
        return min(max(wanted, shop.low_tick), shop.high_tick)
