"""Capacity to be added to power plants: ordered, built, commissioned, paid.

Owns what was ordered, when it may be used, and what is due for it. Knows nothing of who pays, nor of output. Everything
is a row of whole numbers, and what is due is a difference of running totals: nothing can be booked twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

import numpy as np

from wattbook.assets.config import whole_problems
from wattbook.assets.plants import CAPACITY_BOUND_W
from wattbook.errors import ConfigError, refuse
from wattbook.units import MONEY_BOUND, MS_PER_DAY, PPM, QUANTA_PER_EUR, half_even

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    IntArray = npt.NDArray[np.int64]

PAYMENTS: Final = ("annuity", "lump-sum")
UPGRADE_COLUMNS: Final = (
    "plant", "extra_w", "ordered_ms", "commissioned_ms", "once", "yearly", "years", "booked",
)  # fmt: skip
"""One order: row of the plant, capacity [W], instants [ms of UTC], what is due at once and per year of `years` from
commissioning [1e-8 EUR], and what of it was booked [1e-8 EUR]."""
MS_PER_YEAR: Final = 36_525 * MS_PER_DAY // 100
"""The mean year of 365.25 days, by which instalments are due."""
LONGEST_YEARS: Final = 100
DEAREST_PER_KW: Final = 100_000 * QUANTA_PER_EUR
W_PER_KW: Final = 1_000
_PLANT, _EXTRA, _ORDERED, _COMMISSIONED, _ONCE, _YEARLY, _YEARS, _BOOKED = range(len(UPGRADE_COLUMNS))


class Build(IntEnum):
    """Answer to an order of capacity: OK, or the reason why nothing was ordered."""

    OK = 0
    UNKNOWN_PLANT = 1
    NOT_POSITIVE = 2
    TOO_LARGE = 3
    """The plant would pass what its terms or the bound of all plants allow, or its price the bound of all money."""
    STILL_BUILDING = 4
    """One at a time."""


def annuity(principal: int, interest_ppm: int, years: int) -> int:
    """Yearly instalment that pays off `principal` with interest over `years` [1e-8 EUR], rounded half-even.

    >>> from wattbook.units import eur, percent
    >>> annuity(eur(1_000_000), percent(5), 20)
    8024258719069
    """
    if interest_ppm == 0:
        return half_even(principal, years)
    grown, base = (PPM + interest_ppm) ** years, PPM**years
    return half_even(principal * interest_ppm * grown, PPM * (grown - base))


@dataclass(frozen=True, slots=True)
class UpgradeTerms:
    """How capacity can be added to a plant.

    Parameters
    ----------
    cost_per_kw : int
        Cost of a kW [1e-8 EUR], as ``eur(800)``.
    lead_ms : int
        Time from the order to commissioning [ms], as ``hours(24 * 365)``.
    payment : str
        "annuity": equal instalments over `years` from commissioning on, due as time passes. "lump-sum": all of it at
        the order.
    interest_ppm : int
        Yearly interest of the annuity [ppm], as ``percent(7)``.
    years : int
        Years of the annuity.
    most_w : int
        Most capacity that may be added to the plant in all [W].

    Raises
    ------
    ConfigError
        With all the problems found.

    Notes
    -----
    Interest (7 %) and lead (two years) are assumptions of calibration.
    """

    cost_per_kw: int
    lead_ms: int = 730 * MS_PER_DAY
    payment: str = "annuity"
    interest_ppm: int = 70_000
    years: int = 20
    most_w: int = CAPACITY_BOUND_W

    def __post_init__(self) -> None:
        longest_ms = LONGEST_YEARS * MS_PER_YEAR
        problems = [
            *whole_problems("cost_per_kw", self.cost_per_kw, 0, DEAREST_PER_KW, "money", "give eur(800)"),
            *whole_problems("lead_ms", self.lead_ms, 0, longest_ms, "duration", "give hours(24 * 365)"),
            *whole_problems("interest_ppm", self.interest_ppm, 0, PPM, "share", "give percent(7)"),
            *whole_problems("years", self.years, 1, LONGEST_YEARS, "number", "give 20"),
            *whole_problems("most_w", self.most_w, 0, CAPACITY_BOUND_W, "power", "give mw(500)"),
        ]
        if self.payment not in PAYMENTS:
            problems.append(f"payment={self.payment!r} is not one of {', '.join(PAYMENTS)}")
        if problems:
            refuse(ConfigError(f"upgrade: {problem}" for problem in problems))

    def cost(self, extra_w: int) -> int:
        """Cost of `extra_w` [1e-8 EUR], rounded half-even to the quantum."""
        return half_even(int(self.cost_per_kw) * int(extra_w), W_PER_KW)

    def price(self, extra_w: int) -> tuple[int, int]:
        """Give what `extra_w` costs at once, and in each year of the annuity [1e-8 EUR]."""
        if self.payment == "lump-sum":
            return self.cost(extra_w), 0
        return 0, annuity(self.cost(extra_w), int(self.interest_ppm), int(self.years))


class Upgrades:
    """All orders of capacity for some plants.

    Parameters
    ----------
    capacity_w : (p,)
        Capacities before any upgrade [W].
    terms : sequence of UpgradeTerms or None, p of them
        Of each plant; None for one that cannot grow.
    """

    def __init__(self, capacity_w: IntArray, terms: Sequence[UpgradeTerms | None]) -> None:
        if len(terms) != len(capacity_w):
            raise ConfigError(f"upgrade: {len(terms)} terms for {len(capacity_w)} plants: give one each, or None")
        self.base_w = capacity_w
        self.terms = tuple(terms)
        self._rows: list[list[int]] = []

    def invest(self, plant: int, extra_w: int, now_ms: int) -> Build:
        """Order `extra_w` [W] for a plant at `now_ms` [ms of UTC]; a refusal changes nothing."""
        code = self._judged(plant, extra_w, now_ms)
        terms = self.terms[plant] if code == Build.OK else None
        if terms is None:
            return code
        once, yearly = terms.price(extra_w)
        ready_ms = now_ms + int(terms.lead_ms)
        self._rows.append([plant, int(extra_w), now_ms, ready_ms, once, yearly, int(terms.years), 0])
        return code

    def _judged(self, plant: int, extra_w: int, now_ms: int) -> Build:
        terms = self.terms[plant] if 0 <= plant < len(self.terms) else None
        if terms is None:
            return Build.UNKNOWN_PLANT
        if extra_w <= 0:
            return Build.NOT_POSITIVE
        mine = [row for row in self._rows if row[_PLANT] == plant]
        if any(row[_COMMISSIONED] > now_ms for row in mine):
            return Build.STILL_BUILDING
        added_w = sum(row[_EXTRA] for row in mine) + extra_w
        if added_w > terms.most_w or int(self.base_w[plant]) + added_w > CAPACITY_BOUND_W:
            return Build.TOO_LARGE
        once, yearly = terms.price(extra_w)
        return Build.OK if once + yearly * terms.years < MONEY_BOUND else Build.TOO_LARGE

    def commissioned_w(self, at_ms: int) -> IntArray:
        """Capacity (p,) [W] that has been added by the instant `at_ms` [ms of UTC], that instant included."""
        added = np.zeros(len(self.base_w), np.int64)
        for row in self._rows:
            if row[_COMMISSIONED] <= at_ms:
                added[row[_PLANT]] += row[_EXTRA]
        return added

    def building_w(self, at_ms: int) -> IntArray:
        """Capacity (p,) [W] that is ordered and not commissioned at `at_ms` [ms of UTC]."""
        building = np.zeros(len(self.base_w), np.int64)
        for row in self._rows:
            if row[_COMMISSIONED] > at_ms:
                building[row[_PLANT]] += row[_EXTRA]
        return building

    def book(self, now_ms: int) -> IntArray:
        """Book what has fallen due by `now_ms` and was not booked before: amounts (p,) [1e-8 EUR].

        An instalment falls due as its year passes. The amounts of any calls add up to the same totals, each rounded
        half-even once.
        """
        due = np.zeros(len(self.base_w), np.int64)
        for row in self._rows:
            total = _due(row, now_ms)
            due[row[_PLANT]] += total - row[_BOOKED]
            row[_BOOKED] = total
        return due

    def export(self) -> IntArray:
        """Give all orders (u, 8), `UPGRADE_COLUMNS`, the earliest first."""
        return np.array(self._rows, np.int64).reshape(-1, len(UPGRADE_COLUMNS))

    def restore(self, rows: IntArray) -> None:
        """Go on from what `export` gave.

        Raises
        ------
        ConfigError
            If these are not orders for these plants.
        """
        fits = isinstance(rows, np.ndarray) and rows.dtype == np.int64 and rows.shape[1:] == (len(UPGRADE_COLUMNS),)
        if not fits or ((rows[:, _PLANT] < 0) | (rows[:, _PLANT] >= len(self.base_w))).any():
            raise ConfigError("upgrade: these are not orders for these plants: restore what this object exported")
        self._rows = [[int(value) for value in row] for row in rows]
        self.check()

    def check(self) -> None:
        """Assert what must always hold."""
        last_ms: dict[int, int] = {}
        for row in self._rows:
            assert row[_EXTRA] > 0, "S5: an upgrade of nothing"
            assert row[_COMMISSIONED] >= row[_ORDERED] >= last_ms.get(row[_PLANT], row[_ORDERED]), "one at a time"
            assert 0 <= row[_BOOKED] <= row[_ONCE] + row[_YEARLY] * row[_YEARS], "booked more than was due"
            last_ms[row[_PLANT]] = row[_COMMISSIONED]


def _due(row: list[int], now_ms: int) -> int:
    """Total that has fallen due for one order by `now_ms` [1e-8 EUR]; what was booked stays booked."""
    elapsed_ms = min(max(now_ms - row[_COMMISSIONED], 0), row[_YEARS] * MS_PER_YEAR)
    return max(row[_ONCE] + half_even(row[_YEARLY] * elapsed_ms, MS_PER_YEAR), row[_BOOKED])
