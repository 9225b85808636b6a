"""ASSUME's nearest to the zero-intelligence market, where it is installed.

A trader is a unit with an operator of its own, and bids in a uniform-price auction that opens as often as ours wake.
ASSUME has no market in which one agent acts after another, so a wake is one bid of one unit, with its share of what
an opening takes: messages, clearing, dispatch. It is told to keep nothing.
"""

from __future__ import annotations

import io
import logging
from contextlib import chdir, redirect_stderr
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from .market import CAP_TICK, FLOOR_TICK, LOT_WH, SEED, START_MS, WAKE_EVERY_MS, Size
from .runners import Counts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_OPENING: Final = timedelta(milliseconds=WAKE_EVERY_MS)
_MARKET: Final = "local"
_PLANT: Final = {"technology": "none", "fuel_type": "none", "emission_factor": 0, "efficiency": 1, "max_power": LOT_WH}
_DEMAND: Final = {"technology": "demand", "max_power": -LOT_WH}


class AssumeUnits:
    """A world of ASSUME's, half demand and half supply, made when it is known how long it has to go on."""

    def __init__(self, size: Size, folder: Path) -> None:
        self._assume = import_module("assume")
        logging.disable(logging.CRITICAL)
        self._traders, self._folder = size.traders, folder
        self._begin = datetime.fromtimestamp(START_MS / 1000, UTC).replace(tzinfo=None)
        self.wakes = 0
        self._stops_ms: list[int] = []
        self._at_stop: Callable[[Counts], None]

    def _world(self, end: datetime) -> Any:
        assume, rrule = self._assume, import_module("dateutil.rrule")
        world = assume.World(log_level="CRITICAL")
        world.setup(start=self._begin, end=end, simulation_id=_MARKET, save_frequency_hours=None)
        world.bidding_strategies["random"] = self._strategy()
        world.add_market_operator("exchange")
        minutes = rrule.rrule(
            rrule.MINUTELY, interval=round(_OPENING / timedelta(minutes=1)), dtstart=self._begin, until=end
        )
        design = assume.MarketConfig(
            market_id=_MARKET, opening_hours=minutes, opening_duration=_OPENING, market_mechanism="pay_as_clear",
            market_products=[assume.MarketProduct(_OPENING, 1, _OPENING)], maximum_bid_price=CAP_TICK,
        )  # fmt: skip
        world.add_market("exchange", design)
        self._add_units(world, end)
        return world

    def _add_units(self, world: Any, end: datetime) -> None:
        forecaster = import_module("assume.common.forecaster")
        index = import_module("pandas").date_range(self._begin, end + _OPENING, freq=_OPENING)
        for trader in range(self._traders):
            operator, given = f"operator-{trader}", {"min_power": 0, "bidding_strategies": {_MARKET: "random"}}
            world.add_unit_operator(operator)
            if trader % 2:
                expected = forecaster.DemandForecaster(index, demand=-LOT_WH)
                world.add_unit(f"buyer-{trader}", "demand", operator, given | _DEMAND, expected)
            else:
                expected = forecaster.PowerplantForecaster(index, fuel_prices={"none": 0, "co2": 0})
                world.add_unit(f"seller-{trader}", "power_plant", operator, given | _PLANT, expected)

    def _strategy(self) -> type:
        base: Any = import_module("assume.common.base").MinMaxStrategy
        runner, draw = self, np.random.default_rng(SEED)

        class Random(base):  # type: ignore[misc]
            """Any price of the band."""

            def calculate_bids(self, unit: Any, market_config: Any, product_tuples: Any) -> list[dict[str, Any]]:  # noqa: ARG002 - as ASSUME calls it
                begin, finish, only = product_tuples[0]
                runner.count(begin)
                volume = LOT_WH if unit.id.startswith("seller") else -LOT_WH
                price = int(draw.integers(FLOOR_TICK, CAP_TICK))
                return [{"start_time": begin, "end_time": finish, "only_hours": only, "price": price, "volume": volume}]

        return Random

    def count(self, delivery: datetime) -> None:
        """Count a bid, and stop where it is time to."""
        opened_ms = round((delivery - _OPENING - self._begin).total_seconds() * 1000)
        while self._stops_ms and opened_ms >= self._stops_ms[0]:
            self._stops_ms.pop(0)
            self._at_stop(Counts(self.wakes, 0))
        self.wakes += 1

    def go(self, stops_ms: Sequence[int], at_stop: Callable[[Counts], None]) -> None:
        """Run to each stop."""
        self._stops_ms, self._at_stop = list(stops_ms), at_stop
        # It draws a bar of its own, and leaves a log where it stands.
        with redirect_stderr(io.StringIO()), chdir(self._folder):
            world = self._world(self._begin + timedelta(milliseconds=stops_ms[-1]) + 3 * _OPENING)
            world.run()
        assert not self._stops_ms, "the run ended before the last stop"

    def fingerprint(self) -> str:
        """Nothing is kept."""
        return ""
