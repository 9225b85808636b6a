"""The page about the desk names every verb, code, event and cause with its number."""

import re
from pathlib import Path

import pytest

from wattbook.contracts import Code, Event, LegCause, Verb
from wattbook.messages import Cause

PAGE = (Path(__file__).parents[2] / "docs" / "contracts.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("words", [Verb, Code, Event, LegCause], ids=lambda kind: kind.__name__)
def test_the_page_names_every_word_with_its_number(words):
    assert {(word.name, str(int(word))) for word in words} <= set(
        re.findall(r"^\| `(\w+)` \| (\d+) \|", PAGE, re.MULTILINE)
    )


def test_the_rules_are_numbered_in_order():
    numbers = [int(number) for number in re.findall(r"^D(\d+)\. ", PAGE, re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert {int(number) for number in re.findall(r"\bD(\d+)\b", PAGE)} <= set(numbers)


def test_a_cause_that_the_ledger_has_keeps_its_number():
    known = {cause.name: int(cause) for cause in Cause}
    for cause in LegCause:
        assert known.get(cause.name, int(cause)) == cause
        assert cause.name in known or int(cause) not in known.values()
