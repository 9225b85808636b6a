"""What a model chose in a run, and what it saw: read from the run's recording."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from wattbook.broker.store import Store
from wattbook.broker.tables import RunId
from wattbook.decisions import TAKEN
from wattbook.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wattbook.scenario import Scenario

_AT_ONCE: Final = 1_000
_TAKEN: Final = frozenset(map(str, TAKEN))


class Choice(NamedTuple):
    """A decision that was acted on.

    Attributes
    ----------
    time_ms : int
        When it was asked for [ms UTC].
    agent, question : str
    outcome : str
        One of `wattbook.decisions.TAKEN`.
    values : dict of str to str
        The answer without its reason.
    action : str
        The same in a few words.
    seen : dict
        The observation.
    """

    time_ms: int
    agent: str
    question: str
    outcome: str
    values: dict[str, str]
    action: str
    seen: dict[str, Any]


def choices(path: Path, scenario: Scenario, seed: int) -> Iterator[Choice]:
    """Give the decisions of one run that were acted on, in their order.

    Raises
    ------
    ConfigError
        If the recording does not hold the run.
    CorruptError, ResourceError
        If it cannot be read.
    """
    store = Store.reading(path)
    try:
        row = store.find(RunId("", scenario.digest(), seed, scenario.language_model.replicate))
        if row is None:
            raise ConfigError(f"{path}: does not hold this run of seed {seed}: record it")
        for first in range(0, store.tape_length(row.id), _AT_ONCE):
            for taped, _, _ in store.tape(row.id, first, _AT_ONCE):
                if taped.outcome in _TAKEN:
                    seen = json.loads(store.request(taped.request).observation)
                    values = _values(taped.action)
                    yield Choice(
                        taped.time_ms, taped.agent, taped.question, taped.outcome, values, taped.action, seen
                    )  # fmt: skip
    finally:
        store.close()


def _values(action: str) -> dict[str, str]:
    """Take the few words of an action apart.

    >>> _values("action=local share=50")
    {'action': 'local', 'share': '50'}
    """
    return dict(part.split("=", 1) for part in action.split())
