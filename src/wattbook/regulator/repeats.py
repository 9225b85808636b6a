"""What agents have done again and again: deeds within a window of time, each told once when there are enough of them.

One deed is no proof: a home may cancel after a trade, or trade last, for good reasons. Knows nothing of what deeds are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable


class Deed(NamedTuple):
    """Something that an agent did in one product.

    Attributes
    ----------
    period : int
        Delivery period, by whose start deeds are dated.
    figures : tuple of int
        What its detector counts by.
    events : tuple of int
        Rows that it rests on: their seq.
    partners : tuple of int
        Agents that took part, ascending.
    """

    period: int
    figures: tuple[int, ...]
    events: tuple[int, ...]
    partners: tuple[int, ...] = ()


class Repeats:
    """Deeds by agent within a window of time.

    Parameters
    ----------
    periods : int
        Length of the window [delivery periods].
    pick : callable
        Gets an agent's deeds of one window, in order; gives the places of those that are to be told, none while they
        are too few.
    """

    def __init__(self, periods: int, pick: Callable[[list[Deed]], list[int]]) -> None:
        self.periods = periods
        self.pick = pick
        self.deeds: dict[int, list[Deed]] = {}
        self.told: dict[int, list[bool]] = {}
        self.news: dict[int, list[Deed]] = {}

    def add(self, agent: int, deed: Deed) -> None:
        """Note a deed; those of one agent come in the order of their periods."""
        deeds, told = self.deeds.setdefault(agent, []), self.told.setdefault(agent, [])
        deeds.append(deed)
        told.append(False)
        self._forget(agent, deed.period)
        for place in self.pick(deeds):
            if not told[place]:
                told[place] = True
                self.news.setdefault(agent, []).append(deeds[place])

    def take(self) -> list[tuple[int, list[Deed]]]:
        """Hand out what is to be told and was not before, by agent."""
        news, self.news = self.news, {}
        return [(agent, sorted(news[agent])) for agent in sorted(news)]

    def forget(self, period: int) -> None:
        """Drop what no window that ends in `period` or later holds."""
        for agent in list(self.deeds):
            self._forget(agent, period)
            if not self.deeds[agent]:
                del self.deeds[agent], self.told[agent]

    def _forget(self, agent: int, period: int) -> None:
        deeds = self.deeds[agent]
        old = next((place for place, deed in enumerate(deeds) if deed.period > period - self.periods), len(deeds))
        if old:
            del deeds[:old], self.told[agent][:old]

    def export(self) -> list[Any]:
        """Give the whole state, as JSON can hold it; take the news before."""
        assert not self.news, "news are taken at the end of each review"
        return [
            [agent, [[list(part) if isinstance(part, tuple) else part for part in deed] for deed in deeds],
             self.told[agent]]
            for agent, deeds in self.deeds.items()
        ]  # fmt: skip

    def restore(self, state: list[Any]) -> None:
        """Take on what `export` gave."""
        self.deeds, self.told, self.news = {}, {}, {}
        for agent, deeds, told in state:
            self.deeds[agent] = [Deed(period, *(tuple(part) for part in parts)) for period, *parts in deeds]
            self.told[agent] = [bool(each) for each in told]


def window_periods(window_ms: int, period_ms: int) -> int:
    """Length of a window in delivery periods, at least one."""
    return max(window_ms // period_ms, 1)
