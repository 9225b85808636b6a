"""What rule-based utilities say at the desk and order a day ahead, by hand and for any view."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wholesale_views import (
    DAY_MS,
    HOUR_MS,
    asked_of,
    building_of,
    desk_of,
    no_draw,
    offered_of,
    own_of,
    public_of,
    spec_of,
)

from wattbook.contracts import Kind, Verb
from wattbook.errors import ConfigError
from wattbook.messages import BUY, SELL
from wattbook.policies import UTILITY_PERSONAS, Hedge, UtilityMind
from wattbook.policies.shelf import GOOD_MS
from wattbook.policies.wholesale import Say
from wattbook.units import PPM

HALF = UtilityMind(hedge=Hedge("fixed", PPM // 2), mark_up_ppm=100_000, counters=True)
PEAK = (0,) * 8 + (1_000,) * 12 + (0,) * 4


def says(mind, own, desk, public=None):
    return list(mind.at_desk(own, public or public_of(len(own.need_wh)), desk, no_draw))


def sold(orders):
    return list(zip(*(column.tolist() for column in orders), strict=True))


# --- asking


def test_it_asks_for_half_of_its_need_where_half_is_the_target():
    (said,) = says(HALF, own_of(need=10_900), desk_of())
    # 24 x 5,450 Wh hold five lots of 24 x 1,000 Wh.
    assert said == Say(Verb.REQUEST, book=0, side=BUY, quantity=5, flags=HOUR_MS)


def test_the_widest_spec_comes_first_and_no_specs_periods_are_overshot():
    need = np.where(np.array(PEAK) > 0, 30_000, 10_000)
    specs = [spec_of(0, PEAK), spec_of(1), spec_of(2, tuple(1_000 - wh for wh in PEAK))]
    said = says(HALF, own_of(need=need), desk_of(specs))
    # Targets: 5,000 off the peak, 15,000 in it. Off-peak holds base at five lots; ten lots of peak are left.
    assert [(say.book, say.quantity) for say in said] == [(1, 5), (0, 10)]


def test_without_an_off_peak_spec_the_volume_is_covered_by_base():
    need = np.where(np.array(PEAK) > 0, 30_000, 10_000)
    said = says(HALF, own_of(need=need), desk_of([spec_of(0)]))
    assert [(say.book, say.quantity) for say in said] == [(0, 10)]


def test_a_profile_that_does_not_fit_is_not_bought_for_the_sake_of_its_sum():
    # 40 kWh an hour by night, 4 by day; four of the spec's six hours lie in the day.
    need = np.where(np.array(PEAK) > 0, 8_000, 80_000)
    profile = (0,) * 6 + (1_000,) * 6 + (0,) * 12
    (said,) = says(HALF, own_of(need=need), desk_of([spec_of(0, profile)]))
    # Its periods' targets add up to 96 kWh, 16 lots; beyond the fourth, two thirds of a lot are not needed.
    assert said.quantity == 4


@pytest.mark.parametrize(
    ("kind", "lots", "contracted", "asked"),
    [
        (Kind.FUTURE_PHYSICAL, {0: 2}, 2_000, 3),
        (Kind.FUTURE_CASH, {0: 2}, 0, 3),
        (Kind.CFD, {0: 2}, 0, 3),
        (Kind.FORWARD, {0: 2}, 2_000, 3),
        (Kind.FORWARD, {0: 9}, 9_000, 0),
    ],
)
def test_what_is_covered_is_not_asked_for_again(kind, lots, contracted, asked):
    said = says(HALF, own_of(need=10_000, contracted=contracted), desk_of([spec_of(kind=kind)], lots=lots))
    assert sum(say.quantity for say in said) == asked


@pytest.mark.parametrize(
    "spec",
    [
        spec_of(kind=Kind.PPA, profile=(0,) * 24),
        spec_of(first=1),  # its last period is not seen
        spec_of(ends_ms=-HOUR_MS),
    ],
)
def test_what_it_cannot_judge_it_leaves_alone(spec):
    assert says(HALF, own_of(need=10_000), desk_of([spec])) == []


def test_a_surplus_is_not_bought_for():
    assert says(HALF, own_of(need=-10_000), desk_of()) == []


def test_it_asks_for_what_its_money_can_be_margin_for():
    # A lot is 24,000 Wh at 50 EUR/MWh = 1.20 EUR, of which a tenth is set aside: 0.12 EUR.
    (said,) = says(HALF, own_of(need=10_000, money=3 * 12_000_000 + 11_999_999), desk_of())
    assert said.quantity == 3


def test_what_is_left_of_yesterday_is_ended_first():
    asked = [asked_of(1), asked_of(7, agent=3)]
    counters = [offered_of(number, maker=0, side=BUY, request=number - 1, turn=2, quantity=3) for number in (2, 4)]
    said = says(HALF, own_of(need=10_000), desk_of(asked=asked, offered=[*counters, offered_of(5)]))
    # With the request its counter-offer is gone; the other one's request is over already.
    assert [(say.verb, say.order) for say in said] == [(Verb.WITHDRAW, 1), (Verb.WITHDRAW, 4), (Verb.REQUEST, 0)]
    assert said[-1].quantity == 5


def test_it_turns_to_another_contract_on_the_same_energy_when_nobody_answers():
    specs = [spec_of(0), spec_of(1, kind=Kind.FORWARD)]
    said = says(HALF, own_of(need=10_000), desk_of(specs, round_=2, asked=[asked_of(1, quantity=5)]))
    assert [(say.verb, say.order, say.book) for say in said] == [(Verb.WITHDRAW, 1, -1), (Verb.REQUEST, 0, 1)]


def test_the_eco_friendly_ask_for_bundled_guarantees_first():
    specs = [spec_of(0), spec_of(1, kind=Kind.FORWARD, bundled=True)]
    eco = UTILITY_PERSONAS["eco-friendly"]
    first = [says(mind, own_of(need=10_000), desk_of(specs))[0].book for mind in (eco, replace(eco, green_tick=0))]
    assert first == [1, 0]
    assert says(eco, own_of(need=10_000), desk_of(specs, round_=2))[0].book == 0


def test_in_the_last_round_it_ends_its_requests():
    said = says(HALF, own_of(need=10_000), desk_of(round_=5, asked=[asked_of(1)]))
    assert said == [Say(Verb.WITHDRAW, order=1)]


def test_requests_are_good_for_half_a_day_at_most():
    (said,) = says(HALF, own_of(need=10_000), desk_of([spec_of(ends_ms=3 * DAY_MS)]))
    assert said.flags == GOOD_MS


# --- answering: expected 50 EUR/MWh, at most 55


@pytest.mark.parametrize(("price", "verb"), [(5_500, Verb.ACCEPT), (5_501, Verb.COUNTER)])
def test_it_signs_up_to_its_highest_price(price, verb):
    desk = desk_of(round_=1, asked=[asked_of(quantity=5)], offered=[offered_of(price=price, quantity=5)])
    said = says(HALF, own_of(need=10_000), desk)
    assert (said[0].verb, said[0].order, said[0].quantity) == (verb, 2, 5)


def test_a_counter_offer_meets_half_way_and_never_above_its_highest_price():
    asked = [asked_of(quantity=5)]
    for price, counter in ((5_600, 5_300), (5_601, 5_300), (9_000, 5_500)):
        desk = desk_of(round_=1, asked=asked, offered=[offered_of(price=price, quantity=5)])
        (said,) = says(HALF, own_of(need=10_000), desk)
        assert (said.verb, said.price_tick) == (Verb.COUNTER, counter)


def test_of_a_quote_that_is_too_large_it_wants_a_part_and_offers_no_more_than_was_asked():
    for price, counter in ((4_800, 4_800), (5_200, 5_100)):
        desk = desk_of(round_=1, asked=[asked_of(quantity=6)], offered=[offered_of(price=price, quantity=6)])
        (said,) = says(HALF, own_of(need=10_000), desk)
        assert (said.verb, said.price_tick, said.quantity) == (Verb.COUNTER, counter, 5)


def test_a_counter_offer_stands_on_the_step_below():
    desk = desk_of([spec_of(step=100)], round_=1, asked=[asked_of(quantity=5)],
                   offered=[offered_of(price=5_700, quantity=5)])  # fmt: skip
    assert says(HALF, own_of(need=10_000), desk)[0].price_tick == 5_300


def test_the_largest_is_countered_and_the_rest_walked_away_from():
    quotes = [offered_of(2, price=5_600, quantity=1), offered_of(3, price=6_000, quantity=4, maker=2)]
    said = says(HALF, own_of(need=10_000), desk_of(round_=1, asked=[asked_of(quantity=5)], offered=quotes))
    assert [(say.verb, say.order) for say in said] == [(Verb.COUNTER, 3), (Verb.WALK, 2)]


@pytest.mark.parametrize(
    ("mind", "round_", "turn", "max_rounds"),
    [(HALF, 1, 3, 5), (HALF, 5, 1, 5), (HALF, 1, 1, 1), (replace(HALF, counters=False), 1, 1, 5)],
)
def test_who_does_not_counter_withdraws(mind, round_, turn, max_rounds):
    desk = desk_of(round_=round_, asked=[asked_of(quantity=5)], offered=[offered_of(price=9_000, turn=turn)],
                   max_rounds=max_rounds)  # fmt: skip
    assert says(mind, own_of(need=10_000), desk) == [Say(Verb.WITHDRAW, order=1)]


def test_the_cheapest_is_signed_first_quotes_whole_and_posts_in_part():
    offered = [
        offered_of(2, price=5_200, quantity=3),
        offered_of(3, price=5_100, quantity=2, maker=2),
        offered_of(4, price=5_150, quantity=50, maker=3, request=0),
    ]
    said = says(HALF, own_of(need=10_000), desk_of(round_=1, asked=[asked_of(quantity=5)], offered=offered))
    assert said == [
        Say(Verb.ACCEPT, order=3, price_tick=5_100, quantity=2),
        Say(Verb.TAKE, order=4, price_tick=5_150, quantity=3),
    ]


def test_what_a_small_quote_leaves_missing_is_asked_for_at_once():
    desk = desk_of(round_=1, asked=[asked_of(quantity=5)], offered=[offered_of(price=5_100, quantity=2)])
    said = says(HALF, own_of(need=10_000), desk)
    assert [(say.verb, say.quantity) for say in said] == [(Verb.ACCEPT, 2), (Verb.REQUEST, 3)]


def test_a_quote_larger_than_what_is_missing_is_not_signed():
    desk = desk_of(round_=5, asked=[asked_of(quantity=6)], offered=[offered_of(quantity=6)])
    assert [say.verb for say in says(HALF, own_of(need=10_000), desk)] == [Verb.WITHDRAW]


def test_own_counter_offers_count_as_signed():
    offered = [offered_of(2, maker=0, side=BUY, request=1, turn=2, quantity=4, price=5_000),
               offered_of(3, maker=2, request=0, quantity=9, price=4_000)]  # fmt: skip
    said = says(HALF, own_of(need=10_000), desk_of(round_=1, asked=[asked_of(quantity=5)], offered=offered))
    assert said == [Say(Verb.TAKE, order=3, price_tick=4_000, quantity=1)]


def test_what_is_being_negotiated_is_not_asked_for_again():
    offered = [offered_of(2, maker=0, side=BUY, request=1, turn=2, quantity=3)]
    assert says(HALF, own_of(need=10_000), desk_of(round_=2, asked=[asked_of(quantity=5)], offered=offered)) == []


def test_a_renewable_seller_may_cost_the_premium_more():
    green = replace(HALF, green_tick=300)
    offered = [offered_of(2, price=5_700, maker=1, quantity=5), offered_of(3, price=5_450, maker=2, quantity=5)]
    desk = desk_of(round_=1, asked=[asked_of(quantity=5)], offered=offered, renewable=(1,))
    assert says(green, own_of(need=10_000), desk)[0].order == 2
    assert says(HALF, own_of(need=10_000), desk)[0].order == 3


def test_whom_it_does_not_reach_it_does_not_sign_with():
    desk = desk_of(round_=1, offered=[offered_of(3, maker=9, request=0, price=1)])
    assert says(HALF, own_of(need=10_000), desk) == []


def test_the_depressed_sign_at_any_price_at_once():
    desk = desk_of(round_=0, offered=[offered_of(3, request=0, price=400_000, quantity=10)])
    assert says(UTILITY_PERSONAS["depressed"], own_of(need=10_000), desk) == [
        Say(Verb.TAKE, order=3, price_tick=400_000, quantity=10)
    ]


def test_the_greedy_say_nothing():
    desk = desk_of(round_=1, offered=[offered_of(3, request=0, price=-50_000, quantity=10)])
    assert says(UTILITY_PERSONAS["greedy"], own_of(need=10_000), desk) == []


def test_the_ladder_is_climbed_as_delivery_comes_nearer():
    ladder = UTILITY_PERSONAS["balanced"]
    asked = {}
    for days in (5, 2, 0):
        own = own_of(need=100_000, first=24 * 6, now_ms=(6 - days) * DAY_MS - HOUR_MS)
        said = says(ladder, own, desk_of([spec_of(first=24 * 6)]))
        asked[days] = said[0].quantity
    # The last hour of the day stands one step behind: (23 x 60 + 30) / 24 and (23 x 90 + 60) / 24, rounded down.
    assert asked == {5: 30, 2: 58, 0: 88}


# --- the day ahead


def test_it_buys_what_is_missing_at_the_cap_and_sells_what_is_left_over_at_the_floor():
    own = own_of(n=3, first=48, need=[1_000, 1_000, -200], contracted=[400, 1_500, 0])
    orders = UtilityMind(quantile_ppm=PPM // 2).day_ahead(own, public_of(3), no_draw)
    assert sold(orders) == [(48, BUY, 400_000, 600), (49, SELL, -50_000, 500), (50, SELL, -50_000, 200)]


@pytest.mark.parametrize(
    ("short", "long", "expected", "bought"),
    [
        (1_000_000, 1_000_000, 5_000, 1_000),  # an error costs nothing
        (1_300_000, 900_000, 5_000, 1_067),  # short costs three times as much as long: the 75 % quantile
        (1_100_000, 700_000, 5_000, 933),
        (1_300_000, 900_000, -100, 1_000),
    ],
)
def test_it_buys_more_the_dearer_it_is_to_be_short(short, long, expected, bought):
    public = public_of(1, short=short, long=long, expected=expected)
    orders = UtilityMind().day_ahead(own_of(n=1, need=1_000, sd=100), public, no_draw)
    assert sold(orders) == [(0, BUY, 400_000, bought)]


def test_a_utility_that_needs_nothing_orders_nothing_and_builds_nothing():
    assert sold(UtilityMind().day_ahead(own_of(), public_of(), no_draw)) == []
    assert UtilityMind().invest(own_of(), building_of(earned=[400_000] * 24 * 30), no_draw) == 0


# --- any view

PROFILES = st.lists(st.integers(0, 5_000), min_size=1, max_size=8).filter(any)


PRICES = st.integers(3_000, 7_000)


@st.composite
def views(draw):
    n = 12
    specs = []
    for place in range(draw(st.integers(1, 5))):
        profile = draw(PROFILES)
        first = draw(st.integers(0, n - len(profile)))
        kind = draw(st.sampled_from([Kind.FUTURE_CASH, Kind.FUTURE_PHYSICAL, Kind.FORWARD, Kind.CFD]))
        specs.append(spec_of(place, profile, first=first, kind=kind, ends_ms=DAY_MS, bundled=draw(st.booleans())))
    places = st.integers(0, len(specs) - 1)
    asked, offered = [], []
    for number in range(1, draw(st.integers(1, 5))):
        asked.append(asked_of(number, spec=number % len(specs), quantity=draw(st.integers(1, 30))))
        countered = draw(st.booleans())
        if countered and draw(st.booleans()):
            offered.append(offered_of(number + 100, maker=0, side=BUY, request=number, turn=2,
                                      spec=number % len(specs), quantity=1, price=4_000))  # fmt: skip
        offered += [
            offered_of(
                number * 10 + 1_000 + maker, spec=number % len(specs), maker=maker, request=number, price=draw(PRICES),
                turn=draw(st.sampled_from([1, 3])), quantity=draw(st.integers(1, asked[-1].quantity)),
            )
            for maker in range(1, draw(st.integers(1, 4)))
        ]  # fmt: skip
    offered += [
        offered_of(number, spec=draw(places), maker=3, request=0, price=draw(PRICES), quantity=draw(st.integers(1, 50)))
        for number in range(5_000, 5_000 + draw(st.integers(0, 3)))
    ]
    lots = {place: draw(st.integers(-5, 5)) for place in range(len(specs))}
    energies = st.lists(st.integers(-20_000, 60_000), min_size=n, max_size=n)
    own = own_of(n=n, need=draw(energies), contracted=draw(energies), money=draw(st.integers(-(10**6), 10**12)))
    return own, desk_of(specs, round_=draw(st.integers(0, 3)), rounds=4, asked=asked, offered=offered, lots=lots,
                        renewable=(1,))  # fmt: skip


@given(views(), st.sampled_from(sorted(UTILITY_PERSONAS)), st.integers(0, PPM))
def test_no_specs_periods_are_ever_promised_beyond_the_target(view, persona, share):
    own, desk = view
    mind = replace(UTILITY_PERSONAS[persona], hedge=Hedge("fixed", share))
    room = mind.target_wh(own, desk) - own.contracted_wh
    for spec in desk.specs:
        lots = desk.lots[spec.place] if spec.kind in (Kind.FUTURE_CASH, Kind.CFD) else 0
        room[spec.first_period : spec.first_period + len(spec.profile_wh)] -= lots * spec.profile_wh
    spec_of_offer = {offer.number: desk.specs[offer.spec] for offer in desk.offered}
    said = says(mind, own, desk)
    promised, asked = np.zeros_like(room), np.zeros_like(room)
    for say in said:
        spec = desk.specs[say.book] if say.verb == Verb.REQUEST else spec_of_offer.get(say.order)
        if say.verb in (Verb.ACCEPT, Verb.TAKE, Verb.COUNTER, Verb.REQUEST):
            onto = asked if say.verb == Verb.REQUEST else promised
            onto[spec.first_period : spec.first_period + len(spec.profile_wh)] += say.quantity * spec.profile_wh
            assert say.quantity > 0
    for spec in desk.specs:
        held = np.flatnonzero(spec.profile_wh) + spec.first_period
        for energy in (promised, promised + asked):
            if energy[held].any():
                assert energy[held].sum() <= room[held].sum()
    assert len({say.book for say in said if say.verb == Verb.REQUEST}) == sum(s.verb == Verb.REQUEST for s in said)


@given(views(), st.sampled_from(sorted(UTILITY_PERSONAS)))
def test_each_reference_is_used_once_and_money_is_not_spent_twice(view, persona):
    own, desk = view
    said = says(UTILITY_PERSONAS[persona], own, desk)
    orders = [say.order for say in said if say.order]
    assert len(orders) == len(set(orders))
    offers = {offer.number: offer for offer in desk.offered}
    spent = 0
    for say in said:
        if say.verb in (Verb.ACCEPT, Verb.TAKE):
            offer = offers[say.order]
            assert offer.side == SELL
            assert say.price_tick == offer.price_tick
            spent += abs(offer.price_tick) * say.quantity * int(desk.specs[offer.spec].profile_wh.sum()) // 10
    assert spent <= max(own.money, 0)


# --- mistakes


def test_all_mistakes_come_at_once():
    with pytest.raises(ConfigError) as caught:
        UtilityMind(mark_up_ppm=-2 * PPM, green_tick=0.5, quantile_ppm=PPM + 1, hedge="ladder")
    assert len(caught.value.problems) == 4
    assert re.search(r"write Hedge\('fixed', 600_000\)", str(caught.value))


def test_every_persona_bears_its_name():
    assert {name: mind.persona for name, mind in UTILITY_PERSONAS.items()} == {n: n for n in UTILITY_PERSONAS}
