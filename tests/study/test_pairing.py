from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattbook.errors import ConfigError
from wattbook.study import paired


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=7))
def test_the_p_value_counts_all_flips_of_signs(differences):
    told = paired([float(each) for each in differences], [0.0] * len(differences))
    sums = [
        sum(s * d for s, d in zip(signs, differences, strict=True))
        for signs in product((1, -1), repeat=len(differences))
    ]
    assert told.p_value == sum(abs(each) >= abs(sum(differences)) for each in sums) / len(sums)
    assert told.difference == pytest.approx(sum(differences) / len(differences))


def test_many_pairs_are_tested_by_flips_that_are_always_the_same():
    same = [paired([1.0 + i % 3 for i in range(40)], [1.0] * 40) for _ in range(2)]
    assert same[0] == same[1]
    assert 0 < same[0].p_value < 1e-3
    nothing = paired([(-1.0) ** i for i in range(40)], [0.0] * 40)
    assert nothing.p_value == 1


def test_the_standard_error_is_that_of_the_differences():
    told = paired([2.0, 3.0, 4.0], [1.0, 1.0, 1.0])
    assert told.standard_error == pytest.approx((1 / 3) ** 0.5)
    assert paired([2.0], [1.0]).standard_error is None


@pytest.mark.parametrize(("values", "base"), [([], []), ([1.0], [1.0, 2.0])])
def test_what_are_no_pairs_is_refused(values, base):
    with pytest.raises(ConfigError, match="no pairs"):
        paired(values, base)
