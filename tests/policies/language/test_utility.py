"""A utility: a supplier, premiums, shares, a ceiling and a tariff."""

import json

import pytest
from language_views import UTILITY

from wattbook.policies.language.utility import Quote, UtilityPlan, observe, read

_, HANDLES = observe(UTILITY, 0, order="plain")
PLAIN = {
    "supplier": "any", "green_level": 5, "hedge_day": 75, "hedge_week": 25, "ceiling_level": 4, "retail_level": 5,
    "rationale": "",
}  # fmt: skip


def plan(view=UTILITY, **changes):
    return read({**PLAIN, **changes}, view, HANDLES)


def test_levels_and_shares_are_told_in_ticks_and_millionths():
    assert plan() == UtilityPlan(-1, 500, 750_000, 250_000, 30_000, 200)


@pytest.mark.parametrize(("level", "shift"), [(0, -800), (10, 1_200), (4, 0)])
def test_its_tariff_lies_between_the_bounds_of_a_shift(level, shift):
    assert plan(retail_level=level).shift_tick == shift


@pytest.mark.parametrize(("letter", "maker"), [("A", 11), ("B", 5), ("C", 8), ("any", -1)])
def test_a_handle_leads_back_to_its_supplier(letter, maker):
    assert plan(supplier=letter).supplier == maker


@pytest.mark.parametrize("letter", ["D", "F"])
def test_a_supplier_that_was_not_shown_cannot_be_used(letter):
    assert plan(supplier=letter) is None


def test_bounds_the_wrong_way_round_have_no_tariff():
    assert plan(view=UTILITY._replace(low_tick=2_000)) is None


def test_of_many_quotes_and_rivals_the_cheapest_are_shown():
    quotes = tuple(Quote(n, 9_000 - n, False, 1) for n in range(9))
    seen = json.loads(observe(UTILITY._replace(quotes=quotes, rivals_tick=tuple(range(9, 0, -1))), 0)[0])
    assert sorted(quote["price_tick"] for quote in seen["quotes"]) == list(range(8_992, 8_998))
    assert seen["rivals_tick"] == [1, 2, 3, 4, 5, 6]
    assert (seen["quota_percent"], seen["fines_eur"]) == (30, 25)
