"""The market maker: an honest home that always stands ready to buy and to sell, a little below and above what is fair.

Fair is the middle of the best quotes, weighted by the size of the other side's (the micro-price), within what its
utility would pay and charge. What it has bought makes it quote lower and offer more, so that it comes back to nothing.
Its battery delivers what is left over. It cancels and quotes anew all the time, and means every quote.

References
----------
Stoikov (2018), Quantitative Finance 18:1959-1966, for the micro-price; we take its first approximation, the weighted
middle. Quotes that lean against the maker's inventory: Ho & Stoll (1981), Journal of Financial Economics 9:47-73.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from numba.extending import register_jitable

from wattbook.messages import BUY, FOREVER, NO_PRICE, SELL
from wattbook.policies.mind import Mind
from wattbook.policies.orders import LOCAL, buyer_bound_tick, cancel_both, on_step, submit
from wattbook.units import MS_PER_MINUTE

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from wattbook.messages import See

    Ints = NDArray[np.int64]

# Places in the memory row.
SIZE_WH: Final = 0
"""What it offers on either side while it has neither bought nor sold; also the most that it ever holds."""
HALF_TICK: Final = 1
"""Half of its spread [ticks]."""
LEAN_TICK: Final = 2
"""By how much it quotes lower when it holds all it may [ticks]."""
LOOK_MS: Final = 3
DRAWS: Final = 4
MOMENT_MS: Final = 5
LOOKS: Final = 6
"""How often it has looked again at once in that millisecond."""
BIDS_FROM: Final = 16
"""By product: id of its bid. Only the latest order is seen, which is the ask."""
BIDS: Final = 64

WINDOW_MS: Final = 60 * MS_PER_MINUTE
"""Before the gate it makes a market for so long ..."""
LEAVES_MS: Final = 3 * MS_PER_MINUTE
"""... and so long before the gate it goes."""
SLACK_TICK: Final = 50
MOST_LOOKS: Final = 24
"""Looks at once: three for each product in sight. A quote that is refused, as in a halt, is tried again later."""


@register_jitable
def _fair_tick(see: See, memory: Ints) -> int:
    """Estimate what a Wh is worth [ticks], leaning against what it holds."""
    low = see.feed_in_tick + memory[HALF_TICK]
    high = max(buyer_bound_tick(see, see.local_fee_tick) - memory[HALF_TICK], low)
    fair = (low + high) // 2
    if see.local_bid != NO_PRICE and see.local_ask != NO_PRICE:
        depth = max(see.local_bid_wh + see.local_ask_wh, 1)
        fair = (see.local_bid * see.local_ask_wh + see.local_ask * see.local_bid_wh) // depth
    fair -= memory[LEAN_TICK] * see.position_wh // memory[SIZE_WH]
    return int(min(max(fair, low), high))


@register_jitable
def _bid(see: See, memory: Ints, out: Ints) -> bool:
    """Put up a bid that takes nothing, unless it holds too much already."""
    price = _fair_tick(see, memory) - memory[HALF_TICK]
    if see.local_ask != NO_PRICE:
        price = min(price, see.local_ask - see.step_tick)
    price = on_step(see, BUY, price)
    quantity = min(memory[SIZE_WH] - see.position_wh, see.buy_limit_wh - see.position_wh)
    if price == NO_PRICE or quantity <= 0:
        return False
    submit(out, 0, LOCAL, BUY, price, min(quantity, 2 * memory[SIZE_WH]), 0)
    return True


@register_jitable
def _ask(see: See, memory: Ints, out: Ints) -> None:
    """Put up an ask that takes nothing, a spread above its own bid if that rests."""
    price = _fair_tick(see, memory) + memory[HALF_TICK]
    if see.order:
        price = see.order_price_tick + 2 * memory[HALF_TICK]
    if see.local_bid != NO_PRICE:
        price = max(price, see.local_bid + see.step_tick)
    price = on_step(see, SELL, price)
    quantity = min(memory[SIZE_WH] + see.position_wh, see.sell_limit_wh + see.position_wh)
    if price != NO_PRICE and quantity > 0:
        submit(out, 0, LOCAL, SELL, price, min(quantity, 2 * memory[SIZE_WH]), 0)


@register_jitable
def _is_good(see: See, memory: Ints) -> bool:
    """Tell whether its quotes stand as they should, as far as it can see: its ask, and how much rests in all."""
    if see.order_side != SELL or see.open_buy_wh + see.open_sell_wh != 2 * memory[SIZE_WH]:
        return False
    return bool(abs(see.order_price_tick - _fair_tick(see, memory) - memory[HALF_TICK]) <= SLACK_TICK)


@register_jitable
def _next_look(memory: Ints, draw: Callable[[int], int], left: int) -> int:
    memory[DRAWS] += 1
    return int(min(memory[LOOK_MS] + draw(memory[DRAWS]) % memory[LOOK_MS], left - LEAVES_MS))


@register_jitable
def _at_once(see: See, memory: Ints) -> int:
    """Look again in the same millisecond, but not for ever."""
    if memory[MOMENT_MS] != see.now_ms:
        memory[MOMENT_MS] = see.now_ms
        memory[LOOKS] = 0
    memory[LOOKS] += 1
    return 0 if memory[LOOKS] <= MOST_LOOKS else int(memory[LOOK_MS])


def make_market(see: See, memory: Ints, draw: Callable[[int], int], out: Ints) -> int:
    """Keep a bid and an ask up. A change takes three looks in one millisecond: both down, the bid up, the ask up."""
    if see.tradable == 0:
        return FOREVER
    left = see.gate_ms - see.now_ms
    if left > WINDOW_MS:
        return int(left - WINDOW_MS)
    slot, is_down = BIDS_FROM + see.period % BIDS, see.open_buy_wh + see.open_sell_wh == 0
    leaves = left <= LEAVES_MS
    if leaves and is_down:
        return FOREVER
    if is_down and _bid(see, memory, out):
        return _at_once(see, memory)
    if is_down or (not leaves and see.open_sell_wh == 0 and see.order != 0 and see.order != memory[slot]):
        memory[slot] = see.order
        _ask(see, memory, out)
        return _next_look(memory, draw, left)
    if not leaves and _is_good(see, memory):
        return _next_look(memory, draw, left)
    cancel_both(see, out, memory[slot])
    return _at_once(see, memory)


def market_maker(
    size_wh: int = 300, half_tick: int = 400, lean_tick: int = 600, look_every_ms: int = MS_PER_MINUTE
) -> Mind:
    """Make a home that quotes both sides, and looks every `look_every_ms` to twice that; it needs a battery."""
    return Mind(
        make_market, "market-maker", (int(size_wh), int(half_tick), int(lean_tick), int(look_every_ms), 0),
        look_ahead_ms=WINDOW_MS,
    )  # fmt: skip
