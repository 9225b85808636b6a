"""Rows of the record that wait until the gate of their product has closed, so that each product is judged once.

A product is a delivery period in one book. What is found in it then depends on the record alone, not on when it was
reviewed.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from wattbook.regulator.known import Known

    Ints = NDArray[np.int64]
    Rows = dict[str, Ints]


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
        self.waiting.append({name: rows[name].astype(np.int64) for name in self.columns})

    def closed(self) -> Rows:
        """Hand out the rows (m,) of all products that have closed, as they came."""
        if not self.waiting:
            return {name: np.zeros(0, np.int64) for name in self.columns}
        rows = {name: np.concatenate([part[name] for part in self.waiting]) for name in self.columns}
        start_ms = self.known.start_ms + rows["period"] * self.known.period_ms
        is_closed = start_ms - self.known.closes_before_ms < self.seen_ms
        self.waiting = [cut(rows, np.flatnonzero(~is_closed))]
        return cut(rows, np.flatnonzero(is_closed))

    def export(self) -> dict[str, Any]:
        """Give the whole state, as JSON can hold it."""
        rows = [{name: column.tolist() for name, column in part.items()} for part in self.waiting]
        return {"seen_ms": self.seen_ms, "waiting": rows}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `export` gave."""
        self.seen_ms = int(state["seen_ms"])
        self.waiting = [{name: np.array(part[name], np.int64) for name in self.columns} for part in state["waiting"]]


def cut(rows: Mapping[str, Ints], at: Ints | slice) -> Rows:
    """Give some of the rows."""
    return {name: column[at] for name, column in rows.items()}


def keys(rows: Mapping[str, Ints]) -> Ints:
    """Give each row a number of its product (n,)."""
    return rows["period"] * (int(rows["book"].max(initial=0)) + 1) + rows["book"]


def products(rows: Mapping[str, Ints]) -> Iterator[Rows]:
    """Give the rows of one product after the other, by period and book, each in the order in which they came."""
    if not len(rows["period"]):
        return
    rows = cut(rows, np.argsort(keys(rows), kind="stable"))
    is_new = (np.diff(rows["period"]) != 0) | (np.diff(rows["book"]) != 0)
    edges = [0, *(np.flatnonzero(is_new) + 1).tolist(), len(rows["period"])]
    for first, past in pairwise(edges):
        yield cut(rows, slice(first, past))
