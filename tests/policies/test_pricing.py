"""What a utility charges: after what energy has cost it, or after what its customers bear."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wholesale_views import no_draw, own_of, public_of

from wattbook.policies import UTILITY_PERSONAS
from wattbook.policies.pricing import Pricing
from wattbook.policies.wholesale import Shop
from wattbook.units import PPM

FOLLOWS = Pricing(follows_ppm=PPM)
FEELS = Pricing(feels_ppm=5_000)


def shop_of(*, customers=1_000, before=1_000, shift=0, low=-8_000, high=16_000, cost=5_000, planned=5_000, rivals=()):
    return Shop(customers, before, 16_000, shift, low, high, cost, planned, rivals)


@pytest.mark.parametrize(
    ("cost", "shift", "wanted"),
    [
        (5_000, 0, 0), (5_100, 0, 100), (5_900, 0, 200), (5_900, 200, 400), (5_900, 900, 900), (5_900, 1_200, 1_000),
        (4_000, 0, -200), (4_000, -900, -1_000), (5_000, 150, 0),
    ],
)  # fmt: skip
def test_who_follows_its_cost_moves_towards_it_a_step_a_day(cost, shift, wanted):
    assert FOLLOWS.shift_tick(shop_of(cost=cost, shift=shift)) == wanted


@pytest.mark.parametrize(("follows", "wanted"), [(0, 0), (PPM // 4, 25), (PPM // 2, 50), (PPM, 100)])
def test_who_follows_in_part_moves_that_part(follows, wanted):
    assert Pricing(follows).shift_tick(shop_of(cost=5_100)) == wanted


@pytest.mark.parametrize(("lost", "wanted"), [(0, 500), (5, 500), (6, -100), (1_000, -100), (-50, 500)])
def test_who_tries_what_they_bear_raises_until_it_loses_too_many(lost, wanted):
    """0.5 % of 1,000 customers are 5."""
    assert FEELS.shift_tick(shop_of(customers=1_000 - lost, shift=300, cost=9_000)) == wanted


def test_without_customers_nobody_is_lost():
    assert FEELS.shift_tick(shop_of(customers=0, before=0)) == 200


@pytest.mark.parametrize("pricing", [FOLLOWS, FEELS, Pricing()])
def test_bounds_hold_at_both_ends(pricing):
    assert pricing.shift_tick(shop_of(shift=50, low=60, high=80, cost=5_000)) in (60, 80)
    assert pricing.shift_tick(shop_of(shift=-5, low=-90, high=-60, cost=9_000)) in (-90, -60)


@given(
    st.builds(Pricing, st.integers(0, PPM), st.integers(1, 1_000), st.sampled_from([0, 1, 5_000, PPM])),
    st.integers(0, 10**6), st.integers(0, 10**6), st.integers(-8_000, 16_000), st.integers(-50_000, 400_000),
    st.integers(-50_000, 400_000),
)  # fmt: skip
def test_no_day_moves_a_price_by_more_than_its_steps_nor_out_of_its_bounds(
    pricing, customers, before, shift, cost, planned
):
    wanted = pricing.shift_tick(shop_of(customers=customers, before=before, shift=shift, cost=cost, planned=planned))
    assert type(wanted) is int
    assert -8_000 <= wanted <= 16_000
    assert abs(wanted - shift) <= pricing.step_tick * (2 if pricing.feels_ppm else 1)


@given(st.integers(-2_000, 2_000), st.integers(1, 500))
def test_a_cost_that_stays_is_reached_and_kept(above, step):
    pricing, shift = Pricing(PPM, step), 0
    for _ in range(2_000 // step + 2):
        shift = pricing.shift_tick(shop_of(cost=5_000 + above, shift=shift))
    assert shift == above
    assert pricing.shift_tick(shop_of(cost=5_000 + above, shift=shift)) == above


def test_personas_price_as_their_rules_say():
    own, public, shop = own_of(), public_of(), shop_of(cost=5_100)
    shifts = {name: mind.price(own, public, shop, no_draw) for name, mind in UTILITY_PERSONAS.items()}
    assert shifts == {"balanced": 100, "eco-friendly": 50, "greedy": 200, "depressed": 0, "prudent": 0}
