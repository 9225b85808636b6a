"""A run as one value: summary, folder, and the same bytes every time."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from wattbook.errors import CorruptError, ResourceError
from wattbook.messages import Action
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
        "golden case - seed 7", "neighbours covered 90.2 %", "4 homes and 2 utilities", "saved per home", "median",
        "best", "worst", "3.7 kWh", "128.65 EUR/MWh", "feed-in 75.00", "retail 160.00", "85.8 %",
        "per product, at given storage", "self-sufficiency", "self-consumption", "real gain",
        "money 0, energy 0 Wh off", golden.fingerprint[:16],
    ):  # fmt: skip
        assert word in text


def test_the_summary_tells_incidents_without_their_control_characters(story):
    incident = {"time_ms": story.START_MS + 5_400_000, "agent": "A", "traceback": ""}
    incidents = [{**incident, "error": f"\x1b[31mbad {i}"} for i in range(5)]
    text = Run(story.g1(), None, {**story.INFO, "incidents": incidents}).summary()
    assert "A was quarantined on 2016-06-06 01:30:  [31mbad 0" in text
    assert "\x1b" not in text
    assert "and 2 more incidents" in text


@pytest.mark.parametrize("name", [None, "", " \n ", 3])
def test_a_run_without_a_name_is_called_a_wattbook_run(story, name):
    text = Run(story.g1(), None, {**story.INFO, "scenario": {"name": name}}).summary()
    assert text.startswith("wattbook run - seed 7\n")


def test_a_long_or_wild_name_fits_the_title(story):
    info = {**story.INFO, "scenario": {"name": "\x1b[2J\n" + "the long street " * 30 + "\u202e"}}
    title = Run(story.g1(), None, info).summary().splitlines()[0]
    assert title.startswith("[2J the long street the long street")
    assert title.endswith("... - seed 7")
    wordless = Run(story.g1(), None, {**story.INFO, "scenario": {"name": "x" * 999}}).summary().splitlines()[0]
    assert wordless == "x" * 57 + "... - seed 7"
    assert len(title) <= 100
    assert title.isprintable()


def test_long_lines_are_wrapped_and_what_is_beyond_measure_ends_in_dots(story):
    names = ["a-" + "x" * 62, "b-" + "y" * 62]

    def street(trading):
        about = {"feeder": "north", "utility": "U", "vat": 0}
        town = story.Town(dict.fromkeys(names, about), {"U": (15_000, 8_000)}, market=trading)
        if trading:
            town.trade(0, *names, 7_000, 100)
        town.deliver(0, {names[0]: 100, names[1]: -100})
        return town.record()

    incident = {"time_ms": story.START_MS, "agent": names[0], "error": "so it goes " * 99, "traceback": ""}
    info = {**story.INFO, "incidents": [incident] * 5}
    lines = Run(street(True), street(False), info).summary().splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 100
    assert sum(name in line for line in lines for name in names) == 5
    assert sum(line.endswith(" ...") for line in lines) == 3


@pytest.mark.parametrize(
    ("changes", "gain", "words"),
    [
        ((-50, -20, -10), 20, "of which 0.20 EUR is real gain, the rest comes from utilities, network and state"),
        ((-90, 5, 5), 20, "of which 0.20 EUR is real gain, the rest comes from utilities"),
        ((-90, -20, 0), -10, "of which nothing is real gain, all comes from utilities and network"),
        ((5, -5, 0), 100, "all of which is real gain: the grid above gets that much less"),
    ],
)
def test_the_summary_says_how_much_of_a_saving_is_real(golden, monkeypatch, changes, gain, words):
    cent = 1_000_000
    groups = dict(zip(("utilities", "network", "state"), (change * cent for change in changes), strict=True))
    base = golden.metrics["baseline"]
    parts = {**base["decomposition"], "groups": {"homes": 100 * cent, **groups}, "real_gain": gain * cent}
    bills = {"total": 300 * cent, "total_here": 200 * cent, "decomposition": parts}
    run = Run(golden.record, golden.baseline, golden.info)
    monkeypatch.setitem(vars(run), "metrics", {**golden.metrics, "baseline": {**base, **bills}})
    lines = [line.strip() for line in run.summary().splitlines()]
    row = next(i for i, line in enumerate(lines) if line.endswith("all bills 3.00 EUR -> 2.00 EUR, 1.00 EUR less"))
    assert lines[row + 1] == words
    assert f"{gain / 100:.2f} EUR: {'more' if gain < 0 else 'less'} is paid to the grid above" in run.summary()


def test_bills_that_rose_are_told_without_a_gain(golden, monkeypatch):
    base = golden.metrics["baseline"]
    run = Run(golden.record, golden.baseline, golden.info)
    bills = {**base, "total": 100_000_000, "total_here": 200_000_000}
    monkeypatch.setitem(vars(run), "metrics", {**golden.metrics, "baseline": bills})
    assert "all bills 1.00 EUR -> 2.00 EUR, 1.00 EUR more" in run.summary()
    assert "of which" not in run.summary()


# --- the baseline


def test_the_baseline_is_a_run_of_its_own(golden, story, tmp_path):
    base = golden.baseline_run
    assert base is golden.baseline_run
    assert (base.seed, base.fingerprint) == (7, golden.metrics["baseline"]["fingerprint"])
    assert base.baseline_run is None
    assert len(base.trades) == 0
    assert base.agents["bill"].to_list() == golden.agents["baseline_bill"].to_list()
    assert base.metrics["self_sufficiency"] == golden.metrics["baseline"]["self_sufficiency"]
    assert base.summary().startswith("golden case - seed 7 - without a local market\n")
    assert verify(base.save(tmp_path / "base"))


def test_a_run_without_a_baseline_has_no_run_of_it(story):
    assert Run(story.g1(), None, story.INFO).baseline_run is None


def test_whom_the_baseline_quarantined_is_told_with_it(story, tmp_path):
    town = story.Town({"A": {"feeder": "north", "utility": "U", "vat": 0}}, {"U": (15_000, 8_000)}, market=False)
    town.command(story.START_MS, -1, Action.QUARANTINE, order=0)
    town.deliver(0, {"A": 100})
    base = Run(story.g1(), town.record(), story.INFO).baseline_run
    assert "A was quarantined on 2016-06-06 00:00" in base.summary()
    assert verify(base.save(tmp_path / "base"))


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
    def full(sink):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("wattbook.results.folder.ParquetFile", full)
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
