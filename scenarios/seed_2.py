"""What does a utility's power cost where everything is auctioned?

The place, people and plants of `seed_1` and one other value: in the place of the contract desk a call auction for each
quarter of an hour, once a day for the day to come. The country around it is reached over a link of 5 MW.
"""

from seed_1 import scenario as with_contracts

from wattbook import Auction
from wattbook.units import mw

scenario = with_contracts.with_values({"wholesale": Auction(link=mw(5)), "name": ""})

if __name__ == "__main__":
    print(scenario.run(seed=7).summary())
