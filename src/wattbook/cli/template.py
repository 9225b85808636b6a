"""The script that ``wattbook init`` writes."""

from __future__ import annotations

from typing import Final

SCRIPT: Final = '''"""My street: what does trading with the neighbours change?

Check it:  wattbook check THIS_FILE
Run it:    wattbook run THIS_FILE --seed 1
Vary it:   wattbook run THIS_FILE --set blue.retail=200 --set local.closes_before=30
"""

from wattbook import Battery, LocalMarket, Pv, Scenario, consumer, neighbourhood, prosumer, utility
from wattbook.units import eur_per_mwh, kw, kwh, minutes

scenario = Scenario(
    # Shipped profiles cover 2016. A bare date is midnight in the time zone.
    start="2016-06-06",
    days=1,
    timezone="Europe/Berlin",
    agents=[
        # All 103 members of a real grid, 40 % of them with PV, 20 % with a battery ...
        *neighbourhood("simbench/LV2.101", pv_share=0.4, battery_share=0.2),
        # ... and two of your own. profile= also takes a CSV or Parquet file with the columns time and kwh.
        consumer("bakery", profile="G1-B", rated=kw(12), feeder="feeder-1", deducts_vat=True),
        prosumer(
            "corner-house", profile="H0-B", rated=kw(4), feeder="feeder-1", supplier="blue",
            pv=Pv(kw(8)), battery=Battery(kwh(10), kw(5)),
        ),
        # Who sells the rest. Prices are energy only; network fee, levy and VAT come on top.
        utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(80)),
        utility("green", retail={"day": eur_per_mwh(170), "night": eur_per_mwh(140)}, feed_in=eur_per_mwh(75)),
    ],
    # One product per quarter of an hour; its gate closes five minutes before delivery. None: no local market.
    local=LocalMarket(period=minutes(15), closes_before=minutes(5)),
)

if __name__ == "__main__":
    print(scenario.run(seed=7).summary())
'''
