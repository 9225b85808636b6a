"""Does the cleverer trader still win when thinking takes time?

After Hanifan and Cartlidge (2020): adaptive-aggressive traders (AA) against shavers, who only quote one step better
than the best. Of each value and each cost there is one of both kinds, so neither has an advantage but its own. All
look, think, and are as late as they thought long. First they are equally fast; then shavers are faster, at last about
as much as what they do takes less time to compute. A minute is a trading day, ten of them are a session.

With numbers behind it the script asks only for shavers that are so many times as fast:  python reaction_times.py 4

The same from a shell:  wattbook run reaction_times --set buy-75-aa.reaction=2s
"""

import sys
from statistics import mean, stdev

from wattbook import LocalMarket, Scenario, trader
from wattbook.results import profits_by_policy
from wattbook.units import eur_per_mwh, minutes, seconds

UNITS = range(75, 326, 25)
STEP = eur_per_mwh(1)
SLOW = 1.0
"""Reaction time of an AA trader [s]: it looks about sixty times a day."""
FASTER = (1, 4, 10)
"""How often a shaver looks while an AA trader looks once. In plain Python a shaver's decision takes 3 us; an AA
trader's, with what it learns between two of them, 12 times as long."""


def market(reaction_s, turns="reaction", step=STEP, **options):
    """Describe a market of two kinds of traders: their policies, each with its reaction time [s]."""
    reaction = {policy: seconds(time_s) if turns == "reaction" else None for policy, time_s in reaction_s.items()}
    return Scenario(
        start="2016-06-06",
        days=1,
        hours=1,
        timezone="UTC",
        agents=[
            trader(f"{side}-{price}-{policy}", side, value=eur_per_mwh(price), policy=policy, reaction=reaction[policy])
            for side in ("buy", "sell")
            for price in UNITS
            for policy in reaction_s
        ],
        local=LocalMarket(
            period=minutes(1),
            closes_before=minutes(0),
            cap=eur_per_mwh(400),
            step=step,
            district=False,
            turns=turns,
            session_days=10,
            **{"failed_shouts": 1_000_000, **options},
        ),
    )


def leads(described, first, second, seeds):
    """Give by how much `first` leads `second` in each whole session, in points of the profit at competitive prices."""
    found = []
    for seed in seeds:
        profits = profits_by_policy(described.run(seed=seed, baseline=False))
        whole = profits.filter(profits["days"] == 10)
        table = whole.pivot("policy", index="session", values="share").sort("session")
        found += (table[first] - table[second]).to_list()
    return found


scenario = market({"aa": SLOW, "shaver": SLOW / FASTER[1]})

if __name__ == "__main__":
    for times in map(int, sys.argv[1:] or FASTER):
        found = leads(market({"aa": SLOW, "shaver": SLOW / times}), "aa", "shaver", range(1, 3))
        wide = 1.96 * stdev(found) / len(found) ** 0.5
        print(f"shavers {times:>2} times as fast: AA leads by {mean(found):+.1f} +- {wide:.1f} points of its profit")
