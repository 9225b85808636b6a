"""Scripts: found, read, and refused with the line and the reason."""

import json
import sys
from pathlib import Path

import pytest

from wattbook import ConfigError, load_scenario
from wattbook.errors import DataError
from wattbook.scenario import find_script, shipped_scenarios

SOUND = """
from wattbook import *
from wattbook.units import kw
scenario = Scenario(start="2016-06-06", days=1, agents=[
    consumer("ada"), utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(80))])
"""


@pytest.fixture
def script(tmp_path):
    """Give a function that writes a script and returns its path."""

    def write(text, name="street.py"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def refused(path):
    with pytest.raises(ConfigError) as caught:
        load_scenario(path)
    return caught.value.problems


def test_a_script_is_read_by_its_path(script):
    assert load_scenario(script(SOUND)).days == 1
    assert load_scenario(str(script(SOUND))).days == 1


def test_a_script_read_twice_within_a_second_is_read_anew(script):
    load_scenario(script(SOUND))
    assert load_scenario(script(SOUND.replace("days=1", "days=2"))).days == 2


def test_a_script_is_not_main_and_leaves_no_cache_behind(script):
    path = script(SOUND + "\nif __name__ == '__main__':\n    raise RuntimeError\n")
    load_scenario(path)
    assert [each.name for each in path.parent.iterdir()] == ["street.py"]


def test_a_script_may_import_its_neighbours(script):
    script("DAYS = 3\n", "helper_of_street.py")
    path = script("from helper_of_street import DAYS\n" + SOUND.replace("days=1", "days=DAYS"))
    try:
        assert load_scenario(path).days == 3
    finally:
        sys.modules.pop("helper_of_street", None)
    assert str(path.parent) not in sys.path


def test_what_a_script_prints_stays_out_of_standard_output(script, capsys):
    load_scenario(script("print('hello')\n" + SOUND))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "hello" in captured.err


@pytest.mark.parametrize("name", sorted(shipped_scenarios()))
def test_every_shipped_scenario_is_sound_and_answers_a_question(name):
    scenario = load_scenario(name)
    assert scenario.cautions() == []
    assert scenario.check().members == scenario.homes + len(scenario.traders)
    question = find_script(name).read_text().split('"""')[1].splitlines()[0]
    assert question.endswith("?")
    assert json.loads(scenario.to_json())["days"] == scenario.days


def test_an_unknown_shipped_name_is_told_the_nearest():
    assert "(did you mean 'neighbourhood'?)" in refused("neighborhood")[0]


def test_a_missing_script_is_told_the_nearest_in_its_folder(script):
    path = script(SOUND)
    assert "(did you mean 'street.py'?)" in refused(path.with_name("stret.py"))[0]


def test_a_folder_and_a_text_are_no_scripts(tmp_path):
    assert "is a folder" in refused(tmp_path)[0]
    (tmp_path / "a.txt").write_text("x")
    assert "is not a Python script" in refused(tmp_path / "a.txt")[0]
    assert "no scenario script" in refused(tmp_path / "none" / "x.py")[0]


def test_a_script_without_a_scenario_is_refused(script):
    assert refused(script("x = 1\n")) == ("street.py has no variable 'scenario': write scenario = Scenario(...)",)
    assert "rename 'street'" in refused(script(SOUND.replace("scenario =", "street =")))[0]
    assert "scenario is a int" in refused(script("scenario = 3\n"))[0]


def test_a_script_that_raises_is_refused_with_its_line(script):
    assert refused(script("x = 1\ny = x / 0\n")) == ("street.py:2: ZeroDivisionError: division by zero",)


def test_a_script_with_a_slip_in_its_grammar_is_refused_with_its_line(script):
    assert refused(script("x = 1\ny = (\n"))[0].startswith("street.py:2: ")


def test_a_script_that_ends_itself_is_refused(script):
    assert refused(script("import sys\nsys.exit(0)\n"))[0].startswith("street.py:2: the script ends itself")


def test_a_script_that_misses_an_import_is_refused(script):
    assert "No module named 'nowhere'" in refused(script("import nowhere\n"))[0]


def test_an_interrupt_passes_through(script):
    with pytest.raises(KeyboardInterrupt):
        load_scenario(script("raise KeyboardInterrupt\n"))


def test_all_problems_of_all_parts_are_told_at_once_with_their_lines(script):
    path = script(
        "from wattbook import *\n"
        "a = consumer('a b')\n"
        "b = consumer('bo', rated=3, bogus=1)\n"
        "m = LocalMarket(period=15)\n"
        "n = neighbourhood('simbench/LV2.10', pv_share=2)\n"
        "scenario = Scenario(start='2016-06-06', days=0, agents=[a, b, *n], local=m)\n"
    )
    problems = refused(path)
    assert [problem.split(": ")[0] for problem in problems] == [
        "street.py:2", "street.py:3", "street.py:3", "street.py:4", "street.py:5", "street.py:5", "street.py:6",
    ]  # fmt: skip
    assert not any("no utility" in problem for problem in problems)


def test_problems_without_a_scenario_are_told_too(script):
    assert len(refused(script("from wattbook import *\nconsumer('a b')\n"))) == 1


def test_problems_of_units_and_assets_are_told_with_the_others(script):
    path = script("from wattbook import *\nconsumer('a b')\nPv(-3)\n")
    assert [problem.split(": ")[0] for problem in refused(path)] == ["street.py:2", "street.py:3"]
    path = script("from wattbook import *\nconsumer('a b')\nkw('3')\n")
    assert [problem.split(": ")[0] for problem in refused(path)] == ["street.py:2", "street.py:3"]


def test_after_a_faulty_script_parts_raise_at_once_again(script):
    refused(script("from wattbook import *\nconsumer('a b')\n"))
    from wattbook import consumer

    with pytest.raises(ConfigError):
        consumer("a b")


def test_a_script_that_reads_bad_data_keeps_its_data_error(script):
    with pytest.raises(DataError):
        load_scenario(script("from wattbook.data import read_profile\nread_profile('none.csv')\n"))


def test_a_policy_of_the_script_is_hashed_by_its_source(script):
    policy = "def sleep(see, memory, draw, out):\n    return {}\n"
    text = SOUND.replace('consumer("ada")', 'consumer("ada", policy=sleep)')
    one = load_scenario(script(policy.format(1) + text, "one.py")).to_json()
    same = load_scenario(script(policy.format(1) + text, "same.py")).named("one").to_json()
    other = load_scenario(script(policy.format(2) + text, "two.py")).to_json()
    assert one == same
    assert one != other
    assert '"name":"sleep"' in one


def test_a_scenario_takes_its_scripts_name_unless_it_has_one(script):
    assert load_scenario(script(SOUND, "one.py")).name == "one"
    named = SOUND.replace("Scenario(", "Scenario(name='Berlin, <b>June</b>', ", 1)
    assert load_scenario(script(named, "two.py")).name == "Berlin, <b>June</b>"


def test_the_name_stays_out_of_the_digest_and_in_the_json(script):
    one, other = (load_scenario(script(SOUND, name)) for name in ("one.py", "other.py"))
    assert one.to_json() != other.to_json()
    assert one.digest() == other.digest()
    assert one.with_values({"days": 2}).digest() != one.digest()
    assert len(one.digest()) == 64


def test_a_given_name_is_made_printable_and_cut(script):
    scenario = load_scenario(script(SOUND))
    assert scenario.named("a\nb\x1b[31m").name == "a?b?[31m"
    assert scenario.named("x" * 300).name == "x" * 197 + "..."


def test_shipped_scenarios_lie_beside_the_package_in_a_checkout():
    assert {"neighbourhood", "forecast_errors", "rivals", "two_feeders"} <= set(shipped_scenarios())
    assert all(isinstance(path, Path) for path in shipped_scenarios().values())


def test_units_assets_personas_and_parts_of_one_script_are_all_told_with_their_lines(tmp_path):
    script = tmp_path / "multi.py"
    script.write_text(
        "from wattbook import *\n"
        "from wattbook.units import *\n"
        "scenario = Scenario(start='2016-06-06', days=1, agents=[\n"
        "    prosumer('ada', rated=3, pv=Pv(kw(0))),\n"
        "    prosumer('bo', pv=Pv(kw(float('nan'))), policy=home('angry')),\n"
        "    utility('blue', retail=eur_per_mwh(10), feed_in=eur_per_mwh(80)),\n"
        "], local=LocalMarket(period=minutes(7), closes_before=minutes(-5)))\n"
    )
    with pytest.raises(ConfigError) as caught:
        load_scenario(script)
    told = [problem.split(" ")[:2] for problem in caught.value.problems]
    assert told == [
        ["multi.py:4:", "pv:"],
        ["multi.py:4:", "ada.rated=3"],
        ["multi.py:5:", "power=nan"],
        ["multi.py:5:", "persona='angry'"],
        ["multi.py:7:", "local.period=minutes(7)"],
        ["multi.py:7:", "local.closes_before=minutes(-5)"],
        ["multi.py:3:", "blue.feed_in=eur_per_mwh(80)"],
    ]
