"""The wholesale market's day: one journal whatever drives it, whoever takes part, and whatever is said there."""

import importlib.util
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numba
import numpy as np
import pytest

from wattbook import ContractDesk, LocalMarket, Scenario, Upgrade, consumer, eur_per_mwh, kw, minutes, producer, utility
from wattbook.chance import key_of
from wattbook.contracts import NOBODY, Event, Kind
from wattbook.errors import PolicyError
from wattbook.market.replaying import replay
from wattbook.messages import Cause, House
from wattbook.policies.wholesale import Orders
from wattbook.scenario import compile_street

_FILE = Path(__file__).parent / "wholesale_strangers.py"
_SPEC = importlib.util.spec_from_file_location("wholesale_strangers", _FILE)
strangers = importlib.util.module_from_spec(_SPEC)
sys.modules["wholesale_strangers"] = strangers
_SPEC.loader.exec_module(strangers)

compiled_only = pytest.mark.skipif(numba.config.DISABLE_JIT, reason="there is one engine only without the compiler")
EVERY_DAY, ALL = 5, 248


def outcome(world):
    world.run()
    incidents = [(each["time_ms"], each["agent"], each["error"]) for each in world.incidents]
    return world.journal.fingerprint(), world.wakes, incidents, world.market.ledger.balance.tolist()


def compare(seed):
    scenario = strangers.draft(seed)
    right = outcome(strangers.world_of(scenario, seed, "interpreted"))
    for engine, threads in (("processes", None), ("population", 1), ("population", 2), ("population", 4)):
        found = outcome(strangers.world_of(scenario, seed, engine, threads))
        assert found == right, f"seed {seed}: {engine} with {threads} threads differs from everything in Python"


@compiled_only
def test_engines_and_threads_give_the_same_journal():
    for seed in range(EVERY_DAY):
        compare(seed)


@compiled_only
@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("first", range(EVERY_DAY, ALL, 60))
def test_engines_give_the_same_journal_in_many_scenarios(first):
    for seed in range(first, min(first + 60, ALL)):
        compare(seed)


@pytest.mark.parametrize("seeds", [40, pytest.param(60, marks=[pytest.mark.slow, pytest.mark.long])])
def test_scenarios_at_random_have_everything_in_them(seeds):
    signed, events, spot, feeders, days, dates, apart = set(), set(), set(), set(), set(), set(), 0
    for seed in range(seeds):
        scenario = strangers.draft(seed)
        world = strangers.world_of(scenario, seed)
        world.run()
        rows = world.market.street.wholesale
        if rows is None:
            continue
        spot.add((rows.auction, rows.desk is not None))
        apart += len(world.market.stalls) > 1
        feeders.add(len(world.street.feeders))
        days.add(scenario.days)
        dates.add((scenario.start, world.street.period_ms))
        if rows.desk is not None:
            facts = world.journal.read("contracts")
            events |= set(facts["event"].tolist())
            now = facts["event"] == Event.SIGNED
            signed |= {rows.desk.specs[spec].kind for spec in facts["spec"][now].tolist()}
    assert spot == {(a, d) for a in (False, True) for d in (False, True)}
    assert signed >= {Kind.FUTURE_PHYSICAL, Kind.FUTURE_CASH, Kind.FORWARD, Kind.PPA}
    assert {
        Event.NOVATED,
        Event.DELIVERED,
        Event.REPLACED,
        Event.VARIATION,
        Event.MARKED_BY_TRADES,
        Event.SETTLED,
    } <= events
    assert {Event.CERTIFICATES_ISSUED, Event.BOUGHT_OUT, Event.COUNTERED, Event.EXPIRED, Event.CONTRIBUTED} <= events
    assert feeders == {1, 2, 3}
    assert days == {2, 3}
    assert len(dates) == 9
    assert apart >= 10


def test_hash_seeds_do_not_matter():
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import wholesale_strangers as s\n"
        "for seed in (3, 10):\n"
        "    world = s.world_of(s.draft(seed), seed); world.run(); print(world.journal.fingerprint())"
    )
    command = [sys.executable, "-c", code, str(_FILE.parent)]
    printed = {
        subprocess.run(command, env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, check=True).stdout
        for seed in ("0", "1")
    }
    assert len(printed) == 1
    assert len(printed.pop().split()) == 2


# --- the order of agents, and who is there (T3, T6)


@pytest.mark.parametrize("seed", [1, 3, 7, 10, 23])
def test_the_order_in_which_agents_are_listed_does_not_matter(seed):
    scenario = strangers.draft(seed)
    agents = list(scenario.agents)
    mixed = [agents[i] for i in np.random.default_rng(seed).permutation(len(agents))]
    assert outcome(strangers.world_of(strangers.changed(scenario, agents=mixed), seed)) == outcome(
        strangers.world_of(scenario, seed)
    )


@dataclass(frozen=True)
class Silent:
    """Says nothing."""

    name: str = "silent"

    def at_desk(self, own, public, desk, draw):
        return ()

    def day_ahead(self, own, public, draw):
        return Orders(*[np.zeros(0, np.int64)] * 4)

    def invest(self, own, building, draw):
        return 0


AGENTS = frozenset({"agent", "account", "buyer", "seller", "utility", "owner", "maker", "taker"})
COUNTERS = frozenset({"seq", "transfer"})


def facts_by_name(world):
    """All facts with names for agents; rows of the journal that only count others are left out."""
    names = [*world.street.names, *(house.name for house in House)]
    facts = {}
    for stream in world.journal.rows:
        columns = world.journal.read(stream)
        kept = [column for column in columns if column not in COUNTERS]
        rows = zip(*(columns[column].tolist() for column in kept), strict=True)
        facts[stream] = [
            tuple(
                names[value] if column in AGENTS and value >= 0 else value
                for column, value in zip(kept, row, strict=True)
            )
            for row in rows
        ]
    return facts


PRICES = {"retail": eur_per_mwh(160), "feed_in": eur_per_mwh(70)}


@pytest.mark.parametrize("name", ["a-inert", "u-cyan", "zz-inert"])
@pytest.mark.parametrize("kind", ["utility", "producer"])
def test_who_says_nothing_and_supplies_nobody_changes_nothing_but_its_own_rows(name, kind):
    for seed in (3, 7, 10):
        scenario = strangers.draft(seed)
        sound = [
            each.model_copy(update={"persona": Silent()})
            if isinstance(getattr(each, "persona", None), strangers.Babbler)
            else each
            for each in scenario.agents
        ]
        one_more = (
            utility(name, persona=Silent(), **PRICES)
            if kind == "utility"
            else producer(name, "gas", kw(1), persona=Silent(), utilities=["u-blue"])
        )
        without, with_it = (
            strangers.world_of(strangers.changed(scenario, agents=agents), seed)
            for agents in (sound, [*sound, one_more])
        )
        without.run()
        with_it.run()
        before, after = facts_by_name(without), facts_by_name(with_it)
        commands = with_it.journal.read("commands")["agent"].tolist()
        assert with_it.street.names.index(name) not in commands
        for stream, rows in after.items():
            others = [row for row in rows if name not in row]
            assert others == before[stream], (seed, stream)


def test_what_is_drawn_belongs_to_a_name():
    scenario = strangers.draft(10)
    compiled = compile_street(scenario, 10)
    more = compile_street(
        strangers.changed(scenario, agents=[producer("a-first", "oil", kw(70)), *scenario.agents]), 10
    )
    rules, others = compiled.street.wholesale, more.street.wholesale
    np.testing.assert_array_equal(others.available_ppm[1:], rules.available_ppm)
    np.testing.assert_array_equal(others.expected_ppm[1:], rules.expected_ppm)
    one, other = strangers.world_of(scenario, 10), strangers.world_of(scenario, 11)
    first, second = one.wholesale_day, other.wholesale_day
    assert {one.street.names[a]: k for a, k in first.draw_keys.items()} == {
        name: key_of(10, name, "wholesale") for name in (one.street.names[a] for a in first.minds)
    }
    assert set(first.draw_keys.values()).isdisjoint(second.draw_keys.values())


# --- what must always hold


def sums(rows, key, value):
    """Sum of one column by another."""
    totals = {}
    for k, v in zip(rows[key].tolist(), rows[value].tolist(), strict=True):
        totals[k] = totals.get(k, 0) + v
    return totals


@pytest.mark.parametrize(
    "seed",
    [pytest.param(seed, marks=[pytest.mark.slow, pytest.mark.long] * (seed >= 20)) for seed in range(40) if seed % 4],
)
def test_whole_runs_of_random_minds_keep_the_laws(seed):
    scenario = strangers.draft(seed)
    world = strangers.world_of(scenario, seed)
    market, street = world.market, world.street
    for until_ms in range(street.start_ms, street.end_ms, 3 * 3_600_000):
        world.run(until_ms=until_ms)
        assert int(market.ledger.balance.sum()) == 0
        assert _clearing_error(world) == 0
    world.run()
    journal = world.journal
    groups, positions = journal.read("groups"), journal.read("positions")
    np.testing.assert_array_equal(groups["nominated_wh"] + groups["deviation_wh"], groups["metered_wh"])
    np.testing.assert_array_equal(positions["contracted_wh"] + positions["spot_wh"], groups["nominated_wh"])
    np.testing.assert_array_equal(positions["metered_wh"], groups["metered_wh"])
    assert set(sums(positions, "period", "contracted_wh").values()) == {0}, "C1"
    spot = journal.read("spot")
    assert spot["period"].tolist() == list(range(street.periods)), "every period is cleared, once, in order"
    np.testing.assert_array_equal(spot["sold_wh"] + spot["imported_wh"], spot["bought_wh"])
    assert (spot["sold_wh"] <= spot["offered_wh"]).all()
    assert (spot["bought_wh"] <= spot["wanted_wh"]).all()
    np.testing.assert_array_equal(
        [sums(positions, "period", "spot_wh")[p] for p in range(street.periods)], spot["imported_wh"]
    )
    if street.wholesale.auction:
        assert (abs(spot["imported_wh"]) <= street.wholesale.link_wh).all()
    supply = journal.read("supply")
    assert (supply["output_wh"] <= supply["available_wh"] + 1).all(), "S5"
    assert (supply["output_wh"] * 3_600_000 <= (supply["capacity_w"] + 1) * street.period_ms + 3_600_000).all(), "S5"
    postings = journal.read("postings")
    assert set(sums(postings, "transfer", "amount").values()) == {0}, "M1"
    for cause in (Cause.VARIATION, Cause.MARGIN, Cause.DELIVERY, Cause.COLLATERAL):
        assert int(postings["amount"][postings["cause"] == cause].sum()) == 0, "C4"
    if street.wholesale.desk is not None:
        _check_contracts(world)
    again = replay(street, journal.header, journal.read("commands"))
    assert again.fingerprint() == journal.fingerprint(), "T4"


def _clearing_error(world):
    """Say how far the clearing house's account is from what it keeps; rounding to cents aside."""
    market, desk = world.market, world.market.wholesale.desk
    if desk is None:
        return 0
    account = market.account(House.CLEARING)
    postings = world.journal.read("postings")
    rounded = postings["amount"][(postings["account"] == account) & (postings["cause"] == Cause.ROUNDING)]
    kept = desk.terms.house_capital + desk.house.cash + sum(desk.bilateral.collateral.values())
    return int(market.ledger.balance[account]) - int(rounded.sum()) - kept


def _check_contracts(world):
    rows, desk = world.journal.read("contracts"), world.market.wholesale.desk
    kinds = [spec.kind for spec in desk.terms.specs]
    names = ("event", "contract", "buyer", "seller", "spec", "quantity_wh")
    facts = list(zip(*(rows[name].tolist() for name in names), strict=True))
    signed = [fact for fact in facts if fact[0] == Event.SIGNED]
    for _, _, buyer, seller, _, _ in signed:
        assert (buyer, seller) in world.market.wholesale.connected
    assert len({fact[1] for fact in signed}) == len(signed), "C10: signed once"
    ended = {fact[1] for fact in facts if fact[0] == Event.CANCELLED}
    for _, number, _, _, spec, quantity_wh in signed:
        if kinds[spec] == Kind.FORWARD and number not in ended:
            moved = sum(f[5] for f in facts if f[1] == number and f[0] in (Event.DELIVERED, Event.REPLACED))
            assert moved == quantity_wh, "C6: delivered + replaced = contracted"
    assert not desk.house.positions, "all futures of the run are over"
    complied = [fact[2] for fact in facts if fact[0] == Event.COMPLIED]
    assert len(complied) == len(set(complied)), "C12"
    assert NOBODY not in complied


# --- minds that are wrong


def place(**personas):
    """A place of two days with one home, two utilities and two producers."""
    minds = {"blue": "balanced", "green": "eco-friendly", "gas": "balanced", "wind": "at-cost"} | personas
    return Scenario(
        start="2016-06-06",
        days=2,
        agents=[
            consumer("ada", supplier="blue"),
            utility("blue", persona=minds["blue"], represents=500, **PRICES),
            utility("green", persona=minds["green"], represents=300, **PRICES),
            producer("gas", "gas", kw(900), persona=minds["gas"], upgrade=Upgrade(most=kw(100))),
            producer("wind", "wind", kw(400), persona=minds["wind"], upgrade=Upgrade(most=kw(100))),
        ],
        local=LocalMarket(period=minutes(60)),
        wholesale=ContractDesk(lot=kw(10)),
        baseline=False,
    )


HOSTILE = [
    *(("blue", {"desk": case}, case in strangers.SOUND) for case in strangers.DESK),
    *(("gas", {"desk": case}, case in strangers.SOUND) for case in strangers.DESK),
    *(("blue", {"orders": case}, case in strangers.SOUND_ORDERS) for case in strangers.DAY_AHEAD),
    *(("gas", {"orders": case}, case in strangers.SOUND_ORDERS) for case in strangers.DAY_AHEAD),
    *(("gas", {"building": case}, case in strangers.SOUND_BUILDING) for case in strangers.INVEST),
]


@pytest.mark.parametrize(("who", "what", "sound"), HOSTILE, ids=[f"{who}-{what}" for who, what, _ in HOSTILE])
def test_no_mind_ends_a_run(who, what, sound):
    world = strangers.world_of(place(**{who: strangers.Hostile(**what)}), 7)
    world.run()
    assert [each["agent"] for each in world.incidents] == ([] if sound else [who])
    world.market.check()
    assert int(world.market.ledger.balance.sum()) == 0
    agent = world.street.names.index(who)
    assert int(world.market.town.quarantined[agent]) == (not sound)
    again = replay(world.street, world.journal.header, world.journal.read("commands"))
    assert again.fingerprint() == world.journal.fingerprint()
    others = world.journal.read("commands")
    assert (others["agent"] == world.street.names.index("green")).any(), "the others go on"
    if not sound:
        last = others["seq"][others["action"] == 21]
        assert not (others["agent"][others["seq"] > last[0]] == agent).any(), "who is out is not asked again"


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ({"desk": "none"}, "at_desk answers with a list of Say(...), empty for nothing, not None"),
        ({"orders": "none"}, "day_ahead answers with Orders(period, side, price_tick, quantity_wh), not None"),
        (
            {"orders": "three columns"},
            "day_ahead answers with Orders(period, side, price_tick, quantity_wh), not (array(",
        ),
        ({"orders": "uneven"}, "the columns of Orders(period, side, price_tick, quantity_wh) have one length"),
    ],
)
def test_an_incident_says_what_a_mind_should_answer(what, words):
    world = strangers.world_of(place(gas=strangers.Hostile(**what)), 7)
    world.run()
    assert [each["error"][: len(words) + 13] for each in world.incidents] == [f"PolicyError: {words}"]


def test_what_a_mind_overwrites_nobody_else_sees():
    worlds = [strangers.world_of(place(blue=mind, wind=mind), 7) for mind in (strangers.Hostile(), Silent())]
    for world in worlds:
        world.run()
        assert not world.incidents
    assert facts_by_name(worlds[0]) == facts_by_name(worlds[1])


def test_a_failing_mind_stops_a_run_where_that_is_asked_for():
    world = strangers.world_of(place(blue=strangers.Hostile(desk="raises")), 7)
    world.on_policy_error = "fail"
    with pytest.raises(PolicyError, match="blue"):
        world.run()


# --- checkpoints (T5)


def stops(street, seed):
    """Moments at which there may be a session, a mark, a market that clears, or nothing."""
    rules = street.wholesale
    fixed = [*rules.desk_ms, *rules.mark_ms, *(at_ms for at_ms, _, _ in rules.sessions)]
    rng = np.random.default_rng(seed)
    free = rng.integers(street.start_ms, street.end_ms, 2).tolist()
    chosen = [fixed[i] for i in rng.choice(len(fixed), 2)]
    return sorted({street.start_ms, street.end_ms, *free, *chosen, chosen[0] + 1})


@pytest.mark.parametrize(
    "seed", [3, 7, 19, *(pytest.param(seed, marks=[pytest.mark.slow, pytest.mark.long]) for seed in (1, 10, 14))]
)
def test_a_restored_world_goes_on_the_same(seed):
    scenario = strangers.draft(seed)
    whole = strangers.world_of(scenario, seed)
    whole.run()
    for at_ms in stops(whole.street, seed):
        first, second = (strangers.world_of(scenario, seed) for _ in range(2))
        # What everybody is given at the start is written by each of the two.
        given = second.journal.rows
        first.run(until_ms=at_ms)
        saved = first.checkpoint()
        second.restore(saved)
        assert second.checkpoint() == saved
        second.run()
        assert second.checkpoint() == whole.checkpoint()
        assert second.incidents == whole.incidents
        rows = whole.journal.rows
        assert {name: first.journal.rows[name] + second.journal.rows[name] - given[name] for name in rows} == rows
        first.run()
        assert first.journal.fingerprint() == whole.journal.fingerprint(), "a stop changes nothing"
