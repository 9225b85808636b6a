"""Fixtures of the scenario tests: a scenario small enough to run in a second."""

import sys
from pathlib import Path

import pytest

from wattbook import Battery, LocalMarket, Pv, Scenario, consumer, prosumer, utility
from wattbook.units import eur_per_mwh, kw, kwh, minutes

# So that tests of this folder find each other's `forward_games`.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def make_scenario():
    """Give a function that makes a small sound scenario; every argument replaces a value."""

    def make(**values):
        agents = [
            consumer("ada", rated=kw(3)),
            prosumer("bo", profile="H0-B", pv=Pv(kw(9)), battery=Battery(kwh(8), kw(4)), supplier="blue"),
            utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(80)),
        ]
        sound = {"start": "2016-06-06", "days": 1, "agents": agents, "local": LocalMarket(period=minutes(60))}
        return Scenario(**(sound | values))

    return make
