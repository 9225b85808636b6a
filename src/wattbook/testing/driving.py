"""One way to ask any book: its commands, its answers, and what can be seen of it.

A book under test offers either ``process(commands[, display_wh=, expire_ms=])``, or ``submit``, ``cancel`` and whatever
else its features name. `submit` may answer with a list of fills (maker, taker, price_tick, quantity_wh), or with a
receipt that has `.fills` and maybe `.code`; `cancel` with None or True, or with False where it refuses. Everything else
is welcome, not needed: events, `orders`, `depth`, `best_bid`, `best_ask`, `fingerprint`, `export`, `check`.
"""

from __future__ import annotations

from operator import index
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from wattbook.book import BUY, FILL_COLUMNS, SELL, Flag, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from wattbook.testing.features import Features

    MakeBook = Callable[[], Any]
    """A class or function without arguments that makes an empty book: any book, so its type is not known."""

_SHORT_FILL: Final = 4
_LEVELS: Final = 1 << 30


class Command(NamedTuple):
    """One command: `COMMAND_COLUMNS` and the two of the wider batch."""

    kind: int
    product: int
    order: int
    owner: int
    side: int
    price_tick: int
    quantity_wh: int
    flags: int
    display_wh: int = 0
    expire_ms: int = 0


class Fill(NamedTuple):
    """One match."""

    product: int
    maker: int
    taker: int
    price_tick: int
    quantity_wh: int


class Told(NamedTuple):
    """One event, as the book tells it."""

    product: int
    order: int
    event: int
    price_tick: int
    quantity_wh: int
    remaining_wh: int


class Answer(NamedTuple):
    """What a book said to one command; None for what it does not tell."""

    code: int | None
    fills: list[Fill]
    events: list[Told] | None
    resting_wh: int | None

    @property
    def accepted(self) -> bool:
        """Whether the book took the command, as far as it says."""
        return not self.code


class Seen(NamedTuple):
    """What a book shows between two commands; None for what it does not show.

    Attributes
    ----------
    orders : dict or None
        Per product the resting orders (order, owner, side, price_tick, quantity_wh), bids then asks, by priority.
    depth : dict or None
        Per (product, side) the levels (price_tick, quantity_wh, orders).
    best : dict or None
        Per (product, side) the best price, None where the side is empty.
    held : int or None
        How many orders the book says it holds.
    complaint : str
        What the book's own `check` asserts in vain, empty where all is well.
    """

    orders: dict[int, list[tuple[int, ...]]] | None
    depth: dict[tuple[int, int], list[tuple[int, ...]]] | None
    best: dict[tuple[int, int], int | None] | None
    held: int | None
    complaint: str


class Driver:
    """Drives one book: a command in, an `Answer` out.

    Parameters
    ----------
    book : object
        An empty book.
    features : Features
        Keywords that the features do not need are not given to the book.
    """

    def __init__(self, book: Any, features: Features) -> None:
        self.book, self.features = book, features
        self.in_batches = hasattr(book, "process")
        self._wide = features.icebergs or features.expiry

    def carry_out(self, command: Command) -> Answer:
        """Give the book one command."""
        if self.in_batches:
            batch = self.process([command])
            return self.answers(batch, 1)[0]
        if command.kind not in set(Kind):
            return Answer(-1, [], None, None)  # there is no such door to knock at
        answer = getattr(self.book, door(command))(**keywords(command, self.features))
        return _answer_of(answer, command)

    def process(self, commands: Sequence[Command]) -> Any:
        """Give a book with `process` one batch and return what it says."""
        table = np.array(commands, dtype=np.int64).reshape(-1, 10)
        rows = np.ascontiguousarray(table[:, :8])
        if not self._wide:
            return self.book.process(rows)
        return self.book.process(rows, display_wh=table[:, 8].copy(), expire_ms=table[:, 9].copy())

    def answers(self, batch: Any, count: int) -> list[Answer]:
        """Take a batch's answer apart, command by command."""
        fills: list[list[Fill]] = [[] for _ in range(count)]
        for row, *fill in _whole(batch.fills):
            fills[row].append(Fill(*fill))
        events: list[list[Told]] | list[None] = [None] * count
        told = getattr(batch, "events", None)
        if told is not None:
            events = _by_row(_whole(told), count)
        codes = _column(batch, "codes", count)
        resting = _column(batch, "resting_wh", count)
        return [Answer(*parts) for parts in zip(codes, fills, events, resting, strict=True)]

    def look(self) -> Seen:
        """See all that the book shows."""
        book, products = self.book, range(self.features.products)
        one = self.features.products == 1
        orders = depth = best = None
        if hasattr(book, "orders"):
            listed = {product: book.orders() if one else book.orders(product) for product in products}
            orders = {product: [tuple(row) for row in rows] for product, rows in listed.items()}
        if hasattr(book, "depth"):
            depth = {
                (product, side): [tuple(level) for level in book.depth(product, side, _LEVELS)]
                for product in products
                for side in (BUY, SELL)
            }
        if hasattr(book, "best_bid") and hasattr(book, "best_ask"):
            best = {
                (product, side): ask() if one else ask(product)
                for product in products
                for side, ask in ((BUY, book.best_bid), (SELL, book.best_ask))
            }
        return Seen(orders, depth, best, len(book) if hasattr(book, "__len__") else None, self._complaint())

    def _complaint(self) -> str:
        if hasattr(self.book, "check"):
            try:
                self.book.check()
            except AssertionError as error:
                return str(error) or "an assertion of it fails"
        return ""

    def state(self) -> object:
        """Whatever tells whether something changed: the fingerprint, or else the orders; None if there is neither."""
        if hasattr(self.book, "fingerprint"):
            return self.book.fingerprint()
        return repr(self.look().orders) if hasattr(self.book, "orders") else None


def door(command: Command) -> str:
    """Name of the method that a command goes to; an unknown kind has none."""
    return Kind(command.kind).name.lower()


def keywords(command: Command, features: Features) -> dict[str, int]:
    """Keywords of a command's method; those that the features do not need are left out."""
    if command.kind == Kind.SUBMIT:
        words = {name: getattr(command, name) for name in ("order", "owner", "side", "price_tick", "quantity_wh")}
        optional = {
            "product": features.products > 1,
            "flags": any(name != "GTC" for name in features.types),
            "display_wh": features.icebergs,
            "expire_ms": features.expiry,
        }
        return words | {name: getattr(command, name) for name, needed in optional.items() if needed}
    if command.kind == Kind.CANCEL:
        return {"order": command.order, "owner": command.owner}
    if command.kind == Kind.REPLACE:
        names = ("order", "owner", "price_tick", "quantity_wh")
        return {name: getattr(command, name) for name in names}
    if command.kind == Kind.CANCEL_OWNER:
        return {"owner": command.owner}
    words = {"product": command.product}
    if command.kind == Kind.EXPIRE and features.expiry:
        words["until_ms"] = command.expire_ms
    if command.kind == Kind.UNCROSS:
        words["reference_tick"] = command.price_tick
        if features.rationings:
            words["flags"] = command.flags
    return words


def as_commands(table: Iterable[Iterable[int]]) -> list[Command]:
    """Rows of ten numbers as commands."""
    return [Command(*row) for row in table]


def flag_names(flags: int) -> str:
    """Write flags as a person would: ``Flag.POST_ONLY | Flag.REPRICE``."""
    known = [flag for flag in Flag if flag and flags & flag]
    if flags < 0 or flags != sum(known):
        return str(flags)
    return " | ".join(f"Flag.{flag.name}" for flag in known) or "Flag.GTC"


def _answer_of(answer: Any, command: Command) -> Answer:
    """Understand what a single-order door gave back."""
    if answer is None or answer is True:
        return Answer(None, [], None, None)
    if answer is False:
        return Answer(-1, [], None, None)
    fills = getattr(answer, "fills", answer)
    code = getattr(answer, "code", None)
    rows = [_fill_of(tuple(map(index, fill)), command) for fill in fills]
    resting = getattr(answer, "resting_wh", None)
    return Answer(None if code is None else int(code), rows, None, None if resting is None else index(resting))


def _whole(table: Any) -> list[list[int]]:
    """Rows of whole numbers; anything else is refused, not rounded."""
    return [list(map(index, row)) for row in np.asarray(table).tolist()]


def _fill_of(fill: tuple[int, ...], command: Command) -> Fill:
    if len(fill) == _SHORT_FILL:
        return Fill(command.product, *fill)
    if len(fill) != len(FILL_COLUMNS):
        raise TypeError(f"a fill is (maker, taker, price_tick, quantity_wh) or {', '.join(FILL_COLUMNS)}; not {fill!r}")
    return Fill(*fill[1:])


def _by_row(events: list[list[int]], count: int) -> list[list[Told]]:
    told: list[list[Told]] = [[] for _ in range(count)]
    for row, *event in events:
        told[row].append(Told(*event))
    return told


def _column(batch: Any, name: str, count: int) -> list[int] | list[None]:
    column = getattr(batch, name, None)
    return [None] * count if column is None else list(map(index, column))
