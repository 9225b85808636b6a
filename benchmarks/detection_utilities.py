"""The worlds that detection of utilities, and of prices in an emergency, is measured on.

Owns the registry `UTILITIES`. Utilities buy a part ahead and the rest at spot, and set a tariff each week by what
energy cost them so far; producers ask once a day, at noon before.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from wattbook.contracts.words import Event
from wattbook.messages import SELL, Action
from wattbook.oversight import Rule
from wattbook.regulator import RECORD
from wattbook.units import MS_PER_HOUR

from .detection_kinds import Case, World, only
from .islands import START_MS, island, known_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from wattbook.regulator import Known

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Spot = Callable[[np.random.Generator, int], Floats]

COUNT: Final = 3
HOURS: Final = 24
WEEK: Final = 7 * HOURS
PERIODS: Final = 2 * WEEK
SHARES: Final = (60, 80, 90, 95, 100, 105, 110, 120, 150)
RAISES: Final = (0, 5, 8, 10, 12, 15, 20, 30, 50)
BOUGHT_OUT: Final = (0, 20, 40, 45, 50, 55, 60, 80, 100)
MWH: Final = 1_000_000


def laid_out(stream: str, time_ms: Ints, late_ms: int, **given: Any) -> dict[str, Ints]:
    """Give rows of the record, in the order of time; columns that are not given are 0."""
    order = np.argsort(time_ms, kind="stable")
    none = np.zeros(len(order), np.int64)
    columns = {name: np.asarray(given.get(name, none), np.int64)[order] for name in RECORD[stream]}
    return columns | {"seq": np.arange(len(order)), "time_ms": time_ms[order], "visible_ms": time_ms[order] + late_ms}


def end_of(known: Known) -> int:
    """When the last period is over [ms UTC]."""
    return known.start_of(known.periods)


# --- prices at spot, in EUR/MWh


def calm(rng: np.random.Generator, periods: int) -> Floats:
    """40 to 90 on the mean, dearer by day, 15 % from day to day and 10 % from hour to hour."""
    by_day = np.repeat(rng.normal(0, 0.15, -(-periods // HOURS)), HOURS)[:periods]
    by_clock = 1 + 0.25 * np.sin((np.arange(periods) % HOURS - 8) * np.pi / 12)
    return np.asarray(rng.uniform(40, 90) * by_clock * np.exp(by_day + rng.normal(0, 0.1, periods)))


def spiky(rng: np.random.Generator, periods: int) -> Floats:
    """Calm, but for 3 hours of 100 in which a MWh is three to ten times as dear."""
    times = np.where(rng.random(periods) < 0.03, rng.uniform(3, 10, periods), 1)
    return calm(rng, periods) * times


def fuel_jump(rng: np.random.Generator, periods: int) -> Floats:
    """Calm, and from some day after the second on everything costs 1.5 to 3 times as much."""
    since = HOURS * int(rng.integers(2, periods // HOURS - 2))
    return calm(rng, periods) * np.where(np.arange(periods) >= since, rng.uniform(1.5, 3), 1)


def emergency(rng: np.random.Generator, periods: int) -> Floats:
    """Calm, and in some days of the second week 6 hours at 600 to 2,000."""
    price = calm(rng, periods)
    for day in np.arange(7, 10):
        price[day * HOURS + rng.choice(HOURS, 6, replace=False)] = rng.uniform(600, 2_000, 6)
    return price


# --- utilities


class Town(NamedTuple):
    """What some utilities sold and bought.

    Attributes
    ----------
    spot_tick : (p,) int64
    forward_tick : (u,) int64
        What each signed ahead for.
    ahead : (u, 1) float64
        Share of its load that it bought so.
    load_wh, missing_wh : (u, p) int64
        What customers drew, and how much of that was not nominated.
    """

    spot_tick: Ints
    forward_tick: Ints
    ahead: Floats
    load_wh: Ints
    missing_wh: Ints

    @property
    def cost_tick(self) -> Floats:
        """What a MWh cost each in each period."""
        return np.asarray(self.ahead * self.forward_tick[:, None] + (1 - self.ahead) * self.spot_tick)


def town(rng: np.random.Generator, spot: Spot) -> Town:
    """Draw utilities: half to nine tenths bought at 90 to 130 % of what spot cost at first, loads missed by 5 %."""
    price = (100 * spot(rng, PERIODS)).astype(np.int64)
    at_first = np.median(price[: 2 * HOURS])
    load = rng.integers(20_000, 200_000, (COUNT, 1)) * rng.uniform(0.6, 1.4, (1, PERIODS))
    return Town(
        spot_tick=price, forward_tick=(at_first * rng.uniform(0.9, 1.3, COUNT)).astype(np.int64),
        ahead=rng.uniform(0.5, 0.9, (COUNT, 1)), load_wh=load.astype(np.int64),
        missing_wh=(load * rng.normal(0, 0.05, (COUNT, PERIODS))).astype(np.int64),
    )  # fmt: skip


def expected(rng: np.random.Generator, cost: Floats) -> Floats:
    """Give what each utility takes a MWh to cost, by week: the mean so far; at first that of two days, within 10 %."""
    first = np.median(cost[:, : 2 * HOURS], axis=1, keepdims=True) * rng.uniform(0.9, 1.1, (len(cost), 1))
    return np.repeat(np.hstack([first, cost[:, :WEEK].mean(axis=1, keepdims=True)]), WEEK, axis=1)


def known_utilities(count: int, periods: int, **given: Any) -> Known:
    """Give what is known of utilities alone."""
    place, none = island([100], [5_000], 100, periods=periods), np.zeros(0, np.int64)
    return replace(
        known_of(place), names=tuple(f"utility-{row}" for row in range(count)), kinds=("utility",) * count,
        feeder=np.full(count, -1), utility=np.full(count, -1), suppliers=np.arange(count),
        retail_tick=np.full((count, periods), 20_000), feed_in_tick=np.full((count, periods), 5_000),
        customers=dict.fromkeys(range(count), 1_000), producers=none, plant_kinds=(), capacity_w=none,
        reference_tick=none.reshape(0, periods), turnover=np.full(count, 10**11), **given,
    )  # fmt: skip


def books_of(place: Town, retail_tick: Any, set_ms: Ints) -> dict[str, dict[str, Ints]]:
    """Lay out what utilities bought and sold, and which tariffs (u, p) they set when (p,)."""
    count, periods = place.load_wh.shape
    agent, period = np.tile(np.arange(count), periods), np.repeat(np.arange(periods), count)
    ends = START_MS + (period + 1) * MS_PER_HOUR
    load, missing = place.load_wh.T.ravel(), place.missing_wh.T.ravel()
    ahead_wh = (load * place.ahead.ravel()[agent]).astype(np.int64)
    spot = place.spot_tick[period]
    return {
        "contracts": laid_out(
            "contracts", ends, 0, event=np.full(len(ends), int(Event.DELIVERED)), contract=agent + 1, buyer=agent,
            seller=np.full(len(ends), -1), price_tick=place.forward_tick[agent], quantity_wh=ahead_wh,
        ),
        "served": laid_out(
            "served", ends, 0, period=period, agent=agent, customers=np.full(len(ends), 1_000), energy_wh=load
        ),
        "tariffs": laid_out(
            "tariffs", set_ms[period], 1, period=period, agent=agent, retail_tick=np.asarray(retail_tick).T.ravel(),
            feed_in_tick=np.full(len(ends), 5_000),
        ),
        "spot": laid_out(
            "spot", START_MS + (np.arange(periods) // HOURS * HOURS - 12) * MS_PER_HOUR, 1, period=np.arange(periods),
            price_tick=place.spot_tick,
        ),
        "groups": laid_out(
            "groups", ends, 0, period=period, utility=agent, nominated_wh=load - missing, metered_wh=load,
            deviation_wh=missing, spot_tick=spot, imbalance_tick=np.where(missing > 0, spot * 11 // 10, spot * 9 // 10),
        ),
    }  # fmt: skip


def weekly() -> Ints:
    """When each period's tariff was set: an hour before its week."""
    return np.asarray(START_MS + (np.arange(PERIODS) // WEEK * WEEK - 1) * MS_PER_HOUR)


def honest_tariffs(seed: int, _: Any, *, rule: Rule, spot: Spot) -> World:
    """Draw utilities that ask 40 to 120 EUR/MWh above what they take energy to cost."""
    rng = np.random.default_rng((seed, 20))
    place = town(rng, spot)
    asked = expected(rng, place.cost_tick) + rng.uniform(4_000, 12_000, (COUNT, 1))
    known = known_utilities(COUNT, PERIODS)
    # The first day tells too little to be judged by.
    judged = COUNT * (PERIODS - HOURS)
    return World(known, only(rule, (end_of(known),)), books_of(place, asked.astype(np.int64), weekly()), judged)


def dear_tariffs(seed: int, share: int, *, rule: Rule) -> World:
    """Draw the same, of whom the last asks `share` per cent of the mark-up that its rule allows on what it expects."""
    rng = np.random.default_rng((seed, 21))
    place = town(rng, calm)
    cost = expected(rng, place.cost_tick)
    asked = cost + rng.uniform(4_000, 12_000, (COUNT, 1))
    if rule == Rule.RETAIL_MARK_UP:
        asked[-1] = cost[-1] + share * np.clip(cost[-1], 15_000, 30_000) / 100
    else:
        benchmark = expected(rng, place.spot_tick[None, :].astype(np.float64))[0]
        asked[-1] = benchmark + share * (15_000 + benchmark / 10) / 100
    known = known_utilities(COUNT, PERIODS)
    record = books_of(place, asked.astype(np.int64), weekly())
    return World(known, only(rule, (end_of(known),)), record, (COUNT - 1) * (PERIODS - HOURS), (COUNT - 1,))


def tariffs_in_emergency(seed: int, raised: int, *, honest: bool) -> World:
    """Draw utilities that set their tariffs anew in an emergency, up to 8 % higher; the last by `raised`."""
    rng = np.random.default_rng((seed, 22))
    place = town(rng, emergency)
    before = rng.integers(12_000, 25_000, (COUNT, 1))
    more = rng.uniform(0, 0.08, (COUNT, 1))
    if not honest:
        more[-1] = raised / 100
    since = int(rng.integers(8 * HOURS, 11 * HOURS))
    in_force = np.arange(PERIODS) >= since
    asked = (before * (1 + more * in_force)).astype(np.int64)
    # Utilities whose energy became dearer may ask for that; here nearly all of it was bought ahead.
    place = place._replace(ahead=np.full((COUNT, 1), 0.99))
    known = known_utilities(COUNT, PERIODS)
    set_ms = np.where(in_force, START_MS + (since - 1) * MS_PER_HOUR, START_MS - MS_PER_HOUR)
    villains = () if honest else (COUNT - 1,)
    rules = only(Rule.EMERGENCY, (end_of(known),))
    return World(known, rules, books_of(place, asked, set_ms), (COUNT - len(villains)) * (PERIODS - since), villains)


# --- asks in an emergency


def asks(seed: int, raised: int, *, honest: bool, jump: bool = False) -> World:
    """Draw producers that ask their cost and a margin, give or take 1.5 %; the last one more in an emergency.

    With a jump of fuel costs, which indices tell, each asks its cost and the same margin, and nothing beside that.
    """
    rng = np.random.default_rng((seed, 23 + jump))
    count, day = int(rng.integers(3, 7)), np.arange(PERIODS) // HOURS
    cost = np.repeat(rng.uniform(3_000, 12_000, (count, 1)), PERIODS, axis=1)
    margin = np.floor(cost[:, :1] * rng.uniform(0, 0.2, (count, 1)))
    times = rng.uniform(1.5, 4, (count, 1)) if jump else 1
    cost = np.floor(cost * np.where(day >= rng.integers(8, 12), times, 1))
    asked = cost + margin
    if not jump:
        asked *= 1 + np.repeat(rng.normal(0, 0.015, (count, PERIODS // HOURS)), HOURS, axis=1)
    if not honest:
        # That there is an emergency is known from the prices of day 7, which came about at noon before.
        asked[-1, day >= 8] *= 1 + raised / 100
    villains = () if honest else (count - 1,)
    known = known_producers(cost.astype(np.int64))
    rules = only(Rule.EMERGENCY, (end_of(known),))
    record = sales_of(asked.astype(np.int64), (100 * emergency(rng, PERIODS)).astype(np.int64))
    return World(known, rules, record, (count - len(villains)) * 6 * HOURS, villains)


def known_producers(cost_tick: Ints) -> Known:
    """Give what is known of plants of 100 kW, whose indices tell the truth."""
    count, periods = cost_tick.shape
    place = island([100] * count, cost_tick[:, 0], 100, periods=periods)
    return replace(known_of(place), reference_tick=cost_tick, turnover=np.full(count + 1, 10**11))


def sales_of(asked_tick: Ints, spot_tick: Ints) -> dict[str, dict[str, Ints]]:
    """Lay out asks of 100 kWh for each period; who asked no more than the price sold all."""
    count, periods = asked_tick.shape
    agent, period = np.tile(np.arange(count), periods), np.repeat(np.arange(periods), count)
    noon = START_MS + (np.arange(periods) // HOURS * HOURS - 12) * MS_PER_HOUR
    asked, size = asked_tick.T.ravel(), len(agent)
    sold_wh = np.where(asked <= spot_tick[period], 100_000, 0)
    return {
        "commands": laid_out(
            "commands", noon[period] - 1, 1, agent=agent, action=np.full(size, int(Action.OFFER)), period=period,
            side=np.full(size, SELL), price_tick=asked, quantity_wh=np.full(size, 100_000),
        ),
        "spot": laid_out("spot", noon, 1, period=np.arange(periods), price_tick=spot_tick),
        "positions": laid_out(
            "positions", START_MS + (period + 1) * MS_PER_HOUR, 0, period=period, agent=agent, spot_wh=-sold_wh,
            metered_wh=-sold_wh,
        ),
    }  # fmt: skip


# --- quotas


def quotas(seed: int, bought_out: int, *, honest: bool) -> World:
    """Draw four dates at which utilities owe 5 to 30 % of what they sold, foreseen to 10 %, in guarantees of a MWh.

    All want to cover 70 to 100 % of it; the last all but `bought_out` per cent.
    """
    rng = np.random.default_rng((seed, 25))
    quota, dates = rng.uniform(0.05, 0.3, COUNT), 4
    owed = rng.uniform(200, 5_000, (COUNT, dates)) * quota[:, None]
    meant = np.repeat(rng.uniform(0.7, 1, (COUNT, 1)), dates, axis=1)
    if not honest:
        meant[-1] = 1 - bought_out / 100
    covered = np.minimum(np.floor(owed * meant * rng.normal(1, 0.1, owed.shape).clip(0.7, 1.3)), np.floor(owed)) * MWH
    known = known_utilities(
        COUNT, PERIODS, quota_ppm={row: int(1_000_000 * share) for row, share in enumerate(quota)}
    )  # fmt: skip
    agent, date = np.tile(np.arange(COUNT), dates), np.repeat(np.arange(dates), COUNT)
    at_ms = START_MS + (date + 1) * (PERIODS // dates) * MS_PER_HOUR
    done = covered.T.ravel().astype(np.int64)
    short = (owed * MWH).astype(np.int64).T.ravel() - done
    events = {
        event: {"event": np.full(len(agent), int(event)), "command": date, "buyer": agent, "quantity_wh": wh}
        for event, wh in ((Event.COMPLIED, done), (Event.BOUGHT_OUT, short))
    }
    both = {name: np.concatenate([each[name] for each in events.values()]) for name in events[Event.COMPLIED]}
    rows = laid_out("contracts", np.tile(at_ms, 2), 0, amount=6_000 * both["quantity_wh"], **both)
    villains = () if honest else (COUNT - 1,)
    rules = only(Rule.QUOTA_BREACH, (end_of(known),))
    return World(known, rules, {"contracts": rows}, (COUNT - len(villains)) * dates, villains)


def _tariffs(rule: Rule, sure_from: int) -> tuple[Case, ...]:
    spots = (
        ("tariffs by cost", calm), ("tariffs by cost, price spikes", spiky),
        ("tariffs by cost, fuel twice as dear", fuel_jump),
    )  # fmt: skip
    honest = [Case(name, partial(honest_tariffs, rule=rule, spot=spot)) for name, spot in spots]
    dear = Case(
        "asks of what is allowed", partial(dear_tariffs, rule=rule), SHARES, "%", sure_from=sure_from, is_honest=False
    )  # fmt: skip
    return (*honest, dear)


UTILITIES: Final[dict[Rule, tuple[Case, ...]]] = {
    Rule.RETAIL_MARK_UP: _tariffs(Rule.RETAIL_MARK_UP, 120),
    Rule.DEFAULT_TARIFF_CAP: _tariffs(Rule.DEFAULT_TARIFF_CAP, 120),
    Rule.EMERGENCY: (
        Case("asks as before", partial(asks, honest=True)),
        Case("asks at cost, fuel 1.5 to 4 times as dear", partial(asks, honest=True, jump=True)),
        Case("tariffs up to 8 % higher", partial(tariffs_in_emergency, honest=True)),
        Case("asks more by", partial(asks, honest=False), RAISES, "%", sure_from=20, is_honest=False),
        Case(
            "tariff higher by", partial(tariffs_in_emergency, honest=False), RAISES, "%", sure_from=20,
            is_honest=False,
        ),
    ),
    Rule.QUOTA_BREACH: (
        Case("covers 70 to 100 %, as foreseen", partial(quotas, honest=True)),
        Case("buys itself out of", partial(quotas, honest=False), BOUGHT_OUT, "%", sure_from=60, is_honest=False),
    ),
}  # fmt: skip
"""Worlds by rule."""
