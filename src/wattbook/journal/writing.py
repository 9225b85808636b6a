"""Writing a journal: one re-used chunk of columns a stream, running hashes, frames to a file or to memory.

Rows are counted and hashed column by column as they leave their chunk, so neither the size of a chunk nor the
moment of a flush leaves a trace in the fingerprint.
"""

from __future__ import annotations

import json
import operator
import os
import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple, cast

import numpy as np

from wattbook.errors import ResourceError
from wattbook.journal.columns import BOUNDS, CODES, fingerprint_of, schema_fault
from wattbook.journal.encoding import decode
from wattbook.journal.frames import FIRST_LINK, MAX_ROWS, PREAMBLE, Frame, FrameKind, read_frame, seal
from wattbook.journal.packing import canonical_json

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from numpy.typing import NDArray

    from wattbook.messages import Stream

_SPOOL_BYTES: Final = 1 << 24
"""An in-memory journal moves to a temporary file when its frames outgrow this."""


class Chunk:
    """Room for rows of one stream, to be filled by a kernel.

    Write row ``fill[0]`` of each column, then add 1 to both numbers of `fill`. The seq column is filled already;
    writing ``fill[1]`` there changes nothing.

    Attributes
    ----------
    columns : tuple of ndarray, each (capacity,)
        In the schema's order, contiguous. They stay the same arrays until somebody asks for more rows than fit.
    fill : ndarray of int64, (2,)
        Rows used, next seq.
    """

    __slots__ = ("columns", "fill")

    columns: tuple[NDArray[Any], ...]
    fill: NDArray[np.int64]

    def __init__(self, stream: Stream, capacity: int) -> None:
        self.fill = np.zeros(2, np.int64)
        self.grow(stream, capacity)

    @property
    def capacity(self) -> int:
        """Rows that fit."""
        return len(self.columns[0])

    def grow(self, stream: Stream, capacity: int) -> None:
        """Replace the columns by longer, empty ones."""
        assert self.fill[0] == 0, "a chunk grows when it is empty"
        self.columns = tuple(np.zeros(capacity, CODES[code]) for _, code in stream.columns)
        self.columns[0][:] = np.arange(capacity)
        self.empty()

    def empty(self) -> None:
        """Take back all rows and number the room that follows."""
        self.columns[0][:] += self.fill[1] - self.columns[0][0]
        self.fill[0] = 0

    def rows(self) -> list[NDArray[Any]]:
        """Give views of the used part of each column, (rows used,)."""
        used = int(self.fill[0])
        return [column[:used] for column in self.columns]

    def check(self, flushed: int) -> None:
        """Assert that a chunk after `flushed` earlier rows counts as it should."""
        used, following = (int(number) for number in self.fill)
        assert 0 <= used <= self.capacity, f"{used} rows in a chunk of {self.capacity}"
        assert following == flushed + used, f"next seq is {following} after {flushed} + {used} rows"


class _Place(NamedTuple):
    """Where a frame lies in the sink."""

    offset: int
    size: int
    rows: int


class _Reel:
    """One stream's chunk, the running hashes of its columns, and the places of its frames."""

    def __init__(self, index: int, stream: Stream, capacity: int) -> None:
        self.index = index
        self.stream = stream
        self.names = tuple(name for name, _ in stream.columns)
        self.place_of = {name: place for place, name in enumerate(self.names)}
        self.chunk = Chunk(stream, capacity)
        from wattbook.journal.binding import Binder  # here, so that reading a journal does not start the compiler

        self.binder = Binder(index, stream)
        self.places: list[_Place] = []
        self.flushed = 0

    def digests(self) -> list[str]:
        """SHA-256 [hex] of each column, the chunk's rows included."""
        return self.binder.digests(self.chunk.rows())

    def check(self) -> None:
        """Assert that the chunk counts as it should."""
        self.chunk.check(self.flushed)
        assert self.binder.counts(self.chunk.rows()[0], self.flushed), "a gap in seq"

    def emptied(self, place: _Place) -> None:
        """Note that the chunk's rows now lie at `place`."""
        self.binder.keep(self.chunk.rows())
        self.places.append(place)
        self.flushed += place.rows
        self.chunk.empty()


class Journal:
    """Append-only columns of commands and facts.

    Parameters
    ----------
    streams : sequence of Stream
        The schema. The first column of each stream is ``("seq", "<i8")``, which the journal fills: 0, 1, 2 ...
    header : object
        Anything that JSON can hold; goes into the fingerprint.
    sink : path, binary file or None
        Where the frames go. A path must not exist yet. None keeps them in memory, and in a temporary file
        once they outgrow 16 MiB. A file object must be readable as well if rows are to be read back.
    chunk_rows : int
        Rows that a stream gathers before they are hashed and written.

    Raises
    ------
    ResourceError
        If the path is taken or cannot be written.
    """

    def __init__(
        self,
        streams: Sequence[Stream],
        header: object,
        sink: str | Path | BinaryIO | None = None,
        chunk_rows: int = 1 << 16,
    ) -> None:
        assert not (fault := schema_fault(streams)), fault
        assert 1 <= chunk_rows <= MAX_ROWS, f"chunk_rows={chunk_rows} is outside 1..{MAX_ROWS}"
        self.streams = tuple(streams)
        # As JSON gives it back: what a reader will see, and safe from later changes by the caller.
        self.header = json.loads(canonical_json(header))
        self._header_text = canonical_json(self.header)
        self.closed = False
        self.replaced = 0
        """How often columns of a chunk were replaced by longer ones."""
        self._failed = False
        self._link = FIRST_LINK
        self._reels = {stream.name: _Reel(i, stream, chunk_rows) for i, stream in enumerate(streams)}
        self._open(sink)
        schema = [[stream.name, stream.columns] for stream in streams]
        self._write(PREAMBLE)
        self._write_note(FrameKind.HEADER, b'{"header":%b,"streams":%b}' % (self._header_text, canonical_json(schema)))

    def _open(self, sink: str | Path | BinaryIO | None) -> None:
        self._path = Path(sink) if isinstance(sink, str | Path) else None
        self._is_private = sink is None
        self._sink: BinaryIO
        if self._path is not None:
            self._sink = _created(self._path)
        elif sink is None:
            self._sink = cast("BinaryIO", tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES))  # noqa: SIM115  # lives on
        else:
            self._sink = cast("BinaryIO", sink)
        self._offset = self._sink.tell() if self._sink.seekable() else 0
        # Whoever drops a journal without closing it leaves it incomplete, but no open file.
        self._release = weakref.finalize(self, self._sink.close) if self._sink is not sink else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # After a failure the file must stay incomplete, so that nobody takes it for the whole run.
        if kind is None:
            self.close()
        elif self._path is not None and self._release is not None:
            self._release()

    # --- appending ---

    def append(self, stream: str, /, **values: int) -> int:
        """Append one row, every column but seq by name, and give its seq: convenient, not fast."""
        reel = self._reels[stream]
        assert values.keys() == set(reel.names[1:]), f"{stream}: {sorted(values)} are not its columns {reel.names[1:]}"
        whole = {name: operator.index(value) for name, value in values.items()}
        for name, code in reel.stream.columns[1:]:
            _check_bounds(f"{stream}.{name}", code, whole[name], whole[name])
        chunk = self.chunk(stream, 1)
        row, seq = (int(number) for number in chunk.fill)
        for name, column in zip(reel.names[1:], chunk.columns[1:], strict=True):
            column[row] = whole[name]
        chunk.fill += 1
        return seq

    def extend(self, stream: str, arrays: Mapping[str, NDArray[Any]]) -> int:
        """Append n rows and give the seq of the first (of the next one to come, if n is 0).

        Parameters
        ----------
        arrays : mapping of str to ndarray of whole numbers, (n,)
            One for every column but seq. All are checked before any row is taken.
        """
        reel = self._reels[stream]
        assert arrays.keys() == set(reel.names[1:]), f"{stream}: {sorted(arrays)} are not its columns {reel.names[1:]}"
        sources = [np.asarray(arrays[name]) for name in reel.names[1:]]
        assert len({source.shape for source in sources}) <= 1, f"{stream}: columns of unequal shapes"
        for (name, code), source in zip(reel.stream.columns[1:], sources, strict=True):
            _check_array(f"{stream}.{name}", code, source)
        count = len(sources[0]) if sources else 0
        first = int(self.chunk(stream, 0).fill[1])
        done = 0
        while done < count:
            done += self._take(stream, [source[done:] for source in sources])
        return first

    def _take(self, stream: str, sources: list[NDArray[Any]]) -> int:
        chunk = self.chunk(stream, 1)
        row = int(chunk.fill[0])
        count = min(len(sources[0]), chunk.capacity - row)
        for source, column in zip(sources, chunk.columns[1:], strict=True):
            column[row : row + count] = source[:count]
        chunk.fill += count
        return count

    def chunk(self, stream: str, rows: int) -> Chunk:
        """Give the chunk of `stream`, with room for at least `rows` more rows: the fast way for kernels."""
        self._must_be_open()
        assert 0 <= rows <= MAX_ROWS, f"{stream}: room for {rows} rows"
        reel = self._reels[stream]
        chunk = reel.chunk
        if chunk.fill[0] + rows > chunk.capacity:
            self._flush(reel)
            if rows > chunk.capacity:
                chunk.grow(reel.stream, rows)
                self.replaced += 1
        return chunk

    # --- what it holds ---

    @property
    def rows(self) -> dict[str, int]:
        """Rows of each stream so far."""
        return {name: int(reel.chunk.fill[1]) for name, reel in self._reels.items()}

    def fingerprint(self) -> str:
        """SHA-256 [hex] over the header, the schema and every row so far."""
        return fingerprint_of(
            self._header_text, self.streams, list(self.rows.values()), [reel.digests() for reel in self._reels.values()]
        )

    def read(self, stream: str) -> dict[str, NDArray[Any]]:
        """Copy all rows of `stream` so far: each column by name, (rows,)."""
        reel = self._reels[stream]
        columns = [np.empty(int(reel.chunk.fill[1]), CODES[code]) for _, code in reel.stream.columns]
        done = 0
        for place in reel.places:
            frame = self._frame_at(place)
            decode(frame.payload, [column[done : done + place.rows] for column in columns], place.rows)
            done += place.rows
        for column, part in zip(columns, reel.chunk.rows(), strict=True):
            column[done:] = part
        return dict(zip(reel.names, columns, strict=True))

    def blocks(self, stream: str, only: Collection[str] | None = None) -> Iterator[dict[str, NDArray[Any]]]:
        """Give copies of all rows of `stream` so far, frame by frame: all columns or `only` these by name, (rows,)."""
        reel = self._reels[stream]
        wanted = reel.names if only is None else only
        for place in list(reel.places):
            frame = self._frame_at(place)
            columns = [
                np.empty(place.rows, CODES[code]) if name in wanted else None for name, code in reel.stream.columns
            ]
            decode(frame.payload, columns, place.rows)
            yield {name: column for name, column in zip(reel.names, columns, strict=True) if column is not None}
        unflushed = dict(zip(reel.names, reel.chunk.rows(), strict=True))
        if len(unflushed["seq"]):
            yield {name: column.copy() for name, column in unflushed.items() if name in wanted}

    def count(self, stream: str) -> int:
        """Rows of one stream so far."""
        return int(self._reels[stream].chunk.fill[1])

    def since(self, stream: str, seq: int, only: Collection[str]) -> dict[str, NDArray[Any]]:
        """Copy the rows of `stream` from `seq` on: `only` these columns by name, (rows,).

        Costs what the rows cost that are asked for, not what the journal holds; those that left their chunk are
        unfolded from their frames.
        """
        reel = self._reels[stream]
        chunk, place_of = reel.chunk, reel.place_of
        used, first = int(chunk.fill[0]), max(0, seq - reel.flushed)
        tail = {name: chunk.columns[place_of[name]][first:used] for name in only}
        if seq >= reel.flushed:
            return {name: column.copy() for name, column in tail.items()}
        parts, past = [], 0
        for place in reel.places:
            past += place.rows
            if past > seq:
                parts.append(self._part(reel, place, max(0, seq - (past - place.rows)), only))
        return {name: np.concatenate([*(part[name] for part in parts), tail[name]]) for name in tail}

    def _part(self, reel: _Reel, place: _Place, first: int, only: Collection[str]) -> dict[str, NDArray[Any]]:
        """Unfold the rows of one frame from its row `first` on, `only` these columns."""
        columns = [np.empty(place.rows, CODES[code]) if name in only else None for name, code in reel.stream.columns]
        decode(self._frame_at(place).payload, columns, place.rows)
        named = zip(reel.names, columns, strict=True)
        return {name: column[first:] for name, column in named if column is not None}

    def _frame_at(self, place: _Place) -> Frame:
        where = f"{self._path or 'journal'} at {place.offset}"
        frame = read_frame(memoryview(self._bytes_at(place)), 0, None, where)
        assert frame is not None, f"{where}: a frame of the journal is gone"
        return frame

    def _bytes_at(self, place: _Place) -> bytes:
        if self._path is not None:
            with self._path.open("rb") as source:
                return _bytes_at(source, place)
        data = _bytes_at(self._sink, place)
        self._sink.seek(self._offset)
        return data

    def check(self) -> None:
        """Assert all that must always hold."""
        for reel in self._reels.values():
            reel.check()
            assert sum(place.rows for place in reel.places) == reel.flushed, "rows of the frames are not all rows"
            assert all(place.offset + place.size <= self._offset for place in reel.places), "a frame beyond the end"

    # --- writing ---

    def flush(self) -> None:
        """Write all rows that still wait in their chunks, through to the disk if the sink is a path."""
        self._must_be_open()
        for reel in self._reels.values():
            self._flush(reel)
        if self._path is not None:
            os.fsync(self._sink.fileno())

    def close(self) -> None:
        """Write what is left and the end frame, which makes the journal complete. A second call does nothing.

        What was written can still be read, and the fingerprint taken.
        """
        if self.closed:
            return
        self.flush()
        end = canonical_json({"rows": self.rows, "fingerprint": self.fingerprint()})
        self._write_note(FrameKind.END, end)
        self.closed = True
        if self._path is not None and self._release is not None:
            os.fsync(self._sink.fileno())
            self._release()

    def _flush(self, reel: _Reel) -> None:
        reel.check()
        used = int(reel.chunk.fill[0])
        if used:
            frame, link = reel.binder.bind(reel.chunk.rows(), None if self._is_private else self._link)
            reel.emptied(self._write_frame(frame, link, used))

    def _write_note(self, kind: FrameKind, payload: bytes) -> None:
        """Write a frame that holds no rows."""
        head, link = seal(kind, 0, 0, payload, self._link)
        self._write_frame(head + payload, link, 0)

    def _write_frame(self, frame: bytes | memoryview, link: bytes, rows: int) -> _Place:
        place = _Place(self._offset, len(frame), rows)
        self._write(frame)
        self._link = link
        return place

    def _write(self, data: bytes | memoryview) -> None:
        left = memoryview(data)
        try:
            while left:
                written = self._sink.write(left)
                assert written, "the sink takes no bytes"
                left = left[written:]
        except OSError as error:
            self._failed = True
            raise ResourceError(f"{self._path or 'journal'}: cannot be written ({error.strerror})") from error
        self._offset += len(data)

    def _must_be_open(self) -> None:
        assert not self.closed, "the journal is closed"
        if self._failed:
            raise ResourceError(f"{self._path or 'journal'}: a write failed before: nothing more can be appended")


def _created(path: Path) -> BinaryIO:
    try:
        # Unbuffered: a frame is handed to the system at once, and nothing is left to write after a failure.
        return cast("BinaryIO", path.open("xb", buffering=0))
    except FileExistsError as error:
        raise ResourceError(f"{path} exists already and is never overwritten: name another") from error
    except OSError as error:
        raise ResourceError(f"{path}: cannot be written ({error.strerror})") from error


def _bytes_at(source: BinaryIO, place: _Place) -> bytes:
    source.seek(place.offset)
    return source.read(place.size)


def _check_bounds(what: str, code: str, least: int, most: int) -> None:
    low, high = BOUNDS[code]
    assert low <= least <= most <= high, f"{what}: {least}..{most} does not fit {code}"


def _check_array(what: str, code: str, source: NDArray[Any]) -> None:
    assert source.ndim == 1, f"{what}: shape {source.shape} is no column"
    assert source.dtype.kind in "iu", f"{what}: {source.dtype} holds no whole numbers"
    if source.size and not np.can_cast(source.dtype, CODES[code]):
        _check_bounds(what, code, int(source.min()), int(source.max()))
