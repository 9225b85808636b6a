"""The parts of a scenario: agents, the local market, the network, the imbalance price.

Owns what each part may hold and its defaults. Prices are EUR/MWh, and every measured value carries its unit: a bare
number is refused. Knows nothing of how parts fit together (`wattbook.scenario.checks`) or become arrays.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, TypeAlias

from pydantic import BaseModel, ConfigDict, PlainValidator, ValidationError

from wattbook.assets import Battery, Pv
from wattbook.errors import nearest
from wattbook.policies import (
    PERSONAS,
    Mind,
    adaptive_aggressive,
    closer,
    gjerstad_dickhaut,
    home,
    idle,
    market_maker,
    nominate,
    shaver,
    sniper,
    spoofer,
    truthful,
    wash_ring,
    zero_intelligence,
    zero_intelligence_plus,
)
from wattbook.policies.utilities import UTILITY_PERSONAS
from wattbook.scenario.faults import FieldError, problems_of, report, shown
from wattbook.scenario.fields import (
    Typed,
    bounded,
    choice,
    flag,
    identifier,
    instance,
    is_identifier,
    is_none,
    measured,
    optional,
    quantity,
    tariff,
    text,
    whole,
)
from wattbook.scenario.mechanisms import MECHANISMS, PRICING, RATIONING, keys_check
from wattbook.units import (
    MS_PER_DAY,
    MS_PER_MINUTE,
    PPM,
    Quantity,
    eur,
    eur_per_mwh,
    kw,
    kwh,
    minutes,
    percent,
    seconds,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wattbook.policies.wholesale import WholesaleMind

PRICE_BOUND: Final = eur_per_mwh(100_000)
POWER_BOUND: Final = kw(1_000_000)
MONEY_BOUND: Final = eur(10_000_000_000)
ORDER_BOUND: Final = kwh(1_000_000)
"""Times the dearest price it stays far below the 62 bits that every product of price and quantity must fit."""
GATEWAY_PATHS: Final = ("standard", "district")
LABEL_LIMIT: Final = 200
SELF_TRADE: Final = ("off", "cancel-newest", "cancel-oldest", "cancel-both", "decrement")
DEFAULT_CREDIT: Final = eur(500)
UTILITY_CREDIT: Final = eur(10_000_000)
MOST_CUSTOMERS: Final = 10_000_000
TRADER_CASH: Final = eur(1_000_000)
"""Enough for every unit at any price: a trader is bound by its values, not by its purse."""
REACTION: Final = seconds(0.1)
MOST_UNITS: Final = 1_000
CONNECTION: Final = kw(30)
"""What a home's connection carries if nothing is said, an assumption of calibration; more if its load needs it."""
MEMBER_POLICIES: Final[dict[str, Callable[[], Mind]]] = {
    **{persona: partial(home, persona) for persona in PERSONAS},
    "truthful": truthful,
    "zi-c": partial(zero_intelligence, constrained=True),
    "zi-u": partial(zero_intelligence, constrained=False),
    "idle": idle,
    "market-maker": market_maker,
    "spoofer": spoofer,
    **{f"ring-{place + 1}": partial(wash_ring, place) for place in range(3)},
    "closer": closer,
}
"""Policies of members that a text can name: rule-based homes by their persona, and the others by their own name."""
TRADER_POLICIES: Final[dict[str, Callable[[], Mind]]] = {
    "zi-c": partial(zero_intelligence, constrained=True),
    "zi-u": partial(zero_intelligence, constrained=False),
    "zip": zero_intelligence_plus,
    "gd": gjerstad_dickhaut,
    "aa": adaptive_aggressive,
    "sniper": sniper,
    "shaver": shaver,
    "truthful": truthful,
    "idle": idle,
}
"""Policies of traders that a text can name."""
UTILITY_POLICIES: Final[dict[str, Callable[[], Mind]]] = {"nominate": nominate, "idle": idle}
"""Policies of utilities that a text can name."""
_WHOLE_NUMBER: Final = re.compile(r"-?[0-9]+")


def clock_time(value: object) -> str:
    """Check a local clock time such as '15:00'."""
    hour, colon, minute = value.partition(":") if isinstance(value, str) else ("", "", "")
    if not (colon and hour.isascii() and hour.isdigit() and minute.isascii() and minute.isdigit() and len(minute) == 2):
        raise FieldError("is not a clock time: write '15:00'")
    if not (int(hour) < 24 and int(minute) < 60):
        raise FieldError("is no time of a day: write one from '00:00' to '23:59'")
    return f"{int(hour):02d}:{minute}"


def minutes_of(clock: str) -> int:
    """Turn a local clock time such as '15:00' into minutes after midnight."""
    hour, minute = clock.split(":")
    return int(hour) * 60 + int(minute)


def _period(value: object) -> int:
    """Length of a delivery period [ms]: whole minutes that fill a day."""
    given = quantity(value, "duration")
    bounded(given, "duration", minutes(1), minutes(24 * 60))
    if given % MS_PER_MINUTE or MS_PER_DAY % given:
        usual = "15, 30 or 60" if isinstance(value, Typed) else "minutes(15), minutes(30) or minutes(60)"
        raise FieldError(f"does not divide a day into whole periods: write {usual}")
    return given


def period_check() -> PlainValidator:
    """Make the check of the length of a delivery or settlement period."""
    return PlainValidator(_period)


def _feeder(value: object) -> str:
    """Name of a feeder; a number n, or its digits, is feeder-n."""
    is_number = isinstance(value, int) and not isinstance(value, bool | Quantity)
    if is_number or (isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value)):
        if str(value).startswith("-"):
            raise FieldError("is negative: write the feeder's number, as 2, or its name")
        value = f"feeder-{value}"
    checked: str = _CHECKED_ID(value)
    return checked


def optional_name(value: object) -> str | None:
    """Take an agent's name, or none."""
    return None if is_none(value) else str(_CHECKED_ID(value))


def _policy(known: Mapping[str, Callable[[], Mind]]) -> PlainValidator:
    """Make the check of a policy: a Mind, a bare function (which gets its own name and no memory), or a name."""

    def check(value: object) -> Mind | None:
        if is_none(value):
            return None
        if isinstance(value, Mind):
            return value
        if isinstance(value, str):
            if value not in known:
                raise FieldError(f"is not a policy{nearest(value, known)}: choose from {', '.join(known)}")
            return known[str(value)]()
        if not callable(value):
            raise FieldError("is not a policy: give a name such as 'patient', a Mind, or a function")
        return Mind(policy=value, name=str(getattr(value, "__name__", type(value).__name__))[:64])

    return PlainValidator(check)


def wholesale_mind(known: Mapping[str, WholesaleMind]) -> PlainValidator:
    """Make the check of how an agent decides in the wholesale market: a persona, or a mind of its own."""

    def check(value: object) -> WholesaleMind:
        if isinstance(value, str):
            if value not in known:
                raise FieldError(f"is not a persona{nearest(value, known)}: choose from {', '.join(known)}")
            return known[str(value)]
        if all(callable(getattr(value, name, None)) for name in ("at_desk", "day_ahead", "invest")):
            mind: WholesaleMind = value  # type: ignore[assignment]  # it has the three
            return mind
        raise FieldError("is neither a persona nor a mind with at_desk, day_ahead and invest")

    return PlainValidator(check)


def _unit_values(value: object) -> tuple[int, ...] | None:
    """Take a list of prices, one a unit; on a command line with commas between them."""
    if is_none(value):
        return None
    if isinstance(value, Typed):
        value = [Typed(each) for each in value.split(",")]
    if not isinstance(value, list | tuple) or not value:
        raise FieldError("is not a list of prices: write [eur_per_mwh(300), eur_per_mwh(275)], or value= for one unit")
    if len(value) > MOST_UNITS:
        raise FieldError(f"has {len(value)} units: write at most {MOST_UNITS}")
    prices = [quantity(each, "price") for each in value]
    for price in prices:
        bounded(price, "price", -PRICE_BOUND, PRICE_BOUND)
    return tuple(prices)


def _profile(value: object) -> object:
    """Take a profile's name, path or frame as it is; it is read when the scenario is put together."""
    if value is None or isinstance(value, Path) or (isinstance(value, str) and value.strip()):
        return value
    if hasattr(value, "columns") and hasattr(value, "height"):
        return value
    raise FieldError("is not a profile: give a name such as 'H0-A', a path to a CSV or Parquet file, or a Polars frame")


_CHECKED_ID: Final[Any] = identifier().func
Name: TypeAlias = Annotated[str, identifier()]
Label: TypeAlias = Annotated[str, text(LABEL_LIMIT)]
Feeder: TypeAlias = Annotated[str, PlainValidator(_feeder)]
ProfileSource: TypeAlias = Annotated[Any, PlainValidator(_profile)]
# Any, because pydantic would look inside a Mind and stumble over the form of its policy.
MemberPolicy: TypeAlias = Annotated[Any, _policy(MEMBER_POLICIES)]
TraderPolicy: TypeAlias = Annotated[Any, _policy(TRADER_POLICIES)]
UtilityPolicy: TypeAlias = Annotated[Any, _policy(UTILITY_POLICIES)]
Fee: TypeAlias = Annotated[int, measured("price", 0, PRICE_BOUND)]
Price: TypeAlias = Annotated[int, measured("price", -PRICE_BOUND, PRICE_BOUND)]
Loss: TypeAlias = Annotated[int, measured("share", 0, PPM - 1)]
Tariff: TypeAlias = Annotated[tuple[int, ...], tariff(-PRICE_BOUND, PRICE_BOUND)]
RetailTariff: TypeAlias = Annotated[tuple[int, ...], tariff(0, PRICE_BOUND)]
OptionalPower: TypeAlias = Annotated[int | None, optional(measured("power", 1, POWER_BOUND))]
Loyalty: TypeAlias = Annotated[int | None, optional(measured("price", 0, PRICE_BOUND))]
Money: TypeAlias = Annotated[int, measured("money", 0, MONEY_BOUND)]


class Part(BaseModel):
    """A frozen piece of a scenario that reports all its problems together."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, validate_default=False)
    path: ClassVar[str] = ""

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as fault:
            report(problems_of(fault, self._path(values), type(self).model_fields))

    @classmethod
    def _path(cls, values: dict[str, Any]) -> str:
        """Where this part stands in its scenario."""
        if cls.path or "name" not in values:
            return cls.path
        name = values["name"]
        return name if isinstance(name, str) and is_identifier(name) else f"agent {shown(name)}"

    @property
    def is_whole(self) -> bool:
        """False for what remains of a faulty part while a script's problems are collected."""
        return hasattr(self, "__pydantic_fields_set__")


class Gateway(Part):
    """Where homes meet utilities and producers: a book of its own, wider than the feeders'.

    Attributes
    ----------
    by : str
        Network path of all that is bought there: ``"standard"`` or ``"district"``.
    asks_every : duration or None
        How often utilities and producers are asked for orders, beside each gate opening. None: at the opening alone.
    """

    path: ClassVar[str] = "local.gateway"
    by: Annotated[str, choice(*GATEWAY_PATHS)] = "standard"
    asks_every: Annotated[int | None, optional(measured("duration", minutes(1), minutes(24 * 60)))] = None


def _gateway(value: object) -> Gateway | None:
    if is_none(value):
        return None
    if isinstance(value, Gateway):
        return value
    if isinstance(value, str) and value.strip().lower() in GATEWAY_PATHS:
        return Gateway(by=value.strip().lower())
    raise FieldError("is not made by Gateway(...), nor None; of words, standard, district and none are known")


class LocalMarket(Part):
    """The neighbourhood's market: by default a continuous double auction for each delivery period.

    Attributes
    ----------
    period : duration
        Length of a delivery period; must divide a day. Default ``minutes(15)``.
    closes_before : duration
        Gate closure before delivery. An order at exactly that moment is refused. Default ``minutes(5)``.
    opens : str
        Local clock time on the day before delivery, as ``"15:00"``.
    floor, cap, step : price
        Price band and price step; both ends of the band are multiples of the step.
    district : bool
        Whether a wider book joins the feeders' own.
    self_trade : str
        off, cancel-newest, cancel-oldest, cancel-both or decrement.
    orders_per_wake : int
        Commands that one agent may send in one millisecond: at a gate opening it may see a day of products at once.
    largest_order : energy
        More than this in one order is refused.
    improve : bool
        Laboratory markets: an order must improve the best quote of its side, or cross the other.
    clear_after_trade : bool
        Laboratory markets: a trade takes out all that rests in its product and book.
    turns : str
        ``"clock"``: agents wake on their own clocks. ``"random"``: traders take turns, one a millisecond.
        ``"reaction"``: traders look, and what they decide reaches the book after their reaction time.
    failed_shouts : int
        With turns: so many in a row without a trade end a trading day.
    turns_per_day : int
        With turns: a trading day ends after so many in any case; 0 for no such limit.
    session_days : int
        With turns: traders forget after so many trading days; 0 if they never do.
    mechanism : str
        How neighbours come to each other's energy. ``"continuous"``: orders match as they come. ``"call"``: orders
        gather, sealed, until an auction at gate closure. ``"mid-market-rate"``, ``"static-key"``, ``"dynamic-key"``: no
        orders, metered surplus is shared after the event.
    auction_every : duration or None
        With call: auctions of all open products so often, beside each one's last. None: the last alone.
    pricing : str
        With call: ``"uniform"`` or ``"pay-as-bid"``.
    rationing : str
        With call: the margin is served by ``"time"`` or ``"pro-rata"``.
    keys : str or mapping of str to share
        With static-key: ``"equal"``, ``"rated"`` (by the load's rating), or a share of each member by name, which
        sum to 100 % on each feeder.
    share_price : tariff or None
        With static-key and dynamic-key: what a shared Wh costs. None is the mid-market price.
    answers : bool
        With ``turns="random"``: each order is offered at once to all traders of the other side, and does not rest.
    gateway : Gateway or None
        A book in which homes meet utilities and producers; needs ``district=False``.
    """

    path: ClassVar[str] = "local"
    period: Annotated[int, period_check()] = minutes(15)
    closes_before: Annotated[int, measured("duration", 0, minutes(24 * 60))] = minutes(5)
    opens: Annotated[str, PlainValidator(clock_time)] = "15:00"
    floor: Price = eur_per_mwh(0)
    cap: Price = eur_per_mwh(500)
    step: Annotated[int, measured("price", 1, PRICE_BOUND)] = eur_per_mwh(0.01)
    district: Annotated[bool, flag()] = True
    self_trade: Annotated[str, choice(*SELF_TRADE)] = "off"
    orders_per_wake: Annotated[int, whole(1, 10_000)] = 200
    largest_order: Annotated[int, measured("energy", 1, ORDER_BOUND)] = kwh(1_000)
    improve: Annotated[bool, flag()] = False
    clear_after_trade: Annotated[bool, flag()] = False
    turns: Annotated[str, choice("clock", "random", "reaction")] = "clock"
    failed_shouts: Annotated[int, whole(1, 1_000_000)] = 100
    turns_per_day: Annotated[int, whole(0, 86_400_000)] = 0
    session_days: Annotated[int, whole(0, 1_000_000)] = 0
    mechanism: Annotated[str, choice(*MECHANISMS)] = "continuous"
    auction_every: Annotated[int | None, optional(measured("duration", minutes(1), minutes(24 * 60)))] = None
    pricing: Annotated[str, choice(*PRICING)] = "uniform"
    rationing: Annotated[str, choice(*RATIONING)] = "time"
    keys: Annotated[Any, keys_check()] = "equal"
    share_price: Annotated[tuple[int, ...] | None, optional(tariff(-PRICE_BOUND, PRICE_BOUND))] = None
    answers: Annotated[bool, flag()] = False
    gateway: Annotated[Gateway | None, PlainValidator(_gateway)] = None

    @property
    def opens_minute(self) -> int:
        """Clock time of the gate opening [minutes after local midnight]."""
        return minutes_of(self.opens)


class Network(Part):
    """What the wires cost and lose by the path that energy takes, and what the state adds.

    The defaults are assumptions of calibration. Fees and levy are due on metered withdrawal; VAT on what a member
    pays to its utility, the network and the state.
    """

    path: ClassVar[str] = "network"
    feeder_fee: Fee = eur_per_mwh(30)
    district_fee: Fee = eur_per_mwh(50)
    standard_fee: Fee = eur_per_mwh(70)
    feeder_loss: Loss = percent(1)
    district_loss: Loss = percent(3)
    standard_loss: Loss = percent(5)
    levy: Fee = eur_per_mwh(20.5)
    vat: Annotated[int, measured("share", 0, PPM)] = percent(19)


class Imbalance(Part):
    """What a balance group pays for a Wh that it lacks, and gets for one that it has too many.

    Attributes
    ----------
    short : tariff or None
        Price for a group that is short. None is the spot price and a fifth of its size more, an assumption of
        calibration.
    long : tariff or None
        Price for a group that is long. None is the same as `short` where that is given (a single imbalance price), and
        otherwise the spot price less a fifth of its size: by default nobody gains by erring.
    """

    path: ClassVar[str] = "imbalance"
    short: Annotated[tuple[int, ...] | None, optional(tariff(-PRICE_BOUND, PRICE_BOUND))] = None
    long: Annotated[tuple[int, ...] | None, optional(tariff(-PRICE_BOUND, PRICE_BOUND))] = None


class Agent(Part):
    """What every agent has: a name, money, a policy."""

    kind: ClassVar[str] = ""
    name: Name
    policy: MemberPolicy = None
    label: Label = ""
    credit_limit: Money = DEFAULT_CREDIT
    cash: Money = eur(0)


class Consumer(Agent):
    """A member with a load; see `consumer`."""

    kind: ClassVar[str] = "consumer"
    profile: ProfileSource = "H0-A"
    rated: OptionalPower = kw(3)
    bootstrap: Annotated[bool, flag()] = True
    supplier: Annotated[str | None, PlainValidator(optional_name)] = None
    feeder: Feeder = "feeder-1"
    deducts_vat: Annotated[bool, flag()] = False
    connection: OptionalPower = None
    loyalty: Loyalty = None


class Prosumer(Consumer):
    """A consumer with a plant, a battery, or both; see `prosumer`."""

    kind: ClassVar[str] = "prosumer"
    pv: Annotated[Pv | None, optional(instance(Pv, "Pv(kw(8))"))] = None
    pv_profile: ProfileSource = "PV1"
    battery: Annotated[Battery | None, optional(instance(Battery, "Battery(kwh(10), kw(5))"))] = None


class Utility(Agent):
    """A supplier and balance group; see `utility`."""

    kind: ClassVar[str] = "utility"
    policy: UtilityPolicy = None
    retail: RetailTariff
    feed_in: Tariff
    credit_limit: Money = UTILITY_CREDIT
    persona: Annotated[Any, wholesale_mind(UTILITY_PERSONAS)] = UTILITY_PERSONAS["balanced"]
    represents: Annotated[int, whole(0, MOST_CUSTOMERS)] = 0
    profile: ProfileSource = "H0-A"
    rated: OptionalPower = kw(3)
    renewable_quota: Annotated[int, measured("share", 0, PPM)] = percent(0)
    green_share: Annotated[int, measured("share", 0, PPM)] = percent(0)
    exit_fee: Money = eur(0)
    term: Annotated[int, measured("duration", 0, minutes(60 * 24 * 3650))] = minutes(0)
    turnover: Money = eur(0)


class Trader(Agent):
    """An agent with private values or costs and no physics; see `trader`."""

    kind: ClassVar[str] = "trader"
    policy: TraderPolicy = None
    side: Annotated[str, choice("buy", "sell")]
    value: Annotated[int | None, optional(measured("price", -PRICE_BOUND, PRICE_BOUND))] = None
    values: Annotated[tuple[int, ...] | None, PlainValidator(_unit_values)] = None
    feeder: Feeder = "feeder-1"
    cash: Money = TRADER_CASH
    reaction: Annotated[int | None, optional(measured("duration", 1, minutes(60)))] = None

    @property
    def units_tick(self) -> tuple[int, ...]:
        """What each unit is worth or costs [ticks], in the order in which they are traded."""
        if self.values is not None:
            return tuple(int(value) for value in self.values)
        return () if self.value is None else (int(self.value),)


def consumer(name: str, **values: Any) -> Consumer:
    """Describe a member with a load.

    Parameters
    ----------
    name : str
        1 to 64 letters, digits, ``_``, ``.``, ``-``.
    profile : str, Path or polars.DataFrame
        A shipped profile (``"H0-A"``, ``"simbench/LV2.101/G1-B"``), or a CSV or Parquet file or frame with the columns
        ``time`` (with offset) and ``kwh`` per interval.
        ``"flat"`` draws its rating all the time.
    rated : power
        Rating of the load; a shipped profile is scaled by it, one of your own is taken as it is.
    bootstrap : bool
        Whether a shipped profile's days are drawn anew for this member, so that homes of one shape differ.
    supplier : str or None
        Its utility; None picks one by the member's name.
    policy : str, Mind or callable
        How it trades: the name of a persona (balanced, eager, green, patient, steady, thrifty), truthful, zi-c, zi-u,
        idle or market-maker; of those who break rules spoofer, ring-1 to ring-3 or closer; a `Mind`; or a function of
        your own. None is ``"balanced"``.
    feeder : str or int
        Where it is connected, a number n being feeder-n; homes of one feeder trade by the shortest path.
    deducts_vat : bool
        True for businesses, which get the VAT back.
    connection : power
        What the connection can carry; None is 30 kW, or the rating if that is more. A load beyond it is refused.
    loyalty : price
        With ``RetailMarket(members=True)``: least gain of a Wh for which it takes another utility; None draws it.
    label : str
        Free text.
    credit_limit, cash : money
        How far its account may fall below zero for new orders, and what it starts with.

    Raises
    ------
    ConfigError
        With all problems found.
    """
    return Consumer(name=name, **values)


def prosumer(name: str, **values: Any) -> Prosumer:
    """Describe a member with a load and a PV plant, a battery, or both.

    Parameters
    ----------
    name : str
    pv : Pv
        Its plant, as ``Pv(kw(8))``.
    pv_profile : str, Path or polars.DataFrame
        The plant's yield: a shipped profile (scaled by the plant's rating), or a file or frame in kWh.
    battery : Battery
        As ``Battery(kwh(10), kw(5))``.
    **values
        All that `consumer` takes.

    Raises
    ------
    ConfigError
        With all problems found.
    """
    return Prosumer(name=name, **values)


def utility(name: str, **values: Any) -> Utility:
    """Describe a utility: supplier of last resort and balance group of its customers.

    Parameters
    ----------
    name : str
    retail, feed_in : tariff
        What its customers pay and get for a residual Wh: a price, ``{"day": ..., "night": ...}`` (06-22 local), or 24
        prices by local hour. Energy only, without network fee, levy and VAT.
    policy : str, Mind or callable
        How it nominates where there is no wholesale market: nominate, idle, a `Mind` or a function of your own. None
        nominates its customers' expected residual.
    persona : str or WholesaleMind
        How it buys where there is one: eco-friendly, balanced, greedy, depressed, or a mind of your own
        (docs/wholesale.md).
    represents : int
        Customers that it has beside the members: outside the place, they draw from it and pay it, no more.
    profile, rated
        What each of those draws, as a `consumer` does. It is taken as measured; of ``"flat"`` it is foreseen exactly.
    renewable_quota : share
        Share of what it sells that guarantees of origin must cover.
    green_share, exit_fee, term : share, money, duration
        Where customers or members choose (`RetailMarket`): how renewable its tariff is said to be, what each pays who
        leaves, and how long those who come are bound.
    turnover : money
        Of the year before the run, as its reports say: a fine's cap counts by it too (`Regulator`).
    label : str
    credit_limit, cash : money

    Raises
    ------
    ConfigError
        With all problems found.
    """
    return Utility(name=name, **values)


def trader(name: str, side: str, **values: Any) -> Trader:
    """Describe a trader of a laboratory market: private values or costs, no load, no plant, no utility.

    In each product it may trade as many units of 1 Wh as it has values; energy that it trades is neither metered nor
    charged for by the network.

    Parameters
    ----------
    name : str
    side : str
        ``"buy"`` or ``"sell"``.
    value : price
        What its one unit is worth to a buyer, or costs a seller.
    values : list of price
        The same for several units, in the order in which they are traded: a buyer's do not rise, a seller's do not
        fall.
    policy : str, Mind or callable
        How it trades: zi-c, zi-u, zip, gd, aa, sniper, shaver, truthful or idle; a `Mind`; or a function of your own.
        None is ``"zi-c"``.
    feeder : str or int
        Whose book it trades in.
    reaction : duration
        With ``LocalMarket(turns="reaction")``: how long its orders take on average from what it sees to the book. None
        is a tenth of a second.
    label : str
    credit_limit, cash : money

    Raises
    ------
    ConfigError
        With all problems found.
    """
    return Trader(name=name, side=side, **values)
