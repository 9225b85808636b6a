"""How much hangs on the words? One scenario under several wordings of a persona, and under the same words again."""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wattbook.decisions import Question
from wattbook.errors import ConfigError
from wattbook.study.answers import Answers, check_names, folder_of
from wattbook.study.choices import Choice, choices
from wattbook.study.comparing import ABOUT, Measure, cautions, effects, row_of, runs_of, scenarios_of
from wattbook.study.experiment import Experiment, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from wattbook.broker.words import Caller
    from wattbook.scenario import Scenario

AGAIN: Final = "again"
"""The base's words, sampled anew: what differs there is the model's own noise."""
WORDED: Final = "worded"
"""The persona that stands for every wording."""


def prompt_sensitivity(
    scenario: Scenario,
    wordings: Mapping[str, str],
    seeds: Sequence[int],
    *,
    question: str,
    folder: str | Path,
    measures: Mapping[str, Measure] | None = None,
    llm: str = "replay-or-live",
    connect: Callable[[], Caller] | None = None,
    progress: Callable[[str], None] | None = None,
) -> Experiment:
    """Say the same in other words, and measure what that changes, beside what sampling anew changes.

    Parameters
    ----------
    wordings : mapping of str to str
        By name, texts of a persona that mean the same; the first one is the base. `AGAIN` is added by itself.
    question : str
        Whose persona: consumer, prosumer, producer, utility or regulator.
    folder : path
        For the recordings, and for the wordings as libraries of personas.
    measures, llm, connect, progress
        As for `compare_policies`.

    Returns
    -------
    Experiment
        Beside ``runs`` and ``effects`` the tables ``agreement``, a row for each variant: of the decisions that it and
        the base have both acted on, by agent and moment, the share with the same answer, and the same of those in which
        the same was seen; and ``spread``, a row for each measure: the standard deviation of its means over
        wordings, and over seeds, and the difference that sampling anew makes.

    Raises
    ------
    ConfigError, DataError, ResourceError, ReplayDiverged
    """
    chosen = scenarios_of(scenario, _variants(scenario, wordings, question, Path(folder)))
    answers = Answers(llm, folder, connect)
    rows: list[Row] = []
    made: dict[str, dict[int, list[Choice]]] = defaultdict(dict)
    for ran in runs_of(chosen, seeds, answers, progress):
        rows.append(row_of(ran, measures))
        if llm != "off":
            told = choices(answers.recording(ran.variant, ran.seed), chosen[ran.variant], ran.seed)
            made[ran.variant][ran.seed] = [each for each in told if each.question == question]
    base = next(iter(chosen))
    tables = {
        "runs": rows,
        "effects": effects(rows),
        "agreement": [
            {"variant": name, **agreement([(made[base][seed], made[name][seed]) for seed in made[base]])}
            for name in chosen
            if name != base
        ],
        "spread": spread(rows, list(wordings)),
    }
    return Experiment("prompt sensitivity", tables, cautions(rows), shows=("agreement", "spread"))


def _variants(
    scenario: Scenario, wordings: Mapping[str, str], question: str, folder: Path
) -> dict[str, Mapping[str, object]]:
    """Write each wording down as a library, and say which scenario goes with it."""
    kinds = [each.value for each in Question]
    if question not in kinds:
        raise ConfigError(f"question={question!r} is not one of {', '.join(kinds)}")
    if len(wordings) < 2 or AGAIN in wordings:
        raise ConfigError(
            f"wordings needs two or more, none of them named {AGAIN!r}: give {{'plain': '...'}} and others"
        )
    if scenario.language_model is None:
        raise ConfigError("the scenario has no language_model: give it one, LanguageModel(decides=[...])")
    check_names(list(wordings))
    folder_of(folder)
    variants: dict[str, Mapping[str, object]] = {}
    for name, text in wordings.items():
        path = folder / f"wording-{name}.toml"
        # A text of JSON is one of TOML.
        path.write_text(f"[{question}.{WORDED}]\nversion = 1\ntext = {json.dumps(text)}\n", encoding="utf-8")
        kept = {key: value for key, value in scenario.language_model.personas if key != question}
        variants[name] = {
            "language_model.library": str(path), "language_model.personas": {**kept, question: WORDED},
        }  # fmt: skip
    again = variants[next(iter(wordings))]
    replicate = scenario.language_model.replicate + 1
    return variants | {AGAIN: {**again, "language_model.replicate": replicate}}


def agreement(pairs: Sequence[tuple[Sequence[Choice], Sequence[Choice]]]) -> Row:
    """Compare what two variants chose, seed by seed."""
    same = compared = alike = same_alike = 0
    for ours, theirs in pairs:
        others = _numbered(theirs)
        for key, choice in _numbered(ours).items():
            if (other := others.get(key)) is None:
                continue
            compared += 1
            same += choice.action == other.action
            if choice.seen == other.seen:
                alike += 1
                same_alike += choice.action == other.action
    return {
        "decisions": compared,
        "same_share": same / compared if compared else None,
        "seen_alike": alike,
        "same_share_seen_alike": same_alike / alike if alike else None,
    }


def _numbered(made: Sequence[Choice]) -> dict[tuple[str, int], Choice]:
    """Tell decisions by agent and moment."""
    return {(each.agent, each.time_ms): each for each in made}


def spread(rows: Sequence[Row], wordings: Sequence[str]) -> list[Row]:
    """Set what words change beside what seeds change, for each measure that all runs have."""
    found: list[Row] = []
    for measure in [name for name in rows[0] if name not in ABOUT]:
        by_word = {word: [row[measure] for row in rows if row["variant"] == word] for word in [*wordings, AGAIN]}
        if any(value is None for values in by_word.values() for value in values):
            continue
        means = {word: statistics.fmean(values) for word, values in by_word.items()}
        seeds = [statistics.stdev(values) for word, values in by_word.items() if len(values) > 1 and word != AGAIN]
        found.append(
            {
                "measure": measure,
                "mean": statistics.fmean(means[word] for word in wordings),
                "over_wordings": statistics.stdev(means[word] for word in wordings),
                "over_seeds": statistics.fmean(seeds) if seeds else None,
                "sampled_anew": means[AGAIN] - means[wordings[0]],
            }
        )
    return found
