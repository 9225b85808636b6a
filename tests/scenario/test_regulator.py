"""What a scenario may say of its regulator: values with units, thresholds by name, personas, and clear refusals."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from wattbook import Auction, CarbonPrice, Regulator, Scenario, producer, utility
from wattbook.errors import ConfigError
from wattbook.oversight import Rule
from wattbook.regulator import Rules
from wattbook.regulator.detectors import TERMS
from wattbook.scenario.regulator import PARTS, PERSONAS
from wattbook.units import eur, eur_per_mwh, hours, kw, minutes, mw, percent

DOCS = Path(__file__).parents[2] / "docs"


def island(**values):
    def plant(name, capacity, cost, **more):
        own = {"cost": eur_per_mwh(cost), "reference": eur_per_mwh(cost), "outages": False}
        return producer(name, "gas", kw(capacity), **own, **more)

    town = utility(
        "town", retail=eur_per_mwh(300), feed_in=eur_per_mwh(50), represents=1, profile="flat", rated=kw(100)
    )
    agents = [town, plant("M", 80, 100, offer=eur_per_mwh(300), turnover=eur(45)), plant("F1", 30, 110)]
    given = {"start": "2016-06-06", "days": 1, "hours": 1, "period": hours(1), "local": None, "agents": agents}
    return Scenario(**given, wholesale=Auction(link=mw(0)), **values)


def rules_of(**values):
    return Regulator(**values).as_rules(0, 10 * 86_400_000)


def test_the_defaults_of_the_part_are_those_of_the_rules():
    told, own = rules_of(), Rules()
    names = [each.name for each in fields(Rules) if each.name not in ("review_ms", "watch_ms", "latency_ms")]
    assert {name: getattr(told, name) for name in names} == {name: getattr(own, name) for name in names}


def test_it_reviews_at_whole_intervals_and_at_the_end():
    assert rules_of(review=hours(100)).review_ms == (360_000_000, 720_000_000, 864_000_000)


@pytest.mark.parametrize("name", PARTS)
def test_every_threshold_has_a_name_of_its_own_and_a_unit(name):
    part, terms = PARTS[name](), TERMS[Rule[name.upper()]]()
    assert len(type(part).model_fields) == len(fields(terms))
    assert rules_of().terms[Rule[name.upper()]] == terms


@pytest.mark.parametrize("persona", PERSONAS)
def test_a_persona_gives_what_nobody_has_set_and_nothing_else(persona):
    own = rules_of(persona=persona)
    set_by_hand = rules_of(persona=persona, punitive=percent(7), mitigation=minutes(9), gouging={"rsi": percent(95)})
    assert (set_by_hand.punitive_ppm, set_by_hand.mitigation_ms) == (70_000, 540_000)
    assert set_by_hand.terms[Rule.GOUGING].rsi_ppm == 950_000
    assert set_by_hand.hearing_ms == own.hearing_ms
    assert set_by_hand.terms[Rule.GOUGING].impact_tick == own.terms[Rule.GOUGING].impact_tick


def test_the_green_persona_has_tools_until_somebody_says_otherwise():
    green = Regulator(persona="green")
    assert [each.name for each in green.incentives] == ["premium", "grant", "carbon"]
    assert green.terms()[Rule.QUOTA_BREACH].covered_ppm == 900_000 > TERMS[Rule.QUOTA_BREACH]().covered_ppm
    assert Regulator(persona="green", incentives=[]).incentives == () == Regulator(persona="strict").incentives
    own = CarbonPrice(price=eur(7))
    assert Regulator(persona="green", incentives=[own]).incentives == (own,)


def test_the_green_personas_tools_are_varied_by_name_and_go_with_the_persona():
    scenario = island().with_values({"regulator": "green"})
    dearer = scenario.with_values({"regulator.incentives.carbon.price": "50", "regulator.review": "60"})
    assert [int(each.price) for each in dearer.regulator.incentives[2:]] == [int(eur(50))]
    assert scenario.with_values({"regulator.incentives": "none"}).regulator.incentives == ()
    assert scenario.with_values({"regulator.persona": "lenient"}).regulator.incentives == ()
    assert len(scenario.with_values({"regulator.review": "60"}).regulator.incentives) == 3


def test_the_observers_thresholds_are_all_different_from_the_defaults_in_some_way():
    for rule, terms in rules_of(persona="observer").terms.items():
        assert terms == TERMS[rule].never() != TERMS[rule]()


def test_rules_can_be_chosen_and_left_out():
    assert set(rules_of(rules=["gouging"]).terms) == {Rule.GOUGING}
    assert Rule.GOUGING not in rules_of(gouging=None).terms
    assert Rule.GOUGING not in island(regulator=Regulator()).with_values({"regulator.gouging": "off"}).regulator.terms()


def test_settings_reach_thresholds_by_dotted_paths():
    changed = island(regulator=Regulator()).with_values(
        {"regulator.gouging.rsi": "120", "regulator.gouging.conduct": "30", "regulator.review": "60"}
    )
    terms = changed.regulator.terms()[Rule.GOUGING]
    assert (terms.rsi_ppm, terms.conduct_tick, int(changed.regulator.review)) == (1_200_000, 3_000, 3_600_000)


@pytest.mark.parametrize("persona", PERSONAS)
def test_a_word_on_the_command_line_is_a_persona(persona):
    assert island().with_values({"regulator": persona}).regulator.persona == persona


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"persona": "kind"}, "regulator.persona='kind' is not one of balanced"),
        ({"rules": ["gougin"]}, "holds 'gougin' (did you mean 'gouging'?)"),
        ({"gouging": 5}, "is not a mapping of thresholds (rsi,"),
        ({"gouging": {"rsi": 1.1}}, "regulator.gouging.rsi=1.1"),
        ({"gouging": {"rsy": percent(110)}}, "rsy"),
        ({"latency": hours(-1)}, "is below the least allowed value"),
        ({"review": 24}, "regulator.review=24"),
        ({"money_to": "me"}, "money_to='me' is not one of consumers, treasury"),
        ({"fines": True}, "fines"),
    ],
)
def test_what_cannot_be_is_refused_with_its_path(values, said):
    with pytest.raises(ConfigError) as caught:
        island(regulator=Regulator(**values))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"regulator.gouging.rsi": "1.1"}, "write percent(110) for an index of 1.10"),
        ({"regulator": "yes"}, "of words, balanced, lenient, strict, green, observer and none are known"),
        ({"regulator.window": "30"}, "nothing is seen in time"),
        ({"regulator.foo": "1"}, "regulator.foo is unknown"),
    ],
)
def test_settings_that_were_hardly_meant_are_refused(setting, said):
    with pytest.raises(ConfigError) as caught:
        island(regulator=Regulator()).with_values(setting)
    assert said in str(caught.value)


def test_without_a_regulator_a_scenario_is_what_it_was():
    plain = island()
    assert "regulator" not in plain.to_json()
    assert plain.digest() == plain.with_values({"regulator": "none"}).digest() != island(regulator=Regulator()).digest()


def test_a_flat_profile_draws_its_rating_and_is_foreseen_exactly():
    run = island().with_values({"M.offer": "none", "town.rated": "70"}).run(seed=3)
    assert run.record.streams["served"]["energy_wh"].tolist() == [70_000]
    assert run.record.streams["spot"]["wanted_wh"].tolist() == [70_000]


def test_the_reference_of_scripts_names_every_field_and_rule():
    page = (DOCS / "scenario.md").read_text(encoding="utf-8")
    table = page.split("\n## Regulator\n")[1].split("\n## ")[0]
    told = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert sorted(told) == sorted(Regulator.model_fields)


def test_the_rules_of_the_page_are_numbered_in_order():
    page = (DOCS / "regulator.md").read_text(encoding="utf-8")
    numbers = [int(number) for number in re.findall(r"^O(\d+)\. ", page, re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1))
