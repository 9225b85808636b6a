"""Looking, as compiled code: what an agent expects, what is due for a look, what it is shown, and when it wakes next.

Composed of the kernels of the rooms below. Knows nothing of what comes of a look.
"""

# mypy: disable-error-code="no-any-return, call-arg, var-annotated"
# An element of an array is Any to mypy, and functions here return one; numba gives an intrinsic one argument more.

from __future__ import annotations

from typing import TYPE_CHECKING

from wattbook.assets.kernel import forecast_on, last_update_ms, next_update_ms
from wattbook.book.kernel_machine import inlined, u
from wattbook.messages import (
    FOREVER,
)
from wattbook.world.kernel import observe_one, project_battery_one, project_group
from wattbook.world.kernel_board import (
    minds_at,
    money_at,
    outlooks_at,
    pen_at,
    ring_at,
    rules_at,
    sights_at,
    sizes_at,
    storage_at,
    town_at,
)
from wattbook.world.kernel_looks import call_look
from wattbook.world.kernel_pen import (
    AT_AGENT,
    AT_BEYOND,
    AT_CHANGED,
    AT_COUNT,
    AT_FIRST,
    AT_FRESH,
    AT_LATER,
    AT_LOOK,
    AT_NOW,
    AT_PHASE,
    AT_ROW,
    DONE,
    LIVELOCK,
    LOOKING,
    MOST_WAKES_AT_ONCE,
    UNKNOWN,
)
from wattbook.world.outlook import BATTERY_HORIZON_MS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wattbook.world.kernel_board import Minds

    Ints = NDArray[np.int64]


@inlined
def _foresee(address: int, agent: int, now_ms: int, last: int) -> bool:
    """Bring the agent's expectations up to date as far as it will look; say whether there is news."""
    n = sizes_at(address)
    rules = rules_at(address, n)
    town = town_at(address, n)
    sights = sights_at(address, n)
    storage = storage_at(address, n)
    outlooks = outlooks_at(address, n)
    o = outlooks
    current = (now_ms - rules.start_ms) // rules.period_ms
    horizon = min(current + BATTERY_HORIZON_MS // rules.period_ms, n.periods - 1)
    if storage.capacity_uwh[agent] != 0:
        last = max(last, horizon)
    last = min(last, n.periods - 1)
    if rules.is_utility[agent]:
        project_group(
            rules, town, sights, storage, o.load_base, o.generation_base, agent, current, last,
        )  # fmt: skip
    before_ms, updated_ms = o.updated_ms[agent], last_update_ms(now_ms, o.phase_ms[agent], n.every_ms)
    new = updated_ms > before_ms
    o.updated_ms[agent] = updated_ms
    # Foreseen once, a period stays as it is until the next update.
    first = current if new else max(current, o.foreseen[agent])
    if first <= last:
        known = o.foreseen[agent] - first if new else 0
        forecast_on(
            o.load_base[agent, first : last + 1], o.generation_base[agent, first : last + 1], o.scale_wh[agent],
            o.load_key[agent], o.own_key[agent],
            first, rules.start_ms + first * rules.period_ms, rules.period_ms, before_ms, updated_ms, known, o.table,
            o.cloud_ppm, o.load_raw[agent, first : last + 1], o.own_raw[agent, first : last + 1],
            sights.load_wh[agent, first : last + 1], sights.generation_wh[agent, first : last + 1],
            sights.sd_wh[agent, first : last + 1],
        )  # fmt: skip
    if new or first <= last:
        o.foreseen[agent] = last + 1
    return new


@inlined
def _earliest(minds: Minds, agent: int, first: int, last: int) -> int:
    """When the agent wants to look at one of the products `first` to before `last`."""
    at_ms = FOREVER
    for period in range(first, last):
        at_ms = min(at_ms, minds.look_ms[u(agent), u(period)])
    return at_ms


@inlined
def begin(address: int, agent: int, now_ms: int) -> int:
    """Begin a wake: note which products are due for a look."""
    n = sizes_at(address)
    rules = rules_at(address, n)
    town = town_at(address, n)
    minds = minds_at(address, n)
    pen = pen_at(address, n)
    pen.wakes[0] += 1
    if minds.woke_ms[agent] != now_ms:
        minds.woke_ms[agent] = now_ms
        minds.woke_often[agent] = 0
    minds.woke_often[agent] += 1
    if minds.woke_often[agent] > MOST_WAKES_AT_ONCE:
        return LIVELOCK
    state = pen.state
    state[AT_AGENT], state[AT_NOW], state[AT_COUNT], state[AT_LOOK], state[AT_CHANGED] = agent, now_ms, 0, 0, 1
    state[AT_PHASE] = LOOKING
    if town.quarantined[agent]:
        state[AT_FIRST] = -1
        return DONE
    period_ms, start_ms = rules.period_ms, rules.start_ms
    first = -(-(now_ms - start_ms) // period_ms)
    ahead_ms = minds.look_ahead_ms[agent] + rules.closes_before_ms
    last = min((now_ms + ahead_ms - start_ms) // period_ms, n.opened - 1)
    fresh = minds.seen[agent] + 1
    minds.seen[agent] = n.opened - 1
    new = _foresee(address, agent, now_ms, max(last, n.opened - 1) if fresh < n.opened else last)
    count = 0
    beyond = max(last + 1, first)
    for period in range(first, min(beyond, n.opened)):
        if new or period >= fresh or minds.look_ms[agent, period] <= now_ms:
            pen.due[count] = period
            count += 1
    # Beyond its window an agent has seldom anything to do, and then finds there what it found at the wake's end.
    later_ms = _earliest(minds, agent, beyond, n.opened)
    if fresh < n.opened or later_ms <= now_ms:
        later_ms = UNKNOWN
        for period in range(beyond, n.opened):
            if period >= fresh or minds.look_ms[agent, period] <= now_ms:
                pen.due[count] = period
                count += 1
    state[AT_COUNT], state[AT_FRESH], state[AT_FIRST] = count, fresh, first
    state[AT_BEYOND], state[AT_LATER] = beyond, later_ms
    return DONE


@inlined
def look_at_next(address: int) -> bool:
    """Show the agent the next of its products; False if its policy failed."""
    n = sizes_at(address)
    rules = rules_at(address, n)
    town = town_at(address, n)
    ring = ring_at(address, n)
    money = money_at(address, n)
    sights = sights_at(address, n)
    storage = storage_at(address, n)
    minds = minds_at(address, n)
    pen = pen_at(address, n)
    state = pen.state
    agent, now_ms, period = state[AT_AGENT], state[AT_NOW], pen.due[state[AT_LOOK]]
    if storage.capacity_uwh[agent] != 0:
        current = (now_ms - rules.start_ms) // rules.period_ms
        horizon = min(current + BATTERY_HORIZON_MS // rules.period_ms, n.periods - 1)
        is_new = state[AT_CHANGED] != 0
        project_battery_one(rules, town, sights, storage, agent, current, horizon, period, is_new, pen.scratch)
        state[AT_CHANGED] = 0
    observe_one(
        rules, town, ring, sights, money.balance, money.reserved, money.credit_limit, agent, period,
        state[AT_FRESH], now_ms, n.levy_tick, n.step_tick, pen.row,
    )  # fmt: skip
    pen.out[:] = 0
    done, delay = call_look(
        minds.look[agent], pen.row.ctypes.data, minds.memory[agent:].ctypes.data, minds.draw_key[agent],
        pen.out.ctypes.data,
    )  # fmt: skip
    if done == 0 or delay < 0:
        return False
    minds.look_ms[agent, period] = min(now_ms + min(delay, FOREVER), FOREVER)
    state[AT_ROW] = 0
    return True


@inlined
def next_wake_ms(address: int, agent: int, now_ms: int) -> int:
    """Give the earliest of: a look that its policy asked for, its next forecast, the next gate opening."""
    n = sizes_at(address)
    rules = rules_at(address, n)
    minds = minds_at(address, n)
    outlooks = outlooks_at(address, n)
    pen = pen_at(address, n)
    first, later_ms = pen.state[AT_FIRST], pen.state[AT_LATER]
    if first < 0:
        return FOREVER
    if later_ms == UNKNOWN:
        at_ms = _earliest(minds, agent, first, n.opened)
    else:
        at_ms = min(_earliest(minds, agent, first, min(pen.state[AT_BEYOND], n.opened)), later_ms)
    if minds.look_ahead_ms[agent] > 0:
        at_ms = min(at_ms, next_update_ms(now_ms, outlooks.phase_ms[agent], n.every_ms))
    elif n.opened < n.periods:
        at_ms = min(at_ms, rules.opens_ms[n.opened] + outlooks.phase_ms[agent])
    return max(at_ms, now_ms)
