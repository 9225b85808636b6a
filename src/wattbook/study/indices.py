"""Indices of markets and of crowds, as the literature defines them: pure functions of figures."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

from wattbook.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence


def calvano_delta(profit: float, nash: float, monopoly: float) -> float | None:
    """Say how far profits lie from competition to collusion: (profit - nash) / (monopoly - nash).

    Parameters
    ----------
    profit, nash, monopoly : float
        Mean profit of the sellers, in the one-shot equilibrium, and in joint monopoly, in one unit.

    Returns
    -------
    float or None
        0 in the equilibrium, 1 in monopoly; below 0 and above 1 there is more of either. None where monopoly brings no
        more than the equilibrium.

    References
    ----------
    Calvano, Calzolari, Denicolo & Pastorello (2020), American Economic Review 110:3267-3297.

    >>> calvano_delta(30.0, 10.0, 50.0)
    0.5
    """
    return (profit - nash) / (monopoly - nash) if monopoly > nash else None


def lerner_index(price: Sequence[float], cost: Sequence[float], energy: Sequence[float]) -> float | None:
    """Compute the mean of (P - c)/P by energy, over prices above 0; None where nothing was sold at such a price.

    Parameters
    ----------
    price, cost, energy : (n,)
        Prices and marginal costs in one unit, and what was sold.

    >>> lerner_index([100.0, 50.0], [50.0, 50.0], [3.0, 1.0])
    0.375
    """
    rows = [(p, c, wh) for p, c, wh in zip(price, cost, energy, strict=True) if p > 0 and wh > 0]
    sold = math.fsum(wh for _, _, wh in rows)
    return math.fsum(wh * (p - c) / p for p, c, wh in rows) / sold if sold else None


def smith_alpha(price: Sequence[float], competitive: Sequence[float]) -> float | None:
    """Compute Smith's coefficient of convergence [%]: 100 s/P0, s the root of the mean squared distance from P0.

    Parameters
    ----------
    price, competitive : (n,)
        Prices, and the competitive price that each is set against; P0 is the mean of the latter.

    Returns
    -------
    float or None
        None without prices, or where P0 is not above 0.

    References
    ----------
    Smith (1962), Journal of Political Economy 70:111-137, where P0 is one price.

    >>> smith_alpha([103.0, 97.0], [100.0, 100.0])
    3.0
    """
    squares = [(p - c) ** 2 for p, c in zip(price, competitive, strict=True)]
    middle = math.fsum(competitive) / len(squares) if squares else 0.0
    return 100 * math.sqrt(math.fsum(squares) / len(squares)) / middle if middle > 0 else None


def pass_through(price: float, cost: float, price_after: float, cost_after: float) -> float:
    """Say how much of a change of cost a price takes on.

    Raises
    ------
    ConfigError
        If cost did not change.

    >>> pass_through(50.0, 40.0, 54.0, 48.0)
    0.5
    """
    if cost_after == cost:
        raise ConfigError(f"cost_after={cost_after} is the cost before: pass-through needs a change")
    return (price_after - price) / (cost_after - cost)


def sameness(choices: Sequence[Hashable]) -> float | None:
    """Give the share of pairs that chose the same: the unbiased index of Simpson.

    Returns
    -------
    float or None
        From 0 to 1; None of fewer than two.

    References
    ----------
    Simpson (1949), Nature 163:688.

    >>> sameness(["buy", "buy", "sell"])
    0.3333333333333333
    """
    counts = Counter(choices)
    return same_pairs(counts) / all_pairs(len(choices)) if len(choices) > 1 else None


def same_pairs(counts: Mapping[Any, int]) -> int:
    """Count the pairs of equal choices."""
    return sum(all_pairs(count) for count in counts.values())


def all_pairs(count: int) -> int:
    """Count the pairs among so many."""
    return count * (count - 1) // 2
