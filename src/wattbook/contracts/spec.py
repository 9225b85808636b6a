"""Contract specifications: what one lot delivers, period by period. A catalogue of them is given at the start.

Owns the profiles and their exact division. Knows no price, no party and no calendar: period 0 begins at midnight of
the delivery zone, and an hour has the same number of periods throughout.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from wattbook.contracts.words import FUTURES, MAX_LOTS, NOTIONAL_MAX, Kind
from wattbook.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_PERIOD: Final = 1 << 31
"""Period by which every contract has ended; with days for periods that is still in int64 of ms."""
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)
_HOURS: Final = 24
_WEEKDAYS: Final = 5
_WEEK: Final = 7


@dataclass(frozen=True, slots=True)
class ContractSpec:
    """One product of the desk.

    Parameters
    ----------
    name, zone : str
        Its own name, and where it delivers: letters, digits, `_`, `.`, `-`.
    kind : Kind
    first_period : int
        First delivery period, counted from the run's start.
    profile_wh : tuple of int
        Energy of one lot in each period from the first on [Wh]. A PPA's holds zeros: it names the periods only.
    step_tick : int
        Prices are multiples of it [ticks].
    bundled : bool
        Guarantees of origin go with the energy; forwards and PPAs only.
    penalty_tick : int
        What a forward's seller pays its buyer for energy that its output and purchases do not cover [ticks].
    index : str
        Name of the price that futures and CfDs settle against; empty for the zone's spot price.
    parts : tuple of str
        Names of the specs of the catalogue that a long future becomes as its delivery begins; empty for none.

    Raises
    ------
    ConfigError
        With every mistake found.
    """

    name: str
    zone: str
    kind: Kind
    first_period: int
    profile_wh: tuple[int, ...]
    step_tick: int = 1
    bundled: bool = False
    penalty_tick: int = 0
    index: str = ""
    parts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if problems := self._problems():
            raise ConfigError(f"contract {self.name!r}: {problem}" for problem in problems)
        object.__setattr__(self, "kind", Kind(self.kind))
        object.__setattr__(self, "index", self.index or f"spot:{self.zone}")

    @property
    def past_period(self) -> int:
        """Period after the last one."""
        return self.first_period + len(self.profile_wh)

    @property
    def lot_wh(self) -> int:
        """Energy of one lot over all periods [Wh]."""
        return sum(self.profile_wh)

    @property
    def is_future(self) -> bool:
        """Whether the clearing house stands between its parties."""
        return self.kind in FUTURES

    @property
    def is_physical(self) -> bool:
        """Whether a lot is a fixed amount of energy that is delivered."""
        return self.kind in (Kind.FUTURE_PHYSICAL, Kind.FORWARD)

    def wh(self, period: int) -> int:
        """Energy of one lot in `period` [Wh]; 0 outside of its periods."""
        place = period - self.first_period
        return self.profile_wh[place] if 0 <= place < len(self.profile_wh) else 0

    def covers(self, period: int) -> bool:
        """Whether `period` is one of its periods."""
        return self.first_period <= period < self.past_period

    def _problems(self) -> list[str]:
        whole = {"first_period": self.first_period, "step_tick": self.step_tick, "penalty_tick": self.penalty_tick}
        found = [f"{name}={value!r} is not a whole number" for name, value in whole.items() if type(value) is not int]
        for name, value in (("name", self.name), ("zone", self.zone)):
            if not isinstance(value, str) or not _ID.fullmatch(value):
                found.append(
                    f"{name}={value!r}: use 1 to 64 letters, digits, _ . or - that begin with a letter or a digit"
                )
        if not isinstance(self.index, str):
            found.append(f"index={self.index!r} is no text: name a price, or leave it empty for the zone's spot price")
        if not isinstance(self.bundled, bool):
            found.append(f"bundled={self.bundled!r} is neither True nor False")
        if not isinstance(self.kind, int) or self.kind not in tuple(Kind):
            found.append(f"kind={self.kind!r} is none of {', '.join(f'Kind.{kind.name}' for kind in Kind)}")
        if not isinstance(self.profile_wh, tuple) or any(type(wh) is not int for wh in self.profile_wh):
            found.append("profile_wh is a tuple of whole numbers [Wh], one a period")
        if not isinstance(self.parts, tuple) or not all(isinstance(name, str) for name in self.parts):
            found.append(f"parts={self.parts!r} is no tuple of names of specs")
        return found or self._problems_of_values()

    def _problems_of_values(self) -> list[str]:
        found = []
        if self.first_period < 0:
            found.append(f"first_period={self.first_period} lies before the run: begin at 0 or later")
        if self.past_period > MAX_PERIOD:
            found.append(f"first_period={self.first_period}: a contract ends by period {MAX_PERIOD}")
        if self.step_tick < 1:
            found.append(f"step_tick={self.step_tick} is below 1")
        if self.step_tick > NOTIONAL_MAX:
            found.append(f"step_tick={self.step_tick} is above {NOTIONAL_MAX}")
        if not self.profile_wh:
            found.append("profile_wh is empty: it would end before it begins; give the energy of each period")
        if any(wh < 0 for wh in self.profile_wh):
            found.append("profile_wh holds energy below 0: sell the contract instead of turning it round")
        if self.kind == Kind.PPA and any(self.profile_wh):
            found.append("a PPA takes what is produced: its profile_wh holds a 0 for each period")
        if self.kind != Kind.PPA and self.profile_wh and not 0 < sum(self.profile_wh) <= MAX_LOTS:
            found.append(f"a lot of {sum(self.profile_wh)} Wh is outside 1 .. {MAX_LOTS}")
        if self.bundled and self.kind not in (Kind.FORWARD, Kind.PPA):
            found.append("bundled guarantees need a named seller: use a forward or a PPA")
        if self.penalty_tick and self.kind != Kind.FORWARD:
            found.append("penalty_tick belongs to forwards: set it to 0")
        if not 0 <= self.penalty_tick <= NOTIONAL_MAX // MAX_LOTS:
            found.append(f"penalty_tick={self.penalty_tick} is outside 0 .. {NOTIONAL_MAX // MAX_LOTS}")
        return found + (self._problems_of_parts() if self.parts else [])

    def _problems_of_parts(self) -> list[str]:
        found = []
        if self.kind not in FUTURES:
            found.append("parts belong to futures: what two parties signed at a fixed price delivers as it is")
        if self.name in self.parts:
            found.append("parts names itself")
        if len(self.parts) < 2 or len(set(self.parts)) != len(self.parts):
            found.append(f"parts={self.parts!r}: name two or more, each once")
        return found


def base_profile(periods: int, wh: int) -> tuple[int, ...]:
    """Give the same energy in every period [Wh].

    >>> base_profile(3, 250)
    (250, 250, 250)
    """
    return (wh,) * periods


def peak_profile(
    first_period: int, periods: int, per_hour: int, wh: int, *, hours: tuple[int, int] = (8, 20), first_weekday: int = 0
) -> tuple[int, ...]:
    """Give energy in the peak hours of weekdays only [Wh].

    Parameters
    ----------
    first_period, periods, per_hour : int
        Where the profile begins, how long it is, periods in an hour.
    hours : (int, int)
        First peak hour of the day, and the hour at which the peak is over.
    first_weekday : int
        Weekday of period 0: 0 for Monday.

    >>> sum(peak_profile(0, 24 * 7, 1, 1_000)) // 1_000
    60
    """
    return tuple(
        wh if _is_peak(period, per_hour, hours, first_weekday) else 0
        for period in range(first_period, first_period + periods)
    )


def off_peak_profile(
    first_period: int, periods: int, per_hour: int, wh: int, *, hours: tuple[int, int] = (8, 20), first_weekday: int = 0
) -> tuple[int, ...]:
    """Give energy whenever `peak_profile` gives none [Wh]: both together are the base profile.

    >>> sum(off_peak_profile(0, 24 * 7, 1, 1_000)) // 1_000
    108
    """
    return tuple(
        0 if _is_peak(period, per_hour, hours, first_weekday) else wh
        for period in range(first_period, first_period + periods)
    )


def solar_profile(
    first_period: int, periods: int, per_hour: int, noon_wh: int, *, hours: tuple[int, int] = (6, 18)
) -> tuple[int, ...]:
    """Give energy along a parabola between two hours of each day, at most `noon_wh` a period [Wh], rounded down.

    >>> solar_profile(0, 24, 1, 1_000)[6:18]
    (159, 437, 659, 826, 937, 993, 993, 937, 826, 659, 437, 159)
    """
    start, end = (hour * per_hour for hour in hours)
    span = 2 * (end - start)

    def at(period: int) -> int:
        # Middle of the period in half periods after the start, so that a day is its own mirror image.
        place = 2 * (period % (_HOURS * per_hour) - start) + 1
        return 4 * noon_wh * place * (span - place) // (span * span) if 0 < place < span else 0

    return tuple(at(period) for period in range(first_period, first_period + periods))


def _is_peak(period: int, per_hour: int, hours: tuple[int, int], first_weekday: int) -> bool:
    day, place = divmod(period, _HOURS * per_hour)
    return (first_weekday + day) % _WEEK < _WEEKDAYS and hours[0] <= place // per_hour < hours[1]


def cascade(spec: ContractSpec, parts: int | Sequence[int]) -> tuple[ContractSpec, ...]:
    """Divide a long contract into shorter ones that follow each other; each period's energy stays what it was.

    Parameters
    ----------
    spec : ContractSpec
        The parts are not in any catalogue yet; it becomes them if it names them (`parts`).
    parts : int or sequence of int
        How many parts, as even as whole periods allow (the first ones are longer), or the periods of each part.

    Raises
    ------
    ConfigError
        If the parts are not the contract's periods, or one of them would deliver nothing.
    """
    periods = len(spec.profile_wh)
    if isinstance(parts, int):
        if not 1 <= parts <= periods:
            raise ConfigError(f"contract {spec.name!r}: {parts} parts of {periods} periods: ask for 1 .. {periods}")
        even, longer = divmod(periods, parts)
        lengths = [even + (part < longer) for part in range(parts)]
    else:
        lengths = list(parts)
    if any(length < 1 for length in lengths) or sum(lengths) != periods:
        raise ConfigError(f"contract {spec.name!r}: parts of {lengths} periods are not its {periods} periods")
    starts = [sum(lengths[:part]) for part in range(len(lengths))]
    return tuple(
        replace(
            spec,
            name=f"{spec.name}.{part + 1}",
            first_period=spec.first_period + start,
            profile_wh=spec.profile_wh[start : start + length],
            parts=(),
        )
        for part, (start, length) in enumerate(zip(starts, lengths, strict=True))
    )
