"""Rules of structure in whole runs: a fine is paid, halted products take no orders, the highest price moves."""

import numpy as np
import pytest

from wattbook import Auction, LocalMarket, Pv, Regulator, Scenario, consumer, producer, prosumer, utility
from wattbook.book import Event
from wattbook.market.replaying import replay
from wattbook.messages import BUY, FOREVER, SELL, Cause, Refusal
from wattbook.oversight import Rule, Sanction
from wattbook.policies.orders import LOCAL, keep_one_order
from wattbook.regulator.withholding import BY_WEATHER
from wattbook.scenario.compiling import compile_street
from wattbook.scenario.wholesale import KINDS
from wattbook.units import eur, eur_per_mwh, hours, kw, minutes, mw
from wattbook.world import World

START_MS = 1_465_164_000_000
HOUR_MS = 3_600_000
TICKS = 100


def island(rated=100, offer=None, **values):
    def plant(name, capacity, cost, **more):
        own = {"cost": eur_per_mwh(cost), "reference": eur_per_mwh(cost), "outages": False}
        return producer(name, "gas", kw(capacity), **own, **more)

    town = utility(
        "town", retail=eur_per_mwh(300), feed_in=eur_per_mwh(50), represents=1, profile="flat", rated=kw(rated)
    )
    mono = plant("M", 80, 100, offer=eur_per_mwh(offer), turnover=eur(1_000))
    given = {"start": "2016-06-06", "days": 1, "period": hours(1), "local": None, "baseline": False}
    return Scenario(
        agents=[town, mono, plant("F1", 30, 110), plant("F2", 20, 120)], wholesale=Auction(link=mw(0)),
        **{**given, **values},
    )  # fmt: skip


def column(run, stream, name):
    return run.record.streams[stream][name].tolist()


def test_who_withholds_is_warned_then_loses_what_it_gained():
    watched = Regulator(
        latency=hours(0), review=hours(2), rules=["withholding"], withholding={"periods": 1, "rsi": 1_000_000}
    )
    run = island(offer=300, hours=6, regulator=watched).run(seed=1)
    assert column(run, "sanctions", "kind") == [Sanction.WARNING, Sanction.FINE, Sanction.FINE]
    assert column(run, "sanctions", "rule") == [Rule.WITHHOLDING] * 3
    # Two hours of the known answer each; what it overcharged is fined by half, and more for each time before.
    assert column(run, "findings", "gain") == [2 * 920_000_000] * 3
    assert column(run, "sanctions", "disgorged") == [0, 2 * 920_000_000, 2 * 920_000_000]
    postings = run.record.streams["postings"]
    paid = postings["amount"][(postings["cause"] == Cause.FINE) & (postings["amount"] < 0)]
    assert (-paid).tolist() == column(run, "sanctions", "amount")[1:]


def collared(**values):
    watched = Regulator(latency=hours(0), rules=["collar"], collar={"delay": hours(24)})
    return island(rated=140, offer=4_300, days=4, regulator=watched, **values)


def test_an_ask_above_the_old_highest_price_is_taken_after_it_moved():
    run = collared().run(seed=1)
    assert column(run, "sanctions", "kind")[0] == Sanction.COLLAR
    assert column(run, "sanctions", "price_tick")[0] == 4_500 * TICKS
    moved_ms = column(run, "sanctions", "time_ms")[0]
    offers = run.record.streams["commands"]
    late = (offers["price_tick"] == 4_300 * TICKS) & (offers["time_ms"] > moved_ms) & (offers["side"] == SELL)
    assert late.any()
    assert not (offers["price_tick"][offers["time_ms"] < moved_ms] > 4_000 * TICKS).any()
    assert Refusal.OUT_OF_RANGE not in column(run, "orders", "code")
    prices = np.array(column(run, "spot", "price_tick")).reshape(4, 24)
    assert prices[:3].max() == 4_000 * TICKS
    assert prices[3].tolist() == [4_500 * TICKS] * 24
    # What it asks now is taken: of 140 kWh wanted 130 are sold.
    assert column(run, "spot", "sold_wh")[-1] == 130_000


def world_of(scenario):
    compiled = compile_street(scenario, 1)
    return World(compiled.street, compiled.minds, compiled.outlook, 1, wholesale_minds=compiled.wholesale_minds)


def test_a_highest_price_that_moved_is_saved_replayed_and_honoured():
    whole, first, second = (world_of(collared()) for _ in range(3))
    whole.run()
    # A moment between the first step and the sessions that clear by it.
    stop_ms = START_MS + 2 * 24 * HOUR_MS + 3 * HOUR_MS
    first.run(until_ms=stop_ms)
    assert first.market.wholesale.cap_tick == 4_500 * TICKS
    second.restore(first.checkpoint())
    second.run()
    assert second.checkpoint() == whole.checkpoint()
    journal = whole.journal
    assert replay(whole.street, journal.header, journal.read("commands")).fingerprint() == journal.fingerprint()


@pytest.fixture
def street():
    """Two who trade at 150 EUR/MWh, and at 400 from the third hour on."""

    def trading(side):
        def policy(see, memory, draw, out):
            if not see.tradable:
                return FOREVER
            price = 15_000 if see.now_ms < START_MS + 2 * HOUR_MS else 40_000
            keep_one_order(see, out, LOCAL, side, price, 10, 0)
            return 300_000

        return policy

    return Scenario(
        start="2016-06-06",
        days=1,
        hours=4,
        timezone="Europe/Berlin",
        agents=[
            consumer("bo", rated=kw(4), policy=trading(BUY)),
            prosumer("ada", rated=kw(1), pv=Pv(kw(8)), policy=trading(SELL)),
            utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(80)),
        ],
        local=LocalMarket(period=minutes(15), closes_before=minutes(5), cap=eur_per_mwh(500)),
        baseline=False,
        regulator=Regulator(latency=hours(0), rules=["circuit_breaker"]),
    )


def test_a_halted_product_takes_no_orders_until_its_halt_ends(street):
    run = street.run(seed=1)
    sanctions = run.record.streams["sanctions"]
    assert set(sanctions["kind"].tolist()) == {Sanction.HALT}
    at_ms, until_ms = int(sanctions["time_ms"][0]), int(sanctions["until_ms"][0])
    assert (at_ms, until_ms) == (START_MS + 2 * HOUR_MS + 900_000, START_MS + 2 * HOUR_MS + 2_700_000)
    orders, trades = (run.record.streams[name] for name in ("orders", "trades"))
    halted = orders["code"] == Refusal.HALTED
    assert halted.any()
    assert ((orders["time_ms"][halted] >= at_ms) & (orders["time_ms"][halted] < until_ms)).all()
    rested = np.isin(trades["period"], orders["period"][halted])
    inside = (trades["time_ms"] >= at_ms) & (trades["time_ms"] < until_ms)
    assert not (rested & inside).any()
    assert (rested & (trades["time_ms"] >= until_ms)).any()
    accepted = (orders["event"] == Event.ACCEPTED) & (orders["time_ms"] >= until_ms)
    assert accepted.any()


def test_an_observer_halts_nothing(street):
    run = street.with_values({"regulator": "observer"}).run(seed=1)
    assert Refusal.HALTED not in column(run, "orders", "code")
    assert not column(run, "sanctions", "kind")


def test_kinds_that_follow_the_weather_are_kinds_of_plants():
    assert set(BY_WEATHER) <= set(KINDS)
