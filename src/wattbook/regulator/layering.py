"""Layering and spoofing: large orders on one side that move others, a trade on the other side, and away they go.

What tells it from making a market is what becomes of the large orders. A market maker takes its quotes back on both
sides and puts them up again; who layers takes back the side on which it never meant to trade, and leaves it empty.
Of each agent, product and side of its fills:

    withdrawn opposite - put back - withdrawn on the same side, over what it filled

is 0 for the honest maker, whatever the number of its cancels. It counts as an episode from `ratio_ppm` on; episodes
count by their repetition.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple, Self

import numpy as np

from wattbook.messages import BUY, NO_PRICE, SELL
from wattbook.oversight import SEEN_STREAMS, Item, Rule
from wattbook.regulator.closed_products import ClosedProducts
from wattbook.regulator.findings import Finding, Line, Offence
from wattbook.regulator.gates import cut, keys, products, small
from wattbook.regulator.quotes import middle_before
from wattbook.regulator.repeats import Deed
from wattbook.regulator.thresholds import ENDLESS
from wattbook.units import MS_PER_DAY, MS_PER_MINUTE, PPM

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from wattbook.regulator.gates import Rows
    from wattbook.regulator.known import Known

    Ints = NDArray[np.int64]

ORDERS: Final = SEEN_STREAMS.index("orders")
ACCEPTED, FILLED, CANCELLED, REPLACED, EXPIRED, PREVENTED = range(6)
"""Events of the order book that are read, by the numbers of `wattbook.book.Event`."""
KEPT: Final = ("seq", "time_ms", "book", "period", "order", "agent", "event", "side", "price_tick", "quantity_wh",
               "remaining_wh")  # fmt: skip
TRADED: Final = ("book", "period", "buyer", "seller", "price_tick", "quantity_wh")
"""Trades tell who was on the other side of a fill."""
SIDE, LAYERED_WH, FILLED_WH, MIDDLE_TICK, GAIN, WEIGHTS_FROM = range(6)
"""Places of a deed's figures, at the end what each partner lost; none where something was taken back, no more."""


@dataclass(frozen=True)
class LayeringTerms:
    """Thresholds of layering, all assumptions of calibration.

    Attributes
    ----------
    after_ms : int
        What is taken back so soon after a fill counts.
    back_ms : int
        What is put up again within this time of being taken back was not taken back, but moved ...
    near_tick : int
        ... unless its price is worse by more than this.
    touched_ppm : int
        An order of which a larger share was filled before was meant to be filled.
    ratio_ppm : int
        An episode needs so much layered energy, as a share of the energy filled.
    least_wh : int
        And at least so much.
    least_episodes : int
        In the window; one is a product and a side of fills.
    often_ppm : int
        And so much of all products and sides in which the agent took anything back on the other side of its fills.
    window_ms : int
        How far back repetitions count.
    """

    after_ms: int = 5 * MS_PER_MINUTE
    back_ms: int = 10_000
    near_tick: int = 1_000
    touched_ppm: int = PPM // 10
    ratio_ppm: int = 3 * PPM
    least_wh: int = 500
    least_episodes: int = 5
    often_ppm: int = PPM // 4
    window_ms: int = 7 * MS_PER_DAY

    @classmethod
    def never(cls) -> Self:
        """Give thresholds that nobody reaches."""
        return cls(least_wh=ENDLESS)


class Event(NamedTuple):
    """One row of one agent's orders in one product."""

    seq: int
    time_ms: int
    order: int
    event: int
    side: int
    price_tick: int
    quantity_wh: int
    remaining_wh: int


class Change(NamedTuple):
    """Energy that was put on offer by one event, or taken back.

    Attributes
    ----------
    born_seq : int
        Event by which its order came.
    filled_wh : int
        What of the order had been filled by then.
    """

    seq: int
    time_ms: int
    side: int
    price_tick: int
    quantity_wh: int
    born_seq: int
    filled_wh: int


class Away(NamedTuple):
    """Energy that was taken back after fills: the first and the last of those that it was soon after."""

    of: Change
    first_seq: int
    last_seq: int


@dataclass
class Resting:
    """An order as it stands."""

    born: Event
    price_tick: int
    rest_wh: int
    filled_wh: int = 0


@dataclass
class Story:
    """What one agent did in one product: its fills, what it took back, what it put up."""

    fills: list[Event] = field(default_factory=list)
    taken: list[Change] = field(default_factory=list)
    put: list[Change] = field(default_factory=list)


class Layering(ClosedProducts):
    """Finds who shows what it does not mean.

    Parameters
    ----------
    known : Known
    terms : LayeringTerms
    """

    def __init__(self, known: Known, terms: LayeringTerms) -> None:
        self.terms = terms
        super().__init__(known, terms.window_ms, orders=KEPT, trades=TRADED)

    def _deeds(self, closed: Mapping[str, Rows]) -> Iterator[tuple[int, Deed]]:
        rows = closed["orders"]
        for product in products(cut(rows, _two_faced(rows))):
            for agent in np.unique(product["agent"]).tolist():
                own = cut(product, np.flatnonzero(product["agent"] == agent))
                for deed in self._episodes(rows, closed["trades"], own, agent):
                    yield agent, deed

    def _episodes(
        self, rows: Mapping[str, Ints], trades: Mapping[str, Ints], own: Mapping[str, Ints], agent: int
    ) -> Iterator[Deed]:
        """Episodes of one agent in one product, given its orders' rows there and all that closed."""
        story = _story([Event(*row) for row in zip(*(own[name].tolist() for name in Event._fields), strict=True)])
        book, period = int(own["book"][0]), int(own["period"][0])
        for side in (BUY, SELL):
            fills = [fill for fill in story.fills if fill.side == side]
            away = self._following(story.taken, fills)
            across = [each for each in away if each.of.side == -side and each.of.born_seq < each.last_seq]
            layers = [each for each in across if self._is_untouched(each.of)]
            layered_wh = self._gone_wh(story.put, layers)
            layered_wh -= self._gone_wh(story.put, [each for each in away if each.of.side == side])
            if layers and self._is_much(layered_wh, fills):
                middle_tick = middle_before(rows, book, period, agent, min(layer.of.born_seq for layer in layers))
                lost = _lost(trades, (book, period, agent), side, middle_tick)
                figures = (side, layered_wh, *_gain(middle_tick, fills), *lost.values())
                yield Deed(period, figures, (fills[-1].seq, *(layer.of.seq for layer in layers)), tuple(lost))
            elif across:
                yield Deed(period, (), ())

    def _following(self, taken: list[Change], fills: list[Event]) -> list[Away]:
        """Pick what was taken back soon after one of the fills."""
        seqs, times = [fill.seq for fill in fills], [fill.time_ms for fill in fills]
        spans = [
            (bisect_left(times, each.time_ms - self.terms.after_ms), bisect_left(seqs, each.seq)) for each in taken
        ]
        return [
            Away(each, seqs[first], seqs[past - 1])
            for each, (first, past) in zip(taken, spans, strict=True)
            if first < past
        ]

    def _is_untouched(self, away: Change) -> bool:
        """Tell whether it was hardly filled itself."""
        return away.filled_wh * PPM <= self.terms.touched_ppm * (away.filled_wh + away.quantity_wh)

    def _is_much(self, layered_wh: int, fills: list[Event]) -> bool:
        filled_wh = sum(fill.quantity_wh for fill in fills)
        return layered_wh >= self.terms.least_wh and layered_wh * PPM >= self.terms.ratio_ppm * filled_wh

    def _gone_wh(self, puts: list[Change], away: list[Away]) -> int:
        """Sum up what was taken back and not put up again where it had been."""
        times, back_ms = [each.of.time_ms for each in away], self.terms.back_ms
        back_wh = 0
        for put in puts:
            near = slice(bisect_left(times, put.time_ms - back_ms), bisect_right(times, put.time_ms + back_ms))
            if any(self._is_back(put, each) for each in away[near]):
                back_wh += put.quantity_wh
        return max(sum(each.of.quantity_wh for each in away) - back_wh, 0)

    def _is_back(self, put: Change, away: Away) -> bool:
        worse_tick = (away.of.price_tick - put.price_tick) * put.side
        return put.side == away.of.side and put.seq > away.first_seq and worse_tick <= self.terms.near_tick

    def _pick(self, deeds: list[Deed]) -> list[int]:
        episodes = [place for place, deed in enumerate(deeds) if deed.figures]
        is_often = len(episodes) * PPM >= self.terms.often_ppm * len(deeds)
        return episodes if is_often and len(episodes) >= self.terms.least_episodes else []

    @staticmethod
    def _finding(agent: int, deeds: list[Deed]) -> Finding:
        """Tell what an agent did: each episode is an offence, by the seq of its last fill."""
        offences, victims = [], Counter[int]()
        lines: list[Line] = []
        for deed in deeds:
            side, layered_wh, filled_wh, middle_tick, gain = deed.figures[:WEIGHTS_FROM]
            taken = gain if side == SELL else 0
            offences.append(Offence(deed.events[0], deed.period, gain, taken, taken, gain))
            victims.update(dict(zip(deed.partners, deed.figures[WEIGHTS_FROM:], strict=True)))
            lines += [Line(Item.EVENT, seq, ORDERS) for seq in deed.events]
            lines.append(Line(Item.LAYERED_WH, layered_wh, deed.period))
            lines.append(Line(Item.SOLD_WH if side == SELL else Item.BOUGHT_WH, filled_wh, deed.period))
            lines.append(Line(Item.COUNTERFACTUAL_TICK, middle_tick, deed.period))
        layered_wh, filled_wh = (sum(deed.figures[place] for deed in deeds) for place in (LAYERED_WH, FILLED_WH))
        lines.append(Line(Item.COUNT, len(deeds)))
        lines.append(Line(Item.SCORE, layered_wh * PPM // filled_wh))
        return Finding(Rule.LAYERING, agent, tuple(offences), tuple(lines), victims=tuple(sorted(victims.items())))


def _two_faced(rows: Mapping[str, Ints]) -> Ints:
    """Find the rows of those who, in one product, took an order back that had rested during a fill of its other side.

    Hardly anybody does, so it looks first for who took anything back after a fill of its other side at all.
    """
    agents = int(rows["agent"].max(initial=0)) + 1
    owner = small(keys(rows) * agents + rows["agent"])
    way, event, seq = 2 * owner + (rows["side"] == SELL), rows["event"], rows["seq"]
    fills = np.flatnonzero(event == FILLED)
    taken = np.flatnonzero((event == CANCELLED) | (event == REPLACED))
    past = int(seq.max(initial=0)) + 1
    first = np.full(int(way.max(initial=0)) + 2, past)
    first[way[fills[::-1]]] = seq[fills[::-1]]
    taken = taken[first[way[taken] ^ 1] < seq[taken]]
    at = np.flatnonzero(np.isin(owner, owner[taken]))
    fills = at[event[at] == FILLED]
    ways, place = np.unique(way[fills], return_inverse=True)
    other = np.searchsorted(ways, way[taken] ^ 1)
    filled = np.sort(np.append(place * past + seq[fills], -1))
    before = np.searchsorted(filled, other * past + seq[taken]) - 1
    is_during = filled[before] > other * past + _born(rows, at, taken)
    return at[np.isin(owner[at], owner[taken[is_during]])]


def _born(rows: Mapping[str, Ints], at: Ints, wanted: Ints) -> Ints:
    """First seq among the rows `at` of the order of each row in `wanted`, which are some of them."""
    orders, first = np.unique(rows["order"][at], return_index=True)
    return rows["seq"][at[first]][np.searchsorted(orders, rows["order"][wanted])]


def _story(events: list[Event]) -> Story:
    """Follow an agent's orders through one product."""
    story, resting = Story(), dict[int, Resting]()
    for event in events:
        if event.event == ACCEPTED:
            resting[event.order] = Resting(event, event.price_tick, event.remaining_wh)
            story.put.append(_change(event, resting[event.order], event.quantity_wh))
        elif event.event > ACCEPTED and event.order in resting:
            _follow(story, resting[event.order], event)
    return story


def _follow(story: Story, order: Resting, event: Event) -> None:
    """Take one event of an order into its story."""
    if event.event == FILLED:
        story.fills.append(event)
        order.filled_wh += event.quantity_wh
    elif event.event == CANCELLED and event.time_ms > order.born.time_ms:
        story.taken.append(_change(event, order, order.rest_wh))
    elif event.event == REPLACED:
        is_moved = event.price_tick != order.price_tick
        gone_wh = order.rest_wh if is_moved else max(-event.quantity_wh, 0)
        come_wh = event.remaining_wh if is_moved else max(event.quantity_wh, 0)
        if gone_wh:
            story.taken.append(_change(event, order, gone_wh))
        if is_moved:
            order.born, order.price_tick = event, event.price_tick
        if come_wh:
            story.put.append(_change(event, order, come_wh))
    order.rest_wh = event.remaining_wh


def _change(event: Event, order: Resting, quantity_wh: int) -> Change:
    return Change(
        event.seq, event.time_ms, event.side, order.price_tick, quantity_wh, order.born.seq, order.filled_wh
    )  # fmt: skip


def _gain(middle_tick: int, fills: list[Event]) -> tuple[int, int, int]:
    """Give what was filled [Wh], the middle (0 for none), and how much better the fills were in all [1e-8 EUR]."""
    filled_wh = sum(fill.quantity_wh for fill in fills)
    if middle_tick == NO_PRICE:
        return filled_wh, 0, 0
    better = sum((middle_tick - fill.price_tick) * fill.side * fill.quantity_wh for fill in fills)
    return filled_wh, middle_tick, max(better, 0)


def _lost(trades: Mapping[str, Ints], place: tuple[int, int, int], side: int, middle_tick: int) -> dict[int, int]:
    """Sum up what those on the other side lost against the middle, by agent: buyers of a seller, sellers to a buyer."""
    book, period, agent = place
    own, other = ("seller", "buyer") if side == SELL else ("buyer", "seller")
    at = (trades["book"] == book) & (trades["period"] == period) & (trades[own] == agent) & (trades[other] != agent)
    if middle_tick == NO_PRICE:
        return {}
    worse = np.maximum((middle_tick - trades["price_tick"][at]) * side, 0) * trades["quantity_wh"][at]
    agents, place_of = np.unique(trades[other][at], return_inverse=True)
    lost = np.zeros(len(agents), np.int64)
    np.add.at(lost, place_of, worse)
    return {who: much for who, much in zip(agents.tolist(), lost.tolist(), strict=True) if much > 0}
