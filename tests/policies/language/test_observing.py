"""Handles, the coarse grid and canonical text."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattbook.chance import key_of
from wattbook.errors import ConfigError
from wattbook.messages import NO_PRICE
from wattbook.policies.language.observing import (
    LETTERS,
    MOST_NOTES,
    Meant,
    canonical,
    cheapest,
    coarse,
    coarse_price,
    handles_of,
    text_of,
)

keys = st.integers(0, 2**63 - 1)
widths = st.integers(1, 100)


def some(count):
    return [Meant("quote", place) for place in range(count)]


@given(st.integers(0, 6), keys)
def test_a_permutation_gives_each_counterparty_one_letter_and_letters_lead_back(count, key):
    handles = handles_of(some(count), (), key, "seeded")
    assert sorted(handles.meant) == some(count)
    found = [handles.find(letter) for letter in LETTERS]
    assert found == [*handles.meant, *[None] * (6 - count)]
    assert [letter for letter, _ in handles.each()] == list(LETTERS[:count])


def test_every_counterparty_is_the_first_about_as_often_as_any_other():
    first = Counter(handles_of(some(4), (), key_of(7, f"home-{n}"), "seeded").meant[0].place for n in range(4_000))
    assert all(abs(first[place] - 1_000) < 120 for place in range(4))


def test_the_same_key_gives_the_same_permutation_and_another_another():
    orders = [handles_of(some(6), (), key, "seeded") for key in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]


def test_other_orders_are_by_price_and_as_they_come():
    assert [meant.place for meant in handles_of(some(4), [30, 10, 20, 10], 5, "price").meant] == [1, 3, 2, 0]
    assert list(handles_of(some(4), (), 5, "plain").meant) == some(4)


def test_an_order_that_there_is_not_names_those_that_there_are():
    with pytest.raises(ConfigError, match=r"did you mean 'seeded'.*'seeded', 'price', 'plain'"):
        handles_of(some(2), (), 5, "sedeed")


@given(st.lists(st.integers(-50, 50), max_size=12), st.integers(1, 6))
def test_the_cheapest_are_kept_in_their_order(prices, most):
    places = cheapest(prices, most)
    assert places == sorted(places)
    assert len(places) == min(most, len(prices))
    assert sorted(prices[place] for place in places) == sorted(prices)[:most]


@given(st.integers(-(10**15), 10**15), st.integers(-(10**15), 10**15), widths)
def test_the_grid_keeps_signs_and_order(one, other, width):
    assert coarse(-one, width) == -coarse(one, width)
    assert (coarse(one, width) > 0) == (one > 0)
    if one <= other:
        assert coarse(one, width) <= coarse(other, width)


@given(st.integers(-(10**15), 10**15), widths)
def test_a_number_moves_by_at_most_half_its_width_and_then_stays(value, width):
    grid = coarse(value, width)
    assert 200 * abs(grid - value) <= width * abs(value) + 200
    assert coarse(grid, width) == grid


@given(st.integers(-(10**15), 10**15))
def test_a_grid_without_width_is_exact(value):
    assert coarse(value, 0) == value


def test_no_price_is_a_word():
    assert (coarse_price(NO_PRICE, 10), coarse_price(100, 10)) == ("none", 103)


def test_text_is_canonical():
    assert canonical({"b": [1, "é"], "a": 0}) == '{"a":0,"b":[1,"\\u00e9"]}'


@given(st.text(max_size=400))
def test_quoted_text_is_escaped_and_cut(notes):
    text = text_of({"a": 1}, notes)
    assert text.isascii()
    assert "\n" not in text
    assert json.loads(text).get("notes", "") == notes[:MOST_NOTES]
