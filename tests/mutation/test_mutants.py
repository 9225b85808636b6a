"""The mutation test of the kernel: its operators, its streams, and a sample of its mutants."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import killing  # noqa: E402 - found beside this file
import operators  # noqa: E402 - as above

from wattbook.book import Book, kernel_tree  # noqa: E402 - as above

KERNEL_TREE = Path(kernel_tree.__file__)
LEAST_KILLED = 0.90
LEAST_RUN = 60
STAGES = (
    "short", "cases", "setups", "ones", "takers", "rules", "auctions", "tables", "ladders", "crowds",
    "cases in batches", "calls", "small records", "too little", "memory", "large", "ahead", "check",
)  # fmt: skip
SOURCE = """
from wattbook.book.kernel_columns import BEST, ROOT

def chosen(b, row: int = 0) -> int:
    # a comment
    at = 0
    while at < 3 and not b[row, BEST]:
        at += 1
        b[row, ROOT] = min(at, row)
    return at if row != 0 else -at
"""


@pytest.fixture(scope="module")
def stages():
    return killing.stages()


def test_each_operator_changes_what_it_says():
    found = {(mutant.operator, mutant.change) for mutant in operators.mutants(KERNEL_TREE, SOURCE)}
    assert {
        ("comparison", "< -> <="), ("comparison", "!= -> =="), ("constant", "3 -> 4"), ("constant", "3 -> 2"),
        ("logic", "and -> or"), ("unary", "not dropped"), ("unary", "- dropped"), ("index", "BEST -> ORDERS"),
        ("index", "ROOT -> BEST"), ("update", "+= -> -="), ("function", "min -> max"), ("deletion", "without at += 1"),
        ("deletion", "without b[row, ROOT] = min(at, row)"), ("condition", "not (row != 0)"),
        ("condition", "not (at < 3 and (not b[row, BEST]))"),
    } <= found  # fmt: skip
    assert ("deletion", "without at = 0") not in found, "a name would be unknown"


def test_a_mutant_differs_from_its_file_in_one_place_only():
    before = ast.unparse(ast.parse(KERNEL_TREE.read_text())).splitlines()
    every = operators.mutants(KERNEL_TREE)
    assert every == operators.mutants(KERNEL_TREE)
    for mutant in every[::20]:
        after = ast.unparse(operators.mutated(KERNEL_TREE, mutant)).splitlines()
        assert len(after) == len(before)
        assert sum(one != other for one, other in zip(after, before, strict=True)) == 1, mutant


def test_a_larger_sample_contains_the_smaller_one_and_a_small_one_is_small():
    """The drawing sets the interpreter up for mutants as it is imported, so it has one of its own."""
    script = (
        f"import sys; sys.path.insert(0, {str(HERE)!r}); import run\n"
        "every = [mutant for path in run.FILES for mutant in run.operators.mutants(path)]\n"
        "few, some, many = ({one.key for one in run.sample(every, count, 1)} for count in (30, 120, 160))\n"
        "assert few < some < many, (len(few), len(some), len(many))\n"
        "assert 30 <= len(few) <= 50, len(few)\n"
        "assert len({(one.module, one.operator) for one in every}) <= len(some)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_every_listed_survivor_is_a_mutant_and_has_a_reason():
    every, listed = kernel_and_list()
    assert listed
    assert not [key for key in listed if key not in every]
    assert all(reason.strip() for reason in listed.values())


def kernel_and_list():
    import tomllib

    files = sorted(path for path in KERNEL_TREE.parent.glob("kernel*.py") if path.stem != "kernel_machine")
    every = {mutant.key for path in files for mutant in operators.mutants(path)}
    groups = tomllib.loads((HERE / "survivors.toml").read_text(encoding="utf-8"))["group"]
    return every, {tuple(mutant): group["reason"] for group in groups for mutant in group["mutants"]}


@pytest.mark.parametrize("name", STAGES)
def test_the_kernel_itself_passes_every_stage(stages, name):
    assert tuple(stages) == STAGES
    stages[name](Book)


@pytest.mark.slow
def test_nine_of_ten_mutants_are_killed_and_the_rest_is_explained(tmp_path, capsys):
    outcome = tmp_path / "outcome.json"
    done = subprocess.run(
        [sys.executable, str(HERE / "run.py"), "--json", str(outcome)],
        env={**os.environ, "PYTHONWARNINGS": "default"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with capsys.disabled():
        print(f"\n{done.stdout}")  # noqa: T201 - the run's evidence
    told = json.loads(outcome.read_text(encoding="utf-8"))
    assert told["run"] >= LEAST_RUN
    assert told["killed"] >= LEAST_KILLED
    assert all(counts["run"] for counts in told["files"].values())
    assert all(counts["run"] for counts in told["operators"].values())
    assert not [survivor["key"] for survivor in told["survivors"] if not survivor["reason"]]
    assert not told["listed_but_gone"]
    assert not told["listed_but_killed"]
