"""Import one low-voltage grid of the SimBench data set: its loads, plants, feeders and a year of profiles.

Owns the reading of the source's tables and the writing of a grid folder that `series` reads. It takes the source as
it is, checks every assumption that the rest of the room rests on (the calendar, whole watts, the number of decimals),
and loses nothing: profiles are stored as whole numbers of the last decimal that the source writes.
"""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
import json
import re
import shutil
import tempfile
import zipfile
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import numpy as np

from wattbook.data.calendar import midnight_ms, utc_ms, zone
from wattbook.data.series import DECIMALS, GRID_FILE, GRID_VERSION, PROFILE_FILE
from wattbook.data.topology import Edge, busbar_of, distances_m, feeders_of, natural_key
from wattbook.errors import DataError, ResourceError, nearest
from wattbook.units import MS_PER_MINUTE, half_even

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

DATASET: Final = "1-complete_data-mixed-all-1-sw"
TIMEZONE: Final = "Europe/Berlin"
STEP_MS: Final = 15 * MS_PER_MINUTE

TABLES: Final = f"simbench/networks/{DATASET}/"
_COLUMNS: Final = {
    "Load.csv": ("id", "node", "profile", "pLoad", "subnet"),
    "RES.csv": ("id", "node", "type", "profile", "pRES", "subnet"),
    "Line.csv": ("id", "nodeA", "nodeB", "length", "subnet"),
    "Switch.csv": ("id", "nodeA", "nodeB", "cond", "subnet"),
    "Transformer.csv": ("id", "nodeLV", "subnet"),
    "LoadProfile.csv": ("time",),
    "RESProfile.csv": ("time",),
}
_FILE_LIMIT: Final = 256 << 20
_LOWEST: Final = Decimal("-0.0001")
"""Profiles dip below zero by parts per million of their rating; more than this is no artefact."""
_KINDS: Final = (
    (r"H0-", "household"),
    (r"G\d-", "trade"),
    (r"L\d-", "farm"),
    (r"(HLS|APLS)_", "charging"),
)

_Rows: TypeAlias = list[dict[str, str]]


class Source(NamedTuple):
    """An opened wheel or folder: `read` gives a file's bytes, `names` are the paths in it."""

    read: Callable[[str], bytes]
    names: tuple[str, ...]


class Table(NamedTuple):
    """A table's column names and its rows, still text."""

    header: list[str]
    rows: list[list[str]]

    def column(self, name: str) -> list[str]:
        """All values of one column."""
        place = self.header.index(name)
        return [row[place] for row in self.rows]

    def where(self, subnet: str) -> _Rows:
        """Rows of exactly this subnet, in natural order of their ids."""
        place = self.header.index("subnet")
        rows = [dict(zip(self.header, row, strict=True)) for row in self.rows if row[place] == subnet]
        return sorted(rows, key=lambda row: natural_key(row["id"]))


class Profiles(NamedTuple):
    """Profiles as whole numbers: `quanta` by name, each of 10**-`decimals` of the rating."""

    quanta: dict[str, list[int]]
    decimals: dict[str, int]


def import_simbench(source: str | Path, grid: str, out: str | Path) -> Path:
    """Write the grid folder of one SimBench low-voltage subnet.

    Parameters
    ----------
    source : str or Path
        The simbench wheel, or the folder it was unpacked or installed into.
    grid : str
        The subnet, such as ``LV2.101``.
    out : str or Path
        Folder to make. It appears whole or not at all, and never replaces a folder that holds something.

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    DataError
        With every mistake of the source that one reading can find.
    ResourceError
        If `out` is taken.
    """
    target = Path(out)
    refuse_taken(target)
    with opened(Path(source)) as files:
        raw = _raw_tables(files)
        licence = licence_of(files)
        version = version_of(files.names)
    tables = {name: table_of(name, content) for name, content in raw.items()}
    _check_columns(tables)
    text, profiles = _grid_text(tables, grid)
    text["provenance"] = {
        "source": "SimBench",
        "version": version,
        "dataset": DATASET,
        "licence": "ODbL-1.0, contents DbCL-1.0",
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in sorted(raw.items())},
    }
    _write(target, grid, text, profiles, licence)
    return target


# --- reading the source


@contextmanager
def opened(source: Path) -> Iterator[Source]:
    """Open the wheel or folder."""
    if source.is_dir():
        licences = source.glob("simbench-*.dist-info/licenses/LICENSE")
        tables = (source / TABLES).glob("*.csv")
        names = tuple(path.relative_to(source).as_posix() for path in (*licences, *tables) if path.is_file())
        yield Source(lambda name: (source / name).read_bytes(), names)
        return
    try:
        with zipfile.ZipFile(source) as archive:
            large = [info.filename for info in archive.infolist() if info.file_size > _FILE_LIMIT]
            if large:
                raise DataError(f"import/too-large: {source.name} holds {large[0]}, more than {_FILE_LIMIT >> 20} MiB")
            yield Source(archive.read, tuple(archive.namelist()))
    except (OSError, zipfile.BadZipFile) as fault:
        raise DataError(
            f"import/source: {source.name!r} is neither a folder nor a readable wheel ({fault}): "
            "give the simbench wheel or the folder it was unpacked into"
        ) from None


def _raw_tables(files: Source) -> dict[str, bytes]:
    """Bytes of all tables that are needed."""
    missing = [name for name in _COLUMNS if TABLES + name not in files.names]
    if missing:
        raise DataError([f"import/missing-file: {TABLES}{name} is not in the source" for name in missing])
    return {name: files.read(TABLES + name) for name in _COLUMNS}


def licence_of(files: Source) -> str:
    """Read the source's own licence statement, which must travel with the data."""
    found = [name for name in files.names if re.fullmatch(r"simbench-[^/]+\.dist-info/licenses/LICENSE", name)]
    text = files.read(found[0]).decode("utf-8", errors="replace") if found else ""
    if "licenses/odbl/1.0" not in text:
        raise DataError(
            "import/licence: the source has no licenses/LICENSE that puts the database under the ODbL 1.0: "
            "use the wheel as published, or unpack its dist-info folder too"
        )
    return text


def version_of(names: tuple[str, ...]) -> str:
    """Version of the source, from the name of its metadata folder."""
    return next(match[1] for name in names if (match := re.match(r"simbench-([^/]+)\.dist-info/", name)))


def table_of(name: str, content: bytes) -> Table:
    """Split a table into its rows; every row must be as long as the header."""
    try:
        header, *rows = csv.reader(io.StringIO(content.decode("utf-8"), newline=""), delimiter=";", strict=True)
    except (UnicodeDecodeError, csv.Error, ValueError) as fault:
        raise DataError(f"import/value: {name} is not a table of semicolon separated text ({fault})") from None
    short = [number for number, row in enumerate(rows, start=2) if len(row) != len(header)]
    if short:
        raise DataError(f"import/value: {name}:{short[0]}: row has not {len(header)} columns as the header has")
    return Table(header, rows)


def _check_columns(tables: dict[str, Table]) -> None:
    """Refuse tables without the columns that are read."""
    problems = [
        f"import/missing-column: {name} has no column {column!r}{nearest(column, tables[name].header)}"
        for name, columns in _COLUMNS.items()
        for column in columns
        if column not in tables[name].header
    ]
    if problems:
        raise DataError(problems)


# --- making the grid of it


def _grid_text(tables: dict[str, Table], grid: str) -> tuple[dict[str, Any], Profiles]:
    """Content of the grid's file, and its profiles."""
    loads = tables["Load.csv"].where(grid)
    if not loads:
        subnets = sorted({name for name in tables["Load.csv"].column("subnet") if name.startswith("LV")})
        raise DataError(
            f"import/grid: the source has no low-voltage grid {grid!r}{nearest(grid, subnets)}: "
            f"there are {len(subnets)}, from {', '.join(subnets[:3])} to {subnets[-1] if subnets else 'none'}"
        )
    problems: list[str] = []
    plants = [row for row in tables["RES.csv"].where(grid) if row["type"] == "PV"]
    place = _places(tables, grid, problems)
    members = [_connection(row, "pLoad", place, problems) | {"kind": kind_of(row["profile"])} for row in loads]
    gives = [_connection(row, "pRES", place, problems) for row in plants]
    start_ms = check_clock(tables, problems)
    profiles = Profiles({}, {})
    _add_profiles(
        profiles, tables["LoadProfile.csv"], "LoadProfile.csv", {row["profile"]: "_pload" for row in loads}, problems
    )
    _add_profiles(
        profiles, tables["RESProfile.csv"], "RESProfile.csv", {row["profile"]: "" for row in plants}, problems
    )
    if problems:
        raise DataError(problems)
    text = {
        "version": GRID_VERSION,
        "grid": grid,
        "timezone": TIMEZONE,
        "start_ms": start_ms,
        "step_ms": STEP_MS,
        "steps": len(tables["LoadProfile.csv"].rows),
        "profiles": profiles.decimals,
        "members": members,
        "plants": gives,
    }
    return text, profiles


def kind_of(profile: str) -> str:
    """Tell the kind of a member by its profile's name: household, trade, farm, charging or other.

    >>> [kind_of(name) for name in ("H0-A", "G1-B", "L2-M", "HLS_A_3.7", "Soil_Alternative_1")]
    ['household', 'trade', 'farm', 'charging', 'other']
    """
    return next((kind for pattern, kind in _KINDS if re.match(pattern, profile)), "other")


def _places(tables: dict[str, Table], grid: str, problems: list[str]) -> dict[str, tuple[int, int]]:
    """Feeder and distance to the transformer [m] of every node that a closed way leads to."""
    edges = []
    for row in tables["Line.csv"].where(grid):
        length = number_of("Line.csv", row["id"], "length", row["length"], problems)
        edges.append(Edge(row["nodeA"], row["nodeB"], Fraction(length) * 1000, is_switch=False))
    edges += [
        Edge(row["nodeA"], row["nodeB"], Fraction(0), is_switch=True)
        for row in tables["Switch.csv"].where(grid)
        if row["cond"] == "1"
    ]
    transformers = [row["nodeLV"] for row in tables["Transformer.csv"].where(grid)]
    if not transformers:
        problems.append(f"import/transformer: Transformer.csv has no transformer in {grid}: its feeders have no root")
    busbar = busbar_of(edges, transformers)
    metres = distances_m(edges, busbar)
    return {
        node: (feeder, half_even(metres[node].numerator, metres[node].denominator))
        for node, feeder in feeders_of(edges, busbar).items()
    }


def _connection(
    row: dict[str, str], rating: str, place: dict[str, tuple[int, int]], problems: list[str]
) -> dict[str, Any]:
    """Describe what a load and a plant have in common. Ids lose their spaces, since an agent may bear them."""
    watts = (
        number_of("Load.csv" if rating == "pLoad" else "RES.csv", row["id"], rating, row[rating], problems) * 1_000_000
    )
    if watts != int(watts) or watts <= 0:
        problems.append(
            f"import/rating: {row['id']} has {rating}={row[rating]} MW, which is not a positive whole number of W"
        )
    if row["node"] not in place:
        problems.append(f"import/unconnected: no closed way leads from the transformer to {row['node']} of {row['id']}")
    feeder, metres = place.get(row["node"], (0, 0))
    return {
        "id": row["id"].replace(" ", "-"),
        "node": row["node"],
        "profile": row["profile"],
        "rated_w": int(watts),
        "feeder": feeder,
        "distance_m": metres,
    }


def number_of(table: str, row: str, column: str, text: str, problems: list[str]) -> Decimal:
    """Read one finite number, or note that it is none."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if number.is_finite():
        return number
    problems.append(f"import/value: {table}: {column}={text!r} of {row} is not a number")
    return Decimal(1)


def check_clock(tables: dict[str, Table], problems: list[str]) -> int:
    """Check that rows follow the local clock without a gap; gives the first instant [ms of UTC].

    The source writes the German local clock with daylight saving: the hour 02:00 is missing in March and there twice
    in October, so rows are evenly spaced in UTC.
    """
    clock = tables["LoadProfile.csv"].column("time")
    try:
        first = dt.datetime.strptime(clock[0], "%d.%m.%Y %H:%M").replace(tzinfo=zone(TIMEZONE))
    except (ValueError, IndexError):
        problems.append("import/calendar: LoadProfile.csv does not begin with a time such as '01.01.2016 00:00'")
        return 0
    start = first.astimezone(dt.UTC)
    step = dt.timedelta(milliseconds=STEP_MS)
    for name in ("LoadProfile.csv", "RESProfile.csv"):
        for number, text in enumerate(tables[name].column("time")):
            expected = (start + number * step).astimezone(zone(TIMEZONE)).strftime("%d.%m.%Y %H:%M")
            if text != expected:
                problems.append(
                    f"import/calendar: {name}:{number + 2}: time is {text!r}, but {expected!r} was to follow"
                )
                break
    if midnight_ms(first.date(), TIMEZONE) != utc_ms(start):
        problems.append("import/calendar: LoadProfile.csv does not begin at local midnight")
    return utc_ms(start)


def _add_profiles(profiles: Profiles, table: Table, file: str, suffixes: dict[str, str], problems: list[str]) -> None:
    """Add the profiles in natural order, each as whole numbers of its own last decimal."""
    for name in sorted(suffixes, key=natural_key):
        column = name + suffixes[name]
        if column not in table.header:
            problems.append(f"import/profile: {file} has no column {column!r}{nearest(column, table.header)}")
            continue
        values = [
            number_of(file, f"row {number}", column, text, problems)
            for number, text in enumerate(table.column(column), 2)
        ]
        places = max((-int(value.normalize().as_tuple().exponent) for value in values), default=0)
        if places > DECIMALS:
            problems.append(f"import/precision: {file}: {column} has {places} decimals, {DECIMALS} can be kept")
        elif min(values) < _LOWEST or max(values) > 2:  # nothing draws twice its rating
            problems.append(
                f"import/value: {file}: {column} leaves {_LOWEST}..2 of the rating: {min(values)}..{max(values)}"
            )
        else:
            profiles.quanta[name] = [int(value.scaleb(places)) for value in values]
            profiles.decimals[name] = max(places, 0)


# --- writing the folder


def refuse_taken(target: Path) -> None:
    """Never replace what somebody has."""
    if target.is_symlink() or (target.exists() and (not target.is_dir() or any(target.iterdir()))):
        raise ResourceError(f"import/exists: {str(target)!r} is already there: name a new or empty folder")
    if not target.absolute().parent.is_dir():
        raise ResourceError(f"import/exists: the folder above {str(target)!r} is not there: make it first")


def _write(target: Path, grid: str, text: dict[str, Any], profiles: Profiles, licence: str) -> None:
    """Write the grid's folder."""
    contents = {
        GRID_FILE: json_text(text).encode(),
        "LICENSE-ODbL-1.0.txt": licence_text(licence).encode(),
        "ATTRIBUTION.md": _attribution(grid, text).encode(),
        PROFILE_FILE: packed({name: np.array(values, np.int32) for name, values in profiles.quanta.items()}),
    }
    write_folder(target, contents)


def write_folder(target: Path, contents: dict[str, bytes]) -> None:
    """Write all files beside `target`, then give them its name.

    Raises
    ------
    ResourceError
        If nothing can be written there.
    """
    try:
        draft = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.absolute().parent))
    except OSError as fault:
        raise ResourceError(f"import/exists: cannot write beside {str(target)!r} ({fault.strerror})") from None
    try:
        for name, content in contents.items():
            (draft / name).write_bytes(content)
        draft.chmod(0o755)
        draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def packed(columns: dict[str, npt.NDArray[np.int32]]) -> bytes:
    """Pack columns as 32-bit whole numbers: one row group, so that the bytes depend on the values alone."""
    import polars as pl

    frame = pl.DataFrame({name: pl.Series(values, dtype=pl.Int32) for name, values in columns.items()})
    stream = io.BytesIO()
    frame.write_parquet(stream, compression="zstd", compression_level=22, row_group_size=max(frame.height, 1))
    return stream.getvalue()


def json_text(text: dict[str, Any]) -> str:
    """Lay out the grid's file with one line per member, so that a difference can be read."""
    lines = []
    for key, value in text.items():
        if isinstance(value, list):
            rows = ",\n".join(f"  {json.dumps(row)}" for row in value)
            lines.append(f" {json.dumps(key)}: [\n{rows}\n ]" if value else f" {json.dumps(key)}: []")
        else:
            lines.append(f" {json.dumps(key)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def licence_text(licence: str) -> str:
    """Join the source's own statement and the full text of the database licence."""
    odbl = resources.files("wattbook.data").joinpath("odbl-1.0.txt").read_text(encoding="utf-8")
    rule = "\n" + "-" * 79 + "\n\n"
    statement = licence.split('The code of this repository "simbench"', maxsplit=1)[0].strip() + "\n"
    return rule.join((statement, odbl.strip() + "\n"))


def _attribution(grid: str, text: dict[str, Any]) -> str:
    """Tell whose data this is, under which terms, and what was changed."""
    source = text["provenance"]
    minutes = text["step_ms"] // MS_PER_MINUTE
    return f"""\
# Attribution

This folder contains information from SimBench {source["version"]}, which is made available under the Open Database
License (ODbL) 1.0, <http://opendatacommons.org/licenses/odbl/1.0/>. Rights in individual contents of the database are
licensed under the Database Contents License (DbCL) 1.0, <http://opendatacommons.org/licenses/dbcl/1.0/>.

Copyright (c) University of Kassel, TU Dortmund, RWTH Aachen University and Fraunhofer Institute for Energy Economics
and Energy System Technology (IEE) Kassel and individual contributors, <https://www.simbench.net>. Cite: S. Meinecke
et al., SimBench - A Benchmark Dataset of Electric Power Systems to Compare Innovative Solutions Based on Power Flow
Analysis, Energies 2020, 13(12), 3290.

It is a derivative database: it stays under the ODbL, and whoever passes on a changed copy does so under the ODbL too.
The code of wattbook has its own licence.

## What was taken and what was changed

- Low-voltage grid {grid} of `{source["dataset"]}`: {len(text["members"])} loads, {len(text["plants"])} PV plants
  and their {len(text["profiles"])} active-power profiles. `{GRID_FILE}` has the SHA-256 of each source file.
- Ratings: from MW to whole W. Ids: spaces became hyphens. Feeder and distance to the transformer [m]: derived from
  lines and closed switches (feeders are numbered by the busbar field they leave from).
- Profiles: {text["steps"]} rows of {minutes} minutes, evenly spaced in UTC from `start_ms`. The source's local clock
  ({text["timezone"]}, with daylight saving) was checked row by row and left out. Values are whole numbers of 10**-n of
  the rating, with the n of each profile under `profiles` in `{GRID_FILE}`: exactly the source's decimals.
- `wattbook data import simbench WHEEL --grid {grid} --out DIR` makes this folder again.
"""
