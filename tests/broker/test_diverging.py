"""A run that is not the recorded one is stopped at its first decision that differs, and told how by the store alone."""

import copy
import sqlite3

import pytest
from standins import RUN, SCHEMA, START_MS, SYSTEM, Model, live_in, make_asked, open_broker, record, replay

from wattbook.broker.diverging import ReplayDiverged
from wattbook.broker.settings import Settings
from wattbook.broker.tables import RespRow, TapeRow, sealed
from wattbook.broker.words import Mode
from wattbook.decisions import Outcome, Question
from wattbook.errors import CorruptError, WattbookError


def asked_after(path, asked, *, settings=None, mode=Mode.REPLAY, model=None):
    """Record two decisions, ask something else than the second, and give what the broker says."""
    broker = open_broker(path)
    for n in range(2):
        broker.settle(broker.ask(make_asked(now_ms=n, need=n)), outcome=Outcome.OK, action="buy")
    broker.finish(complete=True)
    broker.close()
    again = open_broker(path, mode, model, settings=settings)
    try:
        first = again.ask(make_asked(now_ms=0, need=0))
        again.settle(first, outcome=Outcome.OK, action="buy")
        with pytest.raises(ReplayDiverged) as caught:
            again.ask(asked)
        return caught.value
    finally:
        again.close()


SECOND = make_asked(now_ms=1, need=1)
OTHERS = {
    "agent": (SECOND._replace(agent="bo"), "agent: recorded 'ada', now 'bo'"),
    "question": (SECOND._replace(question=Question.UTILITY), "question: recorded 'consumer', now 'utility'"),
    "time": (SECOND._replace(now_ms=9), "time: recorded 1, now 9"),
    "system": (
        SECOND._replace(system=SYSTEM.replace("a home", "a bank")),
        "system prompt, line 1, character 16: recorded 'You trade for a home. Rules of the market foll', now 'You",
    ),
    "longer": (SECOND._replace(system=SYSTEM + "!"), f"character {len(SYSTEM)}: recorded"),
    "schema": (
        SECOND._replace(schema=SCHEMA.replace("3]", "4]")),
        "schema.properties.level.enum[3]: recorded 3, now 4",
    ),
    "observation": (
        make_asked(now_ms=1, need=2, tariffs=[{"handle": "a", "price": 18}, {"handle": "b", "price": 9}]),
        "observation.need_wh: recorded 1, now 2; observation.tariffs[0].price: recorded 17, now 18; observation.tar",
    ),
    "salt": (make_asked(now_ms=1, need=1, salt=4), "salt.replicate: recorded 0, now 4"),
    "both": (
        make_asked("bo", 1, 2, salt=4),
        "agent: recorded 'ada', now 'bo' (differing as well: observation, salt)",
    ),
}


@pytest.mark.parametrize("part", OTHERS)
def test_the_part_that_differs_is_named_with_both_its_values(tmp_path, part):
    asked, said = OTHERS[part]
    error = asked_after(tmp_path / "s", asked)
    assert (error.seq, error.agent) == (1, asked.agent)
    assert said in error.difference
    assert "Run the scenario, seed, prompts and version that were recorded" in str(error)
    assert error.exit_code == 4


def test_another_model_or_another_length_of_answers_differs(tmp_path):
    record(tmp_path / "s", 4)
    for settings, said in (
        (Settings(model="claude-opus-5-5"), "model: recorded 'claude-haiku-5-5', now 'claude-opus-5-5'"),
        (Settings(max_tokens=300), "max_tokens: recorded 256, now 300"),
    ):
        with pytest.raises(ReplayDiverged, match=said) as caught:
            replay(tmp_path / "s", 4, settings=settings)
        assert caught.value.seq == 0


def test_a_run_that_goes_on_must_be_the_recorded_one_as_far_as_that_goes(tmp_path):
    broker = open_broker(tmp_path / "s")
    live_in(broker, 20)
    broker.close()
    model = Model()
    with pytest.raises(ReplayDiverged, match="system prompt"):
        replay(tmp_path / "s", 40, mode=Mode.REPLAY_OR_LIVE, model=model, system=SYSTEM + " Be kind.")
    assert model.payloads == []


def test_another_seed_or_scenario_is_found_at_the_first_decision_it_changes(tmp_path):
    record(tmp_path / "s", 40)
    other = RUN._replace(seed=8, digest="another")
    assert replay(tmp_path / "s", 40, run=other)[0]
    with pytest.raises(ReplayDiverged, match=r"observation\.need_wh: recorded 0, now 1") as caught:
        replay(tmp_path / "s", 40, run=other, seed=1)
    assert (caught.value.seq, caught.value.agent) == (0, "home-0")


@pytest.mark.parametrize(
    ("decisions", "said"),
    [(39, "the run ends here, 40 decisions were recorded"), (41, "40 decisions were recorded, and this is one more")],
)
def test_a_run_that_is_shorter_or_longer_differs_where_one_of_them_ends(tmp_path, decisions, said):
    record(tmp_path / "s", 40)
    with pytest.raises(ReplayDiverged, match=said) as caught:
        replay(tmp_path / "s", decisions)
    assert caught.value.seq == min(decisions, 40)


def test_the_replay_of_a_recording_that_broke_off_says_how_to_go_on(tmp_path):
    broker = open_broker(tmp_path / "s")
    live_in(broker, 20)
    broker.close()
    with pytest.raises(ReplayDiverged, match="replay-or-live goes on from there"):
        replay(tmp_path / "s", 40)


@pytest.mark.parametrize(
    ("outcome", "action", "said"),
    [(Outcome.INFEASIBLE, "buy", "outcome: recorded 'ok', now 'infeasible'"),
     (Outcome.OK, "sell", "action: recorded 'buy', now 'sell'")],
)  # fmt: skip
def test_a_decision_must_end_as_it_did(tmp_path, outcome, action, said):
    broker = open_broker(tmp_path / "s")
    broker.settle(broker.ask(make_asked()), outcome=Outcome.OK, action="buy")
    broker.finish(complete=True)
    broker.close()
    again = open_broker(tmp_path / "s", Mode.REPLAY)
    ticket = again.ask(make_asked())
    with pytest.raises(ReplayDiverged, match=said):
        again.settle(ticket, outcome=outcome, action=action)
    again.close()


def test_whoever_swallows_the_error_hears_it_again_at_the_end(tmp_path):
    record(tmp_path / "s", 4)
    again = open_broker(tmp_path / "s", Mode.REPLAY)
    with pytest.raises(ReplayDiverged):
        again.ask(make_asked("stranger", START_MS, 0))
    for act in (lambda: again.ask(make_asked("home-0", START_MS, 0)), lambda: again.finish(complete=True)):
        with pytest.raises(ReplayDiverged, match="stranger"):
            act()
    again.close()


def _rewrite(path, table, row_type, **changes):
    """Change the first row of a table, seal included."""
    db = sqlite3.connect(path)
    row = row_type(*db.execute(f"SELECT * FROM {table} ORDER BY 1, 2 LIMIT 1").fetchone()[:-1])
    ((column, value),) = changes.items()
    seal = sealed(row._replace(**changes))[-1]
    where = f"{row._fields[0]} = {row[0]} AND {row._fields[1]} = {row[1]!r}"
    assert db.execute(f"UPDATE {table} SET {column} = ?, seal = ? WHERE {where}", (value, seal)).rowcount == 1
    db.commit()
    db.close()


@pytest.mark.parametrize(
    "text",
    ['{"action":"none","level":0,"why":""}', '{"action":"buy","level":3,"why":""}', '{"action":"buy","level":9}', "?"],
)
def test_an_altered_answer_stops_the_run_even_under_a_forged_seal(tmp_path, text):
    record(tmp_path / "s", 20)
    db = sqlite3.connect(tmp_path / "s")
    db.execute("UPDATE resp SET text = ? WHERE request = 1", (text,))
    db.commit()
    db.close()
    with pytest.raises(CorruptError, match="not what was recorded"):
        replay(tmp_path / "s", 20)
    _rewrite(tmp_path / "s", "resp", RespRow, text=text)
    with pytest.raises(ReplayDiverged):
        replay(tmp_path / "s", 20)


def test_an_altered_outcome_stops_the_run(tmp_path):
    record(tmp_path / "s", 20)
    _rewrite(tmp_path / "s", "tape", TapeRow, outcome="timeout")
    with pytest.raises(ReplayDiverged):
        replay(tmp_path / "s", 20)


def test_a_request_of_another_form_is_told_from_a_damaged_one(tmp_path):
    record(tmp_path / "s", 2)
    db = sqlite3.connect(tmp_path / "s")
    row = db.execute("SELECT * FROM request WHERE id = 1").fetchone()[1:-1]
    other = (b"\0" * 20, *row[1:])
    db.execute("UPDATE request SET key = ?", (other[0],))
    db.commit()
    with pytest.raises(CorruptError, match="request 1 is not what was recorded"):
        replay(tmp_path / "s", 2)
    db.execute("UPDATE request SET seal = ? WHERE id = 1", (sealed(other)[-1],))
    db.commit()
    db.close()
    with pytest.raises(ReplayDiverged, match="another version of wattbook"):
        replay(tmp_path / "s", 2)


def test_the_error_can_be_taken_apart_and_put_together_as_between_processes():
    error = copy.copy(ReplayDiverged(3, "ada", "time: recorded 1, now 2"))
    assert isinstance(error, WattbookError)
    assert (error.seq, error.agent, error.difference) == (3, "ada", "time: recorded 1, now 2")
