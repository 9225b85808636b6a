"""Wash trades: energy that goes round and comes back, so that there is volume where nothing was traded.

The trades of one product make a graph, from seller to buyer. Energy can come back within a strongly connected part of
it only; where every member of such a part has bought about as much as it sold, the part is a ring. One owner on both
sides of a trade is a ring of one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, Self

import numpy as np

from wattbook.oversight import SEEN_STREAMS, Item, Rule
from wattbook.regulator.closed_products import ClosedProducts
from wattbook.regulator.findings import Finding, Line, Offence
from wattbook.regulator.gates import cut, keys, products
from wattbook.regulator.repeats import Deed
from wattbook.regulator.thresholds import ENDLESS
from wattbook.units import MS_PER_DAY, MS_PER_MINUTE, PPM

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from wattbook.regulator.gates import Rows
    from wattbook.regulator.known import Known

    Ints = NDArray[np.int64]

TRADES: Final = SEEN_STREAMS.index("trades")
COUNT, GROSS_WH, NET_WH, MONEY, MONIES_FROM = range(5)
"""Places of a deed's figures; at the end the money of each of its trades."""


@dataclass(frozen=True)
class WashTerms:
    """Thresholds of wash trades; all but the first two are assumptions of calibration.

    Attributes
    ----------
    within_ms : int
        Time in which the energy comes back.
    net_ppm : int
        Most that a member's |bought - sold| may be, as a share of its bought + sold.
    least_trades : int
        Sides of trades, bought or sold, that a member has in rings within the window.
    least_gross_wh : int
        Its bought + sold in them.
    window_ms : int
        How far back repetitions count.
    """

    within_ms: int = 10 * MS_PER_MINUTE
    net_ppm: int = PPM // 20
    least_trades: int = 6
    least_gross_wh: int = 1_000
    window_ms: int = 7 * MS_PER_DAY

    @classmethod
    def never(cls) -> Self:
        """Give thresholds that nobody reaches."""
        return cls(least_gross_wh=ENDLESS)


class Trade(NamedTuple):
    """One trade of a product."""

    seq: int
    time_ms: int
    seller: int
    buyer: int
    quantity_wh: int
    price_tick: int


class Wash(ClosedProducts):
    """Finds who passes energy round.

    Parameters
    ----------
    known : Known
    terms : WashTerms
    """

    def __init__(self, known: Known, terms: WashTerms) -> None:
        self.terms = terms
        super().__init__(known, terms.window_ms, trades=("book", "period", *Trade._fields))

    def _deeds(self, closed: Mapping[str, Rows]) -> Iterator[tuple[int, Deed]]:
        for product in products(_returning(closed["trades"])):
            yield from self._rounds(product)

    def _rounds(self, product: Mapping[str, Ints]) -> Iterator[tuple[int, Deed]]:
        """Sum up what each member of the product's rings did in it."""
        trades = [Trade(*row) for row in zip(*(product[name].tolist() for name in Trade._fields), strict=True)]
        mine: dict[int, set[Trade]] = {}
        partners: dict[int, set[int]] = {}
        for ring in self._rings(trades):
            members = _members(ring)
            for agent in members:
                mine.setdefault(agent, set()).update(each for each in ring if agent in (each.seller, each.buyer))
                partners.setdefault(agent, set()).update(members - {agent})
        for agent, own in sorted(mine.items()):
            yield agent, _deed(int(product["period"][0]), agent, sorted(own), sorted(partners[agent]))

    def _rings(self, trades: list[Trade]) -> Iterator[list[Trade]]:
        """Rings among the trades of any span of `within_ms`."""
        past = 0
        for first, trade in enumerate(trades):
            while past < len(trades) and trades[past].time_ms - trade.time_ms <= self.terms.within_ms:
                past += 1
            yield from balanced(trades[first:past], self.terms.net_ppm)

    def _pick(self, deeds: list[Deed]) -> list[int]:
        count = sum(deed.figures[COUNT] for deed in deeds)
        gross_wh = sum(deed.figures[GROSS_WH] for deed in deeds)
        is_enough = count >= self.terms.least_trades and gross_wh >= self.terms.least_gross_wh
        return list(range(len(deeds))) if is_enough else []

    @staticmethod
    def _finding(agent: int, deeds: list[Deed]) -> Finding:
        """Tell what an agent did: each trade is an offence, and its money what a fine counts by."""
        offences = tuple(
            Offence(seq, deed.period, base=money)
            for deed in deeds
            for seq, money in zip(deed.events, deed.figures[MONIES_FROM:], strict=True)
        )
        lines = [Line(Item.EVENT, offence.key, TRADES) for offence in offences]
        for deed in deeds:
            lines.append(Line(Item.GROSS_WH, deed.figures[GROSS_WH], deed.period))
            lines.append(Line(Item.NET_WH, deed.figures[NET_WH], deed.period))
            lines.append(Line(Item.MONEY, deed.figures[MONEY], deed.period))
        partners = sorted({partner for deed in deeds for partner in deed.partners})
        lines += [Line(Item.PARTNER, partner) for partner in partners]
        lines.append(Line(Item.COUNT, sum(deed.figures[COUNT] for deed in deeds)))
        return Finding(Rule.WASH_TRADES, agent, offences, tuple(lines))


def _returning(rows: Mapping[str, Ints]) -> Mapping[str, Ints]:
    """Trades whose buyer sells and whose seller buys in the same product, again and again until none drops out.

    Rings are among them, and of an ordinary day's trades hardly any is.
    """
    if not len(rows["seq"]):
        return rows
    agents = int(max(rows["buyer"].max(), rows["seller"].max())) + 1
    bought, sold = keys(rows) * agents + rows["buyer"], keys(rows) * agents + rows["seller"]
    kept = np.arange(len(bought))
    while True:
        stays = np.isin(bought[kept], sold[kept]) & np.isin(sold[kept], bought[kept])
        if stays.all():
            return cut(rows, kept)
        kept = kept[stays]


def _members(trades: Iterable[Trade]) -> set[int]:
    return {agent for trade in trades for agent in (trade.seller, trade.buyer)}


def connected(trades: list[Trade]) -> Iterator[list[Trade]]:
    """Trades by strongly connected part: within one, energy can come back to each member."""
    forth: dict[int, set[int]] = {}
    back: dict[int, set[int]] = {}
    for trade in trades:
        forth.setdefault(trade.seller, set()).add(trade.buyer)
        back.setdefault(trade.buyer, set()).add(trade.seller)
    left = forth.keys() & back.keys()
    while left:
        agent = min(left)
        part = _reached(agent, forth) & _reached(agent, back)
        left -= part
        inside = [trade for trade in trades if trade.seller in part and trade.buyer in part]
        if inside:
            yield inside


def _reached(start: int, ways: Mapping[int, set[int]]) -> set[int]:
    """Agents that can be come to, the first one included."""
    reached, waiting = {start}, [start]
    while waiting:
        new = ways.get(waiting.pop(), set()) - reached
        reached |= new
        waiting += new
    return reached


def balanced(trades: list[Trade], net_ppm: int) -> Iterator[list[Trade]]:
    """Rings among the trades of one span of time.

    From a connected part in which some member's net is too much, those whose net is the largest share of their gross
    are left out, and what remains is looked at anew. So a lower `net_ppm` finds parts of what a higher one finds.
    """
    waiting = [trades]
    while waiting:
        for part in connected(waiting.pop()):
            shares = _net_shares(part)
            worst = max(shares.values())
            if worst <= net_ppm:
                yield part
                continue
            out = {agent for agent, share in shares.items() if share == worst}
            waiting.append([trade for trade in part if trade.seller not in out and trade.buyer not in out])


def _net_shares(trades: list[Trade]) -> dict[int, int]:
    """Each member's |bought - sold| as a share of bought + sold, rounded up [ppm]."""
    gross, net = dict.fromkeys(_members(trades), 0), dict.fromkeys(_members(trades), 0)
    for trade in trades:
        for agent, sign in ((trade.buyer, 1), (trade.seller, -1)):
            gross[agent] += trade.quantity_wh
            net[agent] += sign * trade.quantity_wh
    return {agent: -(-abs(net[agent]) * PPM // gross[agent]) for agent in gross}


def _deed(period: int, agent: int, trades: list[Trade], partners: list[int]) -> Deed:
    """Sum up an agent's trades in the rings of one product; one with itself counts on both sides, its money once."""
    bought = [trade for trade in trades if trade.buyer == agent]
    sold = [trade for trade in trades if trade.seller == agent]
    bought_wh, sold_wh = (sum(trade.quantity_wh for trade in side) for side in (bought, sold))
    money = [abs(trade.price_tick) * trade.quantity_wh for trade in trades]
    figures = (
        len(bought) + len(sold), bought_wh + sold_wh, abs(bought_wh - sold_wh), sum(money), *money,
    )  # fmt: skip
    return Deed(period, figures, tuple(trade.seq for trade in trades), tuple(partners))
