"""Streams of commands drawn from a seed, the cells they cover, and the two books as one fixture."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from types import SimpleNamespace

import numba
import numpy as np
import pytest

from wattbook.book import (
    BUY,
    MAX_QUANTITY_WH,
    SELF_TRADE_MODES,
    SELL,
    Batch,
    Book,
    Code,
    Event,
    Flag,
    Kind,
    ReferenceBook,
)

LEAST, MOST = -(1 << 63), (1 << 63) - 1
WIDE = {"floor_tick": -(5 << 38), "cap_tick": 5 << 38, "step_tick": 5}
NARROW = {"floor_tick": -5, "cap_tick": 5, "step_tick": 5}
PRODUCTS = 4
QUIET_PRODUCT = PRODUCTS - 1
OWNERS = np.array([0, 1, 2, LEAST, MOST])
ABSENT_OWNER = 77

ORDER_TYPES = {
    "GTC": Flag.GTC,
    "IOC": Flag.IOC,
    "FOK": Flag.FOK,
    "MARKET": Flag.MARKET,
    "MARKET+IOC": Flag.MARKET | Flag.IOC,
    "MARKET+FOK": Flag.MARKET | Flag.FOK,
    "POST_ONLY": Flag.POST_ONLY,
    "REPRICE": Flag.POST_ONLY | Flag.REPRICE,
}
NEVER_RESTS = Flag.IOC | Flag.FOK | Flag.MARKET
#              GTC   IOC   FOK   MARKET +IOC  +FOK  POST_ONLY REPRICE
MIXED_TYPES = (0.23, 0.11, 0.11, 0.11, 0.11, 0.11, 0.11, 0.11)
RESTING_TYPES = (0.34, 0.14, 0.05, 0.07, 0.07, 0.05, 0.14, 0.14)
TAKING_TYPES = (0.37, 0.18, 0.11, 0.06, 0.06, 0.06, 0.07, 0.09)
KINDS = (*Kind, 5)
#              SUBMIT CANCEL REPLACE EXPIRE CANCEL_OWNER unknown
MIXED_KINDS = (0.69, 0.08, 0.19, 0.018, 0.017, 0.005)
REPLACING_KINDS = (0.487, 0.06, 0.45, 0.001, 0.001, 0.001)


@dataclass(frozen=True)
class Weather:
    """A stream's surroundings: the band, how many orders may rest, how often what is asked, how much of it wrong."""

    band: dict[str, int]
    max_orders: int
    kinds: tuple[float, ...] = MIXED_KINDS
    types: tuple[float, ...] = MIXED_TYPES
    flaws: float = 0.05
    steps: int = 5
    owners: tuple[float, ...] = (0.3, 0.3, 0.2, 0.1, 0.1)
    lean: int = 0
    """Steps by which orders that may rest stand back, so that both sides grow before something crosses."""

    def make(self, book_class, mode):
        """An empty book for it."""
        return book_class(products=PRODUCTS, self_trade=mode, max_orders=self.max_orders, **self.band)


# Together they make every cell thick.
WEATHERS = {
    "flawed": Weather(WIDE, 60, flaws=0.9),
    "calm": Weather(WIDE, 60),
    "edges": Weather(NARROW, 30, flaws=0.15),
    "crowded": Weather(WIDE, 14, REPLACING_KINDS, RESTING_TYPES, flaws=0.15, steps=4),
    "crossing": Weather(WIDE, 60, REPLACING_KINDS, TAKING_TYPES, 0.12, 2, (0.4, 0.3, 0.3, 0, 0), lean=2),
    "deep": Weather(WIDE, 100_000, (0.70, 0.10, 0.20, 0, 0, 0), RESTING_TYPES),
}


def draw_stream(seed: int, count: int, weather: Weather) -> np.ndarray:
    """`count` mixed commands, int64 of shape (count, 8), some with something wrong.

    What a kind does not read holds rubbish, extremes of int64 included.
    """
    rng = np.random.default_rng(seed)
    band, step = weather.band, weather.band["step_tick"]
    most_steps = min(band["cap_tick"] // step, weather.steps)
    kind = rng.choice([int(k) for k in KINDS], size=count, p=weather.kinds)
    submits = kind == Kind.SUBMIT
    rubbish = rng.choice([LEAST, MOST, -1, 0, 1, 7], size=(count, 8))
    issued = np.cumsum(submits)
    side = rng.choice([BUY, SELL], size=count)
    flags = rng.choice([int(f) for f in ORDER_TYPES.values()], size=count, p=weather.types)
    product = rng.choice(PRODUCTS, size=count, p=[0.42, 0.37, 0.2, 0.01])
    owner = rng.choice(OWNERS, size=count, p=weather.owners)
    quantity = np.where(rng.random(count) < 0.22, rng.integers(12, 60, count), rng.integers(1, 13, count))
    price = step * rng.integers(-most_steps, most_steps + 1, size=count)
    patient = submits & (flags & int(NEVER_RESTS) == 0) & (rng.random(count) < 0.7)
    reach = np.where(patient, 0, weather.lean)
    price = price + step * rng.integers(-reach, reach + 1) - side * step * (weather.lean - reach)
    order, owner = _name_orders(rng, kind, issued, flags, owner)
    stream = np.column_stack([kind, product, order, owner, side, price, quantity, flags]).astype(np.int64)
    _blank(stream, rubbish)
    _spoil(stream, rng, band, weather.flaws)
    return stream


def _name_orders(rng, kind, issued, flags, owner):
    """Submits get rising ids; cancels and replaces name a recent order that may rest, by its owner."""
    submits = kind == Kind.SUBMIT
    may_rest = np.flatnonzero(submits & (flags & int(NEVER_RESTS) == 0))
    before = np.searchsorted(may_rest, np.arange(len(kind)))
    back = np.minimum(rng.geometric(0.11, size=len(kind)), before)
    target = may_rest[np.maximum(before - back, 0)] if len(may_rest) else np.zeros(len(kind), dtype=np.int64)
    named = np.isin(kind, [Kind.CANCEL, Kind.REPLACE]) & (back > 0)
    order = np.where(named, 3 * issued[target], 3 * issued)
    return order, np.where(named, owner[target], owner)


def _blank(stream, rubbish):
    """Fill the columns that a kind does not read with rubbish."""
    read = {
        Kind.SUBMIT: range(8),
        Kind.CANCEL: (0, 2, 3),
        Kind.REPLACE: (0, 2, 3, 5, 6),
        Kind.EXPIRE: (0, 1),
        Kind.CANCEL_OWNER: (0, 3),
    }
    for kind, columns in read.items():
        rows = np.flatnonzero(stream[:, 0] == kind)
        unread = [column for column in range(8) if column not in columns]
        stream[np.ix_(rows, unread)] = rubbish[np.ix_(rows, unread)]


def _spoil(stream, rng, band, share):
    """Make a share of the commands wrong, each in one way."""
    count = len(stream)
    kind, order, quantity = stream[:, 0], stream[:, 2].copy(), stream[:, 6]
    wrong = rng.random(count)

    def rows(kinds, low, high):
        return np.flatnonzero(np.isin(kind, kinds) & (wrong >= low * share) & (wrong < high * share))

    def put(where, column, values):
        stream[where, column] = rng.choice(np.array(values, dtype=np.int64), size=len(where))

    both = [Kind.SUBMIT, Kind.REPLACE]
    put(rows([Kind.SUBMIT], 0.00, 0.12), 1, [-1, PRODUCTS, LEAST, MOST])
    put(rows([Kind.SUBMIT], 0.12, 0.24), 4, [0, 2, -2, LEAST, MOST])
    put(rows(both, 0.24, 0.36), 6, [0, -1, LEAST])
    put(rows(both, 0.36, 0.48), 6, [MAX_QUANTITY_WH + 1, MOST])
    put(rows(both, 0.48, 0.60), 5, [band["floor_tick"] - 5, band["cap_tick"] + 5, LEAST, MOST])
    off_step = rows(both, 0.60, 0.70)
    stream[off_step, 5] = band["floor_tick"] + rng.integers(1, 5, size=len(off_step))
    heavy = rows(both, 0.70, 0.86)
    put(heavy, 5, [band["floor_tick"], band["cap_tick"]])
    quantity[heavy] = rng.choice([1 << 34, MAX_QUANTITY_WH], size=len(heavy))
    late = rows([Kind.SUBMIT], 0.86, 0.97)
    stream[late, 2] = np.where(
        rng.random(len(late)) < 0.2, rng.choice([0, -1, LEAST], size=len(late)), order[late] - 300
    )
    put(rows([Kind.SUBMIT], 0.97, 0.985), 7, [32, -1, LEAST, MOST, 64 + 1])
    put(rows([Kind.SUBMIT], 0.985, 1.00), 7, [3, 5, 6, 12, 16, 17, 18, 24, 31])
    named = [Kind.CANCEL, Kind.REPLACE]
    put(rows(named, 0.00, 0.16), 3, [ABSENT_OWNER])
    put(rows([Kind.CANCEL], 0.50, 1.00), 3, [ABSENT_OWNER])
    put(rows(named, 0.16, 0.24), 2, [0, LEAST, MOST])
    put(rows([Kind.EXPIRE], 0.00, 0.80), 1, [-1, PRODUCTS, LEAST, MOST])
    # Products and owners that mostly have nothing to lose.
    put(rows([Kind.EXPIRE], 0.80, 1.80), 1, [QUIET_PRODUCT])
    put(rows([Kind.CANCEL_OWNER], 0.00, 1.00), 3, [ABSENT_OWNER])
    put(np.flatnonzero((kind == 5) & (wrong < 0.5)), 0, [-1, LEAST, MOST])


FILLED, PREVENTED, RESTS, CANCELLED, REPRICED, KEPT, SOME = (1 << bit for bit in range(7))
OUTCOMES = ((FILLED, "filled"), (PREVENTED, "prevented"), (RESTS, "rests"), (CANCELLED, "cancelled"))
OUTCOMES += ((REPRICED, "repriced"), (KEPT, "kept priority"), (SOME, "some"))


def outcome_name(outcome: int) -> str:
    """What happened, in words; refusals are numbered from 1000."""
    if outcome >= 1000:
        return f"refused: {Code(outcome - 1000).name}"
    return " + ".join(name for bit, name in OUTCOMES if outcome & bit) or "nothing"


def count_cells(commands: np.ndarray, batch: Batch) -> Counter[tuple[str, str]]:
    """How often each (order type, outcome) came up."""
    outcome = np.zeros(len(commands), dtype=np.int64)
    events, kind = batch.events, commands[:, 0]

    def mark(rows, bit):
        outcome[rows] |= bit

    orders = np.isin(kind, [Kind.SUBMIT, Kind.REPLACE])
    mark(batch.fills[:, 0], FILLED)
    mark(events[events[:, 3] == Event.PREVENTED, 0], PREVENTED)
    mark(batch.resting_wh > 0, RESTS)
    cancelled = events[events[:, 3] == Event.CANCELLED, 0]
    mark(cancelled[orders[cancelled]], CANCELLED)
    mark(events[~orders[events[:, 0]], 0], SOME)
    entered = events[np.isin(events[:, 3], [Event.ACCEPTED, Event.REPLACED])]
    market = (commands[:, 7] & int(Flag.MARKET) != 0) & (kind == Kind.SUBMIT)
    moved = entered[(entered[:, 4] != commands[entered[:, 0], 5]) & ~market[entered[:, 0]], 0]
    mark(moved, REPRICED)
    history = entered[np.argsort(entered[:, 2], kind="stable")]
    same = (history[1:, 2] == history[:-1, 2]) & (history[1:, 4] == history[:-1, 4]) & (history[1:, 5] <= 0)
    mark(history[1:][same & (history[1:, 3] == Event.REPLACED), 0], KEPT)
    outcome = np.where(batch.codes > 0, 1000 + batch.codes, outcome)
    cells: Counter[tuple[str, str]] = Counter()
    pairs, counts = np.unique(np.column_stack([_types(commands), outcome]), axis=0, return_counts=True)
    for (which, what), number in zip(pairs.tolist(), counts.tolist(), strict=True):
        cells[_TYPE_NAMES[which], outcome_name(what)] += number
    return cells


_TYPE_NAMES = [*ORDER_TYPES, "bad flags", "CANCEL", "REPLACE", "EXPIRE", "CANCEL_OWNER", "bad kind"]


def _types(commands):
    kind, flags = commands[:, 0], commands[:, 7]
    which = np.full(len(commands), _TYPE_NAMES.index("bad kind"))
    which[kind == Kind.SUBMIT] = _TYPE_NAMES.index("bad flags")
    for name, value in ORDER_TYPES.items():
        which[(kind == Kind.SUBMIT) & (flags == int(value))] = _TYPE_NAMES.index(name)
    for its_kind in (Kind.CANCEL, Kind.REPLACE, Kind.EXPIRE, Kind.CANCEL_OWNER):
        which[kind == its_kind] = _TYPE_NAMES.index(its_kind.name)
    return which


PREVENTED_ENDS = {
    "off": [],
    # The taker ends at the first own order.
    "cancel-newest": ["prevented", "filled + prevented"],
    # The taker goes on, so prevention alone never ends it.
    "cancel-oldest": ["filled + prevented", "prevented + {rest}", "filled + prevented + {rest}"],
    "cancel-both": ["prevented", "filled + prevented"],
    "decrement": ["prevented", "filled + prevented", "prevented + {rest}", "filled + prevented + {rest}"],
}


def reachable_cells(mode: str) -> set[tuple[str, str]]:
    """Every cell that a stream can reach under a self-trade mode.

    Not reachable, and why: NOT_A_WHOLE_NUMBER and DISPLAY_UNSUPPORTED (an int64 array cannot say it); price codes
    of MARKET (it ignores the price); BOOK_FULL of what never rests; a FOK with prevention except under cancel-oldest
    (it counts only what lies before its own orders); any fill or prevention of a post-only order.
    """
    cells = {("bad kind", f"refused: {Code.UNKNOWN_KIND.name}")}
    cells |= {("bad flags", f"refused: {code.name}") for code in (Code.UNKNOWN_FLAGS, Code.CONFLICTING_FLAGS)}
    for name, flags in ORDER_TYPES.items():
        cells |= {(name, outcome) for outcome in _submit_outcomes(mode, flags)}
        cells |= {(name, f"refused: {code.name}") for code in _submit_codes(flags)}
    for name, codes in _OTHER_CODES.items():
        cells |= {(name, f"refused: {code.name}") for code in codes}
    cells |= {("CANCEL", "some"), ("EXPIRE", "some"), ("EXPIRE", "nothing")}
    cells |= {("CANCEL_OWNER", "some"), ("CANCEL_OWNER", "nothing")}
    moved = [*_submit_outcomes(mode, Flag.GTC), *_submit_outcomes(mode, ORDER_TYPES["REPRICE"])]
    kept = ["rests + kept priority", "rests + repriced + kept priority"]
    return cells | {("REPLACE", outcome) for outcome in [*moved, *kept]}


_OTHER_CODES = {
    "CANCEL": (Code.UNKNOWN_ORDER, Code.NOT_OWNER),
    "REPLACE": (
        Code.UNKNOWN_ORDER,
        Code.NOT_OWNER,
        Code.QUANTITY_NOT_POSITIVE,
        Code.QUANTITY_TOO_LARGE,
        Code.PRICE_OUTSIDE_BAND,
        Code.PRICE_OFF_STEP,
        Code.NOTIONAL_TOO_LARGE,
        Code.POST_ONLY_WOULD_CROSS,
    ),
    "EXPIRE": (Code.UNKNOWN_PRODUCT,),
}


def _submit_outcomes(mode, flags):
    if flags & Flag.POST_ONLY:
        return ["rests", "rests + repriced"] if flags & Flag.REPRICE else ["rests"]
    if flags & Flag.FOK:
        return ["filled", "filled + prevented"] if mode == "cancel-oldest" else ["filled"]
    rest = "cancelled" if flags & NEVER_RESTS else "rests"
    return ["filled", rest, f"filled + {rest}", *(end.format(rest=rest) for end in PREVENTED_ENDS[mode])]


def _submit_codes(flags):
    codes = [Code.UNKNOWN_PRODUCT, Code.BAD_SIDE, Code.QUANTITY_NOT_POSITIVE, Code.QUANTITY_TOO_LARGE]
    codes += [Code.ORDER_NOT_RISING]
    if not flags & Flag.MARKET:
        codes += [Code.PRICE_OUTSIDE_BAND, Code.PRICE_OFF_STEP, Code.NOTIONAL_TOO_LARGE]
    if not flags & NEVER_RESTS:
        codes.append(Code.BOOK_FULL)
    if flags & Flag.FOK:
        codes.append(Code.FOK_UNFILLABLE)
    if flags & Flag.POST_ONLY:
        codes.append(Code.POST_ONLY_WOULD_CROSS)
    return codes


@pytest.fixture(params=[Book, ReferenceBook], ids=["kernel", "reference"])
def book_class(request):
    """Each of the two implementations."""
    return request.param


@pytest.fixture(params=SELF_TRADE_MODES)
def mode(request):
    """Each self-trade mode."""
    return request.param


@pytest.fixture(scope="session")
def streams():
    """Tools to draw, classify and size streams; smaller without the compiler."""
    return SimpleNamespace(
        draw=draw_stream,
        cells=count_cells,
        reachable=reachable_cells,
        **WEATHERS,
        products=PRODUCTS,
        size=lambda count: count // 10 if numba.config.DISABLE_JIT else count,
    )
