"""Policies side by side under the same seeds: every variant meets the same weather, loads and draws.

The other experiments are made of this one: they choose the variants, and look further into their runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from numbers import Real
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from wattbook.errors import ConfigError
from wattbook.results.metrics import gini
from wattbook.scenario import Scenario
from wattbook.scenario.running import check_seed
from wattbook.study.answers import Answers, check_names
from wattbook.study.experiment import Experiment, Row
from wattbook.study.pairing import paired
from wattbook.units import QUANTA_PER_EUR

if TYPE_CHECKING:
    from pathlib import Path

    from wattbook.broker.words import Caller
    from wattbook.results import Run

Change = Mapping[str, object]
Measure = str | Callable[["Run"], float | None]
MEASURES: Final[Mapping[str, Measure]] = {
    "local_price_eur_per_mwh": "local_vwap_eur_per_mwh",
    "allocative_efficiency": "allocative_efficiency",
    "local_lerner": "lerner",
    "spot_price_eur_per_mwh": "wholesale.spot_mean_eur_per_mwh",
    "spot_lerner": "wholesale.lerner",
    "dispatch_efficiency": "wholesale.dispatch.efficiency",
    "hedge_ratio": "wholesale.hedge_ratio",
    "findings": "regulator.findings",
    "cost_usd": "language_model.cost_usd",
    "cost_per_decision_usd": "language_model.cost_per_decision_usd",
}
"""What is measured unless something else is asked for, by paths into `Run.metrics`; beside these, profits by kind. The
share of decisions that fell back on rules is always told."""
ABOUT: Final = frozenset({"variant", "seed", "fingerprint", "loads"})
"""What every row of a run begins with."""
FIXED: Final = ABOUT | {"fallback_share"}
_DIGITS: Final = 8


class Ran(NamedTuple):
    """One run of an experiment."""

    variant: str
    seed: int
    run: Run


def compare_policies(
    scenario: Scenario,
    variants: Mapping[str, Scenario | Change],
    seeds: Sequence[int],
    *,
    measures: Mapping[str, Measure] | None = None,
    llm: str = "replay-or-live",
    folder: str | Path | None = None,
    connect: Callable[[], Caller] | None = None,
    progress: Callable[[str], None] | None = None,
) -> Experiment:
    """Run variants of a scenario under the same seeds, and set each against the first one.

    Parameters
    ----------
    scenario : Scenario
    variants : mapping
        By name: a scenario, or what differs from `scenario` by dotted paths as for `Scenario.with_values`; ``{}`` is
        the scenario itself, ``{"language_model": None}`` the same by rules. The first one is the base.
    seeds : sequence of int
    measures : mapping, optional
        By name: a path into `Run.metrics`, or a function of a run that gives a number, or None where there is none.
        None takes `MEASURES`, and of each kind of agent the sum of profits and their Gini coefficient.
    llm, folder, connect
        See `Answers`; a variant without a language model goes by rules.
    progress : callable, optional
        Called with a line before each run.

    Returns
    -------
    Experiment
        With ``runs`` and ``effects``: mean, mean difference from the base with its standard error, and the p-value of
        a sign-flip test.

    Raises
    ------
    ConfigError, DataError, ResourceError, ReplayDiverged
    """
    chosen = scenarios_of(scenario, variants)
    answers = Answers(llm, folder, connect)
    rows = [row_of(ran, measures) for ran in runs_of(chosen, seeds, answers, progress)]
    return Experiment("policies compared", {"runs": rows, "effects": effects(rows)}, cautions(rows))


def scenarios_of(scenario: Scenario, variants: Mapping[str, Scenario | Change]) -> dict[str, Scenario]:
    """Make the scenarios of an experiment.

    Raises
    ------
    ConfigError
        With all problems of all variants.
    """
    if not isinstance(variants, Mapping) or not variants:
        raise ConfigError("variants is no mapping, or empty: name at least one, as {'rules': {'language_model': None}}")
    check_names(list(variants))
    found, problems = {}, []
    for name, change in variants.items():
        if not isinstance(change, Scenario | Mapping):
            problems.append(f"variant {name}: {change!r:.80} is neither a scenario nor a mapping of paths to values")
            continue
        try:
            found[name] = change if isinstance(change, Scenario) else scenario.with_values(change)
        except ConfigError as fault:
            problems += [f"variant {name}: {problem}" for problem in fault.problems]
    if problems:
        raise ConfigError(problems)
    return found


def runs_of(
    chosen: Mapping[str, Scenario],
    seeds: Sequence[int],
    answers: Answers,
    progress: Callable[[str], None] | None,
) -> Iterator[Ran]:
    """Run every variant under every seed; one run is kept in memory at a time.

    Raises
    ------
    ConfigError
        Without seeds, or with one twice.
    """
    drawn = _seeds(seeds)
    answers.check(chosen.values())
    number, total = 0, len(chosen) * len(drawn)
    for seed in drawn:
        for name, scenario in chosen.items():
            number += 1
            if progress is not None:
                progress(f"run {number} of {total}: {name}, seed {seed}")
            yield Ran(name, seed, answers.run(scenario, name, seed))


def _seeds(seeds: object) -> list[int]:
    """Take seeds, whole numbers of any library."""
    if isinstance(seeds, str) or not isinstance(seeds, Iterable):
        raise ConfigError(f"seeds={seeds!r:.80} is no list of seeds: write seeds=range(1, 11)")
    drawn = [int(each) if isinstance(each, np.integer) else each for each in seeds]
    if not drawn or len(set(drawn)) != len(drawn):
        raise ConfigError(f"seeds={drawn} is empty or holds one twice: write seeds=range(1, 11)")
    for seed in drawn:
        check_seed(seed)
    return drawn


def row_of(ran: Ran, measures: Mapping[str, Measure] | None) -> Row:
    """Measure one run; what cannot be measured is None."""
    named = MEASURES if measures is None else measures
    if taken := FIXED & set(named):
        raise ConfigError(f"measures named {sorted(taken)} are columns of every study: give them other names")
    found = {name: _measured(ran.run, name, measure) for name, measure in named.items()}
    if measures is None:
        found |= profits(ran.run)
    asked = ran.run.metrics.get("language_model")
    if asked is not None:
        found["fallback_share"] = asked["fallback_share"]
    return {
        "variant": ran.variant,
        "seed": ran.seed,
        "fingerprint": ran.run.fingerprint[: 2 * _DIGITS],
        "loads": _loads(ran.run),
        **found,
    }


def _measured(run: Run, name: str, measure: Measure) -> float | None:
    if callable(measure):
        value: Any = measure(run)
    else:
        value = run.metrics
        for step in measure.split("."):
            value = value.get(step) if isinstance(value, Mapping) else None
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        raise ConfigError(f"measure {name!r} gives {value!r:.80}, which is no number: name one, or give a function")
    return float(value)


def profits(run: Run) -> Row:
    """Sum profits by kind of agent [EUR], with the Gini coefficient of each kind's."""
    found: Row = {}
    agents = run.agents
    for kind in sorted(set(agents["kind"].to_list())):
        got = agents.filter(agents["kind"] == kind)["profit"].to_numpy()
        found[f"profit_{kind}_eur"] = int(got.sum()) / QUANTA_PER_EUR
        found[f"gini_{kind}"] = gini(np.asarray(got, np.int64)) if len(got) > 1 else None
    return found


def _loads(run: Run) -> str:
    """Digest what was drawn by homes and customers, which no policy changes."""
    digest = blake2b(digest_size=_DIGITS)
    for table, order, column in (("meters", ["period", "agent"], "load_wh"), ("served", ["period", "agent"], None)):
        frame = run.table(table)
        if column is None and frame.height:
            digest.update(str(int(frame["energy_wh"].sum())).encode())
        elif column is not None:
            digest.update(frame.sort(order)[column].to_numpy().tobytes())
    return digest.hexdigest()


def effects(rows: Sequence[Row]) -> list[Row]:
    """Set every variant's measures against those of the first one, seed by seed; a measure that nobody has is left out.

    A seed in which either of the two has no figure is no pair.
    """
    by_run = {(row["variant"], row["seed"]): row for row in rows}
    names = list(dict.fromkeys(row["variant"] for row in rows))
    seeds = list(dict.fromkeys(row["seed"] for row in rows))
    measures = list(dict.fromkeys(name for row in rows for name in row if name not in ABOUT))
    found = []
    for measure in measures:
        for name in names:
            pairs = [(by_run[name, seed].get(measure), by_run[names[0], seed].get(measure)) for seed in seeds]
            values = [value for value, _ in pairs if value is not None]
            if values:
                found.append(_effect(measure, name, values, pairs, is_base=name == names[0]))
    return found


def _effect(
    measure: str, name: str, values: list[float], pairs: list[tuple[float | None, float | None]], *, is_base: bool
) -> Row:
    known = [(value, base) for value, base in pairs if value is not None and base is not None]
    row: Row = {"measure": measure, "variant": name, "mean": math.fsum(values) / len(values), "pairs": len(known)}
    if is_base or not known:
        return {**row, "difference": None, "standard_error": None, "p_value": None}
    told = paired([value for value, _ in known], [base for _, base in known])
    return {**row, **{key: getattr(told, key) for key in ("difference", "standard_error", "p_value")}}


def cautions(rows: Sequence[Row]) -> tuple[str, ...]:
    """Say where variants did not meet the same loads, and where rules decided in the place of a model."""
    base = {row["seed"]: row["loads"] for row in rows if row["variant"] == rows[0]["variant"]}
    other = {row["variant"] for row in rows if row["loads"] != base[row["seed"]]}
    degraded = {row["variant"] for row in rows if (row.get("fallback_share") or 0) > 0.05}
    told = [f"{name}: loads differ from the base's, so seeds are no pairs" for name in sorted(other)]
    told += [f"{name}: rules decided more than 5 % of what a model was asked" for name in sorted(degraded)]
    if len(base) == 1:
        told.append("one seed tells nothing of chance: give several")
    return tuple(told)
