"""One wake as compiled code: an agent looks at its products and acts, straight into the order book and the journal.

Composed of the kernels of all rooms below; the rules stand there, once. What `World.wake` does in Python this does with
the same rows as its outcome. Where room runs short, or a command is rare, it returns a reason, and goes on from
the same place when it is called again: the pen remembers.
"""

# mypy: disable-error-code="no-any-return, call-arg, var-annotated"
# An element of an array is Any to mypy, and functions here return one; numba gives an intrinsic one argument more.

from __future__ import annotations

from typing import TYPE_CHECKING

from numba import njit

from wattbook.book.kernel_machine import inlined, line
from wattbook.messages import (
    OUT_ACTION,
    OUT_ROWS,
)
from wattbook.world.kernel_acting import BATTERY, CANCEL, NOMINATE, OPEN, REPLACE, SUBMIT, act
from wattbook.world.kernel_ahead import COUNT, FIRST_BOARD, LATEST, MANY, board_of, look_ahead
from wattbook.world.kernel_board import (
    minds_at,
    notices_at,
    pen_at,
    rules_at,
    sizes_at,
    wheel_at,
)
from wattbook.world.kernel_looking import begin, look_at_next, next_wake_ms
from wattbook.world.kernel_pen import (
    ACTING,
    AT_AGENT,
    AT_COUNT,
    AT_LOOK,
    AT_NOW,
    AT_PHASE,
    AT_ROW,
    DONE,
    FAILED,
    IDLE,
    LOOKING,
    NO_ACTION,
    NOTICE,
    RARE,
)
from wattbook.world.kernel_wheel import PLACE, PLACE_BITS, first_key, put, remove, take

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]


@inlined
def _go_on(address: int) -> int:
    """Carry a wake on until it ends or something keeps it."""
    n = sizes_at(address)
    minds = minds_at(address, n)
    pen = pen_at(address, n)
    state = pen.state
    while state[AT_LOOK] < state[AT_COUNT]:
        if state[AT_PHASE] == LOOKING:
            if not look_at_next(address):
                return FAILED
            state[AT_PHASE] = ACTING
        while state[AT_ROW] < OUT_ROWS:
            action = pen.out[state[AT_ROW], OUT_ACTION]
            if action == 0:
                break
            if action < 0 or action >= OPEN:
                action = NO_ACTION
            if action not in (SUBMIT, CANCEL, REPLACE, NOMINATE, BATTERY):
                return RARE
            reason = act(address, action)
            if reason != DONE:
                return reason
            state[AT_PHASE] = ACTING
            state[AT_ROW] += 1
        state[AT_PHASE] = LOOKING
        state[AT_LOOK] += 1
    agent = state[AT_AGENT]
    minds.next_ms[agent] = next_wake_ms(address, agent, state[AT_NOW])
    state[AT_PHASE] = IDLE
    return DONE


@inlined
def _answer_notices(address: int, now_ms: int) -> bool:
    """Let those who were filled wake now; say whether some of them are left, whom Python wakes."""
    n = sizes_at(address)
    minds, notices = minds_at(address, n), notices_at(address, n)
    left = 0
    for i in range(notices.waits[0]):
        agent = notices.queue[i]
        if minds.look[agent] == 0:
            notices.queue[left] = agent
            left += 1
            continue
        notices.waiting[agent] = 0
        if minds.next_ms[agent] > now_ms:
            hasten_at(address, agent, now_ms)
    notices.waits[0] = left
    return left != 0


@njit(cache=True, nogil=True)
def hasten_at(address: int, agent: int, now_ms: int) -> None:
    """Let an agent that belongs on the wheel wake now."""
    n = sizes_at(address)
    wheel, minds = wheel_at(address, n), minds_at(address, n)
    if wheel.key[agent] >= 0:
        remove(wheel, agent)
    minds.next_ms[agent] = now_ms
    put(wheel, agent, now_ms - n.origin_ms, minds.place[agent])


# --- entries


@njit(cache=True, nogil=True)
def wake_at(address: int, agent: int, now_ms: int) -> int:
    """Wake one agent, or go on with its wake; 0 when it is over and its column tells the next, else what keeps it."""
    if pen_at(address, sizes_at(address)).state[AT_PHASE] == IDLE:
        reason = begin(address, agent, now_ms)
        if reason != DONE:
            return reason
    return _go_on(address)


@njit(cache=True, nogil=True)
def run_at(round_at: int, until_ms: int, until_place: int) -> int:
    """Wake agents in the order of (time, place) while they come before (`until_ms`, `until_place`).

    Parameters
    ----------
    round_at : int
        Address of: the number of boards, the one whose wake was the latest, and the boards' addresses, by stall where
        there are several. They have one wheel.

    Returns
    -------
    int
        0 when nobody comes before the limit. Otherwise what keeps the wake that has begun.
    """
    count = line(round_at, FIRST_BOARD)[COUNT]
    table = line(round_at, FIRST_BOARD + count)
    boards = table[FIRST_BOARD:]
    first = boards[0]
    n = sizes_at(first)
    wheel, minds, notices, rules = wheel_at(first, n), minds_at(first, n), notices_at(first, n), rules_at(first, n)
    origin_ms = n.origin_ms
    limit = (until_ms - origin_ms) << PLACE_BITS | until_place
    address = boards[table[LATEST]]
    state = pen_at(address, n).state
    while True:
        if state[AT_PHASE] == IDLE:
            key = first_key(wheel, n.end_ms - origin_ms)
            if key < 0 or key >= limit:
                return DONE
            agent = minds.agent_at[key & PLACE]
            take(wheel, agent)
            table[LATEST] = board_of(count, rules, agent)
            address = boards[table[LATEST]]
            state = pen_at(address, n).state
            state[AT_AGENT], state[AT_NOW] = agent, origin_ms + (key >> PLACE_BITS)
            if n.agents > MANY:
                look_ahead(boards, n, rules, wheel, minds, -(-(state[AT_NOW] - rules.start_ms) // rules.period_ms))
        agent = state[AT_AGENT]
        reason = wake_at(address, agent, state[AT_NOW])
        if reason != DONE:
            return reason
        now_ms = state[AT_NOW]
        if minds.next_ms[agent] <= n.end_ms:
            put(wheel, agent, minds.next_ms[agent] - origin_ms, minds.place[agent])
        if notices.waits[0] != 0 and _answer_notices(address, now_ms):
            return NOTICE


@njit(cache=True, nogil=True)
def answer_at(address: int, now_ms: int) -> bool:
    """Let those who were filled wake now, as after each wake; say whether some of them are left, whom Python wakes."""
    return _answer_notices(address, now_ms)


@njit(cache=True, nogil=True)
def put_all_at(address: int, members: Ints) -> None:
    """Put those of `members` (any,) who have a compiled policy on an empty wheel."""
    n = sizes_at(address)
    wheel, minds = wheel_at(address, n), minds_at(address, n)
    for agent in members:
        if minds.look[agent] != 0 and minds.next_ms[agent] <= n.end_ms:
            put(wheel, agent, minds.next_ms[agent] - n.origin_ms, minds.place[agent])


@njit(cache=True, nogil=True)
def first_key_at(address: int) -> int:
    """Key of who comes next on the wheel, -1 for nobody."""
    n = sizes_at(address)
    return first_key(wheel_at(address, n), n.end_ms - n.origin_ms)
