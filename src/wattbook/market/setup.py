"""What the market is told before the first command: the place, its members, its prices and its rules.

Plain arrays and whole numbers, one row per agent, agents sorted by name. Filled by `wattbook.scenario`; read by the
market, the world and (as the journal's header) by the results.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wattbook.messages import House, Venue

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wattbook.assets import Batteries

    Ints = NDArray[np.int64]


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
    """

    closes_before_ms: int
    floor_tick: int
    cap_tick: int
    step_tick: int
    self_trade: str
    orders_per_wake: int
    max_quantity_wh: int


@dataclass(frozen=True)
class NetworkRules:
    """Fees, losses, levies by network path (feeder, district, standard)."""

    fee_tick: tuple[int, int, int]
    loss_ppm: tuple[int, int, int]
    levy_tick: int


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
    about: dict[str, Any] = field(default_factory=dict)
    """Per agent, for the header only: persona, policy, label."""

    @property
    def agents(self) -> int:
        """Number of agents."""
        return len(self.names)

    @property
    def end_ms(self) -> int:
        """End of the last period [ms UTC]."""
        return self.start_ms + self.periods * self.period_ms

    @property
    def books(self) -> tuple[tuple[str, Venue], ...]:
        """Books in index order: one per feeder, then the district's if there is one."""
        local = tuple((name, Venue.LOCAL) for name in self.feeders)
        return (*local, ("district", Venue.DISTRICT)) if self.has_district else local

    def account_names(self) -> tuple[str, ...]:
        """Accounts in index order: the agents', then the houses'."""
        return (*self.names, *(house.name for house in House))

    def header(self) -> dict[str, Any]:
        """Everything that a reader of the journal needs to name its numbers, as plain JSON values."""
        utilities = [i for i, kind in enumerate(self.kinds) if kind == "utility"]
        return {
            "agents": [
                {
                    "agent": name,
                    "kind": kind,
                    "feeder": self.feeders[self.feeder[i]] if self.feeder[i] >= 0 else None,
                    "utility": self.names[self.utility[i]] if self.utility[i] >= 0 else None,
                    "vat_ppm": int(self.vat_ppm[i]),
                    "capacity_wh": int(self.battery.capacity_uwh[i] // 1_000_000),
                    "soc_start_wh": int(self.battery.soc_uwh[i] // 1_000_000),
                    "charge_ppm": int(self.battery.charge_ppm[i]),
                    "removal": int(self.battery.removal[i]),
                    **self.about.get(name, {}),
                }
                for i, (name, kind) in enumerate(zip(self.names, self.kinds, strict=True))
            ],
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
            "local_market": None if self.market is None else vars(self.market).copy(),
        }
