"""The forward game's stage with sellers that do as they are told: desk, spot, delivery, and everybody's money."""

from typing import NamedTuple

import numpy as np
import pytest

from wattbook.contracts import Event
from wattbook.errors import ConfigError
from wattbook.market.forward_game import LinearDemand, play_forward_game

MWH = 1_000_000
DEMAND = LinearDemand(1_000, 100)


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
    price_tick: int

    def expect(self, sold_wh, rounds):
        return self.price_tick


def told(sales, quantity):
    return Told(sales, quantity, [])


def play(sellers, buyers=(500, 500), rounds=1, cost=200, **given):
    return play_forward_game(
        DEMAND, [cost] * len(sellers), sellers, [Expects(tick) for tick in buyers], rounds=rounds, **given
    )


def test_the_price_is_the_ladder_at_the_total_however_it_is_divided():
    for offered in ([3 * MWH], [1 * MWH, 2 * MWH], [1, 2 * MWH, MWH - 1]):
        assert DEMAND.clear(offered).price_tick.tolist() == [700]
    totals = np.arange(1, 1_200) * DEMAND.rung_wh
    # A MWh more lowers it by 1 EUR/MWh, and below the floor it does not go.
    assert DEMAND.price_of(totals).tolist() == [max(1_000 - rung, 0) for rung in range(1, 1_200)]
    assert DEMAND.price_of(np.array([1, DEMAND.rung_wh + 1])).tolist() == [999, 998]


def test_forward_sale_and_spot_together_give_price_times_quantity():
    """C7: of 3 MWh, made at 2.00, 2 MWh sold forward at 5.00 and all at the spot price of 4.00; the other sells 3."""
    played = play([told((2 * MWH,), 3 * MWH), told((0,), 3 * MWH)])
    assert played.spot_tick == 400
    assert played.profit == (500 * 2 * MWH + 400 * (3 - 2) * MWH - 200 * 3 * MWH, (400 - 200) * 3 * MWH)
    assert sum(played.arbitrage) == (400 - 500) * 2 * MWH
    assert (played.paid, played.cost) == (400 * 6 * MWH, 200 * 6 * MWH)
    assert sum(played.balance) == 0
    # The desk keeps nothing: margins are given back.
    assert sum(played.balance[:4]) == played.paid - played.cost


def test_a_seller_may_buy_back_and_several_rounds_add_up():
    played = play([told((3 * MWH, -MWH), 3 * MWH), told((MWH, MWH), 3 * MWH)], rounds=2)
    assert played.sold_wh == (2 * MWH, 2 * MWH)
    assert [(deal.round, deal.seller, deal.sold_wh) for deal in played.deals] == [
        (0, 0, 3 * MWH), (0, 1, MWH), (1, 0, -MWH), (1, 1, MWH),
    ]  # fmt: skip
    assert played.profit == (500 * 2 * MWH + 400 * MWH - 600 * MWH,) * 2
    assert sum(played.balance) == 0


def test_each_sale_is_a_request_two_quotes_and_a_signature_at_the_desk():
    played = play([told((2 * MWH,), 3 * MWH), told((0,), 3 * MWH)])
    events = [Event(row.event) for row in played.rows]
    assert [event for event in events if event in {Event.REQUESTED, Event.QUOTED, Event.SIGNED}] == [
        Event.REQUESTED, Event.QUOTED, Event.QUOTED, Event.SIGNED,
    ]  # fmt: skip
    assert Event.MARKED_BY_TRADES in events


def test_the_best_quote_is_signed_and_equals_take_turns():
    sells = play([told((MWH,), 3 * MWH), told((-MWH,), 3 * MWH)], buyers=(500, 520, 510))
    assert [(deal.arbitrageur, deal.price_tick) for deal in sells.deals] == [(1, 520), (0, 500)]
    equal = play([told((MWH, MWH), 3 * MWH), told((MWH, MWH), 3 * MWH)], rounds=2)
    assert [deal.arbitrageur for deal in equal.deals] == [0, 1, 1, 0]


@pytest.mark.parametrize(("observable", "shown"), [(True, [2 * MWH, MWH]), (False, [2 * MWH, None])])
def test_a_seller_is_shown_what_the_desk_shows_it(observable, shown):
    sellers = [told((2 * MWH, 0), 3 * MWH), told((MWH, 0), 3 * MWH)]
    play(sellers, rounds=2, observable=observable)
    before = [0, 0] if observable else [0, None]
    assert sellers[0].seen == [before, shown, shown]


def test_in_one_round_nobody_sees_what_the_others_do_in_it():
    sellers = [told((2 * MWH,), 3 * MWH), told((MWH,), 3 * MWH)]
    play(sellers)
    assert sellers[1].seen[0] == [0, 0]


def test_without_rounds_there_is_no_desk():
    sellers = [told((), 3 * MWH), told((), 3 * MWH)]
    played = play(sellers, buyers=(), rounds=0)
    assert (played.rows, played.deals, played.arbitrage) == ((), (), ())
    assert played.profit == ((400 - 200) * 3 * MWH,) * 2


def test_what_is_offered_and_not_sold_is_paid_for_by_who_made_it():
    played = play([told((), 12 * MWH)], buyers=(), rounds=0)
    assert played.spot_tick == 0
    assert played.profit == (-200 * 12 * MWH,)


def test_mistakes_are_told_all_at_once():
    with pytest.raises(ConfigError) as refused:
        play_forward_game(DEMAND, [1, 2], [told((), 0)], [], rounds=-1)
    assert len(refused.value.problems) == 3
    with pytest.raises(ConfigError, match="give arbitrageurs, or rounds=0"):
        play([told((0,), MWH)], buyers=())
    with pytest.raises(ConfigError, match="sell multiples of 10000 Wh"):
        play([told((15_000,), MWH)])
    with pytest.raises(ConfigError) as refused:
        LinearDemand(0, 30)
    assert len(refused.value.problems) == 2
