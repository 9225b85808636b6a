"""The store of decisions: one SQLite file with requests, replies, and the tape of each run.

Owns opening, closing and every statement. While something is recorded the file is in WAL mode, and a reply is committed
when it arrives, from whichever thread: what was committed outlives the end of the process, however sudden. When a
recording is closed it becomes one plain file again, which a replay only reads.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from wattbook.broker.budget import Spent
from wattbook.broker.tables import (
    APPLICATION_ID,
    SCHEMA,
    VERSION,
    Request,
    RespRow,
    RunId,
    RunRow,
    TapeRow,
    marks,
    opened,
    packed,
    sealed,
    unpacked,
)
from wattbook.errors import CorruptError, ResourceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_OUTSIDE: Final = frozenset({3, 5, 6, 7, 8, 10, 13, 14})
"""SQLite's codes for what is not the file's fault: permission, locks, memory, read-only, disk errors, no room."""
_TAKEN: Final = 19
"""SQLite's code for a row that is there already: somebody else wrote it meanwhile."""
_BUSY_S: Final = 30.0
_TAPE_FIELDS: Final = len(TapeRow._fields)


class Store:
    """A store of decisions; `reading` and `writing` open one."""

    def __init__(self, path: Path, connection: sqlite3.Connection, *, is_writable: bool) -> None:
        self.path = path
        self._db, self._is_writable = connection, is_writable
        self._lock = threading.RLock()
        self._blobs: dict[str, int] = {}
        self._texts: dict[int, str] = {}
        self._is_closed = False

    @classmethod
    def reading(cls, path: str | Path) -> Store:
        """Open a store to read it; neither it nor its folder need be writable.

        Raises
        ------
        ResourceError
            If there is none, or it cannot be read.
        CorruptError
            If it is damaged, something else, or of a newer version.
        """
        path = Path(path)
        if not path.is_file():
            what = "is a folder" if path.is_dir() else "there is no such file"
            raise ResourceError(f"{path}: {what}, and no store of decisions; record one first, or give its path")
        left = path.with_name(f"{path.name}-wal")
        # Nobody writes into a store without a log beside it, so it needs no locks, which take a writable folder.
        still = "" if left.exists() and left.stat().st_size else "&immutable=1"
        return cls._open(path, f"file:{quote(str(path.resolve()))}?mode=ro{still}", is_writable=False)

    @classmethod
    def writing(cls, path: str | Path) -> Store:
        """Open a store to add to it; make it if there is none.

        Raises
        ------
        ResourceError
            If it cannot be written.
        CorruptError
            If it is damaged, something else, or of a newer version.
        """
        path = Path(path)
        if path.is_dir():
            raise ResourceError(f"{path}: is a folder: give the path of a file, as {path / 'answers.sqlite'}")
        if not path.resolve().parent.is_dir():
            raise ResourceError(f"{path}: there is no folder {path.parent}: make it, or give another path")
        return cls._open(path, f"file:{quote(str(path.resolve()))}", is_writable=True)

    @classmethod
    def _open(cls, path: Path, uri: str, *, is_writable: bool) -> Store:
        with _guarded(path):
            # One connection for all threads: each statement of ours holds the lock.
            db = sqlite3.connect(uri, uri=True, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
        with ExitStack() as ending:
            ending.callback(db.close)
            store = cls(path, db, is_writable=is_writable)
            store._prepare()
            ending.pop_all()
        return store

    def _prepare(self) -> None:
        """Make sure that the file is ours, and make the tables of a new one."""
        with _guarded(self.path):
            is_new = self._is_writable and not self._one("SELECT count(*) FROM sqlite_master")
            if not is_new:
                self._check_header()
            if self._is_writable:
                self._db.execute("PRAGMA journal_mode = WAL")
                self._db.execute("PRAGMA synchronous = NORMAL")
        if is_new:
            with self._change():
                for statement in SCHEMA.split(";"):
                    self._db.execute(statement)

    def _check_header(self) -> None:
        if self._one("PRAGMA application_id") != APPLICATION_ID:
            raise CorruptError(f"{self.path}: is no store of decisions; give the path of one, or of a new file")
        version = self._one("PRAGMA user_version")
        if version != VERSION:
            raise CorruptError(f"{self.path}: is of version {version}, this wattbook reads {VERSION}: use another one")

    def close(self) -> None:
        """Close it; what was written becomes one plain file, unless somebody else has it open."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            if self._is_writable:
                with suppress(sqlite3.Error):
                    self._db.execute("PRAGMA busy_timeout = 0")
                    self._db.execute("PRAGMA journal_mode = DELETE")
            self._db.close()

    # Runs.

    def runs(self) -> list[RunRow]:
        """List the runs that the store holds, oldest first."""
        rows = self._all("SELECT * FROM run ORDER BY id")
        return [RunRow(*opened(row, f"{self.path}: run {row[0]}")) for row in rows]

    def find(self, run: RunId) -> RunRow | None:
        """Find the run of this scenario, seed and replicate."""
        return next((row for row in self.runs() if row[2:5] == run[1:]), None)

    def add_run(self, run: RunId, model: str, provider: str) -> RunRow:
        """Begin a run."""
        with self._change():
            number = self._one("SELECT coalesce(max(id), 0) + 1 FROM run")
            row = RunRow(number, *run, model, provider, None)
            self._db.execute(f"INSERT INTO run VALUES ({marks(RunRow)})", sealed(row))  # noqa: S608  # marks only
        return row

    def finish_run(self, row: RunRow, decisions: int) -> None:
        """Say that a run is complete."""
        *_, seal = sealed(row._replace(decisions=decisions))
        with self._change():
            self._db.execute("UPDATE run SET decisions = ?, seal = ? WHERE id = ?", (decisions, seal, row.id))

    # Requests and replies.

    def keep_request(self, request: Request, run: int, seq: int, held: Spent) -> int:
        """Keep what is about to be sent, and what was held back for it; give its number."""
        with self._change():
            parts = [self._blob(text) for text in (request.model, request.system, request.schema)]
            observation = packed(request.observation)
            row = (request.key, *parts, request.max_tokens, observation, request.salt, run, seq, held.nusd, held.tokens)
            places = ",".join("?" * (len(row) + 1))
            cursor = self._db.execute(f"INSERT INTO request VALUES (NULL,{places})", sealed(row))  # noqa: S608  # marks only
        number = cursor.lastrowid
        assert number is not None, "an insert has a row"
        return number

    def keep_reply(self, row: RespRow) -> None:
        """Keep what came of a request, at once; nothing once the store is closed."""
        with self._lock:
            if self._is_closed:
                return
            with self._change():
                self._db.execute(f"INSERT INTO resp VALUES ({marks(RespRow)})", sealed(row))  # noqa: S608  # marks only

    def reply(self, request: int) -> RespRow | None:
        """Look up what came of a request; None if nothing did."""
        row = next(iter(self._all("SELECT * FROM resp WHERE request = ?", request)), None)
        return None if row is None else RespRow(*opened(row, f"{self.path}: reply {request}"))

    def answers(self, key: bytes, provider: str) -> list[RespRow]:
        """List the replies with a text that `provider` gave to this request, oldest first."""
        rows = self._all(
            "SELECT resp.* FROM request JOIN resp ON resp.request = request.id "
            "WHERE request.key = ? AND resp.provider = ? AND resp.outcome = 'ok' ORDER BY request.id",
            key, provider,
        )  # fmt: skip
        return [RespRow(*opened(row, f"{self.path}: reply {row[0]}")) for row in rows]

    def request(self, number: int) -> Request:
        """Look up all that the model saw."""
        row = next(iter(self._all("SELECT * FROM request WHERE id = ?", number)), None)
        if row is None:
            raise CorruptError(f"{self.path}: request {number} is missing: take another copy of the store")
        key, model, system, schema, max_tokens, observation, salt, *_ = opened(
            row[1:], f"{self.path}: request {number}"
        )
        return Request(
            key, self._text(model), self._text(system), self._text(schema), max_tokens, unpacked(observation), salt
        )

    # The tape.

    def keep_rows(self, rows: Iterable[TapeRow]) -> None:
        """Add decisions to the tape, in one go."""
        with self._change():
            self._db.executemany(f"INSERT INTO tape VALUES ({marks(TapeRow)})", map(sealed, rows))  # noqa: S608  # marks only

    def tape_length(self, run: int) -> int:
        """Count the decisions on the tape of a run."""
        length: int = self._one("SELECT coalesce(max(seq) + 1, 0) FROM tape WHERE run = ?", run)
        return length

    def tape(self, run: int, first: int, most: int) -> list[tuple[TapeRow, bytes, RespRow | None]]:
        """Read at most `most` decisions from number `first` on: each with the key of its request, and its reply."""
        rows = self._all(
            "SELECT tape.*, request.key, resp.* FROM tape LEFT JOIN request ON request.id = tape.request "
            "LEFT JOIN resp ON resp.request = tape.request "
            "WHERE tape.run = ? AND tape.seq >= ? ORDER BY tape.seq LIMIT ?",
            run, first, most,
        )  # fmt: skip
        return [self._taped(row, first + n) for n, row in enumerate(rows)]

    def _taped(self, row: tuple[Any, ...], seq: int) -> tuple[TapeRow, bytes, RespRow | None]:
        what = f"{self.path}: decision {seq}"
        taped = TapeRow(*opened(row[: _TAPE_FIELDS + 1], what))
        key, resp = row[_TAPE_FIELDS + 1], row[_TAPE_FIELDS + 2 :]
        if taped.seq != seq or key is None:
            raise CorruptError(f"{what} or its request is missing: take another copy of the store")
        return taped, key, None if resp[0] is None else RespRow(*opened(resp, what))

    def arrived_after(self, run: int, seq: int) -> dict[int, tuple[bytes, int]]:
        """Find the requests of decisions from `seq` on that were replied to: key and number, the last for each."""
        rows = self._all(
            "SELECT request.seq, request.key, request.id FROM request JOIN resp ON resp.request = request.id "
            "WHERE request.run = ? AND request.seq >= ? ORDER BY request.id",
            run, seq,
        )  # fmt: skip
        return {number: (key, request) for number, key, request in rows}

    def spent(self, run: int) -> Spent:
        """Sum up what the requests of a run cost; those without a reply cost what was held back for them."""
        rows = self._all(
            "SELECT coalesce(sum(coalesce(cost_nusd, held_nusd)), 0), coalesce(sum(coalesce(tokens, held_tokens)), 0), "
            "coalesce(sum(coalesce(requests, held_tokens > 0)), 0) "
            "FROM request LEFT JOIN resp ON resp.request = request.id WHERE request.run = ?",
            run,
        )
        return Spent(*rows[0])

    # Statements.

    def _all(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with _guarded(self.path), self._lock:
            return self._db.execute(statement, values).fetchall()

    def _one(self, statement: str, *values: object) -> Any:
        return self._all(statement, *values)[0][0]

    @contextmanager
    def _change(self) -> Iterator[None]:
        """Commit what is written within, or none of it."""
        with _guarded(self.path), self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            with ExitStack() as ending:
                ending.callback(self._roll_back)
                yield
                self._db.execute("COMMIT")
                ending.pop_all()

    def _roll_back(self) -> None:
        self._blobs.clear()
        with suppress(sqlite3.Error):
            self._db.execute("ROLLBACK")

    def _blob(self, text: str) -> int:
        """Give the number of a text, which is kept once."""
        number = self._blobs.get(text)
        if number is None:
            digest = _digest(text)
            self._db.execute("INSERT OR IGNORE INTO blob VALUES (NULL, ?, ?)", (digest, text))
            number = self._blobs[text] = self._one("SELECT id FROM blob WHERE digest = ?", digest)
        return number

    def _text(self, number: int) -> str:
        if number not in self._texts:
            rows = self._all("SELECT digest, text FROM blob WHERE id = ?", number)
            if not rows or rows[0][0] != _digest(rows[0][1]):
                raise CorruptError(
                    f"{self.path}: text {number} is not what was recorded: take another copy of the store"
                )
            self._texts[number] = rows[0][1]
        return self._texts[number]


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=20).digest()


@contextmanager
def _guarded(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours."""
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == _TAKEN:
            raise ResourceError(
                f"{path}: somebody else records the same run into it: wait for its end, or record into another file"
            ) from None
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _OUTSIDE:
            raise ResourceError(f"{path}: {error}; look at the disk, its permissions, and who else uses it") from None
        raise CorruptError(f"{path}: is damaged, or no store of decisions ({error})") from None
    except UnicodeDecodeError:
        # Of a text, or of SQLite's own words about a damaged table.
        raise CorruptError(f"{path}: is damaged: take another copy of the store") from None
