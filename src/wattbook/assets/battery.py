"""Batteries: the description of one, and the columns of many.

Owns the state of charge. Knows nothing of prices, nor of who decides: the controller is automatic (`kernel.deliver`).
A battery at rest loses nothing here; all its losses come with the energy that it takes and gives.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, Self

import numpy as np

from wattbook.assets.config import whole_problems
from wattbook.assets.kernel import UWH_PER_WH
from wattbook.errors import ConfigError, refuse
from wattbook.units import PPM, half_even

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    IntArray = npt.NDArray[np.int64]

CAPACITY_BOUND_WH: Final = 100_000_000_000
POWER_BOUND_W: Final = 1_000_000_000
EFFICIENCY_FLOOR_PPM: Final = 10_000


@dataclass(frozen=True, slots=True)
class Battery:
    """A battery behind a home's meter.

    Parameters
    ----------
    capacity_wh : int
        Energy that it holds when full [Wh], as ``kwh(10)``.
    power_w : int, optional
        Most power at the meter, either way [W], as ``kw(5)``.
    charge_w, discharge_w : int, optional
        The same for each way, where they differ; both, and then without `power_w`.
    efficiency_ppm : int
        Round trip, meter to meter [ppm], as ``percent(90)``. The default is an assumption of calibration. It is split
        evenly: each way has its square root.
    soc_start_ppm : int
        Share of the capacity that is charged at the run's start [ppm].

    Raises
    ------
    ConfigError
        With all the problems found.

    Examples
    --------
    >>> from wattbook.units import kw, kwh, percent
    >>> Battery(kwh(10), kw(5), efficiency_ppm=percent(81)).charge_ppm
    900000
    """

    capacity_wh: int
    power_w: int | None = None
    charge_w: int | None = None
    discharge_w: int | None = None
    efficiency_ppm: int = 900_000
    soc_start_ppm: int = 0

    def __post_init__(self) -> None:
        problems = [
            *whole_problems("capacity_wh", self.capacity_wh, 1, CAPACITY_BOUND_WH, "energy", "give kwh(10)"),
            *self._power_problems(),
            *whole_problems(
                "efficiency_ppm", self.efficiency_ppm, EFFICIENCY_FLOOR_PPM, PPM, "share", "give percent(90)"
            ),
            *whole_problems("soc_start_ppm", self.soc_start_ppm, 0, PPM, "share", "give percent(50)"),
        ]
        if problems:
            refuse(ConfigError(f"battery: {problem}" for problem in problems))

    def _power_problems(self) -> list[str]:
        each_way = {"charge_w": self.charge_w, "discharge_w": self.discharge_w}
        given = {name: value for name, value in each_way.items() if value is not None}
        if self.power_w is not None and given:
            return [f"power_w and {' and '.join(given)} exclude each other: give power_w or both of the others"]
        if self.power_w is not None:
            return whole_problems("power_w", self.power_w, 1, POWER_BOUND_W, "power", "give kw(5)")
        return [
            problem
            for name, value in each_way.items()
            for problem in whole_problems(name, value, 1, POWER_BOUND_W, "power", "give kw(5), or power_w for both")
        ]

    @property
    def take_w(self) -> int:
        """Most power that it takes at the meter [W]."""
        return int(self.power_w or self.charge_w or 0)

    @property
    def give_w(self) -> int:
        """Most power that it gives at the meter [W]."""
        return int(self.power_w or self.discharge_w or 0)

    @property
    def charge_ppm(self) -> int:
        """Efficiency from the meter into the battery [ppm]: what a Wh adds to the charge [uWh]."""
        return math.isqrt(self.efficiency_ppm * PPM)

    @property
    def discharge_ppm(self) -> int:
        """Efficiency from the battery to the meter [ppm]."""
        return half_even(self.efficiency_ppm * PPM, self.charge_ppm)

    @property
    def removal(self) -> int:
        """What a Wh given at the meter removes from the charge [uWh per Wh]."""
        return half_even(UWH_PER_WH * PPM, self.discharge_ppm)

    @property
    def capacity_uwh(self) -> int:
        """Energy that it holds when full [uWh]."""
        return int(self.capacity_wh) * UWH_PER_WH

    @property
    def soc_start_uwh(self) -> int:
        """Charge at the run's start [uWh], rounded down."""
        return self.capacity_uwh * int(self.soc_start_ppm) // PPM


class Batteries(NamedTuple):
    """The batteries of all agents, one column per property, in the order in which the kernels take them.

    An agent without a battery has a row of capacity 0. The kernels take the columns as ``*batteries``.

    Attributes
    ----------
    capacity_uwh, soc_uwh, charge_w, discharge_w, charge_ppm, removal : (a,)
        Capacity and state of charge [uWh], power each way [W], what a Wh taken adds and a Wh given removes [uWh].
    """

    capacity_uwh: IntArray
    soc_uwh: IntArray
    charge_w: IntArray
    discharge_w: IntArray
    charge_ppm: IntArray
    removal: IntArray

    @classmethod
    def of(cls, batteries: Sequence[Battery | None]) -> Self:
        """Lay out `batteries`, one row per agent, each with its charge at the start."""
        rows = [_row(battery) for battery in batteries]
        columns = np.array(rows, dtype=np.int64).reshape(len(rows), len(cls._fields)).T
        return cls(*(column.copy() for column in columns))

    def check(self) -> None:
        """Assert what must always hold of batteries."""
        assert all(column.dtype == np.int64 and column.shape == self.soc_uwh.shape for column in self)
        assert (self.soc_uwh >= 0).all(), "S1: below empty"
        assert (self.soc_uwh <= self.capacity_uwh).all(), "S1: above full"
        assert ((self.charge_ppm >= 1) & (self.charge_ppm <= UWH_PER_WH)).all(), "S2: charging gains"
        assert (self.removal >= UWH_PER_WH).all(), "S2: discharging gains"
        assert ((self.charge_w >= 0) & (self.discharge_w >= 0)).all(), "S3: negative power"


def _row(battery: Battery | None) -> tuple[int, ...]:
    if battery is None:
        return (0, 0, 0, 0, UWH_PER_WH, UWH_PER_WH)
    return (
        battery.capacity_uwh, battery.soc_start_uwh, battery.take_w, battery.give_w, battery.charge_ppm,
        battery.removal,
    )  # fmt: skip
