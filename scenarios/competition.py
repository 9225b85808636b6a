"""Is a high offer an offence where there is competition?

Twelve gas plants of 15 kW on an island with a town of 100 kW, all at cost but one, which asks 300 EUR/MWh for what
costs it 100. What the other eleven could give is 1.65 times the demand: nobody is needed, the price stays where it was,
and the one that asked too much sells nothing. A regulator that went by offers alone would find it every day; this one,
which wants structure, conduct and impact together, finds nobody. Two days in June 2016.

    wattbook run competition --set seller-01.offer=100
    wattbook run competition --set town.rated=160
"""

from wattbook import Auction, Regulator, Scenario, producer, utility
from wattbook.units import eur_per_mwh, hours, kw, mw

SELLERS = 12
COSTS = range(100, 100 + SELLERS)
"""Of a MWh of each [EUR]."""

scenario = Scenario(
    start="2016-06-06",
    days=2,
    timezone="Europe/Berlin",
    agents=[
        utility(
            "town", retail=eur_per_mwh(130), feed_in=eur_per_mwh(50), represents=1, profile="flat", rated=kw(100),
        ),
        *(
            producer(
                f"seller-{number + 1:02d}", kind="gas", capacity=kw(15), cost=eur_per_mwh(cost),
                reference=eur_per_mwh(cost), outages=False, offer=eur_per_mwh(300) if number == 0 else None,
            )
            for number, cost in enumerate(COSTS)
        ),
    ],
    local=None,
    period=hours(1),
    wholesale=Auction(link=mw(0)),
    regulator=Regulator(latency=hours(0)),
    baseline=False,
)  # fmt: skip

if __name__ == "__main__":
    print(scenario.run(seed=7).summary())
