"""Forecasts: how wrong a home is about its own load and generation, and how it learns better.

Owns the errors, their growth with the lead, and the instants at which they are revealed. Knows nothing of what anyone
does with a forecast.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from wattbook.assets.config import whole_problems
from wattbook.assets.kernel import (
    CLOUD_ROW,
    LOAD_ROW,
    LOAD_SD_ROW,
    OWN_ROW,
    PV_SD_ROW,
    SHORT_LEAD_MS,
    SHORT_STAGE_MS,
    STAGES_PER_PERIOD,
)
from wattbook.chance import draws, key_of, keys_of
from wattbook.errors import ConfigError, nearest, refuse
from wattbook.units import MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE, PPM

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    IntArray = npt.NDArray[np.int64]

KINDS: Final = ("martingale", "oracle", "persistence")
LONGEST_LEAD_MS: Final = 36 * MS_PER_HOUR
ERROR_BOUND_PPM: Final = 2 * PPM
STAGE_LEADS_MS: Final = (
    0,
    *range(SHORT_STAGE_MS, SHORT_LEAD_MS + 1, SHORT_STAGE_MS),
    *range(SHORT_LEAD_MS + MS_PER_HOUR, LONGEST_LEAD_MS + 1, MS_PER_HOUR),
)
"""Lead from which each stage of the error is open: every quarter of an hour to two hours, then every hour to 36."""
assert len(STAGE_LEADS_MS) <= STAGES_PER_PERIOD
TABLE_ROWS: Final = 5
NOT_AN_AGENT: Final = "*"
"""No agent's name may hold this character, so that the cloud's stream belongs to nobody."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """How an agent foresees its own load and generation.

    Parameters
    ----------
    kind : str
        ``"martingale"``, ``"oracle"`` (what comes) or ``"persistence"`` (what was 24 hours before).
    load_error : int
        Standard deviation of a load at the longest lead, as a share of the home's mean load [ppm].
    pv_error : int
        Standard deviation of a generation at the longest lead, as a share of that generation [ppm].
    nowcast : int
        Share [ppm] of those that remains until the period is metered.
    common : int
        Share [ppm] of the variance of a generation's error that all plants have in common: the cloud.
    grows_for : int
        Lead [ms] from which an error grows no more; at most 36 hours.
    update_every : int
        Time [ms] between an agent's updates; each agent has its own phase.

    Raises
    ------
    ConfigError
        With all the problems found.

    Notes
    -----
    The martingale adds errors to what comes. The error of (agent, period) is a sum of independent stages with mean 0;
    a stage is revealed, that is, drops out of the sum, once the lead at the agent's latest update falls
    below the stage's own. The variance therefore grows in steps with the lead:

        variance(lead) = error^2 x (nowcast^2 + (1 - nowcast^2) x min(1, lead / grows_for)).

    The series that comes is fixed and the noise is revealed. Who sees a forecast and knows nothing else of the level
    (a flat prior) expects no revision of it: in this sense it is a martingale. Who knows the distribution of the
    level could do better by shrinking the forecast towards its mean, as with every truth-plus-noise forecast. No
    forecast is negative; where that binds, it lies a little high on the average.

    All default sizes are assumptions of calibration. An oracle makes no errors and says so (sd 0); persistence reports
    the given errors as its standard deviations.
    """

    kind: str = "martingale"
    load_error: int = 400_000
    pv_error: int = 300_000
    nowcast: int = 300_000
    common: int = 800_000
    grows_for: int = MS_PER_DAY
    update_every: int = 15 * MS_PER_MINUTE

    def __post_init__(self) -> None:
        problems = [
            *self._kind_problems(),
            *whole_problems("load_error", self.load_error, 0, ERROR_BOUND_PPM, "share", "give percent(40)"),
            *whole_problems("pv_error", self.pv_error, 0, ERROR_BOUND_PPM, "share", "give percent(30)"),
            *whole_problems("nowcast", self.nowcast, 0, PPM, "share", "give percent(30)"),
            *whole_problems("common", self.common, 0, PPM, "share", "give percent(80)"),
            *whole_problems("grows_for", self.grows_for, SHORT_STAGE_MS, LONGEST_LEAD_MS, "duration", "give hours(24)"),
            *whole_problems(
                "update_every", self.update_every, MS_PER_MINUTE, MS_PER_DAY, "duration", "give minutes(15)"
            ),
        ]
        if problems:
            refuse(ConfigError(f"forecast: {problem}" for problem in problems))

    def _kind_problems(self) -> list[str]:
        if self.kind in KINDS:
            return []
        hint = nearest(self.kind, KINDS) if isinstance(self.kind, str) else ""
        return [f"kind={self.kind!r} is not one of {', '.join(KINDS)}{hint}"]

    def table(self) -> IntArray:
        """Tabulate the standard deviations (5, s) [ppm] by row (`kernel.LOAD_ROW` ...) and stage, for the kernels."""
        if self.kind == "martingale":
            return self._martingale_table()
        table = np.zeros((TABLE_ROWS, 1), dtype=np.int64)
        if self.kind == "persistence":
            table[LOAD_SD_ROW] = self.load_error
            table[PV_SD_ROW] = self.pv_error
        return table

    def _martingale_table(self) -> IntArray:
        leads = [0, *(lead for lead in STAGE_LEADS_MS if 0 < lead < self.grows_for), self.grows_for]
        table = np.zeros((TABLE_ROWS, len(leads)), dtype=np.int64)
        table[LOAD_ROW] = self._stage_sds(self.load_error, PPM, leads)
        table[CLOUD_ROW] = self._stage_sds(self.pv_error, self.common, leads)
        table[OWN_ROW] = self._stage_sds(self.pv_error, PPM - self.common, leads)
        table[LOAD_SD_ROW] = _running_sd(table[LOAD_ROW])
        table[PV_SD_ROW] = _running_sd(table[CLOUD_ROW], table[OWN_ROW])
        return table

    def _stage_sds(self, error_ppm: int, share_ppm: int, leads_ms: Sequence[int]) -> list[int]:
        """Compute the standard deviation of each stage [ppm] for a part `share_ppm` of the variance of `error_ppm`."""
        variance = int(error_ppm) ** 2 * int(share_ppm)
        stays = int(self.nowcast) ** 2
        nowcast = math.isqrt(variance * stays // PPM**3)
        grown = [
            math.isqrt(variance * (PPM**2 - stays) * (late - early) // (PPM**3 * int(self.grows_for)))
            for early, late in pairwise(leads_ms)
        ]
        return [nowcast, *grown]

    def base_wh(self, actual_wh: IntArray, day_before_wh: IntArray) -> IntArray:
        """Choose the series that the kernels add errors to: what comes, or what was a day before."""
        return day_before_wh if self.kind == "persistence" else actual_wh


def _running_sd(*rows: IntArray) -> list[int]:
    """Compute the standard deviation [ppm] of the stages up to each one, of independent `rows` together."""
    variances = [sum(int(sd) ** 2 for sd in stage) for stage in zip(*rows, strict=True)]
    return [math.isqrt(sum(variances[: k + 1])) for k in range(len(variances))]


def day_before_wh(actual_wh: IntArray, lead_in_wh: IntArray) -> IntArray:
    """Shift a series (..., n) by the day `lead_in_wh` (..., periods per day) that came before it [Wh]."""
    return np.concatenate((lead_in_wh, actual_wh), axis=-1)[..., : actual_wh.shape[-1]]


class ForecastKeys(NamedTuple):
    """Random streams of the forecast errors: one per load, one per plant, one cloud over all.

    Attributes
    ----------
    load, own : (a,)
        Keys of the load errors and of the plants' own errors, by the agents' names: no agent moves another's.
    cloud : int
        Key of the errors that all plants share.
    """

    load: IntArray
    own: IntArray
    cloud: int

    @classmethod
    def of(cls, seed: int, names: Sequence[str]) -> ForecastKeys:
        """Make the keys of the agents `names` under `seed`."""
        return cls(keys_of(seed, names, "load"), keys_of(seed, names, "pv"), key_of(seed, NOT_AN_AGENT, "cloud"))


def update_phases_ms(seed: int, names: Sequence[str], every_ms: int) -> IntArray:
    """Phase of each agent's updates (a,) [ms], spread evenly over `every_ms` by the agents' names."""
    phases: IntArray = draws(keys_of(seed, names, "update"), 0) % int(every_ms)
    return phases
