"""How much power sellers have at wholesale: mark-ups over cost, and how few they are, from the record alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from wattbook.regulator.metrics import concentration
from wattbook.results.energy import share

if TYPE_CHECKING:
    from wattbook.results.record import Ints
    from wattbook.results.wholesale_header import WholesalePlace


def market_power(market: WholesalePlace, price_tick: Ints, spot_wh: Ints, contracted_wh: Ints) -> dict[str, Any]:
    """Compute two indices of the producers.

    ``lerner`` is the mean of (P - c)/P over what they sold day ahead, by energy, where P is above 0 and c what their
    plant's energy really costs; ``hhi`` (0 to 10,000) the concentration of what they sold day ahead and by contract.
    None where nothing was sold.

    Parameters
    ----------
    price_tick : (p,) int64
        Day-ahead prices.
    spot_wh, contracted_wh : (g, p) int64
        Bought - sold day ahead, and by contract, by balance group.
    """
    rows = market.group_of[market.producers]
    sold = np.maximum(-spot_wh[rows], 0)[:, price_tick > 0]
    price = price_tick[price_tick > 0]
    margin = (sold * (price - market.marginal_tick[:, None]) / price).sum()
    every = np.maximum(-(spot_wh + contracted_wh)[rows].sum(axis=1), 0)
    return {
        "lerner": share(margin, sold.sum()),
        "hhi": concentration(every.tolist()) if every.any() else None,
    }
