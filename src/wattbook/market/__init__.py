"""The town's rules: admission, delivery periods, tariffs, network fees, settlement. Turns commands into facts.

Knows neither SimPy nor who decided. Law in prose: docs/market-rules.md.
"""

from __future__ import annotations

from wattbook.market.market import Market
from wattbook.market.replaying import replay
from wattbook.market.setup import MarketRules, NetworkRules, Street

__all__ = ["Market", "MarketRules", "NetworkRules", "Street", "replay"]
