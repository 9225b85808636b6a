"""Profiles, and long contracts that become shorter ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattbook.contracts import (
    ContractSpec,
    Kind,
    base_profile,
    cascade,
    off_peak_profile,
    peak_profile,
    solar_profile,
)
from wattbook.errors import ConfigError

DAY = 96


def test_peak_and_off_peak_are_the_base_together():
    for first in (0, 5 * DAY, 17):
        peak, off = (make(first, 9 * DAY, 4, 250) for make in (peak_profile, off_peak_profile))
        assert tuple(a + b for a, b in zip(peak, off, strict=True)) == base_profile(9 * DAY, 250)


def test_peak_is_weekdays_from_eight_to_eight():
    peak = peak_profile(0, 7 * DAY, 4, 1, first_weekday=5)
    hours = {(place // DAY, place % DAY // 4) for place, wh in enumerate(peak) if wh}
    assert hours == {(day, hour) for day in range(2, 7) for hour in range(8, 20)}


def test_the_sun_shines_by_day_and_alike_before_and_after_noon():
    day = solar_profile(0, DAY, 4, 1_000)
    assert day == day[::-1]
    assert max(day) <= 1_000
    assert all((wh > 0) == (24 <= place < 72) for place, wh in enumerate(day))
    assert solar_profile(DAY + 30, 10, 4, 1_000) == day[30:40]


@given(st.lists(st.integers(0, 10**6), min_size=2, max_size=40).filter(all), st.data())
def test_cascading_keeps_every_period(profile, data):
    spec = ContractSpec("year", "z", Kind.FUTURE_PHYSICAL, 7, tuple(profile), step_tick=5)
    parts = cascade(spec, data.draw(st.integers(1, len(profile))))
    assert sum(part.lot_wh for part in parts) == spec.lot_wh
    assert [wh for part in parts for wh in part.profile_wh] == profile
    for period in range(60):
        assert sum(part.wh(period) for part in parts) == spec.wh(period)
    assert {(part.kind, part.step_tick, part.index) for part in parts} == {(spec.kind, 5, "spot:z")}
    assert max(len(part.profile_wh) for part in parts) - min(len(part.profile_wh) for part in parts) <= 1


def test_a_year_becomes_quarters_of_their_own_lengths():
    spec = ContractSpec("2017", "z", Kind.FORWARD, 0, base_profile(365, 24))
    parts = cascade(spec, (90, 91, 92, 92))
    assert [(p.name, p.first_period, p.past_period) for p in parts] == [
        ("2017.1", 0, 90), ("2017.2", 90, 181), ("2017.3", 181, 273), ("2017.4", 273, 365),
    ]  # fmt: skip


@pytest.mark.parametrize("parts", [0, 5, (1, 2), (4, 0), (5, -1), ()])
def test_parts_that_are_not_the_whole_are_refused(parts):
    spec = ContractSpec("x", "z", Kind.FORWARD, 0, (1, 2, 3, 4))
    with pytest.raises(ConfigError):
        cascade(spec, parts)


def test_a_part_that_delivers_nothing_is_refused():
    with pytest.raises(ConfigError, match="outside 1"):
        cascade(ContractSpec("x", "z", Kind.FORWARD, 0, (1, 0)), 2)
