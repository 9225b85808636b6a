"""Who runs the agents of a world: one after the other on one clock, or side by side on several processors.

Owns the order among shards. Side by side, each runs on its own up to a moment at which somebody acts who may see more
than one of them; then what they wrote is put in the order of the one clock. So the rows are the same, however many
threads there are.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wattbook.compiled import entry
from wattbook.journal import Draft
from wattbook.messages import COMMANDS, ORDERS, TRADES
from wattbook.world import kernel_pen as pens
from wattbook.world.kernel_merge import BOARD, TABLE_WIDTH, begin_at, merge_at
from wattbook.world.kernel_wheel import nobody_waits
from wattbook.world.round import Round
from wattbook.world.shard import Shard

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wattbook.world.shard import Columns
    from wattbook.world.world import World

MANY_AGENTS: Final = 20_000
"""With fewer, a second thread costs more than it brings, unless somebody asks for one."""
_NEVER: Final = (1 << 63) - 1


def threads_for(world: World, asked: int | None) -> int:
    """Choose the number of threads: `asked`, or what there is to an advantage."""
    if asked is not None:
        return min(asked, len(world.market.stalls))
    if world.street.agents < MANY_AGENTS:
        return 1
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(processors, len(world.market.stalls))


class InTurn:
    """All shards on one clock: who comes first among all of them acts first, and writes into the journal."""

    def __init__(self, world: World, columns: Columns) -> None:
        market = world.market
        self.shards = [Shard(world, columns, stall) for stall in market.stalls]
        self.rounds = [Round(self.shards, np.arange(world.street.agents), nobody_waits(world.street.agents))]
        self._stall_of = market.stall_of

    def shard_of(self, agent: int) -> Shard:
        """Give the shard that an agent belongs to."""
        return self.shards[int(self._stall_of[agent])]

    def first_key(self) -> int:
        """Key of who comes next, below 0 for nobody."""
        return self.rounds[0].first_key()

    def hasten(self, agent: int, now_ms: int) -> None:
        """Let an agent wake now."""
        self.rounds[0].hasten(agent, now_ms)

    def run(self, limit: int) -> int | None:
        """Wake agents while they come before the key `limit`.

        Returns
        -------
        int or None
            The moment at which others may have a reason to wake whom Python must answer; None at the end.
        """
        return _run(self.rounds[0], limit)


class SideBySide:
    """Shards that run on their own between the moments at which somebody sees more than one of them.

    Agents who trade nowhere but may see everybody, such as utilities, are the hall: they write into the journal itself.

    Parameters
    ----------
    threads : int
        How many shards run at the same time.
    """

    def __init__(self, world: World, columns: Columns, threads: int) -> None:
        self.world = world
        self.threads = threads
        stalls, trades, waiting = world.market.stalls, world.street.feeder >= 0, nobody_waits(world.street.agents)
        own = [Shard(world, columns, stall, Draft((COMMANDS, ORDERS, TRADES))) for stall in stalls]
        self.shards = [*own, Shard(world, columns, stalls[0])]
        """One for each stall, and the hall's."""
        self._place = np.where(trades, world.market.stall_of, len(stalls))
        self.rounds = [
            Round((shard,), np.flatnonzero(self._place == place), waiting) for place, shard in enumerate(self.shards)
        ]
        self._pool = ThreadPoolExecutor(threads - 1, "wattbook") if threads > 1 else None
        self._service = Lock()
        self._table = np.zeros((len(own), TABLE_WIDTH), np.int64)
        self._merge_at = entry(merge_at, 3)
        self._begin_at = entry(begin_at, 3)

    def shard_of(self, agent: int) -> Shard:
        """Give the shard that an agent belongs to."""
        return self.shards[int(self._place[agent])]

    def hasten(self, agent: int, now_ms: int) -> None:
        """Let an agent wake now."""
        self.rounds[int(self._place[agent])].hasten(agent, now_ms)

    def first_key(self) -> int:
        """Key of who comes next, below 0 for nobody."""
        return _first_key(self.rounds)

    def run(self, limit: int) -> int | None:
        """Do what `InTurn.run` does."""
        *others, hall = self.rounds
        while True:
            own = _or_never(hall.first_key())
            self._run_rounds(others, min(limit, own))
            self._merge()
            if own >= limit:
                return None
            now_ms = _run(hall, min(limit, _or_never(_first_key(others))))
            if now_ms is not None:
                return now_ms

    # --- side by side

    def _run_rounds(self, rounds: Sequence[Round], limit: int) -> None:
        """Run each round up to `limit`; raise what the first of those that failed met."""
        left, faults = iter(rounds), []

        def work() -> None:
            while (each := self._next(left)) is not None:
                try:
                    self._run_one(each, limit)
                except Exception as fault:  # noqa: BLE001 - raised below, once all have come as far
                    faults.append((each.latest.latest_key, each.latest.stall.index, fault))

        others = [self._pool.submit(work) for _ in range(self.threads - 1)] if self._pool is not None else []
        try:
            work()
        finally:
            wait(others)
        if faults:
            raise min(faults, key=lambda fault: fault[:2])[2]

    def _next(self, left: Iterator[Round]) -> Round | None:
        with self._service:
            return next(left, None)

    def _run_one(self, each: Round, limit: int) -> None:
        while (reason := each.run(limit)) != pens.DONE:
            with self._service:
                each.latest.meet(reason)
                if reason == pens.FAILED:
                    # The wake is over, and may have given others a reason to wake.
                    each.answer()

    # --- one after the other again

    def _merge(self) -> None:
        """Write into the journal what the shards have written, in the order of the one clock."""
        *shards, hall = self.shards
        for row, shard in zip(self._table, shards, strict=True):
            row[BOARD] = shard.address()
        table = int(self._table.ctypes.data)
        self._begin_at(hall.address(), table, len(shards))
        while (reason := self._merge_at(hall.address(), table, len(shards))) != pens.DONE:
            hall.meet(reason)
        given_up: list[tuple[int, dict[str, Any]]] = []
        for shard in shards:
            assert shard.draft is not None
            seqs = shard.draft.chunk("commands", 0).columns[0]
            given_up += [(int(seqs[row]), incident) for row, incident in shard.given_up]
            shard.given_up.clear()
            self.world.woken += shard.pen.wakes
            shard.pen.wakes[0] = 0
            shard.draft.empty()
        self.world.incidents += [incident for _, incident in sorted(given_up, key=lambda each: each[0])]


def _run(each: Round, limit: int) -> int | None:
    """Run a round that writes into the journal itself, as `InTurn.run` does."""
    while (reason := each.run(limit)) != pens.DONE:
        if reason != pens.NOTICE:
            each.latest.meet(reason)
        if reason in (pens.NOTICE, pens.FAILED):
            return each.latest.now_ms
    return None


def _or_never(key: int) -> int:
    return key if key >= 0 else _NEVER


def _first_key(rounds: Sequence[Round]) -> int:
    return min((key for each in rounds if (key := each.first_key()) >= 0), default=-1)
