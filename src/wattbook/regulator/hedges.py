"""What contracts cost those who buy under them, read from the desk's rows alone.

Owns the mean price of every position in futures, and what a delivered period came to by contracts. Knows neither the
catalogue nor margins: a future costs what it was signed at, whenever that was paid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wattbook.contracts.words import NOBODY, Event

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

_DELIVERED: Final = (Event.DELIVERED, Event.REPLACED)
_MONEY_ALONE: Final = (Event.DIFFERENCE, Event.PENALTY)
_ENDED: Final = (Event.CLOSED_OUT, Event.TORN_UP)
_EVENTS: Final = (
    *_DELIVERED, *_MONEY_ALONE, *_ENDED, Event.NOVATED, Event.SETTLED, Event.CASCADED, Event.CASCADED_INTO,
)  # fmt: skip
_COLUMNS: Final = ("time_ms", "contract", "event", "buyer", "seller", "spec", "price_tick", "quantity_wh", "amount")


class Hedges:
    """Positions in futures of the agents that are watched, at their mean prices.

    Parameters
    ----------
    agents : ndarray (n,) int64
    """

    def __init__(self, agents: NDArray[np.int64]) -> None:
        self.agents = frozenset(agents.tolist())
        self.held: dict[tuple[int, int], tuple[int, int]] = {}
        """By agent and spec: energy bought - sold [Wh], and what it was signed at [1e-8 EUR]."""
        self.cascading: dict[int, tuple[int, int]] = {}
        """By agent, energy and money of the position that becomes its parts."""

    def read(self, rows: Mapping[str, NDArray[Any]]) -> Iterator[tuple[int, int, int, int]]:
        """Take in rows of ``contracts``: when, who, what it got in that period [Wh], what that cost [1e-8 EUR]."""
        mine = np.flatnonzero(np.isin(rows["event"], _EVENTS))
        for row in zip(*(rows[name][mine].tolist() for name in _COLUMNS), strict=True):
            time_ms, contract, event, buyer, seller, spec, price_tick, wh, amount = row
            for agent, sign in ((buyer, 1), (seller, -1)):
                if agent not in self.agents:
                    continue
                if event in _DELIVERED and contract != NOBODY:
                    yield time_ms, agent, sign * wh, sign * wh * price_tick
                elif event in _MONEY_ALONE:
                    yield time_ms, agent, 0, -sign * amount
                elif event == Event.SETTLED:
                    yield time_ms, agent, sign * wh, self._take(agent, spec, sign * wh)
                else:
                    self._note(event, agent, spec, sign * wh, price_tick)

    def _note(self, event: int, agent: int, spec: int, wh: int, price_tick: int) -> None:
        """Follow a position that begins, grows, shrinks or becomes another."""
        if event == Event.NOVATED:
            self._add(agent, spec, wh, wh * price_tick)
        elif event in _ENDED:
            self._take(agent, spec, wh)
        elif event == Event.CASCADED:
            self.cascading[agent] = self.held.pop((agent, spec), (wh, wh * price_tick))
        elif event == Event.CASCADED_INTO:
            energy, money = self.cascading.get(agent, (0, 0))
            self._add(agent, spec, wh, money * wh // energy if energy else wh * price_tick)

    def _add(self, agent: int, spec: int, wh: int, money: int) -> None:
        """Add to a position; what closes a part of it leaves the rest at its mean price."""
        held, paid = self.held.get((agent, spec), (0, 0))
        if held * wh >= 0:
            self.held[agent, spec] = held + wh, paid + money
        elif abs(wh) <= abs(held):
            self._take(agent, spec, -wh)
        else:
            rest = held + wh
            self.held[agent, spec] = rest, money * rest // wh

    def _take(self, agent: int, spec: int, wh: int) -> int:
        """Take energy off a position; what it was signed at [1e-8 EUR]."""
        held, paid = self.held.get((agent, spec), (0, 0))
        money = paid * wh // held if held else 0
        if held == wh:
            self.held.pop((agent, spec), None)
        else:
            self.held[agent, spec] = held - wh, paid - money
        return money

    def export(self) -> dict[str, Any]:
        """Give the whole state, as JSON can hold it."""
        return {
            "held": [[*key, *value] for key, value in self.held.items()],
            "cascading": [[agent, *value] for agent, value in self.cascading.items()],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `export` gave."""
        self.held = {(agent, spec): (wh, money) for agent, spec, wh, money in state["held"]}
        self.cascading = {agent: (wh, money) for agent, wh, money in state["cascading"]}
