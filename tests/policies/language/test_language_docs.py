"""The page about requests tells what is seen, answered and stepped as it is."""

import json
import re
from pathlib import Path

import pytest
from language_views import EXAMPLES, FILES

from wattbook.decisions import Question
from wattbook.policies.language.ladders import CEILINGS, MARK_UPS, PREMIUMS
from wattbook.policies.language.library import shipped_personas
from wattbook.policies.language.schemas import ANSWERS, WEIGHTS

PAGE = (Path(__file__).parents[3] / "docs" / "language-models-requests.md").read_text(encoding="utf-8")


def section(title):
    return re.search(rf"^## {title}$\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)[1]


def rows(text):
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def ticked(text):
    return set(re.findall(r"`([^`]+)`", text))


@pytest.mark.parametrize("question", Question)
def test_the_page_names_every_field_that_is_seen_and_answered(question):
    seen = json.loads(FILES[question].observe(EXAMPLES[question], 1)[0])
    inner = {name for value in seen.values() if isinstance(value, list) for each in value if isinstance(each, dict)
             for name in each}  # fmt: skip
    told = rows(section(question.value))
    assert set().union(*(ticked(row[0]) for row in told)) == set(seen) | set(ANSWERS[question])
    assert inner <= set().union(*(ticked(row[1]) for row in told))


@pytest.mark.parametrize("table", [MARK_UPS, PREMIUMS, CEILINGS])
def test_the_page_tells_the_steps_as_they_are(table):
    assert [str(step) for step in table] in [row[1:] for row in rows(section("Steps"))]


def test_the_page_names_every_persona_and_all_weights():
    told = {row[0]: set(row[1].split(", ")) for row in rows(section("Personas"))[2:]}
    assert told == {question.value: set(known) for question, known in shipped_personas().items()}
    assert all(weights in section("Sharing a request") for weights in WEIGHTS)
