"""The two views of a journal: the public tape, and the regulatory record.

Owns which columns of which streams each view has. Neither has true costs (fuel bills, private values), personas,
policies, memories or money accounts: what is not listed here does not exist for whoever reads a view. Rows become
visible in the order in which they were written, each once, when its time lies far enough back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from wattbook.messages import Action

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from numpy.typing import NDArray

    Columns = dict[str, NDArray[Any]]

RECORD: Final[dict[str, tuple[str, ...]]] = {
    "commands": ("seq", "agent", "action", "period", "side", "price_tick", "quantity_wh"),
    "orders": (
        "seq", "command", "book", "period", "order", "agent", "event", "side", "price_tick", "quantity_wh",
        "remaining_wh", "code",
    ),
    "trades": (
        "seq", "command", "book", "period", "buyer", "seller", "price_tick", "quantity_wh", "aggressor", "maker_order",
        "taker_order",
    ),
    "spot": (
        "seq", "command", "period", "price_tick", "offered_wh", "wanted_wh", "sold_wh", "bought_wh", "imported_wh",
    ),
    "supply": ("seq", "command", "period", "agent", "capacity_w", "available_wh", "scheduled_wh", "output_wh"),
    "served": ("seq", "command", "period", "agent", "customers", "energy_wh"),
    "positions": ("seq", "command", "period", "agent", "contracted_wh", "spot_wh", "metered_wh"),
    "contracts": (
        "seq", "command", "contract", "event", "buyer", "seller", "spec", "price_tick", "quantity_wh", "amount",
    ),
    "tariffs": ("seq", "command", "period", "agent", "retail_tick", "feed_in_tick"),
    "switches": ("seq", "command", "old", "new", "customers"),
    "moves": ("seq", "command", "agent", "old", "new", "period"),
    "groups": (
        "seq", "command", "period", "utility", "nominated_wh", "metered_wh", "deviation_wh", "spot_tick",
        "imbalance_tick",
    ),
}  # fmt: skip
"""What the regulator sees: who ordered, traded, signed, fed in what. `wattbook.oversight.SEEN_STREAMS` numbers it."""
TAPE: Final[dict[str, tuple[str, ...]]] = {
    "orders": ("book", "period", "event", "side", "price_tick", "quantity_wh", "remaining_wh"),
    "trades": ("book", "period", "price_tick", "quantity_wh", "aggressor"),
    "spot": ("period", "price_tick", "offered_wh", "wanted_wh", "sold_wh", "bought_wh", "imported_wh"),
    "tariffs": ("period", "agent", "retail_tick", "feed_in_tick"),
}  # fmt: skip
"""What everybody may see: prices and volumes without names, and the utilities' tariffs, which bear theirs."""
REPORTED: Final = (Action.OFFER, Action.TARIFF, Action.INVEST)
"""Commands of the record: orders for the day-ahead market, tariffs, and capacity ordered. All else stays with its
agent."""
_BEFORE: Final = (Action.DELIVER, Action.SETTLE, Action.COMPLY)
"""At one moment these come before the regulator; whatever else happens then it sees a millisecond later."""
_TIMED: Final = ("orders", "trades")
"""Streams whose rows bear their command's time; none of them comes of a command in `_BEFORE`."""


class Source(Protocol):
    """Where rows come from: a journal that is being written, or one that is finished."""

    def count(self, stream: str) -> int:
        """Rows of a stream so far."""

    def since(self, stream: str, seq: int, only: Collection[str]) -> Columns:
        """Copy the rows of a stream from `seq` on, `only` these columns by name, (rows,)."""


class Feed:
    """Rows of a view on their way to whoever reads it.

    Parameters
    ----------
    view : mapping of str to tuple of str
        `RECORD`, `TAPE`, or some streams of it.
    streams : collection of str
        Those that the journal has.

    Attributes
    ----------
    delivered : int
        Rows that were handed out so far.
    """

    def __init__(self, view: Mapping[str, tuple[str, ...]], streams: Collection[str]) -> None:
        self.view = {name: columns for name, columns in view.items() if name in streams}
        self.next_seq = dict.fromkeys(("commands", *self.view), 0)
        """By stream, the first row that was not fetched yet, counted within the source."""
        self.base = dict.fromkeys(self.next_seq, 0)
        """Rows of each stream that an earlier journal of the same run holds."""
        self.waiting: dict[str, list[Columns]] = {name: [] for name in self.view}
        self.delivered = 0

    def fetch(self, source: Source) -> None:
        """Take over all rows that are new; a row's `time_ms` is that of its command, `visible_ms` when it can be seen.

        Facts are written when their command is carried out, so new facts belong to new commands.
        """
        first, past = self.next_seq["commands"], source.count("commands")
        if first == past:
            return
        # Watches look often and at little: what has nothing new, and commands that nobody asks for, are left alone.
        news = [name for name in self.view if source.count(name) > self.next_seq[name]]
        commands = self._commands(source, first) if any(name not in _TIMED for name in news) else {}
        for name in news:
            rows = self._reported(commands) if name == "commands" else self._facts(source, name, commands, first)
            if len(rows["time_ms"]):
                self.waiting[name].append(self._numbered(name, rows))
        self.next_seq["commands"] = past

    def _commands(self, source: Source, first: int) -> Columns:
        """Take over the new commands, with the moment from which what they did can be seen."""
        commands = source.since("commands", first, {"time_ms", "action", *self.view.get("commands", ())})
        comes_before = np.logical_or.reduce([commands["action"] == action for action in _BEFORE])
        return commands | {"visible_ms": commands["time_ms"] + ~comes_before}

    def _reported(self, commands: Columns) -> Columns:
        """Give those of the commands that are for the regulator."""
        mine = np.flatnonzero(np.isin(commands["action"], REPORTED) & (commands["agent"] >= 0))
        return {key: commands[key][mine] for key in (*self.view["commands"], "time_ms", "visible_ms")}

    def _facts(self, source: Source, name: str, commands: Columns, first: int) -> Columns:
        """Take over the new rows of a stream; the commands are those from `first` on."""
        columns = self.view[name]
        if name in _TIMED:
            rows = source.since(name, self.next_seq[name], (*columns, "time_ms"))
            rows["visible_ms"] = rows["time_ms"] + 1
        else:
            rows = source.since(name, self.next_seq[name], {*columns, "command"})
            at = rows["command"] - first
            rows = {key: rows[key] for key in columns}
            rows |= {key: commands[key][at] for key in ("time_ms", "visible_ms")}
        self.next_seq[name] += len(rows["time_ms"])
        return rows

    def _numbered(self, name: str, rows: Columns) -> Columns:
        """Give rows numbers that go on from an earlier journal of the same run."""
        for key, stream in (("seq", name), ("command", "commands")):
            if key in rows and self.base[stream]:
                rows[key] = rows[key] + self.base[stream]
        return rows

    def upto(self, until_ms: int) -> Iterator[tuple[str, Columns]]:
        """Hand out what can be seen by `until_ms`, stream by stream, each row once."""
        for name, parts in self.waiting.items():
            if not parts:
                continue
            rows = parts[0] if len(parts) == 1 else _joined(parts)
            count = int(np.searchsorted(rows["visible_ms"], until_ms, side="right"))
            self.waiting[name] = [] if count == len(rows["visible_ms"]) else [_cut(rows, count, None)]
            if count:
                self.delivered += count
                yield name, _cut(rows, 0, count)

    # --- saving

    def export(self) -> dict[str, Any]:
        """Give the whole state, as JSON can hold it; fetch before."""
        return {
            "rows": {name: self.base[name] + count for name, count in self.next_seq.items()},
            "delivered": self.delivered,
            "waiting": {
                name: {key: column.tolist() for key, column in _joined(parts).items()}
                for name, parts in self.waiting.items()
                if parts
            },
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `export` gave; the source begins anew."""
        self.base = {name: int(state["rows"][name]) for name in self.next_seq}
        self.next_seq = dict.fromkeys(self.next_seq, 0)
        self.delivered = int(state["delivered"])
        self.waiting = {name: [] for name in self.view}
        for name, rows in state["waiting"].items():
            self.waiting[name] = [{key: np.array(column, np.int64) for key, column in rows.items()}]


class Played:
    """A view that is finished, given as columns: a source of rows without a journal.

    Parameters
    ----------
    record : mapping of str to mapping of str to ndarray (rows,)
        What `whole` gave.
    """

    def __init__(self, record: Mapping[str, Mapping[str, NDArray[Any]]]) -> None:
        self.record = record

    def feed(self, view: Mapping[str, tuple[str, ...]]) -> Feed:
        """Give a feed that holds all of it from the start."""
        feed = Feed({name: columns for name, columns in view.items() if name in self.record}, self.record.keys())
        feed.waiting = {
            name: [dict(self.record[name])] if len(self.record[name]["visible_ms"]) else [] for name in feed.view
        }
        return feed


def whole(
    view: Mapping[str, tuple[str, ...]], source: Source, streams: Collection[str], until_ms: int | None = None
) -> dict[str, Columns]:
    """Give a view of a journal as columns, with `time_ms` and `visible_ms`, up to what can be seen by `until_ms`."""
    feed = Feed(view, streams)
    feed.fetch(source)
    empty = {
        name: {key: np.zeros(0, np.int64) for key in (*columns, "time_ms", "visible_ms")}
        for name, columns in feed.view.items()
    }
    return empty | dict(feed.upto(np.iinfo(np.int64).max if until_ms is None else until_ms))


def _joined(parts: list[Columns]) -> Columns:
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def _cut(rows: Columns, first: int, past: int | None) -> Columns:
    return {key: column[first:past] for key, column in rows.items()}
