import numpy as np
import pytest

from wattbook import Auction, LanguageModel, Scenario, producer, utility
from wattbook.errors import ConfigError
from wattbook.study import compare_policies
from wattbook.units import eur_per_mwh, hours, mw

PLAN = {"supplier": "any", "green_level": 2, "hedge_day": 75, "hedge_week": 25, "ceiling_level": 6, "retail_level": 5}


def market(**values):
    return Scenario(
        start="2016-06-06", days=2, period=hours(1), local=None, baseline=False,
        agents=[
            utility("blue", retail=eur_per_mwh(300), feed_in=eur_per_mwh(50), represents=10_000),
            producer("gas", "gas", mw(5), outages=False),
            producer("hill", "wind", mw(4), outages=False),
        ],
        wholesale=Auction(), **values,
    )  # fmt: skip


def effect(told, measure, variant):
    (row,) = [row for row in told.rows("effects") if (row["measure"], row["variant"]) == (measure, variant)]
    return row


def test_every_variant_meets_the_same_loads_and_differs_by_what_was_changed():
    said = []
    told = compare_policies(
        market(), {"balanced": {}, "greedy": {"gas.persona": "greedy"}, "again": {}}, [3, 4], progress=said.append
    )
    assert said[0] == "run 1 of 6: balanced, seed 3"
    assert len(said) == 6
    runs = told.rows("runs")
    assert len({row["loads"] for row in runs if row["seed"] == 3}) == 1
    assert {row["loads"] for row in runs if row["seed"] == 3} != {row["loads"] for row in runs if row["seed"] == 4}
    same = [row["fingerprint"] for row in runs if row["variant"] in {"balanced", "again"}]
    assert same[:2] == [same[0]] * 2
    assert same[2:] == [same[2]] * 2
    assert effect(told, "profit_producer_eur", "again")["difference"] == 0
    assert effect(told, "spot_price_eur_per_mwh", "greedy")["difference"] >= 0
    assert effect(told, "spot_price_eur_per_mwh", "balanced")["difference"] is None
    assert told.cautions == ()


def test_a_variant_with_other_customers_is_no_pair_and_says_so():
    told = compare_policies(market(), {"plain": {}, "more": {"blue.represents": 12_000}}, [3])
    assert any(each.startswith("more: loads differ") for each in told.cautions)
    assert any("one seed" in each for each in told.cautions)


def test_measures_are_paths_or_functions():
    told = compare_policies(
        market(), {"plain": {}}, [1],
        measures={"price": "wholesale.spot_mean_eur_per_mwh", "rows": lambda run: run.agents.height, "none": "no.such"},
    )  # fmt: skip
    (row,) = told.rows("runs")
    assert row["rows"] == 3
    assert row["price"] > 0
    assert row["none"] is None
    assert {each["measure"] for each in told.rows("effects")} == {"price", "rows"}
    counted = compare_policies(market(), {"plain": {}}, np.arange(1, 2), measures={"one": lambda _: np.int64(1)})
    assert counted.rows("runs")[0]["one"] == 1
    with pytest.raises(ConfigError, match="columns of every study"):
        compare_policies(market(), {"plain": {}}, [1], measures={"seed": lambda _: 1.0})
    with pytest.raises(ConfigError, match="which is no number"):
        compare_policies(market(), {"plain": {}}, [1], measures={"bad": "fingerprint"})


def test_a_model_is_compared_with_rules_from_its_recordings(answering):
    scenario = market(language_model=LanguageModel(decides=["utility"]))
    variants = {"rules": {"language_model": None}, "model": {}}
    with answering(lambda _: {**PLAN, "rationale": "so"}) as given:
        live = compare_policies(scenario, variants, [1, 2], **given)
    again = compare_policies(scenario, variants, [1, 2], llm="replay", folder=given["folder"])
    assert live.tables == again.tables
    assert sorted(path.name for path in given["folder"].iterdir()) == [
        "model-1.answers.sqlite", "model-2.answers.sqlite",
    ]  # fmt: skip
    assert effect(live, "cost_usd", "model")["mean"] > 0
    assert effect(live, "fallback_share", "model")["mean"] == 0
    off = compare_policies(scenario, variants, [1], llm="off")
    rules, model = ({**row, "variant": "", "fingerprint": ""} for row in off.rows("runs"))
    assert rules == model


def test_answers_that_fall_back_are_told(answering):
    scenario = market(language_model=LanguageModel(decides=["utility"]))
    with answering(lambda _: {**PLAN, "supplier": "F", "rationale": "nobody of that letter"}) as given:
        told = compare_policies(scenario, {"model": {}}, [1], **given)
    assert any("rules decided" in each for each in told.cautions)


@pytest.mark.parametrize(
    ("variants", "seeds", "said"),
    [
        ({}, [1], "name at least one"),
        ({"a/b": {}}, [1], "is no name of a variant"),
        ({"plain": {}}, [], "seeds="),
        ({"plain": {}}, [1, 1], "holds one twice"),
        ({"bad": {"blue.retial": 3}}, [1], "variant bad"),
        ({"rules": {}, "asks": {"language_model": LanguageModel()}}, [1], "name a folder"),
        ({"plain": {}}, [1, "2"], "seed='2'"),
        ({"plain": {}}, 3, "is no list of seeds"),
        ({"plain": {}}, "12", "is no list of seeds"),
        (["plain"], [1], "is no mapping"),
        ({"plain": None}, [1], "neither a scenario nor a mapping"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_anything_runs(variants, seeds, said):
    begun = []
    with pytest.raises(ConfigError, match=said):
        compare_policies(market(), variants, seeds, progress=begun.append)
    assert not begun


def test_a_mode_that_is_none_is_refused():
    with pytest.raises(ConfigError, match="replay-or-live"):
        compare_policies(market(), {"plain": {}}, [1], llm="recrod")
