"""Efficiency over the horizon: what members could have saved if one planner had run every battery and every trade.

Owns the comparison. The boundary is the members' private cost at their tariffs, over the whole run, storage included;
payments between neighbours cancel. Beside it stands the real cost: what the place imports, losses included, at spot.

- *without market*: the run's baseline;
- *actual*: the metered positions of the run, with the gains of its trades as `allocative_efficiency` counts them, so
  that a difference between two utilities' tariffs which moved no energy between neighbours counts for nothing;
- *forecasts*: a planner who knows at each gate closure what every member then expected, solves the program for the
  next 24 hours, and commits trades and batteries of the closing period. Then the meters are read: each battery
  takes up what its owner's forecast missed as far as it can, the rest is with the utility;
- *perfect*: one linear program that knows everything.

Energy that is left in a battery at the end is worth the feed-in price of the last period, in all four.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from wattbook.assets.kernel import power_limit_wh
from wattbook.errors import ConfigError, refuse
from wattbook.messages import Path
from wattbook.results import Record, scenario_digest
from wattbook.results.efficiency import Positions, positions, realised_gains
from wattbook.scenario.compiling import compile_street
from wattbook.scenario.horizon_program import Place, Prices, Stores, solve
from wattbook.units import PPM
from wattbook.world.outlook import BATTERY_HORIZON_MS, Expectations

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wattbook.results import Run
    from wattbook.scenario.compiling import Compiled
    from wattbook.scenario.horizon_program import Plan
    from wattbook.scenario.model import Scenario

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

UWH_PER_WH: Final = 1_000_000
TOLERANCE: Final = 1e-9
"""Part of the money that moves by which the program's two values may differ."""


class Outcome(NamedTuple):
    """What a way through the run costs [1e-8 EUR].

    Attributes
    ----------
    cost : int
        What the members pay less what they get and what is left in their batteries; upkeep of plants aside.
    real_cost : int
        The place's imports less its exports, with the network's losses, at spot; less what is left in batteries.
    """

    cost: int
    real_cost: int


class HorizonEfficiency(NamedTuple):
    """What the members' market reached of what was possible, over the whole run.

    Attributes
    ----------
    without_market, actual, perfect : Outcome
    forecasts : Outcome or None
        None if it was not asked for.
    of_perfect, of_forecasts : float or None
        (without market - actual) / (without market - optimum); None where nothing was to be gained, or not asked.
        The second may be above 1: agents who see the market's prices can do better than a planner's forecasts.
    bound : int
        No admissible plan costs less, by the program's dual values.
    both_ways_wh : int
        Energy that the perfect plan draws and feeds in at one meter at the same time, which no meter could show: 0
        unless tariffs are far apart. Then `perfect` is a bound that no plan reaches.
    """

    without_market: Outcome
    actual: Outcome
    perfect: Outcome
    forecasts: Outcome | None
    of_perfect: float | None
    of_forecasts: float | None
    bound: int
    both_ways_wh: int


def horizon_efficiency(
    scenario: Scenario, run: Run, *, forecasts: bool = True, wear_tick: int = 0
) -> HorizonEfficiency:
    """Compare a run with one linear program for all members and periods; needs SciPy (`wattbook[optimum]`).

    Parameters
    ----------
    scenario : Scenario
        What was run.
    run : Run
        With its baseline.
    forecasts : bool
        Whether to solve the program anew at each gate closure as well, on what agents then expected.
    wear_tick : int
        What each Wh that a battery gives costs its owner in wear [ticks], in all cases alike.

    Raises
    ------
    ConfigError
        If the run is not of this scenario, was stopped, has no local market, no members or no baseline, or billed
        substitutes for meters that failed; if its members chose their utility; or if SciPy is not installed.
    """
    _check(scenario, run)
    assert run.baseline is not None
    street = _Street(compile_street(scenario, run.seed), run, wear_tick)
    plan = solve(street.place, street.net_wh.astype(np.float64), street.soc_wh, slice(0, street.periods))
    perfect = street.planned(plan)
    without, actual = street.recorded(run.baseline), street.recorded(run.record)
    rolled = street.rolled() if forecasts else None
    bound = round(plan.bound)
    moved = float(np.abs(street.net_wh * street.place.prices.utility).sum())
    assert plan.cost - plan.bound <= TOLERANCE * moved + 1, "HiGHS stopped short of the optimum"
    return HorizonEfficiency(
        without, actual, perfect, rolled, _part(without, actual, perfect),
        None if rolled is None else _part(without, actual, rolled), bound, round(plan.both_ways_wh),
    )  # fmt: skip


def _part(without: Outcome, actual: Outcome, optimum: Outcome) -> float | None:
    possible = without.cost - optimum.cost
    return round((without.cost - actual.cost) / possible, 9) if possible > 0 else None


def _check(scenario: Scenario, run: Run) -> None:
    problems = []
    if scenario_digest(json.loads(scenario.to_json())) != scenario_digest(run.info["scenario"]):
        problems.append("scenario is not the run's: give the one that was run, with the values that were set")
    if run.record.header["local_market"] is None:
        problems.append("run had no local market: there is nothing to compare")
    if not run.record.place.members.any():
        problems.append("run had no members: a market of traders has its efficiency in trading_days(run)")
    if run.baseline is None:
        problems.append("run has no baseline: run the scenario with baseline=True")
    if not run.record.complete:
        problems.append("run was stopped: run it to its end")
    if scenario.retail is not None and scenario.retail.members:
        problems.append(
            "members chose their utility, and a plan has one tariff a member: run with retail.members=False"
        )
    if scenario.meter_failures > 0:
        problems.append("meters failed: what a substitute bills is no energy; run with meter_failures=percent(0)")
    if problems:
        refuse(ConfigError(problems))


class _Street:
    """A run's members as the program takes them, and the cost of every way through it."""

    def __init__(self, compiled: Compiled, run: Run, wear_tick: int) -> None:
        street = compiled.street
        self.street, self.outlook, self.seed, self.record = street, compiled.outlook, run.seed, run.record
        self.members = np.flatnonzero(run.record.place.members)
        self.periods = street.periods
        self.net_wh: Ints = (street.load_wh - street.generation_wh)[self.members]
        self.feed_in = self._tariff(street.feed_in_tick)
        columns = [column[self.members] for column in street.battery]
        self.owners = np.flatnonzero(columns[0] > 0)
        self.capacity_uwh, self.soc_uwh, self.charge_w, self.discharge_w, self.charge_ppm, self.removal = (
            column[self.owners] for column in columns
        )
        self.take_wh, self.give_wh = self._limits(self.charge_w), self._limits(self.discharge_w)
        self.worth = np.maximum(self.feed_in[self.owners, -1], 0).astype(np.float64)
        self.wear_tick = wear_tick
        self.place = self._place(run.record)

    @property
    def soc_wh(self) -> Floats:
        return self.soc_uwh / UWH_PER_WH

    def _tariff(self, ticks: Ints) -> Ints:
        mine: Ints = ticks[self.street.utility[self.members]]
        return mine

    def _limits(self, power_w: Ints) -> Ints:
        """Most energy [Wh] (b, p) that each power moves in each period."""
        street = self.street
        starts = street.start_ms + np.arange(street.periods) * street.period_ms
        limits = [
            [power_limit_wh(power, start, street.period_ms) for start in starts.tolist()] for power in power_w.tolist()
        ]
        return np.array(limits, np.int64).reshape(len(power_w), street.periods)

    def _place(self, record: Record) -> Place:
        street, network = self.street, self.street.network
        taxed = (1 + street.vat_ppm[self.members] / PPM)[:, None]
        retail = self._tariff(street.retail_tick)
        near, far, standard = (
            np.broadcast_to((network.fee_tick[path] + network.levy_tick) * taxed, retail.shape) for path in Path
        )
        _, kind = np.unique(
            np.stack([street.utility[self.members], street.vat_ppm[self.members]], axis=1), axis=0, return_inverse=True
        )
        prices = Prices(retail * taxed + standard, near, far, np.maximum(self.feed_in, 0).astype(np.float64))
        stores = Stores(
            self.owners, self.capacity_uwh / UWH_PER_WH, self.charge_ppm / UWH_PER_WH, self.removal / UWH_PER_WH,
            self.take_wh.astype(np.float64), self.give_wh.astype(np.float64), self.worth,
        )  # fmt: skip
        return Place(
            record.place.feeder[self.members], kind.ravel(), prices, stores, record.place.has_district,
            float(self.wear_tick),
        )  # fmt: skip

    # --- what it costs

    def planned(self, plan: Plan) -> Outcome:
        """Cost of the program's solution."""
        network = self.street.network
        losses = sum(plan.drawn_wh[path] * network.loss_ppm[path] / PPM for path in Path)
        real = (self.street.spot_tick * (plan.drawn_wh[Path.STANDARD] - plan.fed_wh + losses)).sum()
        moved = plan.charge_wh * self.place.stores.gain[:, None] - plan.discharge_wh * self.place.stores.loss[:, None]
        left = self.soc_wh + moved.sum(axis=1)
        return Outcome(round(plan.cost), round(float(real) - self._kept(left)))

    def _kept(self, soc_wh: Floats) -> float:
        """Worth of what is left in the batteries (b,) at the end."""
        return float((soc_wh / self.place.stores.loss * self.worth).sum())

    def recorded(self, record: Record) -> Outcome:
        """Cost of what a journal tells."""
        meters = record.streams["meters"]
        size = record.place.agents, self.periods
        net, given = np.zeros((2, *size), np.int64)
        net[meters["agent"], meters["period"]] = meters["traded_wh"] + meters["residual_wh"]
        given[meters["agent"], meters["period"]] = meters["discharge_wh"]
        taken = np.zeros(size, np.int64)
        taken[meters["agent"], meters["period"]] = meters["charge_wh"]
        mine = self.members[self.owners]
        soc_uwh = self.soc_uwh + taken[mine].sum(axis=1) * self.charge_ppm - given[mine].sum(axis=1) * self.removal
        return self._outcome(net[self.members], positions(record), given[mine], soc_uwh)

    def _outcome(self, net_wh: Ints, rows: Positions, given_wh: Ints, soc_uwh: Ints) -> Outcome:
        """Cost of metered positions (m, p) and trades."""
        place = self.record.place
        gains = realised_gains(rows, (self.periods, len(place.books)), place.has_district).sum() / PPM
        draws, feeds = np.maximum(net_wh, 0), np.maximum(-net_wh, 0)
        alone = (draws * self.place.prices.utility).sum() - (feeds * self.feed_in).sum()
        kept = self._kept(soc_uwh / UWH_PER_WH)
        cost = float(alone - gains + self.wear_tick * given_wh.sum()) - kept
        return Outcome(round(cost), round(self._real(net_wh, rows) - kept))

    def _real(self, net_wh: Ints, rows: Positions) -> float:
        """Sum imports and losses at spot, of flows split by path as settlement does."""
        bought = np.maximum(np.minimum(rows.feeder_wh + rows.district_wh, rows.metered_wh), 0)
        near = np.minimum(bought, np.maximum(rows.feeder_wh, 0))
        flows = near, bought - near, np.maximum(rows.metered_wh, 0) - bought
        spot = self.street.spot_tick
        losses = sum(
            (spot[rows.period] * flow).sum() * self.street.network.loss_ppm[path] / PPM
            for path, flow in zip(Path, flows, strict=True)
        )
        return float((net_wh * spot).sum() + losses)

    # --- on forecasts

    def rolled(self) -> Outcome:
        """Cost of the plans that are made at each gate closure and then meet the meters."""
        expectations = Expectations(self.street, self.outlook, self.seed)
        shape = len(self.members), self.periods
        net, near, far = np.zeros((3, *shape), np.int64)
        given = np.zeros((len(self.owners), self.periods), np.int64)
        soc_uwh = self.soc_uwh.copy()
        reach = max(1, BATTERY_HORIZON_MS // self.street.period_ms)
        for period in range(self.periods):
            span = slice(period, min(period + reach, self.periods))
            expected = self._expected(expectations, span)
            plan = solve(self.place, expected.astype(np.float64), soc_uwh / UWH_PER_WH, span)
            near[:, period], far[:, period] = np.rint(plan.near_wh[:, 0]), np.rint(plan.far_wh[:, 0])
            missed = (expected[:, 0] - self.net_wh[:, period])[self.owners]
            wanted = np.rint(plan.charge_wh[:, 0] - plan.discharge_wh[:, 0]).astype(np.int64) + missed
            take = np.minimum(self.take_wh[:, period], (self.capacity_uwh - soc_uwh) // self.charge_ppm)
            give = np.minimum(self.give_wh[:, period], soc_uwh // self.removal)
            moved = np.clip(wanted, -give, take)
            given[:, period] = np.maximum(-moved, 0)
            soc_uwh += np.maximum(moved, 0) * self.charge_ppm - given[:, period] * self.removal
            net[:, period] = self.net_wh[:, period]
            net[self.owners, period] += moved
        rows = positions(self.record)
        place = np.zeros(self.record.place.agents, np.int64)
        place[self.members] = np.arange(len(self.members))
        agent = place[self._agents_of_rows()]
        told = rows._replace(
            metered_wh=net[agent, rows.period], feeder_wh=near[agent, rows.period], district_wh=far[agent, rows.period]
        )
        return self._outcome(net, told, given, soc_uwh)

    def _agents_of_rows(self) -> Ints:
        agents = self.record.streams["meters"]["agent"]
        mine: Ints = agents[self.record.place.members[agents]]
        return mine

    def _expected(self, expectations: Expectations, span: slice) -> Ints:
        """Net load (m, t) [Wh] that each member expects when the gate of the first period of `span` closes."""
        now_ms = int(self.record.place.gate_ms(np.array(span.start)))
        for agent in self.members.tolist():
            expectations.refresh(agent, now_ms, span.start, span.stop - 1)
        net: Ints = expectations.load_wh[self.members, span] - expectations.generation_wh[self.members, span]
        return net
