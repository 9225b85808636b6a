"""Double entry in arrays: accounts, and postings that sum to zero.

Owns balances, turnover, credit limits and reservations, all whole money quanta (1e-8 EUR). Accounts are row
numbers and a cause is a number: refuses to know names, reasons and matching. It writes no journal: whoever posts
records what was posted.
"""

from __future__ import annotations

from wattbook.ledger.accounts import UNLIMITED, WIDTH, Ledger, LedgerError
from wattbook.ledger.kernel import Verdict

__all__ = ["UNLIMITED", "WIDTH", "Ledger", "LedgerError", "Verdict"]
