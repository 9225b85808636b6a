"""The terms of a book and the canonical bytes of its state.

Owns the checked settings both implementations share, and the one format of export, restore and fingerprint.
Knows no matching.

The format: the line ``wattbook-book 2``, one line of JSON (terms, last order id, products in their call phase, number
of orders, columns), the resting orders as little-endian int64 rows of `RESTING_COLUMNS`, and the SHA-256 of all that.
The fingerprint is that SHA-256, so two books with the same export have the same fingerprint and the other way round.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from wattbook.book.words import (
    BUY,
    MAX_ORDERS,
    MAX_PRODUCTS,
    MAX_QUANTITY_WH,
    MAX_SLICES,
    NOTIONAL_MAX,
    RESTING_COLUMNS,
    SELF_TRADE_MODES,
    SELL,
    Flag,
)
from wattbook.errors import ConfigError, CorruptError, nearest

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MAGIC: Final = b"wattbook-book 2\n"
_DIGEST_BYTES: Final = 32
_RESTING_FLAGS: Final = (int(Flag.GTC), int(Flag.POST_ONLY), int(Flag.POST_ONLY | Flag.REPRICE))


@dataclass(frozen=True, slots=True)
class Terms:
    """What a book is set up with.

    Parameters
    ----------
    products : int
        Products are numbered 0 .. products - 1.
    floor_tick, cap_tick : int
        Price band, both ends allowed [ticks]; on a step.
    step_tick : int
        Prices are multiples of it [ticks].
    self_trade : str
        One of `SELF_TRADE_MODES`.
    max_orders : int
        A book in which so many orders rest refuses every order that could rest.
    lot_wh : int
        Quantities are multiples of it [Wh].

    Raises
    ------
    ConfigError
        With every mistake found.
    """

    products: int
    floor_tick: int
    cap_tick: int
    step_tick: int
    self_trade: str
    max_orders: int
    lot_wh: int

    def __post_init__(self) -> None:
        problems = self._problems_alone()
        if not problems:
            # Numbers of a narrow dtype would be compared and divided in it.
            for name in ("products", "floor_tick", "cap_tick", "step_tick", "max_orders", "lot_wh"):
                object.__setattr__(self, name, int(getattr(self, name)))
            problems = self._problems_together()
        if problems:
            raise ConfigError(problems)

    @property
    def mode(self) -> int:
        """Number of the self-trade mode."""
        return SELF_TRADE_MODES.index(self.self_trade)

    def _problems_alone(self) -> list[str]:
        bounds = {
            "products": (1, MAX_PRODUCTS),
            "floor_tick": (-NOTIONAL_MAX, NOTIONAL_MAX),
            "cap_tick": (-NOTIONAL_MAX, NOTIONAL_MAX),
            "step_tick": (1, NOTIONAL_MAX),
            "max_orders": (1, MAX_ORDERS),
            "lot_wh": (1, MAX_QUANTITY_WH),
        }
        found = [
            text for name, (low, high) in bounds.items() if (text := _outside(name, getattr(self, name), low, high))
        ]
        if not isinstance(self.self_trade, str) or self.self_trade not in SELF_TRADE_MODES:
            hint = nearest(str(self.self_trade), SELF_TRADE_MODES)
            found.append(f"self_trade={self.self_trade!r} is not one of {', '.join(SELF_TRADE_MODES)}{hint}")
        return found

    def _problems_together(self) -> list[str]:
        found = []
        if self.floor_tick > self.cap_tick:
            found.append(f"floor_tick={self.floor_tick} is above cap_tick={self.cap_tick}: swap them")
        found += [
            f"{name}={value} is not a multiple of step_tick={self.step_tick}: move it onto a step"
            for name, value in (("floor_tick", self.floor_tick), ("cap_tick", self.cap_tick))
            if value % self.step_tick
        ]
        return found


def _outside(name: str, value: object, low: int, high: int) -> str:
    if isinstance(value, bool | np.timedelta64) or not isinstance(value, int | np.integer):
        return f"{name}={value!r} is not a whole number"
    return "" if low <= value <= high else f"{name}={value} is outside {low} .. {high}"


class State(NamedTuple):
    """What a book holds beside its terms.

    Attributes
    ----------
    last_order : int
        Highest accepted order id, 0 before the first.
    calling : list of int
        Products in their call phase, ascending.
    resting : ndarray of int64, shape (k, 10)
        `RESTING_COLUMNS` in canonical order.
    """

    last_order: int
    calling: list[int]
    resting: NDArray[np.int64]


def state_bytes(terms: Terms, state: State) -> bytes:
    """Canonical bytes of a book's state, without their digest."""
    head = {
        **asdict(terms),
        "last_order": state.last_order,
        "calling": state.calling,
        "orders": len(state.resting),
        "columns": RESTING_COLUMNS,
    }
    return _MAGIC + json.dumps(head, sort_keys=True).encode() + b"\n" + state.resting.astype("<i8").tobytes()


def sealed(state: bytes) -> bytes:
    """`state` with its digest behind it."""
    return state + hashlib.sha256(state).digest()


def opened(export: bytes) -> tuple[Terms, State]:
    """Terms and state of an export, every promise of the format checked.

    Raises
    ------
    CorruptError
        If these are not the bytes that an `export` of this version gave.
    """
    if not isinstance(export, bytes):
        raise CorruptError(f"a book's state is bytes, not {type(export).__name__}: give what export() returned")
    if not export.startswith(_MAGIC):
        raise CorruptError(f"no book state of this version: it begins with {export[:16]!r}, not {_MAGIC!r}")
    state, digest = export[:-_DIGEST_BYTES], export[-_DIGEST_BYTES:]
    if hashlib.sha256(state).digest() != digest:
        raise CorruptError("the book state's checksum does not match: bytes were lost or changed")
    line, _, body = state[len(_MAGIC) :].partition(b"\n")
    terms, last_order, calling, count = _read_head(line)
    if len(body) != count * len(RESTING_COLUMNS) * 8:
        raise CorruptError(f"the book state names {count} orders but holds {len(body)} bytes of them")
    resting = np.frombuffer(body, dtype="<i8").reshape(count, len(RESTING_COLUMNS)).astype(np.int64)
    found = State(last_order, calling, resting)
    problems = _resting_problems(terms, found)
    if problems:
        raise CorruptError(problems)
    return terms, found


def _read_head(line: bytes) -> tuple[Terms, int, list[int], int]:
    try:
        head: dict[str, Any] = json.loads(line)
        terms = Terms(**{field.name: head[field.name] for field in fields(Terms)})
        last_order, count, columns = head["last_order"], head["orders"], tuple(head["columns"])
        calling = list(head["calling"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CorruptError(f"the book state's head cannot be read: {error}") from error
    if columns != RESTING_COLUMNS or type(last_order) is not int or type(count) is not int:
        raise CorruptError("the book state's head names other columns or no whole numbers")
    if not 0 <= last_order < 1 << 63:
        raise CorruptError(f"last_order={last_order} is no order id")
    known = all(type(product) is int and 0 <= product < terms.products for product in calling)
    if not known or calling != sorted(set(calling)):
        raise CorruptError("the products in their call phase are not listed once each, ascending")
    return terms, last_order, calling, count


def _resting_problems(terms: Terms, state: State) -> list[str]:
    """Say which promise of the canonical state the rows break."""
    last_order, calling, resting = state
    product, side, order, _, price, quantity, flags, display, shown, expire_ms = (
        resting[:, column] for column in range(len(RESTING_COLUMNS))
    )
    rules = {
        "more orders than max_orders": len(resting) <= terms.max_orders,
        "an unknown product": ((product >= 0) & (product < terms.products)).all(),
        "a bad side": ((side == BUY) | (side == SELL)).all(),
        "an id above last_order": ((order > 0) & (order <= last_order)).all(),
        "an id twice": len(np.unique(order)) == len(order),
        "a price outside the band": ((price >= terms.floor_tick) & (price <= terms.cap_tick)).all(),
        "a price off the step": (price % terms.step_tick == 0).all(),
        "a quantity out of range": ((quantity > 0) & (quantity <= MAX_QUANTITY_WH)).all(),
        "a quantity off the lot": ((quantity % terms.lot_wh == 0) & (shown % terms.lot_wh == 0)).all(),
        "flags that do not rest": np.isin(flags, _RESTING_FLAGS).all(),
        "a slice out of range": ((display >= 0) & (display <= MAX_QUANTITY_WH) & (display % terms.lot_wh == 0)).all(),
        "an expiry below zero": (expire_ms >= 0).all(),
    }
    found = [f"the book state holds {text}" for text, holds in rules.items() if not holds]
    if found:
        return found
    if (np.abs(price) > NOTIONAL_MAX // quantity).any():
        found.append("the book state holds a notional out of range")
    iceberg = display > 0
    if (shown[~iceberg] != quantity[~iceberg]).any():
        found.append("the book state hides a part of an order that is no iceberg")
    most = np.minimum(display, quantity)[iceberg]
    if ((shown[iceberg] < 1) | (shown[iceberg] > most) | (quantity[iceberg] > MAX_SLICES * display[iceberg])).any():
        found.append("the book state holds an iceberg with a slice out of range")
    # Ties in (product, side, price) are in order of arrival, which the rows themselves define.
    ranks = np.lexsort((-side * price, -side, product))
    if not np.array_equal(ranks, np.arange(len(resting))):
        found.append("the book state is not in priority order")
    crossed = [product for product in _crossed_products(resting) if product not in calling]
    return found + [f"the book state is crossed in product {product}" for product in crossed]


def _crossed_products(resting: NDArray[np.int64]) -> list[int]:
    """Products whose best bid reaches their best ask; rows in canonical order."""
    best: dict[tuple[int, int], int] = {}
    for product, side, price in resting[:, [0, 1, 4]].tolist():
        best.setdefault((product, side), price)
    return [
        product
        for (product, side), price in best.items()
        if side == BUY and (product, SELL) in best and price >= best[product, SELL]
    ]
