"""Members' choice of a utility: who is asked, what each is shown, and what comes of it.

Owns the asking. Most choose by rule, many at once; whose policy can choose is asked one by one. All have decided before
anybody moves. The rule is `wattbook.policies.choosing`'s, whether a move is in order the market's.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from wattbook.chance import draw, key_of
from wattbook.errors import PolicyError, RunEndedError
from wattbook.messages import Action, Command
from wattbook.policies.choosing import Choice, Offer, chosen, costs, fee_of_a_span
from wattbook.units import PPM
from wattbook.world.kernel_choosing import Habits, expect_use

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from wattbook.world.world import World

    Ints = NDArray[np.int64]

_BLOCK: Final = 4_096
"""Members whose day is foreseen together: a city's must not lie in memory at once."""


class _Day(NamedTuple):
    """The day for which members choose, and the tariffs of the u utilities on it."""

    now_ms: int
    first: int
    periods: int
    retail_tick: Ints
    """(u, n)"""
    feed_in_tick: Ints
    """(u, n)"""
    fee: Ints
    """(u,) what leaving costs, the day's part"""


class Choosing:
    """The members of one street that may take another utility.

    Parameters
    ----------
    world : World
    seed : int
    """

    def __init__(self, world: World, seed: int) -> None:
        wholesale = world.market.wholesale
        assert wholesale is not None
        assert wholesale.retail is not None
        assert wholesale.retail.moves is not None
        self.world, self.retail, self.moves = world, wholesale.retail, wholesale.retail.moves
        self.rules, self.street = wholesale.retail.rules, world.street
        assert self.rules.member_loyalty_tick is not None
        self.loyalty_tick = self.rules.member_loyalty_tick
        self.place = np.full(self.street.agents, -1, np.int64)
        self.place[self.retail.standing] = np.arange(len(self.retail.standing))
        green_ppm = np.array(self.rules.green_ppm, np.int64)
        self.green_tick: Ints = green_ppm * self.rules.green_tick // PPM
        names = self.street.names
        self.utilities = [names[agent] for agent in self.retail.standing.tolist()]
        minds = enumerate(world.minds)
        self.strangers: dict[int, Callable[..., Any]] = {
            agent: mind.policy.choose  # type: ignore[attr-defined]  # it has been looked for
            for agent, mind in minds
            if mind is not None and callable(getattr(mind.policy, "choose", None))
        }
        self.keys = {agent: key_of(seed, names[agent], "choice") for agent in self.strangers}
        seen = world.expectations
        self.habits = Habits(
            seen.phase_ms, seen.scale_wh, seen.load_key, seen.own_key, seen.load_base, seen.generation_base,
            seen.table, seen.cloud_key, seen.every_ms,
        )  # fmt: skip

    def ask(self, now_ms: int, first: int, count: int) -> None:
        """Ask all members whose term is over which utility they take for the `count` periods from `first` on."""
        market = self.world.market
        day = self._day(now_ms, first, count)
        members = np.flatnonzero(self.moves.may_leave(first) & (market.town.quarantined == 0))
        wanted: list[tuple[int, int]] = []
        for begin in range(0, len(members), _BLOCK):
            wanted += self._decide(members[begin : begin + _BLOCK], day)
        for agent, utility in wanted:
            market.apply(Command(now_ms, agent, Action.SWITCH, period=first, order=utility))
        if wanted:
            self.world.expectations.regroup(market.suppliers)

    def _day(self, now_ms: int, first: int, count: int) -> _Day:
        span, standing = slice(first, first + count), self.retail.standing
        span_ms = count * self.street.period_ms
        fee = np.array([fee_of_a_span(fee, span_ms) for fee in self.rules.exit_fee], np.int64)
        retail, feed_in = self.street.retail_tick[standing, span], self.street.feed_in_tick[standing, span]
        return _Day(now_ms, first, count, retail, feed_in, fee)

    def _decide(self, members: Ints, day: _Day) -> list[tuple[int, int]]:
        """Let some members (m,) decide: those who move, and where to."""
        world = self.world
        drawn_wh, fed_in_wh = np.zeros((2, len(members), day.periods), np.int64)
        expect_use(
            world.market.rules, world.market.town, world.market.storage, self.habits, members, day.now_ms, day.first,
            drawn_wh, fed_in_wh,
        )  # fmt: skip
        vat_ppm = self.street.vat_ppm[members]
        cost = costs(drawn_wh, fed_in_wh, day.retail_tick, day.feed_in_tick, vat_ppm, self.green_tick)
        own = self.place[world.market.suppliers.later[members]]
        energy_wh = (drawn_wh + fed_in_wh).sum(axis=1)
        taken = chosen(cost, own, day.fee, energy_wh, self.loyalty_tick[members])
        if self.strangers:
            for row, agent in enumerate(members.tolist()):
                if agent in self.strangers:
                    choice = self._choice(agent, day, int(own[row]), drawn_wh[row], fed_in_wh[row], cost[row].tolist())
                    taken[row] = self._ask_one(agent, choice, int(own[row]))
        moving = np.flatnonzero(taken != own)
        return list(zip(members[moving].tolist(), self.retail.standing[taken[moving]].tolist(), strict=True))

    def _choice(
        self, agent: int, day: _Day, own: int, drawn_wh: Ints, fed_in_wh: Ints, cost: list[int]
    ) -> Choice:  # fmt: skip
        """Show a member what there is to choose from, in arrays of its own."""
        rules, street = self.rules, self.street
        offers = tuple(
            Offer(
                name, day.retail_tick[place].copy(), day.feed_in_tick[place].copy(), rules.green_ppm[place],
                rules.exit_fee[place], rules.term_ms[place], cost[place],
            )
            for place, name in enumerate(self.utilities)
        )  # fmt: skip
        return Choice(
            now_ms=day.now_ms,
            start_ms=street.start_ms + day.first * street.period_ms,
            period_ms=street.period_ms,
            own=self.utilities[own],
            drawn_wh=drawn_wh.copy(),
            fed_in_wh=fed_in_wh.copy(),
            offers=offers,
            fee=int(day.fee[own]),
            loyalty_tick=int(self.loyalty_tick[agent]),
        )

    def _ask_one(self, agent: int, choice: Choice, own: int) -> int:
        """Ask a member's own mind: the place of the utility that it takes, its own if it stays or fails."""
        try:
            return self._place_of(self.strangers[agent](choice, partial(draw, self.keys[agent])), own)
        except RunEndedError:
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a mind is a stranger's code, and must not end the run
            self.world.quarantine(agent, choice.now_ms, error)
            return own

    def _place_of(self, name: object, own: int) -> int:
        if name is None:
            return own
        if not isinstance(name, str) or name not in self.utilities:
            raise PolicyError(f"choose answers with a utility's name, or None, not {name!r:.80}")
        return self.utilities.index(name)
