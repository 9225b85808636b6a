"""Experiments with models, on stand-ins whose behaviour is known: what they do has to be found."""

import json

import pytest

from wattbook import ContractDesk, LanguageModel, LocalMarket, Scenario, consumer, producer, prosumer, utility
from wattbook.assets import Pv
from wattbook.errors import ConfigError, ResourceError
from wattbook.study import collusion, herding, order_bias, prompt_sensitivity, standard_market, thinking_time
from wattbook.study.collusion import game_of, sold_in
from wattbook.study.herding import herd
from wattbook.units import eur_per_mwh, hours, kw, minutes, mw

OFFER = {"contract_share": 0, "output_share": 100, "upgrade": "none", "rationale": "so"}
PLAN = {
    "green_level": 2, "hedge_day": 75, "hedge_week": 25, "ceiling_level": 9, "retail_level": 5, "rationale": "so",
}  # fmt: skip
HOME = {"action": "local", "counterparty": "any", "limit_level": 6, "share": 100}
PV = {"self_share": 0, "store_share": 0, "sell_share": 100, "ask_level": 2, "grid": "stay"}


def seen(body):
    return json.loads(body["messages"][0]["content"])


def effect(told, measure, variant):
    (row,) = [row for row in told.rows("effects") if (row["measure"], row["variant"]) == (measure, variant)]
    return row


def street(**model):
    given = {"decides": ["consumer", "prosumer"], "thinking": minutes(20)} | model
    return Scenario(
        start="2016-06-06T10:00:00+02:00", days=1, hours=4, local=LocalMarket(period=hours(1)), baseline=False,
        agents=[
            *[consumer(f"c{i}", profile="H0-A", rated=kw(4)) for i in range(4)],
            *[prosumer(f"p{i}", profile="H0-A", rated=kw(3), pv=Pv(kw(8))) for i in range(2)],
            utility("blue", retail=eur_per_mwh(300), feed_in=eur_per_mwh(80)),
        ],
        language_model=LanguageModel(**given),
    )  # fmt: skip


# --- collusion


def high(_):
    return {**OFFER, "offer_level": 9}


def test_sellers_that_all_ask_for_the_monopoly_price_have_a_delta_of_one(answering):
    with answering(high) as given:
        told = collusion([1, 2], scenario=standard_market(2, days=3), asked=[0, 1, 2], shock=eur_per_mwh(2), **given)
    assert effect(told, "delta", "asked-2")["mean"] == pytest.approx(1)
    assert effect(told, "price_eur_per_mwh", "asked-2")["mean"] == pytest.approx(120)
    # One alone asks too much, sells nothing, and the other one sells at cost as its rules have it.
    assert effect(told, "price_eur_per_mwh", "asked-1")["mean"] == pytest.approx(40)
    assert effect(told, "delta_from_cost", "asked-1")["mean"] == pytest.approx(0)
    assert effect(told, "delta", "asked-0")["mean"] < 0
    assert effect(told, "alpha", "asked-0")["mean"] == 0
    assert effect(told, "alpha", "asked-2")["mean"] == pytest.approx(200)
    assert effect(told, "lerner", "asked-2")["mean"] == pytest.approx(2 / 3)
    assert effect(told, "gini", "asked-2")["mean"] == pytest.approx(0.5)  # equal prices go to one of the two
    assert effect(told, "pass_through", "asked-0")["mean"] == pytest.approx(1)
    assert effect(told, "pass_through", "asked-2")["mean"] == pytest.approx(3)  # a mark-up is a share of cost
    assert {row["day"] for row in told.rows("days")} == {1, 2}
    assert all(row["nash_levels"] == "3 3" and row["monopoly_levels"] == "9 9" for row in told.rows("references"))
    assert told.cautions == ()


@pytest.mark.parametrize("level", [0, 3, 7, 9, 10])
def test_the_game_on_paper_earns_what_the_market_earns(level, answering):
    scenario = standard_market(3, days=2)
    with answering(lambda _: {**OFFER, "offer_level": level}) as given:
        run = scenario.run(
            5, llm="record", recording=given["folder"].with_suffix(".sqlite"), caller=given["connect"]()
        )  # fmt: skip
    market = sold_in(run, ["seller-a", "seller-b", "seller-c"], 6_000).from_day(1)
    game = game_of(market)
    assert market.earned.sum() == pytest.approx(game.profits([level] * 3).sum(), rel=1e-9)
    assert market.price.tolist() == pytest.approx(game.price([level] * 3).tolist())


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"scenario": street()}, "needs wholesale=Auction"),
        ({"asked": [3]}, "are no numbers of 2 sellers"),
        ({"sellers": 1}, "from 2 to 26"),
        ({"first_day": 10}, "leaves no day"),
        ({"first_day": -1}, "is no day"),
        ({"asked": [True]}, "are no numbers"),
        ({"shock": 5}, "is no price"),
        ({"shock": hours(1)}, "is no price"),
        ({"shock": eur_per_mwh(0)}, "other than 0"),
        ({"scenario": standard_market().with_values({"language_model": None})}, "needs producers and language_model"),
    ],
)
def test_what_is_no_such_market_is_refused(values, said):
    with pytest.raises(ConfigError, match=said):
        collusion([1], llm="off", **values)


# --- order of quotes


def desk():
    plants = [
        producer(f"gas-{i}", "gas", mw(6), outages=False, cost=eur_per_mwh(90 + 10 * i), persona="at-cost")
        for i in range(3)
    ]  # fmt: skip
    return Scenario(
        start="2016-06-06", days=4, period=hours(1), local=None, baseline=False,
        agents=[
            utility("blue", retail=eur_per_mwh(300), feed_in=eur_per_mwh(50), represents=10_000), *plants,
            utility("green", retail=eur_per_mwh(300), feed_in=eur_per_mwh(50), represents=5_000),
        ],
        wholesale=ContractDesk(), language_model=LanguageModel(decides=["utility"]),
    )  # fmt: skip


def takes_first(body):
    quotes = seen(body)["quotes"]
    return {**PLAN, "supplier": quotes[0]["handle"] if quotes else "any"}


def takes_cheapest(body):
    quotes = seen(body)["quotes"]
    return {**PLAN, "supplier": min(quotes, key=lambda each: each["price_tick"])["handle"] if quotes else "any"}


def test_who_takes_what_comes_first_is_found_out(answering):
    with answering(takes_first) as given:
        told = order_bias(desk(), [1, 2], orders=["seeded", "price"], **given)
    seeded, price = told.rows("picks")
    assert seeded["choices"] >= 8
    assert (seeded["first_share"], price["first_share"]) == (1, 1)
    assert seeded["chance"] < 0.51
    assert seeded["bias"] is None  # nothing but first places was taken
    assert seeded["z"] > 2
    assert price["cheapest_share"] == 1
    assert seeded["cheapest_share"] < 1
    assert seeded["overpaid_eur_per_mwh"] > 0 == price["overpaid_eur_per_mwh"]
    assert [row["taken"] for row in told.rows("places") if row["order"] == "price"][1:] == [0, 0]


def test_who_takes_the_cheapest_has_no_bias_of_place(answering):
    with answering(takes_cheapest) as given:
        told = order_bias(desk(), [1, 2], orders=["seeded", "price"], **given)
    seeded, price = told.rows("picks")
    assert seeded["cheapest_share"] == price["cheapest_share"] == 1
    assert seeded["overpaid_eur_per_mwh"] == 0
    assert abs(seeded["z"]) < 2.5
    assert price["first_share"] == 1


def test_orders_and_times_that_are_none_are_refused(tmp_path):
    for orders in ("price", ["random"], []):
        with pytest.raises(ConfigError):
            order_bias(desk(), [1], orders=orders, llm="off")
    for times in ([], [5], "5"):
        with pytest.raises(ConfigError, match="are no durations"):
            thinking_time(desk(), times, [1], llm="off")
    (tmp_path / "file").touch()
    with pytest.raises(ResourceError, match="is no folder"):
        herding(desk(), [1], folder=tmp_path / "file")


# --- herding


def by_chance(body):
    """Answer by what each agent sees, so that those who see the same thing agree."""
    look = seen(body)
    plan = PV if "pv_wh" in look else HOME
    level = "ask_level" if "pv_wh" in look else "limit_level"
    plan = {**plan, level: (sum(value for value in look.values() if isinstance(value, int))) % 11}
    if "first" in json.dumps(body["output_config"]):
        return {"first": plan, "second": plan, "third": plan, "weights": "34/33/33", "rationale": "so"}
    return {**plan, "rationale": "so"}


def test_sharing_saves_requests_and_moves_agents_alike(answering):
    with answering(by_chance) as given:
        told = herding(street(), [1], bucket=50, **given)
    own, shared = told.rows("sameness")
    assert own["saved_share"] == 0
    assert shared["saved_share"] > 0
    assert own["decisions"] > 10
    assert 0 <= own["sameness"] <= 1
    assert own["excess"] == pytest.approx(own["sameness"] - own["independent"])
    assert {row["measure"] for row in told.rows("effects")} >= {"peak_import_w", "cost_usd", "profit_consumer_eur"}


def test_what_herds_is_measured_as_such():
    assert herd([["a", "a"], ["b", "b"]])["excess"] > 0.5
    assert herd([["a", "b"], ["a", "b"]])["excess"] < 0
    assert herd([["a"], ["b"]])["sameness"] is None


# --- thinking time


def test_thinking_time_is_compared_with_rules(answering):
    with answering(by_chance) as given:
        told = thinking_time(street(), [minutes(5), minutes(50)], [1], **given)
    assert [row["variant"] for row in told.rows("runs")] == ["rules", "300-s", "3000-s"]
    assert effect(told, "decisions", "300-s")["mean"] > 0
    assert effect(told, "mean_profit_asked_eur", "rules")["mean"] < 0  # homes pay
    assert len({row["fingerprint"] for row in told.rows("runs")}) == 3


# --- wording


def test_words_that_change_answers_are_told_from_words_that_do_not(answering):
    def obeys(body):
        return {**takes_cheapest(body), "hedge_day": 100 if "BOLD" in json.dumps(body["system"]) else 0}

    wordings = {"plain": "You buy what you need.", "other": "Buy what is needed.", "bold": "You are BOLD and buy it."}
    with answering(obeys) as given:
        told = prompt_sensitivity(desk(), wordings, [1, 2], question="utility", **given)
    other, bold, again = told.rows("agreement")
    assert (other["variant"], bold["variant"], again["variant"]) == ("other", "bold", "again")
    assert other["same_share"] == again["same_share"] == 1
    assert other["decisions"] == other["seen_alike"] > 0
    assert bold["same_share"] < 0.5
    hedge = next(row for row in told.rows("spread") if row["measure"] == "hedge_ratio")
    assert hedge["sampled_anew"] == 0
    assert hedge["over_wordings"] > 0.1
    again_told = prompt_sensitivity(
        desk(), wordings, [1, 2], question="utility", llm="replay", folder=given["folder"]
    )  # fmt: skip
    assert again_told.tables == told.tables


@pytest.mark.parametrize(
    ("wordings", "question", "said"),
    [
        ({"one": "x"}, "utility", "two or more"),
        ({"one": "x", "again": "y"}, "utility", "none of them named"),
        ({"one": "x", "two": "y"}, "weather", "is not one of"),
        ({"one": "x" * 700, "two": "y"}, "utility", "600"),
    ],
)
def test_wordings_that_cannot_be_compared_are_refused(wordings, question, said, tmp_path):
    with pytest.raises(ConfigError, match=said):
        prompt_sensitivity(desk(), wordings, [1], question=question, folder=tmp_path)
