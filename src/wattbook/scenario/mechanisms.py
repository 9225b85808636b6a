"""How neighbours come to each other's energy: what a scenario may say of it.

Owns the names of the mechanisms and the checks of the fields that belong to some of them alone. Knows nothing of how
energy is traded or shared.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from pydantic import PlainValidator

from wattbook.errors import nearest
from wattbook.scenario.faults import FieldError, measured_text, shown
from wattbook.scenario.fields import is_identifier, quantity
from wattbook.units import PPM

if TYPE_CHECKING:
    from wattbook.scenario.model import Scenario
    from wattbook.scenario.parts import LocalMarket

MECHANISMS: Final = ("continuous", "call", "mid-market-rate", "static-key", "dynamic-key")
SHARING: Final = MECHANISMS[2:]
"""Mechanisms without orders: metered surplus is shared after the event."""
PRICING: Final = ("uniform", "pay-as-bid")
RATIONING: Final = ("time", "pro-rata")
KEYS: Final = ("equal", "rated")
OWNERS: Final = {
    "auction_every": ("call",),
    "pricing": ("call",),
    "rationing": ("call",),
    "keys": ("static-key",),
    "share_price": ("static-key", "dynamic-key"),
}
"""Fields of `LocalMarket` that belong to some mechanisms alone."""
OPTIONS: Final = ("mechanism", *OWNERS)
"""All fields of `LocalMarket` that say something of mechanisms."""
_LABORATORY: Final = ("improve", "clear_after_trade", "turns")


def keys_check() -> PlainValidator:
    """Make the check of static keys: a word, or shares by member's name."""
    return PlainValidator(_keys)


def _keys(value: object) -> str | tuple[tuple[str, int], ...]:
    if isinstance(value, str):
        if value in KEYS:
            return str(value)
        remedy = "or shares by name from Python, as {'ada': percent(60), 'bo': percent(40)}"
        raise FieldError(f"is not one of {', '.join(KEYS)}{nearest(value, KEYS)}, {remedy}")
    # As a copy of a scenario gives them back.
    pairs = dict(value) if isinstance(value, tuple) else value
    if not isinstance(pairs, Mapping) or not pairs:
        raise FieldError(f"is neither {' nor '.join(KEYS)} nor shares by name: write {{'ada': percent(60), ...}}")
    found = []
    for name, given in pairs.items():
        if not isinstance(name, str) or not is_identifier(name):
            raise FieldError(f"has the key of {shown(name)}, which is no member's name")
        try:
            part = quantity(given, "share")
        except FieldError as fault:
            raise FieldError(f"of {name} ({shown(given)}) {fault}") from None
        if not 0 <= part <= PPM:
            raise FieldError(f"of {name} ({shown(given)}) is outside 0 to 100 %")
        found.append((name, part))
    return tuple(sorted(found))


# --- what must hold between fields and parts


def mechanism_problems(scenario: Scenario) -> list[str]:
    """List what is wrong between the mechanism, its fields, and the agents."""
    local = scenario.local
    if local is None:
        return []
    problems = [
        f"local.{name} is given with mechanism={local.mechanism!r}: it belongs to {' and '.join(map(repr, owners))}"
        for name, owners in OWNERS.items()
        if local.mechanism not in owners and getattr(local, name) != type(local).model_fields[name].default
    ]
    if local.mechanism != "continuous":
        problems += _laboratory_problems(scenario, local)
    if local.mechanism == "static-key":
        problems += _key_problems(scenario, local)
    return problems


def _laboratory_problems(scenario: Scenario, local: LocalMarket) -> list[str]:
    """Refuse what is told of a continuous market alone."""
    fields = type(local).model_fields
    problems = [
        f"local.{name} is given with mechanism={local.mechanism!r}: laboratory markets are continuous"
        for name in _LABORATORY
        if getattr(local, name) != fields[name].default
    ]
    if scenario.traders:
        more = f" (and {len(scenario.traders) - 1} more)" if len(scenario.traders) > 1 else ""
        what = f"{scenario.traders[0].name}{more} is a trader, which local.mechanism={local.mechanism!r} does not serve"
        problems.append(f"{what}: leave mechanism='continuous', or make it a consumer")
    return problems


def _key_problems(scenario: Scenario, local: LocalMarket) -> list[str]:
    """Demand that each member has a key, and that those of a feeder sum to one."""
    members = scenario.members
    if local.keys == "rated":
        return [
            f"local.keys='rated' and {each.name} has no rating: give it rated=kw(3), or choose other keys"
            for each in members
            if each.rated is None
        ]
    if local.keys == "equal":
        return []
    if scenario.cities:
        return [f"local.keys are given by name, and the homes of {scenario.cities[0].name} have none: write 'equal'"]
    keys = dict(local.keys)
    names = [each.name for each in members]
    problems = [f"local.keys: {name} is no member{nearest(name, names)}" for name in keys if name not in names]
    for feeder in sorted({each.feeder for each in members}):
        total = sum(keys.get(each.name, 0) for each in members if each.feeder == feeder)
        if total != PPM:
            problems.append(
                f"local.keys of {feeder} sum to {measured_text(total, 'share')}: make them sum to percent(100)"
            )
    return problems
