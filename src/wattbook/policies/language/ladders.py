"""What the levels and shares of an answer mean: prices on a ladder, parts of a quantity, steps of a mark-up.

A model may name a rung, never a price: whatever it says lies between the two ends that it was shown. Everything is
whole numbers, and every rounding is said once, here.
"""

from __future__ import annotations

from typing import Final

from wattbook.messages import NO_PRICE
from wattbook.units import PPM, TICKS_PER_EUR_PER_MWH, half_even

LEVELS: Final = tuple(range(11))
"""Rungs of a ladder; the last one is its high end."""
SHARES: Final = (0, 25, 50, 75, 100)
"""Parts of a quantity [%]."""
MARK_UPS: Final = (0, 5, 10, 20, 30, 50, 75, 100, 150, 200, 300)
"""By level, what a producer asks beyond its marginal cost, as a share of that [%]."""
PREMIUMS: Final = (0, 1, 2, 3, 4, 5, 7, 10, 15, 20, 30)
"""By level, what a utility pays for guarantees of origin beyond the price of the energy [EUR/MWh]."""
CEILINGS: Final = (-20, -10, -5, 0, 3, 5, 8, 10, 15, 25, 50)
"""By level, what a utility pays at most beyond the expected price, as a share of that [%]."""
STRENGTHS: Final = (25, 50, 75, 100)
"""How much of what the rules allow a regulator takes [%]."""
DURATIONS: Final = (1, 3, 7, 14, 30)
"""How long its measures last [days]."""
_TOP: Final = LEVELS[-1]


def price_at(level: int, low_tick: int, high_tick: int, step_tick: int = 1) -> int:
    """Give the price of a rung, on the step and never outside both ends; `NO_PRICE` where no step lies between them.

    Ends off the step are drawn inwards; the rungs between them lie evenly, half-even to the step.

    >>> [price_at(level, 8_000, 16_000) for level in (0, 5, 10)]
    [8000, 12000, 16000]
    >>> [price_at(level, 8_001, 8_035, step_tick=10) for level in (0, 5, 10)]
    [8010, 8020, 8030]
    """
    low, high = -(-low_tick // step_tick), high_tick // step_tick
    if low > high:
        return NO_PRICE
    return (low + half_even((high - low) * level, _TOP)) * step_tick


def part_of(quantity_wh: int, share: int) -> int:
    """Give a share [%] of a quantity, rounded up, so that a part of something is something; 0 of 0 or less.

    >>> part_of(1_001, 50), part_of(1, 25), part_of(-7, 100)
    (501, 1, 0)
    """
    return -(-max(quantity_wh, 0) * share // 100)


def ppm_of(percent: int) -> int:
    """Give a percentage in parts per million."""
    return percent * (PPM // 100)


def mark_up_ppm(level: int) -> int:
    """Give the mark-up of a producer's level.

    >>> mark_up_ppm(3)
    200000
    """
    return ppm_of(MARK_UPS[level])


def premium_tick(level: int) -> int:
    """Give what a utility's level pays for guarantees.

    >>> premium_tick(5)
    500
    """
    return PREMIUMS[level] * TICKS_PER_EUR_PER_MWH


def ceiling_ppm(level: int) -> int:
    """Give what a utility's level pays at most beyond the expected price.

    >>> ceiling_ppm(0), ceiling_ppm(3)
    (-200000, 0)
    """
    return ppm_of(CEILINGS[level])
