"""What does a wider market add to a feeder's own?

A bakery and three homes on one feeder have much sun and one battery; four homes on the next have none. Without the
district's book the second feeder has nobody to buy from.

The same from a shell:  wattbook run two_feeders --set local.district=no
"""

from wattbook import Battery, LocalMarket, Pv, Scenario, consumer, home, prosumer, utility
from wattbook.units import eur_per_mwh, kw, kwh, minutes

scenario = Scenario(
    start="2016-06-06",
    days=1,
    agents=[
        consumer("bakery", profile="G1-B", rated=kw(2), feeder="sunny", deducts_vat=True),
        prosumer("ada", profile="H0-A", rated=kw(3), feeder="sunny", pv=Pv(kw(12)), policy=home("patient")),
        prosumer("bo", profile="H0-B", rated=kw(4), feeder="sunny", pv=Pv(kw(9)), battery=Battery(kwh(8), kw(4))),
        prosumer("cy", profile="H0-C", rated=kw(3), feeder="sunny", pv=Pv(kw(15)), policy=home("green")),
        consumer("dee", profile="H0-A", rated=kw(4), feeder="shady"),
        consumer("eli", profile="H0-B", rated=kw(5), feeder="shady", policy=home("eager")),
        consumer("fay", profile="H0-G", rated=kw(3), feeder="shady"),
        consumer("gus", profile="H0-L", rated=kw(4), feeder="shady", policy=home("thrifty")),
        utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(80)),
    ],
    local=LocalMarket(period=minutes(30), closes_before=minutes(5), district=True),
)

if __name__ == "__main__":
    for district in (True, False):
        run = scenario.with_values({"local.district": district}).run(seed=7)
        bought = run.agents.filter(run.agents["feeder"] == "shady")["bought_wh"].sum()
        print(f"district book {district!s:>5}: the shady feeder bought {bought / 1000:.1f} kWh locally")
