"""Schemas hold closed lists only, and mixed answers are drawn exactly by their weights."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattbook.chance import draw
from wattbook.decisions import Question
from wattbook.policies.language.observing import canonical
from wattbook.policies.language.salts import salt_of
from wattbook.policies.language.schemas import ANSWERS, OPTIONS, WEIGHTS, picked, schema_text

BOTH = [(question, mixed) for question in Question for mixed in (False, True)]


def leaves(schema):
    """All rules of a schema that are no objects, each checked to be of a closed kind on the way."""
    if schema.get("type") != "object":
        yield schema
        return
    assert schema["additionalProperties"] is False
    assert schema["required"] == sorted(schema["properties"])
    assert set(schema) == {"type", "properties", "required", "additionalProperties"}
    for inner in schema["properties"].values():
        yield from leaves(inner)


@pytest.mark.parametrize(("question", "mixed"), BOTH)
def test_every_field_of_an_answer_has_an_enum_or_a_longest_length(question, mixed):
    for rule in leaves(json.loads(schema_text(question, mixed=mixed))):
        if "enum" in rule:
            kinds = {type(value) for value in rule["enum"]}
            assert kinds == {{"string": str, "integer": int}[rule["type"]]}
            assert len(set(rule["enum"])) == len(rule["enum"])
        else:
            assert rule == {"type": "string", "maxLength": 120}


@pytest.mark.parametrize(("question", "mixed"), BOTH)
def test_a_schema_is_canonical_and_the_same_each_time(question, mixed):
    text = schema_text(question, mixed=mixed)
    assert text == canonical(json.loads(text))
    assert text is schema_text(question, mixed=mixed)


@pytest.mark.parametrize("question", Question)
def test_an_option_of_a_mixed_answer_is_a_plain_one_without_its_reason(question):
    plain, mixed = (json.loads(schema_text(question, mixed=each))["properties"] for each in (False, True))
    assert plain.pop("rationale") == mixed.pop("rationale")
    assert mixed.pop("weights")["enum"] == list(WEIGHTS)
    assert set(mixed) == set(OPTIONS)
    assert all(option["properties"] == plain for option in mixed.values())
    assert set(plain) == set(ANSWERS[question])


def test_weights_are_whole_percents_of_a_hundred_in_falling_order():
    for weights in WEIGHTS:
        parts = [int(part) for part in weights.split("/")]
        assert sum(parts) == 100
        assert parts == sorted(parts, reverse=True)


MIXED = {name: {"action": name} for name in OPTIONS} | {"rationale": "why"}


@pytest.mark.parametrize("weights", WEIGHTS)
def test_over_all_remainders_each_option_comes_exactly_by_its_weight(weights):
    drawn = Counter(picked({**MIXED, "weights": weights}, number)["action"] for number in range(100))
    assert [drawn[name] for name in OPTIONS] == [int(part) for part in weights.split("/")]


@given(st.sampled_from(WEIGHTS), st.integers(0, 2**63 - 1))
def test_what_is_picked_depends_on_the_remainder_alone_and_keeps_the_reason(weights, number):
    values = {**MIXED, "weights": weights}
    assert picked(values, number) == picked(values, number % 100)
    assert picked(values, number)["rationale"] == "why"


def test_who_shares_an_answer_does_not_move_in_lock_step():
    drawn = Counter(picked({**MIXED, "weights": "60/30/10"}, draw(key, 0))["action"] for key in range(10_000))
    assert [round(drawn[name] / 1_000) for name in OPTIONS] == [6, 3, 1]


def test_a_shared_salt_tells_replicates_apart_and_an_own_one_each_decision():
    assert salt_of("a", 1, 2, shared=True) == salt_of("b", 9, 2, shared=True) == "[2]"
    assert salt_of("a", 1, 2, shared=True) != salt_of("a", 1, 3, shared=True)
    own = {salt_of(*each, shared=False) for each in [("a", 1, 2), ("b", 1, 2), ("a", 2, 2), ("a", 1, 3)]}
    assert len(own) == 4
    assert json.loads(salt_of('"', 1, 2, shared=False)) == ['"', 1, 2]
