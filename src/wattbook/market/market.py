"""The market: turns commands into facts, one after the other, and writes both down.

Owns the town's state. Knows neither who decided nor what drives the clock: a run's commands, given again in their
order, give the same facts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from wattbook.book import COMMAND_COLUMNS, Book, Flag, Kind
from wattbook.ledger import UNLIMITED, Ledger
from wattbook.market import kernel
from wattbook.market.columns import doubled, empty_ring, members, storage_of
from wattbook.market.laboratory import Laboratory
from wattbook.market.settlement import Settlement
from wattbook.market.sharing import Sharing
from wattbook.messages import BUY, NO_PRICE, REFUSED, SELL, Action, Cause, Command, House

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from numpy.typing import NDArray

    from wattbook.book import ReferenceBook
    from wattbook.journal import Journal
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
    book : Book or ReferenceBook, optional
        One product per (book, period): book x periods + period.
    """

    def __init__(self, street: Street, journal: Journal, book: Book | ReferenceBook | None = None) -> None:
        self.street = street
        self.journal = journal
        self.rules, self.town, self.notices = members(street)
        self.ring = empty_ring()
        self.storage = storage_of(street)
        self.counts = np.zeros(2, np.int64)
        limits = np.concatenate((street.credit_limit, np.full(len(House), UNLIMITED, np.int64)))
        self.ledger = Ledger(street.agents + len(House), limits)
        self.book = self._new_book() if book is None else book
        self.auction = None if street.market is None else street.market.auction
        self.sharing = Sharing(street) if street.market is not None and street.market.sharing is not None else None
        self.settlement = Settlement(self)
        is_laboratory = street.market is not None and street.market.laboratory is not None
        self.laboratory = Laboratory(street) if is_laboratory else None
        self._doors: dict[int, Callable[[int, Command], int]] = {
            Action.SUBMIT: self._submit,
            Action.CANCEL: self._cancel,
            Action.REPLACE: self._replace,
            Action.CANCEL_ALL: self._cancel_all,
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
        self._endow()

    def _new_book(self) -> Book:
        market = self.street.market
        if market is None or not self.rules.has_market:
            return Book(products=1)
        return Book(
            products=len(self.street.books) * self.street.periods,
            floor_tick=market.floor_tick,
            cap_tick=market.cap_tick,
            step_tick=market.step_tick,
            self_trade=market.self_trade,
        )

    def _endow(self) -> None:
        """Give every agent its money to start with; it comes from outside the place."""
        amounts = np.append(self.street.endowment, -int(self.street.endowment.sum()))
        accounts = np.append(np.arange(self.street.agents), self.account(House.UPSTREAM))
        self.settlement.post(-1, self.street.start_ms, 0, Cause.ENDOWMENT, 0, accounts, amounts)

    @property
    def orders(self) -> int:
        """Orders so far that admission let through."""
        return int(self.counts[0])

    @property
    def trades(self) -> int:
        """Trades so far."""
        return int(self.counts[1])

    def account(self, house: House) -> int:
        """Row of an account that belongs to no agent."""
        return self.street.agents + int(house)

    def product(self, book: int, period: int) -> int:
        """Product of the order book that stands for `period` in `book`."""
        return book * self.street.periods + period

    # --- one command

    def apply(self, command: Command) -> int:
        """Carry out one command, journal it and its facts, and return 0 or the reason why it was refused.

        Reasons are `wattbook.messages.Refusal` (admission) or `wattbook.book.Code` (the book).
        """
        seq = self._write_command(command)
        if command.agent < 0 and command.action >= _FIXED:
            return self._doors[command.action](seq, command)
        code = self._admit(command)
        if code == kernel.OK:
            code = self._doors[command.action](seq, command)
        if code != kernel.OK:
            self._write_refusal(seq, command, code)
        return code

    def _admit(self, command: Command) -> int:
        ledger = self.ledger
        code: int = kernel.admit(
            self.rules,
            self.town,
            self.ring,
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

    def _write_command(self, command: Command) -> int:
        chunk = self.journal.chunk("commands", 1)
        row, seq = chunk.fill.tolist()
        for column, value in zip(chunk.columns[1:], command, strict=True):
            column[row] = value
        chunk.fill += 1
        return int(seq)

    def _write_refusal(self, seq: int, command: Command, code: int) -> None:
        chunk = self.journal.chunk("orders", 1)
        row = int(chunk.fill[0])
        facts = (
            seq, command.time_ms, command.book, command.period, command.order, command.agent, REFUSED, command.side,
            command.price_tick, command.quantity_wh, 0, code,
        )  # fmt: skip
        for column, value in zip(chunk.columns[1:], facts, strict=True):
            column[row] = value
        chunk.fill += 1

    # --- orders

    def _submit(self, seq: int, command: Command) -> int:
        price = kernel.worst_price(self.rules, command.side, command.price_tick, command.flags)
        code = self._improvement_code(command.book, command.period, command.side, price)
        if code:
            return code
        self.counts[0] += 1
        order = self.orders
        while self.ring.order[order & (len(self.ring.order) - 1)]:
            self.ring = doubled(self.ring)
        kernel.note_order(self.ring, order, command.agent, command.book, command.period, command.side)
        product = self.product(command.book, command.period)
        code = self.book.step(
            Kind.SUBMIT, product, order, command.agent, command.side, command.price_tick, command.quantity_wh,
            command.flags,
        )  # fmt: skip
        if code:
            kernel.forget_order(self.ring, order)
            return code
        self._record_order(seq, command, command.book, command.period, command.side, price)
        return code

    def _cancel(self, seq: int, command: Command) -> int:
        place = self._place(command.order)
        code = self.book.step(Kind.CANCEL, 0, command.order, command.agent, 0, 0, 0, 0)
        if code == kernel.OK:
            self._record(seq, command.time_ms, command.agent, 0)
            self._refresh_top(*place)
        return code

    def _replace(self, seq: int, command: Command) -> int:
        book, period = self._place(command.order)
        row = command.order & (len(self.ring.order) - 1)
        side = int(self.ring.side[row])
        # An order that is unknown or another's is left to the book.
        if self.ring.order[row] == command.order and self.ring.agent[row] == command.agent:
            code = self._improvement_code(book, period, side, command.price_tick)
            if code:
                return code
        code = self.book.step(
            Kind.REPLACE, 0, command.order, command.agent, 0, command.price_tick, command.quantity_wh, 0
        )
        if code == kernel.OK:
            self._record_order(seq, command, book, period, side, command.price_tick)
        return code

    def _improvement_code(self, book: int, period: int, side: int, price_tick: int) -> int:
        """Check what a laboratory market asks of a price, before the book sees it."""
        laboratory = self.laboratory
        if laboratory is None or not self.rules.floor_tick <= price_tick <= self.rules.cap_tick:
            return kernel.OK
        return laboratory.improvement_code(self.town.top[book, period], side, price_tick)

    def _record_order(self, seq: int, command: Command, book: int, period: int, side: int, price_tick: int) -> None:
        """Book and write down what came of a new or replaced order; in a laboratory a trade may clear all quotes."""
        fills, laboratory = self.book.fill_count, self.laboratory
        traded_tick = int(self.book.fill_rows[fills - 1, 4]) if fills and laboratory is not None else NO_PRICE
        self._record(seq, command.time_ms, command.agent, side)
        if laboratory is not None:
            laboratory.note(book, period, side, price_tick, traded_tick)
            if fills and laboratory.rules.clear_after_trade:
                self.book.step(Kind.EXPIRE, self.product(book, period), 0, 0, 0, 0, 0, 0)
                self._record(seq, command.time_ms, -1, 0)
        self._refresh_top(book, period)

    def _cancel_all(self, seq: int, command: Command) -> int:
        self.book.step(Kind.CANCEL_OWNER, 0, 0, command.agent, 0, 0, 0, 0)
        places = {self._place(order) for order in self.book.event_rows[: self.book.event_count, 2].tolist()}
        self._record(seq, command.time_ms, command.agent, 0)
        for place in sorted(places):
            self._refresh_top(*place)
        return kernel.OK

    def _place(self, order: int) -> tuple[int, int]:
        """Book and period of a resting order; of no meaning if there is no such order."""
        row = order & (len(self.ring.order) - 1)
        return int(self.ring.book[row]), int(self.ring.period[row])

    def _record(self, seq: int, now_ms: int, agent: int, side: int) -> None:
        """Book what the order book has just reported, and write it down."""
        book, reserved = self.book, self.ledger.reserved
        if book.fill_count:
            trades = self.journal.chunk("trades", book.fill_count)
            kernel.record_fills(
                self.rules, self.town, self.ring, reserved, self.notices, book.fill_rows[: book.fill_count], seq,
                now_ms, agent, side, trades.columns, trades.fill,
            )  # fmt: skip
            self.counts[1] += book.fill_count
        orders = self.journal.chunk("orders", book.event_count)
        kernel.record_events(
            self.rules, self.town, self.ring, reserved, book.event_rows[: book.event_count], seq, now_ms,
            orders.columns, orders.fill,
        )  # fmt: skip

    def _refresh_top(self, book: int, period: int) -> None:
        """Bring the best quotes of one product up to date; those of a call market are sealed."""
        if self.auction is not None:
            return
        product = self.product(book, period)
        top = self.town.top[book, period]
        for place, side in ((0, BUY), (2, SELL)):
            top[place : place + 2] = self.book.best(product, side) or (NO_PRICE, 0)

    # --- what else agents may ask for

    def _battery(self, seq: int, command: Command) -> int:  # noqa: ARG002 - the doors have one form
        self.town.take_limit_wh[command.agent, command.period] = command.quantity_wh
        self.town.give_limit_wh[command.agent, command.period] = command.flags
        return kernel.OK

    def _leave(self, seq: int, command: Command) -> int:
        self.town.connected[command.agent] = 0
        return self._cancel_all(seq, command)

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

    def _call(self, book: int, period: int) -> None:
        self.book.step(Kind.CALL, self.product(book, period), 0, 0, 0, 0, 0, 0)

    def _auction(self, seq: int, command: Command) -> int:
        """Hold an auction in each of `command.quantity_wh` products from `command.period` on; calls go on after it."""
        for book, period in self._two_sided(command.period, command.period + command.quantity_wh):
            self._uncross(seq, command.time_ms, book, period)
            self._call(book, period)
        return kernel.OK

    def _two_sided(self, first: int, end: int) -> list[tuple[int, int]]:
        """Books and periods, from `first` to before `end`, in which bids and asks wait."""
        ring = self.ring
        alive = np.flatnonzero((ring.order > 0) & (ring.period >= first) & (ring.period < end))
        product, side = self.rules.periods * ring.book[alive] + ring.period[alive], ring.side[alive]
        both = np.intersect1d(product[side == BUY], product[side == SELL])
        return [divmod(place, self.rules.periods) for place in both.tolist()]

    def _uncross(self, seq: int, now_ms: int, book: int, period: int) -> None:
        """Clear what waits in one product; of tied prices the nearest to its last, or before any to mid-market."""
        assert self.auction is not None
        last = int(self.town.last_tick[book, period])
        reference = self.auction.reference_tick[period] if last == NO_PRICE else last
        flags = Flag.PAY_AS_BID * self.auction.pay_as_bid | Flag.PRO_RATA * self.auction.pro_rata
        self.book.step(Kind.UNCROSS, self.product(book, period), 0, 0, 0, reference, 0, flags)
        self._record(seq, now_ms, -1, 0)

    def _close(self, seq: int, command: Command) -> int:
        if self.auction is not None:
            for book, period in self._two_sided(command.period, command.period + 1):
                self._uncross(seq, command.time_ms, book, period)
        if self.rules.has_market:
            self._expire_everywhere(seq, command.time_ms, command.period)
        return kernel.OK

    def _expire_everywhere(self, seq: int, now_ms: int, period: int) -> None:
        """Let all that rests of one period expire, book by book, in one batch: a city has hundreds."""
        expiries = np.zeros((self.rules.books, len(COMMAND_COLUMNS)), np.int64)
        expiries[:, 0] = Kind.EXPIRE
        expiries[:, 1] = np.arange(self.rules.books) * self.street.periods + period
        events = self.book.process(expiries).events
        orders = self.journal.chunk("orders", len(events))
        kernel.record_events(
            self.rules, self.town, self.ring, self.ledger.reserved, events, seq, now_ms, orders.columns, orders.fill
        )
        self.town.top[:, period] = NO_PRICE, 0, NO_PRICE, 0

    def _clear(self, seq: int, command: Command) -> int:
        """Let all that rests in one product and book expire."""
        self.book.step(Kind.EXPIRE, self.product(command.book, command.period), 0, 0, 0, 0, 0, 0)
        self._record(seq, command.time_ms, -1, 0)
        self._refresh_top(command.book, command.period)
        return kernel.OK

    def _quarantine(self, seq: int, command: Command) -> int:
        """Shut the agent named by `command.order` out, because its policy failed."""
        self.town.quarantined[command.order] = 1
        return self._cancel_all(seq, command._replace(agent=command.order))

    # --- saving

    def export(self) -> dict[str, NDArray[Any]]:
        """Copy the whole state as named arrays."""
        arrays: dict[str, NDArray[Any]] = {f"town.{name}": c for name, c in self.town._asdict().items()}
        arrays |= {f"ring.{name}": column for name, column in self.ring._asdict().items()}
        if self.laboratory is not None:
            arrays |= {f"laboratory.{name}": column for name, column in self.laboratory.export().items()}
        arrays["soc_uwh"] = self.storage.soc_uwh
        arrays["residual_wh"] = self.settlement.residual_wh
        arrays["counts"] = self.counts
        arrays["ledger"] = np.frombuffer(self.ledger.export(), np.uint8)
        arrays["book"] = np.frombuffer(self.book.export(), np.uint8)
        return {name: column.copy() for name, column in arrays.items()}

    def restore(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Take on a state that `export` gave."""
        self.ring = empty_ring(len(arrays["ring.order"]))
        for part, columns in (("town", self.town), ("ring", self.ring)):
            for name, column in columns._asdict().items():
                column[...] = arrays[f"{part}.{name}"]
        if self.laboratory is not None:
            for name, column in self.laboratory.export().items():
                column[...] = arrays[f"laboratory.{name}"]
        self.storage.soc_uwh[:] = arrays["soc_uwh"]
        self.settlement.residual_wh = arrays["residual_wh"]
        self.counts = arrays["counts"]
        self.ledger = Ledger.restore(arrays["ledger"].tobytes())
        self.book = type(self.book).restore(arrays["book"].tobytes())
        self.check()

    # --- what must always hold

    def check(self) -> None:
        """Assert all that must always hold."""
        self.ledger.check()
        self.book.check()
        alive = self.ring.order > 0
        assert int(alive.sum()) == (len(self.book) if self.rules.has_market else 0)
        assert (self.ring.remaining_wh[alive] > 0).all()
        assert (self.town.net_wh.sum(axis=1) == 0).all(), "B7: bought is not sold"
        assert (self.town.pay.sum(axis=1) == 0).all(), "A5: paid is not received"
        assert (self.town.open_buy_wh >= 0).all()
        assert (self.town.open_sell_wh >= 0).all()
        assert (self.town.committed >= 0).all()
        self._check_reserved(alive)

    def _check_reserved(self, alive: NDArray[Any]) -> None:
        """Assert that the money set aside is what resting orders and unsettled trades call for."""
        expected = self.town.committed.sum(axis=1)
        for row in np.flatnonzero(alive).tolist():
            agent, book, _, side, price, remaining = (int(column[row]) for column in self.ring[1:])
            expected[agent] += kernel.unit_hold(self.rules, agent, book, side, price) * remaining
        assert (self.ledger.reserved[: self.street.agents] == expected).all(), (
            "M4: money set aside is not what it should"
        )
