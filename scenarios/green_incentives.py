"""What do a premium, a contract for difference, a grant and a price of carbon do to the mix and to the treasury?

Wind, sun, coal and gas for 20,000 customers in an auction; what is missing comes from outside, at the price that a
whole country's plants make of the same week's weather. The sun has a premium, the wind a strike price, whoever adds
wind or sun has a third of it paid, and coal and gas pay for CO2 beside what they pay anyhow. Each tool has a budget;
all of them draw on one. A week in June 2016.

    wattbook run green-incentives --set regulator.incentives=none
    wattbook run green-incentives --set regulator.incentives.carbon.price=0
    wattbook run green-incentives --set regulator.incentive_budget=15000
"""

from wattbook import (
    Auction,
    CarbonPrice,
    ContractForDifference,
    FeedInPremium,
    InvestmentGrant,
    Regulator,
    Scenario,
    Upgrade,
    producer,
    utility,
)
from wattbook.policies.producers import ProducerMind
from wattbook.units import eur, eur_per_mwh, hours, minutes, mw, percent

BUILDER = ProducerMind(persona="builder", builds_after_ms=int(hours(48)))
"""Looks at two days of prices before it builds, where others take a week."""

scenario = Scenario(
    start="2016-06-06",
    days=7,
    timezone="Europe/Berlin",
    agents=[
        utility(
            "town", retail=eur_per_mwh(160), feed_in=eur_per_mwh(60), represents=20_000, renewable_quota=percent(20)
        ),
        producer(
            "hill-wind", kind="wind", capacity=mw(10), persona=BUILDER, upgrade=Upgrade(most=mw(4), lead=hours(24))
        ),
        producer(
            "roof-sun", kind="solar", capacity=mw(10), persona=BUILDER, upgrade=Upgrade(most=mw(4), lead=hours(24))
        ),
        producer("black-coal", kind="coal", capacity=mw(6)),
        producer("north-gas", kind="gas", capacity=mw(6)),
    ],
    local=None,
    period=minutes(15),
    spot="merit-order",
    wholesale=Auction(),
    regulator=Regulator(
        incentives=[
            FeedInPremium(kinds=["solar"], premium=eur_per_mwh(25), budget=eur(5_000)),
            ContractForDifference(agents=["hill-wind"], strike=eur_per_mwh(65), budget=eur(10_000)),
            InvestmentGrant(kinds=["wind", "solar"], share=percent(35), budget=eur(2_500_000), keep=hours(48)),
            CarbonPrice(price=eur(30)),
        ],
        incentive_budget=eur(2_500_000),
    ),
    baseline=False,
)  # fmt: skip

if __name__ == "__main__":
    print(scenario.run(seed=7).summary())
