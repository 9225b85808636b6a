"""The worlds that detection is measured on, by rule: honest ones, and those in which somebody does wrong.

Owns the registry `CASES`. A world is what a regulator knows and can see, drawn from a seed; a case with strengths draws
it once for each, so that a power curve can be told.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wattbook.messages import Action
from wattbook.oversight import Item, Rule
from wattbook.regulator import inspect

from .detection_books import BOOKS
from .detection_kinds import Case, World, only
from .detection_markets import MARKETS
from .detection_utilities import UTILITIES
from .islands import START_MS, Island, as_scenario, island, known_of, record_of

if TYPE_CHECKING:
    from collections.abc import Callable

HOURS: Final = 24
TICKS: Final = 100
"""Of an EUR/MWh."""
DAYS: Final = 14
LEANS: Final = (0, 2, 4, 6, 8, 10, 15, 20)
KEPT: Final = (0, 5, 10, 15, 20, 30, 50)
MARK_UPS: Final = (0, 50, 100, 150, 200, 250, 300, 400)


# --- abusive mark-up


def plants(rng: np.random.Generator, count: int, low: int = 2_000, high: int = 15_000) -> Island:
    """Draw an island of honest plants: 10 to 60 kW each, costs between `low` and `high`, no demand yet."""
    cost = np.repeat(rng.integers(low, high, (count, 1)), HOURS, axis=1)
    return Island(
        capacity_w=rng.integers(10, 61, count) * 1_000, reference_tick=cost, offer_tick=cost,
        demand_wh=np.zeros(HOURS, np.int64), sold_ahead_wh=np.zeros((count, HOURS), np.int64),
        turnover=np.zeros(count, np.int64), outside_tick=np.full(HOURS, 9_000),
    )  # fmt: skip


def drawn_upon(place: Island, rng: np.random.Generator, low: float, high: float) -> Island:
    """Let the town need, hour by hour, a share of all capacity between `low` and `high`."""
    total = int(place.available_wh.sum())
    return replace(place, demand_wh=np.maximum(1, (total * rng.uniform(low, high, HOURS)).astype(np.int64)))


def competitive(seed: int, _: Any) -> Island:
    """Many plants at cost, of which half would do."""
    rng = np.random.default_rng((seed, 1))
    return drawn_upon(plants(rng, int(rng.integers(8, 15))), rng, 0.3, 0.6)


def random_asks(seed: int, _: Any) -> Island:
    """Many plants of which half would do, and everybody asks anything from its cost to five times that."""
    rng = np.random.default_rng((seed, 2))
    place = drawn_upon(plants(rng, int(rng.integers(8, 15))), rng, 0.3, 0.6)
    return replace(place, offer_tick=(place.reference_tick * rng.uniform(1, 5, (place.producers, HOURS))).astype(int))


def scarce(seed: int, _: Any) -> Island:
    """Few plants at cost, of which all are needed, and more than all."""
    rng = np.random.default_rng((seed, 3))
    return drawn_upon(plants(rng, int(rng.integers(2, 7))), rng, 0.85, 1.15)


def misjudged(seed: int, _: Any) -> Island:
    """Few plants at cost that are all needed; indices say up to 30 % more or less than what each costs."""
    rng = np.random.default_rng((seed, 4))
    place = drawn_upon(plants(rng, int(rng.integers(2, 7))), rng, 0.85, 1.0)
    error = rng.uniform(0.7, 1.3, (place.producers, 1))
    return replace(place, reference_tick=(place.reference_tick * error).astype(np.int64))


def fuel_jump(seed: int, _: Any) -> Island:
    """Few plants that are all needed; at some hour fuel costs most of them two to six times as much, as indices say."""
    rng = np.random.default_rng((seed, 5))
    place = drawn_upon(plants(rng, int(rng.integers(2, 7))), rng, 0.85, 1.0)
    cost, hour = place.reference_tick.copy(), int(rng.integers(1, HOURS))
    dearer = rng.random(place.producers) < 0.7
    cost[dearer, hour:] = (cost[dearer, hour:] * rng.uniform(2, 6)).astype(np.int64)
    return replace(place, reference_tick=cost, offer_tick=cost)


def monopolist(seed: int, mark_up: int) -> Island:
    """Row 0 is of half of all capacity, needed at every hour, and asks `mark_up` per cent above its cost."""
    rng = np.random.default_rng((seed, 6))
    place = plants(rng, int(rng.integers(3, 7)), 8_000, 14_000)
    capacity = place.capacity_w.copy()
    capacity[0] = int(capacity[1:].sum() * rng.uniform(0.6, 1.6))
    offer = place.offer_tick.copy()
    offer[0] = offer[0] * (100 + mark_up) // 100
    place = replace(place, capacity_w=capacity, offer_tick=offer, turnover=np.full(place.producers, 10**11))
    # Needed, but not all of it: else the price would be the cap whatever it asks.
    least = capacity[1:].sum() / capacity.sum()
    return drawn_upon(place, rng, min(0.97, 1.05 * least), 0.98)


def withholder(seed: int, kept: int) -> Island:
    """Row 0 is of half of all capacity, the cheapest and needed at every hour, and keeps `kept` per cent of it back."""
    rng = np.random.default_rng((seed, 7))
    place = plants(rng, int(rng.integers(3, 7)), 8_000, 14_000)
    capacity, cost = place.capacity_w.copy(), place.reference_tick.copy()
    capacity[0] = int(capacity[1:].sum() * rng.uniform(0.6, 1.6))
    cost[0] = rng.integers(3_000, 6_000)
    back = np.zeros_like(cost)
    back[0] = capacity[0] * kept // 100
    least = capacity[1:].sum() / capacity.sum()
    place = replace(
        place, capacity_w=capacity, reference_tick=cost, offer_tick=cost, kept_wh=back,
        turnover=np.full(place.producers, 10**11),
    )  # fmt: skip
    return drawn_upon(place, rng, min(0.97, 1.05 * least), 0.98)


def _of(rule: Rule, make: Callable[[int, Any], Island], *villains: int, **terms: int) -> Callable[[int, Any], World]:
    def draw(seed: int, strength: Any) -> World:
        place = make(seed, strength)
        innocent = place.producers - len(villains)
        rules = only(rule, (place.end_ms,), **terms)
        return World(known_of(place), rules, record_of(place), innocent * place.periods, villains)

    return draw


def _differs(make: Callable[[int, Any], Island]) -> Callable[[int, Any], bool]:
    """Compare one hour of a world with a whole run of that hour."""

    def differs(seed: int, strength: Any) -> bool:
        from wattbook import Regulator
        from wattbook.units import hours

        place = one_hour(make(seed, strength), seed % HOURS)
        said = inspect(known_of(place), only(Rule.GOUGING, (place.end_ms,)), record_of(place))
        run = as_scenario(place, regulator=Regulator(latency=hours(0), rules=["gouging"])).run(seed)
        rows = run.record.streams["commands"]
        mine = (rows["action"] >= Action.FIND) & (rows["action"] <= Action.COLLAR)
        heard = list(zip(*(rows[name][mine].tolist() for name in rows if name != "seq"), strict=True))
        spot = run.record.streams["spot"]["price_tick"].tolist()
        told = [tuple(int(value) for value in command) for command in said]
        return _without_seqs(heard) != _without_seqs(told) or spot != record_of(place)["spot"]["price_tick"].tolist()

    return differs


def one_hour(place: Island, hour: int) -> Island:
    """Cut one hour out of an island's day."""
    only_it = slice(hour, hour + 1)
    return replace(
        place, reference_tick=place.reference_tick[:, only_it], offer_tick=place.offer_tick[:, only_it],
        demand_wh=place.demand_wh[only_it], sold_ahead_wh=place.sold_ahead_wh[:, only_it],
        outside_tick=place.outside_tick[only_it],
    )  # fmt: skip


def _without_seqs(commands: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Leave out lines that name rows of the journal: a run's has other rows before them."""
    return [row for row in commands if row[2:4] != (Action.EVIDENCE, Item.EVENT)]


# --- systematic imbalance


def leaning(seed: int, bias: int, *, known_side: bool) -> World:
    """Draw two weeks of four balance groups, of which the last nominates `bias` per cent more than it expects to draw.

    All err by 3 % a day and 8 % an hour, and by up to 1 % for good. Who is long is paid the imbalance price: above
    spot, by a fifth, in four hours of five where the side is known, else in every second one.
    """
    rng = np.random.default_rng((seed, 8 + known_side))
    count, periods = 4, DAYS * HOURS
    load = rng.integers(20_000, 200_000, (count, 1)) * rng.uniform(0.6, 1.4, (1, periods))
    error = np.repeat(rng.normal(0, 0.03, (count, DAYS)), HOURS, axis=1) + rng.normal(0, 0.08, (count, periods))
    error += rng.uniform(-0.01, 0.01, (count, 1))
    error[-1] += bias / 100
    metered = load.astype(np.int64)
    nominated = (load * (1 + error)).astype(np.int64)
    spot = rng.integers(4_000, 12_000, periods)
    is_short = rng.random(periods) < (0.8 if known_side else 0.5)
    place = island([100], [5_000], 100, periods=periods)
    ends = np.repeat(START_MS + (np.arange(periods) + 1) * place.period_ms, count)
    rows = {
        "seq": np.arange(count * periods), "command": np.repeat(np.arange(periods), count),
        "period": np.repeat(np.arange(periods), count), "utility": np.tile(np.arange(count), periods),
        "nominated_wh": nominated.T.ravel(), "metered_wh": metered.T.ravel(),
        "deviation_wh": (metered - nominated).T.ravel(), "spot_tick": np.repeat(spot, count),
        "imbalance_tick": np.repeat(np.where(is_short, spot * 6 // 5, spot * 4 // 5), count),
        "time_ms": ends, "visible_ms": ends,
    }  # fmt: skip
    none = np.zeros(0, np.int64)
    known = replace(
        known_of(place), names=tuple(f"utility-{row}" for row in range(count)), kinds=("utility",) * count,
        suppliers=np.arange(count), retail_tick=np.full((count, periods), 30_000), customers={}, producers=none,
        plant_kinds=(), capacity_w=none, reference_tick=none.reshape(0, periods), turnover=np.zeros(count, np.int64),
        feed_in_tick=np.full((count, periods), 5_000),
    )  # fmt: skip
    villains = (count - 1,) if bias else ()
    rules = only(Rule.SYSTEMATIC_IMBALANCE, (place.end_ms,))
    return World(known, rules, {"groups": rows}, (count - len(villains)) * DAYS, villains)


HONEST: Final = (
    ("competition at cost", competitive),
    ("competition, asks at random", random_asks),
    ("scarcity at cost", scarce),
    ("fuel two to six times as dear", fuel_jump),
    ("scarcity, costs misjudged by 30 %", misjudged),
)
CASES: Final[dict[Rule, tuple[Case, ...]]] = {
    Rule.GOUGING: (
        *(Case(name, _of(Rule.GOUGING, make), differs_from_run=_differs(make)) for name, make in HONEST),
        Case(
            "monopolist above its cost by", _of(Rule.GOUGING, monopolist, 0), MARK_UPS, "%", sure_from=300,
            is_honest=False, differs_from_run=_differs(monopolist),
        ),
    ),
    Rule.WITHHOLDING: (
        *(Case(name, _of(Rule.WITHHOLDING, make)) for name, make in HONEST),
        Case(
            "needed plant keeps back", _of(Rule.WITHHOLDING, withholder, 0), KEPT, "%", sure_from=30, is_honest=False,
        ),
    ),
    Rule.SYSTEMATIC_IMBALANCE: (
        Case("errors of forecasts", partial(leaning, known_side=False)),
        Case("errors where the dear side is known", partial(leaning, known_side=True)),
        Case(
            "nominates too much by", partial(leaning, known_side=True), LEANS, "%", sure_from=20, is_honest=False,
        ),
    ),
    **BOOKS,
    **UTILITIES,
    **MARKETS,
}  # fmt: skip
"""Worlds by rule; a rule that is not among them is not measured."""
