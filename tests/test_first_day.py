"""The main job end to end: two days of the shipped neighbourhood, looked at from outside through its tables alone."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest

pytestmark = pytest.mark.slow

COMMAND = [sys.executable, "-m", "wattbook"]
BERLIN = ZoneInfo("Europe/Berlin")


def run_shipped(out, *flags, **environment):
    """Run the neighbourhood by the command line and return its folder."""
    command = [*COMMAND, "run", "neighbourhood", "--out", str(out), *flags]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return Path(out)


def tables(folder):
    return {path.stem: pl.read_parquet(path) for path in sorted((folder / "tables").glob("*.parquet"))}


def bytes_of(folder):
    """Digest of everything but the manifest, which tells the time that the run took."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.name != "manifest.json"):
        digest.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return digest.hexdigest()


def fingerprint(folder):
    return json.loads((folder / "manifest.json").read_text())["fingerprint"]


@pytest.fixture(scope="module")
def two_days(tmp_path_factory):
    return run_shipped(tmp_path_factory.mktemp("runs") / "two-days", "--seed", "7")


@pytest.fixture(scope="module")
def one_day(tmp_path_factory):
    return run_shipped(tmp_path_factory.mktemp("runs") / "one-day", "--seed", "7", "--days", "1")


def test_the_street_trades(two_days):
    t = tables(two_days)
    homes = t["agents"].filter(pl.col("kind") != "utility")
    assert len(homes) == 103
    traders = set(t["orders"].filter(pl.col("event") == "accepted")["agent"])
    moved = t["meters"].group_by("agent").agg((pl.col("load_wh") + pl.col("generation_wh")).sum().alias("wh"))
    with_reason = set(moved.filter(pl.col("wh") > 0)["agent"])
    assert len(with_reason & traders) >= 0.9 * len(with_reason)
    assert len(t["trades"].filter(pl.col("venue").is_in(["local", "district"]))) >= 1_000


def test_the_published_figures_close(two_days):
    shown = subprocess.run([*COMMAND, "show", str(two_days), "--json"], capture_output=True, text=True, check=True)
    figures = json.loads(shown.stdout)
    assert (figures["money_sum"], figures["energy_residual_wh"]) == (0, 0)
    assert 0 < figures["allocative_efficiency"] <= 1
    assert figures["mean_saving"] > 0
    assert 0 <= figures["share_lost"] < 1


def test_every_transfer_sums_to_zero_and_every_account_is_whole_cents(two_days):
    postings = tables(two_days)["postings"]
    assert (postings.group_by("transfer").agg(pl.col("amount").sum())["amount"] == 0).all()
    assert (postings.group_by("account").agg(pl.col("amount").sum())["amount"] % 1_000_000 == 0).all()


def test_trade_postings_are_price_times_quantity_of_the_trades(two_days):
    t = tables(two_days)
    value = pl.col("price_tick") * pl.col("quantity_wh")
    sides = pl.concat(
        [
            t["trades"].select("period", pl.col("buyer").alias("account"), (-value).alias("amount")),
            t["trades"].select("period", pl.col("seller").alias("account"), value.alias("amount")),
        ]
    )
    expected = sides.group_by("period", "account").agg(pl.col("amount").sum()).filter(pl.col("amount") != 0)
    posted = t["postings"].filter(pl.col("cause") == "trade").group_by("period", "account").agg(pl.col("amount").sum())
    posted = posted.filter(pl.col("amount") != 0)
    assert expected.sort("period", "account").equals(posted.select(expected.columns).sort("period", "account"))


def test_meters_close_for_every_agent_and_period_and_residuals_come_from_them(two_days):
    t = tables(two_days)
    meters = t["meters"]
    net = pl.col("load_wh") + pl.col("charge_wh") - pl.col("generation_wh") - pl.col("discharge_wh")
    assert len(meters) == 103 * 192
    assert meters.filter(net != pl.col("traded_wh") + pl.col("residual_wh")).is_empty()
    sides = pl.concat(
        [
            t["trades"].select("period", pl.col("buyer").alias("agent"), pl.col("quantity_wh").alias("wh")),
            t["trades"].select("period", pl.col("seller").alias("agent"), -pl.col("quantity_wh").alias("wh")),
        ]
    ).group_by("period", "agent").agg(pl.col("wh").sum())  # fmt: skip
    joined = meters.join(sides, on=["period", "agent"], how="left", maintain_order="left")
    assert joined.filter(pl.col("traded_wh") != pl.col("wh").fill_null(0)).is_empty()


def test_rounding_holds_only_cents_of_invoices(two_days):
    postings = tables(two_days)["postings"]
    rounding = postings.filter(pl.col("account") == "ROUNDING")
    assert rounding["cause"].unique().to_list() == ["rounding"]
    billed = postings.filter((pl.col("cause") == "rounding") & (pl.col("account") != "ROUNDING"))
    assert billed["amount"].abs().max() <= 500_000


def test_no_trade_lies_outside_both_parties_bounds_and_plants_sell_around_noon(two_days):
    t = tables(two_days)
    header = {"blue": (lambda h: 16_000, 8_000), "green": (lambda h: 17_000 if 6 <= h < 22 else 14_000, 7_500)}
    agents = {row["agent"]: row for row in t["agents"].iter_rows(named=True)}
    noon = 0
    for trade in t["trades"].iter_rows(named=True):
        hour = trade["period"].astimezone(BERLIN).hour
        buyer, seller = agents[trade["buyer"]], agents[trade["seller"]]
        fee = 3_000 if trade["venue"] == "local" else 5_000
        vat = 0 if buyer["kind"] != "utility" and trade["buyer"].startswith("trade") else 19
        assert trade["price_tick"] <= (header[buyer["utility"]][0](hour) + 7_000 - fee) * (100 + vat) / 100
        assert trade["price_tick"] >= header[seller["utility"]][1]
        noon += trade["quantity_wh"] * (10 <= hour < 16) * (seller["kind"] == "prosumer")
    assert noon > 0.5 * t["trades"]["quantity_wh"].sum()


def test_a_run_verifies(two_days):
    done = subprocess.run([*COMMAND, "verify", str(two_days)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("flags", "environment"),
    [
        (("--quiet",), {"PYTHONHASHSEED": "0"}),
        ((), {"PYTHONHASHSEED": "1"}),
        (("--json",), {"PYTHONHASHSEED": "random"}),
        pytest.param(("--quiet",), {"NUMBA_DISABLE_JIT": "1"}, marks=pytest.mark.long),
    ],
    ids=["hash-seed-0-quiet", "hash-seed-1", "hash-seed-random-json", "without-compiler"],
)
def test_the_same_seed_gives_the_same_bytes(one_day, tmp_path, flags, environment):
    again = run_shipped(tmp_path / "again", "--seed", "7", "--days", "1", *flags, **environment)
    assert fingerprint(again) == fingerprint(one_day)
    assert bytes_of(again) == bytes_of(one_day)


def test_another_seed_gives_another_fingerprint(one_day, tmp_path):
    other = run_shipped(tmp_path / "other", "--seed", "8", "--days", "1", "--quiet")
    assert fingerprint(other) != fingerprint(one_day)


@pytest.mark.parametrize(("start", "seed"), [("2016-06-06", 7), ("2016-03-26", 1), ("2016-01-10", 3)])
def test_with_oracle_forecasts_no_member_pays_more_than_its_baseline(tmp_path, start, seed):
    """A summer day, the days around the change of the clock, a winter day."""
    settings = ("--set", f"start={start}", "--set", "forecast.kind=oracle")
    run = run_shipped(tmp_path / "oracle", "--seed", str(seed), "--quiet", *settings)
    homes = tables(run)["agents"].filter(pl.col("kind") != "utility")
    assert homes["saving"].min() >= 0
    assert homes["saving"].sum() > 0
