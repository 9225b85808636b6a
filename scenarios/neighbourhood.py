"""Does a street that trades locally pay less than one that does not?

One real German low-voltage grid: 103 members on four feeders, 40 of 100 with PV, 20 of 100 with a battery, two
utilities with different tariffs. Two summer days of 2016, in quarters of an hour.
"""

from wattbook import LocalMarket, Scenario, neighbourhood, utility
from wattbook.units import eur_per_mwh, minutes

scenario = Scenario(
    start="2016-06-06",
    days=2,
    timezone="Europe/Berlin",
    agents=[
        *neighbourhood("simbench/LV2.101", pv_share=0.4, battery_share=0.2),
        utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(80)),
        utility(
            "green",
            retail={"day": eur_per_mwh(170), "night": eur_per_mwh(140)},
            feed_in=eur_per_mwh(75),
        ),
    ],
    local=LocalMarket(period=minutes(15), closes_before=minutes(5)),
)

if __name__ == "__main__":
    print(scenario.run(seed=7).summary())
