"""Who carries out the zero-intelligence market: our engines, and what else one might build it with.

A runner goes through the whole time in one go and calls `at_stop` at each of the times that it is given, from within.
So what beginning and ending a run takes is in no slice, and a run never has to be put back together in its middle.
"""

from __future__ import annotations

import time
from contextlib import suppress
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import numpy as np

from wattbook.messages import BUY, Action
from wattbook.world.clock import Alarm

from .market import (
    CAP_TICK,
    FLOOR_TICK,
    LIMIT,
    LOOK_MS,
    LOT_WH,
    MOST_LOTS,
    SEED,
    SIDE,
    START_MS,
    TRADERS_PER_FEEDER,
    Size,
    first_wakes_ms,
    minds,
    quote,
    world_of,
)
from .minimal import MinimalBook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from wattbook.world import World

POPULATION: Final = "population"
PROCESSES: Final = "processes"
SIMPY_ALONE: Final = "SimPy alone"
SIMPY_PYTHON: Final = "SimPy, minimal book"
MESA: Final = "Mesa, minimal book"
ASSUME: Final = "ASSUME, uniform price"
BOOK_ALONE: Final = "book alone"
_BLOCK: Final = 1 << 16
_TICK_RANK: Final = 9
"""Behind all fixed processes and before all agents."""


class Counts(NamedTuple):
    """What a runner has done so far.

    Attributes
    ----------
    wakes, trades : int
    journal_s, settlement_s : float
        CPU time in hashing and writing the journal, and in delivery, settlement and bills [s]; 0 without any.
    """

    wakes: int
    trades: int
    journal_s: float = 0.0
    settlement_s: float = 0.0


class Runner(Protocol):
    """One way through the market; made before the clock starts."""

    def go(self, stops_ms: Sequence[int], at_stop: Callable[[Counts], None]) -> None:
        """Go on to the last of `stops_ms`, counted from the start, and call `at_stop` at each."""

    def fingerprint(self) -> str:
        """Of all that has happened so far; empty where nobody keeps a record."""


# --- ours


class Ours:
    """A world of this package."""

    def __init__(self, size: Size, folder: Path, engine: str, policy: str = quote.__name__) -> None:
        self.world = world_of(size, engine, policy, folder / f"{engine}-{policy}.journal")
        self.world.next_ms[: size.traders] = START_MS + first_wakes_ms(size.traders)
        self.journal_s = self.settlement_s = 0.0
        self._watch(self.world)

    def go(self, stops_ms: Sequence[int], at_stop: Callable[[Counts], None]) -> None:
        """Run the world; an event of its own stands at each stop."""
        day = self.world.day
        start = day.start

        def start_with_stops(env: Any, **told: Callable[[int], None]) -> None:
            start(env, **told)
            env.process(self._stops(env, stops_ms, at_stop))

        day.start = start_with_stops  # type: ignore[method-assign]
        self.world.run(until_ms=START_MS + stops_ms[-1] + 1)

    def fingerprint(self) -> str:
        """Give the journal's."""
        return self.world.journal.fingerprint()

    def _stops(self, env: Any, stops_ms: Sequence[int], at_stop: Callable[[Counts], None]) -> Iterator[Any]:
        for at_ms in stops_ms:
            yield Alarm(env, START_MS + at_ms, _TICK_RANK)
            at_stop(Counts(self.world.wakes, self.world.market.trades, self.journal_s, self.settlement_s))

    def _watch(self, world: World) -> None:
        """Time what is called once for tens of thousands of rows, or once a day: that costs nothing."""
        flush, doors = world.journal._flush, world.market._doors  # noqa: SLF001  # measured where they are called

        def timed_flush(reel: Any) -> None:
            start = time.process_time()
            flush(reel)
            self.journal_s += time.process_time() - start

        def timed_door(door: Callable[..., int]) -> Callable[..., int]:
            def call(*given: Any) -> int:
                start, journal_s = time.process_time(), self.journal_s
                code = door(*given)
                self.settlement_s += time.process_time() - start - (self.journal_s - journal_s)
                return code

            return call

        world.journal._flush = timed_flush  # type: ignore[method-assign]  # noqa: SLF001  # as above
        for action in (Action.DELIVER, Action.SETTLE, Action.BILL):
            doors[action] = timed_door(doors[action])


# --- what else there is


class SimPyAlone:
    """SimPy's own ceiling: a process for each agent that wakes on its clock, and does nothing."""

    def __init__(self, size: Size, _: Path) -> None:
        import simpy

        self.env = simpy.Environment()
        self.wakes = 0
        for first_ms in first_wakes_ms(size.traders).tolist():
            self.env.process(self._agent(first_ms))

    def _agent(self, first_ms: int) -> Iterator[Any]:
        timeout, luck = self.env.timeout, first_ms
        yield timeout(first_ms)
        while True:
            self.wakes += 1
            luck = (luck * 7919 + 12_345) % LOOK_MS
            yield timeout(LOOK_MS + luck)

    def go(self, stops_ms: Sequence[int], at_stop: Callable[[Counts], None]) -> None:
        """Run to each stop."""
        for at_ms in stops_ms:
            self.env.run(until=at_ms)
            at_stop(Counts(self.wakes, 0))

    def fingerprint(self) -> str:
        """Nothing is kept."""
        return ""


class PythonMarket:
    """The same trading in plain Python around the frozen `MinimalBook`: no admission, accounts or journal."""

    def __init__(self, traders: int, luck: Callable[[], int]) -> None:
        feeders = -(-traders // TRADERS_PER_FEEDER)
        self.book = MinimalBook(feeders)
        self.traits = [mind.memory for mind in minds(traders, quote) if mind is not None]
        self.order = [0] * traders
        self.orders = self.wakes = self.trades = 0
        self.luck = luck

    def wake(self, agent: int) -> int:
        """Look at the best quotes, replace the one order; give the delay until the next wake [ms]."""
        book, luck, feeder = self.book, self.luck(), agent // TRADERS_PER_FEEDER
        memory = self.traits[agent]
        side, limit = memory[SIDE], memory[LIMIT]
        if side == BUY:
            price, other = FLOOR_TICK + luck % (limit - FLOOR_TICK + 1), book.asks[feeder]
            if other:
                price = min(price, other.peekitem(0)[0])
        else:
            price, other = limit + luck % (CAP_TICK - limit + 1), book.bids[feeder]
            if other:
                price = max(price, other.peekitem(-1)[0])
        quantity = LOT_WH * (1 + (luck >> 20) % MOST_LOTS)
        fills = book.replace(self.order[agent], agent, price, quantity)
        if fills is None:
            self.orders += 1
            self.order[agent] = self.orders
            fills = book.submit(self.orders, feeder, agent, side, price, quantity)
        self.wakes += 1
        self.trades += len(fills)
        if len(book.events) > _BLOCK:
            book.events.clear()
        return LOOK_MS + (luck >> 30) % LOOK_MS


def _lucks() -> Iterator[int]:
    """Draw in blocks, which costs next to nothing."""
    rng = np.random.default_rng(SEED)
    while True:
        yield from rng.integers(0, 1 << 62, _BLOCK).tolist()


class SimPyPython:
    """What one would write first: SimPy, a process for each agent, a book in Python."""

    def __init__(self, size: Size, _: Path) -> None:
        import simpy

        self.env = simpy.Environment()
        self.market = PythonMarket(size.traders, _lucks().__next__)
        for agent, first_ms in enumerate(first_wakes_ms(size.traders).tolist()):
            self.env.process(self._agent(agent, first_ms))

    def _agent(self, agent: int, first_ms: int) -> Iterator[Any]:
        yield self.env.timeout(first_ms)
        while True:
            yield self.env.timeout(self.market.wake(agent))

    def go(self, stops_ms: Sequence[int], at_stop: Callable[[Counts], None]) -> None:
        """Run to each stop."""
        for at_ms in stops_ms:
            self.env.run(until=at_ms)
            at_stop(Counts(self.market.wakes, self.market.trades))

    def fingerprint(self) -> str:
        """Nothing is kept."""
        return ""


class Mesa:
    """Mesa's event scheduling: each agent's next wake is an event, the book is the same one in Python."""

    def __init__(self, size: Size, _: Path) -> None:
        mesa = import_module("mesa")
        devs = import_module("mesa.experimental.devs")
        self.simulator = simulator = devs.DEVSimulator()
        model = mesa.Model(seed=SEED)
        simulator.setup(model)
        self.market = market = PythonMarket(size.traders, lambda: model.random.getrandbits(62))

        class Trader(mesa.Agent):  # type: ignore[misc, name-defined]
            """A trader that schedules its next wake."""

            def __init__(self, place: int) -> None:
                super().__init__(model)
                self.place = place

            def wake(self) -> None:
                """Trade, and wake again."""
                simulator.schedule_event_relative(self.wake, market.wake(self.place))

        for place, first_ms in enumerate(first_wakes_ms(size.traders).tolist()):
            simulator.schedule_event_absolute(Trader(place).wake, first_ms)

    def go(self, stops_ms: Sequence[int], at_stop: Callable[[Counts], None]) -> None:
        """Run to each stop."""
        for at_ms in stops_ms:
            self.simulator.run_until(at_ms)
            at_stop(Counts(self.market.wakes, self.market.trades))

    def fingerprint(self) -> str:
        """Nothing is kept."""
        return ""


def _assume(size: Size, folder: Path) -> Runner:
    from .assume_units import AssumeUnits

    return AssumeUnits(size, folder)


def _replay_of(size: Size, folder: Path) -> Runner:
    from .replay import BookReplay

    return BookReplay(size, folder)


class Kind(NamedTuple):
    """How a runner takes part.

    Attributes
    ----------
    share : float
        Wakes of its slices, relative to others': a slow one gets shorter slices, and a fast one longer.
    most : int
        Most agents that it is given.
    trades : bool
        Whether it trades, at the rate that all others trade at.
    work : str
        What it does in a wake.
    """

    share: float
    most: int
    trades: bool
    work: str


_IN_PYTHON: Final = "quotes and book in Python, neither admission nor accounts nor journal"
KINDS: Final = {
    POPULATION: Kind(5.0, 10**6, True, "everything: quotes, admission, book, accounts, journal"),
    PROCESSES: Kind(1.0, 10**6, True, "the same, and gives the same journal"),
    SIMPY_ALONE: Kind(1.0, 10**6, False, "nothing: it is SimPy's own ceiling"),
    SIMPY_PYTHON: Kind(0.25, 10**5, True, _IN_PYTHON),
    MESA: Kind(0.25, 10**5, True, _IN_PYTHON),
    ASSUME: Kind(0.1, 10**3, False, "one random bid in an auction that opens every 15 minutes; no continuous market"),
}
ENGINES: Final = (POPULATION, PROCESSES)
_MAKERS: Final[dict[str, Callable[[Size, Path], Runner]]] = {
    POPULATION: lambda size, folder: Ours(size, folder, POPULATION),
    PROCESSES: lambda size, folder: Ours(size, folder, PROCESSES),
    BOOK_ALONE: _replay_of,
    SIMPY_ALONE: SimPyAlone,
    SIMPY_PYTHON: SimPyPython,
    MESA: Mesa,
    ASSUME: _assume,
}


def runner_of(name: str, size: Size, folder: Path) -> Runner:
    """Make a runner: one of `KINDS`, or ``engine/policy`` for one of ours with another policy."""
    if name in _MAKERS:
        return _MAKERS[name](size, folder)
    engine, _, policy = name.partition("/")
    return Ours(size, folder, engine, policy)


def versions() -> dict[str, str]:
    """Version of each peer that is installed."""
    found = {}
    for package in ("mesa", "assume-framework"):
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found
