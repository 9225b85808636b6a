"""The energy of many homes, each with days of its own, as one compiled function over columns.

It gives what `wattbook.data.series.member_load_wh` gives for each home by itself, to the Wh, without an array of a
year for each: a day that the run does not touch is known by its sum and its highest running total.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numba import njit

from wattbook.chance import hash64

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]


class Shapes(NamedTuple):
    """Profiles (k) over a year of days (d) and steps (s), and which day may stand in for which; int64 throughout."""

    power: Ints
    """(k, s) [ppb of the rating]"""
    measured: Ints
    """(k, s + 1) running total [ppb x step], never falling"""
    day_sum: Ints
    """(k, d) what a source day adds to a day of 24 hours"""
    day_peak: Ints
    """(k, d) highest running total within it, at least 0"""
    first_step: Ints
    """(d + 1,) where each day begins"""
    regular: Ints
    """(d,) 1 for a day of 24 hours"""
    slot: Ints
    """(s,) place on the local clock"""
    second: Ints
    """(s,) 1 for the repeated hour"""
    first_row: Ints
    """(d, slots)"""
    second_row: Ints
    """(d, slots)"""
    likes_from: Ints
    """(d + 1,) where each day's stand-ins begin in `likes`"""
    likes: Ints
    """Days that may stand in, day after day."""


class Window(NamedTuple):
    """The edges (m + 1) of the run's periods within the year."""

    first: int
    """First step that is looked at."""
    last: int
    """Step after the last one."""
    step: Ints
    """(m + 1,) step of each edge, counted from `first`"""
    inside: Ints
    """(m + 1,) parts of that step which lie before the edge"""
    parts: int
    """Parts of a step."""
    unit: int
    """A part's length over the greatest divisor that it shares with the full unit."""
    full: int
    """ppb x hour over the same divisor: running x rated x unit / full is in Wh."""


@njit(cache=True, nogil=True)
def _own_running(shapes: Shapes, k: int, key: int, first: int, last: int, out: Ints) -> None:
    """Fill `out` (last - first + 1,) with a home's running total at the edges of the steps `first` to `last`."""
    total = 0
    highest = 0
    for d in range(len(shapes.regular)):
        begin, end = shapes.first_step[d], shapes.first_step[d + 1]
        likes = shapes.likes_from[d]
        source = shapes.likes[likes + hash64(key, d) % (shapes.likes_from[d + 1] - likes)]
        if shapes.regular[d] and (end < first or begin > last):
            highest = max(highest, total + shapes.day_peak[k, source])
            total += shapes.day_sum[k, source]
            continue
        if first <= begin <= last:
            out[begin - first] = highest
        for s in range(begin, end):
            place = shapes.slot[s]
            row = shapes.second_row[source, place] if shapes.second[s] else shapes.first_row[source, place]
            total += shapes.power[k, row]
            highest = max(highest, total)
            if first <= s + 1 <= last:
                out[s + 1 - first] = highest
    year = shapes.measured[k, len(shapes.slot)]
    if highest > 0:
        factor = year / highest
        for i in range(last - first + 1):
            out[i] = int(np.rint(out[i] * factor))
    else:
        # A shape with so few active days that none was drawn: that home keeps the measured year.
        out[:] = shapes.measured[k, first : last + 1]


@njit(cache=True, nogil=True)
def _whole_wh(value: int, numerator: int, denominator: int) -> int:
    """Compute value x numerator / denominator, rounded half to even; the quotient apart, so that it fits 62 bits."""
    whole = value // denominator
    product = (value - whole * denominator) * numerator
    more = product // denominator
    rest = product - more * denominator
    rounded = whole * numerator + more
    if 2 * rest > denominator or (2 * rest == denominator and rounded & 1):
        rounded += 1
    return rounded


@njit(cache=True, nogil=True)
def homes_load_wh(
    shapes: Shapes,
    window: Window,
    keys: Ints,
    shape: Ints,
    rated_w: Ints,
    own_days: bool,
    rows: Ints,
    lead: int,
    load_wh: Ints,
    before_wh: Ints,
) -> None:
    """Fill in what each home takes in each period.

    Parameters
    ----------
    keys, shape, rated_w, rows : (n,) int64
        Key of the home's days, its profile, its rating [W], and its row in the results.
    own_days : bool
        False takes the year as measured.
    lead : int
        Periods of the window before the run begins.
    load_wh : (a, p) int64
        Energy of the run's periods [Wh].
    before_wh : (a, p) int64
        The same `lead` periods earlier; left as it is where it has no rows.
    """
    running = np.empty(window.last - window.first + 1, np.int64)
    periods = load_wh.shape[1]
    for i in range(len(keys)):
        if own_days:
            _own_running(shapes, shape[i], keys[i], window.first, window.last, running)
        else:
            running[:] = shapes.measured[shape[i], window.first : window.last + 1]
        numerator = rated_w[i] * window.unit
        earlier = 0
        for j in range(len(window.step)):
            at = window.step[j]
            here = running[at]
            ahead = running[min(at + 1, len(running) - 1)] - here
            edge = _whole_wh(here * window.parts + ahead * window.inside[j], numerator, window.full)
            if j > lead:
                load_wh[rows[i], j - 1 - lead] = edge - earlier
            if 0 < j <= periods and len(before_wh) > 0:
                before_wh[rows[i], j - 1] = edge - earlier
            earlier = edge
