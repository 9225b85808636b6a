"""A run as one value: summary, folder, and the same bytes every time."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from wattbook.errors import CorruptError, ResourceError
from wattbook.results import Record, Run, verify
from wattbook.results.folder import TABLE_NAMES, digest_of, manifest_bytes


@pytest.fixture
def saved(golden, tmp_path):
    return golden.save(tmp_path / "run")


def files_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# --- summary


def test_the_summary_fits_one_screen_and_says_what_matters(golden):
    text = golden.summary()
    assert len(text.splitlines()) <= 40
    assert max(map(len, text.splitlines())) <= 100
    for word in (
        "seed 7", "4 homes and 2 utilities", "saved per home", "median", "best", "worst", "3.7 kWh", "128.65 EUR/MWh",
        "feed-in 75.00", "retail 160.00", "85.8 %", "per product, at given storage", "self-sufficiency",
        "self-consumption", "real gain", "money 0, energy 0 Wh off", golden.fingerprint[:16],
    ):  # fmt: skip
        assert word in text


def test_the_summary_tells_incidents_without_their_control_characters(story):
    incidents = [{"time_ms": 0, "agent": "A", "error": f"\x1b[31mbad {i}", "traceback": ""} for i in range(5)]
    text = Run(story.g1(), None, {**story.INFO, "incidents": incidents}).summary()
    assert "A:  [31mbad 0" in text
    assert "\x1b" not in text
    assert "and 2 more incidents" in text


def test_a_page_of_a_run_escapes_what_people_named(story):
    info = {**story.INFO, "scenario": {"name": "</pre><script>alert(1)</script>"}}
    page = Run(story.g1(), None, info)._repr_html_()
    assert "<script>" not in page
    assert page.startswith("<pre>")


def test_a_run_says_in_a_line_what_it_is(golden):
    assert repr(golden) == f"<Run: seed 7, 3 trades, {golden.fingerprint[:12]}>"


# --- the folder


def test_a_saved_run_verifies_and_loads_as_it_was(golden, saved):
    assert verify(saved)
    loaded = Run.load(saved)
    assert loaded.metrics == golden.metrics
    assert loaded.summary() == golden.summary()
    assert (loaded.fingerprint, loaded.seed) == (golden.fingerprint, 7)
    for name in TABLE_NAMES:
        assert loaded.table(name).equals(golden.table(name))


def test_a_run_without_a_baseline_saves_verifies_and_loads(story, tmp_path):
    run = Run(story.g1(), None, story.INFO)
    assert verify(run.save(tmp_path / "run"))
    assert Run.load(tmp_path / "run").metrics == run.metrics
    assert "no baseline" in run.summary()


def test_a_run_that_was_stopped_is_kept_and_says_so(story, tmp_path):
    record = story.g1(bill=False)
    stopped = Record(record.header, record.streams, record.fingerprint, complete=False)
    run = Run(stopped, None, {**story.INFO, "complete": False})
    assert verify(run.save(tmp_path / "run"))
    loaded = Run.load(tmp_path / "run")
    assert not loaded.record.complete
    assert "STOPPED" in loaded.summary()


def test_two_runs_alike_give_the_same_bytes_but_for_what_was_measured(story, tmp_path):
    first = files_of(Run(story.g1(), story.g1(trading=False), story.INFO).save(tmp_path / "a"))
    other = {**story.INFO, "wall_s": 99.0, "cpu_s": 98.0}
    second = files_of(Run(story.g1(), story.g1(trading=False), other).save(tmp_path / "b"))
    one, two = (json.loads(files.pop("manifest.json")) for files in (first, second))
    assert first == second
    for manifest in (one, two):
        del manifest["digest"], manifest["metrics"]["wall_s"], manifest["metrics"]["cpu_s"]
    assert one == two


def test_another_process_with_another_hash_seed_writes_the_same_tables(golden, saved, tmp_path):
    script = "import sys; from wattbook.results import Run\nrun = Run.load(sys.argv[1]); run.save(sys.argv[2])"
    environment = {**os.environ, "PYTHONHASHSEED": "99", "POLARS_MAX_THREADS": "1"}
    subprocess.run([sys.executable, "-c", script, saved, tmp_path / "again"], check=True, env=environment)
    assert files_of(tmp_path / "again") == files_of(saved)


@pytest.mark.parametrize("kind", ["file", "full folder", "link", "dangling link"])
def test_a_taken_place_is_never_overwritten(golden, tmp_path, kind):
    place = tmp_path / "run"
    if kind == "file":
        place.write_text("precious")
    elif kind == "full folder":
        (place / "inner").mkdir(parents=True)
    else:
        (tmp_path / "elsewhere").mkdir()
        place.symlink_to(tmp_path / ("elsewhere" if kind == "link" else "nowhere"))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ResourceError, match="never overwritten"):
        golden.save(place)
    assert sorted(tmp_path.rglob("*")) == before


def test_an_empty_folder_is_a_free_place(golden, tmp_path):
    (tmp_path / "run").mkdir()
    assert verify(golden.save(tmp_path / "run"))


def test_a_write_that_fails_leaves_nothing(golden, tmp_path, monkeypatch):
    def full(frame):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("wattbook.results.folder.table_bytes", full)
    with pytest.raises(ResourceError, match="No space left"):
        golden.save(tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_a_place_below_a_file_cannot_be_written(golden, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError):
        golden.save(tmp_path / "file" / "run")


def test_what_is_no_run_cannot_be_loaded(tmp_path):
    with pytest.raises(ResourceError, match="no such folder"):
        Run.load(tmp_path / "nothing")
    with pytest.raises(CorruptError, match=r"manifest\.json: is missing"):
        Run.load(tmp_path)


def test_the_journal_of_another_run_cannot_be_loaded(story, saved, tmp_path):
    other = Run(story.g1(long=6_000), None, story.INFO).save(tmp_path / "other")
    (saved / "journal.wbj").write_bytes((other / "journal.wbj").read_bytes())
    with pytest.raises(CorruptError, match="another run"):
        Run.load(saved)


def test_a_manifest_of_a_newer_version_is_refused_and_says_so(saved):
    manifest = json.loads((saved / "manifest.json").read_bytes())
    manifest["format"] = 2
    manifest["digest"] = digest_of(manifest)
    (saved / "manifest.json").write_bytes(manifest_bytes(manifest))
    for door in (Run.load, verify):
        with pytest.raises(CorruptError, match="newer"):
            door(saved)
