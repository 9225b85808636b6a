"""One scenario made of another by a few values, as ``--set`` gives them.

Owns dotted paths: which value is meant and which names exist. How a text is read is the field's own business; assets
check whole quanta alone, so their fields' dimensions are listed here.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from wattbook.assets import Forecast
from wattbook.assets.forecast import KINDS
from wattbook.errors import ConfigError, nearest
from wattbook.scenario.faults import FieldError, shown
from wattbook.scenario.fields import Typed, is_none, quantity
from wattbook.scenario.incentives import Incentive
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
    for given, value in changes.items():
        path = _spelt_out(given, scenario, known)
        head, key = _split(path, scenario, agents)
        if head == "agents":
            problems.append(f"{path} cannot be set this way: set a value of one agent by its name, as ada.rated=5")
        elif head in known:
            grouped.setdefault(head, {})[key] = Typed(value) if isinstance(value, str) else value
        elif scenario.cities and given in type(scenario.cities[0]).model_fields:
            choices = " or ".join(f"{city.name}.{given}" for city in scenario.cities)
            problems.append(f"{path} is a field of several cities: name the city, {choices}")
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
    if is_none(result["local"]) and scenario.local is not None and "period" not in grouped:
        result["period"] = scenario.local.period
    return Varied(result | {"agents": list(agents.values())}, problems)


def _spelt_out(path: str, scenario: Scenario, known: Iterable[str]) -> str:
    """Put the name of the only city before a field of its own: ``homes`` means ``city.homes``."""
    cities = scenario.cities
    means_city = len(cities) == 1 and path in type(cities[0]).model_fields and path not in known
    return f"{cities[0].name}.{path}" if means_city else path


def _split(path: str, scenario: Scenario, agents: Iterable[str]) -> tuple[str, str]:
    """Split a path into whose value is meant and which; agents' names may hold dots themselves."""
    head, _, key = path.partition(".")
    if head in type(scenario).model_fields:
        return head, key
    owners = [name for name in agents if path.startswith(f"{name}.") or path == name]
    owner = max(owners, key=len, default=head)
    return owner, path[len(owner) + 1 :]


def _fields(part: Any) -> dict[str, Any]:
    """Values of a part or asset, by name; of a list of parts that have names these, by theirs."""
    if _is_list(part):
        return {each.name: each for each in part}
    names = type(part).model_fields if isinstance(part, Part) else (field.name for field in dataclasses.fields(part))
    return {name: getattr(part, name) for name in names}


def _changed(path: str, old: Any, change: dict[str, object]) -> Any:
    """Give the value at `path` with `change` carried out: key to new value, ``""`` for the value itself."""
    if "" in change:
        if len(change) > 1:
            raise ConfigError(f"{path} is set as a whole and in part: choose one")
        if isinstance(old, Agent):
            raise ConfigError(f"{path} is an agent: set one of its values, {', '.join(_keys(old))}")
        if isinstance(old, Forecast) and isinstance(change[""], Typed):
            kind = change[""] if change[""] in KINDS else KINDS[0]
            raise ConfigError(f"{path}={shown(change[''])} is not a value but its kind: write --set {path}.kind={kind}")
        return change[""]
    if not isinstance(old, Part) and not dataclasses.is_dataclass(old) and not _is_list(old):
        raise ConfigError(f"{path}.{next(iter(change))} is unknown: {path} has no parts (it is {shown(old)})")
    inner: dict[str, dict[str, object]] = {}
    for key, value in change.items():
        head, _, rest = key.partition(".")
        inner.setdefault(head, {})[rest] = value
    unknown = [f"{path}.{key} is unknown{nearest(key, _keys(old))}: allowed are {', '.join(_keys(old))}"
               for key in inner if key not in _keys(old)]  # fmt: skip
    if unknown:
        raise ConfigError(unknown)
    given: dict[str, Any] = {}
    problems: list[str] = []
    for key, deeper in inner.items():
        try:
            given[key] = _changed(f"{path}.{key}", _fields(old)[key], deeper)
        except ConfigError as fault:
            problems += fault.problems
    try:
        made = _remade(path, old, given)
    except ConfigError as fault:
        problems += fault.problems
    if problems:
        raise ConfigError(problems)
    return made


def _is_list(value: Any) -> bool:
    """Tell whether a value is a list of green tools."""
    return isinstance(value, tuple) and bool(value) and all(isinstance(each, Incentive) for each in value)


def _keys(part: Any) -> list[str]:
    has_keys = isinstance(part, Part) or dataclasses.is_dataclass(part) or _is_list(part)
    return sorted(_fields(part)) if has_keys else []


def _remade(path: str, old: Any, given: dict[str, Any]) -> Any:
    """Make a part, asset or list anew, with the values `given` in place of its own."""
    if _is_list(old):
        return tuple(given.get(each.name, each) for each in old)
    if isinstance(old, Part):
        # What was never given stays so: a default is not what somebody asked for.
        return type(old)(**({key: getattr(old, key) for key in old.model_fields_set} | given))
    dimensions = ASSET_FIELDS[type(old).__name__]
    values = _fields(old)
    problems: list[str] = []
    for key, value in given.items():
        try:
            values[key] = _read(value, dimensions[key]) if isinstance(value, Typed) else value
        except FieldError as fault:
            problems.append(f"{path}.{key}={shown(value)} {fault}")
    try:
        made = type(old)(**values)
    except ConfigError as fault:
        # The asset calls itself by its kind; here it has an owner.
        problems += [f"{path}: {problem.partition(': ')[2]}" for problem in fault.problems]
    if problems:
        raise ConfigError(problems)
    return made


def _read(value: Typed, dimension: str) -> object:
    """Read a typed value of an asset."""
    if dimension == TEXT:
        return str(value)
    if dimension == NUMBER:
        if not (value.isascii() and value.strip().isdecimal()):
            raise FieldError("is not a whole number")
        return int(value)
    if dimension == DATE:
        try:
            return dt.date.fromisoformat(value.strip())
        except ValueError:
            raise FieldError("is not a date: write 2016-06-06") from None
    return quantity(value, dimension)
