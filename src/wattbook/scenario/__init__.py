"""Scenarios: the frozen description of a run, from the script that people write to the arrays that the engine reads.

Owns every name that a script uses, the check of everything in it, and ``run(seed)``. Refuses to know how anything is
matched.
"""

from __future__ import annotations

from wattbook.assets import Battery, Forecast, Pv
from wattbook.scenario.cities import City, city
from wattbook.scenario.compiling import Compiled, compile_street
from wattbook.scenario.estimating import Estimate
from wattbook.scenario.forward_game import ForwardGame
from wattbook.scenario.horizon import HorizonEfficiency, horizon_efficiency
from wattbook.scenario.incentives import CarbonPrice, ContractForDifference, FeedInPremium, InvestmentGrant
from wattbook.scenario.language_model import LanguageModel
from wattbook.scenario.loading import find_script, load_scenario, shipped_scenarios
from wattbook.scenario.model import Scenario
from wattbook.scenario.parts import (
    Consumer,
    Gateway,
    Imbalance,
    LocalMarket,
    Network,
    Prosumer,
    Trader,
    Utility,
    consumer,
    prosumer,
    trader,
    utility,
)
from wattbook.scenario.regulator import Regulator
from wattbook.scenario.running import check_seed
from wattbook.scenario.spot_prices import MeritOrder, PublishedPrices
from wattbook.scenario.street import neighbourhood
from wattbook.scenario.wholesale import Auction, ContractDesk, Producer, RetailMarket, Upgrade, producer

__all__ = [
    "Auction",
    "Battery",
    "CarbonPrice",
    "City",
    "Compiled",
    "Consumer",
    "ContractDesk",
    "ContractForDifference",
    "Estimate",
    "FeedInPremium",
    "Forecast",
    "ForwardGame",
    "Gateway",
    "HorizonEfficiency",
    "Imbalance",
    "InvestmentGrant",
    "LanguageModel",
    "LocalMarket",
    "MeritOrder",
    "Network",
    "Producer",
    "Prosumer",
    "PublishedPrices",
    "Pv",
    "Regulator",
    "RetailMarket",
    "Scenario",
    "Trader",
    "Upgrade",
    "Utility",
    "check_seed",
    "city",
    "compile_street",
    "consumer",
    "find_script",
    "horizon_efficiency",
    "load_scenario",
    "neighbourhood",
    "producer",
    "prosumer",
    "shipped_scenarios",
    "trader",
    "utility",
]
