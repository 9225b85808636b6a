"""The book's vocabulary: columns, kinds, flags, codes, events, and the bounds that keep int64 safe.

Owns every name and number that a caller, the reference and the kernel must agree on. Knows no matching.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import TYPE_CHECKING, Final, NamedTuple

from wattbook.errors import WattbookError
from wattbook.units import MONEY_BOUND

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

COMMAND_COLUMNS: Final = ("kind", "product", "order", "owner", "side", "price_tick", "quantity_wh", "flags")
"""What a command row holds. CANCEL reads order and owner; REPLACE order, owner, price_tick, quantity_wh; EXPIRE and
CALL product; CANCEL_OWNER owner; UNCROSS product, price_tick (the reference price) and flags. Columns that a kind
does not read may hold anything. A wider batch adds display_wh and expire_ms: SUBMIT reads both, EXPIRE expire_ms."""

FILL_COLUMNS: Final = ("row", "product", "maker", "taker", "price_tick", "quantity_wh")
"""One row per match; `row` is the command's place in its batch. The price is the maker's. In a call auction it is the
clearing price or, pay-as-bid, the buyer's limit, and the maker is the post-only order, else the one of the lower id."""

EVENT_COLUMNS: Final = ("row", "product", "order", "event", "price_tick", "quantity_wh", "remaining_wh")
"""Everything that happened to any order, see `Event`."""

RESTING_COLUMNS: Final = (
    "product", "side", "order", "owner", "price_tick", "quantity_wh", "flags", "display_wh", "shown_wh", "expire_ms",
)  # fmt: skip
"""One resting order of the canonical state: products ascending, bids then asks, each in priority order; quantity_wh is
the whole rest, shown_wh what others see of it."""

BUY: Final = 1
SELL: Final = -1

SELF_TRADE_MODES: Final = ("off", "cancel-newest", "cancel-oldest", "cancel-both", "decrement")
"""What happens when an order meets a resting order of its own owner; the number of a mode is its place here."""

MAX_QUANTITY_WH: Final = 1 << 36
"""Largest quantity of one order: 68.7 GWh. With `MAX_ORDERS` it bounds the total of any price level by 2**62."""

MAX_ORDERS: Final = (1 << 26) - 1
"""Most orders that may rest in one book."""

MAX_PRODUCTS: Final = 1 << 24
"""Most products in one book."""

MAX_SLICES: Final = 1_000
"""An iceberg shows at least one part in so many of its quantity."""

NOTIONAL_MAX: Final = MONEY_BOUND - 1
"""Largest |price| x quantity of one order [1e-8 EUR]."""


class Kind(IntEnum):
    """What a command asks for.

    EXPIRE
        Empties a product, or with expire_ms > 0 takes out only the orders that are good until then or earlier. The
        product stays open.
    CALL
        Opens a product's call phase: orders rest without matching, and may cross, until UNCROSS.
    UNCROSS
        Clears a product's orders in one call auction and goes back to continuous trading.
    """

    SUBMIT = 0
    CANCEL = 1
    REPLACE = 2
    EXPIRE = 3
    CANCEL_OWNER = 4
    CALL = 5
    UNCROSS = 6


class Flag(IntFlag):
    """How an order wants to be treated; flags add up where they do not conflict.

    The last two belong to UNCROSS: at the margin ration by quantity instead of by time; let each buyer pay its own
    limit instead of the clearing price.
    """

    GTC = 0
    IOC = 1
    FOK = 2
    POST_ONLY = 4
    MARKET = 8
    REPRICE = 16
    PRO_RATA = 32
    PAY_AS_BID = 64


class Code(IntEnum):
    """Answer to a command: OK, or the one reason why it was refused. A refused command changes nothing.

    Where several reasons hold the first one in the order of the book's checks is given: for a SUBMIT unknown
    product, side, quantity (positive, bound, lot), flags, display, expiry, price (band, step, notional), id, phase,
    room, post-only, fill-or-kill; for a REPLACE order, owner, quantity, display, price, post-only; for an EXPIRE
    product, expiry; for an UNCROSS product, flags, phase.
    """

    OK = 0
    UNKNOWN_KIND = 1
    UNKNOWN_PRODUCT = 2
    BAD_SIDE = 3
    QUANTITY_NOT_POSITIVE = 4
    QUANTITY_TOO_LARGE = 5
    UNKNOWN_FLAGS = 6
    CONFLICTING_FLAGS = 7
    PRICE_OUTSIDE_BAND = 8
    PRICE_OFF_STEP = 9
    NOTIONAL_TOO_LARGE = 10
    ORDER_NOT_RISING = 11
    BOOK_FULL = 12
    POST_ONLY_WOULD_CROSS = 13
    FOK_UNFILLABLE = 14
    UNKNOWN_ORDER = 15
    NOT_OWNER = 16
    NOT_A_WHOLE_NUMBER = 17
    """A value that is no int of at most 64 bits; arises at the single-order doors only."""
    BAD_DISPLAY = 18
    """An iceberg slice below zero, above the quantity, off the lot, under a `MAX_SLICES`-th of the quantity, or of an
    order that never rests."""
    BAD_EXPIRY = 19
    """An expiry below zero, or of an order that never rests."""
    WRONG_PHASE = 20
    """CALL in the call phase, UNCROSS outside it, or in it an order that never rests."""
    QUANTITY_OFF_LOT = 21


class Event(IntEnum):
    """What happened to one order, with `quantity_wh` the size of it and `remaining_wh` what is left afterwards.

    ACCEPTED
        A submit was taken: price is its limit (the band's edge for MARKET, the resting price for REPRICE).
    FILLED
        One row for the maker, then one for the taker of every match, both at the fill's price.
    CANCELLED
        The whole rest went: by CANCEL, by CANCEL_OWNER, or because an IOC or MARKET order does not rest.
    REPLACED
        `quantity_wh` is the change of the remaining quantity (negative when it shrank, 0 when only the price
        moved), price and remaining are the new ones, before any fill that the new terms bring.
    EXPIRED
        The whole rest went by EXPIRE.
    PREVENTED
        The quantity went because an owner met itself, at the price of the resting order. cancel-newest: one
        row for the taker's rest. cancel-oldest: one row for the maker's rest. cancel-both: maker, then taker.
        decrement: maker, then taker, each by the smaller of both remaining quantities.
    """

    ACCEPTED = 0
    FILLED = 1
    CANCELLED = 2
    REPLACED = 3
    EXPIRED = 4
    PREVENTED = 5


class Receipt(NamedTuple):
    """Answer to one command given at a single-order door.

    Attributes
    ----------
    code : Code
    filled_wh : int
        What this command filled as a taker [Wh]; for UNCROSS the volume of the auction.
    resting_wh : int
        What rests of the order afterwards [Wh]; 0 for anything but an accepted SUBMIT or REPLACE.
    record : ndarray of int64, shape (any, 6)
        Rows first_fill .. past_fill - 1 are this command's.
    """

    code: Code
    filled_wh: int
    resting_wh: int
    record: NDArray[np.int64]
    first_fill: int
    past_fill: int

    @property
    def fills(self) -> NDArray[np.int64]:
        """Fills of this command, int64 of shape (m, 6): `FILL_COLUMNS`, row 0."""
        return self.record[self.first_fill : self.past_fill]

    def __repr__(self) -> str:
        fills = self.past_fill - self.first_fill
        return f"Receipt({self.code.name}, filled_wh={self.filled_wh}, resting_wh={self.resting_wh}, {fills} fills)"


class Batch(NamedTuple):
    """Answer to `process`.

    Attributes
    ----------
    fills : ndarray of int64, shape (m, 6)
        `FILL_COLUMNS`.
    events : ndarray of int64, shape (e, 7)
        `EVENT_COLUMNS`.
    codes : ndarray of int64, shape (n,)
        `Code` of each command.
    resting_wh : ndarray of int64, shape (n,)
        What rests of the order after its command [Wh]: SUBMIT and REPLACE when accepted; 0 for a refusal and
        for CANCEL, EXPIRE and CANCEL_OWNER.
    """

    fills: NDArray[np.int64]
    events: NDArray[np.int64]
    codes: NDArray[np.int64]
    resting_wh: NDArray[np.int64]


class BookError(WattbookError, ValueError):
    """Something given to a book that cannot be used; the book is as it was."""

    code = "book"


class CommandArrayError(BookError, TypeError):
    """An array for `process` that is not int64 of the shape it must have."""

    code = "book-commands"
