"""Delivery and settlement as compiled functions over columns: one pass a step, nothing laid out anew.

Rules in prose: docs/market-rules.md, section 5. The order of the steps is told in `wattbook.market.settlement`.

What is kept for agent and period lies agent by agent, so one period's numbers lie far apart. Each is fetched once, into
columns of one number an agent; all steps work on those. (Asking the memory ahead for those of agents to come was tried:
no gain, since no agent's waits for another's.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from numba import njit

from wattbook.assets.kernel import divide_even
from wattbook.units import PPM

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wattbook.market.columns import Town

    Ints = NDArray[np.int64]


class Meters(NamedTuple):
    """What the meters show of one period, (a,) each [Wh], in the order of the journal's columns; see `Readings`."""

    load_wh: Ints
    generation_wh: Ints
    charge_wh: Ints
    discharge_wh: Ints
    curtailed_wh: Ints
    traded_wh: Ints
    residual_wh: Ints
    soc_wh: Ints
    substitute: Ints


class Before(NamedTuple):
    """What a delivery begins with beside the meters, (a,) each."""

    take_limit_wh: Ints
    give_limit_wh: Ints
    soc_uwh: Ints


class Dues(NamedTuple):
    """What each agent receives (positive) or pays in one period, (a,) each [1e-8 EUR], and what it is due on [Wh]."""

    near_wh: Ints
    """Bought - sold in the feeder's book, or shared."""
    wide_wh: Ints
    """In the wide book, the district's or a gateway's."""
    near: Ints
    """For energy bought and sold in the feeder's book."""
    wide: Ints
    """In the wide book."""
    retail: Ints
    feed_in: Ints
    network: Ints
    levy: Ints
    vat: Ints
    maintenance: Ints


# --- delivery


@njit(cache=True, nogil=True)
def begin_delivery(
    load_wh: Ints, generation_wh: Ints, capacity_uwh: Ints, soc_uwh: Ints, town: Town, has_wide: bool, p: int,
    meters: Meters, before: Before,
) -> None:  # fmt: skip
    """Fetch what the delivery of period `p` begins with.

    `load_wh` and `generation_wh` are (a, p), `capacity_uwh` and `soc_uwh` (a,). Limits count only where a battery is.
    """
    for i in range(len(soc_uwh)):
        meters.load_wh[i] = load_wh[i, p]
        meters.generation_wh[i] = generation_wh[i, p]
        meters.traded_wh[i] = town.net_wh[0, i, p]
        if has_wide:
            meters.traded_wh[i] += town.net_wh[1, i, p]
        if capacity_uwh[i] > 0:
            before.take_limit_wh[i] = town.take_limit_wh[i, p]
            before.give_limit_wh[i] = town.give_limit_wh[i, p]
        before.soc_uwh[i] = soc_uwh[i]


@njit(cache=True, nogil=True)
def write_meters(
    homes: Ints, meters: Meters, command: int, period: int, columns: tuple[NDArray[Any], ...], fill: Ints
) -> None:
    """Write one row a home (h,) into the journal's chunk; `columns`, `fill`: see `wattbook.messages.METERS`."""
    row = fill[0]
    for agent in homes:
        columns[1][row] = command
        columns[2][row] = period
        columns[3][row] = agent
        columns[4][row] = meters.load_wh[agent]
        columns[5][row] = meters.generation_wh[agent]
        columns[6][row] = meters.charge_wh[agent]
        columns[7][row] = meters.discharge_wh[agent]
        columns[8][row] = meters.curtailed_wh[agent]
        columns[9][row] = meters.traded_wh[agent]
        columns[10][row] = meters.residual_wh[agent]
        columns[11][row] = meters.soc_wh[agent]
        columns[12][row] = meters.substitute[agent]
        row += 1
    fill[1] += row - fill[0]
    fill[0] = row


# --- settlement


@njit(cache=True, nogil=True)
def begin_settlement(town: Town, maintenance: Ints, reserved: Ints, has_wide: bool, p: int, dues: Dues) -> None:
    """Fetch what the settlement of period `p` begins with; money set aside for its trades becomes free.

    `maintenance` (a, p) is a cost; `reserved` (accounts,).
    """
    for i in range(len(dues.near)):
        dues.near_wh[i] = town.net_wh[0, i, p]
        dues.near[i] = town.pay[0, i, p]
        if has_wide:
            dues.wide_wh[i] = town.net_wh[1, i, p]
            dues.wide[i] = town.pay[1, i, p]
        dues.maintenance[i] = -maintenance[i, p]
        if town.committed[i, p] != 0:
            reserved[i] -= town.committed[i, p]
            town.committed[i, p] = 0


@njit(cache=True, nogil=True)
def flows_of(net_wh: int, near_wh: int, wide_wh: int) -> tuple[int, int, int]:
    """Split a home's withdrawal by the path it came by.

    What was sold on one path offsets what was bought on the other, the farther first; the nearer path fills the
    withdrawal first; what is left came by the grid above.

    Parameters
    ----------
    net_wh : int
        Metered withdrawal - feed-in.
    near_wh, wide_wh : int
        Bought - sold in the feeder's and in the wide book.
    """
    withdrawal = max(net_wh, 0)
    near, wide = max(near_wh, 0), max(wide_wh, 0)
    sold = max(-near_wh, 0) + max(-wide_wh, 0)
    offset = min(wide, sold)
    wide -= offset
    near = max(near - (sold - offset), 0)
    by_near = min(near, withdrawal)
    by_wide = min(wide, withdrawal - by_near)
    return by_near, by_wide, withdrawal - by_near - by_wide


@njit(cache=True, nogil=True)
def bill_period(
    p: int,
    residual_wh: Ints,
    utility: Ints,
    vat_ppm: Ints,
    energy_vat_ppm: Ints,
    retail_tick: Ints,
    feed_in_tick: Ints,
    fee_tick: Ints,
    levy_tick: int,
    flow_wh: Ints,
    dues: Dues,
) -> None:
    """Work out what each home owes for period `p` beside its trades and upkeep, and the flows.

    `energy_vat_ppm` is due on what is paid, net, in the wide book. `fee_tick` and `flow_wh` tell fees and flows within
    the feeder, by the wide book, and of the rest. All arrays are int64; (a,) but `fee_tick` (3,), `retail_tick` and
    `feed_in_tick` (a, p) in the utilities' rows, and `flow_wh` (3,), which is added to.
    """
    for i in range(len(residual_wh)):
        retail, feed_in, network, levy, vat = 0, 0, 0, 0, 0
        if utility[i] >= 0:
            residual, near_wh, wide_wh = residual_wh[i], dues.near_wh[i], dues.wide_wh[i]
            by_near, by_wide, by_grid = flows_of(near_wh + wide_wh + residual, near_wh, wide_wh)
            flow_wh[0] += by_near
            flow_wh[1] += by_wide
            flow_wh[2] += by_grid
            if residual > 0:
                retail = -residual * retail_tick[utility[i], p]
            else:
                feed_in = -residual * feed_in_tick[utility[i], p]
            network = -(by_near * fee_tick[0] + by_wide * fee_tick[1] + by_grid * fee_tick[2])
            levy = -(by_near + by_wide + by_grid) * levy_tick
            taxed = (retail + network + levy) * vat_ppm[i] + min(dues.wide[i], 0) * energy_vat_ppm[i]
            vat = divide_even(taxed, PPM)
        dues.retail[i] = retail
        dues.feed_in[i] = feed_in
        dues.network[i] = network
        dues.levy[i] = levy
        dues.vat[i] = vat


@njit(cache=True, nogil=True)
def metered_wh(residual_wh: Ints, utility: Ints, group: int) -> int:
    """Sum the residuals of the customers of utility `group`."""
    total = 0
    for i in range(len(residual_wh)):
        if utility[i] == group:
            total += residual_wh[i]
    return total


# --- legs: laid down where the journal's chunk of postings goes on, so that nothing is copied


@njit(cache=True, nogil=True)
def lay_legs(
    due: Ints, group: Ints, wanted: int, counter: int, accounts: NDArray[np.int32], amounts: Ints, starts: Ints
) -> int:
    """Lay down one transfer: a leg for each agent to whom something is due, in order, and one counter-leg.

    Parameters
    ----------
    due, group : (a,)
        Only agents whose `group` is `wanted` count.
    counter : int
        The account of the counter-leg; below 0 for none.
    accounts, amounts : (a + 1,)
        Where the legs go.
    starts : (2,)
        Gets where they begin and end.

    Returns
    -------
    int
        Number of transfers: 0 if nothing is due.
    """
    leg, total = 0, 0
    for i in range(len(due)):
        # Written in any case, and kept or not: who owes what cannot be foreseen, by a processor neither.
        accounts[leg] = i
        amounts[leg] = due[i]
        counts = int(due[i] != 0) & int(group[i] == wanted)
        total += due[i] * counts
        leg += counts
    if total != 0 and counter >= 0:
        accounts[leg] = counter
        amounts[leg] = -total
        leg += 1
    starts[0], starts[1] = 0, leg
    return min(leg, 1)


@njit(cache=True, nogil=True)
def lay_legs_by_feeder(
    due: Ints, by_feeder: Ints, edges: Ints, feeders: Ints, accounts: NDArray[np.int32], amounts: Ints, starts: Ints
) -> int:
    """Lay down a transfer for each feeder of which anybody is due something, and give how many.

    Parameters
    ----------
    by_feeder : (n,)
        Agents, feeder by feeder; `edges` (f + 1,) says where each feeder's begin.
    feeders, starts : (f,), (f + 1,)
        Get each transfer's feeder, and where its legs begin.
    """
    leg, count = 0, 0
    for feeder in range(len(edges) - 1):
        starts[count] = leg
        for k in range(edges[feeder], edges[feeder + 1]):
            i = by_feeder[k]
            accounts[leg] = i
            amounts[leg] = due[i]
            leg += int(due[i] != 0)
        if leg > starts[count]:
            feeders[count] = feeder
            count += 1
    starts[count] = leg
    return count


@njit(cache=True, nogil=True)
def write_legs(
    command: int, now_ms: int, period: int, first_transfer: int, cause: int, starts: Ints,
    columns: tuple[NDArray[Any], ...], fill: Ints,
) -> None:  # fmt: skip
    """Make rows of legs that lie in the journal's chunk; `columns`, `fill`: see `wattbook.messages.POSTINGS`.

    Transfers are numbered as they are made: an id by row would shift with every agent or book that is added.
    """
    for i in range(len(starts) - 1):
        for row in range(fill[0] + starts[i], fill[0] + starts[i + 1]):
            columns[1][row] = command
            columns[2][row] = now_ms
            columns[3][row] = period
            columns[4][row] = first_transfer + i
            columns[7][row] = cause
    fill[1] += starts[-1]
    fill[0] += starts[-1]
