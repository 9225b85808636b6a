"""The streams that every mutant of the kernel has to answer as the reference does.

Owns what is asked, short and sharp, most of it drawn by the kit's generator under terms that reach one part of the
kernel each. Knows nothing of mutants, and of the compiled book only how ids are spread over its table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from wattbook.book import BUY, MAX_QUANTITY_WH, SELF_TRADE_MODES, SELL, Flag, Kind
from wattbook.testing.features import Features
from wattbook.testing.generator import Commands, draw
from wattbook.testing.weather import SETUPS, Weather

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

GOLDEN: Final = 0x9E3779B1
TAG: Final = 0x7FFFFFFF
FIRST_BUCKETS: Final = 16
_RESTING: Final = (0.9, 0.01, 0.01, 0.0, 0.0, 0.0, 0.04, 0.04)
_FILL_OR_KILL: Final = (0.55, 0.03, 0.33, 0.03, 0.0, 0.06, 0.0, 0.0)
_PILING: Final = (0.66, 0.20, 0.135, 0.003, 0.002, 0.0, 0.0, 0.0)
_LADDER: Final = (0.67, 0.15, 0.12, 0.02, 0.01, 0.02, 0.01, 0.0)
_AUCTIONS: Final = (0.80, 0.01, 0.03, 0.0, 0.0, 0.08, 0.08, 0.0)


class Stream(NamedTuple):
    """Commands for one book.

    Attributes
    ----------
    terms : dict
        Of the book.
    commands : Commands
        What it is asked.
    cuts : list of int
        Where its batches end.
    restores : frozenset of int
        Batches after which it is exported and restored.
    """

    terms: dict[str, Any]
    commands: Commands
    cuts: list[int]
    restores: frozenset[int]

    def parts(self) -> Iterator[Commands]:
        """Commands batch by batch."""
        start = 0
        for stop in self.cuts:
            yield self.commands.part(slice(start, stop))
            start = stop


def stream(seed: int, terms: dict[str, Any], commands: Commands, longest: int = 60) -> Stream:
    """Cut commands into batches of 1 .. `longest`, of which now and then one is followed by a restored book."""
    rng, count = np.random.default_rng(seed), len(commands.rows)
    widths = rng.integers(1, longest + 1, count)
    cuts = [int(cut) for cut in np.cumsum(widths) if cut < count] + [count]
    restores = frozenset(np.flatnonzero(rng.random(len(cuts)) < 0.15).tolist())
    return Stream(terms, commands, cuts, restores)


def drawn(seed: int, count: int, weather: Weather, longest: int = 60, **terms: Any) -> Stream:
    """Draw a stream for a book that can do everything, under the given terms."""
    features = Features.full(**terms)
    return stream(seed, features.terms, draw(seed, count, features, weather), longest)


def of_setups(count: int, seed: int, modes: tuple[str, ...] = SELF_TRADE_MODES) -> Iterator[Stream]:
    """Under every weather of the kit, in every self-trade mode."""
    for mode in modes:
        for setup in SETUPS.values():
            features = setup.features(mode)
            yield stream(seed, features.terms, draw(seed, count, features, setup.weather))


def ladders() -> Iterator[Stream]:
    """Many prices in bands of every depth of the tree, its narrowest and widest among them."""
    bands = [(0, 0), (0, 1), (-15, 16), (0, 31), (0, 32), (-512, 511), (0, 1_023), (-3, 1_021), (0, 32_767),
             (-50_000, 400_000), (0, (1 << 20) - 1), (0, 1 << 20), (-(1 << 24), 1 << 24)]  # fmt: skip
    for seed, (floor, cap) in enumerate(bands):
        mode = SELF_TRADE_MODES[seed % 5]
        for reach in {min(cap - floor, 40), cap - floor}:
            weather = Weather(_LADDER, _RESTING, flaws=0.02, steps=reach // 2, lean=reach // 4, icebergs=0.1)
            yield drawn(seed, 130, weather, floor_tick=floor, cap_tick=cap, self_trade=mode, products=1)
    weather = Weather(_LADDER, _RESTING, flaws=0.02, steps=1 << 29, lean=1 << 28)
    yield drawn(1, 150, weather, floor_tick=-(7 << 50), cap_tick=7 << 50, step_tick=7 << 10, lot_wh=3, products=2)


def deep_takers() -> Iterator[Stream]:
    """Fill-or-kill and other takers into several levels of queues that hold icebergs and own orders."""
    for seed, mode in enumerate(SELF_TRADE_MODES * 2):
        weather = Weather((0.9, 0.02, 0.07, 0, 0, 0.005, 0.005, 0), _FILL_OR_KILL, 0.0, 3, (0.5, 0.3, 0.2, 0, 0), 2)
        yield drawn(seed, 220, weather, self_trade=mode, products=1, lot_wh=1 + seed % 3)


def auctions() -> Iterator[Stream]:
    """Call auctions of a few orders each, again and again."""
    for seed in range(14):
        owners = (0.2, 0.2, 0.2, 0.2, 0.2)
        weather = Weather(_AUCTIONS, (0.9, 0, 0, 0, 0, 0, 0.05, 0.05), 0.0, 1 + seed % 5, owners, 0, 0.2, 0.1)
        step = 1 + 4 * (seed % 2)
        terms = {"floor_tick": -40 * step, "cap_tick": 60 * step, "step_tick": step, "lot_wh": 1 + 2 * (seed % 3)}
        yield drawn(seed, 260, weather, self_trade=SELF_TRADE_MODES[(seed % 7) % 5], products=1, **terms)
    yield from _auctions_of_giants()
    yield from _auctions_at_few_prices()
    yield from _auctions_of_equal_surplus()
    yield from _auctions_of_equal_remainders()


def _auctions_of_giants() -> Iterator[Stream]:
    """Shares of quantities whose products do not fit 64 bits."""
    rng = np.random.default_rng(8)
    for lot in (1, 3):
        rows = []
        order = 0
        for _ in range(14):
            rows.append((Kind.CALL, 0, 0, 0, 0, 0, 0, 0, 0, 0))
            for _ in range(int(rng.integers(3, 9))):
                order += 1
                less = int(rng.integers(0, 1 << int(rng.integers(1, 36))))
                quantity = max(1, (MAX_QUANTITY_WH - less if rng.random() < 0.6 else less) // lot) * lot
                side = SELL if rng.random() < 0.35 else BUY
                rows.append((Kind.SUBMIT, 0, order, order, side, 5, quantity, 0, 0, 0))
            rows.append((Kind.UNCROSS, 0, 0, 0, 0, 5, 0, Flag.PRO_RATA, 0, 0))
            rows.append((Kind.EXPIRE, 0, 0, 0, 0, 0, 0, 0, 0, 0))
        terms = {"floor_tick": 0, "cap_tick": 10, "lot_wh": lot}
        yield stream(lot, terms, Commands.of(np.array(rows, dtype=np.int64)))


def _auctions_at_few_prices() -> Iterator[Stream]:
    """Small books of few prices and quantities, where ties of every kind are common."""
    rng = np.random.default_rng(9)
    rows, order = [], 0
    for _ in range(150):
        rows.append((Kind.CALL, 0, 0, 0, 0, 0, 0, 0, 0, 0))
        for _ in range(int(rng.integers(1, 7))):
            order += 1
            side, price = (BUY, SELL)[int(rng.integers(2))], int(rng.integers(-2, 3))
            flags = Flag.POST_ONLY if rng.random() < 0.05 else 0
            rows.append((Kind.SUBMIT, 0, order, order, side, price, int(rng.integers(1, 4)), flags, 0, 0))
        flags = int(rng.choice([0, Flag.PRO_RATA, Flag.PAY_AS_BID, Flag.PRO_RATA | Flag.PAY_AS_BID]))
        rows.append((Kind.UNCROSS, 0, 0, 0, 0, int(rng.integers(-5, 6)), 0, flags, 0, 0))
        rows.append((Kind.EXPIRE, 0, 0, 0, 0, 0, 0, 0, 0, 0))
    terms = {"floor_tick": -3, "cap_tick": 3}
    yield stream(9, terms, Commands.of(np.array(rows, dtype=np.int64)))


def _auctions_of_equal_surplus() -> Iterator[Stream]:
    """As much demand left over as supply, one step apart, so that the prices behind them and the reference decide."""
    rng = np.random.default_rng(10)
    for step in (1, 3):
        rows, order = [], 0
        for _ in range(60):
            rest, behind, beyond = (int(rng.integers(1, 4)) for _ in range(3))
            levels = [
                (BUY, 9, 2),
                (SELL, -9, 2),
                (BUY, 0, rest),
                (SELL, 1, rest),
                (BUY, -behind, 1),
                (SELL, 1 + beyond, 1),
            ]
            rows.append((Kind.CALL, 0, 0, 0, 0, 0, 0, 0, 0, 0))
            for side, price, quantity in levels[: 2 + int(rng.integers(5))]:
                order += 1
                rows.append((Kind.SUBMIT, 0, order, order, side, price * step, quantity, 0, 0, 0))
            reference = int(rng.integers(-12 * step, 12 * step + 1))
            rows.append((Kind.UNCROSS, 0, 0, 0, 0, reference, 0, 0, 0, 0))
            rows.append((Kind.EXPIRE, 0, 0, 0, 0, 0, 0, 0, 0, 0))
        terms = {"floor_tick": -12 * step, "cap_tick": 12 * step, "step_tick": step}
        yield stream(10, terms, Commands.of(np.array(rows, dtype=np.int64)))


def _auctions_of_equal_remainders() -> Iterator[Stream]:
    """Several orders at one price share by quantity what is there, with ties for the last lots."""
    rng = np.random.default_rng(13)
    rows, order = [], 0
    for _ in range(90):
        long_side = (BUY, SELL)[int(rng.integers(2))]
        quantities = rng.integers(1, 8, int(rng.integers(2, 7)))
        rows.append((Kind.CALL, 0, 0, 0, 0, 0, 0, 0, 0, 0))
        short = int(rng.integers(1, quantities.sum() + 1))
        for side, quantity in [(-long_side, short), *((long_side, int(quantity)) for quantity in quantities)]:
            order += 1
            rows.append((Kind.SUBMIT, 0, order, order, side, 3, 2 * quantity, 0, 0, 0))
        rows.append((Kind.UNCROSS, 0, 0, 0, 0, 3, 0, Flag.PRO_RATA, 0, 0))
        rows.append((Kind.EXPIRE, 0, 0, 0, 0, 0, 0, 0, 0, 0))
    yield stream(13, {"floor_tick": 0, "cap_tick": 5, "lot_wh": 2}, Commands.of(np.array(rows, dtype=np.int64)))


def crowded_tables() -> Iterator[Stream]:
    """Ids that fall into the same few buckets of the table, around its end, or share a tag."""
    below = np.arange(1, 40_000)
    bucket = bucket_of(below)
    last, first = FIRST_BUCKETS - 1, 0
    tag = 0x1234567
    high = np.arange(1, 1_000)
    sets = [
        below[bucket == last],
        below[np.isin(bucket, [last - 1, last, first])],
        np.sort(high << 31 | (tag ^ high)),
        below[bucket == 3] + (1 << 40),
    ]
    for seed, ids in enumerate(sets * 2):
        weather = Weather(_PILING, _RESTING, 0.02, 4 + 20 * (seed % 2), lean=6, icebergs=0.1, timed=0.1)
        features = Features.full(self_trade=SELF_TRADE_MODES[seed % 5], products=2, max_orders=(58, 150)[seed // 4])
        table = draw(seed, 520, features, weather).table()
        named = np.isin(table[:, 0], [Kind.SUBMIT, Kind.CANCEL, Kind.REPLACE]) & (table[:, 2] > 0)
        named &= table[:, 2] < 1 << 40
        _, places = np.unique(table[named, 2], return_inverse=True)
        table[named, 2] = ids[places]
        yield stream(seed, features.terms, Commands.of(table))


def bucket_of(order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Bucket of an id in a table of 16 buckets."""
    tag = (order ^ order >> 31) & TAG
    return (tag * GOLDEN & 0xFFFFFFFF) >> 28


def crowds() -> Iterator[Stream]:
    """More orders, levels, nodes and icebergs than a new book has rows for; then nothing; then again."""
    rng = np.random.default_rng(5)
    for products, icebergs in ((1, 0), (3, 1)):
        count = 210
        order = np.arange(1, count + 1)
        side = np.where(order % 2, BUY, SELL)
        price = side * -rng.integers(1, 3_000, count)
        expire_ms = np.where(order % 3, 0, 5 + order) * icebergs
        columns = [0 * order, order % products, order, order % 7, side, price, 1 + order % 9, 0 * order]
        submits = np.column_stack([*columns, icebergs * (order % 2), expire_ms])
        parts = [submits]
        expire = np.zeros((products, 10), dtype=np.int64)
        expire[:, 0], expire[:, 1] = Kind.EXPIRE, np.arange(products)
        for _ in range(2):
            again = parts[-1].copy() if len(parts) == 1 else parts[-2].copy()
            again[:, 2] += count
            parts += [expire, again]
        yield stream(products, {"products": products}, Commands.of(np.concatenate(parts)), 90)


def odd_terms() -> Iterator[Stream]:
    """Steps, lots and limits of every small size, with prices and quantities beside them."""
    for seed, (step, lot) in enumerate(((2, 1), (2, 3), (3, 2), (1, 4), (4, 1), (7, 2))):
        weather = Weather(flaws=0.6, steps=4, types=_RESTING)
        yield drawn(seed, 200, weather, step_tick=step, lot_wh=lot, floor_tick=-50 * step, cap_tick=40 * step)


def deadlines() -> Iterator[Stream]:
    """Many orders that are good until a time, and one expiry after the other; few of them empty a product."""
    for seed in range(4):
        weather = Weather((0.74, 0.08, 0.08, 0.1, 0, 0, 0, 0), _RESTING, 0.0, 9, lean=5, icebergs=0.2, timed=0.6)
        features = Features.full(products=1 + seed % 2, max_orders=40)
        table = draw(seed, 300, features, weather).table()
        expires = np.flatnonzero((table[:, 0] == Kind.EXPIRE) & (table[:, 9] == 0))
        table[expires[::2], 9] = 1_000 + expires[::2]
        yield stream(seed, features.terms, Commands.of(table), 20)


def slices() -> Iterator[Stream]:
    """Again and again one to three orders, some with a slice or two hidden, and a fill-or-kill order."""
    rng = np.random.default_rng(12)
    for mode in SELF_TRADE_MODES:
        rows, order = [], 0
        for _ in range(80):
            for _ in range(int(rng.integers(1, 4))):
                order += 1
                quantity = int(rng.integers(1, 7))
                display = int(rng.integers(1, quantity + 1)) if rng.random() < 0.5 else 0
                price, owner = int(rng.integers(2)), int(rng.integers(1, 4))
                rows.append((Kind.SUBMIT, 0, order, owner, SELL, price, quantity, 0, display, 0))
            order += 1
            rows.append((Kind.SUBMIT, 0, order, 1, BUY, 1, int(rng.integers(1, 13)), Flag.FOK, 0, 0))
            rows.append((Kind.EXPIRE, 0, 0, 0, 0, 0, 0, 0, 0, 0))
        yield stream(12, {"self_trade": mode}, Commands.of(np.array(rows, dtype=np.int64)))


def openings() -> Iterator[Stream]:
    """Orders that each open a side of a product of its own, so that every node of a way through the tree is new."""
    for cap in (400_000, 31, 1 << 40):
        order = np.arange(1, 81)
        side = np.where(order % 2, BUY, SELL)
        zero = 0 * order
        columns = [zero, (order - 1) // 2, order, order % 7, side, 16 - side * (order % 9), 1 + zero, *[zero] * 3]
        yield stream(cap, {"products": 40, "cap_tick": cap, "floor_tick": 0}, Commands.of(np.column_stack(columns)))


def few_at_a_time() -> Iterator[Stream]:
    """One to three commands at a time, with many matches each."""
    for seed, mode in enumerate(SELF_TRADE_MODES * 2):
        kinds = (0.72, 0.05, 0.10, 0.04, 0.03, 0.03, 0.03, 0)
        weather = Weather(kinds, _RESTING, 0.0, 2, (0.5, 0.3, 0.2, 0, 0), 2, icebergs=0.4)
        band = {"floor_tick": -12, "cap_tick": 12} if seed % 2 else {}
        yield drawn(
            60 + seed, 200, weather, 1 + seed % 3, self_trade=mode, products=1 + seed // 5, max_orders=20, **band
        )


def streams_of_one() -> Iterator[Stream]:
    """Batches of one command, so that a difference in the state shows at once."""
    for seed, mode in enumerate(SELF_TRADE_MODES):
        weather = Weather((0.6, 0.1, 0.24, 0.02, 0.01, 0.015, 0.015, 0), flaws=0.05, steps=3)
        yield drawn(40 + seed, 120, weather, 1, self_trade=mode, products=2, max_orders=25, lot_wh=2)
