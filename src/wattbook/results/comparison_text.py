"""A comparison in one screen: at most 50 lines of 100 columns.

There are 24 more where there is a wholesale market, and 11 more with a regulator.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import groupby
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from wattbook.results.record import is_moment
from wattbook.units import MS_PER_HOUR, QUANTA_PER_CENT, QUANTA_PER_EUR, TICKS_PER_EUR_PER_MWH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_WIDTH: Final = 100
_LABEL: Final = 18
_COLUMN: Final = 16
_CHANGES: Final = 5
_NOTES: Final = 4
_NAME: Final = 48
_VALUE: Final = 24
_SHORT_LIST: Final = 3
_ABOUT: Final = frozenset({"time_ms", "period_ms", "agent", "account", "buyer", "seller", "utility", "path"})
"""What says which fact it is."""
_AT_THE_DESK: Final = frozenset({"request", "quote", "counter", "accept", "post", "take"})
"""Actions whose quantity counts lots."""
_COUNTED_IN: Final = {"tariff": "periods", "invest": "W"}
_UNIX: Final = datetime(1970, 1, 1, tzinfo=UTC)


def comparison_text(told: Mapping[str, Any]) -> str:
    """Write what `Comparison.to_dict` gives for people."""
    lines = [
        _title("A", told["a"]),
        _title("B", told["b"]),
        _row("both", _span(told["a"])),
        *_listed("what differs", [*_changes(told)], _CHANGES),
        *_listed("note", told["notes"], _NOTES),
        "",
        f"{'':<{_LABEL}}{'A':>{_COLUMN}}{'B':>{_COLUMN}}{'B - A':>{_COLUMN}}",
        *_figures(told),
        *_gain(told["decomposition"]),
        *_wholesale(told["figures"]),
        *_regulator(told["figures"]),
        "",
        *_deciles(told["bills"]),
        *_winners(told["winners"], told["bills"]["homes"]),
        "",
        *_first_difference(told),
    ]
    return "\n".join(_cut(line, _WIDTH) for line in lines)


def _row(label: str, text: str) -> str:
    return f"{label:<{_LABEL}}{text}"


def _cut(text: str, width: int) -> str:
    """Take out what could steer a terminal, and end what is too long in dots."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text).rstrip()
    return plain if len(plain) <= width else plain[: width - 3].rstrip() + "..."


def _title(side: str, run: Mapping[str, Any]) -> str:
    name = _cut(" ".join(str(run["name"] or "wattbook run").split()), _NAME)
    stopped = "" if run["complete"] else ", STOPPED BEFORE ITS END"
    market = " without a local market" * (run["mechanism"] == "none")
    homes = f"{run['homes']:,} homes{market}"
    return f"{side}  {name} - seed {run['seed']}, {homes}, {run['fingerprint'][:12]}{stopped}"


def _span(run: Mapping[str, Any]) -> str:
    hours = run["periods"] * run["period_ms"] / MS_PER_HOUR
    many, unit = (hours / 24, "day") if hours % 24 == 0 else (hours, "hour")
    lasting = f"{many:g} {unit}{'s' * (many != 1)}"
    return (
        f"{lasting} from {_local(run['start_ms'], run['timezone'])[:16]} {run['timezone']}, where all times are local"
    )


def _listed(label: str, lines: Sequence[str], most: int) -> Iterator[str]:
    """Write at most `most` rows under one label."""
    shown = list(lines) if len(lines) <= most else [*lines[: most - 1], f"and {len(lines) - most + 1} more (--json)"]
    for number, line in enumerate(shown):
        yield _row(label if number == 0 else "", line)


# --- what differs


def _changes(told: Mapping[str, Any]) -> Iterator[str]:
    if not told["same"]["seed"]:
        yield f"seed: {told['a']['seed']} -> {told['b']['seed']}"
    own = [change for change in told["scenario"] if change["agent"] is None]
    kinds = [_wholesale_kind(own, side) for side in ("a", "b")]
    if kinds[0] != kinds[1] and None not in kinds:
        # Two markets have hardly a setting in common: which they are says it.
        yield f"wholesale: {kinds[0]} -> {kinds[1]}"
        own = [change for change in own if not change["path"].startswith("wholesale.")]
    regulator = [change for change in own if change["path"] == "regulator"]
    for change in regulator:  # only one has one: its persona says which
        yield f"regulator: {_persona(change, 'a')} -> {_persona(change, 'b')}"
    for change in [each for each in own if each not in regulator]:
        yield f"{change['path']}: {_side(change, 'a')} -> {_side(change, 'b')}"
    yield from _changes_of_agents([change for change in told["scenario"] if change["agent"] is not None])
    for what in ("versions", "inputs"):
        for name, pair in told[what].items():
            yield f"{what[:-1]} {name}: {_value(pair['a'])} -> {_value(pair['b'])}"
    if told["same"]["scenario"] and told["same"]["seed"]:
        yield "nothing in scenario and seed" + (": the same journal, all differences are 0" * told["same"]["journal"])


def _persona(change: Mapping[str, Any], side: str) -> str:
    """Name the regulator of one side."""
    told = change.get(side)
    return _value(told.get("persona")) if isinstance(told, dict) else "none"


def _wholesale_kind(changes: Sequence[Mapping[str, Any]], side: str) -> str | None:
    """Name the wholesale market of one side by the settings that only it has."""
    paths = {change["path"] for change in changes if side in change}
    if "wholesale.profiles" in paths:
        return "contract desk"
    return "auction" if "wholesale.at" in paths else None


def _changes_of_agents(changes: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Write what changed alike in several agents once."""

    def alike(change: Mapping[str, Any]) -> tuple[str, str, str]:
        what = change["path"][len(change["agent"]) + 1 :]
        # Of an agent that only one has, it matters that it has it.
        sides = [(_side(change, side) if what else str(side in change)) for side in ("a", "b")]
        return what, *sides

    for (what, a, b), group in groupby(sorted(changes, key=alike), key=alike):
        names = [change["agent"] for change in group]
        who = ", ".join(names[:_SHORT_LIST]) + (f" and {len(names) - _SHORT_LIST} more" * (len(names) > _SHORT_LIST))
        if not what:
            yield f"only in {'A' if a == 'True' else 'B'}: {who}"
        elif len(names) == 1:
            yield f"{who}.{what}: {a} -> {b}"
        else:
            yield f"{what}: {a} -> {b} for {who}"


def _side(change: Mapping[str, Any], side: str) -> str:
    return _value(change[side]) if side in change else "(not set)"


def _value(value: object) -> str:
    if isinstance(value, list):
        runs = [(each, len(list(group))) for each, group in groupby(value)]
        parts = [f"{_value(each)} x {count}" if count > 1 else _value(each) for each, count in runs[:_SHORT_LIST]]
        more = ", ..." * (len(runs) > _SHORT_LIST)
        return f"[{', '.join(parts)}{more}]" + (f" ({len(value)} values)" if more else "")
    if isinstance(value, str):
        return _cut(value, _VALUE)
    return _cut("none" if value is None else json.dumps(value, sort_keys=True), _VALUE)


# --- figures


def _number(unit: float, decimals: int) -> Callable[[float], str]:
    return lambda figure: f"{figure / unit:,.{decimals}f}"


def _whole_eur(quanta: int) -> str:
    """Money to the cent, and to the hundredth of one where it is less."""
    return f"{quanta / QUANTA_PER_EUR:,.{4 if 0 < abs(quanta) < QUANTA_PER_CENT else 2}f}"


_ROWS: Final[tuple[tuple[str, str, Callable[[Any], str]], ...]] = (
    ("orders", "orders", _number(1, 0)),
    ("trades", "trades", _number(1, 0)),
    ("local kWh", "local_volume_wh", _number(1_000, 1)),
    ("EUR/MWh", "local_vwap_eur_per_mwh", _number(1, 2)),
    ("efficiency %", "allocative_efficiency", _number(0.01, 1)),
    ("from neighbours %", "local_share_of_withdrawal", _number(0.01, 1)),
    ("self-sufficient %", "self_sufficiency", _number(0.01, 1)),
    ("self-consumed %", "self_consumption", _number(0.01, 1)),
    ("Gini of profits", "profit_gini", _number(1, 3)),
    ("import kWh", "import_wh", _number(1_000, 1)),
    ("export kWh", "export_wh", _number(1_000, 1)),
    ("losses kWh", "losses_wh", _number(1_000, 1)),
    ("peak import kW", "peak_import_w", _number(1_000, 1)),
)


_SPOT: Final[tuple[tuple[str, str, Callable[[Any], str]], ...]] = (
    ("spot EUR/MWh", "spot_mean_eur_per_mwh", _number(1, 2)),
    ("hedged %", "hedge_ratio", _number(0.01, 1)),
    ("imported MWh", "imports_wh", _number(1_000_000, 1)),
    ("exported MWh", "exports_wh", _number(1_000_000, 1)),
    ("made, import EUR", "dispatch.cost", _whole_eur),
    ("  above the least", "dispatch.extra_cost", _whole_eur),
    ("contracts signed", "signed", _number(1, 0)),
    ("margin calls", "margin_calls", _number(1, 0)),
    ("defaults", "defaults", _number(1, 0)),
    ("bought out EUR", "buy_out_paid", _whole_eur),
    ("supply EUR/MWh", "utility_cost_eur_per_mwh", _number(1, 2)),
)
_AFTER_UTILITIES: Final[tuple[tuple[str, str, Callable[[Any], str]], ...]] = (
    ("  variance by day", "utility_cost_variance", _number(1, 3)),
    ("utilities got EUR", "utility_profit", _whole_eur),
    ("producers got EUR", "producer_profit", _whole_eur),
)
_WHERE_THERE_IS_ONE: Final[tuple[tuple[str, str, Callable[[Any], str]], ...]] = (
    ("customers moved", "customers_moved", _number(1, 0)),
    ("members moved", "members_moved", _number(1, 0)),
    ("gateway in kWh", "gateway_to_homes_wh", _number(1_000, 1)),
    ("gateway out kWh", "gateway_from_homes_wh", _number(1_000, 1)),
)
_MOST_NAMED: Final = 4
"""Utilities, and producers, that are shown by name."""


def _wholesale(figures: Mapping[str, Any]) -> Iterator[str]:
    """Write the wholesale market's rows; none where neither run has one."""
    if "wholesale.hedge_ratio" not in figures:
        return
    yield ""
    for label, name, text in _SPOT:
        yield _pair(label, figures[f"wholesale.{name}"], text)
    yield from _named(figures, "wholesale.utilities.", ".cost_eur_per_mwh", _number(1, 2))
    for label, name, text in _AFTER_UTILITIES:
        yield _pair(label, figures[f"wholesale.{name}"], text)
    yield from _named(figures, "wholesale.producers.", ".profit", _whole_eur)
    for label, name, text in _WHERE_THERE_IS_ONE:
        pair = figures[f"wholesale.{name}"]
        if pair["a"] is not None or pair["b"] is not None:
            yield _pair(label, pair, text)


_OVERSIGHT: Final[tuple[tuple[str, str, Callable[[Any], str]], ...]] = (
    ("findings", "regulator.findings", _number(1, 0)),
    ("fines EUR", "fines", _whole_eur),
    ("refunds EUR", "regulator.refunds", _whole_eur),
)


def _regulator(figures: Mapping[str, Any]) -> Iterator[str]:
    """Write the regulator's rows; none where neither run has one."""
    if "regulator.findings" not in figures:
        return
    yield ""
    for label, name, text in _OVERSIGHT:
        yield _pair(label, figures[name], text)
    kinds = [name for name in figures if name.startswith("regulator.sanctions.")]
    for name in kinds:
        yield _pair(f"  {name.rpartition('.')[2]}", figures[name], _number(1, 0))


def _named(figures: Mapping[str, Any], begin: str, end: str, text: Callable[[Any], str]) -> Iterator[str]:
    mine = [name for name in figures if name.startswith(begin) and name.endswith(end)]
    for name in mine[:_MOST_NAMED]:
        label = _cut(name[len(begin) : -len(end)], _LABEL - 3)
        yield _pair(f"  {label}", figures[name], text)


def _figures(told: Mapping[str, Any]) -> Iterator[str]:
    same = []
    for label, name, text in _ROWS:
        pair = told["figures"][name]
        if "wholesale.hedge_ratio" in told["figures"] and pair["difference"] == 0:
            same.append(f"{label} {text(pair['a'])}")
        else:
            yield _pair(label, pair, text)
    for number, line in enumerate(wrap(", ".join(same), _WIDTH - _LABEL - 2)):
        yield _row("the same" if number == 0 else "", line)
    bills = told["bills"]
    if bills["homes"]:
        yield _pair("all bills EUR", bills["total"], _whole_eur)
        yield _pair("mean bill EUR", bills["mean"], _whole_eur)
    for number, (group, pair) in enumerate(told["receipts"].items()):
        yield _pair(f"{'got EUR' if number == 0 else '':<8}{group}", pair, _whole_eur)


def _pair(label: str, pair: Mapping[str, Any], text: Callable[[Any], str]) -> str:
    sides = [_none(pair[side], text) for side in ("a", "b")]
    columns = (*sides, _signed(pair["difference"], text))
    return f"{label:<{_LABEL}}" + "".join(f" {column:>{_COLUMN - 1}}" for column in columns)


def _none(figure: float | None, text: Callable[[Any], str]) -> str:
    return "none" if figure is None else text(figure)


def _signed(figure: float | None, text: Callable[[Any], str]) -> str:
    if not figure:
        return "none" if figure is None else "0"
    return f"{'+' if figure > 0 else ''}{text(figure)}"


def _gain(parts: Mapping[str, Any]) -> Iterator[str]:
    gain, stored = parts["real_gain"], parts["stored_change_wh"]
    store = f"; {abs(stored) / 1000:.1f} kWh {'less' if stored < 0 else 'more'} in store at the end" if stored else ""
    paid = f": {'more' if gain < 0 else 'less'} is paid to the grid above" if gain else ""
    yield _row("real gain", f"{_whole_eur(gain)} EUR{paid}{store}")
    yield _row("", f"{_whole_eur(parts['transfers'])} EUR only change hands; what all groups got differs by 0 together")


# --- homes


def _deciles(bills: Mapping[str, Any]) -> Iterator[str]:
    if not bills["homes"]:
        yield _row("bills", "no home is in both")
        return
    if not any(decile["mean"]["difference"] for decile in bills["deciles"]):
        yield _row("bills", "the same in each tenth of the homes, from the lowest to the highest bills")
        return
    width = (_WIDTH - _LABEL) // max(len(bills["deciles"]), 10)
    yield _row(
        "by bill in A", f"mean bill [EUR] of {len(bills['deciles'])} groups of homes, from the lowest bills in A on"
    )
    for label, key in (("  A", "a"), ("  B", "b"), ("  B - A", "difference")):
        text = _signed if key == "difference" else _none
        cells = [_fitted(decile["mean"][key], width, text) for decile in bills["deciles"]]
        yield _row(label, "".join(f"{cell:>{width}}" for cell in cells))


def _fitted(quanta: int, width: int, text: Callable[[Any, Callable[[Any], str]], str]) -> str:
    """Money in a narrow column: fewer decimals where it is large."""
    told = text(quanta, lambda money: f"{money / QUANTA_PER_EUR:.2f}")
    return told if len(told) < width else text(quanta, lambda money: f"{money / QUANTA_PER_EUR:.{width - 7}g}")


def _winners(winners: Mapping[str, Any], count: int) -> Iterator[str]:
    if not count:
        return
    less, alike, more = (f"{winners[what]:,}" for what in ("less", "same", "more"))
    yield _row("in B", f"{less} of {count:,} homes pay less, {more} pay more, {alike} the same")
    for word, each in (("less", winners["largest_gain"]), ("more", winners["largest_loss"])):
        if each is not None:
            much = _whole_eur(abs(each["difference"]))
            bills = f"{_whole_eur(each['a'])} -> {_whole_eur(each['b'])}"
            yield _row("", f"{_cut(each['agent'], _NAME)} {much} EUR {word}: {bills}")


# --- the journals


def _first_difference(told: Mapping[str, Any]) -> Iterator[str]:
    first, clock = told["first_difference"], told["a"]["timezone"]
    if told["same"]["journal"]:
        yield _row("first difference", "none: the same journal")
    elif first is None:
        yield _row("first difference", "none: the same commands and facts under other headers")
    elif first["stream"] == "commands":
        last = first["last_common_ms"]
        since = "" if last is None else f"; the same until {_local(last, clock)}"
        yield _row("first difference", f"{_local(first['time_ms'], clock)}, command {first['row']:,}{since}")
        for side in ("a", "b"):
            yield _row(f"  {side.upper()}", _command(first[side], first["time_ms"], clock))
    else:
        when = "before the first command" if first["time_ms"] is None else f"at {_local(first['time_ms'], clock)}"
        where = f"the same commands; {first['stream']} differ from row {first['row']:,} on, {when}"
        yield _row("first difference", where)
        for side in ("a", "b"):
            yield _row(f"  {side.upper()}", _fact(first, side, clock))


def _local(ms: int, clock: str) -> str:
    if not is_moment(ms):  # a command that was refused may hold anything
        return f"{ms} ms"
    return f"{(_UNIX + timedelta(milliseconds=ms)).astimezone(ZoneInfo(clock)):%Y-%m-%d %H:%M:%S}.{ms % 1000:03d}"


def _command(row: Mapping[str, Any] | None, known_ms: int, clock: str) -> str:
    if row is None:
        return "no more commands"
    if row["said"] is not None:
        at = "" if row["time_ms"] == known_ms else f"at {_local(row['time_ms'], clock)} "
        return f"{at}the regulator: {row['said']}"
    words = [] if row["time_ms"] == known_ms else [f"at {_local(row['time_ms'], clock)}"]
    words += [f"{_cut(row['agent'] or 'the market', _VALUE)}:", row["action"]]
    words += [_cut(row[whom], _VALUE) for whom in ("quarantined", "supplier") if row[whom]]
    words += [f"order {row['order']}"] if row["order"] else []
    words += [row["side"]] if row["side"] else []
    # What the market asks for of itself counts products.
    its_own = "lots" if row["action"] in _AT_THE_DESK else _COUNTED_IN.get(row["action"], "Wh")
    unit = its_own if row["agent"] else "products"
    words += [f"{row['quantity_wh']:,} {unit}"] if row["quantity_wh"] else []
    words += [f"at {row['price_tick'] / TICKS_PER_EUR_PER_MWH:.2f} EUR/MWh"] if row["price_tick"] else []
    words += [f"for {_local(row['period_ms'], clock)[5:16]}"] if row["period_ms"] is not None else []
    return " ".join([*words, *([f"in {_cut(row['book'], _VALUE)}"] if row["book"] else [])])


def _fact(first: Mapping[str, Any], side: str, clock: str) -> str:
    """Write of a row what it is about and what differs in it."""
    row, other = first[side], first["b" if side == "a" else "a"] or {}
    if row is None:
        return "no more rows"
    about = sorted(key for key in row if key in _ABOUT and row[key] is not None)
    changed = [key for key in row if key not in _ABOUT and row[key] != other.get(key)]
    words = {key: _local(row[key], clock)[:19] if key.endswith("_ms") else str(row[key]) for key in (*changed, *about)}
    return ", ".join(f"{key.removesuffix('_ms')} {_cut(words[key], _VALUE)}" for key in words)
