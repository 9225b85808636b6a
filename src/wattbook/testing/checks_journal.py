"""Laws of a run's record: B15, which only a record can show, and those of the book's laws that a record shows as well.

Judged on two tables: `orders` and `trades` of a `Run`, or frames or lists of dicts with the same columns.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from wattbook.errors import ConfigError, nearest
from wattbook.testing.invariants import Falsified

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    Rows = list[Mapping[str, Any]]

_LOWER: Final = {"filled", "cancelled", "expired", "prevented"}
_OF_ORDERS: Final = frozenset({
    "seq", "time", "book", "period", "order", "event", "side", "price_tick", "quantity_wh", "remaining_wh",
})  # fmt: skip
_OF_TRADES: Final = frozenset({
    "seq", "time", "book", "period", "price_tick", "quantity_wh", "aggressor", "maker_order", "taker_order",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Record:
    """What is judged.

    Attributes
    ----------
    orders, trades : list of mapping, or frame
        Rows by seq, columns as in the run's tables; a frame becomes a list.
    closes_before : timedelta
        How long before its delivery period a product's gate closes.
    floor_tick, cap_tick : int or None
        Price band, None where it is not known.
    has_auctions : bool
        Whether a product's last trades are made by an auction in the very millisecond of its gate closure.

    Raises
    ------
    ConfigError
        If a table is none or lacks a column, or `closes_before` is no span of time.
    """

    orders: Rows
    trades: Rows
    closes_before: timedelta
    floor_tick: int | None = None
    cap_tick: int | None = None
    has_auctions: bool = False

    def __post_init__(self) -> None:
        for name, columns in (("orders", _OF_ORDERS), ("trades", _OF_TRADES)):
            object.__setattr__(self, name, _checked_rows(name, getattr(self, name), columns))
        if not isinstance(self.closes_before, timedelta) or self.closes_before < timedelta():
            raise ConfigError(f"closes_before={self.closes_before!r} must be a timedelta of 0 or more")

    @classmethod
    def of(cls, run: Any) -> Record:
        """Take a `Run` apart."""
        if not all(hasattr(run, name) for name in ("record", "orders", "trades")):
            raise ConfigError(f"{type(run).__name__} is neither a Run nor a Record: give one of them")
        market = run.record.header["local_market"] or {}
        return cls(
            rows_of(run.orders),
            rows_of(run.trades),
            timedelta(milliseconds=market.get("closes_before_ms", 0)),
            market.get("floor_tick"),
            market.get("cap_tick"),
            market.get("auction") is not None,
        )


def rows_of(table: Any) -> Rows:
    """Rows of a frame as mappings, by seq; a list of mappings is one already."""
    rows: Iterable[Mapping[str, Any]] = table.iter_rows(named=True) if hasattr(table, "iter_rows") else table
    return sorted(rows, key=lambda row: row["seq"])


def _checked_rows(name: str, table: Any, columns: frozenset[str]) -> Rows:
    rows: list[Any] = list(table.iter_rows(named=True)) if hasattr(table, "iter_rows") else []
    if not hasattr(table, "iter_rows"):
        if not isinstance(table, list | tuple) or not all(hasattr(row, "keys") for row in table):
            raise ConfigError(f"{name} is {type(table).__name__}: give a frame or a list of mappings")
        rows = list(table)
    for row in rows:
        absent = sorted(columns - row.keys())
        if absent:
            raise ConfigError(f"{name} lacks {', '.join(absent)}")
    return rows_of(rows)


def _gate_holds(record: Record) -> Iterator[str]:
    """At closure an auction may be held and what rests expires, in that very millisecond; a refusal changes nothing."""
    for what, rows in (("trade", record.trades), ("order event", record.orders)):
        for row in rows:
            time, gate = row["time"], _gate(row, record)
            by_auction = record.has_auctions and row.get("event", "filled") == "filled" and row.get("aggressor") is None
            closing = time == gate and (row.get("event") == "expired" or by_auction)
            if time >= gate and row.get("event") != "refused" and not closing:
                yield f"{what} {row['seq']} is at {time:%H:%M:%S.%f}, its gate closed at {gate:%Y-%m-%d %H:%M:%S}"


def _gate(row: Mapping[str, Any], record: Record) -> datetime:
    time, period = row["time"], row["period"]
    if not isinstance(time, datetime) or not isinstance(period, datetime):
        raise ConfigError(f"B15 needs time and period as datetimes, not {time!r} and {period!r}")
    if (time.utcoffset() is None) != (period.utcoffset() is None):
        raise ConfigError("B15 needs time and period both with a time zone, or both without")
    return period - record.closes_before


def _accounted(record: Record) -> Iterator[str]:
    """Replay every order's quantity."""
    left: dict[Any, int] = {}
    for row in record.orders:
        key = (row["book"], row["order"])
        if row["event"] == "refused":
            continue
        if row["event"] == "accepted":
            left[key] = row["quantity_wh"]
        elif key not in left:
            yield f"order event {row['seq']} names order {row['order']}, which was never accepted"
            continue
        else:
            left[key] += row["quantity_wh"] * (-1 if row["event"] in _LOWER else 1)
        if left[key] != row["remaining_wh"] or left[key] < 0:
            yield f"order event {row['seq']}: {row['remaining_wh']} Wh are said to remain, {left[key]} do"


def _limits_kept(record: Record) -> Iterator[str]:
    """Walk along both tables: the i-th pair of filled events, maker then taker, is the i-th trade."""
    limits: dict[Any, tuple[int, str]] = {}
    trades, maker = iter(record.trades), None
    for row in record.orders:
        key = (row["book"], row["order"])
        if row["event"] in {"accepted", "replaced"}:
            limits[key] = (row["price_tick"], row["side"])
        elif row["event"] == "filled" and maker is None:
            maker = key
        elif row["event"] == "filled":
            trade = next(trades, None)
            yield from _beyond(trade, limits.get(maker), limits.get(key))
            maker = None


def _beyond(
    trade: Mapping[str, Any] | None, maker: tuple[int, str] | None, taker: tuple[int, str] | None
) -> Iterator[str]:
    if trade is None or maker is None or taker is None:
        yield "fills and trades do not belong together"
        return
    price = trade["price_tick"]
    if trade["aggressor"] is not None and price != maker[0]:
        yield f"trade {trade['seq']} is at {price}, its maker stood at {maker[0]}"
    for limit, side in (maker, taker):
        if price > limit if side == "buy" else price < limit:
            yield f"trade {trade['seq']} is at {price}, the limit of its {side} order is {limit}"


def _two_sided(record: Record) -> Iterator[str]:
    filled: dict[Any, int] = defaultdict(int)
    for row in record.orders:
        if row["event"] == "filled":
            filled[row["book"], row["order"]] += row["quantity_wh"]
    for trade in record.trades:
        if trade["quantity_wh"] <= 0:
            yield f"trade {trade['seq']} is of {trade['quantity_wh']} Wh"
        filled[trade["book"], trade["maker_order"]] -= trade["quantity_wh"]
        filled[trade["book"], trade["taker_order"]] -= trade["quantity_wh"]
    for (book, order), rest in filled.items():
        if rest:
            yield f"order {order} in {book}: its fills and its trades differ by {rest} Wh"


def _ids_once(record: Record) -> Iterator[str]:
    last: dict[Any, int] = {}
    for row in record.orders:
        if row["event"] == "accepted":
            if row["order"] <= last.get(row["book"], 0):
                yield f"order event {row['seq']} accepts order {row['order']} after order {last[row['book']]}"
            last[row["book"]] = row["order"]


def _inside_band(record: Record) -> Iterator[str]:
    if record.floor_tick is None or record.cap_tick is None:
        return
    for row in record.trades:
        if not record.floor_tick <= row["price_tick"] <= record.cap_tick:
            yield f"trade {row['seq']} at {row['price_tick']} is outside {record.floor_tick} .. {record.cap_tick}"


def _why_not(name: str, record: Record) -> str:
    """Why a law cannot be judged on a record; empty if it can."""
    if not record.orders and not record.trades:
        return "the record has no order events and no trades"
    if name == "B16" and (record.floor_tick is None or record.cap_tick is None):
        return "the record has no floor_tick or no cap_tick"
    return ""


@dataclass(frozen=True, slots=True)
class JournalInvariant:
    """A law that a run's record must obey.

    Parameters
    ----------
    name, meaning : str
        ``"B15"``, and the law in one sentence.
    judge : function
        Yields what is wrong with a `Record`.
    """

    name: str
    meaning: str
    judge: Callable[[Record], Iterator[str]]

    @property
    def needs(self) -> tuple[str, ...]:
        """No doors of a book."""
        return ()

    def check(self, run: Any) -> None:
        """Raise `Falsified` if a `Run` (or a `Record`) breaks this law, `ConfigError` if it cannot be judged."""
        record = run if isinstance(run, Record) else Record.of(run)
        why = _why_not(self.name, record)
        if why:
            raise ConfigError(f"{self.name} cannot be judged: {why}")
        for text in self.judge(record):
            raise Falsified(self.name, f"{self.name}: {self.meaning}\n{text}", "")


JOURNAL_INVARIANTS: Final = (
    JournalInvariant("B15", "Nothing trades, enters or changes at or after its gate's closure.", _gate_holds),
)
"""What only a record shows."""

RECORD_INVARIANTS: Final = (
    JournalInvariant(
        "B4",
        "A trade is at its maker's limit, and never worse than its taker's; in an auction worse than neither.",
        _limits_kept,
    ),
    JournalInvariant("B6", "Every order's quantity is accounted for, event by event.", _accounted),
    JournalInvariant("B7", "What is filled is traded, once on each side.", _two_sided),
    JournalInvariant("B9", "An accepted id is never used again.", _ids_once),
    *JOURNAL_INVARIANTS,
    JournalInvariant("B16", "Trades are inside the price band.", _inside_band),
)
"""All that are judged on a record."""


OF_A_RUN: Final = tuple(law.name for law in RECORD_INVARIANTS)
"""Their names."""


def check_run(run: Any, invariants: Iterable[str] = OF_A_RUN) -> tuple[str, ...]:
    """Hold a `Run`, or a `Record` of its tables, against the laws that a record can show.

    Returns
    -------
    tuple of str
        Names of the laws that held; B16 is not among them where the band is not known.

    Raises
    ------
    Falsified
        With the first row that breaks one.
    ConfigError
        If nothing can be judged: no rows, no datetimes, no such law.
    """
    record = run if isinstance(run, Record) else Record.of(run)
    if isinstance(invariants, str):
        raise ConfigError(f"invariants={invariants!r} must be several names: [{invariants!r}]")
    names = set(invariants)
    unknown = sorted(names - set(OF_A_RUN))
    if unknown:
        raise ConfigError([f"invariant {name!r} is not judged on a run{nearest(name, OF_A_RUN)}" for name in unknown])
    reasons = {name: _why_not(name, record) for name in sorted(names)}
    if all(reasons.values()):
        raise ConfigError(f"nothing to judge: {'; '.join(dict.fromkeys(reasons.values())) or 'no invariants'}")
    chosen = [each for each in RECORD_INVARIANTS if each.name in names and not reasons[each.name]]
    for each in chosen:
        each.check(record)
    return tuple(each.name for each in chosen)
