"""How many tokens a request and its answer are expected to count: for estimates, never for what is billed.

Every model counts in its own way. What is counted here are words, groups of digits and groups of marks, which for
English and JSON comes near to what large vocabularies make of them; a server that counts for us sets the scale.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from wattbook.broker.settings import Settings
    from wattbook.decisions import Asked

_PIECE: Final = re.compile(r"[^\W\d_]{1,10}|\d{1,3}|(?:[^\w\s]|_){1,4}")
_REASON: Final = "need is high and the local price is below the retail price"
"""A reason of usual length."""


class Tokens(NamedTuple):
    """Tokens read and written."""

    input: int
    output: int


def pieces(text: str) -> int:
    """Count the pieces of a text.

    >>> pieces('{"share":100}')  # {" and share and ": and 100 and }
    5
    """
    return len(_PIECE.findall(text))


def expected_tokens(asked: Asked, settings: Settings) -> Tokens:
    """Expect what a request and its answer count."""
    static, answer = _static(asked.system, asked.schema)
    return Tokens(static + pieces(asked.observation), min(answer, settings.max_tokens))


@lru_cache(maxsize=64)
def _static(system: str, schema: str) -> Tokens:
    usual = json.dumps(usual_answer(json.loads(schema)), separators=(",", ":"))
    return Tokens(pieces(system) + pieces(schema), pieces(usual))


def usual_answer(schema: dict[str, Any]) -> Any:
    """Give an answer of usual length: of each list the value in the middle, and a reason.

    >>> usual_answer({"properties": {"action": {"enum": ["a", "b", "c"]}}})
    {'action': 'b'}
    """
    if "properties" in schema:
        return {name: usual_answer(rule) for name, rule in schema["properties"].items()}
    allowed = schema.get("enum")
    return allowed[len(allowed) // 2] if allowed else _REASON[: schema.get("maxLength", len(_REASON))]
