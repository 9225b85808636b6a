"""Import the power plants of the SimBench data set, and the load and weather of their year.

Owns the reading of the source's highest voltage level and the writing of a supply folder that `supply` reads. What the
380 kV and 220 kV grids see is one series of each kind: the load of all their substations, and wind, sun, rivers and
biomass weighted by the capacities that are connected there. Sums are exact; each value is rounded once, to a whole ppm.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wattbook.data.simbench import (
    DATASET,
    STEP_MS,
    TABLES,
    TIMEZONE,
    Source,
    Table,
    check_clock,
    json_text,
    licence_of,
    licence_text,
    number_of,
    opened,
    packed,
    refuse_taken,
    table_of,
    version_of,
    write_folder,
)
from wattbook.data.supply import (
    PLANT_COLUMNS,
    PLANT_FILE,
    SERIES_FILE,
    SUPPLY_FILE,
    SUPPLY_VERSION,
)
from wattbook.data.topology import natural_key
from wattbook.errors import DataError
from wattbook.units import MS_PER_MINUTE, PPM, half_even

if TYPE_CHECKING:
    from collections.abc import Iterator

_NEEDED: Final = {
    "PowerPlant.csv": ("id", "type", "pPP"),
    "Load.csv": ("id", "profile", "pLoad", "subnet"),
    "RES.csv": ("id", "type", "profile", "pRES", "subnet"),
    "LoadProfile.csv": ("time",),
    "RESProfile.csv": ("time",),
}
_KINDS: Final = {
    "nuclear": "nuclear",
    "lignite": "lignite",
    "hard coal": "coal",
    "gas": "gas",
    "oil": "oil",
    "waste": "waste",
    "imp0": "import",
    "imp1": "import",
}
"""The source's names of kinds, and ours."""
_WEATHER: Final = {
    "wind onshore": "wind-onshore",
    "wind offshore": "wind-offshore",
    "pv": "solar",
    "run of river": "hydro",
    "biomass": "biomass",
}
_LEVEL: Final = "EHV1"
_LOADS: Final = "HS"
"""Profiles of the grids below, as the highest level sees them; those called HSexp are exports."""
_EXPORTS: Final = "HSexp"
_FRACTION_DIGITS: Final = 15
"""Decimals that a rating (5 at most) times a profile (9) can have."""


def import_simbench_supply(source: str | Path, out: str | Path) -> Path:
    """Write the supply folder of the SimBench data set.

    Parameters
    ----------
    source : str or Path
        The simbench wheel, or the folder it was unpacked or installed into.
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
    problems = [
        f"import/missing-column: {name} has no column {column!r}"
        for name, columns in _NEEDED.items()
        for column in columns
        if column not in tables[name].header
    ]
    if problems:
        raise DataError(problems)
    start_ms = check_clock(tables, problems)
    plants = _plants(tables["PowerPlant.csv"], problems)
    peak_w, series = _load(tables, problems)
    capacity_w = {}
    for name, (watts, values) in _weather(tables, problems):
        capacity_w[name], series[name] = watts, values
    if problems:
        raise DataError(problems)
    text = {
        "version": SUPPLY_VERSION,
        "timezone": TIMEZONE,
        "start_ms": start_ms,
        "step_ms": STEP_MS,
        "steps": len(tables["LoadProfile.csv"].rows),
        "load_peak_w": peak_w,
        "capacity_w": capacity_w,
        "series": sorted(series),
        "provenance": {
            "source": "SimBench",
            "version": version,
            "dataset": DATASET,
            "licence": "ODbL-1.0, contents DbCL-1.0",
            "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in sorted(raw.items())},
        },
    }
    contents = {
        SUPPLY_FILE: json_text(text).encode(),
        PLANT_FILE: _plant_text(plants).encode(),
        SERIES_FILE: packed({name: np.array(series[name], np.int32) for name in sorted(series)}),
        "LICENSE-ODbL-1.0.txt": licence_text(licence).encode(),
        "ATTRIBUTION.md": _attribution(text, len(plants)).encode(),
    }
    write_folder(target, contents)
    return target


def _raw_tables(files: Source) -> dict[str, bytes]:
    """Bytes of all tables that are needed."""
    missing = [name for name in _NEEDED if TABLES + name not in files.names]
    if missing:
        raise DataError([f"import/missing-file: {TABLES}{name} is not in the source" for name in missing])
    return {name: files.read(TABLES + name) for name in _NEEDED}


def _rows(table: Table) -> list[dict[str, str]]:
    """All rows of a table by column, in natural order of their ids."""
    rows = [dict(zip(table.header, row, strict=True)) for row in table.rows]
    return sorted(rows, key=lambda row: natural_key(row["id"]))


def _plants(table: Table, problems: list[str]) -> list[tuple[str, str, int]]:
    """Id, kind and capacity [W] of each plant."""
    found = []
    for row in _rows(table):
        watts = number_of("PowerPlant.csv", row["id"], "pPP", row["pPP"], problems) * 1_000_000
        if row["type"] not in _KINDS:
            problems.append(f"import/kind: {row['id']} is of the unknown type {row['type']!r}")
        elif watts <= 0 or watts != int(watts):
            problems.append(f"import/rating: {row['id']} has pPP={row['pPP']} MW, which is not whole W above zero")
        else:
            found.append((row["id"].replace(" ", "-"), _KINDS[row["type"]], int(watts)))
    return found


def _load(tables: dict[str, Table], problems: list[str]) -> tuple[int, dict[str, list[int]]]:
    """Peak [W] of the sum of all loads of the level, and that sum in ppm of its peak."""
    megawatts: dict[str, Decimal] = defaultdict(Decimal)
    for row in _rows(tables["Load.csv"]):
        if row["subnet"] == _LEVEL and row["profile"].startswith(_LOADS) and not row["profile"].startswith(_EXPORTS):
            megawatts[row["profile"] + "_pload"] += number_of("Load.csv", row["id"], "pLoad", row["pLoad"], problems)
    total = _weighted(tables["LoadProfile.csv"], "LoadProfile.csv", megawatts, problems)
    peak = max(total, default=0)
    if peak <= 0:
        problems.append(f"import/load: Load.csv has no load of {_LEVEL} with a profile {_LOADS}...")
        return 0, {}
    return half_even(peak, 10 ** (_FRACTION_DIGITS - 6)), {"load": [half_even(value * PPM, peak) for value in total]}


def _weather(tables: dict[str, Table], problems: list[str]) -> Iterator[tuple[str, tuple[int, list[int]]]]:
    """Name, capacity [W] and mean yield [ppm of the capacity] of each kind of weather-driven plant of the level."""
    megawatts: dict[str, dict[str, Decimal]] = {name: defaultdict(Decimal) for name in _WEATHER.values()}
    for row in _rows(tables["RES.csv"]):
        if row["subnet"] == _LEVEL and row["type"] in _WEATHER:
            megawatts[_WEATHER[row["type"]]][row["profile"]] += number_of(
                "RES.csv", row["id"], "pRES", row["pRES"], problems
            )
    for name, weights in megawatts.items():
        total = _weighted(tables["RESProfile.csv"], "RESProfile.csv", weights, problems)
        rated = int(sum(weights.values(), Decimal()).scaleb(_FRACTION_DIGITS))
        if not rated:
            problems.append(f"import/plants: RES.csv has no {name} in {_LEVEL}")
            continue
        # The source's profiles dip below zero by parts per million.
        values = [half_even(max(value, 0) * PPM, rated) for value in total]
        yield name, (half_even(rated, 10 ** (_FRACTION_DIGITS - 6)), values)


def _weighted(table: Table, file: str, weights: dict[str, Decimal], problems: list[str]) -> list[int]:
    """Sum of the named columns times their weights, row by row, in units of 10**-`_FRACTION_DIGITS`."""
    missing = [name for name in weights if name not in table.header]
    problems.extend(f"import/profile: {file} has no column {name!r}" for name in missing)
    places = [(table.header.index(name), weight) for name, weight in weights.items() if name not in missing]
    return [
        int(
            sum(
                (
                    number_of(file, f"row {at}", table.header[place], row[place], problems) * weight
                    for place, weight in places
                ),
                Decimal(),
            ).scaleb(_FRACTION_DIGITS)
        )
        for at, row in enumerate(table.rows, 2)
        if places
    ]


def _plant_text(plants: list[tuple[str, str, int]]) -> str:
    """Write the plants as a table that a person can read."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(PLANT_COLUMNS)
    writer.writerows(plants)
    return stream.getvalue()


def _attribution(text: dict[str, Any], plants: int) -> str:
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

- `{PLANT_FILE}`: all {plants} rows of `PowerPlant.csv` of `{source["dataset"]}`, with their
  type and rated active power (pPP), from MW to whole W. Ids: spaces became hyphens. "hard coal" is called coal here,
  and "imp0" and "imp1", the lines to other countries, import. The source's pMin is left out: it is 50 MW for every
  plant of 50 MW and more, and 1 MW for every smaller one.
- `{SERIES_FILE}`: {text["steps"]} rows of {minutes} minutes, evenly spaced in UTC from `start_ms` of `{SUPPLY_FILE}`.
  The source's local clock ({text["timezone"]}, with daylight saving) was checked row by row and left out. `load` is
  the sum over the loads of subnet {_LEVEL} (profiles {_LOADS}, without the exports {_EXPORTS}) of rating times
  profile, in ppm of its own peak, `load_peak_w`. The others are the profiles of the wind, PV, run-of-river and biomass
  plants of that subnet, weighted by their ratings, in ppm of the sum of these (`capacity_w`); values below zero (at
  most 10 ppm) became 0.
- `{SUPPLY_FILE}` has the SHA-256 of each source file.
  `wattbook.data.import_simbench_supply` makes this folder again from the wheel.
"""
