"""A judge that asks a language model which sanctions follow from a finding.

Owns the translation between a case and what the model sees and says. What an offence is, what a fine comes to at most,
and what is open stays with the regulator's rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wattbook.messages import NO_PRICE
from wattbook.oversight import Item, Sanction
from wattbook.policies.language.regulator import RegulatorPlan, RegulatorView, Step, Target
from wattbook.regulator.judging import Verdict
from wattbook.units import PPM, half_even

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wattbook.policies.language.asking import Asker, Pending
    from wattbook.regulator import Case

_CAPS: Final = (Sanction.MITIGATION, Sanction.PRICE_CAP, Sanction.SUSPENSION, Sanction.COLLAR)
"""What limits what an agent may do; the first that is open is what "cap" means."""
_STEPS: Final[Mapping[Step, tuple[Sanction, ...]]] = {
    Step.WARN: (Sanction.WARNING,),
    Step.FINE: (Sanction.FINE,),
    Step.CAP: _CAPS,
}


class LanguageJudge:
    """A judge for `wattbook.regulator.judging` that thinks as long as its regulator's thinking time.

    Parameters
    ----------
    asker : Asker
        Of the regulator's question.
    """

    def __init__(self, asker: Asker) -> None:
        self.asker = asker
        self._thoughts: dict[tuple[int, int, int], Pending] = {}
        self._fined = 0

    def begin(self, case: Case) -> None:
        """Ask about a finding."""
        self._thoughts[_key(case)] = self.asker.ask(self._view(case), case.now_ms)

    def __call__(self, case: Case) -> Verdict:
        """Give the sanctions that the model chose; those of the ladder where it gave no answer that can be used."""
        if _key(case) not in self._thoughts:
            self.begin(case)  # a regulator without a thinking time
        plan: RegulatorPlan | None = self.asker.take(self._thoughts.pop(_key(case)), self._view(case))
        verdict = Verdict(case.by_ladder) if plan is None else _verdict(plan, case)
        if Sanction.FINE in verdict.steps:
            self._fined += case.fine.disgorged + half_even(case.fine.punitive * verdict.strength_ppm, PPM)
        return verdict

    def _view(self, case: Case) -> RegulatorView:
        finding, told = case.finding, _last_told(case)
        price, reference = told.get(Item.PRICE_TICK, NO_PRICE), told.get(Item.REFERENCE_TICK, NO_PRICE)
        target = Target(
            agent=finding.agent,
            lerner_percent=_lerner_percent(price, reference),
            earlier=case.history.earlier,
            fined=case.history.fined,
            is_found=True,
            open=tuple(step for step, kinds in _STEPS.items() if any(kind in case.open for kind in kinds)),
        )
        return RegulatorView(
            rule=finding.rule,
            targets=(target,),
            market_open=(),
            hhi=told.get(Item.HHI, 0),
            price_tick=price,
            benchmark_tick=told.get(Item.COUNTERFACTUAL_TICK, reference),
            quota_percent=0,
            covered_percent=0,
            fines=self._fined,
            scarcity_hours=0,
            fine=case.fine.disgorged + case.fine.punitive,
            by_ladder=case.by_ladder,
            subsidies=(),
            measures=(),
        )


def _verdict(plan: RegulatorPlan, case: Case) -> Verdict:
    kinds = [kind for kind in _STEPS.get(plan.step, ()) if kind in case.open]
    if not kinds:
        return Verdict(())
    strength = plan.strength_ppm if plan.step == Step.FINE else PPM
    duration_ms = plan.duration_ms if plan.step == Step.CAP else 0
    return Verdict((kinds[0],), strength, duration_ms)


def _key(case: Case) -> tuple[int, int, int]:
    """Tell findings apart before they have a number: nobody is found twice for one offence."""
    return int(case.finding.rule), case.finding.agent, case.finding.offences[0].key


def _last_told(case: Case) -> dict[int, int]:
    """Give the last value of each item of evidence."""
    return {int(line.item): line.value for line in case.finding.evidence}


def _lerner_percent(price_tick: int, reference_tick: int) -> int:
    if NO_PRICE in (price_tick, reference_tick) or price_tick <= 0:
        return 0
    return half_even((price_tick - reference_tick) * 100, price_tick)
