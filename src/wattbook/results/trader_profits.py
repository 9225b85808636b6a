"""What each kind of trader gained in a laboratory market, session by session, from the journal alone.

References
----------
Tesauro & Das (2001), ACM Conference on Electronic Commerce, pp. 206-209: a balanced test of two kinds of traders puts
one of each kind on every value and every cost. Profits are compared with those at the competitive price, as in
Vytelingum, Cliff & Jennings (2008), Artificial Intelligence 172:1700-1729.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from wattbook.results.trading_days import FIRST_DAY, TICKS_PER_EUR_PER_MWH, schedule_of

if TYPE_CHECKING:
    from wattbook.results.run import Run


def profits_by_policy(run: Run) -> pl.DataFrame:
    """Give one row per session and policy of a run whose traders take turns, or have reaction times.

    Parameters
    ----------
    run : Run

    Returns
    -------
    polars.DataFrame
        ``session`` and its number of trading ``days``, ``policy``, number of its ``traders``, ``units`` traded,
        ``profit`` (sum of what units were worth less what was paid for them, a seller's mirrored, [EUR/MWh] of one
        unit), and ``share`` [%]: the profit, of what these traders gain if all trade at the competitive price; null
        where that is nothing.

    Raises
    ------
    ConfigError
        If the run's traders did not take turns.
    """
    place, (laboratory, best) = run.record.place, schedule_of(run)
    traders, price = laboratory["traders"], best.price_tick
    policy = dict(run.agents.select("agent", "policy").iter_rows())
    fair: dict[str, float] = {}
    for name, (side, units) in traders.items():
        own = sum(max((unit - price) * side, 0) for unit in units)
        fair[policy[name]] = fair.get(policy[name], 0) + own
    last = place.periods - FIRST_DAY
    span = laboratory["days"] or max(last, 1)
    sessions = range(1, -(-last // span) + 1)
    gained = {(session, kind): [0, 0] for session in sessions for kind in sorted(fair)}
    done: dict[tuple[int, str], int] = {}
    rows = run.record.streams["trades"]
    columns = (rows[name].tolist() for name in ("period", "buyer", "seller", "price_tick", "quantity_wh"))
    for period, buyer, seller, price_tick, quantity in zip(*columns, strict=True):
        for agent in (buyer, seller):
            name = place.names[agent]
            side, units = traders[name]
            first = done.get((period, name), 0)
            done[period, name] = first + quantity
            row = gained[(period - FIRST_DAY) // span + 1, policy[name]]
            row[0] += quantity
            row[1] += sum((unit - price_tick) * side for unit in units[first : first + quantity])
    days = {session: min(span, last - (session - 1) * span) for session in sessions}
    count = {kind: sum(policy[name] == kind for name in traders) for kind in fair}
    return pl.DataFrame(
        [
            {
                "session": session,
                "days": days[session],
                "policy": kind,
                "traders": count[kind],
                "units": units,
                "profit": tick / TICKS_PER_EUR_PER_MWH,
                "share": 100 * tick / (fair[kind] * days[session]) if fair[kind] else None,
            }
            for (session, kind), (units, tick) in gained.items()
        ],
        schema={
            "session": pl.Int64, "days": pl.Int64, "policy": pl.String, "traders": pl.Int64, "units": pl.Int64,
            "profit": pl.Float64, "share": pl.Float64,
        },
    )  # fmt: skip
