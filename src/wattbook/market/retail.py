"""The retail market of customers that utilities stand for: tariffs day by day, and who leaves for whom.

Owns tariffs that change, and the choice of many customers at once; members move one by one (`wattbook.market.moves`).
Tariffs of a day are set before its products can be traded anywhere, so nobody trades under one that changes later.
Everything is whole numbers and without chance: of those who think about it, so many leave as the gain is worth it to,
from none at no gain to all at `loyalty_tick`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from wattbook.market.moves import Moves
from wattbook.market.tariff_caps import closes_ms, write_tariffs
from wattbook.messages import Cause, House, Refusal
from wattbook.units import MS_PER_DAY, PPM

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wattbook.market.setup import RetailRules, Street
    from wattbook.market.wholesale import Wholesale
    from wattbook.messages import Command

    Ints = NDArray[np.int64]

DAYS_PER_YEAR: Final = 365
LOWEST_SHARE_PERCENT: Final = 50
HIGHEST_SHARE_PERCENT: Final = 200
"""A tariff stays within these shares of what the scenario says."""


class Gain(NamedTuple):
    """What leaving one utility for another would bring: by how much cheaper a Wh is, all counted [ticks]."""

    to: int
    tick: int


class Bounds(NamedTuple):
    """What prices may be, period by period (n,): what the scenario says, the least and highest by that, a cap."""

    base_tick: Ints
    low_tick: Ints
    high_tick: Ints
    most_tick: Ints


class Retail:
    """State of the retail market of one street.

    Parameters
    ----------
    wholesale : Wholesale
        Whose customers these are.

    Attributes
    ----------
    bound : list of (until_ms, place, customers)
        Those whose term is not over.
    moves : Moves or None
        Of members, where they choose.
    """

    def __init__(self, wholesale: Wholesale) -> None:
        rules = wholesale.rules.retail
        assert rules is not None
        self.wholesale: Wholesale = wholesale
        self.street: Street = wholesale.street
        self.rules: RetailRules = rules
        self.standing = wholesale.rules.standing
        self.first_tick = self.street.retail_tick[self.standing].copy()
        self.stands_ms = closes_ms(self.street)
        """From when on each period's tariff stands (p,)."""
        self.bound: list[tuple[int, int, int]] = []
        self.before = wholesale.customers.copy()
        """Customers the time before this."""
        self.places = {agent: place for place, agent in enumerate(self.standing.tolist())}
        self.moves = None if rules.member_loyalty_tick is None else Moves(self)

    # --- tariffs

    def set_tariff(self, seq: int, command: Command) -> int:
        """Shift a utility's retail prices by `command.price_tick` for `command.quantity_wh` periods from a period on.

        Refused (`NO_TARIFF`) for who stands for nobody, for periods whose day may be traded already, and for prices out
        of bounds; (`PRICE_CAPPED`) for prices above a cap that is in force: nothing is changed.
        """
        place = np.flatnonzero(self.standing == command.agent)
        first, past = command.period, command.period + command.quantity_wh
        if not place.size or not 0 <= first < past <= self.street.periods:
            return int(Refusal.NO_TARIFF)
        if self.closes_ms(first) <= command.time_ms:
            return int(Refusal.NO_TARIFF)
        bounds = self._bounds(int(place[0]), first, past)
        retail = bounds.base_tick + command.price_tick
        if ((retail < bounds.low_tick) | (retail > bounds.high_tick)).any():
            return int(Refusal.NO_TARIFF)
        if (retail > bounds.most_tick).any():
            return int(Refusal.PRICE_CAPPED)
        self.street.retail_tick[command.agent, first:past] = retail
        write_tariffs(self.wholesale.market.journal, seq, self.street, command.agent, np.arange(first, past))
        return 0

    def _bounds(self, place: int, first: int, past: int) -> Bounds:
        """Give what a utility's prices may be in the periods `first` to before `past`; a cap goes before the least."""
        agent, caps = int(self.standing[place]), self.wholesale.market.tariff_caps
        base, feed_in = self.first_tick[place, first:past], self.street.feed_in_tick[agent, first:past]
        low, high = np.maximum(base * LOWEST_SHARE_PERCENT // 100, feed_in), base * HIGHEST_SHARE_PERCENT // 100
        most = high if caps is None else caps.most_tick(agent, first, past)
        return Bounds(base, np.minimum(low, most), high, most)

    def closes_ms(self, period: int) -> int:
        """Say from when on a period's tariff stands."""
        return int(self.stands_ms[period])

    def shop(self, agent: int, first: int, count: int, expected_tick: Ints) -> dict[str, Any]:
        """Tell what a utility knows of its business when it sets the tariff of `count` periods from `first` on.

        The names are those of `wattbook.policies.wholesale.Shop`.

        Parameters
        ----------
        expected_tick : (count,)
            Spot prices as they are expected: what energy costs who has bought none yet.
        """
        place = self.places[agent]
        span, before = slice(first, first + count), slice(max(0, first - count), first)
        bounds = self._bounds(place, first, first + count)
        base = bounds.base_tick
        group = self.wholesale.place[agent]
        drawn = int(self.wholesale.drawn_wh[group])
        cost = int(self.wholesale.paid[group]) // drawn if drawn > 0 else int(expected_tick.sum()) // max(1, count)
        retail = self.street.retail_tick
        shifts = retail[agent, before] - self.first_tick[place, before]
        customers, customers_before = int(self.wholesale.customers[place]), int(self.before[place])
        if self.moves is not None:
            customers += int(self.moves.members()[place])
            customers_before += int(self.moves.before[place])
        return dict(  # noqa: C408 - names as they are seen
            customers=customers,
            customers_before=customers_before,
            base_tick=int(base.sum()) // count,
            shift_tick=int(shifts[-1]) if len(shifts) else 0,
            low_tick=int((bounds.low_tick - base).max()),
            high_tick=int((np.minimum(bounds.high_tick, bounds.most_tick) - base).min()),
            cost_tick=cost,
            planned_tick=int(self.wholesale.rules.expected_tick[span].sum()) // count,
            rivals_tick=tuple(
                int(retail[other, before].sum()) // max(1, len(shifts)) for other in self.places if other != agent
            ),
        )

    # --- customers

    def choose(self, seq: int, command: Command) -> None:
        """Let customers think about leaving, under the tariffs of `command.quantity_wh` periods from a period on."""
        now_ms = command.time_ms
        self.bound = [row for row in self.bound if row[0] > now_ms]
        span = slice(command.period, command.period + command.quantity_wh)
        customers = self.wholesale.customers
        self.before[:] = customers
        if self.moves is not None:
            self.moves.note()
        moves = []
        for place in range(len(self.standing)):
            free = int(customers[place]) - sum(count for _, held, count in self.bound if held == place)
            thinking = free * self.rules.considering_ppm // PPM
            best = self.best(place, span)
            if best is None or best.tick <= 0 or thinking <= 0:
                continue
            leaving = thinking * min(best.tick, self.rules.loyalty_tick) // self.rules.loyalty_tick
            if leaving:
                moves.append((place, best.to, leaving))
        for place, to, leaving in moves:
            customers[place] -= leaving
            customers[to] += leaving
            term_ms = self.rules.term_ms[to]
            if term_ms:
                self.bound.append((now_ms + term_ms, to, leaving))
            self._write_down(seq, now_ms, place, to, leaving)

    def best(self, place: int, span: slice) -> Gain | None:
        """Find the utility that is the most gain to the customers of another; of equal ones the first."""
        use_wh = self.wholesale.rules.million_wh[place, span]
        weight = int(use_wh.sum())
        if not weight:
            return None
        own = self._worth_tick(place, use_wh, weight, span) - self._exit_tick(place)
        gains = [
            Gain(to, own - self._worth_tick(to, use_wh, weight, span))
            for to in range(len(self.standing))
            if to != place
        ]
        return max(gains, key=lambda gain: (gain.tick, -gain.to), default=None)

    def _worth_tick(self, place: int, use_wh: Ints, weight: int, span: slice) -> int:
        """Mean price of a Wh under a tariff, less what its green share is worth to customers."""
        retail = self.street.retail_tick[self.standing[place], span]
        return int((retail * use_wh).sum()) // weight - self.rules.green_ppm[place] * self.rules.green_tick // PPM

    def _exit_tick(self, place: int) -> int:
        """Spread what leaving costs over a year's energy."""
        fee = self.rules.exit_fee[place]
        if not fee:
            return 0
        million = self.wholesale.rules.million_wh[place]
        per_year = int(million.sum()) * DAYS_PER_YEAR * MS_PER_DAY // (len(million) * self.street.period_ms * 1_000_000)
        return fee // max(1, per_year)

    def _write_down(self, seq: int, now_ms: int, place: int, to: int, leaving: int) -> None:
        market = self.wholesale.market
        fee = leaving * self.rules.exit_fee[place]
        old, new = int(self.standing[place]), int(self.standing[to])
        market.journal.append(
            "switches", command=seq, time_ms=now_ms, old=old, new=new, customers=leaving, fee=fee
        )  # fmt: skip
        if fee:
            accounts = np.array([old, market.account(House.UPSTREAM)])
            self.wholesale.post(seq, now_ms, Cause.EXIT_FEE, accounts, np.array([fee, -fee]))

    # --- saving

    def export(self) -> dict[str, Ints]:
        """Give the whole state."""
        moves = {} if self.moves is None else self.moves.export()
        return {
            "before": self.before,
            "bound": np.array(self.bound, np.int64).reshape(-1, 3),
            "retail_tick": self.street.retail_tick[self.standing],
            **{f"moves.{name}": column for name, column in moves.items()},
        }

    def restore(self, columns: dict[str, Ints]) -> None:
        """Take on what `export` gave."""
        self.before[...] = columns["before"]
        self.bound = [(until, place, many) for until, place, many in columns["bound"].tolist()]
        self.street.retail_tick[self.standing] = columns["retail_tick"]
        if self.moves is not None:
            self.moves.restore({name: columns[f"moves.{name}"] for name in self.moves.export()})

    def check(self) -> None:
        """Assert what must always hold."""
        customers = self.wholesale.customers
        assert int(customers.sum()) == int(self.wholesale.rules.customers.sum()), "a customer is lost, or counted twice"
        assert (customers >= 0).all(), "a utility stands for fewer than nobody"
        if self.moves is not None:
            self.moves.check()
