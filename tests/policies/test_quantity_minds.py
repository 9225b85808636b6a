"""People of the forward game, by hand-made views: who says what when."""

from typing import NamedTuple

import pytest
from wholesale_views import asked_of, desk_of, no_draw, offered_of, own_of, public_of

from wattbook.contracts import Verb
from wattbook.messages import BUY, SELL
from wattbook.policies.quantity_minds import GOOD_MS, ArbitrageurMind, DemandMind, SellerMind, Table

LOT_WH = 10_000
# Agents 0 and 1 buy forward, 2 is demand, 3 and 4 sell; two rounds, and energy in period 5.
TABLE = Table(sellers=(3, 4), rung_wh=LOT_WH, rounds_ms=(60_000, 120_000), period=5, floor_tick=0)


class Told(NamedTuple):
    """Says what it was told; writes down what it was shown."""

    answer: int
    seen: list

    def sell_forward(self, sold_wh, rounds):
        self.seen.append((list(sold_wh), rounds))
        return self.answer

    def offer(self, sold_wh):
        self.seen.append(list(sold_wh))
        return self.answer

    def expect(self, sold_wh, rounds):
        self.seen.append((list(sold_wh), rounds))
        return self.answer


def seller(answer=0, *, observable=True):
    return SellerMind(Told(answer, []), TABLE, observable)


def arbitrageur(answer=400, *, observable=True):
    return ArbitrageurMind(Told(answer, []), TABLE, observable)


def at(mind, agent, round_=0, *, now_ms=60_000, tape=(), others=None, **given):
    desk = desk_of(round_=round_, rounds=3, **given)._replace(others_lots=others or {}, tape=tape)
    return mind.at_desk(own_of(agent, now_ms=now_ms), public_of(), desk, no_draw)


@pytest.mark.parametrize(("sale_wh", "side", "lots"), [(7 * LOT_WH, SELL, 7), (-3 * LOT_WH, BUY, 3)])
def test_a_seller_asks_for_quotes_in_the_first_turn(sale_wh, side, lots):
    (say,) = at(seller(sale_wh), 3)
    assert (say.verb, say.book, say.side, say.quantity) == (Verb.REQUEST, 0, side, lots)
    # Until the next round, and not into it.
    assert say.flags == GOOD_MS == TABLE.rounds_ms[1] - TABLE.rounds_ms[0]


@pytest.mark.parametrize("sale_wh", [0, LOT_WH - 1, 1 - LOT_WH])
def test_a_seller_asks_for_nothing_where_it_would_be_less_than_a_lot(sale_wh):
    assert at(seller(sale_wh), 3) == []


def test_a_seller_sees_its_own_position_and_those_that_are_shown():
    for lots, others, observable, seen in (
        ({}, {}, True, [0, 0]),
        ({0: -5}, {4: {0: -2}, 0: {0: 7}}, True, [5, 2]),
        ({0: 3}, {4: {}}, True, [-3, 0]),
        ({}, {}, False, [0, None]),
        ({0: -5}, {}, False, [5, None]),
    ):
        mind = seller(LOT_WH, observable=observable)
        at(mind, 3, lots=lots, others=others)
        assert mind.seller.seen == [([None if each is None else each * LOT_WH for each in seen], 2)]
    last = seller(LOT_WH)
    at(last, 4, now_ms=120_000, lots={0: -1}, others={3: {0: -4}})
    assert last.seller.seen == [([4 * LOT_WH, LOT_WH], 1)]


def test_while_others_quote_a_seller_says_nothing():
    assert at(seller(LOT_WH), 3, 1, asked=[asked_of(agent=3, side=SELL)], offered=[offered_of(side=BUY)]) == []


@pytest.mark.parametrize(("side", "best"), [(SELL, 12), (BUY, 11)])
def test_a_seller_signs_the_best_quote_and_the_first_of_equals(side, best):
    prices = {11: 390, 12: 410, 13: 400, 14: 410, 15: 390}
    offers = [
        offered_of(number, maker=number % 2, side=-side, price=tick, quantity=4, request=9)
        for number, tick in prices.items()
    ]
    for given in (offers, offers[::-1]):
        (say,) = at(seller(), 3, 2, asked=[asked_of(9, agent=3, side=side, quantity=4)], offered=given)
        assert (say.verb, say.order, say.price_tick, say.quantity) == (Verb.ACCEPT, best, prices[best], 4)


def test_a_seller_signs_nothing_that_was_not_quoted_to_it():
    others = offered_of(11, maker=0, side=BUY, price=500, request=8)
    assert at(seller(), 3, 2, asked=[asked_of(9, agent=3, side=SELL)], offered=[others]) == []
    own = offered_of(12, maker=3, side=SELL, price=500, request=9)
    assert at(seller(), 3, 2, asked=[asked_of(9, agent=3, side=SELL)], offered=[own]) == []
    assert at(seller(), 3, 2) == []


def test_a_seller_offers_at_the_floor_in_the_one_period():
    mind = seller(123_456)
    public = public_of()._replace(others_lots={4: {0: -2}})
    orders = mind.day_ahead(own_of(3, 1, first=5)._replace(lots={0: -6}), public, no_draw)
    assert [column.tolist() for column in orders] == [[5], [SELL], [0], [123_456]]
    assert mind.seller.seen == [[6 * LOT_WH, 2 * LOT_WH]]
    for first, n in ((0, 5), (6, 4), (0, 0)):
        assert [len(column) for column in mind.day_ahead(own_of(3, n, first=first), public, no_draw)] == [0] * 4
    assert len(seller(0).day_ahead(own_of(3, 9), public, no_draw).period) == 0


def test_an_arbitrageur_quotes_every_request_at_one_price_for_all_of_it():
    mind = arbitrageur(400)
    asked = [asked_of(7, agent=4, side=SELL, quantity=5), asked_of(8, agent=3, side=BUY, quantity=2)]
    said = at(mind, 0, 1, asked=asked, others={3: {0: -9}})
    assert [(say.verb, say.order, say.price_tick, say.quantity, say.flags) for say in said] == [
        (Verb.QUOTE, 7, 400, 5, GOOD_MS), (Verb.QUOTE, 8, 400, 2, GOOD_MS),
    ]  # fmt: skip
    # What is expected is that all of it is signed: with a round to come in the first one, and none in the last.
    assert mind.arbitrageur.seen == [([7 * LOT_WH, 5 * LOT_WH], 1)]
    at(mind, 1, 1, now_ms=120_000, asked=asked)
    assert mind.arbitrageur.seen[1] == ([-2 * LOT_WH, 5 * LOT_WH], 0)


def test_an_arbitrageur_that_sees_no_positions_divides_the_tape_evenly():
    mind = arbitrageur(observable=False)
    tape = ((60_000, 0, 400, 6 * LOT_WH), (60_000, 0, 400, 3 * LOT_WH))
    at(mind, 0, 1, now_ms=120_000, asked=[asked_of(7, agent=4, side=SELL, quantity=5)], tape=tape, lots={0: 9})
    assert mind.arbitrageur.seen == [([4 * LOT_WH, 9 * LOT_WH], 0)]


def test_an_arbitrageur_says_nothing_out_of_turn_or_unasked_and_sends_nothing_to_spot():
    asked = [asked_of(7, agent=4, side=SELL)]
    assert [at(arbitrageur(), 0, round_, asked=asked) for round_ in (0, 2)] == [[], []]
    assert at(arbitrageur(), 0, 1) == []
    assert [len(column) for column in arbitrageur().day_ahead(own_of(0, 9), public_of(), no_draw)] == [0] * 4


def test_demand_bids_a_rung_at_each_price_in_the_one_period():
    demand = DemandMind((2, 1, 0), LOT_WH, TABLE)
    assert at(demand, 2, asked=[asked_of(agent=3)]) == []
    orders = demand.day_ahead(own_of(2, 1, first=5), public_of(), no_draw)
    assert [column.tolist() for column in orders] == [[5] * 3, [BUY] * 3, [2, 1, 0], [LOT_WH] * 3]
    assert len(demand.day_ahead(own_of(2, 5), public_of(), no_draw).period) == 0


def test_nobody_builds():
    for mind in (seller(), arbitrageur(), DemandMind((1,), LOT_WH, TABLE)):
        assert mind.invest(own_of(3), None, no_draw) == 0
