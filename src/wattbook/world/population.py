"""The population engine: many agents' own clocks inside a few kernels, driven by one SimPy process.

Owns who is carried out by compiled code, and the driver's place in SimPy's queue. Waking one agent after the other
through SimPy gives the same rows: the driver keeps to the total order of (time, rank), and gives way to every event
that comes before its next agent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from wattbook.assets.kernel import cloud_shocks
from wattbook.world.clock import FIRST_AGENT, Alarm, moved, next_key
from wattbook.world.crews import InTurn, SideBySide, threads_for
from wattbook.world.kernel_board import Minds
from wattbook.world.kernel_looks import Look, look_of
from wattbook.world.kernel_wheel import PLACE, PLACE_BITS
from wattbook.world.shard import Columns

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    import simpy

    from wattbook.policies import Mind
    from wattbook.world.world import World


class Population:
    """The agents of a world whose policies compile.

    Parameters
    ----------
    world : World
    looks : list of Look or None, (a,)
        Each agent's compiled policy.
    apart : bool
        Whether what happens at one stall may be worked out ahead of the others.
    threads : int or None
        How many work side by side; None for as many as are worth while.
    """

    def __init__(self, world: World, looks: list[Look | None], apart: bool, threads: int | None) -> None:
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
        table, cloud = world.expectations.table, world.expectations.cloud_key
        cloud_ppm = np.zeros((p, table.shape[1] + 1), np.int64)
        cloud_shocks(cloud, table, cloud_ppm)
        columns, side_by_side = Columns(self.minds, cloud_ppm), threads_for(world, threads)
        self.crew: InTurn | SideBySide
        if apart and side_by_side > 1:
            self.crew = SideBySide(world, columns, side_by_side)
        else:
            self.crew = InTurn(world, columns)
        self.alarm: simpy.Event | None = None

    def keeps_memory(self, agent: int) -> bool:
        """Tell whether an agent's look leaves its memory as it was before, in case that it raises."""
        look = self._looks[agent]
        return look is not None and look.keeps_memory

    def begin(self) -> None:
        """Lay the boards out for a run that begins or goes on: a restored world has other columns."""
        self.world.expectations.foreseen[:] = 0
        for shard in self.crew.shards:
            shard.lay()

    def wake(self, agent: int, now_ms: int) -> int:
        """Wake one agent; return when it wakes next [ms]."""
        return self.crew.shard_of(agent).wake(agent, now_ms)

    def process(self, env: simpy.Environment) -> Generator[simpy.Event, None, None]:
        """Wake all compiled agents, each in its turn among all events of `env`."""
        for each in self.crew.rounds:
            each.fill()
        bell = env.event()
        while True:
            key = self._run(env)
            self.alarm = bell if key < 0 else self._alarm(env, key)
            yield self.alarm

    def _alarm(self, env: simpy.Environment, key: int) -> Alarm:
        return Alarm(env, self.world.street.start_ms + (key >> PLACE_BITS), FIRST_AGENT + (key & PLACE))

    def _run(self, env: simpy.Environment) -> int:
        """Run up to the next event of `env`; return the key of who comes next, below 0 for nobody."""
        self.alarm = None
        while (now_ms := self.crew.run(self._limit(env))) is not None:
            self.world.answer_notices(now_ms)
        return self.crew.first_key()

    def _limit(self, env: simpy.Environment) -> int:
        """Key of the next event of `env`."""
        until_ms, rank = next_key(env)
        return (until_ms - self.world.street.start_ms) << PLACE_BITS | max(rank - FIRST_AGENT, 0)

    def notify(self, env: simpy.Environment, agent: int, now_ms: int) -> None:
        """Let an agent on the wheel wake now."""
        self.crew.hasten(agent, now_ms)
        if self.alarm is not None:
            self.alarm = moved(self.alarm, self._alarm(env, self.crew.first_key()))


def looks_of(minds: Sequence[Mind | None]) -> tuple[list[Look | None], str]:
    """Compiled policies of `minds`, None where there is none, and in a line why not all are."""
    asked = {id(mind.policy): mind for mind in minds if mind is not None}
    looks = {key: look_of(mind.policy) for key, mind in asked.items()}
    refusals = [f"{asked[key].name}: {look}" for key, look in looks.items() if isinstance(look, str)]
    compiled = {key: look for key, look in looks.items() if not isinstance(look, str)}
    return [None if mind is None else compiled.get(id(mind.policy)) for mind in minds], refusals[0] if refusals else ""
