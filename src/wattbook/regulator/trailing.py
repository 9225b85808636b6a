"""Sums over the last so many periods, kept as rows come and go."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class Trail:
    """Whole numbers of the periods of a trailing window, and their sums.

    Parameters
    ----------
    span : int
        Periods of the window, the newest among them.
    width : int
        Numbers that each row has.

    Attributes
    ----------
    sums : list of int, (width,)
    """

    def __init__(self, span: int, width: int) -> None:
        self.span, self.width = span, width
        self.rows: deque[tuple[int, ...]] = deque()
        self.sums = [0] * width

    def push(self, period: int, *values: int) -> None:
        """Take in a row, of no earlier period than the last one; what is too old then goes."""
        self.rows.append((period, *values))
        self.sums = [old + new for old, new in zip(self.sums, values, strict=True)]
        while self.rows[0][0] <= period - self.span:
            gone = self.rows.popleft()[1:]
            self.sums = [old - each for old, each in zip(self.sums, gone, strict=True)]

    @property
    def reach(self) -> int:
        """Periods from the oldest row to the newest, both counted."""
        return self.rows[-1][0] - self.rows[0][0] + 1 if self.rows else 0

    def export(self) -> list[list[int]]:
        """Give the rows, as JSON can hold them."""
        return [list(row) for row in self.rows]

    def restore(self, rows: list[list[int]]) -> None:
        """Take on what `export` gave."""
        self.rows = deque(tuple(row) for row in rows)
        self.sums = [sum(row[1 + place] for row in self.rows) for place in range(self.width)]


class Trails:
    """One trail for each of those that it is asked for, all of one form.

    Parameters
    ----------
    span, width : int
        As of `Trail`.
    """

    def __init__(self, span: int, width: int) -> None:
        self.span, self.width = span, width
        self.of: dict[int, Trail] = {}

    def __getitem__(self, key: int) -> Trail:
        if key not in self.of:
            self.of[key] = Trail(self.span, self.width)
        return self.of[key]

    def export(self) -> dict[str, Any]:
        """Give all rows, as JSON can hold them."""
        return {str(key): trail.export() for key, trail in self.of.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `export` gave."""
        self.of = {}
        for key, rows in state.items():
            self[int(key)].restore(rows)


def mean_up(total: int, weight: int) -> int:
    """Give total / weight, rounded up; `weight` is above 0."""
    return -(-total // weight)
