"""Orders that wait for a session of the day-ahead market: what is taken, and what it comes to.

Owns their admission: bands, bounds, and that no plant's energy is sold twice. Knows nothing of how a session clears.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from wattbook.messages import BUY, SELL, Command, Refusal
from wattbook.units import MS_PER_HOUR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from wattbook.market.generation import Generation
    from wattbook.market.setup import Street

    Ints = NDArray[np.int64]

_MILLION: Final = 1_000_000
_SPARE: Final = 10
"""Customers at their peak times this is more than anybody could mistake them for."""
_MOST_ORDER_WH: Final = 1 << 40


class OrdersAhead:
    """Orders of one street's day-ahead market.

    Parameters
    ----------
    street : Street
    generation : Generation
        Whose plants they sell from.

    Attributes
    ----------
    waiting : list of Command
        In the order in which they came.
    largest_wh : int
        Most that an agent may buy, or sell, in one period: larger numbers are mistakes, and would not fit the ledger in
        the end.
    """

    def __init__(self, street: Street, generation: Generation) -> None:
        assert street.wholesale is not None
        self.street, self.rules, self.generation = street, street.wholesale, generation
        self.waiting: list[Command] = []
        self._asked_wh: dict[tuple[int, int, int], int] = {}
        self.largest_wh = self._largest_wh()

    def _largest_wh(self) -> int:
        """Add up what plants, connections and customers at their peak could ever carry in one period [Wh]."""
        street, rules = self.street, self.rules
        homes = street.utility >= 0
        connections_wh = int(street.buy_limit_wh[homes].sum()) + int(street.sell_limit_wh[homes].sum())
        plants_w = int(rules.plants.capacity_w.sum()) + sum(int(each.most_w) for each in rules.upgrades if each)
        peaks_wh = rules.million_wh.max(axis=1, initial=0)
        customers_wh = int((rules.customers * peaks_wh // _MILLION).sum())
        plants_wh = plants_w * street.period_ms // MS_PER_HOUR
        return min(connections_wh + plants_wh + _SPARE * customers_wh, _MOST_ORDER_WH)

    def take(
        self, command: Command, cleared: int, due_wh: Callable[[int], dict[int, int]], cap_tick: int | None = None
    ) -> int:
        """Let an order wait; 0 or the reason why it is refused.

        Parameters
        ----------
        cleared : int
            Periods before it have cleared.
        due_wh : callable
            ``due_wh(period)`` gives what each agent has bought - sold by contracts of a fixed amount [Wh].
        cap_tick : int, optional
            Highest price now; None for the rules' own.
        """
        if not 0 <= command.period < self.street.periods:
            return int(Refusal.UNKNOWN_PRODUCT)
        if command.period < cleared:
            return int(Refusal.GATE_CLOSED)
        in_band = self.rules.floor_tick <= command.price_tick <= (self.rules.cap_tick if cap_tick is None else cap_tick)
        if command.side not in (BUY, SELL) or not in_band or command.quantity_wh <= 0:
            return int(Refusal.OUT_OF_RANGE)
        key = command.agent, command.period, command.side
        asked_wh = self._asked_wh.get(key, 0) + command.quantity_wh
        if asked_wh > self.largest_wh:
            return int(Refusal.OUT_OF_RANGE)
        plant = self.generation.plant_of.get(command.agent)
        if plant is not None and command.side == SELL:
            # The same energy is sold once: at the desk, or here.
            due = due_wh(command.period).get(command.agent, 0)
            if asked_wh - due > self.generation.able_wh[plant]:
                return int(Refusal.NO_CAPABILITY)
        self._asked_wh[key] = asked_wh
        self.waiting.append(command)
        return 0

    def keep(self, orders: Iterable[Command]) -> None:
        """Keep these orders for the sessions to come, and no others."""
        self.waiting, self._asked_wh = list(orders), {}
        for order in self.waiting:
            key = order.agent, order.period, order.side
            self._asked_wh[key] = self._asked_wh.get(key, 0) + order.quantity_wh

    # --- saving

    def export(self) -> Ints:
        """Give them as rows (n, fields of a command)."""
        return np.array(self.waiting, np.int64).reshape(-1, len(Command._fields))

    def restore(self, rows: Ints) -> None:
        """Take on what `export` gave."""
        self.keep(Command(*row) for row in rows.tolist())
