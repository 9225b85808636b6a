"""The frozen description of a run.

Owns `Scenario`: what it holds, how it is varied, written down and run. Knows nothing of how anything is matched.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Self, TypeAlias

from pydantic import PlainValidator, ValidationError

from wattbook.assets import Forecast
from wattbook.data import parse_start, zone
from wattbook.errors import ConfigError
from wattbook.scenario.checks import agent_problems, cautions, whole_problems
from wattbook.scenario.cities import City
from wattbook.scenario.faults import FieldError, is_collecting_faults, problems_of, raise_all
from wattbook.scenario.fields import choice, flag, instance, is_none, measured, optional, text, whole
from wattbook.scenario.forward_game import ForwardGame
from wattbook.scenario.language_model import LanguageModelChoice  # noqa: TC001 - pydantic resolves it
from wattbook.scenario.parts import (
    PRICE_BOUND,
    Agent,
    Consumer,
    Imbalance,
    LocalMarket,
    Network,
    Part,
    Trader,
    Utility,
    period_check,
)
from wattbook.scenario.regulator import RegulatorChoice  # noqa: TC001 - pydantic resolves it
from wattbook.scenario.spot_prices import SpotPrices  # noqa: TC001 - pydantic resolves it
from wattbook.scenario.wholesale import BUY_OUT, Producer, RetailChoice, WholesaleMarket
from wattbook.units import PPM, eur_per_mwh, minutes, percent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from wattbook.broker.words import Caller
    from wattbook.results import Run
    from wattbook.scenario.advised_runs import AdviceEstimate
    from wattbook.scenario.estimating import Estimate
    from wattbook.world import Progress

EARLIEST_MS: Final = parse_start("1900-01-01", "UTC")
LONGEST_DAYS: Final = 1_000_000
DEFAULT_PERIOD: Final = minutes(15)
NAME_LIMIT: Final = 200
ENGINES: Final = ("auto", "processes", "population")
SPOT_SHAPE: Final = (
    80, 76, 73, 71, 72, 78, 92, 106, 108, 98, 86, 78, 71, 66, 65, 72, 85, 104, 122, 128, 118, 106, 96, 87,
)  # fmt: skip
"""Default spot price by local hour [EUR/MWh], mean 89: a morning and an evening peak and a dip at noon, as in a system
with much solar power. An assumption of calibration, not a measurement."""


def _timezone(value: object) -> str:
    """Name of a time zone that exists."""
    if not isinstance(value, str):
        raise FieldError("is not the name of a time zone: write 'Europe/Berlin'")
    try:
        zone(value)
    except ConfigError as fault:
        raise FieldError(fault.problems[0].removeprefix(f"timezone={value!r} ")) from None
    return str(value)


def _start(value: object) -> str:
    """ISO text of a bare date, or of a date-time with its offset."""
    if not isinstance(value, str | dt.date):
        raise FieldError("is not a date: write '2016-06-06'")
    try:
        is_early = parse_start(value, "UTC") < EARLIEST_MS
    except ConfigError as fault:
        said = fault.problems[0].removeprefix(f"start={str(value)!r} ").removeprefix(f"start={value!r} ")
        raise FieldError(said.replace("midnight in UTC", "midnight in the scenario's time zone")) from None
    except (ValueError, OverflowError):
        raise FieldError("is outside the calendar: write a year from 1900 to 9999") from None
    if is_early:
        raise FieldError("is before 1900: write a later date")
    return value.isoformat() if isinstance(value, dt.date) else str(value)


def _agents(value: object) -> tuple[Agent, ...]:
    """Agents of a list, in the order given."""
    if isinstance(value, Agent):
        raise FieldError("is one agent: write a list, agents=[...]")
    if not isinstance(value, list | tuple):
        raise FieldError("is not a list: write agents=[*neighbourhood('simbench/LV2.101'), utility(...)]")
    strangers = [each for each in value if not isinstance(each, Agent)]
    if strangers:
        hint = " (put a * in front of it)" if isinstance(strangers[0], list | tuple) else ""
        known = "consumer, prosumer, utility, producer, city, *neighbourhood"
        raise FieldError(f"holds {type(strangers[0]).__name__}{hint}: use {known}")
    return tuple(value)


def _local(value: object) -> LocalMarket | None:
    """Take a local market, or none."""
    if is_none(value):
        return None
    market: LocalMarket = _MARKET(value)
    return market


_MARKET: Final[Any] = instance(LocalMarket, "LocalMarket(...) nor None").func
Agents: TypeAlias = Annotated[tuple[Agent, ...], PlainValidator(_agents)]


class Scenario(Part):
    """A place, its people and its rules over some days: everything that a run depends on but its seed.

    Attributes
    ----------
    start : str or date
        First day, as ``"2016-06-06"``: midnight in `timezone`. A time of day needs its own offset.
    days : int
        Length of the run in local days.
    hours : int, optional
        Ends the run after so many hours, if that is before the end of its days.
    timezone : str
        IANA name; whose clock tariffs and gate openings follow.
    agents : list
        Of `consumer`, `prosumer`, `utility`, `producer`, `city`, and ``*neighbourhood(...)``. Their order means
        nothing.
    local : LocalMarket or None
        None: everybody deals with its utility alone, exactly as in the baseline of a run whose market opens at 15:00
        (`LocalMarket`'s default), when utilities nominate.
    period : duration or None
        Length of a settlement period. None is that of the local market, or ``minutes(15)`` where there is none.
    network : Network
        Fees, losses, levy, VAT.
    spot : tariff, MeritOrder or PublishedPrices
        Wholesale price: one price, day and night, or 24 by local hour; what plants make of the run's own days
        (``"merit-order"`` for short); or what a market elsewhere published. Default: `SPOT_SHAPE`.
    wholesale : ContractDesk, Auction or None
        How utilities and producers meet (docs/wholesale.md). None: each deals with the outside at its spot price.
    game : ForwardGame or None
        Sellers of quantities who meet forward and at spot, in the place of all agents and markets.
    retail : RetailMarket or None
        How customers choose among utilities (docs/retail.md). None: they stay, under the tariffs given.
    buy_out : price
        What a utility pays for each MWh of its renewable quota that guarantees of origin do not cover.
    regulator : Regulator or None
        What watches the market (docs/regulator.md).
    language_model : LanguageModel or None
        Who decides by a language model, where one is asked (docs/language-models.md).
    imbalance : Imbalance
    forecast : Forecast
        How everybody foresees load and generation.
    meter_failures : share
        Share of the meter readings that fail, as ``percent(1)``. What is billed instead is the net withdrawal at
        the same time a day before, and the reading says so.
    billing : str
        ``"month"`` (local months, and the run's end) or ``"run"`` (its end alone).
    on_policy_error : str
        ``"quarantine"`` the agent, with its traceback in the run, or ``"fail"``.
    baseline : bool
        Whether `run` runs the same days without the local market, too. Without it, what depends on it is left out.
    engine : str
        What carries the agents out: ``"processes"``, ``"population"``, or ``"auto"``. It changes no result.
    name : str
        Free text of at most 200 characters, for titles; a script's own name if nothing is said. It changes no result.

    Raises
    ------
    ConfigError
        With all problems found.
    """

    path: ClassVar[str] = ""
    start: Annotated[str, PlainValidator(_start)]
    days: Annotated[int, whole(1, LONGEST_DAYS)]
    timezone: Annotated[str, PlainValidator(_timezone)] = "Europe/Berlin"
    agents: Agents
    local: Annotated[LocalMarket | None, PlainValidator(_local)] = LocalMarket()
    network: Annotated[Network, instance(Network, "Network(...)")] = Network()
    spot: SpotPrices = tuple(eur_per_mwh(price) for price in SPOT_SHAPE)
    imbalance: Annotated[Imbalance, instance(Imbalance, "Imbalance(...)")] = Imbalance()
    forecast: Annotated[Forecast, instance(Forecast, "Forecast(...)")] = Forecast()
    meter_failures: Annotated[int, measured("share", 0, PPM)] = percent(0)
    billing: Annotated[str, choice("month", "run")] = "month"
    on_policy_error: Annotated[str, choice("quarantine", "fail")] = "quarantine"
    period: Annotated[int | None, optional(period_check())] = None
    hours: Annotated[int | None, optional(whole(1, LONGEST_DAYS))] = None
    baseline: Annotated[bool, flag()] = True
    engine: Annotated[str, choice(*ENGINES)] = "auto"
    name: Annotated[str, text(NAME_LIMIT)] = ""
    wholesale: WholesaleMarket = None
    game: Annotated[ForwardGame | None, optional(instance(ForwardGame, "ForwardGame(...)"))] = None
    retail: RetailChoice = None
    buy_out: Annotated[int, measured("price", 0, PRICE_BOUND)] = BUY_OUT
    regulator: RegulatorChoice = None
    language_model: LanguageModelChoice = None

    def __init__(self, **values: Any) -> None:
        problems = []
        try:
            super(Part, self).__init__(**values)
        except ValidationError as fault:
            problems = problems_of(fault, "", type(self).model_fields)
        given = values.get("agents")
        listed = [each for each in given if isinstance(each, Agent)] if isinstance(given, list | tuple) else None
        agents = [each for each in listed or () if each.is_whole]
        unharmed = not problems and not is_collecting_faults()
        if listed is not None:
            problems += agent_problems(agents, complete=unharmed and is_none(values.get("game")))
        if unharmed:
            problems += whole_problems(self)
        raise_all(problems)

    def __repr__(self) -> str:
        market = "no local market" if self.local is None else "a local market"
        return (
            f"<Scenario: {self.start}, {self.days} days, {self.homes} members, {len(self.utilities)} utilities, "
            f"{market}>"
        )

    __str__ = __repr__

    @property
    def period_ms(self) -> int:
        """Length of a delivery and settlement period [ms]."""
        return int(self.local.period if self.local is not None else self.period or DEFAULT_PERIOD)

    @property
    def members(self) -> tuple[Consumer, ...]:
        """All consumers and prosumers that are described one by one, sorted by name."""
        return tuple(sorted((each for each in self.agents if isinstance(each, Consumer)), key=lambda each: each.name))

    @property
    def cities(self) -> tuple[City, ...]:
        """All cities, sorted by name."""
        return tuple(sorted((each for each in self.agents if isinstance(each, City)), key=lambda each: each.name))

    @property
    def homes(self) -> int:
        """Number of members, the cities' homes among them."""
        return len(self.members) + sum(city.homes for city in self.cities)

    @property
    def traders(self) -> tuple[Trader, ...]:
        """All traders, sorted by name."""
        return tuple(sorted((each for each in self.agents if isinstance(each, Trader)), key=lambda each: each.name))

    @property
    def utilities(self) -> tuple[Utility, ...]:
        """All utilities, sorted by name."""
        return tuple(sorted((each for each in self.agents if isinstance(each, Utility)), key=lambda each: each.name))

    @property
    def producers(self) -> tuple[Producer, ...]:
        """All producers, sorted by name."""
        return tuple(sorted((each for each in self.agents if isinstance(each, Producer)), key=lambda each: each.name))

    def cautions(self) -> list[str]:
        """Say what is allowed but probably not meant."""
        return cautions(self)

    def with_values(self, values: Mapping[str, object]) -> Self:
        """Give a copy with some values changed.

        Parameters
        ----------
        values : mapping of str to object
            Dotted paths, as ``{"local.closes_before": "0", "blue.retail": "150 EUR/MWh", "local": "none"}``. Text is
            read in the field's natural unit (EUR/MWh, EUR, min, kW, kWh, %) unless it names one. Without its local
            market a scenario keeps its settlement period.

        Raises
        ------
        ConfigError
            With all problems found.
        """
        from wattbook.scenario.varying import varied

        changed = varied(self, values)
        problems = changed.problems
        try:
            copy = type(self)(**changed.values)
        except ConfigError as fault:
            problems = [*problems, *fault.problems]
        if problems:
            raise ConfigError(problems)
        return copy

    def named(self, name: str) -> Self:
        """Give a copy under another name, made printable and cut to its limit."""
        plain = "".join(char if char.isprintable() else "?" for char in name)
        cut = plain if len(plain) <= NAME_LIMIT else f"{plain[: NAME_LIMIT - 3]}..."
        return self.model_copy(update={"name": cut})

    def digest(self) -> str:
        """SHA-256 [hex] of `to_json` without the name, as the journal's header holds it.

        Raises
        ------
        DataError
            If a profile's file cannot be used.
        """
        from wattbook.scenario.writing import digest

        return digest(self)

    def to_json(self) -> str:
        """Write the scenario as canonical JSON: agents by name, quanta as whole numbers, profiles of files by hash.

        Raises
        ------
        DataError
            If a profile's file cannot be used.
        """
        from wattbook.scenario.writing import canonical_json

        return canonical_json(self)

    def estimate(self) -> Estimate:
        """Estimate events, memory and time of a run from the scenario's size."""
        from wattbook.scenario.estimating import estimate

        return estimate(self)

    def check(self) -> Estimate:
        """Read all profiles and put the street together once, without running it.

        Raises
        ------
        DataError
            With all problems of the profiles.
        ResourceError
            If the run would not fit into memory.
        """
        from wattbook.scenario.compiling import compile_street

        compile_street(self, seed=0)
        return self.estimate()

    def run(
        self,
        seed: int,
        *,
        progress: Callable[[str, Progress], None] | None = None,
        baseline: bool | None = None,
        engine: str | None = None,
        threads: int | None = None,
        llm: str | None = None,
        recording: str | Path | None = None,
        caller: Caller | None = None,
    ) -> Run:
        """Run the scenario, and again without its local market.

        Parameters
        ----------
        seed : int
            From 0 to 2**63 - 1; the same seed gives the same result.
        progress : callable
            Called as ``progress("market" | "baseline", Progress)`` about every simulated quarter of an hour.
        baseline : bool, optional
            False leaves the second run out; None does as the scenario says.
        engine : str, optional
            One of ``"auto"``, ``"processes"``, ``"population"``; None takes the scenario's.
        threads : int, optional
            Most feeders that run side by side, from 1 to 1,024, where feeders do not depend on each other; None for as
            many as help. Any number gives the same result.
        llm : str, optional
            Where answers of a language model come from: ``"off"`` (rules decide, as without it), ``"record"`` (the
            model; every answer is kept), ``"replay"`` (the recording alone) or ``"replay-or-live"`` (the recording as
            far as it goes). The days without the local market go by rules.
        recording : path, optional
            The file that answers are kept in; None is the scenario's own.
        caller : Caller, optional
            The connection to the model; None is that of the environment, ``ANTHROPIC_API_KEY`` and
            ``ANTHROPIC_BASE_URL``.

        Raises
        ------
        ConfigError, DataError, ResourceError
        PolicyError
            If a policy fails and the scenario says ``on_policy_error="fail"``.
        ReplayDiverged
            If a replay comes to a decision that was not recorded like that.
        """
        options = {"progress": progress, "baseline": baseline, "engine": engine, "threads": threads}
        if llm is not None:
            from wattbook.scenario.advised_runs import advised_run

            return advised_run(self, seed, llm=llm, recording=recording, caller=caller, **options)
        from wattbook.scenario.running import run

        return run(self, seed, **options)  # type: ignore[arg-type]  # each is of its own type

    def estimate_advice(self, seed: int, *, caller: Caller | None = None) -> AdviceEstimate:
        """Run the scenario by its rules and count what a language model would be asked, and at which cost.

        Parameters
        ----------
        caller : Caller, optional
            A connection whose server counts the tokens of one request of each kind; None counts them by a rule.

        Raises
        ------
        ConfigError, DataError, ResourceError
        """
        from wattbook.scenario.advised_runs import estimate_advice

        return estimate_advice(self, seed, caller=caller)
