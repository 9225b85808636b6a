"""Decisions: rules, trading algorithms, personas.

Owns what agents want; never sees a book, a ledger or a clock, only what it is shown. Every policy has the one form
described in `wattbook.policies.mind`.
"""

from __future__ import annotations

from wattbook.policies.adaptive_aggressive import adaptive_aggressive
from wattbook.policies.gjerstad_dickhaut import gjerstad_dickhaut
from wattbook.policies.hedging import HEDGE_RULES, Hedge
from wattbook.policies.home import MIXED, PERSONAS, home
from wattbook.policies.idle import idle
from wattbook.policies.mind import Mind, Policy
from wattbook.policies.producers import PRODUCER_PERSONAS, ProducerMind
from wattbook.policies.shaver import shaver
from wattbook.policies.sniper import sniper
from wattbook.policies.truthful import truthful
from wattbook.policies.utilities import UTILITY_PERSONAS, UtilityMind
from wattbook.policies.utility import nominate
from wattbook.policies.wholesale import WholesaleMind
from wattbook.policies.zero_intelligence import zero_intelligence
from wattbook.policies.zero_intelligence_plus import zero_intelligence_plus

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
    "gjerstad_dickhaut",
    "home",
    "idle",
    "nominate",
    "shaver",
    "sniper",
    "truthful",
    "zero_intelligence",
    "zero_intelligence_plus",
]
