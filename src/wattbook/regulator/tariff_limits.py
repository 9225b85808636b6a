"""Tariffs above a limit: the watching that a mark-up and a default-tariff cap have in common.

Owns what counts as asking too much: the mean price of a utility's last day lies above the limit, and so does the
period's own price. What was sold cheaper in other hours is set off by that. Each period is judged once, by the window
that ends with it, whenever anybody reviews.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from wattbook.oversight import SEEN_STREAMS, Item
from wattbook.regulator.findings import Finding, Line, Offence
from wattbook.regulator.trailing import Trails
from wattbook.units import MS_PER_DAY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wattbook.oversight import Rule
    from wattbook.regulator.known import Known
    from wattbook.regulator.retail_books import SharedBooks, Sold

GROUPS = SEEN_STREAMS.index("groups")


class Limit(NamedTuple):
    """Most that may be asked [ticks], and the cost or benchmark that it comes from."""

    allowed_tick: int
    cost_tick: int


class Excess(NamedTuple):
    """One period in which too much was asked.

    Attributes
    ----------
    sold : Sold
    price_tick : int
        What is held against the limit.
    limit : Limit
    """

    sold: Sold
    price_tick: int
    limit: Limit

    @property
    def money(self) -> int:
        """What was taken too much [1e-8 EUR]."""
        return (self.price_tick - self.limit.allowed_tick) * self.sold.energy_wh


class Setter(Protocol):
    """Who sets limits."""

    def take_in(self, sold: list[Sold]) -> None:
        """Take in what all utilities sold in one period."""

    def limit(self, agent: int) -> Limit | None:
        """Give an agent's limit in the period that was taken in last; None where too little is known."""

    def export(self) -> dict[str, Any]:
        """Give the whole state, as JSON can hold it."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `export` gave."""


class TariffLimits:
    """Judges every settled period of every utility.

    Parameters
    ----------
    known : Known
    setter : Setter
    books : SharedBooks
    """

    def __init__(self, known: Known, setter: Setter, books: SharedBooks) -> None:
        self.setter, self.books, self.reader = setter, books, books.join()
        self.day = Trails(max(1, MS_PER_DAY // known.period_ms))
        """What each sold in the last day [Wh], and for how much."""

    def judged(self) -> dict[int, list[Excess]]:
        """Judge what was settled since the last time; by agent, ascending, the periods in which too much was asked."""
        found: dict[int, list[Excess]] = {}
        for sold in _by_period(self.books.settled(self.reader)):
            self.setter.take_in(sold)
            for each in sold:
                excess = self._judge(each)
                if excess is not None:
                    found.setdefault(each.agent, []).append(excess)
        return dict(sorted(found.items()))

    def _judge(self, sold: Sold) -> Excess | None:
        day = self.day[sold.agent]
        day.push(sold.period, sold.energy_wh, sold.energy_wh * sold.tick)
        limit = self.setter.limit(sold.agent)
        if limit is None or not sold.energy_wh:
            return None
        price_tick = min(sold.tick, day.amount // day.weight)
        return Excess(sold, price_tick, limit) if price_tick > limit.allowed_tick else None

    def export(self) -> dict[str, Any]:
        """Give the whole state, as JSON can hold it."""
        return {"books": self.books.export(), "day": self.day.export(), "setter": self.setter.export()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `export` gave."""
        self.books.restore(state["books"])
        self.day.restore(state["day"])
        self.setter.restore(state["setter"])


def finding_of(rule: Rule, agent: int, found: list[Excess], now_ms: int) -> Finding:
    """Make a finding; it shows the worst period, of equal ones the first, and what all of them come to."""
    worst = max(found, key=lambda each: (each.money, -each.sold.period))
    return Finding(
        rule,
        agent,
        tuple(Offence(each.sold.period, each.sold.period, each.money, each.money, each.money) for each in found),
        (*lines_of(worst), *_totals(found), Line(Item.UNTIL_MS, now_ms)),
        price_tick=found[-1].limit.allowed_tick,
    )


def lines_of(excess: Excess) -> tuple[Line, ...]:
    """Show how one period was judged."""
    period = excess.sold.period
    return (
        Line(Item.EVENT, excess.sold.seq, GROUPS),
        Line(Item.RETAIL_TICK, excess.price_tick, period),
        Line(Item.COST_TICK, excess.limit.cost_tick, period),
        Line(Item.ALLOWED_TICK, excess.limit.allowed_tick, period),
        Line(Item.ENERGY_WH, excess.sold.energy_wh, period),
    )


def _totals(found: list[Excess]) -> tuple[Line, ...]:
    return (
        Line(Item.COUNT, len(found)),
        Line(Item.SOLD_WH, sum(each.sold.energy_wh for each in found)),
        Line(Item.MONEY, sum(each.money for each in found)),
    )


def _by_period(sold: list[Sold]) -> Iterator[list[Sold]]:
    """Part what comes in order of periods into one list for each."""
    first = 0
    for past in range(1, len(sold) + 1):
        if past == len(sold) or sold[past].period != sold[first].period:
            yield sold[first:past]
            first = past
