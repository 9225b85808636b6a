"""What is read is what was written, or less of it and said so, or a refusal: never anything else."""

from __future__ import annotations

import io
import os
import struct
from itertools import pairwise
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattbook.errors import CorruptError, ResourceError
from wattbook.journal import canonical_json, read_journal
from wattbook.journal.frames import FIRST_LINK, HEAD_SIZE, MAX_PAYLOAD, PREAMBLE, FrameKind, read_frame, seal


def _rows(reading):
    return {
        stream: list(zip(*(column.tolist() for column in columns.values()), strict=True))
        for stream, columns in reading.streams.items()
    }


def _frames(data):
    """Cut a journal into its frames: the offset of each, and the end."""
    offsets = [len(PREAMBLE)]
    while (frame := read_frame(memoryview(data), offsets[-1], None, "test")) is not None:
        offsets.append(frame.end)
    return offsets


def test_a_closed_journal_is_read_back_whole(written, schema, header):
    data, fingerprint = written()
    reading = read_journal(data)
    assert reading.complete
    assert reading.torn_bytes == 0
    assert reading.fingerprint == fingerprint
    assert reading.header == header
    assert reading.schema == schema
    for stream in schema:
        for name, code in stream.columns:
            assert reading.streams[stream.name][name].dtype == np.dtype(code)
            assert len(reading.streams[stream.name][name]) == 10


def test_every_prefix_opens_to_its_longest_whole_part_or_is_refused(written):
    data, _ = written()
    whole = _rows(read_journal(data))
    offsets = _frames(data)
    held = -1
    for size in range(len(data)):
        last = max((offset for offset in offsets if offset <= size), default=0)
        if last < offsets[1]:
            with pytest.raises(CorruptError, match="offset"):
                read_journal(data[:size])
            continue
        reading = read_journal(data[:size])
        assert not reading.complete
        assert reading.torn_bytes == size - last
        rows = _rows(reading)
        assert all(rows[stream] == whole[stream][: len(rows[stream])] for stream in whole)
        count = sum(len(of) for of in rows.values())
        assert count >= held
        held = count
    assert held == 20


def test_every_flipped_bit_of_a_closed_journal_is_an_error(written):
    data, _ = written(rows=6)
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(CorruptError, match="offset"):
            read_journal(damaged)


def test_every_flipped_bit_of_a_torn_journal_is_an_error_or_harmless(written):
    data, _ = written(rows=6)
    offsets = _frames(data)
    torn = data[: offsets[-1] - 9]
    rows = _rows(read_journal(torn))
    harmless = 0
    for bit in range(8 * len(torn)):
        damaged = bytearray(torn)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            reading = read_journal(damaged)
        except CorruptError:
            continue
        assert _rows(reading) == rows
        assert bit // 8 >= offsets[-2], "only what is cut off anyway may change"
        harmless += 1
    assert harmless > 0


@given(st.data())
@settings(deadline=None, max_examples=300)
def test_any_damage_gives_an_error_or_a_beginning_of_what_was_written(damaged_source, data):
    original, whole = damaged_source
    damaged = bytearray(original)
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(damaged)))
        stop = data.draw(st.integers(start, min(len(damaged), start + 64)))
        damaged[start:stop] = data.draw(st.binary(max_size=64))
    try:
        rows = _rows(read_journal(damaged))
    except CorruptError:
        return
    assert all(rows[stream] == whole[stream][: len(rows[stream])] for stream in whole)


@pytest.fixture(scope="module")
def damaged_source():
    from wattbook.journal import Journal
    from wattbook.messages import Stream

    sink = io.BytesIO()
    journal = Journal([Stream("one", (("seq", "<i8"), ("value", "<i4")))], {"a": 1}, sink, chunk_rows=4)
    journal.extend("one", {"value": np.arange(30) * 77})
    journal.close()
    data = sink.getvalue()
    return data, _rows(read_journal(data))


def test_frames_that_are_dropped_swapped_or_repeated_are_noticed(written):
    data, _ = written()
    offsets = _frames(data)
    frames = [data[a:b] for a, b in pairwise(offsets)]
    preamble = data[: offsets[0]]
    assert len(frames) >= 6
    for place in range(1, len(frames) - 1):
        dropped = frames[:place] + frames[place + 1 :]
        repeated = [*frames[: place + 1], *frames[place:]]
        swapped = [*frames[:place], frames[place + 1], frames[place], *frames[place + 2 :]]
        for order in (dropped, repeated, swapped):
            with pytest.raises(CorruptError, match="lost, repeated or moved"):
                read_journal(preamble + b"".join(order))


def test_a_corrupt_middle_names_file_offset_and_fault(written, tmp_path):
    data, _ = written()
    second = _frames(data)[2]
    for at, fault in ((second + 20, "head"), (second + HEAD_SIZE + 3, "payload")):
        path = tmp_path / f"{fault}.wbj"
        path.write_bytes(data[:at] + bytes([data[at] ^ 255]) + data[at + 1 :])
        with pytest.raises(CorruptError) as caught:
            read_journal(path)
        assert str(path) in str(caught.value)
        assert f"offset {second}" in str(caught.value)
        assert fault in str(caught.value)


def test_a_changed_payload_is_noticed_even_if_somebody_mended_the_checksums(written):
    data, _ = written()
    for start, end in pairwise(_frames(data)):
        payload = data[start + HEAD_SIZE : end - 1] + bytes([data[end - 1] ^ 1])
        head = data[start : start + 20] + struct.pack("<I", crc32(payload)) + data[start + 24 : start + 40]
        forged = data[:start] + head + struct.pack("<I", crc32(head)) + payload + data[end:]
        with pytest.raises(CorruptError, match="lost, repeated or moved"):
            read_journal(forged)


def test_damage_that_a_crc_cannot_see_is_noticed(written):
    data, _ = written()
    # A multiple of the CRC's own polynomial: any payload keeps its CRC-32 under it.
    unseen = ((0xEDB88320 << 1) | 1).to_bytes(5, "little")
    for start, end in pairwise(_frames(data)):
        at = start + HEAD_SIZE + 2
        damaged = bytearray(data)
        damaged[at : at + 5] = bytes(a ^ b for a, b in zip(data[at : at + 5], unseen, strict=True))
        assert crc32(damaged[start + HEAD_SIZE : end]) == crc32(data[start + HEAD_SIZE : end])
        with pytest.raises(CorruptError, match="lost, repeated or moved"):
            read_journal(damaged)


def test_what_follows_the_end_is_refused(written):
    data, _ = written()
    with pytest.raises(CorruptError, match="1 bytes after the end"):
        read_journal(data + b"\0")


def test_another_format_and_another_version_are_refused(written):
    data, _ = written()
    with pytest.raises(CorruptError, match="not a wattbook journal"):
        read_journal(b"PAR1" + data)
    with pytest.raises(CorruptError, match="not a wattbook journal"):
        read_journal(b"")
    with pytest.raises(CorruptError, match="newer than 2"):
        read_journal(data[:8] + struct.pack("<H", 3) + data[10:])
    for version in (0, 1):
        with pytest.raises(CorruptError, match=f"no format version {version}"):
            read_journal(data[:8] + struct.pack("<H", version) + data[10:])


def test_a_text_mode_copy_is_noticed(written):
    data, _ = written()
    with pytest.raises(CorruptError):
        read_journal(data.replace(b"\r\n", b"\n"))


def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "missing", "."):
        with pytest.raises(ResourceError, match="no such regular file"):
            read_journal(tmp_path / name)


# --- forgeries: frames with sound checksums that no journal writes ---

_ONE = [["one", [["seq", "<i8"], ["value", "<i1"]]]]
_ENTRY = struct.Struct("<Bqq")
_STEPS = 128


def _forged(*frames, streams=_ONE):
    content = canonical_json({"header": {}, "streams": streams})
    data, link = PREAMBLE, FIRST_LINK
    for kind, stream, rows, payload in ((FrameKind.HEADER, 0, 0, content), *frames):
        head, link = seal(kind, stream, rows, payload, link)
        data += head + payload
    return data


def _payload(*blocks):
    """Blocks given as form, least, values, and the first value where steps are written."""
    entries = [_ENTRY.pack(form, least, *(first or (0,))) for form, least, _, *first in blocks]
    return b"".join((*entries, *(values for _, _, values, *_ in blocks)))


def test_a_forged_frame_that_is_sound_is_read():
    payload = _payload((1, 0, b"\0\1"), (1, -3, b"\0\5"))
    reading = read_journal(_forged((FrameKind.ROWS, 0, 2, payload)))
    assert reading.streams["one"]["value"].tolist() == [-3, 2]


def test_steps_and_what_takes_no_room_are_read():
    payload = _payload((_STEPS, 1, b"", 0), (1 | _STEPS, -3, b"\0\5\1", 7)) + b""
    assert read_journal(_forged((FrameKind.ROWS, 0, 3, payload))).streams["one"]["value"].tolist() == [7, 9, 7]


def test_a_frame_of_which_nothing_takes_room_is_filled_up():
    rows = 100
    payload = _payload((_STEPS, 1, b"", 0), (0, 5, b""))
    padded = payload.ljust(rows, b"\0")
    assert read_journal(_forged((FrameKind.ROWS, 0, rows, padded))).streams["one"]["value"].tolist() == [5] * rows
    for wrong, fault in ((padded[:-1], "impossible rows"), (padded + b"\0", "no column"), (padded[:-1] + b"x", "no c")):
        with pytest.raises(CorruptError, match=fault):
            read_journal(_forged((FrameKind.ROWS, 0, rows, wrong)))


@pytest.mark.parametrize(
    ("frame", "fault"),
    [
        ((FrameKind.ROWS, 0, 1 << 24, b"x" * 99), "impossible rows"),
        ((FrameKind.ROWS, 0, (1 << 24) + 1, b"x" * 99), "none of ours"),
        ((FrameKind.ROWS, 1, 1, b"x" * 99), "impossible rows"),
        ((FrameKind.ROWS, 0, 0, b"xx"), "impossible rows"),
        ((FrameKind.ROWS, 0, 1, b"xx"), "too short"),
        ((FrameKind.ROWS, 0, 1, _payload((1, 0, b"\0", 3), (1, 0, b"\0"))), "no steps"),
        ((FrameKind.ROWS, 0, 2, _payload((_STEPS, 1, b"", 0), (_STEPS | 2, 0, b"\0" * 4, 0))), "in a column of 1"),
        ((FrameKind.ROWS, 0, 1, _payload((3, 0, b"\0\0\0"), (1, 0, b"\0"))), "3 bytes a value"),
        ((FrameKind.ROWS, 0, 1, _payload((1, 0, b"\0"), (2, 0, b"\0\0"))), "2 bytes a value in a column of 1"),
        ((FrameKind.ROWS, 0, 2, _payload((1, 0, b"\0\1"), (1, 0, b"\0"))), "fewer values"),
        ((FrameKind.ROWS, 0, 1, _payload((1, 0, b"\0"), (1, 0, b"\0\0"))), "belong to no column"),
        ((FrameKind.ROWS, 0, 2, _payload((1, 0, b"\0\2"), (1, 0, b"\0\0"))), "gap in its seq"),
        ((FrameKind.HEADER, 0, 0, b"{}"), "out of place"),
        ((9, 0, 0, b"{}"), "out of place"),
        ((FrameKind.END, 0, 0, b"{"), "no JSON"),
        ((FrameKind.END, 0, 0, b"[" * 100_000), "no JSON"),
        ((FrameKind.END, 0, 0, b'{"rows":{"one":1},"fingerprint":""}'), "not those that it was closed with"),
    ],
)
def test_forged_frames_are_refused_without_great_allocations(frame, fault):
    with pytest.raises(CorruptError, match=fault):
        read_journal(_forged(frame))


@pytest.mark.parametrize(
    "streams",
    [
        None,
        [["one"]],
        [["one", [["seq", "|O"]]]],
        [["one", [["seq", "<i8"], ["x", "|O"]]]],
        [["one", [["seq", "<i8"], ["x", "<i8", "<i8"]]]],
        [["one", [["seq", "<i8"]]], ["one", [["seq", "<i8"]]]],
        [["one", [["seq", "<i8"], *([f"c{i}", "<i8"] for i in range(64))]]],
    ],
)
def test_forged_headers_are_refused(streams):
    with pytest.raises(CorruptError, match="header"):
        read_journal(_forged(streams=streams))


@pytest.mark.parametrize("header", [b"NaN", b"1e999", b'"\\ud800"'])
def test_a_header_that_cannot_be_written_again_is_refused(header):
    content = b'{"header":%b,"streams":%b}' % (header, canonical_json(_ONE))
    head, _ = seal(FrameKind.HEADER, 0, 0, content, FIRST_LINK)
    with pytest.raises(CorruptError, match="no JSON"):
        read_journal(PREAMBLE + head + content)


def test_a_head_that_claims_an_enormous_payload_is_refused():
    fields = struct.pack("<4sBxHIQI", b"WBFr", FrameKind.ROWS, 0, 1, MAX_PAYLOAD + 1, 0) + bytes(16)
    with pytest.raises(CorruptError, match="none of ours"):
        read_journal(_forged() + fields + struct.pack("<I", crc32(fields)))
