"""A round: agents that wake one after the other on one wheel, of one shard or of several.

Owns the wheel. Knows nothing of other rounds, nor of SimPy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from wattbook.compiled import entry
from wattbook.world import kernel_wakes as wakes
from wattbook.world.kernel_ahead import COUNT, FIRST_BOARD, LATEST
from wattbook.world.kernel_wheel import NONE, PLACE, PLACE_BITS, empty_wheel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from wattbook.world.shard import Shard

    Ints = NDArray[np.int64]


class Round:
    """Agents on one wheel.

    Parameters
    ----------
    shards : sequence of Shard
        One, or one for each stall.
    members : (any,) int64
        The agents.
    waiting : tuple of (a,) int64
        Where all agents of the world wait, see `wattbook.world.kernel_wheel.nobody_waits`.
    """

    def __init__(self, shards: Sequence[Shard], members: Ints, waiting: tuple[Ints, ...]) -> None:
        self.shards = shards
        self.members = members
        self._waiting = waiting
        self._street = shards[0].world.street
        self._table = np.zeros(FIRST_BOARD + len(shards), np.int64)
        self._table[COUNT] = len(shards)
        self._run_at = entry(wakes.run_at, 3)
        self._begin_anew()

    def _begin_anew(self) -> None:
        """Take an empty wheel, on which no member waits any more."""
        for column in self._waiting:
            column[self.members] = NONE
        wheel = empty_wheel(self._street.agents, self._waiting)
        for shard in self.shards:
            shard.wheel = wheel

    def fill(self) -> None:
        """Put all members on an empty wheel."""
        self._begin_anew()
        for shard in self.shards:
            shard.lay()
        wakes.put_all_at(self.shards[0].address(), self.members)

    @property
    def latest(self) -> Shard:
        """Shard of the latest wake, which may not be over."""
        return self.shards[int(self._table[LATEST])]

    def first_key(self) -> int:
        """Key of who comes next, below 0 for nobody."""
        return int(wakes.first_key_at(self.shards[0].address()))

    def hasten(self, agent: int, now_ms: int) -> None:
        """Let a member wake now."""
        wakes.hasten_at(self.shards[0].address(), agent, now_ms)

    def answer(self) -> None:
        """Let those who were filled in the latest wake wake now."""
        wakes.answer_at(self.shards[0].address(), self.latest.now_ms)

    def run(self, limit: int) -> int:
        """Wake members while they come before the key `limit`; say what must be met before they go on, 0 at the end.

        When a wake ends because its policy failed, or with fills to tell, others may have a reason to wake.
        """
        for place, shard in enumerate(self.shards, FIRST_BOARD):
            self._table[place] = shard.address()
        until_ms = self._street.start_ms + (limit >> PLACE_BITS)
        return self._run_at(int(self._table.ctypes.data), until_ms, limit & PLACE)
