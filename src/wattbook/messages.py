"""The words that the rooms speak: actions, causes, refusals, observations, and the streams of the journal.

Owns the names and the column types of everything that is ever written down. Knows nothing of what is done about it.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Final, NamedTuple

NO_PRICE: Final = -(1 << 62)
"""Stands for 'no such price' in an observation."""
FOREVER: Final = 1 << 60
"""A delay [ms] that no run reaches: the agent's own clock stops until something else wakes it."""
BUY: Final = 1
SELL: Final = -1
REFUSED: Final = -1
"""Event of an order row that records a refusal; the book's own events (`wattbook.book.Event`) are 0 and above."""


class Action(IntEnum):
    """What a command asks for. Below 16 and from 32 on an agent's own; from 16 to 31 the fixed processes'."""

    NOTHING = 0
    SUBMIT = 1
    CANCEL = 2
    REPLACE = 3
    CANCEL_ALL = 4
    BATTERY = 5
    LEAVE = 6
    REJOIN = 7
    NOMINATE = 8
    OFFER = 9
    """An order for the day-ahead market."""
    INVEST = 10
    """More capacity: `quantity_wh` is the power [W]."""
    TARIFF = 11
    """Retail prices differ by `price_tick` from the scenario's for `quantity_wh` periods from `period` on."""
    OPEN = 16
    CLOSE = 17
    DELIVER = 18
    SETTLE = 19
    BILL = 20
    QUARANTINE = 21
    AUCTION = 22
    CLEAR = 23
    CLEAR_DAY = 24
    """The day-ahead market clears `quantity_wh` periods from `period` on."""
    MARK = 25
    COMPLY = 26
    """Quotas are settled; `order` is the number of the date."""
    CHOOSE = 27
    """Customers think about leaving, under the tariffs of `quantity_wh` periods from `period` on."""
    SWITCH = 28
    """A member takes another utility, `order`, from `period` on: it is asked about that once a day."""
    REQUEST = 32
    """This and what follows is said to the contract desk, see `wattbook.contracts.Verb`."""
    QUOTE = 33
    COUNTER = 34
    ACCEPT = 35
    WALK = 36
    POST = 37
    TAKE = 38
    WITHDRAW = 39
    CANCEL_CONTRACT = 40
    PAY = 41
    CONTRIBUTE = 42
    REDEEM = 43
    RETIRE = 44
    FIND = 48
    """This and what follows is said by the regulator, see `wattbook.oversight`: a finding about the agent `order` under
    the rule `book`; `price_tick`, `quantity_wh` and `flags` are gain, overcharge and consumers' harm [1e-8 EUR]."""
    EVIDENCE = 49
    """Of the finding `order`: the item `book` is `quantity_wh`, at the place `flags`."""
    WARN = 50
    MITIGATE = 51
    """Until `flags` [ms UTC] the agent's day-ahead asks count as at most `price_tick`."""
    FINE = 52
    """`price_tick` is the gain that is taken back, `quantity_wh` the fine beyond it [1e-8 EUR]."""
    CAP = 53
    """Until `flags` [ms UTC] the agent may not ask for more than `price_tick`."""
    SUSPEND = 54
    """Until `flags` [ms UTC] the agent's orders are refused."""
    HALT = 55
    """Until `flags` [ms UTC] no order is taken in one product, `book` and `period`, or in all books, -1."""
    REFUND = 56
    """From the treasury to the agent `period`: `quantity_wh` [1e-8 EUR] of what was fined for the finding `order`."""
    COLLAR = 57
    """The day-ahead auction's highest price becomes `price_tick` from the next session on."""


class Venue(IntEnum):
    """A kind of book; its books share one network path."""

    LOCAL = 0
    DISTRICT = 1
    WHOLESALE = 2


class Path(IntEnum):
    """How a withdrawn Wh came: within the feeder, within the district, or from the grid above."""

    FEEDER = 0
    DISTRICT = 1
    STANDARD = 2


class Cause(IntEnum):
    """Why money moved."""

    ENDOWMENT = 0
    TRADE = 1
    RETAIL = 2
    FEED_IN = 3
    NETWORK = 4
    LEVY = 5
    VAT = 6
    LOSSES = 7
    SPOT = 8
    IMBALANCE = 9
    FINE = 10
    INCENTIVE = 11
    MARGIN = 12
    DELIVERY = 13
    ROUNDING = 14
    MAINTENANCE = 15
    SHARE = 16
    FUEL = 17
    INVESTMENT = 18
    VARIATION = 19
    COLLATERAL = 20
    FUND = 21
    PREMIUM = 22
    """Difference under a contract for difference."""
    PENALTY = 23
    BUY_OUT = 24
    GUARANTEE = 25
    """Guarantees of origin that are sold by themselves."""
    EXIT_FEE = 26
    REFUND = 27
    """What consumers get back of a fine."""
    CARBON = 28
    """Price of emissions, paid to the treasury."""
    CLAWBACK = 29
    """Incentives that are paid back to the treasury."""


class Refusal(IntEnum):
    """Why admission refused a command. The book's own reasons (`wattbook.book.Code`) lie below 100."""

    UNKNOWN_AGENT = 100
    UNKNOWN_ACTION = 101
    UNKNOWN_PRODUCT = 102
    UNKNOWN_BOOK = 103
    NO_MARKET = 104
    GATE_NOT_OPEN = 105
    GATE_CLOSED = 106
    DISCONNECTED = 107
    QUARANTINED = 108
    RATE_LIMIT = 109
    NO_FUNDS = 110
    NO_CAPABILITY = 111
    NOT_A_UTILITY = 112
    NO_BATTERY = 113
    OUT_OF_RANGE = 114
    NO_IMPROVEMENT = 115
    NOT_IN_WHOLESALE = 116
    """There is no contract desk."""
    NO_PLANT = 117
    NO_UPGRADE = 118
    """None is for sale, or not so large a one, or the one before is still being built."""
    NOT_CONNECTED = 119
    """This producer and this utility do not deal with each other."""
    NO_TARIFF = 120
    """Nobody is served under it, its day may be traded already, or a price is out of bounds."""
    NO_SWITCH = 121
    """Members do not choose here, or not that utility, or not from that period on, or the term is not over."""
    SUSPENDED = 122
    HALTED = 123
    PRICE_CAPPED = 124
    NO_FINDING = 125
    """The regulator names no finding of its own, or says something that is not open to it."""
    BEYOND_CAP = 126
    """A fine beyond what the scenario allows for an offence."""
    SANCTIONED_BEFORE = 127
    """One offence is sanctioned once."""
    NO_BUDGET = 128


class House(IntEnum):
    """Accounts that belong to no agent, in the order in which they follow the agents' accounts."""

    GRID = 0
    STATE = 1
    UPSTREAM = 2
    CLEARING = 3
    TREASURY = 4
    ROUNDING = 5


class Command(NamedTuple):
    """One row of the journal's ``commands``: who asked for what, when.

    Attributes
    ----------
    agent : int
        Index into the run's sorted agent names; -1 for a fixed process.
    book : int
        Index of the book, -1 where none is meant.
    period : int
        Index of the delivery period, counted from the run's start.
    order : int
        The order meant by CANCEL and REPLACE. A SUBMIT gets the id that the market gives it.
    """

    time_ms: int
    agent: int
    action: int
    book: int = -1
    period: int = -1
    order: int = 0
    side: int = 0
    price_tick: int = 0
    quantity_wh: int = 0
    flags: int = 0


class See(NamedTuple):
    """What an agent knows of one product when it looks at it. Whole numbers only.

    Prices are in ticks of 0.01 EUR/MWh, energies in Wh of the product's period, times in ms of UTC; `NO_PRICE`
    stands for an empty side of a book. Forecasts are the agent's own.
    """

    now_ms: int
    end_ms: int
    period: int
    start_ms: int
    gate_ms: int
    period_ms: int
    tradable: int
    """1 while the product's gate is open, there is a local market, and the agent takes part in it."""
    connected: int
    """1 while the agent takes part in the local market."""
    fresh: int
    """1 at the first look at this product."""
    step_tick: int
    floor_tick: int
    cap_tick: int
    local_bid: int
    local_bid_wh: int
    local_ask: int
    local_ask_wh: int
    district_bid: int
    district_bid_wh: int
    district_ask: int
    district_ask_wh: int
    last_tick: int
    """Price of the product's last trade in a book that the agent can reach, or `NO_PRICE`."""
    retail_tick: int
    feed_in_tick: int
    local_fee_tick: int
    district_fee_tick: int
    """Network fee of the district's path. In a gateway's book, whose energy bears VAT, the fee at which energy without
    it would cost as much at the highest price that is worth paying."""
    standard_fee_tick: int
    levy_tick: int
    vat_ppm: int
    """The agent's own VAT rate [ppm] on what it pays to utility, network and state; 0 if it deducts VAT."""
    load_wh: int
    """Expected load; for a utility the expected residual of all its customers."""
    generation_wh: int
    sd_wh: int
    """Standard deviation of the expected net load (load - generation)."""
    battery_wh: int
    """What the battery is expected to give (+) or take (-) at the meter by itself; for a utility the batteries of all
    its customers."""
    spill_wh: int
    """Part of what the battery would take that it could not use before it is full again."""
    spill_tick: int
    """Most that the spilled energy could earn by being stored first: the highest feed-in price of a later period
    in which the full battery refuses energy; `NO_PRICE` without such a period."""
    soc_wh: int
    """Expected state of charge at the period's start."""
    capacity_wh: int
    position_wh: int
    """Bought - sold so far, all books."""
    open_buy_wh: int
    open_sell_wh: int
    order: int
    """The agent's latest order that rests in this product, 0 if none; the next four describe it."""
    order_book: int
    """0 its local book, 1 the district's."""
    order_side: int
    order_price_tick: int
    order_wh: int
    buy_limit_wh: int
    """Most that the agent's connection and battery could take in one period."""
    sell_limit_wh: int
    """Most that its plants and battery could give in one period."""
    available: int
    """Money that the agent may still commit [1e-8 EUR]."""
    limit_tick: int
    """What a trader's next unit is worth to it, or costs it; `NO_PRICE` for who is no trader or has no unit left."""
    side: int
    """`BUY` or `SELL` for a trader; 0 for everybody else."""
    units: int
    """Units that a trader has left in this product."""
    turn: int
    """0 while somebody else has the turn, in a market that gives turns: look and learn, orders are not taken."""
    turns_left: int
    """Turns until the trading day ends if nobody trades any more; 0 in a market that gives no turns."""
    shout_side: int
    """Side of the last order that the trader's book took in this product; 0 without one, and for who is no trader."""
    shout_tick: int
    """Its price, or, if it traded, the price at which it did; `NO_PRICE` without one."""
    shout_traded: int
    """1 if that order traded at once."""


# A policy fills rows of `out` from the top; a row whose action is NOTHING ends the list.
OUT_ROWS: Final = 8
OUT_ACTION: Final = 0
OUT_BOOK: Final = 1
"""0 the agent's local book, 1 the district's."""
OUT_SIDE: Final = 2
OUT_PRICE: Final = 3
OUT_QUANTITY: Final = 4
"""For BATTERY: the most it may take [Wh at the meter] in the period; -1 for no limit."""
OUT_FLAGS: Final = 5
"""For BATTERY: the most it may give [Wh at the meter] in the period; -1 for no limit."""
OUT_ORDER: Final = 6
OUT_COLUMNS: Final = 7
MEMORY_SIZE: Final = 128


class Stream(NamedTuple):
    """A kind of journal row: its name and its columns, each with a NumPy type code."""

    name: str
    columns: tuple[tuple[str, str], ...]


_ROW = (("seq", "<i8"), ("command", "<i8"))
"""Every fact carries its place in its own stream and the command that caused it."""

COMMANDS: Final = Stream(
    "commands",
    (
        ("seq", "<i8"), ("time_ms", "<i8"), ("agent", "<i4"), ("action", "<i2"), ("book", "<i4"), ("period", "<i4"),
        ("order", "<i8"), ("side", "<i8"), ("price_tick", "<i8"), ("quantity_wh", "<i8"), ("flags", "<i8"),
    ),
)  # fmt: skip
ORDERS: Final = Stream(
    "orders",
    (
        *_ROW, ("time_ms", "<i8"), ("book", "<i4"), ("period", "<i4"), ("order", "<i8"), ("agent", "<i4"),
        ("event", "<i2"), ("side", "<i8"), ("price_tick", "<i8"), ("quantity_wh", "<i8"), ("remaining_wh", "<i8"),
        ("code", "<i2"),
    ),
)  # fmt: skip
TRADES: Final = Stream(
    "trades",
    (
        *_ROW, ("time_ms", "<i8"), ("book", "<i4"), ("period", "<i4"), ("buyer", "<i4"), ("seller", "<i4"),
        ("price_tick", "<i8"), ("quantity_wh", "<i8"), ("aggressor", "<i1"), ("maker_order", "<i8"),
        ("taker_order", "<i8"),
    ),
)  # fmt: skip
POSTINGS: Final = Stream(
    "postings",
    (
        *_ROW, ("time_ms", "<i8"), ("period", "<i4"), ("transfer", "<i8"), ("account", "<i4"), ("amount", "<i8"),
        ("cause", "<i2"),
    ),
)  # fmt: skip
METERS: Final = Stream(
    "meters",
    (
        *_ROW, ("period", "<i4"), ("agent", "<i4"), ("load_wh", "<i8"), ("generation_wh", "<i8"), ("charge_wh", "<i8"),
        ("discharge_wh", "<i8"), ("curtailed_wh", "<i8"), ("traded_wh", "<i8"), ("residual_wh", "<i8"),
        ("soc_wh", "<i8"), ("substitute", "<i1"),
    ),
)  # fmt: skip
FLOWS: Final = Stream(
    "flows",
    (*_ROW, ("period", "<i4"), ("path", "<i2"), ("flow_wh", "<i8"), ("losses_wh", "<i8")),
)
GROUPS: Final = Stream(
    "groups",
    (
        *_ROW, ("period", "<i4"), ("utility", "<i4"), ("nominated_wh", "<i8"), ("metered_wh", "<i8"),
        ("deviation_wh", "<i8"), ("spot_tick", "<i8"), ("imbalance_tick", "<i8"),
    ),
)  # fmt: skip

SHARES: Final = Stream(
    "shares",
    (
        *_ROW, ("period", "<i4"), ("book", "<i4"), ("agent", "<i4"), ("claim_wh", "<i8"), ("shared_wh", "<i8"),
        ("price_tick", "<i8"),
    ),
)  # fmt: skip

SPOT: Final = Stream(
    "spot",
    (
        *_ROW, ("period", "<i4"), ("price_tick", "<i8"), ("offered_wh", "<i8"), ("wanted_wh", "<i8"),
        ("sold_wh", "<i8"), ("bought_wh", "<i8"), ("imported_wh", "<i8"),
    ),
)  # fmt: skip
"""What the day-ahead market came to; what was imported is bought - sold by those inside."""
SUPPLY: Final = Stream(
    "supply",
    (
        *_ROW, ("period", "<i4"), ("agent", "<i4"), ("capacity_w", "<i8"), ("available_wh", "<i8"),
        ("scheduled_wh", "<i8"), ("output_wh", "<i8"), ("fuel", "<i8"),
    ),
)  # fmt: skip
"""What each producer gave, and what its fuel cost [1e-8 EUR]."""
SERVED: Final = Stream(
    "served",
    (*_ROW, ("period", "<i4"), ("agent", "<i4"), ("customers", "<i8"), ("energy_wh", "<i8")),
)
"""What the customers drew that a utility stands for."""
POSITIONS: Final = Stream(
    "positions",
    (
        *_ROW, ("period", "<i4"), ("agent", "<i4"), ("contracted_wh", "<i8"), ("spot_wh", "<i8"), ("metered_wh", "<i8"),
    ),
)  # fmt: skip
"""One row of the one ledger of positions: bought - sold by contracts and at spot, and what the group drew in all."""
CONTRACTS: Final = Stream(
    "contracts",
    (
        *_ROW, ("contract", "<i8"), ("event", "<i2"), ("time_ms", "<i8"), ("buyer", "<i4"), ("seller", "<i4"),
        ("spec", "<i4"), ("price_tick", "<i8"), ("quantity_wh", "<i8"), ("amount", "<i8"),
    ),
)  # fmt: skip
"""Everything that happened at the contract desk, see `wattbook.contracts.Row`."""

STREAMS: Final = (COMMANDS, ORDERS, TRADES, POSTINGS, METERS, FLOWS, GROUPS)
"""Streams of every journal."""


TARIFFS: Final = Stream(
    "tariffs",
    (*_ROW, ("period", "<i4"), ("agent", "<i4"), ("retail_tick", "<i8"), ("feed_in_tick", "<i8")),
)
"""Tariffs that were set after the start; a period's last row holds."""
SWITCHES: Final = Stream(
    "switches",
    (*_ROW, ("time_ms", "<i8"), ("old", "<i4"), ("new", "<i4"), ("customers", "<i8"), ("fee", "<i8")),
)
"""How many customers left which utility for which other one, and what they paid for it [1e-8 EUR]."""
MOVES: Final = Stream(
    "moves",
    (
        *_ROW, ("time_ms", "<i8"), ("agent", "<i4"), ("old", "<i4"), ("new", "<i4"), ("period", "<i4"), ("fee", "<i8"),
    ),
)  # fmt: skip
"""Members who took another utility, from which period on, and what leaving cost them [1e-8 EUR]."""
FINDINGS: Final = Stream(
    "findings",
    (
        *_ROW, ("time_ms", "<i8"), ("agent", "<i4"), ("rule", "<i2"), ("gain", "<i8"), ("overcharge", "<i8"),
        ("harm", "<i8"),
    ),
)  # fmt: skip
"""What the regulator found, numbered by `seq`; agent -1 where it is about the market [1e-8 EUR]."""
EVIDENCE: Final = Stream(
    "evidence",
    (*_ROW, ("finding", "<i8"), ("item", "<i2"), ("place", "<i8"), ("value", "<i8")),
)
"""What a finding rests on, see `wattbook.oversight.Item`."""
SANCTIONS: Final = Stream(
    "sanctions",
    (
        *_ROW, ("time_ms", "<i8"), ("finding", "<i8"), ("agent", "<i4"), ("rule", "<i2"), ("kind", "<i2"),
        ("amount", "<i8"), ("disgorged", "<i8"), ("price_tick", "<i8"), ("until_ms", "<i8"),
    ),
)  # fmt: skip
"""What follows from it, see `wattbook.oversight.Sanction`; `amount` holds all that is taken [1e-8 EUR]."""
WHOLESALE_STREAMS: Final = (SPOT, SUPPLY, SERVED, POSITIONS)
OVERSIGHT_STREAMS: Final = (FINDINGS, EVIDENCE, SANCTIONS)
RETAIL_STREAMS: Final = (TARIFFS, SWITCHES)


def streams_of(header: Any) -> tuple[Stream, ...]:
    """Streams of a journal with this header: those of shares, the wholesale market and the desk only where these are.

    A journal without them is what it was before there were any, fingerprint included.
    """
    known = header if isinstance(header, dict) else {}
    market, wholesale = known.get("local_market"), known.get("wholesale")
    streams: tuple[Stream, ...] = STREAMS
    if isinstance(market, dict) and market.get("sharing") is not None:
        streams += (SHARES,)
    if isinstance(wholesale, dict):
        streams += WHOLESALE_STREAMS
        streams += (CONTRACTS,) if wholesale.get("desk") is not None else ()
        retail = wholesale.get("retail")
        streams += RETAIL_STREAMS if retail is not None else ()
        streams += (MOVES,) if isinstance(retail, dict) and retail.get("members") else ()
    if isinstance(known.get("regulator"), dict):
        # A regulator may cap tariffs where nobody else sets them.
        streams += (() if TARIFFS in streams else (TARIFFS,)) + OVERSIGHT_STREAMS
    return streams
