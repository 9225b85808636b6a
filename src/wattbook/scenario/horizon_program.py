"""The linear program of a neighbourhood over its horizon: batteries, neighbours' trades and the utility together.

Owns its variables, its solution by HiGHS, and a proof of how far that can be from the optimum. Knows no run.

In every period a member draws or feeds in what it needs net of its battery. What it draws comes from its feeder, from
another feeder, or from its utility; what it feeds in goes the same three ways. In each feeder, and between feeders, as
much is drawn as is delivered. A member without a battery has nothing to decide about its net need, so members of the
same feeder, utility and VAT are one row each for what they need and what they offer.

Drawing and feeding in at once is not ruled out (no linear program could); it pays only where one utility sells
dearer than another by more than a feeder's fee, and `Plan.both_ways_wh` tells how much of it a solution holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from wattbook.errors import ConfigError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

_NEEDS: Final = ("near", "far")
_OFFERS: Final = ("sell_near", "sell_far")
_STORES: Final = ("near", "far", "utility", "sell_near", "sell_far", "sell_utility", "charge", "discharge", "soc")


class Prices(NamedTuple):
    """What a drawn Wh costs each row, all included, and what a fed-in Wh earns, (n, t) each [ticks].

    Attributes
    ----------
    utility, near, far : (n, t) float64
        From its utility by the standard path; besides the price that neighbours agree on, by the feeder's and by the
        district's path.
    sell : (n, t) float64
        From its utility; never below 0, as the plant can be curtailed.
    """

    utility: Floats
    near: Floats
    far: Floats
    sell: Floats

    def at(self, rows: NDArray[Any], span: slice) -> Prices:
        """Prices of some rows over some periods."""
        return Prices(*(price[rows, span] for price in self))


class Stores(NamedTuple):
    """Batteries, one row (b,) each, energies in Wh.

    Attributes
    ----------
    member : (b,) int64
        Row of the member that owns it.
    capacity_wh : (b,) float64
    gain, loss : (b,) float64
        What a Wh taken adds to the charge, and what a Wh given removes.
    charge_wh, discharge_wh : (b, t) float64
        Most that it takes and gives in a period.
    worth : (b,) float64
        What a Wh that is left in it at the end is worth [ticks].
    """

    member: Ints
    capacity_wh: Floats
    gain: Floats
    loss: Floats
    charge_wh: Floats
    discharge_wh: Floats
    worth: Floats


class Place(NamedTuple):
    """Members over a horizon.

    Attributes
    ----------
    feeder : (m,) int64
        From 0.
    kind : (m,) int64
        Members of one kind have the same prices.
    prices : Prices, (m, t)
    stores : Stores
    has_district : bool
    wear_tick : float
        Cost of each Wh that a battery gives.
    """

    feeder: Ints
    kind: Ints
    prices: Prices
    stores: Stores
    has_district: bool
    wear_tick: float


class Plan(NamedTuple):
    """A solution.

    Attributes
    ----------
    cost : float
        What all members pay less what they get and keep [ticks x Wh = 1e-8 EUR].
    bound : float
        No admissible plan costs less: the value of the dual solution, computed anew from its multipliers.
    near_wh, far_wh : (m, t) float64
        Bought - sold by each member in its feeder and between feeders.
    charge_wh, discharge_wh : (b, t) float64
    drawn_wh : (3, t) float64
        Drawn by feeder's, district's and standard path.
    fed_wh : (t,) float64
        Fed into the grid above.
    both_ways_wh : float
        Drawn and fed in by one member in the same period, or taken and given by one battery.
    """

    cost: float
    bound: float
    near_wh: Floats
    far_wh: Floats
    charge_wh: Floats
    discharge_wh: Floats
    drawn_wh: Floats
    fed_wh: Floats
    both_ways_wh: float


class _Columns:
    """Numbers of variables and coefficients of constraints while a program is put together."""

    def __init__(self) -> None:
        self.size = 0
        self.cost: list[Floats] = []
        self.high: list[Floats] = []
        self.entries: list[tuple[Ints, Ints, Floats]] = []
        self.right: list[Floats] = []
        self.rows = 0

    def add(self, cost: Floats, high: Floats) -> Ints:
        """Make variables from 0 to `high` (n, t); give their numbers (n, t)."""
        numbers = self.size + np.arange(cost.size).reshape(cost.shape)
        self.size += cost.size
        self.cost.append(cost.ravel())
        self.high.append(high.ravel())
        return numbers

    def equal(self, right: Floats) -> Ints:
        """Make equations with `right` (n, t) on their right side; give their numbers (n, t)."""
        numbers = self.rows + np.arange(right.size).reshape(right.shape)
        self.rows += right.size
        self.right.append(right.ravel())
        return numbers

    def put(self, rows: Ints, columns: Ints, factor: Floats | float) -> None:
        """Add `factor` x variable to equations; all (n, t)."""
        shape = columns.shape
        self.entries.append((np.broadcast_to(rows, shape).ravel(), columns.ravel(),
                             np.broadcast_to(np.asarray(factor, np.float64), shape).ravel()))  # fmt: skip


def solve(place: Place, net_wh: Floats, soc_wh: Floats, span: slice) -> Plan:
    """Find the cheapest way through the periods of `span`.

    Parameters
    ----------
    place : Place
    net_wh : (m, t) float64
        Load - generation of each member in these periods [Wh].
    soc_wh : (b,) float64
        Charge at their beginning [Wh].

    Raises
    ------
    ConfigError
        If SciPy is not installed.
    """
    return _Program(place, net_wh, soc_wh, span).plan()


class _Program:
    def __init__(self, place: Place, net_wh: Floats, soc_wh: Floats, span: slice) -> None:
        self.place, self.net, self.span = place, net_wh, span
        self.periods = net_wh.shape[1]
        self.columns = _Columns()
        stores = place.stores
        plain = np.ones(len(place.feeder), np.bool_)
        plain[stores.member] = False
        self.plain = np.flatnonzero(plain)
        pairs = np.stack([place.feeder[self.plain], place.kind[self.plain]], axis=1)
        groups, first, self.group = np.unique(pairs, axis=0, return_index=True, return_inverse=True)
        self.group = self.group.ravel()
        self.need, self.offer = (self._summed(np.maximum(sign * net_wh[self.plain], 0), len(first)) for sign in (1, -1))
        self.prices = place.prices.at(self.plain[first], span)
        self.group_feeder = groups[:, 0] if len(first) else np.zeros(0, np.int64)
        feeders = int(place.feeder.max(initial=-1)) + 1
        self.in_feeder = self.columns.equal(np.zeros((feeders, self.periods)))
        self.between = self.columns.equal(np.zeros((1, self.periods)))
        self.of_groups = self._groups()
        self.of_stores = self._stores(soc_wh)

    def _summed(self, values: Floats, groups: int) -> Floats:
        total = np.zeros((groups, self.periods))
        np.add.at(total, self.group, values)
        return total

    def _far(self, most: Floats) -> Floats:
        return most if self.place.has_district else np.zeros_like(most)

    def _groups(self) -> dict[str, Ints]:
        """Members without batteries: what is not dealt with neighbours is with the utility, at a cost known before."""
        columns, prices = self.columns, self.prices
        made = {
            "near": columns.add(prices.near - prices.utility, self.need),
            "far": columns.add(prices.far - prices.utility, self._far(self.need)),
            "sell_near": columns.add(prices.sell, self.offer),
            "sell_far": columns.add(prices.sell, self._far(self.offer)),
        }
        for names, most in ((_NEEDS, self.need), (_OFFERS, self.offer)):
            # One more variable takes up what is left to the utility.
            rows, left = columns.equal(most), columns.add(np.zeros_like(most), most)
            for numbers in (*(made[name] for name in names), left):
                columns.put(rows, numbers, 1.0)
        self._trade(made, self.group_feeder)
        return made

    def _trade(self, made: dict[str, Ints], feeder: Ints) -> None:
        for name, sign in (("near", 1.0), ("sell_near", -1.0)):
            self.columns.put(self.in_feeder[feeder], made[name], sign)
        for name, sign in (("far", 1.0), ("sell_far", -1.0)):
            self.columns.put(self.between, made[name], sign)

    def _stores(self, soc_wh: Floats) -> dict[str, Ints]:
        columns, stores, place = self.columns, self.place.stores, self.place
        prices, net = place.prices.at(stores.member, self.span), self.net[stores.member]
        take, give = stores.charge_wh[:, self.span], stores.discharge_wh[:, self.span]
        draw, feed = np.maximum(net, 0) + take, np.maximum(-net, 0) + give
        none = np.zeros_like(net)
        held = np.broadcast_to(stores.capacity_wh[:, None], net.shape)
        left = none.copy()
        left[:, -1] = -stores.worth / stores.loss
        costs = (prices.near, prices.far, prices.utility, none, none, -prices.sell, none, none + place.wear_tick, left)
        most = (draw, self._far(draw), draw, feed, self._far(feed), feed, take, give, held)
        made = {name: columns.add(cost, high) for name, cost, high in zip(_STORES, costs, most, strict=True)}
        rows = columns.equal(net)
        for name, sign in zip(_STORES[:-1], (1, 1, 1, -1, -1, -1, -1, 1), strict=True):
            columns.put(rows, made[name], float(sign))
        before = none.copy()
        before[:, 0] = soc_wh
        rows = columns.equal(before)
        columns.put(rows, made["soc"], 1.0)
        columns.put(rows[:, 1:], made["soc"][:, :-1], -1.0)
        columns.put(rows, made["charge"], -stores.gain[:, None])
        columns.put(rows, made["discharge"], stores.loss[:, None])
        self._trade(made, place.feeder[stores.member])
        return made

    def plan(self) -> Plan:
        try:
            from scipy.optimize import linprog
            from scipy.sparse import csr_array
        except ImportError:
            raise ConfigError("the optimum over the horizon needs SciPy: pip install 'wattbook[optimum]'") from None
        columns = self.columns
        rows, numbers, factors = (np.concatenate(part) for part in zip(*columns.entries, strict=True))
        equations = csr_array((factors, (rows, numbers)), shape=(columns.rows, columns.size))
        cost, high, right = (np.concatenate(part) for part in (columns.cost, columns.high, columns.right))
        found = linprog(
            cost, A_eq=equations, b_eq=right, bounds=np.stack([np.zeros_like(high), high], axis=1), method="highs"
        )
        assert found.status == 0, f"a program that always has a solution has none: {found.message}"
        multipliers = found.eqlin.marginals
        reduced = cost - equations.T @ multipliers
        bound = right @ multipliers + (np.minimum(reduced, 0) * high).sum()
        return self._told(found.x, float(cost @ found.x), float(bound))

    def _told(self, x: Floats, cost: float, bound: float) -> Plan:
        fixed = float((self.need * self.prices.utility - self.offer * self.prices.sell).sum())
        groups = {name: x[numbers] for name, numbers in self.of_groups.items()}
        stores = {name: x[numbers] for name, numbers in self.of_stores.items()}
        near, far = np.zeros((2, *self.net.shape))
        bought, sold = self._shares(1, self.need), self._shares(-1, self.offer)
        for total, (buy, sell) in ((near, ("near", "sell_near")), (far, ("far", "sell_far"))):
            total[self.plain] = bought * groups[buy][self.group] - sold * groups[sell][self.group]
            total[self.place.stores.member] = stores[buy] - stores[sell]
        left = self.need.sum(axis=0) - groups["near"].sum(axis=0) - groups["far"].sum(axis=0)
        drawn = [groups[name].sum(axis=0) + stores[name].sum(axis=0) for name in _NEEDS]
        spare = self.offer.sum(axis=0) - groups["sell_near"].sum(axis=0) - groups["sell_far"].sum(axis=0)
        draws, feeds = (stores[a] + stores[b] + stores[c] for a, b, c in (_STORES[:3], _STORES[3:6]))
        both = np.minimum(draws, feeds).sum() + np.minimum(stores["charge"], stores["discharge"]).sum()
        return Plan(
            cost + fixed, bound + fixed, near, far, stores["charge"], stores["discharge"],
            np.stack([*drawn, left + stores["utility"].sum(axis=0)]),
            spare + stores["sell_utility"].sum(axis=0), float(both),
        )  # fmt: skip

    def _shares(self, sign: int, whole: Floats) -> Floats:
        """Each plain member's part of what its group needs or offers (n, t)."""
        mine, all_of_them = np.maximum(sign * self.net[self.plain], 0), whole[self.group]
        return np.divide(mine, all_of_them, out=np.zeros_like(mine), where=all_of_them > 0)
