"""What `wattbook.results.explanation` gives, for people: who, which rule, what was seen, the arithmetic, the money."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, Final

from wattbook.oversight import Item
from wattbook.results.oversight_words import energy, eur, index, measure, moment, percent, price, worth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from wattbook.results.record import Record

    Told = Mapping[str, Any]

_WIDTH: Final = 100
_LABEL: Final = 18
_OFFENCES: Final = 3
_ROWS: Final = 6
"""Offences, and rows of the record for each, that are shown; ``--json`` has all."""
_OF_FINE: Final = frozenset({"earlier", "turnover", "fined"})
_KINDS: Final[dict[str, Callable[[Record, Told], str]]] = {
    "warning": lambda record, told: "a warning; nothing is paid",  # noqa: ARG005  # one form for all
    "mitigation": lambda record, told: (
        f"day-ahead asks count as at most {price(told['price_tick'])} until {moment(record, told['until_ms'])}"
    ),
    "fine": lambda record, told: eur(told["amount"]),  # noqa: ARG005  # one form for all
    "price-cap": lambda record, told: (
        f"may ask for at most {price(told['price_tick'])} until {moment(record, told['until_ms'])}"
    ),
    "suspension": lambda record, told: f"orders are refused until {moment(record, told['until_ms'])}",
    "halt": lambda record, told: f"no order is taken until {moment(record, told['until_ms'])}",
    "collar": lambda record, told: (  # noqa: ARG005  # one form for all
        f"the day-ahead auction's highest price is {price(told['price_tick'])} from its next session on"
    ),
}


def explanation_text(record: Record, told: Told) -> str:
    """Write the explanation of one sanction."""
    who = "the market" if told["agent"] is None else f"{told['agent']} ({told['agent_kind']})"
    lines = [
        f"sanction {told['sanction']}: {told['kind']}, {_KINDS[told['kind']](record, told)}",
        _row("who", who),
        _row("rule", told["rule"]),
        *_found(record, told),
        *_thresholds(record, told["terms"]),
        *_offences(record, told),
        *_others(record, told),
        *(_fine(told) if told["fine"] else ()),
        *(_money(told["postings"]) if told["fine"] else ()),
    ]
    return "\n".join(_fitted(line) for line in lines)


def _row(label: str, text: str) -> str:
    return f"{label:<{_LABEL}}{text}"


def _fitted(line: str) -> str:
    plain = "".join(letter if letter.isprintable() else " " for letter in line)
    return textwrap.fill(plain, _WIDTH, subsequent_indent=" " * _LABEL, break_on_hyphens=False)


def _found(record: Record, told: Told) -> Iterator[str]:
    found = told["finding"]
    yield _row("found", f"{moment(record, found['time_ms'])}, finding {found['finding']}")
    if told["heard"]:
        yield _row("hearing", f"until {moment(record, told['time_ms'])}, when the sanction was imposed")
    elif told["hearing_ms"]:
        yield _row("hearing", "none for this kind: what protects the market waits for no hearing")
    else:
        yield _row("hearing", "none by these rules: imposed at once")


def _thresholds(record: Record, terms: Mapping[str, int]) -> Iterator[str]:
    parts = [f"{_bare(name)} {measure(record, name, value)}" for name, value in terms.items()]
    if parts:
        yield _row("thresholds", ", ".join(parts))


def _bare(name: str) -> str:
    """Give a threshold's name as a scenario writes it, without its unit."""
    stem, _, unit = name.rpartition("_")
    return stem if unit in ("tick", "ppm", "ms", "wh") else name


# --- offences


def _offences(record: Record, told: Told) -> Iterator[str]:
    offences = told["offences"]
    # Some rules tell the measures of the worst offence alone: that one is shown, wherever it stands.
    shown = sorted(range(len(offences)), key=lambda place: (not offences[place]["lines"], place))[:_OFFENCES]
    for offence in (offences[place] for place in sorted(shown)):
        yield ""
        when = "" if offence["period_ms"] is None else f", period from {moment(record, offence['period_ms'])}"
        yield _row("offence", f"{offence['key']}{when}")
        yield from _rows(record, [row for row in told["seen"] if _is_about(row, offence)])
        yield from _measured(record, told, offence)
        sums = [f"{name} {eur(offence[name])}" for name in ("gain", "overcharge", "harm", "base") if offence[name]]
        yield from [_row("  comes to", ", ".join(sums))] if sums else []
    if len(offences) > _OFFENCES:
        yield ""
        yield _row("", f"and {len(offences) - _OFFENCES} more offences (--json)")


def _is_about(row: Told, offence: Told) -> bool:
    return offence["period_ms"] is not None and row.get("period_ms") == offence["period_ms"]


def _rows(record: Record, rows: Sequence[Told]) -> Iterator[str]:
    for place, row in enumerate(rows[:_ROWS]):
        yield _row("  seen" if place == 0 else "", _event(record, row))
    if len(rows) > _ROWS:
        yield _row("", f"and {len(rows) - _ROWS} more rows (--json)")


def _event(record: Record, row: Told) -> str:
    """Write a row of the record."""
    at = "" if row["time_ms"] is None else f", {moment(record, row['time_ms'])}"
    aside = {"stream", "seq", "time_ms", "period_ms"}
    parts = []
    for name, value in row.items():
        if name not in aside and value is not None:
            text = measure(record, name, value) if isinstance(value, int) else str(value)
            parts.append(f"{name.removesuffix('_tick').removesuffix('_wh').replace('_', ' ')} {text}")
    return f"{row['stream']} {row['seq']}{at}: {', '.join(parts)}"


def _measured(record: Record, told: Told, offence: Told) -> Iterator[str]:
    values = {line["item"]: line["value"] for line in offence["lines"]}
    if told["rule"] == "gouging" and values.keys() >= _GOUGING and "rsi_ppm" in told["terms"]:
        yield from _gouging(values, told["terms"]["rsi_ppm"])
        return
    if offence["lines"]:
        yield _row("  measured", ", ".join(_lines(record, told["rule"], offence["lines"])))


def _lines(record: Record, rule: str, lines: Sequence[Told]) -> Iterator[str]:
    for line in lines:
        item = Item[line["item"].upper().replace("-", "_")]
        name = line["item"].removesuffix("-tick").removesuffix("-wh").removesuffix("-ppm").removesuffix("-ms")
        yield f"{name.replace('-', ' ')} {worth(record, item, line['value'], rule)}"


_GOUGING: Final = frozenset(
    {
        "rsi-ppm", "supply-wh", "uncommitted-wh", "demand-wh", "reference-tick", "offer-tick", "conduct-limit-tick",
        "price-tick", "counterfactual-tick", "impact-limit-tick", "sold-wh", "counterfactual-sold-wh",
    }
)  # fmt: skip


def _gouging(values: Mapping[str, int], scarce_ppm: int) -> Iterator[str]:
    """Tell the three tests of an abusive mark-up, each measure beside its limit."""
    rest_wh = values["supply-wh"] - values["uncommitted-wh"]
    yield _row(
        "  structure",
        f"the others could give {energy(rest_wh)} of {energy(values['demand-wh'])} in demand, it"
        f" {energy(values['uncommitted-wh'])}: RSI {index(values['rsi-ppm'])}, the limit is {index(scarce_ppm)}",
    )
    yield _row(
        "  conduct",
        f"it asked up to {price(values['offer-tick'])}; its reference is {price(values['reference-tick'])}, the limit"
        f" {price(values['conduct-limit-tick'])}",
    )
    rise = values["price-tick"] - values["counterfactual-tick"]
    yield _row(
        "  impact",
        f"the price was {price(values['price-tick'])}, with its asks at reference"
        f" {price(values['counterfactual-tick'])}: {price(rise)} more, the limit is"
        f" {price(values['impact-limit-tick'])} more",
    )
    yield _row(
        "", f"it sold {energy(values['sold-wh'])}, and would have sold {energy(values['counterfactual-sold-wh'])}"
    )


def _others(record: Record, told: Told) -> Iterator[str]:
    """Tell of what belongs to no offence by its period."""
    rows = [row for row in told["seen"] if not any(_is_about(row, offence) for offence in told["offences"])]
    lines = [line for line in told["lines"] if line["item"] not in _OF_FINE]
    if rows or lines:
        yield ""
    yield from _rows(record, rows)
    if lines:
        yield _row("  measured", ", ".join(_lines(record, told["rule"], lines)))


# --- money


def _fine(told: Told) -> Iterator[str]:
    fine, found = told["fine"], told["finding"]
    yield ""
    yield _row("amount", f"{eur(fine['disgorged'])} gain, taken back whatever the caps")
    before = f" + {percent(fine['repeat_ppm'])} for each of {fine['earlier']} before" * bool(fine["earlier"])
    whose = "overcharge" if found["overcharge"] else "base"
    yield _row(
        "", f"+ {percent(fine['share_ppm'])} of the {whose} of {eur(fine['base'])}: {eur(fine['by_share'])}"
        f" ({percent(fine['punitive_ppm'])}{before})",
    )  # fmt: skip
    count, cap = len(told["offences"]), fine["cap_per_offence"]
    yield _row("", f"  at most {eur(cap)} an offence, {count} of them: {eur(fine['by_cap_per_offence'])}")
    yield _row(
        "", f"  at most {percent(fine['turnover_ppm'])} of a turnover of {eur(fine['turnover'])}, less"
        f" {eur(fine['fined'])} fined before: {eur(fine['turnover_left'])}",
    )  # fmt: skip
    bound = "neither binds" if fine["bound"] == "nothing" else f"the {fine['bound']} binds"
    yield _row("", f"  {bound}: {eur(fine['punitive'])}")
    yield _row("", f"= {eur(fine['amount'])}")
    if (fine["disgorged"], fine["amount"]) != (told["disgorged"], told["amount"]):
        yield _row("", f"BUT {eur(told['amount'])} WERE TAKEN: wattbook verify tells more")


def _money(postings: Sequence[Told]) -> Iterator[str]:
    if not postings:
        return
    yield ""
    sums: dict[tuple[str, str], int] = {}
    for leg in postings:
        key = (leg["account"], leg["cause"])
        sums[key] = sums.get(key, 0) + leg["amount"]
    shown = list(sums.items())
    for place, ((account, cause), amount) in enumerate(shown[:_ROWS]):
        sign = "+" if amount > 0 else ""
        yield _row("money" if place == 0 else "", f"{account} {sign}{eur(amount)} ({cause})")
    if len(shown) > _ROWS:
        yield _row("", f"and {len(shown) - _ROWS} more accounts (--json)")
    kept = sum(leg["amount"] for leg in postings if leg["account"] == "TREASURY")
    yield _row("", f"the treasury keeps {eur(kept)}")
