"""One sanction of a run, taken apart: what was seen, measured and compared, how its amount came about, who got it.

Owns the putting together, from the journal alone. The amount is worked out again from the lines of evidence and the
rules in the header, by another way than the regulator's.
"""

from __future__ import annotations

import copy
import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wattbook.book.words import Event
from wattbook.contracts import Event as DeskEvent
from wattbook.errors import ConfigError
from wattbook.messages import BUY, EVIDENCE, FINDINGS, REFUSED, SANCTIONS, SELL, Action, Cause
from wattbook.oversight import SEEN_STREAMS, Item, Rule, Sanction
from wattbook.regulator import RECORD
from wattbook.results.explanation_text import explanation_text
from wattbook.results.tables import word
from wattbook.units import PPM, half_even

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from wattbook.results.record import Record

_AGENTS: Final = frozenset({"agent", "buyer", "seller", "utility", "old", "new"})
_SIDES: Final = {BUY: "buy", SELL: "sell"}
_EVENTS: Final = {REFUSED: "refused", **{int(event): word(event) for event in Event}}
_OF_OFFENCE: Final = {Item.GAIN: "gain", Item.OVERCHARGE: "overcharge", Item.HARM: "harm", Item.BASE: "base"}
_OF_FINDING: Final = {Item.EARLIER: "earlier", Item.TURNOVER: "turnover", Item.FINED: "fined"}
_REFUNDED: Final = (Action.FINE, Action.REFUND)


@dataclass(frozen=True, eq=False)
class Explanation:
    """What `Run.explain` found; ``str`` of it is for people, `to_dict` is all of it for programs."""

    record: Record
    told: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Give everything as plain JSON values, a copy of their own; money in 1e-8 EUR, times in ms of UTC."""
        return copy.deepcopy(self.told)

    def __str__(self) -> str:
        return explanation_text(self.record, self.told)

    def __repr__(self) -> str:
        return f"<Explanation: sanction {self.told['sanction']}, {self.told['kind']}>"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def explain(record: Record, number: int) -> Explanation:
    """Take one sanction apart.

    Parameters
    ----------
    number : int
        Row of ``run.sanctions``, from 0.

    Raises
    ------
    ConfigError
        If the run has no regulator, or no such sanction.
    """
    return Explanation(record, _explained(record, number))


def _explained(record: Record, number: int) -> dict[str, Any]:
    row = _sanction(record, number)
    rules, found = record.header["regulator"]["rules"], _found(record, row["finding"])
    agent = row["agent"]
    offences, lines = _offences(record, row["finding"])
    told = {
        "sanction": number,
        "kind": word(Sanction(row["kind"])),
        "rule": word(Rule(row["rule"])),
        "agent": None if agent < 0 else record.place.names[agent],
        "agent_kind": None if agent < 0 else record.place.kinds[agent],
        "time_ms": row["time_ms"],
        "price_tick": row["price_tick"],
        "until_ms": row["until_ms"],
        "amount": row["amount"],
        "disgorged": row["disgorged"],
        "finding": found,
        "hearing_ms": rules["hearing_ms"],
        "heard": row["time_ms"] > found["time_ms"],
        "offences": offences,
        "lines": lines,
        "seen": list(_seen(record, row["finding"])),
        "terms": rules["terms"].get(Rule(row["rule"]).name, {}),
        "postings": _postings(record, row["finding"]),
    }
    fined = row["kind"] == Sanction.FINE
    return told | {"fine": _fine(told, rules) if fined else None}


def _sanction(record: Record, number: int) -> dict[str, int]:
    if "regulator" not in record.header:
        raise ConfigError(
            "the run has no regulator, so nothing was sanctioned: run it with Regulator(), or --set regulator=balanced"
        )
    rows = record.rows(SANCTIONS)
    count = len(rows["seq"])
    if not 0 <= number < count:
        there = f"choose one from 0 to {count - 1}" if count else "its regulator sanctioned nothing"
        raise ConfigError(f"there is no sanction {number} in this run: {there}")
    return {name: int(column[number]) for name, column in rows.items()}


def _found(record: Record, number: int) -> dict[str, Any]:
    rows = record.rows(FINDINGS)
    return {"finding": number} | {name: int(rows[name][number]) for name in ("time_ms", "gain", "overcharge", "harm")}


def evidence_of(record: Record, finding: int) -> list[tuple[int, int, int]]:
    """Lines of a finding's evidence: item, place, value."""
    rows = record.rows(EVIDENCE)
    mine = np.flatnonzero(rows["finding"] == finding)
    return list(zip(*(rows[name][mine].tolist() for name in ("item", "place", "value")), strict=True))


def _offences(record: Record, finding: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Give the offences of a finding, each with its own lines of evidence, and the lines of none."""
    offences: list[dict[str, Any]] = []
    others: list[dict[str, Any]] = []
    for item, place, value in evidence_of(record, finding):
        line = {"item": word(Item(item)), "value": value, "place": place}
        if item == Item.OFFENCE:
            zero = dict.fromkeys(_OF_OFFENCE.values(), 0)
            offences.append({"key": value, "period": place, "period_ms": _start(record, place), **zero, "lines": []})
        elif item in _OF_OFFENCE and offences:
            offences[-1][_OF_OFFENCE[Item(item)]] = value
        elif item != Item.EVENT:
            mine = [each for each in offences if place >= 0 and each["period"] == place]
            (mine[0]["lines"] if mine else others).append(line)
    return offences, others


def _start(record: Record, period: int) -> int | None:
    place = record.place
    return place.start_ms + period * place.period_ms if 0 <= period < place.periods else None


# --- what was seen


def _seen(record: Record, finding: int) -> Iterator[dict[str, Any]]:
    """Give the rows of the record that a finding names, with names for numbers."""
    wanted: dict[str, list[int]] = {}
    for item, place, value in evidence_of(record, finding):
        if item == Item.EVENT and 0 <= place < len(SEEN_STREAMS):
            wanted.setdefault(SEEN_STREAMS[place], []).append(value)
    for stream, seqs in wanted.items():
        if stream in record.streams:
            yield from _rows(record, stream, seqs)


def _rows(record: Record, stream: str, seqs: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Rows of a stream by seq: what the record has of them, and when their command was given."""
    commands = stream == "commands"
    columns = ("seq", "command", *(name for name in RECORD[stream] if name not in {"seq", "command"}))
    for block in record.pieces(stream, only=tuple(name for name in columns if name != "command" or not commands)):
        for place in np.flatnonzero(np.isin(block["seq"], seqs)).tolist():
            row = {name: int(column[place]) for name, column in block.items()}
            at_ms = _time_of(record, row["seq"] if commands else row["command"])
            yield {"stream": stream, "seq": row["seq"], "time_ms": at_ms} | _named(record, stream, row)


def _time_of(record: Record, command: int) -> int | None:
    first = 0
    for block in record.pieces("commands", only=("time_ms",)):
        if command < first + len(block["time_ms"]):
            return int(block["time_ms"][command - first])
        first += len(block["time_ms"])
    return None


def _named(record: Record, stream: str, row: Mapping[str, int]) -> dict[str, Any]:
    return {
        (f"{name}_ms" if name == "period" else name): _name(record, stream, name, value)
        for name, value in row.items()
        if name not in {"seq", "command"}
    }


def _name(record: Record, stream: str, column: str, value: int) -> object:
    place = record.place
    if column in _AGENTS:
        return place.names[value] if 0 <= value < place.agents else None
    if column == "period":
        return _start(record, value)
    if column == "book":
        return place.books[value] if 0 <= value < len(place.books) else None
    if column in {"side", "aggressor"}:
        return _SIDES.get(value)
    if column == "action":
        return word(Action(value)) if value in set(Action) else value
    if column == "event":
        desk = {int(each): word(each) for each in DeskEvent}
        return (desk if stream == "contracts" else _EVENTS).get(value, value)
    return value


# --- money


def _fine(told: Mapping[str, Any], rules: Mapping[str, Any]) -> dict[str, Any]:
    """Work out the fine of a finding from its evidence, step by step; `bound` says what kept it from being more."""
    history = dict.fromkeys(_OF_FINDING.values(), 0)
    for line in told["lines"]:
        for item, name in _OF_FINDING.items():
            if line["item"] == word(item):
                history[name] = line["value"]
    share_ppm = rules["punitive_ppm"] + history["earlier"] * rules["repeat_ppm"]
    bases = [max(0, each["overcharge"] or each["base"]) for each in told["offences"]]
    shares = [half_even(base * share_ppm, PPM) for base in bases]
    capped = [min(rules["cap_per_offence"], share) for share in shares]
    left = max(0, history["turnover"] * rules["turnover_ppm"] // PPM - history["fined"])
    bound = "turnover cap" if sum(capped) > left else "cap per offence" if capped != shares else "nothing"
    gain = sum(max(0, each["gain"]) for each in told["offences"])
    return {
        **history,
        **{name: rules[name] for name in ("punitive_ppm", "repeat_ppm", "cap_per_offence", "turnover_ppm")},
        "share_ppm": share_ppm,
        "base": sum(bases),
        "by_share": sum(shares),
        "by_cap_per_offence": sum(capped),
        "turnover_left": left,
        "bound": bound,
        "disgorged": gain,
        "punitive": min(sum(capped), left),
        "amount": gain + min(sum(capped), left),
    }


def _postings(record: Record, finding: int) -> list[dict[str, Any]]:
    """Give every leg of a finding's fine and refunds."""
    causes: dict[int, int] = {}
    for block in record.pieces("commands", only=("seq", "action", "order")):
        mine = np.isin(block["action"], _REFUNDED) & (block["order"] == finding)
        causes |= dict(zip(block["seq"][mine].tolist(), block["action"][mine].tolist(), strict=True))
    legs = []
    for block in record.pieces("postings", only=("command", "account", "amount", "cause")):
        mine = np.isin(block["command"], list(causes)) & np.isin(block["cause"], (Cause.FINE, Cause.REFUND))
        for account, amount, cause in zip(
            *(block[name][mine].tolist() for name in ("account", "amount", "cause")), strict=True
        ):
            name = record.place.accounts[account]
            legs.append({"account": name, "amount": amount, "cause": word(Cause(cause))})
    return legs
