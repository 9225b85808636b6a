"""What each utility sold in a settled period, at which tariff, and what that had cost it.

Owns the joining of the record's rows into one line a utility and period. Of members the record tells a utility's sum
alone: what they fed in goes off what others drew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from wattbook.regulator.hedges import Hedges

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from wattbook.regulator.known import Known

    Key = tuple[int, int]

_TARIFFS: Final = ("agent", "period", "retail_tick", "feed_in_tick", "time_ms")
_GROUPS: Final = ("utility", "period", "seq", "metered_wh", "deviation_wh", "spot_tick", "imbalance_tick")
SCENARIO_MS: Final = -1
"""Stands for when a tariff was set that holds since before the run."""


class Sold(NamedTuple):
    """What one utility sold in one settled period.

    Attributes
    ----------
    period, agent : int
    seq : int
        Its row of ``groups``.
    energy_wh : int
        What its customers drew, and its members together, net, where that is above 0.
    tick : int
        Its retail price.
    set_ms : int
        When that was set; `SCENARIO_MS` for before the run.
    cost : int
        What this energy had cost: spot, contracts, gateway, imbalance, feed-in [1e-8 EUR].
    spot_tick : int
    """

    period: int
    agent: int
    seq: int
    energy_wh: int
    tick: int
    set_ms: int
    cost: int
    spot_tick: int


class RetailBooks:
    """Joins rows of the record, period by period.

    Parameters
    ----------
    known : Known
    """

    streams: Final = ("trades", "served", "contracts", "tariffs", "groups")

    def __init__(self, known: Known) -> None:
        self.known = known
        self.place = {agent: place for place, agent in enumerate(known.suppliers.tolist())}
        self.hedges = Hedges(known.suppliers)
        self.tariffs: dict[Key, tuple[int, ...]] = {}
        """By agent and period, where it was set later: retail and feed-in price, and when."""
        self.served: dict[Key, int] = {}
        self.signed: dict[Key, tuple[int, int]] = {}
        """What came by contracts and the gateway [Wh], and what it cost [1e-8 EUR]."""
        self.metered: dict[Key, tuple[int, ...]] = {}
        """Seq, metered and deviation [Wh], spot and imbalance price [ticks]."""

    def read(self, stream: str, rows: Mapping[str, NDArray[Any]]) -> None:
        """Take in rows (n,) of one of `streams`."""
        if stream == "tariffs":
            self.tariffs |= {(row[0], row[1]): row[2:] for row in self._of_suppliers(rows, _TARIFFS)}
        elif stream == "served":
            for agent, period, wh in self._of_suppliers(rows, ("agent", "period", "energy_wh")):
                self.served[agent, period] = self.served.get((agent, period), 0) + wh
        elif stream == "groups":
            self.metered |= {(row[0], row[1]): row[2:] for row in self._of_suppliers(rows, _GROUPS)}
        elif stream == "trades":
            self._read_trades(rows)
        elif stream == "contracts":
            for time_ms, agent, wh, money in self.hedges.read(rows):
                self._sign(agent, self.known.period_at(time_ms - 1), wh, money)

    def _of_suppliers(self, rows: Mapping[str, NDArray[Any]], names: tuple[str, ...]) -> list[tuple[int, ...]]:
        """Give the rows of those who sell at a tariff; the first name is that of the column of agents."""
        mine = np.flatnonzero(np.isin(rows[names[0]], self.known.suppliers))
        return list(zip(*(rows[name][mine].tolist() for name in names), strict=True))

    def _read_trades(self, rows: Mapping[str, NDArray[Any]]) -> None:
        for party, sign in (("buyer", 1), ("seller", -1)):
            names = (party, "period", "price_tick", "quantity_wh")
            for agent, period, price_tick, wh in self._of_suppliers(rows, names):
                self._sign(agent, period, sign * wh, sign * wh * price_tick)

    def _sign(self, agent: int, period: int, wh: int, money: int) -> None:
        before = self.signed.get((agent, period), (0, 0))
        self.signed[agent, period] = before[0] + wh, before[1] + money

    def settled(self) -> list[Sold]:
        """Give the periods that were settled since this was asked last, in order, and forget them."""
        keys = sorted(self.metered, key=lambda key: key[::-1])
        return [self._sold(key) for key in keys]

    def _sold(self, key: Key) -> Sold:
        agent, period = key
        place = self.place[agent]
        seq, metered_wh, deviation_wh, spot_tick, imbalance_tick = self.metered.pop(key)
        served_wh, (signed_wh, money) = self.served.pop(key, 0), self.signed.pop(key, (0, 0))
        said = int(self.known.retail_tick[place, period]), int(self.known.feed_in_tick[place, period]), SCENARIO_MS
        tick, feed_in_tick, set_ms = self.tariffs.pop(key, said)
        members_wh = metered_wh - served_wh
        # Whatever was not signed ahead was bought at spot, or is the deviation.
        cost = metered_wh * spot_tick + deviation_wh * (imbalance_tick - spot_tick) + money - signed_wh * spot_tick
        cost += max(0, -members_wh) * feed_in_tick
        return Sold(period, agent, seq, served_wh + max(0, members_wh), tick, set_ms, cost, spot_tick)

    # --- saving

    def export(self) -> dict[str, Any]:
        """Give the whole state, as JSON can hold it."""
        return {
            "hedges": self.hedges.export(),
            "served": [[*key, wh] for key, wh in self.served.items()],
            **{name: [[*key, *row] for key, row in getattr(self, name).items()] for name in _TABLES},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `export` gave."""
        self.hedges.restore(state["hedges"])
        self.served = {(agent, period): wh for agent, period, wh in state["served"]}
        for name in _TABLES:
            setattr(self, name, {(row[0], row[1]): tuple(row[2:]) for row in state[name]})


_TABLES: Final = ("tariffs", "signed", "metered")


class SharedBooks:
    """Books of one place that several rules read: each row is joined once, and each rule gets every line once.

    Parameters
    ----------
    known : Known
    """

    def __init__(self, known: Known) -> None:
        self.books = RetailBooks(known)
        self.lines: list[list[Sold]] = []
        """By reader, lines that it has not asked for."""
        self._last: dict[str, Mapping[str, NDArray[Any]]] = {}

    def join(self) -> int:
        """Take in one more reader; it gets this number."""
        self.lines.append([])
        return len(self.lines) - 1

    def read(self, stream: str, rows: Mapping[str, NDArray[Any]]) -> None:
        """Take in rows (n,) of a stream, which each of the readers hands on."""
        if self._last.get(stream) is not rows:
            self._last[stream] = rows
            self.books.read(stream, rows)

    def settled(self, reader: int) -> list[Sold]:
        """Give the periods that were settled since this reader asked last, in order."""
        new = self.books.settled()
        for waiting in self.lines:
            waiting.extend(new)
        mine, self.lines[reader] = self.lines[reader], []
        return mine

    def export(self) -> dict[str, Any]:
        """Give the whole state, as JSON can hold it."""
        return {"books": self.books.export(), "lines": [[list(each) for each in waiting] for waiting in self.lines]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `export` gave."""
        self.books.restore(state["books"])
        self.lines = [[Sold(*each) for each in waiting] for waiting in state["lines"]]
