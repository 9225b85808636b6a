"""What a language model was asked lies beside the journal: it shows in tables, and changes no fingerprint."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattbook import Run, Scenario, consumer, utility, verify
from wattbook.decisions import TAKEN, Outcome, Question
from wattbook.errors import CorruptError
from wattbook.results.advice import Advised, advice_bytes, advice_metrics, read_advice
from wattbook.units import eur_per_mwh, kw

TEXTS = st.text(max_size=12)
WHOLES = st.integers(0, 2**61)
ROWS = st.lists(
    st.builds(
        Advised,
        seq=st.just(0), time_ms=st.integers(-(2**50), 2**50), agent=TEXTS,
        question=st.sampled_from(list(map(str, Question))),
        action=TEXTS, outcome=st.sampled_from(list(map(str, Outcome))),
        model=TEXTS, provider=TEXTS, input_tokens=WHOLES, output_tokens=WHOLES, cost_nusd=WHOLES, latency_ms=WHOLES,
        rationale=TEXTS,
    ),
    max_size=6,
).map(lambda rows: tuple(row._replace(seq=place) for place, row in enumerate(rows)))  # fmt: skip


def row(seq=0, outcome="ok", **values):
    given = {
        "time_ms": 1_465_164_000_000, "agent": "ada", "question": "consumer", "action": "local 50 %",
        "outcome": outcome,
        "model": "claude-haiku-5-5", "provider": "stub", "input_tokens": 700, "output_tokens": 30,
        "cost_nusd": 850_000, "latency_ms": 310, "rationale": "cheap",
    }  # fmt: skip
    return Advised(seq=seq, **(given | values))


@pytest.fixture(scope="module")
def run():
    agents = [
        consumer("ada", profile="H0-A", rated=kw(4)),
        utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(80)),
    ]
    return Scenario(start="2016-06-06", days=1, agents=agents, baseline=False).run(seed=1)


def advised(run, rows):
    return Run(run.record.advised(tuple(rows)), None, run.info)


@given(ROWS)
def test_rows_are_read_as_they_were_written(rows):
    assert read_advice(advice_bytes(rows)) == rows


@given(ROWS)
def test_outcomes_add_up_to_decisions(rows):
    figures = advice_metrics(rows)
    assert sum(figures["outcomes"].values()) == figures["decisions"] == len(rows)
    assert figures["fallbacks"] == sum(each.outcome not in TAKEN for each in rows)


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: lines[:1] + lines[2:],
        lambda lines: [lines[0], lines[1].replace('"ok"', '"fine"'), lines[2]],
        lambda lines: [lines[0], lines[1].replace("700", "-7"), lines[2]],
        lambda lines: [lines[0], lines[1].replace("700", "7.5"), lines[2]],
        lambda lines: [lines[0], lines[1].replace("consumer", "cat"), lines[2]],
        lambda lines: [lines[0].replace("seq", "sec"), *lines[1:]],
        lambda lines: [*lines, "[1]"],
        lambda lines: [*lines, "{"],
        lambda lines: [lines[0], f" {lines[1]}", lines[2]],
    ],
)
def test_a_changed_file_is_refused(change):
    lines = advice_bytes((row(), row(1, "timeout"))).decode().splitlines()
    with pytest.raises(CorruptError, match=r"advice\.jsonl"):
        read_advice(("\n".join(change(lines)) + "\n").encode())


def test_an_advised_run_shows_its_decisions_and_keeps_its_fingerprint(run):
    other = advised(run, [row(), row(1, "timeout", cost_nusd=0)])
    assert other.fingerprint == run.fingerprint
    assert other.decisions.columns[:6] == ["time", "agent", "policy", "action", "outcome", "cost_usd"]
    assert other.decisions["outcome"].to_list() == ["ok", "timeout"]
    assert other.decisions["cost_usd"].to_list() == [0.00085, 0.0]
    assert {"input_tokens", "output_tokens", "latency_ms", "rationale", "provider"} <= set(other.decisions.columns)
    assert run.decisions.columns == ["time", "agent", "policy", "action", "outcome", "cost_usd"]
    assert "language_model" not in run.metrics


def test_above_five_per_cent_of_fallbacks_a_run_is_marked(run):
    rows = [row(place) for place in range(20)]
    sound = advised(run, [*rows[:19], row(19, "refusal")])
    worse = advised(run, [*rows[:18], row(18, "refusal"), row(19, "infeasible")])
    assert (sound.metrics["language_model"]["degraded"], worse.metrics["language_model"]["degraded"]) == (False, True)
    assert "DEGRADED: 10.0%" in worse.summary()
    assert "DEGRADED" not in sound.summary()
    assert "no model gave them" in sound.summary()


def test_a_saved_run_keeps_its_decisions_and_is_verified(run, tmp_path):
    place = advised(run, [row(), row(1, "timeout")]).save(tmp_path / "run")
    assert any("advice.jsonl" in each for each in verify(place))
    loaded = Run.load(place)
    assert loaded.record.advice == (row(), row(1, "timeout"))
    assert loaded.metrics["language_model"]["outcomes"] == {"ok": 1, "timeout": 1}


def test_a_run_whose_decisions_were_changed_does_not_verify(run, tmp_path):
    place = advised(run, [row(), row(1, "timeout")]).save(tmp_path / "run")
    file = place / "advice.jsonl"
    file.write_text(file.read_text().replace("cheap", "cheat"))
    with pytest.raises(CorruptError, match=r"advice\.jsonl"):
        verify(place)
    file.unlink()
    with pytest.raises(CorruptError, match=r"advice\.jsonl"):
        verify(place)
    with pytest.raises(CorruptError, match=r"advice\.jsonl"):
        Run.load(place)


def test_an_advised_run_of_no_decisions_is_still_one(run, tmp_path):
    place = advised(run, []).save(tmp_path / "run")
    assert Run.load(place).metrics["language_model"]["decisions"] == 0
    assert json.loads((place / "manifest.json").read_text())["files"]["advice.jsonl"]["bytes"] > 0
    verify(place)
