"""From a scenario's green tools to the rules that the market carries out: who has which, in whole numbers."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

import numpy as np

from wattbook.data import load_fuels
from wattbook.data.calendar import midnight_ms
from wattbook.market.incentive_rules import DIFFERENCE, PREMIUM, SLIDING, Carbon, Grant, IncentiveRules, Support
from wattbook.scenario.incentives import PV, CarbonPrice, ContractForDifference, FeedInPremium, InvestmentGrant
from wattbook.scenario.parts import Prosumer
from wattbook.scenario.wholesale import Producer
from wattbook.units import PPM, QUANTA_PER_CENT, half_even

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from wattbook.data import Fuel
    from wattbook.market.setup import WholesaleRules
    from wattbook.scenario.incentives import Incentive
    from wattbook.scenario.profiles import Horizon
    from wattbook.scenario.roll import Roll

    Ints = NDArray[np.int64]

_G_PER_KG: Final = 1_000


def incentive_rules(
    tools: Sequence[Incentive], budget: int | None, roll: Roll, horizon: Horizon, timezone: str,
    wholesale: WholesaleRules | None,
) -> IncentiveRules | None:  # fmt: skip
    """Lay out green tools; None where there are none.

    Parameters
    ----------
    tools : sequence of Incentive
        In the order in which they draw on `budget`.
    budget : int or None
        Most that all pay out [1e-8 EUR]; None for the sum of theirs.
    wholesale : WholesaleRules or None
        Whose plants can grow.
    """
    if not tools:
        return None
    laid = tuple(_laid(tool, roll, horizon, timezone, wholesale) for tool in tools)
    own = sum(getattr(each, "budget", 0) for each in laid)
    return IncentiveRules(laid, own if budget is None else int(budget))


def carbon_tick(fuel: Fuel, price: int) -> int:
    """Give what CO2 at `price` a tonne [1e-8 EUR] adds to an electric MWh [ticks], half-even to the tick, once.

    A plant by itself is the largest of its kind, so it has its kind's best efficiency (`market.supply.lay_out`).
    """
    return half_even(fuel.emission_g_per_kwh * int(price) * PPM, _G_PER_KG * fuel.best_efficiency_ppm * QUANTA_PER_CENT)


def carbon_added(tools: Sequence[Incentive], agent: Producer, starts_ms: Ints, horizon: Horizon, timezone: str) -> Ints:
    """Give what prices of carbon add to a producer's MWh in each period (p,) [ticks]."""
    fuel, added = load_fuels()[agent.plant], np.zeros(len(starts_ms), np.int64)
    for tool in tools:
        if isinstance(tool, CarbonPrice):
            added[starts_ms < _until_ms(tool, horizon, timezone)] += carbon_tick(fuel, tool.price)
    return added


def _until_ms(tool: Incentive, horizon: Horizon, timezone: str) -> int:
    """Give the instant at which a tool ends: with the run, or with the local midnight before."""
    if tool.until is None:
        return horizon.end_ms
    return min(horizon.end_ms, midnight_ms(dt.date.fromisoformat(tool.until), timezone))


def _laid(
    tool: Incentive, roll: Roll, horizon: Horizon, timezone: str, wholesale: WholesaleRules | None
) -> Support | Grant | Carbon:
    """Lay out one tool."""
    until_ms = _until_ms(tool, horizon, timezone)
    owners = {row: agent for row, agent in _single(roll) if isinstance(agent, Producer)}
    if isinstance(tool, FeedInPremium):
        rows = {row for row, agent in owners.items() if agent.plant in tool.kinds}
        rows |= _with_panels(roll) if PV in tool.kinds else set()
        price = tool.strike if tool.sliding else tool.premium
        assert price is not None
        return Support(
            SLIDING if tool.sliding else PREMIUM, tuple(sorted(rows)), int(price), int(tool.budget), until_ms
        )  # fmt: skip
    if isinstance(tool, ContractForDifference):
        chosen = (row for row, agent in owners.items() if _has_difference(tool, agent))
        return Support(DIFFERENCE, tuple(sorted(chosen)), int(tool.strike), int(tool.budget), until_ms)
    if isinstance(tool, InvestmentGrant):
        return _grant(tool, owners, horizon, until_ms, wholesale)
    assert isinstance(tool, CarbonPrice)
    fuels = load_fuels()
    ticks = {row: carbon_tick(fuels[agent.plant], tool.price) for row, agent in sorted(owners.items())}
    emitters = {row: tick for row, tick in ticks.items() if tick}
    return Carbon(tuple(emitters), tuple(emitters.values()), until_ms)


def _single(roll: Roll) -> list[tuple[int, object]]:
    return list(zip(roll.rows.tolist(), roll.agents, strict=True))


def _with_panels(roll: Roll) -> set[int]:
    """Rows of the homes that have panels."""
    rows = {row for row, agent in _single(roll) if isinstance(agent, Prosumer) and agent.pv is not None}
    for district in roll.districts:
        rows |= set(district.rows[np.flatnonzero(district.homes.pv_w > 0)].tolist())
    return rows


def _has_difference(tool: ContractForDifference, agent: Producer) -> bool:
    return agent.name in tool.agents if tool.agents is not None else agent.plant in (tool.kinds or ())


def _grant(
    tool: InvestmentGrant, owners: dict[int, Producer], horizon: Horizon, until_ms: int,
    wholesale: WholesaleRules | None,
) -> Grant:  # fmt: skip
    """Lay out a grant to the plants of its kinds that can grow."""
    growing = {} if wholesale is None else dict(zip(wholesale.producers.tolist(), wholesale.upgrades, strict=True))
    cost = {
        row: int(terms.cost_per_kw)
        for row, terms in sorted(growing.items())
        if terms is not None and row in owners and owners[row].plant in tool.kinds
    }
    return Grant(
        agents=tuple(cost),
        cost_per_kw=tuple(cost.values()),
        share_ppm=int(tool.share),
        keep=-(-int(tool.keep) // horizon.period_ms),
        least_output_ppm=int(tool.least_output),
        budget=int(tool.budget),
        until_ms=until_ms,
    )
