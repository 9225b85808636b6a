"""The shipped grid: who is in it, and energy that is exact over a year and the same in every cut of it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattbook.chance import key_of
from wattbook.data import grid_names, load_grid, member_load_wh, parse_start, plant_wh
from wattbook.data.series import never_falling
from wattbook.errors import ConfigError, DataError

MINUTE = 60_000
QUARTER = 15 * MINUTE
DAY = 96 * QUARTER
BERLIN = "Europe/Berlin"


@pytest.fixture
def copy(grid, tmp_path):
    """A folder with the shipped grid that a test may damage."""
    return shutil.copytree(grid.folder, tmp_path / "LV2.101")


def annual_wh(grid, profile: str, rated_w: int) -> float:
    """Exact energy of a year, by Python's whole numbers."""
    return sum(grid.power_ppb(profile).tolist()) * rated_w / 4e9


def test_the_shipped_grid_is_a_real_neighbourhood(grid):
    assert grid_names() == ("simbench/LV2.101",)
    assert Counter(member.kind for member in grid.members) == {"household": 92, "trade": 7, "charging": 4}
    assert len(grid.plants) == 9
    assert grid.feeders == (1, 2, 3, 4)
    assert Counter(member.feeder for member in grid.members) == {1: 48, 2: 18, 3: 22, 4: 15}
    assert sum(member.rated_w for member in grid.members) == 216_800
    assert sum(plant.rated_w for plant in grid.plants) == 228_700
    assert (grid.start_ms, grid.end_ms) == (parse_start("2016-01-01", BERLIN), parse_start("2017-01-01", BERLIN))


def test_ids_are_unique_and_may_be_borne_by_agents(grid):
    ids = [row.id for row in (*grid.members, *grid.plants)]
    assert len(set(ids)) == len(ids) == 112
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", name) for name in ids)


def test_the_shipped_folder_is_small_and_carries_its_licence(grid):
    files = {path.name: path.stat().st_size for path in grid.folder.iterdir()}
    assert set(files) == {"grid.json", "profiles.parquet", "LICENSE-ODbL-1.0.txt", "ATTRIBUTION.md"}
    assert sum(files.values()) < 1 << 20
    licence = (grid.folder / "LICENSE-ODbL-1.0.txt").read_text(encoding="utf-8")
    for words in ("Copyright (c) 2019-2026", "licenses/dbcl/1.0", "4.4 Share alike", "10.4 Choice of law"):
        assert words in licence


@pytest.mark.parametrize("seed", [None, 1, 2])
def test_a_members_year_is_its_profile_times_its_rating_with_and_without_bootstrap(grid, seed):
    for member in grid.members:
        key = None if seed is None else key_of(seed, member.id)
        energy = member_load_wh(grid, member, key, grid.start_ms, grid.end_ms, QUARTER)
        assert energy.size == 35136
        assert energy.min() >= 0
        assert abs(int(energy.sum()) - annual_wh(grid, member.profile, member.rated_w)) < 1


def test_a_load_below_zero_is_paid_back_by_the_steps_after_it():
    assert never_falling(np.array([5, -3, 1, 1, 4])).tolist() == [0, 5, 5, 5, 5, 8]


def test_homes_of_one_shape_differ_once_they_are_bootstrapped(grid):
    start = parse_start("2016-06-06", BERLIN)
    twins = [member for member in grid.members if (member.profile, member.rated_w) == ("H0-L", 2000)]
    plain = {member_load_wh(grid, member, None, start, start + DAY, QUARTER).tobytes() for member in twins}
    own = {
        member_load_wh(grid, member, key_of(7, member.id), start, start + DAY, QUARTER).tobytes() for member in twins
    }
    assert (len(twins), len(plain), len(own)) == (11, 1, 11)


@given(st.integers(0, 102), st.booleans(), st.integers(0, 35000), st.integers(1, 130), st.sampled_from([5, 15, 30, 60]))
def test_a_slice_has_the_same_numbers_as_the_whole_year(grid, who, own, first, count, minutes):
    member = grid.members[who]
    key = key_of(1, member.id) if own else None
    period = minutes * MINUTE
    whole = member_load_wh(grid, member, key, grid.start_ms, grid.end_ms, period)
    first = first * QUARTER // period
    start = grid.start_ms + first * period
    end = min(start + count * period, grid.end_ms)
    part = member_load_wh(grid, member, key, start, end, period)
    assert np.array_equal(part, whole[first : first + part.size])


@given(st.integers(0, 102), st.integers(0, 8000), st.integers(1, 96))
def test_quarters_add_up_to_hours_and_fives_to_quarters(grid, who, first, count):
    start = grid.start_ms + first * 4 * QUARTER
    fives, quarters, halves, hours = (
        member_load_wh(grid, grid.members[who], 5, start, start + count * 4 * QUARTER, minutes * MINUTE)
        for minutes in (5, 15, 30, 60)
    )
    assert np.array_equal(fives.reshape(-1, 3).sum(axis=1), quarters)
    assert np.array_equal(quarters.reshape(-1, 2).sum(axis=1), halves)
    assert np.array_equal(halves.reshape(-1, 2).sum(axis=1), hours)


def test_a_plants_year_is_its_profile_times_rating_times_scale(grid):
    for plant in grid.plants:
        exact = annual_wh(grid, plant.profile, plant.rated_w)
        assert 570 < exact / plant.rated_w < 700
        for scale in (0, 1, 500_000, 1_000_000, 1_400_001):
            energy = plant_wh(grid, plant.profile, plant.rated_w, grid.start_ms, grid.end_ms, QUARTER, scale_ppm=scale)
            assert energy.min() >= 0
            assert abs(int(energy.sum()) - exact * scale / 1e6) < 1


def test_a_large_plant_is_exact_and_a_monstrous_one_is_refused(grid):
    energy = plant_wh(grid, "PV1", 10**9, grid.start_ms, grid.end_ms, QUARTER)
    assert abs(int(energy.sum()) - sum(grid.power_ppb("PV1").tolist()) // 4) <= 1
    with pytest.raises(DataError, match="too large for exact arithmetic"):
        plant_wh(grid, "PV1", 10**11 + 1, grid.start_ms, grid.end_ms, QUARTER)


def test_negative_ratings_and_scales_are_refused(grid):
    with pytest.raises(DataError, match="rated_w=-1 is negative"):
        plant_wh(grid, "PV1", -1, grid.start_ms, grid.end_ms, QUARTER)
    with pytest.raises(DataError, match="scale_ppm=-1 is negative"):
        plant_wh(grid, "PV1", 1, grid.start_ms, grid.end_ms, QUARTER, scale_ppm=-1)


@pytest.mark.parametrize(
    ("start", "end"), [("2015-12-31", "2016-01-02"), ("2016-12-31", "2017-01-02"), ("2024-01-01", "2024-01-02")]
)
def test_a_horizon_outside_the_data_is_told_which_dates_exist(grid, start, end):
    with pytest.raises(DataError, match=r"horizon/outside: .* which has 2016-01-01 to 2016-12-31"):
        member_load_wh(grid, grid.members[0], None, parse_start(start, BERLIN), parse_start(end, BERLIN), QUARTER)


@pytest.mark.parametrize("period", [0, -QUARTER, 7 * MINUTE, 1000, 90_000])
def test_a_period_that_does_not_fill_the_horizon_is_refused(grid, period):
    with pytest.raises(ConfigError, match="whole"):
        member_load_wh(grid, grid.members[0], None, grid.start_ms, grid.start_ms + DAY, period)


def test_an_unknown_grid_or_profile_is_refused_with_the_nearest_name(grid):
    with pytest.raises(DataError, match=r"grid/unknown: .*did you mean 'simbench/LV2.101'"):
        load_grid("simbench/LV2.11")
    with pytest.raises(DataError, match="grid/unknown"):
        load_grid("../grids")
    with pytest.raises(DataError, match=r"profile/unknown: .*did you mean 'H0-A'"):
        grid.power_ppb("H0A")


def test_profiles_cannot_be_written_to(grid):
    with pytest.raises(ValueError, match="read-only"):
        grid.power_ppb("H0-A")[0] = 0


def test_a_folder_is_read_as_the_shipped_grid_is(grid, copy):
    other = load_grid(copy)
    assert other.members == grid.members
    assert other.digests() == grid.digests()
    assert np.array_equal(other.power_ppb("PV7"), grid.power_ppb("PV7"))


def test_a_newer_version_is_refused(copy):
    text = json.loads((copy / "grid.json").read_text())
    (copy / "grid.json").write_text(json.dumps(text | {"version": 2}))
    with pytest.raises(DataError, match="grid/version"):
        load_grid(copy)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"version": 1}', '{"version": 1, "members": [{"x": 1}], "plants": []}', "\0"]
)
def test_a_damaged_grid_file_is_refused(copy, text):
    (copy / "grid.json").write_text(text)
    with pytest.raises(DataError, match="grid/corrupt"):
        load_grid(copy)


def test_damaged_profiles_are_refused(copy):
    whole = (copy / "profiles.parquet").read_bytes()
    for content in (b"", whole[:1000], whole[:-1]):
        (copy / "profiles.parquet").write_bytes(content)
        with pytest.raises(DataError, match="grid/corrupt"):
            load_grid(copy).power_ppb("H0-A")
    (copy / "profiles.parquet").unlink()
    with pytest.raises(DataError, match="grid/corrupt"):
        load_grid(copy).power_ppb("H0-A")


def test_profiles_of_another_length_are_refused(copy):
    text = json.loads((copy / "grid.json").read_text())
    (copy / "grid.json").write_text(json.dumps(text | {"steps": 35135}))
    with pytest.raises(DataError, match="has not 35135 rows"):
        load_grid(copy).power_ppb("H0-A")


def test_importing_the_room_imports_neither_polars_nor_the_compiler():
    code = (
        "import sys, wattbook.data as data; data.load_grid('simbench/LV2.101'); "
        "sys.exit(len({'polars', 'numba', 'pandas'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
