"""The importer: a tiny source by hand, every fault of a source, and the real wheel (slow)."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from fractions import Fraction

import numpy as np
import polars as pl
import pytest

from wattbook.chance import key_of
from wattbook.data import import_simbench, load_grid, member_load_wh, parse_start, plant_wh
from wattbook.errors import DataError, ResourceError

QUARTER = 900_000
TABLES = "simbench/networks/1-complete_data-mixed-all-1-sw/"
SHIPPED_WITH_POLARS = "2.1.0"


def problems(path, out, grid: str = "LV9.1") -> list[str]:
    with pytest.raises(DataError) as caught:
        import_simbench(path, grid, out)
    assert not out.exists()
    assert not list(out.parent.glob(".out*"))
    return [problem.split(":")[0] for problem in caught.value.problems]


def test_a_small_source_becomes_a_grid(pack, tables, tmp_path):
    grid = load_grid(import_simbench(pack(tables), "LV9.1", tmp_path / "out"))
    told = [(m.id, m.kind, m.rated_w, m.feeder, m.distance_m) for m in grid.members]
    assert told == [
        ("LV9.1-Load-2", "household", 2000, 2, 10),
        ("LV9.1-Load-3", "household", 3000, 1, 100),
        ("LV9.1-Load-10", "trade", 10_500, 2, 12),
    ]
    assert [(p.id, p.rated_w, p.feeder) for p in grid.plants] == [("LV9.1-SGen-1", 4700, 2)]
    assert (grid.start_ms, grid.steps) == (parse_start("2016-03-26", "Europe/Berlin"), 284)
    assert grid.decimals == {"G1-A": 1, "H0-A": 2, "PV1": 9}
    assert set(grid.power_ppb("PV1").tolist()) == {123_456_789}
    assert grid.power_ppb("H0-A")[:3].tolist() == [10**9, 25 * 10**7, 10**9]


def test_a_folder_gives_the_same_as_the_wheel_that_it_was_unpacked_from(pack, tables, tmp_path):
    path = pack(tables)
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "unpacked")
    one = import_simbench(path, "LV9.1", tmp_path / "one")
    two = import_simbench(tmp_path / "unpacked", "LV9.1", tmp_path / "two")
    assert sorted(p.name for p in one.iterdir()) == sorted(p.name for p in two.iterdir())
    assert all((two / p.name).read_bytes() == p.read_bytes() for p in one.iterdir())


def test_energy_of_a_small_grid_by_hand(pack, tables, tmp_path):
    grid = load_grid(import_simbench(pack(tables), "LV9.1", tmp_path / "out"))
    home, shop = grid.members[0], grid.members[2]
    assert member_load_wh(grid, home, None, grid.start_ms, grid.start_ms + 4 * QUARTER, QUARTER).tolist() == [
        500,
        125,
        500,
        125,
    ]
    assert member_load_wh(grid, shop, None, grid.start_ms, grid.start_ms + 4 * QUARTER, QUARTER).tolist() == [
        1312,
        1313,
        1313,
        1312,
    ]


def test_an_empty_folder_is_filled_and_a_full_one_never(pack, tables, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    import_simbench(pack(tables), "LV9.1", out)
    before = {path: path.read_bytes() for path in out.iterdir()}
    with pytest.raises(ResourceError, match="import/exists"):
        import_simbench(pack(tables), "LV9.1", out)
    assert {path: path.read_bytes() for path in out.iterdir()} == before


def test_a_file_a_link_or_a_missing_parent_is_no_place_to_write(pack, tables, tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("file", "link", "no/parent"):
        with pytest.raises(ResourceError, match="import/exists"):
            import_simbench(pack(tables), "LV9.1", tmp_path / name)
    assert (tmp_path / "file").read_text() == "mine"
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("content", [None, b"", b"not a zip", b"PK\x03\x04 cut"])
def test_what_is_no_wheel_is_refused(content, tmp_path):
    path = tmp_path / "x.whl"
    if content is not None:
        path.write_bytes(content)
    assert problems(path, tmp_path / "out") == ["import/source"]


def test_all_missing_files_are_told_at_once(pack, tables, tmp_path):
    del tables["Load.csv"], tables["Switch.csv"]
    assert problems(pack(tables), tmp_path / "out") == ["import/missing-file"] * 2
    assert problems(tmp_path, tmp_path / "out") == ["import/missing-file"] * 7


def test_all_missing_columns_are_told_at_once(pack, tables, tmp_path):
    tables["Load.csv"] = tables["Load.csv"].replace("pLoad", "p").replace("node", "n")
    tables["Line.csv"] = tables["Line.csv"].replace("length", "len")
    assert problems(pack(tables), tmp_path / "out") == ["import/missing-column"] * 3


def test_a_source_without_the_database_licence_is_refused(pack, tables, tmp_path):
    assert problems(pack(tables, licence="all rights reserved"), tmp_path / "out") == ["import/licence"]


@pytest.mark.parametrize("name", ["LV9", "LV9.2", "lv9.1", "", "MV1_LV9.1_eq", "../LV9.1"])
def test_an_unknown_grid_is_refused(pack, tables, tmp_path, name):
    assert problems(pack(tables), tmp_path / "out", name) == ["import/grid"]


def test_an_unknown_grid_is_told_the_nearest(pack, tables, tmp_path):
    with pytest.raises(DataError, match=r"did you mean 'LV9\.1'"):
        import_simbench(pack(tables), "LV9_1", tmp_path / "out")


FAULTS = {
    "load profile missing": ("LoadProfile.csv", "H0-A_pload", "H0-B_pload", ["import/profile"]),
    "plant profile missing": ("RESProfile.csv", "PV1", "PV2", ["import/profile"]),
    "rating not whole watts": ("Load.csv", "0.002;", "0.0020001;", ["import/rating"]),
    "rating negative": ("Load.csv", "0.002;", "-0.002;", ["import/rating"]),
    "rating text": ("Load.csv", "0.002;", "much;", ["import/value"]),
    "length text": ("Line.csv", "0.0105", "NULL", ["import/value"]),
    "no transformer": ("Transformer.csv", "LV9.1\n", "LV9.2\n", ["import/transformer"] + ["import/unconnected"] * 4),
    "open switch": ("Switch.csv", "_10;LS;1", "_10;LS;0", ["import/unconnected"] * 3),
    "hour missing": ("LoadProfile.csv", "26.03.2016 05:", "26.03.2016 06:", ["import/calendar"]),
    "clock without summer time": ("LoadProfile.csv", "27.03.2016 03:00", "27.03.2016 02:00", ["import/calendar"]),
    "no clock at all": ("LoadProfile.csv", "26.03.2016 00:00", "midnight", ["import/calendar"]),
    "profile text": ("LoadProfile.csv", ";0.5;", ";x;", ["import/value"] * 284),
    "profile nan": ("RESProfile.csv", "0.123456789", "nan", ["import/value"] * 284),
    "profile too fine": ("RESProfile.csv", "0.123456789", "0.1234567891", ["import/precision"]),
    "profile negative": ("LoadProfile.csv", ";0.5;", ";-0.5;", ["import/value"]),
    "profile in kW": ("LoadProfile.csv", ";0.5;", ";500;", ["import/value"]),
    "short row": ("RESProfile.csv", "26.03.2016 00:15;", "26.03.2016 00:15", ["import/value"]),
    "empty table": ("Line.csv", None, "", ["import/value"]),
    "two faults": (
        "Load.csv",
        "0.002;0;LV9.1\nLV9.1 Load 3;LV9.1 Bus 4",
        "0.0000001;0;LV9.1\nLV9.1 Load 3;X",
        ["import/rating", "import/unconnected"],
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_of_the_source_is_told(pack, tables, tmp_path, fault):
    name, old, new, codes = FAULTS[fault]
    assert old is None or old in tables[name]
    tables[name] = new if old is None else tables[name].replace(old, new)
    assert problems(pack(tables), tmp_path / "out") == codes


def test_artefacts_below_zero_are_paid_back_by_the_steps_after_them(pack, tables, tmp_path):
    rows = tables["LoadProfile.csv"].splitlines()
    rows[2] = rows[2].replace(";0.25", ";-1.2E-05")
    tables["LoadProfile.csv"] = "\n".join(rows)
    grid = load_grid(import_simbench(pack(tables), "LV9.1", tmp_path / "out"))
    assert grid.power_ppb("H0-A")[1] == -12_000
    for key in (None, 1, 2):
        assert member_load_wh(grid, grid.members[1], key, grid.start_ms, grid.end_ms, QUARTER).min() >= 0


# --- the real source, read by other means


@pytest.fixture(scope="module")
def source(wheel) -> dict[str, list[dict[str, str]]]:
    """Tables of the wheel by the standard library alone."""
    with zipfile.ZipFile(wheel) as archive:
        names = ("Load", "RES", "Line", "Switch", "Transformer", "LoadProfile", "RESProfile")
        texts = {name: archive.read(f"{TABLES}{name}.csv").decode() for name in names}
    return {name: list(csv.DictReader(io.StringIO(text), delimiter=";")) for name, text in texts.items()}


@pytest.mark.slow
def test_each_members_year_is_the_sources_profile_times_rating_within_one_watt_hour(grid, source):
    loads = {row["id"]: row for row in source["Load"] if row["subnet"] == "LV2.101"}
    plants = {row["id"]: row for row in source["RES"] if row["subnet"] == "LV2.101"}
    assert {m.id for m in grid.members} == {name.replace(" ", "-") for name in loads}
    assert {p.id for p in grid.plants} == {name.replace(" ", "-") for name in plants}
    hours: dict[str, Fraction] = {}
    for table, rows, suffix in (("LoadProfile", loads, "_pload"), ("RESProfile", plants, "")):
        for profile in {row["profile"] for row in rows.values()}:
            hours[profile] = sum((Fraction(row[profile + suffix]) for row in source[table]), Fraction(0)) / 4
    horizon = (grid.start_ms, grid.end_ms, QUARTER)
    for member in grid.members:
        row = loads[member.id.replace("-", " ", 2)]
        exact = hours[row["profile"]] * Fraction(row["pLoad"]) * 10**6
        for key in (None, key_of(7, member.id)):
            assert abs(int(member_load_wh(grid, member, key, *horizon).sum()) - exact) < 1
    for plant in grid.plants:
        row = plants[plant.id.replace("-", " ", 2)]
        exact = hours[row["profile"]] * Fraction(row["pRES"]) * 10**6
        assert abs(int(plant_wh(grid, plant.profile, plant.rated_w, *horizon).sum()) - exact) < 1


@pytest.mark.slow
def test_each_shipped_value_is_the_sources_decimal(grid, source):
    for profile in grid.decimals:
        table, column = ("RESProfile", profile) if profile.startswith("PV") else ("LoadProfile", profile + "_pload")
        assert grid.power_ppb(profile).tolist() == [Fraction(row[column]) * 10**9 for row in source[table]]


@pytest.mark.slow
def test_each_load_hangs_on_the_feeder_that_a_plain_search_finds(grid, source):
    def joined(pairs, barred=frozenset()):
        """Connected parts by repeated merging."""
        part: dict[str, set[str]] = {}
        for a, b in pairs:
            if not {a, b} & barred:
                both = part.setdefault(a, {a}) | part.setdefault(b, {b})
                part.update(dict.fromkeys(both, both))
        return part

    closed = [(s["nodeA"], s["nodeB"]) for s in source["Switch"] if s["subnet"] == "LV2.101" and s["cond"] == "1"]
    lines = [(row["nodeA"], row["nodeB"]) for row in source["Line"] if row["subnet"] == "LV2.101"]
    bar = frozenset(joined(closed)["LV2.101 Bus 19_3"])
    assert bar == {"LV2.101 Bus 19"} | {f"LV2.101 Bus 19_{n}" for n in range(1, 6)}
    parts = joined(lines + closed, bar)
    field = {b if a in bar else a: a if a in bar else b for a, b in lines if {a, b} & bar}
    for member in grid.members:
        fields = {field[node] for node in parts[member.node] & set(field)}
        order = ["LV2.101 Bus 19_1", "LV2.101 Bus 19_2", "LV2.101 Bus 19_4", "LV2.101 Bus 19_5"]
        assert fields == {order[member.feeder - 1]}


@pytest.mark.slow
def test_the_importer_reproduces_the_shipped_folder(grid, wheel, tmp_path):
    one, two = (import_simbench(wheel, "LV2.101", tmp_path / name) for name in ("one", "two"))
    for path in grid.folder.iterdir():
        assert (one / path.name).read_bytes() == (two / path.name).read_bytes()
        if path.suffix != ".parquet" or pl.__version__ == SHIPPED_WITH_POLARS:
            assert (one / path.name).read_bytes() == path.read_bytes()
    assert pl.read_parquet(one / "profiles.parquet").equals(pl.read_parquet(grid.folder / "profiles.parquet"))
    assert np.array_equal(load_grid(one).power_ppb("H0-A"), grid.power_ppb("H0-A"))
    assert json.loads((one / "grid.json").read_text())["provenance"]["version"] == "1.6.3"
