"""Whole runs are counted and timed; who does other work is refused, and verdicts follow from figures."""

import json

import numpy as np
import pytest
from benchmarks.interleaving import Plan, Slice, Track, _compare
from benchmarks.market import CAP_TICK, DAY_MS, FLOOR_TICK, LIMIT, SIDE, WAKE_EVERY_MS, Size, minds, quote, street_of
from benchmarks.options import book_options, run_options
from benchmarks.replay import BookReplay
from benchmarks.run_verdicts import bounds, changes, faults, unbound
from benchmarks.runners import (
    ASSUME,
    BOOK_ALONE,
    MESA,
    POPULATION,
    PROCESSES,
    SIMPY_ALONE,
    SIMPY_PYTHON,
    Counts,
    Ours,
    runner_of,
)
from benchmarks.split import PARTS, _of_engine

from benchmarks import agent_memory, run
from wattbook.errors import ConfigError
from wattbook.messages import BUY

SCRIPT = """
from wattbook import *
from wattbook.units import kw
scenario = Scenario(start="2016-06-06", days=2, local=LocalMarket(period=minutes(60)), agents=[
    consumer("ada", rated=kw(3)), prosumer("bo", pv=Pv(kw(9))),
    utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(80))])
"""
TRADERS = 40
SIZE = Size(TRADERS, days=3)
STOPS_MS = [2 * WAKE_EVERY_MS, DAY_MS, 2 * DAY_MS + 1]


def gone_through(name, tmp_path, size=SIZE, stops_ms=STOPS_MS):
    """Send a runner through the market; give it, and its counts at each stop."""
    counts = []
    runner = runner_of(name, size, tmp_path)
    runner.go(stops_ms, counts.append)
    return runner, counts


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    """Give the market as the population engine has it, and its counts."""
    return gone_through(POPULATION, tmp_path_factory.mktemp("ours"))


# --- the market


def test_both_engines_give_the_same_journal_and_the_same_counts_at_each_stop(ours, tmp_path):
    runner, counts = ours
    other, others = gone_through(PROCESSES, tmp_path)
    assert other.fingerprint() == runner.fingerprint()
    assert [each[:2] for each in others] == [each[:2] for each in counts]
    assert runner.world.engine == POPULATION
    assert other.world.engine == PROCESSES


def test_a_trader_wakes_96_times_a_day_and_sends_an_order_each_time(ours):
    runner, (_, _, last) = ours
    days = STOPS_MS[-1] / DAY_MS
    assert last.wakes == pytest.approx(96 * TRADERS * days, rel=0.03)
    assert runner.world.journal.rows["commands"] == pytest.approx(last.wakes, rel=0.01)
    assert not runner.world.journal.read("orders")["code"].any()


def test_the_market_does_not_dry_up_and_nobody_trades_beyond_its_limit(ours):
    runner, counts = ours
    first, second = counts[1].trades - counts[0].trades, counts[2].trades - counts[1].trades
    assert second > 0.8 * first > 100
    limits = np.array([mind.memory[LIMIT] for mind in minds(TRADERS, quote)])
    sides = np.array([mind.memory[SIDE] for mind in minds(TRADERS, quote)])
    trades = runner.world.journal.read("trades")
    assert (trades["price_tick"] <= limits[trades["buyer"]]).all()
    assert (trades["price_tick"] >= limits[trades["seller"]]).all()
    assert (sides[trades["buyer"]] == BUY).all()
    assert (sides[trades["seller"]] == -BUY).all()
    assert FLOOR_TICK < trades["price_tick"].mean() < CAP_TICK


def test_settlement_and_journal_are_timed_where_they_are_called(ours):
    runner, counts = ours
    assert counts[0].settlement_s == 0 < counts[1].settlement_s < counts[2].settlement_s
    runner.world.journal.flush()
    assert runner.journal_s > 0


def test_feeders_have_250_traders_each():
    street = street_of(Size(600, 1))
    assert np.bincount(street.feeder[:-1]).tolist() == [250, 250, 100]
    assert len(street.feeders) == 3


@pytest.mark.parametrize("policy", ["only_wake", "only_decide", "only_ask"])
def test_a_run_with_parts_left_out_wakes_at_the_same_times_and_trades_nothing(policy, ours, tmp_path):
    _, counts = ours
    left_out = Ours(SIZE, tmp_path, POPULATION, policy)
    found = []
    left_out.go(STOPS_MS, found.append)
    assert [each.wakes for each in found] == [each.wakes for each in counts]
    assert found[-1].trades == 0
    codes = left_out.world.journal.read("orders")["code"]
    assert len(codes) == (left_out.world.wakes if policy == "only_ask" else 0) or policy == "only_ask"
    assert (codes != 0).all()
    assert bool(len(codes)) == (policy == "only_ask")


# --- those beside it


def test_the_book_alone_trades_what_the_market_did(ours, tmp_path):
    _, counts = ours
    replay, found = BookReplay(SIZE, tmp_path), []
    replay.go(STOPS_MS, found.append)
    assert [each[:2] for each in found] == [each[:2] for each in counts]
    assert replay.fills == counts[-1].trades


@pytest.mark.parametrize("name", [SIMPY_PYTHON, MESA])
def test_others_wake_as_often_and_trade_at_the_same_rate(name, ours, tmp_path):
    _, counts = ours
    if name == MESA:
        pytest.importorskip("mesa")
    _, found = gone_through(name, tmp_path)
    assert found[-1].wakes == pytest.approx(counts[-1].wakes, rel=0.03)
    assert found[-1].trades == pytest.approx(counts[-1].trades, rel=0.15)


@pytest.mark.filterwarnings("default")  # of its own libraries
def test_assume_bids_as_often_as_others_wake(tmp_path):
    pytest.importorskip("assume")
    _, found = gone_through(ASSUME, tmp_path)
    assert found[-1].wakes - found[0].wakes == pytest.approx(
        96 * TRADERS * (STOPS_MS[-1] - STOPS_MS[0]) / DAY_MS, rel=0.05
    )


def test_simpy_alone_wakes_everybody(tmp_path):
    _, found = gone_through(SIMPY_ALONE, tmp_path)
    assert found[-1].wakes == pytest.approx(96 * TRADERS * STOPS_MS[-1] / DAY_MS, rel=0.1)


# --- slices


def test_longer_slices_end_where_shorter_ones_do():
    for traders in (7, 100, 1_000, 333_333):
        plan = Plan.of(traders, 5)
        long, short = plan.stops_ms(5.0), plan.stops_ms(1.0)
        assert long[2] == short[-1]
        assert len(long) == len(short) == 11
        assert sorted(short) == short
        assert plan.size([5.0, 1.0]).days * DAY_MS > long[-1]


def track(rates, trades_per_wake=0.2, wakes=100_000, fingerprint="same", journal_s=0.0, settlement_s=0.0):
    slices = [
        Slice(wakes / rate, Counts(wakes, round(trades_per_wake * wakes), journal_s, settlement_s)) for rate in rates
    ]
    return Track(slices, simulated_ms=DAY_MS, fingerprint=fingerprint)


def test_engines_that_differ_are_refused_both():
    tracks = {POPULATION: track([2e6], fingerprint="one"), PROCESSES: track([1e5], fingerprint="two")}
    _compare(tracks)
    assert all(each.refused.startswith("engines differ") for each in tracks.values())
    assert tracks[POPULATION].median == tracks[POPULATION].as_json()["wakes_per_s"] == 0


def test_a_runner_that_trades_at_another_rate_is_refused():
    tracks = {POPULATION: track([2e6]), SIMPY_PYTHON: track([1e5], 0.15), SIMPY_ALONE: track([1e6], 0.0)}
    _compare(tracks)
    assert tracks[SIMPY_PYTHON].refused == "0.1500 trades a wake instead of 0.2000"
    assert not tracks[POPULATION].refused
    assert not tracks[SIMPY_ALONE].refused


def test_a_track_tells_median_quartiles_and_simulated_days():
    told = track([1e6, 2e6, 4e6]).as_json()
    assert told["wakes_per_s"] == 2_000_000
    assert told["quartiles_per_s"] == [1_000_000, 4_000_000]
    assert told["days_per_s"] == pytest.approx(1 / 0.175)


def test_the_parts_of_a_wake_make_the_whole():
    times_ns = {"only_wake": 100, "only_decide": 120, "only_ask": 200, "quote": 500}
    tracks = {
        f"{POPULATION}/{policy}": track([1e9 / ns] * 5, journal_s=0.001, settlement_s=0.002)
        for policy, ns in times_ns.items()
    } | {BOOK_ALONE: track([1e9 / 60] * 5)}
    told = _of_engine(POPULATION, 1_000, tracks)
    # A slice of 100,000 wakes lost 10 ns a wake to the journal and 20 to settlement.
    parts = dict(zip(PARTS, (70, 20, 80, 60, 240, 10), strict=True))
    assert told["parts_ns"] == pytest.approx(parts)
    assert told["wake_ns"] == pytest.approx(sum(parts.values())) == pytest.approx(480)
    assert told["settlement_us_per_agent_day"] == pytest.approx(10)
    tracks[BOOK_ALONE].refused = "gone"
    assert _of_engine(POPULATION, 1_000, tracks) == {"refused": "gone"}


def test_memory_of_an_agent_is_that_of_many_less_that_of_few():
    told = []
    found = agent_memory.measure([agent_memory.LEAST], [POPULATION], told.append)[str(agent_memory.LEAST)][POPULATION]
    assert len(told) == 1
    assert 1_000 < found["bytes_per_agent"] < 20_000


# --- verdicts


def report(population=2.1e6, processes=70e3, alone=1e6):
    rates = {POPULATION: population, PROCESSES: processes, SIMPY_ALONE: alone}
    return {
        "settings": {"wakes": 10},
        "market": {"1000": {name: {"wakes_per_s": rate, "refused": ""} for name, rate in rates.items()}},
        "memory": {"10000": {POPULATION: {"bytes_per_agent": 2_000}}},
        "split": {"1000": {POPULATION: {"refused": ""}}},
        "scenario": {"name": "street", "engines": {"a": {"fingerprint": "1"}, "b": {"fingerprint": "1"}}},
    }


def test_each_bound_holds_or_is_missed_by_its_figure():
    assert all(bound.holds for bound in bounds(report()))
    assert [bound.holds for bound in bounds(report(population=1.9e6))] == [False, True]
    assert [bound.holds for bound in bounds(report(processes=59e3))] == [True, False]
    other = {"10000": report()["market"]["1000"]}
    assert bounds({"market": other}) == bounds({}) == []


def test_the_population_keeps_its_bound_at_the_quickest_size_up_to_1000_and_processes_theirs_at_1000():
    sizes = {"100": (2.4e6, 90e3), "400": (2.1e6, 80e3), "1000": (1.9e6, 59e3), "10000": (3e6, 99e3)}
    measured = {"market": {size: report(*rates)["market"]["1000"] for size, rates in sizes.items()}}
    assert [(bound.what, bound.holds) for bound in bounds(measured)] == [
        ("population, 100 agents [wakes/s]", True), ("processes, 1,000 agents [wakes/s]", False),
    ]  # fmt: skip
    del measured["market"]["1000"]
    assert [bound.what for bound in bounds(measured)] == ["population, 100 agents [wakes/s]"]


def test_what_no_bound_applies_to_is_told():
    both = (POPULATION, PROCESSES)
    assert unbound(report(), both, quick=False) == []
    assert unbound(report(), both, quick=True) == ["a quick look: leave --quick out"]
    assert unbound({}, (PROCESSES,), quick=False) == [
        "the processes engine here: it has one in the part market at 1,000 agents"
    ]
    (told,) = unbound({"market": {"100": report()["market"]["1000"]}}, both, quick=False)
    assert told.startswith("the processes engine")
    (told,) = unbound({"market": {"1000": {PROCESSES: {"wakes_per_s": 1e5}}}}, both, quick=False)
    assert told == "the population engine here: it has one in the part market at 100 to 1,000 agents"


def test_engines_that_give_other_runs_are_told():
    assert faults(report()) == []
    broken = report()
    broken["market"]["1000"][POPULATION]["refused"] = "engines differ"
    broken["market"]["1000"][SIMPY_ALONE]["refused"] = "not installed"
    broken["split"]["1000"][POPULATION]["refused"] = "failed"
    broken["scenario"]["engines"]["b"]["fingerprint"] = "2"
    assert faults(broken) == [
        "1,000 agents, population: engines differ", "split at 1,000 agents, population: failed",
        "street: its engines gave different journals",
    ]  # fmt: skip


def test_a_comparison_is_freed_of_the_machine_by_simpys_pace():
    found = {each.what: each for each in changes(report(population=4e6, alone=2e6), report(population=2e6))}
    assert found["1,000 agents: population"].ratio == 2
    assert found["1,000 agents: population"].freed == 1
    assert found["1,000 agents: population"].verdict == "same"
    assert found["1,000 agents: processes"].verdict == "worse"
    assert found["10,000 agents: bytes an agent, population"].verdict == "same"
    assert changes(report(), report() | {"settings": {"wakes": 11}}) == []


# --- the command


def test_options_say_what_is_wrong_with_them(capsys):
    assert run_options(["--agents", "1000,100"]).agents == (100, 1_000)
    assert run_options(["--engines", "processes,population"]).engines == (POPULATION, PROCESSES)
    assert run_options(["--only", "memory"]).only == ["memory"]
    assert run_options(["--debug", "--agents", "1000000"]).agents == (1_000_000,)
    assert book_options(["--debug"]).debug
    for wrong, said in (
        (["--slices", "4"], "give at least 5"),
        (["--engines", "people"], "'people' is not one of population, processes"),
        (["--agents", "ten"], "'ten' is not a whole number from 1"),
        (["--agents", "100,99999999999"], "99,999,999,999 agents are too many: give at most 1,000,000"),
        (["--agents", "9" * 5_000], "is not a whole number from 1"),
    ):
        with pytest.raises(SystemExit, match="2"):
            run_options(wrong)
        assert said in capsys.readouterr().err


def test_a_scenario_is_run_by_both_engines_and_a_report_can_be_kept_and_compared(tmp_path, capsys):
    (tmp_path / "street.py").write_text(SCRIPT)
    wanted = ["--only", "scenario", "--scenario", str(tmp_path / "street.py"), "--runs", "2"]
    assert run.main(run_options([*wanted, "--json", "--check", "--save", str(tmp_path / "kept.json")])) == 0
    said = capsys.readouterr()
    assert said.err.count("no bound applies to the ") == 2
    told = json.loads(said.out)["scenario"]
    assert told["engines"].keys() == {POPULATION, PROCESSES}
    for each in told["engines"].values():
        assert each["days"] == 1
        assert each["wakes"] > 0
        assert each["events_per_s"] >= each["wakes_per_s"] > 0
        assert len(each["cpu_s_of_each"]) == 2
    assert run.main(run_options([*wanted, "--json", str(tmp_path / "again.json")])) == 0
    assert "events_per_s" in capsys.readouterr().out
    assert json.loads((tmp_path / "again.json").read_text())["scenario"]["engines"][POPULATION]["wakes"] > 0
    (tmp_path / "none.json").write_text("{}")
    with pytest.raises(ConfigError, match="no report of this benchmark"):
        run.main(run_options([*wanted, "--baseline", str(tmp_path / "none.json")]))


@pytest.mark.slow
@pytest.mark.long
def test_the_command_works_at_tiny_size(tmp_path, capsys):
    wanted = ["--quick", "--check", "--json", str(tmp_path / "report.json")]
    assert run.main(run_options(wanted)) == 0
    told = json.loads((tmp_path / "report.json").read_text())
    for tracks in told["market"].values():
        assert {name for name, each in tracks.items() if not each["refused"]} >= {
            POPULATION, PROCESSES, SIMPY_ALONE, SIMPY_PYTHON,
        }  # fmt: skip
    assert told["split"]["400"][POPULATION]["parts_ns"].keys() == set(PARTS)
    assert "zero-intelligence market, 400 agents" in capsys.readouterr().out
