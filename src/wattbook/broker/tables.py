"""The tables of a store: what a row of each holds, and the seal that notices a changed one.

A run's `tape` has one row for each decision, in the order of asking. It points to a `request`, which has all that the
model saw, and what came of that is in `resp`. Long texts that many requests share lie in `blob` once.
"""

from __future__ import annotations

import hashlib
import zlib
from typing import Any, Final, NamedTuple

from wattbook.errors import CorruptError

APPLICATION_ID: Final = 0x57424453
VERSION: Final = 1
_MOST_BYTES: Final = 1 << 24
"""No observation is longer; a damaged one may claim to be."""

SCHEMA: Final = f"""
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {VERSION};
CREATE TABLE blob (id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, text TEXT NOT NULL);
CREATE TABLE run (
    id INTEGER PRIMARY KEY, label TEXT NOT NULL, digest TEXT NOT NULL, seed INTEGER NOT NULL,
    replicate INTEGER NOT NULL, model TEXT NOT NULL, provider TEXT NOT NULL, decisions INTEGER, seal BLOB NOT NULL,
    UNIQUE (digest, seed, replicate)
);
CREATE TABLE request (
    id INTEGER PRIMARY KEY, key BLOB NOT NULL, model INTEGER NOT NULL, system INTEGER NOT NULL,
    schema INTEGER NOT NULL, max_tokens INTEGER NOT NULL, observation BLOB NOT NULL, salt TEXT NOT NULL,
    run INTEGER NOT NULL, seq INTEGER NOT NULL, held_nusd INTEGER NOT NULL, held_tokens INTEGER NOT NULL,
    seal BLOB NOT NULL
);
CREATE INDEX request_key ON request (key);
CREATE TABLE resp (
    request INTEGER PRIMARY KEY, outcome TEXT NOT NULL, text TEXT NOT NULL, input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL, cost_nusd INTEGER NOT NULL, tokens INTEGER NOT NULL, requests INTEGER NOT NULL,
    latency_ms INTEGER NOT NULL, status INTEGER NOT NULL, provider TEXT NOT NULL, request_id TEXT NOT NULL,
    seal BLOB NOT NULL
);
CREATE TABLE tape (
    run INTEGER NOT NULL, seq INTEGER NOT NULL, time_ms INTEGER NOT NULL, agent TEXT NOT NULL, question TEXT NOT NULL,
    request INTEGER NOT NULL, outcome TEXT NOT NULL, input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
    cost_nusd INTEGER NOT NULL, latency_ms INTEGER NOT NULL, action TEXT NOT NULL, rationale TEXT NOT NULL,
    seal BLOB NOT NULL, PRIMARY KEY (run, seq)
) WITHOUT ROWID;
"""


class RunId(NamedTuple):
    """Which run it is.

    Attributes
    ----------
    label : str
        For people.
    digest : str
        Of the scenario.
    seed, replicate : int
    """

    label: str
    digest: str
    seed: int
    replicate: int = 0


class RunRow(NamedTuple):
    """A run of a store; `decisions` is None until it is complete."""

    id: int
    label: str
    digest: str
    seed: int
    replicate: int
    model: str
    provider: str
    decisions: int | None

    @property
    def is_complete(self) -> bool:
        """Whether it was recorded to its end."""
        return self.decisions is not None

    def __str__(self) -> str:
        state = f"{self.decisions} decisions" if self.is_complete else "incomplete"
        replicate = f", replicate {self.replicate}" if self.replicate else ""
        return f"{self.label!r} (scenario {self.digest[:12]}, seed {self.seed}{replicate}, {self.model}, {state})"


class RespRow(NamedTuple):
    """What came of a request: the reply, and what it was charged."""

    request: int
    outcome: str
    text: str
    input_tokens: int
    output_tokens: int
    cost_nusd: int
    tokens: int
    requests: int
    latency_ms: int
    status: int
    provider: str
    request_id: str


class TapeRow(NamedTuple):
    """A decision, from being asked for to what was done."""

    run: int
    seq: int
    time_ms: int
    agent: str
    question: str
    request: int
    outcome: str
    input_tokens: int
    output_tokens: int
    cost_nusd: int
    latency_ms: int
    action: str
    rationale: str


class Request(NamedTuple):
    """All that the model saw of a request, and the salt."""

    key: bytes
    model: str
    system: str
    schema: str
    max_tokens: int
    observation: str
    salt: str


def marks(row: type[tuple[Any, ...]]) -> str:
    """Question marks for all fields of `row` and its seal."""
    return ",".join("?" * (len(row._fields) + 1))  # type: ignore[attr-defined]  # a NamedTuple's


def sealed(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Add the seal of a row to it."""
    return (*row, _seal(row))


def opened(row: tuple[Any, ...], what: str) -> tuple[Any, ...]:
    """Take the seal off a row.

    Raises
    ------
    CorruptError
        If it is not the row's.
    """
    if _seal(row[:-1]) != row[-1]:
        raise CorruptError(f"{what} is not what was recorded: take another copy of the store")
    return row[:-1]


def _seal(row: tuple[Any, ...]) -> bytes:
    return hashlib.blake2b(repr(tuple(row)).encode(), digest_size=8).digest()


def packed(text: str) -> bytes:
    """Write a text in as few bytes as is easy; its first byte tells how."""
    plain = text.encode()
    small = zlib.compress(plain, 6)
    return b"z" + small if len(small) < len(plain) else b"t" + plain


def unpacked(data: bytes) -> str:
    """Read what `packed` wrote.

    Raises
    ------
    CorruptError
        If it is something else.
    """
    try:
        plain = zlib.decompressobj().decompress(data[1:], _MOST_BYTES) if data[:1] == b"z" else data[1:]
        return plain.decode()
    except (zlib.error, UnicodeDecodeError):
        raise CorruptError("an observation is not what was recorded: take another copy of the store") from None


def written(text: str, longest: int | None = None) -> str:
    """Make a stranger's text one that can be written as UTF-8, and cut it."""
    return text[:longest].encode("utf-8", "replace").decode()
