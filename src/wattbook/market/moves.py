"""Members who take another utility: who may, from when on, and what leaving costs.

Owns the admission of moves, terms and exit fees. A move is in force from the first period of a day whose products
cannot be traded yet, so nobody trades, and nothing is settled, under a contract that changes later. Why anybody moves
is not known here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from wattbook.messages import FOREVER, Cause, Refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wattbook.market.retail import Retail
    from wattbook.messages import Command

    Ints = NDArray[np.int64]


class Moves:
    """State of the members' contracts with their utilities.

    Parameters
    ----------
    retail : Retail
        Whose tariffs these are.

    Attributes
    ----------
    bound_ms : (a,) int64
        Before this moment no other contract begins [ms UTC]: when each member's term is over.
    before : (u,) int64
        Members of each standing utility the time before this.
    """

    def __init__(self, retail: Retail) -> None:
        self.retail, self.street, self.suppliers = retail, retail.street, retail.wholesale.market.suppliers
        self.bound_ms = np.full(self.street.agents, self.street.start_ms, np.int64)
        self.before = self.members()

    def members(self) -> Ints:
        """Count the members (u,) of each standing utility, those who are about to come among them."""
        counts = np.bincount(self.suppliers.later[self.suppliers.later >= 0], minlength=self.street.agents)
        found: Ints = counts[self.retail.standing]
        return found

    def note(self) -> None:
        """Note how many members everybody has before the next ones move."""
        self.before[:] = self.members()

    def may_leave(self, first: int) -> NDArray[np.bool_]:
        """Mask (a,) of the members whose contract may end as the period `first` begins."""
        mask: NDArray[np.bool_] = (self.suppliers.later >= 0) & (self.bound_ms <= self._starts_ms(first))
        return mask

    def switch(self, seq: int, command: Command) -> int:
        """Let a member take the utility `command.order` from `command.period` on; 0 or why not."""
        agent, new, first = command.agent, command.order, command.period
        if not self._is_due(first, command.time_ms) or not self._may(agent, new, first):
            return int(Refusal.NO_SWITCH)
        wholesale, rules = self.retail.wholesale, self.retail.rules
        old = int(self.suppliers.later[agent])
        self.suppliers.move(agent, new, first)
        self.bound_ms[agent] = self._starts_ms(first) + rules.term_ms[self.retail.places[new]]
        fee = rules.exit_fee[self.retail.places[old]]
        wholesale.market.journal.append(
            "moves", command=seq, time_ms=command.time_ms, agent=agent, old=old, new=new, period=first, fee=fee
        )  # fmt: skip
        if fee:
            wholesale.post(seq, command.time_ms, Cause.EXIT_FEE, np.array([agent, old]), np.array([-fee, fee]))
        return 0

    def _is_due(self, first: int, now_ms: int) -> bool:
        """Tell whether contracts may begin with the period `first`: it cannot be traded, and earlier ones have."""
        if not 0 <= first < self.street.periods or self.retail.closes_ms(first) <= now_ms:
            return False
        since = int(self.suppliers.since[0])
        return since in (first, FOREVER) or self._starts_ms(since) <= now_ms

    def _may(self, agent: int, new: int, first: int) -> bool:
        """Tell whether a member may take a utility from the period `first` on."""
        old = int(self.suppliers.later[agent])
        return bool(
            old >= 0
            and new != old
            and new in self.retail.places
            and not self.suppliers.has_moved(agent, first)
            and int(self.bound_ms[agent]) <= self._starts_ms(first)
        )

    def _starts_ms(self, period: int) -> int:
        return self.street.start_ms + period * self.street.period_ms

    # --- saving

    def export(self) -> dict[str, Ints]:
        """Give the whole state."""
        return {"bound_ms": self.bound_ms, "before": self.before, **self.suppliers.export()}

    def restore(self, columns: dict[str, Ints]) -> None:
        """Take on what `export` gave."""
        for name, column in self.export().items():
            column[...] = columns[name]

    def check(self) -> None:
        """Assert what must always hold."""
        now, later = self.suppliers.now, self.suppliers.later
        home = self.street.utility >= 0
        assert ((now >= 0) == home).all(), "a member has no utility"
        assert ((later >= 0) == home).all(), "a member has no utility"
        assert np.isin(later[home], self.retail.standing).all(), "a member's utility has no tariff"
        assert int(self.members().sum()) == int(home.sum()), "a member is lost, or counted twice"
