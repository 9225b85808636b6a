"""Fixtures of the data room: the shipped grid, a tiny source of our own, and the real wheel for the slow tests."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from wattbook.data import Grid, load_grid

WHEEL = "simbench-1.6.3-py3-none-any.whl"
TABLES = "simbench/networks/1-complete_data-mixed-all-1-sw/"


@pytest.fixture(scope="session")
def grid() -> Grid:
    return load_grid("simbench/LV2.101")


@pytest.fixture(scope="session")
def wheel() -> Path:
    """The published wheel: named by an environment variable, or fetched once into the project's cache folder."""
    if named := os.environ.get("WATTBOOK_SIMBENCH_WHEEL"):
        return Path(named)
    cache = Path(__file__).parents[2] / ".cache"
    if not (cache / WHEEL).is_file():
        cache.mkdir(exist_ok=True)
        (cache / ".gitignore").write_text("*\n")
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--dest",
            str(cache),
            "simbench==1.6.3",
        ]
        subprocess.run(command, check=True, timeout=600)
    return cache / WHEEL


def clock(days: int) -> list[str]:
    """Quarter hours of the German local clock over the days around the start of summer time in 2016."""
    start = dt.datetime(2016, 3, 26, tzinfo=ZoneInfo("Europe/Berlin")).astimezone(dt.UTC)
    end = dt.datetime(2016, 3, 26 + days, tzinfo=ZoneInfo("Europe/Berlin")).astimezone(dt.UTC)
    count = (end - start) // dt.timedelta(minutes=15)
    times = (start + n * dt.timedelta(minutes=15) for n in range(count))
    return [time.astimezone(ZoneInfo("Europe/Berlin")).strftime("%d.%m.%Y %H:%M") for time in times]


def small_tables() -> dict[str, str]:
    """A grid of three loads on two feeders, one plant, and three days that lack an hour."""
    times = clock(3)
    load = [f"{time};0.5;{0.25 if n % 2 else 1}" for n, time in enumerate(times)]
    sun = [f"{time};0.123456789" for time in times]
    return {
        "Load.csv": "id;node;profile;pLoad;qLoad;subnet\n"
        "LV9.1 Load 10;LV9.1 Bus 3;G1-A;0.0105;0;LV9.1\n"
        "LV9.1 Load 2;LV9.1 Bus 2;H0-A;0.002;0;LV9.1\n"
        "LV9.1 Load 3;LV9.1 Bus 4;H0-A;0.003;0;LV9.1\n"
        "LV9.11 Load 1;LV9.11 Bus 4;H0-A;0.003;0;LV9.11\n",
        "RES.csv": "id;node;type;profile;pRES;subnet\n"
        "LV9.1 SGen 1;LV9.1 Bus 3;PV;PV1;0.0047;LV9.1\n"
        "MV SGen 1;MV Bus 3;lv_RES;lv_rural1;0.2;MV1_LV9.1_eq\n",
        "Line.csv": "id;nodeA;nodeB;length;subnet\n"
        "Line 1;LV9.1 Bus 1_10;LV9.1 Bus 2;0.0105;LV9.1\n"
        "Line 2;LV9.1 Bus 2;LV9.1 Bus 3;0.002;LV9.1\n"
        "Line 3;LV9.1 Bus 1_2;LV9.1 Bus 4_1;0.1;LV9.1\n",
        "Switch.csv": "id;nodeA;nodeB;type;cond;subnet\n"
        "Switch 1;LV9.1 Bus 1;LV9.1 Bus 1_1;CB;1;LV9.1\n"
        "Switch 2;LV9.1 Bus 1;LV9.1 Bus 1_2;LS;1;LV9.1\n"
        "Switch 3;LV9.1 Bus 1;LV9.1 Bus 1_10;LS;1;LV9.1\n"
        "Switch 4;LV9.1 Bus 4;LV9.1 Bus 4_1;LS;1;LV9.1\n"
        "Switch 5;LV9.1 Bus 3;LV9.1 Bus 4;LS;0;LV9.1\n",
        "Transformer.csv": "id;nodeHV;nodeLV;subnet\nTrafo;MV Bus 1;LV9.1 Bus 1_1;LV9.1\n",
        "LoadProfile.csv": "time;G1-A_pload;H0-A_pload\n" + "\n".join(load) + "\n",
        "RESProfile.csv": "time;PV1\n" + "\n".join(sun) + "\n",
    }


@pytest.fixture
def tables() -> dict[str, str]:
    return small_tables()


@pytest.fixture
def pack(tmp_path: Path):
    """Write tables (and a licence) as a wheel."""

    def write(tables: dict[str, str], licence: str = "see http://opendatacommons.org/licenses/odbl/1.0/.") -> Path:
        path = tmp_path / "simbench-0.0-py3-none-any.whl"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("simbench-0.0.dist-info/licenses/LICENSE", licence)
            for name, text in tables.items():
                archive.writestr(TABLES + name, text)
        return path

    return write
