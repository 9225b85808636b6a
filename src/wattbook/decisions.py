"""The words of asking a language model: what is asked, how it can end, and who can be asked.

A decision is asked for at one simulated moment and taken at a later one, when its thinking time is over. In between
lies a ticket. Owns no prompt and no connection: a policy builds an `Asked` and reads an `Answer`, a broker carries the
one out and gives the other.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class Question(StrEnum):
    """Who is asked; each kind of agent has its own question."""

    CONSUMER = "consumer"
    PROSUMER = "prosumer"
    PRODUCER = "producer"
    UTILITY = "utility"
    REGULATOR = "regulator"


class Outcome(StrEnum):
    """How a decision ended: exactly one of these."""

    OK = "ok"
    SHARED_HIT = "shared_hit"
    """Another decision of the same run had the same request; its answer serves both."""
    STORE_HIT = "store_hit"
    """The answer was in the store already."""
    INVALID = "invalid"
    """Outside the schema."""
    INFEASIBLE = "infeasible"
    """Within the schema, but nothing that the agent can do now."""
    NO_ACTION = "no_action"
    """The model ended without an answer."""
    REFUSAL = "refusal"
    TRUNCATED = "truncated"
    """Cut off at its most tokens."""
    MALFORMED = "malformed"
    """No message of the model's interface, or no JSON in it."""
    TIMEOUT = "timeout"
    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    SERVER_ERROR = "server_error"
    CONNECTION = "connection"
    CLIENT_ERROR = "client_error"
    """The server did not accept the request."""
    BUDGET = "budget"
    """Not sent: it could have cost more than was left."""
    DISABLED = "disabled"
    """Not asked."""


TAKEN: Final = frozenset({Outcome.OK, Outcome.SHARED_HIT, Outcome.STORE_HIT})
"""Outcomes whose answer is acted on; after any other the agent's rules decide."""


class Asked(NamedTuple):
    """A decision that is asked for.

    Attributes
    ----------
    agent : str
    question : Question
    now_ms : int
        Simulated moment [ms UTC].
    system : str
        What the model is told once and for all: task, rules, persona. Never differs between agents of one persona.
    schema : str
        JSON schema of the answer, as canonical JSON: an object whose properties are all required, nested objects
        included; each has an ``enum``, or is a string with a ``maxLength``. Nothing else is allowed.
    observation : str
        What the agent sees, as canonical JSON: numbers and words of closed lists.
    salt : str
        What tells samples of one request apart, as canonical JSON; the model does not see it.
    """

    agent: str
    question: Question
    now_ms: int
    system: str
    schema: str
    observation: str
    salt: str


class Answer(NamedTuple):
    """What became of a decision so far.

    Attributes
    ----------
    outcome : Outcome
        One of `TAKEN`, or why there is no answer.
    values : mapping or None
        The answer, within the schema; None unless the outcome is one of `TAKEN`.
    """

    outcome: Outcome
    values: Mapping[str, Any] | None


class Adviser(Protocol):
    """Who can be asked: a broker."""

    def ask(self, asked: Asked) -> int:
        """Start a decision; give its ticket. Does not wait."""
        ...

    def answer(self, ticket: int) -> Answer:
        """Give what came; waits for it if it is not there yet."""
        ...

    def settle(self, ticket: int, *, outcome: Outcome, action: str, rationale: str = "") -> None:
        """Close a decision: how it ended after the policy looked at the answer, and what was done, in a few words."""
        ...
