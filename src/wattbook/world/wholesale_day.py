"""The wholesale market's day: when the contract desk is open, futures are marked, and the day-ahead market clears.

Asks utilities and producers one after the other and carries out what they say. Owns when that is, and what each is
shown; how they decide is `wattbook.policies`' business, what comes of it the market's.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from enum import IntEnum
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from wattbook.chance import draw, key_of
from wattbook.contracts import NOBODY, Verb
from wattbook.errors import PolicyError, RunEndedError
from wattbook.messages import Action, Command
from wattbook.policies.gateway import local_orders
from wattbook.policies.wholesale import Asked, AtDesk, Building, Offered, Orders, Public, Say, Shop, Spec
from wattbook.units import PPM, half_even
from wattbook.world.clock import Alarm, Rank
from wattbook.world.foresight import Foresight
from wattbook.world.gateway import gate_of, open_periods

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    import simpy
    from numpy.typing import NDArray

    from wattbook.market import Market
    from wattbook.policies.wholesale import WholesaleMind

    Ints = NDArray[np.int64]
    Process = Generator[simpy.Event, None, None]

MOST_SAID: Final = 1_000
"""Commands that one agent may say in one round; what it says after them is not heard."""
MOST_ORDERS: Final = 10_000
"""Orders that one agent may send to one day-ahead session."""
_VERBS: Final = frozenset(int(verb) for verb in Verb)
_BOUND: Final = 1 << 62
_SMALL: Final = 1 << 31


class Done(IntEnum):
    """What the processes have done so far."""

    SESSIONS = 0
    OPENINGS = 1
    MARKS = 2
    COMPLIANCES = 3
    RETAIL = 4
    GATEWAY = 5


class _Opening(NamedTuple):
    """What is the same for everybody in one session of the desk: see `AtDesk`."""

    now_ms: int
    first: int
    end: int
    public: Public
    outlook_wh: dict[int, Ints]
    specs: tuple[Spec, ...]
    past_tick: tuple[tuple[tuple[int, int], ...], ...]


class WholesaleDay:
    """The fixed processes of one street's wholesale market.

    Parameters
    ----------
    market : Market
    minds : mapping of int to WholesaleMind
        By agent: utilities and producers.
    seed : int
    need : callable
        ``need(agent, now_ms, first, end)`` gives what a utility's homes are expected to draw, net, and the standard
        deviation of that, (n,) each [Wh].
    fail : callable
        ``fail(agent, now_ms, error)`` takes an agent out whose mind failed.

    Attributes
    ----------
    counts : (6,) int64
        By `Done`.
    ask_members : callable or None
        ``ask_members(now_ms, first, count)`` lets members choose their utility for `count` periods from `first` on.
    """

    def __init__(
        self,
        market: Market,
        minds: dict[int, WholesaleMind],
        seed: int,
        need: Callable[[int, int, int, int], tuple[Ints, Ints]],
        fail: Callable[[int, int, BaseException], None],
    ) -> None:
        assert market.wholesale is not None
        self.market, self.street, self.wholesale = market, market.street, market.wholesale
        self.rules = self.wholesale.rules
        self.counts = np.zeros(len(Done), np.int64)
        self.minds = minds
        self.ask_members: Callable[[int, int, int], None] | None = None
        self.heard: dict[int, dict[int, Offered]] = {}
        """Offers that those who think about the next day were shown in the last session at the desk, by number."""
        names = self.street.names
        self.draw_keys = {agent: key_of(seed, names[agent], "wholesale") for agent in minds}
        self._fail = fail
        self._dealt: Callable[[int], None] = lambda _: None
        self.foresight = Foresight(self.wholesale, seed, need)
        # Whoever comes first has an advantage: the order is drawn once, by name.
        self.order = sorted(minds, key=lambda agent: (key_of(seed, names[agent], "wholesale-rank"), names[agent]))
        self._reaches: dict[int, tuple[int, ...]] = dict.fromkeys(minds, ())
        for one, other in sorted(self.rules.reaches):
            self._reaches[one] = (*self._reaches.get(one, ()), other)
            self._reaches[other] = (*self._reaches.get(other, ()), one)

    def start(self, env: simpy.Environment, dealt: Callable[[int], None]) -> None:
        """Start all processes where they stand; `dealt` is told the time after what may have brought fills."""
        rules, retail, gateway = self.rules, self.rules.retail, self.wholesale.gateway
        self._dealt = dealt
        plans: tuple[tuple[Done, Rank, Sequence[int], Callable[[int, int], None]], ...] = (
            (Done.OPENINGS, Rank.DESK, rules.desk_ms, self._open_desk),
            (Done.MARKS, Rank.MARK, rules.mark_ms, self._mark),
            (Done.SESSIONS, Rank.DAY_AHEAD, [at_ms for at_ms, _, _ in rules.sessions], self._clear_day),
            (Done.COMPLIANCES, Rank.COMPLIANCE, rules.comply_ms, self._comply),
            (Done.RETAIL, Rank.RETAIL, [] if retail is None else [at_ms for at_ms, _, _ in retail.times], self._sell),
            (Done.GATEWAY, Rank.GATEWAY, () if gateway is None else gateway.rules.times, self._meet_homes),
        )
        for done, rank, times, work in plans:
            if times:
                env.process(self._repeat(env, done, rank, times, work))

    def _repeat(
        self, env: simpy.Environment, done: Done, rank: Rank, times: Sequence[int], work: Callable[[int, int], None]
    ) -> Process:
        while self.counts[done] < len(times):
            number = int(self.counts[done])
            yield Alarm(env, times[number], rank)
            work(times[number], number)
            self.counts[done] += 1

    # --- the desk

    def _open_desk(self, now_ms: int, number: int) -> None:  # noqa: ARG002 - one form for all work
        """Ask everybody in turn, round after round."""
        if now_ms > self.street.start_ms + (self.street.periods - 1) * self.street.period_ms:
            return
        opening = self._opening(now_ms)
        for round_ in range(self.rules.rounds):
            for agent in self.order:
                said = self._ask(agent, now_ms, self._at_desk, opening, round_)
                for word in said or ():
                    self.market.apply(_spoken(now_ms, agent, word))

    def _opening(self, now_ms: int) -> _Opening:
        """Look up what is the same for everybody in one session, as far ahead as contracts can be signed."""
        desk, street, marks = self.wholesale.desk, self.street, self.wholesale.marks
        assert desk is not None
        terms = desk.terms
        first = -(-(now_ms - street.start_ms) // street.period_ms)
        specs = tuple(
            Spec(
                place, each.name, int(each.kind), each.first_period, np.array(each.profile_wh, np.int64),
                each.step_tick, terms.trading_ends_ms(place), each.bundled,
            )
            for place, each in enumerate(terms.specs)
            if now_ms < terms.trading_ends_ms(place) <= now_ms + self.rules.ahead_ms
        )  # fmt: skip
        ahead = first + self.rules.ahead_ms // street.period_ms
        end = min(max([ahead, *(spec.first_period + len(spec.profile_wh) for spec in specs)]), street.periods)
        past: dict[int, list[tuple[int, int]]] = {}
        for spec, spot, mark in marks:
            past.setdefault(spec, []).append((spot, mark))
        return _Opening(
            now_ms=now_ms,
            first=first,
            end=end,
            public=self.foresight.public(first, end, now_ms),
            outlook_wh=self.foresight.outlook_wh(first, end, now_ms),
            specs=specs,
            past_tick=tuple(tuple(past[spec]) for spec in sorted(past)),
        )

    def _at_desk(self, agent: int, opening: _Opening, round_: int) -> list[Say]:
        own = self.foresight.own(agent, opening.first, opening.end, opening.now_ms)
        desk = self._desk_of(agent, opening, round_)
        if agent in self.heard:
            kept = self.heard[agent] if round_ else {}
            self.heard[agent] = kept | {offer.number: offer for offer in desk.offered}
        said = self.minds[agent].at_desk(own, _copied(opening.public), desk, self._draw(agent))
        if not isinstance(said, Iterable) or isinstance(said, str):
            raise PolicyError(f"at_desk answers with a list of Say(...), empty for nothing, not {said!r:.80}")
        return [_whole_say(word) for word in islice(said, MOST_SAID)]

    def _desk_of(self, agent: int, opening: _Opening, round_: int) -> AtDesk:
        """Show an agent the desk."""
        desk, now_ms, reach = self.wholesale.desk, opening.now_ms, self._reaches[agent]
        assert desk is not None
        terms = desk.terms
        asked = tuple(
            Asked(number, each.spec, each.agent, each.side, each.quantity, each.until_ms)
            for number, each in sorted(desk.board.requests.items())
            if each.until_ms > now_ms and (each.agent == agent or (each.agent in reach and each.to in (NOBODY, agent)))
        )
        offered = self.offers_to(agent, now_ms)
        held = desk.positions_ahead(agent, now_ms)
        return AtDesk(
            round=round_,
            rounds=self.rules.rounds,
            specs=tuple(spec._replace(profile_wh=spec.profile_wh.copy()) for spec in opening.specs),
            asked=asked,
            offered=offered,
            lots=held.get(agent, {}),
            mark_tick=dict(desk.house.marks),
            others_lots={other: lots for other, lots in held.items() if other != agent},
            reaches=reach,
            max_rounds=terms.max_rounds,
            renewable=terms.renewable,
            tape=tuple((line.time_ms, line.spec, line.price_tick, line.quantity_wh) for line in desk.tape(now_ms)),
            past_tick=opening.past_tick,
            outlook_wh={other: wh.copy() for other, wh in opening.outlook_wh.items() if other in reach},
            shares_wh=self.foresight.shares_wh(agent, opening.first, opening.end, now_ms),
            fixed_wh=self.foresight.fixed_wh(agent, opening.first, opening.end, now_ms),
        )

    def offers_to(self, agent: int, now_ms: int) -> tuple[Offered, ...]:
        """Show an agent the live offers at the desk that it made or may take, by number."""
        desk, reach = self.wholesale.desk, self._reaches[agent]
        assert desk is not None
        return tuple(
            Offered(
                number, each.spec, each.maker, each.side, each.price_tick, each.quantity, each.until_ms, each.request,
                each.turn,
            )
            for number, each in sorted(desk.board.offers.items())
            if each.until_ms > now_ms
            and (each.maker == agent or each.to == agent or (each.to == NOBODY and each.maker in reach))
        )  # fmt: skip

    def _mark(self, now_ms: int, number: int) -> None:  # noqa: ARG002 - one form for all work
        self.market.apply(Command(now_ms, -1, Action.MARK))

    def _comply(self, now_ms: int, number: int) -> None:
        self.market.apply(Command(now_ms, -1, Action.COMPLY, order=number))

    # --- the retail market

    def _sell(self, now_ms: int, number: int) -> None:
        """Ask utilities for the tariffs of the next day, and let their customers and members think."""
        retail, market = self.wholesale.retail, self.market
        assert retail is not None
        _, first, count = retail.rules.times[number]
        for agent in self.order if retail.rules.reprices else ():
            if agent not in retail.places:
                continue
            shift = self._ask(agent, now_ms, self._shift_of, first, count, now_ms)
            if shift:
                market.apply(
                    Command(now_ms, agent, Action.TARIFF, period=first, price_tick=shift, quantity_wh=count)
                )  # fmt: skip
        market.apply(Command(now_ms, -1, Action.CHOOSE, period=first, quantity_wh=count))
        if self.ask_members is not None:
            self.ask_members(now_ms, first, count)

    def _shift_of(self, agent: int, first: int, count: int, now_ms: int) -> int:
        price = getattr(self.minds[agent], "price", None)
        if price is None:
            return 0
        own = self.foresight.own(agent, first, first + count, now_ms)
        public = self.foresight.public(first, first + count, now_ms)
        return _whole(price(own, public, self.shop_of(agent, first, count), self._draw(agent)), _SMALL)

    def shop_of(self, agent: int, first: int, count: int) -> Shop:
        """Tell what a utility knows of its business when it sets the tariff of `count` periods from `first` on."""
        retail = self.wholesale.retail
        assert retail is not None
        expected_tick = self.foresight.expected_tick(first, first + count)
        return Shop(**retail.shop(agent, first, count, expected_tick))

    # --- the day-ahead market

    def _clear_day(self, now_ms: int, number: int) -> None:
        """Collect orders for the periods of one session, clear them, and ask who wants to build."""
        _, first, count = self.rules.sessions[number]
        public = self.foresight.public(first, first + count, now_ms)
        for agent in self.order:
            orders = self._ask(agent, now_ms, self._orders_of, first, count, _copied(public), now_ms)
            for period, side, price_tick, quantity_wh in orders or ():
                self.market.apply(
                    Command(
                        now_ms, agent, Action.OFFER, period=period, side=side, price_tick=price_tick,
                        quantity_wh=quantity_wh,
                    )
                )  # fmt: skip
        self.market.apply(Command(now_ms, -1, Action.CLEAR_DAY, period=first, quantity_wh=count))
        for agent in self.order:
            if (
                agent in self.wholesale.generation.plant_of
                and self.rules.upgrades[self.wholesale.generation.plant_of[agent]] is not None
            ):
                wanted_w = self._ask(agent, now_ms, self._capacity_of, now_ms)
                if wanted_w:
                    self.market.apply(Command(now_ms, agent, Action.INVEST, quantity_wh=wanted_w))

    def _orders_of(self, agent: int, first: int, count: int, public: Public, now_ms: int) -> list[tuple[int, ...]]:
        own = self.foresight.own(agent, first, first + count, now_ms)
        return _whole_orders("day_ahead", self.minds[agent].day_ahead(own, public, self._draw(agent)))

    def _capacity_of(self, agent: int, now_ms: int) -> int:
        over = self._periods_over(now_ms)
        own = self.foresight.own(agent, over, over, now_ms)
        return _whole(self.minds[agent].invest(own, self.building_of(agent, now_ms), self._draw(agent)))

    def _periods_over(self, now_ms: int) -> int:
        street = self.street
        return min(max((now_ms - street.start_ms) // street.period_ms, 0), street.periods)

    def building_of(self, agent: int, now_ms: int) -> Building:
        """Tell what a producer knows when it may have capacity built."""
        plant, wholesale = self.wholesale.generation.plant_of[agent], self.wholesale
        terms = self.rules.upgrades[plant]
        assert terms is not None
        over = self._periods_over(now_ms)
        added_w = sum(row[1] for row in wholesale.generation.upgrades.export().tolist() if row[0] == plant)
        reference_w = 1_000_000
        cost_per_kw, earned_tick = int(terms.cost_per_kw), wholesale.spot_tick[:over].copy()
        if self.market.incentives is not None:
            cost_per_kw = self.market.incentives.own_cost_per_kw(plant, cost_per_kw, now_ms + int(terms.lead_ms))
            earned_tick = self.market.incentives.earned_tick(plant, earned_tick, now_ms)
        return Building(
            capacity_w=int(wholesale.generation.fleet.capacity_w(now_ms)[plant]),
            building=bool(wholesale.generation.upgrades.building_w(now_ms)[plant]),
            most_w=max(0, int(terms.most_w) - added_w),
            cost_per_kw=cost_per_kw,
            yearly_ppm=half_even(sum(terms.price(reference_w)) * PPM, max(1, terms.cost(reference_w))),
            earned_tick=earned_tick,
            available_ppm=self.rules.available_ppm[plant, :over].copy(),
        )

    # --- the gateway

    def _meet_homes(self, now_ms: int, number: int) -> None:  # noqa: ARG002 - one form for all work
        """Ask for orders in all products that homes can trade now; they take the place of those that still rest."""
        gateway, town = self.wholesale.gateway, self.market.town
        assert gateway is not None
        first, end = open_periods(gateway, now_ms)
        if first >= end:
            return
        public = self.foresight.public(first, end, now_ms)
        for agent in self.order:
            if town.open_buy_wh[agent].any() or town.open_sell_wh[agent].any():
                self.market.apply(Command(now_ms, agent, Action.CANCEL_ALL))
            orders = self._ask(agent, now_ms, self._local_orders_of, first, end, _copied(public), now_ms)
            for period, side, price_tick, quantity_wh in orders or ():
                self.market.apply(
                    Command(now_ms, agent, Action.SUBMIT, gateway.book, period, 0, side, price_tick, quantity_wh)
                )  # fmt: skip
        self._dealt(now_ms)

    def _local_orders_of(
        self, agent: int, first: int, end: int, public: Public, now_ms: int
    ) -> list[tuple[int, ...]]:  # fmt: skip
        assert self.wholesale.gateway is not None
        own = self.foresight.own(agent, first, end, now_ms)
        gate = gate_of(self.wholesale.gateway, agent, first, end)
        local = getattr(self.minds[agent], "local", None)
        answer = local_orders(own, gate) if local is None else local(own, public, gate, self._draw(agent))
        return _whole_orders("local", answer)

    # --- asking

    def _draw(self, agent: int) -> Callable[[int], int]:
        return partial(draw, self.draw_keys[agent])

    def _ask(self, agent: int, now_ms: int, question: Callable[..., Any], *given: Any) -> Any:
        """Ask an agent something; None if it is out, or if its mind failed."""
        if self.market.town.quarantined[agent]:
            return None
        try:
            return question(agent, *given)
        except RunEndedError:
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a mind is a stranger's code, and must not end the run
            self._fail(agent, now_ms, error)
            return None


def _copied(public: Public) -> Public:
    """Give everybody arrays of its own: whatever a mind does to them, no other sees it."""
    return public._replace(expected_tick=public.expected_tick.copy(), sd_tick=public.sd_tick.copy())


def _whole(value: Any, bound: int = _BOUND) -> int:
    """Take a whole number that the journal can hold.

    Raises
    ------
    PolicyError
        If it is none, or too large.
    """
    try:
        number = operator.index(value)
    except TypeError:
        raise PolicyError(f"a mind answers in whole numbers, not {value!r:.80}") from None
    if abs(number) >= bound:
        raise PolicyError(f"a mind answers in numbers within 2**{bound.bit_length() - 1}")
    return number


def _whole_column(column: Any) -> list[int]:
    """Take a column of whole numbers."""
    values = column.tolist() if isinstance(column, np.ndarray) else list(islice(column, MOST_ORDERS + 1))
    if len(values) > MOST_ORDERS:
        raise PolicyError(f"a mind sends at most {MOST_ORDERS} orders to a session")
    return [_whole(value) for value in values]


def _whole_orders(question: str, answer: Any) -> list[tuple[int, ...]]:
    """Take orders as rows of plain whole numbers.

    Raises
    ------
    PolicyError
        If they are none.
    """
    if not isinstance(answer, tuple | list | np.ndarray) or len(answer) != len(Orders._fields):
        raise PolicyError(f"{question} answers with Orders(period, side, price_tick, quantity_wh), not {answer!r:.80}")
    period, *columns = (_whole_column(column) for column in answer)
    if any(len(column) != len(period) for column in columns):
        raise PolicyError("the columns of Orders(period, side, price_tick, quantity_wh) have one length")
    return list(zip([_whole(each, _SMALL) for each in period], *columns, strict=True))


def _whole_say(word: Say) -> Say:
    """Take what a mind said as plain whole numbers."""
    said = Say(*(_whole(value) for value in word))
    _whole(said.book, _SMALL)
    return said


def _spoken(now_ms: int, agent: int, word: Say) -> Command:
    """Make a command of what was said; what is no verb of the desk becomes one that it refuses."""
    verb = word.verb if word.verb in _VERBS else int(max(Verb)) + 1
    return Command(
        now_ms, agent, verb, book=word.book, order=word.order, side=word.side, price_tick=word.price_tick,
        quantity_wh=word.quantity, flags=word.flags,
    )  # fmt: skip
