"""What all traders of a laboratory market see of one product, as one compiled call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numba import njit

from wattbook.market.kernel_laboratory import see_trader
from wattbook.world.kernel import observe_one

if TYPE_CHECKING:
    import numpy as np
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
