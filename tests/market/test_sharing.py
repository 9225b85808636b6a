"""Sharing after the event: hand-computed periods, and laws that hold for any pool."""

import dataclasses
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattbook.assets import Batteries, Battery
from wattbook.market import SharingRules, replay
from wattbook.market.sharing import apportioned, shared
from wattbook.messages import BUY, Action, Cause, Command, Refusal
from wattbook.units import kw, kwh

START_MS = 1_465_164_000_000
QUARTER_MS = 900_000
NAMES = ("A", "B", "C", "D", "U", "V")
A, B, C, D, U, V = range(6)
RULES = ("mid-market-rate", "static-key", "dynamic-key")
MID_TICK = 11_500


@pytest.fixture
def sharing_street(make_street):
    """Give a function that lays out the place of golden case G1 with a rule of sharing in place of its books."""

    def make(mechanism, key=(), price_tick=(MID_TICK,), **given):
        settings = {
            "feeder": [0, 0, 0, 0, -1, -1],
            "utility": [U, U, V, V, -1, -1],
            "load": [2700, 0, 0, 1400, 0, 0],
            "generation": [0, 1500, 2300, 0, 0, 0],
            "retail": {U: 15_000, V: 16_000},
            "feed_in": {U: 8_000, V: 7_500},
            **given,
        }
        street = make_street(NAMES, **settings)
        rules = SharingRules(mechanism, tuple(price_tick), tuple(key))
        return dataclasses.replace(street, market=dataclasses.replace(street.market, sharing=rules))

    return make


def settle(market):
    for period in range(market.street.periods):
        at_ms = START_MS + (period + 1) * QUARTER_MS
        for action in (Action.DELIVER, Action.SETTLE):
            market.apply(Command(at_ms, -1, action, period=period))
            market.check()
    return market


def columns(market, stream, *names):
    rows = market.journal.read(stream)
    return list(zip(*(rows[name].tolist() for name in names), strict=True))


def parts(market):
    return columns(market, "shares", "book", "agent", "claim_wh", "shared_wh")


def money(market):
    names = market.street.account_names()
    return {name: cash for name, cash in zip(names, market.ledger.balance.tolist(), strict=True) if cash}


# --- golden periods


@pytest.mark.parametrize("mechanism", ["mid-market-rate", "dynamic-key"])
def test_what_is_there_is_shared_in_proportion_to_what_each_draws(sharing_street, open_market, mechanism):
    """3800 Wh for 4100: A's part is 2502.44, D's 1297.56, and the Wh that is missing goes to the larger remainder."""
    market = settle(open_market(sharing_street(mechanism, has_district=False)))
    assert parts(market) == [(0, A, 2700, 2502), (0, B, -1500, -1500), (0, C, -2300, -2300), (0, D, 1400, 1298)]
    assert columns(market, "meters", "agent", "traded_wh", "residual_wh") == [
        (A, 2502, 198), (B, -1500, 0), (C, -2300, 0), (D, 1298, 102),
    ]  # fmt: skip
    assert columns(market, "flows", "flow_wh", "losses_wh") == [(3800, 38), (0, 0), (300, 15)]
    assert money(market) == {
        # shares; residual at 150, network at 30 and 70, levy at 20.50, and 19 % on these three
        "A": -(28_773_000 + 2_970_000 + 8_892_000 + 5_535_000 + 3_305_430),
        "B": 17_250_000,
        "C": 26_450_000,
        "D": -(14_927_000 + 1_632_000 + 4_608_000 + 2_870_000 + 1_730_900),
        # each group is short by its residual, at 120
        "U": 2_970_000 - 2_376_000,
        "V": 1_632_000 - 1_224_000,
        "GRID": 8_892_000 + 4_608_000 - 53 * 9_000,
        "UPSTREAM": 2_376_000 + 1_224_000 + 53 * 9_000,
        "STATE": 5_535_000 + 2_870_000 + 3_305_430 + 1_730_900,
    }
    causes = columns(market, "postings", "cause", "account", "amount")
    assert [row[1:] for row in causes if row[0] == Cause.SHARE] == [
        (A, -28_773_000), (B, 17_250_000), (C, 26_450_000), (D, -14_927_000),
    ]  # fmt: skip
    assert Cause.TRADE not in {row[0] for row in causes}


def test_equal_static_keys_waste_the_parts_of_those_who_draw_nothing(sharing_street, open_market):
    market = settle(open_market(sharing_street("static-key", key=(1,) * 6, has_district=False)))
    assert parts(market) == [(0, A, 2700, 950), (0, B, -1500, -750), (0, C, -2300, -1150), (0, D, 1400, 950)]


def test_a_static_part_beyond_what_its_holder_draws_is_not_passed_on(sharing_street, open_market):
    """D's 40 % of 3800 are 1520, it draws 1400; B and C feed the rest in at their utilities, 1453 to 2227."""
    market = settle(open_market(sharing_street("static-key", key=(60, 0, 0, 40, 0, 0), has_district=False)))
    assert parts(market) == [(0, A, 2700, 2280), (0, B, -1500, -1453), (0, C, -2300, -2227), (0, D, 1400, 1400)]


def test_what_the_feeders_leave_is_shared_in_the_district(sharing_street, open_market):
    street = sharing_street("dynamic-key", feeder=[0, 0, 1, 1, -1, -1])
    market = settle(open_market(street))
    assert parts(market) == [
        (0, A, 2700, 1500), (0, B, -1500, -1500), (1, C, -2300, -1400), (1, D, 1400, 1400), (2, A, 1200, 900),
        (2, C, -900, -900),
    ]  # fmt: skip
    assert columns(market, "flows", "path", "flow_wh") == [(0, 2900), (1, 900), (2, 300)]


def test_a_missing_meter_shares_what_is_billed(sharing_street, open_market):
    missing, substitute = np.zeros((6, 1), bool), np.zeros((6, 1), np.int64)
    missing[A], substitute[A] = True, 1000
    street = sharing_street("dynamic-key", missing=missing, substitute_wh=substitute, has_district=False)
    market = settle(open_market(street))
    assert parts(market) == [(0, A, 1000, 1000), (0, B, -1500, -947), (0, C, -2300, -1453), (0, D, 1400, 1400)]
    assert columns(market, "meters", "agent", "traded_wh", "residual_wh")[0] == (A, 1000, 0)


def test_a_battery_serves_its_own_home_first(sharing_street, open_market):
    battery = Batteries.of([None, Battery(kwh(10), kw(4)), None, None, None, None])
    market = settle(open_market(sharing_street("dynamic-key", battery=battery, has_district=False)))
    assert columns(market, "meters", "agent", "charge_wh")[1] == (B, 1000)
    assert (0, B, -500, -500) in parts(market)


def test_at_a_negative_price_those_who_give_pay(sharing_street, open_market):
    market = settle(open_market(sharing_street("dynamic-key", price_tick=(-1_000,), has_district=False)))
    paid = {row[1]: row[2] for row in columns(market, "postings", "cause", "account", "amount") if row[0] == 16}
    assert paid == {A: 2_502_000, B: -1_500_000, C: -2_300_000, D: 1_298_000}


def test_there_is_nothing_to_order_where_energy_is_shared(sharing_street, open_market):
    market = open_market(sharing_street("dynamic-key"))
    order = Command(START_MS - 3_600_000, A, Action.SUBMIT, 0, 0, 0, BUY, 10_000, 100)
    assert market.apply(order) == Refusal.NO_MARKET


def test_a_replay_of_the_commands_shares_alike(sharing_street, open_market):
    street = sharing_street("static-key", key=(3, 1, 1, 2, 0, 0), feeder=[0, 0, 1, 1, -1, -1])
    journal = settle(open_market(street)).journal
    assert replay(street, journal.header, journal.read("commands")).fingerprint() == journal.fingerprint()


# --- laws

CLAIMS = st.lists(st.integers(-5_000, 5_000), min_size=1, max_size=9)


def largest_remainders(weights, total):
    """Share in exact fractions, by the textbook."""
    whole = sum(weights)
    exact = [Fraction(total * weight, whole) if whole else Fraction(0) for weight in weights]
    share = [part.numerator // part.denominator for part in exact]
    missing = (total if whole else 0) - sum(share)
    order = sorted(range(len(exact)), key=lambda i: (share[i] - exact[i], i))
    for i in order[:missing]:
        share[i] += 1
    return share


def by_the_book(mechanism, claims, keys):
    """Share a pool's claims, in plain Python."""
    need, offer = [max(claim, 0) for claim in claims], [max(-claim, 0) for claim in claims]
    if mechanism == "static-key":
        got = [min(pair) for pair in zip(largest_remainders(keys, sum(offer)), need, strict=True)]
    else:
        got = largest_remainders(need, min(sum(need), sum(offer)))
    given = largest_remainders(offer, sum(got))
    return [a - b for a, b in zip(got, given, strict=True)]


@given(st.lists(st.integers(0, (1 << 31) - 1), min_size=1, max_size=8), st.integers(0, 1 << 40))
def test_apportioning_is_that_of_exact_fractions(weights, total):
    assert apportioned(np.array(weights, np.int64), total).tolist() == largest_remainders(weights, total)


@given(CLAIMS, st.data(), st.sampled_from(RULES))
def test_a_pool_shares_all_it_may_and_nobody_gets_or_gives_too_much(claims, data, mechanism):
    keys = data.draw(st.lists(st.integers(0, 100), min_size=len(claims), max_size=len(claims)))
    part = shared(mechanism, np.array(claims, np.int64), np.array(keys, np.int64)).tolist()
    assert part == by_the_book(mechanism, claims, keys)
    assert sum(part) == 0
    assert all(min(claim, 0) <= wh <= max(claim, 0) for claim, wh in zip(claims, part, strict=True))
    need, offer = sum(max(claim, 0) for claim in claims), sum(max(-claim, 0) for claim in claims)
    moved = sum(max(wh, 0) for wh in part)
    assert moved == min(need, offer) if mechanism != "static-key" else moved <= min(need, offer)


@given(CLAIMS, st.integers(2, 9), st.sampled_from(RULES))
def test_equals_share_equally_but_for_one_watt_hour(claims, copies, mechanism):
    many = np.repeat(np.array(claims, np.int64), copies)
    part = shared(mechanism, many, np.ones(len(many), np.int64)).reshape(len(claims), copies)
    assert (part.max(axis=1) - part.min(axis=1) <= 1).all()
    # Of equal claims the earlier goes first: it receives no less, and gives no less.
    assert (np.diff(np.abs(part), axis=1) <= 0).all()


@given(st.integers(1, 4_000), st.integers(1, 4_000), st.integers(8_000, 12_000), st.integers(12_001, 20_000))
def test_under_one_utility_the_mid_market_rate_gives_the_prices_of_long_and_others(supply, demand, feed_in, retail):
    """Surplus: sellers get (D x mid + (G - D) x feed-in) / G. Deficit: buyers pay (G x mid + (D - G) x retail) / D."""
    mid = (feed_in + retail) // 2
    claims = [demand - demand // 3, demand // 3, -(supply - supply // 4), -(supply // 4)]
    part = shared("mid-market-rate", np.array(claims, np.int64), np.zeros(4, np.int64)).tolist()
    earned = sum(-wh * mid + (wh - claim) * feed_in for claim, wh in zip(claims[2:], part[2:], strict=True))
    paid = sum(wh * mid + (claim - wh) * retail for claim, wh in zip(claims[:2], part[:2], strict=True))
    sell = Fraction(demand * mid + (supply - demand) * feed_in, supply) if supply > demand else mid
    buy = Fraction(supply * mid + (demand - supply) * retail, demand) if supply < demand else mid
    assert Fraction(earned, supply) == sell
    assert Fraction(paid, demand) == buy
    # And each by itself but for the one Wh that may be rounded its way.
    for claim, wh in zip(claims, part, strict=True):
        own = min(supply, demand) * Fraction(claim, demand if claim > 0 else supply)
        assert abs(wh - own) < 1


def drawn_street(make_street, seed):
    """Draw a place with two utilities, some feeders, and a rule."""
    rng = np.random.default_rng(seed)
    homes, feeders, periods = int(rng.integers(1, 12)), int(rng.integers(1, 4)), 3
    names = [*(f"home-{i:02d}" for i in range(homes)), "u-blue", "u-green"]
    on_grid = rng.random(homes) < 0.9
    feeder = np.where(on_grid, rng.integers(0, feeders, homes), -1).tolist()
    street = make_street(
        names,
        feeder=[*feeder, -1, -1],
        utility=[*(homes + rng.integers(0, 2, homes)).tolist(), -1, -1],
        feeders=tuple(f"feeder-{i + 1}" for i in range(feeders)),
        periods=periods,
        load=np.vstack([rng.integers(0, 3_000, (homes, periods)), np.zeros((2, periods), np.int64)]),
        generation=np.vstack([rng.integers(0, 3_000, (homes, periods)), np.zeros((2, periods), np.int64)]),
        retail={homes: 15_000, homes + 1: 16_000},
        feed_in={homes: 8_000, homes + 1: 7_500},
        battery=Batteries.of([Battery(kwh(2), kw(3)) if rng.random() < 0.3 else None for _ in names]),
        missing=rng.random((homes + 2, periods)) < 0.1,
        substitute_wh=rng.integers(-500, 500, (homes + 2, periods)),
        has_district=bool(rng.random() < 0.6),
    )
    rules = SharingRules(
        str(rng.choice(RULES)), tuple(rng.integers(-500, 16_000, periods).tolist()),
        tuple(rng.integers(0, 50, homes + 2).tolist()),
    )  # fmt: skip
    return dataclasses.replace(street, market=dataclasses.replace(street.market, sharing=rules))


@pytest.mark.parametrize("seed", range(60))
def test_a_reader_of_the_journal_can_compute_every_share_and_payment_again(make_street, open_market, seed):
    market = settle(open_market(drawn_street(make_street, seed)))
    header, street = market.journal.header, market.street
    rules = header["local_market"]["sharing"]
    metered = {(p, a): t + r for p, a, t, r in columns(market, "meters", "period", "agent", "traded_wh", "residual_wh")}
    feeders = [agent["feeder"] for agent in header["agents"]]
    members = [i for i, agent in enumerate(header["agents"]) if agent["utility"] and agent["feeder"]]
    expected, money_due = [], {}
    for p in range(header["periods"]):
        left = {i: metered[p, i] for i in members}
        for book, entry in enumerate(header["books"]):
            mine = members if entry["venue"] == "district" else [i for i in members if feeders[i] == entry["book"]]
            part = by_the_book(rules["mechanism"], [left[i] for i in mine], [rules["key"][i] for i in mine])
            for i, wh in zip(mine, part, strict=True):
                if wh:
                    expected.append((p, book, i, left[i], wh, rules["price_tick"][p]))
                    money_due[p, i] = money_due.get((p, i), 0) - wh * rules["price_tick"][p]
                left[i] -= wh
    assert columns(market, "shares", "period", "book", "agent", "claim_wh", "shared_wh", "price_tick") == expected
    paid = {}
    for p, account, amount, cause in columns(market, "postings", "period", "account", "amount", "cause"):
        if cause == Cause.SHARE:
            paid[p, account] = paid.get((p, account), 0) + amount
    assert {key: due for key, due in money_due.items() if due} == {key: got for key, got in paid.items() if got}
    assert market.ledger.balance.sum() == 0
    assert not street.market.header().get("auction")
