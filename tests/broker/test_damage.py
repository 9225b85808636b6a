"""A damaged, foreign or newer store is refused, or was not damaged where it is read: never a silently other run."""

import sqlite3
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standins import RUN, live_in, open_broker, record, replay

from wattbook.broker.store import Store
from wattbook.broker.words import Mode
from wattbook.errors import CorruptError, ResourceError, WattbookError


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Give the bytes of a store, and the run in it."""
    path = tmp_path_factory.mktemp("stores") / "s"
    whole = record(path, 60)
    return path.read_bytes(), whole


@settings(max_examples=250)
@given(data=st.data())
def test_a_flipped_byte_is_noticed_or_of_no_account(recorded, data):
    whole, run = recorded
    at = data.draw(st.integers(0, len(whole) - 1), label="byte")
    damaged = bytearray(whole)
    damaged[at] ^= data.draw(st.integers(1, 255), label="bits")
    _replayed_or_refused(bytes(damaged), run)


@settings(max_examples=60)
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_cut_store_is_noticed(recorded, share):
    whole, run = recorded
    _replayed_or_refused(whole[: int(len(whole) * share)], run)


def _replayed_or_refused(data, run):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s"
        path.write_bytes(data)
        try:
            replayed = replay(path, 60)
        except WattbookError:
            return
        assert replayed == run


@pytest.mark.parametrize("data", [b"", b"no store", b"SQLite format 3\x00" + bytes(4_000)])
def test_a_file_that_is_no_store_is_refused(tmp_path, data):
    path = tmp_path / "s"
    path.write_bytes(data)
    with pytest.raises(CorruptError, match="no store of decisions"):
        open_broker(path, Mode.REPLAY)
    if data:
        with pytest.raises(CorruptError, match="no store of decisions"):
            open_broker(path, Mode.RECORD)
        assert path.read_bytes() == data


def test_a_database_of_somebody_else_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "s"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE mine (x)")
    db.close()
    before = path.read_bytes()
    for mode in (Mode.REPLAY, Mode.RECORD, Mode.REPLAY_OR_LIVE):
        with pytest.raises(CorruptError, match="is no store of decisions; give the path of one"):
            open_broker(path, mode)
    assert path.read_bytes() == before


def test_a_newer_store_is_refused(tmp_path):
    record(tmp_path / "s", 3)
    with sqlite3.connect(tmp_path / "s") as db:
        db.execute("PRAGMA user_version = 2")
    db.close()
    with pytest.raises(CorruptError, match="is of version 2, this wattbook reads 1"):
        replay(tmp_path / "s", 3)


def test_a_store_that_is_not_there_or_cannot_be_made_is_told(tmp_path):
    with pytest.raises(ResourceError, match="no store of decisions"):
        open_broker(tmp_path / "s", Mode.REPLAY)
    with pytest.raises(ResourceError, match="there is no folder"):
        open_broker(tmp_path / "no" / "s", Mode.RECORD)


def test_a_store_can_be_read_while_it_is_recorded(tmp_path):
    broker = open_broker(tmp_path / "s")
    live_in(broker, 30)
    store = Store.reading(tmp_path / "s")
    assert [run.label for run in store.runs()] == [RUN.label]
    assert len(store.answers(store.request(1).key, "stub")) == 1
    store.close()
    broker.close()


def test_two_recorders_can_share_a_store(tmp_path):
    first, second = open_broker(tmp_path / "s"), open_broker(tmp_path / "s", run=RUN._replace(seed=9))
    traces = [live_in(broker, 20) for broker in (first, second)]
    for broker in (first, second):
        broker.finish(complete=True)
        broker.close()
    assert [replay(tmp_path / "s", 20, run=RUN._replace(seed=seed))[0] for seed in (7, 9)] == traces


def test_two_that_go_on_with_one_run_are_told_of_each_other(tmp_path):
    open_broker(tmp_path / "s").close()
    first, second = (open_broker(tmp_path / "s", Mode.REPLAY_OR_LIVE) for _ in range(2))
    live_in(first, 5)
    first.finish(complete=False)
    live_in(second, 5)
    with pytest.raises(ResourceError, match="somebody else records the same run"):
        second.finish(complete=False)
    first.close()
    with pytest.raises(ResourceError, match="somebody else records the same run"):
        second.close()


def test_a_path_may_have_any_name(tmp_path):
    path = tmp_path / "a store?mode=memory&x=%41 ü#1.db"
    recorded = record(path, 5)
    assert path.is_file()
    assert replay(path, 5) == recorded


@pytest.mark.parametrize("table", ["request", "resp", "tape"])
def test_a_lost_row_is_noticed(tmp_path, table):
    record(tmp_path / "s", 10)
    with sqlite3.connect(tmp_path / "s") as db:
        db.execute(f"DELETE FROM {table} WHERE {'seq' if table == 'tape' else 'rowid'} = 2")
    db.close()
    with pytest.raises(CorruptError, match="missing"):
        replay(tmp_path / "s", 10)


def test_a_store_whose_last_decision_is_lost_is_noticed(tmp_path):
    record(tmp_path / "s", 10)
    with sqlite3.connect(tmp_path / "s") as db:
        db.execute("DELETE FROM tape WHERE seq = 9")
    db.close()
    with pytest.raises(CorruptError, match="has 9 decisions on its tape"):
        replay(tmp_path / "s", 9)
