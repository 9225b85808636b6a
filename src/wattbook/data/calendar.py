"""Local days: where they begin in UTC, how many slots they have, and what kind of day they are.

Owns time zones, daylight saving, German public holidays and the parsing of a start date. Knows nothing of energy.
A *day type* is one of three: workday, Saturday, and Sunday or national public holiday, which is the division that the
German standard load profiles use. Only the nine holidays of all sixteen states count (and Reformation Day of 2017,
which was national once); Christmas Eve and New Year's Eve are ordinary days here.
"""

from __future__ import annotations

import datetime as dt
from enum import IntEnum
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import numpy as np

from wattbook.errors import ConfigError, nearest
from wattbook.units import MS_PER_DAY, MS_PER_SECOND

if TYPE_CHECKING:
    import numpy.typing as npt

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MILLISECOND = dt.timedelta(milliseconds=1)


class DayType(IntEnum):
    """What kind of day a home lives through."""

    WORKDAY = 0
    SATURDAY = 1
    SUNDAY_OR_HOLIDAY = 2


class LocalDay(NamedTuple):
    """One day of a local calendar: from its midnight to the next, [start_ms, end_ms) in UTC."""

    date: dt.date
    start_ms: int
    end_ms: int
    type: DayType

    def slots(self, step_ms: int) -> int:
        """Count the steps of `step_ms` [ms] in this day: 92, 96 or 100 quarters of an hour."""
        return (self.end_ms - self.start_ms) // step_ms


@lru_cache(maxsize=32)
def zone(name: str) -> ZoneInfo:
    """Time zone by its IANA name.

    Raises
    ------
    ConfigError
        If there is no such zone.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        hint = nearest(name, available_timezones())
        raise ConfigError(f"timezone={name!r} is unknown{hint}: give an IANA name such as 'Europe/Berlin'") from None


def utc_ms(moment: dt.datetime) -> int:
    """Milliseconds of UTC of a zone-aware `moment`, rounded down."""
    assert moment.tzinfo is not None, "a naive date-time has no place in UTC"
    return (moment - _EPOCH) // _MILLISECOND


def utc_text(ms: int) -> str:
    """Write an instant `ms` as people do, in UTC.

    >>> utc_text(1_465_164_000_000)
    '2016-06-05T22:00Z'
    """
    moment = _EPOCH + dt.timedelta(milliseconds=ms)
    return moment.isoformat(timespec="seconds" if ms % 60_000 else "minutes").replace("+00:00", "Z")


def local_date(ms: int, timezone: str) -> dt.date:
    """Calendar date of the instant `ms` in `timezone`."""
    return (_EPOCH + dt.timedelta(milliseconds=ms)).astimezone(zone(timezone)).date()


def is_midnight(ms: int, timezone: str) -> bool:
    """Tell whether a day begins in `timezone` at the instant `ms`."""
    return midnight_ms(local_date(ms, timezone), timezone) == ms


def midnight_ms(day: dt.date, timezone: str) -> int:
    """Instant at which `day` begins in `timezone` [ms of UTC]."""
    return utc_ms(dt.datetime(day.year, day.month, day.day, tzinfo=zone(timezone)))


def parse_start(start: str | dt.date, timezone: str) -> int:
    """Instant [ms of UTC] of a start given as a bare date (midnight in `timezone`) or with its own offset.

    >>> parse_start("2016-06-06", "Europe/Berlin") == parse_start("2016-06-05T22:00Z", "UTC") == 1_465_164_000_000
    True

    Raises
    ------
    ConfigError
        If `start` is no date, or has a time of day but no offset.
    """
    moment = _parsed(start)
    if not isinstance(moment, dt.datetime):
        return midnight_ms(moment, timezone)
    if moment.tzinfo is None:
        raise ConfigError(
            f"start={str(start)!r} has a time of day but no offset: write a bare date (midnight in {timezone}) "
            f"or add the offset, as in '{moment.isoformat(timespec='minutes')}+01:00'"
        )
    return utc_ms(moment)


def _parsed(start: str | dt.date) -> dt.date:
    """Read `start` as a date, or as a date-time where it has a time of day."""
    if isinstance(start, dt.date):
        return start
    for parse in (dt.date.fromisoformat, dt.datetime.fromisoformat):
        try:
            return parse(start)
        except (ValueError, TypeError):
            continue
    raise ConfigError(f"start={start!r} is not a date: write it as '2016-06-06'")


def periods(start_ms: int, end_ms: int, period_ms: int) -> npt.NDArray[np.int64]:
    """List the starts of the delivery periods (n,) [ms of UTC] that fill [start_ms, end_ms).

    Raises
    ------
    ConfigError
        If the horizon is empty or not a whole number of periods.
    """
    if period_ms <= 0 or end_ms <= start_ms or (end_ms - start_ms) % period_ms:
        raise ConfigError(
            f"horizon of {end_ms - start_ms} ms is not a positive whole number of periods of {period_ms} ms: "
            "choose an end that is a multiple of the period after the start"
        )
    return np.arange(start_ms, end_ms, period_ms, dtype=np.int64)


@lru_cache(maxsize=32)
def local_days(start_ms: int, end_ms: int, timezone: str) -> tuple[LocalDay, ...]:
    """List the local days of `timezone` that touch [start_ms, end_ms), in order, each in full."""
    days: list[LocalDay] = []
    day = local_date(start_ms, timezone)
    begin = midnight_ms(day, timezone)
    while begin < end_ms:
        following = day + dt.timedelta(days=1)
        end = midnight_ms(following, timezone)
        days.append(LocalDay(day, begin, end, day_type(day)))
        day, begin = following, end
    return tuple(days)


def wall_clock_ms(times_ms: npt.NDArray[np.int64], timezone: str) -> npt.NDArray[np.int64]:
    """Show the local clock at `times_ms` (n,) [ms of UTC]: ms since local midnight (n,), from 0 to 86,399,999."""
    local = np.empty(times_ms.size, dtype=np.int64)
    where = zone(timezone)
    for i, ms in enumerate(times_ms.tolist()):
        clock = (_EPOCH + dt.timedelta(milliseconds=ms)).astimezone(where)
        local[i] = ((clock.hour * 60 + clock.minute) * 60 + clock.second) * MS_PER_SECOND
    assert local.size == 0 or (local.min() >= 0 and local.max() < MS_PER_DAY)
    return local


def day_type(day: dt.date) -> DayType:
    """Tell whether `day` is a workday, a Saturday, or a Sunday or national German holiday."""
    if day.weekday() == 6 or day in german_holidays(day.year):  # Sunday
        return DayType.SUNDAY_OR_HOLIDAY
    return DayType.SATURDAY if day.weekday() == 5 else DayType.WORKDAY  # Saturday


@lru_cache(maxsize=64)
def german_holidays(year: int) -> frozenset[dt.date]:
    """Public holidays of all sixteen German states in `year` (since 1990)."""
    easter = easter_sunday(year)
    fixed = [(1, 1), (5, 1), (10, 3), (12, 25), (12, 26)]
    if year == 2017:  # 500 years of the Reformation
        fixed.append((10, 31))
    good_friday, easter_monday, ascension, whit_monday = -2, 1, 39, 50
    movable = (easter + dt.timedelta(days=n) for n in (good_friday, easter_monday, ascension, whit_monday))
    return frozenset([*movable, *(dt.date(year, month, day) for month, day in fixed)])


def easter_sunday(year: int) -> dt.date:
    """Easter Sunday of the Gregorian `year`.

    >>> easter_sunday(2016)
    datetime.date(2016, 3, 27)

    References
    ----------
    The anonymous Gregorian computus, in whole numbers.
    """
    golden = year % 19
    century, of_century = divmod(year, 100)
    leap_centuries, rest = divmod(century, 4)
    lunar = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * golden + century - leap_centuries - lunar + 15) % 30
    quads, odd = divmod(of_century, 4)
    weekday = (32 + 2 * rest + 2 * quads - epact - odd) % 7
    correction = (golden + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * correction + 114, 31)
    return dt.date(year, month, day + 1)
