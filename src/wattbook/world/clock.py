"""The one clock, and the order of what happens at one moment.

SimPy sorts by (time, priority, insertion). Every process has a priority of its own, so (time, rank) is a total order
and insertion never decides: registering agents in another order gives the same run.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final

import numpy as np
import simpy

from wattbook.chance import key_of
from wattbook.errors import PolicyError
from wattbook.messages import FOREVER

if TYPE_CHECKING:
    from collections.abc import Sequence

FIRST_AGENT: Final = 16
"""Agents have ranks from here on."""


class Rank(IntEnum):
    """Ranks of the fixed processes: what comes first at one millisecond.

    A period that ends is metered, settled and billed before anyone acts on its outcome; the regulator reviews what was
    settled just before bills are made, so that its fines stand on them. Gates open and close before any order of the
    same moment, so that an order at exactly gate closure is too late. What closes has its last
    auction then; auctions of what stays open follow. Then utilities and producers that
    ask a language model hear its answer and ask anew; then the contract desk, and the day-ahead market, which knows
    what was signed; then utilities' tariffs, and what they and producers send to a gateway. At the end of a run the
    last period is still settled and billed; agents do not wake any more.
    """

    DELIVERY = 1
    SETTLEMENT = 2
    COMPLIANCE = 3
    OVERSIGHT = 4
    BILLING = 5
    GATE_OPENING = 6
    GATE_CLOSURE = 7
    AUCTION = 8
    COUNSEL = 9
    DESK = 10
    MARK = 11
    DAY_AHEAD = 12
    RETAIL = 13
    GATEWAY = 14
    HORIZON = 15


class Alarm(simpy.Event):
    """An event that happens at `at_ms`, in the order of `rank`."""

    def __init__(self, env: simpy.Environment, at_ms: int, rank: int) -> None:
        super().__init__(env)
        self._ok = True
        self._value = None
        assert at_ms >= env.now, f"an alarm for {at_ms} at {env.now}"
        env.schedule(self, priority=rank, delay=at_ms - env.now)  # type: ignore[arg-type]  # any int is a priority


def moved(old: simpy.Event, new: Alarm) -> Alarm:
    """Let whoever waits for `old` wait for `new` instead; `old` then happens without anybody."""
    assert old.callbacks is not None
    assert new.callbacks is not None
    new.callbacks.extend(old.callbacks)
    old.callbacks.clear()
    return new


def next_key(env: simpy.Environment) -> tuple[int, int]:
    """Time and rank of the next event: SimPy tells the time only (`peek`), the queue that it sorts has both."""
    at_ms, rank, *_ = env._queue[0]  # noqa: SLF001 - the one look into SimPy's own state
    return int(at_ms), int(rank)


def agent_ranks(seed: int, names: Sequence[str]) -> list[int]:
    """Give each agent its rank: sorted by a hash of seed and name, so that one more agent moves nobody else."""
    order = sorted(range(len(names)), key=lambda i: (key_of(seed, names[i], "rank"), names[i]))
    ranks = [0] * len(names)
    for place, agent in enumerate(order):
        ranks[agent] = FIRST_AGENT + place
    return ranks


def checked_delay(delay: object) -> int:
    """Take a policy's answer, a delay in whole ms, or say why it is none.

    Raises
    ------
    PolicyError
        If it is no whole number, or below zero.
    """
    if isinstance(delay, bool) or not isinstance(delay, int | np.integer):
        raise PolicyError(f"a policy returns the delay to its next wake in whole ms, not {delay!r}")
    if delay < 0:
        raise PolicyError(f"a policy returned the delay {delay} ms, which lies in the past: return 0 or more")
    return min(int(delay), FOREVER)
