"""How large a run will be, told before anything is allocated.

Owns the estimate of events, memory and time, and the refusal of what cannot fit. The factors were measured on the
shipped neighbourhood (103 members, 2 days, rule-based homes) and rounded up.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from wattbook.errors import ResourceError
from wattbook.scenario.calendar import horizon_ms
from wattbook.scenario.mechanisms import SHARING

if TYPE_CHECKING:
    from wattbook.scenario.model import Scenario

BASE_BYTES: Final = 400_000_000
"""Interpreter, compiler and libraries."""
BYTES_PER_CELL: Final = 320
"""Arrays of the street and its forecasts, per agent and period."""
BYTES_PER_PRODUCT: Final = 4_096
"""An order book's own arrays."""
EVENTS_PER_CELL: Final = 10
"""Wakes and commands per member and period with a local market."""
EVENTS_PER_CELL_ALONE: Final = 2
"""The same without one."""
BYTES_PER_EVENT: Final = 40
"""Rows of the journal that an event leaves behind, read back for the tables."""
TURNS_PER_DAY: Final = 300
"""A typical trading day of about 20 traders that take turns, until nobody trades any more."""
EVENTS_PER_SECOND: Final = 20_000
USABLE_PERCENT: Final = 80
MEBIBYTE: Final = 1 << 20


class Estimate(NamedTuple):
    """Size of a run, its baseline included."""

    members: int
    periods: int
    events: int
    memory_bytes: int
    seconds: float


def estimate(scenario: Scenario) -> Estimate:
    """Estimate a run's size from its members and periods."""
    start_ms, end_ms = horizon_ms(scenario.start, scenario.days, scenario.timezone, scenario.hours)
    periods = (end_ms - start_ms) // scenario.period_ms
    members = scenario.homes
    books = len({member.feeder for member in scenario.members}) + sum(city.feeders for city in scenario.cities) + 1
    has_orders = scenario.local is not None and scenario.local.mechanism not in SHARING
    per_cell = EVENTS_PER_CELL_ALONE + (EVENTS_PER_CELL if has_orders else 0)
    events = members * periods * per_cell
    if scenario.local is not None and scenario.local.turns != "clock":
        events += periods * (scenario.local.turns_per_day or TURNS_PER_DAY)
    memory = (
        BASE_BYTES
        + (members + len(scenario.utilities)) * periods * BYTES_PER_CELL
        + (books * periods * BYTES_PER_PRODUCT if has_orders else 0)
        + events * BYTES_PER_EVENT
    )
    return Estimate(members, periods, events, memory, 1 + events / EVENTS_PER_SECOND)


def require_memory(scenario: Scenario) -> None:
    """Refuse a scenario that cannot fit.

    Raises
    ------
    ResourceError
        If its estimate exceeds `USABLE_PERCENT` of the memory that is free.
    """
    needed = estimate(scenario)
    free = free_bytes()
    if needed.memory_bytes * 100 > free * USABLE_PERCENT:
        raise ResourceError(
            f"{needed.members} members over {needed.periods} periods need {needed.memory_bytes // MEBIBYTE:,} MiB "
            f"and {free // MEBIBYTE:,} MiB are free: run fewer days or members, or longer periods"
        )


def free_bytes() -> int:
    """Memory that a new allocation may use [bytes], as far as the system tells."""
    limits = [limit for limit in (_of_system(), _of_group()) if limit is not None]
    return min(limits, default=1 << 33)


def _of_system() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        lines = []
    for line in lines:
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _of_group() -> int | None:
    """Ask the container, if there is one, what it leaves."""
    folder = Path("/sys/fs/cgroup")
    try:
        limit, used = ((folder / name).read_text(encoding="ascii").strip() for name in ("memory.max", "memory.current"))
    except OSError:
        return None
    return max(int(limit) - int(used), 0) if limit.isdigit() else None
