"""What may be asked of the benchmarks; imports nothing, so that help is there at once."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

STREAMS: Final = ("local", "deep", "match-heavy", "96 products")
MESSAGES: Final = 1_000_000
AGENTS: Final = (100, 1_000, 10_000, 100_000, 1_000_000)
MOST_AGENTS: Final = 1_000_000
"""As many as a city may have homes; more would say nothing new."""
MOST_DIGITS: Final = 18
ENGINES: Final = ("population", "processes")
PARTS: Final = ("market", "split", "memory", "scenario")
SLICES: Final = 9
LEAST_SLICES: Final = 5
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
    parser.add_argument(
        "--ratios", action="store_true", help="with --check: judge ratios alone, on a machine of unknown speed"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    _add_debug(parser)
    return parser.parse_args(arguments)


def run_options(arguments: Sequence[str] | None, program: str | None = None) -> argparse.Namespace:
    """Read the options of the whole runs' benchmark; leaves with 2 where they are wrong."""
    parser = argparse.ArgumentParser(
        prog=program,
        description="Measure whole runs: wakes and simulated days a second, where the time goes, memory of an agent.",
    )
    parser.add_argument("--agents", type=_counts, metavar="N,N", help=f"sizes, else {','.join(map(str, AGENTS))}")
    parser.add_argument("--engines", type=_engines, default=ENGINES, metavar="E,E", help=f"of {','.join(ENGINES)}")
    parser.add_argument(
        "--only", action="append", choices=PARTS, help="leave the others out: may be repeated, else everything"
    )
    parser.add_argument("--no-peers", action="store_true", help="leave out what others would build it with")
    parser.add_argument("--slices", type=_slices, default=SLICES, metavar="N", help=f"of each, at least {LEAST_SLICES}")
    parser.add_argument("--scenario", default=SCENARIO, help="a shipped scenario or a script, run as a whole")
    parser.add_argument("--days", type=_count, default=1, metavar="D", help="days of that scenario")
    parser.add_argument(
        "--runs", type=_count, default=RUNS, metavar="N", help="the median of so many runs of it counts"
    )
    parser.add_argument("--quick", action="store_true", help="small sizes: does it work?")
    parser.add_argument("--save", type=_new_file, metavar="FILE", help="keep the report as a baseline")
    parser.add_argument("--baseline", type=Path, metavar="FILE", help="compare with a kept report, as ratios")
    parser.add_argument(
        "--check", action="store_true", help="end with 1 when a bound is missed, or engines give different runs"
    )
    parser.add_argument(
        "--slack", type=_share, default=0.0, metavar="SHARE",
        help="with --check: let a timed bound be missed by so much, on a machine that others use",
    )  # fmt: skip
    parser.add_argument(
        "--json", nargs="?", const=True, type=_new_file, metavar="FILE", help="print JSON, or write it and print tables"
    )
    _add_debug(parser)
    wanted = parser.parse_args(arguments)
    wanted.only = wanted.only or list(PARTS)
    wanted.default_agents = AGENTS
    return wanted


def _add_debug(parser: argparse.ArgumentParser) -> None:
    """Take what every command takes; the program's own end reads it."""
    parser.add_argument("--debug", action="store_true", help="show tracebacks")


OPTIONS: Final = {"book": book_options, "run": run_options}


def _count(text: str) -> int:
    """Read a whole number from 1."""
    if not (text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def _counts(text: str) -> tuple[int, ...]:
    """Read numbers of agents, with commas between them; smallest first."""
    counts = sorted({_count(each) for each in text.split(",")})
    if counts[-1] > MOST_AGENTS:
        raise argparse.ArgumentTypeError(f"{counts[-1]:,} agents are too many: give at most {MOST_AGENTS:,}")
    return tuple(counts)


def _slices(text: str) -> int:
    """Read how many slices."""
    if _count(text) < LEAST_SLICES:
        raise argparse.ArgumentTypeError(f"{text} slices are too few: give at least {LEAST_SLICES}")
    return _count(text)


def _engines(text: str) -> tuple[str, ...]:
    """Read names of engines, with commas between them."""
    named = text.split(",")
    if strange := [name for name in named if name not in ENGINES]:
        raise argparse.ArgumentTypeError(f"{strange[0]!r} is not one of {', '.join(ENGINES)}")
    return tuple(name for name in ENGINES if name in named)


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
