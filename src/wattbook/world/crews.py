"""Who runs the shards of a world: one after the other on one clock, or side by side on several processors.

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
from wattbook.world import kernel_wakes as wakes
from wattbook.world.kernel_merge import BOARD, TABLE_WIDTH, begin_at, merge_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wattbook.world.shard import Shard
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
    """Shards on one clock: who comes first among all of them acts first, and writes into the journal."""

    def __init__(self, shards: Sequence[Shard]) -> None:
        self.shards = shards

    def first_key(self) -> int:
        """Key of who comes next, below 0 for nobody."""
        return _first_key(self.shards)

    def run(self, limit: int) -> int | None:
        """Wake agents while they come before the key `limit`.

        Returns
        -------
        int or None
            The moment at which others may have a reason to wake whom Python must answer; None at the end.
        """
        while True:
            keys = [_or_never(shard.first_key()) for shard in self.shards]
            first = min(range(len(keys)), key=keys.__getitem__)
            if keys[first] >= limit:
                return None
            shard = self.shards[first]
            stop = min([limit, *keys[:first], *keys[first + 1 :]])
            while (reason := shard.run(stop)) != wakes.DONE:
                if reason != wakes.NOTICE:
                    shard.meet(reason)
                if reason in (wakes.NOTICE, wakes.FAILED):
                    return shard.now_ms


class SideBySide:
    """Shards that run on their own between the moments at which somebody sees more than one of them.

    Parameters
    ----------
    shards : sequence of Shard
        One for each stall, with a draft each.
    hall : Shard
        Agents who trade nowhere but may see everybody, such as utilities.
    threads : int
    """

    def __init__(self, world: World, shards: Sequence[Shard], hall: Shard, threads: int) -> None:
        self.world = world
        self.shards = shards
        self.hall = hall
        self.threads = threads
        self._pool = ThreadPoolExecutor(threads - 1, "wattbook") if threads > 1 else None
        self._service = Lock()
        self._table = np.zeros((len(shards), TABLE_WIDTH), np.int64)
        self._merge_at = entry(merge_at, 3)
        self._begin_at = entry(begin_at, 3)

    def first_key(self) -> int:
        """Key of who comes next, below 0 for nobody."""
        return _first_key((*self.shards, self.hall))

    def run(self, limit: int) -> int | None:
        """Do what `InTurn.run` does."""
        while True:
            own = _or_never(self.hall.first_key())
            self._run_shards(min(limit, own))
            self._merge()
            if own >= limit:
                return None
            stop = min(limit, _or_never(_first_key(self.shards)))
            while (reason := self.hall.run(stop)) != wakes.DONE:
                if reason != wakes.NOTICE:
                    self.hall.meet(reason)
                if reason in (wakes.NOTICE, wakes.FAILED):
                    return self.hall.now_ms

    # --- side by side

    def _run_shards(self, limit: int) -> None:
        """Run each shard up to `limit`; raise what the first of those that failed met."""
        left, faults = iter(self.shards), []

        def work() -> None:
            while (shard := self._next(left)) is not None:
                try:
                    self._run_one(shard, limit)
                except Exception as fault:  # noqa: BLE001 - raised below, once all have come as far
                    faults.append((shard.latest_key, shard.stall.index, fault))

        others = [self._pool.submit(work) for _ in range(self.threads - 1)] if self._pool is not None else []
        try:
            work()
        finally:
            wait(others)
        if faults:
            raise min(faults, key=lambda fault: fault[:2])[2]

    def _next(self, left: Iterator[Shard]) -> Shard | None:
        with self._service:
            return next(left, None)

    def _run_one(self, shard: Shard, limit: int) -> None:
        while (reason := shard.run(limit)) != wakes.DONE:
            with self._service:
                shard.meet(reason)
                if reason == wakes.FAILED:
                    # The wake is over, and may have given others a reason to wake.
                    wakes.answer_at(shard.address(), shard.now_ms)

    # --- one after the other again

    def _merge(self) -> None:
        """Write into the journal what the shards have written, in the order of the one clock."""
        for row, shard in zip(self._table, self.shards, strict=True):
            row[BOARD] = shard.address()
        table = int(self._table.ctypes.data)
        self._begin_at(self.hall.address(), table, len(self.shards))
        while (reason := self._merge_at(self.hall.address(), table, len(self.shards))) != wakes.DONE:
            self.hall.meet(reason)
        given_up: list[tuple[int, dict[str, Any]]] = []
        for shard in self.shards:
            assert shard.draft is not None
            seqs = shard.draft.chunk("commands", 0).columns[0]
            given_up += [(int(seqs[row]), incident) for row, incident in shard.given_up]
            shard.given_up.clear()
            self.world.woken += shard.pen.wakes
            shard.pen.wakes[0] = 0
            shard.draft.empty()
        self.world.incidents += [incident for _, incident in sorted(given_up, key=lambda each: each[0])]


def _or_never(key: int) -> int:
    return key if key >= 0 else _NEVER


def _first_key(shards: Sequence[Shard]) -> int:
    keys = [key for shard in shards if (key := shard.first_key()) >= 0]
    return min(keys, default=-1)
