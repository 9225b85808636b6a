"""Photovoltaic plants: what age leaves of their output, and what their maintenance costs.

Owns ageing and lifetime. Knows nothing of the weather (the nominal series comes in) nor of the price of energy.
"""

from __future__ import annotations

from calendar import isleap
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final

import numpy as np

from wattbook.assets.config import whole_problems
from wattbook.assets.kernel import scale_carried
from wattbook.errors import ConfigError, refuse
from wattbook.units import MS_PER_DAY, PPM, QUANTA_PER_EUR, half_even

if TYPE_CHECKING:
    import numpy.typing as npt

    IntArray = npt.NDArray[np.int64]

RATED_BOUND_W: Final = 1_000_000_000
LIFETIME_BOUND_YEARS: Final = 100
MS_PER_YEAR: Final = 36_525 * MS_PER_DAY // 100
"""The mean year of 365.25 days, by which maintenance is charged."""
W_PER_KW: Final = 1_000
LEAP_DAY: Final = (2, 29)
FIRST_YEAR: Final = 1950
LAST_YEAR: Final = 2200


@dataclass(frozen=True, slots=True)
class Pv:
    """A photovoltaic plant.

    Parameters
    ----------
    rated_w : int
        Power when new [W], as ``kw(8)``.
    commissioned : date, optional
        First day of its life, from midnight UTC. Without one it neither ages nor ends.
    lifetime_years : int
        Years after which it gives nothing.
    ageing_ppm_per_year : int
        Share of its output when new [ppm] that it loses at each anniversary.
    maintenance_per_kw_year : int
        Cost of its upkeep [1e-8 EUR per kW and year], as ``eur(15)``.

    Raises
    ------
    ConfigError
        With all the problems found.

    Notes
    -----
    Lifetime (25 years), ageing (0.5 % a year, linear) and maintenance (15 EUR per kW and year) are assumptions of
    calibration, not measurements: set them for a study that depends on them.
    """

    rated_w: int
    commissioned: date | None = None
    lifetime_years: int = 25
    ageing_ppm_per_year: int = 5_000
    maintenance_per_kw_year: int = 15 * QUANTA_PER_EUR

    def __post_init__(self) -> None:
        dearest = 10_000 * QUANTA_PER_EUR
        problems = [
            *whole_problems("rated_w", self.rated_w, 1, RATED_BOUND_W, "power", "give kw(8)"),
            *whole_problems("lifetime_years", self.lifetime_years, 1, LIFETIME_BOUND_YEARS, "number", "give 25"),
            *whole_problems("ageing_ppm_per_year", self.ageing_ppm_per_year, 0, PPM, "share", "give percent(0.5)"),
            *whole_problems(
                "maintenance_per_kw_year", self.maintenance_per_kw_year, 0, dearest, "money", "give eur(15)"
            ),
        ]
        if not (self.commissioned is None or type(self.commissioned) is date):
            problems.append(f"commissioned={self.commissioned!r} is not a date: give date(2016, 6, 1) or None")
        elif self.commissioned is not None and not FIRST_YEAR <= self.commissioned.year <= LAST_YEAR:
            problems.append(f"commissioned={self.commissioned} must lie between the years {FIRST_YEAR} and {LAST_YEAR}")
        if problems:
            refuse(ConfigError(f"pv: {problem}" for problem in problems))

    def anniversaries_ms(self) -> IntArray:
        """List the starts of all its years and the end of the last one (lifetime + 1,) [ms of UTC]."""
        assert self.commissioned is not None, "a plant without a date has no anniversaries"
        born = self.commissioned
        days = [_anniversary(born, years) for years in range(self.lifetime_years + 1)]
        return np.array([int(day.timestamp()) * 1_000 for day in days], dtype=np.int64)

    def share_ppm(self, period_start_ms: IntArray) -> IntArray:
        """Output as a share of that when new [ppm] (n,): 0 before its first day and after its last.

        It falls in one step at each anniversary: linear in whole years, as a share of the output when new.
        """
        if self.commissioned is None:
            return np.full(len(period_start_ms), PPM, dtype=np.int64)
        years = np.searchsorted(self.anniversaries_ms(), period_start_ms, side="right") - 1
        alive = (years >= 0) & (years < self.lifetime_years)
        return np.where(alive, np.maximum(0, PPM - self.ageing_ppm_per_year * years), 0).astype(np.int64)

    def aged_generation_wh(self, nominal_wh: IntArray, period_start_ms: IntArray) -> IntArray:
        """Output (n,) [Wh] where the same plant, new, would give `nominal_wh` (n,), remainders carried forward."""
        out_wh = np.empty(len(nominal_wh), dtype=np.int64)
        scale_carried(nominal_wh, self.share_ppm(period_start_ms), out_wh)
        return out_wh

    def maintenance(self, from_ms: int, to_ms: int) -> int:
        """Cost of its upkeep [1e-8 EUR] between two instants of its life.

        The difference of two rounded running totals: the costs of consecutive spans add up to that of the whole.
        """
        return self._maintenance_until(to_ms) - self._maintenance_until(from_ms)

    def _maintenance_until(self, at_ms: int) -> int:
        first_ms = 0
        if self.commissioned is not None:
            anniversaries = self.anniversaries_ms()
            first_ms = int(anniversaries[0])
            at_ms = min(max(at_ms, first_ms), int(anniversaries[-1]))
        cost = int(self.maintenance_per_kw_year) * int(self.rated_w) * (int(at_ms) - first_ms)
        return half_even(cost, W_PER_KW * MS_PER_YEAR)


def _anniversary(born: date, years: int) -> datetime:
    """Midnight (UTC) of the day `years` after `born`; a plant of 29 February has it on 1 March in a common year."""
    leap_day = (born.month, born.day) == LEAP_DAY and not isleap(born.year + years)
    month, day = (3, 1) if leap_day else (born.month, born.day)
    return datetime(born.year + years, month, day, tzinfo=UTC)
