"""Best quantities of sellers that know the price of every total: of one, and where nobody changes its own any more.

Quantities and positions count steps; ``prices[total]`` is what the spot market answered when all together offered so
many steps. Nothing here knows how that price comes about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from numba import njit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

_FINER: Final = 4
"""Each look has places so many times closer than the one before, around the best of that, down to each step."""
_ROUNDS: Final = 1_000
"""Most answers of each seller to the others; they end after about ten, as each answer makes one common sum larger."""


@njit(cache=True, nogil=True)
def best_quantity(prices: Ints, rivals: int, held: int, cost_tick: int) -> int:
    """Find the quantity of most profit while rivals offer `rivals`; the smallest of equally good ones.

    Parameters
    ----------
    prices : (totals,) int64
        Price of each total [ticks]; the last one is the most that is offered.
    rivals, held : int
        What the others offer, and what this seller has sold forward [steps].
    cost_tick : int
        What a step costs, in the prices' unit.

    Returns
    -------
    int
        Quantity, at least 1 if nobody else offers: without any offer there is no price.
    """
    low, high = 0 if rivals > 0 else 1, len(prices) - 1 - rivals
    if high < low:
        return low
    step = 1
    while step * _FINER < high:
        step *= _FINER
    at = low
    while True:
        most = -(1 << 62)
        for quantity in range(low, high + 1, step):
            profit = prices[rivals + quantity] * (quantity - held) - cost_tick * quantity
            if profit > most:
                most, at = profit, quantity
        if step == 1:
            return at
        low, high = max(low, at - step), min(high, at + step)
        step //= _FINER


@njit(cache=True, nogil=True)
def settle_each(prices: Ints, held: Ints, cost_tick: Ints, offered: Ints) -> None:
    """Let sellers answer each other in turn until none changes its quantity, for each row of positions.

    Parameters
    ----------
    prices : (totals,)
    held : (m, n)
        What each of n sellers has sold forward [steps].
    cost_tick : (n,)
    offered : (m, n)
        Written; comes as zeros [steps].
    """
    for row in range(len(held)):
        for _ in range(_ROUNDS):
            moved = False
            for seller in range(held.shape[1]):
                rivals = offered[row].sum() - offered[row, seller]
                answer = best_quantity(prices, rivals, held[row, seller], cost_tick[seller])
                moved = moved or answer != offered[row, seller]
                offered[row, seller] = answer
            if not moved:
                break
