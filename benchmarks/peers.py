"""Other order books from the package index, each behind the same door as ours.

Every adapter does the least that its book allows: rows are prepared outside the clock, the loop is written out, a
replace is a cancel and a new order, an IOC order is a limit order whose rest is cancelled, and several products are
several books unless a book knows products itself. What a book tells of its fills is read.

The streams name side and product in every row, so that nobody has to look them up.
"""

from __future__ import annotations

import datetime as dt
from contextlib import suppress
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final

from wattbook.book import BUY

from .contenders import CANCEL, IOC, SUBMIT, Contender, RowTaker, Told

if TYPE_CHECKING:
    from collections.abc import Callable


class LimitOrderBook(RowTaker):
    """limit-order-book (C++ behind ctypes): tells no fills, so its volume is taken from what rests, see `audit`."""

    def __init__(self, products: int) -> None:
        book = import_module("limit_order_book").LimitOrderBook
        self.books = [book() for _ in range(products)]

    def carry_out(self, prepared: list[list[int]]) -> Told:
        """Call for each command."""
        books = self.books
        for kind, product, order, _, side, price, quantity, flags in prepared:
            book = books[product]
            if kind != SUBMIT:
                book.cancel(order)
                if kind == CANCEL:
                    continue
            if side == BUY:
                book.limit_buy(order, quantity, price)
            else:
                book.limit_sell(order, quantity, price)
            if flags == IOC and book.has(order):
                book.cancel(order)
        return Told(None, None)

    def audit(self, prepared: list[list[int]]) -> Told:
        """Carry the commands out with a look at the resting volume around each, which tells what was traded."""
        traded_wh = 0
        for row in prepared:
            book, kind, quantity = self.books[row[1]], row[0], row[6]
            if kind == CANCEL:
                self.carry_out([row])
                continue
            if kind != SUBMIT:
                book.cancel(row[2])
            before = book.volume()
            self.carry_out([[SUBMIT, *row[1:7], 0]])
            traded_wh += (before + quantity - book.volume()) // 2
            if row[7] == IOC and book.has(row[2]):
                book.cancel(row[2])
        return Told(None, traded_wh)


class OrderlyChaos(RowTaker):
    """orderly-chaos (C++ behind ctypes): tells the filled quantity of each order."""

    def __init__(self, products: int) -> None:
        library = import_module("orderly_chaos")
        self.buy, self.sell = library.Side.BUY, library.Side.SELL
        self.books = [library.LimitOrderBook() for _ in range(products)]

    def carry_out(self, prepared: list[list[int]]) -> Told:
        """Call for each command and sum what it filled."""
        books, buy, sell, traded_wh = self.books, self.buy, self.sell, 0
        for kind, product, order, _, side, price, quantity, flags in prepared:
            book = books[product]
            if kind != SUBMIT:
                book.cancel(order)
                if kind == CANCEL:
                    continue
            filled = book.limit(buy if side == BUY else sell, order, quantity, price)
            traded_wh += filled
            if flags == IOC and filled < quantity:
                book.cancel(order)
        return Told(None, traded_wh)


class Litebook(RowTaker):
    """litebook (Rust): gives orders its own ids, tells a list of fills."""

    def __init__(self, products: int) -> None:
        library = import_module("litebook")
        self.buy, self.sell = library.OrderType.Buy, library.OrderType.Sell
        self.books = [library.OrderBook(tick_size=1.0) for _ in range(products)]
        self.ids: dict[int, str] = {}

    def carry_out(self, prepared: list[list[int]]) -> Told:
        """Call for each command and sum its fills."""
        books, ids, buy, sell, traded_wh, count = self.books, self.ids, self.buy, self.sell, 0.0, 0
        for kind, product, order, _, side, price, quantity, flags in prepared:
            book = books[product]
            if kind != SUBMIT:
                book.cancel(ids.pop(order))
                if kind == CANCEL:
                    continue
            made = book.create_order(buy if side == BUY else sell, price, quantity)
            fills = book.add(made)
            filled = sum([fill.quantity for fill in fills])
            traded_wh += filled
            count += len(fills)
            if flags != IOC:
                ids[order] = made.id
            elif filled < quantity:
                book.cancel(made.id)
        return Told(count, round(traded_wh))


class Pyorderbook(RowTaker):
    """pyorderbook (Python): gives orders its own ids, tells a blotter of trades; knows products."""

    def __init__(self, products: int) -> None:
        library = import_module("pyorderbook")
        self.book, self.bid, self.ask = library.Book(), library.bid, library.ask
        self.symbols = [str(product) for product in range(products)]
        self.orders: dict[int, Any] = {}

    def carry_out(self, prepared: list[list[int]]) -> Told:
        """Call for each command and sum its trades."""
        match, cancel, bid, ask, symbols, orders = (
            self.book.match, self.book.cancel, self.bid, self.ask, self.symbols, self.orders,
        )  # fmt: skip
        traded_wh = count = 0
        for kind, product, order, _, side, price, quantity, flags in prepared:
            if kind != SUBMIT:
                cancel(orders.pop(order))
                if kind == CANCEL:
                    continue
            made = (bid if side == BUY else ask)(symbols[product], price, quantity)
            trades = match(made).trades
            for trade in trades:
                traded_wh += trade.fill_quantity
            count += len(trades)
            if flags != IOC:
                orders[order] = made
            elif made.quantity:
                cancel(made)
        return Told(count, traded_wh)


class LightMatchingEngine(RowTaker):
    """lightmatchingengine (Python): gives orders its own ids, tells a list of trades; knows products."""

    def __init__(self, products: int) -> None:
        self.engine = import_module("lightmatchingengine.lightmatchingengine").LightMatchingEngine()
        self.products = products
        self.ids: dict[int, int] = {}

    def carry_out(self, prepared: list[list[int]]) -> Told:
        """Call for each command and sum its trades; the taker's own are sums of the makers'."""
        add, cancel, ids, traded_wh, count = self.engine.add_order, self.engine.cancel_order, self.ids, 0, 0
        for kind, product, order, _, side, price, quantity, flags in prepared:
            if kind != SUBMIT:
                cancel(ids.pop(order), product)
                if kind == CANCEL:
                    continue
            made, trades = add(product, price, quantity, 1 if side == BUY else 2)
            traded_wh += made.cum_qty
            for trade in trades:
                count += trade.order_id != made.order_id
            if flags != IOC:
                ids[order] = made.order_id
            elif made.leaves_qty:
                cancel(made.order_id, product)
        return Told(count, traded_wh)


class CythonOrderbook(RowTaker):
    """cython-orderbook (Cython): gives orders its own ids, keeps a log of trades, which is read and emptied."""

    def __init__(self, products: int) -> None:
        library = import_module("cython_orderbook")
        self.order, self.bid, self.ask = library.Order, library.OrderSide.BID, library.OrderSide.ASK
        self.books = [library.OrderBook() for _ in range(products)]
        self.ids: dict[int, str] = {}

    def carry_out(self, prepared: list[list[int]]) -> Told:
        """Call for each command, and sum the logs at the end."""
        books, ids, new, bid, ask = self.books, self.ids, self.order, self.bid, self.ask
        for kind, product, order, _, side, price, quantity, flags in prepared:
            book = books[product]
            if kind != SUBMIT:
                book.cancel_order(ids.pop(order))
                if kind == CANCEL:
                    continue
            made = new(bid if side == BUY else ask, quantity, price)
            book.add_limit_order(made)
            if flags != IOC:
                ids[order] = made.order_id
            elif made.remaining_quantity:
                book.cancel_order(made.order_id)
        logs = [book.trade_log for book in books]
        told = Told(sum(map(len, logs)), sum(trade.quantity_filled for log in logs for trade in log))
        for log in logs:
            log.clear()
        return told


class OrderMatching(RowTaker):
    """order-matching (Python): takes one order at a time and matches it; its log is switched off."""

    def __init__(self, products: int) -> None:
        import_module("loguru").logger.disable("order_matching")
        engine = import_module("order_matching.matching_engine").MatchingEngine
        self.engines = [engine(seed=1) for _ in range(products)]
        self.new = import_module("order_matching.order").LimitOrder
        self.several = import_module("order_matching.orders").Orders
        sides = import_module("order_matching.enums").Side
        self.buy, self.sell = sides.BUY, sides.SELL

    def carry_out(self, prepared: list[list[int]]) -> Told:
        """Place and match each order, and sum its trades."""
        engines, new, several, buy, sell = self.engines, self.new, self.several, self.buy, self.sell
        now, traded_wh, count = dt.datetime(2026, 1, 1, tzinfo=None), 0.0, 0  # noqa: DTZ001  # its last day is naive
        for kind, product, order, owner, side, price, quantity, flags in prepared:
            engine = engines[product]
            if kind != SUBMIT:
                engine.cancel_order(str(order))
                if kind == CANCEL:
                    continue
            made = new(
                side=buy if side == BUY else sell, price=price, size=quantity, timestamp=now, order_id=str(order),
                trader_id=str(owner),
            )  # fmt: skip
            engine.place(several([made]))
            trades = engine.match(now).trades
            traded_wh += sum(trade.size for trade in trades)
            count += len(trades)
            if flags == IOC and made.size:
                engine.cancel_order(str(order))
        return Told(count, round(traded_wh))


MAKERS: Final[dict[str, Callable[[int], Contender]]] = {
    "limit-order-book": LimitOrderBook,
    "orderly-chaos": OrderlyChaos,
    "litebook": Litebook,
    "cython-orderbook": CythonOrderbook,
    "lightmatchingengine": LightMatchingEngine,
    "pyorderbook": Pyorderbook,
    "order-matching": OrderMatching,
}
MOST: Final[dict[str, int]] = {
    "limit-order-book": 500_000,
    "orderly-chaos": 500_000,
    "litebook": 500_000,
    "cython-orderbook": 200_000,
    "lightmatchingengine": 200_000,
    "pyorderbook": 200_000,
    "order-matching": 2_000,
}
"""Most messages a book is given: as many as take about a second, but for the last one."""

MOST_DEEP: Final[dict[str, int]] = {"lightmatchingengine": 50_000, "order-matching": 0}
"""The same for the deep stream, where some search their levels or orders one by one; 0: not even the opening."""


def most_messages(name: str, stream: str, messages: int) -> int:
    """How many of the messages of `stream` the peer called `name` is given."""
    most = MOST | (MOST_DEEP if stream == "deep" else {})
    return min(most.get(name, messages), messages)


def versions() -> dict[str, str]:
    """Version of each peer, of those that are installed."""
    found = {}
    for name in MAKERS:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
