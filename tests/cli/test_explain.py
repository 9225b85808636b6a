"""`wattbook explain RUN --sanction N`: what it prints, and what it says when there is nothing to explain."""

import json

import pytest

ISLAND = """
from wattbook import *
from wattbook.units import eur, eur_per_mwh, hours, kw, mw
def plant(name, capacity, cost, **more):
    price = eur_per_mwh(cost)
    return producer(name, "gas", kw(capacity), cost=price, reference=price, outages=False, **more)
scenario = Scenario(start="2016-06-06", days=1, hours=1, local=None, period=hours(1), wholesale=Auction(link=mw(0)),
    regulator=Regulator(latency=hours(0)), agents=[
    utility("town", retail=eur_per_mwh(300), feed_in=eur_per_mwh(50), represents=1, profile="flat", rated=kw(100)),
    plant("M", 80, 100, offer=eur_per_mwh(300), turnover=eur(45)), plant("F1", 30, 110), plant("F2", 20, 120)])
"""


@pytest.fixture
def island(wattbook, tmp_path):
    """Run the known answer K1 into the folder ``island``."""
    (tmp_path / "island.py").write_text(ISLAND)
    assert wattbook("run", "island.py", "-q", "--out", "island").code == 0
    return wattbook


def test_a_sanction_is_explained_to_people_and_to_programs(island):
    said = island("explain", "island", "--sanction", 0)
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("sanction 0: fine, 13.95 EUR\n")
    assert "the treasury keeps 4.75 EUR" in said.out
    told = json.loads(island("explain", "island", "--sanction", 0, "--json").out)
    assert (told["agent"], told["amount"]) == ("M", 1_395_000_000)
    assert island("explain", "island", "--sanction", 1).out.startswith("sanction 1: mitigation")
    assert "ok  journal.wbj: the regulator's decisions follow from its record" in island("verify", "island").out


@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("2", "there is no sanction 2 in this run: choose one from 0 to 1"),
        ("-1", "--sanction '-1' is no row of the table of sanctions: write --sanction 0"),
        ("first", "--sanction 'first' is no row"),
        ("9" * 40, "is no row"),
    ],
)
def test_a_sanction_that_there_is_not_is_refused(island, number, said):
    ended = island("explain", "island", f"--sanction={number}")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("error [config]: ")
    assert said in ended.err


def test_a_run_without_a_regulator_is_told_how_to_get_one(wattbook):
    assert wattbook("run", "street.py", "-q", "--out", "street").code == 0
    ended = wattbook("explain", "street", "--sanction", 0)
    assert (ended.code, ended.out) == (2, "")
    assert "the run has no regulator, so nothing was sanctioned: run it with Regulator()" in ended.err


def test_what_is_to_be_explained_must_be_said_and_be_there(wattbook):
    assert "--sanction" in wattbook("explain", "nowhere").err
    assert wattbook("explain", "nowhere").code == 2
    assert wattbook("explain", "nowhere", "--sanction", 0).code == 5


def test_help_names_what_can_be_explained_and_nothing_else(wattbook):
    said = wattbook("explain", "--help").out
    assert "--sanction" in said
    assert not [option for option in ("--trade", "--order", "--agent") if option in said]
