"""Is a high price an offence?

Winter Storm Elliott: day-ahead prices of Houston from 20 to 26 December 2022 (ERCOT), read as so many EUR/MWh, stand
for the outside's; on the 24th they reach 2,528. Two utilities need more than the four local plants can give, which all
offer at cost, and the rest comes over a link at the outside's price, 20 EUR/MWh dearer. That day's price is ten times
the week's first, coal and gas could not be done without, and the regulator, who reviews each day and knows every
plant's fuel, finds nobody: none of them made the price. Plants have the weather of a week in June 2016; customers draw
as much at all hours. When the gas plant asks 3,000 EUR/MWh, more than the storm, it is found:

    wattbook run scarcity --set gas.offer=3000
"""

from wattbook import Auction, PublishedPrices, Regulator, Scenario, producer, utility
from wattbook.units import eur, eur_per_mwh, hours, kw, mw

scenario = Scenario(
    start="2016-06-06",
    days=7,
    timezone="Europe/Berlin",
    agents=[
        utility(
            "blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(60), represents=1_000, profile="flat", rated=kw(11),
        ),
        utility(
            "red", retail=eur_per_mwh(160), feed_in=eur_per_mwh(60), represents=1_000, profile="flat", rated=kw(13),
        ),
        producer("coal", kind="coal", capacity=mw(8), turnover=eur(3_000_000)),
        producer("gas", kind="gas", capacity=mw(8), turnover=eur(3_000_000)),
        producer("oil", kind="oil", capacity=mw(3), turnover=eur(1_000_000)),
        producer("wind", kind="wind", capacity=mw(4), turnover=eur(500_000)),
    ],
    local=None,
    period=hours(1),
    spot=PublishedPrices(series="ercot-2022", point="LZ_HOUSTON", read_as="EUR", first_day="2022-12-20"),
    wholesale=Auction(link=mw(10)),
    regulator=Regulator(),
    baseline=False,
)  # fmt: skip

if __name__ == "__main__":
    print(scenario.run(seed=7).summary())
