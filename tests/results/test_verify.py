"""Whatever is done to a saved run, `verify` names the file and the fault, and never stumbles."""

from __future__ import annotations

import io
import json
import os
import shutil

import numpy as np
import polars as pl
import pytest

from wattbook.errors import CorruptError, ResourceError
from wattbook.journal import Journal, read_journal
from wattbook.messages import STREAMS, Action
from wattbook.results import Record, Run, verify
from wattbook.results.folder import (
    TABLE_NAMES,
    describe,
    digest_of,
    file_names,
    manifest_bytes,
    table_bytes,
    write_table,
)
from wattbook.results.metrics import metrics

FILES = ["manifest.json", *file_names(has_baseline=True)]


@pytest.fixture(scope="module")
def original(golden, tmp_path_factory):
    return golden.save(tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture
def saved(original, tmp_path):
    return shutil.copytree(original, tmp_path / "run")


def faults(folder):
    with pytest.raises(CorruptError) as caught:
        verify(folder)
    assert all(": " in fault for fault in caught.value.problems)
    return caught.value.problems


def seal(folder, change=lambda manifest: None):
    """Mend the manifest so that it tells of the files as they are now."""
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["files"] = {name: describe((folder / name).read_bytes()) for name in manifest["files"]}
    change(manifest)
    manifest["digest"] = digest_of(manifest)
    (folder / "manifest.json").write_bytes(manifest_bytes(manifest))


def test_a_sound_run_passes_every_check(saved):
    assert verify(saved) == [
        "manifest: complete and as it was written",
        "files: all there, none added, none changed",
        "journal.wbj: every frame sound",
        "baseline.wbj: every frame sound",
        "manifest: of the journal's run",
        "tables: what the journal says",
        "figures: what the journal says",
        "journal.wbj: money and energy balance",
        "baseline.wbj: money and energy balance",
    ]


# --- bytes


def places(size, most):
    return range(size) if size <= most else sorted({i * (size - 1) // (most - 1) for i in range(most)})


@pytest.mark.parametrize("name", FILES)
def test_no_flipped_bit_goes_unseen(saved, name):
    path = saved / name
    data = path.read_bytes()
    for place in places(len(data), 24):
        path.write_bytes(data[:place] + bytes([data[place] ^ (1 << place % 8)]) + data[place + 1 :])
        assert any(fault.startswith(f"{name}: ") for fault in faults(saved))


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_no_flipped_bit_goes_unseen_at_500_places(saved, name):
    path = saved / name
    data = path.read_bytes()
    for place in places(len(data), 500):
        path.write_bytes(data[:place] + bytes([data[place] ^ (1 << place * 5 % 8)]) + data[place + 1 :])
        assert any(fault.startswith(f"{name}: ") for fault in faults(saved))


def test_a_manifest_with_any_byte_changed_is_refused(saved):
    path = saved / "manifest.json"
    data = path.read_bytes()
    for place in range(0, len(data), 7):
        for byte in (0, 32, 10, 49, 255):
            if data[place] != byte:
                path.write_bytes(data[:place] + bytes([byte]) + data[place + 1 :])
                assert all(fault.startswith("manifest.json: ") for fault in faults(saved))


@pytest.mark.parametrize("name", FILES)
def test_no_truncation_goes_unseen(saved, name):
    path = saved / name
    data = path.read_bytes()
    for place in places(len(data), 12):
        path.write_bytes(data[:place])
        assert any(fault.startswith(f"{name}: ") for fault in faults(saved))


# --- files


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_missed(saved, name):
    (saved / name).unlink()
    assert f"{name}: is missing" in faults(saved)


@pytest.mark.parametrize("name", ["extra.txt", "report.html", "tables/more.parquet", ".hidden", "tables/.hidden"])
def test_an_added_file_is_found(saved, name):
    (saved / name).write_text("")
    assert f"{name}: does not belong to this run" in faults(saved)


def test_an_added_file_that_the_manifest_lists_is_found(saved):
    (saved / "extra.txt").write_text("")
    seal(saved, lambda manifest: manifest["files"].update({"extra.txt": describe(b"")}))
    assert "extra.txt: does not belong to this run" in faults(saved)


def test_two_swapped_files_are_told_from_each_other(saved):
    one, other = saved / "tables/flows.parquet", saved / "tables/groups.parquet"
    data = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(data)
    assert "tables/flows.parquet: holds what the manifest tells of tables/groups.parquet" in faults(saved)
    seal(saved)
    assert "tables/flows.parquet: is not what the journal says" in faults(saved)


def test_run_and_baseline_swapped_are_found(saved):
    one, other = saved / "journal.wbj", saved / "baseline.wbj"
    data = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(data)
    seal(saved)
    assert "journal.wbj: its fingerprint is not the manifest's" in faults(saved)


@pytest.mark.parametrize("name", ["journal.wbj", "tables/trades.parquet", "manifest.json", "tables"])
def test_a_link_is_not_followed(saved, tmp_path, name):
    shutil.move(saved / name, tmp_path / "outside")
    (saved / name).symlink_to(tmp_path / "outside")
    assert any(fault.endswith("is a link") for fault in faults(saved))


def test_a_pipe_or_a_folder_in_the_place_of_a_file_is_no_file(saved):
    (saved / "journal.wbj").unlink()
    os.mkfifo(saved / "journal.wbj")
    (saved / "tables/trades.parquet").unlink()
    (saved / "tables/trades.parquet").mkdir()
    found = faults(saved)
    assert "journal.wbj: is not a regular file" in found
    assert "tables/trades.parquet: is not a regular file" in found
    (saved / "manifest.json").unlink()
    os.mkfifo(saved / "manifest.json")
    assert faults(saved) == ("manifest.json: is not a regular file",)


def test_every_fault_is_told_at_once(saved):
    (saved / "tables/flows.parquet").unlink()
    (saved / "extra.txt").write_text("")
    (saved / "tables/trades.parquet").write_bytes(b"PAR1")
    assert {fault.split(":")[0] for fault in faults(saved)} >= {
        "tables/flows.parquet", "extra.txt", "tables/trades.parquet",
    }  # fmt: skip


def test_what_is_no_folder_is_no_run(tmp_path):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "nothing"):
        with pytest.raises(ResourceError):
            verify(place)


# --- a forger who mends the manifest


@pytest.mark.parametrize("table", TABLE_NAMES)
def test_a_table_changed_together_with_the_manifest_is_found(saved, table):
    path = saved / TABLE_NAMES[table]
    frame = pl.read_parquet(io.BytesIO(path.read_bytes()))
    column = next(name for name, kind in frame.schema.items() if kind == pl.String)
    # A table without rows gets one.
    frame = frame if frame.height else frame.clear(1)
    path.write_bytes(table_bytes(frame.with_columns(pl.lit("nobody").alias(column))))
    seal(saved)
    assert faults(saved) == (f"{TABLE_NAMES[table]}: is not what the journal says",)


def test_one_number_in_a_table_changed_together_with_the_manifest_is_found(saved):
    path = saved / "tables/postings.parquet"
    frame = pl.read_parquet(io.BytesIO(path.read_bytes()))
    path.write_bytes(table_bytes(frame.with_columns(pl.col("amount") + (pl.col("seq") == 3).cast(pl.Int64))))
    seal(saved)
    assert faults(saved) == ("tables/postings.parquet: is not what the journal says",)


@pytest.mark.parametrize("table", TABLE_NAMES)
def test_rows_that_another_version_wrote_otherwise_are_welcome(saved, table):
    path = saved / TABLE_NAMES[table]
    frame = pl.read_parquet(io.BytesIO(path.read_bytes()))
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd", compression_level=1, statistics=False)
    assert buffer.getvalue() != path.read_bytes()
    path.write_bytes(buffer.getvalue())
    seal(saved)
    assert verify(saved)


def test_a_table_that_aborts_its_reader_does_not_abort_us(saved, monkeypatch):
    monkeypatch.setattr("sys.executable", "/bin/false")
    path = saved / "tables/flows.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"2")
    seal(saved)
    assert faults(saved) == ("tables/flows.parquet: is not what the journal says",)


def test_nonsense_in_the_place_of_a_table_is_no_traceback(saved):
    path = saved / "tables/postings.parquet"
    data = path.read_bytes()
    for wrong in (b"", b"PAR1", b"PAR1" * 9, data[:-9] + b"\xff\xff\xff\x7fPAR1", data[9:], b"\0" * 1000):
        path.write_bytes(wrong)
        seal(saved)
        assert faults(saved) == ("tables/postings.parquet: is not what the journal says",)


@pytest.mark.parametrize("key", ["allocative_efficiency", "money_sum", "hhi", "baseline", "energy_residual_wh"])
def test_a_figure_changed_together_with_the_digest_is_found(saved, key):
    seal(saved, lambda manifest: manifest["metrics"].update({key: 1}))
    assert faults(saved) == (f"manifest.json: metrics: {key!r} is not what the journal says",)


def test_a_figure_left_out_or_added_is_found(saved):
    seal(saved, lambda manifest: (manifest["metrics"].pop("hhi"), manifest["metrics"].update(mood=1)))
    assert faults(saved) == (
        "manifest.json: metrics: 'hhi' is not what the journal says",
        "manifest.json: metrics: 'mood' is not what the journal says",
    )


def test_measured_figures_may_be_any_number_of_0_or_more_but_nothing_else(saved):
    for value in (0, 123, 123.5, None):
        seal(saved, lambda manifest, value=value: manifest["metrics"].update(wall_s=value))
        assert verify(saved)
    for key in ("wakes", "wall_s", "cpu_s"):
        for value in ("long", -1, -0.5, True, 10**400, [], 1e300):
            seal(saved, lambda manifest, key=key, value=value: manifest["metrics"].update({key: value}))
            assert faults(saved) == (f"manifest.json: metrics: {key!r} is not a number of 0 or more",)
        seal(saved, lambda manifest, key=key: manifest["metrics"].update({key: 1}))
    seal(saved, lambda manifest: manifest["metrics"].update(wakes=1.5))
    assert faults(saved) == ("manifest.json: metrics: 'wakes' is not a number of 0 or more",)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_measured_figure_that_is_not_finite_is_refused(saved, value):
    path = saved / "manifest.json"
    text = path.read_text()
    path.write_text(text.replace('"wall_s": 0.5', f'"wall_s": {value}'))
    assert text != path.read_text()
    assert all(fault.startswith("manifest.json: ") for fault in faults(saved))


# --- the origin


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seed", 8), ("scenario", {"name": "golden case", "days": 2}), ("scenario", {}), ("inputs", {}),
        ("inputs", {"load.csv": "cd" * 32}), ("inputs", {"other.csv": "ab" * 32}),
    ],
)  # fmt: skip
def test_an_origin_changed_together_with_the_digest_is_found(saved, key, value):
    seal(saved, lambda manifest: manifest.update({key: value}))
    expected = (f"manifest.json: {key} is not the journal's", f"manifest.json: {key} is not the baseline's")
    assert faults(saved) == expected
    with pytest.raises(CorruptError) as caught:
        Run.load(saved)
    assert caught.value.problems == expected


def test_a_baseline_of_another_seed_is_found(saved):
    reading = read_journal((saved / "baseline.wbj").read_bytes())
    header = {**reading.header, "run": {**reading.header["run"], "seed": 8}}
    (saved / "baseline.wbj").unlink()
    with Journal(STREAMS, header, sink=saved / "baseline.wbj") as journal:
        for name, columns in facts(reading):
            journal.extend(name, columns)
    print_of = journal.fingerprint()
    seal(saved, lambda manifest: manifest.update(baseline_fingerprint=print_of))
    assert "manifest.json: seed is not the baseline's" in faults(saved)


@pytest.mark.parametrize("run", [{}, {"seed": 7.0}, {"seed": "7"}])
def test_a_journal_that_does_not_tell_its_origin_is_not_the_manifests(saved, run):
    forge(saved, "journal.wbj", lambda streams: None, {**header_of(saved), "run": run})
    assert {f"manifest.json: {key} is not the journal's" for key in ("seed", "scenario", "inputs")} <= {*faults(saved)}


def test_a_name_is_free_text_that_changes_no_run(saved):
    seal(saved, lambda manifest: manifest["scenario"].update(name="my street"))
    assert verify(saved)
    assert Run.load(saved).summary().startswith("my street - seed 7")
    seal(saved, lambda manifest: manifest["scenario"].update(name=3))
    assert faults(saved) == ("manifest.json: no sound 'scenario'",)


INCIDENT = {"time_ms": 1_465_164_000_000, "agent": "A", "error": "ValueError: no", "traceback": ""}


def test_incidents_must_be_those_of_the_journal(saved):
    seal(saved, lambda manifest: manifest["incidents"].append(INCIDENT))
    assert faults(saved) == ("manifest.json: incidents are not the journal's",)


def test_an_incident_that_the_journal_tells_of_cannot_be_left_out(story, tmp_path):
    town = story.Town({"A": {"feeder": "north", "utility": "U", "vat": 0}}, {"U": (15_000, 8_000)})
    town.command(INCIDENT["time_ms"], -1, Action.QUARANTINE, order=0)
    town.deliver(0, {"A": 100})
    folder = Run(town.record(), None, {**story.INFO, "incidents": [INCIDENT]}).save(tmp_path / "run")
    assert verify(folder)
    seal(folder, lambda manifest: manifest.update(incidents=[]))
    assert faults(folder) == ("manifest.json: incidents are not the journal's",)


@pytest.mark.parametrize("key", ["format", "seed", "files", "fingerprint", "metrics", "complete", "incidents"])
def test_a_manifest_without_one_of_its_parts_is_refused(saved, key):
    manifest = json.loads((saved / "manifest.json").read_bytes())
    for value in (None, "text" if key != "fingerprint" else 3):
        manifest[key] = value
        manifest["digest"] = digest_of(manifest)
        (saved / "manifest.json").write_bytes(manifest_bytes(manifest))
        assert f"manifest.json: no sound {key!r}" in faults(saved)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("format", True), ("format", 0), ("format", -1), ("format", 1.0), ("seed", True), ("seed", 7.0), ("seed", -7),
        ("complete", 1), ("versions", {"python": 3}), ("inputs", {"a": None}), ("scenario", []),
        ("baseline_fingerprint", 0), ("incidents", ["text"]), ("incidents", [{**INCIDENT, "time_ms": 10**18}]),
        ("incidents", [{**INCIDENT, "agent": None}]), ("incidents", [{**INCIDENT, "more": 1}]),
    ],
)  # fmt: skip
def test_a_part_of_the_wrong_type_is_refused(saved, key, value):
    seal(saved, lambda manifest: manifest.update({key: value}))
    assert faults(saved) == (f"manifest.json: no sound {key!r}",)


@pytest.mark.parametrize("key", ["format", "baseline_fingerprint", "incidents", "metrics", "versions"])
def test_a_part_left_out_is_refused(saved, key):
    seal(saved, lambda manifest: manifest.pop(key))
    assert faults(saved) == (f"manifest.json: no sound {key!r}",)


def test_a_part_that_no_manifest_has_is_refused(saved):
    seal(saved, lambda manifest: manifest.update(mood="fine"))
    assert faults(saved) == ("manifest.json: 'mood' is no part of a manifest",)


def test_a_manifest_that_is_hard_to_read_is_no_traceback(saved):
    for text in (b"", b"[]", b"[" * 100_000, b'{"format": NaN}', b"\xff\xfe", b"null", b'{"format": ' + b"9" * 9999):
        (saved / "manifest.json").write_bytes(text)
        assert all(fault.startswith("manifest.json: ") for fault in faults(saved))


def facts(reading):
    """Columns of each stream without the seq, which a journal counts itself."""
    for stream, columns in reading.streams.items():
        yield stream, {key: array for key, array in columns.items() if key != "seq"}


def header_of(folder):
    return read_journal((folder / "journal.wbj").read_bytes()).header


def forge(folder, name, bend, header=None):
    """Write a sound journal of other content in the place of `name`, and everything else to match."""
    reading = read_journal((folder / name).read_bytes())
    streams = {stream: dict(columns) for stream, columns in reading.streams.items()}
    bend(streams)
    (folder / name).unlink()
    with Journal(STREAMS, header or reading.header, sink=folder / name) as journal:
        for stream, columns in streams.items():
            journal.extend(stream, {key: column for key, column in columns.items() if key != "seq"})
    record = Record(journal.header, streams, journal.fingerprint())
    baseline = Record.read((folder / "baseline.wbj").read_bytes(), "baseline.wbj")
    for table, path in TABLE_NAMES.items():
        with (folder / path).open("wb") as file:
            write_table(table, record, baseline, file)
    figures = metrics(record, baseline, {"wakes": 1, "wall_s": 1.0, "cpu_s": 1.0})
    seal(folder, lambda manifest: manifest.update(fingerprint=record.fingerprint, metrics=figures))


@pytest.mark.parametrize(
    ("stream", "column", "row", "fault"),
    [
        ("postings", "amount", 3, "journal.wbj: all postings together are 1000000, not 0 [1e-8 EUR]"),
        ("trades", "price_tick", 0, "journal.wbj: money identity 'trades' is off by 4000000000 [1e-8 EUR]"),
        ("meters", "load_wh", 0, "journal.wbj: energy identity 'node' is off by 1000000 Wh"),
    ],
)
def test_a_whole_run_forged_in_itself_still_has_to_balance(saved, stream, column, row, fault):
    def bend(streams):
        streams[stream][column] = streams[stream][column].copy()
        streams[stream][column][row] += 1_000_000

    forge(saved, "journal.wbj", bend)
    assert fault in faults(saved)


@pytest.mark.parametrize(
    ("stream", "column", "value"),
    [
        ("trades", "buyer", 99), ("trades", "seller", -1), ("trades", "book", 9), ("trades", "period", 5),
        ("postings", "account", 99), ("postings", "cause", 77), ("meters", "agent", -1), ("flows", "path", 3),
        ("groups", "utility", 50),
    ],
)  # fmt: skip
def test_a_journal_whose_numbers_stand_for_nothing_is_refused(saved, stream, column, value):
    reading = read_journal((saved / "journal.wbj").read_bytes())
    (saved / "journal.wbj").unlink()
    with Journal(STREAMS, reading.header, sink=saved / "journal.wbj") as journal:
        for name, columns in facts(reading):
            if name == stream:
                columns[column][0] = value
            journal.extend(name, columns)
    seal(saved)
    assert any(fault.startswith(f"journal.wbj: {stream}.{column} holds numbers outside") for fault in faults(saved))


@pytest.mark.parametrize(
    "change",
    [
        {"agents": None}, {"agents": [3]}, {"accounts": []}, {"books": [{"book": "x", "venue": "moon"}]},
        {"periods": 10**12}, {"periods": -1}, {"period_ms": 0}, {"start_ms": "now"}, {"tariffs": {}},
        {"tariffs": {"U": {"retail_tick": [1.5], "feed_in_tick": [1]}}}, {"network": {"fee_tick": [1, 2]}},
        {"local_market": 3}, {"spot_tick": [True]}, {"periods": True}, {"run": None}, {"timezone": "Moon/Crater"},
        {"timezone": "../etc"}, {"start_ms": 1 << 48},
    ],
)  # fmt: skip
def test_a_journal_with_a_senseless_header_is_refused(saved, change):
    reading = read_journal((saved / "journal.wbj").read_bytes())
    (saved / "journal.wbj").unlink()
    with Journal(STREAMS, {**reading.header, **change}, sink=saved / "journal.wbj"):
        pass
    seal(saved)
    assert any(fault.startswith("journal.wbj: ") for fault in faults(saved))


@pytest.mark.parametrize("header", [None, [], 3, "text", {}])
def test_a_journal_with_no_header_of_a_run_is_refused(saved, header):
    (saved / "journal.wbj").unlink()
    with Journal(STREAMS, header, sink=saved / "journal.wbj"):
        pass
    seal(saved)
    assert any(fault.startswith("journal.wbj: its header") for fault in faults(saved))


def test_a_journal_of_other_streams_is_refused(saved):
    reading = read_journal((saved / "journal.wbj").read_bytes())
    (saved / "journal.wbj").unlink()
    with Journal(STREAMS[:-1], reading.header, sink=saved / "journal.wbj"):
        pass
    seal(saved)
    assert "journal.wbj: its streams are not those of this version" in faults(saved)


def test_a_journal_without_its_end_is_not_taken_for_a_finished_run(saved):
    record = Record.read((saved / "journal.wbj").read_bytes(), "journal.wbj")
    (saved / "journal.wbj").unlink()
    Record(record.header, record.streams, record.fingerprint, complete=False).write(saved / "journal.wbj")
    seal(saved)
    assert "journal.wbj: the journal and the manifest disagree on whether the run was finished" in faults(saved)


@pytest.mark.parametrize("seed", range(20))
def test_wild_numbers_in_a_sound_journal_are_faults_and_no_traceback(saved, seed):
    dice = np.random.default_rng(seed)
    reading = read_journal((saved / "journal.wbj").read_bytes())
    (saved / "journal.wbj").unlink()
    with Journal(STREAMS, reading.header, sink=saved / "journal.wbj") as journal:
        for name, columns in facts(reading):
            for column in columns.values():
                bounds = np.iinfo(column.dtype)
                if len(column) and dice.integers(3) == 0:
                    column[dice.integers(len(column))] = dice.integers(bounds.min, bounds.max, dtype=np.int64)
            journal.extend(name, columns)
    seal(saved)
    assert faults(saved)
