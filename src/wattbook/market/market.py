"""The market: turns commands into facts, one after the other, and writes both down.

Owns the town's state. Knows neither who decided nor what drives the clock: a run's commands, given again in their
order, give the same facts.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from wattbook.book import COMMAND_COLUMNS, Book, Flag, Kind
from wattbook.ledger import UNLIMITED, Ledger
from wattbook.market import kernel
from wattbook.market.columns import members, storage_of
from wattbook.market.enforcement import Enforcement
from wattbook.market.incentives import Incentives
from wattbook.market.laboratory import Laboratory
from wattbook.market.settlement import Settlement
from wattbook.market.sharing import Sharing
from wattbook.market.stalls import Stall, bits_of, count_stalls, span, stall_of
from wattbook.market.suppliers import Suppliers
from wattbook.market.tariff_caps import TariffCaps
from wattbook.market.wholesale import Wholesale
from wattbook.messages import BUY, NO_PRICE, REFUSED, SELL, Action, Cause, Command, House

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from wattbook.book import ReferenceBook
    from wattbook.journal import Draft, Journal
    from wattbook.market.setup import Street

    Ints = NDArray[np.int64]

_FIXED: Final = int(Action.OPEN)


class Market:
    """A street's market.

    Parameters
    ----------
    street : Street
    journal : Journal
        Gets every command and every fact.
    make_book : function
        `Book` or `ReferenceBook`, or whatever takes their parameters and does what they do.

    Attributes
    ----------
    stalls : list of Stall
        The order books and what is kept of their orders: one, or several where feeders are independent.
    """

    def __init__(self, street: Street, journal: Journal, make_book: Callable[..., Book | ReferenceBook] = Book) -> None:
        choose = street.wholesale is not None and street.wholesale.retail is not None
        if choose or street.oversight is not None:
            # Tariffs change as the run goes on: the street that was given stays as it is.
            street = replace(street, retail_tick=street.retail_tick.copy())
        self.street = street
        self.journal = journal
        self.suppliers = Suppliers(street.utility)
        self.tariff_caps = None if street.oversight is None else TariffCaps(street, journal)
        stalls = count_stalls(street)
        self.rules, self.town, self.notices = members(street, bits_of(stalls))
        self.storage = storage_of(street)
        self.counts = np.zeros((stalls, 2), np.int64)
        """Orders and trades of each stall."""
        self.stalls = [self._new_stall(index, stalls, make_book) for index in range(stalls)]
        self.stall_of = stall_of(street.feeder, stalls, len(street.books))
        """(a,) each agent's stall; the first for those without a feeder."""
        limits = np.concatenate((street.credit_limit, np.full(len(House), UNLIMITED, np.int64)))
        self.ledger = Ledger(street.agents + len(House), limits)
        self.auction = None if street.market is None else street.market.auction
        self.sharing = Sharing(street) if street.market is not None and street.market.sharing is not None else None
        self.wholesale = None if street.wholesale is None else Wholesale(self)
        self.incentives = None if street.incentives is None else Incentives(self)
        self.settlement = Settlement(self)
        self.enforcement = None if street.oversight is None else Enforcement(self)
        is_laboratory = street.market is not None and street.market.laboratory is not None
        self.laboratory = Laboratory(street) if is_laboratory else None
        self._doors: dict[int, Callable[[int, Command], int]] = {
            Action.SUBMIT: self._submit,
            Action.CANCEL: self._cancel,
            Action.REPLACE: self._replace,
            Action.CANCEL_ALL: self.cancel_all,
            Action.BATTERY: self._battery,
            Action.LEAVE: self._leave,
            Action.REJOIN: self._rejoin,
            Action.NOMINATE: self._nominate,
            Action.OPEN: self._open,
            Action.CLOSE: self._close,
            Action.DELIVER: self.settlement.deliver,
            Action.SETTLE: self.settlement.settle,
            Action.BILL: self.settlement.bill,
            Action.QUARANTINE: self._quarantine,
            Action.AUCTION: self._auction,
            Action.CLEAR: self._clear,
        }
        if self.wholesale is not None:
            self._doors |= {
                Action.CLEAR_DAY: self.wholesale.clear_day,
                Action.MARK: self.wholesale.mark,
                Action.COMPLY: self.wholesale.comply,
                Action.CHOOSE: self.wholesale.choose,
            }
        if self.enforcement is not None:
            self._doors |= self.enforcement.doors
        self._endow()

    def _new_stall(self, index: int, stalls: int, make_book: Callable[..., Book | ReferenceBook]) -> Stall:
        market, street = self.street.market, self.street
        if market is None or not self.rules.has_market:
            book = make_book(products=1)
        else:
            book = make_book(
                products=span(index, stalls, len(street.books))[1] * street.periods,
                floor_tick=market.floor_tick,
                cap_tick=market.cap_tick,
                step_tick=market.step_tick,
                self_trade=market.self_trade,
            )
        return Stall(index, stalls, street, book, self.journal, self.notices, self.counts[index])

    def _endow(self) -> None:
        """Give every agent its money to start with; it comes from outside the place."""
        wholesale = self.street.wholesale
        capital = 0 if wholesale is None or wholesale.desk is None else wholesale.desk.house_capital
        given = np.append(self.street.endowment, capital)
        amounts = np.append(given, -int(given.sum()))
        accounts = np.append(
            np.arange(self.street.agents), [self.account(House.CLEARING), self.account(House.UPSTREAM)]
        )
        self.settlement.post(-1, self.street.start_ms, 0, Cause.ENDOWMENT, 0, accounts, amounts)

    @property
    def orders(self) -> int:
        """Orders so far that admission let through."""
        return int(self.counts[:, 0].sum())

    @property
    def trades(self) -> int:
        """Trades so far."""
        return int(self.counts[:, 1].sum())

    def account(self, house: House) -> int:
        """Row of an account that belongs to no agent."""
        return self.street.agents + int(house)

    @property
    def resting(self) -> int:
        """Orders that rest."""
        return sum(len(stall.book) for stall in self.stalls)

    def stall(self, agent: int) -> Stall:
        """Give the stall at which an agent trades; the first for whoever does not exist."""
        return self.stalls[int(self.stall_of[agent]) if 0 <= agent < len(self.stall_of) else 0]

    def tell_fills(self, listens: Sequence[bool], look_ms: Ints) -> None:
        """Tell those who listen (a,) of fills, and let them look at the product at once by `look_ms` (a, p)."""
        self.notices.listens[:] = listens
        self.notices = self.notices._replace(look_ms=look_ms)
        for stall in self.stalls:
            stall.notices = self.notices

    # --- one command

    def apply(self, command: Command) -> int:
        """Carry out one command, journal it and its facts, and return 0 or the reason why it was refused.

        Reasons are `wattbook.messages.Refusal` (admission) or `wattbook.book.Code` (the book).
        """
        if command.agent < 0 and command.action >= _FIXED:
            # Only a quarantine happens while agents act; whatever else is fixed happens between.
            pages = self.journal if command.action != Action.QUARANTINE else self.stall(command.order).pages
            seq = _write_command(pages, command)
            code = self._doors[command.action](seq, command)
            if code != kernel.OK:
                _write_refusal(pages, seq, command, code)
            return code
        if self.wholesale is not None and self.wholesale.knows(command.agent, command.action):
            # Those have no stall.
            seq = _write_command(self.journal, command)
            code = self.wholesale.carry_out(seq, command)
            if code != kernel.OK:
                _write_refusal(self.journal, seq, command, code)
            return code
        stall = self.stall(command.agent)
        seq = _write_command(stall.pages, command)
        gateway = None if self.wholesale is None else self.wholesale.gateway
        serves = gateway is not None and gateway.serves(command.agent, command.action)
        code = gateway.admit(stall, command) if gateway is not None and serves else self._admit(stall, command)
        if code == kernel.OK:
            code = self._doors[command.action](seq, command)
        if code != kernel.OK:
            _write_refusal(stall.pages, seq, command, code)
        return code

    def _admit(self, stall: Stall, command: Command) -> int:
        ledger = self.ledger
        code: int = kernel.admit(
            self.rules,
            self.town,
            stall.ring,
            ledger.balance,
            ledger.reserved,
            ledger.credit_limit,
            command.time_ms,
            command.agent,
            command.action,
            command.book,
            command.period,
            command.order,
            command.side,
            command.price_tick,
            command.quantity_wh,
            command.flags,
        )
        return code

    # --- orders

    def _submit(self, seq: int, command: Command) -> int:
        price = kernel.worst_price(self.rules, command.side, command.price_tick, command.flags)
        code = self._improvement_code(command.book, command.period, command.side, price)
        if code:
            return code
        stall = self.stall(command.agent)
        order = stall.next_order()
        kernel.note_order(self.rules, stall.ring, order, command.agent, command.book, command.period, command.side)
        code = stall.book.step(
            Kind.SUBMIT, stall.product(command.book, command.period), order, command.agent, command.side,
            command.price_tick, command.quantity_wh, command.flags,
        )  # fmt: skip
        if code:
            kernel.forget_order(self.rules, stall.ring, order)
            return code
        self._record_order(stall, seq, command, command.book, command.period, command.side, price)
        return code

    def _cancel(self, seq: int, command: Command) -> int:
        stall = self.stall(command.agent)
        place = _place(stall, command.order)
        code = stall.book.step(Kind.CANCEL, 0, command.order, command.agent, 0, 0, 0, 0)
        if code == kernel.OK:
            self._record(stall, seq, command.time_ms, command.agent, 0)
            self._refresh_top(stall, *place)
        return code

    def _replace(self, seq: int, command: Command) -> int:
        stall = self.stall(command.agent)
        book, period = _place(stall, command.order)
        row = stall.row(command.order)
        side = int(stall.ring.side[row])
        # An order that is unknown or another's is left to the book.
        if stall.ring.order[row] == command.order and stall.ring.agent[row] == command.agent:
            code = self._improvement_code(book, period, side, command.price_tick)
            if code:
                return code
        code = stall.book.step(
            Kind.REPLACE, 0, command.order, command.agent, 0, command.price_tick, command.quantity_wh, 0
        )
        if code == kernel.OK:
            self._record_order(stall, seq, command, book, period, side, command.price_tick)
        return code

    def _improvement_code(self, book: int, period: int, side: int, price_tick: int) -> int:
        """Check what a laboratory market asks of a price, before the book sees it."""
        laboratory = self.laboratory
        if laboratory is None or not self.rules.floor_tick <= price_tick <= self.rules.cap_tick:
            return kernel.OK
        return laboratory.improvement_code(self.town.top[book, period], side, price_tick)

    def _record_order(
        self, stall: Stall, seq: int, command: Command, book: int, period: int, side: int, price_tick: int
    ) -> None:
        """Book and write down what came of a new or replaced order; in a laboratory a trade may clear all quotes."""
        fills, laboratory = stall.book.fill_count, self.laboratory
        traded_tick = int(stall.book.fill_rows[fills - 1, 4]) if fills and laboratory is not None else NO_PRICE
        self._record(stall, seq, command.time_ms, command.agent, side)
        if laboratory is not None:
            laboratory.note(book, period, side, price_tick, traded_tick)
            if fills and laboratory.rules.clear_after_trade:
                stall.book.step(Kind.EXPIRE, stall.product(book, period), 0, 0, 0, 0, 0, 0)
                self._record(stall, seq, command.time_ms, -1, 0)
        self._refresh_top(stall, book, period)

    def cancel_all(self, seq: int, command: Command) -> int:
        """Cancel all orders of an agent that rest."""
        stall = self.stall(command.agent)
        stall.book.step(Kind.CANCEL_OWNER, 0, 0, command.agent, 0, 0, 0, 0)
        places = {_place(stall, order) for order in stall.book.event_rows[: stall.book.event_count, 2].tolist()}
        self._record(stall, seq, command.time_ms, command.agent, 0)
        for place in sorted(places):
            self._refresh_top(stall, *place)
        return kernel.OK

    def _record(self, stall: Stall, seq: int, now_ms: int, agent: int, side: int) -> None:
        """Book what an order book has just reported, and write it down."""
        book, reserved = stall.book, self.ledger.reserved
        if book.fill_count:
            trades = stall.pages.chunk("trades", book.fill_count)
            kernel.record_fills(
                self.rules, self.town, stall.ring, reserved, stall.notices, book.fill_rows[: book.fill_count], seq,
                now_ms, agent, side, trades.columns, trades.fill,
            )  # fmt: skip
            stall.counts[1] += book.fill_count
        orders = stall.pages.chunk("orders", book.event_count)
        kernel.record_events(
            self.rules, self.town, stall.ring, reserved, book.event_rows[: book.event_count], seq, now_ms,
            orders.columns, orders.fill,
        )  # fmt: skip

    def _refresh_top(self, stall: Stall, book: int, period: int) -> None:
        """Bring the best quotes of one product up to date; those of a call market are sealed."""
        if self.auction is not None:
            return
        product = stall.product(book, period)
        top = self.town.top[book, period]
        for place, side in ((0, BUY), (2, SELL)):
            top[place : place + 2] = stall.book.best(product, side) or (NO_PRICE, 0)

    # --- what else agents may ask for

    def _battery(self, seq: int, command: Command) -> int:  # noqa: ARG002 - the doors have one form
        self.town.take_limit_wh[command.agent, command.period] = command.quantity_wh
        self.town.give_limit_wh[command.agent, command.period] = command.flags
        return kernel.OK

    def _leave(self, seq: int, command: Command) -> int:
        self.town.connected[command.agent] = 0
        return self.cancel_all(seq, command)

    def _rejoin(self, seq: int, command: Command) -> int:  # noqa: ARG002 - the doors have one form
        self.town.connected[command.agent] = 1
        return kernel.OK

    def _nominate(self, seq: int, command: Command) -> int:  # noqa: ARG002 - the doors have one form
        self.town.nominated_wh[command.agent, command.period] = command.quantity_wh
        return kernel.OK

    # --- what the fixed processes ask for

    def _open(self, seq: int, command: Command) -> int:  # noqa: ARG002 - the doors have one form
        # The gate is a matter of time (`kernel.gate_code`); the command marks the moment in the journal, and in a call
        # market the beginning of the call phases.
        if self.auction is not None:
            for period in range(command.period, command.period + command.quantity_wh):
                for book in range(self.rules.books):
                    self._call(book, period)
        return kernel.OK

    def _stall_of_book(self, book: int) -> Stall:
        return self.stalls[int(stall_of(book, len(self.stalls), self.rules.books))]

    def _call(self, book: int, period: int) -> None:
        stall = self._stall_of_book(book)
        stall.book.step(Kind.CALL, stall.product(book, period), 0, 0, 0, 0, 0, 0)

    def _auction(self, seq: int, command: Command) -> int:
        """Hold an auction in each of `command.quantity_wh` products from `command.period` on; calls go on after it."""
        for book, period in self._two_sided(command.period, command.period + command.quantity_wh):
            self._uncross(seq, command.time_ms, book, period)
            self._call(book, period)
        return kernel.OK

    def _two_sided(self, first: int, end: int) -> list[tuple[int, int]]:
        """Books and periods, from `first` to before `end`, in which bids and asks wait."""
        found = []
        for stall in self.stalls:
            ring = stall.ring
            alive = np.flatnonzero((ring.order > 0) & (ring.period >= first) & (ring.period < end))
            product, side = self.rules.periods * ring.book[alive] + ring.period[alive], ring.side[alive]
            both = np.intersect1d(product[side == BUY], product[side == SELL])
            found += [divmod(place, self.rules.periods) for place in both.tolist()]
        return found

    def _uncross(self, seq: int, now_ms: int, book: int, period: int) -> None:
        """Clear what waits in one product; of tied prices the nearest to its last, or before any to mid-market."""
        assert self.auction is not None
        stall = self._stall_of_book(book)
        last = int(self.town.last_tick[book, period])
        reference = self.auction.reference_tick[period] if last == NO_PRICE else last
        flags = Flag.PAY_AS_BID * self.auction.pay_as_bid | Flag.PRO_RATA * self.auction.pro_rata
        stall.book.step(Kind.UNCROSS, stall.product(book, period), 0, 0, 0, reference, 0, flags)
        self._record(stall, seq, now_ms, -1, 0)

    def _close(self, seq: int, command: Command) -> int:
        if self.auction is not None:
            for book, period in self._two_sided(command.period, command.period + 1):
                self._uncross(seq, command.time_ms, book, period)
        if self.rules.has_market:
            for stall in self.stalls:
                self._expire_everywhere(stall, seq, command.time_ms, command.period)
            self.town.top[:, command.period] = NO_PRICE, 0, NO_PRICE, 0
        return kernel.OK

    def _expire_everywhere(self, stall: Stall, seq: int, now_ms: int, period: int) -> None:
        """Let all that rests of one period expire, book by book, in one batch: a city has hundreds."""
        expiries = np.zeros((stall.books, len(COMMAND_COLUMNS)), np.int64)
        expiries[:, 0] = Kind.EXPIRE
        expiries[:, 1] = np.arange(stall.books) * self.street.periods + period
        events = stall.book.process(expiries).events
        orders = stall.pages.chunk("orders", len(events))
        kernel.record_events(
            self.rules, self.town, stall.ring, self.ledger.reserved, events, seq, now_ms, orders.columns, orders.fill
        )

    def _clear(self, seq: int, command: Command) -> int:
        """Let all that rests in one product and book expire."""
        stall = self._stall_of_book(command.book)
        stall.book.step(Kind.EXPIRE, stall.product(command.book, command.period), 0, 0, 0, 0, 0, 0)
        self._record(stall, seq, command.time_ms, -1, 0)
        self._refresh_top(stall, command.book, command.period)
        return kernel.OK

    def _quarantine(self, seq: int, command: Command) -> int:
        """Shut the agent named by `command.order` out, because its policy failed."""
        self.town.quarantined[command.order] = 1
        if self.wholesale is not None:
            self.wholesale.shut_out(seq, command.time_ms, command.order)
        return self.cancel_all(seq, command._replace(agent=command.order))

    # --- saving

    def export(self) -> dict[str, NDArray[Any]]:
        """Copy the whole state as named arrays."""
        arrays: dict[str, NDArray[Any]] = {f"town.{name}": c for name, c in self.town._asdict().items()}
        for stall in self.stalls:
            arrays |= stall.export()
        if self.laboratory is not None:
            arrays |= {f"laboratory.{name}": column for name, column in self.laboratory.export().items()}
        if self.tariff_caps is not None:
            arrays |= self.tariff_caps.export()
        if self.wholesale is not None:
            arrays |= self.wholesale.export()
        if self.enforcement is not None:
            arrays["enforcement"] = self.enforcement.export()
        if self.incentives is not None:
            arrays |= self.incentives.export()
        arrays["soc_uwh"] = self.storage.soc_uwh
        arrays["residual_wh"] = self.settlement.residual_wh
        arrays["counts"] = self.counts
        arrays["ledger"] = np.frombuffer(self.ledger.export(), np.uint8)
        return {name: column.copy() for name, column in arrays.items()}

    def restore(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Take on a state that `export` gave."""
        for name, column in self.town._asdict().items():
            column[...] = arrays[f"town.{name}"]
        for stall in self.stalls:
            stall.restore(arrays)
        if self.laboratory is not None:
            for name, column in self.laboratory.export().items():
                column[...] = arrays[f"laboratory.{name}"]
        if self.tariff_caps is not None:
            self.tariff_caps.restore(arrays)
        if self.wholesale is not None:
            self.wholesale.restore(arrays)
        if self.enforcement is not None:
            self.enforcement.restore(arrays["enforcement"])
        if self.incentives is not None:
            self.incentives.restore(arrays)
        self.storage.soc_uwh[:] = arrays["soc_uwh"]
        self.settlement.residual_wh = arrays["residual_wh"]
        self.counts[...] = arrays["counts"]
        self.ledger = Ledger.restore(arrays["ledger"].tobytes())
        self.check()

    # --- what must always hold

    def check(self) -> None:
        """Assert all that must always hold."""
        self.ledger.check()
        if self.tariff_caps is not None:
            self.tariff_caps.check()
        if self.wholesale is not None:
            self.wholesale.check()
        if self.enforcement is not None:
            self.enforcement.check()
        if self.incentives is not None:
            self.incentives.check()
        for stall in self.stalls:
            stall.check()
        assert (self.town.net_wh.sum(axis=1) == 0).all(), "B7: bought is not sold"
        assert (self.town.pay.sum(axis=1) == 0).all(), "A5: paid is not received"
        assert (self.town.open_buy_wh >= 0).all()
        assert (self.town.open_sell_wh >= 0).all()
        assert (self.town.committed >= 0).all()
        self._check_reserved()

    def _check_reserved(self) -> None:
        """Assert that the money set aside is what resting orders and unsettled trades call for."""
        expected = self.town.committed.sum(axis=1)
        for stall in self.stalls:
            for row in np.flatnonzero(stall.ring.order).tolist():
                agent, book, _, side, price, remaining = (int(column[row]) for column in stall.ring[1:])
                expected[agent] += kernel.unit_hold(self.rules, agent, book, side, price) * remaining
        assert (self.ledger.reserved[: self.street.agents] == expected).all(), (
            "M4: money set aside is not what it should"
        )


def _place(stall: Stall, order: int) -> tuple[int, int]:
    """Book and period of a resting order; of no meaning if there is no such order."""
    row = stall.row(order)
    return int(stall.ring.book[row]), int(stall.ring.period[row])


def _write_command(pages: Journal | Draft, command: Command) -> int:
    chunk = pages.chunk("commands", 1)
    row, seq = chunk.fill.tolist()
    for column, value in zip(chunk.columns[1:], command, strict=True):
        column[row] = value
    chunk.fill += 1
    return int(seq)


def _write_refusal(pages: Journal | Draft, seq: int, command: Command, code: int) -> None:
    chunk = pages.chunk("orders", 1)
    row = int(chunk.fill[0])
    facts = (
        seq, command.time_ms, command.book, command.period, command.order, command.agent, REFUSED, command.side,
        command.price_tick, command.quantity_wh, 0, code,
    )  # fmt: skip
    for column, value in zip(chunk.columns[1:], facts, strict=True):
        column[row] = value
    chunk.fill += 1
