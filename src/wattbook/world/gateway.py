"""What utilities and producers are shown of the gateway to the homes, and when.

Owns no state and no decision: it looks at the market as it stands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from wattbook.market.kernel import gate_code
from wattbook.policies.wholesale import Gate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wattbook.market.gateway import Gateway

    Ints = NDArray[np.int64]


def open_periods(gateway: Gateway, now_ms: int) -> tuple[int, int]:
    """Give the first period that can be traded at `now_ms`, and the one after the last: open, and cleared day ahead."""
    wholesale = gateway.wholesale
    rules, street = wholesale.market.rules, wholesale.street
    first = max(0, -(-(now_ms + rules.closes_before_ms + 1 - street.start_ms) // street.period_ms))
    end = first
    while end < wholesale.cleared and gate_code(rules, end, now_ms) == 0:
        end += 1
    return first, end


def gate_of(gateway: Gateway, agent: int, first: int, end: int) -> Gate:
    """Show the gateway to an agent, for the periods `first` to before `end`; all arrays are its own."""
    wholesale = gateway.wholesale
    market, street, span = wholesale.market, wholesale.street, slice(first, end)
    rules, top = market.rules, market.town.top[gateway.book, span]
    sellable = [gateway.sellable_wh(agent, period) for period in range(first, end)]
    assert street.market is not None
    return Gate(
        is_utility=bool(rules.is_utility[agent]),
        spot_tick=wholesale.spot_tick[span].copy(),
        short_tick=wholesale.short_tick[span].copy(),
        long_tick=wholesale.long_tick[span].copy(),
        spot_wh=wholesale.spot_wh[wholesale.place[agent], span].copy(),
        position_wh=market.town.net_wh[1, agent, span].copy(),
        sellable_wh=np.array(sellable, np.int64),
        bid_tick=top[:, 0].copy(),
        bid_wh=top[:, 1].copy(),
        ask_tick=top[:, 2].copy(),
        ask_wh=top[:, 3].copy(),
        retail_tick=street.retail_tick[agent, span].copy(),
        feed_in_tick=street.feed_in_tick[agent, span].copy(),
        floor_tick=rules.floor_tick,
        cap_tick=rules.cap_tick,
        step_tick=street.market.step_tick,
        most_wh=rules.max_quantity_wh,
    )
