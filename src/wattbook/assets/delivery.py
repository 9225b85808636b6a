"""One delivered period, for people: the meters' readings and the identities that they must satisfy.

Owns nothing but the words; the physics is `kernel.deliver`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from wattbook.assets.kernel import deliver, energy_errors_wh

if TYPE_CHECKING:
    import numpy.typing as npt

    from wattbook.assets.battery import Batteries

    IntArray = npt.NDArray[np.int64]


class Readings(NamedTuple):
    """What the meters show of one period, one row per agent, each column (a,) [Wh].

    load + charge - generation - discharge = traded + residual.
    """

    load_wh: IntArray
    generation_wh: IntArray
    """After curtailment."""
    charge_wh: IntArray
    discharge_wh: IntArray
    curtailed_wh: IntArray
    traded_wh: IntArray
    """Bought - sold."""
    residual_wh: IntArray
    soc_wh: IntArray
    """At the period's end, rounded down."""


class EnergyErrors(NamedTuple):
    """Absolute errors of one period [Wh]: all 0, or the engine is wrong."""

    e1: int
    """Net withdrawal = traded + residual at each meter (E1 with E2)."""
    s1: int
    """State of charge within bounds."""
    s2: int
    """The charge moves by what was taken and given; losses never gain."""
    s3: int
    """Power within rating, never both ways."""


def deliver_period(
    batteries: Batteries,
    load_wh: IntArray,
    generation_wh: IntArray,
    traded_wh: IntArray,
    start_ms: int,
    period_ms: int,
    take_limit_wh: IntArray | None = None,
    give_limit_wh: IntArray | None = None,
) -> Readings:
    """Deliver one period at every meter; the batteries' charge moves on.

    Parameters
    ----------
    load_wh, generation_wh, traded_wh : (a,)
        Load, generation, bought - sold [Wh].
    take_limit_wh, give_limit_wh : (a,), optional
        The agents' own limits on their batteries [Wh at the meter], -1 for none.
    """
    agents = len(load_wh)
    free = np.full(agents, -1, dtype=np.int64)
    charge_wh, discharge_wh, curtailed_wh, residual_wh, soc_wh = np.zeros((5, agents), dtype=np.int64)
    deliver(
        load_wh, generation_wh, traded_wh,
        free if take_limit_wh is None else take_limit_wh, free if give_limit_wh is None else give_limit_wh,
        *batteries, start_ms, period_ms, charge_wh, discharge_wh, curtailed_wh, residual_wh, soc_wh,
    )  # fmt: skip
    return Readings(load_wh, generation_wh, charge_wh, discharge_wh, curtailed_wh, traded_wh, residual_wh, soc_wh)


def energy_errors(
    readings: Readings, batteries: Batteries, before_uwh: IntArray, start_ms: int, period_ms: int
) -> EnergyErrors:
    """Measure the energy identities of one period; `before_uwh` (a,) is the charge before it [uWh]."""
    return EnergyErrors(
        *energy_errors_wh(
            readings.load_wh, readings.generation_wh, readings.traded_wh, *batteries, start_ms, period_ms,
            readings.charge_wh, readings.discharge_wh, readings.residual_wh, readings.soc_wh, before_uwh,
        )
    )  # fmt: skip


def check(readings: Readings, batteries: Batteries, before_uwh: IntArray, start_ms: int, period_ms: int) -> None:
    """Assert the energy identities of one period, each by its name."""
    errors = energy_errors(readings, batteries, before_uwh, start_ms, period_ms)
    assert errors.e1 == 0, f"E1: withdrawn and traded + residual differ by {errors.e1} Wh"
    assert errors.s1 == 0, f"S1: state of charge out of bounds by {errors.s1} Wh"
    assert errors.s2 == 0, f"S2: state of charge and flows differ by {errors.s2} Wh"
    assert errors.s3 == 0, f"S3: power beyond its rating or both ways by {errors.s3} Wh"
