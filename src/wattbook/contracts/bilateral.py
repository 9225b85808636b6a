"""Contracts between two named parties: forwards, contracts for difference, pay-as-produced agreements.

Owns each contract from signing to its last period, the credit between its parties, and the collateral they lock. There
is no daily mark: a counterparty's risk is bounded by the open notional, |price| x energy still to come.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

from wattbook.contracts.sheet import require
from wattbook.contracts.terms import NO_LIMIT
from wattbook.contracts.words import NOBODY, Code, Event, Kind, LegCause
from wattbook.units import PPM

if TYPE_CHECKING:
    from collections.abc import Callable

    from wattbook.contracts.clearing import ClearingHouse
    from wattbook.contracts.sheet import Sheet
    from wattbook.contracts.terms import DeskTerms
    from wattbook.messages import Command


@dataclass(slots=True)
class Contract:
    """One live bilateral contract.

    Attributes
    ----------
    quantity : int
        Lots; of a PPA the share of the seller's output [ppm].
    asked_by : int
        The party that wants it cancelled, `NOBODY` for none.
    guarantees_wh : int
        Energy delivered with guarantees that have not followed yet [Wh].
    """

    spec: int
    buyer: int
    seller: int
    price_tick: int
    quantity: int
    asked_by: int = NOBODY
    guarantees_wh: int = 0


class Bilateral:
    """All live contracts, by their numbers.

    Parameters
    ----------
    terms : DeskTerms
    left_wh : list of int
        Energy of one lot of each spec that is not delivered yet [Wh]; the desk's, read here.
    house : ClearingHouse
        Pays collateral back, less what it is owed.
    """

    def __init__(self, terms: DeskTerms, left_wh: list[int], house: ClearingHouse) -> None:
        self.terms = terms
        self.left_wh = left_wh
        self._house = house
        self.contracts: dict[int, Contract] = {}
        self.collateral: dict[tuple[int, int], int] = {}
        """What each of two parties (the lower one first) has locked for the other [1e-8 EUR]."""
        self._limits = {(creditor, debtor): limit for creditor, debtor, limit in terms.credit_limits}

    # --- signing

    def admit(self, spec: int, buyer: int, seller: int, quantity: int, price_tick: int) -> int:
        """Refuse what goes beyond either party's credit; else the collateral that each has to add [1e-8 EUR]."""
        notional = abs(price_tick) * quantity * self.left_wh[spec]
        exposure = self.exposure(buyer, seller) + notional
        for creditor, debtor in ((buyer, seller), (seller, buyer)):
            limit = self._limits.get((creditor, debtor), self.terms.credit_limit)
            require(exposure <= limit, Code.CREDIT_LIMIT)
        return max(0, self._needed(exposure) - self.collateral.get(_pair(buyer, seller), 0))

    def sign(
        self, number: int, spec: int, buyer: int, seller: int, quantity: int, price_tick: int, sheet: Sheet
    ) -> None:
        """Begin a contract, and lock its collateral."""
        self.contracts[number] = Contract(spec, buyer, seller, price_tick, quantity)
        self._adjust_collateral(buyer, seller, sheet)

    def exposure(self, one: int, other: int) -> int:
        """Open notional between two parties [1e-8 EUR]."""
        pair = _pair(one, other)
        return sum(
            abs(c.price_tick) * c.quantity * self.left_wh[c.spec]
            for c in self.contracts.values()
            if _pair(c.buyer, c.seller) == pair
        )

    def reach(self, agent: int) -> int:
        """Worth of an agent's contracts at the edge of the band, bought or sold [1e-8 EUR]."""
        return sum(
            c.quantity * self.left_wh[c.spec] * self.terms.worst_tick(c.spec)
            for c in self.contracts.values()
            if agent in (c.buyer, c.seller)
        )

    def _needed(self, exposure: int) -> int:
        threshold = self.terms.collateral_threshold
        return 0 if threshold == NO_LIMIT else max(0, exposure - threshold)

    def _adjust_collateral(self, one: int, other: int, sheet: Sheet) -> None:
        pair = _pair(one, other)
        held, needed = self.collateral.get(pair, 0), self._needed(self.exposure(one, other))
        if held == needed:
            return
        event = Event.COLLATERAL_LOCKED if needed > held else Event.COLLATERAL_RELEASED
        for agent, partner in (pair, pair[::-1]):
            if needed > held:
                sheet.pay(agent, sheet.clearing, needed - held, LegCause.COLLATERAL)
            else:
                self._house.pass_on(agent, held - needed, LegCause.COLLATERAL, sheet)
            sheet.row(event, buyer=agent, seller=partner, amount=abs(needed - held))
        self.collateral[pair] = needed
        if not needed:
            del self.collateral[pair]

    # --- ending

    def agrees(self, command: Command) -> bool:
        """Whether `command` would end its contract, as the other party has asked already."""
        contract = self.contracts[command.order]
        require(command.agent in (contract.buyer, contract.seller), Code.NOT_YOURS)
        require(contract.asked_by != command.agent, Code.ALREADY_ASKED)
        return contract.asked_by != NOBODY

    def cancel(self, command: Command, sheet: Sheet) -> None:
        """CANCEL_CONTRACT: the first party asks, the second agrees; then the contract is silent for ever."""
        contract = self.contracts[command.order]
        agrees = self.agrees(command)
        self._write(Event.CANCELLED if agrees else Event.CANCEL_ASKED, command.order, 0, 0, sheet)
        if not agrees:
            contract.asked_by = command.agent
            return
        del self.contracts[command.order]
        self._adjust_collateral(contract.buyer, contract.seller, sheet)

    # --- delivery

    def settle_period(self, period: int, number: int, spot_tick: int, output_wh: int, sheet: Sheet) -> tuple[int, int]:
        """Settle one contract's period.

        Parameters
        ----------
        output_wh : int
            What the seller's meter fed in [Wh], at least 0.

        Returns
        -------
        energy_wh, premium_wh : int
            What the contract delivers, and what a difference was paid to its seller for [Wh].
        """
        contract = self.contracts[number]
        product, price_tick = self.terms.specs[contract.spec], contract.price_tick
        buyer, seller = contract.buyer, contract.seller
        fixed_wh = contract.quantity * product.wh(period)
        if product.kind == Kind.CFD:
            amount = fixed_wh * (spot_tick - price_tick)
            sheet.pay(seller, buyer, amount, LegCause.PREMIUM)
            self._write(Event.DIFFERENCE, number, fixed_wh, amount, sheet)
            return 0, fixed_wh if amount < 0 else 0
        # A share is rounded down to a whole Wh: the rest stays the seller's.
        energy_wh = contract.quantity * output_wh // PPM if product.kind == Kind.PPA else fixed_wh
        sheet.pay(buyer, seller, energy_wh * price_tick, LegCause.DELIVERY)
        if product.bundled:
            contract.guarantees_wh += energy_wh
        return energy_wh, 0

    def end_period(self, period: int, sheet: Sheet) -> None:
        """End what has come to its last period, and give back collateral; `left_wh` is that after the period."""
        for number in [n for n, c in self.contracts.items() if self.terms.specs[c.spec].past_period == period + 1]:
            self._write(Event.FULFILLED, number, 0, 0, sheet)
            del self.contracts[number]
        for pair in sorted(self.collateral):
            self._adjust_collateral(*pair, sheet)

    def of_period(self, period: int) -> list[int]:
        """Numbers of the contracts that cover `period`, ascending."""
        return [number for number, c in self.contracts.items() if self.terms.specs[c.spec].covers(period)]

    def of_seller(self, seller: int, wanted: Callable[[Contract], bool]) -> list[Contract]:
        """Contracts in which an agent sells."""
        return [c for c in self.contracts.values() if c.seller == seller and wanted(c)]

    def _write(self, event: Event, number: int, energy_wh: int, amount: int, sheet: Sheet) -> None:
        c = self.contracts[number]
        sheet.row(
            event, contract=number, buyer=c.buyer, seller=c.seller, spec=c.spec, price_tick=c.price_tick,
            quantity_wh=energy_wh, amount=amount,
        )  # fmt: skip

    # --- state

    def check(self) -> None:
        """Assert what must always hold."""
        for contract in self.contracts.values():
            assert contract.buyer != contract.seller
            assert contract.quantity > 0
        pairs = {_pair(c.buyer, c.seller) for c in self.contracts.values()} | set(self.collateral)
        for pair in sorted(pairs):
            assert self.collateral.get(pair, 0) == self._needed(self.exposure(*pair)), "collateral is not the excess"

    def state(self) -> dict[str, Any]:
        """All of it, as JSON holds it."""
        return {
            "contracts": [[number, *astuple(contract)] for number, contract in sorted(self.contracts.items())],
            "collateral": [[*pair, money] for pair, money in sorted(self.collateral.items())],
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take on what `state` gave."""
        # The same object, as the board looks into it.
        self.contracts.clear()
        self.contracts.update({number: Contract(*rest) for number, *rest in state["contracts"]})
        self.collateral = {(one, other): money for one, other, money in state["collateral"]}


def _pair(one: int, other: int) -> tuple[int, int]:
    return (one, other) if one < other else (other, one)
