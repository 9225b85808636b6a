"""What traders with private values have in common: their limit, one unit at a time, quotes on the step.

The functions are plain Python here and compile when a compiled policy calls them. A trader draws its luck by the
moment, ``draw(8 * see.now_ms + i)``: it acts at most once a millisecond, and needs no count of its draws.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from numba.extending import register_jitable

from wattbook.messages import BUY, FOREVER, NO_PRICE
from wattbook.policies.orders import LOCAL, keep_one_order, on_step, replace

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from wattbook.messages import See

    Ints = NDArray[np.int64]

LUCKS: Final = 8
"""Random numbers that a trader may draw in one millisecond."""
CLOCK_MS: Final = 1_000
"""Where traders do not take turns they look again after this time to twice of it."""


@register_jitable
def luck_of(see: See, draw: Callable[[int], int], which: int) -> int:
    """Give one of the `LUCKS` random numbers of this moment."""
    return draw(LUCKS * see.now_ms + which)


@register_jitable
def may_act(see: See) -> bool:
    """Tell whether the trader may send orders for a unit that it has left."""
    return see.tradable == 1 and see.turn == 1 and see.side != 0 and see.units > 0


@register_jitable
def next_look(see: See, draw: Callable[[int], int]) -> int:
    """Delay [ms] until a trader on its own clock looks again."""
    if see.tradable == 0 or see.side == 0 or see.units == 0:
        return FOREVER
    return int(CLOCK_MS + luck_of(see, draw, LUCKS - 1) % CLOCK_MS)


@register_jitable
def quote_unit(see: See, out: Ints, price_tick: int) -> None:
    """Bring the trader's one quote of one unit to `price_tick`, but never beyond its limit."""
    bound = min(price_tick, see.limit_tick) if see.side == BUY else max(price_tick, see.limit_tick)
    price = on_step(see, see.side, bound)
    if price == NO_PRICE:
        return
    if see.order != 0 and see.order_price_tick == price and see.order_book == LOCAL:
        # Said again, so that those who listen hear it again; the order keeps its place.
        replace(out, 0, see.order, price, see.order_wh)
    else:
        keep_one_order(see, out, LOCAL, see.side, price, 1, 0)
