"""Turns: in a laboratory market one trader, drawn at random, acts in each millisecond.

A fixed process beside the market's day. The trading day of a product fills the period before its delivery period; it
ends when nobody has traded for some turns, or when there is nobody left to trade. All state lies in the columns of the
market's laboratory.

References
----------
Gode & Sunder (1993), Journal of Political Economy 101:119-137: a trader at random acts at each step. Cliff & Bruten
(1997), HP Laboratories report HPL-97-91: after each shout every trader may learn from it, and a day ends after a number
of failed shouts. We count a turn as failed if it brought no trade, whether or not the trader quoted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from wattbook.chance import draw, key_of
from wattbook.market.kernel import gate_code
from wattbook.market.laboratory import NOBODY, TURN, TURNS_LEFT
from wattbook.messages import BUY, FOREVER, OUT_ACTION, SELL, Action, See
from wattbook.world.clock import FIRST_AGENT, Alarm
from wattbook.world.kernel_turns import observe_traders

if TYPE_CHECKING:
    from collections.abc import Generator

    import simpy
    from numpy.typing import NDArray

    from wattbook.market.laboratory import Laboratory
    from wattbook.policies import Mind
    from wattbook.world.world import World

    Ints = NDArray[np.int64]

RANK: Final = FIRST_AGENT - 1
"""After all other fixed processes, before the agents."""
FIRST_DAY: Final = 1
"""The run's first product opens and closes at once."""
_FIELDS: Final = len(See._fields)
PERIOD, TURNS, FAILED, NEXT_MS = range(4)


class Turns:
    """Who acts when, in a market whose traders take turns.

    Attributes
    ----------
    state : (4,) int64
        Product whose trading day it is, turns of the day so far, turns without a trade in a row, time of the next turn.
    """

    def __init__(self, world: World, laboratory: Laboratory, seed: int) -> None:
        self.world = world
        self.laboratory = laboratory
        self.rules = laboratory.rules
        self.key = key_of(seed, "turns")
        minds = enumerate(world.minds)
        self.traders = np.array([i for i, mind in minds if mind is not None and laboratory.units[i]], np.int64)
        listens = [i for i in self.traders.tolist() if _listens(world.minds[i])]
        self.listeners = np.array(listens, np.int64)
        self.rows = np.zeros((len(self.listeners), _FIELDS), np.int64)
        self.row = np.zeros((1, _FIELDS), np.int64)
        # Traders' own clocks stand still.
        world.next_ms[self.traders] = FOREVER
        self.state = laboratory.schedule
        self.state[:] = FIRST_DAY, 0, 0, self._opening_ms(FIRST_DAY)

    def process(self, env: simpy.Environment) -> Generator[simpy.Event, None, None]:
        """Give one turn after the other."""
        while self.state[PERIOD] < self.world.street.periods:
            at_ms = int(self.state[NEXT_MS])
            yield Alarm(env, at_ms, RANK)
            self.step(at_ms)

    def step(self, at_ms: int) -> None:
        """Give the turn of this millisecond to somebody, and let all that listen learn from it."""
        world, state, laboratory = self.world, self.state, self.laboratory
        period = int(state[PERIOD])
        active = self._active(period)
        if not len(active) or gate_code(world.market.rules, period, at_ms):
            self._end_day()
            return
        if state[TURNS] == 0:
            self._begin_day(period)
        agent = int(active[draw(self.key, at_ms - world.street.start_ms) % len(active)])
        laboratory.turn[TURN] = agent
        laboratory.turn[TURNS_LEFT] = self.rules.failed_shouts - int(state[FAILED])
        before = world.market.trades
        shouted = self._act(agent, period, at_ms)
        state[TURNS] += 1
        state[FAILED] = 0 if world.market.trades > before else state[FAILED] + 1
        state[NEXT_MS] = at_ms + 1
        laboratory.turn[TURN] = NOBODY
        if shouted:
            self._listen(period, at_ms)
        if state[FAILED] >= self.rules.failed_shouts or state[TURNS] == self.rules.turns_per_day:
            self._end_day()

    def _active(self, period: int) -> Ints:
        """Traders that have units left, if there are any on both sides."""
        laboratory, traders = self.laboratory, self.traders
        net = self.world.market.town.net_wh[:, traders, period].sum(axis=0)
        side = laboratory.side[traders]
        left = laboratory.units[traders] > side * net
        if not (left & (side == BUY)).any() or not (left & (side == SELL)).any():
            return traders[:0]
        active: Ints = traders[left & (self.world.market.town.quarantined[traders] == 0)]
        return active

    def _begin_day(self, period: int) -> None:
        """Let traders forget, where a session of several days begins."""
        if self.rules.days and (period - FIRST_DAY) % self.rules.days == 0:
            for agent in self.traders.tolist():
                mind = self.world.minds[agent]
                assert mind is not None
                self.world.memory[agent] = 0
                self.world.memory[agent, : len(mind.memory)] = mind.memory

    def _end_day(self) -> None:
        """Go on with the next product, when its own day begins."""
        self.state[PERIOD] += 1
        self.state[TURNS] = self.state[FAILED] = 0
        self.state[NEXT_MS] = self._opening_ms(int(self.state[PERIOD]))

    def _opening_ms(self, period: int) -> int:
        """When the trading day of a product begins: with the period before its own, or when its gate opens."""
        street = self.world.street
        own_ms = street.start_ms + (period - 1) * street.period_ms
        return max(own_ms, int(street.opens_ms[period])) if period < street.periods else own_ms

    def _act(self, agent: int, period: int, at_ms: int) -> bool:
        """Let the trader that has the turn act; say whether its book took an order."""
        world = self.world
        world.woken[0] += 1
        self._observe(np.array([agent]), period, at_ms, self.row)
        mind = world.minds[agent]
        assert mind is not None
        orders = self.laboratory.taken
        for row in world.decide(agent, mind, See._make(self.row[0].tolist()), at_ms) or ():
            if row[OUT_ACTION] == Action.NOTHING:
                break
            world.act(agent, period, at_ms, row)
        return self.laboratory.taken > orders

    def _listen(self, period: int, at_ms: int) -> None:
        """Show everybody that listens what has just happened; nobody has the turn, and nothing is carried out."""
        world = self.world
        if not len(self.listeners):
            return
        world.woken[0] += len(self.listeners)
        self._observe(self.listeners, period, at_ms, self.rows)
        for agent, row in zip(self.listeners.tolist(), self.rows.tolist(), strict=True):
            mind = world.minds[agent]
            if mind is not None and not world.market.town.quarantined[agent]:
                world.decide(agent, mind, See._make(row), at_ms)

    def _observe(self, agents: Ints, period: int, at_ms: int, rows: Ints) -> None:
        market, ledger, street, own = self.world.market, self.world.market.ledger, self.world.street, self.laboratory
        observe_traders(
            market.rules, market.town, market.ring, self.world.sights, ledger.balance, ledger.reserved,
            ledger.credit_limit, own.limit_tick, own.side, own.units, own.shout, own.turn, agents, period, at_ms,
            street.network.levy_tick, street.market.step_tick if street.market else 1, rows,
        )  # fmt: skip


def _listens(mind: Mind | None) -> bool:
    return mind is not None and mind.listens
