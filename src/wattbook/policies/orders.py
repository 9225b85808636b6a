"""What every trading policy needs: writing commands and keeping one resting order where it should be.

The functions are plain Python here and compile when a compiled policy calls them.
"""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING, Final

from numba.extending import register_jitable

from wattbook.messages import (
    NO_PRICE,
    OUT_ACTION,
    OUT_BOOK,
    OUT_FLAGS,
    OUT_ORDER,
    OUT_PRICE,
    OUT_QUANTITY,
    OUT_SIDE,
)
from wattbook.units import PPM

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wattbook.messages import See

    Ints = NDArray[np.int64]

# Numba takes module-level ints as constants, but not members of an enum inside an array assignment.
SUBMIT: Final = 1
CANCEL: Final = 2
REPLACE: Final = 3
LEAVE: Final = 6
REJOIN: Final = 7
NOMINATE: Final = 8
LOCAL: Final = 0
DISTRICT: Final = 1

NORMAL_QUANTILE_MILLI: Final = tuple(
    round(1000 * NormalDist().inv_cdf(min(max(q / 100, 0.01), 0.99))) for q in range(101)
)
"""Standard normal quantile x 1000 at 0 %, 1 % ... 100 %, cut off at 1 % and 99 %."""


@register_jitable
def submit(out: Ints, row: int, book: int, side: int, price_tick: int, quantity_wh: int, flags: int) -> int:
    """Write a SUBMIT into `row` of `out`; return the next free row."""
    out[row, OUT_ACTION] = SUBMIT
    out[row, OUT_BOOK] = book
    out[row, OUT_SIDE] = side
    out[row, OUT_PRICE] = price_tick
    out[row, OUT_QUANTITY] = quantity_wh
    out[row, OUT_FLAGS] = flags
    return row + 1


@register_jitable
def cancel(out: Ints, row: int, order: int) -> int:
    """Write a CANCEL into `row` of `out`; return the next free row."""
    out[row, OUT_ACTION] = CANCEL
    out[row, OUT_ORDER] = order
    return row + 1


@register_jitable
def replace(out: Ints, row: int, order: int, price_tick: int, quantity_wh: int) -> int:
    """Write a REPLACE into `row` of `out`; return the next free row."""
    out[row, OUT_ACTION] = REPLACE
    out[row, OUT_ORDER] = order
    out[row, OUT_PRICE] = price_tick
    out[row, OUT_QUANTITY] = quantity_wh
    return row + 1


@register_jitable
def cancel_both(see: See, out: Ints, other: int) -> int:
    """Cancel the order that is seen and an older one, `other`, of the other side if that still rests; rows used.

    Only the latest of an agent's orders is seen, so who keeps two remembers the older one's id.
    """
    row = cancel(out, 0, see.order) if see.order else 0
    rests_wh = see.open_buy_wh + see.open_sell_wh - (see.order_wh if see.order else 0)
    return cancel(out, row, other) if rests_wh > 0 and other != see.order else row


@register_jitable
def keep_one_order(see: See, out: Ints, book: int, side: int, price_tick: int, quantity_wh: int, slack: int) -> int:
    """Bring the agent's one resting order in line with what it wants; return the rows used.

    Parameters
    ----------
    book : int
        0 the local book, 1 the district's.
    quantity_wh : int
        What should rest [Wh]; 0 or less wants no order.
    slack : int
        A price difference [ticks] that is not worth losing time priority for.
    """
    if quantity_wh <= 0:
        return cancel(out, 0, see.order) if see.order else 0
    if not see.order:
        return submit(out, 0, book, side, price_tick, quantity_wh, 0)
    if see.order_side != side or see.order_book != book:
        return submit(out, cancel(out, 0, see.order), book, side, price_tick, quantity_wh, 0)
    if abs(see.order_price_tick - price_tick) > slack or see.order_wh != quantity_wh:
        return replace(out, 0, see.order, price_tick, quantity_wh)
    return 0


@register_jitable
def on_step(see: See, side: int, price_tick: int) -> int:
    """Bring a price onto the step and into the band, never to the disadvantage of who sends it.

    Returns `NO_PRICE` where the band holds no such price.
    """
    steps = price_tick // see.step_tick
    if side < 0 and steps * see.step_tick != price_tick:
        steps += 1
    price = steps * see.step_tick
    if side > 0:
        price = min(price, see.cap_tick // see.step_tick * see.step_tick)
        return price if price >= see.floor_tick else NO_PRICE
    price = max(price, -(-see.floor_tick // see.step_tick) * see.step_tick)
    return price if price <= see.cap_tick else NO_PRICE


@register_jitable
def buyer_bound_tick(see: See, fee_tick: int) -> int:
    """Highest price [ticks] at which buying locally by a path costs no more than buying from the utility.

    retail + standard fee - path fee, with the agent's VAT on each, rounded down.
    """
    return (see.retail_tick + see.standard_fee_tick - fee_tick) * (PPM + see.vat_ppm) // PPM


@register_jitable
def quantile_wh(mean_wh: int, sd_wh: int, share: int, whole: int) -> int:
    """Quantile share/whole [Wh] of a normal quantity, at least 0, as a newsvendor orders it."""
    if sd_wh == 0 or whole <= 0:
        return max(mean_wh, 0)
    place = min(max(100 * share // whole, 0), 100)
    return max(mean_wh + NORMAL_QUANTILE_MILLI[place] * sd_wh // 1000, 0)
