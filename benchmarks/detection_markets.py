"""The worlds that detection of what is about the market as a whole is measured on: nobody in them is at fault.

Owns the registry `MARKETS`. What is counted are indices, products and days; that something is found takes the place of
a sanction where none follows.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wattbook.oversight import Rule, Sanction
from wattbook.regulator.findings import MARKET
from wattbook.units import MS_PER_HOUR

from .detection_kinds import Case, World, only
from .detection_utilities import HOURS, calm, end_of, laid_out
from .islands import CAP_TICK, START_MS, Island, island, known_of, record_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wattbook.regulator import Known

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

LARGEST: Final = (0, 20, 30, 40, 45, 50, 60, 80)
JUMPS: Final = (0, 25, 40, 50, 60, 75, 100, 150)
PEAKS: Final = (40, 60, 65, 70, 75, 80, 90)
MINUTE_MS: Final = 60_000
WATCH_MS: Final = 15 * MINUTE_MS
GATE: Final = 5
"""Minutes before a period begins."""
DAYS: Final = 62
"""A month in which days count, and what it takes until a step is due."""


# --- concentration


def many(seed: int, _: Any, *, at_random: bool) -> World:
    """Draw 12 to 20 plants of which six to nine tenths are needed, at cost or at up to five times that."""
    rng = np.random.default_rng((seed, 30 + at_random))
    capacity_kw = rng.integers(10, 61, int(rng.integers(12, 21)))
    return _reviewed(_needed(rng, capacity_kw, most=5 if at_random else 1))


def one_large(seed: int, share: int) -> World:
    """Draw the same, where one plant of those at cost has `share` per cent of all; 0 makes it like the others."""
    rng = np.random.default_rng((seed, 32))
    capacity_kw = rng.integers(10, 61, int(rng.integers(12, 21)))
    if share:
        capacity_kw[0] = capacity_kw[1:].sum() * share // (100 - share)
    return _reviewed(_needed(rng, capacity_kw), MARKET)


def _needed(rng: np.random.Generator, capacity_kw: Ints, most: float = 1) -> Island:
    """Draw what plants cost and ask, up to `most` times their cost, and how much of them is in demand by the hour."""
    cost = rng.integers(2_000, 15_000, len(capacity_kw))
    demand_kw = capacity_kw.sum() * rng.uniform(0.6, 0.9, HOURS)
    place = island(capacity_kw, cost, demand_kw.astype(np.int64), periods=HOURS)
    asked = place.reference_tick * rng.uniform(1, most, place.reference_tick.shape)
    return replace(place, offer_tick=asked.astype(np.int64))


def _reviewed(place: Island, *villains: int) -> World:
    """Review a day; both of its indices can be found."""
    rules = only(Rule.CONCENTRATION, (place.end_ms,))
    # Nothing follows from it: a warning tells that it was found.
    rules = replace(rules, ladder={**rules.ladder, Rule.CONCENTRATION: ((Sanction.WARNING,),)})
    return World(known_of(place), rules, record_of(place), 2, villains)


# --- circuit breaker


def trades(seed: int, jump: int, *, honest: bool) -> World:
    """Draw a day of hourly products of one feeder, each traded in its last three hours, every four minutes.

    They begin at 80 to 160 EUR/MWh, the same for all, and within 10 %; from trade to trade the price goes 2 % up
    or down, one in 50 moves it by up to 20 % where all is honest, each trade lies 8 % beside it, and all between 50
    and 350 EUR/MWh. Otherwise one product's last trade before a watch lies `jump` per cent above what it was.
    """
    rng = np.random.default_rng((seed, 33))
    start = rng.uniform(8_000, 16_000)
    rows = [_product(rng, period, start, 0.2 if honest else 0) for period in range(4, HOURS)]
    times, prices = (np.concatenate([row[part] for row in rows]) for part in (0, 1))
    period = np.repeat(np.arange(4, HOURS), [len(row[0]) for row in rows])
    if not honest:
        chosen = int(rng.integers(4, HOURS))
        mine = np.flatnonzero(period == chosen)
        # An hour and a half before it begins its price stands still for half an hour.
        at_ms = START_MS + chosen * MS_PER_HOUR - 90 * MINUTE_MS
        kept = mine[(times[mine] < at_ms) | (times[mine] >= at_ms + 2 * WATCH_MS)]
        rest = np.concatenate([np.flatnonzero(period != chosen), kept])
        steady = at_ms + np.arange(12) * MINUTE_MS
        level = prices[mine[0]]
        own = np.append(np.full(11, level), level * (100 + jump) / 100)
        times, prices = np.append(times[rest], steady), np.append(prices[rest], own)
        period = np.append(period[rest], np.full(12, chosen))
    known = _street()
    size = len(times)
    record = laid_out(
        "trades", times, 1, period=period, price_tick=prices.astype(np.int64), quantity_wh=np.full(size, 1_000),
        buyer=np.zeros(size), seller=np.ones(size),
    )  # fmt: skip
    rules = replace(only(Rule.CIRCUIT_BREAKER, ()), watch_ms=WATCH_MS)
    return World(known, rules, {"trades": record}, len(rows), () if honest else (MARKET,))


def _product(rng: np.random.Generator, period: int, start: float, news: float) -> tuple[Ints, Floats]:
    """Draw when a product was traded, and at what."""
    gate_ms = START_MS + period * MS_PER_HOUR - GATE * MINUTE_MS
    times = np.sort(gate_ms - rng.integers(1, 3 * MS_PER_HOUR, int(rng.poisson(45)) + 5))
    moved = np.where(rng.random(len(times)) < 0.02, rng.uniform(-news, news, len(times)), 0)
    steps = rng.normal(0, 0.02, len(times)) + moved
    price = start * rng.uniform(0.9, 1.1) * np.exp(np.cumsum(steps)) * (1 + rng.normal(0, 0.08, len(times)))
    return times, np.clip(price, 5_000, 35_000)


def _street() -> Known:
    place = island([100, 100], [5_000, 5_000], 100, periods=HOURS)
    return replace(known_of(place), books=(("feeder", "local"),), closes_before_ms=GATE * MINUTE_MS)


# --- collar


def prices(seed: int, peak: int, *, days: int) -> World:
    """Draw two months of spot prices, calm but for some days of the first one, whose highest reach `peak` % of the cap.

    Give or take 3 %. Up to ten other days reach 10 to 60 % of it.
    """
    rng = np.random.default_rng((seed, 34))
    price = 100 * calm(rng, DAYS * HOURS)
    chosen = rng.choice(28, 12, replace=False)
    for day in chosen[2:]:
        price[day * HOURS + rng.integers(HOURS)] = CAP_TICK * rng.uniform(0.1, 0.6)
    for day in chosen[:days]:
        price[day * HOURS + rng.integers(HOURS)] = CAP_TICK * min(1, peak / 100 * rng.uniform(0.97, 1.03))
    place = island([100], [5_000], 100, periods=DAYS * HOURS)
    known = known_of(place)
    noon = START_MS + (np.arange(DAYS * HOURS) // HOURS * HOURS - 12) * MS_PER_HOUR
    record = laid_out("spot", noon, 1, period=np.arange(DAYS * HOURS), price_tick=price.astype(np.int64))
    villains = (MARKET,) if days > 1 else ()
    return World(known, only(Rule.COLLAR, (end_of(known),)), {"spot": record}, DAYS, villains)


MARKETS: Final[dict[Rule, tuple[Case, ...]]] = {
    Rule.CONCENTRATION: (
        Case("12 to 20 plants at cost", partial(many, at_random=False)),
        Case("12 to 20 plants, asks at random", partial(many, at_random=True)),
        Case("largest plant of", one_large, LARGEST, "% of capacity", sure_from=60, is_honest=False),
    ),
    Rule.CIRCUIT_BREAKER: (
        Case("prices at random, with jumps", partial(trades, honest=True)),
        Case("a trade dearer by", partial(trades, honest=False), JUMPS, "%", sure_from=100, is_honest=False),
    ),
    Rule.COLLAR: (
        Case("highest at 10 to 60 % of the cap", partial(prices, days=0)),
        Case("one day at 100 % of it", lambda seed, _: prices(seed, 100, days=1)),
        Case("two days at", partial(prices, days=2), PEAKS, "% of the cap", sure_from=75, is_honest=False),
    ),
}  # fmt: skip
"""Worlds by rule."""
