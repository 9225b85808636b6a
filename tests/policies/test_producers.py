"""What rule-based producers say at the desk, order a day ahead and build, by hand and for any view."""

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
from wattbook.policies import PRODUCER_PERSONAS, ProducerMind
from wattbook.policies.producers import yearly_earnings
from wattbook.policies.wholesale import Say
from wattbook.units import PPM

PLAIN = ProducerMind(premium_tick=200, mark_up_ppm=100_000)
NIGHT = (1_000,) * 8 + (0,) * 16


def says(mind, own, desk, public=None):
    return list(mind.at_desk(own, public or public_of(len(own.need_wh)), desk, no_draw))


def plant(**given_):
    return own_of(**({"agent": 1, "available": 10_000} | given_))


def sold(orders):
    return list(zip(*(column.tolist() for column in orders), strict=True))


# --- quotes


@pytest.mark.parametrize(
    ("marginal", "step", "price"),
    [(0, 1, 5_200), (4_727, 1, 5_200), (4_728, 1, 5_201), (6_000, 1, 6_600), (6_001, 50, 6_650), (0, 500, 5_500)],
)
def test_it_quotes_the_dearer_of_cost_and_expected_price_on_the_step_above(marginal, step, price):
    own = plant(marginal=marginal)
    (said,) = says(PLAIN, own, desk_of([spec_of(step=step)], asked=[asked_of(quantity=3)]))
    assert said == Say(Verb.QUOTE, order=1, price_tick=price, quantity=3, flags=HOUR_MS)


def test_the_expected_price_is_that_of_the_profile():
    public = public_of(expected=np.where(np.array(NIGHT) > 0, 3_000, 9_000))
    (said,) = says(PLAIN, plant(), desk_of([spec_of(0, NIGHT)], asked=[asked_of()]), public)
    assert said.price_tick == 3_200


def test_it_quotes_no_more_than_its_scarcest_period_holds():
    available = np.full(24, 10_000)
    available[13] = 4_999
    (said,) = says(PLAIN, plant(available=available), desk_of(asked=[asked_of(quantity=30)]))
    assert said.quantity == 4
    (said,) = says(PLAIN, plant(available=available), desk_of([spec_of(0, NIGHT)], asked=[asked_of(quantity=30)]))
    assert said.quantity == 10


def test_plants_that_follow_the_weather_sell_only_their_firm_share_ahead():
    mind = replace(PLAIN, firm_ppm=350_000, forward_ppm=800_000)
    for weather, lots in ((True, 3), (False, 8)):
        (said,) = says(mind, plant(weather=weather), desk_of(asked=[asked_of(quantity=30)]))
        assert said.quantity == lots
    (said,) = says(replace(mind, forward_ppm=200_000), plant(weather=True), desk_of(asked=[asked_of(quantity=30)]))
    assert said.quantity == 2


@pytest.mark.parametrize(
    ("kind", "contracted", "lots", "free"),
    [
        (Kind.FORWARD, -6_000, {0: -6}, 4),
        (Kind.FUTURE_CASH, 0, {0: -6}, 4),
        (Kind.FUTURE_PHYSICAL, 6_000, {0: 6}, 10),
        (Kind.CFD, -4_000, {0: -5}, 1),
    ],
)
def test_what_is_sold_is_not_offered_again(kind, contracted, lots, free):
    desk = desk_of([spec_of(kind=kind)], asked=[asked_of(quantity=30)], lots=lots)
    assert says(PLAIN, plant(contracted=contracted), desk)[0].quantity == free


def test_what_is_offered_is_not_offered_again():
    offered = [offered_of(5, maker=1, request=4, quantity=7), offered_of(6, maker=2, request=3, quantity=9)]
    (said,) = says(PLAIN, plant(), desk_of(round_=1, asked=[asked_of(quantity=30)], offered=offered))
    assert said.quantity == 3


def test_where_more_is_asked_for_than_there_is_each_gets_its_part():
    asked = [asked_of(1, quantity=30), asked_of(2, agent=2, quantity=10)]
    assert [say.quantity for say in says(PLAIN, plant(), desk_of(asked=asked))] == [7, 2]
    night, day = NIGHT, tuple(1_000 - wh for wh in NIGHT)
    asked = [asked_of(1, spec=0, quantity=30), asked_of(2, spec=1, agent=2, quantity=10)]
    desk = desk_of([spec_of(0, night), spec_of(1, day)], asked=asked)
    assert [say.quantity for say in says(PLAIN, plant(), desk)] == [10, 10]


@pytest.mark.parametrize(
    "asked",
    [
        asked_of(agent=9),  # not one that it reaches
        asked_of(agent=1),  # its own
        asked_of(side=SELL),
        asked_of(until_ms=-HOUR_MS),
        asked_of(spec=5),
    ],
)
def test_what_is_not_for_it_is_not_quoted(asked):
    assert says(PLAIN, plant(), desk_of(asked=[asked], reaches=(0, 2))) == []


def test_a_request_is_quoted_once():
    desk = desk_of(round_=1, asked=[asked_of()], offered=[offered_of(maker=1, request=1)])
    assert says(PLAIN, plant(), desk) == []


def test_a_price_above_the_band_is_not_quoted():
    assert says(PLAIN, plant(marginal=4_000), desk_of(asked=[asked_of()]), public_of(cap=4_300)) == []
    assert len(says(PLAIN, plant(marginal=4_000), desk_of(asked=[asked_of()]), public_of(cap=5_200))) == 1


def test_quotes_stop_where_the_money_for_margin_does():
    # A lot of 24,000 Wh at 52 EUR/MWh takes 0.1248 EUR.
    own = plant(money=2 * 12_480_000 + 12_479_999)
    assert says(PLAIN, own, desk_of(asked=[asked_of(quantity=30)]))[0].quantity == 2
    # An offer that stands has set its own part aside.
    standing = [offered_of(5, maker=1, request=4, price=5_200)]
    assert says(PLAIN, own, desk_of(round_=1, asked=[asked_of(quantity=30)], offered=standing))[0].quantity == 1


def test_yesterdays_offers_are_withdrawn_and_their_energy_is_free_again():
    offered = [offered_of(5, maker=1, request=4, quantity=9), offered_of(6, maker=2, request=0)]
    said = says(PLAIN, plant(), desk_of(asked=[asked_of(quantity=30)], offered=offered))
    assert [(say.verb, say.order, say.quantity) for say in said] == [(Verb.WITHDRAW, 5, 0), (Verb.QUOTE, 1, 10)]


def test_who_posts_offers_what_is_left_the_widest_first():
    mind = replace(PLAIN, posts=True)
    specs = [spec_of(0, NIGHT), spec_of(1)]
    available = np.where(np.array(NIGHT) > 0, 10_000, 4_000)
    said = says(mind, plant(available=available), desk_of(specs, asked=[asked_of(spec=0, quantity=3)]))
    assert [(say.verb, say.book, say.side, say.quantity) for say in said] == [
        (Verb.QUOTE, -1, 0, 3), (Verb.POST, 1, SELL, 4), (Verb.POST, 0, SELL, 3)
    ]  # fmt: skip


def test_where_its_price_stands_it_posts_no_second_one():
    offered = [offered_of(5, maker=1, request=0, quantity=2)]
    assert says(replace(PLAIN, posts=True), plant(), desk_of(round_=1, offered=offered)) == []


def test_a_merchant_quotes_nothing():
    assert says(PRODUCER_PERSONAS["merchant"], plant(), desk_of(asked=[asked_of()])) == []


# --- counter-offers: expected 50 EUR/MWh, first price 52


def countered(price, *, turn=2, quantity=3, **given_):
    offers = [offered_of(7, maker=0, side=BUY, price=price, quantity=quantity, turn=turn)]
    return desk_of(round_=1, asked=[asked_of(quantity=quantity)], offered=offers, **given_)


@pytest.mark.parametrize("price", [5_000, 5_150])
def test_it_signs_what_reaches_its_lowest_price(price):
    assert says(PLAIN, plant(), countered(price)) == [Say(Verb.ACCEPT, order=7, price_tick=price, quantity=3)]


@pytest.mark.parametrize(("price", "answer"), [(4_999, 5_100), (4_900, 5_050), (1_000, 5_000)])
def test_it_meets_half_way_but_not_below_its_lowest_price(price, answer):
    assert says(PLAIN, plant(), countered(price)) == [Say(Verb.COUNTER, -1, 7, 0, answer, 3, HOUR_MS)]


def test_its_lowest_price_is_never_below_cost():
    assert says(PLAIN, plant(marginal=5_100), countered(5_099))[0].verb == Verb.COUNTER
    assert says(PLAIN, plant(marginal=5_100), countered(5_100))[0].verb == Verb.ACCEPT


@pytest.mark.parametrize(
    ("own", "desk"),
    [
        (plant(), countered(4_000, max_rounds=2)),
        (plant(available=999), countered(5_000)),
        (plant(money=0), countered(1)),
    ],
)
def test_it_walks_away_where_nothing_can_be_offered(own, desk):
    assert says(PLAIN, own, desk) == [Say(Verb.WALK, order=7)]


def test_a_counter_offer_larger_than_what_is_free_is_answered_with_what_is():
    # Half-way to its first price, and never for less than it was offered.
    for price, answer in ((5_100, 5_150), (5_400, 5_400)):
        assert says(PLAIN, plant(available=2_000), countered(price)) == [
            Say(Verb.COUNTER, -1, 7, 0, answer, 2, HOUR_MS)
        ]  # fmt: skip


def test_the_dearest_counter_offer_is_answered_first():
    offers = [
        offered_of(7, maker=0, side=BUY, price=5_000, quantity=8, request=1, turn=2),
        offered_of(8, maker=2, side=BUY, price=5_100, quantity=8, request=2, turn=2),
    ]
    said = says(PLAIN, plant(), desk_of(round_=1, offered=offers))
    assert [(say.verb, say.order, say.quantity) for say in said] == [(Verb.ACCEPT, 8, 8), (Verb.COUNTER, 7, 2)]


# --- the day ahead


def test_it_sells_what_is_free_at_cost_and_buys_back_what_is_cheaper_bought():
    own = plant(n=4, first=48, available=[10, 10, 10, 10], contracted=[0, -4, -10, -15], marginal=4_000)
    assert sorted(sold(ProducerMind().day_ahead(own, public_of(4), no_draw))) == [
        (48, SELL, 4_000, 10), (49, SELL, 4_000, 6), (49, BUY, 3_999, 4), (50, BUY, 3_999, 10), (51, BUY, 3_999, 10),
        (51, BUY, 400_000, 5),
    ]  # fmt: skip


def test_what_it_bought_by_contract_it_sells_at_the_floor():
    own = plant(n=1, available=10, contracted=3, marginal=4_000)
    assert sold(ProducerMind().day_ahead(own, public_of(1), no_draw)) == [
        (0, SELL, -50_000, 3), (0, SELL, 4_000, 10)
    ]  # fmt: skip


@pytest.mark.parametrize("spot", range(3_000, 5_001, 250))
def test_a_signed_contract_never_costs_more_than_producing_for_it(spot):
    # 10 Wh sold ahead of 10 that it can make: what it pays at each spot price is the cheaper of both.
    own = plant(n=1, available=10, contracted=-10, marginal=4_000)
    ((_, side, limit, quantity),) = sold(ProducerMind().day_ahead(own, public_of(1), no_draw))
    bought = quantity if side == BUY and spot <= limit else 0
    assert bought * spot + (10 - bought) * 4_000 == 10 * min(spot, 4_000)


@pytest.mark.parametrize(
    ("marginal", "floor", "cap", "orders"),
    [
        (500, 0, 400, [(0, SELL, 0, 0), (0, BUY, 400, 4)]),
        (0, 0, 400, [(0, SELL, 0, 6)]),
        (-300, -200, 400, [(0, SELL, -200, 6)]),
    ],
)
def test_orders_stay_within_the_band(marginal, floor, cap, orders):
    own = plant(n=1, available=10, contracted=-4, marginal=marginal)
    given_ = sold(ProducerMind().day_ahead(own, public_of(1, floor=floor, cap=cap), no_draw))
    assert given_ == [order for order in orders if order[3]]


def test_the_greedy_ask_for_more_a_day_ahead():
    own = plant(n=1, marginal=4_001)
    orders = sold(PRODUCER_PERSONAS["greedy"].day_ahead(own, public_of(1), no_draw))
    assert orders == [(0, SELL, 4_802, 10_000)]


# --- building


def test_what_a_kw_earns_in_a_year_by_hand():
    # 50 EUR/MWh above cost for half of the hours at half of the capacity: 0.025 EUR an hour, of 8,766 hours half.
    earned = yearly_earnings(3_000, np.array([8_000, 2_000]), np.array([500_000, 1_000_000]))
    assert earned == 25 * 10**5 * 8_766 // 2


@pytest.mark.parametrize(("cost_eur", "built"), [(1_000, 100_000), (4_007, 0), (3_900, 100_000)])
def test_it_builds_where_a_kw_earns_more_than_its_instalment(cost_eur, built):
    # 50 EUR/MWh above cost in every hour: 438.30 EUR a year; a tenth of the cost, and 10 % on top, must lie below.
    mind = ProducerMind(builds_beyond_ppm=PPM // 10)
    building = building_of(earned=[5_000] * 24 * 7, cost_per_kw=cost_eur * 10**8)
    assert mind.invest(plant(), building, no_draw) == built


def test_the_margin_counts():
    building = building_of(earned=[5_000] * 24 * 7, cost_per_kw=4_000 * 10**8)
    assert ProducerMind(builds_beyond_ppm=0).invest(plant(), building, no_draw) > 0
    assert ProducerMind(builds_beyond_ppm=100_000).invest(plant(), building, no_draw) == 0


@pytest.mark.parametrize(
    ("building", "built"),
    [
        ({}, 100_000),
        ({"building": True}, 0),
        ({"most_w": 0}, 0),
        ({"most_w": 70_000}, 70_000),
        ({"earned": [5_000] * (24 * 7 - 1)}, 0),
        ({"available": 100_000}, 0),
    ],
)
def test_when_it_builds_and_how_much(building, built):
    given_ = {"earned": [5_000] * 24 * 7, "cost_per_kw": 1_000 * 10**8} | building
    assert ProducerMind().invest(plant(), building_of(**given_), no_draw) == built


def test_all_at_once_where_that_is_said():
    building = building_of(earned=[5_000] * 24 * 7)
    assert ProducerMind(builds_ppm=0).invest(plant(), building, no_draw) == 500_000


def test_a_costly_plant_earns_less():
    building = building_of(earned=[5_000] * 24 * 7, cost_per_kw=1_000 * 10**8)
    assert ProducerMind().invest(plant(marginal=4_000), building, no_draw) == 0


# --- any view

PROFILES = st.lists(st.integers(0, 5_000), min_size=1, max_size=8).filter(any)
PRICES = st.integers(3_000, 7_000)


@st.composite
def views(draw):
    n = 12
    specs = []
    for place in range(draw(st.integers(1, 5))):
        profile = draw(PROFILES)
        kind = draw(st.sampled_from([Kind.FUTURE_CASH, Kind.FUTURE_PHYSICAL, Kind.FORWARD, Kind.CFD]))
        first = draw(st.integers(0, n - len(profile)))
        specs.append(
            spec_of(place, profile, first=first, kind=kind, ends_ms=DAY_MS, step=draw(st.sampled_from([1, 7])))
        )
    places, lots = st.integers(0, len(specs) - 1), st.integers(1, 30)
    asked = [asked_of(number, spec=draw(places), agent=number % 3, quantity=draw(lots)) for number in range(1, 6)]
    offered = []
    for number in range(1, 6):
        turn = draw(st.sampled_from([0, 1, 2, 4]))
        if turn:
            mine = turn == 1
            offered.append(
                offered_of(
                    100 + number, spec=asked[number - 1].spec, maker=9 if mine else asked[number - 1].agent,
                    side=SELL if mine else BUY, price=draw(PRICES), quantity=draw(lots), request=number, turn=turn,
                )
            )  # fmt: skip
    if draw(st.booleans()):
        offered.append(offered_of(300, spec=draw(places), maker=9, request=0, quantity=draw(lots)))
    energies = st.lists(st.integers(-5_000, 90_000), min_size=n, max_size=n)
    contracted = st.lists(st.integers(-40_000, 5_000), min_size=n, max_size=n)
    own = own_of(
        9, n, available=draw(energies), contracted=draw(contracted), weather=draw(st.booleans()),
        marginal=draw(PRICES), money=draw(st.integers(-(10**6), 10**12)),
    )  # fmt: skip
    held = {place: draw(st.integers(-5, 5)) for place in range(len(specs))}
    return own, desk_of(specs, round_=draw(st.integers(0, 2)), asked=asked, offered=offered, lots=held)


def place_of(say, asked, offers):
    if say.verb == Verb.POST:
        return say.book
    return (asked if say.verb == Verb.QUOTE else offers)[say.order].spec


@given(views(), st.sampled_from(sorted(PRODUCER_PERSONAS)))
def test_no_period_is_ever_promised_beyond_what_is_firm(view, persona):
    own, desk = view
    mind = PRODUCER_PERSONAS[persona]
    specs, offers = desk.specs, {offer.number: offer for offer in desk.offered}
    asked = {request.number: request for request in desk.asked}

    def laid(place, lots):
        line = np.zeros(len(own.need_wh), np.int64)
        spec = specs[place]
        line[spec.first_period : spec.first_period + len(spec.profile_wh)] = lots * spec.profile_wh
        return line

    said = says(mind, own, desk)
    ended = {say.order for say in said if say.verb == Verb.WITHDRAW}
    financial = [place for place in desk.lots if specs[place].kind in (Kind.FUTURE_CASH, Kind.CFD)]
    sold_wh = -own.contracted_wh - sum(laid(place, desk.lots[place]) for place in financial)
    before = sold_wh + sum(laid(o.spec, o.quantity) for o in desk.offered if o.maker == 9 and o.number not in ended)
    more = np.zeros_like(before)
    for say in said:
        assert all(type(value) is int for value in say)
        if say.verb in (Verb.QUOTE, Verb.COUNTER, Verb.POST, Verb.ACCEPT):
            place = place_of(say, asked, offers)
            assert say.quantity > 0
            assert say.price_tick % specs[place].step_tick == 0 or say.verb == Verb.ACCEPT
            assert say.price_tick >= own.marginal_tick
            if say.verb == Verb.QUOTE:
                assert say.quantity <= asked[say.order].quantity
            if say.verb == Verb.COUNTER:
                assert say.quantity <= offers[say.order].quantity
            more += laid(place, say.quantity)
    assert ((before + more)[more > 0] <= mind.firm_wh(own)[more > 0]).all()


@given(views(), st.sampled_from(sorted(PRODUCER_PERSONAS)))
def test_day_ahead_all_that_it_owes_can_be_served_and_nothing_is_sold_twice(view, persona):
    own, _ = view
    orders = PRODUCER_PERSONAS[persona].day_ahead(own, public_of(12), no_draw)
    assert (orders.quantity_wh > 0).all()
    for period in range(12):
        here = orders.period == period
        bought = int(orders.quantity_wh[here & (orders.side == BUY)].sum())
        offered_wh = int(orders.quantity_wh[here & (orders.side == SELL)].sum())
        available = max(int(own.available_wh[period]), 0)
        contracted = int(own.contracted_wh[period])
        assert offered_wh == max(available + contracted, 0)
        assert bought == max(-contracted, 0)


# --- mistakes


def test_all_mistakes_come_at_once():
    with pytest.raises(ConfigError) as caught:
        ProducerMind(mark_up_ppm=-1, premium_tick=0.5, forward_ppm=PPM + 1, firm_ppm=True, builds_after_ms=0)
    assert len(caught.value.problems) == 5


def test_every_persona_bears_its_name():
    assert {name: mind.persona for name, mind in PRODUCER_PERSONAS.items()} == {n: n for n in PRODUCER_PERSONAS}
