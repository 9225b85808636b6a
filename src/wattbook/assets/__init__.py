"""Energy in, energy out: batteries, photovoltaics, power plants, forecasts, and the identities of every meter.

Owns what is physical of a home and of a power plant. Knows no market: what a plant's energy costs it is a number here.
"""

from wattbook.assets.battery import Batteries, Battery
from wattbook.assets.delivery import EnergyErrors, Readings, check, deliver_period, energy_errors
from wattbook.assets.forecast import Forecast, ForecastKeys, day_before_wh, update_phases_ms
from wattbook.assets.outages import available_ppm, forced_outages, planned_outage
from wattbook.assets.plants import (
    Fleet,
    PlantKind,
    Plants,
    PowerPlant,
    available_wh,
    feasible_output_w,
    marginal_cost_tick,
)
from wattbook.assets.pv import Pv
from wattbook.assets.upgrades import Build, Upgrades, UpgradeTerms, annuity

__all__ = [
    "Batteries",
    "Battery",
    "Build",
    "EnergyErrors",
    "Fleet",
    "Forecast",
    "ForecastKeys",
    "PlantKind",
    "Plants",
    "PowerPlant",
    "Pv",
    "Readings",
    "UpgradeTerms",
    "Upgrades",
    "annuity",
    "available_ppm",
    "available_wh",
    "check",
    "day_before_wh",
    "deliver_period",
    "energy_errors",
    "feasible_output_w",
    "forced_outages",
    "marginal_cost_tick",
    "planned_outage",
    "update_phases_ms",
]
