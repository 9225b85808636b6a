"""A failing stream as Python that can be pasted."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from wattbook.book import BUY, COMMAND_COLUMNS, SELL, Kind
from wattbook.testing.driving import door, flag_names, keywords

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wattbook.testing.driving import Command
    from wattbook.testing.features import Features


def reproducer(make_book: Any, commands: Sequence[Command], features: Features, *, at_once: bool = False) -> str:
    """Write imports, a new book, and one call a line, at the door that was judged: `process` where the book has it.

    Parameters
    ----------
    make_book : class, function or partial
        Its name makes the book; a nameless one is called ``make_book``.
    commands : sequence of Command
        What to carry out.
    at_once : bool
        Whether one `process` has them all.
    """
    name, module, arguments = _factory(make_book)
    has_doors = not hasattr(make_book(), "process")
    if has_doors:
        lines = [_call(command, features) for command in commands if command.kind in set(Kind)]
    else:
        lines = [_batch(commands, features)] if at_once else [_row(command, features) for command in commands]
    body = "\n".join(lines)
    words = [word for word in ("BUY", "SELL", "Flag") if f"{word}." in body or f"={word}" in body]
    if module == "wattbook.book":
        words, module = [*words, name], ""
    imports = [f"from wattbook.book import {', '.join(words)}"] if words else []
    if not has_doors:
        imports.append("import numpy as np")
    if module:
        imports.append(f"from {module} import {name}")
    return "\n".join([*imports, *([""] if imports else []), f"book = {name}({arguments})", body])


def _factory(make_book: Any) -> tuple[str, str, str]:
    """Name, module and arguments of what makes the book."""
    arguments = ""
    if isinstance(make_book, partial):
        arguments = ", ".join(f"{key}={value!r}" for key, value in make_book.keywords.items())
        make_book = make_book.func
    name = getattr(make_book, "__qualname__", "make_book")
    if not name.isidentifier():
        return "make_book" if "lambda" in name else getattr(make_book, "__name__", "make_book"), "", arguments
    module = getattr(make_book, "__module__", "") or ""
    if module.startswith("wattbook.book"):
        module = "wattbook.book"
    return name, "" if module in {"__main__", "builtins"} else module, arguments


def _call(command: Command, features: Features) -> str:
    words = keywords(command, features)
    shown = []
    for key, value in words.items():
        if (key in {"product", "display_wh", "expire_ms"} and value == 0 and command.kind == Kind.SUBMIT) or (
            key == "flags" and value == 0
        ):
            continue
        text = str(value)
        if key == "side":
            text = {BUY: "BUY", SELL: "SELL"}.get(value, text)
        elif key == "flags":
            text = flag_names(value)
        shown.append(f"{key}={text}")
    return f"book.{door(command)}({', '.join(shown)})"


def _row(command: Command, features: Features) -> str:
    """One command as a batch of its own, as it was judged."""
    known = command.kind in set(Kind)
    wide = ""
    if features.icebergs or features.expiry:
        wide = f", display_wh=np.array([{command.display_wh}]), expire_ms=np.array([{command.expire_ms}])"
    row = f"book.process(np.array([{list(map(int, command[:8]))}]){wide})"
    return f"{row}  # {door(command)}" if known else row


def _batch(commands: Sequence[Command], features: Features) -> str:
    rows = "".join(f"    {tuple(command[:8])},\n" for command in commands)
    columns = ", ".join(COMMAND_COLUMNS)
    table = f"rows = np.array([  # {columns}\n{rows}], dtype=np.int64)"
    if not (features.icebergs or features.expiry):
        return f"{table}\nbook.process(rows)"
    display, expire = [command.display_wh for command in commands], [command.expire_ms for command in commands]
    return (
        f"{table}\nbook.process(rows, display_wh=np.array({display}, dtype=np.int64), "
        f"expire_ms=np.array({expire}, dtype=np.int64))"
    )
