"""The rules of the call auction, told in plain Python.

Owns the law of one clearing: at which price, who is filled with how much, who with whom. Knows no book: it is given
orders in priority order, and says what to do.

1. **Price.** Of all ticks on the step inside the band the one with the most volume; of equal ones the one that leaves
   the least surplus; then market pressure: if at all of these demand is left over the highest, if supply is left over
   at all of them the lowest; then the nearest to the reference price; then the lower tick.
2. **Rationing.** Better limits are filled in full. Where the volume runs out, at the margin, it goes by time or by
   quantity, in whole lots.
3. **Pairing.** The filled bids and the filled asks meet each other in priority order.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wattbook.book.terms import Terms


class Limit(Protocol):
    """What the law needs to know of an order."""

    price_tick: int
    remaining_wh: int


class Outcome(NamedTuple):
    """Volume and surplus (demand - supply) at one price [Wh]."""

    price_tick: int
    volume_wh: int
    surplus_wh: int


def clearing_price(bids: Sequence[Limit], asks: Sequence[Limit], terms: Terms, reference_tick: int) -> int | None:
    """Rule 1; None where nothing can trade."""
    outcomes = [_outcome(bids, asks, price) for price in _candidates(bids, asks, terms, reference_tick)]
    most = max((outcome.volume_wh for outcome in outcomes), default=0)
    if not most:
        return None
    outcomes = [outcome for outcome in outcomes if outcome.volume_wh == most]
    least = min(abs(outcome.surplus_wh) for outcome in outcomes)
    outcomes = [outcome for outcome in outcomes if abs(outcome.surplus_wh) == least]
    if all(outcome.surplus_wh > 0 for outcome in outcomes):
        return max(outcome.price_tick for outcome in outcomes)
    if all(outcome.surplus_wh < 0 for outcome in outcomes):
        return min(outcome.price_tick for outcome in outcomes)
    return min((outcome.price_tick for outcome in outcomes), key=lambda tick: (abs(tick - reference_tick), tick))


def _candidates(bids: Sequence[Limit], asks: Sequence[Limit], terms: Terms, reference_tick: int) -> set[int]:
    """Ticks among which the best of all ticks is.

    Volume and surplus change only from one limit to the tick beside it, so of ticks that are equal in them the
    highest and the lowest are limits or beside one, and the nearest to the reference is one of these or beside it.
    """
    step = terms.step_tick
    limits = {order.price_tick for order in [*bids, *asks]}
    below = reference_tick - reference_tick % step
    ticks = {limit + away for limit in limits for away in (-step, 0, step)} | {below, below + step}
    return {tick for tick in ticks if terms.floor_tick <= tick <= terms.cap_tick}


def _outcome(bids: Sequence[Limit], asks: Sequence[Limit], price_tick: int) -> Outcome:
    demand_wh = sum(order.remaining_wh for order in bids if order.price_tick >= price_tick)
    supply_wh = sum(order.remaining_wh for order in asks if order.price_tick <= price_tick)
    return Outcome(price_tick, min(demand_wh, supply_wh), demand_wh - supply_wh)


def allocation(
    orders: Sequence[Limit], side: int, price_tick: int, volume_wh: int, lot_wh: int, *, pro_rata: bool
) -> list[int]:
    """Rule 2: what each of `orders`, one side in priority order, is filled with at `price_tick` [Wh]."""
    shares: list[int] = []
    left_wh = volume_wh
    for limit, group in groupby(orders, key=lambda order: order.price_tick):
        wants = [order.remaining_wh if side * limit >= side * price_tick else 0 for order in group]
        level = by_quantity(wants, left_wh, lot_wh) if pro_rata else by_time(wants, left_wh)
        left_wh -= sum(level)
        shares += level
    return shares


def by_time(wants: Sequence[int], left_wh: int) -> list[int]:
    """Serve the earlier first."""
    shares = []
    for want in wants:
        shares.append(min(want, left_wh))
        left_wh -= shares[-1]
    return shares


def by_quantity(wants: Sequence[int], left_wh: int, lot_wh: int) -> list[int]:
    """Serve all in proportion: whole lots, rounded down; then one lot each by largest remainder, the earlier first."""
    total = sum(wants)
    if total <= left_wh:
        return list(wants)
    lots = left_wh // lot_wh
    shares = [want * lots // total for want in wants]
    by_remainder = sorted(range(len(wants)), key=lambda i: -(wants[i] * lots % total))
    for i in by_remainder[: lots - sum(shares)]:
        shares[i] += 1
    return [share * lot_wh for share in shares]


def pairs(bids: Sequence[int], asks: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Rule 3: (bid, ask, quantity) of each match, by places in two lists of allocated quantities of one sum [Wh]."""
    bids_left, asks_left = list(bids), list(asks)
    bid = ask = 0
    while bid < len(bids_left) and ask < len(asks_left):
        quantity_wh = min(bids_left[bid], asks_left[ask])
        if quantity_wh:
            yield bid, ask, quantity_wh
        bids_left[bid] -= quantity_wh
        asks_left[ask] -= quantity_wh
        if not bids_left[bid]:
            bid += 1
        else:
            ask += 1
    assert not sum(bids_left)
    assert not sum(asks_left)
