"""The bytes of a desk: its terms and its state as canonical JSON, with a checksum behind them.

The format: the line ``wattbook-desk 1``, one line of JSON (terms), one of JSON (state), SHA-256 of all that.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

from wattbook.contracts.terms import DeskTerms
from wattbook.errors import ConfigError, CorruptError

_MAGIC: Final = b"wattbook-desk 1\n"
DIGEST_BYTES: Final = 32


def sealed(terms: DeskTerms, state: dict[str, Any]) -> bytes:
    """Bytes of a desk; the same desk always gives the same."""
    body = _MAGIC + _json(terms.header()) + b"\n" + _json(state)
    return body + hashlib.sha256(body).digest()


def opened(data: bytes) -> tuple[DeskTerms, dict[str, Any]]:
    """Terms and state of a desk's bytes.

    Raises
    ------
    CorruptError
        If these are not the bytes that an export of this version gave.
    """
    if not isinstance(data, bytes):
        raise CorruptError(f"a desk's state is bytes, not {type(data).__name__}: give what export() returned")
    if not data.startswith(_MAGIC):
        raise CorruptError(f"no desk state of this version: it begins with {data[:16]!r}, not {_MAGIC!r}")
    body, digest = data[:-DIGEST_BYTES], data[-DIGEST_BYTES:]
    if hashlib.sha256(body).digest() != digest:
        raise CorruptError("the desk state's checksum does not match: bytes were lost or changed")
    first, _, second = body[len(_MAGIC) :].partition(b"\n")
    try:
        return DeskTerms.of_header(json.loads(first)), json.loads(second)
    except (ConfigError, LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise CorruptError(f"the desk state cannot be read: {error}") from error


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
