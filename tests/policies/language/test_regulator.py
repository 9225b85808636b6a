"""A regulator: only what is open for its target, by the whole numbers of its answer."""

import json

import pytest
from language_views import REGULATOR

from wattbook.policies.language.regulator import NO_AGENT, RegulatorPlan, Step, observe, read
from wattbook.units import MS_PER_DAY

_, HANDLES = observe(REGULATOR, 0, order="plain")
PLAIN = {"action": "fine", "target": "A", "strength": 75, "duration_days": 7, "rationale": ""}


def plan(view=REGULATOR, **changes):
    return read({**PLAIN, **changes}, view, HANDLES)


def test_a_fine_is_about_its_target_and_as_hard_as_said():
    assert plan() == RegulatorPlan(Step.FINE, agent=4, strength_ppm=750_000, duration_ms=7 * MS_PER_DAY)


@pytest.mark.parametrize("step", ["subsidy", "lift"])
def test_what_is_open_for_the_market_is_about_nobody(step):
    assert plan(action=step, target="market").agent == NO_AGENT
    assert plan(action=step) is None


@pytest.mark.parametrize(
    ("step", "target"), [("fine", "B"), ("warn", "market"), ("fine", "C"), ("cap", "F"), ("lift", "A")]
)
def test_what_is_not_open_for_a_target_cannot_be_done(step, target):
    assert plan(action=step, target=target) is None


def test_nothing_is_always_open():
    assert plan(action="none", target="F") == RegulatorPlan(Step.NONE)


def test_without_a_finding_there_is_no_rule_and_amounts_are_whole_euro():
    seen = json.loads(observe(REGULATOR, 0)[0])
    assert (seen["rule"], seen["allowed_fine_eur"], seen["ladder"]) == ("gouging", 475, ["mitigation", "fine"])
    assert json.loads(observe(REGULATOR._replace(rule=None), 0)[0])["rule"] == "none"


def test_the_order_by_price_is_by_lerner_index():
    seen = json.loads(observe(REGULATOR, 0, order="price")[0])
    assert [target["lerner_percent"] for target in seen["targets"]] == [5, 45]
