"""Traders that take turns, are offered orders at once, or have reaction times; engines and checkpoints of each."""

from functools import cache

import numba
import numpy as np
import pytest

from wattbook import ConfigError, LocalMarket, Scenario, trader
from wattbook.messages import BUY, FOREVER, MEMORY_SIZE, NO_PRICE, SELL, STREAMS, Action
from wattbook.policies import Mind
from wattbook.policies.trading import next_look, quote_unit
from wattbook.scenario.compiling import compile_street
from wattbook.units import eur_per_mwh, minutes, seconds
from wattbook.world import World

compiled_only = pytest.mark.skipif(numba.config.DISABLE_JIT, reason="there is one engine only without the compiler")
PRICES = (75, 150, 225, 300)
KINDS = {
    "turns": {"turns": "random", "improve": True, "clear_after_trade": True},
    "answers": {"turns": "random", "answers": True},
    "reaction": {"turns": "reaction", "failed_shouts": 120},
}
POLICIES = ("zip", "aa", "gd", "zi-c", "sniper", "shaver", "zip", "aa")


def quotes_its_limit(see, memory, draw, out):
    """Quote the limit, and count in the memory how often it was asked and how often it listened."""
    memory[0 if see.turn else 1] += 1
    if see.turn and see.units > 0:
        quote_unit(see, out, see.limit_tick)
    return next_look(see, draw)


def fails_when_it_hears(see, memory, draw, out):
    """Divide by zero once a shout has traded."""
    memory[2] += 1
    memory[3] = 1 // (1 - see.shout_traded)
    return FOREVER


LIMIT = Mind(quotes_its_limit, "limit", look_ahead_ms=0, listens=True)
FAILS = Mind(fails_when_it_hears, "fails", look_ahead_ms=0, listens=True)


def market(policies=POLICIES, prices=PRICES, **options):
    """Describe an hour of days of a minute, with a buyer and a seller for each price."""
    names = [(side, price) for side in ("buy", "sell") for price in prices]
    return Scenario(
        start="2016-06-06", days=1, hours=1, timezone="UTC",
        agents=[
            trader(f"{side}-{price:03d}", side, value=eur_per_mwh(price), policy=policies[i % len(policies)],
                   reaction=seconds((2 + i) / 10) if options.get("turns") == "reaction" and i else None)
            for i, (side, price) in enumerate(names)
        ],
        local=LocalMarket(
            **{"period": minutes(1), "closes_before": minutes(0), "cap": eur_per_mwh(400), "step": eur_per_mwh(1),
               "district": False, "session_days": 10, "failed_shouts": 30, **options},
        ),
    )  # fmt: skip


def world_of(scenario, seed=1, engine="auto"):
    compiled = compile_street(scenario, seed)
    return World(compiled.street, compiled.minds, compiled.outlook, seed, engine=engine)


@cache
def lived(kind):
    """Give a world of this kind that has run through; nobody changes it."""
    world = world_of(market(**KINDS[kind]))
    world.run()
    return world


@pytest.mark.parametrize("kind", KINDS)
def test_compiled_decisions_give_the_same_journal(kind):
    worlds = [world_of(market(**KINDS[kind]), engine=engine) for engine in ("interpreted", "processes")]
    for world in worlds:
        world.run()
    right, other = worlds
    assert right.market.trades > 60
    assert other.journal.fingerprint() == right.journal.fingerprint()
    assert other.wakes == right.wakes
    assert other.checkpoint() == right.checkpoint()
    assert other.turns.compiles is not right.turns.compiles or numba.config.DISABLE_JIT


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stop_ms", [0, 61_007, 1_500_023])
def test_a_run_with_turns_goes_on_from_a_checkpoint_to_the_same_rows(kind, stop_ms):
    whole = lived(kind)
    first, second = (world_of(market(**KINDS[kind])) for _ in range(2))
    first.run(until_ms=whole.street.start_ms + stop_ms)
    fresh = second.journal.rows
    second.restore(first.checkpoint())
    assert second.checkpoint() == first.checkpoint()
    second.run()
    # A new world has written down what everybody starts with.
    before = {stream: rows - fresh[stream] for stream, rows in first.journal.rows.items()}
    for stream in (each.name for each in STREAMS):
        full, head, tail = (world.journal.read(stream) for world in (whole, first, second))
        for column in full:
            shift = {"seq": before[stream], "command": before["commands"]}.get(column, 0)
            new = tail[column][fresh[stream] :]
            rest = new + np.where(new >= 0, shift, 0)
            np.testing.assert_array_equal(np.concatenate((head[column], rest)), full[column], f"{stream}.{column}")
    assert second.checkpoint() == whole.checkpoint()


@pytest.mark.parametrize("kind", KINDS)
def test_stopping_often_changes_nothing(kind):
    halting = world_of(market(**KINDS[kind]))
    for second in range(58, 130, 7):
        halting.run(until_ms=halting.street.start_ms + 1_000 * second + second)
    halting.run()
    assert halting.journal.fingerprint() == lived(kind).journal.fingerprint()


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_in_which_traders_are_listed_does_not_matter(kind):
    scenario = market(**KINDS[kind])
    mirrored = scenario.model_copy(update={"agents": tuple(reversed(scenario.agents))})
    world = world_of(mirrored)
    world.run()
    assert world.journal.fingerprint() == lived(kind).journal.fingerprint()


@pytest.mark.parametrize("engine", ["interpreted", pytest.param("auto", marks=compiled_only)])
def test_a_policy_that_fails_while_it_listens_is_taken_out_with_its_memory_as_it_was(engine):
    world = world_of(market(("zi-c", FAILS, "zi-c"), turns="random"), engine=engine)
    world.run()
    failing = [row for row, mind in enumerate(world.minds) if mind is FAILS]
    assert sorted(each["agent"] for each in world.incidents) == [world.street.names[row] for row in failing]
    assert {each["error"] for each in world.incidents} == {"ZeroDivisionError: integer division or modulo by zero"}
    assert world.market.town.quarantined[failing].all()
    assert world.market.trades > 10


# --- orders that are offered at once


def answered(policy=LIMIT, buyers=(300,), sellers=(100, 150, 200), seed=1, **options):
    """Run days with orders offered at once."""
    scenario = Scenario(
        start="2016-06-06", days=1, hours=1, timezone="UTC",
        agents=[
            trader(f"{side}-{i}", side, value=eur_per_mwh(price), policy=policy)
            for side, prices in (("buy", buyers), ("sell", sellers)) for i, price in enumerate(prices)
        ],
        local=LocalMarket(
            period=minutes(1), closes_before=minutes(0), cap=eur_per_mwh(400), district=False, turns="random",
            answers=True, **options,
        ),
    )  # fmt: skip
    world = world_of(scenario, seed)
    world.run()
    return world


def test_an_order_trades_at_its_own_price_in_the_turn_that_brought_it():
    world = answered()
    trades = world.journal.read("trades")
    first = trades["time_ms"][::1] - world.street.start_ms - 60_000 * (trades["period"] - 1)
    assert (first == 0).all(), "the first order of each day finds a taker at once"
    assert len(trades["time_ms"]) == 59
    shouted = np.where(trades["aggressor"] == 1, trades["price_tick"] < 30_000, trades["price_tick"] == 30_000)
    assert shouted.all(), "a taking buyer pays a seller's cost, a taking seller gets the buyer's value"


def test_a_willing_trader_is_drawn_whoever_it_is():
    world = answered(sellers=(100, 150, 200, 350))
    trades = world.journal.read("trades")
    bids = trades["aggressor"] == -1
    names = np.array(world.street.names)[trades["seller"][bids]]
    counts = {name: int((names == name).sum()) for name in ("sell-0", "sell-1", "sell-2")}
    assert sum(counts.values()) == bids.sum() > 5
    assert min(counts.values()) >= 1
    assert world.street.names.index("sell-3") not in trades["seller"], "who would lose is not willing"


def test_nothing_rests_and_who_is_asked_does_not_act():
    world = answered(buyers=(90, 80), sellers=(100, 110))
    assert world.market.trades == 0
    assert world.market.resting == 0
    orders, commands = world.journal.read("orders"), world.journal.read("commands")
    cleared = commands["action"] == Action.CLEAR
    assert cleared.sum() == (commands["action"] == Action.SUBMIT).sum() == 59 * 100
    assert (commands["agent"][cleared] == -1).all()
    assert len(orders["seq"]) == 2 * cleared.sum(), "each order is accepted, and expires"
    # All that are of the other side are asked at every order, and everybody listens.
    assert world.wakes == 59 * 100 * (1 + 2 + 4)
    assert world.memory[:, 1].tolist() == [5_900] * 4


def test_listeners_hear_the_order_that_was_shouted_not_the_answer():
    heard = []

    def listens(see, memory, draw, out):
        if see.turn == 0:
            heard.append((see.shout_side, see.shout_tick, see.shout_traded))
        return quotes_its_limit(see, memory, draw, out)

    world = answered(Mind(listens, "listens", look_ahead_ms=0, listens=True), sellers=(100,))
    trades = world.journal.read("trades")
    wanted = [
        (-int(aggressor), int(price), 1)
        for aggressor, price in zip(trades["aggressor"], trades["price_tick"], strict=True)
    ]
    assert heard == [each for each in wanted for _ in range(2)]
    assert {side for side, _, _ in heard} == {BUY, SELL}


def test_a_session_begins_with_memories_as_they_were():
    world = answered(buyers=(90,), sellers=(100,), session_days=10)
    # 59 days: the sixth session has seen nine.
    assert world.memory[:, 1].tolist() == [900] * 2


# --- reaction times


def journal_of(policies, **options):
    world = world_of(market(policies, **{**KINDS["reaction"], **options}))
    world.run()
    return world


def test_an_order_comes_a_reaction_time_after_the_look_that_it_follows():
    looks = []

    def looks_and_quotes(see, memory, draw, out):
        if see.turn:
            looks.append((see.limit_tick, see.side, see.now_ms, see.period))
            quote_unit(see, out, see.floor_tick if see.side == BUY else see.cap_tick)
        return FOREVER

    world = journal_of((Mind(looks_and_quotes, "looks", look_ahead_ms=0),), prices=(300,), failed_shouts=1_000_000)
    commands = world.journal.read("commands")
    orders = np.isin(commands["action"], (Action.SUBMIT, Action.REPLACE))
    for row in range(len(world.street.names)):
        mean_ms = int(world.market.laboratory.reaction_ms[row])
        mine = orders & (commands["agent"] == row)
        side = int(world.market.laboratory.side[row])
        own = [(time, period) for _, of, time, period in looks if of == side]
        delays = []
        for period in range(1, world.street.periods):
            seen = [time for time, of in own if of == period]
            acted = commands["time_ms"][mine & (commands["period"] == period)].tolist()
            # The last look of a day comes too late to act.
            assert len(seen) == len(acted) + 1
            assert seen[1:] == acted, "it looks again once it has acted"
            delays += [act - look for look, act in zip(seen, acted, strict=False)]
        assert mean_ms // 2 <= min(delays)
        assert max(delays) <= mean_ms // 2 + mean_ms
        assert np.mean(delays) == pytest.approx(mean_ms, rel=0.1)


def test_a_trader_acts_on_what_it_saw_not_on_what_has_happened_since():
    # The slow shaver saw an empty book, and bids the floor behind the quick one's quote.
    world = journal_of(("shaver",), prices=(300,), turns_per_day=60)
    commands = world.journal.read("commands")
    slow = world.street.names.index("sell-300")
    first = commands["price_tick"][(commands["agent"] == slow) & (commands["action"] == Action.SUBMIT)]
    assert (first == 40_000).all()


def test_reaction_times_that_are_not_given_are_a_tenth_of_a_second():
    assert world_of(market(**KINDS["reaction"])).market.laboratory.reaction_ms.tolist() == [
        100, *(100 * (2 + i) for i in range(1, 8))
    ]  # fmt: skip


def test_a_day_ends_at_its_gate_though_somebody_still_thinks():
    world = journal_of(("shaver",), prices=(300,), failed_shouts=1_000_000, closes_before=seconds(10))
    commands = world.journal.read("commands")
    mine = commands["agent"] >= 0
    within_ms = (commands["time_ms"][mine] - world.street.start_ms) % 60_000
    assert within_ms.max() < 50_000
    assert (np.diff(commands["period"][mine]) >= 0).all()
    assert set(commands["period"][mine].tolist()) == set(range(1, 60))
    assert (world.market.laboratory.arrives_ms == FOREVER).all()


def test_the_faster_of_two_equal_traders_is_the_one_that_trades():
    scenario = Scenario(
        start="2016-06-06", days=1, hours=1, timezone="UTC",
        agents=[
            trader("buy-quick", "buy", value=eur_per_mwh(300), policy=LIMIT, reaction=seconds(1)),
            trader("buy-slow", "buy", value=eur_per_mwh(300), policy=LIMIT, reaction=seconds(4)),
            trader("sell", "sell", value=eur_per_mwh(100), policy=LIMIT, reaction=seconds(2)),
        ],
        local=LocalMarket(period=minutes(1), closes_before=minutes(0), district=False, turns="reaction"),
    )  # fmt: skip
    world = world_of(scenario)
    world.run()
    buyers = world.journal.read("trades")["buyer"]
    assert len(buyers) == 59
    assert (buyers == 0).sum() > 50


def test_a_shout_is_of_no_price_before_the_first():
    assert world_of(market(**KINDS["turns"])).market.laboratory.shout[0, 1].tolist() == [0, NO_PRICE, 0]


# --- scenarios


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"answers": True}, "local.answers=True is given with turns='clock': write turns='random'"),
        ({"answers": True, "turns": "reaction"}, "given with turns='reaction': write turns='random'"),
        ({"answers": True, "turns": "random", "district": True}, "two books to choose from: add district=False"),
        ({"answers": True, "turns": "random", "improve": True}, "local.improve=True is given with answers=True"),
        ({"turns": "reactions"}, "did you mean 'reaction'"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options, says):
    with pytest.raises(ConfigError) as caught:
        market(("zi-c",), failed_shouts=100, session_days=0, **options) if "turns" in options else Scenario(
            start="2016-06-06", days=1, agents=[trader("ann", "buy", value=eur_per_mwh(3))],
            local=LocalMarket(district=False, **options),
        )  # fmt: skip
    assert says in str(caught.value)


def test_a_reaction_time_without_a_market_of_such_is_refused():
    with pytest.raises(ConfigError, match=r"ann.reaction.*is given with local.turns='clock'.*turns='reaction'"):
        Scenario(
            start="2016-06-06", days=1,
            agents=[trader("ann", "buy", value=eur_per_mwh(3), reaction=seconds(1))], local=LocalMarket(),
        )  # fmt: skip


def test_what_is_not_said_is_not_written_down():
    plain = market(("zi-c",), turns="random").to_json()
    assert "reaction" not in plain
    assert "answers" not in plain
    assert '"reaction":300' in market(**KINDS["reaction"]).to_json().replace(" ", "")
    header = world_of(market(("zi-c",), turns="random")).street.header()["local_market"]["laboratory"]
    assert not {"answers", "reaction_ms"} & set(header)


def test_profits_by_policy_are_what_the_trades_say():
    from wattbook.results import profits_by_policy

    run = market(("zi-c", "zip"), **KINDS["turns"]).run(seed=1, baseline=False)
    profits = profits_by_policy(run)
    assert profits["session"].to_list() == [n for n in range(1, 7) for _ in range(2)]
    assert profits["days"].to_list() == [10] * 10 + [9] * 2
    assert profits["traders"].to_list() == [4] * 12
    policy = dict(run.agents.select("agent", "policy").iter_rows())
    trades = run.trades.select("period", "buyer", "seller", "price_tick").to_dict(as_series=False)
    trades["minute"] = [60 * period.hour + period.minute for period in trades["period"]]
    for session, days, name, _, units, profit, share in profits.iter_rows():
        mine = [
            sign * (int(agent[-3:]) - price / 100)
            for side, sign in (("buyer", 1), ("seller", -1))
            for period, agent, price in zip(trades["minute"], trades[side], trades["price_tick"], strict=True)
            if (period - 1) // 10 + 1 == session and policy[agent] == name
        ]
        won = sum(mine)
        assert (units, profit) == (len(mine), pytest.approx(won))
        # At 187.50 the buyers at 225 and 300 and the sellers at 75 and 150 gain 37.50 or 112.50 each.
        assert share == pytest.approx(100 * won / (days * 150))
    with pytest.raises(ConfigError, match="without turns"):
        profits_by_policy(
            market(("zi-c",), failed_shouts=100, session_days=0, period=minutes(60)).run(seed=1, baseline=False)
        )


def test_a_look_that_keeps_its_memory_writes_nothing_beside_the_rows_of_all():
    keeps = Mind(fails_when_it_hears, "fails", look_ahead_ms=0, listens=True)
    world = world_of(market((keeps, "zi-c"), **KINDS["turns"]))
    guarded = np.full(world.turns.out.size + MEMORY_SIZE, -7, np.int64)
    world.turns.out = guarded[: world.turns.out.size].reshape(world.turns.out.shape)
    world.run()
    assert world.memory.any()
    assert (guarded[world.turns.out.size :] == -7).all()
