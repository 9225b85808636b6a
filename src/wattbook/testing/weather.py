"""Kinds of weather: how often a stream asks for what, how much of it is wrong, and how close the prices are.

Each weather makes other things happen often; `SETUPS` together reach every cell of `coverage`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from wattbook.book import MAX_ORDERS
from wattbook.testing.features import Features

#                      GTC   IOC   FOK   MARKET +IOC  +FOK  POST_ONLY REPRICE
_MIXED_TYPES: Final = (0.23, 0.11, 0.11, 0.11, 0.11, 0.11, 0.11, 0.11)
_RESTING_TYPES: Final = (0.34, 0.14, 0.05, 0.07, 0.07, 0.05, 0.14, 0.14)
_TAKING_TYPES: Final = (0.37, 0.18, 0.11, 0.06, 0.06, 0.06, 0.07, 0.09)
_WAITING_TYPES: Final = (0.64, 0.02, 0.02, 0.02, 0.02, 0.02, 0.12, 0.14)
#                      SUBMIT CANCEL REPLACE EXPIRE CANCEL_OWNER CALL UNCROSS unknown
_MIXED_KINDS: Final = (0.680, 0.080, 0.180, 0.018, 0.017, 0.007, 0.013, 0.005)
_REPLACING_KINDS: Final = (0.481, 0.060, 0.446, 0.003, 0.001, 0.002, 0.006, 0.001)
_CALLING_KINDS: Final = (0.720, 0.060, 0.140, 0.004, 0.003, 0.040, 0.030, 0.003)
_PILING_KINDS: Final = (0.690, 0.100, 0.200, 0.004, 0.000, 0.003, 0.003, 0.000)


@dataclass(frozen=True, slots=True)
class Weather:
    """How a stream is mixed. What a book's `Features` lack is left out, whatever its share here.

    Parameters
    ----------
    kinds : tuple of float
        Shares of the members of `Kind`, then of unknown kinds.
    types : tuple of float
        Shares of the `ORDER_TYPES`.
    flaws : float
        Share of commands with something wrong, where the features are hostile.
    steps : int
        Prices are at most so many steps from the middle.
    owners : tuple of float
        Shares of five owners; the last two have the lowest and the highest id of int64.
    lean : int
        Steps by which orders that may rest stand back, so that both sides grow before something crosses.
    icebergs, timed : float
        Shares of orders that may rest with a slice, and with a time limit.
    rounds : float
        Call auctions of an emptied product per command, whose price is left to the reference (see `rounds`); at most
        one per ten commands.
    """

    kinds: tuple[float, ...] = _MIXED_KINDS
    types: tuple[float, ...] = _MIXED_TYPES
    flaws: float = 0.05
    steps: int = 5
    owners: tuple[float, ...] = (0.3, 0.3, 0.2, 0.1, 0.1)
    lean: int = 0
    icebergs: float = 0.3
    timed: float = 0.3
    rounds: float = 0.0


@dataclass(frozen=True, slots=True)
class Setup:
    """A weather with the terms of a book that shows what it is good for."""

    weather: Weather
    terms: dict[str, Any] = field(default_factory=dict)

    def features(self, self_trade: str = "off") -> Features:
        """Everything that the project's book can do, under these terms."""
        return Features.full(self_trade=self_trade, **self.terms)


_WIDE: Final = {"floor_tick": -(5 << 38), "cap_tick": 5 << 38, "step_tick": 5, "max_orders": 60}
_NARROW: Final = {"floor_tick": -5, "cap_tick": 5, "step_tick": 5}

CALM: Final = Weather()
SETUPS: Final = {
    "flawed": Setup(Weather(types=_RESTING_TYPES, flaws=0.9, icebergs=0.5), {**_WIDE, "lot_wh": 2}),
    "calm": Setup(CALM, _WIDE),
    "edges": Setup(Weather(flaws=0.15), {**_NARROW, "max_orders": 30, "lot_wh": 3}),
    "crowded": Setup(
        Weather(_REPLACING_KINDS, _RESTING_TYPES, flaws=0.15, steps=4, rounds=0), {**_WIDE, "max_orders": 14}
    ),
    "crossing": Setup(
        Weather(_REPLACING_KINDS, _TAKING_TYPES, 0.12, 2, (0.4, 0.3, 0.3, 0, 0), lean=2, rounds=0.004),
        {**_WIDE, "lot_wh": 7},
    ),
    "calling": Setup(Weather(_CALLING_KINDS, _WAITING_TYPES, 0.08, 3, (0.35, 0.3, 0.2, 0.1, 0.05), rounds=0.03), _WIDE),
    "deep": Setup(Weather(_PILING_KINDS, _RESTING_TYPES, rounds=0), {**_WIDE, "max_orders": MAX_ORDERS}),
}
"""Weathers by name, each with the terms of a book to go with it."""
