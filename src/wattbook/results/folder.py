"""A run's folder: which files it has, its manifest, and how they are read without trusting them.

Owns the manifest's form and digest. Nothing in a folder is executed, no link in it is followed, and no name that a
manifest gives is ever opened: only the names that this version writes.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import stat
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from wattbook.errors import CorruptError, ResourceError
from wattbook.journal import canonical_json
from wattbook.results.advice import ADVICE, advice_bytes
from wattbook.results.catalogue import LATER, table_names, whole
from wattbook.results.columns import columns_of
from wattbook.results.metrics import MEASURED
from wattbook.results.parquet import ParquetFile
from wattbook.results.record import is_moment
from wattbook.results.tables import TABLES, streamed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    import polars as pl
    from numpy.typing import NDArray

    from wattbook.results.columns import Column
    from wattbook.results.parquet import Sink
    from wattbook.results.record import Record

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
JOURNAL: Final = "journal.wbj"
BASELINE: Final = "baseline.wbj"
TABLE_NAMES: Final = {name: f"tables/{name}.parquet" for name in TABLES}
"""Files of the tables that every run has."""
LATER_NAMES: Final = {name: f"tables/{name}.parquet" for name in LATER}
"""Files of the tables that only some runs have."""

_LIMIT: Final = 1 << 63


def file_names(has_baseline: bool, later: Iterable[str] = (), *, has_advice: bool = False) -> list[str]:
    """Names of all files of a run but its manifest; `later` are its tables of `LATER_NAMES`."""
    tables = [*TABLE_NAMES.values(), *(LATER_NAMES[name] for name in later)]
    return sorted([JOURNAL, *([BASELINE] if has_baseline else []), *([ADVICE] if has_advice else []), *tables])


def paths_of(record: Record) -> dict[str, str]:
    """Give the file of each of a run's tables."""
    return {name: f"tables/{name}.parquet" for name in table_names(record)}


# --- the manifest


def digest_of(manifest: Mapping[str, Any]) -> str:
    """SHA-256 [hex] of everything in a manifest but its digest."""
    return hashlib.sha256(canonical_json({key: manifest[key] for key in manifest if key != "digest"})).hexdigest()


def manifest_bytes(manifest: Mapping[str, Any]) -> bytes:
    """Write a manifest as the one text that stands for it, readable by people."""
    return (json.dumps(manifest, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read a run's manifest and make sure that it is as it was written.

    Raises
    ------
    CorruptError
        If there is none, or it is damaged, or of a newer version.
    """
    data = read_file(folder, MANIFEST)
    try:
        manifest = json.loads(data)
        faults = _manifest_faults(manifest, data)
    except (ValueError, RecursionError) as error:
        raise CorruptError(f"{MANIFEST}: unreadable ({error})") from error
    if faults:
        raise CorruptError(f"{MANIFEST}: {fault}" for fault in faults)
    assert isinstance(manifest, dict)
    return manifest


def _manifest_faults(manifest: object, data: bytes) -> list[str]:
    if not isinstance(manifest, dict):
        return ["not a mapping"]
    version = manifest.get("format")
    if type(version) is int and version > FORMAT:
        return [f"format {version} is newer than {FORMAT}, the newest that this version of wattbook reads: update it"]
    faults = [f"no sound {key!r}" for key, sound in _SOUND.items() if key not in manifest or not sound(manifest[key])]
    faults += [f"{key!r} is no part of a manifest" for key in sorted(manifest.keys() - _SOUND.keys())]
    if not faults:
        faults = _measured_faults(manifest["metrics"])
    if not faults and manifest["digest"] != digest_of(manifest):
        faults = ["its digest does not match its content"]
    if not faults and manifest_bytes(manifest) != data:
        faults = ["not written as wattbook writes it"]
    return faults


def _measured_faults(told: Mapping[str, Any]) -> list[str]:
    """Look at the figures that no journal can vouch for."""
    return [
        f"metrics: {name!r} is not a number of 0 or more"
        for name in MEASURED
        if told.get(name) is not None and not (_is_count(told[name]) or (name != "wakes" and _is_amount(told[name])))
    ]


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < _LIMIT


def _is_amount(value: object) -> bool:
    return type(value) is float and 0 <= value < _LIMIT


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_mapping(value: object) -> bool:
    return isinstance(value, dict)


def _is_texts(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_text, value.values()))


def _is_scenario(value: object) -> bool:
    return isinstance(value, dict) and (value.get("name") is None or _is_text(value["name"]))


def _is_incident(value: object) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == {"time_ms", "agent", "error", "traceback"}
        and is_moment(value["time_ms"])
        and all(_is_text(value[key]) for key in ("agent", "error", "traceback"))
    )


_SOUND: Final[dict[str, Callable[[Any], bool]]] = {
    "format": lambda value: type(value) is int and value == FORMAT,
    "scenario": _is_scenario,
    "seed": _is_count,
    "versions": _is_texts,
    "inputs": _is_texts,
    "files": _is_mapping,
    "fingerprint": _is_text,
    "baseline_fingerprint": lambda value: value is None or _is_text(value),
    "metrics": _is_mapping,
    "incidents": lambda value: isinstance(value, list) and all(map(_is_incident, value)),
    "complete": lambda value: isinstance(value, bool),
    "digest": _is_text,
}
"""Every part of a manifest."""


# --- the files


def table_bytes(frame: pl.DataFrame) -> bytes:
    """Write a table as Parquet; the same rows always give the same bytes."""
    buffer = io.BytesIO()
    file = ParquetFile(buffer)
    file.add(columns_of(frame))
    file.close()
    return buffer.getvalue()


class TableFile:
    """A run's table while it is written as Parquet; the same rows always give the same bytes.

    Parameters
    ----------
    name : str
        Of the table.
    sink : file
        Opened for writing bytes.

    Attributes
    ----------
    stream : str or None
        Stream of the journal whose blocks, all of them in order, this table has to be told with `add`; None if it is
        made as a whole when it is closed.
    """

    def __init__(self, name: str, record: Record, baseline: Record | None, sink: Sink) -> None:
        self._file = ParquetFile(sink)
        self._whole = partial(whole, name, record, baseline)
        self.stream: str | None = None
        self._columns: Callable[[dict[str, NDArray[Any]]], dict[str, Column]] | None = None
        if (follows := streamed(name, record)) is not None:
            self.stream, self._columns = follows

    def add(self, block: dict[str, NDArray[Any]]) -> None:
        """Take the next block of `stream`."""
        assert self._columns is not None, "a table that follows no stream"
        self._file.add(self._columns(block))

    def close(self) -> None:
        """Write what waits."""
        if self._file.is_empty:
            self._file.add(self._whole())
        self._file.close()


def write_table(name: str, record: Record, baseline: Record | None, target: Sink) -> None:
    """Write a run's table as Parquet, some rows at a time."""
    table = TableFile(name, record, baseline, target)
    if table.stream is not None:
        for block in record.blocks(table.stream):
            table.add(block)
    table.close()


def write_all(record: Record, baseline: Record | None, directory: Path) -> dict[str, dict[str, Any]]:
    """Write a run's journals and tables, and give what a manifest says of these files by name."""
    written = {}
    with contextlib.ExitStack() as open_files:
        targets, tables = {}, []
        for name, path in paths_of(record).items():
            targets[path] = Digesting(open_files.enter_context((directory / path).open("xb")))
            tables.append(TableFile(name, record, baseline, targets[path]))
        # What is unfolded to be written down again becomes the tables' rows as well.
        readers = {table.stream: table.add for table in tables if table.stream is not None}
        written[JOURNAL] = record.write(directory / JOURNAL, readers)
        for table in tables:
            table.close()
    if baseline is not None:
        written[BASELINE] = baseline.write(directory / BASELINE)
    if record.advice is not None:
        data = advice_bytes(record.advice)
        (directory / ADVICE).write_bytes(data)
        written[ADVICE] = describe(data)
    return written | {path: target.description() for path, target in targets.items()}


class Digesting:
    """A file that is written and hashed at once."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._size = 0

    def write(self, data: bytes) -> None:
        """Take the next bytes."""
        self._file.write(data)
        self._digest.update(data)
        self._size += len(data)

    def description(self) -> dict[str, Any]:
        """Give what a manifest says of the file."""
        return {"sha256": self._digest.hexdigest(), "bytes": self._size}


def describe(data: bytes) -> dict[str, Any]:
    """Give what a manifest says of a file."""
    return {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


def read_file(folder: Path, name: str) -> bytes:
    """Read a regular file of a run's folder.

    Raises
    ------
    CorruptError
        If it is missing, or a link, a pipe or anything else but a regular file.
    ResourceError
        If it cannot be read.
    """
    path = folder / name
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        if any(part.is_symlink() for part in (path, path.parent) if part != folder):
            raise CorruptError(f"{name}: is a link")
        with os.fdopen(os.open(path, flags), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise CorruptError(f"{name}: is not a regular file")
            return file.read()
    except FileNotFoundError as error:
        raise CorruptError(f"{name}: is missing") from error
    except IsADirectoryError as error:
        raise CorruptError(f"{name}: is not a regular file") from error
    except OSError as error:
        raise ResourceError(f"{name}: cannot be read ({error.strerror})") from error


def found_names(folder: Path) -> tuple[list[str], list[str]]:
    """List the files that lie in a run's folder, and the faults of what is no file of a run at all."""
    names, faults = [], []
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name == "tables" and entry.is_dir(follow_symlinks=False):
            names += [f"tables/{inner.name}" for inner in sorted(os.scandir(entry.path), key=lambda inner: inner.name)]
        else:
            names.append(entry.name)
    files = []
    for name in names:
        mode = (folder / name).lstat().st_mode
        if stat.S_ISREG(mode):
            files.append(name)
        elif stat.S_ISLNK(mode):
            faults.append(f"{name}: is a link")
        else:
            faults.append(f"{name}: is not a regular file")
    return files, faults


def check_folder(folder: Path) -> None:
    """Make sure that there is a folder to look into.

    Raises
    ------
    ResourceError
        If there is none.
    """
    if not folder.is_dir():
        raise ResourceError(f"{folder}: there is no such folder: give the folder of a saved run")
