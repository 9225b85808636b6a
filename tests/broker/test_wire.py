"""Reading what comes over the wire: nothing in it can make the reader fall over."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import TEXT, USAGE, message

from wattbook.broker.wire import MOST_BYTES, Said, outcome_of, read_count, read_message, read_request_id, read_seconds
from wattbook.decisions import Outcome

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["type", "text", "usage"]), inner),
    max_leaves=12,
)
PARTS = st.fixed_dictionaries(
    {},
    optional={
        "type": st.just("message") | ANYTHING,
        "content": st.just([TEXT]) | st.lists(st.just(TEXT) | ANYTHING, max_size=3) | ANYTHING,
        "stop_reason": st.sampled_from(["end_turn", "max_tokens", "refusal", "tool_use"]) | ANYTHING,
        "usage": st.just(USAGE) | st.dictionaries(st.sampled_from(list(USAGE)), ANYTHING) | ANYTHING,
    },
)
POSSIBLE = {Outcome.OK, Outcome.NO_ACTION, Outcome.REFUSAL, Outcome.TRUNCATED, Outcome.MALFORMED}


@given(st.binary(max_size=60) | PARTS.map(lambda form: json.dumps(form).encode()))
def test_any_body_has_exactly_one_reading(body):
    said = read_message(body)
    assert said.outcome in POSSIBLE
    assert min(said.input_tokens, said.output_tokens) >= 0
    assert said.is_billed or (said.outcome, said.input_tokens, said.output_tokens) == (Outcome.MALFORMED, 0, 0)
    assert said.text.strip() or said.outcome is not Outcome.OK
    said.text.encode()
    read_count(body)


def test_a_huge_body_is_not_read_at_all():
    body = json.dumps(message()).encode()
    assert read_message(body).outcome is Outcome.OK
    assert read_message(body + b" " * MOST_BYTES) == Said(Outcome.MALFORMED)


def test_cache_reads_and_writes_are_input():
    usage = USAGE | {"cache_creation_input_tokens": 100, "cache_read_input_tokens": 1_000}
    said = read_message(json.dumps(message(usage=usage)).encode())
    assert (said.input_tokens, said.output_tokens) == (1_110, 3)


def test_texts_are_joined_and_other_blocks_passed_over():
    content = [{"type": "thinking", "thinking": "x"}, {"type": "text", "text": '{"a":'}, {"type": "text", "text": "1}"}]
    assert read_message(json.dumps(message(content)).encode()).text == '{"a":1}'


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("1", 1.0), ("0.25", 0.25), ("", None), (None, None), ("x", None), ("-1", None), ("nan", None)],
)
def test_a_retry_after_is_read_in_seconds(header, seconds):
    assert read_seconds(header) == seconds


@pytest.mark.parametrize("header", [None, "", "sk-ant-secret", "req_1 2", "req_", "req_" + "a" * 100])
def test_an_id_that_looks_like_none_is_none(header):
    assert read_request_id(header) == ""


@given(st.integers(300, 599))
def test_every_status_that_is_no_success_has_an_outcome(status):
    assert outcome_of(status) in {
        Outcome.CLIENT_ERROR, Outcome.RATE_LIMITED, Outcome.OVERLOADED, Outcome.SERVER_ERROR
    }  # fmt: skip
