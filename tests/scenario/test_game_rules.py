"""The market of the forward game with sellers that do as they are told: desk, spot, delivery, and everybody's money."""

from typing import NamedTuple

import numpy as np
import pytest
from forward_games import scenario_of, staged

from wattbook.contracts import Event
from wattbook.messages import REFUSED, Refusal
from wattbook.scenario import compile_street
from wattbook.units import eur_per_mwh

MWH = 1_000_000
# P = 10 - Q, and 2 EUR/MWh.
SMALL = {"choke": eur_per_mwh(10), "cost": eur_per_mwh(2)}


class Told(NamedTuple):
    """Sells `sales` in turn and offers `quantity`; writes down what it was shown."""

    sales: tuple
    quantity: int
    seen: list

    def sell_forward(self, sold_wh, rounds):
        self.seen.append(sold_wh)
        return self.sales[-rounds]

    def offer(self, sold_wh):
        self.seen.append(sold_wh)
        return self.quantity


class Expects(NamedTuple):
    """Quotes one price; writes down which sales it was asked about."""

    price_tick: int
    asked: list

    def expect(self, sold_wh, rounds):
        self.asked.append((list(sold_wh), rounds))
        return self.price_tick


def told(sales, quantity):
    return Told(sales, quantity, [])


def play(sellers, buyers=(500, 500), **given):
    return staged(sellers, [Expects(tick, []) for tick in buyers], **(SMALL | given))


@pytest.mark.parametrize(
    "around", [{}, {"period": 15}, {"period": 1, "hours": 1}, {"hours": None}, {"start": "2016-10-30"}]
)
def test_forward_sale_and_spot_together_give_price_times_quantity(around):
    """C7: of 3 MWh, made at 2.00, 2 MWh sold forward at 5.00 and all at the spot price of 4.00; the other sells 3."""
    played = play([told((2 * MWH,), 3 * MWH), told((0,), 3 * MWH)], **around)
    assert played.spot_tick == 400
    assert played.profit == (500 * 2 * MWH + 400 * (3 - 2) * MWH - 200 * 3 * MWH, (400 - 200) * 3 * MWH)
    assert sum(played.arbitrage) == (400 - 500) * 2 * MWH
    assert played.balance["demand"] == -400 * 6 * MWH
    # Production's costs leave by the outside's account; the desk keeps nothing: margins are given back.
    assert played.balance["UPSTREAM"] == 200 * 6 * MWH
    assert played.balance["CLEARING"] == 0
    assert played.money_sum == sum(played.balance.values()) == 0
    # Bills are in whole cents, at most half of one off, and that goes to an account of its own.
    assert (played.made_wh, played.offered_wh) == ((3 * MWH,) * 2, (3 * MWH,) * 2)
    assert not played.record.streams["groups"]["deviation_wh"].any()


def test_demand_draws_what_it_buys():
    played = play([told((0,), 3 * MWH), told((0,), MWH)])
    served = played.record.streams["served"]
    assert served["energy_wh"].tolist() == [0, 4 * MWH]
    assert (played.spot_tick, sum(played.made_wh)) == (600, 4 * MWH)


def test_a_seller_may_buy_back_and_several_rounds_add_up():
    played = play([told((3 * MWH, -MWH), 3 * MWH), told((MWH, MWH), 3 * MWH)], rounds=2)
    assert played.sold_wh == (2 * MWH, 2 * MWH)
    assert sorted((-deal.minutes_before, deal.seller, deal.sold_wh) for deal in played.deals) == [
        (-3, 0, 3 * MWH), (-3, 1, MWH), (-2, 0, -MWH), (-2, 1, MWH),
    ]  # fmt: skip
    assert played.profit == (500 * 2 * MWH + 400 * MWH - 600 * MWH,) * 2
    assert played.money_sum == 0


def test_each_sale_is_a_request_two_quotes_and_a_signature_at_the_desk():
    played = play([told((2 * MWH,), 3 * MWH), told((0,), 3 * MWH)])
    events = [Event(event) for event in played.record.streams["contracts"]["event"].tolist()]
    assert [event for event in events if event in {Event.REQUESTED, Event.QUOTED, Event.SIGNED}] == [
        Event.REQUESTED, Event.QUOTED, Event.QUOTED, Event.SIGNED,
    ]  # fmt: skip
    assert Event.MARKED_BY_TRADES in events
    assert Event.FULFILLED in events


def test_all_ask_before_anybody_quotes_and_all_quote_before_anybody_signs():
    played = play([told((MWH, MWH), 3 * MWH), told((MWH, -MWH), 3 * MWH)], rounds=2)
    rows = played.record.streams["contracts"]
    turns = [event for event in rows["event"].tolist() if event in {Event.REQUESTED, Event.QUOTED, Event.SIGNED}]
    one = [Event.REQUESTED] * 2 + [Event.QUOTED] * 4 + [Event.SIGNED] * 2
    assert turns == one * 2


def test_the_best_quote_is_signed():
    played = play([told((MWH,), 3 * MWH), told((-MWH,), 3 * MWH)], buyers=(500, 520, 510))
    assert sorted((deal.seller, deal.arbitrageur, deal.price_tick) for deal in played.deals) == [
        (0, 1, 520),
        (1, 0, 500),
    ]


def test_of_equal_quotes_that_with_the_lowest_number_is_signed_and_whose_that_is_hangs_on_the_seed():
    first = set()
    for seed in range(6):
        played = play([told((MWH,), 3 * MWH), told((MWH,), 3 * MWH)], buyers=(500, 500, 500), seed=seed)
        rows = played.record.streams["contracts"]
        quotes = rows["event"] == Event.QUOTED
        for seller in np.unique(rows["seller"][quotes]):
            mine = quotes & (rows["seller"] == seller)
            signed = (rows["event"] == Event.SIGNED) & (rows["seller"] == seller)
            earliest = rows["contract"][mine].argmin()
            assert rows["buyer"][mine][earliest] == rows["buyer"][signed].item()
        assert len({deal.arbitrageur for deal in played.deals}) == 1
        first |= {deal.arbitrageur for deal in played.deals}
    assert len(first) > 1


@pytest.mark.parametrize(("observable", "shown"), [(True, [2 * MWH, MWH]), (False, [2 * MWH, None])])
def test_a_seller_is_shown_what_the_desk_shows_it(observable, shown):
    sellers = [told((2 * MWH, 0), 3 * MWH), told((MWH, 0), 3 * MWH)]
    play(sellers, rounds=2, observable=observable)
    before = [0, 0] if observable else [0, None]
    # Before the first round, the second one, and spot.
    assert sellers[0].seen == [before, shown, shown]


@pytest.mark.parametrize("observable", [True, False])
def test_arbitrageurs_know_what_was_sold_and_what_is_asked_for(observable):
    """By positions, or else by the tape, which names nobody: then what was sold is divided evenly."""
    sellers = [told((2 * MWH, 0), 3 * MWH), told((MWH, MWH // 2), 3 * MWH)]
    buyers = [Expects(500, []) for _ in range(2)]
    staged(sellers, buyers, rounds=2, observable=observable, **SMALL)
    sold = [2 * MWH, MWH] if observable else [3 * MWH // 2] * 2
    for buyer in buyers:
        assert buyer.asked == [([2 * MWH, MWH], 1), ([sold[0], sold[1] + MWH // 2], 0)]


def test_in_one_round_nobody_sees_what_the_others_do_in_it():
    sellers = [told((2 * MWH,), 3 * MWH), told((MWH,), 3 * MWH)]
    for seed in range(4):  # whoever is asked first
        play(sellers, seed=seed)
    assert [seller.seen[0::2] for seller in sellers] == [[[0, 0]] * 4] * 2


def test_without_rounds_there_is_no_desk():
    sellers = [told((), 3 * MWH), told((), 3 * MWH)]
    played = play(sellers, rounds=0)
    assert "contracts" not in played.record.streams
    assert (played.deals, played.arbitrage) == ((), (0, 0))
    assert played.profit == ((400 - 200) * 3 * MWH,) * 2


def test_only_what_is_sold_is_made():
    """12 MWh at a floor of 0, where nobody takes more than 10."""
    played = play([told((), 6 * MWH), told((), 6 * MWH)], rounds=0)
    assert (played.spot_tick, sum(played.made_wh)) == (0, 10 * MWH)
    assert played.profit == tuple(-200 * made for made in played.made_wh)


def test_nobody_may_offer_more_than_all_of_demand():
    played = play([told((), 10 * MWH + 1), told((), MWH)], rounds=0)
    orders = played.record.streams["orders"]
    assert orders["code"][orders["event"] == REFUSED].tolist() == [Refusal.NO_CAPABILITY]
    assert played.made_wh == (0, MWH)


def test_who_asks_for_less_than_a_lot_asks_for_nothing():
    played = play([told((9_999,), 3 * MWH), told((-9_999,), 3 * MWH)])
    assert (played.deals, played.sold_wh) == ((), (0, 0))
    assert not (played.record.streams["contracts"]["event"] == Event.REQUESTED).any()


def test_where_nobody_offers_nothing_is_sold_and_the_price_is_the_highest_bid():
    played = play([told((MWH,), 0), told((0,), 0)])
    assert (played.spot_tick, played.made_wh) == (999, (0, 0))
    assert played.profit == ((500 - 999) * MWH, 0)
    assert sum(played.arbitrage) == (999 - 500) * MWH
    assert played.money_sum == 0


def test_sellers_keep_their_places_and_costs_when_there_are_ten_and_more():
    costs = [eur_per_mwh(1 + 0.5 * place) for place in range(12)]
    sellers = [told((place * 10_000,), (place + 1) * 100_000) for place in range(12)]
    played = staged(sellers, [Expects(500, [])] * 12, choke=eur_per_mwh(10), cost=costs)
    assert played.sold_wh == tuple(place * 10_000 for place in range(12))
    assert played.offered_wh == tuple((place + 1) * 100_000 for place in range(12))
    spot = played.spot_tick
    assert played.profit == tuple(
        500 * sold + spot * (made - sold) - int(cost) * made
        for sold, made, cost in zip(played.sold_wh, played.made_wh, costs, strict=True)
    )


def test_minds_are_called_by_their_names_in_the_record():
    header = compile_street(scenario_of(**SMALL), 7).street.header()
    told_of = {agent["agent"]: (agent["persona"], agent["policy"]) for agent in header["agents"]}
    assert told_of["seller-1"] == ("seller", "quantity-search")
    assert told_of["arbitrageur-2"] == ("arbitrageur", "spot-expectation")
    assert told_of["demand"] == ("demand", "ladder")
