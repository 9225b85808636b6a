"""Compiled kernels follow their sources: a stale one would be silently wrong."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import wattbook
from wattbook import compiled

PACKAGE = Path(wattbook.__file__).parent
KERNEL = """
from numba import njit
from wattbook.leaf import leaf
@njit(cache=True)
def kernel():
    return leaf()
"""
LEAF = "from numba import njit\n@njit(cache=True)\ndef leaf():\n    return {}\n"
ASK = "import os, wattbook.kernel_of_test as k; print(k.kernel(), os.environ['NUMBA_CACHE_DIR'])"


@pytest.fixture
def copy(tmp_path):
    """Give a copy of the package's first floor with a kernel that calls a leaf in another file."""
    package = tmp_path / "wattbook"
    package.mkdir()
    for name in ("__init__", "compiled", "errors"):
        shutil.copy(PACKAGE / f"{name}.py", package)
    (package / "kernel_of_test.py").write_text(KERNEL)
    (package / "leaf.py").write_text(LEAF.format(1))
    return package


def ask(copy, code=ASK, **environment):
    """Carry out `code` with the copied package; the cache lies beside it."""
    given = {key: value for key, value in os.environ.items() if key not in {"NUMBA_CACHE_DIR", "NUMBA_DISABLE_JIT"}}
    given |= {"PYTHONPATH": str(copy.parent), "XDG_CACHE_HOME": str(copy.parent / "cache"), **environment}
    ended = subprocess.run([sys.executable, "-c", code], env=given, capture_output=True, text=True, check=True)
    return ended.stdout.split()


def test_a_kernel_follows_an_edit_of_a_leaf_in_another_file(copy):
    first, cache = ask(copy)
    assert first == "1"
    assert list(Path(cache).rglob("*.nbi"))
    (copy / "leaf.py").write_text(LEAF.format(2))
    second, other = ask(copy)
    assert second == "2"
    assert other != cache


def test_the_folder_is_the_users_own_and_closed_to_others(copy):
    cache = Path(ask(copy)[1])
    assert cache.parent == copy.parent / "cache" / "wattbook"
    assert cache.stat().st_uid == os.getuid()
    assert cache.stat().st_mode & 0o077 == 0


def test_a_folder_that_others_could_write_is_not_trusted(copy):
    cache = Path(ask(copy)[1])
    cache.chmod(0o777)
    assert Path(ask(copy, TMPDIR=str(copy.parent))[1]).parent.parent == copy.parent


def test_a_link_in_its_place_is_not_trusted(copy):
    cache = Path(ask(copy)[1])
    shutil.rmtree(cache)
    (copy.parent / "trap").mkdir()
    cache.symlink_to(copy.parent / "trap")
    assert Path(ask(copy, TMPDIR=str(copy.parent))[1]).parent.parent == copy.parent


def test_a_folder_of_the_users_choice_is_the_parent_and_never_nested(copy):
    mine = copy.parent / "mine"
    cache = ask(copy, NUMBA_CACHE_DIR=str(mine))[1]
    assert Path(cache).parent == mine
    assert ask(copy, NUMBA_CACHE_DIR=cache)[1] == cache


def test_numba_learns_of_the_folder_even_if_it_was_imported_first(copy):
    code = "import numba, wattbook; print(numba.config.CACHE_DIR == __import__('os').environ['NUMBA_CACHE_DIR'])"
    assert ask(copy, code) == ["True"]


def test_any_room_may_be_imported_first(copy):
    assert ask(copy, "import wattbook.leaf, os; print('NUMBA_CACHE_DIR' in os.environ)") == ["True"]


def test_an_edit_of_the_command_line_leaves_kernels_alone(copy):
    cache = ask(copy)[1]
    (copy / "cli").mkdir()
    (copy / "cli" / "__init__.py").write_text("x = 1\n")
    assert ask(copy)[1] == cache


def test_a_cold_cache_is_told_from_a_warm_one(copy):
    code = "from wattbook import compiled; print(compiled.is_cold())"
    assert ask(copy, code) == ["True"]
    ask(copy)
    assert ask(copy, code) == ["False"]


def test_folders_of_other_versions_are_pruned_and_our_own_stays(copy):
    old = Path(ask(copy)[1])
    (copy / "leaf.py").write_text(LEAF.format(2))
    new = Path(ask(copy)[1])
    prune = "from wattbook import compiled; print(compiled.prune())"
    assert ask(copy, prune) == ["0"], "another program may run from it right now"
    assert old.exists()
    week_ago = old.stat().st_mtime - 8 * 86_400
    os.utime(old, (week_ago, week_ago))
    assert ask(copy, prune) == ["1"]
    assert not old.exists()
    assert new.exists()


def test_the_digest_is_the_same_from_call_to_call():
    assert compiled.source_digest() == compiled.source_digest()


def test_every_public_name_can_be_loaded_and_is_listed():
    for name in wattbook.__all__:
        assert getattr(wattbook, name) is not None
        assert name in dir(wattbook)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        wattbook.nothing  # noqa: B018
