"""A country's supply side: the shipped plants with their costs, what they can give, and what they offer.

Owns the putting together of data (who stands where, the weather, fuels) and assets (cost, outages, limits) into offers.
Nothing is decided here: everybody offers all it can at its marginal cost. Who offers otherwise makes offers of its own.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from wattbook.assets import (
    PlantKind,
    Plants,
    PowerPlant,
    Upgrades,
    UpgradeTerms,
    available_ppm,
    available_wh,
    forced_outages,
    marginal_cost_tick,
    planned_outage,
)
from wattbook.assets.config import TIME_BOUND_MS, plain, type_problems, whole_array, whole_problems
from wattbook.assets.outages import LONGEST_PERIOD_MS, MOST_PERIODS
from wattbook.data import Fuel, PlantRow, Supply, load_fuels, local_date
from wattbook.errors import ConfigError
from wattbook.market.merit_order import Offers
from wattbook.units import MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE, PPM, half_even

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    IntArray = npt.NDArray[np.int64]

CO2_CENT_PER_T: Final = 2_500
"""Price of emitting a t of CO2 [0.01 EUR] where nothing else is said: an assumption of calibration."""
_KIND_OF_SERIES: Final = {"wind-onshore": "wind", "wind-offshore": "wind"}


class Park(NamedTuple):
    """Plants by name, with all that their offers depend on.

    Attributes
    ----------
    names : tuple of str
        Of each plant; keys of the streams that its outages are drawn from.
    plants : Plants
        Their columns.
    series : tuple of str or None
        Of each plant: the weather that drives it; None for one that has its fuel.
    fuels : tuple of Fuel
        Of each plant.
    """

    names: tuple[str, ...]
    plants: Plants
    series: tuple[str | None, ...]
    fuels: tuple[Fuel, ...]


def weather_rows(supply: Supply) -> tuple[PlantRow, ...]:
    """List the weather-driven plants that belong to the series of a supply, one for each, with their capacities."""
    return tuple(PlantRow(name, _KIND_OF_SERIES.get(name, name), watts) for name, watts in supply.capacity_w.items())


def lay_out(
    rows: Sequence[PlantRow],
    period_ms: int,
    *,
    co2_cent_per_t: int = CO2_CENT_PER_T,
    fuels: Mapping[str, Fuel] | None = None,
    series: Mapping[str, str] | None = None,
) -> Park:
    """Lay out plants with the costs and limits of their kinds.

    Of each kind the largest plant has the best efficiency and the smallest the worst, the others between them by their
    rank: an assumption of calibration, without which all plants of a kind would cost the same.

    Parameters
    ----------
    rows : sequence of PlantRow
        The plants; names differ.
    period_ms : int
        Length of a period [ms], for the ramps.
    co2_cent_per_t : int
        Price of emitting a t of CO2 [0.01 EUR].
    fuels : mapping of str to Fuel, optional
        By kind; the shipped ones if nothing is said.
    series : mapping of str to str, optional
        Weather series by plant; a plant that bears the name of a series of the supply needs no entry.

    Raises
    ------
    ConfigError
        If two plants have one name, a kind has no fuel, or the period is not whole ms, at least 1.
    """
    known = load_fuels() if fuels is None else fuels
    names = [row.id for row in rows]
    problems = _period_problems(period_ms)
    problems += [f"plant {name!r} is there twice: give it another name" for name in sorted(_repeated(names))]
    problems += [
        f"plant {row.id!r} is of kind {row.kind!r}, which has no fuel: choose from {', '.join(known)}"
        for row in rows
        if row.kind not in known or row.kind.upper() not in PlantKind.__members__
    ]
    if problems:
        raise ConfigError(problems)
    period_ms = int(period_ms)
    efficiency = _efficiencies(rows, known)
    plants = [_plant(row, known[row.kind], efficiency[row.id], period_ms, co2_cent_per_t) for row in rows]
    drives = dict(series or {})
    return Park(
        names=tuple(names),
        plants=Plants.of(plants),
        series=tuple(drives.get(name) for name in names),
        fuels=tuple(known[row.kind] for row in rows),
    )


def country(supply: Supply, period_ms: int, *, co2_cent_per_t: int = CO2_CENT_PER_T) -> Park:
    """Lay out all plants of a supply, and after them one for each of its weather series."""
    weather = weather_rows(supply)
    return lay_out(
        [*supply.plants, *weather],
        period_ms,
        co2_cent_per_t=co2_cent_per_t,
        series={row.id: row.id for row in weather},
    )


def availability_ppm(
    park: Park, supply: Supply, seed: int, start_ms: int, period_ms: int, periods: int, *, outages: bool = True,
    foreseen: bool = False,
) -> IntArray:  # fmt: skip
    """Availability (t, p) [ppm] of each plant in each period: weather, or planned and forced outages.

    A weather series is a yield that was measured, with all that was out in it: only plants with fuel are out by draw.

    Parameters
    ----------
    park : Park
        The plants.
    supply : Supply
        Whose weather; a period is a whole part of its step, or whole steps.
    seed : int
        Of the outages.
    start_ms, period_ms, periods : int
        Start [ms of UTC], length [ms] and number of the periods.
    outages : bool
        Whether plants are ever out.
    foreseen : bool
        Leaves out the failures, which nobody knows of before.

    Raises
    ------
    ConfigError
        With all that is wrong with the seed, or with the periods.
    DataError
        If the periods leave the supply's series.
    """
    problems = [
        *type_problems("seed", plain(seed), "number", "give 7"),
        *whole_problems("start_ms", plain(start_ms), -TIME_BOUND_MS, TIME_BOUND_MS, "duration", "give whole ms of UTC"),
        *_period_problems(period_ms),
        *whole_problems("periods", plain(periods), 1, MOST_PERIODS, "number", "give 96"),
    ]
    if problems:
        raise ConfigError(f"availability: {problem}" for problem in problems)
    seed, start_ms, period_ms, periods = int(seed), int(start_ms), int(period_ms), int(periods)
    end_ms = start_ms + periods * period_ms
    years = range(local_date(start_ms, "UTC").year, local_date(end_ms - 1, "UTC").year + 1)
    # A plant that gives 1,000,000 Wh in a period at full output gives its share in ppm.
    scale = PPM * MS_PER_HOUR // period_ms
    weather = {
        name: supply.energy_wh(name, scale, start_ms, end_ms, period_ms)
        for name in sorted({name for name in park.series if name is not None})
    }
    columns = np.empty((periods, len(park.names)), np.int64)
    for plant, (name, series, fuel) in enumerate(zip(park.names, park.series, park.fuels, strict=True)):
        spans = np.empty((0, 2), np.int64)
        if outages and series is None:
            planned = [planned_outage(seed, name, fuel.planned_weeks, year) for year in years]
            forced = forced_outages(seed, name, fuel.to_failure_ms, fuel.to_repair_ms, start_ms, end_ms)
            spans = np.concatenate(planned if foreseen else [*planned, forced])
        columns[:, plant] = available_ppm(
            None if series is None else weather[series], spans, start_ms, period_ms, periods
        )
    return columns


def offers_at_cost(park: Park, available: IntArray, period_ms: int) -> Offers:
    """Offer of each plant: all that its availability (t, p) [ppm] lets it give, at its marginal cost.

    Minimum output and ramps are not asked, as each period is cleared on its own.

    Raises
    ------
    ConfigError
        If the availability is no table of shares with a column for each plant, or a period does not fit hours.
    """
    problems: list[str] = []
    available = whole_array("available", available, problems)
    if not problems and (available.ndim, available.shape[-1:]) != (2, (len(park.names),)):
        problems.append(f"available has shape {available.shape}, not (t, {len(park.names)}): give a column a plant")
    if problems:
        raise ConfigError(f"offers: {problem}" for problem in problems)
    columns = [
        available_wh(int(watts), available[:, plant], period_ms) for plant, watts in enumerate(park.plants.capacity_w)
    ]
    quantity = np.stack(columns, axis=1) if columns else np.zeros(available.shape, np.int64)
    return Offers(np.arange(len(park.names)), park.plants.marginal_tick, quantity)


def upgrades_of(
    park: Park, *, payment: str = "annuity", interest_ppm: int = 70_000, lead_ms: int = 730 * MS_PER_DAY
) -> Upgrades:
    """Let every plant grow at the cost of its kind, paid off over the lifetime of its kind.

    Parameters
    ----------
    park : Park
        The plants.
    payment, interest_ppm, lead_ms
        As in `UpgradeTerms`; their defaults are assumptions of calibration.

    Raises
    ------
    ConfigError
        With all that is wrong with the terms.
    """
    terms = [
        UpgradeTerms(
            fuel.capacity_cost_per_kw,
            lead_ms=lead_ms,
            payment=payment,
            interest_ppm=interest_ppm,
            years=fuel.lifetime_years,
        )
        for fuel in park.fuels
    ]
    return Upgrades(park.plants.capacity_w, terms)


def _period_problems(period_ms: int) -> list[str]:
    return whole_problems("period_ms", plain(period_ms), 1, LONGEST_PERIOD_MS, "duration", "give minutes(15)")


def _repeated(names: Sequence[str]) -> set[str]:
    return {name for name in names if names.count(name) > 1} if len(set(names)) < len(names) else set()


def _plant(row: PlantRow, fuel: Fuel, efficiency_ppm: int, period_ms: int, co2_cent_per_t: int) -> PowerPlant:
    """Describe a plant by the numbers of its kind."""
    ramp_w = half_even(row.capacity_w * fuel.ramp_ppm_per_minute * period_ms, PPM * MS_PER_MINUTE)
    return PowerPlant(
        kind=PlantKind[row.kind.upper()],
        capacity_w=row.capacity_w,
        min_output_w=half_even(row.capacity_w * fuel.min_output_ppm, PPM),
        ramp_w=max(1, min(ramp_w, row.capacity_w)),
        marginal_tick=marginal_cost_tick(
            fuel.fuel_price_tick, efficiency_ppm, fuel.emission_g_per_kwh, co2_cent_per_t, fuel.variable_tick
        ),
    )


def _efficiencies(rows: Sequence[PlantRow], fuels: Mapping[str, Fuel]) -> dict[str, int]:
    """Efficiency of each plant [ppm]: from the worst to the best of its kind by its rank in capacity."""
    by_kind: dict[str, list[PlantRow]] = defaultdict(list)
    for row in rows:
        by_kind[row.kind].append(row)
    efficiency = {}
    for kind, members in by_kind.items():
        fuel = fuels[kind]
        spread = fuel.best_efficiency_ppm - fuel.worst_efficiency_ppm
        members.sort(key=lambda row: (-row.capacity_w, row.id))
        for rank, row in enumerate(members):
            efficiency[row.id] = fuel.best_efficiency_ppm - half_even(spread * rank, max(len(members) - 1, 1))
    return efficiency
