"""Whom a regulator is there for: who shows orders that it does not mean, trades in a circle, makes the last price.

They break the rules of a market, not those of its engine: every order of theirs is admitted and may be met. They exist
so that it can be seen who is found, and who is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from numba.extending import register_jitable

from wattbook.messages import BUY, FOREVER, NO_PRICE, SELL
from wattbook.policies.mind import Mind
from wattbook.policies.orders import LOCAL, cancel, cancel_both, on_step, replace, submit
from wattbook.units import MS_PER_MINUTE

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from wattbook.messages import See

    Ints = NDArray[np.int64]

IOC: Final = 1

# --- the spoofer

# Places in its memory row.
TIMES: Final = 0
"""How many times its surplus it bids for without meaning it."""
LEAST_WH: Final = 1
WAIT_MS: Final = 2
SHOWN_FROM: Final = 16
"""By product: id of the bid that it does not mean ..."""
PRICE_FROM: Final = 48
"""... its price ..."""
SINCE_FROM: Final = 80
"""... and since when it stands, or when it was last taken away [ms UTC]."""
PLACES: Final = 32

SPOOFS_MS: Final = 40 * MS_PER_MINUTE
STOPS_MS: Final = 3 * MS_PER_MINUTE
SHOWN_LOOKS: Final = 4


@register_jitable
def _show(see: See, memory: Ints, at: int, surplus_wh: int, out: Ints) -> None:
    """Bid many times what it has to sell, behind who bids the same: it looks as if somebody needed it badly."""
    quantity = min(memory[TIMES] * surplus_wh, see.buy_limit_wh - see.position_wh)
    if quantity > 0 and see.local_bid != NO_PRICE and see.local_ask != NO_PRICE:
        memory[PRICE_FROM + at] = see.local_bid
        memory[SINCE_FROM + at] = see.now_ms
        submit(out, 0, LOCAL, BUY, see.local_bid, quantity, 0)


@register_jitable
def _sell_behind(see: See, memory: Ints, at: int, surplus_wh: int, out: Ints) -> None:
    """Put up the ask that it means, or bring it to where it is met: at a better bid, or just below the best ask."""
    own = memory[PRICE_FROM + at]
    price = see.local_bid
    if price <= own:
        price = max(see.local_ask - see.step_tick, own + see.step_tick)
    price = on_step(see, SELL, price)
    quantity = min(surplus_wh, see.sell_limit_wh + see.position_wh)
    if price == NO_PRICE or quantity <= 0:
        return
    if see.order_side == SELL and see.order:
        if price < see.order_price_tick:
            replace(out, 0, see.order, price, min(quantity, see.order_wh))
    elif see.open_sell_wh == 0:
        submit(out, 0, LOCAL, SELL, price, quantity, 0)


def spoof(see: See, memory: Ints, draw: Callable[[int], int], out: Ints) -> int:  # noqa: ARG001 - the one form
    """Show a large bid, sell to those who follow it, take the bid away."""
    if see.tradable == 0:
        return FOREVER
    left, at = see.gate_ms - see.now_ms, see.period % PLACES
    if left > SPOOFS_MS:
        return int(left - SPOOFS_MS)
    surplus = see.generation_wh + see.battery_wh + see.position_wh - see.load_wh
    looks = (see.now_ms - memory[SINCE_FROM + at]) // memory[WAIT_MS]
    if see.order_side == BUY and see.order:
        memory[SHOWN_FROM + at] = see.order
    if see.open_buy_wh + see.open_sell_wh > 0:
        if left > STOPS_MS and surplus >= memory[LEAST_WH] and looks <= SHOWN_LOOKS:
            _sell_behind(see, memory, at, surplus, out)
        else:
            cancel_both(see, out, memory[SHOWN_FROM + at])
            memory[SINCE_FROM + at] = see.now_ms
    elif left > STOPS_MS and surplus >= memory[LEAST_WH] and looks > 0:
        _show(see, memory, at, surplus, out)
    return int(min(memory[WAIT_MS], left - STOPS_MS)) if left > STOPS_MS else FOREVER


def spoofer(times: int = 9, least_wh: int = 60, wait_ms: int = MS_PER_MINUTE) -> Mind:
    """Make a home that sells its surplus behind bids for `times` as much, which it never means to be met."""
    return Mind(spoof, "spoofer", (int(times), int(least_wh), int(wait_ms)), look_ahead_ms=SPOOFS_MS)


# --- the ring

# Places in its memory row.
PLACE: Final = 0
MEMBERS: Final = 1
ROUND_WH: Final = 2
BASE_TICK: Final = 3

MEETS_MS: Final = 100 * MS_PER_MINUTE
"""Before most others come; so no third party is in the way."""
BEAT_MS: Final = 2 * MS_PER_MINUTE


@register_jitable
def _pass_on(see: See, memory: Ints, beat: int, out: Ints) -> None:
    """Sell to the next member, or buy from the one before, at the price that all know from the product's number."""
    row = cancel(out, 0, see.order) if see.order else 0
    price = on_step(see, SELL, memory[BASE_TICK] + see.period % 8 * 25)
    if price == NO_PRICE:
        return
    sells, buys = beat == memory[PLACE], (beat + 1) % memory[MEMBERS] == memory[PLACE]
    if sells and (see.local_bid == NO_PRICE or see.local_bid <= price):
        submit(out, row, LOCAL, SELL, price, memory[ROUND_WH], 0)
    elif buys and (see.local_ask == NO_PRICE or see.local_ask >= price):
        submit(out, row, LOCAL, BUY, price, memory[ROUND_WH], 0)


def go_round(see: See, memory: Ints, draw: Callable[[int], int], out: Ints) -> int:  # noqa: ARG001 - the one form
    """Pass energy round: beat k of a product is member k's turn to sell to member k + 1."""
    if see.tradable == 0:
        return FOREVER
    since = MEETS_MS - (see.gate_ms - see.now_ms)
    if since < 0:
        return int(-since)
    beat = since // BEAT_MS
    if beat > memory[MEMBERS]:
        return FOREVER
    if since % BEAT_MS == 0:
        _pass_on(see, memory, beat, out)
    return int(BEAT_MS - since % BEAT_MS)


def wash_ring(place: int, members: int = 3, round_wh: int = 300, base_tick: int = 12_000) -> Mind:
    """Make member `place`, from 0, of a ring; each needs a battery or a plant of `round_wh` a period to sell from."""
    return Mind(
        go_round, "wash-ring", (int(place), int(members), int(round_wh), int(base_tick)),
        look_ahead_ms=MEETS_MS + 15 * MS_PER_MINUTE,
    )  # fmt: skip


# --- who makes the last price

# Places in its memory row.
RISE_TICK: Final = 0
TAKES_WH: Final = 1
STUB_WH: Final = 2

LAST_MS: Final = MS_PER_MINUTE


def close_high(see: See, memory: Ints, draw: Callable[[int], int], out: Ints) -> int:  # noqa: ARG001 - the one form
    """Take all asks in the last minute, up to one of its own far above the last price."""
    if see.tradable == 0:
        return FOREVER
    left = see.gate_ms - see.now_ms
    if left != LAST_MS:
        return int(left - LAST_MS) if left > LAST_MS else FOREVER
    if see.last_tick == NO_PRICE:
        return FOREVER
    price = on_step(see, SELL, see.last_tick + memory[RISE_TICK])
    takes_wh = min(memory[TAKES_WH], see.buy_limit_wh - see.position_wh)
    stub_wh = min(memory[STUB_WH], see.sell_limit_wh + see.position_wh)
    if price != NO_PRICE and takes_wh > 0 and stub_wh > 0:
        row = submit(out, 0, LOCAL, SELL, price, stub_wh, 0)
        submit(out, row, LOCAL, BUY, price, takes_wh, IOC)
    return FOREVER


def closer(rise_tick: int = 8_000, takes_wh: int = 1_500, stub_wh: int = 50) -> Mind:
    """Make a home that lifts each product's last price; it needs a battery or a plant to sell from."""
    return Mind(close_high, "closer", (int(rise_tick), int(takes_wh), int(stub_wh)), look_ahead_ms=10 * MS_PER_MINUTE)
