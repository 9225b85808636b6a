"""Making a failing stream small: first fewer commands, then plainer ones, within a bounded time.

References
----------
The removal of ever smaller chunks follows the delta debugging of Zeller & Hildebrandt (2002), IEEE Transactions on
Software Engineering 28:183-200; we leave out the attempt to keep a single chunk, which here rarely helps.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from wattbook.book import Kind
from wattbook.testing.driving import Command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wattbook.testing.features import Features

    Fails = Callable[[list[Command]], bool]

_READ: Final = {
    Kind.SUBMIT: set(Command._fields),
    Kind.CANCEL: {"kind", "order", "owner"},
    Kind.REPLACE: {"kind", "order", "owner", "price_tick", "quantity_wh"},
    Kind.EXPIRE: {"kind", "product", "expire_ms"},
    Kind.CANCEL_OWNER: {"kind", "owner"},
    Kind.CALL: {"kind", "product"},
    Kind.UNCROSS: {"kind", "product", "price_tick", "flags"},
}
_NAMED: Final = {Kind.SUBMIT, Kind.CANCEL, Kind.REPLACE}


def shrink(commands: list[Command], fails: Fails, features: Features, seconds: float = 10.0) -> list[Command]:
    """Find a small stream that still fails.

    Parameters
    ----------
    commands : list of Command
        A stream that fails.
    fails : function
        Says whether a stream fails in the same way; it must not keep anything from one call to the next.
    features : Features
        Where quantities are multiples of a lot and prices of a step, and about which price to gather.
    seconds : float
        No new attempt begins later than this [s].

    Returns
    -------
    list of Command
        At worst the stream itself.
    """
    return _Shrinking(commands, fails, features, time.monotonic() + seconds).run()


class _Shrinking:
    def __init__(self, commands: list[Command], fails: Fails, features: Features, end: float) -> None:
        self.best, self.fails, self.features, self.end = commands, fails, features, end
        self.tried: set[tuple[Command, ...]] = set()

    def run(self) -> list[Command]:
        before: list[Command] = []
        while self.best != before and not self.late():
            before = self.best
            self.remove()
            for simpler in (_plain, _renamed, self.gathered):
                self.accept(simpler(self.best))
            self.simplify()
        return self.best

    def late(self) -> bool:
        return time.monotonic() > self.end

    def accept(self, candidate: list[Command]) -> bool:
        """Take a candidate that fails, too; the same one is not tried twice."""
        key = tuple(candidate)
        if candidate == self.best or key in self.tried or self.late():
            return False
        self.tried.add(key)
        if not self.fails(candidate):
            return False
        self.best = candidate
        return True

    def remove(self) -> None:
        """Take out chunks, from halves down to single commands, the last ones first."""
        size = max(1, len(self.best) // 2)
        while size and not self.late():
            start = len(self.best) - size
            while start > -size and not self.late():
                low = max(0, start)
                self.accept(self.best[:low] + self.best[start + size :])
                start -= size
            size //= 2

    def gathered(self, commands: list[Command]) -> list[Command]:
        """Prices closed up: the same order, one step apart, about 0 if that is in the band."""
        features = self.features
        priced = {Kind.SUBMIT, Kind.REPLACE}
        inside = {
            each.price_tick
            for each in commands
            if each.kind in priced and features.floor_tick <= each.price_tick <= features.cap_tick
        }
        prices = sorted(price for price in inside if price % features.step_tick == 0)
        first = min(max(0, features.floor_tick), features.cap_tick - features.step_tick * max(0, len(prices) - 1))
        first -= first % features.step_tick
        if first < features.floor_tick:
            return commands
        places = {price: first + place * features.step_tick for place, price in enumerate(prices)}
        return [
            each._replace(price_tick=places.get(each.price_tick, each.price_tick)) if each.kind in priced else each
            for each in commands
        ]

    def simplify(self) -> None:
        """Make single values smaller, as long as something gets smaller."""
        changed = True
        while changed and not self.late():
            changed = False
            for number in range(len(self.best)):
                changed |= self.smaller_somewhere(number)

    def smaller_somewhere(self, number: int) -> bool:
        tried = [self.smaller(number, name) for name in Command._fields if name not in {"kind", "order"}]
        return any(tried)

    def smaller(self, number: int, name: str) -> bool:
        command = self.best[number]
        for value in self.candidates(command, name):
            better = command._replace(**{name: value})
            if self.accept([*self.best[:number], better, *self.best[number + 1 :]]):
                return True
        return False

    def candidates(self, command: Command, name: str) -> Iterator[int]:
        """Values plainer than the present one, the plainest first."""
        value = getattr(command, name)
        lot, step = self.features.lot_wh, self.features.step_tick
        plain = {"quantity_wh": lot, "owner": 1, "side": value, "price_tick": self.features.floor_tick}.get(name, 0)
        unit = {"quantity_wh": lot, "price_tick": step, "display_wh": lot}.get(name, 1)
        if name == "price_tick" and self.features.floor_tick <= 0 <= self.features.cap_tick:
            plain = 0
        if name == "flags":
            yield from (value & ~bit for bit in (1, 2, 4, 8, 16, 32, 64) if value & bit)
            return
        if abs(value - plain) == 0:
            return
        yield plain
        # What is off the step or the lot stays off it by as much, or halving would mend what fails.
        half = plain + (value - plain) // 2 // unit * unit + (value - plain) % unit
        if abs(half - plain) < abs(value - plain):
            yield half
        if abs(value - plain) > unit:
            yield value - unit if value > plain else value + unit


def _plain(commands: list[Command]) -> list[Command]:
    """Zero in every column that a kind does not read."""
    plain = []
    for command in commands:
        read = _READ.get(Kind(command.kind) if command.kind in set(Kind) else Kind.SUBMIT, set())
        plain.append(command._replace(**{name: 0 for name in Command._fields if name not in read}))
    return plain


def _renamed(commands: list[Command]) -> list[Command]:
    """Orders 1, 2, 3 ... in the order of their ids, owners 1, 2, 3 ... as they appear."""
    ids = sorted({each.order for each in commands if each.kind in _NAMED and each.order > 0})
    orders = {order: place for place, order in enumerate(ids, start=1)}
    owners: dict[int, int] = {}
    renamed = []
    for each in commands:
        if each.kind in _NAMED or each.kind == Kind.CANCEL_OWNER:
            owner = owners.setdefault(each.owner, len(owners) + 1)
            renamed.append(each._replace(order=orders.get(each.order, each.order), owner=owner))
        else:
            renamed.append(each)
    return renamed
