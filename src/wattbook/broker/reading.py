"""Reading an answer: JSON and nothing else, and every value one that the schema allows.

Owns the subset of JSON schema that a policy may use. Refuses to know what an answer means.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NoReturn

from wattbook.decisions import Answer, Outcome
from wattbook.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    Check = Callable[[object], bool]

MALFORMED: Final = Answer(Outcome.MALFORMED, None)
INVALID: Final = Answer(Outcome.INVALID, None)
_SCALARS: Final = (str, int, float, bool, type(None))
_IDLE_WORDS: Final = {"type", "description", "title"}
"""Say nothing about which values are allowed, where the kind of a rule is known."""


def read(text: str, schema: str) -> Answer:
    """Read what a model wrote: its values, or that it is malformed or invalid.

    Examples
    --------
    >>> schema = (
    ...     '{"type": "object", "properties": {"share": {"enum": [0, 1]}}, "required": ["share"],'
    ...     ' "additionalProperties": false}'
    ... )
    >>> read('{"share": 1}', schema).values
    {'share': 1}
    >>> read('{"share": true}', schema).outcome, read("1", schema).outcome
    (<Outcome.INVALID: 'invalid'>, <Outcome.MALFORMED: 'malformed'>)
    """
    try:
        values = _DECODER.decode(text)
    except (ValueError, RecursionError):
        return MALFORMED
    if type(values) is not dict:
        return MALFORMED
    return Answer(Outcome.OK, values) if check_of(schema)(values) else INVALID


@lru_cache(maxsize=1024)
def check_of(schema: str) -> Check:
    """Make the check of a schema.

    Raises
    ------
    ConfigError
        If the schema has anything but objects whose properties are all required, closed lists of values, and texts
        of limited length.
    """
    rule = json.loads(schema)
    if not isinstance(rule, dict) or rule.get("type") != "object":
        raise ConfigError(f"schema of an answer: is not of type object but {schema[:80]}")
    return _check(rule, "schema of an answer")


def _check(rule: dict[str, Any], where: str) -> Check:
    words = set(rule) - _IDLE_WORDS
    if words == {"enum"}:
        return _one_of(rule["enum"], where)
    if words == {"maxLength"} and rule.get("type") == "string":
        return _short(rule["maxLength"])
    if words == {"properties", "required", "additionalProperties"} and rule.get("type") == "object":
        return _closed(rule, where)
    raise ConfigError(
        f"{where}: {json.dumps(rule)[:120]} is none of an enum, a string with a maxLength, and an object with "
        "properties, required and additionalProperties"
    )


def _closed(rule: dict[str, Any], where: str) -> Check:
    """Check an object: these properties, all of them, no others."""
    properties = rule["properties"]
    if sorted(rule["required"]) != sorted(properties) or rule["additionalProperties"] is not False:
        raise ConfigError(f"{where}: require all of {sorted(properties)}, and set additionalProperties to false")
    checks = {name: _check(inner, f"{where}.{name}") for name, inner in properties.items()}

    def check(value: object) -> bool:
        if type(value) is not dict or len(value) != len(checks):
            return False
        return all(name in value and fits(value[name]) for name, fits in checks.items())

    return check


def _one_of(values: list[Any], where: str) -> Check:
    """Check for one of these values, of the same type: true is not 1, and 1.0 is not 1."""
    if not values or not all(isinstance(value, _SCALARS) for value in values):
        raise ConfigError(f"{where}: enum={values!r} is not a list of texts, numbers, true, false or null")
    allowed = frozenset((type(value), value) for value in values)

    def check(value: object) -> bool:
        return isinstance(value, _SCALARS) and (type(value), value) in allowed

    return check


def _short(longest: int) -> Check:
    """Check for a text of at most `longest` characters that can be written as UTF-8."""

    def check(value: object) -> bool:
        return type(value) is str and len(value) <= longest and _is_writable(value)

    return check


def _is_writable(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of its members, none of which may come twice."""
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a name comes twice")
    return values


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number of JSON")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_number)
