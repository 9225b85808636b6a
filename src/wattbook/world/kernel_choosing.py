"""What members will draw and feed in on a day to come, as a compiled function.

Composed of the kernels of the rooms below. Changes nothing: who is looked at here has not looked itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numba import njit

from wattbook.assets.kernel import forecast, last_update_ms
from wattbook.world.kernel import project_one

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wattbook.assets import Batteries
    from wattbook.market.columns import Rules, Town

    Ints = NDArray[np.int64]


class Habits(NamedTuple):
    """What members' forecasts come from, see `wattbook.world.outlook`."""

    phase_ms: Ints
    """(a,)"""
    scale_wh: Ints
    """(a,)"""
    load_key: Ints
    """(a,)"""
    own_key: Ints
    """(a,)"""
    load_base: Ints
    """(a, p)"""
    generation_base: Ints
    """(a, p)"""
    table: Ints
    """(5, stages)"""
    cloud_key: int
    every_ms: int


@njit(cache=True, nogil=True)
def expect_use(
    rules: Rules, town: Town, storage: Batteries, habits: Habits, members: Ints, now_ms: int, first: int,
    drawn_wh: Ints, fed_in_wh: Ints,
) -> None:  # fmt: skip
    """Expect what each of `members` (m,) draws and feeds in from the period `first` on, if it trades nothing then.

    By each one's own forecast as of its latest update. A battery goes on from its charge now; until `first` what was
    traded counts.

    Parameters
    ----------
    drawn_wh, fed_in_wh : (m, n)
        Where that goes, of n periods.
    """
    end = first + drawn_wh.shape[1]
    current = (now_ms - rules.start_ms) // rules.period_ms
    seen = np.empty((3, end - current), np.int64)
    out = np.empty((4, end - current), np.int64)
    for i in range(len(members)):
        agent = members[i]
        begin = current if storage.capacity_uwh[agent] > 0 else first
        n = end - begin
        forecast(
            habits.load_base[agent, begin:end], habits.generation_base[agent, begin:end], habits.scale_wh[agent],
            habits.load_key[agent], habits.cloud_key, habits.own_key[agent], begin,
            rules.start_ms + begin * rules.period_ms, rules.period_ms,
            last_update_ms(now_ms, habits.phase_ms[agent], habits.every_ms), habits.table,
            seen[0, :n], seen[1, :n], seen[2, :n],
        )  # fmt: skip
        net_wh = seen[0, :n] - seen[1, :n]
        if storage.capacity_uwh[agent] > 0:
            for t in range(first - begin):
                net_wh[t] -= town.net_wh[0, agent, begin + t] + town.net_wh[1, agent, begin + t]
            project_one(
                rules, town, storage, agent, begin, net_wh, out[0, :n], out[1, :n], out[2, :n], out[3, :n]
            )  # fmt: skip
            net_wh -= out[0, :n]
        for t in range(end - first):
            wh = net_wh[first - begin + t]
            drawn_wh[i, t] = max(wh, 0)
            fed_in_wh[i, t] = max(-wh, 0)
