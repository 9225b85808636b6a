"""The sheet on which one command, or one moment of the clock, is worked out: rows, money, refusals.

Owns that the legs of each cause sum to zero. Knows no rule of the desk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattbook.contracts.words import NOBODY, Code, Event, Leg, LegCause, Row
from wattbook.messages import House

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wattbook.contracts.words import Available


class Refused(Exception):  # noqa: N818  # a refusal is an answer; it never leaves the desk
    """A command that cannot be carried out; raised before anything is changed."""

    def __init__(self, code: Code) -> None:
        self.code = code
        super().__init__(code.name)


def require(holds: bool, code: Code) -> None:
    """Refuse with `code` unless it holds."""
    if not holds:
        raise Refused(code)


class Sheet:
    """Rows and legs as they come, and what each party can still pay within them.

    Parameters
    ----------
    time_ms : int
    agents : int
        Number of agents; the house accounts follow theirs.
    available : callable
        Money that an agent could pay before this sheet [1e-8 EUR].
    """

    def __init__(self, time_ms: int, agents: int, available: Available) -> None:
        self.time_ms = time_ms
        self.rows: list[Row] = []
        self._money: dict[tuple[int, int], int] = {}
        self._moved: dict[int, int] = {}
        self._available = available
        self.clearing = agents + House.CLEARING
        self.treasury = agents + House.TREASURY

    def row(
        self,
        event: Event,
        *,
        contract: int = NOBODY,
        buyer: int = NOBODY,
        seller: int = NOBODY,
        spec: int = NOBODY,
        price_tick: int = 0,
        quantity_wh: int = 0,
        amount: int = 0,
    ) -> None:
        """Write down one thing that happened."""
        self.rows.append(
            Row(contract, int(event), self.time_ms, buyer, seller, spec, price_tick, quantity_wh, amount)
        )  # fmt: skip

    def party_row(
        self, event: Event, spec: int, agent: int, lots: int, price_tick: int, wh: int, amount: int = 0
    ) -> None:
        """Write down what happened to a position: its agent stands on the side of its signed `lots`."""
        buyer, seller = (NOBODY, agent) if lots < 0 else (agent, NOBODY)
        self.row(event, buyer=buyer, seller=seller, spec=spec, price_tick=price_tick, quantity_wh=wh, amount=amount)

    def pay(self, payer: int, receiver: int, amount: int, cause: LegCause) -> None:
        """Move `amount` [1e-8 EUR]; one below zero moves the other way."""
        for account, money in ((payer, -amount), (receiver, amount)):
            key = (int(cause), account)
            self._money[key] = self._money.get(key, 0) + money
            self._moved[account] = self._moved.get(account, 0) + money

    def funds(self, agent: int) -> int:
        """Money that `agent` can still pay [1e-8 EUR]."""
        return self._available(agent) + self._moved.get(agent, 0)

    def legs(self) -> tuple[Leg, ...]:
        """All that moved, by cause and account, nothing twice and no zeros."""
        return tuple(Leg(account, money, cause) for (cause, account), money in sorted(self._money.items()) if money)


def split(amount: int, weights: Sequence[int]) -> list[int]:
    """Divide `amount` >= 0 in proportion to `weights` >= 0, exactly: largest remainder, ties to the earlier place.

    No share exceeds its weight while `amount` is at most their sum.

    >>> split(10, [1, 1, 1])
    [4, 3, 3]
    """
    total = sum(weights)
    assert amount >= 0
    assert total > 0 or amount == 0
    if amount == 0:
        return [0] * len(weights)
    shares = [amount * weight // total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda place: (-(amount * weights[place] % total), place))
    for place in by_remainder[: amount - sum(shares)]:
        shares[place] += 1
    return shares
