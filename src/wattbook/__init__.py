"""wattbook: a local energy market, order by order.

The public names are loaded when they are first asked for, so that ``import wattbook`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from wattbook import compiled as _compiled

if TYPE_CHECKING:
    from wattbook.assets import Battery, Forecast, Pv
    from wattbook.book import Book, ReferenceBook
    from wattbook.errors import ConfigError, WattbookError
    from wattbook.policies import Mind, home
    from wattbook.results import Comparison, Run, verify
    from wattbook.scenario import (
        Auction,
        CarbonPrice,
        ContractDesk,
        ContractForDifference,
        FeedInPremium,
        ForwardGame,
        Gateway,
        Imbalance,
        InvestmentGrant,
        LanguageModel,
        LocalMarket,
        MeritOrder,
        Network,
        PublishedPrices,
        Regulator,
        RetailMarket,
        Scenario,
        Upgrade,
        city,
        consumer,
        horizon_efficiency,
        load_scenario,
        neighbourhood,
        producer,
        prosumer,
        trader,
        utility,
    )
    from wattbook.units import ct_per_kwh, eur, eur_per_mwh, hours, kw, kwh, minutes, mw, percent

__version__ = "0.1.0"

_ROOMS: Final = {
    "scenario": (
        "Auction", "CarbonPrice", "ContractDesk", "ContractForDifference", "FeedInPremium", "ForwardGame", "Gateway",
        "Imbalance", "InvestmentGrant", "LanguageModel", "LocalMarket", "MeritOrder", "Network",
        "PublishedPrices", "Regulator", "RetailMarket", "Scenario", "Upgrade", "city", "consumer", "horizon_efficiency",
        "load_scenario", "neighbourhood", "producer", "prosumer", "trader", "utility",
    ),
    "assets": ("Battery", "Forecast", "Pv"),
    "policies": ("Mind", "home"),
    "results": ("Comparison", "Run", "verify"),
    "book": ("Book", "ReferenceBook"),
    "errors": ("ConfigError", "WattbookError"),
    "units": ("ct_per_kwh", "eur", "eur_per_mwh", "hours", "kw", "kwh", "minutes", "mw", "percent"),
}  # fmt: skip
_ROOM_OF: Final = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = [  # noqa: RUF022  # by room, as they are read
    "Auction", "CarbonPrice", "ContractDesk", "ContractForDifference", "FeedInPremium", "ForwardGame", "Gateway",
    "Imbalance", "InvestmentGrant", "LanguageModel", "LocalMarket", "MeritOrder", "Network",
    "PublishedPrices", "Regulator", "RetailMarket", "Scenario", "Upgrade", "city", "consumer", "horizon_efficiency",
    "load_scenario", "neighbourhood", "producer", "prosumer", "trader", "utility", "Battery", "Forecast", "Pv", "Mind",
    "home",
    "Comparison", "Run", "verify", "Book", "ReferenceBook", "ConfigError", "WattbookError", "ct_per_kwh", "eur",
    "eur_per_mwh", "hours", "kw", "kwh", "minutes", "mw", "percent", "__version__",
]  # fmt: skip

# Every room is imported through this file, so kernels find their folder whichever room comes first.
_compiled.prepare()


def __getattr__(name: str) -> object:
    """Load a public name from its room (PEP 562)."""
    if name not in _ROOM_OF:
        raise AttributeError(f"module 'wattbook' has no attribute {name!r}")
    value: object = getattr(import_module(f"wattbook.{_ROOM_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})
