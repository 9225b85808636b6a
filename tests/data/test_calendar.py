"""Local days: boundaries, lengths, kinds, and start dates."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattbook.data import (
    DayType,
    day_type,
    easter_sunday,
    german_holidays,
    local_days,
    midnight_ms,
    parse_start,
    periods,
    utc_text,
    zone,
)
from wattbook.data.calendar import wall_clock_ms
from wattbook.errors import ConfigError

BERLIN = "Europe/Berlin"
QUARTER = 900_000


def test_easter_falls_where_the_almanac_says():
    known = {
        1954: (4, 18),
        1981: (4, 19),
        1990: (4, 15),
        2000: (4, 23),
        2008: (3, 23),
        2011: (4, 24),
        2016: (3, 27),
        2019: (4, 21),
        2024: (3, 31),
        2038: (4, 25),
    }
    assert {year: (easter_sunday(year).month, easter_sunday(year).day) for year in known} == known


@given(st.integers(1900, 2199))
def test_easter_is_a_sunday_between_22_march_and_25_april(year):
    easter = easter_sunday(year)
    assert easter.weekday() == 6
    assert dt.date(year, 3, 22) <= easter <= dt.date(year, 4, 25)


def test_2016_has_the_nine_national_holidays():
    names = ["01-01", "03-25", "03-28", "05-01", "05-05", "05-16", "10-03", "12-25", "12-26"]
    assert sorted(german_holidays(2016)) == [dt.date.fromisoformat(f"2016-{name}") for name in names]


def test_reformation_day_was_national_in_2017_alone():
    assert [year for year in range(2010, 2025) if dt.date(year, 10, 31) in german_holidays(year)] == [2017]


@pytest.mark.parametrize(
    ("day", "kind"),
    [
        ("2016-06-06", DayType.WORKDAY),
        ("2016-06-04", DayType.SATURDAY),
        ("2016-06-05", DayType.SUNDAY_OR_HOLIDAY),
        ("2016-05-05", DayType.SUNDAY_OR_HOLIDAY),
        ("2016-12-24", DayType.SATURDAY),
        ("2015-12-26", DayType.SUNDAY_OR_HOLIDAY),
    ],
)
def test_a_day_has_the_type_of_its_weekday_unless_it_is_a_holiday(day, kind):
    assert day_type(dt.date.fromisoformat(day)) == kind


@pytest.mark.parametrize(("day", "quarters"), [("2016-03-27", 92), ("2016-06-06", 96), ("2016-10-30", 100)])
def test_daylight_saving_makes_days_of_92_and_100_quarters(day, quarters):
    start = parse_start(day, BERLIN)
    days = local_days(start, start + QUARTER, BERLIN)
    assert [one.slots(QUARTER) for one in days] == [quarters]
    assert days[0].date == dt.date.fromisoformat(day)


@given(
    st.integers(0, 20_000), st.integers(1, 40), st.sampled_from([BERLIN, "UTC", "America/St_Johns", "Asia/Kathmandu"])
)
def test_local_days_follow_each_other_without_a_gap_and_cover_the_horizon(first, count, timezone):
    start = first * 86_400_000
    days = local_days(start, start + count * 86_400_000, timezone)
    assert days[0].start_ms <= start < days[0].end_ms
    assert days[-1].start_ms < start + count * 86_400_000 <= days[-1].end_ms
    assert all(one.end_ms == two.start_ms and (two.date - one.date).days == 1 for one, two in pairwise(days))


def test_the_clock_shows_two_o_clock_twice_in_autumn():
    start = parse_start("2016-10-30", BERLIN)
    shown = wall_clock_ms(start + QUARTER * np.arange(100), BERLIN) // QUARTER
    assert list(np.bincount(shown, minlength=96)) == [1] * 8 + [2] * 4 + [1] * 84


def test_a_bare_date_is_midnight_of_the_zone():
    midnight = dt.datetime(2016, 6, 6, tzinfo=ZoneInfo(BERLIN))
    for start in ("2016-06-06", dt.date(2016, 6, 6), midnight, "2016-06-06T00:00+02:00", "2016-06-05T22:00Z"):
        assert parse_start(start, BERLIN) == 1_465_164_000_000 == midnight_ms(dt.date(2016, 6, 6), BERLIN)
    assert utc_text(1_465_164_000_000) == "2016-06-05T22:00Z"


@pytest.mark.parametrize("start", ["2016-06-06T00:00", dt.datetime.fromisoformat("2016-06-06T00:00")])
def test_a_start_without_offset_is_refused(start):
    with pytest.raises(ConfigError, match="no offset: write a bare date"):
        parse_start(start, BERLIN)


@pytest.mark.parametrize("start", ["", "06.06.2016", "2016-02-30", "tomorrow", 2016, None])
def test_a_start_that_is_no_date_is_refused(start):
    with pytest.raises(ConfigError, match="is not a date"):
        parse_start(start, BERLIN)


@pytest.mark.parametrize("name", ["Europe/Berln", "", "../etc", "Europe"])
def test_an_unknown_zone_is_refused_with_the_nearest_name(name):
    with pytest.raises(ConfigError, match="is unknown"):
        zone(name)
    with pytest.raises(ConfigError, match="did you mean 'Europe/Berlin'"):
        zone("Europe/Berln")


def test_periods_fill_the_horizon():
    assert periods(0, 3_600_000, QUARTER).tolist() == [0, 900_000, 1_800_000, 2_700_000]


@pytest.mark.parametrize(
    ("end", "period"), [(0, QUARTER), (-1, QUARTER), (QUARTER + 1, QUARTER), (QUARTER, 0), (QUARTER, -1)]
)
def test_a_horizon_of_no_whole_periods_is_refused(end, period):
    with pytest.raises(ConfigError, match="whole number of periods"):
        periods(0, end, period)
