"""A prosumer: shares that add up, an ask between two ends, coming and going."""

import pytest
from language_views import PROSUMER

from wattbook.policies.language.observing import NOBODY
from wattbook.policies.language.prosumer import ProsumerPlan, read

PLAIN = {"self_share": 25, "store_share": 25, "sell_share": 50, "ask_level": 5, "grid": "stay", "rationale": ""}
AWAY = PROSUMER._replace(connected=False)


def plan(view=PROSUMER, **changes):
    return read({**PLAIN, **changes}, view, NOBODY)


def test_it_sells_and_stores_its_shares_of_what_its_panels_give():
    assert plan() == ProsumerPlan(sell_wh=1_000, ask_tick=11_750, store_wh=500, grid="stay")


def test_its_own_load_comes_first():
    sells = plan(self_share=0, store_share=0, sell_share=100)
    assert (sells.sell_wh, sells.store_wh) == (1_600, 0)
    stores = plan(self_share=0, store_share=100, sell_share=0)
    assert (stores.sell_wh, stores.ask_tick, stores.store_wh) == (0, 0, 1_600)


@pytest.mark.parametrize(
    ("changes", "store"), [({"soc_wh": 7_900}, 100), ({"soc_wh": 8_001}, 0), ({"surplus_wh": 1_100}, 100)]
)
def test_no_more_is_stored_than_has_room_and_is_left(changes, store):
    assert plan(view=PROSUMER._replace(**changes)).store_wh == store


def test_who_lacks_energy_sells_none():
    assert plan(view=PROSUMER._replace(surplus_wh=-300)) == ProsumerPlan(0, 0, 0, "stay")


@pytest.mark.parametrize("shares", [(25, 25, 25), (100, 100, 100), (0, 0, 0), (75, 0, 50)])
def test_shares_have_to_add_up_to_all(shares):
    assert plan(**dict(zip(("self_share", "store_share", "sell_share"), shares, strict=True))) is None


@pytest.mark.parametrize(("level", "ask"), [(0, 8_000), (5, 11_750), (10, 15_500)])
def test_it_asks_between_what_its_utility_pays_and_what_a_buyer_saves_at(level, ask):
    assert plan(ask_level=level).ask_tick == ask


@pytest.mark.parametrize(
    ("changes", "ask"),
    [
        # Never below what the utility pays, also where no buyer would save, and on the step above it.
        ({"buyer_tick": 7_000}, 8_000), ({"feed_in_tick": 8_001, "buyer_tick": 8_002}, 8_010),
        ({"feed_in_tick": -500}, 15_500), ({"cap_tick": 9_000}, 9_000),
    ],
)  # fmt: skip
def test_a_ladder_without_room_still_has_its_lowest_price(changes, ask):
    assert plan(view=PROSUMER._replace(**changes), ask_level=10).ask_tick == ask


def test_above_the_cap_it_cannot_sell_but_can_keep():
    view = PROSUMER._replace(cap_tick=7_990)
    assert plan(view=view) is None
    assert plan(view=view, self_share=100, store_share=0, sell_share=0) == ProsumerPlan(0, 0, 0, "stay")


def test_it_can_only_leave_where_it_is_and_come_back_where_it_is_not():
    assert plan(grid="reconnect") is None
    assert plan(view=AWAY, grid="disconnect") is None
    assert plan(grid="disconnect") == ProsumerPlan(0, 0, 500, "disconnect")
    assert plan(view=AWAY) == ProsumerPlan(0, 0, 500, "stay")
    assert plan(view=AWAY, grid="reconnect") == ProsumerPlan(1_000, 11_750, 500, "reconnect")
