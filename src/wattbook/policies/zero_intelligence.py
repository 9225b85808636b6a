"""Zero intelligence: random prices, with or without the budget constraint.

References
----------
Gode & Sunder (1993), Journal of Political Economy 101:119-137, section II. A constrained trader (ZI-C) draws its price
uniformly between the market's bound and its own limit; an unconstrained one (ZI-U) draws from the whole price band. A
trader's limit is the value or cost of its next unit. A home's limits are what its utility charges and pays, and its
quantity is what it expects to lack or have left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from numba.extending import register_jitable

from wattbook.messages import BUY, FOREVER, NO_PRICE, SELL
from wattbook.policies.mind import Mind
from wattbook.policies.orders import LOCAL, buyer_bound_tick, keep_one_order, on_step
from wattbook.policies.trading import luck_of, may_act, next_look
from wattbook.units import MS_PER_MINUTE

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from wattbook.messages import See

    Ints = NDArray[np.int64]

CONSTRAINED: Final = 0
LOOK_MS: Final = 1
DRAWS: Final = 2


@register_jitable
def _random_unit(see: See, memory: Ints, draw: Callable[[int], int], out: Ints) -> None:
    """Quote one unit at a random step of the band, or of its part within the trader's limit."""
    low, high = see.floor_tick, see.cap_tick
    if memory[CONSTRAINED] and see.side == BUY:
        high = min(high, see.limit_tick)
    elif memory[CONSTRAINED]:
        low = max(low, see.limit_tick)
    first, last = -(-low // see.step_tick), high // see.step_tick
    if first <= last:
        price = (first + luck_of(see, draw, 0) % (last - first + 1)) * see.step_tick
        keep_one_order(see, out, LOCAL, see.side, price, 1, 0)


def random_price(see: See, memory: Ints, draw: Callable[[int], int], out: Ints) -> int:
    """Quote one random price: a trader for one unit, a home for what it expects to lack or to have left."""
    if see.tradable == 0:
        return FOREVER
    if see.side != 0:
        if may_act(see):
            _random_unit(see, memory, draw, out)
        return next_look(see, draw)
    memory[DRAWS] += 1
    luck = draw(memory[DRAWS])
    residual = see.load_wh - see.generation_wh - see.battery_wh - see.position_wh
    side = BUY if residual > 0 else SELL
    low = see.floor_tick
    high = see.cap_tick
    if memory[CONSTRAINED] and side == BUY:
        high = min(high, buyer_bound_tick(see, see.local_fee_tick))
    elif memory[CONSTRAINED]:
        low = max(low, see.feed_in_tick)
    price = NO_PRICE
    if low <= high:
        price = on_step(see, side, low + luck % (high - low + 1))
    if price == NO_PRICE:
        keep_one_order(see, out, LOCAL, side, 0, 0, 0)
    else:
        keep_one_order(see, out, LOCAL, side, price, abs(residual), 0)
    return int(memory[LOOK_MS] + luck % memory[LOOK_MS])


def zero_intelligence(constrained: bool = True, look_every_ms: int = 10 * MS_PER_MINUTE) -> Mind:
    """Make a zero-intelligence agent; a home quotes every `look_every_ms` to twice that [ms]."""
    name = "zi-c" if constrained else "zi-u"
    return Mind(random_price, name, (int(constrained), int(look_every_ms), 0), look_ahead_ms=60 * MS_PER_MINUTE)
