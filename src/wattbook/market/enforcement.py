"""The regulator's commands: what the market lets it do, and what comes of it.

Owns the admission of findings, evidence and sanctions, and what is in force: mitigated asks, capped prices, suspended
agents, halted products. Caps hold here whoever decides: a fine beyond the cap per offence, a second fine for one
finding, a finding of an offence that was found before are refused. Knows nothing of why anybody is sanctioned.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wattbook.messages import SELL, Action, Cause, House, Refusal
from wattbook.oversight import Item, Rule, Sanction

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from wattbook.market.market import Market
    from wattbook.messages import Command

    Ints = NDArray[np.int64]

_RULES: Final = frozenset(int(rule) for rule in Rule)
_ITEMS: Final = frozenset(int(item) for item in Item)
_TRANSFERS: Final = 1 << 61
"""Transfers of fines have ids of their own from here on."""
_BOUND: Final = 1 << 61
_MARKET: Final = -1


class Enforcement:
    """What a regulator has said so far, and what is in force.

    Parameters
    ----------
    market : Market

    Attributes
    ----------
    findings : list of [agent, rule, offences]
        By number.
    done : set of (finding, kind)
        Sanctions so far.
    fined, refunded : dict of int to int
        By finding [1e-8 EUR]; of fines what was disgorged and the rest together.
    default_bids : dict of int to (from_ms, until_ms, price_tick)
        By producer whose asks are mitigated.
    """

    def __init__(self, market: Market) -> None:
        assert market.street.oversight is not None
        self.market, self.rules = market, market.street.oversight
        self.findings: list[list[int]] = []
        self.offences: set[tuple[int, int, int]] = set()
        self.done: set[tuple[int, int]] = set()
        self.fined: dict[int, int] = {}
        self.refunded: dict[int, int] = {}
        self.default_bids: dict[int, tuple[int, int, int]] = {}
        self.transfers = 0
        self.doors: dict[int, Callable[[int, Command], int]] = {
            Action.FIND: self._find,
            Action.EVIDENCE: self._evidence,
            Action.WARN: self._warn,
            Action.MITIGATE: self._mitigate,
            Action.FINE: self._fine,
            Action.CAP: self._cap,
            Action.SUSPEND: self._suspend,
            Action.HALT: self._halt,
            Action.REFUND: self._refund,
            Action.COLLAR: self._collar,
        }

    # --- findings

    def _find(self, seq: int, command: Command) -> int:
        agent, rule = command.order, command.book
        if rule not in _RULES or not _MARKET <= agent < self.market.street.agents:
            return int(Refusal.NO_FINDING)
        if max(abs(command.price_tick), abs(command.quantity_wh), abs(command.flags)) >= _BOUND:
            return int(Refusal.OUT_OF_RANGE)
        self.findings.append([agent, rule, 0])
        self.market.journal.append(
            "findings", command=seq, time_ms=command.time_ms, agent=agent, rule=rule, gain=command.price_tick,
            overcharge=command.quantity_wh, harm=command.flags,
        )  # fmt: skip
        return 0

    def _evidence(self, seq: int, command: Command) -> int:
        """Take a line of evidence of the latest finding."""
        number = command.order
        if not self.findings or number != len(self.findings) - 1 or command.book not in _ITEMS:
            return int(Refusal.NO_FINDING)
        if command.book == Item.OFFENCE:
            agent, rule, _ = self.findings[number]
            if (agent, rule, command.quantity_wh) in self.offences:
                return int(Refusal.SANCTIONED_BEFORE)
            self.offences.add((agent, rule, command.quantity_wh))
            self.findings[number][2] += 1
        self.market.journal.append(
            "evidence", command=seq, finding=number, item=command.book, place=command.flags, value=command.quantity_wh
        )
        return 0

    # --- sanctions

    def _code(self, command: Command, kind: Sanction, *, of_agent: bool = True) -> int:
        """Check that a sanction follows from a finding with an offence, about an agent or the market, and once."""
        if not 0 <= command.order < len(self.findings):
            return int(Refusal.NO_FINDING)
        agent, _, offences = self.findings[command.order]
        if not offences or (of_agent and agent == _MARKET):
            return int(Refusal.NO_FINDING)
        if (command.order, int(kind)) in self.done:
            return int(Refusal.SANCTIONED_BEFORE)
        return 0

    def _impose(self, seq: int, command: Command, kind: Sanction, *, amount: int = 0, disgorged: int = 0) -> int:
        """Write a sanction down; give the agent."""
        agent, rule, _ = self.findings[command.order]
        self.done.add((command.order, int(kind)))
        timed = kind not in (Sanction.WARNING, Sanction.FINE, Sanction.COLLAR)
        self.market.journal.append(
            "sanctions", command=seq, time_ms=command.time_ms, finding=command.order, agent=agent, rule=rule,
            kind=int(kind), amount=amount, disgorged=disgorged,
            price_tick=0 if kind == Sanction.FINE else command.price_tick, until_ms=command.flags if timed else 0,
        )  # fmt: skip
        return agent

    def _warn(self, seq: int, command: Command) -> int:
        code = self._code(command, Sanction.WARNING)
        if not code:
            self._impose(seq, command, Sanction.WARNING)
        return code

    def _mitigate(self, seq: int, command: Command) -> int:
        code = self._code(command, Sanction.MITIGATION)
        wholesale = self.market.wholesale
        if code:
            return code
        if wholesale is None or self.findings[command.order][0] not in wholesale.generation.plant_of:
            return int(Refusal.NO_PLANT)
        if not wholesale.rules.floor_tick <= command.price_tick <= wholesale.cap_tick:
            return int(Refusal.OUT_OF_RANGE)
        agent = self._impose(seq, command, Sanction.MITIGATION)
        self.default_bids[agent] = (command.time_ms, command.flags, command.price_tick)
        return 0

    def _fine(self, seq: int, command: Command) -> int:
        code = self._code(command, Sanction.FINE)
        if code:
            return code
        disgorged, punitive = command.price_tick, command.quantity_wh
        if not (0 <= disgorged < _BOUND and 0 <= punitive < _BOUND and disgorged + punitive):
            return int(Refusal.OUT_OF_RANGE)
        if punitive > self.rules.cap_per_offence * self.findings[command.order][2]:
            return int(Refusal.BEYOND_CAP)
        amount = disgorged + punitive
        agent = self._impose(seq, command, Sanction.FINE, amount=amount, disgorged=disgorged)
        self.fined[command.order] = amount
        self._post(seq, command.time_ms, Cause.FINE, agent, -amount)
        return 0

    def _refund(self, seq: int, command: Command) -> int:
        """Give a part of a fine to an agent."""
        agent, amount, number = command.period, command.quantity_wh, command.order
        left = self.fined.get(number, 0) - self.refunded.get(number, 0)
        if not 0 <= agent < self.market.street.agents:
            return int(Refusal.UNKNOWN_AGENT)
        if not 0 < amount <= left:
            return int(Refusal.NO_BUDGET)
        self.refunded[number] = self.refunded.get(number, 0) + amount
        self._post(seq, command.time_ms, Cause.REFUND, agent, amount)
        return 0

    def _cap(self, seq: int, command: Command) -> int:
        """Let an agent ask for no more than a price: in its tariff, or in the books."""
        code = self._code(command, Sanction.PRICE_CAP)
        if code:
            return code
        agent, town = self._impose(seq, command, Sanction.PRICE_CAP), self.market.town
        town.capped_ms[agent], town.ask_cap_tick[agent] = command.flags, command.price_tick
        caps = self.market.tariff_caps
        if caps is not None and self.market.street.kinds[agent] == "utility":
            caps.cap(seq, agent, command.price_tick, command.flags, command.time_ms)
        return 0

    def _suspend(self, seq: int, command: Command) -> int:
        code = self._code(command, Sanction.SUSPENSION)
        if code:
            return code
        agent = self._impose(seq, command, Sanction.SUSPENSION)
        self.market.town.suspended_ms[agent] = command.flags
        return self.market.cancel_all(seq, command._replace(agent=agent))

    def _halt(self, seq: int, command: Command) -> int:
        code = self._code(command, Sanction.HALT, of_agent=False)
        if code:
            return code
        town, (books, periods) = self.market.town, self.market.town.halted_ms.shape
        if not (-1 <= command.book < books and -1 <= command.period < periods):
            return int(Refusal.UNKNOWN_PRODUCT)
        self._impose(seq, command, Sanction.HALT)
        which = tuple(slice(None) if place < 0 else place for place in (command.book, command.period))
        town.halted_ms[which] = command.flags
        town.halts_end_ms[0] = max(int(town.halts_end_ms[0]), command.flags)
        return 0

    def _collar(self, seq: int, command: Command) -> int:
        """Move the highest price of the day-ahead auction."""
        code = self._code(command, Sanction.COLLAR, of_agent=False)
        wholesale = self.market.wholesale
        if code:
            return code
        if wholesale is None:
            return int(Refusal.NOT_IN_WHOLESALE)
        if not wholesale.rules.floor_tick < command.price_tick <= _BOUND >> 40:
            return int(Refusal.OUT_OF_RANGE)
        self._impose(seq, command, Sanction.COLLAR)
        wholesale.cap_tick = command.price_tick
        return 0

    def _post(self, seq: int, now_ms: int, cause: Cause, agent: int, amount: int) -> None:
        """Let an agent receive from the treasury, or pay to it."""
        market, street = self.market, self.market.street
        period = min(max((now_ms - 1 - street.start_ms) // street.period_ms, 0), street.periods - 1)
        accounts = np.array([agent, market.account(House.TREASURY)])
        number = _TRANSFERS + self.transfers
        self.transfers += 1
        market.settlement.post(seq, now_ms, period, cause, 0, accounts, np.array([amount, -amount]), number)

    # --- what is in force

    def mitigated(self, command: Command) -> Command:
        """Give a day-ahead order as it counts: asks of a mitigated producer at no more than its default bid."""
        held = self.default_bids.get(command.agent)
        if held is None or command.side != SELL or not held[0] <= command.time_ms < held[1]:
            return command
        return command._replace(price_tick=min(command.price_tick, held[2]))

    # --- saving

    def export(self) -> NDArray[np.uint8]:
        """Give the whole state that does not lie in the town's columns."""
        state = {
            "findings": self.findings,
            "offences": sorted(self.offences),
            "done": sorted(self.done),
            "fined": sorted(self.fined.items()),
            "refunded": sorted(self.refunded.items()),
            "default_bids": sorted(self.default_bids.items()),
            "transfers": self.transfers,
        }
        return np.frombuffer(json.dumps(state).encode(), np.uint8)

    def restore(self, data: NDArray[Any]) -> None:
        """Take on what `export` gave."""
        state = json.loads(data.tobytes())
        self.findings = state["findings"]
        self.offences = {(agent, rule, key) for agent, rule, key in state["offences"]}
        self.done = {(number, kind) for number, kind in state["done"]}
        self.fined, self.refunded = dict(state["fined"]), dict(state["refunded"])
        self.default_bids = {agent: (since, until, tick) for agent, (since, until, tick) in state["default_bids"]}
        self.transfers = state["transfers"]

    def check(self) -> None:
        """Assert what must always hold."""
        assert all(self.refunded[number] <= self.fined[number] for number in self.refunded), "more refunded than fined"
        assert len(self.offences) == sum(count for _, _, count in self.findings), "R2: an offence counts twice"
