"""A run's record is held against the laws that it can show."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from wattbook import LocalMarket, Pv, Scenario, consumer, prosumer, testing, utility
from wattbook.errors import ConfigError
from wattbook.testing import Falsified, Record, check_run
from wattbook.units import eur_per_mwh, kw, minutes


@pytest.fixture(scope="module")
def run():
    agents = [
        prosumer("ada", rated=kw(3), pv=Pv(kw(8))), consumer("bo", rated=kw(4)),
        utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(80)),
    ]  # fmt: skip
    local = LocalMarket(period=minutes(60), closes_before=minutes(5))
    return Scenario(start="2016-06-07", days=1, agents=agents, local=local).run(seed=1)


@pytest.fixture(scope="module")
def record(run):
    return Record.of(run)


def test_a_run_passes_and_says_what_was_judged(run, record):
    assert len(record.trades) > 3
    assert record.closes_before == timedelta(minutes=5)
    assert check_run(run) == check_run(record) == ("B4", "B6", "B7", "B9", "B15", "B16")


def spoiled(record, table, where, **values):
    rows = list(getattr(record, table))
    index = next(i for i, row in enumerate(rows) if all(row[key] == value for key, value in where.items()))
    row = rows[index]
    rows[index] = {**row, **{key: value(row) for key, value in values.items()}}
    return replace(record, **{table: rows})


@pytest.mark.parametrize(
    ("law", "table", "where", "values"),
    [
        ("B4", "trades", {}, {"price_tick": lambda row: row["price_tick"] + 1}),
        ("B6", "orders", {"event": "filled"}, {"remaining_wh": lambda row: row["remaining_wh"] + 1}),
        ("B6", "orders", {"event": "accepted"}, {"order": lambda row: row["order"] + 1_000_000}),
        ("B7", "trades", {}, {"quantity_wh": lambda row: row["quantity_wh"] + 1}),
        ("B9", "orders", {"event": "accepted"}, {"order": lambda row: row["order"] + 1_000_000}),
        ("B15", "trades", {}, {"time": lambda row: row["period"] - timedelta(minutes=5)}),
        ("B15", "orders", {"event": "accepted"}, {"time": lambda row: row["period"]}),
        ("B15", "orders", {"event": "cancelled"}, {"time": lambda row: row["period"]}),
        ("B16", "trades", {}, {"price_tick": lambda row: 10**7}),
    ],
)
def test_each_law_catches_the_record_that_breaks_it(record, law, table, where, values):
    with pytest.raises(Falsified, match=f"^{law}: "):
        check_run(spoiled(record, table, where, **values), [law])


def test_a_trade_just_before_the_gate_is_in_time(record):
    late = spoiled(record, "trades", {}, time=lambda row: row["period"] - timedelta(minutes=5, milliseconds=1))
    testing.B15.check(late)


def test_a_frame_is_as_good_as_a_list(run, record):
    from wattbook.testing.checks_journal import rows_of

    assert rows_of(run.trades) == record.trades == rows_of(record.trades)


def test_a_record_takes_frames_and_refuses_what_it_cannot_judge(run, record):
    assert Record(run.orders, run.trades, record.closes_before).trades == record.trades
    with pytest.raises(ConfigError, match="closes_before=5"):
        replace(record, closes_before=5)
    with pytest.raises(ConfigError, match="orders lacks seq"):
        replace(record, orders=[{key: value for key, value in row.items() if key != "seq"} for row in record.orders])
    with pytest.raises(ConfigError, match="as datetimes"):
        check_run(spoiled(record, "trades", {}, time=lambda row: str(row["time"])))
    for empty in ({"invariants": []}, {"invariants": ["B99"]}, {"invariants": "B15"}):
        with pytest.raises(ConfigError):
            check_run(record, **empty)
    with pytest.raises(ConfigError, match="no order events"):
        check_run(replace(record, orders=[], trades=[]))
