"""A scenario as text: canonical, the same for the same scenario on every machine.

Owns the form that the manifest holds. Quanta are whole numbers, agents stand sorted by name, a shipped profile is
named and a user's own stands by the hash of its content, a policy by its name and the hash of its source.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import inspect
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from wattbook.policies import Mind
from wattbook.scenario.incentives import Incentive
from wattbook.scenario.mechanisms import OPTIONS
from wattbook.scenario.parts import Agent, LocalMarket, Part
from wattbook.scenario.profiles import Library, content_hash

if TYPE_CHECKING:
    from wattbook.scenario.model import Scenario

FORM: Final = 1
OPTIONAL: Final = (
    "improve", "clear_after_trade", "turns", "failed_shouts", "turns_per_day", "session_days", "answers",
    "gateway", *OPTIONS,
)  # fmt: skip
"""Options of `LocalMarket` that stand in the text only where they are not as ever: without them a scenario is what it
was before they existed."""
PROFILES: Final = frozenset({"profile", "pv_profile"})
FILES: Final = frozenset({"library"})
"""Fields that name a file whose content counts."""
ASIDE: Final[dict[str, frozenset[str]]] = {
    "Scenario": frozenset({"engine", "baseline"}),
    "LanguageModel": frozenset(
        {"deadline", "max_requests", "max_total_tokens", "max_usd", "max_wall", "prices", "recording"}
    ),
}
"""Fields that change neither what happens nor its fingerprint; of a language model what answers cost, and where they
are kept."""

LATER: Final[dict[str, frozenset[str]]] = {
    "City": frozenset({"loyalty"}),
    "Consumer": frozenset({"loyalty"}),
    "Prosumer": frozenset({"loyalty"}),
    "Producer": frozenset({"offer", "reference", "turnover"}),
    "Regulator": frozenset({"incentive_budget", "incentives", "judge", "thinking"}),
    "RetailMarket": frozenset({"members"}),
    "Scenario": frozenset({"hours", "wholesale", "buy_out", "retail", "game", "regulator", "language_model"}),
    "ContractDesk": frozenset({"spans"}),
    "Trader": frozenset({"reaction"}),
    "Utility": frozenset(
        {"persona", "represents", "profile", "rated", "renewable_quota", "green_share", "exit_fee", "term", "turnover"}
    ),
}
"""Fields that came later: where they say nothing new they are left out, so that digests of before hold."""


def canonical_json(scenario: Scenario) -> str:
    """Write `scenario` as JSON with sorted keys and no spaces.

    Raises
    ------
    DataError
        If a profile's file cannot be used.
    """
    value = {"form": FORM, **_plain(scenario, Library())}
    value["agents"] = sorted(value["agents"], key=lambda agent: str(agent["name"]))
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(scenario: Scenario) -> str:
    """SHA-256 of the canonical JSON without the scenario's name, which changes no result.

    Raises
    ------
    DataError
        If a profile's file cannot be used.
    """
    from wattbook.results.origin import scenario_digest

    return scenario_digest(json.loads(canonical_json(scenario)))


def _plain(value: Any, library: Library) -> Any:
    """Turn a value into what JSON knows."""
    if isinstance(value, Part):
        told = [name for name in type(value).model_fields if not (_is_aside(value, name) or _is_later(value, name))]
        plain = {name: _field(name, getattr(value, name), library) for name in told}
        if isinstance(value, LocalMarket):
            fields = type(value).model_fields
            plain = {n: v for n, v in plain.items() if n not in OPTIONAL or getattr(value, n) != fields[n].default}
        return plain | ({"kind": value.kind} if isinstance(value, Agent | Incentive) else {})
    if isinstance(value, Mind):
        return _mind(value)
    if callable(getattr(value, "day_ahead", None)):
        own = dataclasses.asdict(value) if dataclasses.is_dataclass(value) and not isinstance(value, type) else {}
        return {"mind": type(value).__name__, **own, "source": _source_hash(type(value))}
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name), library) for field in dataclasses.fields(value)}
    if isinstance(value, list | tuple):
        return [_plain(each, library) for each in value]
    if isinstance(value, dt.date):
        return value.isoformat()
    if callable(value):
        return {"function": str(getattr(value, "__name__", type(value).__name__)), "source": _source_hash(value)}
    if isinstance(value, bool | str) or value is None:
        return value
    assert isinstance(value, int), f"a scenario holds {value!r}"
    return int(value)


def _is_aside(part: Part, name: str) -> bool:
    """Tell whether a field changes nothing."""
    return name in ASIDE.get(type(part).__name__, ())


def _is_later(part: Part, name: str) -> bool:
    """Tell whether a field came later and says nothing."""
    fields = type(part).model_fields
    return name in LATER.get(type(part).__name__, ()) and getattr(part, name) == fields[name].default


def _field(name: str, value: Any, library: Library) -> Any:
    """Turn a part's value into what JSON knows; a profile is not its path but its content."""
    if value is not None and name in PROFILES:
        return library.digest(value)
    return (
        content_hash(Path(value).read_text(encoding="utf-8"))
        if value is not None and name in FILES
        else _plain(value, library)
    )


def _mind(mind: Mind) -> dict[str, Any]:
    """Describe how an agent decides; its own choice of a utility by that function's source."""
    choose = getattr(mind.policy, "choose", None)
    return {
        "name": mind.name,
        "persona": mind.persona,
        "memory": [int(cell) for cell in mind.memory],
        "look_ahead_ms": int(mind.look_ahead_ms),
        "source": _source_hash(mind.policy),
        **({"choose": _source_hash(choose)} if callable(choose) else {}),
    }


def _source_hash(policy: Any) -> str | None:
    """SHA-256 of a policy's source text; None where it was typed without a file."""
    try:
        return content_hash(inspect.getsource(getattr(policy, "py_func", policy)))
    except (OSError, TypeError):
        return None
