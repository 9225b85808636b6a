"""Whole runs are counted and timed."""

import json

from benchmarks.options import run_options

from benchmarks import run

SCRIPT = """
from wattbook import *
from wattbook.units import kw
scenario = Scenario(start="2016-06-06", days=2, local=LocalMarket(period=minutes(60)), agents=[
    consumer("ada", rated=kw(3)), prosumer("bo", pv=Pv(kw(9))),
    utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(80))])
"""


def test_a_run_is_counted_and_timed(tmp_path, capsys):
    (tmp_path / "street.py").write_text(SCRIPT)
    wanted = ["--scenario", str(tmp_path / "street.py"), "--runs", "2"]
    assert run.main(run_options([*wanted, "--json"])) == 0
    told = json.loads(capsys.readouterr().out)["run"]
    assert told["days"] == 1
    assert told["wakes"] > 0
    assert told["events_per_s"] >= told["wakes_per_s"] > 0
    assert len(told["cpu_s_of_each"]) == 2
    assert run.main(run_options(wanted)) == 0
    assert "events_per_s" in capsys.readouterr().out
