"""The conformance suite: small cases that any book of these rules answers alike, and what runs them.

Owns the list of themes, the running of a case against a book through its doors, and the telling of the first
difference. The cases are literals worked out from the rules; no book was asked for them.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from wattbook.book import BUY, COMMAND_COLUMNS, SELL, Code, Flag, Kind
from wattbook.errors import ConfigError
from wattbook.testing import (
    conformance_cases_admission,
    conformance_cases_auction,
    conformance_cases_cancel,
    conformance_cases_extremes,
    conformance_cases_iceberg,
    conformance_cases_immediate,
    conformance_cases_limit,
    conformance_cases_post_only,
    conformance_cases_products,
    conformance_cases_replace,
    conformance_cases_self_trade,
    conformance_cases_timed,
)
from wattbook.testing.conformance_cases import UNKNOWN_DOOR, Case, LevelRow, RestRow, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    MakeBook = Callable[..., Any]
    """Makes an empty book from `Case.terms` as keywords: any book, so its type is not known."""

THEMES: Final[Mapping[str, tuple[Case, ...]]] = {
    "limit": conformance_cases_limit.CASES,
    "immediate": conformance_cases_immediate.CASES,
    "post-only": conformance_cases_post_only.CASES,
    "iceberg": conformance_cases_iceberg.CASES,
    "timed": conformance_cases_timed.CASES,
    "replace": conformance_cases_replace.CASES,
    "cancel": conformance_cases_cancel.CASES,
    "self-trade": conformance_cases_self_trade.CASES,
    "auction": conformance_cases_auction.CASES,
    "admission": conformance_cases_admission.CASES,
    "products": conformance_cases_products.CASES,
    "extremes": conformance_cases_extremes.CASES,
}
"""Cases by theme."""

CASES: Final = tuple(case for cases in THEMES.values() for case in cases)
"""All cases."""

_KINDS: Final = {
    "submit": Kind.SUBMIT,
    "cancel": Kind.CANCEL,
    "replace": Kind.REPLACE,
    "expire": Kind.EXPIRE,
    "cancel_owner": Kind.CANCEL_OWNER,
    "call": Kind.CALL,
    "uncross": Kind.UNCROSS,
}
# What a command row calls otherwise than the door does.
_COLUMN_OF: Final = {"until_ms": "expire_ms", "reference_tick": "price_tick"}
_COLUMNS: Final = (*COMMAND_COLUMNS, "display_wh", "expire_ms")
_FLAG_NEEDS: Final = {
    Flag.IOC: "immediate-or-cancel",
    Flag.FOK: "fill-or-kill",
    Flag.POST_ONLY: "post-only",
    Flag.MARKET: "market",
    Flag.REPRICE: "reprice",
    Flag.PRO_RATA: "pro-rata",
    Flag.PAY_AS_BID: "pay-as-bid",
}
_ARGUMENT_NEEDS: Final = {
    "product": "products",
    "display_wh": "iceberg",
    "expire_ms": "good-till-time",
    "until_ms": "good-till-time",
}
_TERM_NEEDS: Final = {
    "products": "products",
    "self_trade": "self-trade",
    "max_orders": "max-orders",
    "lot_wh": "lot",
    "step_tick": "step",
    "floor_tick": "band",
    "cap_tick": "band",
}


_FLOOR_TICK: Final = -50_000
"""Floor of a book that is not given one: what an auction without a reference price goes by in a batch."""


class NonconformingError(AssertionError):
    """A book answered a case otherwise than the rules do; the text tells the first difference."""


class Ending(NamedTuple):
    """What one product holds after a case."""

    bids: tuple[RestRow, ...]
    asks: tuple[RestRow, ...]
    bid_levels: tuple[LevelRow, ...]
    ask_levels: tuple[LevelRow, ...]


def needs(case: Case) -> frozenset[str]:
    """Say which abilities a case asks a book for, so that a book without one of them can leave it out.

    "products", "self-trade", "max-orders", "lot", "step", "band", "iceberg", "good-till-time",
    "immediate-or-cancel", "fill-or-kill", "post-only", "market", "reprice", "pro-rata", "pay-as-bid", "unknown-flags",
    "refuses" where some command must be refused with its code,
    and by their names the doors beside submit: "cancel", "replace", "expire", "cancel_owner", "call", "uncross",
    "command".
    """
    found = {_TERM_NEEDS[name] for name in case.terms}
    if any(step.code is not Code.OK for step in case.steps):
        found.add("refuses")
    for step in case.steps:
        found |= {need for name, need in _ARGUMENT_NEEDS.items() if step.arguments.get(name)}
        found |= _flag_needs(step)
        found.add(step.door)
    return frozenset(found - {"submit"})


def _flag_needs(step: Step) -> set[str]:
    flags = step.arguments.get("flags", 0)
    assert isinstance(flags, int)
    named = {need for flag, need in _FLAG_NEEDS.items() if flags & flag}
    return named | {"unknown-flags"} if flags & ~sum(Flag) else named


def endings(case: Case) -> dict[int, Ending]:
    """Tell for every product of the case's book what it holds at the end."""
    products = int(case.terms.get("products", 1))
    others = {product: case.elsewhere.get(product, ((), ())) for product in range(1, products)}
    found = {product: Ending(bids, asks, _levels(bids), _levels(asks)) for product, (bids, asks) in others.items()}
    bid_levels = _levels(case.bids) if case.bid_levels is None else case.bid_levels
    ask_levels = _levels(case.asks) if case.ask_levels is None else case.ask_levels
    return {0: Ending(case.bids, case.asks, bid_levels, ask_levels)} | found


def _levels(rows: Iterable[RestRow]) -> tuple[LevelRow, ...]:
    """Depth of orders that all are shown in full."""
    levels = [(price, [row[3] for row in queue]) for price, queue in groupby(rows, key=lambda row: row[2])]
    return tuple((price, sum(quantities), len(quantities)) for price, quantities in levels)


def as_data() -> list[dict[str, object]]:
    """Tell all cases in plain lists, numbers and texts, ready to be written as JSON for engines in other languages."""
    return [{"theme": theme} | _case_data(case) for theme, cases in THEMES.items() for case in cases]


def _case_data(case: Case) -> dict[str, object]:
    return {
        "name": case.name,
        "needs": sorted(needs(case)),
        "terms": dict(case.terms),
        "steps": [_step_data(step) for step in case.steps],
        "ending": {
            str(product): {name: _lists(rows) for name, rows in ending._asdict().items()}
            for product, ending in endings(case).items()
        },
        "calling": list(case.calling),
    }


def _step_data(step: Step) -> dict[str, object]:
    return {
        "door": step.door,
        "arguments": dict(step.arguments),
        "code": step.code.name,
        "fills": _lists(step.fills),
        "events": None if step.events is None else _lists(step.events),
        "resting_wh": step.resting_wh,
    }


def _lists(rows: Iterable[Iterable[int]]) -> list[list[int]]:
    return [[int(value) for value in row] for row in rows]


# --- running a case


def run_case(case: Case, make_book: MakeBook, *, batch: bool = False, events: bool = True) -> None:
    """Run one case against a new book.

    The book needs the doors that the case names, with receipts as `Book` gives them, `orders`, `depth`, `best_bid`
    and `best_ask`; `process` for batches and for commands of unknown kind; `is_calling` for cases with a call phase.
    Where it has a `check()`, that is called after every command.

    Parameters
    ----------
    make_book : callable
        Makes a book from `case.terms` as keywords; what is not named is at its default.
    batch : bool
        Give all commands in one `process` instead of one call each. Values that no int64 array holds are left out.
    events : bool
        Compare `event_rows`, too, or the events of the batch; False for a book that keeps none.

    Raises
    ------
    NonconformingError
        With the first difference and the calls that lead to it, or with what the book raised.
    ConfigError
        If the book lacks a door that the case or the comparison needs.
    """
    book = make_book(**case.terms)
    _need_doors(case, book, batch=batch, events=events)
    run = _Run(case, book, events=events)
    try:
        if batch:
            run.in_one_batch()
        else:
            run.call_by_call()
        run.compare_ending()
    except NonconformingError:
        raise
    except Exception as error:  # the book is a stranger's code
        raise NonconformingError(run.failed(error)) from error


def _need_doors(case: Case, book: Any, *, batch: bool, events: bool) -> None:
    doors = {step.door for step in case.steps}
    wanted = {"orders", "depth", "best_bid", "best_ask"} | ({"is_calling"} if "call" in doors else set())
    wanted |= {"process"} if batch else {"process" if door == UNKNOWN_DOOR else door for door in doors}
    absent = sorted(door for door in wanted if not hasattr(book, door))
    if absent:
        raise ConfigError(f"{case.name!r}: the book has no {', '.join(absent)}; leave out what `needs` tells of")
    told = any(step.events is not None for step in case.steps)
    if events and not batch and told and not (hasattr(book, "event_rows") and hasattr(book, "event_count")):
        raise ConfigError(f"{case.name!r}: the book has no event_rows and event_count: give events=False")


class _Run:
    """One case on its way through one book."""

    def __init__(self, case: Case, book: Any, *, events: bool) -> None:
        self._case = case
        self._book = book
        self._events = events
        self._done = 0

    def call_by_call(self) -> None:
        for step in self._case.steps:
            self._done += 1
            before = self._picture() if step.code is not Code.OK else None
            if step.door == UNKNOWN_DOOR:
                self._compare("code", step.code, Code(int(self._book.process(self._rows([step])[0]).codes[0])))
            else:
                self._compare_receipt(step, getattr(self._book, step.door)(**step.arguments))
            if before is not None:
                self._compare("book after the refusal", before, self._picture())
            if hasattr(self._book, "check"):
                self._book.check()

    def in_one_batch(self) -> None:
        steps = [step for step in self._case.steps if step.code is not Code.NOT_A_WHOLE_NUMBER]
        commands, display_wh, expire_ms = self._rows(steps)
        answer = self._book.process(commands, display_wh=display_wh, expire_ms=expire_ms)
        places = [place for place, step in enumerate(self._case.steps, start=1) if step in steps]
        for row, (self._done, step) in enumerate(zip(places, steps, strict=True)):
            self._compare("code", step.code, Code(int(answer.codes[row])))
            self._compare("fills", step.fills, _tuples(answer.fills[answer.fills[:, 0] == row, 2:]))
            if step.resting_wh is not None:
                self._compare("resting_wh", step.resting_wh, int(answer.resting_wh[row]))
            if self._events and step.events is not None:
                self._compare("events", step.events, _tuples(answer.events[answer.events[:, 0] == row, 2:]))
        self._done = len(self._case.steps)

    def compare_ending(self) -> None:
        for product, ending in endings(self._case).items():
            self._compare(f"orders({product})", _orders(ending), self._book.orders(product))
            for side, levels in ((BUY, ending.bid_levels), (SELL, ending.ask_levels)):
                found = [tuple(level) for level in self._book.depth(product, side, len(levels) + 1)]
                self._compare(f"depth({product}, {'BUY' if side == BUY else 'SELL'})", list(levels), found)
            best = tuple(rows[0][2] if rows else None for rows in (ending.bids, ending.asks))
            self._compare(
                f"best bid and ask of product {product}",
                best,
                (self._book.best_bid(product), self._book.best_ask(product)),
            )
            if "call" in needs(self._case):
                calling = product in self._case.calling
                self._compare(f"is_calling({product})", calling, self._book.is_calling(product))

    def _compare_receipt(self, step: Step, receipt: Any) -> None:
        self._compare("code", step.code, receipt.code)
        self._compare("fills", step.fills, _tuples(receipt.fills[:, 2:]))
        self._compare("filled_wh", sum(quantity_wh for *_, quantity_wh in step.fills), receipt.filled_wh)
        if step.resting_wh is not None:
            self._compare("resting_wh", step.resting_wh, receipt.resting_wh)
        # A value that is no whole number never reaches the book, so the record is the last command's.
        if self._events and step.events is not None and step.code is not Code.NOT_A_WHOLE_NUMBER:
            self._compare("events", step.events, _tuples(self._book.event_rows[: self._book.event_count, 2:]))

    def _picture(self) -> object:
        """Tell all that can be seen of the book, to hold it against what it was before a refusal."""
        products = range(len(endings(self._case)))
        depths = [self._book.depth(product, side, 1_000) for product in products for side in (BUY, SELL)]
        return [self._book.orders(product) for product in products], depths

    def _compare(self, what: str, expected: object, found: object) -> None:
        if expected != found:
            raise NonconformingError(self._difference(what, expected, found))

    def failed(self, error: Exception) -> str:
        """Tell what the book raised."""
        return self._story(f"the book raised {type(error).__name__}", f"    {error}\n")

    def _difference(self, what: str, expected: object, found: object) -> str:
        return self._story(what, f"    expected {_told(expected)}\n    found    {_told(found)}\n")

    def _story(self, what: str, found: str) -> str:
        terms = ", ".join(f"{name}={value!r}" for name, value in self._case.terms.items())
        calls = "\n".join(f"    book.{step}" for step in self._case.steps[: self._done])
        return (
            f"{self._case.name!r}: {what} after command {self._done} of {len(self._case.steps)}\n"
            f"{found}after\n    book = make_book({terms})\n{calls}"
        )

    def _rows(self, steps: Sequence[Step]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Commands (n, 8), display_wh (n,) and expire_ms (n,) for `process`."""
        rows = np.zeros((len(steps), len(_COLUMNS)), dtype=np.int64)
        for row, step in zip(rows, steps, strict=True):
            values = {_COLUMN_OF.get(name, name): value for name, value in step.arguments.items()}
            if step.door in _KINDS:
                values["kind"] = int(_KINDS[step.door])
            if step.door == "uncross":
                values.setdefault("price_tick", self._case.terms.get("floor_tick", _FLOOR_TICK))
            for name, value in values.items():
                row[_COLUMNS.index(name)] = np.int64(value)  # type: ignore[arg-type]  # ints only, see in_one_batch
        width = len(COMMAND_COLUMNS)
        return rows[:, :width], rows[:, width], rows[:, width + 1]


def _orders(ending: Ending) -> list[tuple[int, int, int, int, int]]:
    """Resting orders as `orders()` tells them."""
    sides = ((BUY, ending.bids), (SELL, ending.asks))
    return [(order, owner, side, price, quantity) for side, rows in sides for order, owner, price, quantity in rows]


def _tuples(rows: NDArray[np.int64]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(row) for row in rows.tolist())


def _told(value: object) -> str:
    """Write a value as the cases write it: enum members by their names."""
    if isinstance(value, tuple | list):
        inner = ", ".join(map(_told, value))
        return f"[{inner}]" if isinstance(value, list) else f"({inner}{',' * (len(value) == 1)})"
    return value.name if isinstance(value, Code) else repr(value)
