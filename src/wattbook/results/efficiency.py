"""Allocative efficiency: what the local market's trades were worth, against the most that trades could have been.

Owns the definition of both. The boundary: each product by itself, at the given storage, with what every member
could pay or earn at its own utility's tariff as its private value.

Values
------
In period t member i draws n_i from the net (n_i > 0) or feeds -n_i into it: its metered position, its battery's
part included. A drawn Wh that comes by path k instead of from the utility saves

    v_ik = (retail_i + standard fee - fee_k) x (1 + VAT_i),

a fed-in Wh that goes to a neighbour forgoes c_i = feed-in_i. Both are in ticks x ppm here; payments between
neighbours cancel.

The most
--------
The linear program: choose how much each seller delivers (at most -n_i) and each buyer draws (at most n_i) within
its feeder, and between feeders if there is a district's book, so that in every feeder and in the district as
much is drawn as is delivered; maximise value less cost. We need no solver for it. Put a price m on the energy that
leaves or enters a feeder; then every feeder is on its own, and its best is the merit order after each side has
subtracted what it would get at that price elsewhere (`_feeders_best`). The sum over the feeders is convex and
piecewise linear in m, and by strong duality its least value is the program's optimum; it lies at one of a few known
prices, between which we bisect. Any other m gives an upper bound.

What was realised
-----------------
``settled`` is the sum of what the settlement saved the members at these n_i: the residual r_i = n_i - t_i is bought at
retail or sold at feed-in, locally bought energy passes at its path's fee. Whoever sold more than it
delivers bought the rest at retail, and whoever bought more than it draws sold the rest at feed-in: a loss if
tariffs are equal, but between unlike tariffs it can be a gain that moves no energy between neighbours.
``backed`` therefore counts only energy that some neighbour delivered and another drew: per feeder the energy
drawn by its path and delivered in it, whichever is less; of the rest, between feeders, again whichever is less;
values and costs pro rata. Realised is the lesser of the two, period by period, and then summed.

Realised never exceeds the most: ``backed`` draws at most n_i per buyer and takes at most -n_i per seller, and
balances in each feeder and in the district, so it is one admissible solution of the program.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from wattbook.messages import Path
from wattbook.results.energy import readings, share
from wattbook.units import PPM

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wattbook.results.energy import Readings
    from wattbook.results.record import Ints, Place, Record

    Floats = NDArray[np.float64]

BOUNDARY: Final = "per product, at given storage, members' private values at their tariffs"
_BLOCK: Final = 1 << 20
"""Numbers in the largest array of a block of periods: a city's year must not lie in memory at once."""


class Positions(NamedTuple):
    """Members' positions, one row (n,) per member and settled period.

    Attributes
    ----------
    period, feeder : (n,) int64
    kind : (n,) int64
        Number of the member's pair of utility and VAT: members of one kind have the same prices in a period.
    metered_wh : (n,) int64
        Net withdrawal; below 0 fed in.
    feeder_wh, district_wh : (n,) int64
        Bought - sold in the feeder's and in the district's book.
    retail, feeder_value, district_value, cost : (n,) float64
        What a Wh from the utility costs before the network's fee; v_i for both paths; c_i [ticks x ppm]. Whole
        numbers, so that equal prices are equal.
    """

    period: Ints
    feeder: Ints
    kind: Ints
    metered_wh: Ints
    feeder_wh: Ints
    district_wh: Ints
    retail: Floats
    feeder_value: Floats
    district_value: Floats
    cost: Floats


def positions(record: Record) -> Positions:
    """Read all members' positions and private values off a record, by period."""
    parts = [_positions(record, part) for part in readings(record, "traded_wh", "residual_wh")]
    return Positions(*map(np.concatenate, zip(*parts, strict=True)))


def _positions(record: Record, part: Readings) -> Positions:
    place = record.place
    mine = np.flatnonzero(place.members[part.rows["agent"]])
    agent, period = part.rows["agent"][mine], part.rows["period"][mine].astype(np.int64)
    taxed = (PPM + place.vat_ppm[agent]).astype(np.float64)
    utility = place.utility_at(agent, period)
    retail, feed_in = place.retail_tick[utility, period], place.feed_in_tick[utility, period]
    saved = place.fee_tick[Path.STANDARD] - place.fee_tick
    return Positions(
        period, place.feeder[agent], _kinds(place, agent, utility), part.metered_wh[mine], part.feeder_wh[mine],
        part.district_wh[mine],
        retail * taxed, (retail + saved[Path.FEEDER]) * taxed, (retail + saved[Path.DISTRICT]) * taxed,
        feed_in.astype(np.float64) * PPM,
    )  # fmt: skip


def _kinds(place: Place, agent: Ints, utility: Ints) -> Ints:
    """Give the number (n,) of each row's pair of utility and VAT."""
    if "pairs" not in place.memo:
        if place.supplied is None:
            pairs = np.stack([place.utility, place.vat_ppm], axis=1)
            place.memo["pairs"] = np.unique(pairs, axis=0, return_inverse=True)[1]
        else:
            place.memo["pairs"] = np.unique(place.vat_ppm, return_inverse=True)[1] * len(place.supplier)
    kinds: Ints = place.memo["pairs"][agent]
    return kinds if place.supplied is None else kinds + utility


def efficiency(record: Record) -> dict[str, Any]:
    """Compute realised / maximal gains from trade over the run, never above 1; None where nothing was to be gained.

    `gains_realised` and `gains_possible` are in 1e-8 EUR.
    """
    place = record.place
    won, most = np.zeros((2, place.periods))
    for part in readings(record, "traded_wh", "residual_wh"):
        rows = _positions(record, part)
        if len(rows.period):
            # No part has more than its own periods to look at.
            first, end = int(rows.period[0]), int(rows.period[-1]) + 1
            rows, size = rows._replace(period=rows.period - first), (end - first, len(place.books))
            won[first:end] = realised_gains(rows, size, place.has_district)
            most[first:end] = possible_gains(rows, size, place.has_district)
    realised, possible = float(won.sum()) / PPM, float(most.sum()) / PPM
    ratio = share(realised, possible) if possible > 0 else None
    return {
        "allocative_efficiency": None if ratio is None else min(1.0, ratio),
        "efficiency_boundary": BOUNDARY,
        "gains_realised": round(realised),
        "gains_possible": round(possible),
    }


# --- what was realised ---


def realised_gains(rows: Positions, size: tuple[int, int], has_district: bool) -> Floats:
    """Realised gains of each period (p,) [ticks x ppm x Wh], of `size` (periods, feeders)."""
    gains: Floats = np.minimum(_settled_gains(rows, size[0]), _backed_gains(rows, size, has_district))
    return gains


def _local_draws(rows: Positions) -> tuple[Ints, Ints]:
    """Say what each member draws by the feeder's and by the district's path, netted as settlement does (n,)."""
    bought = np.maximum(np.minimum(rows.feeder_wh + rows.district_wh, rows.metered_wh), 0)
    by_feeder = np.minimum(bought, np.maximum(rows.feeder_wh, 0))
    return by_feeder, bought - by_feeder


def _settled_gains(rows: Positions, periods: int) -> Floats:
    by_feeder, by_district = _local_draws(rows)
    alone = _supply_cost(rows, rows.metered_wh)
    traded = _supply_cost(rows, rows.metered_wh - rows.feeder_wh - rows.district_wh)
    fees_saved = by_feeder * (rows.feeder_value - rows.retail) + by_district * (rows.district_value - rows.retail)
    return _sum(rows.period, alone - traded + fees_saved, periods)


def _supply_cost(rows: Positions, residual_wh: Ints) -> Floats:
    """Say what the utility charges for `residual_wh` (n,), network aside."""
    cost: Floats = np.where(residual_wh > 0, residual_wh * rows.retail, residual_wh * rows.cost)
    return cost


def _backed_gains(rows: Positions, size: tuple[int, int], has_district: bool) -> Floats:
    cell = rows.period * size[1] + rows.feeder

    def total(values: NDArray[Any]) -> Floats:
        return _sum(cell, values, size[0] * size[1]).reshape(size)

    by_feeder, by_district = _local_draws(rows)
    sold = np.maximum(np.minimum(-rows.feeder_wh - rows.district_wh, -rows.metered_wh), 0)
    drawn, wanted, delivered = total(by_feeder), total(by_district), total(sold)
    within = np.minimum(drawn, delivered)
    spare = delivered - within
    across = np.minimum(wanted.sum(axis=1), spare.sum(axis=1)) if has_district else np.zeros(size[0])
    value = total(by_feeder * rows.feeder_value) * _part(within, drawn)
    further = total(by_district * rows.district_value).sum(axis=1) * _part(across, wanted.sum(axis=1))
    leaving = spare * _part(across, spare.sum(axis=1))[:, None]
    cost = total(sold * rows.cost) * _part(within + leaving, delivered)
    gains: Floats = (value - cost).sum(axis=1) + further
    return gains


def _sum(index: Ints, values: NDArray[Any], size: int) -> Floats:
    return np.asarray(np.bincount(index, values, size), np.float64)


def _part(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0)


# --- the most ---


class _Block(NamedTuple):
    """Members of like prices taken together, over some periods.

    Attributes
    ----------
    need, offer : (p, f, k)
        Energy [Wh] that each kind draws and feeds in, in each feeder.
    near, far, cost : (p, k)
        Value on the feeder's and on the district's path; cost.
    """

    need: Floats
    offer: Floats
    near: Floats
    far: Floats
    cost: Floats


def possible_gains(rows: Positions, size: tuple[int, int], has_district: bool) -> Floats:
    """Maximal gains of each period (p,) [ticks x ppm x Wh], of `size` (periods, feeders)."""
    gains = np.zeros(size[0])
    if not len(rows.period):
        return gains
    wide = int(rows.kind.max()) + 1
    step = max(1, _BLOCK // (size[1] * wide))
    order = np.argsort(rows.period, kind="stable")
    edges = np.searchsorted(rows.period[order], np.arange(0, size[0] + step, step))
    for number, (low, high) in enumerate(itertools.pairwise(edges.tolist())):
        first = number * step
        block = _block(rows, order[low:high], first, (min(step, size[0] - first), size[1], wide))
        gains[first : first + len(block.near)] = _best(block, has_district)
    return gains


def _block(rows: Positions, part: Ints, first: int, shape: tuple[int, int, int]) -> _Block:
    period, kind, wh = rows.period[part] - first, rows.kind[part], rows.metered_wh[part]
    cell = (period * shape[1] + rows.feeder[part]) * shape[2] + kind
    energy = (_sum(cell, np.maximum(sign * wh, 0), math.prod(shape)).reshape(shape) for sign in (1, -1))
    prices = np.zeros((3, shape[0], shape[2]))
    prices[:, period, kind] = rows.feeder_value[part], rows.district_value[part], rows.cost[part]
    return _Block(*energy, *prices)


def _best(block: _Block, has_district: bool) -> Floats:
    if not has_district:
        return _merit_order(block.need, block.offer, block.near, block.cost)
    prices = _candidates(block)
    low = np.zeros(len(prices), np.int64)
    high = np.full(len(prices), prices.shape[1] - 1, np.int64)
    row = np.arange(len(prices))
    for _ in range(int(prices.shape[1] - 1).bit_length()):
        middle = (low + high) // 2
        after = np.minimum(middle + 1, high)
        falls = _feeders_best(block, prices[row, after]) < _feeders_best(block, prices[row, middle])
        low, high = np.where(falls, after, low), np.where(falls, high, middle)
    return _feeders_best(block, prices[row, low])


def _candidates(block: _Block) -> Floats:
    """Prices between feeders, sorted (p, k), at which the sum over the feeders can change its slope."""
    saved = block.near - block.far
    pairs = (block.cost[:, :, None] - saved[:, None, :], block.near[:, :, None] - saved[:, None, :])
    flat = [pair.reshape(len(saved), -1) for pair in pairs]
    prices = np.sort(np.concatenate([block.near, block.cost, *flat], axis=1), axis=1)
    # A price that occurs twice would look like the flat bottom of the sum: its repetitions go to the end.
    repeated = np.diff(prices, axis=1, prepend=-np.inf) == 0
    return np.sort(np.where(repeated, prices[:, -1:], prices), axis=1)


def _feeders_best(block: _Block, price: Floats) -> Floats:
    """Sum of what each feeder can gain at most if it trades with the others at `price` (p,)."""
    outside = price[:, None]
    import_gain = np.maximum(block.far - outside, 0)
    export_gain = np.maximum(outside - block.cost, 0)
    alone = (block.need * import_gain[:, None]).sum(axis=(1, 2)) + (block.offer * export_gain[:, None]).sum(axis=(1, 2))
    best: Floats = alone + _merit_order(block.need, block.offer, block.near - import_gain, block.cost + export_gain)
    return best


def _merit_order(need: Floats, offer: Floats, value: Floats, cost: Floats) -> Floats:
    """Gains (p,) when in every feeder the dearest need meets the cheapest offer, as long as both gain."""
    best_first, cheap_first = np.argsort(-value, axis=1, kind="stable"), np.argsort(cost, axis=1, kind="stable")
    needed = np.cumsum(np.take_along_axis(need, best_first[:, None], axis=2), axis=2)
    offered = np.cumsum(np.take_along_axis(offer, cheap_first[:, None], axis=2), axis=2)
    value, cost = np.take_along_axis(value, best_first, axis=1), np.take_along_axis(cost, cheap_first, axis=1)
    gains = np.zeros(len(value))
    for b in range(value.shape[1]):
        start = needed[:, :, b - 1] if b else 0.0
        for s in range(cost.shape[1]):
            begin = offered[:, :, s - 1] if s else 0.0
            met = np.minimum(needed[:, :, b], offered[:, :, s]) - np.maximum(start, begin)
            gains += np.maximum(met, 0).sum(axis=1) * np.maximum(value[:, b] - cost[:, s], 0)
    return gains
