"""The regulator's green tools in settlement: premiums, differences, grants, and the price of carbon.

Owns what each tool has spent and which grants may still be taken back. Knows no policy: it is told what meters showed
and what energy cost at spot, and says who gets or pays what; all of it passes between agents and the treasury. Rules in
prose: docs/incentives.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from wattbook.market.incentive_rules import PREMIUM, Carbon, Grant, Support
from wattbook.messages import Cause, House
from wattbook.units import PPM, half_even

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wattbook.market.market import Market
    from wattbook.messages import Command

    Ints = NDArray[np.int64]

WATCH_COLUMNS: Final = ("tool", "plant", "paid", "left", "output_wh", "available_wh")
"""One grant that may be taken back: its tool, the plant's row, what was paid [1e-8 EUR], periods that it is watched
for yet, and what the plant gave and could have given in those that are over."""
_W_PER_KW: Final = 1_000


class Payment(NamedTuple):
    """What one tool pays (positive) or takes in a period: agents (m,), ascending, and amounts (m,) [1e-8 EUR]."""

    tool: int
    cause: Cause
    agents: Ints
    amounts: Ints


class Shown(NamedTuple):
    """What plants (n,) were, gave, and could have given in a period."""

    capacity_w: Ints
    output_wh: Ints
    available_wh: Ints


class Reckoned(NamedTuple):
    """What the tools come to in a period, and the energy (a,) [Wh] that they pay for."""

    payments: tuple[Payment, ...]
    supported_wh: Ints


def within(due: Ints, left: int) -> Ints:
    """Cut what is due (m,) to what is left, in proportion to it; what is owed to the treasury, below 0, is not cut.

    Each gets its exact share rounded down; what is then missing goes, one quantum each, to the largest remainders, of
    equal ones to the earlier.
    """
    total = int(np.maximum(due, 0).sum())
    if total <= left:
        return due
    # Python's whole numbers: the products pass 64 bits.
    shares = [divmod(each * left, total) if each > 0 else (each, 0) for each in due.tolist()]
    amounts = np.array([share for share, _ in shares], np.int64)
    missing = left - int(np.maximum(amounts, 0).sum())
    amounts[sorted(range(len(shares)), key=lambda place: (-shares[place][1], place))[:missing]] += 1
    return amounts


class Incentives:
    """The green tools of one market.

    Parameters
    ----------
    market : Market
        Whose street has such rules.

    Attributes
    ----------
    spent : (t,) int64
        What each tool has paid out so far; what came back does not count.
    capacity_w : (n,) int64
        Of each plant in the period that was settled last.
    watched : list of list of int
        Grants that may be taken back, `WATCH_COLUMNS`, in the order of their payment.
    """

    def __init__(self, market: Market) -> None:
        street = market.street
        assert street.incentives is not None
        self.market, self.street, self.rules = market, street, street.incentives
        self.agents = [np.array(tool.agents, np.int64) for tool in self.rules.tools]
        """Of each tool."""
        self.spent = np.zeros(len(self.rules.tools), np.int64)
        wholesale = street.wholesale
        self.producers = np.zeros(0, np.int64) if wholesale is None else wholesale.producers
        self.capacity_w = np.zeros(0, np.int64) if wholesale is None else wholesale.plants.capacity_w.copy()
        self.watched: list[list[int]] = []

    def left(self, tool: int) -> int:
        """Give what a tool may still pay out [1e-8 EUR]; one without a budget pays nothing out."""
        budget = getattr(self.rules.tools[tool], "budget", 0)
        return min(budget - int(self.spent[tool]), self.rules.budget - int(self.spent.sum()))

    def runs(self, tool: int, at_ms: int) -> bool:
        """Tell whether a tool is there for a period that begins then: before its end, and while it has money."""
        terms = self.rules.tools[tool]
        return at_ms < terms.until_ms and (isinstance(terms, Carbon) or self.left(tool) > 0)

    # --- a period

    def reckon(self, command: Command, spot_tick: int, withdrawal_wh: Ints) -> Reckoned:
        """Say what a delivered period comes to; nothing is changed.

        Parameters
        ----------
        withdrawal_wh : (a,) int64
            What each home's meter drew, net [Wh].
        """
        period, fed_in_wh = command.period, np.maximum(-withdrawal_wh, 0)
        fed_in_wh[self.producers] = self._shown(period).output_wh
        supported_wh = np.zeros_like(fed_in_wh)
        left, payments = self.rules.budget - int(self.spent.sum()), []
        for tool, terms in enumerate(self.rules.tools):
            if not self.runs(tool, self._start_ms(period)):
                continue
            if isinstance(terms, Carbon):
                due = -fed_in_wh[self.agents[tool]] * np.array(terms.carbon_tick, np.int64)
                payments.append(Payment(tool, Cause.CARBON, self.agents[tool], due))
                continue
            if isinstance(terms, Grant):
                due = self._granted(tool, terms, command)
            else:
                due = fed_in_wh[self.agents[tool]] * terms.paid_tick(spot_tick)
            amounts = within(due, min(left, terms.budget - int(self.spent[tool])))
            left -= int(np.maximum(amounts, 0).sum())
            payments.append(Payment(tool, Cause.INCENTIVE, self.agents[tool], amounts))
            if isinstance(terms, Support):
                paid = self.agents[tool][amounts > 0]
                supported_wh[paid] = fed_in_wh[paid]
        return Reckoned(tuple(payments), supported_wh)

    def _granted(self, tool: int, terms: Grant, command: Command) -> Ints:
        """Give what is due (m,) for capacity that stands in the period and did not before."""
        grown_w = self._shown(command.period).capacity_w - self.capacity_w
        grown = dict(zip(self.producers.tolist(), grown_w.tolist(), strict=True))
        due = [
            0
            if self._is_out(agent, command.time_ms)
            else half_even(terms.share_ppm * half_even(cost * grown[agent], _W_PER_KW), PPM)
            for agent, cost in zip(self.agents[tool].tolist(), terms.cost_per_kw, strict=True)
        ]
        return np.array(due, np.int64)

    def pay(self, seq: int, command: Command, reckoned: Reckoned) -> None:
        """Pay what a period came to, and take back what has to be."""
        for payment in reckoned.payments:
            if payment.cause == Cause.INCENTIVE:
                self.spent[payment.tool] += np.maximum(payment.amounts, 0).sum()
            self._post(seq, command, payment)
            terms = self.rules.tools[payment.tool]
            if isinstance(terms, Grant):
                self._watch(payment, terms)
        self._review(seq, command)
        self.capacity_w = self._shown(command.period).capacity_w

    def _post(self, seq: int, command: Command, payment: Payment) -> None:
        accounts = np.append(payment.agents, self.market.account(House.TREASURY))
        amounts = np.append(payment.amounts, -int(payment.amounts.sum()))
        self.market.settlement.post(
            seq, command.time_ms, command.period, payment.cause, payment.tool, accounts, amounts
        )  # fmt: skip

    # --- grants that may be taken back

    def _watch(self, payment: Payment, terms: Grant) -> None:
        """Watch from now on what was just granted."""
        plant_of = {agent: plant for plant, agent in enumerate(self.producers.tolist())}
        for agent, paid in zip(payment.agents.tolist(), payment.amounts.tolist(), strict=True):
            if paid:
                self.watched.append([payment.tool, plant_of[agent], paid, terms.keep, 0, 0])

    def _review(self, seq: int, command: Command) -> None:
        """Add a period to all that is watched, and take back what did not hold what was promised."""
        _, output_wh, available_wh = self._shown(command.period)
        back = np.zeros((len(self.rules.tools), len(self.producers)), np.int64)
        for row in self.watched:
            tool, plant = row[:2]
            terms = self.rules.tools[tool]
            assert isinstance(terms, Grant)
            if self._is_out(int(self.producers[plant]), command.time_ms):
                back[tool, plant] += half_even(row[2] * row[3], terms.keep)
                row[3] = 0
                continue
            row[3:] = row[3] - 1, row[4] + int(output_wh[plant]), row[5] + int(available_wh[plant])
            if not row[3]:
                back[tool, plant] += _shortfall(terms, *row[2:])
        self.watched = [row for row in self.watched if row[3]]
        for tool in np.flatnonzero(back.any(axis=1)).tolist():
            self._post(seq, command, Payment(tool, Cause.CLAWBACK, self.producers, -back[tool]))

    def _is_out(self, agent: int, now_ms: int) -> bool:
        """Tell whether an agent was taken out of the market, or is suspended."""
        town = self.market.town
        return bool(town.quarantined[agent]) or now_ms < int(town.suspended_ms[agent])

    def _start_ms(self, period: int) -> int:
        return self.street.start_ms + period * self.street.period_ms

    def _shown(self, period: int) -> Shown:
        """Tell what plants showed in a delivered period."""
        wholesale = self.market.wholesale
        if wholesale is None:
            return Shown(*np.zeros((3, 0), np.int64))
        generation = wholesale.generation
        return Shown(
            generation.fleet.capacity_w(self._start_ms(period)).copy(),
            wholesale.output_wh[wholesale.plants, period],
            generation.able_in(period),
        )

    # --- what those see who decide

    def marginal_tick(self, plant: int, at_ms: int) -> int:
        """Give what carbon adds to the cost of a plant's MWh, less the premiums that do not depend on the spot price.

        Parameters
        ----------
        at_ms : int
            Start of the period that is decided on [ms UTC].
        """
        added = 0
        for terms, place in self._of(plant, at_ms):
            if isinstance(terms, Carbon):
                added += terms.carbon_tick[place]
            elif isinstance(terms, Support) and terms.tool == PREMIUM:
                added -= terms.price_tick
        return added

    def earned_tick(self, plant: int, spot_tick: Ints, at_ms: int) -> Ints:
        """Give what a plant's MWh would have earned at spot prices (n,) under the sliding tools that are there now."""
        earned = spot_tick.copy()
        for terms, _ in self._of(plant, at_ms):
            if isinstance(terms, Support) and terms.tool != PREMIUM:
                earned += np.array([terms.paid_tick(spot) for spot in spot_tick.tolist()], np.int64)
        return earned

    def own_cost_per_kw(self, plant: int, cost_per_kw: int, at_ms: int) -> int:
        """Give what is left of the cost of a kW that would be commissioned then, grants taken off [1e-8 EUR]."""
        granted_ppm = sum(terms.share_ppm for terms, _ in self._of(plant, at_ms) if isinstance(terms, Grant))
        return cost_per_kw - half_even(cost_per_kw * min(granted_ppm, PPM), PPM)

    def _of(self, plant: int, at_ms: int) -> list[tuple[Support | Grant | Carbon, int]]:
        """List the tools that a plant has at an instant, and its place in each."""
        agent = int(self.producers[plant])
        return [
            (terms, terms.agents.index(agent))
            for tool, terms in enumerate(self.rules.tools)
            if agent in terms.agents and self.runs(tool, at_ms)
        ]

    # --- saving

    def export(self) -> dict[str, Ints]:
        """Give the state as named arrays."""
        return {
            "incentives.spent": self.spent,
            "incentives.capacity_w": self.capacity_w,
            "incentives.watched": np.array(self.watched, np.int64).reshape(-1, len(WATCH_COLUMNS)),
        }

    def restore(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Take on a state that `export` gave."""
        self.spent, self.capacity_w = (arrays[f"incentives.{name}"].copy() for name in ("spent", "capacity_w"))
        self.watched = arrays["incentives.watched"].tolist()

    def check(self) -> None:
        """Assert all that must always hold."""
        budgets = np.array([getattr(terms, "budget", 0) for terms in self.rules.tools], np.int64)
        assert (self.spent >= 0).all()
        assert (self.spent <= budgets).all(), "a tool has spent more than its budget"
        assert int(self.spent.sum()) <= self.rules.budget, "the tools have spent more than the budget of all"
        paid = np.zeros_like(self.spent)
        for tool, _, amount, left, output_wh, available_wh in self.watched:
            assert left > 0
            assert output_wh >= 0
            assert available_wh >= 0
            paid[tool] += amount
        assert (paid <= self.spent).all(), "a grant is watched that was never paid"


def _shortfall(terms: Grant, paid: int, left: int, output_wh: int, available_wh: int) -> int:
    """Give what is taken back of a grant whose time is over, in proportion to what is lacking [1e-8 EUR]."""
    assert not left
    wanted, given = terms.least_output_ppm * available_wh, output_wh * PPM
    return half_even(paid * (wanted - given), wanted) if given < wanted else 0
