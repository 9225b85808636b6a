"""What may be asked of the benchmarks; imports nothing, so that help is there at once."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

STREAMS: Final = ("local", "deep", "match-heavy", "96 products")
MESSAGES: Final = 1_000_000
SCENARIO: Final = "neighbourhood"
RUNS: Final = 3


def book_options(arguments: Sequence[str] | None, program: str | None = None) -> argparse.Namespace:
    """Read the options of the book's benchmark; leaves with 2 where they are wrong."""
    parser = argparse.ArgumentParser(
        prog=program, description="Measure the book: throughput, latency, memory, start-up; other books beside it."
    )
    parser.add_argument("--batch", action="store_true", help="only batch throughput against the minimal book")
    parser.add_argument("--calls", action="store_true", help="with --batch: single calls and the reference, too")
    parser.add_argument("--stream", action="append", choices=STREAMS, help="only this one; may be repeated")
    parser.add_argument("--no-peers", action="store_true", help="leave other packages out")
    parser.add_argument("--messages", type=_count, default=MESSAGES, metavar="N", help="messages of each stream")
    parser.add_argument("--passes", type=_count, default=1, metavar="N", help="times each stream is gone through")
    parser.add_argument("--quick", action="store_true", help="small sizes: does it work?")
    parser.add_argument("--save", type=_new_file, metavar="FILE", help="keep the report as a baseline")
    parser.add_argument("--baseline", type=Path, metavar="FILE", help="compare with a kept report, as ratios")
    parser.add_argument("--check", action="store_true", help="end with 1 when a bound is missed")
    parser.add_argument(
        "--slack", type=_share, default=0.0, metavar="SHARE",
        help="with --check: let a timed bound be missed by so much, on a machine that others use",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser.parse_args(arguments)


def run_options(arguments: Sequence[str] | None, program: str | None = None) -> argparse.Namespace:
    """Read the options of the whole run's benchmark; leaves with 2 where they are wrong."""
    parser = argparse.ArgumentParser(prog=program, description="Measure whole runs of a scenario, market only.")
    parser.add_argument("--scenario", default=SCENARIO, help="a shipped scenario or a script")
    parser.add_argument("--days", type=_count, default=1, metavar="D", help="days of the run")
    parser.add_argument("--runs", type=_count, default=RUNS, metavar="N", help="the median of so many runs counts")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser.parse_args(arguments)


OPTIONS: Final = {"book": book_options, "run": run_options}


def _count(text: str) -> int:
    """Read a whole number from 1."""
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def _share(text: str) -> float:
    """Read a share from 0 to below 1."""
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share from 0 to below 1")
    return share


def _new_file(text: str) -> Path:
    """Read where to write; said before minutes of measuring rather than after."""
    path = Path(text)
    if path.is_dir() or not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text} cannot be written: name a file in a folder that is there")
    return path
