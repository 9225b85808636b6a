"""The rules of call markets and of sharing in whole numbers, as the market takes them.

Owns the mid-market price and the weights of static keys. Knows nothing of how energy is traded or shared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from wattbook.market.setup import AuctionRules, SharingRules
from wattbook.market.sharing import LARGEST_KEY, STATIC
from wattbook.scenario.calendar import by_hour
from wattbook.scenario.mechanisms import SHARING
from wattbook.scenario.parts import Consumer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from wattbook.scenario.parts import LocalMarket
    from wattbook.scenario.roll import Roll

    Ints = NDArray[np.int64]


def auction_rules(local: LocalMarket, mid_tick: Ints) -> AuctionRules | None:
    """Lay out a call market; None for any other. `mid_tick` (p,) is the mid-market price."""
    if local.mechanism != "call":
        return None
    return AuctionRules(
        reference_tick=tuple(mid_tick.tolist()),
        every_ms=int(local.auction_every or 0),
        pay_as_bid=local.pricing == "pay-as-bid",
        pro_rata=local.rationing == "pro-rata",
    )


def sharing_rules(
    local: LocalMarket, roll: Roll, mid_tick: Ints, starts_ms: Ints, timezone: str
) -> SharingRules | None:
    """Lay out a market in which energy is shared; None for any other."""
    if local.mechanism not in SHARING:
        return None
    price = mid_tick if local.share_price is None else by_hour(local.share_price, starts_ms, timezone)
    key = _weights(local, roll) if local.mechanism == STATIC else ()
    assert all(0 <= weight < LARGEST_KEY for weight in key)
    return SharingRules(local.mechanism, tuple(np.asarray(price).tolist()), key)


def _weights(local: LocalMarket, roll: Roll) -> tuple[int, ...]:
    """Weight of each agent's key (a,)."""
    if local.keys == "equal":
        return (1,) * roll.size
    if local.keys == "rated":
        rated = np.array(
            [int(agent.rated or 0) if isinstance(agent, Consumer) else 0 for agent in roll.agents], np.int64
        )
        column = roll.column(rated, lambda each: each.homes.rated_w)
    else:
        keys = dict(local.keys)
        named = np.array([int(keys.get(agent.name, 0)) for agent in roll.agents], np.int64)
        column = roll.column(named, lambda each: each.same(0))
    return tuple(column.tolist())


def mid_market_tick(
    utility: Ints, feeder: Ints, retail_tick: Ints, feed_in_tick: Ints, may_serve: Sequence[int] = ()
) -> Ints:
    """Mid-market price of each period (p,) [ticks]: between the lowest retail and the highest feed-in price.

    Of the utilities that serve a member on the local grid, so that no member pays more than its own retail price or
    gets less than its own feed-in price, as long as no utility pays more than another charges. Half a tick is left off.

    Parameters
    ----------
    utility, feeder : (a,) int64
        Agent index of each member's utility and its feeder; -1 where there is none.
    retail_tick, feed_in_tick : (a, p) int64
        In the utilities' rows.
    may_serve : sequence of int
        Utilities that count whether they serve a member or not, where members may take another.
    """
    serving = np.unique(utility[(utility >= 0) & (feeder >= 0)])
    if not serving.size:
        return np.zeros(retail_tick.shape[1], np.int64)
    serving = np.union1d(serving, np.array(may_serve, np.int64))
    middle: Ints = (retail_tick[serving].min(axis=0) + feed_in_tick[serving].max(axis=0)) // 2
    return middle
