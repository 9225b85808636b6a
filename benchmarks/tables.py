"""Reports for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.table import Table

from .contenders import MINIMAL

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .baseline import Change

WIDTH: Final = 130
"""Columns where there is no terminal to ask."""


def show(report: dict[str, Any], changes: Iterable[Change] | None) -> None:
    """Print the report, and the comparison where there is one."""
    console = console_of()
    for name, stream in report.get("streams", {}).items():
        console.print(_books(name, stream))
    for table in (_latency(report), _memory(report), _startup(report), _bounds_of(report)):
        if table is not None:
            console.print(table)
    if changes is not None:
        console.print(changes_table(changes, "the minimal book"))
    console.print(origin(report))


def origin(report: dict[str, Any]) -> str:
    """One line each for the machine and the versions."""
    machine = report["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    return f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}\n{versions}"


def console_of() -> Console:
    """Give what to print on; wide where there is no terminal."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH)


def _written(value: object) -> str:
    """Write a number with its thousands, anything else as it is."""
    if value is None:
        return "untold"
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def _books(name: str, stream: dict[str, Any]) -> Table:
    facts = stream["facts"]
    table = Table(
        title=f"{name}: {facts['messages']:,} messages, {facts['fills_per_message']:.2f} fills a message",
        title_justify="left",
    )
    for column in ("book", "M messages/s", "best", "x minimal", "messages", "fills", "traded MWh", ""):
        table.add_column(column, justify="left" if column in {"book", ""} else "right")
    minimal = stream["books"].get(MINIMAL, {}).get("median_per_s", 0)
    for book, each in stream["books"].items():
        median = each["median_per_s"]
        table.add_row(
            book,
            f"{median / 1e6:.3f}" if median else "-",
            f"{each['best_per_s'] / 1e6:.3f}" if median else "-",
            f"{median / minimal:.2f}" if median and minimal else "-",
            f"{each['messages']:,}",
            "untold" if each["fills"] is None else f"{each['fills']:,}",
            "untold" if each["traded_wh"] is None else f"{each['traded_wh'] / 1e6:,.1f}",
            each["refused"],
        )
    return table


def _plain(title: str, rows: Iterable[tuple[str, str]]) -> Table:
    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for row in rows:
        table.add_row(*row)
    return table


def _latency(report: dict[str, Any]) -> Table | None:
    if "latency" not in report:
        return None
    table = Table(title="single submits, local stream, CPU ns, gc off, clock subtracted", title_justify="left")
    names = next(iter(report["latency"].values()))
    table.add_column("")
    for name in names:
        table.add_column(name.removesuffix("_ns"), justify="right")
    for door, figures in report["latency"].items():
        table.add_row(door, *(f"{value:,.0f}" for value in figures.values()))
    return table


def _memory(report: dict[str, Any]) -> Table | None:
    if "memory" not in report:
        return None
    rows = [
        (f"{what}: {key}", _written(value)) for what, each in report["memory"].items() for key, value in each.items()
    ]
    return _plain("memory", rows)


def _startup(report: dict[str, Any]) -> Table | None:
    if "start-up" not in report:
        return None
    rows = [
        (f"{what}: {key}", f"{value:.3f}") for what, each in report["start-up"].items() for key, value in each.items()
    ]
    return _plain("start-up to the first order [s]", rows)


def _bounds_of(report: dict[str, Any]) -> Table | None:
    return bounds_table(report) if report["bounds"] else None


def bounds_table(report: dict[str, Any]) -> Table:
    """Lay out what was promised and what was found."""
    table = Table(title="bounds", title_justify="left")
    for column in ("what", "wanted", "found", ""):
        table.add_column(column, justify="right" if column in {"wanted", "found"} else "left")
    for bound in report["bounds"]:
        sign = ">=" if bound["at_least"] else "<="
        verdict = "holds" if bound["holds"] else "MISSED"
        table.add_row(bound["what"], f"{sign} {bound['wanted']:,.10g}", f"{bound['found']:,.10g}", verdict)
    return table


def changes_table(changes: Iterable[Change], yardstick: str) -> Table:
    """Lay out what has changed, by the clock and in units of what ran beside it."""
    table = Table(title="against the baseline", title_justify="left")
    for column in ("what", "now / then", f"in units of {yardstick}", "verdict"):
        table.add_column(column, justify="right" if "/" in column or "units" in column else "left")
    for each in changes:
        table.add_row(each.what, f"{each.ratio:.2f}", "" if each.freed is None else f"{each.freed:.2f}", each.verdict)
    return table
