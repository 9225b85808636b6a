"""Where the energy went: net positions, the identities that must hold, and the shares that people ask for.

Owns the second computation of every energy identity, from the record alone. Knows no prices.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from wattbook.messages import Venue
from wattbook.results.record import joined
from wattbook.results.wholesale_energy import drawn_and_fed, energy_errors_wholesale
from wattbook.units import MS_PER_HOUR

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from wattbook.results.record import Ints, Record

_UWH_PER_WH: Final = 1_000_000


def sum_by(index: NDArray[Any], values: NDArray[Any], size: int) -> Ints:
    """Sum `values` (n,) by `index` (n,), exactly: (size,)."""
    total = np.zeros(size, np.int64)
    np.add.at(total, index, values)
    return total


def sorted_by(columns: Mapping[str, NDArray[Any]], *keys: str) -> dict[str, NDArray[Any]]:
    """Sort rows by `keys`, then seq."""
    order = np.lexsort((columns["seq"], *(columns[key] for key in reversed(keys))))
    return {name: column[order] for name, column in columns.items()}


class Attendance(NamedTuple):
    """Who was metered when.

    Attributes
    ----------
    metered : (p x a,) bool
        Whether there is a reading of the agent in the period.
    settled : (p,) bool
        Periods of which there is any.
    repeated : int
        Readings beyond an agent's first one of a period.
    by_period, by_agent : bool
        Whether the meters' rows stand by period, and within each by agent.
    """

    metered: NDArray[np.bool_]
    settled: NDArray[np.bool_]
    repeated: int
    by_period: bool
    by_agent: bool


def attendance(record: Record) -> Attendance:
    """Look through the meters' rows for who is in them."""
    if "attendance" not in record.memo:
        record.memo["attendance"] = _attendance(record)
    seen: Attendance = record.memo["attendance"]
    return seen


def _attendance(record: Record) -> Attendance:
    place = record.place
    metered, settled = np.zeros(place.periods * place.agents, np.bool_), np.zeros(place.periods, np.bool_)
    by_period = by_agent = True
    last, count = -1, 0
    for rows in record.pieces("meters", only=("period", "agent")):
        period = rows["period"]
        keys = period.astype(np.int64) * place.agents + rows["agent"]
        metered[keys] = settled[period] = True
        by_agent = by_agent and bool(keys[0] >= last and (keys[1:] >= keys[:-1]).all())
        by_period = by_agent or (
            by_period and bool(period[0] >= last // place.agents and (period[1:] >= period[:-1]).all())
        )
        last, count = int(keys[-1]), count + len(keys)
    return Attendance(metered, settled, count - int(np.count_nonzero(metered)), by_period, by_agent)


class Net(NamedTuple):
    """What everybody bought less what it sold [Wh].

    Attributes
    ----------
    feeder_wh, district_wh, gateway_wh : (p x a,) int64
        In the feeder's book, in the district's and in the gateway's; empty where there is none.
    stray_wh : int
        Volume of both sides of trades in settled periods whose agent was not metered.
    """

    feeder_wh: Ints
    district_wh: Ints
    gateway_wh: Ints
    stray_wh: int


def net(record: Record) -> Net:
    """Net each agent's trades and shares of each period."""
    if "net" not in record.memo:
        record.memo["net"] = _net(record)
    total: Net = record.memo["net"]
    return total


def _net(record: Record) -> Net:
    place, seen = record.place, attendance(record)
    cells = place.periods * place.agents
    feeder, district, gateway = (
        np.zeros(cells if there else 0, np.int64) for there in (True, place.has_district, place.has_gateway)
    )
    unmetered = np.array([kind == "trader" for kind in place.kinds], np.bool_)
    is_group = np.array([kind in ("utility", "producer") for kind in place.kinds], np.bool_)
    stray = 0
    for deals in record.pieces("trades", only=("book", "period", "buyer", "seller", "quantity_wh")):
        venue, first = place.venues[deals["book"]], deals["period"].astype(np.int64) * place.agents
        due = np.ones(len(venue), np.bool_)
        if not record.complete:  # what was traded for later periods is not metered yet
            due = seen.settled[deals["period"]]
        for side, sign in (("buyer", 1), ("seller", -1)):
            cell = first + deals[side]
            for kind, total in ((Venue.LOCAL, feeder), (Venue.DISTRICT, district), (Venue.WHOLESALE, gateway)):
                mine = venue == kind
                np.add.at(total, cell[mine], sign * deals["quantity_wh"][mine])
            excused = unmetered[deals[side]] | (is_group[deals[side]] & (venue == Venue.WHOLESALE))
            lost = due & ~seen.metered[cell] & ~excused
            stray += int(deals["quantity_wh"][lost].sum())
    shares = record.shares
    cell = shares["period"].astype(np.int64) * place.agents + shares["agent"]
    for kind, total in ((Venue.LOCAL, feeder), (Venue.DISTRICT, district)):
        mine = place.venues[shares["book"]] == kind
        np.add.at(total, cell[mine], shares["shared_wh"][mine])
    stray += int(np.abs(shares["shared_wh"][~seen.metered[cell]]).sum())
    return Net(feeder, district, gateway, stray)


class Readings(NamedTuple):
    """All meters' rows (m,) of some periods, by period, and what was traded for each [Wh].

    Attributes
    ----------
    rows : dict of str to (m,) integers
        The columns asked for, and ``agent`` and ``period``.
    feeder_wh, district_wh, gateway_wh : (m,) int64
        Bought - sold by the agent for the period; of several readings the first one has it.
    """

    rows: dict[str, NDArray[Any]]
    feeder_wh: Ints
    district_wh: Ints
    gateway_wh: Ints

    @property
    def local_wh(self) -> Ints:
        """Bought - sold among neighbours (m,)."""
        return self.feeder_wh + self.district_wh

    @property
    def net_wh(self) -> Ints:
        """Bought - sold in all books (m,)."""
        return self.local_wh + self.gateway_wh

    @property
    def metered_wh(self) -> Ints:
        """Net withdrawal that was billed (m,): as metered, or the substitute of a meter that failed."""
        metered: Ints = self.rows["traded_wh"] + self.rows["residual_wh"]
        return metered


def readings(record: Record, *columns: str) -> Iterator[Readings]:
    """Give the meters' rows, some whole periods at a time; one part without rows where there are none."""
    only = ("agent", "period", *columns)
    if not attendance(record).by_period:
        yield _traded(record, sorted_by(record.streams["meters"], "period"))
        return
    waiting: list[dict[str, NDArray[Any]]] = []
    for block in record.pieces("meters", only=only):
        last = block["period"][-1]
        waiting.append(block)
        if waiting[0]["period"][0] == last:
            continue  # of one period so far
        rows = joined(waiting)
        cut = int(np.searchsorted(rows["period"], last))
        yield _traded(record, {name: column[:cut] for name, column in rows.items()})
        waiting = [{name: column[cut:] for name, column in rows.items()}]
    nothing = {name: record.streams["meters"][name] for name in only} if not waiting else {}
    yield _traded(record, joined(waiting) if waiting else nothing)


def _traded(record: Record, rows: dict[str, NDArray[Any]]) -> Readings:
    total = net(record)
    cell = rows["period"].astype(np.int64) * record.place.agents + rows["agent"]
    feeder = total.feeder_wh[cell]
    district, gateway = (
        column[cell] if len(column) else np.zeros(len(cell), np.int64)
        for column in (total.district_wh, total.gateway_wh)
    )
    if attendance(record).repeated:
        again = np.ones(len(cell), np.bool_)
        again[np.unique(cell, return_index=True)[1]] = False
        feeder[again] = district[again] = gateway[again] = 0
    return Readings(rows, feeder, district, gateway)


_SUMMED: Final = ("load_wh", "generation_wh", "charge_wh", "discharge_wh", "curtailed_wh")


class MeterSums(NamedTuple):
    """What the meters add up to [Wh].

    Attributes
    ----------
    node_wh, trades_wh, battery_wh : int
        Absolute errors of their rows, see `energy_errors`.
    residual_wh : (u, p) int64
        Residuals of each supplier's customers.
    withdrawn_wh, load_wh, generation_wh, stored_wh : (p,) int64
        Of all agents.
    by_agent : dict of str to (a,) int64
        Over the run, named as in the table of agents.
    soc_wh : (a,) int64
        State of charge at the end of the last period that was read.
    """

    node_wh: int
    trades_wh: int
    battery_wh: int
    residual_wh: Ints
    withdrawn_wh: Ints
    load_wh: Ints
    generation_wh: Ints
    stored_wh: Ints
    by_agent: dict[str, Ints]
    soc_wh: Ints


def meter_sums(record: Record) -> MeterSums:
    """Add up the meters, in one walk through them."""
    if "meters" not in record.memo:
        record.memo["meters"] = _meter_sums(record)
    sums: MeterSums = record.memo["meters"]
    return sums


def _meter_sums(record: Record) -> MeterSums:
    place = record.place
    residual = np.zeros((len(place.supplier), place.periods), np.int64)
    withdrawn, load, generation, stored = np.zeros((4, place.periods), np.int64)
    by_agent: dict[str, Ints] = {}
    batteries = _Batteries(record)
    node, trades = 0, 0
    for part in readings(record, *_SUMMED, "traded_wh", "residual_wh", "soc_wh"):
        rows, period, metered = part.rows, part.rows["period"], part.metered_wh
        charged = rows["charge_wh"] - rows["discharge_wh"]
        node += int(np.abs(rows["load_wh"] + charged - rows["generation_wh"] - metered).sum())
        trades += int(np.abs(rows["traded_wh"] - part.net_wh).sum())
        batteries.add(rows)
        supplier = place.utility_at(rows["agent"], period)
        supplied = supplier >= 0
        cell = supplier * place.periods + period
        np.add.at(residual.reshape(-1), cell[supplied], rows["residual_wh"][supplied])
        sums = _Sums(rows["agent"], period)
        for total, column in (
            (withdrawn, np.maximum(metered, 0)), (load, rows["load_wh"]), (generation, rows["generation_wh"]),
            (stored, charged),
        ):  # fmt: skip
            sums.add_by_period(total, column)
        for name, column in _columns_by_agent(part, metered):
            sums.add_by_agent(by_agent.setdefault(name, np.zeros(place.agents, np.int64)), column)
    return MeterSums(
        node, trades, batteries.error, residual, withdrawn, load, generation, stored, by_agent, batteries.soc_wh
    )


def _columns_by_agent(part: Readings, metered: Ints) -> Iterator[tuple[str, Ints]]:
    rows = part.rows
    for name in _SUMMED:
        yield name, rows[name]
    yield "withdrawal_wh", np.maximum(metered, 0)
    yield "injection_wh", np.maximum(-metered, 0)
    yield "local_wh", np.maximum(np.minimum(metered, part.local_wh), 0)
    yield "residual_in_wh", np.maximum(rows["residual_wh"], 0)
    yield "residual_out_wh", np.maximum(-rows["residual_wh"], 0)


class _Sums:
    """Adds columns of some meters' rows (m,) up by agent and by period.

    Where all of the same agents are read in every period, which is the rule, rows and columns of a table are added up.
    """

    def __init__(self, agent: NDArray[Any], period: NDArray[Any]) -> None:
        self._agent, self._period = agent, period
        first = np.flatnonzero(np.diff(period, prepend=-1))
        self._shape = None
        wide = len(agent) // max(len(first), 1)
        if wide and np.array_equal(first, np.arange(0, len(agent), wide)):
            table = agent.reshape(-1, wide)
            if (table == table[0]).all() and (table[0][1:] > table[0][:-1]).all():
                self._shape, self._periods = table.shape, period[first]
                low, high = int(table[0][0]), int(table[0][-1]) + 1
                self._agents = slice(low, high) if high - low == wide else table[0]

    def add_by_agent(self, total: Ints, column: NDArray[Any]) -> None:
        """Add `column` (m,) to `total` (a,)."""
        if self._shape is None:
            np.add.at(total, self._agent, column)
        else:
            total[self._agents] += column.reshape(self._shape).sum(axis=0)

    def add_by_period(self, total: Ints, column: NDArray[Any]) -> None:
        """Add `column` (m,) to `total` (p,)."""
        if self._shape is None:
            np.add.at(total, self._period, column)
        else:
            total[self._periods] += column.reshape(self._shape).sum(axis=1)


class _Batteries:
    """Charges as period after period leaves them.

    Attributes
    ----------
    soc_wh : (a,) int64
        As the meters last told.
    error : int
        Sum of absolute errors [Wh].
    """

    def __init__(self, record: Record) -> None:
        place = self._place = record.place
        self.soc_wh = place.soc_start_wh.copy()
        self.error = 0
        self._charge_uwh = place.soc_start_wh * _UWH_PER_WH
        self._has_one = (place.capacity_wh != 0) | (place.soc_start_wh != 0)

    def add(self, rows: Mapping[str, NDArray[Any]]) -> None:
        """Take the rows of the next periods, by period."""
        place, agent = self._place, rows["agent"]
        self.soc_wh[agent] = rows["soc_wh"]  # of several values for one agent the last one stays
        moved = (rows["charge_wh"] | rows["discharge_wh"] | rows["soc_wh"]) != 0
        # Whoever has none and shows none has no error.
        self._has_one[agent[moved]] = True
        mine = np.flatnonzero(self._has_one[agent])
        if not len(mine):
            return
        order = mine[_by_key(agent[mine])]
        agent, soc = agent[order], rows["soc_wh"][order]
        added = rows["charge_wh"][order] * place.charge_ppm[agent] - rows["discharge_wh"][order] * place.removal[agent]
        running = np.cumsum(added)
        first = np.flatnonzero(np.diff(agent, prepend=-1))
        before = np.repeat(running[first] - added[first], np.diff(first, append=len(agent)))
        expected = self._charge_uwh[agent] + running - before
        outside = np.maximum(-soc, 0) + np.maximum(soc - place.capacity_wh[agent], 0)
        self.error += int((np.abs(soc * _UWH_PER_WH - expected) // _UWH_PER_WH + outside).sum())
        last = np.append(first[1:], len(agent)) - 1
        self._charge_uwh[agent[last]] = expected[last]


def _by_key(keys: NDArray[Any]) -> Ints:
    """Rows (n,) in the order of `keys` (n,), 0 or more; equal ones stay in theirs."""
    bits = len(keys).bit_length()
    # One number that holds key and row is sorted several times faster than rows by their keys.
    packed = keys.astype(np.int64) << bits | np.arange(len(keys))
    packed.sort()
    rows: Ints = packed & ((1 << bits) - 1)
    return rows


def soc_end(record: Record) -> Ints:
    """State of charge [Wh] of each agent (a,) at the end of the last period that was read."""
    return meter_sums(record).soc_wh


def energy_errors(record: Record) -> dict[str, int]:
    """Sum the absolute errors [Wh] of each energy identity, from the record alone; all must be 0.

    ``node`` (E1, E2)
        load + charge - generation - discharge = traded + residual (a substitute is put down to load or generation).
    ``trades``
        The meters' traded = bought - sold of the trades, or received - given of the shares; everybody who trades, but
        for traders of a laboratory market and for utilities and producers at a gateway, is metered, once a period. In
        each pool what is given is received, nobody receives more than its claim or gives more than it has.
    ``battery`` (S1, S2)
        The charge moves by charge x its efficiency less discharge x its removal, and stays in its bounds. The
        record shows whole Wh, rounded down, so less than one Wh is no error; the sum over the run is what is
        compared, so errors cannot hide below that.
    ``groups`` (E3)
        Metered = sum of the customers' residuals, with what those drew whom the group stands for, less its plants'
        output; nominated + deviation = metered.
    ``flows`` (E4)
        Feeder + district + standard = what was withdrawn.

    With a wholesale market those of `wattbook.results.wholesale_energy.energy_errors_wholesale` as well.
    """
    sums = meter_sums(record)
    astray = net(record).stray_wh + attendance(record).repeated
    return {
        "node": sums.node_wh,
        "trades": sums.trades_wh + astray + _shares_error(record),
        "battery": sums.battery_wh,
        "groups": _groups_error(record, sums),
        "flows": _flows_error(record, sums),
        **energy_errors_wholesale(record),
    }


def _shares_error(record: Record) -> int:
    """Sum what pools gave away or took in from nowhere, and what members got or gave beyond their claims [Wh]."""
    rows, place = record.shares, record.place
    pool = rows["book"].astype(np.int64) * place.periods + rows["period"]
    totals = sum_by(pool, rows["shared_wh"], len(place.books) * place.periods)
    signed = rows["shared_wh"] * np.sign(rows["claim_wh"])
    beyond = np.maximum(-signed, 0) + np.maximum(signed - np.abs(rows["claim_wh"]), 0)
    return int(np.abs(totals).sum() + beyond.sum())


def _groups_error(record: Record, sums: MeterSums) -> int:
    groups, place = record.streams["groups"], record.place
    own = np.abs(groups["nominated_wh"] + groups["deviation_wh"] - groups["metered_wh"]).sum()
    # A group may be of an agent that supplies nobody.
    row = np.full(place.agents, -1, np.int64)
    row[place.supplier] = np.arange(len(place.supplier))
    beside = drawn_and_fed(record)
    named = np.concatenate([groups["utility"], *(agent for agent, _, _ in beside)])
    others = np.unique(named[row[named] < 0])
    row[others] = len(place.supplier) + np.arange(len(others))
    totals = np.concatenate([sums.residual_wh, np.zeros((len(others), place.periods), np.int64)])
    for agent, period, energy_wh in beside:
        np.add.at(totals, (row[agent], period), energy_wh)
    np.subtract.at(totals, (row[groups["utility"]], groups["period"]), groups["metered_wh"])
    return int(own + np.abs(totals).sum())


def _flows_error(record: Record, sums: MeterSums) -> int:
    flows = record.streams["flows"]
    totals = sums.withdrawn_wh.copy()
    np.subtract.at(totals, flows["period"], flows["flow_wh"])
    return int(np.abs(totals).sum())


def share(part: float, whole: float) -> float | None:
    """Give part / whole to nine decimals, so that no platform's last bit shows; None where whole is 0."""
    return round(float(part) / float(whole), 9) if whole else None


def place_shares(record: Record) -> dict[str, float | int | None]:
    """How far the place as a whole feeds itself, period by period at its edge.

    Within a period the place demands its loads, and what its batteries take together beyond what they give; it
    supplies its generation, and what they give beyond what they take. What meets is used on the spot.

    ``self_sufficiency``
        Part of the demand that was met on the spot.
    ``self_consumption``
        Part of the supply that was used on the spot.
    ``renewable_share``
        Of all energy that the place came to have (own generation less exports, and imports) the part that it
        generated itself. All local plants are renewable; energy from the grid counts as not, for want of proof.
    ``peak_import_w``, ``peak_export_w``
        Highest mean power over a period at the place's edge: net of all meters, and with the network's losses,
        which are bought from outside.
    """
    sums, place = meter_sums(record), record.place
    stored, generation = sums.stored_wh, sums.generation_wh
    demand = sums.load_wh + np.maximum(stored, 0)
    supply = generation + np.maximum(-stored, 0)
    met = np.minimum(demand, supply).sum()
    bought, sold = (demand - np.minimum(demand, supply)), (supply - np.minimum(demand, supply))
    edge = edge_wh(record)
    kept = max(0, int(generation.sum() - sold.sum()))
    return {
        "self_sufficiency": share(met, demand.sum()),
        "self_consumption": share(met, supply.sum()),
        "renewable_share": share(kept, kept + int(bought.sum())),
        "peak_import_w": _peak_w(edge, place.period_ms),
        "peak_export_w": _peak_w(-edge, place.period_ms),
    }


def edge_wh(record: Record) -> Ints:
    """Say what the place drew (+) or gave (-) at its edge in each period (p,) [Wh], the network's losses in it."""
    sums, ways = meter_sums(record), record.streams["flows"]
    edge: Ints = (
        sums.load_wh + sums.stored_wh - sums.generation_wh
        + sum_by(ways["period"], ways["losses_wh"], record.place.periods)
    )  # fmt: skip
    return edge


def _peak_w(energy_wh: Ints, period_ms: int) -> int:
    return int(energy_wh.max(initial=0)) * MS_PER_HOUR // period_ms
