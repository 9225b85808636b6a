"""Tariffs and customers over days, with everybody around: what homes see, what is kept, and what a stranger can do."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from wattbook import (
    ContractDesk,
    LocalMarket,
    RetailMarket,
    Scenario,
    consumer,
    eur,
    eur_per_mwh,
    hours,
    kw,
    minutes,
    mw,
    percent,
    producer,
    utility,
)
from wattbook.contracts import Event, Kind, Verb
from wattbook.market.replaying import replay
from wattbook.messages import SELL, Cause, streams_of
from wattbook.policies import UTILITY_PERSONAS, Mind, UtilityMind
from wattbook.policies.wholesale import Say
from wattbook.scenario import compile_street
from wattbook.world import World

SEED = 7
DAY_MS = 86_400_000


def scenario_of(*, days=3, blue="greedy", homes=2, **given):
    values = {
        "start": "2016-06-06",
        "days": days,
        "timezone": "Europe/Berlin",
        "agents": [
            *(consumer(f"home-{n}", supplier="blue") for n in range(homes)),
            utility("blue", persona=blue, retail=eur_per_mwh(160), feed_in=eur_per_mwh(80), represents=2_000),
            utility(
                "green", persona="eco-friendly", retail=eur_per_mwh(155), feed_in=eur_per_mwh(75), represents=2_000,
                renewable_quota=percent(12), green_share=percent(80), exit_fee=eur(5), term=hours(24),
            ),
            utility(
                "red", persona="balanced", retail=eur_per_mwh(165), feed_in=eur_per_mwh(70), represents=1_000,
                renewable_quota=percent(10),
            ),
            producer("hill-wind", kind="wind", capacity=mw(2)),
            producer("gas", kind="gas", capacity=mw(4), outages=False),
        ],
        "local": LocalMarket(period=minutes(60)),
        "wholesale": ContractDesk(lot=kw(10), rounds=3),
        "retail": RetailMarket(considering=percent(20)),
    }  # fmt: skip
    return Scenario(**(values | given))


def world_of(scenario, compiled=None):
    compiled = compile_street(scenario, SEED) if compiled is None else compiled
    return World(
        compiled.street, compiled.minds, compiled.outlook, SEED, engine="processes",
        wholesale_minds=compiled.wholesale_minds,
    )  # fmt: skip


def agent(world, name):
    return world.street.names.index(name)


@pytest.fixture(scope="module")
def compiled():
    return compile_street(scenario_of(), SEED)


@pytest.fixture(scope="module")
def world(compiled):
    world = world_of(None, compiled)
    world.run()
    return world


def test_tariffs_and_customers_move_day_by_day(world):
    tariffs, switches = world.journal.read("tariffs"), world.journal.read("switches")
    # The first day has the scenario's; each later one is set on the day before.
    assert set(tariffs["period"].tolist()) == set(range(24, 72))
    assert switches["customers"].sum() > 0
    served = world.journal.read("served")
    by_period = np.zeros(72, np.int64)
    np.add.at(by_period, served["period"], served["customers"])
    assert set(by_period.tolist()) == {5_000}
    assert len(set(served["customers"].tolist())) > 3
    assert world.market.wholesale.retail.bound
    world.market.check()


def test_the_greedy_raise_their_prices_until_they_lose_too_many(world):
    blue = agent(world, "blue")
    rows = world.journal.read("tariffs")
    mine = rows["agent"] == blue
    prices = dict(zip(rows["period"][mine].tolist(), rows["retail_tick"][mine].tolist(), strict=True))
    switches = world.journal.read("switches")
    first_day = switches["time_ms"] < world.street.start_ms + DAY_MS
    lost = int(switches["customers"][(switches["old"] == blue) & first_day].sum())
    assert prices[24] == 16_000 + 200
    assert lost > 10
    assert prices[48] == 16_000 + 200 - 400


def test_what_is_sold_is_paid_at_the_tariff_of_the_day(world):
    """Recounted from the journal alone: energy served x the last tariff of each period is what utilities got for it."""
    street = world.street
    retail = compile_street(scenario_of(), SEED).street.retail_tick.copy()
    rows = world.journal.read("tariffs")
    for period, who, tick in zip(*(rows[name].tolist() for name in ("period", "agent", "retail_tick")), strict=True):
        retail[who, period] = tick
    np.testing.assert_array_equal(retail, street.retail_tick)
    served, posted = world.journal.read("served"), world.journal.read("postings")
    due = {}
    for period, who, wh in zip(*(served[name].tolist() for name in ("period", "agent", "energy_wh")), strict=True):
        due[who, period] = wh * int(retail[who, period])
    red = agent(world, "red")
    mine = (posted["cause"] == Cause.RETAIL) & (posted["account"] == red)
    got = dict(zip(posted["period"][mine].tolist(), posted["amount"][mine].tolist(), strict=True))
    assert got == {period: amount for (who, period), amount in due.items() if who == red}


def test_homes_see_the_tariff_of_the_day():
    """A home that notes what it sees: the scenario's price on the first day, its utility's own on the second."""
    seen = {}

    def look(see, memory, draw, out):
        seen.setdefault(int(see.period), set()).add(int(see.retail_tick))
        return 600_000

    compiled = compile_street(scenario_of(days=2), SEED)
    home = compiled.street.names.index("home-0")
    minds = [Mind(look, "look") if row == home else mind for row, mind in enumerate(compiled.minds)]
    world = world_of(None, compiled._replace(minds=tuple(minds)))
    world.run()
    assert world.incidents == []
    assert len(seen) > 40
    assert {period: prices for period, prices in seen.items() if prices != {16_000}} == {
        period: {16_200} for period in seen if period >= 24
    }
    assert set(compiled.street.retail_tick[agent(world, "blue")].tolist()) == {16_000}


def test_two_worlds_of_one_street_are_alike(compiled, world):
    again = world_of(None, compiled)
    again.run()
    assert again.journal.fingerprint() == world.journal.fingerprint()


def test_a_replay_gives_the_same_journal(compiled, world):
    again = replay(compiled.street, world.journal.header, world.journal.read("commands"))
    assert again.fingerprint() == world.journal.fingerprint()


@pytest.mark.parametrize("hour", [13, 14, 30, 38, 47, 61])
def test_a_restored_world_goes_on_alike(compiled, world, hour):
    first, second = world_of(None, compiled), world_of(None, compiled)
    first.run(until_ms=first.street.start_ms + hour * 3_600_000 + 1)
    second.restore(first.checkpoint())
    assert second.checkpoint() == first.checkpoint()
    second.run()
    assert second.checkpoint() == world.checkpoint()
    # A new world has written down what everybody starts with.
    twice = world_of(None, compiled).journal.rows
    for stream in streams_of(world.journal.header):
        whole, head, tail = (each.journal.read(stream.name) for each in (world, first, second))
        for column in whole.keys() - {"seq", "command"}:
            rest = tail[column][twice[stream.name] :]
            np.testing.assert_array_equal(
                np.concatenate((head[column], rest)), whole[column], f"{stream.name}.{column}"
            )


def test_without_repricing_the_tariffs_stay_and_customers_leave():
    world = world_of(scenario_of(days=2, retail=RetailMarket(reprices=False)))
    world.run()
    assert world.journal.rows["tariffs"] == 0
    assert world.journal.rows["switches"] > 0


def test_in_what_order_agents_are_listed_changes_nothing(world):
    scenario = scenario_of()
    turned = world_of(scenario.model_copy(update={"agents": tuple(reversed(scenario.agents))}))
    turned.run()
    for name in ("tariffs", "switches"):
        assert world.journal.rows[name] == turned.journal.rows[name]
    one, other = (
        {each.street.names[row]: int(many) for row, many in zip(each.market.street.wholesale.standing.tolist(),
         each.market.wholesale.customers.tolist(), strict=True)}
        for each in (world, turned)
    )  # fmt: skip
    assert one == other


# --- strangers


@dataclass(frozen=True)
class Stranger:
    """A balanced utility but for what it is made to say."""

    shift: object = 0
    says: tuple = ()
    scribbles: bool = False
    name: str = "stranger"
    persona: str = "stranger"

    def __getattr__(self, name):
        return getattr(UTILITY_PERSONAS["balanced"], name)

    def at_desk(self, own, public, desk, draw):
        if self.scribbles:
            for column in desk.outlook_wh.values():
                column[:] = 0
        return self.says if desk.round == 0 else ()

    def price(self, own, public, shop, draw):
        return self.shift


@pytest.mark.parametrize("shift", [1 << 70, -(1 << 62), 1.5, "much", None, float("nan")])
def test_a_tariff_that_is_no_number_takes_its_utility_out_and_nobody_else(shift):
    world = world_of(scenario_of(days=2, blue=Stranger(shift)))
    world.run()
    assert [each["agent"] for each in world.incidents] == ["blue"]
    tariffs = world.journal.read("tariffs")
    assert agent(world, "blue") not in tariffs["agent"]
    assert agent(world, "red") in tariffs["agent"]


@pytest.mark.parametrize("shift", [-15_000, 100_000, np.int64(-15_000)])
def test_a_tariff_out_of_bounds_is_refused_and_its_utility_stays(shift):
    world = world_of(scenario_of(days=2, blue=Stranger(shift)))
    world.run()
    assert world.incidents == []
    assert agent(world, "blue") not in world.journal.read("tariffs")["agent"]


def test_who_sells_a_share_of_no_plant_takes_nobody_out():
    """A utility posts a share of its output, of which it has none; another one takes it."""
    probe = compile_street(scenario_of(days=2), SEED).street.wholesale.desk.specs
    share = next(place for place, spec in enumerate(probe) if spec.kind == Kind.PPA)
    post = Say(int(Verb.POST), share, 0, SELL, 5_000, 500_000, 3_600_000)

    class Taker(Stranger):
        def at_desk(self, own, public, desk, draw):
            found = [offer for offer in desk.offered if offer.spec == share and offer.maker != own.agent]
            return [Say(int(Verb.TAKE), order=each.number, price_tick=5_000, quantity=100_000) for each in found]

    scenario = scenario_of(days=2, blue=Stranger(says=(post,)))
    compiled = compile_street(scenario, SEED)
    names = compiled.street.names
    blue, red = names.index("blue"), names.index("red")
    wholesale = compiled.street.wholesale
    street = replace(compiled.street, wholesale=replace(wholesale, reaches=(*wholesale.reaches, (blue, red))))
    compiled = compiled._replace(street=street, wholesale_minds=compiled.wholesale_minds | {red: Taker()})
    world = world_of(None, compiled)
    world.run()
    assert world.incidents == []
    rows = world.journal.read("contracts")
    signed = (rows["event"] == Event.SIGNED) & (rows["seller"] == blue) & (rows["buyer"] == red)
    assert signed.any()
    world.market.check()


def test_what_a_mind_does_to_its_view_of_others_plants_changes_nothing_for_them():
    runs = []
    for scribbles in (False, True):
        world = world_of(scenario_of(days=2, blue=Stranger(scribbles=scribbles)))
        world.run()
        runs.append(world.journal.fingerprint())
    assert runs[0] == runs[1]


def test_a_mind_without_prices_keeps_those_of_the_scenario():
    class Silent(UtilityMind):
        price = None

    world = world_of(scenario_of(days=2, blue=Silent()))
    world.run()
    assert world.incidents == []
    assert agent(world, "blue") not in world.journal.read("tariffs")["agent"]
