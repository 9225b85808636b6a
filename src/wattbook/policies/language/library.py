"""Prompts and personas: what a model is told once and for all.

Prompts lie in ``prompts/<version>/``: a common part, one part for each question, one for mixed answers. A version that
was ever used does not change; other words are a new version. Personas lie in ``personas.toml``, each with a version of
its own; users add theirs by a file of the same form. No text here ever holds the name of an agent.
"""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from wattbook.decisions import Question
from wattbook.errors import ConfigError, DataError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PROMPTS: Final = Path(__file__).parent / "prompts"
_SHIPPED: Final = Path(__file__).parent / "personas.toml"
VERSIONS: Final = ("v1",)
"""Prompts that there are, the newest last."""
MOST_PERSONA: Final = 600
"""Characters of a persona's text."""
_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,39}")
_FORM: Final = 'write [consumer.frugal], then version = 1 and text = "You ..."'


class Persona(NamedTuple):
    """Goal and temper of an agent in one or two sentences."""

    question: Question
    name: str
    version: int
    text: str


Personas: TypeAlias = "Mapping[Question, Mapping[str, Persona]]"


@lru_cache(maxsize=1)
def shipped_personas() -> Personas:
    """Give the personas that come with the package, by question and name."""
    return _merged({}, _read(_SHIPPED))


def load_personas(path: str | Path) -> Personas:
    """Give the shipped personas with those of a file added; one of the same name takes the place of a shipped one.

    Parameters
    ----------
    path : str or Path
        A TOML file in UTF-8 with tables such as ``[consumer.frugal]``, each with a whole ``version`` from 1 on and a
        ``text`` of at most 600 characters.

    Raises
    ------
    DataError
        If it cannot be read, with every mistake found.
    """
    return _merged(shipped_personas(), _read(Path(path)))


def system_text(
    question: Question, persona: str, *, personas: Personas | None = None, version: str = "v1", mixed: bool = False
) -> str:
    """Give what the model is told before it sees anything: task, rules, units, fields, persona.

    Parameters
    ----------
    persona : str
        By its name.
    personas : mapping, optional
        From `load_personas`; the shipped ones by default.
    version : str
        Of the prompts, one of `VERSIONS`.
    mixed : bool
        Whether the answer is a mixed strategy.

    Raises
    ------
    ConfigError
        If there is no such persona or version.

    >>> print(system_text(Question.CONSUMER, "comfort").splitlines()[-3])
    # Your goal and temper
    """
    text = persona_of(question, persona, personas).text
    return f"{_prompt(question, version, mixed=mixed)}\n\n# Your goal and temper\n\n{text}\n"


def persona_of(question: Question, persona: str, personas: Personas | None = None) -> Persona:
    """Give a persona by its name.

    Raises
    ------
    ConfigError
        If there is no such persona.
    """
    known = (shipped_personas() if personas is None else personas)[question]
    if persona not in known:
        hint = nearest(persona, known)
        raise ConfigError(f"{question} persona={persona!r} is unknown{hint}: choose from {', '.join(sorted(known))}")
    return known[persona]


def prompt_parts(version: str) -> dict[str, str]:
    """Give the texts of a version by the name of their part.

    Raises
    ------
    ConfigError
        If there is no such version.
    """
    if version not in VERSIONS:
        hint = nearest(version, VERSIONS)
        raise ConfigError(f"prompt version={version!r} is unknown{hint}: choose from {', '.join(VERSIONS)}")
    return {name: _part(version, name) for name in ("common", "mixed", *(question.value for question in Question))}


@lru_cache(maxsize=64)
def _prompt(question: Question, version: str, *, mixed: bool) -> str:
    parts = prompt_parts(version)
    return "\n\n".join([parts["common"], parts[question.value], *([parts["mixed"]] if mixed else [])])


def _part(version: str, name: str) -> str:
    return (_PROMPTS / version / f"{name}.md").read_text(encoding="utf-8").strip()


# --- personas


def _read(path: Path) -> list[Persona]:
    """Read a file of personas, all mistakes at once."""
    try:
        table = tomllib.loads(path.read_bytes().decode("utf-8"))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 (byte {error.start}): save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{path} is no TOML: {error}") from error
    problems = [f"{path}: {problem}" for problem in _problems(table)]
    if problems:
        raise DataError(problems)
    return [
        Persona(Question(kind), name, given["version"], given["text"].strip())
        for kind, known in table.items()
        for name, given in known.items()
    ]


def _problems(table: Mapping[str, Any]) -> Iterator[str]:
    kinds = [question.value for question in Question]
    for kind, known in table.items():
        if kind not in kinds:
            yield f"[{kind}] is no kind of agent{nearest(kind, kinds)}: choose from {', '.join(kinds)}"
        elif not isinstance(known, dict):
            yield f"{kind} is no table: {_FORM}"
        else:
            for name, given in known.items():
                yield from (f"[{kind}.{name}] {problem}" for problem in _problems_of(name, given))


def _problems_of(name: str, given: object) -> Iterator[str]:
    if not _NAME.fullmatch(name):
        yield "is no name: up to 40 small letters, digits and hyphens, a letter first"
    if not isinstance(given, dict):
        yield f"is no table: {_FORM}"
        return
    for field in sorted(given.keys() - {"version", "text"}):
        yield f"has no field {field!r}: write version and text"
    version, text = given.get("version"), given.get("text")
    if type(version) is not int or version < 1:
        yield f"version={version!r} is no whole number from 1 on: write version = 1"
    if not isinstance(text, str) or not text.strip():
        yield 'has no text: write text = "You ..."'
    elif len(text.strip()) > MOST_PERSONA:
        yield f"text has {len(text.strip())} characters: shorten it to {MOST_PERSONA}"


def _merged(base: Personas, added: list[Persona]) -> Personas:
    merged = {question: dict(base.get(question, {})) for question in Question}
    for persona in added:
        merged[persona.question][persona.name] = persona
    return MappingProxyType({question: MappingProxyType(known) for question, known in merged.items()})
