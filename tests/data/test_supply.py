"""The shipped supply side: who stands where, a year that is the source's, fuels with their sources."""

from __future__ import annotations

import io
import re
import shutil
import zipfile
from collections import Counter
from fractions import Fraction
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from wattbook.data import (
    import_simbench_supply,
    load_fuels,
    load_plants,
    parse_start,
    supply_names,
)
from wattbook.errors import DataError, ResourceError

BERLIN = "Europe/Berlin"
QUARTER = 900_000
TABLES = "simbench/networks/1-complete_data-mixed-all-1-sw/"
SHIPPED_WITH_POLARS = "2.1.0"


@pytest.fixture(scope="module")
def supply():
    return load_plants("simbench")


@pytest.fixture
def small_source(tables):
    """Two plants, loads and weather of the highest level, over three days that lack an hour."""
    sun = (
        tables["RESProfile.csv"]
        .replace("time;PV1", "time;PV1;WP1;H1;B1")
        .replace(";0.123456789", ";0.123456789;-0.00001;0.25;0.5")
    )
    load = tables["LoadProfile.csv"].replace("G1-A_pload", "HS1_pload").replace("H0-A_pload", "HS2_pload")
    return {
        "PowerPlant.csv": "id;type;pPP\nEHV Gen 10;hard coal;0.5\nEHV Gen 2;imp1;3\n",
        "Load.csv": "id;profile;pLoad;subnet\nL1;HS1;2;EHV1\nL2;HS2;4;EHV1\nL3;HSexp0;9;EHV1\nL4;HS1;9;HV1\n",
        "RES.csv": "id;type;profile;pRES;subnet\nR1;wind onshore;WP1;1;EHV1\nR2;wind offshore;WP1;2;EHV1\n"
        "R3;pv;PV1;3;EHV1\nR4;run of river;H1;4;EHV1\nR5;biomass;B1;5;EHV1\nR6;pv;PV1;3;HV1\n",
        "LoadProfile.csv": load,
        "RESProfile.csv": sun,
    }


def test_the_shipped_plants_are_those_of_the_source(supply):
    assert supply_names() == ("simbench",)
    kinds = dict.fromkeys(load_fuels(), 0)
    for plant in supply.plants:
        kinds[plant.kind] += plant.capacity_w
    assert Counter(plant.kind for plant in supply.plants) == {
        "gas": 138, "coal": 65, "lignite": 45, "oil": 39, "import": 27, "waste": 24, "nuclear": 7,
    }  # fmt: skip
    assert kinds["nuclear"] == 9_516_000_000
    assert sum(kinds.values()) - kinds["import"] == 74_162_400_000
    assert len({plant.id for plant in supply.plants}) == len(supply.plants) == 345


def test_the_shipped_folder_is_small_and_carries_its_licence_and_sources(supply):
    files = {path.name: path.stat().st_size for path in supply.folder.iterdir()}
    assert set(files) == {"supply.json", "plants.csv", "year.parquet", "LICENSE-ODbL-1.0.txt", "ATTRIBUTION.md"}
    assert max(files.values()) < 1 << 20
    licence = (supply.folder / "LICENSE-ODbL-1.0.txt").read_text(encoding="utf-8")
    for words in ("Copyright (c) 2019-2026", "licenses/dbcl/1.0", "4.4 Share alike", "10.4 Choice of law"):
        assert words in licence
    assert set(supply.digests()) == {"supply.json", "plants.csv", "year.parquet"}


def test_the_shipped_files_are_as_they_were_made(supply):
    known = {
        "plants.csv": "7c07edb837cc7f0db6619c5454f9b3acb7962fdb9061600a22091551a3f44c69",
        "supply.json": "c720c83f6e15aa1897f63a360978a4c0e9f47d7956e601648b8a49d7fec9a8dd",
        "year.parquet": "60e1686cb8ed8e8542c752c6f3e83322fb5a91bb1ecb4ebca9b974919f38296b",
    }
    assert supply.digests() == known


def test_the_year_is_2016_of_the_german_calendar(supply):
    assert (supply.start_ms, supply.end_ms) == (parse_start("2016-01-01", BERLIN), parse_start("2017-01-01", BERLIN))
    for name in supply.series_names:
        share = supply.share_ppm(name)
        assert share.shape == (35_136,)
        assert 0 <= share.min() <= share.max() <= 1_000_000
    assert supply.share_ppm("load").max() == 1_000_000
    with pytest.raises(ValueError, match="read-only"):
        supply.share_ppm("load")[0] = 1


def test_a_years_energy_is_share_times_rating_to_the_wh_and_the_same_in_every_cut(supply):
    year = supply.energy_wh("wind-onshore", 3_000_000, supply.start_ms, supply.end_ms, QUARTER)
    exact = Fraction(int(supply.share_ppm("wind-onshore").sum()) * 3_000_000, 4 * 10**6)
    assert abs(int(year.sum()) - exact) <= Fraction(1, 2)
    week = supply.energy_wh("wind-onshore", 3_000_000, supply.start_ms + 672 * QUARTER, supply.end_ms, QUARTER)
    assert np.array_equal(week, year[672:])
    hours = supply.energy_wh("wind-onshore", 3_000_000, supply.start_ms, supply.end_ms, 4 * QUARTER)
    assert np.array_equal(hours, year.reshape(-1, 4).sum(axis=1))


def test_what_is_not_there_is_refused_with_what_is(supply, tmp_path):
    with pytest.raises(DataError, match="did you mean 'simbench'"):
        load_plants("simbnch")
    with pytest.raises(DataError, match="choose from load, wind-onshore"):
        supply.share_ppm("wind")
    with pytest.raises(DataError, match="leaves the data"):
        supply.energy_wh("load", 1, supply.start_ms, supply.end_ms + QUARTER, QUARTER)
    with pytest.raises(DataError, match="negative"):
        supply.energy_wh("load", -1, supply.start_ms, supply.end_ms, QUARTER)


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("supply.json", "{", "corrupt"),
        ("supply.json", '{"version": 2}', "version"),
        ("supply.json", '{"version": 1}', "corrupt"),
        ("plants.csv", "id,kind\n", "corrupt"),
        ("plants.csv", "id,kind,capacity_w\na,steam,5\nb,gas,-5\n", "corrupt"),
    ],
)
def test_a_damaged_folder_is_refused(supply, tmp_path, file, content, said):
    copy = shutil.copytree(supply.folder, tmp_path / "mine")
    (copy / file).write_text(content)
    with pytest.raises(DataError, match=f"supply/{said}"):
        load_plants(copy)


def test_damaged_series_are_refused(supply, tmp_path):
    copy = shutil.copytree(supply.folder, tmp_path / "mine")
    (copy / "year.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match="supply/corrupt"):
        load_plants(copy).share_ppm("load")
    short = pl.DataFrame({name: [1] for name in supply.series_names})
    short.write_parquet(copy / "year.parquet")
    with pytest.raises(DataError, match="has not 35136"):
        load_plants(copy).share_ppm("load")


# --- the importer


def test_a_small_source_becomes_a_supply(pack, small_source, tmp_path):
    small = load_plants(import_simbench_supply(pack(small_source), tmp_path / "out"))
    assert [(p.id, p.kind, p.capacity_w) for p in small.plants] == [
        ("EHV-Gen-2", "import", 3_000_000),
        ("EHV-Gen-10", "coal", 500_000),
    ]
    # Loads of EHV1 only, without exports: 2 x 0.5 + 4 x (1, 0.25) MW.
    assert small.load_peak_w == 5_000_000
    assert small.share_ppm("load")[:3].tolist() == [1_000_000, 400_000, 1_000_000]
    assert small.capacity_w == {
        "wind-onshore": 10**6, "wind-offshore": 2 * 10**6, "solar": 3 * 10**6, "hydro": 4 * 10**6, "biomass": 5 * 10**6,
    }  # fmt: skip
    means = {name: set(small.share_ppm(name).tolist()) for name in small.capacity_w}
    assert means == {
        "wind-onshore": {0}, "wind-offshore": {0}, "solar": {123_457}, "hydro": {250_000}, "biomass": {500_000},
    }  # fmt: skip


def test_a_folder_gives_the_same_as_the_wheel_and_nothing_is_replaced(pack, small_source, tmp_path):
    wheel = pack(small_source)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "unpacked")
    one = import_simbench_supply(wheel, tmp_path / "one")
    two = import_simbench_supply(tmp_path / "unpacked", tmp_path / "two")
    assert all((two / path.name).read_bytes() == path.read_bytes() for path in one.iterdir())
    with pytest.raises(ResourceError, match="import/exists"):
        import_simbench_supply(wheel, one)


@pytest.mark.parametrize(
    ("table", "old", "new", "said"),
    [
        ("PowerPlant.csv", "hard coal", "peat", "import/kind"),
        ("PowerPlant.csv", ";0.5", ";0.0000005", "import/rating"),
        ("PowerPlant.csv", "pPP", "p", "import/missing-column"),
        ("Load.csv", "HS1;2", "HS7;2", "import/profile"),
        ("Load.csv", "EHV1", "EHV2", "import/load"),
        ("RES.csv", "biomass", "moss", "import/plants"),
        ("RESProfile.csv", ";0.25", ";x", "import/value"),
        ("LoadProfile.csv", "26.03.2016 01:00", "26.03.2016 01:01", "import/calendar"),
    ],
)
def test_every_fault_of_a_source_is_told(pack, small_source, tmp_path, table, old, new, said):
    small_source[table] = small_source[table].replace(old, new)
    with pytest.raises(DataError, match=said):
        import_simbench_supply(pack(small_source), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_missing_tables_are_told_at_once(pack, small_source, tmp_path):
    del small_source["RES.csv"], small_source["Load.csv"]
    with pytest.raises(DataError) as caught:
        import_simbench_supply(pack(small_source), tmp_path / "out")
    assert len(caught.value.problems) == 2


@pytest.mark.slow
def test_the_shipped_folder_is_what_the_published_wheel_gives(supply, wheel, tmp_path):
    made = import_simbench_supply(wheel, tmp_path / "made")
    exact = {"supply.json", "plants.csv", "LICENSE-ODbL-1.0.txt", "ATTRIBUTION.md"}
    if pl.__version__ == SHIPPED_WITH_POLARS:
        exact.add("year.parquet")
    assert all((made / name).read_bytes() == (supply.folder / name).read_bytes() for name in exact)
    again = load_plants(made)
    assert all(np.array_equal(again.share_ppm(name), supply.share_ppm(name)) for name in supply.series_names)


@pytest.mark.slow
def test_load_and_wind_are_the_sources_weighted_sums_by_another_way(supply, wheel):
    with zipfile.ZipFile(wheel) as archive:
        read = {
            name: pl.read_csv(
                io.BytesIO(archive.read(TABLES + name)), separator=";", infer_schema_length=None, null_values="NULL"
            )
            for name in ("Load.csv", "LoadProfile.csv", "RES.csv", "RESProfile.csv")
        }
    load = np.zeros(35_136)
    for row in read["Load.csv"].filter(subnet="EHV1").iter_rows(named=True):
        if row["profile"].startswith("HS") and "exp" not in row["profile"]:
            load += read["LoadProfile.csv"][row["profile"] + "_pload"].cast(pl.Float64).to_numpy() * row["pLoad"]
    assert abs(load.max() * 1e6 - supply.load_peak_w) < 2
    assert np.abs(load / load.max() * 1e6 - supply.share_ppm("load")).max() < 0.51
    wind = np.zeros(35_136)
    farms = read["RES.csv"].filter(subnet="EHV1", type="wind onshore")
    for row in farms.iter_rows(named=True):
        wind += read["RESProfile.csv"][row["profile"]].cast(pl.Float64).to_numpy() * row["pRES"]
    expected = np.maximum(wind / farms["pRES"].sum() * 1e6, 0)
    assert np.abs(expected - supply.share_ppm("wind-onshore")).max() < 0.51


@pytest.mark.slow
def test_the_docs_tell_what_the_sources_own_plant_profiles_give(wheel):
    with zipfile.ZipFile(wheel) as archive:
        plants, profiles = (
            pl.read_csv(io.BytesIO(archive.read(TABLES + name)), separator=";", infer_schema_length=None)
            for name in ("PowerPlant.csv", "PowerPlantProfile.csv")
        )
    energy = dict.fromkeys(plants["type"].unique(), 0.0)
    for row in plants.iter_rows(named=True):
        energy[row["type"]] += profiles[row["profile"]].cast(pl.Float64).sum() * row["pPP"] / 4e6
    energy["imports"] = energy.pop("imp0") + energy.pop("imp1")
    energy["coal"] = energy.pop("hard coal")
    page = (Path(__file__).parents[2] / "docs" / "supply.md").read_text(encoding="utf-8")
    for kind in ("nuclear", "lignite", "coal", "gas", "waste", "imports"):
        assert re.search(rf"{kind}\s+{energy[kind]:.1f}\s+\(", page), (kind, energy[kind])


# --- fuels


def test_every_kind_has_a_fuel_and_every_number_a_source():
    fuels = load_fuels()
    for fuel in fuels.values():
        numbers = set(fuel._fields) - {"kind", "sources"}
        assert set(fuel.sources) == numbers
        assert all(type(getattr(fuel, name)) is int and getattr(fuel, name) >= 0 for name in numbers)
        assert 0 < fuel.worst_efficiency_ppm <= fuel.best_efficiency_ppm <= 1_000_000
        assert (fuel.to_failure_ms == 0) == (fuel.to_repair_ms == 0)


def test_known_numbers_of_fuels_in_whole_quanta():
    gas, coal = load_fuels()["gas"], load_fuels()["coal"]
    assert (gas.fuel_price_tick, gas.variable_tick, gas.worst_efficiency_ppm) == (2_160, 400, 390_000)
    assert (coal.emission_g_per_kwh, coal.to_failure_ms, coal.planned_weeks) == (354, 1_150 * 3_600_000, 5)
    assert coal.capacity_cost_per_kw == 1_300 * 10**8
    assert "RTS-GMLC" in coal.sources["to_failure_ms"]
    assert "assumption" in coal.sources["worst_efficiency_ppm"]
