"""Scenarios made of others by dotted paths, as --set gives them."""

import pytest

from wattbook import ConfigError, LocalMarket, Scenario, city, consumer, trader, utility
from wattbook.units import eur_per_mwh, kw, minutes, percent, seconds


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        ("local.closes_before", "0", 0),
        ("local.closes_before", "5min", minutes(5)),
        ("local.closes_before", "90 s", minutes(1.5)),
        ("local.period", "0.5h", minutes(30)),
        ("local.cap", "60 ct/kWh", eur_per_mwh(600)),
        ("local.floor", "-5", eur_per_mwh(-5)),
        ("local.self_trade", "decrement", "decrement"),
        ("local.district", "no", False),
        ("local.orders_per_wake", "12", 12),
        ("local.opens", "9:30", "09:30"),
        ("network.vat", "7", percent(7)),
        ("network.vat", "7 %", percent(7)),
        ("days", "3", 3),
        ("start", "2016-07-01", "2016-07-01"),
        ("local", "none", None),
        ("billing", "run", "run"),
        ("forecast.kind", "oracle", "oracle"),
        ("forecast.load_error", "12.5", percent(12.5)),
        ("forecast.update_every", "30", minutes(30)),
    ],
)
def test_a_text_is_read_in_its_fields_natural_unit(make_scenario, path, text, value):
    changed = make_scenario().with_values({path: text})
    for step in path.split("."):
        changed = getattr(changed, step)
    assert changed == value


@pytest.mark.parametrize(
    ("path", "text", "read"),
    [
        ("blue.retail", "150", lambda blue: set(blue.retail) == {15_000}),
        ("blue.retail", "15 ct/kWh", lambda blue: set(blue.retail) == {15_000}),
        ("bo.pv.rated_w", "4.5", lambda bo: bo.pv.rated_w == 4_500),
        ("bo.pv.commissioned", "2010-05-01", lambda bo: bo.pv.commissioned.year == 2010),
        ("bo.pv.lifetime_years", "30", lambda bo: bo.pv.lifetime_years == 30),
        ("bo.battery.capacity_wh", "12", lambda bo: bo.battery.capacity_wh == 12_000),
        ("bo.battery", "none", lambda bo: bo.battery is None),
        ("bo.supplier", "none", lambda bo: bo.supplier is None),
        ("ada.rated", "500 W", lambda ada: ada.rated == 500),
        ("ada.cash", "7", lambda ada: ada.cash == 700_000_000),
        ("ada.profile", "H0-C", lambda ada: ada.profile == "H0-C"),
        ("ada.policy", "thrifty", lambda ada: (ada.policy.name, ada.policy.persona) == ("home", "thrifty")),
        ("ada.policy", "truthful", lambda ada: ada.policy.name == "truthful"),
        ("ada.policy", "zi-c", lambda ada: (ada.policy.name, ada.policy.memory[0]) == ("zi-c", 1)),
        ("ada.policy", "zi-u", lambda ada: (ada.policy.name, ada.policy.memory[0]) == ("zi-u", 0)),
        ("ada.policy", "idle", lambda ada: ada.policy.name == "idle"),
        ("ada.policy", "none", lambda ada: ada.policy is None),
        ("blue.policy", "nominate", lambda blue: blue.policy.name == "nominate"),
        ("ada.feeder", "2", lambda ada: ada.feeder == "feeder-2"),
        ("ada.feeder", "north", lambda ada: ada.feeder == "north"),
    ],
)
def test_an_agents_values_are_reached_by_its_name(make_scenario, path, text, read):
    changed = make_scenario().with_values({path: text})
    name = path.partition(".")[0]
    assert read(next(agent for agent in changed.agents if agent.name == name))


def test_values_need_not_be_text(make_scenario):
    assert make_scenario().with_values({"days": 2, "ada.rated": kw(7)}).members[0].rated == 7_000


def test_nothing_changed_is_the_same_scenario(make_scenario):
    scenario = make_scenario()
    assert scenario.with_values({}).to_json() == scenario.to_json()


def test_the_original_stays_as_it_was(make_scenario):
    scenario = make_scenario()
    before = scenario.to_json()
    scenario.with_values({"days": "2", "blue.retail": "90", "bo.battery.power_w": "1"})
    assert scenario.to_json() == before


def test_an_agent_with_dots_in_its_name_is_found(make_scenario):
    agents = [consumer("a"), consumer("a.b"), utility("u", retail=eur_per_mwh(9), feed_in=eur_per_mwh(8))]
    changed = make_scenario(agents=agents).with_values({"a.b.rated": "9"})
    assert [member.rated for member in changed.members] == [3_000, 9_000]


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        ("locl.period", "5", "locl.period is unknown (did you mean 'local'?)"),
        ("blu.retail", "5", "blu.retail is unknown (did you mean 'blue'?)"),
        ("local.closes", "5", "local.closes is unknown (did you mean 'closes_before'?)"),
        ("blue.retial", "5", "blue.retial is unknown (did you mean 'retail'?)"),
        ("bo.pv.rated", "5", "bo.pv.rated is unknown (did you mean 'rated_w'?)"),
        ("forecast.kinds", "oracle", "forecast.kinds is unknown (did you mean 'kind'?)"),
        ("blue", "5", "blue is an agent: set one of its values"),
        ("agents", "3", "agents cannot be set this way: set a value of one agent by its name"),
        ("agents.0", "3", "agents.0 cannot be set this way"),
        ("forecast", "oracle", "write --set forecast.kind=oracle"),
        ("forecast", "none", "write --set forecast.kind=martingale"),
        ("local.period", "7", "local.period='7' does not divide a day into whole periods: write 15, 30 or 60"),
        ("period", "30", "period=minutes(30) is not local.period=minutes(60)"),
        ("ada.policy", "thirfty", "ada.policy='thirfty' is not a policy (did you mean 'thrifty'?)"),
        ("ada.feeder", "-2", "ada.feeder='-2' is negative"),
        ("bo.pv.rated_w", "0", "bo.pv: rated_w=kw(0) must lie between kw(0.001) and"),
        ("bo.pv.lifetime_years", "\u0663", "bo.pv.lifetime_years='\u0663' is not a whole number"),
        ("days", "\u0663", "days='\u0663' is not a whole number"),
        ("ada.rated", "\u0663", "ada.rated='\u0663' is not a number with a unit"),
        ("days.x", "5", "days.x is unknown: days has no parts"),
        ("local.period", "5 EUR", "local.period='5 EUR' has the unknown unit 'EUR': write it in min or s or h"),
        ("local.period", "five", "local.period='five' is not a number with a unit"),
        ("local.period", "nan", "is not a number with a unit"),
        ("local.period", "1e3", "local.period='1e3' is not a number with a unit"),
        ("local.district", "perhaps", "is neither True nor False"),
        ("local", "5", "local='5' is not made by LocalMarket(...)"),
        ("days", "2.5", "days='2.5' is not a whole number"),
        ("days", "0", "days='0' is out of range"),
        ("blue.retail", "70", "blue.feed_in=eur_per_mwh(80) is above retail=eur_per_mwh(70)"),
        ("forecast.load_error", "x", "forecast.load_error='x' is not a number with a unit"),
        ("forecast.load_error", "-1", "forecast: load_error=percent(-1) must lie between percent(0) and percent(200)"),
        ("network.vat", "0.19", "network.vat='0.19' is read in per cent: write 19, or 0.19% if that is meant"),
        ("meter_failures", ".125", "meter_failures='.125' is read in per cent: write 12.5, or .125% if that is meant"),
        ("bo.pv.lifetime_years", "x", "bo.pv.lifetime_years='x' is not a whole number"),
        ("bo.pv.commissioned", "x", "bo.pv.commissioned='x' is not a date"),
        ("bo.supplier", "gren", "bo.supplier='gren' is unknown"),
    ],
)
def test_a_wrong_setting_is_refused_with_what_to_write(make_scenario, path, text, message):
    with pytest.raises(ConfigError) as caught:
        make_scenario().with_values({path: text})
    assert message in str(caught.value)


def test_a_part_cannot_be_set_as_a_whole_and_in_part(make_scenario):
    with pytest.raises(ConfigError, match="as a whole and in part"):
        make_scenario().with_values({"local": "none", "local.period": "15"})


def test_a_part_that_is_none_has_nothing_to_set(make_scenario):
    with pytest.raises(ConfigError, match="local has no parts \\(it is None\\)"):
        make_scenario(local=None).with_values({"local.period": "15"})


def test_without_its_local_market_a_scenario_keeps_its_period(make_scenario):
    for none in ("none", None):
        bare = make_scenario().with_values({"local": none})
        assert bare.local is None
        assert bare.period == minutes(60)
        assert bare.period_ms == 3_600_000
    chosen = make_scenario().with_values({"local": "none", "period": "30"})
    assert chosen.period_ms == 1_800_000
    assert make_scenario(local=None).period_ms == 900_000


def test_wrong_values_of_several_assets_are_told_together_with_their_owners(make_scenario):
    settings = {
        "bo.pv.rated_w": "0",
        "bo.battery.capacity_wh": "0",
        "bo.battery.power_w": "x",
        "ada.rated": "-1",
        "forecast.load_error": "-1",
    }
    with pytest.raises(ConfigError) as caught:
        make_scenario().with_values(settings)
    told = [problem.partition("=")[0] for problem in caught.value.problems]
    assert told == ["bo.pv: rated_w", "bo.battery.power_w", "bo.battery: capacity_wh", "ada.rated",
                    "forecast: load_error"]  # fmt: skip


def test_all_wrong_settings_are_told_at_once(make_scenario):
    with pytest.raises(ConfigError) as caught:
        make_scenario().with_values({"blu.retail": "1", "days": "x", "local.period": "7", "forecast.load_error": "x"})
    assert len(caught.value.problems) == 4


@pytest.mark.parametrize(
    ("period", "hours", "remedy"),
    [("120", 3, "hours=2 or 4"), ("45", 7, "hours=6 or 9"), ("1440", 5, "hours=24"), ("90", 1, "hours=3")],
)
def test_hours_that_are_no_whole_number_of_periods_are_what_is_told(make_scenario, period, hours, remedy):
    with pytest.raises(ConfigError) as caught:
        make_scenario(days=2).with_values({"hours": str(hours), "local.period": period})
    (told,) = caught.value.problems
    what = f"hours={hours} is not a whole number of periods of minutes({period}): write {remedy}, or a shorter period"
    assert told == what


def test_a_share_below_one_per_cent_names_its_unit(make_scenario):
    assert make_scenario().with_values({"meter_failures": "0.5%"}).meter_failures == 5_000
    assert make_scenario().with_values({"meter_failures": "0"}).meter_failures == 0
    assert make_scenario().with_values({"network.vat": "1"}).network.vat == 10_000


def test_a_field_of_several_cities_asks_for_one_of_them(make_scenario):
    agents = [city("a", homes=5), city("b", homes=5), utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(80))]
    with pytest.raises(ConfigError, match=r"homes is a field of several cities: name the city, a\.homes or b\.homes"):
        make_scenario(agents=agents).with_values({"homes": "5"})


def test_a_millisecond_is_told_as_one():
    with pytest.raises(ConfigError, match=r"write at least seconds\(0.001\)"):
        trader("eve", "buy", value=eur_per_mwh(100), reaction=seconds(0))


@pytest.mark.parametrize("options", [{"turns": "random"}, {"improve": True}, {"clear_after_trade": True}, {}])
def test_the_population_engine_is_refused_for_a_laboratory(options):
    agents = [trader("eve", "buy", value=eur_per_mwh(100)), trader("sam", "sell", value=eur_per_mwh(50))]
    given = {"start": "2016-06-06", "days": 1, "agents": agents, "local": LocalMarket(**options)}
    told = "engine='population' cannot carry out a laboratory market .eve is a trader.: write 'auto' or 'processes'"
    with pytest.raises(ConfigError, match=told):
        Scenario(engine="population", **given)
    with pytest.raises(ConfigError, match=told):
        Scenario(**given).run(seed=1, engine="population")
    assert Scenario(**given).engine == "auto"


def test_laboratory_options_alone_keep_a_street_from_the_population_engine(make_scenario):
    with pytest.raises(ConfigError, match=r"laboratory market \(local.improve=True\)"):
        make_scenario(local=LocalMarket(improve=True), engine="population")
    assert make_scenario(engine="population").engine == "population"
