"""Who bears a defaulter's loss: each layer only after the one before is empty.

Pure arithmetic; knows no position and no price.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wattbook.contracts.sheet import split

if TYPE_CHECKING:
    from collections.abc import Sequence

    Shares = Sequence[tuple[int, int]]
    """(agent, money) [1e-8 EUR], agents ascending."""


class Layers(NamedTuple):
    """What each layer bears of a loss [1e-8 EUR]."""

    margin: int
    own_fund: int
    capital: int
    mutual: tuple[tuple[int, int], ...]
    gains: tuple[tuple[int, int], ...]


def waterfall(loss: int, margin: int, own_fund: int, capital: int, mutual: Shares, gains: Shares) -> Layers:
    """Lay a loss on the defaulter's margin, its fund, the house's capital, the others' funds, the gainers.

    Parameters
    ----------
    loss, margin, own_fund, capital : int
        At least 0 [1e-8 EUR].
    mutual : sequence of (agent, contribution)
        The others' default fund; shared pro rata, largest remainder, ties to the lower agent.
    gains : sequence of (agent, gain)
        What others were paid at the marks that the defaulter did not pay; a haircut pro rata takes it back. Together
        with the layers before they are never less than the loss.
    """
    rest = loss
    from_margin = min(rest, margin)
    rest -= from_margin
    from_fund = min(rest, own_fund)
    rest -= from_fund
    from_capital = min(rest, capital)
    rest -= from_capital
    from_mutual = _pro_rata(min(rest, sum(money for _, money in mutual)), mutual)
    rest -= sum(money for _, money in from_mutual)
    assert rest <= sum(money for _, money in gains), "a loss that nobody gained"
    return Layers(from_margin, from_fund, from_capital, from_mutual, _pro_rata(rest, gains))


def _pro_rata(amount: int, shares: Shares) -> tuple[tuple[int, int], ...]:
    parts = split(amount, [money for _, money in shares])
    return tuple((agent, part) for (agent, _), part in zip(shares, parts, strict=True) if part)
