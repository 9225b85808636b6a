"""What do forecast errors cost a street that trades ahead?

The 15 members of one feeder trade for a day: once as people foresee, and once with an oracle that makes no errors. The
difference in what they save is what the errors cost.

The same from a shell:  wattbook run forecast_errors --set forecast.kind=oracle
"""

from wattbook import Forecast, LocalMarket, Scenario, neighbourhood, utility
from wattbook.units import eur_per_mwh, minutes, percent

street = neighbourhood("simbench/LV2.101", pv_share=0.5)
scenario = Scenario(
    start="2016-06-06",
    days=1,
    agents=[
        *(member for member in street if member.feeder == "feeder-4"),
        utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(80)),
    ],
    local=LocalMarket(period=minutes(30), closes_before=minutes(5)),
    forecast=Forecast(load_error=percent(60), pv_error=percent(50)),
)

if __name__ == "__main__":
    for kind in ("martingale", "oracle"):
        run = scenario.with_values({"forecast.kind": kind}).run(seed=7)
        saved = run.metrics["mean_saving"] / 100_000_000
        print(f"{kind:>10}: {saved:.2f} EUR saved per member, efficiency {run.metrics['allocative_efficiency']:.0%}")
