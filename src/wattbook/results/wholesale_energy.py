"""Energy between utilities, producers and the outside: the identities that must hold, from the record alone.

Owns the second computation of who contracted, bought, gave and drew how much. Knows no money.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from wattbook.contracts import Event, Kind
from wattbook.messages import CONTRACTS, GROUPS, POSITIONS, SERVED, SPOT, SUPPLY, Action
from wattbook.results.gateway import group_net_wh
from wattbook.results.wholesale_header import CERTIFICATES
from wattbook.units import MS_PER_HOUR, PPM

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from wattbook.messages import Stream
    from wattbook.results.record import Columns, Ints, Record

NOBODY: Final = -1
_MADE: Final = (Event.NOVATED, Event.CASCADED, Event.CASCADED_INTO)
"""What makes positions in futures, and what makes long ones others."""


def by_group(record: Record, stream: Stream, column: str, agent: str = "agent") -> Ints:
    """Sum a column by balance group and period (g, p); rows of who is none are left out."""
    market, rows = record.wholesale, record.rows(stream)
    assert market is not None
    total = np.zeros((len(market.groups), record.place.periods), np.int64)
    place = market.group_of[rows[agent]]
    mine = place >= 0
    np.add.at(total, (place[mine], rows["period"][mine]), rows[column][mine])
    return total


def settled(record: Record) -> NDArray[np.bool_]:
    """Periods (p,) that were settled, by the positions told of them."""
    mask = np.zeros(record.place.periods, np.bool_)
    mask[record.rows(POSITIONS)["period"]] = True
    return mask


def contract_periods(record: Record) -> Ints:
    """Period that each of the contracts' rows (n,) settles; -1 for what happened at no settlement."""
    if "contract periods" not in record.memo:
        seqs, periods = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for block in record.pieces("commands", only=("seq", "action", "period")):
            mine = block["action"] == Action.SETTLE
            seqs.append(block["seq"][mine])
            periods.append(block["period"][mine].astype(np.int64))
        record.memo["contract periods"] = _looked_up(
            record.rows(CONTRACTS)["command"], np.concatenate(seqs), np.concatenate(periods)
        )
    found: Ints = record.memo["contract periods"]
    return found


def _looked_up(keys: NDArray[Any], known: Ints, values: Ints) -> Ints:
    """Value (n,) of each of `keys` (n,) among `known` (k,), which rises; -1 where it is not."""
    if not len(known):
        return np.full(len(keys), -1, np.int64)
    place = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return np.where(known[place] == keys, values[place], -1)


def picked(rows: Columns, *events: Event) -> NDArray[np.bool_]:
    """Mask (n,) of the rows with one of these events."""
    return np.isin(rows["event"], events)


def spec_kinds(record: Record, rows: Columns) -> Ints:
    """Kind of the contract that each of the contracts' rows (n,) is about, -1 for none."""
    market = record.wholesale
    assert market is not None
    kinds = np.append(market.spec_kind, -1)  # the last one stands for NOBODY
    found: Ints = kinds[np.where(picked(rows, *CERTIFICATES), NOBODY, rows["spec"])]
    return found


def energy_errors_wholesale(record: Record) -> dict[str, int]:
    """Sum the absolute errors [Wh] of the identities that a wholesale market adds; none without one.

    ``positions`` (E3)
        Every group has one position in each settled period; bought by contract + at spot + through a gateway +
        deviation = metered, as its row of `groups` says; what is contracted sums to zero.
    ``contracts`` (C1, C6)
        Positions in futures net to zero and deliver what was signed; long ones become others of the same energy, period
        by period; delivered + replaced = contracted, contract by contract; the groups' contracted energy is what the
        desk's rows deliver.
    ``supply`` (S5)
        Every plant runs once in each settled period; 0 <= output <= available <= what its capacity gives, but for the
        Wh that rounding carries over; capacity never falls.
    ``spot``
        Sold + imported = bought, by the groups' positions as well; nobody gets more than was offered or asked for.
    """
    if record.wholesale is None:
        return {}
    return {
        "positions": _positions_error(record),
        "contracts": _contracts_error(record),
        "supply": _supply_error(record),
        "spot": _spot_error(record),
    }


def _missing_or_again(record: Record, place: Ints, period: NDArray[Any], size: int) -> int:
    """Count rows of who has no place, and those of (place, period) that are missing or there again."""
    counts = np.zeros((size, record.place.periods), np.int64)
    known = place >= 0
    np.add.at(counts, (place[known], period[known]), 1)
    return int((~known).sum() + np.abs(counts - settled(record)).sum())


def _positions_error(record: Record) -> int:
    market, rows, groups = record.wholesale, record.rows(POSITIONS), record.streams["groups"]
    assert market is not None
    g = len(market.groups)
    error = _missing_or_again(record, market.group_of[rows["agent"]], rows["period"], g)
    error += _missing_or_again(record, market.group_of[groups["utility"]], groups["period"], g)
    contracted, spot, metered = (
        by_group(record, POSITIONS, f"{name}_wh") for name in ("contracted", "spot", "metered")
    )
    nominated, told, deviation = (
        by_group(record, GROUPS, f"{name}_wh", "utility") for name in ("nominated", "metered", "deviation")
    )
    traded = group_net_wh(record) * settled(record)
    error += int(np.abs(contracted + spot + traded - nominated).sum() + np.abs(metered - told).sum())
    error += int(np.abs(contracted + spot + traded + deviation - metered).sum())
    return error + int(np.abs(contracted.sum(axis=0)).sum())


def _supply_error(record: Record) -> int:
    market, rows, place = record.wholesale, record.rows(SUPPLY), record.place
    assert market is not None
    plant = market.plant_of[rows["agent"]]
    error = _missing_or_again(record, plant, rows["period"], len(market.producers))
    output, available, capacity_w = rows["output_wh"], rows["available_wh"], rows["capacity_w"]
    most = capacity_w * place.period_ms // MS_PER_HOUR
    # What a plant gave below 1 Wh is metered with the next period: that one may show 1 Wh more.
    beyond = np.maximum(output - available - 1, 0)
    error += int((beyond + np.maximum(available - most, 0) + np.maximum(-output, 0)).sum())
    order = np.lexsort((rows["period"], plant))
    plant, capacity_w = plant[order], capacity_w[order]
    first = np.diff(plant, prepend=-2) != 0
    before = np.where(first, np.append(market.capacity_w, 0)[plant], np.roll(capacity_w, 1))
    return error + int(np.maximum(before - capacity_w, 0).sum()) * place.period_ms // MS_PER_HOUR


def _spot_error(record: Record) -> int:
    rows, periods = record.rows(SPOT), record.place.periods
    error = int(np.abs(rows["sold_wh"] + rows["imported_wh"] - rows["bought_wh"]).sum())
    for got, asked in (("sold_wh", "offered_wh"), ("bought_wh", "wanted_wh")):
        error += int((np.maximum(rows[got] - rows[asked], 0) + np.maximum(-rows[got], 0)).sum())
    counts, net = np.zeros((2, periods), np.int64)
    np.add.at(counts, rows["period"], 1)
    np.add.at(net, rows["period"], rows["bought_wh"] - rows["sold_wh"])
    known = settled(record)
    error += int(np.maximum(counts - 1, 0).sum() + (known & (counts == 0)).sum())
    total = by_group(record, POSITIONS, "spot_wh").sum(axis=0)
    return error + int(np.abs(total - net)[known].sum())


# --- contracts


class Signed(NamedTuple):
    """A bilateral contract.

    Attributes
    ----------
    quantity : int
        Lots; of a PPA a share [ppm].
    begun, cancelled : int
        Commands that made it and ended it; the latter beyond all commands for none.
    """

    number: int
    buyer: int
    seller: int
    spec: int
    quantity: int
    price_tick: int
    begun: int
    cancelled: int


_NEVER: Final = 1 << 62


def signed_contracts(record: Record) -> list[Signed]:
    """Bilateral contracts in the order of signing."""
    market, rows = record.wholesale, record.rows(CONTRACTS)
    assert market is not None
    ends = picked(rows, Event.CANCELLED)
    cancelled = dict(zip(rows["contract"][ends].tolist(), rows["command"][ends].tolist(), strict=True))
    kinds = spec_kinds(record, rows)
    mine = picked(rows, Event.SIGNED) & (kinds >= Kind.FORWARD)
    names = ("contract", "buyer", "seller", "spec", "quantity_wh", "price_tick", "command")
    found = []
    for number, buyer, seller, spec, energy, price, command in zip(
        *(rows[name][mine].tolist() for name in names), strict=True
    ):
        lot = 1 if market.spec_kind[spec] == Kind.PPA else int(market.lot_wh[spec])
        end = cancelled.get(number, _NEVER)
        found.append(Signed(number, buyer, seller, spec, energy // max(lot, 1), price, command, end))
    return found


def delivered_wh(record: Record) -> Ints:
    """Bought - sold by contracts that deliver, as the desk's rows tell: (g, p)."""
    market, rows, period = record.wholesale, record.rows(CONTRACTS), contract_periods(record)
    assert market is not None
    total = np.zeros((len(market.groups), record.place.periods), np.int64)
    future = picked(rows, Event.SETTLED) & (spec_kinds(record, rows) == Kind.FUTURE_PHYSICAL)
    bilateral = picked(rows, Event.DELIVERED, Event.REPLACED) & (rows["contract"] >= 0)
    for side, sign in (("buyer", 1), ("seller", -1)):
        place = np.append(market.group_of, -1)[rows[side]]
        mine = (future | bilateral) & (place >= 0) & (period >= 0)
        np.add.at(total, (place[mine], period[mine]), sign * rows["quantity_wh"][mine])
    return total


def _contracts_error(record: Record) -> int:
    rows = record.rows(CONTRACTS)
    if not len(rows["seq"]):
        return 0
    error = int(np.abs(delivered_wh(record) - by_group(record, POSITIONS, "contracted_wh")).sum())
    return error + _futures_error(record) + _bilateral_error(record)


def _party(rows: Columns) -> tuple[Ints, Ints]:
    """Whose each row of a position is (n,), and its sign: 1 for who bought, -1 for who sold."""
    bought = rows["buyer"] != NOBODY
    return np.where(bought, rows["buyer"], rows["seller"]).astype(np.int64), np.where(bought, 1, -1)


def _futures_error(record: Record) -> int:
    """Positions net to zero at every step, and each period settles the lots that were signed."""
    market, rows, period = record.wholesale, record.rows(CONTRACTS), contract_periods(record)
    assert market is not None
    party, sign = _party(rows)
    spec, energy = rows["spec"], sign * rows["quantity_wh"]
    error = 0
    for events in (*((event,) for event in _MADE), (Event.SETTLED,), (Event.CLOSED_OUT, Event.TORN_UP)):
        mine = picked(rows, *events)
        _, steps = np.unique(np.stack([rows["command"][mine], spec[mine]]), axis=1, return_inverse=True)
        net = np.zeros(int(steps.max(initial=-1)) + 1, np.int64)
        np.add.at(net, steps.reshape(-1), energy[mine])
        error += int(np.abs(net).sum())
    known, closed = settled(record), set(spec[picked(rows, Event.CLOSED_OUT)].tolist())
    made, due = picked(rows, *_MADE), picked(rows, Event.SETTLED)
    # What became something else is not delivered as it was signed.
    energy = np.where(picked(rows, Event.CASCADED), -energy, energy)
    for rows_of in _apart(np.flatnonzero(made | due), spec, party):
        each = int(spec[rows_of[0]])
        if each in closed or not market.lot_wh[each]:
            continue  # what was closed out delivers less than was signed
        signed, settling = rows_of[made[rows_of]], rows_of[due[rows_of] & (period[rows_of] >= 0)]
        lots = int(energy[signed].sum()) // int(market.lot_wh[each])
        told = np.zeros(record.place.periods, np.int64)
        np.add.at(told, period[settling], energy[settling])
        error += int(np.abs(lots * market.wh(each, record.place.periods) * known - told).sum())
    return error + _cascade_error(record, party, energy) + _covered_error(record, party)


def _cascade_error(record: Record, party: Ints, energy: Ints) -> int:
    """Compare what long futures become with what they were, period by period, for each who held one.

    Parameters
    ----------
    party, energy : (n,)
        Whose each of the contracts' rows is, and what it brings (bought) or takes.
    """
    market, rows = record.wholesale, record.rows(CONTRACTS)
    assert market is not None
    error = 0
    for mine in _apart(np.flatnonzero(picked(rows, *_MADE[1:])), rows["command"], party):
        net = np.zeros(record.place.periods, np.int64)
        for row in mine.tolist():
            spec = int(rows["spec"][row])
            lots, broken = divmod(int(energy[row]), max(int(market.lot_wh[spec]), 1))
            net += lots * market.wh(spec, record.place.periods)
            error += broken
        error += int(np.abs(net).sum())
    return error


def _apart(rows: Ints, *keys: NDArray[Any]) -> Iterator[Ints]:
    """Give the places of `rows` (n,) group by group, those together that have the same keys."""
    if not len(rows):
        return
    order = rows[np.lexsort([key[rows] for key in keys])]
    edges = np.logical_or.reduce([np.diff(key[order]) != 0 for key in keys])
    yield from np.split(order, np.flatnonzero(edges) + 1)


def _covered_error(record: Record, party: Ints) -> int:
    """Compare what sellers of physical futures owe with what was delivered or replaced (C6)."""
    rows, periods, period = record.rows(CONTRACTS), record.place.periods, contract_periods(record)
    physical = spec_kinds(record, rows) == Kind.FUTURE_PHYSICAL
    owed = picked(rows, Event.SETTLED) & physical & (rows["seller"] != NOBODY)
    given = picked(rows, Event.DELIVERED, Event.REPLACED) & (rows["contract"] < 0)
    keys = (rows["spec"].astype(np.int64) * record.place.agents + party) * (periods + 1) + period + 1
    both = owed | given
    _, place = np.unique(keys[both], return_inverse=True)
    net = np.zeros(int(place.max(initial=-1)) + 1, np.int64)
    np.add.at(net, place, np.where(owed, rows["quantity_wh"], -rows["quantity_wh"])[both])
    return int(np.abs(net).sum())


def _bilateral_error(record: Record) -> int:
    """Each contract delivers and replaces, between its parties, what was signed (C6, C8)."""
    market, rows, period = record.wholesale, record.rows(CONTRACTS), contract_periods(record)
    assert market is not None
    periods = record.place.periods
    settle = _settle_seqs(record)
    output = np.maximum(-by_group(record, POSITIONS, "metered_wh"), 0)
    given = picked(rows, Event.DELIVERED, Event.REPLACED) & (rows["contract"] >= 0) & (period >= 0)
    parts = {int(rows["contract"][part[0]]): part for part in _apart(np.flatnonzero(given), rows["contract"])}
    error = 0
    for each in signed_contracts(record):
        mine = parts.pop(each.number, np.zeros(0, np.int64))
        strange = (rows["buyer"][mine] != each.buyer) | (rows["seller"][mine] != each.seller)
        error += int(rows["quantity_wh"][mine[strange]].sum())
        told = np.zeros(periods, np.int64)
        np.add.at(told, period[mine], rows["quantity_wh"][mine])
        kind = market.spec_kind[each.spec]
        if kind == Kind.PPA:
            place = int(market.group_of[each.seller])
            fed_in = output[place] if place >= 0 else np.zeros(periods, np.int64)
            first = int(market.first_period[each.spec])
            covers = np.zeros(periods, np.bool_)
            covers[first : first + len(market.profile_wh[each.spec])] = True
            due = each.quantity * fed_in // PPM * covers
        else:
            due = each.quantity * market.wh(each.spec, periods) * (kind == Kind.FORWARD)
        # What was settled before it was cancelled.
        due = np.where((settle >= 0) & (settle < each.cancelled), due, 0)
        error += int(np.abs(due - told).sum())
    # What nobody signed.
    return error + sum(int(rows["quantity_wh"][part].sum()) for part in parts.values())


def _settle_seqs(record: Record) -> Ints:
    """Command that settled each period (p,), -1 for none."""
    seqs = np.full(record.place.periods, -1, np.int64)
    rows = record.rows(POSITIONS)
    seqs[rows["period"]] = rows["command"]
    return seqs


def drawn_and_fed(record: Record) -> list[tuple[NDArray[Any], NDArray[Any], Ints]]:
    """Give what groups' meters read beside their homes: (agent, period, drawn less fed in [Wh]) of each row."""
    if record.wholesale is None:
        return []
    served, supply = record.rows(SERVED), record.rows(SUPPLY)
    return [
        (served["agent"], served["period"], served["energy_wh"]),
        (supply["agent"], supply["period"], -supply["output_wh"]),
    ]
