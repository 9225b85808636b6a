"""What do utilities and a regulator do that ask a language model, instead of going by rules?

Two utilities cover the need of their customers at a contract desk and a day ahead, two plants sell, one of them at
three times its cost; a regulator watches. Utilities ask once a day, the regulator about each finding, and each thinks
for 50 minutes. The recording beside this script holds answers of a stub, not of a model: they fit the questions and
mean nothing, so the run shows that everything works, and tells nothing of what a model would do.
"""

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

if __name__ == "__main__":
    print(scenario.run(seed=7, llm="replay").summary())
