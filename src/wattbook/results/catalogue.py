"""Which tables a run has: those of every run, and those of a wholesale market, a contract desk and a regulator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wattbook.messages import CONTRACTS, TARIFFS
from wattbook.results import tables as common
from wattbook.results.columns import frame_of
from wattbook.results.oversight_tables import OVERSIGHT
from wattbook.results.wholesale_tables import DESK, MEMBERS, RETAIL, WHOLESALE, desk_rows

if TYPE_CHECKING:
    import polars as pl

    from wattbook.results.columns import Column
    from wattbook.results.record import Record

LATER: Final = {**WHOLESALE, **DESK, **RETAIL, **MEMBERS, **OVERSIGHT}
"""Tables that not every run has."""


def table_names(record: Record) -> list[str]:
    """Tables of a run."""
    market = record.wholesale
    desk = DESK if market is not None and market.has_desk else {}
    # Where nobody chooses, tariffs change by the regulator's caps alone.
    retail = RETAIL if market is not None and market.has_retail else {TARIFFS.name} & record.streams.keys()
    members = MEMBERS if market is not None and market.has_members else {}
    watched = OVERSIGHT if "regulator" in record.header else {}
    return [*common.TABLES, *(WHOLESALE if market is not None else {}), *desk, *retail, *members, *watched]


def whole(name: str, record: Record, baseline: Record | None) -> dict[str, Column]:
    """Give all rows of a table at once; none where the run has no such table."""
    return LATER[name](record) if name in LATER else common.whole(name, record, baseline)


def frame(name: str, record: Record, baseline: Record | None) -> pl.DataFrame:
    """Give a table as a Polars frame."""
    return frame_of(whole(name, record, baseline))


def fact(name: str, record: Record) -> pl.DataFrame:
    """Give the rows of a stream as its table has them, all of them."""
    if name == CONTRACTS.name:
        return frame_of(desk_rows(record, record.streams[name]))
    return frame(name, record, None)
