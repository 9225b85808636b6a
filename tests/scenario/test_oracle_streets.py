"""With perfect foresight nobody can lose by trading: streets drawn at random, far beyond what is plausible."""

import numpy as np
import pytest

from wattbook import (
    Battery,
    Forecast,
    LocalMarket,
    Network,
    Pv,
    Scenario,
    consumer,
    eur_per_mwh,
    home,
    minutes,
    percent,
    prosumer,
    utility,
)  # fmt: skip
from wattbook.policies import PERSONAS
from wattbook.units import kw, watt, wh

pytestmark = pytest.mark.slow

STREETS = 60


def tariff(rng, low, high):
    """One price, day and night, or 24 prices."""
    kind = rng.integers(3)
    if kind == 0:
        return eur_per_mwh(int(rng.integers(low, high)))
    if kind == 1:
        return {hours: eur_per_mwh(int(rng.integers(low, high))) for hours in ("day", "night")}
    return [eur_per_mwh(int(price)) for price in rng.integers(low, high, 24)]


def battery(rng):
    sizes = {name: watt(int(rng.choice([1, 50, 700, 3_000, 20_000]))) for name in ("charge_w", "discharge_w")}
    return Battery(
        wh(int(rng.choice([1, 7, 999, 5_000, 50_000]))),
        **sizes,
        efficiency_ppm=percent(int(rng.choice([1, 30, 90, 100]))),
        soc_start_ppm=percent(int(rng.choice([0, 50, 100]))),
    )


def member(rng, name):
    common = {
        "rated": kw(int(rng.integers(1, 8))),
        "profile": str(rng.choice(["H0-A", "H0-B", "H0-C", "H0-L", "G1-B"])),
        "feeder": int(rng.integers(1, 3)),
        "deducts_vat": bool(rng.random() < 0.3),
        "policy": home(str(rng.choice(list(PERSONAS)))),
    }
    pv = Pv(kw(int(rng.integers(1, 15)))) if rng.random() < 0.6 else None
    store = battery(rng) if rng.random() < 0.6 else None
    if pv is None and store is None:
        return consumer(name, **common)
    return prosumer(name, pv=pv, battery=store, **common)


def street(rng):
    """Draw a street; feed-in lies below retail at every hour."""
    low, high = (-50, 60) if rng.random() < 0.3 else (0, 120)
    utilities = [
        utility("u1", retail=tariff(rng, high, 250), feed_in=tariff(rng, low, high)),
        utility("u2", retail=tariff(rng, high, high + 60), feed_in=tariff(rng, low, high)),
    ]
    return Scenario(
        start=f"2016-{rng.integers(1, 13):02d}-{rng.integers(1, 27):02d}",
        days=int(rng.integers(1, 3)),
        agents=[*(member(rng, f"home-{i}") for i in range(rng.integers(3, 9))), *utilities],
        local=LocalMarket(
            period=minutes(int(rng.choice([15, 30, 60]))),
            closes_before=minutes(int(rng.choice([0, 5, 60, 120]))),
            floor=eur_per_mwh(-100 if low < 0 else 0),
            step=eur_per_mwh(float(rng.choice([0.01, 0.1, 5]))),
            district=bool(rng.random() < 0.7),
            self_trade=str(rng.choice(["off", "cancel-newest", "decrement"])),
        ),
        network=Network(
            feeder_fee=eur_per_mwh(int(rng.choice([0, 30, 80]))),
            district_fee=eur_per_mwh(int(rng.choice([0, 50, 120]))),
            standard_fee=eur_per_mwh(int(rng.choice([0, 70]))),
            vat=percent(int(rng.choice([0, 19, 100]))),
        ),
        forecast=Forecast(kind="oracle", update_every=minutes(int(rng.choice([15, 30, 60])))),
    )


@pytest.mark.parametrize(
    "seed", [pytest.param(seed, marks=[pytest.mark.long] * (seed >= STREETS // 3)) for seed in range(STREETS)]
)
def test_nobody_pays_more_than_without_the_market(seed):
    rng = np.random.default_rng(seed)
    run = street(rng).run(seed=int(rng.integers(1 << 40)))
    homes = run.agents.filter(run.agents["kind"] != "utility")
    assert homes["saving"].min() >= 0, homes.filter(homes["saving"] < 0)
    assert (run.metrics["money_sum"], run.metrics["energy_residual_wh"]) == (0, 0)
