"""Decisions: rules, trading algorithms, personas.

Owns what agents want; never sees a book, a ledger or a clock, only what it is shown. Every policy has the one form
described in `wattbook.policies.mind`, of the wholesale market the one in `wattbook.policies.wholesale`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from wattbook.policies.adaptive_aggressive import adaptive_aggressive
from wattbook.policies.gjerstad_dickhaut import gjerstad_dickhaut
from wattbook.policies.home import MIXED, PERSONAS, home
from wattbook.policies.idle import idle
from wattbook.policies.manipulators import closer, spoofer, wash_ring
from wattbook.policies.market_maker import market_maker
from wattbook.policies.mind import Mind, Policy
from wattbook.policies.shaver import shaver
from wattbook.policies.sniper import sniper
from wattbook.policies.truthful import truthful
from wattbook.policies.utility import nominate
from wattbook.policies.zero_intelligence import zero_intelligence
from wattbook.policies.zero_intelligence_plus import zero_intelligence_plus

if TYPE_CHECKING:
    from wattbook.policies.hedging import HEDGE_RULES, Hedge
    from wattbook.policies.producers import PRODUCER_PERSONAS, ProducerMind
    from wattbook.policies.utilities import UTILITY_PERSONAS, UtilityMind
    from wattbook.policies.wholesale import WholesaleMind

__all__ = [
    "HEDGE_RULES",
    "MIXED",
    "PERSONAS",
    "PRODUCER_PERSONAS",
    "UTILITY_PERSONAS",
    "Hedge",
    "Mind",
    "Policy",
    "ProducerMind",
    "UtilityMind",
    "WholesaleMind",
    "adaptive_aggressive",
    "closer",
    "gjerstad_dickhaut",
    "home",
    "idle",
    "market_maker",
    "nominate",
    "shaver",
    "sniper",
    "spoofer",
    "truthful",
    "wash_ring",
    "zero_intelligence",
    "zero_intelligence_plus",
]

# These need the contract desk, which most runs are without.
_FILE_OF: Final = {
    "HEDGE_RULES": "hedging",
    "Hedge": "hedging",
    "PRODUCER_PERSONAS": "producers",
    "ProducerMind": "producers",
    "UTILITY_PERSONAS": "utilities",
    "UtilityMind": "utilities",
    "WholesaleMind": "wholesale",
}


def __getattr__(name: str) -> object:
    """Load a name of the wholesale market when it is first asked for (PEP 562)."""
    if name not in _FILE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_FILE_OF[name]}"), name)
    globals()[name] = value
    return value
