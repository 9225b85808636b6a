"""Tables of a run with a wholesale market: what utilities, producers and the desk did, with names for numbers.

Owns their columns. Units, times and nulls are those of `wattbook.results.tables`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wattbook.contracts import Event
from wattbook.contracts.words import WH_PER_CERTIFICATE
from wattbook.messages import CONTRACTS, MOVES, POSITIONS, SERVED, SPOT, SUPPLY, SWITCHES, TARIFFS
from wattbook.results.columns import Numbers, Words
from wattbook.results.energy import sorted_by
from wattbook.results.gateway import group_net_wh
from wattbook.results.tables import moments, named, period_start, wholes, word, worded
from wattbook.results.wholesale_energy import NOBODY, picked
from wattbook.results.wholesale_header import CERTIFICATES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from wattbook.results.columns import Column, Picks
    from wattbook.results.record import Record

    Rows = Mapping[str, NDArray[Any]]

_EVENTS: Final = worded({int(event): word(event) for event in Event})
_GREEN: Final = (*CERTIFICATES, Event.COMPLIED, Event.BOUGHT_OUT)
_LOCKED: Final = (Event.MARGIN_LOCKED, Event.COLLATERAL_LOCKED, Event.CONTRIBUTED)
_RELEASED: Final = (Event.MARGIN_RELEASED, Event.COLLATERAL_RELEASED, Event.REDEEMED)
_MOVED: Final = (Event.VARIATION, Event.SETTLED)
_CALLED: Final = (Event.CALLED, Event.DEFAULTED)
_LOST: Final = (
    Event.LOSS_TO_MARGIN, Event.LOSS_TO_OWN_FUND, Event.LOSS_TO_CAPITAL, Event.LOSS_TO_MUTUAL_FUND,
    Event.LOSS_TO_GAINS,
)  # fmt: skip
_MARGINS: Final = {
    "locked": _LOCKED, "released": _RELEASED, "variation": _MOVED, "called": _CALLED, "paid": (Event.CALL_PAID,),
    "lost": _LOST,
}  # fmt: skip


def _some(record: Record, *events: Event, others: bool = False) -> dict[str, NDArray[Any]]:
    """Rows of the desk with these events, or all the others."""
    rows = record.rows(CONTRACTS)
    mine = picked(rows, *events)
    mine = ~mine if others else mine
    return {name: column[mine] for name, column in rows.items()}


def _specs(record: Record, rows: Rows) -> Picks:
    """Name of each row's contract; null for none, and for a vintage."""
    market = record.wholesale
    spec = np.where(picked(rows, *CERTIFICATES), NOBODY, rows["spec"]).astype(np.int64)
    return Words("text", [] if market is None else list(market.specs)).of(spec)


def _number(column: NDArray[Any]) -> Numbers:
    """Whole numbers; null below 0."""
    return Numbers(np.maximum(column, 0), valid=None if (column >= 0).all() else column >= 0)


def contracts(record: Record) -> dict[str, Column]:
    """Give one row per thing that happened to an offer, a contract or a position, in the order of events.

    `amount` is money that the buyer gets, or the one agent of a row with the clearing house, or that an event is about.
    """
    return desk_rows(record, _some(record, *_GREEN, others=True))


def desk_rows(record: Record, rows: Rows) -> dict[str, Column]:
    """Give rows of the desk as they stand."""
    return {
        "contract": _number(rows["contract"]),
        "event": _EVENTS.of(rows["event"]),
        "time": moments(rows["time_ms"]),
        "buyer": named(record, "names", rows["buyer"]),
        "seller": named(record, "names", rows["seller"]),
        "spec": _specs(record, rows),
        **wholes(rows, "price_tick", "quantity_wh", "amount"),
    }


def margins(record: Record) -> dict[str, Column]:
    """Give one row per agent and movement of margin, collateral, fund, variation, call or loss, in order.

    `quantity_wh` is the agent's position: bought positive, sold negative; 0 where an event is about none.
    """
    rows = _some(record, *(event for events in _MARGINS.values() for event in events))
    bought = rows["buyer"] != NOBODY
    amounts = {name: np.where(picked(rows, *events), rows["amount"], 0) for name, events in _MARGINS.items()}
    return {
        "time": moments(rows["time_ms"]),
        "event": _EVENTS.of(rows["event"]),
        "agent": named(record, "names", np.where(bought, rows["buyer"], rows["seller"])),
        "spec": _specs(record, rows),
        "price_tick": Numbers(rows["price_tick"]),
        "quantity_wh": Numbers(np.where(bought, 1, -1) * rows["quantity_wh"]),
        **{name: Numbers(column) for name, column in amounts.items()},
    }


def certificates(record: Record) -> dict[str, Column]:
    """Give one row per event of guarantees of origin, and of quotas, in order.

    `agent` is who got, retired or lost them, or whose quota it is; `giver` who handed them over.
    """
    rows = _some(record, *_GREEN)
    moved = picked(rows, Event.CERTIFICATES_MOVED)
    numbered = picked(rows, *CERTIFICATES)
    giver = np.where(moved, rows["seller"], NOBODY)
    agent = np.where(rows["buyer"] != NOBODY, rows["buyer"], rows["seller"])
    return {
        "time": moments(rows["time_ms"]),
        "event": worded({int(event): word(event).removeprefix("certificates-") for event in _GREEN}).of(rows["event"]),
        "agent": named(record, "names", agent),
        "giver": named(record, "names", giver),
        "first_serial": _number(np.where(numbered, rows["contract"], NOBODY)),
        "number": Numbers(np.where(numbered, rows["quantity_wh"] // WH_PER_CERTIFICATE, 0)),
        "vintage": period_start(record, np.where(numbered, rows["spec"], NOBODY)),
        **wholes(rows, "price_tick", "quantity_wh", "amount"),
    }


def positions(record: Record) -> dict[str, Column]:
    """Give the one ledger of positions: a row per period and balance group, and per period and home.

    contracted + spot + traded + residual + deviation = metered, in every row. A group has traded only through a gateway
    and has no residual, a home nothing contracted, no spot and no deviation: its residual is part of its utility's
    metered energy.
    """
    told, market = record.rows(POSITIONS), record.wholesale
    group = {name: told[name] for name in ("seq", "period", "agent", "contracted_wh", "spot_wh", "metered_wh")}
    if market is not None:
        group["traded_wh"] = group_net_wh(record)[market.group_of[told["agent"]], told["period"]]
    group["deviation_wh"] = group["metered_wh"] - group["contracted_wh"] - group["spot_wh"] - group.get("traded_wh", 0)
    parts = [group]
    if market is not None and "meters" in record.streams:  # a single fact is shown without them
        read = record.streams["meters"]
        home = {name: read[name] for name in ("seq", "period", "agent", "traded_wh", "residual_wh")}
        home["metered_wh"] = home["traded_wh"] + home["residual_wh"]
        parts.append(home)
    names = ("seq", "period", "agent", "contracted_wh", "spot_wh", "traded_wh", "residual_wh", "deviation_wh")
    joined = {
        name: np.concatenate([part.get(name, np.zeros(len(part["seq"]), np.int64)) for part in parts])
        for name in (*names, "metered_wh")
    }
    rows = sorted_by(joined, "period", "agent")
    return {
        "period": period_start(record, rows["period"]),
        "agent": named(record, "names", rows["agent"]),
        **wholes(rows, *names[3:], "metered_wh"),
    }


def spot(record: Record) -> dict[str, Column]:
    """Give one row per period of the day-ahead market; `outside_tick` is the outside's price."""
    rows = sorted_by(record.rows(SPOT), "period")
    outside = np.array(record.header["spot_tick"], np.int64)
    return {
        "period": period_start(record, rows["period"]),
        **wholes(rows, "price_tick"),
        "outside_tick": Numbers(outside[rows["period"]]),
        **wholes(rows, "offered_wh", "wanted_wh", "sold_wh", "bought_wh", "imported_wh"),
    }


def supply(record: Record) -> dict[str, Column]:
    """Give one row per period and plant; `fuel` is what its output cost."""
    market, rows = record.wholesale, sorted_by(record.rows(SUPPLY), "period", "agent")
    kinds, tick = [""], np.zeros(1, np.int64)
    plant = np.zeros(len(rows["seq"]), np.int64)
    if market is not None:
        kinds, tick = [*market.kinds, ""], np.append(market.marginal_tick, 0)
        plant = market.plant_of[rows["agent"]]
    return {
        "period": period_start(record, rows["period"]),
        "agent": named(record, "names", rows["agent"]),
        "plant": Words("text", [kind or None for kind in kinds]).of(plant % len(kinds)),
        **wholes(rows, "capacity_w", "available_wh", "scheduled_wh", "output_wh"),
        "marginal_tick": Numbers(tick[plant]),
        **wholes(rows, "fuel"),
    }


def served(record: Record) -> dict[str, Column]:
    """Give one row per period and utility that stands for customers: what these drew, and at which tariff."""
    rows, place = sorted_by(record.rows(SERVED), "period", "agent"), record.place
    tick = np.zeros((place.agents, place.periods), np.int64)
    tick[place.supplier] = place.retail_tick
    return {
        "period": period_start(record, rows["period"]),
        "agent": named(record, "names", rows["agent"]),
        **wholes(rows, "customers", "energy_wh"),
        "retail_tick": Numbers(tick[rows["agent"], rows["period"]]),
    }


def tariffs(record: Record) -> dict[str, Column]:
    """Give one row per period and utility whose tariff was set after the start, in the order in which they were set."""
    rows = record.rows(TARIFFS)
    return {
        "period": period_start(record, rows["period"]),
        "agent": named(record, "names", rows["agent"]),
        **wholes(rows, "retail_tick", "feed_in_tick"),
    }


def switches(record: Record) -> dict[str, Column]:
    """Give one row per time and pair of utilities: how many customers went from one to the other."""
    rows = record.rows(SWITCHES)
    return {
        "time": moments(rows["time_ms"]),
        "old": named(record, "names", rows["old"]),
        "new": named(record, "names", rows["new"]),
        **wholes(rows, "customers", "fee"),
    }


def moves(record: Record) -> dict[str, Column]:
    """Give one row per member that took another utility: from which period on, and what leaving cost it."""
    rows = record.rows(MOVES)
    return {
        "time": moments(rows["time_ms"]),
        "agent": named(record, "names", rows["agent"]),
        "old": named(record, "names", rows["old"]),
        "new": named(record, "names", rows["new"]),
        "period": period_start(record, rows["period"]),
        **wholes(rows, "fee"),
    }


WHOLESALE: Final[dict[str, Callable[[Record], dict[str, Column]]]] = {
    "positions": positions,
    "served": served,
    "spot": spot,
    "supply": supply,
}
"""Tables of every run with a wholesale market."""
DESK: Final[dict[str, Callable[[Record], dict[str, Column]]]] = {
    "certificates": certificates,
    "contracts": contracts,
    "margins": margins,
}
"""Tables of every run with a contract desk."""
RETAIL: Final[dict[str, Callable[[Record], dict[str, Column]]]] = {
    "switches": switches,
    "tariffs": tariffs,
}
"""Tables of every run in which customers choose."""
MEMBERS: Final[dict[str, Callable[[Record], dict[str, Column]]]] = {"moves": moves}
"""Tables of every run in which members choose."""
