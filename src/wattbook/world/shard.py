"""A shard: the agents of one stall whose policies compile, as a kernel sees them.

Owns the board that they are woken from, and what happens in Python when a kernel returns. Knows nothing of other
shards, nor of the order in which agents wake.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from wattbook.compiled import entry
from wattbook.errors import LivelockError, PolicyError
from wattbook.messages import FOREVER, OUT_COLUMNS, OUT_ROWS, See
from wattbook.world import kernel_pen as pens
from wattbook.world import kernel_wakes as wakes
from wattbook.world.clock import checked_delay
from wattbook.world.kernel_board import LENGTH, SCRATCH_ROWS, SEE_FIELDS, Chunk, Money, Outlooks, Pen, Sizes, Writing
from wattbook.world.kernel_looks import KEPT_AT, OUT_ROOM, TOLD_AT, step_address
from wattbook.world.kernel_wheel import PLACE_BITS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wattbook.journal import Draft, Journal
    from wattbook.market.columns import Notices
    from wattbook.market.stalls import Stall
    from wattbook.world.kernel_board import Minds
    from wattbook.world.kernel_wheel import Wheel
    from wattbook.world.world import World

    Ints = NDArray[np.int64]

_STREAMS: Final = ("commands", "orders", "trades")
_OPENED: Final = Sizes._fields.index("opened")
_BOOK: Final = Sizes._fields.index("book")


class Columns(NamedTuple):
    """What the shards of one world have in common."""

    minds: Minds
    cloud_ppm: Ints
    """(p, stages + 1), from `wattbook.assets.kernel.cloud_shocks`"""


class Shard:
    """Agents that trade at one stall.

    Parameters
    ----------
    world : World
    columns : Columns
    stall : Stall
    draft : Draft, optional
        Where it writes instead of the journal; fills are then told to itself alone.
    """

    def __init__(self, world: World, columns: Columns, stall: Stall, draft: Draft | None = None) -> None:
        self.world = world
        self.columns = columns
        self.stall = stall
        self.draft = draft
        self.pages: Journal | Draft = world.market.journal if draft is None else draft
        self.notices: Notices = world.market.notices
        own_wakes = world.woken
        if draft is not None:
            a = world.street.agents
            self.notices = self.notices._replace(queue=np.zeros(a, np.int64), waits=np.zeros(1, np.int64))
            own_wakes = np.zeros(1, np.int64)
        out = np.zeros(OUT_ROOM, np.int64)
        self._kept_memory, self._told = out[KEPT_AT:TOLD_AT], out[TOLD_AT:]
        self.pen = Pen(
            np.zeros(32, np.int64), np.zeros(world.street.periods, np.int64), np.zeros(SEE_FIELDS, np.int64),
            out[:KEPT_AT].reshape(OUT_ROWS, OUT_COLUMNS), np.zeros((SCRATCH_ROWS, world.street.periods), np.int64),
            own_wakes, stall.counts,
        )  # fmt: skip
        self.given_up: list[tuple[int, dict[str, Any]]] = []
        """Seq of the quarantine in the draft, and the incident."""
        self.wheel: Wheel
        self._wake_at = entry(wakes.wake_at, 3)
        self._step = step_address()
        self._board: Writing | None = None
        self._laid: tuple[Any, Any, Any, int] = (None, None, None, 0)

    # --- the board

    def _is_laid(self) -> bool:
        """Tell whether all that is on the board, and may be replaced while a run goes on, still lies where it did."""
        stall, (book, ring, ledger, replaced) = self.stall, self._laid
        same = book is stall.book and ring is stall.ring and ledger is self.world.market.ledger
        return same and replaced == self.pages.replaced

    def address(self) -> int:
        """Bring the board up to date, and tell where it lies."""
        board = self._board
        if board is None or not self._is_laid():
            board = self.lay()
        board.numbers[_BOOK] = self.stall.book.address  # type: ignore[union-attr]
        board.numbers[_OPENED] = self.world.day.opened
        return board.address

    def lay(self) -> Writing:
        """Lay the board out."""
        world, market, street = self.world, self.world.market, self.world.street
        seen, stall = world.expectations, self.stall
        self._laid = stall.book, stall.ring, market.ledger, self.pages.replaced
        chunks = [self.pages.chunk(name, 0) for name in _STREAMS]
        ledger = market.ledger
        sizes = Sizes(
            agents=street.agents, periods=street.periods, accounts=len(ledger.balance), ring=len(stall.ring.order),
            book=stall.book.address,  # type: ignore[union-attr]
            step=self._step,
            every_ms=seen.every_ms, stages=seen.table.shape[1],
            levy_tick=street.network.levy_tick, step_tick=street.market.step_tick if street.market else 1,
            end_ms=street.end_ms, origin_ms=street.start_ms, opened=world.day.opened,
            books=len(market.town.last_tick), stall=stall.index, first_book=stall.first_book,
        )  # fmt: skip
        board = self._board = Writing(
            sizes,
            (
                market.rules, market.town, stall.ring,
                Money(ledger.balance, ledger.reserved, ledger.credit_limit),
                world.sights, market.storage, self.columns.minds,
                Outlooks(
                    seen.phase_ms, seen.updated_ms, seen.scale_wh, seen.load_key, seen.own_key, seen.utility,
                    seen.vat_ppm, seen.foreseen, seen.load_base, seen.generation_base, seen.table,
                    self.columns.cloud_ppm, seen.load_raw, seen.own_raw,
                ),
                self.wheel, self.pen, self.notices,
                *(Chunk(chunk.columns, chunk.fill, chunk.capacity) for chunk in chunks),
            ),
        )  # fmt: skip
        assert len(board.numbers) == LENGTH, (len(board.numbers), LENGTH)
        return board

    # --- waking

    @property
    def now_ms(self) -> int:
        """Moment of the latest wake."""
        return int(self.pen.state[pens.AT_NOW])

    @property
    def latest_key(self) -> int:
        """Key of the latest wake."""
        place = int(self.columns.minds.place[self.pen.state[pens.AT_AGENT]])
        return (self.now_ms - self.world.street.start_ms) << PLACE_BITS | place

    def wake(self, agent: int, now_ms: int) -> int:
        """Wake one agent, whoever is on the wheel; return when it wakes next [ms]."""
        while (reason := self._wake_at(self.address(), agent, now_ms)) != pens.DONE:
            self.meet(reason)
            if reason == pens.FAILED:
                break
        return int(self.columns.minds.next_ms[agent])

    # --- what keeps a wake

    def meet(self, reason: int) -> None:
        """Meet what keeps a wake."""
        if self.draft is None:
            self._meet(reason)
        else:
            with self.stall.aside(self.draft, self.notices):
                self._meet(reason)

    def _meet(self, reason: int) -> None:
        world, state = self.world, self.pen.state
        if reason == pens.ROOM_COMMANDS:
            self.pages.chunk("commands", self.pages.chunk("commands", 0).capacity)
        elif reason == pens.ROOM_ORDERS:
            self._make_room("orders")
        elif reason == pens.ROOM_TRADES:
            self._make_room("trades")
        elif reason == pens.ROOM_RING:
            self.stall.lengthen()
        elif reason == pens.BOOK_NEEDS:
            self.stall.book.make_room(int(state[pens.AT_NEED]))  # type: ignore[union-attr]
        elif reason == pens.RARE:
            self._apply_rare()
        elif reason == pens.FAILED:
            self._give_up(int(state[pens.AT_AGENT]), self.now_ms)
        else:
            assert reason == pens.LIVELOCK
            raise LivelockError(world.livelock(int(state[pens.AT_AGENT]), self.now_ms))

    def _make_room(self, stream: str) -> None:
        """Empty a chunk, and lengthen it where what is to come would not fit at all."""
        chunk = self.pages.chunk(stream, 0)
        self.pages.chunk(stream, max(chunk.capacity, int(self.pen.state[pens.AT_NEED])))

    def _apply_rare(self) -> None:
        """Carry out a command that kernels leave to Python."""
        state = self.pen.state
        agent, period = int(state[pens.AT_AGENT]), int(self.pen.due[state[pens.AT_LOOK]])
        self.world.act(agent, period, self.now_ms, self.pen.out[state[pens.AT_ROW]].tolist())
        state[pens.AT_ROW] += 1
        state[pens.AT_CHANGED] = 1

    def _give_up(self, agent: int, now_ms: int) -> None:
        """Take out an agent whose policy failed; one that raised is asked again, in Python, to learn why."""
        self.pen.state[pens.AT_PHASE] = 0
        self.columns.minds.next_ms[agent] = FOREVER
        # 0 for one that raised: only times in the past are told.
        delay, self._told[0] = int(self._told[0]), 0
        try:
            checked_delay(delay)
        except PolicyError as error:
            self.world.quarantine(agent, now_ms, error)
        else:
            self._ask_again(agent, now_ms)
        if self.draft is not None:
            seq = int(self.draft.chunk("commands", 0).fill[1]) - 1
            self.given_up.append((seq, self.world.incidents.pop()))

    def _ask_again(self, agent: int, now_ms: int) -> None:
        """Ask a policy that raised again, in Python, with the memory that it then had."""
        mind, population = self.world.minds[agent], self.world.population
        assert mind is not None
        assert population is not None
        if population.keeps_memory(agent):
            self.world.memory[agent] = self._kept_memory
        if self.world.decide(agent, mind, See(*self.pen.row.tolist()), now_ms) is not None:
            # Compiled arithmetic has 64 bits, and Python's has no end: what raised there may be well here.
            self.world.quarantine(agent, now_ms, PolicyError("it failed in its compiled form"))
