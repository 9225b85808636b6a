"""How a scenario names its mechanism, what is refused, and what the six ways come to on one street."""

import json

import numpy as np
import polars as pl
import pytest

from wattbook import Battery, ConfigError, LocalMarket, Pv, Scenario, city, consumer, prosumer, trader, utility
from wattbook.results import Run, energy, money, verify
from wattbook.scenario.compiling import compile_street
from wattbook.scenario.mechanisms import SHARING
from wattbook.testing import check_run
from wattbook.units import eur_per_mwh, kw, kwh, minutes, percent

AGENTS = (
    consumer("ada", rated=kw(4)),
    consumer("bo", rated=kw(2), feeder="feeder-2"),
    prosumer("cy", pv=Pv(kw(9)), battery=Battery(kwh(4), kw(2))),
    prosumer("dee", pv=Pv(kw(12)), feeder="feeder-2"),
    consumer("eli", rated=kw(3), deducts_vat=True),
    utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(80)),
    utility("green", retail={"day": eur_per_mwh(170), "night": eur_per_mwh(140)}, feed_in=eur_per_mwh(75)),
)
WAYS = {
    "continuous": {},
    "call": {"mechanism": "call"},
    "call, twice in a period": {"mechanism": "call", "auction_every": minutes(15)},
    "call, pay-as-bid": {"mechanism": "call", "pricing": "pay-as-bid", "rationing": "pro-rata"},
    "mid-market rate": {"mechanism": "mid-market-rate"},
    "equal keys": {"mechanism": "static-key"},
    "keys by rating": {"mechanism": "static-key", "keys": "rated"},
    "keys by name": {
        "mechanism": "static-key",
        "keys": {"ada": percent(70), "eli": percent(30), "bo": percent(100)},
        "share_price": eur_per_mwh(100),
    },
    "dynamic keys": {"mechanism": "dynamic-key", "share_price": eur_per_mwh(90)},
}


def street(agents=AGENTS, **local):
    return Scenario(start="2016-06-06", days=1, agents=list(agents), local=LocalMarket(period=minutes(30), **local))


def faults(agents=AGENTS, **local):
    with pytest.raises(ConfigError) as caught:
        street(agents, **local)
    return list(caught.value.problems)


@pytest.fixture(scope="module")
def runs():
    return {way: street(**local).run(seed=3) for way, local in WAYS.items()}


# --- what runs


@pytest.mark.parametrize("way", WAYS)
def test_every_way_balances_and_can_be_saved_verified_and_read_again(runs, way, tmp_path):
    run = runs[way]
    figures = run.metrics
    assert figures["local_volume_wh"] > 0
    assert figures["money_sum"] == 0 == figures["energy_residual_wh"]
    assert not any(figures["money_errors"].values())
    assert 0 < figures["allocative_efficiency"] <= 1
    parts = figures["baseline"]["decomposition"]
    assert sum(parts["groups"].values()) == 0
    verify(run.save(tmp_path / "run"))
    again = Run.load(tmp_path / "run")
    assert again.shares.equals(run.shares)
    assert "local" in run.summary()


@pytest.mark.parametrize("way", [way for way, local in WAYS.items() if local.get("mechanism", "call") == "call"])
def test_markets_of_orders_obey_the_laws_of_a_record(runs, way):
    run = runs[way]
    assert "B15" in check_run(run)
    assert run.shares.height == 0
    sides = set(run.trades["aggressor"].to_list())
    assert sides <= {"buy", "sell"} if way == "continuous" else sides == {None}
    assert (run.metrics["liquidity"]["mean_spread_eur_per_mwh"] is None) == (way != "continuous")


@pytest.mark.parametrize("way", [way for way, local in WAYS.items() if local.get("mechanism") in SHARING])
def test_where_energy_is_shared_there_are_no_orders_and_nobody_loses(runs, way):
    run = runs[way]
    assert run.orders.height == run.trades.height == 0
    assert run.metrics["share_lost"] == 0
    assert run.metrics["liquidity"]["two_sided_share"] is None
    moved = run.shares.group_by("period", "book").agg(pl.col("shared_wh").sum())
    assert moved["shared_wh"].abs().sum() == 0
    # What is measured is as in the baseline: who shares does nothing else than it would do alone.
    assert run.meters.select("load_wh", "generation_wh", "charge_wh", "soc_wh").equals(
        run.baseline_run.meters.select("load_wh", "generation_wh", "charge_wh", "soc_wh")
    )
    assert not run.agents.filter(pl.col("bought_wh") + pl.col("sold_wh") > 0).is_empty()


def test_forecasts_change_nothing_where_energy_is_shared(runs):
    alike = street(mechanism="mid-market-rate").with_values({"forecast.load_error": percent(90)}).run(seed=3)
    assert alike.shares.equals(runs["mid-market rate"].shares)


def test_at_the_mid_market_price_dynamic_keys_are_the_mid_market_rate(runs):
    keyed = street(mechanism="dynamic-key").run(seed=3, baseline=False)
    assert keyed.shares.equals(runs["mid-market rate"].shares)
    assert keyed.postings.equals(runs["mid-market rate"].postings)


def test_auctions_are_held_at_the_gates_and_in_between_where_asked(runs):
    at_gate = pl.col("time") == pl.col("period") - pl.duration(minutes=5)
    assert runs["call"].trades.select(at_gate.all()).item()
    twice = runs["call, twice in a period"].trades
    assert twice.select(at_gate.sum()).item() < twice.height
    assert twice.select(((pl.col("time").dt.minute() + 5) % 15 == 0).all()).item()


def test_pay_as_bid_fills_the_same_orders_at_other_prices(runs):
    uniform = street(mechanism="call", rationing="pro-rata").run(seed=3, baseline=False).trades
    as_bid = runs["call, pay-as-bid"].trades
    assert as_bid.drop("price_tick").equals(uniform.drop("price_tick"))
    assert (as_bid["price_tick"] >= uniform["price_tick"]).all()


def test_a_bent_share_is_found(runs):
    record = runs["keys by name"].record
    for column, change in (("shared_wh", 1), ("agent", 1), ("price_tick", 1)):
        streams = {name: dict(columns) for name, columns in record.streams.items()}
        streams["shares"][column] = streams["shares"][column] + change
        wrong = type(record)(record.header, streams, record.fingerprint)
        found = energy.energy_errors(wrong)["trades"], money.money_errors(wrong)["trades"]
        assert any(found), column


# --- the arrays


def test_the_mid_market_price_lies_between_feed_in_and_retail_of_every_member():
    compiled = compile_street(street(mechanism="mid-market-rate"), seed=0).street
    price = np.array(compiled.market.sharing.price_tick)
    served = compiled.utility[compiled.utility >= 0]
    assert (price[None, :] <= compiled.retail_tick[served]).all()
    assert (price[None, :] >= compiled.feed_in_tick[served]).all()
    # By night green's 140 and blue's 80, by day blue's 160 and 80.
    assert sorted(set(price.tolist())) == [11_000, 12_000]


def test_keys_are_laid_out_by_name():
    order = ["ada", "blue", "bo", "cy", "dee", "eli", "green"]
    keys = {}
    for way in ("equal keys", "keys by rating", "keys by name"):
        compiled = compile_street(street(**WAYS[way]), seed=0).street
        assert list(compiled.names) == order
        keys[way] = compiled.market.sharing.key
    assert keys["keys by rating"] == (4_000, 0, 2_000, 3_000, 3_000, 3_000, 0)
    assert keys["keys by name"] == (700_000, 0, 1_000_000, 0, 0, 300_000, 0)
    assert set(keys["equal keys"]) == {1}


def test_the_homes_of_a_city_share_by_their_ratings():
    local = LocalMarket(mechanism="static-key", keys="rated")
    agents = [city("town", homes=6), AGENTS[-1]]
    compiled = compile_street(Scenario(start="2016-06-06", days=1, agents=agents, local=local), seed=0).street
    key = dict(zip(compiled.names, compiled.market.sharing.key, strict=True))
    assert key.pop("green") == 0
    assert min(key.values()) > 500


# --- what is written down, and varied


def test_nothing_is_said_of_mechanisms_where_nothing_was():
    plain = json.loads(street().to_json())["local"]
    assert not set(plain) & {"mechanism", "auction_every", "pricing", "rationing", "keys", "share_price"}
    assert not {"auction", "sharing"} & set(compile_street(street(), seed=0).street.market.header())


@pytest.mark.parametrize("way", [way for way in WAYS if way != "continuous"])
def test_a_copy_says_what_it_is_a_copy_of(way):
    scenario = street(**WAYS[way])
    assert scenario.with_values({}).to_json() == scenario.to_json() != street().to_json()
    assert scenario.with_values({"local.district": "no"}).local.keys == scenario.local.keys


def test_the_command_line_can_say_it_all():
    typed = street().with_values(
        {
            "local.mechanism": "call",
            "local.auction_every": "15",
            "local.pricing": "pay-as-bid",
            "local.rationing": "pro-rata",
        }
    )
    said = street(mechanism="call", auction_every=minutes(15), pricing="pay-as-bid", rationing="pro-rata")
    assert typed.digest() == said.digest()
    keyed = street().with_values(
        {"local.mechanism": "static-key", "local.keys": "rated", "local.share_price": "10 ct/kWh"}
    )
    assert keyed.local.share_price[0] == 10_000


# --- what is refused


def test_a_field_of_another_mechanism_is_refused_and_all_are_told_at_once():
    assert faults(auction_every=minutes(5), share_price=eur_per_mwh(100), keys="rated") == [
        "local.auction_every is given with mechanism='continuous': it belongs to 'call'",
        "local.keys is given with mechanism='continuous': it belongs to 'static-key'",
        "local.share_price is given with mechanism='continuous': it belongs to 'static-key' and 'dynamic-key'",
    ]
    assert faults(mechanism="mid-market-rate", share_price=eur_per_mwh(100)) == [
        "local.share_price is given with mechanism='mid-market-rate': it belongs to 'static-key' and 'dynamic-key'"
    ]


def test_a_misspelt_mechanism_is_told_its_neighbour():
    assert "did you mean" in faults(mechanism="dynamic-keys")[0]
    assert "equal, rated" in faults(mechanism="static-key", keys="eqal")[0]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (
            {"ada": percent(90), "bo": percent(100)},
            ["local.keys of feeder-1 sum to percent(90): make them sum to percent(100)"],
        ),
        (
            {"ada": percent(100), "bob": percent(100)},
            [
                "local.keys: bob is no member (did you mean 'bo'?)",
                "local.keys of feeder-2 sum to percent(0): make them sum to percent(100)",
            ],
        ),
        ({"ada": 0.5}, ["local.keys={'ada': 0.5} of ada (0.5) has no unit: write percent(0.5)"]),
        ({"ada": percent(130)}, ["local.keys={'ada': percent(130)} of ada (percent(130)) is outside 0 to 100 %"]),
        ({"a b": percent(100)}, ["local.keys={'a b': percent(100)} has the key of 'a b', which is no member's name"]),
        ({}, ["local.keys={} is neither equal nor rated nor shares by name: write {'ada': percent(60), ...}"]),
        (0.5, ["local.keys=0.5 is neither equal nor rated nor shares by name: write {'ada': percent(60), ...}"]),
    ],
)
def test_keys_that_are_none_are_refused(keys, said):
    assert faults(mechanism="static-key", keys=keys) == said


def test_keys_by_rating_need_ratings_and_keys_by_name_need_names():
    hours = pl.datetime_range(
        pl.datetime(2016, 6, 5, 22), pl.datetime(2016, 6, 6, 22), "1h", time_zone="UTC", eager=True
    )
    own = pl.DataFrame({"time": hours, "kwh": [0.1] * len(hours)})
    bare = consumer("fay", profile=own, rated=None)
    assert faults((*AGENTS, bare), mechanism="static-key", keys="rated") == [
        "local.keys='rated' and fay has no rating: give it rated=kw(3), or choose other keys"
    ]
    told = faults((*AGENTS, city("town", homes=5)), mechanism="static-key", keys={"ada": percent(100)})
    assert told == ["local.keys are given by name, and the homes of town have none: write 'equal'"]


@pytest.mark.parametrize("mechanism", ["call", "dynamic-key"])
def test_laboratories_are_continuous(mechanism):
    traders = [trader("tom", "buy", value=eur_per_mwh(10)), trader("tim", "sell", value=eur_per_mwh(5))]
    whose = f"tim (and 1 more) is a trader, which local.mechanism={mechanism!r} does not serve"
    assert faults(traders, mechanism=mechanism, improve=True) == [
        f"local.improve is given with mechanism={mechanism!r}: laboratory markets are continuous",
        f"{whose}: leave mechanism='continuous', or make it a consumer",
    ]
