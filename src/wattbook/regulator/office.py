"""The regulator itself: reads the record, reviews, decides, and says so in commands.

Owns no clock and no market: whoever runs it hands it rows and asks it at the moments that its rules name. What it
decides depends on those rows and moments alone, so that a record that was kept gives the same decisions again.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from wattbook.errors import PolicyError
from wattbook.messages import FOREVER, Action, Command
from wattbook.oversight import Item, Rule, Sanction
from wattbook.regulator.detectors import detectors_of
from wattbook.regulator.findings import Finding, Line, Offence
from wattbook.regulator.judging import Case, Verdict, chosen, open_to
from wattbook.regulator.sanctioning import FIXED, Fine, History, commands_of, fine_of, steps_of
from wattbook.regulator.turnover import STREAMS, Turnover
from wattbook.regulator.views import RECORD, Feed, Played
from wattbook.units import PPM, half_even

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from wattbook.regulator.findings import Detector
    from wattbook.regulator.judging import Judge
    from wattbook.regulator.known import Known
    from wattbook.regulator.rules import Rules

COVERED: Final[dict[Rule, tuple[Rule, ...]]] = {
    Rule.WITHHOLDING: (Rule.GOUGING,),
    Rule.EMERGENCY: (Rule.GOUGING, Rule.WITHHOLDING, Rule.RETAIL_MARK_UP),
}
"""By rule, those whose offences in a period cover the same harm: nobody pays for it twice."""
NOT_YET: Final = -1
"""Number of a finding that nobody has been told of."""
AT_ONCE = (Sanction.MITIGATION, Sanction.HALT, Sanction.COLLAR)
"""What protects the market waits for no hearing."""


class Office:
    """A regulator over one place.

    Parameters
    ----------
    known : Known
    rules : Rules
    judge : callable, optional
        ``judge(case)`` chooses among the sanctions that are open; without one the ladder does.

    Attributes
    ----------
    found : int
        Findings so far; the next one has this number.
    examined : int
        Rows that detectors have read.
    """

    def __init__(self, known: Known, rules: Rules, judge: Judge | None = None) -> None:
        self.known, self.rules, self.judge = known, rules, judge
        # A judge is a stranger's code: what it does to its own copy changes no fine.
        self.shown = known if judge is None else deepcopy(known)
        self.detectors = detectors_of(known, rules.terms)
        self.turnover = Turnover(known, rules.window_ms)
        self.found = self.examined = 0
        self.seen: set[tuple[int, int, int]] = set()
        """Rule, agent and key of each offence so far."""
        self.findings: list[tuple[int, int, int]] = []
        """Time, rule and agent of each finding in the window."""
        self.fines: list[tuple[int, int, int]] = []
        """Time, agent and amount of each fine beyond gains in the window."""
        self.waiting: list[tuple[int, Command]] = []
        """Sanctions that wait for a hearing to end."""
        self.pending: list[tuple[int, Finding, int]] = []
        """Until when a finding is thought about, the finding, and how many there were before it."""

    def streams(self, *, watches: bool) -> dict[str, tuple[str, ...]]:
        """Give the part of the record that is read at watches, or at reviews."""
        wanted: dict[str, set[str]] = {}
        asked = [each.streams for _, each in self._asked(watches=watches)]
        for streams in asked if watches else [*asked, STREAMS]:
            for name in streams:
                columns = streams[name] if isinstance(streams, Mapping) else RECORD[name]
                wanted.setdefault(name, set()).update(columns)
        return {name: tuple(each for each in RECORD[name] if each in wanted[name]) for name in RECORD if name in wanted}

    def _asked(self, *, watches: bool) -> list[tuple[Rule, Detector]]:
        return [(rule, each) for rule, each in self.detectors.items() if each.watches == watches]

    @property
    def next_due_ms(self) -> int:
        """When the next hearing or thinking time ends; `FOREVER` without one."""
        due = [due_ms for due_ms, _ in self.waiting] + [due_ms for due_ms, _, _ in self.pending]
        return min(due, default=FOREVER)

    # --- reading and deciding

    def read(self, stream: str, rows: Mapping[str, NDArray[Any]], *, watches: bool) -> None:
        """Hand rows to all detectors that are asked at watches, or at reviews."""
        if not watches and stream in STREAMS:
            self.turnover.read(stream, rows)
        for _, detector in self._asked(watches=watches):
            if stream in detector.streams:
                detector.read(stream, rows)
                self.examined += len(rows["time_ms"])

    def review(self, now_ms: int, *, watches: bool) -> list[Command]:
        """Look through what was read; give what is said to the market, in order."""
        self._forget(now_ms)
        said: list[Command] = []
        for rule, detector in self._asked(watches=watches):
            for finding in detector.review(now_ms):
                said += self._decide(rule, finding, now_ms)
        return said

    def due(self, now_ms: int) -> list[Command]:
        """Give the sanctions whose hearing has ended, and the findings that were thought about."""
        over = [command for due_ms, command in self.waiting if due_ms <= now_ms]
        self.waiting = [row for row in self.waiting if row[0] > now_ms]
        said = [command._replace(time_ms=now_ms) for command in over]
        thought = [row for row in self.pending if row[0] <= now_ms]
        self.pending = [row for row in self.pending if row[0] > now_ms]
        for _, finding, earlier in thought:
            said += self._conclude(finding, earlier, now_ms)
        return said

    def _forget(self, now_ms: int) -> None:
        since = now_ms - self.rules.window_ms
        self.findings = [row for row in self.findings if row[0] > since]
        self.fines = [row for row in self.fines if row[0] > since]

    def _decide(self, rule: Rule, finding: Finding, now_ms: int) -> list[Command]:
        """Say what was found, of what was not sanctioned before, and what follows."""
        agent = finding.agent
        held = (rule, *COVERED.get(rule, ()))
        new = tuple(each for each in finding.offences if not any((one, agent, each.key) in self.seen for one in held))
        if not new:
            return []
        self.seen |= {(int(rule), agent, each.key) for each in new}
        finding = finding._replace(offences=new)
        earlier = sum(row[1:] == (rule, agent) for row in self.findings)
        history = self._history(agent, earlier, now_ms)
        self.findings.append((now_ms, int(rule), agent))
        if not self._thinks_about(rule, finding, history, now_ms):
            return self._conclude(finding, earlier, now_ms)
        self.pending.append((now_ms + self.rules.thinking_ms, finding, earlier))
        return []

    def _history(self, agent: int, earlier: int, now_ms: int) -> History:
        """Say what is known of an agent by now."""
        turnover = self.turnover.of(agent, now_ms) if agent >= 0 else 0
        return History(earlier, turnover, sum(amount for _, who, amount in self.fines if who == agent))

    def _thinks_about(self, rule: Rule, finding: Finding, history: History, now_ms: int) -> bool:
        """Tell whether a finding waits for a judge that takes its time, and let that one begin."""
        choice = open_to(self.rules, rule, finding.agent)
        if self.judge is None or not self.rules.thinking_ms or finding.agent < 0 or not choice:
            return False
        begin = getattr(self.judge, "begin", None)
        try:
            if begin is not None:
                begin(self._case(NOT_YET, finding, history, now_ms))
        except PolicyError:
            if self.rules.judge_must_answer:
                raise
        return True

    def _case(self, number: int, finding: Finding, history: History, now_ms: int) -> Case:
        """Lay out what a judge is asked about."""
        by_ladder = steps_of(self.rules, finding, history.earlier)
        choice = open_to(self.rules, finding.rule, finding.agent)
        fine = fine_of(self.rules, finding.offences, history)
        return Case(number, finding, history, fine, by_ladder, choice, self.shown, now_ms)

    def _conclude(self, finding: Finding, earlier: int, now_ms: int) -> list[Command]:
        """Tell of a finding and of what follows from it."""
        number, self.found = self.found, self.found + 1
        history = self._history(finding.agent, earlier, now_ms)
        verdict, lines = self._verdict(finding, number, history, now_ms)
        steps, rules = verdict.steps, self.rules
        fine = fine_of(rules, finding.offences, history) if Sanction.FINE in steps else Fine(0, 0)
        fine = fine._replace(punitive=half_even(fine.punitive * verdict.strength_ppm, PPM))
        if verdict.duration_ms:
            rules = replace(rules, mitigation_ms=verdict.duration_ms, suspension_ms=verdict.duration_ms)
        if fine.punitive:
            self.fines.append((now_ms, finding.agent, fine.punitive))
        said = _told(finding._replace(evidence=(*finding.evidence, *lines)), number, history, now_ms)
        self._note(finding, rules, steps, now_ms)
        later_ms = rules.hearing_ms
        for step in steps:
            commands = commands_of(rules, finding, number, [step], fine, now_ms)
            if later_ms and step not in AT_ONCE:
                self.waiting += [(now_ms + later_ms, self._moved(each)) for each in commands]
            else:
                said += commands
        return said

    def _verdict(
        self, finding: Finding, number: int, history: History, now_ms: int
    ) -> tuple[Verdict, tuple[Line, ...]]:
        """Give the sanctions of a finding, and what is told of a judge: 1 where it chose, 0 where it failed."""
        case = self._case(number, finding, history, now_ms)
        if self.judge is None or not case.open:
            return Verdict(case.by_ladder), ()
        try:
            verdict = chosen(self.judge, case)
        except PolicyError:
            # A judge is a stranger's code, and must not end the run unless the scenario says so.
            if self.rules.judge_must_answer:
                raise
            return Verdict(case.by_ladder), (Line(Item.JUDGED, 0),)
        lines = [Line(Item.JUDGED, 1)]
        if verdict.strength_ppm != PPM:
            lines.append(Line(Item.STRENGTH, verdict.strength_ppm))
        if verdict.duration_ms:
            lines.append(Line(Item.DURATION, verdict.duration_ms))
        return verdict, tuple(lines)

    def _moved(self, command: Command) -> Command:
        """Let what lasts a while begin when the hearing has ended."""
        return command._replace(flags=command.flags + self.rules.hearing_ms) if command.flags else command

    def _note(self, finding: Finding, rules: Rules, steps: tuple[Sanction, ...], now_ms: int) -> None:
        """Tell detectors that read day-ahead orders what the market takes from now on."""
        heard: dict[str, tuple[int, ...]] = {}
        if Sanction.MITIGATION in steps:
            heard["note_mitigation"] = finding.agent, finding.price_tick, now_ms, now_ms + rules.mitigation_ms
        if Sanction.COLLAR in steps:
            heard["note_collar"] = finding.price_tick, now_ms
        for name, told in heard.items():
            for detector in self.detectors.values():
                note = getattr(detector, name, None)
                if note is not None:
                    note(*told)

    # --- saving

    def export(self) -> dict[str, Any]:
        """Give the whole state, as JSON can hold it."""
        return {
            "found": self.found,
            "examined": self.examined,
            "seen": sorted(self.seen),
            "findings": self.findings,
            "fines": self.fines,
            "pending": [[due_ms, _plain(finding), earlier] for due_ms, finding, earlier in self.pending],
            "waiting": [[due_ms, list(command)] for due_ms, command in self.waiting],
            "turnover": self.turnover.export(),
            "detectors": {rule.name: detector.export() for rule, detector in self.detectors.items()},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `export` gave."""
        self.found, self.examined = state["found"], state["examined"]
        self.seen = {(rule, agent, key) for rule, agent, key in state["seen"]}
        self.findings = [(at_ms, rule, agent) for at_ms, rule, agent in state["findings"]]
        self.fines = [(at_ms, agent, amount) for at_ms, agent, amount in state["fines"]]
        self.waiting = [(due_ms, Command(*row)) for due_ms, row in state["waiting"]]
        self.pending = [(due_ms, _finding(row), earlier) for due_ms, row, earlier in state["pending"]]
        self.turnover.restore(state["turnover"])
        for rule, detector in self.detectors.items():
            detector.restore(state["detectors"][rule.name])


def _plain(finding: Finding) -> list[Any]:
    """Give a finding as JSON can hold it."""
    return [list(map(list, each)) if isinstance(each, tuple) else each for each in finding]


def _finding(row: Sequence[Any]) -> Finding:
    """Take up what `_plain` gave."""
    given = dict(zip(Finding._fields, row, strict=True))
    return Finding(**given)._replace(
        rule=Rule(given["rule"]),
        offences=tuple(Offence(*each) for each in given["offences"]),
        evidence=tuple(Line(Item(item), *more) for item, *more in given["evidence"]),
        victims=tuple((agent, weight) for agent, weight in given["victims"]),
    )


def _told(finding: Finding, number: int, history: History, now_ms: int) -> list[Command]:
    """Put a finding and its evidence into the words of the market."""
    sums = [sum(getattr(each, name) for each in finding.offences) for name in ("gain", "overcharge", "harm")]
    said = [
        Command(
            now_ms, FIXED, Action.FIND, book=int(finding.rule), order=finding.agent, price_tick=sums[0],
            quantity_wh=sums[1], flags=sums[2],
        )
    ]  # fmt: skip
    periods = {each.period for each in finding.offences}
    lines = [
        Line(Item.EARLIER, history.earlier),
        Line(Item.TURNOVER, history.turnover),
        Line(Item.FINED, history.fined),
    ]
    for each in finding.offences:
        lines += [
            Line(Item.OFFENCE, each.key, each.period), Line(Item.GAIN, each.gain, each.period),
            Line(Item.OVERCHARGE, each.overcharge, each.period), Line(Item.HARM, each.harm, each.period),
        ]  # fmt: skip
        if each.base:
            lines.append(Line(Item.BASE, each.base, each.period))
    kept = [line for line in finding.evidence if line.item == Item.EVENT or line.place < 0 or line.place in periods]
    said += [
        Command(now_ms, FIXED, Action.EVIDENCE, book=int(line.item), order=number, quantity_wh=line.value,
                flags=line.place)
        for line in [*lines, *kept]
    ]  # fmt: skip
    return said


def moments_of(rules: Rules, start_ms: int, end_ms: int) -> list[tuple[int, bool]]:
    """Give all moments at which a regulator looks, and whether each is a watch, in order: watches come first."""
    watches = range(start_ms + rules.watch_ms, end_ms + 1, rules.watch_ms) if rules.watch_ms else ()
    return sorted([*((at_ms, True) for at_ms in watches), *((at_ms, False) for at_ms in rules.review_ms)],
                  key=lambda moment: (moment[0], not moment[1]))  # fmt: skip


def inspect(
    known: Known,
    rules: Rules,
    record: Mapping[str, Mapping[str, NDArray[Any]]],
    until_ms: int | None = None,
    judge: Judge | None = None,
) -> list[Command]:
    """Go through a record that was kept, as the regulator did while it was written; give all that it said.

    Parameters
    ----------
    record : mapping of str to mapping of str to ndarray
        What `wattbook.regulator.views.whole` gave, also after it has been written to files and read again.
    until_ms : int, optional
        Stop at this moment [ms UTC]; None goes on to the end of the last period.
    judge : callable, optional
        Who chose; `wattbook.regulator.judging.recorded` where that was a function that is not at hand.
    """
    office, end_ms = Office(known, rules, judge), known.start_ms + known.periods * known.period_ms
    if until_ms is not None:
        end_ms = min(end_ms, until_ms)
    feeds = {watches: Played(record).feed(office.streams(watches=watches)) for watches in (True, False)}
    said: list[Command] = []
    for at_ms, watches in moments_of(rules, known.start_ms, end_ms):
        if at_ms <= end_ms:
            said += look(office, feeds[watches], at_ms, watches=watches)
    return said + _heard(office, end_ms)


def look(office: Office, feed: Feed, now_ms: int, *, watches: bool) -> list[Command]:
    """Let the regulator look once: what was heard, then what is new."""
    said = _heard(office, now_ms)
    latency_ms = office.rules.watch_latency_ms if watches else office.rules.latency_ms
    for stream, rows in feed.upto(now_ms - latency_ms):
        office.read(stream, rows, watches=watches)
    return said + office.review(now_ms, watches=watches)


def _heard(office: Office, now_ms: int) -> list[Command]:
    """Give what became due by now, each at its own moment."""
    said: list[Command] = []
    while office.next_due_ms <= now_ms:
        said += office.due(office.next_due_ms)
    return said
