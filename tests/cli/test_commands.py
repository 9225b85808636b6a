"""What each command does, and what it says and returns when it cannot."""

import json
import tomllib
from pathlib import Path

import pytest

import wattbook as package

ROOT = Path(__file__).parents[2]


def test_run_saves_the_run_and_prints_its_summary(wattbook, tmp_path):
    ended = wattbook("run", "street.py", "--seed", 3)
    assert ended.code == 0
    assert "fingerprint" in ended.out
    assert "saved in runs/street-3" in ended.out
    assert (tmp_path / "runs/street-3/manifest.json").is_file()


def test_a_second_run_takes_the_next_free_number(wattbook):
    for place in ("runs/street-7", "runs/street-7-2", "runs/street-7-3"):
        assert f"saved in {place}:" in wattbook("run", "street.py", "-q").out


def test_out_names_the_folder_and_must_be_free(wattbook, tmp_path):
    assert wattbook("run", "street.py", "-q", "--out", "deep/er/run").code == 0
    before = sorted(path.name for path in (tmp_path / "deep/er/run").rglob("*"))
    ended = wattbook("run", "street.py", "-q", "--out", "deep/er/run")
    assert (ended.code, ended.out) == (5, "")
    assert "error [resource]: deep/er/run exists already and is never overwritten" in ended.err
    assert sorted(path.name for path in (tmp_path / "deep/er/run").rglob("*")) == before


@pytest.mark.parametrize("place", ["taken", "dangling", "street.py/run", "/proc/nowhere/run"])
def test_a_place_that_cannot_be_made_is_refused_before_the_run(wattbook, tmp_path, place):
    (tmp_path / "taken").mkdir()
    (tmp_path / "dangling").symlink_to(tmp_path / "none")
    ended = wattbook("run", "street.py", "--out", place)
    assert (ended.code, ended.out) == (5, "")
    assert ended.err.startswith("error [resource]: ")
    assert "market" not in ended.err


def test_json_is_all_that_stands_on_standard_output(wattbook):
    ended = wattbook("run", "street.py", "--json")
    figures = json.loads(ended.out)
    assert figures["money_sum"] == 0
    assert figures["baseline"] is not None
    shown = wattbook("show", "runs/street-7", "--json")
    assert json.loads(shown.out) == figures


def test_days_and_settings_reach_the_run(wattbook):
    ended = wattbook("run", "street.py", "-q", "--days", 2, "--set", "blue.retail=200", "--set", "local.period=2h")
    assert ended.code == 0
    manifest = json.loads(Path("runs/street-7/manifest.json").read_text())
    assert manifest["scenario"]["days"] == 2
    assert manifest["scenario"]["local"]["period"] == 7_200_000
    assert next(agent for agent in manifest["scenario"]["agents"] if agent["name"] == "blue")["retail"] == [20_000] * 24


def test_the_saved_scenario_is_named_after_its_script_and_what_was_changed(wattbook):
    def name():
        return json.loads(Path("runs/street-7/manifest.json").read_text())["scenario"]["name"]

    assert wattbook("run", "street.py", "-q", "--days", 1, "--set", "local.closes_before=60").code == 0
    assert name() == "street (local.closes_before=60, days=1)"
    assert wattbook("run", "street.py", "-q", "--set", "name=June").code == 0
    assert json.loads(Path("runs/street-7-2/manifest.json").read_text())["scenario"]["name"] == "June"


def test_progress_is_plain_lines_of_about_ten_percent_without_a_terminal(wattbook):
    lines = [line for line in wattbook("run", "street.py").err.splitlines() if "events/s" in line]
    assert 8 <= len(lines) <= 11
    assert all(part in lines[-1] for part in ("without", "2016-06-07 00:00", "100%", "trades", "ETA 0 s"))
    assert "\x1b" not in "".join(lines)


def test_quiet_says_nothing_on_standard_error(wattbook):
    assert wattbook("run", "street.py", "--quiet").err == ""


def test_show_and_verify_read_a_saved_run(wattbook):
    summary = wattbook("run", "street.py", "-q").out.split("\n\nsaved in")[0]
    assert wattbook("show", "runs/street-7").out.strip() == summary.strip()
    ended = wattbook("verify", "runs/street-7")
    assert ended.code == 0
    assert all(line.startswith("ok  ") for line in ended.out.splitlines())


def test_verify_and_show_refuse_a_run_that_was_changed(wattbook):
    wattbook("run", "street.py", "-q")
    journal = Path("runs/street-7/journal.wbj")
    content = bytearray(journal.read_bytes())
    content[len(content) // 2] ^= 1
    journal.write_bytes(content)
    for command in ("verify", "show"):
        ended = wattbook(command, "runs/street-7")
        assert (ended.code, ended.out) == (4, "")
        assert "error [corrupt]" in ended.err
        assert "Traceback" not in ended.err


def test_compare_sets_two_saved_runs_side_by_side(wattbook):
    wattbook("run", "street.py", "-q")
    wattbook("run", "street.py", "-q", "--set", "blue.retail=200")
    said = wattbook("compare", "runs/street-7", "runs/street-7-2")
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    assert lines[0].startswith("A  street - seed 7, 2 homes, ")
    assert lines[1].startswith("B  street (blue.retail=200) - seed 7, 2 homes, ")
    assert "what differs      blue.retail: [16000 x 24] -> [20000 x 24]" in lines
    told = json.loads(wattbook("compare", "runs/street-7", "runs/street-7-2", "--json").out)
    back = json.loads(wattbook("compare", "runs/street-7-2", "runs/street-7", "--json").out)
    assert told["bills"]["total"]["difference"] == -back["bills"]["total"]["difference"] > 0
    shown = json.loads(wattbook("show", "runs/street-7-2", "--json").out)
    assert told["figures"]["self_sufficiency"]["b"] == shown["self_sufficiency"]
    twice = wattbook("compare", "runs/street-7", "runs/street-7")
    assert "nothing in scenario and seed: the same journal, all differences are 0" in twice.out


def test_compare_refuses_other_days(wattbook):
    wattbook("run", "street.py", "-q")
    wattbook("run", "street.py", "-q", "--days", 2)
    ended = wattbook("compare", "runs/street-7", "runs/street-7-2")
    assert (ended.code, ended.out) == (2, "")
    assert "error [config]: A lasts 24 h and B 48 h: run one of the scenarios again" in ended.err


def test_compare_tells_what_is_wrong_with_either_folder(wattbook, tmp_path):
    wattbook("run", "street.py", "-q")
    (tmp_path / "empty").mkdir()
    journal = Path("runs/street-7/journal.wbj")
    journal.write_bytes(journal.read_bytes()[:-1])
    ended = wattbook("compare", "runs/street-7", "empty")
    assert (ended.code, ended.out) == (4, "")
    assert "  - runs/street-7: journal.wbj: " in ended.err
    assert "  - empty: manifest.json: is missing" in ended.err
    ended = wattbook("compare", "empty", "none")
    assert ended.code == 5
    assert "none: there is no such folder" in ended.err


def test_a_folder_that_is_no_run_is_refused(wattbook, tmp_path):
    assert wattbook("show", "none").code == 5
    (tmp_path / "empty").mkdir()
    assert wattbook("verify", "empty").code == 4


def test_check_tells_size_and_cautions_without_running(wattbook, tmp_path):
    ended = wattbook("check", "street.py", "--set", "bo.pv=none", "--set", "bo.battery=none")
    assert ended.code == 2
    assert "bo has neither pv nor battery" in ended.err
    ended = wattbook("check", "street.py")
    assert "street.py is sound: 2 members, 1 utility, 24 periods in 1 day" in ended.out
    assert "estimate: " in ended.out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["street.py"]


def test_check_counts_traders(wattbook):
    assert "laboratory is sound: 22 traders, 0 utilities" in wattbook("check", "laboratory").out
    assert "seed-1 is sound: 103 members, 3 utilities, 8 producers, 672 periods" in wattbook("check", "seed-1").out
    assert "allaz-vila is sound: a forward game of 2 sellers, 2 periods in 1 day" in wattbook("check", "allaz-vila").out
    assert "auto|processes|population" in wattbook("run", "--help").out


def test_check_tells_data_faults_with_their_own_code(wattbook):
    ended = wattbook("check", "street.py", "--days", 400)
    assert ended.code == 3
    assert "error [data]: ada and 1 more: horizon/outside" in ended.err


def test_a_run_that_cannot_fit_into_memory_is_a_matter_of_resources(wattbook):
    ended = wattbook("run", "street.py", "--days", 1_000_000, "--set", "local.period=1")
    assert ended.code == 5
    assert "MiB" in ended.err


def test_init_writes_a_script_that_checks_and_refuses_to_overwrite(wattbook, tmp_path):
    assert wattbook("init", "mine.py").code == 0
    assert "is sound: 105 members" in wattbook("check", "mine.py").out
    (tmp_path / "mine.py").write_text("mine")
    ended = wattbook("init", "mine.py")
    assert ended.code == 5
    assert (tmp_path / "mine.py").read_text() == "mine"


def test_init_wants_a_python_script_in_a_folder_that_exists(wattbook):
    assert wattbook("init", "mine.txt").code == 2
    ended = wattbook("init", "none/mine.py")
    assert ended.code == 5
    assert "none/mine.py cannot be made: the folder none is missing, make it first" in ended.err


def test_data_check_sums_up_a_profile_or_lists_its_faults(wattbook, tmp_path):
    rows = [f"2016-06-06T{hour:02d}:00Z,0.5" for hour in range(24)]
    (tmp_path / "mine.csv").write_text("\n".join(["time,kwh", *rows]))
    said = wattbook("data", "check", "mine.csv").out
    assert said == "mine.csv is sound: 24 intervals of 60 min, 2016-06-06T00:00Z to 2016-06-06T23:00Z, 12.000 kWh\n"
    (tmp_path / "mine.csv").write_text("time,kwh\n2016-06-06T00:00Z,nan\n2016-06-06T01:00,-1\n")
    ended = wattbook("data", "check", "mine.csv")
    assert ended.code == 3
    assert "error [data]: " in ended.err
    assert "\n  - profile/" in ended.err


@pytest.mark.parametrize("address", ["https://example.org/mine.csv", "HTTP://example.org", "s3://store/mine.parquet"])
def test_data_check_does_not_reach_for_an_address(wattbook, address):
    ended = wattbook("data", "check", address)
    assert ended.code == 3
    assert "error [data]: profile/url: " in ended.err


def test_data_import_refuses_what_is_no_data_set(wattbook):
    ended = wattbook("data", "import", "simbench", "street.py", "--grid", "LV2.101", "--out", "grid")
    assert ended.code == 3
    assert "import/source" in ended.err
    assert wattbook("data", "import", "opsd", "street.py", "--grid", "x", "--out", "y").code == 2


def test_the_version_is_the_projects(wattbook):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert package.__version__ == project["version"]
    assert wattbook("--version").out == f"wattbook {project['version']}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "street.py", "--sed", "3"), "--seed"),
        (("run", "street.py", "--seed", "-1"), "--seed"),
        (("run", "street.py", "--seed", "seven"), "--seed"),
        (("run", "street.py", "--seed", str(1 << 63)), "--seed"),
        (("run", "street.py", "--days", "two"), "days='two' is not a whole number"),
        (("run", "street.py", "--days", "0"), "days='0' is out of range"),
        (("run", "street.py", "--set", "blue.retail"), "is not KEY=VALUE"),
        (("run", "street.py", "--set", "=3"), "is not KEY=VALUE"),
        (("run", "street.py", "--set", "grid="), "--set 'grid=' has no value"),
        (("run", "laboratory", "--engine", "population"), "cannot carry out a laboratory market"),
        (("run", "street.py", "--set", "days=2", "--set", "days=3"), "--set days is given twice"),
        (("run", "street.py", "--days", "2", "--set", "days=3"), "days are given twice"),
        (("run", "street.py", "--set", "days=\u0663"), "is not a whole number"),
        (("run", "street.py", "--set", "blu.retail=3"), "(did you mean 'blue'?)"),
        (("run", "street.py", "--engine", "populations"), "did you mean 'population'"),
        (("run", "street.py", "--threads", "0"), "is not a whole number from 1 to 1024"),
        (("run", "street.py", "--threads", "two"), "is not a whole number from 1 to 1024"),
        (("run", "stret.py"), "(did you mean 'street.py'?)"),
        (("run", "neighborhood"), "(did you mean 'neighbourhood'?)"),
        (("run",), "SCENARIO"),
        (("fly",), "fly"),
        (("study", "street.py"), "study"),
        (("show", "a", "b"), "b"),
        (("compare", "a"), "RUN_B"),
    ],
)
def test_a_slip_on_the_command_line_ends_with_2_and_says_why(wattbook, arguments, message):
    ended = wattbook(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err
    assert "Traceback" not in ended.err


def test_all_slips_are_told_in_one_block(wattbook):
    ended = wattbook("run", "street.py", "--set", "x", "--set", "blu.retail=3", "--days", 0)
    assert ended.err.startswith("error [config]: 3 problems\n  - ")
    assert ended.err.count("\n  - ") == 3


def test_a_script_that_fails_shows_its_traceback_only_with_debug(wattbook, tmp_path):
    (tmp_path / "bad.py").write_text("x = 1 / 0\n")
    plain, debug = wattbook("run", "bad.py"), wattbook("run", "bad.py", "--debug")
    assert plain.code == debug.code == 2
    assert plain.err == "error [config]: bad.py:1: ZeroDivisionError: division by zero\n"
    assert "Traceback" in debug.err
    assert debug.err.endswith(plain.err)


def test_control_characters_of_a_script_do_not_reach_the_terminal(wattbook, tmp_path):
    (tmp_path / "bad.py").write_text("raise ValueError('\\x1b[31mred\\nnext')\n")
    ended = wattbook("run", "bad.py")
    assert "\x1b" not in ended.err
    assert ended.err.count("\n") == 1


def test_a_failing_policy_that_must_not_fail_ends_with_2(wattbook, tmp_path):
    script = (tmp_path / "street.py").read_text()
    (tmp_path / "bad.py").write_text(
        "def bad(see, memory, draw, out):\n    raise ValueError('no idea')\n"
        + script.replace("agents=[", "on_policy_error='fail', agents=[consumer('cy', policy=bad),")
    )
    ended = wattbook("run", "bad.py", "-q")
    assert ended.code == 2
    assert ended.err.startswith("error [policy]: ")
    assert not (tmp_path / "runs").exists()


def test_help_of_every_command_names_its_arguments(wattbook):
    for command in (
        "run",
        "demo",
        "init",
        "check",
        "show",
        "compare",
        "verify",
        "explain",
        "warm-up",
        "data",
        "data import",
        "data check",
    ):
        ended = wattbook(*command.split(), "--help")
        assert ended.code == 0
        assert ended.out.startswith(f"Usage: wattbook {command}")


def test_commands_of_later_versions_are_absent(wattbook):
    listed = wattbook("--help").out
    for later in ("resume", "report", "study", "export"):
        assert f"  {later} " not in listed


def test_bench_hands_its_options_on(wattbook):
    assert wattbook("bench", "--help").out.startswith("usage: wattbook bench book")
    assert wattbook("bench", "run", "--help").out.startswith("usage: wattbook bench run")
    assert wattbook("bench", "--stream", "loca").code == 2
    ended = wattbook("bench", "boook")
    assert ended.code == 2
    assert ended.err == "error [config]: no benchmark 'boook' (did you mean 'book'?): give one of book, run\n"


def test_bench_measures(wattbook):
    ended = wattbook("bench", "--batch", "--stream", "local", "--messages", "2000", "--json")
    assert ended.code == 0
    assert json.loads(ended.out)["streams"]["local"]["books"]["minimal book"]["fills"] > 0


def test_warm_up_compiles_and_says_so(wattbook):
    assert wattbook("warm-up").out.startswith("kernels are compiled (")
