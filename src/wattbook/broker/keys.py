"""What a request sends, and the key it is found again by.

Owns the form of a request: the keyword arguments of ``messages.create``, and blake2b-160 over the canonical JSON of all
of them and the salt. Address, access key, deadlines, agent and time are in neither.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from wattbook.broker.budget import static_input_tokens
from wattbook.journal import canonical_json

if TYPE_CHECKING:
    from wattbook.broker.settings import Settings
    from wattbook.decisions import Asked

KEY_BYTES: Final = 20
_OBSERVATION: Final = "\x00observation"
_SALT: Final = "\x00salt"
_quote: Final = json.JSONEncoder(ensure_ascii=False).encode


class _Frame(NamedTuple):
    """What all requests of one system text and schema have in common.

    Attributes
    ----------
    schema : dict
        As it is sent.
    head : hash
        State after all that comes before the observation.
    middle, tail : bytes
        Between observation and salt, and after the salt.
    input_tokens : int
        Most that all but the observation may count.
    """

    schema: dict[str, Any]
    head: Any
    middle: bytes
    tail: bytes
    input_tokens: int


def payload_of(asked: Asked, settings: Settings) -> dict[str, Any]:
    """Lay out the keyword arguments of ``messages.create``.

    No effort is given: it governs thinking, which is off. The schema is shared by all payloads that have it.
    """
    frame = _frame(settings.model, settings.max_tokens, asked.system, asked.schema)
    return _payload(settings.model, settings.max_tokens, asked.system, frame.schema, asked.observation)


def key_of(asked: Asked, settings: Settings) -> bytes:
    """Key (20 bytes) of a request: equal if and only if the model sees the same and the salt is the same."""
    frame = _frame(settings.model, settings.max_tokens, asked.system, asked.schema)
    state = frame.head.copy()
    state.update(_quote(asked.observation).encode() + frame.middle + _quote(asked.salt).encode() + frame.tail)
    key: bytes = state.digest()
    return key


def most_tokens_of(asked: Asked, settings: Settings) -> int:
    """Most input tokens that a server may count for a request (see `wattbook.broker.budget`)."""
    frame = _frame(settings.model, settings.max_tokens, asked.system, asked.schema)
    return frame.input_tokens + len(asked.observation.encode())


def sent_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Write a schema as the interface takes it: it knows no longest text, so that goes into the description."""
    if "properties" in schema:
        return schema | {"properties": {name: sent_schema(rule) for name, rule in schema["properties"].items()}}
    if "maxLength" not in schema:
        return schema
    limit = f"At most {schema['maxLength']} characters."
    said = f"{schema['description']} {limit}" if "description" in schema else limit
    return {word: value for word, value in schema.items() if word != "maxLength"} | {"description": said}


def _payload(model: str, max_tokens: int, system: str, schema: dict[str, Any], observation: str) -> dict[str, Any]:
    return {
        "model": model,
        "max_tokens": max_tokens,
        "system": system,
        "messages": [{"role": "user", "content": observation}],
        "thinking": {"type": "disabled"},
        "output_config": {"format": {"type": "json_schema", "schema": schema}},
    }


@lru_cache(maxsize=1024)
def _frame(model: str, max_tokens: int, system: str, schema: str) -> _Frame:
    """Write the canonical JSON once, and cut it where observation and salt belong."""
    sent = sent_schema(json.loads(schema))
    payload = _payload(model, max_tokens, system, sent, _OBSERVATION)
    text = canonical_json(payload | {"salt": _SALT})
    head, rest = text.split(_quote(_OBSERVATION).encode(), 1)
    middle, tail = rest.split(_quote(_SALT).encode(), 1)
    static = static_input_tokens(system, schema)
    return _Frame(sent, hashlib.blake2b(head, digest_size=KEY_BYTES), middle, tail, static)
