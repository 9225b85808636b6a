"""Laboratory markets for the tests of this folder: schedules as scenarios, and an independent simulator beside them."""

from __future__ import annotations

import random  # noqa: TID251 - the simulator shares nothing with the engine, chance included
from typing import NamedTuple

from wattbook import LocalMarket, Scenario, trader
from wattbook.results import trading_days
from wattbook.units import eur_per_mwh, minutes

SMITH = tuple(range(75, 326, 25))
"""Values and costs [EUR/MWh] of eleven buyers and eleven sellers: test 1 of Smith (1962) in cents."""
CAP = 400
RULES = {"improve": True, "clear_after_trade": True, "failed_shouts": 1_000}
"""Those of Gode & Sunder (1993); a day ends when nothing has happened for long."""


def laboratory(values, costs, policy="zi-c", period=15, step=1, cap=CAP, turns="random", **market):
    """Describe a day of laboratory sessions: a trading day per period of `period` minutes, but for the first."""
    sides = (("buy", values), ("sell", costs))
    return Scenario(
        start="2016-06-06",
        days=1,
        timezone="UTC",
        agents=[
            trader(f"{side}-{i:02d}", side, value=eur_per_mwh(price), policy=policy)
            for side, prices in sides
            for i, price in enumerate(prices)
        ],
        local=LocalMarket(
            period=minutes(period), closes_before=minutes(0), cap=eur_per_mwh(cap), step=eur_per_mwh(step),
            district=False, turns=turns, **market,
        ),
    )  # fmt: skip


def days_of(values, costs, seed=1, **given):
    """Run a laboratory and give its trading days."""
    return trading_days(laboratory(values, costs, **given).run(seed=seed, baseline=False))


class Simulated(NamedTuple):
    efficiency: float
    mean_price: float


def simulate(values, costs, sessions, seed, failed_shouts=1_000, cap=CAP):
    """Run Gode & Sunder's market with ZI-C traders by itself: lists and the standard library's chance alone."""
    chance = random.Random(seed)
    most = sum(max(v - c, 0) for v, c in zip(sorted(values, reverse=True), sorted(costs), strict=False))
    gained, prices = 0, []
    for _ in range(sessions):
        buyers, sellers, bid, ask, failed = list(values), list(costs), None, None, 0
        while buyers and sellers and failed < failed_shouts:
            failed += 1
            who = chance.randrange(len(buyers) + len(sellers))
            if who < len(buyers):
                price = chance.randint(0, buyers[who])
                if ask is not None and price >= ask[0]:
                    gained += buyers.pop(who) - sellers.pop(ask[1])
                    prices.append(ask[0])
                    bid, ask, failed = None, None, 0
                elif bid is None or price > bid[0]:
                    bid = (price, who)
            else:
                who -= len(buyers)
                price = chance.randint(sellers[who], cap)
                if bid is not None and price <= bid[0]:
                    gained += buyers.pop(bid[1]) - sellers.pop(who)
                    prices.append(bid[0])
                    bid, ask, failed = None, None, 0
                elif ask is None or price < ask[0]:
                    ask = (price, who)
    return Simulated(100 * gained / (sessions * most), sum(prices) / len(prices))
