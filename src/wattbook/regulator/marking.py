"""Marking the close: buying dear or selling cheap in the last minutes before a gate, to make the last price.

The last price is what the tape tells of a product when it is over: learners take it for the next one's worth, and what
is made to follow a local price follows it. Whoever moves it with little energy pays little for that. One late trade at
a new price is chance: among n + 1 trades in random order the last is the highest in one of n + 1 cases. So it counts
who does it in the same direction in most of the products in which it trades late.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from wattbook.messages import BUY, SELL
from wattbook.oversight import SEEN_STREAMS, Item, Rule
from wattbook.regulator.closed_products import ClosedProducts
from wattbook.regulator.findings import Finding, Line, Offence
from wattbook.regulator.gates import cut, keys, products
from wattbook.regulator.repeats import Deed
from wattbook.regulator.thresholds import ENDLESS
from wattbook.units import MS_PER_DAY, MS_PER_MINUTE, PPM

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from wattbook.regulator.gates import Rows
    from wattbook.regulator.known import Known

    Ints = NDArray[np.int64]

TRADES: Final = SEEN_STREAMS.index("trades")
KEPT: Final = ("seq", "time_ms", "book", "period", "buyer", "seller", "price_tick", "quantity_wh", "aggressor")
SIDE, CLOSE_TICK, RANGE_TICK, SHARE_PPM, MONEY, OVERCHARGE, HARM = range(7)
"""Places of a deed's figures; the side is 0 where the agent only traded late."""


@dataclass(frozen=True)
class MarkingTerms:
    """Thresholds of marking the close, all assumptions of calibration.

    Attributes
    ----------
    last_ms : int
        The last minutes before gate closure.
    least_before : int
        Trades of others before them, without which a product has no price that could be moved.
    move_tick : int
        Least by which the last price lies beyond all of those.
    share_ppm : int
        Least share of the volume in the last minutes that the agent took, moving the price.
    least_products : int
        Products so marked in one direction, in the window.
    often_ppm : int
        And so much of all products in which the agent took anything in the last minutes.
    window_ms : int
        How far back repetitions count.
    """

    last_ms: int = 5 * MS_PER_MINUTE
    least_before: int = 3
    move_tick: int = 500
    share_ppm: int = PPM // 2
    least_products: int = 4
    often_ppm: int = PPM // 2
    window_ms: int = 7 * MS_PER_DAY

    @classmethod
    def never(cls) -> Self:
        """Give thresholds that nobody reaches."""
        return cls(move_tick=ENDLESS)


class Marking(ClosedProducts):
    """Finds who makes the last price.

    Parameters
    ----------
    known : Known
    terms : MarkingTerms
    """

    def __init__(self, known: Known, terms: MarkingTerms) -> None:
        self.known, self.terms = known, terms
        super().__init__(known, terms.window_ms, trades=KEPT)

    def _deeds(self, closed: Mapping[str, Rows]) -> Iterator[tuple[int, Deed]]:
        rows = closed["trades"]
        for product in products(cut(rows, np.flatnonzero(self._is_late_somewhere(rows)))):
            yield from self._marks(product)

    def _is_late(self, rows: Mapping[str, Ints]) -> NDArray[np.bool_]:
        start_ms = self.known.start_ms + rows["period"] * self.known.period_ms
        return rows["time_ms"] >= start_ms - self.known.closes_before_ms - self.terms.last_ms

    def _is_late_somewhere(self, rows: Mapping[str, Ints]) -> NDArray[np.bool_]:
        """Rows of products that were traded in their last minutes by somebody who took."""
        product = keys(rows)
        return np.isin(product, product[self._is_late(rows) & (rows["aggressor"] != 0)])

    def _marks(self, product: Mapping[str, Ints]) -> Iterator[tuple[int, Deed]]:
        """Who took anything in the last minutes of the product, and whether it made the last price."""
        is_late = self._is_late(product)
        late, early = cut(product, np.flatnonzero(is_late)), cut(product, np.flatnonzero(~is_late))
        takers = np.where(late["aggressor"] == BUY, late["buyer"], late["seller"])[late["aggressor"] != 0]
        for agent in np.unique(takers).tolist():
            yield agent, self._mark(agent, late, early) or Deed(int(product["period"][0]), (0,) * 7, ())

    def _mark(self, agent: int, late: Mapping[str, Ints], early: Mapping[str, Ints]) -> Deed | None:
        """Sum up what the agent did to the last price; None if it did not make it."""
        price_tick = early["price_tick"][(early["buyer"] != agent) & (early["seller"] != agent)]
        if len(price_tick) < self.terms.least_before:
            return None
        for side, takers, range_tick in (
            (BUY, late["buyer"], price_tick.max()),
            (SELL, late["seller"], price_tick.min()),
        ):
            own = (takers == agent) & (late["aggressor"] == side)
            close_tick, share_ppm = int(late["price_tick"][-1]), _share_ppm(late["quantity_wh"], own)
            beyond = (late["price_tick"] - range_tick) * side
            is_moved = min(beyond[-1], beyond[own].max(initial=0)) >= self.terms.move_tick
            if is_moved and share_ppm >= self.terms.share_ppm:
                figures = (side, close_tick, int(range_tick), share_ppm, *_money(agent, late, own, range_tick, side))
                return Deed(int(late["period"][0]), figures, tuple(late["seq"][own].tolist()))
        return None

    def _pick(self, deeds: list[Deed]) -> list[int]:
        told = []
        for side in (BUY, SELL):
            marks = [place for place, deed in enumerate(deeds) if deed.figures[SIDE] == side]
            if len(marks) >= self.terms.least_products and len(marks) * PPM >= self.terms.often_ppm * len(deeds):
                told += marks
        return told

    @staticmethod
    def _finding(agent: int, deeds: list[Deed]) -> Finding:
        """Tell what an agent did: each marked product is an offence, by its last trade's seq."""
        offences, lines = [], []
        for deed in deeds:
            side, close_tick, range_tick, share_ppm, money, overcharge, harm = deed.figures
            offences.append(Offence(deed.events[-1], deed.period, 0, overcharge, harm, money))
            lines += [Line(Item.EVENT, seq, TRADES) for seq in deed.events]
            lines.append(Line(Item.PRICE_TICK, close_tick, deed.period))
            lines.append(Line(Item.COUNTERFACTUAL_TICK, range_tick, deed.period))
            lines.append(Line(Item.MOVE_TICK, (close_tick - range_tick) * side, deed.period))
            lines.append(Line(Item.SHARE_PPM, share_ppm, deed.period))
            lines.append(Line(Item.MONEY, money, deed.period))
        lines.append(Line(Item.COUNT, len(deeds)))
        return Finding(Rule.MARKING_THE_CLOSE, agent, tuple(offences), tuple(lines))


def _share_ppm(quantity_wh: Ints, own: NDArray[np.bool_]) -> int:
    return int(quantity_wh[own].sum()) * PPM // int(quantity_wh.sum())


def _money(
    agent: int, late: Mapping[str, Ints], own: NDArray[np.bool_], range_tick: int, side: int
) -> tuple[int, int, int]:
    """Money of the agent's takings, and what others paid beyond the range: to it, and to anybody [1e-8 EUR].

    Who marks a price down makes nobody pay more.
    """
    money = np.abs(late["price_tick"] * late["quantity_wh"])[own].sum()
    dear = np.maximum(late["price_tick"] - range_tick, 0) * late["quantity_wh"]
    dear *= (late["buyer"] != agent) & (side == BUY)
    return int(money), int(dear[late["seller"] == agent].sum()), int(dear.sum())
