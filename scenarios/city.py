"""What does a local market do for a whole city?

A thousand homes on four feeders, each with a local book of its own and none between them: 50 of 100 homes have PV,
20 of 100 a battery. Each gets a new forecast every twenty minutes, at its own minute, and thinks then. More of them,
up to a million, is a matter of one value; their feeders run side by side on as many processors as there are:

    wattbook run city --set homes=10000 --set baseline=no
"""

from wattbook import Forecast, LocalMarket, Scenario, city, utility
from wattbook.units import eur_per_mwh, minutes

scenario = Scenario(
    start="2016-06-06",
    days=1,
    agents=[
        city("city", homes=1_000, homes_per_feeder=250, pv_share=0.5, battery_share=0.2),
        utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(80)),
        utility("green", retail={"day": eur_per_mwh(170), "night": eur_per_mwh(140)}, feed_in=eur_per_mwh(75)),
    ],
    local=LocalMarket(period=minutes(15), closes_before=minutes(5), district=False),
    forecast=Forecast(update_every=minutes(20)),
)

if __name__ == "__main__":
    print(scenario.run(seed=7).summary())
