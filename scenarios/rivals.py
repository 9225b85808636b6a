"""Is the continuous auction worth its trouble, beside other ways to a neighbour's energy?

One street, one seed. The 103 members of one low-voltage grid trade within their feeders on one summer day:
continuously, or in an auction at each gate closure; or they order nothing, and metered surplus is shared by a rule.
Forecasts are perfect, as ever, and worse; only who orders ahead should mind. What the place gains stands apart from
what only changes hands.

The same from a shell:  wattbook run rivals --set local.mechanism=call --set forecast.load_error=80
"""

from wattbook import LocalMarket, Scenario, neighbourhood, utility
from wattbook.units import eur_per_mwh, minutes, percent

LOAD_ERROR, PV_ERROR = 40, 30
ERRORS = (0, 1, 2, 3)
"""Multiples of the usual forecast errors."""
RIVALS = {
    "continuous": {},
    "call": {"local.mechanism": "call"},
    "call, pay-as-bid": {"local.mechanism": "call", "local.pricing": "pay-as-bid"},
    "call every 15 min": {"local.mechanism": "call", "local.auction_every": minutes(15)},
    "mid-market rate": {"local.mechanism": "mid-market-rate"},
    "static keys": {"local.mechanism": "static-key", "local.share_price": eur_per_mwh(100)},
    "static, by rating": {
        "local.mechanism": "static-key",
        "local.keys": "rated",
        "local.share_price": eur_per_mwh(100),
    },
    "dynamic keys": {"local.mechanism": "dynamic-key", "local.share_price": eur_per_mwh(100)},
    "no local market": {"local": None},
}
scenario = Scenario(
    start="2016-06-06",
    days=1,
    agents=[
        *neighbourhood("simbench/LV2.101", pv_share=0.4, battery_share=0.2),
        utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(80)),
    ],
    local=LocalMarket(period=minutes(15), closes_before=minutes(5), district=False),
)


def compare(seed: int = 7) -> None:
    """Print what each rival comes to under each error: energy in kWh, money in EUR, against no local market."""
    columns = (
        "price",
        "local",
        "losses",
        "efficient",
        "stored",
        "real gain",
        "homes",
        "utility",
        "network",
        "state",
        "lost",
    )
    for error in ERRORS:
        print(f"\nforecast errors x {error}")
        print(f"{'':>18}" + "".join(f"{name:>10}" for name in columns))
        for name, values in RIVALS.items():
            errors = {
                "forecast.load_error": percent(LOAD_ERROR * error),
                "forecast.pv_error": percent(PV_ERROR * error),
            }
            run = scenario.with_values(values | errors).run(seed)
            figures = run.metrics
            parts = figures["baseline"]["decomposition"]
            price, efficient = figures["local_vwap_eur_per_mwh"], figures["allocative_efficiency"]
            money = [parts["real_gain"], *(parts["groups"][who] for who in ("homes", "utilities", "network", "state"))]
            cells = [
                "-" if price is None else f"{price:.1f}",
                f"{figures['local_volume_wh'] / 1000:.1f}",
                f"{run.flows['losses_wh'].sum() / 1000:.2f}",
                f"{efficient or 0:.1%}",
                f"{parts['stored_change_wh'] / 1000:+.2f}",
                *(f"{amount / 100_000_000:+.2f}" for amount in money),
                f"{figures['share_lost']:.0%}",
            ]
            print(f"{name:>18}" + "".join(f"{cell:>10}" for cell in cells))


if __name__ == "__main__":
    compare()
