"""Truth-telling: the quote is the limit; of homes for exactly the expected quantity, of traders for their next unit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattbook.messages import BUY, FOREVER, NO_PRICE, SELL
from wattbook.policies.mind import Mind
from wattbook.policies.orders import LOCAL, buyer_bound_tick, keep_one_order, on_step
from wattbook.policies.trading import may_act, next_look, quote_unit
from wattbook.units import MS_PER_MINUTE

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from wattbook.messages import See

    Ints = NDArray[np.int64]


def tell_the_truth(see: See, memory: Ints, draw: Callable[[int], int], out: Ints) -> int:  # noqa: ARG001 - the one form
    """Bid the highest or ask the lowest price at which the agent is no worse off than without the trade."""
    if see.tradable == 0:
        return FOREVER
    if see.side != 0:
        if may_act(see):
            quote_unit(see, out, see.limit_tick)
        return next_look(see, draw)
    residual = see.load_wh - see.generation_wh - see.battery_wh - see.position_wh
    side = BUY if residual > 0 else SELL
    limit = buyer_bound_tick(see, see.local_fee_tick) if side == BUY else see.feed_in_tick
    price = on_step(see, side, limit)
    if price == NO_PRICE:
        keep_one_order(see, out, LOCAL, side, 0, 0, 0)
    else:
        keep_one_order(see, out, LOCAL, side, price, abs(residual), 0)
    return FOREVER


def truthful() -> Mind:
    """Make an agent that quotes its true limits: a home whenever its forecast changes, a trader when it acts."""
    return Mind(tell_the_truth, "truthful", look_ahead_ms=60 * MS_PER_MINUTE)
