"""Upgrades: one at a time, usable after their lead, paid once."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattbook.assets import Build, Upgrades, UpgradeTerms, annuity
from wattbook.assets.upgrades import MS_PER_YEAR
from wattbook.errors import ConfigError
from wattbook.units import eur, hours, mw, percent

BASE = np.array([10**9, 2 * 10**9])


def upgrades(*, second=None, **given):
    terms = UpgradeTerms(eur(800), **{"lead_ms": 1_000, **given})
    return Upgrades(BASE, [terms, second])


@pytest.mark.parametrize(
    ("principal", "interest", "years", "yearly"),
    [
        (1_000_000 * 10**8, 50_000, 20, 8_024_258_719_069),  # 80,242.58719069 EUR
        (1_000_000 * 10**8, 70_000, 1, 107_000_000_000_000),
        (900, 0, 4, 225),
        (902, 0, 4, 226),  # 225.5 to even
    ],
)
def test_an_annuity_is_the_textbooks(principal, interest, years, yearly):
    assert annuity(principal, interest, years) == yearly


@given(st.integers(0, 10**15), st.integers(1, 10**6), st.integers(1, 60))
def test_instalments_discounted_are_worth_the_principal(principal, interest, years):
    yearly, rate = annuity(principal, interest, years), Fraction(interest, 10**6)
    worth = sum(Fraction(yearly) / (1 + rate) ** n for n in range(1, years + 1))
    factor = sum(1 / (1 + rate) ** n for n in range(1, years + 1))
    assert abs(worth - principal) <= factor / 2


def test_a_lump_sum_is_due_at_the_order_and_capacity_comes_after_its_lead():
    mine = upgrades(payment="lump-sum")
    assert mine.invest(0, mw(5), 100) == Build.OK
    assert mine.book(100).tolist() == [eur(4_000_000), 0]
    assert mine.book(10**15).tolist() == [0, 0]
    assert (mine.commissioned_w(1_099).tolist(), mine.building_w(1_099).tolist()) == ([0, 0], [5_000_000, 0])
    assert (mine.commissioned_w(1_100).tolist(), mine.building_w(1_100).tolist()) == ([5_000_000, 0], [0, 0])


def test_an_annuity_is_due_from_commissioning_on_and_ends():
    mine = upgrades(interest_ppm=percent(5), years=20)
    mine.invest(0, 1_250_000, 0)  # 1,000,000 EUR
    assert mine.book(1_000).tolist() == [0, 0]
    assert mine.book(1_000 + MS_PER_YEAR).tolist() == [8_024_258_719_069, 0]
    assert mine.book(1_000 + MS_PER_YEAR).tolist() == [0, 0]
    assert mine.book(10**15).tolist() == [19 * 8_024_258_719_069, 0]


def test_refused_orders_change_nothing():
    mine = upgrades(most_w=mw(10), second=UpgradeTerms(eur(100_000)))
    before = mine.export().tolist()
    assert mine.invest(2, 1, 0) == mine.invest(-1, 1, 0) == Build.UNKNOWN_PLANT
    assert upgrades().invest(1, 1, 0) == Build.UNKNOWN_PLANT, "a plant without terms cannot grow"
    assert mine.invest(0, 0, 0) == mine.invest(0, -1, 0) == Build.NOT_POSITIVE
    assert mine.invest(0, mw(10) + 1, 0) == Build.TOO_LARGE
    assert mine.invest(1, mw(90_000), 0) == Build.TOO_LARGE, "its price leaves 62 bits"
    assert mine.export().tolist() == before
    assert mine.invest(0, mw(6), 0) == Build.OK
    assert mine.invest(0, 1, 999) == Build.STILL_BUILDING
    assert mine.invest(0, mw(5), 1_000) == Build.TOO_LARGE
    assert mine.invest(0, mw(4), 1_000) == Build.OK
    assert mine.invest(1, 1, 1_000) == Build.OK, "another plant does not wait"


@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(1, 10**8), st.integers(0, MS_PER_YEAR)), max_size=5),
    st.lists(st.integers(0, 4 * MS_PER_YEAR), max_size=8),
    st.sampled_from(["annuity", "lump-sum"]),
)
def test_however_often_one_books_the_total_is_the_same(orders, moments, payment):
    terms = UpgradeTerms(eur(700), lead_ms=MS_PER_YEAR // 3, payment=payment, years=3)
    often, once = Upgrades(BASE, [terms, terms]), Upgrades(BASE, [terms, terms])
    at = 0
    for plant, extra, wait in orders:
        at += wait
        assert often.invest(plant, extra, at) == once.invest(plant, extra, at)
    total = np.zeros(2, np.int64)
    for moment in sorted(moments):
        due = often.book(at + moment)
        assert (due >= 0).all()
        total += due
    assert (total + often.book(10**15)).tolist() == once.book(10**15).tolist()
    often.check()


def test_a_checkpoint_books_nothing_twice():
    first, second = upgrades(years=3), upgrades(years=3)
    first.invest(0, mw(5), 0)
    paid = int(first.book(1_000 + MS_PER_YEAR // 2)[0])
    second.restore(first.export())
    assert second.invest(0, 1, 999) == Build.STILL_BUILDING
    rest = int(second.book(10**15)[0])
    whole = upgrades(years=3)
    whole.invest(0, mw(5), 0)
    assert paid > 0
    assert paid + rest == int(whole.book(10**15)[0])
    for wrong in (np.zeros((1, 3), np.int64), np.zeros((1, 8)), np.full((1, 8), 2)):
        with pytest.raises(ConfigError, match="not orders for these plants"):
            upgrades().restore(wrong)


def test_every_mistake_of_terms_is_told_at_once():
    with pytest.raises(ConfigError) as caught:
        UpgradeTerms(-1, lead_ms=mw(1), payment="gift", interest_ppm=2 * 10**6, years=0, most_w=-1)
    assert len(caught.value.problems) == 6
    with pytest.raises(ConfigError, match="give one each"):
        Upgrades(BASE, [UpgradeTerms(1, lead_ms=hours(1))])


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ((0, 0.5, 0), r"extra_w=0.5 is not a whole number: give mw\(5\)"),
        ((0, float("nan"), 0), "extra_w=nan"),
        ((0, None, 0), "extra_w=None"),
        ((0, True, 0), "extra_w=True"),
        ((0, eur(5), 0), "measured as money, not as power"),
        ((0.5, 5, 0), "plant=0.5 is not a whole number: give the plant's row"),
        ((0, 5, 1.7), "now_ms=1.7"),
        ((0, 5, 2**63 - 1), "now_ms=9223372036854775807 must lie between"),
    ],
)
def test_an_order_is_of_whole_numbers(order, said):
    mine = upgrades(lead_ms=0)
    with pytest.raises(ConfigError, match=said):
        mine.invest(*order)
    assert mine.export().shape == (0, 8)


def test_all_that_is_wrong_with_an_order_is_told_at_once():
    with pytest.raises(ConfigError) as caught:
        upgrades().invest("0", 1.5, None)
    assert len(caught.value.problems) == 3
    assert upgrades().invest(0, 10**30, 0) == Build.TOO_LARGE


def test_numpys_whole_numbers_are_whole_numbers():
    mine = upgrades()
    assert mine.invest(np.int64(0), np.uint32(7), np.int32(5)) == Build.OK
    assert mine.export()[0, :4].tolist() == [0, 7, 5, 1_005]
    assert mine.commissioned_w(np.int64(1_005)).tolist() == [7, 0]


def test_times_are_whole_numbers_everywhere():
    mine = upgrades()
    for method in (mine.book, mine.commissioned_w, mine.building_w):
        for time in (0.5, None, float("nan"), 2**70):
            with pytest.raises(ConfigError, match="give whole ms of UTC"):
                method(time)


def test_nothing_is_due_before_it_is_ordered():
    mine = upgrades(payment="lump-sum")
    mine.invest(0, mw(5), 100)
    assert mine.book(50).tolist() == mine.book(99).tolist() == [0, 0]
    assert mine.book(100).tolist() == [eur(4_000_000), 0]
    assert mine.book(50).tolist() == mine.book(100).tolist() == [0, 0], "what was booked stays booked"


GOOD = {
    "plant": 0,
    "extra_w": 5,
    "ordered_ms": 10,
    "commissioned_ms": 20,
    "once": 7,
    "yearly": 0,
    "years": 3,
    "booked": 7,
}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"plant": -1}, "row 0 is of no plant of these"),
        ({"extra_w": 0}, "row 0 is of nothing"),
        ({"extra_w": 10**11}, "row 0 makes its plant larger"),
        ({"commissioned_ms": 9}, "row 0 is commissioned before it is ordered"),
        ({"once": -1, "booked": 0}, "row 0 has a negative price"),
        ({"once": 2**62}, "row 0 costs more than any money"),
        ({"years": 0}, "row 0 is paid in 0 years"),
        ({"booked": 8}, "row 0 has more booked than its price"),
        ({"booked": -1}, "row 0 has more booked than its price"),
        ({"commissioned_ms": 2**62}, "row 0 is of a time out of bounds"),
    ],
)
def test_orders_that_cannot_be_are_not_restored(changes, said):
    mine = upgrades()
    mine.restore(np.array([list(GOOD.values())]))
    with pytest.raises(ConfigError, match=said):
        mine.restore(np.array([list({**GOOD, **changes}.values())]))
    assert mine.export().tolist() == [list(GOOD.values())], "a refusal changes nothing"
    mine.check()


def test_orders_of_one_plant_that_overlap_are_not_restored():
    later = {**GOOD, "ordered_ms": 19, "commissioned_ms": 30}
    with pytest.raises(ConfigError, match="row 1 is ordered while its plant is still being built"):
        upgrades().restore(np.array([list(GOOD.values()), list(later.values())]))
    upgrades().restore(np.array([list(GOOD.values()), list({**later, "plant": 1}.values())]))


def test_capacities_are_whole_numbers():
    for wrong in (np.array([0.5]), np.array([-1]), np.array([[1]])):
        with pytest.raises(ConfigError, match=r"give the plants' capacities|give whole numbers"):
            Upgrades(wrong, [None])


def test_every_mistake_of_an_annuity_is_told_at_once():
    with pytest.raises(ConfigError) as caught:
        annuity(0.5, -1, 0)
    assert len(caught.value.problems) == 3
