"""The rule-based home: compares landed cost with its utility, sizes by its forecast, concedes as the gate nears.

A home knows what its utility charges and pays. It buys locally only below `buyer_bound_tick`, sells only above its
feed-in price, and asks of the market a part of the gap between the two that shrinks linearly over its window.
How much it orders is the newsvendor quantile of its forecast. Energy that the battery would take but could not
use before it is full again is offered as well, above its opportunity value: the feed-in price of the later period that
makes it good.

References
----------
Arrow, Harris & Marschak (1951), Econometrica 19:250-272, for the newsvendor's critical ratio. Concession over time
follows the form of Faratin, Sierra & Jennings (1998), Robotics and Autonomous Systems 24:159-182, equation 3 with
exponent 1; we let the persona set where it ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from numba.extending import register_jitable

from wattbook.errors import ConfigError, nearest, refuse
from wattbook.messages import BUY, FOREVER, NO_PRICE, OUT_ACTION, SELL
from wattbook.policies.mind import Mind
from wattbook.policies.orders import (
    DISTRICT,
    LEAVE,
    LOCAL,
    REJOIN,
    buyer_bound_tick,
    keep_one_order,
    on_step,
    quantile_wh,
)
from wattbook.units import MS_PER_HOUR, MS_PER_MINUTE, PPM

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from wattbook.messages import See

    Ints = NDArray[np.int64]

# Places in the memory row.
WINDOW_MS: Final = 0
"""How long before the gate the home begins to trade a product."""
MARGIN_TICK: Final = 1
"""What it insists on gaining against its utility, at the very last [ticks]."""
GREED_PPM: Final = 2
"""Share of the gap that it asks for at the start of its window."""
GREEN_TICK: Final = 3
"""Part of its gain that it gives up to buy or sell locally [ticks]; never more than the gain."""
LOOK_MS: Final = 4
"""How often it looks at a product whose gate is near; 0 only with each new forecast."""
DRAWS: Final = 5
"""Random numbers used so far."""
PATIENCE: Final = 6
"""Products in a row without a trade after which it leaves the local market; 0 never."""
IDLE_PERIODS: Final = 7
LAST_PERIOD: Final = 8
AWAY_MS: Final = 9
"""How long it stays away."""
BACK_MS: Final = 10
"""When it comes back [ms UTC]; 0 while it is there."""

NEAR_MS: Final = 45 * MS_PER_MINUTE
MIN_MARGIN_TICK: Final = 2
SLACK_TICK: Final = 200
"""A change of price that is not worth losing time priority for: 2 EUR/MWh."""


class Persona(NamedTuple):
    """What tells rule-based homes apart."""

    window_min: int
    margin_ct_per_mwh: int
    greed_percent: int
    green_ct_per_mwh: int
    look_min: int
    patience_periods: int
    away_hours: int


PERSONAS: Final = {
    "balanced": Persona(75, 100, 90, 0, 14, 0, 0),
    "patient": Persona(90, 300, 100, 0, 17, 0, 0),
    "eager": Persona(45, 50, 60, 0, 10, 0, 0),
    "green": Persona(80, 50, 75, 300, 12, 0, 0),
    "thrifty": Persona(60, 600, 100, 0, 15, 40, 4),
    "steady": Persona(22, 100, 60, 0, 0, 0, 0),
}
"""Rule-based homes by name. `thrifty` leaves the local market for some hours when it has traded nothing for long;
`steady` thinks when its forecast is new and at no other time: one or two looks at each product, a city's pace."""
MIXED: Final = ("balanced", "eager", "green", "patient", "thrifty")
"""Who lives in a neighbourhood if nothing else is said."""


@register_jitable
def _asked_tick(see: See, memory: Ints, start: int, limit: int, luck: int) -> int:
    """Price on the straight line from `start` to `limit` over the home's window, a little jittered."""
    window = memory[WINDOW_MS]
    left = min(max(see.gate_ms - see.now_ms, 0), window)
    share = memory[GREED_PPM] * left // window
    share = min(max(share + luck % 60_001 - 30_000, 0), PPM)
    return int(limit + (start - limit) * share // PPM)


@register_jitable
def _buy(see: See, memory: Ints, need_wh: int, luck: int, out: Ints) -> None:
    """Bid for `need_wh` where it lands cheapest."""
    margin = max(memory[MARGIN_TICK] - memory[GREEN_TICK], MIN_MARGIN_TICK)
    near = buyer_bound_tick(see, see.local_fee_tick) - margin
    price = _asked_tick(see, memory, min(see.feed_in_tick, near), near, luck)
    book = LOCAL
    if see.district_fee_tick != NO_PRICE:
        gap = buyer_bound_tick(see, see.local_fee_tick) - buyer_bound_tick(see, see.district_fee_tick)
        ask_near = see.local_ask if see.local_ask != NO_PRICE else see.cap_tick + PPM
        ask_wide = see.district_ask + gap if see.district_ask != NO_PRICE else see.cap_tick + PPM
        if min(ask_near, ask_wide) <= price:
            book = DISTRICT if ask_wide < ask_near else LOCAL
        elif 2 * (see.gate_ms - see.now_ms) < memory[WINDOW_MS]:
            book = DISTRICT
        if book == DISTRICT:
            price -= gap
    price = on_step(see, BUY, price)
    if price == NO_PRICE:
        keep_one_order(see, out, book, BUY, 0, 0, 0)
        return
    fee = see.district_fee_tick if book == DISTRICT else see.local_fee_tick
    bound = buyer_bound_tick(see, fee)
    quantity = quantile_wh(need_wh, see.sd_wh, bound - price, bound - see.feed_in_tick)
    quantity = min(quantity, see.buy_limit_wh - see.position_wh)
    keep_one_order(see, out, book, BUY, price, quantity, SLACK_TICK)


@register_jitable
def _sell(see: See, memory: Ints, surplus_wh: int, luck: int, out: Ints) -> None:
    """Ask for `surplus_wh`, and for what the battery spills if the price is right, in the book that bids more."""
    margin = max(memory[MARGIN_TICK] - memory[GREEN_TICK], MIN_MARGIN_TICK)
    limit = see.feed_in_tick + margin
    start = max(buyer_bound_tick(see, see.local_fee_tick), limit)
    price = on_step(see, SELL, _asked_tick(see, memory, start, limit, luck))
    if price == NO_PRICE:
        keep_one_order(see, out, LOCAL, SELL, 0, 0, 0)
        return
    if price >= see.spill_tick + MIN_MARGIN_TICK:
        surplus_wh += see.spill_wh
    book = LOCAL
    if see.district_fee_tick != NO_PRICE:
        if max(see.local_bid, see.district_bid) >= price:
            book = DISTRICT if see.district_bid > see.local_bid else LOCAL
        elif 2 * (see.gate_ms - see.now_ms) < memory[WINDOW_MS]:
            book = DISTRICT
    # A shortfall is bought back from the utility, with VAT but without network use.
    dear = see.retail_tick * (PPM + see.vat_ppm) // PPM
    quantity = quantile_wh(surplus_wh, see.sd_wh, price - see.feed_in_tick, dear - see.feed_in_tick)
    if see.capacity_wh > 0:
        # The battery evens errors out, and what it holds is worth more at home: nothing beyond the expected surplus.
        quantity = min(quantity, surplus_wh)
    elif see.generation_wh == 0:
        # Nothing of its own to give: only what was bought too much can be sold again.
        quantity = min(quantity, max(see.position_wh, 0))
    quantity = min(quantity, see.sell_limit_wh + see.position_wh)
    keep_one_order(see, out, book, SELL, price, quantity, SLACK_TICK)


@register_jitable
def _tires(see: See, memory: Ints) -> bool:
    """Count products that closed without a trade; say whether the home has had enough of the local market."""
    if memory[PATIENCE] == 0 or see.gate_ms - see.now_ms > NEAR_MS:
        return False
    if see.position_wh != 0:
        memory[IDLE_PERIODS] = 0
    elif see.period > memory[LAST_PERIOD]:
        memory[IDLE_PERIODS] += 1
    memory[LAST_PERIOD] = max(memory[LAST_PERIOD], see.period)
    return bool(memory[IDLE_PERIODS] > memory[PATIENCE])


@register_jitable
def _leave_or_return(see: See, memory: Ints, out: Ints) -> bool:
    """Handle a home that is away or about to go; say whether that settles this look."""
    if memory[BACK_MS] > 0:
        if see.now_ms >= memory[BACK_MS]:
            memory[BACK_MS] = 0
            memory[IDLE_PERIODS] = 0
            out[0, OUT_ACTION] = REJOIN
        return True
    if _tires(see, memory):
        memory[BACK_MS] = see.now_ms + memory[AWAY_MS]
        out[0, OUT_ACTION] = LEAVE
        return True
    return False


def rule_based(see: See, memory: Ints, draw: Callable[[int], int], out: Ints) -> int:
    """Trade what the home expects to lack or to have left in this product.

    Returns the delay [ms] until it wants to look at this product again: often when its gate is near, otherwise
    with the next forecast.
    """
    if see.tradable == 0 and memory[BACK_MS] == 0:
        return FOREVER
    if _leave_or_return(see, memory, out):
        return FOREVER
    left = see.gate_ms - see.now_ms
    if left > memory[WINDOW_MS]:
        return FOREVER if memory[LOOK_MS] == 0 else int(left - memory[WINDOW_MS])
    memory[DRAWS] += 1
    luck = draw(memory[DRAWS])
    residual = see.load_wh - see.generation_wh - see.battery_wh - see.position_wh
    if residual > 0:
        _buy(see, memory, residual, luck, out)
    else:
        _sell(see, memory, -residual, luck, out)
    if left > NEAR_MS or memory[LOOK_MS] == 0:
        return FOREVER
    return int(memory[LOOK_MS] + luck % (memory[LOOK_MS] // 2))


def home(persona: str = "balanced") -> Mind:
    """Make a rule-based home of the named persona (see `PERSONAS`).

    Raises
    ------
    ConfigError
        If there is no such persona.
    """
    if persona not in PERSONAS:
        hint = nearest(str(persona), PERSONAS)
        refuse(ConfigError(f"persona={persona!r} is unknown{hint}: choose from {', '.join(PERSONAS)}"))
        persona = "balanced"
    p = PERSONAS[persona]
    memory = [0] * (BACK_MS + 1)
    memory[WINDOW_MS] = p.window_min * MS_PER_MINUTE
    memory[MARGIN_TICK] = p.margin_ct_per_mwh
    memory[GREED_PPM] = p.greed_percent * (PPM // 100)
    memory[GREEN_TICK] = p.green_ct_per_mwh
    memory[LOOK_MS] = p.look_min * MS_PER_MINUTE
    memory[PATIENCE] = p.patience_periods
    memory[LAST_PERIOD] = -1
    memory[AWAY_MS] = p.away_hours * MS_PER_HOUR
    early_min = 15 if p.look_min else 0
    return Mind(rule_based, "home", tuple(memory), persona, look_ahead_ms=(p.window_min + early_min) * MS_PER_MINUTE)
