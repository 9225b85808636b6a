"""The market's own state and the rules it reads, in columns that kernels understand.

One row per agent (a), delivery period (p), book (b); int64 throughout. What belongs to one agent, or to one order, and
to no period lies in one record: an agent that wakes after thousands of others finds nothing of its own in the caches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from wattbook.assets import Batteries
from wattbook.messages import NO_PRICE, Path
from wattbook.records import columns_of, records, shelves
from wattbook.units import PPM

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wattbook.market.setup import Street

    Ints = NDArray[np.int64]

FIRST_RING: Final = 1 << 12
MEMBER_WIDTH: Final = 16
"""Of the record that `Rules`, `Town` and `Notices` share, in the order of `members`."""
RING_WIDTH: Final = 8
STORAGE_WIDTH: Final = 8
_NEVER: Final = -(1 << 62)
"""Before any moment: nothing is refused yet."""
TOWN_SHELF: Final = 10
"""Rows on an agent's shelf of `Town`: two of `net_wh` and of `pay`, and one of each that follows but `nominated_wh`."""


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
    stall_bits: int
    """Bits of an order's number that tell its stall, see `wattbook.market.stalls`."""
    opens_ms: Ints
    """(p,)"""
    unit_cost_tick: Ints
    """(2, a): what a Wh bought in the feeder's or the wide book costs on top of its price: fee, levy and VAT on both,
    rounded up. Used to reserve money, never to pay it."""
    feeder: Ints
    """(a,)"""
    is_utility: Ints
    """(a,)"""
    buy_limit_wh: Ints
    """(a,)"""
    sell_limit_wh: Ints
    """(a,)"""
    capacity_uwh: Ints
    """(a,)"""
    energy_vat_ppm: Ints
    """(a,) VAT on what the agent pays for energy in the wide book; 0 unless that is a gateway's."""


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
    latest: Ints
    """(a, p) the agent's latest order that rests; 0 if none."""
    take_limit_wh: Ints
    """(a, p) most that the battery may take; -1 no limit."""
    give_limit_wh: Ints
    """(a, p)"""
    nominated_wh: Ints
    """(a, p) a utility's nomination."""
    last_tick: Ints
    """(b, p) price of the last trade."""
    top: Ints
    """(b, p, 4) best bid, its quantity, best ask, its quantity."""
    loss_carry: Ints
    """(3,) losses by path that are not a whole Wh yet [1e-6 Wh]."""
    settled: Ints
    """(p,) 0 before delivery, 1 metered, 2 settled."""
    suspended_ms: Ints
    """(a,) until when the agent's orders are refused."""
    capped_ms: Ints
    """(a,) until when it may not ask for more than `ask_cap_tick`."""
    ask_cap_tick: Ints
    """(a,)"""
    halted_ms: Ints
    """(b, p) until when the product takes no orders."""
    halts_end_ms: Ints
    """(1,) when the last of these ends: until then only they are looked at."""


class Ring(NamedTuple):
    """The orders of a stall that may still rest.

    An order's row is its number without the bits that tell the stall, modulo the ring's length, a power of two. The
    ring doubles when a new order would fall on a living one: it grows with the orders alive at one time, not with all
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


def members(street: Street, stall_bits: int) -> tuple[Rules, Town, Notices]:
    """Lay out rules, state and notices of a street before the first command: nobody listens.

    Where energy is shared after the event there is no market to act in.
    """
    a = street.agents
    block = records(a, MEMBER_WIDTH)
    market, network = street.market, street.network
    if market is not None and market.sharing is not None:
        market = None
    fees = np.array([network.fee_tick[path] for path in (Path.FEEDER, street.wide_path)], np.int64)
    near_cost, wide_cost = -(-((fees + network.levy_tick)[:, None] * (PPM + street.vat_ppm[None, :])) // PPM)
    energy_vat_ppm = np.zeros(a, np.int64)
    if market is not None and market.gateway is not None:
        homes = street.utility >= 0
        # Whoever draws nothing from the place's net owes it nothing either.
        near_cost, wide_cost = near_cost * homes, wide_cost * homes
        energy_vat_ppm = street.vat_ppm * homes
    is_utility = np.array([kind == "utility" for kind in street.kinds], np.int64)
    (
        _, _, feeder, is_utility, buy_limit_wh, sell_limit_wh, capacity_uwh, energy_vat_ppm, connected, quarantined,
        wake_ms, wake_orders, suspended_ms, capped_ms, listens, waiting,
    ) = columns_of(
        block, near_cost, wide_cost, street.feeder, is_utility, street.buy_limit_wh, street.sell_limit_wh,
        street.battery.capacity_uwh, energy_vat_ppm, (street.feeder >= 0).astype(np.int64), 0, -1, 0, _NEVER,
        _NEVER, 0, 0,
    )  # fmt: skip
    rules = Rules(
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
        stall_bits=stall_bits,
        opens_ms=street.opens_ms.astype(np.int64),
        unit_cost_tick=block[:, :2].T,
        feeder=feeder,
        is_utility=is_utility,
        buy_limit_wh=buy_limit_wh,
        sell_limit_wh=sell_limit_wh,
        capacity_uwh=capacity_uwh,
        energy_vat_ppm=energy_vat_ppm,
    )
    notices = Notices(listens, waiting, np.zeros(a, np.int64), np.zeros(1, np.int64), np.zeros((0, 0), np.int64))
    own = (connected, quarantined, wake_ms, wake_orders, suspended_ms, capped_ms)
    return rules, _empty_town(street, *own), notices


def _empty_town(
    street: Street, connected: Ints, quarantined: Ints, wake_ms: Ints, wake_orders: Ints, suspended_ms: Ints,
    capped_ms: Ints,
) -> Town:  # fmt: skip
    """Lay out the state before the first command."""
    a, p, b = street.agents, street.periods, max(len(street.books), 1)
    top = np.zeros((b, p, 4), np.int64)
    top[:, :, 0] = top[:, :, 2] = NO_PRICE

    def zeros(*shape: int) -> Ints:
        return np.zeros(shape, np.int64)

    shelf = shelves(a, TOWN_SHELF, p)
    shelf[:, -2:] = -1
    by_path = shelf.transpose(1, 0, 2)
    return Town(
        connected=connected,
        quarantined=quarantined,
        wake_ms=wake_ms,
        wake_orders=wake_orders,
        net_wh=by_path[0:2],
        pay=by_path[2:4],
        committed=shelf[:, 4],
        open_buy_wh=shelf[:, 5],
        open_sell_wh=shelf[:, 6],
        latest=shelf[:, 7],
        take_limit_wh=shelf[:, 8],
        give_limit_wh=shelf[:, 9],
        nominated_wh=zeros(a, p),
        last_tick=np.full((b, p), NO_PRICE, np.int64),
        top=top,
        loss_carry=zeros(3),
        settled=zeros(p),
        suspended_ms=suspended_ms,
        capped_ms=capped_ms,
        ask_cap_tick=zeros(a),
        halted_ms=np.full((b, p), _NEVER, np.int64),
        halts_end_ms=np.full(1, _NEVER, np.int64),
    )


def storage_of(street: Street) -> Batteries:
    """Lay out the street's batteries as they are at the start; their charge moves on."""
    return Batteries(*columns_of(records(street.agents, STORAGE_WIDTH), *street.battery))


def empty_ring(length: int = FIRST_RING) -> Ring:
    """Lay out a ring of `length` rows, a power of two."""
    return Ring(*columns_of(records(length, RING_WIDTH), *(0 for _ in Ring._fields)))


def doubled(ring: Ring, stall_bits: int) -> Ring:
    """Give a ring twice as long that holds the same living orders."""
    longer = empty_ring(2 * len(ring.order))
    alive = np.flatnonzero(ring.order)
    rows = (ring.order[alive] >> stall_bits) & (len(longer.order) - 1)
    for old, new in zip(ring, longer, strict=True):
        new[rows] = old[alive]
    return longer
