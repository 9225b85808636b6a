"""A record of a local market that is written by hand: one street, its orders and its trades."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wattbook.messages import BUY
from wattbook.regulator import RECORD, Known
from wattbook.units import MS_PER_MINUTE

if TYPE_CHECKING:
    from numpy.typing import NDArray

PERIOD_MS: Final = 900_000
START_MS: Final = 1_465_164_000_000
AGENTS: Final = 30
PERIODS: Final = 400
CLOSES_MS: Final = 5 * MS_PER_MINUTE
ACCEPTED, FILLED, CANCELLED = range(3)


def place(agents: int = AGENTS, periods: int = PERIODS, turnover: int = 0) -> Known:
    """Give a street of consumers whose gates close five minutes before delivery; `turnover` is each one's a year."""
    names = [f"home-{n:02d}" for n in range(agents)]
    return Known.of(
        {
            "agents": [{"agent": name, "kind": "consumer", "feeder": "f", "utility": None} for name in names],
            "books": [{"book": "f", "venue": "local"}, {"book": "d", "venue": "district"}],
            "start_ms": START_MS, "period_ms": PERIOD_MS, "periods": periods, "timezone": "UTC", "tariffs": {},
            "local_market": {"closes_before_ms": CLOSES_MS}, "spot_tick": [0] * periods,
            "regulator": {"reference_tick": {}, "turnover": dict.fromkeys(names, turnover)},
        }
    )  # fmt: skip


class Tape:
    """Orders and trades as they are written down; moments are minutes before a product's gate."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, int]]] = {"orders": [], "trades": []}
        self.orders = 0
        self.limits: dict[int, list[int]] = {}
        """By order: agent, side, limit, what is left, period."""

    def _add(self, stream: str, period: int, before: float, **row: int) -> None:
        time_ms = START_MS + period * PERIOD_MS - CLOSES_MS - int(before * MS_PER_MINUTE)
        self.rows[stream].append({"period": period, "book": 0, "time_ms": time_ms, "visible_ms": time_ms + 1, **row})

    def trade(
        self, seller: int, buyer: int, quantity: int, period: int = 10, before: float = 20.0, price: int = 10_000,
        aggressor: int = BUY,
    ) -> None:  # fmt: skip
        """Write down a trade."""
        self._add("trades", period, before, seller=seller, buyer=buyer, quantity_wh=quantity, price_tick=price,
                  aggressor=aggressor)  # fmt: skip

    def submit(self, agent: int, side: int, price: int, quantity: int, period: int = 10, before: float = 20.0) -> int:
        """Write down an order that comes; give its number."""
        self.orders += 1
        self.limits[self.orders] = [agent, side, price, quantity, period]
        self._event(self.orders, ACCEPTED, quantity, before)
        return self.orders

    def fill(self, order: int, quantity: int, before: float, by: int = AGENTS - 1) -> None:
        """Let `by` take a part of an order."""
        agent, side, price, _, period = self.limits[order]
        self.limits[order][3] -= quantity
        self._event(order, FILLED, quantity, before)
        seller, buyer = (by, agent) if side == BUY else (agent, by)
        self.trade(seller, buyer, quantity, period, before, price, -side)

    def cancel(self, order: int, before: float) -> None:
        """Take back what is left of an order."""
        quantity, self.limits[order][3] = self.limits[order][3], 0
        self._event(order, CANCELLED, quantity, before)

    def left(self, order: int) -> int:
        """Tell what is left of an order [Wh]."""
        return self.limits[order][3]

    def _event(self, order: int, event: int, quantity: int, before: float) -> None:
        agent, side, price, rest, period = self.limits[order]
        self._add("orders", period, before, order=order, agent=agent, event=event, side=side, price_tick=price,
                  quantity_wh=quantity, remaining_wh=rest)  # fmt: skip

    def end(self, period: int = PERIODS - 1) -> Tape:
        """Let a far later order show that all gates before it have closed."""
        self.submit(AGENTS - 1, BUY, 1, 1, period, 0.5)
        return self

    def record(self) -> dict[str, dict[str, NDArray[Any]]]:
        """Give the columns, in order of time."""
        found = {}
        for stream, written in self.rows.items():
            rows = sorted(written, key=lambda row: row["time_ms"])
            columns = (*RECORD[stream], "time_ms", "visible_ms")
            found[stream] = {
                name: np.array([at if name == "seq" else row.get(name, 0) for at, row in enumerate(rows)], np.int64)
                for name in columns
            }
        return found
