"""The run's local calendar: where it ends, when gates open, which hour's tariff holds, when bills are written.

Owns the translation of the scenario's local clock into ms of UTC, across changes of the clock.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np

from wattbook.data import local_days, parse_start, zone
from wattbook.data.calendar import utc_ms, wall_clock_ms
from wattbook.units import MS_PER_HOUR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]


def horizon_ms(start: str, days: int, timezone: str, hours: int | None = None) -> tuple[int, int]:
    """Start and end of a run [ms of UTC]: the end shows the same local clock `days` later, or comes after `hours`.

    >>> horizon_ms("2016-03-27", 1, "Europe/Berlin")[1] - horizon_ms("2016-03-27", 1, "Europe/Berlin")[0]
    82800000
    """
    start_ms = parse_start(start, timezone)
    where = zone(timezone)
    local = dt.datetime.fromtimestamp(start_ms // 1000, tz=where)
    later = local.replace(tzinfo=None) + dt.timedelta(days=days)
    end_ms = utc_ms(later.replace(tzinfo=where)) + start_ms % 1000
    return start_ms, end_ms if hours is None else min(end_ms, start_ms + hours * MS_PER_HOUR)


def opens_ms(starts_ms: Ints, opens_minute: int, timezone: str) -> Ints:
    """When each period's gate opens (p,) [ms of UTC]: on the local day before, never before the run begins.

    Parameters
    ----------
    starts_ms : (p,) int64
        Starts of the delivery periods [ms of UTC].
    opens_minute : int
        Local clock time of the opening [minutes after midnight].
    """
    clock = dt.time(opens_minute // 60, opens_minute % 60, tzinfo=zone(timezone))
    days = local_days(int(starts_ms[0]), int(starts_ms[-1]) + 1, timezone)
    openings = [utc_ms(dt.datetime.combine(day.date - dt.timedelta(days=1), clock)) for day in days]
    which = np.searchsorted([day.start_ms for day in days], starts_ms, side="right") - 1
    opens: Ints = np.maximum(np.array(openings, dtype=np.int64)[which], starts_ms[0])
    return opens


def by_hour(prices: Sequence[int], starts_ms: Ints, timezone: str) -> Ints:
    """Prices (p,) of the periods, from 24 prices by local hour."""
    hours = wall_clock_ms(starts_ms, timezone) // MS_PER_HOUR
    return np.array(prices, dtype=np.int64)[hours]


def bills_ms(start_ms: int, end_ms: int, billing: str, timezone: str) -> tuple[int, ...]:
    """List the ends of the billing cycles [ms of UTC]; the last one is the run's end."""
    if billing == "run":
        return (end_ms,)
    firsts = [day.start_ms for day in local_days(start_ms, end_ms, timezone) if day.date.day == 1]
    return (*(first for first in firsts if start_ms < first < end_ms), end_ms)
