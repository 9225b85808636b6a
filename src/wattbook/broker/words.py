"""What the parts of the broker say to each other: the payload of a call, and the reply to it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Future

    from wattbook.decisions import Outcome


class Mode(StrEnum):
    """Where answers come from."""

    OFF = "off"
    """Nobody is asked: rules decide."""
    RECORD = "record"
    """From the model; all that comes is kept."""
    REPLAY = "replay"
    """From the store alone; no connection is opened."""
    REPLAY_OR_LIVE = "replay-or-live"
    """From the store as far as it goes, then from the model."""


class Call(NamedTuple):
    """One request to the model.

    Attributes
    ----------
    payload : mapping
        Keyword arguments of ``messages.create``: model, max_tokens, system, messages, thinking, output_config.
    deadline_s : float
        Wall time after which nobody waits for it any more, waiting in the queue included.
    """

    payload: Mapping[str, Any]
    deadline_s: float


class Reply(NamedTuple):
    """What came back of a call, or why nothing did; holds no header and no key.

    Attributes
    ----------
    outcome : Outcome
        OK with a text, else refusal, truncated, malformed, no_action, timeout, rate_limited, overloaded, server_error,
        connection, client_error or budget (no request was left for another attempt).
    text : str
        Text of the answer as the model wrote it; "" for none.
    input_tokens, output_tokens : int
        As billed; with cache reads and writes counted as input.
    is_billed : bool
        Whether the usage is known: then it is exact. Where it is not, and `sent` is, it may have cost the worst case.
    sent : bool
        Whether a request may have been carried out by the server without its usage being known.
    attempts : int
        Requests sent for it.
    latency_ms : int
        Wall time from the call to the reply.
    status : int
        Of HTTP; 0 without one.
    request_id : str
    """

    outcome: Outcome
    text: str
    input_tokens: int
    output_tokens: int
    is_billed: bool
    sent: bool
    attempts: int
    latency_ms: int
    status: int
    request_id: str


class Caller(Protocol):
    """Who sends calls: the connection to a model, or a stand-in for it in tests."""

    @property
    def provider(self) -> str:
        """``"anthropic"``, or ``"stub"`` where the server says that it is one."""
        ...

    def start(self) -> None:
        """Open it, and make sure that the server lets us in before the first decision."""
        ...

    def send(self, call: Call) -> Future[Reply]:
        """Start a call; never raises for what the network or the server does."""
        ...

    def count_tokens(self, payload: Mapping[str, Any]) -> int | None:
        """Give the input tokens that the server counts for a request; None where it does not offer that."""
        ...

    def close(self) -> None:
        """Close it; calls under way are given up."""
        ...
