"""Places with a regulator that has something to say, small enough to run in a second."""

from functools import cache

from wattbook import Auction, LocalMarket, Pv, Regulator, Scenario, consumer, load_scenario, producer, prosumer, utility
from wattbook.scenario.compiling import compile_street
from wattbook.units import eur, eur_per_mwh, hours, kw, mw, percent
from wattbook.world import World

PRICES = {"retail": eur_per_mwh(300), "feed_in": eur_per_mwh(50)}


def _town(**given):
    """Three homes with a local market, two towns, and two plants that nobody can do without, one after the other."""
    settings = {
        "start": "2016-06-06",
        "days": 4,
        "local": LocalMarket(period=hours(1)),
        "wholesale": Auction(link=mw(0)),
        "baseline": False,
        "regulator": Regulator(
            review=hours(9), latency=hours(2), hearing=hours(7), mitigation=hours(30), turnover_cap=percent(5)
        ),
    }
    agents = [
        consumer("ada", rated=kw(3), supplier="north"),
        prosumer("bo", pv=Pv(kw(9)), supplier="south"),
        consumer("cy", rated=kw(4), supplier="south"),
        utility("north", represents=1, profile="flat", rated=kw(60), **PRICES),
        utility("south", represents=1, profile="flat", rated=kw(50), **PRICES),
        producer("gas", "gas", kw(80), reference=eur_per_mwh(90), offer=eur_per_mwh(300), turnover=eur(2_000)),
        producer("oil", "oil", kw(60), reference=eur_per_mwh(200), offer=eur_per_mwh(900), turnover=eur(900)),
        producer("coal", "coal", kw(20)),
    ]
    return Scenario(agents=agents, **(settings | given))


MAKERS = {"monopoly": lambda: load_scenario("monopoly"), "town": _town}
PLACES = tuple(MAKERS)


def scenario_of(name, **values):
    """Give a place, some of its values changed."""
    return MAKERS[name]().with_values(values)


def world_of(name, engine="auto", seed=7, **values):
    """Lay out a world that has not begun."""
    scenario = scenario_of(name, **values)
    compiled = compile_street(scenario, seed)
    return World(
        compiled.street, compiled.minds, compiled.outlook, seed, scenario.on_policy_error, engine=engine,
        wholesale_minds=compiled.wholesale_minds,
    )  # fmt: skip


@cache
def journal_of(name):
    """Give the journal of a place that has run to its end."""
    world = world_of(name)
    world.run()
    return world.journal
