"""Energy in, energy out: batteries, photovoltaics, forecasts, and the identities that hold at every meter.

Owns what is physical of a home. Knows no prices.
"""

from wattbook.assets.battery import Batteries, Battery
from wattbook.assets.delivery import EnergyErrors, Readings, check, deliver_period, energy_errors
from wattbook.assets.forecast import Forecast, ForecastKeys, day_before_wh, update_phases_ms
from wattbook.assets.pv import Pv

__all__ = [
    "Batteries",
    "Battery",
    "EnergyErrors",
    "Forecast",
    "ForecastKeys",
    "Pv",
    "Readings",
    "check",
    "day_before_wh",
    "deliver_period",
    "energy_errors",
    "update_phases_ms",
]
