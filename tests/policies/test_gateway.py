"""The rule by which utilities and producers deal with homes: by hand, and what holds of it whatever they see."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattbook.messages import BUY, NO_PRICE, SELL
from wattbook.policies.gateway import MARGIN_TICK, local_orders
from wattbook.policies.wholesale import Gate, Own
from wattbook.world.kernel import taxed_fee_tick

PPM = 1_000_000


def own_of(**values):
    defaults = {
        "agent": 0, "now_ms": 0, "first": 10, "start_ms": 0, "period_ms": 900_000, "need_wh": 0, "sd_wh": 0,
        "available_wh": 0, "marginal_tick": 0, "follows_weather": False, "renewable": False, "contracted_wh": 0,
        "money": 0,
    }  # fmt: skip
    values = defaults | values
    arrays = ("need_wh", "sd_wh", "available_wh", "contracted_wh")
    return Own(**values | {name: np.atleast_1d(np.array(values[name], np.int64)) for name in arrays})


def gate_of(**values):
    defaults = {
        "is_utility": False, "spot_tick": 9_000, "short_tick": 10_800, "long_tick": 7_200, "spot_wh": 0,
        "position_wh": 0, "sellable_wh": 1 << 40, "bid_tick": NO_PRICE, "bid_wh": 0, "ask_tick": NO_PRICE, "ask_wh": 0,
        "retail_tick": 16_000, "feed_in_tick": 7_000, "floor_tick": 0, "cap_tick": 50_000, "step_tick": 1,
        "most_wh": 1 << 40,
    }  # fmt: skip
    values = defaults | values
    plain = ("is_utility", "floor_tick", "cap_tick", "step_tick", "most_wh")
    return Gate(**{k: v if k in plain else np.atleast_1d(np.array(v, np.int64)) for k, v in values.items()})


def rows_of(orders):
    return sorted(zip(*(column.tolist() for column in orders), strict=True))


def test_a_plant_that_is_not_needed_asks_its_cost_or_what_the_short_pay():
    own = own_of(available_wh=1_000, marginal_tick=12_000)
    assert rows_of(local_orders(own, gate_of())) == [(10, SELL, 12_000 + MARGIN_TICK, 1_000)]
    cheap = own._replace(marginal_tick=8_000)
    assert rows_of(local_orders(cheap, gate_of())) == [(10, SELL, 10_800 + MARGIN_TICK, 1_000)]


def test_a_plant_that_is_sold_out_would_rather_buy_below_its_cost():
    own = own_of(available_wh=1_000, marginal_tick=8_000)
    assert rows_of(local_orders(own, gate_of(spot_wh=-1_000))) == [(10, BUY, 8_000 - MARGIN_TICK, 1_000)]
    # What it bought here is not sold any more: it is free again.
    assert rows_of(local_orders(own, gate_of(spot_wh=-1_000, position_wh=300))) == [
        (10, SELL, 10_800 + MARGIN_TICK, 300), (10, BUY, 8_000 - MARGIN_TICK, 700),
    ]  # fmt: skip


def test_wind_sells_what_is_left_and_saves_nothing_by_buying():
    own = own_of(available_wh=1_000, marginal_tick=0, follows_weather=True)
    assert rows_of(local_orders(own, gate_of(spot_wh=-400))) == [(10, SELL, 7_200 + MARGIN_TICK, 600)]
    assert rows_of(local_orders(own, gate_of(spot_wh=-1_400))) == []


def test_a_utility_evens_out_and_deals_with_a_tenth_beyond():
    own = own_of(need_wh=1_000, contracted_wh=300)
    assert rows_of(local_orders(own, gate_of(is_utility=True, spot_wh=500, sellable_wh=800))) == [
        (10, SELL, 10_800 + MARGIN_TICK, 100),
        (10, BUY, 7_200 - MARGIN_TICK, 100),
        (10, BUY, 9_000 - MARGIN_TICK, 200),
    ]
    assert rows_of(local_orders(own, gate_of(is_utility=True, spot_wh=740, sellable_wh=1_040))) == [
        (10, SELL, 9_000 + MARGIN_TICK, 40),
        (10, SELL, 10_800 + MARGIN_TICK, 100),
        (10, BUY, 7_200 - MARGIN_TICK, 100),
    ]


def test_a_utility_that_holds_nothing_sells_nothing():
    own = own_of(need_wh=1_000)
    sides = {row[1] for row in rows_of(local_orders(own, gate_of(is_utility=True, sellable_wh=0)))}
    assert sides == {BUY}
    sides = {row[1] for row in rows_of(local_orders(own, gate_of(is_utility=True, sellable_wh=-50)))}
    assert sides == {BUY}


def test_a_utility_whose_homes_feed_in_buys_a_tenth_of_that():
    own = own_of(need_wh=-1_000)
    rows = rows_of(local_orders(own, gate_of(is_utility=True, spot_wh=-1_000, sellable_wh=-1_000)))
    assert rows == [(10, BUY, 7_200 - MARGIN_TICK, 100)]


def test_prices_keep_to_step_and_band_and_orders_to_their_size():
    own = own_of(available_wh=1_000, marginal_tick=12_345)
    ((_, _, price, quantity),) = rows_of(local_orders(own, gate_of(step_tick=50, most_wh=70)))
    assert (price, quantity) == (12_550, 70)
    assert not rows_of(local_orders(own, gate_of(cap_tick=12_500)))
    low = own._replace(marginal_tick=-9_000)
    ((_, _, price, _),) = rows_of(local_orders(low, gate_of(short_tick=-9_000, floor_tick=0, step_tick=50)))
    assert price == 0, "nobody asks less than the floor"


LEVEL = st.integers(-40_000, 60_000)
ENERGY = st.integers(-(10**7), 10**7)
WHEN = st.integers(1, 4)


@given(st.data())
def test_whatever_it_sees_the_rule_keeps_within_its_means(data):
    n = data.draw(WHEN)

    def column(values):
        return data.draw(st.lists(values, min_size=n, max_size=n))

    able, held = column(ENERGY), column(ENERGY)
    own = own_of(
        need_wh=column(ENERGY), available_wh=able, contracted_wh=column(ENERGY), marginal_tick=data.draw(LEVEL),
        follows_weather=data.draw(st.booleans()), sd_wh=[0] * n,
    )  # fmt: skip
    step = data.draw(st.sampled_from([1, 7, 50]))
    gate = gate_of(
        is_utility=data.draw(st.booleans()), spot_tick=column(LEVEL), short_tick=column(LEVEL),
        long_tick=column(LEVEL), spot_wh=held, position_wh=column(ENERGY), sellable_wh=column(ENERGY),
        retail_tick=[0] * n, feed_in_tick=[0] * n, step_tick=step, floor_tick=data.draw(st.sampled_from([-9_000, 0])),
        cap_tick=data.draw(st.sampled_from([40, 50_000])), most_wh=data.draw(st.sampled_from([5, 10**6])),
        bid_tick=[NO_PRICE] * n, ask_tick=[NO_PRICE] * n, bid_wh=[0] * n, ask_wh=[0] * n,
    )  # fmt: skip
    rows = rows_of(local_orders(own, gate))
    for period, side, price, quantity in rows:
        assert own.first <= period < own.first + n
        assert gate.floor_tick <= price <= gate.cap_tick
        assert price % step == 0
        assert 0 < quantity <= gate.most_wh
        assert side in (BUY, SELL)
    for place in range(n):
        here = [row for row in rows if row[0] == own.first + place]
        asked = sum(row[3] for row in here if row[1] == SELL)
        assert asked <= max(0, gate.sellable_wh[place]), "H5: nothing of it is refused"
        bids, asks = ([row[2] for row in here if row[1] == side] for side in (BUY, SELL))
        assert not bids or not asks or max(bids) < min(asks), "it never trades with itself"


@given(
    st.integers(0, 100_000), st.integers(0, 30_000), st.integers(0, 30_000), st.sampled_from([70_000, 190_000, PPM])
)  # fmt: skip
def test_the_fee_that_homes_are_shown_makes_their_comparison_right(retail, standard, fee, vat_ppm):
    """They buy at up to (retail + standard - fee) x (1 + VAT); here VAT comes on top of the energy as well."""
    shown = taxed_fee_tick(retail + standard, fee, vat_ppm)
    bound = (retail + standard - shown) * (PPM + vat_ppm) // PPM
    right = retail + standard - fee
    assert bound <= right, "never to the home's disadvantage"
    assert right - bound <= 2
    # Landed, both with VAT: no dearer than with the utility.
    assert (bound + fee) * (PPM + vat_ppm) <= (retail + standard) * (PPM + vat_ppm)


@pytest.mark.parametrize("vat_ppm", [0, 190_000])
def test_without_vat_the_fee_is_the_paths(vat_ppm):
    assert taxed_fee_tick(23_000, 7_000, 0) == 7_000
    assert taxed_fee_tick(23_000, 7_000, vat_ppm) == (9_555 if vat_ppm else 7_000)
