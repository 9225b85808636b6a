"""A run's tables: the journal's rows with names in the place of numbers.

Owns the columns of every table. All numbers are Int64 (prices in ticks of 0.01 EUR/MWh, energy in Wh, money in
1e-8 EUR), all times Datetime(ms, UTC), all else text. A number that names nothing (-1, or what a refused command
asked for) becomes null.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wattbook.book.words import Code, Event
from wattbook.contracts import Code as DeskCode
from wattbook.messages import BUY, REFUSED, SELL, SERVED, SUPPLY, Action, Cause, Path, Refusal
from wattbook.results.advice import advice_columns
from wattbook.results.answers import outcomes
from wattbook.results.columns import Flags, Numbers, Words, frame_of
from wattbook.results.energy import attendance, meter_sums, soc_end, sorted_by
from wattbook.results.money import money_of, received

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from enum import IntEnum

    import polars as pl
    from numpy.typing import NDArray

    from wattbook.results.columns import Column, Picks
    from wattbook.results.record import Ints, Record


def word(member: IntEnum) -> str:
    """Write the name of `member` as the tables do.

    >>> word(Cause.FEED_IN)
    'feed-in'
    """
    return member.name.lower().replace("_", "-")


def _words(record: Record, key: str) -> Words:
    """Every text of one kind in a run's header: listed once, as a city has many of them."""
    memo = record.place.memo
    if key not in memo:
        if key == "policy":
            texts = record.people["policy"]
        elif key == "venue":
            texts = [entry["venue"] for entry in record.header["books"]]
        else:
            texts = list(getattr(record.place, key))
        memo[key] = Words("text", texts)
    words: Words = memo[key]
    return words


def named(record: Record, key: str, index: NDArray[Any]) -> Picks:
    """Give the text (n,) of each number of `index` (n,) under `key`; null where there is no such name."""
    return _words(record, key).of(index)


def worded(words: Mapping[int, str]) -> Words:
    """Give words for whole numbers that lie close together."""
    least = min(words)
    return Words("text", [words.get(number) for number in range(least, max(words) + 1)], least)


_DESK_CODES: Final = 200
"""The contract desk's own refusals stand in orders as this and their number; other runs' files do not list them."""
_REASONS: Final = {int(code): word(code) for code in (*Code, *Refusal)}
_CODES: Final = worded(_REASONS)
_CODES_WITH_DESK: Final = worded(
    _REASONS | {_DESK_CODES + int(code): word(code) for code in DeskCode if code != DeskCode.OK}
)
_EVENTS: Final = worded({REFUSED: "refused", **{int(event): word(event) for event in Event}})
_SIDES: Final = worded({BUY: "buy", SELL: "sell"})
_CAUSES, _PATHS, _ACTIONS = (worded({int(each): word(each) for each in kind}) for kind in (Cause, Path, Action))
_FREE: Final = Words("real", [0.0])


def _codes(record: Record) -> Words:
    return _CODES if record.wholesale is None else _CODES_WITH_DESK


def moments(ms: NDArray[Any]) -> Numbers:
    """Give times (n,) [ms UTC]."""
    return Numbers(ms, "time")


def period_start(record: Record, period: NDArray[Any]) -> Picks:
    """Give the UTC start of each of `period` (n,); null where that is no period of the run."""
    place = record.place
    if "start" not in place.memo:
        starts = place.start_ms + np.arange(place.periods, dtype=np.int64) * place.period_ms
        place.memo["start"] = Words("time", starts.tolist())
    words: Words = place.memo["start"]
    return words.of(period)


def _book(record: Record, book: NDArray[Any]) -> dict[str, Column]:
    return {"venue": named(record, "venue", book), "book": named(record, "books", book)}


def wholes(columns: Mapping[str, NDArray[Any]], *names: str) -> dict[str, Column]:
    """Give columns of whole numbers as they are."""
    return {name: Numbers(columns[name]) for name in names}


def trades(record: Record) -> dict[str, Column]:
    """Give one row per match, by seq."""
    rows = record.streams["trades"]
    return {
        "seq": Numbers(rows["seq"]),
        "time": moments(rows["time_ms"]),
        **_book(record, rows["book"]),
        "period": period_start(record, rows["period"]),
        "buyer": named(record, "names", rows["buyer"]),
        "seller": named(record, "names", rows["seller"]),
        **wholes(rows, "price_tick", "quantity_wh"),
        "aggressor": _SIDES.of(rows["aggressor"]),
        **wholes(rows, "maker_order", "taker_order"),
    }


def orders(record: Record) -> dict[str, Column]:
    """Give one row per event of an order, refusals among them, by seq."""
    rows = record.streams["orders"]
    return {
        "seq": Numbers(rows["seq"]),
        "time": moments(rows["time_ms"]),
        **_book(record, rows["book"]),
        "period": period_start(record, rows["period"]),
        "order": Numbers(rows["order"]),
        "agent": named(record, "names", rows["agent"]),
        "event": _EVENTS.of(rows["event"]),
        "side": _SIDES.of(rows["side"]),
        **wholes(rows, "price_tick", "quantity_wh", "remaining_wh"),
        "code": _codes(record).of(rows["code"]),
    }


def postings(record: Record) -> dict[str, Column]:
    """Give one row per leg of a transfer (paid negative, received positive), by seq."""
    rows = record.streams["postings"]
    return {
        "seq": Numbers(rows["seq"]),
        "time": moments(rows["time_ms"]),
        "period": period_start(record, rows["period"]),
        "transfer": Numbers(rows["transfer"]),
        "account": named(record, "accounts", rows["account"]),
        "amount": Numbers(rows["amount"]),
        "cause": _CAUSES.of(rows["cause"]),
    }


def shares(record: Record) -> dict[str, Column]:
    """Give one row per period, pool and member that received (positive) or gave, in this order.

    `claim_wh` is what the member still drew (positive) or fed in when the pool's turn came. No rows where there is an
    order book, or no local market.
    """
    rows = sorted_by(record.shares, "period", "book", "agent")
    return {
        "period": period_start(record, rows["period"]),
        **_book(record, rows["book"]),
        "agent": named(record, "names", rows["agent"]),
        **wholes(rows, "claim_wh", "shared_wh", "price_tick"),
    }


def meters(record: Record) -> dict[str, Column]:
    """Give one row per period and metered agent, in this order.

    Where `substitute` is true the meter failed: traded + residual is the net withdrawal that was billed instead.
    """
    return _read(record, sorted_by(record.streams["meters"], "period", "agent"))


def _read(record: Record, rows: Mapping[str, NDArray[Any]]) -> dict[str, Column]:
    """Give meters' rows as they stand."""
    return {
            "period": period_start(record, rows["period"]),
            "agent": named(record, "names", rows["agent"]),
            **wholes(
                rows, "load_wh", "generation_wh", "charge_wh", "discharge_wh", "curtailed_wh", "traded_wh",
                "residual_wh", "soc_wh",
            ),
            "substitute": Flags(rows["substitute"] != 0),
        }  # fmt: skip


def flows(record: Record) -> dict[str, Column]:
    """Give one row per period and network path: withdrawn energy that came this way, and its losses."""
    rows = sorted_by(record.streams["flows"], "period", "path")
    return {
        "period": period_start(record, rows["period"]),
        "path": _PATHS.of(rows["path"]),
        **wholes(rows, "flow_wh", "losses_wh"),
    }


def groups(record: Record) -> dict[str, Column]:
    """Give one row per period and balance group."""
    rows = sorted_by(record.streams["groups"], "period", "utility")
    return {
        "period": period_start(record, rows["period"]),
        "utility": named(record, "names", rows["utility"]),
        **wholes(rows, "nominated_wh", "metered_wh", "deviation_wh", "spot_tick", "imbalance_tick"),
    }


def decisions(record: Record) -> dict[str, Column]:
    """Give one row per agent's command, by the command's seq; outcome is ok or the refusal's code.

    Where a language model was asked, its decisions instead: what became of commands is in the orders.
    """
    return advice_columns(record.advice) if record.advice is not None else _decided(record, record.streams["commands"])


def _decided(record: Record, rows: Mapping[str, NDArray[Any]]) -> dict[str, Column]:
    """Give the rows of some commands that stand one after another."""
    own = rows["agent"] >= 0
    mine = rows if own.all() else {name: rows[name][own] for name in ("seq", "time_ms", "agent", "action")}
    return {
        "time": moments(mine["time_ms"]),
        "agent": named(record, "names", mine["agent"]),
        "policy": named(record, "policy", mine["agent"]),
        "action": _ACTIONS.of(mine["action"]),
        "outcome": _codes(record).of(outcomes(record, mine["seq"])),
        "cost_usd": _FREE.of(np.zeros(len(mine["seq"]), np.uint8)),
    }


def agents(record: Record, baseline: Record | None = None) -> dict[str, Column]:
    """Give one row per agent, sorted by name: who it is, its money, and its energy over the run.

    A bill is what the agent paid less what it got; `saving` is the bill without the local market less the bill.
    `local_wh` is the part of `withdrawal_wh` that was bought locally.
    """
    who = record.people
    bill = -received(record)
    base = None if baseline is None else -received(baseline)
    rank = np.arange(len(bill))
    start = money_of(record)[: record.place.agents, Cause.ENDOWMENT]
    nothing = Numbers(np.zeros(len(bill), np.int64), valid=np.zeros(len(bill), np.bool_))
    return {
        "agent": named(record, "names", rank),
        **{key: Words("text", who[key]).of(rank) for key in ("kind", "persona", "policy", "utility", "feeder")},
        "money_start": Numbers(start),
        "money_end": Numbers(start - bill),
        "profit": Numbers(-bill),
        "baseline_bill": nothing if base is None else Numbers(base),
        "bill": Numbers(bill),
        "saving": nothing if base is None else Numbers(base - bill),
        **{name: Numbers(column) for name, column in _energy_totals(record).items()},
    }


def _energy_totals(record: Record) -> dict[str, Ints]:
    """Energy of each agent (a,) over the run [Wh]."""
    place = record.place
    bought, sold = np.zeros((2, place.agents), np.int64)
    for deals in record.pieces("trades", only=("buyer", "seller", "quantity_wh")):
        np.add.at(bought, deals["buyer"], deals["quantity_wh"])
        np.add.at(sold, deals["seller"], deals["quantity_wh"])
    parts = record.shares
    np.add.at(bought, parts["agent"], np.maximum(parts["shared_wh"], 0))
    np.add.at(sold, parts["agent"], np.maximum(-parts["shared_wh"], 0))
    return {
        **_with_wholesale(record, meter_sums(record).by_agent),
        "bought_wh": bought,
        "sold_wh": sold,
        "soc_start_wh": place.soc_start_wh,
        "soc_end_wh": soc_end(record),
    }


def _with_wholesale(record: Record, sums: dict[str, Ints]) -> dict[str, Ints]:
    """Add to the meters' sums what plants gave, and what those drew whom utilities stand for."""
    if record.wholesale is None:
        return sums
    sums = {name: column.copy() for name, column in sums.items()}
    served, output = record.rows(SERVED), record.rows(SUPPLY)
    for name, rows, column in (
        ("load_wh", served, "energy_wh"), ("withdrawal_wh", served, "energy_wh"),
        ("generation_wh", output, "output_wh"), ("injection_wh", output, "output_wh"),
    ):  # fmt: skip
        np.add.at(sums[name], rows["agent"], rows[column])
    return sums


_COLUMNS: Final[dict[str, Callable[[Record, Record | None], dict[str, Column]]]] = {
    "trades": lambda record, _: trades(record),
    "orders": lambda record, _: orders(record),
    "postings": lambda record, _: postings(record),
    "meters": lambda record, _: meters(record),
    "agents": agents,
    "decisions": lambda record, _: decisions(record),
    "flows": lambda record, _: flows(record),
    "groups": lambda record, _: groups(record),
    "shares": lambda record, _: shares(record),
}


def _framed(columns: Callable[[Record, Record | None], dict[str, Column]]) -> Callable[..., pl.DataFrame]:
    return lambda record, baseline: frame_of(columns(record, baseline))


TABLES: Final[dict[str, Callable[[Record, Record | None], pl.DataFrame]]] = {
    name: _framed(columns) for name, columns in _COLUMNS.items()
}
"""Every table of a run by name: made of its record and of its baseline's."""


def streamed(name: str, record: Record) -> tuple[str, Callable[[dict[str, NDArray[Any]]], dict[str, Column]]] | None:
    """Tell of a table that follows one stream block by block the stream, and how a block becomes rows; else None."""
    if name in {"trades", "orders", "postings"}:
        return name, lambda block: _COLUMNS[name](record.part(name, block), None)
    if name == "meters" and attendance(record).by_agent:
        return name, lambda block: _read(record, block)
    if name == "decisions" and record.advice is None:
        return "commands", lambda block: _decided(record, block)
    return None


def whole(name: str, record: Record, baseline: Record | None) -> dict[str, Column]:
    """Give all rows of a table at once."""
    return _COLUMNS[name](record, baseline)
