"""What agents expect: forecasts of load and generation in columns, brought up to date when their agent wakes.

Owns the expected values; how wrong they are is `wattbook.assets`' business.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt
from typing import TYPE_CHECKING, Final

import numpy as np

from wattbook.assets import ForecastKeys, update_phases_ms
from wattbook.assets.kernel import forecast, last_update_ms, next_update_ms
from wattbook.messages import FOREVER, NO_PRICE
from wattbook.records import columns_of, records, shelves

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wattbook.assets import Forecast
    from wattbook.market import Street
    from wattbook.market.suppliers import Suppliers

    Ints = NDArray[np.int64]

WIDTH: Final = 8
"""Of an agent's record: how it foresees, and what an observation reads of its contract with its utility."""
SHELF: Final = 11
"""Rows on an agent's shelf: what it foresees of each period, and how it comes to that."""
BATTERY_HORIZON_MS: Final = 24 * 3_600_000
"""How far an agent with a battery looks ahead to value what it stores."""


@dataclass(frozen=True)
class Outlook:
    """What a run's forecasts start from.

    Attributes
    ----------
    forecast : Forecast
    load_before_wh, generation_before_wh : (a, p) int64
        The values of the day before [Wh], for persistence.
    """

    forecast: Forecast
    load_before_wh: Ints
    generation_before_wh: Ints


class Expectations:
    """Expected load, generation and their uncertainty, one row per agent, one column per period (a, p) [Wh].

    A utility expects what its customers together take and feed in; the errors of many homes partly cancel.

    Attributes
    ----------
    later_scale_wh : (a,) int64
        Mean load per period [Wh] from the period `since` on, in which contracts changed last.
    load_wh, generation_wh, sd_wh, battery_wh, spill_wh, spill_tick, soc_uwh, load_base, generation_base, load_raw,
    own_raw : (a, p) int64
        What is expected, what it is computed from, and what the battery makes of it; see
        `wattbook.world.kernel.Sights` and `wattbook.world.kernel_board.Outlooks`.
    """

    def __init__(self, street: Street, outlook: Outlook, seed: int) -> None:
        self.street = street
        self.every_ms = int(outlook.forecast.update_every)
        self.table = outlook.forecast.table()
        keys = ForecastKeys.of(seed, street.names)
        self.cloud_key = keys.cloud
        base = outlook.forecast.base_wh
        shelf = shelves(street.agents, SHELF, street.periods).transpose(1, 0, 2)
        self.load_wh, self.generation_wh, self.sd_wh, self.battery_wh, self.spill_wh, self.spill_tick, *rows = shelf
        self.soc_uwh, self.load_base, self.generation_base, self.load_raw, self.own_raw = rows
        self.spill_tick[:] = NO_PRICE
        self.soc_uwh[:] = street.battery.soc_uwh[:, None]
        self._fill(self.load_base, base(street.load_wh, outlook.load_before_wh))
        self._fill(self.generation_base, base(street.generation_wh, outlook.generation_before_wh))
        self.phase_ms, self.updated_ms, self.scale_wh, self.load_key, self.own_key, *rest = columns_of(
            records(street.agents, WIDTH), update_phases_ms(seed, street.names, self.every_ms), -1, self._scales(),
            keys.load, keys.own, street.utility, street.vat_ppm, 0,
        )  # fmt: skip
        self.utility, self.vat_ppm, self.foreseen = rest
        self.later_scale_wh = self.scale_wh.copy()
        self.since = FOREVER

    def _fill(self, out: Ints, series: Ints) -> None:
        """Copy a series (a, p) into `out`, each utility's row the sum of its customers'."""
        out[:] = series
        self._sum_up(out, self.street.utility, slice(None))

    def _sum_up(self, series: Ints, supplier: Ints, span: slice) -> None:
        """Sum up in each utility's row of `series` (a, p) what those have in a span whose `supplier` (a,) it is."""
        for utility in np.flatnonzero(self.street.utility < 0).tolist():
            series[utility, span] = series[supplier == utility, span].sum(axis=0)

    def _scales(self) -> Ints:
        """Mean load per period (a,) [Wh]; of a group, the root of the sum of its customers' squares.

        Independent errors add up so, and a customer without load adds nothing.
        """
        scales: Ints = self.load_base.sum(axis=1) // max(self.street.periods, 1)
        self._add_scales(scales, self.street.utility)
        return scales

    def _add_scales(self, scales: Ints, supplier: Ints) -> None:
        """Work out the utilities' rows of `scales` (a,) from those of whom they supply."""
        for utility in np.flatnonzero(self.street.utility < 0).tolist():
            customers = scales[supplier == utility].tolist()
            scales[utility] = isqrt(sum(scale * scale for scale in customers))

    def regroup(self, suppliers: Suppliers) -> None:
        """Learn who supplies whom: what utilities expect of each period is the sum of those whom they supply in it."""
        self.utility[:] = suppliers.now
        self.since = int(suppliers.since[0])
        turn = min(self.since, self.street.periods)
        for series in (self.load_base, self.generation_base):
            self._sum_up(series, suppliers.now, slice(0, turn))
            self._sum_up(series, suppliers.later, slice(turn, None))
        self._add_scales(self.scale_wh, suppliers.now)
        self.later_scale_wh[:] = self.scale_wh
        self._add_scales(self.later_scale_wh, suppliers.later)

    def next_update_ms(self, agent: int, now_ms: int) -> int:
        """When the agent's forecast changes next."""
        return int(next_update_ms(now_ms, int(self.phase_ms[agent]), self.every_ms))

    def refresh(self, agent: int, now_ms: int, first: int, last: int) -> bool:
        """Bring the agent's expectations for periods `first` to `last` up to date; say whether they are new."""
        updated_ms = int(last_update_ms(now_ms, int(self.phase_ms[agent]), self.every_ms))
        new = updated_ms > self.updated_ms[agent]
        self.updated_ms[agent] = updated_ms
        turn = min(max(self.since, first), last + 1)
        for begin, end, scale in ((first, turn, self.scale_wh), (turn, last + 1, self.later_scale_wh)):
            if begin < end:
                self._forecast(agent, begin, end, int(scale[agent]), updated_ms)
        return bool(new)

    def _forecast(self, agent: int, first: int, end: int, scale_wh: int, updated_ms: int) -> None:
        """Foresee the periods `first` to before `end` as of an update."""
        street, span = self.street, slice(first, end)
        forecast(
            self.load_base[agent, span], self.generation_base[agent, span], scale_wh,
            int(self.load_key[agent]), self.cloud_key, int(self.own_key[agent]),
            first, street.start_ms + first * street.period_ms, street.period_ms, updated_ms, self.table,
            self.load_wh[agent, span], self.generation_wh[agent, span], self.sd_wh[agent, span],
        )  # fmt: skip
