"""The command `bench`: finds the benchmarks and hands the rest of the command line to one of them.

They lie beside the package in a checkout and travel inside it in a wheel, as the scenarios do.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wattbook.errors import ConfigError, nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT: Final = "book"
_PACKAGE: Final = Path(__file__).resolve().parent.parent


def run_benchmark(arguments: Sequence[str]) -> int:
    """Carry out the benchmark that `arguments` begin with, or the book's, and return its exit code.

    Raises
    ------
    ConfigError
        If there is none of that name, or none at all.
    """
    named = bool(arguments) and not arguments[0].startswith("-")
    name, rest = (arguments[0], arguments[1:]) if named else (DEFAULT, arguments)
    folder = _folder()
    options = import_module(f"{folder}.options").OPTIONS
    if name not in options:
        raise ConfigError(f"no benchmark {name!r}{nearest(name, options)}: give one of {', '.join(options)}")
    wanted = options[name](list(rest), f"wattbook bench {name}")
    code: int = import_module(f"{folder}.{name}").main(wanted)
    return code


def _folder() -> str:
    """Name under which the benchmarks can be imported."""
    if (_PACKAGE / "benchmarks").is_dir():
        return "wattbook.benchmarks"
    root = _PACKAGE.parent.parent
    if not (root / "benchmarks" / "__init__.py").is_file():
        raise ConfigError("this installation came without its benchmarks: install the wheel, or run from a checkout")
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    return "benchmarks"
