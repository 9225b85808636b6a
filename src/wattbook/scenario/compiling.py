"""From a description to arrays: the street that the market, the world and the results read.

Owns the one translation of a scenario and a seed into whole numbers. The same scenario and seed give the same arrays,
in whatever order its agents were listed: rows are sorted by name and draws are keyed by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from wattbook.assets import Batteries
from wattbook.chance import draw, key_of
from wattbook.data import periods
from wattbook.data.calendar import utc_text
from wattbook.errors import DataError
from wattbook.market.setup import MarketRules, NetworkRules, Street
from wattbook.policies import Mind, home, nominate
from wattbook.scenario.calendar import bills_ms, by_hour, horizon_ms, opens_ms
from wattbook.scenario.estimating import require_memory
from wattbook.scenario.parts import CONNECTION, Agent, Consumer, LocalMarket, Prosumer, Utility
from wattbook.scenario.profiles import Horizon, Library, is_file
from wattbook.units import MS_PER_HOUR, MS_PER_MINUTE, PPM, half_even
from wattbook.world import Outlook

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from wattbook.assets import Battery
    from wattbook.scenario.model import Scenario
    from wattbook.scenario.parts import Network

    Ints = NDArray[np.int64]

IMBALANCE_SPREAD_PERCENT: Final = 20
"""By default the short pay the spot price and this share of its size more, and the long get as much less."""
W_PER_KW: Final = 1_000
WH_PER_KWH: Final = 1_000


class Compiled(NamedTuple):
    """A scenario as the world takes it."""

    street: Street
    minds: tuple[Mind | None, ...]
    outlook: Outlook
    inputs: dict[str, str]
    """SHA-256 of each file that was read."""


class Series(NamedTuple):
    """Energy of all agents, (a, p) each [Wh]: in the run, and at the same times a day before."""

    load_wh: Ints
    generation_wh: Ints
    load_before_wh: Ints
    generation_before_wh: Ints


def compile_street(scenario: Scenario, seed: int) -> Compiled:
    """Put a street together.

    Parameters
    ----------
    scenario : Scenario
    seed : int
        Draws the days of members whose profile is shared with others.

    Raises
    ------
    DataError
        With all problems of the profiles.
    ResourceError
        If it would not fit into memory.
    """
    require_memory(scenario)
    agents = sorted(scenario.agents, key=lambda agent: agent.name)
    start_ms, end_ms = horizon_ms(scenario.start, scenario.days, scenario.timezone)
    horizon = Horizon(start_ms, end_ms, scenario.period_ms)
    library = Library()
    starts_ms = periods(start_ms, end_ms, horizon.period_ms)
    series = _series(agents, seed, horizon, starts_ms, library)
    street = _street(scenario, agents, horizon, starts_ms, series, seed)
    outlook = Outlook(scenario.forecast, series.load_before_wh, series.generation_before_wh)
    return Compiled(street, tuple(mind_of(agent) for agent in agents), outlook, library.digests())


def mind_of(agent: Agent) -> Mind:
    """How an agent decides."""
    if agent.policy is not None:
        mind: Mind = agent.policy
        return mind
    return nominate() if isinstance(agent, Utility) else home("balanced")


def supplier_of(member: Consumer, utilities: list[str]) -> str:
    """Name a member's utility: the one it names, or else one by lot.

    The lot is drawn for each pair (member, utility) and the highest wins, so that a utility more takes only the
    customers that it wins and moves nobody else.
    """
    return member.supplier or max(utilities, key=lambda name: key_of(0, member.name, name, "supplier"))


def _series(agents: list[Agent], seed: int, horizon: Horizon, starts_ms: Ints, library: Library) -> Series:
    """Read everybody's energy; all problems are raised together."""
    series = Series(*(np.zeros((len(agents), horizon.periods), dtype=np.int64) for _ in Series._fields))
    problems: dict[str, None] = {}
    for row, agent in enumerate(agents):
        if isinstance(agent, Consumer):
            try:
                _read_member(agent, row, seed, horizon, starts_ms, library, series)
            except DataError as fault:
                problems |= dict.fromkeys(f"{agent.name}: {problem}" for problem in fault.problems)
    if problems:
        raise DataError(_grouped(list(problems)))
    return series


def _grouped(problems: list[str]) -> list[str]:
    """Say what many members have in common once."""
    first: dict[str, str] = {}
    count: dict[str, int] = {}
    for problem in problems:
        name, _, what = problem.partition(": ")
        first.setdefault(what, name)
        count[what] = count.get(what, 0) + 1
    return [f"{first[what]}{f' and {n - 1} more' if n > 1 else ''}: {what}" for what, n in count.items()]


def _read_member(
    member: Consumer, row: int, seed: int, horizon: Horizon, starts_ms: Ints, library: Library, series: Series
) -> None:
    """Fill one member's row."""
    key = key_of(seed, member.name, "days") if member.bootstrap else None
    load = library.load(member.profile, member.name, int(member.rated or 0), key, horizon)
    _check_connection(member, load.run_wh, horizon)
    series.load_wh[row], series.load_before_wh[row] = load
    if isinstance(member, Prosumer) and member.pv is not None:
        nominal = library.generation(member.pv_profile, int(member.pv.rated_w), horizon)
        series.generation_wh[row] = member.pv.aged_generation_wh(nominal.run_wh, starts_ms)
        series.generation_before_wh[row] = member.pv.aged_generation_wh(nominal.before_wh, starts_ms)


def _check_connection(member: Consumer, load_wh: Ints, horizon: Horizon) -> None:
    """Refuse a load (p,) that its connection could never carry, as when kW are given as kWh.

    A shipped profile sizes its own connection, unless the scenario says how much that carries.

    Raises
    ------
    DataError
        With the first period at which it draws most.
    """
    own = is_file(member.profile)
    if not own and member.connection is None:
        return
    carried_wh, peak = _per_period(_connection_w(member), horizon.period_ms), int(load_wh.argmax())
    drawn_wh = int(load_wh[peak])
    if drawn_wh <= carried_wh:
        return
    span = "one hour" if horizon.period_ms == MS_PER_HOUR else f"{horizon.period_ms // MS_PER_MINUTE} min"
    at = utc_text(horizon.start_ms + peak * horizon.period_ms)
    needed_kw = -(-drawn_wh * MS_PER_HOUR // (horizon.period_ms * W_PER_KW))
    raise DataError(
        f"profile/beyond-connection: it draws {drawn_wh / WH_PER_KWH} kWh in {span} at {at}, its connection carries "
        f"{carried_wh / WH_PER_KWH} kWh: {'are these kW? or ' if own else ''}raise connection=kw({needed_kw})"
    )


def _per_period(power_w: int, period_ms: int) -> int:
    """Energy [Wh] of a power [W] held for a period, rounded down."""
    return power_w * period_ms // MS_PER_HOUR


def _street(
    scenario: Scenario, agents: list[Agent], horizon: Horizon, starts_ms: Ints, series: Series, seed: int
) -> Street:
    """Lay out everything else."""
    shape = (len(agents), horizon.periods)
    homes = [agent if isinstance(agent, Consumer) else None for agent in agents]
    feeders = tuple(sorted({each.feeder for each in homes if each is not None}))
    batteries = [agent.battery if isinstance(agent, Prosumer) else None for agent in agents]
    retail, feed_in = _tariffs(agents, starts_ms, scenario.timezone)
    spot, short, long = _outside_prices(scenario, starts_ms)
    buy_limit, sell_limit = _limits(agents, batteries, horizon.period_ms)
    local = scenario.local
    opening = (LocalMarket() if local is None else local).opens_minute
    return Street(
        names=tuple(agent.name for agent in agents),
        kinds=tuple(agent.kind for agent in agents),
        feeders=feeders,
        has_district=local is not None and local.district,
        start_ms=horizon.start_ms,
        period_ms=horizon.period_ms,
        periods=horizon.periods,
        timezone=scenario.timezone,
        opens_ms=opens_ms(starts_ms, opening, scenario.timezone),
        feeder=_column(-1 if each is None else feeders.index(each.feeder) for each in homes),
        utility=_suppliers(agents),
        vat_ppm=_column(_vat(agent, scenario.network) for agent in agents),
        credit_limit=_column(agent.credit_limit for agent in agents),
        endowment=_column(agent.cash for agent in agents),
        load_wh=series.load_wh,
        generation_wh=series.generation_wh,
        missing=_failures(scenario, agents, shape, seed),
        substitute_wh=series.load_before_wh - series.generation_before_wh,
        buy_limit_wh=buy_limit,
        sell_limit_wh=sell_limit,
        maintenance=_maintenance(agents, horizon, starts_ms),
        battery=Batteries.of(batteries),
        retail_tick=retail,
        feed_in_tick=feed_in,
        spot_tick=spot,
        short_tick=short,
        long_tick=long,
        network=_network(scenario.network),
        market=None if local is None else _rules(local),
        bill_ms=bills_ms(horizon.start_ms, horizon.end_ms, scenario.billing, scenario.timezone),
        about={agent.name: _about(agent) for agent in agents},
    )


def _failures(scenario: Scenario, agents: list[Agent], shape: tuple[int, int], seed: int) -> NDArray[np.bool_]:
    """Draw which members' meters (a, p) fail in which period."""
    missing = np.zeros(shape, dtype=np.bool_)
    for row, agent in enumerate(agents):
        if scenario.meter_failures and isinstance(agent, Consumer):
            key = key_of(seed, agent.name, "meter")
            missing[row] = [draw(key, period) % PPM < scenario.meter_failures for period in range(shape[1])]
    return missing


def _column(values: Iterable[int]) -> Ints:
    """Lay out whole numbers as a column (a,)."""
    return np.array([int(value) for value in values], dtype=np.int64)


def _suppliers(agents: list[Agent]) -> Ints:
    """Row of each member's utility (a,); -1 for utilities."""
    rows = {agent.name: row for row, agent in enumerate(agents) if isinstance(agent, Utility)}
    names = list(rows)
    return _column(rows[supplier_of(agent, names)] if isinstance(agent, Consumer) else -1 for agent in agents)


def _vat(agent: Agent, network: Network) -> int:
    """VAT that an agent bears [ppm]: businesses get it back."""
    return network.vat if isinstance(agent, Consumer) and not agent.deducts_vat else 0


def _tariffs(agents: list[Agent], starts_ms: Ints, timezone: str) -> tuple[Ints, Ints]:
    """Retail and feed-in prices (a, p) each, in the utilities' rows."""
    retail = np.zeros((len(agents), starts_ms.size), dtype=np.int64)
    feed_in = np.zeros_like(retail)
    for row, agent in enumerate(agents):
        if isinstance(agent, Utility):
            retail[row] = by_hour(agent.retail, starts_ms, timezone)
            feed_in[row] = by_hour(agent.feed_in, starts_ms, timezone)
    return retail, feed_in


def _outside_prices(scenario: Scenario, starts_ms: Ints) -> tuple[Ints, Ints, Ints]:
    """Spot price, and imbalance price for the short and for the long (p,) each."""
    given = scenario.imbalance
    spread = [half_even(abs(price) * IMBALANCE_SPREAD_PERCENT, 100) for price in scenario.spot]
    short = given.short or tuple(price + more for price, more in zip(scenario.spot, spread, strict=True))
    below = tuple(price - less for price, less in zip(scenario.spot, spread, strict=True))
    long = given.long or given.short or below
    spot, dear, cheap = (by_hour(prices, starts_ms, scenario.timezone) for prices in (scenario.spot, short, long))
    return spot, dear, cheap


def _limits(agents: list[Agent], batteries: list[Battery | None], period_ms: int) -> tuple[Ints, Ints]:
    """Most energy that each connection and its plants could take, and give, in one period (a,) each [Wh]."""
    take_w, give_w = [], []
    for agent, battery in zip(agents, batteries, strict=True):
        pv_w = agent.pv.rated_w if isinstance(agent, Prosumer) and agent.pv is not None else 0
        take_w.append(_connection_w(agent) + (battery.take_w if battery else 0))
        give_w.append(pv_w + (battery.give_w if battery else 0))
    return _column(_per_period(w, period_ms) for w in take_w), _column(_per_period(w, period_ms) for w in give_w)


def _connection_w(agent: Agent) -> int:
    """Power that a member's connection carries [W]; utilities have none."""
    if not isinstance(agent, Consumer):
        return 0
    return int(agent.connection if agent.connection is not None else max(agent.rated or 0, CONNECTION))


def _maintenance(agents: list[Agent], horizon: Horizon, starts_ms: Ints) -> Ints:
    """Cost of the plants' upkeep (a, p) [1e-8 EUR]."""
    costs = np.zeros((len(agents), starts_ms.size), dtype=np.int64)
    edges = [*starts_ms.tolist(), horizon.end_ms]
    for row, agent in enumerate(agents):
        if isinstance(agent, Prosumer) and agent.pv is not None and agent.pv.maintenance_per_kw_year:
            running = [agent.pv.maintenance(horizon.start_ms, edge) for edge in edges]
            costs[row] = np.diff(np.array(running, dtype=np.int64))
    return costs


def _network(network: Network) -> NetworkRules:
    return NetworkRules(
        fee_tick=(int(network.feeder_fee), int(network.district_fee), int(network.standard_fee)),
        loss_ppm=(int(network.feeder_loss), int(network.district_loss), int(network.standard_loss)),
        levy_tick=int(network.levy),
    )


def _rules(local: LocalMarket) -> MarketRules:
    return MarketRules(
        closes_before_ms=int(local.closes_before),
        floor_tick=int(local.floor),
        cap_tick=int(local.cap),
        step_tick=int(local.step),
        self_trade=local.self_trade,
        orders_per_wake=local.orders_per_wake,
        max_quantity_wh=int(local.largest_order),
    )


def _about(agent: Agent) -> dict[str, str]:
    """Tell people of an agent, in the journal's header."""
    mind = mind_of(agent)
    return {"persona": mind.persona, "policy": mind.name, "label": agent.label}
