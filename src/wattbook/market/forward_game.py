"""The forward game: sellers of quantities meet arbitrageurs at the desk, then demand at spot, for one delivery period.

Owns who is asked when, the demand, and the money of everybody. Every forward sale is a request, its quotes and an
acceptance at a real contract desk; the spot price is the merit order's; futures settle by the desk's own delivery.
Knows nothing of why a seller chooses a quantity, or an arbitrageur a price: both are given.

1. Before each forward round all sellers decide at once, from the positions that the desk shows them: everybody's where
   it is `observable`, else their own.
2. Each that sells (or buys back) asks for quotes. Every arbitrageur sees all requests of the round, and what has been
   sold so far: it buys it. Each quotes every request at the price that it expects, supposing that all are signed.
3. A seller signs the best quote; of equally good ones those of the arbitrageurs by turns. Then the futures are marked.
4. At spot each seller offers its quantity at the floor; demand is a ladder of bids. What a seller sold forward does not
   bind it: futures settle in cash, against the spot price.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import numpy as np

from wattbook.assets.config import whole_problems
from wattbook.contracts import Code, ContractSpec, Desk, DeskTerms, Kind, Verb
from wattbook.contracts.words import NOBODY
from wattbook.errors import ConfigError
from wattbook.ledger import Ledger
from wattbook.ledger.accounts import UNLIMITED
from wattbook.market.merit_order import Bids, Offers, Spot, clear_spot
from wattbook.messages import BUY, SELL, Cause, Command, House
from wattbook.units import MS_PER_DAY, MS_PER_HOUR

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from wattbook.contracts.words import Answer, Delivery, Row

    IntArray = npt.NDArray[np.int64]

PRODUCTION: Final = 64
"""Cause of what it costs to produce; the ledger leaves numbers to whoever posts, and no other cause has this one."""
CHOKE_BOUND_TICK: Final = 50_000
"""Highest price that anybody pays: the list of prices that a seller asks for has as many entries, of as many bids."""
SELLERS_BOUND: Final = 100
ROUNDS_BOUND: Final = 3
"""A search through three rounds takes many minutes already."""
FLOOR_TICK: Final = 0
MWH_WH: Final = 1_000_000
_TOTALS_AT_ONCE: Final = 32
"""Totals in one clearing: so many ladders of 10,000 bids stay in a processor's cache."""
_MINUTE_MS: Final = 60_000


class LinearDemand:
    """Demand whose price falls evenly with quantity, as a ladder of bids: one at each whole tick below the choke price.

    Parameters
    ----------
    choke_tick : int
        Price at which nobody buys any more [ticks], 1 to `CHOKE_BOUND_TICK`.
    slope_tick : int
        By how much a MWh more lowers the price [ticks]; a MWh divides into so many rungs of whole Wh.

    Attributes
    ----------
    rung_wh : int
        Quantity of one bid [Wh].
    most_wh : int
        Of all bids [Wh].

    Raises
    ------
    ConfigError
        With all the problems found.

    Examples
    --------
    P = 100 - Q:

    >>> demand = LinearDemand(10_000, 100)
    >>> demand.price_of(np.array([40_000_000, 60_000_000])).tolist()
    [6000, 4000]
    """

    def __init__(self, choke_tick: int, slope_tick: int) -> None:
        problems = whole_problems("choke", choke_tick, 1, CHOKE_BOUND_TICK, "price", "give eur_per_mwh(100)")
        more = whole_problems("slope", slope_tick, 1, MWH_WH, "price", "give eur_per_mwh(1), for each MWh")
        if not more and MWH_WH % slope_tick:
            more = [
                f"slope={slope_tick} makes bids of a fraction of a Wh: take a divisor of 1000000, as 80, 100 or 200"
            ]
        if problems or more:
            raise ConfigError(f"forward game: {problem}" for problem in (*problems, *more))
        self.choke_tick = int(choke_tick)
        self.rung_wh = MWH_WH // int(slope_tick)
        self.most_wh = self.choke_tick * self.rung_wh
        ticks = np.arange(self.choke_tick - 1, -1, -1, dtype=np.int64)
        self.bids = Bids(ticks, np.full(self.choke_tick, self.rung_wh, np.int64))

    def clear(self, offered_wh: npt.ArrayLike) -> Spot:
        """Clear the spot market of offers (t, n) at the floor, t periods by themselves [Wh]."""
        quantity = np.atleast_2d(np.asarray(offered_wh, np.int64))
        periods, sellers = quantity.shape
        asks = Offers(np.arange(sellers), np.full(sellers, FLOOR_TICK, np.int64), quantity)
        none = np.zeros(periods, np.int64)
        return clear_spot(asks, none, bids=self.bids, floor_tick=FLOOR_TICK, cap_tick=self.choke_tick)

    def price_of(self, total_wh: IntArray) -> IntArray:
        """Give the spot price [ticks] of each total (m,) [Wh]: the market cleared with candidates as its periods."""
        parts = [
            self.clear(total_wh[first : first + _TOTALS_AT_ONCE, None]).price_tick
            for first in range(0, len(total_wh), _TOTALS_AT_ONCE)
        ]
        return np.concatenate([np.zeros(0, np.int64), *parts])


class Seller(Protocol):
    """Chooses quantities. Both are told what each seller has sold forward [Wh], None for what is not shown to it."""

    def sell_forward(self, sold_wh: Sequence[int | None], rounds: int, /) -> int:
        """Sale in the next of `rounds` forward rounds, whole rungs of demand, below 0 to buy [Wh]."""
        ...

    def offer(self, sold_wh: Sequence[int | None], /) -> int:
        """Quantity for the spot market [Wh]."""
        ...


class Buyer(Protocol):
    """Quotes at the desk."""

    def expect(self, sold_wh: Sequence[int], rounds: int, /) -> int:
        """Spot price that is to be expected once the sellers have sold so much [ticks]."""
        ...


class Deal(NamedTuple):
    """One forward sale: round, seller, arbitrageur (both counted from 0), price, and energy sold, below 0 if bought."""

    round: int
    seller: int
    arbitrageur: int
    price_tick: int
    sold_wh: int


class Played(NamedTuple):
    """How a forward game ended.

    Attributes
    ----------
    spot_tick : int
        Spot price [ticks].
    deals : tuple of Deal
        All forward sales, in the order of signing.
    sold_wh, offered_wh : (n,)
        Forward positions that the desk showed before delivery, and what was produced for the spot market [Wh].
    profit : (n,)
        What each seller had in the end; all began with nothing [1e-8 EUR].
    arbitrage : (k,)
        What each arbitrageur had in the end [1e-8 EUR].
    paid, cost : int
        What demand paid, and what production cost [1e-8 EUR].
    balance : (accounts,)
        All accounts: sellers, arbitrageurs, the desk's house accounts, demand, production; their sum is 0.
    rows : tuple of Row
        All that the desk wrote down.
    """

    spot_tick: int
    deals: tuple[Deal, ...]
    sold_wh: tuple[int, ...]
    offered_wh: tuple[int, ...]
    profit: tuple[int, ...]
    arbitrage: tuple[int, ...]
    paid: int
    cost: int
    balance: tuple[int, ...]
    rows: tuple[Row, ...]


def play_forward_game(
    demand: LinearDemand,
    cost_tick: Sequence[int],
    sellers: Sequence[Seller],
    arbitrageurs: Sequence[Buyer],
    *,
    rounds: int,
    observable: bool = True,
) -> Played:
    """Play one delivery period: forward rounds at the desk, spot market, delivery.

    Parameters
    ----------
    cost_tick : (n,)
        What each seller's production costs [ticks].
    sellers, arbitrageurs : sequences
        Who decides. Without rounds there is no desk, and nobody asks arbitrageurs.
    rounds : int
        Forward rounds.
    observable : bool
        Whether sellers see each other's positions.

    Raises
    ------
    ConfigError
        With all the problems found.
    """
    problems = whole_problems("rounds", rounds, 0, ROUNDS_BOUND, "number", "give 0, for no desk, 1, 2 or 3")
    problems += whole_problems("sellers", len(sellers), 1, SELLERS_BOUND, "number", "give at least one")
    if len(cost_tick) != len(sellers):
        problems.append(f"{len(cost_tick)} costs for {len(sellers)} sellers: give one each")
    if rounds and not arbitrageurs:
        problems.append("nobody buys forward: give arbitrageurs, or rounds=0")
    if problems:
        raise ConfigError(f"forward game: {problem}" for problem in problems)
    stage = _Stage(demand, len(sellers), len(arbitrageurs), observable=observable)
    for left in range(rounds, 0, -1):
        stage.play_round(rounds - left, sellers, arbitrageurs, left)
    return stage.finish(cost_tick, sellers, with_desk=rounds > 0)


class _Stage:
    """Desk, ledger and clock of one game."""

    def __init__(self, demand: LinearDemand, sellers: int, arbitrageurs: int, *, observable: bool) -> None:
        self.demand = demand
        self.sellers, self.agents = sellers, sellers + arbitrageurs
        # One lot is one rung: a forward sale is as fine as what moves the price.
        future = ContractSpec("forward", "market", Kind.FUTURE_CASH, 0, (demand.rung_wh,))
        self.desk = Desk(
            DeskTerms(
                agents=self.agents, specs=(future,), start_ms=MS_PER_DAY, period_ms=MS_PER_HOUR, floor_tick=FLOOR_TICK,
                cap_tick=demand.choke_tick, observable="everybody" if observable else "own",
            )
        )  # fmt: skip
        self.buyers = self.agents + len(House)
        self.production = self.buyers + 1
        # Nobody is short of money here: the game is one of quantities.
        self.ledger = Ledger(self.production + 1, np.full(self.production + 1, UNLIMITED))
        self.transfers = 0
        self.now_ms = 0
        self.rows: list[Row] = []
        self.deals: list[Deal] = []

    # --- forward

    def play_round(self, place: int, sellers: Sequence[Seller], arbitrageurs: Sequence[Buyer], left: int) -> None:
        """Play one forward round, number `place`; `left` counts it and those that follow."""
        self.now_ms += _MINUTE_MS
        sales = [seller.sell_forward(self._seen(row), left) for row, seller in enumerate(sellers)]
        requests = {row: self._request(row, sale) for row, sale in enumerate(sales) if sale}
        if not requests:
            return
        after = [held + sale for held, sale in zip(self._sold(), sales, strict=True)]
        expected = [arbitrageur.expect(after, left - 1) for arbitrageur in arbitrageurs]
        # By turns, so that equally good quotes do not all go to the first.
        for turn, (row, request) in enumerate(requests.items(), start=place):
            self._sign_best(place, row, request, sales[row], expected, turn)
        self._take(self.desk.mark(self.now_ms, self.ledger.available))

    def _request(self, seller: int, sale_wh: int) -> int:
        lots, rest = divmod(abs(sale_wh), self.demand.rung_wh)
        if rest:
            raise ConfigError(
                f"forward game: seller {seller} sells {sale_wh} Wh forward: sell multiples of {self.demand.rung_wh} Wh"
            )
        return self._do(seller, Verb.REQUEST, side=SELL if sale_wh > 0 else BUY, lots=lots)

    def _sign_best(
        self, place: int, seller: int, request: int, sale_wh: int, expected: Sequence[int], turn: int
    ) -> None:
        lots, side = abs(sale_wh) // self.demand.rung_wh, SELL if sale_wh > 0 else BUY
        quotes = []
        for step in range(len(expected)):
            row = (turn + step) % len(expected)
            quote = self._do(self.sellers + row, Verb.QUOTE, request, side=-side, price=expected[row], lots=lots)
            quotes.append((quote, row))
        # A seller takes the highest price, a buyer the lowest; the first of equals.
        quote, row = max(quotes, key=lambda each: -side * expected[each[1]])
        self._do(seller, Verb.ACCEPT, quote, price=expected[row], lots=lots)
        self.deals.append(Deal(place, seller, row, expected[row], sale_wh))

    def _seen(self, viewer: int) -> list[int | None]:
        """Tell what each seller has sold forward, as the desk shows it to `viewer` [Wh]."""
        held = self.desk.positions(viewer)
        shown = self.desk.terms.observable == "everybody"
        return [
            -held.get(row, {}).get(0, 0) * self.demand.rung_wh if shown or row == viewer else None
            for row in range(self.sellers)
        ]

    def _sold(self) -> list[int]:
        """Tell what each seller has sold forward, from its own view [Wh]."""
        return [-self.desk.positions(row).get(row, {}).get(0, 0) * self.demand.rung_wh for row in range(self.sellers)]

    def _do(self, agent: int, verb: Verb, order: int = 0, *, side: int = 0, price: int = 0, lots: int) -> int:
        book = 0 if verb == Verb.REQUEST else NOBODY
        command = Command(self.now_ms, agent, verb, book, -1, order, side, price, lots, _MINUTE_MS)
        answer = self.desk.apply(command, self.ledger.available)
        assert answer.code == Code.OK, f"{verb.name} by {agent}: {answer.code.name}"
        self._take(answer)
        return answer.reference

    # --- delivery

    def finish(self, cost_tick: Sequence[int], sellers: Sequence[Seller], *, with_desk: bool) -> Played:
        """Clear the spot market, deliver, and pay."""
        sold = self._sold()
        offered = [seller.offer(self._seen(row)) for row, seller in enumerate(sellers)]
        spot = self.demand.clear(offered)
        price, made = int(spot.price_tick[0]), spot.dispatch_wh[0].tolist()
        if with_desk:
            over_ms = MS_PER_DAY + MS_PER_HOUR
            meters = [*made, *[0] * (self.agents - self.sellers)]
            self._take(self.desk.deliver(over_ms, 0, price, meters.__getitem__, self.ledger.available))
            self.desk.check()
        self._post(Cause.SPOT, [*range(self.sellers), self.buyers], [*(price * wh for wh in made), -price * sum(made)])
        # Whatever is offered is produced, sold or not.
        costs = [tick * wh for tick, wh in zip(cost_tick, offered, strict=True)]
        self._post(PRODUCTION, [*range(self.sellers), self.production], [*(-cost for cost in costs), sum(costs)])
        balance = self.ledger.balance.tolist()
        return Played(
            price, tuple(self.deals), tuple(sold), tuple(offered), tuple(balance[: self.sellers]),
            tuple(balance[self.sellers : self.agents]), -balance[self.buyers], balance[self.production],
            tuple(balance), tuple(self.rows),
        )  # fmt: skip

    def _take(self, answer: Answer | Delivery) -> None:
        """Post what the desk says."""
        self.rows += answer.rows
        for cause in sorted({leg.cause for leg in answer.legs}):
            legs = [leg for leg in answer.legs if leg.cause == cause]
            self._post(cause, [leg.account for leg in legs], [leg.amount for leg in legs])

    def _post(self, cause: int, accounts: list[int], amounts: list[int]) -> None:
        self.ledger.post(self.transfers, cause, accounts, amounts)
        self.transfers += 1
