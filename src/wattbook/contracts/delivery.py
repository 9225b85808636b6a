"""Delivery of one period: what each contract gives, who covers it, and the guarantees that follow.

Owns the order: futures, contracts, cover, guarantees. Knows no clock and no meter: it is told both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from wattbook.contracts.words import NOBODY, NOTIONAL_MAX, WH_PER_CERTIFICATE, DeskError, Event, Kind, LegCause

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from wattbook.contracts.bilateral import Bilateral
    from wattbook.contracts.certificates import Certificates
    from wattbook.contracts.clearing import ClearingHouse
    from wattbook.contracts.sheet import Sheet
    from wattbook.contracts.terms import DeskTerms


class Meters(NamedTuple):
    """What a delivery has to know from outside, read before anything is changed.

    Attributes
    ----------
    spots : dict of int to int
        Index of each spec that covers the period [ticks].
    output_wh : dict of int to int
        What sellers, holders of futures and renewable agents fed in [Wh], at least 0.
    premium_wh : dict of int to int
        Energy of renewable agents that somebody else paid a premium for [Wh].
    """

    spots: dict[int, int]
    output_wh: dict[int, int]
    premium_wh: dict[int, int]


class Sale(NamedTuple):
    """Energy that one seller owes in a period: contract (`NOBODY` for a future), spec, parties, Wh."""

    number: int
    spec: int
    buyer: int
    seller: int
    wh: int


class Deliverer:
    """Puts the desk's parts to work on one period. Has no state of its own."""

    def __init__(
        self, terms: DeskTerms, house: ClearingHouse, bilateral: Bilateral, certificates: Certificates
    ) -> None:
        self.terms = terms
        self.house = house
        self.bilateral = bilateral
        self.certificates = certificates

    def read(
        self,
        period: int,
        spot_tick: int | Mapping[str, int],
        metered_wh: Callable[[int], int],
        premium_wh: Callable[[int], int] | None,
    ) -> Meters:
        """Read everything that `period` needs from outside.

        Raises
        ------
        DeskError
            If an index is missing that a spec needs, or is no whole price within the bounds; if a meter gives what is
            no whole number, or what they fed in would be worth more than a leg can hold.
        """
        contracts = [self.bilateral.contracts[number] for number in self.bilateral.of_period(period)]
        needed = {*self.terms.renewable, *(c.seller for c in contracts), *(agent for _, agent in self.house.positions)}
        output_wh = _read_all("metered_wh", metered_wh, sorted(needed))
        most_wh = NOTIONAL_MAX // max(1, self.terms.edge_tick)
        if sum(output_wh.values()) > most_wh:
            raise DeskError(
                f"the meters fed in {sum(output_wh.values())} Wh in all: {most_wh} Wh is the most in a period"
            )
        return Meters(
            self._spots(period, spot_tick),
            output_wh,
            _read_all("premium_wh", premium_wh, sorted(self.terms.renewable)) if premium_wh else {},
        )

    def _spots(self, period: int, spot_tick: int | Mapping[str, int]) -> dict[int, int]:
        found = {}
        for spec, product in enumerate(self.terms.specs):
            if not product.covers(period):
                continue
            price = spot_tick.get(product.index) if isinstance(spot_tick, Mapping) else spot_tick
            if price is None:
                raise DeskError(f"deliver period={period}: contract {product.name!r} needs the index {product.index!r}")
            found[spec] = self.terms.whole_price(price, f"the index of contract {product.name!r}")
        return found

    def deliver(
        self,
        period: int,
        meters: Meters,
        sheet: Sheet,
    ) -> tuple[tuple[int, int], ...]:
        """Deliver `period`; each agent's bought - sold energy [Wh], agents ascending, without zeros."""
        sold: list[Sale] = []
        paid_for: dict[int, int] = {}
        energy = self._futures(period, meters.spots, sold, sheet)
        self._contracts(period, meters, energy, sold, paid_for, sheet)
        self._cover(sold, energy, meters.output_wh, sheet)
        self._guarantees(period, meters, paid_for, sheet)
        assert sum(energy.values()) == 0, "C1: energy bought is not energy sold"
        return tuple((agent, wh) for agent, wh in sorted(energy.items()) if wh)

    def _futures(self, period: int, spots: Mapping[int, int], sold: list[Sale], sheet: Sheet) -> dict[int, int]:
        """Settle futures; physical ones also deliver, at the index."""
        energy: dict[int, int] = {}
        futures = {spec: spot for spec, spot in spots.items() if self.terms.specs[spec].is_future}
        for (spec, agent), wh in self.house.settle_period(period, futures, sheet).items():
            if self.terms.specs[spec].kind != Kind.FUTURE_PHYSICAL:
                continue
            energy[agent] = energy.get(agent, 0) + wh
            due = wh * spots[spec]
            if due > 0:
                sheet.pay(agent, sheet.clearing, due, LegCause.DELIVERY)
            else:
                self.house.pass_on(agent, -due, LegCause.DELIVERY, sheet)
            if wh < 0:
                sold.append(Sale(NOBODY, spec, NOBODY, agent, -wh))
        return energy

    def _contracts(
        self,
        period: int,
        meters: Meters,
        energy: dict[int, int],
        sold: list[Sale],
        paid_for: dict[int, int],
        sheet: Sheet,
    ) -> None:
        """Settle bilateral contracts; shares of output come before fixed quantities, futures last."""
        shares: list[Sale] = []
        fixed: list[Sale] = []
        for number in self.bilateral.of_period(period):
            contract = self.bilateral.contracts[number]
            buyer, seller, spec = contract.buyer, contract.seller, contract.spec
            kind = self.terms.specs[spec].kind
            output = meters.output_wh[seller]
            wh, premium = self.bilateral.settle_period(period, number, meters.spots[spec], output, sheet)
            if premium:
                paid_for[seller] = paid_for.get(seller, 0) + premium
            if wh:
                energy[buyer] = energy.get(buyer, 0) + wh
                energy[seller] = energy.get(seller, 0) - wh
                (shares if kind == Kind.PPA else fixed).append(Sale(number, spec, buyer, seller, wh))
        sold[:0] = [*shares, *fixed]

    def _cover(
        self,
        sold: list[Sale],
        energy: Mapping[int, int],
        output_wh: Mapping[int, int],
        sheet: Sheet,
    ) -> None:
        """Say of each sale how much of it the seller's output and purchases cover; the rest is replaced (C6).

        The seller's balance group buys what is replaced, as any deviation: no money moves here but a penalty.
        """
        given: dict[int, int] = {}
        for _, _, _, seller, wh in sold:
            given[seller] = given.get(seller, 0) + wh
        # Bought - sold = energy, so what was bought is energy + all that was sold.
        pool = {seller: output_wh[seller] + energy[seller] + wh for seller, wh in given.items()}
        for number, spec, buyer, seller, wh in sold:
            delivered = min(wh, pool[seller])
            pool[seller] -= delivered
            price_tick = self.bilateral.contracts[number].price_tick if number != NOBODY else self.house.marks[spec]
            for event, part in ((Event.DELIVERED, delivered), (Event.REPLACED, wh - delivered)):
                if part:
                    sheet.row(
                        event, contract=number, buyer=buyer, seller=seller, spec=spec, price_tick=price_tick,
                        quantity_wh=part, amount=-part * price_tick if number != NOBODY else 0,
                    )  # fmt: skip
            penalty = (wh - delivered) * self.terms.specs[spec].penalty_tick
            if penalty:
                sheet.pay(seller, buyer, penalty, LegCause.PENALTY)
                sheet.row(
                    Event.PENALTY, contract=number, buyer=buyer, seller=seller, spec=spec,
                    price_tick=self.terms.specs[spec].penalty_tick, quantity_wh=wh - delivered, amount=penalty,
                )  # fmt: skip

    def _guarantees(
        self,
        period: int,
        meters: Meters,
        paid_for: Mapping[int, int],
        sheet: Sheet,
    ) -> None:
        """Issue guarantees for what nobody paid a premium for; let bundled ones follow their energy; end old ones."""
        self.certificates.expire(period, sheet)
        for agent in sorted(self.terms.renewable):
            premium = paid_for.get(agent, 0) + meters.premium_wh.get(agent, 0)
            injection = max(0, meters.output_wh[agent] - premium)
            if injection:
                self.certificates.issue(agent, period, injection, sheet)
        for contract in self.bilateral.contracts.values():
            due = contract.guarantees_wh // WH_PER_CERTIFICATE
            if due:
                moved = self.certificates.move(contract.seller, contract.buyer, due, sheet)
                contract.guarantees_wh -= moved * WH_PER_CERTIFICATE


def _read_all(name: str, read: Callable[[int], int], agents: Iterable[int]) -> dict[int, int]:
    """Ask each agent's meter [Wh]; what it says below zero counts as 0."""
    found = {}
    for agent in agents:
        wh = read(agent)
        if isinstance(wh, bool) or not isinstance(wh, int | np.integer):
            raise DeskError(f"{name}({agent}) gave {wh!r}: give a whole number of Wh")
        found[agent] = max(0, int(wh))
    return found
