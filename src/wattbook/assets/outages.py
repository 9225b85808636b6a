"""Availability of power plants: weather, planned outages, and failures at random times.

Owns when a plant is out. Knows nothing of its output, nor of the market. Times to failure and to repair are exponential
and drawn with whole numbers only, from a stream of the plant's own: no plant moves another's failures, and no library's
logarithm can differ in its last bit.

References
----------
Billinton & Allan, Reliability Evaluation of Power Systems, 2nd ed. 1996, section 2.2: the two-state model of a unit,
whose unavailability is mean time to repair / (mean time to failure + mean time to repair).
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

import numpy as np

from wattbook.assets.config import TIME_BOUND_MS, plain, whole_array, whole_column, whole_problems
from wattbook.chance import draw, key_of
from wattbook.errors import ConfigError
from wattbook.units import MS_PER_DAY, PPM, half_even

if TYPE_CHECKING:
    import numpy.typing as npt

    IntArray = npt.NDArray[np.int64]

SEASON: Final = ((4, 1), (10, 1))
"""Planned outages lie between these days of a year, when load is low: an assumption of calibration."""
DAYS_PER_WEEK: Final = 7
LONGEST_PERIOD_MS: Final = 10_000 * MS_PER_DAY
MOST_PERIODS: Final = 1 << 20
"""Twice a year of minutes; with `LONGEST_PERIOD_MS` it keeps every instant inside 64 bits."""
MOST_WEEKS: Final = 26
"""What fits into the season."""

_DRAW_BITS: Final = 63
_LOG_BITS: Final = 32
_LN2_BITS: Final = 62
_LN2: Final = 3_196_577_161_300_663_914
"""ln 2 x 2**62, rounded down."""


def exponential_ms(key: int, counter: int, mean_ms: int) -> int:
    """Draw an exponential time with mean `mean_ms` [ms] for (`key`, `counter`): at least 1 ms, and a whole number.

    Minus the logarithm of a uniform number of 63 bits. The logarithm to base 2 is found bit by bit, by squaring, to
    32 bits behind the point.
    """
    uniform = draw(key, counter) + 1  # 1 .. 2**63
    exponent = uniform.bit_length() - 1
    mantissa = uniform << (_DRAW_BITS - exponent)  # 2**63 .. 2**64 - 1 stands for 1 .. 2
    bits = exponent
    for _ in range(_LOG_BITS):
        mantissa = mantissa * mantissa >> _DRAW_BITS
        above = mantissa >> (_DRAW_BITS + 1)
        mantissa >>= above
        bits = bits << 1 | above
    minus_log2 = (_DRAW_BITS << _LOG_BITS) - bits
    return max(1, half_even(mean_ms * _LN2 * minus_log2, 1 << (_LN2_BITS + _LOG_BITS)))


def forced_outages(seed: int, name: str, to_failure_ms: int, to_repair_ms: int, start_ms: int, end_ms: int) -> IntArray:
    """Draw a plant's failures from `start_ms` to `end_ms`: the spans (k, 2) [ms of UTC] in which it is out.

    At the start it is out with the share of time that it is out in the long run; as times are exponential, what is left
    of the first one is drawn like any other. A later end adds outages and changes none; another start draws others.

    Parameters
    ----------
    seed, name
        Whose stream.
    to_failure_ms, to_repair_ms : int
        Mean times [ms], both 0 for a plant that never fails.
    start_ms, end_ms : int
        Horizon [ms of UTC].

    Raises
    ------
    ConfigError
        If one mean time is given and the other is not, or one of the four is no whole number or out of bounds.
    """
    problems = [
        *_time_problems("to_failure_ms", to_failure_ms, 0, "give hours(1150)"),
        *_time_problems("to_repair_ms", to_repair_ms, 0, "give hours(100)"),
        *_time_problems("start_ms", start_ms, -TIME_BOUND_MS, "give whole ms of UTC"),
        *_time_problems("end_ms", end_ms, -TIME_BOUND_MS, "give whole ms of UTC"),
    ]
    if problems:
        raise ConfigError(f"outages of {name!r}: {problem}" for problem in problems)
    to_failure_ms, to_repair_ms, start_ms, end_ms = int(to_failure_ms), int(to_repair_ms), int(start_ms), int(end_ms)
    if to_failure_ms == 0 == to_repair_ms:
        return np.empty((0, 2), np.int64)
    if to_failure_ms <= 0 or to_repair_ms <= 0:
        raise ConfigError(
            f"to_failure_ms={to_failure_ms}, to_repair_ms={to_repair_ms} of {name!r}: give two positive times, "
            "or 0 for both"
        )
    key = key_of(seed, name, "outage")
    out = draw(key, 0) % (to_failure_ms + to_repair_ms) < to_repair_ms
    spans = []
    at_ms, counter = start_ms, 1
    while at_ms < end_ms:
        until_ms = at_ms + exponential_ms(key, counter, to_repair_ms if out else to_failure_ms)
        if out:
            spans.append((at_ms, min(until_ms, end_ms)))
        at_ms, counter, out = until_ms, counter + 1, not out
    return np.array(spans, np.int64).reshape(-1, 2)


def planned_outage(seed: int, name: str, weeks: int, year: int) -> IntArray:
    """Give the span (1, 2) or (0, 2) [ms of UTC] in which a plant is maintained in a `year`.

    It is out for `weeks` weeks on end, from a day of the season that its own stream draws.

    Raises
    ------
    ConfigError
        If so many weeks do not fit into the season, or the year is not one of 1 to 9999.
    """
    problems = [
        *whole_problems("weeks", plain(weeks), 0, MOST_WEEKS, "number", f"give 0 to {MOST_WEEKS}"),
        *whole_problems("year", plain(year), dt.MINYEAR, dt.MAXYEAR, "number", "give 2016"),
    ]
    if problems:
        raise ConfigError(f"outage of {name!r}: {problem}" for problem in problems)
    weeks, year = int(weeks), int(year)
    first, last = (dt.datetime(year, *day, tzinfo=dt.UTC) for day in SEASON)
    days = (last - first).days
    if weeks == 0:
        return np.empty((0, 2), np.int64)
    length_days = weeks * DAYS_PER_WEEK
    from_day = draw(key_of(seed, name, "maintenance"), year) % (days - length_days + 1)
    from_ms = int(first.timestamp()) * 1_000 + from_day * MS_PER_DAY
    return np.array([[from_ms, from_ms + length_days * MS_PER_DAY]], np.int64)


def out_ms(spans: IntArray, start_ms: int, period_ms: int, periods: int) -> IntArray:
    """Time (periods,) [ms] of each period that lies in at least one of `spans` (k, 2) [ms of UTC]."""
    edges = start_ms + period_ms * np.arange(periods + 1, dtype=np.int64)
    spans = _merged(spans.reshape(-1, 2))
    if not len(spans):
        return np.zeros(periods, np.int64)
    before = np.concatenate([[0], np.cumsum(spans[:, 1] - spans[:, 0])])
    begun = np.searchsorted(spans[:, 0], edges, side="right")
    unfinished = np.where(begun > 0, np.maximum(spans[begun - 1, 1] - edges, 0), 0)
    return np.diff(before[begun] - unfinished)


def available_ppm(
    weather_ppm: IntArray | None, spans: IntArray, start_ms: int, period_ms: int, periods: int
) -> IntArray:
    """Availability of a plant in each period (periods,) [ppm of its capacity].

    Weather times the share of the period in which it is not out, rounded half-even. An outage of a part of a period
    takes that part of its energy.

    Parameters
    ----------
    weather_ppm : (periods,) or None
        What wind, sun or river would let it give [ppm], at most 1,000,000; None for a plant that has its fuel.
    spans : (k, 2)
        Planned and forced outages [ms of UTC], in any order; they may overlap.
    start_ms, period_ms, periods : int
        Start [ms of UTC], length [ms] and number of the periods.

    Raises
    ------
    ConfigError
        With all that is wrong with the five.
    """
    problems = [
        *_time_problems("start_ms", start_ms, -TIME_BOUND_MS, "give whole ms of UTC"),
        *whole_problems("period_ms", plain(period_ms), 1, LONGEST_PERIOD_MS, "duration", "give minutes(15)"),
        *whole_problems("periods", plain(periods), 0, MOST_PERIODS, "number", "give 96"),
    ]
    known = None if problems else int(periods)
    if weather_ppm is not None:
        weather_ppm = whole_column("weather_ppm", weather_ppm, known, 0, PPM, "give ppm of the capacity", problems)
    before = len(problems)
    spans = whole_array("spans", spans, problems)
    if len(problems) == before and spans.size and (spans.ndim, spans.shape[-1]) != (2, 2):
        problems.append(f"spans have shape {spans.shape}, not (k, 2): give beginnings and ends")
    if ((spans < -TIME_BOUND_MS) | (spans > TIME_BOUND_MS)).any():
        problems.append(f"spans must lie between {-TIME_BOUND_MS} and {TIME_BOUND_MS}: give whole ms of UTC")
    if problems:
        raise ConfigError(f"availability: {problem}" for problem in problems)
    start_ms, period_ms, periods = int(start_ms), int(period_ms), int(periods)
    up_ms = period_ms - out_ms(spans, start_ms, period_ms, periods)
    product = up_ms * (np.int64(PPM) if weather_ppm is None else weather_ppm)
    quotient, rest = np.divmod(product, np.int64(period_ms))
    share: IntArray = quotient + ((2 * rest > period_ms) | ((2 * rest == period_ms) & (quotient & 1 == 1)))
    return share


def _time_problems(name: str, value: int, low: int, remedy: str) -> list[str]:
    return whole_problems(name, plain(value), low, TIME_BOUND_MS, "duration", remedy)


def _merged(spans: IntArray) -> IntArray:
    """Spans (k, 2) that do not touch, in order, and cover the same time."""
    merged: list[list[int]] = []
    for begin, end in sorted((int(begin), int(end)) for begin, end in spans if end > begin):
        if merged and begin <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append([begin, end])
    return np.array(merged, np.int64).reshape(-1, 2)
