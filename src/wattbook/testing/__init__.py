"""The property-test kit: hold your own book, auction, policy or run against the laws of the market.

`check_book`, `check_relation`, `check_auction`, `check_run` and `check_policy` draw from seeds, shrink what fails, and
raise `Falsified` with Python to paste. `strategies` and `BookMachine` are for Hypothesis, which they need; nothing else
here does. `Stub` and `stub_process` stand in for a language model's interface. Owns what must hold. Knows no private
name of any other room.

Everything is loaded when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from wattbook.testing.auditing import Audit
    from wattbook.testing.checking import INVARIANTS, OF_A_BOOK, Report, check_auction, check_book
    from wattbook.testing.checks_journal import Record, check_run
    from wattbook.testing.coverage import Cell, cells, missing, reachable, why_unreachable
    from wattbook.testing.driving import Command
    from wattbook.testing.equality import Differ, compare, compare_bulk
    from wattbook.testing.features import Features
    from wattbook.testing.generator import Commands, draw
    from wattbook.testing.invariants import Falsified
    from wattbook.testing.machine import BookMachine
    from wattbook.testing.policies import PolicyReport, check_policy
    from wattbook.testing.relations import RELATIONS, Relation, check_relation
    from wattbook.testing.shrinking import shrink
    from wattbook.testing.stub import Stub, stub_process
    from wattbook.testing.stub_behaviours import Behaviour, Bucket
    from wattbook.testing.weather import CALM, SETUPS, Setup, Weather

_FILES: Final = {
    "auditing": ("Audit",),
    "checking": ("INVARIANTS", "OF_A_BOOK", "Report", "check_auction", "check_book"),
    "checks_journal": ("Record", "check_run"),
    "coverage": ("Cell", "cells", "missing", "reachable", "why_unreachable"),
    "driving": ("Command",),
    "equality": ("Differ", "compare", "compare_bulk"),
    "features": ("Features",),
    "generator": ("Commands", "draw"),
    "invariants": ("Falsified",),
    "machine": ("BookMachine",),
    "policies": ("PolicyReport", "check_policy"),
    "relations": ("RELATIONS", "Relation", "check_relation"),
    "shrinking": ("shrink",),
    "stub": ("Stub", "stub_process"),
    "stub_behaviours": ("Behaviour", "Bucket"),
    "weather": ("CALM", "SETUPS", "Setup", "Weather"),
}
_FILE_OF: Final = {name: file for file, names in _FILES.items() for name in names}

__all__ = [
    "CALM",
    "INVARIANTS",
    "OF_A_BOOK",
    "RELATIONS",
    "SETUPS",
    "Audit",
    "Behaviour",
    "BookMachine",
    "Bucket",
    "Cell",
    "Command",
    "Commands",
    "Differ",
    "Falsified",
    "Features",
    "PolicyReport",
    "Record",
    "Relation",
    "Report",
    "Setup",
    "Stub",
    "Weather",
    "cells",
    "check_auction",
    "check_book",
    "check_policy",
    "check_relation",
    "check_run",
    "compare",
    "compare_bulk",
    "draw",
    "missing",
    "reachable",
    "shrink",
    "stub_process",
    "why_unreachable",
]
if find_spec("hypothesis") is None:
    __all__.remove("BookMachine")


def __getattr__(name: str) -> object:
    """Load a public name from its file (PEP 562); B1 - B23 and A1 - A8 are the invariants themselves."""
    if name == "BookMachine" and find_spec("hypothesis") is None:
        raise AttributeError(
            "wattbook.testing.BookMachine needs Hypothesis, which is not installed: pip install 'wattbook[testing]'"
        )
    if name in _FILE_OF:
        value: object = getattr(import_module(f"wattbook.testing.{_FILE_OF[name]}"), name)
    elif name[:1] in {"A", "B"} and name[1:].isdigit():
        value = import_module("wattbook.testing.checking").INVARIANTS.get(name)
    else:
        value = None
    if value is None:
        raise AttributeError(f"module 'wattbook.testing' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})
