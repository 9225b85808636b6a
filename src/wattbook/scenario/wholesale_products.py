"""The contract desk's catalogue: one product a profile and local day, and where it is asked for, week and month.

Owns which periods a profile delivers in, which days belong together, and what a long product is made of. Knows no
price and nobody who deals.
"""

from __future__ import annotations

import calendar
import datetime as dt
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from wattbook.contracts import ContractSpec, Kind
from wattbook.contracts.words import FUTURES, MAX_LOTS
from wattbook.data import zone
from wattbook.data.calendar import utc_ms, wall_clock_ms
from wattbook.errors import ConfigError
from wattbook.scenario.wholesale import SPANS
from wattbook.units import MS_PER_HOUR

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from wattbook.scenario.profiles import Horizon
    from wattbook.scenario.wholesale import ContractDesk

    Ints = NDArray[np.int64]

PEAK_HOURS: Final = (8, 20)
SOLAR_HOURS: Final = (10, 16)
WEEKDAYS: Final = 5
_WEEK: Final = 7
_KINDS: Final = {
    "future": Kind.FUTURE_PHYSICAL,
    "cash-future": Kind.FUTURE_CASH,
    "forward": Kind.FORWARD,
    "cfd": Kind.CFD,
}


class Day(NamedTuple):
    """A local day of the run: its first period, how many it has, and when things happen on the day before."""

    date: dt.date
    first: int
    periods: int


def catalogue(
    desk: ContractDesk, days: Sequence[Day], horizon: Horizon, starts_ms: Ints, timezone: str
) -> tuple[ContractSpec, ...]:
    """List all products: one a profile and day from the run's second on, long ones, and the shares of output.

    Raises
    ------
    ConfigError
        If there is no product, or none of a span that is asked for, or a lot of one is too large.
    """
    lot_wh = int(desk.lot) * horizon.period_ms // MS_PER_HOUR
    hours = wall_clock_ms(starts_ms, timezone) // MS_PER_HOUR
    specs = []
    for day in days[1:]:
        for name in desk.profiles:
            wanted = _wanted(name, hours[day.first : day.first + day.periods], day.date)
            profile = tuple(lot_wh if each else 0 for each in wanted.tolist())
            if any(profile):
                specs.append(ContractSpec(f"{name}-{day.date}", "local", _KINDS[desk.contracts], day.first, profile))
    by_name = {spec.name: spec for spec in specs}
    specs += _long_products(desk, days[1:], by_name, horizon.period_ms, timezone)
    if desk.green and len(days) > 1:
        first = days[1].first
        profile = (0,) * (horizon.periods - first)
        specs.append(ContractSpec(f"green-{days[1].date}", "local", Kind.PPA, first, profile, bundled=True))
    if not specs:
        problem = f"no day from the run's second on has hours of {', '.join(desk.profiles)}"
        raise ConfigError(f"wholesale.profiles: {problem}: add days, or the profile 'base'")
    return tuple(specs)


def _wanted(profile: str, hours: Ints, date: dt.date) -> NDArray[np.bool_]:
    """Tell which periods of a day a profile delivers in."""
    if profile == "base":
        return np.ones(len(hours), np.bool_)
    low, high = PEAK_HOURS if profile == "peak" else SOLAR_HOURS
    inside = (hours >= low) & (hours < high)
    return inside if profile == "solar" or date.weekday() < WEEKDAYS else np.zeros(len(hours), np.bool_)


# --- weeks and months


def _long_products(
    desk: ContractDesk, days: Sequence[Day], by_name: Mapping[str, ContractSpec], period_ms: int, timezone: str
) -> list[ContractSpec]:
    """List the products of whole weeks and months; futures become those of their days."""
    made = []
    for span in SPANS[1:]:
        if span not in desk.spans:
            continue
        whole = [(name, group) for name, group in _groups(days, span) if _is_whole(span, group, period_ms, timezone)]
        if not whole:
            problem = f"no whole calendar {span} lies in the run from its second day on"
            raise ConfigError(f"wholesale.spans: {problem}: add days, or leave {span!r} out")
        for name, group in whole:
            for profile in desk.profiles:
                names = [f"{profile}-{day.date}" for day in group]
                made.append(
                    _joined(desk, span, f"{profile}-{name}", group, [by_name[n] for n in names if n in by_name])
                )
    return made


def _groups(days: Sequence[Day], span: str) -> list[tuple[str, list[Day]]]:
    """Put the days of each calendar week or month together, by its name."""
    found: dict[str, list[Day]] = {}
    for day in days:
        year, week, _ = day.date.isocalendar()
        name = f"{year}-W{week:02d}" if span == "week" else f"{day.date.year}-{day.date.month:02d}"
        found.setdefault(name, []).append(day)
    return list(found.items())


def _is_whole(span: str, days: Sequence[Day], period_ms: int, timezone: str) -> bool:
    """Tell whether all of a week or a month is there, its last hours too."""
    first = days[0].date
    count = _WEEK if span == "week" else calendar.monthrange(first.year, first.month)[1]
    begin, end = (
        utc_ms(dt.datetime.combine(date, dt.time(tzinfo=zone(timezone))))
        for date in (first, days[-1].date + dt.timedelta(days=1))
    )
    return len(days) == count and sum(day.periods for day in days) * period_ms == end - begin


def _joined(
    desk: ContractDesk, span: str, name: str, days: Sequence[Day], parts: Sequence[ContractSpec]
) -> ContractSpec:
    """Make the product of several days out of those of each; without energy on a day without one."""
    first, past = days[0].first, days[-1].first + days[-1].periods
    profile = [0] * (past - first)
    for part in parts:
        profile[part.first_period - first : part.past_period - first] = part.profile_wh
    if sum(profile) > MAX_LOTS:
        problem = f"a {span} of it is {sum(profile)} Wh, more than the {MAX_LOTS} Wh of one lot"
        raise ConfigError(f"wholesale.lot: {problem}: choose a smaller one, or leave {span!r} out of spans")
    kind = _KINDS[desk.contracts]
    names = tuple(part.name for part in parts) if kind in FUTURES else ()
    return ContractSpec(name, "local", kind, first, tuple(profile), parts=names)
