"""Power plants, the load and weather of their year, and what fuels cost: the shipped supply side.

Owns the reading of the supply folder (the plants of SimBench) and of the table of fuels. Everything comes out in whole
quanta. Knows nothing of offers and dispatch: `wattbook.assets` runs plants, `wattbook.market` clears their offers.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import tomllib
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from wattbook.data.quantise import at_edges, cumulate, ratio_half_even
from wattbook.data.series import check_horizon, whole_columns
from wattbook.errors import DataError, nearest
from wattbook.units import MS_PER_HOUR, PPM, QUANTA_PER_EUR, TICKS_PER_EUR_PER_MWH

if TYPE_CHECKING:
    import numpy.typing as npt

    IntArray = npt.NDArray[np.int64]

SUPPLY_VERSION: Final = 1
SUPPLY_FILE: Final = "supply.json"
PLANT_FILE: Final = "plants.csv"
SERIES_FILE: Final = "year.parquet"
PLANT_COLUMNS: Final = ("id", "kind", "capacity_w")

_SHIPPED: Final = Path(__file__).parent / "supplies"
_FUELS: Final = _SHIPPED / "fuels.toml"
_COLUMNS_OF_FUEL: Final = {
    "fuel_price": ("fuel_price_tick", TICKS_PER_EUR_PER_MWH),
    "variable_cost": ("variable_tick", TICKS_PER_EUR_PER_MWH),
    "best_efficiency": ("best_efficiency_ppm", PPM),
    "worst_efficiency": ("worst_efficiency_ppm", PPM),
    "emission": ("emission_g_per_kwh", 1),
    "min_output": ("min_output_ppm", PPM),
    "ramp_per_minute": ("ramp_ppm_per_minute", PPM),
    "hours_to_failure": ("to_failure_ms", MS_PER_HOUR),
    "hours_to_repair": ("to_repair_ms", MS_PER_HOUR),
    "planned_outage_weeks": ("planned_weeks", 1),
    "capacity_cost": ("capacity_cost_per_kw", QUANTA_PER_EUR),
    "lifetime": ("lifetime_years", 1),
}
"""Numbers of a fuel as the table names them, as `Fuel` does, and the quanta in one of their units."""


@dataclass(frozen=True, slots=True)
class PlantRow:
    """A power plant of a supply: its name, its kind (one of the fuels'), its capacity [W]."""

    id: str
    kind: str
    capacity_w: int


class Fuel(NamedTuple):
    """What the plants of one kind have in common, in whole quanta. `sources` tells where each number is from.

    Attributes
    ----------
    kind : str
        Of plant, such as ``gas``.
    fuel_price_tick : int
        Price of a thermal MWh of fuel [ticks].
    variable_tick : int
        Variable cost of operation and maintenance [ticks per electric MWh].
    best_efficiency_ppm, worst_efficiency_ppm : int
        Electric over thermal energy of the best and of the worst plant of this kind [ppm].
    emission_g_per_kwh : int
        CO2 of a thermal kWh [g].
    min_output_ppm : int
        Least output of a running plant [ppm of its capacity].
    ramp_ppm_per_minute : int
        Most change of output in a minute [ppm of its capacity].
    to_failure_ms, to_repair_ms : int
        Mean times to failure and to repair [ms]; 0 and 0 for plants that are not modelled to fail.
    planned_weeks : int
        Weeks of planned maintenance in a year.
    capacity_cost_per_kw : int
        Cost of a further kW of capacity [1e-8 EUR].
    lifetime_years : int
        Years over which it is paid off.
    sources : dict of str to str
        For each number by its name here: who says so.
    """

    kind: str
    fuel_price_tick: int
    variable_tick: int
    best_efficiency_ppm: int
    worst_efficiency_ppm: int
    emission_g_per_kwh: int
    min_output_ppm: int
    ramp_ppm_per_minute: int
    to_failure_ms: int
    to_repair_ms: int
    planned_weeks: int
    capacity_cost_per_kw: int
    lifetime_years: int
    sources: dict[str, str]


@dataclass(frozen=True, eq=False)
class Supply:
    """Power plants, and the year of load and weather that belongs to them.

    Attributes
    ----------
    name : str
        As it was asked for.
    plants : tuple of PlantRow
        In natural order of their ids.
    timezone : str
        Whose midnights bound the year.
    start_ms, step_ms, steps : int
        First instant [ms of UTC], length [ms] and number of the steps of every series.
    load_peak_w : int
        Highest load of the year [W]: what 1,000,000 ppm of the series ``load`` mean.
    capacity_w : dict of str to int
        Capacity of the weather-driven plants that each other series is the yield of [W].
    folder : Path
        Where its files lie, with licence and attribution.
    """

    name: str
    plants: tuple[PlantRow, ...]
    timezone: str
    start_ms: int
    step_ms: int
    steps: int
    load_peak_w: int
    capacity_w: dict[str, int]
    folder: Path

    @property
    def end_ms(self) -> int:
        """End of the series [ms of UTC], exclusive."""
        return self.start_ms + self.steps * self.step_ms

    @property
    def series_names(self) -> tuple[str, ...]:
        """Names of the series: load, and one for each kind of weather-driven plants."""
        return ("load", *self.capacity_w)

    def share_ppm(self, series: str) -> IntArray:
        """Mean power of each step (steps,) in ppm of the peak load or of the capacity; read-only.

        Raises
        ------
        DataError
            If there is no such series, or its file cannot be read.
        """
        if series not in self.series_names:
            raise DataError(
                f"supply/series: {self.name} has no series {series!r}{nearest(series, self.series_names)}: "
                f"choose from {', '.join(self.series_names)}"
            )
        return _series(self)[series]

    def energy_wh(self, series: str, rated_w: int, start_ms: int, end_ms: int, period_ms: int) -> IntArray:
        """Energy (n,) [Wh] of each period at a peak load or capacity of `rated_w`, remainders carried.

        Parameters
        ----------
        series : str
            One of `series_names`.
        rated_w : int
            Peak load or capacity [W].
        start_ms, end_ms, period_ms : int
            Horizon [ms of UTC] and length of a period [ms].

        Raises
        ------
        DataError
            If the horizon leaves the data.
        """
        if rated_w < 0:
            raise DataError(f"rated_w={rated_w} is negative")
        asked, data = (start_ms, end_ms), (self.start_ms, self.end_ms)
        check_horizon(self.name, data, asked, self.timezone, "horizon/outside")
        running = cumulate(self.share_ppm(series))
        edges = at_edges(running, self.step_ms, start_ms - self.start_ms, end_ms - self.start_ms, period_ms)
        return np.diff(ratio_half_even(edges.values, rated_w * edges.unit_ms, PPM * MS_PER_HOUR))

    def digests(self) -> dict[str, str]:
        """SHA-256 of the files, for a run's manifest."""
        names = (SUPPLY_FILE, PLANT_FILE, SERIES_FILE)
        return {name: hashlib.sha256((self.folder / name).read_bytes()).hexdigest() for name in names}


def supply_names() -> tuple[str, ...]:
    """Names of the shipped supplies."""
    return tuple(sorted(path.parent.name for path in _SHIPPED.glob(f"*/{SUPPLY_FILE}")))


def load_plants(name: str | Path) -> Supply:
    """Read a shipped supply by name, or a folder that the importer wrote by its path.

    Parameters
    ----------
    name : str or Path
        Such as ``"simbench"``, or a folder with a ``supply.json``.

    Raises
    ------
    DataError
        If there is no such supply, or its files are damaged or of a newer version.

    Examples
    --------
    >>> supply = load_plants("simbench")
    >>> len(supply.plants), supply.plants[7]
    (345, PlantRow(id='EHV-Gen-1', kind='lignite', capacity_w=297000000))
    """
    shipped = isinstance(name, str) and name in supply_names()
    folder = _SHIPPED / str(name) if shipped else Path(name)
    if not (folder / SUPPLY_FILE).is_file():
        raise DataError(
            f"supply/unknown: {str(name)!r} is neither a shipped supply{nearest(str(name), supply_names())} nor a "
            f"folder with a {SUPPLY_FILE}: choose from {', '.join(supply_names())}"
        )
    try:
        text = json.loads((folder / SUPPLY_FILE).read_text(encoding="utf-8"))
        return _supply(str(name) if shipped else folder.name, folder, text)
    except (KeyError, TypeError, ValueError, AttributeError, OSError) as fault:
        if isinstance(fault, DataError):
            raise
        raise DataError(
            f"supply/corrupt: the folder {folder.name!r} is not what the importer writes ({fault!r})"
        ) from None


def _supply(name: str, folder: Path, text: dict[str, Any]) -> Supply:
    """Make a supply of its file's content."""
    if text["version"] != SUPPLY_VERSION:
        raise DataError(
            f"supply/version: {name!r} is written in version {text['version']}, this wattbook reads {SUPPLY_VERSION}: "
            "import it again"
        )
    return Supply(
        name=name,
        plants=_plants(name, (folder / PLANT_FILE).read_text(encoding="utf-8")),
        timezone=str(text["timezone"]),
        start_ms=int(text["start_ms"]),
        step_ms=int(text["step_ms"]),
        steps=int(text["steps"]),
        load_peak_w=int(text["load_peak_w"]),
        capacity_w={str(kind): int(watts) for kind, watts in text["capacity_w"].items()},
        folder=folder,
    )


def _plants(name: str, text: str) -> tuple[PlantRow, ...]:
    """Read the table of plants."""
    header, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    if tuple(header) != PLANT_COLUMNS:
        raise DataError(f"supply/corrupt: {PLANT_FILE} of {name!r} has not the columns {', '.join(PLANT_COLUMNS)}")
    kinds = load_fuels()
    problems = [
        f"supply/corrupt: {PLANT_FILE}:{number}: {row} is no plant: give an id, one of {', '.join(kinds)}, and W"
        for number, row in enumerate(rows, 2)
        if len(row) != len(PLANT_COLUMNS) or row[1] not in kinds or not row[2].isdecimal() or int(row[2]) == 0
    ]
    if problems:
        raise DataError(problems)
    return tuple(PlantRow(row[0], row[1], int(row[2])) for row in rows)


@lru_cache(maxsize=2)
def _series(supply: Supply) -> dict[str, IntArray]:
    """All series of a supply, each (steps,) in ppm."""
    return whole_columns(supply.folder / SERIES_FILE, supply.series_names, supply.steps, supply.name, "supply/corrupt")


@lru_cache(maxsize=1)
def load_fuels() -> dict[str, Fuel]:
    """Read the shipped table of fuels, by kind of plant.

    Raises
    ------
    DataError
        With every mistake of the table.

    Examples
    --------
    >>> gas = load_fuels()["gas"]
    >>> gas.fuel_price_tick, gas.best_efficiency_ppm, gas.emission_g_per_kwh
    (2160, 500000, 187)
    """
    table = tomllib.loads(_FUELS.read_text(encoding="utf-8"), parse_float=Fraction)
    problems: list[str] = []
    numbers = {kind: _numbers(kind, entry, table["sources"], problems) for kind, entry in table["fuel"].items()}
    if problems:
        raise DataError(problems)
    return {kind: Fuel(kind=kind, **quanta, sources=said) for kind, (quanta, said) in numbers.items()}


def _numbers(
    kind: str, numbers: dict[str, Any], sources: dict[str, str], problems: list[str]
) -> tuple[dict[str, int], dict[str, str]]:
    """Turn one kind's numbers into whole quanta, and tell the source of each."""
    quanta, said = {}, {}
    for name, (column, per_unit) in _COLUMNS_OF_FUEL.items():
        entry = numbers.get(name, {})
        value, source = entry.get("value"), entry.get("source")
        if not isinstance(value, int | Fraction) or isinstance(value, bool) or source not in sources:
            problems.append(f"fuels/value: {kind}.{name}={entry} has not a value and one of the sources")
            continue
        quanta[column], said[column] = round(value * per_unit), sources[source]
    return quanta, said
