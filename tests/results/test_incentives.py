"""Runs with green tools: figures, verification, and a recount that finds what was bent."""

import hashlib
import json
import shutil

import numpy as np
import polars as pl
import pytest

from wattbook import (
    Auction,
    CarbonPrice,
    ContractForDifference,
    FeedInPremium,
    InvestmentGrant,
    Pv,
    Regulator,
    Scenario,
    Upgrade,
    consumer,
    load_scenario,
    producer,
    prosumer,
    utility,
    verify,
)
from wattbook.errors import CorruptError
from wattbook.messages import Cause, House
from wattbook.policies.producers import ProducerMind
from wattbook.results import recount
from wattbook.results.money import money_of
from wattbook.scenario.regulator import GREEN_TOOLS
from wattbook.units import eur, eur_per_mwh, hours, kw, minutes, mw, percent

BUILDER = ProducerMind(persona="builder", builds_after_ms=3_600_000, builds_beyond_ppm=0)


SPOT = [eur_per_mwh({20: -40, 21: -40, 7: 150, 8: 150}.get(hour, 75)) for hour in range(24)]
"""In the morning above all strikes, in the evening so low that nobody runs for it."""


def place(incentives, budget=None, **more):
    """Homes with panels, a wind park that is built on, a sun park that is not, and coal that runs."""
    return Scenario(
        start="2016-06-06", days=2, period=minutes(60), local=None, baseline=False, spot=SPOT,
        agents=[
            *(prosumer(f"sun-{n}", rated=kw(1), pv=Pv(kw(6))) for n in range(2)),
            consumer("home", profile="H0-B", rated=kw(4)),
            utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(60), represents=20_000,
                    renewable_quota=percent(40)),
            producer("hill-wind", kind="wind", capacity=mw(12), persona=BUILDER,
                     upgrade=Upgrade(most=mw(4), lead=hours(6), cost=eur(1))),
            producer("roof-sun", kind="solar", capacity=mw(10)),
            producer("black-coal", kind="coal", capacity=mw(4), co2=eur(0), outages=False),
        ],
        wholesale=Auction(), regulator=Regulator(persona="observer", incentives=incentives, incentive_budget=budget),
        **more,
    )  # fmt: skip


TOOLS = (
    FeedInPremium(kinds=["solar", "pv"], premium=eur_per_mwh(20), budget=eur(800)),
    FeedInPremium(name="slide", kinds=["pv"], sliding=True, strike=eur_per_mwh(90), budget=eur(0.05)),
    ContractForDifference(agents=["hill-wind"], strike=eur_per_mwh(70), budget=eur(2_000), until="2016-06-07"),
    InvestmentGrant(share=percent(30), budget=eur(5_000), keep=hours(5), least_output=percent(100)),
    CarbonPrice(price=eur(5)),
)


@pytest.fixture(scope="module")
def run():
    return place(TOOLS, budget=eur(1_900)).run(seed=7)


@pytest.fixture(scope="module")
def original(run, tmp_path_factory):
    return run.save(tmp_path_factory.mktemp("green") / "run")


@pytest.fixture
def saved(original, tmp_path):
    return shutil.copytree(original, tmp_path / "run")


def of(run, cause):
    return run.postings.filter(pl.col("cause") == cause)


def test_everything_in_it_happens(run):
    causes = {cause: of(run, cause).height for cause in ("incentive", "carbon", "clawback")}
    assert all(causes.values()), causes
    assert {"sun-0", "roof-sun", "hill-wind", "TREASURY"} <= set(of(run, "incentive")["account"].cast(pl.String))
    assert not run.info["incidents"]
    told = run.metrics["green"]
    assert told["budget"] == int(eur(1_900))
    assert all(0 < each["spent"] <= each["budget"] for each in told["tools"][:4]), told
    assert told["tools"][1]["spent"] == int(eur(0.05)), "spent to the last quantum"
    assert told["paid_back"] > 0
    assert told["clawed_back"] > 0


def test_the_treasury_is_what_was_fined_and_paid_less_incentives(run):
    treasury = money_of(run.record)[run.record.place.house(House.TREASURY)]
    told = run.metrics["green"]
    assert treasury[Cause.INCENTIVE] == told["paid_back"] - told["spent"]
    assert treasury[Cause.CLAWBACK] == told["clawed_back"]
    assert treasury[Cause.CARBON] == told["carbon"]
    others = {Cause.INCENTIVE, Cause.CLAWBACK, Cause.CARBON, Cause.BUY_OUT, Cause.FINE, Cause.REFUND, Cause.ROUNDING}
    assert not np.delete(treasury, sorted(others)).any(), "R6: nothing else passes through the treasury"
    assert run.metrics["incentives"] == told["spent"] - told["paid_back"] - told["clawed_back"]


def test_a_run_with_green_tools_is_verified_recounted_and_told_in_its_summary(run, original):
    assert verify(original)
    counted = recount(original)
    assert sum(question.startswith("green: ") for question in counted) == 6
    lines = run.summary().splitlines()
    assert any(line.startswith("incentives ") and "of 1,900.00 EUR budget" in line for line in lines)
    assert run.metrics["money_errors"]["incentives"] == 0


def bend(folder, table, condition, **changes):
    """Change the first row that `condition` holds for, and mend the hashes: only counting can tell."""
    path = folder / f"tables/{table}.parquet"
    frame = pl.read_parquet(path)
    row = frame.with_row_index().filter(condition)["index"][0]
    here = pl.int_range(pl.len()) == row
    frame.with_columns(
        pl.when(here).then(change).otherwise(pl.col(name)).alias(name) for name, change in changes.items()
    ).write_parquet(path)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    data = path.read_bytes()
    manifest["files"][f"tables/{table}.parquet"] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    del manifest["digest"]
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    (folder / "manifest.json").write_text(json.dumps(manifest | {"digest": hashlib.sha256(text.encode()).hexdigest()}))


@pytest.mark.parametrize("cause", ["incentive", "carbon", "clawback"])
@pytest.mark.parametrize("changes", [{"amount": pl.col("amount") + 1}, {"account": pl.lit("blue")},
                                     {"cause": pl.lit("fine")}])  # fmt: skip
def test_a_bent_posting_is_found(saved, cause, changes):
    bend(saved, "postings", pl.col("cause") == cause, **changes)
    with pytest.raises(CorruptError, match=f"green: {cause} is what"):
        recount(saved)


@pytest.mark.parametrize(
    ("table", "condition", "changes"),
    [
        ("supply", pl.col("agent") == "roof-sun", {"output_wh": pl.col("output_wh") + 1}),
        ("supply", (pl.col("agent") == "hill-wind") & (pl.col("capacity_w") > 12_000_000),
         {"capacity_w": pl.col("capacity_w") - 1}),
        ("meters", (pl.col("agent") == "sun-0") & (pl.col("residual_wh") < -100),
         {"residual_wh": pl.col("residual_wh") - 1}),
        ("groups", pl.lit(value=True), {"spot_tick": pl.col("spot_tick") + 1}),
    ],
)  # fmt: skip
def test_a_bent_fact_that_was_paid_for_is_found(saved, table, condition, changes):
    bend(saved, table, condition, **changes)
    with pytest.raises(CorruptError, match="green: "):
        recount(saved)


def test_a_guarantee_for_energy_that_was_paid_for_is_found(saved):
    bend(saved, "certificates", (pl.col("event") == "issued") & (pl.col("agent") == "hill-wind"),
         number=pl.col("number") + 40)  # fmt: skip
    with pytest.raises(CorruptError, match="no guarantee of origin for what was paid a premium"):
        recount(saved)


def test_without_a_wholesale_market_homes_have_their_premium(tmp_path):
    scenario = Scenario(
        start="2016-06-06", days=1, period=minutes(60), local=None, baseline=False,
        agents=[prosumer("sun", rated=kw(1), pv=Pv(kw(6))),
                utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(60))],
        regulator=Regulator(persona="observer", incentives=[FeedInPremium(sliding=True, strike=eur_per_mwh(90),
                                                                          budget=eur(1))]),
    )  # fmt: skip
    run = scenario.run(seed=1)
    assert run.metrics["green"]["spent"] > 0
    assert recount(run.save(tmp_path / "run"))


def test_tools_that_pay_nobody_leave_money_as_it_is():
    idle = place([FeedInPremium(kinds=["hydro"], premium=eur_per_mwh(20), budget=eur(1_000))]).run(seed=7)
    none = place([]).run(seed=7)
    assert (money_of(idle.record) == money_of(none.record)).all()


@pytest.mark.slow
def test_the_shipped_scenario_is_recounted(tmp_path):
    run = load_scenario("green_incentives").run(seed=7, baseline=False)
    assert sum(question.startswith("green: ") for question in recount(run.save(tmp_path / "run"))) == 6


def test_the_green_persona_pays_and_asks_without_being_told(tmp_path):
    scenario = place(None).with_values({"regulator": "green"})
    told = place(None).with_values({"regulator": Regulator(persona="green", incentives=list(GREEN_TOOLS))})
    run, same = scenario.run(7), told.run(7)
    assert run.fingerprint == same.fingerprint
    assert run.metrics["green"]["carbon"] > 0
    assert 0 < run.metrics["green"]["spent"] <= int(eur(1_100_000))
    kept = run.save(tmp_path / "run")
    assert verify(kept)
    assert sum(question.startswith("green: ") for question in recount(kept)) > 0
    plain = scenario.with_values({"regulator.incentives": "none"}).run(7)
    assert "green" not in plain.metrics or not plain.metrics["green"]["spent"]
