"""Each learning trader against its paper's equations, with numbers worked out by hand."""

import math
import sys

import numpy as np
import pytest

from wattbook.messages import (
    BUY,
    MEMORY_SIZE,
    NO_PRICE,
    OUT_ACTION,
    OUT_COLUMNS,
    OUT_PRICE,
    OUT_ROWS,
    SELL,
    See,
)  # fmt: skip
from wattbook.policies import adaptive_aggressive as make_aa
from wattbook.policies import gjerstad_dickhaut, shaver, sniper, zero_intelligence_plus

MILLION = 1_000_000
BLANK = dict.fromkeys(See._fields, 0) | {
    "tradable": 1, "connected": 1, "turn": 1, "units": 1, "side": BUY, "step_tick": 1, "cap_tick": 40_000,
    "local_bid": NO_PRICE, "local_ask": NO_PRICE, "last_tick": NO_PRICE, "limit_tick": 30_000,
}  # fmt: skip


def sight(**given):
    return See(**(BLANK | given))


def heard(shouter, tick, traded, **given):
    """What a trader sees when it listens."""
    return sight(turn=0, shout_side=shouter, shout_tick=tick, shout_traded=traded, **given)


def ask(mind, see, memory, luck=0):
    """Let a trader look once; the price that it quotes, if any."""
    out = np.zeros((OUT_ROWS, OUT_COLUMNS), np.int64)
    mind.policy(see, memory, lambda _: luck, out)
    return int(out[0, OUT_PRICE]) if out[0, OUT_ACTION] else None


def blank():
    return np.zeros(MEMORY_SIZE, np.int64)


# --- ZIP (Cliff & Bruten 1997)

ZIP_READY, ZIP_RATE, ZIP_MOMENTUM, ZIP_MARGIN, ZIP_STEP, ZIP_LIMIT = range(6)


@pytest.fixture
def zip_seller():
    """A seller with cost 100.00, margin 20 %, learning rate 0.3, momentum 0.05."""
    memory = blank()
    memory[:6] = 1, 300_000, 50_000, 200_000, 0, 10_000
    return memory


def zip_hears(memory, shouter, tick, traded, side=SELL, units=1, luck=0):
    limit = int(memory[ZIP_LIMIT])
    ask(zero_intelligence_plus(), heard(shouter, tick, traded, side=side, limit_tick=limit, units=units), memory, luck)
    return int(memory[ZIP_MARGIN])


def test_zip_quotes_its_limit_times_one_plus_its_margin(zip_seller):
    assert ask(zero_intelligence_plus(), sight(side=SELL, limit_tick=10_000), zip_seller) == 12_000


def test_zip_raises_its_margin_towards_a_price_that_was_accepted_with_momentum(zip_seller):
    # Target 130.00; change 0.3 x 10.00 = 3.00; step 0.95 x 3.00 = 2.85; margin 122.85 / 100 - 1.
    assert zip_hears(zip_seller, BUY, 13_000, 1) == 228_500
    # Next step 0.05 x 2.85 + 0.95 x 0.3 x (130.00 - 122.85) = 2.18025.
    assert zip_hears(zip_seller, BUY, 13_000, 1) == pytest.approx(250_302, abs=2)


def test_zip_lowers_its_margin_towards_a_better_ask_that_failed(zip_seller):
    # Target 110.00; step 0.95 x 0.3 x (110.00 - 120.00) = -2.85.
    assert zip_hears(zip_seller, SELL, 11_000, 0) == 171_500


def test_zips_target_lies_a_little_beyond_the_shout():
    for luck, beyond in ((0, 0.0), (50_000, 0.05)):
        memory = blank()
        memory[:6] = 1, 300_000, 0, 200_000, 0, 10_000
        # R up to 1.05; A is drawn with the same luck, here 50,000 % 25,001 ppm of the limit.
        target = 13_000 * (1 + beyond) + 10_000 * (luck % 25_001) / MILLION
        assert zip_hears(memory, BUY, 13_000, 1, luck=luck) == pytest.approx(200_000 + 30 * (target - 12_000), abs=2)


@pytest.mark.parametrize(
    ("side", "shouter", "tick", "traded", "units", "moves"),
    [
        (SELL, BUY, 12_500, 1, 1, 1), (SELL, BUY, 12_500, 1, 0, 1), (SELL, SELL, 12_500, 1, 1, 1),
        (SELL, BUY, 11_500, 1, 1, -1), (SELL, SELL, 11_500, 1, 1, 0), (SELL, BUY, 11_500, 1, 0, 0),
        (SELL, SELL, 11_500, 0, 1, -1), (SELL, SELL, 12_500, 0, 1, 0), (SELL, BUY, 11_500, 0, 1, 0),
        (BUY, SELL, 7_500, 1, 1, -1), (BUY, SELL, 8_500, 1, 1, 1), (BUY, BUY, 8_500, 1, 1, 0),
        (BUY, BUY, 8_500, 0, 1, 1), (BUY, BUY, 8_500, 0, 0, 0), (BUY, SELL, 8_500, 0, 1, 0), (BUY, BUY, 7_500, 0, 1, 0),
    ],
)  # fmt: skip
def test_zip_moves_its_price_when_the_paper_says_so(side, shouter, tick, traded, units, moves):
    """Asking 120.00, or bidding 80.00, limits 100.00; `moves` is the direction of the price."""
    memory = blank()
    memory[:6] = 1, 300_000, 0, -side * 200_000, 0, 10_000
    assert np.sign(zip_hears(memory, shouter, tick, traded, side, units) + side * 200_000) == moves


# --- GD (Gjerstad & Dickhaut 1998)


def gd_of(shouts):
    mind, memory = gjerstad_dickhaut(), blank()
    for side, tick, traded in shouts:
        ask(mind, heard(side, tick, traded), memory)
    return mind, memory


def test_gds_quote_has_the_greatest_expected_surplus_by_its_belief():
    # Asks: 110 and 100 refused, 105 taken by a bid, which had been refused and counts as a taken ask; bids 90, 95.
    mind, memory = gd_of([(BUY, 9_000, 0), (BUY, 9_500, 0), (SELL, 11_000, 0), (SELL, 10_000, 0), (SELL, 10_500, 0),
                          (BUY, 10_500, 1)])  # fmt: skip
    # Taken asks and bids at or above: q(95) = (1 + 2) / (3 + 0) = 1, q(100) = (1 + 1) / (2 + 1) = 2/3 = q(105), and
    # q(110) = 0. For a cost of 80: 15 x 1 at 95, 25 x 2/3 = 16.67 at 105; between 95 and 105 less than that; at
    # 105.625, the first of seven points on the cubic from 2/3 to 0 at 110, 25.625 x 2/3 x (1 - 22/512) = 16.35.
    assert ask(mind, sight(side=SELL, limit_tick=8_000), memory) == 10_500
    # For a cost of 90 a price nearer to 110 is not worth its risk either: 15.625 x 0.638 = 9.97 < 15 x 2/3 = 10.
    assert ask(mind, sight(side=SELL, limit_tick=9_000), memory) == 10_500


def test_gd_interpolates_between_known_prices_by_a_cubic():
    # q(95) = 1: a taken ask at 105 and a bid at 95; q(100) = q(105) = 1/2: one refused ask at 100; q(110) = 0.
    mind, memory = gd_of([(BUY, 9_000, 0), (SELL, 11_000, 0), (SELL, 10_000, 0)])
    memory[0] += 2
    memory[4 + 6 : 4 + 10] = 9_500, 2, 10_500, 3
    # Cost 80: 15.00 at 95; 15.62 x (1 - 22/512 / 2) = 15.28 an eighth of the way to 100; then 16.25 x 0.922 = 14.98.
    assert ask(mind, sight(side=SELL, limit_tick=8_000), memory) == 9_562


def test_gd_takes_the_other_sides_quote_when_nothing_promises_more():
    mind, memory = gd_of([])
    assert ask(mind, sight(side=SELL, limit_tick=8_000, local_bid=39_999), memory) == 39_999


def test_gd_must_improve_the_standing_quote():
    mind, memory = gd_of([(BUY, 9_000, 0), (SELL, 11_000, 0), (SELL, 10_000, 0)])
    # q(90) = 1, q(100) = 0: 11.25 x (1 - 22/512) = 10.77 at 91.25, more than 10 at 90 and 12.5 x (1 - 80/512) at 92.50.
    assert ask(mind, sight(side=SELL, limit_tick=8_000), memory) == 9_125
    assert ask(mind, sight(side=SELL, limit_tick=8_000, local_ask=9_125), memory) == 9_000


def test_gd_remembers_five_trades_whether_or_not_it_heard_the_quotes_that_they_met():
    answered = gd_of([(BUY, 9_000 + i, 1) for i in range(8)])[1]
    met = gd_of([each for i in range(8) for each in ((SELL, 9_000 + i, 0), (BUY, 9_000 + i, 1))])[1]
    assert answered[0] == met[0] == 10
    assert sorted(answered[4:24:2].tolist()) == sorted(met[4:24:2].tolist())


# --- AA (Vytelingum, Cliff & Jennings 2008)

_AA = sys.modules["wattbook.policies.adaptive_aggressive"]
"""The package exports the function of this name."""


@pytest.fixture
def aa_buyer():
    """A buyer with value 300.00, r = 0.5, theta = 2, rates 0.3, that takes 200.00 for the competitive price."""
    memory = blank()
    memory[: _AA.FIRST] = [1, 300_000, 300_000, 500_000, 2_000_000, 0, 30_000, 5, 20_000, 0, 0, 0, 0, 0, 0, 0]
    memory[_AA.FIRST : _AA.FIRST + 5] = 20_000
    memory[_AA.PASSIVE_THETA] = _AA.passive_theta_ppm(sight(), memory)
    return memory


@pytest.mark.parametrize("x", [-13.0, -8.0, -0.5, 0.0, 0.3, 2.0, 14.9])
def test_exponentials_and_logarithms_are_right_to_the_millionth(x):
    grown = _AA.exp_ppm(round(x * MILLION))
    assert grown == pytest.approx(MILLION * math.exp(x), rel=2e-8, abs=1)
    assert _AA.ln_ppm(max(grown, 1)) == pytest.approx(MILLION * math.log(max(grown, 1) / MILLION), abs=1)


def test_aas_competitive_price_weighs_recent_trades_more():
    memory = blank()
    memory[_AA.ALPHA_LOW] = _AA.ALPHA_UNSET
    for price in (10_000, 11_000, 12_000):
        _AA._note_trade(memory, price)
    # (120 + 0.9 x 110 + 0.81 x 100) / 2.71; alpha = sqrt((9.30^2 + 0.70^2 + 10.70^2) / 3) / 110.70.
    assert memory[_AA.PRICE] == 11_070
    assert memory[_AA.ALPHA_HIGH] == pytest.approx(73_983, abs=100)


@pytest.mark.parametrize(("share", "theta"), [(0, 2_000_000), (500_000, 160_603), (MILLION, -8_000_000)])
def test_aas_shape_is_wished_lower_the_more_prices_vary(share, theta):
    # 10 (1 - 0.5 e^(2 (0.5 - 1))) - 8 = 0.16060.
    assert _AA.wished_theta_ppm(share) == pytest.approx(theta, abs=20)


def test_aas_target_runs_from_the_floor_over_the_competitive_price_to_its_limit(aa_buyer):
    # 200 + 100 (e - 1) / (e^2 - 1) = 226.89 at r = 0.5.
    targets = [_AA.target_tick(sight(), aa_buyer, r) for r in (-MILLION, 0, 500_000, MILLION)]
    assert targets == [0, 20_000, 22_689, 30_000]


def test_aas_target_has_one_slope_at_the_competitive_price_from_both_sides(aa_buyer):
    # 200 x / (e^x - 1) = 100 x 2 / (e^2 - 1) at x = 3.0059; at r = -0.5 the target is 200 (1 - 0.18202).
    assert aa_buyer[_AA.PASSIVE_THETA] == pytest.approx(3_005_900, abs=1_500)
    above, below = (abs(_AA.target_tick(sight(), aa_buyer, r) - 20_000) for r in (20_000, -20_000))
    assert above == pytest.approx(below, abs=2)
    assert _AA.target_tick(sight(), aa_buyer, -500_000) == pytest.approx(16_360, abs=3)


def test_aa_beyond_the_margin_never_goes_beyond_its_limit(aa_buyer):
    aa_buyer[_AA.LIMIT] = 15_000
    aa_buyer[_AA.PASSIVE_THETA] = _AA.passive_theta_ppm(sight(), aa_buyer)
    assert aa_buyer[_AA.PASSIVE_THETA] == 2_000_000
    # 150 (1 - 0.26894) = 109.66 at r = -0.5.
    targets = [_AA.target_tick(sight(), aa_buyer, r) for r in (-MILLION, -500_000, 0, MILLION)]
    assert targets == [0, 10_965, 15_000, 15_000]


def test_aa_as_a_seller_is_the_mirror_image(aa_buyer):
    seller = sight(side=SELL)
    aa_buyer[_AA.LIMIT] = 10_000
    aa_buyer[_AA.PASSIVE_THETA] = _AA.passive_theta_ppm(seller, aa_buyer)
    targets = [_AA.target_tick(seller, aa_buyer, r) for r in (-MILLION, 0, 500_000, MILLION)]
    assert targets == [40_000, 20_000, 17_310, 10_000]


@pytest.mark.parametrize("r", [-MILLION, -700_000, -20_000, 0, 20_000, 500_000, MILLION])
def test_aa_knows_what_aggressiveness_a_price_would_have_needed(aa_buyer, r):
    assert _AA.needed_ppm(sight(), aa_buyer, _AA.target_tick(sight(), aa_buyer, r)) == pytest.approx(r, abs=600)


def test_aa_needs_no_more_than_all_and_nothing_for_what_it_cannot_pay(aa_buyer):
    assert _AA.needed_ppm(sight(), aa_buyer, 35_000) == pytest.approx(MILLION, abs=2)
    aa_buyer[_AA.LIMIT] = 15_000
    assert _AA.needed_ppm(sight(), aa_buyer, 18_000) == 0


@pytest.mark.parametrize(
    ("shouter", "tick", "traded", "r"),
    [
        # Needed ln(1 + 0.2 x 6.38906) / 2 = 0.41161; 0.98 x that - 0.01 = 0.39338; 0.5 + 0.3 (0.39338 - 0.5).
        (SELL, 22_000, 1, 468_014),
        # Needed ln(1 + 0.4 x 6.38906) / 2 = 0.63427; 1.02 x that + 0.01 = 0.65695; 0.5 + 0.3 (0.65695 - 0.5).
        (SELL, 24_000, 1, 547_085), (BUY, 24_000, 0, 547_085),
        # A bid at its own target: 1.02 x 0.5 + 0.01 = 0.52.
        (BUY, 22_689, 0, 506_000),
        (BUY, 22_000, 0, 500_000), (SELL, 24_000, 0, 500_000),
    ],
)  # fmt: skip
def test_aa_learns_from_a_shout_as_the_paper_says(aa_buyer, shouter, tick, traded, r):
    _AA._learn(heard(shouter, tick, traded), aa_buyer)
    assert aa_buyer[_AA.R] == pytest.approx(r, abs=20)


def test_aa_compares_its_target_with_a_shout_as_it_would_quote_it(aa_buyer):
    # On a step of 1.00 its target of 226.89 is a bid of 226.00.
    _AA._learn(heard(BUY, 22_600, 0, step_tick=100), aa_buyer)
    assert aa_buyer[_AA.R] > 500_000 - 10_000
    moved = int(aa_buyer[_AA.R])
    _AA._learn(heard(BUY, 22_500, 0, step_tick=100), aa_buyer)
    assert aa_buyer[_AA.R] == moved != 500_000


def test_aa_comes_a_third_of_the_way_nearer_to_its_target_or_takes_what_is_within_it(aa_buyer):
    mind = make_aa()
    assert ask(mind, sight(local_bid=15_000), aa_buyer) == 15_000 + 2_563
    assert ask(mind, sight(local_bid=15_000, local_ask=22_689), aa_buyer) == 22_689
    assert ask(mind, sight(local_bid=15_000, local_ask=22_690), aa_buyer) == 15_000 + 2_563


def test_aa_without_a_trade_yet_goes_for_its_limit_or_a_little_more_than_the_other_sides_quote():
    mind = make_aa()
    assert ask(mind, sight(), blank()) == 10_000
    # A third of 200.00 x 1.02 + one step.
    assert ask(mind, sight(local_ask=20_000), blank()) == 6_801


# --- those that do not learn


def test_the_shaver_is_one_step_better_than_the_best_within_its_limit():
    assert ask(shaver(), sight(local_bid=20_000), blank()) == 20_001
    assert ask(shaver(), sight(side=SELL, limit_tick=10_000, local_ask=20_000), blank()) == 19_999
    assert ask(shaver(), sight(local_bid=30_000), blank()) is None
    assert ask(shaver(), sight(), blank()) == 0


@pytest.mark.parametrize(
    ("limit", "bid", "turns_left", "price"),
    [
        # The spread is 5 % of the ask, the profit 3 / 103; then 1.5 / 101.5; then the spread is 10 %.
        (10_300, 9_500, 50, 10_000), (10_150, 9_500, 50, None), (10_300, 9_000, 50, None),
        (10_150, 9_000, 20, 10_000), (10_150, 9_000, 21, None), (9_999, 9_500, 1, None),
    ],
)  # fmt: skip
def test_the_sniper_takes_what_is_near_and_worth_it_or_when_time_runs_out(limit, bid, turns_left, price):
    see = sight(limit_tick=limit, local_bid=bid, local_ask=10_000, turns_left=turns_left)
    assert ask(sniper(), see, blank()) == price


def test_the_sniper_takes_what_was_the_best_price_of_the_day_before():
    memory = blank()
    for last in (10_400, 10_000, 10_200):
        ask(sniper(), sight(period=1, last_tick=last, turn=0), memory)
    assert ask(sniper(), sight(period=2, local_ask=10_001, turns_left=50), memory) is None
    assert ask(sniper(), sight(period=2, local_ask=10_000, turns_left=50), memory) == 10_000
