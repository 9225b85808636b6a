"""The people of the forward game as minds of the wholesale market: sellers, arbitrageurs, and demand.

Each forward round is a session of the desk in three turns: sellers ask for quotes, all at once and without knowing each
other's requests; arbitrageurs quote all of them; sellers sign the best quote. Owns who says what when; what is best is
found by `wattbook.policies.quantity`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from wattbook.contracts import Verb
from wattbook.messages import BUY, SELL
from wattbook.policies.wholesale import Orders, Say

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from wattbook.policies.quantity import Arbitrageur, QuantitySeller
    from wattbook.policies.wholesale import AtDesk, Building, Own, Public

    Ints = NDArray[np.int64]

TURNS: Final = 3
"""Turns of a session: requests, quotes, signing."""
GOOD_MS: Final = 60_000
_SPEC: Final = 0
"""The one contract of the desk."""


@dataclass(frozen=True)
class Table:
    """What everybody at the table knows of the game.

    Attributes
    ----------
    sellers : tuple of int
        Agents, in the order of their places.
    rung_wh : int
        Energy of one lot [Wh].
    rounds_ms : tuple of int
        When the forward rounds are.
    period : int
        The one period in which energy is delivered.
    floor_tick : int
    """

    sellers: tuple[int, ...]
    rung_wh: int
    rounds_ms: tuple[int, ...]
    period: int
    floor_tick: int

    def left(self, now_ms: int) -> int:
        """Give the number of forward rounds to come, one that begins now among them."""
        return sum(at_ms >= now_ms for at_ms in self.rounds_ms)

    def seen_wh(self, agent: int, lots: Mapping[int, int], others: Mapping[int, Mapping[int, int]]) -> list[int | None]:
        """Tell what each seller has sold forward as far as `agent` sees it [Wh]; None where it does not.

        Parameters
        ----------
        lots : mapping of int to int
            What it holds itself, by contract.
        others : mapping of int to mapping of int to int
            What others hold, by agent and contract; empty where positions are not shown.
        """
        shows = bool(others) or agent not in self.sellers
        return [
            -(lots if seller == agent else others.get(seller, {})).get(_SPEC, 0) * self.rung_wh
            if seller == agent or shows
            else None
            for seller in self.sellers
        ]


@dataclass(frozen=True)
class SellerMind:
    """A seller that searches its quantities."""

    seller: QuantitySeller
    table: Table
    observable: bool
    name: str = "quantity-search"
    persona: str = "seller"

    def at_desk(self, own: Own, public: Public, desk: AtDesk, draw: Callable[[int], int], /) -> Sequence[Say]:  # noqa: ARG002 - the one form
        """Ask for quotes in the first turn, sign the best one in the last."""
        if desk.round == 0:
            seen = self._seen(own.agent, desk.lots, desk.others_lots)
            sale_wh = self.seller.sell_forward(seen, self.table.left(own.now_ms))
            lots = abs(sale_wh) // self.table.rung_wh
            side = SELL if sale_wh > 0 else BUY
            return [Say(int(Verb.REQUEST), book=_SPEC, side=side, quantity=lots, flags=GOOD_MS)] if lots else []
        if desk.round < TURNS - 1:
            return []
        mine = {asked.number: asked.side for asked in desk.asked if asked.agent == own.agent}
        quotes = [offer for offer in desk.offered if offer.request in mine and offer.maker != own.agent]
        if not quotes:
            return []
        # A seller takes the highest price, a buyer the lowest; the first of equals.
        best = min(quotes, key=lambda quote: (mine[quote.request] * quote.price_tick, quote.number))
        return [Say(int(Verb.ACCEPT), order=best.number, price_tick=best.price_tick, quantity=best.quantity)]

    def day_ahead(self, own: Own, public: Public, draw: Callable[[int], int], /) -> Orders:  # noqa: ARG002 - the one form
        """Offer a quantity at the floor."""
        offer_wh = 0
        if own.first <= self.table.period < own.first + len(own.need_wh):
            offer_wh = self.seller.offer(self._seen(own.agent, own.lots, public.others_lots))
        return _orders(self.table, SELL, [self.table.floor_tick], [offer_wh])

    def invest(self, own: Own, building: Building, draw: Callable[[int], int], /) -> int:  # noqa: ARG002 - the one form
        """Build nothing."""
        return 0

    def _seen(self, agent: int, lots: Mapping[int, int], others: Mapping[int, Mapping[int, int]]) -> list[int | None]:
        seen = self.table.seen_wh(agent, lots, others)
        return [each or 0 for each in seen] if self.observable else seen


@dataclass(frozen=True)
class ArbitrageurMind:
    """An arbitrageur that quotes the spot price which it expects."""

    arbitrageur: Arbitrageur
    table: Table
    observable: bool
    name: str = "spot-expectation"
    persona: str = "arbitrageur"

    def at_desk(self, own: Own, public: Public, desk: AtDesk, draw: Callable[[int], int], /) -> Sequence[Say]:  # noqa: ARG002 - the one form
        """Quote every request at the price that is to be expected if all of them are signed."""
        if desk.round != 1 or not desk.asked:
            return []
        sold = self._sold(own, desk)
        for asked in desk.asked:
            place = self.table.sellers.index(asked.agent)
            sold[place] -= asked.side * asked.quantity * self.table.rung_wh
        price = self.arbitrageur.expect(sold, self.table.left(own.now_ms) - 1)
        return [
            Say(int(Verb.QUOTE), order=asked.number, price_tick=price, quantity=asked.quantity, flags=GOOD_MS)
            for asked in desk.asked
        ]

    def _sold(self, own: Own, desk: AtDesk) -> list[int]:
        """Tell what sellers have sold so far: by their positions, or else by the tape, which names nobody."""
        if self.observable:
            return [each or 0 for each in self.table.seen_wh(own.agent, desk.lots, desk.others_lots)]
        total = sum(quantity_wh for _, _, _, quantity_wh in desk.tape)
        lots = total // self.table.rung_wh // len(self.table.sellers)
        return [lots * self.table.rung_wh] * len(self.table.sellers)

    def day_ahead(self, own: Own, public: Public, draw: Callable[[int], int], /) -> Orders:  # noqa: ARG002 - the one form
        """Send nothing: futures settle in cash."""
        return _orders(self.table, BUY, [], [])

    def invest(self, own: Own, building: Building, draw: Callable[[int], int], /) -> int:  # noqa: ARG002 - the one form
        """Build nothing."""
        return 0


@dataclass(frozen=True)
class DemandMind:
    """Demand that buys the more, the lower the price: a ladder of bids."""

    bid_tick: tuple[int, ...]
    rung_wh: int
    table: Table
    name: str = "ladder"
    persona: str = "demand"

    def at_desk(self, own: Own, public: Public, desk: AtDesk, draw: Callable[[int], int], /) -> Sequence[Say]:  # noqa: ARG002 - the one form
        """Say nothing."""
        return []

    def day_ahead(self, own: Own, public: Public, draw: Callable[[int], int], /) -> Orders:  # noqa: ARG002 - the one form
        """Bid for one rung at each price."""
        inside = own.first <= self.table.period < own.first + len(own.need_wh)
        ticks = list(self.bid_tick) if inside else []
        return _orders(self.table, BUY, ticks, [self.rung_wh] * len(ticks))

    def invest(self, own: Own, building: Building, draw: Callable[[int], int], /) -> int:  # noqa: ARG002 - the one form
        """Build nothing."""
        return 0


def _orders(table: Table, side: int, ticks: Sequence[int], quantities: Sequence[int]) -> Orders:
    """Write orders for the one period, without those of nothing."""
    rows = [(tick, quantity) for tick, quantity in zip(ticks, quantities, strict=True) if quantity > 0]
    price, quantity = np.array(rows, np.int64).reshape(-1, 2).T
    return Orders(np.full(len(rows), table.period), np.full(len(rows), side), price, quantity)
