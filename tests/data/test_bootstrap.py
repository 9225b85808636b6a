"""A year of one's own: like days, matching clocks, the same energy."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from wattbook.chance import draw, key_of
from wattbook.data import WINDOW_DAYS, bootstrap_days, parse_start, year_calendar
from wattbook.data.bootstrap import bootstrap_rows, rescale
from wattbook.errors import DataError

BERLIN = "Europe/Berlin"
QUARTER = 900_000
HOUR = 4
NAMED_TWICE = {(dt.date(2016, 10, 30), slot) for slot in range(8, 12)}


@pytest.fixture(scope="module")
def calendar():
    return year_calendar(parse_start("2016-01-01", BERLIN), parse_start("2017-01-01", BERLIN), QUARTER, BERLIN)


@pytest.fixture(scope="module")
def local(calendar) -> list[tuple[dt.date, int, int]]:
    """Date, quarter of the clock and fold of each step, told by the standard library."""
    start = dt.datetime(2016, 1, 1, tzinfo=ZoneInfo(BERLIN)).astimezone(dt.UTC)
    times = (start + n * dt.timedelta(minutes=15) for n in range(35136))
    clocks = (time.astimezone(ZoneInfo(BERLIN)) for time in times)
    return [(clock.date(), clock.hour * 4 + clock.minute // 15, clock.fold) for clock in clocks]


def test_every_day_is_drawn_from_like_days_within_the_window(calendar):
    for seed in range(20):
        source = bootstrap_days(key_of(seed, "home"), calendar)
        assert source.size == 366
        for day, taken in zip(calendar.days, (calendar.days[s] for s in source), strict=True):
            assert taken.type == day.type
            assert abs((taken.date - day.date).days) <= WINDOW_DAYS


def test_every_like_day_of_the_window_can_be_drawn(calendar):
    june = next(d for d, day in enumerate(calendar.days) if day.date == dt.date(2016, 6, 15))
    drawn = {int(bootstrap_days(key_of(seed, "home"), calendar)[june]) for seed in range(400)}
    assert drawn == set(calendar.candidates[june].tolist())
    assert len(drawn) == 21  # the workdays from 1 to 29 June; all of 2016's June are ordinary


def test_a_draw_is_that_of_chance_with_the_day_as_counter(calendar):
    key = key_of(3, "home-1")
    days = bootstrap_days(key, calendar)
    assert all(days[d] == calendar.candidates[d][draw(key, d) % calendar.candidates[d].size] for d in (0, 100, 365))


def test_homes_differ_and_a_home_repeats(calendar):
    one, same, other = (bootstrap_days(key_of(7, name), calendar) for name in ("home-1", "home-1", "home-2"))
    assert np.array_equal(one, same)
    assert np.count_nonzero(one != other) > 300


def test_days_are_matched_by_the_local_clock(calendar, local):
    for seed in range(5):
        key = key_of(seed, "home")
        source, rows = bootstrap_days(key, calendar), bootstrap_rows(key, calendar)
        for (date, slot, _), row, day in zip(local, rows.tolist(), calendar.day.tolist(), strict=True):
            taken, shown, _ = local[row]
            lacks_the_hour = taken == dt.date(2016, 3, 27) and slot // HOUR == 2
            assert date == calendar.days[day].date
            assert taken == calendar.days[source[day]].date
            assert shown == (slot - HOUR if lacks_the_hour else slot)


def test_the_repeated_hour_takes_the_sources_own_repeated_hour(calendar, local):
    autumn = next(d for d, day in enumerate(calendar.days) if day.date == dt.date(2016, 10, 30))
    seen = set()
    for seed in range(200):
        key = key_of(seed, "home")
        source, rows = int(bootstrap_days(key, calendar)[autumn]), bootstrap_rows(key, calendar)
        first = [row for row, step in zip(rows.tolist(), local, strict=True) if step[:2] in NAMED_TWICE and not step[2]]
        assert [local[row][2] for row in first] == [0] * HOUR
        second = [
            row
            for row, (date, _, fold) in zip(rows.tolist(), local, strict=True)
            if date.day == 30 and date.month == 10 and fold
        ]
        assert len(second) == HOUR
        assert [local[row][2] for row in second] == [int(source == autumn)] * HOUR
        seen.add(source == autumn)
        if len(seen) == 2:
            return
    pytest.fail("no seed drew the day of the repeated hour for itself")


def test_spring_and_autumn_keep_their_own_length(calendar):
    counts = np.bincount(calendar.day)
    lengths = {calendar.days[d].date.isoformat(): int(n) for d, n in enumerate(counts) if n != 96}
    assert lengths == {"2016-03-27": 92, "2016-10-30": 100}


def test_a_year_whose_days_stand_for_themselves_is_the_measured_year(calendar):
    first, second = (table[calendar.day, calendar.slot] for table in (calendar.first_row, calendar.second_row))
    assert np.array_equal(np.where(calendar.second, second, first), np.arange(35136))
    assert np.flatnonzero(calendar.second).tolist() == [303 * 96 - 4 + 12 + n for n in range(HOUR)]


def test_a_stretched_total_ends_exactly_and_moves_no_edge_by_more_than_its_rounding():
    rng = np.random.default_rng(1)
    own = np.concatenate([[0], np.cumsum(rng.integers(0, 10**9, 35136))])
    for total in (0, 1, 10**9, int(own[-1]) - 1, int(own[-1]), 35136 * 10**9):
        scaled = rescale(own, total)
        assert scaled[-1] == total
        assert all(
            abs(int(s) * int(own[-1]) - int(o) * total) <= 0.54 * int(own[-1])
            for s, o in zip(scaled[::97], own[::97], strict=True)
        )


def test_a_series_that_begins_within_a_day_cannot_be_bootstrapped():
    start = parse_start("2016-01-01", BERLIN)
    with pytest.raises(DataError, match="does not begin and end at midnight"):
        year_calendar(start + QUARTER, start + 96 * QUARTER, QUARTER, BERLIN)
