"""The adaptive-aggressive trader (AA): how much profit it gives up for a better chance, learned at two speeds.

References
----------
After Vytelingum, Cliff & Jennings (2008), Artificial Intelligence 172:1700-1729. The competitive price is a weighted
mean of the last trades; aggressiveness r in [-1, 1] and shape theta give the target price; r moves towards what the
last shout would have needed; theta follows Smith's alpha of the last trades; quotes approach the target in steps of
1/eta of the way. It does not reach the paper's efficiency (docs/experiments.md), so take it for a sketch of theirs.

Differences: what aggressiveness a shout would have needed is found by bisection, r being an exponent; a target
behind the best quote is quoted all the same, which a market that asks for improvement refuses; without a trade yet, the
first quote stands 1/eta of the way from the band's end to the limit; the window is `WINDOW` trades.
Prices are whole ticks; r, theta and exponentials are whole millionths, so compiled and plain Python agree to the bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from numba.extending import register_jitable

from wattbook.messages import BUY, NO_PRICE
from wattbook.policies.mind import Mind
from wattbook.policies.trading import luck_of, may_act, next_look, quote_unit
from wattbook.units import PPM

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from wattbook.messages import See

    Ints = NDArray[np.int64]

WINDOW: Final = 10
DISCOUNT_PERCENT: Final = 90
"""Weight of a trade, of that of the next one (rho)."""
ETA: Final = 3
RATE_PPM: Final = (100_000, 400_000)
"""Least learning rate of r and of theta, and how far they may lie above that."""
SLACK_RELATIVE_PPM: Final = 20_000
SLACK_ABSOLUTE_PPM: Final = 10_000
"""By how much a trader outdoes the aggressiveness that it learns from."""
THETA_LEAST_PPM: Final = -8_000_000
THETA_MOST_PPM: Final = 2_000_000
GAMMA: Final = 2
LINEAR_PPM: Final = 1_000
"""A shape nearer to 0 than this counts as straight."""
LN_2_PPB: Final = 693_147_181
PPB: Final = 1_000_000_000
TERMS: Final = 10
ALPHA_UNSET: Final = -1
READY, RATE_SHORT, RATE_LONG, R, THETA, LIMIT, COUNT, PRICE, ALPHA_LOW, ALPHA_HIGH = range(10)
FIRST: Final = 16


@register_jitable
def exp_ppm(x_ppm: int) -> int:
    """Exponential of a whole number of millionths, in millionths, for exponents from -20 to 20.

    e**x = 2**n e**f with 0 <= f < ln 2, and a Taylor series for e**f.
    """
    x = x_ppm * (PPB // PPM)
    n = x // LN_2_PPB
    f = x - n * LN_2_PPB
    term, total = PPB, PPB
    for k in range(1, TERMS + 1):
        term = term * f // (PPB * k)
        total += term
    grown = total << n if n >= 0 else total >> -n
    return grown // (PPB // PPM)


@register_jitable
def shape_ppm(r_ppm: int, theta_ppm: int) -> int:
    """(e**(r theta) - 1) / (e**theta - 1) for r in [0, 1], in millionths."""
    if abs(theta_ppm) < LINEAR_PPM:
        return r_ppm
    return (exp_ppm(r_ppm * theta_ppm // PPM) - PPM) * PPM // (exp_ppm(theta_ppm) - PPM)


@register_jitable
def target_tick(see: See, memory: Ints, r_ppm: int) -> int:
    """Target price at aggressiveness `r_ppm`, for both sides."""
    limit, price = memory[LIMIT], memory[PRICE]
    passive = see.floor_tick if see.side == BUY else see.cap_tick
    # An extra-marginal trader's passive prices end at its own limit, and it never pays more than that.
    anchor = price if (limit - price) * see.side > 0 else limit
    if r_ppm <= 0:
        return int(anchor + (passive - anchor) * shape_ppm(-r_ppm, memory[THETA]) // PPM)
    return int(anchor + (limit - anchor) * shape_ppm(r_ppm, memory[THETA]) // PPM)


@register_jitable
def _needed_ppm(see: See, memory: Ints, price_tick: int) -> int:
    """Aggressiveness at which the target is `price_tick`, by bisection."""
    low, high = -PPM, PPM
    while high - low > 1:
        middle = (low + high) // 2
        if (target_tick(see, memory, middle) - price_tick) * see.side < 0:
            low = middle
        else:
            high = middle
    return high


@register_jitable
def _note_trade(memory: Ints, price_tick: int) -> None:
    """Keep the trade; renew the competitive price, and theta by the volatility around it."""
    for i in range(WINDOW - 1, 0, -1):
        memory[FIRST + i] = memory[FIRST + i - 1]
    memory[FIRST] = price_tick
    memory[COUNT] = min(memory[COUNT] + 1, WINDOW)
    weight, weights, weighted = PPM, 0, 0
    for i in range(memory[COUNT]):
        weighted += weight * memory[FIRST + i]
        weights += weight
        weight = weight * DISCOUNT_PERCENT // 100
    memory[PRICE] = weighted // weights
    squares = 0
    for i in range(memory[COUNT]):
        squares += (memory[FIRST + i] - memory[PRICE]) ** 2
    alpha = _root(squares // memory[COUNT]) * PPM // max(abs(memory[PRICE]), 1)
    first = memory[ALPHA_LOW] == ALPHA_UNSET
    memory[ALPHA_LOW] = alpha if first else min(memory[ALPHA_LOW], alpha)
    memory[ALPHA_HIGH] = max(memory[ALPHA_HIGH], alpha)
    span = memory[ALPHA_HIGH] - memory[ALPHA_LOW]
    share = (alpha - memory[ALPHA_LOW]) * PPM // span if span else PPM // 2
    bent = share * exp_ppm(GAMMA * (share - PPM)) // PPM
    wanted = (THETA_MOST_PPM - THETA_LEAST_PPM) * (PPM - bent) // PPM + THETA_LEAST_PPM
    memory[THETA] += memory[RATE_LONG] * (wanted - memory[THETA]) // PPM


@register_jitable
def _root(square: int) -> int:
    """Whole square root, by Newton's method; the library's works on floats where it is compiled."""
    if square < 2:
        return square
    root = square
    better = (root + 1) // 2
    while better < root:
        root = better
        better = (root + square // root) // 2
    return root


@register_jitable
def _learn(see: See, memory: Ints) -> None:
    """Become more or less aggressive after a shout."""
    target, shout = target_tick(see, memory, memory[R]), see.shout_tick
    is_better = (target - shout) * see.side >= 0
    if see.shout_traded:
        sign = -1 if is_better else 1
    elif see.shout_side == see.side and not is_better:
        sign = 1
    else:
        return
    needed = _needed_ppm(see, memory, shout)
    wished = needed + sign * (abs(needed) * SLACK_RELATIVE_PPM // PPM + SLACK_ABSOLUTE_PPM)
    moved = memory[R] + memory[RATE_SHORT] * (wished - memory[R]) // PPM
    memory[R] = min(max(moved, -PPM), PPM)


@register_jitable
def _quote(see: See, memory: Ints, out: Ints) -> None:
    """Take what is within the target, else come 1/eta of the way nearer to it."""
    own = see.local_bid if see.side == BUY else see.local_ask
    other = see.local_ask if see.side == BUY else see.local_bid
    start = own
    if own == NO_PRICE:
        start = see.floor_tick if see.side == BUY else see.cap_tick
    goal = see.limit_tick
    if memory[COUNT] != 0:
        goal = target_tick(see, memory, memory[R])
        if other != NO_PRICE and (goal - other) * see.side >= 0:
            quote_unit(see, out, other)
            return
    elif other != NO_PRICE and (goal - other) * see.side > 0:
        goal = other
    way = (goal - start) * see.side
    quote_unit(see, out, start + see.side * max(-(-way // ETA), see.step_tick) if way > 0 else goal)


def adapt_and_quote(see: See, memory: Ints, draw: Callable[[int], int], out: Ints) -> int:
    """Quote towards the target price on the trader's turn; learn from the shouts of all turns."""
    if see.side == 0:
        return next_look(see, draw)
    if see.units > 0:
        memory[LIMIT] = see.limit_tick
    if memory[READY] == 0:
        memory[READY] = 1
        memory[RATE_SHORT] = RATE_PPM[0] + luck_of(see, draw, 0) % (RATE_PPM[1] + 1)
        memory[RATE_LONG] = RATE_PPM[0] + luck_of(see, draw, 1) % (RATE_PPM[1] + 1)
        memory[ALPHA_LOW] = ALPHA_UNSET
    if see.turn == 0 and see.shout_side != 0:
        if see.shout_traded:
            _note_trade(memory, see.shout_tick)
        if memory[COUNT] != 0:
            _learn(see, memory)
    elif may_act(see):
        _quote(see, memory, out)
    return next_look(see, draw)


def adaptive_aggressive() -> Mind:
    """Make an AA trader."""
    return Mind(adapt_and_quote, "aa", look_ahead_ms=0, listens=True)
