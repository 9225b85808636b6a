"""The figures of a wholesale market: known answers, and what they must be whatever the run."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from wattbook import (
    Auction,
    ContractDesk,
    Pv,
    RetailMarket,
    Scenario,
    consumer,
    load_scenario,
    producer,
    prosumer,
    utility,
)
from wattbook.results.wholesale_metrics import dispatch, revenue_at_risk, wholesale_metrics
from wattbook.units import eur_per_mwh, kw, mw, percent

DOCS = Path(__file__).parents[2] / "docs/results.md"


def street(wholesale, **more):
    owed = {"renewable_quota": percent(20)} if isinstance(wholesale, ContractDesk) else {}
    return Scenario(
        start="2016-06-06", days=3, spot="merit-order", wholesale=wholesale,
        agents=[
            *(prosumer(f"sun-{n}", rated=kw(3), pv=Pv(kw(6))) for n in range(3)),
            *(consumer(f"home-{n}", profile="H0-B", rated=kw(4)) for n in range(3)),
            utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(80), represents=20_000, **owed),
            utility("green", persona="eco-friendly", retail=eur_per_mwh(165), feed_in=eur_per_mwh(75),
                    represents=20_000),
            producer("hill-wind", kind="wind", capacity=mw(20)),
            producer("old-oil", kind="oil", capacity=mw(30)),
            producer("river", kind="hydro", capacity=mw(5)),
        ],
        **more,
    )  # fmt: skip


@pytest.fixture(scope="module")
def desk():
    return street(ContractDesk()).run(seed=7, baseline=False)


@pytest.fixture(scope="module")
def auction():
    return street(Auction()).run(seed=7, baseline=False)


@pytest.fixture(scope="module")
def told(desk):
    return desk.metrics["wholesale"]


def test_figures_are_plain_json(told, auction):
    for each in (told, auction.metrics["wholesale"]):
        assert json.loads(json.dumps(each, allow_nan=False)) == each


def test_what_utilities_paid_is_what_was_posted(desk, told):
    causes = ["spot", "imbalance", "delivery", "variation", "premium", "penalty"]
    for name, figures in told["utilities"].items():
        rows = desk.postings.filter((desk.postings["account"] == name) & desk.postings["cause"].is_in(causes))
        assert figures["cost"] == -rows["amount"].sum() > 0
        drawn = desk.groups.filter(desk.groups["utility"] == name)["metered_wh"].sum()
        assert figures["metered_wh"] == drawn
        assert figures["cost_eur_per_mwh"] == pytest.approx(figures["cost"] / drawn / 100)
        days = list(figures["cost_by_day_eur_per_mwh"].values())
        assert figures["cost_variance"] == pytest.approx(np.var(days), abs=1e-9)
        assert list(figures["cost_by_day_eur_per_mwh"]) == ["2016-06-06", "2016-06-07", "2016-06-08"]


def test_profits_are_those_of_the_agents_table(desk, told):
    profit = dict(zip(desk.agents["agent"], desk.agents["profit"], strict=True))
    for kind in ("utilities", "producers"):
        assert all(figures["profit"] == profit[name] for name, figures in told[kind].items())
    wind = told["producers"]["hill-wind"]
    # Invoices are in whole cents, so what is left below a cent may be rounding's.
    assert abs(wind["revenue"] - wind["fuel"] - wind["investment"] - wind["profit"]) <= 1_000_000
    assert told["producer_profit"] == sum(each["profit"] for each in told["producers"].values())


def test_a_hedge_is_what_was_contracted_of_what_was_drawn(desk, told):
    rows = desk.positions.filter(desk.positions["agent"].is_in(["blue", "green"]))
    assert told["hedge_ratio"] == pytest.approx(rows["contracted_wh"].sum() / rows["metered_wh"].sum())
    assert told["hedge_ratio"] > 0
    assert told["hedge_ratio_by_day"]["2016-06-06"] == 0


def test_forward_prices_stand_beside_the_spot_prices_of_their_profiles(desk, told):
    signed = desk.contracts.filter(desk.contracts["event"] == "signed")
    base = next(each for each in told["forwards"] if each["contract"] == "base-2016-06-07")
    mine = signed.filter(signed["spec"] == "base-2016-06-07")
    price = (mine["price_tick"] * mine["quantity_wh"]).sum() / mine["quantity_wh"].sum() / 100
    assert base["price_eur_per_mwh"] == pytest.approx(price)
    day = desk.spot["price_tick"].to_numpy()[96:192]
    assert base["spot_eur_per_mwh"] == pytest.approx(day.mean() / 100)
    assert base["premium_eur_per_mwh"] == pytest.approx(price - day.mean() / 100)


def test_open_interest_is_what_is_signed_and_not_delivered(desk, told):
    signed = desk.contracts.filter(
        (desk.contracts["event"] == "signed") & ~desk.contracts["spec"].str.contains("green")
    )
    first = signed.filter(signed["time"].dt.convert_time_zone("Europe/Berlin").dt.day() == 6)["quantity_wh"].sum()
    assert told["open_interest_by_day_wh"]["2016-06-06"] == first > 0
    assert told["open_interest_by_day_wh"]["2016-06-08"] == 0


def test_spot_prices_by_hour_have_the_mean_of_all(desk, told):
    assert len(told["spot_by_hour_eur_per_mwh"]) == 24
    assert np.mean(told["spot_by_hour_eur_per_mwh"]) == pytest.approx(told["spot_mean_eur_per_mwh"])
    assert told["spot_min_eur_per_mwh"] == desk.spot["price_tick"].min() / 100
    assert told["imports_wh"] - told["exports_wh"] == told["spot_bought_wh"] - told["spot_sold_wh"]


def test_a_quota_is_covered_or_bought_out(desk, told):
    quota = told["utilities"]["blue"]["quota"]
    assert told["utilities"]["green"]["quota"] is None
    served = desk.served.filter(desk.served["agent"] == "blue")["energy_wh"].sum()
    assert quota["own_sales_wh"] >= served
    assert quota["owed_wh"] == -(-quota["own_sales_wh"] * 200_000 // 1_000_000)
    assert quota["covered_wh"] + quota["bought_out_wh"] == quota["owed_wh"]
    assert quota["buy_out_paid"] == quota["bought_out_wh"] * 6_000


def test_no_dispatch_is_cheaper_than_the_least(desk, auction):
    for run in (desk, auction):
        told = dispatch(run.record)
        assert told["extra_cost"] >= 0
        assert told["cost"] == told["production_cost"] + told["import_cost"]
        assert told["cost"] - told["extra_cost"] == told["least_cost"]
        assert 0 <= told["efficiency"] <= 1
        assert told["production_cost"] == run.supply["fuel"].sum()


def test_the_least_cost_runs_what_is_cheaper_than_the_outside(desk):
    plants = {"hill-wind": 0, "old-oil": 14_600, "river": 300}
    assert set(desk.supply.select("agent", "marginal_tick").unique().rows()) == set(plants.items())
    outside = desk.spot["outside_tick"].to_numpy()
    assert outside.min() > 300
    assert outside.max() < 14_600
    got = desk.supply.with_columns(got=np.maximum(desk.supply["available_wh"], desk.supply["output_wh"]))
    cheap = (
        got.filter(got["agent"] != "old-oil")
        .group_by("period", maintain_order=True)
        .agg(wh=pl.col("got").sum())["wh"]
        .to_numpy()
    )
    river = got.filter(got["agent"] == "river")["got"].to_numpy()
    groups = desk.groups.filter(desk.groups["utility"].is_in(["blue", "green"]))
    drawn = groups.group_by("period", maintain_order=True).agg(pl.col("metered_wh").sum())
    least = int((river * 300).sum() + ((drawn["metered_wh"].to_numpy() - cheap) * outside).sum())
    assert dispatch(desk.record)["least_cost"] == least


@pytest.mark.parametrize(
    ("daily", "told"),
    [([100, 100], 0.0), ([100, 50, 150], 0.5), ([100, -100, 300], 2.0), ([0, 0], None), ([-5], None),
     ([10] * 18 + [0, 5], 1.0), ([10] * 38 + [0, 5], 1 - 5 * 40 / 385)],
)  # fmt: skip
def test_revenue_at_risk_is_how_far_a_bad_day_lies_below_the_mean(daily, told):
    assert revenue_at_risk(np.array(daily)) == (None if told is None else pytest.approx(told))


def test_a_run_without_a_desk_has_no_contracts_to_tell_of(auction):
    told = auction.metrics["wholesale"]
    assert told["is_auction"]
    assert told["forwards"] == []
    assert told["open_interest_by_day_wh"] is None
    assert told["hedge_ratio"] == 0


def test_a_run_without_the_market_has_no_such_figures(golden):
    with pytest.raises(ValueError, match="no wholesale market"):
        wholesale_metrics(golden.record)


def test_the_summary_tells_of_it_in_eight_lines(desk, golden):
    lines = desk.summary().splitlines()
    assert len(lines) <= 48
    assert all(len(line) <= 100 for line in lines)
    first, last = (next(n for n, line in enumerate(lines) if line.startswith(word)) for word in ("wholesale", "checks"))
    assert last - first - 1 <= 8
    for word in ("utilities", "producers", "contracts", "quotas"):
        assert any(line.startswith(word) for line in lines), word
    assert "wholesale" not in golden.summary()


def test_a_desk_and_an_auction_are_set_side_by_side(desk, auction, golden):
    found = desk.compare(auction)
    figures = found.to_dict()["figures"]
    for name in ("spot_mean_eur_per_mwh", "hedge_ratio", "utility_cost_eur_per_mwh", "producer_profit"):
        pair = figures[f"wholesale.{name}"]
        assert pair["a"] == desk.metrics["wholesale"][name]
        assert pair["b"] == auction.metrics["wholesale"][name]
        assert pair["difference"] == pytest.approx(pair["b"] - pair["a"])
    assert figures["wholesale.utilities.blue.cost_eur_per_mwh"]["difference"] != 0
    assert figures["wholesale.producers.river.profit"]["a"] == desk.metrics["wholesale"]["producers"]["river"]["profit"]
    text = str(found).splitlines()
    assert any(line.startswith("what differs") and "wholesale: contract desk -> auction" in line for line in text)
    for label in ("spot EUR/MWh", "hedged %", "supply EUR/MWh", "producers got EUR", "  hill-wind"):
        assert any(line.startswith(label) for line in text), label
    assert len(text) <= 74
    assert all(len(line) <= 100 for line in text)
    assert "hedged" not in str(golden.compare(golden))
    assert not any(name.startswith("wholesale") for name in golden.compare(golden).to_dict()["figures"])


def test_a_run_with_the_market_is_compared_with_one_without(desk):
    plain = street(None).run(seed=7, baseline=False)
    figures = desk.compare(plain).to_dict()["figures"]
    assert figures["wholesale.signed"] == {"a": desk.metrics["wholesale"]["signed"], "b": 0,
                                           "difference": -desk.metrics["wholesale"]["signed"]}  # fmt: skip


def test_the_first_difference_of_facts_can_be_one_of_the_desk(desk):
    rows = {name: values.copy() for name, values in desk.record.streams["contracts"].items()}
    rows["amount"][-1] += 1
    streams = {**{name: desk.record.streams[name] for name in desk.record.streams}, "contracts": rows}
    other = type(desk)(type(desk.record)(desk.record.header, streams, "0" * 64), None, desk.info)
    first = desk.compare(other).to_dict()["first_difference"]
    assert first["stream"] == "contracts"
    assert first["b"]["amount"] == first["a"]["amount"] + 1
    assert first["row"] == len(rows["seq"]) - 1


def test_the_documents_name_every_figure(told):
    text = DOCS.read_text()
    part = text.split("## Figures of the wholesale market")[1].split("\n## ")[0]
    named = set(re.findall(r"`(\w+)`", part))
    assert set(told) <= named
    for key in ("utilities", "producers"):
        assert set(next(iter(told[key].values()))) <= named, key
    assert set(told["utilities"]["blue"]["quota"]) <= named
    assert set(told["dispatch"]) <= named
    assert set(told["forwards"][0]) <= named


@pytest.mark.parametrize(
    "table", ["positions", "served", "spot", "supply", "contracts", "margins", "certificates"],
)  # fmt: skip
def test_the_documents_name_every_column(desk, table):
    part = DOCS.read_text().split(f"### {table}\n")[1].split("\n## ")[0].split("\n### ")[0]
    named = {name for line in part.splitlines() if line.startswith("| `") for name in
             re.findall(r"`(\w+)`", line.split("|")[1])}  # fmt: skip
    assert named == set(desk.table(table).columns)


# --- what people read


def test_the_price_of_a_forward_game_is_that_of_its_one_trading_period():
    game = load_scenario("allaz-vila").with_values({"game.choke": "20", "game.cost": "5", "game.rounds": "0"})
    run = game.run(seed=7)
    assert run.spot["price_tick"].to_list() == [2_000, 1_000]
    told = run.metrics["wholesale"]
    assert [told[f"spot_{which}_eur_per_mwh"] for which in ("mean", "min", "max")] == [10, 10, 10]
    assert "10.00 EUR/MWh on average, 10.00 to 10.00" in run.summary()


def test_contracts_are_told_of_where_there_is_a_desk_to_sign_them_at(desk):
    owing = street(Auction()).with_values({"green.renewable_quota": percent(20)}).run(seed=7, baseline=False)
    assert owing.metrics["wholesale"]["utilities"]["green"]["quota"] is not None
    assert owing.metrics["wholesale"]["open_interest_by_day_wh"] is None
    assert "\nquotas " in owing.summary()
    assert "\ncontracts " not in owing.summary()
    assert "\ncontracts " in desk.summary()


def test_amounts_in_the_summary_are_grouped_and_no_figure_is_parted_from_its_unit(desk):
    told, lines = desk.metrics["wholesale"], desk.summary().splitlines()
    profit = told["utility_profit"]
    assert profit > 1_000 * 10**8
    assert any(f"got {profit / 10**8:,.2f} EUR in all" in line for line in lines)
    assert any(line.strip().startswith("fuel and net imports ") and line.endswith("above the least") for line in lines)


def test_customers_that_moved_are_told_of(desk):
    assert desk.metrics["wholesale"]["customers_moved"] is None
    assert "\nretail " not in desk.summary()
    run = street(ContractDesk(), retail=RetailMarket(loyalty=eur_per_mwh(5))).run(seed=7, baseline=False)
    moved = run.switches["customers"].sum()
    assert run.metrics["wholesale"]["customers_moved"] == moved > 0
    assert f"retail            {moved:,} moves to another utility, of 40,000 customers" in run.summary()
    text = str(desk.compare(run))
    assert re.search(rf"^customers moved +none +{moved:,} +none$", text, re.MULTILINE)
    assert "blue: tariff 96 periods at " in text
    assert "customers moved" not in str(desk.compare(desk))
