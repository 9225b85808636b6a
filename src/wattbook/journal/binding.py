"""From a chunk's rows to a frame of the file, and into the running hashes of their columns.

Owns how a frame is made while a run goes on, in two ways that give the same bytes: with NumPy and hashlib, which say
what is meant, and compiled (`wattbook.journal.kernel`), where the processor can do it. Knows no file.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final, Protocol
from zlib import crc32

import numpy as np

from wattbook.journal.columns import CODES, ENTRY, encode
from wattbook.journal.frames import HEAD_SIZE, LINK_SIZE, FrameKind, fields_of, head_of, seal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from wattbook.messages import Stream

    Columns = Sequence[NDArray[Any]]

_PADDING: Final = 128
"""Room behind a payload in which its hash is brought to an end."""


class Binder(Protocol):
    """Binds the rows of one stream, chunk by chunk."""

    def bind(self, rows: Columns, link: bytes) -> tuple[bytes | memoryview, bytes]:
        """Give the frame of `rows` that follows `link`, to be written before the next call, and its own link."""

    def keep(self, rows: Columns) -> None:
        """Take the rows that were bound last into the running hashes: they are written."""

    def digests(self, rows: Columns) -> list[str]:
        """SHA-256 [hex] of each column with `rows` added; the running hashes stay as they are."""

    def counts(self, column: NDArray[np.int64], first: int) -> bool:
        """Tell whether `column` (n,) counts first, first + 1, first + 2 ..."""


def binder_of(index: int, stream: Stream) -> Binder:
    """Give the quickest binder of the stream with this index that works here."""
    from wattbook.journal import kernel  # here, so that reading a journal does not start the compiler

    return CompiledBinder(index, stream) if kernel.IS_ABLE else PlainBinder(index, stream)


class PlainBinder:
    """Binds with NumPy and hashlib, on any machine."""

    def __init__(self, index: int, stream: Stream) -> None:
        self.index = index
        self.hashes = [hashlib.sha256() for _ in stream.columns]

    def bind(self, rows: Columns, link: bytes) -> tuple[bytes, bytes]:
        """See `Binder`."""
        payload = encode(rows)
        head, own = seal(FrameKind.ROWS, self.index, len(rows[0]), payload, link)
        return head + payload, own

    def keep(self, rows: Columns) -> None:
        """See `Binder`."""
        for running, column in zip(self.hashes, rows, strict=True):
            running.update(column.data)

    def digests(self, rows: Columns) -> list[str]:
        """See `Binder`."""
        digests = []
        for running, column in zip(self.hashes, rows, strict=True):
            digest = running.copy()
            digest.update(column.data)
            digests.append(digest.hexdigest())
        return digests

    def counts(self, column: NDArray[np.int64], first: int) -> bool:
        """See `Binder`."""
        return np.array_equal(column, np.arange(first, first + len(column)))


class _Hashes:
    """The running hashes of a stream's columns, and beside them, last, one that begins anew with every frame: its link.

    What one chunk adds is kept apart until it is written.
    """

    def __init__(self, columns: int) -> None:
        from wattbook.journal import kernel

        self.kernel = kernel
        self.states = np.array([kernel.FIRST_STATE] * (columns + 1), np.uint32)
        self.pending = np.zeros((columns + 1, kernel.BLOCK), np.uint8)
        self.filled = np.zeros(columns + 1, np.int64)
        self.size = np.zeros(columns + 1, np.int64)

    def copy(self) -> _Hashes:
        twin = _Hashes.__new__(_Hashes)
        twin.kernel = self.kernel
        for name in ("states", "pending", "filled", "size"):
            setattr(twin, name, getattr(self, name).copy())
        return twin

    def take(self, addresses: NDArray[np.int64], sizes: NDArray[np.int64]) -> None:
        """Take so many bytes at these addresses, (columns + 1,) each."""
        self.size += sizes
        self.kernel.absorb(self.states, self.pending, self.filled, addresses.copy(), sizes.copy())

    def begin_link(self) -> None:
        self.states[-1] = self.kernel.FIRST_STATE
        self.filled[-1] = self.size[-1] = 0

    def ended(self, which: range) -> list[bytes]:
        """Bring hashes to their end: these can take no more, but their digests are given."""
        endings = [_ending(int(self.size[i])) if i in which else b"" for i in range(len(self.size))]
        data = np.frombuffer(b"".join(endings), np.uint8)
        sizes = np.array([len(ending) for ending in endings], np.int64)
        self.kernel.absorb(self.states, self.pending, self.filled, data.ctypes.data + np.cumsum(sizes) - sizes, sizes)
        words = self.states[:, self.kernel.IN_ORDER].astype(">u4")
        return [words[i].tobytes() for i in which]


def _ending(size: int) -> bytes:
    """Give what SHA-256 adds to a message of so many bytes."""
    return b"\x80" + bytes(-(size + 9) % 64) + (8 * size).to_bytes(8, "big")


class CompiledBinder:
    """Binds in a buffer that is used again and again, with the columns' hashes and the frame's link side by side."""

    def __init__(self, index: int, stream: Stream) -> None:
        self.index = index
        self.types = [CODES[code] for _, code in stream.columns]
        self.hashes = _Hashes(len(self.types))
        self.after = self.hashes
        self.widths = np.array([dtype.itemsize for dtype in self.types], np.int64)
        self.spans = np.zeros((len(self.types), 2), np.int64)
        self.buffer = np.zeros(0, np.uint8)

    def bind(self, rows: Columns, link: bytes) -> tuple[memoryview, bytes]:
        """See `Binder`."""
        start, count = HEAD_SIZE, len(rows[0])
        entries = start + ENTRY.size * len(rows)
        room = entries + int(self.widths.sum()) * count + _PADDING
        if len(self.buffer) < room:
            self.buffer = np.zeros(room, np.uint8)
        buffer, base = self.buffer.data, self.buffer.ctypes.data
        addresses = self._addresses(rows, base)
        end = entries + self.hashes.kernel.narrow(addresses[:-1], self.widths, count, base + entries, self.spans)
        for place, span in zip(range(start, entries, ENTRY.size), self.spans.tolist(), strict=True):
            ENTRY.pack_into(buffer, place, *span)
        fields = fields_of(FrameKind.ROWS, self.index, count, end - start, crc32(buffer[start:end]))
        # What is hashed for the link lies before the payload, where the head will.
        begin = start - LINK_SIZE - len(fields)
        buffer[begin:start] = link + fields
        addresses[-1] = base + begin
        self.after = self.hashes.copy()
        self.after.begin_link()
        self.after.take(addresses, np.append(self.widths * count, end - begin))
        own = self.after.copy().ended(range(len(rows), len(rows) + 1))[0][:LINK_SIZE]
        buffer[:start] = head_of(fields, own)
        return buffer[:end], own

    def keep(self, rows: Columns) -> None:  # noqa: ARG002  # they were hashed when they were bound
        """See `Binder`."""
        self.hashes = self.after

    def digests(self, rows: Columns) -> list[str]:
        """See `Binder`."""
        hashes = self.hashes.copy()
        hashes.take(self._addresses(rows, 0), np.append(self.widths * len(rows[0]), 0))
        return [digest.hex() for digest in hashes.ended(range(len(rows)))]

    def counts(self, column: NDArray[np.int64], first: int) -> bool:
        """See `Binder`."""
        return bool(self.hashes.kernel.counts_on(column, first))

    def _addresses(self, rows: Columns, last: int) -> NDArray[np.int64]:
        """Addresses of the columns, and `last`."""
        for column, dtype in zip(rows, self.types, strict=True):
            assert column.dtype == dtype, f"a column of {column.dtype} in the place of {dtype}"
            assert column.flags.c_contiguous, "a column with gaps"
        return np.array([*(column.ctypes.data for column in rows), last], np.int64)
