"""What does a quota of renewables cost who prepares for it, and who does not?

Two utilities of 20,000 customers each owe guarantees of origin for 30 % of what they sell. Green takes shares of what
wind, sun and river will give, with their guarantees, before the week begins; blue does not, and buys itself out at the
week's end, at 60 EUR/MWh. A week in June 2016, prices of a whole country's plants.

    wattbook run green-quota --set buy_out=20
    wattbook run green-quota --set blue.persona=eco-friendly
"""

from wattbook import ContractDesk, Scenario, producer, utility
from wattbook.units import eur_per_mwh, minutes, mw, percent

scenario = Scenario(
    start="2016-06-06",
    days=7,
    timezone="Europe/Berlin",
    agents=[
        utility(
            "blue", persona="greedy", retail=eur_per_mwh(160), feed_in=eur_per_mwh(60), represents=20_000,
            renewable_quota=percent(30),
        ),
        utility(
            "green", persona="eco-friendly", retail=eur_per_mwh(160), feed_in=eur_per_mwh(60), represents=20_000,
            renewable_quota=percent(30),
        ),
        producer("hill-wind", kind="wind", capacity=mw(12)),
        producer("roof-sun", kind="solar", capacity=mw(10)),
        producer("river", kind="hydro", capacity=mw(3)),
        producer("black-coal", kind="coal", capacity=mw(10)),
    ],
    local=None,
    period=minutes(15),
    spot="merit-order",
    buy_out=eur_per_mwh(60),
    wholesale=ContractDesk(),
    baseline=False,
)  # fmt: skip

if __name__ == "__main__":
    print(scenario.run(seed=7).summary())
