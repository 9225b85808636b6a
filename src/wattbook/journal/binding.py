"""From a chunk's rows to a frame of the file, and into the running hashes of their columns.

Owns how a frame is made while a run goes on: in a buffer that is used again and again. Knows no file.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np

from wattbook.journal.columns import CODES
from wattbook.journal.encoding import ENTRIES, count_blocks, encode
from wattbook.journal.frames import HEAD_SIZE, LINK_SIZE, FrameKind, fields_of, head_of
from wattbook.journal.kernel import COMPILES, counts_on, narrow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from wattbook.messages import Stream

    Columns = Sequence[NDArray[Any]]


class Binder:
    """Binds the rows of one stream, chunk by chunk."""

    def __init__(self, index: int, stream: Stream) -> None:
        self.index = index
        self.types = [CODES[code] for _, code in stream.columns]
        self.hashes = [hashlib.sha256() for _ in self.types]
        self._row_bytes = sum(dtype.itemsize for dtype in self.types)
        self._buffer = np.zeros(0, np.uint8)

    def bind(self, rows: Columns, link: bytes | None) -> tuple[memoryview, bytes]:
        """Give the frame of `rows` that follows `link`, to be written before the next call, and its own link.

        None where nobody else will ever read the frames: then they are not linked.
        """
        for column, dtype in zip(rows, self.types, strict=True):
            assert column.dtype == dtype, f"a column of {column.dtype} in the place of {dtype}"
            assert column.flags.c_contiguous, "a column with gaps"
        count = len(rows[0])
        room = HEAD_SIZE + ENTRIES.itemsize * count_blocks(count) * len(rows) + self._row_bytes * count
        if len(self._buffer) < room:
            self._buffer = np.zeros(room, np.uint8)
        buffer, end = self._buffer.data, self._pack(rows)
        fields = fields_of(FrameKind.ROWS, self.index, count, end - HEAD_SIZE, crc32(buffer[HEAD_SIZE:end]))
        own = bytes(LINK_SIZE)
        if link is not None:
            digest = hashlib.sha256(link + fields)
            digest.update(buffer[HEAD_SIZE:end])
            own = digest.digest()[:LINK_SIZE]
        buffer[:HEAD_SIZE] = head_of(fields, own)
        return buffer[:end], own

    def _pack(self, rows: Columns) -> int:
        """Write the payload behind the room for the head; give where it ends."""
        buffer, count = self._buffer, len(rows[0])
        if not COMPILES:
            payload = encode(rows)
            buffer.data[HEAD_SIZE : HEAD_SIZE + len(payload)] = payload
            return HEAD_SIZE + len(payload)
        blocks = count_blocks(count)
        numbers = np.empty((len(rows), blocks, 3), np.int64)
        begin = end = HEAD_SIZE + ENTRIES.itemsize * blocks * len(rows)
        for column, own in zip(rows, numbers, strict=True):
            end = narrow(column, buffer, end, own)
        entries = buffer[HEAD_SIZE:begin].view(ENTRIES)
        for place, name in enumerate(("form", "least", "first")):
            entries[name] = numbers[:, :, place].reshape(-1)
        filled = max(end, HEAD_SIZE + count)
        buffer[end:filled] = 0
        return filled

    def keep(self, rows: Columns) -> None:
        """Take the rows that were bound last into the running hashes: they are written."""
        for running, column in zip(self.hashes, rows, strict=True):
            running.update(column.data)

    def digests(self, rows: Columns) -> list[str]:
        """SHA-256 [hex] of each column with `rows` added; the running hashes stay as they are."""
        digests = []
        for running, column in zip(self.hashes, rows, strict=True):
            digest = running.copy()
            digest.update(column.data)
            digests.append(digest.hexdigest())
        return digests

    def counts(self, column: NDArray[np.int64], first: int) -> bool:
        """Tell whether `column` (n,) counts first, first + 1, first + 2 ..."""
        if COMPILES:
            return bool(counts_on(column, first))
        return np.array_equal(column, np.arange(first, first + len(column)))
