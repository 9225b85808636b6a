"""The worlds of order books that detection is measured on: streets that trade honestly, and what is put on among them.

Each is a street of 30 homes over six hours of quarters, written down without a run. A villain draws all that it does
before it is known how far it goes, so that one seed is one street at every strength.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wattbook.messages import BUY, SELL
from wattbook.oversight import Rule
from wattbook.units import QUANTA_PER_EUR

from .detection_kinds import Case, World, only
from .tape import AGENTS, PERIOD_MS, START_MS, Tape, place

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wattbook.regulator import Known

    Scene = Callable[[Tape, int, np.random.Generator], None]

PRODUCTS: Final = range(6, 30)
PERIODS: Final = 40
EVERYBODY: Final = range(AGENTS)
FAIR_TICK: Final = 10_000
TURNOVER: Final = 100 * QUANTA_PER_EUR
RINGS: Final = (50, 75, 80, 85, 90, 95, 100)
LAYERED: Final = (0, 10, 20, 30, 40, 50, 75, 100)
MARKED: Final = (0, 2, 4, 6, 8, 12, 16, 24)


# --- what one does in a product


def ring(
    tape: Tape, members: Sequence[int], quantity: int = 300, period: int = 10, before: float = 20.0,
    step: float = 2.0, slip: int = 0,
) -> None:  # fmt: skip
    """Pass energy round once, every `step` minutes; each pass after the first loses `slip`."""
    for at, seller in enumerate(members):
        buyer = members[(at + 1) % len(members)]
        tape.trade(seller, buyer, quantity - (slip if at else 0), period, before - at * step)


def quotes(tape: Tape, period: int) -> None:
    """Let two others stand ready around 100 EUR/MWh."""
    tape.submit(20, BUY, 9_500, 50, period, 50.0)
    tape.submit(21, SELL, 10_500, 50, period, 50.0)


def spoof(
    tape: Tape, agent: int, period: int, shown: int = 2_000, sold: int = 200, side: int = SELL, price: int = 10_200,
    before: float = 20.0, after: float = 1.0,
) -> None:  # fmt: skip
    """Show a large order, fill on the other side, take it away `after` minutes later."""
    layer = tape.submit(agent, -side, 9_600 if side == SELL else 10_400, shown, period, before)
    real = tape.submit(agent, side, price, sold, period, before - 1)
    tape.fill(real, sold, before - 2)
    tape.cancel(layer, before - 2 - after)


def make_market(
    tape: Tape, agent: int, period: int, rng: np.random.Generator, size: int = 400,
    takers: Sequence[int] = (AGENTS - 1,),
) -> None:  # fmt: skip
    """Quote both sides, be met at random, take both down and put both up again; leave before the gate."""
    before = 50.0
    while before > 3:
        fair = FAIR_TICK + int(rng.integers(-300, 300))
        orders = [tape.submit(agent, side, fair - side * 400, size, period, before) for side in (BUY, SELL)]
        before -= float(rng.uniform(0.5, 3))
        if rng.random() < 0.5:
            tape.fill(orders[int(rng.integers(2))], int(rng.integers(1, size)), before, _other(rng, takers, agent))
        before -= float(rng.uniform(0.1, 1))
        for order in orders:
            if tape.left(order):
                tape.cancel(order, before)


def trade_before(tape: Tape, period: int, prices: Sequence[int] = (9_800, 10_000, 10_200)) -> None:
    """Let others trade before the last minutes."""
    for at, price in enumerate(prices):
        tape.trade(10 + at, 20 + at, 100, period, 40.0 - at, price)


def mark(
    tape: Tape, agent: int, period: int, price: int = 11_000, side: int = BUY, quantity: int = 50, before: float = 1.0
) -> None:
    """Take what another home asks or bids, shortly before the gate."""
    seller, buyer = (15, agent) if side == BUY else (agent, 15)
    tape.trade(seller, buyer, quantity, period, before, price, side)


def at_random(tape: Tape, period: int, rng: np.random.Generator, orders: int = 16) -> None:
    """Let anybody buy or sell anything around 100 EUR/MWh, be met in parts or not, take the rest back or not."""
    for _ in range(orders):
        agent, side, before = int(rng.integers(AGENTS)), _side(rng), float(rng.uniform(5, 55))
        price = FAIR_TICK - side * int(rng.integers(50, 1_500))
        order = tape.submit(agent, side, price, int(rng.integers(50, 900)), period, before)
        for _ in range(int(rng.integers(3))):
            before *= float(rng.uniform(0.2, 1))
            if tape.left(order):
                tape.fill(order, int(rng.integers(tape.left(order))) + 1, before, _other(rng, EVERYBODY, agent))
        if tape.left(order) and rng.random() < 0.7:
            tape.cancel(order, before * float(rng.random()))


def quote_anew(tape: Tape, agent: int, period: int, rng: np.random.Generator) -> None:
    """Move an order closer to the others again and again; one time in five the forecast turns, and so does the side."""
    side, before, limit, wanted = _side(rng), float(rng.uniform(30, 55)), 1_500, int(rng.integers(200, 2_000))
    while before > 3:
        order = tape.submit(agent, side, FAIR_TICK - side * limit, wanted, period, before)
        before -= float(rng.uniform(1, 6))
        if rng.random() < 0.3:
            tape.fill(order, int(rng.integers(wanted)) + 1, before, _other(rng, EVERYBODY, agent))
        wanted, limit = tape.left(order), limit * 4 // 5
        if not wanted:
            return
        tape.cancel(order, before - float(rng.uniform(0, 0.5)))
        before -= 0.5
        side = -side if rng.random() < 0.2 else side


def trade_last(tape: Tape, agent: int, period: int, rng: np.random.Generator) -> None:
    """Take what is missing in the last five minutes, at what is asked or bid by then."""
    side, price = _side(rng), int(rng.integers(8_500, 11_500))
    tape.fill(
        tape.submit(_other(rng, EVERYBODY, agent), -side, price, 900, period, 30.0), int(rng.integers(50, 900)),
        float(rng.uniform(0.1, 5)), agent,
    )  # fmt: skip


def _side(rng: np.random.Generator) -> int:
    return BUY if rng.random() < 0.5 else SELL


def _other(rng: np.random.Generator, agents: Sequence[int], than: int) -> int:
    """Draw one of the agents that is not this one."""
    while True:
        agent = agents[int(rng.integers(len(agents)))]
        if agent != than:
            return agent


# --- honest streets


def homes(tape: Tape, period: int, rng: np.random.Generator) -> None:
    """All trade at random."""
    at_random(tape, period, rng, 32)


def quoters(tape: Tape, period: int, rng: np.random.Generator) -> None:
    """Ten homes move their orders all the time."""
    at_random(tape, period, rng, 8)
    for agent in range(10):
        quote_anew(tape, agent, period, rng)


def makers(tape: Tape, period: int, rng: np.random.Generator) -> None:
    """Three make the market."""
    at_random(tape, period, rng, 8)
    for agent in range(3):
        make_market(tape, agent, period, rng, int(rng.integers(100, 1_000)), EVERYBODY)


def latecomers(tape: Tape, period: int, rng: np.random.Generator) -> None:
    """Four take in the last minutes, half the time each."""
    at_random(tape, period, rng)
    for agent in range(4):
        if rng.random() < 0.5:
            trade_last(tape, agent, period, rng)


# --- villains


def washers(seed: int, back: int) -> World:
    """Two to six pass energy round in half of the products and get `back` per cent of it back, 10 % more or less."""
    rng, tape = np.random.default_rng((seed, 20)), Tape()
    members = range(int(rng.integers(2, 7)))
    for period in PRODUCTS:
        at_random(tape, period, rng)
        quantity, share = int(rng.integers(200, 600)), min(1.0, back / 100 + float(rng.uniform(-0.1, 0.1)))
        before, step = float(rng.uniform(12, 50)), float(rng.uniform(0.2, 2))
        if rng.random() < 0.5:
            ring(tape, members, quantity, period, before, step, quantity - int(quantity * share))
    return _world(Rule.WASH_TRADES, tape, tuple(members))


def spoofer(seed: int, share: int) -> World:
    """Home 0 makes the market, and in `share` per cent of products it layers instead."""
    order, tape = np.random.default_rng((seed, 21)).permutation(len(PRODUCTS)), Tape()
    for place_of, period in zip(order.tolist(), PRODUCTS, strict=True):
        rng = np.random.default_rng((seed, 21, period))
        at_random(tape, period, rng)
        side, shown, sold = _side(rng), int(rng.integers(500, 4_000)), int(rng.integers(50, 300))
        if place_of * 100 < share * len(PRODUCTS):
            spoof(tape, 0, period, shown, sold, side, FAIR_TICK - side * 200, float(rng.uniform(10, 45)),
                  float(rng.uniform(0, 6)))  # fmt: skip
        else:
            make_market(tape, 0, period, rng, 400, EVERYBODY)
    return _world(Rule.LAYERING, tape, (0,))


def closer(seed: int, count: int) -> World:
    """Home 0 buys dear in the last half minute before `count` gates, and before one of four others as it comes."""
    order, tape = np.random.default_rng((seed, 22)).permutation(len(PRODUCTS)), Tape()
    for place_of, period in zip(order.tolist(), PRODUCTS, strict=True):
        rng = np.random.default_rng((seed, 22, period))
        at_random(tape, period, rng)
        if place_of < count:
            mark(tape, 0, period, int(rng.integers(11_900, 14_000)), BUY, int(rng.integers(300, 1_200)),
                 float(rng.uniform(0, 0.5)))  # fmt: skip
        elif rng.random() < 0.25:
            trade_last(tape, 0, period, rng)
    return _world(Rule.MARKING_THE_CLOSE, tape, (0,))


# --- worlds


@cache
def _street() -> Known:
    return place(periods=PERIODS, turnover=TURNOVER)


def _world(rule: Rule, tape: Tape, villains: tuple[int, ...] = ()) -> World:
    rules = only(rule, (START_MS + PERIODS * PERIOD_MS,))
    innocent = (AGENTS - len(villains)) * len(PRODUCTS)
    return World(_street(), rules, tape.end(PERIODS - 1).record(), innocent, villains)


def _honest(rule: Rule) -> tuple[Case, ...]:
    return tuple(Case(name, _drawn(rule, scene)) for name, scene in HONEST)


def _drawn(rule: Rule, scene: Scene) -> Callable[[int, Any], World]:
    def draw(seed: int, _: Any) -> World:
        rng, tape = np.random.default_rng((seed, 23)), Tape()
        for period in PRODUCTS:
            scene(tape, period, rng)
        return _world(rule, tape)

    return draw


HONEST: Final[tuple[tuple[str, Scene], ...]] = (
    ("homes at random", homes),
    ("homes that quote anew", quoters),
    ("makers of the market", makers),
    ("homes that trade last", latecomers),
)
BOOKS: Final[dict[Rule, tuple[Case, ...]]] = {
    Rule.WASH_TRADES: (
        *_honest(Rule.WASH_TRADES),
        Case("a ring gets back", washers, RINGS, "%", sure_from=95, is_honest=False),
    ),
    Rule.LAYERING: (
        *_honest(Rule.LAYERING),
        Case("spoofer, of products", spoofer, LAYERED, "%", sure_from=75, is_honest=False),
    ),
    Rule.MARKING_THE_CLOSE: (
        *_honest(Rule.MARKING_THE_CLOSE),
        Case("makes the last price", closer, MARKED, "times", sure_from=24, is_honest=False),
    ),
}
"""Worlds by rule of manipulation."""
