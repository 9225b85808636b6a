"""Tables as Parquet files: whatever the columns hold, Polars reads back what was written, the whole or a part."""

import hashlib
import io

import numpy as np
import polars as pl
import pytest

from wattbook.results import parquet
from wattbook.results.columns import Flags, Numbers, Words, columns_of, frame_of
from wattbook.results.parquet import ParquetFile

LEAST, MOST = -(1 << 63), (1 << 63) - 1


def written(*parts):
    sink = io.BytesIO()
    file = ParquetFile(sink)
    for part in parts:
        file.add(part)
    file.close()
    return sink.getvalue()


def read(data):
    return pl.read_parquet(io.BytesIO(data))


def cut(columns, rows):
    """The same columns in parts of `rows` rows."""

    def part(column, span):
        about = {} if column.valid is None else {"valid": column.valid[span]}
        if isinstance(column, Numbers):
            return Numbers(column.values[span], column.kind, **about)
        return Flags(column.values[span]) if isinstance(column, Flags) else type(column)(
            column.values[span], column.words, **about
        )  # fmt: skip

    count = len(next(iter(columns.values())).values)
    return [
        {name: part(column, slice(first, first + rows)) for name, column in columns.items()}
        for first in range(0, max(count, 1), rows)
    ]


def random_columns(rng, rows):
    """Of every kind: constant, counting, small, wild; few words and many, in runs and at random; some null."""
    names = Words("text", [f"home-{number}" for number in range(int(rng.integers(1, 70_000)))])
    times = Words("time", (1_465_164_000_000 + 900_000 * np.arange(96)).tolist())
    holes = Words("text", [None, "buy", "sell", "buy", None, "käuflich ☀"], least=-2)
    bits = int(rng.integers(1, 64))
    return {
        "seq": Numbers(np.arange(rows) + int(rng.integers(1 << 40))),
        "still": Numbers(np.full(rows, int(rng.integers(LEAST, MOST)))),
        "wild": Numbers(rng.integers(LEAST, MOST, rows, endpoint=True)),
        "some": Numbers(rng.integers(-(1 << bits - 1), 1 << bits - 1, rows)),
        "short": Numbers(rng.integers(-128, 128, rows).astype(np.int8)),
        "rarely": Numbers(np.where(rng.random(rows) < 0.001, rng.integers(LEAST, MOST, rows), 5)),
        "gaps": Numbers(rng.integers(0, 1000, rows), valid=rng.random(rows) < 0.7),
        "nothing": Numbers(np.zeros(rows, np.int64), valid=np.zeros(rows, np.bool_)),
        "time": Numbers(1_465_164_000_000 + np.cumsum(rng.integers(0, 3000, rows)), "time"),
        "name": names.of(rng.integers(-1, len(names.entries) + 1, rows).astype(np.int32)),
        "known": names.of(rng.integers(0, len(names.entries), rows)),
        "period": times.of(np.sort(rng.integers(0, 97, rows)).astype(np.int32)),
        "side": holes.of(rng.integers(-3, 5, rows)),
        "side_in_runs": holes.of(np.sort(rng.integers(-1, 1, rows)).astype(np.int16)),
        "cost": Words("real", [0.0, 0.5]).of(rng.integers(0, 2, rows)),
        "flag": Flags(rng.random(rows) < 0.5),
    }


@pytest.mark.parametrize("rows", [0, 1, 2, 7, 8, 9, 127, 128, 129, 130, 4_096, 4_097, 4_098, 9_000, 70_001])
def test_polars_reads_what_was_written(rows):
    for seed in range(3):
        columns = random_columns(np.random.default_rng([seed, rows]), rows)
        frame = frame_of(columns)
        again = read(written(columns))
        assert again.schema == frame.schema
        assert again.equals(frame)


@pytest.mark.parametrize("group_rows", [1, 1_000, 1 << 20])
def test_parts_and_row_groups_leave_no_trace_in_the_rows(monkeypatch, group_rows):
    monkeypatch.setattr(parquet, "GROUP_ROWS", group_rows)
    columns = random_columns(np.random.default_rng(5), 5_000)
    frame = frame_of(columns)
    for rows in (611, 5_000):
        data = written(*cut(columns, rows))
        assert read(data).equals(frame)
        assert data == written(*cut(columns, rows))


def test_a_part_of_a_file_can_be_read(monkeypatch):
    monkeypatch.setattr(parquet, "GROUP_ROWS", 2_000)
    columns = random_columns(np.random.default_rng(6), 9_000)
    frame = frame_of(columns)
    rows = pl.scan_parquet(io.BytesIO(written(*cut(columns, 700))))
    assert rows.slice(1_999, 3_003).collect().equals(frame.slice(1_999, 3_003))
    wanted = (pl.col("side") == "sell") & (pl.col("short") > 20) & pl.col("gaps").is_not_null()
    assert rows.filter(wanted).collect().equals(frame.filter(wanted))
    sums = rows.group_by("period").agg(pl.col("short").sum()).sort("period").collect(engine="streaming")
    assert sums.equals(frame.group_by("period").agg(pl.col("short").sum()).sort("period"))


def test_a_word_is_null_where_its_number_stands_for_nothing():
    words = Words("text", [None, "buy", "sell", "buy", None, "both"], least=-2)
    assert words.entries == ["buy", "sell", "both"]
    for kind in (np.int8, np.int16, np.int32, np.int64):
        found = words.of(np.arange(-4, 6).astype(kind))
        assert found.series().to_list() == [None, None, None, "buy", "sell", "buy", None, "both", None, None]
        assert found.fewer().series().to_list() == found.series().to_list()


def test_a_list_of_words_that_do_not_occur_is_cut_down_to_those_that_do():
    found = Words("text", [f"home-{number}" for number in range(1000)]).of(np.array([7, 999, 7]))
    assert found.fewer().words.entries == ["home-7", "home-999"]
    assert found.fewer().series().to_list() == found.series().to_list() == ["home-7", "home-999", "home-7"]
    nothing = Words("text", []).of(np.array([0, 3, -1]))
    assert nothing.fewer().series().to_list() == nothing.series().to_list() == [None] * 3


@pytest.mark.parametrize("rows", [0, 1, 300])
def test_a_frame_comes_apart_into_the_columns_that_make_it(rows):
    frame = frame_of(random_columns(np.random.default_rng(8), rows))
    assert frame_of(columns_of(frame)).equals(frame)
    assert read(written(columns_of(frame))).equals(frame)


def test_all_parts_have_the_same_columns():
    with pytest.raises(AssertionError):
        written({"a": Numbers(np.arange(3))}, {"a": Numbers(np.arange(3), "time")})
    with pytest.raises(AssertionError, match="other words"):
        written(*({"a": Words("text", ["x"]).of(np.zeros(1, np.int64))} for _ in range(2)))


def test_the_same_rows_give_the_same_bytes_on_every_platform_and_version():
    number = np.arange(3_000)
    columns = {
        "seq": Numbers(number),
        "square": Numbers(number**3 % 1_000_003),
        "gap": Numbers(number, "time", number % 7 > 0),
        "name": Words("text", [f"home-{each}" for each in range(300)]).of(number * number % 301),
        "flag": Flags(number % 3 == 0),
    }
    assert hashlib.sha256(written(*cut(columns, 1_000))).hexdigest() == (
        "8f99eae56a98be99febcaa946a14a88eb8d5b21409b4ca22fb50df687c1cb416"
    )
