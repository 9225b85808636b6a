"""Rows go in by three ways, come out as they were, and a journal that cannot be written says so."""

from __future__ import annotations

import errno
import gc
import io
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattbook.errors import CorruptError, ResourceError
from wattbook.journal import Journal, read_journal
from wattbook.messages import STREAMS, Stream


def test_a_row_appended_by_name_is_read_back(schema, header):
    journal = Journal(schema, header)
    assert journal.append("ticks", price_tick=-40, book=3, flag=-1) == 0
    assert journal.append("ticks", price_tick=12_000, book=0, flag=1) == 1
    assert journal.append("notes", agent=7) == 0
    assert journal.rows == {"ticks": 2, "notes": 1}
    assert {name: column.tolist() for name, column in journal.read("ticks").items()} == {
        "seq": [0, 1], "price_tick": [-40, 12_000], "book": [3, 0], "flag": [-1, 1],
    }  # fmt: skip
    journal.check()


@pytest.mark.parametrize("chunk_rows", [1, 2, 7, 64])
def test_every_way_of_appending_gives_the_same_journal(schema, header, chunk_rows):
    prices = np.array([5, -(1 << 63), (1 << 63) - 1, 0, 77, 8, -9])
    by_row, by_array, by_kernel = (Journal(schema, header, chunk_rows=chunk_rows) for _ in range(3))
    for price in prices.tolist():
        by_row.append("ticks", price_tick=price, book=-32768, flag=127)
    n = len(prices)
    by_array.extend("ticks", {"price_tick": prices, "book": np.full(n, -32768), "flag": np.full(n, 127)})
    chunk = by_kernel.chunk("ticks", n)
    for price in prices:
        row = chunk.fill[0]
        for column, value in zip(chunk.columns, (chunk.fill[1], price, -32768, 127), strict=True):
            column[row] = value
        chunk.fill += 1
    assert by_row.fingerprint() == by_array.fingerprint() == by_kernel.fingerprint()
    for journal in (by_row, by_array, by_kernel):
        journal.check()
        assert journal.read("ticks")["price_tick"].tolist() == prices.tolist()


def test_a_chunk_stays_the_same_arrays_until_it_must_grow(schema, header):
    journal = Journal(schema, header, chunk_rows=4)
    chunk = journal.chunk("ticks", 4)
    columns = chunk.columns
    chunk.fill += 4
    assert journal.chunk("ticks", 3).columns is columns
    assert chunk.fill.tolist() == [0, 4]
    assert columns[0].tolist() == [4, 5, 6, 7]
    chunk.fill += 1
    assert journal.chunk("ticks", 9) is chunk
    assert chunk.capacity == 9
    chunk.fill += 9
    journal.check()
    assert journal.read("ticks")["seq"].tolist() == list(range(14))


@given(
    st.integers(1, 9),
    st.lists(
        st.one_of(st.lists(st.integers(-(1 << 63), (1 << 63) - 1), max_size=12), st.just("flush"), st.just("read")),
        max_size=12,
    ),
)
@settings(deadline=None, max_examples=60)
def test_a_journal_holds_what_a_list_would_hold(chunk_rows, steps):
    stream = Stream("one", (("seq", "<i8"), ("value", "<i8")))
    sink = io.BytesIO()
    journal = Journal([stream], {}, sink, chunk_rows=chunk_rows)
    model: list[int] = []
    for step in steps:
        if step == "flush":
            journal.flush()
        elif step == "read":
            assert journal.read("one")["value"].tolist() == model
        else:
            assert journal.extend("one", {"value": np.array(step, np.int64)}) == len(model)
            model += step
        journal.check()
    assert journal.rows == {"one": len(model)}
    journal.close()
    reading = read_journal(sink.getvalue())
    assert reading.complete
    assert reading.streams["one"]["value"].tolist() == model
    assert reading.fingerprint == journal.fingerprint()


@given(st.data())
@settings(deadline=None, max_examples=60)
def test_every_column_type_keeps_every_value(data):
    codes = ("<i1", "<i2", "<i4", "<i8")
    stream = Stream("all", (("seq", "<i8"), *((code[1:], code) for code in codes)))
    columns = {}
    count = data.draw(st.integers(1, 8))
    for code in codes:
        low, high = int(np.iinfo(code).min), int(np.iinfo(code).max)
        base = data.draw(st.integers(low, high))
        near = st.integers(max(low, base - 300), min(high, base + 300))
        values = st.one_of(near, st.integers(low, high), st.sampled_from([low, high]))
        columns[code[1:]] = np.array(data.draw(st.lists(values, min_size=count, max_size=count)), np.int64)
    journal = Journal([stream], {})
    journal.extend("all", columns)
    journal.flush()
    read = journal.read("all")
    for name, column in columns.items():
        assert read[name].dtype == np.dtype(f"<{name}")
        assert read[name].tolist() == column.tolist()


@pytest.mark.parametrize(
    ("columns", "fault"),
    [
        ({"agent": [1]}, "are not its columns"),
        ({"price_tick": [1], "book": [1, 2], "flag": [1]}, "unequal shapes"),
        ({"price_tick": [1], "book": [32768], "flag": [1]}, "does not fit"),
        ({"price_tick": [1], "book": [1], "flag": [-129]}, "does not fit"),
        ({"price_tick": np.array([1 << 63], np.uint64), "book": [1], "flag": [1]}, "does not fit"),
        ({"price_tick": [1.0], "book": [1], "flag": [1]}, "whole numbers"),
        ({"price_tick": [True], "book": [1], "flag": [1]}, "whole numbers"),
        ({"price_tick": [[1]], "book": [[1]], "flag": [[1]]}, "no column"),
    ],
)
def test_columns_that_do_not_fit_are_refused_before_any_row_is_taken(schema, header, columns, fault):
    journal = Journal(schema, header)
    before = journal.fingerprint()
    with pytest.raises(AssertionError, match=fault):
        journal.extend("ticks", {name: np.asarray(values) for name, values in columns.items()})
    assert journal.fingerprint() == before
    assert journal.rows == {"ticks": 0, "notes": 0}


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"price_tick": 1, "book": 1}, AssertionError),
        ({"price_tick": 1, "book": 1, "flag": 1, "seq": 0}, AssertionError),
        ({"price_tick": 1, "book": 1, "flag": 128}, AssertionError),
        ({"price_tick": 1 << 63, "book": 1, "flag": 1}, AssertionError),
        ({"price_tick": 1.5, "book": 1, "flag": 1}, TypeError),
    ],
)
def test_a_row_that_does_not_fit_is_refused(schema, header, values, error):
    journal = Journal(schema, header)
    with pytest.raises(error):
        journal.append("ticks", **values)
    assert journal.rows["ticks"] == 0


@pytest.mark.parametrize(
    "streams",
    [
        [Stream("a", (("value", "<i8"),))],
        [Stream("a", (("seq", "<i4"),))],
        [Stream("a", (("seq", "<i8"), ("x", "<f8")))],
        [Stream("a", (("seq", "<i8"), ("x", "|O")))],
        [Stream("a", (("seq", "<i8"), ("seq", "<i8")))],
        [Stream("a", (("seq", "<i8"),)), Stream("a", (("seq", "<i8"),))],
    ],
)
def test_a_schema_that_cannot_be_written_is_refused(streams):
    with pytest.raises(AssertionError):
        Journal(streams, {})


def test_the_streams_of_the_house_make_a_journal():
    journal = Journal(STREAMS, {})
    assert list(journal.rows) == [stream.name for stream in STREAMS]


@pytest.mark.parametrize("damage", ["seq", "fill", "next"])
def test_a_kernel_that_counts_wrong_is_found_out(schema, header, damage):
    journal = Journal(schema, header, chunk_rows=4)
    chunk = journal.chunk("ticks", 2)
    chunk.fill += 2
    if damage == "seq":
        chunk.columns[0][1] = 9
    elif damage == "fill":
        chunk.fill += 3
    else:
        chunk.fill[1] += 1
    with pytest.raises(AssertionError):
        journal.check()
    with pytest.raises(AssertionError):
        journal.flush()


def test_a_journal_that_outgrows_memory_is_read_back_from_its_temporary_file(schema, header, fill, monkeypatch):
    monkeypatch.setattr("wattbook.journal.writing._SPOOL_BYTES", 1_000)
    journal = Journal(schema, header, chunk_rows=16)
    for salt in range(20):
        fill(journal, 50, salt)
        assert len(journal.read("ticks")["seq"]) == 50 * (salt + 1)
    journal.close()
    assert journal.read("notes")["seq"].tolist() == list(range(1_000))


def test_a_closed_journal_takes_no_more_but_can_be_read(schema, header, fill, tmp_path):
    path = tmp_path / "journal.wbj"
    with Journal(schema, header, path, chunk_rows=4) as journal:
        fill(journal, 10)
    journal.close()
    reading = read_journal(path)
    assert reading.complete
    assert reading.fingerprint == journal.fingerprint()
    assert journal.read("ticks")["book"].tolist() == reading.streams["ticks"]["book"].tolist()
    with pytest.raises(AssertionError, match="closed"):
        journal.append("notes", agent=1)


def test_a_run_that_fails_leaves_an_incomplete_journal(schema, header, fill, tmp_path):
    path = tmp_path / "journal.wbj"

    def fail():
        with Journal(schema, header, path, chunk_rows=4) as journal:
            fill(journal, 10)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    reading = read_journal(path)
    assert not reading.complete
    assert len(reading.streams["ticks"]["seq"]) == 8


def test_a_dropped_journal_leaves_no_open_file(schema, header, fill, tmp_path):
    journal = Journal(schema, header, tmp_path / "journal.wbj", chunk_rows=4)
    fill(journal, 10)
    sink = journal._sink
    del journal
    gc.collect()
    assert sink.closed


def test_an_existing_file_is_never_overwritten(schema, header, tmp_path):
    path = tmp_path / "journal.wbj"
    path.write_bytes(b"precious")
    with pytest.raises(ResourceError, match="never overwritten"):
        Journal(schema, header, path)
    assert path.read_bytes() == b"precious"
    with pytest.raises(ResourceError, match="cannot be written"):
        Journal(schema, header, tmp_path / "nowhere" / "journal.wbj")


class _SmallDisk(io.BytesIO):
    """Takes at most three bytes a call, and `room` in all."""

    def __init__(self, room):
        super().__init__()
        self.room = room

    def write(self, data):
        piece = bytes(data[: min(3, self.room)])
        if not piece:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.room -= len(piece)
        return super().write(piece)


def test_a_full_disk_stops_the_journal_and_leaves_its_longest_whole_part(schema, header, fill, written):
    whole, _ = written()
    for room in range(len(whole)):
        disk = _SmallDisk(room)
        journal = None
        with pytest.raises(ResourceError, match="No space"):  # noqa: PT012  # any of the writes may be the one
            journal = Journal(schema, header, disk, chunk_rows=4)
            fill(journal, 10)
            journal.close()
        assert disk.getvalue() == whole[:room]
        if journal is not None:
            with pytest.raises(ResourceError, match="failed before"):
                journal.append("notes", agent=1)
            assert not journal.closed


def test_a_sink_that_takes_a_few_bytes_at_a_time_gets_them_all(schema, header, fill, written):
    disk = _SmallDisk(1 << 20)
    journal = Journal(schema, header, disk, chunk_rows=4)
    fill(journal, 10)
    journal.close()
    assert disk.getvalue() == written()[0]


def test_damage_under_a_live_journal_is_noticed_when_it_reads(schema, header, fill):
    sink = io.BytesIO()
    journal = Journal(schema, header, sink, chunk_rows=4)
    fill(journal, 10)
    sink.getbuffer()[-1] ^= 1
    with pytest.raises(CorruptError, match="payload"):
        journal.read("notes")


def test_a_journal_may_follow_other_bytes_in_a_file(schema, header, fill, written):
    sink = io.BytesIO(b"before")
    sink.seek(6)
    journal = Journal(schema, header, sink, chunk_rows=4)
    fill(journal, 10)
    assert len(journal.read("ticks")["seq"]) == 10
    journal.close()
    assert sink.getvalue() == b"before" + written()[0]


_KILLED = """
import os, sys
from wattbook.journal import Journal
from wattbook.messages import Stream
journal = Journal([Stream("one", (("seq", "<i8"), ("value", "<i8")))], {}, sys.argv[1], chunk_rows=8)
for value in range(100):
    journal.append("one", value=value)
os._exit(9)
"""


def test_a_killed_writer_leaves_every_frame_that_it_flushed(tmp_path):
    path = tmp_path / "journal.wbj"
    done = subprocess.run([sys.executable, "-c", _KILLED, str(path)], check=False, env=os.environ)
    assert done.returncode == 9
    reading = read_journal(path)
    assert not reading.complete
    assert reading.streams["one"]["value"].tolist() == list(range(96))
