"""Asks in the day-ahead auction that were sent in an emergency, held against the producer's own of before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from wattbook.messages import REFUSED, SELL, Action
from wattbook.oversight import SEEN_STREAMS, Item
from wattbook.regulator.emergency_tariffs import Dear, limit_tick
from wattbook.regulator.trailing import Trails, mean_up

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from wattbook.regulator.emergency import EmergencyTerms
    from wattbook.regulator.known import Known
    from wattbook.regulator.spells import Spells

_COMMANDS: Final = SEEN_STREAMS.index("commands")


class _Ask(NamedTuple):
    """One ask in the day-ahead auction."""

    seq: int
    price_tick: int
    wh: int
    time_ms: int


class Asks:
    """Judges asks in emergencies, all of a producer's for one period together, by their mean price.

    Parameters
    ----------
    known : Known
    terms : EmergencyTerms
    spells : Spells
    """

    streams: Final = ("commands", "orders", "spot", "positions")

    def __init__(self, known: Known, terms: EmergencyTerms, spells: Spells) -> None:
        self.known, self.terms, self.spells = known, terms, spells
        self.place = {agent: place for place, agent in enumerate(known.producers.tolist())}
        self.waiting: dict[int, tuple[int, ...]] = {}
        """By seq of its command, an ask: agent, period, price, energy, when."""
        self.sold: dict[tuple[int, int], int] = {}
        """By period and agent, what was settled: what was sold at spot [Wh]."""
        self.spot_tick: dict[int, int] = {}
        span = max(1, terms.before_ms // known.period_ms)
        self.asked, self.costs = Trails(span), Trails(span)
        """By agent: what it asked for before [Wh], and at which prices x Wh; the same at reference costs x Wh."""

    def read(self, stream: str, rows: Mapping[str, NDArray[Any]]) -> None:
        """Take in rows (n,) of commands, orders, spot or positions; without an auction asks move no price."""
        if not self.known.auction:
            return
        if stream == "commands":
            self._read_commands(rows)
        elif stream == "orders":
            refused = rows["command"][rows["event"] == REFUSED]
            for command in refused.tolist() if self.waiting else ():
                self.waiting.pop(command, None)
        elif stream == "spot":
            self.spot_tick |= dict(zip(rows["period"].tolist(), rows["price_tick"].tolist(), strict=True))
        elif stream == "positions":
            mine = np.flatnonzero(np.isin(rows["agent"], self.known.producers))
            names = ("period", "agent", "spot_wh")
            for period, agent, wh in zip(*(rows[name][mine].tolist() for name in names), strict=True):
                self.sold[period, agent] = max(0, -wh)

    def _read_commands(self, rows: Mapping[str, NDArray[Any]]) -> None:
        asks = (rows["action"] == Action.OFFER) & (rows["side"] == SELL) & (rows["quantity_wh"] > 0)
        mine = np.flatnonzero(asks & np.isin(rows["agent"], self.known.producers))
        names = ("seq", "agent", "period", "price_tick", "quantity_wh", "time_ms")
        for seq, *ask in zip(*(rows[name][mine].tolist() for name in names), strict=True):
            self.waiting[seq] = tuple(ask)

    def judged(self) -> Iterator[Dear]:
        """Judge what was settled since the last time."""
        asks: dict[tuple[int, int], list[_Ask]] = {}
        for seq, ask in list(self.waiting.items()):
            key = ask[1], ask[0]
            if key in self.sold:
                asks.setdefault(key, []).append(_Ask(seq, *self.waiting.pop(seq)[2:]))
        settled, self.sold = sorted(self.sold.items()), {}
        for (period, agent), sold_wh in settled:
            dear = self._judge(period, agent, sold_wh, asks.get((period, agent), []))
            if dear is not None:
                yield dear
        if settled:
            past = settled[-1][0][0]
            self.spot_tick = {period: tick for period, tick in self.spot_tick.items() if period > past}

    def _judge(self, period: int, agent: int, sold_wh: int, asks: list[_Ask]) -> Dear | None:
        """Hold the asks of one period against those before; what was asked outside emergencies is one of those."""
        spell = self.spells.at(self.known.start_of(period))
        reference_tick = int(self.known.reference_tick[self.place[agent], period])
        asked, costs, later = self.asked[agent], self.costs[agent], []
        for ask in asks:
            if spell is not None and self.spells.said_in(ask.time_ms):
                later.append(ask)
            else:
                asked.push(period, ask.wh, ask.wh * ask.price_tick)
                costs.push(period, ask.wh, ask.wh * reference_tick)
        if spell is None or not later or not asked.weight:
            return None
        asked_tick = sum(ask.price_tick * ask.wh for ask in later) // sum(ask.wh for ask in later)
        before_tick = mean_up(asked.amount, asked.weight)
        rise_tick = max(0, reference_tick - costs.amount // costs.weight)
        most_tick = limit_tick(self.terms, before_tick, rise_tick)
        if asked_tick <= most_tick:
            return None
        # Who sold got the auction's price; of that the part that it asked for itself is held against it.
        taken_tick = max(0, min(self.spot_tick.get(period, asked_tick), asked_tick) - most_tick)
        return Dear(
            agent, period, _COMMANDS, later[0].seq, Item.OFFER_TICK, asked_tick, before_tick, rise_tick, most_tick,
            sold_wh, taken_tick * sold_wh, spell,
        )  # fmt: skip

    def export(self) -> dict[str, Any]:
        """Give the whole state, as JSON can hold it."""
        return {
            "waiting": [[seq, *ask] for seq, ask in self.waiting.items()],
            "sold": [[*key, wh] for key, wh in self.sold.items()],
            "spot_tick": [[period, tick] for period, tick in self.spot_tick.items()],
            "asked": self.asked.export(),
            "costs": self.costs.export(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `export` gave."""
        self.waiting = {seq: tuple(ask) for seq, *ask in state["waiting"]}
        self.sold = {(period, agent): wh for period, agent, wh in state["sold"]}
        self.spot_tick = dict(state["spot_tick"])
        self.asked.restore(state["asked"])
        self.costs.restore(state["costs"])
