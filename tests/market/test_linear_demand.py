"""Demand as a ladder of bids, cleared by the spot market itself."""

import numpy as np
import pytest

from wattbook.errors import ConfigError
from wattbook.market.linear_demand import CHOKE_BOUND_TICK, LinearDemand

MWH = 1_000_000
DEMAND = LinearDemand(1_000, 100)


def test_the_price_is_the_ladder_at_the_total_however_it_is_divided():
    for offered in ([3 * MWH], [1 * MWH, 2 * MWH], [1, 2 * MWH, MWH - 1]):
        assert DEMAND.clear(offered).price_tick.tolist() == [700]
    totals = np.arange(1, 1_200) * DEMAND.rung_wh
    # A MWh more lowers it by 1 EUR/MWh, and below the floor it does not go.
    assert DEMAND.price_of(totals).tolist() == [max(1_000 - rung, 0) for rung in range(1, 1_200)]
    assert DEMAND.price_of(np.array([1, DEMAND.rung_wh + 1])).tolist() == [999, 998]


@pytest.mark.parametrize(("choke", "slope", "rung_wh"), [(1, 1, MWH), (700, 80, 12_500), (3, MWH, 1)])
def test_all_rungs_together_are_what_is_wanted_for_nothing(choke, slope, rung_wh):
    demand = LinearDemand(choke, slope)
    assert (demand.rung_wh, demand.most_wh) == (rung_wh, choke * rung_wh)
    assert demand.most_wh == demand.bids.quantity_wh.sum()
    assert demand.bids.price_tick.tolist() == list(range(choke - 1, -1, -1))
    assert demand.price_of(np.array([demand.most_wh])).tolist() == [0]


def test_totals_may_be_asked_one_by_one_or_together():
    totals = np.arange(1, 200) * 7_777
    assert [int(DEMAND.price_of(totals[i : i + 1])[0]) for i in range(len(totals))] == DEMAND.price_of(totals).tolist()
    assert DEMAND.price_of(np.zeros(0, np.int64)).tolist() == []


def test_mistakes_are_told_all_at_once():
    with pytest.raises(ConfigError) as refused:
        LinearDemand(0, 30)
    assert len(refused.value.problems) == 2
    for choke in (CHOKE_BOUND_TICK + 1, 10.5, True):
        with pytest.raises(ConfigError, match="choke"):
            LinearDemand(choke, 100)
    with pytest.raises(ConfigError, match="slope"):
        LinearDemand(100, MWH + 1)
