"""A whole neighbourhood from one real grid: its members, their plants and batteries, their temperaments.

Owns who gets what. Every draw is keyed by (seed, member), never by a position in a list, so that a larger share adds to
a smaller one and one member more moves nobody else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from wattbook.assets import Battery, Pv
from wattbook.chance import draw, key_of
from wattbook.data import load_grid
from wattbook.errors import DataError, nearest
from wattbook.policies import MIXED, PERSONAS, home
from wattbook.scenario.faults import FieldError, report, shown
from wattbook.scenario.fields import flag, identifier, is_identifier, is_none, share_of, whole
from wattbook.scenario.parts import Consumer, Prosumer
from wattbook.units import percent, watt, wh

if TYPE_CHECKING:
    from collections.abc import Callable

    from wattbook.data import Grid, Member, Plant

NAMES: Final = {"household": "home", "charging": "charger"}
"""What members are called by the kind of their load; trade and farm keep their own word."""
BUSINESS: Final = frozenset({"trade", "farm"})
PV_STEP_W: Final = 100
PV_RANGE_W: Final = (3_000, 8_000)
BATTERY_STEP_WH: Final = 500
BATTERY_RANGE_WH: Final = (5_000, 12_000)
ROUND_TRIP: Final = percent(90)
LARGEST_SEED: Final = (1 << 63) - 1


class Choices(NamedTuple):
    """The checked wishes of `neighbourhood`."""

    grid: str
    pv_share: Fraction | None
    battery_share: Fraction
    seed: int
    bootstrap: bool
    personas: dict[str, Fraction]
    supplier: str | None
    prefix: str


class PlantSite(NamedTuple):
    """A plant on somebody's roof: its rating [W] and the profile of its weather."""

    rated_w: int
    profile: str


def neighbourhood(
    grid: str,
    *,
    pv_share: float | None = None,
    battery_share: float = 0.0,
    seed: int = 0,
    bootstrap: bool = True,
    personas: str | Sequence[str] | Mapping[str, float] | None = None,
    supplier: str | None = None,
    prefix: str = "",
    **unknown: object,
) -> list[Consumer]:
    """Describe all members of a grid.

    Members are named by what they are and their number in the grid: home-9, trade-85, charger-102. Households and
    charging points pay VAT; trade and farms deduct it.

    Parameters
    ----------
    grid : str
        A shipped grid such as ``"simbench/LV2.101"``, or the path of an imported one.
    pv_share : float, optional
        Share of the members with PV, 0 to 1. None gives the plants that the grid really has, each to the member at
        its node or else the nearest on its feeder. A share takes those first, in the grid's order, and adds
        seeded ones (3 to 8 kW, households first).
    battery_share : float
        Share of the members with a battery (5 to 12 kWh, half of it per hour, 90 % round trip), those with PV first.
    seed : int
        Of all draws here; the run's own seed does not move them.
    bootstrap : bool
        Whether each member's days are drawn anew in every run, so that homes of one shape differ.
    personas : str, list or dict, optional
        One persona for all, several in equal shares, or shares by name that sum to one; all of them in equal shares
        if nothing is said.
    supplier : str, optional
        Their utility; None lets each pick one by its name.
    prefix : str
        Put before all names and feeders, so that two grids can share a scenario.

    Returns
    -------
    list of Consumer
        In the grid's order.

    Raises
    ------
    ConfigError
        With all problems found.
    DataError
        If the grid's files are damaged.
    """
    problems: list[str] = []
    taken = _taker(problems)
    known = ("battery_share", "bootstrap", "personas", "prefix", "pv_share", "seed", "supplier")
    problems += [
        f"neighbourhood.{key} is unknown{nearest(key, known)}: allowed are {', '.join(known)}" for key in unknown
    ]
    choices = Choices(
        grid=grid,
        pv_share=None if is_none(pv_share) else taken("pv_share", pv_share, share_of),
        battery_share=taken("battery_share", battery_share, share_of),
        seed=taken("seed", seed, _SEED),
        bootstrap=taken("bootstrap", bootstrap, _FLAG),
        personas=taken("personas", personas, persona_shares),
        supplier=None if is_none(supplier) else taken("supplier", supplier, _ID),
        prefix=taken("prefix", prefix, _prefix),
    )
    place = _grid(grid, problems)
    if problems or place is None:
        report(problems)
        return []
    return _members(place, choices)


_SEED: Final[Any] = whole(0, LARGEST_SEED).func
_FLAG: Final[Any] = flag().func
_ID: Final[Any] = identifier().func


def _taker(problems: list[str]) -> Callable[[str, object, Callable[[Any], Any]], Any]:
    """Make a check that notes a problem of `neighbourhood` instead of raising it."""

    def taken(key: str, value: object, check: Callable[[Any], Any]) -> Any:
        try:
            return check(value)
        except FieldError as fault:
            problems.append(f"neighbourhood.{key}={shown(value)} {fault}")
            return None

    return taken


def _grid(name: object, problems: list[str]) -> Grid | None:
    """Read the grid; one that does not exist is a problem of the scenario, a damaged one of the data."""
    if not isinstance(name, str) or not name:
        problems.append(f"neighbourhood.grid={shown(name)} is not a name: write 'simbench/LV2.101'")
        return None
    try:
        return load_grid(name)
    except DataError as fault:
        if not fault.problems[0].startswith("grid/unknown"):
            raise
        problems.extend(f"neighbourhood.grid: {problem}" for problem in fault.problems)
        return None


def _prefix(value: object) -> str:
    if not isinstance(value, str) or (value and not is_identifier(value)) or len(value) > 32:
        raise FieldError("is not the beginning of a name: use at most 32 letters, digits, '_', '.', '-'")
    return value


def persona_shares(value: object) -> dict[str, Fraction]:
    """Shares of the personas, by name; None for a neighbourhood's."""
    if value is None:
        value = MIXED
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, Sequence | Mapping) or not value:
        raise FieldError("names no persona: write 'balanced', a list, or a dict of shares")
    names = list(value)
    unknown = [name for name in names if not isinstance(name, str) or name not in PERSONAS]
    if unknown:
        hint = nearest(str(unknown[0]), PERSONAS)
        raise FieldError(
            f"has the unknown persona {shown(unknown[0])}{hint}: choose from {', '.join(sorted(PERSONAS))}"
        )
    twice = [name for name in PERSONAS if names.count(name) > 1]
    if twice:
        raise FieldError(f"names {twice[0]!r} more than once: write a dict of shares, as {{{twice[0]!r}: 0.5, ...}}")
    if not isinstance(value, Mapping):
        value = dict.fromkeys(names, Fraction(1, len(names)))
    shares = {str(name): share_of(share) for name, share in sorted(value.items())}
    # A millionth is forgiven, so that three times 0.333333 is a whole.
    total = sum(shares.values(), start=Fraction(0))
    if abs(total - 1) > Fraction(1, 1_000_000):
        raise FieldError(f"has shares that sum to {float(total):g}: make them sum to 1")
    return shares


def _members(grid: Grid, choices: Choices) -> list[Consumer]:
    """Describe everybody."""
    names = {member.id: choices.prefix + _name(member) for member in grid.members}
    plants = _plants(grid, names, choices)
    batteries = _batteries(grid, names, plants, choices)
    return [_describe(member, names[member.id], plants, batteries, choices) for member in grid.members]


def _name(member: Member) -> str:
    """Call a member by its kind and its number in the grid."""
    return f"{NAMES.get(member.kind, member.kind)}-{member.id.rpartition('-')[2]}"


def _describe(
    member: Member,
    name: str,
    plants: dict[str, PlantSite],
    batteries: dict[str, Battery],
    choices: Choices,
) -> Consumer:
    """Describe one member."""
    common: dict[str, Any] = {
        "name": name,
        "profile": f"{choices.grid}/{member.profile}",
        "rated": watt(member.rated_w),
        "bootstrap": choices.bootstrap,
        "supplier": choices.supplier,
        "feeder": f"{choices.prefix}feeder-{member.feeder}",
        "deducts_vat": member.kind in BUSINESS,
        "policy": home(_persona(choices, name)),
        "label": member.id,
    }
    plant, battery = plants.get(member.id), batteries.get(member.id)
    if plant is None and battery is None:
        return Consumer(**common)
    if plant is not None:
        common |= {"pv": Pv(watt(plant.rated_w)), "pv_profile": f"{choices.grid}/{plant.profile}"}
    return Prosumer(**common, battery=battery)


def _persona(choices: Choices, name: str) -> str:
    """Draw a member's persona."""
    place = Fraction(draw(key_of(choices.seed, name, "persona"), 0), 1 << 63)
    for persona, share in choices.personas.items():
        place -= share
        if place < 0:
            return persona
    return next(reversed(choices.personas))


def _plants(grid: Grid, names: dict[str, str], choices: Choices) -> dict[str, PlantSite]:
    """Say who has which plant, by member id."""
    real = _real_plants(grid)
    if choices.pv_share is None:
        return real
    wanted = round(choices.pv_share * len(grid.members))
    chosen = dict(list(real.items())[:wanted])
    profiles = sorted(
        {plant.profile for plant in grid.plants} or {name for name in grid.decimals if name.startswith("PV")}
    )
    for member in _ranked(grid, names, choices.seed, "pv", lambda member: member.kind != "household"):
        if len(chosen) >= wanted or not profiles:
            break
        if member.id not in chosen:
            key = key_of(choices.seed, names[member.id], "pv-size")
            rated_w = _between(draw(key, 0), PV_RANGE_W, PV_STEP_W)
            chosen[member.id] = PlantSite(rated_w, profiles[draw(key, 1) % len(profiles)])
    return chosen


def _real_plants(grid: Grid) -> dict[str, PlantSite]:
    """Give each plant of the grid to a member: at its node, else the nearest on its feeder, else the nearest."""
    sites: dict[str, PlantSite] = {}
    for plant in grid.plants:
        free = [(index, member) for index, member in enumerate(grid.members) if member.id not in sites]
        if free:
            _, owner = min(free, key=lambda each: _farness(plant, *each))
            sites[owner.id] = PlantSite(plant.rated_w, plant.profile)
    return sites


def _farness(plant: Plant, index: int, member: Member) -> tuple[bool, bool, int, int]:
    """Sort key: the same node, the same feeder, the difference of their distances to the transformer."""
    return (
        member.node != plant.node,
        member.feeder != plant.feeder,
        abs(member.distance_m - plant.distance_m),
        index,
    )


def _batteries(grid: Grid, names: dict[str, str], plants: dict[str, PlantSite], choices: Choices) -> dict[str, Battery]:
    """Say who has which battery, by member id."""
    wanted = round(choices.battery_share * len(grid.members))
    ranked = _ranked(grid, names, choices.seed, "battery", lambda member: member.id not in plants)
    return {member.id: _battery(choices.seed, names[member.id]) for member in ranked[:wanted]}


def _battery(seed: int, name: str) -> Battery:
    """Draw a battery's size; it gives or takes half of its capacity in an hour."""
    capacity_wh = _between(draw(key_of(seed, name, "battery-size"), 0), BATTERY_RANGE_WH, BATTERY_STEP_WH)
    return Battery(wh(capacity_wh), watt(capacity_wh // 2), efficiency_ppm=ROUND_TRIP)


def _ranked(grid: Grid, names: dict[str, str], seed: int, what: str, later: Callable[[Member], bool]) -> list[Member]:
    """Order the members by lot, those for whom `later` holds after all others."""
    return sorted(grid.members, key=lambda member: (later(member), key_of(seed, names[member.id], what)))


def _between(bits: int, limits: tuple[int, int], step: int) -> int:
    """Turn random bits into a multiple of `step` within `limits`."""
    low, high = limits
    return low + bits % ((high - low) // step + 1) * step
