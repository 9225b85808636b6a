"""Two ways of doing a thing under the same seeds: the mean difference, and whether chance alone would bring it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from wattbook.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

EXACT: Final = 16
"""Up to so many pairs every flip of signs is looked at."""
FLIPS: Final = 1 << 16
"""Beyond, so many are drawn, always the same ones."""
_SLACK: Final = 1e-9
"""Sums that differ by less are taken for equal, as a share of the largest."""


class Paired(NamedTuple):
    """What pairs of figures tell.

    Attributes
    ----------
    pairs : int
    mean, base_mean, difference : float
        `difference` is `mean - base_mean`.
    standard_error : float or None
        Of the difference; None of one pair.
    p_value : float
        Two-sided: how often random signs would give so large a mean difference. With n pairs never below 2 / 2**n.
    """

    pairs: int
    mean: float
    base_mean: float
    difference: float
    standard_error: float | None
    p_value: float


def paired(values: Sequence[float], base: Sequence[float]) -> Paired:
    """Set figures of the same seeds against each other, by a sign-flip test: no distribution is assumed.

    Parameters
    ----------
    values, base : (n,)
        One figure of each seed.

    Raises
    ------
    ConfigError
        If there are none, or not as many of both.

    References
    ----------
    Fisher (1935), The Design of Experiments, section 21.

    >>> paired([2.0, 3.0, 4.0], [1.0, 1.0, 1.0])
    Paired(pairs=3, mean=3.0, base_mean=1.0, difference=2.0, standard_error=0.5773502691896257, p_value=0.25)
    """
    if len(values) != len(base) or not values:
        raise ConfigError(f"{len(values)} values and {len(base)} of the base are no pairs: give one of each seed")
    differences = [value - other for value, other in zip(values, base, strict=True)]
    n = len(differences)
    mean = math.fsum(differences) / n
    error = None
    if n > 1:
        error = math.sqrt(math.fsum((each - mean) ** 2 for each in differences) / (n - 1) / n)
    return Paired(n, math.fsum(values) / n, math.fsum(base) / n, mean, error, _p_value(np.array(differences)))


def _p_value(differences: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    """Give the share of sign flips whose sum is at least as large as the one that was seen."""
    n = len(differences)
    if n <= EXACT:
        signs = 1 - 2 * (np.arange(1 << n)[:, None] >> np.arange(n) & 1)
        counted = 0
    else:
        signs = 1 - 2 * np.random.Generator(np.random.Philox(key=n)).integers(0, 2, (FLIPS, n))
        counted = 1  # what was seen is one flip, too
    sums = np.abs(signs @ differences)
    seen = abs(float(differences.sum()))
    large = int((sums >= seen - _SLACK * float(np.abs(differences).sum())).sum())
    return (large + counted) / (len(signs) + counted)
