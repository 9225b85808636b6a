"""Allaz & Vila (1993) played by the engine: the known answers, which stand in here and nowhere in the package."""

import re
from pathlib import Path

import numpy as np
import pytest
from forward_games import play, played, scenario_of, staged

from wattbook import Auction, ForwardGame, LocalMarket, RetailMarket, Run, load_scenario, utility
from wattbook.errors import ConfigError
from wattbook.market.linear_demand import LinearDemand
from wattbook.policies.quantity import QuantitySearch, QuantitySeller
from wattbook.scenario import compile_street
from wattbook.units import eur_per_mwh, minutes
from wattbook.world import World

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


@pytest.mark.parametrize(("rounds", "expected"), [(0, 40), (1, 28)])
def test_sellers_reach_40_without_the_desk_and_28_with_one_observed_round(rounds, expected):
    assert allaz_vila(100, 10, rounds) == expected
    game = play(rounds=rounds)
    assert game.price == pytest.approx(expected, rel=PERCENT)
    assert game.money_sum == 0


@pytest.mark.slow
def test_two_observed_rounds_bring_them_to_22_86():
    game = play(rounds=2)
    assert allaz_vila(100, 10, 2) == pytest.approx(22.857, abs=0.001)
    assert game.price == pytest.approx(allaz_vila(100, 10, 2), rel=PERCENT)
    assert {deal.price_tick for deal in game.deals} == {game.spot_tick}


@pytest.mark.slow
@pytest.mark.long
def test_three_observed_rounds_bring_them_nearer_still():
    game = play(choke=eur_per_mwh(2), cost=eur_per_mwh(0.5), rounds=3)
    # 200 ticks in all: a tick is more than a percent of the price.
    assert game.price == pytest.approx(allaz_vila(2, 0.5, 3), abs=0.02)
    assert game.price < allaz_vila(2, 0.5, 2)


def test_an_unobserved_round_leaves_them_at_40():
    assert play(rounds=1, observable=False).price == pytest.approx(40, rel=PERCENT)


@pytest.mark.parametrize(("sellers", "rounds"), [(1, 1), (2, 2), (3, 1), (5, 2)])
def test_unobserved_rounds_leave_any_number_of_sellers_at_cournot(sellers, rounds):
    game = play(choke=eur_per_mwh(40), sellers=sellers, rounds=rounds, observable=False)
    assert game.price == pytest.approx(solved(40, (10,) * sellers, 0), rel=PERCENT)
    assert max(map(abs, game.arbitrage)) <= sum(map(abs, game.sold_wh)), "a tick on what was sold, at most"


def test_quantities_and_positions_are_those_of_the_model():
    """One round: each sells a fifth of choke - cost forward, and offers two fifths."""
    game = play(choke=eur_per_mwh(60), cost=eur_per_mwh(10))
    assert [wh / 1e6 for wh in game.sold_wh] == pytest.approx([10, 10], rel=0.02)
    assert [wh / 1e6 for wh in game.offered_wh] == pytest.approx([20, 20], rel=0.02)
    assert game.made_wh == game.offered_wh


@pytest.mark.parametrize(
    ("choke", "cost", "rounds"),
    [(30, 3, 2), (40, 4, 2), (50, 20, 1), (50, 0, 0)],
)
def test_other_demand_and_costs(choke, cost, rounds):
    game = play(choke=eur_per_mwh(choke), cost=eur_per_mwh(cost), rounds=rounds)
    assert game.price == pytest.approx(allaz_vila(choke, cost, rounds), rel=PERCENT)


@pytest.mark.parametrize(
    ("costs", "rounds"),
    [((10, 10, 10), 0), ((10, 10, 10), 1), ((5, 15), 0), ((5, 15), 1), ((8, 10, 12), 1), ((10, 10, 10, 10), 1)],
)
def test_more_sellers_and_unequal_costs(costs, rounds):
    game = play(choke=eur_per_mwh(60), cost=[eur_per_mwh(cost) for cost in costs], sellers=len(costs), rounds=rounds)
    assert game.price == pytest.approx(solved(60, costs, rounds), rel=PERCENT)
    if rounds == 0:
        # Cournot: each of n.
        assert solved(60, costs, 0) == pytest.approx((60 + sum(costs)) / (len(costs) + 1))


@pytest.mark.slow
@pytest.mark.parametrize(("sellers", "costs", "expected"), [(2, (10, 20), 32), (3, (10, 10, 10), 19)])
def test_the_known_answers_of_the_page(sellers, costs, expected):
    game = play(cost=[eur_per_mwh(cost) for cost in costs], sellers=sellers)
    assert solved(100, costs, 1) == pytest.approx(expected)
    assert game.price == pytest.approx(expected, rel=PERCENT)


@pytest.mark.parametrize("sellers", [1, 10, 12])
def test_one_seller_is_a_monopoly_and_ten_come_near_to_their_cost(sellers):
    game = play(choke=eur_per_mwh(20), sellers=sellers, arbitrageurs=11)
    assert game.price == pytest.approx(solved(20, (10,) * sellers, 1), rel=PERCENT)
    assert game.arbitrage == (0,) * 11


def test_the_check_of_unequal_costs_knows_the_equal_ones():
    assert [solved(100, (10, 10), rounds) for rounds in (0, 1, 2)] == pytest.approx([40, 28, 160 / 7])
    assert solved(100, (10, 10, 10), 0) == pytest.approx(32.5)
    assert solved(100, (10, 10, 10), 1) == pytest.approx(10 + 90 / (3 * 3 + 1))


def test_a_steeper_demand_moves_quantities_and_not_the_price():
    """P = 60 - 2 Q."""
    game = play(choke=eur_per_mwh(60), slope=eur_per_mwh(2), cost=eur_per_mwh(10))
    assert game.price == pytest.approx(allaz_vila(60, 10, 1), rel=PERCENT)
    assert sum(game.offered_wh) / 1e6 == pytest.approx(20, rel=PERCENT)


def test_arbitrageurs_neither_gain_nor_lose_and_sellers_lose_by_the_desk():
    with_desk, without = (play(choke=eur_per_mwh(50), rounds=rounds) for rounds in (1, 0))
    assert with_desk.arbitrage == (0, 0)
    assert len(with_desk.deals) == 2
    assert {deal.price_tick for deal in with_desk.deals} == {with_desk.spot_tick}
    # A prisoners' dilemma: each sells forward, and both earn less than without the desk.
    assert min(with_desk.sold_wh) > 0
    assert max(with_desk.profit) < min(without.profit)


def test_each_sellers_money_is_what_it_sold_forward_and_at_spot_less_its_cost():
    """C7, with the sellers' own quantities and unequal costs."""
    costs = (500, 1_500)
    game = play(choke=eur_per_mwh(30), cost=[eur_per_mwh(5), eur_per_mwh(15)], rounds=2)
    for place, cost in enumerate(costs):
        forward = sum(deal.price_tick * deal.sold_wh for deal in game.deals if deal.seller == place)
        spot = game.spot_tick * (game.made_wh[place] - game.sold_wh[place])
        assert game.profit[place] == forward + spot - cost * game.made_wh[place]
    assert game.balance["demand"] == -game.spot_tick * sum(game.made_wh)
    assert game.money_sum == sum(game.balance.values()) == 0


@pytest.mark.parametrize("around", [{"period": 15}, {"period": 1, "hours": 1}, {"hours": 7, "start": "2016-10-30"}])
def test_neither_periods_nor_the_calendar_move_the_game(around):
    around = {"choke": eur_per_mwh(20), "rounds": 1} | around
    hour = play(choke=eur_per_mwh(20), rounds=1)
    other = play(**around)
    assert (other.spot_tick, other.sold_wh, other.made_wh) == (hour.spot_tick, hour.sold_wh, hour.made_wh)
    assert (other.profit, other.arbitrage) == (hour.profit, hour.arbitrage)


def test_the_same_game_ends_the_same_in_both_engines():
    scenario = scenario_of(choke=eur_per_mwh(20), cost=(eur_per_mwh(3), eur_per_mwh(5)))
    prints = {scenario.run(seed=7, engine=engine).fingerprint for engine in ("processes", "population", "auto")}
    assert len(prints) == 1
    assert scenario.run(seed=8).fingerprint not in prints, "who is asked first is drawn"


@pytest.mark.parametrize("minutes_before", [3, 2, 1, 0])
def test_a_game_that_stops_between_its_rounds_goes_on_with_minds_that_remember_nothing(minutes_before):
    compiled = [compile_street(scenario_of(choke=eur_per_mwh(2), cost=eur_per_mwh(0.5), rounds=2), 7) for _ in range(3)]
    through, stopped, resumed = (
        World(each.street, each.minds, each.outlook, 7, wholesale_minds=each.wholesale_minds) for each in compiled
    )
    through.run()
    street = compiled[0].street
    stopped.run(until_ms=street.start_ms + street.period_ms - minutes_before * 60_000)
    resumed.restore(stopped.checkpoint())
    resumed.run()
    assert resumed.checkpoint() == through.checkpoint()


@pytest.mark.slow
@pytest.mark.long
def test_whatever_the_game_nothing_is_refused_nothing_lost_and_forward_prices_come():
    """Sixty games drawn at random, other people, prices, lots, periods and rounds in each."""
    draw = np.random.default_rng(3)
    deals = 0
    for _ in range(60):
        choke, sellers = int(draw.integers(2, 1_500)), int(draw.integers(1, 14))
        small, spread = choke < 400 and sellers < 4, int(draw.integers(1, 10))
        game = play(
            choke=eur_per_mwh(choke / 100),
            cost=[eur_per_mwh(int(draw.integers(0, 1 + (choke - 1) // spread)) / 100) for _ in range(sellers)],
            slope=eur_per_mwh(float(draw.choice([0.01, 0.8, 1, 2.5, 100, 10_000]))),
            sellers=sellers,
            rounds=int(draw.integers(0, 3 if small else 2)),
            observable=bool(draw.integers(0, 4)),
            arbitrageurs=int(draw.integers(1, 13)),
            period=int(draw.choice([1, 5, 15, 20, 30, 60])),
            seed=int(draw.integers(0, 100)),
        )
        assert game.money_sum == 0
        assert not game.record.streams["orders"]["code"].any()
        assert game.made_wh == game.offered_wh
        assert not game.record.streams["groups"]["deviation_wh"].any()
        # Searches stop a few lots short of each other, so a price may come out a tick beside what was expected.
        assert all(abs(deal.price_tick - game.spot_tick) <= 1 for deal in game.deals)
        deals += len(game.deals)
    assert deals > 60, deals


class Blind(QuantitySeller):
    """A planted mistake: it overlooks that rivals will answer its sale."""

    def sell_forward(self, sold_wh, rounds):
        hidden = [sold if row == self._seller else None for row, sold in enumerate(sold_wh)]
        return super().sell_forward(hidden, rounds)


def test_sellers_that_overlook_the_others_answer_stay_at_cournot():
    demand = LinearDemand(5_000, 100)
    search = QuantitySearch(demand.price_of, (1_000, 1_000), demand.rung_wh, demand.most_wh)

    def with_sellers(*kinds):
        return staged([kind(search, place) for place, kind in enumerate(kinds)], choke=eur_per_mwh(50))

    both, one, none = (
        with_sellers(*kinds) for kinds in ((Blind, Blind), (QuantitySeller, Blind), (QuantitySeller,) * 2)
    )
    assert both.price == pytest.approx(allaz_vila(50, 10, 0), rel=PERCENT)
    assert none.price == pytest.approx(allaz_vila(50, 10, 1), rel=PERCENT)
    # Who alone sells forward leads, and earns more than the one that does not.
    assert none.price < one.price < both.price
    assert one.profit[0] > one.profit[1]


# --- the description


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
    scenario = load_scenario("allaz-vila")
    typed = {"choke": "60", "cost": "5,15", "rounds": "0", "observable": "no", "slope": "2"}
    game = scenario.with_values({f"game.{key}": value for key, value in typed.items()}).game
    assert (game.choke, game.cost_tick, game.rounds) == (6_000, (500, 1_500), 0)
    assert (game.observable, game.slope) == (False, 200)
    with pytest.raises(ConfigError, match=r"game.ronds is unknown.*rounds"):
        scenario.with_values({"game.ronds": "2"})
    with pytest.raises(ConfigError, match="from 0 to 3"):
        scenario.with_values({"game.rounds": "4"})
    with pytest.raises(ConfigError, match="agents="):
        scenario.with_values({"game": "none"})


def test_a_game_has_no_other_people_and_no_other_market():
    given = {
        "agents": [utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(80), represents=100)],
        "local": LocalMarket(period=minutes(60)), "wholesale": Auction(), "retail": RetailMarket(),
    }  # fmt: skip
    with pytest.raises(ConfigError) as refused:
        scenario_of(**given)
    told = [problem for problem in refused.value.problems if "given with a game" in problem]
    assert [problem.split()[0] for problem in told] == ["agents", "local", "wholesale", "retail"]
    for name, value in given.items():
        with pytest.raises(ConfigError, match=f"{name} is given with a game"):
            scenario_of(**{name: value})


@pytest.mark.parametrize(
    ("around", "told"),
    [
        ({"hours": 1}, "needs a period before"),
        ({"period": 24 * 60, "hours": None}, "needs a period before"),
        ({"period": 1, "hours": 1, "days": 1, "slope": eur_per_mwh(0.01), "choke": eur_per_mwh(500)}, "100000 MW"),
        ({"period": 45, "hours": 3}, "no whole number of W"),
        ({"period": 24 * 60, "hours": None, "days": 2}, "no whole number of W"),
    ],
)
def test_a_game_needs_time_for_its_rounds_and_energy_that_plants_can_give(around, told):
    with pytest.raises(ConfigError, match=told):
        scenario_of(**around)


def test_a_period_may_be_of_any_length_that_its_bids_divide_into_watts():
    game = play(choke=eur_per_mwh(20), slope=eur_per_mwh(0.8), period=120, hours=4)
    assert game.made_wh == game.offered_wh
    assert game.price == pytest.approx(allaz_vila(20, 10, 1), rel=PERCENT)


def test_three_rounds_of_a_large_game_are_advised_against():
    assert (
        scenario_of(rounds=2).cautions()
        == scenario_of(choke=eur_per_mwh(3), cost=eur_per_mwh(1), rounds=3).cautions()
        == []
    )
    (caution,) = scenario_of(rounds=3).cautions()
    assert "write game.rounds=2" in caution


# --- the shipped scenario


def test_the_shipped_scenario_ends_at_28_and_without_the_desk_at_40():
    scenario = load_scenario("allaz-vila")
    run = scenario.run(seed=7)
    with_desk, without = played(run.record), played(scenario.with_values({"game.rounds": "0"}).run(seed=7).record)
    assert with_desk.price == pytest.approx(28, rel=PERCENT)
    assert without.price == pytest.approx(40, rel=PERCENT)
    assert "allaz_vila" in run.summary()
    assert "3 utilities" in run.summary()


def test_a_saved_game_is_the_same_when_it_is_read_again(tmp_path):
    run = scenario_of(choke=eur_per_mwh(20)).run(seed=7)
    run.save(tmp_path / "run")
    again = Run.load(tmp_path / "run")
    assert again.fingerprint == run.fingerprint
    one, other = played(run.record), played(again.record)
    assert (one.deals, one.balance, one.spot_tick) == (other.deals, other.balance, other.spot_tick)


def test_a_games_values_are_a_part_of_the_scenarios_digest():
    scenario = scenario_of()
    assert scenario.digest() == scenario_of().digest()
    assert scenario.digest() != scenario_of(rounds=2).digest()


def test_no_closed_form_stands_in_the_package():
    """Neither N + 1 of Cournot nor 2N + 3: divisions in these files are by steps, windows, counts and units only."""
    package = Path(__file__).parents[2] / "src" / "wattbook"
    allowed = {"step", "step_wh", "rung_wh", "4", "_FINER", "int", "len", "slope"}
    files = (
        "policies/quantity.py", "policies/kernel_quantity.py", "policies/quantity_minds.py", "market/linear_demand.py",
        "scenario/game_rules.py",
    )  # fmt: skip
    for name in files:
        code = re.sub(r'""".*?"""|#.*', "", (package / name).read_text(encoding="utf-8"), flags=re.DOTALL)
        divisors = set(re.findall(r"//=?\s*(?:self\.)?([\w.]+)", code))
        assert {divisor.rpartition(".")[2] for divisor in divisors} <= allowed, (name, divisors)
        assert not re.search(r"[\w)\]] / [\w(]", code), name
