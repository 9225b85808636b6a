"""What is recorded is what is replayed: the same answers, failures, costs and order, from one file and nothing else."""

import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from standins import (
    CANARY,
    FAILED,
    REFUSED,
    RUN,
    SCHEMA,
    SYSTEM,
    Model,
    answer_to,
    files_of,
    live_in,
    make_asked,
    open_broker,
    record,
    replay,
    reply,
)

from wattbook.broker.settings import Settings
from wattbook.broker.store import Store
from wattbook.broker.words import Mode
from wattbook.decisions import TAKEN, Outcome
from wattbook.errors import ConfigError, ResourceError


def moody(n, payload):
    """Reply with every kind of failure now and then."""
    moods = {
        3: FAILED,
        5: REFUSED,
        8: reply("{", tokens=(900, 7)),
        11: reply('{"action":"sell"}'),
        14: reply("", Outcome.REFUSAL),
        17: reply('{"action":', Outcome.TRUNCATED, tokens=(900, 256)),
    }
    return moods.get(n % 20) or reply(answer_to(payload))


def settled(broker, asked):
    ticket = broker.ask(asked)
    answer = broker.answer(ticket)
    broker.settle(ticket, outcome=answer.outcome, action="done")
    return answer


def test_a_replay_gives_the_recorded_answers_failures_and_costs(tmp_path):
    trace, decisions = record(tmp_path / "s", 200, Model(moody))
    assert replay(tmp_path / "s", 200) == (trace, decisions)
    assert {"ok", "shared_hit", "timeout", "rate_limited", "malformed", "invalid", "refusal", "truncated"} <= {
        decision.outcome for decision in decisions
    }
    assert sum(decision.cost_nusd for decision in decisions) > 0


def test_a_recording_ends_as_one_file_that_needs_no_writable_place(tmp_path):
    path = tmp_path / "shelf" / "store"
    path.parent.mkdir()
    trace, _ = record(path, 20)
    assert files_of(path.parent) == [path]
    path.chmod(0o444)
    path.parent.chmod(0o555)
    try:
        assert replay(path, 20)[0] == trace
        assert files_of(path.parent) == [path]
    finally:
        path.parent.chmod(0o755)


def test_every_decision_has_one_outcome_and_they_add_up(tmp_path):
    broker = open_broker(tmp_path / "s", model=Model(moody))
    live_in(broker, 120)
    broker.finish(complete=True)
    broker.close()
    assert sum(broker.counts.values()) == len(broker.decisions) == 120
    assert [decision.seq for decision in broker.decisions] == list(range(120))
    assert broker.counts == Counter(Outcome(decision.outcome) for decision in broker.decisions)
    assert broker.spent.nusd == sum(decision.cost_nusd for decision in broker.decisions)


def test_the_same_request_is_sent_once_and_costs_once(tmp_path):
    model = Model()
    broker = open_broker(tmp_path / "s", model=model)
    outcomes = [settled(broker, make_asked(agent)).outcome for agent in ("ada", "bo", "cy")]
    settled(broker, make_asked("ada", salt=1))
    broker.close()
    assert outcomes == [Outcome.OK, Outcome.SHARED_HIT, Outcome.SHARED_HIT]
    assert len(model.payloads) == 2
    assert [decision.cost_nusd > 0 for decision in broker.decisions] == [True, False, False, True]


def test_after_a_failure_the_same_request_is_sent_again(tmp_path):
    broker = open_broker(tmp_path / "s", model=Model(lambda n, p: FAILED if n == 0 else reply(answer_to(p))))
    first, second = broker.ask(make_asked("ada")), broker.ask(make_asked("bo"))
    failed = [broker.answer(first).outcome, broker.answer(second).outcome]
    third = broker.ask(make_asked("cy"))
    assert failed == [Outcome.TIMEOUT, Outcome.TIMEOUT]
    assert broker.answer(third).outcome is Outcome.OK
    broker.close()


def test_who_shares_does_not_depend_on_when_replies_arrive(tmp_path):
    recorded = []
    for n in range(4):
        draw = np.random.default_rng(n)
        model = Model(moody, waits=True)

        def deliver(model=model, draw=draw):
            model.deliver(draw.permutation)

        recorded.append(record(tmp_path / str(n), 150, model, before_settle=deliver))
    jittered = Model(moody, delays=lambda n: (n * 7 % 5) / 400)
    recorded.append(record(tmp_path / "late", 150, jittered))
    assert all(other == recorded[0] for other in recorded)


def test_an_answer_of_another_run_is_found_in_the_store(tmp_path):
    path = tmp_path / "s"
    record(path, 30, Model())
    again = Model()
    _, decisions = record(path, 30, again, run=RUN._replace(replicate=1))
    assert again.payloads == []
    assert {decision.outcome for decision in decisions} <= {"store_hit", "shared_hit", "infeasible"}
    assert sum(decision.cost_nusd + decision.input_tokens for decision in decisions) == 0
    assert replay(path, 30, run=RUN._replace(replicate=1))[1] == decisions


def test_an_answer_of_a_stub_does_not_pass_as_a_models(tmp_path):
    record(tmp_path / "s", 10, Model(provider="stub"))
    real = Model(provider="anthropic")
    _, decisions = record(tmp_path / "s", 10, real, run=RUN._replace(seed=8))
    assert real.payloads
    assert {decision.provider for decision in decisions} == {"anthropic"}


def test_a_run_that_the_store_holds_is_not_recorded_again(tmp_path):
    record(tmp_path / "s", 5)
    with pytest.raises(ConfigError, match=r"already holds the run 'street'.* use replay"):
        open_broker(tmp_path / "s")


def test_a_replay_takes_the_run_of_its_seed_and_lists_what_there_is_if_it_cannot_tell(tmp_path):
    for seed in (1, 2):
        record(tmp_path / "s", 12, run=RUN._replace(seed=seed), seed=seed)
    assert replay(tmp_path / "s", 12, run=RUN._replace(seed=2), seed=2)[0]
    with pytest.raises(ConfigError, match=r"(?s)no run of .* seed 3.*seed 1.*seed 2"):
        replay(tmp_path / "s", 12, run=RUN._replace(seed=3))


def test_replay_or_live_records_what_is_not_there_and_only_reads_what_is_complete(tmp_path):
    path, first, second = tmp_path / "s", Model(), Model()
    recorded = replay(path, 25, mode=Mode.REPLAY_OR_LIVE, model=first)
    path.chmod(0o444)
    assert replay(path, 25, mode=Mode.REPLAY_OR_LIVE, model=second) == recorded
    assert first.states == ["started", "closed"]
    assert second.states == second.payloads == []


def test_a_run_that_broke_off_goes_on_where_it_was(tmp_path):
    whole = record(tmp_path / "whole", 90, Model(moody))
    broken = Model(moody, waits=True)
    broker = open_broker(tmp_path / "s", model=broken)
    live_in(broker, 47, before_settle=broken.deliver)
    broker.ask(make_asked("ada", 1, 999))
    broker.finish(complete=False)
    broker.close()
    rest = Model(lambda n, payload: moody(n + len(broken.payloads) - 1, payload))
    went_on = replay(tmp_path / "s", 90, mode=Mode.REPLAY_OR_LIVE, model=rest)
    assert went_on[0] == whole[0]
    assert went_on[1] == whole[1]
    assert len(rest.payloads) + len(broken.payloads) - 1 == sum(d.cost_nusd > 0 or d.outcome == "rate_limited"
                                                               for d in whole[1])  # fmt: skip
    assert replay(tmp_path / "s", 90) == whole


def test_a_run_goes_on_with_the_model_and_server_that_began_it(tmp_path):
    broker = open_broker(tmp_path / "s")
    broker.close()
    with pytest.raises(ConfigError, match="set model='claude-haiku-5-5'"):
        open_broker(tmp_path / "s", Mode.REPLAY_OR_LIVE, settings=Settings(model="claude-opus-5-5"))
    with pytest.raises(ConfigError, match="connect to the same one"):
        open_broker(tmp_path / "s", Mode.REPLAY_OR_LIVE, Model(provider="anthropic"))


def test_a_decision_that_nobody_settled_is_on_the_tape(tmp_path):
    broker = open_broker(tmp_path / "s")
    broker.ask(make_asked())
    broker.finish(complete=True)
    broker.close()
    assert [(d.outcome, d.action) for d in broker.decisions] == [("ok", "")]
    again = open_broker(tmp_path / "s", Mode.REPLAY)
    again.ask(make_asked())
    again.finish(complete=True)
    again.close()
    assert again.decisions == broker.decisions


def test_a_door_that_stays_shut_stops_the_run_before_it_starts(tmp_path):
    model = Model()
    model.start = lambda: (_ for _ in ()).throw(ConfigError("set ANTHROPIC_API_KEY"))
    with pytest.raises(ConfigError, match="ANTHROPIC_API_KEY"):
        open_broker(tmp_path / "s", model=model)
    assert model.states == ["closed"]
    assert not list(tmp_path.iterdir())


def test_an_answer_is_settled_once_and_as_it_came_or_as_infeasible(tmp_path):
    broker = open_broker(tmp_path / "s", model=Model(lambda n, p: FAILED if n else reply(answer_to(p))))
    taken, failed = broker.ask(make_asked()), broker.ask(make_asked(need=1))
    with pytest.raises(AssertionError, match="timeout cannot be settled as infeasible"):
        broker.settle(failed, outcome=Outcome.INFEASIBLE, action="")
    broker.settle(taken, outcome=Outcome.INFEASIBLE, action="rule")
    with pytest.raises(KeyError):
        broker.settle(taken, outcome=Outcome.OK, action="buy")
    broker.close()
    assert broker.counts == {Outcome.INFEASIBLE: 1}


def test_two_decisions_that_share_an_answer_cannot_change_it_for_each_other(tmp_path):
    broker = open_broker(tmp_path / "s")
    first, second = broker.ask(make_asked("ada")), broker.ask(make_asked("bo"))
    broker.answer(first).values.clear()
    assert set(broker.answer(second).values) == {"action", "level", "why"}
    broker.close()


def test_a_reply_that_cannot_be_kept_stops_the_run_where_it_is_needed(tmp_path, monkeypatch):
    broker = open_broker(tmp_path / "s")

    def full(self, row):
        raise ResourceError("no room")

    monkeypatch.setattr(Store, "keep_reply", full)
    ticket = broker.ask(make_asked())
    for _ in range(2):
        with pytest.raises(ResourceError, match="no room"):
            broker.answer(ticket)
    with pytest.raises(ResourceError, match="no room"):
        broker.ask(make_asked())
    broker.close()


@pytest.mark.parametrize("text", ["\ud800", '"\ud800"', "\x00", "[" * 5_000, "9" * 5_000, "NaN"])
def test_whatever_a_server_writes_can_be_kept_and_replayed(tmp_path, text):
    _, decisions = record(tmp_path / "s", 3, Model(lambda n, p: reply(text, tokens=(10**30, -4))))
    assert {decision.outcome for decision in decisions} == {"malformed", "budget"}
    assert replay(tmp_path / "s", 3)[1] == decisions


def test_two_thousand_decisions_take_at_most_a_kilobyte_each(tmp_path):
    path, most = tmp_path / "s", 2_000
    draw = np.random.default_rng(5)

    def pick(first, end=None):
        return int(draw.integers(first, end))

    broker = open_broker(path)
    for n in range(most):
        tariffs = [{"handle": f"u{pick(9)}", "price": pick(9_000, 30_000), "green": pick(100)} for _ in range(7)]
        offers = [{"handle": f"n{pick(99)}", "price": pick(9_000, 30_000), "wh": pick(3_000)} for _ in range(8)]
        asked = make_asked(f"home-{n % 200}", 10**12 + n, n, offers=offers, levels=tariffs)
        assert 600 <= len(asked.observation) <= 800
        ticket = broker.ask(asked)
        answer = broker.answer(ticket)
        broker.settle(ticket, outcome=answer.outcome, action="buy locally 2", rationale="level 2 is fair, and " * 3)
    broker.finish(complete=True)
    broker.close()
    assert len({decision.seq for decision in broker.decisions if decision.outcome == "ok"}) == most
    assert path.stat().st_size / most <= 1_024


def test_a_replay_makes_two_thousand_decisions_a_second_and_more(tmp_path):
    record(tmp_path / "s", 2_000, agents=200, variety=700)
    began_s = time.process_time()
    replay(tmp_path / "s", 2_000, agents=200, variety=700)
    assert time.process_time() - began_s < 1


def test_a_key_is_in_no_byte_that_is_left_behind(tmp_path):
    model = Model(moody)
    record(tmp_path / "s", 40, model)
    broker = open_broker(tmp_path / "t", model=model)
    broker.ask(make_asked())
    assert all(CANARY.encode() not in path.read_bytes() for path in files_of(tmp_path))
    broker.close()
    assert all(CANARY.encode() not in path.read_bytes() for path in files_of(tmp_path))
    assert CANARY not in repr(broker.decisions)


def test_a_replay_opens_no_socket_and_does_not_import_the_sdk(tmp_path):
    record(tmp_path / "s", 30)
    script = (
        "import socket, sys\n"
        "def refuse(*a, **k): raise AssertionError('a socket')\n"
        "socket.socket.__init__ = refuse\n"
        f"sys.path[:0] = {[str(Path(__file__).parent)]!r}\n"
        "from standins import replay\n"
        f"trace, decisions = replay({str(tmp_path / 's')!r}, 30)\n"
        "assert len(decisions) == 30 and 'anthropic' not in sys.modules\n"
        "print('replayed')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == "replayed\n", done.stderr


def test_an_answer_that_is_settled_as_taken_keeps_its_own_word(tmp_path):
    broker = open_broker(tmp_path / "s")
    for agent in ("ada", "bo"):
        broker.settle(broker.ask(make_asked(agent)), outcome=Outcome.OK, action="buy")
    broker.close()
    assert [decision.outcome for decision in broker.decisions] == ["ok", "shared_hit"]
    assert set(broker.counts) <= TAKEN


def test_the_stand_in_is_asked_what_a_model_would_be(tmp_path):
    model = Model()
    record(tmp_path / "s", 1, model)
    assert model.payloads[0]["system"] == SYSTEM
    assert SCHEMA.count("maxLength") == 1
    assert "maxLength" not in str(model.payloads[0]["output_config"])
