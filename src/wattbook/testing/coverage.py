"""Coverage cells: which combinations of order type, side, phase and outcome a run has seen, and which it has missed.

A cell is (what, side, phase, outcome). `universe` holds every cell that could be thought of; `why_unreachable` gives
for each of them the reason why no stream can reach it, or None. A run that should prove something about a book
reaches all the others.
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from itertools import product as every
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import numpy as np

from wattbook.book import Code, Event, Flag, Kind
from wattbook.testing.features import NEVER_RESTS, ORDER_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from wattbook.testing.features import Features
    from wattbook.testing.generator import Commands

_RESTING_TYPES: Final = tuple(name for name, flags in ORDER_TYPES.items() if not flags & NEVER_RESTS)
_ICEBERGS: Final = tuple(f"{name} iceberg" for name in _RESTING_TYPES)
SUBMITS: Final = (*ORDER_TYPES, *_ICEBERGS, "bad flags")
_AUCTIONS: Final = ("UNCROSS", "UNCROSS+PRO_RATA", "UNCROSS+PAY_AS_BID", "UNCROSS+BOTH", "UNCROSS bad flags")
_OTHERS: Final = ("CANCEL", "REPLACE", "EXPIRE", "EXPIRE timed", "CANCEL_OWNER", "CALL", *_AUCTIONS, "bad kind")
_WHAT: Final = (*SUBMITS, *_OTHERS)
_SIDES: Final = ("buy", "sell", "-")
_PHASES: Final = ("continuous", "call", "-")
_FILLED, _PREVENTED, _RESTS, _CANCELLED, _REPRICED, _KEPT, _SOME = (1 << bit for bit in range(7))
_WORDS: Final = ("filled", "prevented", "rests", "cancelled", "repriced", "kept priority", "some")
_REFUSED: Final = 1_000
_ORDER_FLAGS: Final = int(NEVER_RESTS | Flag.POST_ONLY | Flag.REPRICE)
_AUCTION_FLAGS: Final = {0: 0, int(Flag.PRO_RATA): 1, int(Flag.PAY_AS_BID): 2, int(Flag.PRO_RATA | Flag.PAY_AS_BID): 3}


class Cell(NamedTuple):
    """One combination of what was asked for, where, and what came of it."""

    what: str
    side: str
    phase: str
    outcome: str


class Answers(Protocol):
    """What a book answers to a batch, see `wattbook.book.Batch`."""

    @property
    def fills(self) -> NDArray[np.int64]:
        """int64 of shape (m, 6)."""

    @property
    def events(self) -> NDArray[np.int64]:
        """int64 of shape (e, 7)."""

    @property
    def codes(self) -> NDArray[np.int64]:
        """int64 of shape (n,)."""

    @property
    def resting_wh(self) -> NDArray[np.int64]:
        """int64 of shape (n,)."""


def cells(commands: Commands, answers: Answers, features: Features) -> Counter[Cell]:
    """Count the cells of a stream.

    Parameters
    ----------
    commands : Commands
        A whole stream, from the empty book.
    answers : Batch
        What the book answered to it, as one batch.
    features : Features
        Terms of the book.
    """
    numbers = [
        _what(commands),
        _sides(commands.rows),
        _phases(commands, answers, features),
        _outcomes(commands, answers),
    ]
    key = numbers[0]
    for column, size in zip(numbers[1:], (len(_SIDES), len(_PHASES), 2 * _REFUSED), strict=True):
        key = key * size + column
    counted: Counter[Cell] = Counter()
    for which, count in zip(*(part.tolist() for part in np.unique(key, return_counts=True)), strict=True):
        rest, outcome = divmod(which, 2 * _REFUSED)
        rest, phase = divmod(rest, len(_PHASES))
        what, side = divmod(rest, len(_SIDES))
        counted[Cell(_WHAT[what], _SIDES[side], _PHASES[phase], _outcome_name(outcome))] += count
    return counted


@cache
def _outcome_name(outcome: int) -> str:
    if outcome >= _REFUSED:
        return f"refused: {Code(outcome - _REFUSED).name}"
    return " + ".join(word for bit, word in enumerate(_WORDS) if outcome >> bit & 1) or "nothing"


def _what(commands: Commands) -> NDArray[np.int64]:
    kind, flags = commands.rows[:, 0], commands.rows[:, 7]
    what = np.full(len(kind), _WHAT.index("bad kind"), dtype=np.int64)
    submits = kind == Kind.SUBMIT
    what[submits] = _WHAT.index("bad flags")
    for name, value in ORDER_TYPES.items():
        its = submits & (flags == int(value))
        what[its] = _WHAT.index(name)
        if name in _RESTING_TYPES:
            what[its & (commands.display_wh != 0)] = _WHAT.index(f"{name} iceberg")
    for its_kind in (Kind.CANCEL, Kind.REPLACE, Kind.EXPIRE, Kind.CANCEL_OWNER, Kind.CALL):
        what[kind == its_kind] = _WHAT.index(its_kind.name)
    what[(kind == Kind.EXPIRE) & (commands.expire_ms != 0)] = _WHAT.index("EXPIRE timed")
    what[kind == Kind.UNCROSS] = _WHAT.index("UNCROSS bad flags")
    for rules, number in _AUCTION_FLAGS.items():
        what[(kind == Kind.UNCROSS) & (flags == rules)] = _WHAT.index("UNCROSS") + number
    return what


def _sides(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    submits, side = rows[:, 0] == Kind.SUBMIT, rows[:, 4]
    return np.where(submits & (side == 1), 0, np.where(submits & (side == -1), 1, 2))


def _phases(commands: Commands, answers: Answers, features: Features) -> NDArray[np.int64]:
    """Phase of each command's product: from the CALLs and UNCROSSes before that were carried out."""
    rows, codes = commands.rows, answers.codes
    kind = rows[:, 0]
    names_product = np.isin(kind, [Kind.SUBMIT, Kind.EXPIRE, Kind.CALL, Kind.UNCROSS])
    product = np.where(names_product, rows[:, 1], -1)
    named = np.flatnonzero((kind == Kind.CANCEL) | (kind == Kind.REPLACE))
    accepted = answers.events[answers.events[:, 3] == Event.ACCEPTED]
    if len(accepted):
        place = np.minimum(np.searchsorted(accepted[:, 2], rows[named, 2]), len(accepted) - 1)
        known = (accepted[place, 2] == rows[named, 2]) & (accepted[place, 0] < named)
        product[named] = np.where(known, accepted[place, 1], -1)
    product[(product < 0) | (product >= features.products)] = -1
    turns = np.where(codes == 0, (kind == Kind.CALL).astype(np.int64) - (kind == Kind.UNCROSS), 0)
    grouped = np.argsort(product, kind="stable")
    total = np.cumsum(turns[grouped])
    first = np.flatnonzero(np.diff(product[grouped], prepend=-2))
    before = (total - turns[grouped]) - np.repeat((total - turns[grouped])[first], np.diff(first, append=len(product)))
    phase = np.empty(len(product), dtype=np.int64)
    phase[grouped] = before
    return np.where(product < 0, 2, phase)


def _outcomes(commands: Commands, answers: Answers) -> NDArray[np.int64]:
    rows, events = commands.rows, answers.events
    kind = rows[:, 0]
    outcome = np.zeros(len(rows), dtype=np.int64)

    def mark(which: NDArray[np.int64] | NDArray[np.bool_], bit: int) -> None:
        outcome[which] |= bit

    orders = (kind == Kind.SUBMIT) | (kind == Kind.REPLACE)
    mark(answers.fills[:, 0], _FILLED)
    mark(events[events[:, 3] == Event.PREVENTED, 0], _PREVENTED)
    mark(answers.resting_wh > 0, _RESTS)
    cancelled = events[events[:, 3] == Event.CANCELLED, 0]
    mark(cancelled[orders[cancelled]], _CANCELLED)
    withdrawn = events[~orders[events[:, 0]]]
    mark(withdrawn[withdrawn[:, 3] != Event.FILLED, 0], _SOME)
    entered = events[(events[:, 3] == Event.ACCEPTED) | (events[:, 3] == Event.REPLACED)]
    market = (rows[:, 7] & int(Flag.MARKET) != 0) & (kind == Kind.SUBMIT)
    mark(entered[(entered[:, 4] != rows[entered[:, 0], 5]) & ~market[entered[:, 0]], 0], _REPRICED)
    history = entered[np.argsort(entered[:, 2], kind="stable")]
    same = (history[1:, 2] == history[:-1, 2]) & (history[1:, 4] == history[:-1, 4]) & (history[1:, 5] <= 0)
    mark(history[1:][same & (history[1:, 3] == Event.REPLACED), 0], _KEPT)
    return np.where(answers.codes > 0, _REFUSED + answers.codes, outcome)


# --- what can be reached

_OUTCOMES: Final = (
    "nothing", "some", "filled", "cancelled", "rests", "prevented", "filled + rests", "filled + cancelled",
    "filled + prevented", "prevented + rests", "prevented + cancelled", "filled + prevented + rests",
    "filled + prevented + cancelled", "rests + repriced", "rests + kept priority", "rests + repriced + kept priority",
)  # fmt: skip


def universe() -> list[Cell]:
    """Every cell that could be thought of."""
    outcomes = [*_OUTCOMES, *(f"refused: {code.name}" for code in Code if code)]
    return [Cell(*parts) for parts in every(_WHAT, _SIDES, _PHASES, outcomes)]


def reachable(features: Features) -> set[Cell]:
    """Every cell that a stream can reach in a book of these features."""
    return {cell for cell in universe() if why_unreachable(cell, features) is None}


def missing(seen: Iterable[Cell], features: Features) -> list[Cell]:
    """Cells that could have been reached and were not seen."""
    return sorted(reachable(features) - set(seen))


def why_unreachable(cell: Cell, features: Features) -> str | None:
    """Say why no stream reaches a cell in a book of these features; None if one can."""
    return (
        _why_not_asked(cell, features)
        or _why_no_such_place(cell)
        or (
            _why_not_refused(cell, features) if cell.outcome.startswith("refused") else _why_no_such_end(cell, features)
        )
    )


def _why_not_asked(cell: Cell, features: Features) -> str | None:
    """Features that the book does not have."""
    name = cell.what.removesuffix(" iceberg")
    if name in ORDER_TYPES and name not in features.types:
        return "the book has no such orders"
    if cell.what in _ICEBERGS and not features.icebergs:
        return "the book has no icebergs"
    if not features.hostile and ("bad" in cell.what or cell.outcome.startswith("refused")):
        return "nothing in the stream is wrong"
    if cell.what == "EXPIRE timed" and not features.expiry:
        return "the book has no time limits"
    kind = cell.what.split("+")[0].split()[0]
    if kind in Kind.__members__ and Kind[kind] not in features.kinds:
        return "the book does not know this command"
    if cell.phase == "call" and Kind.CALL not in features.kinds:
        return "the book has no call phase"
    needs = {"UNCROSS+PRO_RATA": [Flag.PRO_RATA], "UNCROSS+PAY_AS_BID": [Flag.PAY_AS_BID]}
    needs["UNCROSS+BOTH"] = [Flag.PRO_RATA, Flag.PAY_AS_BID]
    if not set(needs.get(cell.what, [])) <= set(features.rationings):
        return "the book does not know these flags of UNCROSS"
    return None


def _why_no_such_place(cell: Cell) -> str | None:
    """Sides and phases that a command does not have."""
    code = cell.outcome.removeprefix("refused: ")
    if cell.what not in SUBMITS and cell.side != "-":
        return "only a submit has a side"
    if cell.what in SUBMITS and (cell.side == "-") != (code == "BAD_SIDE"):
        return "a submit without a side is refused for that, and no other"
    if cell.what in {"CANCEL_OWNER", "bad kind"}:
        return None if cell.phase == "-" else "it names no product"
    placeless = {"CANCEL": "UNKNOWN_ORDER", "REPLACE": "UNKNOWN_ORDER"}.get(cell.what, "UNKNOWN_PRODUCT")
    if cell.phase == "-" and code != placeless:
        return "a command that names a product is in a phase"
    if cell.phase != "-" and code == "UNKNOWN_PRODUCT":
        return "an unknown product has no phase"
    return None


def _why_not_refused(cell: Cell, features: Features) -> str | None:
    code = Code[cell.outcome.removeprefix("refused: ")]
    if code == Code.NOT_A_WHOLE_NUMBER:
        return "an array of int64 cannot say it"
    terms = {
        Code.PRICE_OFF_STEP: features.step_tick > 1 and features.cap_tick > features.floor_tick,
        Code.QUANTITY_OFF_LOT: features.lot_wh > 1,
        Code.BAD_DISPLAY: features.icebergs,
        Code.BAD_EXPIRY: features.expiry,
        Code.BOOK_FULL: features.max_orders is not None,
        Code.NOTIONAL_TOO_LARGE: max(abs(features.floor_tick), abs(features.cap_tick)) > 1 << 27,
    }
    if not terms.get(code, True):
        return "the book's terms do not know this mistake"
    known = _submit_codes(cell) if cell.what in SUBMITS else _OTHER_CODES.get(cell.what, frozenset())
    if code in known or (cell.what, cell.phase, code) in _PHASE_CODES:
        return None
    return "this command does not read what the code is about, or another reason comes first"


_ALWAYS: Final = frozenset({
    Code.UNKNOWN_PRODUCT, Code.BAD_SIDE, Code.QUANTITY_NOT_POSITIVE, Code.QUANTITY_TOO_LARGE, Code.QUANTITY_OFF_LOT,
    Code.BAD_EXPIRY, Code.ORDER_NOT_RISING,
})  # fmt: skip
_PRICED: Final = frozenset({Code.PRICE_OUTSIDE_BAND, Code.PRICE_OFF_STEP, Code.NOTIONAL_TOO_LARGE})
_OTHER_CODES: Final = {
    "CANCEL": frozenset({Code.UNKNOWN_ORDER, Code.NOT_OWNER}),
    "REPLACE": _PRICED | {
        Code.UNKNOWN_ORDER, Code.NOT_OWNER, Code.QUANTITY_NOT_POSITIVE, Code.QUANTITY_TOO_LARGE, Code.QUANTITY_OFF_LOT,
        Code.BAD_DISPLAY, Code.POST_ONLY_WOULD_CROSS,
    },
    "EXPIRE": frozenset({Code.UNKNOWN_PRODUCT}),
    "EXPIRE timed": frozenset({Code.UNKNOWN_PRODUCT, Code.BAD_EXPIRY}),
    "CALL": frozenset({Code.UNKNOWN_PRODUCT}),
    "UNCROSS bad flags": frozenset({Code.UNKNOWN_FLAGS}),
    **{name: frozenset({Code.UNKNOWN_PRODUCT}) for name in _AUCTIONS[:-1]},
    "bad kind": frozenset({Code.UNKNOWN_KIND}),
}  # fmt: skip
_PHASE_CODES: Final = {
    ("CALL", "call", Code.WRONG_PHASE),
    *((name, "continuous", Code.WRONG_PHASE) for name in _AUCTIONS[:-1]),
}


def _submit_codes(cell: Cell) -> frozenset[Code]:
    if cell.what == "bad flags":
        return frozenset({Code.UNKNOWN_FLAGS, Code.CONFLICTING_FLAGS})
    flags = ORDER_TYPES[cell.what.removesuffix(" iceberg")]
    calling, takes_only = cell.phase == "call", bool(flags & NEVER_RESTS)
    codes = set(_ALWAYS)
    if takes_only or cell.what in _ICEBERGS:  # without a slice no slice is bad
        codes.add(Code.BAD_DISPLAY)
    if not flags & Flag.MARKET:
        codes |= _PRICED
    if takes_only and calling:
        codes.add(Code.WRONG_PHASE)
    if not takes_only:
        codes.add(Code.BOOK_FULL)
    if flags & Flag.FOK and not calling:
        codes.add(Code.FOK_UNFILLABLE)
    if flags & Flag.POST_ONLY:
        codes.add(Code.POST_ONLY_WOULD_CROSS)
    return frozenset(codes)


_PREVENTED_ENDS: Final = {
    "off": (),
    # The taker ends at the first own order.
    "cancel-newest": ("prevented", "filled + prevented"),
    # The taker goes on, so prevention alone never ends it.
    "cancel-oldest": ("filled + prevented", "prevented + {rest}", "filled + prevented + {rest}"),
    "cancel-both": ("prevented", "filled + prevented"),
    "decrement": ("prevented", "filled + prevented", "prevented + {rest}", "filled + prevented + {rest}"),
}


def _why_no_such_end(cell: Cell, features: Features) -> str | None:
    mode, calling = features.self_trade, cell.phase == "call"
    if cell.what in SUBMITS and cell.what != "bad flags":
        known = _submit_ends(ORDER_TYPES[cell.what.removesuffix(" iceberg")], mode, calling=calling)
    elif cell.what == "REPLACE":
        types = [ORDER_TYPES[name] for name in features.types if name in _RESTING_TYPES]
        known = {end for flags in types for end in _submit_ends(flags, mode, calling=calling)}
        known.add("rests + kept priority")
        if "REPRICE" in features.types:
            known.add("rests + repriced + kept priority")
    else:
        known = _other_ends(cell)
    return None if cell.outcome in known else "the law of the book or of its self-trade mode forbids it"


def _submit_ends(flags: Flag, mode: str, *, calling: bool) -> set[str]:
    if flags & Flag.POST_ONLY:
        return {"rests", "rests + repriced"} if flags & Flag.REPRICE else {"rests"}
    if calling:
        ends = [end.format(rest="rests") for end in _PREVENTED_ENDS[mode] if "filled" not in end]
        return set() if flags & NEVER_RESTS else {"rests", *ends}
    if flags & Flag.FOK:
        return {"filled", "filled + prevented"} if mode == "cancel-oldest" else {"filled"}
    rest = "cancelled" if flags & NEVER_RESTS else "rests"
    return {"filled", rest, f"filled + {rest}", *(end.format(rest=rest) for end in _PREVENTED_ENDS[mode])}


def _other_ends(cell: Cell) -> set[str]:
    if cell.what in _AUCTIONS[:-1]:
        return {"nothing", "filled"} if cell.phase == "call" else set()
    if cell.what == "CALL":
        return {"nothing"} if cell.phase == "continuous" else set()
    if cell.what in {"EXPIRE", "EXPIRE timed", "CANCEL_OWNER"}:
        return {"nothing", "some"}
    return {"some"} if cell.what == "CANCEL" else set()
