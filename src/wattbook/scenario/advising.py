"""From a scenario that asks a language model to the minds, voices and judge that do so in a run.

Owns who is asked which question under which persona. Whoever answers is an `Adviser`: a broker, or what counts for an
estimate.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Any, NamedTuple

from wattbook.assets.plants import PlantKind
from wattbook.data import load_fuels
from wattbook.decisions import Adviser, Question
from wattbook.policies.language.asking import Asker, Terms
from wattbook.policies.language.days import ProducerVoice, UtilityVoice
from wattbook.policies.language.homes import AskingHome, ChoosingHome, Equipment, asking_mind
from wattbook.scenario.compiling import mind_of
from wattbook.scenario.language_model import REGULATOR, LanguageModel, decided, questions_of
from wattbook.scenario.parts import Consumer, Prosumer, Utility
from wattbook.scenario.wholesale import Producer
from wattbook.units import PPM, QUANTA_PER_CENT
from wattbook.world.judge import LanguageJudge

if TYPE_CHECKING:
    from wattbook.policies import Mind
    from wattbook.policies.language.days import Voice
    from wattbook.policies.language.library import Personas
    from wattbook.scenario.compiling import Compiled
    from wattbook.scenario.model import Scenario

POLICY = "language-model"
_MS_PER_S = 1_000


class _Cast(NamedTuple):
    """What all askers of a run have in common."""

    terms: Terms
    chosen: LanguageModel
    personas: Personas

    def asker(self, question: Question, name: str, own_persona: str, label: str = "") -> Asker:
        persona = self.chosen.persona(question, name, own_persona, self.personas)
        return Asker(self.terms, name, question, persona, label if self.chosen.quotes_labels else "")


def cast_of(scenario: Scenario, seed: int, adviser: Adviser) -> _Cast:
    """Say how everybody asks in a run."""
    chosen: LanguageModel = scenario.language_model
    personas = chosen.known_personas()
    terms = Terms(
        adviser, seed, personas, chosen.prompts, shared=chosen.shared, bucket=int(chosen.bucket) * 100 // PPM,
        order=chosen.order, replicate=chosen.replicate,
    )  # fmt: skip
    return _Cast(terms, chosen, personas)


def with_judge(scenario: Scenario, cast: _Cast) -> Scenario:
    """Give the same scenario with a regulator that asks, where it is to."""
    given = scenario.regulator
    if given is None or REGULATOR not in cast.chosen.decides:
        return scenario
    judge = LanguageJudge(cast.asker(Question.REGULATOR, REGULATOR, given.persona))
    return scenario.model_copy(
        update={"regulator": given.model_copy(update={"judge": judge, "thinking": cast.chosen.thinking})}
    )


def advised(scenario: Scenario, compiled: Compiled, cast: _Cast) -> Compiled:
    """Let those who are to decide by a language model do so."""
    rows = {name: row for row, name in enumerate(compiled.street.names)}
    minds: list[Mind | None] = list(compiled.minds)
    voices: dict[int, Voice] = {}
    about = compiled.street.about
    for agent in decided(scenario):
        row = rows[agent.name]
        if isinstance(agent, Consumer):
            minds[row] = _home(agent, cast, chooses=scenario.retail is not None and scenario.retail.members)
        elif row in compiled.wholesale_minds:
            voices[row] = _voice(agent, compiled.wholesale_minds[row], cast)
        else:
            continue
        if isinstance(about, dict):
            about = {**about, agent.name: {**about[agent.name], "policy": POLICY}}
    return compiled._replace(
        minds=tuple(minds),
        voices=voices,
        thinking_ms=int(cast.chosen.thinking),
        street=replace(compiled.street, about=about),
    )


def _home(member: Consumer, cast: _Cast, *, chooses: bool) -> Mind:
    """Make a home that asks; its rules are those that it would have gone by."""
    twin = mind_of(member)
    consumer = cast.asker(Question.CONSUMER, member.name, twin.persona, member.label)
    prosumer, equipment = None, Equipment(has_pv=False, pv_commissioned_ms=0, charge_w=0, discharge_w=0)
    if isinstance(member, Prosumer):
        prosumer = cast.asker(Question.PROSUMER, member.name, twin.persona, member.label)
        equipment = _equipment(member)
    kind = ChoosingHome if chooses else AskingHome
    return asking_mind(
        kind(twin, consumer, prosumer, equipment, int(cast.chosen.thinking), int(cast.chosen.lead))
    )  # fmt: skip


def _equipment(member: Prosumer) -> Equipment:
    began, battery = None if member.pv is None else member.pv.commissioned, member.battery
    return Equipment(
        has_pv=began is not None,
        pv_commissioned_ms=0 if began is None else int(datetime.combine(began, time(), UTC).timestamp()) * _MS_PER_S,
        charge_w=0 if battery is None else battery.take_w,
        discharge_w=0 if battery is None else battery.give_w,
    )


def _voice(agent: Utility | Producer | Any, twin: Any, cast: _Cast) -> Voice:
    (question,) = questions_of(agent)
    asker = cast.asker(question, agent.name, str(getattr(twin, "persona", "")), agent.label)
    if isinstance(agent, Producer):
        return ProducerVoice(
            asker, twin, PlantKind[agent.plant.upper()], load_fuels()[agent.plant].fuel_price_tick,
            int(agent.co2) // QUANTA_PER_CENT,
        )  # fmt: skip
    return UtilityVoice(asker, twin)
