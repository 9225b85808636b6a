"""A process that is killed loses no answer that arrived: only what was under way is asked again."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from standins import Model, answer_to, record, replay, reply

from wattbook.broker.store import Store
from wattbook.broker.tables import RunId
from wattbook.broker.words import Mode

HERE = str(Path(__file__).parent)
_SCRIPT = """
import sys, time
sys.path.insert(0, {here!r})
from standins import Model, live_in, open_broker, reply, FAILED, answer_to

def replies(n, payload):
    return FAILED if n % 7 == 3 else reply(answer_to(payload))

model = Model(replies, delays=lambda n: 0.002 + (n * 5 % 7) / 700)
broker = open_broker({path!r}, model=model)
live_in(broker, 2_000, agents=40, variety=900, before_settle=lambda: print(len(model.payloads), flush=True))
"""


def _killed(path, after):
    """Record in a process of its own, and kill it when it has sent so many requests."""
    with subprocess.Popen(
        [sys.executable, "-c", _SCRIPT.format(here=HERE, path=str(path))], stdout=subprocess.PIPE, text=True
    ) as process:
        for line in process.stdout:
            if int(line) >= after:
                break
        time.sleep(0.003)
        os.kill(process.pid, signal.SIGKILL)
        process.stdout.read()
    assert process.returncode == -signal.SIGKILL


def _held(path):
    """Count requests and replies of a store."""
    store = Store.writing(path)
    counts = [store._one(f"SELECT count(*) FROM {table}") for table in ("request", "resp")]
    store.close()
    return counts


@pytest.mark.parametrize("after", [5, 60, 200])
def test_after_a_kill_only_what_was_under_way_is_asked_again(tmp_path, after):
    path = tmp_path / "s"
    _killed(path, after)
    requests, replies = _held(path)
    assert requests >= after > 0
    assert replies <= requests
    asked = []

    def say(n, payload):
        asked.append(json.dumps(payload))
        return reply(answer_to(payload))

    trace, decisions = replay(path, 300, mode=Mode.REPLAY_OR_LIVE, model=Model(say), agents=40, variety=900)
    _, replies_then = _held(path)
    assert replies_then == replies + len(asked)
    assert replay(path, 300, agents=40, variety=900) == (trace, decisions)
    paid = [decision for decision in decisions if decision.latency_ms]
    assert len(paid) == replies_then, "every reply belongs to a decision: none was asked for twice"


def test_what_was_under_way_when_a_run_was_killed_counts_as_spent(tmp_path):
    path = tmp_path / "s"
    _killed(path, 60)
    store = Store.writing(path)
    lost = store._all(
        "SELECT held_nusd FROM request LEFT JOIN resp ON resp.request = request.id WHERE resp.request IS NULL"
    )
    spent = store.spent(1)
    store.close()
    _, decisions = replay(path, 300, mode=Mode.REPLAY_OR_LIVE, agents=40, variety=900)
    store = Store.reading(path)
    assert store.spent(1).nusd >= spent.nusd
    assert store.spent(1).nusd == sum(d.cost_nusd for d in decisions) + sum(held for (held,) in lost)
    store.close()


def test_the_tape_of_a_killed_run_is_a_beginning_of_it(tmp_path):
    path = tmp_path / "s"
    _killed(path, 150)
    store = Store.reading(path)
    length = store.tape_length(1)
    rows = store.tape(1, 0, 10_000)
    store.close()
    assert [row.seq for row, _, _ in rows] == list(range(length))
    assert all(resp is not None for _, _, resp in rows)


def test_another_run_of_the_store_is_not_touched(tmp_path):
    path = tmp_path / "s"
    other = RunId("other", "0" * 16, 1, 0)
    whole = record(path, 30, run=other)
    _killed(path, 20)
    assert replay(path, 30, run=other) == whole
