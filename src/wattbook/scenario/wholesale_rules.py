"""From a scenario's producers, utilities and wholesale market to the rules that the market carries out.

Owns the calendar of the wholesale market, and what plants can give. All whole numbers; the same scenario and seed give
the same, in whatever order agents were listed.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import fields
from typing import TYPE_CHECKING, Final

import numpy as np

from wattbook.assets.plants import PlantKind, Plants, PowerPlant
from wattbook.assets.upgrades import UpgradeTerms
from wattbook.chance import draws, key_of, keys_of
from wattbook.contracts import NO_LIMIT, ContractSpec, DeskTerms, Kind
from wattbook.data import PlantRow, load_fuels, load_plants, local_days, zone
from wattbook.data.calendar import utc_ms
from wattbook.errors import DataError
from wattbook.market.merit_order import CAP_TICK, FLOOR_TICK
from wattbook.market.setup import RetailRules, WholesaleRules
from wattbook.market.supply import availability_ppm, lay_out
from wattbook.policies.asking import AskingMind
from wattbook.policies.producers import ProducerMind
from wattbook.scenario.calendar import by_hour
from wattbook.scenario.parts import Consumer, Utility
from wattbook.scenario.profiles import FLAT, is_file
from wattbook.scenario.wholesale import Auction, ContractDesk, Producer
from wattbook.scenario.wholesale_products import Day, catalogue
from wattbook.units import MS_PER_DAY, MS_PER_HOUR, PPM, QUANTA_PER_CENT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from wattbook.market.supply import Park
    from wattbook.policies.wholesale import WholesaleMind
    from wattbook.scenario.model import Scenario
    from wattbook.scenario.profiles import Horizon, Library
    from wattbook.scenario.roll import Roll

    Ints = NDArray[np.int64]

WEATHER: Final = {
    "wind": "wind-onshore", "solar": "solar", "hydro": "hydro", "biomass": "biomass",
}  # fmt: skip
"""Series of the shipped supply that drives plants of a kind."""
SUPPLY: Final = "simbench"
RENEWABLE: Final = ("hydro", "wind", "solar", "biomass")
DAY_AHEAD_MINUTE: Final = 12 * 60
UNLIMITED_WH: Final = 1 << 40
"""More than anybody draws in a period."""
_SAMPLE: Final = 100
"""Customers that are drawn to stand for all: each has the profile's days in an order of its own."""
_SHARPER: Final = 100
"""Each is read so many times as large, so that what is below 1 Wh counts."""
_MILLION: Final = 1_000_000


def has_wholesale(scenario: Scenario) -> bool:
    """Tell whether a scenario has what a wholesale market is needed for."""
    standing = any(each.represents or each.renewable_quota for each in scenario.utilities)
    others = (scenario.wholesale, scenario.retail, scenario.game)
    return any(each is not None for each in others) or standing or bool(scenario.producers)


def weather_digests(scenario: Scenario) -> dict[str, str]:
    """SHA-256 of each file that producers' weather and fuels were read from."""
    if not scenario.producers:
        return {}
    return {f"{SUPPLY}/{name}": digest for name, digest in load_plants(SUPPLY).digests().items()}


def wholesale_minds(roll: Roll) -> dict[int, WholesaleMind]:
    """Minds of utilities and producers, by agent."""
    return {
        row: _asking(agent)
        for row, agent in zip(roll.rows.tolist(), roll.agents, strict=True)
        if isinstance(agent, Utility | Producer)
    }


def _asking(agent: Utility | Producer) -> WholesaleMind:
    """How an agent decides; a producer's own asking price takes the place of its persona's."""
    mind: WholesaleMind = agent.persona
    if isinstance(agent, Producer) and agent.offer is not None and isinstance(mind, ProducerMind):
        own = {field.name: getattr(mind, field.name) for field in fields(ProducerMind)}
        return AskingMind(**own, ask_tick=int(agent.offer))
    return mind


def wholesale_rules(
    scenario: Scenario, roll: Roll, seed: int, horizon: Horizon, starts_ms: Ints, library: Library, outside_tick: Ints
) -> WholesaleRules | None:
    """Lay out the wholesale market of a scenario; None where nothing asks for one.

    Parameters
    ----------
    outside_tick : (p,)
        The outside's price of each period.

    Raises
    ------
    DataError
        With all problems of profiles and weather.
    """
    if not has_wholesale(scenario):
        return None
    rows = roll.rows.tolist()
    people = [(row, agent) for row, agent in zip(rows, roll.agents, strict=True)]
    owners = [(row, agent) for row, agent in people if isinstance(agent, Producer)]
    suppliers = [(row, agent) for row, agent in people if isinstance(agent, Utility)]
    parks = [_park(agent, horizon.period_ms) for _, agent in owners]
    days = _days(scenario, horizon, starts_ms)
    given = scenario.wholesale
    desk = given if isinstance(given, ContractDesk) else None
    auction = given if isinstance(given, Auction) else desk.spot if desk is not None else None
    at_minute = DAY_AHEAD_MINUTE if auction is None else auction.minute
    standing = [(row, agent) for row, agent in suppliers if agent.represents or scenario.retail is not None]
    quotas = {row: int(agent.renewable_quota) for row, agent in suppliers}
    link = auction.link if auction is not None else None
    end_ms = horizon.end_ms
    band = _band(auction, outside_tick)
    return WholesaleRules(
        producers=np.array([row for row, _ in owners], np.int64),
        plants=_plants([row for row, _ in owners], [agent for _, agent in owners], parks),
        upgrades=tuple(_upgrade(agent) for _, agent in owners),
        available_ppm=_availability(owners, parks, seed, horizon, foreseen=False),
        expected_ppm=_availability(owners, parks, seed, horizon, foreseen=True),
        reaches=tuple(
            (row, other)
            for row, agent in owners
            for other, utility in suppliers
            if agent.utilities is None or utility.name in agent.utilities
        ),
        standing=np.array([row for row, _ in standing], np.int64),
        customers=np.array([agent.represents for _, agent in standing], np.int64),
        million_wh=_million_wh([agent for _, agent in standing], seed, horizon, library),
        sessions=_sessions(days, at_minute, scenario.timezone, horizon.start_ms),
        auction=auction is not None,
        floor_tick=band[0],
        cap_tick=band[1],
        link_wh=UNLIMITED_WH if link is None else int(link) * horizon.period_ms // MS_PER_HOUR,
        link_tick=0 if auction is None else int(auction.link_fee),
        imbalance_ppm=_imbalance_ppm(scenario),
        expected_tick=_expected(scenario, desk, starts_ms),
        desk=_desk_terms(desk, roll.size, owners, days, horizon, starts_ms, scenario.timezone, band)
        if desk is not None or not any(quotas.values())
        else _register(roll.size, owners, horizon),
        desk_ms=() if desk is None else _daily(days, desk.opens_minute, scenario.timezone, horizon),
        rounds=1 if desk is None else desk.rounds,
        ahead_ms=0 if desk is None else (desk.ahead + 1) * MS_PER_DAY,
        mark_ms=() if desk is None else _daily(days, desk.marks_minute, scenario.timezone, horizon),
        quota_ppm=tuple(quotas.get(row, 0) for row in range(roll.size)) if any(quotas.values()) else (),
        buy_out_tick=int(scenario.buy_out),
        comply_ms=(end_ms,) if any(quotas.values()) else (),
        retail=_retail(scenario, [agent for _, agent in standing], roll, seed, days, horizon),
        auctions_guarantees=desk is None and any(quotas.values()),
        steady=frozenset(row for row, agent in standing if agent.profile == FLAT),
    )


# --- plants


def _park(agent: Producer, period_ms: int) -> Park:
    row = PlantRow(agent.name, agent.plant, int(agent.capacity))
    series = {agent.name: WEATHER[agent.plant]} if agent.plant in WEATHER else {}
    return lay_out([row], period_ms, co2_cent_per_t=int(agent.co2) // QUANTA_PER_CENT, series=series)


def benchmark_tick(agent: Producer, period_ms: int) -> int:
    """Give what public indices of fuel, efficiency and carbon say that a MWh of a plant costs [ticks]."""
    return int(_park(agent, period_ms).plants.marginal_tick[0])


def _plants(rows: Sequence[int], agents: Sequence[Producer], parks: Sequence[Park]) -> Plants:
    plants = []
    for row, agent, park in zip(rows, agents, parks, strict=True):
        plants.append(
            PowerPlant(
                kind=PlantKind[agent.plant.upper()],
                capacity_w=int(agent.capacity),
                min_output_w=int(park.plants.min_output_w[0]),
                ramp_w=int(park.plants.ramp_w[0]),
                marginal_tick=int(park.plants.marginal_tick[0] if agent.cost is None else agent.cost),
                owner=row,
            )
        )
    return Plants.of(plants)


def _upgrade(agent: Producer) -> UpgradeTerms | None:
    if agent.upgrade is None:
        return None
    fuel = load_fuels()[agent.plant]
    given = agent.upgrade
    return UpgradeTerms(
        fuel.capacity_cost_per_kw if given.cost is None else int(given.cost),
        lead_ms=int(given.lead),
        payment=given.payment,
        interest_ppm=int(given.interest),
        years=fuel.lifetime_years,
        most_w=int(given.most),
    )


def _availability(
    owners: Sequence[tuple[int, Producer]], parks: Sequence[Park], seed: int, horizon: Horizon, *, foreseen: bool
) -> Ints:
    """Availability of each plant (n, p) [ppm].

    Raises
    ------
    DataError
        If the run leaves the weather's year.
    """
    out = np.zeros((len(owners), horizon.periods), np.int64)
    if not owners:
        return out
    supply = load_plants(SUPPLY)
    problems: dict[str, None] = {}
    for place, ((_, agent), park) in enumerate(zip(owners, parks, strict=True)):
        try:
            columns = availability_ppm(
                park, supply, seed, horizon.start_ms, horizon.period_ms, horizon.periods, outages=agent.outages,
                foreseen=foreseen,
            )  # fmt: skip
        except DataError as fault:
            problems |= dict.fromkeys(f"{agent.name}: {problem}" for problem in fault.problems)
        else:
            out[place] = np.minimum(columns[:, 0], PPM)
    if problems:
        raise DataError(list(problems))
    return out


# --- customers


def _million_wh(agents: Sequence[Utility], seed: int, horizon: Horizon, library: Library) -> Ints:
    """Read what a million customers of each utility draw (u, p) [Wh].

    Many homes are not one home many times over: of a shipped profile a sample of homes is drawn, as members' days are.
    """
    out = np.zeros((len(agents), horizon.periods), np.int64)
    for place, agent in enumerate(agents):
        rated_w = int(agent.rated or 0) * _SHARPER
        if is_file(agent.profile):
            out[place] = library.load(agent.profile, agent.name, rated_w, None, horizon).run_wh * _MILLION
            continue
        for number in range(_SAMPLE):
            key = key_of(seed, agent.name, str(number), "customers")
            out[place] += library.load(agent.profile, agent.name, rated_w, key, horizon).run_wh
        out[place] = out[place] * (_MILLION // (_SAMPLE * _SHARPER))
    return out


def _retail(
    scenario: Scenario, agents: Sequence[Utility], roll: Roll, seed: int, days: Sequence[Day], horizon: Horizon
) -> RetailRules | None:
    given = scenario.retail
    if given is None:
        return None
    sessions = _sessions(days[1:], given.minute, scenario.timezone, horizon.start_ms)
    return RetailRules(
        times=tuple(session for session in sessions if session[0] > horizon.start_ms),
        reprices=given.reprices,
        considering_ppm=int(given.considering),
        loyalty_tick=int(given.loyalty),
        green_tick=int(given.green_value),
        green_ppm=tuple(int(agent.green_share) for agent in agents),
        exit_fee=tuple(int(agent.exit_fee) for agent in agents),
        term_ms=tuple(int(agent.term) for agent in agents),
        member_loyalty_tick=_member_loyalty(int(given.loyalty), roll, seed) if given.members else None,
    )


def _member_loyalty(most_tick: int, roll: Roll, seed: int) -> Ints:
    """Give each agent's loyalty (a,) [ticks]: its own, or one drawn evenly from 0 to `most_tick`."""
    single = [agent.loyalty if isinstance(agent, Consumer) else None for agent in roll.agents]
    own = roll.column(
        np.array([-1 if each is None else int(each) for each in single], np.int64),
        lambda each: each.same(-1 if each.city.loyalty is None else each.city.loyalty),
    )
    drawn = draws(keys_of(seed, roll.names, "loyalty"), 0) % (most_tick + 1)
    return np.where(own < 0, drawn, own)


# --- the calendar


def _days(scenario: Scenario, horizon: Horizon, starts_ms: Ints) -> list[Day]:
    """List the run's local days and their periods."""
    found = []
    for day in local_days(horizon.start_ms, horizon.end_ms, scenario.timezone):
        end_ms = utc_ms(dt.datetime.combine(day.date + dt.timedelta(days=1), dt.time(tzinfo=zone(scenario.timezone))))
        first, past = (int(np.searchsorted(starts_ms, at_ms)) for at_ms in (day.start_ms, end_ms))
        if past > first:
            found.append(Day(day.date, first, past - first))
    return found


def _clock_ms(date: dt.date, minute: int, timezone: str) -> int:
    clock = dt.time(minute // 60, minute % 60, tzinfo=zone(timezone))
    return int(utc_ms(dt.datetime.combine(date, clock)))


def _sessions(days: Sequence[Day], minute: int, timezone: str, start_ms: int) -> tuple[tuple[int, int, int], ...]:
    """When which periods are cleared: each day's on the day before, the first day's as the run begins."""
    return tuple(
        (max(_clock_ms(day.date - dt.timedelta(days=1), minute, timezone), start_ms), day.first, day.periods)
        for day in days
    )


def _daily(days: Sequence[Day], minute: int, timezone: str, horizon: Horizon) -> tuple[int, ...]:
    """Give a local clock time of each day within the run."""
    times = (_clock_ms(day.date, minute, timezone) for day in days)
    return tuple(at_ms for at_ms in times if horizon.start_ms <= at_ms < horizon.end_ms)


# --- prices


def _imbalance_ppm(scenario: Scenario) -> int:
    """By how much imbalance differs from spot; -1 where the scenario gives its prices."""
    from wattbook.scenario.compiling import IMBALANCE_SPREAD_PERCENT

    return -1 if scenario.imbalance.short is not None else IMBALANCE_SPREAD_PERCENT * PPM // 100


def _band(auction: Auction | None, outside_tick: Ints) -> tuple[int, int]:
    """Give the band of day-ahead orders and prices; without an auction every price of the outside lies in it."""
    if auction is not None:
        return int(auction.floor), int(auction.cap)
    return min(FLOOR_TICK, int(outside_tick.min())), max(CAP_TICK, int(outside_tick.max()))


def _expected(scenario: Scenario, desk: ContractDesk | None, starts_ms: Ints) -> Ints:
    """Say what everybody expects of the spot price before there was one (p,) [ticks]."""
    from wattbook.scenario.model import SPOT_SHAPE
    from wattbook.units import eur_per_mwh

    if desk is not None and desk.expected is not None:
        return np.full(len(starts_ms), int(desk.expected), np.int64)
    if isinstance(scenario.spot, tuple):
        return by_hour(scenario.spot, starts_ms, scenario.timezone)
    return np.full(len(starts_ms), int(eur_per_mwh(1)) * sum(SPOT_SHAPE) // len(SPOT_SHAPE), np.int64)


# --- the desk


def _desk_terms(
    desk: ContractDesk | None, agents: int, owners: Sequence[tuple[int, Producer]], days: Sequence[Day],
    horizon: Horizon, starts_ms: Ints, timezone: str, spot_band: tuple[int, int],
) -> DeskTerms | None:  # fmt: skip
    """Terms of the desk; None where nobody signs."""
    if desk is None:
        return None
    return DeskTerms(
        agents=agents,
        specs=catalogue(desk, days, horizon, starts_ms, timezone),
        start_ms=horizon.start_ms,
        period_ms=horizon.period_ms,
        floor_tick=min(FLOOR_TICK, spot_band[0]),
        cap_tick=max(CAP_TICK, spot_band[1]),
        margin_ppm=int(desk.margin),
        call_ms=int(desk.call),
        house_capital=int(desk.house_capital),
        max_rounds=desk.max_rounds,
        credit_limit=int(desk.credit),
        sell_limit_wh=_sell_limits(agents, owners, horizon.period_ms),
        renewable=tuple(row for row, agent in owners if agent.plant in RENEWABLE),
        tape_delay_ms=int(desk.tape_delay),
        observable="everybody" if desk.observable_positions else "own",
    )


def _register(agents: int, owners: Sequence[tuple[int, Producer]], horizon: Horizon) -> DeskTerms:
    """Terms of a desk where nobody signs anything: it keeps the guarantees of origin."""
    nothing = ContractSpec("output", "local", Kind.PPA, 0, (0,) * horizon.periods)
    return DeskTerms(
        agents=agents,
        specs=(nothing,),
        start_ms=horizon.start_ms,
        period_ms=horizon.period_ms,
        floor_tick=FLOOR_TICK,
        cap_tick=CAP_TICK,
        renewable=tuple(row for row, agent in owners if agent.plant in RENEWABLE),
    )


def _sell_limits(agents: int, owners: Sequence[tuple[int, Producer]], period_ms: int) -> tuple[int, ...]:
    """Most that each agent may have sold of a period: a producer what its plant, grown, could give; others anything."""
    limits = [NO_LIMIT] * agents
    for row, agent in owners:
        most_w = int(agent.capacity) + (int(agent.upgrade.most) if agent.upgrade is not None else 0)
        limits[row] = most_w * period_ms // MS_PER_HOUR
    return tuple(limits)
