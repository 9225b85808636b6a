"""How often the regulator finds who did nothing, and how often it finds who did: a table of every rule's cases.

    python -m benchmarks.detection                                     # 300 seeds of each case
    python -m benchmarks.detection --write docs/regulator-detection.md
    python -m benchmarks.detection --rule gouging --seeds 50 --runs 5 --json

A case draws a world from a seed: what its regulator knows, what the record holds, and who does wrong, if anybody.
Honest worlds count agents and periods that were found out of all there are; a villain's worlds count seeds in which it
was sanctioned by one review, by how far it went. Intervals are Wilson's, of 95 %. Nothing here is timed.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import asdict, dataclass
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from wattbook.compiled import source_digest
from wattbook.messages import Action
from wattbook.oversight import Item, Rule
from wattbook.regulator import inspect
from wattbook.scenario.running import versions

from .detection_cases import CASES
from .machine import machine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from wattbook.messages import Command

    from .detection_kinds import Case, World

SEEDS: Final = 300
MOST_FALSE: Final = 0.01
"""Of agents and periods in honest worlds."""
Z_95: Final = 1.959964
BLOCK: Final = re.compile(r"(<!-- figures of: benchmarks/detection\.py -->\n```text\n).*?(\n```)", re.DOTALL)


class Verdict(NamedTuple):
    """What one world came to.

    Attributes
    ----------
    flagged : int
        Offences of the innocent.
    caught : bool
        Whether the villain was sanctioned.
    exceeds : bool
        Whether every fine is more than the gain that it answers.
    """

    flagged: int
    caught: bool
    exceeds: bool


@dataclass(frozen=True)
class Row:
    """One line of the table: a case at one strength, over many seeds."""

    rule: str
    case: str
    strength: str
    seeds: int
    judged: int
    flagged: int
    caught: int
    fines_exceed_gains: bool
    honest: bool
    sure: bool

    @property
    def rate(self) -> tuple[int, int]:
        """What is counted, out of how much."""
        return (self.flagged, self.judged) if self.honest else (self.caught, self.seeds)

    @property
    def faults(self) -> list[str]:
        """Promises that this row does not keep."""
        where = f"{self.rule}, {self.case} {self.strength}".strip()
        found = []
        if self.honest and self.flagged > MOST_FALSE * self.judged:
            found.append(f"{where}: {self.flagged} of {self.judged} found without cause")
        if self.sure and self.caught < self.seeds:
            found.append(f"{where}: sanctioned in {self.caught} of {self.seeds} seeds only")
        if not self.fines_exceed_gains:
            found.append(f"{where}: a fine is no more than its gain")
        return found


def wilson(count: int, total: int) -> tuple[float, float]:
    """Interval of 95 % of a share.

    >>> tuple(round(bound, 4) for bound in wilson(0, 300))
    (0.0, 0.0126)
    """
    if not total:
        return 0.0, 1.0
    share, z2 = count / total, Z_95 * Z_95
    middle = share + z2 / (2 * total)
    half = Z_95 * sqrt(share * (1 - share) / total + z2 / (4 * total * total))
    scale = 1 + z2 / total
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)


# --- one world


def verdict_of(world: World) -> Verdict:
    """Let the regulator go through a world's record."""
    return judge(inspect(world.known, world.rules, world.record), world.villains)


def judge(said: Sequence[Command], villains: Iterable[int]) -> Verdict:
    """Count what was said against what is so."""
    guilty = set(villains)
    agents = [command.order for command in said if command.action == Action.FIND]
    proven = [
        agents[command.order] for command in said if command.action == Action.EVIDENCE and command.book == Item.OFFENCE
    ]
    answered = {command.order for command in said if command.action in _SANCTIONS}
    return Verdict(
        flagged=sum(agent not in guilty for agent in proven),
        caught=any(agents[number] in guilty for number in answered),
        exceeds=all(command.quantity_wh > 0 for command in said if command.action == Action.FINE),
    )


_SANCTIONS: Final = (
    Action.WARN, Action.MITIGATE, Action.FINE, Action.CAP, Action.SUSPEND, Action.HALT, Action.COLLAR,
)  # fmt: skip


# --- many


def row_of(rule: Rule, case: Case, strength: Any, seeds: Iterable[int]) -> Row:
    """Go through a case at one strength."""
    judged, verdicts = 0, []
    for seed in seeds:
        world = case.draw(seed, strength)
        judged += world.judged
        verdicts.append(verdict_of(world))
    return Row(
        rule=rule.name.lower(), case=case.name, strength=case.tell(strength), seeds=len(verdicts), judged=judged,
        flagged=sum(each.flagged for each in verdicts), caught=sum(each.caught for each in verdicts),
        fines_exceed_gains=all(each.exceeds for each in verdicts), honest=case.is_honest,
        sure=not case.is_honest and strength >= case.sure_from,
    )  # fmt: skip


def measure(rules: Iterable[Rule], seeds: int, progress: Callable[[str], None]) -> list[Row]:
    """Go through all cases of some rules."""
    rows = []
    for rule in rules:
        for case in CASES[rule]:
            for strength in case.strengths:
                progress(f"{rule.name.lower()}: {case.name} {case.tell(strength)}")
                rows.append(row_of(rule, case, strength, range(seeds)))
    return rows


def against_runs(rules: Iterable[Rule], seeds: int, progress: Callable[[str], None]) -> tuple[int, list[str]]:
    """Run a part of the worlds as scenarios; give how many, and where a run and its world's record differ."""
    checked, faults = 0, []
    for rule in rules:
        for case in (case for case in CASES[rule] if case.differs_from_run is not None):
            for strength in case.strengths:
                for seed in range(seeds):
                    progress(f"runs: {case.name} {case.tell(strength)}, seed {seed}")
                    assert case.differs_from_run is not None
                    checked += 1
                    if case.differs_from_run(seed, strength):
                        faults.append(f"{rule.name.lower()}, {case.name} {case.tell(strength)}, seed {seed}")
    return checked, faults


# --- telling


def table(rows: Iterable[Row]) -> str:
    """Lay out all rows, honest ones and villains apart."""
    lines = []
    for honest in (True, False):
        mine = [row for row in rows if row.honest == honest]
        if not mine:
            continue
        what = ("nobody does wrong", "agents x times", "found") if honest else ("somebody does", "seeds", "sanctioned")
        lines += [*([""] if lines else []), f"{what[0]:<58}{what[1]:>18}{what[2]:>12}{'%':>8}{'95 %':>16}"]
        lines += [_line(row) for row in mine]
    return "\n".join(lines)


def _line(row: Row) -> str:
    count, total = row.rate
    low, high = wilson(count, total)
    name = f"{row.rule}: {row.case}{f' {row.strength}' if row.strength else ''}"
    share = 100 * count / total if total else 0
    return f"{name:<58}{total:>18,}{count:>12,}{share:>8.2f}{f'{100 * low:.2f} - {100 * high:.2f}':>16}"


def written(page: str, figures: str) -> str:
    """Put figures into a page, in the place of the ones before."""
    if not BLOCK.search(page):
        raise SystemExit("the page has no block of figures of benchmarks/detection.py")
    return BLOCK.sub(lambda match: f"{match[1]}{figures}{match[2]}", page)


def _told(text: str) -> None:
    print(f"{text:<100}", end="\r", file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Measure, show, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = {rule.name.lower(): rule for rule in CASES}
    parser.add_argument("--rule", action="append", choices=sorted(names), help="some rules only")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--runs", type=int, default=2, help="seeds of each case that are also run as a scenario")
    parser.add_argument("--json", action="store_true", help="print JSON in the place of the table")
    parser.add_argument("--write", type=Path, help="put the table into this page")
    parser.add_argument("--check", action="store_true", help="fail if a bound does not hold")
    asked = parser.parse_args(arguments)
    rules = [names[name] for name in asked.rule or names]
    rows = measure(rules, asked.seeds, _told)
    checked, differing = against_runs(rules, asked.runs, _told)
    figures = f"{table(rows)}\n\n{checked} of these worlds were run as scenarios: {len(differing)} differ"
    if asked.json:
        report = {
            "rows": [asdict(row) | {"interval": wilson(*row.rate)} for row in rows], "runs": checked,
            "differing": differing, "machine": machine(), "versions": versions() | {"sources": source_digest()},
        }  # fmt: skip
        print(json.dumps(report, indent=1))
    else:
        print(figures)
        print(f"\n{json.dumps(machine() | versions())}")
    if asked.write is not None:
        asked.write.write_text(written(asked.write.read_text(encoding="utf-8"), figures), encoding="utf-8")
    faults = [fault for row in rows for fault in row.faults] + differing
    for fault in faults if asked.check else ():
        print(fault, file=sys.stderr)
    return int(asked.check and bool(faults))


if __name__ == "__main__":
    sys.exit(main())
