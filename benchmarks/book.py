"""How fast is the book, what does it hold, and how does it compare? CPU time throughout.

python -m benchmarks.book            all of it, some minutes
python -m benchmarks.book --batch    batch throughput against the minimal book only
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Final

from . import latency, memory, peers, startup, streams, throughput
from .baseline import compare
from .bounds import bounds
from .contenders import BATCH, MINIMAL, OURS, PUBLIC, RAW, REFERENCE
from .machine import all_versions, machine
from .options import book_options
from .progress import Line

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

QUICK_MESSAGES: Final = 50_000
QUICK_ORDERS: Final = 2_000_000
MOST_OF_OURS: Final = {RAW: 500_000, PUBLIC: 500_000, REFERENCE: 200_000}
"""Single calls and the reference settle within a shorter run of the stream."""


def main(wanted: argparse.Namespace) -> int:
    """Measure and show; returns the exit code: 1 where a bound is missed under --check."""
    then = json.loads(wanted.baseline.read_text(encoding="utf-8")) if wanted.baseline else None
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
    return int(wanted.check and not all(bound["holds"] for bound in report["bounds"]))


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
    report["bounds"] = [bound.as_json() for bound in bounds(report)]
    return report


def _stream(name: str, messages: int, wanted: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure all books on one stream."""
    say(f"{name}: drawing {messages:,} messages")
    stream = streams.draw(name, messages)
    books = {key: throughput.Entrant(OURS[key], messages) for key in (BATCH, MINIMAL)}
    if wanted.calls or not wanted.batch:
        for key, most in MOST_OF_OURS.items():
            books[key] = throughput.Entrant(OURS[key], min(most, messages))
    if not wanted.batch and not wanted.no_peers:
        books |= peers.entrants(name, messages)
    found = throughput.measure(stream, books, throughput.Slicing(passes=wanted.passes), say)
    return {"facts": streams.facts(stream), "books": {key: each.as_json() for key, each in found.items()}}


if __name__ == "__main__":
    sys.exit(main(book_options(None)))
