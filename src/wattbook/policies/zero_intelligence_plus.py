"""Zero intelligence plus (ZIP): a profit margin that learns from every shout.

References
----------
Cliff & Bruten (1997), Hewlett-Packard Laboratories report HPL-97-91: when to raise or lower the margin (section 4.1, in
pseudo-code), price = limit x (1 + margin), target = R x shout + A, Widrow-Hoff step with momentum towards
it (section 4.2). Ranges of the parameters as there: learning rate U(0.1, 0.5), momentum U(0, 0.1), initial margin
U(0.05, 0.35), R U(1, 1.05) or U(0.95, 1), A U(0, 0.05) or U(-0.05, 0). Theirs are prices between 0.75 and 3.25; here A
reaches up to a share of the trader's own limit, 2.5 %, which is the same at the middle of their prices and needs no
currency. A shout that was accepted counts at the price at which it traded.

Margins are whole millionths and prices whole thousandths of a tick, so compiled and plain Python agree to the bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from numba.extending import register_jitable

from wattbook.messages import BUY, SELL
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

MILLI: Final = 1_000
RATE_PPM: Final = (100_000, 400_000)
"""Least learning rate, and how far it may lie above that; so the next ones."""
MOMENTUM_PPM: Final = (0, 100_000)
MARGIN_PPM: Final = (50_000, 300_000)
RELATIVE_PPM: Final = 50_000
ABSOLUTE_PPM: Final = 25_000
"""Greatest absolute shift of a target, as a share of the limit: 0.05 of 2.00."""
READY, RATE, MOMENTUM, MARGIN, STEP, LIMIT = range(6)


@register_jitable
def _begin(see: See, memory: Ints, draw: Callable[[int], int]) -> None:
    """Draw the trader's own parameters at its first look."""
    memory[READY] = 1
    memory[RATE] = RATE_PPM[0] + luck_of(see, draw, 0) % (RATE_PPM[1] + 1)
    memory[MOMENTUM] = MOMENTUM_PPM[0] + luck_of(see, draw, 1) % (MOMENTUM_PPM[1] + 1)
    memory[MARGIN] = -see.side * (MARGIN_PPM[0] + luck_of(see, draw, 2) % (MARGIN_PPM[1] + 1))


@register_jitable
def _price_milli(memory: Ints) -> int:
    """Price [1/1000 tick] at which the trader would shout."""
    return int(memory[LIMIT] * MILLI * (PPM + memory[MARGIN]) // PPM)


@register_jitable
def _quoted_tick(see: See, memory: Ints) -> int:
    """Price [ticks] as the trader would shout it: whole ticks, to its own advantage."""
    price = _price_milli(memory)
    return int(price // MILLI if see.side == BUY else -(-price // MILLI))


@register_jitable
def _move(see: See, memory: Ints, draw: Callable[[int], int], up: bool) -> None:
    """Move the margin so that the price goes towards a target a little above, or below, the shout."""
    sign = 1 if up else -1
    relative = PPM + sign * (luck_of(see, draw, 3) % (RELATIVE_PPM + 1))
    absolute = luck_of(see, draw, 4) % (ABSOLUTE_PPM + 1) * memory[LIMIT] * MILLI // PPM
    price = _price_milli(memory)
    target = see.shout_tick * MILLI * relative // PPM + sign * absolute
    change = memory[RATE] * (target - price) // PPM
    memory[STEP] = (memory[MOMENTUM] * memory[STEP] + (PPM - memory[MOMENTUM]) * change) // PPM
    margin = (price + memory[STEP]) * PPM // (memory[LIMIT] * MILLI) - PPM
    memory[MARGIN] = min(max(margin, -PPM), 0) if see.side == BUY else max(margin, 0)


@register_jitable
def _learn(see: See, memory: Ints, draw: Callable[[int], int]) -> None:
    """Raise or lower the margin after a shout, by the rules of the paper."""
    # Compared as shouted: a trader whose own shout failed must find its price no better than that shout.
    price, shout = on_step(see, see.side, _quoted_tick(see, memory)), see.shout_tick
    if see.side == SELL:
        if see.shout_traded and price <= shout:
            _move(see, memory, draw, True)
        elif price >= shout and see.units > 0 and (see.shout_side == BUY) == (see.shout_traded == 1):
            _move(see, memory, draw, False)
    elif see.shout_traded and price >= shout:
        _move(see, memory, draw, False)
    elif price <= shout and see.units > 0 and (see.shout_side == SELL) == (see.shout_traded == 1):
        _move(see, memory, draw, True)


def shout_and_learn(see: See, memory: Ints, draw: Callable[[int], int], out: Ints) -> int:
    """Quote the limit with its margin when it is the trader's turn; learn from the shouts of all others' turns."""
    if see.side == 0:
        return next_look(see, draw)
    if see.units > 0:
        memory[LIMIT] = see.limit_tick
    if memory[LIMIT] <= 0:
        # A margin on nothing is nothing: quote the limit itself.
        if may_act(see):
            quote_unit(see, out, see.limit_tick)
        return next_look(see, draw)
    if memory[READY] == 0:
        _begin(see, memory, draw)
    if see.turn == 0 and see.shout_side != 0:
        _learn(see, memory, draw)
    elif may_act(see):
        quote_unit(see, out, _quoted_tick(see, memory))
    return next_look(see, draw)


def zero_intelligence_plus() -> Mind:
    """Make a ZIP trader."""
    return Mind(shout_and_learn, "zip", look_ahead_ms=0, listens=True)
