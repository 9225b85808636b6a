"""Every mistake that a scenario can hold: each is refused, all at once, with what to write instead."""

from math import inf, nan

import pytest

from wattbook import (
    Battery,
    ConfigError,
    Imbalance,
    LocalMarket,
    Network,
    Pv,
    Scenario,
    consumer,
    neighbourhood,
    prosumer,
    utility,
)
from wattbook.errors import DataError, ResourceError, UnitError
from wattbook.scenario import Forecast, check_seed
from wattbook.units import eur, eur_per_mwh, hours, kw, kwh, minutes, percent, seconds

BLUE = {"retail": eur_per_mwh(160), "feed_in": eur_per_mwh(80)}

AGENTS = {
    "a bare price": (
        lambda: utility("u", retail=160, feed_in=eur_per_mwh(80)),
        "u.retail=160 has no unit: write eur_per_mwh(160)",
    ),
    "a bare price in a tariff": (
        lambda: utility("u", retail={"day": 170, "night": eur_per_mwh(140)}, feed_in=eur_per_mwh(80)),
        "at 'day' (170) has no unit: write eur_per_mwh(170)",
    ),
    "a power for a price": (
        lambda: utility("u", **{**BLUE, "retail": kw(3)}),
        "u.retail=kw(3) is a power, not a price",
    ),
    "a text for a price": (lambda: utility("u", **{**BLUE, "retail": "160"}), "u.retail='160' is not a price"),
    "NaN": (lambda: utility("u", **{**BLUE, "retail": nan}), "u.retail=nan is not finite"),
    "infinity": (lambda: utility("u", **{**BLUE, "retail": inf}), "u.retail=inf is not finite"),
    "True for a price": (lambda: utility("u", **{**BLUE, "retail": True}), "u.retail=True is not a price"),
    "a negative retail price": (lambda: utility("u", **{**BLUE, "retail": eur_per_mwh(-1)}), "at least eur_per_mwh(0)"),
    "a price beyond counting": (
        lambda: utility("u", **{**BLUE, "retail": eur_per_mwh(10**9)}),
        "at most eur_per_mwh(100000)",
    ),
    "no retail price": (lambda: utility("u", feed_in=eur_per_mwh(80)), "u.retail is missing"),
    "a tariff by half": (lambda: utility("u", **{**BLUE, "retail": {"day": eur_per_mwh(1)}}), "('night' is missing)"),
    "a tariff of other times": (
        lambda: utility("u", **{**BLUE, "retail": {"day": eur_per_mwh(170), "nigth": eur_per_mwh(140)}}),
        "'nigth': eur_per_mwh(140)} is not a tariff ('night' is missing, 'nigth' is unknown): write {",
    ),
    "a power within a tariff": (
        lambda: utility("u", **{**BLUE, "retail": {"day": kw(3), "night": eur_per_mwh(1)}}),
        "at 'day' (kw(3)) is a power, not a price",
    ),
    "an energy for a price": (lambda: utility("u", **{**BLUE, "retail": kwh(3)}), "is an energy, not a price"),
    "a price for an energy": (lambda: LocalMarket(largest_order=eur(3)), "is an amount of money, not an energy"),
    "a negative feeder": (lambda: consumer("ada", feeder=-1), "ada.feeder=-1 is negative: write the feeder's number"),
    "a negative feeder in text": (lambda: consumer("ada", feeder="-1"), "ada.feeder='-1' is negative"),
    "a power for a feeder": (lambda: consumer("ada", feeder=kw(2)), "is not a name"),
    "a tariff of 23 hours": (lambda: utility("u", **{**BLUE, "retail": [eur_per_mwh(1)] * 23}), "has 23 values"),
    "an unknown key": (lambda: consumer("ada", suplier="blue"), "ada.suplier is unknown (did you mean 'supplier'?)"),
    "a plant on a consumer": (lambda: consumer("ada", pv=Pv(kw(3))), "ada.pv is unknown"),
    "an id of 300 characters": (lambda: consumer("x" * 300), "is not a name"),
    "a path-like id": (lambda: consumer("../../etc"), "agent '../../etc'.name='../../etc' is not a name"),
    "an id of dots": (lambda: consumer(".."), "is reserved"),
    "markup as id": (lambda: consumer("<img src=x>"), "is not a name: use 1 to 64 letters"),
    "an empty id": (lambda: consumer(""), "is not a name"),
    "a line break in an id": (lambda: consumer("ada\n"), "is not a name"),
    "no text as id": (lambda: consumer(7), "is not a name"),
    "the network's account as id": (lambda: consumer("GRID"), "name='GRID' is reserved"),
    "a house account in small letters": (lambda: consumer("upstream"), "is reserved"),
    "a feeder called district": (lambda: consumer("ada", feeder="district"), "ada.feeder='district' is reserved"),
    "a negative rating": (lambda: consumer("ada", rated=kw(-3)), "ada.rated=kw(-3) is below"),
    "a rating of nothing": (lambda: consumer("ada", rated=kw(0)), "ada.rated=kw(0) is below"),
    "negative cash": (lambda: consumer("ada", cash=eur(-1)), "ada.cash=eur(-1) is below"),
    "a negative credit limit": (lambda: consumer("ada", credit_limit=eur(-1)), "ada.credit_limit=eur(-1)"),
    "a label of two lines": (lambda: consumer("ada", label="a\nb"), "is not printable text on one line"),
    "a label too long": (lambda: consumer("ada", label="a" * 201), "has 201 characters: write at most 200"),
    "a policy that cannot be called": (
        lambda: consumer("ada", policy=3),
        "is not a policy: give a name such as 'patient', a Mind, or a function",
    ),
    "an unknown persona": (
        lambda: consumer("ada", policy="patent"),
        "ada.policy='patent' is not a policy (did you mean 'patient'?): choose from balanced, ",
    ),
    "a utility with a home's policy": (
        lambda: utility("u", **BLUE, policy="patient"),
        "u.policy='patient' is not a policy: choose from nominate, idle",
    ),
    "a profile that is a number": (lambda: consumer("ada", profile=3), "is not a profile"),
    "a flag that is a word": (lambda: consumer("ada", deducts_vat="maybe"), "is neither True nor False"),
    "a plant without unit": (lambda: prosumer("bo", pv=8), "bo.pv=8 is not made by Pv(kw(8))"),
    "a battery that is a number": (lambda: prosumer("bo", battery=kwh(8)), "is not made by Battery("),
}

PARTS = {
    "a bare duration": (lambda: LocalMarket(period=15), "local.period=15 has no unit: write minutes(15)"),
    "a period that does not divide a day": (lambda: LocalMarket(period=minutes(7)), "does not divide a day"),
    "a period of no minutes": (lambda: LocalMarket(period=seconds(30)), "local.period=minutes(0.5) is below"),
    "a period of two days": (lambda: LocalMarket(period=hours(48)), "is above the greatest allowed value"),
    "a gate that closes after delivery": (
        lambda: LocalMarket(closes_before=minutes(-1)),
        "closes_before=minutes(-1) is below",
    ),
    "an opening at 25:00": (lambda: LocalMarket(opens="25:00"), "opens='25:00' is no time of a day"),
    "an opening in words": (lambda: LocalMarket(opens="noon"), "opens='noon' is not a clock time: write '15:00'"),
    "a step of nothing": (lambda: LocalMarket(step=eur_per_mwh(0)), "local.step=eur_per_mwh(0) is below"),
    "an unknown self-trade mode": (lambda: LocalMarket(self_trade="cancel-newer"), "(did you mean 'cancel-newest'?)"),
    "no orders at all": (lambda: LocalMarket(orders_per_wake=0), "orders_per_wake=0 is out of range"),
    "half an order": (lambda: LocalMarket(orders_per_wake=2.5), "orders_per_wake=2.5 is not a whole number"),
    "a later version's key": (lambda: LocalMarket(clearing="auction"), "local.clearing is unknown"),
    "a negative fee": (lambda: Network(feeder_fee=eur_per_mwh(-1)), "network.feeder_fee=eur_per_mwh(-1) is below"),
    "VAT above everything": (lambda: Network(vat=percent(120)), "network.vat=percent(120) is above"),
    "losses of everything": (lambda: Network(feeder_loss=percent(100)), "network.feeder_loss=percent(100) is above"),
    "VAT without unit": (lambda: Network(vat=0.19), "network.vat=0.19 has no unit: write percent(0.19)"),
    "a misspelt imbalance price": (
        lambda: Imbalance(shrt=eur_per_mwh(1)),
        "imbalance.shrt is unknown (did you mean 'short'?)",
    ),
    "a misspelt forecast": (lambda: Forecast(kind="oracel"), "(did you mean 'oracle'?)"),
}

SCENARIOS = {
    "no agents": ({"agents": []}, "agents=[] is empty"),
    "one agent instead of a list": ({"agents": consumer("ada")}, "is one agent: write a list"),
    "a list in the list": ({"agents": [[consumer("ada")]]}, "holds list (put a * in front of it)"),
    "members without a utility": ({"agents": [consumer("ada")]}, "1 member has no utility"),
    "an early start": ({"start": "0001-01-01"}, "start='0001-01-01' is before 1900"),
    "two periods": (
        {"period": minutes(15), "local": LocalMarket(period=minutes(60))},
        "period=minutes(15) is not local.period=minutes(60): give local.period alone",
    ),
    "a period that is no part of a day": ({"period": minutes(7), "local": None}, "period=minutes(7) does not divide"),
    "a name of two lines": ({"name": "a\nb"}, "name='a\\nb' is not printable text on one line"),
    "a name too long": ({"name": "a" * 201}, "has 201 characters: write at most 200"),
    "utilities without members": ({"agents": [utility("u", **BLUE)]}, "no members"),
    "two agents of one name": (
        {"agents": [consumer("a"), consumer("a"), utility("u", **BLUE)]},
        "a is the name of 2 agents",
    ),
    "an unknown supplier": (
        {"agents": [consumer("a", supplier="gren"), utility("green", **BLUE)]},
        "a.supplier='gren' is unknown (did you mean 'green'?): choose from green",
    ),
    "a neighbour as supplier": (
        {"agents": [consumer("a", supplier="b"), consumer("b"), utility("u", **BLUE)]},
        "a.supplier='b' is not a utility",
    ),
    "feed-in above retail": (
        {"agents": [consumer("a"), utility("u", retail=eur_per_mwh(100), feed_in=eur_per_mwh(101))]},
        "u.feed_in=eur_per_mwh(101) is above retail=eur_per_mwh(100) at hour 0",
    ),
    "a prosumer of nothing": ({"agents": [prosumer("a"), utility("u", **BLUE)]}, "a has neither pv nor battery"),
    "a shipped profile without rating": (
        {"agents": [consumer("a", rated=None), utility("u", **BLUE)]},
        "needs a rating, as kw(3)",
    ),
    "no days": ({"days": 0}, "days=0 is out of range"),
    "half a day": ({"days": 0.5}, "days=0.5 is not a whole number"),
    "days as text": ({"days": "2"}, "days='2' is not a whole number"),
    "True days": ({"days": True}, "days=True is not a whole number"),
    "an unknown time zone": (
        {"timezone": "Europe/Berln"},
        "timezone='Europe/Berln' is unknown (did you mean 'Europe/Berlin'?)",
    ),
    "a time zone that is a path": ({"timezone": "../etc/passwd"}, "timezone='../etc/passwd' is unknown"),
    "a time zone that is a number": ({"timezone": 2}, "timezone=2 is not the name of a time zone"),
    "a naive date-time": ({"start": "2016-06-06T00:00"}, "has a time of day but no offset"),
    "a naive date-time with a space": (
        {"start": "2016-06-06 12:00"},
        "start='2016-06-06 12:00' has a time of day but no offset",
    ),
    "a start that is no date": ({"start": "tomorrow"}, "start='tomorrow' is not a date"),
    "a start that is a number": ({"start": 20160606}, "start=20160606 is not a date"),
    "a horizon beyond the calendar": ({"start": "9998-01-01", "days": 1000}, "beyond the year 9999"),
    "a band upside down": (
        {"local": LocalMarket(floor=eur_per_mwh(9), cap=eur_per_mwh(9))},
        "local.floor=eur_per_mwh(9) is not below",
    ),
    "a step that misses the cap": (
        {"local": LocalMarket(step=eur_per_mwh(7))},
        "local.cap=eur_per_mwh(500) is not a multiple of step=eur_per_mwh(7)",
    ),
    "a gate that closes before it opens": (
        {"local": LocalMarket(opens="23:30", closes_before=minutes(30))},
        "before its gate opens",
    ),
    "a horizon that is no whole number of periods": (
        {"start": "2016-03-27", "local": LocalMarket(period=hours(2))},
        "horizon of 23 hours is not a whole number of periods of minutes(120)",
    ),
    "a market that is a number": ({"local": 5}, "local=5 is not made by LocalMarket(...)"),
    "a network that is a dict": ({"network": {"vat": percent(7)}}, "is not made by Network(...)"),
    "a spot price without unit": ({"spot": 90}, "spot=90 has no unit: write eur_per_mwh(90)"),
    "an imbalance price for the long alone": (
        {"imbalance": Imbalance(long=eur_per_mwh(1))},
        "imbalance.long is given without short",
    ),
    "a long that gets more than the short pays": (
        {"imbalance": Imbalance(short=eur_per_mwh(100), long=eur_per_mwh(110))},
        "imbalance.long=eur_per_mwh(110) is above short=eur_per_mwh(100)",
    ),
    "an unknown key": ({"regulatr": None}, "regulatr is unknown"),
    "a later version's key": ({"studies": None}, "studies is unknown"),
    "an unknown billing": ({"billing": "weekly"}, "billing='weekly' is not one of month, run"),
    "an unknown answer to errors": ({"on_policy_error": "ignore"}, "is not one of quarantine, fail"),
}

NEIGHBOURHOODS = {
    "an unknown grid": ({"grid": "simbench/LV2.10"}, "(did you mean 'simbench/LV2.101'?)"),
    "a grid that is a number": ({"grid": 2}, "neighbourhood.grid=2 is not a name"),
    "a share above one": ({"pv_share": 1.2}, "neighbourhood.pv_share=1.2 is outside 0 to 1"),
    "a negative share": ({"battery_share": -0.1}, "neighbourhood.battery_share=-0.1 is outside 0 to 1"),
    "a share of NaN": ({"pv_share": nan}, "neighbourhood.pv_share=nan is not a share"),
    "a price as share": ({"pv_share": eur_per_mwh(1)}, "is a price, not a share"),
    "a negative seed": ({"seed": -1}, "neighbourhood.seed=-1 is out of range"),
    "an unknown persona": ({"personas": ["gren"]}, "unknown persona 'gren' (did you mean 'green'?)"),
    "shares of personas that do not sum to one": (
        {"personas": {"green": 0.5, "eager": 0.4}},
        "sum to 0.9: make them sum to 1",
    ),
    "no personas": ({"personas": []}, "names no persona"),
    "an unknown key": ({"pvshare": 0.4}, "neighbourhood.pvshare is unknown (did you mean 'pv_share'?)"),
    "a supplier with a space": ({"supplier": "my utility"}, "neighbourhood.supplier='my utility' is not a name"),
    "a prefix with a slash": ({"prefix": "a/"}, "is not the beginning of a name"),
}  # fmt: skip


@pytest.mark.parametrize("name", AGENTS | PARTS)
def test_a_part_refuses(name):
    make, message = (AGENTS | PARTS)[name]
    with pytest.raises(ConfigError) as caught:
        make()
    assert message in str(caught.value)
    assert caught.value.code == "config"
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_refuses(name, make_scenario):
    values, message = SCENARIOS[name]
    with pytest.raises(ConfigError) as caught:
        make_scenario(**values)
    assert message in str(caught.value)


@pytest.mark.parametrize("name", NEIGHBOURHOODS)
def test_a_neighbourhood_refuses(name):
    values, message = NEIGHBOURHOODS[name]
    with pytest.raises(ConfigError) as caught:
        neighbourhood(**{"grid": "simbench/LV2.101", **values})
    assert message in str(caught.value)


def test_units_refuse_nan_before_the_scenario_sees_it():
    with pytest.raises(UnitError, match="is not finite"):
        eur_per_mwh(nan)


def test_all_problems_of_a_scenario_are_told_at_once():
    with pytest.raises(ConfigError) as caught:
        Scenario(
            start="2016-06-06T00:00",
            days=0,
            timezone="Mars",
            agents=[consumer("a", supplier="x"), consumer("a"), utility("u", **BLUE)],
            spot=3,
            colour="red",
        )
    said = "\n".join(caught.value.problems)
    assert len(caught.value.problems) == 7
    for part in ("start=", "days=", "timezone=", "a.supplier", "name of 2 agents", "spot=", "colour is unknown"):
        assert part in said


def test_all_problems_of_an_agent_are_told_at_once():
    with pytest.raises(ConfigError) as caught:
        consumer("a b", rated=3, cash=kw(1), pv=1)
    assert len(caught.value.problems) == 4


def test_all_problems_of_a_neighbourhood_are_told_at_once():
    with pytest.raises(ConfigError) as caught:
        neighbourhood("nowhere", pv_share=2, battery_share="x", seed=1.5, personas="nobody", colour=1)
    assert len(caught.value.problems) == 6


def test_a_long_value_is_cut_in_messages():
    with pytest.raises(ConfigError) as caught:
        consumer("x" * 100_000)
    assert len(str(caught.value)) < 400


def test_a_run_too_large_for_memory_is_refused_before_anything_is_allocated(make_scenario):
    with pytest.raises(ResourceError, match=r"members over .* periods need .* MiB"):
        make_scenario(days=1_000_000).check()


def test_a_profile_shorter_than_the_horizon_is_a_data_error_that_names_the_dates(make_scenario):
    with pytest.raises(DataError) as caught:
        make_scenario(start="2016-12-30", days=5).check()
    assert "ada and 1 more: horizon/outside" in str(caught.value)
    assert "2016-01-01 to 2016-12-31" in str(caught.value)
    assert caught.value.exit_code == 3


def test_unknown_profiles_of_all_members_are_told_at_once(make_scenario):
    agents = [consumer("a", profile="H0-Z"), consumer("b", profile="nowhere/H0-A"), utility("u", **BLUE)]
    with pytest.raises(DataError) as caught:
        make_scenario(agents=agents).check()
    assert len(caught.value.problems) == 2
    assert "a: profile/unknown: 'H0-Z'" in caught.value.problems[0]
    assert "b: grid/unknown" in caught.value.problems[1]


def test_a_missing_profile_file_is_a_data_error(make_scenario, tmp_path):
    agents = [consumer("a", profile=tmp_path / "none.csv"), utility("u", **BLUE)]
    with pytest.raises(DataError, match=r"a: profile/missing-file: none\.csv"):
        make_scenario(agents=agents).check()


@pytest.mark.parametrize("seed", [-1, 1 << 63, 1.0, "7", True, None])
def test_a_seed_outside_63_bits_is_refused(seed):
    with pytest.raises(ConfigError, match="is not a whole number from 0 to"):
        check_seed(seed)


def test_the_smallest_and_the_largest_seed_are_taken():
    check_seed(0)
    check_seed((1 << 63) - 1)


def test_parts_are_frozen(make_scenario):
    with pytest.raises(ValueError, match="frozen"):
        make_scenario().days = 3


@pytest.mark.parametrize(
    ("values", "caution"),
    [
        ({"agents": [consumer("a"), consumer("b"), utility("u", **BLUE)]}, "nobody will have anything to sell"),
        ({"agents": [prosumer("a", pv=Pv(kw(3))), utility("u", **BLUE)]}, "nobody to trade with"),
        (
            {"agents": [prosumer("a", pv=Pv(kw(3)), supplier="u"), utility("u", **BLUE), utility("v", **BLUE)]},
            "v has no customers",
        ),
        (
            {
                "agents": [
                    prosumer("a", battery=Battery(kwh(3), kw(1))),
                    consumer("b", feeder=2),
                    utility("u", **BLUE),
                ],
                "local": LocalMarket(district=False),
            },
            "feeder-1, feeder-2: one member alone on its feeder and no district book",
        ),
    ],
)
def test_what_is_legal_but_hardly_meant_is_a_caution(make_scenario, values, caution):
    assert any(caution in said for said in make_scenario(**values).cautions())


def test_values_that_look_like_another_unit_are_cautions(make_scenario):
    cheap = utility("u", retail={"day": eur_per_mwh(0.16), "night": eur_per_mwh(9)}, feed_in=eur_per_mwh(0))
    said = make_scenario(agents=[consumer("a"), consumer("b"), cheap], network=Network(vat=percent(0.19))).cautions()
    assert "u.retail=eur_per_mwh(0.16) is below 10 EUR/MWh: did you mean eur_per_mwh(160)?" in said
    assert "network.vat=percent(0.19) is below 1 %: did you mean percent(19)?" in said
    free = utility("u", retail=eur_per_mwh(0), feed_in=eur_per_mwh(0))
    said = make_scenario(agents=[consumer("a"), consumer("b"), free], network=Network(vat=percent(0))).cautions()
    assert not any("did you mean" in each for each in said)


def test_a_rating_beside_a_profile_of_ones_own_is_a_caution_only_where_it_was_given(make_scenario):
    def said(**values):
        scenario = make_scenario(agents=[consumer("ada", **values), consumer("b"), utility("u", **BLUE)])
        # A change of something else gives nothing that nobody gave.
        scenario = scenario.with_values({"ada.cash": "3"})
        return [each for each in scenario.cautions() if "does not scale" in each]

    assert said(profile="mine.csv", rated=kw(5)) == [
        "ada.rated=kw(5) does not scale a profile of its own: that is taken as it is, in kWh"
    ]
    assert said(profile="mine.csv") == said(profile="mine.csv", rated=None) == said(rated=kw(5)) == []


def test_an_unknown_supplier_of_a_whole_neighbourhood_is_told_once(make_scenario):
    agents = [*neighbourhood("simbench/LV2.101", supplier="red"), utility("u", **BLUE)]
    with pytest.raises(ConfigError) as caught:
        make_scenario(agents=agents)
    (told,) = caught.value.problems
    assert "supplier='red' (and of 102 more) is unknown: choose from u" in told


@pytest.mark.parametrize(
    ("personas", "message"),
    [
        ([[1]], "has the unknown persona [1]: choose from"),
        ([1], "has the unknown persona 1: choose from"),
        ({1: 1.0}, "has the unknown persona 1: choose from"),
        (["eager", "eager", "green"], "names 'eager' more than once: write a dict of shares, as {'eager': 0.5, ...}"),
        (b"eager", "has the unknown persona 101"),
        ({"eager": None}, "is not a share"),
        ({"eager", "green"}, "names no persona"),
        ([], "names no persona"),
        (7, "names no persona"),
    ],
)
def test_odd_personas_of_a_neighbourhood_are_refused(personas, message):
    with pytest.raises(ConfigError) as caught:
        neighbourhood("simbench/LV2.101", personas=personas)
    assert message in str(caught.value)


def test_a_sound_scenario_has_no_cautions(make_scenario):
    assert make_scenario().cautions() == []


def test_bare_numbers_in_assets_and_forecasts_are_refused_with_what_to_write():
    from wattbook import Battery, ConfigError, Forecast, Pv, Scenario, prosumer, utility

    with pytest.raises(ConfigError) as caught:
        Scenario(
            start="2016-06-06",
            days=1,
            agents=[
                prosumer("bo", pv=Pv(3), battery=Battery(10, 5)),
                utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(80)),
            ],
            forecast=Forecast(load_error=40),
        )
    assert {problem.partition(":")[0] for problem in caught.value.problems} >= {
        "bo.pv.rated_w=3 has no unit",
        "bo.battery.capacity_wh=10 has no unit",
        "bo.battery.power_w=5 has no unit",
    }
