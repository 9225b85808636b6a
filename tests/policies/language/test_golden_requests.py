"""Requests are what they were: whoever changes a word raises a version, and rewrites these files.

`WATTBOOK_REWRITE_GOLDEN=1` rewrites the requests, and adds texts that are new. It does not change what was noted of a
version of a prompt or persona that is there already: other words need another version.
"""

import hashlib
import json
import os
from pathlib import Path

import pytest
from language_views import EXAMPLES, FILES

from wattbook.chance import key_of
from wattbook.decisions import Question
from wattbook.policies.language.library import VERSIONS, prompt_parts, shipped_personas, system_text
from wattbook.policies.language.schemas import schema_text

FOLDER = Path(__file__).parent / "golden"
TEXTS = FOLDER / "texts.json"
REWRITES = os.environ.get("WATTBOOK_REWRITE_GOLDEN") == "1"
CASES = [
    (Question.CONSUMER, "thrifty"), (Question.CONSUMER, "green"), (Question.PROSUMER, "trader"),
    (Question.PRODUCER, "balanced"), (Question.PRODUCER, "greedy"), (Question.UTILITY, "eco-friendly"),
    (Question.REGULATOR, "balanced"),
]  # fmt: skip


def request(question, persona):
    """All that a model would be given, long texts by lines."""
    observe, view, key = FILES[question].observe, EXAMPLES[question], key_of(7, question.value)
    return {
        "system": system_text(question, persona).split("\n"),
        "schema": schema_text(question),
        "observation": observe(view, key)[0],
        "by_price": observe(view, key, order="price")[0],
        "bucketed": observe(view, key, bucket=20)[0],
        "noted": observe(view, key, notes='say "hello"\n')[0],
        "mixed_system": system_text(question, persona, mixed=True).split("\n"),
        "mixed_schema": schema_text(question, mixed=True),
    }


def digests():
    """What every version of a text is, by its name."""
    texts = {
        f"{version}/{name}.md": text for version in VERSIONS for name, text in prompt_parts(version).items()
    } | {
        f"{kind}.{name}@{persona.version}": persona.text
        for kind, known in shipped_personas().items()
        for name, persona in known.items()
    }  # fmt: skip
    return {name: hashlib.sha256(text.encode()).hexdigest()[:16] for name, text in texts.items()}


def write(path, value):
    path.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", encoding="utf-8")


@pytest.mark.parametrize(("question", "persona"), CASES)
def test_a_request_is_what_it_was(question, persona):
    path = FOLDER / f"{question.value}-{persona}.json"
    if REWRITES:
        write(path, request(question, persona))
    assert json.loads(path.read_text(encoding="utf-8")) == request(question, persona)


def test_the_words_of_a_version_never_change():
    noted = json.loads(TEXTS.read_text(encoding="utf-8")) if TEXTS.exists() else {}
    if REWRITES:
        noted = {**digests(), **noted}
        write(TEXTS, noted)
    changed = sorted(name for name, digest in digests().items() if noted.get(name, digest) != digest)
    assert not changed, "other words need a new version: a new folder of prompts, or a persona's version raised"
    assert set(digests()) <= set(noted), "new texts are to be noted: run with WATTBOOK_REWRITE_GOLDEN=1"


def test_there_is_no_golden_file_that_nobody_compares():
    assert {path.stem for path in FOLDER.iterdir()} == {"texts", *(f"{each.value}-{name}" for each, name in CASES)}
