"""One agent's decisions by a language model: building the request, reading the answer, closing the decision.

Owns no view: whoever asks makes one, at the moment of asking and again when the thinking time is over. Where there is
no answer, or none that can be carried out by then, it gives None and the agent's rules decide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from wattbook.chance import draw, key_of
from wattbook.decisions import Adviser, Asked, Outcome, Question
from wattbook.policies.language import consumer, producer, prosumer, regulator, utility
from wattbook.policies.language.library import Personas, system_text
from wattbook.policies.language.salts import salt_of
from wattbook.policies.language.schemas import picked, schema_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wattbook.policies.language.observing import Handles

BY_RULES: Final = "rules"
"""The action of a decision that fell back."""
_MODULES: Final[Mapping[Question, Any]] = {
    Question.CONSUMER: consumer,
    Question.PROSUMER: prosumer,
    Question.PRODUCER: producer,
    Question.UTILITY: utility,
    Question.REGULATOR: regulator,
}


class Terms(NamedTuple):
    """What is common to all that ask in one run.

    Attributes
    ----------
    adviser : Adviser
    seed : int
    personas : Personas
    version : str
        Of the prompts.
    shared : bool
        Whether agents of one persona that see the same thing share one answer, a mixed strategy.
    bucket : int
        Width of the grid that numbers are rounded onto [%]; 0 for exact ones.
    order : str
        How counterparties are listed.
    replicate : int
        Number of the sample.
    """

    adviser: Adviser
    seed: int
    personas: Personas
    version: str = "v1"
    shared: bool = False
    bucket: int = 0
    order: str = "seeded"
    replicate: int = 0


class Pending(NamedTuple):
    """A decision that is thought about."""

    ticket: int
    number: int
    handles: Handles


class Asker:
    """Who asks one question for one agent, again and again.

    Parameters
    ----------
    terms : Terms
    agent : str
    question : Question
    persona : str
    notes : str
        Text of others that is quoted in every request; for studies of injection.

    Raises
    ------
    ConfigError
        If there is no such persona, or no such version of the prompts.
    """

    def __init__(self, terms: Terms, agent: str, question: Question, persona: str, notes: str = "") -> None:
        self.terms, self.agent, self.question, self.notes = terms, agent, question, notes
        self.system = system_text(
            question, persona, personas=terms.personas, version=terms.version, mixed=terms.shared
        )  # fmt: skip
        self.schema = schema_text(question, mixed=terms.shared)
        self._observe, self._read = _MODULES[question].observe, _MODULES[question].read
        # Who shares a request sees its counterparties in one order.
        self._order_key = 0 if terms.shared else key_of(terms.seed, agent, "handles")
        self._draw_key = key_of(terms.seed, agent, "mixed")
        self._asked = 0

    def ask(self, view: Any, now_ms: int) -> Pending:
        """Begin a decision on what the agent sees now."""
        terms, number = self.terms, self._asked
        self._asked += 1
        order_key = 0 if terms.shared else draw(self._order_key, number)
        seen, handles = self._observe(view, order_key, bucket=terms.bucket, order=terms.order, notes=self.notes)
        salt = salt_of(self.agent, number, terms.replicate, shared=terms.shared)
        ticket = terms.adviser.ask(
            Asked(self.agent, self.question, now_ms, self.system, self.schema, seen, salt)
        )  # fmt: skip
        return Pending(ticket, number, handles)

    def take(self, pending: Pending, view: Any) -> Any:
        """End a decision: the plan that the answer means by what holds now, or None for the agent's rules.

        Parameters
        ----------
        view : NamedTuple
            As it was asked about, with what has changed since: places of counterparties must be the same.
        """
        adviser = self.terms.adviser
        answer = adviser.answer(pending.ticket)
        if answer.values is None:
            adviser.settle(pending.ticket, outcome=answer.outcome, action=BY_RULES)
            return None
        values = answer.values
        if self.terms.shared:
            values = picked(values, draw(self._draw_key, pending.number))
        plan = self._read(values, view, pending.handles)
        rationale = "".join([each if each.isprintable() else "?" for each in values["rationale"]])
        if plan is None:
            adviser.settle(pending.ticket, outcome=Outcome.INFEASIBLE, action=BY_RULES, rationale=rationale)
            return None
        adviser.settle(pending.ticket, outcome=answer.outcome, action=_words(values), rationale=rationale)
        return plan


def _words(values: Mapping[str, Any]) -> str:
    """Say an answer in a few words."""
    return " ".join([f"{name}={value}" for name, value in sorted(values.items()) if name != "rationale"])
