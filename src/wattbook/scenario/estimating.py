"""How large a run will be, told before anything is allocated.

Owns the estimate of events, memory and time, and the refusal of what cannot fit. Sizes come from counting: members,
periods, forecasts, products in sight. What each costs was measured with GNU time on the shipped scenarios and on
cities of 1,000 to 50,000 homes over 1 to 14 days, in November 2026 on one processor (AMD EPYC) of a machine that others
used; a run that others slow down, or that works on several processors at once, takes another time.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from wattbook.errors import ResourceError
from wattbook.scenario.calendar import horizon_ms
from wattbook.scenario.mechanisms import SHARING
from wattbook.scenario.wholesale_rules import has_wholesale
from wattbook.units import MS_PER_DAY

if TYPE_CHECKING:
    from wattbook.policies import Mind
    from wattbook.scenario.model import Scenario

BASE_BYTES: Final = 320 << 20
"""Interpreter, compiled code and libraries."""
BYTES_PER_CELL: Final = 240
"""Arrays of the street, forecasts and books, per agent and period; the journal is written as it grows."""
BYTES_PER_PRODUCT: Final = 200
BYTES_PER_GROUP_CELL: Final = 130
"""Wholesale market: plants and what is kept of each utility and producer, per period, and their forecasts."""
COMMANDS_PER_CELL: Final = 1.0
"""Of a member, per product: 0.8 for homes that look once or twice, 1.5 for those that look often."""
LOOKS_OF_ITS_OWN: Final = 2
"""Wakes per product of a home that does not wait for its forecasts alone."""
TURNS_PER_TRADER: Final = 10
"""Turns of a trading day until all trades are made; then `failed_shouts` of them follow."""
SHOUTS_PER_LOOK: Final = 0.13
"""Where traders have reaction times: part of their looks that others hear of."""
START_S: Final = 1.5
"""Interpreter, libraries, compiled code that is read from its cache."""
US_PER_WAKE: Final = 0.5
US_PER_LOOK: Final = 0.6
"""An agent looks at one product, by a compiled policy."""
US_PER_PROCESS_WAKE: Final = 7.5
"""What a wake takes more as a SimPy process of its own."""
US_PER_PYTHON_LOOK: Final = 60.0
US_PER_TURN: Final = 70.0
US_PER_TIMED_LOOK: Final = 30.0
"""The same where traders have reaction times."""
COMPILE_S: Final = 2.0
"""A policy that is not of this package is compiled in each process."""
US_PER_HEARD_TURN: Final = 4.0
"""One trader that listens hears of another's turn."""
US_PER_CELL: Final = 0.8
"""Delivery and settlement, per member and period."""
US_PER_COMMAND: Final = 2.0
US_PER_GROUP_CELL: Final = 150.0
"""Wholesale market: settlement of one utility or producer and its orders, per period."""
US_PER_SAVED_CELL: Final = 1.4
"""Tables, figures and files, per member and period."""
USABLE_PERCENT: Final = 80
MEBIBYTE: Final = 1 << 20
_US: Final = 1e-6


class Estimate(NamedTuple):
    """Size of a run, its baseline included.

    Attributes
    ----------
    members : int
        Homes, businesses and traders.
    periods : int
    events : int
        Wakes and commands.
    memory_bytes : int
    seconds : float
    """

    members: int
    periods: int
    events: int
    memory_bytes: int
    seconds: float


class _Crowd(NamedTuple):
    """Members that decide alike: how many, and how."""

    size: int
    mind: Mind


class _Work(NamedTuple):
    """What agents do: how often, and how long it takes [us]."""

    wakes: float
    us: float


def estimate(scenario: Scenario) -> Estimate:
    """Estimate a run's size."""
    start_ms, end_ms = horizon_ms(scenario.start, scenario.days, scenario.timezone, scenario.hours)
    periods = (end_ms - start_ms) // scenario.period_ms
    homes, traders = scenario.homes, len(scenario.traders)
    cells, local = homes * periods, scenario.local
    has_orders = local is not None and local.mechanism not in SHARING
    runs = 2 if scenario.baseline else 1
    trading, bare = _work(scenario, end_ms - start_ms, has_orders=has_orders), _Work(0, 0)
    if scenario.baseline:
        bare = _work(scenario, end_ms - start_ms, has_orders=False)
    turns = _turns(scenario, periods)
    commands = cells * COMMANDS_PER_CELL if has_orders else 0
    books = len({each.feeder for each in scenario.members} | {each.feeder for each in scenario.traders}) + 1
    books += sum(city.feeders for city in scenario.cities)
    groups = len(scenario.utilities) + len(scenario.producers)
    group_cells = groups * periods if has_wholesale(scenario) else 0
    memory = (
        BASE_BYTES
        + (homes + traders + groups) * periods * BYTES_PER_CELL
        + group_cells * BYTES_PER_GROUP_CELL
        + (books * periods * BYTES_PER_PRODUCT if has_orders else 0)
    )
    us = (
        trading.us + bare.us + turns.us + commands * US_PER_COMMAND
        + cells * (runs * US_PER_CELL + US_PER_SAVED_CELL) + group_cells * runs * US_PER_GROUP_CELL
    )  # fmt: skip
    events = round(trading.wakes + bare.wakes + turns.wakes + commands)
    seconds = START_S + COMPILE_S * _strangers(scenario) + us * _US
    return Estimate(homes + traders, periods, events, memory, seconds)


def _work(scenario: Scenario, length_ms: int, *, has_orders: bool) -> _Work:
    """Sum up the wakes of all members: each has its forecasts, and most look at products of their own accord."""
    crowds = _crowds(scenario)
    in_python = [_is_in_python(crowd.mind) for crowd in crowds]
    is_laboratory = bool(scenario.traders)
    one_by_one = scenario.engine == "processes" or is_laboratory or (scenario.engine == "auto" and any(in_python))
    wakes, us = 0.0, 0.0
    for crowd, slow in zip(crowds, in_python, strict=True):
        ahead_ms = crowd.mind.look_ahead_ms
        updates = length_ms / scenario.forecast.update_every if ahead_ms else 0.0
        own = length_ms / scenario.period_ms * LOOKS_OF_ITS_OWN if has_orders and _looks_by_itself(crowd.mind) else 0.0
        in_sight = ahead_ms / scenario.period_ms + 1 if has_orders or slow else 1
        looks = updates * in_sight + own
        per_wake = US_PER_WAKE + (US_PER_PROCESS_WAKE if one_by_one else 0)
        per_look = US_PER_PYTHON_LOOK if slow else US_PER_LOOK
        wakes += crowd.size * (updates + own)
        us += crowd.size * ((updates + own) * per_wake + looks * per_look)
    return _Work(wakes, us)


def _crowds(scenario: Scenario) -> list[_Crowd]:
    """Members by how they decide; without the traders that take turns."""
    from wattbook.scenario.compiling import mind_of

    alone = [_Crowd(1, mind_of(member)) for member in scenario.members]
    if scenario.local is not None and scenario.local.turns == "clock":
        alone += [_Crowd(1, mind_of(trader)) for trader in scenario.traders]
    for city in scenario.cities:
        shares = city.persona_shares
        alone += [
            _Crowd(round(city.homes * share / sum(each for _, each in shares)), mind)
            for (_, share), mind in zip(shares, city.minds(), strict=True)
        ]
    return alone


def _looks_by_itself(mind: Mind) -> bool:
    """Tell whether a policy looks at a product more often than its forecasts change."""
    from wattbook.policies import PERSONAS

    return mind.persona not in PERSONAS or PERSONAS[mind.persona].look_min > 0


def _is_in_python(mind: Mind) -> bool:
    """Tell whether a policy does not compile; one of a user's is compiled to learn it, and kept for the run."""
    from wattbook.world.kernel_looks import COMPILES, look_of

    return COMPILES and isinstance(look_of(mind.policy), str)


def _strangers(scenario: Scenario) -> int:
    """Count the policies that are not of this package."""
    minds = [agent.policy for agent in scenario.agents if agent.policy is not None]
    policies = {id(mind.policy): str(getattr(mind.policy, "__module__", "")) for mind in minds}
    return sum(not module.startswith("wattbook.") for module in policies.values())


def _turns(scenario: Scenario, periods: int) -> _Work:
    """Sum up the turns of all trading days, and who listens to them."""
    from wattbook.scenario.compiling import mind_of
    from wattbook.scenario.parts import REACTION

    local, traders = scenario.local, scenario.traders
    if local is None or local.turns == "clock" or not traders:
        return _Work(0, 0)
    listeners = sum(mind_of(trader).listens for trader in traders)
    most = local.turns_per_day or float("inf")
    if local.turns == "reaction":
        day_ms = min(scenario.period_ms, MS_PER_DAY)
        turns = min(sum(day_ms / int(each.reaction or REACTION) for each in traders), most)
        heard, us_per_turn = turns * SHOUTS_PER_LOOK * listeners, US_PER_TIMED_LOOK
    else:
        turns = min(local.failed_shouts + TURNS_PER_TRADER * len(traders), most)
        # Where each order is offered to the other side at once, half of the traders are asked each time.
        heard, us_per_turn = turns * (listeners + (len(traders) / 2 if local.answers else 0)), US_PER_TURN
    return _Work(periods * (turns + heard), periods * (turns * us_per_turn + heard * US_PER_HEARD_TURN))


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
