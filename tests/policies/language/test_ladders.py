"""Ladders: prices between two ends, on the step; parts of a quantity; steps of shares."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattbook.messages import NO_PRICE
from wattbook.policies.language.ladders import (
    CEILINGS,
    LEVELS,
    MARK_UPS,
    PREMIUMS,
    SHARES,
    ceiling_ppm,
    mark_up_ppm,
    part_of,
    premium_tick,
    price_at,
)

ticks = st.integers(-(10**7), 10**7)
steps = st.sampled_from([1, 3, 10, 100])


@given(ticks, ticks, steps)
def test_prices_rise_with_the_level_from_one_end_to_the_other_on_the_step(one, other, step):
    low, high = min(one, other), max(one, other)
    prices = [price_at(level, low, high, step) for level in LEVELS]
    if prices[0] == NO_PRICE:
        assert set(prices) == {NO_PRICE}
        assert not any(price % step == 0 for price in range(low, min(high, low + step) + 1))
        return
    assert prices == sorted(prices)
    assert all(price % step == 0 and low <= price <= high for price in prices)
    assert prices[0] - low < step
    assert high - prices[-1] < step


@given(ticks, st.integers(0, 10**6))
def test_on_a_step_of_one_tick_the_ends_are_exact_and_no_rung_is_half_a_tick_off(low, width):
    for level in LEVELS:
        assert abs(10 * (price_at(level, low, low + width) - low) - width * level) <= 5
    assert (price_at(0, low, low + width), price_at(10, low, low + width)) == (low, low + width)


def test_ends_the_wrong_way_round_have_no_price():
    assert price_at(5, 101, 100) == NO_PRICE


@given(st.integers(-1_000, 10**12))
def test_a_part_of_something_is_something_and_never_more_than_it(quantity):
    parts = [part_of(quantity, share) for share in SHARES]
    assert parts == sorted(parts)
    assert (parts[0], parts[-1]) == (0, max(quantity, 0))
    assert all((part > 0) == (quantity > 0) for part in parts[1:])


@pytest.mark.parametrize("table", [MARK_UPS, PREMIUMS, CEILINGS])
def test_every_level_has_a_step_and_steps_rise(table):
    assert len(table) == len(LEVELS)
    assert list(table) == sorted(set(table))


def test_levels_mean_what_their_tables_say():
    assert [mark_up_ppm(level) for level in (0, 1, 10)] == [0, 50_000, 3_000_000]
    assert [premium_tick(level) for level in (0, 1, 10)] == [0, 100, 3_000]
    assert [ceiling_ppm(level) for level in (0, 3, 10)] == [-200_000, 0, 500_000]
