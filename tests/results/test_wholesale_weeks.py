"""Runs with weeks at the desk: figures, tables and identities know what they become, and nothing bent goes unseen."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from wattbook import (
    ContractDesk,
    LocalMarket,
    Run,
    Scenario,
    consumer,
    eur_per_mwh,
    kw,
    minutes,
    mw,
    producer,
    utility,
    verify,
)
from wattbook.contracts import Event
from wattbook.errors import CorruptError
from wattbook.results import Record, recount
from wattbook.results.energy import energy_errors
from wattbook.results.money import money_errors
from wattbook.results.record import header_faults


def loaded(name, path):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[1] / path)
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(name, module)
    spec.loader.exec_module(module)
    return module


_BENDING = loaded("bending", "results/test_wholesale.py")
strangers = loaded("wholesale_strangers", "world/wholesale_strangers.py")
at, bend, bent, on = _BENDING.at, _BENDING.bend, _BENDING.bent, _BENDING.on
WEEK = "base-2016-W23"
PRICES = {"retail": eur_per_mwh(160), "feed_in": eur_per_mwh(5), "represents": 10_000}


def street(spans, **values):
    """Two utilities that cover ahead, two plants that sell; a Saturday, a Sunday and a week."""
    return Scenario(
        start="2016-06-04", days=9, timezone="Europe/Berlin", local=LocalMarket(period=minutes(60)),
        wholesale=ContractDesk(spans=spans, green=False, **values),
        agents=[
            consumer("home", profile="H0-B", rated=kw(4)),
            utility("sad", persona="depressed", **PRICES),
            utility("calm", persona="balanced", **PRICES),
            producer("coal", kind="coal", capacity=mw(3), persona="at-cost", outages=False),
            producer("gas", kind="gas", capacity=mw(20), persona="at-cost", outages=False),
        ],
        spot=eur_per_mwh(60),
    )  # fmt: skip


@pytest.fixture(scope="module")
def weeks():
    return street(["day", "week"]).run(seed=7, baseline=False)


@pytest.fixture(scope="module")
def days():
    return street(["day"]).run(seed=7, baseline=False)


@pytest.fixture(scope="module")
def original(weeks, tmp_path_factory):
    return weeks.save(tmp_path_factory.mktemp("weeks") / "run")


@pytest.fixture
def saved(original, tmp_path):
    return shutil.copytree(original, tmp_path / "run")


def signed_wh(run, name):
    return run.contracts.filter(on("signed") & (pl.col("spec") == name))["quantity_wh"].sum()


def test_shipped_minds_sign_weeks_which_become_their_days(weeks, original):
    signed = weeks.contracts.filter(on("signed") & (pl.col("spec") == WEEK))
    assert {"sad", "calm"} == set(signed["buyer"])
    gone = weeks.contracts.filter(on("cascaded") & (pl.col("spec") == WEEK))
    assert gone.filter(pl.col("buyer").is_not_null())["quantity_wh"].sum() == signed["quantity_wh"].sum() > 0
    assert gone["amount"].to_list() == [0] * gone.height
    into = weeks.contracts.filter(on("cascaded-into") & (pl.col("buyer") == "sad"))
    assert [name for name in into["spec"].unique(maintain_order=True) if name.startswith("base")] == [
        f"base-2016-06-{day:02d}" for day in range(6, 13)
    ]
    assert verify(original)[-1].endswith("money and energy balance")
    assert "contracts: what is cascaded goes at its mark" in recount(original)
    assert Run.load(original).contracts.equals(weeks.contracts)


@pytest.mark.parametrize("contracts", ["cash-future", "forward", "cfd"])
def test_other_kinds_of_weeks_balance_as_well(contracts, tmp_path):
    run = street(["day", "week"], contracts=contracts).run(seed=7, baseline=False)
    assert signed_wh(run, WEEK) > 0
    assert ("cascaded" in set(run.contracts["event"])) == (contracts == "cash-future")
    assert not any((run.metrics["energy_errors_wh"] | run.metrics["money_errors"]).values())
    assert len(recount(run.save(tmp_path / "run"))) > 40


def test_a_week_has_its_price_beside_the_spot_price_of_all_its_hours(weeks):
    told = next(each for each in weeks.metrics["wholesale"]["forwards"] if each["contract"] == WEEK)
    signed = weeks.contracts.filter(on("signed") & (pl.col("spec") == WEEK))
    price = (signed["price_tick"] * signed["quantity_wh"]).sum() / signed["quantity_wh"].sum() / 100
    assert told["price_eur_per_mwh"] == pytest.approx(price)
    assert told["spot_eur_per_mwh"] == pytest.approx(60)
    assert told["day"] == "2016-06-06"
    assert told["signed_wh"] == signed["quantity_wh"].sum()


def open_interest(run):
    """Bought, less what is settled or closed out, at the end of each day; nobody here trades back."""
    rows = run.contracts.filter(~pl.col("spec").str.starts_with("green") & pl.col("buyer").is_not_null())
    day = pl.col("time").dt.offset_by("-1s").dt.convert_time_zone("Europe/Berlin").dt.date().cast(pl.String)
    way = pl.when(on("signed")).then(1).when(on("settled", "closed-out", "torn-up")).then(-1).otherwise(0)
    steps = (
        rows.select(day.alias("day"), (way * pl.col("quantity_wh")).alias("wh")).group_by("day").agg(pl.col("wh").sum())
    )
    by_day, left, found = dict(steps.iter_rows()), 0, {}
    for name in sorted(run.metrics["wholesale"]["open_interest_by_day_wh"]):
        left += by_day.get(name, 0)
        found[name] = left
    return found


@pytest.mark.parametrize("lot", [kw(100), kw(1)])
def test_open_interest_is_that_of_the_week_and_then_of_its_days(lot):
    run = street(["day", "week"], lot=lot).run(seed=7, baseline=False)
    told = run.metrics["wholesale"]["open_interest_by_day_wh"]
    assert told == open_interest(run)
    assert told["2016-06-05"] > signed_wh(run, WEEK) > 0
    assert told["2016-06-12"] == 0


def test_open_interest_ends_with_the_positions_of_a_defaulter():
    run = _BENDING.street(ContractDesk(lot=kw(1)), days=8, poor=True).run(seed=1, baseline=False)
    assert "closed-out" in set(run.contracts["event"])
    assert run.metrics["wholesale"]["open_interest_by_day_wh"] == open_interest(run)


@pytest.mark.parametrize("seed", [12, 16, 20])
def test_weeks_of_random_minds_with_calls_and_defaults_balance(seed, tmp_path):
    """In 12 and 20 one delivery calls for what a mark has lost, and then for what its settlement has."""
    run = strangers.draft_of_a_week(seed).run(seed)
    events = set(run.contracts["event"])
    assert {"called", "defaulted", "cascaded", "closed-out"} <= events
    assert not any((run.metrics["energy_errors_wh"] | run.metrics["money_errors"]).values())
    assert money_errors(bent(run.record, "contracts", "amount", Event.CALLED))["contracts"] > 0
    folder = run.save(tmp_path / "run")
    assert verify(folder)[-1].endswith("money and energy balance")
    assert len(recount(folder)) > 40


def test_what_a_week_delivers_is_contracted_in_each_hour(weeks):
    by_hour = weeks.positions.filter(pl.col("agent") == "sad").sort("period")["contracted_wh"].to_numpy()
    into = weeks.contracts.filter(
        on("cascaded-into") & (pl.col("buyer") == "sad") & pl.col("spec").str.contains("base")
    )
    assert (by_hour[48:] >= into["quantity_wh"].sum() // 168).all()
    assert weeks.metrics["wholesale"]["utilities"]["sad"]["hedge_ratio"] > 0.3


def test_a_run_with_weeks_is_compared_with_one_of_days(weeks, days):
    told = weeks.compare(days).to_dict()["figures"]["wholesale.cascaded_wh"]
    gone = weeks.contracts.filter(on("cascaded") & pl.col("buyer").is_not_null())["quantity_wh"].sum()
    assert told == {"a": gone, "b": 0, "difference": -gone}
    assert gone == weeks.metrics["wholesale"]["cascaded_wh"] > 0
    assert "spans" in str(weeks.compare(days))


# --- what is bent


@pytest.mark.parametrize("event", [Event.CASCADED, Event.CASCADED_INTO])
def test_a_changed_row_of_a_cascade_is_found(weeks, event):
    lot = 24 * 100_000
    for change in (1, -7 * lot if event == Event.CASCADED else lot):
        assert energy_errors(bent(weeks.record, "contracts", "quantity_wh", event, change))["contracts"] > 0
    assert energy_errors(bent(weeks.record, "contracts", "spec", event, 1))["contracts"] > 0
    assert money_errors(bent(weeks.record, "contracts", "price_tick", event))["variation"] > 0


def test_a_whole_cascade_beside_the_mark_is_found(weeks):
    rows = {name: values.copy() for name, values in weeks.record.streams["contracts"].items()}
    rows["price_tick"][np.isin(rows["event"], (Event.CASCADED, Event.CASCADED_INTO))] += 1
    streams = {**weeks.record.streams, "contracts": rows}
    assert money_errors(Record(weeks.record.header, streams, weeks.record.fingerprint))["variation"] > 0


def test_margin_that_a_cascade_kept_twice_is_found(weeks):
    rows = weeks.record.streams["contracts"]
    first = int(np.flatnonzero(rows["event"] == Event.CASCADED)[0])
    assert rows["event"][first + 1] == Event.MARGIN_RELEASED
    kept = np.arange(len(rows["event"])) != first + 1
    streams = {**weeks.record.streams, "contracts": {name: values[kept] for name, values in rows.items()}}
    told = money_errors(Record(weeks.record.header, streams, weeks.record.fingerprint))
    assert told["margins"] > 0
    assert told["contracts"] > 0


INTO = on("cascaded-into")
BENT = {
    "a lot that ends": (at("quantity_wh", on("cascaded")), "positions cascaded net to zero"),
    "a lot that begins": (at("quantity_wh", INTO), "positions cascaded into net to zero"),
    "energy": (at("quantity_wh", INTO), "what is cascaded keeps its energy"),
    "a price": (at("price_tick", INTO), "what is cascaded keeps its worth"),
    "all prices": (
        lambda f: f.with_columns(pl.col("price_tick") + pl.when(on("cascaded", "cascaded-into")).then(1).otherwise(0)),
        "what is cascaded goes at its mark",
    ),
    "a part's day": (at("spec", INTO & (pl.col("spec") == "base-2016-06-07"), "base-2016-06-08"), "became of long"),
    "who holds it": (at("buyer", INTO & pl.col("buyer").is_not_null(), "gas"), "keeps its energy"),
    "money": (at("amount", on("cascaded")), "goes at its mark"),
    "a margin that goes with it": (at("amount", on("margin-locked")), "money is what the rows say"),
}  # fmt: skip


@pytest.mark.parametrize("what", BENT)
def test_every_bent_cascade_is_found_by_the_recount(saved, what):
    change, words = BENT[what]
    bend(saved, "contracts", change)
    with pytest.raises(CorruptError) as caught:
        recount(saved)
    assert any(words in problem for problem in caught.value.problems), caught.value.problems


@pytest.mark.parametrize("parts", [5, ["nobody"], [1], "base-2016-06-06"])
def test_a_header_whose_parts_are_none_is_said_so(weeks, parts):
    header = {**weeks.record.header, "wholesale": {**weeks.record.header["wholesale"]}}
    desk = dict(header["wholesale"]["desk"])
    desk["specs"] = [dict(spec) for spec in desk["specs"]]
    desk["specs"][-1]["parts"] = parts
    header["wholesale"]["desk"] = desk
    assert any("'desk'" in fault for fault in header_faults(header))
    assert not header_faults(weeks.record.header)
