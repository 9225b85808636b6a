"""The report of whole runs for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table

from .runners import KINDS, SIMPY_ALONE
from .split import PARTS
from .tables import bounds_table, changes_table, console_of, origin

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .baseline import Change


def show(report: dict[str, Any], changes: Iterable[Change] | None) -> None:
    """Print the report, and the comparison where there is one."""
    console = console_of()
    for size, tracks in report.get("market", {}).items():
        console.print(_market(int(size), tracks))
    for name in dict.fromkeys(name for tracks in report.get("market", {}).values() for name in tracks):
        console.print(f"[bold]{name}[/]: a wake does {KINDS[name].work}")
    if report.get("split"):
        console.print(_split(report["split"]))
    if report.get("memory"):
        console.print(_memory(report["memory"]))
    if report.get("scenario"):
        console.print(_scenario(report["scenario"]))
    if report["bounds"]:
        console.print(bounds_table(report))
    if changes is not None:
        console.print(changes_table(changes, "SimPy alone"))
    console.print(origin(report))


def _table(title: str, *columns: str, left: Iterable[str] = ()) -> Table:
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, justify="left" if column in left else "right")
    return table


def _market(agents: int, tracks: dict[str, Any]) -> Table:
    table = _table(
        f"zero-intelligence market, {agents:,} agents", "", "k wakes/s", "quartiles", "us a wake", "simulated days/s",
        "x SimPy alone", "trades a wake", "", left=("",),
    )  # fmt: skip
    alone = tracks.get(SIMPY_ALONE, {}).get("wakes_per_s", 0)
    for name, each in tracks.items():
        rate = each["wakes_per_s"]
        if not rate:
            table.add_row(name, "-", "-", "-", "-", "-", "-", each["refused"])
            continue
        low, high = each["quartiles_per_s"]
        table.add_row(
            name,
            f"{rate / 1e3:,.0f}",
            f"{low / 1e3:,.0f}-{high / 1e3:,.0f}",
            f"{1e6 / rate:,.2f}",
            f"{each['days_per_s']:,.3g}",
            f"{rate / alone:.2f}" if alone else "-",
            f"{each['trades_per_wake']:.3f}" if KINDS[name].trades else "-",
            "",
        )
    return table


def _split(found: dict[str, Any]) -> Table:
    table = _table(
        "where a wake's time goes, in ns", "agents", "engine", *PARTS, "together", "settlement, us an agent-day",
        "spread",
        left=("engine",),
    )  # fmt: skip
    for size, engines in found.items():
        for engine, each in engines.items():
            if each["refused"]:
                table.add_row(f"{int(size):,}", engine, *["-"] * (len(PARTS) + 2), each["refused"])
                continue
            settled = each["settlement_us_per_agent_day"]
            table.add_row(
                f"{int(size):,}", engine, *(f"{each['parts_ns'][part]:,.0f}" for part in PARTS),
                f"{each['wake_ns']:,.0f}", "no day ended" if settled is None else f"{settled:.2f}",
                f"{max(each['spread_ns'].values()):,.0f}",
            )  # fmt: skip
    return table


def _memory(found: dict[str, Any]) -> Table:
    table = _table("memory", "agents", "engine", "bytes an agent", "MB together", left=("engine",))
    for size, engines in found.items():
        for engine, each in engines.items():
            table.add_row(
                f"{int(size):,}", engine, f"{each['bytes_per_agent']:,}", f"{each['resident_bytes'] / 1e6:,.0f}"
            )
    return table


def _scenario(found: dict[str, Any]) -> Table:
    engines = found["engines"]
    table = _table(f"whole run of {found['name']}, market only", "", *engines, left=("",))
    for key in next(iter(engines.values())):
        if key not in {"fingerprint", "cpu_s_of_each"}:
            table.add_row(key, *(f"{each[key]:,}" for each in engines.values()))
    return table
