"""Columns of whole numbers: which types there are, and what their fingerprint is."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import numpy as np

from wattbook.journal.packing import canonical_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wattbook.messages import Stream

MOST_COLUMNS: Final = 64
"""Of a stream: a frame with a byte for each row cannot unfold to more than eight times as many bytes as this."""
CODES: Final = {code: np.dtype(code) for code in ("<i1", "<i2", "<i4", "<i8")}
"""Type codes that a column may have."""
BOUNDS: Final = {code: (int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)) for code, dtype in CODES.items()}


def schema_fault(streams: Sequence[Stream]) -> str | None:
    """Say what makes `streams` unusable as the schema of a journal, or None."""
    if len({stream.name for stream in streams}) != len(streams) or len(streams) >= 1 << 16:
        return "streams need names of their own, and at most 65535 of them"
    for name, columns in streams:
        if columns[:1] != (("seq", "<i8"),):
            return f"stream {name!r}: its first column must be seq, <i8"
        if len(dict(columns)) != len(columns):
            return f"stream {name!r}: two columns of one name"
        if len(columns) > MOST_COLUMNS:
            return f"stream {name!r}: {len(columns)} columns, at most {MOST_COLUMNS} are allowed"
        if unknown := sorted({code for _, code in columns} - CODES.keys()):
            return f"stream {name!r}: column types {unknown} are not among {sorted(CODES)}"
    return None


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
