"""Where the energy went: net positions, the identities that must hold, and the shares that people ask for.

Owns the second computation of every energy identity, from the record alone. Knows no prices.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from wattbook.messages import Venue
from wattbook.units import MS_PER_HOUR

if TYPE_CHECKING:
    from collections.abc import Mapping

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


class NetPositions(NamedTuple):
    """What each metered agent bought less what it sold, one row (m,) per row of the meters [Wh].

    Attributes
    ----------
    feeder_wh, district_wh : (m,) int64
        Bought - sold in the agent's feeder's book and in the district's.
    metered_wh : (m,) int64
        Net withdrawal that was billed: as metered, or the substitute of a meter that failed.
    stray_wh : int
        Volume [Wh] of both sides of trades in settled periods whose agent was not metered.
    """

    feeder_wh: Ints
    district_wh: Ints
    metered_wh: Ints
    stray_wh: int

    @property
    def traded_wh(self) -> Ints:
        """Bought - sold in all local books (m,)."""
        return self.feeder_wh + self.district_wh


def net_positions(record: Record) -> NetPositions:
    """Net each agent's local trades and shares of each period."""
    if "net" not in record.memo:
        record.memo["net"] = _net_positions(record)
    net: NetPositions = record.memo["net"]
    return net


def _net_positions(record: Record) -> NetPositions:
    meters = record.streams["meters"]
    row_of = _meter_rows(record)
    feeder, district = np.zeros((2, len(meters["seq"])), np.int64)
    unmetered = np.array([kind == "trader" for kind in record.place.kinds], np.bool_)
    stray = 0
    for deals in record.blocks("trades", only=("book", "period", "buyer", "seller", "quantity_wh")):
        venue = record.place.venues[deals["book"]]
        for side, sign in (("buyer", 1), ("seller", -1)):
            row = row_of[deals[side].astype(np.int64) * record.place.periods + deals["period"]]
            found = row >= 0
            for kind, total in ((Venue.LOCAL, feeder), (Venue.DISTRICT, district)):
                mine = found & (venue == kind)
                np.add.at(total, row[mine], sign * deals["quantity_wh"][mine])
            lost = ~found & (venue != Venue.WHOLESALE) & _settled(record, deals["period"])
            lost &= ~unmetered[deals[side]]
            stray += int(deals["quantity_wh"][lost].sum())
    shares = record.shares
    row = row_of[shares["agent"].astype(np.int64) * record.place.periods + shares["period"]]
    for kind, total in ((Venue.LOCAL, feeder), (Venue.DISTRICT, district)):
        mine = (row >= 0) & (record.place.venues[shares["book"]] == kind)
        np.add.at(total, row[mine], shares["shared_wh"][mine])
    stray += int(np.abs(shares["shared_wh"][row < 0]).sum())
    return NetPositions(feeder, district, meters["traded_wh"] + meters["residual_wh"], stray)


def _meter_rows(record: Record) -> Ints:
    """Row of the meters that is (agent, period), (a x p,); -1 where there is none."""
    meters, place = record.streams["meters"], record.place
    rows = np.full(place.agents * place.periods, -1, np.int64)
    keys = meters["agent"].astype(np.int64) * place.periods + meters["period"]
    # Of several readings the first one counts: the last assignment stands, so go backwards.
    rows[keys[::-1]] = np.arange(len(keys) - 1, -1, -1)
    return rows


def _settled(record: Record, period: NDArray[Any]) -> NDArray[np.bool_]:
    """Mask (n,) of the periods that the run came to settle: all, unless it was stopped."""
    if record.complete:
        return np.ones(len(period), np.bool_)
    return np.isin(period, record.streams["meters"]["period"])


def soc_end(record: Record) -> Ints:
    """State of charge [Wh] of each agent (a,) at the end of the last period that was read."""
    rows = record.streams["meters"]
    order = slice(None) if (np.diff(rows["period"]) >= 0).all() else np.argsort(rows["period"], kind="stable")
    soc = record.place.soc_start_wh.copy()
    soc[rows["agent"][order]] = rows["soc_wh"][order]  # of several values for one agent the last one stays
    return soc


def energy_errors(record: Record) -> dict[str, int]:
    """Sum the absolute errors [Wh] of each energy identity, from the record alone; all must be 0.

    ``node`` (E1, E2)
        load + charge - generation - discharge = traded + residual (a substitute is put down to load or generation).
    ``trades``
        The meters' traded = bought - sold of the trades, or received - given of the shares; everybody who trades, but
        for traders of a laboratory market, is metered, once a period. In each pool what is given is received, nobody
        receives more than its claim or gives more than it has.
    ``battery`` (S1, S2)
        The charge moves by charge x its efficiency less discharge x its removal, and stays in its bounds. The
        record shows whole Wh, rounded down, so less than one Wh is no error; the sum over the run is what is
        compared, so errors cannot hide below that.
    ``groups`` (E3)
        Metered = sum of the customers' residuals; nominated + deviation = metered.
    ``flows`` (E4)
        Feeder + district + standard = what was withdrawn.
    """
    net = net_positions(record)
    return {
        "node": _node_error(record),
        "trades": _trades_error(record, net),
        "battery": _battery_error(record),
        "groups": _groups_error(record),
        "flows": _flows_error(record, net),
    }


def _node_error(record: Record) -> int:
    rows = record.streams["meters"]
    needed = rows["load_wh"] + rows["charge_wh"] - rows["generation_wh"] - rows["discharge_wh"]
    return int(np.abs(needed - rows["traded_wh"] - rows["residual_wh"]).sum())


def _trades_error(record: Record, net: NetPositions) -> int:
    rows = record.streams["meters"]
    keys = rows["agent"].astype(np.int64) * record.place.periods + rows["period"]
    repeated = len(keys) - int(np.count_nonzero(np.bincount(keys)))
    return int(np.abs(rows["traded_wh"] - net.traded_wh).sum()) + net.stray_wh + repeated + _shares_error(record)


def _shares_error(record: Record) -> int:
    """Sum what pools gave away or took in from nowhere, and what members got or gave beyond their claims [Wh]."""
    rows, place = record.shares, record.place
    pool = rows["book"].astype(np.int64) * place.periods + rows["period"]
    totals = sum_by(pool, rows["shared_wh"], len(place.books) * place.periods)
    signed = rows["shared_wh"] * np.sign(rows["claim_wh"])
    beyond = np.maximum(-signed, 0) + np.maximum(signed - np.abs(rows["claim_wh"]), 0)
    return int(np.abs(totals).sum() + beyond.sum())


def _battery_error(record: Record) -> int:
    rows, place = record.streams["meters"], record.place
    order = np.lexsort((rows["period"], rows["agent"]))
    agent, soc = rows["agent"][order], rows["soc_wh"][order]
    added = rows["charge_wh"] * place.charge_ppm[rows["agent"]] - rows["discharge_wh"] * place.removal[rows["agent"]]
    running = np.cumsum(added[order])
    first = np.flatnonzero(np.diff(agent, prepend=-1))
    before = np.repeat(running[first] - added[order][first], np.diff(first, append=len(agent)))
    expected = place.soc_start_wh[agent] * _UWH_PER_WH + running - before
    capacity = place.capacity_wh[agent]
    outside = np.maximum(-soc, 0) + np.maximum(soc - capacity, 0)
    return int((np.abs(soc * _UWH_PER_WH - expected) // _UWH_PER_WH + outside).sum())


def _groups_error(record: Record) -> int:
    groups, meters, place = record.streams["groups"], record.streams["meters"], record.place
    totals = np.zeros((place.agents, place.periods), np.int64)
    supplied = place.utility[meters["agent"]] >= 0
    supplier = place.supplier[place.utility[meters["agent"]][supplied]]
    np.add.at(totals, (supplier, meters["period"][supplied]), meters["residual_wh"][supplied])
    own = np.abs(groups["nominated_wh"] + groups["deviation_wh"] - groups["metered_wh"]).sum()
    np.subtract.at(totals, (groups["utility"], groups["period"]), groups["metered_wh"])
    return int(own + np.abs(totals).sum())


def _flows_error(record: Record, net: NetPositions) -> int:
    flows, meters = record.streams["flows"], record.streams["meters"]
    totals = sum_by(meters["period"], np.maximum(net.metered_wh, 0), record.place.periods)
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
    rows, ways, place = record.streams["meters"], record.streams["flows"], record.place

    def by_period(values: NDArray[Any]) -> Ints:
        return sum_by(rows["period"], values, place.periods)

    stored = by_period(rows["charge_wh"] - rows["discharge_wh"])
    generation = by_period(rows["generation_wh"])
    demand = by_period(rows["load_wh"]) + np.maximum(stored, 0)
    supply = generation + np.maximum(-stored, 0)
    met = np.minimum(demand, supply).sum()
    bought, sold = (demand - np.minimum(demand, supply)), (supply - np.minimum(demand, supply))
    edge = demand - supply + sum_by(ways["period"], ways["losses_wh"], place.periods)
    kept = max(0, int(generation.sum() - sold.sum()))
    return {
        "self_sufficiency": share(met, demand.sum()),
        "self_consumption": share(met, supply.sum()),
        "renewable_share": share(kept, kept + int(bought.sum())),
        "peak_import_w": _peak_w(edge, place.period_ms),
        "peak_export_w": _peak_w(-edge, place.period_ms),
    }


def _peak_w(energy_wh: Ints, period_ms: int) -> int:
    return int(energy_wh.max(initial=0)) * MS_PER_HOUR // period_ms
