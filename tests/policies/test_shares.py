"""Shares of renewable output: what is posted, what is taken, and both at a real desk."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wholesale_views import HOUR_MS, desk_of, no_draw, offered_of, own_of, public_of, spec_of

from wattbook.contracts import Code, ContractSpec, Desk, DeskTerms, Event, Kind, Verb
from wattbook.messages import BUY, SELL, Command
from wattbook.policies import PRODUCER_PERSONAS, UTILITY_PERSONAS, ProducerMind, UtilityMind
from wattbook.policies.shares import LEAST_PPM, shares_bought, shares_sold
from wattbook.policies.wholesale import Offered, Spec
from wattbook.units import PPM

GREEN = spec_of(3, (0,) * 24, kind=Kind.PPA, bundled=True)
SELLER = ProducerMind(share_ppm=500_000, premium_tick=300)
BUYER = UtilityMind(shares_ppm=400_000, green_tick=500)


def sold(mind=SELLER, *, offered=(), lots=None, specs=(GREEN,), public=None, **own):
    own = own_of(1, **{"available": 10_000, "renewable": True, "weather": True, **own})
    return shares_sold(mind, own, public or public_of(), desk_of(specs, offered=offered, lots=lots))


def bought(mind=BUYER, *, offered=(), shares=0, outlook=None, need=10_000, specs=(GREEN,), public=None, **own):
    outlook = {1: 10_000, 2: 5_000} if outlook is None else outlook
    desk = desk_of(specs, offered=offered)._replace(
        outlook_wh={maker: np.broadcast_to(np.asarray(wh, np.int64), (24,)) for maker, wh in outlook.items()},
        shares_wh=np.full(24, shares, np.int64),
    )
    return shares_bought(mind, own_of(0, need=need, **own), public or public_of(), desk)


def post(number=2, *, maker=1, price=5_300, share=500_000, **given):
    return offered_of(number, spec=3, maker=maker, price=price, quantity=share, request=0, **given)


# --- sellers


def test_a_renewable_plant_posts_its_share_above_what_its_own_hours_bring():
    (said,) = sold()
    assert said == (Verb.POST, 3, 0, SELL, 5_300, 500_000, HOUR_MS)


def test_the_price_is_that_of_the_hours_in_which_it_gives():
    """Sun at noon only, when energy is cheap: 12 Wh at 20 and 4 Wh at 60 EUR/MWh are worth 30, and 3 come on top."""
    expected = np.full(24, 9_000)
    expected[12], expected[13] = 2_000, 6_000
    available = np.zeros(24, np.int64)
    available[12], available[13] = 12, 4
    (said,) = sold(available=available, public=public_of(expected=expected))
    assert said.price_tick == 3_300


@pytest.mark.parametrize(
    ("lots", "standing", "posted"),
    [({3: -200_000}, (), 300_000), ({3: -500_000}, (), None), ({3: -600_000}, (), None),
     ({}, (100_000, 150_000), 250_000), ({3: -200_000}, (300_000,), None), ({2: -9}, (), 500_000)],
)  # fmt: skip
def test_what_was_sold_and_what_stands_is_not_posted_again(lots, standing, posted):
    offered = [post(number, share=share) for number, share in enumerate(standing, 2)]
    said = sold(lots=lots, offered=offered)
    assert [each.quantity for each in said] == ([] if posted is None else [posted])


def test_what_others_post_is_none_of_its_business():
    assert sold(offered=[post(maker=2)])[0].quantity == 500_000


@pytest.mark.parametrize(
    "given",
    [{"renewable": False}, {"available": 0}, {"mind": ProducerMind(share_ppm=0)}, {"specs": (spec_of(),)},
     {"now_ms": 0}],
)  # fmt: skip
def test_nothing_is_posted_without_a_plant_output_share_spec_or_time(given):
    assert sold(**given) == []


@given(st.integers(0, PPM), st.integers(-PPM, 0), st.lists(st.integers(1, PPM), max_size=4))
def test_nobody_sells_more_than_its_share(share, held, standing):
    said = sold(
        ProducerMind(share_ppm=share), lots={3: held}, offered=[post(2 + i, share=s) for i, s in enumerate(standing)]
    )
    assert all(each.quantity > 0 for each in said)
    if said:
        assert -held + sum(standing) + sum(each.quantity for each in said) == share


# --- buyers


def test_a_utility_takes_what_is_missing_to_its_part():
    """40 % of 240 kWh are 96; a plant of 240 kWh gives them by 40 %."""
    assert bought(offered=[post()]) == [(Verb.TAKE, -1, 2, 0, 5_300, 400_000, 0)]


def test_it_takes_the_cheapest_first_and_no_more_than_there_is():
    said = bought(offered=[post(2, price=5_400), post(5, maker=2, price=5_100, share=700_000)])
    # 70 % of 120 kWh are 84; what is missing then, 12 kWh, are 5 % of the other plant's 240.
    assert [(each.order, each.price_tick, each.quantity) for each in said] == [(5, 5_100, 700_000), (2, 5_400, 50_000)]


def test_what_it_has_counts():
    assert [each.quantity for each in bought(offered=[post()], shares=3_000)] == [100_000]
    assert bought(offered=[post()], shares=4_000) == []
    assert bought(offered=[post()], shares=5_000) == []


@pytest.mark.parametrize(("shares", "taken"), [(3_900, [10_000]), (3_901, [])])
def test_less_than_a_hundredth_is_not_worth_it(shares, taken):
    assert LEAST_PPM == 10_000
    assert [each.quantity for each in bought(offered=[post()], shares=shares)] == taken


@pytest.mark.parametrize(("price", "takes"), [(5_500, True), (5_501, False), (-50_000, True)])
def test_it_pays_the_expected_price_and_its_premium(price, takes):
    assert bool(bought(offered=[post(price=price)])) is takes


def test_the_price_is_held_against_the_hours_in_which_the_plant_gives():
    outlook = np.zeros(24, np.int64)
    outlook[12] = 240_000
    expected = np.full(24, 9_000)
    expected[12] = 2_000
    assert bought(offered=[post(price=2_500)], outlook={1: outlook}, public=public_of(expected=expected))
    assert bought(offered=[post(price=2_501)], outlook={1: outlook}, public=public_of(expected=expected)) == []


@pytest.mark.parametrize(
    "given",
    [{"mind": UtilityMind()}, {"offered": [post(maker=3)]}, {"offered": [post(side=BUY)]}, {"outlook": {1: 0}},
     {"need": 0}, {"need": -5_000}, {"now_ms": 0}, {"offered": [post()._replace(request=1)]},
     {"offered": [post()._replace(spec=0)]}],
)  # fmt: skip
def test_nothing_is_taken_of_strangers_nor_without_need(given):
    assert bought(**{"offered": [post()], **given}) == []


def test_only_a_utility_that_wants_shares_takes_some():
    assert [name for name, mind in UTILITY_PERSONAS.items() if bought(mind, offered=[post(price=5_000)])] == [
        "eco-friendly"
    ]


def test_what_a_utility_takes_it_says_alone():
    desk = desk_of((GREEN, spec_of()), offered=[post()])._replace(
        outlook_wh={1: np.full(24, 10_000)}, shares_wh=np.zeros(24, np.int64)
    )
    said = UTILITY_PERSONAS["eco-friendly"].at_desk(own_of(0, need=10_000), public_of(), desk, no_draw)
    assert [each.verb for each in said] == [Verb.TAKE]


# --- a real desk


HOURS = 72
MWH = 1_000_000
SUN, WIND, ECO, OTHER = range(4)
FIRST = 24


class Days:
    """Two plants and two utilities at a desk that sells shares from the second day on."""

    def __init__(self, share_ppm=500_000, need=40 * MWH):
        spec = ContractSpec("green", "local", Kind.PPA, FIRST, (0,) * (HOURS - FIRST), bundled=True)
        self.desk = Desk(
            DeskTerms(agents=4, specs=(spec,), period_ms=HOUR_MS, renewable=(SUN, WIND), observable="everybody")
        )
        hours = np.arange(HOURS)
        self.able = {SUN: np.where((hours % 24 > 7) & (hours % 24 < 17), 90 * MWH, 0), WIND: np.full(HOURS, 60 * MWH)}
        self.minds = {
            SUN: PRODUCER_PERSONAS["at-cost"], WIND: ProducerMind(share_ppm=share_ppm),
            ECO: UTILITY_PERSONAS["eco-friendly"], OTHER: UtilityMind(shares_ppm=200_000),
        }  # fmt: skip
        self.need = need
        self.sold_wh = dict.fromkeys((ECO, OTHER), 0)
        self.rows = []

    def shares_wh(self, agent):
        """What shares are expected to give, bought - sold."""
        total = np.zeros(HOURS, np.int64)
        for each in self.desk.bilateral.contracts.values():
            sign = (each.buyer == agent) - (each.seller == agent)
            total[FIRST:] += sign * (self.able[each.seller][FIRST:] * each.quantity // PPM)
        return total

    def session(self, rounds=4, now_ms=HOUR_MS):
        (terms,) = self.desk.terms.specs
        spec = Spec(
            0, "green", int(Kind.PPA), FIRST, np.zeros(HOURS - FIRST, np.int64), 1, FIRST * HOUR_MS, bundled=True
        )
        assert terms.lot_wh == 0
        for round_ in range(rounds):
            for agent, mind in self.minds.items():
                offered = [
                    Offered(number, o.spec, o.maker, o.side, o.price_tick, o.quantity, o.until_ms, o.request, o.turn)
                    for number, o in self.desk.board.offers.items()
                ]
                desk = desk_of(
                    (spec,), round_=round_, rounds=rounds, offered=offered, renewable=(SUN, WIND),
                    lots=self.desk.positions(agent).get(agent, {}),
                )._replace(outlook_wh=self.able, shares_wh=self.shares_wh(agent))  # fmt: skip
                own = own_of(
                    agent, HOURS, now_ms=now_ms, need=self.need if agent in (ECO, OTHER) else 0,
                    available=self.able.get(agent, 0), renewable=agent in self.able, weather=True,
                    contracted=self.shares_wh(agent),
                )  # fmt: skip
                for say in mind.at_desk(own, public_of(HOURS), desk, no_draw):
                    command = Command(
                        now_ms, agent, say.verb, say.book, -1, say.order, say.side, say.price_tick, say.quantity,
                        say.flags,
                    )  # fmt: skip
                    answer = self.desk.apply(command, lambda _: 10**15)
                    assert answer.code == Code.OK, (answer.code.name, agent, say)
                    self.rows += answer.rows
                    self.desk.check()

    def deliver(self):
        for period in range(HOURS):
            end_ms = (period + 1) * HOUR_MS
            meter = lambda agent: int(self.able[agent][period]) if agent in self.able else 0  # noqa: E731, B023
            self.rows += self.desk.deliver(end_ms, period, 5_000, meter, lambda _: 10**15).rows
            for agent in self.sold_wh:
                self.sold_wh[agent] += self.need


def test_at_a_desk_every_word_is_admitted_and_nobody_sells_more_than_its_share():
    days = Days(need=60 * MWH)
    days.session()
    days.session(now_ms=14 * HOUR_MS)
    held = days.desk.positions(SUN)
    assert -500_000 <= held.get(WIND, {0: 0})[0] < 0
    assert -800_000 <= held.get(SUN, {0: 0})[0] < 0
    need_wh = days.need * (HOURS - FIRST)
    for agent, part in ((ECO, 400_000), (OTHER, 200_000)):
        got = int(days.shares_wh(agent).sum())
        # No more than its part, and less by no more than a share that is not worth it.
        assert got <= need_wh * part // PPM
        assert got >= need_wh * part // PPM - 2 * LEAST_PPM * HOURS * 90 * MWH // PPM


def test_the_eco_friendly_covers_its_quota_by_what_comes_with_its_shares():
    days = Days()
    days.session()
    days.deliver()
    # 40 % of what is sold on two of three days.
    quota_ppm = 250_000
    answer = days.desk.comply(HOURS * HOUR_MS, ECO, 0, days.sold_wh[ECO], quota_ppm, 6_000)
    assert [row.quantity_wh for row in answer.rows if row.event == Event.COMPLIED] == [days.sold_wh[ECO] // 4]
    assert not [row for row in answer.rows if row.event == Event.BOUGHT_OUT]


def test_a_desk_where_shares_are_scarce_sells_them_all_and_no_more():
    days = Days(share_ppm=100_000, need=900 * MWH)
    days.session()
    held = days.desk.positions(SUN)
    assert held[WIND] == {0: -100_000}
    assert held[SUN] == {0: -800_000}
