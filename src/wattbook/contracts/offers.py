"""Requests, quotes, counter-offers and posted prices: who may say what to whom, and until when.

Owns every offer from its making to its end. Knows no margin, no credit, and nothing of what is signed.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace
from typing import TYPE_CHECKING, Any

from wattbook.contracts.sheet import require
from wattbook.contracts.words import MAX_ENERGY_WH, MAX_LOTS, NOBODY, NOTIONAL_MAX, Code, Event, Kind
from wattbook.messages import BUY, SELL
from wattbook.units import PPM, half_even

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from wattbook.contracts.sheet import Sheet
    from wattbook.contracts.spec import ContractSpec
    from wattbook.contracts.terms import DeskTerms
    from wattbook.messages import Command


@dataclass(frozen=True, slots=True)
class Request:
    """Somebody asks for quotes.

    Attributes
    ----------
    side : int
        The side that the one who asks wants to take.
    to : int
        The only agent that may quote, `NOBODY` for everybody.
    until_ms : int
        First millisecond in which it is over.
    """

    spec: int
    agent: int
    side: int
    quantity: int
    until_ms: int
    to: int


@dataclass(frozen=True, slots=True)
class Offer:
    """Somebody would sign at a price.

    Attributes
    ----------
    side : int
        The maker's own side.
    to : int
        The only agent that may sign, `NOBODY` for a posted price.
    request : int
        The request at the head of the negotiation; 0 for a posted price.
    turn : int
        1 for a quote, one more with each counter-offer.
    most : int
        Largest quantity that the negotiation is about.
    """

    spec: int
    maker: int
    to: int
    side: int
    price_tick: int
    quantity: int
    until_ms: int
    request: int
    turn: int
    most: int


class Board:
    """All live requests and offers, by their numbers, which rise and are never used twice.

    Parameters
    ----------
    terms : DeskTerms
    contracts : container of int
        Numbers of live contracts: what they refer to is neither unknown nor over.
    """

    def __init__(self, terms: DeskTerms, contracts: Container[int]) -> None:
        self.terms = terms
        self.requests: dict[int, Request] = {}
        self.offers: dict[int, Offer] = {}
        self.last_reference = 0
        self._contracts = contracts

    # --- what commands ask for

    def request(self, command: Command, defaulted: Container[int], sheet: Sheet) -> int:
        """REQUEST: open a request for quotes; its number."""
        spec = self.spec_of(command)
        self._check_side(command.side)
        self.check_quantity(spec, command.quantity_wh)
        until_ms = self._until(spec, command)
        asked = command.order - 1
        require(-1 <= asked < self.terms.agents, Code.UNKNOWN_COUNTERPARTY)
        require(asked != command.agent, Code.SELF_DEALING)
        require(asked not in defaulted, Code.COUNTERPARTY_DEFAULTED)
        number = self.next_reference()
        self.requests[number] = Request(
            spec, command.agent, command.side, command.quantity_wh, until_ms, asked if asked >= 0 else NOBODY
        )
        self._write(Event.REQUESTED, number, sheet)
        return number

    def quote(self, command: Command, sheet: Sheet) -> int:
        """QUOTE: answer a request with a firm offer to the one who asked; its number."""
        asked = self.live_request(command.order, command.time_ms)
        require(asked.agent != command.agent, Code.SELF_DEALING)
        require(asked.to in (NOBODY, command.agent), Code.NOT_YOURS)
        side = -asked.side
        self._check_same_book(asked.spec, side, command)
        terms = self._offered(asked.spec, asked.quantity, command)
        return self._offer(
            Event.QUOTED, Offer(asked.spec, command.agent, asked.agent, side, *terms, command.order, 1, asked.quantity),
            sheet,
        )  # fmt: skip

    def counter(self, command: Command, sheet: Sheet) -> int:
        """COUNTER: put another offer in the place of one's counterpart's; its number."""
        offer = self.live_negotiation(command)
        require(offer.turn < self.terms.max_rounds, Code.TOO_MANY_ROUNDS)
        self._check_same_book(offer.spec, -offer.side, command)
        terms = self._offered(offer.spec, offer.most, command)
        del self.offers[command.order]
        answer = Offer(
            offer.spec, command.agent, offer.maker, -offer.side, *terms, offer.request, offer.turn + 1, offer.most
        )
        return self._offer(Event.COUNTERED, answer, sheet)

    def post(self, command: Command, sheet: Sheet) -> int:
        """POST: offer to everybody, first come, first served; its number."""
        spec = self.spec_of(command)
        self._check_side(command.side)
        terms = self._offered(spec, MAX_LOTS, command)
        return self._offer(
            Event.POSTED, Offer(spec, command.agent, NOBODY, command.side, *terms, 0, 1, command.quantity_wh), sheet
        )  # fmt: skip

    def walk(self, command: Command, sheet: Sheet) -> None:
        """WALK: end a negotiation, from either side."""
        offer = self.live_offer(command.order, command.time_ms)
        require(offer.request != 0, Code.WRONG_REFERENCE)
        require(command.agent in (offer.maker, offer.to), Code.NOT_YOURS)
        self._write(Event.WALKED, command.order, sheet)
        del self.offers[command.order]

    def withdraw(self, command: Command, sheet: Sheet) -> None:
        """WITHDRAW: end an own offer, or an own request with all that answers it."""
        number = command.order
        if number in self.requests:
            require(command.time_ms < self.requests[number].until_ms, Code.REFERENCE_EXPIRED)
            require(self.requests[number].agent == command.agent, Code.NOT_YOURS)
            self._write(Event.WITHDRAWN, number, sheet)
            self.close_negotiations(number, sheet)
            return
        require(self.live_offer(number, command.time_ms).maker == command.agent, Code.NOT_YOURS)
        self._write(Event.WITHDRAWN, number, sheet)
        del self.offers[number]

    # --- what signing asks

    def live_negotiation(self, command: Command) -> Offer:
        """Offer that `command` answers: a quote or counter made to its sender."""
        offer = self.live_offer(command.order, command.time_ms)
        require(offer.request != 0, Code.WRONG_REFERENCE)
        require(offer.maker != command.agent, Code.NOT_YOUR_TURN)
        require(offer.to == command.agent, Code.NOT_YOURS)
        return offer

    def live_post(self, command: Command) -> Offer:
        """Give the posted offer that `command` takes from."""
        offer = self.live_offer(command.order, command.time_ms)
        require(offer.request == 0, Code.WRONG_REFERENCE)
        require(offer.maker != command.agent, Code.SELF_DEALING)
        return offer

    def use(self, number: int, quantity: int, sheet: Sheet) -> None:
        """Take a signed quantity off an offer; what is used up, or answers the same request, ends."""
        offer = self.offers[number]
        if offer.request:
            del self.offers[number]
            self.close_negotiations(offer.request, sheet)
        elif quantity == offer.quantity:
            del self.offers[number]
        else:
            self.offers[number] = replace(offer, quantity=offer.quantity - quantity)

    def close_negotiations(self, request: int, sheet: Sheet) -> None:
        """End a request and every offer that answers it."""
        self.requests.pop(request, None)
        self._end([n for n, offer in self.offers.items() if offer.request == request], Event.ENDED, sheet)

    def close_agent(self, agent: int, sheet: Sheet) -> None:
        """End everything that a defaulter asked for or offered, or was offered."""
        for number in [n for n, asked in self.requests.items() if agent in (asked.agent, asked.to)]:
            self._write(Event.ENDED, number, sheet)
            self.close_negotiations(number, sheet)
        self._end([n for n, o in self.offers.items() if agent in (o.maker, o.to)], Event.ENDED, sheet)

    def expire(self, sheet: Sheet) -> None:
        """End all whose time is over, requests first, in the order of their numbers."""
        for number in [n for n, asked in self.requests.items() if asked.until_ms <= sheet.time_ms]:
            self._write(Event.EXPIRED, number, sheet)
            del self.requests[number]
        self._end([n for n, o in self.offers.items() if o.until_ms <= sheet.time_ms], Event.EXPIRED, sheet)

    def mid_tick(self, spec: int, time_ms: int) -> int | None:
        """Middle of the best firm bid and ask, half-even [ticks]; None where a side is empty."""
        live = [o for o in self.offers.values() if o.spec == spec and time_ms < o.until_ms]
        bids = [offer.price_tick for offer in live if offer.side == BUY]
        asks = [offer.price_tick for offer in live if offer.side == SELL]
        return half_even(max(bids) + min(asks), 2) if bids and asks else None

    def next_end_ms(self) -> int | None:
        """Say when the next request or offer ends; None without one."""
        ends = [asked.until_ms for asked in self.requests.values()]
        return min((*ends, *(offer.until_ms for offer in self.offers.values())), default=None)

    def next_reference(self) -> int:
        """Give the next number."""
        self.last_reference += 1
        return self.last_reference

    # --- checks

    def live_request(self, number: int, time_ms: int) -> Request:
        """Request of this number, if it still stands."""
        if number not in self.requests:
            self.explain_missing(number)
        require(time_ms < self.requests[number].until_ms, Code.REFERENCE_EXPIRED)
        return self.requests[number]

    def live_offer(self, number: int, time_ms: int) -> Offer:
        """Offer of this number, if it still stands."""
        if number not in self.offers:
            self.explain_missing(number)
        require(time_ms < self.offers[number].until_ms, Code.REFERENCE_EXPIRED)
        return self.offers[number]

    def explain_missing(self, number: int) -> None:
        """Refuse a number that stands for nothing of the kind meant, with the reason."""
        require(1 <= number <= self.last_reference, Code.UNKNOWN_REFERENCE)
        there = number in self.requests or number in self.offers or number in self._contracts
        require(there, Code.REFERENCE_ENDED)
        require(False, Code.WRONG_REFERENCE)

    def spec_of(self, command: Command) -> int:
        """Place of the spec that `command` names, if it can still be signed."""
        require(0 <= command.book < len(self.terms.specs), Code.UNKNOWN_SPEC)
        require(command.period in (-1, self.terms.specs[command.book].first_period), Code.WRONG_PERIOD)
        require(command.time_ms < self.terms.trading_ends_ms(command.book), Code.PAST_DELIVERY)
        return command.book

    def check_quantity(self, spec: int, quantity: int, most: int = MAX_LOTS) -> None:
        """Refuse a quantity that is none, or more than what it answers."""
        require(quantity > 0, Code.QUANTITY_NOT_POSITIVE)
        bound = PPM if self.terms.specs[spec].kind == Kind.PPA else MAX_LOTS
        require(quantity <= min(most, bound), Code.QUANTITY_TOO_LARGE)
        require(quantity * self.terms.specs[spec].lot_wh <= MAX_ENERGY_WH, Code.QUANTITY_TOO_LARGE)

    @staticmethod
    def _check_side(side: int) -> None:
        require(side in (BUY, SELL), Code.BAD_SIDE)

    @staticmethod
    def _check_same_book(spec: int, side: int, command: Command) -> None:
        require(command.book in (NOBODY, spec), Code.CHANGED_TERMS)
        require(command.side in (0, side), Code.BAD_SIDE)

    def _offered(self, spec: int, most: int, command: Command) -> tuple[int, int, int]:
        """Price, quantity and end of an offer, each checked."""
        quantity, price = command.quantity_wh, command.price_tick
        self.check_quantity(spec, quantity, most)
        product: ContractSpec = self.terms.specs[spec]
        require(self.terms.floor_tick <= price <= self.terms.cap_tick, Code.PRICE_OUTSIDE_BAND)
        require(price % product.step_tick == 0, Code.PRICE_OFF_STEP)
        require(abs(price) * quantity * product.lot_wh <= NOTIONAL_MAX, Code.NOTIONAL_TOO_LARGE)
        return price, quantity, self._until(spec, command)

    def _until(self, spec: int, command: Command) -> int:
        """First millisecond in which it is over: nothing outlives the trading of its spec."""
        require(1 <= command.flags <= self.terms.max_valid_ms, Code.BAD_VALIDITY)
        return min(command.time_ms + command.flags, self.terms.trading_ends_ms(spec))

    # --- writing

    def _offer(self, event: Event, offer: Offer, sheet: Sheet) -> int:
        number = self.next_reference()
        self.offers[number] = offer
        self._write(event, number, sheet)
        return number

    def _end(self, numbers: Iterable[int], event: Event, sheet: Sheet) -> None:
        for number in numbers:
            self._write(event, number, sheet)
            del self.offers[number]

    def _write(self, event: Event, number: int, sheet: Sheet) -> None:
        entry = self.requests.get(number) or self.offers[number]
        asks = isinstance(entry, Request)
        one, other = (entry.agent, entry.to) if isinstance(entry, Request) else (entry.maker, entry.to)
        lot_wh = self.terms.specs[entry.spec].lot_wh or 1
        sheet.row(
            event,
            contract=number,
            buyer=one if entry.side == BUY else other,
            seller=other if entry.side == BUY else one,
            spec=entry.spec,
            price_tick=0 if asks else entry.price_tick,  # type: ignore[union-attr]  # only offers have one
            quantity_wh=entry.quantity * lot_wh,
        )

    # --- state

    def check(self, time_ms: int) -> None:
        """Assert what must always hold."""
        assert not set(self.requests) & set(self.offers), "a number stands for two things"
        live: list[tuple[int, Request | Offer]] = [*self.requests.items(), *self.offers.items()]
        for number, entry in live:
            assert 1 <= number <= self.last_reference
            assert entry.quantity > 0
            assert entry.side in (BUY, SELL)
            assert entry.until_ms <= self.terms.trading_ends_ms(entry.spec), "C11: an offer outlives its spec's trading"
        for offer in self.offers.values():
            assert offer.maker != offer.to
            assert 1 <= offer.turn <= self.terms.max_rounds, "C11: more rounds than allowed"
        assert time_ms >= 0

    def state(self) -> dict[str, Any]:
        """All of it, as JSON holds it."""
        return {
            "last_reference": self.last_reference,
            "requests": [[n, *astuple(asked)] for n, asked in sorted(self.requests.items())],
            "offers": [[n, *astuple(offer)] for n, offer in sorted(self.offers.items())],
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take on what `state` gave."""
        self.last_reference = state["last_reference"]
        self.requests = {n: Request(*rest) for n, *rest in state["requests"]}
        self.offers = {n: Offer(*rest) for n, *rest in state["offers"]}
