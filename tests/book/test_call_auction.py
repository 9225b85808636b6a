"""The call auction: every rule by hand, the laws A1-A8, a naive telling of the rules, and a linear program."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import groupby

import numba
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from wattbook.book import BUY, FILL_COLUMNS, MAX_ORDERS, MAX_QUANTITY_WH, SELL, BookError
from wattbook.book import kernel_auction as kernel
from wattbook.book.auction import AuctionError, Clearing, call_auction

UNCOMPILED = bool(numba.config.DISABLE_JIT)
ROUNDS = 4_000
LARGEST = (1 << 62) - 1
RULES = ("uniform", "pay-as-bid")
RATIONINGS = ("time", "pro-rata")
some_laws = settings(max_examples=60 if UNCOMPILED else 200, deadline=None)


def listed(*rows):
    """Orders (side, price, quantity) with ids 1, 2 .. and an owner each."""
    return np.array([(i, 100 + i, *row) for i, row in enumerate(rows, 1)], np.int64).reshape(-1, 5)


def fills_of(clearing):
    """(maker, taker, price, quantity) of each fill."""
    assert clearing.fills.dtype == np.int64
    assert clearing.fills.shape[1] == len(FILL_COLUMNS)
    assert not clearing.fills[:, :2].any()
    return [tuple(row) for row in clearing.fills[:, 2:].tolist()]


def filled(clearing):
    """Quantity of each order that got something."""
    got = Counter()
    for maker, taker, _, quantity in fills_of(clearing):
        got[maker] += quantity
        got[taker] += quantity
    return dict(got)


def drawn(draw, most=12, prices=8, quantity=6, lot=1, low=0):
    """A list of orders whose prices and quantities tie often."""
    n = int(draw.integers(1, most + 1))
    orders = np.empty((n, 5), np.int64)
    orders[:, 0] = draw.permutation(n) + 1
    orders[:, 1] = draw.integers(0, 3, n)
    orders[:, 2] = draw.choice([BUY, SELL], n)
    orders[:, 3] = low + draw.integers(0, prices, n)
    orders[:, 4] = draw.integers(1, quantity + 1, n) * lot
    return orders


def balanced(draw, lot=1, low=0):
    """Orders whose surplus is as large on one side of a price as on the other, which chance rarely makes."""
    traded, left, behind, beyond = (int(quantity) for quantity in draw.integers(1, 5, 4))
    at = int(draw.integers(2, 6))
    bids = (BUY, 8, traded), (BUY, at, left), (BUY, at - int(draw.integers(0, 4)), behind)
    asks = (SELL, -1, traded), (SELL, at + 1, left), (SELL, at + 1 + int(draw.integers(0, 4)), beyond)
    orders = listed(*draw.permutation([*bids, *asks]).tolist())
    orders[:, 3] += low
    orders[:, 4] *= lot
    return orders


def generator(seed):
    return np.random.default_rng([0xCA11, seed])


# --- the chain of rules, by hand


def test_the_price_is_where_most_is_traded():
    # 5 Wh at 10 and 11, 8 at 12, none above.
    orders = listed((BUY, 12, 8), (SELL, 10, 5), (SELL, 12, 3), (BUY, 11, 4))
    for reference in (None, 0, 10, 99):
        assert call_auction(orders, reference)[:2] == (12, 8)


def test_of_equal_volumes_the_least_surplus_decides():
    # 10 Wh from 10 to 20, where 6 more are wanted up to 14 and 2 more are offered from 15 on.
    orders = listed((BUY, 20, 10), (BUY, 14, 6), (SELL, 10, 10), (SELL, 15, 2))
    for reference in (None, 0, 12, 99):
        assert call_auction(orders, reference)[:2] == (15, 10)


@pytest.mark.parametrize("reference", [None, 0, 13, 99])
def test_where_all_that_tie_have_excess_demand_it_is_the_highest(reference):
    assert call_auction(listed((BUY, 20, 10), (SELL, 10, 4)), reference)[:2] == (20, 4)


@pytest.mark.parametrize("reference", [None, 0, 13, 99])
def test_where_all_that_tie_have_excess_supply_it_is_the_lowest(reference):
    assert call_auction(listed((BUY, 20, 4), (SELL, 10, 10)), reference)[:2] == (10, 4)


@pytest.mark.parametrize(("reference", "price"), [(None, 10), (-7, 10), (10, 10), (13, 13), (20, 20), (10**30, 20)])
def test_then_the_nearest_to_the_reference_and_without_one_the_lowest(reference, price):
    assert call_auction(listed((BUY, 20, 4), (SELL, 10, 4)), reference)[:2] == (price, 4)


@pytest.mark.parametrize(("reference", "price"), [(None, 13), (0, 13), (14, 14), (15, 15), (16, 16), (99, 17)])
def test_equal_surplus_on_either_side_is_no_pressure(reference, price):
    # 10 Wh trade from 10 to 20. 3 more are wanted from 13 to 14 (5 below), 3 more are offered from 15 to 17 (4 above).
    orders = listed((BUY, 20, 10), (BUY, 14, 3), (BUY, 12, 2), (SELL, 10, 10), (SELL, 15, 3), (SELL, 18, 1))
    assert call_auction(orders, reference)[:2] == (price, 10)


def test_a_balanced_gap_between_what_is_left_ends_one_tick_beside_it():
    orders = listed((BUY, 20, 4), (BUY, 12, 1), (SELL, 10, 4), (SELL, 18, 1))
    assert [call_auction(orders, reference).price_tick for reference in (None, 15, 99)] == [13, 15, 17]


@pytest.mark.parametrize(
    "rows",
    [(), ((BUY, 10, 1),), ((SELL, 10, 1),), ((BUY, 9, 1), (SELL, 10, 1)), ((SELL, 5, 1), (SELL, 6, 1))],
    ids=["empty", "bids only", "asks only", "not crossed", "two asks"],
)
def test_where_nothing_crosses_there_is_no_price(rows):
    clearing = call_auction(listed(*rows), 10)
    assert clearing[:2] == (None, 0)
    assert clearing.fills.shape == (0, 6)
    assert fills_of(clearing) == []


def test_limits_that_meet_trade_at_that_price():
    assert call_auction(listed((BUY, 10, 1), (SELL, 10, 1)), 99)[:2] == (10, 1)


# --- who gets what, by hand


def test_by_time_the_earlier_at_the_margin_is_served_first():
    orders = listed((BUY, 20, 5), (BUY, 20, 5), (BUY, 21, 2), (SELL, 10, 8))
    assert filled(call_auction(orders)) == {3: 2, 1: 5, 2: 1, 4: 8}


def test_pro_rata_only_the_margin_is_shared():
    # 2 Wh for the better bid, then 6 for 12 wanted.
    orders = listed((BUY, 20, 8), (BUY, 20, 4), (BUY, 21, 2), (SELL, 10, 8))
    assert filled(call_auction(orders, rationing="pro-rata")) == {3: 2, 1: 4, 2: 2, 4: 8}


def test_the_missing_lots_go_to_the_largest_remainders():
    # 7 for 5 + 3 + 3: exact shares 3.18, 1.91, 1.91.
    orders = listed((SELL, 10, 5), (SELL, 10, 3), (SELL, 10, 3), (BUY, 20, 7))
    assert filled(call_auction(orders, rationing="pro-rata")) == {1: 3, 2: 2, 3: 2, 4: 7}


def test_of_equal_remainders_the_earlier_gets_the_lot():
    orders = listed((SELL, 10, 1), (SELL, 10, 1), (SELL, 10, 1), (BUY, 20, 2))
    assert filled(call_auction(orders, rationing="pro-rata")) == {1: 1, 2: 1, 4: 2}


def test_a_share_may_be_nothing():
    orders = listed((SELL, 10, 1), (SELL, 10, 9), (BUY, 20, 3))
    assert filled(call_auction(orders, rationing="pro-rata")) == {2: 3, 3: 3}


def test_shares_are_whole_lots():
    # 30 for 50 + 30: in lots 3 for 5 + 3, exact shares 1.875, 1.125.
    orders = listed((SELL, 10, 50), (SELL, 10, 30), (BUY, 20, 30))
    assert filled(call_auction(orders, rationing="pro-rata", lot_wh=10)) == {1: 20, 2: 10, 3: 30}
    assert filled(call_auction(orders, rationing="pro-rata")) == {1: 19, 2: 11, 3: 30}


def test_a_bid_in_the_money_may_get_nothing_when_the_better_ones_take_all():
    # 10 Wh trade from 40 on; 5 more are wanted up to 50, 5 more are offered from 51 on: the surplus is 5 either way.
    orders = listed((BUY, 100, 10), (BUY, 50, 5), (SELL, 40, 10), (SELL, 51, 5))
    clearing = call_auction(orders, 0, rationing="pro-rata")
    assert clearing[:2] == (40, 10)
    assert filled(clearing) == {1: 10, 3: 10}


def test_pairs_are_matched_off_in_priority_order_and_the_maker_is_the_earlier_row():
    orders = listed((SELL, 11, 4), (BUY, 20, 3), (BUY, 21, 3), (SELL, 10, 2))
    assert fills_of(call_auction(orders)) == [(3, 4, 11, 2), (1, 3, 11, 1), (1, 2, 11, 3)]


def test_the_row_decides_on_priority_and_maker_not_the_id():
    orders = listed((BUY, 20, 2), (BUY, 20, 2), (SELL, 10, 3))
    orders[:, 0] = 9, 5, 1
    assert fills_of(call_auction(orders)) == [(9, 1, 20, 2), (5, 1, 20, 1)]


def test_pay_as_bid_fills_the_same_orders_at_each_buyers_limit():
    orders = listed((BUY, 20, 3), (BUY, 18, 3), (SELL, 10, 5), (BUY, 9, 5))
    clearing = call_auction(orders, rule="pay-as-bid")
    assert clearing[:2] == call_auction(orders)[:2] == (18, 5)
    assert fills_of(clearing) == [(1, 3, 20, 3), (2, 3, 18, 2)]


def test_an_owner_may_trade_with_itself_since_the_function_has_no_rule_for_it():
    orders = listed((BUY, 20, 3), (SELL, 10, 3))
    orders[:, 1] = 7
    assert fills_of(call_auction(orders)) == [(1, 2, 10, 3)]


# --- a naive telling of the rules


def chain(bids, asks, reference, step):
    """Volume, price and the rule that chose it, found by asking every price; bids and asks as (price, quantity)."""
    prices = [price for price, _ in bids + asks]
    asked = range(min(prices, default=0) - 3 * step, max(prices, default=0) + 3 * step + 1, step)
    demand = {p: sum(q for limit, q in bids if limit >= p) for p in asked}
    supply = {p: sum(q for limit, q in asks if limit <= p) for p in asked}
    volume = max(min(demand[p], supply[p]) for p in asked)
    if volume == 0:
        return 0, None, "nothing"
    tied = [p for p in asked if min(demand[p], supply[p]) == volume]
    if len(tied) == 1:
        return volume, tied[0], "volume"
    least = min(abs(demand[p] - supply[p]) for p in tied)
    tied = [p for p in tied if abs(demand[p] - supply[p]) == least]
    if len(tied) == 1:
        return volume, tied[0], "surplus"
    if all(demand[p] > supply[p] for p in tied):
        return volume, tied[-1], "excess demand"
    if all(demand[p] < supply[p] for p in tied):
        return volume, tied[0], "excess supply"
    mixed = "mixed " if least else ""
    if reference is None:
        return volume, tied[0], mixed + "lowest"
    away = min(abs(p - reference) for p in tied)
    tied = [p for p in tied if abs(p - reference) == away]
    return volume, tied[0], mixed + ("reference" if len(tied) == 1 else "lower of two")


def shares(queue, volume, rationing, lot):
    """What each order of [(order, price, quantity)] gets, in priority order."""
    got, left = {}, volume
    for _, level in groupby(queue, key=lambda order: order[1]):
        members = list(level)
        total = sum(quantity for *_, quantity in members)
        if total <= left or rationing == "time":
            for order, _, quantity in members:
                got[order] = min(quantity, left)
                left -= got[order]
            continue
        exact = {order: Fraction(quantity * left, total * lot) for order, _, quantity in members}
        lots = {order: share.numerator // share.denominator for order, share in exact.items()}
        for order in sorted(exact, key=lambda order: lots[order] - exact[order])[: left // lot - sum(lots.values())]:
            lots[order] += 1
        got |= {order: n * lot for order, n in lots.items()}
        left = 0
    return got


def naive(orders, reference, rule, rationing, lot):
    """The whole auction, one Wh after the other."""
    rows = [(row, *order) for row, order in enumerate(orders.tolist())]
    bids = sorted((r for r in rows if r[3] == BUY), key=lambda r: (-r[4], r[0]))
    asks = sorted((r for r in rows if r[3] == SELL), key=lambda r: (r[4], r[0]))
    volume, price, why = chain([r[4:] for r in bids], [r[4:] for r in asks], reference, 1)
    units = []
    for queue in (bids, asks):
        got = shares([(r[0], r[4], r[5]) for r in queue], volume, rationing, lot)
        units.append([row for row, quantity in got.items() for _ in range(quantity)])
    fills = []
    for (bid, ask), same in groupby(zip(*units, strict=True)):
        maker, taker = sorted((bid, ask))
        paid = price if rule == "uniform" else rows[bid][4]
        fills.append((rows[maker][1], rows[taker][1], paid, len(list(same))))
    return (price, volume, fills), why


def references(draw, low, prices):
    return None if draw.random() < 0.3 else int(low + draw.integers(-2, prices + 2))


def test_what_it_does_is_what_the_rules_say_and_every_rule_decides():
    decided = Counter()
    for seed in range(ROUNDS):
        draw = generator(seed)
        lot, low, prices = int(draw.choice([1, 3])), int(draw.choice([-4, 0, 20_000])), int(draw.choice([3, 8, 25]))
        seldom = draw.random() < 0.2
        orders = balanced(draw, lot, low) if seldom else drawn(draw, most=14, prices=prices, lot=lot, low=low)
        terms = references(draw, low, prices), str(draw.choice(RULES)), str(draw.choice(RATIONINGS)), lot
        expected, why = naive(orders, *terms)
        clearing = call_auction(orders, terms[0], terms[1], rationing=terms[2], lot_wh=lot)
        assert (*clearing[:2], fills_of(clearing)) == expected, (seed, why)
        decided[why] += 1
    every = {"nothing", "volume", "surplus", "excess demand", "excess supply"}
    every |= {mixed + rule for mixed in ("", "mixed ") for rule in ("reference", "lowest")}
    assert set(decided) == every
    assert min(decided.values()) >= 20, decided


def test_prices_on_a_step_are_chosen_as_the_rules_say_and_every_rule_decides():
    decided = Counter()
    for seed in range(ROUNDS):
        draw = generator(seed)
        step = int(draw.choice([1, 2, 2, 5]))
        orders = balanced(draw, low=-3) if draw.random() < 0.2 else drawn(draw, most=6, quantity=2, low=-3)
        orders[:, 3] *= step
        reference = None if draw.random() < 0.2 else int(draw.integers(-3 * step, 6 * step))
        sides = [orders[orders[:, 2] == side] for side in (BUY, SELL)]
        queues = [side[np.argsort(-side[:, 2] * side[:, 3], kind="stable")] for side in sides]
        volume, price, why = chain(
            *([tuple(row) for row in queue[:, 3:].tolist()] for queue in queues), reference, step
        )
        assert kernel.crossing_wh(*queues) == volume
        decided[why] += 1
        if volume:
            margins = [kernel.allot(queue, volume, np.empty(len(queue), np.int64)) for queue in queues]
            at = -LARGEST if reference is None else reference
            assert kernel.clearing_tick(*margins, at, step) == price, (seed, why)
    every = {"nothing", "volume", "surplus", "excess demand", "excess supply"}
    every |= {mixed + rule for mixed in ("", "mixed ") for rule in ("reference", "lowest", "lower of two")}
    assert set(decided) == every
    assert min(decided.values()) >= 10, decided


@pytest.mark.parametrize(
    ("volume", "got", "margin"),
    [
        (1, [1, 0, 0, 0], (20, 20, 2 + 4, 15)),
        (3, [3, 0, 0, 0], (20, 20, 4, 15)),
        (5, [3, 2, 0, 0], (20, 20, 2, 15)),
        (7, [3, 4, 0, 0], (20, 15, 5, 12)),
        (9, [3, 4, 2, 0], (15, 15, 3, 12)),
        (12, [3, 4, 5, 0], (15, 12, 6, -kernel.NOWHERE)),
        (18, [3, 4, 5, 6], (12, -kernel.NOWHERE, 0, -kernel.NOWHERE)),
    ],
)
def test_a_margin_tells_where_the_volume_ends_and_what_is_left(volume, got, margin):
    queue = listed((BUY, 20, 3), (BUY, 20, 4), (BUY, 15, 5), (BUY, 12, 6))
    filled = np.full(4, -1)
    assert tuple(kernel.allot(queue, volume, filled)) == margin
    assert filled.tolist() == got


# --- a linear program


def optimum(orders):
    """Welfare and volume of the best allocation: of equal welfare the one that trades most.

    Prices are whole, so half a tick more for every Wh that is bought changes no choice but that.
    """
    side, price, quantity = orders[:, 2], orders[:, 3], orders[:, 4]
    worth = side * price + 0.5 * (side == BUY)
    solution = linprog(-worth, A_eq=side[None, :].astype(float), b_eq=[0.0], bounds=np.c_[0 * quantity, quantity])
    assert solution.status == 0
    return round(float(side * price @ solution.x)), round(float(solution.x[side == BUY].sum()))


def test_no_allocation_gains_more_and_none_of_equal_gain_trades_more():
    traded = 0
    for seed in range(2_000):
        draw = generator(seed)
        orders = drawn(draw, most=40, prices=int(draw.choice([5, 60])), quantity=50, low=-10)
        rationing = str(draw.choice(RATIONINGS))
        clearing = call_auction(orders, rationing=rationing)
        got = filled(clearing)
        gains = sum(side * price * got.get(order, 0) for order, _, side, price, _ in orders.tolist())
        assert (gains, clearing.quantity_wh) == optimum(orders), seed
        traded += clearing.quantity_wh > 0
    assert traded > 1_600


# --- the laws

PARTS = {
    "seed": st.integers(0, 10**9),
    "rule": st.sampled_from(RULES),
    "rationing": st.sampled_from(RATIONINGS),
    "reference": st.none() | st.integers(-5, 30),
    "lot": st.sampled_from([1, 7]),
    "prices": st.sampled_from([3, 20]),
}
some_auctions = given(**PARTS)


def auction(seed, rule, rationing, reference, lot, prices):
    orders = drawn(generator(seed), most=30, prices=prices, quantity=40, lot=lot)
    return orders, call_auction(orders, reference, rule, rationing=rationing, lot_wh=lot)


@some_auctions
@some_laws
def test_a1_to_a7(seed, rule, rationing, reference, lot, prices):
    orders, clearing = auction(seed, rule, rationing, reference, lot, prices)
    price, volume = clearing[:2]
    bids, asks = orders[orders[:, 2] == BUY], orders[orders[:, 2] == SELL]
    ticks = range(-1, prices + 1)
    tradable = {p: min(bids[bids[:, 3] >= p, 4].sum(), asks[asks[:, 3] <= p, 4].sum()) for p in ticks}
    assert volume == max(tradable.values()), "A1"
    assert (price is None) == (volume == 0)
    if price is None:
        assert fills_of(clearing) == []
        return
    assert tradable[price] == volume, "A2: the price is one of those with the most volume"
    terms = {row[0]: row[2:] for row in orders.tolist()}
    bought, sold, paid, received = Counter(), Counter(), 0, 0
    for maker, taker, at, quantity in fills_of(clearing):
        assert quantity > 0
        assert quantity % lot == 0
        bid, ask = (maker, taker) if terms[maker][0] == BUY else (taker, maker)
        assert (terms[bid][0], terms[ask][0]) == (BUY, SELL)
        assert terms[bid][1] >= at >= terms[ask][1], "A4"
        assert at == (price if rule == "uniform" else terms[bid][1]), "A3"
        bought[bid] += quantity
        sold[ask] += quantity
        paid, received = paid + at * quantity, received + at * quantity
    assert paid == received, "A5"
    assert bought.total() == sold.total() == volume, "A5, A6"
    left = {}
    for side, got in ((BUY, bought), (SELL, sold)):
        worst = min(side * terms[order][1] for order in got)
        for order, (its_side, limit, quantity) in terms.items():
            assert 0 <= got[order] <= quantity, "A6"
            if its_side == side and side * limit > worst:
                assert got[order] == quantity, "A6: only the margin is rationed"
            if its_side == side and got[order] < quantity:
                left[side] = max(left.get(side, side * limit), side * limit)
    if len(left) == 2:
        assert left[BUY] < -left[SELL], "A7"


@given(seed=st.integers(0, 10**9), rule=st.sampled_from(RULES), rationing=st.sampled_from(RATIONINGS))
@some_laws
def test_a8_naive_rules_agree(seed, rule, rationing):
    draw = generator(seed)
    orders, reference = drawn(draw), references(draw, 0, 8)
    clearing = call_auction(orders, reference, rule, rationing=rationing)
    assert (*clearing[:2], fills_of(clearing)) == naive(orders, reference, rule, rationing, 1)[0]


@some_auctions
@some_laws
def test_only_the_order_of_rows_at_one_price_matters(seed, rule, rationing, reference, lot, prices):
    orders, clearing = auction(seed, rule, rationing, reference, lot, prices)
    by_level = orders[np.lexsort((np.arange(len(orders)), orders[:, 3], orders[:, 2]))]
    again = call_auction(by_level, reference, rule, rationing=rationing, lot_wh=lot)
    assert again[:2] == clearing[:2]
    assert filled(again) == filled(clearing)
    ends = [[(*sorted((maker, taker)), *rest) for maker, taker, *rest in fills_of(c)] for c in (again, clearing)]
    assert ends[0] == ends[1], "only who is called the maker may change"


@some_auctions
@some_laws
def test_price_and_volume_do_not_depend_on_any_order_of_rows(seed, rule, rationing, reference, lot, prices):
    orders, clearing = auction(seed, rule, rationing, reference, lot, prices)
    shuffled = generator(seed + 1).permutation(orders)
    assert call_auction(shuffled, reference, rule, rationing=rationing, lot_wh=lot)[:2] == clearing[:2]


@given(**PARTS, shift=st.integers(-(10**12), 10**12))
@some_laws
def test_shifting_all_prices_shifts_the_clearing(seed, rule, rationing, reference, lot, prices, shift):
    orders, clearing = auction(seed, rule, rationing, reference, lot, prices)
    moved = orders + shift * np.array([0, 0, 0, 1, 0])
    at = None if reference is None else reference + shift
    again = call_auction(moved, at, rule, rationing=rationing, lot_wh=lot)
    assert fills_of(again) == [(*ends, price + shift, quantity) for *ends, price, quantity in fills_of(clearing)]
    if clearing.price_tick is not None:
        assert again[:2] == (clearing.price_tick + shift, clearing.quantity_wh)


@some_auctions
@some_laws
def test_a_mirror_exchanges_the_sides(seed, rule, rationing, reference, lot, prices):
    assume(reference is not None)  # without one the tie's lower end is taken, whose mirror is the higher
    orders, clearing = auction(seed, "uniform", rationing, reference, lot, prices)
    mirrored = orders * np.array([1, 1, -1, -1, 1])
    again = call_auction(mirrored, -reference, rationing=rationing, lot_wh=lot)
    assert fills_of(again) == [(*ends, -price, quantity) for *ends, price, quantity in fills_of(clearing)]
    assert again.quantity_wh == clearing.quantity_wh


@given(**PARTS, factor=st.integers(2, 10**6))
@some_laws
def test_scaling_quantities_and_lot_scales_the_fills(seed, rule, rationing, reference, lot, prices, factor):
    orders, clearing = auction(seed, rule, rationing, reference, lot, prices)
    larger = orders * np.array([1, 1, 1, 1, factor])
    again = call_auction(larger, reference, rule, rationing=rationing, lot_wh=lot * factor)
    assert again[:2] == (clearing.price_tick, clearing.quantity_wh * factor)
    assert fills_of(again) == [(*ends, quantity * factor) for *ends, quantity in fills_of(clearing)]


@some_auctions
@some_laws
def test_orders_out_of_reach_change_nothing(seed, rule, rationing, reference, lot, prices):
    orders, clearing = auction(seed, rule, rationing, reference, lot, prices)
    far = np.array([(1_000, 1, BUY, -50, lot), (1_001, 1, SELL, 80, lot)])
    again = call_auction(np.concatenate([far, orders]), reference, rule, rationing=rationing, lot_wh=lot)
    if clearing.quantity_wh:
        assert again[:2] == clearing[:2]
    assert fills_of(again) == fills_of(clearing)


@some_auctions
@some_laws
def test_an_order_split_into_adjacent_twins_by_time_gets_the_same(seed, rule, rationing, reference, lot, prices):
    orders, clearing = auction(seed, rule, "time", reference, lot, prices)
    twice = np.repeat(orders, 2, axis=0)
    twice[1::2, 0] += 1_000
    twice[0::2, 4] = twice[0::2, 4] // (2 * lot) * lot
    twice[1::2, 4] -= twice[0::2, 4]
    again = call_auction(twice[twice[:, 4] > 0], reference, rule, lot_wh=lot)
    together = Counter()
    for order, quantity in filled(again).items():
        together[order % 1_000] += quantity
    assert again[:2] == clearing[:2]
    assert together == filled(clearing)


# --- large numbers


@given(st.data())
@some_laws
def test_a_product_too_large_for_64_bits_is_divided_exactly(data):
    edges = st.sampled_from([1 << 61, LARGEST, LARGEST + 1, 1 << 31, MAX_QUANTITY_WH])
    c = data.draw(st.integers(1, LARGEST + 1) | edges)
    a = data.draw(st.integers(0, c) | st.sampled_from([0, 1, c - 1, c]))
    b = data.draw(st.integers(0, LARGEST + 1) | edges | st.just(0))
    assert kernel.muldiv(a, b, c) == divmod(a * b, c)


def test_division_in_bulk_is_exact():
    draw = generator(0)
    for _ in range(200 if UNCOMPILED else 5_000):
        b, c = (int(draw.integers(0, 1 << int(draw.integers(1, 63)))) for _ in range(2))
        a = int(draw.integers(0, c + 1))
        assert kernel.muldiv(a, b, c + 1) == divmod(a * b, c + 1)


@given(low=st.integers(-LARGEST, LARGEST), steps=st.integers(0, 6), step=st.integers(1, 9), away=st.integers(-30, 90))
@some_laws
def test_the_nearest_step_is_the_nearest(low, steps, step, away):
    low = min(low, LARGEST - steps * step)
    reference = max(-LARGEST, min(LARGEST, low + away))
    on_step = range(low, low + steps * step + 1, step)
    nearest = min(on_step, key=lambda tick: (abs(tick - reference), tick))
    assert kernel.nearest_tick(low, on_step[-1], reference, step) == nearest


@pytest.mark.parametrize("rationing", RATIONINGS)
def test_the_largest_quantities_are_shared_exactly(rationing):
    asks = [(SELL, 10, MAX_QUANTITY_WH - i) for i in range(50)]
    orders = listed(*asks, *[(BUY, 20, MAX_QUANTITY_WH)] * 3, (BUY, 20, 12_345))
    clearing = call_auction(orders, rationing=rationing)
    volume = 3 * MAX_QUANTITY_WH + 12_345
    assert clearing[:2] == (10, volume)
    got = filled(clearing)
    expected = shares([(i, *row[1:]) for i, row in enumerate(asks, 1)], volume, rationing, 1)
    assert {order: got[order] for order in expected if order in got} == {k: v for k, v in expected.items() if v}


@pytest.mark.parametrize(("reference", "price"), [(None, -LARGEST), (10**40, LARGEST), (-(10**40), -LARGEST), (5, 5)])
def test_the_widest_prices_and_any_reference_do_not_overflow(reference, price):
    orders = listed((SELL, -LARGEST, 1), (BUY, LARGEST, 1), (BUY, -LARGEST, 1), (SELL, LARGEST, 1))
    clearing = call_auction(orders, reference)
    # The far bid and ask are left at the ends themselves, where they are in surplus.
    inside = max(1 - LARGEST, min(LARGEST - 1, price))
    assert clearing[:2] == (inside, 1)
    assert fills_of(clearing) == [(1, 2, inside, 1)]


def test_prices_too_far_apart_for_the_quick_sort_are_sorted_all_the_same():
    draw = generator(3)
    orders = drawn(draw, most=400, quantity=3)
    wide = orders.copy()
    wide[:, 3] = (orders[:, 3] - 4) * (1 << 58)
    near, far = call_auction(orders, rationing="pro-rata"), call_auction(wide, rationing="pro-rata")
    assert filled(near) == filled(far)
    assert near.quantity_wh > 0


def test_many_orders_clear_as_few_do():
    draw = generator(4)
    n = 2_000 if UNCOMPILED else 100_000
    orders = drawn(draw, most=1)[:1].repeat(n, axis=0)
    orders[:, 0] = draw.permutation(n)
    orders[:, 2] = draw.choice([BUY, SELL], n)
    orders[:, 3] = draw.integers(-300, 300, n)
    orders[:, 4] = draw.integers(1, 5_000, n)
    price, volume, fills = call_auction(orders, rationing="pro-rata")
    side, limit, quantity = orders[:, 2], orders[:, 3], orders[:, 4]
    curve = [
        min(quantity[(side == BUY) & (limit >= p)].sum(), quantity[(side == SELL) & (limit <= p)].sum())
        for p in range(price - 3, price + 4)
    ]
    assert volume == max(curve) == curve[3] == fills[:, 5].sum()


# --- what comes in


def test_any_layout_of_memory_is_read_and_nothing_is_written():
    orders = listed((BUY, 20, 3), (SELL, 10, 2), (SELL, 12, 2))
    expected = call_auction(orders)
    frozen = orders.copy()
    frozen.flags.writeable = False
    wide = np.zeros((6, 10), np.int64)
    wide[::2, ::2] = orders
    for layout in (frozen, np.asfortranarray(orders), wide[::2, ::2], orders[::-1].copy()[::-1]):
        before = layout.copy()
        clearing = call_auction(layout)
        assert clearing[:2] == expected[:2]
        assert fills_of(clearing) == fills_of(expected)
        assert (layout == before).all()


def test_numbers_of_the_answer_are_plain_and_numpys_own_are_welcome():
    orders = listed((BUY, 20, 2), (BUY, 20, 4), (SELL, 10, 4))
    clearing = call_auction(orders, np.uint8(13), rationing="pro-rata", lot_wh=np.uint64(2))
    assert isinstance(clearing, Clearing)
    assert [type(value) for value in clearing[:2]] == [int, int]
    assert (clearing.price_tick, filled(clearing)) == (20, {1: 2, 2: 2, 3: 4})


GOOD = listed((BUY, 20, 4), (SELL, 10, 4))


@pytest.mark.parametrize(
    ("orders", "told"),
    [
        (GOOD.tolist(), ["not a list"]),
        (None, ["not a NoneType"]),
        (GOOD.astype(float), ["dtype float64: round and convert"]),
        (GOOD * np.nan, ["dtype float64"]),
        (GOOD.astype(np.int32), ["dtype int32"]),
        (GOOD.astype(np.uint64), ["dtype uint64"]),
        (GOOD.astype(">i8"), ["dtype >i8"]),
        (GOOD.astype(object), ["dtype object"]),
        (GOOD[:, :4], ["shape (2, 4)"]),
        (GOOD[0], ["shape (5,)"]),
        (GOOD[None], ["shape (1, 2, 5)"]),
        (GOOD[:, :4].astype(float), ["dtype float64", "shape (2, 4)"]),
        (np.broadcast_to(GOOD[0], (MAX_ORDERS + 1, 5)), [f"{MAX_ORDERS + 1} orders are more than {MAX_ORDERS}"]),
    ],
)
def test_an_array_of_another_kind_is_refused(orders, told):
    with pytest.raises(AuctionError) as caught:
        call_auction(orders)
    assert isinstance(caught.value, BookError)
    assert caught.value.code == "book-auction"
    assert len(caught.value.problems) == len(told)
    for problem, words in zip(caught.value.problems, told, strict=True):
        assert words in problem
        assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        (2, 0, "side must be BUY (1) or SELL (-1): not 0 in row 1"),
        (2, -(1 << 63), f"side must be BUY (1) or SELL (-1): not {-(1 << 63)} in row 1"),
        (4, 0, "quantity_wh must be positive: not 0 in row 1"),
        (4, -3, "quantity_wh must be positive: not -3 in row 1"),
        (4, -(1 << 63), f"quantity_wh must be positive: not {-(1 << 63)} in row 1"),
        (4, MAX_QUANTITY_WH + 1, f"quantity_wh must be at most {MAX_QUANTITY_WH}: not {MAX_QUANTITY_WH + 1} in row 1"),
        (3, 1 << 60, f"|price_tick| x quantity_wh must be below 2**62: not {1 << 60} in row 1"),
        (3, -(1 << 63), f"|price_tick| x quantity_wh must be below 2**62: not {-(1 << 63)} in row 1"),
        (0, 1, "order ids must differ: not 1 in row 1"),
    ],
)
def test_a_bad_value_is_named_with_its_row(column, value, told):
    orders = GOOD.copy()
    orders[1, column] = value
    with pytest.raises(AuctionError) as caught:
        call_auction(orders)
    assert caught.value.problems == (told,)


@pytest.mark.parametrize("value", [MAX_QUANTITY_WH, 1])
def test_the_bounds_themselves_are_allowed(value):
    orders = GOOD.copy()
    orders[:, 4] = value
    orders[0, 3] = LARGEST // value
    assert call_auction(orders).quantity_wh == value


def test_every_mistake_is_told_at_once():
    orders = listed(*[(7, 20, 4)] * 5, (BUY, 20, 0), (BUY, 20, 15))
    orders[6, 0] = 2
    with pytest.raises(AuctionError) as caught:
        call_auction(orders, 2.5, "unifrom", rationing=3, lot_wh=2)
    assert caught.value.problems == (
        "side must be BUY (1) or SELL (-1): not 7 in row 0, 7 in row 1, 7 in row 2 and 2 more",
        "quantity_wh must be positive: not 0 in row 5",
        "quantity_wh must be a multiple of lot_wh=2: not 15 in row 6",
        "order ids must differ: not 2 in row 6",
        "reference_tick=2.5 is not a whole number of ticks, nor None",
        "rule='unifrom' is not one of uniform, pay-as-bid (did you mean 'uniform'?)",
        "rationing=3 is not one of time, pro-rata",
    )


@pytest.mark.parametrize("lot", [0, -1, 1.0, True, None, "1", MAX_QUANTITY_WH + 1, np.array([1, 2])])
def test_a_lot_that_is_none_is_refused(lot):
    with pytest.raises(AuctionError, match=r"lot_wh=.* is not a whole number of 1 .. "):
        call_auction(GOOD, lot_wh=lot)


@pytest.mark.parametrize("reference", [1.0, float("nan"), "12", True, np.float64(3), np.array([1, 2])])
def test_a_reference_that_is_no_whole_number_is_refused(reference):
    with pytest.raises(AuctionError, match="is not a whole number of ticks"):
        call_auction(GOOD, reference)


@pytest.mark.parametrize("word", ["Uniform", "", None, 1, ["time"]])
def test_words_that_are_not_known_are_refused(word):
    with pytest.raises(AuctionError, match=r"rule=.* is not one of uniform, pay-as-bid"):
        call_auction(GOOD, rule=word)
    with pytest.raises(AuctionError, match=r"rationing=.* is not one of time, pro-rata"):
        call_auction(GOOD, rationing=word)
