"""Producers, and how they and utilities meet: by contracts, in an auction, or at the outside's price.

Owns what a scenario may say of them and its defaults. What they do is `wattbook.policies`' business, what comes of it
`wattbook.market.wholesale`'s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, TypeAlias

from pydantic import PlainValidator

from wattbook.assets.plants import PlantKind
from wattbook.errors import nearest
from wattbook.policies.producers import PRODUCER_PERSONAS
from wattbook.scenario.faults import FieldError
from wattbook.scenario.fields import Typed, choice, flag, instance, is_none, measured, optional, quantity, tariff, whole
from wattbook.scenario.parts import (
    MONEY_BOUND,
    PRICE_BOUND,
    Agent,
    Money,
    Part,
    Price,
    clock_time,
    minutes_of,
    optional_name,
    wholesale_mind,
)
from wattbook.units import PPM, eur, eur_per_mwh, hours, kw, mw, percent

if TYPE_CHECKING:
    from collections.abc import Callable

CAPACITY: Final = (kw(1), mw(100_000))
"""From a roof to a country."""
LOT: Final = (kw(1), mw(1_000))
"""Of a contract: a day of the largest one is as much as one order may be of."""
PRODUCER_CREDIT: Final = eur(100_000_000)
KINDS: Final = tuple(kind.name.lower() for kind in PlantKind if kind != PlantKind.IMPORT)
PROFILES: Final = ("base", "peak", "solar")
SPANS: Final = ("day", "week", "month")
CONTRACTS: Final = ("future", "cash-future", "forward", "cfd")
BUY_OUT: Final = eur_per_mwh(60)
"""What a missing MWh of renewables costs, an assumption of calibration."""


def _kind(value: object) -> str:
    if not isinstance(value, str) or value not in KINDS:
        hint = nearest(value, KINDS) if isinstance(value, str) else ""
        raise FieldError(f"is no kind of plant{hint}: choose from {', '.join(KINDS)}")
    return str(value)


def _capacity(value: object) -> int:
    power = quantity(value, "power")
    if not CAPACITY[0] <= power <= CAPACITY[1]:
        raise FieldError("is no plant's capacity: write one from 1 kW to 100000 MW, as mw(20)")
    return power


def _names(what: str) -> Callable[[object], tuple[str, ...] | None]:
    """Make the check of a list of names, or none; on a command line with commas between them."""

    def check(value: object) -> tuple[str, ...] | None:
        if is_none(value):
            return None
        if isinstance(value, Typed):
            value = value.split(",")
        if not isinstance(value, list | tuple) or not value:
            raise FieldError(f"is not a list of {what}: write ['blue', 'green']")
        return tuple(dict.fromkeys(str(optional_name(each)) for each in value))

    return check


def _profiles(value: object) -> tuple[str, ...]:
    """Profiles of contracts, each once."""
    if isinstance(value, Typed):
        value = [each.strip() for each in value.split(",")]
    if not isinstance(value, list | tuple) or not value or any(each not in PROFILES for each in value):
        raise FieldError(f"is not a list of profiles: choose from {', '.join(PROFILES)}, as ['base', 'peak']")
    return tuple(dict.fromkeys(str(each) for each in value))


def _spans(value: object) -> tuple[str, ...]:
    """Spans of products, each once, in their order."""
    if isinstance(value, Typed):
        value = [each.strip() for each in value.split(",")]
    if not isinstance(value, list | tuple) or any(each not in SPANS for each in value):
        raise FieldError(f"is not a list of spans: choose from {', '.join(SPANS)}, as ['day', 'week']")
    if "day" not in value:
        raise FieldError("has no 'day': weeks and months are made of the products of days")
    return tuple(each for each in SPANS if each in value)


def _no_policy(value: object) -> None:
    if not is_none(value):
        raise FieldError("is not for producers, who do not trade in the local market: write persona='balanced'")


class Upgrade(Part):
    """How a producer's plant may grow.

    Attributes
    ----------
    most : power
        Most capacity that may be added in all.
    cost : money or None
        Of a kW. None is the cost of the plant's kind.
    lead : duration
        From the order to commissioning.
    payment : str
        ``"lump-sum"``: all at the order. ``"annuity"``: instalments over the plant's lifetime from commissioning on.
    interest : share
        Yearly, of the annuity.
    """

    path: ClassVar[str] = "upgrade"
    most: Annotated[int, PlainValidator(_capacity)]
    cost: Annotated[int | None, optional(measured("money", 0, eur(100_000)))] = None
    lead: Annotated[int, measured("duration", 0, hours(24 * 365 * 20))] = hours(24 * 730)
    payment: Annotated[str, choice("lump-sum", "annuity")] = "annuity"
    interest: Annotated[int, measured("share", 0, PPM)] = percent(7)


class Producer(Agent):
    """A power plant's owner; see `producer`."""

    kind: ClassVar[str] = "producer"
    policy: Annotated[None, PlainValidator(_no_policy)] = None
    persona: Annotated[Any, wholesale_mind(PRODUCER_PERSONAS)] = PRODUCER_PERSONAS["balanced"]
    plant: Annotated[str, PlainValidator(_kind)]
    capacity: Annotated[int, PlainValidator(_capacity)]
    cost: Annotated[int | None, optional(measured("price", -PRICE_BOUND, PRICE_BOUND))] = None
    co2: Annotated[int, measured("money", 0, eur(1_000))] = eur(25)
    outages: Annotated[bool, flag()] = True
    utilities: Annotated[tuple[str, ...] | None, PlainValidator(_names("utilities"))] = None
    upgrade: Annotated[Upgrade | None, optional(instance(Upgrade, "Upgrade(most=mw(10))"))] = None
    offer: Annotated[int | None, optional(measured("price", -PRICE_BOUND, PRICE_BOUND))] = None
    reference: Annotated[tuple[int, ...] | None, optional(tariff(-PRICE_BOUND, PRICE_BOUND))] = None
    turnover: Money = eur(0)
    credit_limit: Money = PRODUCER_CREDIT


def producer(name: str, kind: str, capacity: Any, **values: Any) -> Producer:
    """Describe a producer: the owner of one power plant.

    Parameters
    ----------
    name : str
    kind : str
        oil, gas, coal, lignite, nuclear, hydro, wind, solar, biomass or waste: fuel, efficiency, limits and outages
        are those of its kind (docs/supply.md); wind, sun and rivers are those of the run's own days.
    capacity : power
    persona : str or WholesaleMind
        How it sells: balanced, at-cost, greedy, merchant, or a mind of your own (docs/wholesale.md).
    cost : price
        Of one more MWh. None is what fuel, CO2 and operation of its kind come to.
    co2 : money
        Price of a tonne of CO2. Default ``eur(25)``, an assumption of calibration.
    outages : bool
        Whether it is ever out.
    utilities : list of str
        Utilities that it deals with at the desk. None is all.
    upgrade : Upgrade
        How it may grow; None for not at all.
    offer : price
        What it asks for all that it offers, day ahead and first at the desk. None is as its persona asks.
    reference : tariff
        What a regulator takes a MWh of it to cost. None is what public indices say of its kind: what `cost` is
        without being given.
    turnover : money
        Of the year before the run, as its reports say: a fine's cap counts by it too.
    label : str
    credit_limit, cash : money

    Raises
    ------
    ConfigError
        With all problems found.
    """
    return Producer(name=name, plant=kind, capacity=capacity, **values)


class Auction(Part):
    """The wholesale market as an auction: a call auction for each period, once a day for the day to come.

    Attributes
    ----------
    at : str
        Local clock time of the session on the day before delivery, as ``"12:00"``; the run's first day is cleared as
        it begins.
    floor, cap : price
        Band of orders and prices.
    link : power or None
        What the outside can sell to, and buy from, the auction at its own price, the scenario's `spot`. None is as
        much as anybody wants; ``mw(0)`` makes it an island.
    link_fee : price
        What the outside asks above its price and bids below it. An assumption of calibration.
    """

    path: ClassVar[str] = "wholesale"
    at: Annotated[str, PlainValidator(clock_time)] = "12:00"
    floor: Price = eur_per_mwh(-500)
    cap: Price = eur_per_mwh(4_000)
    link: Annotated[int | None, optional(measured("power", 0, CAPACITY[1]))] = None
    link_fee: Annotated[int, measured("price", 0, PRICE_BOUND)] = eur_per_mwh(20)

    @property
    def minute(self) -> int:
        """Local clock time of the session [minutes after midnight]."""
        return minutes_of(self.at)


def _auction(value: object) -> Auction | None:
    if is_none(value):
        return None
    if isinstance(value, str) and value.strip().lower() == "auction":
        return Auction()
    if not isinstance(value, Auction):
        raise FieldError("is not made by Auction(...), nor None")
    return value


class ContractDesk(Part):
    """Contracts ahead of delivery between utilities and producers, cleared or of two parties (docs/contracts.md).

    What is not contracted is bought and sold day ahead: at the outside's price, or by `spot`.

    Attributes
    ----------
    opens : str
        Local clock time of the daily session.
    rounds : int
        How often everybody is asked in one session.
    ahead : int
        Days ahead for which contracts can be signed; a week or a month counts by its first one.
    profiles : list of str
        base, peak (08-20 on weekdays) and solar (10-16), by local hour: one product a profile and day.
    spans : list of str
        day, and week and month beside it: one more product a profile and whole local calendar week or month. Futures
        of these become those of their days as they begin; others deliver as they are.
    contracts : str
        What they are: ``"future"`` (cleared, delivers), ``"cash-future"`` (cleared, settles against the spot price),
        ``"forward"`` (two parties, delivers) or ``"cfd"`` (two parties, the difference to the spot price, both ways).
    lot : power
        Of one lot.
    green : bool
        Whether renewable producers also offer shares of what they will give from the second day on, with its
        guarantees of origin (pay-as-produced).
    margin : share
        Initial margin of futures.
    marks : str
        Local clock time at which futures are marked.
    call : duration
        How long a margin call may stay unpaid.
    house_capital : money
        What the clearing house puts in.
    credit : money
        Most open notional between two parties of forwards.
    max_rounds : int
        Most offers in one negotiation.
    observable_positions : bool
        Whether everybody sees everybody's positions.
    tape_delay : duration
        How late trades become public.
    expected : price or None
        What everybody expects of the spot price before there was one. None is the mean of the default spot price.
    spot : Auction or None
        None: what is not contracted is dealt with at the outside's price.
    """

    path: ClassVar[str] = "wholesale"
    opens: Annotated[str, PlainValidator(clock_time)] = "10:00"
    rounds: Annotated[int, whole(1, 100)] = 4
    ahead: Annotated[int, whole(1, 366)] = 3
    profiles: Annotated[tuple[str, ...], PlainValidator(_profiles)] = ("base", "peak")
    spans: Annotated[tuple[str, ...], PlainValidator(_spans)] = ("day",)
    contracts: Annotated[str, choice(*CONTRACTS)] = "future"
    lot: Annotated[int, measured("power", *LOT)] = kw(100)
    green: Annotated[bool, flag()] = True
    margin: Annotated[int, measured("share", 0, PPM)] = percent(10)
    marks: Annotated[str, PlainValidator(clock_time)] = "17:00"
    call: Annotated[int, measured("duration", 1, hours(24 * 30))] = hours(18)
    house_capital: Annotated[int, measured("money", 0, MONEY_BOUND)] = eur(100_000)
    credit: Annotated[int, measured("money", 0, MONEY_BOUND)] = MONEY_BOUND
    max_rounds: Annotated[int, whole(1, 1_000)] = 5
    observable_positions: Annotated[bool, flag()] = False
    tape_delay: Annotated[int, measured("duration", 0, hours(24 * 30))] = hours(1)
    expected: Annotated[int | None, optional(measured("price", -PRICE_BOUND, PRICE_BOUND))] = None
    spot: Annotated[Auction | None, PlainValidator(_auction)] = None

    @property
    def opens_minute(self) -> int:
        """Local clock time of the session [minutes after midnight]."""
        return minutes_of(self.opens)

    @property
    def marks_minute(self) -> int:
        """Local clock time of the marks [minutes after midnight]."""
        return minutes_of(self.marks)


class RetailMarket(Part):
    """Customers choose among utilities, and utilities set their tariffs day by day.

    Once a day utilities set the tariffs of the next day; then a part of the customers that they stand for compares
    them, of those whose term is over, and with `members` each member. Sizes are assumptions of calibration.

    Attributes
    ----------
    at : str
        Local clock time; before the local market opens the next day's products.
    reprices : bool
        Whether utilities change their tariffs.
    considering : share
        Of the customers, that compare each day.
    loyalty : price
        Gain at which all of those leave; at half of it half of them do. A member of which nothing else is said leaves
        from a gain on that is drawn evenly between 0 and this one.
    green_value : price
        What a tariff that is renewable throughout is worth to them.
    members : bool
        Whether members of the local market choose as well.
    """

    path: ClassVar[str] = "retail"
    at: Annotated[str, PlainValidator(clock_time)] = "14:00"
    reprices: Annotated[bool, flag()] = True
    considering: Annotated[int, measured("share", 0, PPM)] = percent(2)
    loyalty: Annotated[int, measured("price", 1, PRICE_BOUND)] = eur_per_mwh(40)
    green_value: Annotated[int, measured("price", 0, PRICE_BOUND)] = eur_per_mwh(10)
    members: Annotated[bool, flag()] = False

    @property
    def minute(self) -> int:
        """Local clock time [minutes after midnight]."""
        return minutes_of(self.at)


def _wholesale(value: object) -> ContractDesk | Auction | None:
    if is_none(value):
        return None
    if isinstance(value, ContractDesk | Auction):
        return value
    if isinstance(value, str) and value.strip().lower() in ("auction", "contract-desk"):
        return Auction() if value.strip().lower() == "auction" else ContractDesk()
    words = "; of words, auction, contract-desk and none are known" if isinstance(value, str) else ""
    raise FieldError(f"is not made by ContractDesk(...) or Auction(...), nor None{words}")


def _retail(value: object) -> RetailMarket | None:
    if is_none(value):
        return None
    if isinstance(value, RetailMarket):
        return value
    if isinstance(value, str) and value.strip().lower() in ("customers", "members"):
        return RetailMarket(members=value.strip().lower() == "members")
    words = "; of words, customers, members and none are known" if isinstance(value, str) else ""
    raise FieldError(f"is not made by RetailMarket(...), nor None{words}")


RetailChoice: TypeAlias = Annotated[RetailMarket | None, PlainValidator(_retail)]
"""How customers choose, from a setting or a word."""
WholesaleMarket: TypeAlias = Annotated[ContractDesk | Auction | None, PlainValidator(_wholesale)]
