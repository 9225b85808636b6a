"""The house keeps its shape: imports walk downstairs, heavy libraries stay in their rooms, words stay clean."""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "wattbook"
FLOORS = (
    {"units", "messages", "oversight", "decisions", "errors", "chance", "compiled", "records"},
    {"journal"},
    {"book", "contracts", "assets", "data", "ledger"},
    {"market", "regulator", "policies", "broker"},
    {"world", "results"},
    {"scenario"},
    {"study", "testing"},
    {"cli"},
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
# Who may import a library; anything not named may be imported anywhere.
ROOMS_OF = {
    "simpy": {"world"},
    "polars": {"results", "data", "study"},
    "anthropic": {"broker"},
    "scipy": {"scenario"},  # the optimum over the horizon, an extra
    "pydantic": {"scenario"},
    "typer": {"cli"},
    "rich": {"cli"},
    "hypothesis": {"testing"},
    "sortedcontainers": {"book"},
    "pickle": set(),
    "random": set(),
}
FILES = sorted(PACKAGE.rglob("*.py"))


def room_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path):
    """Yield (top-level library, room of wattbook or None) for every import anywhere in a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            assert not isinstance(node, ast.ImportFrom), f"{path}: relative import"
            continue
        for name in names:
            parts = name.split(".")
            yield parts[0], parts[1] if parts[0] == "wattbook" and len(parts) > 1 else None


def test_every_room_stands_on_a_floor():
    rooms = {room_of(path) for path in FILES} - {"__init__", "__main__", "scenarios"}
    assert rooms == set(FLOOR), "a room without a floor, or a floor without its room"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_walk_downstairs(path):
    room = room_of(path)
    if room in {"__init__", "__main__", "scenarios"}:
        return
    for _, target in imports(path):
        if target is None or target == room or target.startswith("__"):
            continue
        assert target in FLOOR, f"{path.name} imports wattbook.{target}, which is no room"
        below = FLOOR[target] < FLOOR[room] or FLOOR[room] == 0
        assert below, f"{room} (floor {FLOOR[room]}) imports {target} (floor {FLOOR[target]})"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_heavy_libraries_stay_in_their_rooms(path):
    for library, _ in imports(path):
        if library in ROOMS_OF:
            assert room_of(path) in ROOMS_OF[library], f"{path.name} imports {library}"


def test_numba_is_imported_by_kernels_chance_and_policies_only():
    with_numba = {str(p.relative_to(PACKAGE)) for p in FILES if "numba" in {library for library, _ in imports(p)}}
    strangers = {
        name for name in with_numba if "kernel" not in name and name not in {"chance.py", "compiled.py"}
        and not name.startswith("policies/")
    }  # fmt: skip
    assert strangers <= {"cli/app.py", "scenario/running.py"}, strangers


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_words_that_do_not_belong(path):
    text = path.read_text(encoding="utf-8")
    for word in (r"\bTODO\b", r"\bFIXME\b", r"\bXXX\b", r"(?<!\.)\beval\(", r"(?<!\.)\bexec\(", r"\byaml\.load\b"):
        assert not re.search(word, text), f"{path.name}: {word}"


def test_anything_is_caught_only_where_strangers_code_runs_and_at_the_last_line_before_the_user():
    guilty = {room_of(p) for p in FILES if re.search(r"except\s+\(?(Base)?Exception\b|except\s*:", p.read_text())}
    strangers = "a policy, a user's script, a book or policy under test, the command line's end"
    assert guilty == {"world", "scenario", "testing", "cli"}, strangers
