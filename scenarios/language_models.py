"""What do utilities and a regulator do that ask a language model, instead of going by rules?

Two utilities cover the need of their customers at a contract desk and a day ahead, two plants sell, one of them at
three times its cost; a regulator watches. Utilities ask once a day, the regulator about each finding, and each thinks
for 50 minutes. The recording beside this script holds answers of a stub, not of a model: they follow a few plain rules
below, so the run shows that everything works, and tells nothing of what a model would do. With ``--record`` it is made
anew.
"""

import json
import sys
from pathlib import Path

from wattbook import ContractDesk, LanguageModel, Regulator, Scenario, producer, utility
from wattbook.units import eur_per_mwh, hours, minutes, mw

scenario = Scenario(
    start="2016-06-06",
    days=5,
    timezone="Europe/Berlin",
    period=hours(1),
    local=None,
    baseline=False,
    agents=[
        utility("blue", persona="greedy", retail=eur_per_mwh(300), feed_in=eur_per_mwh(50), represents=10_000),
        utility("green", persona="eco-friendly", retail=eur_per_mwh(310), feed_in=eur_per_mwh(55), represents=5_000),
        producer("hill", "wind", mw(4), outages=False),
        producer("old-gas", "gas", mw(12), outages=False, offer=eur_per_mwh(240)),
    ],
    wholesale=ContractDesk(),
    regulator=Regulator(latency=hours(0)),
    language_model=LanguageModel(
        decides=["utility", "regulator"],
        thinking=minutes(50),
        recording=Path(__file__).with_name("language_models.answers.sqlite"),
    ),
)

PLAN = {"supplier": "any", "green_level": 2, "hedge_day": 75, "hedge_week": 25, "ceiling_level": 6, "retail_level": 5}


def answer(body):
    """Answer as a stub: utilities hedge three quarters, the regulator does as the ladder says, fines by half."""
    seen = json.loads(body["messages"][0]["content"])
    if "ladder" not in seen:
        return {**PLAN, "rationale": "by rule of a stub"}
    steps = {"warning": "warn", "fine": "fine", "mitigation": "cap", "price_cap": "cap"}
    action = steps.get(seen["ladder"][0], "none") if seen["ladder"] else "none"
    return {"action": action, "target": "A", "strength": 50, "duration_days": 3, "rationale": "by rule of a stub"}


def record():
    """Ask a stub everything anew."""
    from wattbook.broker.caller import LiveCaller
    from wattbook.testing import Stub

    Path(scenario.language_model.recording).unlink(missing_ok=True)
    with Stub(answer=answer) as stub:
        caller = LiveCaller(model=scenario.language_model.model, base_url=stub.url, api_key="none is needed")
        return scenario.run(seed=7, llm="record", caller=caller)


if __name__ == "__main__":
    run = record() if "--record" in sys.argv else scenario.run(seed=7, llm="replay")
    print(run.summary())
