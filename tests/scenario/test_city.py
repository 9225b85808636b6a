"""A city is what a script that lists its homes would be, in columns."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattbook import ConfigError, Forecast, LocalMarket, Scenario, city, consumer, load_scenario, utility
from wattbook.data import Member, load_grid, member_load_wh
from wattbook.results import Run, verify
from wattbook.scenario import compile_street
from wattbook.units import eur_per_mwh, minutes, percent
from wattbook.world import World

GRID = "simbench/LV2.101"
YEAR_MS = 366 * 86_400_000


def make(*agents, **values):
    suppliers = [
        utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(80)),
        utility("green", retail=eur_per_mwh(150), feed_in=eur_per_mwh(70)),
    ]
    return Scenario(**({"start": "2016-06-06", "days": 1, "agents": [*agents, *suppliers]} | values))


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"start": "2016-03-27", "local": LocalMarket(period=minutes(30))},
        {"start": "2016-10-30", "forecast": Forecast(kind="persistence")},
        {"start": "2016-01-01", "meter_failures": percent(20)},
        {"start": "2016-12-31", "hours": 5, "local": LocalMarket(period=minutes(5))},
    ],
    ids=["summer", "spring forward", "fall back", "first day", "last hours"],
)
@pytest.mark.parametrize("bootstrap", [True, False])
def test_a_city_gives_the_street_that_its_homes_one_by_one_give(values, bootstrap):
    town = city("town", homes=130, homes_per_feeder=50, bootstrap=bootstrap)
    columns = compile_street(make(town, **values), seed=7)
    listed = compile_street(make(*town.described(), **values), seed=7)
    for field in dataclasses.fields(columns.street):
        mine, theirs = getattr(columns.street, field.name), getattr(listed.street, field.name)
        if field.name == "about" or (field.name == "substitute_wh" and not columns.street.missing.any()):
            continue  # told in another form; never read
        if field.name == "battery":
            assert all(np.array_equal(a, b) for a, b in zip(mine, theirs, strict=True))
        elif isinstance(mine, np.ndarray):
            assert mine.dtype == theirs.dtype, field.name
            assert np.array_equal(mine, theirs), field.name
        else:
            assert mine == theirs, field.name
    assert columns.minds == listed.minds
    assert columns.inputs == listed.inputs
    if "forecast" in values or "meter_failures" in values:
        assert np.array_equal(columns.outlook.load_before_wh, listed.outlook.load_before_wh)
        assert np.array_equal(columns.outlook.generation_before_wh, listed.outlook.generation_before_wh)


@settings(max_examples=8)
@given(seed=st.integers(0, 2**63 - 1), first=st.integers(0, 100), spread=st.integers(0, 100))
def test_a_home_keeps_the_years_energy_of_its_shape_times_its_rating(seed, first, spread):
    town = city("town", homes=103, seed=first, spread=percent(spread))
    whole = make(town, start="2016-01-01", days=366, local=LocalMarket(period=minutes(60)))
    street = compile_street(whole, seed).street
    place, rows = load_grid(GRID), town.columns()
    for i in range(0, 103, 7):
        copied = place.members[rows.member[i]]
        as_measured = Member("", "", copied.profile, int(rows.rated_w[i]), 0, 0, "")
        year = member_load_wh(place, as_measured, None, place.start_ms, place.end_ms, 3_600_000)
        row = street.names.index(rows.names[i])
        assert place.end_ms - place.start_ms == YEAR_MS
        assert int(street.load_wh[row].sum()) == int(year.sum())
        low, high = copied.rated_w * (100 - spread) // 100, -(-copied.rated_w * (100 + spread) // 100)
        assert max(1, low) <= rows.rated_w[i] <= high


def test_a_larger_city_moves_none_of_the_homes_of_a_smaller_one():
    small, large = city("town", homes=50).columns(), city("town", homes=500).columns()
    assert large.names[:50] == small.names
    assert all(np.array_equal(b[:50], a) for a, b in zip(small[1:], large[1:], strict=True))


def test_larger_shares_add_to_smaller_ones():
    few, many = (city("town", homes=2_000, pv_share=share).columns() for share in (0.2, 0.5))
    assert ((few.pv_w == 0) | (few.pv_w == many.pv_w)).all()
    few, many = (city("town", homes=2_000, battery_share=share).columns() for share in (0.1, 0.7))
    assert ((few.battery_wh == 0) | (few.battery_wh == many.battery_wh)).all()


def test_shares_are_met_and_batteries_go_to_plants_first():
    homes = city("town", homes=20_000, pv_share=0.4, battery_share=percent(20)).columns()
    assert abs((homes.pv_w > 0).mean() - 0.4) < 0.02
    assert abs((homes.battery_wh > 0).mean() - 0.2) < 0.02
    assert not (homes.battery_wh[homes.pv_w == 0]).any()
    assert (city("town", homes=500, pv_share=0, battery_share=1).columns().battery_wh > 0).all()


def test_names_sort_as_numbers_and_stand_among_strangers_in_order():
    strangers = [consumer("town-00000055"), consumer("aaron"), consumer("zoe", feeder="town-feeder-0000001")]
    street = compile_street(make(city("town", homes=60, homes_per_feeder=20), *strangers), seed=1).street
    assert list(street.names) == sorted(street.names)
    assert street.feeders == ("feeder-1", "town-feeder-0000001", "town-feeder-0000002", "town-feeder-0000003")
    assert street.feeder[street.names.index("zoe")] == street.feeder[street.names.index("town-0000001")]
    alone = compile_street(make(city("town", homes=60, homes_per_feeder=20)), seed=1).street
    for name in ("town-0000005", "town-0000060"):
        row, same = street.names.index(name), alone.names.index(name)
        assert np.array_equal(street.load_wh[row], alone.load_wh[same])


def test_all_mistakes_are_told_at_once():
    with pytest.raises(ConfigError) as fault:
        city("town", homes=0, grid="simbench/LV9", pv_share=1.5, homes_per_feeder="x", personas="angry", sead=1)
    said = "\n".join(fault.value.problems)
    for part in ("town.homes=0", "town.grid=", "town.pv_share=1.5", "homes_per_feeder='x'", "'angry'", "did you mean"):
        assert part in said


@pytest.mark.parametrize(
    ("agents", "said"),
    [
        ([city("town", homes=9), consumer("town-0000009")], "town-0000009 is the name of a home of town"),
        ([city("town"), city("town")], "town is the name of 2 agents"),
        ([city("t" * 49)], "use at most 48 characters"),
        ([city("town", supplier="blu")], "did you mean 'blue'"),
    ],
)
def test_what_does_not_fit_together_is_refused(agents, said):
    with pytest.raises(ConfigError, match=said):
        make(*agents)


def test_a_field_of_the_only_city_is_reached_with_and_without_its_name():
    scenario = make(city("town"))
    for path in ("homes", "town.homes"):
        changed = scenario.with_values({path: "1234", "town.pv_share": "15", "personas": "green, eager"})
        assert changed.homes == 1_234
        assert changed.cities[0].pv_share == 150_000
        assert dict(changed.cities[0].personas) == {"eager": 500_000, "green": 500_000}
    for text, told in (
        ("150", "is outside 0 to 1: write 0 to 100, in per cent"),
        ("0.4", "is read in per cent: write 40, or 0.4% if that is meant"),
        ("1", "is read in per cent: write 100 for all, or 1% if that is meant"),
    ):
        with pytest.raises(ConfigError, match=f"town.pv_share='{text}' {told}"):
            scenario.with_values({"pv_share": text})
    assert scenario.with_values({"pv_share": "1%", "battery_share": "100"}).cities[0].pv_share == 10_000
    assert make(city("town"), city("ville")).with_values({"ville.homes": "5"}).homes == 1_005
    assert scenario.with_values({}).to_json() == scenario.to_json()


def test_engine_and_baseline_change_no_digest_and_hours_only_where_they_are_given():
    scenario = make(city("town", homes=10))
    assert scenario.with_values({"engine": "processes", "baseline": "no"}).digest() == scenario.digest()
    assert "hours" not in json.loads(scenario.to_json())
    assert scenario.with_values({"hours": "3"}).digest() != scenario.digest()
    assert scenario.with_values({"hours": "3"}).estimate().periods == 12
    with pytest.raises(ConfigError, match="did you mean 'population'"):
        scenario.run(seed=1, engine="populaton")


@pytest.mark.parametrize("threads", [0, -1, 1_025, True, 1.0, "two"])
def test_what_is_no_number_of_threads_is_refused(threads):
    with pytest.raises(ConfigError, match="is not a whole number from 1 to 1024"):
        make(city("town", homes=10)).run(seed=1, threads=threads)


def test_a_city_of_independent_feeders_gives_the_same_bytes_with_any_number_of_threads():
    scenario = load_scenario("city").with_values({"homes": "300", "homes_per_feeder": "60", "hours": "14"})
    one, two, four = (scenario.run(seed=7, baseline=False, threads=threads) for threads in (1, 2, 4))
    assert one.trades.height > 100
    assert one.fingerprint == two.fingerprint == four.fingerprint
    assert one.fingerprint == scenario.run(seed=7, baseline=False, engine="processes").fingerprint


def test_the_shipped_city_runs_is_saved_and_verified(tmp_path):
    scenario = load_scenario("city").with_values({"homes": "40", "homes_per_feeder": "15", "hours": "20"})
    run = scenario.run(seed=7)
    listed = scenario.model_copy(update={"agents": (*scenario.cities[0].described(), *scenario.utilities)}).run(
        seed=7, baseline=False
    )
    assert run.trades.height > 0
    assert run.trades.equals(listed.trades)
    assert run.postings.equals(listed.postings)
    assert run.agents.select("agent", "kind", "persona", "policy", "utility", "feeder", "bill").equals(
        listed.agents.select("agent", "kind", "persona", "policy", "utility", "feeder", "bill")
    )
    assert run.metrics["energy_residual_wh"] == 0
    place = run.save(tmp_path / "run")
    assert verify(place)
    assert Run.load(place).metrics == run.metrics


def test_without_a_baseline_what_depends_on_it_is_absent():
    run = load_scenario("city").with_values({"homes": "20", "hours": "2", "baseline": "no"}).run(seed=7)
    assert run.baseline_run is None
    assert run.metrics["mean_saving"] is None
    assert run.metrics["baseline"] is None
    assert run.agents["saving"].null_count() == run.agents.height
    assert "no baseline was run" in run.summary()


@pytest.mark.parametrize("homes", [1_000, pytest.param(100_000, marks=[pytest.mark.slow, pytest.mark.long])])
def test_most_homes_wake_in_every_quarter_of_an_hour_of_daylight(homes):
    compiled = compile_street(load_scenario("city").with_values({"homes": homes}), seed=7)
    members = compiled.street.feeder >= 0
    world = World(compiled.street, compiled.minds, compiled.outlook, seed=7)
    quarter_ms = 15 * 60_000
    world.run(until_ms=world.street.start_ms + 5 * 3_600_000)
    for _ in range(16 * 4):
        started_ms = world.now_ms
        world.run(until_ms=started_ms + quarter_ms)
        assert (world.woke_ms[members] >= started_ms).mean() >= 0.6
