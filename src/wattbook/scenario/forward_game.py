"""The forward game as a person describes it: demand, costs, sellers, rounds. Puts sellers and market together.

Owns the description's checks. Knows neither how sellers search nor how the game is played.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final

from pydantic import PlainValidator

from wattbook.market.linear_demand import CHOKE_BOUND_TICK, MWH_WH
from wattbook.scenario.faults import FieldError, report, shown
from wattbook.scenario.fields import Typed, bounded, flag, measured, quantity, whole
from wattbook.scenario.parts import MONEY_BOUND, Agent, Part, Utility
from wattbook.scenario.wholesale import Producer
from wattbook.units import MS_PER_HOUR, Quantity, eur_per_mwh, watt

SELLERS_BOUND: Final = 100
W_PER_KW: Final = 1_000
ROUNDS_BOUND: Final = 3
"""A search through three rounds takes many minutes already."""


def _slope(value: object) -> int:
    """Take a slope whose bids are whole Wh."""
    slope = quantity(value, "price")
    bounded(slope, "price", 1, MWH_WH)
    if MWH_WH % slope:
        raise FieldError(
            "makes bids of a fraction of a Wh: write eur_per_mwh(1), or 0.5, 0.8, 1.25, 2, 2.5, 4, 5 or 10"
        )
    return slope


def _costs(value: object) -> int | tuple[int, ...]:
    """Take one cost, or one of each seller; on a command line with commas between them."""
    if isinstance(value, Typed) and "," in value:
        value = [Typed(each) for each in value.split(",")]
    costs = [quantity(each, "price") for each in (value if isinstance(value, list | tuple) else [value])]
    for cost in costs:
        bounded(cost, "price", 0, CHOKE_BOUND_TICK)
    return tuple(costs) if isinstance(value, list | tuple) else costs[0]


class ForwardGame(Part):
    """Sellers of quantities that know demand P = choke - slope x Q and their costs, with or without a forward market.

    Attributes
    ----------
    choke : price
        Price at which nobody buys any more, up to 500 EUR/MWh.
    slope : price
        By how much a MWh more lowers the price; a rung of demand, one tick of price, is a whole number of Wh.
    cost : price or list of price
        Cost of a MWh, of all sellers or of each; all know all of them. Below `choke`.
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

    Examples
    --------
    >>> from wattbook.units import eur_per_mwh, minutes
    >>> game = ForwardGame(choke=eur_per_mwh(20), cost=eur_per_mwh(5), rounds=0)
    >>> [agent.name for agent in game.agents(minutes(60))]
    ['demand', 'arbitrageur-1', 'arbitrageur-2', 'seller-1', 'seller-2']
    """

    path: ClassVar[str] = "game"
    choke: Annotated[int, measured("price", 1, CHOKE_BOUND_TICK)] = eur_per_mwh(100)
    slope: Annotated[int, PlainValidator(_slope)] = eur_per_mwh(1)
    cost: Annotated[int | tuple[int, ...], PlainValidator(_costs)] = eur_per_mwh(10)
    sellers: Annotated[int, whole(1, SELLERS_BOUND)] = 2
    rounds: Annotated[int, whole(0, ROUNDS_BOUND)] = 1
    observable: Annotated[bool, flag()] = True
    arbitrageurs: Annotated[int, whole(1, SELLERS_BOUND)] = 2

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        if self.is_whole and (problems := self._problems()):
            report(problems)

    @property
    def cost_tick(self) -> tuple[int, ...]:
        """Cost of each seller [ticks]."""
        return self.cost if isinstance(self.cost, tuple) else (self.cost,) * self.sellers

    def most_w(self, period_ms: int) -> int:
        """Power that could serve all of demand in one period [W], a whole kW at least."""
        # A slope divides a MWh into whole Wh.
        return max(W_PER_KW, -(-self.choke * (MWH_WH // self.slope) * MS_PER_HOUR // period_ms))

    def agents(self, period_ms: int) -> tuple[Agent, ...]:
        """Everybody of the game, as a scenario would list them; no plant is too small for its seller's best answer."""
        width = len(str(max(self.sellers, self.arbitrageurs)))
        free: dict[str, Any] = {"retail": eur_per_mwh(0), "feed_in": eur_per_mwh(0), "credit_limit": MONEY_BOUND}
        return (
            Utility(name="demand", **free),
            *(Utility(name=f"arbitrageur-{i:0{width}}", **free) for i in range(1, self.arbitrageurs + 1)),
            *(
                Producer(
                    name=f"seller-{i:0{width}}", plant="gas", capacity=watt(self.most_w(period_ms)),
                    cost=Quantity(cost, "price"), outages=False, credit_limit=MONEY_BOUND,
                )
                for i, cost in enumerate(self.cost_tick, start=1)
            ),
        )  # fmt: skip

    def _problems(self) -> list[str]:
        found = [
            f"game.cost={shown(cost)} is not below choke={shown(self.choke)}: nobody would produce; write less"
            for cost in dict.fromkeys(self.cost_tick)
            if cost >= self.choke
        ]
        if len(self.cost_tick) != self.sellers:
            found.append(
                f"game.cost has {len(self.cost_tick)} entries for {self.sellers} sellers: write one, or one each"
            )
        return found
