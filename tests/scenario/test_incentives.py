"""Green tools in a scenario: what it may say of them, who has them, and what those do who see them."""

import datetime as dt

import numpy as np
import pytest

from wattbook import (
    Auction,
    Battery,
    CarbonPrice,
    ConfigError,
    ContractForDifference,
    FeedInPremium,
    InvestmentGrant,
    LocalMarket,
    Pv,
    Regulator,
    Scenario,
    Upgrade,
    city,
    load_scenario,
    producer,
    prosumer,
    utility,
)
from wattbook.data import load_fuels
from wattbook.market.incentive_rules import DIFFERENCE, PREMIUM, SLIDING
from wattbook.policies.producers import ProducerMind
from wattbook.scenario.compiling import compile_street
from wattbook.scenario.incentive_rules import carbon_tick
from wattbook.scenario.writing import canonical_json
from wattbook.units import eur, eur_per_mwh, hours, kw, kwh, minutes, mw, percent

PREMIUM_OF_20 = {"premium": eur_per_mwh(20), "budget": eur(100)}
FIRST_MS, DAY_MS = 1_465_164_000_000, 86_400_000


def place(*incentives, days=1, budget=None, **more):
    given = {
        "agents": [
            prosumer("sun", rated=kw(1), pv=Pv(kw(6))),
            prosumer("dark", rated=kw(1), battery=Battery(kwh(5), kw(2))),
            utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(60), represents=10_000),
            producer("coal", kind="coal", capacity=mw(4)),
            producer("gas", kind="gas", capacity=mw(4), cost=eur_per_mwh(70)),
            producer("hill", kind="wind", capacity=mw(10), upgrade=Upgrade(most=mw(4), lead=hours(6))),
            producer("roof", kind="solar", capacity=mw(10)),
        ],
    } | more  # fmt: skip
    return Scenario(
        start="2016-06-06", days=days, local=None, period=minutes(60), wholesale=Auction(), baseline=False,
        regulator=Regulator(incentives=list(incentives), incentive_budget=budget), **given,
    )  # fmt: skip


def rules_of(scenario):
    street = compile_street(scenario, seed=1).street
    return street, street.incentives


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: FeedInPremium(budget=eur(1)), "premium has no premium"),
        (lambda: FeedInPremium(sliding=True, budget=eur(1)), "is sliding and has no strike"),
        (lambda: FeedInPremium(strike=eur_per_mwh(3), **PREMIUM_OF_20), "both a premium and a strike"),
        (lambda: FeedInPremium(premium=20, budget=eur(1)), r"premium.premium=20 has no unit: write eur_per_mwh\(20\)"),
        (lambda: FeedInPremium(premium=eur_per_mwh(20)), "premium.budget is missing"),
        (lambda: FeedInPremium(kinds=["sun"], **PREMIUM_OF_20), "is not a list of kinds of plants"),
        (lambda: FeedInPremium(until="soon", **PREMIUM_OF_20), "is not a date"),
        (lambda: FeedInPremium(until=dt.datetime(2016, 6, 7, tzinfo=dt.UTC), **PREMIUM_OF_20), "is not a date"),
        (lambda: FeedInPremium(name="a b", **PREMIUM_OF_20), "is not a name"),
        (lambda: ContractForDifference(strike=eur_per_mwh(60), budget=eur(1)), "needs one of agents and kinds"),
        (lambda: ContractForDifference(strike=eur_per_mwh(60), budget=eur(1), agents=["a"], kinds=["wind"]),
         "needs one of agents and kinds"),
        (lambda: ContractForDifference(strike=eur_per_mwh(60), budget=eur(1), kinds=["pv"]), "is not a list of kinds"),
        (lambda: ContractForDifference(strike=eur_per_mwh(60), budget=eur(1), agents=[]), "is not a list of producers"),
        (lambda: InvestmentGrant(share=percent(101), budget=eur(1)), "grant.share"),
        (lambda: InvestmentGrant(share=percent(10), budget=eur(1), keep=hours(0)), "grant.keep"),
        (CarbonPrice, "carbon.price is missing"),
        (lambda: Regulator(incentives=["premium"]), "is not a list of FeedInPremium"),
        (lambda: Regulator(incentives=[CarbonPrice(price=eur(1)), CarbonPrice(price=eur(2))]), "'carbon' twice"),
        (lambda: Regulator(incentives=[CarbonPrice(price=eur(1), name=f"c{n}") for n in range(101)]), "at most 100"),
        (lambda: Regulator(incentive_budget=eur(-1)), "incentive_budget"),
        (lambda: place(ContractForDifference(agents=["sun"], strike=eur_per_mwh(60), budget=eur(1))),
         "agents names 'sun', which is no producer: choose from coal, gas, hill, roof"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_a_remedy(make, said):
    with pytest.raises(ConfigError, match=said):
        make()


def test_tools_are_varied_by_their_names():
    scenario = place(FeedInPremium(**PREMIUM_OF_20), CarbonPrice(name="tax", price=eur(10)))
    changed = scenario.with_values(
        {
            "regulator.incentives.premium.budget": "7", "regulator.incentives.premium.kinds": "wind,hydro",
            "regulator.incentives.tax.until": "2016-06-07", "regulator.incentive_budget": "5",
        }
    )  # fmt: skip
    premium, tax = changed.regulator.incentives
    assert (premium.budget, premium.kinds, premium.premium) == (eur(7), ("wind", "hydro"), eur_per_mwh(20))
    assert (tax.until, tax.price, changed.regulator.incentive_budget) == ("2016-06-07", eur(10), eur(5))
    assert scenario.with_values({"regulator.incentives": "none"}).regulator.incentives == ()
    with pytest.raises(ConfigError, match=r"regulator.incentives.tux is unknown .*tax.*: allowed are premium, tax"):
        scenario.with_values({"regulator.incentives.tux.price": "1"})


def test_a_regulator_without_green_tools_is_told_as_before_there_were_any():
    assert "incentive" not in canonical_json(place())
    assert '"kind":"carbon-price"' in canonical_json(place(CarbonPrice(price=eur(1))))
    street, rules = rules_of(place())
    assert rules is None
    assert "incentives" not in street.header()


def test_everybody_has_the_tools_of_its_kind():
    street, rules = rules_of(
        place(
            FeedInPremium(kinds=["wind", "pv"], **PREMIUM_OF_20),
            FeedInPremium(name="slide", kinds=["solar"], sliding=True, strike=eur_per_mwh(80), budget=eur(3)),
            ContractForDifference(kinds=["wind", "coal"], strike=eur_per_mwh(65), budget=eur(2), until="2016-06-07"),
            InvestmentGrant(share=percent(20), budget=eur(9), keep=minutes(90), until=dt.date(2020, 1, 1)),
            CarbonPrice(price=eur(30)),
            days=3,
        )
    )
    premium, slide, difference, grant, carbon = rules.tools
    assert named(street, premium) == ["hill", "sun"]
    assert (premium.tool, premium.price_tick, premium.until_ms) == (PREMIUM, 2_000, FIRST_MS + 3 * DAY_MS)
    assert (slide.tool, slide.price_tick, named(street, slide)) == (SLIDING, 8_000, ["roof"])
    assert (difference.tool, named(street, difference)) == (DIFFERENCE, ["coal", "hill"])
    assert difference.until_ms == FIRST_MS + DAY_MS
    # Of wind and sun the park alone can grow.
    assert (named(street, grant), grant.share_ppm, grant.keep) == (["hill"], 200_000, 2)
    assert grant.cost_per_kw == (load_fuels()["wind"].capacity_cost_per_kw,)
    assert grant.until_ms == premium.until_ms
    assert named(street, carbon) == ["coal", "gas"], "wind and sun emit nothing"
    # 187 g per thermal kWh, half of which becomes power, at 30 EUR/t.
    assert carbon.carbon_tick[1] == 1_122
    assert rules.budget == eur(100 + 3 + 2 + 9)


def named(street, tool):
    return [street.names[row] for row in tool.agents]


def test_a_tonnes_price_is_rounded_half_even_to_the_tick():
    gas = load_fuels()["gas"]._replace(emission_g_per_kwh=500, best_efficiency_ppm=1_000_000)
    assert [carbon_tick(gas, eur(cents / 100)) for cents in (1, 2, 3, 5)] == [0, 1, 2, 2]


def test_homes_of_a_city_have_their_premium_where_they_have_panels():
    homes = [city("town", homes=20, homes_per_feeder=20, pv_share=0.4), producer("hill", kind="wind", capacity=mw(1)),
             utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(60))]  # fmt: skip
    street, rules = rules_of(place(FeedInPremium(kinds=["pv"], **PREMIUM_OF_20), agents=homes))
    assert 0 < len(rules.tools[0].agents) < 20
    assert list(rules.tools[0].agents) == np.flatnonzero(street.generation_wh.any(axis=1)).tolist()


def test_the_regulators_own_price_of_carbon_is_a_part_of_its_reference():
    plain = compile_street(place(days=2), seed=1).street.oversight.told["reference_tick"]
    carbon = CarbonPrice(price=eur(30), until="2016-06-07")
    taxed = compile_street(place(carbon, days=2), seed=1).street.oversight.told["reference_tick"]
    tick = carbon_tick(load_fuels()["coal"], eur(30))
    assert taxed["coal"] == [plain["coal"][0] + tick] * 24 + plain["coal"] * 24
    assert taxed["hill"] == plain["hill"]


BUILDER = ProducerMind(persona="builder", builds_after_ms=3_600_000, builds_beyond_ppm=0, builds_ppm=0)


@pytest.mark.parametrize(
    "tool",
    [
        FeedInPremium(kinds=["wind"], premium=eur_per_mwh(260), budget=eur(10**6)),
        FeedInPremium(kinds=["wind"], sliding=True, strike=eur_per_mwh(300), budget=eur(10**6)),
        ContractForDifference(kinds=["wind"], strike=eur_per_mwh(300), budget=eur(10**6)),
        InvestmentGrant(share=percent(99), budget=eur(10**9)),
    ],
    ids=lambda tool: tool.kind,
)
def test_what_pays_for_capacity_has_it_built(tool):
    def capacity(*tools):
        agents = [
            utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(60), represents=10_000),
            producer("hill", kind="wind", capacity=mw(10), persona=BUILDER,
                     upgrade=Upgrade(most=mw(4), lead=hours(1), cost=eur(2_500))),
        ]  # fmt: skip
        run = place(*tools, days=2, spot=eur_per_mwh(30), agents=agents).run(seed=7)
        return run.table("supply")["capacity_w"].max()

    assert capacity() == mw(10)
    assert capacity(tool) == mw(14)


def test_both_engines_pay_the_same():
    scenario = Scenario(
        start="2016-06-06", days=1, baseline=False, local=LocalMarket(period=minutes(60)), wholesale=Auction(),
        agents=[*(prosumer(f"sun-{n}", rated=kw(1), pv=Pv(kw(6))) for n in range(3)), *place().agents],
        regulator=Regulator(incentives=[FeedInPremium(kinds=["pv", "wind"], premium=eur_per_mwh(20), budget=eur(90)),
                                        CarbonPrice(price=eur(5))]),
    )  # fmt: skip
    runs = [scenario.run(seed=3, engine=engine) for engine in ("processes", "population")]
    assert runs[0].fingerprint == runs[1].fingerprint
    assert runs[0].metrics["green"]["spent"] == int(eur(90))


# --- what the shipped scenario is there to show

OFF = {"premium": ("premium", "0"), "difference": ("budget", "0"), "grant": ("share", "0"), "carbon": ("price", "0")}


def alone(*tools):
    return {f"regulator.incentives.{name}.{field}": off for name, (field, off) in OFF.items() if name not in tools}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"regulator.incentives": "none"}, ("353.7", "10", "181.2", "10", "123.8", "0", "36.90", "0")),
        (alone("premium"), ("353.7", "10", "184.1", "12.1", "123.8", "0", "36.90", "-4,602.85")),
        (alone("difference"), ("409.3", "13.3", "181.2", "10", "119.7", "0", "36.45", "-10,000.00")),
        (alone("grant"), ("391.9", "12.1", "181.2", "10", "120.1", "0", "36.53", "-764,400.00")),
        (alone("carbon"), ("353.7", "10", "181.2", "10", "54.0", "110.8", "49.87", "1,236.94")),
        ({}, ("411.0", "14", "199.4", "14", "52.0", "104.0", "48.85", "-2,307,548.22")),
    ],
)
def test_the_page_tells_what_the_shipped_scenario_comes_to(values, told):
    run = load_scenario("green-incentives").with_values(values).run(seed=7)
    supply = run.table("supply")
    output, capacity = ({}, {})
    for (kind,), rows in supply.group_by("plant"):
        output[kind] = f"{rows['output_wh'].sum() / 10**6:.1f}"
        capacity[kind] = f"{round(rows['capacity_w'].max() / 10**6, 1):g}"
    market = run.metrics["wholesale"]
    postings = run.postings
    treasury = postings.filter(postings["account"] == "TREASURY")["amount"].sum() / 10**8
    imports = market["imports_wh"] / 10**6
    assert (
        output["wind"], capacity["wind"], output["solar"], capacity["solar"], output["coal"],
        f"{imports:.1f}" if imports else "0", f"{market['spot_mean_eur_per_mwh']:.2f}",
        f"{treasury:,.2f}" if treasury else "0",
    ) == told  # fmt: skip
