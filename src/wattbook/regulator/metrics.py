"""Measures of market power, in whole numbers.

Shares are ppm, rounded half-even; tests compare the whole numbers themselves, so that a share that is exactly at its
threshold never depends on rounding.

References
----------
Residual supply index and pivotal tests: Sheffrin (2002), Predicting market power using the residual supply index,
California ISO; Twomey, Green, Neuhoff & Newbery (2005), A review of the monitoring of market power, Journal of Energy
Literature 11(2):3-54. Three-pivotal test: the form that PJM's tariff uses, all suppliers by their whole capacity.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wattbook.units import PPM, half_even

if TYPE_CHECKING:
    from collections.abc import Iterable

HHI_OF_ONE: Final = 10_000
"""Concentration of a monopoly."""
_ENDLESS_PPM: Final = 1_000_000 * PPM
"""The index where nothing is in demand."""


def residual_supply_ppm(supply_wh: int, own_wh: int, demand_wh: int) -> int:
    """Residual supply index of one supplier: what the others could give over what is in demand [ppm].

    Parameters
    ----------
    supply_wh : int
        What all could give, imports among it [Wh].
    own_wh : int
        What the supplier could give that it has not sold ahead.
    demand_wh : int

    >>> residual_supply_ppm(130_000, 80_000, 100_000)
    500000
    """
    return half_even((supply_wh - own_wh) * PPM, demand_wh) if demand_wh > 0 else _ENDLESS_PPM


def is_scarce_without(supply_wh: int, own_wh: int, demand_wh: int, threshold_ppm: int) -> bool:
    """Tell whether a supplier's residual supply index lies below a threshold; exactly at it, it does not."""
    return demand_wh > 0 and (supply_wh - own_wh) * PPM < threshold_ppm * demand_wh


def is_pivotal(supply_wh: int, own_wh: int, demand_wh: int) -> bool:
    """Tell whether demand cannot be met without a supplier."""
    return is_scarce_without(supply_wh, own_wh, demand_wh, PPM)


def three_pivotal_ppm(supply_wh: int, own_wh: int, others_wh: Iterable[int], demand_wh: int) -> int:
    """Residual supply without a supplier and the two largest of the others, over demand [ppm]; below 1 it fails.

    >>> three_pivotal_ppm(200, 50, [60, 40, 50], 100)
    400000
    """
    largest = sorted(others_wh, reverse=True)[:2]
    return residual_supply_ppm(supply_wh, own_wh + sum(largest), demand_wh)


def concentration(shares_wh: Iterable[int]) -> int:
    """Herfindahl-Hirschman index of what each supplier has or sells: 0 to 10,000.

    >>> concentration([80, 30, 20])
    4556
    """
    held = [share for share in shares_wh if share > 0]
    total = sum(held)
    return half_even(HHI_OF_ONE * sum(share * share for share in held), total * total) if total else 0


def lerner_ppm(price_tick: int, cost_tick: int) -> int:
    """Lerner index, the part of a price that lies above marginal cost [ppm]; 0 at a price of 0 or below.

    >>> lerner_ppm(20_000, 15_000)
    250000
    """
    return half_even((price_tick - cost_tick) * PPM, price_tick) if price_tick > 0 else 0


def mark_up_ppm(price_tick: int, reference_tick: int) -> int:
    """How far a price lies above a reference, as a share of that [ppm]; 0 where the reference is 0 or below.

    >>> mark_up_ppm(30_000, 20_000)
    500000
    """
    return half_even((price_tick - reference_tick) * PPM, reference_tick) if reference_tick > 0 else 0


def output_gap_ppm(economic_wh: int, sold_wh: int) -> int:
    """Part of what would have paid at the market's price that was not sold [ppm].

    >>> output_gap_ppm(100, 75)
    250000
    """
    return half_even(max(0, economic_wh - sold_wh) * PPM, economic_wh) if economic_wh > 0 else 0
