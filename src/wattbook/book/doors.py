"""The doors both books have: single orders, receipts, state as bytes.

Owns the checks of single values and of command arrays, and everything that can be told from `step`, its buffers
and the resting rows. Knows no matching, so `Book` and `ReferenceBook` cannot differ here.
"""

from __future__ import annotations

import hashlib
import operator
from abc import ABC, abstractmethod
from dataclasses import asdict
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn, Self

import numpy as np

from wattbook.book.terms import State, Terms, opened, sealed, state_bytes
from wattbook.book.words import (
    BUY,
    COMMAND_COLUMNS,
    FILL_COLUMNS,
    MAX_ORDERS,
    RESTING_COLUMNS,
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
NO_FILLS: Final = np.empty((0, len(FILL_COLUMNS)), dtype=np.int64)
NO_FILLS.flags.writeable = False
CODES: Final = tuple(Code)
_SIDE, _PRICE, _SHOWN = (RESTING_COLUMNS.index(name) for name in ("side", "price_tick", "shown_wh"))
_SUBMIT, _CANCEL, _REPLACE, _EXPIRE, _CANCEL_OWNER, _CALL, _UNCROSS = (int(kind) for kind in Kind)


class Commands(NamedTuple):
    """A checked batch: contiguous arrays of equal length."""

    rows: NDArray[np.int64]
    display_wh: NDArray[np.int64] | None
    expire_ms: NDArray[np.int64] | None


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
    lot_wh : int
        Quantities are multiples of it [Wh].

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
        lot_wh: int = 1,
    ) -> None:
        self.terms = Terms(products, floor_tick, cap_tick, step_tick, self_trade, max_orders, lot_wh)

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
        display_wh: int = 0,
        expire_ms: int = 0,
    ) -> int:
        """Carry out one command given as 64-bit ints and return its code: the raw door, nothing is checked before.

        `fill_rows` and `event_rows` then hold what happened (row column 0), and `resting_wh` what rests of the order,
        until the next command.
        """

    @abstractmethod
    def process(
        self,
        commands: NDArray[np.int64],
        display_wh: NDArray[np.int64] | None = None,
        expire_ms: NDArray[np.int64] | None = None,
    ) -> Batch:
        """Carry out a batch of commands in order.

        Parameters
        ----------
        commands : ndarray of int64, shape (n, 8)
            `COMMAND_COLUMNS`; read-only and strided arrays are welcome.
        display_wh : ndarray of int64, shape (n,), optional
            Iceberg slice of each SUBMIT [Wh], 0 for none; all 0 where not given.
        expire_ms : ndarray of int64, shape (n,), optional
            Until when a SUBMIT is good and up to when an EXPIRE takes out [ms], 0 for no limit; all 0 where not given.

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
        """Fills of the last command, int64 of shape (fill_count, 6)."""

    @property
    @abstractmethod
    def event_rows(self) -> NDArray[np.int64]:
        """Events of the last command, int64 of shape (event_count, 7)."""

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
    def is_calling(self, product: int = 0) -> bool:
        """Say whether a product is in its call phase."""

    @abstractmethod
    def _calling(self) -> list[int]:
        """Products in their call phase, ascending."""

    @abstractmethod
    def _resting(self, first: int, last: int) -> NDArray[np.int64]:
        """Resting orders of products first .. last - 1 in canonical order, int64 of shape (k, 10)."""

    @abstractmethod
    def _load(self, state: State) -> None:
        """Fill an empty book with a checked state."""

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
        expire_ms: int = 0,
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
            Iceberg slice that others see [Wh], at least a `MAX_SLICES`-th of the quantity; 0 shows the whole order.
        expire_ms : int
            Good until then [ms]: `expire` takes it out; 0 for no limit.
        """
        return self._receipt(
            _SUBMIT, product, order, owner, side, price_tick, quantity_wh, flags, display_wh, expire_ms
        )

    def cancel(self, order: int, owner: int) -> Receipt:
        """Cancel what rests of `owner`'s order."""
        return self._receipt(_CANCEL, 0, order, owner, 0, 0, 0, 0, 0, 0)

    def replace(self, order: int, owner: int, price_tick: int, quantity_wh: int) -> Receipt:
        """Give `owner`'s resting order a new limit [ticks] and remaining quantity [Wh]."""
        return self._receipt(_REPLACE, 0, order, owner, 0, price_tick, quantity_wh, 0, 0, 0)

    def expire(self, product: int, until_ms: int = 0) -> Receipt:
        """Take out the orders of one product, bids then asks in priority order; it stays open.

        Parameters
        ----------
        until_ms : int
            Only those that are good until then or earlier [ms]; 0 empties the product.
        """
        return self._receipt(_EXPIRE, product, 0, 0, 0, 0, 0, 0, 0, until_ms)

    def cancel_owner(self, owner: int) -> Receipt:
        """Cancel all orders of `owner`: products ascending, bids then asks, in priority order."""
        return self._receipt(_CANCEL_OWNER, 0, 0, owner, 0, 0, 0, 0, 0, 0)

    def call(self, product: int = 0) -> Receipt:
        """Open a product's call phase: orders rest without matching until `uncross`."""
        return self._receipt(_CALL, product, 0, 0, 0, 0, 0, 0, 0, 0)

    def uncross(self, product: int = 0, reference_tick: int | None = None, flags: int = 0) -> Receipt:
        """Clear a product in its call phase by one call auction and go back to continuous trading.

        Parameters
        ----------
        reference_tick : int, optional
            Decides between prices that are otherwise equal, the nearest wins [ticks]; None for the lowest.
        flags : int
            Sum of `Flag.PRO_RATA` and `Flag.PAY_AS_BID`.
        """
        reference = self.terms.floor_tick if reference_tick is None else reference_tick
        return self._receipt(_UNCROSS, product, 0, 0, 0, reference, 0, flags, 0, 0)

    def _receipt(self, *command: int) -> Receipt:
        if not all(map(is_int64, command)):
            return refused(Code.NOT_A_WHOLE_NUMBER)
        code = self.step(*map(operator.index, command))
        fills = self.fill_rows.copy()
        return Receipt(CODES[code], int(fills[:, -1].sum()), self.resting_wh, fills, 0, len(fills))

    # --- looking at the book

    def orders(self, product: int = 0) -> list[tuple[int, int, int, int, int]]:
        """Resting orders (order, owner, side, price_tick, quantity_wh): bids then asks, in priority order."""
        product = self._known(product)
        rows = self._resting(product, product + 1).tolist()
        return [(order, owner, side, price, quantity) for _, side, order, owner, price, quantity, *_ in rows]

    def depth(self, product: int, side: int, levels: int) -> list[tuple[int, int, int]]:
        """Best `levels` price levels of one side as (price_tick, quantity_wh, orders), best first.

        Icebergs count with what they show.
        """
        product, side = self._known(product), checked_side(side)
        if not is_int64(levels) or levels < 0:
            raise BookError(f"levels={levels!r} is not a number of levels, 0 or more")
        rows = self._resting(product, product + 1)
        totals: dict[int, tuple[int, int]] = {}
        for price, shown in rows[rows[:, _SIDE] == side][:, [_PRICE, _SHOWN]].tolist():
            total, count = totals.get(price, (0, 0))
            totals[price] = total + shown, count + 1
        return [(price, total, count) for price, (total, count) in totals.items()][:levels]

    def best(self, product: int, side: int) -> tuple[int, int] | None:
        """Best price of a side [ticks] and what is shown there [Wh], None when the side is empty."""
        levels = self.depth(product, side, 1)
        return levels[0][:2] if levels else None

    def _known(self, product: int) -> int:
        """Return a product as a plain int: in a narrow dtype its row would not fit."""
        if not is_int64(product) or not 0 <= operator.index(product) < self.terms.products:
            raise BookError(f"product={product!r} is not one of 0 .. {self.terms.products - 1}")
        return operator.index(product)

    # --- state as bytes

    def __copy__(self) -> Self:
        return type(self).restore(self.export())

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self.__copy__()

    def __reduce__(self) -> NoReturn:
        raise BookError("a book is not pickled: export() gives its state, restore() takes it")

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
        terms, found = opened(state)
        book = cls(**asdict(terms))
        book._load(found)
        return book

    def _state(self) -> bytes:
        held = State(self.last_order, self._calling(), self._resting(0, self.terms.products))
        return state_bytes(self.terms, held)


def checked_commands(
    commands: NDArray[np.int64], display_wh: NDArray[np.int64] | None, expire_ms: NDArray[np.int64] | None
) -> Commands:
    """Check a batch; arrays are copied only if they are not contiguous already."""
    columns = len(COMMAND_COLUMNS)
    rows = _checked("commands", commands, ("n", columns), f", columns {', '.join(COMMAND_COLUMNS)}")
    if display_wh is not None:
        display_wh = _checked("display_wh", display_wh, (len(rows),))
    if expire_ms is not None:
        expire_ms = _checked("expire_ms", expire_ms, (len(rows),))
    return Commands(rows, display_wh, expire_ms)


def _checked(name: str, array: NDArray[np.int64], shape: tuple[str | int, ...], more: str = "") -> NDArray[np.int64]:
    wanted = f"{name} must be an int64 array of shape ({', '.join(map(str, shape))}{',' * (len(shape) == 1)}){more}"
    if not isinstance(array, np.ndarray) or isinstance(array, np.ma.MaskedArray):
        raise CommandArrayError(f"{wanted}; not a {type(array).__name__}")
    array = np.asarray(array)  # a subclass may say of itself what it likes
    if array.dtype != np.int64:
        raise CommandArrayError(f"{wanted}; not of dtype {array.dtype}: round and convert it first")
    fits = array.ndim == len(shape) and all(want in {"n", have} for want, have in zip(shape, array.shape, strict=True))
    if not fits:
        raise CommandArrayError(f"{wanted}; not of shape {array.shape}")
    return np.ascontiguousarray(array)


def checked_side(side: int) -> int:
    """BUY or SELL as a plain int."""
    if not is_int64(side) or operator.index(side) not in {BUY, SELL}:
        raise BookError(f"side={side!r} is neither BUY ({BUY}) nor SELL ({SELL})")
    return operator.index(side)


def is_int64(value: object) -> bool:
    """Say whether `value` is a whole number of at most 64 bits."""
    if type(value) is not int:
        if isinstance(value, bool) or not hasattr(value, "__index__"):
            return False
        try:
            value = operator.index(value)
        except TypeError:  # an array of several numbers has the method, too
            return False
    return -_INT64_MAX - 1 <= value <= _INT64_MAX


def refused(code: Code) -> Receipt:
    """Answer to a command that changed nothing."""
    return Receipt(code, 0, 0, NO_FILLS, 0, 0)
