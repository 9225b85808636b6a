"""Runs with a regulator: an observer changes nothing, engines agree, replay and checkpoints give the same bytes."""

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from places import PLACES, journal_of, scenario_of, world_of

from wattbook import Regulator, load_scenario
from wattbook.market import replay
from wattbook.messages import streams_of
from wattbook.scenario.compiling import compile_street

OWN = ("findings", "evidence", "sanctions")
compiled_only = pytest.mark.skipif(numba.config.DISABLE_JIT, reason="there is one engine only without the compiler")
HEARD = {"regulator.latency": "2 h", "regulator.hearing": "5 h", "regulator.review": "7 h"}


def names_of(journal):
    return [stream.name for stream in streams_of(journal.header)]


def assert_same_rows(left, right, but=()):
    """Compare two records' streams to the last byte, `but` some."""
    for name in (name for name in left if name not in but):
        assert list(left[name]) == list(right[name])
        for column, values in left[name].items():
            other = right[name][column]
            assert values.dtype == other.dtype
            assert values.tobytes() == other.tobytes(), f"{name}.{column}"


# --- R11: an observer


def watched(name, days):
    scenario = load_scenario(name).with_values({"days": str(days), "baseline": "no"})
    return [scenario.with_values({"regulator": who}) for who in (None, Regulator(persona="observer"))]


@compiled_only
@pytest.mark.parametrize(
    ("name", "days"),
    [
        ("monopoly", 4),
        ("seed-1", 2),
        pytest.param("neighbourhood", 1, marks=[pytest.mark.slow, pytest.mark.long]),
    ],
)
def test_r11_an_observer_reads_everything_and_changes_nothing(name, days):
    alone, observed = watched(name, days)
    runs = [scenario.run(7, engine=engine) for scenario in (alone, observed) for engine in ("processes", "population")]
    for run in runs[1:]:
        assert_same_rows(runs[0].record.streams, run.record.streams, OWN)
    for run in runs[2:]:
        assert all(len(run.record.streams[own]["seq"]) == 0 for own in OWN)
    assert runs[2].record.fingerprint == runs[3].record.fingerprint


def test_r11_is_no_empty_claim_where_somebody_is_found():
    run = load_scenario("monopoly").run(7)
    assert len(run.record.streams["findings"]["seq"]) > 0


@pytest.mark.parametrize("watch", ["1 min", "none"])
def test_how_often_an_observer_looks_changes_nothing_either(watch):
    plain = scenario_of("monopoly", regulator=Regulator(persona="observer")).run(7)
    other = scenario_of("monopoly", regulator=Regulator(persona="observer")).with_values(
        {"regulator.watch": watch, "regulator.review": "1 h", "regulator.latency": "0"}
    )
    assert_same_rows(plain.record.streams, other.run(7).record.streams)


# --- T2 and T4: engines and replay


@compiled_only
@pytest.mark.parametrize("name", PLACES)
def test_engines_give_the_same_bytes_under_a_regulator(name):
    prints = set()
    for engine in ("population", "processes", "interpreted"):
        world = world_of(name, engine, **HEARD)
        world.run()
        prints.add(world.journal.fingerprint())
    assert len(prints) == 1


@pytest.mark.parametrize("name", PLACES)
def test_the_commands_of_a_regulated_run_give_its_facts_again(name):
    journal = journal_of(name)
    again = replay(compile_street(scenario_of(name), 7).street, journal.header, journal.read("commands"))
    assert again.fingerprint() == journal.fingerprint()
    assert journal.rows["sanctions"] > 0


# --- T5: a checkpoint at any moment


@pytest.fixture(scope="module", params=PLACES)
def unbroken(request):
    """Give a place's name and the world that ran through."""
    world = world_of(request.param, **HEARD)
    world.run()
    return request.param, world


@settings(max_examples=8)
@given(data=st.data())
def test_a_run_that_was_stopped_anywhere_goes_on_as_if_nothing_had_happened(unbroken, data):
    name, whole = unbroken
    street = whole.street
    moments = st.integers(street.start_ms, street.end_ms - 1)
    on_the_hour = st.integers(0, street.periods - 1).map(lambda hour: street.start_ms + hour * street.period_ms)
    stops = sorted(data.draw(st.lists(moments | on_the_hour, min_size=1, max_size=3, unique=True)))
    worlds = [world_of(name, **HEARD)]
    for stop in stops:
        worlds[-1].run(until_ms=stop)
        checkpoint = worlds[-1].checkpoint()
        worlds.append(world_of(name, **HEARD))
        worlds[-1].restore(checkpoint)
        assert worlds[-1].checkpoint() == checkpoint
    worlds[-1].run()
    for stream in names_of(whole.journal):
        assert_continued(stream, [world.journal for world in worlds], whole.journal)
    assert worlds[-1].checkpoint() == whole.checkpoint()


def assert_continued(stream, parts, whole):
    """Check that the parts' rows, counted on, are those of the whole."""
    full = whole.read(stream)
    before = {"seq": 0, "command": 0}
    pieces = {column: [] for column in full}
    for part in parts:
        rows = part.read(stream)
        for column, values in rows.items():
            shift = before.get(column, 0)
            pieces[column].append(values + np.where(values >= 0, shift, 0) if shift else values)
        before = {"seq": before["seq"] + part.rows[stream], "command": before["command"] + part.rows["commands"]}
    for column, values in full.items():
        np.testing.assert_array_equal(np.concatenate(pieces[column]), values, f"{stream}.{column}")


def test_a_hearing_that_a_checkpoint_cuts_in_two_ends_when_it_would_have(unbroken):
    name, whole = unbroken
    first = world_of(name, **HEARD)
    found_ms = int(whole.journal.read("findings")["time_ms"][0])
    first.run(until_ms=found_ms + 1)
    assert first.oversight.office.waiting, "somebody is being heard"
    second = world_of(name, **HEARD)
    second.restore(first.checkpoint())
    second.run()
    fines = [
        [(int(at_ms), int(amount)) for at_ms, amount in zip(rows["time_ms"], rows["amount"], strict=True) if amount]
        for rows in (second.journal.read("sanctions"), whole.journal.read("sanctions"))
    ]
    assert fines[0] == fines[1]
    assert fines[0][0][0] == found_ms + 5 * 3_600_000
