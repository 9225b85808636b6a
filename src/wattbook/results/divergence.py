"""The first event at which two journals part.

Walks through both journals side by side, some rows at a time, so that neither has to lie in memory. Agents, accounts
and books are told by their names and periods by their starts: their numbers may differ between the journals.
"""

from __future__ import annotations

import datetime as dt
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from wattbook.messages import COMMANDS, CONTRACTS, OVERSIGHT_STREAMS, SHARES, STREAMS, WHOLESALE_STREAMS, Action
from wattbook.oversight import Item
from wattbook.results import catalogue
from wattbook.results.oversight_words import FROM, said
from wattbook.results.tables import word

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from wattbook.results.record import Columns, Ints, Record

_UNKNOWN: Final = 1 << 61
"""Added to a number that names nothing (a refused command may hold any), so that it meets no number that does."""
_FACTS: Final = (
    *(stream for stream in STREAMS if stream is not COMMANDS), SHARES, *WHOLESALE_STREAMS, CONTRACTS,
    *OVERSIGHT_STREAMS,
)  # fmt: skip
_KINDS: Final = {
    "agent": "agent", "buyer": "agent", "seller": "agent", "utility": "agent", "account": "account", "book": "book",
    "old": "agent", "new": "agent", "period": "period",
}  # fmt: skip
_SIDES: Final = {1: "buy", -1: "sell"}
_UNIX: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MS: Final = dt.timedelta(milliseconds=1)


class Divergence(NamedTuple):
    """Where two journals part.

    Attributes
    ----------
    stream : str
        "commands"; where these are the same throughout, the stream of the first fact that differs.
    row : int
        Rows of the stream that both have alike before it.
    time_ms : int or None
        When the first of the two rows happened [ms UTC]; None before the first command.
    last_common_ms : int or None
        Time of the last command that both have alike [ms UTC]; None if there is none.
    a, b : dict or None
        The row in each journal, with names for numbers; None where that journal has no more rows.
    """

    stream: str
    row: int
    time_ms: int | None
    last_common_ms: int | None
    a: dict[str, Any] | None
    b: dict[str, Any] | None


def divergence(a: Record, b: Record) -> Divergence | None:
    """Find the first command that differs, or, where none does, the first fact; None where no fact does either."""
    lenses = _lenses(a, b)
    split = _split(a, b, COMMANDS.name, lenses)
    if split is not None:
        times = [int(rows["time_ms"][0]) for rows in (split.a, split.b) if rows is not None]
        told = [None if rows is None else _command(record, rows) for record, rows in ((a, split.a), (b, split.b))]
        return Divergence(COMMANDS.name, split.row, min(times), split.last_ms, *told)
    splits = [(stream.name, split) for stream in _FACTS if (split := _split(a, b, stream.name, lenses)) is not None]
    if not splits:
        return None
    name, split = min(splits, key=lambda each: each[1].command)
    told = [None if rows is None else _fact(record, name, rows) for record, rows in ((a, split.a), (b, split.b))]
    return Divergence(name, split.row, _time_of(a, split.command), _last_ms(a), *told)


# --- one numbering for both


class _Lens:
    """Gives a journal's numbers for what both journals name the meaning they share.

    Parameters
    ----------
    names : sequence
        What each number from 0 on stands for.
    shared : mapping
        Number of each name for both journals; empty if both journals number alike.
    """

    def __init__(self, names: Sequence[Hashable], shared: Mapping[Hashable, int]) -> None:
        self._table = np.array([shared[name] for name in names], np.int64) if shared else None

    def of(self, numbers: NDArray[Any]) -> NDArray[Any]:
        """Translate `numbers` (n,); what names nothing stays something of its own."""
        if self._table is None:
            return numbers
        wide = numbers.astype(np.int64)
        known = (wide >= 0) & (wide < len(self._table))
        told: Ints = np.where(wide < 0, wide, wide % _UNKNOWN + _UNKNOWN)
        told[known] = self._table[wide[known]]
        return told


def _lenses(a: Record, b: Record) -> tuple[dict[str, _Lens], dict[str, _Lens]]:
    here, there = _meanings(a), _meanings(b)
    both: tuple[dict[str, _Lens], dict[str, _Lens]] = ({}, {})
    for kind in here:
        alike = here[kind] == there[kind]
        shared = {} if alike else {name: n for n, name in enumerate(dict.fromkeys([*here[kind], *there[kind]]))}
        both[0][kind], both[1][kind] = _Lens(here[kind], shared), _Lens(there[kind], shared)
    return both


def _meanings(record: Record) -> dict[str, list[Hashable]]:
    place = record.place
    starts = range(place.start_ms, place.start_ms + place.periods * place.period_ms, place.period_ms)
    return {
        "agent": list(place.names),
        "account": list(place.accounts),
        "book": list(zip(place.books, place.venues.tolist(), strict=True)),
        "period": list(starts),
    }


# --- side by side


class _Split(NamedTuple):
    """The first row that differs, as one row of columns from each journal, or None where there is no more."""

    row: int
    command: int
    last_ms: int | None
    a: dict[str, NDArray[Any]] | None
    b: dict[str, NDArray[Any]] | None


def _split(a: Record, b: Record, name: str, lenses: tuple[dict[str, _Lens], dict[str, _Lens]]) -> _Split | None:
    passed, last_ms = 0, None
    for here, there in zip_longest(_blocks(a, name), _blocks(b, name)):
        rows = [0 if block is None else len(block["seq"]) for block in (here, there)]
        shorter = min(rows)
        first = shorter
        if here is not None and there is not None:
            first = _first_difference(here, there, lenses, shorter)
            if first and "time_ms" in here:
                last_ms = int(here["time_ms"][first - 1])
        if first < max(rows):
            sides = [_row(block, first) for block in (here, there)]
            caused = [int(each["command" if "command" in each else "seq"][0]) for each in sides if each is not None]
            return _Split(passed + first, min(caused), last_ms, *sides)
        passed += shorter
    return None


def _blocks(record: Record, name: str) -> Iterator[dict[str, NDArray[Any]]]:
    # Streams of shares are there only where energy is shared.
    return record.blocks(name) if name in record.streams else iter(())


def _first_difference(
    here: Columns, there: Columns, lenses: tuple[dict[str, _Lens], dict[str, _Lens]], rows: int
) -> int:
    """Row of the first difference within the first `rows`, or `rows`."""
    differs = np.zeros(rows, np.bool_)
    for column in here:
        if column != "seq":
            sides = [_common(block, column, lens, rows) for block, lens in zip((here, there), lenses, strict=True)]
            differs |= sides[0] != sides[1]
    return int(differs.argmax()) if differs.any() else rows


_MEANS_AGENT: Final = (Action.QUARANTINE, Action.SWITCH)
"""Who is put in quarantine, and the utility that a member takes."""


def _common(block: Columns, column: str, lens: Mapping[str, _Lens], rows: int) -> NDArray[Any]:
    numbers = block[column][:rows]
    told = lens[_KINDS[column]].of(numbers) if column in _KINDS else numbers
    for kind, mine in _meant_otherwise(block, column, rows):
        if mine.any():
            told = told.astype(np.int64)
            told[mine] = numbers[mine] if kind is None else lens[kind].of(numbers[mine])
    return told


def _meant_otherwise(block: Columns, column: str, rows: int) -> Iterator[tuple[str | None, NDArray[np.bool_]]]:
    """Tell in which rows a column holds a number of another kind than its name says, or one of no kind, None."""
    if "action" in block:
        action = block["action"][:rows]
        if column == "order":  # an agent may stand where others name an order
            yield "agent", np.isin(action, (*_MEANS_AGENT, Action.FIND))
        elif column == "book":  # a rule, or an item
            yield None, (action >= FROM) & (action != Action.HALT)
        elif column == "period":
            yield "agent", action == Action.REFUND
        elif column in {"quantity_wh", "flags"}:
            evidence = action == Action.EVIDENCE
            yield from _meant_by_items(block["book"][:rows], column == "quantity_wh", evidence)
    elif "item" in block and column in {"value", "place"}:
        yield from _meant_by_items(block["item"][:rows], column == "value", np.ones(rows, np.bool_))


def _meant_by_items(
    item: NDArray[Any], is_value: bool, mine: NDArray[np.bool_]
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Tell of evidence: who took part stands as a value, most places are periods."""
    if is_value:
        yield "agent", mine & (item == Item.PARTNER)
    else:
        yield "period", mine & (item != Item.EVENT)


def _row(block: Columns | None, row: int) -> dict[str, NDArray[Any]] | None:
    if block is None or row >= len(block["seq"]):
        return None
    return {name: column[row : row + 1].copy() for name, column in block.items()}


# --- rows as people read them


def _command(record: Record, columns: Columns) -> dict[str, Any]:
    place, row = record.place, {name: int(column[0]) for name, column in columns.items()}
    action = row["action"]
    meant = row["order"] if action in _MEANS_AGENT else None
    whom = None if meant is None else _entry(place.names, meant)
    shelf, venues = list(place.books), [book["venue"] for book in record.header["books"]]
    period = -1 if action == Action.REFUND else row["period"]  # a refund's is an agent
    if action >= FROM and action != Action.HALT:  # a rule, or an item
        shelf, venues = [], []
    elif Action.REQUEST <= action < FROM and record.wholesale is not None:
        # At the contract desk a command's book is a contract; most verbs only refer to an offer.
        names = action in (Action.REQUEST, Action.POST)
        shelf, venues = (list(record.wholesale.specs) if names else []), []
    return {
        "seq": row["seq"],
        "time_ms": row["time_ms"],
        "agent": _entry(place.names, row["agent"]),
        "action": word(Action(action)) if action in set(Action) else str(action),
        "venue": _entry(venues, row["book"]),
        "book": _entry(shelf, row["book"]),
        "period_ms": place.start_ms + period * place.period_ms if 0 <= period < place.periods else None,
        "order": None if meant is not None else row["order"],
        "quarantined": whom if action == Action.QUARANTINE else None,
        "supplier": whom if action == Action.SWITCH else None,
        "said": said(record, row) if action >= FROM else None,
        "side": _SIDES.get(row["side"]),
        **{name: row[name] for name in ("price_tick", "quantity_wh", "flags")},
    }


def _entry(entries: Sequence[str], number: int) -> str | None:
    return entries[number] if 0 <= number < len(entries) else None


def _fact(record: Record, name: str, columns: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """Give the row as the table `name` has it, times as whole milliseconds."""
    told = catalogue.fact(name, record.part(name, columns)).row(0, named=True)
    return {f"{key}_ms" if isinstance(value, dt.datetime) else key: _plain(value) for key, value in told.items()}


def _plain(value: object) -> object:
    return (value - _UNIX) // _MS if isinstance(value, dt.datetime) else value


def _time_of(record: Record, command: int) -> int | None:
    for rows in record.pieces(COMMANDS.name, only=("seq", "time_ms")):
        found = np.flatnonzero(rows["seq"] == command)
        if len(found):
            return int(rows["time_ms"][found[0]])
    return None


def _last_ms(record: Record) -> int | None:
    last = None
    for rows in record.pieces(COMMANDS.name, only=("time_ms",)):
        last = int(rows["time_ms"][-1])
    return last
