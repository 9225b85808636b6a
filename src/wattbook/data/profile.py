"""A user's own profile: read strictly, or refused with every reason at once.

Owns the doors for CSV, Parquet and Polars frames with the columns ``time`` (period start, with offset) and ``kwh``
(energy of the interval). It repairs nothing: no gap is filled, no column renamed, no number guessed. Each problem
begins with a stable code (``profile/gap``) and the place (``file:row:column``; rows are lines of a CSV file, and
otherwise counted from 1).

Loads and PV yields are both written as positive energy.
"""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
import os
import re
import stat
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from wattbook.data.calendar import utc_ms, utc_text
from wattbook.data.parquet_guard import counted_rows
from wattbook.data.quantise import at_edges, cumulate, ratio_half_even
from wattbook.data.series import check_horizon
from wattbook.errors import DataError, nearest
from wattbook.units import MS_PER_HOUR, MS_PER_MINUTE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt
    import polars as pl

COLUMNS: Final = ("time", "kwh")
STEPS_MS: Final = tuple(n * MS_PER_MINUTE for n in (1, 5, 10, 15, 30, 60))
FILE_LIMIT: Final = 64 << 20
"""Largest file [bytes] that is opened."""
ROW_LIMIT: Final = 1_100_000
"""Most rows that are unpacked: two years of minutes."""
LARGEST_KWH: Final = 1e6
"""Largest energy of an interval: 4 GW over a quarter of an hour is no neighbourhood's."""

_SHOWN: Final = 20
_MICRO_WH_PER_KWH: Final = 1e9
_MICRO_WH_PER_WH: Final = 1_000_000
_POWER_NAMES: Final = re.compile(r"(.*[ _(\[])?(kw|w|mw|watts?|kilowatts?|power)[)\]]?(_.*)?", re.IGNORECASE)
_ENERGY_NAMES: Final = re.compile(r"(.*[ _(\[])?(wh|mwh|energy|joules?)[)\]]?(_.*)?", re.IGNORECASE)
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_ADDRESS: Final = re.compile(r"[a-z][a-z0-9+.-]+:/", re.IGNORECASE)
"""How an address on the network begins, with one slash left where it went through a `Path`."""
_NOT_FINITE: Final = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Profile:
    """A checked series of energy.

    Attributes
    ----------
    name : str
        For messages.
    start_ms, step_ms : int
        First instant [ms of UTC] and length of an interval [ms].
    energy_uwh : numpy.ndarray (n,)
        Energy of each interval [micro-Wh], never negative; read-only.
    """

    name: str
    start_ms: int
    step_ms: int
    energy_uwh: npt.NDArray[np.int64]

    @property
    def end_ms(self) -> int:
        """End of the data [ms of UTC], exclusive."""
        return self.start_ms + self.step_ms * self.energy_uwh.size

    def digest(self) -> str:
        """SHA-256 of times and energies, for a run's manifest."""
        head = f"{self.start_ms} {self.step_ms} ".encode()
        return hashlib.sha256(head + self.energy_uwh.astype("<i8").tobytes()).hexdigest()


@dataclass(frozen=True, slots=True)
class ProfileSummary:
    """What a checked file holds: rows, first and last interval's start, interval [ms] and total [kWh]."""

    rows: int
    first: str
    last: str
    step_ms: int
    total_kwh: float


class Column(NamedTuple):
    """Times [ms of UTC] and energies [kWh] as read, (n,) each, with where each row stands; rows may be flawed."""

    times_ms: npt.NDArray[np.int64]
    kwh: npt.NDArray[np.float64]
    place: Callable[[int], str]


@dataclass
class Problems:
    """Collects mistakes: the first `_SHOWN` in full, the rest as a count."""

    found: list[str] = field(default_factory=list)
    more: int = 0

    def add(self, code: str, where: str, what: str) -> None:
        """Note one mistake."""
        if len(self.found) < _SHOWN:
            self.found.append(f"profile/{code}: {where}: {what}")
        else:
            self.more += 1

    def add_rows(self, rows: npt.NDArray[np.intp], note: Callable[[int], tuple[str, str, str]]) -> None:
        """Note one mistake (code, where, what) for each of `rows` (k,), without spelling out what is not shown."""
        for row in rows[:_SHOWN].tolist():
            self.add(*note(row))
        self.more += max(rows.size - _SHOWN, 0)

    def raise_any(self) -> None:
        """Raise what was noted, if anything was."""
        if self.found:
            raise DataError([*self.found, *([f"... and {self.more} more"] if self.more else [])])


def read_profile(source: str | os.PathLike[str] | pl.DataFrame, *, name: str = "") -> Profile:
    """Read and check a profile.

    Parameters
    ----------
    source : path or polars.DataFrame
        A ``.csv`` file (UTF-8, comma separated, decimal point), a ``.parquet`` file, or a frame, with exactly
        the columns ``time`` and ``kwh``.
    name : str
        What messages call it; the file's name if empty.

    Raises
    ------
    DataError
        With all problems found.
    """
    problems = Problems()
    if isinstance(source, str | os.PathLike):
        where = name or Path(source).name
        content, suffix = _content(os.fspath(source), where, problems), Path(source).suffix.lower()
        column = _from_csv(content, where, problems) if suffix == ".csv" else _from_parquet(content, where, problems)
    else:
        where = name or "frame"
        column = _from_frame(source, where, problems)
    problems.raise_any()
    return _checked(column, where, problems)


def check_profile(path: str | os.PathLike[str]) -> ProfileSummary:
    """Read a profile as a scenario would and sum it up.

    Raises
    ------
    DataError
        With all problems found.
    """
    profile = read_profile(path)
    return ProfileSummary(
        rows=profile.energy_uwh.size,
        first=utc_text(profile.start_ms),
        last=utc_text(profile.end_ms - profile.step_ms),
        step_ms=profile.step_ms,
        total_kwh=int(profile.energy_uwh.sum()) / _MICRO_WH_PER_KWH,
    )


def profile_wh(profile: Profile, start_ms: int, end_ms: int, period_ms: int) -> npt.NDArray[np.int64]:
    """Energy of a profile in each period.

    Parameters
    ----------
    profile : Profile
        Of `read_profile`.
    start_ms, end_ms, period_ms : int
        Horizon [ms of UTC] and length of a period [ms]. Within an interval power is constant.

    Returns
    -------
    numpy.ndarray (n,)
        Energy of each period [Wh], with the remainder carried from the profile's start.

    Raises
    ------
    DataError
        If the horizon leaves the data.
    """
    check_horizon(profile.name, (profile.start_ms, profile.end_ms), (start_ms, end_ms), "UTC", "profile/too-short")
    begin = profile.start_ms
    edges = at_edges(cumulate(profile.energy_uwh), profile.step_ms, start_ms - begin, end_ms - begin, period_ms)
    finer = profile.step_ms // edges.unit_ms
    return np.diff(ratio_half_even(edges.values, 1, _MICRO_WH_PER_WH * finer))


# --- opening


def _content(path: str, where: str, problems: Problems) -> bytes:
    """Bytes of a plain file of bearable size, opened once; a pipe, folder, address or stray link is refused."""
    if _ADDRESS.match(path):
        problems.add("url", where, "an address on the network is not read: download the file and give its path")
    elif Path(path).suffix.lower() not in (".csv", ".parquet"):
        problems.add("format", where, f"ending {Path(path).suffix!r} is unknown: give a .csv or .parquet file")
    elif not _inside(Path(path)):
        problems.add("link-outside", where, "is a link that leaves its folder: copy the file there instead")
    problems.raise_any()
    try:
        # Not blocking, or a pipe without a writer would hang the run before it can be refused.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError as fault:
        code = "missing-file" if isinstance(fault, FileNotFoundError) else "not-a-file"
        problems.add(code, where, f"cannot be opened ({fault.strerror})")
        problems.raise_any()
    info = os.fstat(handle)
    if not stat.S_ISREG(info.st_mode):
        problems.add("not-a-file", where, "is a folder, pipe or device: give a plain file")
    elif info.st_size > FILE_LIMIT:
        problems.add("too-large", where, f"has {info.st_size >> 20} MiB, {FILE_LIMIT >> 20} are allowed")
    if problems.found:
        os.close(handle)
    problems.raise_any()
    with os.fdopen(handle, "rb") as file:
        return file.read(FILE_LIMIT)


def _inside(path: Path) -> bool:
    """Tell whether `path`, if it is a link, stays in its folder."""
    try:
        return not path.is_symlink() or path.resolve().is_relative_to(path.parent.resolve())
    except (OSError, RuntimeError):  # a ring of links
        return False


def _check_header(header: list[str], where: str, problems: Problems) -> None:
    """Demand exactly `time` and `kwh`, each once."""
    for name in COLUMNS:
        count = header.count(name)
        if count == 0 and not (name == "kwh" and any(map(_is_other_unit, header))):
            problems.add("missing-column", where, f"no column {name!r}{nearest(name, header)} among {header}")
        elif count > 1:
            problems.add("duplicate-column", where, f"column {name!r} is there {count} times: keep one")
    for name in dict.fromkeys(header):
        if name in COLUMNS:
            continue
        if _POWER_NAMES.fullmatch(name):
            problems.add(
                "kw-not-kwh",
                f"{where}:{name}",
                "is a power: give the energy of each interval in a column 'kwh' (kW times the interval's hours: "
                "0.25 for quarters of an hour)",
            )
        elif _is_other_unit(name):
            problems.add("unit", f"{where}:{name}", "is not in kWh: convert it into a column 'kwh'")
        else:
            problems.add("unknown-column", f"{where}:{name}", "keep the columns 'time' and 'kwh' alone, by these names")


def _is_other_unit(name: str) -> bool:
    """Tell whether a column holds the energy in another unit, so that 'kwh' is not simply missing."""
    return "kwh" not in name.lower() and bool(_POWER_NAMES.fullmatch(name) or _ENERGY_NAMES.fullmatch(name))


# --- CSV


def _from_csv(content: bytes, where: str, problems: Problems) -> Column:
    """Read a CSV file cell by cell: no type is inferred and no short row filled."""
    text = _decoded(content, where, problems)
    problems.raise_any()
    rows = _csv_rows(text, where, problems)
    header = next(rows, (1, []))[1]
    if len(header) == 1 and ";" in header[0]:
        problems.add("semicolon", f"{where}:1", "columns are separated by semicolons: use commas, and decimal points")
        problems.raise_any()
    _check_header(header, f"{where}:1", problems)
    problems.raise_any()
    return _csv_column(rows, header, where, problems)


def _decoded(content: bytes, where: str, problems: Problems) -> str:
    """Text of a UTF-8 file, with or without its mark."""
    if not content.strip():
        problems.add("empty", where, "holds nothing: a header and one row per interval are needed")
    elif content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in content[:4096]:
        problems.add("encoding", where, "is UTF-16, UTF-32 or binary: save it as UTF-8")
    else:
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as fault:
            problems.add("encoding", where, f"is not UTF-8 (byte {fault.start}): save it as UTF-8")
    return ""


def _csv_rows(text: str, where: str, problems: Problems) -> Iterator[tuple[int, list[str]]]:
    """Rows with the number of the line they end on."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for row in reader:
            if reader.line_num > ROW_LIMIT:
                problems.add("too-large", where, f"has more than {ROW_LIMIT} rows")
                return
            yield reader.line_num, row
    except csv.Error as fault:
        problems.add("bad-csv", f"{where}:{reader.line_num}", f"is not CSV ({fault})")


def _csv_column(rows: Iterator[tuple[int, list[str]]], header: list[str], where: str, problems: Problems) -> Column:
    """Read times and energies of all rows; a flawed cell is noted and stands as 0."""
    time_at, kwh_at = header.index("time"), header.index("kwh")
    lines, times, energies = [], [], []
    for line, row in rows:
        if len(row) != len(header):
            _note_width(row, len(header), f"{where}:{line}", problems)
            continue
        lines.append(line)
        times.append(_time_ms(row[time_at], f"{where}:{line}:time", problems))
        energies.append(_kwh(row[kwh_at], f"{where}:{line}:kwh", problems))
    return Column(np.array(times, dtype=np.int64), np.array(energies), lambda i: f"{where}:{lines[i]}")


def _note_width(row: list[str], width: int, where: str, problems: Problems) -> None:
    """Say what is wrong with a row of another width than the header."""
    if len(row) < width:
        problems.add("short-row", where, f"has {len(row)} of {width} values")
    elif len(row) == width + 1 and all(re.fullmatch(r"\s*-?\d+", cell) for cell in row[-2:]):
        problems.add("decimal-comma", where, f"{row[-2]},{row[-1]} has a decimal comma: write {row[-2]}.{row[-1]}")
    else:
        problems.add("long-row", where, f"has {len(row)} values, the header {width}")


def _time_ms(text: str, where: str, problems: Problems) -> int:
    """Read one instant [ms of UTC]."""
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        problems.add("bad-time", where, f"{text!r} is not a time such as 2016-06-06T00:15Z")
        return 0
    if moment.tzinfo is None:
        problems.add("naive-time", where, f"{text!r} has no offset: write UTC as {text}Z, or add one such as +02:00")
        return 0
    if moment.microsecond % 1000:
        problems.add("bad-time", where, f"{text!r} is finer than a millisecond")
    return utc_ms(moment)


def _kwh(text: str, where: str, problems: Problems) -> float:
    """Read one energy [kWh]; digits only, no guesses."""
    if _NUMBER.fullmatch(text):
        return float(text)  # 1e999 is infinite and refused with the other values
    if not text.strip():
        problems.add("missing-value", where, "is empty: every interval needs its energy, 0 included")
    elif _NOT_FINITE.fullmatch(text.strip()):
        problems.add("not-finite", where, f"{text!r} is not a finite number")
    elif re.fullmatch(r"\s*[+-]?\d+,\d+\s*", text):
        problems.add("decimal-comma", where, f"{text!r} has a decimal comma: write {text.strip().replace(',', '.')}")
    else:
        problems.add("not-a-number", where, f"{text!r} is not a number such as 0.125")
    return 0.0


# --- Parquet and frames


def _from_parquet(content: bytes, where: str, problems: Problems) -> Column:
    """Read a Parquet file, after its metadata told that it may be unpacked."""
    import polars as pl

    if not content:
        problems.add("empty", where, "holds nothing")
    problems.raise_any()
    try:
        rows = counted_rows(content, ROW_LIMIT)
    except ValueError as fault:
        problems.add("corrupt", where, f"is not a whole Parquet file: {fault}")
        problems.raise_any()
    try:
        schema = pl.read_parquet_schema(io.BytesIO(content))
        _check_header(list(schema), where, problems)
        problems.raise_any()
        _check_types(pl.Schema(schema), where, problems)
        if rows > ROW_LIMIT:
            problems.add("too-large", where, f"unpacks to {rows} rows, {ROW_LIMIT} are allowed")
        problems.raise_any()
        frame = pl.read_parquet(io.BytesIO(content), n_rows=ROW_LIMIT)
        return _from_frame(frame, where, problems)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as fault:
        problems.add("corrupt", where, f"is a damaged Parquet file ({str(fault).splitlines()[0][:200]})")
        problems.raise_any()
        raise  # not reached: there is a problem


def _from_frame(frame: pl.DataFrame, where: str, problems: Problems) -> Column:
    """Take the columns of a frame; flawed cells are noted and stand as 0."""
    import polars as pl

    if not isinstance(frame, pl.DataFrame):
        raise DataError(
            f"profile/type: {where}: a {type(frame).__name__} is no profile: give a path or a polars.DataFrame"
        )
    _check_header(frame.columns, where, problems)
    problems.raise_any()
    _check_types(frame.schema, where, problems)
    problems.raise_any()
    for name in COLUMNS:
        empty = frame[name].is_null().arg_true().to_numpy()
        problems.add_rows(empty, partial(_cell_note, "missing-value", where, name, "is empty"))
    times = frame["time"].cast(pl.Datetime("ms", "UTC"))
    fine = (frame["time"] != times.cast(frame["time"].dtype)).arg_true().to_numpy()
    problems.add_rows(fine, partial(_cell_note, "bad-time", where, "time", "is finer than a millisecond"))
    energies = frame["kwh"].cast(pl.Float64).fill_null(0.0).to_numpy()
    return Column(times.to_physical().fill_null(0).to_numpy(), energies, lambda i: f"{where}:{i + 1}")


def _cell_note(code: str, where: str, column: str, what: str, row: int) -> tuple[str, str, str]:
    """Say what is wrong with one cell of a frame."""
    return code, f"{where}:{row + 1}:{column}", what


def _check_types(schema: pl.Schema, where: str, problems: Problems) -> None:
    """Demand instants with a zone and plain numbers."""
    import polars as pl

    time, kwh = schema["time"], schema["kwh"]
    if not isinstance(time, pl.Datetime):
        problems.add("type", f"{where}:time", f"is of type {time}: give Datetime with a time zone")
    elif time.time_zone is None:
        problems.add("naive-time", f"{where}:time", "has no time zone: say which one it is with dt.replace_time_zone")
    if not kwh.is_numeric():
        problems.add("type", f"{where}:kwh", f"is of type {kwh}: give numbers")


# --- what must hold of any profile


def _checked(column: Column, where: str, problems: Problems) -> Profile:
    """Make a profile of what was read, or refuse it."""
    if column.times_ms.size == 0:
        problems.add("empty", where, "has a header but no rows")
        problems.raise_any()
    step_ms = _check_times(column, where, problems)
    _check_values(column, problems)
    problems.raise_any()
    energy = np.rint(column.kwh * _MICRO_WH_PER_KWH).astype(np.int64)
    energy.flags.writeable = False
    cumulate(energy)  # the sum must be exact too
    return Profile(where, int(column.times_ms[0]), step_ms, energy)


def _check_times(column: Column, where: str, problems: Problems) -> int:
    """Demand evenly spaced, rising times on whole steps; gives the step [ms]."""
    times = column.times_ms
    steps = np.diff(times)
    lengths, counts = np.unique(steps[steps > 0], return_counts=True)
    if lengths.size == 0:
        problems.add("resolution", where, "has no two times that follow each other, so no interval length")
    step_ms = int(lengths[np.argmax(counts)]) if lengths.size else MS_PER_HOUR
    if step_ms not in STEPS_MS:
        allowed = ", ".join(str(step // MS_PER_MINUTE) for step in STEPS_MS)
        problems.add("resolution", where, f"intervals of {step_ms / MS_PER_MINUTE:g} min: use one of {allowed} min")
    elif lengths.size and times[0] % step_ms:
        problems.add("misaligned", f"{column.place(0)}:time", f"{utc_text(int(times[0]))} is not on a whole interval")
    problems.add_rows(np.flatnonzero(steps != step_ms), lambda i: _step_note(column, i, step_ms))
    return step_ms


def _step_note(column: Column, i: int, step_ms: int) -> tuple[str, str, str]:
    """Say what is wrong between row `i` and the next."""
    before, after = (int(column.times_ms[j]) for j in (i, i + 1))
    where, step = f"{column.place(i + 1)}:time", after - before
    if step == 0:
        return "repeated-time", where, f"{utc_text(after)} is there twice"
    if step < 0:
        return "unsorted", where, f"{utc_text(after)} comes after {utc_text(before)}: sort by time"
    if step % step_ms == 0:
        missing = f"{step // step_ms - 1} intervals from {utc_text(before + step_ms)}"
        return "gap", where, f"{missing} are missing: fill them, nothing is guessed"
    usual = step_ms / MS_PER_MINUTE
    return "resolution", where, f"{step / MS_PER_MINUTE:g} min after the row before, others {usual:g} min"


def _check_values(column: Column, problems: Problems) -> None:
    """Demand finite, bearable energies of at least 0."""
    finite = np.isfinite(column.kwh)
    known = np.where(finite, column.kwh, 0.0)
    for code, flaw, what in (
        ("not-finite", ~finite, "is not a finite number"),
        ("negative", known < 0, "is negative: loads and yields are both positive energy"),
        ("too-large", known > LARGEST_KWH, f"is more than {LARGEST_KWH:g} kWh in one interval: is it in Wh?"),
    ):
        problems.add_rows(np.flatnonzero(flaw), partial(_value_note, column, code, what))


def _value_note(column: Column, code: str, what: str, i: int) -> tuple[str, str, str]:
    """Say what is wrong with the energy of row `i`."""
    return code, f"{column.place(i)}:kwh", f"{column.kwh[i]:g} {what}"
