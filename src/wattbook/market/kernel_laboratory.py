"""What only traders of a laboratory market see, as compiled functions over columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numba import njit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]


@njit(cache=True, nogil=True)
def see_traders(
    limit_tick: Ints, side: int, units: int, shout: Ints, agent: int, takes_turns: bool, turn: Ints, rows: Ints
) -> None:
    """Write what only a trader sees into `rows` (n, fields); see `see_trader`."""
    for i in range(len(rows)):
        see_trader(limit_tick, side, units, shout, agent, takes_turns, turn, rows[i])


@njit(cache=True, nogil=True)
def see_trader(
    limit_tick: Ints, side: int, units: int, shout: Ints, agent: int, takes_turns: bool, turn: Ints, row: Ints
) -> None:
    """Write what only a trader sees into `row` (fields,) of an observation.

    Parameters
    ----------
    limit_tick : (u,) int64
    shout : (p, 3) int64
        Of the trader's book.
    """
    period, position_wh = row[2], row[36]
    done = min(max(side * position_wh, 0), units)
    row[47] = limit_tick[done]
    row[48] = side
    row[49] = units - done
    row[50] = 1 if not takes_turns or turn[0] == agent else 0
    row[51] = turn[1] if takes_turns else 0
    row[52] = shout[period, 0]
    row[53] = shout[period, 1]
    row[54] = shout[period, 2]
