"""What an invariant is: a name, a sentence, what it needs, and a judge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import ArrayLike

    from wattbook.testing.driving import Answer, Command, MakeBook, Seen
    from wattbook.testing.features import Features
    from wattbook.testing.generator import Commands
    from wattbook.testing.shadow import Move, Shadow, Standing


class Failure(NamedTuple):
    """An invariant that does not hold.

    Attributes
    ----------
    name : str
        Which.
    number : int
        Index of the command after which it failed; the last one where only the whole stream shows it.
    text : str
        What was found.
    """

    name: str
    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Step:
    """One command with all that is known before and after it.

    Attributes
    ----------
    command, answer : Command, Answer
        What was asked and said.
    calling : bool
        Whether the command's product was in its call phase before.
    target : Standing or None
        Of a CANCEL or REPLACE the order that it names, as it rested before.
    queues : list of Standing
        Before an UNCROSS the product's orders, bids then asks, in priority order; before an EXPIRE or CANCEL_OWNER
        the orders that it must take out; else empty.
    resting : int
        How many orders rested before.
    last_order : int
        Highest id accepted before.
    moves : list of Move
        What happened, in order.
    shadow : Shadow
        The second bookkeeping, after the command.
    untouched : frozenset of int
        Orders that rested before and that no move names.
    seen : Seen or None
        What the book shows afterwards; None where nobody looked.
    changed : bool or None
        Whether the book's state is another than before; None where nobody looked.
    features : Features
        What the book is said to be able to do.
    """

    command: Command
    answer: Answer
    calling: bool
    target: Standing | None
    queues: list[Standing]
    resting: int
    last_order: int
    moves: list[Move]
    shadow: Shadow
    untouched: frozenset[int]
    seen: Seen | None
    changed: bool | None
    features: Features


@dataclass(frozen=True, slots=True)
class StepInvariant:
    """An invariant that must hold after every command.

    Parameters
    ----------
    name, meaning : str
        ``"B3"``, and the law in one sentence.
    needs : tuple of str
        Doors that the book must have for it, e.g. ``("depth",)``; without them it cannot be judged.
    judge : function
        Yields what is wrong with a `Step`.
    """

    name: str
    meaning: str
    needs: tuple[str, ...]
    judge: Callable[[Step], Iterator[str]]

    def check(self, make_book: MakeBook, commands: Commands | ArrayLike, features: Features | None = None) -> None:
        """Raise `Falsified` if a new book breaks this one under `commands` (`Commands`, or rows of 8 or 10 numbers)."""
        from wattbook.testing.checking import hold

        hold(self.name, make_book, commands, features)


@dataclass(frozen=True, slots=True)
class StreamInvariant:
    """An invariant that several books under one stream show together.

    Parameters
    ----------
    name, meaning, needs :
        As for `StepInvariant`.
    judge : function
        Given a factory, a list of commands and the features: yields (index of a command, what is wrong).
    """

    name: str
    meaning: str
    needs: tuple[str, ...]
    judge: Callable[[MakeBook, list[Command], Features], Iterator[tuple[int, str]]]

    def check(self, make_book: MakeBook, commands: Commands | ArrayLike, features: Features | None = None) -> None:
        """Raise `Falsified` if new books break this one under `commands` (`Commands`, or rows of 8 or 10 numbers)."""
        from wattbook.testing.checking import hold

        hold(self.name, make_book, commands, features)


class Falsified(AssertionError):  # noqa: N818  # a finding, not somebody's mistake
    """A law that something under test breaks; the text holds a reproducer to paste.

    Attributes
    ----------
    name : str
        The invariant or relation.
    commands : list of Command
        Of a book the smallest stream found; else empty.
    reproducer : str
        Python that shows it.
    """

    def __init__(self, name: str, text: str, reproducer: str, commands: list[Command] | None = None) -> None:
        self.name, self.reproducer, self.commands = name, reproducer, commands or []
        super().__init__(text)
