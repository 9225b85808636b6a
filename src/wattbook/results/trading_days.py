"""Trading days of a laboratory market: what traders with private values made of each, from the journal alone.

References
----------
Smith (1962), Journal of Political Economy 70:111-137: trading days, and the coefficient of convergence alpha = 100
s/P0, s the root of the mean squared distance of the day's prices from the competitive price P0. Allocative efficiency
as in Gode & Sunder (1993), Journal of Political Economy 101:119-137: the surplus that
traders made, of the most they could.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import polars as pl

from wattbook.errors import ConfigError
from wattbook.messages import BUY, SELL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wattbook.results.run import Run

TICKS_PER_EUR_PER_MWH: Final = 100
FIRST_DAY: Final = 1


class Competitive(NamedTuple):
    """Where values and costs meet.

    Attributes
    ----------
    units : int
        Most units that can change hands without a loss.
    surplus_tick : int
        Sum of value - cost over them: the most that can be gained.
    price_tick : float
        Middle of the prices at which neither side would trade another number of units.
    """

    units: int
    surplus_tick: int
    price_tick: float


def competitive(values_tick: Sequence[int], costs_tick: Sequence[int]) -> Competitive:
    """Find the competitive outcome of units that are worth `values_tick` and cost `costs_tick`.

    >>> competitive([300, 200, 100], [50, 150, 250])
    Competitive(units=2, surplus_tick=300, price_tick=175.0)
    """
    values, costs = sorted(values_tick, reverse=True), sorted(costs_tick)
    pairs = [(value, cost) for value, cost in zip(values, costs, strict=False) if value >= cost]
    n = len(pairs)
    lows = [cost for _, cost in pairs[-1:]] + values[n : n + 1]
    highs = [value for value, _ in pairs[-1:]] + costs[n : n + 1]
    ends = [max(lows, default=None), min(highs, default=None)]
    known = [end for end in ends if end is not None]
    price = sum(known) / len(known) if known else float("nan")
    return Competitive(n, sum(value - cost for value, cost in pairs), price)


def schedule_of(run: Run) -> tuple[dict[str, Any], Competitive]:
    """Give the laboratory of a run's header, and what its traders together could gain in a day.

    Raises
    ------
    ConfigError
        If the run's traders did not take turns.
    """
    laboratory: dict[str, Any] = (run.record.header["local_market"] or {}).get("laboratory") or {}
    if not laboratory.get("takes_turns"):
        raise ConfigError("a run without turns has no trading days: run a scenario with LocalMarket(turns='random')")
    traders = laboratory["traders"].values()
    best = competitive(*([unit for own, units in traders if own == side for unit in units] for side in (BUY, SELL)))
    return laboratory, best


def trading_days(run: Run) -> pl.DataFrame:
    """Give one row per trading day of a run whose traders take turns: of each of its products but the first.

    Parameters
    ----------
    run : Run

    Returns
    -------
    polars.DataFrame
        ``period``, ``session`` and ``day`` (from 1; of `session_days` days, else one session), ``trades``,
        ``efficiency`` [%], ``mean_price`` and ``competitive_price`` [EUR/MWh], ``alpha`` [%]. The mean and alpha are
        null on a day without trades, the efficiency where there is nothing to gain.

    Raises
    ------
    ConfigError
        If the run's traders did not take turns.
    """
    place, (laboratory, best) = run.record.place, schedule_of(run)
    worth = [laboratory["traders"].get(name, (0, []))[1] for name in place.names]
    rows = run.record.streams["trades"]
    days = np.arange(FIRST_DAY, place.periods)
    span = laboratory["days"] or max(len(days), 1)
    columns = (rows[name].tolist() for name in ("period", "buyer", "seller", "price_tick", "quantity_wh"))
    made = dict.fromkeys(days.tolist(), 0)
    prices: dict[int, list[int]] = {day: [] for day in made}
    done: dict[tuple[int, int], int] = {}
    for period, buyer, seller, price, quantity in zip(*columns, strict=True):
        for _ in range(quantity):
            value, cost = (worth[agent][done.get((period, agent), 0)] for agent in (buyer, seller))
            for agent in (buyer, seller):
                done[period, agent] = done.get((period, agent), 0) + 1
            made[period] += value - cost
            prices[period].append(price)
    spread = [np.sqrt(np.mean((np.array(day) - best.price_tick) ** 2)) if day else None for day in prices.values()]
    return pl.DataFrame(
        {
            "period": days,
            "session": (days - FIRST_DAY) // span + 1,
            "day": (days - FIRST_DAY) % span + 1,
            "trades": [len(day) for day in prices.values()],
            "efficiency": [100 * each / best.surplus_tick if best.surplus_tick else None for each in made.values()],
            "mean_price": [np.mean(day) / TICKS_PER_EUR_PER_MWH if day else None for day in prices.values()],
            "competitive_price": [best.price_tick / TICKS_PER_EUR_PER_MWH] * len(days),
            "alpha": [None if s is None else 100 * s / best.price_tick for s in spread],
        },
        schema_overrides={"efficiency": pl.Float64, "mean_price": pl.Float64, "alpha": pl.Float64},
    )
