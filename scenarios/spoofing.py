"""Who plays foul in a neighbourhood's order books, and who only looks as if?

One real German low-voltage grid whose 103 members trade with each other, and five homes more on one of its feeders. A
market maker quotes both sides and cancels nine thousand orders; a spoofer shows bids that it does not mean, which make
the maker bid more, and sells to it; three homes pass energy round in a ring, so that there is volume where nobody
needed any. The regulator tells them apart by what they did, not by how much. Two summer days of 2016, in quarters of
an hour.
"""

from wattbook import Battery, LocalMarket, Pv, Regulator, Scenario, neighbourhood, prosumer, utility
from wattbook.units import eur_per_mwh, kw, kwh, minutes

FEEDER = "feeder-1"

scenario = Scenario(
    start="2016-06-06",
    days=2,
    timezone="Europe/Berlin",
    agents=[
        *neighbourhood("simbench/LV2.101", pv_share=0.4, battery_share=0.2),
        prosumer("maker", feeder=FEEDER, battery=Battery(kwh(12), kw(6)), policy="market-maker"),
        prosumer("spoofer", feeder=FEEDER, rated=kw(2), pv=Pv(kw(10)), policy="spoofer"),
        *[prosumer(f"ring-{n}", feeder=FEEDER, battery=Battery(kwh(8), kw(4)), policy=f"ring-{n}") for n in (1, 2, 3)],
        utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(80)),
    ],
    local=LocalMarket(period=minutes(15), closes_before=minutes(5)),
    regulator=Regulator(),
)

if __name__ == "__main__":
    print(scenario.run(seed=7).summary())
