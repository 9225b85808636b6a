"""The world: one clock, one SimPy process per agent, and the fixed processes that run the market's day.

Owns when things happen. A process is a thin shell: it waits for an alarm and calls `wake`; all state lies in
columns, none in a generator, so that it can be saved, replayed, and driven by something else.
"""

from __future__ import annotations

import traceback
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import simpy

from wattbook.chance import draw, keys_of
from wattbook.errors import CorruptError, LivelockError, PolicyError, RunEndedError
from wattbook.journal import Journal, pack, unpack
from wattbook.market import Market
from wattbook.messages import (
    FOREVER,
    MEMORY_SIZE,
    OUT_ACTION,
    OUT_COLUMNS,
    OUT_ROWS,
    Action,
    Command,
    Path,
    See,
    streams_of,
)
from wattbook.records import columns_of, records
from wattbook.world.choosing import Choosing
from wattbook.world.clock import FIRST_AGENT, Alarm, Rank, agent_ranks, checked_delay, moved
from wattbook.world.day import MarketDay
from wattbook.world.kernel import Sights, observe, project_battery, project_group
from wattbook.world.kernel_board import MIND_WIDTH
from wattbook.world.kernel_looks import COMPILES
from wattbook.world.kernel_pen import MOST_WAKES_AT_ONCE, NO_ACTION
from wattbook.world.outlook import BATTERY_HORIZON_MS, Expectations
from wattbook.world.oversight import Oversight
from wattbook.world.population import Population, looks_of
from wattbook.world.reactions import Reactions
from wattbook.world.turns import Turns
from wattbook.world.wholesale_day import WholesaleDay

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from numpy.typing import NDArray

    from wattbook.market import Street
    from wattbook.market.suppliers import Suppliers
    from wattbook.policies import Mind
    from wattbook.policies.language.days import Voice
    from wattbook.policies.wholesale import WholesaleMind
    from wattbook.regulator.judging import Judge
    from wattbook.world.counsel import Counsel
    from wattbook.world.outlook import Outlook

ENGINES: Final = {
    "auto": "population if every policy compiles, else processes",
    "population": "one kernel for all agents whose policies compile, a process for each of the others",
    "processes": "a SimPy process for each agent; where its policy compiles, its wake is compiled",
    "interpreted": "a SimPy process for each agent, everything in Python: the law that the others are held against",
}


class Progress(NamedTuple):
    """How far a run has come."""

    now_ms: int
    start_ms: int
    end_ms: int
    wakes: int
    commands: int
    trades: int


class World:
    """A street, its minds, and time.

    Parameters
    ----------
    street : Street
    minds : sequence of Mind or None, (a,)
        How each agent decides, in the order of `street.names`; None does nothing.
    outlook : Outlook
    seed : int
    on_policy_error : str
        "quarantine" takes an agent whose policy raises or answers nonsense out of the market and goes on; "fail"
        stops the run.
    sink : path, file or None
        Where the journal goes.
    provenance : dict, optional
        What the run was made of (seed, digests of the scenario and its inputs), for the journal's header.
    engine : str
        One of `ENGINES`; all give the same journal.
    threads : int or None
        How many processors work on the population side by side, where there are feeders that do not depend on each
        other; None for as many as are worth while. Any number gives the same journal.
    judge : callable, optional
        Who chooses the regulator's sanctions, see `wattbook.regulator.judging`; without one its ladder does.
    voices : mapping of int to Voice, optional
        Utilities and producers that ask a language model, by agent.
    thinking_ms : int
        How long they think.

    Attributes
    ----------
    engine : str
        The engine chosen, "population" or "processes".
    incidents : list of dict
        What went wrong in policies: time_ms, agent, error, traceback.
    """

    def __init__(
        self,
        street: Street,
        minds: Sequence[Mind | None],
        outlook: Outlook,
        seed: int,
        on_policy_error: str = "quarantine",
        sink: Any = None,
        provenance: dict[str, Any] | None = None,
        engine: str = "auto",
        threads: int | None = None,
        wholesale_minds: Mapping[int, WholesaleMind] | None = None,
        judge: Judge | None = None,
        voices: Mapping[int, Voice] | None = None,
        thinking_ms: int = 0,
    ) -> None:
        assert len(minds) == street.agents
        self.street = street
        self.minds = minds
        self.on_policy_error = on_policy_error
        header = street.header() | {"run": provenance or {}}
        self.journal = Journal(streams_of(header), header, sink)
        self.market = Market(street, self.journal)
        self.street = street = self.market.street
        self.day = MarketDay(self.market)
        self.expectations = Expectations(street, outlook, seed)
        self.sights = _sights(street, self.expectations, self.market.suppliers)
        self.ranks = agent_ranks(seed, street.names)
        self.wholesale_day: WholesaleDay | None = None
        if self.market.wholesale is not None:
            self.wholesale_day = WholesaleDay(
                self.market, dict(wholesale_minds or {}), seed, self._group_need, self.quarantine
            )
            retail = self.market.wholesale.retail
            if retail is not None and retail.moves is not None:
                self.wholesale_day.ask_members = Choosing(self, seed).ask
        self.counsel: Counsel | None = None
        if self.wholesale_day is not None and voices:
            from wattbook.world.counsel import Counsel  # most runs are without

            self.counsel = Counsel(self.wholesale_day, voices, thinking_ms)
        self.oversight = None if street.oversight is None else Oversight(self.market, judge)
        self.woken = np.zeros(1, np.int64)
        self.incidents: list[dict[str, Any]] = []
        # Columns of the agents' clocks.
        a, p = street.agents, street.periods
        awake = np.array([mind is not None for mind in minds])
        self.now_ms = street.start_ms
        self.next_ms, self.seen, self.woke_ms, self.woke_often, *rest = columns_of(
            records(a, MIND_WIDTH), np.where(awake, street.start_ms, FOREVER), -1, -1, 0,
            np.array([0 if mind is None else mind.look_ahead_ms for mind in minds], np.int64),
            keys_of(seed, street.names, "draw"), np.array(self.ranks, np.int64) - FIRST_AGENT, 0,
        )  # fmt: skip
        self.look_ahead_ms, self.draw_keys, self.place, self.look = rest
        self.memory = np.zeros((a, MEMORY_SIZE), np.int64)
        for agent, mind in enumerate(minds):
            if mind is not None:
                self.memory[agent, : len(mind.memory)] = mind.memory
        self.look_ms = np.full((a, p), FOREVER, np.int64)
        laboratory = self.market.laboratory
        takes_turns = laboratory is not None and laboratory.rules.takes_turns
        self.turns: Turns | None = None
        if laboratory is not None and takes_turns:
            turns = Reactions if laboratory.rules.reaction_ms else Turns
            self.turns = turns(self, laboratory, seed, COMPILES and engine != "interpreted")
        self._env: simpy.Environment | None = None
        self._alarms: dict[int, simpy.Event] = {}
        self._listen()
        self.engine, self.population = self._engine(engine, threads)

    def _listen(self) -> None:
        """Tell the market who wants to hear of its fills; whoever takes turns does not."""
        listens = [self.turns is None and mind is not None and mind.listens for mind in self.minds]
        self.market.tell_fills(listens, self.look_ms)

    def _engine(self, engine: str, threads: int | None) -> tuple[str, Population | None]:
        """Choose the engine, and compile what it needs."""
        assert engine in ENGINES, engine
        if engine == "interpreted" or not COMPILES or self.market.laboratory is not None:
            return "processes", None
        looks, why_not = looks_of(self.minds)
        if engine == "auto":
            engine = "processes" if why_not else "population"
        if not any(looks):
            return engine, None
        # Who hears of a fill in Python must act at that moment: then nobody is ahead of anybody.
        heard_in_python = any(
            look is None and mind is not None and mind.listens for look, mind in zip(looks, self.minds, strict=True)
        )
        apart = engine == "population" and len(self.market.stalls) > 1 and not heard_in_python
        return engine, Population(self, looks, apart, threads)

    @property
    def wakes(self) -> int:
        """Times that an agent woke."""
        return int(self.woken[0])

    # --- running

    def run(self, progress: Callable[[Progress], None] | None = None, until_ms: int | None = None) -> None:
        """Run on to `until_ms`, or to the end of the last period.

        At that moment whatever is due is delivered, settled, billed, opened and closed; agents due then wake when
        the run goes on, and at the end of the last period not at all.

        Raises
        ------
        LivelockError
            If an agent wakes again and again without time passing.
        PolicyError
            If a policy fails and `on_policy_error` is "fail".
        """
        until_ms = self.street.end_ms if until_ms is None else min(until_ms, self.street.end_ms)
        env = simpy.Environment(initial_time=self.now_ms)
        looks = self.population.look if self.population is not None else np.zeros(self.street.agents, np.int64)
        in_population = (looks != 0) & (self.engine == "population")
        if self.population is not None:
            self.population.begin()
        self._env, self._alarms = env, {}
        wakes_by_itself = (self.next_ms <= self.street.end_ms) | (self.market.notices.listens == 1)
        for agent in np.flatnonzero(~in_population & wakes_by_itself).tolist():
            env.process(self._agent(env, agent, self._wake_of(agent)))
        if self.population is not None and in_population.any():
            env.process(self.population.process(env))
        if self.turns is not None:
            env.process(self.turns.process(env))
        self.day.start(
            env,
            delivered=lambda at_ms: progress(self._progress(at_ms)) if progress is not None else None,
            auctioned=self.answer_notices,
        )
        if self.wholesale_day is not None:
            self.wholesale_day.start(env, dealt=self.answer_notices)
        if self.counsel is not None:
            env.process(self.counsel.process(env))
        if self.oversight is not None:
            env.process(self.oversight.process(env))
        env.run(until=Alarm(env, until_ms, Rank.HORIZON))
        self.now_ms = until_ms
        self.market.check()
        self.journal.flush()

    def _agent(
        self, env: simpy.Environment, agent: int, wake: Callable[[int, int], int]
    ) -> Generator[simpy.Event, None, None]:
        rank, end_ms, notices = self.ranks[agent], self.street.end_ms, self.market.notices
        listens, at_ms = bool(notices.listens[agent]), int(self.next_ms[agent])
        while at_ms <= end_ms or listens:
            alarm = Alarm(env, at_ms, rank) if at_ms <= end_ms else env.event()
            if listens:
                self._alarms[agent] = alarm
            yield alarm
            now_ms = int(env.now)
            self.next_ms[agent] = at_ms = wake(agent, now_ms)
            if notices.waits[0]:
                self.answer_notices(now_ms)

    def answer_notices(self, now_ms: int) -> None:
        """Let those who were filled wake now, each in its turn among the events of this moment."""
        notices, env = self.market.notices, self._env
        assert env is not None
        for agent in notices.queue[: notices.waits[0]].tolist():
            notices.waiting[agent] = 0
            if self.next_ms[agent] <= now_ms:
                continue
            if agent in self._alarms:
                self.next_ms[agent] = now_ms
                self._alarms[agent] = moved(self._alarms[agent], Alarm(env, now_ms, self.ranks[agent]))
            elif self.population is not None:
                self.population.notify(env, agent, now_ms)
        notices.waits[0] = 0

    def _wake_of(self, agent: int) -> Callable[[int, int], int]:
        """Give what wakes an agent: the compiled wake, if its policy compiles."""
        if self.population is not None and self.population.look[agent]:
            return self.population.wake
        return self.wake

    def _progress(self, now_ms: int) -> Progress:
        street, rows = self.street, self.journal.rows
        return Progress(now_ms, street.start_ms, street.end_ms, self.wakes, rows["commands"], self.market.trades)

    # --- one wake

    def wake(self, agent: int, now_ms: int) -> int:
        """Let one agent look at its products and act; return when it wakes next [ms]."""
        mind = self.minds[agent]
        assert mind is not None
        self.woken[0] += 1
        self._refuse_livelock(agent, now_ms)
        if self.market.town.quarantined[agent]:
            return FOREVER
        street = self.street
        first = -(-(now_ms - street.start_ms) // street.period_ms)
        ahead_ms = mind.look_ahead_ms + self.market.rules.closes_before_ms
        last = min((now_ms + ahead_ms - street.start_ms) // street.period_ms, self.day.opened - 1)
        fresh = int(self.seen[agent]) + 1
        self.seen[agent] = self.day.opened - 1
        new = self._foresee(agent, now_ms, max(last, self.day.opened - 1) if fresh < self.day.opened else last)
        periods = np.arange(first, self.day.opened)
        due = (periods >= fresh) | (self.look_ms[agent, first : self.day.opened] <= now_ms)
        if new and mind.follows_forecasts:
            due |= periods <= last
        if not self._look_at(agent, mind, periods[due], fresh, now_ms):
            return FOREVER
        return self._next_wake_ms(agent, mind, now_ms, first)

    def _refuse_livelock(self, agent: int, now_ms: int) -> None:
        if self.woke_ms[agent] != now_ms:
            self.woke_ms[agent] = now_ms
            self.woke_often[agent] = 0
        self.woke_often[agent] += 1
        if self.woke_often[agent] > MOST_WAKES_AT_ONCE:
            raise LivelockError(self.livelock(agent, now_ms))

    def livelock(self, agent: int, now_ms: int) -> str:
        """Say that an agent wakes again and again."""
        return (
            f"agent {self.street.names[agent]!r} woke {MOST_WAKES_AT_ONCE} times at {now_ms} ms without time "
            "passing: let its policy return a delay above 0"
        )

    def _next_wake_ms(self, agent: int, mind: Mind, now_ms: int, first: int) -> int:
        """Give the earliest of: a look that its policy asked for, its next forecast, the next gate opening."""
        street = self.street
        at_ms = int(self.look_ms[agent, first : self.day.opened].min(initial=FOREVER))
        if mind.look_ahead_ms > 0 and mind.follows_forecasts:
            at_ms = min(at_ms, self.expectations.next_update_ms(agent, now_ms))
        elif self.day.opened < street.periods:
            at_ms = min(at_ms, int(street.opens_ms[self.day.opened]) + int(self.expectations.phase_ms[agent]))
        return max(at_ms, now_ms)

    def _foresee(self, agent: int, now_ms: int, last: int) -> bool:
        """Bring the agent's expectations up to date as far as it will look; say whether there is news."""
        current, horizon = self._horizon(now_ms)
        if self.street.battery.capacity_uwh[agent]:
            last = max(last, horizon)
        last = min(last, self.street.periods - 1)
        if self.market.rules.is_utility[agent]:
            project_group(
                self.market.rules, self.market.town, self.sights, self.market.storage, self.expectations.load_base,
                self.expectations.generation_base, agent, current, last,
            )  # fmt: skip
        return self.expectations.refresh(agent, now_ms, current, last)

    def _group_need(self, agent: int, now_ms: int, first: int, end: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Expect what a utility's homes draw, net; with the standard deviation of that, (n,) each [Wh]."""
        self._foresee(agent, now_ms, end - 1)
        seen, span = self.sights, slice(first, end)
        need = seen.load_wh[agent, span] - seen.generation_wh[agent, span] - seen.battery_wh[agent, span]
        return need, seen.sd_wh[agent, span].copy()

    def _horizon(self, now_ms: int) -> tuple[int, int]:
        """Give the current period and the last one that an agent with a battery looks ahead to."""
        street = self.street
        current = (now_ms - street.start_ms) // street.period_ms
        return current, min(current + BATTERY_HORIZON_MS // street.period_ms, street.periods - 1)

    def _look_at(self, agent: int, mind: Mind, periods: NDArray[np.int64], fresh: int, now_ms: int) -> bool:
        """Show the agent each of `periods` in turn and carry out what it asks for; False if its policy failed."""
        rows = self._observe(agent, periods, fresh, now_ms)
        changed = False
        for i, period in enumerate(periods.tolist()):
            if changed:
                # What it did at the last look may have changed what it sees at this one.
                rows[i:] = self._observe(agent, periods[i:], fresh, now_ms)
                changed = False
            commands = self.decide(agent, mind, See._make(rows[i]), now_ms)
            if commands is None:
                return False
            for row in commands:
                if row[OUT_ACTION] == Action.NOTHING:
                    break
                self.act(agent, period, now_ms, row)
                changed = True
        return True

    def act(self, agent: int, period: int, now_ms: int, row: list[int]) -> None:
        """Carry out one row of what a policy asked for."""
        action, place, side, price_tick, quantity_wh, flags, order = row
        known = action if 0 <= action < Action.OPEN else NO_ACTION
        book = self._book(agent, place)
        self.market.apply(Command(now_ms, agent, known, book, period, order, side, price_tick, quantity_wh, flags))

    def decide(self, agent: int, mind: Mind, see: See, now_ms: int) -> list[list[int]] | None:
        """Ask the policy about one product: rows of commands, or None if it failed."""
        # A fresh array each time: whatever a policy does to its own, no other sees it.
        out = np.zeros((OUT_ROWS, OUT_COLUMNS), np.int64)
        try:
            delay = checked_delay(mind.policy(see, self.memory[agent], partial(draw, int(self.draw_keys[agent])), out))
            commands = _checked_commands(out)
        except RunEndedError:
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a policy is a stranger's code, and must not end the run
            self.quarantine(agent, now_ms, error)
            return None
        self.look_ms[agent, see.period] = min(now_ms + delay, FOREVER)
        return commands

    def _observe(self, agent: int, periods: NDArray[np.int64], fresh: int, now_ms: int) -> list[list[int]]:
        """Observe each of `periods` for the agent: rows of the fields of `See`."""
        market, ledger, street = self.market, self.market.ledger, self.street
        if street.battery.capacity_uwh[agent]:
            current, last = self._horizon(now_ms)
            project_battery(market.rules, market.town, self.sights, market.storage, agent, current, last, periods)
        rows = np.empty((len(periods), len(See._fields)), np.int64)
        observe(
            market.rules, market.town, market.stall(agent).ring, self.sights, ledger.balance, ledger.reserved,
            ledger.credit_limit, agent, periods, fresh, now_ms, street.network.levy_tick,
            street.market.step_tick if street.market else 1, rows,
        )  # fmt: skip
        if market.laboratory is not None:
            market.laboratory.see(agent, rows)
        return rows.tolist()

    def _book(self, agent: int, place: int) -> int:
        """Index of the book that an agent means by 0 (its local one) or 1 (the district's); -1 for any other."""
        if place == 0:
            return int(self.street.feeder[agent])
        return len(self.street.feeders) if place == 1 else -1

    def quarantine(self, agent: int, now_ms: int, error: BaseException) -> None:
        """Take an agent out of the market, because its policy failed, or end the run."""
        name = self.street.names[agent]
        self.incidents.append(
            {
                "time_ms": now_ms,
                "agent": name,
                "error": f"{type(error).__name__}: {error}",
                "traceback": "".join(traceback.format_exception(error)),
            }
        )
        if self.on_policy_error == "fail":
            raise PolicyError(f"policy of agent {name!r} failed at {now_ms} ms: {error}") from error
        self.market.apply(Command(now_ms, -1, Action.QUARANTINE, order=agent))

    # --- saving

    def _columns(self) -> dict[str, NDArray[np.int64]]:
        """Columns of the agents' clocks, memories and expectations, and of the fixed processes."""
        seen, foreseen = self.sights, self.expectations
        return {
            "day": self.day.counts, "next_ms": self.next_ms, "memory": self.memory, "look_ms": self.look_ms,
            "seen": self.seen, "woke_ms": self.woke_ms, "woke_often": self.woke_often,
            "load_wh": foreseen.load_wh, "generation_wh": foreseen.generation_wh, "sd_wh": foreseen.sd_wh,
            "updated_ms": foreseen.updated_ms, "battery_wh": seen.battery_wh,
            "spill_wh": seen.spill_wh, "spill_tick": seen.spill_tick, "soc_start_uwh": seen.soc_uwh,
            **self._wholesale_columns(),
        }  # fmt: skip

    def _wholesale_columns(self) -> dict[str, NDArray[np.int64]]:
        wholesale = {} if self.wholesale_day is None else {"wholesale_day": self.wholesale_day.counts}
        return wholesale | ({} if self.oversight is None else {"oversight": self.oversight.counts})

    def checkpoint(self) -> bytes:
        """Save the whole state between two calls of `run`; equal states give equal bytes."""
        arrays = {f"world.{name}": column for name, column in self._columns().items()}
        arrays |= {f"market.{name}": column for name, column in self.market.export().items()}
        meta = {"world": 1, "now_ms": self.now_ms, "wakes": self.wakes, "incidents": self.incidents}
        if self.oversight is not None:
            meta["oversight"] = self.oversight.export()
        return pack(arrays, meta)

    def restore(self, checkpoint: bytes) -> None:
        """Take on the state of a world of the same street, minds, outlook and seed; the journal starts anew.

        Raises
        ------
        CorruptError
            If `checkpoint` is damaged, or of another street.
        """
        arrays, meta = unpack(checkpoint, "checkpoint")
        mine = self._columns()
        given = {name[6:]: column for name, column in arrays.items() if name.startswith("world.")}
        if {n: c.shape for n, c in given.items()} != {n: c.shape for n, c in mine.items()}:
            raise CorruptError("checkpoint: it belongs to another street, or to another version")
        self.market.restore({name[7:]: column for name, column in arrays.items() if name.startswith("market.")})
        if self.wholesale_day is not None and self.wholesale_day.ask_members is not None:
            self.expectations.regroup(self.market.suppliers)
        for name, column in mine.items():
            column[...] = given[name]
        if self.oversight is not None:
            self.oversight.restore(meta["oversight"])
        self.now_ms, self.woken[0], self.incidents = meta["now_ms"], meta["wakes"], meta["incidents"]


def _checked_commands(out: NDArray[np.int64]) -> list[list[int]]:
    """Take the rows that a policy filled, or say what it made of its array."""
    if out.shape != (OUT_ROWS, OUT_COLUMNS) or out.dtype != np.int64:
        raise PolicyError(f"a policy fills out, ({OUT_ROWS}, {OUT_COLUMNS}) int64, and leaves its form alone")
    return out.tolist() if out[0, OUT_ACTION] else []


def _sights(street: Street, expectations: Expectations, suppliers: Suppliers) -> Sights:
    fee_tick = street.network.fee_tick
    return Sights(
        utility=expectations.utility,
        vat_ppm=expectations.vat_ppm,
        retail_tick=street.retail_tick,
        feed_in_tick=street.feed_in_tick,
        fee_tick=np.array([fee_tick[path] for path in (Path.FEEDER, street.wide_path, Path.STANDARD)], np.int64),
        load_wh=expectations.load_wh,
        generation_wh=expectations.generation_wh,
        sd_wh=expectations.sd_wh,
        battery_wh=expectations.battery_wh,
        spill_wh=expectations.spill_wh,
        spill_tick=expectations.spill_tick,
        soc_uwh=expectations.soc_uwh,
        later_utility=suppliers.later,
        since=suppliers.since,
    )
