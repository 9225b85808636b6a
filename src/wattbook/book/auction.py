"""The call auction of a list of orders: one moment, one clearing price.

Owns the checks of the orders, their priority and what an auction's answer looks like. It is a pure function: it
knows no book, keeps nothing, and has no self-trade rule. An owner's bid may be filled by the same owner's ask; who
does not want that leaves such orders out, as a book with a self-trade mode does when they enter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias, TypeGuard

import numpy as np

from wattbook.book.kernel_auction import (
    ORDER,
    QUANTITY,
    SIDE,
    TICK,
    Margin,
    allot,
    clearing_tick,
    crossing_wh,
    floors,
    pair,
)
from wattbook.book.words import BUY, FILL_COLUMNS, MAX_ORDERS, MAX_QUANTITY_WH, NOTIONAL_MAX, SELL, BookError
from wattbook.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Rows: TypeAlias = NDArray[np.int64]

ORDER_COLUMNS: Final = ("order", "owner", "side", "price_tick", "quantity_wh")
"""What a row of orders holds; the order of the rows is the priority in time."""

RULES: Final = ("uniform", "pay-as-bid")
RATIONINGS: Final = ("time", "pro-rata")
_INT64_MAX: Final = (1 << 63) - 1
_SHOWN: Final = 3
_MAKER, _TAKER, _PRICE, _FILLED = range(2, len(FILL_COLUMNS))


class Clearing(NamedTuple):
    """Result of a call auction.

    Attributes
    ----------
    price_tick : int or None
        Clearing price [ticks]; None when nothing crosses. Under pay-as-bid it says which orders are in the money,
        and the fills have prices of their own.
    quantity_wh : int
        What is traded [Wh].
    fills : ndarray of int64, shape (m, 6)
        `FILL_COLUMNS`; row and product 0; the maker is the order whose row comes first.
    """

    price_tick: int | None
    quantity_wh: int
    fills: NDArray[np.int64]


class AuctionError(BookError):
    """Orders or terms that cannot be auctioned. Holds every mistake found, not only the first."""

    code = "book-auction"

    def __init__(self, problems: list[str]) -> None:
        self.problems: tuple[str, ...] = tuple(problems)
        super().__init__("\n".join(self.problems))


def call_auction(
    orders: NDArray[np.int64],
    reference_tick: int | None = None,
    rule: Literal["uniform", "pay-as-bid"] = "uniform",
    *,
    rationing: Literal["time", "pro-rata"] = "time",
    lot_wh: int = 1,
) -> Clearing:
    """Clear bids and asks that were gathered over a while at one price.

    Every tick is a candidate. The price is the one with the most volume, then the least surplus, then what the
    market's pressure says (where all that still tie have excess demand the highest, where all have excess supply the
    lowest), then the nearest to the reference, then the lower one.

    Bids at the price or above and asks at the price or below are filled, best price first and earliest first at a
    price. Where one side has more than the other only the worst filled price of the longer side is rationed.
    The bids' shares are matched off against the asks' shares, each in priority order.

    An owner's orders fill each other like anybody's: there is no self-trade rule here.

    Parameters
    ----------
    orders : ndarray of int64, shape (n, 5)
        `ORDER_COLUMNS`, earliest first. Order ids differ; `side` is `BUY` or `SELL`; quantities are 1 ..
        `MAX_QUANTITY_WH` [Wh] in whole lots; |price| x quantity stays below 2**62.
    reference_tick : int or None
        Settles what still ties [ticks], last traded price or such; None takes the lower end.
    rule : str
        "uniform": all trade at the clearing price. "pay-as-bid": the same orders are filled, and each buyer pays its
        own limit, all of which the seller receives.
    rationing : str
        "time": the earlier first. "pro-rata": to each its quantity x available / total, rounded down to a lot; the
        lots that are then missing go, one each, to the largest remainders, the earlier first.
    lot_wh : int
        Quantities are multiples of it [Wh].

    Raises
    ------
    AuctionError
        With every mistake found.

    Examples
    --------
    >>> import numpy as np
    >>> from wattbook.book import BUY, SELL
    >>> from wattbook.book.auction import call_auction
    >>> orders = np.array([
    ...     (1, 70, BUY, 12_000, 500),
    ...     (2, 71, SELL, 9_000, 300),
    ...     (3, 72, SELL, 11_000, 400),
    ... ])
    >>> price_tick, quantity_wh, fills = call_auction(orders)
    >>> price_tick, quantity_wh
    (11000, 500)
    >>> fills[:, 2:].tolist()  # maker, taker, price, quantity
    [[1, 2, 11000, 300], [1, 3, 11000, 200]]
    """
    problems = [*_order_problems(orders, lot_wh), *_term_problems(reference_tick, rule, rationing, lot_wh)]
    if problems:
        raise AuctionError(problems)
    orders, lot_wh = np.asarray(orders), int(lot_wh)  # numpy's unsigned numbers would make floats of ours
    bid_rows, ask_rows = _crossing_rows(orders)
    if not len(bid_rows):
        return Clearing(None, 0, np.empty((0, len(FILL_COLUMNS)), np.int64))
    bids, asks = orders.take(bid_rows, axis=0), orders.take(ask_rows, axis=0)
    volume = crossing_wh(bids, asks)
    bought, bid_margin = _shares(bids, volume, rationing, lot_wh)
    sold, ask_margin = _shares(asks, volume, rationing, lot_wh)
    tick = clearing_tick(bid_margin, ask_margin, _inside(reference_tick), 1)
    pairs = np.empty((len(bids) + len(asks), 3), np.int64)
    bid, ask, quantity = pairs[: pair(bids, bought, asks, sold, pairs)].T
    fills = _fills(bids[bid, ORDER], asks[ask, ORDER], bid_rows[bid] < ask_rows[ask])
    fills[:, _PRICE] = tick if rule == "uniform" else bids[bid, TICK]
    fills[:, _FILLED] = quantity
    return Clearing(int(tick), int(volume), fills)


def _fills(bid: Rows, ask: Rows, bid_first: NDArray[np.bool_]) -> Rows:
    """Make rows of fills from pairs of order ids; price and quantity are still to be written."""
    fills = np.zeros((len(bid), len(FILL_COLUMNS)), np.int64)
    fills[:, _MAKER] = np.where(bid_first, bid, ask)
    fills[:, _TAKER] = np.where(bid_first, ask, bid)
    return fills


def _inside(reference_tick: int | None) -> int:
    """Price [ticks] inside int64 that stands for the reference: every limit lies between the bounds, too."""
    if reference_tick is None:
        return -NOTIONAL_MAX
    return max(-NOTIONAL_MAX, min(NOTIONAL_MAX, int(reference_tick)))


def _crossing_rows(orders: Rows) -> tuple[Rows, Rows]:
    """Rows of the bids that reach the lowest ask and of the asks that reach the highest bid, in priority order."""
    tick, is_bid = orders[:, TICK], orders[:, SIDE] == BUY
    bids, asks = np.flatnonzero(is_bid), np.flatnonzero(~is_bid)
    if not len(bids) or not len(asks):
        return bids[:0], asks[:0]
    highest, lowest = tick[bids].max(), tick[asks].min()
    if highest < lowest:
        return bids[:0], asks[:0]
    bids, asks = bids[tick[bids] >= lowest], asks[tick[asks] <= highest]
    return bids[_ranked(highest - tick[bids])], asks[_ranked(tick[asks] - lowest)]


def _ranked(distance: Rows) -> Rows:
    """Places by rising distance (0 or more), earlier ones first.

    Where distance and place fit into one number numbers are sorted, which is many times quicker than places.
    """
    count = len(distance)
    if distance.max() >= _INT64_MAX // count:
        return np.argsort(distance, kind="stable")
    return np.sort(distance * count + np.arange(count)) % count


def _shares(queue: Rows, volume_wh: int, rationing: str, lot_wh: int) -> tuple[Rows, Margin]:
    """Share the volume [Wh] among the orders of a queue, and tell where it ends."""
    filled = np.empty(len(queue), np.int64)
    margin = allot(queue, volume_wh, filled)
    if rationing == "pro-rata" and margin.filled_tick == margin.rest_tick:
        level = queue[:, TICK] == margin.filled_tick
        filled[level] = _pro_rata(queue[level, QUANTITY] // lot_wh, int(filled[level].sum()) // lot_wh) * lot_wh
    return filled, margin


def _pro_rata(quantity: Rows, available: int) -> Rows:
    """Share `available` lots in proportion to `quantity` [lots], of which there are more."""
    share, remainder = np.empty_like(quantity), np.empty_like(quantity)
    missing = floors(quantity, available, share, remainder)
    if missing:
        last = len(quantity) - missing
        least = np.partition(remainder, last)[last]
        above = remainder > least
        share[above] += 1
        share[np.flatnonzero(remainder == least)[: missing - np.count_nonzero(above)]] += 1
    return share


# --- what can be wrong


def _order_problems(orders: Rows, lot_wh: int) -> list[str]:
    columns = len(ORDER_COLUMNS)
    wanted = f"orders must be an int64 array of shape (n, {columns}), columns {', '.join(ORDER_COLUMNS)}"
    if not isinstance(orders, np.ndarray) or isinstance(orders, np.ma.MaskedArray):
        return [f"{wanted}; not a {type(orders).__name__}"]
    found = []
    if orders.dtype != np.int64:
        found.append(f"{wanted}; not of dtype {orders.dtype}: round and convert it first")
    if orders.ndim != 2 or orders.shape[1] != columns:
        found.append(f"{wanted}; not of shape {orders.shape}")
    elif len(orders) > MAX_ORDERS:
        found.append(f"{len(orders)} orders are more than {MAX_ORDERS}")
    return found or list(_row_problems(np.asarray(orders), int(lot_wh) if _is_lot(lot_wh) else 1))


def _row_problems(orders: Rows, lot_wh: int) -> Iterator[str]:
    order, _, side, tick, quantity = orders.T
    bound = NOTIONAL_MAX // np.maximum(quantity, 1)
    rules = (
        (f"side must be BUY ({BUY}) or SELL ({SELL})", side, (side != BUY) & (side != SELL)),
        ("quantity_wh must be positive", quantity, quantity <= 0),
        (f"quantity_wh must be at most {MAX_QUANTITY_WH}", quantity, quantity > MAX_QUANTITY_WH),
        (f"quantity_wh must be a multiple of lot_wh={lot_wh}", quantity, quantity % lot_wh != 0),
        ("|price_tick| x quantity_wh must be below 2**62", tick, (tick > bound) | (tick < -bound)),
        ("order ids must differ", order, _repeated(order)),
    )
    for text, column, wrong in rules:
        if wrong.any():
            rows = np.flatnonzero(wrong)
            shown = ", ".join(f"{column[row]} in row {row}" for row in rows[:_SHOWN])
            more = f" and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else ""
            yield f"{text}: not {shown}{more}"


def _repeated(order: Rows) -> NDArray[np.bool_]:
    """Mark the rows whose id an earlier row has."""
    repeated = np.zeros(len(order), bool)
    if (order[1:] > order[:-1]).all():
        return repeated
    ranked = np.sort(order)
    if (ranked[1:] == ranked[:-1]).any():
        repeated[:] = True
        repeated[np.unique(order, return_index=True)[1]] = False
    return repeated


def _term_problems(reference_tick: int | None, rule: str, rationing: str, lot_wh: int) -> Iterator[str]:
    if reference_tick is not None and not _is_whole(reference_tick):
        yield f"reference_tick={reference_tick!r} is not a whole number of ticks, nor None"
    for name, value, known in (("rule", rule, RULES), ("rationing", rationing, RATIONINGS)):
        if not isinstance(value, str) or value not in known:
            yield f"{name}={value!r} is not one of {', '.join(known)}{nearest(str(value), known)}"
    if not _is_lot(lot_wh):
        yield f"lot_wh={lot_wh!r} is not a whole number of 1 .. {MAX_QUANTITY_WH}"


def _is_lot(value: object) -> bool:
    return _is_whole(value) and 1 <= value <= MAX_QUANTITY_WH


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
