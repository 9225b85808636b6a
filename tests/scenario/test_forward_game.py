"""Allaz & Vila (1993) in the whole game: the known answers, which stand in here and nowhere in the package."""

import re
from pathlib import Path

import numpy as np
import pytest

from wattbook.errors import ConfigError
from wattbook.market.forward_game import LinearDemand, play_forward_game
from wattbook.policies.quantity import Arbitrageur, QuantitySearch, QuantitySeller
from wattbook.scenario.fields import Typed
from wattbook.scenario.forward_game import ForwardGame
from wattbook.scenario.varying import _changed
from wattbook.units import eur_per_mwh

PERCENT = 0.01


def allaz_vila(choke, cost, rounds):
    """Price of the duopoly after so many observed forward rounds."""
    return cost + (choke - cost) / (2 * rounds + 3)


def solved(choke, costs, rounds):
    """Price with any costs, in floats: quadratic payoffs, so three points give each best answer exactly."""
    costs = np.array(costs, float)
    n = len(costs)

    def spot(held):
        return np.linalg.solve(np.eye(n) + np.ones((n, n)), choke - costs + held)

    def end(held, left):
        return spot(held) if left == 0 else end(held + forward(held, left), left - 1)

    def forward(held, left):
        sales = np.zeros(n)
        for _ in range(40):
            for i in range(n):
                points, profit = np.array([-1.0, 0.0, 1.0]) * choke / 10, []
                for sale in points:
                    tried = sales.copy()
                    tried[i] = sale
                    offered = end(held + tried, left - 1)
                    profit.append((choke - offered.sum()) * (offered[i] - held[i]) - costs[i] * offered[i])
                below, middle, above = profit
                sales[i] = points[2] * (above - below) / (2 * (2 * middle - above - below))
        return sales

    return choke - end(np.zeros(n), rounds).sum()


def price(played):
    return played.spot_tick / 100


@pytest.mark.parametrize(("rounds", "expected"), [(0, 40), (1, 28)])
def test_sellers_reach_40_without_the_desk_and_28_with_one_observed_round(rounds, expected):
    assert allaz_vila(100, 10, rounds) == expected
    played = ForwardGame(rounds=rounds).play()
    assert price(played) == pytest.approx(expected, rel=PERCENT)
    assert sum(played.balance) == 0


@pytest.mark.slow
def test_two_observed_rounds_bring_them_to_22_86():
    played = ForwardGame(rounds=2).play()
    assert allaz_vila(100, 10, 2) == pytest.approx(22.857, abs=0.001)
    assert price(played) == pytest.approx(allaz_vila(100, 10, 2), rel=PERCENT)
    assert {deal.price_tick for deal in played.deals} == {played.spot_tick}


def test_an_unobserved_round_leaves_them_at_40():
    assert price(ForwardGame(rounds=1, observable=False).play()) == pytest.approx(40, rel=PERCENT)


def test_quantities_and_positions_are_those_of_the_model():
    """One round: each sells a fifth of choke - cost forward, and offers two fifths."""
    played = ForwardGame(choke=eur_per_mwh(60), cost=eur_per_mwh(10)).play()
    assert [wh / 1e6 for wh in played.sold_wh] == pytest.approx([10, 10], rel=0.02)
    assert [wh / 1e6 for wh in played.offered_wh] == pytest.approx([20, 20], rel=0.02)


@pytest.mark.parametrize(
    ("choke", "cost", "rounds"),
    [(30, 3, 2), (40, 4, 2), (50, 20, 1), (50, 0, 0)],
)
def test_other_demand_and_costs(choke, cost, rounds):
    played = ForwardGame(choke=eur_per_mwh(choke), cost=eur_per_mwh(cost), rounds=rounds).play()
    assert price(played) == pytest.approx(allaz_vila(choke, cost, rounds), rel=PERCENT)


@pytest.mark.parametrize(
    ("costs", "rounds"),
    [((10, 10, 10), 0), ((10, 10, 10), 1), ((5, 15), 0), ((5, 15), 1), ((8, 10, 12), 1), ((10, 10, 10, 10), 1)],
)
def test_more_sellers_and_unequal_costs(costs, rounds):
    played = ForwardGame(
        choke=eur_per_mwh(60), cost=[eur_per_mwh(cost) for cost in costs], sellers=len(costs), rounds=rounds
    ).play()
    assert price(played) == pytest.approx(solved(60, costs, rounds), rel=PERCENT)
    if rounds == 0:
        # Cournot: each of n.
        assert solved(60, costs, 0) == pytest.approx((60 + sum(costs)) / (len(costs) + 1))


def test_the_check_of_unequal_costs_knows_the_equal_ones():
    assert [solved(100, (10, 10), rounds) for rounds in (0, 1, 2)] == pytest.approx([40, 28, 160 / 7])
    assert solved(100, (10, 10, 10), 0) == pytest.approx(32.5)
    assert solved(100, (10, 10, 10), 1) == pytest.approx(10 + 90 / (3 * 3 + 1))


def test_a_steeper_demand_moves_quantities_and_not_the_price():
    """P = 60 - 2 Q."""
    played = ForwardGame(choke=eur_per_mwh(60), slope=eur_per_mwh(2), cost=eur_per_mwh(10)).play()
    assert price(played) == pytest.approx(allaz_vila(60, 10, 1), rel=PERCENT)
    assert sum(played.offered_wh) / 1e6 == pytest.approx(20, rel=PERCENT)


def test_arbitrageurs_neither_gain_nor_lose_and_sellers_lose_by_the_desk():
    with_desk, without = (ForwardGame(choke=eur_per_mwh(50), rounds=rounds).play() for rounds in (1, 0))
    assert with_desk.arbitrage == (0, 0)
    assert {deal.arbitrageur for deal in with_desk.deals} == {0, 1}
    assert {deal.price_tick for deal in with_desk.deals} == {with_desk.spot_tick}
    # A prisoners' dilemma: each sells forward, and both earn less than without the desk.
    assert max(with_desk.profit) < min(without.profit)


def test_the_same_game_ends_the_same():
    games = [
        ForwardGame(choke=eur_per_mwh(20), rounds=2, cost=(eur_per_mwh(3), eur_per_mwh(5))).play() for _ in range(2)
    ]
    assert games[0] == games[1]


class Blind(QuantitySeller):
    """A planted mistake: it overlooks that rivals will answer its sale."""

    def sell_forward(self, sold_wh, rounds):
        hidden = [sold if row == self._seller else None for row, sold in enumerate(sold_wh)]
        return super().sell_forward(hidden, rounds)


def test_sellers_that_overlook_the_others_answer_stay_at_cournot():
    demand = LinearDemand(5_000, 100)
    search = QuantitySearch(demand.price_of, (1_000, 1_000), demand.rung_wh, demand.most_wh)
    buyers = [Arbitrageur(search) for _ in range(2)]

    def play(kinds):
        sellers = [kind(search, row) for row, kind in enumerate(kinds)]
        return play_forward_game(demand, (1_000, 1_000), sellers, buyers, rounds=1)

    both, one, none = (play(kinds) for kinds in ((Blind, Blind), (QuantitySeller, Blind), (QuantitySeller,) * 2))
    assert price(both) == pytest.approx(allaz_vila(50, 10, 0), rel=PERCENT)
    assert price(none) == pytest.approx(allaz_vila(50, 10, 1), rel=PERCENT)
    # Who alone sells forward leads, and earns more than the one that does not.
    assert price(none) < price(one) < price(both)
    assert one.profit[0] > one.profit[1]


def test_bad_games_are_refused_with_all_that_is_wrong():
    with pytest.raises(ConfigError) as refused:
        ForwardGame(choke=100, sellers=0, rounds=-1, observable=1, slope=eur_per_mwh(0.3), cost="cheap", desk=True)
    assert [problem.split("=")[0] for problem in refused.value.problems] == [
        "game.choke", "game.slope", "game.cost", "game.sellers", "game.rounds", "game.observable",
        "game.desk is unknown: allowed are arbitrageurs, choke, cost, observable, rounds, sellers, slope",
    ]  # fmt: skip
    with pytest.raises(ConfigError, match="cost has 2 entries for 3 sellers"):
        ForwardGame(sellers=3, cost=[eur_per_mwh(1), eur_per_mwh(2)])
    with pytest.raises(ConfigError, match="is not below choke"):
        ForwardGame(cost=eur_per_mwh(100))


def test_values_are_set_by_name_as_on_a_command_line():
    typed = {"choke": "60", "cost": "5,15", "rounds": "0", "observable": "no", "slope": "2"}
    game = _changed("game", ForwardGame(), {key: Typed(value) for key, value in typed.items()})
    assert (game.choke, game.cost_tick, game.rounds) == (6_000, (500, 1_500), 0)
    assert (game.observable, game.slope) == (False, 200)
    with pytest.raises(ConfigError, match=r"game.ronds is unknown.*rounds"):
        _changed("game", game, {"ronds": Typed("2")})


def test_no_closed_form_stands_in_the_package():
    """Neither N + 1 of Cournot nor 2N + 3: divisions in these files are by steps, windows and counts only."""
    package = Path(__file__).parents[2] / "src" / "wattbook"
    allowed = {"step", "step_wh", "4", "_FINER", "int"}
    for name in ("policies/quantity.py", "policies/kernel_quantity.py", "market/forward_game.py"):
        code = re.sub(r'""".*?"""|#.*', "", (package / name).read_text(encoding="utf-8"), flags=re.DOTALL)
        divisors = set(re.findall(r"//=?\s*(?:self\.)?([\w.]+)", code))
        assert divisors <= allowed, (name, divisors - allowed)
        assert not re.search(r"[\w)\]] / [\w(]", code), name
