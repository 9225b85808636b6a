"""Which utility supplied which member when: what the header says, and the moves after it.

Owns the second look-up of that, from the record alone, and the identities of moves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from wattbook.messages import MOVES, SWITCHES, House

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wattbook.results.record import Ints, Record


class Supplied:
    """Suppliers by agent and period, where members move.

    Parameters
    ----------
    utility : (a,) int64
        Supplier that each agent begins with, in any numbering; -1 for who has none.
    periods : int
    agent, period, new : (n,) integers
        Who moved, from which period on, and to whom, in the order of time.
    """

    def __init__(
        self, utility: Ints, periods: int, agent: NDArray[Any], period: NDArray[Any], new: NDArray[Any]
    ) -> None:
        self._width = periods + 1
        keys = np.concatenate([np.arange(len(utility)) * self._width, agent.astype(np.int64) * self._width + period])
        order = np.argsort(keys, kind="stable")
        self._keys, self._suppliers = keys[order], np.concatenate([utility, new.astype(np.int64)])[order]

    def at(self, agent: NDArray[Any], period: NDArray[Any]) -> Ints:
        """Give the supplier (n,) of each agent in a period."""
        keys = agent.astype(np.int64) * self._width + period
        found: Ints = self._suppliers[np.searchsorted(self._keys, keys, side="right") - 1]
        return found


def moves_error(record: Record, fees: Ints) -> int:
    """Sum what is wrong with members' moves: 1 for each that cannot be, and all that fees are off [1e-8 EUR].

    A move is from the utility that the member has to another, from a period that has not begun, after that of the move
    before, and not before the term is over.

    Parameters
    ----------
    fees : (accounts,) int64
        What each account got for exit fees [1e-8 EUR].
    """
    rows, others, place, market = record.rows(MOVES), record.rows(SWITCHES), record.place, record.wholesale
    assert market is not None
    wrong, due = 0, np.zeros(len(place.accounts), np.int64)
    held = np.append(place.supplier, -1)[place.utility]
    since, bound_ms = np.zeros(place.agents, np.int64), np.full(place.agents, place.start_ms, np.int64)
    names = ("agent", "old", "new", "period", "time_ms", "fee")
    for agent, old, new, period, time_ms, fee in zip(*(rows[name].tolist() for name in names), strict=True):
        starts_ms = place.start_ms + period * place.period_ms
        wrong += int(held[agent] != old) + int(new == old) + int(fee != market.exit_fee[old])
        wrong += int(starts_ms <= time_ms) + int(period <= since[agent]) + int(starts_ms < bound_ms[agent])
        held[agent], since[agent], bound_ms[agent] = new, period, starts_ms + market.term_ms[new]
        due[agent] -= fee
        due[old] += fee
    np.add.at(due, others["old"], others["fee"])
    due[place.house(House.UPSTREAM)] -= int(others["fee"].sum())
    return wrong + int(np.abs(fees - due).sum())
