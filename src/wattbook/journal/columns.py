"""Columns of whole numbers: which types there are, how rows become bytes and back, and what their fingerprint is.

A frame holds each column as its least value and the differences to it, in the narrowest of 1, 2, 4 or 8 bytes
that holds them all. That is cheap enough to be done while a run goes on, and as at least a byte a value stays, a
file can never unfold to more than nine times its size.
"""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wattbook.journal.packing import canonical_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from wattbook.messages import Stream

CODES: Final = {code: np.dtype(code) for code in ("<i1", "<i2", "<i4", "<i8")}
"""Type codes that a column may have."""
BOUNDS: Final = {code: (int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)) for code, dtype in CODES.items()}
_WIDTHS: Final = (1, 2, 4, 8)
ENTRY: Final = struct.Struct("<Bq")
"""Of each column in a frame: bytes a value, least value."""


def schema_fault(streams: Sequence[Stream]) -> str | None:
    """Say what makes `streams` unusable as the schema of a journal, or None."""
    if len({stream.name for stream in streams}) != len(streams) or len(streams) >= 1 << 16:
        return "streams need names of their own, and at most 65535 of them"
    for name, columns in streams:
        if columns[:1] != (("seq", "<i8"),):
            return f"stream {name!r}: its first column must be seq, <i8"
        if len(dict(columns)) != len(columns):
            return f"stream {name!r}: two columns of one name"
        if unknown := sorted({code for _, code in columns} - CODES.keys()):
            return f"stream {name!r}: column types {unknown} are not among {sorted(CODES)}"
    return None


def encode(columns: Iterable[NDArray[Any]]) -> bytes:
    """Rows, one array (n,) a column, n > 0, as the bytes of a frame."""
    entries, parts = [], []
    for column in columns:
        least, most = int(column.min()), int(column.max())
        width = next(width for width in _WIDTHS if most - least < 1 << 8 * width)
        # Unsigned differences wrap around as they should, even where the signed type could not hold them.
        unsigned = column.view(f"<u{column.itemsize}")
        entries.append(ENTRY.pack(width, least))
        parts.append((unsigned - _wrapped(least, column.itemsize)).astype(f"<u{width}").tobytes())
    return b"".join((*entries, *parts))


def decode(payload: memoryview, targets: Sequence[NDArray[Any] | None], rows: int) -> None:
    """Fill `targets`, one array (rows,) a column, with what `encode` made of as many rows.

    A column without a target is passed over.

    Raises
    ------
    ValueError
        If `payload` does not hold exactly these columns. `targets` may then be partly filled.
    """
    offset = ENTRY.size * len(targets)
    if len(payload) < offset:
        raise ValueError("too short for its columns")
    for entry, target in zip(ENTRY.iter_unpack(payload[:offset]), targets, strict=True):
        width, least = entry
        if width not in _WIDTHS or (target is not None and width > target.itemsize):
            raise ValueError(f"{width} bytes a value in a column of {target.itemsize if target is not None else 8}")
        end = offset + width * rows
        if end > len(payload):
            raise ValueError("fewer values than rows")
        if target is not None:
            stored = np.frombuffer(payload[offset:end], dtype=f"<u{width}")
            unsigned = target.view(f"<u{target.itemsize}")
            np.add(stored, _wrapped(least, target.itemsize), out=unsigned, dtype=unsigned.dtype)
        offset = end
    if offset != len(payload):
        raise ValueError(f"{len(payload) - offset} bytes belong to no column")


def _wrapped(value: int, itemsize: int) -> NDArray[Any]:
    # An array of one rather than a scalar: NumPy warns of wrapping scalars only.
    return np.array([value & ((1 << 8 * itemsize) - 1)], dtype=f"<u{itemsize}")


def fingerprint_of(
    header: object | bytes, streams: Sequence[Stream], rows: Sequence[int], digests: Sequence[Sequence[str]]
) -> str:
    """SHA-256 [hex] over the header and, of each stream, its name, rows, and each column's name, type and digest.

    Parameters
    ----------
    header : object or bytes
        As an object, or as its canonical JSON.
    rows : sequence of int, (streams,)
    digests : sequence of sequence of str, (streams, columns)
        SHA-256 [hex] of each column's little-endian bytes from the first row to the last: how rows were cut into
        frames leaves no trace.
    """
    content = [
        [stream.name, count, [[name, code, digest] for (name, code), digest in zip(stream.columns, of, strict=True)]]
        for stream, count, of in zip(streams, rows, digests, strict=True)
    ]
    text = header if isinstance(header, bytes) else canonical_json(header)
    parts = (canonical_json("wattbook journal 1"), text, canonical_json(content))
    return hashlib.sha256(b"[" + b",".join(parts) + b"]").hexdigest()
