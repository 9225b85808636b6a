"""Feeders side by side: what stands in the journal does not depend on who works where."""

import numpy as np
import pytest

from wattbook.assets import Batteries, Forecast
from wattbook.book import ReferenceBook
from wattbook.errors import LivelockError, PolicyError
from wattbook.market import count_stalls, replay
from wattbook.messages import OUT_ACTION, OUT_PRICE, OUT_QUANTITY, OUT_SIDE
from wattbook.policies import Mind, nominate
from wattbook.world import Outlook, World
from wattbook.world.crews import InTurn, SideBySide
from wattbook.world.kernel_wheel import NONE

FEEDERS, HOMES, PERIODS = 20, 60, 12


def noisy(see, memory, draw, out):
    memory[0] += 1
    luck = draw(memory[0])
    if see.tradable:
        out[0, OUT_ACTION] = 1
        out[0, OUT_SIDE] = 1 if luck % 2 else -1
        out[0, OUT_PRICE] = 10_000 + luck // 7 % 30 * 10
        out[0, OUT_QUANTITY] = 1 + luck // 11 % 60
    return 120_000 + luck % 300_000


def brittle(see, memory, draw, out):
    memory[0] += 1
    if see.tradable:
        out[0, OUT_ACTION] = 1
        out[0, OUT_SIDE] = -1
        out[0, OUT_PRICE] = 10_100
        out[0, OUT_QUANTITY] = 5
    return 600_000 // (draw(memory[0]) % 9)


def tireless(see, memory, draw, out):
    return 0


@pytest.fixture
def make_town(make_street):
    """Give a function that builds a world of sixty homes on twenty feeders without a district's book."""

    def make(policy_of=lambda i: noisy, threads=None, engine="auto", **given):
        names = [*(f"home-{i:02d}" for i in range(HOMES)), "u-blue"]
        rng = np.random.default_rng(3)
        load = np.vstack([rng.integers(20, 200, (HOMES, PERIODS)), np.zeros((1, PERIODS), np.int64)])
        street = make_street(
            names,
            feeder=[i % FEEDERS for i in range(HOMES)] + [-1],
            utility=[HOMES] * HOMES + [-1],
            feeders=tuple(f"feeder-{i + 1:02d}" for i in range(FEEDERS)),
            periods=PERIODS,
            load=load,
            generation=load * 0,
            retail={HOMES: 16_000},
            feed_in={HOMES: 8_000},
            battery=Batteries.of([None] * (HOMES + 1)),
            has_district=False,
        )
        hour_ms = 3_600_000
        minds = [Mind(policy_of(i), "mine", look_ahead_ms=hour_ms, listens=i % 7 == 0) for i in range(HOMES)]
        outlook = Outlook(Forecast("oracle"), load, load * 0)
        return World(street, [*minds, nominate()], outlook, 11, engine=engine, threads=threads, **given)

    return make


@pytest.fixture
def law(make_town):
    """Give the journal that a SimPy process per agent writes, everything in Python."""
    world = make_town(engine="interpreted")
    world.run()
    return world


def test_there_are_more_feeders_than_stalls(make_town):
    world = make_town()
    assert count_stalls(world.street) == 16
    assert sorted({int(stall) for stall in world.market.stall_of}) == list(range(16))
    assert sum(stall.books for stall in world.market.stalls) == FEEDERS


@pytest.mark.parametrize("threads", [1, 2, 3, 16, 99])
def test_any_number_of_threads_gives_the_same_journal(make_town, law, threads):
    world = make_town(threads=threads)
    if world.population is not None:
        crew = world.population.crew
        assert isinstance(crew, InTurn) if threads == 1 else crew.threads == min(threads, 16)
    world.run()
    assert world.market.trades > 500
    assert world.journal.fingerprint() == law.journal.fingerprint()
    assert world.wakes == law.wakes


def test_who_hears_of_fills_in_python_keeps_all_on_one_clock(make_town):
    def spoken(see, memory, draw, out):
        return {"delay": noisy(see, memory, draw, out)}["delay"]

    def policies(i):
        return spoken if i == 7 else noisy

    world, right = make_town(policies, threads=2, engine="population"), make_town(policies, engine="interpreted")
    if world.population is not None:
        assert isinstance(world.population.crew, InTurn)
    world.run()
    right.run()
    assert world.journal.fingerprint() == right.journal.fingerprint()


@pytest.mark.parametrize(("has_district", "stalls"), [(True, 1), (False, 2)])
def test_one_district_book_is_one_stall(make_street, has_district, stalls):
    names = ["home-1", "home-2", "u-blue"]
    street = make_street(
        names, feeder=[0, 1, -1], utility=[2, 2, -1], feeders=("f-1", "f-2"), has_district=has_district
    )
    assert count_stalls(street) == stalls


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_policies_that_fail_are_taken_out_in_the_order_of_the_clock(make_town, threads):
    def policies(i):
        return brittle if i % 3 == 0 else noisy

    world, right = make_town(policies, threads=threads), make_town(policies, engine="interpreted")
    world.run()
    right.run()
    assert world.journal.fingerprint() == right.journal.fingerprint()
    told = [[(each["time_ms"], each["agent"]) for each in one.incidents] for one in (world, right)]
    assert len(told[0]) > 15
    assert told[0] == told[1]


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_the_first_failure_ends_a_run_that_is_to_fail(make_town, threads):
    def policies(i):
        return brittle if i % 3 == 0 else noisy

    messages = []
    for more in ({"threads": threads}, {"engine": "interpreted"}):
        with pytest.raises(PolicyError) as caught:
            make_town(policies, on_policy_error="fail", **more).run()
        # What went wrong is asked again in Python, after the policy has changed its memory.
        messages.append(str(caught.value).rpartition(": ")[0])
    assert messages[0] == messages[1]


def test_an_agent_that_never_lets_time_pass_is_named(make_town):
    with pytest.raises(LivelockError, match="home-17"):
        make_town(lambda i: tireless if i == 17 else noisy, threads=4).run()


def test_commands_given_again_to_other_books_give_the_same_facts(law):
    journal = law.journal
    again = replay(law.street, journal.header, journal.read("commands"), ReferenceBook)
    assert again.fingerprint() == journal.fingerprint()


def test_a_world_side_by_side_is_saved_and_goes_on(make_town, law):
    first, second = make_town(threads=2), make_town(threads=3)
    first.run(until_ms=first.street.start_ms + 5_000_000)
    second.restore(first.checkpoint())
    assert second.checkpoint() == first.checkpoint()
    second.run()
    assert second.checkpoint() == law.checkpoint()


@pytest.mark.parametrize("threads", [1, 2])
def test_who_slept_beyond_the_wheel_waits_in_one_place_when_a_run_goes_on(make_town, threads):
    world = make_town(threads=threads)
    if world.population is None:
        pytest.skip("there is no wheel without the compiler")
    for each in world.population.crew.rounds:
        each.fill()
        wheel = each.shards[0].wheel
        wheel.where[each.members] = 3  # as if all had waited beside the wheel when the run halted
        each.fill()
        assert (wheel.where[each.members] == NONE).all()
        if len(each.members):
            each.hasten(int(each.members[0]), world.street.start_ms)
    world.run()
    assert world.market.trades > 500


def test_orders_of_a_stall_have_ascending_numbers_and_tell_their_stall(law):
    orders = law.journal.read("orders")
    new = orders["event"] == 0
    numbers, stall = orders["order"][new], law.market.stall_of[orders["agent"][new]]
    np.testing.assert_array_equal(numbers & 15, stall)
    assert all((np.diff(numbers[stall == each]) > 0).all() for each in range(16))
    assert len(np.unique(numbers)) == len(numbers)


# --- faults planted in what keeps the order, each of which the comparison must find


def one_shard_after_the_other(patch):
    def merge(crew):
        (*shards, hall), everybody, table = crew.shards, crew.shards, crew._table
        crew._table = table[:1]
        for shard in shards:
            crew.shards = [shard, hall]
            whole(crew)
        crew.shards, crew._table = everybody, table

    whole = SideBySide._merge
    patch.setattr(SideBySide, "_merge", merge)


def shards_run_past_those_who_see_all(patch):
    run = SideBySide._run_rounds
    patch.setattr(SideBySide, "_run_rounds", lambda crew, rounds, limit: run(crew, rounds, limit + (900_000 << 24)))


@pytest.mark.parametrize("fault", [one_shard_after_the_other, shards_run_past_those_who_see_all])
def test_a_fault_in_the_order_is_found(make_town, law, monkeypatch, fault):
    world = make_town(threads=2)
    if world.population is None:
        pytest.skip("there is one engine only without the compiler")
    fault(monkeypatch)
    try:
        world.run()
    except AssertionError:
        return
    assert world.journal.fingerprint() != law.journal.fingerprint()
