"""The contract desk: the one object that the floor above talks to.

Owns the order in which the desk's parts are asked, its time, and its public tape. Knows no balance (it asks what an
agent could pay), no clock (it is told the time), no calendar and no reason.
"""

from __future__ import annotations

import operator
from bisect import bisect_right
from typing import TYPE_CHECKING, Any, Final, TypeGuard

import numpy as np

from wattbook.contracts.bilateral import Bilateral
from wattbook.contracts.cascading import unfolded
from wattbook.contracts.certificates import Certificates
from wattbook.contracts.clearing import ClearingHouse
from wattbook.contracts.delivery import Deliverer
from wattbook.contracts.offers import Board, Offer
from wattbook.contracts.sealing import DIGEST_BYTES, opened, sealed
from wattbook.contracts.sheet import Refused, Sheet, require
from wattbook.contracts.terms import NO_LIMIT, DeskTerms
from wattbook.contracts.words import (
    MAX_TIME_MS,
    NOTIONAL_MAX,
    WH_PER_CERTIFICATE,
    Answer,
    Code,
    Delivery,
    DeskError,
    Event,
    Kind,
    Print,
    Verb,
)
from wattbook.errors import CorruptError
from wattbook.messages import BUY, Command
from wattbook.units import PPM

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from wattbook.contracts.words import Available

_VERBS: Final = frozenset(int(verb) for verb in Verb)
_INT64: Final = 1 << 63


class Desk:
    """Quotes, signed contracts, the clearing house, deliveries and guarantees of origin.

    Parameters
    ----------
    terms : DeskTerms

    Notes
    -----
    Nothing is posted here: every answer names the legs to post. Whoever posts them does so before the next call, so
    that `available` tells the truth. Legs of a command that was accepted are covered by what `available` said;
    those of a delivery are obligations.
    """

    def __init__(self, terms: DeskTerms) -> None:
        self.terms = terms
        self.now_ms = 0
        self.next_period = 0
        self._left_wh = [spec.lot_wh for spec in terms.specs]
        self._profiles = [np.array(spec.profile_wh, np.int64) for spec in terms.specs]
        self.house = ClearingHouse(terms, self._left_wh)
        self.bilateral = Bilateral(terms, self._left_wh, self.house)
        self.board = Board(terms, self.bilateral.contracts)
        self.certificates = Certificates(terms)
        self._delivery = Deliverer(terms, self.house, self.bilateral, self.certificates)
        self._tape: list[Print] = []

    # --- commands

    def apply(self, command: Command, available: Available) -> Answer:
        """Carry out one command, or refuse it and change nothing.

        Parameters
        ----------
        command : Command
            See `Verb` for what its columns mean at the desk.
        available : callable
            ``available(agent)`` is the money that the agent could pay now [1e-8 EUR].

        Returns
        -------
        Answer
            Its code, what came of it, and the legs to post.
        """
        whole = _whole(command)
        if whole is None:
            return Answer(Code.NOT_A_WHOLE_NUMBER)
        sheet = Sheet(whole.time_ms, self.terms.agents, available)
        try:
            self._admit(whole)
            reference = self._carry_out(whole, sheet)
        except Refused as refused:
            return Answer(refused.code)
        self.now_ms = whole.time_ms
        return Answer(Code.OK, reference, tuple(sheet.rows), sheet.legs())

    def _admit(self, command: Command) -> None:
        require(command.action in _VERBS, Code.UNKNOWN_VERB)
        require(0 <= command.agent < self.terms.agents, Code.UNKNOWN_AGENT)
        require(command.time_ms >= self.now_ms, Code.TIME_BACK)
        require(command.time_ms <= MAX_TIME_MS, Code.TIME_TOO_FAR)
        require(command.agent not in self.house.defaulted, Code.DEFAULTED)
        require(not self.house.overdue(command.agent, command.time_ms), Code.CALL_OVERDUE)

    def _carry_out(self, command: Command, sheet: Sheet) -> int:
        match command.action:
            case Verb.REQUEST:
                return self.board.request(command, self.house.defaulted, sheet)
            case Verb.QUOTE:
                return self.board.quote(command, sheet)
            case Verb.COUNTER:
                return self.board.counter(command, sheet)
            case Verb.POST:
                return self.board.post(command, sheet)
            case Verb.ACCEPT:
                return self._accept(command, sheet)
            case Verb.TAKE:
                return self._take(command, sheet)
            case Verb.WALK:
                self.board.walk(command, sheet)
            case Verb.WITHDRAW:
                self.board.withdraw(command, sheet)
            case Verb.CANCEL_CONTRACT:
                self._cancel(command, sheet)
            case Verb.PAY:
                self.house.pay_call(command.agent, sheet)
            case Verb.CONTRIBUTE:
                self.house.contribute(command.agent, command.quantity_wh, sheet)
            case Verb.REDEEM:
                self.house.redeem(command.agent, sheet)
            case Verb.RETIRE:
                self.certificates.retire(command.agent, command.quantity_wh, sheet)
        return 0

    def _accept(self, command: Command, sheet: Sheet) -> int:
        offer = self.board.live_negotiation(command)
        require(command.book in (-1, offer.spec), Code.CHANGED_TERMS)
        same = (command.price_tick, command.quantity_wh) == (offer.price_tick, offer.quantity)
        require(same, Code.CHANGED_TERMS)
        return self._sign(command, offer, offer.quantity, sheet)

    def _take(self, command: Command, sheet: Sheet) -> int:
        offer = self.board.live_post(command)
        require(command.book in (-1, offer.spec), Code.CHANGED_TERMS)
        require(command.price_tick == offer.price_tick, Code.CHANGED_TERMS)
        self.board.check_quantity(offer.spec, command.quantity_wh, offer.quantity)
        return self._sign(command, offer, command.quantity_wh, sheet)

    def _sign(self, command: Command, offer: Offer, quantity: int, sheet: Sheet) -> int:
        """Sign: every check first, then the offer's end, margins and the contract together."""
        spec, price_tick = offer.spec, offer.price_tick
        parties = (offer.maker, command.agent) if offer.side == BUY else (command.agent, offer.maker)
        require(not self.house.overdue(offer.maker, command.time_ms), Code.CALL_OVERDUE)
        needs = self._admit_signing(spec, *parties, quantity, price_tick)
        by_agent = dict(zip(parties, needs, strict=True))
        require(by_agent[command.agent] <= max(0, sheet.funds(command.agent)), Code.MARGIN_MISSING)
        require(by_agent[offer.maker] <= max(0, sheet.funds(offer.maker)), Code.COUNTERPARTY_MARGIN_MISSING)
        self.board.use(command.order, quantity, sheet)
        number = self.board.next_reference()
        energy_wh = quantity * (self.terms.specs[spec].lot_wh or 1)
        sheet.row(
            Event.SIGNED, contract=number, buyer=parties[0], seller=parties[1], spec=spec, price_tick=price_tick,
            quantity_wh=energy_wh,
        )  # fmt: skip
        home = self.house.novate if self.terms.specs[spec].is_future else self.bilateral.sign
        home(number, spec, *parties, quantity, price_tick, sheet)
        self._tape.append(Print(sheet.time_ms, spec, price_tick, energy_wh))
        return number

    def _admit_signing(self, spec: int, buyer: int, seller: int, quantity: int, price_tick: int) -> tuple[int, int]:
        """Refuse what may not be signed; else what buyer and seller have to lock [1e-8 EUR]."""
        if self.terms.specs[spec].is_future:
            self.house.admit(spec, buyer, seller, quantity)
            needs = (
                self.house.margin_change(spec, buyer, quantity, price_tick),
                self.house.margin_change(spec, seller, -quantity, price_tick),
            )
        else:
            called = buyer in self.house.calls or seller in self.house.calls
            require(not called, Code.MARGIN_CALLED)
            collateral = self.bilateral.admit(spec, buyer, seller, quantity, price_tick)
            needs = collateral, collateral
        for agent, lots in ((buyer, quantity), (seller, -quantity)):
            self._check_bounds(spec, agent, lots, price_tick)
        require(self._is_covered(spec, seller, quantity), Code.NAKED_SHORT)
        return needs

    def _check_bounds(self, spec: int, agent: int, lots: int, price_tick: int) -> None:
        """Refuse what would let an agent's open contracts, all together, move more money than a leg can hold."""
        house, left_wh = self.house, self._left_wh[spec]
        if self.terms.specs[spec].is_future:
            reach = house.reach(agent, spec, lots) + self.bilateral.reach(agent)
            # A position that was closed keeps its cost until the next mark.
            require(house.costs(agent, spec, lots * left_wh * price_tick) <= NOTIONAL_MAX, Code.NOTIONAL_TOO_LARGE)
        else:
            more = abs(lots) * left_wh * self.terms.worst_tick(spec)
            reach = house.reach(agent) + self.bilateral.reach(agent) + more
        require(reach <= NOTIONAL_MAX, Code.NOTIONAL_TOO_LARGE)

    def _is_covered(self, spec: int, seller: int, quantity: int) -> bool:
        """Whether a seller that sells so much more stays within its limit, or its output, in every period to come."""
        product, bilateral = self.terms.specs[spec], self.bilateral
        if product.kind == Kind.PPA:
            shares = np.zeros(len(self._profiles[spec]), np.int64)
            for other in bilateral.of_seller(seller, lambda c: self.terms.specs[c.spec].kind == Kind.PPA):
                self._lay(shares, spec, other.spec, np.ones_like(self._profiles[other.spec]), other.quantity)
            return int(shares.max()) + quantity <= PPM
        limit = self.terms.sell_limit_wh[seller] if self.terms.sell_limit_wh else NO_LIMIT
        if not product.is_physical or limit == NO_LIMIT:
            return True
        sold_wh = quantity * self._profiles[spec]
        for (held_spec, agent), held in self.house.positions.items():
            if agent == seller and self.terms.specs[held_spec].is_physical:
                self._lay(sold_wh, spec, held_spec, self._profiles[held_spec], -held.lots)
        for contract in bilateral.contracts.values():
            sign = (contract.seller == seller) - (contract.buyer == seller)
            if sign and self.terms.specs[contract.spec].is_physical:
                self._lay(sold_wh, spec, contract.spec, self._profiles[contract.spec], sign * contract.quantity)
        # Where the spec itself delivers nothing, or has delivered, it adds nothing to what was sold.
        gone = max(0, self.next_period - product.first_period)
        return not bool(((sold_wh > limit) & (self._profiles[spec] > 0))[gone:].any())

    def _lay(self, onto: NDArray[np.int64], spec: int, other: int, profile: NDArray[np.int64], factor: int) -> None:
        """Add `factor` x another spec's profile where it overlaps the periods of `spec`."""
        mine, theirs = self.terms.specs[spec], self.terms.specs[other]
        first, past = max(mine.first_period, theirs.first_period), min(mine.past_period, theirs.past_period)
        if first < past:
            part = profile[first - theirs.first_period : past - theirs.first_period]
            onto[first - mine.first_period : past - mine.first_period] += factor * part

    def _cancel(self, command: Command, sheet: Sheet) -> None:
        if command.order not in self.bilateral.contracts:
            self.board.explain_missing(command.order)
        if self.bilateral.agrees(command):
            # Who loses a purchase may have sold it on.
            ended = self.bilateral.contracts[command.order]
            physical = self.terms.specs[ended.spec].is_physical
            require(not physical or self._is_covered(ended.spec, ended.buyer, ended.quantity), Code.NAKED_SHORT)
        self.bilateral.cancel(command, sheet)

    # --- the clock

    def expire(self, time_ms: int, available: Available) -> Answer:
        """End what is over by `time_ms`: offers, requests, and margin calls (paid, or a default).

        Raises
        ------
        DeskError
            If the time goes back.
        """
        sheet = self._sheet(time_ms, available)
        self._expire(sheet)
        return self._answer(sheet)

    def close(self, time_ms: int, agent: int, available: Available) -> Answer:
        """End all that an agent has asked for, offered, or was offered; what it signed stands.

        Raises
        ------
        DeskError
            If the time goes back.
        """
        sheet = self._sheet(time_ms, available)
        self.board.close_agent(agent, sheet)
        return self._answer(sheet)

    def mark(self, time_ms: int, available: Available, given: Mapping[int, int] | None = None) -> Answer:
        """Mark all futures whose delivery has not begun; move variation margin, call, close defaulters out.

        Parameters
        ----------
        given : mapping of int to int, optional
            Marks from outside, by spec [ticks]. Others follow the chain: the mean price of the desk's trades since
            the last mark (half-even), the middle of the firm quotes, the previous mark.

        Raises
        ------
        DeskError
            If the time goes back, a mark is no whole price within the bounds, or what it is given for is no future.
        """
        sheet = self._sheet(time_ms, available)
        prices = {self._future(spec): price for spec, price in (given or {}).items()}
        for spec, price in prices.items():
            prices[spec] = self.terms.whole_price(price, f"the given mark of contract {spec}")
        self._expire(sheet)
        self._mark(sheet, prices)
        return self._answer(sheet)

    def deliver(
        self,
        time_ms: int,
        period: int,
        spot_tick: int | Mapping[str, int],
        metered_wh: Callable[[int], int],
        available: Available,
        premium_wh: Callable[[int], int] | None = None,
    ) -> Delivery:
        """Deliver one period of every live contract.

        Futures that begin with this period are marked once more before, long ones among them become their parts, and
        who has defaulted is closed out.

        Parameters
        ----------
        spot_tick : int or mapping of str to int
            The index, or one per name of an index [ticks].
        metered_wh : callable
            ``metered_wh(agent)`` is what the agent's meter fed in, net [Wh]; below zero for what it drew.
        premium_wh : callable, optional
            Energy of the agent that somebody else paid a premium for [Wh]: it earns no guarantee.

        Raises
        ------
        DeskError
            If `period` is not the next one, the time goes back or lies before the period, an index is missing or no
            whole price, or a meter gives no whole number.
        """
        period = _whole_of(period, "period", "periods")
        if period != self.next_period:
            raise DeskError(f"deliver period={period}: the next one is {self.next_period}, each once and in order")
        sheet = self._sheet(time_ms, available)
        begins_ms = self.terms.start_ms + period * self.terms.period_ms
        if sheet.time_ms < begins_ms:
            # Else what was delivered already could still be signed.
            raise DeskError(f"deliver period={period} at time_ms={sheet.time_ms}: it begins at {begins_ms}")
        meters = self._delivery.read(period, spot_tick, metered_wh, premium_wh)
        self._expire(sheet)
        begins = any(self.terms.specs[spec].first_period == period for spec, _ in self.house.positions)
        if begins or self.house.failing:
            self._mark(sheet, {}, self._cascading(period))
        energy = self._delivery.deliver(period, meters, sheet)
        for spec, product in enumerate(self.terms.specs):
            self._left_wh[spec] -= product.wh(period)
        self.bilateral.end_period(period, sheet)
        self.next_period += 1
        answer = self._answer(sheet)
        return Delivery(energy, answer.rows, answer.legs)

    def comply(self, time_ms: int, agent: int, date: int, sales_wh: int, quota_ppm: int, buy_out_tick: int) -> Answer:
        """Settle an agent's renewable quota of one date, once; see `Certificates.comply`."""
        sheet = self._sheet(time_ms, lambda _: 0)
        given = (agent, date, sales_wh, quota_ppm, buy_out_tick)
        if not all(_is_whole(value) for value in given) or not self._can_comply(*map(int, given)):
            raise DeskError(
                f"comply agent={agent}, date={date}, sales_wh={sales_wh}, quota_ppm={quota_ppm}, "
                f"buy_out_tick={buy_out_tick}: give whole numbers, a known agent, nothing below zero, a quota of at "
                f"most {PPM}, and sales x price of at most {NOTIONAL_MAX}"
            )
        agent, date, sales_wh, quota_ppm, buy_out_tick = map(int, given)
        try:
            self.certificates.comply(agent, date, sales_wh, quota_ppm, buy_out_tick, sheet)
        except Refused as refused:
            return Answer(refused.code)
        return self._answer(sheet)

    def hand_over(self, time_ms: int, seller: int, buyer: int, count: int, price_tick: int) -> Answer:
        """Sell guarantees of origin by themselves, at a price for each MWh [ticks].

        Raises
        ------
        DeskError
            If the time goes back, or what is given is no whole number, no agent, or more money than a leg can hold.
        """
        sheet = self._sheet(time_ms, lambda _: 0)
        seller, buyer = (_whole_of(agent, "an agent", "its row") for agent in (seller, buyer))
        if not all(0 <= agent < self.terms.agents for agent in (seller, buyer)):
            raise DeskError(f"hand_over seller={seller}, buyer={buyer}: there are agents 0 .. {self.terms.agents - 1}")
        count, price = _whole_of(count, "count", "guarantees"), _whole_of(price_tick, "price_tick", "ticks")
        # The band is that of energy: a guarantee may be worth more, up to what buying out costs.
        if abs(price) * max(1, count) * WH_PER_CERTIFICATE > NOTIONAL_MAX:
            raise DeskError(f"hand_over count={count}, price_tick={price}: that is more than {NOTIONAL_MAX} 1e-8 EUR")
        try:
            self.certificates.sell(seller, buyer, count, price, sheet)
        except Refused as refused:
            return Answer(refused.code)
        return self._answer(sheet)

    def _can_comply(self, agent: int, date: int, sales_wh: int, quota_ppm: int, buy_out_tick: int) -> bool:
        known = 0 <= agent < self.terms.agents and -_INT64 <= date < _INT64
        bounded = sales_wh * max(1, buy_out_tick) <= NOTIONAL_MAX and buy_out_tick <= NOTIONAL_MAX
        return known and sales_wh >= 0 and 0 <= quota_ppm <= PPM and buy_out_tick >= 0 and bounded

    def next_due_ms(self) -> int | None:
        """Say when `expire` has something to do: the next end of an offer, request or margin call; None without."""
        times = [debt.deadline_ms for debt in self.house.calls.values()]
        end_ms = self.board.next_end_ms()
        return min(times if end_ms is None else [*times, end_ms], default=None)

    def _sheet(self, time_ms: int, available: Available) -> Sheet:
        now_ms = _whole_of(time_ms, "time_ms", "ms")
        if now_ms < self.now_ms:
            raise DeskError(f"time_ms={now_ms} lies before {self.now_ms}: the desk's time never goes back")
        if now_ms > MAX_TIME_MS:
            raise DeskError(f"time_ms={now_ms} lies after {MAX_TIME_MS}: give ms, not finer ones")
        return Sheet(now_ms, self.terms.agents, available)

    def _future(self, spec: object) -> int:
        """Give the place of a future that somebody wants to mark."""
        place = _whole_of(spec, "a given mark's contract", "its place in the catalogue")
        if not 0 <= place < len(self.terms.specs) or not self.terms.specs[place].is_future:
            futures = [place for place, each in enumerate(self.terms.specs) if each.is_future]
            raise DeskError(f"a mark is given for contract {place}: only futures are marked, which are {futures}")
        return place

    def _answer(self, sheet: Sheet) -> Answer:
        self.now_ms = sheet.time_ms
        return Answer(Code.OK, 0, tuple(sheet.rows), sheet.legs())

    def _expire(self, sheet: Sheet) -> None:
        self.board.expire(sheet)
        for agent in self.house.come_due(sheet):
            self.board.close_agent(agent, sheet)

    def _mark(self, sheet: Sheet, given: Mapping[int, int], cascading: Sequence[int] = ()) -> None:
        def mid_tick(spec: int) -> int | None:
            return self.board.mid_tick(spec, sheet.time_ms)

        self.house.mark(sheet, self.next_period, mid_tick, given, cascading)

    def _cascading(self, period: int) -> list[int]:
        return [spec for spec in self.house.parts if self.terms.specs[spec].first_period == period]

    # --- looking

    def tape(self, now_ms: int, since: int = 0) -> list[Print]:
        """Trades that are public by `now_ms`, from number `since` on: prices and quantities, no names."""
        past = bisect_right(self._tape, now_ms - self.terms.tape_delay_ms, key=lambda line: line.time_ms)
        return self._tape[since:past]

    def positions(self, viewer: int) -> dict[int, dict[int, int]]:
        """Open quantity by agent and spec [lots; of a PPA a share in ppm], bought - sold, as `viewer` may see it."""
        held: dict[int, dict[int, int]] = {}

        def add(agent: int, spec: int, quantity: int) -> None:
            if agent == viewer or self.terms.observable == "everybody":
                of_agent = held.setdefault(agent, {})
                of_agent[spec] = of_agent.get(spec, 0) + quantity

        for (spec, agent), position in self.house.positions.items():
            add(agent, spec, position.lots)
        for contract in self.bilateral.contracts.values():
            add(contract.buyer, contract.spec, contract.quantity)
            add(contract.seller, contract.spec, -contract.quantity)
        open_only = {agent: {s: q for s, q in sorted(held[agent].items()) if q} for agent in sorted(held)}
        return {agent: of_agent for agent, of_agent in open_only.items() if of_agent}

    def positions_ahead(self, viewer: int, now_ms: int) -> dict[int, dict[int, int]]:
        """Open quantity as `positions` gives it, where long futures in delivery count as what they become (D24)."""
        held, terms, parts = self.positions(viewer), self.terms, self.house.parts
        if not parts:
            return held
        over = {spec for spec in parts if terms.trading_ends_ms(spec) <= now_ms}
        return {agent: unfolded(lots, parts, over.__contains__) for agent, lots in held.items()}

    def due_wh(self, period: int) -> dict[int, int]:
        """Energy that each agent has bought - sold for `period` by contracts of a fixed amount that deliver [Wh]."""
        due: dict[int, int] = {}

        def add(agent: int, energy_wh: int) -> None:
            due[agent] = due.get(agent, 0) + energy_wh

        for (spec, agent), held in self.house.positions.items():
            if self.terms.specs[spec].is_physical:
                add(agent, held.lots * self.terms.specs[spec].wh(period))
        for contract in self.bilateral.contracts.values():
            if self.terms.specs[contract.spec].is_physical:
                energy_wh = contract.quantity * self.terms.specs[contract.spec].wh(period)
                add(contract.buyer, energy_wh)
                add(contract.seller, -energy_wh)
        return {agent: energy_wh for agent, energy_wh in sorted(due.items()) if energy_wh}

    def owed(self, agent: int) -> int:
        """Variation margin that the agent is called for [1e-8 EUR]."""
        debt = self.house.calls.get(agent)
        return debt.owed if debt else 0

    def margin(self, agent: int) -> int:
        """Give the initial margin that the agent has locked [1e-8 EUR]."""
        return sum(held.margin for (_, holder), held in self.house.positions.items() if holder == agent)

    # --- state

    def check(self) -> None:
        """Assert all that must always hold."""
        self.board.check(self.now_ms)
        self.house.check()
        self.bilateral.check()
        self.certificates.check()
        for spec, product in enumerate(self.terms.specs):
            left = sum(product.profile_wh[max(0, self.next_period - product.first_period) :])
            assert self._left_wh[spec] == left, "energy left is not the profile's rest"
        for spec, _ in self.house.positions:
            product = self.terms.specs[spec]
            assert product.past_period > self.next_period, "a position outlives its delivery"
            assert not product.parts or product.first_period >= self.next_period, "a long future was not cascaded"

    def fingerprint(self) -> str:
        """SHA-256 of the whole state."""
        return self.export()[-DIGEST_BYTES:].hex()

    def export(self) -> bytes:
        """Write terms and state as a checksummed block; equal states give equal bytes."""
        return sealed(self.terms, self._state())

    @classmethod
    def restore(cls, data: bytes) -> Desk:
        """Make the desk that `export` wrote.

        Raises
        ------
        CorruptError
            If `data` is damaged, or no desk of this version.
        """
        terms, state = opened(data)
        desk = cls(terms)
        try:
            desk._load(state)
            desk.check()
        except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, AssertionError) as error:
            raise CorruptError(f"the desk's state does not hold together: {error}") from error
        return desk

    def _state(self) -> dict[str, Any]:
        return {
            "now_ms": self.now_ms,
            "next_period": self.next_period,
            "left_wh": self._left_wh,
            "board": self.board.state(),
            "house": self.house.state(),
            "bilateral": self.bilateral.state(),
            "certificates": self.certificates.state(),
            "tape": self._tape,
        }

    def _load(self, state: dict[str, Any]) -> None:
        self.now_ms, self.next_period = state["now_ms"], state["next_period"]
        # The same list, as house and contracts look into it.
        self._left_wh[:] = state["left_wh"]
        self.board.load(state["board"])
        self.house.load(state["house"])
        self.bilateral.load(state["bilateral"])
        self.certificates.load(state["certificates"])
        self._tape = [Print(*line) for line in state["tape"]]


def _is_whole(value: object) -> TypeGuard[int | np.integer[Any]]:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _whole_of(value: object, name: str, what: str) -> int:
    """Give a whole number from outside as an int: what is kept is written as JSON, which knows no other."""
    if not _is_whole(value):
        raise DeskError(f"{name}={value!r}: give a whole number of {what}")
    return int(value)


def _whole(command: Command) -> Command | None:
    """Give `command` in plain ints; None if a value is no whole number of at most 64 bits."""
    values = []
    for value in command:
        if isinstance(value, bool | np.bool_):
            return None
        try:
            number = operator.index(value)
        except TypeError:
            return None
        if not -_INT64 <= number < _INT64:
            return None
        values.append(number)
    return Command(*values)
