"""Observation as compiled functions: what one agent sees of one product, and what its battery will do.

Composed of the columns of several rooms, which is allowed on this floor only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numba import njit

from wattbook.assets.kernel import UWH_PER_WH, project
from wattbook.book.kernel_machine import inlined_too
from wattbook.ledger.kernel import available
from wattbook.market.kernel import gate_code, row_of
from wattbook.messages import NO_PRICE
from wattbook.units import PPM

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wattbook.assets import Batteries
    from wattbook.market.columns import Ring, Rules, Town

    Ints = NDArray[np.int64]


class Sights(NamedTuple):
    """Columns that an observation reads beside the market's; int64."""

    utility: Ints
    """(a,) in the periods before `since`"""
    vat_ppm: Ints
    """(a,)"""
    retail_tick: Ints
    """(a, p) in the utilities' rows"""
    feed_in_tick: Ints
    """(a, p)"""
    fee_tick: Ints
    """(3,) of what comes within the feeder, by the wide book, and of the rest"""
    load_wh: Ints
    """(a, p) expected"""
    generation_wh: Ints
    """(a, p) expected"""
    sd_wh: Ints
    """(a, p)"""
    battery_wh: Ints
    """(a, p) projected; in a utility's row what its customers' batteries give"""
    spill_wh: Ints
    """(a, p) projected"""
    spill_tick: Ints
    """(a, p) what the spilled energy will earn if it is stored first"""
    soc_uwh: Ints
    """(a, p) projected, at the period's start"""
    later_utility: Ints
    """(a,) in those from `since` on"""
    since: Ints
    """(1,) a period, see `wattbook.market.suppliers`"""


@inlined_too
def supplier_of(sights: Sights, agent: int, period: int) -> int:
    """Say who supplies an agent in a period; -1 for who has no utility."""
    if period >= sights.since[0]:
        return int(sights.later_utility[agent])
    return int(sights.utility[agent])


@njit(cache=True, nogil=True)
def project_one(
    rules: Rules, town: Town, storage: Batteries, agent: int, first: int, net_wh: Ints,
    battery_wh: Ints, refused_wh: Ints, soc_uwh: Ints, spill_wh: Ints,
) -> None:  # fmt: skip
    """Project the agent's battery over `net_wh` (h,) from period `first` on.

    Parameters
    ----------
    battery_wh, refused_wh, soc_uwh, spill_wh : (h,)
        What the battery gives (+) or takes (-), what it refuses, its charge at the start, what it may forgo.
    """
    last = first + len(net_wh)
    project(
        net_wh,
        town.take_limit_wh[agent, first:last],
        town.give_limit_wh[agent, first:last],
        storage.capacity_uwh[agent],
        storage.soc_uwh[agent],
        storage.charge_w[agent],
        storage.discharge_w[agent],
        storage.charge_ppm[agent],
        storage.removal[agent],
        rules.start_ms + first * rules.period_ms,
        rules.period_ms,
        battery_wh,
        refused_wh,
        soc_uwh,
        spill_wh,
    )


@inlined_too
def _spill_tick(sights: Sights, agent: int, period: int, first: int, refused_wh: Ints) -> int:
    """Price what a battery spills in `period`.

    What is forgone now is made good in a later period in which the battery refuses energy, and earns nothing there.
    The highest feed-in price of those periods bounds its opportunity value.
    """
    dearest = NO_PRICE
    for t in range(period - first + 1, len(refused_wh)):
        if refused_wh[t] > 0:
            dearest = max(dearest, sights.feed_in_tick[supplier_of(sights, agent, first + t), first + t])
    return dearest


@njit(cache=True, nogil=True)
def project_battery(
    rules: Rules, town: Town, sights: Sights, storage: Batteries, agent: int, first: int, last: int, periods: Ints
) -> None:
    """Project the agent's battery over periods `first` to `last` as each of `periods` (n,) sees it.

    Asks that rest in other products are taken as sold; those in the product itself are not, so that what may be
    offered in it does not depend on what is offered in it already.
    """
    out = np.empty((4, last - first + 1), np.int64)
    net_wh = sights.load_wh[agent, first : last + 1] - sights.generation_wh[agent, first : last + 1]
    for t in range(len(net_wh)):
        p = first + t
        net_wh[t] += town.open_sell_wh[agent, p] - town.net_wh[0, agent, p] - town.net_wh[1, agent, p]
    for i in range(len(periods)):
        period = periods[i]
        t = period - first
        if t >= len(net_wh):
            break
        net_wh[t] -= town.open_sell_wh[agent, period]
        project_one(rules, town, storage, agent, first, net_wh, out[0], out[1], out[2], out[3])
        net_wh[t] += town.open_sell_wh[agent, period]
        sights.battery_wh[agent, period] = out[0, t]
        sights.soc_uwh[agent, period] = out[2, t]
        sights.spill_wh[agent, period] = out[3, t]
        sights.spill_tick[agent, period] = _spill_tick(sights, agent, period, first, out[1])


@inlined_too
def project_battery_one(
    rules: Rules,
    town: Town,
    sights: Sights,
    storage: Batteries,
    agent: int,
    first: int,
    last: int,
    period: int,
    is_new: bool,
    scratch: Ints,
) -> None:
    """Do what `project_battery` does for one period.

    Parameters
    ----------
    is_new : bool
        False if nothing has changed since the call before, for the same agent and the same `first` and `last`: periods
        in which no ask rests then share one projection.
    scratch : (10, p)
        Rows 0 .. 3 hold the shared projection, 4 .. 7 one of its own, 8 the expected net loads, 9 (0) whether there is
        a shared one.
    """
    length = last - first + 1
    if is_new:
        scratch[9, 0] = 0
        for t in range(length):
            p = first + t
            scratch[8, t] = sights.load_wh[agent, p] - sights.generation_wh[agent, p]
            scratch[8, t] += town.open_sell_wh[agent, p] - town.net_wh[0, agent, p] - town.net_wh[1, agent, p]
    t = period - first
    if t >= length:
        return
    resting = town.open_sell_wh[agent, period]
    row = 0 if resting == 0 else 4
    if resting != 0 or scratch[9, 0] == 0:
        scratch[8, t] -= resting
        project_one(
            rules, town, storage, agent, first, scratch[8, :length], scratch[row, :length],
            scratch[row + 1, :length], scratch[row + 2, :length], scratch[row + 3, :length],
        )  # fmt: skip
        scratch[8, t] += resting
        if resting == 0:
            scratch[9, 0] = 1
    sights.battery_wh[agent, period] = scratch[row, t]
    sights.soc_uwh[agent, period] = scratch[row + 2, t]
    sights.spill_wh[agent, period] = scratch[row + 3, t]
    sights.spill_tick[agent, period] = _spill_tick(sights, agent, period, first, scratch[row + 1, :length])


@njit(cache=True, nogil=True)
def project_group(
    rules: Rules,
    town: Town,
    sights: Sights,
    storage: Batteries,
    load_wh: Ints,
    generation_wh: Ints,
    utility: int,
    first: int,
    last: int,
) -> None:
    """Project what all batteries of a utility's customers together give, periods `first` to `last`.

    A utility knows its customers' habits, `load_wh` and `generation_wh` (a, p), not what they trade. Of one who comes
    or leaves it counts the periods in which it supplies it.
    """
    out = np.empty((4, last - first + 1), np.int64)
    sights.battery_wh[utility, first : last + 1] = 0
    # The first of the periods in which those count who come, and those no more who leave.
    turn = min(max(sights.since[0], first), last + 1)
    for agent in range(len(sights.utility)):
        begin = first if turn > first and sights.utility[agent] == utility else turn
        end = last + 1 if turn <= last and sights.later_utility[agent] == utility else turn
        if begin < end and storage.capacity_uwh[agent] > 0:
            net_wh = load_wh[agent, first : last + 1] - generation_wh[agent, first : last + 1]
            project_one(rules, town, storage, agent, first, net_wh, out[0], out[1], out[2], out[3])
            sights.battery_wh[utility, begin:end] += out[0, begin - first : end - first]


@inlined_too
def _see_quotes(rules: Rules, town: Town, agent: int, period: int, row: Ints) -> None:
    """Fill in the best quotes of the two books that the agent can reach, and the last price."""
    for place in range(8):
        row[place] = NO_PRICE if place % 2 == 0 else 0
    row[8] = NO_PRICE
    if not rules.has_market or rules.feeder[agent] < 0:
        return
    if rules.books > rules.feeders:
        row[4:8] = town.top[rules.feeders, period]
        row[8] = town.last_tick[rules.feeders, period]
    row[0:4] = town.top[rules.feeder[agent], period]
    if town.last_tick[rules.feeder[agent], period] != NO_PRICE:
        row[8] = town.last_tick[rules.feeder[agent], period]


@inlined_too
def taxed_fee_tick(alone_tick: int, fee_tick: int, vat_ppm: int) -> int:
    """Give the fee at which untaxed energy would cost a home as much as taxed energy does at `fee_tick`.

    Policies reckon with energy that bears no VAT. What they compare with is `alone_tick`, retail price and standard
    fee, both with VAT: the dearest taxed energy that is worth it costs `alone_tick` - `fee_tick`, and so does the
    dearest untaxed energy at the fee given here, up to the tick or two that are rounded to the home's advantage.
    """
    return alone_tick - (alone_tick - fee_tick) * PPM // (PPM + vat_ppm)


@inlined_too
def _see_prices(rules: Rules, sights: Sights, levy_tick: int, agent: int, period: int, row: Ints) -> None:
    """Fill in what the agent's utility, network and state charge."""
    supplier = supplier_of(sights, agent, period)
    if supplier < 0:
        supplier = agent
    row[0] = sights.retail_tick[supplier, period]
    row[1] = sights.feed_in_tick[supplier, period]
    row[2] = sights.fee_tick[0]
    row[3] = sights.fee_tick[1] if rules.books > rules.feeders else NO_PRICE
    row[4] = sights.fee_tick[2]
    row[5] = levy_tick
    row[6] = sights.vat_ppm[agent]
    if rules.energy_vat_ppm[agent] != 0:
        row[3] = taxed_fee_tick(row[0] + row[4], row[3], rules.energy_vat_ppm[agent])


@inlined_too
def _see_assets(rules: Rules, sights: Sights, agent: int, period: int, row: Ints) -> None:
    """Fill in what the agent expects of its load, its plant and its battery."""
    row[0] = sights.load_wh[agent, period]
    row[1] = sights.generation_wh[agent, period]
    row[2] = sights.sd_wh[agent, period]
    row[3], row[4], row[5], row[6], row[7] = 0, 0, NO_PRICE, 0, 0
    # Of whom neither has a battery nor supplies others who may, nothing of the kind was ever written.
    if rules.capacity_uwh[agent] != 0 or rules.is_utility[agent]:
        row[3] = sights.battery_wh[agent, period]
        row[4] = sights.spill_wh[agent, period]
        row[5] = sights.spill_tick[agent, period]
        row[6] = sights.soc_uwh[agent, period] // UWH_PER_WH
        row[7] = rules.capacity_uwh[agent] // UWH_PER_WH


@inlined_too
def _see_order(rules: Rules, town: Town, ring: Ring, agent: int, period: int, row: Ints) -> None:
    """Fill in the agent's latest order that rests in the product."""
    order = town.latest[agent, period]
    row[0:5] = 0
    if order:
        at = row_of(rules, ring, order)
        row[0] = order
        row[1] = 0 if ring.book[at] < rules.feeders else 1
        row[2] = ring.side[at]
        row[3] = ring.price_tick[at]
        row[4] = ring.remaining_wh[at]


@inlined_too
def observe_one(
    rules: Rules,
    town: Town,
    ring: Ring,
    sights: Sights,
    balance: Ints,
    reserved: Ints,
    credit_limit: Ints,
    agent: int,
    period: int,
    first_fresh: int,
    now_ms: int,
    levy_tick: int,
    step_tick: int,
    row: Ints,
) -> None:
    """Write what `agent` sees of one period into `row` (fields,), see `wattbook.messages.See`.

    Periods from `first_fresh` on are seen for the first time.
    """
    takes_part = rules.has_market and rules.feeder[agent] >= 0 and town.connected[agent]
    start_ms = rules.start_ms + period * rules.period_ms
    row[0] = now_ms
    row[1] = rules.start_ms + rules.periods * rules.period_ms
    row[2] = period
    row[3] = start_ms
    row[4] = start_ms - rules.closes_before_ms
    row[5] = rules.period_ms
    row[6] = 1 if takes_part and gate_code(rules, period, now_ms) == 0 else 0
    row[7] = town.connected[agent]
    row[8] = 1 if period >= first_fresh else 0
    row[9] = step_tick
    row[10] = rules.floor_tick
    row[11] = rules.cap_tick
    _see_quotes(rules, town, agent, period, row[12:21])
    _see_prices(rules, sights, levy_tick, agent, period, row[21:28])
    _see_assets(rules, sights, agent, period, row[28:36])
    row[36] = town.net_wh[0, agent, period] + town.net_wh[1, agent, period]
    row[37] = town.open_buy_wh[agent, period]
    row[38] = town.open_sell_wh[agent, period]
    _see_order(rules, town, ring, agent, period, row[39:44])
    row[44] = rules.buy_limit_wh[agent]
    row[45] = rules.sell_limit_wh[agent]
    row[46] = available(balance, reserved, credit_limit, agent)
    # What only a trader sees (`wattbook.market.laboratory`): everybody else has no side, and always the turn.
    row[47:55] = 0
    row[47] = row[53] = NO_PRICE
    row[50] = 1


@njit(cache=True, nogil=True)
def observe(
    rules: Rules,
    town: Town,
    ring: Ring,
    sights: Sights,
    balance: Ints,
    reserved: Ints,
    credit_limit: Ints,
    agent: int,
    periods: Ints,
    first_fresh: int,
    now_ms: int,
    levy_tick: int,
    step_tick: int,
    rows: Ints,
) -> None:
    """Write what `agent` sees of each of `periods` (n,) into `rows` (n, fields), see `wattbook.messages.See`.

    Periods from `first_fresh` on are seen for the first time.
    """
    for i in range(len(periods)):
        observe_one(
            rules, town, ring, sights, balance, reserved, credit_limit, agent, periods[i], first_fresh, now_ms,
            levy_tick, step_tick, rows[i],
        )  # fmt: skip
