"""A timing wheel: which agent wakes next, in the total order of (time, rank).

Owns the waiting agents as compiled functions over columns. An agent waits once or not at all; its place in the order
among agents stands for its rank. The wheel turns in buckets of some seconds: a bucket's agents are sorted when it
is reached, and those that come later are put between them. Whoever sleeps longer than a turn waits beside the wheel.

References
----------
Varghese & Lauck (1987), SOSP, scheme 6, with an overflow list in place of a hierarchy.
"""

# mypy: disable-error-code="no-any-return"
# An element of an array is Any to mypy, and functions here return one.

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from wattbook.book.kernel_machine import inlined, lowest_bit, u
from wattbook.records import columns_of, records

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

SHIFT: Final = 13
"""A bucket lasts 2**13 ms: long enough that looking ahead finds somebody to look at."""
BUCKETS: Final = 1 << 14
"""A turn lasts 37 hours: nobody of a day-ahead market sleeps longer as a rule."""
PLACE_BITS: Final = 24
PLACE: Final = (1 << PLACE_BITS) - 1
"""Most agents of a population."""
NONE: Final = -1
AFAR: Final = -2
"""Where agents wait who sleep longer than a turn."""

FEW: Final = 64
"""Keys that are sorted one by one."""
WIDTH: Final = 4
"""Numbers in an agent's record."""
AT_BUCKET, AT_NEXT, AT_LENGTH, AT_AFAR, AT_CASCADE = range(5)


class Wheel(NamedTuple):
    """Columns of a wheel for `a` agents, int64.

    A bucket's key is (time << PLACE_BITS | place): times are counted from `origin_ms`, so 63 bits hold 17 years.
    """

    state: Ints
    """(8,) the bucket reached, next row of `batch`, its length, how many wait afar, when they are looked at again."""
    head: Ints
    """(BUCKETS,) first agent of each bucket, -1 for none."""
    words: Ints
    """(BUCKETS / 64,) which buckets are not empty."""
    batch: Ints
    """(a,) keys of the bucket that is reached, sorted."""
    afar: Ints
    """(a,) agents that wait beside the wheel, in no order."""
    after: Ints
    """(a,) next agent of the same bucket; in one record with the three that follow."""
    before: Ints
    """(a,) agent before it in its bucket, -1 for the first."""
    key: Ints
    """(a,) key of the agent's wake, -1 if it does not wait."""
    where: Ints
    """(a,) the agent's row of `afar`, -1 if it is not there."""


def nobody_waits(agents: int) -> tuple[Ints, ...]:
    """Lay out the columns in which agents wait: of one wheel, or of several that share the agents out."""
    return tuple(columns_of(records(agents, WIDTH), NONE, NONE, NONE, NONE))


def empty_wheel(agents: int, waiting: tuple[Ints, ...] | None = None) -> Wheel:
    """Make a wheel on which nobody waits, standing at its origin."""
    assert agents <= PLACE, f"a population has at most {PLACE} agents"
    state = np.zeros(8, np.int64)
    state[AT_CASCADE] = BUCKETS // 2
    return Wheel(
        state,
        np.full(BUCKETS, NONE, np.int64),
        np.zeros(BUCKETS // 64, np.int64),
        np.zeros(agents, np.int64),
        np.zeros(agents, np.int64),
        *(nobody_waits(agents) if waiting is None else waiting),
    )


@inlined
def _place_in_batch(w: Wheel, key: int) -> int:
    """First row of what is left of the batch whose key is not below `key`."""
    low, high = w.state[AT_NEXT], w.state[AT_LENGTH]
    while low < high:
        middle = (low + high) >> 1
        if w.batch[u(middle)] < key:
            low = middle + 1
        else:
            high = middle
    return low


@inlined
def _into_batch(w: Wheel, key: int) -> None:
    row, first, last = _place_in_batch(w, key), w.state[AT_NEXT], w.state[AT_LENGTH]
    if first > 0 and row - first < last - row:
        # Room in front, and less to move there.
        for i in range(first, row):
            w.batch[u(i - 1)] = w.batch[u(i)]
        w.batch[u(row - 1)] = key
        w.state[AT_NEXT] = first - 1
        return
    if last == len(w.batch):
        for i in range(first, last):
            w.batch[u(i - first)] = w.batch[u(i)]
        row, last = row - first, last - first
        w.state[AT_NEXT] = 0
    for i in range(last, row, -1):
        w.batch[u(i)] = w.batch[u(i - 1)]
    w.batch[u(row)] = key
    w.state[AT_LENGTH] = last + 1


@inlined
def _into_bucket(w: Wheel, agent: int, bucket: int) -> None:
    at = bucket & (BUCKETS - 1)
    first = w.head[u(at)]
    w.after[u(agent)] = first
    w.before[u(agent)] = NONE
    if first != NONE:
        w.before[u(first)] = agent
    else:
        w.words[u(at >> 6)] |= 1 << (at & 63)
    w.head[u(at)] = agent


@inlined
def _put_afar(w: Wheel, agent: int) -> None:
    row = w.state[AT_AFAR]
    w.afar[u(row)] = agent
    w.where[u(agent)] = row
    w.state[AT_AFAR] = row + 1


@inlined
def _take_from_afar(w: Wheel, agent: int) -> None:
    row, last = w.where[u(agent)], w.state[AT_AFAR] - 1
    other = w.afar[u(last)]
    w.afar[u(row)] = other
    w.where[u(other)] = row
    w.where[u(agent)] = NONE
    w.state[AT_AFAR] = last


@inlined
def put(w: Wheel, agent: int, at: int, place: int) -> None:
    """Let an agent that does not wait wait for `at` [ms since origin], not before the key that was taken last."""
    key = at << PLACE_BITS | place
    w.key[u(agent)] = key
    bucket = at >> SHIFT
    if bucket <= w.state[AT_BUCKET]:
        _into_batch(w, key)
    elif bucket < w.state[AT_BUCKET] + BUCKETS:
        _into_bucket(w, agent, bucket)
    else:
        _put_afar(w, agent)


@inlined
def remove(w: Wheel, agent: int) -> None:
    """Take out an agent that waits."""
    key = w.key[u(agent)]
    w.key[u(agent)] = NONE
    bucket = key >> PLACE_BITS >> SHIFT
    if w.where[u(agent)] != NONE:
        _take_from_afar(w, agent)
    elif bucket <= w.state[AT_BUCKET]:
        row, last = _place_in_batch(w, key), w.state[AT_LENGTH] - 1
        for i in range(row, last):
            w.batch[u(i)] = w.batch[u(i + 1)]
        w.state[AT_LENGTH] = last
    else:
        after, before = w.after[u(agent)], w.before[u(agent)]
        if after != NONE:
            w.before[u(after)] = before
        if before != NONE:
            w.after[u(before)] = after
        else:
            row = bucket & (BUCKETS - 1)
            w.head[u(row)] = after
            if after == NONE:
                w.words[u(row >> 6)] &= ~(1 << (row & 63))


@inlined
def _cascade(w: Wheel) -> None:
    """Bring everybody from afar onto the wheel who wakes within the next turn."""
    row = 0
    while row < w.state[AT_AFAR]:
        agent = w.afar[u(row)]
        bucket = w.key[u(agent)] >> PLACE_BITS >> SHIFT
        if bucket < w.state[AT_BUCKET] + BUCKETS:
            _take_from_afar(w, agent)
            _into_bucket(w, agent, bucket)
        else:
            row += 1
    w.state[AT_CASCADE] = w.state[AT_BUCKET] + BUCKETS // 2


@inlined
def _next_bucket(w: Wheel) -> int:
    """Next bucket behind the one reached that is not empty or at which those from afar are due for a look."""
    last = w.state[AT_CASCADE]
    bucket = w.state[AT_BUCKET] + 1
    while bucket < last:
        at = bucket & (BUCKETS - 1)
        word = w.words[u(at >> 6)] >> (at & 63)
        if at & 63 != 0:
            word &= (1 << (64 - (at & 63))) - 1
        if word != 0:
            return min(bucket + lowest_bit(word), last)
        bucket += 64 - (at & 63)
    return last


@inlined
def _sort(w: Wheel, count: int) -> None:
    """Sort the batch. A few keys are put in their places one by one: numba's own sort asks for memory each time."""
    if count > FEW:
        w.batch[:count].sort()
        return
    for last in range(1, count):
        key, row = w.batch[u(last)], last
        while row > 0 and w.batch[u(row - 1)] > key:
            w.batch[u(row)] = w.batch[u(row - 1)]
            row -= 1
        w.batch[u(row)] = key


@inlined
def first_key(w: Wheel, until: int) -> int:
    """Key of who wakes next, if that is in the bucket of `until` [ms since origin] or before; else -1."""
    while w.state[AT_NEXT] == w.state[AT_LENGTH]:
        bucket = _next_bucket(w)
        if bucket > until >> SHIFT:
            return NONE
        w.state[AT_BUCKET] = bucket
        if bucket == w.state[AT_CASCADE]:
            _cascade(w)
        at, count = bucket & (BUCKETS - 1), 0
        agent = w.head[u(at)]
        while agent != NONE:
            w.batch[u(count)] = w.key[u(agent)]
            agent = w.after[u(agent)]
            count += 1
        w.head[u(at)] = NONE
        w.words[u(at >> 6)] &= ~(1 << (at & 63))
        w.state[AT_NEXT] = 0
        w.state[AT_LENGTH] = count
        _sort(w, count)
    return w.batch[u(w.state[AT_NEXT])]


@inlined
def take(w: Wheel, agent: int) -> None:
    """Take out the agent of `first_key`."""
    w.state[AT_NEXT] += 1
    w.key[u(agent)] = NONE
