"""Abusive mark-up ('price gouging') in the day-ahead market: structure, conduct and impact together.

A producer is found where in one period (structure) what the others could give is below `rsi_ppm` of what is in demand,
(conduct) it asked far more than its reference, and (impact) the price was far above what it would have been with the
producer's asks at reference, all other orders as they were. Any two of the three are no offence.

Owns the test and its figures. Gain: what the producer earned above its reference cost, less what it would have earned
so. Overcharge: what it took too much for what it sold. Harm: what all paid too much for what they bought.

References
----------
Conduct and impact thresholds follow the automated mitigation of New York's and New England's system operators, scaled
to European prices; the numbers are assumptions of calibration (docs/regulator.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

import numpy as np

from wattbook.errors import ConfigError
from wattbook.messages import SELL
from wattbook.oversight import SEEN_STREAMS, Item, Rule
from wattbook.regulator.ahead import STREAMS, Ahead
from wattbook.regulator.findings import Finding, Line, Offence
from wattbook.regulator.metrics import is_scarce_without, residual_supply_ppm
from wattbook.regulator.monitor import competitive
from wattbook.regulator.reclearing import OUTSIDE, Cleared, clear_again
from wattbook.regulator.references import Method, References

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from wattbook.regulator.ahead import Day, Power
    from wattbook.regulator.known import Known
    from wattbook.regulator.reclearing import Order

    Ints = NDArray[np.int64]

ENDLESS: Final = 1 << 60
"""Above any price."""
_COMMANDS: Final = SEEN_STREAMS.index("commands")
_SPOT: Final = SEEN_STREAMS.index("spot")


@dataclass(frozen=True)
class GougingTerms:
    """Thresholds of structure, conduct and impact; all three are needed.

    Attributes
    ----------
    rsi_ppm : int
        A producer is looked at whose residual supply index lies below this; exactly at it, it is not.
    conduct_tick, conduct_share_ppm, conduct_most_tick : int
        An ask is too high above the reference and the larger of `conduct_tick` and, at most `conduct_most_tick`, so
        much of the reference.
    impact_tick, impact_share_ppm, impact_most_tick : int
        The same of the price, above the counterfactual one.
    reference : int
        What an ask is held against: 0 cost by public indices, 1 the median of accepted offers, 2 the lowest quarter of
        prices; the last two fall back to cost where too little is known (`wattbook.regulator.references`).
    """

    rsi_ppm: int = 1_100_000
    conduct_tick: int = 2_500
    conduct_share_ppm: int = 3_000_000
    conduct_most_tick: int = 10_000
    impact_tick: int = 2_500
    impact_share_ppm: int = 2_000_000
    impact_most_tick: int = 10_000
    reference: int = 0

    def __post_init__(self) -> None:
        if self.reference not in list(Method):
            raise ConfigError(
                f"gouging: reference={self.reference} is no method: write 0 (cost), 1 (accepted offers) or 2 (prices)"
            )

    @classmethod
    def never(cls) -> Self:
        """Give thresholds that nobody reaches."""
        return cls(rsi_ppm=0, conduct_tick=ENDLESS, impact_tick=ENDLESS)

    def conduct_limit_tick(self, reference_tick: Ints) -> Ints:
        """Highest ask beside a reference that is no conduct, element by element."""
        least, share, most = self.conduct_tick, self.conduct_share_ppm, self.conduct_most_tick
        return reference_tick + allowance_tick(reference_tick, least, share, most)

    def impact_limit_tick(self, counterfactual_tick: int) -> int:
        """Highest rise of a price that is no impact."""
        price = np.array([counterfactual_tick])
        return int(allowance_tick(price, self.impact_tick, self.impact_share_ppm, self.impact_most_tick)[0])


def allowance_tick(price_tick: Ints, least_tick: int, share_ppm: int, most_tick: int) -> Ints:
    """Give max(least, min(share x |price|, most)), the share rounded down."""
    # Thresholds may be endless, so Python's whole numbers count, not the machine's.
    return np.array(
        [max(least_tick, min(abs(price) * share_ppm // 1_000_000, most_tick)) for price in price_tick.ravel().tolist()],
        np.int64,
    ).reshape(price_tick.shape)


class _Case(NamedTuple):
    """One producer in one period, looked at closely."""

    agent: int
    period: int
    orders: list[Order]
    seqs: list[int]
    power: Power
    price_tick: int
    spot_seq: int
    cap_tick: int
    reference_tick: int


class Gouging:
    """The detector.

    Parameters
    ----------
    known : Known
    terms : GougingTerms
    """

    streams = STREAMS
    watches = False

    def __init__(self, known: Known, terms: GougingTerms) -> None:
        self.known, self.terms = known, terms
        self.ahead = Ahead(known)
        self.references = References(known)
        self.method = Method(terms.reference)
        self.place = {agent: row for row, agent in enumerate(known.producers.tolist())}
        self.reference_tick = known.reference_tick.copy()
        """Of the periods that are being reviewed; of others it is what they cost."""
        self.limit_tick = terms.conduct_limit_tick(known.reference_tick)

    def read(self, stream: str, rows: Mapping[str, NDArray[Any]]) -> None:
        """Take in rows of the day-ahead market."""
        self.ahead.read(stream, rows)

    def review(self, now_ms: int) -> list[Finding]:
        """Look at all periods that have been settled since the last review."""
        day = self.ahead.take()
        self._refer(day, now_ms)
        found: dict[int, list[tuple[Offence, list[Line], dict[int, int]]]] = {}
        for period, agent in self._suspects(day):
            power = self.ahead.power(day, period)
            own_wh = power.uncommitted_wh[agent]
            if not is_scarce_without(power.supply_wh, own_wh, power.demand_wh, self.terms.rsi_ppm):
                continue
            seq, price_tick = day.spot[period]
            offence = self._weigh(_Case(agent, period, *day.orders_of(period), power, price_tick, seq,
                                        day.cap_tick[period], self._reference(agent, period)))  # fmt: skip
            if offence is not None:
                found.setdefault(agent, []).append(offence)
        return [self._finding(agent, found[agent]) for agent in sorted(found)]

    def _refer(self, day: Day, now_ms: int) -> None:
        """Set the references of a day by what came before it, then learn from it."""
        if self.method == Method.COST:
            return
        periods = [period for period in day.periods.tolist() if period in day.spot]
        self.references.forget(now_ms)
        for agent, row in self.place.items():
            for period in periods:
                self.reference_tick[row, period] = self.references.tick(self.method, agent, period)
        self.limit_tick[:, periods] = self.terms.conduct_limit_tick(self.reference_tick[:, periods])
        self.references.add(day, competitive({period: self.ahead.power(day, period) for period in periods}))

    def _reference(self, agent: int, period: int) -> int:
        return int(self.reference_tick[self.place[agent], period])

    def _suspects(self, day: Day) -> list[tuple[int, int]]:
        """Periods and producers with an ask beyond the conduct limit."""
        if not self.known.auction or not len(self.known.producers):
            return []
        orders = day.orders
        asks = np.flatnonzero((orders["side"] == SELL) & np.isin(orders["agent"], self.known.producers))
        agent, period = orders["agent"][asks], orders["period"][asks]
        row = np.searchsorted(self.known.producers, agent)
        high = orders["price_tick"][asks] > self.limit_tick[row, period]
        return sorted(set(zip(period[high].tolist(), agent[high].tolist(), strict=True)))

    def _weigh(self, case: _Case) -> tuple[Offence, list[Line], dict[int, int]] | None:
        """Clear again with the agent's asks at reference; None where the price hardly moved."""
        reference = case.reference_tick
        honest = [
            order._replace(price_tick=min(max(reference, self.known.floor_tick), case.cap_tick))
            if order.agent == case.agent and order.side == SELL and order.price_tick > reference
            else order
            for order in case.orders
        ]
        before, after = (
            clear_again(self.known, case.period, orders, case.cap_tick) for orders in (case.orders, honest)
        )
        rise_tick = case.price_tick - after.price_tick
        limit_tick = self.terms.impact_limit_tick(after.price_tick)
        if rise_tick <= limit_tick:
            return None
        sold, would = before.sold_wh.get(case.agent, 0), after.sold_wh.get(case.agent, 0)
        gain = (case.price_tick - reference) * sold - (after.price_tick - reference) * would
        paid = {agent: rise_tick * energy for agent, energy in before.bought_wh.items() if agent != OUTSIDE}
        offence = Offence(case.period, case.period, gain, rise_tick * sold, sum(paid.values()))
        return offence, self._evidence(case, limit_tick, before, after), paid

    def _evidence(self, case: _Case, impact_tick: int, before: Cleared, after: Cleared) -> list[Line]:
        power, agent, p = case.power, case.agent, case.period
        own_wh = power.uncommitted_wh[agent]
        asks = [(order.price_tick, seq) for order, seq in zip(case.orders, case.seqs, strict=True)
                if order.agent == agent and order.side == SELL]  # fmt: skip
        conduct_tick = int(self.limit_tick[self.place[agent], p])
        bought_wh = sum(energy for who, energy in before.bought_wh.items() if who != OUTSIDE)
        values = (
            (Item.RSI_PPM, residual_supply_ppm(power.supply_wh, own_wh, power.demand_wh)),
            (Item.SUPPLY_WH, power.supply_wh),
            (Item.UNCOMMITTED_WH, own_wh),
            (Item.DEMAND_WH, power.demand_wh),
            (Item.REFERENCE_TICK, case.reference_tick),
            (Item.OFFER_TICK, max(price for price, _ in asks)),
            (Item.CONDUCT_LIMIT_TICK, conduct_tick),
            (Item.PRICE_TICK, case.price_tick),
            (Item.COUNTERFACTUAL_TICK, after.price_tick),
            (Item.IMPACT_LIMIT_TICK, impact_tick),
            (Item.SOLD_WH, before.sold_wh.get(agent, 0)),
            (Item.COUNTERFACTUAL_SOLD_WH, after.sold_wh.get(agent, 0)),
            (Item.BOUGHT_WH, bought_wh),
        )
        lines = [Line(item, value, p) for item, value in values]
        lines.append(Line(Item.EVENT, case.spot_seq, _SPOT))
        return lines + [Line(Item.EVENT, seq, _COMMANDS) for price, seq in asks if price > conduct_tick]

    def _finding(self, agent: int, cases: list[tuple[Offence, list[Line], dict[int, int]]]) -> Finding:
        victims: dict[int, int] = {}
        for _, _, paid in cases:
            for who, amount in paid.items():
                victims[who] = victims.get(who, 0) + amount
        if self.method == Method.COST:
            default_tick = int(self.known.reference_tick[self.place[agent]].max())
        else:
            default_tick = max(self._reference(agent, offence.period) for offence, _, _ in cases)
        return Finding(
            Rule.GOUGING,
            agent,
            tuple(offence for offence, _, _ in cases),
            tuple(line for _, lines, _ in cases for line in lines),
            price_tick=default_tick,
            victims=tuple(sorted(victims.items())),
        )

    def note_mitigation(self, agent: int, price_tick: int, from_ms: int, until_ms: int) -> None:
        """Hear that the market takes an agent's asks at no more than a price for a while."""
        self.ahead.note_mitigation(agent, price_tick, from_ms, until_ms)

    def note_collar(self, price_tick: int, from_ms: int) -> None:
        """Hear that the auction's highest price is another one from now on."""
        self.ahead.note_collar(price_tick, from_ms)

    # --- saving

    def export(self) -> dict[str, Any]:
        """Give the whole state, as JSON can hold it."""
        return {"ahead": self.ahead.export(), "references": self.references.export()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `export` gave."""
        self.ahead.restore(state["ahead"])
        self.references.restore(state["references"])
