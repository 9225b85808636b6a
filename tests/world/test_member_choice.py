"""Members who choose their utility, with everybody around: who is asked, what they expect, and the same bytes."""

from dataclasses import replace

import numba
import numpy as np
import pytest

from wattbook import (
    Auction,
    Battery,
    ContractDesk,
    Forecast,
    LocalMarket,
    Pv,
    RetailMarket,
    Scenario,
    city,
    consumer,
    eur,
    eur_per_mwh,
    hours,
    kw,
    kwh,
    minutes,
    mw,
    percent,
    producer,
    prosumer,
    utility,
)
from wattbook.errors import PolicyError
from wattbook.market.replaying import replay
from wattbook.messages import Action, Cause, House, streams_of
from wattbook.policies import Mind
from wattbook.policies.choosing import Choice
from wattbook.scenario import compile_street
from wattbook.world import World

SEED = 7
DAY_MS = 86_400_000
compiled_only = pytest.mark.skipif(numba.config.DISABLE_JIT, reason="there is one engine only without the compiler")
QUIET = {
    "forecast": Forecast("oracle"),
    "retail": RetailMarket(members=True, reprices=False, loyalty=eur_per_mwh(0.01)),
}


def blue(**given):
    return utility("blue", **{"retail": eur_per_mwh(160), "feed_in": eur_per_mwh(80)} | given)


def green(**given):
    tariff = {"retail": {"day": eur_per_mwh(170), "night": eur_per_mwh(120)}, "feed_in": eur_per_mwh(90)}
    return utility("green", **tariff | given)


def street(*agents, days=3, **given):
    values = {
        "start": "2016-06-06",
        "days": days,
        "timezone": "Europe/Berlin",
        "agents": list(agents),
        "local": LocalMarket(period=minutes(60)),
        "retail": RetailMarket(members=True),
    }
    return Scenario(**(values | given))


def homes(supplier="blue", **given):
    pv, battery = {"pv": Pv(kw(8))}, {"battery": Battery(kwh(8), kw(4))}
    return (
        consumer("ada", supplier=supplier, **given),
        consumer("bo", supplier=supplier, profile="G1-B", deducts_vat=True, **given),
        prosumer("cy", supplier=supplier, **pv, **given),
        prosumer("di", supplier=supplier, **pv, **battery, **given),
    )


def world_of(scenario, seed=SEED, engine="auto", threads=None, minds=None):
    compiled = compile_street(scenario, seed)
    own = compiled.minds
    if minds is not None:
        own = tuple(minds.get(name, mind) for name, mind in zip(compiled.street.names, own, strict=True))
    return World(
        compiled.street, own, compiled.outlook, seed, engine=engine, threads=threads,
        wholesale_minds=compiled.wholesale_minds,
    )  # fmt: skip


def ran(scenario, **given):
    world = world_of(scenario, **given)
    world.run()
    world.market.check()
    return world


def moves(world):
    """Rows of all moves: who, from whom, to whom, from which period on."""
    rows, names = world.journal.read("moves"), world.street.names
    columns = (rows[key].tolist() for key in ("agent", "old", "new", "period"))
    return [(names[a], names[o], names[n], p) for a, o, n, p in zip(*columns, strict=True)]


# --- random streets


def draft(seed):
    """Draw a street whose members have reasons to move."""
    rng = np.random.default_rng((seed, 13))
    names = ["blue", "green", "red"][: 2 + int(rng.integers(2))]
    shares, low = rng.integers(0, 101, 3), int(rng.choice([120, 158]))
    utilities = [
        utility(
            name, retail=eur_per_mwh(int(rng.integers(low, 164))), feed_in=eur_per_mwh(int(rng.integers(40, 110))),
            persona=str(rng.choice(["greedy", "balanced", "eco-friendly"])), green_share=percent(int(shares[i])),
            exit_fee=eur(int(rng.integers(3))), term=hours(int(rng.choice([0, 24, 36]))),
            represents=int(rng.integers(0, 500)) * int(rng.random() < 0.5),
            renewable_quota=percent(int(rng.integers(30))) if seed % 3 else percent(0),
        )
        for i, name in enumerate(names)
    ]  # fmt: skip
    members = []
    for i in range(int(rng.integers(3, 8))):
        loyalty = None if rng.random() < 0.5 else eur_per_mwh(int(rng.integers(0, 8)))
        common = {"feeder": 1 + i % 3, "rated": kw(int(rng.integers(1, 6))), "loyalty": loyalty}
        if rng.random() < 0.5:
            members.append(consumer(f"home-{i}", **common))
        else:
            battery = Battery(kwh(5), kw(3)) if rng.random() < 0.6 else None
            members.append(prosumer(f"home-{i}", pv=Pv(kw(6)), battery=battery, **common))
    if rng.random() < 0.4:
        members.append(city("town", homes=9, homes_per_feeder=4, battery_share=0.5))
    producers = [producer("gas", "gas", mw(1)), producer("hill", "wind", mw(1))] if seed % 3 else []
    meets = (None, ContractDesk(lot=kw(1), rounds=2), Auction(at="18:00"))[seed % 3]
    local = LocalMarket(period=minutes(int(rng.choice([30, 60]))), district=bool(rng.random() < 0.4))
    return Scenario(
        start=["2016-06-06", "2016-03-26", "2016-10-29"][seed % 3], days=3, timezone="Europe/Berlin",
        agents=[*members, *utilities, *producers], local=local if rng.random() < 0.9 else None, wholesale=meets,
        retail=RetailMarket(
            members=True, at=str(rng.choice(["00:00", "11:00", "14:59"])), considering=percent(20),
            loyalty=eur_per_mwh(int(rng.integers(1, 30))), reprices=bool(rng.random() < 0.7),
        ),
        forecast=Forecast(str(rng.choice(["martingale", "oracle", "persistence"]))), baseline=False,
    )  # fmt: skip


def outcome(world):
    world.run()
    world.market.check()
    incidents = [(each["time_ms"], each["agent"], each["error"]) for each in world.incidents]
    return world.journal.fingerprint(), world.wakes, incidents, world.market.ledger.balance.tolist()


def compare(seed):
    scenario = draft(seed)
    right = outcome(world_of(scenario, seed, "interpreted"))
    for engine, threads in (("processes", None), ("population", 1), ("population", 2), ("population", 4)):
        found = outcome(world_of(scenario, seed, engine, threads))
        assert found == right, f"seed {seed}: {engine} with {threads} threads differs from everything in Python"


@compiled_only
@pytest.mark.parametrize(
    "seed", [0, 1, 2, *(pytest.param(seed, marks=[pytest.mark.slow, pytest.mark.long]) for seed in (3, 4, 5))]
)
def test_engines_and_threads_give_the_same_journal(seed):
    compare(seed)


@compiled_only
@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("first", range(6, 106, 20))
def test_engines_give_the_same_journal_on_many_streets(first):
    for seed in range(first, first + 20):
        compare(seed)


def test_streets_at_random_have_moves_fees_and_terms_in_them():
    again, fees, zones, desks = 0, 0, 0, set()
    for seed in range(24):
        world = ran(draft(seed), seed=seed)
        rows = world.journal.read("moves")
        _, counts = np.unique(rows["agent"], return_counts=True)
        again += int((counts > 1).sum())
        fees += int((rows["fee"] > 0).sum())
        if len(rows["agent"]):
            desks.add(seed % 3)
            zones += len(world.market.stalls) > 1
    assert again >= 3
    assert fees >= 10
    assert zones >= 3
    assert desks == {0, 1, 2}


@pytest.mark.parametrize("seed", [0, 1, 2, 5])
def test_everything_is_billed_and_metered_by_the_utility_of_the_period(seed):
    """Recounted from the journal: who supplies whom follows from the moves, and all else from that."""
    world = ran(draft(seed), seed=seed)
    laid, journal = world.street, world.journal
    supplier = np.repeat(laid.utility[:, None], laid.periods, axis=1)
    rows, orders = journal.read("moves"), journal.read("orders")
    columns = (rows[key].tolist() for key in ("agent", "old", "new", "period", "time_ms"))
    for agent, old, new, period, time_ms in zip(*columns, strict=True):
        assert supplier[agent, period] == old
        supplier[agent, period:] = new
        # Nobody has traded, or asked for, what is sold under the new contract.
        assert time_ms < laid.start_ms + period * laid.period_ms
        before = orders["time_ms"] <= time_ms
        assert not (before & (orders["agent"] == agent) & (orders["period"] >= period)).any()
    retail = laid.retail_tick
    meters, groups, served = (journal.read(name) for name in ("meters", "groups", "served"))
    agent, period, residual = meters["agent"], meters["period"], meters["residual_wh"]
    of = supplier[agent, period]
    metered = np.zeros((laid.agents, laid.periods), np.int64)
    np.add.at(metered, (of, period), residual)
    np.add.at(metered, (served["agent"], served["period"]), served["energy_wh"])
    supply = journal.read("supply")
    np.add.at(metered, (supply["agent"], supply["period"]), -supply["output_wh"])
    told = np.zeros_like(metered)
    told[groups["utility"], groups["period"]] = groups["metered_wh"]
    np.testing.assert_array_equal(metered, told)
    posted = journal.read("postings")
    for cause, due in (
        (Cause.RETAIL, -np.maximum(residual, 0) * retail[of, period]),
        (Cause.FEED_IN, -np.minimum(residual, 0) * laid.feed_in_tick[of, period]),
    ):
        got = np.zeros((laid.agents + len(House), laid.periods), np.int64)
        mine = posted["cause"] == cause
        np.add.at(got, (posted["account"][mine], posted["period"][mine]), posted["amount"][mine])
        np.subtract.at(got, (agent, period), due)
        home = laid.utility >= 0
        assert not got[: laid.agents][home].any()
    assert int(world.market.ledger.balance.sum()) == 0


# --- how members decide


def expected(world, name, first, count):
    """What an oracle expects to draw and to feed in, of a member without a battery."""
    row = world.street.names.index(name)
    net = (world.street.load_wh - world.street.generation_wh)[row, first : first + count]
    return np.maximum(net, 0), np.maximum(-net, 0)


def cost_of(world, name, supplier, first, count):
    """What the day would cost a member, in plain numbers."""
    drawn, fed_in = expected(world, name, first, count)
    row, which = world.street.names.index(name), world.street.names.index(supplier)
    span = slice(first, first + count)
    paid = int((drawn * world.street.retail_tick[which, span]).sum())
    vat = paid * int(world.street.vat_ppm[row]) // 1_000_000
    return paid + vat - int((fed_in * world.street.feed_in_tick[which, span]).sum())


def test_who_moves_is_who_would_pay_less_for_its_own_use():
    world = ran(street(*homes(), blue(), green(), **QUIET))
    moved = {name: period for name, _, _, period in moves(world)}
    better = {}
    for name in ("ada", "bo", "cy"):
        now = {
            first: cost_of(world, name, "blue", first, 24) - cost_of(world, name, "green", first, 24)
            for first in (24, 48)
        }
        # Loyalty is drawn from 0 and 0.01 EUR/MWh here.
        energy = {first: sum(int(wh.sum()) for wh in expected(world, name, first, 24)) for first in (24, 48)}
        assert all(abs(now[first]) > energy[first] for first in now), "too close for the test to say"
        better[name] = next((first for first in (24, 48) if now[first] > 0), None)
    assert set(better.values()) > {None}, "some should gain, and some not"
    assert {name: moved.get(name) for name in better} == better


def test_loyalty_keeps_members_and_without_any_the_least_gain_moves_them():
    utilities = (blue(), green(retail=eur_per_mwh(150)))
    for loyalty, moving in ((0, 4), (8, 4), (40, 0)):
        world = ran(street(*homes(loyalty=eur_per_mwh(loyalty)), *utilities, **QUIET))
        assert len({name for name, *_ in moves(world)}) == moving, loyalty


def test_loyalty_is_drawn_evenly_by_name_and_seed():
    scenario = street(city("town", homes=2_000), consumer("ada", loyalty=eur_per_mwh(3)), blue(), green(), days=2)
    drawn = compile_street(scenario, SEED).street
    ticks = drawn.wholesale.retail.member_loyalty_tick[drawn.utility >= 0]
    own = drawn.names.index("ada")
    assert drawn.wholesale.retail.member_loyalty_tick[own] == 300
    assert ticks.min() >= 0
    assert ticks.max() <= 4_000
    assert abs(float(np.median(ticks)) - 2_000) < 150
    again = compile_street(scenario, SEED).street.wholesale.retail.member_loyalty_tick
    np.testing.assert_array_equal(again, drawn.wholesale.retail.member_loyalty_tick)
    other = compile_street(scenario, SEED + 1).street.wholesale.retail.member_loyalty_tick
    assert (other != again).sum() > 1_900


def test_of_many_members_as_many_move_as_the_gain_is_of_loyalty():
    """As of customers who are stood for (R7): 10 EUR/MWh, with VAT 11.90, of a loyalty of 40 near 30 in a hundred."""
    town = city("town", homes=1_500, homes_per_feeder=500, supplier="blue", pv_share=0, battery_share=0)
    retail = RetailMarket(members=True, reprices=False)
    world = ran(
        street(town, blue(), utility("red", retail=eur_per_mwh(150), feed_in=eur_per_mwh(80)), days=2, retail=retail)
    )
    bears = int((world.street.vat_ppm > 0).sum())
    expected_share = (11.9 * bears + 10 * (1_500 - bears)) / 1_500 / 40
    # Three standard deviations of a draw of so many.
    assert abs(len(moves(world)) / 1_500 - expected_share) < 3 * (0.3 * 0.7 / 1_500) ** 0.5


def test_a_battery_counts_in_what_a_member_expects():
    seen = {}

    def idle(see, memory, draw, out):
        return 1 << 40

    def choose(choice, draw):
        seen[choice.start_ms] = choice

    idle.choose = choose
    agents = homes()
    world = ran(street(*agents, blue(), green(), **QUIET), minds={"di": Mind(idle, "idle")})
    (choice, *_) = seen.values()
    row = world.street.names.index("di")
    span = slice(24, 48)
    net = (world.street.load_wh - world.street.generation_wh)[row, span]
    assert (choice.drawn_wh - choice.fed_in_wh != net).any()
    assert choice.drawn_wh.sum() < np.maximum(net, 0).sum()
    # It traded nothing and foresees everything, so that the day was as it expected.
    meters = world.journal.read("meters")
    mine = (meters["agent"] == row) & (meters["period"] >= 24) & (meters["period"] < 48)
    np.testing.assert_array_equal(choice.drawn_wh - choice.fed_in_wh, meters["residual_wh"][mine])


def test_members_see_and_trade_under_the_tariff_of_their_utility_of_the_period():
    seen = {}

    def look(see, memory, draw, out):
        seen.setdefault(int(see.period), set()).add((int(see.retail_tick), int(see.feed_in_tick)))
        return 900_000

    world = ran(
        street(
            consumer("ada", supplier="blue", loyalty=eur_per_mwh(0)), blue(), green(retail=eur_per_mwh(150)), **QUIET
        ),
        minds={"ada": Mind(look, "look")},
    )
    assert moves(world) == [("ada", "blue", "green", 24)]
    assert len(seen) > 60
    for period, prices in seen.items():
        assert prices == ({(16_000, 8_000)} if period < 24 else {(15_000, 9_000)}), period


def test_a_utility_expects_the_members_that_it_has_in_each_period():
    """With an oracle, what a utility is told it will need is what its members of the period then draw."""
    scenario = street(*homes()[:3], blue(), green(retail=eur_per_mwh(150), feed_in=eur_per_mwh(79)), **QUIET)
    world = world_of(scenario)
    world.run(until_ms=world.street.start_ms + 20 * 3_600_000)
    assert len(moves(world)) == 3
    names = world.street.names
    net = (world.street.load_wh - world.street.generation_wh)[world.street.utility >= 0].sum(axis=0)
    need = {name: world._group_need(names.index(name), world.now_ms, 20, 48)[0] for name in ("blue", "green")}
    np.testing.assert_array_equal(need["blue"], np.where(np.arange(20, 48) < 24, net[20:48], 0))
    np.testing.assert_array_equal(need["green"], np.where(np.arange(20, 48) < 24, 0, net[20:48]))


def test_the_error_of_a_utilitys_forecast_is_that_of_whom_it_supplies():
    scenario = street(*homes()[:2], blue(), green(retail=eur_per_mwh(150)), retail=QUIET["retail"])
    world = world_of(scenario)
    world.run(until_ms=world.street.start_ms + 20 * 3_600_000)
    assert len(moves(world)) == 2
    blue_row, green_row = (world.street.names.index(name) for name in ("blue", "green"))
    deviation = world._group_need(blue_row, world.now_ms, 20, 48)[1]
    assert (deviation[:4] > 0).all()
    assert not deviation[4:].any()
    deviation = world._group_need(green_row, world.now_ms, 20, 48)[1]
    assert not deviation[:4].any()
    assert (deviation[4:] > 0).all()


def test_batteries_of_members_count_with_the_utility_of_the_period():
    scenario = street(homes()[3], blue(), green(retail=eur_per_mwh(100), feed_in=eur_per_mwh(99)), **QUIET)
    world = world_of(scenario)
    world.run(until_ms=world.street.start_ms + 20 * 3_600_000)
    assert len(moves(world)) == 1
    own = world.street.names.index("di")
    alone = world_of(street(homes()[3], blue(), **QUIET))
    alone.run(until_ms=world.now_ms)
    whole = alone._group_need(alone.street.names.index("blue"), world.now_ms, 20, 44)[0]
    parts = [world._group_need(world.street.names.index(name), world.now_ms, 20, 44)[0] for name in ("blue", "green")]
    assert (world.street.load_wh[own, 20:44] - world.street.generation_wh[own, 20:44] != whole).any()
    np.testing.assert_array_equal(parts[0], np.where(np.arange(20, 44) < 24, whole, 0))
    np.testing.assert_array_equal(parts[0] + parts[1], whole)


def test_an_exit_fee_that_eats_the_gain_of_a_year_keeps_members():
    for fee, moving in ((eur(1), 1), (eur(200), 0)):
        world = ran(street(homes()[0], blue(exit_fee=fee), green(retail=eur_per_mwh(150)), **QUIET))
        assert len(moves(world)) == moving


def test_a_green_tariff_is_worth_more_by_its_share():
    retail = RetailMarket(members=True, reprices=False, loyalty=eur_per_mwh(0.01), green_value=eur_per_mwh(10))
    for share, moving in ((0, 0), (40, 0), (60, 1)):
        utilities = blue(), green(retail=eur_per_mwh(165), green_share=percent(share))
        member = consumer("ada", supplier="blue", deducts_vat=True)
        assert len(moves(ran(street(member, *utilities, retail=retail)))) == moving, share


def test_decisions_are_commands_of_the_members():
    world = ran(street(*homes(), blue(), green(retail=eur_per_mwh(150)), **QUIET))
    rows = world.journal.read("commands")
    mine = rows["action"] == Action.SWITCH
    names = world.street.names
    asked = [(names[a], names[o], p) for a, o, p in zip(
        rows["agent"][mine].tolist(), rows["order"][mine].tolist(), rows["period"][mine].tolist(), strict=True
    )]  # fmt: skip
    assert asked == [(name, new, period) for name, _, new, period in moves(world)]
    assert asked


# --- minds of their own


def with_choice(answer):
    """Make a mind that trades nothing and chooses by `answer`, called with what it is shown."""

    def idle(see, memory, draw, out):
        return 1 << 40

    idle.choose = answer
    return Mind(idle, "chooser")


def test_a_mind_of_its_own_chooses_among_what_it_is_shown():
    shown = []

    def dearest(choice, draw):
        shown.append((choice, draw(0)))
        return max(choice.offers, key=lambda offer: offer.cost).utility

    world = ran(
        street(*homes(), blue(exit_fee=eur(3), term=hours(24)), green(retail=eur_per_mwh(150)), **QUIET),
        minds={"ada": with_choice(dearest)},
    )
    first, second = (each[0] for each in shown)
    assert isinstance(first, Choice)
    assert (first.own, first.period_ms, [offer.utility for offer in first.offers]) == (
        "blue", 3_600_000, ["blue", "green"],
    )  # fmt: skip
    assert first.start_ms == world.street.start_ms + DAY_MS
    assert second.start_ms == first.start_ms + DAY_MS
    assert first.fee == eur(3) // 365
    assert [offer.exit_fee for offer in first.offers] == [eur(3), 0]
    assert first.offers[0].retail_tick.tolist() == [16_000] * 24
    for offer in first.offers:
        assert offer.cost == cost_of(world, "ada", offer.utility, 24, 24)
    # The others move by rule, it stays with the dearer one.
    assert {name for name, *_ in moves(world)} == {"bo", "cy", "di"}
    # The same draws are given to it in every run.
    again = []
    ran(
        street(*homes(), blue(exit_fee=eur(3), term=hours(24)), green(retail=eur_per_mwh(150)), **QUIET),
        minds={"ada": with_choice(lambda choice, draw: again.append(draw(0)))},
    )  # fmt: skip
    assert again == [drawn for _, drawn in shown]


@pytest.mark.parametrize("answer", [None, "blue"])
def test_a_mind_may_stay(answer):
    world = ran(
        street(*homes(), blue(), green(retail=eur_per_mwh(100)), **QUIET),
        minds={"ada": with_choice(lambda choice, draw: answer)},
    )
    assert "ada" not in {name for name, *_ in moves(world)}
    assert world.incidents == []


def scribble(choice):
    for column in (choice.drawn_wh, choice.fed_in_wh):
        column[:] = -1
    for offer in choice.offers:
        offer.retail_tick[:] = 0
        offer.feed_in_tick[:] = 0


@pytest.mark.parametrize("engine", ["interpreted", "population"])
@pytest.mark.parametrize(
    "answer",
    [
        lambda choice, draw: 1 // 0,
        lambda choice, draw: (_ for _ in ()).throw(SystemExit(3)),
        lambda choice, draw: 5,
        lambda choice, draw: "purple",
        lambda choice, draw: b"green",
        lambda choice, draw: ["green"],
        lambda choice: "green",
        lambda choice, draw: (scribble(choice), "nobody")[1],
    ],
)  # fmt: skip
def test_a_mind_that_fails_is_out_and_nobody_else(answer, engine):
    scenario = street(*homes(), blue(), green(retail=eur_per_mwh(150)), **QUIET)
    world = ran(scenario, minds={"ada": with_choice(answer)}, engine=engine)
    assert [each["agent"] for each in world.incidents] == ["ada"]
    row = world.street.names.index("ada")
    assert world.market.town.quarantined[row]
    assert {name for name, *_ in moves(world)} == {"bo", "cy", "di"}
    sound = ran(scenario, minds={"ada": with_choice(lambda choice, draw: None)})
    assert moves(world) == moves(sound)


def test_a_failing_mind_stops_the_run_where_that_is_asked_for():
    compiled = compile_street(street(*homes(), blue(), green()), SEED)
    minds = list(compiled.minds)
    minds[compiled.street.names.index("ada")] = with_choice(lambda choice, draw: 7)
    world = World(
        compiled.street, minds, compiled.outlook, SEED, on_policy_error="fail",
        wholesale_minds=compiled.wholesale_minds,
    )  # fmt: skip
    with pytest.raises(PolicyError, match="a utility's name, or None, not 7"):
        world.run()


# --- what is kept, and what others do


@pytest.fixture(scope="module")
def whole():
    return ran(draft(1), seed=1)


def test_a_replay_gives_the_same_journal(whole):
    assert moves(whole)
    again = replay(compile_street(draft(1), 1).street, whole.journal.header, whole.journal.read("commands"))
    assert again.fingerprint() == whole.journal.fingerprint()


@pytest.mark.parametrize("hour", [10, 13, 14, 20, 24, 37, 50, 63])
def test_a_restored_world_goes_on_alike(whole, hour):
    first, second = world_of(draft(1), 1), world_of(draft(1), 1)
    first.run(until_ms=first.street.start_ms + hour * 3_600_000 + 1)
    second.restore(first.checkpoint())
    assert second.checkpoint() == first.checkpoint()
    second.run()
    assert second.checkpoint() == whole.checkpoint()
    twice = world_of(draft(1), 1).journal.rows
    for stream in streams_of(whole.journal.header):
        all_rows, head, tail = (each.journal.read(stream.name) for each in (whole, first, second))
        for column in all_rows.keys() - {"seq", "command"}:
            rest = tail[column][twice[stream.name] :]
            np.testing.assert_array_equal(np.concatenate((head[column], rest)), all_rows[column], stream.name)


def test_the_order_in_which_agents_are_listed_does_not_matter(whole):
    scenario = draft(1)
    agents = list(reversed(scenario.agents))
    turned = ran(scenario.model_copy(update={"agents": tuple(agents)}), seed=1)
    assert turned.journal.fingerprint() == whole.journal.fingerprint()


def test_one_utility_more_that_nobody_wants_moves_nobody_else():
    plain = ran(street(*homes(), blue(), green(retail=eur_per_mwh(150)), **QUIET))
    dear = utility("zed", retail=eur_per_mwh(400), feed_in=eur_per_mwh(1))
    more = ran(street(*homes(), blue(), green(retail=eur_per_mwh(150)), dear, **QUIET))
    assert moves(plain) == moves(more)


def test_without_a_local_market_members_move_all_the_same():
    scenario = street(*homes(), blue(), green(retail=eur_per_mwh(150)), **QUIET)
    there = ran(scenario)
    compiled = compile_street(scenario, SEED)
    bare = World(
        replace(compiled.street, market=None), compiled.minds, compiled.outlook, SEED,
        wholesale_minds=compiled.wholesale_minds,
    )  # fmt: skip
    bare.run()
    # What they expect of themselves does not depend on what they trade, batteries aside.
    own = [move for move in moves(there) if move[0] != "di"]
    assert own == [move for move in moves(bare) if move[0] != "di"]
    assert own


def test_where_members_stay_all_bytes_are_as_if_there_were_no_such_thing():
    scenario = street(*homes(), blue(represents=50), green(), retail=RetailMarket())
    world = ran(scenario)
    assert "moves" not in world.journal.rows
    assert world.wholesale_day.ask_members is None
    loyal = street(*homes(loyalty=eur_per_mwh(5)), blue(represents=50), green(), retail=RetailMarket())
    assert ran(loyal).journal.fingerprint() == world.journal.fingerprint()


@pytest.mark.parametrize("mechanism", ["call", "mid-market-rate", "static-key", "dynamic-key"])
def test_members_move_under_every_mechanism(mechanism):
    local = LocalMarket(period=minutes(60), mechanism=mechanism)
    retail = RetailMarket(members=True, reprices=False, loyalty=eur_per_mwh(0.01))
    world = ran(street(*homes(), blue(), green(retail=eur_per_mwh(150)), local=local, retail=retail))
    assert moves(world)
    # All who may serve count in the mid-market price, whoever they serve: (150 + 90) / 2.
    rules = world.street.market.sharing
    assert rules is None or set(rules.price_tick) == {12_000}
