"""Spot prices of plants on the run's own days, and those that a market elsewhere published."""

import json

import numpy as np
import pytest

from wattbook import ConfigError, Imbalance, LocalMarket, MeritOrder, PublishedPrices
from wattbook.data import load_plants, load_prices
from wattbook.errors import DataError
from wattbook.market.merit_order import clear_by_auction
from wattbook.market.supply import availability_ppm, country, offers_at_cost
from wattbook.scenario import compile_street
from wattbook.scenario.profiles import Horizon
from wattbook.units import MS_PER_HOUR, eur, eur_per_mwh, half_even, kw, minutes, mw

ERCOT = PublishedPrices(series="ercot-2022", point="LZ_HOUSTON", read_as="EUR", first_day="2022-02-01")


def spot(scenario, seed=7):
    return compile_street(scenario, seed).street.spot_tick


def test_plants_at_cost_on_the_days_of_the_run_set_the_price(make_scenario):
    scenario = make_scenario(spot=MeritOrder(load_peak=mw(60_000), co2=eur(40)))
    street = compile_street(scenario, 7).street
    supply = load_plants("simbench")
    park = country(supply, MS_PER_HOUR, co2_cent_per_t=4_000)
    load_wh = supply.energy_wh("load", mw(60_000), street.start_ms, street.end_ms, MS_PER_HOUR)
    available = availability_ppm(park, supply, 7, street.start_ms, MS_PER_HOUR, 24)
    # The law: each hour an auction in the book.
    assert (
        street.spot_tick.tolist()
        == clear_by_auction(offers_at_cost(park, available, MS_PER_HOUR), load_wh).price_tick.tolist()
    )
    assert len(set(street.spot_tick.tolist())) > 5


def test_imbalance_prices_lie_around_the_price_of_each_period(make_scenario):
    street = compile_street(make_scenario(spot="merit-order"), 7).street
    spread = [half_even(20 * price, 100) for price in street.spot_tick.tolist()]
    assert (street.short_tick - street.spot_tick).tolist() == spread
    assert (street.spot_tick - street.long_tick).tolist() == spread
    single = compile_street(make_scenario(spot="merit-order", imbalance=Imbalance(short=eur_per_mwh(120))), 7).street
    assert set(single.short_tick.tolist()) == set(single.long_tick.tolist()) == {12_000}


def test_outages_are_drawn_from_the_seed_and_can_be_left_out(make_scenario):
    drawn = {tuple(spot(make_scenario(spot="merit-order"), seed).tolist()) for seed in range(3)}
    assert len(drawn) > 1
    calm = make_scenario(spot=MeritOrder(outages=False))
    assert (spot(calm, 1) == spot(calm, 2)).all()


def test_higher_demand_and_dearer_carbon_never_lower_the_price(make_scenario):
    base = spot(make_scenario(spot=MeritOrder(load_peak=mw(45_000))))
    assert (spot(make_scenario(spot=MeritOrder(load_peak=mw(60_000)))) >= base).all()
    assert (spot(make_scenario(spot=MeritOrder(load_peak=mw(45_000), co2=eur(60)))) > base).any()


def test_published_prices_stand_for_the_days_of_the_run(make_scenario):
    prices = load_prices("ercot-2022")
    first = np.datetime64("2022-02-01T06:00", "ms").astype(np.int64)  # midnight in Texas
    at = (int(first) - prices.start_ms) // prices.step_ms
    given = prices.price_tick("LZ_HOUSTON")[at : at + 24]
    assert spot(make_scenario(spot=ERCOT)).tolist() == given.tolist()
    quarters = make_scenario(spot=ERCOT, local=LocalMarket(period=minutes(15)))
    assert spot(quarters).tolist() == np.repeat(given, 4).tolist()
    own = ERCOT.model_copy(update={"first_day": None})
    with pytest.raises(DataError, match=r"leaves the data of ercot-2022.* or another first_day"):
        make_scenario(spot=own).check()
    with pytest.raises(DataError, match="periods of 120 min do not fit"):
        make_scenario(spot=ERCOT, local=LocalMarket(period=minutes(120))).check()


@pytest.mark.parametrize("given", ["merit-order", ERCOT], ids=["merit-order", "ercot"])
def test_a_run_with_them_closes_and_names_its_files(make_scenario, given):
    run = make_scenario(spot=given).run(seed=7)
    assert run.metrics["money_sum"] == 0
    assert run.metrics["energy_residual_wh"] == 0
    assert any(name.endswith((".parquet", ".csv")) and "LV2" not in name for name in run.info["inputs"])
    assert run.groups["spot_tick"].n_unique() > 5


def test_values_can_be_set_and_are_written_down(make_scenario):
    scenario = (
        make_scenario()
        .with_values({"spot": "merit-order"})
        .with_values({"spot.co2": "100", "spot.load_peak": "60000 MW"})
    )
    assert (scenario.spot.co2, scenario.spot.load_peak) == (eur(100), mw(60_000))
    assert json.loads(scenario.to_json())["spot"] == {
        "supply": "simbench", "load_peak": 60_000_000_000, "co2": 10_000_000_000, "outages": True,
    }  # fmt: skip
    assert scenario.digest() != make_scenario(spot="merit-order").digest() != make_scenario().digest()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: MeritOrder(supply="simbensh"), "did you mean 'simbench'"),
        (lambda: MeritOrder(co2=25), r"has no unit: write eur\(25\)"),
        (lambda: MeritOrder(co2=eur(25.001)), "whole number of cents"),
        (lambda: MeritOrder(load_peak=kw(59_000)), r"write one from 1000 MW .* as mw\(59_000\)"),
        (lambda: MeritOrder(co2=eur(1_001)), "co2"),
        (lambda: PublishedPrices(series="ercot", point="LZ_HOUSTON"), "did you mean 'ercot-2022'"),
        (lambda: PublishedPrices(series="ercot-2022", point="LZ_HOUSTEN", read_as="EUR"), "did you mean 'LZ_HOUSTON'"),
        (lambda: PublishedPrices(series="ercot-2022", point="LZ_HOUSTON"), "in USD: say read_as='EUR'"),
        (lambda: PublishedPrices(series="ercot-2022", point="LZ_AEN", read_as="USD"), "is not one of EUR"),
        (lambda: PublishedPrices(series="ercot-2022", point="LZ_AEN", read_as="EUR", first_day="May"), "write '2022"),
        (
            lambda: PublishedPrices(series="ercot-2022", point="LZ_AEN", read_as="EUR", first_day="2022-02-01T07:23"),
            "write '2022",
        ),
    ],
)
def test_mistakes_are_told_with_what_to_write(make, said):
    with pytest.raises(ConfigError, match=said):
        make()


def test_a_text_that_is_no_price_names_what_else_there_is(make_scenario):
    with pytest.raises(ConfigError, match="'merit-order', MeritOrder"):
        make_scenario(spot="merit")


def test_a_run_outside_the_weather_of_the_plants_is_refused():
    supply = load_plants("simbench")
    late = Horizon(supply.end_ms - MS_PER_HOUR, supply.end_ms + MS_PER_HOUR, MS_PER_HOUR)
    with pytest.raises(DataError, match="leaves the data of simbench"):
        MeritOrder().price_tick(7, late)
