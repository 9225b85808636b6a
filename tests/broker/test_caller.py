"""The connection: whatever the network and the server do, a call ends in exactly one reply."""

import socket
import threading
import time

import pytest
from scripted import TEXT, USAGE, Act, Bucket, Scripted, error, http, message, ok

from wattbook.broker.caller import AccessError, LiveCaller
from wattbook.broker.words import Call
from wattbook.decisions import Outcome
from wattbook.errors import WattbookError

CANARY = "sk-ant-canary-0123456789"
THINKING = {"type": "thinking", "thinking": "hm", "signature": "s"}
HTML = b"<html><body>It works!</body></html>"
WHOLE = http(200, message())


def payload(n=0):
    return {
        "model": "claude-haiku-5-5",
        "max_tokens": 64,
        "system": [{"type": "text", "text": "rules"}],
        "messages": [{"role": "user", "content": str(n)}],
        "thinking": {"type": "disabled"},
        "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}},
    }


def open_caller(url, **more):
    return LiveCaller(model="claude-haiku-5-5", base_url=url, api_key=CANARY, **more)


@pytest.fixture
def started():
    """Give a function that opens a caller; it is closed at the end."""
    opened = []

    def start(url, **more):
        caller = open_caller(url, **more)
        opened.append(caller)
        caller.start()
        return caller

    yield start
    for caller in opened:
        caller.close()


def reply_to(start, script, deadline_s=20.0, **more):
    with Scripted(script) as server:
        reply = start(server.url, **more).send(Call(payload(), deadline_s)).result(30)
    assert reply.attempts == len(server.payloads)
    return reply


def always(act):
    return lambda payload, nth: act


def plain(body, status=200):
    return Act(http(status, body))


BILLED = (True, False, 12, 3)
LOST = (False, True, 0, 0)
FREE = (False, False, 0, 0)
ENDINGS = {
    "an answer": (ok(), Outcome.OK, BILLED),
    "slow": (ok(0.3), Outcome.OK, BILLED),
    "thinking first": (plain(message([THINKING, TEXT])), Outcome.OK, BILLED),
    "stopped by a sequence": (plain(message(stop_reason="stop_sequence")), Outcome.OK, BILLED),
    "only thinking": (plain(message([THINKING])), Outcome.NO_ACTION, BILLED),
    "empty": (plain(message([])), Outcome.NO_ACTION, BILLED),
    "blank": (plain(message([{"type": "text", "text": " \n"}])), Outcome.NO_ACTION, BILLED),
    "refusal": (plain(message([], "refusal")), Outcome.REFUSAL, BILLED),
    "cut at its most tokens": (plain(message(stop_reason="max_tokens")), Outcome.TRUNCATED, BILLED),
    "cut while thinking": (plain(message([THINKING], "max_tokens")), Outcome.TRUNCATED, BILLED),
    "out of context": (plain(message(stop_reason="model_context_window_exceeded")), Outcome.TRUNCATED, BILLED),
    "a tool": (plain(message(stop_reason="tool_use")), Outcome.MALFORMED, BILLED),
    "no end": (plain(message(stop_reason=None)), Outcome.MALFORMED, BILLED),
    "a text that is none": (plain(message([{"type": "text", "text": 3}])), Outcome.MALFORMED, BILLED),
    "half a character": (plain(message([{"type": "text", "text": "\ud800"}])), Outcome.MALFORMED, BILLED),
    "no content": (plain(message() | {"content": None}), Outcome.MALFORMED, BILLED),
    "content of strings": (plain(message(["{}"])), Outcome.MALFORMED, BILLED),
    "no usage": (plain(message(usage=None)), Outcome.MALFORMED, LOST),
    "usage below nothing": (plain(message(usage=USAGE | {"output_tokens": -1})), Outcome.MALFORMED, LOST),
    "usage that is no number": (plain(message(usage=USAGE | {"input_tokens": "9"})), Outcome.MALFORMED, LOST),
    "usage that is true": (plain(message(usage=USAGE | {"input_tokens": True})), Outcome.MALFORMED, LOST),
    "usage beyond reason": (plain(message(usage=USAGE | {"input_tokens": 10**30})), Outcome.MALFORMED, LOST),
    "an empty object": (plain({}), Outcome.MALFORMED, LOST),
    "a string": (plain("hello"), Outcome.MALFORMED, LOST),
    "nothing": (plain(b""), Outcome.MALFORMED, LOST),
    "no content at all": (plain(b"", 204), Outcome.MALFORMED, LOST),
    "HTML": (plain(HTML), Outcome.MALFORMED, LOST),
    "half JSON": (plain(b'{"type":"message","content":[{"ty'), Outcome.MALFORMED, LOST),
    "a pit of brackets": (plain(b"[" * 200_000), Outcome.MALFORMED, LOST),
    "an error with 200": (plain({"type": "error", "error": {"type": "x"}}), Outcome.MALFORMED, LOST),
    "not gzip": (Act(http(200, message(), content_encoding="gzip")), Outcome.CONNECTION, LOST),
    "reset": (Act(b"", end="reset"), Outcome.CONNECTION, LOST),
    "closed": (Act(b"", end="close"), Outcome.CONNECTION, LOST),
    "half a body": (Act(WHOLE[:-40], end="close"), Outcome.CONNECTION, LOST),
    "half a head": (Act(WHOLE[:30], end="close"), Outcome.CONNECTION, LOST),
    "no HTTP": (Act(b"220 smtp ready\r\n\r\n", end="close"), Outcome.CONNECTION, LOST),
    "too slow": (ok(5.0), Outcome.TIMEOUT, LOST),
    "moved": (Act(http(307, {}, location="http://127.0.0.1:1/")), Outcome.CLIENT_ERROR, FREE),
}
NOT_TAKEN = (400, 401, 403, 404, 408, 409, 413, 422)


@pytest.mark.parametrize("name", ENDINGS)
def test_each_ending_is_exactly_one_outcome_and_is_not_asked_for_again(started, name):
    act, outcome, billing = ENDINGS[name]
    reply = reply_to(started, always(act), deadline_s=1.0 if name == "too slow" else 20.0)
    assert (reply.outcome, reply.attempts) == (outcome, 1)
    assert (reply.is_billed, reply.sent, reply.input_tokens, reply.output_tokens) == billing


@pytest.mark.parametrize("status", NOT_TAKEN)
def test_a_request_that_is_not_accepted_is_not_sent_again(started, status):
    reply = reply_to(started, always(error(status)))
    assert (reply.outcome, reply.status, reply.attempts) == (Outcome.CLIENT_ERROR, status, 1)
    assert (reply.request_id, reply.sent, reply.is_billed) == (f"req_{status}", False, False)


AGAIN = {429: Outcome.RATE_LIMITED, 529: Outcome.OVERLOADED, 500: Outcome.SERVER_ERROR, 503: Outcome.SERVER_ERROR,
         504: Outcome.SERVER_ERROR}  # fmt: skip


@pytest.mark.parametrize("status", AGAIN)
def test_what_was_not_billed_is_sent_again_but_not_for_ever(started, status):
    reply = reply_to(started, always(error(status)), most_attempts=3)
    assert (reply.outcome, reply.status, reply.attempts) == (AGAIN[status], status, 3)
    assert (reply.sent, reply.is_billed) == (False, False)


@pytest.mark.parametrize("status", AGAIN)
def test_a_passing_failure_ends_in_an_answer(started, status):
    reply = reply_to(started, lambda _, nth: ok() if nth else error(status))
    assert (reply.outcome, reply.attempts, reply.status, reply.text) == (Outcome.OK, 2, 200, TEXT["text"])


def test_a_reset_after_a_refusal_may_have_been_billed(started):
    reply = reply_to(started, lambda _, nth: Act(b"", end="reset") if nth else error(500))
    assert (reply.outcome, reply.attempts, reply.sent, reply.status) == (Outcome.CONNECTION, 2, True, 0)


def test_no_other_attempt_is_made_when_none_is_left(started):
    reply = reply_to(started, always(error(500)), may_send_again=lambda: False)
    assert (reply.outcome, reply.attempts, reply.sent) == (Outcome.BUDGET, 1, False)


def test_one_attempt_may_take_no_longer_than_it_may(started):
    reply = reply_to(started, always(ok(5.0)), attempt_s=0.2)
    assert (reply.outcome, reply.sent, reply.attempts) == (Outcome.TIMEOUT, True, 1)
    assert 200 <= reply.latency_ms < 2_000


def test_a_refused_connection_is_tried_again_and_then_given_up(started):
    with Scripted() as server:
        caller = started(server.url, most_attempts=2)
    reply = caller.send(Call(payload(), 10.0)).result(20)
    assert (reply.outcome, reply.attempts, reply.sent, reply.status) == (Outcome.CONNECTION, 2, False, 0)


def test_the_deadline_counts_the_time_in_the_queue(started):
    with Scripted(always(ok(1.0))) as server:
        caller = started(server.url, most_at_once=1)
        first = caller.send(Call(payload(0), 20.0))
        second = caller.send(Call(payload(1), 0.3)).result(20)
        assert (second.outcome, second.attempts, second.sent) == (Outcome.TIMEOUT, 0, False)
        assert 300 <= second.latency_ms < 900
        assert first.result(20).outcome is Outcome.OK
        assert caller.send(Call(payload(2), 20.0)).result(20).outcome is Outcome.OK  # the place in line was given up
    assert len(server.payloads) == 2


def test_a_call_that_waits_out_a_refusal_past_its_deadline_ends_as_refused(started):
    reply = reply_to(started, always(error(429, retry_after=30)), deadline_s=0.5)
    assert (reply.outcome, reply.attempts, reply.sent, reply.status) == (Outcome.RATE_LIMITED, 1, False, 429)


@pytest.mark.parametrize("nonsense", ["soon", "-5", "nan", "inf", "1e400", "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_a_senseless_retry_after_stops_nobody(started, nonsense):
    reply = reply_to(started, lambda _, nth: ok() if nth else error(429, retry_after=nonsense), deadline_s=5.0)
    assert reply.outcome is Outcome.OK


def test_a_boundless_retry_after_is_capped(started):
    script = lambda _, nth: ok() if nth else error(429, retry_after=86_400)  # noqa: E731
    reply = reply_to(started, script, longest_pause_s=0.3)
    assert reply.outcome is Outcome.OK
    assert 300 <= reply.latency_ms < 5_000


def test_a_refused_call_goes_before_those_that_came_later(started):
    with Scripted(lambda _, nth: ok() if nth else error(429)) as server:
        caller = started(server.url, most_at_once=1)
        futures = [caller.send(Call(payload(n), 20.0)) for n in range(5)]
        assert {f.result(20).outcome for f in futures} == {Outcome.OK}
    assert [sent["messages"][0]["content"] for sent in server.payloads] == list("001234")


def test_the_request_is_sent_as_it_is_with_the_key_as_bearer(started):
    with Scripted() as server:
        started(server.url).send(Call(payload(), 20.0)).result(20)
    assert server.payloads == [payload()]
    assert "authorization: bearer " + CANARY in server.heads[-1].lower()


def test_close_gives_every_call_a_reply_and_leaves_no_thread():
    before = threading.active_count()
    with Scripted(always(ok(30.0))) as server:
        caller = open_caller(server.url, most_at_once=10)
        caller.start()
        futures = [caller.send(Call(payload(n), 60.0)) for n in range(30)]
        while len(server.payloads) < 10:
            time.sleep(0.01)
        caller.close()
        caller.close()
        replies = [future.result(0) for future in futures]
    assert {reply.outcome for reply in replies} == {Outcome.CONNECTION}
    assert [reply.sent for reply in replies] == [True] * 10 + [False] * 20
    assert threading.active_count() == before


def test_two_hundred_calls_are_under_way_at_once(started):
    with Scripted(always(ok(0.6))) as server:
        caller = started(server.url)
        futures = [caller.send(Call(payload(n), 60.0)) for n in range(400)]
        assert {future.result(60).outcome for future in futures} == {Outcome.OK}
    assert server.deepest >= 150


def paced(start, per_s, burst, calls):
    bucket = Bucket(per_s, burst, latency_s=0.05)
    with Scripted(bucket) as server:
        caller = start(server.url)
        begun_s = time.monotonic()
        futures = [caller.send(Call(payload(n), 120.0)) for n in range(calls)]
        assert {future.result(120).outcome for future in futures} == {Outcome.OK}
        took_s = time.monotonic() - begun_s
    return bucket.refusals / len(server.payloads), took_s / ((calls - burst) / per_s)


def test_calls_against_a_bucket_are_seldom_refused(started):
    refused, times_ideal = paced(started, 100, 50, 250)
    assert refused <= 0.06
    assert times_ideal <= 1.6


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.parametrize("burst", [10, 50])
def test_five_hundred_calls_at_fifty_a_second_are_hardly_refused_and_nearly_as_quick_as_they_can_be(started, burst):
    refused, times_ideal = paced(started, 50, burst, 500)
    assert refused <= 0.02
    assert times_ideal <= 1.2


@pytest.mark.slow
@pytest.mark.alone
def test_a_server_without_limits_answers_a_street_fifty_times_faster_than_one_after_another(started):
    with Scripted(always(ok(0.3))) as server:
        caller = started(server.url)
        begun_s = time.monotonic()
        street = threading.Semaphore(200)
        futures = []
        for n in range(4_800):
            street.acquire()
            future = caller.send(Call(payload(n), 60.0))
            future.add_done_callback(lambda _: street.release())
            futures.append(future)
        assert {future.result(60).outcome for future in futures} == {Outcome.OK}
        assert time.monotonic() - begun_s <= 28.8
    assert server.deepest >= 190


def test_without_a_key_nothing_starts(monkeypatch):
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", CANARY)
    with pytest.raises(AccessError, match=r"set ANTHROPIC_API_KEY.*--llm replay") as caught:
        LiveCaller(model="m").start()
    assert isinstance(caught.value, WattbookError)
    assert caught.value.exit_code == 2


def test_the_key_and_the_address_come_from_the_environment(monkeypatch):
    with Scripted() as server:
        monkeypatch.setenv("ANTHROPIC_API_KEY", f" {CANARY}\n")
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        caller = LiveCaller(model="m")
        caller.start()
        assert caller.send(Call(payload(), 20.0)).result(20).outcome is Outcome.OK
        caller.close()
    assert all(f"bearer {CANARY}\r\n" in head.lower() for head in server.heads)


@pytest.mark.parametrize("key", ["", "  ", "schlüssel", "two\nlines"])
def test_a_key_that_cannot_be_sent_is_none(key):
    with pytest.raises(AccessError, match="set ANTHROPIC_API_KEY"):
        LiveCaller(model="m", api_key=key, base_url="http://127.0.0.1:1").start()


@pytest.mark.parametrize(("status", "words"), [(401, "ANTHROPIC_API_KEY"), (403, "may not"), (404, "model")])
def test_who_is_turned_away_learns_it_at_the_start(status, words):
    before = threading.active_count()
    with Scripted(count=error(status)) as server:
        with pytest.raises(AccessError, match=f"(?s)status {status}.*{words}"):
            open_caller(server.url).start()
        assert server.payloads == []
    assert threading.active_count() == before


@pytest.mark.parametrize("status", [400, 405, 429, 500, 529])
def test_any_other_answer_at_the_start_is_let_pass(started, status):
    with Scripted(count=error(status)) as server:
        caller = started(server.url)
        assert caller.count_tokens(payload()) is None
        assert caller.send(Call(payload(), 20.0)).result(20).outcome is Outcome.OK


def test_nobody_there_is_learnt_at_the_start():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(AccessError, match="nobody answers"):
            open_caller(url).start()


@pytest.mark.parametrize("url", ["http://[", "127.0.0.1:8080", "http://127.0.0.1:port", "ftp://127.0.0.1", "nonsense"])
def test_an_address_that_is_none_is_learnt_at_the_start(url):
    before = threading.active_count()
    with pytest.raises(AccessError, match="ANTHROPIC_BASE_URL"):
        open_caller(url).start()
    assert threading.active_count() == before


def test_tokens_are_counted_without_what_counting_does_not_know(started):
    with Scripted() as server:
        assert started(server.url).count_tokens(payload()) == 7
    assert "max_tokens" not in server.heads[-1]


@pytest.mark.parametrize(
    ("url", "provider"),
    [
        ("https://api.anthropic.com", "anthropic"),
        ("https://api.anthropic.com/", "anthropic"),
        (None, "anthropic"),
        ("http://127.0.0.1:8080", "stub"),
        ("http://localhost:8080", "stub"),
        ("http://[::1]:8080", "stub"),
        ("https://proxy.example", "other"),
        ("http://api.anthropic.com.example", "other"),
    ],
)
def test_the_provider_is_told_from_the_address(monkeypatch, url, provider):
    monkeypatch.delenv("ANTHROPIC_BASE_URL", raising=False)
    assert open_caller(url).provider == provider


def test_a_server_that_says_it_is_a_stub_is_one(started, monkeypatch):
    monkeypatch.setattr("wattbook.broker.client.Address.is_loopback", False)
    with Scripted(count=Act(http(200, {"input_tokens": 7}, wattbook_stub=1))) as server:
        assert started(server.url).provider == "stub"
    with Scripted() as server:
        assert started(server.url).provider == "other"


def test_our_own_mistake_is_no_outcome(started):
    with Scripted() as server:
        future = started(server.url).send(Call({**payload(), "temperature": 0.5}, 20.0))
        with pytest.raises(AssertionError, match="TypeError"):
            future.result(20)
