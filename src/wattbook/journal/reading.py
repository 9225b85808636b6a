"""Reading a journal back: the longest part that is surely what was written, or a refusal.

Nothing read is ever executed, and nothing is allocated that the file's own size does not justify.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from wattbook.errors import CorruptError, ResourceError
from wattbook.journal.columns import CODES, fingerprint_of, schema_fault
from wattbook.journal.encoding import decode
from wattbook.journal.frames import FIRST_LINK, Frame, FrameKind, check_preamble, read_frame
from wattbook.journal.packing import canonical_json
from wattbook.messages import Stream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class JournalReading:
    """What a journal's bytes hold.

    Attributes
    ----------
    header : object
        As it was given to the journal.
    schema : tuple of Stream
    streams : dict of str to dict of str to ndarray, (rows,)
        Columns by stream and name.
    complete : bool
        True if the journal was closed.
    torn_bytes : int
        Bytes after the last whole frame of a journal that was not closed.
    fingerprint : str
        Of the rows in `streams`.
    """

    header: Any
    schema: tuple[Stream, ...]
    streams: dict[str, dict[str, NDArray[Any]]]
    complete: bool
    torn_bytes: int
    fingerprint: str


class _Walk(NamedTuple):
    """Every frame of a journal, checked but not unfolded."""

    header: Frame
    rows: list[tuple[int, Frame]]
    closing: Frame | None
    end: int


def read_journal(source: str | Path | bytes | bytearray | memoryview) -> JournalReading:
    """Read a journal from a path or from its bytes.

    Raises
    ------
    CorruptError
        If it is not a journal, of a newer version, or damaged anywhere but at a torn tail.
    ResourceError
        If there is no such file, or it cannot be read.
    """
    view, where = _load(source)
    walk = _walk(view, where)
    header, schema = _parse_header(walk.header, where)
    streams = _unfold(walk.rows, schema, where)
    rows = [len(streams[stream.name]["seq"]) for stream in schema]
    digests = [
        [hashlib.sha256(column.data).hexdigest() for column in streams[stream.name].values()] for stream in schema
    ]
    fingerprint = fingerprint_of(header, schema, rows, digests)
    if walk.closing is not None:
        _check_closing(walk.closing, dict(zip(streams, rows, strict=True)), fingerprint, where)
    return JournalReading(header, schema, streams, walk.closing is not None, len(view) - walk.end, fingerprint)


def _load(source: str | Path | bytes | bytearray | memoryview) -> tuple[memoryview, str]:
    if isinstance(source, bytes | bytearray | memoryview):
        return memoryview(source).cast("B"), "journal"
    path = Path(source)
    if not path.is_file():
        raise ResourceError(f"{path}: there is no such regular file")
    try:
        return memoryview(path.read_bytes()), str(path)
    except OSError as error:
        raise ResourceError(f"{path}: cannot be read ({error.strerror})") from error


def _walk(view: memoryview, where: str) -> _Walk:
    offset = check_preamble(view, where)
    header = read_frame(view, offset, FIRST_LINK, where)
    if header is None or header.kind != FrameKind.HEADER:
        raise CorruptError(f"{where}: offset {offset}: ends before its header does")
    rows: list[tuple[int, Frame]] = []
    last = header
    while (frame := read_frame(view, last.end, last.link, where)) is not None:
        if frame.kind == FrameKind.END:
            if frame.end != len(view):
                raise CorruptError(f"{where}: offset {frame.end}: {len(view) - frame.end} bytes after the end")
            return _Walk(header, rows, frame, frame.end)
        if frame.kind != FrameKind.ROWS:
            raise CorruptError(f"{where}: offset {last.end}: a frame of kind {frame.kind} is out of place")
        rows.append((last.end, frame))
        last = frame
    return _Walk(header, rows, None, last.end)


def _json(frame: Frame, where: str) -> Any:
    try:
        content = json.loads(bytes(frame.payload))
        canonical_json(content)  # What can be read but not written again, such as NaN, is none of ours.
    except (ValueError, RecursionError) as error:
        raise CorruptError(f"{where}: offset {frame.end - len(frame.payload)}: no JSON ({error})") from error
    return content


def _parse_header(frame: Frame, where: str) -> tuple[Any, tuple[Stream, ...]]:
    content = _json(frame, where)
    try:
        header = content["header"]
        schema = tuple(
            Stream(str(name), tuple((str(column), str(code)) for column, code in columns))
            for name, columns in content["streams"]
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptError(f"{where}: its header names no streams ({error})") from error
    if fault := schema_fault(schema):
        raise CorruptError(f"{where}: its header is unusable: {fault}")
    return header, schema


def _unfold(
    frames: Sequence[tuple[int, Frame]], schema: Sequence[Stream], where: str
) -> dict[str, dict[str, NDArray[Any]]]:
    rows = [0] * len(schema)
    for offset, frame in frames:
        # At least a byte a row: a frame cannot claim rows that it does not hold.
        if frame.stream >= len(schema) or not 0 < frame.rows <= len(frame.payload):
            raise CorruptError(f"{where}: offset {offset}: a frame of impossible rows")
        rows[frame.stream] += frame.rows
    columns = [[np.empty(n, CODES[code]) for _, code in stream.columns] for stream, n in zip(schema, rows, strict=True)]
    done = [0] * len(schema)
    for offset, frame in frames:
        first = done[frame.stream]
        done[frame.stream] = first + frame.rows
        try:
            decode(frame.payload, [column[first : first + frame.rows] for column in columns[frame.stream]], frame.rows)
        except ValueError as error:
            raise CorruptError(f"{where}: offset {offset}: rows that cannot be read: {error}") from error
    for stream, (seq, *_) in zip(schema, columns, strict=True):
        if not np.array_equal(seq, np.arange(len(seq))):
            raise CorruptError(f"{where}: stream {stream.name!r} has a gap in its seq")
    return {
        stream.name: {name: column for (name, _), column in zip(stream.columns, of, strict=True)}
        for stream, of in zip(schema, columns, strict=True)
    }


def _check_closing(frame: Frame, rows: dict[str, int], fingerprint: str, where: str) -> None:
    if _json(frame, where) != {"rows": rows, "fingerprint": fingerprint}:
        raise CorruptError(f"{where}: its rows or its fingerprint are not those that it was closed with")
