"""What does a regulator do about a seller that nobody can do without?

A town of 100 kW and three gas plants on an island: without M's 80 kW half of the town would be dark, and M asks 300
EUR/MWh for what costs 100. The regulator reviews each day: it takes M's gain back for the town, fines it beyond that,
and has its asks taken at their reference from the next session on. Four days in June 2016, once as it is and once with
nobody watching. One hour of it by hand: gain 9.20, overcharge 9.50, harm 19.00 EUR; a
fine of 13.95 EUR where M has turned over 60 EUR, of 12.20 EUR where it has turned over 20:

    wattbook run monopoly --set hours=1 --set M.turnover=45
    wattbook run monopoly --set hours=1 --set M.turnover=5
    wattbook run monopoly --set regulator=none
"""

from wattbook import Auction, Regulator, Scenario, producer, utility
from wattbook.messages import Cause
from wattbook.units import QUANTA_PER_EUR, eur, eur_per_mwh, hours, kw, mw

scenario = Scenario(
    start="2016-06-06",
    days=4,
    timezone="Europe/Berlin",
    agents=[
        utility(
            "town", retail=eur_per_mwh(300), feed_in=eur_per_mwh(50), represents=1, profile="flat", rated=kw(100),
        ),
        producer(
            "M", kind="gas", capacity=kw(80), cost=eur_per_mwh(100), reference=eur_per_mwh(100),
            offer=eur_per_mwh(300), outages=False, turnover=eur(77_000),
        ),
        producer(
            "F1", kind="gas", capacity=kw(30), cost=eur_per_mwh(110), reference=eur_per_mwh(110), outages=False,
        ),
        producer(
            "F2", kind="gas", capacity=kw(20), cost=eur_per_mwh(120), reference=eur_per_mwh(120), outages=False,
        ),
    ],
    local=None,
    period=hours(1),
    wholesale=Auction(link=mw(0)),
    regulator=Regulator(latency=hours(0)),
    baseline=False,
)  # fmt: skip


def compare(seed: int = 7) -> None:
    """Print prices by day and what everybody is left with, with a regulator and without [EUR]."""
    runs = {"watched": scenario.run(seed), "unwatched": scenario.with_values({"regulator": None}).run(seed)}
    print(f"{'':>24}" + "".join(f"{name:>12}" for name in runs))
    prices = {name: run.record.streams["spot"]["price_tick"].reshape(-1, 24).mean(axis=1) for name, run in runs.items()}
    for day in range(scenario.days):
        print(
            f"{f'price, day {day + 1}, EUR/MWh':>24}" + "".join(f"{each[day] / 100:12.2f}" for each in prices.values())
        )
    for account in ("M", "F1", "F2", "town", "TREASURY"):
        cells = []
        for run in runs.values():
            rows, accounts = run.record.streams["postings"], run.record.place.accounts
            mine = rows["account"] == accounts.index(account) if account in accounts else slice(0)
            cells.append(int(rows["amount"][mine].sum()) / QUANTA_PER_EUR)
        print(f"{account + ', EUR':>24}" + "".join(f"{each:12,.2f}" for each in cells))
    rows = runs["watched"].record.streams["postings"]
    for cause in (Cause.FINE, Cause.REFUND):
        mine = (rows["cause"] == cause) & (rows["amount"] > 0)
        print(f"{cause.name.lower() + 's, EUR':>24}{int(rows['amount'][mine].sum()) / QUANTA_PER_EUR:12,.2f}")


if __name__ == "__main__":
    compare()
