"""Whether a run's regulator said what its record gives, and whether fines and refunds are what was decided.

The laws R1 to R6, from the journal alone: every decision is made again from the record that the journal gives; caps,
sums and payments are counted again without the regulator's code.
"""

from __future__ import annotations

from collections import Counter
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wattbook.errors import PolicyError
from wattbook.messages import COMMANDS, EVIDENCE, FINDINGS, SANCTIONS, Action, Cause, Command, House
from wattbook.oversight import Item, Rule, Sanction
from wattbook.regulator import Known, Rules, inspect
from wattbook.regulator.judging import recorded
from wattbook.results.answers import outcomes
from wattbook.results.explanation import evidence_of
from wattbook.results.money import money_of
from wattbook.results.oversight_tables import ABOUT_TIMES
from wattbook.results.oversight_words import FROM, said
from wattbook.results.record import joined
from wattbook.results.regulatory_record import record_columns
from wattbook.results.tables import word
from wattbook.units import PPM

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from wattbook.regulator.judging import Case, Judge, Verdict
    from wattbook.results.record import Record

_SAID: Final = tuple(name for name, _ in COMMANDS.columns if name != "seq")
_SUMS: Final = {Item.GAIN: "gain", Item.OVERCHARGE: "overcharge", Item.HARM: "harm"}
_KIND_OF: Final[dict[int, Sanction]] = {
    Action.WARN: Sanction.WARNING, Action.MITIGATE: Sanction.MITIGATION, Action.FINE: Sanction.FINE,
    Action.CAP: Sanction.PRICE_CAP, Action.SUSPEND: Sanction.SUSPENSION, Action.HALT: Sanction.HALT,
    Action.COLLAR: Sanction.COLLAR,
}  # fmt: skip
_STREAM_OF: Final[dict[int, str]] = {
    Action.FIND: "findings", Action.EVIDENCE: "evidence", **dict.fromkeys(_KIND_OF, "sanctions"),
}  # fmt: skip
_ROWS: Final = {
    "findings": ("command", "time_ms", "agent", "rule", "gain", "overcharge", "harm"),
    "evidence": ("command", "finding", "item", "place", "value"),
    "sanctions": ("command", "time_ms", "finding", "kind", "amount", "disgorged", "price_tick", "until_ms"),
}
_TREASURY: Final = (
    Cause.FINE, Cause.REFUND, Cause.INCENTIVE, Cause.CARBON, Cause.CLAWBACK, Cause.BUY_OUT,
)  # fmt: skip
"""What the treasury pays and gets; its account is rounded as any other."""


def commands_said(record: Record) -> list[Command]:
    """All that the regulator said, as the journal has it, in order."""
    parts = []
    for block in record.pieces("commands", only=_SAID):
        mine = (block["agent"] == -1) & (block["action"] >= FROM)
        parts.append({name: column[mine] for name, column in block.items()})
    rows = joined(parts) if parts else {name: np.zeros(0, np.int64) for name in _SAID}
    return [Command(*row) for row in zip(*(rows[name].tolist() for name in _SAID), strict=True)]


def decision_faults(record: Record) -> Iterator[str]:
    """R5: what the regulator said and what the run's own record gives, wherever it is not the same."""
    told = commands_said(record)
    until_ms = _last_ms(record)
    known, rules = Known.of(record.header), Rules.of(record.header["regulator"]["rules"])
    given = inspect(known, rules, record_columns(record), until_ms, _judge(record))
    if until_ms is not None:  # what was said in the last moment may have been cut short
        told, given = ([each for each in side if each.time_ms < until_ms] for side in (told, given))
    for place, (here, there) in enumerate(zip_longest(told, given)):
        if here != there:
            sides = ["nothing more" if each is None else said(record, each._asdict()) for each in (here, there)]
            yield f"R5: the regulator's command {place} is not what its record gives: {sides[0]}; given: {sides[1]}"
            return  # all that follow come of it


def _judge(record: Record) -> Judge | None:
    """Give the judge of a run again; None where the ladder decides.

    A judge is a function that no journal holds: what it chose, and where it failed, is taken as told.
    """
    if "judge" not in record.header["regulator"]:
        return None
    rows = record.rows(EVIDENCE)
    chose = recorded(record.rows(SANCTIONS), rows)
    failed = set(rows["finding"][(rows["item"] == Item.JUDGED) & (rows["value"] == 0)].tolist())

    def judge(case: Case) -> Iterable[Sanction] | Verdict:
        if case.number in failed:
            raise PolicyError("as it did in the run")
        return chose(case)

    return judge


def _last_ms(record: Record) -> int | None:
    """When a run that was stopped before its end had come to; None of a whole one."""
    if record.complete:
        return None
    times = [int(block["time_ms"][-1]) for block in record.pieces("commands", only=("time_ms",))]
    return max(times, default=record.place.start_ms)


def sanction_faults(record: Record) -> Iterator[str]:
    """R1, R2, R5, R6: caps, offences, sums of evidence and payments, counted again."""
    found = [_Found(record, number) for number in range(len(record.rows(FINDINGS)["seq"]))]
    yield from _row_faults(record)
    yield from _repeated_offences(found)
    for each in found:
        yield from each.sum_faults()
    yield from _sanctions_of_findings(record, found)
    yield from _payment_faults(record)
    yield from _treasury_faults(record)


class _Found:
    """One finding, and its evidence by item."""

    def __init__(self, record: Record, number: int) -> None:
        rows = record.rows(FINDINGS)
        self.number = number
        self.told = {name: int(rows[name][number]) for name in ("agent", "rule", "gain", "overcharge", "harm")}
        self.values: dict[int, list[int]] = {}
        for item, _, value in evidence_of(record, number):
            self.values.setdefault(item, []).append(value)

    def of(self, item: Item) -> list[int]:
        return self.values.get(item, [])

    def sum_faults(self) -> Iterator[str]:
        if not self.of(Item.OFFENCE):
            yield f"R5: finding {self.number} names no offence"
        for item, name in _SUMS.items():
            if (counted := sum(self.of(item))) != self.told[name]:
                yield f"R5: finding {self.number}: {name} is {self.told[name]}, its evidence says {counted}"

    def fine_faults(self, amount: int, disgorged: int, rules: dict[str, Any]) -> Iterator[str]:
        """Hold a fine against the gain, the cap per offence and the share of turnover."""
        gain, punitive = sum(max(0, each) for each in self.of(Item.GAIN)), amount - disgorged
        if disgorged != gain:
            yield f"R1: the fine of finding {self.number} takes back {disgorged}, the gain in its evidence is {gain}"
        if punitive < 0 or punitive > rules["cap_per_offence"] * len(self.of(Item.OFFENCE)):
            yield f"R1: the fine of finding {self.number} is beyond the cap per offence"
        left = sum(self.of(Item.TURNOVER)) * rules["turnover_ppm"] // PPM - sum(self.of(Item.FINED))
        if punitive > max(0, left):
            yield f"R1: the fine of finding {self.number} is beyond the share of turnover"


def _row_faults(record: Record) -> Iterator[str]:
    """R5: findings, evidence and sanctions are what the regulator said and the market admitted, row by row."""
    rows = _admitted(record)
    for stream, columns in _ROWS.items():
        told = record.streams[stream]
        here = list(zip(*(told[name].tolist() for name in columns), strict=True))
        due = [_row_of(stream, row) for row in rows if _STREAM_OF[row["action"]] == stream]
        for place, (one, other) in enumerate(zip_longest(here, due)):
            if one != other:
                yield f"R5: row {place} of {stream} is not what the regulator said"
                break


def _admitted(record: Record) -> list[dict[str, int]]:
    """Commands of the regulator that were carried out and leave a row, in order."""
    names = [name for name, _ in COMMANDS.columns]
    found = []
    for block in record.pieces(COMMANDS.name, only=names):
        mine = np.flatnonzero((block["agent"] == -1) & np.isin(block["action"], list(_STREAM_OF)))
        some = mine[outcomes(record, block["seq"][mine]) == 0]
        columns = (block[name][some].tolist() for name in names)
        found += [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    return found


def _row_of(stream: str, row: dict[str, int]) -> tuple[int, ...]:
    """Give the row of `stream` that a command leaves."""
    seq, at_ms, about, tick, wh, flags = (
        row[n] for n in ("seq", "time_ms", "order", "price_tick", "quantity_wh", "flags")
    )
    if stream == "findings":
        return seq, at_ms, about, row["book"], tick, wh, flags
    if stream == "evidence":
        return seq, about, row["book"], flags, wh
    kind = _KIND_OF[row["action"]]
    if kind == Sanction.FINE:
        return seq, at_ms, about, int(kind), tick + wh, tick, 0, 0
    return seq, at_ms, about, int(kind), 0, 0, tick, flags if kind in ABOUT_TIMES else 0


def _repeated_offences(found: Sequence[_Found]) -> Iterator[str]:
    counts = Counter((each.told["rule"], each.told["agent"], key) for each in found for key in each.of(Item.OFFENCE))
    for (rule, agent, key), count in counts.items():
        if count > 1:
            yield f"R2: offence {key} of agent {agent} under {word(Rule(rule))} is found {count} times"


def _sanctions_of_findings(record: Record, found: Sequence[_Found]) -> Iterator[str]:
    rows, rules = record.rows(SANCTIONS), record.header["regulator"]["rules"]
    names = ("finding", "agent", "rule", "kind", "amount", "disgorged")
    seen: set[tuple[int, int]] = set()
    for number, agent, rule, kind, amount, disgorged in zip(*(rows[name].tolist() for name in names), strict=True):
        about = found[number]
        if (agent, rule) != (about.told["agent"], about.told["rule"]):
            yield f"R2: the {word(Sanction(kind))} of finding {number} is about another agent or rule than it"
        if (number, kind) in seen:
            yield f"R2: finding {number} is followed by a second {word(Sanction(kind))}"
        seen.add((number, kind))
        if kind == Sanction.FINE:
            yield from about.fine_faults(amount, disgorged, rules)
        elif amount or disgorged:
            yield f"R1: the {word(Sanction(kind))} of finding {number} takes money"


def _payment_faults(record: Record) -> Iterator[str]:
    """R6: fines and refunds are posted as they were imposed and given, to the treasury and from it."""
    treasury = record.place.house(House.TREASURY)
    rows = record.rows(SANCTIONS)
    fines = rows["kind"] == Sanction.FINE
    due = {
        Cause.FINE: _legs(treasury, -1, *(rows[name][fines].tolist() for name in ("command", "agent", "amount"))),
        Cause.REFUND: _legs(treasury, 1, *_refunds(record)),
    }
    posted: dict[int, Counter[tuple[int, int, int]]] = {Cause.FINE: Counter(), Cause.REFUND: Counter()}
    for block in record.pieces("postings", only=("command", "account", "amount", "cause")):
        for cause, legs in posted.items():
            mine = block["cause"] == cause
            legs.update(zip(*(block[name][mine].tolist() for name in ("command", "account", "amount")), strict=True))
    for cause, legs in due.items():
        for command, account, amount in sorted((posted[cause] - legs) + (legs - posted[cause])):
            wrong = "is not posted" if (command, account, amount) in legs else "was not decided"
            yield f"R6: a {word(cause)} of {amount} on {record.place.accounts[account]} (command {command}) {wrong}"


def _legs(treasury: int, sign: int, commands: list[int], agents: list[int], amounts: list[int]) -> Counter[Any]:
    return Counter(
        leg
        for command, agent, amount in zip(commands, agents, amounts, strict=True)
        for leg in ((command, agent, sign * amount), (command, treasury, -sign * amount))
    )


def _refunds(record: Record) -> tuple[list[int], list[int], list[int]]:
    """Seqs, agents and amounts of the refunds that were admitted: within what was fined for the same finding."""
    rows = record.rows(SANCTIONS)
    left: dict[int, int] = {}
    for finding, amount in zip(rows["finding"].tolist(), rows["amount"].tolist(), strict=True):
        left[finding] = left.get(finding, 0) + amount
    given: list[tuple[int, int, int]] = []
    for block in record.pieces("commands", only=("seq", "agent", "action", "period", "order", "quantity_wh")):
        mine = (block["action"] == Action.REFUND) & (block["agent"] == -1)
        names = ("seq", "period", "order", "quantity_wh")
        for seq, agent, finding, amount in zip(*(block[name][mine].tolist() for name in names), strict=True):
            if 0 <= agent < record.place.agents and 0 < amount <= left.get(finding, 0):
                left[finding] -= amount
                given.append((seq, agent, amount))
    seqs, agents, amounts = ([row[place] for row in given] for place in range(3))
    return seqs, agents, amounts


def _treasury_faults(record: Record) -> Iterator[str]:
    """R6: the treasury has fines less refunds and incentives, carbon and what was bought out, and nothing else."""
    money, treasury = money_of(record), record.place.house(House.TREASURY)
    for cause in Cause:
        held, others = (
            int(money[treasury, cause]),
            int(money[:treasury, cause].sum() + money[treasury + 1 :, cause].sum()),
        )
        if cause in _TREASURY and held != -others:
            yield f"R6: the treasury has {held} of {word(cause)}, the others' money comes to {-others}"
        elif cause not in (*_TREASURY, Cause.ROUNDING) and held:
            yield f"R6: the treasury has {held} of {word(cause)}, which is none of its causes"
