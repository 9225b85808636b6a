"""Does a market need clever traders?

Gode and Sunder's zero-intelligence traders in the laboratory's double auction. Eleven buyers and eleven sellers with
values and costs of 75, 100 .. 325 EUR/MWh and one unit each. One of them at random acts at a time, a quote must improve
the standing one, and a trade clears all quotes. Each delivery period is one trading day: about a hundred a run.

The same from a shell:  wattbook run laboratory --set local.improve=no --set local.clear_after_trade=no
"""

from wattbook import LocalMarket, Scenario, trader
from wattbook.results import trading_days
from wattbook.units import eur_per_mwh, minutes

UNITS = range(75, 326, 25)

scenario = Scenario(
    start="2016-06-06",
    days=1,
    timezone="UTC",
    agents=[trader(f"{side}-{price}", side, value=eur_per_mwh(price)) for side in ("buy", "sell") for price in UNITS],
    local=LocalMarket(
        period=minutes(15),
        closes_before=minutes(0),
        cap=eur_per_mwh(400),
        step=eur_per_mwh(1),
        district=False,
        turns="random",
        failed_shouts=1_000,
        improve=True,
        clear_after_trade=True,
    ),
)

if __name__ == "__main__":
    for policy in ("zi-u", "zi-c", "zip"):
        changed = {f"{each.name}.policy": policy for each in scenario.traders}
        days = trading_days(scenario.with_values(changed).run(seed=7, baseline=False))
        print(
            f"{policy:>5}: efficiency {days['efficiency'].mean():5.1f} %, price {days['mean_price'].mean():.1f} EUR/MWh"
        )
