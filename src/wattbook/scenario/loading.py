"""From a script's path, or the name of a shipped scenario, to the scenario in it.

Owns where scripts lie and what is said when one cannot be used. A script is an ordinary Python module: reading it
runs it.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wattbook.errors import ConfigError, UnitError, WattbookError, collecting, nearest
from wattbook.scenario.model import Scenario

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

VARIABLE: Final = "scenario"
SUFFIX: Final = ".py"
_PACKAGE: Final = Path(__file__).resolve().parent.parent


def shipped_scenarios() -> dict[str, Path]:
    """Scripts that travel with wattbook, by name: beside the package in a checkout, inside it in a wheel."""
    folders = (_PACKAGE / "scenarios", _PACKAGE.parent.parent / "scenarios")
    folder = next((folder for folder in folders if folder.is_dir()), folders[0])
    return {path.stem: path for path in sorted(folder.glob(f"*{SUFFIX}")) if not path.stem.startswith("_")}


def load_scenario(name: str | Path) -> Scenario:
    """Read the scenario of a script; one without a name takes the script's.

    Parameters
    ----------
    name : str or Path
        A script's path, or the name of a shipped scenario such as ``"neighbourhood"``; ``"seed-1"`` and ``"seed_1"``
        are the same.

    Raises
    ------
    ConfigError
        If there is no such script, it fails, or it makes no variable `scenario`; with all problems of its parts.
    DataError
        If the script reads data that cannot be used.
    """
    path = find_script(name).resolve()
    scenario = _read(path)
    return scenario if scenario.name else scenario.named(path.stem)


def find_script(name: str | Path) -> Path:
    """Find the script that `name` means.

    Raises
    ------
    ConfigError
        If there is none; it names the nearest.
    """
    shipped = shipped_scenarios()
    if (known := str(name).replace("-", "_")) in shipped:
        return shipped[known]
    path = Path(name)
    if path.is_file() and path.suffix == SUFFIX:
        return path
    if path.is_file():
        raise ConfigError(f"{str(name)!r} is not a Python script: a scenario's file ends in {SUFFIX}")
    if path.is_dir():
        raise ConfigError(f"{str(name)!r} is a folder: give the script in it")
    if path.suffix == SUFFIX or os.sep in str(name):
        siblings = [sibling.name for sibling in path.parent.glob(f"*{SUFFIX}")] if path.parent.is_dir() else []
        raise ConfigError(f"no scenario script {str(name)!r}{nearest(path.name, siblings)}")
    raise ConfigError(
        f"no scenario {str(name)!r}{nearest(str(name), shipped)}: give a script's path or one of {', '.join(shipped)}"
    )


def _read(path: Path) -> Scenario:
    """Run a script and take its scenario."""
    with collecting() as collected:
        module = _run(path, collected)
    if collected:
        raise ConfigError(collected)
    found = getattr(module, VARIABLE, None)
    if isinstance(found, Scenario):
        return found
    if found is not None:
        raise ConfigError(f"{path.name}: {VARIABLE} is a {type(found).__name__}: write {VARIABLE} = Scenario(...)")
    others = [name for name, value in vars(module).items() if isinstance(value, Scenario)]
    hint = f": rename {others[0]!r}" if others else f": write {VARIABLE} = Scenario(...)"
    raise ConfigError(f"{path.name} has no variable {VARIABLE!r}{hint}")


def _run(path: Path, collected: list[str]) -> ModuleType:
    """Run a script as a module; everything that it raises becomes a mistake of its author's."""
    spec = importlib.util.spec_from_file_location(f"wattbook_script_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        with _as_script(path, module):
            spec.loader.exec_module(module)
    except (ConfigError, UnitError) as fault:
        said = fault.problems if isinstance(fault, ConfigError) else (str(fault),)
        where = _line(fault, path)
        fresh = [problem if problem.startswith(f"{path.name}:") else f"{where}: {problem}" for problem in said]
        raise ConfigError(dict.fromkeys([*collected, *fresh])) from fault
    except SyntaxError as fault:
        raise ConfigError(f"{Path(fault.filename or path).name}:{fault.lineno}: {fault.msg}") from fault
    except SystemExit as fault:
        raise ConfigError(
            [*collected, f"{_line(fault, path)}: the script ends itself: make {VARIABLE} first"]
        ) from fault
    except WattbookError:
        raise
    except Exception as fault:  # a user's script may raise anything
        raise ConfigError([*collected, f"{_line(fault, path)}: {type(fault).__name__}: {fault}"]) from fault
    return module


@contextlib.contextmanager
def _as_script(path: Path, module: ModuleType) -> Iterator[None]:
    """Let a script import its neighbours, as it could when run by itself; keep what it prints out of our results."""
    bytecode, folder = sys.dont_write_bytecode, str(path.resolve().parent)
    sys.dont_write_bytecode = True  # a script edited twice in one second must not be read from a stale cache
    sys.path.insert(0, folder)
    sys.modules[module.__name__] = module
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        sys.dont_write_bytecode = bytecode
        if folder in sys.path:
            sys.path.remove(folder)


def _line(fault: BaseException, path: Path) -> str:
    """Name the script's line that an exception went through."""
    lines = [frame.lineno for frame in traceback.extract_tb(fault.__traceback__) if Path(frame.filename) == path]
    return f"{path.name}:{lines[-1]}" if lines else path.name
