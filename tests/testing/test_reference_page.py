"""The kit's page names every law and relation as the code does."""

from __future__ import annotations

from pathlib import Path

from wattbook.testing import INVARIANTS, RELATIONS
from wattbook.testing.checks_journal import RECORD_INVARIANTS

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"


def rows(heading):
    """Cells of the tables below a heading."""
    part = PAGE.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [
        line for line in part.splitlines() if line.startswith("| ") and not line.startswith(("| law", "| relation"))
    ]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_page_tells_every_law():
    told = [(row[0], row[1]) for row in rows("Laws")]
    assert told == [(law.name, law.meaning) for law in (*INVARIANTS.values(), *RECORD_INVARIANTS)]


def test_the_page_tells_every_relation():
    told = [(row[0].strip("`"), row[1]) for row in rows("Relations")]
    assert told == [(relation.name, relation.meaning) for relation in RELATIONS.values()]
