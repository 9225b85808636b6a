"""How a replay can leave its recording: the error, and what to say of the first decision that differs.

Told from the store alone: it holds all that the model saw.
"""

from __future__ import annotations

import json
from itertools import zip_longest
from typing import TYPE_CHECKING, ClassVar, Final

from wattbook.errors import RunEndedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wattbook.broker.settings import Settings
    from wattbook.broker.tables import Request, TapeRow
    from wattbook.decisions import Asked

_MOST_FIELDS: Final = 5
_AROUND: Final = 30
"""Characters shown before and after the first difference of two texts."""


class ReplayDiverged(RunEndedError):  # noqa: N818  # says what happened; the replay itself is no error
    """A run asks something else than its recording did.

    Attributes
    ----------
    seq : int
        Number of the decision, from 0.
    agent : str
    difference : str
        The first part that differs, as recorded and as it is now.
    """

    code: ClassVar[str] = "replay-diverged"
    exit_code: ClassVar[int] = 4

    def __init__(self, seq: int, agent: str, difference: str) -> None:
        super().__init__(seq, agent, difference)
        self.seq, self.agent, self.difference = seq, agent, difference

    def __str__(self) -> str:
        return (
            f"decision {self.seq} of {self.agent!r} is not what was recorded: {self.difference}. "
            "Run the scenario, seed, prompts and version that were recorded, or record into a new store"
        )


def changed(part: str, recorded: object, present: object) -> str:
    """Say that a part is another one.

    >>> changed("agent", "ada", "bo")
    "agent: recorded 'ada', now 'bo'"
    """
    return f"{part}: recorded {recorded!r}, now {present!r}"


def difference(row: TapeRow, request: Request, asked: Asked, settings: Settings) -> str:
    """Name the first part in which a decision differs from its recording, show how, and name the other parts."""
    parts = [part for part in _parts(row, request, asked, settings) if part[1] != part[2]]
    if not parts:
        return "form of the request: it was recorded by another version of wattbook"
    first, *others = parts
    rest = f" (differing as well: {', '.join(name for name, *_ in others)})" if others else ""
    return _shown(*first) + rest


def _parts(row: TapeRow, request: Request, asked: Asked, settings: Settings) -> list[tuple[str, str | int, str | int]]:
    return [
        ("agent", row.agent, asked.agent),
        ("question", row.question, str(asked.question)),
        ("time", row.time_ms, asked.now_ms),
        ("model", request.model, settings.model),
        ("max_tokens", request.max_tokens, settings.max_tokens),
        ("system prompt", request.system, asked.system),
        ("schema", request.schema, asked.schema),
        ("observation", request.observation, asked.observation),
        ("salt", request.salt, asked.salt),
    ]


def _shown(name: str, recorded: str | int, present: str | int) -> str:
    if name in {"schema", "observation", "salt"}:
        fields = list(_fields(_parsed(recorded), _parsed(present), name))
        more = f"; and {len(fields) - _MOST_FIELDS} more" if len(fields) > _MOST_FIELDS else ""
        return "; ".join(fields[:_MOST_FIELDS]) + more
    if name == "system prompt":
        return _passage(name, str(recorded), str(present))
    return changed(name, recorded, present)


def _parsed(text: str | int) -> object:
    try:
        return json.loads(str(text))
    except ValueError:
        return text


class _Nothing:
    def __repr__(self) -> str:
        return "nothing"


_NOTHING: Final = _Nothing()


def _fields(recorded: object, present: object, path: str) -> Iterator[str]:
    """Yield each field that differs, by its path."""
    if isinstance(recorded, dict) and isinstance(present, dict):
        for name in dict.fromkeys((*recorded, *present)):
            yield from _fields(recorded.get(name, _NOTHING), present.get(name, _NOTHING), f"{path}.{name}")
    elif isinstance(recorded, list) and isinstance(present, list):
        for n, (old, new) in enumerate(zip_longest(recorded, present, fillvalue=_NOTHING)):
            yield from _fields(old, new, f"{path}[{n}]")
    elif (type(recorded), recorded) != (type(present), present):
        yield changed(path, recorded, present)


def _passage(name: str, recorded: str, present: str) -> str:
    """Show two texts around the first character that differs."""
    at = next((n for n, (old, new) in enumerate(zip(recorded, present, strict=False)) if old != new), None)
    at = min(len(recorded), len(present)) if at is None else at
    line, around = recorded.count("\n", 0, at) + 1, slice(max(at - _AROUND, 0), at + _AROUND)
    return changed(f"{name}, line {line}, character {at}", recorded[around], present[around])
