"""From a scenario to arrays: order, tariffs, gates, limits, suppliers, energy."""

import datetime as dt

import numpy as np
import pytest

from wattbook import (
    Battery,
    Imbalance,
    LocalMarket,
    Mind,
    Network,
    Pv,
    consumer,
    neighbourhood,
    prosumer,
    utility,
)
from wattbook.data import load_grid
from wattbook.errors import DataError
from wattbook.messages import FOREVER
from wattbook.scenario import Forecast, compile_street
from wattbook.units import MS_PER_HOUR, eur, eur_per_mwh, hours, kw, kwh, minutes, percent

BLUE = utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(80))
MIDNIGHT = 1_465_164_000_000  # 2016-06-06 in Berlin


def sleep(see, memory, draw, out):
    return FOREVER


def row(street, name):
    return street.names.index(name)


def test_agents_stand_sorted_by_name_whatever_their_order(make_scenario):
    scenario = make_scenario()
    turned = make_scenario(agents=list(reversed(scenario.agents)))
    one, other = compile_street(scenario, 7), compile_street(turned, 7)
    assert one.street.names == other.street.names == ("ada", "blue", "bo")
    assert one.street.kinds == ("consumer", "utility", "prosumer")
    assert (one.street.load_wh == other.street.load_wh).all()
    assert one.minds == other.minds
    assert scenario.to_json() == turned.to_json()


def test_one_more_member_moves_nobody_else(make_scenario):
    scenario = make_scenario()
    more = make_scenario(agents=[*scenario.agents, consumer("aaron")])
    before, after = compile_street(scenario, 7).street, compile_street(more, 7).street
    for name in before.names:
        assert (before.load_wh[row(before, name)] == after.load_wh[row(after, name)]).all()


def test_days_are_drawn_by_seed_and_name(make_scenario):
    twins = make_scenario(agents=[consumer("ada"), consumer("bo"), consumer("cy", bootstrap=False), BLUE])
    seven, eight = compile_street(twins, 7).street, compile_street(twins, 8).street
    assert (seven.load_wh[0] != seven.load_wh[row(seven, "bo")]).any()
    assert (seven.load_wh[0] != eight.load_wh[0]).any()
    cy = row(seven, "cy")
    assert (seven.load_wh[cy] == eight.load_wh[cy]).all()


def test_day_and_night_follow_the_local_clock(make_scenario):
    green = utility("green", retail={"day": eur_per_mwh(170), "night": eur_per_mwh(140)}, feed_in=eur_per_mwh(75))
    street = compile_street(make_scenario(agents=[consumer("ada"), green]), 0).street
    expected = [14_000] * 6 + [17_000] * 16 + [14_000] * 2
    assert street.retail_tick[row(street, "green")].tolist() == expected
    assert (street.retail_tick[row(street, "ada")] == 0).all()


@pytest.mark.parametrize(("start", "periods"), [("2016-03-27", 23), ("2016-10-30", 25), ("2016-06-06", 24)])
def test_a_day_of_clock_change_has_23_or_25_hours_and_keeps_its_tariff(make_scenario, start, periods):
    by_hour = [eur_per_mwh(100 + hour) for hour in range(24)]
    agents = [consumer("ada"), utility("u", retail=by_hour, feed_in=eur_per_mwh(8))]
    street = compile_street(make_scenario(start=start, agents=agents), 0).street
    assert street.periods == periods
    shown = (street.retail_tick[row(street, "u")] // 100 - 100).tolist()
    repeated_or_missing = {23: [0, 1, *range(3, 24)], 25: [0, 1, 2, *range(2, 24)], 24: [*range(24)]}
    assert shown == repeated_or_missing[periods]


def test_gates_open_at_three_on_the_day_before_but_not_before_the_run(make_scenario):
    street = compile_street(make_scenario(days=3), 0).street
    opens = (street.opens_ms - MIDNIGHT) // MS_PER_HOUR
    assert opens.tolist() == [0] * 24 + [15] * 24 + [39] * 24


def test_gates_open_by_the_local_clock_across_its_change(make_scenario):
    street = compile_street(make_scenario(start="2016-03-26", days=3), 0).street
    opens = (street.opens_ms - street.start_ms) // MS_PER_HOUR
    assert opens.tolist() == [0] * 24 + [15] * 23 + [38] * 24


def test_physical_limits_are_connection_plants_and_battery(make_scenario):
    agents = [
        consumer("small"),
        consumer("big", rated=kw(100)),
        consumer("told", connection=kw(5)),
        prosumer("sun", pv=Pv(kw(9)), battery=Battery(kwh(8), kw(4))),
        BLUE,
    ]
    street = compile_street(make_scenario(agents=agents, local=LocalMarket(period=minutes(15))), 0).street
    buy = {name: int(street.buy_limit_wh[row(street, name)]) for name in street.names}
    sell = {name: int(street.sell_limit_wh[row(street, name)]) for name in street.names}
    assert buy == {"small": 7_500, "big": 25_000, "told": 1_250, "sun": 8_500, "blue": 0}
    assert sell == {"small": 0, "big": 0, "told": 0, "sun": 3_250, "blue": 0}


def test_money_vat_and_rules_arrive_in_quanta(make_scenario):
    agents = [consumer("ada", cash=eur(3), credit_limit=eur(40)), consumer("shop", deducts_vat=True), BLUE]
    local = LocalMarket(period=minutes(60), floor=eur_per_mwh(-5), closes_before=minutes(30), self_trade="decrement")
    street = compile_street(make_scenario(agents=agents, local=local, network=Network(vat=percent(7))), 0).street
    assert street.names == ("ada", "blue", "shop")
    assert street.vat_ppm.tolist() == [70_000, 0, 0]
    assert street.endowment.tolist() == [300_000_000, 0, 0]
    assert street.credit_limit.tolist() == [eur(40), eur(10_000_000), eur(500)]
    assert street.market.floor_tick == -500
    assert street.market.closes_before_ms == 1_800_000
    assert street.market.self_trade == "decrement"
    assert street.network.fee_tick == (3_000, 5_000, 7_000)
    assert street.network.loss_ppm == (10_000, 30_000, 50_000)


def test_by_default_the_short_pay_a_fifth_more_than_spot_and_the_long_get_a_fifth_less(make_scenario):
    street = compile_street(make_scenario(), 0).street
    assert (street.short_tick * 10 == street.spot_tick * 12).all()
    assert (street.long_tick * 10 == street.spot_tick * 8).all()
    assert 8_500 < street.spot_tick.mean() < 9_500


def test_at_negative_prices_too_nobody_gains_by_erring(make_scenario):
    street = compile_street(make_scenario(spot=eur_per_mwh(-50)), 0).street
    assert set(street.short_tick) == {-4_000}
    assert set(street.long_tick) == {-6_000}


def test_a_short_price_alone_is_a_single_imbalance_price(make_scenario):
    street = compile_street(make_scenario(imbalance=Imbalance(short=eur_per_mwh(120))), 0).street
    assert set(street.short_tick) == set(street.long_tick) == {12_000}


def test_a_dual_imbalance_price_pays_the_long_less(make_scenario):
    dual = Imbalance(short=eur_per_mwh(120), long=eur_per_mwh(60))
    street = compile_street(make_scenario(imbalance=dual, spot=eur_per_mwh(90)), 0).street
    assert set(street.spot_tick) == {9_000}
    assert set(street.short_tick) == {12_000}
    assert set(street.long_tick) == {6_000}


def test_members_choose_a_utility_by_name_and_one_more_wins_only_its_own(make_scenario):
    members = neighbourhood("simbench/LV2.101")
    names = ["blue", "green", "red"]
    utilities = [utility(name, retail=eur_per_mwh(160), feed_in=eur_per_mwh(80)) for name in names]

    def chosen(count):
        street = compile_street(make_scenario(agents=[*members, *utilities[:count]]), 0).street
        return {name: street.names[street.utility[i]] for i, name in enumerate(street.names) if street.utility[i] >= 0}

    two, three = chosen(2), chosen(3)
    assert 30 < list(two.values()).count("blue") < 73
    moved = {name for name in two if two[name] != three[name]}
    assert moved
    assert {three[name] for name in moved} == {"red"}


def test_persistence_sees_the_day_before(make_scenario):
    scenario = make_scenario(start="2016-06-06", days=2, forecast=Forecast(kind="persistence"))
    tuesday = compile_street(make_scenario(start="2016-06-07", days=1), 3)
    both = compile_street(scenario, 3)
    assert (both.street.load_wh[:, 24:] == tuesday.street.load_wh).all()
    assert (tuesday.outlook.load_before_wh == both.street.load_wh[:, :24]).all()
    assert (both.outlook.generation_before_wh[:, 24:] == both.street.generation_wh[:, :24]).all()


def test_the_first_day_of_the_data_stands_in_for_the_day_before_it(make_scenario):
    first = compile_street(make_scenario(start="2016-01-01"), 0)
    assert (first.outlook.load_before_wh == first.street.load_wh).all()


def test_plants_age_and_cost_their_upkeep(make_scenario):
    new = prosumer("new", pv=Pv(kw(10)))
    free = prosumer("free", pv=Pv(kw(10), ageing_ppm_per_year=0, maintenance_per_kw_year=0))
    street = compile_street(make_scenario(agents=[new, free, BLUE]), 0).street
    upkeep = street.maintenance.sum(axis=1)
    assert upkeep[row(street, "free")] == 0
    # 15 EUR a kW and year, 10 kW, one of 365.25 days.
    assert abs(int(upkeep[row(street, "new")]) - 15 * 10 * 10**8 * 100 // 36_525) <= 1


def test_a_profile_of_ones_own_is_taken_as_it_is(make_scenario, tmp_path):
    path = tmp_path / "mine.csv"
    rows = [f"2016-06-{5 + (h + 22) // 24:02d}T{(h + 22) % 24:02d}:00Z,0.{h:03d}" for h in range(24)]
    path.write_text("time,kwh\n" + "\n".join(rows) + "\n")
    compiled = compile_street(make_scenario(agents=[consumer("ada", profile=path, rated=None), BLUE]), 0)
    assert compiled.street.load_wh[0].tolist() == list(range(24))
    assert list(compiled.inputs) == ["profile/mine.csv/0"]
    assert str(tmp_path) not in make_scenario(agents=[consumer("ada", profile=path), BLUE]).to_json()


def test_bills_are_written_at_the_ends_of_local_months_and_of_the_run(make_scenario):
    scenario = make_scenario(start="2016-06-30", days=3)
    assert compile_street(scenario, 0).street.bill_ms == (1_467_324_000_000, 1_467_496_800_000)
    alone = make_scenario(start="2016-06-30", days=3, billing="run")
    assert compile_street(alone, 0).street.bill_ms == (1_467_496_800_000,)


def test_without_a_local_market_there_is_no_band_and_a_quarter_of_an_hour(make_scenario):
    street = compile_street(make_scenario(local=None), 0).street
    assert street.market is None
    assert not street.has_district
    assert street.period_ms == 900_000


def test_without_a_local_market_products_open_a_day_ahead_all_the_same(make_scenario):
    bare = make_scenario(days=3, local=None, period=minutes(60))
    assert (compile_street(bare, 0).street.opens_ms == compile_street(make_scenario(days=3), 0).street.opens_ms).all()


def own_profile(path, kwh, first="2016-06-05T22:00", hours=24):
    start = dt.datetime.fromisoformat(first).replace(tzinfo=dt.UTC)
    rows = [f"{(start + dt.timedelta(hours=i)).isoformat()},{kwh(i)}" for i in range(hours)]
    path.write_text("\n".join(["time,kwh", *rows]))
    return path


def test_a_load_beyond_its_connection_is_refused_as_if_in_kw(make_scenario, tmp_path):
    path = own_profile(tmp_path / "watts.csv", lambda i: 5000 if i == 7 else 1)
    with pytest.raises(DataError) as caught:
        make_scenario(agents=[consumer("ada", profile=path), BLUE]).check()
    assert caught.value.problems[0] == (
        "ada: profile/beyond-connection: it draws 5000.0 kWh in one hour at 2016-06-06T05:00Z, its connection carries "
        "30.0 kWh: are these kW? or raise connection=kw(5000)"
    )
    make_scenario(agents=[consumer("ada", profile=path, connection=kw(5000)), BLUE]).check()


def test_a_shipped_load_is_held_to_a_connection_that_was_given(make_scenario):
    with pytest.raises(DataError, match=r"ada: profile/beyond-connection: it draws .*: raise connection=kw\(\d+\)$"):
        make_scenario(agents=[consumer("ada", rated=kw(50), connection=kw(1)), BLUE]).check()


@pytest.mark.parametrize("kind", ["H0-A", "G1-B", "L2-A", "HLS_A_7.4"])
def test_a_shipped_profile_sizes_its_own_connection(make_scenario, kind):
    profiles = load_grid("simbench/LV2.101").decimals
    profile = kind if kind in profiles else next(iter(profiles))
    make_scenario(days=60, agents=[consumer("ada", profile=profile, rated=kw(300)), BLUE]).check()


def test_a_day_missing_before_the_run_is_no_error(make_scenario, tmp_path):
    path = own_profile(tmp_path / "day.csv", lambda i: i / 10)
    for forecast in (Forecast(kind="persistence"), Forecast()):
        compiled = compile_street(make_scenario(agents=[consumer("ada", profile=path), BLUE], forecast=forecast), 0)
        assert (compiled.outlook.load_before_wh[0] == compiled.street.load_wh[0]).all()


def test_a_horizon_beyond_the_data_is_told_as_the_runs_own(make_scenario, tmp_path):
    path = own_profile(tmp_path / "two.csv", lambda _: 0.1, first="2016-06-04T22:00", hours=47)
    with pytest.raises(DataError) as caught:
        make_scenario(agents=[consumer("ada", profile=path), BLUE]).check()
    assert caught.value.problems[0] == (
        "ada: profile/too-short: the horizon 2016-06-05T22:00Z to 2016-06-06T22:00Z leaves the data of two.csv, which "
        "has 2016-06-04T22:00Z to 2016-06-06T21:00Z: choose a start and a number of days inside"
    )
    with pytest.raises(DataError) as caught:
        make_scenario(start="2016-12-31", days=2).check()
    assert "the horizon 2016-12-31 to 2017-01-01 (Europe/Berlin) leaves" in caught.value.problems[0]


def test_policies_become_minds_and_utilities_nominate(make_scenario):
    mind = Mind(sleep, "sleeper")
    agents = [consumer("a", policy=sleep), consumer("b", policy=mind), consumer("c"), BLUE]
    minds = compile_street(make_scenario(agents=agents), 0).minds
    assert [each.name for each in minds] == ["sleep", "sleeper", "nominate", "home"]
    assert minds[1] is mind


def test_the_header_tells_persona_policy_and_label(make_scenario):
    agents = [consumer("ada", label="Ada & sons <3"), BLUE]
    header = compile_street(make_scenario(agents=agents), 0).street.header()
    assert header["agents"][0]["label"] == "Ada & sons <3"
    assert header["agents"][0]["persona"] == "balanced"
    assert header["agents"][1]["policy"] == "nominate"


def test_every_array_is_whole_and_of_the_streets_shape(make_scenario):
    street = compile_street(make_scenario(local=LocalMarket(period=hours(1))), 0).street
    for name in ("load_wh", "generation_wh", "substitute_wh", "maintenance", "retail_tick", "feed_in_tick"):
        array = getattr(street, name)
        assert array.dtype == np.int64
        assert array.shape == (3, 24)
