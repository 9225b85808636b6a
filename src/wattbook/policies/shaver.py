"""The shaver: one step better than the best quote of its side, as long as its limit allows.

References
----------
Rust, Miller & Palmer (1994), Journal of Economic Dynamics and Control 18:61-96, describe such programs among the
entrants of their tournament. The first quote on an empty side lies at the band's edge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattbook.messages import BUY, NO_PRICE
from wattbook.policies.mind import Mind
from wattbook.policies.trading import may_act, next_look, quote_unit

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from wattbook.messages import See

    Ints = NDArray[np.int64]


def shave(see: See, memory: Ints, draw: Callable[[int], int], out: Ints) -> int:  # noqa: ARG001 - the one form
    """Improve the best quote of the trader's side by one step, unless that quote is its own."""
    if not may_act(see):
        return next_look(see, draw)
    best = see.local_bid if see.side == BUY else see.local_ask
    if see.order != 0 and see.order_price_tick == best:
        return next_look(see, draw)
    if best == NO_PRICE:
        better = see.floor_tick if see.side == BUY else see.cap_tick
    else:
        better = best + see.side * see.step_tick
    if (see.limit_tick - better) * see.side >= 0:
        quote_unit(see, out, better)
    return next_look(see, draw)


def shaver() -> Mind:
    """Make a trader that shaves the best quote of its side."""
    return Mind(shave, "shaver", look_ahead_ms=0)
