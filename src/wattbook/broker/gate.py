"""Where calls wait until the pacer lets them out: the first that came goes first, also when it has to go again."""

from __future__ import annotations

import asyncio
from heapq import heappop, heappush
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wattbook.broker.pacer import Pacer, Sent


class Gate:
    """The one way out of all calls; only the loop may touch it.

    Parameters
    ----------
    pacer : Pacer
    most_at_once : int
        Calls that may be outside together.
    loop : asyncio.AbstractEventLoop
    """

    def __init__(self, pacer: Pacer, most_at_once: int, loop: asyncio.AbstractEventLoop) -> None:
        self._pacer = pacer
        self._most_at_once = most_at_once
        self._outside = 0
        self._loop = loop
        self._line: list[tuple[int, asyncio.Future[Sent]]] = []
        self._timer: asyncio.TimerHandle | None = None

    async def leave(self, number: int) -> Sent:
        """Wait until the call with this number may go out: of those that wait, the lowest goes first."""
        turn: asyncio.Future[Sent] = self._loop.create_future()
        heappush(self._line, (number, turn))
        self._let_out()
        try:
            return await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # its turn came in the same moment as the end of its time
                self.come_back()
            raise

    def come_back(self) -> None:
        """Note that a call is not outside any more."""
        self._outside -= 1
        self._let_out()

    def refused(self, sent: Sent, retry_after_s: float | None) -> None:
        """Note that the server sent a call back."""
        self._pacer.refused(self._loop.time(), sent, retry_after_s)

    def _let_out(self) -> None:
        while self._line and self._outside < self._most_at_once:
            if self._line[0][1].done():
                heappop(self._line)
                continue
            now_s = self._loop.time()
            wait_s = self._pacer.wait_s(now_s)
            if wait_s > 0:
                self._wake_at(now_s + wait_s)
                return
            self._outside += 1
            heappop(self._line)[1].set_result(self._pacer.sent(now_s))

    def _wake_at(self, moment_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(moment_s, self._let_out)
