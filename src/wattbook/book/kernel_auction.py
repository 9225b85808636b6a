"""The call auction over int64 arrays and plain integers: volume, price, shares, pairs.

Owns the arithmetic of clearing. Its scalar functions (`muldiv`, `clearing_tick`, `nearest_tick`) know no arrays, so
that any other layout of the same orders can call them.

A queue is an int64 array of shape (k, 5), `ORDER_COLUMNS`, one side's orders in priority order: best price first,
earliest first at a price.

Nothing overflows while prices lie inside +-(2**62 - 1), a step is below 2**62 and a side's total is at most 2**62.
"""

# mypy: disable-error-code="no-any-return"
# An element of an array is Any to mypy, and most functions here return one.

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from numba import njit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ORDER, OWNER, SIDE, TICK, QUANTITY = range(5)
NOWHERE: Final = 1 << 62
"""Above every ask; its negative is below every bid: the price of what is not there."""
_LARGEST: Final = (1 << 63) - 1

inlined = njit(cache=True, nogil=True, forceinline=True)


class Margin(NamedTuple):
    """Where the volume ends on one side.

    Attributes
    ----------
    filled_tick : int
        Worst price that is filled.
    rest_tick : int
        Best price at which something is left over; -`NOWHERE` for bids and `NOWHERE` for asks without a rest.
    rest_wh : int
        What is left over there [Wh].
    next_tick : int
        The side's next price behind `rest_tick`, where there is one; otherwise as above.
    """

    filled_tick: int
    rest_tick: int
    rest_wh: int
    next_tick: int


@inlined
def muldiv(a: int, b: int, c: int) -> tuple[int, int]:
    """Quotient and remainder of a * b / c, exactly, although a * b may need 124 bits.

    Parameters
    ----------
    a, c : int
        0 <= a <= c <= 2**62, c > 0.
    b : int
        0 <= b <= 2**62. Where the product does not fit the work grows with its bits: give the smaller factor here.
    """
    if b == 0 or a <= _LARGEST // b:
        return a * b // c, a * b % c
    bit = 1
    while bit <= b >> 1:
        bit <<= 1
    quotient, remainder = 0, 0
    while bit:  # long division of a * b, one bit of b at a time; the remainder stays below c
        quotient, remainder = 2 * quotient, 2 * remainder
        if remainder >= c:
            quotient, remainder = quotient + 1, remainder - c
        if b & bit:
            remainder += a
            if remainder >= c:
                quotient, remainder = quotient + 1, remainder - c
        bit >>= 1
    return quotient, remainder


@inlined
def nearest_tick(low: int, high: int, reference_tick: int, step_tick: int) -> int:
    """Price nearest to the reference among low, low + step .. high; the lower of two."""
    if reference_tick <= low:
        return low
    if reference_tick >= high:
        return high
    below = low + (reference_tick - low) // step_tick * step_tick
    return below if reference_tick - below <= below + step_tick - reference_tick else below + step_tick


@inlined
def clearing_tick(bid: Margin, ask: Margin, reference_tick: int, step_tick: int) -> int:
    """Choose the clearing price of a crossed book.

    Of all prices on the step: most volume, then least surplus, then market pressure, then nearest to the
    reference, then the lower one.

    The most volume trades at every price from the worst filled ask to the worst filled bid. What is left over does
    not cross, so between the best bid and the best ask that are left nothing is in surplus. Where no such price
    is, the surplus is least at the best price left of one side or of the other, and at the prices behind it down to
    the next that is left.

    Parameters
    ----------
    bid, ask : Margin
        Where the most volume ends on either side; prices on the step.
    reference_tick : int
        Any price, on the step or not; the floor asks for the lower end of a tie.
    step_tick : int
        Prices are multiples of it, at least 1 [ticks].
    """
    low = max(ask.filled_tick, bid.rest_tick + step_tick)
    high = min(bid.filled_tick, ask.rest_tick - step_tick)
    if low > high:
        demanded = bid.rest_tick >= ask.filled_tick
        supplied = ask.rest_tick <= bid.filled_tick
        if not supplied or (demanded and bid.rest_wh < ask.rest_wh):
            return bid.rest_tick
        if not demanded or bid.rest_wh > ask.rest_wh:
            return ask.rest_tick
        low = max(ask.filled_tick, bid.next_tick + step_tick)
        high = min(bid.filled_tick, ask.next_tick - step_tick)
    return nearest_tick(low, high, reference_tick, step_tick)


@njit(cache=True, nogil=True)
def crossing_wh(bids: NDArray[np.int64], asks: NDArray[np.int64]) -> int:
    """Most that one price can trade [Wh]: matched off best against best while the prices cross.

    Parameters
    ----------
    bids, asks : ndarray of int64, shapes (b, 5) and (a, 5)
        Queues.
    """
    bought = sold = bid = ask = 0  # totals of the orders before `bid` and `ask`
    while bid < len(bids) and ask < len(asks) and bids[bid, TICK] >= asks[ask, TICK]:
        demand, supply = bought + bids[bid, QUANTITY], sold + asks[ask, QUANTITY]
        if demand <= supply:
            bought, bid = demand, bid + 1
        if supply <= demand:
            sold, ask = supply, ask + 1
    return max(bought, sold)


@njit(cache=True, nogil=True)
def allot(queue: NDArray[np.int64], volume_wh: int, filled: NDArray[np.int64]) -> Margin:
    """Give `volume_wh` to the orders of a queue in priority order.

    Parameters
    ----------
    queue : ndarray of int64, shape (k, 5)
        Worth more than nothing, and at least `volume_wh` in total.
    volume_wh : int
        Positive [Wh].
    filled : ndarray of int64, shape (k,)
        Written: what each order gets [Wh].
    """
    left, at = volume_wh, 0
    while left > 0:
        filled[at] = min(left, queue[at, QUANTITY])
        left -= filled[at]
        at += 1
    filled[at:] = 0
    filled_tick = queue[at - 1, TICK]
    if filled[at - 1] < queue[at - 1, QUANTITY]:
        at -= 1
    rest_tick = next_tick = -queue[0, SIDE] * NOWHERE
    rest_wh = 0
    if at < len(queue):
        rest_tick, rest_wh = queue[at, TICK], -filled[at]
    while at < len(queue) and queue[at, TICK] == rest_tick:
        rest_wh += queue[at, QUANTITY]
        at += 1
    if at < len(queue):
        next_tick = queue[at, TICK]
    return Margin(filled_tick, rest_tick, rest_wh, next_tick)


@njit(cache=True, nogil=True)
def floors(quantity: NDArray[np.int64], available: int, share: NDArray[np.int64], remainder: NDArray[np.int64]) -> int:
    """Give each its quantity x available / total, rounded down, and return how much is missing.

    Parameters
    ----------
    quantity : ndarray of int64, shape (m,)
        Lots, of which `available` are there.
    share, remainder : ndarray of int64, shape (m,)
        Written: the quotients and the remainders of the division.
    """
    total = 0
    for at in range(len(quantity)):
        total += quantity[at]
    missing = available
    for at in range(len(quantity)):
        share[at], remainder[at] = muldiv(available, quantity[at], total)
        missing -= share[at]
    return missing


@njit(cache=True, nogil=True)
def pair(
    bids: NDArray[np.int64], bought: NDArray[np.int64], asks: NDArray[np.int64], sold: NDArray[np.int64],
    pairs: NDArray[np.int64],
) -> int:  # fmt: skip
    """Match what was given to bids off against what was given to asks, each in priority order.

    Parameters
    ----------
    bids, asks : ndarray of int64, shapes (b, 5) and (a, 5)
        Queues.
    bought, sold : ndarray of int64, shapes (b,) and (a,)
        What each order gets, with equal totals [Wh]; used up.
    pairs : ndarray of int64, shape (b + a, 3)
        Written: place of the bid in its queue, place of the ask, quantity [Wh].

    Returns
    -------
    int
        Number of pairs.
    """
    bid = ask = count = 0
    while bid < len(bids) and ask < len(asks):
        quantity = min(bought[bid], sold[ask])
        if quantity:
            pairs[count, 0], pairs[count, 1], pairs[count, 2] = bid, ask, quantity
            count += 1
        bought[bid] -= quantity
        sold[ask] -= quantity
        if bought[bid] == 0:
            bid += 1
        elif sold[ask] == 0:
            ask += 1
    return count
