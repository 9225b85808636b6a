"""The clearing house: positions in futures, initial and variation margin, calls, defaults, the default fund.

Owns who holds how much of which future, and every quantum that the house keeps for others. Knows no balance: it asks
what an agent could pay. Knows nobody's offers and no bilateral contract.

1. **Cost.** A position's cost is what its energy was bought for less what it was sold for, since it was last marked.
   At a mark its variation is worth - cost, and the mark's worth becomes the cost. Over all agents both sum to zero.
2. **Margin** is locked when a position grows, on the price of that trade, and released when it shrinks or is delivered,
   in proportion (half-even at one money quantum).
3. **Call.** Who cannot pay a mark in full owes it until a deadline. Whatever the house would pay it meanwhile goes
   against what it owes. Unpaid at the deadline, it has defaulted; the next mark closes it out.
4. **Cascade.** Before the other marks of that moment, positions in a long future become positions in its parts: the
   same lots, its mark's worth for their cost, its margin by energy. The parts' own marks then move what they differ.
5. **Close-out.** At that mark the others' opposite positions end, pro rata, so that positions still net to zero; what
   the defaulter owes by then goes down the waterfall.
"""

from __future__ import annotations

from dataclasses import astuple
from typing import TYPE_CHECKING, Any

from wattbook.contracts.cascading import become_parts, by_agent, places_of_parts
from wattbook.contracts.positions import Debt, Position
from wattbook.contracts.sheet import require, split
from wattbook.contracts.waterfall import waterfall
from wattbook.contracts.words import NOBODY, NOTIONAL_MAX, Code, Event, LegCause
from wattbook.units import PPM, half_even

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from wattbook.contracts.cascading import Netted
    from wattbook.contracts.sheet import Sheet
    from wattbook.contracts.terms import DeskTerms

_BORNE_BY = (Event.LOSS_TO_MARGIN, Event.LOSS_TO_OWN_FUND, Event.LOSS_TO_CAPITAL)


class ClearingHouse:
    """The state of the house.

    Parameters
    ----------
    terms : DeskTerms
    left_wh : list of int
        Energy of one lot of each spec that is not delivered yet [Wh]; the desk's, read here.
    """

    def __init__(self, terms: DeskTerms, left_wh: list[int]) -> None:
        self.terms = terms
        self.left_wh = left_wh
        self.parts = places_of_parts(terms.specs)
        self.positions: dict[tuple[int, int], Position] = {}
        """By (spec, agent); an entry that is all zeros is dropped."""
        self.marks: dict[int, int] = {}
        self.traded: dict[int, tuple[int, int]] = {}
        """Money and energy of the trades since the last mark, by spec."""
        self.funds: dict[int, int] = {}
        self.capital = terms.house_capital
        self.calls: dict[int, Debt] = {}
        self.failing: dict[int, Debt] = {}
        """Defaulters that wait for the mark that closes them out."""
        self.defaulted: set[int] = set()
        self.cash = 0
        """What the house's account has received less what it has paid, for the ways of money that begin here."""

    # --- signing

    def lots(self, spec: int, agent: int) -> int:
        """Bought - sold [lots]."""
        held = self.positions.get((spec, agent))
        return held.lots if held else 0

    def admit(self, spec: int, buyer: int, seller: int, lots: int) -> None:
        """Refuse a future whose parties owe margin and would grow."""
        for agent, change in ((buyer, lots), (seller, -lots)):
            held = self.lots(spec, agent)
            smaller = held * change < 0 and abs(change) <= abs(held)
            require(smaller or agent not in self.calls, Code.MARGIN_CALLED)

    def reach(self, agent: int, spec: int = NOBODY, lots: int = 0) -> int:
        """Worth of an agent's positions at the edge of the band, after a trade of signed `lots` [1e-8 EUR]."""
        held = {other: position.lots for (other, holder), position in self.positions.items() if holder == agent}
        if lots:
            held[spec] = held.get(spec, 0) + lots
        return sum(abs(each) * self.left_wh[other] * self.terms.worst_tick(other) for other, each in held.items())

    def costs(self, agent: int, spec: int, change: int) -> int:
        """Sum of the costs of an agent's positions, signs left away, after one changed so much [1e-8 EUR]."""
        held = {other: position.cost for (other, holder), position in self.positions.items() if holder == agent}
        held[spec] = held.get(spec, 0) + change
        return sum(abs(cost) for cost in held.values())

    def margin_change(self, spec: int, agent: int, lots: int, price_tick: int) -> int:
        """Give the initial margin that a trade of signed `lots` locks (+) or releases (-) [1e-8 EUR]."""
        held = self.positions.get((spec, agent), Position())
        closing = min(abs(lots), abs(held.lots)) if held.lots * lots < 0 else 0
        released = half_even(held.margin * closing, abs(held.lots)) if closing else 0
        notional = abs(price_tick) * (abs(lots) - closing) * self.left_wh[spec]
        return half_even(self.terms.margin_ppm * notional, PPM) - released

    def novate(
        self, contract: int, spec: int, buyer: int, seller: int, lots: int, price_tick: int, sheet: Sheet
    ) -> None:
        """Step between both parties: a position for each, and its margin."""
        energy_wh = lots * self.left_wh[spec]
        for agent, sign in ((buyer, 1), (seller, -1)):
            change = self.margin_change(spec, agent, sign * lots, price_tick)
            held = self.positions.setdefault((spec, agent), Position())
            held.lots += sign * lots
            held.cost += sign * price_tick * energy_wh
            sheet.row(
                Event.NOVATED,
                contract=contract,
                buyer=agent if sign > 0 else NOBODY,
                seller=agent if sign < 0 else NOBODY,
                spec=spec,
                price_tick=price_tick,
                quantity_wh=energy_wh,
            )
            self._move_margin(spec, agent, change, sheet)
            self._forget_empty(spec, agent)
        money, energy = self.traded.get(spec, (0, 0))
        self.traded[spec] = money + price_tick * energy_wh, energy + energy_wh

    # --- marking

    def mark(
        self,
        sheet: Sheet,
        first_period: int,
        mid_tick: Callable[[int], int | None],
        given: Mapping[int, int],
        cascading: Sequence[int] = (),
    ) -> None:
        """Mark every future whose delivery has not begun; then close out who has defaulted.

        Parameters
        ----------
        first_period : int
            Period that is delivered next: futures that began before it keep their last mark.
        mid_tick : callable
            Middle of the firm quotes of a spec.
        given : mapping of int to int
            Prices from outside, by spec; they go before the desk's own chain.
        cascading : sequence of int
            Long futures that become their parts now, before these are marked; those with most energy first.
        """
        changes: dict[int, int] = {}
        netted: list[Netted] = []
        for spec in cascading:
            if self._holders(spec):
                self._mark_spec(spec, self._mark_of(spec, mid_tick, given, sheet), changes, sheet)
                netted += become_parts(self, spec, sheet)
        for spec in sorted({spec for spec, _ in self.positions}):
            if self.terms.specs[spec].first_period >= first_period:
                self._mark_spec(spec, self._mark_of(spec, mid_tick, given, sheet), changes, sheet)
        assert sum(changes.values()) == 0, "C4: variation margin does not sum to zero"
        self._settle(changes, sheet, by_agent(netted))
        for spec, agent, amount in netted:
            sheet.row(Event.MARGIN_RELEASED, buyer=agent, spec=spec, amount=amount)
            self._pay_out(agent, amount, LegCause.MARGIN, sheet)
        for agent in sorted(self.failing):
            self._close_positions(agent, sheet)
        for agent in sorted(self.failing):
            self._bear_loss(agent, sheet)

    def _mark_spec(self, spec: int, price_tick: int, changes: dict[int, int], sheet: Sheet) -> None:
        """Mark all positions in a future; what that moves is added to each agent's `changes`."""
        for agent in self._holders(spec):
            variation = self._mark_position(spec, agent, price_tick, sheet)
            changes[agent] = changes.get(agent, 0) + variation
        self.marks[spec] = price_tick
        self.traded.pop(spec, None)

    def _mark_of(self, spec: int, mid_tick: Callable[[int], int | None], given: Mapping[int, int], sheet: Sheet) -> int:
        money, energy = self.traded.get(spec, (0, 0))
        if spec in given:
            event, price_tick = Event.MARKED_AS_GIVEN, given[spec]
        elif energy:
            event, price_tick = Event.MARKED_BY_TRADES, half_even(money, energy)
        elif (mid := mid_tick(spec)) is not None:
            event, price_tick = Event.MARKED_BY_QUOTES, mid
        else:
            # Whoever holds a future has traded it, so it has been marked before.
            event, price_tick = Event.MARKED_STALE, self.marks[spec]
        sheet.row(event, spec=spec, price_tick=price_tick)
        return price_tick

    def _mark_position(self, spec: int, agent: int, price_tick: int, sheet: Sheet) -> int:
        held = self.positions[spec, agent]
        energy_wh = held.lots * self.left_wh[spec]
        variation = energy_wh * price_tick - held.cost
        held.cost += variation
        sheet.party_row(Event.VARIATION, spec, agent, held.lots, price_tick, abs(energy_wh), variation)
        self._forget_empty(spec, agent)
        return variation

    def _settle(self, changes: Mapping[int, int], sheet: Sheet, released: Mapping[int, int] | None = None) -> None:
        """Collect losses and pay gains of one mark; who cannot pay is called.

        `released` is margin that each agent is about to get back: it pays for losses before anything else does.
        """
        losers = [agent for agent in sorted(changes) if changes[agent] < 0]
        gainers = {agent: changes[agent] for agent in sorted(changes) if changes[agent] > 0}
        for agent in losers:
            if agent in self.failing:
                self.failing[agent].owed -= changes[agent]
            else:
                self._collect(agent, -changes[agent], (released or {}).get(agent, 0), sheet)
        for agent in losers:
            debt = self.failing.get(agent) or self.calls.get(agent)
            if debt:
                for gainer, gain in gainers.items():
                    debt.gains[gainer] = debt.gains.get(gainer, 0) + gain
        for agent, gain in gainers.items():
            self._pay_out(agent, gain, LegCause.VARIATION, sheet)

    def _collect(self, agent: int, loss: int, released: int, sheet: Sheet) -> None:
        """Take a loss, and what was owed before, or call for both; `released` goes against the call as it is paid."""
        debt = self.calls.get(agent)
        due = loss + (debt.owed if debt else 0)
        if sheet.funds(agent) + released >= due:
            self._receive(agent, due, LegCause.VARIATION, sheet)
            if debt:
                del self.calls[agent]
                sheet.row(Event.CALL_PAID, buyer=agent, amount=debt.owed)
            return
        if debt:
            debt.owed = due
        else:
            self.calls[agent] = Debt(due, sheet.time_ms + self.terms.call_ms)
        sheet.row(Event.CALLED, buyer=agent, amount=due)

    def pass_on(self, agent: int, amount: int, cause: LegCause, sheet: Sheet) -> None:
        """Pay an agent what the house's account holds for it beside the clearing; what it owes goes off first.

        Parameters
        ----------
        amount : int
            At least 0 [1e-8 EUR]: collateral that is given back, energy that the buyers of a physical future pay.
        """
        self.cash += amount
        self._pay_out(agent, amount, cause, sheet)

    def _pay_out(self, agent: int, amount: int, cause: LegCause, sheet: Sheet) -> None:
        """Pay an agent; what it owes goes off first."""
        failing, debt = self.failing.get(agent), self.calls.get(agent)
        if failing:
            failing.owed -= amount
            return
        if debt:
            part = min(amount, debt.owed)
            debt.owed -= part
            amount -= part
            sheet.row(Event.CALL_PAID, buyer=agent, amount=part)
            if not debt.owed:
                del self.calls[agent]
        self._receive(agent, -amount, cause, sheet)

    # --- calls and defaults

    def overdue(self, agent: int, time_ms: int) -> bool:
        """Whether the agent has a call whose deadline has come, and that nobody has taken or failed yet."""
        return agent in self.calls and self.calls[agent].deadline_ms <= time_ms

    def pay_call(self, agent: int, sheet: Sheet) -> None:
        """PAY: pay what is owed, in full."""
        require(agent in self.calls, Code.NO_CALL)
        require(sheet.funds(agent) >= self.calls[agent].owed, Code.NO_FUNDS)
        self._take_call(agent, sheet)

    def _take_call(self, agent: int, sheet: Sheet) -> None:
        owed = self.calls.pop(agent).owed
        self._receive(agent, owed, LegCause.VARIATION, sheet)
        sheet.row(Event.CALL_PAID, buyer=agent, amount=owed)

    def come_due(self, sheet: Sheet) -> list[int]:
        """Take or fail every call whose deadline has come; who has defaulted by that."""
        due = [agent for agent in sorted(self.calls) if self.calls[agent].deadline_ms <= sheet.time_ms]
        lost = []
        for agent in due:
            if sheet.funds(agent) >= self.calls[agent].owed:
                self._take_call(agent, sheet)
                continue
            self.failing[agent] = self.calls.pop(agent)
            self.defaulted.add(agent)
            lost.append(agent)
            sheet.row(Event.DEFAULTED, buyer=agent, amount=self.failing[agent].owed)
        return lost

    def _close_positions(self, agent: int, sheet: Sheet) -> None:
        """End a defaulter's positions at their marks, and as much of the others' opposite ones."""
        for spec in sorted(spec for spec, holder in self.positions if holder == agent):
            lots, price_tick = self.lots(spec, agent), self.marks[spec]
            if not lots:
                continue
            self._end_lots(Event.CLOSED_OUT, spec, agent, lots, price_tick, sheet)
            against = [holder for holder in self._holders(spec) if self.lots(spec, holder) * lots < 0]
            rest = abs(lots)
            # Who fails at the same time goes first, so that the others keep what they can.
            for fails in (True, False):
                holders = [holder for holder in against if (holder in self.failing) == fails]
                weights = [abs(self.lots(spec, holder)) for holder in holders]
                here = min(rest, sum(weights))
                rest -= here
                for holder, share in zip(holders, split(here, weights), strict=True):
                    if share:
                        self._end_lots(Event.TORN_UP, spec, holder, -share if lots > 0 else share, price_tick, sheet)
            assert not rest, "C1: a position without its counterpart"

    def _end_lots(self, event: Event, spec: int, agent: int, lots: int, price_tick: int, sheet: Sheet) -> None:
        """Take signed `lots` off a position at its mark, with their cost and margin."""
        held = self.positions[spec, agent]
        energy_wh = lots * self.left_wh[spec]
        released = half_even(held.margin * abs(lots), abs(held.lots))
        sheet.party_row(event, spec, agent, lots, price_tick, abs(energy_wh), 0)
        held.lots -= lots
        held.cost -= energy_wh * price_tick
        if agent in self.failing:
            # Its margin waits for the waterfall.
            return
        self._move_margin(spec, agent, -released, sheet)
        self._forget_empty(spec, agent)

    def _bear_loss(self, agent: int, sheet: Sheet) -> None:
        """Lay what a defaulter owes on the layers, and give back what is left of its own."""
        debt = self.failing.pop(agent)
        margin = 0
        for spec in sorted(spec for spec, holder in self.positions if holder == agent):
            margin += self.positions.pop((spec, agent)).margin
        own_fund = self.funds.pop(agent, 0)
        loss, gain = max(debt.owed, 0), max(-debt.owed, 0)
        mutual = [(other, money) for other, money in sorted(self.funds.items()) if other not in self.failing]
        layers = waterfall(loss, margin, own_fund, self.capital, mutual, sorted(debt.gains.items()))
        for event, borne in zip(_BORNE_BY, layers[:3], strict=True):
            if borne:
                sheet.row(event, buyer=agent, amount=borne)
        self.capital -= layers.capital
        for other, part in layers.mutual:
            self.funds[other] -= part
            if not self.funds[other]:
                del self.funds[other]
            sheet.row(Event.LOSS_TO_MUTUAL_FUND, buyer=other, seller=agent, amount=part)
        for other, part in layers.gains:
            self._receive(other, part, LegCause.VARIATION, sheet)
            sheet.row(Event.LOSS_TO_GAINS, buyer=other, seller=agent, amount=part)
        self._receive(agent, layers.margin - margin, LegCause.MARGIN, sheet)
        self._receive(agent, layers.own_fund - own_fund, LegCause.FUND, sheet)
        self._receive(agent, -gain, LegCause.VARIATION, sheet)

    # --- the default fund

    def contribute(self, agent: int, amount: int, sheet: Sheet) -> None:
        """CONTRIBUTE: pay into the default fund."""
        require(amount > 0, Code.QUANTITY_NOT_POSITIVE)
        require(self.funds.get(agent, 0) + amount <= NOTIONAL_MAX, Code.QUANTITY_TOO_LARGE)
        require(sheet.funds(agent) >= amount, Code.NO_FUNDS)
        self.funds[agent] = self.funds.get(agent, 0) + amount
        self._receive(agent, amount, LegCause.FUND, sheet)
        sheet.row(Event.CONTRIBUTED, buyer=agent, amount=amount)

    def redeem(self, agent: int, sheet: Sheet) -> None:
        """REDEEM: take the own contribution back."""
        require(agent in self.funds, Code.NO_FUNDS)
        bound = agent in self.calls or any(holder == agent for _, holder in self.positions)
        require(not bound, Code.POSITION_OPEN)
        amount = self.funds.pop(agent)
        self._receive(agent, -amount, LegCause.FUND, sheet)
        sheet.row(Event.REDEEMED, buyer=agent, amount=amount)

    # --- delivery

    def settle_period(self, period: int, spots: Mapping[int, int], sheet: Sheet) -> dict[tuple[int, int], int]:
        """Settle one period of futures against their indices, and release its part of the margins.

        All of them together, as at a mark: what one gains or releases pays for what another loses.

        Parameters
        ----------
        spots : mapping of int to int
            The index of each future that covers the period, by spec [ticks].

        Returns
        -------
        dict of (int, int) to int
            Bought - sold energy of the period by (spec, agent) [Wh].
        """
        changes: dict[int, int] = {}
        freed: dict[int, int] = {}
        released: dict[tuple[int, int], int] = {}
        energy: dict[tuple[int, int], int] = {}
        for spec, spot_tick in spots.items():
            for agent in self._holders(spec):
                key = spec, agent
                released[key] = self._released_by(*key, period)
                energy[key], settled = self._settle_position(*key, period, spot_tick, sheet)
                freed[agent] = freed.get(agent, 0) + released[key]
                changes[agent] = changes.get(agent, 0) + settled
        assert sum(changes.values()) == 0, "C4: final settlement does not sum to zero"
        # Losses first: a margin that goes back before they are due would leave them to the others.
        self._settle(changes, sheet, freed)
        for (spec, agent), amount in released.items():
            self._move_margin(spec, agent, -amount, sheet)
            self._forget_empty(spec, agent)
        for spec in sorted({spec for spec, _ in released}):
            if self.terms.specs[spec].past_period == period + 1:
                sheet.row(Event.FULFILLED, spec=spec)
        return {key: wh for key, wh in energy.items() if wh}

    def _released_by(self, spec: int, agent: int, period: int) -> int:
        """Margin of a position that one period releases, all that is left with the last one [1e-8 EUR]."""
        product, held, left_wh = self.terms.specs[spec], self.positions[spec, agent], self.left_wh[spec]
        if product.past_period == period + 1:
            return held.margin
        return half_even(held.margin * product.wh(period), left_wh) if left_wh else 0

    def _settle_position(self, spec: int, agent: int, period: int, spot_tick: int, sheet: Sheet) -> tuple[int, int]:
        """Take one period off a position: its energy [Wh], and what the index brings it over the mark [1e-8 EUR]."""
        product, held = self.terms.specs[spec], self.positions[spec, agent]
        energy_wh = held.lots * product.wh(period)
        settled = energy_wh * (spot_tick - self.marks[spec])
        held.cost -= energy_wh * self.marks[spec]
        if energy_wh:
            sheet.party_row(Event.SETTLED, spec, agent, held.lots, spot_tick, abs(energy_wh), settled)
        if product.past_period == period + 1:
            held.lots = 0
        return energy_wh, settled

    # --- small ways

    def _holders(self, spec: int) -> list[int]:
        return sorted(agent for held, agent in self.positions if held == spec)

    def _move_margin(self, spec: int, agent: int, change: int, sheet: Sheet) -> None:
        if not change:
            return
        self.positions[spec, agent].margin += change
        event = Event.MARGIN_LOCKED if change > 0 else Event.MARGIN_RELEASED
        sheet.row(event, buyer=agent, spec=spec, amount=abs(change))
        if change > 0:
            self._receive(agent, change, LegCause.MARGIN, sheet)
        else:
            self._pay_out(agent, -change, LegCause.MARGIN, sheet)

    def _receive(self, agent: int, amount: int, cause: LegCause, sheet: Sheet) -> None:
        """Move money from an agent to the house; below zero the other way."""
        self.cash += amount
        sheet.pay(agent, sheet.clearing, amount, cause)

    def _forget_empty(self, spec: int, agent: int) -> None:
        held = self.positions.get((spec, agent))
        if held and not held.lots and not held.cost and not held.margin:
            del self.positions[spec, agent]

    # --- state

    def check(self) -> None:
        """Assert what must always hold."""
        for spec in {spec for spec, _ in self.positions}:
            held = [self.positions[spec, agent] for agent in self._holders(spec)]
            assert sum(position.lots for position in held) == 0, "C1, C2: positions do not net to zero"
            assert sum(position.cost for position in held) == 0, "C4: costs do not net to zero"
        for position in self.positions.values():
            assert position.margin >= 0, "C3: a margin below zero"
            assert position.lots or not position.margin, "C3: margin without a position"
        for debt in self.calls.values():
            assert debt.owed > 0, "C3: a call for nothing"
        assert not set(self.calls) & self.defaulted, "a defaulter is called"
        assert set(self.failing) <= self.defaulted
        assert not {agent for _, agent in self.positions} & self.defaulted - set(self.failing), "a defaulter holds on"
        assert all(money > 0 for money in self.funds.values())
        assert 0 <= self.capital <= self.terms.house_capital, "C9: the house's capital grew"
        assert self.cash == self._kept() - self._advanced(), "C2: the house's account is not what it keeps for others"

    def _kept(self) -> int:
        margins = sum(position.margin for position in self.positions.values())
        return margins + sum(self.funds.values()) + self.capital - self.terms.house_capital

    def _advanced(self) -> int:
        return sum(debt.owed for debts in (self.calls, self.failing) for debt in debts.values())

    def state(self) -> dict[str, Any]:
        """All of it, as JSON holds it."""
        return {
            "positions": [[*key, *astuple(held)] for key, held in sorted(self.positions.items())],
            "marks": sorted(self.marks.items()),
            "traded": [[spec, *traded] for spec, traded in sorted(self.traded.items())],
            "funds": sorted(self.funds.items()),
            "capital": self.capital,
            "calls": _debts(self.calls),
            "failing": _debts(self.failing),
            "defaulted": sorted(self.defaulted),
            "cash": self.cash,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take on what `state` gave."""
        self.positions = {(spec, agent): Position(*held) for spec, agent, *held in state["positions"]}
        self.marks = dict(state["marks"])
        self.traded = {spec: (money, energy) for spec, money, energy in state["traded"]}
        self.funds = dict(state["funds"])
        self.capital, self.cash = state["capital"], state["cash"]
        self.calls, self.failing = (
            {agent: Debt(owed, deadline, dict(gains)) for agent, owed, deadline, gains in state[name]}
            for name in ("calls", "failing")
        )
        self.defaulted = set(state["defaulted"])


def _debts(debts: Mapping[int, Debt]) -> list[list[Any]]:
    return [[agent, d.owed, d.deadline_ms, sorted(d.gains.items())] for agent, d in sorted(debts.items())]
