"""A1 - A8: the laws of a call auction, held against any function that clears orders, and against UNCROSS of a book.

An auction under test is ``auction(orders, reference_tick, rule)``: orders int64 (n, 5), rows of order, owner, side,
price_tick, quantity_wh in time priority, no two of one id; rule "uniform" or "pay-as-bid". It returns something with
`.price_tick` (None where nothing trades), `.quantity_wh` and `.fills` (`FILL_COLUMNS`), all in whole numbers.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from operator import index
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from wattbook.book import BUY, FILL_COLUMNS, SELL, Flag
from wattbook.testing.features import Features
from wattbook.testing.generator import Commands
from wattbook.testing.invariants import Falsified

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from wattbook.testing.invariants import Step

    Auction = Callable[[NDArray[np.int64], int | None, str], Any]

_MOST_TICKS: Final = 100_000


class Bid(NamedTuple):
    """One order of an auction, bid or ask."""

    order: int
    owner: int
    side: int
    price_tick: int
    quantity_wh: int


@dataclass(frozen=True, slots=True)
class Clearing:
    """One clearing with all that is needed to judge it.

    Attributes
    ----------
    orders : tuple of Bid
        In time priority.
    price_tick : int or None
        As told; where only fills are told, their price.
    quantity_wh : int
        As told.
    fills : list of tuple
        (maker, taker, price_tick, quantity_wh).
    reference_tick : int or None
        None for the lowest of tied prices.
    pay_as_bid, pro_rata : bool
        The rules.
    floor_tick, cap_tick, step_tick, lot_wh : int
        Where prices may lie, and what quantities are multiples of.
    """

    orders: tuple[Bid, ...]
    price_tick: int | None
    quantity_wh: int
    fills: list[tuple[int, ...]]
    reference_tick: int | None
    pay_as_bid: bool = False
    pro_rata: bool = False
    floor_tick: int = 0
    cap_tick: int = 0
    step_tick: int = 1
    lot_wh: int = 1

    def demand(self, price_tick: int) -> int:
        """Energy wanted at a price [Wh]."""
        return sum(each.quantity_wh for each in self.orders if each.side == BUY and each.price_tick >= price_tick)

    def supply(self, price_tick: int) -> int:
        """Energy offered at a price [Wh]."""
        return sum(each.quantity_wh for each in self.orders if each.side == SELL and each.price_tick <= price_tick)

    def volume(self, price_tick: int) -> int:
        """Energy that can trade at a price [Wh]."""
        return min(self.demand(price_tick), self.supply(price_tick))

    def filled(self) -> Counter[int]:
        """Energy filled per order [Wh]."""
        filled: Counter[int] = Counter()
        for maker, taker, _, quantity in self.fills:
            filled[maker] += quantity
            filled[taker] += quantity
        return filled

    def by_id(self) -> dict[int, Bid]:
        """Orders by id."""
        return {each.order: each for each in self.orders}

    def sides(self, fill: tuple[int, ...]) -> tuple[Bid, Bid] | None:
        """Bid and ask of a fill; None if it is no such pair."""
        known = self.by_id()
        pair = [known[order] for order in fill[:2] if order in known]
        pair.sort(key=lambda each: -each.side)
        return (pair[0], pair[1]) if [each.side for each in pair] == [BUY, SELL] else None


def best_price(clearing: Clearing) -> int | None:
    """Find the price of the tie chain by trying every tick that could win; None where nothing can trade."""
    most, ticks = 0, list[int]()
    for tick in _ticks(clearing):
        volume = clearing.volume(tick)
        if volume > most:
            most, ticks = volume, []
        if volume == most and most:
            ticks.append(tick)
    if not ticks:
        return None
    surplus = {tick: clearing.demand(tick) - clearing.supply(tick) for tick in ticks}
    least = min(abs(each) for each in surplus.values())
    ticks = [tick for tick in ticks if abs(surplus[tick]) == least]
    if all(surplus[tick] > 0 for tick in ticks):
        return max(ticks)
    if all(surplus[tick] < 0 for tick in ticks):
        return min(ticks)
    if clearing.reference_tick is None:
        return min(ticks)
    reference = clearing.reference_tick
    return min(ticks, key=lambda tick: (abs(tick - reference), tick))


def _ticks(clearing: Clearing) -> Iterator[int]:
    """Every tick between the lowest and the highest limit; of far apart limits those where something can change."""
    prices = sorted({each.price_tick for each in clearing.orders})
    if not prices:
        return
    step = clearing.step_tick
    if (prices[-1] - prices[0]) // step <= _MOST_TICKS // max(1, len(clearing.orders)):
        yield from range(prices[0], prices[-1] + 1, step)
        return
    near = {price + away for price in prices for away in (-step, 0, step)}
    if clearing.reference_tick is not None:
        below = clearing.reference_tick - clearing.reference_tick % step
        near |= {below, below + step}
    yield from sorted(tick for tick in near if prices[0] <= tick <= prices[-1])


# --- the judges


def _most_volume(clearing: Clearing) -> Iterator[str]:
    price = best_price(clearing)
    most = 0 if price is None else clearing.volume(price)
    traded = sum(fill[3] for fill in clearing.fills)
    if traded != most:
        yield f"{traded} Wh trade, {most} could"
    if clearing.quantity_wh != traded:
        yield f"quantity_wh={clearing.quantity_wh}, but the fills add up to {traded}"


def _tie_chain(clearing: Clearing) -> Iterator[str]:
    price = best_price(clearing)
    if clearing.price_tick != price:
        yield f"it clears at {clearing.price_tick}, the tie chain says {price}"


def _one_price(clearing: Clearing) -> Iterator[str]:
    for fill in clearing.fills:
        pair = clearing.sides(fill)
        wanted = pair[0].price_tick if clearing.pay_as_bid and pair else clearing.price_tick
        if fill[2] != wanted:
            yield f"the fill of {fill[0]} and {fill[1]} is at {fill[2]}, not at {wanted}"


def _within_limits(clearing: Clearing) -> Iterator[str]:
    for fill in clearing.fills:
        pair = clearing.sides(fill)
        if pair is not None and not pair[1].price_tick <= fill[2] <= pair[0].price_tick:
            yield f"a fill at {fill[2]} is worse than bid {pair[0].price_tick} or ask {pair[1].price_tick}"


def _paid_is_received(clearing: Clearing) -> Iterator[str]:
    for fill in clearing.fills:
        if clearing.sides(fill) is None:
            yield f"the fill of {fill[0]} and {fill[1]} has not one bid and one ask of the auction"
        if fill[3] <= 0:
            yield f"a fill of {fill[3]} Wh"
    known = clearing.by_id()
    for order, quantity in clearing.filled().items():
        if order in known and quantity > known[order].quantity_wh:
            yield f"order {order} of {known[order].quantity_wh} Wh is filled with {quantity}"


def _margin_only(clearing: Clearing) -> Iterator[str]:
    """Better limits are filled in full; at the margin time or quantity decides, to the lot."""
    filled = clearing.filled()
    volume = sum(fill[3] for fill in clearing.fills)
    for side in (BUY, SELL):
        ranked = sorted(
            (each for each in clearing.orders if each.side == side), key=lambda each: -side * each.price_tick
        )
        price = clearing.price_tick
        wants = [] if price is None else [each for each in ranked if side * each.price_tick >= side * price]
        if clearing.price_tick is None and volume:
            wants = ranked
        expected = _shares(wants, min(volume, sum(each.quantity_wh for each in wants)), clearing)
        for each in ranked:
            if filled[each.order] != expected.get(each.order, 0):
                yield f"order {each.order} gets {filled[each.order]} Wh and is due {expected.get(each.order, 0)}"


def _shares(wants: list[Bid], left: int, clearing: Clearing) -> dict[int, int]:
    shares: dict[int, int] = {}
    for price in dict.fromkeys(each.price_tick for each in wants):
        level = [each for each in wants if each.price_tick == price]
        total = sum(each.quantity_wh for each in level)
        due = _pro_rata(level, left, total, clearing.lot_wh) if clearing.pro_rata and total > left else None
        for each in level:
            shares[each.order] = min(each.quantity_wh, left) if due is None else due[each.order]
            left -= shares[each.order]
    return shares


def _pro_rata(level: list[Bid], left: int, total: int, lot: int) -> dict[int, int]:
    """Whole lots rounded down, then one each by largest remainder, the earlier first."""
    due = {each.order: each.quantity_wh * (left // lot) // total * lot for each in level}
    order = sorted(level, key=lambda each: -(each.quantity_wh * (left // lot) % total))
    for each in order[: (left - sum(due.values())) // lot]:
        due[each.order] += lot
    return due


def _not_crossed(clearing: Clearing) -> Iterator[str]:
    filled = clearing.filled()
    left = [each for each in clearing.orders if each.quantity_wh > filled[each.order]]
    bid = max((each.price_tick for each in left if each.side == BUY), default=None)
    ask = min((each.price_tick for each in left if each.side == SELL), default=None)
    if bid is not None and ask is not None and bid >= ask:
        yield f"afterwards bid {bid} still meets ask {ask}"


def _oracle(clearing: Clearing) -> Iterator[str]:
    price = best_price(clearing)
    fair = Clearing(
        clearing.orders, price, 0, clearing.fills, clearing.reference_tick, clearing.pay_as_bid, clearing.pro_rata,
        clearing.floor_tick, clearing.cap_tick, clearing.step_tick, clearing.lot_wh,
    )  # fmt: skip
    for judge in (_most_volume, _tie_chain, _margin_only, _one_price):
        judged = clearing if judge in {_most_volume, _tie_chain} else fair
        yield from judge(judged)


@dataclass(frozen=True, slots=True)
class AuctionInvariant:
    """A law of the call auction.

    Parameters
    ----------
    name, meaning : str
        ``"A2"``, and the law in one sentence.
    judge : function
        Yields what is wrong with a `Clearing`.
    """

    name: str
    meaning: str
    judge: Callable[[Clearing], Iterator[str]]

    @property
    def needs(self) -> tuple[str, ...]:
        """An auction needs no doors; a book needs UNCROSS among its features."""
        return ()

    def check(self, auction: Any, orders: Any, reference_tick: Any = None, rule: str = "uniform") -> None:
        """Raise `Falsified` if an auction breaks this law with these orders.

        Of a book with UNCROSS: ``check(make_book, commands, features)``, as for the laws of the book.
        """
        if isinstance(orders, Commands) or isinstance(reference_tick, Features):
            from wattbook.testing.checking import hold

            hold(self.name, auction, orders, reference_tick)
            return
        orders = np.asarray(orders, dtype=np.int64).reshape(-1, len(Bid._fields))
        found = fault(auction, orders, reference_tick, rule, [self])
        if found is not None:
            law, text = found
            shown = auction_reproducer(auction, orders, reference_tick, rule)
            raise Falsified(law.name, f"{law.name}: {law.meaning}\n{text}\n\n{shown}", shown)


class _UnansweredError(Exception):
    """An auction raised, or gave something that is no answer."""


def fault(
    auction: Auction, orders: NDArray[np.int64], reference_tick: int | None, rule: str, laws: Iterable[AuctionInvariant]
) -> tuple[AuctionInvariant, str] | None:
    """Clear orders: the first of the laws that is broken, and how; `ANSWERED` where there is no answer to judge."""
    try:
        clearing = cleared(auction, orders, reference_tick, rule)
    except _UnansweredError as error:
        return ANSWERED, str(error)
    for law in laws:
        for text in law.judge(clearing):
            return law, text
    return None


def cleared(auction: Auction, orders: NDArray[np.int64], reference_tick: int | None, rule: str) -> Clearing:
    """Clear orders by the auction under test and note what it says."""
    try:
        answer = auction(orders.copy(), reference_tick, rule)
    except Exception as error:  # the auction under test is a stranger's code
        raise _UnansweredError(f"it raised {type(error).__name__}: {error}") from error
    try:
        rows = np.asarray(answer.fills).reshape(-1, len(FILL_COLUMNS)).tolist()
        fills = [tuple(map(index, row[2:])) for row in rows]
        price = None if answer.price_tick is None else index(answer.price_tick)
        quantity = index(answer.quantity_wh)
    except (AttributeError, TypeError, ValueError) as error:
        raise _UnansweredError(
            f"it answered with {type(answer).__name__}, not with price_tick, quantity_wh and fills "
            f"({', '.join(FILL_COLUMNS)}) in whole numbers: {error}"
        ) from error
    known = tuple(Bid(*row) for row in orders.tolist())
    return Clearing(known, price, quantity, fills, reference_tick, rule == "pay-as-bid")


def auction_reproducer(auction: Auction, orders: NDArray[np.int64], reference_tick: int | None, rule: str) -> str:
    """Python that clears these orders again."""
    name = getattr(auction, "__name__", "auction")
    rows = "".join(f"    {tuple(row)},\n" for row in orders.tolist())
    return (
        "import numpy as np\n"
        "orders = np.array([  # order, owner, side, price_tick, quantity_wh\n"
        f"{rows}], dtype=np.int64).reshape(-1, 5)\n"
        f"print({name}(orders, {reference_tick}, {rule!r}))"
    )


ANSWERED: Final = AuctionInvariant("ANSWERS", "Every auction is answered.", lambda _: iter(()))
"""What an auction breaks that raises, or answers with something else than a clearing."""

AUCTION_INVARIANTS: Final = (
    AuctionInvariant("A1", "The volume is the largest there is.", _most_volume),
    AuctionInvariant(
        "A2",
        "Of tied prices the chain picks one: least surplus, market pressure, nearest to the reference, lower tick.",
        _tie_chain,
    ),
    AuctionInvariant("A3", "All trade at one price; pay-as-bid at the buyer's limit.", _one_price),
    AuctionInvariant("A4", "Nobody trades worse than its limit.", _within_limits),
    AuctionInvariant("A5", "What is paid is received: every fill has one bid and one ask.", _paid_is_received),
    AuctionInvariant("A6", "Only the margin is rationed, by the rule, and sums are exact.", _margin_only),
    AuctionInvariant("A7", "Afterwards nothing crosses.", _not_crossed),
    AuctionInvariant("A8", "A search over all ticks finds the same price and the same quantities.", _oracle),
)
"""Laws of the call auction, in order."""


def book_failures(step: Step) -> Iterator[tuple[str, str]]:
    """Judge an UNCROSS of a book by the laws of the auction: (name, what is wrong)."""
    orders = tuple(
        Bid(each.order, each.owner, each.side, each.price_tick, each.remaining_wh) for each in step.queues
    )  # fmt: skip
    fills: list[tuple[int, ...]] = [
        (fill.maker, fill.taker, fill.price_tick, fill.quantity_wh) for fill in step.answer.fills
    ]
    features, flags = step.features, step.command.flags
    drawn = Clearing(
        orders, None, sum(fill[3] for fill in fills), fills, step.command.price_tick,
        bool(flags & Flag.PAY_AS_BID), bool(flags & Flag.PRO_RATA), features.floor_tick, features.cap_tick,
        features.step_tick, features.lot_wh,
    )  # fmt: skip
    # A book tells no clearing price: with one price for all the fills tell it.
    told = fills[0][2] if fills and not drawn.pay_as_bid else best_price(drawn)
    clearing = replace(drawn, price_tick=told)
    for each in AUCTION_INVARIANTS:
        yield from ((each.name, text) for text in each.judge(clearing))
