"""Producers, utilities that stand for others, and how they meet: what a scenario may say of them, and what it costs."""

from dataclasses import dataclass

import numpy as np
import pytest

from wattbook import (
    Auction,
    ConfigError,
    ContractDesk,
    Scenario,
    Upgrade,
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
from wattbook.scenario import LocalMarket, compile_street
from wattbook.scenario.estimating import BASE_BYTES, estimate

PRICES = {"retail": eur_per_mwh(160), "feed_in": eur_per_mwh(80)}


def make(**values):
    sound = {
        "start": "2016-06-06",
        "days": 2,
        "agents": [consumer("ada", supplier="blue"), utility("blue", represents=100, **PRICES),
                   producer("old-oil", "oil", mw(1), upgrade=Upgrade(most=kw(500)))],
        "local": LocalMarket(period=minutes(60)),
        "wholesale": ContractDesk(),
    }  # fmt: skip
    return Scenario(**(sound | values))


WRONG = [
    (lambda: producer("x", "wnd", mw(1)), "x.plant='wnd' is no kind of plant (did you mean 'wind'?): choose from oil"),
    (lambda: producer("x", 7, mw(1)), "x.plant=7 is no kind of plant: choose from oil"),
    (lambda: producer("x", "wind", 5), "x.capacity=5 has no unit: write kw(5)"),
    (lambda: producer("x", "wind", kw(0.5)), "x.capacity=kw(0.5) is no plant's capacity: write one from 1 kW"),
    (lambda: producer("x", "wind", mw(1), persona="gredy"), "is not a persona (did you mean 'greedy'?): choose from"),
    (lambda: producer("x", "wind", mw(1), persona=5), "is neither a persona nor a mind with at_desk, day_ahead and"),
    (lambda: producer("x", "wind", mw(1), cost=5), "x.cost=5 has no unit: write eur_per_mwh(5)"),
    (lambda: producer("x", "wind", mw(1), co2=eur(-1)), "x.co2=eur(-1) is below the least allowed value"),
    (lambda: producer("x", "wind", mw(1), outages=1), "x.outages=1 is neither True nor False"),
    (lambda: producer("x", "wind", mw(1), utilities="blue"), "is not a list of utilities: write ['blue', 'green']"),
    (lambda: producer("x", "wind", mw(1), upgrade=5), "x.upgrade=5 is not made by Upgrade(most=mw(10))"),
    (lambda: producer("x", "wind", mw(1), policy="home"), "is not for producers, who do not trade in the local market"),
    (lambda: producer("x", "wind", mw(1), utilties=["a"]), "x.utilties is unknown (did you mean 'utilities'?)"),
    (lambda: utility("blue", represents=-1, **PRICES), "blue.represents=-1 is out of range: write a whole number from"),
    (lambda: utility("blue", represents=1.5, **PRICES), "blue.represents=1.5 is not a whole number"),
    (lambda: utility("blue", persona="sad", **PRICES), "blue.persona='sad' is not a persona: choose from balanced"),
    (lambda: utility("blue", renewable_quota=2, **PRICES), "blue.renewable_quota=2 has no unit: write percent(2)"),
    (lambda: utility("blue", rated=eur(1), **PRICES), "blue.rated=eur(1) is an amount of money, not a power"),
    (lambda: ContractDesk(opens="25:00"), "wholesale.opens='25:00' is no time of a day"),
    (lambda: ContractDesk(marks=7), "wholesale.marks=7 is not a clock time"),
    (lambda: ContractDesk(rounds=0), "wholesale.rounds=0 is out of range: write a whole number from 1 to 100"),
    (lambda: ContractDesk(ahead=0), "wholesale.ahead=0 is out of range"),
    (lambda: ContractDesk(profiles=["bse"]), "choose from base, peak, solar, as ['base', 'peak']"),
    (lambda: ContractDesk(profiles=[]), "wholesale.profiles=[] is not a list of profiles"),
    (
        lambda: ContractDesk(spans=["day", "year"]),
        "wholesale.spans=['day', 'year'] is not a list of spans: choose from",
    ),
    (lambda: ContractDesk(spans="week"), "wholesale.spans='week' is not a list of spans"),
    (lambda: ContractDesk(spans=["week"]), "wholesale.spans=['week'] has no 'day': weeks and months are made of"),
    (
        lambda: ContractDesk(contracts="swap"),
        "wholesale.contracts='swap' is not one of future, cash-future, forward, cfd",
    ),
    (lambda: ContractDesk(lot=mw(1_001)), "wholesale.lot=kw(1001000) is above the greatest allowed value"),
    (lambda: ContractDesk(green=1), "wholesale.green=1 is neither True nor False"),
    (lambda: ContractDesk(margin=percent(101)), "wholesale.margin=percent(101) is above the greatest allowed value"),
    (lambda: ContractDesk(call=minutes(0)), "wholesale.call=minutes(0) is below the least allowed value"),
    (lambda: ContractDesk(house_capital=5), "wholesale.house_capital=5 has no unit: write eur(5)"),
    (lambda: ContractDesk(max_rounds=0), "wholesale.max_rounds=0 is out of range"),
    (lambda: ContractDesk(expected="x"), "wholesale.expected='x' is not a price: write eur_per_mwh(...)"),
    (lambda: ContractDesk(spot=ContractDesk()), "is not made by Auction(...), nor None"),
    (lambda: ContractDesk(observable_positions="yes"), "wholesale.observable_positions='yes' is neither True nor"),
    (lambda: ContractDesk(tape_delay=-5), "wholesale.tape_delay=-5 has no unit"),
    (lambda: Auction(at="noon"), "wholesale.at='noon' is not a clock time"),
    (lambda: Auction(floor=5), "wholesale.floor=5 has no unit"),
    (lambda: Auction(link=eur(1)), "wholesale.link=eur(1) is an amount of money, not a power: write kw(...)"),
    (lambda: Auction(link_fee=eur_per_mwh(-1)), "wholesale.link_fee=eur_per_mwh(-1) is below the least allowed value"),
    (Upgrade, "upgrade.most is missing: give it a value"),
    (lambda: Upgrade(most=mw(1), cost=5), "upgrade.cost=5 has no unit: write eur(5)"),
    (lambda: Upgrade(most=mw(1), lead=-1), "upgrade.lead=-1 has no unit"),
    (lambda: Upgrade(most=mw(1), payment="later"), "upgrade.payment='later' is not one of lump-sum, annuity"),
    (lambda: Upgrade(most=mw(1), interest=percent(200)), "upgrade.interest=percent(200) is above the greatest"),
    (
        lambda: make(wholesale="auctoin"),
        "is not made by ContractDesk(...) or Auction(...), nor None; of words, auction",
    ),
    (lambda: make(wholesale=5), "wholesale=5 is not made by ContractDesk(...) or Auction(...), nor None"),
    (
        lambda: make(wholesale=Auction(floor=eur_per_mwh(9), cap=eur_per_mwh(5))),
        "is not below cap=eur_per_mwh(5): widen",
    ),
    (lambda: make(wholesale=ContractDesk(spot=Auction(floor=eur_per_mwh(9), cap=eur_per_mwh(9)))), "widen the band"),
    (lambda: make(days=1), "wholesale=ContractDesk() needs a second day, for which contracts can be signed"),
    (lambda: make(buy_out=5), "buy_out=5 has no unit: write eur_per_mwh(5)"),
    (
        lambda: make(
            agents=[consumer("ada"), utility("blue", **PRICES), producer("x", "gas", mw(1), utilities=["bleu"])]
        ),
        "x.utilities names 'bleu', which is no utility (did you mean 'blue'?): choose from blue",
    ),
    (lambda: make(agents=[producer("x", "gas", mw(1))]), "x has no utility to deal with: add utility('blue'"),
    (lambda: make(agents=[utility("blue", **PRICES)]), "there are utilities but no members: add consumer(...)"),
    (
        lambda: make(agents=[utility("blue", represents=5, rated=None, **PRICES)]),
        "blue.rated=None: the shipped profile 'H0-A' needs a rating, as kw(3)",
    ),
    (
        lambda: make(agents=[consumer("ada"), utility("blue", renewable_quota=percent(5), **PRICES)], wholesale=None),
        "blue.renewable_quota asks for guarantees of origin, which are traded in a wholesale market: write wholesale=",
    ),
    (
        lambda: compile_street(make(start="2016-06-03", wholesale=ContractDesk(profiles=["peak"], green=False)), 7),
        "wholesale.profiles: no day from the run's second on has hours of peak: add days, or the profile 'base'",
    ),
]


@pytest.mark.parametrize(("write", "message"), WRONG, ids=[message[:60] for _, message in WRONG])
def test_what_is_wrong_is_told_with_what_to_write_instead(write, message):
    with pytest.raises(ConfigError) as fault:
        write()
    assert message in str(fault.value)


def test_all_mistakes_of_a_producer_are_told_at_once():
    with pytest.raises(ConfigError) as fault:
        producer("x y", "gs", None, persona="gredy", cost=3, upgrade=1)
    assert len(fault.value.problems) == 6


SET = [
    ({"wholesale": "auction"}, lambda s: s.wholesale == Auction()),
    ({"wholesale": "contract-desk"}, lambda s: s.wholesale == ContractDesk()),
    ({"wholesale": "none"}, lambda s: s.wholesale is None),
    ({"wholesale.rounds": "2"}, lambda s: s.wholesale.rounds == 2),
    ({"wholesale.lot": "20"}, lambda s: s.wholesale.lot == kw(20)),
    ({"wholesale.call": "24h"}, lambda s: s.wholesale.call == hours(24)),
    ({"wholesale.margin": "20"}, lambda s: s.wholesale.margin == percent(20)),
    ({"wholesale.profiles": "base,solar"}, lambda s: s.wholesale.profiles == ("base", "solar")),
    ({"wholesale.spans": "week,day"}, lambda s: s.wholesale.spans == ("day", "week")),
    ({"wholesale.observable_positions": "yes"}, lambda s: s.wholesale.observable_positions),
    ({"wholesale.spot": "auction"}, lambda s: s.wholesale.spot == Auction()),
    ({"old-oil.capacity": "40"}, lambda s: s.producers[0].capacity == kw(40)),
    ({"old-oil.capacity": "40 MW"}, lambda s: s.producers[0].capacity == mw(40)),
    ({"old-oil.persona": "greedy"}, lambda s: s.producers[0].persona.persona == "greedy"),
    ({"old-oil.plant": "gas"}, lambda s: s.producers[0].plant == "gas"),
    ({"old-oil.cost": "70"}, lambda s: s.producers[0].cost == eur_per_mwh(70)),
    ({"old-oil.outages": "no"}, lambda s: not s.producers[0].outages),
    ({"old-oil.utilities": "blue"}, lambda s: s.producers[0].utilities == ("blue",)),
    ({"old-oil.upgrade": "none"}, lambda s: s.producers[0].upgrade is None),
    ({"old-oil.upgrade.most": "70"}, lambda s: s.producers[0].upgrade.most == kw(70)),
    ({"old-oil.upgrade.payment": "lump-sum"}, lambda s: s.producers[0].upgrade.payment == "lump-sum"),
    ({"blue.represents": "100000"}, lambda s: s.utilities[0].represents == 100_000),
    ({"blue.persona": "greedy"}, lambda s: s.utilities[0].persona.persona == "greedy"),
    ({"blue.renewable_quota": "20"}, lambda s: s.utilities[0].renewable_quota == percent(20)),
    ({"buy_out": "70"}, lambda s: s.buy_out == eur_per_mwh(70)),
    ({"old-oil.persona": "greedy", "wholesale.lot": "5"}, lambda s: s.wholesale.lot == kw(5)),
]  # fmt: skip


@pytest.mark.parametrize(("values", "holds"), SET, ids=[next(iter(values)) for values, _ in SET])
def test_every_new_field_can_be_set_by_its_path(values, holds):
    before = make()
    changed = before.with_values(values)
    assert holds(changed)
    assert not holds(before) or values == {"wholesale": "contract-desk"}
    same = changed == before
    assert same == (changed.digest() == before.digest())


def test_the_spot_market_of_a_desk_can_be_set_in_part():
    changed = make(wholesale=ContractDesk(spot=Auction())).with_values({"wholesale.spot.link": "0"})
    assert changed.wholesale.spot.link == 0
    with pytest.raises(ConfigError, match=r"wholesale\.spot"):
        make().with_values({"wholesale.spot.link": "0"})


# --- the written form


def test_a_scenario_without_the_new_parts_is_written_as_before():
    agents = [consumer("ada", supplier="blue"), utility("blue", **PRICES)]
    plain = make(agents=agents, wholesale=None)
    for word in ("wholesale", "buy_out", "persona", "represents", "renewable_quota"):
        assert word not in plain.to_json()
    named = [consumer("ada", supplier="blue"), utility("blue", persona="balanced", represents=0, **PRICES)]
    assert make(agents=named, wholesale=None).digest() == plain.digest()
    assert compile_street(plain, 7).street.wholesale is None


@dataclass(frozen=True)
class Mine:
    """A mind of one's own."""

    eagerness: int
    name: str = "mine"

    def at_desk(self, own, public, desk, draw):
        return ()

    def day_ahead(self, own, public, draw):
        return ((), (), (), ())

    def invest(self, own, building, draw):
        return 0


def fields_of(part):
    return set(type(part).model_fields)


def test_every_new_field_changes_the_digest():
    base = {"most": kw(500)}
    upgrades = [Upgrade(**(base | each)) for each in (
        {}, {"most": kw(501)}, {"cost": eur(900)}, {"lead": hours(5)}, {"payment": "lump-sum"},
        {"interest": percent(5)},
    )]  # fmt: skip
    assert fields_of(upgrades[0]) == {"most", "cost", "lead", "payment", "interest"}
    owned = [{}, {"plant": "gas"}, {"capacity": mw(2)}, {"persona": "greedy"}, {"cost": eur_per_mwh(50)},
             {"co2": eur(30)}, {"outages": False}, {"utilities": ["blue"]}, {"credit_limit": eur(5)}, {"cash": eur(5)},
             {"label": "x"}, {"persona": Mine(1)}, {"persona": Mine(2)},
             *({"upgrade": each} for each in upgrades)]  # fmt: skip
    supplied = [{"represents": 7}, {"persona": "greedy"}, {"renewable_quota": percent(3)},
                {"represents": 7, "profile": "H0-B"}, {"represents": 7, "rated": kw(2)}]  # fmt: skip
    auctions = [Auction(**each) for each in (
        {}, {"at": "11:00"}, {"floor": eur_per_mwh(0)}, {"cap": eur_per_mwh(3_000)}, {"link": mw(0)},
        {"link_fee": eur_per_mwh(1)},
    )]  # fmt: skip
    assert len(auctions) == 1 + len(fields_of(auctions[0]))
    desks = [ContractDesk(**each) for each in (
        {}, {"opens": "11:00"}, {"rounds": 5}, {"ahead": 2}, {"profiles": ["solar"]}, {"contracts": "forward"},
        {"lot": kw(1)}, {"green": False}, {"margin": percent(11)}, {"marks": "18:00"}, {"call": hours(1)},
        {"house_capital": eur(1)}, {"credit": eur(1)}, {"max_rounds": 4}, {"observable_positions": True},
        {"tape_delay": hours(2)}, {"expected": eur_per_mwh(1)}, {"spot": Auction()}, {"spans": ["day", "week"]},
    )]  # fmt: skip
    assert len(desks) == 1 + len(fields_of(desks[0]))
    ada, blue = consumer("ada", supplier="blue"), utility("blue", **PRICES)
    plant = {"kind": "oil", "capacity": mw(1)}

    def with_plant(given):
        values = plant | {("kind" if name == "plant" else name): each for name, each in given.items()}
        return make(agents=[ada, blue, producer("x", **values)])

    made = [
        *(with_plant(each) for each in owned),
        *(make(agents=[ada, utility("blue", **(PRICES | each))]) for each in supplied),
        *(make(agents=[ada, blue], wholesale=each) for each in (None, *auctions, *desks)),
        make(agents=[ada, blue], buy_out=eur_per_mwh(61)),
    ]
    assert len({scenario.digest() for scenario in made}) == len(made)
    assert len({scenario.to_json() for scenario in made}) == len(made)


def test_compiling_gives_the_same_in_whatever_order_agents_are_listed():
    agents = list(make().agents)
    one, other = (compile_street(make(agents=each), 7).street.wholesale for each in (agents, agents[::-1]))
    for name in type(one).__dataclass_fields__:
        mine, theirs = getattr(one, name), getattr(other, name)
        if name == "plants":
            for left, right in zip(mine, theirs, strict=True):
                np.testing.assert_array_equal(left, right)
        else:
            np.testing.assert_array_equal(mine, theirs) if isinstance(mine, np.ndarray) else None
            assert isinstance(mine, np.ndarray) or mine == theirs


# --- customers, prices beyond the band, size


def test_a_profile_of_its_own_is_that_of_one_customer(tmp_path):
    rows = "\n".join(f"2016-06-{5 + i // 24:02d}T{i % 24:02d}:00:00Z,0.25" for i in range(24 * 4))
    file = tmp_path / "mine.csv"
    file.write_text("time,kwh\n" + rows + "\n")
    agents = [utility("blue", represents=40, profile=str(file), rated=None, **PRICES)]
    rules = compile_street(make(agents=agents), 7).street.wholesale
    assert set(rules.million_wh[0].tolist()) == {250 * 1_000_000}


def test_customers_draw_what_so_many_consumers_do_as_measured():
    agents = [utility("blue", represents=1_000, rated=kw(3), **PRICES), consumer("ada", supplier="blue")]
    rules = compile_street(make(agents=agents), 7).street.wholesale
    one = rules.million_wh[0] / 1_000_000
    # An H0 customer of 3 kW draws some kWh a day, most of it by day.
    assert 3_000 < one.sum() / 2 < 30_000


def test_prices_of_the_outside_lie_in_the_bands_of_desk_and_orders():
    for spot, low, high in ((6_000, -500, 6_000), (-700, -700, 4_000), (50, -500, 4_000)):
        rules = compile_street(make(spot=eur_per_mwh(spot)), 7).street.wholesale
        assert (rules.floor_tick, rules.cap_tick) == (eur_per_mwh(low), eur_per_mwh(high))
        assert rules.desk.edge_tick >= abs(eur_per_mwh(spot))
        assert make(spot=eur_per_mwh(spot)).run(7).metrics["money_sum"] == 0


def test_a_days_session_is_the_day_before_and_the_runs_first_as_it_begins():
    rules = compile_street(make(start="2016-03-26", days=3, local=LocalMarket(period=minutes(15))), 7).street.wholesale
    begins, hour = 1_458_946_800_000, 3_600_000  # 2016-03-25T23:00Z
    # Noon of the 26th is 11:00Z; the 27th has 23 hours, so noon of it is 10:00Z.
    assert rules.sessions == (
        (begins, 0, 96), (begins + 12 * hour, 96, 92), (begins + 35 * hour, 188, 96),
    )  # fmt: skip
    assert rules.desk_ms == (begins + 10 * hour, begins + 33 * hour, begins + 57 * hour)
    base = [spec for spec in rules.desk.specs if spec.name.startswith("base")]
    assert [(spec.first_period, len(spec.profile_wh)) for spec in base] == [(96, 92), (188, 96)]


def test_the_memory_of_the_wholesale_market_is_counted():
    plain = make(agents=[consumer("ada", supplier="blue"), utility("blue", **PRICES)], wholesale=None)
    extra = [producer(f"p-{i}", "gas", mw(1)) for i in range(50)]
    many = make(agents=[*plain.agents, *extra])
    few, more = estimate(plain), estimate(many)
    assert more.memory_bytes > few.memory_bytes
    assert more.seconds > few.seconds
    street = compile_street(many, 7).street
    arrays = [street.wholesale.available_ppm, street.wholesale.expected_ppm, street.load_wh, street.generation_wh]
    assert more.memory_bytes - BASE_BYTES > sum(array.nbytes for array in arrays)
    assert make().check() == estimate(make())
