"""A journal that is written down again: the same bytes as when it was written row by row."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from wattbook.errors import ResourceError
from wattbook.journal import FRAME_ROWS, Journal, read_journal, write_journal
from wattbook.messages import Stream

STREAMS = (
    Stream("notes", (("seq", "<i8"), ("pitch", "<i2"), ("length", "<i8"))),
    Stream("rests", (("seq", "<i8"), ("length", "<i4"))),
)


def filled(rows, sink=None):
    journal = Journal(STREAMS, {"key": "a"}, sink=sink, chunk_rows=FRAME_ROWS)
    dice = np.random.default_rng(rows)
    for name, count in zip(("notes", "rests"), (rows, rows // 3), strict=True):
        columns = dict(next(stream for stream in STREAMS if stream.name == name).columns)
        journal.extend(
            name,
            {key: dice.integers(-100, 30_000, count).astype(code) for key, code in columns.items() if key != "seq"},
        )
    return journal


def pieces(journal):
    def blocks(name):
        columns = journal.read(name)
        for first in range(0, len(columns["seq"]), FRAME_ROWS):
            yield {key: column[first : first + FRAME_ROWS] for key, column in columns.items()}

    return blocks


@pytest.mark.parametrize("rows", [0, 1, FRAME_ROWS - 1, FRAME_ROWS, FRAME_ROWS + 1, 4 * FRAME_ROWS + 7])
def test_a_copy_has_the_bytes_of_a_journal_written_row_by_row(tmp_path, rows):
    journal = filled(rows, tmp_path / "first.wbj")
    journal.close()
    written = write_journal(tmp_path / "second.wbj", STREAMS, journal.header, pieces(journal), journal.fingerprint())
    first, second = ((tmp_path / name).read_bytes() for name in ("first.wbj", "second.wbj"))
    assert first == second
    assert (written.size, written.digest.digest()) == (len(first), hashlib.sha256(first).digest())
    assert read_journal(second).complete


def test_a_copy_without_a_fingerprint_stays_incomplete(tmp_path):
    journal = filled(100)
    write_journal(tmp_path / "part.wbj", STREAMS, journal.header, pieces(journal), None)
    reading = read_journal(tmp_path / "part.wbj")
    assert not reading.complete
    assert reading.torn_bytes == 0
    assert reading.fingerprint == journal.fingerprint()


def test_a_wrong_fingerprint_is_found_by_whoever_reads(tmp_path):
    journal = filled(100)
    write_journal(tmp_path / "wrong.wbj", STREAMS, journal.header, pieces(journal), "0" * 64)
    with pytest.raises(Exception, match="fingerprint"):
        read_journal(tmp_path / "wrong.wbj")


@pytest.mark.parametrize("fault", ["gap", "type", "short block", "shape"])
def test_rows_that_are_no_journal_are_refused(tmp_path, fault):
    journal = filled(2 * FRAME_ROWS)

    def bent(name):
        for number, block in enumerate(pieces(journal)(name)):
            if fault == "gap" and number:
                block["seq"] = block["seq"] + 1
            elif fault == "type":
                block["length"] = block["length"].astype(np.int16)
            elif fault == "short block":
                block.update({key: column[:-1] for key, column in block.items()})
            elif fault == "shape":
                block["length"] = block["length"][:-1]
            yield block

    with pytest.raises(AssertionError):
        write_journal(tmp_path / "bent.wbj", STREAMS, journal.header, bent, journal.fingerprint())


def test_a_taken_path_is_never_overwritten(tmp_path):
    (tmp_path / "taken.wbj").write_bytes(b"precious")
    with pytest.raises(ResourceError, match="never overwritten"):
        write_journal(tmp_path / "taken.wbj", STREAMS, {}, lambda name: iter(()), None)
    assert (tmp_path / "taken.wbj").read_bytes() == b"precious"


@pytest.mark.parametrize("only", [("seq",), ("length",), ("length", "seq")])
def test_columns_that_are_not_asked_for_are_passed_over(only):
    journal = filled(FRAME_ROWS + 5)
    whole = journal.read("notes")
    parts = list(journal.blocks("notes", only))
    assert all(set(part) == set(only) for part in parts)
    for name in only:
        assert np.array_equal(np.concatenate([part[name] for part in parts]), whole[name])
