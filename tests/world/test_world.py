"""Time and order: what a run is, and what may never change it."""

import dataclasses

import numpy as np
import pytest
import simpy

from wattbook.book import Book, ReferenceBook
from wattbook.errors import LivelockError, PolicyError
from wattbook.market import replay
from wattbook.messages import (
    FOREVER,
    OUT_ACTION,
    OUT_BOOK,
    OUT_PRICE,
    OUT_QUANTITY,
    OUT_SIDE,
    REFUSED,
    Action,
    Refusal,
)  # fmt: skip
from wattbook.policies import Mind, idle, truthful, zero_intelligence
from wattbook.world import Alarm, Rank, agent_ranks

NAMED = {"agent", "buyer", "seller", "account", "utility"}


@pytest.fixture
def finished(make_world):
    world = make_world()
    world.run()
    return world


def by_name(world, stream, *columns):
    """Rows of a stream with agents by name, without the columns that number rows."""
    names = np.array([*world.street.account_names(), "-"])
    data = world.journal.read(stream)
    return [
        tuple(names[v] if c in NAMED else v for c, v in zip(columns, row, strict=True))
        for row in zip(*(data[c].tolist() for c in columns), strict=True)
    ]  # fmt: skip


def test_a_street_trades_settles_and_balances(finished):
    assert finished.market.trades > 100
    assert finished.market.ledger.balance.sum() == 0
    assert (finished.market.town.settled == 2).all()
    assert finished.incidents == []


def test_the_last_period_is_settled_and_billed_at_the_horizon_and_no_agent_wakes_there(finished):
    commands = finished.journal.read("commands")
    at_end = commands["time_ms"] == finished.street.end_ms
    assert commands["action"][at_end].tolist() == [Action.DELIVER, Action.SETTLE, Action.BILL]
    assert finished.woke_ms.max() < finished.street.end_ms
    assert all(money % 1_000_000 == 0 for money in finished.market.ledger.balance.tolist())


def test_time_never_goes_back(finished):
    assert (np.diff(finished.journal.read("commands")["time_ms"]) >= 0).all()


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(make_world, finished):
    same, other = make_world(), make_world(seed=8)
    same.run()
    other.run()
    assert same.journal.fingerprint() == finished.journal.fingerprint() != other.journal.fingerprint()


def test_replaying_the_commands_gives_back_the_facts(finished):
    """On a fresh market, and on the reference book: neither SimPy nor a policy takes part."""
    commands = finished.journal.read("commands")
    for make_book in (Book, ReferenceBook):
        again = replay(finished.street, finished.journal.header, commands, make_book)
        assert again.fingerprint() == finished.journal.fingerprint()


def test_an_inert_agent_changes_nothing_else(make_world, finished):
    world = make_world(extra=("a-bystander",), minds={"a-bystander": idle()})
    world.run()
    for stream, columns in {
        "trades": ("seq", "time_ms", "book", "period", "buyer", "seller", "price_tick", "quantity_wh", "maker_order"),
        "orders": ("seq", "command", "time_ms", "book", "period", "order", "agent", "event", "price_tick", "code"),
        "postings": ("seq", "command", "time_ms", "period", "transfer", "account", "amount", "cause"),
        "groups": ("period", "utility", "nominated_wh", "metered_wh"),
    }.items():
        assert by_name(world, stream, *columns) == by_name(finished, stream, *columns), stream
    mine = [
        row for row in by_name(world, "meters", "period", "agent", "load_wh", "residual_wh") if row[1] != "a-bystander"
    ]
    assert mine == by_name(finished, "meters", "period", "agent", "load_wh", "residual_wh")


def test_ranks_are_a_permutation_that_one_more_agent_leaves_in_order():
    names = [f"home-{i}" for i in range(50)]
    before = agent_ranks(3, names)
    after = agent_ranks(3, [*names, "newcomer"])[:50]
    assert sorted(before) == list(range(16, 66))
    assert sorted(range(50), key=before.__getitem__) == sorted(range(50), key=after.__getitem__)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_alarms_of_one_moment_ring_by_rank_whatever_the_order_of_setting(order):
    env = simpy.Environment(initial_time=0)
    rung = []
    ranks = (Rank.DELIVERY, Rank.GATE_CLOSURE, 16)
    for i in order:
        Alarm(env, 10, ranks[i]).callbacks.append(lambda _, rank=ranks[i]: rung.append(rank))
    env.run()
    assert rung == sorted(ranks)


def test_homes_sell_while_the_sun_shines(finished):
    trades = finished.journal.read("trades")
    sunny = finished.street.generation_wh[trades["seller"]].sum(axis=1) > 0
    assert trades["quantity_wh"][sunny].sum() > 0.9 * trades["quantity_wh"].sum()


def test_no_trade_lies_outside_both_sides_bounds(finished):
    trades = finished.journal.read("trades")
    street = finished.street
    for buyer, seller, price, book, period in zip(
        *(trades[c].tolist() for c in ("buyer", "seller", "price_tick", "book", "period")), strict=True
    ):
        fee = street.network.fee_tick[0 if book < len(street.feeders) else 1]
        retail = street.retail_tick[street.utility[buyer], period]
        assert price <= (retail + street.network.fee_tick[2] - fee) * 1.19
        assert price >= street.feed_in_tick[street.utility[seller], period]


@pytest.mark.parametrize("seed", range(6))
def test_with_oracle_forecasts_nobody_pays_more_than_without_a_market(make_world, seed):
    with_market, without = make_world(seed, kind="oracle"), make_world(seed, kind="oracle", market=False)
    with_market.run()
    without.run()
    homes = np.flatnonzero(with_market.street.utility >= 0)
    gain = with_market.market.ledger.balance[homes] - without.market.ledger.balance[homes]
    assert gain.min() >= 0
    assert gain.sum() > 0


@pytest.mark.parametrize(
    "mind", [zero_intelligence(), zero_intelligence(constrained=False), truthful()], ids=lambda m: m.name
)
def test_the_other_traders_trade_too(make_world, mind):
    world = make_world(minds={f"home-{i:02d}": mind for i in range(12)})
    world.run()
    assert world.market.trades > 50


# --- strangers' policies


def sleeper(see, memory, draw, out):
    return 0


def dreamer(see, memory, draw, out):
    return 1.5


def prophet(see, memory, draw, out):
    return -1


def crasher(see, memory, draw, out):
    raise RuntimeError("out of luck")


def vandal(see, memory, draw, out):
    out[0, 99] = 1
    return FOREVER


def quitter(see, memory, draw, out):
    raise SystemExit(0)


def shaper(see, memory, draw, out):
    out.shape = (7, 8)
    return FOREVER


def resizer(see, memory, draw, out):
    out.resize((3, 3), refcheck=False)
    return FOREVER


def painter(see, memory, draw, out):
    out.dtype = np.int8
    return FOREVER


STRANGERS = [dreamer, prophet, crasher, vandal, quitter, shaper, resizer, painter]


@pytest.mark.filterwarnings("ignore:Setting the")
@pytest.mark.parametrize("policy", STRANGERS, ids=lambda p: p.__name__)
def test_a_policy_that_fails_is_quarantined_with_its_traceback_and_the_run_goes_on(make_world, policy):
    world = make_world(minds={"home-01": Mind(policy, "stranger")})
    world.run()
    assert [i["agent"] for i in world.incidents] == ["home-01"]
    assert "Traceback" in world.incidents[0]["traceback"]
    assert world.market.trades > 50
    orders = world.journal.read("orders")
    assert not (orders["agent"] == world.street.names.index("home-01")).any()


def test_a_policy_that_fails_may_stop_the_run_instead(make_world):
    world = make_world(minds={"home-01": Mind(crasher, "stranger")}, on_policy_error="fail")
    with pytest.raises(PolicyError, match="home-01"):
        world.run()


def test_a_policy_that_never_lets_time_pass_is_named(make_world):
    with pytest.raises(LivelockError, match="home-01"):
        make_world(minds={"home-01": Mind(sleeper, "sleeper")}).run()


def test_an_agent_that_gives_orders_of_the_fixed_processes_is_refused(make_world):
    def usurper(see, memory, draw, out):
        out[0, OUT_ACTION] = Action.SETTLE
        out[1, OUT_ACTION] = -5
        return FOREVER

    world = make_world(minds={"home-01": Mind(usurper, "usurper")})
    world.run()
    orders = world.journal.read("orders")
    mine = (orders["agent"] == world.street.names.index("home-01")) & (orders["event"] == REFUSED)
    assert set(orders["code"][mine].tolist()) == {Refusal.UNKNOWN_ACTION}
    assert not world.incidents


def test_a_home_that_leaves_trades_no_more_until_it_rejoins(make_world):
    def hermit(see, memory, draw, out):
        """Bid at once, leave at the second look, rejoin at the third, bid again."""
        if memory[0] == 0 and not see.tradable:
            return FOREVER
        memory[0] += 1
        step = memory[0]
        if step in (1, 4):
            out[0, [OUT_ACTION, OUT_BOOK, OUT_SIDE, OUT_PRICE, OUT_QUANTITY]] = (Action.SUBMIT, 0, 1, 1, 10)
        elif step in (2, 3):
            out[0, OUT_ACTION] = Action.LEAVE if step == 2 else Action.REJOIN
        return FOREVER

    world = make_world(minds={"home-01": Mind(hermit, "hermit")})
    world.run()
    orders = world.journal.read("orders")
    mine = orders["agent"] == world.street.names.index("home-01")
    # accepted, cancelled by leaving, accepted again, expired at the gate
    assert orders["event"][mine].tolist() == [0, 2, 0, 4]


# --- what homes and utilities foresee


def test_with_an_oracle_nobody_loses_where_the_feed_in_price_rises_during_the_day(make_world):
    """Energy sold out of a battery now is made good later, by what would then have earned more."""
    for market in ({}, {"market": False}):
        world = make_world(3, kind="oracle", **market)
        for utility in ("u-blue", "u-green"):
            row = world.street.names.index(utility)
            world.street.feed_in_tick[row] = np.repeat([0, 10_000], 16)
            world.street.retail_tick[row] = 2_000 if utility == "u-green" else 16_000
        world.run()
        if not market:
            with_market = world
    homes = np.flatnonzero(with_market.street.utility >= 0)
    gain = with_market.market.ledger.balance[homes] - world.market.ledger.balance[homes]
    assert gain.min() >= 0
    assert with_market.market.trades > 0


def test_with_an_oracle_and_no_market_a_utility_nominates_what_will_be_metered(make_world):
    """Batteries included: only trades among homes can make a group deviate from a perfect forecast."""
    world = make_world(kind="oracle", market=False)
    world.run()
    groups = world.journal.read("groups")
    assert not groups["deviation_wh"].any()
    assert groups["metered_wh"].any()


@pytest.mark.parametrize("closes_before_ms", [0, 1_800_000, 7_200_000])
def test_how_early_the_gate_closes_does_not_blind_the_homes(make_world, closes_before_ms):
    rules = make_world().street.market
    world = make_world(kind="oracle", market=dataclasses.replace(rules, closes_before_ms=closes_before_ms))
    world.run()
    assert world.market.trades > 80
