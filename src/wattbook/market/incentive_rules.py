"""What a regulator's green tools are: premiums, differences, grants, and a price of carbon.

Owns their terms, in whole numbers. What comes of them is `wattbook.market.incentives`' business; rules in prose:
docs/incentives.md.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

PREMIUM: Final = "premium"
SLIDING: Final = "sliding-premium"
DIFFERENCE: Final = "difference"


@dataclass(frozen=True)
class Support:
    """So much for each MWh that is fed in.

    Attributes
    ----------
    tool : str
        `PREMIUM`: the price itself. `SLIDING`: what the spot price lacks to it. `DIFFERENCE`: the same, and what the
        spot price is above it is paid to the treasury.
    agents : tuple of int
        Who gets it, ascending.
    price_tick : int
        The premium, or the strike price.
    budget : int
        Most that it may pay out [1e-8 EUR].
    until_ms : int
        Periods that begin before have it [ms UTC].
    """

    tool: str
    agents: tuple[int, ...]
    price_tick: int
    budget: int
    until_ms: int

    def paid_tick(self, spot_tick: int) -> int:
        """Give what a MWh gets at a spot price; below 0 it pays."""
        if self.tool == PREMIUM:
            return self.price_tick
        gap_tick = self.price_tick - spot_tick
        return gap_tick if self.tool == DIFFERENCE else max(0, gap_tick)


@dataclass(frozen=True)
class Grant:
    """A share of what capacity costs, paid when it stands, and taken back where it is of no use.

    Attributes
    ----------
    agents : tuple of int
        Owners of plants that get it, ascending.
    cost_per_kw : tuple of int
        What a kW costs each of them [1e-8 EUR]; 0 for a plant that cannot grow.
    share_ppm : int
        Share of that.
    keep : int
        Periods for which it is watched, that of its payment the first.
    least_output_ppm : int
        Share of what its plant could have given that it has to have given by then.
    budget, until_ms : int
        As of `Support`.
    """

    agents: tuple[int, ...]
    cost_per_kw: tuple[int, ...]
    share_ppm: int
    keep: int
    least_output_ppm: int
    budget: int
    until_ms: int
    tool: str = "grant"


@dataclass(frozen=True)
class Carbon:
    """A price of emissions.

    Attributes
    ----------
    agents : tuple of int
        Owners of plants that emit, ascending.
    carbon_tick : tuple of int
        What each pays for an electric MWh.
    until_ms : int
        As of `Support`.
    """

    agents: tuple[int, ...]
    carbon_tick: tuple[int, ...]
    until_ms: int
    tool: str = "carbon"


@dataclass(frozen=True)
class IncentiveRules:
    """The green tools of a regulator, and the most that all of them may pay out [1e-8 EUR]."""

    tools: tuple[Support | Grant | Carbon, ...]
    budget: int

    def header(self) -> dict[str, Any]:
        """Plain JSON values; agents by their rows."""
        tools = [
            {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(each).items()}
            for each in self.tools
        ]
        return {"budget": self.budget, "tools": tools}
