"""What all traders of a laboratory market see of one product, and what they make of it, each as one compiled call."""

# mypy: disable-error-code="call-arg, var-annotated"
# numba's intrinsics take one argument less than they are declared with.

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from wattbook.market.kernel_laboratory import see_trader
from wattbook.messages import FOREVER, OUT_COLUMNS, OUT_ROWS
from wattbook.world.kernel import observe_one
from wattbook.world.kernel_looks import KEPT_AT, OUT_ROOM, call_look

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wattbook.market.columns import Ring, Rules, Town
    from wattbook.world.kernel import Sights

    Ints = NDArray[np.int64]


@njit(cache=True, nogil=True)
def observe_traders(
    rules: Rules,
    town: Town,
    ring: Ring,
    sights: Sights,
    balance: Ints,
    reserved: Ints,
    credit_limit: Ints,
    limit_tick: Ints,
    side: Ints,
    units: Ints,
    shout: Ints,
    turn: Ints,
    agents: Ints,
    period: int,
    now_ms: int,
    levy_tick: int,
    step_tick: int,
    rows: Ints,
) -> None:
    """Write what each of `agents` (n,), all traders, sees of one product into `rows` (n, fields)."""
    for i in range(len(agents)):
        agent = agents[i]
        observe_one(
            rules, town, ring, sights, balance, reserved, credit_limit, agent, period, period + 1, now_ms, levy_tick,
            step_tick, rows[i],
        )  # fmt: skip
        see_trader(limit_tick[agent], side[agent], units[agent], shout[rules.feeder[agent]], agent, True, turn, rows[i])


@njit(cache=True, nogil=True)
def ask_traders(
    looks: Ints,
    quarantined: Ints,
    memory: Ints,
    draw_keys: Ints,
    look_ms: Ints,
    agents: Ints,
    period: int,
    now_ms: int,
    rows: Ints,
    out: Ints,
    done: Ints,
) -> None:
    """Let each of `agents` (n,) decide about what it sees, `rows` (n, fields), by its compiled policy.

    Parameters
    ----------
    looks : (a,) int64
        Address of each agent's compiled policy; 0 for who has none.
    out : (n, OUT_ROWS, OUT_COLUMNS) int64
        Gets what each asks for.
    done : (n,) int64
        Gets 1 for who has decided; 0, with its memory as it was, for who has no compiled policy, is quarantined, or
        whose policy failed.
    """
    kept = memory[0].copy()
    # A look may use the places behind its rows of `out`: there are none behind the last of these.
    room = np.zeros(OUT_ROOM, np.int64)
    own = room[:KEPT_AT].reshape(OUT_ROWS, OUT_COLUMNS)
    for i in range(len(agents)):
        agent = agents[i]
        done[i] = 0
        if looks[agent] == 0 or quarantined[agent] != 0:
            continue
        own[:] = 0
        kept[:] = memory[agent]
        answered, delay = call_look(
            looks[agent], rows[i:].ctypes.data, memory[agent:].ctypes.data, draw_keys[agent], room.ctypes.data
        )
        if answered == 0 or delay < 0:
            memory[agent] = kept
            continue
        out[i] = own
        look_ms[agent, period] = min(now_ms + min(delay, FOREVER), FOREVER)
        done[i] = 1
