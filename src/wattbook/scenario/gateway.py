"""The gateway from homes to the wholesale market: what must hold around it, and its rules in whole numbers.

Owns the moments at which utilities and producers are asked for orders. Knows nothing of how orders meet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wattbook.market.gateway import GatewayRules
from wattbook.messages import Path
from wattbook.scenario.mechanisms import SHARING
from wattbook.scenario.wholesale import Auction, ContractDesk
from wattbook.scenario.wholesale_rules import DAY_AHEAD_MINUTE, has_wholesale

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wattbook.scenario.model import Scenario
    from wattbook.scenario.parts import LocalMarket
    from wattbook.scenario.profiles import Horizon

    Ints = NDArray[np.int64]

BOOK: Final = "gateway"
"""Name of its book, which then is no feeder's."""


def gateway_rules(local: LocalMarket, horizon: Horizon, opens_ms: Ints) -> GatewayRules | None:
    """Lay out a gateway; None without one.

    Parameters
    ----------
    opens_ms : (p,)
        When each product's gate opens [ms UTC].
    """
    gateway = local.gateway
    if gateway is None:
        return None
    times = set(opens_ms.tolist())
    if gateway.asks_every is not None:
        times |= set(range(horizon.start_ms, horizon.end_ms, int(gateway.asks_every)))
    return GatewayRules(int(Path[gateway.by.upper()]), tuple(sorted(times)))


def gateway_problems(scenario: Scenario) -> list[str]:
    """List what is wrong between a gateway, the local market and the wholesale market."""
    local = scenario.local
    if local is None or local.gateway is None:
        return []
    problems = []
    if not has_wholesale(scenario):
        problems.append(
            "local.gateway leads to utilities and producers, who do not deal here: write wholesale=Auction(), or add a "
            "producer(...)"
        )
    if local.district:
        problems.append("local.gateway is the wider book: add district=False")
    if local.mechanism in SHARING:
        problems.append(
            f"local.gateway is for orders, and local.mechanism={local.mechanism!r} has none: leave "
            "mechanism='continuous', or leave out the gateway"
        )
    laboratory = [name for name in ("improve", "clear_after_trade") if getattr(local, name)]
    laboratory += ["turns"] if local.turns != "clock" else []
    problems += [f"local.{name} is an option of laboratory markets: leave out the gateway" for name in laboratory]
    if any(member.feeder == BOOK for member in scenario.members):
        problems.append(f"a feeder is called {BOOK!r}, as the gateway's book: give it another name")
    return problems + _late_problems(scenario, local)


def _late_problems(scenario: Scenario, local: LocalMarket) -> list[str]:
    """Refuse sessions for the next day after the gate has opened: what is sold to homes could be sold again."""
    given = scenario.wholesale
    desk = given if isinstance(given, ContractDesk) else None
    auction = given if isinstance(given, Auction) else desk.spot if desk is not None else None
    name = "wholesale.spot.at" if desk is not None else "wholesale.at"
    minute = DAY_AHEAD_MINUTE if auction is None else auction.minute
    problems = []
    if minute > local.opens_minute:
        what = f"{name}={auction.at!r}" if auction is not None else "the day-ahead market, at 12:00,"
        problems.append(
            f"{what} is after local.opens={local.opens!r}: homes reach a day's market when it has cleared; open later"
        )
    if desk is not None and desk.opens_minute > local.opens_minute:
        problems.append(
            f"wholesale.opens={desk.opens!r} is after local.opens={local.opens!r}: what is sold to homes could be sold "
            "again at the desk; open the desk earlier"
        )
    return problems
