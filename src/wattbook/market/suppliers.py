"""Which utility supplies each member, period by period.

Owns who is whose customer. All who move do so at the same period, the first of a day, and no day's moves are decided
before those of the day before are in force: so two columns and one number tell it for every period that is not over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from wattbook.messages import FOREVER

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]


class Suppliers:
    """Agents' utilities.

    Attributes
    ----------
    now : (a,) int64
        Each agent's utility, -1 for who has none, in the periods before `since`.
    later : (a,) int64
        The same from `since` on.
    since : (1,) int64
        A period; `FOREVER` until somebody moves.
    """

    def __init__(self, utility: Ints) -> None:
        self.now, self.later = utility.copy(), utility.copy()
        self.since = np.array([FOREVER], np.int64)

    def of(self, period: int) -> Ints:
        """Give each agent's utility (a,) in a period; not to be written to."""
        return self.later if period >= self.since[0] else self.now

    def has_moved(self, agent: int, first: int) -> bool:
        """Tell whether an agent has another utility from the period `first` on than just before."""
        return bool(self.since[0] == first and self.now[agent] != self.later[agent])

    def move(self, agent: int, utility: int, first: int) -> None:
        """Give an agent another utility from the period `first` on, which is not before that of earlier moves."""
        assert self.since[0] == FOREVER or self.since[0] <= first, "moves are made in the order of their periods"
        if self.since[0] != first:
            # Earlier moves are in force by now.
            self.now[:] = self.later
            self.since[0] = first
        self.later[agent] = utility

    def export(self) -> dict[str, Ints]:
        """Give the whole state."""
        return {"now": self.now, "later": self.later, "since": self.since}
