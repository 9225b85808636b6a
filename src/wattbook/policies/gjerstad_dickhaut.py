"""Gjerstad and Dickhaut's trader (GD): the quote of greatest expected surplus, by a belief formed from recent shouts.

References
----------
Gjerstad & Dickhaut (1998), Games and Economic Behavior 22:1-29. The belief that an ask a is taken: q(a) = (TA(>= a) +
B(>= a)) / (TA(>= a) + B(>= a) + RA(<= a)), with taken asks TA, all bids B and rejected asks RA of the last trades;
the mirror image for bids. Between prices that were shouted it is a cubic with zero slope at both ends; it is 1 for an
ask at the band's floor and 0 at its cap. An ask that does not improve the standing one has no chance, one at the
standing bid is certain.

We keep the shouts since the fifth trade back, at most `MOST` of them, and look for the best quote on the prices
shouted and seven points between each two. Beliefs are whole millionths, so compiled and plain Python agree to the bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numba.extending import register_jitable

from wattbook.messages import BUY, NO_PRICE, SELL
from wattbook.policies.mind import Mind
from wattbook.policies.trading import may_act, next_look, quote_unit
from wattbook.units import PPM

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from wattbook.messages import See

    Ints = NDArray[np.int64]

TRADES: Final = 5
"""Memory length in trades."""
POINTS: Final = 8
"""Parts into which the space between two known prices is cut."""
COUNT: Final = 0
FIRST: Final = 4
MOST: Final = 60
"""Shouts kept; each takes two places of the memory: price, and what became of it."""
REJECTED_BID, REJECTED_ASK, TAKEN_BID, TAKEN_ASK = range(4)


@register_jitable
def _keep(memory: Ints, price_tick: int, what: int) -> None:
    """Put a shout behind the others; the oldest goes where there is no room."""
    if memory[COUNT] == MOST:
        for i in range(MOST - 1):
            memory[FIRST + 2 * i] = memory[FIRST + 2 * i + 2]
            memory[FIRST + 2 * i + 1] = memory[FIRST + 2 * i + 3]
        memory[COUNT] -= 1
    at = FIRST + 2 * memory[COUNT]
    memory[at] = price_tick
    memory[at + 1] = what
    memory[COUNT] += 1


@register_jitable
def _hear(see: See, memory: Ints) -> None:
    """Remember a shout. A trade makes a taken bid and a taken ask of the shout and of the quote that it met.

    Where nobody heard that quote, the answer to a shout, it is kept as well: a trade is always two taken shouts.
    """
    if see.shout_traded == 0:
        _keep(memory, see.shout_tick, REJECTED_BID if see.shout_side == BUY else REJECTED_ASK)
        return
    standing = REJECTED_ASK if see.shout_side == BUY else REJECTED_BID
    for i in range(memory[COUNT] - 1, -1, -1):
        at = FIRST + 2 * i
        if memory[at] == see.shout_tick and memory[at + 1] == standing:
            memory[at + 1] = standing + 2
            break
    else:
        _keep(memory, see.shout_tick, standing + 2)
    _keep(memory, see.shout_tick, TAKEN_BID if see.shout_side == BUY else TAKEN_ASK)
    _forget(memory)


@register_jitable
def _forget(memory: Ints) -> None:
    """Drop the shouts up to the trade before the last `TRADES` ones; each trade has two taken shouts."""
    taken, first = 0, 0
    for i in range(memory[COUNT] - 1, -1, -1):
        if memory[FIRST + 2 * i + 1] >= TAKEN_BID:
            taken += 1
        if taken > 2 * TRADES:
            first = i + 1
            break
    if first:
        for i in range(memory[COUNT] - first):
            memory[FIRST + 2 * i] = memory[FIRST + 2 * (i + first)]
            memory[FIRST + 2 * i + 1] = memory[FIRST + 2 * (i + first) + 1]
        memory[COUNT] -= first


@register_jitable
def _belief_ppm(memory: Ints, side: int, price_tick: int) -> int:
    """Belief [ppm] that a quote at a price that was shouted is taken."""
    for_it, against = 0, 0
    taken = TAKEN_BID if side == BUY else TAKEN_ASK
    rejected = REJECTED_BID if side == BUY else REJECTED_ASK
    for i in range(memory[COUNT]):
        price, what = memory[FIRST + 2 * i], memory[FIRST + 2 * i + 1]
        # How much worse for the other side than the quote in question the shout was.
        gap = (price_tick - price) * side
        if (what == taken and gap >= 0) or ((what % 2 == REJECTED_BID) != (side == BUY) and gap >= 0):
            for_it += 1
        elif what == rejected and gap <= 0:
            against += 1
    return PPM * for_it // (for_it + against) if for_it + against else 0


@register_jitable
def _known_prices(see: See, memory: Ints, known: Ints) -> int:
    """Write the band's ends and all prices shouted between them into `known`, rising; return how many."""
    known[0], known[1] = see.floor_tick, see.cap_tick
    count = 2
    for i in range(memory[COUNT]):
        price = memory[FIRST + 2 * i]
        at = 1
        while at < count - 1 and known[at] < price:
            at += 1
        if price <= see.floor_tick or price >= see.cap_tick or known[at] == price:
            continue
        for j in range(count, at, -1):
            known[j] = known[j - 1]
        known[at] = price
        count += 1
    return count


@register_jitable
def _end_belief_ppm(see: See, memory: Ints, price_tick: int) -> int:
    """Belief at a known price: certain at the band's end that is best for the other side, none at the other end."""
    if price_tick == see.floor_tick:
        return PPM if see.side == SELL else 0
    if price_tick == see.cap_tick:
        return 0 if see.side == SELL else PPM
    return _belief_ppm(memory, see.side, price_tick)


@register_jitable
def _best_price(see: See, memory: Ints) -> int:
    """Price of greatest expected surplus; `NO_PRICE` where none is above nothing."""
    own = see.local_bid if see.side == BUY else see.local_ask
    other = see.local_ask if see.side == BUY else see.local_bid
    best, best_price = 0, NO_PRICE
    if other != NO_PRICE and (see.limit_tick - other) * see.side > 0:
        best, best_price = (see.limit_tick - other) * see.side * PPM, other
    known = np.zeros(MOST + 2, np.int64)
    count = _known_prices(see, memory, known)
    left = _end_belief_ppm(see, memory, known[0])
    for i in range(1, count):
        right = _end_belief_ppm(see, memory, known[i])
        for j in range(POINTS + 1):
            price = known[i - 1] + (known[i] - known[i - 1]) * j // POINTS
            surplus = (see.limit_tick - price) * see.side
            improves = own == NO_PRICE or (price - own) * see.side > 0
            if surplus <= 0 or not improves:
                continue
            belief = left + (right - left) * j * j * (3 * POINTS - 2 * j) // POINTS**3
            if surplus * belief > best:
                best, best_price = surplus * belief, price
        left = right
    return best_price


def expect_and_quote(see: See, memory: Ints, draw: Callable[[int], int], out: Ints) -> int:
    """Quote the price of greatest expected surplus on the trader's turn; remember the shouts of all turns."""
    if see.side == 0:
        return next_look(see, draw)
    if see.turn == 0 and see.shout_side != 0:
        _hear(see, memory)
    elif may_act(see):
        price = _best_price(see, memory)
        if price != NO_PRICE:
            quote_unit(see, out, price)
    return next_look(see, draw)


def gjerstad_dickhaut() -> Mind:
    """Make a GD trader."""
    return Mind(expect_and_quote, "gd", look_ahead_ms=0, listens=True)
