"""Frames: the checksummed, chained pieces that a journal's file is made of.

Owns the layout of `journal.wbj` and every check of it. Refuses to know what a payload holds.

====================  =================================================================================
preamble (10 bytes)   magic (8), version (2)
header frame          canonical JSON: the caller's header, and the streams with their columns
rows frames           rows of one stream, see `encoding`
end frame             canonical JSON: rows of each stream, and the fingerprint; makes the file complete
====================  =================================================================================

A frame's head (44 bytes, little-endian) holds: mark (4), kind (1), pad (1), stream (2), rows (4), payload bytes
(8), CRC-32 of the payload (4), link (16), CRC-32 of the head so far (4). The CRCs tell damage; the link, a SHA-256
over the link before, this head and this payload, tells that a whole, sound frame was lost, repeated or moved.
Because the head's own CRC vouches for the length, a payload that ends early can only be a torn tail.
"""

from __future__ import annotations

import hashlib
import struct
from enum import IntEnum
from typing import Final, NamedTuple
from zlib import crc32

from wattbook.errors import CorruptError

VERSION: Final = 2
MAX_ROWS: Final = 1 << 24
"""Rows of one frame."""
MAX_PAYLOAD: Final = 1 << 33
"""Bytes of one frame's payload: a head that claims more is not ours."""

_MAGIC: Final = b"\x89WBJ\r\n\x1a\n"
_PREAMBLE: Final = struct.Struct("<8sH")
_MARK: Final = b"WBFr"
_FIELDS: Final = struct.Struct("<4sBxHIQI")
LINK_SIZE: Final = 16
_CRC: Final = struct.Struct("<I")
HEAD_SIZE: Final = _FIELDS.size + LINK_SIZE + _CRC.size

PREAMBLE: Final = _PREAMBLE.pack(_MAGIC, VERSION)
FIRST_LINK: Final = hashlib.sha256(PREAMBLE).digest()[:LINK_SIZE]


class FrameKind(IntEnum):
    """What a frame's payload is."""

    HEADER = 1
    ROWS = 2
    END = 3


class Frame(NamedTuple):
    """A sound frame that was read.

    Attributes
    ----------
    link : bytes
        What the next frame has to follow.
    end : int
        Offset of the byte after it.
    """

    kind: int
    stream: int
    rows: int
    payload: memoryview
    link: bytes
    end: int


def seal(kind: FrameKind, stream: int, rows: int, payload: bytes, link: bytes) -> tuple[bytes, bytes]:
    """Head of a frame that follows `link`, and the frame's own link."""
    fields = fields_of(kind, stream, rows, len(payload), crc32(payload))
    own = _link(link, fields, payload)
    return head_of(fields, own), own


def fields_of(kind: FrameKind, stream: int, rows: int, size: int, crc: int) -> bytes:
    """First part of a frame's head: `size` and `crc` are its payload's bytes and CRC-32."""
    assert size <= MAX_PAYLOAD, f"a frame of {size} bytes"
    return _FIELDS.pack(_MARK, kind, stream, rows, size, crc)


def head_of(fields: bytes, own: bytes) -> bytes:
    """Head of a frame with these `fields` and its own link."""
    return fields + own + _CRC.pack(crc32(fields + own))


def _link(before: bytes, fields: bytes, payload: bytes | memoryview) -> bytes:
    digest = hashlib.sha256(before + fields)
    digest.update(payload)
    return digest.digest()[:LINK_SIZE]


def check_preamble(view: memoryview, where: str) -> int:
    """Make sure that `view` starts as a journal of this version; give the offset of its first frame.

    Raises
    ------
    CorruptError
        If it is no journal, or one that this version cannot read.
    """
    if len(view) < _PREAMBLE.size or bytes(view[: len(_MAGIC)]) != _MAGIC:
        raise CorruptError(f"{where}: offset 0: not a wattbook journal")
    _, version = _PREAMBLE.unpack(view[: _PREAMBLE.size])
    if version > VERSION:
        raise CorruptError(
            f"{where}: offset {len(_MAGIC)}: format version {version} is newer than {VERSION}, the newest this "
            "wattbook reads: install the wattbook that wrote it"
        )
    if version != VERSION:
        raise CorruptError(f"{where}: offset {len(_MAGIC)}: there is no format version {version}")
    return _PREAMBLE.size


def read_frame(view: memoryview, offset: int, before: bytes | None, where: str) -> Frame | None:
    """Read the frame at `offset`, or None if the file ends before the frame does.

    Parameters
    ----------
    before : bytes or None
        Link of the frame that it has to follow; None where only the frame itself is to be checked.

    Raises
    ------
    CorruptError
        If the frame is damaged or out of its place.
    """
    start = offset + HEAD_SIZE
    if start > len(view):
        return None
    head = bytes(view[offset:start])
    if _CRC.unpack(head[-_CRC.size :])[0] != crc32(head[: -_CRC.size]):
        raise CorruptError(f"{where}: offset {offset}: the head of a frame is damaged")
    mark, kind, stream, rows, size, crc = _FIELDS.unpack_from(head)
    if mark != _MARK or size > MAX_PAYLOAD or rows > MAX_ROWS:
        raise CorruptError(f"{where}: offset {offset}: a frame of {rows} rows, {size} bytes is none of ours")
    if start + size > len(view):
        return None
    payload = view[start : start + size]
    if crc32(payload) != crc:
        raise CorruptError(f"{where}: offset {offset}: the payload of a frame is damaged")
    link = head[_FIELDS.size : _FIELDS.size + LINK_SIZE]
    if before is not None and link != _link(before, head[: _FIELDS.size], payload):
        raise CorruptError(
            f"{where}: offset {offset}: a frame does not follow the one before it: frames were lost, repeated or moved"
            ", or changed"
        )
    return Frame(kind, stream, rows, payload, link, start + size)
