"""What abusive mark-up and withholding have in common: one producer in one period, and what it did to the price.

The period is cleared again as it would have come without the offence. Owns what is counted by the difference, and what
is told of it; knows nothing of what an offence is. Gain: what the producer earned above its reference cost, less what
it would have earned so. Overcharge: what it took too much for what it sold. Harm: what all paid too much for what they
bought.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from wattbook.messages import SELL
from wattbook.oversight import SEEN_STREAMS, Item
from wattbook.regulator.findings import Finding, Line, Offence
from wattbook.regulator.metrics import residual_supply_ppm
from wattbook.regulator.reclearing import OUTSIDE, Cleared

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wattbook.oversight import Rule
    from wattbook.regulator.ahead import Day, Power
    from wattbook.regulator.reclearing import Order

    Measured = tuple[tuple[Item, int], ...]

_COMMANDS: Final = SEEN_STREAMS.index("commands")
_SPOT: Final = SEEN_STREAMS.index("spot")


class Case(NamedTuple):
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

    @classmethod
    def of(cls, day: Day, power: Power, period: int, agent: int, reference_tick: int) -> Case:
        """Gather what belongs to a producer and a period with a price."""
        seq, price_tick = day.spot[period]
        orders, seqs = day.orders_of(period)
        return cls(agent, period, orders, seqs, power, price_tick, seq, day.cap_tick[period], reference_tick)

    def asks(self) -> list[tuple[Order, int]]:
        """Give the producer's asks, each with the seq of its command."""
        pairs = zip(self.orders, self.seqs, strict=True)
        return [(order, seq) for order, seq in pairs if order.agent == self.agent and order.side == SELL]


class Impact(NamedTuple):
    """What a period came to, cleared with the orders as they were, and without the offence."""

    case: Case
    before: Cleared
    after: Cleared

    @property
    def rise_tick(self) -> int:
        """By how much the price was higher than it would have been."""
        return self.case.price_tick - self.after.price_tick

    @property
    def sold_wh(self) -> int:
        """What the producer sold."""
        return self.before.sold_wh.get(self.case.agent, 0)

    @property
    def would_wh(self) -> int:
        """What it would have sold."""
        return self.after.sold_wh.get(self.case.agent, 0)

    def found(self, lines: list[Line]) -> Found:
        """Count what the producer had of it and what others paid for it, beside what is told of it."""
        case, rise_tick = self.case, self.rise_tick
        earned = (case.price_tick - case.reference_tick) * self.sold_wh
        gain = earned - (self.after.price_tick - case.reference_tick) * self.would_wh
        paid = {who: rise_tick * energy for who, energy in self.before.bought_wh.items() if who != OUTSIDE}
        offence = Offence(case.period, case.period, gain, rise_tick * self.sold_wh, sum(paid.values()))
        return Found(offence, lines, paid)

    # --- what is told

    def structure(self) -> Measured:
        """Tell how much the others could give, and the reference."""
        power, own_wh = self.case.power, self.case.power.uncommitted_wh[self.case.agent]
        return (
            (Item.RSI_PPM, residual_supply_ppm(power.supply_wh, own_wh, power.demand_wh)),
            (Item.SUPPLY_WH, power.supply_wh),
            (Item.UNCOMMITTED_WH, own_wh),
            (Item.DEMAND_WH, power.demand_wh),
            (Item.REFERENCE_TICK, self.case.reference_tick),
        )

    def prices(self) -> Measured:
        """Tell the price, and what it would have been."""
        return (Item.PRICE_TICK, self.case.price_tick), (Item.COUNTERFACTUAL_TICK, self.after.price_tick)

    def sales(self) -> Measured:
        """Tell what the producer sold, and what it would have sold."""
        return (Item.SOLD_WH, self.sold_wh), (Item.COUNTERFACTUAL_SOLD_WH, self.would_wh)

    def bought(self) -> Measured:
        """Tell what all bought."""
        return ((Item.BOUGHT_WH, sum(energy for who, energy in self.before.bought_wh.items() if who != OUTSIDE)),)

    def lines(self, measured: Measured, seqs: Iterable[int]) -> list[Line]:
        """Make evidence of what was measured, of the auction's result, and of commands by their `seqs`."""
        told = [Line(item, value, self.case.period) for item, value in measured]
        events = [(self.case.spot_seq, _SPOT), *((seq, _COMMANDS) for seq in seqs)]
        return told + [Line(Item.EVENT, seq, stream) for seq, stream in events]


class Found(NamedTuple):
    """An offence, what is told of it, and what each agent paid too much for it [1e-8 EUR]."""

    offence: Offence
    lines: list[Line]
    paid: dict[int, int]


def finding_of(rule: Rule, agent: int, found: list[Found], price_tick: int = 0) -> Finding:
    """Make a finding of an agent's offences; those who paid too much are its victims."""
    victims: dict[int, int] = {}
    for each in found:
        for who, amount in each.paid.items():
            victims[who] = victims.get(who, 0) + amount
    return Finding(
        rule,
        agent,
        tuple(each.offence for each in found),
        tuple(line for each in found for line in each.lines),
        price_tick=price_tick,
        victims=tuple(sorted(victims.items())),
    )
