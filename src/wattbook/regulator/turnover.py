"""What agents turned over lately, as the record shows it: the measure of what a fine may come to.

A sale counts when it is settled (spot), or made (local trades, contracts that deliver). Owns the window.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from wattbook.regulator.known import Known

STREAMS: Final = ("trades", "spot", "positions", "served", "tariffs")


class Turnover:
    """Sales of each agent within a trailing window.

    Parameters
    ----------
    known : Known
        Whose reports of the year before count as well.
    window_ms : int
    """

    def __init__(self, known: Known, window_ms: int) -> None:
        self.known, self.window_ms = known, window_ms
        self.spot_tick: dict[int, int] = {}
        self.retail_tick = known.retail_tick.copy()
        self.row = {agent: place for place, agent in enumerate(known.suppliers.tolist())}
        self.sales: dict[int, list[list[int]]] = {}
        """By agent, [time, money] of each moment at which it sold something, ascending."""

    def read(self, stream: str, rows: Mapping[str, NDArray[Any]]) -> None:
        """Take in rows of one of `STREAMS`."""
        if stream == "spot":
            self.spot_tick |= dict(zip(rows["period"].tolist(), rows["price_tick"].tolist(), strict=True))
        elif stream == "tariffs":
            for agent, period, tick in zip(
                *(rows[n].tolist() for n in ("agent", "period", "retail_tick")), strict=True
            ):
                self.retail_tick[self.row[agent], period] = tick
        elif stream == "trades":
            self._add(rows["time_ms"], rows["seller"], rows["price_tick"].astype(np.int64) * rows["quantity_wh"])
        elif stream == "positions":
            price = np.array([self.spot_tick.get(period, 0) for period in rows["period"].tolist()], np.int64)
            self._add(rows["time_ms"], rows["agent"], price * np.maximum(-rows["spot_wh"], 0))
        else:
            place = np.array([self.row.get(agent, -1) for agent in rows["agent"].tolist()], np.int64)
            mine = place >= 0
            price = self.retail_tick[place[mine], rows["period"][mine]]
            self._add(rows["time_ms"][mine], rows["agent"][mine], price * rows["energy_wh"][mine])

    def _add(self, time_ms: NDArray[Any], agent: NDArray[Any], money: NDArray[Any]) -> None:
        """Add sales (n,); those of one piece of the record count at its last moment."""
        if not len(time_ms):
            return
        last_ms = int(time_ms[-1])
        total = np.zeros(self.known.agents, np.int64)
        np.add.at(total, agent, np.maximum(money, 0))
        for each in np.flatnonzero(total).tolist():
            self.sales.setdefault(each, []).append([last_ms, int(total[each])])

    def of(self, agent: int, now_ms: int) -> int:
        """Turnover of an agent in the window that ends now, reports of the year before among it [1e-8 EUR]."""
        rows = self.sales.get(agent, [])
        while rows and rows[0][0] <= now_ms - self.window_ms:
            rows.pop(0)
        return int(self.known.turnover[agent]) + sum(money for _, money in rows)

    # --- saving

    def export(self) -> dict[str, Any]:
        """Give the whole state, as JSON can hold it."""
        return {
            "spot_tick": list(self.spot_tick.items()),
            "retail_tick": self.retail_tick.tolist(),
            "sales": list(self.sales.items()),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `export` gave."""
        self.spot_tick = dict(state["spot_tick"])
        self.retail_tick[...] = np.array(state["retail_tick"], np.int64).reshape(self.retail_tick.shape)
        self.sales = {agent: [list(row) for row in rows] for agent, rows in state["sales"]}
