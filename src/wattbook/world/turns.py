"""Turns: in a laboratory market one trader, drawn at random, acts in each millisecond.

A fixed process beside the market's day. The trading day of a product fills the period before its delivery period; it
ends when nobody has traded for some turns, or when there is nobody left to trade. With `answers` an order is offered at
once to all traders of the other side. All state lies in the columns of the market's laboratory.

References
----------
Gode & Sunder (1993), Journal of Political Economy 101:119-137: a trader at random acts at each step. Cliff & Bruten
(1997), HP Laboratories report HPL-97-91: a shout is offered to all traders of the other side, a willing one drawn at
random takes it at its price, and otherwise it is gone; after each shout every trader may learn from it; a day ends
after a number of failed shouts. We count a turn as failed if it brought no trade, whether or not the trader quoted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from wattbook.book import Flag
from wattbook.chance import draw, key_of
from wattbook.market.kernel import gate_code
from wattbook.market.laboratory import NOBODY, TURN, TURNS_LEFT
from wattbook.messages import (
    BUY,
    FOREVER,
    OUT_ACTION,
    OUT_BOOK,
    OUT_COLUMNS,
    OUT_FLAGS,
    OUT_PRICE,
    OUT_ROWS,
    OUT_SIDE,
    SELL,
    Action,
    Command,
    See,
)
from wattbook.world.clock import FIRST_AGENT, Alarm
from wattbook.world.kernel_looks import Look, look_of
from wattbook.world.kernel_turns import ask_traders, observe_traders

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
_TURN: Final = See._fields.index("turn")
PERIOD, TURNS, FAILED, NEXT_MS = range(4)


class Turns:
    """Who acts when, in a market whose traders take turns.

    Parameters
    ----------
    compiles : bool
        Whether traders decide by their compiled policies, where there are any; the journal is the same.

    Attributes
    ----------
    state : (4,) int64
        Product whose trading day it is, turns of the day so far, turns without a trade in a row, time of the next turn.
    """

    def __init__(self, world: World, laboratory: Laboratory, seed: int, compiles: bool) -> None:
        self.world = world
        self.laboratory = laboratory
        self.rules = laboratory.rules
        self.key = key_of(seed, "turns")
        self.answer_key = key_of(seed, "answers")
        minds = enumerate(world.minds)
        self.traders = np.array([i for i, mind in minds if mind is not None and laboratory.units[i]], np.int64)
        listens = [i for i in self.traders.tolist() if _listens(world.minds[i])]
        self.listeners = np.array(listens, np.int64)
        self.rows = np.zeros((len(self.listeners), _FIELDS), np.int64)
        self.row = np.zeros((1, _FIELDS), np.int64)
        found = [look_of(mind.policy) if mind is not None and compiles else "" for mind in world.minds]
        self._found = [look for look in found if isinstance(look, Look)]
        self.looks = np.array([look.address if isinstance(look, Look) else 0 for look in found], np.int64)
        self.compiles = bool(self.looks.any())
        self.out = np.zeros((max(len(self.traders), 1), OUT_ROWS, OUT_COLUMNS), np.int64)
        self.done = np.zeros(len(self.out), np.int64)
        # Their clocks of other markets stand still.
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
        before, shouts = world.market.trades, laboratory.taken
        self._carry_out(agent, period, at_ms, self._decide(agent, period, at_ms))
        shouted = laboratory.taken > shouts
        if shouted and self.rules.answers:
            self._offer(agent, active, period, at_ms)
        state[NEXT_MS] = at_ms + 1
        self._count(period, at_ms, shouted, world.market.trades > before)

    def _count(self, period: int, at_ms: int, shouted: bool, traded: bool) -> None:
        """Count a turn, let all that listen learn from it, and end the day if it was the last."""
        state = self.state
        state[TURNS] += 1
        state[FAILED] = 0 if traded else state[FAILED] + 1
        self.laboratory.turn[TURN] = NOBODY
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

    def _decide(self, agent: int, period: int, at_ms: int) -> list[list[int]]:
        """Give the turn to a trader; return the commands that it wants carried out."""
        world, laboratory = self.world, self.laboratory
        laboratory.turn[TURN] = agent
        laboratory.turn[TURNS_LEFT] = self.rules.failed_shouts - int(self.state[FAILED])
        world.woken[0] += 1
        self._observe(np.array([agent]), period, at_ms, self.row)
        return self._ask(np.array([agent]), period, at_ms, self.row)[0]

    def _ask(self, agents: Ints, period: int, at_ms: int, rows: Ints) -> list[list[list[int]]]:
        """Let each of `agents` (n,) decide about what it sees, `rows` (n, fields); give the commands of each."""
        world, out, done = self.world, self.out[: len(agents)], self.done[: len(agents)]
        quarantined = world.market.town.quarantined
        done[:] = 0
        if self.compiles:
            ask_traders(
                self.looks, quarantined, world.memory, world.draw_keys, world.look_ms, agents, period, at_ms, rows,
                out, done,
            )  # fmt: skip
        commands: list[list[list[int]]] = []
        for i, (agent, is_done) in enumerate(zip(agents.tolist(), done.tolist(), strict=True)):
            mind = world.minds[agent]
            if is_done:
                commands.append(out[i].tolist() if out[i, 0, OUT_ACTION] else [])
            elif mind is None or quarantined[agent]:
                commands.append([])
            else:
                # Also a policy that failed in its compiled form: Python learns why.
                commands.append(world.decide(agent, mind, See._make(rows[i].tolist()), at_ms) or [])
        return commands

    def _carry_out(self, agent: int, period: int, at_ms: int, commands: list[list[int]]) -> None:
        for row in commands:
            if row[OUT_ACTION] == Action.NOTHING:
                break
            self.world.act(agent, period, at_ms, row)

    def _offer(self, agent: int, active: Ints, period: int, at_ms: int) -> None:
        """Ask everybody of the other side at once who takes the order of `agent`; what then rests expires.

        Each is shown the market as if it had the turn; it is willing if what it answers would trade. One of the willing
        is drawn, and its answer alone carried out.
        """
        world, market, laboratory = self.world, self.world.market, self.laboratory
        book = int(laboratory.feeder[agent])
        side, price_tick, traded = laboratory.shout[book, period].tolist()
        if not traded:
            is_other = (laboratory.side[active] == -side) & (laboratory.feeder[active] == book)
            answers = self._answers(active[is_other], period, at_ms, side, price_tick)
            if answers:
                taker, commands = answers[draw(self.answer_key, at_ms - world.street.start_ms) % len(answers)]
                before = market.trades
                self._carry_out(taker, period, at_ms, commands)
                if market.trades > before:
                    laboratory.note_answer(book, period, side, price_tick)
        market.apply(Command(at_ms, -1, Action.CLEAR, book, period))

    def _answers(
        self, others: Ints, period: int, at_ms: int, side: int, price_tick: int
    ) -> list[tuple[int, list[list[int]]]]:
        """Ask each of `others` (n,) what it would do now; give those that would take the order, and their commands."""
        world, rows = self.world, np.zeros((len(others), _FIELDS), np.int64)
        world.woken[0] += len(others)
        self._observe(others, period, at_ms, rows)
        rows[:, _TURN] = 1
        answers = zip(others.tolist(), self._ask(others, period, at_ms, rows), strict=True)
        return [each for each in answers if each[1] and _takes(each[1][0], side, price_tick)]

    def _listen(self, period: int, at_ms: int) -> None:
        """Show everybody that listens what has just happened; nobody has the turn, and nothing is carried out."""
        world = self.world
        if not len(self.listeners):
            return
        world.woken[0] += len(self.listeners)
        self._observe(self.listeners, period, at_ms, self.rows)
        self._ask(self.listeners, period, at_ms, self.rows)

    def _observe(self, agents: Ints, period: int, at_ms: int, rows: Ints) -> None:
        market, ledger, street, own = self.world.market, self.world.market.ledger, self.world.street, self.laboratory
        observe_traders(
            market.rules, market.town, market.stalls[0].ring, self.world.sights, ledger.balance, ledger.reserved,
            ledger.credit_limit, own.limit_tick, own.side, own.units, own.shout, own.turn, agents, period, at_ms,
            street.network.levy_tick, street.market.step_tick if street.market else 1, rows,
        )  # fmt: skip


def _takes(row: list[int], side: int, price_tick: int) -> bool:
    """Tell whether a command would trade with an order of `side` at `price_tick` in the sender's local book."""
    is_new = row[OUT_ACTION] == Action.SUBMIT and row[OUT_BOOK] == 0 and row[OUT_SIDE] == -side
    return is_new and bool(row[OUT_FLAGS] & Flag.MARKET or (price_tick - row[OUT_PRICE]) * side >= 0)


def _listens(mind: Mind | None) -> bool:
    return mind is not None and mind.listens
