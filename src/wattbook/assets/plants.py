"""Power plants: what they cost to run, what they can give, and the energy that they do give.

Owns output and its limits. Knows the price of fuel and of carbon as numbers that come in, but no market: what a plant
is asked for is the market's business, what it can do of that is decided here. Plants lie in columns, one row a plant.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final, NamedTuple, Self

import numpy as np

from wattbook.assets.config import CAPACITY_BOUND_W, instant_ms, plain, whole_column, whole_problems
from wattbook.errors import ConfigError, refuse
from wattbook.units import MS_PER_DAY, MS_PER_HOUR, PPM, half_even

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from wattbook.assets.upgrades import Upgrades

    IntArray = npt.NDArray[np.int64]

PRICE_BOUND_TICK: Final = 10_000_000
EMISSION_BOUND_G: Final = 10_000
NOBODY: Final = -1
_LAST_ROW: Final = (1 << 31) - 1
_MOST_WANTED_W: Final = 1 << 62
_SHARES: Final = "give ppm of the capacity, one a row, such as 1_000_000"
_LONGEST_MS: Final = MS_PER_DAY
"""Longest period: the largest plant's output times it still fits 64 bits."""
_G_PER_KG: Final = 1_000


class PlantKind(IntEnum):
    """What a plant runs on; `IMPORT` is a line to another country."""

    OIL = 0
    GAS = 1
    COAL = 2
    LIGNITE = 3
    NUCLEAR = 4
    HYDRO = 5
    WIND = 6
    SOLAR = 7
    BIOMASS = 8
    WASTE = 9
    IMPORT = 10


def marginal_cost_tick(
    fuel_price_tick: int, efficiency_ppm: int, emission_g_per_kwh: int, co2_cent_per_t: int, variable_tick: int = 0
) -> int:
    """Cost of one more electric MWh [ticks], rounded half-even to the tick, once.

    (fuel price + emission factor x carbon price) / efficiency + variable cost. An emission factor in g per thermal kWh
    is one in kg per thermal MWh; a cent per t is a tick per t.

    Parameters
    ----------
    fuel_price_tick : int
        Price of a thermal MWh [ticks].
    efficiency_ppm : int
        Electric over thermal energy [ppm], 1 .. 1,000,000.
    emission_g_per_kwh : int
        CO2 of a thermal kWh [g].
    co2_cent_per_t : int
        Price of emitting a t of CO2 [0.01 EUR].
    variable_tick : int
        Operation and maintenance [ticks per electric MWh].

    Raises
    ------
    ConfigError
        With all the problems found.

    Examples
    --------
    Gas at 21.60 EUR/MWh in a plant of 50 %, 187 g/kWh and 25 EUR/t, and 4 EUR/MWh for operation:

    >>> marginal_cost_tick(2_160, 500_000, 187, 2_500, 400)
    5655
    """
    problems = [
        *whole_problems("fuel_price_tick", fuel_price_tick, 0, PRICE_BOUND_TICK, "price", "give eur_per_mwh(21.6)"),
        *whole_problems("efficiency_ppm", efficiency_ppm, 1, PPM, "share", "give percent(50)"),
        *whole_problems("emission_g_per_kwh", emission_g_per_kwh, 0, EMISSION_BOUND_G, "number", "give 187"),
        *whole_problems("co2_cent_per_t", co2_cent_per_t, 0, PRICE_BOUND_TICK, "number", "give 2_500 for 25 EUR/t"),
        *whole_problems(
            "variable_tick", variable_tick, -PRICE_BOUND_TICK, PRICE_BOUND_TICK, "price", "give eur_per_mwh(4)"
        ),
    ]
    if problems:
        raise ConfigError(f"marginal cost: {problem}" for problem in problems)
    thermal = int(fuel_price_tick) * _G_PER_KG + int(emission_g_per_kwh) * int(co2_cent_per_t)
    operation = int(variable_tick) * _G_PER_KG * int(efficiency_ppm)
    return half_even(thermal * PPM + operation, _G_PER_KG * int(efficiency_ppm))


@dataclass(frozen=True, slots=True)
class PowerPlant:
    """A power plant.

    Parameters
    ----------
    kind : PlantKind
        What it runs on.
    capacity_w : int
        Most output [W], as ``mw(300)``.
    min_output_w : int
        Least output of the running plant [W].
    ramp_w : int, optional
        Most change of its output from one period to the next [W]; None for a plant that goes anywhere at once.
    marginal_tick : int
        Cost of one more MWh [ticks], as `marginal_cost_tick` gives it.
    owner : int
        Row of the agent that it belongs to; -1 for nobody.

    Raises
    ------
    ConfigError
        With all the problems found.
    """

    kind: PlantKind
    capacity_w: int
    min_output_w: int = 0
    ramp_w: int | None = None
    marginal_tick: int = 0
    owner: int = NOBODY

    def __post_init__(self) -> None:
        price, cost = PRICE_BOUND_TICK, "give eur_per_mwh(45)"
        problems = [
            *whole_problems("capacity_w", self.capacity_w, 1, CAPACITY_BOUND_W, "power", "give mw(300)"),
            *whole_problems("min_output_w", self.min_output_w, 0, CAPACITY_BOUND_W, "power", "give mw(120)"),
            *whole_problems("marginal_tick", self.marginal_tick, -price, price, "price", cost),
            *whole_problems("owner", plain(self.owner), NOBODY, _LAST_ROW, "number", "give its owner's row, or -1"),
        ]
        if self.ramp_w is not None:
            problems += whole_problems("ramp_w", self.ramp_w, 1, CAPACITY_BOUND_W, "power", "give mw(50) or None")
        if not problems and self.min_output_w > self.capacity_w:
            problems.append(f"min_output_w={self.min_output_w} is above capacity_w={self.capacity_w}: give less")
        if not isinstance(self.kind, PlantKind):
            problems.append(f"kind={self.kind!r} is not a PlantKind: give PlantKind.GAS")
        if problems:
            refuse(ConfigError(f"plant: {problem}" for problem in problems))


class Plants(NamedTuple):
    """Power plants, one column per property, one row a plant.

    Attributes
    ----------
    owner : (p,)
        Row of the agent it belongs to; -1 for nobody.
    kind : (p,)
        `PlantKind`.
    capacity_w, min_output_w, ramp_w : (p,)
        Most output, least output while running, and most change from one period to the next [W].
    marginal_tick : (p,)
        Cost of one more MWh [ticks].
    """

    owner: IntArray
    kind: IntArray
    capacity_w: IntArray
    min_output_w: IntArray
    ramp_w: IntArray
    marginal_tick: IntArray

    @classmethod
    def of(cls, plants: Sequence[PowerPlant]) -> Self:
        """Lay out `plants`, one row each."""
        rows = [
            (
                plant.owner, plant.kind, plant.capacity_w, plant.min_output_w,
                CAPACITY_BOUND_W if plant.ramp_w is None else plant.ramp_w, plant.marginal_tick,
            )
            for plant in plants
        ]  # fmt: skip
        columns = np.array(rows, dtype=np.int64).reshape(len(rows), len(cls._fields)).T
        return cls(*(column.copy() for column in columns))

    def check(self) -> None:
        """Assert what must always hold of plants."""
        assert all(column.dtype == np.int64 and column.shape == self.kind.shape for column in self)
        assert ((self.min_output_w >= 0) & (self.min_output_w <= self.capacity_w)).all(), "S5: least above most output"
        assert (self.ramp_w > 0).all(), "a plant that cannot move"


def ceiling_w(capacity_w: IntArray, available_ppm: IntArray) -> IntArray:
    """Most output (p,) [W] at an availability (p,) [ppm], rounded down: never above the share."""
    return capacity_w * available_ppm // PPM


def available_wh(capacity_w: int, available_ppm: IntArray, period_ms: int) -> IntArray:
    """Most energy (n,) [Wh] in each period at an availability (n,) [ppm], remainders carried to the next period.

    The energy since the first period is rounded down at each period's end, so no sum is above the exact one, nor 1 Wh
    below it.

    Raises
    ------
    ConfigError
        If a period is not a whole part of an hour, or whole hours up to a day, or an availability is not a share.
    """
    problems = [
        *whole_problems("capacity_w", plain(capacity_w), 0, CAPACITY_BOUND_W, "power", "give mw(300)"),
        *whole_problems("period_ms", plain(period_ms), 1, _LONGEST_MS, "duration", "give minutes(15)"),
    ]
    available_ppm = whole_column("available_ppm", available_ppm, None, 0, PPM, _SHARES, problems)
    if problems:
        raise ConfigError(problems)
    if MS_PER_HOUR % period_ms and period_ms % MS_PER_HOUR:
        raise ConfigError(f"period_ms={period_ms} does not divide an hour, nor is it whole hours: give minutes(15)")
    hours = max(period_ms // MS_PER_HOUR, 1)
    divisor = PPM * max(MS_PER_HOUR // period_ms, 1)
    whole, rest = np.divmod(np.int64(capacity_w) * hours * available_ppm, np.int64(divisor))
    energy_wh: IntArray = np.diff(np.cumsum(whole) + np.cumsum(rest) // divisor, prepend=np.int64(0))
    return energy_wh


def feasible_output_w(plants: Plants, ceiling_w: IntArray, previous_w: IntArray, wanted_w: IntArray) -> IntArray:
    """Output (p,) [W] of each plant that is asked for `wanted_w` after it has given `previous_w`.

    What a plant can give is off, or any output from its minimum to its ceiling that its ramp reaches from the period
    before. It gives the most of these that is not above what is wanted; where all are above, the least.

    1. Without room for the minimum output under the ceiling it is off.
    2. A plant that is off starts with at most the larger of ramp and minimum output, and one that runs goes off only
       from there or below: otherwise it could never start nor stop.
    3. An outage does not ask the ramp: output falls to the ceiling at once.

    Parameters
    ----------
    plants : Plants
        Whose minimum outputs and ramps.
    ceiling_w : (p,)
        Most output now [W]: capacity times availability.
    previous_w : (p,)
        Output of the period before [W].
    wanted_w : (p,)
        What is asked for [W], at least 0.
    """
    least, ramp = plants.min_output_w, plants.ramp_w
    reach = np.maximum(ramp, least)
    was_off = previous_w == 0
    up = np.minimum(ceiling_w, np.where(was_off, reach, np.maximum(previous_w + ramp, least)))
    down = np.minimum(np.maximum(previous_w - ramp, least), up)
    may_run = ceiling_w >= least
    may_be_off = ~may_run | (previous_w <= reach)
    running = np.clip(wanted_w, down, up)
    output_w: IntArray = np.where(may_be_off & (~may_run | (wanted_w < down)), 0, running)
    return output_w


class Output(NamedTuple):
    """What plants gave in one period: mean power (p,) [W] and energy (p,) [Wh]."""

    output_w: IntArray
    energy_wh: IntArray


class Fleet:
    """Plants that run: their output of the last period, and the energy below 1 Wh that is still to be metered.

    Parameters
    ----------
    plants : Plants
        As they were built; their capacities are those before any upgrade.
    upgrades : Upgrades, optional
        What is being added to them.

    Raises
    ------
    ConfigError
        If the upgrades are of other plants.

    Notes
    -----
    A period is run with the capacities of its first instant: what is commissioned within it counts from the next one.
    """

    def __init__(self, plants: Plants, upgrades: Upgrades | None = None) -> None:
        if upgrades is not None and upgrades.base_w.tolist() != plants.capacity_w.tolist():
            raise ConfigError("fleet: its upgrades are of other plants: give Upgrades(plants.capacity_w, ...)")
        self.plants = plants
        self.upgrades = upgrades
        self.output_w: IntArray = np.zeros(len(plants.kind), np.int64)
        self._rest: IntArray = np.zeros(len(plants.kind), np.int64)

    def capacity_w(self, at_ms: int) -> IntArray:
        """Capacities (p,) [W] at an instant [ms of UTC]."""
        if self.upgrades is None:
            return self.plants.capacity_w
        return self.plants.capacity_w + self.upgrades.commissioned_w(at_ms)

    def most_w(self, start_ms: int, available_ppm: IntArray) -> IntArray:
        """Most output (p,) [W] that each plant can reach in the period from `start_ms`.

        Raises
        ------
        ConfigError
            As `run`.
        """
        return self._feasible(start_ms, available_ppm, np.full_like(self.output_w, _MOST_WANTED_W), [])

    def run(self, start_ms: int, period_ms: int, wanted_w: IntArray, available_ppm: IntArray) -> Output:
        """Run one period and meter it in whole Wh; what is below 1 Wh is carried to the next period.

        Parameters
        ----------
        start_ms, period_ms : int
            Start [ms of UTC] and length [ms], a day at most.
        wanted_w : (p,)
            Output that each plant is asked for [W], at least 0; what is more than it can give is no mistake.
        available_ppm : (p,)
            Availability of each [ppm of its capacity], at most 1,000,000.

        Raises
        ------
        ConfigError
            With all that is wrong with the four; then nothing was run.
        """
        problems = whole_problems("period_ms", plain(period_ms), 1, _LONGEST_MS, "duration", "give minutes(15)")
        self.output_w = self._feasible(start_ms, available_ppm, wanted_w, problems)
        energy_wh, self._rest = np.divmod(self._rest + self.output_w * np.int64(period_ms), np.int64(MS_PER_HOUR))
        return Output(self.output_w.copy(), energy_wh)

    def _feasible(self, start_ms: int, available_ppm: IntArray, wanted_w: IntArray, problems: list[str]) -> IntArray:
        """Give the outputs, or refuse what is asked with `problems` and all that is wrong here."""
        plants = len(self.output_w)
        try:
            start_ms = instant_ms("start_ms", start_ms)
        except ConfigError as error:
            problems += error.problems
        wanted_w = whole_column("wanted_w", wanted_w, plants, 0, _MOST_WANTED_W, "give one output a plant", problems)
        available_ppm = whole_column("available_ppm", available_ppm, plants, 0, PPM, _SHARES, problems)
        if problems:
            raise ConfigError(f"fleet: {problem}" for problem in problems)
        ceiling = ceiling_w(self.capacity_w(start_ms), available_ppm)
        return feasible_output_w(self.plants, ceiling, self.output_w, wanted_w)

    def export(self) -> dict[str, IntArray]:
        """Give what a checkpoint needs beside the plants' description; upgrades export themselves."""
        return {"output_w": self.output_w.copy(), "rest": self._rest.copy()}

    def restore(self, state: Mapping[str, IntArray]) -> None:
        """Go on from what `export` gave.

        Raises
        ------
        ConfigError
            If the state is that of other plants.
        """
        bounds = {"output_w": CAPACITY_BOUND_W, "rest": MS_PER_HOUR - 1}
        problems = [f"{name} is missing" for name in bounds if name not in state]
        columns = [
            whole_column(name, state[name], len(self.output_w), 0, most, "give a row for each plant", problems)
            for name, most in bounds.items()
            if name in state
        ]
        if problems:
            raise ConfigError(
                f"fleet: {problem}: this is of another fleet, restore what this one exported" for problem in problems
            )
        self.output_w, self._rest = (column.copy() for column in columns)
        self.check()

    def check(self) -> None:
        """Assert what must always hold."""
        self.plants.check()
        assert (self.output_w >= 0).all(), "S5: negative output"
        assert ((self._rest >= 0) & (self._rest < MS_PER_HOUR)).all(), "more than 1 Wh is not metered"
