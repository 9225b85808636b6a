"""Kernels of the assets: battery, ageing, delivery, forecast and projection, over whole numbers only.

Owns the physics of one period at one meter. Knows no prices, no orders, no clock: times come in as arguments.
Everything here gives the same bits compiled and interpreted. All kernels lie in this one file because the
compiler's cache does not notice a change in a function that is imported from another one.

The state of charge is counted in micro-Wh: a battery takes and gives whole Wh at the meter, and what arrives
inside is then a whole number of micro-Wh. Nothing is ever rounded, so that the state after an hour does not depend on
whether it was simulated in one step or in eight.
"""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Final

from numba import njit

from wattbook.chance import NORMAL_SCALE, normal_units
from wattbook.units import MS_PER_HOUR, PPM

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    IntArray = npt.NDArray[np.int64]

UWH_PER_WH: Final = 1_000_000
"""Micro-Wh in one Wh."""

STAGES_PER_PERIOD: Final = 64
"""Draws that one period owns in each random stream: room for all stages of a forecast."""
SHORT_STAGE_MS: Final = 900_000
"""Below two hours of lead one stage of the forecast lasts a quarter of an hour."""
SHORT_LEAD_MS: Final = 7_200_000
SHORT_STAGES: Final = 9
"""Stages that are open at a lead of two hours: the nowcast's and eight quarters."""

LOAD_ROW: Final = 0
"""Row of a forecast table: sd of each stage of the load [ppm of its scale]."""
CLOUD_ROW: Final = 1
"""Row of a forecast table: sd of each stage of the cloud factor [ppm of the generation]."""
OWN_ROW: Final = 2
"""Row of a forecast table: sd of each stage of a plant's own error [ppm of the generation]."""
LOAD_SD_ROW: Final = 3
"""Row of a forecast table: sd of the load while stages 0 to k are open [ppm of its scale]."""
PV_SD_ROW: Final = 4
"""Row of a forecast table: sd of the generation while stages 0 to k are open [ppm of the generation]."""


_small: Final = njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
"""For what every look at every product asks for. No divisor here is ever zero, so nobody looks for it."""


# --- whole numbers ----------------------------------------------------------------------------------------------------


@_small
def divide_even(numerator: int, denominator: int) -> int:
    """Divide and round half to even, which favours neither sign; `denominator` > 0."""
    quotient = numerator // denominator
    twice = 2 * (numerator - quotient * denominator)
    if twice > denominator or (twice == denominator and quotient & 1):
        quotient += 1
    return quotient


@njit(cache=True, nogil=True)
def scale_carried(wh: IntArray, share_ppm: IntArray, out_wh: IntArray) -> None:
    """Multiply a series by shares, carrying each remainder to the next value so that the sum stays right.

    Parameters
    ----------
    wh, share_ppm, out_wh : (n,)
        Energies [Wh], shares between 0 and 1 [ppm], and where the results go [Wh]. No result exceeds its energy.
    """
    rest = 0
    for i in range(len(wh)):
        rest += wh[i] * share_ppm[i]
        out_wh[i] = rest // PPM
        rest -= out_wh[i] * PPM


# --- battery ----------------------------------------------------------------------------------------------------------


@_small
def power_limit_wh(power_w: int, start_ms: int, period_ms: int) -> int:
    """Most energy [Wh] that `power_w` moves in the period that starts at `start_ms`.

    The difference of two rounded running totals: the parts of an hour add up to the hour, whatever the step.
    Whole hours hold whole Wh, so only the place within the hour matters.
    """
    into_ms = start_ms % MS_PER_HOUR
    return power_w * (into_ms + period_ms) // MS_PER_HOUR - power_w * into_ms // MS_PER_HOUR


@_small
def least_of(wanted_wh: int, power_wh: int, limit_wh: int) -> int:
    """Bound `wanted_wh` by the power and by `limit_wh`, where -1 is no limit."""
    wh = min(wanted_wh, power_wh)
    if limit_wh >= 0:
        wh = min(wh, limit_wh)
    return wh


@_small
def battery_take(
    surplus_wh: int, power_wh: int, limit_wh: int, capacity_uwh: int, soc_uwh: int, charge_ppm: int
) -> int:
    """Energy [Wh at the meter] that the battery takes of a surplus; each Wh adds `charge_ppm` uWh."""
    wanted_wh = least_of(surplus_wh, power_wh, limit_wh)
    if wanted_wh * charge_ppm <= capacity_uwh - soc_uwh:
        return wanted_wh
    return (capacity_uwh - soc_uwh) // charge_ppm


@_small
def battery_give(deficit_wh: int, power_wh: int, limit_wh: int, soc_uwh: int, removal: int) -> int:
    """Energy [Wh at the meter] that the battery gives towards a deficit; each Wh removes `removal` uWh."""
    wanted_wh = least_of(deficit_wh, power_wh, limit_wh)
    if wanted_wh * removal <= soc_uwh:
        return wanted_wh
    return soc_uwh // removal


@_small
def soc_after(soc_uwh: int, take_wh: int, give_wh: int, charge_ppm: int, removal: int) -> int:
    """State of charge [uWh] after taking and giving [Wh at the meter]."""
    return soc_uwh + take_wh * charge_ppm - give_wh * removal


# --- delivery and its identities --------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def deliver(
    load_wh: IntArray, generation_wh: IntArray, traded_wh: IntArray, take_limit_wh: IntArray, give_limit_wh: IntArray,
    capacity_uwh: IntArray, soc_uwh: IntArray, charge_w: IntArray, discharge_w: IntArray, charge_ppm: IntArray,
    removal: IntArray, start_ms: int, period_ms: int,
    charge_wh: IntArray, discharge_wh: IntArray, curtailed_wh: IntArray, residual_wh: IntArray, soc_wh: IntArray,
) -> None:  # fmt: skip
    """Run one period at every meter: the battery follows what trade has left over, the rest is the residual.

    The controller is automatic: it gives towards a deficit and takes of a surplus, never both, and keeps
    nothing back but what the limits say. A sale that the home cannot deliver is a deficit like any other, and what
    the battery cannot cover of it becomes residual.

    Parameters
    ----------
    load_wh, generation_wh, traded_wh : (a,)
        Load, generation after curtailment, bought - sold [Wh].
    take_limit_wh, give_limit_wh : (a,)
        The agents' own limits on their batteries [Wh at the meter], -1 for none.
    capacity_uwh, soc_uwh, charge_w, discharge_w, charge_ppm, removal : (a,)
        The batteries; `soc_uwh` moves on. Capacity 0 stands for no battery.
    charge_wh, discharge_wh, curtailed_wh, residual_wh, soc_wh : (a,)
        Where the meters' readings go [Wh]; the state of charge is rounded down.
    """
    for a in range(len(load_wh)):
        net_wh = load_wh[a] - generation_wh[a] - traded_wh[a]
        take_wh = 0
        give_wh = 0
        if capacity_uwh[a] > 0 and net_wh < 0:
            power_wh = power_limit_wh(charge_w[a], start_ms, period_ms)
            take_wh = battery_take(-net_wh, power_wh, take_limit_wh[a], capacity_uwh[a], soc_uwh[a], charge_ppm[a])
        elif capacity_uwh[a] > 0 and net_wh > 0:
            power_wh = power_limit_wh(discharge_w[a], start_ms, period_ms)
            give_wh = battery_give(net_wh, power_wh, give_limit_wh[a], soc_uwh[a], removal[a])
        soc_uwh[a] = soc_after(soc_uwh[a], take_wh, give_wh, charge_ppm[a], removal[a])
        charge_wh[a] = take_wh
        discharge_wh[a] = give_wh
        curtailed_wh[a] = 0
        residual_wh[a] = net_wh + take_wh - give_wh
        soc_wh[a] = soc_uwh[a] // UWH_PER_WH


@njit(cache=True, nogil=True)
def _whole_wh(uwh: int) -> int:
    """Round an error up to whole Wh, so that none is too small to be seen."""
    return -(-uwh // UWH_PER_WH)


@njit(cache=True, nogil=True)
def node_error_wh(
    load_wh: int, generation_wh: int, charge_wh: int, discharge_wh: int, traded_wh: int, residual_wh: int
) -> int:
    """E1 and E2 at one meter: what is withdrawn net is what was traded and the residual."""
    return abs(load_wh + charge_wh - generation_wh - discharge_wh - traded_wh - residual_wh)


@njit(cache=True, nogil=True)
def bounds_error_wh(soc_uwh: int, capacity_uwh: int, soc_wh: int) -> int:
    """S1: the charge lies between empty and full, and the meter shows it."""
    outside_uwh = max(0, -soc_uwh) + max(0, soc_uwh - capacity_uwh)
    return _whole_wh(outside_uwh) + abs(soc_uwh // UWH_PER_WH - soc_wh)


@njit(cache=True, nogil=True)
def storage_error_wh(
    before_uwh: int, after_uwh: int, charge_wh: int, discharge_wh: int, charge_ppm: int, removal: int
) -> int:
    """S2: the charge moves by what was taken and given, and neither way gains energy."""
    lost_uwh = abs(soc_after(before_uwh, charge_wh, discharge_wh, charge_ppm, removal) - after_uwh)
    gained_uwh = charge_wh * max(0, charge_ppm - UWH_PER_WH) + discharge_wh * max(0, UWH_PER_WH - removal)
    return _whole_wh(lost_uwh + gained_uwh)


@njit(cache=True, nogil=True)
def power_error_wh(charge_wh: int, discharge_wh: int, charge_limit_wh: int, discharge_limit_wh: int) -> int:
    """S3: the power is within its rating, no flow is negative, and it goes one way only."""
    beyond_wh = max(0, charge_wh - charge_limit_wh) + max(0, discharge_wh - discharge_limit_wh)
    return beyond_wh + max(0, -charge_wh) + max(0, -discharge_wh) + max(0, min(charge_wh, discharge_wh))


@njit(cache=True, nogil=True)
def energy_errors_wh(
    load_wh: IntArray, generation_wh: IntArray, traded_wh: IntArray,
    capacity_uwh: IntArray, soc_uwh: IntArray, charge_w: IntArray, discharge_w: IntArray, charge_ppm: IntArray,
    removal: IntArray, start_ms: int, period_ms: int,
    charge_wh: IntArray, discharge_wh: IntArray, residual_wh: IntArray, soc_wh: IntArray, before_uwh: IntArray,
) -> tuple[int, int, int, int]:  # fmt: skip
    """Sum the absolute errors of one delivered period, identity by identity, from the readings alone.

    Parameters
    ----------
    before_uwh : (a,)
        State of charge before the period; `soc_uwh` is the state after it. The rest as in `deliver`.

    Returns
    -------
    tuple of int
        Errors [Wh] of E1 (with E2), S1, S2, S3: all 0, or the engine is wrong.
    """
    node = 0
    bounds = 0
    storage = 0
    power = 0
    for a in range(len(load_wh)):
        node += node_error_wh(load_wh[a], generation_wh[a], charge_wh[a], discharge_wh[a], traded_wh[a], residual_wh[a])
        bounds += bounds_error_wh(soc_uwh[a], capacity_uwh[a], soc_wh[a])
        storage += storage_error_wh(before_uwh[a], soc_uwh[a], charge_wh[a], discharge_wh[a], charge_ppm[a], removal[a])
        power += power_error_wh(
            charge_wh[a], discharge_wh[a],
            power_limit_wh(charge_w[a], start_ms, period_ms), power_limit_wh(discharge_w[a], start_ms, period_ms),
        )  # fmt: skip
    return node, bounds, storage, power


@njit(cache=True, nogil=True)
def energy_error_wh(
    load_wh: IntArray, generation_wh: IntArray, traded_wh: IntArray,
    capacity_uwh: IntArray, soc_uwh: IntArray, charge_w: IntArray, discharge_w: IntArray, charge_ppm: IntArray,
    removal: IntArray, start_ms: int, period_ms: int,
    charge_wh: IntArray, discharge_wh: IntArray, residual_wh: IntArray, soc_wh: IntArray, before_uwh: IntArray,
) -> int:  # fmt: skip
    """Sum `energy_errors_wh` over the identities: 0, or the run must stop."""
    node, bounds, storage, power = energy_errors_wh(
        load_wh, generation_wh, traded_wh, capacity_uwh, soc_uwh, charge_w, discharge_w, charge_ppm, removal,
        start_ms, period_ms, charge_wh, discharge_wh, residual_wh, soc_wh, before_uwh,
    )  # fmt: skip
    return node + bounds + storage + power


# --- forecast ---------------------------------------------------------------------------------------------------------


@_small
def last_update_ms(now_ms: int, phase_ms: int, every_ms: int) -> int:
    """Instant of the latest forecast update at or before `now_ms`; updates come at phase + n x every."""
    return now_ms - (now_ms - phase_ms) % every_ms


@_small
def next_update_ms(now_ms: int, phase_ms: int, every_ms: int) -> int:
    """Instant of the first forecast update after `now_ms`."""
    return last_update_ms(now_ms, phase_ms, every_ms) + every_ms


@_small
def open_stages(lead_ms: int, most: int) -> int:
    """Count the stages of the error that are not yet revealed at `lead_ms` before the period, at most `most`.

    Stage 0 is open until the period is metered. Stage k opens at a lead of k quarters of an hour up to two hours,
    from there on at every full hour.
    """
    if lead_ms < SHORT_STAGE_MS:
        return min(1, most)
    if lead_ms < SHORT_LEAD_MS:
        return min(1 + lead_ms // SHORT_STAGE_MS, most)
    return min(SHORT_STAGES + (lead_ms - SHORT_LEAD_MS) // MS_PER_HOUR, most)


@njit(cache=True, nogil=True)
def shock_ppm(key: int, period: int, stages: int, row: int, table: IntArray) -> int:
    """Sum the open stages' errors [ppm of the scale] of `period` in the random stream of `key`."""
    first = int(period) * STAGES_PER_PERIOD
    total = 0
    for stage in range(stages):
        total += normal_units(int(key), first + stage) * table[row, stage]
    return divide_even(total, NORMAL_SCALE)


@njit(cache=True, nogil=True)
def expected_load(base_wh: int, scale_wh: int, key: int, period: int, stages: int, table: IntArray) -> int:
    """Forecast of a load [Wh]: the base plus the open errors, which are shares of `scale_wh`; at least 0.

    Parameters
    ----------
    base_wh : int
        What comes (oracle, martingale) or what was a day before (persistence).
    scale_wh : int
        The home's own mean load in a period.
    key : int
        The random stream of this home's load errors.
    stages : int
        `open_stages` at the home's latest update.
    table : (5, s)
        Standard deviations by row and stage, from `Forecast.table`.
    """
    error_ppm = shock_ppm(key, period, stages, LOAD_ROW, table)
    return max(0, base_wh + divide_even(error_ppm * scale_wh, PPM))


@njit(cache=True, nogil=True)
def expected_generation(base_wh: int, cloud_key: int, own_key: int, period: int, stages: int, table: IntArray) -> int:
    """Forecast of a generation [Wh]: the base times one plus the cloud's and the plant's own open errors; at least 0.

    The cloud is one stream for all plants, so their errors go together; `own_key` is the plant's.
    """
    if base_wh <= 0:
        return 0
    error_ppm = shock_ppm(cloud_key, period, stages, CLOUD_ROW, table)
    error_ppm += shock_ppm(own_key, period, stages, OWN_ROW, table)
    return max(0, base_wh + divide_even(error_ppm * base_wh, PPM))


@_small
def expected_sd(scale_wh: int, generation_wh: int, stages: int, table: IntArray) -> int:
    """Compute the standard deviation [Wh, rounded down] of the forecast net load."""
    load_sd_wh = divide_even(table[LOAD_SD_ROW, stages - 1] * scale_wh, PPM)
    generation_sd_wh = divide_even(table[PV_SD_ROW, stages - 1] * generation_wh, PPM)
    return int(sqrt(load_sd_wh * load_sd_wh + generation_sd_wh * generation_sd_wh))


@njit(cache=True, nogil=True)
def forecast(
    load_base_wh: IntArray, generation_base_wh: IntArray, scale_wh: int, load_key: int, cloud_key: int, own_key: int,
    first_period: int, start_ms: int, period_ms: int, updated_ms: int, table: IntArray,
    load_wh: IntArray, generation_wh: IntArray, sd_wh: IntArray,
) -> None:  # fmt: skip
    """Forecast one agent's next periods as of its latest update.

    Parameters
    ----------
    load_base_wh, generation_base_wh : (h,)
        Bases [Wh] from `first_period` on, which starts at `start_ms`.
    updated_ms : int
        The agent's `last_update_ms`.
    load_wh, generation_wh, sd_wh : (h,)
        Where the expectations and the standard deviation of the net load go [Wh].
    """
    for t in range(len(load_base_wh)):
        stages = open_stages(start_ms + t * period_ms - updated_ms, table.shape[1])
        period = first_period + t
        load_wh[t] = expected_load(load_base_wh[t], scale_wh, load_key, period, stages, table)
        generation_wh[t] = expected_generation(generation_base_wh[t], cloud_key, own_key, period, stages, table)
        sd_wh[t] = expected_sd(scale_wh, generation_wh[t], stages, table)


@_small
def raw_shock(key: int, period: int, first: int, last: int, row: int, table: IntArray) -> int:
    """Sum the errors of stages `first` to before `last` [ppm of the scale x `NORMAL_SCALE`]; see `shock_ppm`."""
    total = 0
    for stage in range(first, last):
        total += normal_units(int(key), period * STAGES_PER_PERIOD + stage) * table[row, stage]
    return total


@njit(cache=True, nogil=True)
def cloud_shocks(cloud_key: int, table: IntArray, shocks_ppm: IntArray) -> None:
    """Tabulate the cloud's error [ppm of the generation] in `shocks_ppm` (p, s + 1), by period and open stages."""
    for period in range(shocks_ppm.shape[0]):
        for stages in range(shocks_ppm.shape[1]):
            shocks_ppm[period, stages] = shock_ppm(cloud_key, period, stages, CLOUD_ROW, table)


@_small
def forecast_on(
    load_base_wh: IntArray, generation_base_wh: IntArray, scale_wh: int, load_key: int, own_key: int,
    first_period: int, start_ms: int, period_ms: int, before_ms: int, updated_ms: int, known: int, table: IntArray,
    cloud_ppm: IntArray, load_raw: IntArray, own_raw: IntArray,
    load_wh: IntArray, generation_wh: IntArray, sd_wh: IntArray,
) -> None:  # fmt: skip
    """Do what `forecast` does, and less where the first periods were foreseen as of an earlier update.

    Only stages that were revealed since then are looked at: they drop out of sums that are kept.

    Parameters
    ----------
    before_ms : int
        The update as of which the first `known` of the h periods were foreseen.
    cloud_ppm : (p, s + 1)
        From `cloud_shocks`.
    load_raw, own_raw : (h,)
        Kept sums of the open stages' errors, see `raw_shock`.
    """
    for t in range(len(load_base_wh)):
        period = first_period + t
        at_ms = start_ms + t * period_ms
        stages = open_stages(at_ms - updated_ms, table.shape[1])
        if t < known:
            were = open_stages(at_ms - before_ms, table.shape[1])
            if were == stages:
                continue
            load_raw[t] -= raw_shock(load_key, period, stages, were, LOAD_ROW, table)
        else:
            were = stages
            load_raw[t] = raw_shock(load_key, period, 0, stages, LOAD_ROW, table)
        error_ppm = divide_even(load_raw[t], NORMAL_SCALE)
        load_wh[t] = max(0, load_base_wh[t] + divide_even(error_ppm * scale_wh, PPM))
        generation_wh[t] = 0
        if generation_base_wh[t] > 0:
            if t < known:
                own_raw[t] -= raw_shock(own_key, period, stages, were, OWN_ROW, table)
            else:
                own_raw[t] = raw_shock(own_key, period, 0, stages, OWN_ROW, table)
            error_ppm = cloud_ppm[period, stages] + divide_even(own_raw[t], NORMAL_SCALE)
            generation_wh[t] = max(0, generation_base_wh[t] + divide_even(error_ppm * generation_base_wh[t], PPM))
        sd_wh[t] = expected_sd(scale_wh, generation_wh[t], stages, table)


# --- projection -------------------------------------------------------------------------------------------------------


@_small
def _find_spill(
    battery_wh: IntArray, refused_wh: IntArray, soc_start_uwh: IntArray, charge_ppm: int, spill_wh: IntArray
) -> None:
    """Work out what the battery may forgo, from the last period back.

    `spare_uwh` is the largest cut of the charge at the start of the next period that is made good before it is
    missed: a period that refuses energy makes good what it refused, and no cut reaches below empty. What is
    forgone is a whole number of Wh at the meter and so is what makes it good: nothing is lost to rounding.
    """
    spare_uwh = 0
    for t in range(len(spill_wh) - 1, -1, -1):
        spill_wh[t] = min(max(0, -battery_wh[t]), spare_uwh // charge_ppm)
        spare_uwh = min(spare_uwh + refused_wh[t] * charge_ppm, soc_start_uwh[t])


@njit(cache=True, nogil=True)
def project(
    net_wh: IntArray, take_limit_wh: IntArray, give_limit_wh: IntArray,
    capacity_uwh: int, soc_uwh: int, charge_w: int, discharge_w: int, charge_ppm: int, removal: int,
    start_ms: int, period_ms: int, battery_wh: IntArray, refused_wh: IntArray, soc_start_uwh: IntArray,
    spill_wh: IntArray,
) -> None:  # fmt: skip
    """Say what the automatic controller will do if the next periods come as expected, and what it could forgo.

    Parameters
    ----------
    net_wh : (h,)
        Expected load - generation - (bought - sold) [Wh] from the period that starts at `start_ms` on.
    take_limit_wh, give_limit_wh : (h,)
        The agent's own limits [Wh at the meter], -1 for none.
    soc_uwh : int
        State of charge at `start_ms`.
    battery_wh : (h,)
        What the battery gives (+) or takes (-) at the meter.
    refused_wh : (h,)
        What it would have taken as well, had it not been full.
    soc_start_uwh : (h,)
        State of charge at each period's start [uWh].
    spill_wh : (h,)
        The most that the battery may forgo of what it takes in this period with nothing missing afterwards: every later
        discharge within the horizon and the charge at its end stay as they are, because the battery would be
        full before it is needed. It holds for one period at a time: after a sale, project again.
    """
    for t in range(len(net_wh)):
        soc_start_uwh[t] = soc_uwh
        at_ms = start_ms + t * period_ms
        battery_wh[t] = 0
        refused_wh[t] = 0
        spill_wh[t] = 0
        if capacity_uwh > 0 and net_wh[t] < 0:
            power_wh = power_limit_wh(charge_w, at_ms, period_ms)
            take_wh = battery_take(-net_wh[t], power_wh, take_limit_wh[t], capacity_uwh, soc_uwh, charge_ppm)
            battery_wh[t] = -take_wh
            refused_wh[t] = least_of(-net_wh[t], power_wh, take_limit_wh[t]) - take_wh
            soc_uwh = soc_after(soc_uwh, take_wh, 0, charge_ppm, removal)
        elif capacity_uwh > 0 and net_wh[t] > 0:
            power_wh = power_limit_wh(discharge_w, at_ms, period_ms)
            battery_wh[t] = battery_give(net_wh[t], power_wh, give_limit_wh[t], soc_uwh, removal)
            soc_uwh = soc_after(soc_uwh, 0, battery_wh[t], charge_ppm, removal)
    if capacity_uwh > 0:
        _find_spill(battery_wh, refused_wh, soc_start_uwh, charge_ppm, spill_wh)
