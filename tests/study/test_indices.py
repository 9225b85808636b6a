import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattbook.errors import ConfigError
from wattbook.study import calvano_delta, lerner_index, pass_through, sameness, smith_alpha

AMOUNTS = st.floats(-1e6, 1e6)


def test_delta_is_0_in_equilibrium_1_in_monopoly_and_unknown_where_they_are_one():
    assert calvano_delta(10, 10, 50) == 0
    assert calvano_delta(50, 10, 50) == 1
    assert calvano_delta(-30, 10, 50) == -1
    assert calvano_delta(30, 50, 50) is None
    assert calvano_delta(30, 60, 50) is None


@given(AMOUNTS, AMOUNTS, st.floats(1, 1e6), AMOUNTS)
def test_delta_does_not_depend_on_where_profits_are_counted_from(profit, nash, gap, shift):
    plain = calvano_delta(profit, nash, nash + gap)
    assert calvano_delta(profit + shift, nash + shift, nash + gap + shift) == pytest.approx(plain, abs=1e-3, rel=1e-3)


def test_lerner_weighs_by_energy_and_leaves_out_what_has_no_index():
    assert lerner_index([100, 50], [50, 50], [3, 1]) == 0.375
    assert lerner_index([100, 0, -5], [50, 9, 9], [1, 7, 7]) == 0.5
    assert lerner_index([100], [50], [0]) is None


def test_alpha_is_smiths():
    assert smith_alpha([103, 97], [100, 100]) == 3
    # Smith's own form: one price P0 for all.
    prices, p0 = [210, 190, 204], 200
    s = math.sqrt(sum((p - p0) ** 2 for p in prices) / 3)
    assert smith_alpha(prices, [p0] * 3) == pytest.approx(100 * s / p0)
    assert smith_alpha([], []) is None
    assert smith_alpha([5], [-5]) is None


def test_pass_through_is_the_share_of_a_change_of_cost():
    assert pass_through(50, 40, 54, 48) == 0.5
    with pytest.raises(ConfigError, match="needs a change"):
        pass_through(50, 40, 54, 40)


@given(st.lists(st.sampled_from("abc"), min_size=2, max_size=12))
def test_sameness_is_the_share_of_equal_pairs(choices):
    n = len(choices)
    pairs = [(choices[i], choices[j]) for i in range(n) for j in range(i)]
    assert sameness(choices) == pytest.approx(sum(a == b for a, b in pairs) / len(pairs))


def test_one_alone_is_the_same_as_nobody():
    assert sameness(["buy"]) is None
