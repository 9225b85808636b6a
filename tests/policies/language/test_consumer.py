"""A consumer: which book, which price, how much, which utility; and what it cannot do now."""

import json

import pytest
from language_views import CONSUMER, LABEL

from wattbook.messages import NO_PRICE
from wattbook.policies.language.consumer import ANYWHERE, DISTRICT, FEEDER, ConsumerPlan, Tariff, observe, read

_, HANDLES = observe(CONSUMER, 0, order="plain")
"""A the feeder's offer, B the district's, C the own tariff, D the green one, E the third."""
PLAIN = {"action": "local", "counterparty": "any", "limit_level": 10, "share": 100, "rationale": ""}


def plan(view=CONSUMER, **changes):
    return read({**PLAIN, **changes}, view, HANDLES)


@pytest.mark.parametrize(
    ("letter", "level", "share", "book", "limit", "quantity"),
    [
        ("A", 10, 100, FEEDER, 15_500, 1_200), ("A", 0, 25, FEEDER, 8_000, 300), ("A", 5, 50, FEEDER, 11_750, 600),
        ("any", 10, 75, ANYWHERE, 15_500, 900),
        # Its way costs 23.80 EUR/MWh more: the price is lower by that, and on the step.
        ("B", 10, 100, DISTRICT, 13_120, 1_200),
    ],
)  # fmt: skip
def test_a_bid_goes_to_the_book_of_its_offer_at_the_price_of_its_level(letter, level, share, book, limit, quantity):
    told = plan(counterparty=letter, limit_level=level, share=share)
    assert told == ConsumerPlan("local", book, limit, quantity)


def test_nothing_is_nothing_whatever_else_is_said():
    assert plan(action="none", counterparty="F") == ConsumerPlan("none")
    assert plan(share=0) == ConsumerPlan("none")


@pytest.mark.parametrize(("letter", "utility"), [("any", None), ("C", None), ("D", "green"), ("E", LABEL)])
def test_with_a_utility_it_stays_or_names_the_one_that_it_wants(letter, utility):
    assert plan(action="utility", counterparty=letter) == ConsumerPlan("utility", utility=utility)


@pytest.mark.parametrize(("action", "letter"), [("local", "C"), ("utility", "A"), ("local", "F"), ("utility", "F")])
def test_a_handle_of_the_other_kind_or_of_nobody_cannot_be_used(action, letter):
    assert plan(action=action, counterparty=letter) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"need_wh": 0},
        {"need_wh": -5},
        {"willing_tick": -1},
        {"floor_tick": 15_501},
        {"step_tick": 50_001, "floor_tick": 1},
    ],
    ids=str,
)
def test_without_a_need_or_a_price_it_cannot_buy_locally(changes):
    assert plan(view=CONSUMER._replace(**changes)) is None


def test_who_would_rather_sell_to_its_utility_still_bids_no_more_than_energy_is_worth():
    view = CONSUMER._replace(feed_in_tick=20_000)
    assert {plan(view=view, limit_level=level).limit_tick for level in range(11)} == {15_500}


def test_the_own_tariff_keeps_its_place_among_many():
    many = (*[Tariff(f"u{n}", 10_000 + n, 0, 0, False) for n in range(9)], Tariff("dear", 30_000, 0, 5, True))
    view = CONSUMER._replace(tariffs=many)
    seen = json.loads(observe(view, 0, order="price")[0])
    assert [tariff["price_tick"] for tariff in seen["tariffs"]] == [10_000, 10_001, 10_002, 30_000]
    assert [tariff["own"] for tariff in seen["tariffs"]] == [0, 0, 0, 1]
    assert [offer["where"] for offer in seen["offers"]] == ["district", "feeder"]


def test_what_there_is_not_is_told_by_a_word():
    view = CONSUMER._replace(offers=(), tariffs=(), bid_tick=NO_PRICE, spread_tick=NO_PRICE)
    seen = json.loads(observe(view, 0)[0])
    assert (seen["bid_tick"], seen["spread_tick"], seen["offers"], seen["tariffs"]) == ("none", "none", [], [])
