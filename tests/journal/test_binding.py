"""Both ways of making a frame give the same bytes, and hashes go on as if rows had never been cut into chunks."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattbook.journal import kernel
from wattbook.journal.binding import CompiledBinder, PlainBinder, binder_of
from wattbook.journal.columns import CODES, decode
from wattbook.journal.frames import FIRST_LINK, read_frame
from wattbook.messages import STREAMS, Stream

needs_instructions = pytest.mark.skipif(not kernel.IS_ABLE, reason="this processor has no instructions for SHA-256")
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
        columns.append(column)
    return columns


@needs_instructions
@given(st.lists(st.integers(1, 300), min_size=1, max_size=6), st.integers(0, 1 << 32), st.sampled_from((ALL, *STREAMS)))
@settings(deadline=None, max_examples=60)
def test_the_compiled_binder_gives_the_bytes_of_the_plain_one(counts, seed, stream):
    plain, compiled = PlainBinder(3, stream), CompiledBinder(3, stream)
    links = [FIRST_LINK, FIRST_LINK]
    for i, count in enumerate(counts):
        rows = _rows(stream, count, seed + i)
        assert compiled.digests(rows) == plain.digests(rows)
        frames = []
        for k, binder in enumerate((plain, compiled)):
            frame, links[k] = binder.bind(rows, links[k])
            frames.append(bytes(frame))
            binder.keep(rows)
        assert frames[0] == frames[1]
        assert links[0] == links[1]
    nothing = [column[:0] for column in rows]
    assert compiled.digests(nothing) == plain.digests(nothing)


@needs_instructions
def test_a_frame_that_was_not_written_leaves_no_trace_in_the_hashes():
    binder, rows = CompiledBinder(0, ALL), _rows(ALL, 100, 1)
    before = binder.digests([column[:0] for column in rows])
    binder.bind(rows, FIRST_LINK)
    assert binder.digests([column[:0] for column in rows]) == before


@needs_instructions
def test_a_column_of_another_type_or_with_gaps_is_no_column():
    binder, rows = CompiledBinder(0, ALL), _rows(ALL, 10, 1)
    with pytest.raises(AssertionError, match="in the place of"):
        binder.bind([rows[0].astype(np.int32), *rows[1:]], FIRST_LINK)
    with pytest.raises(AssertionError, match="gaps"):
        binder.bind([column[::2] for column in rows], FIRST_LINK)


def test_a_bound_frame_is_read_back():
    binder, rows = binder_of(5, ALL), _rows(ALL, 1000, 2)
    frame, link = binder.bind(rows, FIRST_LINK)
    read = read_frame(memoryview(frame), 0, FIRST_LINK, "here")
    assert (read.stream, read.rows, read.link, read.end) == (5, 1000, link, len(frame))
    back = [np.empty_like(column) for column in rows]
    decode(read.payload, back, read.rows)
    assert all(np.array_equal(one, other) for one, other in zip(rows, back, strict=True))


@pytest.mark.parametrize("kind", [PlainBinder, pytest.param(CompiledBinder, marks=needs_instructions)])
def test_a_gap_in_counting_is_seen(kind):
    binder, seq = kind(0, ALL), np.arange(7, 107)
    assert binder.counts(seq, 7)
    assert binder.counts(seq[:0], 3)
    assert not binder.counts(seq, 8)
    for place in (0, 50, 99):
        wrong = seq.copy()
        wrong[place] += 1
        assert not binder.counts(wrong, 7)


@needs_instructions
@given(st.lists(st.lists(st.binary(max_size=200), min_size=1, max_size=9), min_size=1, max_size=5))
@settings(deadline=None, max_examples=80)
def test_hashes_side_by_side_are_those_of_the_standard_library(messages):
    """Each of `messages` is a list of hashes' parts; short lists are filled up, so that lengths differ."""
    width = max(map(len, messages))
    states = np.array([kernel.FIRST_STATE] * width, np.uint32)
    pending, filled = np.zeros((width, kernel.BLOCK), np.uint8), np.zeros(width, np.int64)
    whole = [b""] * width
    for parts in messages:
        arrays = [np.frombuffer(part, np.uint8) for part in (*parts, *[b"abc"] * (width - len(parts)))]
        whole = [before + array.tobytes() for before, array in zip(whole, arrays, strict=True)]
        addresses = np.array([array.ctypes.data for array in arrays], np.int64)
        kernel.absorb(states, pending, filled, addresses, np.array([len(array) for array in arrays], np.int64))
    for i, message in enumerate(whole):
        ending = b"\x80" + bytes(-(len(message) + 9) % 64) + (8 * len(message)).to_bytes(8, "big")
        array = np.frombuffer(ending, np.uint8)
        mine = slice(i, i + 1)
        kernel.absorb(states[mine], pending[mine], filled[mine], np.array([array.ctypes.data]), np.array([len(array)]))
        digest = states[i][list(kernel.IN_ORDER)].astype(">u4").tobytes()
        assert digest == hashlib.sha256(message).digest()
        assert filled[i] == 0
