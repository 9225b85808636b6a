"""The sniper: waits in the background, and takes the best quote when it is good, near, or all that is left.

References
----------
The strategy with which Todd Kaplan won the Santa Fe tournament: Rust, Miller & Palmer (1994), Journal of Economic
Dynamics and Control 18:61-96, section 4. It quotes the other side's best price as soon as that is no worse than the
best price of the day before; or the spread is below 10 % and the profit above 2 %; or time runs out. We read the last
as: the day ends if nobody trades within `HURRY` turns; traders without turns never hurry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from numba.extending import register_jitable

from wattbook.messages import BUY, NO_PRICE
from wattbook.policies.mind import Mind
from wattbook.policies.trading import may_act, next_look, quote_unit

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from wattbook.messages import See

    Ints = NDArray[np.int64]

HURRY: Final = 20
SPREAD_PERCENT: Final = 10
PROFIT_PERCENT: Final = 2
DAY, LOW, HIGH, LAST_LOW, LAST_HIGH = range(5)


@register_jitable
def _remember(see: See, memory: Ints) -> None:
    """Keep the lowest and highest trade of this day and of the day before."""
    if memory[DAY] != see.period + 1:
        has_past = memory[DAY] != 0 and memory[LOW] != NO_PRICE
        memory[LAST_LOW] = memory[LOW] if has_past else NO_PRICE
        memory[LAST_HIGH] = memory[HIGH] if has_past else NO_PRICE
        memory[DAY] = see.period + 1
        memory[LOW] = memory[HIGH] = NO_PRICE
    if see.last_tick != NO_PRICE:
        memory[LOW] = see.last_tick if memory[LOW] == NO_PRICE else min(memory[LOW], see.last_tick)
        memory[HIGH] = max(memory[HIGH], see.last_tick)


@register_jitable
def _is_juicy(see: See, memory: Ints) -> bool:
    """Tell whether the other side's best quote is as good as the best price of the day before."""
    if see.side == BUY:
        return bool(memory[LAST_LOW] != NO_PRICE and see.local_ask <= memory[LAST_LOW])
    return bool(memory[LAST_HIGH] != NO_PRICE and see.local_bid >= memory[LAST_HIGH])


@register_jitable
def _is_near(see: See) -> bool:
    """Tell whether the spread is small and the profit is not."""
    if see.local_bid == NO_PRICE or see.local_ask == NO_PRICE:
        return False
    other = see.local_ask if see.side == BUY else see.local_bid
    profit = (see.limit_tick - other) * see.side
    spread = see.local_ask - see.local_bid
    return 100 * spread < SPREAD_PERCENT * abs(see.local_ask) and 100 * profit > PROFIT_PERCENT * abs(see.limit_tick)


def snipe(see: See, memory: Ints, draw: Callable[[int], int], out: Ints) -> int:
    """Take the best quote of the other side if it is worth it, and now is the moment."""
    _remember(see, memory)
    if not may_act(see):
        return next_look(see, draw)
    other = see.local_ask if see.side == BUY else see.local_bid
    if other == NO_PRICE or (see.limit_tick - other) * see.side < 0:
        return next_look(see, draw)
    hurries = 0 < see.turns_left <= HURRY
    if hurries or _is_juicy(see, memory) or _is_near(see):
        quote_unit(see, out, other)
    return next_look(see, draw)


def sniper() -> Mind:
    """Make a trader that waits for the moment to take."""
    return Mind(snipe, "sniper", look_ahead_ms=0, listens=True)
