"""Fixtures that several rooms' tests share."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import settings

from wattbook.assets import Batteries
from wattbook.book import Book
from wattbook.journal import Journal
from wattbook.market import Market, MarketRules, NetworkRules, Street
from wattbook.messages import streams_of

# First calls of compiled functions take seconds.
settings.register_profile("wattbook", deadline=None, print_blob=True)
settings.register_profile("ci", parent=settings.get_profile("wattbook"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "wattbook")

QUARTER_MS = 900_000
START_MS = 1_465_164_000_000  # 2016-06-05T22:00Z, midnight in Berlin


def _column(value, agents, periods):
    array = np.asarray(value, np.int64)
    if array.ndim == 1:
        array = np.repeat(array[:, None], periods, axis=1)
    return np.ascontiguousarray(np.broadcast_to(array, (agents, periods)))


@pytest.fixture(scope="session")
def make_street():
    """Give a function that lays out a small street; every argument has a plain default."""

    def make(names, *, feeder, utility, periods=1, load=0, generation=0, retail=None, feed_in=None, **given):
        agents = len(names)
        zeros = np.zeros(agents, np.int64)
        battery = given.pop("battery", Batteries.of([None] * agents))
        prices = np.zeros((agents, periods), np.int64)
        retail_tick, feed_in_tick = prices.copy(), prices.copy()
        for row, tick in (retail or {}).items():
            retail_tick[row] = tick
        for row, tick in (feed_in or {}).items():
            feed_in_tick[row] = tick
        spot = np.full(periods, given.pop("spot", 9_000), np.int64)
        defaults = {
            "kinds": tuple("utility" if u < 0 else "consumer" for u in utility),
            "feeders": tuple(f"feeder-{i + 1}" for i in range(max(feeder) + 1)),
            "has_district": True,
            "start_ms": START_MS,
            "period_ms": QUARTER_MS,
            "periods": periods,
            "timezone": "Europe/Berlin",
            "opens_ms": np.full(periods, START_MS - 32_400_000, np.int64),
            "vat_ppm": np.array([0 if u < 0 else 190_000 for u in utility], np.int64),
            "credit_limit": np.full(agents, 10**12, np.int64),
            "endowment": zeros.copy(),
            "missing": np.zeros((agents, periods), bool),
            "substitute_wh": np.zeros((agents, periods), np.int64),
            "buy_limit_wh": np.full(agents, 100_000, np.int64),
            "sell_limit_wh": np.full(agents, 100_000, np.int64),
            "maintenance": np.zeros((agents, periods), np.int64),
            "spot_tick": spot,
            "short_tick": np.full(periods, given.pop("short", 12_000), np.int64),
            "long_tick": np.full(periods, given.pop("long", 12_000), np.int64),
            "network": NetworkRules((3_000, 5_000, 7_000), (10_000, 30_000, 50_000), 2_050),
            "market": MarketRules(300_000, 0, 50_000, 1, "off", 1_000, 10**9),
        }
        return Street(
            names=tuple(names),
            feeder=np.array(feeder, np.int64),
            utility=np.array(utility, np.int64),
            load_wh=_column(load, agents, periods),
            generation_wh=_column(generation, agents, periods),
            battery=battery,
            retail_tick=retail_tick,
            feed_in_tick=feed_in_tick,
            **{**defaults, **given},
        )

    return make


@pytest.fixture(scope="session")
def open_market():
    """Give a function that opens a market on a street, with a journal of its own."""

    def make(street, make_book=Book):
        header = street.header()
        return Market(street, Journal(streams_of(header), header), make_book)

    return make
