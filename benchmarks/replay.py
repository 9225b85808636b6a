"""The order book's own share of a run: the same commands once more, through a book alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wattbook.book import Book, Kind
from wattbook.messages import Action

from .market import CAP_TICK, FLOOR_TICK
from .runners import POPULATION, Counts, Ours

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from wattbook.market import Market

    from .market import Size

    Ints = NDArray[np.int64]

ROWS_AT_ONCE: Final = 10_000
_KINDS: Final = {Action.SUBMIT: Kind.SUBMIT, Action.CANCEL: Kind.CANCEL, Action.REPLACE: Kind.REPLACE}


class BookReplay:
    """Batches of the commands that the market's book was given between the stops.

    A batch is the quickest way into the book, and nothing else lies in the caches: the least that the book can take.
    """

    def __init__(self, size: Size, folder: Path) -> None:
        self.size, self.folder = size, folder / "replay"
        self.folder.mkdir()
        self.fills = 0

    def fingerprint(self) -> str:
        """Nothing is kept."""
        return ""

    def go(self, stops_ms: Sequence[int], at_stop: Callable[[Counts], None]) -> None:
        """Run the whole market once, untimed, then its book alone."""
        ours = Ours(self.size, self.folder, POPULATION)
        counts: list[Counts] = []
        rows: list[int] = []

        def note(now: Counts) -> None:
            counts.append(now)
            rows.append(ours.world.journal.rows["commands"])

        ours.go(stops_ms, note)
        street = ours.world.street
        told = ours.world.journal.read("commands")
        told["order"] = _in_one_book(told, ours.world.market)
        commands, begins = _commands(told, street.periods, len(street.feeders))
        assert not (ours.world.journal.read("orders")["code"]).any(), "the market refused a command"
        book = Book(street.periods * len(street.feeders), floor_tick=FLOOR_TICK, cap_tick=CAP_TICK)
        done = 0
        for at, row in zip(counts, rows, strict=True):
            done = self._replay(book, commands, done, int(begins[row]))
            assert self.fills == at.trades, f"the book alone traded {self.fills} times, in the market {at.trades}"
            at_stop(Counts(at.wakes, at.trades))

    def _replay(self, book: Book, commands: Ints, first: int, last: int) -> int:
        for row in range(first, last, ROWS_AT_ONCE):
            self.fills += len(book.process(commands[row : min(row + ROWS_AT_ONCE, last)]).fills)
        return last


def _in_one_book(told: dict[str, NDArray[Any]], market: Market) -> Ints:
    """Order numbers (n,) as one book for all feeders would have given them; the market numbers orders per stall."""
    submits = np.flatnonzero(told["action"] == Action.SUBMIT)
    numbers = np.zeros(len(submits), np.int64)
    of = market.stall_of[told["agent"][submits]]
    for stall in market.stalls:
        # Nothing was refused, so numbers were given in the order of the commands.
        mine = of == stall.index
        numbers[mine] = np.arange(1, mine.sum() + 1) << stall.bits | stall.index
    order = np.zeros(len(told["order"]), np.int64)
    order[submits] = 1 + np.arange(len(submits))
    named = np.flatnonzero(np.isin(told["action"], [Action.CANCEL, Action.REPLACE]))
    by_number = np.argsort(numbers)
    order[named] = 1 + by_number[np.searchsorted(numbers, told["order"][named], sorter=by_number)]
    return order


def _commands(told: dict[str, NDArray[Any]], periods: int, books: int) -> tuple[Ints, Ints]:
    """Turn journalled commands into the book's, (m, 8); and where each of theirs begins, (n + 1,)."""
    action = told["action"]
    closes = action == Action.CLOSE
    sent = np.isin(action, list(_KINDS))
    count = np.where(closes, books, sent.astype(np.int64))
    begins = np.concatenate(([0], np.cumsum(count)))
    rows = np.zeros((int(begins[-1]), 8), np.int64)
    at = begins[:-1][sent]
    kind = np.zeros(max(_KINDS) + 1, np.int64)
    for given, taken in _KINDS.items():
        kind[given] = taken
    submits = action[sent] == Action.SUBMIT
    rows[at, 0] = kind[action[sent]]
    rows[at, 1] = np.where(submits, told["book"][sent] * periods + told["period"][sent], 0)
    rows[at, 2] = told["order"][sent]
    rows[at, 3] = told["agent"][sent]
    rows[at, 4] = np.where(submits, told["side"][sent], 0)
    rows[at, 5] = told["price_tick"][sent]
    rows[at, 6] = told["quantity_wh"][sent]
    for place, period in zip(begins[:-1][closes].tolist(), told["period"][closes].tolist(), strict=True):
        rows[place : place + books, 0] = Kind.EXPIRE
        rows[place : place + books, 1] = np.arange(books) * periods + period
    return rows, begins
