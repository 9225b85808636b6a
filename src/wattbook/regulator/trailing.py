"""Sums over the last so many periods, kept as rows come and go."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class Trail:
    """Weights and amounts of the periods of a trailing window, and their sums.

    Parameters
    ----------
    span : int
        Periods of the window, the newest among them.

    Attributes
    ----------
    weight, amount : int
        Sums over the window.
    """

    def __init__(self, span: int) -> None:
        self.span = span
        self.rows: deque[tuple[int, int, int]] = deque()
        self.weight = self.amount = 0

    def push(self, period: int, weight: int, amount: int) -> None:
        """Take in a row, of no earlier period than the last one; what is too old then goes."""
        self.rows.append((period, weight, amount))
        self.weight += weight
        self.amount += amount
        oldest = period - self.span
        while self.rows[0][0] <= oldest:
            _, weight, amount = self.rows.popleft()
            self.weight -= weight
            self.amount -= amount

    @property
    def reach(self) -> int:
        """Periods from the oldest row to the newest, both counted."""
        return self.rows[-1][0] - self.rows[0][0] + 1 if self.rows else 0

    def export(self) -> list[list[int]]:
        """Give the rows, as JSON can hold them."""
        return [list(row) for row in self.rows]

    def restore(self, rows: list[list[int]]) -> None:
        """Take on what `export` gave."""
        self.rows = deque((period, weight, amount) for period, weight, amount in rows)
        self.weight = sum(weight for _, weight, _ in self.rows)
        self.amount = sum(amount for _, _, amount in self.rows)


class Trails:
    """One trail for each of those that it is asked for, all of one form.

    Parameters
    ----------
    span : int
        As of `Trail`.
    """

    def __init__(self, span: int) -> None:
        self.span = span
        self.of: dict[int, Trail] = {}

    def __getitem__(self, key: int) -> Trail:
        if key not in self.of:
            self.of[key] = Trail(self.span)
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
