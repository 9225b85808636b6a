"""Quota breach: a utility that bought itself out of its renewable quota instead of covering it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

import numpy as np

from wattbook.contracts.words import Event
from wattbook.oversight import SEEN_STREAMS, Item, Rule
from wattbook.regulator.findings import Finding, Line, Offence
from wattbook.units import PPM

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from wattbook.regulator.known import Known

_CONTRACTS: Final = SEEN_STREAMS.index("contracts")


@dataclass(frozen=True)
class QuotaTerms:
    """How much of a quota must be covered.

    Attributes
    ----------
    covered_ppm : int
        Share of the energy owed that guarantees must cover; the rest may be bought out. An assumption of calibration.
    """

    covered_ppm: int = PPM // 2

    @classmethod
    def never(cls) -> Self:
        """Give thresholds that nobody reaches."""
        return cls(covered_ppm=0)


class Date(NamedTuple):
    """What one utility did at one compliance date.

    Attributes
    ----------
    command, agent : int
    seq, period : int
        Its last row of ``contracts``; the last period before the date.
    covered_wh, short_wh : int
        Energy of its quota that guarantees covered, and that it bought out.
    money : int
        What buying out cost [1e-8 EUR].
    """

    command: int
    agent: int
    seq: int
    period: int
    covered_wh: int = 0
    short_wh: int = 0
    money: int = 0


class Quota:
    """Finds utilities that covered too little at a compliance date.

    Parameters
    ----------
    known : Known
    terms : QuotaTerms
    """

    streams: tuple[str, ...] = ("contracts",)
    watches: Final = False

    def __init__(self, known: Known, terms: QuotaTerms) -> None:
        self.known, self.terms = known, terms
        self.dates: dict[tuple[int, int], Date] = {}
        """By command and agent."""

    def read(self, stream: str, rows: Mapping[str, NDArray[Any]]) -> None:  # noqa: ARG002 - detectors have one form
        """Take in rows (n,) of ``contracts``."""
        mine = np.flatnonzero(np.isin(rows["event"], (Event.COMPLIED, Event.BOUGHT_OUT)))
        names = ("command", "buyer", "event", "seq", "time_ms", "quantity_wh", "amount")
        for command, agent, event, seq, time_ms, wh, amount in zip(
            *(rows[name][mine].tolist() for name in names), strict=True
        ):
            new = Date(command, agent, seq, self.known.period_at(time_ms - 1))
            date = self.dates.get((command, agent), new)._replace(seq=seq)
            if event == Event.COMPLIED:
                date = date._replace(covered_wh=date.covered_wh + wh)
            else:
                date = date._replace(short_wh=date.short_wh + wh, money=date.money + amount)
            self.dates[command, agent] = date

    def review(self, now_ms: int) -> list[Finding]:
        """Say who covered too little at the dates since the last review."""
        dates, self.dates = sorted(self.dates.values()), {}
        return [self._finding(date, now_ms) for date in dates if self._breaks(date)]

    def _breaks(self, date: Date) -> bool:
        """Whether somebody who owes a quota covered too little of it."""
        owed_wh = date.covered_wh + date.short_wh
        owes = date.agent in self.known.quota_ppm and date.short_wh > 0
        return owes and date.covered_wh * PPM < self.terms.covered_ppm * owed_wh

    @staticmethod
    def _finding(date: Date, now_ms: int) -> Finding:
        owed_wh, period = date.covered_wh + date.short_wh, date.period
        lines = (
            Line(Item.EVENT, date.seq, _CONTRACTS),
            Line(Item.DEMAND_WH, owed_wh, period),
            Line(Item.SUPPLY_WH, date.covered_wh, period),
            Line(Item.SHARE_PPM, date.covered_wh * PPM // owed_wh, period),
            Line(Item.BOUGHT_WH, date.short_wh, period),
            Line(Item.MONEY, date.money, period),
            Line(Item.UNTIL_MS, now_ms),
        )
        # The buy-out is paid already: there is no gain to take back.
        return Finding(Rule.QUOTA_BREACH, date.agent, (Offence(period, period),), lines)

    def export(self) -> dict[str, Any]:
        """Give the whole state, as JSON can hold it."""
        return {"dates": [list(date) for date in self.dates.values()]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `export` gave."""
        self.dates = {(row[0], row[1]): Date(*row) for row in state["dates"]}
