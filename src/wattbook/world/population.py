"""The population engine: many agents' own clocks inside one kernel, driven by one SimPy process.

Owns the board, and what happens in Python when a kernel returns. Waking one agent after the other through SimPy gives
the same rows: the kernel keeps to the total order of (time, rank), and gives way to every event that comes before its
next agent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wattbook.assets.kernel import cloud_shocks
from wattbook.compiled import entry
from wattbook.errors import LivelockError, PolicyError
from wattbook.market.columns import doubled
from wattbook.messages import FOREVER, OUT_COLUMNS, OUT_ROWS, See
from wattbook.world import kernel_wakes as wakes
from wattbook.world.clock import FIRST_AGENT, Alarm, moved, next_key
from wattbook.world.kernel_board import (
    LENGTH,
    SCRATCH_ROWS,
    SEE_FIELDS,
    Chunk,
    Minds,
    Money,
    Outlooks,
    Pen,
    Sizes,
    Writing,
)
from wattbook.world.kernel_looks import Look, look_of, step_address
from wattbook.world.kernel_wheel import PLACE_BITS, empty_wheel

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    import simpy

    from wattbook.policies import Mind
    from wattbook.world.world import World

_STREAMS: Final = ("commands", "orders", "trades")
_PLACE: Final = (1 << PLACE_BITS) - 1
_OPENED: Final = Sizes._fields.index("opened")
_BOOK: Final = Sizes._fields.index("book")


class Population:
    """The agents of a world whose policies compile.

    Parameters
    ----------
    world : World
    looks : list of Look or None, (a,)
        Each agent's compiled policy.
    """

    def __init__(self, world: World, looks: list[Look | None]) -> None:
        self.world = world
        a, p = world.street.agents, world.street.periods
        agent_at = np.empty(a, np.int64)
        agent_at[world.place] = np.arange(a)
        self.look = world.look
        self.look[:] = [0 if look is None else look.address for look in looks]
        self._looks = looks
        self.minds = Minds(
            world.next_ms, world.seen, world.woke_ms, world.woke_often, world.look_ahead_ms, world.draw_keys,
            world.place, world.look, world.memory, world.look_ms, agent_at,
        )  # fmt: skip
        self.pen = Pen(
            np.zeros(32, np.int64), np.zeros(p, np.int64), np.zeros(SEE_FIELDS, np.int64),
            np.zeros((OUT_ROWS, OUT_COLUMNS), np.int64),
            np.zeros((SCRATCH_ROWS, p), np.int64), world.woken, world.market.counts,
        )  # fmt: skip
        table, cloud = world.expectations.table, world.expectations.cloud_key
        self.errors = (np.zeros((p, table.shape[1] + 1), np.int64), *(np.zeros((a, p), np.int64) for _ in range(2)))
        """Errors that forecasts are made of: the cloud's, and kept sums of the loads' and the plants' own."""
        cloud_shocks(cloud, table, self.errors[0])
        self.wheel = empty_wheel(a)
        self._wake_at = entry(wakes.wake_at, 3)
        self._run_at = entry(wakes.run_at, 3)
        self._step = step_address()
        self._board: Writing | None = None
        self.alarm: simpy.Event | None = None
        self._laid: tuple[Any, ...] = ()

    def begin(self) -> None:
        """Lay the board out for a run that begins or goes on: a restored world has other columns."""
        self.world.expectations.foreseen[:] = 0
        self._lay()

    # --- the board

    def _sources(self) -> tuple[Any, ...]:
        """Everything that may be replaced while a run goes on."""
        market = self.world.market
        chunks = [market.journal.chunk(name, 0).columns for name in _STREAMS]
        return (market.book, market.ring, market.ledger, *chunks)

    def _refresh(self) -> None:
        """Bring the board up to date if anything on it was replaced."""
        sources = self._sources()
        if any(new is not old for new, old in zip(sources, self._laid, strict=True)):
            self._lay()
        assert self._board is not None
        self._board.numbers[_BOOK] = self.world.market.book.address  # type: ignore[union-attr]

    def _lay(self) -> None:
        world, market, street = self.world, self.world.market, self.world.street
        seen = world.expectations
        self._laid = self._sources()
        self.pen = self.pen._replace(counts=market.counts)
        chunks = [market.journal.chunk(name, 0) for name in _STREAMS]
        ledger = market.ledger
        sizes = Sizes(
            agents=street.agents, periods=street.periods, accounts=len(ledger.balance), ring=len(market.ring.order),
            book=market.book.address,  # type: ignore[union-attr]
            step=self._step,
            every_ms=seen.every_ms, stages=seen.table.shape[1],
            levy_tick=street.network.levy_tick, step_tick=street.market.step_tick if street.market else 1,
            end_ms=street.end_ms, origin_ms=street.start_ms, opened=world.day.opened,
            books=len(market.town.last_tick),
        )  # fmt: skip
        self._board = Writing(
            sizes,
            (
                market.rules, market.town, market.ring,
                Money(ledger.balance, ledger.reserved, ledger.credit_limit),
                world.sights, market.storage, self.minds,
                Outlooks(
                    seen.phase_ms, seen.updated_ms, seen.scale_wh, seen.load_key, seen.own_key, seen.utility,
                    seen.vat_ppm, seen.foreseen, seen.load_base, seen.generation_base, seen.table, *self.errors,
                ),
                self.wheel, self.pen, market.notices,
                *(Chunk(chunk.columns, chunk.fill, chunk.capacity) for chunk in chunks),
            ),
        )  # fmt: skip
        assert len(self._board.numbers) == LENGTH, (len(self._board.numbers), LENGTH)

    def _address(self) -> int:
        self._refresh()
        board = self._board
        assert board is not None
        board.numbers[_OPENED] = self.world.day.opened
        return board.address

    # --- waking

    def wake(self, agent: int, now_ms: int) -> int:
        """Wake one agent; return when it wakes next [ms]."""
        while (reason := self._wake_at(self._address(), agent, now_ms)) != wakes.DONE:
            self._meet(reason)
            if reason == wakes.FAILED:
                break
        return int(self.minds.next_ms[agent])

    def process(self, env: simpy.Environment) -> Generator[simpy.Event, None, None]:
        """Wake all compiled agents, each in its turn among all events of `env`."""
        self.wheel = empty_wheel(len(self.look))
        self._lay()
        wakes.put_all_at(self._address())
        bell = env.event()
        while True:
            key = self._run(env)
            self.alarm = bell if key < 0 else self._alarm(env, key)
            yield self.alarm

    def _alarm(self, env: simpy.Environment, key: int) -> Alarm:
        return Alarm(env, self.world.street.start_ms + (key >> PLACE_BITS), FIRST_AGENT + (key & _PLACE))

    def _run(self, env: simpy.Environment) -> int:
        """Run up to the next event of `env`; return the key of who comes next, below 0 for nobody."""
        self.alarm = None
        until_ms, rank = next_key(env)
        while (reason := self._run_at(self._address(), until_ms, max(rank - FIRST_AGENT, 0))) != wakes.DONE:
            if reason != wakes.NOTICE:
                self._meet(reason)
            if reason in (wakes.NOTICE, wakes.FAILED):
                # The wake is over, and may have given others a reason to wake.
                self.world.answer_notices(int(self.pen.state[wakes.AT_NOW]))
                until_ms, rank = next_key(env)
        return int(self.pen.state[wakes.AT_KEY])

    def notify(self, env: simpy.Environment, agent: int, now_ms: int) -> None:
        """Let an agent on the wheel wake now."""
        wakes.hasten_at(self._address(), agent, now_ms)
        if self.alarm is not None:
            self.alarm = moved(self.alarm, self._alarm(env, int(wakes.first_key_at(self._address()))))

    # --- what keeps a wake

    def _meet(self, reason: int) -> None:
        world, market, state = self.world, self.world.market, self.pen.state
        journal = market.journal
        if reason == wakes.ROOM_COMMANDS:
            journal.chunk("commands", journal.chunk("commands", 0).capacity)
        elif reason == wakes.ROOM_ORDERS:
            self._flush("orders")
        elif reason == wakes.ROOM_TRADES:
            self._flush("trades")
        elif reason == wakes.ROOM_RING:
            market.ring = doubled(market.ring)
        elif reason == wakes.BOOK_NEEDS:
            market.book.make_room(int(state[wakes.AT_NEED]))  # type: ignore[union-attr]
        elif reason == wakes.RARE:
            self._apply_rare()
        elif reason == wakes.FAILED:
            self._give_up(int(state[wakes.AT_AGENT]), int(state[wakes.AT_NOW]))
        else:
            assert reason == wakes.LIVELOCK
            raise LivelockError(world.livelock(int(state[wakes.AT_AGENT]), int(state[wakes.AT_NOW])))

    def _flush(self, stream: str) -> None:
        """Empty a chunk, and lengthen it where what is to come would not fit at all."""
        chunk = self.world.market.journal.chunk(stream, 0)
        self.world.market.journal.chunk(stream, max(chunk.capacity, int(self.pen.state[wakes.AT_NEED])))

    def _apply_rare(self) -> None:
        """Carry out a command that kernels leave to Python."""
        state = self.pen.state
        agent, now_ms = int(state[wakes.AT_AGENT]), int(state[wakes.AT_NOW])
        period = int(self.pen.due[state[wakes.AT_LOOK]])
        self.world.act(agent, period, now_ms, self.pen.out[state[wakes.AT_ROW]].tolist())
        state[wakes.AT_ROW] += 1
        state[wakes.AT_CHANGED] = 1

    def _give_up(self, agent: int, now_ms: int) -> None:
        """Ask a policy that failed again, in Python, to learn why, and take its agent out."""
        self.pen.state[wakes.AT_PHASE] = 0
        self.minds.next_ms[agent] = FOREVER
        mind = self.world.minds[agent]
        assert mind is not None
        if self.world.decide(agent, mind, See(*self.pen.row.tolist()), now_ms) is not None:
            # Its memory is no longer what it was when it failed.
            self.world.quarantine(agent, now_ms, PolicyError("it failed in its compiled form"))


def looks_of(minds: Sequence[Mind | None]) -> tuple[list[Look | None], str]:
    """Compiled policies of `minds`, None where there is none, and in a line why not all are."""
    asked = {id(mind.policy): mind for mind in minds if mind is not None}
    looks = {key: look_of(mind.policy) for key, mind in asked.items()}
    refusals = [f"{asked[key].name}: {look}" for key, look in looks.items() if isinstance(look, str)]
    compiled = {key: look for key, look in looks.items() if not isinstance(look, str)}
    return [None if mind is None else compiled.get(id(mind.policy)) for mind in minds], refusals[0] if refusals else ""
