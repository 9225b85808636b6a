"""How utilities and producers deal with homes through a gateway, where their minds do not say otherwise.

The day-ahead market of these periods has cleared, so everybody knows what energy is worth elsewhere: a Wh more or less
is settled at the prices of imbalance. A producer sells what its plant has to spare at no less than that costs it, and
buys back what homes give for less. A utility evens out what it has bought too little or too much at the
spot price, and beyond that takes or gives a part of its need where the price beats that of imbalance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from wattbook.messages import BUY, SELL
from wattbook.policies.wholesale import Orders
from wattbook.units import PPM, TICKS_PER_EUR_PER_MWH

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wattbook.policies.wholesale import Gate, Own

    Ints = NDArray[np.int64]
    Part = tuple[int, Ints, Ints]

MARGIN_TICK: Final = 2 * TICKS_PER_EUR_PER_MWH
"""What everybody wants to gain by a MWh, an assumption of calibration."""
BEYOND_PPM: Final = PPM // 10
"""Part of its need that a utility takes or gives beyond it, an assumption of calibration."""


def local_orders(own: Own, gate: Gate) -> Orders:
    """Give the orders that take the place of an agent's own at the gateway."""
    return _orders(own, gate, _utility_parts(own, gate) if gate.is_utility else _producer_parts(own, gate))


def _producer_parts(own: Own, gate: Gate) -> list[Part]:
    """Sell what is free, and buy back what costs less than to produce it.

    A plant that stands still does not start for a few kWh: they cost what the short pay. Wind, sun and rivers give what
    they can in any case: what is left over would earn what the long get, and there is nothing to save by buying.
    """
    sold_wh = -(own.contracted_wh + gate.spot_wh + gate.position_wh)
    able_wh = np.maximum(own.available_wh, 0)
    free_wh = np.minimum(able_wh - sold_wh, gate.sellable_wh)
    worth_tick = np.maximum(own.marginal_tick, gate.long_tick if own.follows_weather else gate.short_tick)
    parts = [(SELL, worth_tick + MARGIN_TICK, free_wh)]
    if not own.follows_weather:
        saved_tick = np.minimum(own.marginal_tick, gate.short_tick)
        parts.append((BUY, saved_tick - MARGIN_TICK, np.minimum(able_wh, sold_wh)))
    return parts


def _utility_parts(own: Own, gate: Gate) -> list[Part]:
    """Even out, and beyond that deal where imbalance is beaten."""
    held_wh = own.contracted_wh + gate.spot_wh + gate.position_wh
    missing_wh = own.need_wh - held_wh
    beyond_wh = np.abs(own.need_wh) * BEYOND_PPM // PPM
    left_wh = np.minimum(np.maximum(-missing_wh, 0), np.maximum(gate.sellable_wh, 0))
    further_wh = np.minimum(beyond_wh, gate.sellable_wh - left_wh)
    return [
        (BUY, gate.spot_tick - MARGIN_TICK, missing_wh),
        (BUY, np.minimum(gate.long_tick, gate.spot_tick) - MARGIN_TICK, beyond_wh),
        (SELL, gate.spot_tick + MARGIN_TICK, left_wh),
        (SELL, np.maximum(gate.short_tick, gate.spot_tick) + MARGIN_TICK, further_wh),
    ]  # fmt: skip


def _orders(own: Own, gate: Gate, parts: list[Part]) -> Orders:
    """Write an order for each part and period: on the step, in the band, of what one order may be."""
    step, rows = gate.step_tick, []
    low, high = -(-gate.floor_tick // step) * step, gate.cap_tick // step * step
    for side, price_tick, quantity_wh in parts:
        price = price_tick // step * step if side == BUY else -(-price_tick // step) * step
        price = np.minimum(price, high) if side == BUY else np.maximum(price, low)
        place = np.flatnonzero((quantity_wh > 0) & (price >= low) & (price <= high))
        size = np.minimum(quantity_wh[place], gate.most_wh)
        rows.append(np.stack([own.first + place, np.full_like(place, side), price[place], size]))
    return Orders(*np.concatenate(rows, axis=1).astype(np.int64))
