"""Named arrays and a JSON value as one checksummed block of bytes.

Owns the format of everything that is kept outside the journal's own frames: checkpoints, exported ledgers.
Nothing in a block is ever executed. Refuses to know what the arrays hold.

Layout, little-endian: magic (8), length of the head (8), head (canonical JSON: ``meta`` and name, type and shape
of each array), the arrays' bytes one after another, SHA-256 of everything before (32).
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wattbook.errors import CorruptError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_MAGIC: Final = b"WBPACK\x1a\x01"
_LENGTH: Final = struct.Struct("<Q")
_DIGEST_SIZE: Final = 32
_CODES: Final = frozenset({"|b1", "|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f4", "<f8"})
"""Plain numbers only: no objects, no text, nothing that could carry code."""


def canonical_json(value: object) -> bytes:
    """Write `value` as the one JSON text that stands for it: keys sorted, no blanks, UTF-8, no NaN.

    >>> canonical_json({"b": 1, "a": [2, None]})
    b'{"a":[2,null],"b":1}'
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def _little(name: str, array: NDArray[Any]) -> NDArray[Any]:
    plain = np.asarray(array)
    plain = plain.astype(plain.dtype.newbyteorder("<"), order="C", copy=False)
    assert plain.dtype.str in _CODES, f"array {name!r} of type {plain.dtype} cannot be packed"
    return plain


def pack(arrays: Mapping[str, NDArray[Any]], meta: object) -> bytes:
    """Put `arrays` and `meta` into one block that notices any damage.

    The same content always gives the same bytes, whatever the order of `arrays`.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        Any shapes; booleans, whole numbers or floats.
    meta : object
        Anything that JSON can hold.
    """
    plain = {name: _little(name, arrays[name]) for name in sorted(arrays)}
    head = canonical_json({"meta": meta, "arrays": [[name, a.dtype.str, a.shape] for name, a in plain.items()]})
    body = b"".join((_MAGIC, _LENGTH.pack(len(head)), head, *(a.tobytes() for a in plain.values())))
    return body + hashlib.sha256(body).digest()


def unpack(data: bytes, where: str = "packed block") -> tuple[dict[str, NDArray[Any]], Any]:
    """Take apart what `pack` made.

    Returns
    -------
    arrays : dict of str to ndarray
        Fresh, writeable copies.
    meta : object
        As JSON gives it back: tuples have become lists, keys text.

    Raises
    ------
    CorruptError
        If any bit is not as it was written; `where` says of what.
    """
    body, digest = data[:-_DIGEST_SIZE], data[-_DIGEST_SIZE:]
    if not body.startswith(_MAGIC):
        raise CorruptError(f"{where}: not a block of this version of wattbook")
    if hashlib.sha256(body).digest() != digest:
        raise CorruptError(f"{where}: its checksum does not match: it is damaged or cut short")
    try:
        return _take_apart(body)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError, struct.error) as error:
        raise CorruptError(f"{where}: malformed ({error})") from error


def _take_apart(body: bytes) -> tuple[dict[str, NDArray[Any]], Any]:
    start = len(_MAGIC) + _LENGTH.size
    (head_size,) = _LENGTH.unpack(body[len(_MAGIC) : start])
    head = json.loads(body[start : start + head_size].decode())
    arrays: dict[str, NDArray[Any]] = {}
    offset = start + head_size
    for name, code, shape in head["arrays"]:
        end = offset + _size_of(code, shape)
        # A slice past the end comes out short and then does not fit its shape.
        arrays[name] = np.frombuffer(body[offset:end], dtype=code).reshape(shape).copy()
        offset = end
    if offset != len(body):
        raise ValueError(f"{len(body) - offset} bytes belong to no array")
    return arrays, head["meta"]


def _size_of(code: str, shape: list[int]) -> int:
    if code not in _CODES:
        raise ValueError(f"unknown type {code!r}")
    if any(type(side) is not int or side < 0 for side in shape):
        raise ValueError(f"impossible shape {shape!r}")
    return math.prod(shape) * np.dtype(code).itemsize
