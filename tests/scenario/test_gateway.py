"""What a scenario says of a gateway: fields, what must hold around them, moments, and that others are as before."""

import json

import numpy as np
import pytest

from wattbook import (
    Auction,
    ConfigError,
    ContractDesk,
    Gateway,
    LocalMarket,
    Pv,
    Scenario,
    consumer,
    eur_per_mwh,
    hours,
    kw,
    minutes,
    producer,
    prosumer,
    trader,
    utility,
)
from wattbook.messages import Path, Venue
from wattbook.scenario import compile_street
from wattbook.scenario.writing import canonical_json

HOUR_MS = 3_600_000


def place(local=None, wholesale=None, days=2, extra=(), **given):
    blue = utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(70), represents=100)
    return Scenario(
        start="2016-06-06",
        days=days,
        agents=[consumer("ada"), prosumer("bo", pv=Pv(kw(5)), feeder=2), blue, producer("gas", "gas", kw(900)), *extra],
        local=LocalMarket(district=False, gateway=Gateway()) if local is None else local,
        wholesale=Auction() if wholesale is None else wholesale,
        baseline=False,
        **given,
    )


def local(**values):
    return LocalMarket(**{"district": False, "gateway": Gateway()} | values)


def test_the_gateway_is_the_wider_book_by_the_path_that_it_names():
    street = compile_street(place(), 7).street
    assert street.books == (("feeder-1", Venue.LOCAL), ("feeder-2", Venue.LOCAL), ("gateway", Venue.WHOLESALE))
    assert (street.has_district, street.has_wide, street.wide_path) == (False, True, Path.STANDARD)
    near = compile_street(place(local(gateway=Gateway(by="district"))), 7).street
    assert near.wide_path == Path.DISTRICT
    assert near.header()["local_market"]["gateway"] == {"path": "district", "times": 2}
    without = compile_street(place(LocalMarket()), 7).street
    assert (without.has_wide, without.wide_path, without.has_gateway) == (True, Path.DISTRICT, False)
    assert "gateway" not in without.header()["local_market"]
    assert not compile_street(place(LocalMarket(district=False)), 7).street.has_wide


def test_minds_are_asked_when_gates_open_and_as_often_as_is_said():
    street = compile_street(place(), 7).street
    assert street.market.gateway.times == (street.start_ms, street.start_ms + 15 * HOUR_MS)
    every = compile_street(place(local(gateway=Gateway(asks_every=hours(7)))), 7).street
    due = {*range(every.start_ms, every.end_ms, 7 * HOUR_MS), every.start_ms + 15 * HOUR_MS}
    assert every.market.gateway.times == tuple(sorted(due))
    np.testing.assert_array_equal(np.unique(street.opens_ms), street.market.gateway.times)


def test_a_scenario_without_one_is_what_it_was():
    plain = place(LocalMarket())
    assert '"gateway"' not in canonical_json(plain)
    told = json.loads(canonical_json(place(local(gateway=Gateway(by="district", asks_every=hours(2))))))
    assert told["local"]["gateway"] == {"by": "district", "asks_every": 2 * HOUR_MS}
    assert place().digest() != place(local(gateway=Gateway(by="district"))).digest()


def test_values_are_set_on_a_command_line():
    scenario = place(LocalMarket(district=False))
    assert scenario.with_values({"local.gateway": "standard"}).local.gateway == Gateway()
    nearer = scenario.with_values({"local.gateway": "District"})
    assert nearer.local.gateway == Gateway(by="district")
    often = nearer.with_values({"local.gateway.asks_every": "90"}).local.gateway
    assert often == Gateway(by="district", asks_every=minutes(90))
    assert nearer.with_values({"local.gateway": "none"}).local.gateway is None
    with pytest.raises(ConfigError, match=r"local.gateway='feeder' is not made by Gateway"):
        scenario.with_values({"local.gateway": "feeder"})
    with pytest.raises(ConfigError, match=r"local\.gateway\.by='feeder' is not one of standard, district"):
        Gateway(by="feeder")
    with pytest.raises(ConfigError, match=r"local\.gateway\.asks_every=.* is below the least"):
        Gateway(asks_every=minutes(0.5))
    with pytest.raises(ConfigError, match="is not made by Gateway"):
        LocalMarket(district=False, gateway=True)


DESK = {"profiles": ["base"]}
WRONG = {
    "two wider books": (
        {"local": LocalMarket(gateway=Gateway())}, "local.gateway is the wider book: add district=False",
    ),
    "no orders": (
        {"local": local(mechanism="mid-market-rate")},
        "local.gateway is for orders, and local.mechanism='mid-market-rate' has none",
    ),
    "a laboratory": (
        {"local": local(improve=True)}, "local.improve is an option of laboratory markets: leave out the gateway",
    ),
    "turns": ({"local": local(turns="random")}, "local.turns is an option of laboratory markets"),
    "a feeder of its name": (
        {"extra": [consumer("cy", feeder="gateway")]}, "a feeder is called 'gateway', as the gateway's book",
    ),
    "a late auction": (
        {"wholesale": Auction(at="15:30")}, "wholesale.at='15:30' is after local.opens='15:00'",
    ),
    "a late auction beside a desk": (
        {"wholesale": ContractDesk(spot=Auction(at="15:30"))}, "wholesale.spot.at='15:30' is after local.opens='15:00'",
    ),
    "a late desk": (
        {"wholesale": ContractDesk(opens="15:01")},
        "wholesale.opens='15:01' is after local.opens='15:00': what is sold to homes could be sold again at the desk",
    ),
    "an early gate": (
        {"local": local(opens="11:00"), "wholesale": ContractDesk()},
        "the day-ahead market, at 12:00, is after local.opens='11:00'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_does_not_go_together_is_said(what):
    values, words = WRONG[what]
    with pytest.raises(ConfigError) as found:
        place(**values)
    assert any(words in problem for problem in found.value.problems), found.value.problems


def test_a_gateway_leads_somewhere():
    few = [consumer("ada"), utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(70))]
    with pytest.raises(ConfigError, match=r"local\.gateway leads to utilities and producers, who do not deal here"):
        Scenario(start="2016-06-06", days=1, agents=few, local=local())


def test_traders_do_not_go_with_a_gateway():
    with pytest.raises(ConfigError, match="is a trader of a laboratory market"):
        place(extra=[trader("t", side="buy", value=eur_per_mwh(100))])


@pytest.mark.parametrize("wholesale", [Auction(at="15:00"), ContractDesk(opens="15:00", spot=Auction(at="15:00"))])
def test_at_the_very_moment_of_the_opening_is_in_time(wholesale):
    run = place(wholesale=wholesale).run(seed=3)
    refused = run.orders.filter(run.orders["event"] == "refused")
    assert not refused.height
    asked = run.orders.filter((run.orders["venue"] == "wholesale") & run.orders["agent"].cast(str).is_in(["gas"]))
    assert asked["period"].n_unique() == 2 * 96 - 1, "the first gate has closed before the run begins"


def test_producers_alone_are_a_wholesale_market_too():
    run = place(wholesale=None, local=local(opens="12:00")).run(seed=3)
    assert run.metrics["wholesale"]["gateway_to_homes_wh"] > 0


def test_a_gateway_leaves_nobody_alone():
    lone = place(extra=[consumer("cy", feeder=7)])
    assert not any("alone" in each or "nobody" in each for each in lone.cautions())
    alone = lone.with_values({"local.gateway": "none"})
    assert any("alone on its feeder" in each for each in alone.cautions())


def test_a_place_without_homes_has_a_gateway_that_nobody_passes():
    blue = utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(70), represents=100)
    empty = Scenario(
        start="2016-06-06", days=1, agents=[blue, producer("gas", "gas", kw(900))], local=local(), wholesale=Auction(),
        baseline=False,
    )  # fmt: skip
    run = empty.run(seed=1)
    assert run.metrics["wholesale"]["gateway_to_homes_wh"] == 0
    assert run.metrics["energy_residual_wh"] == run.metrics["money_sum"] == 0
