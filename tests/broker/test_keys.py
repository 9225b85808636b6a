"""A key is the same if and only if the model sees the same and the salt is the same."""

import hashlib
import inspect
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standins import SCHEMA, canonical, make_asked

from wattbook.broker.budget import Budget
from wattbook.broker.keys import key_of, payload_of
from wattbook.broker.settings import Settings
from wattbook.decisions import Question

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def plain_key(asked, settings):
    """Work the key out the slow way."""
    text = canonical(payload_of(asked, settings) | {"salt": asked.salt})
    return hashlib.blake2b(text.encode(), digest_size=20).digest()


@given(system=_TEXT, observation=_TEXT, salt=_TEXT, max_tokens=st.integers(1, 999))
def test_a_key_is_the_digest_of_the_canonical_payload_and_the_salt(system, observation, salt, max_tokens):
    asked = make_asked(system=system)._replace(observation=observation, salt=salt)
    settings = Settings(max_tokens=max_tokens)
    assert key_of(asked, settings) == plain_key(asked, settings)


@pytest.mark.parametrize("text", ["\x00observation", "\x00salt", '"\\u0000salt"', '\x00salt","system":"'])
def test_no_text_can_pass_for_another_part(text):
    for asked in (make_asked(system=text), make_asked()._replace(observation=text), make_asked()._replace(salt=text)):
        assert key_of(asked, Settings()) == plain_key(asked, Settings())


def test_all_that_the_model_sees_and_the_salt_are_in_the_key():
    asked = make_asked()
    keys = [
        key_of(other, settings)
        for other, settings in (
            (asked, Settings()),
            (asked._replace(system="other"), Settings()),
            (asked._replace(schema=SCHEMA.replace("3]", "4]")), Settings()),
            (asked._replace(schema=SCHEMA.replace("120", "121")), Settings()),
            (asked._replace(observation="{}"), Settings()),
            (asked._replace(salt="1"), Settings()),
            (asked, Settings(model="claude-opus-5-5")),
            (asked, Settings(max_tokens=257)),
        )
    ]
    assert len(set(keys)) == len(keys)
    assert {len(key) for key in keys} == {20}


def test_who_asks_when_and_how_long_one_waits_are_not_in_the_key():
    asked, patient = make_asked(), Settings(deadline_s=900, budget=Budget(max_usd=1))
    stranger = asked._replace(agent="bo", now_ms=1, question=Question.UTILITY)
    assert key_of(stranger, patient) == key_of(asked, Settings())


def test_a_schema_is_the_same_however_it_is_written():
    asked = make_asked()
    spaced = asked._replace(schema=json.dumps(json.loads(SCHEMA), indent=1))
    assert key_of(spaced, Settings()) == key_of(asked, Settings())


def test_a_payload_has_what_the_sdk_takes_and_no_limit_that_the_interface_refuses():
    payload = payload_of(make_asked(), Settings())
    assert set(payload) == {"model", "max_tokens", "system", "messages", "thinking", "output_config"}
    form = payload["output_config"]["format"]
    assert form["schema"]["properties"]["why"] == {"type": "string", "description": "At most 120 characters."}
    assert form["schema"]["additionalProperties"] is False
    assert payload["thinking"] == {"type": "disabled"}
    from anthropic.resources.messages import Messages

    assert set(payload) <= set(inspect.signature(Messages.create).parameters)


def test_a_description_keeps_its_words_beside_the_limit():
    schema = SCHEMA.replace('"maxLength":120', '"description":"Why.","maxLength":120')
    payload = payload_of(make_asked(schema=schema), Settings())
    why = payload["output_config"]["format"]["schema"]["properties"]["why"]
    assert why["description"] == "Why. At most 120 characters."
