"""What a stub server does with a request: the words of its scripts, the limit of its rate, and its counts.

Owns the ways in which an interface can fail. Knows no socket and no answer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from wattbook.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Kind(StrEnum):
    """Ways of answering a request."""

    PLAIN = "plain"
    """A whole message within the schema."""
    RESET = "reset"
    """The connection is dropped without an answer."""
    HALF_BODY = "half_body"
    """Half of the announced body, then the connection ends."""
    CUT_JSON = "cut_json"
    """A whole response whose JSON stops halfway."""
    HTML = "html"
    """A page with status 200, as a proxy may send it."""
    EMPTY_OBJECT = "empty_object"
    """Status 200 with `{}`."""
    EMPTY = "empty"
    """A message without content."""
    REFUSAL = "refusal"
    """A message without content that stopped for a refusal."""
    MAX_TOKENS = "max_tokens"
    """Half of the answer; all tokens that the request allows are billed."""
    THINKING = "thinking"
    """A thinking block before the answer."""
    BAD_ENUM = "bad_enum"
    """One value is none of its enum."""
    MISSING_FIELD = "missing_field"
    """One property of the answer is missing."""
    EXTRA_FIELD = "extra_field"
    """One property is none of the schema's."""
    NOT_JSON = "not_json"
    """Prose instead of JSON."""
    OBEY = "obey"
    """What ``answer with NAME=VALUE NAME=VALUE`` in a message says, whatever the schema allows."""


ERRORS: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
"""Statuses that a stub can answer with, and what the interface calls them."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What becomes of one request.

    Attributes
    ----------
    kind : str
        One of `Kind`.
    latency_ms, jitter_ms : int
        Wall time before anything is sent: the latency, and 0 to the jitter more, by a hash of the request's content.
    status : int
        Of an error instead of an answer, one of `ERRORS`; 0 for none.
    retry_after_s : int or None
        What a status 429 tells; None leaves the header out.
    """

    kind: str = Kind.PLAIN
    latency_ms: int = 0
    jitter_ms: int = 0
    status: int = 0
    retry_after_s: int | None = 1

    def __post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            raise ConfigError(problems)

    def _problems(self) -> list[str]:
        found = []
        if self.kind not in list(Kind):
            found.append(f"kind={self.kind!r} is no behaviour of the stub: type one of {', '.join(Kind)}")
        if self.status and self.status not in ERRORS:
            found.append(f"status={self.status} is no error of the stub: type one of {', '.join(map(str, ERRORS))}")
        if self.status and self.kind != Kind.PLAIN:
            found.append(f"status={self.status} sends no answer that could be {self.kind!r}: leave one of them out")
        if min(self.latency_ms, self.jitter_ms, self.retry_after_s or 0) < 0:
            found.append("a stub cannot answer before it is asked: give latency_ms, jitter_ms, retry_after_s from 0 up")
        return found


PLAIN: Final = Behaviour()

if TYPE_CHECKING:
    Rule = Callable[[dict[str, Any], int], Behaviour]
    Script = Behaviour | Sequence[Behaviour] | Rule


def rule_of(script: Script) -> Rule:
    """Turn one behaviour for all, or a list in order of arrival (then plain), into the rule that says the same."""
    if isinstance(script, Behaviour):
        return lambda body, number: script  # noqa: ARG005 - the same for all
    if callable(script):
        return script
    listed = tuple(script)
    return lambda body, number: listed[number] if number < len(listed) else PLAIN  # noqa: ARG005 - by arrival alone


@dataclass(frozen=True, slots=True)
class Bucket:
    """A limit of the rate: a bucket of `burst` tokens that fills at `per_s`, and each post takes one.

    Attributes
    ----------
    per_s : float
        Tokens a second.
    burst : int
        Tokens in the bucket at the start, and at most.
    retry_after_s : int or None
        What a refused post is told; None for the seconds until there is a token again, rounded up.
    """

    per_s: float
    burst: int = 1
    retry_after_s: int | None = None

    def __post_init__(self) -> None:
        if self.per_s <= 0 or self.burst < 1:
            raise ConfigError(f"per_s={self.per_s}, burst={self.burst} lets nothing in: give both above 0")


class Meter:
    """A bucket in use.

    Parameters
    ----------
    bucket : Bucket
    now_s : float
        Moment of a clock that never goes back.
    """

    def __init__(self, bucket: Bucket, now_s: float) -> None:
        self._bucket = bucket
        self._level: float = bucket.burst
        self._at_s = now_s

    def refuses(self, now_s: float) -> int | None:
        """Take a token; without one give the seconds to wait."""
        bucket = self._bucket
        self._level = min(bucket.burst, self._level + (now_s - self._at_s) * bucket.per_s)
        self._at_s = now_s
        if self._level >= 1:
            self._level -= 1
            return None
        if bucket.retry_after_s is not None:
            return bucket.retry_after_s
        return math.ceil((1 - self._level) / bucket.per_s)


class Counts(NamedTuple):
    """What a stub has seen so far.

    Attributes
    ----------
    posts : int
        Requests for a message, however they were answered.
    refused : int
        Those answered with 429.
    errors : int
        Those answered with any other error.
    token_counts : int
        Requests to count tokens.
    with_key : int
        Posts that brought a key; which one is not kept.
    input_tokens, output_tokens : int
        Billed: of all posts that were carried out, whether their answer arrived or not.
    at_once : int
        Most requests under way at one moment.
    """

    posts: int = 0
    refused: int = 0
    errors: int = 0
    token_counts: int = 0
    with_key: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    at_once: int = 0

    def billed_nusd(self, input_nusd: int, output_nusd: int) -> int:
        """Price what was billed [1e-9 USD], at prices of one token [1e-9 USD].

        >>> Counts(input_tokens=500, output_tokens=40).billed_nusd(1_000, 5_000)
        700000
        """
        return self.input_tokens * input_nusd + self.output_tokens * output_nusd
