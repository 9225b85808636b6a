"""What a conformance case is, and the words it is written in.

Owns the form of a case: commands as the calls one would type, and what each must answer, all of it literals. Knows
no book and runs nothing; the cases themselves stand beside it, one module per theme.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from dataclasses import replace as _with
from typing import TYPE_CHECKING, Final, TypedDict, Unpack

from wattbook.book import Code, Event, Flag

if TYPE_CHECKING:
    from collections.abc import Mapping

ANNA, BERT, CLEO, DORA = 1, 2, 3, 4
"""Owners of orders."""

IOC, FOK, POST_ONLY, MARKET, REPRICE, PRO_RATA, PAY_AS_BID = (flag for flag in Flag if flag)
ACCEPTED, FILLED, CANCELLED, REPLACED, EXPIRED, PREVENTED = Event

Given = int | float | str | None
"""Value of a command: an int, or what a careless caller may give in its place."""

FillRow = tuple[int, int, int, int]
"""maker, taker, price_tick, quantity_wh."""

EventRow = tuple[int, int, int, int, int]
"""order, event, price_tick, quantity_wh, remaining_wh."""

RestRow = tuple[int, int, int, int]
"""order, owner, price_tick, quantity_wh (the whole rest)."""

LevelRow = tuple[int, int, int]
"""price_tick, quantity_wh (what is shown), orders."""

UNKNOWN_DOOR: Final = "command"
"""Name of the step that asks for a kind which no door has."""


@dataclass(frozen=True, slots=True)
class Step:
    """One command and what it must answer.

    Attributes
    ----------
    door : str
        Method of the book.
    arguments : dict
        Its keyword arguments; those at their defaults are left out.
    code : Code
        The answer; with another code than OK nothing may happen.
    fills : tuple of `FillRow`
        Every fill of the command, in order.
    events : tuple of `EventRow`, optional
        Every event of the command, in order; None where the case does not look.
    resting_wh : int, optional
        What rests of the order afterwards [Wh]; None where the case does not look.
    """

    door: str
    arguments: Mapping[str, Given]
    code: Code = Code.OK
    fills: tuple[FillRow, ...] = ()
    events: tuple[EventRow, ...] | None = None
    resting_wh: int | None = None

    def trades(self, *fills: FillRow) -> Step:
        """Expect these fills; without this, none."""
        return _with(self, fills=fills)

    def tells(self, *events: EventRow) -> Step:
        """Expect these events and no others."""
        return _with(self, events=events)

    def rests(self, quantity_wh: int) -> Step:
        """Expect so much of the order to rest [Wh]."""
        return _with(self, resting_wh=quantity_wh)

    def refused(self, code: Code) -> Step:
        """Expect a refusal: no fill, no event, nothing rests, the book as it was."""
        return _with(self, code=code, fills=(), events=(), resting_wh=0)

    def __str__(self) -> str:
        """Write the call as one would type it."""
        return f"{self.door}({', '.join(f'{name}={value!r}' for name, value in self.arguments.items())})"


def submit(
    order: Given,
    owner: Given,
    side: Given,
    price_tick: Given,
    quantity_wh: Given,
    *,
    product: int = 0,
    flags: int = 0,
    display_wh: int = 0,
    expire_ms: int = 0,
) -> Step:
    """Submit an order."""
    always = {"order": order, "owner": owner, "side": side, "price_tick": price_tick, "quantity_wh": quantity_wh}
    return Step(
        "submit", always | _given(product=product, flags=int(flags), display_wh=display_wh, expire_ms=expire_ms)
    )


def cancel(order: int, owner: int) -> Step:
    """Cancel an order."""
    return Step("cancel", {"order": order, "owner": owner})


def replace(order: int, owner: int, price_tick: Given, quantity_wh: Given) -> Step:
    """Give an order a new limit and remaining quantity."""
    return Step(
        "replace", {"order": order, "owner": owner, "price_tick": price_tick, "quantity_wh": quantity_wh}
    )  # fmt: skip


def expire(product: int = 0, until_ms: int = 0) -> Step:
    """Take out a product's orders, or those that are good until then or earlier."""
    return Step("expire", {"product": product} | _given(until_ms=until_ms))


def cancel_owner(owner: int) -> Step:
    """Cancel all orders of an owner."""
    return Step("cancel_owner", {"owner": owner})


def call(product: int = 0) -> Step:
    """Open a product's call phase."""
    return Step("call", {"product": product})


def uncross(product: int = 0, reference_tick: int | None = None, flags: int = 0) -> Step:
    """Clear a product by a call auction."""
    named = {} if reference_tick is None else {"reference_tick": reference_tick}
    return Step("uncross", {"product": product} | named | _given(flags=int(flags)))


def command(kind: int) -> Step:
    """Ask for a kind of command that has no door."""
    return Step(UNKNOWN_DOOR, {"kind": kind})


def _given(**arguments: int) -> dict[str, Given]:
    return {name: value for name, value in arguments.items() if value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A small story about a book that is empty at first, and how it ends.

    Attributes
    ----------
    name : str
        A sentence that no other case has.
    steps : tuple of Step
        The commands.
    terms : dict
        What the book is made with, where it differs from the defaults.
    bids, asks : tuple of `RestRow`
        What rests in product 0 at the end, in priority order. The first row is the best price too.
    bid_levels, ask_levels : tuple of `LevelRow`, optional
        The depth of product 0 at the end; None where all that rests is shown, so that it follows from the orders.
    elsewhere : dict
        Bids and asks of other products; those that are not named must be empty.
    calling : tuple of int
        Products in their call phase at the end.
    """

    name: str
    steps: tuple[Step, ...]
    terms: Mapping[str, int | str] = field(default_factory=dict)
    bids: tuple[RestRow, ...] = ()
    asks: tuple[RestRow, ...] = ()
    bid_levels: tuple[LevelRow, ...] | None = None
    ask_levels: tuple[LevelRow, ...] | None = None
    elsewhere: Mapping[int, tuple[tuple[RestRow, ...], tuple[RestRow, ...]]] = field(default_factory=dict)
    calling: tuple[int, ...] = ()


class Beside(TypedDict, total=False):
    """Keywords of `case`: what a `Case` has beside its name and its steps."""

    terms: Mapping[str, int | str]
    bids: tuple[RestRow, ...]
    asks: tuple[RestRow, ...]
    bid_levels: tuple[LevelRow, ...]
    ask_levels: tuple[LevelRow, ...]
    elsewhere: Mapping[int, tuple[tuple[RestRow, ...], tuple[RestRow, ...]]]
    calling: tuple[int, ...]


def case(name: str, *steps: Step, **beside: Unpack[Beside]) -> Case:
    """Write a case: its name, its commands, and as keywords what `Case` has beside them."""
    return Case(name=name, steps=steps, **beside)
