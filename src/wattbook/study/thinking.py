"""What is a quicker mind worth? The same scenario with more and less simulated time between seeing and doing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wattbook.errors import ConfigError
from wattbook.scenario.language_model import decided
from wattbook.study.answers import Answers
from wattbook.study.comparing import MEASURES, Measure, cautions, effects, profits, row_of, runs_of, scenarios_of
from wattbook.study.experiment import Experiment, Row
from wattbook.units import MS_PER_SECOND, QUANTA_PER_EUR

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from wattbook.broker.words import Caller
    from wattbook.results import Run
    from wattbook.scenario import Scenario

RULES: Final = "rules"


def thinking_time(
    scenario: Scenario,
    times: Sequence[Any],
    seeds: Sequence[int],
    *,
    measures: Mapping[str, Measure] | None = None,
    llm: str = "replay-or-live",
    folder: str | Path | None = None,
    connect: Callable[[], Caller] | None = None,
    progress: Callable[[str], None] | None = None,
) -> Experiment:
    """Run a scenario with several thinking times, and once by rules, which is the base.

    Parameters
    ----------
    times : sequence of duration
        As ``[seconds(30), minutes(5), minutes(50)]``.
    measures, llm, folder, connect, progress
        As for `compare_policies`; of profits there are beside those of each kind the mean of those who ask and of the
        others of their kinds.

    Returns
    -------
    Experiment
        With ``runs`` and ``effects``. Who asks must ask before its gate by so much more; a session or product before
        which there is no time to think is left to rules, and is no decision: see ``decisions``.

    Raises
    ------
    ConfigError, DataError, ResourceError, ReplayDiverged
    """
    if not times or not all(getattr(each, "dimension", "") == "duration" for each in times):
        raise ConfigError(f"times={times!r:.80} are no durations: write times=[minutes(5), minutes(50)]")
    variants: dict[str, Mapping[str, object]] = {RULES: {"language_model": None}}
    variants |= {f"{int(each) / MS_PER_SECOND:g}-s": {"language_model.thinking": each} for each in times}
    chosen = scenarios_of(scenario, variants)
    asked = {agent.name for agent in decided(scenario)}
    kinds = {agent.kind for agent in decided(scenario)}
    rows: list[Row] = []
    for ran in runs_of(chosen, seeds, Answers(llm, folder, connect), progress):
        row = row_of(ran, {**MEASURES, "decisions": "language_model.decisions"} if measures is None else measures)
        rows.append({**row, **_apart(ran.run, asked, kinds), **(profits(ran.run) if measures is None else {})})
    return Experiment("thinking time", {"runs": rows, "effects": effects(rows)}, cautions(rows))


def _apart(run: Run, asked: set[str], kinds: set[str]) -> Row:
    """Give the mean profit of those who ask, and of the others of their kinds [EUR]."""
    got: dict[bool, list[int]] = {True: [], False: []}
    for name, kind, profit in run.agents.select("agent", "kind", "profit").iter_rows():
        if kind in kinds:
            got[name in asked].append(profit)
    return {
        f"mean_profit_{word}_eur": sum(mine) / len(mine) / QUANTA_PER_EUR if mine else None
        for word, mine in (("asked", got[True]), ("others", got[False]))
    }
