"""Asking a language model from the command line: recorded, replayed, estimated, and what is said if it cannot be."""

import json

import pytest

from wattbook.testing import Behaviour, Stub

SCRIPT = """
from wattbook import LanguageModel, LocalMarket, Scenario, consumer, prosumer, utility
from wattbook.assets import Pv
from wattbook.units import eur_per_mwh, hours, kw, minutes

scenario = Scenario(
    start="2016-06-06T08:00:00+02:00", days=1, hours=5, baseline=False, local=LocalMarket(period=hours(1)),
    agents=[
        consumer("ada", profile="H0-A", rated=kw(4)),
        prosumer("eve", profile="H0-A", rated=kw(4), pv=Pv(kw(9))),
        utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(80)),
    ],
    language_model=LanguageModel(decides=["consumer", "prosumer"], thinking=minutes(50)),
)
"""


@pytest.fixture
def asks(wattbook, tmp_path, monkeypatch):
    """Give the command line beside a script that asks, and a stub that answers it."""
    (tmp_path / "asks.py").write_text(SCRIPT)
    with Stub() as stub:
        monkeypatch.setenv("ANTHROPIC_API_KEY", "none is needed")
        monkeypatch.setenv("ANTHROPIC_BASE_URL", stub.url)
        yield wattbook


def test_a_run_is_recorded_shown_and_replayed_without_a_key(asks, tmp_path, monkeypatch):
    ended = asks("run", "asks.py", "-q", "--llm", "record")
    assert ended.code == 0, ended.err
    assert "answers of stub: no model gave them" in ended.out
    assert (tmp_path / "runs/asks-7.answers.sqlite").is_file()
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    again = asks("run", "asks.py", "-q", "--llm", "replay", "--json")
    told = json.loads(asks("show", "runs/asks-7", "--json").out)
    assert json.loads(again.out)["fingerprint"] == told["fingerprint"]
    assert json.loads(again.out)["language_model"] == told["language_model"]
    assert asks("verify", "runs/asks-7").code == 0


def test_what_is_recorded_is_never_recorded_over(asks):
    asks("run", "asks.py", "-q", "--llm", "record")
    ended = asks("run", "asks.py", "-q", "--llm", "record")
    assert (ended.code, ended.out) == (2, "")
    assert "already holds the run" in ended.err
    assert asks("run", "asks.py", "-q", "--llm", "replay-or-live").code == 0


def test_another_seed_is_told_as_what_differs(asks):
    asks("run", "asks.py", "-q", "--llm", "record", "--recording", "kept.sqlite")
    ended = asks("run", "asks.py", "-q", "--llm", "replay", "--recording", "kept.sqlite", "--seed", 8)
    assert ended.code == 4
    assert "decision 0 of" in ended.err


def test_an_estimate_asks_nobody(asks, monkeypatch):
    told = json.loads(asks("run", "asks.py", "-q", "--estimate", "--json").out)
    assert told["requests"] == sum(told["decisions"].values()) > 0
    assert told["cost_usd"] > 0
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    assert "USD for claude-haiku-5-5" in asks("run", "asks.py", "-q", "--estimate").out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--llm", "recrod"), "did you mean 'record'"),
        (("--recording", "x.sqlite"), "add one of them"),
        (("--llm", "replay"), "no store of decisions"),
        (("--llm", "record", "--recording", "."), "is a folder"),
        (("--llm", "record", "--recording", "no/such/x.sqlite"), "there is no folder"),
    ],
    ids=str,
)
def test_slips_are_told_before_anything_runs(asks, arguments, said):
    ended = asks("run", "asks.py", "-q", *arguments)
    assert ended.code in (2, 5)
    assert said in ended.err


def test_a_server_that_refuses_the_key_ends_it_at_once(wattbook, tmp_path, monkeypatch):
    (tmp_path / "asks.py").write_text(SCRIPT)
    with Stub(entry=Behaviour(status=401)) as stub:
        monkeypatch.setenv("ANTHROPIC_API_KEY", "canary-0451")
        monkeypatch.setenv("ANTHROPIC_BASE_URL", stub.url)
        ended = wattbook("run", "asks.py", "--llm", "record")
    assert ended.code == 2
    assert "401" in ended.err
    assert "canary" not in ended.err + ended.out
    assert not list(tmp_path.glob("runs/*.sqlite*")), "an empty recording was left behind"


def test_an_interrupted_recording_says_where_the_answers_are(asks, tmp_path, monkeypatch):
    from wattbook.cli import work

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(work, "_run", interrupted)
    ended = asks("run", "asks.py", "-q", "--llm", "record", "--recording", "kept.sqlite")
    assert ended.code == 130
    assert ended.err.splitlines() == [
        "answers so far are in kept.sqlite: to go on with them, write --llm replay-or-live",
        "interrupted: no run was saved",
    ]
    assert asks("run", "asks.py", "-q").err.splitlines() == ["interrupted: no run was saved"]


def test_what_the_broker_notices_is_told_with_the_figures(asks, monkeypatch):
    from wattbook.broker.broker import Broker

    monkeypatch.setattr(Broker, "notices", ("nothing more is sent",))
    assert "nothing more is sent" in asks("run", "asks.py", "-q", "--llm", "record").out
    ended = asks("run", "asks.py", "-q", "--llm", "replay", "--json")
    assert ended.err == "nothing more is sent\n"
