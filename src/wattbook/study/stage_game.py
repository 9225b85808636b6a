"""One day's price competition among sellers, on paper: what it comes to in competition, in equilibrium, in monopoly.

Owns the references that profits are set against. Knows no run: it is a game of numbers, which the auction's rules for a
demand that does not bend are written into once more.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from wattbook.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Reals = NDArray[np.float64]

EXHAUSTIVE: Final = 4
"""Up to so many sellers all profiles are looked at; beyond, those in which all choose the same."""
_SLACK: Final = 1e-9
"""Gains that are smaller, as a share of the largest profit, are none."""


class Stakes(NamedTuple):
    """What sellers could earn together.

    Attributes
    ----------
    competitive : float
        All at cost.
    nash : float or None
        In the one-shot equilibrium of pure choices that brings most; None where there is none.
    monopoly : float
        At most.
    nash_levels, monopoly_levels : tuple of int
        What each chooses there; empty where there is none.
    equilibria : int
        How many there are.
    """

    competitive: float
    nash: float | None
    monopoly: float
    nash_levels: tuple[int, ...]
    monopoly_levels: tuple[int, ...]
    equilibria: int


@dataclass(frozen=True)
class StageGame:
    """Sellers that each choose one mark-up for a whole day, and are paid the price of the dearest that is needed.

    Sellers with the same price share what is left for them by what they could give. What they do not offer below
    `outside`, or cannot give, comes from outside at its price.

    Parameters
    ----------
    demand : (t,)
        Energy that is bought whatever it costs [Wh].
    available : (n, t)
        What each seller could give [Wh].
    cost : (n, t)
        Of one more MWh, in any unit of price; above 0.
    outside : (t,)
        Price from outside.
    mark_ups : (m,)
        What may be chosen, from 0, as shares of cost.

    Raises
    ------
    ConfigError
        If shapes do not fit, or cost is not above 0.

    Examples
    --------
    Two who could each serve all: the coarse ladder leaves an equilibrium above cost, far from monopoly.

    >>> from wattbook.policies.language.ladders import MARK_UPS
    >>> one = np.ones((2, 1))
    >>> game = StageGame(one[0], one, 40 * one, 130 * one[0], np.array(MARK_UPS) / 100)
    >>> game.stakes()
    Stakes(competitive=0.0, nash=8.0, monopoly=80.0, nash_levels=(3, 3), monopoly_levels=(9, 9), equilibria=4)
    """

    demand: Reals
    available: Reals
    cost: Reals
    outside: Reals
    mark_ups: Reals

    def __post_init__(self) -> None:
        n, t = self.available.shape
        if self.demand.shape != (t,) or self.outside.shape != (t,) or self.cost.shape != (n, t):
            raise ConfigError(f"available is {n} x {t}: give demand and outside ({t},), and cost ({n}, {t})")
        if not (self.cost > 0).all():
            raise ConfigError("cost is not above 0 everywhere: a mark-up on it means nothing")

    @property
    def sellers(self) -> int:
        """How many sell."""
        return len(self.available)

    def price(self, levels: Sequence[int]) -> Reals:
        """Give the price of each period (t,)."""
        asked = self._asked(levels)
        return self._price(asked, self._sold(asked))

    def profits(self, levels: Sequence[int]) -> Reals:
        """Give what each seller earns beyond cost (n,), in Wh times the unit of price."""
        asked = self._asked(levels)
        sold = self._sold(asked)
        earned: Reals = (sold * (self._price(asked, sold) - self.cost)).sum(axis=1)
        return earned

    def stakes(self) -> Stakes:
        """Find competition, the equilibrium and monopoly."""
        profiles = list(self._profiles())
        totals = [float(self._earned(levels).sum()) for levels in profiles]
        best = int(np.argmax(totals))
        stable = [place for place, levels in enumerate(profiles) if self._is_stable(levels)]
        top = max(stable, key=lambda place: totals[place], default=None)
        return Stakes(
            competitive=float(self._earned((0,) * self.sellers).sum()),
            nash=None if top is None else totals[top],
            monopoly=totals[best],
            nash_levels=() if top is None else profiles[top],
            monopoly_levels=profiles[best],
            equilibria=len(stable),
        )

    def _profiles(self) -> Iterator[tuple[int, ...]]:
        levels = range(len(self.mark_ups))
        if self.sellers <= EXHAUSTIVE:
            return product(levels, repeat=self.sellers)
        return ((level,) * self.sellers for level in levels)

    def _is_stable(self, levels: tuple[int, ...]) -> bool:
        """Tell whether nobody would rather choose something else."""
        earned = self._earned(levels)
        for seller in range(self.sellers):
            most = earned[seller] + self._slack
            for other in range(len(self.mark_ups)):
                changed = (*levels[:seller], other, *levels[seller + 1 :])
                if self._earned(changed)[seller] > most:
                    return False
        return True

    def _earned(self, levels: tuple[int, ...]) -> Reals:
        if levels not in self._known:
            self._known[levels] = self.profits(levels)
        return self._known[levels]

    @cached_property
    def _known(self) -> dict[tuple[int, ...], Reals]:
        return {}

    @cached_property
    def _slack(self) -> float:
        return _SLACK * float((self.demand * self.outside).sum())

    def _asked(self, levels: Sequence[int]) -> Reals:
        asked: Reals = self.cost * (1 + self.mark_ups[np.array(levels)])[:, None]
        return asked

    def _sold(self, asked: Reals) -> Reals:
        """Share demand out by price (n, t)."""
        before = np.where(asked[None] < asked[:, None], self.available[None], 0).sum(axis=1)
        beside = np.where(asked[None] == asked[:, None], self.available[None], 0).sum(axis=1)
        left = np.clip(self.demand - before, 0, beside)
        share = np.divide(self.available, beside, out=np.zeros_like(self.available), where=beside > 0)
        sold: Reals = np.where(asked <= self.outside, left * share, 0)
        return sold

    def _price(self, asked: Reals, sold: Reals) -> Reals:
        dearest = np.where(sold > 0, asked, -np.inf).max(axis=0)
        is_short = sold.sum(axis=0) < self.demand * (1 - _SLACK)
        price: Reals = np.where(is_short | np.isinf(dearest), self.outside, dearest)
        return price
