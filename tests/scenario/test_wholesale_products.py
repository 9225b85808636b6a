"""The desk's catalogue: products of days, weeks and months, whole ones, with the periods that the clock has."""

import json

import pytest

from wattbook import ContractDesk, LocalMarket, Scenario, consumer, eur_per_mwh, minutes, mw, producer, utility
from wattbook.contracts import DeskTerms
from wattbook.errors import ConfigError
from wattbook.scenario import compile_street

PRICES = {"retail": eur_per_mwh(160), "feed_in": eur_per_mwh(70)}


def make(start, days, **values):
    local, hours = values.pop("local", LocalMarket(period=minutes(60))), values.pop("hours", None)
    return Scenario(
        start=start, days=days, timezone="Europe/Berlin", local=local, hours=hours,
        agents=[consumer("ada", supplier="blue"), utility("blue", **PRICES), producer("old-oil", "oil", mw(1))],
        wholesale=ContractDesk(**values),
    )  # fmt: skip


def specs_of(*given, **values):
    return compile_street(make(*given, **values), 7).street.wholesale.desk.specs


def test_a_desk_of_days_is_what_it_was():
    plain, named = (compile_street(make("2016-06-05", 9, **each), 7).street for each in ({}, {"spans": ["day"]}))
    assert plain.header() == named.header()
    assert "parts" not in json.dumps(plain.header())
    assert make("2016-06-05", 9).digest() == make("2016-06-05", 9, spans=["day"]).digest()
    assert "spans" not in make("2016-06-05", 9).to_json()


def test_a_week_is_one_product_a_profile_made_of_its_days():
    specs = specs_of("2016-06-03", 18, spans=["day", "week"], profiles=["base", "peak", "solar"])
    weeks = {spec.name: spec for spec in specs if "-W" in spec.name}
    assert list(weeks) == [f"{p}-2016-W{week}" for week in (23, 24) for p in ("base", "peak", "solar")]
    base, peak = weeks["base-2016-W23"], weeks["peak-2016-W23"]
    # The run begins on a Friday; Monday the 6th is its fourth day.
    assert (base.first_period, len(base.profile_wh)) == (72, 168) == (peak.first_period, len(peak.profile_wh))
    assert set(base.profile_wh) == {100_000}
    assert base.parts == tuple(f"base-2016-06-{day:02d}" for day in range(6, 13))
    assert peak.parts == tuple(f"peak-2016-06-{day:02d}" for day in range(6, 11))
    assert sum(peak.profile_wh) == 5 * 12 * 100_000
    assert weeks["solar-2016-W24"].lot_wh == 7 * 6 * 100_000


@pytest.mark.parametrize(("start", "week", "hours"), [("2016-03-20", "W12", 167), ("2016-10-23", "W43", 169)])
def test_a_week_in_which_clocks_change_has_the_periods_that_there_are(start, week, hours):
    for quarter in (15, 60):
        local = LocalMarket(period=minutes(quarter))
        specs = {spec.name: spec for spec in specs_of(start, 8, spans=["day", "week"], local=local)}
        base = specs[f"base-2016-{week}"]
        assert len(base.profile_wh) == hours * 60 // quarter
        assert base.lot_wh == hours * 100_000 == sum(specs[name].lot_wh for name in base.parts)
        assert specs[f"peak-2016-{week}"].lot_wh == 60 * 100_000


def test_a_month_is_made_of_its_days_beside_its_weeks():
    specs = {spec.name: spec for spec in specs_of("2016-01-28", 40, spans=["month", "day", "week"])}
    base, peak = specs["base-2016-02"], specs["peak-2016-02"]
    assert len(base.parts) == 29
    assert len(peak.parts) == 21
    assert base.first_period == 4 * 24
    assert base.lot_wh == 29 * 24 * 100_000
    weeks = [name for name in specs if name.startswith("base-2016-W")]
    assert weeks == [f"base-2016-W{week:02d}" for week in range(5, 10)]


def test_the_first_week_of_a_year_has_the_year_that_most_of_it_lies_in():
    specs = [spec.name for spec in specs_of("2016-01-01", 12, spans=["day", "week"])]
    assert [name for name in specs if "-W" in name] == ["base-2016-W01", "peak-2016-W01"]


def test_what_two_parties_sign_for_a_week_names_no_parts():
    for contracts in ("forward", "cfd"):
        specs = specs_of("2016-06-05", 8, spans=["day", "week"], contracts=contracts)
        (base, _) = [spec for spec in specs if "-W" in spec.name]
        assert base.parts == ()
        assert base.lot_wh == 168 * 100_000


def test_terms_with_parts_come_back_from_a_header():
    terms = compile_street(make("2016-06-05", 8, spans=["day", "week"]), 7).street.wholesale.desk
    assert DeskTerms.of_header(json.loads(json.dumps(terms.header()))) == terms


@pytest.mark.parametrize(
    ("start", "days", "values", "said"),
    [
        ("2016-06-06", 13, {"spans": ["day", "week"]}, "wholesale.spans: no whole calendar week lies in the run"),
        ("2016-06-05", 8, {"spans": ["day", "week"], "hours": 8 * 24 - 1}, "no whole calendar week"),
        ("2016-06-01", 31, {"spans": ["day", "month"]}, "wholesale.spans: no whole calendar month lies in the run"),
        ("2016-05-31", 40, {"spans": ["day", "month"], "lot": mw(100)}, "wholesale.lot: a month of it is 72000000000"),
        ("2016-06-05", 8, {"spans": ["day", "week"], "lot": mw(1_000)}, "wholesale.lot: a week of it is 168000000000"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_product_is_told_with_its_field(start, days, values, said):
    with pytest.raises(ConfigError, match=said):
        specs_of(start, days, **values)
