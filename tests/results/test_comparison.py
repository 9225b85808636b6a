"""Two runs side by side: differences that mirror each other, money that adds up, and the event from which they part."""

from __future__ import annotations

import json
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattbook.errors import ConfigError
from wattbook.messages import BUY, COMMANDS, SELL, Action
from wattbook.results import Record, Run
from wattbook.results.divergence import divergence
from wattbook.results.money import GROUPS
from wattbook.results.record import BLOCK_ROWS, Shelf
from wattbook.results.scenario_differences import scenario_differences


def run_of(story, record, baseline=None, **info):
    return Run(record, baseline, {**story.INFO, **info})


@pytest.fixture
def rules(story, golden):
    """One place under two rules: golden case G1 with its market, and without it."""
    return golden, run_of(story, story.g1(trading=False), story.g1(trading=False))


def pairs(told):
    """Every a, b, difference in a comparison."""
    if isinstance(told, dict):
        if told.keys() >= {"a", "b", "difference"}:
            yield told
        for value in told.values():
            yield from pairs(value)
    elif isinstance(told, list):
        for value in told:
            yield from pairs(value)


def assert_mirrored(ahead, back):
    for part in ("figures", "receipts"):
        for name, pair in ahead[part].items():
            assert back[part][name]["a"] == pair["b"]
            assert back[part][name]["b"] == pair["a"]
            gone = pair["difference"]
            assert back[part][name]["difference"] == (None if gone is None else -gone)
    for total in ("total", "mean"):
        assert back["bills"][total]["difference"] == -ahead["bills"][total]["difference"]
    here, there = ahead["decomposition"], back["decomposition"]
    assert there["groups"] == {group: -money for group, money in here["groups"].items()}
    assert there["causes"].keys() == here["causes"].keys()
    for cause, moved in here["causes"].items():
        assert there["causes"][cause] == {group: -money for group, money in moved.items()}
    assert there["transfers"] == here["transfers"]
    assert (there["real_gain"], there["stored_change_wh"]) == (-here["real_gain"], -here["stored_change_wh"])
    gains = [ahead["winners"], back["winners"]]
    assert (gains[0]["less"], gains[0]["same"], gains[0]["more"]) == tuple(
        gains[1][k] for k in ("more", "same", "less")
    )


def assert_adds_up(told):
    parts = told["decomposition"]
    assert sum(parts["groups"].values()) == 0
    assert all(sum(moved.values()) == 0 for moved in parts["causes"].values())
    assert {group: pair["difference"] for group, pair in told["receipts"].items()} == parts["groups"]
    assert sum(pair["a"] for pair in told["receipts"].values()) == 0
    assert list(told["receipts"]) == list(GROUPS)


# --- what must hold of every pair


def test_a_run_and_itself_differ_in_nothing(golden):
    told = golden.compare(golden).to_dict()
    assert all(told["same"].values())
    assert not any(pair["difference"] for pair in pairs(told))
    assert not told["decomposition"]["causes"]
    assert (told["first_difference"], told["scenario"], told["notes"]) == (None, [], [])
    assert told["winners"] == {"less": 0, "same": 4, "more": 0, "largest_gain": None, "largest_loss": None}
    assert "the same journal, all differences are 0" in str(golden.compare(golden))


def test_comparing_the_other_way_round_turns_every_sign(rules):
    a, b = rules
    assert_mirrored(a.compare(b).to_dict(), b.compare(a).to_dict())


def test_the_decomposition_adds_up_and_is_the_summarys_where_the_other_run_is_the_baseline(golden):
    told = golden.baseline_run.compare(golden).to_dict()
    assert_adds_up(told)
    assert told["decomposition"] == golden.metrics["baseline"]["decomposition"]
    assert told["winners"]["more"] == round(golden.metrics["share_lost"] * 4)
    assert told["bills"]["total"]["a"] == golden.metrics["baseline"]["total"]
    assert told["bills"]["total"]["b"] == golden.metrics["baseline"]["total_here"]


deals = st.lists(st.tuples(st.integers(-5_000, 40_000), st.integers(1, 3_000), st.booleans()), max_size=5)
draws = st.tuples(*[st.integers(-3_000, 3_000)] * 4)


def street(story, deals, drawn, newcomer=False):
    """Three homes, or four, and a utility; the first two made `deals`, and each drew what is told."""
    names = ["A", "B", "C", *(["AA"] if newcomer else [])]
    about = {"feeder": "north", "utility": "U", "vat": 190_000}
    town = story.Town(dict.fromkeys(names, about), {"U": (15_000, 8_000)})
    for price, quantity, buys in deals:
        town.trade(town.gate() - 60_000, *(("A", "B") if buys else ("B", "A")), price, quantity)
    town.deliver(0, dict(zip(names, drawn, strict=False)), nominated={"U": 100})
    town.bill()
    return run_of(story, town.record())


@given(deals, deals, draws, draws, st.booleans())
def test_any_two_runs_mirror_each_other_and_add_up(story, here, there, drawn, elsewhere, newcomer):
    a, b = street(story, here, drawn), street(story, there, elsewhere, newcomer)
    ahead, back = a.compare(b).to_dict(), b.compare(a).to_dict()
    assert_adds_up(ahead)
    assert_mirrored(ahead, back)
    assert json.loads(json.dumps(ahead, allow_nan=False)) == ahead
    assert_fits(str(a.compare(b)))
    assert ahead["bills"]["homes"] == 3
    for side, run in (("a", a), ("b", b)):
        bills = [row for row in run.agents.iter_rows(named=True) if row["agent"] in {"A", "B", "C"}]
        assert ahead["bills"]["total"][side] == sum(row["bill"] for row in bills)
        assert sum(decile["total"][side] for decile in ahead["bills"]["deciles"]) == sum(row["bill"] for row in bills)
        figures = {name: pair[side] for name, pair in ahead["figures"].items()}
        net = run.meters["traded_wh"].sum() + run.meters["residual_wh"].sum()
        assert figures["import_wh"] - figures["export_wh"] == net + figures["losses_wh"]
        assert figures["load_wh"] == run.agents["load_wh"].sum()


def assert_fits(text):
    lines = text.splitlines()
    assert len(lines) <= 50
    assert max(map(len, lines)) <= 100
    assert all(line.isprintable() for line in lines)


# --- from when on


def bent(record, row, **values):
    """The same journal with other values in a command."""
    commands = {name: column.copy() for name, column in record.streams["commands"].items()}
    for name, value in values.items():
        commands[name][row] = value
    return Record(record.header, {**record.streams, "commands": commands}, "bent")


@pytest.mark.parametrize("column", [name for name, _ in COMMANDS.columns if name != "seq"])
def test_a_planted_change_of_any_command_is_found_in_any_column(golden, column):
    commands = golden.record.streams["commands"]
    for row in range(len(commands["seq"])):
        changed = int(commands[column][row]) + (1 if column != "agent" else 2)
        told = divergence(golden.record, bent(golden.record, row, **{column: changed}))
        assert (told.stream, told.row) == ("commands", row)
        assert told.a["seq"] == told.b["seq"] == row
        assert told.a != told.b
        assert told.last_common_ms == (commands["time_ms"][row - 1] if row else None)
        assert told.time_ms == commands["time_ms"][row]


def test_the_planted_change_is_told_with_both_rows(golden, story):
    row = 2
    told = golden.compare(run_of(story, bent(golden.record, row, price_tick=13_999))).to_dict()
    first = told["first_difference"]
    assert told["same"] == {"journal": False, "commands": False, "scenario": True, "seed": True}
    assert {key: first["a"][key] for key in ("agent", "action", "venue", "book", "side", "quantity_wh")} == {
        "agent": "B", "action": "submit", "venue": "district", "book": "district", "side": "sell", "quantity_wh": 3000,
    }  # fmt: skip
    assert (first["a"]["price_tick"], first["b"]["price_tick"]) == (14_000, 13_999)
    assert first["a"]["period_ms"] == story.START_MS
    text = str(golden.compare(run_of(story, bent(golden.record, row, price_tick=13_999))))
    assert "first difference  2016-06-05 22:58:20.000, command 2; the same until 2016-06-05 22:56:40.000" in text
    assert "A               B: submit sell 3,000 Wh at 140.00 EUR/MWh for 06-06 00:00 in district" in text
    assert "B               B: submit sell 3,000 Wh at 139.99 EUR/MWh for 06-06 00:00 in district" in text


def test_a_command_at_an_impossible_time_can_be_told(golden, story):
    other = run_of(story, bent(golden.record, 2, time_ms=1 << 62))
    assert "B               at 4611686018427387904 ms B: submit sell" in str(golden.compare(other))
    assert_fits(str(other.compare(golden)))


def test_a_journal_that_ends_earlier_has_no_more_commands(golden, story):
    commands = {name: column[:4] for name, column in golden.record.streams["commands"].items()}
    short = Record(golden.record.header, {**golden.record.streams, "commands": commands}, "short")
    told = divergence(golden.record, short)
    assert (told.row, told.b) == (4, None)
    assert told.a["seq"] == 4
    assert "B               no more commands" in str(golden.compare(run_of(story, short)))


@pytest.mark.parametrize("stream", ["orders", "trades", "postings", "meters", "flows", "groups"])
def test_where_commands_are_the_same_the_first_fact_that_differs_is_told(golden, story, stream):
    columns = {name: column.copy() for name, column in golden.record.streams[stream].items()}
    amount = {"postings": "amount", "meters": "soc_wh", "flows": "losses_wh", "groups": "spot_tick"}
    columns[amount.get(stream, "price_tick")][1] += 1
    other = run_of(story, Record(golden.record.header, {**golden.record.streams, stream: columns}, "bent"))
    comparison = golden.compare(other)
    told = comparison.to_dict()
    assert told["same"]["commands"]
    first = told["first_difference"]
    assert (first["stream"], first["row"]) == (stream, 1)
    (key,) = (key for key in first["a"] if first["a"][key] != first["b"][key])
    assert key == amount.get(stream, "price_tick")
    assert first["b"][key] - first["a"][key] == 1
    assert json.loads(json.dumps(told)) == told
    text = str(comparison)
    assert f"the same commands; {stream} differ from row 1 on, at 2016-06-0" in text
    for side in ("a", "b"):
        assert f"{key} {first[side][key]}" in text


def test_of_several_facts_the_one_that_came_first_is_told(golden):
    streams = dict(golden.record.streams)
    for stream, row in (("orders", -1), ("trades", 0)):
        streams[stream] = {name: column.copy() for name, column in streams[stream].items()}
        streams[stream]["price_tick"][row] += 1
    assert divergence(golden.record, Record(golden.record.header, streams, "bent")).stream == "trades"


def test_another_header_alone_is_no_divergence(golden, story):
    other = run_of(story, Record(golden.record.header, golden.record.streams, "other"))
    assert golden.compare(other).to_dict()["same"]["commands"]
    assert "none: the same commands and facts under other headers" in str(golden.compare(other))


def test_agents_are_known_by_name_not_by_number(story):
    def town(names, quarantined):
        about = {"feeder": "north", "utility": "U", "vat": 0}
        town = story.Town(dict.fromkeys(names, about), {"U": (15_000, 8_000)})
        town.submit(town.gate() - 9, "B", SELL, 9_000, 500)
        town.command(town.gate() - 8, -1, Action.QUARANTINE, order=town.index[quarantined])
        town.deliver(0, dict.fromkeys(names, 100))
        return town.record()

    a, b = town(["A", "B"], "B"), town(["A", "AA", "B"], "B")
    assert a.place.names.index("B") != b.place.names.index("B")
    told = divergence(a, b)
    assert told.stream != "commands"
    told = divergence(a, town(["A", "AA", "B"], "AA"))
    assert (told.stream, told.row) == ("commands", 1)
    assert (told.a["quarantined"], told.b["quarantined"]) == ("B", "AA")


def test_a_members_new_utility_is_known_by_name_not_by_number(story):
    def town(names, utility):
        about = {"feeder": "north", "utility": "U", "vat": 0}
        town = story.Town(dict.fromkeys(names, about), {"U": (15_000, 8_000), "V": (15_000, 8_000)})
        town.command(town.gate(), "B", Action.SWITCH, order=town.index[utility])
        return town.record()

    assert divergence(town(["A", "B"], "V"), town(["A", "AA", "B"], "V")) is None
    told = divergence(town(["A", "B"], "V"), town(["A", "AA", "B"], "U"))
    assert (told.stream, told.a["supplier"], told.b["supplier"]) == ("commands", "V", "U")


def test_a_number_that_names_nobody_is_not_taken_for_a_name(story):
    def town(names, agent):
        about = {"feeder": "north", "utility": "U", "vat": 0}
        town = story.Town(dict.fromkeys(names, about), {"U": (15_000, 8_000)})
        town.command(town.gate(), agent, Action.SUBMIT, book=agent, period=agent)
        return town.record()

    # In the list of both, "Z" comes after those of A: 3 stands for nobody in A and for Z in B.
    assert divergence(town(["A", "B"], 3), town(["A", "B", "Z"], 3)).stream == "commands"
    assert divergence(town(["A", "B"], 77), town(["A", "B", "Z"], 77)) is None
    assert divergence(town(["A", "B"], 77), town(["A", "B", "Z"], 78)).stream == "commands"


def many(golden, rows):
    """A journal of many commands."""
    commands = {name: np.zeros(rows, code) for name, code in COMMANDS.columns}
    commands["seq"] = commands["time_ms"] = np.arange(rows)
    return Record(golden.record.header, {**golden.record.streams, "commands": commands}, "many")


@pytest.mark.parametrize("row", [0, 1, BLOCK_ROWS - 1, BLOCK_ROWS, 2 * BLOCK_ROWS, 2 * BLOCK_ROWS + 98])
def test_where_blocks_end_leaves_no_trace(golden, row):
    long = many(golden, 2 * BLOCK_ROWS + 99)
    told = divergence(long, bent(long, row, quantity_wh=1))
    assert (told.row, told.last_common_ms) == (row, row - 1 if row else None)
    told = divergence(many(golden, row), long)
    assert (told.row, told.a, told.last_common_ms) == (row, None, row - 1 if row else None)
    assert told.b["seq"] == row


class Endless:
    """A journal of many commands that are made when they are read, and never all at once."""

    def __init__(self, header, blocks, changed):
        self.header, self._blocks, self._changed = header, blocks, changed

    def read(self, stream):
        raise AssertionError(f"{stream} was read as a whole")

    def fingerprint(self):
        return str(self._changed)

    def blocks(self, stream, only=None):
        if stream != "commands":
            return
        for number in range(self._blocks):
            columns = {name: np.zeros(BLOCK_ROWS, code) for name, code in COMMANDS.columns}
            columns["seq"] = np.arange(number * BLOCK_ROWS, (number + 1) * BLOCK_ROWS)
            columns["flags"][columns["seq"] == self._changed] = 1
            yield {name: columns[name] for name in only or columns}


def test_large_journals_are_walked_through_in_little_memory(golden):
    blocks = 40
    changed = blocks * BLOCK_ROWS - 7
    a, b = (
        Record(golden.record.header, Shelf(Endless(golden.record.header, blocks, row)), "x") for row in (-1, changed)
    )
    tracemalloc.start()
    told = divergence(a, b)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (told.row, told.a["flags"], told.b["flags"]) == (changed, 0, 1)
    block = sum(np.dtype(code).itemsize for _, code in COMMANDS.columns) * BLOCK_ROWS
    assert peak < 10 * block


# --- what differs


def test_scenarios_differ_by_path_and_agents_by_name():
    a = {
        "name": "x", "days": 2, "local": {"period": 9, "step": True}, "spot": [1, 2, 3],
        "agents": [{"name": "ada", "pv": None, "rated": 3}, {"name": "bo", "rated": 1}],
    }  # fmt: skip
    b = {
        "name": "y", "days": 2, "local": {"period": 9, "step": 1, "mechanism": "call"}, "spot": [1, 2, 4],
        "agents": [{"name": "cy"}, {"name": "ada", "pv": {"peak": 5}, "rated": 3}],
    }  # fmt: skip
    assert scenario_differences(a, b) == [
        {"path": "local.mechanism", "agent": None, "b": "call"},
        {"path": "local.step", "agent": None, "a": True, "b": 1},
        {"path": "spot", "agent": None, "a": [1, 2, 3], "b": [1, 2, 4]},
        {"path": "ada.pv", "agent": "ada", "a": None, "b": {"peak": 5}},
        {"path": "bo", "agent": "bo", "a": {"name": "bo", "rated": 1}},
        {"path": "cy", "agent": "cy", "b": {"name": "cy"}},
    ]
    assert scenario_differences(a, a) == []


def test_the_screen_says_what_changed_alike_in_many_agents_once(golden, story):
    def scenario(names, rated, retail):
        return {
            "name": "s",
            "agents": [*({"name": name, "rated": rated} for name in names), {"name": "U", "r": retail}],
        }

    a = run_of(story, golden.record, scenario=scenario("ABCDE", 3, [160] * 24), seed=7)
    b = run_of(story, golden.record, scenario=scenario("ABCDF", 4, [*[150] * 12, *[170] * 12]), seed=8)
    text = str(a.compare(b))
    for line in (
        "what differs      seed: 7 -> 8",
        "only in A: E", "only in B: F", "rated: 3 -> 4 for A, B, C and 1 more",
        "U.r: [160 x 24] -> [150 x 12, 170 x 12]",
    ):  # fmt: skip
        assert line in text


def test_versions_and_inputs_that_differ_are_told(golden, story):
    other = run_of(story, golden.record, versions={"wattbook": "0.2.0", "numba": "1"}, inputs={})
    told = golden.compare(other).to_dict()
    assert told["versions"] == {"numba": {"a": None, "b": "1"}, "wattbook": {"a": "0.1.0", "b": "0.2.0"}}
    assert told["inputs"] == {"load.csv": {"a": "ab" * 32, "b": None}}
    assert "version wattbook: 0.1.0 -> 0.2.0" in str(golden.compare(other))


def test_whatever_differs_the_screen_stays_one(story, golden):
    long, other = "n-" + "x" * 62, "m-" + "y" * 62

    def town(names, drawn):
        about = {"feeder": "north", "utility": "U", "vat": 0}
        town = story.Town(dict.fromkeys(names, about), {"U": (390_000, 8_000)})
        town.submit(town.gate(), names[0], BUY, 389_999, 999_999)
        town.deliver(0, dict.fromkeys(names, drawn))
        town.bill()
        return town.record(complete=False)

    names = [f"{i:02d}{long}"[:64] for i in range(30)]
    wild = {"name": "\x1b[2J\n" + "long " * 99, "agents": [], **{f"field{i}": "z" * 99 for i in range(30)}}
    here = run_of(story, town(names, 10**10), scenario=wild)
    versions = {f"library{i}": "1" for i in range(30)}
    there = run_of(story, town([*names, other], -(10**10)), town([*names, other], 5), versions=versions, seed=9)
    for text in (str(here.compare(there)), str(there.compare(here))):
        assert_fits(text)
        assert "and 59 more (--json)" in text
        assert "STOPPED BEFORE ITS END" in text


# --- what cannot be compared


def test_other_days_are_refused_and_all_reasons_are_told(golden, story):
    header = {**golden.record.header, "start_ms": golden.record.header["start_ms"] + 86_400_000}
    later = run_of(story, Record(header, golden.record.streams, "later"))
    with pytest.raises(
        ConfigError, match="A begins at 2016-06-06 00:00 Europe/Berlin and B at 2016-06-07 00:00"
    ) as said:
        golden.compare(later)
    assert "again with the other's start" in str(said.value)
    longer = run_of(story, story.Town({}, {"U": (2, 1)}, periods=4).record())
    with pytest.raises(ConfigError, match=r"A lasts 0\.25 h and B 1 h: run one of the scenarios again") as said:
        golden.compare(longer)
    header["periods"], header["spot_tick"] = 0, []
    header["tariffs"] = {name: {"retail_tick": [], "feed_in_tick": []} for name in header["tariffs"]}
    with pytest.raises(ConfigError) as said:
        golden.compare(run_of(story, Record(header, golden.record.streams, "no time")))
    assert len(said.value.problems) == 2


def test_only_a_run_can_be_compared_with(golden):
    with pytest.raises(ConfigError, match=r"compare takes a Run, not str: read a saved one with Run\.load"):
        golden.compare("runs/street-7")


def test_periods_of_another_length_are_compared_as_far_as_they_can_be(story):
    def town(periods):
        about = {"feeder": "north", "utility": "U", "vat": 0}
        town = story.Town({"A": about, "B": about}, {"U": (15_000, 8_000)}, periods=periods)
        town.submit(story.START_MS - 999_999, "A", BUY, 9_000, 500, period=periods - 1)
        for period in range(periods):
            town.deliver(period, {"A": 200 // periods, "B": -100 // periods})
        record = town.record()
        header = {**record.header, "period_ms": 2 * story.PERIOD_MS // periods}
        return run_of(story, Record(header, record.streams, f"{periods}"))

    told = town(1).compare(town(2)).to_dict()
    assert told["notes"] == ["periods differ in length: peaks are other means, products are not the same"]
    assert told["receipts"]["upstream"]["difference"] == 0
    assert told["figures"]["peak_import_w"]["difference"] == 0
    first = told["first_difference"]
    assert (first["row"], first["a"]["period_ms"]) == (0, story.START_MS)
    assert first["b"]["period_ms"] == story.START_MS + story.PERIOD_MS


def test_notes_say_what_is_compared_only_in_part(story, golden):
    about = {"feeder": "north", "utility": "U", "vat": 0}
    town = story.Town({"A": about, "Z": about}, {"U": (15_000, 8_000)})
    town.deliver(0, {"A": 100, "Z": 50})
    other = run_of(story, town.record(complete=False))
    comparison = golden.compare(other)
    assert comparison.notes == (
        "B was stopped before its end: its figures are of a part of the time",
        "agents only in A: 4, only in B: 1; bills are of the homes that both have",
        "only one has a baseline: its profit_gini is of savings, the other's of receipts",
        "loads or generation differ: a real gain is also what these cost",
    )
    told = comparison.to_dict()
    assert told["bills"]["homes"] == 1
    assert told["figures"]["profit_gini"]["difference"] is None
    assert told["figures"]["mean_saving"]["b"] is None


def test_places_without_a_home_in_common_have_no_bills_to_compare(story, golden):
    town = story.Town({"Z": {"feeder": "north", "utility": "U", "vat": 0}}, {"U": (15_000, 8_000)})
    town.deliver(0, {"Z": 50})
    comparison = golden.compare(run_of(story, town.record()))
    told = comparison.to_dict()
    assert (told["bills"]["homes"], told["bills"]["mean"]["a"], told["bills"]["deciles"]) == (0, None, [])
    assert_adds_up(told)
    assert "no home is in both" in str(comparison)


# --- homes


def test_homes_are_grouped_by_their_bills_in_the_first_run(story):
    names = [f"h{i:02d}" for i in range(23)]

    def town(drawn):
        about = {"feeder": "north", "utility": "U", "vat": 0}
        town = story.Town(dict.fromkeys(names, about), {"U": (15_000, 8_000)}, levy=0, fee=(0, 0, 0))
        town.deliver(0, dict(zip(names, drawn, strict=True)))
        return run_of(story, town.record())

    here = [100 * (i * 7 % 23) for i in range(23)]
    there = [wh + (50 if wh == 2200 else -30 if wh == 100 else 0) for wh in here]
    told = town(here).compare(town(there)).to_dict()
    deciles = told["bills"]["deciles"]
    assert [decile["homes"] for decile in deciles] == [3, 3, 3, 2, 2, 2, 2, 2, 2, 2]
    assert deciles[0]["total"] == {"a": 300 * 15_000, "b": 270 * 15_000, "difference": -30 * 15_000}
    assert deciles[-1]["mean"]["difference"] == 25 * 15_000
    assert told["winners"] == {
        "less": 1, "same": 21, "more": 1,
        "largest_gain": {"agent": names[here.index(100)], "a": 1_500_000, "b": 1_050_000, "difference": -450_000},
        "largest_loss": {"agent": names[here.index(2200)], "a": 33_000_000, "b": 33_750_000, "difference": 750_000},
    }  # fmt: skip


# --- the value


def test_a_comparison_is_frozen_and_gives_copies(golden, rules):
    comparison = rules[0].compare(rules[1])
    told = comparison.to_dict()
    told["figures"]["orders"]["a"] = -1
    assert comparison.to_dict()["figures"]["orders"]["a"] == golden.metrics["orders"]
    with pytest.raises(AttributeError):
        comparison.notes = ()
    assert comparison._repr_html_().startswith("<pre>A  golden case - seed 7, 4 homes")


def test_a_saved_run_compares_as_it_did_before(rules, tmp_path):
    a, b = (Run.load(run.save(tmp_path / str(number))) for number, run in enumerate(rules))
    assert a.compare(b).to_dict() == rules[0].compare(rules[1]).to_dict()
