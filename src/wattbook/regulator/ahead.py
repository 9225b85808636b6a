"""The day-ahead market in the record: orders kept by period until that period has been settled.

Owns the gathering of what a review of one period needs: its orders, its price, what plants could give, what was sold
ahead. Orders count as the market took them: refused ones not at all, a mitigated producer's asks at its default bid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import numpy as np

from wattbook.messages import BUY, REFUSED, SELL, Action
from wattbook.regulator.reclearing import Order

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from wattbook.regulator.known import Known

    Ints = NDArray[np.int64]

_T = TypeVar("_T")
STREAMS: Final = ("commands", "orders", "spot", "supply", "positions")
_PLACES: Final = ("available_wh", "contracted_wh", "spot_wh", "output_wh")
_KEPT: Final = ("seq", "agent", "period", "side", "price_tick", "quantity_wh")


class Day(NamedTuple):
    """Periods that have been settled since the last review, with all that belongs to them.

    Attributes
    ----------
    periods : (n,) int64
        Ascending.
    orders : dict of str to (m,) int64
        Day-ahead orders for them: seq, agent, period, side, price_tick, quantity_wh.
    spot : dict of int to (seq, price_tick)
        By period.
    available_wh, contracted_wh : dict of (period, agent) to int
        What each plant could give; bought - sold by contracts.
    spot_wh, output_wh : dict of (period, agent) to int
        Bought - sold at spot; what each plant gave.
    cap_tick : dict of int to int
        By period, the highest price when it was cleared.
    """

    periods: Ints
    orders: dict[str, Ints]
    spot: dict[int, tuple[int, int]]
    available_wh: dict[tuple[int, int], int]
    contracted_wh: dict[tuple[int, int], int]
    spot_wh: dict[tuple[int, int], int]
    output_wh: dict[tuple[int, int], int]
    cap_tick: dict[int, int]

    def sold_wh(self, period: int, agent: int) -> int:
        """Energy that an agent sold at spot, net [Wh]."""
        return max(0, -self.spot_wh.get((period, agent), 0))

    def orders_of(self, period: int) -> tuple[list[Order], list[int]]:
        """Orders of one period as they came, and the seq of each one's command."""
        mine = np.flatnonzero(self.orders["period"] == period)
        columns = (self.orders[name][mine].tolist() for name in ("agent", "side", "price_tick", "quantity_wh"))
        return [Order(*row) for row in zip(*columns, strict=True)], self.orders["seq"][mine].tolist()


class Power(NamedTuple):
    """The structure of one period: how much everybody could give, and how much is in demand.

    Attributes
    ----------
    supply_wh : int
        All plants, and the outside's link.
    demand_wh : int
        What those without plants want, and what they have by contract.
    uncommitted_wh : dict of int to int
        By producer, what it could give and has not sold ahead.
    """

    supply_wh: int
    demand_wh: int
    uncommitted_wh: dict[int, int]


class Ahead:
    """Rows of the day-ahead market that wait for their period to be settled.

    Parameters
    ----------
    known : Known
    """

    def __init__(self, known: Known) -> None:
        self.known = known
        self.orders: dict[str, Ints] = {name: np.zeros(0, np.int64) for name in _KEPT}
        self.spot: dict[int, tuple[int, int]] = {}
        self.available_wh: dict[tuple[int, int], int] = {}
        self.contracted_wh: dict[tuple[int, int], int] = {}
        self.spot_wh: dict[tuple[int, int], int] = {}
        self.output_wh: dict[tuple[int, int], int] = {}
        self.cap_tick: dict[int, int] = {}
        self.settled: list[int] = []
        self.mitigated: list[tuple[int, int, int, int]] = []
        """Agent, highest price, from when, until when."""
        self.collars: list[tuple[int, int]] = []
        """From when on which highest price has held, ascending."""

    def read(self, stream: str, rows: Mapping[str, NDArray[Any]]) -> None:
        """Take in rows of one of `STREAMS`."""
        if stream == "commands":
            self._read_orders(rows)
        elif stream == "orders":
            refused = rows["command"][rows["event"] == REFUSED]
            taken = ~np.isin(self.orders["seq"], refused)
            self.orders = {name: column[taken] for name, column in self.orders.items()}
        elif stream == "spot":
            for seq, period, price, at_ms in zip(
                *(rows[name].tolist() for name in ("seq", "period", "price_tick", "time_ms")), strict=True
            ):
                self.spot[period], self.cap_tick[period] = (seq, price), self._cap_at(at_ms)
        elif stream == "supply":
            self.available_wh |= _by_place(rows, "available_wh")
            self.output_wh |= _by_place(rows, "output_wh")
        else:
            self.contracted_wh |= _by_place(rows, "contracted_wh")
            self.spot_wh |= _by_place(rows, "spot_wh")
            self.settled += np.unique(rows["period"]).tolist()

    def _read_orders(self, rows: Mapping[str, NDArray[Any]]) -> None:
        mine = rows["action"] == Action.OFFER
        if not mine.any():
            return
        new = {name: rows[name][mine].astype(np.int64) for name in _KEPT}
        asks = new["side"] == SELL
        for agent, price_tick, from_ms, until_ms in self.mitigated:
            times = rows["time_ms"][mine]
            held = asks & (new["agent"] == agent) & (from_ms <= times) & (times < until_ms)
            new["price_tick"][held] = np.minimum(new["price_tick"][held], price_tick)
        self.orders = {name: np.concatenate((column, new[name])) for name, column in self.orders.items()}

    def note_mitigation(self, agent: int, price_tick: int, from_ms: int, until_ms: int) -> None:
        """Note that the market takes an agent's asks at no more than a price for a while."""
        self.mitigated = [row for row in self.mitigated if row[3] > from_ms and row[0] != agent]
        self.mitigated.append((agent, price_tick, from_ms, until_ms))

    def note_collar(self, price_tick: int, from_ms: int) -> None:
        """Note that the auction's highest price is another one from now on."""
        self.collars.append((from_ms, price_tick))

    def _cap_at(self, time_ms: int) -> int:
        held = [price_tick for from_ms, price_tick in self.collars if from_ms <= time_ms]
        return held[-1] if held else self.known.cap_tick

    def take(self) -> Day:
        """Give all periods that have been settled since the last time, and forget them."""
        periods = np.unique(np.array(self.settled, np.int64))
        self.settled = []
        due = np.isin(self.orders["period"], periods)
        orders = {name: column[due] for name, column in self.orders.items()}
        self.orders = {name: column[~due] for name, column in self.orders.items()}
        chosen = set(periods.tolist())
        return Day(
            periods,
            orders,
            spot=_taken(self.spot, chosen),
            cap_tick=_taken(self.cap_tick, chosen),
            **{name: _taken_places(getattr(self, name), chosen) for name in _PLACES},
        )

    def power(self, day: Day, period: int) -> Power:
        """Measure the structure of one period."""
        producers = self.known.producers.tolist()
        able = {agent: day.available_wh.get((period, agent), 0) for agent in producers}
        sold = {agent: max(0, -day.contracted_wh.get((period, agent), 0)) for agent in producers}
        orders = day.orders
        wants = (orders["period"] == period) & (orders["side"] == BUY) & ~np.isin(orders["agent"], producers)
        covered = sum(max(0, day.contracted_wh.get((period, agent), 0)) for agent in self.known.suppliers.tolist())
        return Power(
            supply_wh=sum(able.values()) + self.known.link_wh,
            demand_wh=int(orders["quantity_wh"][wants].sum()) + covered,
            uncommitted_wh={agent: max(0, able[agent] - sold[agent]) for agent in producers},
        )

    # --- saving

    def export(self) -> dict[str, Any]:
        """Give the whole state, as JSON can hold it."""
        return {
            "orders": {name: column.tolist() for name, column in self.orders.items()},
            "spot": [[period, *row] for period, row in self.spot.items()],
            **{name: [[*key, value] for key, value in getattr(self, name).items()] for name in _PLACES},
            "settled": self.settled,
            "mitigated": self.mitigated,
            "collars": self.collars,
            "cap_tick": list(self.cap_tick.items()),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `export` gave."""
        self.orders = {name: np.array(column, np.int64) for name, column in state["orders"].items()}
        self.spot = {period: (seq, price) for period, seq, price in state["spot"]}
        for name in _PLACES:
            setattr(self, name, {(period, agent): value for period, agent, value in state[name]})
        self.settled = list(state["settled"])
        self.mitigated = [(agent, price, since, until) for agent, price, since, until in state["mitigated"]]
        self.collars = [(since, price) for since, price in state["collars"]]
        self.cap_tick = dict(state["cap_tick"])


class AheadReader:
    """What reads the day-ahead market, and hears what that takes from now on.

    Parameters
    ----------
    known : Known
    """

    streams = STREAMS

    def __init__(self, known: Known) -> None:
        self.known = known
        self.ahead = Ahead(known)

    def read(self, stream: str, rows: Mapping[str, NDArray[Any]]) -> None:
        """Take in rows of the day-ahead market."""
        self.ahead.read(stream, rows)

    def note_mitigation(self, agent: int, price_tick: int, from_ms: int, until_ms: int) -> None:
        """Hear that the market takes an agent's asks at no more than a price for a while."""
        self.ahead.note_mitigation(agent, price_tick, from_ms, until_ms)

    def note_collar(self, price_tick: int, from_ms: int) -> None:
        """Hear that the auction's highest price is another one from now on."""
        self.ahead.note_collar(price_tick, from_ms)


def _by_place(rows: Mapping[str, NDArray[Any]], name: str) -> dict[tuple[int, int], int]:
    keys = zip(rows["period"].tolist(), rows["agent"].tolist(), strict=True)
    return dict(zip(keys, rows[name].tolist(), strict=True))


def _taken(kept: dict[int, _T], chosen: set[int]) -> dict[int, _T]:
    """Take what is chosen out of what is kept by period."""
    return {period: kept.pop(period) for period in [each for each in kept if each in chosen]}


def _taken_places(kept: dict[tuple[int, int], int], chosen: set[int]) -> dict[tuple[int, int], int]:
    return {place: kept.pop(place) for place in [each for each in kept if each[0] in chosen]}
