"""Admission: whether an order is one at all, whatever rests in the book.

Most orders are plain: `is_plain` finds that out by one look at all bounds together, as a look at each would cost more
than much of what follows. What is not plain, and may still be good, is looked at rule by rule in `admit_at`.
"""

# mypy: disable-error-code="no-any-return"
# An element of an array is Any to mypy, and every function here returns one.

from __future__ import annotations

from typing import Final

from numba import njit

from wattbook.book import words
from wattbook.book.kernel_columns import Rules, columns_at, rules_of
from wattbook.book.kernel_machine import inlined
from wattbook.book.words import BUY, MAX_QUANTITY_WH, MAX_SLICES, NOTIONAL_MAX, SELL

IOC: Final = int(words.Flag.IOC)
FOK: Final = int(words.Flag.FOK)
POST_ONLY: Final = int(words.Flag.POST_ONLY)
MARKET: Final = int(words.Flag.MARKET)
REPRICE: Final = int(words.Flag.REPRICE)
NEVER_RESTS: Final = IOC | FOK | MARKET
OK: Final = int(words.Code.OK)
UNKNOWN_PRODUCT: Final = int(words.Code.UNKNOWN_PRODUCT)
BAD_SIDE: Final = int(words.Code.BAD_SIDE)
QUANTITY_NOT_POSITIVE: Final = int(words.Code.QUANTITY_NOT_POSITIVE)
QUANTITY_TOO_LARGE: Final = int(words.Code.QUANTITY_TOO_LARGE)
QUANTITY_OFF_LOT: Final = int(words.Code.QUANTITY_OFF_LOT)
UNKNOWN_FLAGS: Final = int(words.Code.UNKNOWN_FLAGS)
CONFLICTING_FLAGS: Final = int(words.Code.CONFLICTING_FLAGS)
BAD_DISPLAY: Final = int(words.Code.BAD_DISPLAY)
BAD_EXPIRY: Final = int(words.Code.BAD_EXPIRY)
PRICE_OUTSIDE_BAND: Final = int(words.Code.PRICE_OUTSIDE_BAND)
PRICE_OFF_STEP: Final = int(words.Code.PRICE_OFF_STEP)
NOTIONAL_TOO_LARGE: Final = int(words.Code.NOTIONAL_TOO_LARGE)
FLAGS: Final = NEVER_RESTS | POST_ONLY | REPRICE
"""All flags that an order can have."""


def _conflict(flags: int) -> bool:
    """Say whether flags do not go together."""
    if flags & FOK and flags & IOC:
        return True
    if flags & POST_ONLY and flags & NEVER_RESTS:
        return True
    return flags & REPRICE != 0 and not flags & POST_ONLY


GOOD_FLAGS: Final = sum(1 << flags for flags in range(FLAGS + 1) if not _conflict(flags))
"""Bit f: the flags f go together. Which an order has nobody can foresee, so that a branch for each would be dear."""
PLAIN_FLAGS: Final = sum(1 << flags for flags in range(FLAGS + 1) if not _conflict(flags) and not flags & MARKET)
"""Likewise, with a price."""


# --- plain orders


@inlined
def is_odd(r: Rules, price: int, quantity: int) -> bool:
    """Say whether a price or a quantity may be out of bounds."""
    return bool((price < r.floor) | (price > r.cap) | (quantity < 1) | (quantity > r.plain))


@inlined
def is_plain(r: Rules, product: int, side: int, price: int, quantity: int, flags: int, extras: int) -> bool:
    """Say whether an order is good without a closer look; `extras` is 0 for one without slices and time."""
    unknown = (product < 0) | (product >= r.products)
    strange = ((side != BUY) & (side != SELL)) | (flags & ~FLAGS | extras != 0)
    return not (unknown | strange | is_odd(r, price, quantity) | (PLAIN_FLAGS >> (flags & FLAGS) & 1 == 0))


# --- rule by rule


@inlined
def _quantity_code(r: Rules, quantity: int) -> int:
    if quantity <= 0:
        return QUANTITY_NOT_POSITIVE
    if quantity > MAX_QUANTITY_WH:
        return QUANTITY_TOO_LARGE
    return QUANTITY_OFF_LOT if r.lot != 1 and quantity % r.lot != 0 else OK


@inlined
def _flags_code(flags: int) -> int:
    if flags & ~FLAGS:
        return UNKNOWN_FLAGS
    return OK if GOOD_FLAGS >> flags & 1 else CONFLICTING_FLAGS


@inlined
def _extras_code(r: Rules, quantity: int, flags: int, display: int, expire_ms: int) -> int:
    """Code of an iceberg's slice and of a time limit."""
    if display != 0:
        if display < 0 or display > quantity or flags & NEVER_RESTS or display % r.lot != 0:
            return BAD_DISPLAY
        if quantity > MAX_SLICES * display:
            return BAD_DISPLAY
    return BAD_EXPIRY if expire_ms < 0 or (expire_ms > 0 and flags & NEVER_RESTS) else OK


@inlined
def notional_code(r: Rules, price: int, quantity: int) -> int:
    """Divide rather than multiply: the product is what might not fit."""
    return OK if quantity <= r.safe or abs(price) <= NOTIONAL_MAX // quantity else NOTIONAL_TOO_LARGE


@inlined
def _price_code(r: Rules, price: int, quantity: int) -> int:
    if price < r.floor or price > r.cap:
        return PRICE_OUTSIDE_BAND
    if r.step != 1 and (price - r.floor) % r.step != 0:
        return PRICE_OFF_STEP
    return notional_code(r, price, quantity)


@njit(cache=True, nogil=True)
def admit_at(
    address: int, product: int, side: int, price: int, quantity: int, flags: int, display: int, expire_ms: int
) -> int:
    """Code of an order that is not plain."""
    r = rules_of(columns_at(address))
    if product < 0 or product >= r.products:
        return UNKNOWN_PRODUCT
    if side != BUY and side != SELL:
        return BAD_SIDE
    code = _quantity_code(r, quantity)
    if code == OK:
        code = _flags_code(flags)
    if code == OK:
        code = _extras_code(r, quantity, flags, display, expire_ms)
    if code == OK and not flags & MARKET:
        code = _price_code(r, price, quantity)
    return code


@njit(cache=True, nogil=True)
def amend_at(address: int, price: int, quantity: int, display: int) -> int:
    """Code of what an order is replaced by; `display` is that of the order."""
    r = rules_of(columns_at(address))
    code = _quantity_code(r, quantity)
    if code == OK and display != 0 and quantity > MAX_SLICES * display:
        code = BAD_DISPLAY
    return _price_code(r, price, quantity) if code == OK else code
