"""What an agent holds of a future, and what it has not paid: the two records of the clearing house.

Owns no rule.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Position:
    """What one agent holds of one future.

    Attributes
    ----------
    lots : int
        Bought - sold.
    cost : int
        Paid - received for it since the last mark, with the mark's worth at its start [1e-8 EUR].
    margin : int
        Locked for it [1e-8 EUR].
    """

    lots: int = 0
    cost: int = 0
    margin: int = 0


@dataclass(slots=True)
class Debt:
    """Variation margin that an agent has not paid.

    Attributes
    ----------
    owed : int
        [1e-8 EUR]; of a defaulter below zero when later marks went its way.
    deadline_ms : int
    gains : dict of int to int
        What each other agent gained at the marks that were not paid [1e-8 EUR].
    """

    owed: int
    deadline_ms: int
    gains: dict[int, int] = field(default_factory=dict)
