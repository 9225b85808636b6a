"""What must hold between the parts of a scenario.

Owns the problems that no single value shows: names taken twice, unknown suppliers, a band that its step does not
divide, a gate that closes before it opens, a horizon that is no whole number of periods. Each check lists its problems.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import fields
from math import gcd
from typing import TYPE_CHECKING, Any, Final

from wattbook.assets.config import CAPACITY_BOUND_W
from wattbook.errors import ConfigError, nearest
from wattbook.market.linear_demand import MWH_WH
from wattbook.scenario.calendar import horizon_ms
from wattbook.scenario.cities import LONGEST_NAME, City
from wattbook.scenario.faults import measured_text
from wattbook.scenario.fields import HOURS
from wattbook.scenario.gateway import gateway_problems
from wattbook.scenario.incentives import incentive_problems
from wattbook.scenario.language_model import language_model_cautions, language_model_problems
from wattbook.scenario.mechanisms import mechanism_problems
from wattbook.scenario.parts import Consumer, Prosumer, Trader, Utility
from wattbook.scenario.profiles import is_file
from wattbook.scenario.regulator import regulator_problems
from wattbook.scenario.wholesale import Auction, ContractDesk, Producer
from wattbook.units import MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE, UNKNOWN, eur_per_mwh, percent

LEAST_DESK_DAYS: Final = 2
SLOW_ROUNDS: Final = 3
SLOW_CHOKE: Final = eur_per_mwh(3)
"""A search through three forward rounds takes half a minute of CPU up to here; at 5 it had not ended after two."""
LEAST_RETAIL: Final = eur_per_mwh(10)
LEAST_VAT: Final = percent(1)
"""Below these a price was probably meant in EUR/kWh or ct/kWh, and a share in whole parts."""
PRICE_UNIT: Final = eur_per_mwh(1)
KWH_PER_MWH: Final = 1_000
CT_PER_KWH: Final = 10
"""EUR/MWh that make one ct/kWh."""
UNITS_OF_ASSETS: Final = {
    "capacity_wh": "kwh(10)", "power_w": "kw(5)", "charge_w": "kw(5)", "discharge_w": "kw(5)", "rated_w": "kw(8)",
    "efficiency_ppm": "percent(90)", "soc_start_ppm": "percent(50)", "ageing_ppm_per_year": "percent(0.5)",
    "maintenance_per_kw_year": "eur(15)", "load_error": "percent(40)", "pv_error": "percent(30)",
    "nowcast": "percent(30)", "common": "percent(80)", "grows_for": "hours(24)", "update_every": "minutes(15)",
}  # fmt: skip
"""How to write each measured value of a battery, a plant or a forecast."""

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wattbook.scenario.model import Scenario
    from wattbook.scenario.parts import Agent, LocalMarket


def agent_problems(agents: Sequence[Agent], *, complete: bool) -> list[str]:
    """List what is wrong between agents.

    Parameters
    ----------
    agents : sequence of Agent
        Those that are sound by themselves.
    complete : bool
        False if some were not, so that nothing can be said about who is missing.
    """
    problems = []
    counts = Counter(agent.name for agent in agents)
    problems += [f"{name} is the name of {n} agents: names are unique" for name, n in counts.items() if n > 1]
    if complete and not agents:
        problems.append("agents=[] is empty: add *neighbourhood('simbench/LV2.101') and a utility(...)")
    utilities = [agent.name for agent in agents if isinstance(agent, Utility)]
    members = [agent for agent in agents if isinstance(agent, Consumer | City)]
    problems += _city_problems(agents)
    if complete and members and not utilities:
        number = sum(member.homes if isinstance(member, City) else 1 for member in members)
        who = "1 member has" if number == 1 else f"{number} members have"
        problems.append(f"{who} no utility: add utility('blue', retail=..., feed_in=...)")
    problems += _producer_problems(agents, utilities, complete=complete)
    apart = (isinstance(agent, Trader | Producer) or getattr(agent, "represents", 0) for agent in agents)
    if complete and agents and not members and not any(apart):
        remedy = "add consumer(...), prosumer(...), city(...) or *neighbourhood(...)"
        problems.append(f"there are utilities but no members: {remedy}")
    if utilities or complete:
        problems += _supplier_problems(members, utilities, counts)
    problems += [problem for agent in agents for problem in _own_problems(agent)]
    return problems


def _producer_problems(agents: Sequence[Agent], utilities: Sequence[str], *, complete: bool) -> list[str]:
    """List the utilities that producers deal with and that are none, and producers without any."""
    producers = [agent for agent in agents if isinstance(agent, Producer)]
    if complete and producers and not utilities:
        return [f"{producers[0].name} has no utility to deal with: add utility('blue', retail=..., feed_in=...)"]
    return [
        f"{each.name}.utilities names {name!r}, which is no utility{nearest(name, utilities)}: "
        f"choose from {', '.join(sorted(utilities))}"
        for each in producers
        for name in each.utilities or ()
        if name not in utilities
    ]


def _city_problems(agents: Sequence[Agent]) -> list[str]:
    """List what is wrong with the names of cities and of their homes."""
    problems = []
    for city in (agent for agent in agents if isinstance(agent, City)):
        if len(city.name) > LONGEST_NAME:
            problems.append(
                f"{city.name}: a city's name stands before its homes': use at most {LONGEST_NAME} characters"
            )
        taken = [agent.name for agent in agents if city.is_home(agent.name)]
        problems += [f"{name} is the name of a home of {city.name}: names are unique" for name in taken]
    return problems


def _supplier_problems(members: Sequence[Consumer | City], utilities: Sequence[str], known: Counter[str]) -> list[str]:
    """List the suppliers that are none, each once, however many members name it."""
    if not utilities:
        return []
    choices = ", ".join(sorted(utilities))
    customers: dict[str, list[str]] = {}
    for member in members:
        if member.supplier is not None and member.supplier not in utilities:
            customers.setdefault(member.supplier, []).append(member.name)
    problems = []
    for supplier, names in customers.items():
        what = "is not a utility" if supplier in known else "is unknown"
        more = f" (and of {len(names) - 1} more)" if len(names) > 1 else ""
        hint = nearest(supplier, utilities)
        problems.append(f"{names[0]}.supplier={supplier!r}{more} {what}{hint}: choose from {choices}")
    return problems


def _own_problems(agent: Agent) -> list[str]:
    """List what is wrong between the values of one agent."""
    if isinstance(agent, Utility):
        lacks = agent.represents and agent.rated is None and not is_file(agent.profile)
        return _tariff_problems(agent) + ([_needs_a_rating(agent)] if lacks else [])
    if isinstance(agent, Trader):
        return _trader_problems(agent)
    problems = []
    if isinstance(agent, Prosumer) and agent.pv is None and agent.battery is None:
        remedy = "add pv=Pv(kw(8)) or battery=Battery(kwh(10), kw(5)), or make it a consumer"
        problems.append(f"{agent.name} has neither pv nor battery: {remedy}")
    if isinstance(agent, Prosumer):
        problems += unitless(f"{agent.name}.pv", agent.pv) + unitless(f"{agent.name}.battery", agent.battery)
    if isinstance(agent, Consumer) and agent.rated is None and not is_file(agent.profile):
        problems.append(_needs_a_rating(agent))
    return problems


def _needs_a_rating(agent: Consumer | Utility) -> str:
    return f"{agent.name}.rated=None: the shipped profile {agent.profile!r} needs a rating, as kw(3)"


def _trader_problems(trader: Trader) -> list[str]:
    """Demand one list of values that is traded best first."""
    if (trader.value is None) == (trader.values is None):
        what = "neither value nor values" if trader.value is None else "both value and values"
        return [f"{trader.name} has {what}: write value=eur_per_mwh(300) for one unit, or values=[...] for several"]
    units = trader.units_tick
    rising, falling = (list(units) != sorted(units, reverse=reverse) for reverse in (True, False))
    if trader.side == "buy" and rising:
        return [
            f"{trader.name}.values rise: a buyer buys its most valuable unit first, so list the highest value first"
        ]
    if trader.side == "sell" and falling:
        return [f"{trader.name}.values fall: a seller sells its cheapest unit first, so list the lowest cost first"]
    return []


def unitless(path: str, asset: Any) -> list[str]:
    """List the measured values of an asset that were given as bare numbers other than 0 and the default."""
    if asset is None:
        return []
    given = ((field, getattr(asset, field.name)) for field in fields(asset) if field.name in UNITS_OF_ASSETS)
    return [
        f"{path}.{field.name}={value} has no unit: write {UNITS_OF_ASSETS[field.name]}"
        for field, value in given
        if type(value) is int and value not in {0, field.default}
    ]


def _tariff_problems(utility: Utility) -> list[str]:
    """Refuse a tariff by which a home could buy and sell back without end."""
    if UNKNOWN in {getattr(price, "dimension", "") for price in (*utility.retail, *utility.feed_in)}:
        return []
    hours = [hour for hour in range(HOURS) if utility.feed_in[hour] > utility.retail[hour]]
    if not hours:
        return []
    feed_in, retail = (measured_text(tariff[hours[0]], "price") for tariff in (utility.feed_in, utility.retail))
    what = f"{utility.name}.feed_in={feed_in} is above retail={retail} at hour {hours[0]}"
    return [f"{what}: a home could buy and sell back without end; lower feed_in"]


def whole_problems(scenario: Scenario) -> list[str]:
    """List what is wrong between the parts of a scenario whose values are all sound."""
    problems = _market_problems(scenario.local) if scenario.local is not None else []
    problems += unitless("forecast", scenario.forecast)
    problems += _period_problems(scenario)
    problems += _turn_problems(scenario)
    problems += mechanism_problems(scenario)
    problems += gateway_problems(scenario)
    problems += regulator_problems(scenario)
    problems += engine_problems(scenario, scenario.engine)
    problems += _wholesale_problems(scenario)
    problems += _game_problems(scenario)
    problems += language_model_problems(scenario)
    if scenario.regulator is not None:
        problems += incentive_problems(scenario.regulator.incentives, [each.name for each in scenario.producers])
    return [*problems, *_horizon_problems(scenario), *_imbalance_problems(scenario)]


def _wholesale_problems(scenario: Scenario) -> list[str]:
    """Refuse quotas where nobody could meet them, bands without prices, and a desk without days."""
    given = scenario.wholesale
    owing = [each.name for each in scenario.utilities if each.renewable_quota]
    problems = []
    if owing and given is None:
        problems.append(
            f"{owing[0]}.renewable_quota asks for guarantees of origin, which are traded in a wholesale market: "
            "write wholesale=ContractDesk() or Auction()"
        )
    auction = given if isinstance(given, Auction) else given.spot if isinstance(given, ContractDesk) else None
    if auction is not None and auction.floor >= auction.cap:
        floor, cap = (measured_text(value, "price") for value in (auction.floor, auction.cap))
        problems.append(f"wholesale.floor={floor} is not below cap={cap}: widen the band")
    problems += _retail_problems(scenario)
    if isinstance(given, ContractDesk) and scenario.days < LEAST_DESK_DAYS:
        problems.append("wholesale=ContractDesk() needs a second day, for which contracts can be signed: write days=2")
    if given is not None and scenario.traders:
        problems.append(f"{scenario.traders[0].name} is a trader of a laboratory market: leave out wholesale")
    return problems


def _game_problems(scenario: Scenario) -> list[str]:
    """Refuse a game with others around, or without time for its rounds."""
    if scenario.game is None:
        return []
    alone = {
        "agents": not scenario.agents,
        "local": scenario.local is None,
        "wholesale": scenario.wholesale is None,
        "retail": scenario.retail is None,
    }
    problems = [
        f"{name} is given with a game, which has its own people and its own market: write "
        f"{'agents=[]' if name == 'agents' else f'{name}=None'}"
        for name, holds in alone.items()
        if not holds
    ]
    start_ms, end_ms = horizon_ms(scenario.start, scenario.days, scenario.timezone, scenario.hours)
    before_ms = end_ms - start_ms - scenario.period_ms
    if before_ms < (scenario.game.rounds + 2) * MS_PER_MINUTE:
        problems.append(
            "game needs a period before the one of delivery, for its rounds: write hours=2, period=minutes(60)"
        )
    if MWH_WH // scenario.game.slope * MS_PER_HOUR % scenario.period_ms:
        problems.append(
            f"game has bids of {MWH_WH // scenario.game.slope} Wh, which no whole number of W gives in a period of "
            f"{scenario.period_ms // MS_PER_MINUTE} min: write period=minutes(60)"
        )
    if scenario.game.most_w(scenario.period_ms) > CAPACITY_BOUND_W:
        problems.append(
            "game's demand in one period is more than a plant could give, which is 100000 MW at most: write a larger "
            "game.slope, a smaller game.choke, or a longer period"
        )
    return problems


def _retail_problems(scenario: Scenario) -> list[str]:
    """Refuse tariffs that would change under products that are traded already, or by which neighbours share."""
    given, local = scenario.retail, scenario.local
    if given is None:
        return []
    problems = []
    if not any(each.represents for each in scenario.utilities) and not given.members:
        problems.append(
            "retail is for customers that utilities stand for, and there are none: write represents=20_000, or "
            "members=True"
        )
    if given.members and not scenario.homes:
        problems.append("retail.members=True is for members, and there are none: add a consumer, or leave it out")
    problems += [
        _needs_a_rating(each)
        for each in scenario.utilities
        if not each.represents and each.rated is None and not is_file(each.profile)
    ]
    if local is not None and local.opens_minute <= given.minute:
        problems.append(f"retail.at={given.at!r} is not before local.opens={local.opens!r}: set tariffs earlier")
    if local is not None and local.mechanism != "continuous" and given.reprices:
        problems.append(
            f"retail changes tariffs, and local.mechanism={local.mechanism!r} goes by those of the scenario: "
            "write reprices=False"
        )
    return problems


def engine_problems(scenario: Scenario, engine: str) -> list[str]:
    """Refuse the population engine where a laboratory market has its agents one by one."""
    if engine != "population" or scenario.local is None:
        return []
    reasons = [f"{scenario.traders[0].name} is a trader"] if scenario.traders else []
    local = scenario.local
    reasons += [f"local.turns={local.turns!r}"] if local.turns != "clock" else []
    reasons += [f"local.{name}=True" for name in ("improve", "clear_after_trade") if getattr(local, name)]
    if not reasons:
        return []
    remedy = "write 'auto' or 'processes', which compile traders' decisions as well"
    return [f"engine='population' cannot carry out a laboratory market ({reasons[0]}): {remedy}"]


def _turn_problems(scenario: Scenario) -> list[str]:
    """Refuse turns where somebody would have to wait for one that never comes, and options of turns without turns."""
    local = scenario.local
    if local is None:
        return []
    problems = _answer_problems(local)
    late = [each.name for each in scenario.traders if each.reaction is not None]
    if late and local.turns != "reaction":
        more = f" (and of {len(late) - 1} more)" if len(late) > 1 else ""
        what = f"{late[0]}.reaction{more} is given with local.turns={local.turns!r}"
        problems.append(f"{what}: write turns='reaction', or leave it out")
    if local.turns != "clock":
        members = [member.name for member in scenario.members]
        more = f" (and {len(members) - 1} more)" if len(members) > 1 else ""
        what = f"local.turns={local.turns!r} is for traders alone"
        return problems + ([f"{what}, {members[0]}{more} is none: leave turns='clock'"] if members else [])
    return problems + [
        f"local.{name} is given without turns: add turns='random'"
        for name in ("failed_shouts", "turns_per_day", "session_days")
        if name in local.model_fields_set and getattr(local, name) != type(local).model_fields[name].default
    ]


def _answer_problems(local: LocalMarket) -> list[str]:
    """Refuse orders offered at once where nobody has the turn, and with options about quotes that rest."""
    if not local.answers:
        return []
    problems = []
    if local.turns != "random":
        problems.append(f"local.answers=True is given with turns={local.turns!r}: write turns='random'")
    if local.district:
        problems.append("local.answers=True is given with two books to choose from: add district=False")
    return problems + [
        f"local.{name}=True is given with answers=True, where no quote rests: leave one of them out"
        for name in ("improve", "clear_after_trade")
        if getattr(local, name)
    ]


def _market_problems(local: LocalMarket) -> list[str]:
    """List what is wrong between the values of the local market."""
    problems = []
    floor, cap, step = (measured_text(value, "price") for value in (local.floor, local.cap, local.step))
    if local.floor >= local.cap:
        problems.append(f"local.floor={floor} is not below cap={cap}: widen the band")
    problems += [
        f"local.{name}={given} is not a multiple of step={step}: prices at that end of the band could not be quoted"
        for name, given, value in (("floor", floor, local.floor), ("cap", cap, local.cap))
        if value % local.step
    ]
    open_ms = MS_PER_DAY - local.opens_minute * MS_PER_MINUTE
    if local.closes_before >= open_ms:
        problems.append(
            f"local.closes_before={measured_text(local.closes_before, 'duration')} closes the first product of a day "
            f"before its gate opens ({open_ms // MS_PER_MINUTE} min ahead): open earlier or close later"
        )
    return problems


def _period_problems(scenario: Scenario) -> list[str]:
    """Refuse two lengths of a period."""
    local = scenario.local
    if local is None or scenario.period is None or scenario.period == local.period:
        return []
    own, markets = (measured_text(value, "duration") for value in (scenario.period, local.period))
    return [f"period={own} is not local.period={markets}: give local.period alone"]


def _horizon_problems(scenario: Scenario) -> list[str]:
    try:
        start_ms, end_ms = horizon_ms(scenario.start, scenario.days, scenario.timezone, scenario.hours)
    except (OverflowError, ValueError) as fault:
        if isinstance(fault, ConfigError):
            return list(fault.problems)
        return [f"days={scenario.days} leads beyond the year 9999: run fewer days, or start earlier"]
    if (end_ms - start_ms) % scenario.period_ms:
        period = measured_text(scenario.period_ms, "duration")
        what = f"horizon of {(end_ms - start_ms) / MS_PER_HOUR:g} hours is not a whole number of periods of {period}"
        if scenario.hours is not None and end_ms - start_ms == scenario.hours * MS_PER_HOUR:
            return [f"hours={scenario.hours} is not a whole number of periods of {period}: {_hours_remedy(scenario)}"]
        return [
            f"{what}: a day on which the clock changes is shorter or longer; use minutes(60) or less, or other days"
        ]
    if start_ms % MS_PER_MINUTE:
        return [f"start={scenario.start!r} is not on a whole minute"]
    return []


def _hours_remedy(scenario: Scenario) -> str:
    """Tell which number of hours, near the one given, is a whole number of periods."""
    # The least number of hours that periods fill: a period of 45 min comes out even after three.
    step = scenario.period_ms // gcd(scenario.period_ms, MS_PER_HOUR)
    assert scenario.hours is not None
    below = scenario.hours // step * step
    return f"write hours={below or below + step}{f' or {below + step}' if below else ''}, or a shorter period"


def _imbalance_problems(scenario: Scenario) -> list[str]:
    short, long = scenario.imbalance.short, scenario.imbalance.long
    if long is None:
        return []
    if short is None:
        return ["imbalance.long is given without short: give both, or short alone for a single price"]
    hours = [hour for hour in range(HOURS) if long[hour] > short[hour]]
    if hours:
        texts = (measured_text(price[hours[0]], "price") for price in (long, short))
        return [
            "imbalance.long={} is above short={} at hour {}: groups would gain by erring; lower long".format(
                *texts, hours[0]
            )
        ]
    return []


def cautions(scenario: Scenario) -> list[str]:
    """Say what is allowed but probably not meant."""
    members, cities = scenario.members, scenario.cities
    found = _unit_cautions(scenario)
    if scenario.game is not None and scenario.game.rounds >= SLOW_ROUNDS and scenario.game.choke > SLOW_CHOKE:
        found.append(
            f"game.rounds={scenario.game.rounds} with a choke price above {measured_text(SLOW_CHOKE, 'price')} is "
            "searched for many minutes, or hours: write game.rounds=2, or a smaller game.choke"
        )
    found += [
        f"{each.name}.rated={measured_text(each.rated, 'power')} does not scale a profile of its own: that is taken as "
        "it is, in kWh"
        for each in members
        if each.rated is not None and "rated" in each.model_fields_set and is_file(each.profile)
    ]
    if scenario.local is not None:
        gives = any(isinstance(each, Prosumer) for each in members)
        gives |= any(isinstance(each, Trader) for each in scenario.agents)
        gives |= scenario.local.gateway is not None
        if not gives and not any(city.pv_share or city.battery_share for city in cities):
            found.append("no member has a plant or a battery: nobody will have anything to sell")
        if scenario.homes == 1 and scenario.local.gateway is None:
            found.append("there is one member only: it has nobody to trade with")
        feeders = Counter(member.feeder for member in members)
        for city in cities:
            feeders.update(city.homes_by_feeder())
        alone = sorted(name for name, count in feeders.items() if count == 1)
        is_shut = not scenario.local.district and scenario.local.gateway is None
        if alone and is_shut and scenario.homes > 1:
            found.append(f"{', '.join(alone)}: one member alone on its feeder and no district book to trade in")
    served = {member.supplier for member in members} | {city.supplier for city in cities}
    if None not in served or not (members or cities):
        found += [
            f"{each.name} has no customers"
            for each in scenario.utilities
            if each.name not in served and not each.represents and scenario.retail is None
        ]
    return found + _retail_cautions(scenario) + language_model_cautions(scenario)


def _retail_cautions(scenario: Scenario) -> list[str]:
    """Say which terms of a tariff nobody reads, as no customer ever leaves, and whose loyalty is never asked for."""
    found = []
    if scenario.retail is None or not scenario.retail.members:
        members: tuple[Consumer | City, ...] = (*scenario.members, *scenario.cities)
        loyal = [each.name for each in members if each.loyalty is not None]
        more = f" (and of {len(loyal) - 1} more)" if len(loyal) > 1 else ""
        if loyal:
            what = f"{loyal[0]}.loyalty{more} is for members who may leave, and here they stay"
            found.append(f"{what}: write retail=RetailMarket(members=True)")
    elif len(scenario.utilities) == 1:
        found.append("retail.members=True, and there is one utility only: nobody has a choice")
    if scenario.retail is not None:
        return found
    return found + [
        f"{each.name}.{name} is for customers who may leave, and here they stay: write retail=RetailMarket()"
        for each in scenario.utilities
        for name in ("exit_fee", "term", "green_share")
        if getattr(each, name)
    ]


def _unit_cautions(scenario: Scenario) -> list[str]:
    """Say which values look as if they were meant in another unit."""
    found = []
    for each in scenario.utilities:
        low = min((price for price in each.retail if 0 < price < LEAST_RETAIL), default=None)
        if low is not None:
            meant = measured_text(low * (KWH_PER_MWH if low < PRICE_UNIT else CT_PER_KWH), "price")
            found.append(f"{each.name}.retail={measured_text(low, 'price')} is below 10 EUR/MWh: did you mean {meant}?")
    vat = scenario.network.vat
    if 0 < vat < LEAST_VAT:
        meant = measured_text(vat * 100, "share")
        found.append(f"network.vat={measured_text(vat, 'share')} is below 1 %: did you mean {meant}?")
    return found
