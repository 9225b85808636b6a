"""A city: a thousand to a million homes as one agent of the scenario, made of the members of one real grid.

Owns who its homes are: names, feeders, ratings, plants, batteries, temperaments, each drawn by a key of the home's
own. They lie in columns; no home is ever an object of its own but in `City.described`, for looking at a few of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, NamedTuple

import numpy as np
from pydantic import PlainValidator

from wattbook.assets import Battery, Pv
from wattbook.chance import draws, keys_of
from wattbook.data import load_grid
from wattbook.errors import DataError
from wattbook.policies import home
from wattbook.scenario.faults import FieldError
from wattbook.scenario.fields import Typed, flag, is_none, share_of, whole
from wattbook.scenario.parts import Agent, Consumer, Loyalty, Prosumer, optional_name
from wattbook.scenario.street import (
    BATTERY_RANGE_WH,
    BATTERY_STEP_WH,
    BUSINESS,
    LARGEST_SEED,
    PV_RANGE_W,
    PV_STEP_W,
    ROUND_TRIP,
    persona_shares,
)
from wattbook.units import PPM, Quantity, percent, watt, wh

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from fractions import Fraction

    from numpy.typing import NDArray

    from wattbook.data import Grid
    from wattbook.policies import Mind

    Ints = NDArray[np.int64]

MOST_HOMES: Final = 1_000_000
DIGITS: Final = 7
"""Of a home's number: names sort as numbers do, and a larger city renames nobody."""
LONGEST_NAME: Final = 48
PERSONA_OF_A_CITY: Final = "steady"
BATTERY_HOURS: Final = 2
"""Hours in which a battery is filled at full power."""
RATING, PV, PV_SIZE, PV_SHAPE, BATTERY, BATTERY_SIZE, PERSONA = range(7)
"""Counters of a home's draws."""


def _grid_name(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise FieldError("is not a name: write 'simbench/LV2.101'")
    try:
        load_grid(str(value))
    except DataError as fault:
        if not fault.problems[0].startswith("grid/unknown"):
            raise
        raise FieldError(fault.problems[0]) from None
    return str(value)


def _share(value: object) -> Quantity:
    """Take a share from 0 to 1, as ``0.4`` or ``percent(40)``; on a command line in per cent."""
    return Quantity(round(share_of(value) * PPM), "share")


def _personas(value: object) -> tuple[tuple[str, int], ...] | None:
    """Shares of the personas by name [ppm], None for a city's; what was checked before is taken as it is."""
    if is_none(value) or (isinstance(value, tuple) and value and all(isinstance(each, tuple) for each in value)):
        return None if is_none(value) else value  # type: ignore[return-value]  # it came from here
    if isinstance(value, Typed):
        value = [name.strip() for name in value.split(",")]
    return _in_ppm(persona_shares(value))


def _in_ppm(shares: Mapping[str, Fraction]) -> tuple[tuple[str, int], ...]:
    return tuple((name, round(share * PPM)) for name, share in shares.items())


Share = Annotated[int, PlainValidator(_share)]


class Homes(NamedTuple):
    """The homes of a city in columns (n,), sorted by name.

    Attributes
    ----------
    names : tuple of str
    member : (n,) int64
        Index of the grid's member that the home is a copy of.
    feeder : (n,) int64
        Number of its feeder within the city, from 0.
    rated_w : (n,) int64
        Rating of its load.
    pv_w, pv_shape : (n,) int64
        Rating of its plant, 0 for none, and index of its weather in `pv_profiles`.
    battery_wh : (n,) int64
        Capacity of its battery, 0 for none.
    persona : (n,) int64
        Index in `City.persona_shares`.
    """

    names: tuple[str, ...]
    member: Ints
    feeder: Ints
    rated_w: Ints
    pv_w: Ints
    pv_shape: Ints
    battery_wh: Ints
    persona: Ints


class City(Agent):
    """Many homes; see `city`."""

    kind: ClassVar[str] = "city"
    homes: Annotated[int, whole(1, MOST_HOMES)] = 1_000
    grid: Annotated[str, PlainValidator(_grid_name)] = "simbench/LV2.101"
    homes_per_feeder: Annotated[int, whole(1, MOST_HOMES)] = 250
    pv_share: Share = percent(40)
    battery_share: Share = percent(20)
    spread: Share = percent(20)
    personas: Annotated[Any, PlainValidator(_personas)] = None
    bootstrap: Annotated[bool, flag()] = True
    supplier: Annotated[str | None, PlainValidator(optional_name)] = None
    seed: Annotated[int, whole(0, LARGEST_SEED)] = 0
    loyalty: Loyalty = None

    def __repr__(self) -> str:
        return f"<City {self.name}: {self.homes} homes on {self.feeders} feeders>"

    __str__ = __repr__

    @property
    def feeders(self) -> int:
        """Number of its feeders."""
        return -(-self.homes // self.homes_per_feeder)

    def feeder_name(self, number: int) -> str:
        """Name the feeder `number`, counted from 0: an agent of your own may be connected to it."""
        return f"{self.name}-feeder-{number + 1:0{DIGITS}d}"

    def homes_by_feeder(self) -> dict[str, int]:
        """Count the homes of each feeder."""
        whole_ones, rest = divmod(self.homes, self.homes_per_feeder)
        counts = [self.homes_per_feeder] * whole_ones + [rest] * bool(rest)
        return {self.feeder_name(number): count for number, count in enumerate(counts)}

    def is_home(self, name: str) -> bool:
        """Tell whether one of its homes has this name."""
        number = name.removeprefix(f"{self.name}-")
        plain = number.isascii() and number.isdigit() and len(number) == DIGITS
        return name.startswith(f"{self.name}-") and plain and 1 <= int(number) <= self.homes

    @property
    def persona_shares(self) -> tuple[tuple[str, int], ...]:
        """Name and share [ppm] of each persona, sorted by name."""
        return self.personas or _in_ppm(persona_shares(PERSONA_OF_A_CITY))

    def columns(self) -> Homes:
        """Draw all homes. A larger city, or larger shares, add to a smaller one and move nobody."""
        place = load_grid(self.grid)
        n = np.arange(self.homes)
        names = tuple([f"{self.name}-{number:0{DIGITS}d}" for number in range(1, self.homes + 1)])
        keys = keys_of(self.seed, names, "home")
        member = n % len(place.members)
        rated_w = np.array([each.rated_w for each in place.members], np.int64)[member]
        has_pv = _lot(keys, PV) < self.pv_share
        if not pv_profiles(place):
            has_pv[:] = False
        odds = _battery_odds(int(self.pv_share), int(self.battery_share))
        has_battery = _lot(keys, BATTERY) < np.where(has_pv, *odds)
        limits = np.cumsum([share for _, share in self.persona_shares])
        persona = np.minimum(np.searchsorted(limits, _lot(keys, PERSONA), side="right"), len(limits) - 1)
        return Homes(
            names=names,
            member=member,
            feeder=n // self.homes_per_feeder,
            rated_w=_spread(rated_w, draws(keys, RATING), int(self.spread)),
            pv_w=np.where(has_pv, _between(draws(keys, PV_SIZE), PV_RANGE_W, PV_STEP_W), 0),
            pv_shape=draws(keys, PV_SHAPE) % max(1, len(pv_profiles(place))),
            battery_wh=np.where(has_battery, _between(draws(keys, BATTERY_SIZE), BATTERY_RANGE_WH, BATTERY_STEP_WH), 0),
            persona=persona.astype(np.int64),
        )

    def minds(self) -> tuple[Mind, ...]:
        """How its homes decide, by index of their persona; all the same where it has a policy of its own."""
        return tuple(home(name) if self.policy is None else self.policy for name, _ in self.persona_shares)

    def described(self, first: int = 0, last: int | None = None) -> list[Consumer]:
        """Describe the homes `first` to before `last` one by one, as a script would: slow, for looking at a few.

        A scenario that lists them gives the same street as one with the city.
        """
        place, rows, minds = load_grid(self.grid), self.columns(), self.minds()
        return [self._describe(place, rows, minds, i) for i in range(*slice(first, last).indices(self.homes))]

    def _describe(self, place: Grid, rows: Homes, minds: Sequence[Mind], i: int) -> Consumer:
        member = place.members[rows.member[i]]
        common: dict[str, Any] = {
            "name": rows.names[i],
            "profile": f"{self.grid}/{member.profile}",
            "rated": watt(int(rows.rated_w[i])),
            "bootstrap": self.bootstrap,
            "supplier": self.supplier,
            "loyalty": self.loyalty,
            "feeder": self.feeder_name(int(rows.feeder[i])),
            "deducts_vat": member.kind in BUSINESS,
            "policy": minds[rows.persona[i]],
            "label": self.label,
            "credit_limit": self.credit_limit,
            "cash": self.cash,
        }
        pv_w, battery_wh = int(rows.pv_w[i]), int(rows.battery_wh[i])
        if not pv_w and not battery_wh:
            return Consumer(**common)
        if pv_w:
            weather = pv_profiles(place)[rows.pv_shape[i]]
            common |= {"pv": Pv(watt(pv_w)), "pv_profile": f"{self.grid}/{weather}"}
        return Prosumer(**common, battery=battery_of(battery_wh))


def city(name: str, **values: Any) -> City:
    """Describe a city: many homes that are copies of the members of one grid, each with its own size and days.

    Home n is a copy of the grid's member n modulo their number. It is called ``name-0000001`` and so on, and hangs on
    the feeder ``name-feeder-0000001`` and so on, each with its own local book.

    Parameters
    ----------
    name : str
        Before all its homes' and feeders' names; at most 48 characters.
    homes : int
        1 to 1,000,000.
    grid : str
        A shipped grid, or the path of an imported one.
    homes_per_feeder : int
        Homes that share a feeder and its book.
    pv_share, battery_share : share
        Odds of each home to have PV (3 to 8 kW) or a battery (5 to 12 kWh, half of it per hour, 90 % round trip), as
        ``0.4`` or ``percent(40)``. Batteries go to homes with PV first.
    spread : share
        How far a home's rating may lie above or below its member's, evenly drawn.
    personas : str, list or dict
        As in `neighbourhood`; None makes all of them steady, see `wattbook.policies.PERSONAS`.
    bootstrap : bool
        Whether each home's days are drawn anew in every run.
    supplier : str or None
        Their utility; None lets each pick one by its name.
    seed : int
        Of all draws here; the run's own seed does not move them.
    policy, loyalty, credit_limit, cash, label
        As in `consumer`, for every home; a policy takes the place of the personas.

    Raises
    ------
    ConfigError
        With all problems found.

    Notes
    -----
    Energy is kept home by home: over the whole year a home takes exactly its member's per-unit energy times its own
    rating, rounded once to whole Wh, however its days are drawn.
    """
    return City(name=name, **values)


def pv_profiles(place: Grid) -> tuple[str, ...]:
    """List the weathers that the grid's plants have."""
    own = {plant.profile for plant in place.plants}
    return tuple(sorted(own or {name for name in place.decimals if name.startswith("PV")}))


def battery_of(capacity_wh: int) -> Battery | None:
    """Make a home's battery of its capacity; 0 is none."""
    if not capacity_wh:
        return None
    return Battery(wh(capacity_wh), watt(capacity_wh // BATTERY_HOURS), efficiency_ppm=ROUND_TRIP)


def _lot(keys: Ints, counter: int) -> Ints:
    """Draw a lot (n,) from 0 to 999,999."""
    return draws(keys, counter) % PPM


def _battery_odds(pv_ppm: int, battery_ppm: int) -> tuple[int, int]:
    """Odds [ppm] of a battery with and without PV, such that both together make `battery_ppm`, PV first."""
    if battery_ppm <= pv_ppm:
        return (battery_ppm * PPM // pv_ppm if pv_ppm else 0), 0
    return PPM, (battery_ppm - pv_ppm) * PPM // (PPM - pv_ppm)


def _spread(rated_w: Ints, bits: Ints, spread_ppm: int) -> Ints:
    """Scale ratings (n,) by up to `spread_ppm` either way, evenly, to whole watts and at least one."""
    share = PPM - spread_ppm + bits % (2 * spread_ppm + 1)
    scaled: Ints = np.maximum((rated_w * share + PPM // 2) // PPM, 1)
    return scaled


def _between(bits: Ints, limits: tuple[int, int], step: int) -> Ints:
    """Turn random bits (n,) into multiples of `step` within `limits`."""
    low, high = limits
    drawn: Ints = low + bits % ((high - low) // step + 1) * step
    return drawn
