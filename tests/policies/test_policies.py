"""What the shipped policies decide, product by product."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattbook.chance import draw
from wattbook.errors import ConfigError
from wattbook.messages import (
    BUY,
    FOREVER,
    MEMORY_SIZE,
    NO_PRICE,
    OUT_ACTION,
    OUT_BOOK,
    OUT_COLUMNS,
    OUT_ORDER,
    OUT_PRICE,
    OUT_QUANTITY,
    OUT_ROWS,
    OUT_SIDE,
    SELL,
    Action,
    See,
)  # fmt: skip
from wattbook.policies import (
    PERSONAS,
    Mind,
    adaptive_aggressive,
    closer,
    gjerstad_dickhaut,
    home,
    idle,
    market_maker,
    nominate,
    shaver,
    sniper,
    spoofer,
    truthful,
    wash_ring,
    zero_intelligence,
    zero_intelligence_plus,
)
from wattbook.policies.orders import buyer_bound_tick, on_step, quantile_wh
from wattbook.units import MS_PER_MINUTE

START_MS = 1_465_164_000_000
GATE_MS = START_MS - 300_000
DEFAULTS = dict.fromkeys(See._fields, 0) | {
    "now_ms": GATE_MS - 20 * MS_PER_MINUTE, "end_ms": START_MS + 10**8, "period": 5, "start_ms": START_MS,
    "gate_ms": GATE_MS, "period_ms": 900_000, "tradable": 1, "connected": 1, "step_tick": 1, "cap_tick": 50_000,
    "local_bid": NO_PRICE, "local_ask": NO_PRICE, "district_bid": NO_PRICE, "district_ask": NO_PRICE,
    "last_tick": NO_PRICE, "spill_tick": NO_PRICE, "retail_tick": 16_000, "feed_in_tick": 8_000,
    "local_fee_tick": 3_000,
    "district_fee_tick": 5_000, "standard_fee_tick": 7_000, "levy_tick": 2_050, "vat_ppm": 190_000,
    "buy_limit_wh": 10_000, "sell_limit_wh": 10_000, "available": 10**11,
}  # fmt: skip
MINDS = [home(persona) for persona in PERSONAS] + [
    zero_intelligence(), zero_intelligence(constrained=False), truthful(), nominate(), idle(),
    zero_intelligence_plus(), gjerstad_dickhaut(), adaptive_aggressive(), sniper(), shaver(),
    market_maker(), spoofer(), wash_ring(1), closer(),
]  # fmt: skip


def sight(**given):
    return See(**(DEFAULTS | given))


def decide(mind, see, memory=None, key=3):
    """Ask a mind once: (delay, rows of commands, memory)."""
    if memory is None:
        memory = np.zeros(MEMORY_SIZE, np.int64)
        memory[: len(mind.memory)] = mind.memory
    out = np.zeros((OUT_ROWS, OUT_COLUMNS), np.int64)
    delay = mind.policy(see, memory, lambda k: draw(key, k), out)
    rows = out.tolist()
    used = next((i for i, row in enumerate(rows) if row[OUT_ACTION] == 0), OUT_ROWS)
    return delay, rows[:used], memory


def test_a_buyers_bound_is_retail_plus_the_fee_it_saves_with_vat():
    assert buyer_bound_tick(sight(), 3_000) == (16_000 + 7_000 - 3_000) * 119 // 100
    assert buyer_bound_tick(sight(vat_ppm=0), 5_000) == 18_000


def test_prices_are_brought_onto_the_step_to_nobodys_disadvantage():
    see = sight(step_tick=25, cap_tick=50_000)
    assert on_step(see, BUY, 10_013) == 10_000
    assert on_step(see, SELL, 10_013) == 10_025
    assert on_step(see, BUY, 60_000) == 50_000
    assert on_step(see, SELL, 60_000) == NO_PRICE
    assert on_step(see, BUY, -5) == NO_PRICE
    assert on_step(see, SELL, -5) == 0


@given(st.integers(-500, 500), st.integers(0, 300), st.integers(0, 100))
def test_a_newsvendor_orders_more_the_higher_its_ratio_and_never_less_than_nothing(mean, sd, share):
    quantity = quantile_wh(mean, sd, share, 100)
    assert quantity >= 0
    assert quantity <= quantile_wh(mean, sd, min(share + 1, 100), 100)
    if sd == 0 or share == 50:
        assert quantity == max(mean, 0)


def test_a_home_that_lacks_energy_bids_below_its_bound():
    _, rows, _ = decide(home(), sight(load_wh=200))
    assert [row[OUT_ACTION] for row in rows] == [Action.SUBMIT]
    assert rows[0][OUT_SIDE] == BUY
    assert rows[0][OUT_QUANTITY] == 200
    assert 8_000 < rows[0][OUT_PRICE] < buyer_bound_tick(sight(), 5_000)


def test_a_home_with_a_surplus_asks_above_its_feed_in_price():
    _, rows, _ = decide(home(), sight(generation_wh=300))
    assert (rows[0][OUT_SIDE], rows[0][OUT_QUANTITY]) == (SELL, 300)
    assert rows[0][OUT_PRICE] > 8_000


def test_a_home_asks_for_less_and_bids_more_as_the_gate_nears():
    asks, bids = [], []
    for minutes in (60, 45, 30, 15, 1):
        now = GATE_MS - minutes * MS_PER_MINUTE
        asks.append(decide(home(), sight(now_ms=now, generation_wh=300))[1][0][OUT_PRICE])
        row = decide(home(), sight(now_ms=now, load_wh=300, district_fee_tick=NO_PRICE))[1][0]
        bids.append(row[OUT_PRICE])
    assert asks == sorted(asks, reverse=True)
    assert bids == sorted(bids)


def test_a_buyer_takes_the_offer_that_lands_cheapest():
    """The district's ask is lower, but its path is dearer by 20.00 EUR/MWh and the VAT on it."""
    near = sight(load_wh=100, now_ms=GATE_MS - MS_PER_MINUTE, local_ask=10_000, local_ask_wh=100,
                 district_ask=9_000, district_ask_wh=100)  # fmt: skip
    wide = near._replace(district_ask=7_000)
    assert decide(home(), near)[1][0][OUT_BOOK] == 0
    assert decide(home(), wide)[1][0][OUT_BOOK] == 1


def test_a_seller_sends_its_offer_where_more_is_bid():
    see = sight(generation_wh=100, now_ms=GATE_MS - MS_PER_MINUTE, local_bid=15_000, district_bid=16_000)
    assert decide(home(), see)[1][0][OUT_BOOK] == 1


def test_what_the_battery_needs_is_kept_and_what_it_would_spill_is_offered():
    """300 Wh of surplus; the battery would take them all but could not use 120 of them."""
    see = sight(generation_wh=300, battery_wh=-300, spill_wh=120, capacity_wh=5_000)
    assert decide(home(), see)[1][0][OUT_QUANTITY] == 120
    assert decide(home(), see._replace(spill_wh=0))[1] == []


def test_what_would_earn_more_later_is_not_sold_now():
    """The feed-in price is 80.00 now and 120.00 when the battery will be full."""
    see = sight(now_ms=GATE_MS - MS_PER_MINUTE, generation_wh=300, battery_wh=-300, spill_wh=120, capacity_wh=5_000,
                spill_tick=12_000)  # fmt: skip
    assert decide(home(), see)[1] == []
    early = see._replace(now_ms=GATE_MS - 60 * MS_PER_MINUTE)
    assert decide(home(), early)[1][0][OUT_PRICE] > 12_000


def test_an_order_is_moved_only_when_it_matters():
    first = decide(home(), sight(generation_wh=300))[1][0]
    resting = {
        "order": 9,
        "order_book": first[OUT_BOOK],
        "order_side": SELL,
        "order_price_tick": first[OUT_PRICE],
        "order_wh": 300,
    }
    same = sight(generation_wh=300, **resting)
    assert decide(home(), same)[1] == []
    more = decide(home(), same._replace(generation_wh=400))[1]
    assert [(row[OUT_ACTION], row[OUT_ORDER]) for row in more] == [(Action.REPLACE, 9)]
    other = decide(home(), same._replace(generation_wh=0, load_wh=100))[1]
    assert [row[OUT_ACTION] for row in other] == [Action.CANCEL, Action.SUBMIT]


def test_a_home_sleeps_until_its_window_opens():
    delay, rows, _ = decide(home(), sight(now_ms=GATE_MS - 600 * MS_PER_MINUTE, load_wh=100))
    assert rows == []
    assert delay == (600 - PERSONAS["balanced"].window_min) * MS_PER_MINUTE


def test_a_thrifty_home_leaves_after_a_long_time_without_a_trade_and_comes_back():
    mind = home("thrifty")
    memory, actions = None, []
    for period in range(60):
        see = sight(period=period, load_wh=1, connected=1)
        _, rows, memory = decide(mind, see, memory)
        actions += [row[OUT_ACTION] for row in rows]
    assert actions[-1] == Action.LEAVE
    away = sight(period=70, tradable=0, connected=0, now_ms=GATE_MS + 5 * 60 * MS_PER_MINUTE)
    assert decide(mind, away._replace(now_ms=GATE_MS), memory)[1] == []
    assert [row[OUT_ACTION] for row in decide(mind, away, memory)[1]] == [Action.REJOIN]


def test_a_truthful_home_quotes_its_limits():
    assert decide(truthful(), sight(load_wh=10))[1][0][OUT_PRICE] == buyer_bound_tick(sight(), 3_000)
    assert decide(truthful(), sight(generation_wh=10))[1][0][OUT_PRICE] == 8_000


@given(st.integers(0, 1 << 40))
def test_constrained_zero_intelligence_never_quotes_beyond_its_limit(key):
    see = sight(load_wh=10)
    price = decide(zero_intelligence(), see, key=key)[1][0][OUT_PRICE]
    assert 0 <= price <= buyer_bound_tick(see, 3_000)
    price = decide(zero_intelligence(), sight(generation_wh=10), key=key)[1][0][OUT_PRICE]
    assert 8_000 <= price <= 50_000


def test_unconstrained_zero_intelligence_quotes_over_the_whole_band():
    prices = [
        decide(zero_intelligence(constrained=False), sight(load_wh=10), key=k)[1][0][OUT_PRICE] for k in range(200)
    ]
    assert max(prices) > 45_000
    assert min(prices) < 5_000


def test_a_utility_nominates_once_when_the_product_opens():
    see = sight(load_wh=900, generation_wh=200, fresh=1)
    assert decide(nominate(), see)[1][0][OUT_QUANTITY] == 700
    assert decide(nominate(), see._replace(fresh=0))[1] == []


SIGHTS = st.builds(
    sight,
    now_ms=st.integers(GATE_MS - 10**8, GATE_MS + 10**6),
    tradable=st.integers(0, 1),
    load_wh=st.integers(0, 5_000),
    generation_wh=st.integers(0, 5_000),
    sd_wh=st.integers(0, 2_000),
    battery_wh=st.integers(-2_000, 2_000),
    spill_wh=st.integers(0, 2_000),
    spill_tick=st.sampled_from([NO_PRICE, 8_000, 14_000]),
    position_wh=st.integers(-2_000, 2_000),
    order=st.integers(0, 3),
    order_side=st.sampled_from([BUY, SELL]),
    order_book=st.integers(0, 1),
    order_price_tick=st.integers(0, 50_000),
    order_wh=st.integers(1, 2_000),
    local_bid=st.sampled_from([NO_PRICE, 9_000, 15_000]),
    local_ask=st.sampled_from([NO_PRICE, 9_500, 16_000]),
    district_ask=st.sampled_from([NO_PRICE, 9_500, 16_000]),
    district_fee_tick=st.sampled_from([NO_PRICE, 5_000]),
    retail_tick=st.integers(-5_000, 40_000),
    feed_in_tick=st.integers(-5_000, 20_000),
    floor_tick=st.sampled_from([-10_000, 0]),
    fresh=st.integers(0, 1),
)


@pytest.mark.parametrize("mind", MINDS, ids=lambda mind: f"{mind.name}-{mind.persona}")
@given(see=SIGHTS)
def test_every_answer_is_well_formed_and_within_the_agents_bounds(mind, see):
    delay, rows, _ = decide(mind, see)
    assert 0 <= int(delay) <= FOREVER
    for row in rows:
        if row[OUT_ACTION] in {Action.SUBMIT, Action.REPLACE}:
            assert row[OUT_QUANTITY] > 0
            assert see.floor_tick <= row[OUT_PRICE] <= see.cap_tick
        if row[OUT_ACTION] == Action.SUBMIT and mind.name in {"home", "truthful"}:
            fee = see.district_fee_tick if row[OUT_BOOK] == 1 else see.local_fee_tick
            if row[OUT_SIDE] == BUY:
                assert row[OUT_PRICE] <= buyer_bound_tick(see, fee)
            else:
                assert row[OUT_PRICE] >= see.feed_in_tick


@pytest.mark.parametrize("mind", MINDS, ids=lambda mind: f"{mind.name}-{mind.persona}")
def test_the_same_source_compiles(mind):
    """A later engine runs whole populations of the very same functions."""
    import numba

    compiled = numba.njit(mind.policy)

    @numba.njit
    def chance(k):
        return 12_345_678_901 * (k + 1)

    for see in (sight(load_wh=200, sd_wh=30, fresh=1), sight(generation_wh=300, order=4, order_side=SELL, order_wh=1)):
        answers = []
        for policy in (mind.policy, compiled):
            memory = np.zeros(MEMORY_SIZE, np.int64)
            memory[: len(mind.memory)] = mind.memory
            out = np.zeros((OUT_ROWS, OUT_COLUMNS), np.int64)
            delay = policy(see, memory, chance, out)
            answers.append((int(delay), memory.tolist(), out.tolist()))
        assert answers[0] == answers[1]


def test_a_memory_row_has_room_for_every_mind():
    assert all(len(mind.memory) <= MEMORY_SIZE for mind in MINDS)
    with pytest.raises(AssertionError):
        Mind(idle().policy, "too much", (0,) * (MEMORY_SIZE + 1))


def test_an_unknown_persona_is_refused_with_the_nearest_name():
    with pytest.raises(ConfigError, match="did you mean 'eager'"):
        home("eagre")


def test_a_home_orders_no_more_than_its_wires_and_plants_can_carry():
    assert decide(home(), sight(generation_wh=300, sell_limit_wh=250))[1][0][OUT_QUANTITY] == 250
    assert decide(home(), sight(load_wh=300, buy_limit_wh=200, position_wh=50))[1][0][OUT_QUANTITY] == 150


TRADERS = [zero_intelligence(), truthful(), shaver(), sniper(), zero_intelligence_plus(), gjerstad_dickhaut(),
           adaptive_aggressive()]  # fmt: skip


@pytest.mark.parametrize("mind", TRADERS, ids=lambda mind: mind.name)
@pytest.mark.parametrize("side", [BUY, SELL])
def test_a_trader_never_quotes_beyond_its_limit_and_only_in_its_turn(mind, side):
    limit, memory = 12_000, None
    for at, (bid, ask) in enumerate([(NO_PRICE, NO_PRICE), (11_000, 13_000), (11_990, 12_010), (12_100, 12_200)]):
        for turn in (1, 0):
            see = sight(
                now_ms=GATE_MS - 1_000 + at, side=side, units=1, limit_tick=limit, turn=turn, turns_left=5,
                local_bid=bid, local_ask=ask, shout_side=-side, shout_tick=11_000, shout_traded=turn,
            )  # fmt: skip
            _, rows, memory = decide(mind, see, memory)
            assert turn or not rows
            for row in rows:
                assert row[OUT_SIDE] == side
                assert row[OUT_QUANTITY] == 1
                assert (limit - row[OUT_PRICE]) * side >= 0
