"""How much of an expected need should be covered ahead of delivery, and how much bid for the day ahead.

Pure functions of whole numbers: shares in ppm, energies in Wh, times in ms, prices in ticks. Owns no decision of
whom to buy from, or at what price.

References
----------
Ederington (1979), Journal of Finance 34:157-170, for the ratio of least variance: Cov(dS, dF) / Var(dF). We bound it
to 0 .. 100 %: nobody here sells what it needs, or covers more than it needs. Pinson, Chevallier & Kariniotakis
(2007), IEEE Transactions on Power Systems 22:1148-1156, for the share of a forecast's distribution that a group sells
under two imbalance prices.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from wattbook.errors import ConfigError, nearest
from wattbook.policies.orders import NORMAL_QUANTILE_MILLI
from wattbook.units import MS_PER_DAY, PPM, half_even

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

HEDGE_RULES: Final = ("none", "fixed", "ladder", "minimum-variance")
LADDER: Final = ((3 * MS_PER_DAY, 300_000), (MS_PER_DAY, 600_000), (0, 900_000))
"""30 % from three days before delivery back, 60 % from one day on, 90 % in the last: an assumption of calibration."""
_MILLI: Final = 1_000


@dataclass(frozen=True, slots=True)
class Hedge:
    """Which part of an expected need is to be covered by contracts by now.

    Parameters
    ----------
    rule : str
        "none", "fixed", "ladder" or "minimum-variance".
    share_ppm : int
        The share of "fixed"; of "minimum-variance" the one to take while price changes tell nothing [ppm].
    steps : tuple of (int, int)
        Of "ladder": time left to delivery [ms] from which on the share [ppm] holds, longest first, the last from 0 on.

    Raises
    ------
    ConfigError
        With every mistake found.
    """

    rule: str = "none"
    share_ppm: int = 0
    steps: tuple[tuple[int, int], ...] = LADDER

    def __post_init__(self) -> None:
        found = []
        if self.rule not in HEDGE_RULES:
            hint = nearest(str(self.rule), HEDGE_RULES)
            found.append(f"hedge rule={self.rule!r} is unknown{hint}: choose from {', '.join(HEDGE_RULES)}")
        if type(self.share_ppm) is not int or not 0 <= self.share_ppm <= PPM:
            found.append(f"hedge share_ppm={self.share_ppm!r} is outside 0 .. {PPM}: for 60 % write 600_000")
        found += _problems_of_steps(self.steps)
        if found:
            raise ConfigError(found)

    def shares_ppm(self, left_ms: Ints, past_tick: Sequence[Sequence[tuple[int, int]]] = ()) -> Ints:
        """Give the share of each period's need that should be covered by now [ppm].

        Parameters
        ----------
        left_ms : (n,)
            Time until each period is delivered.
        past_tick : sequence of sequence of (int, int)
            Spot price and mark at each past mark, one history for each future.
        """
        match self.rule:
            case "ladder":
                return ladder_ppm(left_ms, self.steps)
            case "fixed":
                share = self.share_ppm
            case "minimum-variance":
                share = minimum_variance_ppm(*price_changes(past_tick), self.share_ppm)
            case _:
                share = 0
        return np.full(len(left_ms), share, np.int64)


def ladder_ppm(left_ms: Ints, steps: Sequence[tuple[int, int]] = LADDER) -> Ints:
    """Give the share of the step that each period stands on [ppm].

    >>> day = 86_400_000
    >>> ladder_ppm(np.array([5 * day, 3 * day, 3 * day - 1, day - 1, 0])).tolist()
    [300000, 300000, 600000, 900000, 900000]
    """
    starts = np.array([start_ms for start_ms, _ in steps], np.int64)
    shares = np.array([share for _, share in steps], np.int64)
    # Steps go down in time; what is already being delivered stands on the last one.
    passed = (np.asarray(left_ms, np.int64)[:, None] < starts[None, :]).sum(axis=1)
    stood_on: Ints = shares[np.minimum(passed, len(shares) - 1)]
    return stood_on


def minimum_variance_ppm(spot_change_tick: Sequence[int], mark_change_tick: Sequence[int], without_ppm: int) -> int:
    """Give the hedge ratio of least variance, Cov(dS, dF) / Var(dF), half-even and bounded to 0 .. 100 % [ppm].

    Parameters
    ----------
    spot_change_tick, mark_change_tick : (m,)
        Changes of the spot price and of the future's mark between the same two moments.
    without_ppm : int
        What to take where the marks do not vary, or fewer than two changes are known.

    >>> minimum_variance_ppm([1, -1, 3, 1], [2, -2, 4, 0], 0)
    600000
    """
    pairs = [(int(s), int(f)) for s, f in zip(spot_change_tick, mark_change_tick, strict=True)]
    count, of_spot, of_mark = len(pairs), sum(s for s, _ in pairs), sum(f for _, f in pairs)
    variance = count * sum(f * f for _, f in pairs) - of_mark * of_mark
    if variance == 0:
        return without_ppm
    covariance = count * sum(s * f for s, f in pairs) - of_spot * of_mark
    return min(max(half_even(covariance * PPM, variance), 0), PPM)


def price_changes(past_tick: Iterable[Sequence[tuple[int, int]]]) -> tuple[list[int], list[int]]:
    """Give changes of spot price and of mark from each mark to the next, of all histories one after the other."""
    spot, marks = [], []
    for history in past_tick:
        for before, after in pairwise(history):
            spot.append(after[0] - before[0])
            marks.append(after[1] - before[1])
    return spot, marks


def fitting_lots(open_wh: Ints, energy_wh: Ints) -> int:
    """Give the most lots of which the last still brings cover nearer to its target, summed over the periods.

    Parameters
    ----------
    open_wh : (n,)
        What is not covered of each period's target; below 0 where more is covered.
    energy_wh : (n,)
        Energy of one lot, somewhere above 0.

    Notes
    -----
    This is the weighted median of the lots that each period has room for: at least half of the last lot's energy falls
    into periods that still have room for it.

    >>> fitting_lots(np.array([30, 10, 5, -7]), np.array([2, 1, 1, 0]))
    15
    """
    held = np.flatnonzero(energy_wh > 0)
    lots = open_wh[held] // energy_wh[held]
    falling = np.argsort(-lots, kind="stable")
    reached = np.cumsum(energy_wh[held][falling])
    return max(int(lots[falling][np.searchsorted(2 * reached, int(reached[-1]))]), 0)


def newsvendor_ppm(price: int, short: int, long: int) -> int:
    """Give the quantile of its production that a group sells for the day ahead: (price - long) / (short - long) [ppm].

    What it sold too much it buys at `short`, what it sold too little it sells at `long`. Who buys for an uncertain
    need takes the rest, ``PPM - newsvendor_ppm(...)`` = (short - price) / (short - long). Half where both prices are
    the same, or not in this order: then an error costs nothing on average, and the mean it is.

    >>> newsvendor_ppm(price=9_000, short=12_000, long=6_000), newsvendor_ppm(9_000, 10_000, 6_000)
    (500000, 750000)
    """
    if not long < short or not long <= price <= short:
        return PPM // 2
    return half_even((price - long) * PPM, short - long)


def need_quantile_wh(mean_wh: Ints, sd_wh: Ints, share_ppm: int | Ints) -> Ints:
    """Give a quantile of each of several normal quantities, below 0 too, half-even [Wh].

    The share is rounded down to a whole percent and cut off at 1 % and 99 %, as everywhere in this room.

    >>> need_quantile_wh(np.array([1_000, -500]), np.array([100, 0]), 840_000).tolist()
    [1099, -500]
    """
    normal = np.array(NORMAL_QUANTILE_MILLI, np.int64)
    place = np.clip(np.asarray(share_ppm, np.int64) * 100 // PPM, 0, 100)
    scaled = normal[place] * np.asarray(sd_wh, np.int64)
    whole, rest = np.divmod(scaled, _MILLI)
    up = (2 * rest > _MILLI) | ((2 * rest == _MILLI) & (whole % 2 == 1))
    quantile_wh: Ints = np.asarray(mean_wh, np.int64) + whole + up
    return quantile_wh


def _problems_of_steps(steps: object) -> list[str]:
    form = "give (time left [ms], share [ppm]) pairs, longest time first, the last with 0, shares within 0 .. 1_000_000"
    if not isinstance(steps, tuple) or not steps:
        return [f"hedge steps={steps!r}: {form}"]
    if any(not isinstance(step, tuple) or [type(value) for value in step] != [int, int] for step in steps):
        return [f"hedge steps={steps!r}: {form}"]
    times = [time for time, _ in steps]
    falling = times == sorted(set(times), reverse=True) and times[-1] == 0
    if not falling or any(not 0 <= share <= PPM for _, share in steps):
        return [f"hedge steps={steps!r}: {form}"]
    return []
