"""The market's own state and the rules it reads, in columns that kernels understand.

One row per agent (a), delivery period (p), book (b); int64 throughout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from wattbook.messages import NO_PRICE
from wattbook.units import PPM

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wattbook.market.setup import Street

    Ints = NDArray[np.int64]

FIRST_RING: Final = 1 << 12


class Rules(NamedTuple):
    """What never changes during a run."""

    has_market: int
    feeders: int
    books: int
    periods: int
    start_ms: int
    period_ms: int
    closes_before_ms: int
    floor_tick: int
    cap_tick: int
    orders_per_wake: int
    max_quantity_wh: int
    opens_ms: Ints
    """(p,)"""
    feeder: Ints
    """(a,)"""
    is_utility: Ints
    """(a,)"""
    unit_cost_tick: Ints
    """(2, a): what a Wh bought by the feeder's or the district's path costs on top of its price: fee, levy and VAT,
    rounded up. Used to reserve money, never to pay it."""
    buy_limit_wh: Ints
    """(a,)"""
    sell_limit_wh: Ints
    """(a,)"""
    capacity_uwh: Ints
    """(a,)"""


class Town(NamedTuple):
    """What commands and deliveries change."""

    connected: Ints
    """(a,) 1 while the agent takes part in the local market."""
    quarantined: Ints
    """(a,)"""
    wake_ms: Ints
    """(a,) the millisecond that `wake_orders` counts."""
    wake_orders: Ints
    """(a,)"""
    net_wh: Ints
    """(2, a, p) bought - sold by path."""
    pay: Ints
    """(2, a, p) received - paid for energy by path [1e-8 EUR]."""
    committed: Ints
    """(a, p) money reserved for trades that are not settled yet [1e-8 EUR]."""
    open_buy_wh: Ints
    """(a, p) resting bids."""
    open_sell_wh: Ints
    """(a, p) resting asks."""
    take_limit_wh: Ints
    """(a, p) most that the battery may take; -1 no limit."""
    give_limit_wh: Ints
    """(a, p)"""
    nominated_wh: Ints
    """(a, p) a utility's nomination."""
    latest: Ints
    """(a, p) the agent's latest order that rests; 0 if none."""
    last_tick: Ints
    """(b, p) price of the last trade."""
    top: Ints
    """(b, p, 4) best bid, its quantity, best ask, its quantity."""
    loss_carry: Ints
    """(3,) losses by path that are not a whole Wh yet [1e-6 Wh]."""
    settled: Ints
    """(p,) 0 before delivery, 1 metered, 2 settled."""


class Ring(NamedTuple):
    """The orders that may still rest, found by their id: row = id modulo the ring's length, a power of two.

    It doubles when a new id would fall on a living one, so it grows with the orders alive at one time, not with all
    that ever were.
    """

    order: Ints
    """0 where nothing lives."""
    agent: Ints
    book: Ints
    period: Ints
    side: Ints
    price_tick: Ints
    remaining_wh: Ints


class Notices(NamedTuple):
    """Who wants to be woken when another's command fills one of its orders, and who is to be."""

    listens: Ints
    """(a,)"""
    waiting: Ints
    """(a,) 1 while the agent stands in `queue`"""
    queue: Ints
    """(a,)"""
    waits: Ints
    """(1,) how many stand in `queue`"""
    look_ms: Ints
    """(a, p) when each agent wants to look at a product again; (0, 0) where nobody listens"""


def no_notices(agents: int) -> Notices:
    """Nobody listens."""
    listens, waiting, queue = (np.zeros(agents, np.int64) for _ in range(3))
    return Notices(listens, waiting, queue, np.zeros(1, np.int64), np.zeros((0, 0), np.int64))


def rules_of(street: Street) -> Rules:
    """Read the rules off a street. Where energy is shared after the event there is no market to act in."""
    market, network = street.market, street.network
    if market is not None and market.sharing is not None:
        market = None
    fees = np.array(network.fee_tick[:2], np.int64)[:, None] + network.levy_tick
    vat = street.vat_ppm[None, :]
    return Rules(
        has_market=int(market is not None),
        feeders=len(street.feeders),
        books=len(street.books),
        periods=street.periods,
        start_ms=street.start_ms,
        period_ms=street.period_ms,
        closes_before_ms=market.closes_before_ms if market else 0,
        floor_tick=market.floor_tick if market else 0,
        cap_tick=market.cap_tick if market else 0,
        orders_per_wake=market.orders_per_wake if market else 0,
        max_quantity_wh=market.max_quantity_wh if market else 0,
        opens_ms=street.opens_ms.astype(np.int64),
        feeder=street.feeder.astype(np.int64),
        is_utility=np.array([kind == "utility" for kind in street.kinds], np.int64),
        unit_cost_tick=-(-(fees * (PPM + vat)) // PPM),
        buy_limit_wh=street.buy_limit_wh.astype(np.int64),
        sell_limit_wh=street.sell_limit_wh.astype(np.int64),
        capacity_uwh=street.battery.capacity_uwh.astype(np.int64),
    )


def empty_town(street: Street) -> Town:
    """Lay out the state before the first command."""
    a, p, b = street.agents, street.periods, max(len(street.books), 1)
    top = np.zeros((b, p, 4), np.int64)
    top[:, :, 0] = top[:, :, 2] = NO_PRICE

    def zeros(*shape: int) -> Ints:
        return np.zeros(shape, np.int64)

    return Town(
        connected=(street.feeder >= 0).astype(np.int64),
        quarantined=zeros(a),
        wake_ms=np.full(a, -1, np.int64),
        wake_orders=zeros(a),
        net_wh=zeros(2, a, p),
        pay=zeros(2, a, p),
        committed=zeros(a, p),
        open_buy_wh=zeros(a, p),
        open_sell_wh=zeros(a, p),
        take_limit_wh=np.full((a, p), -1, np.int64),
        give_limit_wh=np.full((a, p), -1, np.int64),
        nominated_wh=zeros(a, p),
        latest=zeros(a, p),
        last_tick=np.full((b, p), NO_PRICE, np.int64),
        top=top,
        loss_carry=zeros(3),
        settled=zeros(p),
    )


def empty_ring(length: int = FIRST_RING) -> Ring:
    """Lay out a ring of `length` rows, a power of two."""
    return Ring(*(np.zeros(length, np.int64) for _ in Ring._fields))


def doubled(ring: Ring) -> Ring:
    """Give a ring twice as long that holds the same living orders."""
    longer = empty_ring(2 * len(ring.order))
    alive = np.flatnonzero(ring.order)
    rows = ring.order[alive] & (len(longer.order) - 1)
    for old, new in zip(ring, longer, strict=True):
        new[rows] = old[alive]
    return longer
