"""The book-keeping of Parquet files: honest ones pass, lying or damaged ones are refused before they are unpacked."""

from __future__ import annotations

import io

import numpy as np
import polars as pl
import pytest

from wattbook.data.parquet_guard import counted_rows

LIMIT = 1_000_000
ROWS = 30_000_000


def written(rows: int, **options) -> bytes:
    values = np.random.default_rng(1).random(rows)
    some = pl.Series([None if n % 3 else n for n in range(rows)], dtype=pl.Int64)
    buffer = io.BytesIO()
    pl.DataFrame({"a": np.arange(rows), "b": values, "c": some}).write_parquet(buffer, **options)
    return buffer.getvalue()


def varint(value: int, width: int) -> bytes:
    """A signed number in exactly `width` bytes."""
    parts = [(value * 2 >> 7 * n & 0x7F) | 0x80 for n in range(width)]
    return bytes([*parts[:-1], parts[-1] & 0x7F])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "uncompressed", "data_page_size": 4096},
        {"compression": "snappy", "statistics": False},
        {"compression": "gzip"},
        {"row_group_size": 100},
    ],
)
@pytest.mark.parametrize("rows", [0, 1, 20_000])
def test_files_of_every_layout_are_counted(rows, options):
    assert counted_rows(written(rows, **options), LIMIT) == rows


def test_a_file_that_says_it_is_too_long_is_not_looked_into():
    assert counted_rows(written(20_000), 100) == 20_000


def test_a_long_file_that_says_it_is_short_is_refused():
    buffer = io.BytesIO()
    pl.select(a=pl.repeat(0, ROWS, dtype=pl.Int64)).write_parquet(buffer, row_group_size=ROWS)
    whole = buffer.getvalue()
    assert len(whole) < 100_000
    assert counted_rows(whole, LIMIT) == ROWS
    footer = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    honest, lie = varint(ROWS, 4), varint(100, 4)
    places = [at for at in range(footer, len(whole)) if whole[at : at + 4] == honest]
    assert len(places) >= 3  # of the file, its group and its column
    for lies in (places[:1], places):
        forged = bytearray(whole)
        for at in lies:
            forged[at : at + 4] = lie
        with pytest.raises(ValueError, match=r"other rows|more values or bytes"):
            counted_rows(bytes(forged), LIMIT)


def test_no_cut_and_no_flipped_bit_ends_in_anything_but_a_count_or_a_refusal():
    whole = written(40)
    for at in range(len(whole)):
        with pytest.raises(ValueError, match=r".+"):
            counted_rows(whole[:at], LIMIT)
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[at] ^= 1 << bit
            try:
                assert counted_rows(bytes(damaged), LIMIT) >= 0
            except ValueError:
                continue


def test_a_page_header_that_asks_for_all_memory_is_refused():
    whole = written(8)
    field = bytes([0x2C, 0x15, 16])  # a data page's header opens with its 8 values
    at = whole.index(field)
    for head in (0x40, 0x14, 0x95, 0x00):
        damaged = bytearray(whole)
        damaged[at + 1] = head
        with pytest.raises(ValueError, match=r".+"):
            counted_rows(bytes(damaged), LIMIT)


@pytest.mark.parametrize(
    "content", [b"", b"PAR1", b"PAR1PAR1", b"PAR1" + b"\xff" * 100 + b"PAR1", b"PAR1\0\0\0\0\xff\xff\xff\x7fPAR1"]
)
def test_what_is_no_parquet_file_is_refused(content):
    with pytest.raises(ValueError, match=r".+"):
        counted_rows(content, LIMIT)


def test_pages_that_hold_fewer_values_than_their_column_are_refused():
    whole = bytearray(written(8))
    at = whole.index(bytes([0x2C, 0x15, 16]))
    whole[at + 2] = 14  # seven values
    with pytest.raises(ValueError, match="pages of a column have other values"):
        counted_rows(bytes(whole), LIMIT)


def test_structures_that_nest_forever_are_refused():
    footer = b"\x1c" * 5000
    content = b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1"
    with pytest.raises(ValueError, match="nested too deeply"):
        counted_rows(content, LIMIT)
