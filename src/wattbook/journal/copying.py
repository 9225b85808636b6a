"""Writing a whole journal down again, when its rows and their fingerprint are known.

Frames are cut at fixed numbers of rows, so the same rows always give the same bytes, however a run cut its own.
Refuses to compute the fingerprint anew: whoever reads the file does (`read_journal`), and that is most of the work.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wattbook.errors import ResourceError
from wattbook.journal.columns import CODES
from wattbook.journal.frames import FIRST_LINK, PREAMBLE, FrameKind, seal
from wattbook.journal.packing import canonical_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import BinaryIO

    from numpy.typing import NDArray

    from wattbook.journal.binding import Binder
    from wattbook.messages import Stream

    Columns = dict[str, NDArray[Any]]

FRAME_ROWS: Final = 1 << 16


class Written:
    """A file of frames while it is being written.

    Attributes
    ----------
    size : int
        Bytes so far.
    digest : hashlib._Hash
        SHA-256 of them.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.size = 0
        self.digest = hashlib.sha256()
        self._file = file
        self._link = FIRST_LINK
        self._put(PREAMBLE)

    def frame(self, kind: FrameKind, stream: int, rows: int, payload: bytes) -> None:
        """Add a frame after the one before."""
        head, self._link = seal(kind, stream, rows, payload, self._link)
        self._put(head)
        self._put(payload)

    def rows(self, binder: Binder, columns: Sequence[NDArray[Any]]) -> None:
        """Add a frame of rows after the one before."""
        frame, self._link = binder.bind(columns, self._link)
        self._put(frame)

    def _put(self, data: bytes | memoryview) -> None:
        self._file.write(data)
        self.digest.update(data)
        self.size += len(data)


def write_journal(
    path: str | Path,
    streams: Sequence[Stream],
    header: object,
    blocks: Callable[[str], Iterable[Columns]],
    fingerprint: str | None,
) -> Written:
    """Write a journal to a file that does not exist yet.

    Parameters
    ----------
    blocks : callable
        Gives all rows of a stream in blocks of exactly `FRAME_ROWS`, the last one shorter: each column by name, seq
        included.
    fingerprint : str or None
        Of all rows, to close the journal with; None leaves it incomplete.

    Raises
    ------
    ResourceError
        If the path is taken or cannot be written.
    """
    target = Path(path)
    try:
        with target.open("xb") as file:
            written = Written(file)
            _write(written, streams, header, blocks, fingerprint)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError as error:
        raise ResourceError(f"{target} exists already and is never overwritten: name another") from error
    except OSError as error:
        raise ResourceError(f"{target}: cannot be written ({error.strerror})") from error
    return written


def _write(
    written: Written,
    streams: Sequence[Stream],
    header: object,
    blocks: Callable[[str], Iterable[Columns]],
    fingerprint: str | None,
) -> None:
    from wattbook.journal.binding import Binder  # here, so that reading a journal does not start the compiler

    binders = [Binder(index, stream) for index, stream in enumerate(streams)]
    schema = [[stream.name, stream.columns] for stream in streams]
    written.frame(FrameKind.HEADER, 0, 0, canonical_json({"header": header, "streams": schema}))
    rows, tails = {}, []
    for index, stream in enumerate(streams):
        done, last = 0, None
        for block in blocks(stream.name):
            if last is not None:
                written.rows(binders[index], last)
            last = _checked(stream, block, done)
            done += len(last[0])
        rows[stream.name] = done
        tails.append(last)
    # A journal flushes what waits in its chunks when it is closed: so do we.
    for index, last in enumerate(tails):
        if last is not None:
            written.rows(binders[index], last)
    if fingerprint is not None:
        written.frame(FrameKind.END, 0, 0, canonical_json({"rows": rows, "fingerprint": fingerprint}))


def _checked(stream: Stream, block: Columns, done: int) -> list[NDArray[Any]]:
    """Give a block's columns in the schema's order, if they are the rows after `done` earlier ones."""
    columns = [np.ascontiguousarray(block[name]) for name, _ in stream.columns]
    count = len(columns[0])
    assert 0 < count <= FRAME_ROWS, f"{stream.name}: a block of {count} rows"
    assert done % FRAME_ROWS == 0, f"{stream.name}: rows after a short block"
    assert np.array_equal(columns[0], np.arange(done, done + count)), f"{stream.name}: a gap in seq"
    for (name, code), column in zip(stream.columns, columns, strict=True):
        assert column.dtype == CODES[code], f"{stream.name}.{name}: {column.dtype} is not {code}"
        assert column.shape == (count,), f"{stream.name}.{name}: {column.shape} in {count} rows"
    return columns
