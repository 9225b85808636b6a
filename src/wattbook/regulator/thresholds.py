"""Numbers that many rules set their thresholds by."""

from __future__ import annotations

from typing import Final

from wattbook.units import PPM

ENDLESS: Final = 1 << 60
"""Above any price, energy and count: as a threshold nobody reaches it."""


def allowance_tick(price_tick: int, least_tick: int, share_ppm: int, most_tick: int) -> int:
    """Give max(least, min(share x |price|, most)), the share rounded down."""
    return max(least_tick, min(abs(price_tick) * share_ppm // PPM, most_tick))
