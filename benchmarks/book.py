"""How fast is the book, what does it hold, and how does it compare? CPU time throughout.

python -m benchmarks.book            all of it, some minutes
python -m benchmarks.book --batch    batch throughput against the minimal book only
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from wattbook.errors import ConfigError

from . import latency, memory, peers, startup, streams, throughput
from .baseline import compare
from .bounds import bounds
from .contenders import BATCH, MINIMAL, PUBLIC, RAW, REFERENCE
from .elsewhere import Elsewhere, store
from .machine import all_versions, machine
from .options import book_options
from .progress import Line

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from .bounds import Bound

QUICK_MESSAGES: Final = 50_000
QUICK_ORDERS: Final = 2_000_000
MOST_OF_OURS: Final = {RAW: 500_000, PUBLIC: 500_000, REFERENCE: 200_000}
"""Single calls and the reference settle within a shorter run of the stream."""


def main(wanted: argparse.Namespace) -> int:
    """Measure and show; returns the exit code: 1 where a bound is missed under --check."""
    then = _read(wanted.baseline) if wanted.baseline else None
    with Line() as say:
        report = measure(wanted, say)
    if wanted.save:
        wanted.save.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    changes = compare(report, then) if then is not None else None
    if changes is not None:
        report["changes"] = [each._asdict() for each in changes]
    if wanted.json:
        print(json.dumps(report, indent=1))
    else:
        from .tables import show

        show(report, changes)
    if then is not None and not changes:
        print("the baseline was taken with other streams: nothing to compare", file=sys.stderr)
    kept = all(bound.holds_within(wanted.slack) for bound in judged(report, wanted))
    return int(wanted.check and not kept)


def measure(wanted: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure what is wanted."""
    messages = QUICK_MESSAGES if wanted.quick else wanted.messages
    report: dict[str, Any] = {
        "machine": machine(),
        "versions": all_versions(),
        "settings": {"streams": {"messages": messages, "seed": streams.SEED}, "passes": wanted.passes},
        "streams": {},
    }
    for name in wanted.stream or streams.PLANS:
        report["streams"][name] = _stream(name, messages, wanted, say)
    if not wanted.batch:
        report["latency"] = latency.measure(streams.draw("local", min(messages, latency.MESSAGES)), say)
        report["memory"] = memory.measure(QUICK_ORDERS if wanted.quick else memory.ORDERS_THROUGH, say)
        report["start-up"] = startup.measure(say)
    report["bounds"] = [bound.as_json() for bound in judged(report, wanted)]
    return report


def judged(report: dict[str, Any], wanted: argparse.Namespace) -> list[Bound]:
    """Promises that this run is held to: small sizes tell whether it works, not how fast."""
    if wanted.quick:
        return []
    return [bound for bound in bounds(report) if bound.is_ratio or not wanted.ratios]


def _read(file: Path) -> dict[str, Any]:
    """Read a kept report."""
    try:
        report: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        compare(report, report)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ConfigError(f"{file} is no report of this benchmark: make one with --save") from None
    return report


def _entrants(name: str, messages: int, wanted: argparse.Namespace) -> dict[str, int]:
    """Most messages of each book that takes part."""
    most = {BATCH: messages, MINIMAL: messages}
    if wanted.calls or not wanted.batch:
        most |= {key: min(each, messages) for key, each in MOST_OF_OURS.items()}
    if not wanted.batch and not wanted.no_peers:
        most |= {key: peers.most_messages(key, name, messages) for key in peers.MAKERS}
    return most


def _stream(name: str, messages: int, wanted: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure all books on one stream."""
    say(f"{name}: drawing {messages:,} messages")
    stream = streams.draw(name, messages)
    slicing = throughput.Slicing(passes=wanted.passes)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        store(stream, Path(folder))
        most = _entrants(name, messages, wanted)
        lanes = {key: Elsewhere(key, each, stream, slicing, Path(folder)) for key, each in most.items()}
        found = throughput.measure(stream, lanes, slicing, say)
    return {"facts": streams.facts(stream), "books": {key: each.as_json() for key, each in found.items()}}


if __name__ == "__main__":
    sys.exit(main(book_options(None)))
