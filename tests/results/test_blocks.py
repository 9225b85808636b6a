"""A city's streams are looked at in blocks: how they are cut leaves no trace in tables and figures."""

import io

import numpy as np
import polars as pl
import pytest

from wattbook import Scenario, city, utility
from wattbook.results import folder, liquidity, record, tables
from wattbook.results.metrics import metrics
from wattbook.results.record import Record
from wattbook.units import eur_per_mwh


@pytest.fixture(scope="module")
def run():
    supplier = utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(80))
    town = city("town", homes=30, homes_per_feeder=10)
    return Scenario(start="2016-06-06", days=1, hours=15, agents=[town, supplier]).run(seed=3, baseline=False)


def whole(run):
    streams = {name: run.record.streams[name] for name in run.record.streams}
    return Record(run.record.header, streams, run.record.fingerprint)


@pytest.mark.parametrize("rows", [1, 7, 1_000, 1 << 20])
def test_blocks_have_the_size_asked_for_and_lose_nothing(run, rows):
    stream = run.record.streams["flows"]
    blocks = list(run.record.blocks("flows", rows))
    assert all(len(block["seq"]) == rows for block in blocks[:-1])
    for name, column in stream.items():
        assert np.array_equal(np.concatenate([block[name] for block in blocks]), column)


@pytest.mark.parametrize("held", [False, True])
def test_blocks_of_some_columns_are_those_columns(run, held):
    whole_run = whole(run) if held else run.record
    blocks = list(whole_run.blocks("orders", 700, only=("event", "code")))
    assert all(set(block) == {"event", "code"} for block in blocks)
    for name in ("event", "code"):
        assert np.array_equal(np.concatenate([block[name] for block in blocks]), run.record.streams["orders"][name])


def test_writing_a_journal_reads_no_stream_as_a_whole(tmp_path):
    supplier = utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(80))
    again = Scenario(start="2016-06-06", days=1, hours=1, agents=[city("town", homes=5), supplier])
    fresh = again.run(seed=3, baseline=False)
    fresh.record.write(tmp_path / "journal.wbj")
    assert fresh.record.streams._held == {}
    assert Record.read((tmp_path / "journal.wbj").read_bytes(), "journal").fingerprint == fresh.fingerprint


def test_a_journal_that_is_read_when_asked_gives_what_a_copy_gives(run):
    assert metrics(run.record, None, {}) == metrics(whole(run), None, {})


@pytest.mark.parametrize("name", tables.TABLES)
def test_a_table_written_in_blocks_holds_the_same_rows(run, name, monkeypatch):
    expected = tables.TABLES[name](whole(run), None)
    for rows in (500, 4_096):
        monkeypatch.setattr(Record.blocks, "__defaults__", (rows,))
        written = [io.BytesIO(), io.BytesIO()]
        for each in written:
            folder.write_table(name, run.record, None, each)
        assert written[0].getvalue() == written[1].getvalue()
        assert pl.read_parquet(io.BytesIO(written[0].getvalue())).equals(expected)


def test_books_look_the_same_however_their_events_are_cut(run, monkeypatch):
    expected = liquidity.look(run.record)
    for rows in (97, 1_000):
        monkeypatch.setattr(liquidity, "_EVENTS_ROWS", rows)
        assert all(np.array_equal(a, b) for a, b in zip(liquidity.look(run.record), expected, strict=True))


def test_money_is_the_same_however_postings_are_cut(run, monkeypatch):
    expected = metrics(whole(run), None, {})
    monkeypatch.setattr(Record.blocks, "__defaults__", (101,))
    assert metrics(whole(run), None, {}) == expected
    assert record.BLOCK_ROWS > 101
