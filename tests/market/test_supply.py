"""The shipped plants as a supply side: what they cost, when they are out, what a week of prices looks like."""

import dataclasses

import numpy as np
import pytest

from wattbook.assets import Build, Fleet, PlantKind, annuity
from wattbook.data import PlantRow, load_fuels, load_plants
from wattbook.errors import ConfigError
from wattbook.market.merit_order import clear_by_auction, clear_spot
from wattbook.market.supply import availability_ppm, country, lay_out, offers_at_cost, upgrades_of, weather_rows

QUARTER = 900_000
WEEK = 672


@pytest.fixture(scope="module")
def supply():
    return load_plants("simbench")


@pytest.fixture(scope="module")
def park(supply):
    return country(supply, QUARTER)


@pytest.fixture(scope="module")
def june(supply):
    """Start of the week from 6 June 2016."""
    return supply.start_ms + 157 * 96 * QUARTER - 3_600_000


@pytest.fixture(scope="module")
def week(park, supply, june):
    return availability_ppm(park, supply, 1, june, QUARTER, WEEK)


def test_the_country_is_all_plants_and_one_for_each_weather(park, supply):
    park.plants.check()
    assert len(park.names) == 345 + 5
    assert park.names[345:] == tuple(row.id for row in weather_rows(supply)) == supply.series_names[1:]
    assert park.series[344:] == (None, *supply.series_names[1:])
    wind = park.plants.kind == PlantKind.WIND
    assert park.plants.capacity_w[wind].tolist() == [3_379_300_000, 5_325_900_000]


def test_the_largest_plant_of_a_kind_is_the_cheapest_and_the_smallest_the_dearest(park):
    gas = park.plants.kind == PlantKind.GAS
    capacity, tick = park.plants.capacity_w[gas], park.plants.marginal_tick[gas]
    by_size = tick[np.argsort(-capacity, kind="stable")]
    assert (np.diff(by_size) >= 0).all()
    # (21.60 + 0.187 x 25) / 0.50 + 4, and / 0.39
    assert (by_size[0], by_size[-1]) == (5_655, 7_137)


def test_a_dearer_tonne_of_co2_moves_gas_before_coal(supply):
    def medians(cents):
        plants = country(supply, QUARTER, co2_cent_per_t=cents).plants
        return [np.median(plants.marginal_tick[plants.kind == kind]) for kind in (PlantKind.COAL, PlantKind.GAS)]

    cheap_coal, cheap_gas = medians(0)
    dear_coal, dear_gas = medians(10_000)
    assert cheap_coal < cheap_gas
    assert dear_coal > dear_gas


def test_limits_are_the_kinds_shares_of_the_capacity(park):
    coal = int(np.flatnonzero(park.plants.kind == PlantKind.COAL)[0])
    capacity = int(park.plants.capacity_w[coal])
    assert park.plants.min_output_w[coal] == round(capacity * 0.4)
    assert park.plants.ramp_w[coal] == round(capacity * 0.0114 * 15)


def test_weather_is_the_sources_and_outages_belong_to_plants_with_fuel(park, supply, june, week):
    first = (june - supply.start_ms) // QUARTER
    for plant, series in enumerate(park.series):
        if series is not None:
            assert week[:, plant].tolist() == supply.share_ppm(series)[first : first + WEEK].tolist()
    out = (week[:, :318] < 1_000_000).any(axis=0)
    assert 0.1 < out.mean() < 0.6
    always = availability_ppm(park, supply, 1, june, QUARTER, WEEK, outages=False)
    assert (always[:, [series is None for series in park.series]] == 1_000_000).all()


def test_a_river_is_not_out_by_draw_as_what_was_out_is_in_its_series(supply):
    rows = [PlantRow("hydro", "hydro", 10**9), PlantRow("reservoir", "hydro", 10**9)]
    rivers = lay_out(rows, QUARTER, series={"hydro": "hydro"})
    year = availability_ppm(rivers, supply, 1, supply.start_ms, QUARTER, supply.steps)
    assert np.array_equal(year[:, 0], supply.share_ppm("hydro"))
    assert (year[:, 1] == 0).sum() >= 14 * 96, "the one without a series is maintained for two weeks"


def test_outages_are_each_plants_own(park, supply, june, week):
    """Registering the plants in another order, or one less, moves nobody's outages."""
    rows = [*supply.plants, *weather_rows(supply)][::-1][6:]
    fewer = lay_out(rows, QUARTER)
    other = availability_ppm(fewer, supply, 1, june, QUARTER, WEEK)
    for plant, name in enumerate(fewer.names):
        assert np.array_equal(other[:, plant], week[:, park.names.index(name)])
    assert not np.array_equal(availability_ppm(park, supply, 2, june, QUARTER, WEEK), week)


def test_a_week_of_the_country_is_cleared_as_the_call_auction_clears_it(park, supply, june, week):
    offers = offers_at_cost(park, week, QUARTER)
    demand = supply.energy_wh("load", 60_000_000_000, june, june + WEEK * QUARTER, QUARTER)
    spot = clear_spot(offers, demand)
    some = slice(0, WEEK, 16)
    law = clear_by_auction(offers._replace(quantity_wh=offers.quantity_wh[some]), demand[some])
    assert np.array_equal(spot.price_tick[some], law.price_tick)
    assert np.array_equal(spot.dispatch_wh[some], law.dispatch_wh)
    assert spot.dispatch_wh.sum(axis=1).tolist() == demand.tolist()
    assert (spot.dispatch_wh <= offers.quantity_wh).all()
    marginal = set(park.plants.marginal_tick.tolist())
    assert {int(tick) for tick in spot.price_tick} <= marginal


def test_what_was_sold_day_ahead_is_what_plants_give_but_for_ramps_and_minimum_output(park, supply, june, week):
    offers = offers_at_cost(park, week, QUARTER)
    demand = supply.energy_wh("load", 60_000_000_000, june, june + 96 * QUARTER, QUARTER)
    sold = clear_spot(offers._replace(quantity_wh=offers.quantity_wh[:96]), demand).dispatch_wh
    fleet = Fleet(park.plants)
    given = np.array([
        fleet.run(june + n * QUARTER, QUARTER, sold[n] * 4, week[n]).energy_wh for n in range(96)
    ])  # fmt: skip
    fleet.check()
    free = [series is not None for series in park.series]
    assert (np.abs(given[:, free] - sold[:, free]) <= 1).all()
    missed = np.abs(given - sold).sum() / sold.sum()
    assert 0 < missed < 0.2


def test_plants_grow_at_the_cost_and_over_the_lifetime_of_their_kind(park):
    gas = int(np.flatnonzero(park.plants.kind == PlantKind.GAS)[0])
    year_ms = 31_557_600_000
    upgrades = upgrades_of(park, interest_ppm=50_000, lead_ms=0)
    assert upgrades.invest(gas, 1_000_000, 0) == Build.OK
    yearly = annuity(800_000 * 10**8, 50_000, 30)  # 800 EUR per kW, 30 years
    assert upgrades.book(year_ms).tolist() == [yearly if plant == gas else 0 for plant in range(len(park.names))]
    at_once = upgrades_of(park, payment="lump-sum")
    at_once.invest(gas, 1_000_000, 0)
    assert at_once.book(0)[gas] == 800_000 * 10**8


def test_what_cannot_be_laid_out_is_refused_at_once():
    rows = [PlantRow("a", "gas", 5), PlantRow("a", "peat", 5)]
    with pytest.raises(ConfigError) as caught:
        lay_out(rows, QUARTER)
    assert len(caught.value.problems) == 2
    assert "choose from oil, gas" in str(caught.value)
    fuels = load_fuels()
    cheap = {**fuels, "gas": fuels["gas"]._replace(fuel_price_tick=0, emission_g_per_kwh=0)}
    assert lay_out(rows[:1], QUARTER, fuels=cheap).plants.marginal_tick.tolist() == [400]
    assert dataclasses.asdict(rows[0]) == {"id": "a", "kind": "gas", "capacity_w": 5}


def test_all_that_is_wrong_with_an_availability_is_told_at_once(park, supply):
    with pytest.raises(ConfigError) as caught:
        availability_ppm(park, supply, None, 0.5, 0, -1)
    assert len(caught.value.problems) == 4


def test_an_availability_has_a_column_a_plant(park, week):
    for wrong in (week[0], week[:, :5], np.hstack([week, week])):
        with pytest.raises(ConfigError, match=r"not \(t, 350\): give a column a plant"):
            offers_at_cost(park, wrong, QUARTER)
    with pytest.raises(ConfigError, match="give whole numbers"):
        offers_at_cost(park, week * 1.0, QUARTER)
    with pytest.raises(ConfigError, match="must lie between 0 and 1000000"):
        offers_at_cost(park, week + 1_000_000, QUARTER)


def test_a_period_is_whole_ms(supply):
    for wrong in (0, -1, 0.5, None, True):
        with pytest.raises(ConfigError, match="period_ms="):
            lay_out(supply.plants[:1], wrong)
