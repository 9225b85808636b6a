"""All engines give the same journal, byte for byte, whoever takes part."""

import importlib.util
from pathlib import Path

import numba
import pytest

import wattbook.world.population as world_population
import wattbook.world.round as world_round
from wattbook import policies
from wattbook.errors import LivelockError
from wattbook.messages import FOREVER, OUT_ACTION, OUT_PRICE, OUT_QUANTITY, OUT_SIDE
from wattbook.policies import Mind, home
from wattbook.world.clock import FIRST_AGENT, next_key
from wattbook.world.kernel_looks import look_of
from wattbook.world.kernel_wheel import AT_CASCADE, PLACE, empty_wheel

_SPEC = importlib.util.spec_from_file_location("strangers", Path(__file__).parent / "strangers.py")
strangers = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(strangers)

compiled_only = pytest.mark.skipif(numba.config.DISABLE_JIT, reason="there is one engine only without the compiler")
EVERY_DAY = 200
ALL = 2_000


def outcome(world, legs=()):
    """What a world comes to: rows, wakes, money, and whom it took out when and why."""
    for until_ms in (*legs, None):
        world.run(until_ms=until_ms)
    incidents = [(incident["time_ms"], incident["agent"], incident["error"]) for incident in world.incidents]
    return world.journal.fingerprint(), world.wakes, incidents, world.market.ledger.balance.tolist()


def compare(seed, make_street, monkeypatch):
    """Run a random world with each engine; give its traits."""
    traits, street, make = strangers.draft(seed, make_street, monkeypatch)
    middle_ms = street.start_ms + street.periods * street.period_ms // 3
    right = outcome(make("interpreted"))
    for engine in ("population", "processes"):
        assert outcome(make(engine)) == right, f"seed {seed}: {engine} differs from one process per agent in Python"
    if traits.independent:
        for threads in (1, 2, 4):
            assert outcome(make("population", threads)) == right, f"seed {seed}: {threads} threads differ"
    assert outcome(make("population"), (middle_ms, 2 * middle_ms - street.start_ms)) == right, f"seed {seed}: in legs"
    return traits


@compiled_only
@pytest.mark.parametrize(
    "first",
    [
        pytest.param(first, marks=[pytest.mark.slow, pytest.mark.long] * (first > 0))
        for first in range(0, EVERY_DAY, 25)
    ],
)
def test_engines_give_the_same_journal(first, make_street, monkeypatch):
    for seed in range(first, first + 25):
        compare(seed, make_street, monkeypatch)


@compiled_only
@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("first", range(EVERY_DAY, ALL, 300))
def test_engines_give_the_same_journal_on_many_streets(first, make_street, monkeypatch):
    for seed in range(first, first + 300):
        compare(seed, make_street, monkeypatch)


def test_random_streets_have_everything_in_them(make_street, monkeypatch):
    drawn = [strangers.draft(seed, make_street, monkeypatch)[0] for seed in range(EVERY_DAY)]
    for trait in ("listener", "ties", "sleeps", "gate", "battery", "independent"):
        assert sum(getattr(traits, trait) for traits in drawn) >= EVERY_DAY // 5, trait
    mechanisms = [traits.mechanism for traits in drawn]
    assert mechanisms.count("call") >= EVERY_DAY // 5
    assert mechanisms.count("sharing") >= EVERY_DAY // 20
    used = frozenset().union(*(traits.policies for traits in drawn))
    assert {policy.__name__ for policy in strangers.COMPILED} <= used
    makers = [getattr(policies, name) for name in policies.__all__ if name.islower()]
    shipped = {(maker(0) if maker is policies.wash_ring else maker()).policy.__name__ for maker in makers}
    assert len(shipped) >= 10
    assert shipped <= used


def test_traders_of_all_shipped_kinds_send_orders_on_random_streets(make_street, monkeypatch):
    acted = set()
    for seed in range(EVERY_DAY):
        traits, _, make = strangers.draft(seed, make_street, monkeypatch)
        if traits.mechanism == "laboratory":
            world = make("processes")
            world.run()
            orders = world.journal.read("orders")
            senders = set(orders["agent"][orders["code"] == 0].tolist())
            acted |= {mind.name for row, mind in enumerate(world.minds) if row in senders}
    assert acted == set(strangers.TRADERS)


@compiled_only
def test_a_policy_that_numba_does_not_understand_is_told_apart():
    assert isinstance(look_of(strangers.SPOKEN[0]), str)
    assert not isinstance(look_of(strangers.clockwork), str)


# --- faults planted in the driver, each of which a comparison must find


def rank_is_ignored(population, world, monkeypatch):
    monkeypatch.setattr(world_population, "next_key", lambda env: (next_key(env)[0], FIRST_AGENT + PLACE))


def outside_events_come_late(population, world, monkeypatch):
    monkeypatch.setattr(world_population, "next_key", lambda env: (next_key(env)[0] + 90_000, next_key(env)[1]))


def ties_are_broken_the_other_way(population, world, monkeypatch):
    minds, last = population.minds, len(world.minds) - 1
    minds.place[:] = last - minds.place
    minds.agent_at[:] = minds.agent_at[::-1].copy()


def notices_are_lost(population, world, monkeypatch):
    world.market.notices.listens[population.look != 0] = 0


def long_sleepers_are_forgotten(population, world, monkeypatch):
    def wheel(agents, waiting=None):
        made = empty_wheel(agents, waiting)
        made.state[AT_CASCADE] = 1 << 24  # half a year after the end
        return made

    monkeypatch.setattr(world_round, "empty_wheel", wheel)


FAULTS = (
    rank_is_ignored,
    outside_events_come_late,
    ties_are_broken_the_other_way,
    notices_are_lost,
    long_sleepers_are_forgotten,
)


@compiled_only
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_fault_in_the_driver_is_found(fault, make_street, monkeypatch):
    for seed in range(EVERY_DAY):
        with monkeypatch.context() as patch:
            _, _, make = strangers.draft(seed, make_street, patch)
            right = make("interpreted")
            right.run()
            world = make("population")
            if world.population is None:
                continue
            fault(world.population, world, patch)
            try:
                world.run()
            except (AssertionError, ValueError, LivelockError):
                return
            if world.journal.fingerprint() != right.journal.fingerprint():
                return
    pytest.fail("no street shows it")


LIMIT = 10_000


def up_to_the_limit(see, memory, draw, out):
    if see.tradable:
        out[0, OUT_ACTION] = 1
        out[0, OUT_SIDE] = 1
        out[0, OUT_PRICE] = LIMIT
        out[0, OUT_QUANTITY] = 10
    return FOREVER


@compiled_only
def test_a_compiled_policy_follows_its_module_when_a_name_means_something_else(make_world, monkeypatch):
    for limit in (10_000, 11_000):
        monkeypatch.setitem(globals(), "LIMIT", limit)
        world = make_world(minds={"home-01": Mind(up_to_the_limit, "mine")})
        assert world.engine == "population"
        world.run()
        orders = world.journal.read("orders")
        mine = (orders["agent"] == world.street.names.index("home-01")) & (orders["event"] == 0)
        assert set(orders["price_tick"][mine].tolist()) == {limit}


def counts_down(see, memory, draw, out):
    """Note each look, and break at the fifth."""
    memory[0] += 1
    memory[100] = see.period
    return see.period_ms // (5 - int(memory[0]))


def says_the_past(see, memory, draw, out):
    memory[0] += 1
    return int(see.period_ms * (3 - memory[0]))


def forgets_the_end(see, memory, draw, out):
    memory[127 - memory[0]] = see.now_ms
    memory[0] += 60
    return memory[memory[0]] * 0 + 1_000


@compiled_only
@pytest.mark.parametrize("engine", ["population", "processes"])
@pytest.mark.parametrize(
    ("policy", "error"),
    [
        (counts_down, "ZeroDivisionError: "),
        (says_the_past, "PolicyError: a policy returned the delay -900000 ms, which lies in the past: return 0 or"),
        (forgets_the_end, "IndexError: index 180 is out of bounds for axis 0 with size 128"),
    ],
    ids=lambda given: getattr(given, "__name__", ""),
)
def test_a_compiled_policy_that_fails_tells_what_it_would_in_python(policy, error, engine, make_world):
    told = {}
    for each in ("interpreted", engine):
        world = make_world(minds={"home-01": Mind(policy, "mine")}, engine=each)
        world.run()
        (incident,) = world.incidents
        row = world.street.names.index("home-01")
        told[each] = incident["time_ms"], incident["error"], world.memory[row].tolist()
    assert told[engine] == told["interpreted"]
    assert told[engine][1].startswith(error)
    assert told[engine][2][0] != 0


@compiled_only
def test_a_look_keeps_its_memory_only_where_it_may_need_it():
    assert look_of(counts_down).keeps_memory
    assert look_of(forgets_the_end).keeps_memory
    assert not look_of(strangers.clockwork).keeps_memory, "it cannot raise"
    assert not look_of(reads_and_divides).keeps_memory, "it only reads"
    assert not look_of(home("balanced").policy).keeps_memory, "it is of this package"


def reads_and_divides(see, memory, draw, out):
    return see.period_ms // (memory[3] + see.tradable)
