"""Demand whose price falls evenly with quantity, as orders that a spot market clears.

Owns the ladder of bids and its bounds. Knows nobody who sells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from wattbook.assets.config import whole_problems
from wattbook.errors import ConfigError
from wattbook.market.merit_order import Bids, Offers, Spot, clear_spot

if TYPE_CHECKING:
    import numpy.typing as npt

    IntArray = npt.NDArray[np.int64]

CHOKE_BOUND_TICK: Final = 50_000
"""Highest price that anybody pays: the list of prices that a seller asks for has as many entries, of as many bids."""
FLOOR_TICK: Final = 0
MWH_WH: Final = 1_000_000
_TOTALS_AT_ONCE: Final = 32
"""Totals in one clearing: so many ladders of 10,000 bids stay in a processor's cache."""


class LinearDemand:
    """Demand whose price falls evenly with quantity, as a ladder of bids: one at each whole tick below the choke price.

    Parameters
    ----------
    choke_tick : int
        Price at which nobody buys any more [ticks], 1 to `CHOKE_BOUND_TICK`.
    slope_tick : int
        By how much a MWh more lowers the price [ticks]; a MWh divides into so many rungs of whole Wh.

    Attributes
    ----------
    rung_wh : int
        Quantity of one bid [Wh].
    most_wh : int
        Of all bids [Wh].

    Raises
    ------
    ConfigError
        With all the problems found.

    Examples
    --------
    P = 100 - Q:

    >>> demand = LinearDemand(10_000, 100)
    >>> demand.price_of(np.array([40_000_000, 60_000_000])).tolist()
    [6000, 4000]
    """

    def __init__(self, choke_tick: int, slope_tick: int) -> None:
        problems = whole_problems("choke", choke_tick, 1, CHOKE_BOUND_TICK, "price", "give eur_per_mwh(100)")
        more = whole_problems("slope", slope_tick, 1, MWH_WH, "price", "give eur_per_mwh(1), for each MWh")
        if not more and MWH_WH % slope_tick:
            more = [
                f"slope={slope_tick} makes bids of a fraction of a Wh: take a divisor of 1000000, as 80, 100 or 200"
            ]
        if problems or more:
            raise ConfigError(f"forward game: {problem}" for problem in (*problems, *more))
        self.choke_tick = int(choke_tick)
        self.rung_wh = MWH_WH // int(slope_tick)
        self.most_wh = self.choke_tick * self.rung_wh
        ticks = np.arange(self.choke_tick - 1, -1, -1, dtype=np.int64)
        self.bids = Bids(ticks, np.full(self.choke_tick, self.rung_wh, np.int64))

    def clear(self, offered_wh: npt.ArrayLike) -> Spot:
        """Clear the spot market of offers (t, n) at the floor, t periods by themselves [Wh]."""
        quantity = np.atleast_2d(np.asarray(offered_wh, np.int64))
        periods, sellers = quantity.shape
        asks = Offers(np.arange(sellers), np.full(sellers, FLOOR_TICK, np.int64), quantity)
        none = np.zeros(periods, np.int64)
        return clear_spot(asks, none, bids=self.bids, floor_tick=FLOOR_TICK, cap_tick=self.choke_tick)

    def price_of(self, total_wh: IntArray) -> IntArray:
        """Give the spot price [ticks] of each total (m,) [Wh]: the market cleared with candidates as its periods."""
        parts = [
            self.clear(total_wh[first : first + _TOTALS_AT_ONCE, None]).price_tick
            for first in range(0, len(total_wh), _TOTALS_AT_ONCE)
        ]
        return np.concatenate([np.zeros(0, np.int64), *parts])
