"""Four seeded streams of commands that any limit order book can carry out.

Only GTC and IOC limit orders, cancels and replaces, so any book can carry them out. A replace always moves the price,
so its order loses its place under every convention, and a book without replaces cancels and submits anew. Every
command finds its order: the draft is carried out once by the minimal book, and what comes too late, because the order
was filled before, is dropped, which changes nothing for all others. So the streams do not depend on what is measured.

Each stream has an opening, which fills the book to its resting size without a trade, and messages that keep it there:
resting orders live for an exponential time, so the population of the opening is already the one of the steady state.
Prices lie around a mid that wanders with every message of its product, on ticks of 0.01 EUR/MWh.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from wattbook.book import BUY, COMMAND_COLUMNS, SELL, Flag, Kind

from .minimal import MinimalBook
from .options import MESSAGES

if TYPE_CHECKING:
    from numpy.typing import NDArray

SEED: Final = 2016
OWNERS: Final = 500
FIRST_MID_TICK: Final = 9_000
LOT_WH: Final = 100
IOC: Final = int(Flag.IOC)
SPARE_SUBMITS: Final = 500

KIND, PRODUCT, ORDER, OWNER, SIDE, PRICE, QUANTITY, FLAGS = range(len(COMMAND_COLUMNS))


@dataclass(frozen=True, slots=True)
class Plan:
    """How a stream is drawn.

    Parameters
    ----------
    resting : int
        Orders of the opening, over all products.
    submits : float
        Submits drawn for each message that is wanted: a little more than are left of the draft.
    lifetime : float
        Mean life of an order that is not filled, in submits of all products for each resting order of the opening:
        1 would hold the size if nothing was filled and all orders rested.
    taking : float
        Share of submits priced to trade.
    immediate : float
        Share of those that are IOC, the others rest with what they do not fill.
    reach_tick : int
        How far beyond the mid a taking order goes at most [ticks].
    depth_tick : int
        Mean distance of a resting order from the mid [ticks].
    flat : bool
        Distances are uniform up to twice the mean instead of exponential.
    resting_lots, taking_lots : int
        Largest quantity of a resting and of a taking order [`LOT_WH`].
    replaced : float
        Share of the orders meant to rest that are replaced once, if they live that long.
    wander_tick : float
        Standard deviation of the mid's step at each message of its product [ticks].
    products : int
        Products; more than one are traded unevenly.
    """

    resting: int
    submits: float
    lifetime: float
    taking: float
    immediate: float
    reach_tick: int
    depth_tick: int
    flat: bool = False
    resting_lots: int = 50
    taking_lots: int = 50
    replaced: float = 0.25
    wander_tick: float = 0.5
    products: int = 1


PLANS: Final = {
    "local": Plan(resting=2_000, submits=0.62, lifetime=1.7, taking=0.25, immediate=0.5, reach_tick=20, depth_tick=80),
    "deep": Plan(
        resting=100_000,
        submits=0.53,
        lifetime=1.25,
        taking=0.15,
        immediate=0.5,
        reach_tick=20,
        depth_tick=1_150,
        flat=True,
    ),
    "match-heavy": Plan(
        resting=1_600,
        submits=0.97,
        lifetime=12.0,
        taking=0.66,
        immediate=0.6,
        reach_tick=60,
        depth_tick=20,
        resting_lots=125,
        taking_lots=50,
        replaced=0.1,
    ),
    "96 products": Plan(
        resting=3_500, submits=0.6, lifetime=1.6, taking=0.25, immediate=0.5, reach_tick=20, depth_tick=40, products=96
    ),
}


class Stream(NamedTuple):
    """Commands of one stream, and what the minimal book made of them.

    Attributes
    ----------
    name : str
        Key of `PLANS`.
    products : int
        Products of the book it needs.
    opening : ndarray of int64, shape (k, 8)
        `COMMAND_COLUMNS`: fills the book, without a trade.
    messages : ndarray of int64, shape (n, 8)
        `COMMAND_COLUMNS`: goes on from there.
    fills : ndarray of int64, shape (n + 1,)
        Number of fills of the first i messages.
    traded_wh : ndarray of int64, shape (n + 1,)
        Their quantities' sum [Wh].
    """

    name: str
    products: int
    opening: NDArray[np.int64]
    messages: NDArray[np.int64]
    fills: NDArray[np.int64]
    traded_wh: NDArray[np.int64]


def draw(name: str, messages: int = MESSAGES, seed: int = SEED) -> Stream:
    """Draw the stream called `name` with so many messages after its opening."""
    plan = PLANS[name]
    draft = _draft(plan, messages, np.random.default_rng([seed, list(PLANS).index(name)]))
    answers = np.array(_carried_out(MinimalBook(plan.products), draft.tolist()), dtype=np.int64)
    opening, rest = np.split(draft, [plan.resting])
    assert not answers[: plan.resting].any(), f"{name}: the opening trades"
    answers = answers[plan.resting :]
    held = np.flatnonzero(answers[:, 0] >= 0)[:messages]
    assert len(held) == messages, f"{name}: only {len(held)} commands are left of the draft"
    fills, traded_wh = np.cumsum(answers[held], axis=0, dtype=np.int64).T
    return Stream(name, plan.products, opening, rest[held], _from_zero(fills), _from_zero(traded_wh))


def _from_zero(sums: NDArray[np.int64]) -> NDArray[np.int64]:
    """Put a 0 before the first sum."""
    return np.concatenate([np.zeros(1, dtype=np.int64), sums])


def _carried_out(book: MinimalBook, rows: list[list[int]]) -> list[tuple[int, int]]:
    """Tell number of fills and traded Wh of each command, (-1, 0) for one that finds no order."""
    submit, cancel = int(Kind.SUBMIT), int(Kind.CANCEL)
    answers = []
    fills: list[tuple[int, int, int, int]] | None
    for kind, product, order, owner, side, price, quantity, flags in rows:
        if kind == submit:
            fills = book.submit(order, product, owner, side, price, quantity, flags == IOC)
        elif kind == cancel:
            fills = [] if book.cancel(order, owner) else None
        else:
            fills = book.replace(order, owner, price, quantity)
        answers.append((-1, 0) if fills is None else (len(fills), sum(fill[3] for fill in fills)))
        book.events.clear()
    return answers


def _draft(plan: Plan, messages: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw opening and messages with all cancels and replaces, whether they come too late or not."""
    submits = int(plan.submits * messages) + SPARE_SUBMITS
    orders = _Orders(plan, submits, rng)
    which, kind = orders.timed(rng)
    product = orders.product[which]
    mid = FIRST_MID_TICK + _wander(product, plan, rng)
    commands = np.zeros((len(which), len(COMMAND_COLUMNS)), dtype=np.int64)
    commands[:, KIND] = kind
    commands[:, PRODUCT] = product
    commands[:, ORDER] = which + 1
    commands[:, OWNER] = orders.owner[which]
    commands[:, SIDE] = orders.side[which]
    commands[:, PRICE] = np.rint(mid).astype(np.int64) - orders.side[which] * orders.distances(which, kind, rng)
    commands[:, QUANTITY] = orders.quantities(which, kind, rng)
    commands[:, FLAGS] = np.where(kind == Kind.SUBMIT, orders.flags[which], 0)
    _move_prices(commands)
    return commands


class _Orders:
    """All orders of a draft, one per row, those of the opening first.

    A taking order stands behind a resting one only in what it is priced for; `flags` says whether it rests.
    """

    def __init__(self, plan: Plan, submits: int, rng: np.random.Generator) -> None:
        self.plan = plan
        count = plan.resting + submits
        opening = np.arange(count) < plan.resting
        weight, share = _activity(plan)
        self.product = np.where(
            opening,
            rng.choice(plan.products, size=count, p=share),
            rng.choice(plan.products, size=count, p=weight),
        )
        self.owner = rng.integers(0, OWNERS, size=count)
        self.side = rng.choice([BUY, SELL], size=count)
        self.takes = ~opening & (rng.uniform(size=count) < plan.taking)
        immediate = self.takes & (rng.uniform(size=count) < plan.immediate)
        self.flags = np.where(immediate, int(Flag.IOC), int(Flag.GTC))
        life = plan.lifetime * plan.resting * share[self.product] / weight[self.product]
        self.born = np.maximum(np.arange(count) - plan.resting, -1).astype(np.float64)
        self.gone = np.maximum(self.born, 0) + rng.exponential(life)
        self.rests = ~immediate
        self.replaced = self.rests & (rng.uniform(size=count) < plan.replaced)

    def timed(self, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Order and kind of every command, in the order of time."""
        order = np.arange(len(self.born))
        gone, changed = order[self.rests], order[self.replaced]
        alive = np.maximum(self.born[changed], 0)
        when_changed = alive + rng.uniform(size=len(changed)) * (self.gone[changed] - alive)
        when = np.concatenate([self.born, self.gone[gone], when_changed])
        which = np.concatenate([order, gone, changed])
        kind = np.repeat([int(Kind.SUBMIT), int(Kind.CANCEL), int(Kind.REPLACE)], [len(order), len(gone), len(changed)])
        sequence = np.argsort(when, kind="stable")
        sequence = sequence[when[sequence] <= self.born[-1]]
        return which[sequence], kind[sequence]

    def distances(
        self, which: NDArray[np.int64], kind: NDArray[np.int64], rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """How far each command's price lies behind the mid [ticks]; negative for taking orders."""
        plan, count = self.plan, len(which)
        if plan.flat:
            behind = rng.integers(1, 2 * plan.depth_tick + 1, size=count)
        else:
            behind = 1 + rng.exponential(plan.depth_tick, size=count).astype(np.int64)
        beyond = -rng.integers(1, plan.reach_tick + 1, size=count)
        return np.where(self.takes[which] & (kind == Kind.SUBMIT), beyond, behind)

    def quantities(
        self, which: NDArray[np.int64], kind: NDArray[np.int64], rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """Quantity of each command [Wh]."""
        takes = self.takes[which] & (kind == Kind.SUBMIT)
        most = np.where(takes, self.plan.taking_lots, self.plan.resting_lots)
        return LOT_WH * rng.integers(1, most + 1)


def _activity(plan: Plan) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Share of the submits, and of the opening's orders, that each product has.

    The first products are the next to deliver: up to twenty times as busy as the last, with twice as many orders.
    """
    steps = np.linspace(0, 1, plan.products)
    weight, share = 20.0**-steps, 2.0**-steps
    return weight / weight.sum(), share / share.sum()


def _wander(product: NDArray[np.int64], plan: Plan, rng: np.random.Generator) -> NDArray[np.float64]:
    """How far each product's mid has wandered at each command [ticks]; it stands still during the opening."""
    step = rng.normal(0, plan.wander_tick, size=len(product))
    step[: plan.resting] = 0
    grouped = np.argsort(product, kind="stable")
    total = np.cumsum(step[grouped])
    first = np.flatnonzero(np.diff(product[grouped], prepend=-1))
    before = total[first] - step[grouped][first]
    lengths = np.diff(first, append=len(product))
    wandered = np.empty(len(product))
    wandered[grouped] = total - np.repeat(before, lengths)
    return wandered


def _move_prices(commands: NDArray[np.int64]) -> None:
    """Move each replace that would keep its order's price one tick back."""
    replaces = np.flatnonzero(commands[:, KIND] == Kind.REPLACE)
    submits = np.flatnonzero(commands[:, KIND] == Kind.SUBMIT)
    price_of = np.zeros(int(commands[:, ORDER].max()) + 1, dtype=np.int64)
    price_of[commands[submits, ORDER]] = commands[submits, PRICE]
    same = commands[replaces, PRICE] == price_of[commands[replaces, ORDER]]
    commands[replaces[same], PRICE] -= commands[replaces[same], SIDE]


def facts(stream: Stream) -> dict[str, float]:
    """Tell what kind of commands a stream has, as shares of its messages."""
    count = len(stream.messages)
    kinds = np.bincount(stream.messages[:, KIND], minlength=3) / count
    immediate = np.count_nonzero(stream.messages[:, FLAGS] == Flag.IOC) / count
    return {
        "messages": count,
        "opening": len(stream.opening),
        "products": stream.products,
        "submits": round(float(kinds[Kind.SUBMIT]), 4),
        "of_them_ioc": round(immediate / float(kinds[Kind.SUBMIT]), 4),
        "cancels": round(float(kinds[Kind.CANCEL]), 4),
        "replaces": round(float(kinds[Kind.REPLACE]), 4),
        "fills_per_message": round(int(stream.fills[-1]) / count, 4),
    }
