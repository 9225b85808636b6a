"""Errors a user can mend: each with a stable code, where it happened, and what to do about it.

Owns the wording and the exit code of every mistake that a person can make. Our own mistakes are assertions.
"""

from __future__ import annotations

import difflib
import sys
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_PACKAGE: Final = str(Path(__file__).parent)
_collected: ContextVar[list[str] | None] = ContextVar("collected", default=None)


class WattbookError(Exception):
    """Root of all errors that wattbook raises for a mistake of its user.

    Attributes
    ----------
    code : str
        Stable, for programs to test.
    exit_code : int
        What the command line ends with: 2 usage and config, 3 data, 4 corrupt, 5 resources.
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 2


class UnitError(WattbookError, ValueError):
    """A number without the right unit, or not a finite number."""

    code = "unit"


class ConfigError(WattbookError, ValueError):
    """A scenario, flag or parameter that cannot be used. Holds every mistake found, not only the first."""

    code = "config"

    def __init__(self, problems: str | Iterable[str]) -> None:
        self.problems: tuple[str, ...] = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))


class DataError(WattbookError, ValueError):
    """A profile or data set that cannot be used. Holds every mistake found, not only the first."""

    code = "data"
    exit_code = 3

    def __init__(self, problems: str | Iterable[str]) -> None:
        self.problems: tuple[str, ...] = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))


class CorruptError(WattbookError):
    """A run directory or journal that is not what was written. Holds every fault found."""

    code = "corrupt"
    exit_code = 4

    def __init__(self, problems: str | Iterable[str]) -> None:
        self.problems: tuple[str, ...] = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))


class ResourceError(WattbookError):
    """Not enough room, memory or permission, or a place that is already taken."""

    code = "resource"
    exit_code = 5


class LivelockError(WattbookError):
    """An agent that wakes again and again without time passing."""

    code = "livelock"


class PolicyError(WattbookError):
    """A policy that raised or answered nonsense while the scenario says ``on_policy_error="fail"``."""

    code = "policy"


class RunEndedError(WattbookError):
    """What ends a run wherever it is raised, in a policy too: it is not the policy's mistake."""

    code = "ended"


@contextmanager
def collecting() -> Iterator[list[str]]:
    """Gather the mistakes of a script that is being read, instead of stopping at the first."""
    problems: list[str] = []
    token = _collected.set(problems)
    try:
        yield problems
    finally:
        _collected.reset(token)


def collected() -> list[str] | None:
    """List what was gathered so far; None while nobody gathers."""
    return _collected.get()


def refuse(error: WattbookError) -> None:
    """Raise `error`, or while a script is being read put its problems on the list with their line, and go on.

    Whoever calls this must then go on with something harmless: the script will be refused in the end.
    """
    gathered = _collected.get()
    if gathered is None:
        raise error
    where = script_line()
    gathered.extend(f"{where}{problem}" for problem in getattr(error, "problems", (str(error),)))


def script_line() -> str:
    """Name the line outside this package that is being carried out, as ``street.py:14: ``."""
    frame = sys._getframe(1)  # noqa: SLF001  # the public way (inspect.stack) reads every source file on the stack
    while frame.f_back is not None and (
        frame.f_code.co_filename.startswith((_PACKAGE, "<"))
        or {"pydantic", "dataclasses"} & set(Path(frame.f_code.co_filename).parts)
    ):
        frame = frame.f_back
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}: "


def nearest(name: str, known: Iterable[str]) -> str:
    """Suggest the known name that is most like `name`, as ' (did you mean ...?)', or nothing.

    >>> nearest("gren", ["blue", "green"])
    " (did you mean 'green'?)"
    """
    match = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" (did you mean {match[0]!r}?)" if match else ""
