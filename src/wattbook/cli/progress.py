"""How a long run says where it is: one line on a terminal, plain lines where there is none."""

from __future__ import annotations

import datetime as dt
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from wattbook.cli.ending import say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wattbook.world import Progress

PHASES: Final = ("market", "baseline")
STEP_PERCENT: Final = 10
REFRESH_S: Final = 0.1


class Reporter:
    """Turns progress into text; `show` is called with the line and the percentage done.

    Attributes
    ----------
    due : callable
        ``due(percent) -> bool``: whether a new line is wanted.
    """

    def __init__(self, timezone: str, due: Callable[[int], bool], show: Callable[[str, int], None]) -> None:
        self.zone = ZoneInfo(timezone)
        self.due = due
        self.show = show
        self.began = time.perf_counter()
        self.finished_events = 0
        self.finished_trades = 0
        self.phase = PHASES[0]
        self.last: Progress | None = None

    def __call__(self, phase: str, progress: Progress) -> None:
        """Take one report of a run."""
        if phase != self.phase and self.last is not None:
            self.finished_events = _events(self.last)
            self.finished_trades = self.last.trades
        self.phase, self.last = phase, progress
        done = (progress.now_ms - progress.start_ms) / max(progress.end_ms - progress.start_ms, 1)
        share = (PHASES.index(phase) + done) / len(PHASES)
        if self.due(int(share * 100)):
            self.show(self._line(progress, share), int(share * 100))

    def _line(self, progress: Progress, share: float) -> str:
        """Write simulated clock, speed, trades and time to go."""
        clock = dt.datetime.fromtimestamp(progress.now_ms // 1000, tz=self.zone).strftime("%Y-%m-%d %H:%M")
        elapsed = max(time.perf_counter() - self.began, 1e-3)
        events = self.finished_events + _events(progress)
        to_go = elapsed * (1 - share) / max(share, 1e-6)
        what = "with market" if self.phase == PHASES[0] else "without    "
        trades = self.finished_trades + progress.trades
        return f"{what} {clock}  {share:4.0%}  {events / elapsed:,.0f} events/s  {trades:,} trades  ETA {to_go:.0f} s"


def _events(progress: Progress) -> int:
    return progress.wakes + progress.commands


@contextmanager
def reporting(timezone: str) -> Iterator[Reporter]:
    """Show progress on standard error while the block runs."""
    if sys.stderr.isatty():
        with _on_terminal(timezone) as reporter:
            yield reporter
    else:
        yield Reporter(timezone, _every_step(), lambda line, _: say(line))


def _every_step() -> Callable[[int], bool]:
    """Want a line for each `STEP_PERCENT` reached."""
    reached = 0

    def due(percent: int) -> bool:
        nonlocal reached
        if percent < reached + STEP_PERCENT:
            return False
        reached = percent // STEP_PERCENT * STEP_PERCENT
        return True

    return due


@contextmanager
def _on_terminal(timezone: str) -> Iterator[Reporter]:
    """Keep one line up to date; it is gone when the run is over."""
    from rich.console import Console

    shown_at = 0.0

    def due(_: int) -> bool:
        nonlocal shown_at
        now = time.perf_counter()
        if now - shown_at < REFRESH_S:
            return False
        shown_at = now
        return True

    # rich knows about NO_COLOR and about terminals that can do nothing.
    with Console(stderr=True).status("starting", spinner="line") as line:
        yield Reporter(timezone, due, lambda text, _: line.update(text))
