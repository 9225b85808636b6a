"""The frozen yardstick: the small order book that anyone would write in plain Python, written to be quick.

A sorted dict of price levels a side, a plain dict of orders a level, which keeps them in the order they came, and
a dict to find an order by its id. It reports what the engine's batch reports, so that both do the same work: the fills
of every command, whether it was refused, and in `events` what happened to every order. There are no checks but the
owner's, and no state to save.

Ratios are measured against this file, so it never changes: another yardstick gets another name, or old ratios would
mean something else.
"""

from __future__ import annotations

from typing import Final

from sortedcontainers import SortedDict

BUY: Final = 1
ACCEPTED, FILLED, CANCELLED, REPLACED = range(4)


class Order:
    """One order; its quantity is what is left of it."""

    __slots__ = ("order", "owner", "price", "product", "quantity", "side")

    def __init__(self, order: int, product: int, owner: int, side: int, price: int, quantity: int) -> None:
        self.order = order
        self.product = product
        self.owner = owner
        self.side = side
        self.price = price
        self.quantity = quantity


class MinimalBook:
    """Price-time priority for many products.

    A fill is the tuple (maker, taker, price, quantity); an event (order, event, price, quantity, remaining). Whoever
    reads the events clears them.
    """

    def __init__(self, products: int = 1) -> None:
        self.bids = [SortedDict() for _ in range(products)]
        self.asks = [SortedDict() for _ in range(products)]
        self.orders: dict[int, Order] = {}
        self.events: list[tuple[int, int, int, int, int]] = []

    def submit(
        self, order: int, product: int, owner: int, side: int, price: int, quantity: int, immediate: bool = False
    ) -> list[tuple[int, int, int, int]]:
        """Match an order at the makers' prices; what is left rests, or is gone when `immediate`."""
        taker = Order(order, product, owner, side, price, quantity)
        self.events.append((order, ACCEPTED, price, quantity, quantity))
        fills = self._match(taker)
        if taker.quantity:
            if immediate:
                self.events.append((order, CANCELLED, price, taker.quantity, 0))
            else:
                self._rest(taker)
        return fills

    def cancel(self, order: int, owner: int) -> bool:
        """Take an order out; False when the owner has none like it."""
        found = self.orders.get(order)
        if found is None or found.owner != owner:
            return False
        self._remove(found)
        self.events.append((order, CANCELLED, found.price, found.quantity, 0))
        return True

    def replace(self, order: int, owner: int, price: int, quantity: int) -> list[tuple[int, int, int, int]] | None:
        """Give an order another price and quantity, behind all others; None when the owner has none like it."""
        found = self.orders.get(order)
        if found is None or found.owner != owner:
            return None
        self._remove(found)
        self.events.append((order, REPLACED, price, quantity - found.quantity, quantity))
        found.price, found.quantity = price, quantity
        fills = self._match(found)
        if found.quantity:
            self._rest(found)
        return fills

    def _match(self, taker: Order) -> list[tuple[int, int, int, int]]:
        """Fill the taker from the best opposite levels, as far as its limit allows."""
        fills: list[tuple[int, int, int, int]] = []
        levels, best = (self.asks, 0) if taker.side == BUY else (self.bids, -1)
        levels = levels[taker.product]
        while taker.quantity and levels:
            price, queue = levels.peekitem(best)
            if (price - taker.price) * taker.side > 0:
                break
            while taker.quantity and queue:
                maker = next(iter(queue.values()))
                quantity = min(maker.quantity, taker.quantity)
                maker.quantity -= quantity
                taker.quantity -= quantity
                fills.append((maker.order, taker.order, price, quantity))
                self.events.append((maker.order, FILLED, price, quantity, maker.quantity))
                self.events.append((taker.order, FILLED, price, quantity, taker.quantity))
                if not maker.quantity:
                    del queue[maker.order], self.orders[maker.order]
            if not queue:
                del levels[price]
        return fills

    def _rest(self, order: Order) -> None:
        """Put an order at the end of its level."""
        levels = (self.bids if order.side == BUY else self.asks)[order.product]
        if order.price not in levels:
            levels[order.price] = {}
        levels[order.price][order.order] = order
        self.orders[order.order] = order

    def _remove(self, order: Order) -> None:
        """Take an order out of its level."""
        levels = (self.bids if order.side == BUY else self.asks)[order.product]
        queue = levels[order.price]
        del queue[order.order], self.orders[order.order]
        if not queue:
            del levels[order.price]

    def __len__(self) -> int:
        return len(self.orders)
