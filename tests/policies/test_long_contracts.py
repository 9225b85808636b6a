"""Contracts of several days beside those of each: what is asked for and sold counts in every period once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wholesale_views import DAY_MS, asked_of, desk_of, no_draw, offered_of, own_of, public_of, spec_of

from wattbook.contracts import Kind, Verb
from wattbook.messages import BUY, SELL
from wattbook.policies import UTILITY_PERSONAS, Hedge, UtilityMind
from wattbook.policies.producers import PRODUCER_PERSONAS, ProducerMind
from wattbook.units import PPM

HALF = UtilityMind(hedge=Hedge("fixed", PPM // 2), mark_up_ppm=100_000, counters=True)
DAYS = 3
HOURS = 24 * DAYS


def shelf(kind=Kind.FUTURE_PHYSICAL):
    """A contract of three days, and each day's."""
    days = [spec_of(1 + day, first=24 * day, kind=kind) for day in range(DAYS)]
    return [spec_of(0, (1_000,) * HOURS, kind=kind), *days]


def by_day(*values):
    return np.repeat(np.array(values, np.int64), 24)


def says(mind, own, desk, expected=5_000):
    return list(mind.at_desk(own, public_of(HOURS, expected=expected), desk, no_draw))


def test_the_long_contract_comes_first_and_the_days_take_what_it_leaves():
    said = says(HALF, own_of(n=HOURS, need=by_day(10_000, 20_000, 30_000)), desk_of(shelf()))
    # Half of the need holds 5, 10 and 15 lots a day: five of the long one, which overshoot no day, then the rest.
    assert [(say.verb, say.book, say.quantity) for say in said] == [
        (Verb.REQUEST, 0, 5), (Verb.REQUEST, 2, 5), (Verb.REQUEST, 3, 10),
    ]  # fmt: skip


@pytest.mark.parametrize("kind", [Kind.FUTURE_PHYSICAL, Kind.FUTURE_CASH, Kind.FORWARD, Kind.CFD])
def test_lots_of_the_long_contract_count_in_each_day(kind):
    physical = kind in (Kind.FUTURE_PHYSICAL, Kind.FORWARD)
    own = own_of(n=HOURS, need=20_000, contracted=4_000 if physical else 0)
    said = says(HALF, own, desk_of(shelf(kind), lots={0: 4}))
    assert [(say.book, say.quantity) for say in said] == [(0, 6)]


def test_what_can_no_longer_be_signed_but_fixes_a_price_counts_as_covered():
    own, fixed = own_of(n=HOURS, need=20_000), by_day(0, 10_000, 7_000)
    # The long contract has begun: its days are sold one by one.
    desk = desk_of(shelf(Kind.CFD)[2:], lots={0: 4})
    assert [(say.book, say.quantity) for say in says(HALF, own, desk)] == [(2, 10), (3, 10)]
    assert [(say.book, say.quantity) for say in says(HALF, own, desk._replace(fixed_wh=fixed))] == [(3, 3)]
    firm = own_of(n=HOURS, available=20_000)
    seller, held = ProducerMind(forward_ppm=PPM // 2, posts=True), -fixed
    assert [(say.book, say.quantity) for say in says(seller, firm, desk._replace(fixed_wh=held))] == [(3, 3)]


def test_a_producer_sells_no_hour_twice_by_a_long_contract_and_a_days():
    firm = own_of(n=HOURS, available=by_day(4_000, 9_000, 6_000))
    seller = ProducerMind(posts=True)
    said = says(seller, firm, desk_of(shelf()))
    assert [(say.verb, say.book, say.quantity) for say in said] == [
        (Verb.POST, 0, 4), (Verb.POST, 2, 5), (Verb.POST, 3, 2),
    ]  # fmt: skip


def test_the_price_of_a_long_contract_is_the_mean_over_its_periods():
    expected = by_day(3_000, 6_000, 9_000)
    (said, *_) = says(ProducerMind(posts=True), own_of(n=HOURS, available=1_000), desk_of(shelf()), expected)
    assert (said.book, said.price_tick) == (0, 6_000)
    asked = asked_of(1, spec=0, quantity=2)
    offers = [offered_of(2, spec=0, price=price, quantity=2, request=1) for price in (6_601,)]
    own = own_of(n=HOURS, need=10_000)
    said = says(HALF, own, desk_of(shelf(), round_=1, asked=[asked], offered=offers), expected)
    assert [say.verb for say in said if say.verb in (Verb.ACCEPT, Verb.COUNTER)] == [Verb.COUNTER]
    dear = [offers[0]._replace(price_tick=6_600)]
    said = says(HALF, own, desk_of(shelf(), round_=1, asked=[asked], offered=dear), expected)
    assert Verb.ACCEPT in [say.verb for say in said]


def energy(said, verb, specs):
    total = np.zeros(HOURS, np.int64)
    for say in said:
        if say.verb == verb:
            spec = next(each for each in specs if each.place == say.book)
            total[spec.first_period : spec.first_period + len(spec.profile_wh)] += say.quantity * spec.profile_wh
    return total


@given(
    st.lists(st.integers(0, 60_000), min_size=DAYS, max_size=DAYS),
    st.sampled_from(sorted(set(UTILITY_PERSONAS) - {"greedy"})),
    st.sampled_from(sorted(PRODUCER_PERSONAS)),
)
def test_neither_covers_more_than_it_means_to(levels, buyer, seller):
    specs = shelf()
    mind = UTILITY_PERSONAS[buyer]
    own = own_of(n=HOURS, need=by_day(*levels), now_ms=-DAY_MS)
    asked = energy(says(mind, own, desk_of(specs)), Verb.REQUEST, specs)
    target = mind.target_wh(own, desk_of(specs))
    for day in range(DAYS):
        span = slice(24 * day, 24 * day + 24)
        assert asked[span].sum() <= target[span].sum()
    plant = own_of(n=HOURS, available=by_day(*levels), now_ms=-DAY_MS)
    requests = [asked_of(1 + spec.place, spec=spec.place, agent=1, side=BUY, quantity=40) for spec in specs]
    said = says(PRODUCER_PERSONAS[seller], plant, desk_of(specs, asked=requests))
    quotes = [say._replace(book=say.order - 1) for say in said if say.verb == Verb.QUOTE]
    posts = [say for say in said if say.verb == Verb.POST]
    assert all(say.side in (0, SELL) for say in said)
    sold = energy(quotes, Verb.QUOTE, specs) + energy(posts, Verb.POST, specs)
    assert (sold <= PRODUCER_PERSONAS[seller].firm_wh(plant)).all()
