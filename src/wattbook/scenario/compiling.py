"""From a description to arrays: the street that the market, the world and the results read.

Owns the one translation of a scenario and a seed into whole numbers. The same scenario and seed give the same arrays,
in whatever order its agents were listed: rows are sorted by name and draws are keyed by it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from wattbook.assets import Batteries
from wattbook.chance import draws, key_of, keys_of
from wattbook.data import periods
from wattbook.data.calendar import utc_text
from wattbook.errors import DataError
from wattbook.market.setup import LaboratoryRules, MarketRules, NetworkRules, Street
from wattbook.messages import BUY, SELL
from wattbook.policies import Mind, home, idle, nominate, zero_intelligence
from wattbook.scenario.calendar import bills_ms, by_hour, horizon_ms, opens_ms
from wattbook.scenario.estimating import require_memory
from wattbook.scenario.game_rules import game_minds, game_rules
from wattbook.scenario.gateway import gateway_rules
from wattbook.scenario.incentive_rules import incentive_rules
from wattbook.scenario.mechanism_rules import auction_rules, mid_market_tick, sharing_rules
from wattbook.scenario.oversight_rules import oversight_rules
from wattbook.scenario.parts import CONNECTION, REACTION, Agent, Consumer, LocalMarket, Prosumer, Trader, Utility
from wattbook.scenario.profiles import Horizon, Library, is_file
from wattbook.scenario.roll import District, Roll, upkeep
from wattbook.scenario.spot_prices import spot_digests, spot_tick
from wattbook.scenario.wholesale import Producer
from wattbook.scenario.wholesale_rules import has_wholesale, weather_digests, wholesale_minds, wholesale_rules
from wattbook.units import MS_PER_HOUR, MS_PER_MINUTE, PPM, half_even
from wattbook.world import Outlook

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from wattbook.assets import Battery
    from wattbook.market.setup import WholesaleRules
    from wattbook.policies.language.days import Voice
    from wattbook.policies.wholesale import WholesaleMind
    from wattbook.regulator.judging import Judge
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
    wholesale_minds: dict[int, WholesaleMind] = {}  # noqa: RUF012 - nobody changes it
    """How utilities and producers decide, by agent, where there is a wholesale market."""
    judge: Judge | None = None
    """Who chooses the regulator's sanctions, where that is not its ladder."""
    voices: dict[int, Voice] = {}  # noqa: RUF012 - nobody changes it
    """Utilities and producers that ask a language model, by agent."""
    thinking_ms: int = 0
    """How long these think."""


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
        With all problems of the profiles, or of the spot prices.
    ResourceError
        If it would not fit into memory.
    """
    require_memory(scenario)
    roll = Roll.of(scenario.agents if scenario.game is None else scenario.game.agents(scenario.period_ms))
    start_ms, end_ms = horizon_ms(scenario.start, scenario.days, scenario.timezone, scenario.hours)
    horizon = Horizon(start_ms, end_ms, scenario.period_ms)
    library = Library()
    starts_ms = periods(start_ms, end_ms, horizon.period_ms)
    needs_before = scenario.forecast.kind == "persistence" or scenario.meter_failures > 0
    series = _series(roll, seed, horizon, starts_ms, library, needs_before=needs_before)
    street = _street(scenario, roll, horizon, starts_ms, series, seed)
    if scenario.game is not None:
        wholesale: WholesaleRules | None = game_rules(scenario.game, roll, horizon)
    else:
        wholesale = wholesale_rules(scenario, roll, seed, horizon, starts_ms, library, street.spot_tick)
    if wholesale is not None:
        street = replace(street, wholesale=wholesale)
    oversight = oversight_rules(scenario, horizon, starts_ms)
    if oversight is not None and scenario.regulator is not None:
        tools, budget = scenario.regulator.incentives, scenario.regulator.incentive_budget
        green = incentive_rules(tools, budget, roll, horizon, scenario.timezone, wholesale)
        street = replace(street, oversight=oversight, incentives=green)
    outlook = Outlook(scenario.forecast, series.load_before_wh, series.generation_before_wh)
    inputs = library.digests() | spot_digests(scenario.spot) | weather_digests(scenario)
    minds = _minds(roll)
    asked: dict[int, WholesaleMind] = {}
    if scenario.game is not None:
        asked = game_minds(scenario.game, roll, horizon)
        street = replace(street, about={roll.names[row]: _about_mind(mind) for row, mind in asked.items()})
    elif wholesale is not None:
        asked = wholesale_minds(roll)
    minds = tuple(None if row in asked else mind for row, mind in enumerate(minds))
    judge = None if scenario.regulator is None else scenario.regulator.judge
    return Compiled(street, minds, outlook, dict(sorted(inputs.items())), asked, judge)


def mind_of(agent: Agent) -> Mind:
    """How an agent decides that is described by itself."""
    if agent.policy is not None:
        mind: Mind = agent.policy
        return mind
    if isinstance(agent, Trader):
        return zero_intelligence()
    if isinstance(agent, Producer):
        return idle()
    return nominate() if isinstance(agent, Utility) else home("balanced")


def supplier_of(member: Consumer, utilities: list[str]) -> str:
    """Name a member's utility: the one it names, or else one by lot.

    The lot is drawn for each pair (member, utility) and the highest wins, so that a utility more takes only the
    customers that it wins and moves nobody else.
    """
    return member.supplier or max(utilities, key=lambda name: key_of(0, member.name, name, "supplier"))


def _minds(roll: Roll) -> tuple[Mind | None, ...]:
    """How everybody decides (a,); homes of one persona share a mind."""
    minds = np.empty(roll.size, dtype=object)
    minds[roll.rows] = [mind_of(agent) for agent in roll.agents]
    for district in roll.districts:
        kinds = np.empty(len(district.minds), dtype=object)
        kinds[:] = district.minds
        minds[district.rows] = kinds[district.homes.persona]
    return tuple(minds.tolist())


def _series(
    roll: Roll, seed: int, horizon: Horizon, starts_ms: Ints, library: Library, *, needs_before: bool
) -> Series:
    """Read everybody's energy; all problems are raised together.

    A city's day before is read only where something asks for it.
    """
    series = Series(*(np.zeros((roll.size, horizon.periods), dtype=np.int64) for _ in Series._fields))
    problems: dict[str, None] = {}
    for row, agent in zip(roll.rows.tolist(), roll.agents, strict=True):
        if isinstance(agent, Consumer):
            try:
                _read_member(agent, row, seed, horizon, starts_ms, library, series)
            except DataError as fault:
                problems |= dict.fromkeys(f"{agent.name}: {problem}" for problem in fault.problems)
    for district in roll.districts:
        try:
            district.read(seed, horizon, starts_ms, library, series, needs_before=needs_before)
        except DataError as fault:
            problems |= dict.fromkeys(f"{district.city.name}: {problem}" for problem in fault.problems)
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


def _street(scenario: Scenario, roll: Roll, horizon: Horizon, starts_ms: Ints, series: Series, seed: int) -> Street:
    """Lay out everything else."""
    agents = roll.agents
    homes = [agent if isinstance(agent, Consumer | Trader) else None for agent in agents]
    feeders = _feeders(homes, roll)
    place = {name: index for index, name in enumerate(feeders)}
    batteries = [agent.battery if isinstance(agent, Prosumer) else None for agent in agents]
    spot, short, long = _outside_prices(scenario, seed, horizon, starts_ms)
    buy_limit, sell_limit = _limits(agents, batteries, horizon.period_ms)
    local = scenario.local
    opening = (LocalMarket() if local is None else local).opens_minute
    utilities = {agent.name: row for agent, row in zip(agents, roll.rows.tolist(), strict=True) if is_utility(agent)}
    retail, feed_in = _tariffs(roll, starts_ms, scenario.timezone)
    missing = _failures(scenario, roll, horizon.periods, seed)
    feeder = roll.column(
        _column(-1 if each is None else place[each.feeder] for each in homes), lambda each: each.feeder(place)
    )
    utility = roll.column(_suppliers(agents, utilities), lambda each: each.utility(utilities))
    choose = scenario.retail is not None and scenario.retail.members
    mid = mid_market_tick(utility, feeder, retail, feed_in, tuple(utilities.values()) if choose else ())
    gates_ms = opens_ms(starts_ms, opening, scenario.timezone)
    return Street(
        names=roll.names,
        kinds=roll.texts([agent.kind for agent in agents], District.kinds),
        feeders=feeders,
        has_district=local is not None and local.district,
        start_ms=horizon.start_ms,
        period_ms=horizon.period_ms,
        periods=horizon.periods,
        timezone=scenario.timezone,
        opens_ms=gates_ms,
        feeder=feeder,
        utility=utility,
        vat_ppm=roll.column(
            _column(_vat(agent, scenario.network) for agent in agents), lambda each: each.vat_ppm(scenario.network.vat)
        ),
        credit_limit=roll.column(
            _column(agent.credit_limit for agent in agents), lambda each: each.same(each.city.credit_limit)
        ),
        endowment=roll.column(_column(agent.cash for agent in agents), lambda each: each.same(each.city.cash)),
        load_wh=series.load_wh,
        generation_wh=series.generation_wh,
        missing=missing,
        substitute_wh=_substitute(roll, series, missing),
        buy_limit_wh=roll.column(buy_limit, lambda each: each.limits_wh(horizon.period_ms)[0]),
        sell_limit_wh=roll.column(sell_limit, lambda each: each.limits_wh(horizon.period_ms)[1]),
        maintenance=_maintenance(roll, horizon, starts_ms),
        battery=roll.batteries(Batteries.of(batteries)),
        retail_tick=retail,
        feed_in_tick=feed_in,
        spot_tick=spot,
        short_tick=short,
        long_tick=long,
        network=_network(scenario.network),
        market=_rules(scenario, roll, horizon, starts_ms, gates_ms, mid),
        bill_ms=bills_ms(horizon.start_ms, horizon.end_ms, scenario.billing, scenario.timezone),
        about=roll.about([_about(agent, in_wholesale=has_wholesale(scenario)) for agent in agents]),
    )


def _feeders(homes: Sequence[Consumer | Trader | None], roll: Roll) -> tuple[str, ...]:
    """Name all feeders, sorted."""
    named = {each.feeder for each in homes if each is not None}
    for district in roll.districts:
        named |= set(district.feeder_names())
    return tuple(sorted(named))


def _substitute(roll: Roll, series: Series, missing: NDArray[np.bool_]) -> Ints:
    """Net withdrawal at the same time a day before (a, p) [Wh]; only read where a meter fails."""
    if roll.districts and not missing.any():
        return np.zeros(series.load_wh.shape, np.int64)
    substitute: Ints = series.load_before_wh - series.generation_before_wh
    return substitute


def _failures(scenario: Scenario, roll: Roll, periods: int, seed: int) -> NDArray[np.bool_]:
    """Draw which members' meters (a, p) fail in which period."""
    missing = np.zeros((roll.size, periods), dtype=np.bool_)
    if not scenario.meter_failures:
        return missing
    members = [
        (row, each)
        for row, each in zip(roll.rows.tolist(), roll.agents, strict=True)
        if not isinstance(each, Utility | Producer)
    ]
    rows = np.array([row for row, _ in members], np.int64)
    keys = keys_of(seed, [each.name for _, each in members], "meter")
    for some, keyed in ((rows, keys), *((d.rows, keys_of(seed, d.homes.names, "meter")) for d in roll.districts)):
        for period in range(periods):
            missing[some, period] = draws(keyed, period) % PPM < scenario.meter_failures
    return missing


def _column(values: Iterable[int]) -> Ints:
    """Lay out whole numbers as a column (a,)."""
    return np.array([int(value) for value in values], dtype=np.int64)


def is_utility(agent: Agent) -> bool:
    """Tell whether an agent is a utility."""
    return isinstance(agent, Utility)


def _suppliers(agents: Sequence[Agent], utilities: dict[str, int]) -> Ints:
    """Row of each member's utility (k,), of `utilities` by name; -1 for utilities."""
    names = list(utilities)
    return _column(utilities[supplier_of(agent, names)] if isinstance(agent, Consumer) else -1 for agent in agents)


def _vat(agent: Agent, network: Network) -> int:
    """VAT that an agent bears [ppm]: businesses get it back."""
    return network.vat if isinstance(agent, Consumer) and not agent.deducts_vat else 0


def _tariffs(roll: Roll, starts_ms: Ints, timezone: str) -> tuple[Ints, Ints]:
    """Retail and feed-in prices (a, p) each, in the utilities' rows."""
    retail = np.zeros((roll.size, starts_ms.size), dtype=np.int64)
    feed_in = np.zeros(retail.shape, dtype=np.int64)
    for row, agent in zip(roll.rows.tolist(), roll.agents, strict=True):
        if isinstance(agent, Utility):
            retail[row] = by_hour(agent.retail, starts_ms, timezone)
            feed_in[row] = by_hour(agent.feed_in, starts_ms, timezone)
    return retail, feed_in


def _outside_prices(scenario: Scenario, seed: int, horizon: Horizon, starts_ms: Ints) -> tuple[Ints, Ints, Ints]:
    """Spot price, and imbalance price for the short and for the long (p,) each."""
    given, timezone = scenario.imbalance, scenario.timezone
    spot = spot_tick(scenario.spot, seed, horizon, starts_ms, timezone)
    spread = np.array([half_even(abs(price) * IMBALANCE_SPREAD_PERCENT, 100) for price in spot.tolist()], np.int64)
    short = spot + spread if given.short is None else by_hour(given.short, starts_ms, timezone)
    told = given.long or given.short
    long = spot - spread if told is None else by_hour(told, starts_ms, timezone)
    return spot, short, long


def _limits(agents: Sequence[Agent], batteries: Sequence[Battery | None], period_ms: int) -> tuple[Ints, Ints]:
    """Most energy that each connection and its plants could take, and give, in one period (a,) each [Wh]."""
    take_w, give_w = [], []
    for agent, battery in zip(agents, batteries, strict=True):
        pv_w = agent.pv.rated_w if isinstance(agent, Prosumer) and agent.pv is not None else 0
        take_w.append(_connection_w(agent) + (battery.take_w if battery else 0))
        give_w.append(pv_w + (battery.give_w if battery else 0))
    take_wh, give_wh = (_column(_per_period(w, period_ms) for w in limits) for limits in (take_w, give_w))
    for row, agent in enumerate(agents):
        if isinstance(agent, Trader):
            # Its units, 1 Wh each, are all that it can take or give.
            (take_wh if agent.side == "buy" else give_wh)[row] = len(agent.units_tick)
    return take_wh, give_wh


def _connection_w(agent: Agent) -> int:
    """Power that a member's connection carries [W]; utilities have none."""
    if not isinstance(agent, Consumer):
        return 0
    return int(agent.connection if agent.connection is not None else max(agent.rated or 0, CONNECTION))


def _maintenance(roll: Roll, horizon: Horizon, starts_ms: Ints) -> Ints:
    """Cost of the plants' upkeep (a, p) [1e-8 EUR]."""
    costs = np.zeros((roll.size, starts_ms.size), dtype=np.int64)
    edges = [*starts_ms.tolist(), horizon.end_ms]
    for row, agent in zip(roll.rows.tolist(), roll.agents, strict=True):
        if isinstance(agent, Prosumer) and agent.pv is not None and agent.pv.maintenance_per_kw_year:
            costs[row] = upkeep(agent.pv, edges)
    for district in roll.districts:
        district.fill_upkeep(edges, costs)
    return costs


def _network(network: Network) -> NetworkRules:
    return NetworkRules(
        fee_tick=(int(network.feeder_fee), int(network.district_fee), int(network.standard_fee)),
        loss_ppm=(int(network.feeder_loss), int(network.district_loss), int(network.standard_loss)),
        levy_tick=int(network.levy),
    )


def _rules(
    scenario: Scenario, roll: Roll, horizon: Horizon, starts_ms: Ints, gates_ms: Ints, mid_tick: Ints
) -> MarketRules | None:
    """Lay out the local market; None without one."""
    local = scenario.local
    if local is None:
        return None
    return MarketRules(
        closes_before_ms=int(local.closes_before),
        floor_tick=int(local.floor),
        cap_tick=int(local.cap),
        step_tick=int(local.step),
        self_trade=local.self_trade,
        orders_per_wake=local.orders_per_wake,
        max_quantity_wh=int(local.largest_order),
        laboratory=_laboratory(local, roll.agents),
        auction=auction_rules(local, mid_tick),
        sharing=sharing_rules(local, roll, mid_tick, starts_ms, scenario.timezone),
        gateway=gateway_rules(local, horizon, gates_ms),
    )


def _laboratory(local: LocalMarket, agents: Sequence[Agent]) -> LaboratoryRules | None:
    """Lay out what makes the market a laboratory's; None for any other."""
    traders = {
        agent.name: (BUY if agent.side == "buy" else SELL, agent.units_tick)
        for agent in agents
        if isinstance(agent, Trader)
    }
    takes_turns = local.turns != "clock"
    if not (traders or takes_turns or local.improve or local.clear_after_trade):
        return None
    return LaboratoryRules(
        improve=local.improve,
        clear_after_trade=local.clear_after_trade,
        takes_turns=takes_turns,
        failed_shouts=local.failed_shouts,
        turns_per_day=local.turns_per_day,
        days=local.session_days,
        answers=local.answers,
        reaction_ms=_reactions(agents) if local.turns == "reaction" else {},
        traders=traders,
    )


def _reactions(agents: Sequence[Agent]) -> dict[str, int]:
    """Give the traders' reaction times [ms] by name."""
    traders = [agent for agent in agents if isinstance(agent, Trader)]
    return {each.name: int(REACTION if each.reaction is None else each.reaction) for each in traders}


def _about(agent: Agent, *, in_wholesale: bool) -> dict[str, str]:
    """Tell people of an agent, in the journal's header."""
    if isinstance(agent, Producer) or (isinstance(agent, Utility) and in_wholesale):
        return _about_mind(agent.persona, agent.label)
    return _about_mind(mind_of(agent), agent.label)


def _about_mind(mind: Mind | WholesaleMind, label: str = "") -> dict[str, str]:
    return {
        "persona": str(getattr(mind, "persona", "")),
        "policy": str(getattr(mind, "name", type(mind).__name__)),
        "label": label,
    }
