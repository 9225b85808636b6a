"""A neighbourhood from a real grid: who gets which plant, battery and temperament."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattbook import neighbourhood
from wattbook.scenario import Prosumer
from wattbook.units import kw, kwh, percent

GRID = "simbench/LV2.101"


def described(members):
    return {member.name: member for member in members}


def plants(members):
    return {each.name: each.pv.rated_w for each in members if isinstance(each, Prosumer) and each.pv}


def batteries(members):
    return {each.name: each.battery for each in members if isinstance(each, Prosumer) and each.battery}


def test_members_are_named_by_what_they_are_and_their_number_in_the_grid():
    names = Counter(member.name.split("-")[0] for member in neighbourhood(GRID))
    assert names == {"home": 92, "trade": 7, "charger": 4}
    assert described(neighbourhood(GRID))["home-9"].label == "LV2.101-Load-9"


def test_without_a_share_the_grid_has_its_nine_real_plants_at_their_nodes():
    assert plants(neighbourhood(GRID)) == {
        "home-6": 9_800, "home-7": 12_500, "home-8": 11_000, "home-15": 27_600, "home-45": 4_700,
        "home-66": 28_600, "home-77": 22_600, "home-78": 28_600, "trade-85": 83_300,
    }  # fmt: skip


@pytest.mark.parametrize(("share", "count"), [(0, 0), (0.03, 3), (0.4, 41), (percent(40), 41), (1, 103)])
def test_a_share_is_rounded_to_whole_members(share, count):
    assert len(plants(neighbourhood(GRID, pv_share=share))) == count


def test_a_small_share_keeps_the_first_real_plants_in_the_grids_order():
    assert set(plants(neighbourhood(GRID, pv_share=0.03))) < set(plants(neighbourhood(GRID)))


@given(low=st.floats(0, 1), high=st.floats(0, 1), seed=st.integers(0, 5))
def test_a_larger_share_adds_to_a_smaller_one_and_moves_nobody(low, high, seed):
    low, high = sorted((low, high))
    few, many = (plants(neighbourhood(GRID, pv_share=share, seed=seed)) for share in (low, high))
    assert few.items() <= many.items()


def test_real_plants_come_first_then_households_with_3_to_8_kw():
    real, some = plants(neighbourhood(GRID)), plants(neighbourhood(GRID, pv_share=0.5))
    assert real.items() <= some.items()
    added = {name: rated for name, rated in some.items() if name not in real}
    assert all(name.startswith("home-") for name in added)
    assert all(kw(3) <= rated <= kw(8) and rated % 100 == 0 for rated in added.values())
    assert len(set(added.values())) > 10


def test_batteries_go_to_members_with_pv_first():
    members = neighbourhood(GRID, pv_share=0.4, battery_share=0.2)
    assert len(batteries(members)) == 21
    assert set(batteries(members)) <= set(plants(members))
    members = neighbourhood(GRID, pv_share=0.1, battery_share=0.2)
    assert set(plants(members)) <= set(batteries(members))


def test_a_battery_holds_5_to_12_kwh_gives_half_of_it_per_hour_and_returns_nine_tenths():
    for battery in batteries(neighbourhood(GRID, battery_share=1.0)).values():
        assert kwh(5) <= battery.capacity_wh <= kwh(12)
        assert battery.power_w == battery.capacity_wh // 2
        assert battery.efficiency_ppm == percent(90)


def test_draws_belong_to_members_and_seeds():
    members = described(neighbourhood(GRID, pv_share=0.5, battery_share=0.3))
    again = described(neighbourhood(GRID, pv_share=0.5, battery_share=0.3))
    other = described(neighbourhood(GRID, pv_share=0.5, battery_share=0.3, seed=1))
    assert members == again
    assert members != other


def test_businesses_deduct_vat_and_homes_do_not():
    members = neighbourhood(GRID)
    assert {each.name.split("-")[0] for each in members if each.deducts_vat} == {"trade"}


def test_all_personas_occur_in_a_mix_and_one_alone_if_asked():
    mixed = Counter(member.policy.persona for member in neighbourhood(GRID))
    assert set(mixed) == {"balanced", "patient", "eager", "green", "thrifty"}
    assert {member.policy.persona for member in neighbourhood(GRID, personas="green")} == {"green"}


def test_shares_of_personas_are_kept_in_the_mean():
    mixed = Counter(m.policy.persona for m in neighbourhood(GRID, personas={"green": 0.9, "eager": percent(10)}))
    assert mixed["green"] > 80
    assert mixed["eager"] > 2


def test_two_grids_share_a_scenario_by_a_prefix():
    left = {(each.name, each.feeder) for each in neighbourhood(GRID, prefix="a-")}
    right = {(each.name, each.feeder) for each in neighbourhood(GRID, prefix="b-")}
    assert not {name for name, _ in left} & {name for name, _ in right}
    assert ("a-home-9", "a-feeder-1") in left or any(name == "a-home-9" for name, _ in left)
    assert not {feeder for _, feeder in left} & {feeder for _, feeder in right}
