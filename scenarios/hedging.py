"""Who pays when prices jump: a utility that lives on spot prices, or one that buys ahead?

Two utilities of 20,000 customers each and four producers with firm plants. Spot prices are those of Houston in July
2022 (ERCOT, day ahead), read as so many EUR/MWh: after days at 60 to 120 they pass 2,000 on the seventh. They know
nothing of the customers' weather. Blue lives on spot, red buys by a ladder: 30, 60, 90 % as delivery comes nearer. The
same with calm prices, where buying ahead costs its premium and saves nothing:

    wattbook run hedging --set spot.first_day=2022-12-02
"""

from wattbook import ContractDesk, PublishedPrices, Scenario, producer, utility
from wattbook.units import eur_per_mwh, minutes, mw

scenario = Scenario(
    start="2016-07-04",
    days=9,
    timezone="Europe/Berlin",
    agents=[
        utility("blue", persona="greedy", retail=eur_per_mwh(160), feed_in=eur_per_mwh(60), represents=20_000),
        utility("red", persona="balanced", retail=eur_per_mwh(160), feed_in=eur_per_mwh(60), represents=20_000),
        producer("lignite", kind="lignite", capacity=mw(10), outages=False),
        producer("nuclear", kind="nuclear", capacity=mw(10), outages=False),
        producer("coal", kind="coal", capacity=mw(10), outages=False),
        producer("gas", kind="gas", capacity=mw(10), outages=False),
    ],
    local=None,
    period=minutes(60),
    spot=PublishedPrices(series="ercot-2022", point="LZ_HOUSTON", read_as="EUR", first_day="2022-07-05"),
    wholesale=ContractDesk(ahead=3, rounds=6, expected=eur_per_mwh(70)),
    baseline=False,
)

if __name__ == "__main__":
    print(scenario.run(seed=7).summary())
