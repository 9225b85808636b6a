"""How the scenario door says no: every problem at once, each with its path, what was given and what is allowed.

A part that is wrong raises at once in a program. While a script is being read by `load_scenario`, its parts' problems
are collected instead, with the script's line, and the scenario raises them all together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wattbook.errors import ConfigError, collected, nearest, refuse, script_line
from wattbook.units import NATURAL, Quantity, measured_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from pydantic import ValidationError

__all__ = [
    "NATURAL", "FieldError", "is_collecting_faults", "measured_text", "problems_of", "raise_all", "report", "shown",
]  # fmt: skip

_GIVEN_LIMIT: Final = 60


class FieldError(ValueError):
    """What is wrong with one value; the path and the value are put in front of it."""


def is_collecting_faults() -> bool:
    """Tell whether a script is being read and one of its parts was faulty."""
    return bool(collected())


def report(problems: Iterable[str]) -> None:
    """Raise the problems of one part, or put them on the list while a script is being read.

    Raises
    ------
    ConfigError
        With all of `problems`, unless they are being collected.
    """
    refuse(ConfigError(problems))


def raise_all(problems: Iterable[str]) -> None:
    """Raise what was collected so far together with `problems`, if there is anything.

    Raises
    ------
    ConfigError
        With every problem.
    """
    problems = list(problems)
    gathered = collected()
    if gathered is not None:
        where = script_line()
        problems = [*gathered, *(f"{where}{problem}" for problem in problems)]
    if problems:
        raise ConfigError(problems)


def shown(value: object) -> str:
    """Show a given value as it is written in a script, cut to a readable length."""
    text = _written(value)
    return text if len(text) <= _GIVEN_LIMIT else f"{text[: _GIVEN_LIMIT - 3]}..."


def _written(value: object) -> str:
    """Write a value as a script does, the measured ones within a dict, list or tuple too."""
    if isinstance(value, Quantity):
        return measured_text(value, value.dimension)
    if type(value) is dict:
        return f"{{{', '.join(f'{key!r}: {_written(each)}' for key, each in value.items())}}}"
    if type(value) is list:
        return f"[{', '.join(map(_written, value))}]"
    if type(value) is tuple:
        return f"({', '.join(map(_written, value))}{',' if len(value) == 1 else ''})"
    return repr(value)


def problems_of(fault: ValidationError, path: str, known: Collection[str]) -> list[str]:
    """Write a failed validation as one sentence for each problem.

    Parameters
    ----------
    fault : ValidationError
        What pydantic found.
    path : str
        Where the part stands in the scenario, such as ``"local"`` or an agent's name; may be empty.
    known : collection of str
        The part's keys.
    """
    return [_problem(error, path, known) for error in fault.errors(include_url=False)]


def _problem(error: Any, path: str, known: Collection[str]) -> str:
    """Write one error of pydantic's."""
    key = ".".join(str(step) for step in error["loc"])
    full = ".".join(step for step in (path, key) if step)
    if error["type"] == "extra_forbidden":
        return f"{full} is unknown{nearest(key, known)}: allowed are {', '.join(sorted(known))}"
    if error["type"] == "missing":
        return f"{full} is missing: give it a value"
    text = str(error["ctx"]["error"]) if error["type"] == "value_error" else error["msg"]
    return f"{full}={shown(error['input'])} {text}"
