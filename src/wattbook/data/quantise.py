"""Power over time becomes whole watt-hours per period, and nothing is lost on the way.

Owns the one rounding of series: the energy since the start of the series is rounded half-even to whole Wh at each
period's edge, and a period's energy is the difference of its two edges. So the sum over any stretch is within 1 Wh of
the exact one (two roundings of at most 1/2 Wh), the remainder is carried by construction, and a stretch cut out of the
year has the same numbers as within it. All of it is exact arithmetic on 64-bit whole numbers, with the ranges checked.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from wattbook.errors import ConfigError, DataError
from wattbook.units import MS_PER_HOUR, MS_PER_MINUTE

if TYPE_CHECKING:
    import numpy.typing as npt

MICRO: Final = 1_000_000
_BOUND: Final = 1 << 62


class Edges(NamedTuple):
    """What a cumulative series shows at the edges of periods: `values` (m+1,) in amount x unit, unit [ms]."""

    values: npt.NDArray[np.int64]
    unit_ms: int


def quantise(power_w: npt.ArrayLike, step_ms: int, out_period_ms: int) -> npt.NDArray[np.int64]:
    """Turn power into energy per period with carried remainder.

    Parameters
    ----------
    power_w : array_like (n,)
        Mean power of each step [W]. Whole numbers are taken exactly; floats are first rounded to the microwatt,
        which moves a year's energy by less than 0.005 Wh.
    step_ms, out_period_ms : int
        Length of a step and of a period [ms]: whole minutes, either may be the longer one.

    Returns
    -------
    numpy.ndarray (m,)
        Energy of each period [Wh], where m x out_period_ms = n x step_ms.

    Raises
    ------
    DataError
        If the power is not finite, not one-dimensional, or too large.
    ConfigError
        If the steps do not fill a whole number of periods.
    """
    power = np.asarray(power_w)
    if power.ndim != 1 or power.size == 0:
        raise DataError(f"power_w of shape {power.shape} is not a series: give one value per step")
    per_watt = 1
    if power.dtype.kind not in "iu":
        power, per_watt = _microwatt(power), MICRO
    cumulative = cumulate(power)
    length_ms = power.size * step_ms
    edges = at_edges(cumulative, step_ms, 0, length_ms, out_period_ms)
    return np.diff(ratio_half_even(edges.values, edges.unit_ms, MS_PER_HOUR * per_watt))


def cumulate(amounts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Give the running total (n+1,) of `amounts` (n,), starting at 0.

    Raises
    ------
    DataError
        If the total could leave 62 bits.
    """
    if float(np.abs(amounts.astype(np.float64)).sum()) >= _BOUND / 2:  # half: a float sum is a few bits off
        raise DataError(f"series of {amounts.size} values is too large to add up exactly in 62 bits")
    total = np.zeros(amounts.size + 1, dtype=np.int64)
    np.cumsum(amounts, out=total[1:])
    return total


def at_edges(cumulative: npt.NDArray[np.int64], step_ms: int, from_ms: int, to_ms: int, period_ms: int) -> Edges:
    """Read a running total at the edges of periods, with constant power inside a step.

    Parameters
    ----------
    cumulative : numpy.ndarray (n+1,)
        Running total at the edges of the n steps.
    step_ms : int
        Length of a step [ms].
    from_ms, to_ms : int
        Horizon, counted from the start of the series [ms].
    period_ms : int
        Length of a period [ms].
    """
    unit_ms = math.gcd(step_ms, period_ms, from_ms)
    if unit_ms < MS_PER_MINUTE or unit_ms % MS_PER_MINUTE:
        raise ConfigError(f"period_ms={period_ms} and start do not lie on whole minutes of the series: choose them so")
    if period_ms <= 0 or to_ms <= from_ms or (to_ms - from_ms) % period_ms:
        raise ConfigError(
            f"horizon of {to_ms - from_ms} ms is not a positive whole number of periods of {period_ms} ms"
        )
    assert from_ms >= 0, "the caller checks the horizon"
    assert to_ms <= (cumulative.size - 1) * step_ms, "the caller checks the horizon"
    index, inside_ms = np.divmod(np.arange(from_ms, to_ms + 1, period_ms, dtype=np.int64), step_ms)
    here = cumulative[index]
    finer = step_ms // unit_ms
    if finer == 1:
        return Edges(here, unit_ms)
    if int(np.abs(cumulative).max()) * finer >= _BOUND:
        raise DataError(f"series is too large to be split into steps of {unit_ms} ms exactly")
    ahead = cumulative[np.minimum(index + 1, cumulative.size - 1)] - here
    return Edges(here * finer + ahead * (inside_ms // unit_ms), unit_ms)


def ratio_half_even(values: npt.NDArray[np.int64], numerator: int, denominator: int) -> npt.NDArray[np.int64]:
    """Compute values x numerator / denominator (n,), exactly, rounded half to even.

    Splitting each value into quotient and rest keeps the products within 62 bits where values x numerator would not.

    Raises
    ------
    DataError
        If a product could leave 62 bits all the same.
    """
    common = math.gcd(numerator, denominator)
    num, den = numerator // common, denominator // common
    whole, rest = np.divmod(values, den)
    largest = int(np.abs(whole).max(initial=0))
    if abs(num) * den >= _BOUND or abs(num) * (largest + 1) >= _BOUND:
        raise DataError(
            f"series times {numerator}/{denominator} is too large for exact arithmetic: use a smaller rating"
        )
    more, rest = np.divmod(rest * num, den)
    rounded: npt.NDArray[np.int64] = whole * num + more
    rounded += (2 * rest > den) | ((2 * rest == den) & (rounded & 1 == 1))
    return rounded


def _microwatt(power_w: npt.NDArray[np.generic]) -> npt.NDArray[np.int64]:
    """Whole microwatts (n,) of a float series [W]."""
    if power_w.dtype.kind != "f":
        raise DataError(f"power_w of type {power_w.dtype} is not a series of numbers")
    micro = np.rint(power_w.astype(np.float64) * MICRO)
    if not np.isfinite(micro).all() or np.abs(micro).max() >= float(_BOUND):
        raise DataError("power_w holds NaN, infinity, or a value beyond 62 bits of microwatts")
    return micro.astype(np.int64)
