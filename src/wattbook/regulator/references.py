"""What a producer's MWh is taken to be worth: its cost by public indices, or levels that the record itself shows.

Owns three methods. By cost: `Known.reference_tick`. By accepted offers: the median, weighted by energy, of the asks of
it that were taken in periods in which the others could have met demand. By prices: the mean of the lowest quarter of
the prices at which it sold. The last two look back over a bounded window and fall back to cost where it holds too
little; what is being judged is never a part of its own reference, as levels are read before a day is added.

References
----------
Levels by accepted offers and by prices over 90 days, each with a fallback, are those of the American system operators'
reference levels (docs/regulator-structure.md); we weigh offers by energy and prices by periods.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from wattbook.messages import SELL
from wattbook.units import MS_PER_DAY, half_even

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from wattbook.regulator.ahead import Day
    from wattbook.regulator.known import Known
    from wattbook.regulator.reclearing import Order

WINDOW_MS: Final = 90 * MS_PER_DAY
LEAST_PERIODS: Final = 24
"""Fewer periods than these say too little of a level: an assumption of calibration."""
_QUARTER: Final = 4


class Method(IntEnum):
    """How a reference is made."""

    COST = 0
    ACCEPTED_OFFERS = 1
    PRICES = 2


class Seen(NamedTuple):
    """A price that was seen in a period, and how much it weighs."""

    start_ms: int
    price_tick: int
    weight: int


class Levels:
    """Prices of one kind within a trailing window, in order of price.

    Adding or forgetting one costs what finding its place costs, a level what there are prices in the window.
    """

    def __init__(self) -> None:
        self.seen: deque[Seen] = deque()
        self.weights: dict[int, int] = {}
        self.prices: list[int] = []
        """Those with a weight, ascending."""
        self.total = self.periods = 0
        """Weight, and number of periods, in the window."""

    def add(self, seen: Seen) -> None:
        """Take in a price, none older than those before."""
        self.periods += not self.seen or self.seen[-1].start_ms != seen.start_ms
        self.seen.append(seen)
        if seen.price_tick not in self.weights:
            insort(self.prices, seen.price_tick)
        self._weigh(seen.price_tick, seen.weight)

    def forget(self, until_ms: int) -> None:
        """Drop what was seen at `until_ms` or before."""
        while self.seen and self.seen[0].start_ms <= until_ms:
            old = self.seen.popleft()
            self.periods -= not self.seen or self.seen[0].start_ms != old.start_ms
            self._weigh(old.price_tick, -old.weight)
            if not self.weights[old.price_tick]:
                del self.weights[old.price_tick]
                self.prices.pop(bisect_left(self.prices, old.price_tick))

    def _weigh(self, price_tick: int, weight: int) -> None:
        self.weights[price_tick] = self.weights.get(price_tick, 0) + weight
        self.total += weight

    def median_tick(self) -> int:
        """Lowest price below or at which half of the weight lies."""
        lying = 0
        for price in self.prices:
            lying += self.weights[price]
            if 2 * lying >= self.total:
                return price
        raise AssertionError("a median of nothing")

    def low_mean_tick(self) -> int:
        """Mean of the lowest quarter of the weight, at least of 1, half-even."""
        count = left = max(1, self.total // _QUARTER)
        money = 0
        for price in self.prices:
            taken = min(left, self.weights[price])
            money, left = money + price * taken, left - taken
            if not left:
                break
        return half_even(money, count)


class References:
    """Reference levels of all producers, kept on the record.

    Parameters
    ----------
    known : Known
    window_ms, least_periods : int
        How far they look back, and of how many periods they need to know.
    """

    def __init__(self, known: Known, window_ms: int = WINDOW_MS, least_periods: int = LEAST_PERIODS) -> None:
        self.known, self.window_ms, self.least_periods = known, window_ms, least_periods
        self.place = {agent: row for row, agent in enumerate(known.producers.tolist())}
        self.levels = {method: [Levels() for _ in self.place] for method in (Method.ACCEPTED_OFFERS, Method.PRICES)}
        self._told: dict[tuple[Method, int], int | None] = {}
        """Levels as they stand, None where too little is known: they change with a day, not with a period."""

    def add(self, day: Day, competitive: Iterable[tuple[int, int]]) -> None:
        """Take in a day that has been settled.

        Parameters
        ----------
        competitive : iterable of (period, agent)
            Where the others could have met demand.
        """
        self._told.clear()
        free = set(competitive)
        for period in day.periods.tolist():
            if period not in day.spot:
                continue
            orders, _ = day.orders_of(period)
            start_ms, price_tick = self.known.start_of(period), day.spot[period][1]
            for agent, row in self.place.items():
                sold_wh = day.sold_wh(period, agent)
                if not sold_wh:
                    continue
                self.levels[Method.PRICES][row].add(Seen(start_ms, price_tick, 1))
                if (period, agent) in free:
                    for tick, energy_wh in accepted(orders, agent, sold_wh):
                        self.levels[Method.ACCEPTED_OFFERS][row].add(Seen(start_ms, tick, energy_wh))

    def forget(self, now_ms: int) -> None:
        """Drop what lies before the window that ends now."""
        self._told.clear()
        for rows in self.levels.values():
            for levels in rows:
                levels.forget(now_ms - self.window_ms)

    def tick(self, method: Method, agent: int, period: int) -> int:
        """Give a producer's reference for a period."""
        row = self.place[agent]
        if (method, row) not in self._told:
            self._told[method, row] = self._level(method, row)
        level = self._told[method, row]
        return int(self.known.reference_tick[row, period]) if level is None else level

    def _level(self, method: Method, row: int) -> int | None:
        if method == Method.COST:
            return None
        levels = self.levels[method][row]
        if not levels.total or levels.periods < self.least_periods:
            return None
        return levels.median_tick() if method == Method.ACCEPTED_OFFERS else levels.low_mean_tick()

    # --- saving

    def export(self) -> dict[str, Any]:
        """Give the whole state, as JSON can hold it."""
        return {
            method.name: [[list(seen) for seen in levels.seen] for levels in rows]
            for method, rows in self.levels.items()
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `export` gave."""
        self._told.clear()
        for method, rows in self.levels.items():
            for row, told in enumerate(state[method.name]):
                rows[row] = Levels()
                for seen in told:
                    rows[row].add(Seen(*seen))


def accepted(orders: Sequence[Order], agent: int, sold_wh: int) -> list[tuple[int, int]]:
    """Give prices and energies of an agent's asks that were taken.

    >>> from wattbook.regulator.reclearing import Order
    >>> accepted([Order(0, -1, 9_000, 40), Order(0, -1, 5_000, 60), Order(1, -1, 1_000, 10)], 0, 80)
    [(5000, 60), (9000, 20)]
    """
    return [(orders[i].price_tick, energy_wh) for i, energy_wh in taken_wh(orders, agent, sold_wh).items()]


def taken_wh(orders: Sequence[Order], agent: int, sold_wh: int) -> dict[int, int]:
    """Tell which of an agent's asks, by their place, gave what it sold: the cheapest, at one price the oldest."""
    asks = [i for i, order in enumerate(orders) if order.agent == agent and order.side == SELL]
    taken = {}
    for i in sorted(asks, key=lambda i: orders[i].price_tick):
        energy_wh = min(orders[i].quantity_wh, sold_wh)
        if energy_wh:
            taken[i] = energy_wh
        sold_wh -= energy_wh
    return taken
