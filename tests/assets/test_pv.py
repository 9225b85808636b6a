"""Photovoltaic plants: age, end and upkeep."""

from datetime import UTC, date, datetime
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattbook.assets import Pv
from wattbook.errors import ConfigError
from wattbook.units import MS_PER_DAY, MS_PER_HOUR, QUANTA_PER_EUR, eur, kw, kwh, percent


def _ms(*day):
    return int(datetime(*day, tzinfo=UTC).timestamp()) * 1_000


def test_a_plant_without_a_date_is_always_as_new():
    nominal_wh = np.array([0, 5, 1_000])
    assert Pv(kw(8)).aged_generation_wh(nominal_wh, np.array([0, 1, _ms(2400, 1, 1)])).tolist() == [0, 5, 1_000]


def test_a_plant_gives_nothing_before_its_first_day_and_after_its_last_and_ages_at_anniversaries():
    plant = Pv(kw(8), date(2010, 6, 1), lifetime_years=20, ageing_ppm_per_year=percent(1))
    instants = [(2010, 5, 31), (2010, 6, 1), (2011, 5, 31), (2011, 6, 1), (2020, 6, 1), (2030, 5, 31), (2030, 6, 1)]
    starts_ms = np.array([_ms(*day) for day in instants])
    assert plant.share_ppm(starts_ms).tolist() == [0, 1_000_000, 1_000_000, 990_000, 900_000, 810_000, 0]
    assert plant.aged_generation_wh(np.full(7, 1_000), starts_ms).tolist() == [0, 1_000, 1_000, 990, 900, 810, 0]


def test_a_plant_of_the_leap_day_has_its_anniversary_on_the_first_of_march():
    anniversaries = Pv(kw(1), date(2016, 2, 29), lifetime_years=4).anniversaries_ms()
    assert anniversaries.tolist() == [
        _ms(2016, 2, 29), _ms(2017, 3, 1), _ms(2018, 3, 1), _ms(2019, 3, 1), _ms(2020, 2, 29)
    ]  # fmt: skip


def test_a_plant_that_has_aged_away_gives_nothing_rather_than_less():
    plant = Pv(kw(1), date(2000, 1, 1), lifetime_years=50, ageing_ppm_per_year=percent(5))
    assert plant.share_ppm(np.array([_ms(2045, 1, 1)])).tolist() == [0]


@given(st.lists(st.integers(0, 5_000), min_size=1, max_size=200), st.integers(0, 24))
@settings(deadline=None)
def test_the_remainder_is_carried_so_that_the_year_is_right_and_no_period_exceeds_its_nominal(values, age):
    plant = Pv(kw(8), date(2000, 1, 1))
    nominal_wh = np.array(values)
    aged_wh = plant.aged_generation_wh(nominal_wh, np.full(len(values), _ms(2000 + age, 7, 1)))
    assert aged_wh.sum() == nominal_wh.sum() * (1_000_000 - 5_000 * age) // 1_000_000
    assert ((aged_wh >= 0) & (aged_wh <= nominal_wh)).all()


def test_the_upkeep_of_a_mean_year_is_the_rate_times_the_power():
    plant = Pv(kw(8), maintenance_per_kw_year=eur(15))
    assert plant.maintenance(0, 36_525 * MS_PER_DAY // 100) == 120 * QUANTA_PER_EUR


def test_upkeep_is_due_only_while_the_plant_lives():
    plant = Pv(kw(8), date(2010, 6, 1), lifetime_years=20)
    assert plant.maintenance(0, _ms(2010, 6, 1)) == 0
    assert plant.maintenance(_ms(2030, 6, 1), _ms(2040, 1, 1)) == 0
    whole = plant.maintenance(0, _ms(2100, 1, 1))
    assert whole == plant.maintenance(_ms(2010, 6, 1), _ms(2030, 6, 1)) > 0


@given(st.lists(st.integers(0, 400 * MS_PER_DAY), min_size=2, max_size=20), st.integers(1, 20_000))
def test_the_upkeep_of_consecutive_spans_adds_up_to_that_of_the_whole(cuts, rated_w):
    plant = Pv(rated_w, date(2016, 1, 1))
    instants = sorted(_ms(2015, 12, 1) + cut for cut in cuts)
    parts = [plant.maintenance(early, late) for early, late in pairwise(instants)]
    assert sum(parts) == plant.maintenance(instants[0], instants[-1])
    assert min(parts) >= 0


def test_an_hour_of_upkeep_is_rounded_to_the_nearest_quantum():
    assert Pv(kw(1), maintenance_per_kw_year=8_766).maintenance(0, MS_PER_HOUR) == 1
    assert Pv(kw(1), maintenance_per_kw_year=4_383).maintenance(0, MS_PER_HOUR) == 0


def test_a_plant_tells_all_its_mistakes_at_once():
    with pytest.raises(ConfigError) as caught:
        Pv(
            kwh(8),
            datetime(2016, 1, 1, tzinfo=UTC),
            lifetime_years=0,
            ageing_ppm_per_year=-1,
            maintenance_per_kw_year=1.5,
        )
    assert len(caught.value.problems) == 5
    with pytest.raises(ConfigError, match="between the years"):
        Pv(kw(8), date(9999, 1, 1))
