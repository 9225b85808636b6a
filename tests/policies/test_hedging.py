"""How much of a need is to be covered, and how much is bid for: by hand, and against plain arithmetic."""

import re
import subprocess
import sys
from fractions import Fraction
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattbook import policies
from wattbook.errors import ConfigError
from wattbook.policies.hedging import (
    LADDER,
    Hedge,
    fitting_lots,
    ladder_ppm,
    minimum_variance_ppm,
    need_quantile_wh,
    newsvendor_ppm,
    price_changes,
)
from wattbook.units import MS_PER_DAY, PPM

LEFT_MS = np.array([4, 3, 2, 1, 0], np.int64) * MS_PER_DAY


@pytest.mark.parametrize(
    ("hedge", "shares"),
    [
        (Hedge(), [0] * 5),
        (Hedge("fixed", 250_000), [250_000] * 5),
        (Hedge("ladder"), [300_000, 300_000, 600_000, 600_000, 900_000]),
        (Hedge("ladder", steps=((0, 500_000),)), [500_000] * 5),
        (Hedge("minimum-variance", 700_000), [700_000] * 5),
    ],
)
def test_each_rule_gives_its_share_of_each_period(hedge, shares):
    assert hedge.shares_ppm(LEFT_MS).tolist() == shares


def test_what_is_being_delivered_stands_on_the_last_step():
    assert ladder_ppm(np.array([MS_PER_DAY - 1, -1, -MS_PER_DAY]), LADDER).tolist() == [900_000] * 3


def test_the_ratio_of_least_variance_by_hand():
    # Spot moves by 1, -1, 3, 1 while the mark moves by 2, -2, 4, 0: Cov = 3, Var = 5 (times 4/4), 60 %.
    past = (((100, 90), (101, 92), (100, 90), (103, 94), (104, 94)),)
    assert price_changes(past) == ([1, -1, 3, 1], [2, -2, 4, 0])
    assert Hedge("minimum-variance", 0).shares_ppm(LEFT_MS[:1], past).tolist() == [600_000]


def test_histories_are_not_joined_to_each_other():
    assert price_changes((((0, 0), (1, 2)), ((50, 60), (53, 64)), ((7, 7),))) == ([1, 3], [2, 4])


@pytest.mark.parametrize("marks", [[], [5], [5, 5, 5]])
def test_marks_that_do_not_vary_tell_nothing(marks):
    assert minimum_variance_ppm(list(range(len(marks))), marks, 345_678) == 345_678


@given(st.lists(st.tuples(st.integers(-(10**5), 10**5), st.integers(-(10**5), 10**5)), min_size=2, max_size=30))
def test_the_ratio_minimises_the_variance_of_what_is_left(changes):
    spot, marks = [s for s, _ in changes], [f for _, f in changes]

    def variance(ratio_ppm):
        rest = [Fraction(s) - Fraction(ratio_ppm, PPM) * f for s, f in changes]
        mean = sum(rest) / len(rest)
        return sum((value - mean) ** 2 for value in rest)

    best = minimum_variance_ppm(spot, marks, 500_000)
    assert 0 <= best <= PPM
    assert all(variance(best) <= variance(other) for other in (max(best - 1, 0), min(best + 1, PPM), 0, PPM))


ENERGIES = st.lists(st.tuples(st.integers(-500, 500), st.integers(0, 40)), min_size=1, max_size=12)


@given(ENERGIES.filter(lambda pairs: any(energy for _, energy in pairs)))
def test_lots_that_fit_leave_the_least_gap_to_the_target(pairs):
    left, energy = (np.array(column, np.int64) for column in zip(*pairs, strict=True))

    def gap(lots):
        return int(np.abs(left - lots * energy).sum())

    lots = fitting_lots(left, energy)
    assert lots >= 0
    assert lots == 0 or gap(lots) <= gap(lots - 1)
    # Where a period's room holds a part of a lot, the next one may come nearer; the one after never does.
    assert gap(lots + 1) <= gap(lots + 2)


@pytest.mark.parametrize(
    ("left", "energy", "lots"),
    [
        ([30, 10], [1, 1], 30),  # half of each lot falls into the first period
        ([30, 10, 10], [1, 1, 1], 10),
        ([30, 10, 10], [3, 1, 1], 10),
        ([-5, -5], [1, 1], 0),
        ([29, 5], [10, 0], 2),
    ],
)
def test_lots_that_fit_by_hand(left, energy, lots):
    assert fitting_lots(np.array(left), np.array(energy)) == lots


@pytest.mark.parametrize(
    ("price", "short", "long", "share"),
    [(9_000, 12_000, 6_000, 500_000), (9_000, 10_000, 6_000, 750_000), (9_000, 12_000, 9_000, 0),
     (9_000, 9_000, 6_000, PPM), (-2_000, 1_000, -8_000, 666_667)],
)  # fmt: skip
def test_the_newsvendor_sells_more_the_less_it_costs_to_be_short(price, short, long, share):
    assert newsvendor_ppm(price, short, long) == share


@pytest.mark.parametrize(("price", "short", "long"), [(90, 90, 90), (90, 80, 100), (130, 120, 60), (50, 120, 60)])
def test_prices_that_do_not_lie_in_order_leave_the_mean(price, short, long):
    assert newsvendor_ppm(price, short, long) == 500_000


def test_the_newsvendor_earns_most_on_average():
    # Production is 0 .. 100 with equal chances; sold ahead at 90, missing bought at 120, left over sold at 80.
    price, short, long = 90, 120, 80

    def earned(sold):
        return sum(
            price * sold - short * max(sold - made, 0) + long * max(made - sold, 0) for made in range(101)
        )  # fmt: skip

    best = max(range(101), key=earned)
    assert newsvendor_ppm(price, short, long) == 250_000
    assert best == 25


@given(st.integers(-(10**9), 10**9), st.integers(0, 10**8), st.integers(0, PPM))
def test_a_quantile_is_that_of_the_normal_distribution_to_the_percent(mean, sd, share):
    percent = min(max(share * 100 // PPM, 1), 99)
    exact = mean + NormalDist().inv_cdf(percent / 100) * sd
    assert abs(int(need_quantile_wh(np.array([mean]), np.array([sd]), share)[0]) - exact) <= sd / 1_000 + 1


def test_a_quantile_rounds_half_to_even_and_may_lie_below_zero():
    # The 84 % quantile is 0.994 sd: 0.5 x 0.994 would be 497.0; 250 Wh of sd give 248.5, 750 give 745.5.
    assert need_quantile_wh(np.array([0, 0, -500]), np.array([250, 750, 0]), 840_000).tolist() == [248, 746, -500]


@pytest.mark.parametrize(
    ("given_", "told"),
    [
        ({"rule": "lader"}, "did you mean 'ladder'?"),
        ({"rule": "fixed", "share_ppm": 0.6}, "for 60 % write 600_000"),
        ({"rule": "fixed", "share_ppm": PPM + 1}, "outside 0 .. 1000000"),
        ({"steps": ()}, "longest time first"),
        ({"steps": ((0, 5), (10, 6))}, "longest time first"),
        ({"steps": ((10, 5),)}, "the last with 0"),
        ({"steps": ((0, 2 * PPM),)}, "shares within"),
    ],
)
def test_a_wrong_hedge_says_what_to_write(given_, told):
    with pytest.raises(ConfigError, match=re.escape(told)):
        Hedge(**given_)


def test_all_mistakes_of_a_hedge_come_at_once():
    with pytest.raises(ConfigError) as caught:
        Hedge("x", -1, ((1, 1),))
    assert len(caught.value.problems) == 3


def test_names_of_the_wholesale_market_load_when_asked_for_and_no_contract_desk_before():
    script = (
        "import sys, wattbook.policies as p; before = 'wattbook.contracts' in sys.modules; "
        "names = [getattr(p, name) for name in p.__all__]; print(before, len(names) == len(p.__all__))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
    with pytest.raises(AttributeError, match="no attribute 'Hedges'"):
        policies.Hedges  # noqa: B018 - the look is the test
