"""The town's rules: admission, delivery periods, tariffs, network fees, settlement. Turns commands into facts.

Knows neither SimPy nor who decided. Law in prose: docs/market-rules.md.
"""

from __future__ import annotations

from wattbook.market.market import Market
from wattbook.market.replaying import replay
from wattbook.market.setup import AuctionRules, MarketRules, NetworkRules, SharingRules, Street
from wattbook.market.stalls import count_stalls

__all__ = [
    "AuctionRules", "Market", "MarketRules", "NetworkRules", "SharingRules", "Street", "count_stalls", "replay",
]  # fmt: skip
