"""What is promised in seconds of processor time, measured with nothing else of ours running beside it."""

import resource
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.alone]

COMMAND = [sys.executable, "-m", "wattbook"]


def cpu_seconds(command):
    """Processor time of a command and its children [s]."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_two_days_of_the_neighbourhood_stay_under_fifteen_seconds_of_cpu(tmp_path):
    subprocess.run([*COMMAND, "warm-up"], check=True, capture_output=True)
    run = [*COMMAND, "run", "neighbourhood", "--seed", "7", "--out"]
    assert cpu_seconds([*run, str(tmp_path / "run")]) < 15
