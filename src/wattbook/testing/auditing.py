"""The audit: a book is given a stream, and every step of it is laid before the judges."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from wattbook.book import Kind
from wattbook.testing.checks_auction import book_failures
from wattbook.testing.checks_book import STEP_INVARIANTS
from wattbook.testing.driving import Driver
from wattbook.testing.invariants import Failure, Step
from wattbook.testing.shadow import Shadow

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from wattbook.testing.driving import Answer, Command, MakeBook
    from wattbook.testing.features import Features
    from wattbook.testing.shadow import Standing

ANSWERS: Final = "ANSWERS"
"""Name of the failure of a book that raises instead of answering."""


class Audit:
    """Feeds one book and judges each answer.

    Parameters
    ----------
    book : object
        An empty book, see `driving`.
    features : Features
        What it can do.
    names : collection of str
        Invariants to judge, out of B1 - B14, B16, B17, B23 and A1 - A7.
    look_every : int
        After how many commands everything that the book shows is looked at, and its state.
    """

    def __init__(self, book: Any, features: Features, names: Collection[str], look_every: int = 1) -> None:
        self.driver = Driver(book, features)
        self.features, self.names, self.look_every = features, set(names), look_every
        self.shadow = Shadow(features)
        self.number = -1
        self._judges = [each for each in STEP_INVARIANTS if each.name in self.names and self._can(each.needs)]
        self._auctions = {name for name in self.names if name.startswith("A")}
        self._state = self.driver.state()

    def _can(self, needs: Sequence[str]) -> bool:
        return all(hasattr(self.driver.book, name) for name in needs)

    def feed(self, command: Command) -> Iterator[Failure]:
        """Give the book one command; what does not hold afterwards."""
        self.number += 1
        try:
            answer = self.driver.carry_out(command)
        except Exception as error:  # noqa: BLE001  # the book under test is a stranger's code
            yield Failure(ANSWERS, self.number, f"it raised {type(error).__name__}: {error}")
            return
        step = self._step(command, answer)
        for each in self._judges:
            yield from (Failure(each.name, self.number, text) for text in each.judge(step))
        if command.kind == Kind.UNCROSS and answer.accepted and self._auctions:
            for name, text in book_failures(step):
                if name in self._auctions:
                    yield Failure(name, self.number, text)

    def _step(self, command: Command, answer: Answer) -> Step:
        shadow, looks = self.shadow, (self.number + 1) % self.look_every == 0
        target = shadow.live.get(command.order) if command.kind in {Kind.CANCEL, Kind.REPLACE} else None
        product = target.product if target is not None else command.product
        calling, resting, last_order = product in shadow.calling, len(shadow.live), shadow.last_order
        target = None if target is None else replace(target)
        queues, before = self._queues(command), set(shadow.live)
        moves = shadow.apply(command, answer)
        seen = self.driver.look() if looks else None
        changed = None
        if looks:
            state = self.driver.state()
            changed, self._state = state != self._state, state
        return Step(
            command, answer, calling, target, queues, resting, last_order, moves, shadow,
            frozenset(before - {move.order for move in moves}), seen, changed if self.look_every == 1 else None,
            self.features,
        )  # fmt: skip

    def _queues(self, command: Command) -> list[Standing]:
        """Copy the orders that the command is about, as they were before it."""
        shadow, chosen = self.shadow, []
        if command.kind == Kind.UNCROSS:
            chosen = shadow.orders(command.product)
        elif command.kind == Kind.EXPIRE:
            chosen = shadow.due(command.product, command.expire_ms)
        elif command.kind == Kind.CANCEL_OWNER:
            chosen = [each for each in shadow.live.values() if each.owner == command.owner]
        return [replace(each) for each in chosen]


def audit(
    make_book: MakeBook, commands: Sequence[Command], features: Features, names: Collection[str], look_every: int = 1
) -> Failure | None:
    """Feed a new book until something does not hold: the first failure, or None."""
    book_audit = Audit(make_book(), features, names, look_every)
    for command in commands:
        for failure in book_audit.feed(command):
            return failure
    return None
