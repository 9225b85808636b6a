"""The tables: columns and types as promised, names in the place of numbers, and golden case G1 to the last digit."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from wattbook.results import Run
from wattbook.results.tables import TABLES

COLUMNS = {
    "trades": "seq time venue book period buyer seller price_tick quantity_wh aggressor maker_order taker_order",
    "orders": "seq time venue book period order agent event side price_tick quantity_wh remaining_wh code",
    "postings": "seq time period transfer account amount cause",
    "meters": "period agent load_wh generation_wh charge_wh discharge_wh curtailed_wh traded_wh residual_wh soc_wh"
    " substitute",
    "decisions": "time agent policy action outcome cost_usd",
    "flows": "period path flow_wh losses_wh",
    "groups": "period utility nominated_wh metered_wh deviation_wh spot_tick imbalance_tick",
    "shares": "period venue book agent claim_wh shared_wh price_tick",
}
G1_MONEY = {
    "A": -53_937_650, "B": 19_030_000, "C": 27_250_000, "D": -31_629_300, "U": 2_250_000, "V": 2_150_000,
    "GRID": 16_481_000, "UPSTREAM": 3_369_000, "STATE": 15_036_950,
}  # fmt: skip


def balances(frame):
    totals = frame.group_by("account").agg(pl.col("amount").sum())
    return dict(totals.iter_rows())


@pytest.mark.parametrize("table", COLUMNS)
def test_a_table_has_the_columns_that_the_doors_promise(golden, table):
    assert golden.table(table).columns == COLUMNS[table].split()


@pytest.mark.parametrize("table", TABLES)
def test_every_number_is_int64_and_every_time_is_utc_in_milliseconds(golden, table):
    allowed = {pl.Int64(), pl.String(), pl.Datetime("ms", "UTC")}
    extra = {("decisions", "cost_usd"): pl.Float64(), ("meters", "substitute"): pl.Boolean()}
    for name, kind in golden.table(table).schema.items():
        assert kind in allowed or kind == extra.get((table, name))


def test_golden_case_g1_holds_to_the_last_digit(story):
    run = Run(story.g1(bill=False), None, story.INFO)
    assert balances(run.postings) == G1_MONEY


def test_golden_case_g1_holds_with_two_imbalance_prices(story):
    run = Run(story.g1(long=6_000, bill=False), None, story.INFO)
    assert balances(run.postings) == {**G1_MONEY, "V": 1_550_000, "UPSTREAM": 3_969_000}


def test_billing_leaves_whole_cents_and_puts_the_rest_into_rounding(golden):
    cents = {account: amount / 1_000_000 for account, amount in balances(golden.postings).items()}
    names = ("A", "B", "C", "D", "U", "V", "GRID", "UPSTREAM", "STATE", "ROUNDING")
    assert [cents[name] for name in names] == [-54, 19, 27, -32, 2, 2, 16, 3, 15, 2]


def test_flows_and_groups_are_those_of_golden_case_g1(golden):
    assert golden.flows.select("path", "flow_wh", "losses_wh").rows() == [
        ("feeder", 2000, 20), ("district", 1700, 51), ("standard", 400, 20),
    ]  # fmt: skip
    assert golden.groups.select("utility", "metered_wh", "deviation_wh").rows() == [("U", 400, 50), ("V", -100, -100)]


def test_trades_name_their_parties_their_book_and_the_aggressor(golden):
    rows = golden.trades.select("buyer", "seller", "venue", "book", "price_tick", "quantity_wh", "aggressor").rows()
    assert rows == [
        ("A", "C", "local", "north", 12_500, 2000, "buy"),
        ("A", "B", "district", "district", 14_000, 500, "buy"),
        ("D", "B", "district", "district", 13_000, 1200, "sell"),
    ]


def test_a_period_is_known_by_its_start(golden, story):
    assert set(golden.trades["period"]) == {datetime.fromtimestamp(story.START_MS / 1000, UTC)}


def test_orders_tell_their_life_and_refusals_their_reason(golden):
    life = golden.orders.filter(pl.col("order") == 3).select("event", "side", "remaining_wh", "code").rows()
    assert life == [
        ("accepted", "sell", 3000, "ok"), ("filled", "sell", 2500, "ok"), ("cancelled", "sell", 0, "ok"),
    ]  # fmt: skip
    assert golden.orders.filter(pl.col("event") == "refused").select("agent", "side", "code").rows() == [
        ("D", None, "no-funds")
    ]


def test_a_decision_is_ok_or_has_the_code_of_its_refusal(golden):
    outcomes = golden.decisions.filter(pl.col("agent") == "D").select("policy", "action", "outcome").rows()
    assert outcomes == [("truthful", "submit", "ok"), ("truthful", "submit", "no-funds")]
    assert golden.decisions.height == 8
    assert golden.decisions["time"].is_sorted()


def test_agents_hold_bills_savings_and_energy(golden):
    agents = {row["agent"]: row for row in golden.agents.iter_rows(named=True)}
    home = agents["A"]
    assert (home["bill"], home["baseline_bill"], home["saving"]) == (54_000_000, 77_000_000, 23_000_000)
    assert home["money_end"] == -54_000_000 == home["profit"]
    assert (home["local_wh"], home["bought_wh"], home["residual_in_wh"], home["withdrawal_wh"]) == (
        2500,
        2500,
        200,
        2700,
    )
    assert (agents["B"]["sold_wh"], agents["B"]["injection_wh"], agents["B"]["residual_in_wh"]) == (1700, 1500, 200)
    assert agents["U"]["kind"] == "utility"
    assert agents["U"]["utility"] is None


def test_without_a_baseline_there_is_no_saving_to_tell(story):
    agents = Run(story.g1(), None, story.INFO).agents
    assert agents["saving"].to_list() == [None] * 6 == agents["baseline_bill"].to_list()


def test_money_to_start_with_is_no_profit(story):
    town = story.Town({"A": {"feeder": "north", "utility": "U", "vat": 0}}, {"U": (15_000, 8_000)})
    town.endow({"A": 5_000_000})
    town.deliver(0, {"A": 100})
    row = Run(town.record(), None, story.INFO).agents.row(0, named=True)
    assert (row["money_start"], row["profit"]) == (5_000_000, -100 * (15_000 + 7_000 + 2_050))
    assert row["money_end"] == row["money_start"] + row["profit"]


def test_what_a_refused_command_named_may_not_exist(story):
    town = story.Town({"A": {"feeder": "north", "utility": "U", "vat": 0}}, {"U": (15_000, 8_000)})
    town.refuse(0, 77, 100, period=999, book=-1)
    run = Run(town.record(), None, story.INFO)
    assert run.decisions.rows(named=True)[0]["agent"] is None
    assert run.metrics["refusals"] == 1


def test_a_run_in_which_nothing_happened_has_empty_tables_and_no_shares(story):
    town = story.Town({}, {}, feeders=(), district=False, periods=0)
    run = Run(town.record(), town.record(), story.INFO)
    assert all(run.table(name).height == 0 for name in TABLES)
    assert run.metrics["allocative_efficiency"] is None
    assert run.metrics["hhi"] is None
    assert run.summary()
