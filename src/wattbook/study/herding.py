"""Do agents that share a model's answers move as one? The same scenario with sharing off and on."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final

import numpy as np

from wattbook.study.answers import Answers
from wattbook.study.choices import Choice, choices
from wattbook.study.comparing import MEASURES, Measure, cautions, effects, profits, row_of, runs_of, scenarios_of
from wattbook.study.experiment import Experiment, Row
from wattbook.study.indices import all_pairs, same_pairs
from wattbook.units import percent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from wattbook.broker.words import Caller
    from wattbook.results import Run
    from wattbook.scenario import Scenario

OWN: Final = "own"
SHARED: Final = "shared"


def herding(
    scenario: Scenario,
    seeds: Sequence[int],
    *,
    bucket: int = 10,
    fields: Sequence[str] | None = None,
    measures: Mapping[str, Measure] | None = None,
    llm: str = "replay-or-live",
    folder: str | Path | None = None,
    connect: Callable[[], Caller] | None = None,
    progress: Callable[[str], None] | None = None,
) -> Experiment:
    """Run a scenario in which each agent has an answer of its own, and one in which those who see the same share one.

    Both see numbers on the same grid. Who shares an answer gets a mixed strategy and draws from it for itself; so what
    is compared is asking often with asking once, at equal information.

    Parameters
    ----------
    bucket : int
        Width of the grid [%], from 0 to 100.
    fields : sequence of str, optional
        What of an answer counts as the same, as ``["action"]``; None is all of it.
    measures : mapping, optional
        As for `compare_policies`; None adds how far local prices and imports swing.
    llm, folder, connect, progress
        As for `compare_policies`.

    Returns
    -------
    Experiment
        Beside ``runs`` and ``effects`` the table ``sameness``, a row for each variant: decisions acted on, requests
        they took, what share that saved, the share of pairs that were asked at the same moment and chose the same, what
        independent agents with the same frequencies would come to, and the excess over it.

    Raises
    ------
    ConfigError, DataError, ResourceError, ReplayDiverged
    """
    common = {"language_model.bucket": percent(bucket)}
    chosen = scenarios_of(
        scenario,
        {OWN: {**common, "language_model.shared": False}, SHARED: {**common, "language_model.shared": True}},
    )
    answers = Answers(llm, folder, connect)
    rows: list[Row] = []
    made: dict[str, list[Choice]] = {name: [] for name in chosen}
    groups: dict[str, list[list[str]]] = {name: [] for name in chosen}
    for ran in runs_of(chosen, seeds, answers, progress):
        row = row_of(ran, {**MEASURES, **SWINGS} if measures is None else measures)
        rows.append(row | (profits(ran.run) if measures is None else {}))
        if llm != "off":
            told = list(choices(answers.recording(ran.variant, ran.seed), chosen[ran.variant], ran.seed))
            made[ran.variant] += [each._replace(seen={}) for each in told]
            groups[ran.variant] += grouped(told, fields)
    tables = {
        "runs": rows,
        "effects": effects(rows),
        "sameness": [{"variant": name, **_told(made[name], groups[name])} for name in chosen],
    }
    return Experiment("herding", tables, cautions(rows), shows=("sameness", "effects"))


def grouped(made: Iterable[Choice], fields: Sequence[str] | None) -> list[list[str]]:
    """Put together what was chosen by those who were asked the same question at the same moment."""
    found: dict[tuple[int, str], list[str]] = defaultdict(list)
    for each in made:
        said = each.action if fields is None else " ".join(each.values.get(name, "") for name in fields)
        found[each.time_ms, each.question].append(f"{each.question} {said}")
    return list(found.values())


def _told(made: Sequence[Choice], groups: Sequence[Sequence[str]]) -> Row:
    requests = sum(each.outcome == "ok" for each in made)
    return {
        "decisions": len(made),
        "requests": requests,
        "saved_share": 1 - requests / len(made) if made else None,
        **herd(groups),
    }


def herd(groups: Sequence[Sequence[str]]) -> Row:
    """Say how much more often pairs of one moment agree than pairs of any moments do.

    Groups of fewer than two say nothing. What independent agents come to is taken over all choices of all groups that
    count, so choices that change with the time of day count as herding, too: compare variants, not single figures.

    >>> herd([["buy", "buy"], ["sell", "sell"]])
    {'pairs': 2, 'sameness': 1.0, 'independent': 0.3333333333333333, 'excess': 0.6666666666666667}
    """
    counted = [Counter(group) for group in groups if len(group) > 1]
    pairs = sum(all_pairs(count.total()) for count in counted)
    if not pairs:
        return {"pairs": 0, "sameness": None, "independent": None, "excess": None}
    same = sum(same_pairs(count) for count in counted) / pairs
    pooled = Counter(choice for count in counted for choice in count.elements())
    independent = same_pairs(pooled) / all_pairs(pooled.total())
    return {"pairs": pairs, "sameness": same, "independent": independent, "excess": same - independent}


def price_swing(run: Run) -> float | None:
    """Give the standard deviation of the local market's mean prices by period [EUR/MWh]; None of fewer than two."""
    trades = run.trades
    local = trades.filter(trades["venue"] != "wholesale")
    energy: dict[int, list[int]] = {}
    for period, price, wh in zip(local["period"].to_list(), local["price_tick"], local["quantity_wh"], strict=True):
        sums = energy.setdefault(period, [0, 0])
        sums[0] += price * wh
        sums[1] += wh
    means = [value / wh / 100 for value, wh in energy.values()]
    return float(np.std(means)) if len(means) > 1 else None


SWINGS: Final[Mapping[str, Measure]] = {
    "price_swing_eur_per_mwh": price_swing,
    "peak_import_w": "peak_import_w",
    "peak_export_w": "peak_export_w",
    "trades": "trades",
}
"""What herds move."""
