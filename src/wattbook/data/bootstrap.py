"""A year of one's own for each home: days drawn, by seed, from the same season and the same kind of day.

Six household shapes serve ninety homes, so homes of one shape would coincide to the watt-hour and any match between
them would be as good as another. The bootstrap gives each home its own sequence of real days and keeps the energy of
the year. Owns the drawing of days and the mapping of their clocks; knows nothing of ratings or prices.

What a home loses is the weather that it shared with its neighbours on that date; plants must not lose it, so they are
never bootstrapped. What a home's year keeps is its energy, so its highest power may pass the rating by some per cent.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from wattbook.data.calendar import LocalDay, local_days, wall_clock_ms
from wattbook.errors import DataError
from wattbook.units import MS_PER_DAY, MS_PER_HOUR

if TYPE_CHECKING:
    import numpy.typing as npt

WINDOW_DAYS: Final = 14
"""A day is replaced by one at most this many days earlier or later, inside the data's year."""


@dataclass(frozen=True, eq=False)
class YearCalendar:
    """The local days of a series and where each of their clock times lies in it.

    Attributes
    ----------
    days : tuple of LocalDay (d,)
        Whole local days, in order.
    candidates : tuple of numpy.ndarray (d,)
        For each day the days that may stand in for it, itself among them.
    day, slot, second : numpy.ndarray (n,)
        For each step its day, its place on the local clock [steps since midnight], and whether its clock time
        is the second of that name (the repeated hour in autumn).
    first_row, second_row : numpy.ndarray (d, slots)
        Step that shows a day's clock time, for the first and the second of that name.
    """

    days: tuple[LocalDay, ...]
    candidates: tuple[npt.NDArray[np.int64], ...]
    day: npt.NDArray[np.int64]
    slot: npt.NDArray[np.int64]
    second: npt.NDArray[np.bool_]
    first_row: npt.NDArray[np.int64]
    second_row: npt.NDArray[np.int64]


@lru_cache(maxsize=8)
def year_calendar(start_ms: int, end_ms: int, step_ms: int, timezone: str) -> YearCalendar:
    """Lay out the local days of a series [start_ms, end_ms) of steps of `step_ms` [ms].

    Raises
    ------
    DataError
        If the series does not begin and end at local midnight.
    """
    days = local_days(start_ms, end_ms, timezone)
    if days[0].start_ms != start_ms or days[-1].end_ms != end_ms:
        raise DataError(f"series does not begin and end at midnight in {timezone}: its days cannot be exchanged")
    counts = [day.slots(step_ms) for day in days]
    day = np.repeat(np.arange(len(days)), counts)
    slot = _clock_slots(days, step_ms, timezone)
    first_row, second_row, second = _rows(day, slot, len(days), step_ms)
    return YearCalendar(days, _candidates(days), day, slot, second, first_row, second_row)


def bootstrap_days(key: int, calendar: YearCalendar) -> npt.NDArray[np.int64]:
    """Draw for each local day the day whose load it shows.

    Parameters
    ----------
    key : int
        Of the home, from `wattbook.chance.key_of`.
    calendar : YearCalendar
        Of the series.

    Returns
    -------
    numpy.ndarray (d,)
        Index of the source day: of the same day type, at most `WINDOW_DAYS` away.
    """
    from wattbook.chance import draw  # here, so that reading a grid does not start the compiler

    return np.array([days[draw(key, d) % days.size] for d, days in enumerate(calendar.candidates)], dtype=np.int64)


def bootstrap_rows(key: int, calendar: YearCalendar) -> npt.NDArray[np.int64]:
    """Tell for each step (n,) of the home's year which step of the original year it repeats.

    Days are matched by the local clock. A source day that lacks the hour (spring) gives the hour before; the repeated
    hour of a target day (autumn) takes the source's own repeated hour, or else the hour of that name.
    """
    source = bootstrap_days(key, calendar)[calendar.day]
    rows: npt.NDArray[np.int64] = np.where(
        calendar.second, calendar.second_row[source, calendar.slot], calendar.first_row[source, calendar.slot]
    )
    return rows


def rescale(cumulative: npt.NDArray[np.int64], total: int) -> npt.NDArray[np.int64]:
    """Stretch a running total (n+1,) of non-negative quanta so that it ends at `total`, rounding at each edge.

    The float product is within 2**-52 of the exact one, relatively, and totals are below 2**47 (four years of a
    full profile in parts per billion x quarter of an hour), so each edge is within 0.54 of a quantum of
    the exact one and the last is exact. Division and product of floats are the same bits on every machine.
    """
    end = int(cumulative[-1])
    assert 0 < end < 1 << 47
    assert 0 <= total < 1 << 47
    scaled: npt.NDArray[np.int64] = np.rint(cumulative * (total / end)).astype(np.int64)
    assert scaled[-1] == total
    return scaled


def _candidates(days: tuple[LocalDay, ...]) -> tuple[npt.NDArray[np.int64], ...]:
    """For each day the indices of like days in its window."""
    types = np.array([day.type for day in days])
    windows = (slice(max(d - WINDOW_DAYS, 0), d + WINDOW_DAYS + 1) for d in range(len(days)))
    return tuple(window.start + np.flatnonzero(types[window] == types[d]) for d, window in enumerate(windows))


def _clock_slots(days: tuple[LocalDay, ...], step_ms: int, timezone: str) -> npt.NDArray[np.int64]:
    """Place of each step on the local clock (n,), in steps since midnight."""
    slots = []
    for day in days:
        since_ms = np.arange(0, day.end_ms - day.start_ms, step_ms, dtype=np.int64)
        regular = day.end_ms - day.start_ms == MS_PER_DAY
        slots.append((since_ms if regular else wall_clock_ms(day.start_ms + since_ms, timezone)) // step_ms)
    return np.concatenate(slots)


def _rows(
    day: npt.NDArray[np.int64], slot: npt.NDArray[np.int64], days: int, step_ms: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Rows (d, slots) of the first and second step of each clock time, and which steps (n,) are second ones."""
    width, hour = MS_PER_DAY // step_ms, MS_PER_HOUR // step_ms
    rows = np.arange(day.size)
    first_row = np.full((days, width), day.size, dtype=np.int64)
    np.minimum.at(first_row, (day, slot), rows)
    second_row = np.full((days, width), -1, dtype=np.int64)
    np.maximum.at(second_row, (day, slot), rows)
    missing_day, missing_slot = np.nonzero(second_row < 0)
    for table in (first_row, second_row):
        table[missing_day, missing_slot] = table[missing_day, missing_slot - hour]
    return first_row, second_row, rows != first_row[day, slot]
