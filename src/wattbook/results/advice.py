"""What a language model was asked in a run, and what became of it: the rows behind an advised run's decisions.

They lie beside the journal, not in it: what an answer cost and how long it took changes no result, and no fingerprint.
Owns their file, one JSON array a line, and how it is read without trusting it.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from wattbook.decisions import TAKEN, Outcome, Question
from wattbook.errors import CorruptError
from wattbook.results.columns import Numbers, Words
from wattbook.results.energy import share

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wattbook.results.columns import Column

ADVICE: Final = "advice.jsonl"
"""Its file."""
DEGRADED_PPM: Final = 50_000
"""Above this share of decisions that fell back on rules a run is marked."""
POLICY: Final = "language-model"
_NUSD_PER_USD: Final = 1_000_000_000
_PPM: Final = 1_000_000
_MOST: Final = 1 << 62


class Advised(NamedTuple):
    """One decision that a language model was asked for.

    Attributes
    ----------
    seq : int
        In simulated order, from 0.
    time_ms : int
        When it was asked for [ms UTC].
    agent, question : str
    action : str
        What was done, in a few words.
    outcome : str
        One of `wattbook.decisions.Outcome`.
    model, provider : str
    input_tokens, output_tokens : int
        As billed.
    cost_nusd : int
        [1e-9 USD]
    latency_ms : int
        Wall time until the reply came.
    rationale : str
        What the model says of it, for people.
    """

    seq: int
    time_ms: int
    agent: str
    question: str
    action: str
    outcome: str
    model: str
    provider: str
    input_tokens: int
    output_tokens: int
    cost_nusd: int
    latency_ms: int
    rationale: str


_TEXTS: Final = ("agent", "question", "action", "outcome", "model", "provider", "rationale")
_OUTCOMES: Final = frozenset(map(str, Outcome))
_QUESTIONS: Final = frozenset(map(str, Question))


def advice_bytes(rows: Iterable[Advised]) -> bytes:
    """Write rows as their file holds them; the same rows always give the same bytes."""
    lines = [list(Advised._fields), *rows]
    return "".join(f"{json.dumps(line, separators=(',', ':'))}\n" for line in lines).encode()


def read_advice(data: bytes) -> tuple[Advised, ...]:
    """Read such a file.

    Raises
    ------
    CorruptError
        If it is not what `advice_bytes` writes.
    """
    try:
        head, *lines = (json.loads(line) for line in data.decode("ascii").removesuffix("\n").split("\n"))
        if head != list(Advised._fields):
            raise CorruptError(f"{ADVICE}: its columns are not those of this version")
        rows = tuple(Advised(*line) for line in lines)
    except (ValueError, TypeError, RecursionError) as error:
        raise CorruptError(f"{ADVICE}: unreadable ({error})") from None
    for place, row in enumerate(rows):
        if not _is_sound(row) or row.seq != place:
            raise CorruptError(f"{ADVICE}: row {place} is no decision")
    if advice_bytes(rows) != data:
        raise CorruptError(f"{ADVICE}: not written as wattbook writes it")
    return rows


def _is_sound(row: Advised) -> bool:
    texts = all(type(getattr(row, name)) is str for name in _TEXTS)
    wholes = all(
        type(value) is int and 0 <= value < _MOST
        for name, value in row._asdict().items()
        if name not in (*_TEXTS, "time_ms")
    )
    timed = type(row.time_ms) is int and abs(row.time_ms) < _MOST
    return texts and wholes and timed and row.outcome in _OUTCOMES and row.question in _QUESTIONS


def advice_columns(rows: tuple[Advised, ...]) -> dict[str, Column]:
    """Give one row per decision, by its number: who was asked what, how it ended, what it cost."""
    numbers = {
        name: np.array([getattr(row, name) for row in rows], np.int64)
        for name in ("time_ms", "input_tokens", "output_tokens", "cost_nusd", "latency_ms")
    }
    texts = {name: _texts([getattr(row, name) for row in rows]) for name in _TEXTS}
    places = np.arange(len(rows))
    return {
        "time": Numbers(numbers["time_ms"], "time"),
        "agent": texts["agent"],
        "policy": _texts([POLICY] * len(rows)),
        "action": texts["action"],
        "outcome": texts["outcome"],
        "cost_usd": Words("real", [cost / _NUSD_PER_USD for cost in numbers["cost_nusd"].tolist()]).of(places),
        "question": texts["question"],
        "model": texts["model"],
        "provider": texts["provider"],
        **{name: Numbers(numbers[name]) for name in ("input_tokens", "output_tokens", "latency_ms")},
        "rationale": texts["rationale"],
    }


def _texts(values: list[str]) -> Column:
    return Words("text", values).of(np.arange(len(values)))


def advice_metrics(rows: tuple[Advised, ...]) -> dict[str, Any]:
    """Compute what the model's decisions come to."""
    outcomes = Counter(row.outcome for row in rows)
    taken = sum(outcomes[outcome] for outcome in TAKEN)
    cost = sum(row.cost_nusd for row in rows)
    return {
        "decisions": len(rows),
        "outcomes": dict(sorted(outcomes.items())),
        "fallbacks": len(rows) - taken,
        "fallback_share": share(len(rows) - taken, len(rows)),
        "degraded": (len(rows) - taken) * _PPM > DEGRADED_PPM * len(rows),
        "providers": sorted({row.provider for row in rows}),
        "input_tokens": sum(row.input_tokens for row in rows),
        "output_tokens": sum(row.output_tokens for row in rows),
        "cost_usd": cost / _NUSD_PER_USD,
        "cost_per_decision_usd": share(cost, len(rows) * _NUSD_PER_USD),
    }
