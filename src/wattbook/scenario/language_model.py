"""Who decides by a language model, how it is asked, and what it may cost.

Owns what a scenario may say of it and its defaults. Where answers come from, a model or a recording, is chosen when the
scenario is run. Prompts and answers are `wattbook.policies.language`' business, the connection `wattbook.broker`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final

from pydantic import PlainValidator

from wattbook.decisions import Question
from wattbook.errors import ConfigError, DataError, nearest
from wattbook.policies.language.library import VERSIONS, load_personas, persona_of, shipped_personas
from wattbook.policies.language.observing import ARRANGEMENTS
from wattbook.scenario.faults import FieldError
from wattbook.scenario.fields import Typed, choice, flag, is_none, measured, optional, whole
from wattbook.scenario.parts import Consumer, Part, Prosumer, Utility
from wattbook.scenario.wholesale import Producer
from wattbook.units import MS_PER_DAY, MS_PER_HOUR, PPM, hours, minutes, percent, seconds

if TYPE_CHECKING:
    from wattbook.policies.language.library import Personas
    from wattbook.scenario.model import Scenario
    from wattbook.scenario.parts import Agent

KINDS: Final = tuple(question.value for question in Question)
DEFAULT_PERSONA: Final[Mapping[Question, str]] = MappingProxyType(
    {
        Question.CONSUMER: "thrifty",
        Question.PROSUMER: "self-sufficient",
        Question.PRODUCER: "balanced",
        Question.UTILITY: "balanced",
        Question.REGULATOR: "balanced",
    }
)
"""Persona of an agent whose own is not in the library."""
REGULATOR: Final = "regulator"
_LONGEST: Final = hours(24 * 28)
_MOST: Final = 1_000_000_000
_LONGEST_NAME: Final = 100


def _decides(value: object) -> tuple[str, ...]:
    """Take a list of kinds and names; on a command line with commas between them."""
    if isinstance(value, Typed):
        value = [each.strip() for each in value.split(",")]
    if not isinstance(value, list | tuple) or not value or not all(isinstance(each, str) for each in value):
        raise FieldError("is not a list of kinds or agents: write ['utility', 'regulator', 'home-7']")
    return tuple(dict.fromkeys(str(each) for each in value))


def _personas(value: object) -> tuple[tuple[str, str], ...]:
    """Take personas by kind or agent, as a mapping."""
    if is_none(value):
        return ()
    given = tuple(value.items()) if isinstance(value, Mapping) else value
    if not isinstance(given, tuple) or not all(
        isinstance(row, tuple) and len(row) == 2 and all(isinstance(each, str) for each in row) for row in given
    ):
        raise FieldError("is no mapping of kinds or agents to personas: write {'utility': 'greedy', 'blue': 'prudent'}")
    return tuple(sorted(given))


def _model(value: object) -> str:
    """Take a model's name."""
    if not isinstance(value, str) or not value.strip() or not value.isprintable() or len(value) > _LONGEST_NAME:
        raise FieldError("is no name of a model: write model='claude-haiku-5-5'")
    return str(value)


def _path(value: object) -> str:
    """Take the path of a file."""
    if not isinstance(value, str | Path) or not str(value).strip() or "\0" in str(value):
        raise FieldError("is no path of a file")
    return str(value)


def _dollars(value: object) -> float:
    """Take an amount of US dollars."""
    if isinstance(value, Typed):
        try:
            value = float(value)
        except ValueError:
            raise FieldError("is no number of US dollars: write 1.50") from None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MOST:
        raise FieldError("is no number of US dollars: write max_usd=1.50")
    return float(value)


class LanguageModel(Part):
    """Who decides by a language model, and how it is asked; see docs/language-models.md.

    Attributes
    ----------
    decides : list of str
        Kinds (consumer, prosumer, producer, utility, regulator) and names of single agents. Homes of a city decide by
        their rules.
    model : str
        As its maker names it.
    thinking : duration
        Simulated time between what is seen and what is done.
    personas : mapping of str to str
        By kind or agent. Without one it is the agent's own where the library has it.
    library : path
        A TOML file with personas of one's own.
    shared : bool
        Whether agents of one persona that see the same thing share one answer, a mixed strategy from which each draws
        for itself.
    bucket : share
        How coarse the grid is that numbers are rounded onto in what is seen: the wider, the more is shared.
    order : str
        How counterparties are listed: ``"seeded"`` for each agent another way, ``"price"`` or ``"plain"``.
    quotes_labels : bool
        Whether an agent's label is quoted in what it sees, as untrusted text: for studies of injection.
    prompts : str
        Version of the prompts.
    replicate : int
        Number of the sample: another one asks everything anew.
    answer_tokens : int
        Most tokens of one answer.
    lead : duration
        How long before a product's gate a home's order should be there.
    deadline : duration
        Wall time that one answer may take.
    max_usd, max_requests, max_total_tokens, max_wall : number, duration
        What a run may spend at most; afterwards rules decide. None is without bound.
    recording : path
        The recording that is read and written where none is named when the scenario is run.
    prices : path
        A TOML file with prices of models, in the place of those that are shipped.

    Raises
    ------
    ConfigError
        With all problems found.
    """

    path: ClassVar[str] = "language_model"
    decides: Annotated[tuple[str, ...], PlainValidator(_decides)] = ("utility", "producer", "regulator")
    model: Annotated[str, PlainValidator(_model)] = "claude-haiku-5-5"
    thinking: Annotated[int, measured("duration", seconds(1), _LONGEST)] = minutes(50)
    personas: Annotated[tuple[tuple[str, str], ...], PlainValidator(_personas)] = ()
    library: Annotated[str | None, optional(PlainValidator(_path))] = None
    shared: Annotated[bool, flag()] = False
    bucket: Annotated[int, measured("share", 0, percent(100))] = percent(0)
    order: Annotated[str, choice(*ARRANGEMENTS)] = "seeded"
    quotes_labels: Annotated[bool, flag()] = False
    prompts: Annotated[str, choice(*VERSIONS)] = VERSIONS[-1]
    replicate: Annotated[int, whole(0, _MOST)] = 0
    answer_tokens: Annotated[int, whole(16, 100_000)] = 256
    lead: Annotated[int, measured("duration", seconds(1), _LONGEST)] = minutes(5)
    deadline: Annotated[int, measured("duration", seconds(1), _LONGEST)] = seconds(60)
    max_usd: Annotated[float | None, optional(PlainValidator(_dollars))] = None
    max_requests: Annotated[int | None, optional(whole(0, _MOST))] = None
    max_total_tokens: Annotated[int | None, optional(whole(0, _MOST * 1_000))] = None
    max_wall: Annotated[int | None, optional(measured("duration", 0, _LONGEST))] = None
    recording: Annotated[str | None, optional(PlainValidator(_path))] = None
    prices: Annotated[str | None, optional(PlainValidator(_path))] = None

    def known_personas(self) -> Personas:
        """Give the personas that there are.

        Raises
        ------
        DataError
            If the file with one's own cannot be used.
        """
        return shipped_personas() if self.library is None else load_personas(self.library)

    def persona(self, question: Question, name: str, own: str, known: Personas) -> str:
        """Give an agent's persona: as it was written for it or its kind, else its own, else the kind's usual one."""
        written = dict(self.personas)
        chosen = written.get(name, written.get(question.value))
        if chosen is not None:
            return chosen
        return own if own in known[question] else DEFAULT_PERSONA[question]


def questions_of(agent: Agent) -> tuple[Question, ...]:
    """Tell what an agent can be asked."""
    if isinstance(agent, Prosumer):
        return Question.CONSUMER, Question.PROSUMER
    for kind, question in ((Consumer, Question.CONSUMER), (Utility, Question.UTILITY), (Producer, Question.PRODUCER)):
        if isinstance(agent, kind):
            return (question,)
    return ()


def decided(scenario: Scenario) -> list[Agent]:
    """List the agents that decide by a language model, as far as they can: by kind, or by name."""
    chosen = scenario.language_model
    if chosen is None:
        return []
    return [
        agent for agent in scenario.agents if questions_of(agent) and {agent.name, agent.kind} & set(chosen.decides)
    ]


def language_model_problems(scenario: Scenario) -> list[str]:
    """List what is wrong between a language model's part and the rest of a scenario."""
    chosen = scenario.language_model
    if chosen is None:
        return []
    problems = [*_unknown(scenario), *_persona_problems(scenario)]
    if int(chosen.bucket) % (PPM // 100):
        problems.append("language_model.bucket is not in whole per cent: write percent(10)")
    if scenario.game is not None:
        problems.append("language_model is not for a forward game, whose sellers choose quantities: leave one out")
    if REGULATOR in chosen.decides and scenario.regulator is not None and scenario.regulator.judge is not None:
        problems.append("language_model.decides holds 'regulator', which has a judge of its own: leave one out")
    return problems


def language_model_cautions(scenario: Scenario) -> list[str]:
    """Say who was meant to be asked, and never will be."""
    chosen = scenario.language_model
    if chosen is None:
        return []
    kinds = {question.value for agent in scenario.agents for question in questions_of(agent)}
    if scenario.regulator is not None:
        kinds.add(REGULATOR)
    if "decides" not in chosen.model_fields_set:
        found = (
            [] if kinds & set(chosen.decides) else ["language_model asks nobody: there is none of whom it decides for"]
        )
    else:
        found = [
            f"language_model.decides holds {each!r}, and there is none"
            for each in chosen.decides
            if each in KINDS and each not in kinds
        ]
    lasting = int(scenario.days) * MS_PER_DAY if scenario.hours is None else int(scenario.hours) * MS_PER_HOUR
    if int(chosen.thinking) >= lasting:
        found.append("language_model.thinking is as long as the run: nobody will be asked in time")
    return found


def _unknown(scenario: Scenario) -> list[str]:
    assert scenario.language_model is not None
    names = {agent.name: agent for agent in scenario.agents}
    problems = []
    for each in scenario.language_model.decides:
        if each not in KINDS and each not in names:
            hint = nearest(each, [*KINDS, *names])
            problems.append(
                f"language_model.decides holds {each!r}{hint}: write a kind ({', '.join(KINDS)}) or an agent"
            )
        elif each in names and not questions_of(names[each]):
            problems.append(f"language_model.decides holds {each!r}, a {names[each].kind}, which is never asked")
    return problems


def _persona_problems(scenario: Scenario) -> list[str]:
    chosen = scenario.language_model
    assert chosen is not None
    try:
        known = chosen.known_personas()
    except DataError as fault:
        return [f"language_model.library: {problem}" for problem in fault.problems]
    names = {agent.name: agent for agent in scenario.agents}
    problems = []
    for name, persona in chosen.personas:
        if name not in KINDS and name not in names:
            hint = nearest(name, [*KINDS, *names])
            problems.append(f"language_model.personas names {name!r}{hint}: write a kind or an agent")
            continue
        questions = [Question(name)] if name in KINDS else list(questions_of(names[name]))
        try:
            for question in questions:
                persona_of(question, persona, known)
        except ConfigError as fault:
            problems += [f"language_model.personas: {problem}" for problem in fault.problems]
    return problems


def _language_model(value: object) -> Any:
    if is_none(value):
        return None
    if isinstance(value, LanguageModel):
        return value
    raise FieldError("is neither LanguageModel(...) nor None")


LanguageModelChoice = Annotated[Any, PlainValidator(_language_model)]
