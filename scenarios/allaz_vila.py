"""What does selling ahead do to those who can choose how much to sell?

Two sellers know demand, P = 100 - Q, and their cost, 10 EUR/MWh, and look for the quantities that earn them most: first
at a contract desk, where arbitrageurs buy at the spot price that they expect, then at spot. Without the desk the price
ends at 40 EUR/MWh, with one forward round at 28, with two at 22.86, and at 40 again where nobody sees what the other
has sold ahead (Allaz and Vila, Journal of Economic Theory 59, 1993):

    wattbook run allaz-vila --set game.rounds=2
    wattbook run allaz-vila --set game.observable=no
    wattbook run allaz-vila --set game.choke=80 --set game.cost=20 --set game.sellers=3
"""

from wattbook import ForwardGame, Scenario
from wattbook.units import eur_per_mwh, minutes

scenario = Scenario(
    start="2016-06-06",
    days=1,
    hours=2,
    period=minutes(60),
    agents=[],
    local=None,
    baseline=False,
    game=ForwardGame(choke=eur_per_mwh(100), slope=eur_per_mwh(1), cost=eur_per_mwh(10), sellers=2, rounds=1),
)

if __name__ == "__main__":
    print(scenario.run(seed=7).summary())
