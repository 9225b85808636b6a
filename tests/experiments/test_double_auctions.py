"""Published double auctions, run again: Gode & Sunder, Smith, Cliff & Bruten, Gjerstad & Dickhaut, Vytelingum."""

import random  # noqa: TID251 - schedules that owe nothing to the engine

import numpy as np
import polars as pl
import pytest
from laboratory import CAP, RULES, SMITH, days_of, simulate

from wattbook.book import BUY, SELL, call_auction

QUICK, FULL = 15, 3
"""Minutes of a trading day: 95 and 479 of them in a run."""


def mean_price(days):
    """Mean over all trades, as the published figures are."""
    traded = days.filter(days["trades"] > 0)
    return (traded["mean_price"] * traded["trades"]).sum() / traded["trades"].sum()


def by_day(days, column):
    """Mean of a column by trading day of the session, over whole sessions."""
    whole = days.filter(days["session"] <= len(days) // 10)
    return whole.group_by("day").agg(pl.col(column).mean()).sort("day")[column].to_list()


def test_zero_intelligence_with_a_budget_is_nearly_efficient():
    days = days_of(SMITH, SMITH, period=QUICK, **RULES)
    assert len(days) == 95
    assert days["efficiency"].mean() == pytest.approx(96.4, abs=2.5)
    assert mean_price(days) == pytest.approx(200, abs=6)


@pytest.mark.slow
@pytest.mark.long
def test_zero_intelligence_with_a_budget_has_the_published_efficiency():
    days = days_of(SMITH, SMITH, period=FULL, **RULES)
    assert len(days) >= 400
    assert days["efficiency"].mean() == pytest.approx(96.4, abs=1.5)
    assert mean_price(days) == pytest.approx(200.6, abs=3)


def test_zero_intelligence_without_a_budget_gains_nothing_once_all_have_traded():
    days = days_of(SMITH, SMITH, policy="zi-u", period=QUICK, **RULES)
    assert (days["trades"] == 11).all()
    assert (days["efficiency"] == 0).all()
    assert mean_price(days) == pytest.approx(200, abs=10)


@pytest.mark.slow
@pytest.mark.long
def test_with_flat_supply_zero_intelligence_is_efficient_and_dear():
    days = days_of(SMITH, [200] * 11, period=QUICK, **RULES)
    assert days["efficiency"].mean() > 99.9
    assert mean_price(days) == pytest.approx(216, abs=3)


@pytest.mark.parametrize(("buyers", "sellers", "price"), [(11, 6, 274), (6, 11, 233)])
def test_in_a_box_the_price_stays_inside_it(buyers, sellers, price):
    days = days_of([325] * buyers, [200] * sellers, period=QUICK, **RULES)
    assert (days["efficiency"] == 100).all()
    assert (days["trades"] == 6).all()
    assert mean_price(days) == pytest.approx(price, abs=3)


@pytest.mark.slow
@pytest.mark.long
def test_the_full_book_is_as_efficient_and_its_prices_vary_less():
    lab = days_of(SMITH, SMITH, period=QUICK, **RULES)
    book = days_of(SMITH, SMITH, period=QUICK, failed_shouts=1_000)
    assert book["efficiency"].mean() == pytest.approx(lab["efficiency"].mean(), abs=3)
    assert book["alpha"].mean() < lab["alpha"].mean()


@pytest.mark.parametrize(
    "case", [2, *(pytest.param(case, marks=[pytest.mark.slow, pytest.mark.long]) for case in (0, 1, 3, 4))]
)
def test_a_schedule_drawn_at_random_comes_out_as_in_an_independent_simulator(case):
    chance = random.Random(f"schedule {case}")
    values = [chance.randrange(100, 380) for _ in range(chance.randrange(6, 12))]
    costs = [chance.randrange(20, 300) for _ in range(chance.randrange(6, 12))]
    ours = days_of(values, costs, seed=case, period=5, **RULES)
    theirs = simulate(values, costs, 2_000, case)
    assert ours["efficiency"].mean() == pytest.approx(theirs.efficiency, abs=1.5)
    assert mean_price(ours) == pytest.approx(theirs.mean_price, abs=3)


ZIP = {"policy": "zip", "step": 0.01, "session_days": 10, "answers": True}
"""Cliff & Bruten (1997): a shout is offered to all at once; a day ends after a hundred that fail."""
PERSISTENT = {"step": 0.01, "session_days": 10, "improve": True, "clear_after_trade": True, "failed_shouts": 1_000}
"""Gjerstad & Dickhaut (1998), Vytelingum, Cliff & Jennings (2008): the best quotes stand until a trade, and a day lasts
until nothing has happened for long."""


def test_zip_traders_find_the_price_and_random_ones_do_not():
    days = days_of(SMITH, SMITH, period=QUICK, **ZIP)
    assert by_day(days, "alpha")[9] < 4
    assert by_day(days, "efficiency")[9] > 98
    alpha = by_day(days_of(SMITH, SMITH, period=QUICK, session_days=10), "alpha")
    assert np.mean(alpha[8:]) > 13


@pytest.fixture(scope="module")
def zip_days():
    """Fifty sessions of ten days."""
    days = days_of(SMITH, SMITH, period=2, **ZIP)
    days = days.filter(days["session"] <= 50)
    assert len(days) == 500
    return days


@pytest.mark.slow
@pytest.mark.long
def test_zip_traders_are_as_efficient_as_published(zip_days):
    assert by_day(zip_days, "efficiency")[9] > 99


@pytest.mark.slow
@pytest.mark.long
def test_zip_traders_converge_within_ten_days_as_published(zip_days):
    assert by_day(zip_days, "alpha")[0] > 10
    assert by_day(zip_days, "alpha")[9] < 3
    assert min(by_day(days_of(SMITH, SMITH, period=2, session_days=10, answers=True), "alpha")) > 15


@pytest.mark.slow
def test_zip_traders_whose_quotes_rest_converge_as_well():
    days = days_of(SMITH, SMITH, period=QUICK, **{**ZIP, "answers": False})
    assert by_day(days, "alpha")[9] < 3
    assert by_day(days, "efficiency")[9] > 97


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize(
    ("values", "costs", "price", "alpha"),
    [
        (SMITH, [200] * 11, 200, (13.2, 0.7)),
        ([325] * 11, [200] * 6, 325, (20.7, 14.7)),
        ([325] * 6, [200] * 11, 200, (24.1, 14.2)),
    ],
    ids=["flat supply", "box with few sellers", "box with few buyers"],
)
def test_zip_traders_go_to_the_price_of_flat_and_box_markets(values, costs, price, alpha):
    days = days_of(values, costs, period=QUICK, **ZIP)
    first, last = (by_day(days, "alpha")[day] for day in (0, 9))
    assert first == pytest.approx(alpha[0], abs=4)
    assert last == pytest.approx(alpha[1], abs=4)
    prices = by_day(days, "mean_price")
    assert abs(prices[9] - price) < abs(prices[0] - price) - 5
    assert by_day(days, "efficiency")[9] > 99


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize(("policy", "failed_shouts", "alpha"), [("gd", 1_000, 4), ("aa", 3_000, 1)])
def test_gd_and_aa_find_the_price_of_a_symmetric_market(policy, failed_shouts, alpha):
    days = days_of(SMITH, SMITH, policy=policy, period=QUICK, **{**PERSISTENT, "failed_shouts": failed_shouts})
    assert by_day(days, "efficiency")[9] > 99
    assert by_day(days, "alpha")[9] < alpha
    assert np.mean(by_day(days, "mean_price")[5:]) == pytest.approx(200, abs=3)


def test_aa_gains_all_of_a_symmetric_market_where_it_is_given_time():
    days = days_of(SMITH, SMITH, policy="aa", period=60, **{**PERSISTENT, "failed_shouts": 3_000})
    late = days.filter(days["day"] > 5)
    assert late["efficiency"].mean() > 99
    assert late["alpha"].mean() < 1


@pytest.mark.slow
@pytest.mark.long
def test_aa_needs_more_time_than_a_hundred_failed_shouts():
    days = [
        days_of(SMITH, SMITH, policy="aa", period=QUICK, **{**PERSISTENT, "failed_shouts": n}) for n in (100, 3_000)
    ]
    assert days[0]["efficiency"].mean() < 80 < 98 < days[1]["efficiency"].mean()


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize(
    ("values", "costs", "price"),
    [(SMITH, [200] * 11, 200), ([325] * 6, [200] * 11, 200), ([325] * 11, [200] * 6, 325)],
    ids=["flat supply", "box with few buyers", "box with few sellers"],
)
def test_gd_traders_go_to_the_price_of_flat_and_box_markets(values, costs, price):
    days = days_of(values, costs, policy="gd", period=30, **PERSISTENT)
    prices = by_day(days, "mean_price")
    assert abs(prices[9] - price) < abs(prices[0] - price)
    assert abs(prices[9] - price) < 12
    assert by_day(days, "efficiency")[9] > 98


@pytest.mark.slow
@pytest.mark.long
def test_with_flat_demand_random_prices_are_biased_the_other_way():
    # Bids are drawn below the one value of all, asks up to the cap whatever they cost.
    days = days_of([200] * 11, SMITH, period=QUICK, **RULES)
    assert days["efficiency"].mean() > 99
    assert mean_price(days) == pytest.approx(183, abs=3)


@pytest.mark.slow
def test_a_cap_that_does_not_bind_still_moves_a_double_auction():
    # Gode & Sunder (2004): bids of random traders are cut from above by their values, asks by the cap alone.
    wide = days_of(SMITH, SMITH, period=QUICK, **RULES)
    assert max(SMITH) < CAP
    narrow = days_of(SMITH, SMITH, period=QUICK, cap=325, **RULES)
    assert mean_price(narrow) < mean_price(wide) - 3
    # Not by chance: simulated by itself, the market moves by as much.
    bound = simulate(SMITH, SMITH, 1_000, 1, cap=325)
    assert mean_price(narrow) == pytest.approx(bound.mean_price, abs=3)


def test_a_cap_that_does_not_bind_changes_nothing_in_a_call_auction():
    chance = random.Random("caps")
    for _ in range(30):
        orders = drawn_orders(chance)
        cut = orders[(orders[:, 2] == BUY) | (orders[:, 3] <= orders[orders[:, 2] == BUY, 3].max())]
        wide, narrow = call_auction(orders), call_auction(cut)
        assert (wide.price_tick, wide.quantity_wh) == (narrow.price_tick, narrow.quantity_wh)


def drawn_orders(chance):
    """Draw up to twenty orders: order, owner, side, price, quantity."""
    rows = [
        (i, i, chance.choice((BUY, SELL)), chance.randrange(1, 40), chance.randrange(1, 30))
        for i in range(1, chance.randrange(4, 21))
    ]
    rows += [(90, 90, BUY, 39, 1), (91, 91, SELL, 1, 1)]
    return np.array(rows, np.int64)
