"""What the market is told before the first command: the place, its members, its prices and its rules.

Plain arrays and whole numbers, one row per agent, agents sorted by name. Filled by `wattbook.scenario`; read by the
market, the world and (as the journal's header) by the results.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from wattbook.assets.plants import PlantKind
from wattbook.messages import House, Path, Venue

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wattbook.assets import Batteries
    from wattbook.assets.plants import Plants
    from wattbook.assets.upgrades import UpgradeTerms
    from wattbook.contracts import DeskTerms
    from wattbook.market.gateway import GatewayRules
    from wattbook.market.incentive_rules import IncentiveRules

    Ints = NDArray[np.int64]

_UWH_PER_WH: Final = 1_000_000


@dataclass(frozen=True)
class LaboratoryRules:
    """What a laboratory market adds (`wattbook.market.laboratory`).

    Attributes
    ----------
    improve : bool
        Whether an order must improve the best quote of its side, or cross the other.
    clear_after_trade : bool
        Whether a trade takes out all that rests in its product and book.
    takes_turns : bool
        Whether traders take turns, one drawn at random each millisecond, instead of waking on their own clocks.
    failed_shouts : int
        Turns in a row without a trade that end a trading day.
    turns_per_day : int
        Turns after which a trading day ends in any case; 0 for no such limit.
    days : int
        Trading days of a session, after which traders forget; 0 if they never do.
    answers : bool
        Whether each order is offered at once to all traders of the other side, and does not rest.
    reaction_ms : dict of str to int
        By name: how long a trader's order takes on average from what it sees to the book; empty where traders take
        turns drawn at random.
    traders : dict of str to (int, tuple of int)
        By name: BUY or SELL, and what each unit (1 Wh) is worth or costs [ticks].
    """

    improve: bool = False
    clear_after_trade: bool = False
    takes_turns: bool = False
    failed_shouts: int = 100
    turns_per_day: int = 0
    days: int = 0
    answers: bool = False
    reaction_ms: dict[str, int] = field(default_factory=dict)
    traders: dict[str, tuple[int, tuple[int, ...]]] = field(default_factory=dict)


@dataclass(frozen=True)
class AuctionRules:
    """What makes the local market a call market: orders gather, sealed, until an auction clears them.

    Attributes
    ----------
    reference_tick : tuple of int, (p,)
        What settles a tie of clearing prices in a product that has not traded yet: the mid-market price [ticks].
    every_ms : int
        Time between auctions of all open products [ms]; 0 if each product has one alone, at its gate closure.
    pay_as_bid : bool
        Whether each buyer pays its own limit; otherwise all trade at one price.
    pro_rata : bool
        Whether the margin is rationed by quantity; otherwise by time.
    """

    reference_tick: tuple[int, ...]
    every_ms: int = 0
    pay_as_bid: bool = False
    pro_rata: bool = False


@dataclass(frozen=True)
class SharingRules:
    """What makes the local market no market of orders: metered surplus is shared after the event.

    Attributes
    ----------
    mechanism : str
        "mid-market-rate", "static-key" or "dynamic-key".
    price_tick : tuple of int, (p,)
        What a shared Wh costs, energy alone [ticks].
    key : tuple of int, (a,)
        Under static keys each agent's weight; its key is that over the weights of its pool.
    """

    mechanism: str
    price_tick: tuple[int, ...]
    key: tuple[int, ...] = ()


@dataclass(frozen=True)
class MarketRules:
    """Rules of the local market; `None` in its place means that there is none (the baseline).

    Attributes
    ----------
    closes_before_ms : int
        Gate closure before a period's start [ms]; an order at exactly that moment is refused.
    floor_tick, cap_tick, step_tick : int
        Price band and price step [0.01 EUR/MWh].
    self_trade : str
        One of the book's modes.
    orders_per_wake : int
        Commands that one agent may send in one millisecond.
    max_quantity_wh : int
        Largest order [Wh].
    laboratory : LaboratoryRules or None
        What a laboratory market adds.
    auction : AuctionRules or None
        What makes it a call market; without these orders match continuously.
    sharing : SharingRules or None
        What takes the place of orders altogether.
    gateway : GatewayRules or None
        How homes' orders meet those of utilities and producers.
    """

    closes_before_ms: int
    floor_tick: int
    cap_tick: int
    step_tick: int
    self_trade: str
    orders_per_wake: int
    max_quantity_wh: int
    laboratory: LaboratoryRules | None = None
    auction: AuctionRules | None = None
    sharing: SharingRules | None = None
    gateway: GatewayRules | None = None

    def header(self) -> dict[str, Any]:
        """Plain JSON values; of what a market is not (laboratory, call market, sharing) nothing is said."""
        plain = {name: value for name, value in asdict(self).items() if value is not None}
        if self.gateway is not None:
            plain["gateway"] = self.gateway.header()
        if self.laboratory is not None:
            for later in ("answers", "reaction_ms"):
                # Told where they say something, so that fingerprints of before hold.
                if not plain["laboratory"][later]:
                    del plain["laboratory"][later]
            traders = self.laboratory.traders.items()
            plain["laboratory"]["traders"] = {name: [side, list(units)] for name, (side, units) in traders}
        return plain


@dataclass(frozen=True)
class RetailRules:
    """How customers choose; the tuples have one place for each standing utility.

    Attributes
    ----------
    times : tuple of (at_ms, first period, periods)
        When utilities set the tariffs of which periods; customers think about leaving just after.
    reprices : bool
        Whether utilities are asked for tariffs at all.
    considering_ppm : int
        Share of those whose term is over that think about leaving each time.
    loyalty_tick : int
        Gain at which all of them leave; at half of it half of them do.
    green_tick : int
        What an all renewable tariff is worth to them.
    green_ppm : tuple of int
        Renewable share of each tariff.
    exit_fee : tuple of int
        What each customer pays who leaves [1e-8 EUR].
    term_ms : tuple of int
        How long those who come are bound.
    member_loyalty_tick : (a,) int64 or None
        Least gain of a Wh for which each member takes another utility; None where members stay with theirs.
    """

    times: tuple[tuple[int, int, int], ...]
    reprices: bool
    considering_ppm: int
    loyalty_tick: int
    green_tick: int
    green_ppm: tuple[int, ...]
    exit_fee: tuple[int, ...]
    term_ms: tuple[int, ...]
    member_loyalty_tick: Ints | None = None

    def header(self) -> dict[str, Any]:
        """Plain JSON values; of members it is said that they choose, where they do."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "member_loyalty_tick"}
        chosen = {} if self.member_loyalty_tick is None else {"members": True}
        return {**plain, "times": len(self.times), **chosen}


@dataclass(frozen=True)
class WholesaleRules:
    """The market of utilities and producers; `None` in its place means that utilities deal with the outside alone.

    Attributes
    ----------
    producers : (n,) int64
        Agents that have plants, ascending; the other columns of plants follow their order.
    plants : Plants
        One for each producer.
    upgrades : tuple of (UpgradeTerms or None), (n,)
        How each can grow.
    available_ppm : (n, p) int64
        What weather and outages let each give [ppm of its capacity].
    expected_ppm : (n, p) int64
        The same as it is expected the day before: failures are not foreseen, weather is by an error of its own.
    reaches : tuple of (int, int)
        Pairs of producer and utility (agents) that may deal with each other at the desk.
    elastic : tuple of int
        Agents that draw just what they buy.
    steady : frozenset of int
        Utilities whose customers' load never changes, so that it is foreseen exactly.
    standing : (u,) int64
        Utilities (agents) that stand for customers, ascending.
    customers : (u,) int64
        Number of customers that each of them stands for at the start.
    million_wh : (u, p) int64
        What a million of them draw [Wh].
    sessions : tuple of (at_ms, first period, periods)
        When the day-ahead market clears which periods.
    auction : bool
        Whether its price comes of the orders; otherwise all orders meet the outside's price.
    floor_tick, cap_tick : int
        Band of its orders.
    link_wh : int
        Most that the outside sells to, or buys from, an auction in one period [Wh].
    link_tick : int
        What it asks above, and bids below, its own price [ticks].
    imbalance_ppm : int
        By how much of the spot price the short pay more and the long get less; below 0 where imbalance has prices of
        its own.
    expected_tick : (p,) int64
        What everybody expects of the spot price before there was one.
    desk : DeskTerms or None
    desk_ms : tuple of int
        When the desk is open for a session.
    rounds : int
        How often everybody is asked in a session.
    ahead_ms : int
        How long before its delivery a contract is offered to be signed.
    mark_ms : tuple of int
        When futures are marked.
    quota_ppm : tuple of int, (a,)
        Share of renewables that each utility owes of what it sells; empty where nobody owes one.
    buy_out_tick : int
        What it pays for what is missing.
    comply_ms : tuple of int
        When quotas are settled.
    auctions_guarantees : bool
        Whether guarantees of origin are auctioned just before.
    retail : RetailRules or None
        How customers choose their utility; None where they stay.
    """

    producers: Ints
    plants: Plants
    upgrades: tuple[UpgradeTerms | None, ...]
    available_ppm: Ints
    expected_ppm: Ints
    reaches: tuple[tuple[int, int], ...]
    standing: Ints
    customers: Ints
    million_wh: Ints
    sessions: tuple[tuple[int, int, int], ...]
    auction: bool
    floor_tick: int
    cap_tick: int
    link_wh: int
    link_tick: int
    imbalance_ppm: int
    expected_tick: Ints
    desk: DeskTerms | None = None
    desk_ms: tuple[int, ...] = ()
    rounds: int = 1
    ahead_ms: int = 0
    mark_ms: tuple[int, ...] = ()
    quota_ppm: tuple[int, ...] = ()
    buy_out_tick: int = 0
    comply_ms: tuple[int, ...] = ()
    auctions_guarantees: bool = False
    retail: RetailRules | None = None
    elastic: tuple[int, ...] = ()
    steady: frozenset[int] = frozenset()

    def header(self, names: tuple[str, ...]) -> dict[str, Any]:
        """Plain JSON values; agents by name."""
        return {
            "producers": [
                {
                    "agent": names[agent],
                    "kind": PlantKind(int(self.plants.kind[i])).name.lower(),
                    "capacity_w": int(self.plants.capacity_w[i]),
                    "min_output_w": int(self.plants.min_output_w[i]),
                    "ramp_w": int(self.plants.ramp_w[i]),
                    "marginal_tick": int(self.plants.marginal_tick[i]),
                }
                for i, agent in enumerate(self.producers.tolist())
            ],
            "customers": {
                names[row]: number for row, number in zip(self.standing.tolist(), self.customers.tolist(), strict=True)
            },
            "auction": self.auction,
            "link": {"most_wh": self.link_wh, "extra_tick": self.link_tick},
            "floor_tick": self.floor_tick,
            "cap_tick": self.cap_tick,
            "desk": None if self.desk is None else self.desk.header(),
            "quota_ppm": {
                name: quota for name, quota in zip(names, self.quota_ppm, strict=bool(self.quota_ppm)) if quota
            },
            "buy_out_tick": self.buy_out_tick,
            "auctions_guarantees": self.auctions_guarantees,
            "retail": None if self.retail is None else self.retail.header(),
        }


@dataclass(frozen=True)
class OversightRules:
    """What the market has to know of its regulator; `None` in its place means that there is none.

    Attributes
    ----------
    cap_per_offence : int
        Most that an offence costs beyond its gain [1e-8 EUR]: larger fines are refused.
    told : dict
        What the header says beside it, plain JSON values: the regulator's own rules, and what it is told of agents.
    """

    cap_per_offence: int
    told: dict[str, Any] = field(default_factory=dict)

    def header(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"cap_per_offence": self.cap_per_offence, **self.told}


@dataclass(frozen=True)
class NetworkRules:
    """Fees, losses, levies by network path (feeder, district, standard)."""

    fee_tick: tuple[int, int, int]
    loss_ppm: tuple[int, int, int]
    levy_tick: int


class About(NamedTuple):
    """What a header tells of the agents of a large place: few different tales, and whose each is.

    Attributes
    ----------
    tales : tuple of dict
        Persona, policy, label.
    code : (a,) int64
        Index of each agent's tale.
    """

    tales: tuple[dict[str, str], ...]
    code: Ints


@dataclass(frozen=True)
class Street:
    """A place with its members over a horizon of `periods` delivery periods.

    Attributes
    ----------
    names, kinds : tuple of str
        Agents' ids, sorted, and what each is (consumer, prosumer, utility).
    opens_ms : (p,) int64
        When each period's gate opens [ms UTC].
    feeder : (a,) int64
        Index of the home's feeder book; -1 for an agent off the local grid.
    utility : (a,) int64
        Agent index of the home's supplier; -1 for utilities.
    vat_ppm : (a,) int64
        VAT on what the agent pays to utility, network and state; 0 if it deducts VAT.
    credit_limit, endowment : (a,) int64
        [1e-8 EUR]
    load_wh, generation_wh : (a, p) int64
        What the meters will see [Wh per period].
    missing : (a, p) bool
        True where the meter fails and a substitute is billed.
    substitute_wh : (a, p) int64
        Net withdrawal [Wh] that is billed where the meter fails.
    buy_limit_wh, sell_limit_wh : (a,) int64
        What the connection and the plants could physically take or give in one period [Wh].
    maintenance : (a, p) int64
        Cost of the plants' upkeep in the period [1e-8 EUR].
    retail_tick, feed_in_tick : (a, p) int64
        A utility's tariff in its own row; zero elsewhere.
    spot_tick, short_tick, long_tick : (p,) int64
        Spot price; imbalance price that a short group pays and that a long group gets.
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    feeders: tuple[str, ...]
    has_district: bool
    start_ms: int
    period_ms: int
    periods: int
    timezone: str
    opens_ms: Ints
    feeder: Ints
    utility: Ints
    vat_ppm: Ints
    credit_limit: Ints
    endowment: Ints
    load_wh: Ints
    generation_wh: Ints
    missing: NDArray[np.bool_]
    substitute_wh: Ints
    buy_limit_wh: Ints
    sell_limit_wh: Ints
    maintenance: Ints
    battery: Batteries
    retail_tick: Ints
    feed_in_tick: Ints
    spot_tick: Ints
    short_tick: Ints
    long_tick: Ints
    network: NetworkRules
    market: MarketRules | None
    bill_ms: tuple[int, ...] = ()
    """Ends of billing cycles [ms UTC]; the run's end always is one."""
    wholesale: WholesaleRules | None = None
    about: dict[str, Any] | About = field(default_factory=dict)
    """Per agent, for the header only: persona, policy, label. An `About` makes the header tell agents in columns."""
    oversight: OversightRules | None = None
    incentives: IncentiveRules | None = None
    """The regulator's green tools."""

    @property
    def agents(self) -> int:
        """Number of agents."""
        return len(self.names)

    @property
    def end_ms(self) -> int:
        """End of the last period [ms UTC]."""
        return self.start_ms + self.periods * self.period_ms

    @property
    def has_gateway(self) -> bool:
        """Tell whether homes meet utilities and producers in a book."""
        return self.market is not None and self.market.gateway is not None

    @property
    def has_wide(self) -> bool:
        """Tell whether there is a book wider than a feeder's: the district's, or a gateway's."""
        return self.has_district or self.has_gateway

    @property
    def wide_path(self) -> int:
        """Network path of what was bought in the wide book."""
        gateway = None if self.market is None else self.market.gateway
        return int(Path.DISTRICT) if gateway is None else gateway.path

    @property
    def books(self) -> tuple[tuple[str, Venue], ...]:
        """Books in index order: one per feeder, then the district's or the gateway's if there is one."""
        local = tuple((name, Venue.LOCAL) for name in self.feeders)
        if self.has_gateway:
            return (*local, ("gateway", Venue.WHOLESALE))
        return (*local, ("district", Venue.DISTRICT)) if self.has_district else local

    def account_names(self) -> tuple[str, ...]:
        """Accounts in index order: the agents', then the houses'."""
        return (*self.names, *(house.name for house in House))

    def header(self) -> dict[str, Any]:
        """Everything that a reader of the journal needs to name its numbers, as plain JSON values."""
        utilities = [i for i, kind in enumerate(self.kinds) if kind == "utility"]
        return {
            "agents": self._people(self.about) if isinstance(self.about, About) else self._rows(self.about),
            "accounts": list(self.account_names()),
            "books": [{"book": name, "venue": venue.name.lower()} for name, venue in self.books],
            "start_ms": self.start_ms,
            "period_ms": self.period_ms,
            "periods": self.periods,
            "timezone": self.timezone,
            "tariffs": {
                self.names[i]: {
                    "retail_tick": self.retail_tick[i].tolist(),
                    "feed_in_tick": self.feed_in_tick[i].tolist(),
                }
                for i in utilities
            },
            "spot_tick": self.spot_tick.tolist(),
            "network": {
                "fee_tick": list(self.network.fee_tick),
                "loss_ppm": list(self.network.loss_ppm),
                "levy_tick": self.network.levy_tick,
            },
            "local_market": None if self.market is None else self.market.header(),
            **({} if self.wholesale is None else {"wholesale": self.wholesale.header(self.names)}),
            **({} if self.oversight is None else {"regulator": self.oversight.header()}),
            **({} if self.incentives is None else {"incentives": self.incentives.header()}),
        }

    def _rows(self, about: dict[str, Any]) -> list[dict[str, Any]]:
        """Tell the agents one by one."""
        return [
            {
                "agent": name,
                "kind": kind,
                "feeder": self.feeders[self.feeder[i]] if self.feeder[i] >= 0 else None,
                "utility": self.names[self.utility[i]] if self.utility[i] >= 0 else None,
                "vat_ppm": int(self.vat_ppm[i]),
                "capacity_wh": int(self.battery.capacity_uwh[i] // _UWH_PER_WH),
                "soc_start_wh": int(self.battery.soc_uwh[i] // _UWH_PER_WH),
                "charge_ppm": int(self.battery.charge_ppm[i]),
                "removal": int(self.battery.removal[i]),
                **about.get(name, {}),
            }
            for i, (name, kind) in enumerate(zip(self.names, self.kinds, strict=True))
        ]

    def _people(self, about: About) -> dict[str, Any]:
        """Tell the agents column by column; texts as a list of words and each agent's place in it, -1 for none."""
        kinds = sorted(set(self.kinds))
        place = {kind: i for i, kind in enumerate(kinds)}
        utilities = [i for i, kind in enumerate(self.kinds) if kind == "utility"]
        seat = dict.fromkeys([-1], -1) | {row: i for i, row in enumerate(utilities)}
        return {
            "agent": list(self.names),
            "kind": {"words": kinds, "code": [place[kind] for kind in self.kinds]},
            "feeder": {"words": list(self.feeders), "code": self.feeder.tolist()},
            "utility": {"words": [self.names[i] for i in utilities], "code": [seat[i] for i in self.utility.tolist()]},
            **{
                key: {"words": [tale[key] for tale in about.tales], "code": about.code.tolist()}
                for key in ("persona", "policy", "label")
            },
            "vat_ppm": self.vat_ppm.tolist(),
            "capacity_wh": (self.battery.capacity_uwh // _UWH_PER_WH).tolist(),
            "soc_start_wh": (self.battery.soc_uwh // _UWH_PER_WH).tolist(),
            "charge_ppm": self.battery.charge_ppm.tolist(),
            "removal": self.battery.removal.tolist(),
        }
