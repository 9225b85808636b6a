"""What a stub server answers: tokens, values within a schema, and all the ways in which an answer can be wrong.

Pure: the same request has the same answer. Owns the form of a message. Knows no socket.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from wattbook.broker.tokens import pieces
from wattbook.errors import ConfigError
from wattbook.testing.stub_behaviours import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Answerer = Callable[[dict[str, Any]], dict[str, Any] | str]

_ORDER: Final = re.compile(r"answer with((?:\s+\w+=[^\s\"\\,;}]+)+)", re.IGNORECASE)
_NOTHING: Final = (Kind.EMPTY, Kind.REFUSAL)
_NEEDS_FIELDS: Final = (Kind.BAD_ENUM, Kind.MISSING_FIELD, Kind.EXTRA_FIELD, Kind.OBEY)


tokens: Final = lru_cache(maxsize=512)(pieces)
"""Count the tokens of a text by the broker's rule; system prompts and schemas come again and again."""


def _first_tokens(text: str, most: int) -> str:
    """Give as much of the start of a text as counts `most` tokens."""
    return text[: bisect_right(range(1, len(text) + 1), most, key=lambda end: pieces(text[:end]))]


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


class Seen(NamedTuple):
    """What a stub reads of a request.

    Attributes
    ----------
    digest : bytes
        Of system, messages and schema: all that an answer depends on.
    schema : mapping or None
    said : str
        Text of the messages.
    input_tokens : int
    max_tokens : int
        Most tokens of the answer; 0 where the request does not say.
    """

    digest: bytes
    schema: Mapping[str, Any] | None
    said: str
    input_tokens: int
    max_tokens: int


def _text(content: object) -> str:
    """Give the text of a system prompt or of a message's content: a text, or a list of blocks."""
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else []
    return "\n".join(block.get("text", "") for block in blocks if isinstance(block, dict))


def see(body: Mapping[str, Any]) -> Seen:
    """Read a request."""
    system, messages = body.get("system", ""), body["messages"]
    schema = ((body.get("output_config") or {}).get("format") or {}).get("schema")
    written = "" if schema is None else _canonical(schema)
    says = [_text(message["content"]) for message in messages]
    content = f"{_canonical([system, messages])}\n{written}".encode("utf-8", "surrogatepass")
    counted = sum(map(tokens, (_text(system), written, *says)))
    return Seen(blake2b(content, digest_size=16).digest(), schema, "\n".join(says), counted, body.get("max_tokens", 0))


def drawn(digest: bytes, name: str) -> int:
    """Draw a whole number of 64 bits for `name`; the same for the same content."""
    return int.from_bytes(blake2b(name.encode(), key=digest, digest_size=8).digest(), "big")


def values_within(schema: Mapping[str, Any], digest: bytes, name: str = "") -> Any:
    """Make a value that `schema` allows, chosen by `digest`.

    Raises
    ------
    ConfigError
        If a part of the schema is no object, has no enum and is no string.
    """
    if "enum" in schema:
        return schema["enum"][drawn(digest, name) % len(schema["enum"])]
    if schema.get("type") == "object":
        parts = schema.get("properties", {})
        return {key: values_within(part, digest, f"{name}/{key}") for key, part in parts.items()}
    if schema.get("type") == "string":
        return f"stub {drawn(digest, name):016x}"[: schema.get("maxLength")]
    raise ConfigError(
        f"{name or '/'} of the schema has no enum and is neither object nor string: give the stub answer=, a function "
        "of the request's body"
    )


def _with_bad_enum(values: dict[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Put a value that is not in its enum in place of the first that has one."""
    for name, part in schema.get("properties", {}).items():
        if "enum" in part and name in values:
            numbers = [each for each in part["enum"] if isinstance(each, int)]
            longest = max(map(str, part["enum"]), key=len)
            return {**values, name: max(numbers) + 1 if numbers else f"not {longest}"}
        if part.get("type") == "object" and isinstance(values.get(name), dict):
            spoilt = _with_bad_enum(values[name], part)
            if spoilt != values[name]:
                return {**values, name: spoilt}
    return values


def _ordered(text: str) -> dict[str, Any]:
    """Read what a message orders: ``answer with action=sell price=1``."""
    found = _ORDER.search(text)
    pairs = [pair.split("=", 1) for pair in found[1].split()] if found else []
    return {name: int(value) if re.fullmatch(r"-?\d+", value) else value for name, value in pairs}


def _spoilt(values: dict[str, Any] | str, kind: str, seen: Seen) -> dict[str, Any]:
    if isinstance(values, str):
        raise ConfigError(f"kind={kind!r} needs an answer with fields: send a schema, or let answer= return a dict")
    if kind == Kind.MISSING_FIELD:
        return dict(list(values.items())[1:])
    if kind == Kind.EXTRA_FIELD:
        return {**values, "stub_extra": 1}
    if kind == Kind.OBEY:
        return {**values, **_ordered(seen.said)}
    return _with_bad_enum(values, seen.schema or {})


def answer_text(body: dict[str, Any], seen: Seen, kind: str, answerer: Answerer | None) -> str:
    """Write the answer to a request, right or wrong as `kind` says."""
    if kind in _NOTHING:
        return ""
    if kind == Kind.NOT_JSON:
        return f"I would rather say it in words, number {drawn(seen.digest, 'words') % 1000}."
    values = answerer(body) if answerer else values_within(seen.schema or {"type": "string"}, seen.digest)
    if kind in _NEEDS_FIELDS:
        values = _spoilt(values, kind, seen)
    text = values if isinstance(values, str) else _canonical(values)
    return text[: len(text) // 2] if kind == Kind.MAX_TOKENS else text


class Message(NamedTuple):
    """A message as the interface gives it, and what it costs."""

    form: dict[str, Any]
    output_tokens: int


def message(body: dict[str, Any], seen: Seen, kind: str, answerer: Answerer | None) -> Message:
    """Answer a request; what is longer than the request allows is cut, as the interface does."""
    text = answer_text(body, seen, kind, answerer)
    content = [{"type": "text", "text": text}]
    thought = f"Number {drawn(seen.digest, 'thought') % 1000} of a thousand thoughts." * (kind == Kind.THINKING)
    if thought:
        content.insert(0, {"type": "thinking", "thinking": thought, "signature": "stub"})
    stop, count = "end_turn", tokens(thought) + tokens(text)
    if kind == Kind.MAX_TOKENS or count > seen.max_tokens:
        stop, count = "max_tokens", seen.max_tokens
        content[-1]["text"] = _first_tokens(text, max(0, seen.max_tokens - tokens(thought)))
    if kind in _NOTHING:
        content, stop = [], "refusal" if kind == Kind.REFUSAL else "end_turn"
    return Message(_form(body, seen, content, stop, count), count)


def _form(
    body: dict[str, Any], seen: Seen, content: list[dict[str, str]], stop: str, output_tokens: int
) -> dict[str, Any]:
    return {
        "id": f"msg_stub_{seen.digest.hex()}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": content,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {
            "input_tokens": seen.input_tokens,
            "output_tokens": output_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "service_tier": "standard",
        },
    }
