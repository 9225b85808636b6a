import json

import pytest

from wattbook.errors import ConfigError
from wattbook.study import Experiment

ROWS = [
    {"variant": "rules", "mean": 0.125, "base": None},
    {"variant": "a-name-that-is-far-too-long-to-be-shown", "mean": 2},
]


def test_it_is_text_frame_and_json():
    told = Experiment("prices", {"runs": [], "effects": ROWS}, ("one seed",))
    lines = str(told).splitlines()
    assert lines[0] == "prices"
    assert lines[3].split() == ["variant", "mean", "base"]
    assert lines[4].split() == ["rules", "0.125", "-"]
    assert "a-name-that-is-far-too-long-to-..." in lines[5]
    assert lines[-1] == "caution: one seed"
    assert told.frame()["mean"].to_list() == [0.125, 2]
    assert "<table" in told._repr_html_()


def test_what_is_saved_can_be_read(tmp_path):
    told = Experiment("prices", {"runs": [], "effects": ROWS})
    read = json.loads(told.save(tmp_path / "prices.json").read_text())
    assert read["tables"]["effects"] == ROWS


def test_a_table_that_is_not_there_is_named():
    with pytest.raises(ConfigError, match="did you mean 'runs'"):
        Experiment("prices", {"runs": [], "effects": []}).rows("run")
