"""What is promised in seconds of processor time and in memory, measured with nothing else of ours running beside it."""

import os
import subprocess
import sys
from statistics import median
from typing import NamedTuple

import polars as pl
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.alone]

COMMAND = [sys.executable, "-m", "wattbook"]
GIB = 1 << 30


class Spent(NamedTuple):
    cpu_s: float
    peak_bytes: int


def spent(*arguments):
    """Processor time and most memory of a command."""
    with subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, arguments
    return Spent(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


@pytest.fixture(scope="module", autouse=True)
def warm():
    spent("warm-up")


def run_city(homes, folder, *more):
    """Run a day of the shipped city on one processor."""
    given = ("--seed", "7", "--threads", "1", "--set", f"homes={homes}", "--set", "baseline=no")
    return spent("run", "city", *given, *more, "--out", folder)


def rows(folder, table):
    return pl.scan_parquet(folder / "tables" / f"{table}.parquet").select(pl.len()).collect().item()


def test_two_days_of_the_neighbourhood_stay_under_fifteen_seconds_of_cpu(tmp_path):
    assert spent("run", "neighbourhood", "--seed", "7", "--out", tmp_path / "run").cpu_s < 15


@pytest.mark.parametrize("name", ["seed-1", "seed-2"])
def test_a_week_of_a_seed_scenario_stays_under_a_minute_of_cpu(name, tmp_path):
    assert spent("run", name, "--out", tmp_path / "run").cpu_s < 60


@pytest.mark.long
def test_a_day_of_ten_thousand_homes_takes_five_seconds(tmp_path):
    assert median(run_city(10_000, tmp_path / f"run-{i}").cpu_s for i in range(5)) <= 5


@pytest.fixture(scope="module")
def large_city(tmp_path_factory):
    """Folder and cost of a day of a hundred thousand homes."""
    folder = tmp_path_factory.mktemp("city") / "run"
    return folder, run_city(100_000, folder)


@pytest.mark.long
def test_a_day_of_a_hundred_thousand_homes_takes_forty_five_seconds(tmp_path, large_city):
    again = [run_city(100_000, tmp_path / f"run-{i}").cpu_s for i in range(2)]
    assert median([large_city[1].cpu_s, *again]) <= 45


@pytest.mark.long
def test_a_day_of_a_hundred_thousand_homes_fits_into_six_gibibytes_and_can_be_recounted(large_city):
    folder, cost = large_city
    assert cost.peak_bytes <= 6 * GIB
    assert rows(folder, "meters") == 96 * 100_000
    assert rows(folder, "trades") >= 2_000_000
    spent("verify", "--recount", folder)


@pytest.mark.long
def test_an_agent_day_costs_little_more_among_a_hundred_thousand_than_among_a_thousand(tmp_path, large_city):
    small = run_city(1_000, tmp_path / "small").cpu_s - run_city(10, tmp_path / "start").cpu_s
    assert large_city[1].cpu_s / 100_000 <= 1.5 * small / 1_000


@pytest.mark.long
def test_two_hours_of_a_million_homes_fit_into_twelve_gibibytes(tmp_path):
    assert run_city(1_000_000, tmp_path / "run", "--set", "hours=2").peak_bytes <= 12 * GIB
