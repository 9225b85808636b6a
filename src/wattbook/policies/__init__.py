"""Decisions: rules, trading algorithms, personas.

Owns what agents want; never sees a book, a ledger or a clock, only what it is shown. Every policy has the one form
described in `wattbook.policies.mind`.
"""

from __future__ import annotations

from wattbook.policies.home import PERSONAS, home
from wattbook.policies.idle import idle
from wattbook.policies.mind import Mind, Policy
from wattbook.policies.truthful import truthful
from wattbook.policies.utility import nominate
from wattbook.policies.zero_intelligence import zero_intelligence

__all__ = ["PERSONAS", "Mind", "Policy", "home", "idle", "nominate", "truthful", "zero_intelligence"]
