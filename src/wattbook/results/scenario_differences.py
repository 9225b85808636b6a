"""What differs between two scenarios, leaf by leaf.

Owns the paths by which a scenario's JSON is told: dotted, an agent by its name, as `with_values` and ``--set`` have it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wattbook.journal import canonical_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_ABSENT: Final = object()


def scenario_differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Compare two scenarios, as the JSON of their manifests; their names are free text and left out.

    Returns
    -------
    list of dict
        ``path``, ``agent`` (whose it is, None for the scenario's own), and ``a`` and ``b``, one of which is missing
        where only the other scenario has such a value. A list is one value; so is a part that only one of them has.

    >>> scenario_differences({"local": {"period": 9, "step": 1}}, {"local": {"period": 6, "step": 1}})
    [{'path': 'local.period', 'agent': None, 'a': 9, 'b': 6}]
    """
    aside = {"name", "agents"}
    found = list(_leaves("", {k: a[k] for k in a if k not in aside}, {k: b[k] for k in b if k not in aside}, None))
    here, there = _by_name(a), _by_name(b)
    for name in sorted(here.keys() | there.keys()):
        found += _leaves(name, here.get(name, _ABSENT), there.get(name, _ABSENT), name)
    return found


def mapping_differences(a: Mapping[str, str], b: Mapping[str, str]) -> dict[str, dict[str, str | None]]:
    """Compare versions, or the digests of inputs, by name; None where there is none."""
    names = sorted(a.keys() | b.keys())
    return {name: {"a": a.get(name), "b": b.get(name)} for name in names if a.get(name) != b.get(name)}


def _by_name(scenario: Mapping[str, Any]) -> dict[str, Any]:
    return {agent["name"]: agent for agent in scenario.get("agents", ())}


def _leaves(path: str, a: object, b: object, agent: str | None) -> Iterator[dict[str, Any]]:
    # As bytes: to Python, 1 and True are the same.
    if a is not _ABSENT and b is not _ABSENT and canonical_json(a) == canonical_json(b):
        return
    if isinstance(a, dict) and isinstance(b, dict):
        for key in sorted(a.keys() | b.keys()):
            yield from _leaves(f"{path}.{key}" if path else key, a.get(key, _ABSENT), b.get(key, _ABSENT), agent)
        return
    sides = {side: value for side, value in (("a", a), ("b", b)) if value is not _ABSENT}
    yield {"path": path, "agent": agent, **sides}
