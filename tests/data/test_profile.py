"""A user's profile: every fault of a file has its code, and energy is exact."""

from __future__ import annotations

import datetime as dt
import io
import os
from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattbook.data import check_profile, parse_start, profile_wh, read_profile
from wattbook.data.profile import FILE_LIMIT, ROW_LIMIT
from wattbook.errors import DataError

MINUTE = 60_000
QUARTER = 15 * MINUTE
START = parse_start("2016-06-06", "UTC")
ROWS = [f"2016-06-06T{n // 4:02d}:{n % 4 * 15:02d}Z,0.{n + 10}" for n in range(8)]
GOOD = "time,kwh\n" + "\n".join(ROWS) + "\n"


def frame(n: int = 8, step: str = "15m", **columns) -> pl.DataFrame:
    start = dt.datetime(2016, 6, 6, tzinfo=dt.UTC)
    times = pl.datetime_range(start, start + dt.timedelta(days=400), step, time_zone="UTC", eager=True)[:n]
    return pl.DataFrame({"time": times, "kwh": [0.1 + k / 100 for k in range(n)]} | columns)


def parquet(table: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.write_parquet(buffer)
    return buffer.getvalue()


def problems(source) -> list[str]:
    """Codes of all problems, in order; each names the source."""
    with pytest.raises(DataError) as caught:
        read_profile(source)
    assert caught.value.exit_code == 3
    return [problem.split(":")[0] for problem in caught.value.problems]


def swap(row: int, text: str) -> str:
    lines = GOOD.splitlines()
    lines[row] = text
    return "\n".join(lines)


def without(row: int) -> str:
    lines = GOOD.splitlines()
    del lines[row]
    return "\n".join(lines)


# --- what is read


def test_a_csv_a_parquet_and_a_frame_of_the_same_energy_are_the_same_profile(tmp_path):
    (tmp_path / "a.csv").write_text("\ufeff" + GOOD, encoding="utf-8")
    (tmp_path / "a.parquet").write_bytes(parquet(frame()))
    one, two, three = read_profile(tmp_path / "a.csv"), read_profile(str(tmp_path / "a.parquet")), read_profile(frame())
    assert one.digest() == two.digest() == three.digest()
    assert (one.start_ms, one.step_ms, one.end_ms) == (START, QUARTER, START + 8 * QUARTER)
    assert one.energy_uwh.tolist() == [100_000_000 + n * 10_000_000 for n in range(8)]
    assert (one.name, three.name, read_profile(frame(), name="mine").name) == ("a.csv", "frame", "mine")


def test_times_of_any_offset_are_the_same_instants(tmp_path):
    local = (
        GOOD.replace("2016-06-06T00", "2016-06-06 02").replace("2016-06-06T01", "2016-06-06 03").replace("Z", "+02:00")
    )
    (tmp_path / "a.csv").write_text(local)
    assert read_profile(tmp_path / "a.csv").start_ms == START
    berlin = frame().with_columns(pl.col("time").dt.convert_time_zone("Europe/Berlin"))
    assert read_profile(berlin).digest() == read_profile(frame()).digest()
    assert read_profile(frame().with_columns(pl.col("time").cast(pl.Datetime("ns", "UTC")))).start_ms == START


def test_columns_may_come_in_any_order_and_quoted(tmp_path):
    flipped = "\n".join(",".join(f'"{cell}"' for cell in reversed(line.split(","))) for line in GOOD.splitlines())
    (tmp_path / "a.CSV").write_text(flipped.replace("\n", "\r\n"))
    assert read_profile(tmp_path / "a.CSV").digest() == read_profile(frame()).digest()


def test_a_check_sums_the_file_up(tmp_path):
    (tmp_path / "a.csv").write_text(GOOD)
    summary = check_profile(tmp_path / "a.csv")
    assert (summary.rows, summary.step_ms, summary.total_kwh) == (8, QUARTER, 1.08)
    assert (summary.first, summary.last) == ("2016-06-06T00:00Z", "2016-06-06T01:45Z")


def test_a_link_within_its_folder_is_followed(tmp_path):
    (tmp_path / "a.csv").write_text(GOOD)
    (tmp_path / "b.csv").symlink_to("a.csv")
    assert read_profile(tmp_path / "b.csv").energy_uwh.size == 8


# --- what is refused, and how

CSV_FAULTS = {
    "nothing": ("", ["profile/empty"]),
    "blank": (" \n\n", ["profile/empty"]),
    "header alone": ("time,kwh\n", ["profile/empty"]),
    "no kwh": (GOOD.replace("kwh", "energy_kwh_total"), ["profile/missing-column", "profile/unknown-column"]),
    "no time": (GOOD.replace("time", "date"), ["profile/missing-column", "profile/unknown-column"]),
    "no header": ("\n".join(ROWS), ["profile/missing-column"] * 2 + ["profile/unknown-column"] * 2),
    "blank header": ("\n" + GOOD, ["profile/missing-column"] * 2),
    "kwh twice": ("time,kwh,kwh\n2016-06-06T00:00Z,1,2\n", ["profile/duplicate-column"]),
    "time twice": ("time,time,kwh\n,,\n", ["profile/duplicate-column"]),
    "one column too many": ("time,kwh,temperature\n2016-06-06T00:00Z,1,2\n", ["profile/unknown-column"]),
    "kw": (GOOD.replace("kwh", "kw"), ["profile/kw-not-kwh"]),
    "power": (GOOD.replace("kwh", "Power (kW)"), ["profile/kw-not-kwh"]),
    "power_w": (GOOD.replace("kwh", "power_w"), ["profile/kw-not-kwh"]),
    "kw beside kwh": ("time,kwh,kW\n2016-06-06T00:00Z,1,2\n", ["profile/kw-not-kwh"]),
    "wh": (GOOD.replace("kwh", "wh"), ["profile/unit"]),
    "MWh": (GOOD.replace("kwh", "energy_MWh"), ["profile/unit"]),
    "short row": (swap(3, "2016-06-06T00:30Z"), ["profile/short-row"]),
    "blank row": (GOOD + "\n", ["profile/short-row"]),
    "long row": (swap(3, ROWS[2] + ",x"), ["profile/long-row"]),
    "empty cell": (swap(3, "2016-06-06T00:30Z,"), ["profile/missing-value"]),
    "nan": (swap(3, "2016-06-06T00:30Z,nan"), ["profile/not-finite"]),
    "NaN": (swap(3, "2016-06-06T00:30Z,-NaN"), ["profile/not-finite"]),
    "inf": (swap(3, "2016-06-06T00:30Z,inf"), ["profile/not-finite"]),
    "1e999": (swap(3, "2016-06-06T00:30Z,1e999"), ["profile/not-finite"]),
    "-1e999": (swap(3, "2016-06-06T00:30Z,-1e999"), ["profile/not-finite"]),
    "text": (swap(3, "2016-06-06T00:30Z,n/a"), ["profile/not-a-number"]),
    "underscore": (swap(3, "2016-06-06T00:30Z,1_0"), ["profile/not-a-number"]),
    "hexadecimal": (swap(3, "2016-06-06T00:30Z,0x1p3"), ["profile/not-a-number"]),
    "other digits": (swap(3, "2016-06-06T00:30Z,\u0661"), ["profile/not-a-number"]),
    "unit in the cell": (swap(3, "2016-06-06T00:30Z,1 kWh"), ["profile/not-a-number"]),
    "semicolons": (GOOD.replace(",", ";"), ["profile/semicolon"]),
    "semicolons, decimal comma": (GOOD.replace(",", ";").replace("0.", "0,"), ["profile/semicolon"]),
    "decimal comma": (swap(3, "2016-06-06T00:30Z,0,12"), ["profile/decimal-comma"]),
    "quoted decimal comma": (swap(3, '2016-06-06T00:30Z,"0,12"'), ["profile/decimal-comma"]),
    "NUL": (GOOD + "\0", ["profile/encoding"]),
    "open quote": (swap(8, '2016-06-06T01:45Z,"0.17'), ["profile/bad-csv"]),
    "naive": (swap(3, "2016-06-06T00:30,0.12"), ["profile/naive-time"]),
    "bare date": (swap(1, "2016-06-06,0.12"), ["profile/naive-time"]),
    "German date": (swap(3, "06.06.2016 00:30,0.12"), ["profile/bad-time"]),
    "no such date": (swap(3, "2016-02-30T00:30Z,0.12"), ["profile/bad-time"]),
    "microseconds": (swap(3, "2016-06-06T00:30:00.000001Z,0.12"), ["profile/bad-time"]),
    "unsorted": (
        "\n".join(["time,kwh", *ROWS[:3], ROWS[4], ROWS[3], *ROWS[5:]]),
        ["profile/gap", "profile/unsorted", "profile/gap"],
    ),
    "repeated": ("\n".join(["time,kwh", *ROWS[:3], *ROWS[2:]]), ["profile/repeated-time"]),
    "only repeated": ("time,kwh\n" + (ROWS[0] + "\n") * 3, ["profile/resolution"] + ["profile/repeated-time"] * 2),
    "gap": (without(4), ["profile/gap"]),
    "one row": ("time,kwh\n" + ROWS[0], ["profile/resolution"]),
    "7 min": ("time,kwh\n2016-06-06T00:00Z,1\n2016-06-06T00:07Z,1\n", ["profile/resolution"]),
    "a day": ("time,kwh\n2016-06-06T00:00Z,1\n2016-06-07T00:00Z,1\n", ["profile/resolution"]),
    "uneven": (swap(3, "2016-06-06T00:31Z,0.12"), ["profile/resolution"] * 2),
    "misaligned": (
        GOOD.replace(":00Z", ":01Z").replace(":15Z", ":16Z").replace(":30Z", ":31Z").replace(":45Z", ":46Z"),
        ["profile/misaligned"],
    ),
    "negative": (swap(3, "2016-06-06T00:30Z,-0.12"), ["profile/negative"]),
    "huge": (swap(3, "2016-06-06T00:30Z,1e7"), ["profile/too-large"]),
    "many at once": (
        "time,kwh\nx,-1\n2016-06-06T00:15Z,-1\n2016-06-06T00:30,inf\n2016-06-06T00:45Z,\n",
        ["profile/bad-time", "profile/naive-time", "profile/not-finite", "profile/missing-value"],
    ),
}


@pytest.mark.parametrize("fault", CSV_FAULTS)
def test_every_fault_of_a_csv_has_its_code(tmp_path, fault):
    text, codes = CSV_FAULTS[fault]
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_profile(tmp_path / "a.csv")
    assert problems(tmp_path / "a.csv") == codes
    assert all("a.csv" in problem for problem in caught.value.problems)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1"])
def test_text_that_is_not_utf_8_is_refused(tmp_path, encoding):
    (tmp_path / "a.csv").write_text(GOOD.replace("Z,0.17", "Z,\u00bd"), encoding=encoding)
    assert problems(tmp_path / "a.csv") == ["profile/encoding"]


def test_a_problem_tells_file_row_and_column(tmp_path):
    (tmp_path / "a.csv").write_text(swap(3, "2016-06-06T00:30Z,abc"))
    with pytest.raises(DataError, match=r"^profile/not-a-number: a\.csv:4:kwh: 'abc' is not a number"):
        read_profile(tmp_path / "a.csv")
    with pytest.raises(DataError, match=r"^profile/negative: roof:3:kwh: -1 is negative"):
        read_profile(frame(3, kwh=[1.0, 1.0, -1.0]), name="roof")


def test_a_kw_column_is_told_how_to_become_kwh(tmp_path):
    (tmp_path / "a.csv").write_text(GOOD.replace("kwh", "kw"))
    with pytest.raises(DataError, match=r"0\.25 for quarters of an hour"):
        read_profile(tmp_path / "a.csv")


def test_a_thousand_problems_are_counted_not_printed(tmp_path):
    (tmp_path / "a.csv").write_text("time,kwh\n" + "x,y\n" * 1000)
    assert problems(tmp_path / "a.csv")[20:] == ["... and 1980 more"]
    assert problems(frame(1000, kwh=[-1.0] * 1000))[20:] == ["... and 980 more"]


naive = frame().with_columns(pl.col("time").dt.replace_time_zone(None))
FRAME_FAULTS = {
    "no rows": (frame().head(0), ["profile/empty"]),
    "no columns": (pl.DataFrame(), ["profile/missing-column"] * 2),
    "naive": (naive, ["profile/naive-time"]),
    "text": (frame(kwh=["1"] * 8), ["profile/type"]),
    "booleans": (frame(kwh=[True] * 8), ["profile/type"]),
    "time as text": (frame(time=["2016-06-06T00:00Z"] * 8), ["profile/type"]),
    "date": (frame().with_columns(pl.col("time").cast(pl.Date)), ["profile/type"]),
    "lists": (frame(kwh=[[1.0]] * 8), ["profile/type"]),
    "null": (frame(kwh=[1.0, None, *[1.0] * 6]), ["profile/missing-value"]),
    "null time": (
        frame(3).with_columns(pl.Series("time", [None, None, None], dtype=pl.Datetime("ms", "UTC"))),
        ["profile/missing-value"] * 3,
    ),
    "nan": (frame(kwh=[float("nan")] * 8), ["profile/not-finite"] * 8),
    "negative infinity": (frame(2, kwh=[1.0, float("-inf")]), ["profile/not-finite"]),
    "negative": (frame(2, kwh=[0, -1]), ["profile/negative"]),
    "kw": (frame().rename({"kwh": "kw"}), ["profile/kw-not-kwh"]),
    "extra": (frame(extra=[1] * 8), ["profile/unknown-column"]),
    "nanoseconds": (
        frame(2).with_columns(pl.col("time").cast(pl.Datetime("ns", "UTC")) + pl.duration(nanoseconds=1)),
        ["profile/bad-time"] * 2,
    ),
    "reversed": (frame(2).reverse(), ["profile/resolution", "profile/unsorted"]),
    "gap": (pl.concat([frame(4), frame(8).tail(3)]), ["profile/gap"]),
    "days": (frame(4, "1d"), ["profile/resolution"]),
}


@pytest.mark.parametrize("fault", FRAME_FAULTS)
def test_every_fault_of_a_frame_and_of_its_parquet_file_has_its_code(tmp_path, fault):
    table, codes = FRAME_FAULTS[fault]
    assert problems(table) == codes
    (tmp_path / "a.parquet").write_bytes(parquet(table))
    assert problems(tmp_path / "a.parquet") == codes


@pytest.mark.parametrize("source", [None, 7, {"time": [], "kwh": []}, frame().lazy(), b"a.csv"])
def test_what_is_neither_path_nor_frame_is_refused(source):
    assert problems(source) == ["profile/type"]


def test_a_parquet_file_cut_anywhere_is_refused(tmp_path):
    whole = parquet(frame())
    for size in range(0, len(whole), 7):
        (tmp_path / "a.parquet").write_bytes(whole[:size])
        assert problems(tmp_path / "a.parquet") == ["profile/corrupt" if size else "profile/empty"]


def test_a_csv_called_parquet_is_refused(tmp_path):
    (tmp_path / "a.parquet").write_text(GOOD)
    assert problems(tmp_path / "a.parquet") == ["profile/corrupt"]


def test_a_damaged_parquet_file_is_refused_or_still_a_profile(tmp_path, capfd):
    whole = parquet(frame())
    outcomes = set()
    for at in range(4, len(whole) - 4, 5):
        damaged = bytearray(whole)
        damaged[at] ^= 0x55
        (tmp_path / "a.parquet").write_bytes(damaged)
        try:
            outcomes.add(type(read_profile(tmp_path / "a.parquet")))
        except DataError as refusal:
            outcomes.add(type(refusal))
    assert DataError in outcomes  # and nothing else was raised
    capfd.readouterr()  # Polars tells its own panics


def test_a_small_file_that_unpacks_to_something_huge_is_refused_by_its_metadata(tmp_path):
    many = pl.select(
        time=pl.repeat(0, 4 * ROW_LIMIT, dtype=pl.Int64).cast(pl.Datetime("ms", "UTC")),
        kwh=pl.repeat(0.0, 4 * ROW_LIMIT),
    )
    many.write_parquet(tmp_path / "a.parquet")
    assert (tmp_path / "a.parquet").stat().st_size < 100_000
    assert problems(tmp_path / "a.parquet") == ["profile/too-large"]


def test_a_file_beyond_the_limit_is_not_read(tmp_path):
    with (tmp_path / "a.csv").open("wb") as file:
        file.truncate(FILE_LIMIT + 1)
    assert problems(tmp_path / "a.csv") == ["profile/too-large"]


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_a_pipe_a_folder_and_a_missing_file_are_refused_at_once(tmp_path, name):
    assert problems(tmp_path / name) == ["profile/missing-file"]
    os.mkfifo(tmp_path / name)
    assert problems(tmp_path / name) == ["profile/not-a-file"]
    (tmp_path / name).unlink()
    (tmp_path / name).mkdir()
    assert problems(tmp_path / name) == ["profile/not-a-file"]


def test_a_link_that_leaves_its_folder_is_refused(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "a.csv").write_text(GOOD)
    (tmp_path / "inner" / "b.csv").symlink_to(tmp_path / "a.csv")
    (tmp_path / "inner" / "c.csv").symlink_to("c.csv")
    assert problems(tmp_path / "inner" / "b.csv") == ["profile/link-outside"]
    assert problems(tmp_path / "inner" / "c.csv")[0] in {"profile/link-outside", "profile/not-a-file"}


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("https://example.org/a.csv", "profile/url"),
        ("file:///tmp/a.csv", "profile/url"),
        ("a.xlsx", "profile/format"),
        ("a", "profile/format"),
        ("*.parquet", "profile/missing-file"),
    ],
)
def test_addresses_patterns_and_other_formats_are_refused(path, code):
    assert problems(path) == [code]


def test_a_folder_without_permission_is_no_crash(tmp_path):
    assert problems(str(tmp_path / "a.csv" / "b.csv"))[0] in {"profile/not-a-file", "profile/missing-file"}


# --- energy per period


@given(
    st.lists(st.integers(0, 10**7), min_size=8, max_size=40).map(lambda n: n[: len(n) // 4 * 4]),
    st.sampled_from([5, 15, 30, 60]),
    st.integers(0, 7),
)
def test_energy_is_the_exact_one_rounded_with_its_remainder_carried(tenths_of_wh, minutes, first):
    profile = read_profile(frame(len(tenths_of_wh), kwh=[tenths / 10_000 for tenths in tenths_of_wh]))
    period = minutes * MINUTE
    whole = profile_wh(profile, profile.start_ms, profile.end_ms, period)
    steps = [Fraction(tenths, 10 * 3) for tenths in tenths_of_wh for _ in range(3)]  # of 5 minutes
    exact = [sum(steps[: (n + 1) * minutes // 5], Fraction(0)) for n in range(whole.size)]
    assert np.cumsum(whole).tolist() == [round(edge) for edge in exact]
    first = min(first, whole.size - 1)
    assert np.array_equal(profile_wh(profile, profile.start_ms + first * period, profile.end_ms, period), whole[first:])


def test_hourly_energy_is_spread_evenly_over_its_quarters():
    profile = read_profile(frame(2, "1h", kwh=[1.0, 0.002]))
    assert profile_wh(profile, START, START + 8 * QUARTER, QUARTER).tolist() == [250] * 4 + [0, 1, 1, 0]


@pytest.mark.parametrize(("first", "last"), [(-1, 4), (0, 9), (8, 9)])
def test_a_horizon_beyond_the_profile_is_told_the_dates_that_exist(first, last):
    with pytest.raises(
        DataError, match=r"^profile/too-short: .* of roof, which has 2016-06-06T00:00Z to 2016-06-06T02"
    ):
        profile_wh(read_profile(frame(), name="roof"), START + first * QUARTER, START + last * QUARTER, QUARTER)
