"""The benchmark of detection: its arithmetic, a few seeds of every case, the docs' table where there is time."""

import re
from pathlib import Path

import pytest
from benchmarks.detection import BLOCK, MOST_FALSE, Row, against_runs, judge, measure, row_of, table, wilson, written
from benchmarks.detection_cases import CASES, monopolist, scarce

from wattbook.messages import Action, Command
from wattbook.oversight import Item, Rule

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "regulator-detection.md"
EACH = [(rule, case) for rule, cases in CASES.items() for case in cases]
VILLAINS = [(rule, case) for rule, case in EACH if not case.is_honest]


def said(action, number, **given):
    return Command(0, -1, action, order=number, **given)


def row(**given):
    plain = {
        "rule": "gouging", "case": "a case", "strength": "", "seeds": 10, "judged": 200, "flagged": 0, "caught": 0,
        "fines_exceed_gains": True, "honest": True, "sure": False,
    }  # fmt: skip
    return Row(**(plain | given))


def test_an_interval_is_wilsons():
    # Newcombe (1998), Statistics in Medicine 17:857-872, table I: 81 of 263, 15 of 148, 0 of 20.
    for count, total, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611)):
        assert wilson(count, total) == pytest.approx((low, high), abs=5e-5)
    assert wilson(0, 0) == (0.0, 1.0)


def test_the_innocent_and_the_guilty_are_told_apart():
    words = [
        said(Action.FIND, 3), said(Action.EVIDENCE, 0, book=Item.OFFENCE), said(Action.EVIDENCE, 0, book=Item.OFFENCE),
        said(Action.FIND, 5), said(Action.EVIDENCE, 1, book=Item.OFFENCE), said(Action.EVIDENCE, 1, book=Item.GAIN),
        said(Action.FINE, 0, price_tick=7, quantity_wh=1),
    ]  # fmt: skip
    assert judge(words, [3]) == (1, True, True)
    assert judge(words, [5]) == (2, False, True), "who was only found was not sanctioned"
    assert judge([*words, said(Action.FINE, 1, price_tick=7)], [5]) == (2, True, False)
    assert judge([], [3]) == (0, False, True)


def test_broken_promises_are_faults():
    assert row(flagged=2).faults == []
    assert len(row(flagged=3).faults) == 1, f"more than {MOST_FALSE:.0%}"
    assert row(honest=False, sure=False, caught=9).faults == []
    assert len(row(honest=False, sure=True, caught=9).faults) == 1
    assert len(row(honest=False, sure=True, caught=10, fines_exceed_gains=False).faults) == 1


@pytest.mark.parametrize(("rule", "case"), EACH, ids=[f"{rule.name}-{case.name}" for rule, case in EACH])
def test_a_few_seeds_of_every_case_keep_their_promises(rule, case):
    for strength in {case.strengths[0], case.strengths[-1]}:
        found = row_of(rule, case, strength, range(1_000, 1_002))
        assert found.faults == []
        assert found.judged > 0


@pytest.mark.parametrize(
    ("rule", "case"),
    [
        pytest.param(rule, case, marks=[] if rule == Rule.GOUGING else [pytest.mark.slow, pytest.mark.long],
                     id=f"{rule.name}-{case.name}")
        for rule, case in VILLAINS
    ],
)  # fmt: skip
def test_power_grows_with_how_far_a_villain_goes(rule, case):
    caught = [row_of(rule, case, strength, range(12)).caught for strength in case.strengths]
    assert caught == sorted(caught)
    assert caught[0] == 0
    assert caught[-1] == 12


def test_a_villain_is_needed_and_honest_scarcity_is_scarce():
    for seed in range(20):
        place = monopolist(seed, 400)
        able = place.available_wh
        assert ((able.sum() - able[0]) < place.demand_wh).all()
        assert (place.demand_wh < able.sum()).all()
    assert any((scarce(seed, 0).demand_wh > scarce(seed, 0).available_wh.sum()).any() for seed in range(5))


def test_worlds_come_to_the_same_as_runs():
    checked, differing = against_runs([Rule.GOUGING], 1, lambda text: None)
    assert checked >= len(CASES[Rule.GOUGING])
    assert differing == []


def test_the_page_takes_a_table_again_and_again():
    rows = [row(), row(honest=False, strength="300 %", caught=10, sure=True)]
    page = PAGE.read_text(encoding="utf-8")
    once = written(page, table(rows))
    assert "100.00" in table(rows)
    assert table(rows) in once
    assert written(written(once, "other"), table(rows)) == once
    assert len(BLOCK.findall(page)) == 1


@pytest.mark.slow
@pytest.mark.long
def test_the_page_shows_the_table_of_today_and_every_promise_holds():
    rows = measure(CASES, 300, lambda text: None)
    assert [fault for row in rows for fault in row.faults] == []
    shown = BLOCK.search(PAGE.read_text(encoding="utf-8"))[0]
    assert table(rows) in shown
    assert re.search(r"\n\d+ of these worlds were run as scenarios: 0 differ\n", shown)
