"""One scenario made of another by a few values, as ``--set`` gives them.

Owns dotted paths: which value is meant and which names exist. How a text is read is the field's own business; assets
check whole quanta alone, so their fields' dimensions are listed here.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from wattbook.errors import ConfigError, nearest
from wattbook.scenario.faults import FieldError, shown
from wattbook.scenario.fields import Typed, quantity
from wattbook.scenario.parts import Agent, Part

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wattbook.scenario.model import Scenario

NUMBER: Final = "number"
TEXT: Final = "text"
DATE: Final = "date"
ASSET_FIELDS: Final[dict[str, dict[str, str]]] = {
    "Forecast": {
        "kind": TEXT, "load_error": "share", "pv_error": "share", "nowcast": "share", "common": "share",
        "grows_for": "duration", "update_every": "duration",
    },
    "Battery": {
        "capacity_wh": "energy", "power_w": "power", "charge_w": "power", "discharge_w": "power",
        "efficiency_ppm": "share", "soc_start_ppm": "share",
    },
    "Pv": {
        "rated_w": "power", "commissioned": DATE, "lifetime_years": NUMBER, "ageing_ppm_per_year": "share",
        "maintenance_per_kw_year": "money",
    },
}  # fmt: skip


class Varied(NamedTuple):
    """Values of a scenario after some changes, and what was wrong with the others."""

    values: dict[str, Any]
    problems: list[str]


def varied(scenario: Scenario, changes: Mapping[str, object]) -> Varied:
    """Change the values at the dotted paths of `changes`."""
    agents = {agent.name: agent for agent in scenario.agents}
    result = _fields(scenario)
    known = [name for name in result if name != "agents"] + list(agents)
    grouped: dict[str, dict[str, object]] = {}
    problems: list[str] = []
    for path, value in changes.items():
        head, key = _split(path, scenario, agents)
        if head in known:
            grouped.setdefault(head, {})[key] = Typed(value) if isinstance(value, str) else value
        else:
            problems.append(
                f"{path} is unknown{nearest(head, known)}: begin with a part of the scenario or an agent's name"
            )
    for head, change in grouped.items():
        holder: dict[str, Any] = result if head in result else agents
        try:
            holder[head] = _changed(head, holder[head], change)
        except ConfigError as fault:
            problems += fault.problems
    return Varied(result | {"agents": list(agents.values())}, problems)


def _split(path: str, scenario: Scenario, agents: Iterable[str]) -> tuple[str, str]:
    """Split a path into whose value is meant and which; agents' names may hold dots themselves."""
    head, _, key = path.partition(".")
    if head in type(scenario).model_fields:
        return head, key
    owners = [name for name in agents if path.startswith(f"{name}.") or path == name]
    owner = max(owners, key=len, default=head)
    return owner, path[len(owner) + 1 :]


def _fields(part: Any) -> dict[str, Any]:
    """Values of a part or asset, by name."""
    names = type(part).model_fields if isinstance(part, Part) else (field.name for field in dataclasses.fields(part))
    return {name: getattr(part, name) for name in names}


def _changed(path: str, old: Any, change: dict[str, object]) -> Any:
    """Give the value at `path` with `change` carried out: key to new value, ``""`` for the value itself."""
    if "" in change:
        if len(change) > 1:
            raise ConfigError(f"{path} is set as a whole and in part: choose one")
        if isinstance(old, Agent):
            raise ConfigError(f"{path} is an agent: set one of its values, {', '.join(_keys(old))}")
        return change[""]
    if not isinstance(old, Part) and not dataclasses.is_dataclass(old):
        raise ConfigError(f"{path}.{next(iter(change))} is unknown: {path} has no parts (it is {shown(old)})")
    inner: dict[str, dict[str, object]] = {}
    for key, value in change.items():
        head, _, rest = key.partition(".")
        inner.setdefault(head, {})[rest] = value
    unknown = [f"{path}.{key} is unknown{nearest(key, _keys(old))}: allowed are {', '.join(_keys(old))}"
               for key in inner if key not in _keys(old)]  # fmt: skip
    if unknown:
        raise ConfigError(unknown)
    values = _fields(old)
    for key, deeper in inner.items():
        values[key] = _changed(f"{path}.{key}", values[key], deeper)
    return _remade(path, old, values)


def _keys(part: Any) -> list[str]:
    return sorted(_fields(part)) if isinstance(part, Part) or dataclasses.is_dataclass(part) else []


def _remade(path: str, old: Any, values: dict[str, Any]) -> Any:
    """Make a part or asset anew."""
    if isinstance(old, Part):
        return type(old)(**values)
    dimensions = ASSET_FIELDS[type(old).__name__]
    problems = []
    for key, value in values.items():
        if isinstance(value, Typed):
            try:
                values[key] = _read(value, dimensions[key])
            except FieldError as fault:
                problems.append(f"{path}.{key}={shown(value)} {fault}")
    if problems:
        raise ConfigError(problems)
    return type(old)(**values)


def _read(value: Typed, dimension: str) -> object:
    """Read a typed value of an asset."""
    if dimension == TEXT:
        return str(value)
    if dimension == NUMBER:
        if not value.strip().isdecimal():
            raise FieldError("is not a whole number")
        return int(value)
    if dimension == DATE:
        try:
            return dt.date.fromisoformat(value.strip())
        except ValueError:
            raise FieldError("is not a date: write 2016-06-06") from None
    return quantity(value, dimension)
