"""What a regulator is asked on a finding, or once a week: whether to act, on whom, how hard and for how long.

It sees aggregates of the regulatory record, never a name, a true cost, or anybody's thoughts.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from wattbook.policies.language.ladders import DURATIONS, STRENGTHS, ppm_of
from wattbook.policies.language.observing import (
    LETTERS,
    NONE,
    Handles,
    Meant,
    coarse,
    coarse_price,
    handles_of,
    text_of,
)
from wattbook.units import MS_PER_DAY, QUANTA_PER_EUR, half_even

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wattbook.oversight import Rule, Sanction

MARKET: Final = "market"
NO_AGENT: Final = -1


class Step(StrEnum):
    """What a regulator may do."""

    NONE = "none"
    WARN = "warn"
    FINE = "fine"
    CAP = "cap"
    SUBSIDY = "subsidy"
    LIFT = "lift"


class Subsidy(StrEnum):
    """Green tools that can be switched on."""

    PREMIUM = "premium"
    DIFFERENCE = "difference"
    GRANT = "grant"


ANSWERS: Final[Mapping[str, tuple[int | str, ...]]] = {
    "action": tuple(step.value for step in Step),
    "duration_days": DURATIONS,
    "strength": STRENGTHS,
    "target": (*LETTERS, MARKET),
}


class Target(NamedTuple):
    """An agent about whom something is known.

    Attributes
    ----------
    agent : int
        Its row; never shown.
    lerner_percent : int
        Part of its price that lies above marginal cost as public indices tell it.
    earlier : int
        Findings about it before.
    fined : int
        Its fines so far [1e-8 EUR].
    is_found : bool
        Whether the finding is about it.
    open : tuple of Step
        What may be done about it.
    """

    agent: int
    lerner_percent: int
    earlier: int
    fined: int
    is_found: bool
    open: tuple[Step, ...]


class RegulatorView(NamedTuple):
    """What a regulator knows; plain whole numbers.

    Attributes
    ----------
    rule : Rule or None
        Of the finding; None where it is asked without one.
    targets : tuple of Target
        The first six are shown.
    market_open : tuple of Step
        What may be done about the market as a whole.
    hhi : int
        Concentration, 0 .. 10,000.
    price_tick, benchmark_tick : int
        Mean price, and what it would have been at marginal cost; `NO_PRICE` where that is not known.
    quota_percent, covered_percent : int
        What guarantees have to cover of all sales, and what they do.
    fines : int
        All so far [1e-8 EUR].
    scarcity_hours : int
        Hours since the last time in which not all demand was met at less than the price cap.
    fine : int
        Most that the rules allow for the finding beyond the gain, which is always taken back [1e-8 EUR].
    by_ladder : tuple of Sanction
        What the rules' ladder says.
    subsidies : tuple of Subsidy
        What could be switched on.
    measures : tuple of Sanction
        What is in force and could be lifted.
    """

    rule: Rule | None
    targets: tuple[Target, ...]
    market_open: tuple[Step, ...]
    hhi: int
    price_tick: int
    benchmark_tick: int
    quota_percent: int
    covered_percent: int
    fines: int
    scarcity_hours: int
    fine: int
    by_ladder: tuple[Sanction, ...]
    subsidies: tuple[Subsidy, ...]
    measures: tuple[Sanction, ...]


class RegulatorPlan(NamedTuple):
    """What a regulator does.

    Attributes
    ----------
    step : Step
    agent : int
        Row of the agent that it is about; `NO_AGENT` for the market, or nobody.
    strength_ppm : int
        Part of what the rules allow; 0 where it does nothing.
    duration_ms : int
        How long it lasts; 0 where it does nothing.
    """

    step: Step
    agent: int = NO_AGENT
    strength_ppm: int = 0
    duration_ms: int = 0


def observe(
    view: RegulatorView, key: int, *, bucket: int = 0, order: str = "seeded", notes: str = ""
) -> tuple[str, Handles]:
    """Give what the model sees, and whom its handles stand for; see `wattbook.policies.language.consumer.observe`.

    The order "price" puts the lowest Lerner index first.
    """
    handles = _handles(view, key, order)
    seen = {
        "allowed_fine_eur": coarse(half_even(view.fine, QUANTA_PER_EUR), bucket),
        "benchmark_tick": coarse_price(view.benchmark_tick, bucket),
        "covered_percent": view.covered_percent,
        "fines_eur": coarse(half_even(view.fines, QUANTA_PER_EUR), bucket),
        "hhi": coarse(view.hhi, bucket),
        "ladder": [sanction.name.lower() for sanction in view.by_ladder],
        "market_open": list(view.market_open),
        "measures": [sanction.name.lower() for sanction in view.measures],
        "price_tick": coarse_price(view.price_tick, bucket),
        "quota_percent": view.quota_percent,
        "rule": NONE if view.rule is None else view.rule.name.lower(),
        "scarcity_hours": coarse(view.scarcity_hours, bucket),
        "subsidies": list(view.subsidies),
        "targets": [_shown(letter, view.targets[meant.place], bucket) for letter, meant in handles.each()],
    }
    return text_of(seen, notes), handles


def read(values: Mapping[str, Any], view: RegulatorView, handles: Handles) -> RegulatorPlan | None:
    """Give what an answer within the schema means here; None where it cannot be done now."""
    step = Step(values["action"])
    if step == Step.NONE:
        return RegulatorPlan(step)
    agent, allowed = NO_AGENT, view.market_open
    if values["target"] != MARKET:
        meant = handles.find(values["target"])
        if meant is None:
            return None
        agent, allowed = view.targets[meant.place].agent, view.targets[meant.place].open
    if step not in allowed:
        return None
    return RegulatorPlan(step, agent, ppm_of(values["strength"]), values["duration_days"] * MS_PER_DAY)


def _handles(view: RegulatorView, key: int, order: str) -> Handles:
    shown = view.targets[: len(LETTERS)]
    meant = [Meant("target", place) for place in range(len(shown))]
    return handles_of(meant, [target.lerner_percent for target in shown], key, order)


def _shown(letter: str, target: Target, bucket: int) -> dict[str, int | str | list[str]]:
    return {
        "earlier": coarse(target.earlier, bucket),
        "fined_eur": coarse(half_even(target.fined, QUANTA_PER_EUR), bucket),
        "found": int(target.is_found),
        "handle": letter,
        "lerner_percent": target.lerner_percent,
        "open": list(target.open),
    }
