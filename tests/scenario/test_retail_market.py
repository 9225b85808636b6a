"""A retail market in a scenario: what may be said of it, what it refuses, and what became of quotas."""

import json

import numpy as np
import pytest

from wattbook import (
    Auction,
    Battery,
    ContractDesk,
    LocalMarket,
    RetailMarket,
    Scenario,
    city,
    consumer,
    eur,
    eur_per_mwh,
    hours,
    kw,
    kwh,
    minutes,
    mw,
    percent,
    producer,
    prosumer,
    utility,
)
from wattbook.contracts import Event
from wattbook.errors import ConfigError
from wattbook.messages import Cause, House
from wattbook.scenario import compile_street
from wattbook.scenario.fields import Typed
from wattbook.world import World

MWH = 1_000_000


def blue(**given):
    return utility("blue", **{"retail": eur_per_mwh(160), "feed_in": eur_per_mwh(80), "represents": 1_000} | given)


def scenario_of(*utilities, **given):
    values = {
        "start": "2016-06-06",
        "days": 2,
        "timezone": "Europe/Berlin",
        "agents": [consumer("ada", supplier="blue"), *(utilities or (blue(),))],
        "local": LocalMarket(period=minutes(60)),
        "retail": RetailMarket(),
    }
    return Scenario(**(values | given))


def problems(make):
    with pytest.raises(ConfigError) as caught:
        make()
    return list(caught.value.problems)


# --- what may be said


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"at": 14}, "retail.at=14 is not a clock time"),
        ({"at": "24:01"}, "retail.at='24:01' is no time of a day"),
        ({"reprices": "perhaps"}, "retail.reprices='perhaps' is neither True nor False"),
        ({"considering": 5}, "retail.considering=5 has no unit: write percent(5)"),
        ({"considering": percent(101)}, "write at most percent(100)"),
        ({"considering": percent(-1)}, "write at least percent(0)"),
        ({"considering": eur(1)}, "retail.considering"),
        ({"loyalty": 40}, "retail.loyalty=40 has no unit: write eur_per_mwh(40)"),
        ({"loyalty": eur_per_mwh(0)}, "write at least eur_per_mwh(0.01)"),
        ({"loyalty": None}, "retail.loyalty"),
        ({"green_value": eur_per_mwh(-1)}, "write at least eur_per_mwh(0)"),
        ({"greenvalue": eur_per_mwh(1)}, "retail.greenvalue is unknown"),
        ({"members": "some"}, "retail.members='some' is neither True nor False"),
    ],
)
def test_a_bad_value_says_what_to_write(values, said):
    (problem,) = problems(lambda: RetailMarket(**values))
    assert said in problem


def test_all_mistakes_are_told_at_once():
    values = {"at": "noon", "reprices": 2, "considering": 5, "loyalty": 0, "green_value": -1, "extra": 1}
    assert [each.split("=")[0].split(" ")[0] for each in problems(lambda: RetailMarket(**values))] == [
        f"retail.{name}" for name in values
    ]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"retail": 5}, "retail=5 is not made by RetailMarket(...)"),
        ({"utilities": [blue(represents=0)]}, "there are none: write represents=20_000, or members=True"),
        (
            {"agents": [blue()], "retail": RetailMarket(members=True), "local": None},
            "retail.members=True is for members, and there are none",
        ),
        ({"retail": RetailMarket(at="15:00")}, "retail.at='15:00' is not before local.opens='15:00'"),
        ({"retail": RetailMarket(at="12:00"), "local": LocalMarket(opens="11:00")}, "not before local.opens='11:00'"),
        ({"local": LocalMarket(mechanism="static-key")}, "local.mechanism='static-key' goes by those of the scenario"),
        ({"local": LocalMarket(mechanism="call")}, "write reprices=False"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_refused(given, said):
    (problem,) = problems(lambda: scenario_of(*given.pop("utilities", ()), **given))
    assert said in problem


@pytest.mark.parametrize(
    "given",
    [
        {"retail": RetailMarket(at="14:59")},
        {"retail": RetailMarket(at="23:00"), "local": None},
        {"retail": RetailMarket(reprices=False), "local": LocalMarket(mechanism="call")},
        {"retail": RetailMarket(members=True), "agents": [consumer("ada"), blue(represents=0)]},
        {"retail": RetailMarket(members=True), "agents": [city("town", homes=3), blue(represents=0)]},
        {"retail": None},
    ],
)
def test_what_goes_together_is_accepted(given):
    assert scenario_of(**given).days == 2


def test_customers_of_a_shipped_profile_need_a_rating():
    said = "blue.rated=None: the shipped profile 'H0-A' needs a rating, as kw(3)"
    assert problems(lambda: scenario_of(blue(rated=None))) == [said]
    # Also of those who are still to come.
    red = utility("red", retail=eur_per_mwh(160), feed_in=eur_per_mwh(80), represents=5)
    assert problems(lambda: scenario_of(blue(represents=0, rated=None), red)) == [said]


def test_a_utilitys_own_mistakes_are_told_at_once():
    bad = {"represents": -1, "exit_fee": eur(-1), "term": hours(-1), "green_share": percent(101), "persona": "gready"}
    said = problems(lambda: blue(**bad))
    assert len(said) == len(bad)
    assert any("did you mean 'greedy'?" in each for each in said)


def test_terms_that_nobody_reads_are_cautioned_about():
    terms = {"exit_fee": eur(5), "term": hours(24), "green_share": percent(50)}
    told = [each for each in scenario_of(blue(**terms), retail=None).cautions() if "RetailMarket()" in each]
    assert [each.split(" ")[0] for each in told] == ["blue.exit_fee", "blue.term", "blue.green_share"]
    assert not [each for each in scenario_of(blue(**terms)).cautions() if "RetailMarket()" in each]


def test_who_stands_for_customers_is_not_said_to_have_none():
    red = utility("red", retail=eur_per_mwh(160), feed_in=eur_per_mwh(80))
    assert "red has no customers" in scenario_of(blue(), red, retail=None).cautions()
    standing = red.model_copy(update={"represents": 5})
    assert "red has no customers" not in scenario_of(blue(), standing, retail=None).cautions()
    # Where customers choose, whoever has none may win some.
    assert "red has no customers" not in scenario_of(blue(), red).cautions()


# --- members


@pytest.mark.parametrize(
    ("value", "said"),
    [(5, "ada.loyalty=5 has no unit: write eur_per_mwh(5)"), (eur_per_mwh(-1), "write at least eur_per_mwh(0)")],
)
def test_a_members_loyalty_is_a_price(value, said):
    (problem,) = problems(lambda: consumer("ada", loyalty=value))
    assert said in problem
    (problem,) = problems(lambda: city("ada", loyalty=value))
    assert said in problem


def test_loyalty_that_nobody_asks_for_and_a_choice_of_one_are_cautioned_about():
    ada, bo = (consumer(name, supplier="blue", loyalty=eur_per_mwh(5)) for name in ("ada", "bo"))
    for retail in (None, RetailMarket()):
        (told,) = [
            each for each in scenario_of(agents=[ada, bo, blue()], retail=retail).cautions() if "loyalty" in each
        ]
        assert told.startswith("ada.loyalty (and of 1 more) is for members who may leave")
    told = scenario_of(agents=[ada, blue()], retail=RetailMarket(members=True)).cautions()
    assert not [each for each in told if "loyalty" in each]
    assert [each for each in told if "one utility only" in each]
    red = utility("red", retail=eur_per_mwh(160), feed_in=eur_per_mwh(80))
    told = scenario_of(agents=[ada, blue(), red], retail=RetailMarket(members=True)).cautions()
    assert not [each for each in told if "one utility only" in each or "no customers" in each]


def test_loyalty_stands_in_the_text_only_where_it_is_given():
    def digest(*agents, **given):
        return scenario_of(agents=[*agents, blue()], **given).digest()

    plain, homes = consumer("ada"), city("town", homes=5)
    assert "loyalty" not in scenario_of(agents=[plain, homes, blue()], retail=None).to_json()
    assert '"members"' not in scenario_of(agents=[plain, blue()]).to_json()
    assert digest(plain) != digest(consumer("ada", loyalty=eur_per_mwh(0)))
    assert digest(homes) != digest(city("town", homes=5, loyalty=eur_per_mwh(3)))
    assert digest(plain) != digest(prosumer("ada", battery=Battery(kwh(1), kw(1)), loyalty=eur_per_mwh(3)))
    assert scenario_of(agents=[plain, blue()]).with_values({"ada.loyalty": Typed("3")}).members[0].loyalty == 300


def test_a_choice_of_ones_own_is_a_part_of_the_digest():
    def digest(choose):
        def idle(see, memory, draw, out):
            return 1 << 40

        if choose is not None:
            idle.choose = choose
        return scenario_of(agents=[consumer("ada", policy=idle), blue()]).digest()

    def first(choice, draw):
        return choice.offers[0].utility

    def last(choice, draw):
        return choice.offers[-1].utility

    assert len({digest(each) for each in (None, first, last)}) == 3
    assert digest(first) == digest(first)


def test_a_citys_homes_have_the_loyalty_that_its_list_would_have():
    retail = RetailMarket(members=True)
    for loyalty in (None, eur_per_mwh(3)):
        homes = city("town", homes=40, loyalty=loyalty)
        columns, listed = (
            compile_street(scenario_of(agents=[*agents, blue()], retail=retail), 7).street.wholesale.retail
            for agents in ([homes], homes.described())
        )
        np.testing.assert_array_equal(columns.member_loyalty_tick, listed.member_loyalty_tick)
        assert len(set(columns.member_loyalty_tick.tolist())) > 30 or loyalty is not None


# --- values by path, and digests


@pytest.mark.parametrize(
    ("path", "text", "field", "value"),
    [
        ("retail.at", "13:30", "minute", 810), ("retail.reprices", "no", "reprices", False),
        ("retail.considering", "5 %", "considering", 50_000), ("retail.loyalty", "20", "loyalty", 2_000),
        ("retail.green_value", "2 ct/kWh", "green_value", 2_000), ("retail.members", "yes", "members", True),
    ],
)  # fmt: skip
def test_values_are_set_by_their_path(path, text, field, value):
    changed = scenario_of().with_values({path: Typed(text)})
    assert getattr(changed.retail, field) == value
    assert changed.digest() != scenario_of().digest()


def test_terms_of_a_tariff_are_set_by_their_path():
    changed = scenario_of().with_values(
        {"blue.exit_fee": Typed("5"), "blue.term": Typed("24 h"), "blue.green_share": Typed("50 %")}
    )
    (found,) = changed.utilities
    assert (int(found.exit_fee), int(found.term), int(found.green_share)) == (5 * 10**8, 86_400_000, 500_000)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"retail.at": "25:00"}, "retail.at='25:00' is no time of a day"),
        ({"retail.considering": "150 %"}, "write at most percent(100)"),
        ({"retail.green": "1"}, "retail.green is unknown"),
        (
            {"retail": "everybody"},
            "is not made by RetailMarket(...), nor None; of words, customers, members and none are known",
        ),
        ({"retail.at": "16:00"}, "is not before local.opens"),
    ],
)
def test_a_bad_value_of_a_path_says_so(changes, said):
    found = problems(lambda: scenario_of().with_values({path: Typed(text) for path, text in changes.items()}))
    assert said in found[0]


def test_a_retail_market_can_be_taken_out_by_its_path():
    without = scenario_of(retail=None)
    assert scenario_of().with_values({"retail": Typed("none")}).digest() == without.digest()
    (problem,) = problems(lambda: without.with_values({"retail.at": Typed("13:00")}))
    assert "retail has no parts" in problem


def test_without_one_a_scenario_is_what_it_was_before_there_was_any():
    plain = scenario_of(blue(represents=0), retail=None)
    text = json.loads(plain.to_json())
    assert "retail" not in text
    (found,) = [each for each in text["agents"] if each["name"] == "blue"]
    assert not {"represents", "green_share", "exit_fee", "term", "persona"} & found.keys()
    # As it was before there was a wholesale market.
    assert plain.digest() == "b7a18265c10c851a94ddbea2b18e9dc9d7958e399ee2e58e2f96a576549a2fdf"


def test_each_value_moves_the_digest():
    variants = [
        RetailMarket(), RetailMarket(at="13:00"), RetailMarket(reprices=False), RetailMarket(considering=percent(3)),
        RetailMarket(loyalty=eur_per_mwh(41)), RetailMarket(green_value=eur_per_mwh(11)), RetailMarket(members=True),
        None,
    ]  # fmt: skip
    assert len({scenario_of(retail=each).digest() for each in variants}) == len(variants)


# --- what becomes of quotas


def finished(**given):
    values = {
        "start": "2016-06-06",
        "days": 3,
        "timezone": "Europe/Berlin",
        "agents": [
            consumer("ada", supplier="blue"),
            consumer("bo", supplier="green"),
            blue(persona="greedy", represents=2_000, renewable_quota=percent(20)),
            utility(
                "green", persona="eco-friendly", retail=eur_per_mwh(170), feed_in=eur_per_mwh(75), represents=2_000,
                renewable_quota=percent(20),
            ),
            producer("hill", kind="wind", capacity=mw(3)),
            producer("river", kind="hydro", capacity=mw(1)),
            producer("gas", kind="gas", capacity=mw(4), outages=False),
        ],
        "local": LocalMarket(period=minutes(60)),
        "wholesale": ContractDesk(lot=kw(10), rounds=3),
    }  # fmt: skip
    compiled = compile_street(Scenario(**(values | given)), 7)
    world = World(
        compiled.street, compiled.minds, compiled.outlook, 7, engine="processes",
        wholesale_minds=compiled.wholesale_minds,
    )  # fmt: skip
    world.run()
    assert world.incidents == []
    world.market.check()
    return world


def bought_out(world):
    """By name, what was bought out: energy, and each posting."""
    rows, posted = world.journal.read("contracts"), world.journal.read("postings")
    energy = {name: [] for name in ("blue", "green")}
    out = rows["event"] == Event.BOUGHT_OUT
    for buyer, wh in zip(rows["buyer"][out].tolist(), rows["quantity_wh"][out].tolist(), strict=True):
        energy[world.street.names[buyer]].append(wh)
    money = {
        name: posted["amount"][
            (posted["cause"] == Cause.BUY_OUT) & (posted["account"] == world.street.names.index(name))
        ].tolist()
        for name in energy
    }
    return energy, money


def owed_wh(world, name):
    """Own sales recounted from the journal: customers stood for, and what homes drew, period by period."""
    row = world.street.names.index(name)
    served, groups = world.journal.read("served"), world.journal.read("meters")
    total = int(served["energy_wh"][served["agent"] == row].sum())
    homes = np.flatnonzero(world.street.utility == row)
    for period in range(world.street.periods):
        now = (groups["period"] == period) & np.isin(groups["agent"], homes)
        total += max(0, int((groups["load_wh"][now] - groups["generation_wh"][now]).sum()))
    return -(-total * 200_000 // MWH)


def test_who_fails_its_quota_pays_the_buy_out_once_and_the_eco_friendly_meets_its_own():
    world = finished()
    energy, money = bought_out(world)
    assert energy["green"] == money["green"] == []
    # The greedy one has signed for no shares, so that all of its quota is missing.
    short_wh = owed_wh(world, "blue")
    assert energy["blue"] == [short_wh]
    assert money["blue"] == [-short_wh * 6_000]
    posted = world.journal.read("postings")
    treasury = (posted["account"] == world.market.account(House.TREASURY)) & (posted["cause"] == Cause.BUY_OUT)
    assert posted["amount"][treasury].tolist() == [short_wh * 6_000]
    rows = world.journal.read("contracts")
    done = rows["event"] == Event.COMPLIED
    names = [world.street.names[buyer] for buyer in rows["buyer"][done]]
    assert dict(zip(names, rows["quantity_wh"][done].tolist(), strict=True)) == {
        "blue": 0,
        "green": owed_wh(world, "green"),
    }
    assert int(world.market.ledger.balance.sum()) == 0


def test_without_a_desk_guarantees_are_auctioned_and_the_rest_is_bought_out():
    world = finished(wholesale=Auction())
    energy, money = bought_out(world)
    rows = world.journal.read("contracts")
    moved = rows["event"] == Event.CERTIFICATES_MOVED
    assert set(rows["time_ms"][moved].tolist()) == {world.street.end_ms}
    assert len(set(rows["price_tick"][moved].tolist())) == 1
    assert 0 <= int(rows["price_tick"][moved][0]) <= 6_000
    got = int(rows["quantity_wh"][moved].sum())
    assert got > 0
    due = sum(owed_wh(world, name) for name in ("blue", "green"))
    missing = sum(sum(each) for each in energy.values())
    assert due - got <= missing <= due
    assert sum(sum(each) for each in money.values()) == -missing * 6_000
    assert int(world.market.ledger.balance.sum()) == 0


@pytest.mark.parametrize(("word", "members"), [("customers", False), (" Members ", True)])
def test_a_word_makes_a_retail_market(word, members):
    place = Scenario(start="2016-06-06", days=1, agents=[consumer("ada"), blue()])
    assert place.with_values({"retail": word}).retail == RetailMarket(members=members)
    assert place.with_values({"retail": word}).with_values({"retail": "none"}).retail is None
