"""The forward game as a person describes it: demand, costs, sellers, rounds. Puts sellers and market together.

Owns the description's checks. Knows neither how sellers search nor how the game is played.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wattbook.assets.config import whole_problems
from wattbook.errors import ConfigError
from wattbook.market.forward_game import (
    CHOKE_BOUND_TICK,
    ROUNDS_BOUND,
    SELLERS_BOUND,
    LinearDemand,
    play_forward_game,
)
from wattbook.units import eur_per_mwh

if TYPE_CHECKING:
    from wattbook.market.forward_game import Played


@dataclass(frozen=True, slots=True)
class ForwardGame:
    """Sellers of quantities that know demand P = choke - slope x Q and their costs, with or without a forward market.

    Parameters
    ----------
    choke : int
        Price at which nobody buys any more.
    slope : int
        By how much a MWh more lowers the price.
    cost : int or tuple of int
        Cost of a MWh, of all sellers or of each; all know all of them.
    sellers : int
        How many sell.
    rounds : int
        Forward rounds at the desk; 0 for no desk.
    observable : bool
        Whether sellers see each other's forward positions.
    arbitrageurs : int
        How many buy forward, at the spot price that they expect.

    Raises
    ------
    ConfigError
        With every mistake found.

    References
    ----------
    Allaz & Vila (1993), Journal of Economic Theory 59:1-16.
    """

    choke: int = eur_per_mwh(100)
    slope: int = eur_per_mwh(1)
    cost: int | tuple[int, ...] = eur_per_mwh(10)
    sellers: int = 2
    rounds: int = 1
    observable: bool = True
    arbitrageurs: int = 2

    def __post_init__(self) -> None:
        if problems := self._problems():
            raise ConfigError(f"forward game: {problem}" for problem in problems)
        LinearDemand(self.choke, self.slope)  # which checks them together

    @property
    def cost_tick(self) -> tuple[int, ...]:
        """Cost of each seller [ticks]."""
        return self.cost if isinstance(self.cost, tuple) else (self.cost,) * self.sellers

    def play(self) -> Played:
        """Play the game."""
        from wattbook.policies.quantity import Arbitrageur, QuantitySearch, QuantitySeller

        demand = LinearDemand(self.choke, self.slope)
        # All know the same, so one search serves all.
        search = QuantitySearch(demand.price_of, self.cost_tick, demand.rung_wh, demand.most_wh)
        return play_forward_game(
            demand,
            self.cost_tick,
            [QuantitySeller(search, row) for row in range(self.sellers)],
            [Arbitrageur(search, observable=self.observable) for _ in range(self.arbitrageurs)],
            rounds=self.rounds,
            observable=self.observable,
        )

    def _problems(self) -> list[str]:
        found = whole_problems("choke", self.choke, 1, CHOKE_BOUND_TICK, "price", "give eur_per_mwh(100)")
        found += whole_problems("sellers", self.sellers, 1, SELLERS_BOUND, "number", "give 2")
        found += whole_problems("rounds", self.rounds, 0, ROUNDS_BOUND, "number", "give 0 (no desk), 1, 2 or 3")
        found += whole_problems("arbitrageurs", self.arbitrageurs, 1, SELLERS_BOUND, "number", "give 2")
        if not isinstance(self.observable, bool):
            found.append(f"observable={self.observable!r} is neither True nor False")
        return found or self._problems_of_costs()

    def _problems_of_costs(self) -> list[str]:
        if len(self.cost_tick) != self.sellers:
            return [f"cost has {len(self.cost_tick)} entries for {self.sellers} sellers: give one, or one each"]
        return [
            problem
            for cost in self.cost_tick
            for problem in whole_problems("cost", cost, 0, self.choke - 1, "price", "give less than choke")
        ]
