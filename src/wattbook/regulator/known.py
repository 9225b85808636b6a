"""What the regulator knows of a place before it reads the first row: registers, licences, published indices.

Owns the picking of a journal's header: names, kinds, capacities, tariffs, rules of the market, and what is said to the
regulator alone (reference costs from public indices, turnovers). Personas, policies, labels and true costs stay there.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

_COLUMNS: Final = (
    "feeder", "utility", "suppliers", "producers", "capacity_w", "outside_tick", "turnover", "min_output_w", "ramp_w",
)  # fmt: skip
_BY_PERIOD: Final = ("retail_tick", "feed_in_tick", "reference_tick")
_COUNTS: Final = ("customers", "quota_ppm")


@dataclass(frozen=True, eq=False)
class Known:
    """A place as its regulator knows it.

    Attributes
    ----------
    names, kinds : tuple of str, (a,)
    start_ms, period_ms, periods : int
    timezone : str
    books : tuple of (name, venue)
    feeder : (a,) int64
        Index of the book of each home's feeder; -1 for the others.
    utility : (a,) int64
        Each home's supplier at the start (agent); -1 for the others.
    closes_before_ms : int
        Gate closure of the local market before a period's start.
    suppliers : (u,) int64
        Utilities (agents), ascending.
    retail_tick, feed_in_tick : (u, p) int64
        Their tariffs at the start.
    customers : dict of int to int
        By utility that stands for customers, how many at the start.
    quota_ppm : dict of int to int
        By utility that owes one, its renewable quota.
    producers : (n,) int64
        Agents with plants, ascending.
    plant_kinds : tuple of str, (n,)
    capacity_w : (n,) int64
    reference_tick : (n, p) int64
        What a MWh of each is taken to cost, by public indices of fuel, efficiency and carbon.
    auction : bool
        Whether the spot price comes of orders; otherwise it is the outside's.
    floor_tick, cap_tick : int
        Band of day-ahead orders.
    link_wh, link_tick : int
        Most that passes between the auction and the outside in a period, and what the outside asks beyond its price.
    outside_tick : (p,) int64
        The outside's price.
    turnover : (a,) int64
        Of each agent in the year before the run, by its reports [1e-8 EUR].
    min_output_w, ramp_w : (n,) int64
        Least that each plant gives while it runs, and most by which its output rises from one period to the next;
        empty where nothing holds any back.
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    start_ms: int
    period_ms: int
    periods: int
    timezone: str
    books: tuple[tuple[str, str], ...]
    feeder: Ints
    utility: Ints
    closes_before_ms: int
    suppliers: Ints
    retail_tick: Ints
    feed_in_tick: Ints
    customers: dict[int, int]
    quota_ppm: dict[int, int]
    producers: Ints
    plant_kinds: tuple[str, ...]
    capacity_w: Ints
    reference_tick: Ints
    auction: bool
    floor_tick: int
    cap_tick: int
    link_wh: int
    link_tick: int
    outside_tick: Ints
    turnover: Ints
    min_output_w: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    ramp_w: Ints = field(default_factory=lambda: np.zeros(0, np.int64))

    @classmethod
    def of(cls, header: Mapping[str, Any]) -> Self:
        """Pick a journal's header."""
        people = _people(header["agents"])
        names = tuple(people["agent"])
        row = {name: place for place, name in enumerate(names)}
        books = tuple((entry["book"], entry["venue"]) for entry in header["books"])
        book = {name: place for place, (name, _) in enumerate(books)}
        periods, local = int(header["periods"]), header["local_market"] or {}
        wholesale, told = header.get("wholesale") or {}, header["regulator"]
        plants = wholesale.get("producers", [])
        suppliers = sorted(row[name] for name in header["tariffs"])
        tariffs = [header["tariffs"][names[agent]] for agent in suppliers]
        link = wholesale.get("link", {"most_wh": 0, "extra_tick": 0})
        return cls(
            names=names,
            kinds=tuple(people["kind"]),
            start_ms=int(header["start_ms"]),
            period_ms=int(header["period_ms"]),
            periods=periods,
            timezone=str(header["timezone"]),
            books=books,
            feeder=np.array([-1 if each is None else book[each] for each in people["feeder"]], np.int64),
            utility=np.array([-1 if each is None else row[each] for each in people["utility"]], np.int64),
            closes_before_ms=int(local.get("closes_before_ms", 0)),
            suppliers=np.array(suppliers, np.int64),
            retail_tick=np.array([each["retail_tick"] for each in tariffs], np.int64).reshape(-1, periods),
            feed_in_tick=np.array([each["feed_in_tick"] for each in tariffs], np.int64).reshape(-1, periods),
            customers={row[name]: int(count) for name, count in wholesale.get("customers", {}).items()},
            quota_ppm={row[name]: int(quota) for name, quota in wholesale.get("quota_ppm", {}).items()},
            producers=np.array([row[each["agent"]] for each in plants], np.int64),
            plant_kinds=tuple(each["kind"] for each in plants),
            capacity_w=np.array([each["capacity_w"] for each in plants], np.int64),
            reference_tick=np.array(
                [_stretched(told["reference_tick"][each["agent"]], periods) for each in plants], np.int64
            ).reshape(-1, periods),
            auction=bool(wholesale.get("auction", False)),
            floor_tick=int(wholesale.get("floor_tick", 0)),
            cap_tick=int(wholesale.get("cap_tick", 0)),
            link_wh=int(link["most_wh"]),
            link_tick=int(link["extra_tick"]),
            outside_tick=np.array(header["spot_tick"], np.int64),
            turnover=np.array([int(told["turnover"].get(name, 0)) for name in names], np.int64),
            min_output_w=np.array([each["min_output_w"] for each in plants], np.int64),
            ramp_w=np.array([each["ramp_w"] for each in plants], np.int64),
        )

    def to_json(self) -> dict[str, Any]:
        """Give it as plain JSON values, so that it can be kept beside a record; `from_json` takes it up."""
        return {each.name: _plain(getattr(self, each.name)) for each in fields(self)}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Self:
        """Take up what `to_json` gave."""
        tables = {name: np.array(told[name], np.int64) for name in _COLUMNS}
        tables |= {name: np.array(told[name], np.int64).reshape(-1, told["periods"]) for name in _BY_PERIOD}
        counts = {name: dict(map(tuple, told[name])) for name in _COUNTS}
        words = {name: tuple(told[name]) for name in ("names", "kinds", "plant_kinds")}
        books = tuple((book, venue) for book, venue in told["books"])
        return cls(**{**told, **tables, **counts, **words, "books": books})

    @property
    def agents(self) -> int:
        """Number of agents."""
        return len(self.names)

    def start_of(self, period: int) -> int:
        """When a period begins [ms UTC]."""
        return self.start_ms + period * self.period_ms

    def period_at(self, time_ms: int) -> int:
        """Index of the period in which a moment lies, within the run."""
        return min(max((time_ms - self.start_ms) // self.period_ms, 0), self.periods - 1)


def _people(told: Any) -> dict[str, list[Any]]:
    """Names, kinds, feeders and utilities of the agents, told one by one or column by column."""
    keys = ("agent", "kind", "feeder", "utility")
    if isinstance(told, list):
        return {key: [each[key] for each in told] for key in keys}
    return {"agent": list(told["agent"])} | {
        key: [told[key]["words"][code] if code >= 0 else None for code in told[key]["code"]] for key in keys[1:]
    }


def _stretched(ticks: list[int], periods: int) -> list[int]:
    """Prices of all periods, where one may be told for all."""
    return ticks * periods if len(ticks) == 1 else ticks


def _plain(value: Any) -> Any:
    """Give a field as JSON can hold it: whole numbers by agent as pairs."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    return [list(each) for each in value.items()] if isinstance(value, dict) else value
