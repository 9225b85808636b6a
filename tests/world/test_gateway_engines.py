"""Homes at a gateway: one journal whatever drives it, whoever is there, and whatever utilities and producers send."""

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numba
import numpy as np
import pytest

from wattbook import Auction, Gateway, LocalMarket, Pv, Scenario, consumer, eur_per_mwh, kw, minutes, producer, prosumer
from wattbook import utility as _utility
from wattbook.market.replaying import replay
from wattbook.messages import BUY, SELL, Action, Venue
from wattbook.policies import Mind
from wattbook.policies.wholesale import Orders
from wattbook.world.clock import Rank


def _load(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


strangers = _load("wholesale_strangers")
drafts = _load("gateway_strangers")
compiled_only = pytest.mark.skipif(numba.config.DISABLE_JIT, reason="there is one engine only without the compiler")
EVERY_DAY, ALL = 4, 126
GROUPS = ("utility", "producer")


def outcome(world):
    world.run()
    incidents = [(each["time_ms"], each["agent"], each["error"]) for each in world.incidents]
    return world.journal.fingerprint(), world.wakes, incidents, world.market.ledger.balance.tolist()


def compare(seed):
    scenario = drafts.gateway_draft(seed)
    right = outcome(strangers.world_of(scenario, seed, "interpreted"))
    for engine, threads in (("processes", None), ("population", 1), ("population", 3)):
        found = outcome(strangers.world_of(scenario, seed, engine, threads))
        assert found == right, f"seed {seed}: {engine} with {threads} threads differs from everything in Python"


@compiled_only
def test_engines_and_threads_give_the_same_journal():
    for seed in range(EVERY_DAY):
        compare(seed)


@compiled_only
@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("first", range(EVERY_DAY, ALL, 40))
def test_engines_give_the_same_journal_in_many_scenarios(first):
    for seed in range(first, min(first + 40, ALL)):
        compare(seed)


def sides_of(world):
    """Say of each trade at the gateway whether its buyer and its seller are groups."""
    trades, street = world.journal.read("trades"), world.street
    venues = np.array([venue for _, venue in street.books])
    is_group = np.array([kind in GROUPS for kind in street.kinds])
    here = venues[trades["book"]] == Venue.WHOLESALE
    assert not is_group[trades["buyer"][~here]].any()
    assert not is_group[trades["seller"][~here]].any()
    return set(zip(is_group[trades["buyer"][here]].tolist(), is_group[trades["seller"][here]].tolist(), strict=True))


@pytest.mark.parametrize("seeds", [EVERY_DAY, pytest.param(30, marks=[pytest.mark.slow, pytest.mark.long])])
def test_scenarios_at_random_have_everything_in_them(seeds):
    sides, refused, paths, mechanisms, cancelled = set(), set(), set(), set(), 0
    for seed in range(seeds):
        world = strangers.world_of(drafts.gateway_draft(seed), seed)
        world.run()
        sides |= sides_of(world)
        rows = world.journal.read("orders")
        is_group = np.array([kind in GROUPS for kind in world.street.kinds])
        refused |= set(rows["code"][is_group[rows["agent"]] & (rows["event"] == -1)].tolist())
        paths.add(world.street.wide_path)
        mechanisms.add(world.market.auction is not None)
        cancelled += int((world.journal.read("commands")["action"] == Action.CANCEL_ALL).sum())
    assert sides == {(a, b) for a in (False, True) for b in (False, True)}
    assert paths == {1, 2}
    assert mechanisms == {False, True}
    # Out of range, no funds or no capability, off the step, outside the band, a product that is closed or not there.
    assert {111, 8, 9, 4} <= refused
    assert refused & {102, 105, 106}
    assert cancelled > 0


# --- what must always hold


def sums(rows, key, value, mask=slice(None)):
    totals = {}
    for k, v in zip(rows[key][mask].tolist(), rows[value][mask].tolist(), strict=True):
        totals[k] = totals.get(k, 0) + v
    return totals


@pytest.mark.parametrize(
    "seed",
    [pytest.param(seed, marks=[pytest.mark.slow, pytest.mark.long] * (seed >= 2 * EVERY_DAY)) for seed in range(24)],
)
def test_whole_runs_of_random_minds_keep_the_laws(seed):
    world = strangers.world_of(drafts.gateway_draft(seed), seed)
    street, market = world.street, world.market
    for until_ms in range(street.start_ms, street.end_ms, 5 * 3_600_000):
        world.run(until_ms=until_ms)
        assert int(market.ledger.balance.sum()) == 0
    world.run()
    journal = world.journal
    trades, groups, positions = (journal.read(name) for name in ("trades", "groups", "positions"))
    net = np.zeros((street.agents, street.periods), np.int64)
    here = trades["book"] == len(street.feeders)
    for side, sign in (("buyer", 1), ("seller", -1)):
        np.add.at(net, (trades[side][here], trades["period"][here]), sign * trades["quantity_wh"][here])
    traded = net[groups["utility"], groups["period"]]
    # E3: what was nominated, the gateway in it, and the deviation are what the meters show.
    np.testing.assert_array_equal(positions["contracted_wh"] + positions["spot_wh"] + traded, groups["nominated_wh"])
    np.testing.assert_array_equal(groups["nominated_wh"] + groups["deviation_wh"], groups["metered_wh"])
    np.testing.assert_array_equal(positions["metered_wh"], groups["metered_wh"])
    # E1: what comes from outside is what groups bought at spot, what they lacked, and losses.
    meters, flows, spot = (journal.read(name) for name in ("meters", "flows", "spot"))
    drawn, lost = sums(meters, "period", "traded_wh"), sums(flows, "period", "losses_wh")
    residual, metered = sums(meters, "period", "residual_wh"), sums(groups, "period", "metered_wh")
    served, output = (
        sums(journal.read("served"), "period", "energy_wh"),
        sums(journal.read("supply"), "period", "output_wh"),
    )
    bought, deviation = sums(positions, "period", "spot_wh"), sums(groups, "period", "deviation_wh")
    assert spot["period"].tolist() == list(range(street.periods))
    for p in range(street.periods):
        assert metered.get(p, 0) == residual[p] + served.get(p, 0) - output.get(p, 0)
        imported = drawn[p] + residual[p] + served.get(p, 0) - output.get(p, 0) + lost[p]
        assert imported == bought[p] + deviation[p] + lost[p]
    if street.wide_path == 2:
        assert not flows["flow_wh"][flows["path"] == 1].any(), "nothing comes by a path that no book has"
    # The same energy is sold once (W11).
    able = dict(zip(street.wholesale.producers.tolist(), market.wholesale.generation.able_wh.tolist(), strict=True))
    for row in range(len(positions["agent"])):
        agent, period = int(positions["agent"][row]), int(positions["period"][row])
        sold = -(int(positions["spot_wh"][row]) + net[agent, period])
        if agent in able and street.wholesale.desk is None:
            assert sold <= able[agent]
        elif street.wholesale.desk is None and net[agent, period] < 0:
            assert sold <= 0, "a utility sells what it has bought"
    postings = journal.read("postings")
    assert set(sums(postings, "transfer", "amount").values()) == {0}, "M1"
    again = replay(street, journal.header, journal.read("commands"))
    assert again.fingerprint() == journal.fingerprint(), "T4"


# --- one small place


PRICES = {"retail": eur_per_mwh(160), "feed_in": eur_per_mwh(70)}


@dataclass(frozen=True)
class Quiet:
    """Deals day ahead and at the desk with nobody, and with homes as it is told."""

    orders: tuple = ()
    name: ClassVar[str] = "quiet"

    def at_desk(self, own, public, desk, draw):
        return ()

    def day_ahead(self, own, public, draw):
        return Orders(*[np.zeros(0, np.int64)] * 4)

    def invest(self, own, building, draw):
        return 0

    def local(self, own, public, gate, draw):
        for array in (gate.spot_tick, gate.sellable_wh, gate.bid_tick, gate.position_wh, own.need_wh):
            array[:] = -(10**9)
        rows = [(own.first + i, side, price, wh) for i in range(len(own.need_wh)) for side, price, wh in self.orders]
        return Orders(*np.array(rows, np.int64).reshape(-1, 4).T)


def place(gas=None, blue=None, **local):
    """A place of two homes, a utility and a producer."""
    return Scenario(
        start="2016-06-06",
        days=1,
        agents=[
            consumer("ada", supplier="blue"),
            prosumer("bo", supplier="blue", pv=Pv(kw(8))),
            _utility("blue", persona=blue or Quiet(), **PRICES),
            producer("gas", "gas", kw(900), persona=gas or Quiet(), outages=False, cost=eur_per_mwh(40)),
        ],
        local=LocalMarket(period=minutes(60), district=False, gateway=Gateway(), **local),
        wholesale=Auction(),
        baseline=False,
    )


def run_of(scenario, seed=7):
    world = strangers.world_of(scenario, seed)
    world.run()
    assert not world.incidents
    return world


def test_homes_buy_from_a_producer_where_it_is_cheaper_for_them_with_vat_and_fees():
    """160 EUR/MWh is retail: VAT is due on both, and so is the standard fee."""
    for price, trades in ((12_000, True), (15_990, False), (20_000, False)):
        world = run_of(place(gas=Quiet(((SELL, price, 900_000),))))
        seen = world.journal.read("trades")
        gas = world.street.names.index("gas")
        assert bool((seen["seller"] == gas).any()) is trades, price
        assert not (seen["buyer"] == gas).any()


def test_no_home_pays_more_than_with_its_utility_alone():
    scenario = place(gas=Quiet(((SELL, 12_000, 900_000),)))
    run = scenario.with_values({"forecast.kind": "oracle"}).run(seed=3, baseline=True)
    bills = {row["agent"]: row for row in run.agents.iter_rows(named=True)}
    assert run.metrics["wholesale"]["gateway_to_homes_wh"] > 0
    assert bills["ada"]["saving"] > 0
    assert bills["bo"]["saving"] >= 0


def test_homes_sell_their_surplus_to_a_utility_that_pays_more_than_feed_in():
    world = run_of(place(blue=Quiet(((BUY, 9_000, 900_000),))))
    seen = world.journal.read("trades")
    blue, bo = (world.street.names.index(name) for name in ("blue", "bo"))
    assert set(seen["seller"][seen["buyer"] == blue].tolist()) == {bo}
    world = run_of(place(blue=Quiet(((BUY, 6_900, 900_000),))))
    assert not (world.journal.read("trades")["buyer"] == blue).any(), "below feed-in it gets nothing"


def test_orders_come_when_the_gate_has_opened_and_take_the_place_of_older_ones():
    scenario = place(gas=Quiet(((SELL, 30_000, 1_000),)))
    every = scenario.with_values({"local.gateway.asks_every": "360"})
    for each, times in ((scenario, 1), (every, 4)):
        world = run_of(each)
        commands = world.journal.read("commands")
        gas = world.street.names.index("gas")
        mine = (commands["agent"] == gas) & (commands["action"] == Action.SUBMIT)
        assert len(set(commands["time_ms"][mine].tolist())) == times
        assert int((commands["action"] == Action.CANCEL_ALL).sum()) == times - 1
        rows = world.journal.read("orders")
        rests = rows["agent"] == gas
        events = rows["event"][rests]
        assert (events == -1).sum() == 0, "none is refused: what it offered before is not counted twice"
    assert Rank.RETAIL < Rank.GATEWAY < Rank.HORIZON


def eager(see, memory, draw, out):
    """Bids for 60 Wh in the wider book whenever no order of its own rests there."""
    if see.tradable and not see.order:
        out[0] = 1, 1, BUY, 9_000, 60, 0, 0
    return 10**9


def test_a_home_that_listens_wakes_when_a_utility_takes_its_order():
    """The producer comes six hours after the home has bid; the home hears of its trade in that millisecond."""
    asks = place(gas=Quiet(((SELL, 8_000, 60),))).with_values({"local.gateway.asks_every": "360"})
    agents = [
        each.model_copy(update={"policy": Mind(eager, "eager", listens=True)}) if each.name == "ada" else each
        for each in asks.agents
    ]
    found = []
    for engine in ("interpreted", "processes", "population"):
        world = strangers.world_of(strangers.changed(asks, agents=agents), 7, engine)
        world.run()
        assert not world.incidents
        trades, commands = world.journal.read("trades"), world.journal.read("commands")
        late = trades["time_ms"] > world.street.start_ms
        told = set(trades["time_ms"][late & (trades["buyer"] == world.street.names.index("ada"))].tolist())
        again = commands["time_ms"][(commands["agent"] == 0) & (commands["action"] == Action.SUBMIT)]
        assert len(told) >= 2
        assert told <= set(again.tolist()), "it bids again at once"
        found.append((world.journal.fingerprint(), world.wakes))
    assert len(set(found)) == 1


def test_a_mind_without_a_word_for_it_goes_by_the_rule_and_one_that_fails_is_out():
    @dataclass(frozen=True)
    class Broken(Quiet):
        def local(self, own, public, gate, draw):
            return None

    world = strangers.world_of(place(gas=Broken(((SELL, 10_000, 1_000),))), 7)
    world.run()
    words = "PolicyError: local answers with Orders(period, side, price_tick, quantity_wh), not None"
    assert [(each["agent"], each["error"]) for each in world.incidents] == [("gas", words)]
    world = run_of(place(gas="balanced"))
    gas = world.street.names.index("gas")
    commands = world.journal.read("commands")
    assert ((commands["agent"] == gas) & (commands["action"] == Action.SUBMIT)).any()


def test_agents_listed_in_another_order_give_the_same_journal():
    scenario = drafts.gateway_draft(3)
    agents = list(scenario.agents)
    mixed = [agents[i] for i in np.random.default_rng(3).permutation(len(agents))]
    one, other = (strangers.world_of(strangers.changed(scenario, agents=each), 3) for each in (agents, mixed))
    assert outcome(one) == outcome(other)


@pytest.mark.parametrize("seed", [1, 2, pytest.param(7, marks=[pytest.mark.slow, pytest.mark.long])])
def test_a_restored_world_goes_on_the_same(seed):
    scenario = drafts.gateway_draft(seed)
    whole = strangers.world_of(scenario, seed)
    whole.run()
    times = whole.street.market.gateway.times
    for at_ms in sorted({times[0], times[len(times) // 2], times[len(times) // 2] + 1, whole.street.end_ms - 1}):
        first, second = (strangers.world_of(scenario, seed) for _ in range(2))
        first.run(until_ms=at_ms)
        saved = first.checkpoint()
        second.restore(saved)
        assert second.checkpoint() == saved
        second.run()
        assert second.checkpoint() == whole.checkpoint()
        first.run()
        assert first.journal.fingerprint() == whole.journal.fingerprint()
