"""Rows of the record that wait until the gate of their product has closed, so that each product is judged once.

A product is a delivery period in one book. What is found in it then depends on the record alone, not on when it was
reviewed.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from wattbook.regulator.known import Known

    Ints = NDArray[np.int64]
    Rows = dict[str, Ints]

_SPARSE: Final = 8
"""Numbers that span more than so many times their count are better counted than taken for places."""


class Gates:
    """Rows of one stream, until their product's gate has closed.

    Parameters
    ----------
    known : Known
    columns : tuple of str
        Those that are kept; `book` and `period` among them.

    Attributes
    ----------
    seen_ms : int
        Up to when the record was seen, by its youngest row.
    """

    def __init__(self, known: Known, columns: tuple[str, ...]) -> None:
        self.known = known
        self.columns = columns
        self.seen_ms = 0
        self.waiting: list[Rows] = []

    def see(self, rows: Mapping[str, NDArray[Any]]) -> None:
        """Note how far the record has come, from rows of any stream."""
        self.seen_ms = max(self.seen_ms, int(rows["visible_ms"].max(initial=0)))

    def take(self, rows: Mapping[str, NDArray[Any]]) -> None:
        """Take in rows (n,) of the stream."""
        self.see(rows)
        self.waiting.append({name: rows[name] for name in self.columns})

    def closed(self) -> Rows:
        """Hand out the rows (m,) of all products that have closed, as they came."""
        parts = [(part, self._is_closed(part["period"])) for part in self.waiting]
        self.waiting = [_some(part, ~is_closed) for part, is_closed in parts if not is_closed.all()]
        closed = [_some(part, is_closed) for part, is_closed in parts]
        empty = np.zeros(0, np.int64)
        return {name: np.concatenate([empty, *(part[name] for part in closed)]) for name in self.columns}

    def _is_closed(self, period: NDArray[Any]) -> NDArray[np.bool_]:
        known = self.known
        # The gate of a period closes before what was seen: so do all of earlier ones.
        past = (self.seen_ms + known.closes_before_ms - known.start_ms - 1) // known.period_ms
        return period <= past

    def export(self) -> dict[str, Any]:
        """Give the whole state, as JSON can hold it."""
        rows = [{name: column.tolist() for name, column in part.items()} for part in self.waiting]
        return {"seen_ms": self.seen_ms, "waiting": rows}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `export` gave."""
        self.seen_ms = int(state["seen_ms"])
        self.waiting = [{name: np.array(part[name], np.int64) for name in self.columns} for part in state["waiting"]]


def _some(rows: Rows, chosen: NDArray[np.bool_]) -> Rows:
    return rows if chosen.all() else cut(rows, np.flatnonzero(chosen))


def cut(rows: Mapping[str, Ints], at: Ints | slice) -> Rows:
    """Give some of the rows."""
    return {name: column[at] for name, column in rows.items()}


def keys(rows: Mapping[str, Ints]) -> Ints:
    """Give each row a number of its product (n,)."""
    return rows["period"] * (int(rows["book"].max(initial=0)) + 1) + rows["book"]


def small(numbers: Ints) -> Ints:
    """Give whole numbers (n,) others in their order, equal for equal ones, few enough to be places of an array."""
    if not len(numbers):
        return numbers
    least = int(numbers.min())
    if int(numbers.max()) - least < _SPARSE * len(numbers):
        return numbers - least
    places: Ints
    _, places = np.unique(numbers, return_inverse=True)
    return places


def products(rows: Mapping[str, Ints]) -> Iterator[Rows]:
    """Give the rows of one product after the other, by period and book, each in the order in which they came."""
    if not len(rows["period"]):
        return
    rows = cut(rows, np.argsort(keys(rows), kind="stable"))
    is_new = (np.diff(rows["period"]) != 0) | (np.diff(rows["book"]) != 0)
    edges = [0, *(np.flatnonzero(is_new) + 1).tolist(), len(rows["period"])]
    for first, past in pairwise(edges):
        yield cut(rows, slice(first, past))
