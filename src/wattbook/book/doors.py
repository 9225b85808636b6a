"""The doors both books have: single orders, receipts, state as bytes.

Owns the checks of single values and of command arrays, and everything that can be told from `step`, its buffers
and the resting rows. Knows no matching, so `Book` and `ReferenceBook` cannot differ here.
"""

from __future__ import annotations

import hashlib
import operator
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from wattbook.book.terms import Terms, opened, sealed, state_bytes
from wattbook.book.words import (
    BUY,
    COMMAND_COLUMNS,
    FILL_COLUMNS,
    MAX_ORDERS,
    SELL,
    Batch,
    BookError,
    Code,
    CommandArrayError,
    Flag,
    Kind,
    Receipt,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

_INT64_MAX: Final = (1 << 63) - 1
_NO_FILLS: Final = np.empty((0, len(FILL_COLUMNS)), dtype=np.int64)
_NO_FILLS.flags.writeable = False
_CODES: Final = tuple(Code)
_SUBMIT, _CANCEL, _REPLACE, _EXPIRE, _CANCEL_OWNER = (int(kind) for kind in Kind)


class Doors(ABC):
    """A price-time continuous double auction over many products.

    Parameters
    ----------
    products : int
        Products are numbered 0 .. products - 1; each has its own bids and asks.
    floor_tick, cap_tick : int
        Price band, both ends allowed [ticks of 0.01 EUR/MWh]; may be negative; on a step.
    step_tick : int
        Prices are multiples of it [ticks].
    self_trade : str
        What happens when an owner would trade with itself, one of `SELF_TRADE_MODES`.
    max_orders : int
        A book in which so many orders rest refuses every order that could rest.

    Raises
    ------
    ConfigError
        With every mistake found.
    """

    def __init__(
        self,
        products: int = 1,
        floor_tick: int = -50_000,
        cap_tick: int = 400_000,
        step_tick: int = 1,
        self_trade: str = "off",
        max_orders: int = MAX_ORDERS,
    ) -> None:
        self.terms = Terms(products, floor_tick, cap_tick, step_tick, self_trade, max_orders)

    # --- what an implementation provides

    @abstractmethod
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
        """Carry out one command given as 64-bit ints and return its code.

        `fill_rows[:fill_count]` and `event_rows[:event_count]` then hold what happened (row column 0), and
        `resting_wh` what rests of the order; all are overwritten by the next command.
        """

    @abstractmethod
    def process(self, commands: NDArray[np.int64]) -> Batch:
        """Carry out a batch of commands in order.

        Parameters
        ----------
        commands : ndarray of int64, shape (n, 8)
            `COMMAND_COLUMNS`; read-only and strided arrays are welcome.

        Raises
        ------
        CommandArrayError
            If the array is of another kind; the book is as it was.
        ResourceError
            If there is no memory to grow: the commands before stand, their record is lost.
        """

    @property
    @abstractmethod
    def fill_count(self) -> int:
        """Number of fills of the last command."""

    @property
    @abstractmethod
    def event_count(self) -> int:
        """Number of events of the last command."""

    @property
    @abstractmethod
    def fill_rows(self) -> NDArray[np.int64]:
        """Buffer of fills, int64 of shape (at least fill_count, 6)."""

    @property
    @abstractmethod
    def event_rows(self) -> NDArray[np.int64]:
        """Buffer of events, int64 of shape (at least event_count, 7)."""

    @property
    @abstractmethod
    def resting_wh(self) -> int:
        """What rests of the last command's order [Wh]."""

    @property
    @abstractmethod
    def last_order(self) -> int:
        """Highest order id accepted so far, 0 before the first."""

    @abstractmethod
    def best_bid(self, product: int = 0) -> int | None:
        """Highest bid [ticks], None without bids."""

    @abstractmethod
    def best_ask(self, product: int = 0) -> int | None:
        """Lowest ask [ticks], None without asks."""

    @abstractmethod
    def check(self) -> None:
        """Assert all that must always hold."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def _resting(self, first: int, last: int) -> NDArray[np.int64]:
        """Resting orders of products first .. last - 1 in canonical order, int64 of shape (k, 7)."""

    @abstractmethod
    def _load(self, last_order: int, resting: NDArray[np.int64]) -> None:
        """Fill an empty book with checked resting orders in canonical order."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {len(self)} orders in {self.terms.products} products>"

    # --- single orders

    def submit(
        self,
        order: int,
        owner: int,
        side: int,
        price_tick: int,
        quantity_wh: int,
        product: int = 0,
        flags: int = Flag.GTC,
        display_wh: int = 0,
    ) -> Receipt:
        """Submit one order; never raises for a value, but answers with a code.

        Parameters
        ----------
        order : int
            Id of the caller's choice, from 1, above all accepted before.
        owner : int
            Who may cancel and replace it, and does not trade with itself where a self-trade mode is on.
        side : int
            `BUY` or `SELL`.
        price_tick : int
            Limit [ticks]; ignored for MARKET.
        quantity_wh : int
            Energy [Wh], 1 .. `MAX_QUANTITY_WH`.
        product : int
            0 .. products - 1.
        flags : int
            Sum of `Flag`.
        display_wh : int
            Iceberg slice [Wh]: only 0, the whole order, is on offer.
        """
        if not _is_int64(display_wh) or display_wh != 0:
            return _refused(Code.DISPLAY_UNSUPPORTED)
        return self._receipt(_SUBMIT, product, order, owner, side, price_tick, quantity_wh, flags)

    def cancel(self, order: int, owner: int) -> Receipt:
        """Cancel what rests of `owner`'s order."""
        return self._receipt(_CANCEL, 0, order, owner, 0, 0, 0, 0)

    def replace(self, order: int, owner: int, price_tick: int, quantity_wh: int) -> Receipt:
        """Give `owner`'s resting order a new limit [ticks] and remaining quantity [Wh]."""
        return self._receipt(_REPLACE, 0, order, owner, 0, price_tick, quantity_wh, 0)

    def expire(self, product: int) -> Receipt:
        """Empty one product, bids then asks in priority order; it stays open."""
        return self._receipt(_EXPIRE, product, 0, 0, 0, 0, 0, 0)

    def cancel_owner(self, owner: int) -> Receipt:
        """Cancel all orders of `owner`: products ascending, bids then asks, in priority order."""
        return self._receipt(_CANCEL_OWNER, 0, 0, owner, 0, 0, 0, 0)

    def _receipt(self, *command: int) -> Receipt:
        if not all(map(_is_int64, command)):
            return _refused(Code.NOT_A_WHOLE_NUMBER)
        code = self.step(*map(int, command))
        count = self.fill_count
        if not count:
            return Receipt(_CODES[code], 0, self.resting_wh, _NO_FILLS)
        fills = self.fill_rows[:count].copy()
        return Receipt(_CODES[code], int(fills[:, -1].sum()), self.resting_wh, fills)

    # --- looking at the book

    def orders(self, product: int = 0) -> list[tuple[int, int, int, int, int]]:
        """Resting orders (order, owner, side, price_tick, quantity_wh): bids then asks, in priority order."""
        self._known(product)
        rows = self._resting(product, product + 1).tolist()
        return [(order, owner, side, price, quantity) for _, side, order, owner, price, quantity, _ in rows]

    def depth(self, product: int, side: int, levels: int) -> list[tuple[int, int, int]]:
        """Best `levels` price levels of one side as (price_tick, quantity_wh, orders), best first."""
        if side not in {BUY, SELL}:
            raise BookError(f"side={side!r} is neither BUY ({BUY}) nor SELL ({SELL})")
        totals: dict[int, tuple[int, int]] = {}
        for _, _, its_side, price, quantity in self.orders(product):
            if its_side == side:
                total, count = totals.get(price, (0, 0))
                totals[price] = total + quantity, count + 1
        return [(price, total, count) for price, (total, count) in totals.items()][:levels]

    def best(self, product: int, side: int) -> tuple[int, int] | None:
        """Best price of a side [ticks] and what rests there [Wh], None when the side is empty."""
        levels = self.depth(product, side, 1)
        return levels[0][:2] if levels else None

    def _known(self, product: int) -> None:
        if not _is_int64(product) or not 0 <= product < self.terms.products:
            raise BookError(f"product={product!r} is not one of 0 .. {self.terms.products - 1}")

    # --- state as bytes

    def fingerprint(self) -> str:
        """SHA-256 [hex] of the canonical state, the same for both books."""
        return hashlib.sha256(self._state()).hexdigest()

    def export(self) -> bytes:
        """Canonical state with its checksum, for `restore` of either book."""
        return sealed(self._state())

    @classmethod
    def restore(cls, state: bytes) -> Self:
        """Make the book whose `export` gave `state`.

        Raises
        ------
        CorruptError
            If `state` is not what an export of this version gave.
        """
        terms, last_order, resting = opened(state)
        book = cls(
            terms.products, terms.floor_tick, terms.cap_tick, terms.step_tick, terms.self_trade, terms.max_orders
        )
        book._load(last_order, resting)
        return book

    def _state(self) -> bytes:
        return state_bytes(self.terms, self.last_order, self._resting(0, self.terms.products))


def checked_commands(commands: NDArray[np.int64]) -> NDArray[np.int64]:
    """`commands` as a contiguous array, copied only if it is not one already."""
    columns = len(COMMAND_COLUMNS)
    wanted = f"commands must be an int64 array of shape (n, {columns}), columns {', '.join(COMMAND_COLUMNS)}"
    if not isinstance(commands, np.ndarray):
        raise CommandArrayError(f"{wanted}; not a {type(commands).__name__}")
    if commands.dtype != np.int64:
        raise CommandArrayError(f"{wanted}; not of dtype {commands.dtype}: round and convert it first")
    if commands.ndim != 2 or commands.shape[1] != columns:
        raise CommandArrayError(f"{wanted}; not of shape {commands.shape}")
    return np.ascontiguousarray(commands)


def _is_int64(value: object) -> bool:
    if type(value) is not int:
        if isinstance(value, bool) or not hasattr(value, "__index__"):
            return False
        try:
            value = operator.index(value)
        except TypeError:  # an array of several numbers has the method, too
            return False
    return -_INT64_MAX - 1 <= value <= _INT64_MAX


def _refused(code: Code) -> Receipt:
    return Receipt(code, 0, 0, _NO_FILLS)
