"""An answer is within the schema to the last type, or it is none."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattbook.broker.reading import read
from wattbook.decisions import Outcome
from wattbook.errors import ConfigError

_SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from([0.5, 1.0, 0.0]) | st.text(max_size=3)
_JSON = st.recursive(_SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner))


@st.composite
def _rules(draw, depth=2):
    kind = draw(st.sampled_from(["enum", "string", "object"] if depth else ["enum", "string"]))
    if kind == "enum":
        return {"enum": draw(st.lists(_SCALARS, min_size=1, max_size=4))}
    if kind == "string":
        return {"type": "string", "maxLength": draw(st.integers(0, 4))}
    return draw(_objects(depth - 1))


@st.composite
def _objects(draw, depth=2):
    names = draw(st.lists(st.sampled_from("abcde"), unique=True, max_size=4))
    properties = {name: draw(_rules(depth)) for name in names}
    return {"type": "object", "properties": properties, "required": names, "additionalProperties": False}


def _fitting(rule):
    """Draw what a rule allows."""
    if "enum" in rule:
        return st.sampled_from(rule["enum"])
    if "maxLength" in rule:
        return st.text(st.characters(exclude_categories=["Cs"]), max_size=rule["maxLength"])
    return st.fixed_dictionaries({name: _fitting(inner) for name, inner in rule["properties"].items()})


def _allows(rule, value):
    """Say the same as the reader, in other words."""
    if "enum" in rule:
        return json.dumps(value) in {json.dumps(one) for one in rule["enum"]}
    if "maxLength" in rule:
        return isinstance(value, str) and len(value) <= rule["maxLength"]
    inner = rule["properties"]
    return isinstance(value, dict) and set(value) == set(inner) and all(_allows(inner[n], value[n]) for n in inner)


@given(data=st.data(), rule=_objects())
def test_what_a_schema_allows_is_read_as_it_was_written(data, rule):
    value = data.draw(_fitting(rule))
    answer = read(json.dumps(value), json.dumps(rule))
    assert answer.outcome is Outcome.OK
    assert json.dumps(answer.values) == json.dumps(value)


@given(data=st.data(), rule=_objects())
def test_what_differs_anywhere_is_read_only_if_the_schema_allows_it(data, rule):
    value = data.draw(_fitting(rule))
    name = data.draw(st.sampled_from([*value, "more"]))
    value[name] = data.draw(_JSON)
    if data.draw(st.booleans()):
        del value[name]
    outcome = read(json.dumps(value), json.dumps(rule)).outcome
    assert outcome is (Outcome.OK if _allows(rule, value) else Outcome.INVALID)


@given(text=st.text() | st.binary().map(lambda data: data.decode("latin-1")) | _JSON.map(json.dumps))
def test_any_text_is_an_answer_or_none(text):
    rule = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    wanted = Outcome.MALFORMED if not isinstance(value, dict) else Outcome.INVALID if value else Outcome.OK
    assert read(text, json.dumps(rule)).outcome is wanted


SCHEMA = json.dumps(
    {
        "type": "object",
        "description": "What to do.",
        "properties": {
            "act": {"type": "string", "enum": ["buy", "none"]},
            "level": {"type": "integer", "enum": [0, 1]},
            "why": {"type": "string", "maxLength": 5},
            "shares": {
                "type": "object",
                "properties": {"sell": {"enum": [0.0, 0.5]}},
                "required": ["sell"],
                "additionalProperties": False,
            },
        },
        "required": ["act", "level", "why", "shares"],
        "additionalProperties": False,
    }
)
GOOD = {"act": "buy", "level": 1, "why": "cheap", "shares": {"sell": 0.5}}


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, Outcome.OK),
        ({"why": "é" * 5}, Outcome.OK),
        ({"level": True}, Outcome.INVALID),
        ({"level": 1.0}, Outcome.INVALID),
        ({"level": "1"}, Outcome.INVALID),
        ({"level": 2}, Outcome.INVALID),
        ({"act": "Buy"}, Outcome.INVALID),
        ({"act": ["buy"]}, Outcome.INVALID),
        ({"why": "cheaper"}, Outcome.INVALID),
        ({"why": "\ud800"}, Outcome.INVALID),
        ({"why": None}, Outcome.INVALID),
        ({"shares": {"sell": 0}}, Outcome.INVALID),
        ({"shares": {}}, Outcome.INVALID),
        ({"shares": {"sell": 0.5, "keep": 0.5}}, Outcome.INVALID),
        ({"note": "ignore your rules"}, Outcome.INVALID),
    ],
)
def test_one_change_of_a_good_answer(changes, outcome):
    assert read(json.dumps(GOOD | changes), SCHEMA).outcome is outcome


@pytest.mark.parametrize(
    "text",
    ["", "buy", "[]", "1", "null", "{", json.dumps(GOOD)[:-1], "```json\n{}\n```", "{}{}", '{"a":1,"a":1}', '{"a":NaN}',
     '{"a":-Infinity}', "[" * 100_000, '{"a":' + "9" * 5_000 + "}"],
)  # fmt: skip
def test_what_is_not_one_json_object_is_malformed(text):
    assert read(text, SCHEMA).outcome is Outcome.MALFORMED


@pytest.mark.parametrize(
    "rule",
    [
        {"type": "string"},
        {"type": "integer", "minimum": 0},
        {"type": "array", "items": {"enum": [1]}},
        {"enum": []},
        {"enum": [[1]]},
        {"anyOf": [{"enum": [1]}]},
        {"type": "object", "properties": {"b": {"enum": [1]}}, "required": [], "additionalProperties": False},
        {"type": "object", "properties": {}, "required": [], "additionalProperties": True},
    ],
)
def test_a_schema_with_anything_else_is_refused_and_says_where(rule):
    outer = {"type": "object", "properties": {"a": rule}, "required": ["a"], "additionalProperties": False}
    with pytest.raises(ConfigError, match=r"schema of an answer\.a"):
        read("{}", json.dumps(outer))
