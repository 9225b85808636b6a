"""A run's tables: the journal's rows with names in the place of numbers.

Owns the columns of every table. All numbers are Int64 (prices in ticks of 0.01 EUR/MWh, energy in Wh, money in
1e-8 EUR), all times Datetime(ms, UTC), all else text. A number that names nothing (-1, or what a refused command
asked for) becomes null.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from wattbook.book.words import Code, Event
from wattbook.messages import BUY, REFUSED, SELL, Action, Cause, Path, Refusal
from wattbook.results.energy import net_positions, soc_end, sorted_by, sum_by
from wattbook.results.money import money_of, received
from wattbook.results.record import people_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from enum import IntEnum

    from numpy.typing import NDArray

    from wattbook.results.record import Ints, Record

TIME: Final = pl.Datetime("ms", "UTC")


def word(member: IntEnum) -> str:
    """Write the name of `member` as the tables do.

    >>> word(Cause.FEED_IN)
    'feed-in'
    """
    return member.name.lower().replace("_", "-")


def _lookup(words: pl.Series, index: NDArray[Any]) -> pl.Series:
    """Entry (n,) of `words` for each of `index` (n,); null where that is none of its rows. Its last entry is null."""
    # Without its sign a negative number is greater than all, so one comparison finds both ends.
    rows = np.minimum(index.view(f"<u{index.itemsize}"), len(words) - 1)
    return words.gather(pl.Series(values=rows.astype(np.uint32, copy=False), dtype=pl.UInt32))


def _texts(record: Record, key: str) -> pl.Series:
    """Every text of one kind in a run's header, and null: made once, as a city has many of them."""
    memo = record.place.memo
    if key not in memo:
        if key == "policy":
            texts = people_of(record.header)["policy"]
        elif key == "venue":
            texts = [entry["venue"] for entry in record.header["books"]]
        else:
            texts = list(getattr(record.place, key))
        memo[key] = pl.Series([*texts, None], dtype=pl.String)
    series: pl.Series = memo[key]
    return series


def _named(record: Record, key: str, index: NDArray[Any]) -> pl.Series:
    """Text (n,) of each number of `index` (n,); null where there is no such name."""
    return _lookup(_texts(record, key), index)


class _Words:
    """Words for whole numbers that lie close together."""

    def __init__(self, words: Mapping[int, str]) -> None:
        self.least = min(words)
        self.series = pl.Series([*(words.get(n) for n in range(self.least, max(words) + 1)), None], dtype=pl.String)

    def of(self, numbers: NDArray[Any]) -> pl.Series:
        """Text (n,) of each of `numbers` (n,), which may be any; null where there is no word."""
        return _lookup(self.series, numbers.astype(np.int64) - self.least)


_CODES: Final = _Words({int(code): word(code) for code in (*Code, *Refusal)})
_EVENTS: Final = _Words({REFUSED: "refused", **{int(event): word(event) for event in Event}})
_SIDES: Final = _Words({BUY: "buy", SELL: "sell"})
_CAUSES, _PATHS, _ACTIONS = (_Words({int(each): word(each) for each in kind}) for kind in (Cause, Path, Action))


def _whole(column: NDArray[Any]) -> pl.Series:
    return pl.Series(values=column.astype(np.int64, copy=False), dtype=pl.Int64)


def _time(ms: NDArray[Any]) -> pl.Series:
    return _whole(ms).cast(TIME)


def _start(record: Record, period: NDArray[Any]) -> pl.Series:
    """UTC start of each of `period` (n,); null where that is no period of the run."""
    place = record.place
    if "start" not in place.memo:
        starts = _time(place.start_ms + np.arange(place.periods, dtype=np.int64) * place.period_ms)
        place.memo["start"] = starts.append(pl.Series([None], dtype=TIME)).rechunk()
    return _lookup(place.memo["start"], period)


def _book(record: Record, book: NDArray[Any]) -> dict[str, pl.Series]:
    return {"venue": _named(record, "venue", book), "book": _named(record, "books", book)}


def _wholes(columns: Mapping[str, NDArray[Any]], *names: str) -> dict[str, pl.Series]:
    return {name: _whole(columns[name]) for name in names}


def trades(record: Record) -> pl.DataFrame:
    """Give one row per match, by seq."""
    rows = record.streams["trades"]
    return pl.DataFrame(
        {
            "seq": _whole(rows["seq"]),
            "time": _time(rows["time_ms"]),
            **_book(record, rows["book"]),
            "period": _start(record, rows["period"]),
            "buyer": _named(record, "names", rows["buyer"]),
            "seller": _named(record, "names", rows["seller"]),
            **_wholes(rows, "price_tick", "quantity_wh"),
            "aggressor": _SIDES.of(rows["aggressor"]),
            **_wholes(rows, "maker_order", "taker_order"),
        }
    )


def orders(record: Record) -> pl.DataFrame:
    """Give one row per event of an order, refusals among them, by seq."""
    rows = record.streams["orders"]
    return pl.DataFrame(
        {
            "seq": _whole(rows["seq"]),
            "time": _time(rows["time_ms"]),
            **_book(record, rows["book"]),
            "period": _start(record, rows["period"]),
            "order": _whole(rows["order"]),
            "agent": _named(record, "names", rows["agent"]),
            "event": _EVENTS.of(rows["event"]),
            "side": _SIDES.of(rows["side"]),
            **_wholes(rows, "price_tick", "quantity_wh", "remaining_wh"),
            "code": _CODES.of(rows["code"]),
        }
    )


def postings(record: Record) -> pl.DataFrame:
    """Give one row per leg of a transfer (paid negative, received positive), by seq."""
    rows = record.streams["postings"]
    return pl.DataFrame(
        {
            "seq": _whole(rows["seq"]),
            "time": _time(rows["time_ms"]),
            "period": _start(record, rows["period"]),
            "transfer": _whole(rows["transfer"]),
            "account": _named(record, "accounts", rows["account"]),
            "amount": _whole(rows["amount"]),
            "cause": _CAUSES.of(rows["cause"]),
        }
    )


def shares(record: Record) -> pl.DataFrame:
    """Give one row per period, pool and member that received (positive) or gave, in this order.

    `claim_wh` is what the member still drew (positive) or fed in when the pool's turn came. No rows where there is an
    order book, or no local market.
    """
    rows = sorted_by(record.shares, "period", "book", "agent")
    return pl.DataFrame(
        {
            "period": _start(record, rows["period"]),
            **_book(record, rows["book"]),
            "agent": _named(record, "names", rows["agent"]),
            **_wholes(rows, "claim_wh", "shared_wh", "price_tick"),
        }
    )


def meters(record: Record) -> pl.DataFrame:
    """Give one row per period and metered agent, in this order.

    Where `substitute` is true the meter failed: traded + residual is the net withdrawal that was billed instead.
    """
    rows = sorted_by(record.streams["meters"], "period", "agent")
    return pl.DataFrame(
        {
            "period": _start(record, rows["period"]),
            "agent": _named(record, "names", rows["agent"]),
            **_wholes(
                rows, "load_wh", "generation_wh", "charge_wh", "discharge_wh", "curtailed_wh", "traded_wh",
                "residual_wh", "soc_wh",
            ),
            "substitute": pl.Series(values=rows["substitute"] != 0, dtype=pl.Boolean),
        }
    )  # fmt: skip


def flows(record: Record) -> pl.DataFrame:
    """Give one row per period and network path: withdrawn energy that came this way, and its losses."""
    rows = sorted_by(record.streams["flows"], "period", "path")
    return pl.DataFrame(
        {
            "period": _start(record, rows["period"]),
            "path": _PATHS.of(rows["path"]),
            **_wholes(rows, "flow_wh", "losses_wh"),
        }
    )


def groups(record: Record) -> pl.DataFrame:
    """Give one row per period and balance group."""
    rows = sorted_by(record.streams["groups"], "period", "utility")
    return pl.DataFrame(
        {
            "period": _start(record, rows["period"]),
            "utility": _named(record, "names", rows["utility"]),
            **_wholes(rows, "nominated_wh", "metered_wh", "deviation_wh", "spot_tick", "imbalance_tick"),
        }
    )


def decisions(record: Record) -> pl.DataFrame:
    """Give one row per agent's command, by the command's seq; outcome is ok or the refusal's code."""
    return _decided(record, record.streams["commands"], _outcomes(record))


_DECIDED: Final = ("seq", "time_ms", "agent", "action")


def _decided(record: Record, rows: Mapping[str, NDArray[Any]], outcomes: NDArray[Any]) -> pl.DataFrame:
    """Give the rows of some commands; `outcomes` is of all."""
    own = rows["agent"] >= 0
    mine = rows if own.all() else {name: rows[name][own] for name in _DECIDED}
    return pl.DataFrame(
        {
            "time": _time(mine["time_ms"]),
            "agent": _named(record, "names", mine["agent"]),
            "policy": _named(record, "policy", mine["agent"]),
            "action": _ACTIONS.of(mine["action"]),
            "outcome": _CODES.of(outcomes[mine["seq"]]),
            "cost_usd": pl.Series(values=np.zeros(len(mine["seq"])), dtype=pl.Float64),
        }
    )


def _outcomes(record: Record) -> NDArray[np.int16]:
    """Code of each command (n,): 0, or that of its first refusal."""
    count = sum(len(rows["seq"]) for rows in record.blocks("commands", only=("seq",)))
    codes = np.zeros(count, np.int16)
    for answers in record.blocks("orders", only=("command", "code")):
        refused = np.flatnonzero((answers["code"] != 0) & (answers["command"] >= 0) & (answers["command"] < count))
        refused = refused[codes[answers["command"][refused]] == 0]
        # The last assignment to an index stands, so go backwards.
        codes[answers["command"][refused[::-1]]] = answers["code"][refused[::-1]]
    return codes


def agents(record: Record, baseline: Record | None = None) -> pl.DataFrame:
    """Give one row per agent, sorted by name: who it is, its money, and its energy over the run.

    A bill is what the agent paid less what it got; `saving` is the bill without the local market less the bill.
    `local_wh` is the part of `withdrawal_wh` that was bought locally.
    """
    who = people_of(record.header)
    bill = -received(record)
    base = None if baseline is None else -received(baseline)
    start = money_of(record)[: record.place.agents, Cause.ENDOWMENT]
    nothing = pl.Series(values=[None] * len(bill), dtype=pl.Int64)
    return pl.DataFrame(
        {
            **{
                key: pl.Series(values=who[key], dtype=pl.String)
                for key in ("agent", "kind", "persona", "policy", "utility", "feeder")
            },
            "money_start": _whole(start),
            "money_end": _whole(start - bill),
            "profit": _whole(-bill),
            "baseline_bill": nothing if base is None else _whole(base),
            "bill": _whole(bill),
            "saving": nothing if base is None else _whole(base - bill),
            **{name: _whole(column) for name, column in _energy_totals(record).items()},
        }
    )


def _energy_totals(record: Record) -> dict[str, Ints]:
    """Energy of each agent (a,) over the run [Wh]."""
    rows, place = record.streams["meters"], record.place
    net = net_positions(record)
    billed = net.metered_wh
    columns = {key: rows[key] for key in ("load_wh", "generation_wh", "charge_wh", "discharge_wh", "curtailed_wh")}
    columns["withdrawal_wh"] = np.maximum(billed, 0)
    columns["injection_wh"] = np.maximum(-billed, 0)
    columns["local_wh"] = np.maximum(np.minimum(billed, net.traded_wh), 0)
    columns["residual_in_wh"] = np.maximum(rows["residual_wh"], 0)
    columns["residual_out_wh"] = np.maximum(-rows["residual_wh"], 0)
    totals = {name: sum_by(rows["agent"], column, place.agents) for name, column in columns.items()}
    deals = record.streams["trades"]
    parts = record.shares
    totals["bought_wh"] = sum_by(deals["buyer"], deals["quantity_wh"], place.agents)
    totals["bought_wh"] += sum_by(parts["agent"], np.maximum(parts["shared_wh"], 0), place.agents)
    totals["sold_wh"] = sum_by(deals["seller"], deals["quantity_wh"], place.agents)
    totals["sold_wh"] += sum_by(parts["agent"], np.maximum(-parts["shared_wh"], 0), place.agents)
    totals["soc_start_wh"] = place.soc_start_wh
    totals["soc_end_wh"] = soc_end(record)
    return totals


TABLES: Final[dict[str, Callable[[Record, Record | None], pl.DataFrame]]] = {
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
"""Every table of a run by name: made of its record and of its baseline's."""


def table_parts(name: str, record: Record, baseline: Record | None) -> Iterator[pl.DataFrame]:
    """Give the rows of a table some at a time, in order; at least one part, which may be empty."""
    if name in {"trades", "orders", "postings"} or (name == "meters" and _in_order(record)):
        parts: Iterator[pl.DataFrame] = (TABLES[name](record.part(name, block), None) for block in record.blocks(name))
    elif name == "decisions":
        outcomes = _outcomes(record)
        parts = (_decided(record, block, outcomes) for block in record.blocks("commands", only=_DECIDED))
    else:
        parts = iter([TABLES[name](record, baseline)])
    first = next(parts, None)
    yield TABLES[name](record, baseline) if first is None else first
    yield from parts


def _in_order(record: Record) -> bool:
    """Tell whether the meters' rows stand by period and agent."""
    last = -1
    for rows in record.blocks("meters", only=("period", "agent")):
        keys = rows["period"].astype(np.int64) * record.place.agents + rows["agent"]
        if keys[0] < last or (np.diff(keys) < 0).any():
            return False
        last = int(keys[-1])
    return True
