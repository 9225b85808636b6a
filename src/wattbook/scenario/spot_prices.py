"""Spot prices that differ from day to day: of plants on a year's residual load, or of a market elsewhere.

Owns what a scenario may say in the place of a tariff. How plants are offered and cleared is `wattbook.market.supply`'s
business, what was published `wattbook.data`'s.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, TypeAlias

from pydantic import PlainValidator

from wattbook.data import load_plants, load_prices, parse_start, price_names, supply_names
from wattbook.errors import ConfigError, DataError, nearest
from wattbook.scenario.calendar import by_hour
from wattbook.scenario.faults import FieldError, shown
from wattbook.scenario.fields import choice, flag, measured, optional, tariff
from wattbook.scenario.parts import PRICE_BOUND, Part
from wattbook.units import MS_PER_MINUTE, QUANTA_PER_CENT, eur, mw

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wattbook.scenario.profiles import Horizon

    Ints = NDArray[np.int64]

MERIT_ORDER: Final = "merit-order"
EURO: Final = "EUR"
PEAKS: Final = (mw(1_000), mw(1_000_000))
DEAREST_TONNE: Final = eur(1_000)
"""At more even lignite would cost more than the spot market's cap."""


def _supply(value: object) -> str:
    if not isinstance(value, str) or value not in supply_names():
        hint = nearest(value, supply_names()) if isinstance(value, str) else ""
        raise FieldError(f"is no shipped supply{hint}: choose from {', '.join(supply_names())}")
    return str(value)


def _tonne(value: object) -> int:
    price: int = _TONNE(value)
    if price % QUANTA_PER_CENT:
        raise FieldError("is not a whole number of cents: write eur(25)")
    return price


def _peak(value: object) -> int:
    peak: int = _PEAK(value)
    if not PEAKS[0] <= peak <= PEAKS[1]:
        raise FieldError("is no country's load: write one from 1000 MW to 1000000 MW, as mw(59_000)")
    return peak


_PEAK: Final[Any] = measured("power").func
_TONNE: Final[Any] = measured("money", 0, DEAREST_TONNE).func


class MeritOrder(Part):
    """The plants of a country on its residual load, every period an auction at one price; all offer at cost.

    Load, wind, sun and rivers are those of the run's own days, so they belong to the weather of the homes; outages are
    drawn from the run's seed, from its start on: another start draws others. See docs/supply.md.

    Attributes
    ----------
    supply : str
        Whose plants and series, as ``"simbench"`` (2016).
    load_peak : power or None
        Highest load of the year. None is the source's own.
    co2 : money
        Price of a tonne of CO2. Default ``eur(25)``, an assumption of calibration.
    outages : bool
        Whether plants are ever out.
    """

    path: ClassVar[str] = "spot"
    supply: Annotated[str, PlainValidator(_supply)] = "simbench"
    load_peak: Annotated[int | None, optional(PlainValidator(_peak))] = None
    co2: Annotated[int, PlainValidator(_tonne)] = eur(25)
    outages: Annotated[bool, flag()] = True

    def price_tick(self, seed: int, horizon: Horizon) -> Ints:
        """Price of each period (p,) [ticks].

        Raises
        ------
        DataError
            If the run leaves the supply's year.
        """
        from wattbook.market.merit_order import clear_spot
        from wattbook.market.supply import availability_ppm, country, offers_at_cost

        start_ms, end_ms, period_ms = horizon
        supply = load_plants(self.supply)
        load_wh = supply.energy_wh("load", self.load_peak or supply.load_peak_w, start_ms, end_ms, period_ms)
        park = country(supply, period_ms, co2_cent_per_t=self.co2 // QUANTA_PER_CENT)
        available = availability_ppm(park, supply, seed, start_ms, period_ms, horizon.periods, outages=self.outages)
        return clear_spot(offers_at_cost(park, available, period_ms), load_wh).price_tick

    def digests(self) -> dict[str, str]:
        """SHA-256 of each file that was read."""
        return {f"{self.supply}/{name}": digest for name, digest in load_plants(self.supply).digests().items()}


def _series(value: object) -> str:
    if not isinstance(value, str) or value not in price_names():
        hint = nearest(value, price_names()) if isinstance(value, str) else ""
        raise FieldError(f"is no shipped price series{hint}: choose from {', '.join(price_names())}")
    return str(value)


def _day(value: object) -> str:
    try:
        return dt.date.fromisoformat(str(value)).isoformat()
    except ValueError:
        raise FieldError("is not a date: write '2022-02-01'") from None


class PublishedPrices(Part):
    """Prices that a market elsewhere published, hour by hour.

    They know nothing of the weather that the run's homes have: what depends on both is not to be read from such a run.
    Hours follow each other as they passed: after a change of the clock local hours differ by one.

    Attributes
    ----------
    series : str
        As ``"ercot-2022"``.
    point : str
        A place of that market, as ``"LZ_HOUSTON"``.
    read_as : str or None
        ``"EUR"`` where the prices were paid in another currency: they are then taken as so many euros.
    first_day : str or None
        The series' day, from its own midnight on, that stands for the run's first. None takes the run's own dates.
    """

    path: ClassVar[str] = "spot"
    series: Annotated[str, PlainValidator(_series)]
    point: Annotated[str, PlainValidator(str)]
    read_as: Annotated[str | None, optional(choice(EURO))] = None
    first_day: Annotated[str | None, optional(PlainValidator(_day))] = None

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        if not self.is_whole:
            return
        prices = load_prices(self.series)
        problems = []
        if self.point not in prices.points:
            problems.append(
                f"spot.point={shown(self.point)} is no place of {self.series}{nearest(self.point, prices.points)}: "
                f"choose from {', '.join(prices.points)}"
            )
        if prices.currency != EURO and self.read_as is None:
            problems.append(f"spot: {self.series} is in {prices.currency}: say read_as='EUR' to take them as euros")
        if problems:
            raise ConfigError(problems)

    def price_tick(self, seed: int, horizon: Horizon) -> Ints:  # noqa: ARG002 - as of a merit order
        """Price of each period (p,) [ticks].

        Raises
        ------
        DataError
            If the run leaves the series.
        """
        prices = load_prices(self.series)
        start_ms = horizon.start_ms if self.first_day is None else parse_start(self.first_day, prices.timezone)
        if prices.step_ms % horizon.period_ms or (start_ms - prices.start_ms) % horizon.period_ms:
            raise DataError(
                f"spot: periods of {horizon.period_ms // MS_PER_MINUTE} min do not fit into the hours of {self.series}:"
                " choose a period of 15, 30 or 60 min, and a start on one"
            )
        try:
            return prices.periods_tick(
                self.point, start_ms, start_ms + horizon.end_ms - horizon.start_ms, horizon.period_ms
            )
        except DataError as fault:
            raise DataError(f"{fault.problems[0]}, or another first_day of the series") from None

    def digests(self) -> dict[str, str]:
        """SHA-256 of each file that was read."""
        return {f"{self.series}/{name}": digest for name, digest in load_prices(self.series).digests().items()}


def _spot(value: object) -> tuple[int, ...] | MeritOrder | PublishedPrices:
    if isinstance(value, MeritOrder | PublishedPrices):
        return value
    if isinstance(value, str) and value.strip().lower() == MERIT_ORDER:
        return MeritOrder()
    try:
        prices: tuple[int, ...] = _TARIFF(value)
    except FieldError as fault:
        more = f", {MERIT_ORDER!r}, MeritOrder(...) or PublishedPrices(...)" if isinstance(value, str) else ""
        raise FieldError(f"{fault}{more}") from None
    return prices


_TARIFF: Final[Any] = tariff(-PRICE_BOUND, PRICE_BOUND).func
SpotPrices: TypeAlias = Annotated[tuple[int, ...] | MeritOrder | PublishedPrices, PlainValidator(_spot)]


def spot_tick(
    given: tuple[int, ...] | MeritOrder | PublishedPrices, seed: int, horizon: Horizon, starts_ms: Ints, timezone: str
) -> Ints:
    """Price of each period (p,) [ticks].

    Raises
    ------
    DataError
        If the run leaves the data.
    """
    if isinstance(given, tuple):
        return by_hour(given, starts_ms, timezone)
    return given.price_tick(seed, horizon)


def spot_digests(given: tuple[int, ...] | MeritOrder | PublishedPrices) -> dict[str, str]:
    """SHA-256 of each file that prices were read from."""
    return {} if isinstance(given, tuple) else given.digests()
