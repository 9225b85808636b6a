"""A frame made while a run goes on has the bytes that its definition gives, and hashes go on over all chunks."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattbook.errors import CorruptError
from wattbook.journal.binding import Binder
from wattbook.journal.columns import CODES
from wattbook.journal.encoding import BLOCK_ROWS, decode, encode
from wattbook.journal.frames import FIRST_LINK, HEAD_SIZE, FrameKind, read_frame, seal
from wattbook.messages import STREAMS, Stream

ALL = Stream("all", (("seq", "<i8"), *((f"{code[1:]}_{i}", code) for code in CODES for i in range(3))))


def _rows(stream, count, seed):
    """Columns whose spreads need every width, some of them constant, with the extremes of their types among them."""
    rng = np.random.default_rng(seed)
    columns = []
    for _, code in stream.columns:
        info = np.iinfo(code)
        bits = int(rng.integers(0, info.bits + 1))
        low = int(rng.integers(info.min, info.max, endpoint=True))
        column = rng.integers(low, min(low + (1 << bits), info.max), count, dtype=code, endpoint=True)
        if rng.integers(4) == 0:
            column[rng.integers(count)], column[rng.integers(count)] = info.min, info.max
        if rng.integers(3) == 0:
            # What goes on in small steps, beyond its type's ends if need be.
            column = np.cumsum(rng.integers(-3, 1 << int(rng.integers(1, 7)), count), dtype=code)
        columns.append(column)
    return columns


@given(st.lists(st.integers(1, 300), min_size=1, max_size=6), st.integers(0, 1 << 32), st.sampled_from((ALL, *STREAMS)))
@settings(deadline=None, max_examples=60)
def test_frames_and_digests_are_what_their_definition_gives(counts, seed, stream):
    binder, links = Binder(3, stream), [FIRST_LINK, FIRST_LINK]
    whole = [hashlib.sha256() for _ in stream.columns]
    for i, count in enumerate(counts):
        rows = _rows(stream, count, seed + i)
        frame, links[0] = binder.bind(rows, links[0])
        payload = encode(rows)
        head, links[1] = seal(FrameKind.ROWS, 3, count, payload, links[1])
        assert bytes(frame) == head + payload
        assert links[0] == links[1]
        for digest, column in zip(whole, rows, strict=True):
            digest.update(column.tobytes())
        assert binder.digests(rows) == [digest.hexdigest() for digest in whole]
        binder.keep(rows)
    assert binder.digests([column[:0] for column in rows]) == [digest.hexdigest() for digest in whole]


def test_a_frame_that_was_not_written_leaves_no_trace_in_the_hashes():
    binder, rows = Binder(0, ALL), _rows(ALL, 100, 1)
    before = binder.digests([column[:0] for column in rows])
    binder.bind(rows, FIRST_LINK)
    assert binder.digests([column[:0] for column in rows]) == before


def test_a_column_of_another_type_or_with_gaps_is_no_column():
    binder, rows = Binder(0, ALL), _rows(ALL, 10, 1)
    with pytest.raises(AssertionError, match="in the place of"):
        binder.bind([rows[0].astype(np.int32), *rows[1:]], FIRST_LINK)
    with pytest.raises(AssertionError, match="gaps"):
        binder.bind([column[::2] for column in rows], FIRST_LINK)


def test_a_bound_frame_is_read_back():
    binder, rows = Binder(5, ALL), _rows(ALL, 1000, 2)
    frame, link = binder.bind(rows, FIRST_LINK)
    read = read_frame(memoryview(frame), 0, FIRST_LINK, "here")
    assert (read.stream, read.rows, read.link, read.end) == (5, 1000, link, len(frame))
    back = [np.empty_like(column) for column in rows]
    decode(read.payload, back, read.rows)
    assert all(np.array_equal(one, other) for one, other in zip(rows, back, strict=True))


def test_columns_longer_than_a_block_are_what_their_definition_gives():
    count = 2 * BLOCK_ROWS + 5
    rng = np.random.default_rng(4)
    rows = [
        np.arange(7, 7 + count), np.full(count, -3, np.int8), np.repeat(np.arange(6, dtype=np.int16), count)[:count],
        np.cumsum(rng.integers(0, 1 << 40, count)), rng.integers(-5, 5, count, dtype=np.int32),
    ]  # fmt: skip
    rows[4][BLOCK_ROWS + 3] = 1 << 30
    stream = Stream("long", tuple((f"c{i}", f"<i{column.itemsize}") for i, column in enumerate(rows)))
    frame, _ = Binder(0, stream).bind(rows, None)
    payload = encode(rows)
    assert bytes(frame)[HEAD_SIZE:] == payload
    # Counting on and staying the same take no room; steps of 40 bits take 8 bytes, small numbers one, and four where
    # one of the block is great.
    assert len(payload) == 17 * 5 * 3 + 8 * count + count + 3 * BLOCK_ROWS
    back = [np.empty_like(column) for column in rows]
    decode(memoryview(payload), back, count)
    assert all(np.array_equal(one, other) for one, other in zip(rows, back, strict=True))
    third = [None, None, None, None, back[4][::-1].copy()]
    decode(memoryview(payload), third, count)
    assert np.array_equal(third[4], rows[4])


def test_a_gap_in_counting_is_seen():
    binder, seq = Binder(0, ALL), np.arange(7, 107)
    assert binder.counts(seq, 7)
    assert binder.counts(seq[:0], 3)
    assert not binder.counts(seq, 8)
    for place in (0, 50, 99):
        wrong = seq.copy()
        wrong[place] += 1
        assert not binder.counts(wrong, 7)


def test_frames_that_nobody_else_reads_are_not_linked_and_still_guarded():
    binder, rows = Binder(5, ALL), _rows(ALL, 100, 3)
    frame = bytearray(binder.bind(rows, None)[0])
    assert read_frame(memoryview(frame), 0, None, "here").rows == 100
    frame[-1] ^= 1
    with pytest.raises(CorruptError, match="damaged"):
        read_frame(memoryview(frame), 0, None, "here")
