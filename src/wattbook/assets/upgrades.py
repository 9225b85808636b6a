"""Capacity to be added to power plants: ordered, built, commissioned, paid.

Owns what was ordered, when it may be used, and what is due for it. Knows nothing of who pays, nor of output. Everything
is a row of whole numbers, and what is due is a difference of running totals: nothing can be booked twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

import numpy as np

from wattbook.assets.config import (
    CAPACITY_BOUND_W,
    TIME_BOUND_MS,
    instant_ms,
    plain,
    type_problems,
    whole_column,
    whole_problems,
)
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
MOST_PRINCIPAL: Final = DEAREST_PER_KW * (CAPACITY_BOUND_W // W_PER_KW)
"""The largest plant at the dearest kW [1e-8 EUR]."""
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

    Raises
    ------
    ConfigError
        If one of the three is no whole number, negative, or the years are not 1 to `LONGEST_YEARS`.

    Examples
    --------
    >>> from wattbook.units import eur, percent
    >>> annuity(eur(1_000_000), percent(5), 20)
    8024258719069
    """
    problems = [
        *whole_problems("principal", plain(principal), 0, MOST_PRINCIPAL, "money", "give eur(1_000_000)"),
        *whole_problems("interest_ppm", plain(interest_ppm), 0, PPM, "share", "give percent(7)"),
        *whole_problems("years", plain(years), 1, LONGEST_YEARS, "number", "give 20"),
    ]
    if problems:
        raise ConfigError(f"annuity: {problem}" for problem in problems)
    principal, interest_ppm, years = int(principal), int(interest_ppm), int(years)
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

    Raises
    ------
    ConfigError
        If the capacities are not whole numbers of W, or there are not as many terms.
    """

    def __init__(self, capacity_w: IntArray, terms: Sequence[UpgradeTerms | None]) -> None:
        problems: list[str] = []
        remedy = "give the plants' capacities"
        base_w = whole_column("capacity_w", capacity_w, None, 0, CAPACITY_BOUND_W, remedy, problems)
        if not problems and len(terms) != len(base_w):
            problems.append(f"{len(terms)} terms for {len(base_w)} plants: give one each, or None")
        if problems:
            raise ConfigError(f"upgrade: {problem}" for problem in problems)
        self.base_w = base_w
        self.terms = tuple(terms)
        self._rows: list[list[int]] = []

    def invest(self, plant: int, extra_w: int, now_ms: int) -> Build:
        """Order `extra_w` [W] for a plant at `now_ms` [ms of UTC]; a refusal changes nothing.

        Raises
        ------
        ConfigError
            If one of the three is not a whole number, or the time is out of bounds.
        """
        given = plain(plant), plain(extra_w), plain(now_ms)
        problems = [
            *type_problems("plant", given[0], "number", "give the plant's row"),
            *type_problems("extra_w", given[1], "power", "give mw(5)"),
            *whole_problems("now_ms", given[2], -TIME_BOUND_MS, TIME_BOUND_MS, "duration", "give whole ms of UTC"),
        ]
        if problems:
            raise ConfigError(f"upgrade: {problem}" for problem in problems)
        plant, extra_w, now_ms = int(plant), int(extra_w), int(now_ms)
        code = self._judged(plant, extra_w, now_ms)
        terms = self.terms[plant] if code == Build.OK else None
        if terms is None:
            return code
        once, yearly = terms.price(extra_w)
        ready_ms = now_ms + int(terms.lead_ms)
        self._rows.append([plant, extra_w, now_ms, ready_ms, once, yearly, int(terms.years), 0])
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
        at_ms = instant_ms("at_ms", at_ms)
        added = np.zeros(len(self.base_w), np.int64)
        for row in self._rows:
            if row[_COMMISSIONED] <= at_ms:
                added[row[_PLANT]] += row[_EXTRA]
        return added

    def building_w(self, at_ms: int) -> IntArray:
        """Capacity (p,) [W] that is ordered and not commissioned at `at_ms` [ms of UTC]."""
        at_ms = instant_ms("at_ms", at_ms)
        building = np.zeros(len(self.base_w), np.int64)
        for row in self._rows:
            if row[_COMMISSIONED] > at_ms:
                building[row[_PLANT]] += row[_EXTRA]
        return building

    def book(self, now_ms: int) -> IntArray:
        """Book what has fallen due by `now_ms` and was not booked before: amounts (p,) [1e-8 EUR].

        Nothing falls due before its order, and an instalment as its year passes. The amounts of any calls add up to
        the same totals, each rounded half-even once.
        """
        now_ms = instant_ms("now_ms", now_ms)
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
        orders: list[list[int]] = rows.tolist() if fits else []
        problems = self._broken(orders) if fits else [f"a table of int64 with {len(UPGRADE_COLUMNS)} columns is needed"]
        if problems:
            raise ConfigError(
                f"upgrade: these are not orders for these plants: {problem}: restore what this object exported"
                for problem in problems
            )
        self._rows = orders

    def check(self) -> None:
        """Assert what must always hold."""
        problems = self._broken(self._rows)
        assert not problems, f"S5: {'; '.join(problems)}"

    def _broken(self, orders: list[list[int]]) -> list[str]:
        """Tell which orders break what must always hold."""
        problems = []
        last_ms: dict[int, int] = {}
        total_w = dict(enumerate(self.base_w.tolist()))
        for number, (plant, extra_w, ordered, commissioned, once, yearly, years, booked) in enumerate(orders):
            total_w[plant] = total_w.get(plant, 0) + extra_w
            laws = (
                ("is of no plant of these", 0 <= plant < len(self.base_w)),
                ("is of nothing", extra_w > 0),
                ("makes its plant larger than any may be", extra_w <= 0 or total_w[plant] <= CAPACITY_BOUND_W),
                ("is commissioned before it is ordered", ordered <= commissioned),
                ("is ordered while its plant is still being built", ordered >= last_ms.get(plant, ordered)),
                ("is of a time out of bounds", ordered >= -TIME_BOUND_MS and commissioned <= 2 * TIME_BOUND_MS),
                (f"is paid in {years} years", 1 <= years <= LONGEST_YEARS),
                ("has a negative price", once >= 0 <= yearly),
                ("costs more than any money", once + yearly * years < MONEY_BOUND),
                ("has more booked than its price", 0 <= booked <= once + yearly * max(years, 0)),
            )
            problems += [f"row {number} {law}" for law, holds in laws if not holds]
            last_ms[plant] = commissioned
        return problems


def _due(row: list[int], now_ms: int) -> int:
    """Total that has fallen due for one order by `now_ms` [1e-8 EUR]; what was booked stays booked."""
    if now_ms < row[_ORDERED]:
        return row[_BOOKED]
    elapsed_ms = min(max(now_ms - row[_COMMISSIONED], 0), row[_YEARS] * MS_PER_YEAR)
    return max(row[_ONCE] + half_even(row[_YEARLY] * elapsed_ms, MS_PER_YEAR), row[_BOOKED])
