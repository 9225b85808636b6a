"""What does a utility's power cost where producers and utilities sign contracts ahead?

One real low-voltage grid whose 103 members trade with each other, three utilities that also stand for 20,000 customers
each, and eight producers large enough for all of them. Energy is contracted at a desk up to three days ahead; what is
missing then is bought a day ahead at the price that a whole country's plants make of the same week's weather. A week in
June 2016. The same in an auction for everything: `wattbook run seed-2`; side by side: `wattbook compare`.
"""

from wattbook import ContractDesk, LocalMarket, Scenario, Upgrade, neighbourhood, producer, utility
from wattbook.units import eur_per_mwh, hours, minutes, mw, percent

scenario = Scenario(
    start="2016-06-06",
    days=7,
    timezone="Europe/Berlin",
    agents=[
        *neighbourhood("simbench/LV2.101", pv_share=0.4, battery_share=0.2),
        utility(
            "blue", persona="greedy", retail=eur_per_mwh(160), feed_in=eur_per_mwh(80), represents=20_000,
            renewable_quota=percent(5),
        ),
        utility(
            "green", persona="eco-friendly", retail={"day": eur_per_mwh(170), "night": eur_per_mwh(140)},
            feed_in=eur_per_mwh(75), represents=20_000, renewable_quota=percent(30),
        ),
        utility(
            "red", persona="balanced", retail=eur_per_mwh(165), feed_in=eur_per_mwh(70), represents=20_000,
            renewable_quota=percent(5),
        ),
        producer("hill-wind", kind="wind", capacity=mw(12), upgrade=Upgrade(most=mw(4), lead=hours(48))),
        producer("roof-sun", kind="solar", capacity=mw(10)),
        producer("river", kind="hydro", capacity=mw(3)),
        producer("black-coal", kind="coal", capacity=mw(6)),
        producer("east-coal", kind="coal", capacity=mw(4)),
        producer("north-gas", kind="gas", capacity=mw(10)),
        producer("south-gas", kind="gas", capacity=mw(8), persona="greedy"),
        producer("old-oil", kind="oil", capacity=mw(10), persona="greedy"),
    ],
    local=LocalMarket(period=minutes(15), closes_before=minutes(5)),
    spot="merit-order",
    wholesale=ContractDesk(),
)  # fmt: skip

if __name__ == "__main__":
    print(scenario.run(seed=7).summary())
