"""The market's day: the fixed processes that open and close gates, deliver, settle and bill.

Each process is a shell around one number in `counts`: how many gates it has opened, closed, and so on.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from wattbook.messages import Action, Command
from wattbook.world.clock import Alarm, Rank

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    import simpy

    from wattbook.market import Market

    Process = Generator[simpy.Event, None, None]


class Count(IntEnum):
    """What the fixed processes have done so far."""

    OPENED = 0
    CLOSED = 1
    DELIVERED = 2
    SETTLED = 3
    BILLED = 4
    AUCTIONED = 5


class MarketDay:
    """The fixed processes of one street.

    Attributes
    ----------
    counts : (6,) int64
        Periods opened, closed, delivered and settled, billing cycles closed, and auctions of all open products held,
        by `Count`.
    """

    def __init__(self, market: Market) -> None:
        self.market = market
        self.street = market.street
        self.counts = np.zeros(len(Count), np.int64)
        street = self.street
        inside = {at_ms for at_ms in street.bill_ms if street.start_ms < at_ms < street.end_ms}
        self.bill_ms = sorted(inside | {street.end_ms})

    @property
    def opened(self) -> int:
        """Number of periods whose gate has opened: 0 .. opened - 1."""
        return int(self.counts[Count.OPENED])

    def start(self, env: simpy.Environment, delivered: Callable[[int], None], auctioned: Callable[[int], None]) -> None:
        """Start all fixed processes where they stand.

        `delivered` is told the time after each delivery, `auctioned` after what may have brought fills.
        """
        env.process(self._openings(env))
        env.process(self._closures(env, auctioned))
        if self.market.auction is not None and self.market.auction.every_ms:
            env.process(self._auctions(env, self.market.auction.every_ms, auctioned))
        env.process(self._deliveries(env, delivered))
        env.process(self._settlements(env))
        env.process(self._billings(env))

    def _tell(self, at_ms: int, action: Action, period: int, quantity_wh: int = 0) -> None:
        self.market.apply(Command(at_ms, -1, action, period=period, quantity_wh=quantity_wh))

    def _openings(self, env: simpy.Environment) -> Process:
        street = self.street
        while self.opened < street.periods:
            at_ms = max(int(street.opens_ms[self.opened]), street.start_ms)
            yield Alarm(env, at_ms, Rank.GATE_OPENING)
            first, self.counts[Count.OPENED] = self.opened, np.searchsorted(street.opens_ms, at_ms, side="right")
            self._tell(at_ms, Action.OPEN, first, self.opened - first)

    def _closures(self, env: simpy.Environment, auctioned: Callable[[int], None]) -> Process:
        street, rules = self.street, self.market.rules
        while rules.has_market and self.counts[Count.CLOSED] < street.periods:
            period = int(self.counts[Count.CLOSED])
            at_ms = street.start_ms + period * street.period_ms - rules.closes_before_ms
            if at_ms >= street.start_ms:
                yield Alarm(env, at_ms, Rank.GATE_CLOSURE)
                self._tell(at_ms, Action.CLOSE, period)
                auctioned(at_ms)
            self.counts[Count.CLOSED] += 1

    def _auctions(self, env: simpy.Environment, every_ms: int, auctioned: Callable[[int], None]) -> Process:
        """Hold auctions at whole multiples of `every_ms` before and after the first gate closure."""
        street, rules = self.street, self.market.rules
        first_ms = street.start_ms + -rules.closes_before_ms % every_ms
        last_ms = street.end_ms - street.period_ms - rules.closes_before_ms
        while (at_ms := first_ms + int(self.counts[Count.AUCTIONED]) * every_ms) < last_ms:
            yield Alarm(env, at_ms, Rank.AUCTION)
            # Gates that close or open at this moment have done so.
            period = int(self.counts[Count.CLOSED])
            if period < self.opened:
                self._tell(at_ms, Action.AUCTION, period, self.opened - period)
                auctioned(at_ms)
            self.counts[Count.AUCTIONED] += 1

    def _end_ms(self, period: int) -> int:
        return self.street.start_ms + (period + 1) * self.street.period_ms

    def _deliveries(self, env: simpy.Environment, delivered: Callable[[int], None]) -> Process:
        while self.counts[Count.DELIVERED] < self.street.periods:
            period = int(self.counts[Count.DELIVERED])
            yield Alarm(env, self._end_ms(period), Rank.DELIVERY)
            self._tell(self._end_ms(period), Action.DELIVER, period)
            self.counts[Count.DELIVERED] += 1
            delivered(self._end_ms(period))

    def _settlements(self, env: simpy.Environment) -> Process:
        while self.counts[Count.SETTLED] < self.street.periods:
            period = int(self.counts[Count.SETTLED])
            yield Alarm(env, self._end_ms(period), Rank.SETTLEMENT)
            self._tell(self._end_ms(period), Action.SETTLE, period)
            self.counts[Count.SETTLED] += 1

    def _billings(self, env: simpy.Environment) -> Process:
        while self.counts[Count.BILLED] < len(self.bill_ms):
            at_ms = self.bill_ms[int(self.counts[Count.BILLED])]
            yield Alarm(env, at_ms, Rank.BILLING)
            self._tell(at_ms, Action.BILL, (at_ms - self.street.start_ms) // self.street.period_ms - 1)
            self.counts[Count.BILLED] += 1
