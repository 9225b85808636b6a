"""The adaptive-aggressive trader (AA): how much profit it gives up for a better chance, learned at two speeds.

References
----------
Vytelingum, Cliff & Jennings (2008), Artificial Intelligence 172:1700-1729, after Vytelingum's thesis (Southampton
2006); its published implementations for parameters. The competitive price is a weighted mean of the last trades.
Aggressiveness r in [-1, 1] and a shape theta give the target price: the competitive price at r = 0, the own limit at
1, the band's end at -1. Below r = 0 a second shape stands for theta, so that the target has one slope at r = 0 from
both sides. r moves towards what the last shout would have needed and a little beyond; theta follows Smith's alpha of
the last trades. Quotes approach the target in steps of 1/eta of the way; a quote of the other side within the target
is taken.

Differences: the lowest price is the band's floor, not 0. "A little beyond" goes the same way for r below 0, where the
paper's factor 1 - lambda would turn it round. Until the first trade, not in each first round, the goal is the lesser of
the limit and a little more than the other side's best quote; an empty own side stands at the band's end. A target
behind the own side's best quote is quoted all the same: a market that asks for improvement refuses it.
Prices are whole ticks; r, theta and exponentials are whole millionths, so compiled and plain Python agree to the bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from numba.extending import register_jitable

from wattbook.messages import BUY, NO_PRICE
from wattbook.policies.mind import Mind
from wattbook.policies.orders import on_step
from wattbook.policies.trading import luck_of, may_act, next_look, quote_unit
from wattbook.units import PPM

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from wattbook.messages import See

    Ints = NDArray[np.int64]

WINDOW: Final = 5
"""Trades that the competitive price and alpha are made of (N)."""
DISCOUNT_PERCENT: Final = 90
"""Weight of a trade, of that of the next one (rho)."""
ETA: Final = 3
RATE_PPM: Final = (100_000, 400_000)
"""Least learning rate of r and of theta, and how far they may lie above that."""
SLACK_RELATIVE_PPM: Final = 20_000
SLACK_ABSOLUTE_PPM: Final = 10_000
"""By how much a trader outdoes the aggressiveness that it learns from (lambda)."""
THETA_LEAST_PPM: Final = -8_000_000
THETA_MOST_PPM: Final = 2_000_000
PASSIVE_THETA_PPM: Final = 15_000_000
"""Where the search for the shape below r = 0 ends, on both sides: beyond it products would pass 63 bits."""
GAMMA: Final = 2
LINEAR_PPM: Final = 1_000
"""A shape nearer to 0 than this counts as straight."""
LN_2_PPB: Final = 693_147_181
PPB: Final = 1_000_000_000
TERMS: Final = 10
ALPHA_UNSET: Final = -1
READY, RATE_SHORT, RATE_LONG, R, THETA, PASSIVE_THETA, LIMIT, COUNT, PRICE, ALPHA_LOW, ALPHA_HIGH = range(11)
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
def ln_ppm(x_ppm: int) -> int:
    """Natural logarithm of a number of millionths from 1 to 2**43, in millionths.

    x = 2**n m with 1 <= m < 2, and ln m = 2 artanh((m - 1) / (m + 1)) by its series.
    """
    n, m = 0, x_ppm * (PPB // PPM)
    while m >= 2 * PPB:
        m //= 2
        n += 1
    while m < PPB:
        m *= 2
        n -= 1
    z = (m - PPB) * PPB // (m + PPB)
    square = z * z // PPB
    power, total = z, 0
    for k in range(1, 2 * TERMS, 2):
        total += power // k
        power = power * square // PPB
    return (2 * total + n * LN_2_PPB) // (PPB // PPM)


@register_jitable
def shape_ppm(r_ppm: int, theta_ppm: int) -> int:
    """(e**(r theta) - 1) / (e**theta - 1) for r in [0, 1], in millionths."""
    if abs(theta_ppm) < LINEAR_PPM:
        return r_ppm
    return (exp_ppm(r_ppm * theta_ppm // PPM) - PPM) * PPM // (exp_ppm(theta_ppm) - PPM)


@register_jitable
def unshape_ppm(share_ppm: int, theta_ppm: int) -> int:
    """Give the r in [0, 1] at which `shape_ppm` is `share_ppm`."""
    if abs(theta_ppm) < LINEAR_PPM:
        return share_ppm
    return ln_ppm(max(PPM + share_ppm * (exp_ppm(theta_ppm) - PPM) // PPM, 1)) * PPM // theta_ppm


@register_jitable
def slope_ppm(theta_ppm: int) -> int:
    """Slope of `shape_ppm` at r = 0, theta / (e**theta - 1), in millionths; it falls as theta rises."""
    if abs(theta_ppm) < LINEAR_PPM:
        return PPM
    return theta_ppm * PPM // (exp_ppm(theta_ppm) - PPM)


@register_jitable
def _anchor_tick(memory: Ints, side: int) -> int:
    """Target at r = 0: the competitive price, but for an extra-marginal trader its own limit."""
    is_intra = (memory[LIMIT] - memory[PRICE]) * side > 0
    return int(memory[PRICE] if is_intra else memory[LIMIT])


@register_jitable
def passive_theta_ppm(see: See, memory: Ints) -> int:
    """Shape below r = 0 that gives the target one slope there from both sides, by bisection."""
    limit, price = memory[LIMIT], memory[PRICE]
    if (limit - price) * see.side <= 0:
        return int(memory[THETA])
    passive = price - see.floor_tick if see.side == BUY else see.cap_tick - price
    wanted = abs(limit - price) * slope_ppm(memory[THETA])
    low, high = -PASSIVE_THETA_PPM, PASSIVE_THETA_PPM
    while high - low > LINEAR_PPM:
        middle = (low + high) // 2
        if passive * slope_ppm(middle) > wanted:
            low = middle
        else:
            high = middle
    return high


@register_jitable
def target_tick(see: See, memory: Ints, r_ppm: int) -> int:
    """Target price at aggressiveness `r_ppm`, for both sides."""
    anchor = _anchor_tick(memory, see.side)
    if r_ppm <= 0:
        passive = see.floor_tick if see.side == BUY else see.cap_tick
        return int(anchor + (passive - anchor) * shape_ppm(-r_ppm, memory[PASSIVE_THETA]) // PPM)
    # An extra-marginal trader never pays more than its limit, which is its anchor.
    return int(anchor + (memory[LIMIT] - anchor) * shape_ppm(r_ppm, memory[THETA]) // PPM)


@register_jitable
def needed_ppm(see: See, memory: Ints, price_tick: int) -> int:
    """Aggressiveness at which the target is `price_tick`; nearest to 0 where several are, 1 or -1 beyond all."""
    anchor = _anchor_tick(memory, see.side)
    gap = (price_tick - anchor) * see.side
    if gap > 0:
        room = (memory[LIMIT] - anchor) * see.side
        # An extra-marginal trader can do nothing for a price beyond its limit.
        return 0 if room == 0 else unshape_ppm(min(gap, room) * PPM // room, memory[THETA])
    room = anchor - see.floor_tick if see.side == BUY else see.cap_tick - anchor
    return 0 if room <= 0 else -unshape_ppm(min(-gap, room) * PPM // room, memory[PASSIVE_THETA])


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
    memory[THETA] += memory[RATE_LONG] * (wished_theta_ppm(share) - memory[THETA]) // PPM


@register_jitable
def wished_theta_ppm(share_ppm: int) -> int:
    """Shape that is right at a volatility, given as its place between the least and the most so far."""
    bent = share_ppm * exp_ppm(GAMMA * (share_ppm - PPM)) // PPM
    return (THETA_MOST_PPM - THETA_LEAST_PPM) * (PPM - bent) // PPM + THETA_LEAST_PPM


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
    # Compared as quoted: a trader whose own quote failed must find its target no better than that quote.
    gap = (on_step(see, see.side, target_tick(see, memory, memory[R])) - see.shout_tick) * see.side
    if see.shout_traded:
        sign = -1 if gap >= 0 else 1
    elif see.shout_side == see.side and gap <= 0:
        # A target that only equals a quote of the own side is too low: otherwise all would wait at their targets.
        sign = 1
    else:
        return
    needed = needed_ppm(see, memory, see.shout_tick)
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
    elif other != NO_PRICE:
        beyond = other + see.side * (abs(other) * SLACK_RELATIVE_PPM // PPM + see.step_tick)
        goal = min(goal, beyond) if see.side == BUY else max(goal, beyond)
    way = (goal - start) * see.side
    quote_unit(see, out, start + see.side * max(-(-way // ETA), see.step_tick) if way > 0 else goal)


def adapt_and_quote(see: See, memory: Ints, draw: Callable[[int], int], out: Ints) -> int:
    """Quote towards the target price on the trader's turn; learn from the shouts of all turns."""
    if see.side == 0:
        return next_look(see, draw)
    if memory[READY] == 0:
        memory[READY] = 1
        memory[RATE_SHORT] = RATE_PPM[0] + luck_of(see, draw, 0) % (RATE_PPM[1] + 1)
        memory[RATE_LONG] = RATE_PPM[0] + luck_of(see, draw, 1) % (RATE_PPM[1] + 1)
        memory[ALPHA_LOW] = ALPHA_UNSET
    if see.units > 0 and memory[LIMIT] != see.limit_tick:
        memory[LIMIT] = see.limit_tick
        memory[PASSIVE_THETA] = passive_theta_ppm(see, memory)
    if see.turn == 0 and see.shout_side != 0:
        if see.shout_traded:
            _note_trade(memory, see.shout_tick)
            memory[PASSIVE_THETA] = passive_theta_ppm(see, memory)
        if memory[COUNT] != 0:
            _learn(see, memory)
    elif may_act(see):
        _quote(see, memory, out)
    return next_look(see, draw)


def adaptive_aggressive() -> Mind:
    """Make an AA trader."""
    return Mind(adapt_and_quote, "aa", look_ahead_ms=0, listens=True)
