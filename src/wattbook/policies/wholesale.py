"""How utilities and producers decide in the wholesale market: what they see there, and what they may ask for.

A wholesale mind is asked at fixed moments, one agent after the other: in each round of the contract desk what it wants
to say there (`at_desk`), once a day which orders it sends to the day-ahead market (`day_ahead`), and once a day whether
it has capacity built (`invest`). What it sees are whole numbers: energies in Wh, prices in ticks of 0.01 EUR/MWh, money
in 1e-8 EUR, times in ms of UTC. It sees itself and what is public, never another agent's cost, need or purse.

Owns the one form of these decisions. Knows no market and no desk: whoever asks fills in what is seen.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]


NOTHING: Final = np.zeros(0, np.int64)


class Own(NamedTuple):
    """What an agent knows of itself, for the periods `first` to before ``first + n``; arrays are (n,).

    Attributes
    ----------
    agent : int
        Its own row.
    now_ms, first, start_ms, period_ms : int
        Now; the first period, its start, and the length of all.
    need_wh, sd_wh : (n,)
        What a utility's customers are expected to draw, net, and the standard deviation of that; 0 for a producer.
    available_wh : (n,)
        What a producer's plants are expected to be able to give; 0 for a utility.
    marginal_tick : int
        Cost of one more MWh of its plants.
    follows_weather : bool
        Whether they give what wind, sun or river let them.
    renewable : bool
        Whether they earn guarantees of origin.
    contracted_wh : (n,)
        Bought - sold so far by contracts that deliver energy.
    money : int
        What it could pay now.
    lots : mapping of int to int
        By contract of the desk's catalogue, bought - sold so far. A long future whose trading is over counts as what
        it becomes.
    """

    agent: int
    now_ms: int
    first: int
    start_ms: int
    period_ms: int
    need_wh: Ints
    sd_wh: Ints
    available_wh: Ints
    marginal_tick: int
    follows_weather: bool
    renewable: bool
    contracted_wh: Ints
    money: int
    lots: Mapping[int, int] = MappingProxyType({})


class Public(NamedTuple):
    """What everybody knows of prices, for the same periods.

    Attributes
    ----------
    expected_tick : (n,)
        What the spot price has been at the same local time on the days before, on average; what the scenario expects
        where there was none.
    sd_tick : (n,)
        Standard deviation of those prices; 0 without at least two.
    short_ppm, long_ppm : int
        What the short are expected to pay, and the long to get, for imbalance, as shares of the spot price.
    floor_tick, cap_tick : int
        Band of day-ahead orders.
    others_lots : mapping of int to mapping of int to int
        By agent and contract, what everybody holds, where positions are observable; empty otherwise.
    """

    expected_tick: Ints
    sd_tick: Ints
    short_ppm: int
    long_ppm: int
    floor_tick: int
    cap_tick: int
    others_lots: Mapping[int, Mapping[int, int]] = MappingProxyType({})


class Spec(NamedTuple):
    """A contract that can be signed now.

    Attributes
    ----------
    place : int
        In the desk's catalogue; commands name it in `book`.
    name : str
    kind : int
        `wattbook.contracts.Kind`.
    first_period : int
    profile_wh : (k,) int64
        Energy of one lot in each of its periods; of a pay-as-produced agreement zeros.
    step_tick : int
    ends_ms : int
        From then on it cannot be signed any more.
    bundled : bool
        Whether guarantees of origin go with the energy.
    """

    place: int
    name: str
    kind: int
    first_period: int
    profile_wh: Ints
    step_tick: int
    ends_ms: int
    bundled: bool = False


class Asked(NamedTuple):
    """A live request for quotes: who wants which side of how many lots of what, until when."""

    number: int
    spec: int
    agent: int
    side: int
    quantity: int
    until_ms: int


class Offered(NamedTuple):
    """A live offer: a quote or counter-offer to one agent, or a posted price.

    Attributes
    ----------
    maker : int
    side : int
        The maker's: who signs takes the other one.
    request : int
        The request at the head of the negotiation; 0 for a posted price.
    turn : int
        1 for a quote, one more with each counter-offer.
    """

    number: int
    spec: int
    maker: int
    side: int
    price_tick: int
    quantity: int
    until_ms: int
    request: int
    turn: int


class AtDesk(NamedTuple):
    """What an agent sees at the desk.

    Attributes
    ----------
    round, rounds : int
        Everybody is asked so many times in one session: 0 to before `rounds`.
    specs : tuple of Spec
        What can be signed now.
    asked : tuple of Asked
        Requests that it may quote, and its own.
    offered : tuple of Offered
        Offers made to it, posted prices, and its own offers.
    lots : mapping of int to int
        By spec, bought - sold by itself, futures and bilateral contracts alike; of a PPA the share [ppm]. A long
        future whose trading is over counts as what it becomes.
    mark_tick : mapping of int to int
        By spec, its last mark; missing before the first.
    others_lots : mapping of int to mapping of int to int
        By agent and spec, what others hold, where positions are observable; empty otherwise.
    reaches : tuple of int
        Agents that it may trade with: a producer its connected utilities, a utility the producers connected to it.
    max_rounds : int
        Offers in one negotiation.
    renewable : tuple of int
        Agents whose plants earn guarantees of origin.
    past_tick : tuple of tuple of (int, int)
        One history for each future that was marked: spot price and mark at each mark, oldest first [ticks].
    outlook_wh : mapping of int to (n,) int64
        By agent that it may trade with, what is publicly expected of plants that follow the weather.
    shares_wh : (n,) int64
        What is expected of the shares of output that it has bought, less those that it has sold.
    tape : tuple of (time_ms, spec, price_tick, quantity_wh)
        Signings that are public by now, without names, oldest first.
    fixed_wh : (n,) int64
        What contracts that cannot be signed any more only fix the price of, bought - sold: cash futures and CfDs.
    """

    round: int
    rounds: int
    specs: tuple[Spec, ...]
    asked: tuple[Asked, ...]
    offered: tuple[Offered, ...]
    lots: Mapping[int, int]
    mark_tick: Mapping[int, int]
    others_lots: Mapping[int, Mapping[int, int]]
    reaches: tuple[int, ...]
    max_rounds: int
    renewable: tuple[int, ...] = ()
    past_tick: tuple[tuple[tuple[int, int], ...], ...] = ()
    outlook_wh: Mapping[int, Ints] = MappingProxyType({})
    shares_wh: Ints = NOTHING
    tape: tuple[tuple[int, int, int, int], ...] = ()
    fixed_wh: Ints = NOTHING


class Say(NamedTuple):
    """A command to the desk; columns that the verb does not read stay 0. See `wattbook.contracts.Verb`."""

    verb: int
    book: int = -1
    order: int = 0
    side: int = 0
    price_tick: int = 0
    quantity: int = 0
    flags: int = 0


class Orders(NamedTuple):
    """Orders for the day-ahead market, (m,) each; the plain order of rows is their priority at one price.

    Attributes
    ----------
    period : (m,)
        Periods, from `Own.first` on.
    side : (m,)
        `BUY` or `SELL`.
    price_tick, quantity_wh : (m,)
        Limit, a whole tick within the band, and quantity, above 0.
    """

    period: Ints
    side: Ints
    price_tick: Ints
    quantity_wh: Ints


class Gate(NamedTuple):
    """What an agent sees of the gateway to the homes, for the periods of `Own`; arrays are (n,).

    Attributes
    ----------
    is_utility : bool
    spot_tick : (n,)
        What the day-ahead market came to.
    short_tick, long_tick : (n,)
        What a group pays for a Wh that it lacks, and gets for one too many.
    spot_wh : (n,)
        Bought - sold by itself day ahead.
    position_wh : (n,)
        Bought - sold by itself here so far.
    sellable_wh : (n,)
        Most that it may have on sale.
    bid_tick, bid_wh, ask_tick, ask_wh : (n,)
        Best quotes of others; `wattbook.messages.NO_PRICE` and 0 for an empty side, and in a call market.
    retail_tick, feed_in_tick : (n,)
        A utility's own tariff; 0 for a producer.
    floor_tick, cap_tick, step_tick : int
        Band and step of prices here.
    most_wh : int
        Largest order.
    """

    is_utility: bool
    spot_tick: Ints
    short_tick: Ints
    long_tick: Ints
    spot_wh: Ints
    position_wh: Ints
    sellable_wh: Ints
    bid_tick: Ints
    bid_wh: Ints
    ask_tick: Ints
    ask_wh: Ints
    retail_tick: Ints
    feed_in_tick: Ints
    floor_tick: int
    cap_tick: int
    step_tick: int
    most_wh: int


class Building(NamedTuple):
    """What a producer knows when it may have capacity built.

    Attributes
    ----------
    capacity_w : int
        Of its plants now.
    building : bool
        Whether an order of capacity waits to be commissioned.
    most_w : int
        Most that may still be added.
    cost_per_kw : int
        [1e-8 EUR]
    yearly_ppm : int
        Yearly instalment as a share of the cost.
    earned_tick : (h,)
        Spot prices of all periods that have been delivered so far.
    available_ppm : (h,)
        What its plants could have given in them, as a share of capacity.
    """

    capacity_w: int
    building: bool
    most_w: int
    cost_per_kw: int
    yearly_ppm: int
    earned_tick: Ints
    available_ppm: Ints


class Shop(NamedTuple):
    """What a utility knows of its retail business when it sets the next day's tariff.

    Attributes
    ----------
    customers, customers_before : int
        Those that it stands for, now and a day ago.
    base_tick : int
        Mean retail price that the scenario says.
    shift_tick : int
        By how much its last tariff differed from that.
    low_tick, high_tick : int
        Bounds of the next shift.
    cost_tick : int
        What a MWh has cost it so far, contracts and imbalance included.
    planned_tick : int
        What everybody expected a MWh to cost before there was a spot price.
    rivals_tick : tuple of int
        Mean retail prices of the others the day before.
    """

    customers: int
    customers_before: int
    base_tick: int
    shift_tick: int
    low_tick: int
    high_tick: int
    cost_tick: int
    planned_tick: int
    rivals_tick: tuple[int, ...]


class WholesaleMind(Protocol):
    """The one form of an agent's decisions in the wholesale market.

    A utility's mind may also have ``price(own, public, shop, draw)``: by how much the next day's retail prices differ
    from what the scenario says [ticks]. Without it they do not.

    Any mind may have ``local(own, public, gate, draw)``: its `Orders` to the homes, through a gateway, which take the
    place of those that still rest there. Without it the rule of `wattbook.policies.gateway` holds.

    ``draw(k)`` is the agent's own k-th random number, uniform on 0 .. 2**63 - 1. A mind keeps nothing between calls:
    what it should know of the past it sees.
    """

    @property
    def name(self) -> str:
        """As the tables show it."""
        ...

    def at_desk(self, own: Own, public: Public, desk: AtDesk, draw: Callable[[int], int], /) -> Sequence[Say]:
        """Say something at the desk, or nothing."""
        ...

    def day_ahead(self, own: Own, public: Public, draw: Callable[[int], int], /) -> Orders:
        """Send orders to the day-ahead market, for the periods of `own`."""
        ...

    def invest(self, own: Own, building: Building, draw: Callable[[int], int], /) -> int:
        """Capacity to be ordered now [W]; 0 for none."""
        ...
