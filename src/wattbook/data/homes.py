"""The energy of many homes at once, each with its own days and rating.

Owns the tables that the kernel reads of a grid's year. A home's numbers are those of `series.member_load_wh`: over the
whole year they sum exactly to its profile's measured energy times its rating, rounded once to whole Wh.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from wattbook.data.bootstrap import year_calendar
from wattbook.data.series import PPB, Grid, check_horizon, never_falling
from wattbook.errors import ConfigError, DataError
from wattbook.units import MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from wattbook.data.kernel_homes import Shapes, Window

    Ints = npt.NDArray[np.int64]

_BOUND: Final = 1 << 62


def fill_homes_wh(
    grid: Grid, profiles: Sequence[str], shape: Ints, rated_w: Ints, keys: Ints | None,
    horizon: tuple[int, int, int], rows: Ints, load_wh: Ints, before_wh: Ints | None,
) -> None:  # fmt: skip
    """Write the energy of many homes into the rows of large arrays.

    Parameters
    ----------
    grid : Grid
    profiles : sequence of str, (k,)
    shape, rated_w, rows : (n,) int64
        Index of each home's profile, its rating [W], its row in the results.
    keys : (n,) int64 or None
        Seed each home's own order of days; None is the year as measured.
    horizon : (int, int, int)
        Start, end and length of a period [ms of UTC, ms].
    load_wh : (a, p) int64
        Energy of each period [Wh].
    before_wh : (a, p) int64 or None
        Energy of the same times a day before; where the data begin with the run, the first day is its own.

    Raises
    ------
    DataError
        If the horizon leaves the data, or a rating is too large for exact arithmetic.
    """
    from wattbook.data.kernel_homes import homes_load_wh

    start_ms, end_ms, period_ms = horizon
    data = grid.start_ms, grid.end_ms
    has_day_before = data[0] <= start_ms - MS_PER_DAY and end_ms <= data[1]
    check_horizon(grid.name, data, (start_ms, end_ms), grid.timezone, "horizon/outside")
    lead = MS_PER_DAY // period_ms if has_day_before and before_wh is not None else 0
    window = _window(grid, start_ms - lead * period_ms, end_ms, period_ms)
    shapes = _shapes(grid, profiles)
    _check_range(shapes, window, int(rated_w.max(initial=0)))
    days = np.zeros(len(rows), np.int64) if keys is None else keys
    into = before_wh if before_wh is not None and lead else np.zeros((0, 0), np.int64)
    homes_load_wh(shapes, window, days, shape, rated_w, keys is not None, rows, lead, load_wh, into)
    if before_wh is not None and not lead:
        per_day = MS_PER_DAY // period_ms
        periods = load_wh.shape[1]
        for part in np.array_split(rows, max(1, len(rows) >> 14)):
            run = load_wh[part]
            before_wh[part] = np.concatenate((run[:, :per_day], run), axis=1)[:, :periods]


def _window(grid: Grid, from_ms: int, to_ms: int, period_ms: int) -> Window:
    """Lay out the edges of the periods in [`from_ms`, `to_ms`) among the year's steps."""
    from wattbook.data.kernel_homes import Window

    since_ms = from_ms - grid.start_ms
    unit_ms = math.gcd(grid.step_ms, period_ms, since_ms)
    if unit_ms < MS_PER_MINUTE or unit_ms % MS_PER_MINUTE:
        raise ConfigError(f"period_ms={period_ms} and start do not lie on whole minutes of the series: choose them so")
    edges_ms = np.arange(since_ms, to_ms - grid.start_ms + 1, period_ms, dtype=np.int64)
    index, inside_ms = np.divmod(edges_ms, grid.step_ms)
    first, last = int(index[0]), min(int(index[-1]) + 1, grid.steps)
    common = math.gcd(unit_ms, PPB * MS_PER_HOUR)
    return Window(
        first, last, index - first, inside_ms // unit_ms, grid.step_ms // unit_ms, unit_ms // common,
        PPB * MS_PER_HOUR // common,
    )  # fmt: skip


def _shapes(grid: Grid, profiles: Sequence[str]) -> Shapes:
    """Put the year of each profile into tables: about a megabyte for a profile."""
    from wattbook.data.kernel_homes import Shapes

    calendar = year_calendar(grid.start_ms, grid.end_ms, grid.step_ms, grid.timezone)
    power = np.array([grid.power_ppb(profile) for profile in profiles], np.int64)
    counts = np.bincount(calendar.day, minlength=len(calendar.days))
    running = np.cumsum(power[:, calendar.first_row], axis=2)
    return Shapes(
        power=power,
        measured=np.array([never_falling(each) for each in power]),
        day_sum=np.ascontiguousarray(running[:, :, -1]),
        day_peak=np.maximum(running.max(axis=2), 0),
        first_step=np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
        regular=(counts * grid.step_ms == MS_PER_DAY).astype(np.int64),
        slot=calendar.slot.astype(np.int64),
        second=calendar.second.astype(np.int64),
        first_row=calendar.first_row,
        second_row=calendar.second_row,
        likes_from=np.cumsum([0, *(len(days) for days in calendar.candidates)]).astype(np.int64),
        likes=np.concatenate(calendar.candidates).astype(np.int64),
    )


def _check_range(shapes: Shapes, window: Window, rated_w: int) -> None:
    """Refuse ratings whose products could leave 62 bits."""
    numerator = rated_w * window.unit
    largest = int(shapes.measured[:, -1].max()) * window.parts // window.full + 1
    if numerator * window.full >= _BOUND or numerator * (largest + 1) >= _BOUND:
        raise DataError(f"a rating of {rated_w} W is too large for exact arithmetic: use smaller ratings")
