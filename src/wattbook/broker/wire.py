"""What comes over the wire, read by ourselves.

The models of the SDK take anything for a message, and its parser loses the usage of a truncated one; so the bytes of a
body are read here, once, and everything in them is doubted.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final, NamedTuple

from wattbook.decisions import Outcome

_MOST_TOKENS: Final = 2**40
MOST_BYTES: Final = 1 << 20
"""Of an answer; one of 100,000 tokens is half as long."""
_INPUTS: Final = ("cache_creation_input_tokens", "cache_read_input_tokens")
_ENDS: Final = {
    "end_turn": Outcome.OK,
    "stop_sequence": Outcome.OK,
    "max_tokens": Outcome.TRUNCATED,
    "model_context_window_exceeded": Outcome.TRUNCATED,
    "refusal": Outcome.REFUSAL,
}
_OF_STATUS: Final = {429: Outcome.RATE_LIMITED, 529: Outcome.OVERLOADED}


class Heard(NamedTuple):
    """What one request came to.

    Attributes
    ----------
    status : int
        Of HTTP; 0 if no whole answer came.
    body : bytes
        Of an answer that is no error.
    request_id : str
    retry_after_s : float or None
        When the server wants to be asked again.
    is_stub : bool
        Whether the server says that it is one.
    may_have_arrived : bool
        Whether a request without an answer can have reached the server.
    """

    status: int
    body: bytes = b""
    request_id: str = ""
    retry_after_s: float | None = None
    is_stub: bool = False
    may_have_arrived: bool = False


class Said(NamedTuple):
    """What an answer says.

    Attributes
    ----------
    outcome : Outcome
    text : str
    input_tokens, output_tokens : int
        With cache reads and writes counted as input.
    is_billed : bool
        Whether the tokens are known.
    """

    outcome: Outcome
    text: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    is_billed: bool = False


def outcome_of(status: int) -> Outcome:
    """Name what a status that is no success means."""
    if status >= 500:
        return _OF_STATUS.get(status, Outcome.SERVER_ERROR)
    return _OF_STATUS.get(status, Outcome.CLIENT_ERROR if status else Outcome.CONNECTION)


def read_message(body: bytes) -> Said:
    """Read the body of an answer; malformed is all that is no message of the model's interface, or a huge one."""
    message = _parse(body) if len(body) <= MOST_BYTES else None
    if not isinstance(message, dict) or message.get("type") != "message":
        return Said(Outcome.MALFORMED)
    usage = _usage(message.get("usage"))
    if usage is None:
        return Said(Outcome.MALFORMED)
    text = _text(message.get("content"))
    end = message.get("stop_reason")
    outcome = _ENDS.get(end, Outcome.MALFORMED) if isinstance(end, str) else Outcome.MALFORMED
    if text is None:
        outcome, text = Outcome.MALFORMED, ""
    elif outcome is Outcome.OK and not text.strip():
        outcome = Outcome.NO_ACTION
    return Said(outcome, text, *usage, is_billed=True)


def read_count(body: bytes) -> int | None:
    """Read the answer of ``count_tokens``; None for none."""
    answer = _parse(body)
    return _tokens(answer.get("input_tokens")) if isinstance(answer, dict) else None


def read_seconds(header: str | None) -> float | None:
    """Read a ``retry-after`` in seconds; None for a date, nonsense or none."""
    try:
        seconds = float(header or "")
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def read_request_id(header: str | None) -> str:
    """Read a request's id; "" for anything that does not look like one."""
    return header if header and re.fullmatch(r"req_[A-Za-z0-9_-]{1,80}", header) else ""


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _usage(usage: object) -> tuple[int, int] | None:
    if not isinstance(usage, dict):
        return None
    counts = [_tokens(usage.get(name)) for name in ("input_tokens", "output_tokens")]
    counts += [_tokens(usage.get(name) or 0) for name in _INPUTS]
    if None in counts:
        return None
    uncached, output, *cached = (count or 0 for count in counts)
    return uncached + sum(cached), output


def _tokens(count: object) -> int | None:
    is_count = isinstance(count, int) and not isinstance(count, bool) and 0 <= count <= _MOST_TOKENS
    return count if is_count and isinstance(count, int) else None


def _text(content: object) -> str | None:
    """Join the texts of a content; None if it is no list of blocks, or a text is none."""
    if not isinstance(content, list) or not all(isinstance(block, dict) for block in content):
        return None
    texts = [block.get("text") for block in content if block.get("type") == "text"]
    if not all(isinstance(text, str) for text in texts):
        return None
    joined = "".join(texts)
    return joined if joined.isascii() or _is_utf8(joined) else None


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair: it could not be stored
        return False
    return True
