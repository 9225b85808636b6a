"""The regulator in figures, in the summary and beside another run: who was found, fined and paid back."""

import re
from pathlib import Path

import numpy as np
import pytest

from wattbook import Regulator
from wattbook.messages import Action, Cause
from wattbook.oversight import Item
from wattbook.results import Record, Run
from wattbook.results.divergence import divergence
from wattbook.units import eur_per_mwh, hours, percent

DOCS = Path(__file__).parents[2] / "docs/results.md"


@pytest.fixture(scope="module")
def free(monopoly):
    """K1 without anybody who watches."""
    return monopoly(hours=1).run(seed=7)


# --- figures


def test_the_figures_of_the_known_answer(k1):
    assert k1.metrics["regulator"] == {
        "findings": 1, "rules": {"gouging": 1}, "sanctions": {"mitigation": 1, "fine": 1}, "agents": ["M"],
        "fines": 1_395_000_000, "disgorged": 920_000_000, "refunds": 920_000_000, "gain": 920_000_000,
        "overcharge": 950_000_000, "harm": 1_900_000_000, "gouged_price_eur_per_mwh": 300.0,
        "honest_price_eur_per_mwh": 110.0,
    }  # fmt: skip
    assert (k1.metrics["fines"], k1.metrics["incentives"]) == (1_395_000_000, 0)


def test_fines_and_refunds_are_the_postings(k1_days):
    told, posted = k1_days.metrics, k1_days.record.streams["postings"]
    agents = posted["account"] < k1_days.record.place.agents

    def paid(cause):
        return int(posted["amount"][agents & (posted["cause"] == cause)].sum())

    assert told["fines"] == told["regulator"]["fines"] == -paid(Cause.FINE) > 0
    assert told["regulator"]["refunds"] == paid(Cause.REFUND) == told["regulator"]["disgorged"]


def test_the_wholesale_figures_tell_of_market_power(k1, free):
    """50, 30 and 20 kWh at 300 EUR/MWh that cost 100, 110 and 120."""
    told = free.metrics["wholesale"]
    assert told["hhi"] == 3_800
    assert told["lerner"] == pytest.approx((50 * 200 + 30 * 190 + 20 * 180) / (100 * 300), abs=1e-9)
    assert (k1.metrics["wholesale"]["hhi"], k1.metrics["wholesale"]["lerner"]) == (told["hhi"], told["lerner"])


def test_an_observer_finds_nothing_and_says_so(monopoly):
    run = monopoly(Regulator(persona="observer"), hours=1).run(7, baseline=False)
    told = run.metrics["regulator"]
    assert (told["findings"], told["sanctions"], told["fines"]) == (0, {}, 0)
    assert (told["gouged_price_eur_per_mwh"], told["honest_price_eur_per_mwh"]) == (None, None)
    assert [line for line in run.summary().splitlines() if line.startswith("regulator")] == [
        "regulator         0 findings"
    ]


def test_a_run_without_a_regulator_tells_of_none(free, golden):
    for run in (free, golden):
        assert "regulator" not in run.metrics
        assert "regulator" not in run.summary()


def test_the_results_name_every_figure_of_the_regulator(k1):
    part = re.search(r"^## Figures of the regulator$\n(.*?)(?=^#|\Z)", DOCS.read_text(), re.MULTILINE | re.DOTALL)
    rows = "".join(line.split("|")[1] for line in part[1].splitlines() if line.startswith("|"))
    assert set(re.findall(r"`(\w+)`", rows)) == set(k1.metrics["regulator"])


# --- the summary


def test_the_summary_tells_of_finding_fine_refund_and_prices(k1):
    lines = k1.summary().splitlines()
    begin = next(place for place, line in enumerate(lines) if line.startswith("regulator"))
    assert lines[begin : begin + 3] == [
        "regulator         1 finding, 1 fine: 13.95 EUR (M, gouging), 1 mitigation",
        "                  gain 9.20 EUR taken back, 9.20 EUR of it to consumers",
        "                  mean price where it was abusive 300.00 EUR/MWh, 110.00 with honest asks",
    ]
    assert all(len(line) <= 100 for line in lines)


def test_several_fines_are_told_together(k1_days):
    assert "regulator         4 findings, 4 fines: " in k1_days.summary()


# --- two runs


def test_a_regulator_is_told_beside_none(k1, free):
    told = free.compare(k1).to_dict()
    figures = told["figures"]
    assert figures["fines"] == {"a": 0, "b": 1_395_000_000, "difference": 1_395_000_000}
    assert figures["regulator.findings"] == {"a": None, "b": 1, "difference": None}
    assert figures["regulator.sanctions.fine"]["b"] == 1
    assert told["decomposition"]["causes"]["refund"]["utilities"] == 920_000_000
    text = str(free.compare(k1))
    assert "regulator: none -> balanced" in text
    assert re.search(r"^fines EUR +0\.00 +13\.95 +\+13\.95$", text, re.MULTILINE)
    assert re.search(r"^refunds EUR +none +9\.20 +none$", text, re.MULTILINE)


def test_a_comparison_turned_around_is_mirrored(k1, free):
    ahead, back = free.compare(k1).to_dict()["figures"], k1.compare(free).to_dict()["figures"]
    assert ahead.keys() == back.keys()
    for name, pair in ahead.items():
        assert (pair["a"], pair["b"]) == (back[name]["b"], back[name]["a"])


def test_runs_without_a_regulator_are_compared_as_ever(free):
    told = free.compare(free)
    assert not [name for name in told.to_dict()["figures"] if name.startswith("regulator.")]
    assert "fines EUR" not in str(told)


def test_a_kind_of_sanction_that_only_one_imposed_differs_from_0(k1, monopoly):
    lenient = {"persona": "lenient", "gouging": {"conduct_most": eur_per_mwh(100), "impact_most": eur_per_mwh(100)}}
    warned = monopoly(Regulator(latency=hours(0), hearing=hours(0), **lenient), hours=1).run(7)
    assert warned.sanctions["kind"].to_list() == ["warning"]
    told = k1.compare(warned).to_dict()["figures"]
    assert told["regulator.sanctions.fine"] == {"a": 1, "b": 0, "difference": -1}
    assert told["regulator.sanctions.warning"] == {"a": 0, "b": 1, "difference": 1}
    assert re.search(r"^  warning +0 +1 +\+1$", str(k1.compare(warned)), re.MULTILINE)


def test_runs_part_at_the_first_thing_that_a_regulator_says(k1, free):
    split = divergence(k1.record, free.record)
    assert split.stream == "commands"
    assert split.a["action"] == "find"
    assert (split.a["agent"], split.a["book"], split.a["period_ms"]) == (None, None, None)
    found = "found gouging by M: gain 9.20, overcharge 9.50, harm 19.00 EUR"
    assert split.a["said"] == found
    assert f"  A               the regulator: {found}" in str(k1.compare(free))
    assert split.b["said"] is None


def test_two_regulators_part_in_words(k1, monopoly):
    other = monopoly(Regulator(latency=hours(0), punitive=percent(40)), hours=1).run(7)
    text = str(k1.compare(other))
    assert "A               the regulator: finding 0: fine of 13.95 EUR, of which 9.20 EUR gain" in text
    assert "B               the regulator: finding 0: fine of " in text


@pytest.mark.parametrize(
    ("stream", "column", "shown"),
    [("evidence", "value", "value"), ("sanctions", "amount", "amount"), ("findings", "harm", "harm")],
)
def test_where_commands_are_alike_the_first_fact_of_a_regulator_is_told(k1, bent, stream, column, shown):
    def change(_, streams):
        streams[stream][column][0] += 1

    record = bent(k1.record, change)
    split = divergence(k1.record, record)
    assert (split.stream, split.row) == (stream, 0)
    assert split.b[shown] == split.a[shown] + 1
    other = Record(record.header, record.streams, "0" * 64)
    assert f"; {stream} differ from row 0 on" in str(k1.compare(Run(other, k1.baseline, k1.info)))


def renumbered(record):
    """Give the same run under other numbers: of one more agent, whose name comes first."""
    header = {**record.header}
    header["agents"] = [{**header["agents"][0], "agent": "A0", "kind": "trader"}, *header["agents"]]
    header["accounts"] = ["A0", *header["accounts"]]
    streams = {name: {key: column.copy() for key, column in record.streams[name].items()} for name in record.streams}
    for rows in streams.values():
        for name in {"agent", "buyer", "seller", "utility", "account"} & rows.keys():
            rows[name][rows[name] >= 0] += 1
    commands, evidence = streams["commands"], streams["evidence"]
    for action, column in ((Action.FIND, "order"), (Action.REFUND, "period")):
        commands[column][commands["action"] == action] += 1
    partner = (commands["action"] == Action.EVIDENCE) & (commands["book"] == Item.PARTNER)
    commands["quantity_wh"][partner] += 1
    evidence["value"][evidence["item"] == Item.PARTNER] += 1
    return Record(header, streams, "other")


def test_the_regulators_words_are_compared_by_name(k1, bent):
    """One more agent gives all others another number, and nothing else is otherwise."""

    def with_partner(_, streams):
        streams["evidence"]["item"][-1], streams["evidence"]["value"][-1] = Item.PARTNER, 0
        row = np.flatnonzero(streams["commands"]["action"] == Action.EVIDENCE)[-1]
        streams["commands"]["book"][row], streams["commands"]["quantity_wh"][row] = Item.PARTNER, 0

    record = bent(k1.record, with_partner)
    assert divergence(record, renumbered(record)) is None

    def other_partner(_, streams):
        row = np.flatnonzero(streams["commands"]["action"] == Action.EVIDENCE)[-1]
        streams["commands"]["quantity_wh"][row] = 1

    split = divergence(record, renumbered(bent(record, other_partner)))
    assert (split.a["said"], split.b["said"]) == (
        "finding 0: evidence, partner F1 for 2016-06-06 00:00",
        "finding 0: evidence, partner F2 for 2016-06-06 00:00",
    )
