"""The command as a process of its own: start-up, pipes, interrupts, terminals."""

import os
import pty
import select
import signal
import subprocess
import sys
import time

import pytest

COMMAND = (sys.executable, "-m", "wattbook")
HEAVY = ("numba", "numpy", "polars", "anthropic", "scipy", "pydantic", "simpy", "sortedcontainers", "rich")
LONG = """
import sys, time
from wattbook import *
def slow(see, memory, draw, out):
    if see.fresh and see.period == 0:
        print("begun", file=sys.stderr, flush=True)
    time.sleep(0.001)
    return 60_000
scenario = Scenario(start="2016-06-06", days=2, agents=[
    consumer("ada", policy=slow), utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(80))])
"""


def imported(*arguments):
    """Tell which heavy libraries a command line imports."""
    code = (
        "import sys\nsys.argv = ['wattbook', *sys.argv[1:]]\nfrom wattbook.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    return ended.stderr.strip()


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("run", "--help"), ("compare", "--help"), ("fly",)])
def test_help_and_slips_import_nothing_heavy(arguments):
    # typer itself checks the arguments of a command with pydantic.
    assert imported(*arguments).endswith(("[]", "['pydantic']") if arguments[0] in ("run", "compare", "fly") else "[]")


def test_importing_the_package_imports_nothing_heavy():
    code = f"import sys, wattbook; print([m for m in {(*HEAVY, 'typer')!r} if m in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"


def test_help_answers_in_well_under_a_third_of_a_second():
    spent = []
    for _ in range(3):
        before = os.times()
        subprocess.run([*COMMAND, "--help"], capture_output=True, check=True)
        after = os.times()
        spent.append(after.children_user + after.children_system - before.children_user - before.children_system)
    assert min(spent) < 0.3


def test_a_reader_that_goes_away_ends_the_command_without_a_traceback(tmp_path):
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([*COMMAND, "run", "--help"], cwd=tmp_path, **streams) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_a_reader_that_goes_away_in_the_midst_of_a_long_output_ends_with_141(tmp_path):
    code = (
        "import typer\nfrom wattbook.cli import app, main\n"
        "@app.app.command()\ndef talk():\n    typer.echo('x' * 10_000_000)\n"
        "main(['talk'])"
    )
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    # Unbuffered, Python itself forgets what a pipe did not take, and says nothing.
    buffered = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    with subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, env=buffered, **streams) as process:
        process.stdout.read(1)
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def start(script, folder, *options, **streams):
    (folder / "long.py").write_text(script)
    return subprocess.Popen([*COMMAND, "run", "long.py", *options], cwd=folder, **streams)


def test_an_interrupt_ends_with_130_says_so_and_leaves_nothing_behind(tmp_path):
    with start(LONG, tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert any(line == b"begun\n" for line in process.stderr), "the run never began"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert out == b""
    assert err.decode().splitlines()[-1] == "interrupted: no run was saved"
    assert b"Traceback" not in err
    assert [path.name for path in tmp_path.iterdir()] == ["long.py"]


def on_terminal(folder, seconds, **environment):
    """Run on a terminal until it has shown three lines, for so many seconds at most, and give what it showed."""
    ours, theirs = pty.openpty()
    process = start(LONG, folder, stderr=theirs, stdout=subprocess.DEVNULL, env={**os.environ, **environment})
    os.close(theirs)
    shown, until = b"", time.monotonic() + seconds
    while time.monotonic() < until and shown.count(b"events/s") < 3:
        if select.select([ours], [], [], 0.2)[0]:
            shown += os.read(ours, 65_536)
    process.send_signal(signal.SIGINT)
    process.wait(timeout=30)
    os.close(ours)
    return shown.decode(errors="replace")


def test_a_terminal_gets_one_line_that_is_kept_up_to_date(tmp_path):
    shown = on_terminal(tmp_path, 120, TERM="xterm-256color")
    assert shown.count("events/s") >= 3
    assert "\x1b[" in shown
    assert shown.replace("\r\n", "\n").count("\n") <= 3


def test_no_color_is_respected(tmp_path):
    shown = on_terminal(tmp_path, 120, TERM="xterm-256color", NO_COLOR="1")
    assert shown.count("events/s") >= 3
    assert "\x1b[3" not in shown
