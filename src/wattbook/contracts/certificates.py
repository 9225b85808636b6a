"""Guarantees of origin, each with a serial number, and the renewable quota that they are used for.

Owns every guarantee from its issue to its one end: retired or expired. Knows no meter and no contract.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wattbook.contracts.sheet import require
from wattbook.contracts.words import NOBODY, WH_PER_CERTIFICATE, Code, Event, LegCause
from wattbook.units import PPM

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wattbook.contracts.sheet import Sheet
    from wattbook.contracts.terms import DeskTerms


class Certificates:
    """Who holds which guarantees.

    A holding is a list of (first serial number, count, vintage), oldest vintage first; a vintage is the period in which
    the MWh was complete.
    """

    def __init__(self, terms: DeskTerms) -> None:
        self.terms = terms
        self.holdings: dict[int, list[tuple[int, int, int]]] = {}
        self.remainder_wh: dict[int, int] = {}
        """Injection that is no whole MWh yet, by agent."""
        self.issued = 0
        self.ended = 0
        """How many were retired or have expired."""
        self.retired: dict[int, int] = {}
        """Retired since the last compliance, by agent."""
        self.complied: set[tuple[int, int]] = set()
        """(date, agent) of every quota that was settled."""

    def held(self, agent: int) -> int:
        """How many guarantees an agent holds."""
        return sum(count for _, count, _ in self.holdings.get(agent, ()))

    def issue(self, agent: int, period: int, injection_wh: int, sheet: Sheet) -> None:
        """Issue one guarantee per whole MWh of net injection; the remainder is carried."""
        total = self.remainder_wh.get(agent, 0) + injection_wh
        count, self.remainder_wh[agent] = divmod(total, WH_PER_CERTIFICATE)
        if not count:
            return
        self._add(agent, (self.issued, count, period))
        self._write(Event.CERTIFICATES_ISSUED, (self.issued, count, period), agent, NOBODY, sheet)
        self.issued += count

    def move(self, seller: int, buyer: int, count: int, sheet: Sheet) -> int:
        """Move up to `count` guarantees, the oldest first; how many there were to move."""
        moved = 0
        for run in self._take(seller, count):
            self._add(buyer, run)
            self._write(Event.CERTIFICATES_MOVED, run, buyer, seller, sheet)
            moved += run[1]
        return moved

    def missing_wh(self, agent: int, sales_wh: int, quota_ppm: int) -> int:
        """Energy of its quota that an agent has retired no guarantees for yet [Wh]."""
        needed_wh = -(-quota_ppm * sales_wh // PPM)
        return max(0, needed_wh - self.retired.get(agent, 0) * WH_PER_CERTIFICATE)

    def missing(self, agent: int, sales_wh: int, quota_ppm: int) -> int:
        """How many guarantees an agent would still have to retire for its quota, those that it holds among them."""
        return -(-self.missing_wh(agent, sales_wh, quota_ppm) // WH_PER_CERTIFICATE)

    def sell(self, seller: int, buyer: int, count: int, price_tick: int, sheet: Sheet) -> None:
        """Hand guarantees over for money, the oldest first."""
        require(count > 0, Code.QUANTITY_NOT_POSITIVE)
        require(count <= self.held(seller), Code.NO_CERTIFICATES)
        require(seller != buyer, Code.SELF_DEALING)
        for run in list(self._take(seller, count)):
            self._add(buyer, run)
            first, size, vintage = run
            amount = size * WH_PER_CERTIFICATE * price_tick
            sheet.pay(buyer, seller, amount, LegCause.GUARANTEE)
            sheet.row(
                Event.CERTIFICATES_MOVED, contract=first, buyer=buyer, seller=seller, spec=vintage,
                price_tick=price_tick, quantity_wh=size * WH_PER_CERTIFICATE, amount=-amount,
            )  # fmt: skip

    def retire(self, agent: int, count: int, sheet: Sheet) -> None:
        """RETIRE: use guarantees, once, the oldest first."""
        require(count > 0, Code.QUANTITY_NOT_POSITIVE)
        require(count <= self.held(agent), Code.NO_CERTIFICATES)
        self._retire(agent, count, sheet)

    def expire(self, period: int, sheet: Sheet) -> None:
        """End every guarantee whose time is over by the end of `period`."""
        for agent in sorted(self.holdings):
            old = [run for run in self.holdings[agent] if run[2] + self.terms.certificate_periods <= period]
            for run in self._take(agent, sum(count for _, count, _ in old)):
                self._write(Event.CERTIFICATES_EXPIRED, run, NOBODY, agent, sheet)
                self.ended += run[1]

    def comply(self, agent: int, date: int, sales_wh: int, quota_ppm: int, buy_out_tick: int, sheet: Sheet) -> None:
        """Settle a quota once: retire what it takes of what is held, buy the rest out.

        Parameters
        ----------
        date : int
            Which compliance this is; an agent complies once with each.
        sales_wh : int
            Its own sales since the last one [Wh].
        quota_ppm : int
            Share of them that guarantees must cover [ppm]; rounded up to a whole Wh.
        buy_out_tick : int
            Price of what they do not cover [ticks], paid to the treasury.
        """
        require((date, agent) not in self.complied, Code.ALREADY_COMPLIED)
        self.complied.add((date, agent))
        needed_wh = -(-quota_ppm * sales_wh // PPM)
        missing = self.missing(agent, sales_wh, quota_ppm)
        self._retire(agent, min(missing, self.held(agent)), sheet)
        covered_wh = self.retired.pop(agent, 0) * WH_PER_CERTIFICATE
        short_wh = max(0, needed_wh - covered_wh)
        sheet.row(Event.COMPLIED, buyer=agent, price_tick=0, quantity_wh=min(covered_wh, needed_wh))
        if short_wh:
            amount = short_wh * buy_out_tick
            sheet.pay(agent, sheet.treasury, amount, LegCause.BUY_OUT)
            sheet.row(Event.BOUGHT_OUT, buyer=agent, price_tick=buy_out_tick, quantity_wh=short_wh, amount=amount)

    def _retire(self, agent: int, count: int, sheet: Sheet) -> None:
        for run in self._take(agent, count):
            self._write(Event.CERTIFICATES_RETIRED, run, NOBODY, agent, sheet)
            self.ended += run[1]
            self.retired[agent] = self.retired.get(agent, 0) + run[1]

    def _take(self, agent: int, count: int) -> Iterator[tuple[int, int, int]]:
        """Take up to `count` guarantees out of a holding, run by run."""
        runs = self.holdings.get(agent, [])
        while count and runs:
            first, size, vintage = runs[0]
            part = min(size, count)
            if part == size:
                runs.pop(0)
            else:
                runs[0] = (first + part, size - part, vintage)
            count -= part
            yield first, part, vintage
        if not runs:
            self.holdings.pop(agent, None)

    def _add(self, agent: int, run: tuple[int, int, int]) -> None:
        self.holdings.setdefault(agent, []).append(run)
        self.holdings[agent].sort(key=lambda each: (each[2], each[0]))

    @staticmethod
    def _write(event: Event, run: tuple[int, int, int], buyer: int, seller: int, sheet: Sheet) -> None:
        first, count, vintage = run
        sheet.row(
            event, contract=first, buyer=buyer, seller=seller, spec=vintage, quantity_wh=count * WH_PER_CERTIFICATE
        )  # fmt: skip

    # --- state

    def check(self) -> None:
        """Assert what must always hold."""
        runs = sorted(run for holding in self.holdings.values() for run in holding)
        past = 0
        for first, count, _ in runs:
            assert count > 0
            assert first >= past, "E6: a guarantee is held twice"
            past = first + count
        assert past <= self.issued
        assert sum(count for _, count, _ in runs) + self.ended == self.issued, "E6: a guarantee is lost or used twice"
        assert all(0 <= rest < WH_PER_CERTIFICATE for rest in self.remainder_wh.values())

    def state(self) -> dict[str, Any]:
        """All of it, as JSON holds it."""
        return {
            "holdings": [[agent, *map(list, runs)] for agent, runs in sorted(self.holdings.items())],
            "remainder_wh": sorted(self.remainder_wh.items()),
            "issued": self.issued,
            "ended": self.ended,
            "retired": sorted(self.retired.items()),
            "complied": sorted(self.complied),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take on what `state` gave."""
        self.holdings = {agent: [(f, c, v) for f, c, v in runs] for agent, *runs in state["holdings"]}
        self.remainder_wh, self.retired = dict(state["remainder_wh"]), dict(state["retired"])
        self.issued, self.ended = state["issued"], state["ended"]
        self.complied = {(date, agent) for date, agent in state["complied"]}
