"""What a regulator found and did, as tables; what it saw, as frames and as files from which it decides alike."""

import datetime as dt
import json
import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from wattbook.errors import ConfigError, CorruptError, ResourceError
from wattbook.oversight import Item
from wattbook.regulator import RECORD, TAPE, inspect
from wattbook.results import Run, read_record
from wattbook.results.catalogue import table_names
from wattbook.results.oversight_checks import commands_said
from wattbook.results.oversight_tables import OVERSIGHT
from wattbook.units import minutes

DOCS = Path(__file__).parents[2] / "docs/results.md"
BEGIN = dt.datetime(2016, 6, 5, 22, tzinfo=dt.UTC)
REPLAY = """
import json, sys
from wattbook.regulator import inspect
from wattbook.results import read_record
print(json.dumps([list(map(int, command)) for command in inspect(*read_record(sys.argv[1]))]))
"""


def documented(table):
    part = re.search(rf"^### {table}$\n(.*?)(?=^#|\Z)", DOCS.read_text(), re.MULTILINE | re.DOTALL)
    assert part, table
    rows = [line.split("|")[1] for line in part[1].splitlines() if line.startswith("|")]
    return set(re.findall(r"`(\w+)`", "".join(rows)))


# --- tables


def test_the_fine_of_the_known_answer_is_a_row_of_the_sanctions(k1):
    fine, mitigation = k1.sanctions.drop("evidence").rows(named=True)
    end = BEGIN + dt.timedelta(hours=1)
    assert fine == {
        "time": end, "agent": "M", "rule": "gouging", "kind": "fine", "amount": 1_395_000_000, "finding": 0,
        "disgorged": 920_000_000, "price_tick": None, "until": None,
    }  # fmt: skip
    assert mitigation == {
        "time": end, "agent": "M", "rule": "gouging", "kind": "mitigation", "amount": 0, "finding": 0, "disgorged": 0,
        "price_tick": 10_000, "until": end + dt.timedelta(days=7),
    }  # fmt: skip


def test_the_finding_tells_gain_overcharge_and_harm(k1):
    assert k1.findings.rows() == [
        (0, BEGIN + dt.timedelta(hours=1), "M", "gouging", 920_000_000, 950_000_000, 1_900_000_000)
    ]


def test_evidence_names_items_periods_and_streams(k1):
    told = {row["item"]: row for row in k1.evidence.iter_rows(named=True)}
    assert (told["rsi-ppm"]["value"], told["rsi-ppm"]["period"], told["rsi-ppm"]["stream"]) == (500_000, BEGIN, None)
    assert told["turnover"]["period"] is None
    events = k1.evidence.filter(pl.col("item") == "event").select("stream", "value", "period").rows()
    assert events == [("spot", 0, None), ("commands", 1, None)]
    assert {row["partner"] for row in told.values()} == {None}


def test_the_evidence_of_a_sanction_is_its_findings_as_json(k1):
    lines = [json.loads(text) for text in k1.sanctions["evidence"]]
    assert lines[0] == lines[1]
    assert len(lines[0]) == k1.evidence.height
    assert ["price-tick", "2016-06-05T22:00Z", 30_000] in lines[0]
    assert ["event", "spot", 0] in lines[0]
    assert ["earlier", None, 0] in lines[0]


def test_a_partner_is_told_by_name_and_the_market_is_nobody(k1, bent):
    def change(_, streams):
        streams["evidence"]["item"][-1] = Item.PARTNER
        streams["evidence"]["value"][-1] = 1
        streams["findings"]["agent"][0] = -1

    run = Run(bent(k1.record, change), None, k1.info)
    assert run.evidence["partner"][-1] == "F2"
    assert run.findings["agent"].to_list() == [None]


def test_tables_come_back_from_the_folder_as_they_were(k1_days, tmp_path):
    folder = k1_days.save(tmp_path / "run")
    for name in OVERSIGHT:
        assert pl.read_parquet(folder / f"tables/{name}.parquet").equals(k1_days.table(name))
        assert Run.load(folder).table(name).equals(k1_days.table(name))


def test_a_run_without_a_regulator_has_no_such_tables_and_frames_without_rows(golden, k1):
    assert not set(OVERSIGHT) & set(table_names(golden.record))
    for name in OVERSIGHT:
        assert golden.table(name).height == 0
        assert golden.table(name).schema == k1.table(name).schema


@pytest.mark.parametrize("table", sorted(OVERSIGHT))
def test_the_results_name_every_column_of_the_regulators_tables(k1, table):
    assert documented(table) == set(k1.table(table).columns)


# --- the record and the tape


def test_the_record_and_the_tape_have_the_columns_of_their_views_and_when(k1):
    for frames, view in ((k1.regulatory_record(), RECORD), (k1.tape(), TAPE)):
        assert set(frames) == set(view) & set(k1.record.streams)
        for name, frame in frames.items():
            assert set(frame.columns) == {*view[name], "time", "visible_ms"}
            assert frame.schema["time"] == pl.Datetime("ms", "UTC")


def test_the_record_shows_neither_fuel_nor_postings_nor_meters(k1):
    frames = k1.regulatory_record()
    assert "fuel" in k1.supply.columns
    assert "fuel" not in frames["supply"].columns
    assert not {"postings", "meters", "findings", "sanctions"} & set(frames)


def test_the_tape_comes_later_by_its_delay(k1):
    soon, late = k1.tape()["spot"], k1.tape(delay=minutes(15))["spot"]
    assert late.drop("visible_ms").equals(soon.drop("visible_ms"))
    assert (late["visible_ms"] - soon["visible_ms"]).to_list() == [900_000]
    assert (soon["visible_ms"] >= soon["time"].to_physical()).all()


@pytest.mark.parametrize("delay", [-1, 0.5, "1h", True and 1.0])
def test_a_delay_that_is_no_duration_is_refused(k1, delay):
    with pytest.raises(ConfigError, match="is no duration"):
        k1.tape(delay=delay)


# --- files


@pytest.mark.parametrize("which", ["k1", "k1_days"])
def test_another_process_decides_alike_on_the_written_record(which, request, tmp_path):
    run = request.getfixturevalue(which)
    folder = run.write_record(tmp_path / "record")
    done = subprocess.run([sys.executable, "-c", REPLAY, str(folder)], capture_output=True, text=True, check=True)
    said = [list(command) for command in commands_said(run.record)]
    assert said
    assert json.loads(done.stdout) == said


def test_the_record_comes_back_as_it_was_written(k1_days, tmp_path):
    kept = read_record(k1_days.write_record(tmp_path / "record"))
    assert inspect(*kept) == commands_said(k1_days.record)
    for name, frame in k1_days.regulatory_record().items():
        told = pl.DataFrame(kept.record[name]).rename({"time_ms": "time"})
        assert told.equals(frame.with_columns(pl.col("time").to_physical()))


def test_a_private_column_in_a_kept_record_is_noticed(k1, tmp_path):
    folder = k1.write_record(tmp_path / "record")
    frame = pl.read_parquet(folder / "supply.parquet")
    frame.with_columns(fuel=pl.lit(1)).drop("output_wh").write_parquet(folder / "supply.parquet")
    pl.DataFrame({"amount": [1]}).write_parquet(folder / "postings.parquet")
    with pytest.raises(CorruptError) as caught:
        read_record(folder)
    assert caught.value.problems == (
        "postings.parquet: is no stream of the regulatory record",
        "supply.parquet: holds 'fuel', which is no part of the regulatory record",
        "supply.parquet: lacks 'output_wh'",
    )


def test_a_damaged_record_is_no_traceback(k1, tmp_path):
    folder = k1.write_record(tmp_path / "record")
    frame = pl.read_parquet(folder / "spot.parquet")
    frame.with_columns(price_tick=pl.lit("dear")).write_parquet(folder / "spot.parquet")
    (folder / "supply.parquet").write_bytes(b"PAR1")
    with pytest.raises(CorruptError) as caught:
        read_record(folder)
    assert [fault.partition(":")[0] for fault in caught.value.problems] == ["spot.parquet", "supply.parquet"]
    for text in ("", "{}", '{"known": {}, "rules": {}}'):
        (folder / "known.json").write_text(text)
        with pytest.raises(CorruptError, match=r"known\.json: cannot be read"):
            read_record(folder)


def test_a_record_has_a_folder_of_its_own(k1, golden, tmp_path):
    folder = k1.write_record(tmp_path / "deep/er/record")
    with pytest.raises(ResourceError, match="never overwritten"):
        k1.write_record(folder)
    with pytest.raises(ConfigError, match="has no regulator"):
        golden.write_record(tmp_path / "none")
    with pytest.raises(ResourceError, match="there is no such folder"):
        read_record(tmp_path / "none")
    assert [path.name for path in folder.parent.iterdir()] == ["record"]
