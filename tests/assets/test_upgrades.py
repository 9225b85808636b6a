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
