"""The rules of matching, told in plain Python: read first, changed first.

Owns the law of the book: who is served first, at which price, and what each kind of order may do. Knows no
clock, no money, no names, and nothing of the compiled book, which must agree with this one in every event.

1. **Priority.** The best price goes first; at one price the earliest order goes first.
2. **Price.** A match happens at the price of the order that was there before (the maker).
3. **Refusal.** A command that is refused changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from sortedcontainers import SortedDict

from wattbook.book.doors import Doors, checked_commands
from wattbook.book.words import (
    BUY,
    EVENT_COLUMNS,
    FILL_COLUMNS,
    MAX_ORDERS,
    MAX_QUANTITY_WH,
    NOTIONAL_MAX,
    RESTING_COLUMNS,
    SELL,
    Batch,
    Code,
    Event,
    Flag,
    Kind,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

# Plain ints: comparing enum members costs several times more, and this runs for every command.
_SUBMIT, _CANCEL, _REPLACE, _EXPIRE, _CANCEL_OWNER = (int(kind) for kind in Kind)
_ACCEPTED, _FILLED, _CANCELLED, _REPLACED, _EXPIRED, _PREVENTED = (int(event) for event in Event)
_IOC, _FOK, _POST_ONLY, _MARKET, _REPRICE = (
    int(f) for f in (Flag.IOC, Flag.FOK, Flag.POST_ONLY, Flag.MARKET, Flag.REPRICE)
)
_ALL_FLAGS: Final = _IOC | _FOK | _POST_ONLY | _MARKET | _REPRICE
_OK: Final = Code.OK


class Order:
    """One order: its terms and what remains of it."""

    __slots__ = ("flags", "order", "owner", "price_tick", "product", "remaining_wh", "side")

    def __init__(
        self, order: int, owner: int, side: int, price_tick: int, remaining_wh: int, product: int, flags: int
    ) -> None:
        self.order = order
        self.owner = owner
        self.side = side
        self.price_tick = price_tick
        self.remaining_wh = remaining_wh
        self.product = product
        self.flags = flags


class Queues:
    """One side of one product: a queue of orders per price, best price first, no queue empty."""

    def __init__(self, side: int) -> None:
        # Sorted by -side x price: the highest bid and the lowest ask come first.
        self._levels: SortedDict = SortedDict()
        self._side = side

    def __bool__(self) -> bool:
        return bool(self._levels)

    def __iter__(self) -> Iterator[Order]:
        """All orders in priority order."""
        for queue in self._levels.values():
            yield from queue.values()

    def best_price(self) -> int:
        """Price of the best level [ticks]."""
        return int(-self._side * self._levels.peekitem(0)[0])

    def first(self) -> Order:
        """Rule 1: the order to be served next, the earliest at the best price."""
        queue: dict[int, Order] = self._levels.peekitem(0)[1]
        return next(iter(queue.values()))

    def append(self, order: Order) -> None:
        """Rest `order` behind all others at its price."""
        self._levels.setdefault(-self._side * order.price_tick, {})[order.order] = order

    def remove(self, order: Order) -> None:
        """Take `order` out; a queue that it leaves empty goes with it."""
        key = -self._side * order.price_tick
        queue = self._levels[key]
        del queue[order.order]
        if not queue:
            del self._levels[key]

    def check(self) -> None:
        """Assert that each order stands in the queue of its price, and that no queue is empty."""
        for key, queue in self._levels.items():
            assert queue
            for name, order in queue.items():
                assert order.order == name
                assert order.side == self._side
                assert -order.side * order.price_tick == key


class ReferenceBook(Doors):
    """The book of the rules; see `Doors` for parameters and for what it answers."""

    def __init__(
        self,
        products: int = 1,
        floor_tick: int = -50_000,
        cap_tick: int = 400_000,
        step_tick: int = 1,
        self_trade: str = "off",
        max_orders: int = MAX_ORDERS,
    ) -> None:
        super().__init__(products, floor_tick, cap_tick, step_tick, self_trade, max_orders)
        self._last_order = 0
        self._live: dict[int, Order] = {}
        self._queues: dict[tuple[int, int], Queues] = {}
        self._row = 0
        self._resting_wh = 0
        self._fills: list[tuple[int, ...]] = []
        self._events: list[tuple[int, ...]] = []

    # --- commands

    def step(
        self,
        kind: int,
        product: int,
        order: int,
        owner: int,
        side: int,
        price_tick: int,
        quantity_wh: int,
        flags: int,
    ) -> int:
        """Carry out one command, see `Doors.step`."""
        self._row = 0
        self._fills, self._events = [], []
        return int(self._carry_out(kind, product, order, owner, side, price_tick, quantity_wh, int(flags)))

    def process(self, commands: NDArray[np.int64]) -> Batch:
        """Carry out a batch of commands in order, see `Doors.process`."""
        commands = checked_commands(commands)
        self._fills, self._events = [], []
        codes = np.empty(len(commands), dtype=np.int64)
        resting_wh = np.empty(len(commands), dtype=np.int64)
        for self._row, command in enumerate(commands.tolist()):
            codes[self._row] = self._carry_out(*command)
            resting_wh[self._row] = self._resting_wh
        batch = Batch(self.fill_rows, self.event_rows, codes, resting_wh)
        self._fills, self._events = [], []
        return batch

    def _carry_out(
        self, kind: int, product: int, name: int, owner: int, side: int, price_tick: int, quantity_wh: int, flags: int
    ) -> int:
        self._resting_wh = 0
        if kind == _SUBMIT:
            return self._submit(Order(name, owner, side, price_tick, quantity_wh, product, flags))
        if kind == _CANCEL:
            return self._cancel(name, owner)
        if kind == _REPLACE:
            return self._replace(name, owner, price_tick, quantity_wh)
        if kind == _EXPIRE:
            return self._expire(product)
        if kind == _CANCEL_OWNER:
            return self._cancel_owner(owner)
        return Code.UNKNOWN_KIND

    def _submit(self, order: Order) -> int:
        """Admit an order, let it take what it may, and rest or cancel what remains."""
        code = self._admission(order)
        if code != _OK:
            return code
        self._last_order = order.order
        self._note(order, _ACCEPTED, order.price_tick, order.remaining_wh)
        self._take(order)
        self._rest_or_cancel(order)
        return _OK

    def _cancel(self, name: int, owner: int) -> int:
        """Take out exactly what remains of an order, for its owner only."""
        code = self._claim(name, owner)
        if code == _OK:
            self._withdraw(self._live[name], _CANCELLED)
        return code

    def _replace(self, name: int, owner: int, price_tick: int, quantity_wh: int) -> int:
        """Give a resting order a new limit and remaining quantity; side and flags stay."""
        code = self._claim(name, owner) or _quantity_code(quantity_wh) or self._price_code(price_tick, quantity_wh)
        if code != _OK:
            return code
        old = self._live[name]
        new = Order(name, owner, old.side, price_tick, quantity_wh, old.product, old.flags)
        code = self._post_only_code(new)
        if code != _OK:
            return code
        change = new.remaining_wh - old.remaining_wh
        if self._keeps_priority(old, new):
            old.remaining_wh = new.remaining_wh
            self._resting_wh = new.remaining_wh
            self._note(old, _REPLACED, old.price_tick, change)
            return _OK
        self._remove(old)
        self._note(new, _REPLACED, new.price_tick, change)
        self._take(new)
        self._rest_or_cancel(new)
        return _OK

    def _expire(self, product: int) -> int:
        """Empty one product in sequence: bids, then asks, each in priority order."""
        if not 0 <= product < self.terms.products:
            return Code.UNKNOWN_PRODUCT
        for order in self._in_sequence(product):
            self._withdraw(order, _EXPIRED)
        return _OK

    def _cancel_owner(self, owner: int) -> int:
        """Cancel an owner's orders in sequence: products ascending, bids then asks, in priority order."""
        for product in self._products_in_use():
            for order in self._in_sequence(product):
                if order.owner == owner:
                    self._withdraw(order, _CANCELLED)
        return _OK

    # --- admission: the first reason for a refusal, or OK

    def _admission(self, order: Order) -> int:
        """Check a submit in the documented order; turns MARKET and REPRICE limits into the effective ones."""
        return (
            self._address_code(order)
            or _quantity_code(order.remaining_wh)
            or _flags_code(order.flags)
            or self._limit_code(order)
            or self._id_code(order)
            or self._room_code(order)
            or self._post_only_code(order)
            or self._fok_code(order)
        )

    def _address_code(self, order: Order) -> int:
        """Refuse an order that names no product of this book, or no side."""
        if not 0 <= order.product < self.terms.products:
            return Code.UNKNOWN_PRODUCT
        return _OK if order.side in {BUY, SELL} else Code.BAD_SIDE

    def _limit_code(self, order: Order) -> int:
        """Ignore the price of a market order: it takes anything inside the band."""
        if order.flags & _MARKET:
            order.price_tick = self.terms.cap_tick if order.side == BUY else self.terms.floor_tick
            return _OK
        return self._price_code(order.price_tick, order.remaining_wh)

    def _price_code(self, price_tick: int, quantity_wh: int) -> int:
        """Refuse a limit outside the band, off the step, or too large for the ledger."""
        if not self.terms.floor_tick <= price_tick <= self.terms.cap_tick:
            return Code.PRICE_OUTSIDE_BAND
        if price_tick % self.terms.step_tick:
            return Code.PRICE_OFF_STEP
        return _notional_code(price_tick, quantity_wh)

    def _id_code(self, order: Order) -> int:
        """Ids of accepted orders rise strictly from 1; so none is ever used twice."""
        return _OK if order.order > self._last_order else Code.ORDER_NOT_RISING

    def _room_code(self, order: Order) -> int:
        """Refuse in a full book whatever could come to rest, even if it would be filled at once."""
        full = len(self._live) >= self.terms.max_orders
        return Code.BOOK_FULL if full and _may_rest(order) else _OK

    def _post_only_code(self, order: Order) -> int:
        """Refuse a post-only order that would take, or with REPRICE move it one step away from the best opposite."""
        if not order.flags & _POST_ONLY or not self._crosses(order):
            return _OK
        if not order.flags & _REPRICE:
            return Code.POST_ONLY_WOULD_CROSS
        price_tick = self._opposite(order).best_price() - order.side * self.terms.step_tick
        if not self.terms.floor_tick <= price_tick <= self.terms.cap_tick:
            return Code.POST_ONLY_WOULD_CROSS
        order.price_tick = price_tick
        return _notional_code(price_tick, order.remaining_wh)

    def _fok_code(self, order: Order) -> int:
        """Refuse a fill-or-kill order that is not filled at once and in full."""
        if order.flags & _FOK and not self._can_fill(order):
            return Code.FOK_UNFILLABLE
        return _OK

    def _claim(self, name: int, owner: int) -> int:
        """Only a resting order can be cancelled or replaced, and only by its owner."""
        if name not in self._live:
            return Code.UNKNOWN_ORDER
        return _OK if self._live[name].owner == owner else Code.NOT_OWNER

    # --- matching

    def _crosses(self, order: Order) -> bool:
        """Say whether the best opposite order is at `order`'s limit or better."""
        opposite = self._opposite(order)
        return bool(opposite) and order.side * opposite.best_price() <= order.side * order.price_tick

    def _take(self, taker: Order) -> None:
        """Match with the best opposite order while the limits cross and something remains."""
        while taker.remaining_wh and self._crosses(taker):
            maker = self._opposite(taker).first()
            if self._is_self_trade(maker, taker):
                self._prevent(maker, taker)
            else:
                self._fill(maker, taker)

    def _fill(self, maker: Order, taker: Order) -> None:
        """Rule 2: trade what both have, at the maker's price."""
        quantity_wh = min(maker.remaining_wh, taker.remaining_wh)
        price = maker.price_tick
        self._fills.append((self._row, maker.product, maker.order, taker.order, price, quantity_wh))
        self._lessen(maker, _FILLED, price, quantity_wh)
        self._lessen(taker, _FILLED, price, quantity_wh)

    def _is_self_trade(self, maker: Order, taker: Order) -> bool:
        return self.terms.self_trade != "off" and maker.owner == taker.owner

    def _prevent(self, maker: Order, taker: Order) -> None:
        """Where an owner meets itself, take away: the taker's rest, the maker, both, or the smaller from both."""
        mode, price = self.terms.self_trade, maker.price_tick
        if mode == "decrement":
            smaller = min(maker.remaining_wh, taker.remaining_wh)
            self._lessen(maker, _PREVENTED, price, smaller)
            self._lessen(taker, _PREVENTED, price, smaller)
            return
        if mode in {"cancel-oldest", "cancel-both"}:
            self._lessen(maker, _PREVENTED, price, maker.remaining_wh)
        if mode in {"cancel-newest", "cancel-both"}:
            self._lessen(taker, _PREVENTED, price, taker.remaining_wh)

    def _can_fill(self, taker: Order) -> bool:
        """Count what a fill-or-kill order would be filled with, as the self-trade mode allows.

        An own order on the way is passed over if the mode removes it (cancel-oldest); in the other modes it
        would cost the taker quantity, so nothing behind it counts.
        """
        found_wh = 0
        for maker in self._opposite(taker):
            if found_wh >= taker.remaining_wh or taker.side * maker.price_tick > taker.side * taker.price_tick:
                break
            if not self._is_self_trade(maker, taker):
                found_wh += maker.remaining_wh
            elif self.terms.self_trade != "cancel-oldest":
                break
        return found_wh >= taker.remaining_wh

    def _rest_or_cancel(self, order: Order) -> None:
        """Rest what remains, last at its price; what never rests (immediate-or-cancel, market) is cancelled."""
        if not order.remaining_wh:
            return
        if _may_rest(order):
            self._side(order.product, order.side).append(order)
            self._live[order.order] = order
            self._resting_wh = order.remaining_wh
        else:
            self._lessen(order, _CANCELLED, order.price_tick, order.remaining_wh)

    def _keeps_priority(self, old: Order, new: Order) -> bool:
        """Say whether a replaced order keeps its place: at the same price, with no more quantity."""
        return new.price_tick == old.price_tick and new.remaining_wh <= old.remaining_wh

    # --- state and its record

    def _lessen(self, order: Order, event: int, price_tick: int, quantity_wh: int) -> None:
        """Take `quantity_wh` off an order, resting or not, and record why."""
        order.remaining_wh -= quantity_wh
        self._note(order, event, price_tick, quantity_wh)
        if not order.remaining_wh and self._live.get(order.order) is order:
            self._remove(order)

    def _withdraw(self, order: Order, event: int) -> None:
        self._lessen(order, event, order.price_tick, order.remaining_wh)

    def _note(self, order: Order, event: int, price_tick: int, quantity_wh: int) -> None:
        self._events.append((self._row, order.product, order.order, event, price_tick, quantity_wh, order.remaining_wh))

    def _remove(self, order: Order) -> None:
        del self._live[order.order]
        self._side(order.product, order.side).remove(order)

    def _side(self, product: int, side: int) -> Queues:
        queues = self._queues.get((product, side))
        if queues is None:
            queues = self._queues[product, side] = Queues(side)
        return queues

    def _opposite(self, order: Order) -> Queues:
        return self._side(order.product, -order.side)

    def _in_sequence(self, product: int) -> list[Order]:
        return [*self._side(product, BUY), *self._side(product, SELL)]

    def _products_in_use(self) -> list[int]:
        return sorted({product for product, _ in self._queues})

    # --- what Doors asks for

    def __len__(self) -> int:
        return len(self._live)

    @property
    def last_order(self) -> int:
        """Highest order id accepted so far, 0 before the first."""
        return self._last_order

    @property
    def resting_wh(self) -> int:
        """What rests of the last command's order [Wh]."""
        return self._resting_wh

    @property
    def fill_count(self) -> int:
        """Number of fills of the last command."""
        return len(self._fills)

    @property
    def event_count(self) -> int:
        """Number of events of the last command."""
        return len(self._events)

    @property
    def fill_rows(self) -> NDArray[np.int64]:
        """Fills of the last command, int64 of shape (fill_count, 6)."""
        return np.array(self._fills, dtype=np.int64).reshape(-1, len(FILL_COLUMNS))

    @property
    def event_rows(self) -> NDArray[np.int64]:
        """Events of the last command, int64 of shape (event_count, 7)."""
        return np.array(self._events, dtype=np.int64).reshape(-1, len(EVENT_COLUMNS))

    def best_bid(self, product: int = 0) -> int | None:
        """Highest bid [ticks], None without bids."""
        self._known(product)
        return self._best(product, BUY)

    def best_ask(self, product: int = 0) -> int | None:
        """Lowest ask [ticks], None without asks."""
        self._known(product)
        return self._best(product, SELL)

    def _best(self, product: int, side: int) -> int | None:
        queues = self._queues.get((product, side))
        return queues.best_price() if queues else None

    def _resting(self, first: int, last: int) -> NDArray[np.int64]:
        rows = [
            (order.product, order.side, order.order, order.owner, order.price_tick, order.remaining_wh, order.flags)
            for product in self._products_in_use()
            if first <= product < last
            for order in self._in_sequence(product)
        ]
        return np.array(rows, dtype=np.int64).reshape(-1, len(RESTING_COLUMNS))

    def _load(self, last_order: int, resting: NDArray[np.int64]) -> None:
        self._last_order = last_order
        for product, side, name, owner, price_tick, quantity_wh, flags in resting.tolist():
            order = Order(name, owner, side, price_tick, quantity_wh, product, flags)
            self._side(product, side).append(order)
            self._live[name] = order

    def check(self) -> None:
        """Assert all that must always hold."""
        terms = self.terms
        assert len(self._live) <= terms.max_orders
        assert sum(1 for queues in self._queues.values() for _ in queues) == len(self._live)
        for (product, side), queues in self._queues.items():
            assert 0 <= product < terms.products
            queues.check()
            assert all(order.product == product and order.side == side for order in queues)
            assert all(self._live[order.order] is order for order in queues)
        for order in self._live.values():
            assert 0 < order.order <= self._last_order
            assert 0 < order.remaining_wh <= MAX_QUANTITY_WH
            assert terms.floor_tick <= order.price_tick <= terms.cap_tick
            assert order.price_tick % terms.step_tick == 0
            assert _may_rest(order)
        for product in self._products_in_use():
            bid, ask = self._best(product, BUY), self._best(product, SELL)
            assert bid is None or ask is None or bid < ask


def _may_rest(order: Order) -> bool:
    return not order.flags & (_IOC | _FOK | _MARKET)


def _quantity_code(quantity_wh: int) -> int:
    """Refuse a quantity below one watt-hour or beyond the bound."""
    if quantity_wh <= 0:
        return Code.QUANTITY_NOT_POSITIVE
    return _OK if quantity_wh <= MAX_QUANTITY_WH else Code.QUANTITY_TOO_LARGE


def _flags_code(flags: int) -> int:
    """Refuse unknown flags, and flags that contradict each other: FOK with IOC, post-only with what only takes."""
    if flags & ~_ALL_FLAGS:
        return Code.UNKNOWN_FLAGS
    if flags & _FOK and flags & _IOC:
        return Code.CONFLICTING_FLAGS
    if flags & _POST_ONLY and flags & (_IOC | _FOK | _MARKET):
        return Code.CONFLICTING_FLAGS
    if flags & _REPRICE and not flags & _POST_ONLY:
        return Code.CONFLICTING_FLAGS
    return _OK


def _notional_code(price_tick: int, quantity_wh: int) -> int:
    """Refuse an order whose trade would not fit into a ledger entry."""
    return _OK if abs(price_tick) * quantity_wh <= NOTIONAL_MAX else Code.NOTIONAL_TOO_LARGE
