"""Reaction times: in a laboratory market without turns, traders look, think, and are as late as they thought long.

Each trader has its own clock. It looks at the market and decides; what it decided reaches the book when its reaction
time is over, whatever has happened since; then it looks again. The time varies around the trader's own mean, from half
of it to one and a half. All state lies in the columns of the market's laboratory.

References
----------
After Hanifan & Cartlidge (2020), ICAART 2020 (arXiv 1912.02775), who let traders act as often as their computation
times allow. Differences: here a slow trader is late as well as rare; and traders hear of every order at once, only
deciding takes time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from wattbook.chance import draw, keys_of
from wattbook.market.kernel import gate_code
from wattbook.messages import FOREVER, OUT_ACTION, Action
from wattbook.world.turns import NEXT_MS, PERIOD, Turns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wattbook.market.laboratory import Laboratory
    from wattbook.world.world import World

    Ints = NDArray[np.int64]


class Reactions(Turns):
    """Who acts when, in a market whose traders have reaction times.

    What `Turns` calls a turn is here the arrival of what a trader has decided, be it nothing.
    """

    def __init__(self, world: World, laboratory: Laboratory, seed: int, compiles: bool) -> None:
        super().__init__(world, laboratory, seed, compiles)
        names = world.street.names
        self.reaction_keys = keys_of(seed, names, "reaction")
        # Of two that arrive in one millisecond the one of the lower rank is first.
        self.by_rank = np.array(sorted(self.traders.tolist(), key=lambda agent: world.ranks[agent]), np.int64)

    def step(self, at_ms: int) -> None:
        """Carry out what the next trader has decided, let all that listen learn from it, and let it look again."""
        world, laboratory = self.world, self.laboratory
        period = int(self.state[PERIOD])
        active = self._active(period)
        if not len(active) or gate_code(world.market.rules, period, at_ms):
            self._end_day()
            return
        arrives_ms = laboratory.arrives_ms
        agent = int(self.by_rank[arrives_ms[self.by_rank].argmin()])
        if arrives_ms[agent] == FOREVER:
            self._begin_day(period)
            for each in active.tolist():
                self._look(each, period, at_ms)
        else:
            self._arrive(agent, period, at_ms)
        if self.state[PERIOD] == period:
            street, closes_before_ms = world.street, int(world.market.rules.closes_before_ms)
            gate_ms = street.start_ms + period * street.period_ms - closes_before_ms
            # What would arrive after the gate must not keep the next day from beginning.
            self.state[NEXT_MS] = min(max(int(arrives_ms[self.by_rank].min()), at_ms), gate_ms)

    def _arrive(self, agent: int, period: int, at_ms: int) -> None:
        """Let what a trader has decided reach the book."""
        laboratory, market = self.laboratory, self.world.market
        laboratory.arrives_ms[agent] = FOREVER
        before, shouts = market.trades, laboratory.taken
        self._carry_out(agent, period, at_ms, laboratory.decided[agent].tolist())
        self._count(period, at_ms, laboratory.taken > shouts, market.trades > before)
        if self.state[PERIOD] == period and agent in self._active(period):
            self._look(agent, period, at_ms)

    def _look(self, agent: int, period: int, at_ms: int) -> None:
        """Let a trader look and decide; it will have acted when its reaction time is over."""
        laboratory, mean_ms = self.laboratory, int(self.laboratory.reaction_ms[agent])
        commands = self._decide(agent, period, at_ms)
        luck = draw(int(self.reaction_keys[agent]), at_ms - self.world.street.start_ms)
        laboratory.decided[agent, 0, OUT_ACTION] = Action.NOTHING
        if commands:
            laboratory.decided[agent] = commands
        laboratory.arrives_ms[agent] = at_ms + max(mean_ms // 2 + luck % (mean_ms + 1), 1)

    def _end_day(self) -> None:
        """Forget what nobody will act on any more."""
        super()._end_day()
        self.laboratory.arrives_ms[self.traders] = FOREVER
