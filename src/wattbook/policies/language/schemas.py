"""The JSON schemas of answers, and the choice among the options of a mixed one.

An answer is an object whose fields are all required, each one of a closed list; beside them a short reason for people.
A request that many agents share is answered by a mixed strategy: three options and their weights, among which each
agent draws for itself, so that those who ask together do not all do the same.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from wattbook.decisions import Question
from wattbook.policies.language import consumer, producer, prosumer, regulator, utility
from wattbook.policies.language.observing import canonical

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_RATIONALE: Final = 120
OPTIONS: Final = ("first", "second", "third")
WEIGHTS: Final = ("100/0/0", "80/20/0", "60/40/0", "50/50/0", "60/30/10", "50/30/20", "34/33/33")
"""Probabilities of the three options [%]."""
ANSWERS: Final[Mapping[Question, Mapping[str, tuple[int | str, ...]]]] = {
    Question.CONSUMER: consumer.ANSWERS,
    Question.PROSUMER: prosumer.ANSWERS,
    Question.PRODUCER: producer.ANSWERS,
    Question.UTILITY: utility.ANSWERS,
    Question.REGULATOR: regulator.ANSWERS,
}
"""By question, the values that each field may have."""
_RATIONALE: Final = {"type": "string", "maxLength": MOST_RATIONALE}
_HUNDRED: Final = 100


@lru_cache(maxsize=2 * len(Question))
def schema_text(question: Question, *, mixed: bool = False) -> str:
    """Give the schema of an answer, as canonical JSON.

    >>> schema_text(Question.PRODUCER).count('"enum"'), schema_text(Question.PRODUCER, mixed=True).count('"enum"')
    (4, 13)
    """
    fields = {name: _choice(allowed) for name, allowed in ANSWERS[question].items()}
    if mixed:
        option = _object(fields)
        fields = {**dict.fromkeys(OPTIONS, option), "weights": _choice(WEIGHTS)}
    return canonical(_object({**fields, "rationale": _RATIONALE}))


def picked(values: Mapping[str, Any], draw: int) -> dict[str, Any]:
    """Choose one option of a mixed answer, as a plain one.

    Parameters
    ----------
    values : mapping
        An answer within the mixed schema.
    draw : int
        The agent's own random number; of its 100 remainders each option has as many as its weight.

    >>> options = {"first": {"share": 25}, "second": {"share": 50}, "third": {"share": 0}}
    >>> mixed = {**options, "weights": "60/30/10", "rationale": "hedge"}
    >>> picked(mixed, 59), picked(mixed, 160)
    ({'share': 25, 'rationale': 'hedge'}, {'share': 50, 'rationale': 'hedge'})
    """
    rest = draw % _HUNDRED
    first, second, _ = map(int, values["weights"].split("/"))
    name = OPTIONS[(rest >= first) + (rest >= first + second)]
    return {**values[name], "rationale": values["rationale"]}


def _choice(allowed: tuple[int | str, ...]) -> dict[str, Any]:
    return {"type": "string" if isinstance(allowed[0], str) else "integer", "enum": list(allowed)}


def _object(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": sorted(fields), "additionalProperties": False}
