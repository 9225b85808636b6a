"""Tariffs that were set in an emergency, held against the utility's own of before, at the same time of the day."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from wattbook.oversight import SEEN_STREAMS, Item
from wattbook.regulator.retail_books import RetailBooks
from wattbook.regulator.trailing import Trails, mean_up
from wattbook.units import MS_PER_DAY, MS_PER_SECOND, PPM

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wattbook.regulator.emergency import EmergencyTerms
    from wattbook.regulator.known import Known
    from wattbook.regulator.retail_books import SharedBooks, Sold
    from wattbook.regulator.spells import Spell, Spells

_GROUPS: Final = SEEN_STREAMS.index("groups")
_SLOTS: Final = 10_000
"""More times of a day than a day has periods."""


class Dear(NamedTuple):
    """One price that rose too much.

    Attributes
    ----------
    agent, period : int
    stream, seq : int
        The row that settled it, and its stream's place in `SEEN_STREAMS`.
    item : Item
        What `asked_tick` is.
    asked_tick, before_tick, rise_tick, limit_tick : int
        The price, that of before, by how much costs rose, and the most that might be asked.
    sold_wh : int
    money : int
        What was taken beyond the limit [1e-8 EUR].
    spell : Spell
    """

    agent: int
    period: int
    stream: int
    seq: int
    item: Item
    asked_tick: int
    before_tick: int
    rise_tick: int
    limit_tick: int
    sold_wh: int
    money: int
    spell: Spell


def limit_tick(terms: EmergencyTerms, before_tick: int, rise_tick: int) -> int:
    """Give the most that may be asked: the price before, what costs rose by, and a share of the price before."""
    return before_tick + rise_tick + max(abs(before_tick) * terms.extra_ppm // PPM, terms.least_tick)


class Tariffs:
    """Judges tariffs in emergencies.

    Parameters
    ----------
    known : Known
    terms : EmergencyTerms
    spells : Spells
    books : SharedBooks
    """

    streams: Final = RetailBooks.streams

    def __init__(self, known: Known, terms: EmergencyTerms, spells: Spells, books: SharedBooks) -> None:
        self.known, self.terms, self.spells = known, terms, spells
        self.zone = ZoneInfo(known.timezone)
        self.books, self.reader = books, books.join()
        span = max(1, terms.before_ms // known.period_ms)
        self.prices = Trails(span)
        """By agent and time of the day: how many tariffs of before, and their sum."""
        self.costs = Trails(span)
        """By agent, outside emergencies: what each supplied [Wh], and what that had cost."""
        self.newest = Trails(max(1, terms.cost_ms // known.period_ms))
        """The same of the last day, in emergencies too."""

    def judged(self) -> Iterator[Dear]:
        """Judge what was settled since the last time."""
        for sold in self.books.settled(self.reader):
            self.newest[sold.agent].push(sold.period, sold.energy_wh, sold.cost)
            dear = self._judge(sold)
            if dear is not None:
                yield dear

    def _judge(self, sold: Sold) -> Dear | None:
        """Hold a period against those before; what is not in an emergency is one of those."""
        start_ms = self.known.start_of(sold.period)
        spell = self.spells.at(start_ms)
        trail = self.prices[sold.agent * _SLOTS + self._slot(start_ms)]
        if spell is None:
            trail.push(sold.period, 1, sold.tick)
            self.costs[sold.agent].push(sold.period, sold.energy_wh, sold.cost)
            return None
        if not trail.weight or not self.spells.said_in(sold.set_ms):
            return None
        before_tick = mean_up(trail.amount, trail.weight)
        rise_tick = self._rise_tick(sold.agent)
        most_tick = limit_tick(self.terms, before_tick, rise_tick)
        if sold.tick <= most_tick:
            return None
        money = (sold.tick - most_tick) * sold.energy_wh
        return Dear(
            sold.agent, sold.period, _GROUPS, sold.seq, Item.RETAIL_TICK, sold.tick, before_tick, rise_tick, most_tick,
            sold.energy_wh, money, spell,
        )  # fmt: skip

    def _slot(self, start_ms: int) -> int:
        """Give the place of a period in its local day."""
        moment = datetime.fromtimestamp(start_ms // MS_PER_SECOND, UTC)
        offset = self.zone.utcoffset(moment.astimezone(self.zone))
        ahead_ms = 0 if offset is None else int(offset.total_seconds()) * MS_PER_SECOND
        return (start_ms + ahead_ms) % MS_PER_DAY // self.known.period_ms

    def _rise_tick(self, agent: int) -> int:
        """By how much a MWh costs the agent more than before; 0 where it does not."""
        now, before = self.newest[agent], self.costs[agent]
        if not now.weight or not before.weight:
            return 0
        return max(0, mean_up(now.amount, now.weight) - before.amount // before.weight)

    def export(self) -> dict[str, Any]:
        """Give the whole state, as JSON can hold it."""
        return {"books": self.books.export(), **{name: getattr(self, name).export() for name in _TRAILS}}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `export` gave."""
        self.books.restore(state["books"])
        for name in _TRAILS:
            getattr(self, name).restore(state[name])


_TRAILS: Final = ("prices", "costs", "newest")
