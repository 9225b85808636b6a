"""Policies that do what no shipped one does, and streets at random for them: what engines are compared on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

import wattbook.market.stalls as stalls_room
import wattbook.world.world as world_room
from wattbook import LocalMarket, Scenario, trader
from wattbook.assets import Batteries, Battery, Forecast
from wattbook.journal import Journal
from wattbook.market.columns import empty_ring
from wattbook.market.setup import AuctionRules, MarketRules, SharingRules
from wattbook.market.stalls import count_stalls
from wattbook.messages import FOREVER, OUT_ACTION, OUT_BOOK, OUT_FLAGS, OUT_ORDER, OUT_PRICE, OUT_QUANTITY, OUT_SIDE
from wattbook.policies import (
    PERSONAS,
    Mind,
    closer,
    home,
    idle,
    market_maker,
    nominate,
    spoofer,
    truthful,
    wash_ring,
    zero_intelligence,
)
from wattbook.scenario import compile_street
from wattbook.units import eur_per_mwh, kw, kwh, minutes, seconds
from wattbook.world import Outlook, World

MINUTE_MS = 60_000


def clockwork(see, memory, draw, out):
    """Quote on the full minute, as many others do."""
    memory[0] += 1
    luck = draw(memory[0])
    if see.tradable:
        out[0, OUT_ACTION] = 1
        out[0, OUT_BOOK] = luck % 2
        out[0, OUT_SIDE] = 1 if luck % 3 == 0 else -1
        out[0, OUT_PRICE] = 10_000 + luck // 7 % 40 * 50
        out[0, OUT_QUANTITY] = 1 + luck // 11 % 300
        out[0, OUT_FLAGS] = 0 if luck % 5 else 1
    step = max(see.period_ms // 4 // MINUTE_MS, 1) * MINUTE_MS
    return step - see.now_ms % step


def restless(see, memory, draw, out):
    """Look again at once, twice, then sleep."""
    memory[0] += 1
    luck = draw(memory[0])
    if see.order and luck % 2:
        out[0, OUT_ACTION] = 3
        out[0, OUT_ORDER] = see.order
        out[0, OUT_PRICE] = 9_000 + luck % 2_000
        out[0, OUT_QUANTITY] = 1 + luck % 90
    elif see.tradable:
        out[0, OUT_ACTION] = 1
        out[0, OUT_SIDE] = 1 if luck % 2 else -1
        out[0, OUT_PRICE] = 9_000 + luck % 2_000
        out[0, OUT_QUANTITY] = 1 + luck % 90
    return 0 if memory[0] % 3 else see.period_ms // 2


def at_the_gate(see, memory, draw, out):
    """Come back exactly when the gate closes, and try to trade then as well."""
    memory[0] += 1
    luck = draw(memory[0])
    out[0, OUT_ACTION] = 1
    out[0, OUT_SIDE] = -1 if luck % 2 else 1
    out[0, OUT_PRICE] = 10_000 + luck % 900
    out[0, OUT_QUANTITY] = 1 + luck % 50
    return see.gate_ms - see.now_ms if see.gate_ms > see.now_ms else FOREVER


def wild(see, memory, draw, out):
    """Ask for anything."""
    memory[0] += 1
    for row in range(draw(memory[0]) % 9):
        if row < 8:
            luck = draw(1_000 * memory[0] + row)
            out[row, OUT_ACTION] = luck % 11 if luck % 13 else 200 - luck % 400
            out[row, OUT_BOOK] = luck // 3 % 4 - 1
            out[row, OUT_SIDE] = luck // 5 % 4 - 2
            out[row, OUT_PRICE] = luck // 7 % 70_000 - 10_000
            out[row, OUT_QUANTITY] = luck // 11 % 400 - 20
            out[row, OUT_FLAGS] = luck // 13 % 34 - 1
            out[row, OUT_ORDER] = see.order if luck % 2 else luck // 17 % 60
    return see.period_ms // 5 + draw(memory[0]) % (2 * see.period_ms)


def sleeper(see, memory, draw, out):
    """Look once, trade, and sleep for longer than a turn of the wheel."""
    memory[0] += 1
    luck = draw(memory[0])
    if see.tradable:
        out[0, OUT_ACTION] = 1
        out[0, OUT_SIDE] = 1 if luck % 2 else -1
        out[0, OUT_PRICE] = 10_000 + luck % 500
        out[0, OUT_QUANTITY] = 1 + luck % 70
    return 40 * 60 * MINUTE_MS + luck % 1_000


def fragile(see, memory, draw, out):
    """Break sooner or later."""
    memory[0] += 1
    if see.tradable:
        out[0, OUT_ACTION] = 1
        out[0, OUT_SIDE] = 1
        out[0, OUT_PRICE] = 10_500
        out[0, OUT_QUANTITY] = 20
    return see.period_ms // (draw(memory[0]) % 12)


def answering(see, memory, draw, out):
    """Put up a new offer as soon as the old one is gone."""
    memory[0] += 1
    if see.tradable and not see.order and memory[0] < 400:
        out[0, OUT_ACTION] = 1
        out[0, OUT_SIDE] = -1 if draw(memory[0]) % 2 else 1
        out[0, OUT_PRICE] = 10_000 + draw(memory[0]) % 1_500
        out[0, OUT_QUANTITY] = 1 + draw(memory[0]) % 40
    return see.period_ms // 2 + 11


def spoken(policy):
    """Make a policy that numba does not understand."""

    def uncompiled(see, memory, draw, out):
        return {"delay": policy(see, memory, draw, out)}["delay"]

    return uncompiled


COMPILED = (clockwork, restless, at_the_gate, wild, fragile, answering)
TRADERS = ("zip", "gd", "aa", "sniper", "shaver", "zi-c", "zi-u", "truthful")
SPOKEN = tuple(spoken(policy) for policy in COMPILED)


class Traits(NamedTuple):
    """What occurs in a random world."""

    listener: bool
    ties: bool
    sleeps: bool
    gate: bool
    battery: bool
    independent: bool
    policies: frozenset
    mechanism: str


def mechanism_of(seed, periods, period_ms, agents):
    """Draw how neighbours come to each other's energy: its name and the rules that it adds to the market's."""
    rng = np.random.default_rng((seed, 1))
    price = tuple(int(tick) for tick in rng.integers(8_000, 16_000, periods))
    at = rng.random()
    if at < 0.6:
        return "continuous", {}
    if at < 0.9:
        every_ms = int(rng.choice([0, period_ms // 3, period_ms, 2 * period_ms + 7]))
        auction = AuctionRules(price, every_ms, bool(rng.random() < 0.4), bool(rng.random() < 0.5))
        return "call", {"auction": auction}
    name = str(rng.choice(["mid-market-rate", "static-key", "dynamic-key"]))
    return "sharing", {"sharing": SharingRules(name, price, tuple(int(key) for key in rng.integers(1, 9, agents)))}


def laboratory(seed, rng):
    """Draw a laboratory market, where shipped traders can act; its traits, street and worlds as `draft` gives them."""
    turns = str(rng.choice(["clock", "random", "random", "reaction"]))
    answers = turns == "random" and bool(rng.random() < 0.4)
    traders = int(rng.integers(4, 9))
    drawn = [TRADERS[int(number)] for number in rng.choice(len(TRADERS), traders, replace=False)]
    options = {"turns": turns, "answers": answers, "district": bool(rng.random() < 0.5) and not answers}
    if not answers:
        options |= {"improve": bool(rng.random() < 0.5), "clear_after_trade": bool(rng.random() < 0.5)}
    if turns != "clock":
        options |= {"failed_shouts": int(rng.integers(20, 60)), "session_days": int(rng.choice([0, 3]))}
    scenario = Scenario(
        start="2016-06-06", days=1, hours=1, timezone="UTC",
        agents=[
            trader(f"trader-{i}", "buy" if i % 2 else "sell", policy=policy,
                   value=eur_per_mwh(100 + 20 * (i % 2) + int(rng.integers(90))),
                   feeder=f"feeder-{int(rng.integers(1, 3))}" if options["district"] else "feeder-1",
                   reaction=seconds(int(rng.integers(1, 9)) / 2) if turns == "reaction" else None)
            for i, policy in enumerate(drawn)
        ],
        local=LocalMarket(
            period=minutes(30 if turns == "clock" else 2), closes_before=minutes(0), cap=eur_per_mwh(400),
            step=eur_per_mwh(1), **options,
        ),
    )  # fmt: skip
    compiled = compile_street(scenario, seed)

    def make(engine, threads=None):
        return World(compiled.street, compiled.minds, compiled.outlook, seed, engine=engine, threads=threads)

    used = frozenset(mind.policy.__name__ for mind in compiled.minds)
    return Traits(False, False, False, False, False, False, used, "laboratory"), compiled.street, make


def draft(seed, make_street, monkeypatch):
    """Draw a street and its minds; give its traits and a function that makes a world of them with an engine."""
    if (test := np.random.default_rng((seed, 3))).random() < 0.08:
        return laboratory(seed, test)
    rng = np.random.default_rng(seed)
    sleeps = bool(rng.random() < 0.3)
    period_ms = 12 * 60 * MINUTE_MS if sleeps else int(rng.choice([5, 15, 30])) * MINUTE_MS
    periods = int(rng.integers(6, 10)) if sleeps else int(rng.integers(4, 20))
    homes = int(rng.integers(3, 10))
    feeders = int(rng.integers(1, 3))
    has_district = bool(rng.random() < 0.7)
    if (other := np.random.default_rng((seed, 2))).random() < 0.4:
        feeders, has_district = int(other.integers(2, 6)), False
    minds, battery, used = {}, {}, set()
    listener = bool(rng.random() < 0.4)
    traits = {"ties": False, "gate": False}
    for i in range(homes):
        name = f"home-{i:02d}"
        at = int(rng.integers(0, 16))
        if at < 4:
            policy = COMPILED[int(rng.integers(len(COMPILED)))]
            mind = Mind(
                policy, policy.__name__, look_ahead_ms=int(rng.integers(1, 5)) * period_ms, listens=policy is answering
            )
        elif at < 6:
            which = int(rng.integers(len(SPOKEN)))
            policy = COMPILED[which]
            mind = Mind(SPOKEN[which], "spoken", look_ahead_ms=2 * period_ms, listens=bool(rng.random() < 0.3))
        elif at == 6:
            policy, mind = sleeper, Mind(sleeper, "sleeper", look_ahead_ms=0)
        else:
            persona = list(PERSONAS)[int(rng.integers(len(PERSONAS)))]
            shipped = (truthful(), zero_intelligence(True, period_ms // 4), zero_intelligence(False, period_ms // 4))
            foul = (spoofer(), wash_ring(int(rng.integers(3))), closer())
            mind = (*shipped, idle(), home(persona), *foul, market_maker())[at - 7]
            policy = mind.policy
        traits["ties"] |= policy is clockwork
        traits["gate"] |= policy is at_the_gate
        used.add(getattr(policy, "__name__", "?"))
        minds[name] = mind
        battery[name] = Battery(kwh(int(rng.integers(1, 6))), kw(2)) if rng.random() < 0.4 else None
    if listener:
        minds["home-00"] = Mind(SPOKEN[COMPILED.index(answering)], "spoken", look_ahead_ms=3 * period_ms, listens=True)
    if rng.random() < 0.2:
        minds["home-01"] = None
    if sleeps:
        minds["home-02"] = Mind(sleeper, "sleeper", look_ahead_ms=0)
    names = sorted([*minds, "u-blue"])
    minds["u-blue"] = nominate() if rng.random() < 0.8 else Mind(wild, "wild")
    used.add(minds["u-blue"].policy.__name__)
    supplier = names.index("u-blue")
    load = rng.integers(0, 300, (len(names), periods)) * np.array([[name != "u-blue"] for name in names])
    generation = load[::-1] * rng.integers(0, 4, (len(names), 1)) * np.array([[name != "u-blue"] for name in names])
    start_ms = 1_465_164_000_000
    # Gates open some periods ahead, several at a time, but never after they close.
    lead = np.maximum.accumulate(np.arange(periods) - rng.integers(2, 2 + periods, periods))
    opens = start_ms + (lead if not sleeps or seed % 2 else np.full(periods, -1)) * period_ms
    mechanism, more = mechanism_of(seed, periods, period_ms, len(names))
    rules = MarketRules(
        int(rng.choice([0, 300_000])), 0, 50_000, int(rng.choice([1, 10])),
        str(rng.choice(["off", "cancel-newest", "cancel-oldest", "cancel-both", "decrement"])),
        int(rng.choice([3, 1_000])), 10**9, **more,
    )  # fmt: skip
    street = make_street(
        names,
        feeder=[-1 if name == "u-blue" else int(rng.integers(feeders)) for name in names[:-1]] + [-1],
        utility=[supplier if name != "u-blue" else -1 for name in names],
        feeders=tuple(f"feeder-{i + 1}" for i in range(feeders)),
        periods=periods,
        period_ms=period_ms,
        load=load,
        generation=generation,
        retail={supplier: 16_000},
        feed_in={supplier: 8_000},
        battery=Batteries.of([battery.get(name) for name in names]),
        opens_ms=opens.astype(np.int64),
        credit_limit=np.full(len(names), int(rng.choice([10**9, 10**12])), np.int64),
        sell_limit_wh=np.full(len(names), int(rng.choice([300, 100_000])), np.int64),
        has_district=has_district,
        market=None if rng.random() < 0.05 else rules,
    )
    # Small chunks and a small ring, so that kernels run short of room.
    rows = int(rng.choice([1, 3, 50, 1 << 16]))
    monkeypatch.setattr(world_room, "Journal", lambda *given: Journal(*given, chunk_rows=rows))
    monkeypatch.setattr(stalls_room, "empty_ring", lambda length=2: empty_ring(length))
    every_ms = int(rng.choice([2, 6, 12])) * 60 * MINUTE_MS if sleeps else int(rng.choice([2, 15, 60])) * MINUTE_MS
    outlook = Outlook(
        Forecast(str(rng.choice(["martingale", "oracle", "persistence"])), update_every=every_ms), load, generation
    )

    def make(engine, threads=None):
        return World(street, [minds[name] for name in names], outlook, seed, engine=engine, threads=threads)

    listens = any(mind is not None and mind.listens and mind.name == "spoken" for mind in minds.values())
    battery_there = any(battery.values())
    found = Traits(
        listens,
        traits["ties"],
        sleeps,
        traits["gate"],
        battery_there,
        count_stalls(street) > 1,
        frozenset(used),
        mechanism,
    )
    return found, street, make
