"""B18 - B22: what several books under one stream show together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wattbook.book import Kind, ReferenceBook
from wattbook.testing.driving import Answer, Driver
from wattbook.testing.invariants import StreamInvariant

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wattbook.testing.driving import Command, MakeBook
    from wattbook.testing.features import Features

_WIDTHS: Final = (7, 1, 64)
_MOVES: Final = 5


def answers_of(make_book: MakeBook, commands: Sequence[Command], features: Features) -> tuple[list[Answer], Driver]:
    """Ask a new book: its answers, command by command, and its driver afterwards."""
    driver = Driver(make_book(), features)
    return [driver.carry_out(command) for command in commands], driver


def _shown(driver: Driver) -> object:
    """State and, where there are such, bytes of the book."""
    exported = driver.book.export() if hasattr(driver.book, "export") else None
    return driver.state(), exported


def _first_difference(ours: Sequence[Answer], theirs: Sequence[Answer]) -> Iterator[tuple[int, str]]:
    """Where answers differ in something that both tell."""
    for number, (one, other) in enumerate(zip(ours, theirs, strict=True)):
        for name in ("code", "fills", "events", "resting_wh"):
            a, b = getattr(one, name), getattr(other, name)
            if a is not None and b is not None and a != b:
                yield number, f"{name} {_plain(a)} against {_plain(b)}"
                return


def _plain(value: object) -> object:
    return [tuple(each) for each in value] if isinstance(value, list) else value


def _same_again(make_book: MakeBook, commands: list[Command], features: Features) -> Iterator[tuple[int, str]]:
    one, its_driver = answers_of(make_book, commands, features)
    other, other_driver = answers_of(make_book, commands, features)
    yield from _first_difference(one, other)
    if _shown(its_driver) != _shown(other_driver):
        yield len(commands) - 1, "the same commands left two books in different states"


def _any_batching(make_book: MakeBook, commands: list[Command], features: Features) -> Iterator[tuple[int, str]]:
    whole = Driver(make_book(), features)
    at_once = whole.answers(whole.process(commands), len(commands))
    for width in _WIDTHS:
        driver, parts = Driver(make_book(), features), list[Answer]()
        for start in range(0, len(commands), width):
            part = commands[start : start + width]
            parts += driver.answers(driver.process(part), len(part))
        for number, text in _first_difference(at_once, parts):
            yield number, f"in one batch and in batches of {width}: {text}"
        if _shown(driver) != _shown(whole):
            yield len(commands) - 1, f"one batch and batches of {width} left books in different states"


def _equals_the_reference(
    make_book: MakeBook, commands: list[Command], features: Features
) -> Iterator[tuple[int, str]]:
    driver, told = Driver(make_book(), features), Driver(ReferenceBook(**features.terms), features)
    for number, command in enumerate(commands):
        ours, theirs = driver.carry_out(command), told.carry_out(command)
        if ours.code == -1:  # it said no without a reason
            theirs = theirs._replace(code=-1 if theirs.code else 0)
        for _, text in _first_difference([ours], [theirs]):
            yield number, f"it says {text} of the reference"
            return
        ours_shown, theirs_shown = driver.look(), told.look()
        for name in ("orders", "best"):
            a, b = getattr(ours_shown, name), getattr(theirs_shown, name)
            if a is not None and a != b:
                yield number, f"{name} {a} against {b} of the reference"
                return
        if hasattr(driver.book, "export") and driver.book.export() != told.book.export():
            yield number, "it exports other bytes than the reference"
            return


def _export_anywhere(make_book: MakeBook, commands: list[Command], features: Features) -> Iterator[tuple[int, str]]:
    steady, moving = Driver(make_book(), features), Driver(make_book(), features)
    every = max(1, len(commands) // _MOVES)
    for number, command in enumerate(commands):
        if number % every == every - 1:
            state = moving.book.export()
            moving = Driver(type(moving.book).restore(state), features)
            if moving.book.export() != state:
                yield number, "a restored book exports other bytes than it was restored from"
                return
        one, other = steady.carry_out(command), moving.carry_out(command)
        for _, text in _first_difference([one], [other]):
            yield number, f"a restored book answers differently: {text}"
            return
    if _shown(steady) != _shown(moving):
        yield len(commands) - 1, "a restored book ends in another state"


def accepted_only(make_book: MakeBook, commands: Sequence[Command], features: Features) -> list[Command]:
    """Commands that the book takes."""
    answers, _ = answers_of(make_book, commands, features)
    return [command for command, answer in zip(commands, answers, strict=True) if answer.accepted]


def _products_independent(
    make_book: MakeBook, commands: list[Command], features: Features
) -> Iterator[tuple[int, str]]:
    taken = accepted_only(make_book, commands, features)
    answers, _ = answers_of(make_book, taken, features)
    named = {Kind.SUBMIT, Kind.EXPIRE, Kind.CALL, Kind.UNCROSS}
    for product in range(features.products):
        chosen = [i for i, command in enumerate(taken) if command.kind not in named or command.product == product]
        alone, _ = answers_of(make_book, [taken[i] for i in chosen], features)
        for i, answer in zip(chosen, alone, strict=True):
            ours = _of_product(answers[i], product)
            theirs = _of_product(answer, product)
            if ours != theirs:
                yield commands.index(taken[i]), f"product {product} beside others trades {ours}, alone {theirs}"
                return


def _of_product(answer: Answer, product: int) -> Any:
    fills = [tuple(fill) for fill in answer.fills if fill.product == product]
    events = [tuple(event) for event in answer.events or [] if event.product == product]
    return fills, events


STREAM_INVARIANTS: Final = (
    StreamInvariant("B18", "The same commands give the same bytes.", (), _same_again),
    StreamInvariant("B19", "Any batching gives the same events.", ("process",), _any_batching),
    StreamInvariant(
        "B20", "The book equals `ReferenceBook` in all that it tells and shows.", (), _equals_the_reference
    ),
    StreamInvariant(
        "B21", "Exported and restored anywhere, a book goes on alike.", ("export", "restore"), _export_anywhere
    ),
    StreamInvariant("B22", "A product trades as if the others did not exist.", (), _products_independent),
)
"""Invariants that need a whole stream."""
