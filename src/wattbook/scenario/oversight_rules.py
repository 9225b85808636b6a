"""From a scenario's regulator to what the market and the journal's header hold of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wattbook.market.setup import OversightRules
from wattbook.scenario.calendar import by_hour
from wattbook.scenario.incentive_rules import carbon_added
from wattbook.scenario.parts import Utility
from wattbook.scenario.wholesale import Producer
from wattbook.scenario.wholesale_rules import benchmark_tick

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from wattbook.scenario.incentives import Incentive
    from wattbook.scenario.model import Scenario
    from wattbook.scenario.profiles import Horizon


def oversight_rules(scenario: Scenario, horizon: Horizon, starts_ms: NDArray[np.int64]) -> OversightRules | None:
    """Lay out the regulator of a scenario; None without one."""
    given = scenario.regulator
    if given is None:
        return None
    strict = scenario.on_policy_error == "fail"
    rules = given.as_rules(horizon.start_ms, horizon.end_ms, judge_must_answer=strict)
    told: dict[str, Any] = {
        "persona": given.persona,
        **({} if given.judge is None else {"judge": str(getattr(given.judge, "__name__", type(given.judge).__name__))}),
        "rules": rules.header(),
        "reference_tick": {
            each.name: _reference(each, given.incentives, scenario.timezone, horizon, starts_ms)
            for each in scenario.producers
        },
        "turnover": {
            each.name: int(each.turnover)
            for each in scenario.agents
            if isinstance(each, Utility | Producer) and each.turnover
        },
    }
    return OversightRules(rules.cap_per_offence, told)


def _reference(
    agent: Producer, tools: Sequence[Incentive], timezone: str, horizon: Horizon, starts_ms: NDArray[np.int64]
) -> list[int]:
    """Give what a MWh is taken to cost in each period, or once where it never changes [ticks].

    What the regulator itself asks for carbon is a part of it, unless the scenario says what it costs.
    """
    if agent.reference is None:
        cost = benchmark_tick(agent, horizon.period_ms) + carbon_added(tools, agent, starts_ms, horizon, timezone)
    else:
        cost = by_hour(agent.reference, starts_ms, timezone)
    ticks: list[int] = cost.tolist()
    return ticks if len(set(ticks)) > 1 else ticks[:1]
