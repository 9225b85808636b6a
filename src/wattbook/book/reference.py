"""The rules of matching, told in plain Python: read first, changed first.

Owns the law of the book: who is served first, at which price, and what each kind of order may do. Knows no
clock, no money, no names, and nothing of the compiled book, which must agree with this one in every event.

1. **Priority.** The best price goes first; at one price the earliest order goes first.
2. **Price.** A match happens at the price of the order that was there before (the maker).
3. **Refusal.** A command that is refused changes nothing.

A product in its call phase collects orders instead; `reference_auction` tells how it is cleared.
"""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Final

import numpy as np
from sortedcontainers import SortedDict

from wattbook.book.doors import Doors, checked_commands
from wattbook.book.reference_auction import allocation, clearing_price, pairs
from wattbook.book.words import (
    BUY,
    EVENT_COLUMNS,
    FILL_COLUMNS,
    MAX_ORDERS,
    MAX_QUANTITY_WH,
    MAX_SLICES,
    NOTIONAL_MAX,
    RESTING_COLUMNS,
    SELL,
    Batch,
    Code,
    Event,
    Flag,
    Kind,
)
from wattbook.errors import ResourceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from wattbook.book.terms import State

# Plain ints: comparing enum members costs several times more, and this runs for every command.
_SUBMIT, _CANCEL, _REPLACE, _EXPIRE, _CANCEL_OWNER, _CALL, _UNCROSS = (int(kind) for kind in Kind)
_ACCEPTED, _FILLED, _CANCELLED, _REPLACED, _EXPIRED, _PREVENTED = (int(event) for event in Event)
_IOC, _FOK, _POST_ONLY, _MARKET, _REPRICE = (
    int(f) for f in (Flag.IOC, Flag.FOK, Flag.POST_ONLY, Flag.MARKET, Flag.REPRICE)
)
_NEVER_RESTS: Final = _IOC | _FOK | _MARKET
_ORDER_FLAGS: Final = _NEVER_RESTS | _POST_ONLY | _REPRICE
_PRO_RATA, _PAY_AS_BID = int(Flag.PRO_RATA), int(Flag.PAY_AS_BID)
_OK: Final = Code.OK


class Order:
    """One order: its terms, what remains of it, and, once it rests, how much of that others see."""

    __slots__ = (
        "display_wh", "expire_ms", "flags", "order", "owner",
        "price_tick", "product", "remaining_wh", "shown_wh", "side",
    )  # fmt: skip

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
        self.display_wh = self.expire_ms = self.shown_wh = 0

    def show_next_slice(self) -> None:
        """Show all that remains or, of an iceberg, at most its slice."""
        self.shown_wh = min(self.display_wh or self.remaining_wh, self.remaining_wh)


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
        for queue in self.levels():
            yield from queue

    def levels(self) -> Iterator[list[Order]]:
        """Queue of each price, best price first."""
        for queue in self._levels.values():
            yield list(queue.values())

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

    def put_last(self, order: Order) -> None:
        """Move `order` behind all others at its price."""
        queue = self._levels[-self._side * order.price_tick]
        queue[order.order] = queue.pop(order.order)

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
        lot_wh: int = 1,
    ) -> None:
        super().__init__(products, floor_tick, cap_tick, step_tick, self_trade, max_orders, lot_wh)
        self._last_order = 0
        self._live: dict[int, Order] = {}
        self._queues: dict[tuple[int, int], Queues] = {}
        self._in_call: set[int] = set()
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
        display_wh: int = 0,
        expire_ms: int = 0,
    ) -> int:
        """Carry out one command, see `Doors.step`."""
        self._row = 0
        self._fills, self._events = [], []
        return int(
            self._carry_out(
                kind, product, order, owner, side, price_tick, quantity_wh, int(flags), display_wh, expire_ms
            )
        )

    def process(
        self,
        commands: NDArray[np.int64],
        display_wh: NDArray[np.int64] | None = None,
        expire_ms: NDArray[np.int64] | None = None,
    ) -> Batch:
        """Carry out a batch of commands in order, see `Doors.process`."""
        try:
            rows, display_wh, expire_ms = checked_commands(commands, display_wh, expire_ms)
        except MemoryError as error:
            raise ResourceError("no memory for a copy of this batch: use smaller ones") from error
        self._fills, self._events = [], []
        codes = np.empty(len(rows), dtype=np.int64)
        resting_wh = np.empty(len(rows), dtype=np.int64)
        slices = repeat(0) if display_wh is None else iter(display_wh.tolist())
        until = repeat(0) if expire_ms is None else iter(expire_ms.tolist())
        for self._row, command in enumerate(rows.tolist()):
            whole = [*command, next(slices), next(until)]
            codes[self._row] = self._carry_out(*whole)
            resting_wh[self._row] = self._resting_wh
        batch = Batch(self.fill_rows, self.event_rows, codes, resting_wh)
        self._fills, self._events, self._resting_wh = [], [], 0
        return batch

    def _carry_out(
        self,
        kind: int,
        product: int,
        name: int,
        owner: int,
        side: int,
        price_tick: int,
        quantity_wh: int,
        flags: int,
        display_wh: int,
        expire_ms: int,
    ) -> int:
        self._resting_wh = 0
        if kind == _SUBMIT:
            order = Order(name, owner, side, price_tick, quantity_wh, product, flags)
            order.display_wh, order.expire_ms = display_wh, expire_ms
            return self._submit(order)
        if kind == _CANCEL:
            return self._cancel(name, owner)
        if kind == _REPLACE:
            return self._replace(name, owner, price_tick, quantity_wh)
        if kind == _CANCEL_OWNER:
            return self._cancel_owner(owner)
        if kind not in {_EXPIRE, _CALL, _UNCROSS}:
            return Code.UNKNOWN_KIND
        if not 0 <= product < self.terms.products:
            return Code.UNKNOWN_PRODUCT
        if kind == _EXPIRE:
            return self._expire(product, expire_ms)
        return self._call(product) if kind == _CALL else self._uncross(product, price_tick, flags)

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
        """Give a resting order a new limit and remaining quantity; everything else of it stays."""
        code = self._claim(name, owner)
        if code != _OK:
            return code
        old = self._live[name]
        new = Order(name, owner, old.side, price_tick, quantity_wh, old.product, old.flags)
        new.display_wh, new.expire_ms = old.display_wh, old.expire_ms
        code = (
            self._quantity_code(quantity_wh)
            or _slices_code(new)
            or self._price_code(price_tick, quantity_wh)
            or self._post_only_code(new)
        )
        if code != _OK:
            return code
        change = new.remaining_wh - old.remaining_wh
        if self._keeps_priority(old, new):
            old.remaining_wh = new.remaining_wh
            old.shown_wh = min(old.shown_wh, old.remaining_wh)  # what is hidden goes first
            self._resting_wh = new.remaining_wh
            self._note(old, _REPLACED, old.price_tick, change)
            return _OK
        self._remove(old)
        self._note(new, _REPLACED, new.price_tick, change)
        self._take(new)
        self._rest_or_cancel(new)
        return _OK

    def _expire(self, product: int, until_ms: int) -> int:
        """Take out a product's orders in sequence (bids, then asks, each in priority order): all, or what is due."""
        if until_ms < 0:
            return Code.BAD_EXPIRY
        for order in self._in_sequence(product):
            if not until_ms or 0 < order.expire_ms <= until_ms:
                self._withdraw(order, _EXPIRED)
        return _OK

    def _cancel_owner(self, owner: int) -> int:
        """Cancel an owner's orders in sequence: products ascending, bids then asks, in priority order."""
        for product in self._products_in_use():
            for order in self._in_sequence(product):
                if order.owner == owner:
                    self._withdraw(order, _CANCELLED)
        return _OK

    def _call(self, product: int) -> int:
        """Open the call phase: from now on orders rest without matching."""
        if product in self._in_call:
            return Code.WRONG_PHASE
        self._in_call.add(product)
        return _OK

    def _uncross(self, product: int, reference_tick: int, flags: int) -> int:
        """Clear the product by the rules of `reference_auction`; what remains trades continuously."""
        if flags & ~(_PRO_RATA | _PAY_AS_BID):
            return Code.UNKNOWN_FLAGS
        if product not in self._in_call:
            return Code.WRONG_PHASE
        self._in_call.remove(product)
        bids, asks = list(self._side(product, BUY)), list(self._side(product, SELL))
        price = clearing_price(bids, asks, self.terms, reference_tick)
        if price is None:
            return _OK
        demand_wh = sum(bid.remaining_wh for bid in bids if bid.price_tick >= price)
        supply_wh = sum(ask.remaining_wh for ask in asks if ask.price_tick <= price)
        volume_wh, lot_wh, pro_rata = min(demand_wh, supply_wh), self.terms.lot_wh, bool(flags & _PRO_RATA)
        filled_bids = allocation(bids, BUY, price, volume_wh, lot_wh, pro_rata=pro_rata)
        filled_asks = allocation(asks, SELL, price, volume_wh, lot_wh, pro_rata=pro_rata)
        for i, j, quantity_wh in pairs(filled_bids, filled_asks):
            maker, taker = sorted((bids[i], asks[j]), key=lambda order: (not order.flags & _POST_ONLY, order.order))
            self._fill(maker, taker, bids[i].price_tick if flags & _PAY_AS_BID else price, quantity_wh)
        return _OK

    # --- admission: the first reason for a refusal, or OK

    def _admission(self, order: Order) -> int:
        """Check a submit in the documented order; turns MARKET and REPRICE limits into the effective ones."""
        return (
            self._address_code(order)
            or self._quantity_code(order.remaining_wh)
            or _flags_code(order.flags)
            or self._display_code(order)
            or _expiry_code(order)
            or self._limit_code(order)
            or self._id_code(order)
            or self._phase_code(order)
            or self._room_code(order)
            or self._post_only_code(order)
            or self._fok_code(order)
        )

    def _address_code(self, order: Order) -> int:
        """Refuse an order that names no product of this book, or no side."""
        if not 0 <= order.product < self.terms.products:
            return Code.UNKNOWN_PRODUCT
        return _OK if order.side in {BUY, SELL} else Code.BAD_SIDE

    def _quantity_code(self, quantity_wh: int) -> int:
        """Refuse a quantity below one watt-hour, beyond the bound, or off the lot."""
        if quantity_wh <= 0:
            return Code.QUANTITY_NOT_POSITIVE
        if quantity_wh > MAX_QUANTITY_WH:
            return Code.QUANTITY_TOO_LARGE
        return Code.QUANTITY_OFF_LOT if quantity_wh % self.terms.lot_wh else _OK

    def _display_code(self, order: Order) -> int:
        """Refuse a slice that is no part of the order, or too small a part, or of an order that is never seen."""
        if not order.display_wh:
            return _OK
        fits = 0 < order.display_wh <= order.remaining_wh and order.display_wh % self.terms.lot_wh == 0
        return _slices_code(order) if fits and _may_rest(order) else Code.BAD_DISPLAY

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

    def _phase_code(self, order: Order) -> int:
        """Refuse in the call phase what cannot wait for the auction."""
        return Code.WRONG_PHASE if order.product in self._in_call and not _may_rest(order) else _OK

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
        if taker.product in self._in_call:
            self._meet_itself(taker)
            return
        while taker.remaining_wh and self._crosses(taker):
            maker = self._opposite(taker).first()
            if self._is_self_trade(maker, taker):
                self._prevent(maker, taker)
            else:
                self._fill(maker, taker, maker.price_tick, min(maker.shown_wh, taker.remaining_wh))

    def _meet_itself(self, taker: Order) -> None:
        """In the call phase an order takes nothing, but meets its owner's own orders where they cross."""
        for maker in list(self._opposite(taker)):
            if not taker.remaining_wh or taker.side * maker.price_tick > taker.side * taker.price_tick:
                break
            if self._is_self_trade(maker, taker):
                self._prevent(maker, taker)

    def _fill(self, maker: Order, taker: Order, price_tick: int, quantity_wh: int) -> None:
        """Trade; in the continuous phase what both have, at the maker's price (rule 2)."""
        self._fills.append((self._row, maker.product, maker.order, taker.order, price_tick, quantity_wh))
        self._lessen(maker, _FILLED, price_tick, quantity_wh)
        self._lessen(taker, _FILLED, price_tick, quantity_wh)

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

        An own order on the way is passed over if the mode removes it (cancel-oldest); in the other modes it would
        cost the taker quantity: of its price only what is shown before it counts, and nothing behind.
        """
        found_wh = 0
        for queue in self._opposite(taker).levels():
            if found_wh >= taker.remaining_wh or taker.side * queue[0].price_tick > taker.side * taker.price_tick:
                break
            own = [self._is_self_trade(maker, taker) for maker in queue]
            if any(own) and self.terms.self_trade != "cancel-oldest":
                found_wh += sum(maker.shown_wh for maker in queue[: own.index(True)])
                break
            found_wh += sum(maker.remaining_wh for maker, is_own in zip(queue, own, strict=True) if not is_own)
        return found_wh >= taker.remaining_wh

    def _rest_or_cancel(self, order: Order) -> None:
        """Rest what remains, last at its price; what never rests (immediate-or-cancel, market) is cancelled."""
        if not order.remaining_wh:
            return
        if _may_rest(order):
            order.show_next_slice()
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
        if self._live.get(order.order) is not order:
            return
        order.shown_wh -= quantity_wh
        if not order.remaining_wh:
            self._remove(order)
        elif order.shown_wh <= 0:
            order.show_next_slice()
            self._side(order.product, order.side).put_last(order)

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
        return self._best(self._known(product), BUY)

    def best_ask(self, product: int = 0) -> int | None:
        """Lowest ask [ticks], None without asks."""
        return self._best(self._known(product), SELL)

    def _best(self, product: int, side: int) -> int | None:
        queues = self._queues.get((product, side))
        return queues.best_price() if queues else None

    def is_calling(self, product: int = 0) -> bool:
        """Say whether a product is in its call phase."""
        return self._known(product) in self._in_call

    def _calling(self) -> list[int]:
        return sorted(self._in_call)

    def _resting(self, first: int, last: int) -> NDArray[np.int64]:
        rows = [
            (
                order.product, order.side, order.order, order.owner, order.price_tick, order.remaining_wh, order.flags,
                order.display_wh, order.shown_wh, order.expire_ms,
            )
            for product in self._products_in_use()
            if first <= product < last
            for order in self._in_sequence(product)
        ]  # fmt: skip
        return np.array(rows, dtype=np.int64).reshape(-1, len(RESTING_COLUMNS))

    def _load(self, state: State) -> None:
        self._last_order = state.last_order
        self._in_call = set(state.calling)
        for row in state.resting.tolist():
            product, side, name, owner, price_tick, quantity_wh, flags, display_wh, shown_wh, expire_ms = row
            order = Order(name, owner, side, price_tick, quantity_wh, product, flags)
            order.display_wh, order.shown_wh, order.expire_ms = display_wh, shown_wh, expire_ms
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
            assert order.remaining_wh % terms.lot_wh == 0
            assert 0 < order.shown_wh <= min(order.display_wh or order.remaining_wh, order.remaining_wh)
            assert order.display_wh or order.shown_wh == order.remaining_wh
            assert order.expire_ms >= 0
            assert _may_rest(order)
        for product in set(self._products_in_use()) - self._in_call:
            bid, ask = self._best(product, BUY), self._best(product, SELL)
            assert bid is None or ask is None or bid < ask


def _may_rest(order: Order) -> bool:
    return not order.flags & _NEVER_RESTS


def _slices_code(order: Order) -> int:
    """Refuse an iceberg of so many slices that one taker could meet them for ever."""
    too_many = order.display_wh and order.remaining_wh > MAX_SLICES * order.display_wh
    return Code.BAD_DISPLAY if too_many else _OK


def _expiry_code(order: Order) -> int:
    """Refuse a time before all times, and a time limit of an order that never waits."""
    return _OK if order.expire_ms == 0 or (order.expire_ms > 0 and _may_rest(order)) else Code.BAD_EXPIRY


def _flags_code(flags: int) -> int:
    """Refuse unknown flags, and flags that contradict each other: FOK with IOC, post-only with what only takes."""
    if flags & ~_ORDER_FLAGS:
        return Code.UNKNOWN_FLAGS
    if flags & _FOK and flags & _IOC:
        return Code.CONFLICTING_FLAGS
    if flags & _POST_ONLY and flags & _NEVER_RESTS:
        return Code.CONFLICTING_FLAGS
    if flags & _REPRICE and not flags & _POST_ONLY:
        return Code.CONFLICTING_FLAGS
    return _OK


def _notional_code(price_tick: int, quantity_wh: int) -> int:
    """Refuse an order whose trade would not fit into a ledger entry."""
    return _OK if abs(price_tick) * quantity_wh <= NOTIONAL_MAX else Code.NOTIONAL_TOO_LARGE
