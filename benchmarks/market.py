"""The zero-intelligence market that whole runs are measured on: n traders, each on its own clock, a book a feeder.

Each trader has a side and a limit, drawn once; there is always one more unit to trade, so the market never dries up.
At each wake it looks at the best quotes of its feeder and puts its one resting order at a random price within its
limit (Gode & Sunder's ZI-C), for a random quantity. It wakes again after 10 to 20 minutes: 96 times a day. The one
product at a time is the next day, traded until that begins. There are no loads, plants, batteries or
forecasts: what is measured is clocks, looking, admission, books, accounts and journal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numba.extending import register_jitable

from wattbook.assets import Batteries, Forecast
from wattbook.chance import draws, keys_of
from wattbook.market import MarketRules, NetworkRules, Street
from wattbook.market.setup import About
from wattbook.messages import BUY, FOREVER, NO_PRICE, OUT_ACTION, SELL
from wattbook.policies import Mind
from wattbook.policies.orders import LOCAL, keep_one_order
from wattbook.units import MS_PER_HOUR, MS_PER_MINUTE
from wattbook.world import Outlook, World

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from wattbook.messages import See

    Ints = NDArray[np.int64]

SEED: Final = 7
START_MS: Final = 1_465_164_000_000
DAY_MS: Final = 24 * MS_PER_HOUR
LOOK_MS: Final = 10 * MS_PER_MINUTE
"""A trader wakes again after this time to twice of it."""
WAKE_EVERY_MS: Final = LOOK_MS + LOOK_MS // 2
TRADERS_PER_FEEDER: Final = 250
FLOOR_TICK: Final = 0
CAP_TICK: Final = 20_000
LOT_WH: Final = 100
MOST_LOTS: Final = 10
LIMITS: Final = 64
"""Different limits a side."""
CREDIT: Final = 10**15
"""Nobody runs out of money [1e-8 EUR] ..."""
CAPABILITY_WH: Final = 1 << 40
"""... or of energy."""
MAX_QUANTITY_WH: Final = 10**9

SIDE: Final = 0
LIMIT: Final = 1
"""Places of a trader's memory."""


# --- what a trader does; policies for the split of costs leave parts of it out


@register_jitable
def _random_price(see: See, memory: Ints, luck: int) -> int:
    """Draw a price [ticks] between the band's edge and the limit, no further than the best quote to trade with."""
    if memory[SIDE] == BUY:
        price = see.floor_tick + luck % (memory[LIMIT] - see.floor_tick + 1)
        return min(price, see.local_ask) if see.local_ask != NO_PRICE else price
    price = memory[LIMIT] + luck % (see.cap_tick - memory[LIMIT] + 1)
    return max(price, see.local_bid) if see.local_bid != NO_PRICE else price


@register_jitable
def _quantity(luck: int) -> int:
    return LOT_WH * (1 + (luck >> 20) % MOST_LOTS)


@register_jitable
def _delay(luck: int) -> int:
    return LOOK_MS + (luck >> 30) % LOOK_MS


def quote(see: See, memory: Ints, draw: Callable[[int], int], out: Ints) -> int:
    """Put the one order at a random price within the limit."""
    if see.tradable == 0:
        return FOREVER
    luck = draw(see.now_ms)
    price = _random_price(see, memory, luck)
    keep_one_order(see, out, LOCAL, memory[SIDE], price, _quantity(luck), 0)
    return _delay(luck)


def only_wake(see: See, memory: Ints, draw: Callable[[int], int], out: Ints) -> int:  # noqa: ARG001 - the one form
    """Wake at the same times, and do nothing."""
    if see.tradable == 0:
        return FOREVER
    return _delay(draw(see.now_ms))


def only_decide(see: See, memory: Ints, draw: Callable[[int], int], out: Ints) -> int:
    """Decide as ever, and keep it to oneself."""
    if see.tradable == 0:
        return FOREVER
    luck = draw(see.now_ms)
    price = _random_price(see, memory, luck)
    keep_one_order(see, out, LOCAL, memory[SIDE], price, _quantity(luck), 0)
    out[0, OUT_ACTION] = 0
    return _delay(luck)


def only_ask(see: See, memory: Ints, draw: Callable[[int], int], out: Ints) -> int:
    """Send an order that admission refuses at its end, for its size."""
    if see.tradable == 0:
        return FOREVER
    luck = draw(see.now_ms)
    price = _random_price(see, memory, luck)
    keep_one_order(see, out, LOCAL, memory[SIDE], price, _quantity(luck) + MAX_QUANTITY_WH, 0)
    return _delay(luck)


POLICIES: Final = {policy.__name__: policy for policy in (quote, only_wake, only_decide, only_ask)}


# --- the place


class Size(NamedTuple):
    """How large a market is.

    Attributes
    ----------
    traders : int
    days : int
        Days that it can go on for, at least one.
    """

    traders: int
    days: int


def minds(traders: int, policy: Any) -> list[Mind | None]:
    """How the traders decide (n,): side and limit are drawn by each one's name, from `LIMITS` a side."""
    keys = keys_of(SEED, names_of(traders), "trader")
    limit = FLOOR_TICK + (CAP_TICK - FLOOR_TICK) * (1 + draws(keys, 1) % LIMITS) // (LIMITS + 1)
    side = np.where(draws(keys, 0) % 2 == 0, BUY, SELL)
    kinds: dict[tuple[int, int], Mind] = {}
    return [
        kinds.setdefault(each, Mind(policy, policy.__name__, each, look_ahead_ms=DAY_MS))
        for each in zip(side.tolist(), limit.tolist(), strict=True)
    ]


def names_of(traders: int) -> list[str]:
    """Names of the traders, sorted."""
    return [f"trader-{number:07d}" for number in range(traders)]


def first_wakes_ms(traders: int) -> Ints:
    """When each trader wakes first [ms from the start], (n,): spread out, so that no herd starts in step."""
    return draws(keys_of(SEED, names_of(traders), "first wake"), 0) % WAKE_EVERY_MS


def street_of(size: Size) -> Street:
    """Lay the place out: traders on feeders, one utility that nobody needs, a product a day."""
    n, periods = size.traders, size.days + 1
    agents = n + 1

    def each(value: int, last: int = 0) -> Ints:
        return np.append(np.full(n, value, np.int64), last)

    def column(value: int = 0) -> Ints:
        return np.full((agents, periods), value, np.int64)

    retail, feed_in = column(), column()
    retail[n], feed_in[n] = CAP_TICK, FLOOR_TICK
    spot = np.full(periods, CAP_TICK // 2, np.int64)
    feeders = -(-n // TRADERS_PER_FEEDER)
    return Street(
        names=(*names_of(n), "utility"),
        kinds=("consumer",) * n + ("utility",),
        feeders=tuple(f"feeder-{number:05d}" for number in range(feeders)),
        has_district=False,
        start_ms=START_MS,
        period_ms=DAY_MS,
        periods=periods,
        timezone="UTC",
        # A day is opened when the one before it begins.
        opens_ms=START_MS + (np.arange(periods) - 1) * DAY_MS,
        feeder=np.append(np.arange(n) // TRADERS_PER_FEEDER, -1),
        utility=each(n, -1),
        vat_ppm=each(0),
        credit_limit=each(CREDIT, CREDIT),
        endowment=each(0),
        load_wh=column(),
        generation_wh=column(),
        missing=np.zeros((agents, periods), bool),
        substitute_wh=column(),
        buy_limit_wh=each(CAPABILITY_WH),
        sell_limit_wh=each(CAPABILITY_WH),
        maintenance=column(),
        battery=Batteries.of([None] * agents),
        retail_tick=retail,
        feed_in_tick=feed_in,
        spot_tick=spot,
        short_tick=spot,
        long_tick=spot,
        network=NetworkRules((0, 0, 0), (0, 0, 0), 0),
        market=MarketRules(0, FLOOR_TICK, CAP_TICK, 1, "off", 1_000, MAX_QUANTITY_WH),
        about=About(({"persona": "", "policy": "zero intelligence", "label": ""},), np.zeros(agents, np.int64)),
    )


def world_of(size: Size, engine: str, policy: str = "quote", sink: Path | None = None) -> World:
    """Make a world of the market, ready to run; the utility sleeps."""
    street = street_of(size)
    outlook = Outlook(Forecast("oracle", update_every=DAY_MS), street.load_wh, street.generation_wh)
    return World(street, [*minds(size.traders, POLICIES[policy]), None], outlook, SEED, "fail", sink, engine=engine)
