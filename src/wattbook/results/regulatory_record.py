"""A run's two views as frames and files: the regulatory record, and the public tape.

Owns the folder in which a record is kept, with what its regulator knew and went by, so that its decisions can be made
again elsewhere, from the files alone.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import polars as pl

from wattbook.errors import ConfigError, CorruptError, ResourceError
from wattbook.regulator import RECORD, TAPE, Known, Rules, whole
from wattbook.results.columns import Numbers, frame_of
from wattbook.results.parquet import ParquetFile
from wattbook.results.record import joined

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.typing import NDArray

    from wattbook.results.columns import Column
    from wattbook.results.record import Record

    Columns = dict[str, NDArray[Any]]

KNOWN: Final = "known.json"
_SEEN: Final = ("time", "visible_ms")
_SENSELESS: Final = (LookupError, AttributeError, TypeError, ValueError)
"""What taking up a file of impossible content can raise."""


class Kept(NamedTuple):
    """A record that was kept, as `wattbook.regulator.inspect` takes it: ``inspect(*read_record(folder))``.

    Attributes
    ----------
    known : Known
        What the regulator knew of the place.
    rules : Rules
        What it went by.
    record : dict of str to dict of str to ndarray, (rows,)
        What it saw, by stream and column.
    """

    known: Known
    rules: Rules
    record: dict[str, dict[str, NDArray[Any]]]


class _Rows:
    """A finished journal, as a view's feed reads it."""

    def __init__(self, record: Record) -> None:
        self._record = record

    def count(self, stream: str) -> int:
        """Rows of a stream."""
        return sum(len(part["seq"]) for part in self._record.pieces(stream, only=("seq",)))

    def since(self, stream: str, seq: int, only: Collection[str]) -> Columns:
        """Copy the rows of a stream from `seq` on."""
        parts = list(self._record.pieces(stream, only=sorted(only)))
        rows = joined(parts) if parts else dict.fromkeys(only, np.zeros(0, np.int64))
        return {name: column[seq:] for name, column in rows.items()}


def record_columns(record: Record) -> dict[str, Columns]:
    """Give what a regulator may see of a run: bare columns by stream, as `wattbook.regulator.whole` gives them."""
    return whole(RECORD, _Rows(record), set(record.streams))


def record_frames(record: Record) -> dict[str, pl.DataFrame]:
    """Give the regulatory record: a frame per stream, of bare whole numbers, with `time` and `visible_ms`.

    Agents, books and periods are told by their numbers, as the regulator gets them; a row can be seen from
    `visible_ms` on, and by a regulator with a latency so much later.
    """
    return {name: frame_of(_table(rows)) for name, rows in record_columns(record).items()}


def tape_frames(record: Record, delay: int = 0) -> dict[str, pl.DataFrame]:
    """Give the public tape: prices and volumes without names, row by row, each visible `delay` [ms] later.

    Raises
    ------
    ConfigError
        If `delay` is no duration.
    """
    if getattr(delay, "dimension", "duration") != "duration" or not isinstance(delay, int) or delay < 0:
        raise ConfigError(f"delay={delay!r} is no duration of 0 or more: write tape(delay=minutes(15))")
    view = whole(TAPE, _Rows(record), set(record.streams))
    return {
        name: frame_of(_table({**rows, "visible_ms": rows["visible_ms"] + int(delay)})) for name, rows in view.items()
    }


def _table(rows: Mapping[str, NDArray[Any]]) -> dict[str, Column]:
    bare: dict[str, Column] = {name: Numbers(column) for name, column in rows.items() if name != "time_ms"}
    return {"time": Numbers(rows["time_ms"], "time"), **bare}


# --- the folder


def write_record(record: Record, directory: Path) -> Path:
    """Write a run's regulatory record as Parquet, a file per stream, and as JSON what its regulator knew; or nothing.

    Raises
    ------
    ConfigError
        If the run has no regulator.
    ResourceError
        If the place is taken, or cannot be written.
    """
    if "regulator" not in record.header:
        raise ConfigError("the run has no regulator whose record could be written: add regulator=Regulator()")
    if directory.is_symlink() or directory.exists():
        raise ResourceError(f"{directory} exists already and is never overwritten: name another folder")
    known, rules = Known.of(record.header), Rules.of(record.header["regulator"]["rules"])
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
        try:
            _write(work / "record", record, {"known": known.to_json(), "rules": rules.header()})
            (work / "record").rename(directory)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        raise ResourceError(f"{directory}: cannot be written ({error.strerror or error})") from error
    return directory


def _write(folder: Path, record: Record, told: Mapping[str, Any]) -> None:
    folder.mkdir()
    (folder / KNOWN).write_text(json.dumps(told, sort_keys=True) + "\n", encoding="utf-8")
    for name, rows in record_columns(record).items():
        with (folder / f"{name}.parquet").open("xb") as sink:
            file = ParquetFile(sink)
            file.add(_table(rows))
            file.close()


def read_record(directory: str | Path) -> Kept:
    """Read what `Run.write_record` wrote.

    Raises
    ------
    CorruptError
        With every file that is missing, or holds something else than a record does.
    ResourceError
        If there is no such folder.
    """
    folder = Path(directory)
    if not folder.is_dir():
        raise ResourceError(f"{folder}: there is no such folder: give one that Run.write_record made")
    try:
        told = json.loads((folder / KNOWN).read_bytes())
        known, rules = Known.from_json(told["known"]), Rules.of(told["rules"])
    except (OSError, *_SENSELESS) as error:
        raise CorruptError(f"{KNOWN}: cannot be read ({error})") from error
    faults: list[str] = []
    files = sorted(folder.glob("*.parquet"))
    record = {path.stem: _read(path, faults) for path in files}
    if faults:
        raise CorruptError(faults)
    return Kept(known, rules, record)


def _read(path: Path, faults: list[str]) -> Columns:
    """Read one stream; what is no part of a record, a private column above all, is a fault."""
    try:
        frame = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        faults.append(f"{path.name}: cannot be read ({str(error).splitlines()[0]})")
        return {}
    due = {*RECORD.get(path.stem, ()), *_SEEN}
    if path.stem not in RECORD:
        faults.append(f"{path.name}: is no stream of the regulatory record")
    elif due != set(frame.columns):
        strange, absent = sorted(set(frame.columns) - due), sorted(due - set(frame.columns))
        said = [f"holds {name!r}, which is no part of the regulatory record" for name in strange]
        faults.extend(f"{path.name}: {each}" for each in [*said, *(f"lacks {name!r}" for name in absent)])
    elif any(frame[name].null_count() for name in due) or not all(
        frame[name].dtype.is_integer() for name in due - {"time"}
    ):
        faults.append(f"{path.name}: holds something else than whole numbers")
    else:
        return {("time_ms" if name == "time" else name): frame[name].to_physical().to_numpy() for name in frame.columns}
    return {}
